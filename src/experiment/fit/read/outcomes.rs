//! The column that says how requests ended.

use super::super::Row;
use super::Fault;
use crate::outcome::Outcome;
use crate::workload::trace::Fate;
use std::collections::BTreeMap;

const HINT: &str = "outcomes are ok, error, crash, timeout and the like, true or false, or statuses of HTTP";

/// Values that are no outcome: which, and how often.
type Strange = BTreeMap<String, usize>;

fn passed_over(column: &str, strange: &Strange) -> Option<String> {
    let n: usize = strange.values().sum();
    (n > 0).then(|| {
        format!(
            "{n} values of column {column} are no outcome{}: these requests say nothing of failures",
            named(strange)
        )
    })
}

/// Some of them by name.
fn named(strange: &Strange) -> String {
    let some: Vec<String> = strange.keys().take(3).map(|text| format!("\"{text}\"")).collect();
    if some.is_empty() { String::new() } else { format!(" ({})", some.join(", ")) }
}

/// Gives requests the outcomes of their class, which `place` knows of a row: a trace is sorted, and only their number
/// matters. Gives what is to be said of values that are none.
///
/// # Errors
/// A column that was asked for and has no outcome at all.
pub(super) fn attach(
    rows: &mut [Row],
    table: &[BTreeMap<String, String>],
    column: &str,
    place: &dyn Fn(&BTreeMap<String, String>) -> usize,
    asked: bool,
) -> Result<Option<String>, Fault> {
    let mut strange = Strange::new();
    let mut seen: BTreeMap<usize, Vec<Outcome>> = BTreeMap::new();
    for row in table {
        let Some(text) = row.get(column).filter(|text| !text.trim().is_empty()) else { continue };
        match outcome_of(text) {
            Some(outcome) => seen.entry(place(row)).or_default().push(outcome),
            None => *strange.entry(text.clone()).or_default() += 1,
        }
    }
    if asked && seen.is_empty() {
        let text = format!("--outcome {column}: no value of it is an outcome{}", named(&strange));
        return Err((text, HINT.to_owned()));
    }
    for row in rows {
        row.outcome = seen.get_mut(&row.class).and_then(Vec::pop);
    }
    Ok(passed_over(column, &strange))
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
    match (status(&text), text.as_str()) {
        (Some(0 | 400..), _) | (_, "fail" | "failed" | "failure" | "ko" | "false") => Some(Outcome::Error),
        (Some(_), _) | (_, "pass" | "passed" | "success" | "true") => Some(Outcome::Ok),
        _ => Outcome::from_name(&text),
    }
}

/// A status of HTTP, whatever stands behind it (`503 Service Unavailable`, `503.0`).
fn status(text: &str) -> Option<u16> {
    let digits = text.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let alone = digits.len() == text.len();
    (alone || digits.len() == 3).then(|| digits.parse().ok()).flatten()
}
