//! What is computed of one run of either world: names, scopes, values. Times in seconds.

use super::super::metric::{Scope, Unit};
use super::super::record::{Parts, PhaseSpan};
use super::{outcomes, tells_starts};
use crate::outcome::Outcome;
use crate::stats::RequestSeen;

/// What a figure is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Of {
    /// Mean latency.
    Mean,
    /// A quantile of latency.
    Quantile(f64),
    /// Mean time in queues.
    Wait,
    /// Share of requests with an outcome.
    Share(Outcome),
    /// Share of requests that were handed over, or tried, more than once.
    Retried,
}

/// One figure of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) scope: Scope,
    pub(super) unit: Unit,
    pub(super) of: Of,
    class: Option<u16>,
    phase: Option<PhaseSpan>,
}

impl Figure {
    fn new(name: String, of: Of, scope: Scope, parts: &Parts) -> Figure {
        let unit = match of {
            Of::Mean | Of::Quantile(_) | Of::Wait => Unit::Seconds,
            Of::Share(_) | Of::Retried => Unit::Ratio,
        };
        let class = scope.class.as_ref().and_then(|name| parts.classes.iter().position(|one| one == name));
        let phase = scope.phase.as_ref().and_then(|name| parts.phases.iter().find(|one| one.name == *name));
        Figure { name, unit, of, class: class.map(|index| index as u16), phase: phase.cloned(), scope }
    }

    /// The latency of a scope, whose values are asked for.
    pub(super) fn latency(scope: Scope, parts: &Parts) -> Figure {
        Figure::new(String::from("mean_latency"), Of::Mean, scope, parts)
    }

    /// The share of all requests with an outcome.
    pub(super) fn share(outcome: Outcome, parts: &Parts) -> Figure {
        Figure::new(share_of(outcome), Of::Share(outcome), Scope::default(), parts)
    }

    /// Whether a request is in its scope.
    pub(super) fn holds(&self, request: &RequestSeen) -> bool {
        let sent = request.sent.secs();
        self.class.is_none_or(|class| request.class == class)
            && self.phase.as_ref().is_none_or(|phase| phase.start <= sent && sent < phase.end)
    }

    /// Whether it counts requests rather than times.
    pub(super) const fn is_share(&self) -> bool {
        matches!(self.of, Of::Share(_) | Of::Retried)
    }

    /// Whether a request counts for a share.
    pub(super) fn hit(&self, request: &RequestSeen) -> bool {
        match self.of {
            Of::Share(outcome) => request.outcome == outcome,
            Of::Retried => request.hand_overs > 1 || request.attempts > 1,
            _ => false,
        }
    }

    /// Values of the requests in scope that are over, in order of sending.
    pub(super) fn values(&self, run: &[RequestSeen]) -> Vec<f64> {
        let ended = |request: &&RequestSeen| self.holds(request) && request.outcome != Outcome::Unfinished;
        let mut ordered: Vec<&RequestSeen> = run.iter().filter(ended).collect();
        ordered.sort_by_key(|request| (request.sent, request.key));
        ordered.into_iter().map(|request| self.of_one(request)).collect()
    }

    /// What one request adds.
    pub(super) fn of_one(&self, request: &RequestSeen) -> f64 {
        match self.of {
            Of::Wait => request.waiting.secs(),
            Of::Share(_) | Of::Retried => f64::from(u8::from(self.hit(request))),
            Of::Mean | Of::Quantile(_) => request.latency().secs(),
        }
    }

    /// Its value in a run; `None` where nothing is in scope.
    pub(super) fn value(&self, run: &[RequestSeen]) -> Option<f64> {
        if let Of::Share(_) | Of::Retried = self.of {
            let of = run.iter().filter(|request| self.holds(request));
            let (hits, all) =
                of.fold((0u64, 0u64), |(hits, all), one| (hits + u64::from(self.hit(one)), all + 1));
            return (all > 0).then(|| hits as f64 / all as f64);
        }
        let mut values = self.values(run);
        match self.of {
            Of::Quantile(p) => {
                values.sort_by(f64::total_cmp);
                quantile(&values, p)
            }
            _ => (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64),
        }
    }
}

/// What the share of requests with an outcome is called: one name for each, where the metrics of a run put kinds together.
pub(super) fn share_of(outcome: Outcome) -> String {
    format!("prob_{}", outcome.name())
}

/// The value of rank `ceil(p n)` of ascending values.
pub(super) fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let rank = ((p * sorted.len() as f64).ceil() as usize).max(1);
    sorted.get(rank - 1).copied()
}

/// All, each class, each phase, each class in each phase; a single class or phase says what all say.
pub(super) fn scopes(parts: &Parts) -> Vec<Scope> {
    let some = |names: Vec<&String>| {
        let several = names.len() > 1;
        let own = names.into_iter().filter(|_| several).map(|name| Some(name.clone()));
        std::iter::once(None).chain(own).collect::<Vec<_>>()
    };
    let classes = some(parts.classes.iter().collect());
    let phases = some(parts.phases.iter().map(|phase| &phase.name).collect());
    let at = |phase: &Option<String>| {
        let phase = phase.clone();
        classes.iter().map(move |class| Scope {
            class: class.clone(),
            phase: phase.clone(),
            ..Scope::default()
        })
    };
    phases.iter().flat_map(at).collect()
}

/// Every figure of every scope; outcomes that no run saw are left out.
pub(super) fn all<'a>(
    parts: &Parts,
    runs: impl Iterator<Item = &'a Vec<RequestSeen>> + Clone,
) -> Vec<Figure> {
    // A world that does not tell when work begins has neither waits nor retries by its scheduler.
    let told = runs.clone().all(|run| tells_starts(run.iter()));
    let outcomes = outcomes(runs);
    let mut list = Vec::new();
    for scope in scopes(parts) {
        let mut add = |name: String, of: Of| list.push(Figure::new(name, of, scope.clone(), parts));
        add(String::from("mean_latency"), Of::Mean);
        for (name, p) in [("latency_p50", 0.5), ("latency_p95", 0.95), ("latency_p99", 0.99)] {
            add(name.to_owned(), Of::Quantile(p));
        }
        if told {
            add(String::from("mean_wait"), Of::Wait);
        }
        for outcome in &outcomes {
            add(share_of(*outcome), Of::Share(*outcome));
        }
        if told {
            add(String::from("prob_retried"), Of::Retried);
        }
    }
    list
}
