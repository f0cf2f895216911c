//! How workers of a pool live, and what happens to the pool as a whole.

use super::*;

impl Pool {
    /// The worker process of `slot` has been started.
    pub fn spawned<D: Driver>(&mut self, now: Time, slot: u32, driver: &mut D) {
        self.enter(slot, WorkerState::Starting, driver);
        self.starting += 1;
        let limit = self.settings.worker.start_timeout;
        if !limit.is_never() {
            self.arm(now + limit, slot, SlotTimer::Start, driver);
        }
    }

    /// The worker process of `slot` could not be started: the slot is lost for good.
    pub fn spawn_failed<D: Driver>(&mut self, slot: u32, driver: &mut D) {
        self.enter(slot, WorkerState::Lost, driver);
        if !self.settings.worker.idle_shutdown.is_never() {
            self.wake_cold(driver);
        }
    }

    /// The worker of `slot` says that it is ready.
    pub fn ready<D: Driver>(&mut self, now: Time, slot: u32, driver: &mut D) {
        if self.workers[slot as usize].state != WorkerState::Starting {
            return;
        }
        self.starting -= 1;
        self.workers[slot as usize].ready = true;
        self.workers[slot as usize].answered = 0;
        self.beat(now, slot, Span::ZERO, driver);
        self.free(now, slot, driver);
        self.dispatch(now, driver);
    }

    /// The worker of `slot` gave its last sign of life so long `ago`, which may be before the start of time.
    pub fn beat<D: Driver>(&mut self, now: Time, slot: u32, ago: Span, driver: &mut D) {
        let limit = self.settings.worker.heartbeat_timeout;
        if !limit.is_never() && self.workers[slot as usize].ready {
            let due = now + (limit - ago);
            self.workers[slot as usize].beat_due = due;
            driver.arm(self.number, slot, SlotTimer::Heartbeat, due);
        }
    }

    /// A timer of a slot fires; stale ones do nothing.
    pub fn timer<D: Driver>(&mut self, now: Time, slot: u32, timer: SlotTimer, driver: &mut D) {
        let worker = self.workers[slot as usize];
        let due = if timer == SlotTimer::Heartbeat { worker.beat_due } else { worker.due };
        if due > now {
            return;
        }
        match (timer, worker.state) {
            (SlotTimer::Service, WorkerState::Busy) => self.time_out(now, slot, worker.job, driver),
            (SlotTimer::Grace, WorkerState::Cancelling) => {
                self.free(now, slot, driver);
                self.dispatch(now, driver);
            }
            (SlotTimer::Start, WorkerState::Starting) => {
                self.starting -= 1;
                self.kill(slot, driver);
            }
            (SlotTimer::Idle, WorkerState::Idle) => self.retire(slot, driver),
            (
                SlotTimer::Heartbeat,
                WorkerState::Idle | WorkerState::Busy | WorkerState::Zombie | WorkerState::Cancelling,
            ) => {
                self.kill(slot, driver);
                if worker.job == NO_JOB {
                    self.offer_dying(slot);
                }
                self.dispatch(now, driver);
            }
            _ => {}
        }
    }

    /// A timer of the pool fires.
    pub fn pool_timer<D: Driver>(&mut self, now: Time, timer: PoolTimer, driver: &mut D) {
        match timer {
            PoolTimer::Turn => {
                self.turn_pending = false;
                self.dispatch(now, driver);
            }
            PoolTimer::Requeue(job) => {
                if driver.ticket(job).place == Place::Delayed {
                    self.requeue(now, job, driver);
                }
            }
        }
    }

