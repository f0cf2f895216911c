//! What a hunt plays with: a scheduler's rules and machines (the ground), and what happens to it (the workload).

use super::laws::Laws;
use super::referee::Rules;
use crate::model::delays::Delays;
use crate::model::{FaultKind, Load, Model, Pool};
use crate::policy::Slots;
use crate::random::{Purpose, Streams};
use crate::time::{Span, Time};
use crate::workload::Sampler;
use crate::workload::trace::Fate;

/// One pool of a model, made ready for many cases.
pub struct Ground {
    /// The pool.
    pub pool: Pool,
    /// What it promises.
    pub rules: Rules,
    /// By class: name and priority.
    pub classes: Vec<(String, u8)>,
    /// Seed of the machines' chance.
    pub seed: u64,
    /// The model that says so.
    pub model: Model,
    pub(super) delays: Delays,
    waiting_limit: Option<Sampler>,
}

/// What happens to a scheduler.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// Requests in order of time.
    pub requests: Vec<Request>,
    /// What goes wrong from outside.
    pub blows: Vec<Blow>,
    /// Clients withdraw a request after this time.
    pub deadline: Option<Span>,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// When it is sent.
    pub at: Time,
    /// Its class.
    pub class: u16,
    /// Its work.
    pub demand: Span,
    /// How it goes.
    pub fate: Fate,
}

/// A blow from outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blow {
    /// When it falls.
    pub at: Time,
    /// What it does.
    pub kind: BlowKind,
}

/// What a blow does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlowKind {
    /// The worker in a slot is killed, and the scheduler is not told.
    Kill {
        /// Which.
        slot: u32,
    },
    /// The pool dispatches nothing for a while.
    Pause {
        /// How long.
        duration: Span,
    },
    /// The pool goes down with all that it has, for a while.
    Down {
        /// How long.
        duration: Span,
    },
}

impl Ground {
    /// The ground of a model with one pool and one source, and the workload that the model states.
    ///
    /// # Errors
    /// When the model has what a hunt does not play: it says what.
    pub fn of_model(model: &Model, laws: Laws) -> Result<(Ground, Workload), String> {
        let [pool] = model.pools.as_slice() else {
            return Err(format!("a case has one pool, this model has {}", model.pools.len()));
        };
        let [source] = model.sources.as_slice() else {
            return Err(format!("a case has one source, this model has {}", model.sources.len()));
        };
        let Load::Trace(trace) = &source.load else {
            return Err(String::from("a case states its requests one by one (source.NAME.requests)"));
        };
        if pool.instances != 1
            || pool.autoscaler.is_some()
            || pool.breakdown.is_some()
            || pool.processor_sharing
        {
            return Err(String::from(
                "a case has one instance of a pool, which neither scales nor breaks down by chance",
            ));
        }
        if pool.timeout.is_some() || source.deadline.is_some() {
            return Err(String::from("time-outs and deadlines of a case are constants"));
        }
        let client = &source.client;
        if client.retry.is_some() || client.hedge.is_some() || client.breaker.is_some() {
            return Err(String::from("the client of a case has a deadline at most"));
        }
        let deadline = client.attempt_deadline.min(client.total_deadline);
        if !deadline.is_never() && !client.cancels {
            return Err(String::from(
                "the client of a case that gives up withdraws its request (cancels = true)",
            ));
        }
        let requests = trace.rows.iter().map(|row| Request {
            at: row.at,
            class: row.class,
            demand: row.demand,
            fate: row.fate.unwrap_or(Fate::Ok),
        });
        let workload = Workload {
            requests: requests.collect(),
            blows: blows(model)?,
            deadline: (!deadline.is_never()).then_some(deadline),
        };
        let classes = model.classes.iter().map(|class| (class.name.clone(), class.priority)).collect();
        Ok((Ground::new(model, pool.clone(), classes, laws), workload))
    }

    /// The ground of a pool. Hosts are left out: every worker runs at full speed.
    fn new(model: &Model, pool: Pool, classes: Vec<(String, u8)>, laws: Laws) -> Ground {
        let late = pool.transport.timer_late.is_constant().unwrap_or_else(|| {
            // Where lateness is drawn only a gross delay is a breach.
            Span::from_secs(100.0 * pool.transport.timer_late.mean() + 1.0)
        });
        let rules = Rules { settings: pool.settings.clone(), late, laws };
        Ground {
            delays: Delays::of(&pool),
            waiting_limit: pool.waiting_limit.as_ref().map(Sampler::new),
            pool,
            rules,
            classes,
            seed: model.run.seed,
            model: model.clone(),
        }
    }

    /// How long a job may wait.
    pub(super) fn waiting_limit(&self, streams: &Streams, job: u64) -> Span {
        let draw = |limit: &Sampler| limit.draw(&mut streams.keyed(Purpose::Patience, job, 1));
        self.waiting_limit.as_ref().map_or(Span::NEVER, draw)
    }

    /// Slots, one at least.
    pub fn slots(&self) -> u32 {
        match self.pool.settings.slots {
            Slots::Limited(slots) => slots,
            Slots::Unlimited => 1,
        }
    }
}

/// The scripted faults of a model, one blow for each instant.
fn blows(model: &Model) -> Result<Vec<Blow>, String> {
    let mut blows = Vec::new();
    for fault in &model.faults {
        let kind = match fault.kind {
            FaultKind::KillWorker { slot: Some(slot), .. } => BlowKind::Kill { slot },
            FaultKind::PausePool { duration, .. } => BlowKind::Pause { duration },
            FaultKind::KillInstance { down, .. } => BlowKind::Down { duration: down },
            _ => {
                return Err(String::from(
                    "the faults of a case name their worker, pause the pool or take it down",
                ));
            }
        };
        if fault.rate > 0.0 {
            return Err(String::from("the faults of a case come at stated instants"));
        }
        blows.extend(fault.at.iter().map(|&at| Blow { at, kind }));
    }
    blows.sort_by_key(|blow| blow.at);
    Ok(blows)
}
