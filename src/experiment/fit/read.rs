//! Recordings as requests: traces (CSV, JSON lines), results of k6 (JSON lines, CSV), scenarios of a recorded pool.
//!
//! k6 writes one point for each request and metric; `time` of `http_req_duration` is when the request *ended*, so
//! the duration is taken off to find when it was sent. Its CSV has whole seconds: requests of one second are spread
//! evenly over it, which says nothing of gaps below a second (k6 documentation, "Results output": JSON, CSV).

use super::{Recording, Row};
use crate::outcome::Outcome;
use crate::quantity;
use crate::workload::recording::{RecordedScenario, RecordedWorkload};
use crate::workload::trace::{self, Fate, TimeColumn, TimeUnit, TraceFormat, TraceSettings};
use serde_json::Value;
use std::collections::BTreeMap;

/// Which columns hold what; those not named are looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// When a request arrives.
    pub time: Option<String>,
    /// Demand: a column, or a sum of terms such as `0.25ms*ContextTokens+30ms*GeneratedTokens`.
    pub demand: Option<String>,
    /// Class.
    pub class: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
}

/// Usual names, the best first.
const TIMES: [&str; 12] = [
    "arrival_ms",
    "submit_ms",
    "sent_ms",
    "timestamp_ms",
    "arrival",
    "sent",
    "timestamp",
    "time",
    "at",
    "t",
    "start",
    "start_time",
];
const DEMANDS: [&str; 11] = [
    "demand_ms",
    "demand",
    "service_ms",
    "service",
    "duration_ms",
    "duration",
    "runtime",
    "seconds",
    "latency_ms",
    "latency",
    "elapsed",
];
const CLASSES: [&str; 5] = ["class", "kind", "type", "action", "name"];
const OUTCOMES: [&str; 4] = ["outcome", "result", "status", "fate"];

/// Reads a file.
///
/// # Errors
/// What is wrong, with its place, and what may help.
pub fn read(bytes: &[u8], columns: &Columns) -> Result<Recording, (String, String)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let json = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    let head = String::from_utf8_lossy(first).into_owned();
    if json && head.contains("\"metric\"") && head.contains("\"type\"") {
        return k6_json(bytes);
    }
    if !json && head.starts_with("metric_name,timestamp,metric_value") {
        return k6_csv(bytes);
    }
    let (format, table) =
        if json { (TraceFormat::JsonLines, lines(bytes)?) } else { (TraceFormat::Csv, rows(bytes)?) };
    generic(bytes, format, &table, columns)
}

type Table = (Vec<String>, Vec<BTreeMap<String, String>>);

fn rows(bytes: &[u8]) -> Result<Table, (String, String)> {
    let failed = |error: csv::Error| (error.to_string(), String::from("is it a CSV file with a header?"));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let names: Vec<String> = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
    let rows = reader.deserialize().collect::<Result<_, _>>().map_err(failed)?;
    Ok((names, rows))
}

fn lines(bytes: &[u8]) -> Result<Table, (String, String)> {
    let mut names: Vec<String> = Vec::new();
    let mut table = Vec::new();
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let value: serde_json::Map<String, Value> = serde_json::from_slice(line).map_err(|error| {
            (format!("line {}: {error}", number + 1), String::from("one JSON object a line is needed"))
        })?;
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        names.extend(value.keys().filter(|key| !names.contains(key)).cloned().collect::<Vec<_>>());
        table.push(value.iter().map(|(key, value)| (key.clone(), text(value))).collect());
    }
    Ok((names, table))
}

fn generic(
    bytes: &[u8],
    format: TraceFormat,
    (names, table): &Table,
    columns: &Columns,
) -> Result<Recording, (String, String)> {
    let all = || format!("the columns are {}", names.join(", "));
    let find = |given: &Option<String>, usual: &[&str]| -> Option<String> {
        let same = |wanted: &str| names.iter().find(|name| name.eq_ignore_ascii_case(wanted)).cloned();
        given.clone().or_else(|| usual.iter().find_map(|wanted| same(wanted)))
    };
    let missing = |what: &str, flag: &str| {
        (format!("no column looks like {what}"), format!("name it with {flag}; {}", all()))
    };
    let time = find(&columns.time, &TIMES).ok_or_else(|| missing("the time of arrival", "--time COLUMN"))?;
    let demand =
        find(&columns.demand, &DEMANDS).ok_or_else(|| missing("a demand", "--demand COLUMN or a formula"))?;
    let class = find(&columns.class, &CLASSES).filter(|name| names.contains(name) || columns.class.is_some());
    let outcome = find(&columns.outcome, &OUTCOMES);
    let mut classes: Vec<String> = Vec::new();
    if let Some(class) = &class {
        for name in table.iter().filter_map(|row| row.get(class)) {
            if !classes.contains(name) {
                classes.push(name.clone());
            }
        }
    }
    let sample = table.first().and_then(|row| row.get(&time)).cloned().unwrap_or_default();
    let settings = TraceSettings {
        format,
        time: TimeColumn { unit: unit_of(&time, &sample), column: time },
        demand: terms(&demand)?,
        class: class.filter(|_| classes.len() > 1),
        classes: if classes.is_empty() { vec![String::from("request")] } else { classes },
        fate: None,
        speed: 1.0,
        limit: None,
    };
    let trace = trace::read(bytes, &settings).map_err(|error| (error.to_string(), all()))?;
    let mut rows: Vec<Row> = trace
        .rows
        .iter()
        .map(|row| Row {
            at: row.at.secs(),
            demand: row.demand.secs(),
            class: usize::from(row.class),
            outcome: None,
        })
        .collect();
    if let Some(outcome) = outcome {
        attach(&mut rows, table, &outcome, &settings.classes, settings.class.as_ref());
    }
    shift(&mut rows);
    let mut notes = Vec::new();
    if demand.contains("latency") || demand.contains("elapsed") {
        notes.push(latency_note(&demand));
    }
    Ok(Recording { rows, classes: settings.classes, notes })
}

