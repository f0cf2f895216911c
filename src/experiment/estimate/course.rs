//! Courses over time with bands over replications, and distributions as curves.

use super::sums::Requests;
use super::{Band, Curve};
use crate::experiment::metric::{Scope, Unit};
use crate::outcome::Outcome;
use crate::stats::{Ranks, Replication, Timeline, TimelineBin};

/// Points of a quantile curve.
const POINTS: usize = 200;
/// Points among the fastest values, below the first of those.
const FAST: usize = 12;
/// Most leaps over times that no request took which a curve has points on both sides of.
const LEAPS: usize = 200;

/// One replication's value of something in one bin.
type Seen = fn(&Timeline, &TimelineBin, usize, f64) -> Option<f64>;

/// The courses; the last argument is the bin's width in nanoseconds.
const COURSES: [(&str, Unit, Seen); 8] = [
    ("queue_length", Unit::Count, |_, bin, _, nanos| Some(bin.queue as f64 / nanos)),
    ("busy_slots", Unit::Count, |_, bin, _, nanos| Some(bin.busy as f64 / nanos)),
    ("in_flight", Unit::Count, |_, bin, _, nanos| Some(bin.in_flight as f64 / nanos)),
    ("arrival_rate", Unit::PerSecond, |_, bin, _, nanos| Some(per_second(bin.sent, nanos))),
    ("throughput", Unit::PerSecond, |_, bin, _, nanos| {
        Some(per_second(bin.outcomes[Outcome::Ok as usize], nanos))
    }),
    ("failure_rate", Unit::PerSecond, |_, bin, _, nanos| Some(per_second(failures(bin), nanos))),
    ("latency_p50", Unit::Seconds, |line, _, index, _| latency(line, index, 0.5)),
    ("latency_p95", Unit::Seconds, |line, _, index, _| latency(line, index, 0.95)),
];

fn per_second(count: u32, nanos: f64) -> f64 {
    f64::from(count) / (nanos / crate::time::NANOS)
}

fn failures(bin: &TimelineBin) -> u32 {
    crate::model::FAILURES.iter().map(|kind| bin.outcomes[kind as usize]).sum()
}

fn latency(line: &Timeline, index: usize, p: f64) -> Option<f64> {
    line.latency_quantile(index, p).map(|span| span.secs())
}

/// Median, 5 % and 95 % quantile over replications of every course, by bin. A replication counts in the bins that
/// it reached.
pub(super) fn bands(replications: &[Replication]) -> Vec<Band> {
    let lines: Vec<&Timeline> = replications.iter().map(|run| &run.timeline).collect();
    let width = lines.iter().map(|line| line.width).max().unwrap_or_default();
    let bins = lines.iter().map(|line| line.bins.len()).max().unwrap_or(0);
    if bins == 0 || width.nanos() == 0 {
        return Vec::new();
    }
    COURSES
        .iter()
        .map(|&(name, unit, seen)| band(name, unit, seen, replications, bins, width.secs()))
        .collect()
}

fn band(name: &str, unit: Unit, seen: Seen, runs: &[Replication], bins: usize, width: f64) -> Band {
    let mut band = Band {
        name: name.to_string(),
        scope: Scope::default(),
        unit,
        start: 0.0,
        width,
        median: Vec::with_capacity(bins),
        low: Vec::with_capacity(bins),
        high: Vec::with_capacity(bins),
    };
    let mut values = Vec::with_capacity(runs.len());
    for index in 0..bins {
        values.clear();
        values.extend(runs.iter().filter_map(|run| {
            let nanos = covered(run, index)?;
            seen(&run.timeline, run.timeline.bins.get(index)?, index, nanos)
        }));
        values.sort_unstable_by(f64::total_cmp);
        band.median.push(nearest(&values, 0.5));
        band.low.push(nearest(&values, 0.05));
        band.high.push(nearest(&values, 0.95));
    }
    band
}

/// Nanoseconds of a bin that lie before the run's end: the last bin may be cut short, or hold what went on after the
/// horizon until the last request had ended.
fn covered(run: &Replication, index: usize) -> Option<f64> {
    let width = run.timeline.width.nanos();
    let begin = width.saturating_mul(index as u64);
    let most = if index + 1 < run.timeline.bins.len() { width } else { u64::MAX };
    let nanos = run.end.nanos().saturating_sub(begin).min(most);
    (nanos > 0).then_some(nanos as f64)
}

/// The smallest value that a share `p` of the sorted values does not exceed.
fn nearest(sorted: &[f64], p: f64) -> Option<f64> {
    let rank = (p * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// Probabilities of a curve over `n` values: evenly spaced in the logarithm of what lies beyond, from the smallest
/// value to the largest (half a value lies beyond that one), and evenly spaced in the logarithm of what lies within
/// below the first of them, which would leave the fastest out.
fn probabilities(n: u64) -> Vec<f64> {
    let decades = libm::log10(2.0 * n as f64);
    let points = POINTS.min(n as usize + 1);
    let beyond = |point: usize| libm::exp10(-decades * point as f64 / (points - 1) as f64);
    let first = 1.0 - beyond(1);
    let fast = (1..=FAST).map(|point| first * libm::exp10(-2.0 * (1.0 - point as f64 / (FAST + 1) as f64)));
    let seen = fast.filter(|p| p * n as f64 >= 1.0);
    std::iter::once(0.0).chain(seen).chain((1..points).map(|point| 1.0 - beyond(point))).collect()
}

/// The same with the last value before and the first after each leap, so that a curve is level where no value lies.
/// A value of rank k stands for probabilities from (k - 1)/n to k/n, and is found by the middle of these.
fn with_leaps(mut p: Vec<f64>, ranks: &Ranks) -> Vec<f64> {
    let n = ranks.count() as f64;
    let sides = ranks.leaps(Curve::LEAP, LEAPS).into_iter().flat_map(|rank| [rank, rank + 1]);
    p.extend(sides.map(|rank| (rank as f64 - 0.5) / n));
    p.sort_by(f64::total_cmp);
    p.dedup();
    p
}

/// Curves of latency and of the latency of successes for one scope.
pub(super) fn curves(requests: &Requests, scope: &Scope, out: &mut Vec<Curve>) {
    let mut all = requests.latency_ok.clone();
    all.merge(&requests.latency_failed);
    for (name, ranks) in [("latency", &all), ("latency_ok", &requests.latency_ok)] {
        if ranks.is_empty() {
            continue;
        }
        let count = ranks.count();
        let p = with_leaps(probabilities(count), ranks);
        let value = ranks.quantiles(&p);
        out.push(Curve {
            name: name.to_string(),
            scope: scope.clone(),
            unit: Unit::Seconds,
            count,
            p,
            value,
        });
    }
}
