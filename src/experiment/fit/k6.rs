//! Results of k6 as requests.
//!
//! k6 writes one point for each request and metric; `time` of `http_req_duration` is when the request *ended*, so
//! the duration is taken off to find when it was sent. Its CSV has whole seconds unless K6_CSV_TIME_FORMAT says
//! otherwise: requests of one second are then spread evenly over it, which says nothing of gaps below a second (k6
//! documentation, "Results output": JSON, CSV). A request that k6 gave up (error code 1050) was waited for as long as k6
//! waits, which says nothing of its work.
//!
//! Whether virtual users waited for their answers is asked in `users`.

mod users;

use super::read::{self, Fault};
use super::{Recording, Row};
use crate::outcome::Outcome;
use crate::workload::trace;
use serde_json::Value;
use std::collections::BTreeMap;

/// k6's code of a request that it gave up.
const TIMED_OUT: &str = "1050";

/// A request.
#[derive(Clone, Debug, Default)]
struct Request {
    /// When it ended, seconds since the first point.
    end: f64,
    /// How long it took, seconds.
    took: f64,
    name: String,
    outcome: Option<Outcome>,
    /// Its virtual user and that one's iteration, where the file has them.
    vu: Option<String>,
    iteration: Option<String>,
}

impl Request {
    fn sent(&self) -> f64 {
        self.end - self.took
    }
}

/// What a file has.
#[derive(Clone, Debug, Default)]
struct Seen {
    requests: Vec<Request>,
    /// Virtual users present: (seconds since the first point, number).
    vus: Vec<(f64, f64)>,
    /// How long each iteration took, seconds.
    iterations: Vec<f64>,
    /// Iterations for which there was no user: only executors that hold a rate have them.
    dropped: bool,
    /// The executor, where a tag names it.
    executor: Option<String>,
}

/// Metrics that are looked at: milliseconds, or numbers.
const USED: [&str; 4] = ["http_req_duration", "vus", "iteration_duration", "dropped_iterations"];

/// No request takes longer, seconds: a year.
const TOOK_MAX: f64 = 31_536_000.0;

/// One point, however it is written.
struct Point<'a> {
    metric: &'a str,
    time: f64,
    value: f64,
    tag: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl Seen {
    /// Takes a point in, or says what is wrong with its value.
    fn take(&mut self, point: &Point<'_>) -> Result<(), String> {
        // Metrics of users may have any value, and are passed over.
        if USED.contains(&point.metric) && !(0.0..=TOOK_MAX * 1e3).contains(&point.value) {
            return Err(format!("{} cannot be {}", point.metric, point.value));
        }
        let named = (point.tag)("executor").or_else(|| (point.tag)("scenario"));
        let known = named.filter(|name| users::EXECUTORS.iter().any(|(executor, _)| executor == name));
        self.executor = known.map(str::to_owned).or_else(|| self.executor.take());
        match point.metric {
            "http_req_duration" => self.requests.push(request(point)),
            "vus" => self.vus.push((point.time, point.value)),
            "iteration_duration" => self.iterations.push(point.value / 1e3),
            "dropped_iterations" => self.dropped |= point.value > 0.0,
            _ => {}
        }
        Ok(())
    }
}

fn request(point: &Point<'_>) -> Request {
    let tag = |name: &str| (point.tag)(name).filter(|text| !text.is_empty());
    let outcome = match (tag("error_code"), tag("expected_response")) {
        (Some(TIMED_OUT), _) => Some(Outcome::Timeout),
        (_, Some("true")) => Some(Outcome::Ok),
        (_, Some(_)) => Some(Outcome::Error),
        _ => None,
    };
    Request {
        end: point.time,
        took: point.value / 1e3,
        name: tag("name").unwrap_or("request").to_owned(),
        outcome,
        vu: tag("vu").map(str::to_owned),
        iteration: tag("iter").map(str::to_owned),
    }
}

const JSON_HINT: &str = "is it a whole output of k6 --out json?";
const CSV_HINT: &str = "is it a whole output of k6 --out csv?";

pub(super) fn json(bytes: &[u8]) -> Result<Recording, Fault> {
    let (mut seen, mut notes) = (Seen::default(), Vec::new());
    let mut first = None;
    let mut elements = trace::elements(bytes).peekable();
    while let Some(element) = elements.next() {
        let failed = |why: String| (format!("line {}: {why}", element.line), JSON_HINT.to_owned());
        let value: Value = match serde_json::from_slice(element.text) {
            Ok(value) => value,
            Err(error) if error.is_eof() && elements.peek().is_none() => {
                notes.push(cut_off(element.line));
                break;
            }
            Err(error) => return Err(failed(error.to_string())),
        };
        if value["type"] != "Point" {
            continue;
        }
        let (data, metric) = (&value["data"], value["metric"].as_str().unwrap_or_default());
        let (Some(time), Some(number)) = (data["time"].as_str(), data["value"].as_f64()) else {
            return Err(failed(String::from("a point without time or value")));
        };
        let nanos = trace::instant(time).map_err(failed)?;
        let time = (nanos - *first.get_or_insert(nanos)) as f64 / 1e9;
        // What many values have (users, iterations) is no tag but metadata.
        let tag = |name: &str| data["tags"][name].as_str().or_else(|| data["metadata"][name].as_str());
        seen.take(&Point { metric, time, value: number, tag: &tag }).map_err(failed)?;
    }
    recording(seen, notes, JSON_HINT)
}

