//! Points against each other: paired differences, what an axis does, what a point costs.
//!
//! Points share their random numbers, so replication i of one is compared with replication i of the other (Law,
//! *Simulation Modeling and Analysis*, ch. 10-11). Points that are unstable have no figures and are never ranked.

use super::estimate::{RegimeFound, Wanted};
use super::metric::{Scope, Unit};
use super::outline::Outline;
use super::price::{COST, same};
use super::run::Finished;
use super::study::{Comparison, MarkShown, Priced, Sensitivity};
use super::verdict::{Judgement, overall};
use crate::stats::paired::paired;
use crate::stats::{Estimate, Level, interval};

/// Most comparisons that a record holds: beyond, nobody reads them, and the points' own figures are all there.
const COMPARISONS_MAX: usize = 2000;

/// Values of one figure by replication, those without one left out in both.
fn pairs(one: &[Option<f64>], two: &[Option<f64>]) -> (Vec<f64>, Vec<f64>) {
    one.iter().zip(two).filter_map(|(a, b)| Some(((*a)?, (*b)?))).unzip()
}

fn unit_of(wanted: &Wanted, finished: &[Finished]) -> Unit {
    let found = finished.iter().find_map(|one| one.point.metric(&wanted.name, &wanted.scope));
    found.map_or(Unit::Number, |metric| metric.unit)
}

const fn unstable(finished: &Finished) -> bool {
    matches!(finished.point.regime, RegimeFound::Unstable { .. })
}

/// Marked points against each other, then neighbours along each axis.
pub fn comparisons(outline: &Outline, finished: &[Finished]) -> Vec<Comparison> {
    let level = Level::new(outline.confidence);
    let wanted = &outline.compared;
    let units: Vec<Unit> = wanted.iter().map(|one| unit_of(one, finished)).collect();
    let mut list = Vec::new();
    for pair in marked(outline).into_iter().chain(neighbours(outline)) {
        let (one, two) = (&finished[pair.from], &finished[pair.to]);
        for (index, wanted) in wanted.iter().enumerate() {
            let time_without_limit = units[index] == Unit::Seconds && (unstable(one) || unstable(two));
            let (a, b) = pairs(&one.samples[index], &two.samples[index]);
            let alone = a.len() < 2 && !(one.certain && two.certain);
            if alone || time_without_limit || list.len() == COMPARISONS_MAX {
                continue;
            }
            let Some(found) = paired(&a, &b, &level) else { continue };
            list.push(Comparison {
                from: pair.from as u64,
                to: pair.to as u64,
                along: pair.along.clone(),
                from_label: pair.labels.0.clone(),
                to_label: pair.labels.1.clone(),
                metric: wanted.name.clone(),
                scope: wanted.scope.clone(),
                unit: units[index],
                difference: found.difference,
                variance_ratio: found.variance_ratio,
            });
        }
    }
    list
}

/// Two points to be compared.
struct Pair {
    from: usize,
    to: usize,
    along: String,
    labels: (String, String),
}

fn marked(outline: &Outline) -> Vec<Pair> {
    let pair = |two: &[MarkShown]| {
        let (one, two) = (&two[0], &two[1]);
        let (from, to) = (*one.points.first()? as usize, *two.points.first()? as usize);
        let labels = (one.name.clone(), two.name.clone());
        (from != to).then(|| Pair { from, to, along: format!("{} and {}", one.name, two.name), labels })
    };
    outline.marks.windows(2).filter_map(pair).collect()
}

fn neighbours(outline: &Outline) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (number, axis) in outline.axes.iter().enumerate() {
        let stride = outline.stride(number);
        for from in 0..outline.points() {
            let step = outline.step(from, number);
            if step + 1 < axis.labels.len() {
                let labels = (axis.labels[step].clone(), axis.labels[step + 1].clone());
                pairs.push(Pair { from, to: from + stride, along: axis.name.clone(), labels });
            }
        }
    }
    pairs
}

/// What each axis does to each figure.
pub fn sensitivity(outline: &Outline, finished: &[Finished]) -> Vec<Sensitivity> {
    let level = Level::new(outline.confidence);
    let mut list = Vec::new();
    for (column, one) in outline.compared.iter().enumerate() {
        let unit = unit_of(one, finished);
        let values: Vec<Option<f64>> = finished.iter().map(|point| mean_of(point, column, unit)).collect();
        let all = levels_of(outline, &values);
        let ends = all.iter().flatten().flatten().copied();
        let (least, most) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        let variance = spread(&values);
        for (number, levels) in all.into_iter().enumerate() {
            let Some(effect) = effect(outline, finished, column, number, unit, &level) else { continue };
            let steps = levels.windows(2).filter_map(|pair| Some((pair[1]? - pair[0]?).abs()));
            let steepest = steps.fold(0.0, f64::max) / (most - least);
            let explained = explained(outline, &values, &levels, number) / variance;
            let share = |x: f64| if x.is_finite() { x.clamp(0.0, 1.0) } else { 0.0 };
            list.push(Sensitivity {
                axis: outline.axes[number].name.clone(),
                metric: one.name.clone(),
                scope: one.scope.clone(),
                unit,
                levels,
                effect,
                steepest: share(steepest),
                explained: share(explained),
            });
        }
    }
    list
}

