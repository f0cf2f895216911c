//! How a check looks: the answer, the rows that matter, the decisions that part; for people and for machines.

mod github;
mod junit;
mod markdown;
mod text;

pub use github::annotations;
pub use junit::suite;
pub use markdown::comment;
pub use text::page;

use super::figure;
use super::summary;
use super::table::Table;
use super::words;
use crate::experiment::Unit;
use crate::experiment::check::{Checked, Difference, Row, Section, Verdict};

/// "latency_p95 of generation in spike", with the point before it where there are several.
fn what(row: &Row) -> String {
    let point = if row.point.is_empty() { String::new() } else { format!("{}: ", row.point) };
    format!("{point}{}{}", row.name, words::scope(&row.scope))
}

/// A value with as much unit as its kind needs.
fn value(unit: Unit, value: Option<f64>) -> String {
    value.map_or_else(|| String::from("–"), |value| figure::plain(unit, value))
}

/// The change with its interval.
fn change(row: &Row) -> String {
    match (&row.change, row.exact) {
        (_, true) => String::from("none"),
        (Some(change), _) => summary::difference(row.unit, change),
        (None, _) => String::from("–"),
    }
}

/// The change that does not matter.
fn threshold(row: &Row) -> String {
    summary::in_points(row.unit, value(row.unit, Some(row.threshold)))
}

fn smallest(row: &Row) -> String {
    match (row.smallest, row.exact) {
        (_, true) => String::from("any"),
        (smallest, _) => summary::in_points(row.unit, value(row.unit, smallest)),
    }
}

/// The answer in one sentence.
fn answer(checked: &Checked) -> String {
    let count = |verdict| checked.count(verdict);
    let name = &checked.name;
    match checked.verdict {
        Verdict::Worse => {
            let first = checked.rows.iter().filter(|row| row.verdict == Verdict::Worse).map(what);
            let first: Vec<String> = first.take(3).collect();
            format!(
                "worse: {name}, {} of {} figures ({})",
                count(Verdict::Worse),
                checked.rows.len(),
                first.join("; ")
            )
        }
        Verdict::Undecided | Verdict::Vanished => {
            let open = count(Verdict::Undecided) + count(Verdict::Vanished);
            format!("undecided: {name}, {open} of {} figures", checked.rows.len())
        }
        Verdict::Better => format!(
            "better: {name}, {} of {} figures, nothing worse",
            count(Verdict::Better),
            checked.rows.len()
        ),
        Verdict::Unchanged | Verdict::New => {
            let exact = checked.rows.iter().filter(|row| row.exact).count();
            let how = if exact == checked.rows.len() { ", exactly" } else { "" };
            format!("unchanged{how}: {name}, {} figures", checked.rows.len())
        }
    }
}

/// What the verdicts rest on.
fn basis(checked: &Checked) -> Vec<String> {
    let mut lines = Vec::new();
    let exact = checked.rows.iter().filter(|row| row.exact).count();
    if exact > 0 {
        lines.push(format!("{exact} figures rest on runs whose every event and decision is the same"));
    }
    let how = if checked.paired { "pair by pair" } else { "as independent ones" };
    if checked.family > 0 {
        lines.push(format!(
            "{} runs of each, compared {how}; {} figures judged together at confidence {} (Holm); \"smallest\" is the \
             least regression that would have been called worse with power {}",
            checked.runs, checked.family, checked.confidence, checked.power
        ));
    }
    lines.extend(checked.notes.iter().cloned());
    if checked.sequences > 0 {
        let parted = checked.decisions.len();
        lines.push(format!("{parted} of {} sequences of decisions differ", checked.sequences));
    }
    lines
}

/// The rows of a section that say more than "exactly as before".
fn table(checked: &Checked, section: Section, title: &str) -> Option<Table> {
    let rows = checked.rows.iter().filter(|row| row.section == section && !row.exact);
    let cells = |row: &Row| {
        vec![
            what(row),
            row.verdict.word().to_owned(),
            value(row.unit, row.before),
            value(row.unit, row.after),
            change(row),
            threshold(row),
            smallest(row),
        ]
    };
    let rows: Vec<Vec<String>> = rows.map(cells).collect();
    let header = ["", "verdict", "before", "after", "change", "threshold", "smallest"];
    let header = header.map(str::to_owned).into();
    (!rows.is_empty()).then(|| Table { title: title.to_owned(), header, rows, labels: 2 })
}

/// Every table of a check.
fn tables(checked: &Checked) -> Vec<Table> {
    let sections = [
        (Section::Behaviour, "Behaviour"),
        (Section::Metric, "Metrics"),
        (
            Section::Shape,
            "Shape (share of latencies below the one at which the distributions lie furthest apart)",
        ),
    ];
    sections.into_iter().filter_map(|(section, title)| table(checked, section, title)).collect()
}

/// A difference of decisions in sentences.
fn told(difference: &Difference) -> Vec<String> {
    let mut lines = Vec::new();
    let at = figure::plain(Unit::Seconds, difference.at);
    let same = difference.same;
    lines.push(if difference.kept {
        format!("{}: {same} decisions are the same, then at {at} they part", difference.of)
    } else {
        format!(
            "{}: {same} decisions are the same; the first that differs comes soon after {at}, beyond what the \
             baseline keeps",
            difference.of
        )
    });
    let shown = |line: &Option<String>| line.clone().unwrap_or_else(|| String::from("nothing more"));
    if difference.kept {
        lines.push(format!("before: {}", shown(&difference.before)));
        lines.push(format!("now:    {}", shown(&difference.after)));
    }
    let state = &difference.state;
    let more = if state.waiting as usize > state.queue.len() { ", …" } else { "" };
    lines.push(format!("queue:  {} waiting ({}{more})", state.waiting, state.queue.join(", ")));
    let slots: Vec<String> =
        state.slots.iter().enumerate().map(|(number, slot)| format!("{number} {slot}")).collect();
    lines.push(format!("slots:  {}", slots.join(", ")));
    let effects: Vec<String> = difference
        .effects
        .iter()
        .take(EFFECTS_SHOWN)
        .map(|one| {
            let (before, after) = (figure::plain(one.unit, one.before), figure::plain(one.unit, one.after));
            format!("{} {before} to {after}", one.name)
        })
        .collect();
    if !effects.is_empty() {
        lines.push(format!("effect: {}", effects.join(", ")));
    }
    lines
}

/// Figures of a difference that are named.
const EFFECTS_SHOWN: usize = 6;
/// Differences that are told; the document has all.
const TOLD: usize = 4;
