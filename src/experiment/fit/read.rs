//! Recordings as requests: traces (CSV, JSON), the requests of a replay, scenarios of a recorded pool.

mod outcomes;

use super::failures::{self, Replayed};
use super::{PoolSeen, Recording, Row, Users, k6};
use crate::outcome::Outcome;
use crate::quantity;
use crate::workload::recording::{RecordedScenario, RecordedUser, RecordedWorkload};
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

impl Columns {
    /// Nothing is asked for by name.
    fn are_usual(&self) -> bool {
        *self == Columns::default()
    }
}

/// Columns by which the requests of a replay are known.
const REPLAYED: [&str; 6] = ["request", "fate", "sent", "started", "end", "hand_overs"];

/// A fault in words, and what may help.
pub(super) type Fault = (String, String);

/// Usual names, the best first; each may have its unit behind it (`arrival_ms`).
const TIMES: [&str; 10] =
    ["arrival", "submit", "sent", "timestamp", "time", "at", "t", "ts", "start", "start_time"];
const DEMANDS: [&str; 7] = ["demand", "service", "duration", "runtime", "seconds", "latency", "elapsed"];
/// Units that stand behind a name.
const SUFFIXES: [(&str, f64); 4] = [("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9), ("s", 1.0)];
const CLASSES: [&str; 5] = ["class", "kind", "type", "action", "name"];
const OUTCOMES: [&str; 5] = ["outcome", "result", "status", "fate", "success"];

/// Reads a file.
///
/// # Errors
/// What is wrong, with its place, and what may help.
pub fn read(bytes: &[u8], columns: &Columns) -> Result<Recording, (String, String)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"\x1f\x8b") {
        return Err((String::from("the file is compressed"), String::from("unpack it first, with gunzip")));
    }
    let own = |what: &str| {
        let fault = (
            format!("{what} have their own columns"),
            String::from("leave out --time, --demand, --class and --outcome"),
        );
        if columns.are_usual() { Ok(()) } else { Err(fault) }
    };
    let start = bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    let json = matches!(start, Some(b'{' | b'['));
    let first = match json {
        true => trace::elements(bytes).next().map(|first| first.text),
        false => bytes.split(|b| *b == b'\n').next(),
    };
    let first = first.unwrap_or_default();
    let head = String::from_utf8_lossy(first).into_owned();
    if json && head.contains("\"metric\"") && head.contains("\"type\"") {
        own("results of k6")?;
        return k6::json(bytes);
    }
    if !json && head.starts_with("metric_name,timestamp,metric_value") {
        own("results of k6")?;
        return k6::csv(bytes);
    }
    #[cfg(feature = "live")]
    if json && head.contains("\"schema\":\"poolsim.journal/") {
        own("journals")?;
        return super::journal::read(bytes);
    }
    if !json
        && REPLAYED.iter().all(|name| head.split(',').any(|column| column.trim() == *name))
        && columns.are_usual()
    {
        return replayed(&rows(bytes)?);
    }
    let (format, table) =
        if json { (TraceFormat::Json, objects(bytes)?) } else { (TraceFormat::Csv, rows(bytes)?) };
    generic(bytes, format, &table, columns)
}

/// Names of columns, and rows by name.
pub(super) type Table = (Vec<String>, Vec<BTreeMap<String, String>>);

pub(super) fn rows(bytes: &[u8]) -> Result<Table, Fault> {
    let failed = |error: csv::Error| (error.to_string(), String::from("is it a CSV file with a header?"));
    let separator = trace::separator(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).delimiter(separator).from_reader(bytes);
    let names: Vec<String> = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
    let rows = reader.deserialize().collect::<Result<_, _>>().map_err(failed)?;
    Ok((names, rows))
}