fn latency_note(column: &str) -> String {
    format!(
        "{column} is what clients saw: it holds waiting as well as work, so the demand is too long where there was a queue"
    )
}

/// Outcomes by class: a trace is sorted, and only their number matters.
fn attach(
    rows: &mut [Row],
    table: &[BTreeMap<String, String>],
    column: &str,
    classes: &[String],
    class: Option<&String>,
) {
    let mut seen: Vec<Vec<Outcome>> = vec![Vec::new(); classes.len()];
    for row in table {
        let name = class.and_then(|class| row.get(class));
        let index = name.and_then(|name| classes.iter().position(|one| one == name)).unwrap_or(0);
        seen[index].extend(row.get(column).and_then(|text| outcome_of(text)));
    }
    for row in rows {
        row.outcome = seen[row.class].pop();
    }
}

/// The outcome that a word or an HTTP status means.
fn outcome_of(text: &str) -> Option<Outcome> {
    let text = text.trim().to_ascii_lowercase();
    if let Some(fate) = Fate::from_name(&text) {
        return Some(match fate {
            Fate::Ok => Outcome::Ok,
            Fate::Error => Outcome::Error,
            Fate::Hang => Outcome::Timeout,
            Fate::Crash | Fate::CrashOnce | Fate::Freeze => Outcome::Crash,
        });
    }
    match (text.parse::<u16>(), text.as_str()) {
        (Ok(0 | 400..), _) | (_, "failed" | "failure" | "ko" | "false") => Some(Outcome::Error),
        (Ok(_), _) | (_, "success" | "true") => Some(Outcome::Ok),
        _ => Outcome::from_name(&text),
    }
}

/// Times by the name of their column and the look of the first.
fn unit_of(column: &str, sample: &str) -> TimeUnit {
    if sample.contains(':') {
        TimeUnit::Timestamp
    } else if column.to_ascii_lowercase().ends_with("ms") {
        TimeUnit::Millis
    } else {
        TimeUnit::Seconds
    }
}

/// Seconds for each unit of a column, or for every request.
type Term = (Option<String>, f64);

/// The terms of a demand: `30ms*tokens + 5ms`, or a column whose name tells its unit.
fn terms(text: &str) -> Result<Vec<Term>, (String, String)> {
    let hint = "write a column, or a sum such as 0.25ms*ContextTokens+30ms*GeneratedTokens";
    let span = |text: &str| quantity::parse_span(text.trim()).ok().map(|span| span.secs());
    let plain = |name: &str| {
        let lower = name.to_ascii_lowercase();
        let unit = if lower.ends_with("ms") {
            1e-3
        } else if lower.ends_with("us") {
            1e-6
        } else {
            1.0
        };
        (Some(name.trim().to_owned()), unit)
    };
    let term = |part: &str| match part.split_once('*') {
        None => Ok(span(part).map_or_else(|| plain(part), |secs| (None, secs))),
        Some((one, two)) => match (span(one), span(two)) {
            (Some(secs), None) => Ok((Some(two.trim().to_owned()), secs)),
            (None, Some(secs)) => Ok((Some(one.trim().to_owned()), secs)),
            _ => Err((format!("--demand {text}: \"{part}\" is no duration times a column"), hint.to_owned())),
        },
    };
    text.split('+').map(term).collect()
}

/// Puts the first arrival at nought.
fn shift(rows: &mut [Row]) {
    rows.sort_by(|a, b| a.at.total_cmp(&b.at));
    let first = rows.first().map_or(0.0, |row| row.at);
    rows.iter_mut().for_each(|row| row.at -= first);
}

