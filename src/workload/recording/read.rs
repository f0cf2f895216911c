//! Reads the files of a recording.

use super::check::{check, is_span};
use super::*;
use serde::Deserializer;
use serde::de::DeserializeOwned;

/// The most runs that are looked for in a scenario.
const RUNS_MAX: u32 = 99;

/// Reads a scenario. `open` gives the bytes of a file of its folder by name, or `None` if there is none. Runs are
/// those that have results; their other files may be missing.
///
/// # Errors
/// The first faulty or missing file.
pub fn read_scenario(
    mut open: impl FnMut(&str) -> Option<Vec<u8>>,
) -> Result<RecordedScenario, RecordingError> {
    let settings: RecordedSettings = toml_file("settings.toml", &need("settings.toml", &mut open)?)?;
    let rows = need("workload.csv", &mut open)?;
    let workload = match settings.mode {
        LoopMode::Open => RecordedWorkload::Open(arrivals(&rows)?),
        LoopMode::Closed => RecordedWorkload::Closed(users(&rows, &need("vus.csv", &mut open)?)?),
    };
    let mut runs = Vec::new();
    for number in 1..=RUNS_MAX {
        if let Some(results) = open(&format!("results_r{number}.csv")) {
            runs.push(run(number, &results, &mut open)?);
        }
    }
    let scenario = RecordedScenario { settings, workload, runs };
    check(&scenario)?;
    Ok(scenario)
}

/// Reads `constants.toml`.
///
/// # Errors
/// What is wrong with it.
pub fn read_constants(bytes: &[u8]) -> Result<RecordedConstants, RecordingError> {
    toml_file("constants.toml", bytes)
}

/// Reads `exceptions.toml`; an exception must say why it is one.
///
/// # Errors
/// What is wrong with it.
pub fn read_exceptions(bytes: &[u8]) -> Result<RecordedExceptions, RecordingError> {
    const FILE: &str = "exceptions.toml";
    let read: RecordedExceptions = toml_file(FILE, bytes)?;
    match read.exception.iter().find(|one| one.reason.trim().is_empty()) {
        Some(one) => Err(fault(FILE, format!("the exception of {} gives no reason", one.scenario))),
        None => Ok(read),
    }
}

/// Reads `noise.csv`.
///
/// # Errors
/// What is wrong with it.
pub fn read_noise(bytes: &[u8]) -> Result<Vec<RecordedNoise>, RecordingError> {
    const FILE: &str = "noise.csv";
    let rows: Vec<BTreeMap<String, String>> = csv_file(FILE, bytes)?;
    rows.into_iter().map(noise).collect::<Result<_, _>>().map_err(|message| fault(FILE, message))
}

fn noise(row: BTreeMap<String, String>) -> Result<RecordedNoise, String> {
    let mut noise = RecordedNoise {
        scenario: row.get("scenario").ok_or("there is no column \"scenario\"")?.clone(),
        runs: 0,
        figures: BTreeMap::new(),
        others: BTreeMap::new(),
    };
    for (column, text) in row {
        if column == "scenario" || text.is_empty() {
            continue;
        }
        let value: f64 = text.parse().map_err(|_| format!("{}, {column}: {text}", noise.scenario))?;
        let (name, part) = column.rsplit_once('_').unwrap_or((&column, ""));
        let figures = &mut noise.figures;
        match part {
            "mean" => figures.entry(name.into()).or_default().mean = value,
            "sd" => figures.entry(name.into()).or_default().sd = value,
            "min" => figures.entry(name.into()).or_default().min = value,
            "max" => figures.entry(name.into()).or_default().max = value,
            _ if column == "runs" => noise.runs = value as u32,
            _ => drop(noise.others.insert(column, value)),
        }
    }
    Ok(noise)
}

fn run(
    number: u32,
    results: &[u8],
    open: &mut impl FnMut(&str) -> Option<Vec<u8>>,
) -> Result<RecordedRun, RecordingError> {
    let attempts = format!("attempts_r{number}.csv");
    let processes = format!("processes_r{number}.csv");
    let summary = format!("summary_r{number}.json");
    Ok(RecordedRun {
        number,
        results: csv_file(&format!("results_r{number}.csv"), results)?,
        attempts: open(&attempts).map_or(Ok(Vec::new()), |bytes| csv_file(&attempts, &bytes))?,
        processes: open(&processes).map_or(Ok(Vec::new()), |bytes| csv_file(&processes, &bytes))?,
        summary: match open(&summary) {
            Some(bytes) => {
                Some(serde_json::from_slice(&bytes).map_err(|error| fault(&summary, error.to_string()))?)
            }
            None => None,
        },
    })
}

