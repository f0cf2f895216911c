//! How a replication is cut into segments: the phases of a terminating run, or equal parts of a steady one.

use super::{Model, Regime, RunLength};
use crate::time::Time;

/// Parts of a steady run: fine enough for a warm-up cut, coarse enough to stay small.
const STEADY_SEGMENTS: u64 = 32;

/// When segments change.
#[derive(Clone, Debug)]
pub enum Cuts {
    /// At these instants: (start, phase), ascending.
    Times(Vec<(Time, usize)>),
    /// Whenever so many more requests have been sent.
    Requests {
        /// How many.
        every: u64,
    },
}

impl Cuts {
    /// Where a model's replications are cut.
    pub fn of(model: &Model) -> Cuts {
        match (model.run.regime, model.run.length) {
            (Regime::Steady, RunLength::Requests(requests)) => {
                Cuts::Requests { every: requests.div_ceil(STEADY_SEGMENTS).max(1) }
            }
            (Regime::Steady, RunLength::Horizon(horizon)) => {
                let part = |index: u64| Time::from_nanos(horizon.nanos() / STEADY_SEGMENTS * index);
                Cuts::Times((0..STEADY_SEGMENTS).map(|index| (part(index), 0)).collect())
            }
            (Regime::Terminating, RunLength::Requests(_)) if model.phases.is_empty() => {
                Cuts::Requests { every: u64::MAX }
            }
            (Regime::Terminating, _) => Cuts::Times(phase_cuts(model)),
        }
    }
}

/// The phases in time order; time that belongs to none counts to the phase before it, or to the first.
fn phase_cuts(model: &Model) -> Vec<(Time, usize)> {
    let mut cuts: Vec<(Time, usize)> =
        model.phases.iter().enumerate().map(|(index, phase)| (phase.start, index)).collect();
    cuts.sort_by_key(|&(start, _)| start);
    match cuts.first_mut() {
        Some(first) => first.0 = Time::ZERO,
        None => cuts.push((Time::ZERO, 0)),
    }
    cuts
}
