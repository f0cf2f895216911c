//! A walk along a list of decisions: the state of queues and slots after each, and what it shows.

use crate::outcome::Outcome;
use crate::policy::{Choice, Decision, JobName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A slot along the way.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    ready: bool,
    job: Option<JobName>,
    killed: Option<u64>,
    gone: Option<u64>,
}

/// One pool instance along the way.
#[derive(Clone, Debug, Default)]
struct Pool {
    /// Waiting jobs in the order of their coming, and whether they are retries.
    queue: Vec<(JobName, bool)>,
    slots: BTreeMap<u32, Slot>,
    /// The slot and the start of jobs with workers.
    running: BTreeMap<JobName, (u32, u64)>,
    /// Starts of new jobs when a retry entered the queue.
    retries: BTreeMap<JobName, u64>,
    fresh_starts: u64,
    peak: u64,
}

/// What a walk has shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) starts: u64,
    pub(super) queue_starts: u64,
    pub(super) inversions: u64,
    pub(super) overtaken: u64,
    pub(super) retries: u64,
    pub(super) peak: u64,
    pub(super) services: Vec<u64>,
    pub(super) exits: Vec<u64>,
    pub(super) restarts: Vec<u64>,
    pub(super) idle_waiting: u64,
    pub(super) nanos: u64,
    pub(super) workers: bool,
}

/// A walk.
#[derive(Clone, Debug, Default)]
pub(super) struct Tour {
    pools: BTreeMap<u32, Pool>,
    seen: Seen,
    now: u64,
}

/// Queue and slots of one pool at an instant, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Waiting jobs in the order of their coming; a few of them.
    pub queue: Vec<String>,
    /// How many wait.
    pub waiting: u64,
    /// By slot that has been seen: `idle`, `gone`, `starting`, `dying`, or its job.
    pub slots: Vec<String>,
}

/// Jobs of a queue that are named.
const NAMED: usize = 8;

impl Tour {
    /// Goes on by one decision.
    pub(super) fn take(&mut self, decision: &Decision) {
        let at = decision.at.nanos();
        self.pass(at);
        let (pool, seen) = (self.pools.entry(decision.pool).or_default(), &mut self.seen);
        match decision.choice {
            Choice::Queue { job, again } => {
                pool.queue.push((job, again));
                if again {
                    pool.retries.insert(job, pool.fresh_starts);
                }
            }
            Choice::Start { job, slot, dying } => pool.start(job, slot, dying, at, seen),
            Choice::Retry { job, .. } => pool.stop(job),
            Choice::Withdraw { job, .. } => pool.stop(job),
            Choice::End { job, outcome } => {
                if let (Some(&(_, since)), Outcome::Ok) = (pool.running.get(&job), outcome) {
                    seen.services.push(at - since);
                }
                pool.stop(job);
                pool.queue.retain(|waiting| waiting.0 != job);
            }
            Choice::Kill { slot } => pool.slot(slot).killed = Some(at),
            Choice::Retire { .. } | Choice::Respawn { .. } => {}
            Choice::Gone { slot } => {
                let slot = pool.slot(slot);
                seen.exits.extend(slot.killed.map(|since| at - since));
                *slot = Slot { gone: Some(at), job: slot.job, ..Slot::default() };
            }
            Choice::Spawned { slot } => {
                seen.workers = true;
                let slot = pool.slot(slot);
                seen.restarts.extend(slot.gone.take().map(|since| at - since));
            }
            Choice::Ready { slot } => pool.slot(slot).ready = true,
        }
    }

    /// Time passes.
    fn pass(&mut self, at: u64) {
        let passed = at.saturating_sub(self.now);
        if passed > 0 {
            self.seen.nanos += passed;
            if self.pools.values().any(Pool::idles) {
                self.seen.idle_waiting += passed;
            }
            self.now = at;
        }
    }

    /// What the walk has shown so far.
    pub(super) fn seen(mut self) -> Seen {
        self.seen.peak = self.pools.values().map(|pool| pool.peak).sum();
        self.seen
    }

    /// The state of a pool.
    pub(super) fn state(&self, pool: u32) -> State {
        let Some(pool) = self.pools.get(&pool) else { return State::default() };
        let slot = |slot: &Slot| match slot {
            Slot { job: Some(job), .. } => job.to_string(),
            Slot { killed: Some(_), .. } => String::from("dying"),
            Slot { gone: Some(_), .. } => String::from("gone"),
            Slot { ready: true, .. } => String::from("idle"),
            Slot { .. } => String::from("starting"),
        };
        State {
            queue: pool.queue.iter().take(NAMED).map(|(job, _)| job.to_string()).collect(),
            waiting: pool.queue.len() as u64,
            slots: pool.slots.values().map(slot).collect(),
        }
    }
}

impl Pool {
    fn slot(&mut self, slot: u32) -> &mut Slot {
        self.slots.entry(slot).or_default()
    }

    fn start(&mut self, job: JobName, slot: u32, dying: bool, at: u64, seen: &mut Seen) {
        seen.starts += 1;
        let place = self.queue.iter().position(|waiting| waiting.0 == job);
        let again = place.is_some_and(|place| self.queue[place].1);
        if let Some(place) = place {
            seen.queue_starts += 1;
            // A retry goes where its own rule puts it.
            let passed = self.queue[..place].iter().any(|waiting| !waiting.1);
            seen.inversions += u64::from(!again && passed);
            self.queue.remove(place);
        }
        match self.retries.remove(&job) {
            Some(before) => {
                seen.retries += 1;
                seen.overtaken += self.fresh_starts - before;
            }
            None => self.fresh_starts += 1,
        }
        // In one instant a worker's next job may start before the end of its last is told: a slot has one.
        if let Some(last) = self.slot(slot).job.replace(job)
            && let Some(entry) = self.running.get_mut(&last)
        {
            entry.0 = u32::MAX;
        }
        if !dying {
            self.running.insert(job, (slot, at));
            let busy = self.slots.values().filter(|slot| slot.job.is_some()).count();
            self.peak = self.peak.max(busy as u64);
        }
    }

    /// A job is no longer with its worker.
    fn stop(&mut self, job: JobName) {
        if let Some((slot, _)) = self.running.remove(&job)
            && let Some(slot) = self.slots.get_mut(&slot)
        {
            slot.job = None;
        }
        for slot in self.slots.values_mut().filter(|slot| slot.job == Some(job)) {
            slot.job = None;
        }
    }

    /// Whether a ready worker is idle and a job waits.
    fn idles(&self) -> bool {
        let idle = |slot: &Slot| slot.ready && slot.job.is_none() && slot.killed.is_none();
        !self.queue.is_empty() && self.slots.values().any(idle)
    }
}
