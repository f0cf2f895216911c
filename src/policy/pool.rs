//! One pool: its workers, its queue, and every decision about them.

mod life;
mod rules;

use super::admission::Gate;
use super::driver::{Driver, PoolTimer, SlotTimer, WorkerState};
use super::idle::IdleSet;
use super::queue::Queue;
use super::settings::{
    CrashRadius, Discipline, OnTimeout, PoolRetry, PoolSettings, RetryPlace, Slots, TimeoutOrigin, WhenFull,
};
use super::ticket::{JobId, NO_JOB, Place, Ticket};
use crate::outcome::Outcome;
use crate::random::Stream;
use crate::time::{Span, Time};

#[derive(Clone, Copy, Debug)]
struct Worker {
    state: WorkerState,
    /// Whether it has said that it is ready since its spawn: a dying worker that was not is never "available".
    ready: bool,
    job: JobId,
    /// Jobs answered since its spawn, where it is recycled after so many.
    answered: u32,
    /// When the present one of its timers is due; an earlier or later call is stale.
    due: Time,
    /// When its heartbeat timer is due.
    beat_due: Time,
    /// Its job counts among the running ones of its class (pools with reserved slots).
    counted: bool,
}

/// The state machine of one pool. Every input names the present instant, which must not go back.
#[derive(Clone, Debug)]
pub struct Pool {
    number: u32,
    settings: PoolSettings,
    workers: Vec<Worker>,
    available: IdleSet,
    queue: Queue,
    gate: Gate,
    chance: Stream,
    in_pool: u32,
    starting: u32,
    running: Vec<u32>,
    reserves: bool,
    paused: bool,
    turn_pending: bool,
    closed: bool,
    /// No gate, no reserves, no shares, no recycling, no time-outs of those that wait: the checks of the common pool are skipped by one test.
    plain: bool,
    /// `plain`, and neither paused nor closed.
    swift: bool,
    /// Any number of jobs may wait.
    boundless: bool,
    /// Waiting jobs may make workers appear: a pool without a limit of slots, or a cold one.
    eager: bool,
}

const NEW: Worker = Worker {
    state: WorkerState::Cold,
    ready: false,
    job: NO_JOB,
    answered: 0,
    due: Time::NEVER,
    beat_due: Time::NEVER,
    counted: false,
};

impl Pool {
    /// A pool whose workers have not been started; see [`Pool::open`].
    pub fn new(number: u32, settings: PoolSettings, chance: Stream) -> Pool {
        let slots = match settings.slots {
            Slots::Limited(slots) => slots,
            Slots::Unlimited => 0,
        };
        let reserves = settings.reserved.iter().any(|&slots| slots > 0);
        let gate = Gate::new(&settings.admission);
        let worker = &settings.worker;
        let plain = gate.is_open()
            && !reserves
            && worker.recycle_after == 0
            && worker.idle_shutdown.is_never()
            && settings.times_out_waiting().is_none()
            && settings.discipline != Discipline::FairShare;
        Pool {
            number,
            workers: vec![NEW; slots as usize],
            available: IdleSet::new(settings.idle_order, slots),
            queue: Queue::new(settings.discipline, &settings.class_weights),
            gate,
            chance,
            in_pool: 0,
            starting: 0,
            running: vec![0; settings.reserved.len()],
            reserves,
            paused: false,
            turn_pending: false,
            closed: false,
            plain,
            swift: plain,
            boundless: settings.queue_capacity.is_none(),
            eager: settings.slots == Slots::Unlimited || !settings.worker.idle_shutdown.is_never(),
            settings,
        }
    }

    /// Starts the workers: all are ready at once (`warm`), or are spawned now, or wait for work (cold pools).
    pub fn open<D: Driver>(&mut self, now: Time, warm: bool, driver: &mut D) {
        for slot in 0..self.workers.len() as u32 {
            if warm {
                self.spawned(now, slot, driver);
                self.ready(now, slot, driver);
            } else if self.settings.worker.idle_shutdown.is_never() {
                driver.respawn(self.number, slot, true);
            }
        }
    }

    /// Jobs that wait.
    #[inline(always)]
    pub fn queue_len(&self) -> u32 {
        self.queue.len()
    }

    /// Jobs that wait or are with a worker.
    #[inline(always)]
    pub fn load(&self) -> u32 {
        self.in_pool
    }

    /// Slots, whatever their state.
    pub fn slots(&self) -> u32 {
        self.workers.len() as u32
    }

