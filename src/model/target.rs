//! What a real scheduler needs to be told so that a replay can reach it.
//!
//! Plain data, checked with the rest of the model. What a target then does is `live`'s affair.

use crate::outcome::Outcome;
use crate::time::Span;
use serde_json::{Map, Value};

/// The targets that a model describes. A simulation has no use for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// An HTTP service.
    pub http: Option<HttpSettings>,
    /// A scheduler behind an adapter.
    pub command: Option<CommandSettings>,
    /// Worker processes.
    pub process: Option<ProcessSettings>,
}

/// Where a service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Host, with its port where one is given, as in a URL.
    pub authority: String,
    /// What comes before every path; without a slash at its end.
    pub path: String,
}

/// An HTTP service.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSettings {
    /// Where it listens.
    pub url: BaseUrl,
    /// Longest time until a connection stands.
    pub connect_timeout: Span,
    /// Certificates (PEM) of the authorities to trust; `None` for the machine's own.
    pub ca: Option<Vec<u8>>,
    /// Whether connections serve more than one request.
    pub keep_alive: bool,
    /// Longest answer that is read, in bytes.
    pub response_max: u64,
    /// The request of each class of the model.
    pub requests: Vec<HttpRequest>,
}

/// How the requests of a class look, and what answers mean.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRequest {
    /// Method.
    pub method: String,
    /// Path and query, after the base URL.
    pub path: Template,
    /// Headers.
    pub headers: Vec<(String, Template)>,
    /// Body.
    pub body: Template,
    /// Longest time from the send to the last byte of the answer.
    pub timeout: Span,
    /// What answers mean; the narrowest rule counts.
    pub outcomes: Vec<(Answer, Outcome)>,
}

impl HttpRequest {
    /// Whether some part of the request holds a field.
    pub fn tells(&self, field: &[Field]) -> bool {
        let headers = self.headers.iter().map(|(_, value)| value);
        headers.chain([&self.path, &self.body]).any(|template| template.holds(field))
    }

    /// What an answer means: the rule written for it, or what is usual.
    pub fn outcome(&self, answer: Answer) -> Outcome {
        let wide = match answer {
            Answer::Status(status) => Answer::Hundred(status / 100),
            other => other,
        };
        let rule = |wanted| self.outcomes.iter().find(|(answer, _)| *answer == wanted).map(|&(_, then)| then);
        rule(answer).or_else(|| rule(wide)).unwrap_or_else(|| answer.usual())
    }
}

/// What came back from a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This status.
    Status(u16),
    /// A status of this hundred.
    Hundred(u16),
    /// No connection could be made.
    NoConnection,
    /// The connection broke, or what came was no HTTP.
    Broken,
    /// The time-out of the request fired.
    Late,
}

impl Answer {
    /// Words for what is no status.
    pub const WORDS: [(&'static str, Answer); 3] =
        [("connect", Answer::NoConnection), ("broken", Answer::Broken), ("timeout", Answer::Late)];

    /// The answer that a key of `outcomes` names: `200`, `5xx` or a word.
    pub fn from_key(key: &str) -> Option<Answer> {
        if let Some((_, answer)) = Answer::WORDS.iter().find(|(word, _)| *word == key) {
            return Some(*answer);
        }
        let hundred = |text: &str| text.parse().ok().filter(|hundred| (1..=5).contains(hundred));
        match key.strip_suffix("xx") {
            Some(first) if first.len() == 1 => hundred(first).map(Answer::Hundred),
            _ if key.len() == 3 => {
                let status: u16 = key.parse().ok()?;
                (100..600).contains(&status).then_some(Answer::Status(status))
            }
            _ => None,
        }
    }

    /// What an answer means where no rule says otherwise.
    pub fn usual(self) -> Outcome {
        match self {
            Answer::Status(429 | 503) => Outcome::Rejected,
            Answer::Status(408 | 504) | Answer::Late => Outcome::Timeout,
            Answer::Status(200..=299) | Answer::Hundred(2) => Outcome::Ok,
            _ => Outcome::Error,
        }
    }
}

/// A scheduler behind an adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSettings {
    /// Program and arguments.
    pub run: Vec<String>,
    /// Variables added to its environment.
    pub env: Vec<(String, String)>,
    /// What the adapter is told at the start, as it stands.
    pub settings: Map<String, Value>,
    /// Longest time from the start until the scheduler is ready.
    pub start_timeout: Span,
    /// An adapter that has not answered for so long is given up.
    pub silence_timeout: Span,
}

/// Worker processes.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessSettings {
    /// Program and arguments of a worker; empty if they are given elsewhere.
    pub run: Vec<String>,
    /// Variables added to its environment.
    pub env: Vec<(String, String)>,
    /// The request of each class of the model.
    pub requests: Vec<WorkerRequest>,
}

/// What the requests of a class look like to a worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRequest {
    /// Its action.
    pub action: Template,
    /// Its payload as JSON; `None` for what poolsim's own workers read.
    pub payload: Option<Template>,
}

impl Default for WorkerRequest {
    /// The class is the action, and the payload is what poolsim's own workers read.
    fn default() -> WorkerRequest {
        WorkerRequest { action: Template::place(Field::Class), payload: None }
    }
}

impl WorkerRequest {
    /// Whether its payload tells one of these fields.
    pub fn tells(&self, fields: &[Field]) -> bool {
        self.payload.as_ref().is_none_or(|payload| payload.holds(fields))
    }
}

