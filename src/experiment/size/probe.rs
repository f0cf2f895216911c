//! Would a short disturbance tip a size over into a state that it does not leave?
//!
//! Replications are played with and without the disturbance: the same requests, but for those that it adds (Bronson et
//! al., "Metastable failures in distributed systems", HotOS 2021, for the question). A replication has recovered when
//! at the end of the load it has no more in flight than the undisturbed ones there, with a quarter to spare. How long
//! that took is read off the mean course of those: until the difference to the undisturbed course is no longer both
//! significant and material. A single course would not do, because luck alone drives two courses apart; the interval
//! comes from resampling replications (Efron, 1979).

use super::super::run::Progress;
use super::super::run::RunError;
use super::change::{spiked, stopped};
use crate::engine;
use crate::model::Model;
use crate::random::{Purpose, Streams};
use crate::stats::{Estimate, Level, Replication, interval};
use crate::time::{NANOS, Span, Time};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// In flight may differ by this share of the undisturbed number, and by one request.
const NEAR: f64 = 0.25;

/// What a disturbance did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// `spike` or `stop`.
    pub trigger: String,
    /// When it began, seconds.
    pub at: f64,
    /// How long it lasted, seconds.
    pub duration: f64,
    /// From its end until as much is in flight as without it; over the replications that recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Estimate>,
    /// Replications that recovered within the horizon.
    pub recovered: u64,
    /// Replications made.
    pub replications: u64,
    /// In a sentence.
    pub sentence: String,
}

/// A spike (twice the load) and a stop, each for a fiftieth of the run, after two fifths of it.
pub(super) fn probes(
    model: &Model,
    replications: u32,
    progress: &dyn Progress,
) -> Result<Vec<Probe>, RunError> {
    let plain = runs(model, replications, progress)?;
    let length = plain.iter().map(|run| run.end.secs()).fold(f64::INFINITY, f64::min);
    let at = Time::ZERO + Span::from_secs(0.4 * length);
    let duration = Span::from_secs(length / 50.0);
    let mut list = Vec::new();
    for (trigger, disturbed) in
        [("spike", spiked(model, at, duration)), ("stop", stopped(model, at, duration))]
    {
        if disturbed == *model {
            continue;
        }
        let disturbed = runs(&disturbed, replications, progress)?;
        list.push(probe(trigger, at, duration, &Courses::new(&plain, &disturbed), model));
    }
    Ok(list)
}

fn runs(model: &Model, replications: u32, progress: &dyn Progress) -> Result<Vec<Replication>, RunError> {
    let prepared = engine::prepare(model);
    let one = |index: u32| {
        if progress.interrupted() {
            return Err(RunError::Interrupted);
        }
        prepared.run(u64::from(index)).map_err(RunError::Breach)
    };
    let results: Vec<_> = (0..replications).into_par_iter().map(one).collect();
    results.into_iter().collect()
}

/// What is in flight over time, by replication, with and without a disturbance; all on one grid.
struct Courses {
    width: f64,
    plain: Vec<Vec<f64>>,
    disturbed: Vec<Vec<f64>>,
}

/// Parts of the run over which a level is averaged: chance moves shorter stretches too much.
const SMOOTH: usize = 50;
/// The end of the run at which recovery is judged, as a part of it.
const LAST: usize = 10;
/// Times that replications are resampled.
const RESAMPLES: usize = 400;

impl Courses {
    fn new(plain: &[Replication], disturbed: &[Replication]) -> Courses {
        let runs = || plain.iter().chain(disturbed);
        let width = runs().map(|run| run.timeline.width.secs()).fold(1e-9, f64::max);
        // Only while requests are sent: an empty system at the end has not recovered by itself.
        let loaded = |run: &Replication| {
            let last = run.timeline.bins.iter().rposition(|bin| bin.sent > 0).unwrap_or(0);
            (last as f64 * run.timeline.width.secs()).min(run.end.secs())
        };
        let bins = (runs().map(loaded).fold(f64::INFINITY, f64::min) / width) as usize;
        let course = |run: &Replication| {
            let wide = run.timeline.width.secs();
            let at = |bin: usize| {
                let bin = run.timeline.bins.get(((bin as f64 + 0.5) * width / wide) as usize);
                bin.map_or(0.0, |bin| bin.in_flight as f64 / (wide * NANOS))
            };
            smooth(&(0..bins).map(at).collect::<Vec<_>>(), bins.div_ceil(SMOOTH))
        };
        let courses = |runs: &[Replication]| runs.iter().map(course).collect();
        Courses { width, plain: courses(plain), disturbed: courses(disturbed) }
    }

