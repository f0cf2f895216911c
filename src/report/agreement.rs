//! Two worlds or two records side by side: the answer in a sentence, and tables of figures, requests, causes, inputs.

use super::figure;
use super::summary::in_points;
use super::table::Table;
use super::words;
use crate::experiment::Unit;
use crate::experiment::agreement::explain::Explained;
use crate::experiment::agreement::records::{InputChange, effect};
use crate::experiment::agreement::whole::{self, MODEL_DRIVEN, System, TRACE_DRIVEN};
use crate::experiment::agreement::{Agreed, Agreement};
use crate::experiment::record::Record;
use crate::stats::{Equivalence, Estimate};

/// Most figures of a table that is meant to be read.
const ROWS_MAX: usize = 40;

/// The answer of a comparison; `None` for other records.
pub fn answer(record: &Record) -> Option<String> {
    let all = &record.study.agreements;
    let verdict = whole::verdict(all)?;
    // Of a replay there are two simulations; both are "simulated" in short.
    let short = |name: &str| name.split(',').next().unwrap_or_default().to_owned();
    let pair = all
        .first()
        .map_or_else(String::new, |one| format!("{} and {}", short(&one.first), short(&one.second)));
    let systems = whole::systems(all);
    let traced = systems.iter().any(|one| one.decides.is_trace_driven());
    let told = match systems.as_slice() {
        [one] if traced => of_one(one),
        many if traced => of_many(verdict, many),
        _ if record.points.len() == 2 && record.points[0].fingerprint == record.points[1].fingerprint => {
            format!("the same results to the last bit {}", counted(all.iter()))
        }
        _ => format!("{} {}", verdict.word(), counted(all.iter())),
    };
    Some(format!("{}: {pair}: {told}", record.name))
}

/// Said of a verdict beside that of the whole: what is open there is not covered by it.
const fn no_agreement(verdict: Equivalence) -> &'static str {
    if matches!(verdict, Equivalence::Undecided) { ", which is no agreement" } else { "" }
}

/// A recording or a replay: what decides comes first.
fn of_one(system: &System<'_>) -> String {
    let own = counted([system.decides].into_iter());
    let word = system.decides.verdict.word();
    match system.predicted {
        Some(one) if system.verdict() != system.decides.verdict => format!(
            "{} as predicted from the model {}; under the same input: {word} {own}",
            one.verdict.word(),
            counted([one].into_iter()),
        ),
        Some(one) => format!(
            "{word} under the same input {own}; as predicted from the model: {}{}",
            one.verdict.word(),
            no_agreement(one.verdict)
        ),
        None => format!("{word} under the same input {own}"),
    }
}

/// Several recordings: how many of them say what, to each of the two questions.
fn of_many(verdict: Equivalence, systems: &[System<'_>]) -> String {
    let told = |what: &str, all: Vec<&Agreement>| {
        let count = |wanted| all.iter().filter(|one| one.verdict == wanted).count();
        let (same, other, open) =
            (count(Equivalence::Equivalent), count(Equivalence::Different), count(Equivalence::Undecided));
        let rest = if open > 0 { no_agreement(Equivalence::Undecided) } else { "" };
        format!("{what}: {same} of {} equivalent, {other} different, {open} undecided{rest}", all.len())
    };
    let traced = systems.iter().map(|one| one.decides).filter(|one| one.is_trace_driven()).collect();
    let alone = systems.iter().map(|one| one.decides).filter(|one| !one.is_trace_driven());
    let predicted: Vec<&Agreement> = systems.iter().filter_map(|one| one.predicted).chain(alone).collect();
    let mut parts = vec![told("under the same input", traced)];
    if !predicted.is_empty() {
        parts.push(told("as predicted from the model", predicted));
    }
    format!("{} ({})", verdict.word(), parts.join("; "))
}

/// Figures by verdict, and for how much of it the verdict stands.
fn counted<'a>(all: impl Iterator<Item = &'a Agreement>) -> String {
    let all: Vec<&Agreement> = all.collect();
    let count = |wanted| all.iter().map(|one| one.count(wanted)).sum::<usize>();
    let (same, other, open) =
        (count(Equivalence::Equivalent), count(Equivalence::Different), count(Equivalence::Undecided));
    let total = same + other + open;
    format!("({same} of {total} figures equivalent, {other} different, {open} undecided{})", reach(&all))
}

/// For how much of it the verdict stands.
fn reach(all: &[&Agreement]) -> String {
    let settled: Vec<&&Agreement> = all.iter().filter(|one| one.verdict == Equivalence::Equivalent).collect();
    match settled.len() {
        0 => String::new(),
        some if some < all.len() => format!("; {some} of {} comparisons are equivalent", all.len()),
        _ if settled.iter().all(|one| one.count(Equivalence::Undecided) == 0) => String::new(),
        _ => String::from(": of single classes or phases, which have too few requests"),
    }
}

