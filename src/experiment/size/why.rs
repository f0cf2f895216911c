//! Why the next smaller candidate fails, what would help, and how steep it is around the answer.

use super::super::estimate::{self, EstimateSettings, RegimeFound, Wanted};
use super::super::metric::{Metric, Scope, Unit};
use super::super::run::{Progress, RunError};
use super::super::verdict::{Judgement, Side, Verdict};
use super::cell::{Cell, Rule, hardest, is_time};
use super::change::{changes, loaded};
use super::made::Made;
use super::{Candidate, SizeRow};
use crate::engine;
use crate::model::Model;
use crate::quantity::{format_duration, significant};
use crate::stats::paired::paired;
use crate::stats::{Estimate, Level, Replication};
use serde::{Deserialize, Serialize};

/// A single change tried in place of more capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedChange {
    /// What was done.
    pub what: String,
    /// The figure that failed.
    pub metric: String,
    /// Its unit.
    #[serde(default = "number")]
    pub unit: Unit,
    /// Its difference to the model without the change, paired by replication.
    pub difference: Estimate,
    /// Whether every objective is met with it.
    pub judgement: Judgement,
}

/// The unit where an older record does not say it.
const fn number() -> Unit {
    Unit::Number
}

/// A difference, where two shares differ by points and not by a share.
fn step(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Ratio => format!("{} percentage points", significant(value * 100.0)),
        other => shown(other, value),
    }
}

/// "7".
fn shown(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Seconds => format_duration(value),
        Unit::Ratio => format!("{} %", significant(value * 100.0)),
        Unit::PerSecond => format!("{}/s", significant(value)),
        _ => significant(value),
    }
}

fn of(scope: &Scope) -> String {
    let part = |word: &str, name: &Option<String>| name.as_ref().map(|name| format!(" {word} {name}"));
    [part("of", &scope.class), part("in", &scope.phase), part("at", &scope.pool)]
        .into_iter()
        .flatten()
        .collect()
}

/// "latency_p95 of generation 81 s [78 s, 84 s], must be at most 75 s".
fn finding(verdict: &Verdict) -> String {
    let side = match verdict.side {
        Side::AtMost => "at most",
        Side::AtLeast => "at least",
    };
    let bound = format!("must be {side} {}", shown(verdict.unit, verdict.bound));
    let name = format!("{}{}", verdict.metric, of(&verdict.scope));
    match verdict.estimate {
        Some(estimate) => {
            let [value, low, high] =
                [estimate.value, estimate.low, estimate.high].map(|x| shown(verdict.unit, x));
            let zone = verdict.indifference.map_or_else(String::new, |zone| {
                format!(", decided by the value as {} % do not matter", significant(100.0 * zone))
            });
            format!("{name} {value} [{low}, {high}], {bound}{zone}")
        }
        None => format!("{name}: {}; {bound}", verdict.reason),
    }
}

/// What a "yes" rests on beside intervals that keep clear of their bounds: the zone that does not matter, and how
/// many requests showed none of what may not happen at all.
fn provisos(verdicts: &[Verdict]) -> String {
    let one = |verdict: &Verdict| {
        let name = format!("{}{}", verdict.metric, of(&verdict.scope));
        match verdict.indifference {
            Some(_) => Some(finding(verdict)),
            None if verdict.bound == 0.0 && verdict.judgement == Judgement::Met => {
                Some(format!("{name}: {}", verdict.reason))
            }
            None => None,
        }
    };
    let list: Vec<String> = verdicts.iter().filter_map(one).collect();
    if list.is_empty() { String::new() } else { format!(" ({})", list.join("; ")) }
}