fn objects(bytes: &[u8]) -> Result<Table, Fault> {
    let mut names: Vec<String> = Vec::new();
    let mut table = Vec::new();
    for element in trace::elements(bytes) {
        let needed = String::from("JSON objects are needed, one a line or in an array");
        let value = match element.value() {
            Ok(Value::Object(value)) => value,
            Ok(_) => return Err((format!("line {}: not a JSON object", element.line), needed)),
            Err(error) => return Err((format!("line {}: {}", error.line, error.message), error.hint)),
        };
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
) -> Result<Recording, Fault> {
    let all = || format!("the columns are {}", names.join(", "));
    let find = |given: &Option<String>, usual: &[&str]| -> Option<String> {
        let same = |wanted: &str| names.iter().find(|name| name.eq_ignore_ascii_case(wanted)).cloned();
        let with_unit =
            |wanted: &str| SUFFIXES.iter().find_map(|(unit, _)| same(&format!("{wanted}_{unit}")));
        given.clone().or_else(|| usual.iter().find_map(|wanted| same(wanted).or_else(|| with_unit(wanted))))
    };
    let missing = |what: &str, flag: &str| {
        (format!("no column looks like {what}"), format!("name it with {flag}; {}", all()))
    };
    let time = find(&columns.time, &TIMES).ok_or_else(|| missing("the time of arrival", "--time COLUMN"))?;
    // Of JMeter's durations `elapsed` is the whole, `Latency` the time to the first byte.
    let jmeter = Some(String::from("elapsed")).filter(|_| is_jmeter(names));
    let demand = columns.demand.clone().or(jmeter).or_else(|| find(&None, &DEMANDS));
    let demand = demand.ok_or_else(|| missing("a demand", "--demand COLUMN or a formula"))?;
    let mut notes = Vec::new();
    let values =
        |column: &str| table.iter().filter_map(|row| row.get(column).cloned()).collect::<Vec<String>>();
    let time = time_column(&time, &values, &mut notes)?;
    let terms = demand_terms(&demand, names, &values, &mut notes)?;
    let there = |name: Option<String>, flag: &str| match name {
        Some(name) if !names.contains(&name) => {
            Err((format!("{flag} {name}: there is no such column"), all()))
        }
        name => Ok(name),
    };
    let class = there(find(&columns.class, &CLASSES), "--class")?;
    let outcome = there(find(&columns.outcome, &OUTCOMES), "--outcome")?;
    let mut classes: Vec<String> = Vec::new();
    if let Some(class) = &class {
        for name in table.iter().filter_map(|row| row.get(class)) {
            if !classes.contains(name) {
                classes.push(name.clone());
            }
        }
    }
    let settings = TraceSettings {
        format,
        time,
        demand: terms,
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
            fate: None,
        })
        .collect();
    if let Some(outcome) = &outcome {
        let place = |row: &BTreeMap<String, String>| {
            let name = settings.class.as_ref().and_then(|class| row.get(class));
            name.and_then(|name| settings.classes.iter().position(|one| one == name)).unwrap_or(0)
        };
        notes.extend(outcomes::attach(&mut rows, table, outcome, &place, columns.outcome.is_some())?);
    }
    shift(&mut rows);
    let latencies = demand.contains("latency") || demand.contains("elapsed");
    if latencies {
        notes.push(latency_note(&demand));
    }
    Ok(Recording { rows, classes: settings.classes, notes, latencies, ..Recording::default() })
}

/// What is said of latencies until the waiting is taken out of them.
pub(super) const HOLDS_WAITING: &str = "is what clients saw: it holds waiting as well as work";

pub(super) fn latency_note(column: &str) -> String {
    format!(
        "{column} {HOLDS_WAITING}, so the demand is too long where there was a queue; \
         with --slots N the waiting at N slots is taken out"
    )
}

/// The column of times and what its values mean: by the unit that is written (`1ms*time`) or stands in its name, by their
/// look, by their size if they count from 1970, else seconds.
fn time_column(
    asked: &str,
    values: &dyn Fn(&str) -> Vec<String>,
    notes: &mut Vec<String>,
) -> Result<TimeColumn, Fault> {
    let hint = "name a column, or its unit and the column, such as 1ms*time";
    let (column, written) = match (asked.contains('*'), terms(asked, "--time")?.as_slice()) {
        (false, _) => (asked.to_owned(), unit_in(asked)),
        (true, [(Some(column), unit)]) => (column.clone(), Some(*unit)),
        (true, _) => return Err((format!("--time {asked}: one column is needed"), hint.to_owned())),
    };
    let values = values(&column);
    let sample = values.iter().map(|text| text.trim()).find(|text| !text.is_empty()).unwrap_or_default();
    if sample.contains([':', '/']) || trace::instant(sample).is_ok() {
        return Ok(TimeColumn { column, unit: TimeUnit::Timestamp });
    }
    if let Some(secs) = written {
        let unit = TimeUnit::of_secs(secs);
        let unit =
            unit.ok_or_else(|| (format!("--time {asked}: the unit is s, ms, us or ns"), hint.to_owned()))?;
        return Ok(TimeColumn { column, unit });
    }
    if let Some((unit, word)) = sample.parse().ok().and_then(TimeUnit::since_1970) {
        notes.push(format!("column {column} is read as {word} since 1970, by the size of its numbers"));
        return Ok(TimeColumn { column, unit });
    }
    if are_whole(&values) {
        notes.push(format!(
            "column {column} has whole numbers without a unit, which are taken for seconds; if they are milliseconds, say \
             --time '1ms*{column}'"
        ));
    }
    Ok(TimeColumn { column, unit: TimeUnit::Seconds })
}