#[derive(Deserialize)]
struct ArrivalLine {
    id: String,
    #[serde(default = "task")]
    class: String,
    arrival_ms: f64,
    duration_ms: f64,
    #[serde(default = "well", deserialize_with = "fate")]
    fate: Fate,
}

#[derive(Deserialize)]
struct TurnLine {
    id: String,
    vu: u32,
    seq: u64,
    #[serde(default = "task")]
    class: String,
    duration_ms: f64,
    #[serde(default = "well", deserialize_with = "fate")]
    fate: Fate,
    think_ms: f64,
}

#[derive(Deserialize)]
struct UserLine {
    vu: u32,
    start_ms: f64,
    stop_ms: f64,
}

/// The class where there is but one.
fn task() -> String {
    String::from("task")
}

fn arrivals(bytes: &[u8]) -> Result<Vec<RecordedArrival>, RecordingError> {
    let lines: Vec<ArrivalLine> = csv_file("workload.csv", bytes)?;
    possible(lines.iter().map(|line| [("arrival_ms", line.arrival_ms), ("duration_ms", line.duration_ms)]))?;
    let arrival = |line: ArrivalLine| RecordedArrival {
        at: Time::ZERO + millis(line.arrival_ms),
        demand: millis(line.duration_ms),
        id: line.id,
        class: line.class,
        fate: line.fate,
    };
    Ok(lines.into_iter().map(arrival).collect())
}

fn users(rows: &[u8], plans: &[u8]) -> Result<Vec<RecordedUser>, RecordingError> {
    let plans: Vec<UserLine> = csv_file("vus.csv", plans)?;
    let mut lines: Vec<TurnLine> = csv_file("workload.csv", rows)?;
    possible(lines.iter().map(|line| [("duration_ms", line.duration_ms), ("think_ms", line.think_ms)]))?;
    lines.sort_by_key(|line| (line.vu, line.seq));
    let mut users: Vec<RecordedUser> = plans
        .into_iter()
        .map(|line| RecordedUser {
            user: line.vu,
            plan: UserPlan {
                start: Time::ZERO + millis(line.start_ms),
                stop: Time::ZERO + millis(line.stop_ms),
            },
            rows: Vec::new(),
        })
        .collect();
    for line in lines {
        let user = users.iter_mut().find(|user| user.user == line.vu).ok_or_else(|| {
            fault(
                "workload.csv",
                format!("request {} belongs to user {}, who is not in vus.csv", line.id, line.vu),
            )
        })?;
        user.rows.push(RecordedTurn {
            id: line.id,
            class: line.class,
            demand: millis(line.duration_ms),
            fate: line.fate,
            think: millis(line.think_ms),
        });
    }
    Ok(users)
}

/// Holds the times of a workload's rows, by column, against what can be.
fn possible<'a>(rows: impl Iterator<Item = [(&'a str, f64); 2]>) -> Result<(), RecordingError> {
    for (row, times) in rows.enumerate() {
        if let Some((name, value)) = times.into_iter().find(|(_, value)| !is_span(*value)) {
            let line = row + 2;
            return Err(fault(
                "workload.csv",
                format!("line {line}: {name} = {value:?}: no time that can be"),
            ));
        }
    }
    Ok(())
}

/// Milliseconds as a span, to the nanosecond.
pub fn millis(ms: f64) -> Span {
    Span::from_nanos((ms * 1e6 + 0.5) as u64)
}

fn need(file: &str, open: &mut impl FnMut(&str) -> Option<Vec<u8>>) -> Result<Vec<u8>, RecordingError> {
    open(file).ok_or_else(|| fault(file, "the file is missing"))
}

pub(super) fn fault(file: &str, message: impl Into<String>) -> RecordingError {
    RecordingError { file: file.into(), message: message.into() }
}

fn toml_file<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, RecordingError> {
    let text = std::str::from_utf8(bytes).map_err(|_| fault(file, "not UTF-8"))?;
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let place = before.map_or_else(String::new, |before| {
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            format!(" at line {line}, column {column}")
        });
        fault(file, format!("TOML parse error{place}: {}", error.message()))
    })
}

fn csv_file<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<Vec<T>, RecordingError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let rows = reader.deserialize().collect::<Result<Vec<T>, _>>();
    rows.map_err(|error| fault(file, error.to_string()))
}

/// The fate of a task of which none is told.
pub(super) fn well() -> Fate {
    Fate::Ok
}

pub(super) fn fate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fate, D::Error> {
    let name = String::deserialize(deserializer)?;
    Fate::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("\"{name}\" is not a fate")))
}

/// 0 or 1, as the recorder writes a yes or no.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(u8::deserialize(deserializer)? != 0)
}