/// What a comparison of worlds says in sentences: how far it is agreement, and what would close the gap.
pub fn sentences(record: &Record) -> Vec<String> {
    let all = &record.study.agreements;
    let mut list: Vec<String> = Vec::new();
    if all.iter().any(|one| one.requests.is_some()) && all.len() <= 2 {
        list.extend(all.iter().map(sentence));
    }
    list.extend(record.study.explained.as_ref().map(cause));
    list
}

fn sentence(one: &Agreement) -> String {
    let what = match one.how.as_str() {
        TRACE_DRIVEN => "Under the arrivals and demands that were measured (an error of the physics)",
        MODEL_DRIVEN => "As predicted from the model (an error of its load as well)",
        other => other,
    };
    let count = |wanted| one.count(wanted);
    let (same, other, open) =
        (count(Equivalence::Equivalent), count(Equivalence::Different), count(Equivalence::Undecided));
    let word = one.verdict.word();
    let total = same + other + open;
    let open = match (open, one.verdict) {
        (0, _) => String::new(),
        (_, Equivalence::Equivalent) => {
            format!(", {open} of single classes or phases undecided, which is no agreement of those")
        }
        _ => format!(", {open} undecided, which is no agreement"),
    };
    let reach = if one.verdict == Equivalence::Equivalent { " for all requests together" } else { "" };
    format!("{what}: {word}{reach}; {same} of {total} figures are equivalent, {other} different{open}.")
}

/// The change that closes most of the gap, if any surely does.
fn cause(explained: &Explained) -> String {
    let of = &explained.worst_of;
    if !explained.matters() {
        return String::from(
            "There is nothing to explain: no figure is farther off than what does not matter.",
        );
    }
    let worst = figure::plain(Unit::Number, explained.worst);
    match explained.closings.iter().find(|one| one.sure) {
        Some(best) => {
            let others: Vec<String> = explained
                .closings
                .iter()
                .filter(|one| one.sure && *one != best)
                .map(|one| format!("{}, {}", one.semantic, one.change))
                .collect();
            let others = if others.is_empty() {
                String::from("; beyond it nothing that was tried is a cause")
            } else {
                format!("; beyond it: {}", others.join("; "))
            };
            let share = figure::plain(Unit::Ratio, best.share);
            format!(
                "What closes most of the gap: {}, {} ({share} of it){others}.",
                best.semantic, best.change
            )
        }
        None => {
            let nearest = explained.closings.first().filter(|one| one.closes.value > 0.0);
            let nearest = nearest.map_or_else(String::new, |one| {
                format!(" Nearest comes: {}, {}, which is no claim.", one.semantic, one.change)
            });
            format!(
                "Nothing that was tried surely closes half of the gap; {of} is farthest off, by {worst} times what does \
                 not matter.{nearest}"
            )
        }
    }
}

/// Every table of a comparison.
pub fn tables(record: &Record) -> Vec<Table> {
    let study = &record.study;
    let mut tables = Vec::new();
    tables.extend(inputs(&study.inputs, study.agreements.first()));
    tables.extend(study.explained.as_ref().map(explained));
    tables.extend(verdicts(&study.agreements));
    if study.agreements.len() > 1 {
        tables.push(summary(&study.agreements));
    }
    // Of many comparisons only what needs reading: the page has the rest.
    let many = study.agreements.len() > 4;
    for agreement in study.agreements.iter().filter(|one| !many || one.verdict != Equivalence::Equivalent) {
        tables.extend(requests(agreement));
        tables.push(figures(agreement));
    }
    tables
}

/// A difference beside the values that differ, of shares in percentage points; what did not scatter stands alone.
fn difference(unit: Unit, estimate: &Estimate, like: f64) -> String {
    let text = figure::with_interval_like(unit, estimate, like);
    in_points(unit, text)
}

/// One row for each of several recordings.
fn verdicts(agreements: &[Agreement]) -> Option<Table> {
    let systems = whole::systems(agreements);
    let traced = systems.iter().any(|one| one.decides.is_trace_driven());
    let row = |one: &System<'_>| {
        let (same, predicted) = match one.decides.is_trace_driven() {
            true => (Some(one.decides), one.predicted),
            false => (None, Some(one.decides)),
        };
        let word = |one: Option<&Agreement>| one.map_or("", |one| one.verdict.word()).to_owned();
        vec![one.name.to_owned(), one.verdict().word().to_owned(), word(same), word(predicted)]
    };
    (systems.len() > 1 && traced).then(|| Table {
        title: String::from("Verdicts"),
        header: ["scenario", "verdict", "under the same input", "as predicted from the model"]
            .map(String::from)
            .to_vec(),
        rows: systems.iter().map(row).collect(),
        labels: 4,
    })
}

/// One row for each comparison.
fn summary(agreements: &[Agreement]) -> Table {
    let row = |one: &Agreement| {
        let count = |wanted| one.count(wanted).to_string();
        let outcomes = one.requests.as_ref();
        vec![
            one.how.clone(),
            one.verdict.word().to_owned(),
            count(Equivalence::Equivalent),
            count(Equivalence::Different),
            count(Equivalence::Undecided),
            outcomes.map_or_else(String::new, |found| figure::plain(Unit::Ratio, found.same_outcome.value)),
            outcomes.map_or_else(String::new, |found| figure::plain(Unit::Seconds, found.distance_p50)),
        ]
    };
    Table {
        title: String::from("In all"),
        header: [
            "comparison",
            "verdict",
            "equivalent",
            "different",
            "undecided",
            "same outcome",
            "distance of a request, median",
        ]
        .map(String::from)
        .to_vec(),
        rows: agreements.iter().map(row).collect(),
        labels: 2,
    }
}