/// What a template can hold of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Number of the attempt, unique within a run.
    Id,
    /// Number of the request.
    Request,
    /// Which attempt at its request, from 1.
    Attempt,
    /// Name of the class.
    Class,
    /// Name of the pool.
    Pool,
    /// Demand in milliseconds.
    DemandMs,
    /// Demand in seconds.
    DemandS,
    /// How the attempt is to go wrong: `ok`, `error`, `crash`, `crash1`, `hang`, `freeze`.
    Fate,
    /// Priority, 0 for the most urgent.
    Priority,
}

impl Field {
    /// Every field with its word.
    pub const NAMES: [(&'static str, Field); 9] = [
        ("id", Field::Id),
        ("request", Field::Request),
        ("attempt", Field::Attempt),
        ("class", Field::Class),
        ("pool", Field::Pool),
        ("demand_ms", Field::DemandMs),
        ("demand_s", Field::DemandS),
        ("fate", Field::Fate),
        ("priority", Field::Priority),
    ];

    /// Whether its values are words, and no numbers.
    pub fn is_word(self) -> bool {
        matches!(self, Field::Class | Field::Pool | Field::Fate)
    }
}

/// A text with places for what a job brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

impl Template {
    /// Reads a template. `{word}` is a place; `{{word}}` stands for `{word}` itself; other braces are themselves,
    /// so that JSON can be written as it is.
    ///
    /// # Errors
    /// The words between braces that no field has.
    pub fn parse(text: &str) -> Result<Template, Vec<String>> {
        let (mut parts, mut unknown, mut plain, mut rest) = (Vec::new(), Vec::new(), String::new(), text);
        while let Some(at) = rest.find('{') {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(word) = word_after(rest, "{{").filter(|word| rest[word.len() + 2..].starts_with("}}"))
            {
                plain.push_str(&rest[1..word.len() + 3]);
                rest = &rest[word.len() + 4..];
            } else if let Some(word) =
                word_after(rest, "{").filter(|word| rest[word.len() + 1..].starts_with('}'))
            {
                match Field::NAMES.iter().find(|(name, _)| *name == word) {
                    Some((_, field)) => {
                        if !plain.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut plain)));
                        }
                        parts.push(Part::Field(*field));
                    }
                    None => unknown.push(String::from(word)),
                }
                rest = &rest[word.len() + 2..];
            } else {
                plain.push('{');
                rest = &rest[1..];
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        if unknown.is_empty() { Ok(Template { parts }) } else { Err(unknown) }
    }

    /// Whether it holds one of these fields.
    pub fn holds(&self, fields: &[Field]) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Field(field) if fields.contains(field)))
    }

    /// The text with its places filled.
    pub fn fill(&self, value: impl Fn(Field) -> String) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(field) => value(*field),
        };
        self.parts.iter().map(text).collect()
    }

    /// A place alone.
    pub fn place(field: Field) -> Template {
        Template { parts: vec![Part::Field(field)] }
    }

    /// The parts of the text that are the same for every job.
    pub fn fixed(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Field(_) => None,
        })
    }
}

/// The word of small letters and underscores that stands after an opening.
fn word_after<'t>(text: &'t str, opening: &str) -> Option<&'t str> {
    let inside = text.strip_prefix(opening)?;
    let end = inside.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(inside.len());
    (end > 0).then(|| &inside[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        Template::parse(text).unwrap().fill(|field| format!("<{field:?}>"))
    }

    #[test]
    fn places_are_filled_and_json_stays_as_it_is() {
        assert_eq!(filled(r#"{"a":{"id":{id},"c":"{class}"}}"#), r#"{"a":{"id":<Id>,"c":"<Class>"}}"#);
        assert_eq!(filled("{{id}} {id} { id } {}"), "{id} <Id> { id } {}");
        assert_eq!(filled("{{id} {a"), "{<Id> {a");
        assert_eq!(filled(""), "");
        assert_eq!(Template::parse("{demand} {fait}"), Err(vec!["demand".into(), "fait".into()]));
    }

    #[test]
    fn the_narrowest_rule_counts() {
        let text = |text| Template::parse(text).unwrap();
        let outcomes = ["5xx", "501", "connect"].map(|key| Answer::from_key(key).unwrap());
        let request = HttpRequest {
            method: "GET".into(),
            path: text("/"),
            headers: vec![],
            body: text(""),
            timeout: Span::NEVER,
            outcomes: outcomes.into_iter().zip([Outcome::Crash, Outcome::Ok, Outcome::Rejected]).collect(),
        };
        let outcome = |answer| request.outcome(answer);
        assert_eq!(outcome(Answer::Status(500)), Outcome::Crash);
        assert_eq!(outcome(Answer::Status(501)), Outcome::Ok);
        assert_eq!(outcome(Answer::Status(204)), Outcome::Ok);
        assert_eq!(outcome(Answer::Status(302)), Outcome::Error);
        assert_eq!(outcome(Answer::Status(429)), Outcome::Rejected);
        assert_eq!(outcome(Answer::NoConnection), Outcome::Rejected);
        assert_eq!(outcome(Answer::Late), Outcome::Timeout);
        for key in ["2x", "6xx", "600", "99", "20x", "", "+20", "refused"] {
            assert_eq!(Answer::from_key(key), None, "{key}");
        }
    }
}
