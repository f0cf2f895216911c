//! What the rows of a recording say together: names that belong to each other, words that mean something, times that can
//! be. A row that says something else would quietly count for something else.

use super::read::fault;
use super::{RecordedRun, RecordedScenario, RecordedWorkload, RecordingError};
use std::collections::BTreeSet;

/// The words for how a task ended.
const OUTCOMES: [&str; 5] = ["ok", "timeout", "error", "crash", "other"];

/// Longest instant or span, milliseconds: a year.
const LONGEST: f64 = 31_536_000_000.0;

/// Holds a scenario's files against each other.
///
/// # Errors
/// The first row that cannot be, with its line.
pub(super) fn check(scenario: &RecordedScenario) -> Result<(), RecordingError> {
    let ids = workload(&scenario.workload)?;
    scenario.runs.iter().try_for_each(|run| self::run(run, &ids))
}

/// Names of the workload's tasks.
fn workload(workload: &RecordedWorkload) -> Result<BTreeSet<&str>, RecordingError> {
    const FILE: &str = "workload.csv";
    let mut ids = BTreeSet::new();
    let rows: Vec<&str> = match workload {
        RecordedWorkload::Open(rows) => rows.iter().map(|row| row.id.as_str()).collect(),
        RecordedWorkload::Closed(users) => {
            users.iter().flat_map(|user| &user.rows).map(|row| row.id.as_str()).collect()
        }
    };
    match rows.iter().find(|id| !ids.insert(**id)) {
        Some(id) => Err(fault(FILE, format!("task {id} is there twice"))),
        None => Ok(ids),
    }
}

fn run(run: &RecordedRun, ids: &BTreeSet<&str>) -> Result<(), RecordingError> {
    let results = format!("results_r{}.csv", run.number);
    if run.results.is_empty() {
        return Err(fault(&results, "no task is in it"));
    }
    let mut ended = BTreeSet::new();
    for (row, result) in run.results.iter().enumerate() {
        let id = result.id.as_str();
        let wrong = |what: String| Err(at(&results, row, format!("task {id}: {what}")));
        if !ids.contains(id) {
            return wrong(String::from("there is no such task in workload.csv"));
        }
        if !ended.insert(id) {
            return wrong(String::from("it has a row already"));
        }
        if !OUTCOMES.contains(&result.outcome.as_str()) {
            return wrong(format!(
                "\"{}\" is no outcome; it is one of {}",
                result.outcome,
                OUTCOMES.join(", ")
            ));
        }
        let spans = [("duration_ms", Some(result.duration_ms)), ("latency_ms", result.latency_ms)];
        if let Some((name, value)) = spans.into_iter().find(|(_, value)| !value.is_none_or(is_span)) {
            return wrong(format!("{name} = {:?}: no time that can pass", value.unwrap_or(f64::NAN)));
        }
        if !is_instant(result.submit_ms) {
            return wrong(format!("submit_ms = {:?}: no instant of a run", result.submit_ms));
        }
    }
    let attempts = format!("attempts_r{}.csv", run.number);
    for (row, attempt) in run.attempts.iter().enumerate() {
        let wrong = |what: String| Err(at(&attempts, row, format!("task {}: {what}", attempt.id)));
        if !ended.contains(attempt.id.as_str()) {
            return wrong(format!("it is not in {results}"));
        }
        if attempt.attempt == 0 {
            return wrong(String::from("attempts are counted from 1"));
        }
        let instants = [attempt.recv_ms, attempt.done_ms, attempt.end_ms];
        if !is_instant(attempt.start_ms) || !instants.into_iter().flatten().all(is_instant) {
            return wrong(String::from("a time is no instant of a run"));
        }
        if attempt.end_ms.is_some_and(|end| end < attempt.start_ms) {
            return wrong(String::from("it ends before it starts"));
        }
    }
    let processes = format!("processes_r{}.csv", run.number);
    match run.processes.iter().position(|event| !is_instant(event.t_ms)) {
        Some(row) => Err(at(&processes, row, String::from("t_ms is no instant of a run"))),
        None => Ok(()),
    }
}

/// Whether so many milliseconds can pass, or lie between the start and an instant.
pub(super) fn is_span(ms: f64) -> bool {
    (0.0..=LONGEST).contains(&ms)
}

/// Before the start, too: workers of a warm start.
fn is_instant(ms: f64) -> bool {
    (-LONGEST..=LONGEST).contains(&ms)
}

/// A fault in a row, counted from 0 below the header.
fn at(file: &str, row: usize, message: String) -> RecordingError {
    fault(file, format!("line {}: {message}", row + 2))
}
