//! Recorded arrivals, read from CSV or JSON.
//!
//! Here are the types and what a row means; `rows` splits a file into rows and fields (`json` one of objects),
//! `timestamp` reads calendar times. Bytes come in from outside: nothing here opens a file. Every fault names its line, and its column where
//! it has one.

mod json;
mod rows;
mod timestamp;
mod units;

use crate::outcome::Outcome;
use crate::time::{Span, Time};
pub use json::{Element, elements};
use rows::{Cell, Columns};
use std::fmt;
pub use units::{Stamp, TimeUnit, stamp};

/// The fate that a trace prescribes for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Answers with a result.
    Ok,
    /// Answers with an error after its demand.
    Error,
    /// Takes its worker down after its demand, each time it is executed.
    Crash,
    /// Takes its worker down the first time a worker really has it.
    CrashOnce,
    /// Never answers; the worker's heartbeats go on.
    Hang,
    /// Stops the whole worker after its demand; heartbeats cease.
    Freeze,
}

impl Fate {
    /// Every fate with the word for it in traces and recordings.
    pub const NAMES: [(&'static str, Fate); 6] = [
        ("ok", Fate::Ok),
        ("error", Fate::Error),
        ("crash", Fate::Crash),
        ("crash1", Fate::CrashOnce),
        ("hang", Fate::Hang),
        ("freeze", Fate::Freeze),
    ];

    /// The fate of that name.
    pub fn from_name(name: &str) -> Option<Fate> {
        Fate::NAMES.iter().find(|(known, _)| *known == name).map(|(_, fate)| *fate)
    }

    /// How an execution ends that nothing interrupts.
    pub const fn leads_to(self) -> Outcome {
        match self {
            Fate::Ok => Outcome::Ok,
            Fate::Error => Outcome::Error,
            Fate::Crash | Fate::CrashOnce => Outcome::Crash,
            Fate::Hang | Fate::Freeze => Outcome::Timeout,
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        Fate::NAMES.iter().find(|(_, fate)| *fate == self).map_or("", |(name, _)| name)
    }
}

/// One recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceRow {
    /// When it arrives.
    pub at: Time,
    /// The work that it brings.
    pub demand: Span,
    /// Index into the model's classes.
    pub class: u16,
    /// Its fate, if the trace tells; else drawn as its class says.
    pub fate: Option<Fate>,
}

/// Recorded requests in order of arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The rows, ascending in time; rows of one instant in file order.
    pub rows: std::sync::Arc<[TraceRow]>,
}

/// How a trace is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceFormat {
    /// Comma-separated, with a header; line ends of either kind.
    Csv,
    /// JSON objects, one a line or in an array.
    Json,
}

/// What stands between the fields of a CSV file: of comma, semicolon and tab what its header has most of.
pub fn separator(bytes: &[u8]) -> u8 {
    rows::separator(bytes)
}

/// The column that says when a request arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeColumn {
    /// Its name.
    pub column: String,
    /// What its values mean.
    pub unit: TimeUnit,
}

/// How a trace is read.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSettings {
    /// How the file is written.
    pub format: TraceFormat,
    /// When requests arrive.
    pub time: TimeColumn,
    /// The demand is the sum of these terms: so many seconds for each unit of a column, or (`None`) so many
    /// seconds for every request.
    pub demand: Vec<(Option<String>, f64)>,
    /// The column with the class; without one, all requests are of class 0.
    pub class: Option<String>,
    /// Names of the model's classes; the position is the index.
    pub classes: Vec<String>,
    /// The column with the fate; an empty field leaves it to the class.
    pub fate: Option<String>,
    /// How much faster than recorded the arrivals come: 2 halves every instant. Demands stay as they are.
    pub speed: f64,
    /// At most so many rows, from the beginning of the file.
    pub limit: Option<u64>,
}

/// Why a trace cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// Line of the file, from 1; 0 where the settings or the whole file are at fault.
    pub line: u64,
    /// Column, where one is at fault.
    pub column: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl TraceError {
    fn new(
        line: u64,
        column: Option<&str>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> TraceError {
        TraceError { line, column: column.map(String::from), message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if let Some(column) = &self.column {
            write!(f, "column \"{column}\": ")?;
        }
        write!(f, "{}", self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, " ({})", self.hint) }
    }
}

impl std::error::Error for TraceError {}

/// What is wrong with a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFaults {
    /// The faults of the first faulty rows, one a row, in file order: at least one, at most [`TraceFaults::SHOWN`].
    pub first: Vec<TraceError>,
    /// How many more rows are faulty.
    pub more: u64,
}

impl TraceFaults {
    /// As many faults tell what is wrong with a file; a million would not tell more.
    pub const SHOWN: usize = 5;

    /// How many rows are not told of, in words.
    pub fn others(&self) -> Option<String> {
        match self.more {
            0 => None,
            1 => Some(String::from("1 more row is faulty")),
            more => Some(format!("{more} more rows are faulty")),
        }
    }

