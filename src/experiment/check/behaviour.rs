//! What a list of decisions shows of a scheduler's behaviour, and noise cannot imitate.
//!
//! A latency moves with the load of the machine; whether waiting jobs start in the order of their coming, how many
//! places are ever in use at once, or how long a dead worker's slot stays empty does not, or far less. So a queue
//! turned around, a lost slot or a retry in the wrong place shows here first.

use super::super::metric::Unit;
use super::tour::Tour;
use super::{Rule, Worse};
use crate::policy::Decision;

/// One figure of behaviour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// Its name.
    pub name: &'static str,
    /// Unit.
    pub unit: Unit,
    /// When a change of it matters.
    pub rule: Rule,
    /// What it is, for people.
    pub doc: &'static str,
}

const fn higher(relative: f64, floor: f64) -> Rule {
    Rule { relative, floor, worse: Worse::Higher }
}

/// The figures, in the order of [`behaviours`].
pub(super) const BEHAVIOURS: [Behaviour; 8] = [
    Behaviour {
        name: "peak_busy",
        unit: Unit::Count,
        rule: Rule { relative: 0.0, floor: 0.5, worse: Worse::Lower },
        doc: "most jobs with workers at once, summed over pools",
    },
    Behaviour {
        name: "service_p50",
        unit: Unit::Seconds,
        rule: higher(0.05, 1e-3),
        doc: "median time from hand-over to a good end",
    },
    Behaviour {
        name: "order_inversions",
        unit: Unit::Ratio,
        rule: higher(0.0, 0.02),
        doc: "share of starts from the queue that pass by a job that came earlier",
    },
    Behaviour {
        name: "retry_overtaken",
        unit: Unit::Count,
        rule: higher(0.05, 0.5),
        doc: "new jobs that start while a retried one waits, per retry",
    },
    Behaviour {
        name: "exit_gap",
        unit: Unit::Seconds,
        rule: higher(0.1, 1e-3),
        doc: "median time from the kill of a worker to its noticed exit",
    },
    Behaviour {
        name: "restart_gap",
        unit: Unit::Seconds,
        rule: higher(0.1, 1e-3),
        doc: "median time from the noticed exit of a worker to the start of the next in its slot",
    },
    Behaviour {
        name: "idle_while_waiting",
        unit: Unit::Ratio,
        rule: higher(0.0, 0.01),
        doc: "share of time in which a ready worker is idle and a job waits",
    },
    Behaviour {
        name: LIVE_ONLY,
        unit: Unit::Seconds,
        rule: higher(0.05, 1e-3),
        doc: "time from hand-over to a good end that the quickest tenth keep: a busy machine delays, it never hurries",
    },
];

/// The figure that only real machines need: where nothing is delayed, the median says as much.
pub(super) const LIVE_ONLY: &str = "service_p10";
/// Its share of the machine's grain: of many services the quickest tenth are hardly delayed.
pub(super) const LIVE_GRAIN: f64 = 0.25;

/// Their names.
pub fn behaviour_names() -> impl Iterator<Item = &'static str> {
    BEHAVIOURS.iter().map(|one| one.name)
}

/// Whether a figure of behaviour has this name.
pub fn is_behaviour(name: &str) -> bool {
    behaviour_names().any(|one| one == name)
}

/// The figures of one run, in the order of [`BEHAVIOURS`]; `None` where the run had no occasion to show them.
pub fn behaviours(decisions: &[Decision]) -> [Option<f64>; BEHAVIOURS.len()] {
    let mut tour = Tour::default();
    decisions.iter().for_each(|decision| tour.take(decision));
    let seen = tour.seen();
    let starts = seen.starts > 0;
    let per = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    [
        starts.then_some(seen.peak as f64),
        median(&seen.services),
        per(seen.inversions, seen.queue_starts),
        per(seen.overtaken, seen.retries),
        median(&seen.exits),
        median(&seen.restarts),
        (seen.nanos > 0 && seen.workers).then(|| seen.idle_waiting as f64 / seen.nanos as f64),
        tenth(&seen.services),
    ]
}

fn median(nanos: &[u64]) -> Option<f64> {
    let mut sorted = nanos.to_vec();
    sorted.sort_unstable();
    let middle = |index: usize| sorted.get(index).map(|&value| value as f64 / 1e9);
    let (low, high) = (middle(sorted.len().saturating_sub(1) / 2)?, middle(sorted.len() / 2)?);
    Some((low + high) / 2.0)
}

/// The longest of the shortest tenth; of few it is not told.
fn tenth(nanos: &[u64]) -> Option<f64> {
    let mut sorted = nanos.to_vec();
    sorted.sort_unstable();
    (sorted.len() / 10).checked_sub(1).and_then(|last| sorted.get(last)).map(|&value| value as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> [Option<f64>; 8] {
        let list: Vec<Decision> = lines.iter().map(|line| line.parse().unwrap()).collect();
        behaviours(&list)
    }

    #[test]
    fn every_figure_by_hand() {
        let found = of(&[
            "0 0 spawned 0",
            "0 0 ready 0",
            "1 0 start 0.0 0",
            "1.5 0 queue 0.1",
            "1.6 0 queue 0.2",
            // The later one first: an inversion.
            "3 0 start 0.2 0",
            "3 0 end 0.0 ok",
            "4 0 kill 0",
            "4 0 retry 0.2 timeout",
            "4 0 requeue 0.2",
            "4.1 0 gone 0",
            "4.1 0 respawn 0",
            "4.6 0 spawned 0",
            // Idle for a second beside two that wait.
            "4.8 0 ready 0",
            "5.8 0 start 0.1 0",
            "6.8 0 start 0.2 0",
            "6.8 0 end 0.1 ok",
            "10 0 end 0.2 ok",
        ]);
        let expected = [1.0, 2.0, 1.0 / 3.0, 1.0, 0.1, 0.5, 0.1];
        for ((found, expected), figure) in found.iter().zip(expected).zip(BEHAVIOURS) {
            let found = found.unwrap();
            assert!((found - expected).abs() < 1e-9, "{}: {found} is not {expected}", figure.name);
        }
        // Three services have no tenth; of thirty it is the third.
        assert_eq!(found[7], None);
        let millis: Vec<u64> = (1..=30).rev().map(|ms| ms * 1_000_000).collect();
        assert_eq!(tenth(&millis), Some(0.003));
    }

    #[test]
    fn what_had_no_occasion_is_not_there() {
        assert_eq!(of(&[]), [None; 8]);
        let found = of(&["0 0 start 0.0 0", "1 0 end 0.0 error"]);
        assert_eq!(found, [Some(1.0), None, None, None, None, None, None, None]);
    }
}
