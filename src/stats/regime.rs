//! Whether a load grows without bound: the slope of what is in flight over the second half of a run.
//!
//! A run is called unstable when the slope is significantly above zero over replications, is worth at least
//! [`MATERIAL`] of the arrivals and [`GAINED`] requests over the second half, and has not slackened: a queue at
//! overload grows like time, one at capacity like its root (the second half then brings 0.41 of the first half's
//! growth), one below it ever less.
//! Where it fails: loads within about a hundredth of capacity cannot be told from long warm-ups by data.

use super::estimate::Estimate;
use super::interval::{self, Level};
use super::tally::Timeline;
use crate::time::Time;

/// Growth below this share of the arrivals is not called instability.
pub const MATERIAL: f64 = 0.01;
/// Fewer requests more at the end than at half time are no queue: two long jobs in an idle system are as many.
pub const GAINED: f64 = 5.0;
/// The second half's growth must be at least this share of the first half's.
const LINEAR: f64 = 0.6;
/// Pieces into which a single replication's second half is cut to see how its growth varies.
const PIECES: usize = 8;
/// Fewer bins than this say nothing.
const FEWEST: usize = 16;

/// How a run's load in flight developed.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// Requests in flight gained per second over the second half.
    pub per_second: Estimate,
    /// Whether that means instability.
    pub unstable: bool,
}

/// One replication's course: requests in flight in the first and the second half.
struct Course {
    /// Least-squares slope over each half, per second.
    first: f64,
    second: f64,
    /// Slopes between the ends of equal pieces of the second half.
    pieces: Vec<f64>,
    /// Requests sent per second.
    rate: f64,
    /// How long the second half is, seconds.
    half: f64,
}

/// Tests the replications' timelines for growth. `ends` are the replications' ends. `None` where the timelines are
/// too short to say anything.
pub fn growth(timelines: &[(&Timeline, Time)], level: &Level) -> Option<Growth> {
    let courses: Vec<Course> = timelines.iter().filter_map(|&(line, end)| course(line, end)).collect();
    let second: Vec<f64> = courses.iter().map(|course| course.second).collect();
    let per_second = match &courses[..] {
        [] => return None,
        // Between pieces of a growing queue increments are nearly independent; of a steady one they are
        // negatively correlated, which widens the interval: the safe side.
        [only] => interval::sectioned(only.second, &only.pieces, level)?,
        _ => interval::mean(&second, level)?,
    };
    let n = courses.len() as f64;
    let first = courses.iter().map(|course| course.first).sum::<f64>() / n;
    let rate = courses.iter().map(|course| course.rate).sum::<f64>() / n;
    let half = courses.iter().map(|course| course.half).sum::<f64>() / n;
    let material = per_second.value >= MATERIAL * rate && per_second.value * half >= GAINED;
    let unstable = per_second.low > 0.0 && material && per_second.value >= LINEAR * first;
    Some(Growth { per_second, unstable })
}

/// Only whole bins while requests were still being sent: a drain after the horizon is no decline of the load.
fn course(timeline: &Timeline, end: Time) -> Option<Course> {
    let width = timeline.width.nanos();
    let whole = end.nanos().checked_div(width)? as usize;
    let sending = timeline.bins.iter().rposition(|bin| bin.sent > 0)?;
    // The bin in which sending stopped may be partly idle.
    let used = if sending < whole { sending } else { whole };
    let bins = timeline.bins.get(..used).filter(|bins| bins.len() >= FEWEST)?;
    let step = width as f64 / crate::time::NANOS;
    let levels: Vec<f64> = bins.iter().map(|bin| bin.in_flight as f64 / width as f64).collect();
    let (early, late) = levels.split_at(levels.len() / 2);
    let sent: u64 = bins.iter().map(|bin| u64::from(bin.sent)).sum();
    Some(Course {
        first: slope(early) / step,
        second: slope(late) / step,
        pieces: increments(late).into_iter().map(|rise| rise / step).collect(),
        rate: sent as f64 / (step * bins.len() as f64),
        half: step * late.len() as f64,
    })
}

/// Least-squares slope of evenly spaced values, per step.
fn slope(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let (mut above, mut below) = (0.0, 0.0);
    for (index, value) in values.iter().enumerate() {
        let x = index as f64 - middle;
        above += x * value;
        below += x * x;
    }
    if below > 0.0 { above / below } else { 0.0 }
}