/// The terms of the demand. JMeter's `elapsed` is in milliseconds.
fn demand_terms(
    asked: &str,
    names: &[String],
    values: &dyn Fn(&str) -> Vec<String>,
    notes: &mut Vec<String>,
) -> Result<Vec<Term>, Fault> {
    let mut found = terms(asked, "--demand")?;
    if let [(Some(column), unit)] = found.as_mut_slice() {
        if column == "elapsed" && is_jmeter(names) {
            *unit = 1e-3;
            notes.push(String::from(
                "column elapsed beside timeStamp is JMeter's: it is read as milliseconds",
            ));
        } else if *unit == 1.0
            && unit_in(asked).is_none()
            && !asked.contains('*')
            && are_whole(&values(column))
        {
            notes.push(format!(
                "column {column} has whole numbers without a unit, which are taken for seconds; if they are milliseconds, \
                 say --demand '1ms*{column}'"
            ));
        }
    }
    Ok(found)
}

fn is_jmeter(names: &[String]) -> bool {
    ["timeStamp", "elapsed"].iter().all(|wanted| names.iter().any(|name| name == wanted))
}

/// Numbers without a fraction, at least one of them not nought.
fn are_whole(values: &[String]) -> bool {
    let numbers: Vec<f64> = values.iter().filter_map(|text| text.trim().parse().ok()).collect();
    !numbers.is_empty() && numbers.iter().all(|x| x.fract() == 0.0) && numbers.iter().any(|x| *x != 0.0)
}

/// The unit that a name ends with (`arrival_ms`, `durationMs`), in seconds.
fn unit_in(name: &str) -> Option<f64> {
    let name = name.trim();
    let ends = |unit: &str| {
        let Some(rest) = name.len().checked_sub(unit.len()).and_then(|at| name.split_at_checked(at)) else {
            return false;
        };
        let (stem, end) = rest;
        let apart = stem.is_empty() || stem.ends_with(|c: char| !c.is_alphanumeric());
        let camel =
            unit.len() > 1 && end.starts_with(char::is_uppercase) && !stem.ends_with(char::is_uppercase);
        end.eq_ignore_ascii_case(unit) && (apart || camel || (unit == "ms" && end == "ms"))
    };
    if name == "s" || name == "t" {
        return None;
    }
    SUFFIXES.iter().find(|(unit, _)| ends(unit)).map(|one| one.1)
}

/// Seconds for each unit of a column, or for every request.
type Term = (Option<String>, f64);

/// The terms of a demand: `30ms*tokens + 5ms`, or a column whose name tells its unit.
fn terms(text: &str, flag: &str) -> Result<Vec<Term>, Fault> {
    let hint = "write a column, or a sum such as 0.25ms*ContextTokens+30ms*GeneratedTokens";
    let span = |text: &str| quantity::parse_span(text.trim()).ok().map(|span| span.secs());
    let plain = |name: &str| (Some(name.trim().to_owned()), unit_in(name).unwrap_or(1.0));
    let term = |part: &str| match part.split_once('*') {
        None => Ok(span(part).map_or_else(|| plain(part), |secs| (None, secs))),
        Some((one, two)) => match (span(one), span(two)) {
            (Some(secs), None) => Ok((Some(two.trim().to_owned()), secs)),
            (None, Some(secs)) => Ok((Some(one.trim().to_owned()), secs)),
            _ => Err((format!("{flag} {text}: \"{part}\" is no duration times a column"), hint.to_owned())),
        },
    };
    text.split('+').map(term).collect()
}

/// Puts the first arrival at nought.
pub(super) fn shift(rows: &mut [Row]) {
    rows.sort_by(|a, b| a.at.total_cmp(&b.at));
    let first = rows.first().map_or(0.0, |row| row.at);
    rows.iter_mut().for_each(|row| row.at -= first);
}

