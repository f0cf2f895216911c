//! Would a short disturbance tip a size over into a state that it does not leave?
//!
//! The same replication is played with and without the disturbance: the same requests, but for those that it adds. It
//! has recovered when the number of requests in flight has come back to what it is without, and stays there to the
//! end (Bronson et al., "Metastable failures in distributed systems", HotOS 2021, for the question).

use super::super::run::Progress;
use super::super::run::RunError;
use super::change::{spiked, stopped};
use crate::engine;
use crate::model::Model;
use crate::stats::{Estimate, Level, Replication, interval};
use crate::time::{Span, Time};
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
    /// From its end until in flight is as without it; over replications that recovered.
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
        let end = at.secs() + duration.secs();
        let times: Vec<Option<f64>> =
            plain.iter().zip(&disturbed).map(|(plain, disturbed)| recovery(plain, disturbed, end)).collect();
        list.push(probe(trigger, at, duration, &times, model.run.confidence));
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

/// Seconds from the end of the disturbance until in flight is as without it, to the end of the run.
fn recovery(plain: &Replication, disturbed: &Replication, end: f64) -> Option<f64> {
    let width = disturbed.timeline.width.secs();
    let level = |run: &Replication, bin: usize| {
        let wide = run.timeline.width.secs();
        let bin = ((bin as f64 + 0.5) * width / wide) as usize;
        run.timeline.bins.get(bin).map(|bin| bin.in_flight as f64 / (wide * 1e9))
    };
    // The last bin is cut short by the end of the run.
    let bins = disturbed.timeline.bins.len().saturating_sub(1);
    let apart = |bin: &usize| match (level(plain, *bin), level(disturbed, *bin)) {
        (Some(a), Some(b)) => b - a > (NEAR * a).max(1.0),
        _ => false,
    };
    let last = (0..bins).rev().find(apart);
    let back = last.map_or(0.0, |bin| (bin + 1) as f64 * width);
    // The end of the run came before the system did.
    let recovered = last.is_none_or(|last| last + 1 < bins);
    recovered.then(|| (back - end).max(0.0))
}

fn probe(trigger: &str, at: Time, duration: Span, times: &[Option<f64>], confidence: f64) -> Probe {
    let seen: Vec<f64> = times.iter().flatten().copied().collect();
    let recovery = interval::mean(&seen, &Level::new(confidence)).map(|one| one.within(0.0, f64::INFINITY));
    let shown = crate::quantity::format_duration;
    let what = match trigger {
        "spike" => format!("twice the load for {}", shown(duration.secs())),
        _ => format!("a stop of {}", shown(duration.secs())),
    };
    let sentence = match (recovery, seen.len() == times.len()) {
        (Some(one), true) => format!(
            "After {what} it recovers within {} [{}, {}].",
            shown(one.value),
            shown(one.low),
            shown(one.high)
        ),
        (_, false) if seen.len() * 2 >= times.len() => format!(
            "After {what} it recovers within the horizon in {} of {} replications only.",
            seen.len(),
            times.len()
        ),
        _ => format!("After {what} it does not recover within the horizon."),
    };
    let (recovered, replications) = (seen.len() as u64, times.len() as u64);
    let (at, duration) = (at.secs(), duration.secs());
    Probe { trigger: String::from(trigger), at, duration, recovery, recovered, replications, sentence }
}