    /// Slots that are kept for each class, where there are any.
    pub(super) fn reserved(&self) -> &[u32] {
        &self.settings.reserved
    }

    /// State of the worker in a slot.
    pub fn state(&self, slot: u32) -> WorkerState {
        self.workers[slot as usize].state
    }

    /// The job that the worker in a slot has, if any.
    pub fn job_in(&self, slot: u32) -> Option<JobId> {
        let job = self.workers[slot as usize].job;
        (job != NO_JOB).then_some(job)
    }

    /// Whether the pool leaves a worker idle while a job that may start is waiting: never true between inputs,
    /// unless it is paused or a retry's turn is pending.
    pub fn idles_while_jobs_wait(&self) -> bool {
        !self.queue.is_empty()
            && !self.available.is_empty()
            && !self.paused
            && !self.turn_pending
            && !self.reserves
    }

    // ---- jobs -------------------------------------------------------------------------------------------

    /// A job arrives. Its ticket holds class, priority, deadline and size; the rest is written here.
    #[inline(always)]
    pub fn arrive<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        driver.ticket(job).arrives(now);
        self.take_in(now, job, driver);
    }

    /// [`Pool::arrive`] of a job on whose ticket the driver has noted that it [arrives](Ticket::arrives): spares a
    /// driver that has just made it the way back to it.
    #[inline(always)]
    pub fn take_in<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        if !self.swift {
            return self.take_in_with_care(now, job, driver);
        }
        if self.queue.is_empty()
            && let Some(slot) = self.choose_slot(now, driver)
        {
            self.in_pool += 1;
            return self.assign(now, slot, job, driver);
        }
        if self.boundless { self.line_up(now, job, driver) } else { self.take_in_with_care(now, job, driver) }
    }

    /// Takes a job into a pool that may refuse it.
    #[inline(never)]
    fn take_in_with_care<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        if self.closed || !self.gate.admits(now, self.in_pool) {
            return driver.ended(self.number, job, Outcome::Rejected);
        }
        let due = self.times_out_waiting(job, driver);
        let ticket = driver.ticket(job);
        ticket.leave_by = ticket.leave_by.min(due);
        let class = ticket.class;
        if self.is_full(now, class, driver) {
            match self.settings.when_full {
                WhenFull::DropOldest if !self.queue.is_empty() => self.drop_oldest(now, driver),
                _ => return driver.ended(self.number, job, Outcome::Rejected),
            }
        }
        self.line_up(now, job, driver);
    }

    /// An accepted job joins the queue, and leaves it at once if it may.
    #[inline(always)]
    fn line_up<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        self.in_pool += 1;
        self.queue.push(job, driver);
        driver.queued(self.number, job, false);
        self.dispatch_waiting(now, driver);
    }

    /// The client withdraws a job; the pool reports it as cancelled.
    pub fn cancel<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        match driver.ticket(job).place {
            Place::Queued => {
                self.unqueue(job, driver);
                self.leave(now, job, Outcome::Cancelled, driver);
            }
            Place::Running => {
                let slot = driver.ticket(job).slot;
                self.release(job, slot, Outcome::Cancelled, driver);
                self.leave(now, job, Outcome::Cancelled, driver);
                let then =
                    self.settings.service_timeout.map_or(OnTimeout::Cancel { grace: Span::ZERO }, |t| t.then);
                if self.workers[slot as usize].state == WorkerState::Busy {
                    self.give_up_service(now, slot, job, then, driver);
                }
                self.dispatch(now, driver);
            }
            Place::Delayed => self.leave(now, job, Outcome::Cancelled, driver),
            Place::Outside => {}
        }
    }

    /// The waiting limit of a job has passed, or its time-out, which [`Ticket::leave_by`] holds too where it counts from
    /// the arrival. A job that no longer waits is left alone.
    pub fn wait_expired<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        if driver.ticket(job).place == Place::Queued {
            self.unqueue(job, driver);
            self.leave_late(now, job, driver);
        }
    }

    // ---- answers and exits ------------------------------------------------------------------------------

    /// The worker in `slot` has answered: with a result (`Ok`), an error, or (where crashes reach only the job) a
    /// crash. The next job starts before the answer reaches the client.
    #[inline]
    pub fn answer<D: Driver>(&mut self, now: Time, slot: u32, outcome: Outcome, driver: &mut D) {
        let worker = &mut self.workers[slot as usize];
        if worker.state != WorkerState::Busy {
            return self.answer_unheard(now, slot, driver);
        }
        let job = worker.job;
        if outcome != Outcome::Ok || !self.swift {
            return self.answer_with_care(now, slot, job, outcome, driver);
        }
        if !self.queue.is_empty() && self.available.is_empty() {
            let next = self.queue.take_next(now, &mut self.chance, driver);
            worker.job = next;
            driver.start_next(self.number, slot, next);
            self.set_timeout(now, slot, next, driver);
        } else {
            worker.job = NO_JOB;
            worker.state = WorkerState::Idle;
            driver.moved(self.number, slot, WorkerState::Busy, WorkerState::Idle);
            self.available.insert(slot);
            self.dispatch(now, driver);
        }
        self.in_pool -= 1;
        driver.ended(self.number, job, outcome);
    }

    /// The result of work that nobody waits for any more.
    #[inline(never)]
    fn answer_unheard<D: Driver>(&mut self, now: Time, slot: u32, driver: &mut D) {
        self.workers[slot as usize].answered += 1;
        if self.workers[slot as usize].state == WorkerState::Zombie {
            self.free(now, slot, driver);
            self.dispatch(now, driver);
        }
    }

    /// An answer that says "failed", or one to a pool with more rules than most.
    #[inline(never)]
    fn answer_with_care<D: Driver>(
        &mut self,
        now: Time,
        slot: u32,
        job: JobId,
        outcome: Outcome,
        driver: &mut D,
    ) {
        self.workers[slot as usize].answered += 1;
        self.release(job, slot, outcome, driver);
        self.free(now, slot, driver);
        if outcome != Outcome::Ok && self.retry_of(now, job, outcome, driver).is_some() {
            // Put back before the worker looks for its next job, or the head of the queue were no head.
            self.fail(now, job, outcome, driver);
            return self.dispatch(now, driver);
        }
        self.dispatch(now, driver);
        self.leave(now, job, outcome, driver);
    }

    /// The exit of the worker in `slot` was noticed, whoever caused it. `crashed`: its own job took it down.
    pub fn exited<D: Driver>(&mut self, now: Time, slot: u32, crashed: bool, driver: &mut D) {
        let worker = self.workers[slot as usize];
        if matches!(worker.state, WorkerState::Gone | WorkerState::Lost | WorkerState::Cold) {
            return;
        }
        self.available.remove(slot);
        if worker.state == WorkerState::Starting {
            self.starting -= 1;
        }
        if worker.job != NO_JOB {
            self.release(worker.job, slot, Outcome::Crash, driver);
        }
        self.replace(slot, false, driver);
        if crashed {
            // First, or a job that is tried again would go to a worker that goes down with the others.
            self.spread_crash(now, driver);
        }
        self.dispatch(now, driver);
        if worker.job != NO_JOB {
            self.fail(now, worker.job, Outcome::Crash, driver);
        }
    }

    /// Sees to a new worker for a slot that has none: at once, or with the next job (cold pools).
    fn replace<D: Driver>(&mut self, slot: u32, first: bool, driver: &mut D) {
        self.enter(slot, WorkerState::Gone, driver);
        self.workers[slot as usize] = Worker { state: WorkerState::Gone, ..NEW };
        if self.settings.worker.idle_shutdown.is_never() || !self.queue.is_empty() {
            driver.respawn(self.number, slot, first);
        } else {
            self.enter(slot, WorkerState::Cold, driver);
        }
    }

    /// Writing the job to the dying worker in `slot` failed: the job ends at once, without a retry, and the
    /// pool looks again, at the same worker too.
    pub fn write_failed<D: Driver>(&mut self, now: Time, slot: u32, driver: &mut D) {
        let job = self.workers[slot as usize].job;
        if job == NO_JOB {
            return;
        }
        self.release(job, slot, Outcome::WriteError, driver);
        match self.workers[slot as usize].state {
            WorkerState::Dying => self.offer_dying(slot),
            // It died without the pool's doing, and the pool still believes that it can take jobs.
            WorkerState::Busy if self.settings.worker.dying_window => {
                self.enter(slot, WorkerState::Idle, driver);
                self.available.insert(slot);
            }
            WorkerState::Busy => self.enter(slot, WorkerState::Dying, driver),
            _ => {}
        }
        self.dispatch(now, driver);
        self.fail(now, job, Outcome::WriteError, driver);
    }
}

/// Slots that others than `class` keep for themselves just now.
fn kept(reserved: &[u32], running: &[u32], class: u16) -> u32 {
    let others = reserved.iter().zip(running).enumerate().filter(|&(other, _)| other != usize::from(class));
    others.map(|(_, (&kept, &used))| kept.saturating_sub(used)).sum()
}
