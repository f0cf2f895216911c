//! One job over HTTP: its request, and what the answer means.

use super::line::Line;
use super::{Shared, now};
use crate::live::clock::Clock;
use crate::live::target::Job;
use crate::live::told::{Names, json};
use crate::model::target::{Answer, HttpRequest, Template};
use crate::outcome::Outcome;
use crate::workload::trace::Fate;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Response};
use std::time::{Duration, Instant};

/// How much of an answer that is no success is kept to be shown.
const SHOWN: usize = 160;

/// How a job ended.
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) detail: String,
    pub(super) at: Instant,
}

/// A job's request, with its templates filled.
pub(super) struct Request<'s> {
    spec: &'s HttpRequest,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    timeout: Option<Duration>,
}

/// Why there is no answer.
struct Lost {
    answer: Answer,
    detail: String,
}

impl Lost {
    fn broken(detail: impl Into<String>) -> Lost {
        Lost { answer: Answer::Broken, detail: detail.into() }
    }
}

impl<'s> Request<'s> {
    /// Fills the templates.
    pub(super) fn of(job: &Job, spec: &'s HttpRequest, names: &Names, clock: &Clock) -> Request<'s> {
        let demand = clock.real(job.demand).as_secs_f64();
        let value = |field| names.value(field, job, demand, fate_name(job.fate));
        let fill = |template: &Template, code: fn(&str) -> String| template.fill(|field| code(&value(field)));
        let headers = spec.headers.iter().map(|(name, text)| (name.clone(), fill(text, visible)));
        Request {
            spec,
            method: Method::from_bytes(spec.method.as_bytes()).unwrap_or_default(),
            path: fill(&spec.path, percent),
            headers: headers.collect(),
            body: Bytes::from(fill(&spec.body, json)),
            timeout: (!spec.timeout.is_never()).then(|| clock.real(spec.timeout)),
        }
    }

    /// Sends it and reads the answer to its last byte.
    pub(super) async fn exchange(&self, shared: &Shared, since: Instant) -> End {
        let answer = self.answer(shared, since);
        let answer = match self.timeout {
            Some(timeout) => {
                // In the model's time, as all that stands beside it.
                let limit = Duration::from_nanos(self.spec.timeout.nanos());
                let late = |_| {
                    let detail = format!("no answer after {limit:?}");
                    Err(Lost { answer: Answer::Late, detail })
                };
                tokio::time::timeout(timeout, answer).await.unwrap_or_else(late)
            }
            None => answer.await,
        };
        let at = now();
        let (answer, detail) = match answer {
            Ok((status, detail)) => (Answer::Status(status), detail),
            Err(lost) => (lost.answer, lost.detail),
        };
        End { outcome: self.spec.outcome(answer), detail, at }
    }

    /// Status, and what there is to show of the answer.
    async fn answer(&self, shared: &Shared, since: Instant) -> Result<(u16, String), Lost> {
        let mut line = match shared.lines.take_idle().await {
            Some(line) => line,
            None => self.connect(shared).await?,
        };
        shared.note_handing(since, now());
        let response = loop {
            let message = self.message(shared)?;
            match line.sender.try_send_request(message).await {
                Ok(response) => break response,
                // An idle line that the service was just closing gives the message back unsent.
                Err(mut refused) => match refused.take_message() {
                    Some(_) => line = self.connect(shared).await?,
                    None => return Err(Lost::broken(cause(&refused.into_error()))),
                },
            }
        };
        let status = response.status().as_u16();
        let body = read(response, shared.settings.response_max).await?;
        shared.lines.put_back(line);
        Ok((status, shown(status, &body)))
    }

    async fn connect(&self, shared: &Shared) -> Result<Line, Lost> {
        let lost = |detail| Lost { answer: Answer::NoConnection, detail };
        shared.lines.connect().await.map_err(lost)
    }

    fn message(&self, shared: &Shared) -> Result<hyper::Request<Full<Bytes>>, Lost> {
        let url = &shared.settings.url;
        let mut message = hyper::Request::builder()
            .method(self.method.clone())
            .uri(format!("{}{}", url.path, self.path))
            .header(HOST, &url.authority);
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name == wanted);
        if !has("user-agent") {
            message = message.header(USER_AGENT, concat!("poolsim/", env!("CARGO_PKG_VERSION")));
        }
        if !has("content-type") && self.body.first().is_some_and(|first| b"{[".contains(first)) {
            message = message.header(CONTENT_TYPE, "application/json");
        }
        if !shared.settings.keep_alive {
            message = message.header(CONNECTION, "close");
        }
        for (name, value) in &self.headers {
            message = message.header(name, value);
        }
        let message = message.body(Full::new(self.body.clone()));
        message.map_err(|error| Lost::broken(format!("the request cannot be sent: {error}")))
    }
}

/// The beginning of a body, once all of it is there.
async fn read(response: Response<Incoming>, most: u64) -> Result<Vec<u8>, Lost> {
    let (mut body, mut read, mut kept) = (response.into_body(), 0, Vec::new());
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Lost::broken(format!("the answer broke off: {}", cause(&error))))?;
        let Some(data) = frame.data_ref() else { continue };
        read += data.len() as u64;
        if read > most {
            return Err(Lost::broken(format!("the answer is longer than {most} bytes")));
        }
        let room = (4 * SHOWN).saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(room)]);
    }
    Ok(kept)
}

/// The status, with the beginning of an answer that is no success.
fn shown(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    match status {
        200..=299 => status.to_string(),
        _ if text.is_empty() => status.to_string(),
        _ => format!("{status}: {text}"),
    }
}

/// What lies at the bottom of an error.
fn cause(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut inner = std::error::Error::source(error);
    while let Some(error) = inner {
        text = match error.downcast_ref::<std::io::Error>() {
            Some(io) => super::line::plain(io),
            None => error.to_string(),
        };
        inner = error.source();
    }
    text
}

/// The word for a fate.
fn fate_name(fate: Fate) -> &'static str {
    Fate::NAMES.iter().find(|(_, one)| *one == fate).map_or("ok", |(name, _)| name)
}

/// A value in a path.
fn percent(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A value in a header.
fn visible(value: &str) -> String {
    if value.chars().all(|c| c.is_ascii() && !c.is_control()) { value.to_owned() } else { percent(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_where_they_stand() {
        assert_eq!(percent("a b/ü"), "a%20b%2F%C3%BC");
        assert_eq!(visible("short"), "short");
        assert_eq!(visible("kurz ü"), "kurz%20%C3%BC");
        assert_eq!(shown(500, b" {\"e\":\n1}"), "500: {\"e\": 1}");
        assert_eq!(shown(204, b"x"), "204");
    }
}