/// Rise per step over each of [`PIECES`] equal pieces.
fn increments(values: &[f64]) -> Vec<f64> {
    let pieces = PIECES.min(values.len() - 1);
    let at = |piece: usize| piece * (values.len() - 1) / pieces;
    (0..pieces)
        .map(|piece| (values[at(piece + 1)] - values[at(piece)]) / (at(piece + 1) - at(piece)) as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use crate::stats::TimelineBin;
    use crate::time::Span;

    /// Requests in an M/M/1 queue from empty, 200 bins over `seconds` at 100 services per second.
    fn queue(load: f64, seconds: f64, replication: u64) -> (Timeline, Time) {
        let mut stream = Streams::new(9, replication).stream(Purpose::Search, 0);
        let width = Span::from_secs(seconds / 200.0);
        let mut timeline = Timeline { width, bins: vec![TimelineBin::default(); 200] };
        let (mut jobs, mut now) = (0u64, 0u64);
        let horizon = width.nanos() * 200;
        while now < horizon {
            let rate = 100.0 * (load + if jobs > 0 { 1.0 } else { 0.0 });
            let until = (now + Span::from_secs(stream.exp1() / rate).nanos()).min(horizon);
            let mut from = now;
            while from < until {
                let bin = from / width.nanos();
                let to = until.min((bin + 1) * width.nanos());
                timeline.bins[bin as usize].in_flight += u128::from(jobs) * u128::from(to - from);
                from = to;
            }
            now = until;
            if now < horizon {
                if stream.unit() * rate < 100.0 * load {
                    jobs += 1;
                    timeline.bins[(now / width.nanos()) as usize].sent += 1;
                } else {
                    jobs -= 1;
                }
            }
        }
        (timeline, Time::from_nanos(horizon))
    }

    fn verdict(load: f64, replications: u64, first: u64) -> Growth {
        let runs: Vec<_> = (first..first + replications).map(|r| queue(load, 200.0, r)).collect();
        let lines: Vec<_> = runs.iter().map(|(line, end)| (line, *end)).collect();
        growth(&lines, &Level::new(0.95)).unwrap()
    }

    #[test]
    fn regimes_from_half_load_to_one_and_a_half() {
        for load in [0.5, 0.7, 0.8, 0.9, 0.95] {
            assert!(!verdict(load, 10, 0).unstable, "load {load}: {:?}", verdict(load, 10, 0));
        }
        for load in [1.1, 1.2, 1.5] {
            let found = verdict(load, 10, 0);
            assert!(found.unstable, "load {load}: {found:?}");
            let exact = 100.0 * (load - 1.0);
            assert!(found.per_second.low < exact && exact < found.per_second.high, "load {load}: {found:?}");
        }
    }

    #[test]
    fn one_replication_can_be_enough() {
        let unstable = |load: f64| (0..40).filter(|&r| verdict(load, 1, r).unstable).count();
        assert!(unstable(0.8) <= 2, "{}", unstable(0.8));
        assert!(unstable(1.3) >= 38, "{}", unstable(1.3));
    }

    #[test]
    fn two_long_jobs_in_an_idle_system_are_no_queue() {
        let mut bins = vec![TimelineBin::default(); 40];
        // One arrives at 60 % of the run and one at 80 %, and neither ends.
        for (bin, entry) in bins.iter_mut().enumerate() {
            entry.in_flight = u128::from(bin >= 24) + u128::from(bin >= 32);
        }
        (bins[0].sent, bins[24].sent, bins[32].sent, bins[39].sent) = (1, 1, 1, 1);
        bins.iter_mut().for_each(|bin| bin.in_flight *= 1_000_000_000);
        let line = Timeline { width: Span::from_secs(1.0), bins };
        let end = Time::ZERO + Span::from_secs(40.0);
        let found = growth(&[(&line, end), (&line, end)], &Level::new(0.95)).unwrap();
        assert!(!found.unstable && found.per_second.low > 0.0, "{found:?}");
    }

    #[test]
    fn short_timelines_say_nothing() {
        assert_eq!(growth(&[], &Level::new(0.95)), None);
        let line = Timeline { width: Span::from_millis(1), bins: vec![TimelineBin::default(); 3] };
        assert_eq!(growth(&[(&line, Time::from_nanos(3_000_000))], &Level::new(0.95)), None);
    }
}