pub(super) fn csv(bytes: &[u8]) -> Result<Recording, Fault> {
    let (bytes, line) = whole_rows(bytes);
    let (_, table) = read::rows(bytes)?;
    let (mut seen, mut notes) = (Seen::default(), Vec::from_iter(line.map(cut_off)));
    let (mut first, mut whole) = (None, true);
    for (number, row) in table.iter().enumerate() {
        let text = |column: &str| row.get(column).map_or("", String::as_str);
        let failed = |why: String| (format!("line {}: {why}", number + 2), CSV_HINT.to_owned());
        let (Ok(stamp), Ok(value)) = (trace::stamp(text("timestamp")), text("metric_value").parse::<f64>())
        else {
            return Err(failed(String::from("no number in timestamp or metric_value")));
        };
        whole &= stamp.unit == Some("seconds") && stamp.nanos % 1_000_000_000 == 0;
        let time = (stamp.nanos - *first.get_or_insert(stamp.nanos)) as f64 / 1e9;
        let tag = |name: &str| row.get(name).map(String::as_str).or_else(|| within(row, name));
        seen.take(&Point { metric: text("metric_name"), time, value, tag: &tag }).map_err(failed)?;
    }
    if whole {
        spread(&mut seen.requests);
        notes.push(String::from(
            "times are whole seconds, spread evenly within each: gaps below a second are not known; k6 --out json has them, \
             and so has K6_CSV_TIME_FORMAT=unix_micro",
        ));
    }
    recording(seen, notes, CSV_HINT)
}

/// The rows up to the last whole one, and the line where the file is cut off, if it is: within a last row that has fewer
/// fields than the header and no end.
fn whole_rows(bytes: &[u8]) -> (&[u8], Option<u64>) {
    let fields = |line: &[u8]| line.iter().filter(|b| **b == b',').count();
    let header = bytes.split(|b| *b == b'\n').next().map_or(0, fields);
    match bytes.iter().rposition(|b| *b == b'\n') {
        Some(end) if end + 1 < bytes.len() && fields(&bytes[end + 1..]) < header => {
            let lines = bytes[..=end].iter().filter(|b| **b == b'\n').count() as u64;
            (&bytes[..=end], Some(lines + 1))
        }
        _ => (bytes, None),
    }
}

fn cut_off(line: u64) -> String {
    format!("the file is cut off in its last line ({line}), which is left out")
}

/// A tag within the columns of further tags and metadata, which read `vu=1&iter=0`.
fn within<'a>(row: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    let pairs = ["extra_tags", "metadata"].iter().filter_map(|column| row.get(*column));
    let mut pairs = pairs.flat_map(|text| text.split('&')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Spreads the ends within each second evenly, in the order of the file.
fn spread(requests: &mut [Request]) {
    let mut by_second: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (place, request) in requests.iter().enumerate() {
        by_second.entry(request.end.max(0.0) as u64).or_default().push(place);
    }
    for places in by_second.values() {
        for (order, place) in places.iter().enumerate() {
            requests[*place].end += (order as f64 + 0.5) / places.len() as f64;
        }
    }
}

fn recording(seen: Seen, mut notes: Vec<String>, hint: &str) -> Result<Recording, Fault> {
    if seen.requests.is_empty() {
        return Err((
            String::from("no http_req_duration in it"),
            format!("k6 writes one for each request; was it stopped before any? {hint}"),
        ));
    }
    notes.push(read::latency_note("http_req_duration"));
    notes.extend(given_up(&seen.requests));
    let users = users::users(&seen, &mut notes);
    let mut classes: Vec<String> = Vec::new();
    let mut rows = Vec::with_capacity(seen.requests.len());
    for request in seen.requests {
        let (at, demand, outcome) = (request.sent(), request.took, request.outcome);
        let class = classes.iter().position(|one| *one == request.name).unwrap_or_else(|| {
            classes.push(request.name);
            classes.len() - 1
        });
        rows.push(Row { at, demand, class, outcome, fate: None });
    }
    read::shift(&mut rows);
    Ok(Recording { rows, classes, notes, latencies: true, gave_up: true, users, ..Recording::default() })
}

/// What is to be said of requests that k6 gave up.
fn given_up(requests: &[Request]) -> Option<String> {
    let lost = || requests.iter().filter(|one| one.outcome == Some(Outcome::Timeout));
    let least = lost().map(|one| one.took).fold(f64::INFINITY, f64::min);
    let n = lost().count();
    (n > 0).then(|| {
        format!(
            "k6 gave up {n} requests after {least:.1} s: they are arrivals, but what work they brought is not known and no \
             demand is taken from them; client = {{ deadline = \"{least:.0}s\" }} in the source gives up as k6 did"
        )
    })
}

#[cfg(test)]
mod tests;
