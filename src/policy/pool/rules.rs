//! The rules by which a pool decides: who starts, who is refused, who tries again.

use super::*;
use crate::policy::ServiceTimeout;

impl Pool {
    /// Gives waiting jobs to available workers for as long as there are both.
    #[inline(always)]
    pub(super) fn dispatch<D: Driver>(&mut self, now: Time, driver: &mut D) {
        if !self.queue.is_empty() {
            self.dispatch_waiting(now, driver);
        }
    }

    /// The same where it is known that jobs wait.
    #[inline(always)]
    pub(super) fn dispatch_waiting<D: Driver>(&mut self, now: Time, driver: &mut D) {
        if self.eager || !self.available.is_empty() {
            self.dispatch_queue(now, driver);
        }
    }

    #[inline(never)]
    pub(super) fn dispatch_queue<D: Driver>(&mut self, now: Time, driver: &mut D) {
        while !self.queue.is_empty() && !self.paused {
            let Some(slot) = self.choose_slot(now, driver) else { break };
            let job = match self.choose_job(now, driver) {
                Some(job) => job,
                None => break,
            };
            self.unqueue(job, driver);
            if !self.plain && now >= self.times_out_waiting(job, driver) {
                self.leave(now, job, Outcome::Timeout, driver);
                continue;
            }
            if !self.gate.is_open() {
                // A retried job has passed the gate before, and its time since arrival is not all waiting.
                let Ticket { arrived, retries, .. } = *driver.ticket(job);
                if retries == 0 && self.gate.drops(now, now.since(arrived), self.queue.len()) {
                    self.leave(now, job, Outcome::Rejected, driver);
                    continue;
                }
            }
            self.assign(now, slot, job, driver);
        }
        if !self.settings.worker.idle_shutdown.is_never() {
            self.wake_cold(driver);
        }
    }

    /// The available worker that is next in order; unlimited pools make one when there is none.
    #[inline(always)]
    pub(super) fn choose_slot<D: Driver>(&mut self, now: Time, driver: &mut D) -> Option<u32> {
        match self.available.choose(&mut self.chance) {
            None if self.settings.slots == Slots::Unlimited => Some(self.add_slot(now, driver)),
            slot => slot,
        }
    }

    #[cold]
    pub(super) fn add_slot<D: Driver>(&mut self, now: Time, driver: &mut D) -> u32 {
        let slot = self.workers.len() as u32;
        self.workers.push(NEW);
        self.available.grow(slot + 1);
        self.enter(slot, WorkerState::Starting, driver);
        self.workers[slot as usize].ready = true;
        self.free(now, slot, driver);
        slot
    }

    #[inline(always)]
    pub(super) fn choose_job<D: Driver>(&mut self, now: Time, driver: &mut D) -> Option<JobId> {
        if !self.reserves {
            return Some(self.queue.next(now, &mut self.chance, driver));
        }
        let idle = self.available.len();
        let (reserved, running) = (&self.settings.reserved, &self.running);
        self.queue.next_eligible(now, &mut self.chance, driver, |class| idle > kept(reserved, running, class))
    }

    /// Whether the waiting places are taken and a job of this class could not start at once.
    pub(super) fn is_full<D: Driver>(&mut self, now: Time, class: u16, driver: &mut D) -> bool {
        let Some(capacity) = self.settings.queue_capacity else { return false };
        if self.queue.len() < capacity {
            return false;
        }
        if !self.settings.worker.idle_shutdown.is_never() {
            // In a cold pool jobs bring workers about: those that are not at work have a job's place each.
            use WorkerState::{Cold, Gone, Idle, Starting};
            let free = self.workers.iter().filter(|w| matches!(w.state, Cold | Gone | Idle | Starting));
            return self.queue.len() as usize >= capacity as usize + free.count();
        }
        if self.paused || self.choose_slot(now, driver).is_none() {
            return true;
        }
        if self.reserves {
            return self.available.len() <= kept(&self.settings.reserved, &self.running, class);
        }
        !self.queue.is_empty()
    }

