//! All that a pool can be told, as plain values that a scheduler under test can pass on, hold back or spoil. Beside the
//! alphabet of a live pool's journal it has what befalls a pool in a simulation: breakdowns, and the loss of an instance.

use crate::outcome::Outcome;
use crate::policy::{Driver, JobId, Pool, PoolTimer, SlotTimer};
use crate::time::{Span, Time};

/// Something that a pool is told. Each stands for the method of [`Pool`] of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The pool starts.
    Open {
        /// All workers are ready at once.
        warm: bool,
    },
    /// A job arrives.
    Arrive(JobId),
    /// The client withdraws a job.
    Cancel(JobId),
    /// The waiting limit of a job has passed.
    WaitExpired(JobId),
    /// A job that waits for its retry delay crashes.
    Lose(JobId),
    /// A worker has answered.
    Answer {
        /// Whose.
        slot: u32,
        /// What.
        outcome: Outcome,
    },
    /// A worker's exit was noticed.
    Exited {
        /// Whose.
        slot: u32,
        /// Its own job took it down.
        crashed: bool,
    },
    /// The hand-over to a dying worker failed.
    WriteFailed(u32),
    /// A worker process runs.
    Spawned(u32),
    /// A worker process could not be started.
    SpawnFailed(u32),
    /// A worker takes jobs.
    Ready(u32),
    /// A worker gave a sign of life at this instant.
    Beat {
        /// Whose.
        slot: u32,
        /// When.
        at: Time,
    },
    /// A timer of a slot fires.
    Timer {
        /// Whose.
        slot: u32,
        /// Which.
        timer: SlotTimer,
    },
    /// A timer of the pool fires.
    PoolTimer(PoolTimer),
    /// A slot breaks down.
    BreakDown {
        /// Which.
        slot: u32,
        /// Its job goes back to the head of the queue.
        resume: bool,
    },
    /// A slot works again.
    Recover(u32),
    /// Dispatching stops, or goes on.
    Pause(bool),
    /// New jobs are refused, or taken again.
    Close(bool),
    /// The whole instance goes down.
    Collapse,
}

impl Input {
    /// Tells a pool.
    #[inline]
    pub fn tell<D: Driver>(self, pool: &mut Pool, now: Time, driver: &mut D) {
        match self {
            Input::Open { warm } => pool.open(now, warm, driver),
            Input::Arrive(job) => pool.arrive(now, job, driver),
            Input::Cancel(job) => pool.cancel(now, job, driver),
            Input::WaitExpired(job) => pool.wait_expired(now, job, driver),
            Input::Lose(job) => pool.lose(now, job, driver),
            Input::Answer { slot, outcome } => pool.answer(now, slot, outcome, driver),
            Input::Exited { slot, crashed } => pool.exited(now, slot, crashed, driver),
            Input::WriteFailed(slot) => pool.write_failed(now, slot, driver),
            Input::Spawned(slot) => pool.spawned(now, slot, driver),
            Input::SpawnFailed(slot) => pool.spawn_failed(slot, driver),
            Input::Ready(slot) => pool.ready(now, slot, driver),
            Input::Beat { slot, at } => pool.beat(at, slot, Span::ZERO, driver),
            Input::Timer { slot, timer } => pool.timer(now, slot, timer, driver),
            Input::PoolTimer(timer) => pool.pool_timer(now, timer, driver),
            Input::BreakDown { slot, resume } => pool.break_down(now, slot, resume, driver),
            Input::Recover(slot) => pool.recover(now, slot, driver),
            Input::Pause(paused) => pool.pause(now, paused, driver),
            Input::Close(closed) => pool.close(closed),
            Input::Collapse => pool.collapse(now, driver),
        }
    }
}
