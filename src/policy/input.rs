//! The alphabet of a pool: everything that it can be told, and everything that it can do, as data.
//!
//! A live pool writes both down in order; the inputs played again to a fresh pool must bring forth the same effects,
//! bit for bit ([`Rerun`]). The simulator calls the pool directly and needs neither.

use super::driver::{Driver, PoolTimer, SlotTimer, WorkerState};
use super::pool::Pool;
use super::settings::PoolSettings;
use super::ticket::{JobId, Place, Ticket, Tickets};
use crate::outcome::Outcome;
use crate::random::Stream;
use crate::time::{Span, Time};
use serde::{Deserialize, Serialize};

/// Something that a pool is told at an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Start the workers; all are ready at once where `warm`.
    Open {
        /// Whether they are.
        warm: bool,
    },
    /// A job arrives.
    Arrive {
        /// Its number in the driver's table.
        job: JobId,
        /// Its class.
        class: u16,
        /// 0 is the most urgent.
        priority: u8,
        /// When it must be done.
        deadline: Time,
        /// When it leaves the queue.
        leave_by: Time,
        /// Its size, as far as known.
        size: Span,
    },
    /// The client withdraws a job.
    Cancel {
        /// Which.
        job: JobId,
    },
    /// The waiting limit of a job has passed.
    WaitExpired {
        /// Which.
        job: JobId,
    },
    /// A worker has answered.
    Answer {
        /// Who.
        slot: u32,
        /// What.
        outcome: Outcome,
    },
    /// The exit of a worker was noticed.
    Exited {
        /// Whose.
        slot: u32,
        /// Its own job took it down.
        crashed: bool,
    },
    /// Writing to a dying worker failed.
    WriteFailed {
        /// Whose.
        slot: u32,
    },
    /// A worker has been started.
    Spawned {
        /// Where.
        slot: u32,
    },
    /// A worker could not be started.
    SpawnFailed {
        /// Where.
        slot: u32,
    },
    /// A worker is ready.
    Ready {
        /// Who.
        slot: u32,
    },
    /// A worker gave a sign of life.
    Beat {
        /// Who.
        slot: u32,
    },
    /// A timer of a slot fires.
    Timer {
        /// Whose.
        slot: u32,
        /// Which.
        timer: SlotTimer,
    },
    /// A timer of the pool fires.
    PoolTimer {
        /// Which.
        timer: PoolTimer,
    },
    /// Dispatching stops or goes on.
    Pause {
        /// Whether it stops.
        paused: bool,
    },
    /// New jobs are refused from now on, or taken again.
    Close {
        /// Whether they are refused.
        closed: bool,
    },
    /// Every waiting job ends so.
    Flush {
        /// How.
        outcome: Outcome,
    },
}

/// Something that a pool has its driver do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are those of the calls of `Driver`")]
pub enum Effect {
    /// [`Driver::start`].
    Start { slot: u32, job: JobId, dying: bool },
    /// [`Driver::arm`].
    Arm { slot: u32, timer: SlotTimer, at: Time },
    /// [`Driver::kill`].
    Kill { slot: u32 },
    /// [`Driver::retire`].
    Retire { slot: u32 },
    /// [`Driver::withdraw`].
    Withdraw { slot: u32, job: JobId },
    /// [`Driver::respawn`].
    Respawn { slot: u32, first: bool },
    /// [`Driver::queued`].
    Queued { job: JobId, again: bool },
    /// [`Driver::unqueued`].
    Unqueued { job: JobId },
    /// [`Driver::later`].
    Later { timer: PoolTimer, delay: Span },
    /// [`Driver::retried`].
    Retried { job: JobId, outcome: Outcome },
    /// [`Driver::ended`].
    Ended { job: JobId, outcome: Outcome },
    /// [`Driver::moved`].
    Moved { slot: u32, from: WorkerState, to: WorkerState },
}

