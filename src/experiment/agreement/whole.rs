//! The verdict of a whole comparison: which of several answers decides.
//!
//! Of a recording or a replay the *trace-driven* comparison decides: does the simulator do what this scheduler did,
//! given the same input? The *model-driven* one asks whether the prediction was right as well. A few runs of a real
//! scheduler often cannot tell that, which says nothing against the simulator; so its verdict stands beside the first
//! and is never taken for agreement. What is *different* is never hidden: a prediction that is surely wrong makes the
//! whole different. Where nothing is trace-driven, the prediction decides alone.

use super::super::verdict::Judgement;
use super::Agreement;
use crate::stats::Equivalence;

/// The same arrivals and demands went in.
pub const TRACE_DRIVEN: &str = "trace-driven";
/// Nothing but the model is common.
pub const MODEL_DRIVEN: &str = "model-driven";

/// One system of a comparison: a recorded scenario, a replay, or a point of two records.
#[derive(Clone, Copy, Debug)]
pub struct System<'a> {
    /// Its name; none where it is the only one.
    pub name: &'a str,
    /// The comparison whose verdict is the system's.
    pub decides: &'a Agreement,
    /// The prediction, where it does not decide.
    pub predicted: Option<&'a Agreement>,
}

impl System<'_> {
    /// Its verdict.
    pub fn verdict(&self) -> Equivalence {
        match self.predicted {
            Some(one) if one.verdict == Equivalence::Different => Equivalence::Different,
            _ => self.decides.verdict,
        }
    }
}

/// The comparisons by system, in the order in which they were made.
pub fn systems(all: &[Agreement]) -> Vec<System<'_>> {
    all.iter().filter_map(|one| decided_by(one, all)).collect()
}

/// The system that a comparison decides; `None` for a prediction beside what is trace-driven.
fn decided_by<'a>(agreement: &'a Agreement, all: &'a [Agreement]) -> Option<System<'a>> {
    let alone = |name| System { name, decides: agreement, predicted: None };
    let Some(name) = agreement.system() else { return Some(alone(&agreement.how)) };
    let driven = |how: &str| all.iter().find(|one| one.system() == Some(name) && one.how.ends_with(how));
    match (driven(TRACE_DRIVEN), agreement.is_trace_driven()) {
        (None, _) => Some(alone(name)),
        (Some(_), true) => Some(System { predicted: driven(MODEL_DRIVEN), ..alone(name) }),
        (Some(_), false) => None,
    }
}

/// The verdict of all systems together; `None` where nothing was compared.
pub fn verdict(all: &[Agreement]) -> Option<Equivalence> {
    Equivalence::of_all(systems(all).iter().map(System::verdict))
}

/// The same as the answer to a question: do the worlds agree?
pub fn judgement(all: &[Agreement]) -> Option<Judgement> {
    verdict(all).map(|verdict| match verdict {
        Equivalence::Equivalent => Judgement::Met,
        Equivalence::Different => Judgement::Missed,
        Equivalence::Undecided => Judgement::Undecided,
    })
}

impl Agreement {
    /// The system whose worlds were compared, named where there are several; `None` for records.
    fn system(&self) -> Option<&str> {
        match self.how.rsplit_once(", ") {
            Some((name, TRACE_DRIVEN | MODEL_DRIVEN)) => Some(name),
            None if [TRACE_DRIVEN, MODEL_DRIVEN].contains(&self.how.as_str()) => Some(""),
            _ => None,
        }
    }

    /// The same as one of several systems.
    #[must_use]
    pub fn of_system(self, name: &str) -> Agreement {
        Agreement { how: format!("{name}, {}", self.how), ..self }
    }

    /// Whether the same arrivals and demands went in.
    pub fn is_trace_driven(&self) -> bool {
        self.system().is_some() && self.how.ends_with(TRACE_DRIVEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::agreement::Terms;
    use Equivalence::{Different, Equivalent, Undecided};

    fn agreement(how: &str, verdict: Equivalence) -> Agreement {
        Agreement {
            how: how.to_owned(),
            first: String::from("recorded"),
            second: String::from("simulated"),
            verdict,
            terms: Terms::default(),
            figures: Vec::new(),
            requests: None,
        }
    }

    #[test]
    fn the_same_input_decides_and_a_wrong_prediction_is_never_hidden() {
        let rows = [
            // Trace-driven, model-driven, whole.
            (Some(Equivalent), Some(Equivalent), Equivalent),
            (Some(Equivalent), Some(Undecided), Equivalent),
            (Some(Equivalent), None, Equivalent),
            (Some(Undecided), Some(Equivalent), Undecided),
            (Some(Undecided), Some(Undecided), Undecided),
            (Some(Different), Some(Equivalent), Different),
            (Some(Equivalent), Some(Different), Different),
            (Some(Undecided), Some(Different), Different),
            // Nothing but the prediction.
            (None, Some(Undecided), Undecided),
            (None, Some(Equivalent), Equivalent),
        ];
        for (traced, predicted, whole) in rows {
            let traced = traced.map(|found| agreement(TRACE_DRIVEN, found));
            let predicted = predicted.map(|found| agreement(MODEL_DRIVEN, found));
            let all: Vec<Agreement> = traced.into_iter().chain(predicted).collect();
            assert_eq!(verdict(&all), Some(whole), "{all:?}");
            // One of several scenarios is judged as it is alone, whatever the others are.
            let beside = [agreement(TRACE_DRIVEN, Equivalent), agreement(MODEL_DRIVEN, Undecided)];
            let named = all.into_iter().map(|one| one.of_system("spike_p6"));
            let other = beside.into_iter().map(|one| one.of_system("error10_p4"));
            let both: Vec<Agreement> = named.chain(other).collect();
            assert_eq!(verdict(&both), Some(whole), "{both:?}");
            let systems = systems(&both);
            assert_eq!([systems[0].name, systems[1].name], ["spike_p6", "error10_p4"]);
        }
        assert_eq!(verdict(&[]), None);
    }

    #[test]
    fn every_point_of_two_records_counts() {
        let points = [agreement("2 slots", Equivalent), agreement("3 slots", Undecided)];
        assert_eq!(verdict(&points), Some(Undecided));
    }
}