    pub(super) fn drop_oldest<D: Driver>(&mut self, now: Time, driver: &mut D) {
        if let Some(oldest) = self.queue.oldest(driver) {
            self.unqueue(oldest, driver);
            self.leave(now, oldest, Outcome::Rejected, driver);
        }
    }

    #[inline(always)]
    pub(super) fn unqueue<D: Driver>(&mut self, job: JobId, driver: &mut D) {
        self.queue.remove(job, driver);
        driver.unqueued(self.number, job);
    }

    /// Hands a job to an available worker.
    #[inline(always)]
    pub(super) fn assign<D: Driver>(&mut self, now: Time, slot: u32, job: JobId, driver: &mut D) {
        self.available.remove(slot);
        let worker = &mut self.workers[slot as usize];
        if worker.state == WorkerState::Dying {
            return self.hand_to_dying(slot, job, driver);
        }
        driver.moved(self.number, slot, worker.state, WorkerState::Busy);
        worker.state = WorkerState::Busy;
        self.hand_over(now, slot, job, driver);
    }

    #[cold]
    pub(super) fn hand_to_dying<D: Driver>(&mut self, slot: u32, job: JobId, driver: &mut D) {
        self.workers[slot as usize].job = job;
        driver.start(self.number, slot, job, true);
    }

    /// Starts a job on a worker that is not in the set of available ones.
    #[inline(always)]
    pub(super) fn hand_over<D: Driver>(&mut self, now: Time, slot: u32, job: JobId, driver: &mut D) {
        self.workers[slot as usize].job = job;
        if !self.plain {
            let ticket = driver.ticket(job);
            let (class, size) = (ticket.class, ticket.size);
            if self.reserves {
                self.running[usize::from(class)] += 1;
                self.workers[slot as usize].counted = true;
            }
            self.queue.charge(class, size);
        }
        driver.start(self.number, slot, job, false);
        self.set_timeout(now, slot, job, driver);
    }

    /// Arms the service time-out of a job that starts now.
    #[inline(always)]
    pub(super) fn set_timeout<D: Driver>(&mut self, now: Time, slot: u32, job: JobId, driver: &mut D) {
        if let Some(timeout) = self.settings.service_timeout {
            if !timeout.span.is_never() {
                self.arm_timeout(now, slot, job, timeout, driver);
            } else if self.settings.draws_timeout {
                let span = driver.drawn_timeout(self.number, job);
                self.arm_timeout(now, slot, job, ServiceTimeout { span, ..timeout }, driver);
            }
        }
    }

    /// When a job is timed out even if it waits.
    pub(super) fn times_out_waiting<D: Driver>(&self, job: JobId, driver: &mut D) -> Time {
        let Some(constant) = self.settings.times_out_waiting() else { return Time::NEVER };
        let span = if constant.is_never() { driver.drawn_timeout(self.number, job) } else { constant };
        driver.ticket(job).arrived + span
    }

    #[inline(always)]
    fn arm_timeout<D: Driver>(
        &mut self,
        now: Time,
        slot: u32,
        job: JobId,
        timeout: ServiceTimeout,
        driver: &mut D,
    ) {
        let at = match timeout.origin {
            TimeoutOrigin::Dispatch => now + timeout.span,
            TimeoutOrigin::Arrival => (driver.ticket(job).arrived + timeout.span).max(now),
            TimeoutOrigin::TotalService => now + (timeout.span - driver.ticket(job).served),
        };
        self.arm(at, slot, SlotTimer::Service, driver);
    }

    /// Takes the job, whose attempt ends with `outcome`, from its worker's record; the worker's state is the caller's
    /// business.
    #[inline(always)]
    pub(super) fn release<D: Driver>(&mut self, job: JobId, slot: u32, outcome: Outcome, driver: &mut D) {
        self.workers[slot as usize].job = NO_JOB;
        driver.released(self.number, slot, job, outcome);
        let ticket = driver.ticket(job);
        ticket.place = Place::Outside;
        if self.reserves && std::mem::take(&mut self.workers[slot as usize].counted) {
            self.running[usize::from(ticket.class)] -= 1;
        }
    }