impl Pool {
    /// Takes an input in.
    pub fn take<D: Driver>(&mut self, now: Time, input: &Input, driver: &mut D) {
        match *input {
            Input::Open { warm } => self.open(now, warm, driver),
            Input::Arrive { job, class, priority, deadline, leave_by, size } => {
                let ticket = driver.ticket(job);
                (ticket.class, ticket.priority, ticket.size) = (class, priority, size);
                (ticket.deadline, ticket.leave_by, ticket.place) = (deadline, leave_by, Place::Outside);
                self.arrive(now, job, driver);
            }
            Input::Cancel { job } => self.cancel(now, job, driver),
            Input::WaitExpired { job } => self.wait_expired(now, job, driver),
            Input::Answer { slot, outcome } => self.answer(now, slot, outcome, driver),
            Input::Exited { slot, crashed } => self.exited(now, slot, crashed, driver),
            Input::WriteFailed { slot } => self.write_failed(now, slot, driver),
            Input::Spawned { slot } => self.spawned(now, slot, driver),
            Input::SpawnFailed { slot } => self.spawn_failed(slot, driver),
            Input::Ready { slot } => self.ready(now, slot, driver),
            Input::Beat { slot } => self.beat(now, slot, Span::ZERO, driver),
            Input::Timer { slot, timer } => self.timer(now, slot, timer, driver),
            Input::PoolTimer { timer } => self.pool_timer(now, timer, driver),
            Input::Pause { paused } => self.pause(now, paused, driver),
            Input::Close { closed } => self.close(closed),
            Input::Flush { outcome } => self.flush(now, outcome, driver),
        }
    }
}

/// A pool that is told recorded inputs again.
pub struct Rerun {
    pool: Pool,
    recorder: Recorder,
    opened: bool,
}

/// Keeps tickets and effects, and carries nothing out.
#[derive(Default)]
struct Recorder {
    now: Time,
    tickets: Vec<Ticket>,
    effects: Vec<Effect>,
}

impl Rerun {
    /// A fresh pool; `chance` is the stream that the recorded one had.
    pub fn new(number: u32, settings: PoolSettings, chance: Stream) -> Rerun {
        Rerun { pool: Pool::new(number, settings, chance), recorder: Recorder::default(), opened: false }
    }

