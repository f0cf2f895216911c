//! What a sweep or a search says in sentences: what a planner would tell a review before showing any table.

use super::agreement;
use super::figure;
use super::words;
use crate::experiment::record::{Point, Record, World};
use crate::experiment::size::SizeAnswer;
use crate::experiment::study::{Comparison, MarkShown};
use crate::experiment::sweep;
use crate::experiment::verdict::{Verdict, overall};
use crate::experiment::{Judgement, RegimeFound, Scope, Unit};
use crate::stats::Estimate;

/// Most marks and metrics that are told one by one: beyond, the tables say it better.
const TOLD_MAX: usize = 6;

/// Sentences in the order of reading; none for a record of one point.
pub fn sentences(record: &Record) -> Vec<String> {
    let mut list = match &record.study.size {
        Some(answer) => of_search(answer),
        None if !record.study.agreements.is_empty() => of_worlds(record),
        None if record.points.len() > 1 => of_sweep(record),
        None => Vec::new(),
    };
    list.extend(agreement::sentences(record));
    list
}

/// What the figures of each world are of, the objectives of a real run, and whether its simulation says the same of them.
fn of_worlds(record: &Record) -> Vec<String> {
    let world = |wanted: World| record.points.iter().find(|point| point.world == wanted);
    let (Some(real), Some(simulated)) = (world(World::Real), world(World::Simulated)) else {
        return Vec::new();
    };
    let one = |verdict: &Verdict| {
        let same = |other: &&Verdict| {
            (&other.metric, &other.scope, other.side) == (&verdict.metric, &verdict.scope, verdict.side)
        };
        let twin = simulated.verdicts.iter().find(same);
        let twin = twin.map_or_else(String::new, |twin| {
            format!("; simulated {}, {}", words::judgement(twin.judgement), words::found(twin))
        });
        format!(
            "{}: real {}, {}{twin}.",
            words::objective(verdict),
            words::judgement(verdict.judgement),
            words::found(verdict)
        )
    };
    let how = |point: &Point| {
        format!("{}: {}; {}.", words::called(point), words::regime(point), words::effort(record, point))
    };
    record.points.iter().map(how).chain(real.verdicts.iter().map(one)).collect()
}

/// A difference as people read it: shares differ by percentage points.
pub fn difference(unit: Unit, estimate: &Estimate) -> String {
    in_points(unit, figure::with_interval(unit, estimate))
}

/// The text of a difference: of shares, percent are percentage points.
pub fn in_points(unit: Unit, text: String) -> String {
    if unit == Unit::Ratio { text.replace(" %", " pp") } else { text }
}

/// Objectives whose verdict is the same, and good, at every point: they need no table of their own.
pub fn always_met(record: &Record) -> Vec<(String, Scope)> {
    let Some(first) = record.points.first() else { return Vec::new() };
    let met = |point: &Point, wanted: &Verdict| {
        let same = |one: &&Verdict| one.metric == wanted.metric && one.scope == wanted.scope;
        point.verdicts.iter().filter(same).all(|one| one.judgement == Judgement::Met)
            && point.verdicts.iter().any(|one| same(&one))
    };
    let always = |verdict: &&Verdict| record.points.iter().all(|point| met(point, verdict));
    first.verdicts.iter().filter(always).map(|one| (one.metric.clone(), one.scope.clone())).collect()
}

fn of_sweep(record: &Record) -> Vec<String> {
    let mut list = Vec::new();
    let all = record.points.len();
    let unstable = record.points.iter().filter(|point| is_unstable(point));
    let unstable: Vec<String> = unstable.map(words::called).collect();
    if !unstable.is_empty() {
        let named =
            if unstable.len() <= TOLD_MAX { format!(": {}", unstable.join("; ")) } else { String::new() };
        list.push(format!(
            "At {} of {all} work comes in faster than it can be done: they have no times and are not ranked{named}.",
            unstable.len()
        ));
    }
    list.extend(by_load(record));
    list.extend(record.study.marks.iter().take(TOLD_MAX).filter_map(|mark| marked(record, mark)));
    list.extend(
        record.study.marks.windows(2).take(TOLD_MAX).filter_map(|two| changed(record, &two[0], &two[1])),
    );
    let always: Vec<String> =
        always_met(record).iter().map(|(metric, scope)| format!("{metric}{}", words::scope(scope))).collect();
    if !always.is_empty() {
        list.push(format!("Met at every point: {}.", always.join(", ")));
    }
    list
}

/// The point of that index in the plan: where none is missing, it stands at that place.
pub(super) fn point_at(record: &Record, index: usize) -> Option<&Point> {
    let here = |point: &&Point| point.index == index as u64;
    record.points.get(index).filter(here).or_else(|| record.points.iter().find(here))
}