    pub(super) fn time_out<D: Driver>(&mut self, now: Time, slot: u32, job: JobId, driver: &mut D) {
        self.release(job, slot, Outcome::Timeout, driver);
        let then = self.settings.service_timeout.map_or(OnTimeout::Kill, |timeout| timeout.then);
        self.give_up_service(now, slot, job, then, driver);
        self.fail(now, job, Outcome::Timeout, driver);
        self.dispatch(now, driver);
    }

    /// What becomes of a worker whose job is over for the pool.
    pub(super) fn give_up_service<D: Driver>(
        &mut self,
        now: Time,
        slot: u32,
        job: JobId,
        then: OnTimeout,
        driver: &mut D,
    ) {
        match then {
            OnTimeout::Kill => {
                self.kill(slot, driver);
                self.offer_dying(slot);
            }
            OnTimeout::Cancel { grace } => {
                driver.withdraw(self.number, slot, job);
                if grace == Span::ZERO {
                    self.free(now, slot, driver);
                } else {
                    self.enter(slot, WorkerState::Cancelling, driver);
                    self.arm(now + grace, slot, SlotTimer::Grace, driver);
                }
            }
            OnTimeout::Abandon => self.enter(slot, WorkerState::Zombie, driver),
        }
    }

    /// Makes a worker idle, or lets it go when its jobs or its time are up.
    #[inline(always)]
    pub(super) fn free<D: Driver>(&mut self, now: Time, slot: u32, driver: &mut D) {
        let recycle = self.settings.worker.recycle_after;
        if recycle > 0 && self.workers[slot as usize].answered >= recycle {
            return self.retire(slot, driver);
        }
        self.enter(slot, WorkerState::Idle, driver);
        self.available.insert(slot);
        let linger = self.settings.worker.idle_shutdown;
        if !linger.is_never() {
            self.arm(now + linger, slot, SlotTimer::Idle, driver);
        }
    }

    pub(super) fn kill<D: Driver>(&mut self, slot: u32, driver: &mut D) {
        self.available.remove(slot);
        self.enter(slot, WorkerState::Dying, driver);
        driver.kill(self.number, slot);
    }

    pub(super) fn retire<D: Driver>(&mut self, slot: u32, driver: &mut D) {
        self.available.remove(slot);
        self.enter(slot, WorkerState::Dying, driver);
        driver.retire(self.number, slot);
    }

    /// A dying worker without a job still counts as available where the pool has a dying window.
    pub(super) fn offer_dying(&mut self, slot: u32) {
        let worker = &self.workers[slot as usize];
        if self.settings.worker.dying_window && worker.ready && worker.state == WorkerState::Dying {
            self.available.insert(slot);
        }
    }

    /// Starts cold workers while more jobs wait than workers are on their way.
    #[cold]
    pub(super) fn wake_cold<D: Driver>(&mut self, driver: &mut D) {
        let mut wanted = self.queue.len().saturating_sub(self.starting);
        for slot in 0..self.workers.len() as u32 {
            if wanted == 0 {
                return;
            }
            if self.workers[slot as usize].state == WorkerState::Cold {
                driver.respawn(self.number, slot, true);
                wanted -= 1;
            }
        }
    }

    /// A failed attempt: tried again if the rules allow, else the job leaves.
    pub(super) fn fail<D: Driver>(&mut self, now: Time, job: JobId, outcome: Outcome, driver: &mut D) {
        let ticket = driver.ticket(job);
        ticket.served += now.since(ticket.started);
        self.try_again(now, job, outcome, driver);
    }

    /// Tries a job again if the rules allow, else lets it leave.
    fn try_again<D: Driver>(&mut self, now: Time, job: JobId, outcome: Outcome, driver: &mut D) {
        let retry = self.retry_of(now, job, outcome, driver);
        let ticket = driver.ticket(job);
        let Some(retry) = retry else { return self.leave(now, job, outcome, driver) };
        ticket.retries += 1;
        ticket.place = Place::Delayed;
        let number = ticket.retries;
        driver.retried(self.number, job, outcome);
        let delay = retry.delay_before(number, &mut self.chance);
        if delay == Span::ZERO {
            self.requeue(now, job, driver);
        } else {
            driver.later(self.number, PoolTimer::Requeue(job), delay);
        }
    }

