//! How much load a capacity carries: a bisection whose ends are proved, so that they are an interval of the limit.
//!
//! Loads are multiples of the model's own, in steps of a fiftieth. Three borders are bracketed and halved: the
//! largest load that is shown to meet every objective, the smallest that is shown to fail, and between them the load
//! at which the figures themselves cross a bound. Every load is judged like a candidate of the search, so each end is
//! wrong with at most half of the error that is allowed, as far as more load is never better.

use super::cell::{Cell, Rule};
use super::change::loaded;
use crate::experiment::run::{Progress, RunError};
use crate::experiment::verdict::{Judgement, Verdict};
use crate::model::Model;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much load a capacity carries, as a multiple of the model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadBound {
    /// The capacity.
    pub size: u32,
    /// The largest multiple that was shown to meet every objective; `None` where none was.
    pub carries: Option<f64>,
    /// The smallest that was shown to fail; `None` where none was.
    pub fails: Option<f64>,
    /// The largest at which the figures themselves, without their intervals, meet every objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<f64>,
}

/// Steps of a load.
const PER_UNIT: f64 = 50.0;
/// The largest load that is considered: ten times the model's.
const MOST: u32 = 500;
/// Most replications of a load, as a multiple of the first look's: a limit is no answer to a yes-or-no question, so a
/// wider interval is an answer too.
const EFFORT: u32 = 2;

/// What is known of a load.
#[derive(Clone, Copy)]
struct Seen {
    judgement: Judgement,
    /// Whether the figures themselves meet every bound.
    good: bool,
}

struct Loads<'a> {
    model: &'a Model,
    rule: Rule,
    seen: BTreeMap<u32, Seen>,
    progress: &'a dyn Progress,
}

impl Loads<'_> {
    fn at(&mut self, step: u32) -> Result<Seen, RunError> {
        if let Some(seen) = self.seen.get(&step) {
            return Ok(*seen);
        }
        let mut cell = Cell::new(loaded(self.model, f64::from(step) / PER_UNIT));
        let judgement = cell.decide(&self.rule, self.progress)?;
        let good = judgement == Judgement::Met || cell.verdicts.iter().all(by_value);
        let seen = Seen { judgement, good };
        self.seen.insert(step, seen);
        Ok(seen)
    }

    /// The first step for which `beyond` holds, from 1 to one more than [`MOST`]: between the steps that are known, from
    /// `guess` where nothing is.
    fn border(&mut self, guess: u32, beyond: fn(&Seen) -> bool) -> Result<u32, RunError> {
        let mut above = self.seen.iter().find(|(_, seen)| beyond(seen)).map_or(MOST + 1, |(step, _)| *step);
        let mut below = self.seen.range(..above).next_back().map_or(0, |(step, _)| *step);
        let mut stride = (guess / 12).max(1);
        while above - below > 1 {
            let next = match (below > 0, above <= MOST) {
                (true, true) => below + (above - below) / 2,
                (true, false) => (below + stride).min(MOST),
                (false, true) => above.saturating_sub(stride).max(1),
                (false, false) => guess.clamp(1, MOST),
            };
            stride *= 2;
            if beyond(&self.at(next)?) { above = next } else { below = next }
        }
        Ok(above)
    }
}

/// Whether a figure lies on the good side of its bound.
fn by_value(verdict: &Verdict) -> bool {
    let Some(estimate) = verdict.estimate else { return verdict.judgement == Judgement::Met };
    verdict.side.holds(estimate.value, verdict.bound)
}

/// The largest load that a model carries, searched from `guess` on.
///
/// # Errors
/// A [`RunError`].
pub fn largest_load(
    model: &Model,
    size: u32,
    guess: f64,
    rule: &Rule,
    progress: &dyn Progress,
) -> Result<LoadBound, RunError> {
    let rule = Rule { most: rule.most.min(EFFORT * rule.first), ..*rule };
    let mut loads = Loads { model, rule, seen: BTreeMap::new(), progress };
    let guess = (guess * PER_UNIT).round().clamp(1.0, f64::from(MOST)) as u32;
    let crossed = loads.border(guess, |seen| !seen.good)?;
    let unsure = loads.border(crossed, |seen| seen.judgement != Judgement::Met)?;
    let refuted = loads.border(crossed, |seen| seen.judgement == Judgement::Missed)?;
    let factor = |step: u32| (1..=MOST).contains(&step).then_some(f64::from(step) / PER_UNIT);
    Ok(LoadBound { size, carries: factor(unsure - 1), fails: factor(refuted), estimate: factor(crossed - 1) })
}
