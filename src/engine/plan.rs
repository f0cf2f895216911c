//! A model made ready to run: samplers and instances laid out once, for all replications.

use crate::model::delays::Delays;
use crate::model::requests::Requests;
use crate::model::{Load, Model, RunLength};
use crate::policy::Slots;
use crate::time::{Span, Time};
use crate::workload::Sampler;

/// A model and what is derived from it.
pub(super) struct Plan<'m> {
    pub(super) model: &'m Model,
    /// What requests are drawn from.
    pub(super) requests_of: Requests<'m>,
    /// By source: the only instance that its route can choose.
    pub(super) single: Vec<Option<u32>>,
    /// By pool.
    pub(super) pools: Vec<PoolPlan>,
    /// Instances of all pools: (pool, number within it).
    pub(super) instances: Vec<(usize, u32)>,
    /// By route: the instances that it chooses from.
    pub(super) members: Vec<Vec<u32>>,
    /// Limited slots of all instances.
    pub(super) slots: usize,
    /// Whether any pool has no limit of slots.
    pub(super) unlimited: bool,
    /// Whether there is one instance, one source and no host.
    pub(super) alone: bool,
    /// Whether slowdowns (sojourn / demand) are to be reported.
    pub(super) slowdown: bool,
    pub(super) horizon: Time,
    pub(super) requests: u64,
}

pub(super) struct PoolPlan {
    pub(super) delays: Delays,
    /// The lateness of timers, if a constant.
    pub(super) timer_delay: Option<Span>,
    pub(super) waiting_limit: Option<Sampler>,
    /// The time-out on service, where it is drawn.
    pub(super) timeout: Option<Sampler>,
    pub(super) breakdown: Option<(Sampler, Sampler)>,
}

impl<'m> Plan<'m> {
    pub(super) fn new(model: &'m Model) -> Plan<'m> {
        let instances: Vec<(usize, u32)> = model
            .pools
            .iter()
            .enumerate()
            .flat_map(|(pool, settings)| (0..most_instances(settings)).map(move |number| (pool, number)))
            .collect();
        let of_pool = |pool: usize| {
            instances.iter().enumerate().filter(move |(_, of)| of.0 == pool).map(|(number, _)| number as u32)
        };
        let members: Vec<Vec<u32>> = model
            .routes
            .iter()
            .map(|route| route.pools.iter().flat_map(|&pool| of_pool(pool)).collect())
            .collect();
        let limited = |pool: usize| match model.pools[pool].settings.slots {
            Slots::Limited(slots) => slots as usize,
            Slots::Unlimited => 0,
        };
        Plan {
            requests_of: Requests::new(model),
            single: model.sources.iter().map(|source| only(&members[source.route])).collect(),
            pools: model.pools.iter().map(PoolPlan::new).collect(),
            slots: instances.iter().map(|&(pool, _)| limited(pool)).sum(),
            unlimited: model.pools.iter().any(|pool| pool.settings.slots == Slots::Unlimited),
            alone: model.sources.len() == 1
                && instances.len() == 1
                && model.pools.len() == 1
                && model.hosts.is_empty(),
            slowdown: model.counts_slowdown(),
            horizon: match model.run.length {
                RunLength::Horizon(horizon) => horizon,
                RunLength::Requests(_) => Time::HORIZON_MAX,
            },
            requests: match model.run.length {
                RunLength::Horizon(_) => u64::MAX,
                RunLength::Requests(requests) => requests,
            },
            instances,
            members,
            model,
        }
    }

    /// About how long a replication will last: for the bins of its timeline.
    pub(super) fn expected_length(&self) -> Span {
        if self.requests == u64::MAX {
            return Span::from_nanos(self.horizon.nanos());
        }
        let rate: f64 = self.model.sources.iter().map(|source| self.mean_rate(source)).sum();
        Span::from_secs(self.requests as f64 / rate.max(1e-9))
    }

    fn mean_rate(&self, source: &crate::model::Source) -> f64 {
        match &source.load {
            Load::Open(open) => open.mean_rate(Time::ZERO, Time::ZERO + Span::from_whole_secs(3600)),
            Load::Closed(users) => {
                let most = users.stages.iter().map(|stage| stage.target).fold(users.initial, u32::max);
                let demand =
                    source.mix.iter().map(|&(class, share)| share * self.model.classes[class].demand.mean());
                f64::from(most) / (users.think.mean() + demand.sum::<f64>()).max(1e-6)
            }
            Load::Trace(trace) => {
                let last = trace.rows.last().map_or(1.0, |row| row.at.secs());
                trace.rows.len() as f64 / last.max(1e-9)
            }
            Load::Script(users) => {
                let requests: usize = users.iter().map(|user| user.requests.len()).sum();
                let last = users.iter().map(|user| user.plan.stop.secs()).fold(1.0, f64::max);
                requests as f64 / last
            }
        }
    }
}

fn only(members: &[u32]) -> Option<u32> {
    match members {
        [only] => Some(*only),
        _ => None,
    }
}

/// Instances to lay out: the autoscaler's most where there is one.
fn most_instances(pool: &crate::model::Pool) -> u32 {
    pool.autoscaler.map_or(pool.instances, |scaler| scaler.max.max(pool.instances))
}

impl PoolPlan {
    fn new(pool: &crate::model::Pool) -> PoolPlan {
        PoolPlan {
            delays: Delays::of(pool),
            timer_delay: pool.transport.timer_late.is_constant(),
            waiting_limit: pool.waiting_limit.as_ref().map(Sampler::new),
            timeout: pool.timeout.as_ref().map(Sampler::new),
            breakdown: pool.breakdown.as_ref().map(|b| (Sampler::new(&b.up), Sampler::new(&b.down))),
        }
    }
}