    /// The rule by which a job that fails with `outcome` is tried again, if it is.
    pub(super) fn retry_of<D: Driver>(
        &self,
        now: Time,
        job: JobId,
        outcome: Outcome,
        driver: &mut D,
    ) -> Option<PoolRetry> {
        let ticket = driver.ticket(job);
        let rule = self.settings.retry.filter(|_| !self.closed && now < ticket.leave_by);
        rule.filter(|rule| {
            rule.on.contains(outcome) && ticket.retries < rule.max && !self.is_out_of_time(outcome)
        })
    }

    /// Whether a time-out used up all the time that a job has, not just that of an attempt.
    pub(super) fn is_out_of_time(&self, outcome: Outcome) -> bool {
        outcome == Outcome::Timeout
            && self.settings.service_timeout.is_some_and(|limit| limit.origin != TimeoutOrigin::Dispatch)
    }

    pub(super) fn requeue<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        if now >= driver.ticket(job).leave_by {
            return self.leave_late(now, job, driver);
        }
        let retry = self.settings.retry.expect("only a pool with retries requeues");
        match retry.place {
            RetryPlace::Head => self.queue.push_front(job, driver),
            RetryPlace::Tail => self.queue.push_again(job, driver),
        }
        driver.queued(self.number, job, true);
        if retry.turn == Span::ZERO {
            self.dispatch(now, driver);
        } else {
            self.turn_pending = true;
            driver.later(self.number, PoolTimer::Turn, retry.turn);
        }
    }

    #[inline(always)]
    pub(super) fn leave<D: Driver>(&mut self, now: Time, job: JobId, outcome: Outcome, driver: &mut D) {
        self.in_pool -= 1;
        if !self.gate.is_open() {
            let sojourn = now.since(driver.ticket(job).arrived);
            self.gate.left(sojourn, outcome == Outcome::Ok, self.in_pool + 1);
        }
        driver.ended(self.number, job, outcome);
    }

    /// A job leaves that could wait no longer.
    pub(super) fn leave_late<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        let late = now >= self.times_out_waiting(job, driver);
        self.leave(now, job, if late { Outcome::Timeout } else { Outcome::Reneged }, driver);
    }

    /// A crash that takes others along: running jobs crash as their workers exit, waiting ones now. All are tried again
    /// where the pool does so after a crash.
    pub(super) fn spread_crash<D: Driver>(&mut self, now: Time, driver: &mut D) {
        let radius = self.settings.worker.crash_radius;
        if !matches!(radius, CrashRadius::Pool | CrashRadius::Running) {
            return;
        }
        for slot in 0..self.workers.len() as u32 {
            if self.slot_is_alive(slot) {
                if self.workers[slot as usize].state == WorkerState::Starting {
                    self.starting -= 1;
                }
                self.kill(slot, driver);
            }
        }
        if radius == CrashRadius::Pool {
            let mut waiting = self.waiting(driver);
            if self.settings.retry.is_some_and(|retry| retry.place == RetryPlace::Head) {
                // Each goes before those that were put back earlier.
                waiting.reverse();
            }
            for job in waiting {
                self.unqueue(job, driver);
                self.try_again(now, job, Outcome::Crash, driver);
            }
        }
    }

    #[inline(always)]
    pub(super) fn enter<D: Driver>(&mut self, slot: u32, state: WorkerState, driver: &mut D) {
        let worker = &mut self.workers[slot as usize];
        let from = std::mem::replace(&mut worker.state, state);
        driver.moved(self.number, slot, from, state);
    }

    #[inline(always)]
    pub(super) fn arm<D: Driver>(&mut self, at: Time, slot: u32, timer: SlotTimer, driver: &mut D) {
        self.workers[slot as usize].due = at;
        driver.arm(self.number, slot, timer, at);
    }
}