    /// The replications that end like undisturbed ones.
    fn recovered(&self) -> Vec<usize> {
        let last = |course: &Vec<f64>| {
            let from = course.len() - course.len().div_ceil(LAST);
            course[from..].iter().sum::<f64>() / (course.len() - from).max(1) as f64
        };
        let most = self.plain.iter().map(last).fold(0.0, f64::max);
        let allowed = most + (NEAR * most).max(1.0);
        (0..self.disturbed.len()).filter(|&index| last(&self.disturbed[index]) <= allowed).collect()
    }

    /// The instant from which the mean course of some replications, each as often as it is named, stays near the
    /// undisturbed one.
    fn back(&self, replications: &[usize], level: &Level) -> f64 {
        let bins = self.plain.first().map_or(0, Vec::len);
        let apart = |bin: &usize| {
            let differences: Vec<f64> = replications
                .iter()
                .map(|&index| self.disturbed[index][*bin] - self.plain[index][*bin])
                .collect();
            let mean = replications.iter().map(|&index| self.plain[index][*bin]).sum::<f64>();
            let near = (NEAR * mean / replications.len() as f64).max(1.0);
            interval::mean(&differences, level).is_some_and(|one| one.low > 0.0 && one.value > near)
        };
        (0..bins).rev().find(apart).map_or(0.0, |bin| (bin + 1) as f64 * self.width)
    }

    /// Seconds from an instant until the system is back, over the replications that recovered.
    fn recovery(&self, end: f64, seed: u64, confidence: f64) -> (Vec<usize>, Option<Estimate>) {
        let recovered = self.recovered();
        if recovered.len() < 2 {
            return (recovered, None);
        }
        let level = Level::new(confidence);
        let after = |replications: &[usize]| (self.back(replications, &level) - end).max(0.0);
        let value = after(&recovered);
        let mut chance = Streams::new(seed, 0).stream(Purpose::Bootstrap, 0);
        let mut resampled: Vec<f64> = (0..RESAMPLES)
            .map(|_| {
                let one = |_: &usize| recovered[chance.below(recovered.len() as u64) as usize];
                after(&recovered.iter().map(one).collect::<Vec<_>>())
            })
            .collect();
        resampled.sort_by(f64::total_cmp);
        let rank = |p: f64| resampled[((RESAMPLES - 1) as f64 * p).round() as usize];
        let tail = (1.0 - confidence) / 2.0;
        // The courses are known by bins: what they show lies within one of them to either side.
        let low = (rank(tail).min(value) - self.width).max(0.0);
        let high = rank(1.0 - tail).max(value) + self.width;
        let n = recovered.len() as u64;
        (recovered, Some(Estimate { value, low, high, n, confidence }))
    }
}

/// Means over so many neighbours.
fn smooth(course: &[f64], over: usize) -> Vec<f64> {
    let mean = |bin: usize| {
        let part = &course[bin.saturating_sub(over / 2)..(bin + over.div_ceil(2)).min(course.len())];
        part.iter().sum::<f64>() / part.len().max(1) as f64
    };
    (0..course.len()).map(mean).collect()
}

fn probe(trigger: &str, at: Time, duration: Span, courses: &Courses, model: &Model) -> Probe {
    let end = at.secs() + duration.secs();
    let (recovered, recovery) = courses.recovery(end, model.run.seed, model.run.confidence);
    let shown = crate::quantity::format_duration;
    let what = match trigger {
        "spike" => format!("twice the load for {}", shown(duration.secs())),
        _ => format!("a stop of {}", shown(duration.secs())),
    };
    let (some, all) = (recovered.len(), courses.disturbed.len());
    let within = recovery.map_or_else(String::new, |one| {
        if one.value == 0.0 {
            format!("at once, as far as can be seen (within {})", shown(one.high))
        } else {
            format!("within {} [{}, {}]", shown(one.value), shown(one.low), shown(one.high))
        }
    });
    let sentence = match some {
        _ if some == all => format!("After {what} it recovers {within}."),
        0 | 1 => {
            format!("After {what} it does not recover within the horizon ({some} of {all} replications do).")
        }
        _ => format!(
            "After {what} {some} of {all} replications recover, {within}; the others do not within the horizon."
        ),
    };
    let (at, duration) = (at.secs(), duration.secs());
    let (recovered, replications) = (some as u64, all as u64);
    Probe { trigger: String::from(trigger), at, duration, recovery, recovered, replications, sentence }
}