    /// Whether a pool could have been told this at this instant. A record of inputs may be damaged, and a pool trusts its
    /// driver.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, now: Time, input: &Input) -> Result<(), String> {
        let last = self.recorder.now;
        if now < last {
            return Err(format!("time goes back, from {} to {} ns", last.nanos(), now.nanos()));
        }
        if now > Time::HORIZON_MAX {
            return Err(format!("no run lasts {} ns", now.nanos()));
        }
        match *input {
            Input::Open { .. } if self.opened => Err(String::from("the pool is opened a second time")),
            Input::Arrive { job, class, .. } => self.check_arrival(job, class),
            Input::Cancel { job }
            | Input::WaitExpired { job }
            | Input::PoolTimer { timer: PoolTimer::Requeue(job) } => self.check_job(job),
            Input::Spawned { slot } | Input::SpawnFailed { slot } => {
                self.check_slot(slot)?;
                match self.pool.state(slot) {
                    WorkerState::Gone | WorkerState::Cold => Ok(()),
                    _ => Err(format!("a worker is started in slot {slot}, which has one")),
                }
            }
            Input::Answer { slot, .. }
            | Input::Exited { slot, .. }
            | Input::WriteFailed { slot }
            | Input::Ready { slot }
            | Input::Beat { slot }
            | Input::Timer { slot, .. } => self.check_slot(slot),
            Input::Open { .. }
            | Input::PoolTimer { timer: PoolTimer::Turn }
            | Input::Pause { .. }
            | Input::Close { .. }
            | Input::Flush { .. } => Ok(()),
        }
    }

    fn check_slot(&self, slot: u32) -> Result<(), String> {
        let slots = self.pool.slots();
        if slot < slots { Ok(()) } else { Err(format!("there is no slot {slot}, the pool has {slots}")) }
    }

    fn check_job(&self, job: JobId) -> Result<(), String> {
        let known = (job as usize) < self.recorder.tickets.len();
        if known { Ok(()) } else { Err(format!("job {job} has not arrived")) }
    }

    /// Numbers of jobs are given again once they are free, and no number is left out.
    fn check_arrival(&self, job: JobId, class: u16) -> Result<(), String> {
        let next = self.recorder.tickets.len();
        if job as usize > next {
            return Err(format!("job {job} arrives, but the highest number that is free is {next}"));
        }
        if self.recorder.tickets.get(job as usize).is_some_and(|ticket| ticket.place != Place::Outside) {
            return Err(format!("job {job} arrives, but it is in the pool already"));
        }
        let classes = self.pool.reserved().len();
        if classes > 0 && usize::from(class) >= classes {
            return Err(format!("there is no class {class}, the pool knows {classes}"));
        }
        Ok(())
    }

    /// What the pool does when it is told this.
    pub fn take(&mut self, now: Time, input: &Input) -> Vec<Effect> {
        self.recorder.now = now;
        self.opened |= matches!(input, Input::Open { .. });
        self.pool.take(now, input, &mut self.recorder);
        std::mem::take(&mut self.recorder.effects)
    }

    /// Jobs that wait, jobs in the pool, and the state of every worker: what a difference is judged by.
    pub fn state(&self) -> (u32, u32, Vec<WorkerState>) {
        let states = (0..self.pool.slots()).map(|slot| self.pool.state(slot)).collect();
        (self.pool.queue_len(), self.pool.load(), states)
    }
}

impl Tickets for Recorder {
    fn ticket(&mut self, job: JobId) -> &mut Ticket {
        let index = job as usize;
        if self.tickets.len() <= index {
            self.tickets.resize(index + 1, Ticket::default());
        }
        &mut self.tickets[index]
    }
}

impl Driver for Recorder {
    fn start(&mut self, _: u32, slot: u32, job: JobId, dying: bool) {
        let now = self.now;
        self.ticket(job).hand_over(now, slot);
        self.effects.push(Effect::Start { slot, job, dying });
    }

    fn arm(&mut self, _: u32, slot: u32, timer: SlotTimer, at: Time) {
        self.effects.push(Effect::Arm { slot, timer, at });
    }

    fn kill(&mut self, _: u32, slot: u32) {
        self.effects.push(Effect::Kill { slot });
    }

    fn retire(&mut self, _: u32, slot: u32) {
        self.effects.push(Effect::Retire { slot });
    }

    fn withdraw(&mut self, _: u32, slot: u32, job: JobId) {
        self.effects.push(Effect::Withdraw { slot, job });
    }

    fn respawn(&mut self, _: u32, slot: u32, first: bool) {
        self.effects.push(Effect::Respawn { slot, first });
    }

    fn queued(&mut self, _: u32, job: JobId, again: bool) {
        self.effects.push(Effect::Queued { job, again });
    }

    fn unqueued(&mut self, _: u32, job: JobId) {
        self.effects.push(Effect::Unqueued { job });
    }

    fn later(&mut self, _: u32, timer: PoolTimer, delay: Span) {
        self.effects.push(Effect::Later { timer, delay });
    }

    fn retried(&mut self, _: u32, job: JobId, outcome: Outcome) {
        self.effects.push(Effect::Retried { job, outcome });
    }

    fn ended(&mut self, _: u32, job: JobId, outcome: Outcome) {
        self.ticket(job).place = Place::Outside;
        self.effects.push(Effect::Ended { job, outcome });
    }

    fn moved(&mut self, _: u32, slot: u32, from: WorkerState, to: WorkerState) {
        self.effects.push(Effect::Moved { slot, from, to });
    }
}
