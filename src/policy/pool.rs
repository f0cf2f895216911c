//! One pool: its workers, its queue, and every decision about them.

#[cfg(doc)]
use super::Ticket;
use super::admission::Gate;
use super::idle::IdleSet;
use super::queue::Queue;
use super::settings::{
    CrashRadius, Discipline, OnTimeout, PoolSettings, RetryPlace, Slots, TimeoutOrigin, WhenFull,
};
use super::ticket::{JobId, NO_JOB, Place, Ticket, Tickets};
use crate::outcome::Outcome;
use crate::random::Stream;
use crate::time::{Span, Time};

/// What a worker in a slot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Kills the worker; [`Pool::exited`] follows.
    fn kill(&mut self, pool: u32, slot: u32);
    /// Asks the worker to leave in peace; [`Pool::exited`] follows.
    fn retire(&mut self, pool: u32, slot: u32);
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

#[derive(Clone, Copy, Debug)]
struct Worker {
    state: WorkerState,
    /// Whether it has said that it is ready since its spawn: a dying worker that was not is never "available".
    ready: bool,
    job: JobId,
    /// Jobs answered since its spawn.
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
    /// No gate, no reserves, no shares, no recycling: the checks of the common pool are skipped by one test.
    plain: bool,
    /// `plain`, and neither paused nor closed.
    swift: bool,
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
        let ticket = driver.ticket(job);
        ticket.arrived = now;
        ticket.retries = 0;
        ticket.served = Span::ZERO;
        if self.swift
            && self.queue.is_empty()
            && let Some(slot) = self.choose_slot(now, driver)
        {
            self.in_pool += 1;
            return self.assign(now, slot, job, driver);
        }
        self.arrive_to_queue(now, job, driver);
    }

    #[inline]
    fn arrive_to_queue<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        if self.closed || !self.gate.admits(now, self.in_pool) {
            return driver.ended(self.number, job, Outcome::Rejected);
        }
        let class = driver.ticket(job).class;
        if self.is_full(now, class, driver) {
            match self.settings.when_full {
                WhenFull::DropOldest if !self.queue.is_empty() => self.drop_oldest(now, driver),
                _ => return driver.ended(self.number, job, Outcome::Rejected),
            }
        }
        self.in_pool += 1;
        self.queue.push(job, driver);
        driver.queued(self.number, job, false);
        self.dispatch(now, driver);
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
                self.release(job, slot, driver);
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

    /// The waiting limit of a job has passed. A job that no longer waits is left alone.
    pub fn wait_expired<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        if driver.ticket(job).place == Place::Queued {
            self.unqueue(job, driver);
            self.leave(now, job, Outcome::Reneged, driver);
        }
    }

    // ---- answers and exits ------------------------------------------------------------------------------

    /// The worker in `slot` has answered: with a result (`Ok`), an error, or (where crashes reach only the job) a
    /// crash. The next job starts before the answer reaches the client.
    #[inline]
    pub fn answer<D: Driver>(&mut self, now: Time, slot: u32, outcome: Outcome, driver: &mut D) {
        let worker = &mut self.workers[slot as usize];
        worker.answered += 1;
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
        self.release(job, slot, driver);
        self.free(now, slot, driver);
        self.dispatch(now, driver);
        if outcome == Outcome::Ok {
            self.leave(now, job, outcome, driver);
        } else {
            self.fail(now, job, outcome, driver);
        }
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
            self.release(worker.job, slot, driver);
        }
        self.replace(slot, false, driver);
        self.dispatch(now, driver);
        if worker.job != NO_JOB {
            self.fail(now, worker.job, Outcome::Crash, driver);
        }
        if crashed {
            self.spread_crash(now, driver);
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
        self.release(job, slot, driver);
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

    // ---- life of workers --------------------------------------------------------------------------------

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
        self.beat(now, slot, driver);
        self.free(now, slot, driver);
        self.dispatch(now, driver);
    }

    /// The worker of `slot` gave a sign of life at `now`.
    pub fn beat<D: Driver>(&mut self, now: Time, slot: u32, driver: &mut D) {
        let limit = self.settings.worker.heartbeat_timeout;
        if !limit.is_never() && self.workers[slot as usize].ready {
            self.workers[slot as usize].beat_due = now + limit;
            driver.arm(self.number, slot, SlotTimer::Heartbeat, now + limit);
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
            self.release(worker.job, slot, driver);
        }
        self.enter(slot, WorkerState::Down, driver);
        if worker.job == NO_JOB {
            return;
        }
        if resume {
            self.queue.push_front(worker.job, driver);
            driver.queued(self.number, worker.job, true);
            self.dispatch(now, driver);
        } else {
            self.fail(now, worker.job, Outcome::Crash, driver);
        }
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

    // ---- the pool as a whole ----------------------------------------------------------------------------

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
            self.workers[slot as usize].ready = false;
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

    /// Ends every waiting job with `outcome`, as when an instance goes down.
    pub fn flush<D: Driver>(&mut self, now: Time, outcome: Outcome, driver: &mut D) {
        let mut waiting = self.queue.jobs(driver);
        waiting.sort_unstable();
        for job in waiting {
            self.unqueue(job, driver);
            self.leave(now, job, outcome, driver);
        }
    }

    // ---- the rules --------------------------------------------------------------------------------------

    /// Gives waiting jobs to available workers for as long as there are both.
    #[inline(always)]
    fn dispatch<D: Driver>(&mut self, now: Time, driver: &mut D) {
        if !self.queue.is_empty() && (self.eager || !self.available.is_empty()) {
            self.dispatch_queue(now, driver);
        }
    }

    fn dispatch_queue<D: Driver>(&mut self, now: Time, driver: &mut D) {
        while !self.queue.is_empty() && !self.paused {
            let Some(slot) = self.choose_slot(now, driver) else { break };
            let job = match self.choose_job(now, driver) {
                Some(job) => job,
                None => break,
            };
            self.unqueue(job, driver);
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
    fn choose_slot<D: Driver>(&mut self, now: Time, driver: &mut D) -> Option<u32> {
        match self.available.choose(&mut self.chance) {
            None if self.settings.slots == Slots::Unlimited => Some(self.add_slot(now, driver)),
            slot => slot,
        }
    }

    #[cold]
    fn add_slot<D: Driver>(&mut self, now: Time, driver: &mut D) -> u32 {
        let slot = self.workers.len() as u32;
        self.workers.push(NEW);
        self.available.grow(slot + 1);
        self.enter(slot, WorkerState::Starting, driver);
        self.workers[slot as usize].ready = true;
        self.free(now, slot, driver);
        slot
    }

    #[inline(always)]
    fn choose_job<D: Driver>(&mut self, now: Time, driver: &mut D) -> Option<JobId> {
        if !self.reserves {
            return Some(self.queue.next(now, &mut self.chance, driver));
        }
        let idle = self.available.len();
        let (reserved, running) = (&self.settings.reserved, &self.running);
        self.queue.next_eligible(now, &mut self.chance, driver, |class| idle > kept(reserved, running, class))
    }

    /// Whether the waiting places are taken and a job of this class could not start at once.
    fn is_full<D: Driver>(&mut self, now: Time, class: u16, driver: &mut D) -> bool {
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

    fn drop_oldest<D: Driver>(&mut self, now: Time, driver: &mut D) {
        if let Some(oldest) = self.queue.oldest(driver) {
            self.unqueue(oldest, driver);
            self.leave(now, oldest, Outcome::Rejected, driver);
        }
    }

    #[inline(always)]
    fn unqueue<D: Driver>(&mut self, job: JobId, driver: &mut D) {
        self.queue.remove(job, driver);
        driver.unqueued(self.number, job);
    }

    /// Hands a job to an available worker.
    #[inline(always)]
    fn assign<D: Driver>(&mut self, now: Time, slot: u32, job: JobId, driver: &mut D) {
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
    fn hand_to_dying<D: Driver>(&mut self, slot: u32, job: JobId, driver: &mut D) {
        self.workers[slot as usize].job = job;
        driver.start(self.number, slot, job, true);
    }

    /// Starts a job on a worker that is not in the set of available ones.
    #[inline(always)]
    fn hand_over<D: Driver>(&mut self, now: Time, slot: u32, job: JobId, driver: &mut D) {
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
    fn set_timeout<D: Driver>(&mut self, now: Time, slot: u32, job: JobId, driver: &mut D) {
        if let Some(timeout) = self.settings.service_timeout {
            let at = match timeout.origin {
                TimeoutOrigin::Dispatch => now + timeout.span,
                TimeoutOrigin::Arrival => (driver.ticket(job).arrived + timeout.span).max(now),
                TimeoutOrigin::TotalService => now + (timeout.span - driver.ticket(job).served),
            };
            self.arm(at, slot, SlotTimer::Service, driver);
        }
    }

    /// Takes the job from its worker's record; the worker's state is the caller's business.
    #[inline(always)]
    fn release<D: Driver>(&mut self, job: JobId, slot: u32, driver: &mut D) {
        self.workers[slot as usize].job = NO_JOB;
        let ticket = driver.ticket(job);
        ticket.place = Place::Outside;
        if self.reserves && std::mem::take(&mut self.workers[slot as usize].counted) {
            self.running[usize::from(ticket.class)] -= 1;
        }
    }

    fn time_out<D: Driver>(&mut self, now: Time, slot: u32, job: JobId, driver: &mut D) {
        self.release(job, slot, driver);
        let then = self.settings.service_timeout.map_or(OnTimeout::Kill, |timeout| timeout.then);
        self.give_up_service(now, slot, job, then, driver);
        self.fail(now, job, Outcome::Timeout, driver);
        self.dispatch(now, driver);
    }

    /// What becomes of a worker whose job is over for the pool.
    fn give_up_service<D: Driver>(
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
    fn free<D: Driver>(&mut self, now: Time, slot: u32, driver: &mut D) {
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

    fn kill<D: Driver>(&mut self, slot: u32, driver: &mut D) {
        self.available.remove(slot);
        self.enter(slot, WorkerState::Dying, driver);
        driver.kill(self.number, slot);
    }

    fn retire<D: Driver>(&mut self, slot: u32, driver: &mut D) {
        self.available.remove(slot);
        self.enter(slot, WorkerState::Dying, driver);
        driver.retire(self.number, slot);
    }

    /// A dying worker without a job still counts as available where the pool has a dying window.
    fn offer_dying(&mut self, slot: u32) {
        let worker = &self.workers[slot as usize];
        if self.settings.worker.dying_window && worker.ready && worker.state == WorkerState::Dying {
            self.available.insert(slot);
        }
    }

    /// Starts cold workers while more jobs wait than workers are on their way.
    #[cold]
    fn wake_cold<D: Driver>(&mut self, driver: &mut D) {
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
    fn fail<D: Driver>(&mut self, now: Time, job: JobId, outcome: Outcome, driver: &mut D) {
        let ticket = driver.ticket(job);
        ticket.served += now.since(ticket.started);
        let Some(retry) = self
            .settings
            .retry
            .filter(|retry| retry.on.contains(outcome) && ticket.retries < retry.max)
            .filter(|_| !self.closed && now < ticket.leave_by && !self.is_out_of_time(outcome))
        else {
            return self.leave(now, job, outcome, driver);
        };
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

    /// Whether a time-out used up all the time that a job has, not just that of an attempt.
    fn is_out_of_time(&self, outcome: Outcome) -> bool {
        outcome == Outcome::Timeout
            && self.settings.service_timeout.is_some_and(|limit| limit.origin != TimeoutOrigin::Dispatch)
    }

    fn requeue<D: Driver>(&mut self, now: Time, job: JobId, driver: &mut D) {
        if now >= driver.ticket(job).leave_by {
            return self.leave(now, job, Outcome::Reneged, driver);
        }
        let retry = self.settings.retry.expect("only a pool with retries requeues");
        match retry.place {
            RetryPlace::Head => self.queue.push_front(job, driver),
            RetryPlace::Tail => self.queue.push(job, driver),
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
    fn leave<D: Driver>(&mut self, now: Time, job: JobId, outcome: Outcome, driver: &mut D) {
        self.in_pool -= 1;
        if !self.gate.is_open() {
            let sojourn = now.since(driver.ticket(job).arrived);
            self.gate.left(sojourn, outcome == Outcome::Ok, self.in_pool + 1);
        }
        driver.ended(self.number, job, outcome);
    }

    /// A crash that takes others along: running jobs crash as their workers exit, waiting ones now.
    fn spread_crash<D: Driver>(&mut self, now: Time, driver: &mut D) {
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
            self.flush(now, Outcome::Crash, driver);
        }
    }

    #[inline(always)]
    fn enter<D: Driver>(&mut self, slot: u32, state: WorkerState, driver: &mut D) {
        let worker = &mut self.workers[slot as usize];
        let from = std::mem::replace(&mut worker.state, state);
        driver.moved(self.number, slot, from, state);
    }

    #[inline(always)]
    fn arm<D: Driver>(&mut self, at: Time, slot: u32, timer: SlotTimer, driver: &mut D) {
        self.workers[slot as usize].due = at;
        driver.arm(self.number, slot, timer, at);
    }
}

/// Slots that others than `class` keep for themselves just now.
fn kept(reserved: &[u32], running: &[u32], class: u16) -> u32 {
    let others = reserved.iter().zip(running).enumerate().filter(|&(other, _)| other != usize::from(class));
    others.map(|(_, (&kept, &used))| kept.saturating_sub(used)).sum()
}
