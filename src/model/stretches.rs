//! How a replication is cut into segments: the phases of a terminating run, or equal parts of a steady one.

use super::{Model, Phase, Regime, RunLength};
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

/// How many parts the segments of a model's replications belong to: its phases (one where it names none), and after them
/// the time that belongs to no phase, where there may be some.
pub fn parts(model: &Model) -> usize {
    phase_cuts(model).iter().map(|&(_, part)| part + 1).fold(model.phases.len().max(1), usize::max)
}

/// The phases in time order. Time that belongs to none is a part of its own, numbered after them.
fn phase_cuts(model: &Model) -> Vec<(Time, usize)> {
    if model.phases.is_empty() {
        return vec![(Time::ZERO, 0)];
    }
    let none = model.phases.len();
    let mut phases: Vec<(usize, &Phase)> = model.phases.iter().enumerate().collect();
    phases.sort_by_key(|(_, phase)| phase.start);
    let mut cuts = Vec::new();
    let mut covered = Time::ZERO;
    for (index, phase) in phases {
        if covered < phase.start {
            cuts.push((covered, none));
        }
        cuts.push((phase.start, index));
        covered = covered.max(phase.end);
    }
    // What drains after the horizon goes on in the last phase.
    let ends_before = match model.run.length {
        RunLength::Horizon(horizon) => covered < horizon,
        RunLength::Requests(_) => true,
    };
    if ends_before {
        cuts.push((covered, none));
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NoFiles, load};
    use crate::time::Span;

    fn cuts(run: &str, phases: &str) -> (Vec<(u64, usize)>, usize) {
        let text = format!(
            "run = {{ {run} }}\nphase = [{phases}]\nclass.job = {{ demand = \"1ms\" }}\npool.main = {{ slots = 1 }}\n\
             source.web = {{ pool = \"main\", class = \"job\", arrivals = {{ rate = \"1/s\" }} }}\n"
        );
        let loaded = load("cuts.toml", &text, &NoFiles, &[]);
        let model = loaded.unwrap_or_else(|faults| panic!("{}", faults.render(false))).model;
        let second = Span::from_whole_secs(1).nanos();
        let cuts = phase_cuts(&model).into_iter().map(|(at, part)| (at.nanos() / second, part)).collect();
        (cuts, parts(&model))
    }

    #[test]
    fn time_that_belongs_to_no_phase_is_a_part_of_its_own() {
        const A: &str = "{ name = \"a\", start = \"2s\", end = \"4s\" }";
        const B: &str = "{ name = \"b\", start = \"6s\", end = \"8s\" }";
        let both = format!("{A}, {B}");
        let gaps = vec![(0, 2), (2, 0), (4, 2), (6, 1), (8, 2)];
        assert_eq!(cuts("horizon = \"10s\"", &both), (gaps.clone(), 3));
        assert_eq!(cuts("horizon = \"8s\", drain = true", &both), (gaps[..4].to_vec(), 3));
        assert_eq!(cuts("requests = 50", &both), (gaps, 3));
        assert_eq!(cuts("horizon = \"4s\"", &A.replace("2s", "0s")), (vec![(0, 0)], 1));
        assert_eq!(cuts("horizon = \"4s\"", ""), (vec![(0, 0)], 1));
    }
}