fn inputs(changes: &[InputChange], agreement: Option<&Agreement>) -> Option<Table> {
    let agreement = agreement.filter(|_| !changes.is_empty())?;
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| String::from("(not set)"));
    let row = |change: &InputChange| vec![change.path.clone(), value(&change.first), value(&change.second)];
    Some(Table {
        title: String::from("What changed in the input"),
        header: vec![String::from("value"), agreement.first.clone(), agreement.second.clone()],
        rows: changes.iter().map(row).collect(),
        labels: 3,
    })
}

fn explained(explained: &Explained) -> Table {
    let answer = |one: &crate::experiment::agreement::explain::Closing| match one {
        _ if !explained.matters() => "nothing to close",
        one if one.sure => "a cause",
        one if one.closes.high < 0.0 => "widens",
        one if one.beyond.is_some() && one.closes.low > 0.0 => "nothing beyond the first",
        _ => "no claim",
    };
    let row = |one: &crate::experiment::agreement::explain::Closing| {
        vec![
            one.semantic.clone(),
            one.change.clone(),
            figure::plain(Unit::Ratio, one.share),
            figure::with_interval(Unit::Number, &one.closes),
            one.beyond
                .as_ref()
                .map_or_else(String::new, |beyond| figure::with_interval(Unit::Number, beyond)),
            answer(one).to_owned(),
        ]
    };
    let gap = figure::with_interval(Unit::Number, &explained.gap);
    Table {
        title: format!(
            "What would close the gap of {gap} (1: what does not matter), over {} seeds",
            explained.seeds
        ),
        header: ["semantic", "changed", "of the gap", "closes", "beyond the first", "answer"]
            .map(String::from)
            .to_vec(),
        rows: explained.closings.iter().map(row).collect(),
        labels: 2,
    }
}

fn requests(agreement: &Agreement) -> Option<Table> {
    let found = agreement.requests.as_ref()?;
    let row = |what: &str, text: String| vec![what.to_owned(), text];
    let share = |estimate: &Estimate| figure::with_interval(Unit::Ratio, estimate);
    Some(Table {
        title: format!("Request by request ({})", agreement.how),
        header: vec![String::from("figure"), String::from("value")],
        rows: vec![
            row("requests in both", figure::grouped(found.pairs)),
            row("in one alone", figure::grouped(found.alone)),
            row("same outcome", share(&found.same_outcome)),
            row(
                "as many hand-overs",
                found.same_hand_overs.as_ref().map_or_else(|| String::from("not told"), share),
            ),
            row("latency within the margin", share(&found.within_margin)),
            row("distance of latencies, median", figure::plain(Unit::Seconds, found.distance_p50)),
            row("distance of latencies, 95th percentile", figure::plain(Unit::Seconds, found.distance_p95)),
        ],
        labels: 1,
    })
}

fn figures(agreement: &Agreement) -> Table {
    let mut ordered: Vec<&Agreed> = agreement.figures.iter().collect();
    // The worst first: what is read is what needs reading.
    ordered.sort_by(|a, b| b.verdict.cmp(&a.verdict).then(effect(b).total_cmp(&effect(a))));
    let left = ordered.len().saturating_sub(ROWS_MAX);
    let row = |one: &&Agreed| {
        // All four of a row are read against each other, so their times have one unit.
        let like = [one.first, one.second].into_iter().flatten().map(f64::abs).fold(0.0, f64::max);
        let plain = |value: f64| figure::plain_beside(one.unit, value, like);
        let value = |value: Option<f64>| value.map_or_else(String::new, plain);
        let estimate = &one.difference;
        let difference = if estimate.low.is_finite() && estimate.high.is_finite() {
            difference(one.unit, estimate, like)
        } else if estimate.value.is_finite() {
            format!("{} (no interval)", in_points(one.unit, plain(estimate.value)))
        } else {
            String::new()
        };
        vec![
            format!("{}{}", one.metric, words::scope(&one.scope)),
            one.verdict.word().to_owned(),
            value(one.first),
            value(one.second),
            difference,
            format!("±{}", in_points(one.unit, plain(one.margin))),
        ]
    };
    let more = if left > 0 {
        format!(", the {ROWS_MAX} with the largest effect of {}", ordered.len())
    } else {
        String::new()
    };
    Table {
        title: format!("{} against {} ({}){more}", agreement.second, agreement.first, agreement.how),
        header: ["metric", "verdict", &agreement.first, &agreement.second, "difference", "margin"]
            .map(String::from)
            .to_vec(),
        rows: ordered.iter().take(ROWS_MAX).map(row).collect(),
        labels: 2,
    }
}
