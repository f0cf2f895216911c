//! Later tries of requests: drawn anew as the class says, or as they came in a run that is told again.
//!
//! The first try of a recorded request is in its row. Later ones were drawn by the run as they came, from streams that
//! are named by request and executions; whoever asks them again under these names gets what the run got, try by try.
//! A list of tries would say the same of those that were made, and nothing of one that comes a moment earlier or later
//! in another world.

use super::requests::{Drawn, Requests, fate_of};
use crate::random::{Purpose, Streams};
use crate::workload::trace::Fate;
use std::collections::BTreeSet;

/// Where the later tries of a run's requests came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Retold {
    /// The streams of the run: seeds of the world that tells it again change what its scheduler leaves to chance, never
    /// the load.
    pub streams: Streams,
    /// Its scheduler repeated a job as it was told; only clients drew anew.
    pub repeats: bool,
    /// Tries that failed though nobody had told them to: key of the request, and how often it had been begun before.
    pub failed: BTreeSet<(u64, u32)>,
}

impl Retold {
    /// How a try went that was told to go so.
    pub fn fate(&self, key: u64, executions: u32, told: Fate) -> Fate {
        let failed = told == Fate::Ok && self.failed.contains(&(key, executions));
        if failed { Fate::Error } else { told }
    }

    /// What a request was told, whose last try went so. Where it failed of itself, that was not for being told.
    pub(super) fn told(&self, key: u64, last: Fate) -> Fate {
        let failed = self.failed.range((key, 0)..=(key, u32::MAX)).next().is_some();
        if failed && last == Fate::Error { Fate::Ok } else { last }
    }
}

impl Requests<'_> {
    /// Draws demand and fate anew for another attempt of a request, where its class says so. `executions`: so many
    /// times a worker has begun it.
    pub fn redraw(&self, streams: &Streams, request: &mut Drawn, executions: u32) {
        let retold = self.model.retold.as_deref();
        let streams = retold.map_or(streams, |retold| &retold.streams);
        let class = usize::from(request.class);
        let (draws, settings) = (&self.classes[class], &self.model.classes[class]);
        let attempt = u64::from(executions);
        if settings.redraw_demand {
            let mut chance = streams.keyed(Purpose::RetryDemand, request.key, attempt);
            request.demand = draws.demand.draw(&mut chance);
            request.size = match settings.estimate_error {
                0.0 => request.demand,
                sigma => request.demand.scaled(libm::exp(sigma * chance.normal())),
            };
        }
        if let Some(retold) = retold {
            request.fate = retold.told(request.key, request.fate);
        }
        if let (Some(fates), false, false) = (&draws.fates, settings.fates.sticky, request.scripted) {
            let unit = streams.keyed(Purpose::RetryFate, request.key, attempt).unit();
            request.fate = fate_of(fates, unit);
        }
        if let Some(retold) = retold {
            request.fate = retold.fate(request.key, executions, request.fate);
        }
    }

    /// The same for a try by a pool, its retry number `retry` of the job, from 1: a scheduler that repeats what it was
    /// told draws nothing anew, but is told of a crash that the next try would be spared.
    pub fn redraw_in_pool(&self, streams: &Streams, request: &mut Drawn, executions: u32, retry: u32) {
        let Some(retold) = self.model.retold.as_deref().filter(|retold| retold.repeats) else {
            return self.redraw(streams, request, executions);
        };
        let told = retold.told(request.key, request.fate);
        let mut next = *request;
        if told == Fate::Crash && retry == 1 {
            self.redraw(streams, &mut next, executions);
        }
        let spared = told == Fate::Crash && next.fate != Fate::Crash;
        request.fate = retold.fate(request.key, executions, if spared { Fate::Ok } else { told });
    }
}