    fn add(&mut self, error: TraceError) {
        match self.first.len() {
            Self::SHOWN => self.more += 1,
            _ => self.first.push(error),
        }
    }
}

impl From<TraceError> for TraceFaults {
    fn from(error: TraceError) -> TraceFaults {
        TraceFaults { first: vec![error], more: 0 }
    }
}

impl fmt::Display for TraceFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.first.iter().map(TraceError::to_string).chain(self.others()).collect();
        write!(f, "{}", all.join("; "))
    }
}

impl std::error::Error for TraceFaults {}

/// A calendar time such as `2023-11-16T18:17:03.97Z` in nanoseconds since 1970.
///
/// # Errors
/// What is wrong with it.
pub fn instant(text: &str) -> Result<i128, String> {
    timestamp::parse(text)
}

/// Reads a trace. Rows that are not in order of time are sorted; rows of one instant keep their order.
///
/// # Errors
/// What is wrong with its head, or with its first faulty rows, with the places.
pub fn read(bytes: &[u8], settings: &TraceSettings) -> Result<Trace, TraceFaults> {
    check(settings)?;
    let columns = settings.columns();
    // Instants in nanoseconds before scaling, and lines; timestamps since 1970 need the sign and the width.
    let mut instants: Vec<(i128, u64)> = Vec::new();
    let mut rows: Vec<TraceRow> = Vec::new();
    let mut faults = TraceFaults { first: Vec::new(), more: 0 };
    rows::each(bytes, settings.format, &columns.names, settings.limit, |line, cells| {
        let row = cells.and_then(|cells| {
            let row = Row { line, cells: &cells, names: &columns.names };
            Ok((row.instant(settings)?, row.rest(settings, &columns)?))
        });
        match row {
            Ok((instant, row)) => {
                instants.push((instant, line));
                rows.push(row);
            }
            Err(error) => faults.add(error),
        }
    })?;
    let earliest = instants.iter().min().map_or(0, |&(earliest, _)| earliest);
    let calendar = settings.time.unit == TimeUnit::Timestamp || earliest >= SINCE_1970;
    let origin = if calendar { earliest } else { 0 };
    for (row, (instant, line)) in rows.iter_mut().zip(instants) {
        match arrival(instant - origin, line, settings) {
            Ok(at) => row.at = at,
            Err(error) => faults.add(error),
        }
    }
    if !faults.first.is_empty() {
        return Err(faults);
    }
    if rows.is_empty() {
        let hint = "a trace needs at least one request";
        return Err(TraceError::new(0, None, "the trace has no rows", hint).into());
    }
    rows.sort_by_key(|row| row.at);
    Ok(Trace { rows: rows.into() })
}

/// Nanoseconds that no run lasts: instants of this size count from 1970, to which 2001 is the first.
const SINCE_1970: i128 = 1_000_000_000_000_000_000;

fn check(settings: &TraceSettings) -> Result<(), TraceError> {
    let fault = |message: String, hint: &str| Err(TraceError::new(0, None, message, hint));
    if !(settings.speed.is_finite() && settings.speed > 0.0) {
        return fault(
            format!("speed must be a finite number above 0, not {}", settings.speed),
            "1 is as recorded",
        );
    }
    if settings.demand.is_empty() {
        return fault(
            String::from("the trace has no demand"),
            "name a column with its seconds per unit, or a constant",
        );
    }
    match settings.demand.iter().find(|(_, factor)| !factor.is_finite()) {
        Some((_, factor)) => fault(format!("a factor of the demand must be finite, not {factor}"), ""),
        None => Ok(()),
    }
}

/// The scaled arrival for an instant since the run's start.
fn arrival(nanos: i128, line: u64, settings: &TraceSettings) -> Result<Time, TraceError> {
    let scaled = if settings.speed == 1.0 {
        u64::try_from(nanos).unwrap_or(u64::MAX)
    } else {
        Span::from_secs(nanos as f64 / settings.speed / 1e9).nanos()
    };
    let at = Time::from_nanos(scaled);
    if at <= Time::HORIZON_MAX {
        return Ok(at);
    }
    Err(TraceError::new(
        line,
        Some(&settings.time.column),
        "the request arrives after the longest possible run of four and a half years",
        "numbers are times since the start of the run, or all of them Unix times; is their unit right?",
    ))
}

impl TraceSettings {
    fn columns(&self) -> Columns<'_> {
        let mut names = vec![self.time.column.as_str()];
        names.extend(self.demand.iter().filter_map(|(column, _)| column.as_deref()));
        let class = append(&mut names, &self.class);
        let fate = append(&mut names, &self.fate);
        Columns { names, class, fate }
    }
}

/// Adds a column that is asked for and returns its position.
fn append<'a>(names: &mut Vec<&'a str>, column: &'a Option<String>) -> Option<usize> {
    let name = column.as_deref()?;
    names.push(name);
    Some(names.len() - 1)
}

/// One row; its cells are in the order of the names.
struct Row<'a> {
    line: u64,
    cells: &'a [Cell<'a>],
    names: &'a [&'a str],
}

