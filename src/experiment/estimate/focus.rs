//! Which figures are asked for: all of a run's, or the few that a search or a comparison needs.

use crate::experiment::metric::Scope;
use crate::model::Model;
use serde::{Deserialize, Serialize};

/// A figure that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
}

impl Wanted {
    /// Figures by which whole runs are compared: those that a planner asks for first.
    pub fn of_runs(model: &Model) -> Vec<Wanted> {
        const WHOLE: [&str; 9] = [
            "mean_latency",
            "latency_p50",
            "latency_p95",
            "latency_p99",
            "mean_wait",
            "prob_ok",
            "prob_fail",
            "throughput",
            "goodput",
        ];
        const CLASS: [&str; 3] = ["mean_latency", "latency_p95", "prob_fail"];
        const POOL: [&str; 2] = ["utilization", "mean_queue_length"];
        let of = |names: &'static [&'static str], scope: Scope| {
            names.iter().map(move |name| Wanted { name: (*name).to_owned(), scope: scope.clone() })
        };
        let mut list: Vec<Wanted> = of(&WHOLE, Scope::default()).collect();
        for class in &model.classes {
            list.extend(of(&CLASS, Scope { class: Some(class.name.clone()), ..Scope::default() }));
        }
        for pool in model.pools.iter().filter(|pool| !pool.implicit) {
            list.extend(of(&POOL, Scope { pool: Some(pool.name.clone()), ..Scope::default() }));
        }
        list
    }
}

/// Distributions that the wanted figures of a class and phase rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) latency: bool,
    pub(super) wait: bool,
    pub(super) sojourn: bool,
}

/// A wanted figure with the indices of its class and phase.
struct Asked<'a> {
    wanted: &'a Wanted,
    class: Option<usize>,
    phase: Option<usize>,
}

/// What is asked for.
pub(super) struct Focus<'a>(Option<Vec<Asked<'a>>>);

impl<'a> Focus<'a> {
    /// All figures.
    pub(super) const fn everything() -> Focus<'a> {
        Focus(None)
    }

    /// These figures.
    pub(super) fn on(wanted: &'a [Wanted], model: &Model) -> Focus<'a> {
        let asked = |wanted: &'a Wanted| Asked {
            wanted,
            class: wanted
                .scope
                .class
                .as_ref()
                .and_then(|name| model.classes.iter().position(|class| class.name == *name)),
            phase: wanted
                .scope
                .phase
                .as_ref()
                .and_then(|name| model.phases.iter().position(|phase| phase.name == *name)),
        };
        Focus(Some(wanted.iter().map(asked).collect()))
    }

    fn any(&self, fits: impl Fn(&Asked<'a>) -> bool) -> bool {
        self.0.as_ref().is_none_or(|asked| asked.iter().any(fits))
    }

    /// Whether a figure of that name and scope is asked for.
    pub(super) fn asks(&self, name: &str, scope: &Scope) -> bool {
        self.any(|asked| asked.wanted.name == name && asked.wanted.scope == *scope)
    }

    /// Whether any figure of a scope is asked for.
    pub(super) fn scope(&self, scope: &Scope) -> bool {
        self.any(|asked| asked.wanted.scope == *scope)
    }

    /// Whether the requests of a class (or of all) in a phase (or in all) are summed.
    pub(super) fn row(&self, class: Option<usize>, phase: Option<usize>) -> bool {
        self.any(|asked| asked.class == class && asked.phase == phase)
    }

    /// Whether any figure of a phase is asked for.
    pub(super) fn phase(&self, phase: usize) -> bool {
        self.any(|asked| asked.phase == Some(phase))
    }

    /// Whether any figure of pools, hosts or of what is in flight is asked for.
    pub(super) fn resources(&self) -> bool {
        self.any(|asked| asked.wanted.scope.class.is_none() && !asked.wanted.name.starts_with("latency"))
    }

    /// What the figures of a class in a phase rest on.
    pub(super) fn needs(&self, class: usize, phase: usize) -> Needs {
        let needs = |words: &[&str]| {
            self.any(|asked| {
                asked.class.is_none_or(|one| one == class)
                    && asked.phase.is_none_or(|one| one == phase)
                    && words.iter().any(|word| asked.wanted.name.starts_with(word))
            })
        };
        // A sojourn ends with service, or with the wait of those that left unserved.
        let sojourn = needs(&["sojourn"]);
        Needs { latency: needs(&["latency"]), wait: sojourn || needs(&["wait"]), sojourn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_focus_asks_for_what_it_was_given_and_no_more() {
        let scope = Scope { class: Some(String::from("short")), ..Scope::default() };
        let wanted = [Wanted { name: String::from("latency_p95"), scope: scope.clone() }];
        let asked = wanted.iter().map(|wanted| Asked { wanted, class: Some(0), phase: None }).collect();
        let focus = Focus(Some(asked));
        assert!(focus.asks("latency_p95", &scope) && !focus.asks("latency_p99", &scope));
        assert!(!focus.asks("latency_p95", &Scope::default()));
        assert_eq!(focus.needs(0, 3), Needs { latency: true, wait: false, sojourn: false });
        assert!(!focus.needs(1, 0).latency);
        assert!(Focus::everything().needs(1, 0).sojourn);
    }
}
