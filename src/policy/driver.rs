//! What a pool asks of whoever drives it: the effects of its decisions, and the words for workers and timers.

use super::ticket::{JobId, Tickets};
#[cfg(doc)]
use super::{Place, Ticket, pool::Pool};
use crate::outcome::Outcome;
use crate::time::{Span, Time};
use serde::{Deserialize, Serialize};

/// What a worker in a slot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum WorkerState {
    /// Not started until there is work (cold pools).
    Cold,
    /// Spawned, not yet ready.
    Starting,
    /// Ready, without a job.
    Idle,
    /// With a job.
    Busy,
    /// At work on a result that nobody waits for.
    Zombie,
    /// Asked to stop its work, not free yet.
    Cancelling,
    /// Being killed or leaving; its exit has not been noticed.
    Dying,
    /// Its exit was noticed; the restart delay runs.
    Gone,
    /// Its spawn failed; never tried again.
    Lost,
    /// Broken down by itself; comes back by itself.
    Down,
}

/// Timers of a slot. A slot needs at most one of the first four at a time, and beside it `Heartbeat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SlotTimer {
    /// The service time-out of the job in the slot.
    Service,
    /// A cancelled worker is free.
    Grace,
    /// The start time-out.
    Start,
    /// An idle worker of a cold pool leaves.
    Idle,
    /// The worker has been silent for too long.
    Heartbeat,
}

/// Timers of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolTimer {
    /// A job's retry delay is over.
    Requeue(JobId),
    /// Look for a worker again.
    Turn,
}

/// Carries out what a pool decides. `pool` is the number that the pool was given.
pub trait Driver: Tickets {
    /// Hands `job` to the worker in `slot`, and notes so in its ticket by [`Ticket::hand_over`]. `dying`: the
    /// worker is being killed and will never work on it.
    fn start(&mut self, pool: u32, slot: u32, job: JobId, dying: bool);
    /// The job leaves the queue and starts on a live worker.
    #[inline(always)]
    fn start_next(&mut self, pool: u32, slot: u32, job: JobId) {
        self.unqueued(pool, job);
        self.start(pool, slot, job, false);
    }
    /// Wants [`Pool::timer`] called at `at`.
    fn arm(&mut self, pool: u32, slot: u32, timer: SlotTimer, at: Time);
    /// How long the present attempt may be in service, where the pool's time-out is drawn. Drivers that refuse such
    /// pools need not know.
    fn drawn_timeout(&mut self, _pool: u32, _job: JobId) -> Span {
        Span::NEVER
    }
    /// Kills the worker; [`Pool::exited`] follows.
    fn kill(&mut self, pool: u32, slot: u32);
    /// Asks the worker to leave in peace; [`Pool::exited`] follows.
    fn retire(&mut self, pool: u32, slot: u32);
    /// The service that `job` had in `slot` is over for the pool: its attempt ends with `outcome`. What becomes of the
    /// worker and of the job follows.
    fn released(&mut self, _pool: u32, _slot: u32, _job: JobId, _outcome: Outcome) {}
    /// Takes the job from its worker, which is free at once or after its grace time.
    fn withdraw(&mut self, pool: u32, slot: u32, job: JobId);
    /// Starts a worker after the restart delay (none for `first`); [`Pool::spawned`] follows.
    fn respawn(&mut self, pool: u32, slot: u32, first: bool);
    /// The job has entered the queue.
    fn queued(&mut self, pool: u32, job: JobId, again: bool);
    /// The job has left the queue.
    fn unqueued(&mut self, pool: u32, job: JobId);
    /// Wants [`Pool::pool_timer`] called after `delay`.
    fn later(&mut self, pool: u32, timer: PoolTimer, delay: Span);
    /// An attempt has failed with `outcome` and the pool will try the job again.
    fn retried(&mut self, pool: u32, job: JobId, outcome: Outcome);
    /// The job has left the pool: its place is [`Place::Outside`] from now on, which the driver writes. The policy
    /// never touches its ticket again.
    fn ended(&mut self, pool: u32, job: JobId, outcome: Outcome);
    /// The worker in `slot` went from one state to another.
    fn moved(&mut self, pool: u32, slot: u32, from: WorkerState, to: WorkerState);
}
