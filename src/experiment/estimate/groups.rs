//! Which regime it is, and which segments make one independent observation.

use super::RegimeFound;
use crate::model::{Model, Regime, WarmUp};
use crate::outcome::Outcome;
use crate::stats::regime::{Growth, growth};
use crate::stats::warmup::{Cut, mser};
use crate::stats::{Estimate, Level, Replication, Segment};
use crate::time::Time;

/// Most batches that a single steady replication is cut into (Schmeiser 1982: more gain little and correlate).
const BATCHES: usize = 30;
/// The last segment of a steady run is only given up while at least so many others remain.
const ENOUGH: usize = 4;

/// The regime and the observations.
pub(super) struct Groups<'a> {
    pub(super) regime: RegimeFound,
    /// Warm-up of each replication in seconds; `None` where refused; empty unless steady.
    pub(super) warm_up: Vec<Option<f64>>,
    /// Segments of each independent observation.
    pub(super) groups: Vec<Vec<&'a Segment>>,
    /// What part of a replication an observation is: all of it, or one of the batches that it was cut into.
    pub(super) part: f64,
}

impl<'a> Groups<'a> {
    /// One replication becomes batches of consecutive segments; several stay as they are.
    fn batched(regime: RegimeFound, warm_up: Vec<Option<f64>>, kept: Vec<Vec<&'a Segment>>) -> Groups<'a> {
        let [only] = &kept[..] else { return Groups { regime, warm_up, groups: kept, part: 1.0 } };
        let size = only.len().div_ceil(BATCHES).max(1);
        let groups: Vec<Vec<&Segment>> = only.chunks(size).map(<[&Segment]>::to_vec).collect();
        let part = 1.0 / groups.len().max(1) as f64;
        Groups { regime, warm_up, groups, part }
    }
}

/// Decides the regime of replications and what of them counts.
pub(super) fn find<'a>(
    model: &Model,
    replications: &'a [Replication],
    overloaded: bool,
    level: &Level,
) -> Groups<'a> {
    if model.run.regime == Regime::Terminating {
        let groups = replications.iter().map(|run| run.segments.iter().collect()).collect();
        return Groups { regime: RegimeFound::Terminating, warm_up: Vec::new(), groups, part: 1.0 };
    }
    let lines: Vec<_> = replications.iter().map(|run| (&run.timeline, run.end)).collect();
    match growth(&lines, level) {
        Some(Growth { per_second, unstable }) if unstable || overloaded => unsteady(replications, per_second),
        None if overloaded => unsteady(replications, Estimate::single(0.0, level.confidence())),
        _ => steady(model, replications),
    }
}

/// What can be said of an overloaded system (rates, shares) is said of the second half.
fn unsteady<'a>(replications: &'a [Replication], growth: Estimate) -> Groups<'a> {
    let kept = replications.iter().map(second_half).collect();
    Groups::batched(RegimeFound::Unstable { growth_per_second: growth }, Vec::new(), kept)
}

/// Cuts the warm-up off every replication.
///
/// MSER-5 says for each replication where it becomes steady, but what is cut off is the *median* of that, in segments,
/// from all of them. A cut of one's own follows chance as well as warm-up: a replication that happens to begin busy
/// loses that stretch and one that begins idle keeps it, so the mean over replications comes out too low (and its
/// interval misses the truth: 78 % instead of 95 % on M/M/8 at load 0.9). A common cut does not depend on what the
/// single replication did.
fn steady<'a>(model: &Model, replications: &'a [Replication]) -> Groups<'a> {
    let mut warm_up = Vec::with_capacity(replications.len());
    let mut dropped = Vec::with_capacity(replications.len());
    for run in replications {
        let cut = match model.run.warm_up {
            WarmUp::Fixed(span) => Cut::At { batches: 0, time: Time::ZERO + span },
            WarmUp::Auto => mser(&run.batches),
        };
        let (cut, segments) = match cut {
            Cut::At { time, .. } => (Some(time), segments_before(run, time)),
            Cut::Refused => (None, run.segments.len().div_ceil(2)),
        };
        warm_up.push(cut.map(Time::secs));
        dropped.push(segments);
    }
    let common = match model.run.warm_up {
        WarmUp::Fixed(_) => None,
        WarmUp::Auto => Some(median(dropped.clone())),
    };
    let mut groups = Vec::with_capacity(replications.len());
    let mut longest = 0.0;
    for (run, own) in replications.iter().zip(dropped) {
        let kept = &run.segments[common.unwrap_or(own).min(run.segments.len().saturating_sub(1))..];
        longest = kept.first().map_or(0.0, |first| first.start.secs()).max(longest);
        groups.push(without_censored(kept.iter().collect()));
    }
    let refused = warm_up.iter().filter(|cut| cut.is_none()).count() as u32;
    let regime = RegimeFound::Steady { warm_up_seconds: longest, refused };
    Groups::batched(regime, warm_up, groups)
}

/// How many segments begin before an instant.
fn segments_before(run: &Replication, cut: Time) -> usize {
    run.segments.iter().filter(|segment| segment.start < cut).count()
}

/// The lower median.
fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

/// The segments that begin at or after an instant; the last one if none does.
fn from(run: &Replication, cut: Time) -> Vec<&Segment> {
    let kept: Vec<_> = run.segments.iter().filter(|segment| segment.start >= cut).collect();
    if kept.is_empty() { run.segments.last().into_iter().collect() } else { kept }
}

/// The second half of the time in which requests were sent, without its last segment where that has counted what was
/// still under way then.
fn second_half(run: &Replication) -> Vec<&Segment> {
    let sending_ended = run.segments.last().map_or(run.end, |last| last.end);
    let mut kept = from(run, Time::from_nanos(sending_ended.nanos() / 2));
    if sending_ended < run.end && kept.len() > 1 {
        kept.pop();
    }
    kept
}

/// Gives the last segment up when requests sent in it were still alive at the end: the long ones among its
/// latencies are missing, and every mean and quantile would be too small.
fn without_censored(mut segments: Vec<&Segment>) -> Vec<&Segment> {
    let unfinished = |segment: &Segment| {
        segment.classes.iter().any(|tally| tally.outcomes[Outcome::Unfinished as usize] > 0)
    };
    if segments.len() > ENOUGH && segments.last().is_some_and(|last| unfinished(last)) {
        segments.pop();
    }
    segments
}