fn k6_json(bytes: &[u8]) -> Result<Recording, (String, String)> {
    /// A request: its end in nanoseconds, its duration in seconds, its class, its outcome.
    type Ended = (i128, f64, String, Option<Outcome>);
    let mut ended: Vec<Ended> = Vec::new();
    for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let failed = |why: String| {
            (format!("line {}: {why}", number + 1), String::from("is it a whole output of k6 --out json?"))
        };
        let value: Value = serde_json::from_slice(line).map_err(|error| failed(error.to_string()))?;
        if value["type"] != "Point" || value["metric"] != "http_req_duration" {
            continue;
        }
        let data = &value["data"];
        let (Some(time), Some(ms)) = (data["time"].as_str(), data["value"].as_f64()) else {
            return Err(failed(String::from("a point without time or value")));
        };
        let tags = &data["tags"];
        let expected = tags["expected_response"].as_str().map(|text| text == "true");
        let outcome = expected.map(|good| if good { Outcome::Ok } else { Outcome::Error });
        let end = trace::instant(time).map_err(failed)?;
        ended.push((end, ms / 1e3, tags["name"].as_str().unwrap_or("request").to_owned(), outcome));
    }
    let Some(first) = ended.iter().map(|one| one.0).min() else {
        let hint = "k6 writes one for each request; was it stopped before any?";
        return Err((String::from("no http_req_duration in it"), hint.to_owned()));
    };
    let sent = |(end, secs, name, outcome): Ended| ((end - first) as f64 / 1e9 - secs, secs, name, outcome);
    Ok(of_k6(ended.into_iter().map(sent).collect(), vec![latency_note("http_req_duration")]))
}

fn k6_csv(bytes: &[u8]) -> Result<Recording, (String, String)> {
    let (_, table) = rows(bytes)?;
    let mut by_second: BTreeMap<u64, Vec<(f64, String, Option<Outcome>)>> = BTreeMap::new();
    for (number, row) in table.iter().enumerate() {
        if row.get("metric_name").map(String::as_str) != Some("http_req_duration") {
            continue;
        }
        let number_of = |column: &str| row.get(column).and_then(|text| text.parse::<f64>().ok());
        let (Some(second), Some(ms)) = (number_of("timestamp"), number_of("metric_value")) else {
            let text = format!("line {}: no number in timestamp or metric_value", number + 2);
            return Err((text, String::from("is it a whole output of k6 --out csv?")));
        };
        let expected = row.get("expected_response").map(String::as_str);
        let outcome = match expected {
            Some("true") => Some(Outcome::Ok),
            Some("false") => Some(Outcome::Error),
            _ => None,
        };
        let name = row
            .get("name")
            .filter(|name| !name.is_empty())
            .cloned()
            .unwrap_or_else(|| String::from("request"));
        by_second.entry(second as u64).or_default().push((ms / 1e3, name, outcome));
    }
    let Some(first) = by_second.keys().next().copied() else {
        return Err((
            String::from("no http_req_duration in it"),
            String::from("is it a whole output of k6 --out csv?"),
        ));
    };
    let mut list = Vec::new();
    for (second, points) in by_second {
        let n = points.len() as f64;
        for (place, (duration, name, outcome)) in points.into_iter().enumerate() {
            let end = (second - first) as f64 + (place as f64 + 0.5) / n;
            list.push((end - duration, duration, name, outcome));
        }
    }
    let whole = "times are whole seconds, spread evenly within each: gaps below a second are not known; k6 --out json has them";
    Ok(of_k6(list, vec![latency_note("http_req_duration"), whole.to_owned()]))
}

fn of_k6(list: Vec<(f64, f64, String, Option<Outcome>)>, notes: Vec<String>) -> Recording {
    let mut classes: Vec<String> = Vec::new();
    let mut rows = Vec::with_capacity(list.len());
    for (at, demand, name, outcome) in list {
        let class = classes.iter().position(|one| *one == name).unwrap_or_else(|| {
            classes.push(name);
            classes.len() - 1
        });
        rows.push(Row { at, demand, class, outcome });
    }
    shift(&mut rows);
    Recording { rows, classes, notes }
}

/// The workload of a recorded scenario.
///
/// # Errors
/// A closed loop, which has no arrivals of its own.
pub fn scenario(scenario: &RecordedScenario) -> Result<Recording, (String, String)> {
    let RecordedWorkload::Open(arrivals) = &scenario.workload else {
        let hint = "its users are in vus.csv: write them as `users` of a source";
        return Err((
            String::from("the scenario is a closed loop, whose arrivals follow from its answers"),
            hint.to_owned(),
        ));
    };
    let classes = scenario.workload.classes();
    let row = |one: &crate::workload::recording::RecordedArrival| Row {
        at: one.at.secs(),
        demand: one.demand.secs(),
        class: classes.iter().position(|class| *class == one.class).unwrap_or(0),
        outcome: outcome_of(one.fate.name()),
    };
    let mut rows: Vec<Row> = arrivals.iter().map(row).collect();
    shift(&mut rows);
    Ok(Recording { rows, classes, notes: Vec::new() })
}