/// The answer of a row in a sentence.
pub(super) fn sentence(row: &SizeRow, range: (u32, u32), confidence: f64) -> String {
    let sure = format!("at {} % confidence", significant(confidence * 100.0));
    let at = |size: u32| row.candidates.iter().find(|one| one.size == size);
    let fails = |one: &Candidate| match hardest(&one.verdicts) {
        _ if one.unstable => format!("{} are too few: work comes in faster than it can be done", one.size),
        Some(verdict) => format!("{} do not ({})", one.size, finding(verdict)),
        None => format!("{} do not", one.size),
    };
    match (row.judgement, row.smallest) {
        (Judgement::Missed, _) | (_, None) => {
            let best = at(range.1).or(row.candidates.last()).map_or_else(String::new, fails);
            let word = if row.judgement == Judgement::Missed { sure } else { String::from("undecided") };
            format!("{word}: no size from {} to {} meets every objective; {best}", range.0, range.1)
        }
        (Judgement::Met, Some(size)) => {
            let meets = at(size).map_or_else(String::new, |one| provisos(&one.verdicts));
            let below = match size == range.0 {
                true => String::from("nothing smaller was considered"),
                false => at(size - 1).map_or_else(String::new, fails),
            };
            format!("{sure} {size} meet every objective{meets}; {below}")
        }
        (Judgement::Undecided, Some(size)) => {
            let open: Vec<String> = row
                .candidates
                .iter()
                .filter(|one| one.size < size && one.judgement == Judgement::Undecided)
                .map(|one| one.size.to_string())
                .collect();
            let needed = row
                .replications_needed
                .map_or_else(String::new, |n| format!(": about {n} replications would"));
            format!(
                "{size} meet every objective {sure}{}; whether {} do could not be settled{needed}",
                at(size).map_or_else(String::new, |one| provisos(&one.verdicts)),
                open.join(", ")
            )
        }
    }
}

/// What is known of the candidate below the answer.
pub(super) struct Below {
    pub(super) why: Vec<String>,
    pub(super) changes: Vec<TriedChange>,
}

/// Most replications of a change that is tried: it is a hint, not a proof.
const CHANGED: u32 = 40;

/// Explains a failing candidate, and tries single changes on it.
pub(super) fn below(
    model_at: &(dyn Fn(u32) -> Model + Sync),
    size: u32,
    rule: &Rule,
    (made, progress): (&Made, &dyn Progress),
) -> Result<Below, RunError> {
    let model = model_at(size);
    let mut cell = Cell::among(model.clone(), made);
    cell.decide(rule, progress)?;
    let Some(failing) = hardest(&cell.verdicts).cloned() else {
        return Ok(Below { why: Vec::new(), changes: Vec::new() });
    };
    let wanted = Wanted { name: failing.metric.clone(), scope: failing.scope.clone() };
    let why = reasons(&model, size, &failing, u64::from(rule.first).max(10))?;
    let mut tried = Vec::new();
    let level = Level::new(rule.confidence);
    let own = cell.samples(&wanted);
    for change in changes(&model) {
        let mut other = Cell::among(change.model, made);
        other.decide(&Rule { most: rule.most.min(CHANGED), ..*rule }, progress)?;
        other.extend_to(cell.made().min(u64::from(CHANGED)), progress)?;
        let Some(found) = paired(&own, &other.samples(&wanted), &level) else { continue };
        let (what, metric, unit) = (change.what, failing.metric.clone(), failing.unit);
        tried.push(TriedChange {
            what,
            metric,
            unit,
            difference: found.difference,
            judgement: other.judgement,
        });
    }
    let sign = if failing.side == Side::AtMost { 1.0 } else { -1.0 };
    tried.sort_by(|a, b| (sign * a.difference.value).total_cmp(&(sign * b.difference.value)));
    let mut why = why;
    if let Some(best) = tried.first().filter(|best| sign * best.difference.high < 0.0) {
        let by = step(failing.unit, best.difference.value.abs());
        let enough = if best.judgement == Judgement::Met {
            ", which is enough"
        } else {
            ", which alone is not enough"
        };
        let word = if failing.side == Side::AtMost { "lowers" } else { "raises" };
        why.push(format!(
            "Of the single changes tried, {} helps most: it {word} {} by {by}{enough}.",
            best.what, failing.metric
        ));
    }
    Ok(Below { why, changes: tried })
}