/// Of a sweep over a capacity and a load: how much each load needs. The load is no choice, so no point of such a grid is
/// the best by itself.
fn by_load(record: &Record) -> Option<String> {
    let [one, two] = record.study.axes.as_slice() else { return None };
    let width = two.labels.len();
    let (capacity, load, at): (_, _, &dyn Fn(usize, usize) -> usize) =
        match (sweep::is_capacity(&one.key), sweep::is_capacity(&two.key)) {
            (true, false) => (one, two, &|size, load| size * width + load),
            (false, true) => (two, one, &|size, load| load * width + size),
            _ => return None,
        };
    let serves = load.key.starts_with("pool.") || load.key.starts_with("host.");
    let last = load.labels.len().checked_sub(1)?;
    let offered = |load| point_at(record, at(0, load)).map(sweep::offered);
    let (least, most) = (offered(0)?, offered(last)?);
    let judged = record.points.iter().all(|point| !point.verdicts.is_empty());
    if serves || !judged || least.min(most) * 1.1 >= least.max(most) {
        return None;
    }
    let met = |load: usize, size: &usize| {
        let found = point_at(record, at(*size, load)).map(|point| overall(&point.verdicts));
        found == Some(Some(Judgement::Met))
    };
    let smallest = |load: usize| (0..capacity.labels.len()).find(|size| met(load, size));
    let mut needs: Vec<(Option<usize>, Vec<&str>)> = Vec::new();
    for (index, label) in load.labels.iter().enumerate() {
        let need = smallest(index);
        match needs.last_mut().filter(|last| last.0 == need) {
            Some((_, labels)) => labels.push(label),
            None => needs.push((need, vec![label])),
        }
    }
    let part = |(need, labels): &(Option<usize>, Vec<&str>)| {
        format!("{} at {}", need.map_or("none", |size| capacity.labels[size].as_str()), labels.join(", "))
    };
    let parts: Vec<String> = needs.iter().map(part).collect();
    Some(format!(
        "Smallest {} that meets every objective, by {}: {}.",
        capacity.name,
        load.name,
        parts.join("; ")
    ))
}

const fn is_unstable(point: &Point) -> bool {
    matches!(point.regime, RegimeFound::Unstable { .. })
}

/// "before (pool size 2, time-out 120s): 4 of 6 objectives met; missed: …".
fn marked(record: &Record, mark: &MarkShown) -> Option<String> {
    let point = record.points.get(*mark.points.first()? as usize)?;
    let head = format!("{} ({})", mark.name, point.label);
    let of = point.verdicts.len();
    let met = point.verdicts.iter().filter(|one| one.judgement == Judgement::Met).count();
    if of == 0 {
        return None;
    }
    let told = |wanted: Judgement, word: &str| {
        let found = |one: &Verdict| {
            let name = format!("{}{}", one.metric, words::scope(&one.scope));
            format!("{name} {} ({})", words::found(one), words::bound(one))
        };
        let which = point.verdicts.iter().filter(|one| one.judgement == wanted);
        let parts: Vec<String> = which.map(found).collect();
        if parts.is_empty() { String::new() } else { format!("; {word}: {}", parts.join(", ")) }
    };
    let (missed, open) = (told(Judgement::Missed, "missed"), told(Judgement::Undecided, "undecided"));
    Some(format!("{head}: {met} of {of} objectives are met{missed}{open}."))
}

/// "From before to after: latency_p95 of generation -24.8 s ±2.6, …", as far as there is a difference.
fn changed(record: &Record, one: &MarkShown, two: &MarkShown) -> Option<String> {
    let (from, to) = (*one.points.first()?, *two.points.first()?);
    let between = |found: &&Comparison| found.from == from && found.to == to;
    let sure = |found: &&Comparison| found.difference.low > 0.0 || found.difference.high < 0.0;
    let part = |found: &Comparison| {
        let by = difference(found.unit, &found.difference);
        format!("{}{} {by}", found.metric, words::scope(&found.scope))
    };
    let found = record.study.comparisons.iter().filter(between).filter(sure);
    let parts: Vec<String> = found.take(TOLD_MAX).map(part).collect();
    let parts =
        if parts.is_empty() { String::from("no difference that is not chance") } else { parts.join(", ") };
    Some(format!("From {} to {}: {parts}.", one.name, two.name))
}

fn of_search(answer: &SizeAnswer) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for row in &answer.rows {
        let label = if answer.rows.len() > 1 { format!("{}: ", row.label) } else { String::new() };
        // The answer of a single row stands above: what is left is the proof.
        let told = match row.sentence.split_once("; ") {
            Some((_, proof)) if answer.rows.len() == 1 && row.judgement == Judgement::Met => proof,
            _ => row.sentence.as_str(),
        };
        list.push(format!("{label}{told}"));
        if row.more_is_worse {
            list.push(format!("{label}more is not always better here: a larger size fails."));
        }
    }
    list.extend(answer.why.iter().cloned());
    list.extend(answer.cliffs.iter().cloned());
    list.extend(best_load(answer));
    list.extend(answer.probes.iter().map(|probe| probe.sentence.clone()));
    list
}

/// How much more load the answer carries, and from which size on more capacity carries less.
fn best_load(answer: &SizeAnswer) -> Vec<String> {
    let mut list = Vec::new();
    let size = answer.rows.get(answer.chosen).and_then(|row| row.smallest);
    let own = answer.loads.iter().find(|one| Some(one.size) == size);
    if let Some((one, carries)) = own.and_then(|one| Some((one, one.carries?))) {
        let fails = one.fails.map_or_else(String::new, |fails| format!("; at {fails:.2} times it fails"));
        list.push(format!("{} carry {carries:.2} times the model's load{fails}.", one.size));
    }
    let most = answer
        .loads
        .iter()
        .filter_map(|one| Some((one.carries?, one.size)))
        .reduce(|best, one| if one.0 > best.0 { one } else { best });
    if let Some((carries, peak)) = most
        && let Some(worse) =
            answer.loads.iter().find(|one| one.size > peak && one.fails.is_some_and(|fails| fails <= carries))
    {
        list.push(format!(
            "{peak} carry the most; with {} the limit is lower again: more workers slow each other down.",
            worse.size
        ));
    }
    list
}