    /// The slot breaks down. Its job is put back at the head (`resume`) or crashes. A lost slot stays lost.
    pub fn break_down<D: Driver>(&mut self, now: Time, slot: u32, resume: bool, driver: &mut D) {
        use WorkerState::{Busy, Cancelling, Down, Idle, Lost, Zombie};
        let worker = self.workers[slot as usize];
        if matches!(worker.state, Lost | Down) {
            return;
        }
        // A worker that was ready goes on afterwards; any other must be started again.
        self.workers[slot as usize].ready = matches!(worker.state, Idle | Busy | Zombie | Cancelling);
        self.available.remove(slot);
        if worker.state == WorkerState::Starting {
            self.starting -= 1;
        }
        if worker.job != NO_JOB {
            self.release(worker.job, slot, Outcome::Crash, driver);
        }
        self.enter(slot, WorkerState::Down, driver);
        if worker.job == NO_JOB {
            return;
        }
        if resume && now >= driver.ticket(worker.job).leave_by {
            // Its time to wait was up while it was served.
            self.leave_late(now, worker.job, driver);
        } else if resume {
            self.queue.push_front(worker.job, driver);
            driver.queued(self.number, worker.job, true);
            self.dispatch(now, driver);
        } else {
            self.fail(now, worker.job, Outcome::Crash, driver);
        }
    }

    /// The worker in a slot that is down is dead, whatever the pool believed of it: another has to be started.
    pub fn bury(&mut self, slot: u32) {
        self.workers[slot as usize].ready = false;
    }

    /// The slot works again.
    pub fn recover<D: Driver>(&mut self, now: Time, slot: u32, driver: &mut D) {
        if self.workers[slot as usize].state == WorkerState::Down {
            if self.workers[slot as usize].ready {
                self.free(now, slot, driver);
            } else {
                self.replace(slot, true, driver);
            }
            self.dispatch(now, driver);
        }
    }

    /// Whether the pool has a worker in the slot that it is not rid of.
    pub fn slot_is_alive(&self, slot: u32) -> bool {
        use WorkerState::{Busy, Cancelling, Idle, Starting, Zombie};
        matches!(self.workers[slot as usize].state, Idle | Busy | Zombie | Cancelling | Starting)
    }

    /// Stops or resumes dispatching.
    pub fn pause<D: Driver>(&mut self, now: Time, paused: bool, driver: &mut D) {
        self.paused = paused;
        self.swift = self.plain && !self.paused && !self.closed;
        self.dispatch(now, driver);
    }

    /// Refuses new jobs from now on (`closed`), or takes them again. Those inside go on, without retries.
    pub fn close(&mut self, closed: bool) {
        self.closed = closed;
        self.swift = self.plain && !self.paused && !self.closed;
    }

    /// The whole instance goes down: all its jobs crash, without retries, and all its slots are down. It comes
    /// back by `close(false)` and [`Pool::recover`] for each slot. Jobs that wait for their retry delay stay: the
    /// driver, who keeps the table, ends them by [`Pool::lose`].
    pub fn collapse<D: Driver>(&mut self, now: Time, driver: &mut D) {
        self.close(true);
        for slot in 0..self.workers.len() as u32 {
            self.break_down(now, slot, false, driver);
            self.bury(slot);
        }
        self.flush(now, Outcome::Crash, driver);
    }

    /// A job that waits for its retry delay crashes.
    pub fn lose<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        if driver.ticket(job).place == Place::Delayed {
            self.leave(now, job, Outcome::Crash, driver);
        }
    }

    /// All workers of a pool without jobs go at once; [`Pool::open`] starts it again.
    pub fn shut<D: Driver>(&mut self, driver: &mut D) {
        assert!(self.in_pool == 0, "only an empty pool is shut");
        for slot in 0..self.workers.len() as u32 {
            self.available.remove(slot);
            self.enter(slot, WorkerState::Cold, driver);
            self.workers[slot as usize] = NEW;
        }
        self.starting = 0;
    }

    /// Ends every waiting job with `outcome`, as when an instance goes down, in the order of their arrival.
    pub fn flush<D: Driver>(&mut self, now: Time, outcome: Outcome, driver: &mut D) {
        for job in self.waiting(driver) {
            self.unqueue(job, driver);
            self.leave(now, job, outcome, driver);
        }
    }

    /// Every job that waits, in the order of their arrival.
    pub(super) fn waiting<D: Driver>(&self, driver: &mut D) -> Vec<JobId> {
        let mut waiting = self.queue.jobs(driver);
        waiting.sort_by_key(|&job| driver.ticket(job).arrived);
        waiting
    }
}
