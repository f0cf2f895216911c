//! The inputs of a pool as plain values, so that a list of them can be kept, replayed, or spoilt on purpose.

use super::driver::{Driver, PoolTimer, SlotTimer};
use super::pool::Pool;
use super::ticket::JobId;
use crate::outcome::Outcome;
use crate::time::Time;

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

impl Pool {
    /// Takes an input.
    pub fn handle<D: Driver>(&mut self, now: Time, input: Input, driver: &mut D) {
        match input {
            Input::Open { warm } => self.open(now, warm, driver),
            Input::Arrive(job) => self.arrive(now, job, driver),
            Input::Cancel(job) => self.cancel(now, job, driver),
            Input::WaitExpired(job) => self.wait_expired(now, job, driver),
            Input::Lose(job) => self.lose(now, job, driver),
            Input::Answer { slot, outcome } => self.answer(now, slot, outcome, driver),
            Input::Exited { slot, crashed } => self.exited(now, slot, crashed, driver),
            Input::WriteFailed(slot) => self.write_failed(now, slot, driver),
            Input::Spawned(slot) => self.spawned(now, slot, driver),
            Input::SpawnFailed(slot) => self.spawn_failed(slot, driver),
            Input::Ready(slot) => self.ready(now, slot, driver),
            Input::Beat { slot, at } => self.beat(at, slot, driver),
            Input::Timer { slot, timer } => self.timer(now, slot, timer, driver),
            Input::PoolTimer(timer) => self.pool_timer(now, timer, driver),
            Input::BreakDown { slot, resume } => self.break_down(now, slot, resume, driver),
            Input::Recover(slot) => self.recover(now, slot, driver),
            Input::Pause(paused) => self.pause(now, paused, driver),
            Input::Close(closed) => self.close(closed),
            Input::Collapse => self.collapse(now, driver),
        }
    }
}