/// The requests of a replay: what they were sent with, and how long their only service took.
fn replayed((_, table): &Table) -> Result<Recording, Fault> {
    let hint = "is it a whole requests.csv of a replay?";
    let mut recording = Recording::default();
    // Of virtual users: (user, sent, end).
    let mut turns: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let mut requests: Vec<Replayed> = Vec::new();
    for (number, row) in table.iter().enumerate() {
        let text = |column: &str| row.get(column).map_or("", String::as_str);
        let failed = |what: String| (format!("line {}: {what}", number + 2), hint.to_owned());
        let secs = |column: &str| {
            let value = text(column).parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
            value.ok_or_else(|| failed(format!("{column} is no number of seconds (\"{}\")", text(column))))
        };
        let (sent, end) = (secs("sent")?, secs("end")?);
        let fate = Fate::from_name(text("fate"));
        let outcome = Outcome::from_name(text("outcome"));
        if fate.is_none() || outcome.is_none() {
            let column = if fate.is_none() { "fate" } else { "outcome" };
            return Err(failed(format!("\"{}\" is no {column}", text(column))));
        }
        let once = text("hand_overs") == "1" && matches!(outcome, Some(Outcome::Ok | Outcome::Error));
        let started = if text("started").is_empty() { None } else { Some(secs("started")?) };
        let planned = secs("demand")?;
        let demand = match (once, started) {
            // What a service really took; where it was cut short or began again, what was sent.
            (true, Some(started)) if fate != Some(Fate::Hang) => (end - started).max(0.0),
            _ => planned,
        };
        let name = text("class").to_owned();
        let class = recording.classes.iter().position(|one| *one == name).unwrap_or_else(|| {
            recording.classes.push(name);
            recording.classes.len() - 1
        });
        // `source.number` for an open source, `source.user.number` for a user.
        if let Some((user, _)) = text("request").rsplit_once('.').filter(|(user, _)| user.contains('.')) {
            turns.entry(user.to_owned()).or_default().push((sent, end));
        }
        let count = |column: &str| text(column).parse::<u32>().unwrap_or(1);
        let (attempts, hand_overs) = (count("attempts"), count("hand_overs"));
        let told =
            Replayed { class, fate, outcome, attempts, hand_overs, sent, started, end, demand: planned };
        requests.push(told);
        recording.rows.push(Row { at: sent, demand, class, outcome, fate });
    }
    recording.tries = failures::tries(&requests);
    recording.pool.retry = failures::retries(&requests);
    let again = requests.iter().filter(|one| one.attempts > 1).count();
    if again > 0 {
        recording.notes.push(format!(
            "{again} requests were sent again by their clients, which is not in the model: give its source a client with \
             retries"
        ));
    }
    let of_users: usize = turns.values().map(Vec::len).sum();
    shift(&mut recording.rows);
    if of_users > 0 && of_users == recording.rows.len() {
        recording.users = Some(users(turns.into_values()));
    } else if of_users > 0 {
        recording.notes.push(format!(
            "{of_users} of {} requests are of users who wait: all are played as if nobody did",
            recording.rows.len()
        ));
    }
    Ok(recording)
}

/// Users by their turns (sent, end).
pub(super) fn users(turns: impl Iterator<Item = Vec<(f64, f64)>>) -> Users {
    let mut found = Users::default();
    let mut turns: Vec<Vec<(f64, f64)>> = turns.collect();
    let first = turns.iter().flatten().map(|turn| turn.0).fold(f64::INFINITY, f64::min);
    for own in &mut turns {
        own.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (Some(from), Some(to)) = (own.first(), own.last()) else { continue };
        found.stays.push((from.0 - first, to.1 - first));
        found.thinks.extend(own.windows(2).map(|pair| (pair[1].0 - pair[0].1).max(0.0)));
    }
    // A user is there until it would have sent again: nobody sees it go.
    let think = found.thinks.iter().sum::<f64>() / found.thinks.len().max(1) as f64;
    found.stays.iter_mut().for_each(|stay| stay.1 += think);
    found
}

/// The workload of a recorded scenario: as planned, which is as long as its workers really worked.
pub fn scenario(scenario: &RecordedScenario) -> Recording {
    let classes = scenario.workload.classes();
    let place = |name: &str| classes.iter().position(|class| class == name).unwrap_or(0);
    let pool = PoolSeen { constants: super::workers::measure(scenario), ..PoolSeen::default() };
    let mut recording = Recording { pool, ..Recording::default() };
    match &scenario.workload {
        RecordedWorkload::Open(arrivals) => {
            recording.rows.extend(arrivals.iter().map(|one| Row {
                at: one.at.secs(),
                demand: one.demand.secs(),
                class: place(&one.class),
                outcome: None,
                fate: Some(one.fate),
            }));
        }
        RecordedWorkload::Closed(plans) => {
            let of = |user: &RecordedUser| (user.plan.start.secs(), user.plan.stop.secs());
            let mut found = Users { stays: plans.iter().map(of).collect(), ..Users::default() };
            // When requests were sent is what happened in the first run: a plan has no such instants.
            let run = scenario.runs.first();
            for turn in plans.iter().flat_map(|user| &user.rows) {
                let result = run.and_then(|run| run.results.iter().find(|one| one.id == turn.id));
                let Some(result) = result else { continue };
                found.thinks.push(turn.think.secs());
                recording.rows.push(Row {
                    at: result.submit_ms / 1e3,
                    demand: turn.demand.secs(),
                    class: place(&turn.class),
                    outcome: None,
                    fate: Some(turn.fate),
                });
            }
            let first = found.stays.iter().map(|stay| stay.0).fold(f64::INFINITY, f64::min);
            found.stays.iter_mut().for_each(|stay| *stay = (stay.0 - first, stay.1 - first));
            recording.users = Some(found);
        }
    }
    recording.classes = classes;
    shift(&mut recording.rows);
    recording
}