/// What the figures of a failing candidate say.
fn reasons(model: &Model, size: u32, failing: &Verdict, replications: u64) -> Result<Vec<String>, RunError> {
    let prepared = engine::prepare(model);
    let runs: Result<Vec<Replication>, _> = (0..replications).map(|index| prepared.run(index)).collect();
    let settings =
        EstimateSettings { timelines: false, curves: false, ..EstimateSettings::new(model.run.confidence) };
    let estimated = estimate::metrics(model, &runs.map_err(RunError::Breach)?, &settings);
    let mut why = vec![format!("With {size}: {}.", finding(failing))];
    if let RegimeFound::Unstable { growth_per_second } = &estimated.regime {
        let growth = significant(growth_per_second.value);
        why.push(format!(
            "Work comes in faster than it can be done: {growth} more requests wait each second."
        ));
        return Ok(why);
    }
    let class = Scope { class: failing.scope.class.clone(), ..Scope::default() };
    let value = |name: &str, scope: &Scope| {
        let is = |metric: &&Metric| metric.name == name && metric.scope == *scope;
        estimated.metrics.iter().find(is).map(|metric| metric.estimate.value)
    };
    let parts = [
        ("waiting for a slot", "mean_spent_waiting"),
        ("service that failed", "mean_spent_failed"),
        ("the service that decided", "mean_spent_final"),
        ("back-off", "mean_spent_backoff"),
    ];
    let spent: Vec<(&str, f64)> =
        parts.iter().filter_map(|(word, name)| Some((*word, value(name, &class)?))).collect();
    let total: f64 = spent.iter().map(|(_, seconds)| seconds).sum();
    if total > 0.0 {
        let share = |(word, seconds): &(&str, f64)| format!("{:.0} % {word}", 100.0 * seconds / total);
        let shares: Vec<String> =
            spent.iter().filter(|(_, seconds)| *seconds > 0.005 * total).map(share).collect();
        why.push(format!("A request's mean latency of {} is {}.", format_duration(total), shares.join(", ")));
    }
    for pool in model.pools.iter().filter(|pool| !pool.implicit) {
        let scope = Scope { pool: Some(pool.name.clone()), ..Scope::default() };
        let part = |name: &str| value(name, &scope).unwrap_or(0.0);
        let (useful, wasted) = (part("share_useful"), part("share_wasted") + part("share_zombie"));
        let (restart, idle) = (part("share_restarting") + part("share_starting"), part("share_idle"));
        why.push(format!(
            "Slots of {} spend {:.0} % of their time on results, {:.1} % on work that comes to nothing, {:.1} % on \
             restarts; {:.0} % they are idle.",
            pool.name,
            100.0 * useful,
            100.0 * wasted,
            100.0 * restart,
            100.0 * idle
        ));
    }
    for host in &model.hosts {
        let scope = Scope { host: Some(host.name.clone()), ..Scope::default() };
        if let Some(used) = value("core_utilization", &scope).filter(|used| *used > 0.7) {
            why.push(format!(
                "The cores of {} are {:.0} % busy: what runs there slows each other down.",
                host.name,
                100.0 * used
            ));
        }
    }
    Ok(why)
}

/// Where a little less capacity or a little more load breaks the objectives.
pub(super) fn cliffs(
    row: &SizeRow,
    model_at: &(dyn Fn(u32) -> Model + Sync),
    found: u32,
    rule: &Rule,
    progress: &dyn Progress,
) -> Result<Vec<String>, RunError> {
    let mut list = Vec::new();
    let below = row.candidates.iter().find(|one| one.size + 1 == found);
    if let Some(verdict) = below.and_then(|one| hardest(&one.verdicts)) {
        let far =
            verdict.estimate.map(|estimate| (estimate.value - verdict.bound).abs() / verdict.bound.abs());
        let unstable = below.is_some_and(|one| one.unstable);
        if unstable || (is_time(verdict.unit) && far.is_some_and(|far| far > 0.5)) {
            list.push(format!("One less is a cliff, not a slope: {}.", finding(verdict)));
        }
    }
    let mut more = Cell::new(loaded(&model_at(found), 1.1));
    if more.decide(&Rule { most: rule.most.min(8 * rule.first), ..*rule }, progress)? == Judgement::Missed {
        let what = hardest(&more.verdicts).map_or_else(String::new, finding);
        list.push(format!("10 % more load breaks it: {what}."));
    }
    Ok(list)
}