impl Row<'_> {
    fn fault(&self, at: usize, message: String, hint: &str) -> TraceError {
        TraceError::new(self.line, Some(self.names[at]), message, hint)
    }

    /// The instant in nanoseconds.
    fn instant(&self, settings: &TraceSettings) -> Result<i128, TraceError> {
        let nanos_per_unit = match settings.time.unit {
            unit @ (TimeUnit::Seconds | TimeUnit::Millis | TimeUnit::Micros | TimeUnit::Nanos) => {
                unit.nanos()
            }
            TimeUnit::Timestamp => {
                let Cell::Text(text) = &self.cells[0] else {
                    let message = format!("{} is not a timestamp", self.cells[0]);
                    return Err(self.fault(
                        0,
                        message,
                        "give the unit of the time column as s, ms, us or ns",
                    ));
                };
                return timestamp::parse(text).map_err(|reason| self.fault(0, reason, timestamp::FORMS));
            }
        };
        let value = self.number(0)?;
        // 2^100 leaves room for every speed; a float beyond it would only hide an overflow.
        if value * nanos_per_unit > 1e30 {
            return Err(self.fault(0, format!("{} is too late", self.cells[0]), ""));
        }
        Ok(settings.time.unit.instant(value))
    }

    /// All but the instant, which needs the earliest of all.
    fn rest(&self, settings: &TraceSettings, columns: &Columns<'_>) -> Result<TraceRow, TraceError> {
        let demand = self.demand(&settings.demand)?;
        let class = columns.class.map_or(Ok(0), |at| self.class(at, &settings.classes))?;
        let fate = columns.fate.map_or(Ok(None), |at| self.fate(at))?;
        Ok(TraceRow { at: Time::ZERO, demand, class, fate })
    }

    fn demand(&self, terms: &[(Option<String>, f64)]) -> Result<Span, TraceError> {
        let mut sum = 0.0;
        let mut at = 0;
        for (column, factor) in terms {
            let value = match column {
                Some(_) => {
                    at += 1;
                    self.number(at)?
                }
                None => 1.0,
            };
            sum += factor * value;
        }
        if sum < 0.0 {
            let message = format!("the demand is negative: {sum} s");
            return Err(TraceError::new(self.line, None, message, "look at the signs of its factors"));
        }
        let demand = Span::from_secs(sum);
        if demand.nanos() > Time::HORIZON_MAX.nanos() {
            let message = format!("the demand is longer than the longest possible run: {sum} s");
            return Err(TraceError::new(self.line, None, message, "factors are in seconds per unit"));
        }
        Ok(demand)
    }

    /// A finite number that is not negative.
    fn number(&self, at: usize) -> Result<f64, TraceError> {
        let cell = &self.cells[at];
        let value = match cell {
            Cell::Number(value) => *value,
            Cell::Text(text) => match text.trim().parse::<f64>() {
                Ok(value) => value,
                Err(_) if text.trim().is_empty() => {
                    return Err(self.fault(at, String::from("the field is empty"), "a number is needed"));
                }
                Err(_) => {
                    let hint = if self.names[at] == self.names[0] && text.contains([':', '/']) {
                        "for calendar times, give the unit of the time column as timestamp"
                    } else {
                        ""
                    };
                    return Err(self.fault(at, format!("\"{text}\" is not a number"), hint));
                }
            },
            Cell::Other(_) => return Err(self.fault(at, format!("{cell} is not a number"), "")),
        };
        if value.is_nan() || value.is_infinite() {
            return Err(self.fault(at, format!("{cell} is not a finite number"), ""));
        }
        if value < 0.0 {
            return Err(self.fault(at, format!("{cell} is negative"), "times and demands start at 0"));
        }
        Ok(value)
    }

    fn class(&self, at: usize, classes: &[String]) -> Result<u16, TraceError> {
        let name = self.cells[at].to_string();
        if let Some(index) = classes.iter().position(|class| *class == name) {
            return u16::try_from(index)
                .map_err(|_| self.fault(at, String::from("a model has at most 65536 classes"), ""));
        }
        let hint = nearest(&name, classes.iter().map(String::as_str));
        Err(self.fault(at, format!("the model has no class \"{name}\""), &hint))
    }

    fn fate(&self, at: usize) -> Result<Option<Fate>, TraceError> {
        let name = self.cells[at].to_string();
        if name.is_empty() {
            return Ok(None);
        }
        let known = Fate::NAMES.map(|(name, _)| name);
        Fate::from_name(&name).map(Some).ok_or_else(|| {
            let hint = nearest(&name, known.into_iter());
            self.fault(at, format!("\"{name}\" is not a fate"), &hint)
        })
    }
}

/// A hint that names the nearest known word, or all of them if none is near.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let score = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &word.to_lowercase());
    let best = known.clone().map(|known| (score(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, name)) if score > 0.75 => format!("did you mean \"{name}\"?"),
        Some(_) => {
            let mut names: Vec<&str> = known.take(13).collect();
            let more = names.len() > 12;
            names.truncate(12);
            format!("known are {}{}", names.join(", "), if more { ", …" } else { "" })
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
