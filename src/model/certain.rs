//! Whether anything in a model is left to chance. Where nothing is, one replication says all there is to say.
//!
//! The answer errs to one side: a model that is called certain makes the same run under every seed; one that is not
//! may still happen to.

use super::{Class, Fates, FaultKind, Load, Model, Pool, Source};
use crate::policy::{Discipline, IdleOrder, Jitter, Routing};
use crate::workload::arrivals::{ArrivalProcess, BatchSize};
use crate::workload::{Distribution, Trace};

impl Model {
    /// Whether every replication is the same: recorded or even arrivals, fixed times, no fate, choice or fault by chance.
    pub fn is_certain(&self) -> bool {
        !self.sources.is_empty()
            && self.sources.iter().all(|source| self.source_is_certain(source))
            && self.pools.iter().all(pool_is_certain)
            && (0..self.routes.len()).all(|route| self.route_is_certain(route))
            && self.faults.iter().all(|fault| fault.rate == 0.0 && names_its_victim(&fault.kind))
    }

    /// Each pool has a route of its own at its own index, with nothing to choose where it is one instance.
    fn route_is_certain(&self, index: usize) -> bool {
        let alone =
            self.pools.get(index).is_some_and(|pool| pool.instances == 1 && pool.autoscaler.is_none());
        let in_turn = |routing: &Routing| match routing {
            Routing::RoundRobin | Routing::WeightedRoundRobin(_) | Routing::ConsistentHash { .. } => true,
            Routing::Random(_) | Routing::LeastLoaded | Routing::ShortestOf(_) => false,
        };
        alone || in_turn(&self.routes[index].settings.routing)
    }

    fn source_is_certain(&self, source: &Source) -> bool {
        let retry = source.client.retry.as_ref();
        let even_client = retry.is_none_or(|retry| {
            (retry.persistence == 0.0 || retry.persistence == 1.0)
                && (retry.jitter == Jitter::None || retry.drawn)
        });
        let limits = [&source.patience, &source.deadline];
        let calm = source.backoff.iter().chain(limits.into_iter().flatten()).all(is_fixed);
        even_client && calm && self.load_is_certain(source)
    }

    fn load_is_certain(&self, source: &Source) -> bool {
        let drawn = || {
            let classes = || source.mix.iter().filter(|(_, share)| *share > 0.0).map(|(class, _)| *class);
            classes().count() <= 1
                && classes().all(|class| self.classes.get(class).is_some_and(class_is_certain))
        };
        match &source.load {
            Load::Open(open) => {
                let even = matches!(open.process, ArrivalProcess::Deterministic);
                even && matches!(open.batch, BatchSize::Fixed(_)) && drawn()
            }
            Load::Closed(users) => is_fixed(&users.think) && drawn(),
            Load::Trace(trace) => self.trace_is_certain(trace),
            Load::Script(users) => {
                let mut requests = users.iter().flat_map(|user| &user.requests);
                requests.all(|request| self.keeps(request.class))
            }
        }
    }

    fn trace_is_certain(&self, trace: &Trace) -> bool {
        let told = trace.rows.iter().all(|row| row.fate.is_some());
        let fateless = |class: &Class| class.fates == Fates::default();
        (told || self.classes.iter().all(fateless))
            && (0..self.classes.len()).all(|class| self.keeps(class as u16))
    }

    /// Whether a class leaves recorded requests as they are.
    fn keeps(&self, class: u16) -> bool {
        self.classes
            .get(usize::from(class))
            .is_some_and(|class| !class.redraw_demand && class.estimate_error == 0.0)
    }
}

const fn is_fixed(distribution: &Distribution) -> bool {
    matches!(distribution, Distribution::Deterministic { .. })
}

fn class_is_certain(class: &Class) -> bool {
    is_fixed(&class.demand) && class.estimate_error == 0.0 && class.fates == Fates::default()
}

fn pool_is_certain(pool: &Pool) -> bool {
    let (life, transport) = (&pool.life, &pool.transport);
    let times = [
        &life.start_up,
        &life.restart_delay,
        &life.kill_exit,
        &life.crash_exit,
        &transport.dispatch,
        &transport.late,
        &transport.reply,
        &transport.timer_late,
    ];
    let chances = [life.spawn_failure, life.never_ready, life.write_error];
    times.into_iter().all(is_fixed)
        && chances.iter().all(|chance| *chance == 0.0 || *chance == 1.0)
        && pool.waiting_limit.iter().chain(&pool.timeout).all(is_fixed)
        && pool.breakdown.is_none()
        && pool.settings.discipline != Discipline::Random
        && pool.settings.idle_order != IdleOrder::Random
}

const fn names_its_victim(kind: &FaultKind) -> bool {
    match kind {
        FaultKind::KillWorker { instance, slot, .. } => instance.is_some() && slot.is_some(),
        FaultKind::KillInstance { instance, .. } => instance.is_some(),
        FaultKind::SlowHost { .. } | FaultKind::PausePool { .. } => true,
    }
}