/// Mean over replications; `None` where a time has no limit.
fn mean_of(finished: &Finished, column: usize, unit: Unit) -> Option<f64> {
    if unit == Unit::Seconds && unstable(finished) {
        return None;
    }
    let values: Vec<f64> = finished.samples[column].iter().flatten().copied().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// By axis and value: the mean of the points there.
fn levels_of(outline: &Outline, values: &[Option<f64>]) -> Vec<Vec<Option<f64>>> {
    let at = |axis: usize, step: usize| {
        let there = values.iter().enumerate().filter(|(point, _)| outline.step(*point, axis) == step);
        let found: Vec<f64> = there.filter_map(|(_, value)| *value).collect();
        (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
    };
    let axes = outline.axes.iter().enumerate();
    axes.map(|(axis, shown)| (0..shown.labels.len()).map(|step| at(axis, step)).collect()).collect()
}

fn spread(values: &[Option<f64>]) -> f64 {
    let found: Vec<f64> = values.iter().flatten().copied().collect();
    let mean = found.iter().sum::<f64>() / found.len().max(1) as f64;
    found.iter().map(|x| (x - mean) * (x - mean)).sum()
}

/// Sum of squares between the levels of one axis.
fn explained(outline: &Outline, values: &[Option<f64>], levels: &[Option<f64>], axis: usize) -> f64 {
    let pairs = values.iter().enumerate();
    let found: Vec<(f64, f64)> =
        pairs.filter_map(|(point, value)| Some(((*value)?, levels[outline.step(point, axis)]?))).collect();
    let mean = found.iter().map(|(value, _)| value).sum::<f64>() / found.len().max(1) as f64;
    found.iter().map(|(_, level)| (level - mean) * (level - mean)).sum()
}

/// From the first value of an axis to the last, averaged over the other axes within each replication.
fn effect(
    outline: &Outline,
    finished: &[Finished],
    column: usize,
    axis: usize,
    unit: Unit,
    level: &Level,
) -> Option<Estimate> {
    let last = outline.axes[axis].labels.len().checked_sub(1).filter(|last| *last > 0)?;
    let stride = outline.stride(axis);
    let mut sums: Vec<(f64, u32)> = Vec::new();
    for point in (0..finished.len()).filter(|point| outline.step(*point, axis) == 0) {
        let (one, two) = (&finished[point], &finished[point + last * stride]);
        if unit == Unit::Seconds && (unstable(one) || unstable(two)) {
            continue;
        }
        let rows = one.samples[column].iter().zip(&two.samples[column]).enumerate();
        for (replication, (a, b)) in rows {
            let (Some(a), Some(b)) = (a, b) else { continue };
            if sums.len() <= replication {
                sums.resize(replication + 1, (0.0, 0));
            }
            sums[replication].0 += b - a;
            sums[replication].1 += 1;
        }
    }
    let means: Vec<f64> = sums.iter().filter(|(_, n)| *n > 0).map(|(sum, n)| sum / f64::from(*n)).collect();
    interval::mean(&means, level)
}

/// Cost against the first time that an objective bounds, or the p95 latency; empty without prices.
pub fn frontier(outline: &Outline, finished: &[Finished]) -> Vec<Priced> {
    let timed = outline.compared.iter().find(|one| unit_of(one, finished) == Unit::Seconds).cloned();
    let Wanted { name, scope } =
        timed.unwrap_or_else(|| Wanted { name: String::from("latency_p95"), scope: Scope::default() });
    let cost = |one: &Finished| one.point.metric(COST, &Scope::default()).map(|cost| cost.estimate.value);
    if finished.iter().all(|one| cost(one).is_none()) {
        return Vec::new();
    }
    let priced = |one: &Finished| {
        let metric = one.point.metric(&name, &scope).filter(|_| !unstable(one));
        Priced {
            point: one.point.index,
            // Where an axis takes every price away.
            cost: cost(one).unwrap_or(0.0),
            metric: name.clone(),
            scope: scope.clone(),
            estimate: metric.map(|metric| metric.estimate),
            meets: overall(&one.point.verdicts) == Some(Judgement::Met),
            efficient: false,
        }
    };
    let mut list: Vec<Priced> = finished.iter().map(priced).collect();
    for index in 0..list.len() {
        let beaten = list.iter().any(|one| beats(one, &list[index]));
        list[index].efficient = list[index].estimate.is_some() && !beaten;
    }
    list
}

/// Whether one point is no worse in both and better in one.
fn beats(one: &Priced, other: &Priced) -> bool {
    let (Some(a), Some(b)) = (one.estimate, other.estimate) else { return false };
    let equal = same(one.cost, other.cost);
    let no_worse = (equal || one.cost < other.cost) && a.value <= b.value;
    no_worse && (!equal || a.value < b.value)
}
