//! The referee: keeps books of its own on what a scheduler does, and knows the laws.
//!
//! It is told what befalls the scheduler (facts) and what the scheduler does (effects), and shares no code with the
//! policy: queue order, due times and limits are worked out anew from the settings. It decides which law is
//! broken; it never steers.

use super::laws::{Breach, Law, Laws};
use super::order;
use crate::outcome::Outcome;
use crate::policy::{
    Admission, ConcurrencyLimit, OnTimeout, PoolSettings, RetryPlace, Slots, TimeoutOrigin, WhenFull,
    WorkerState,
};
use crate::time::{Span, Time};

/// So many breaches are kept of one case.
const KEPT: usize = 8;

/// What a scheduler promises.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Its settings.
    pub settings: PoolSettings,
    /// How late its timers may fire.
    pub late: Span,
    /// The laws asked for.
    pub laws: Laws,
}

/// A job on its way into the pool.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer {
    /// Class index.
    pub class: u16,
    /// 0 is the most urgent.
    pub priority: u8,
    /// Size estimate.
    pub size: Span,
    /// Orders `EarliestDeadline`.
    pub deadline: Time,
    /// When it leaves the queue.
    pub leave_by: Time,
    /// Its own fate takes its worker down or silences it.
    pub dangerous: bool,
    /// It may never answer.
    pub endless: bool,
    /// How long a worker needs for it; `NEVER` where that is not known.
    pub needs: Span,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// Not there yet.
    Outside,
    /// At the door.
    Arriving,
    /// In the queue.
    Waiting,
    /// Taken from the queue in the present step.
    Leaving,
    /// With a worker.
    Running,
    /// Taken from its worker in the present step.
    Released,
    /// Due for a retry.
    Delayed,
    /// Done.
    Ended,
}

/// What is known of a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Book {
    pub(super) is: Newcomer,
    pub(super) place: Where,
    pub(super) arrived: Time,
    /// Counts entries into the queue.
    pub(super) sequence: u64,
    pub(super) at_head: bool,
    queued_at: Time,
    waited: Span,
    starts: u32,
    retries: u32,
    served: Span,
    started: Time,
    due: Time,
    slot: u32,
    /// Handed over to a live worker.
    pub(super) counted: bool,
    /// The script of faults took its worker.
    hit: bool,
    /// Its worker has answered so.
    answered: Option<Outcome>,
    cancelled: bool,
    /// Its worker is being killed in the present step, which may or may not end its try.
    loose: bool,
    /// It has been said that it waits too long.
    told: bool,
}

/// What is known of a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotBook {
    pub(super) state: WorkerState,
    since: Time,
    job: Option<u32>,
    /// The script of faults has killed the worker.
    hit: bool,
    /// Since when it has not beaten.
    silent: Option<Time>,
    /// It has been ready since its spawn.
    ready: bool,
}

/// Watches one pool through one case.
#[derive(Clone, Debug)]
pub struct Referee<'r> {
    pub(super) rules: &'r Rules,
    pub(super) jobs: Vec<Book>,
    pub(super) slots: Vec<SlotBook>,
    /// Jobs in the queue, in no order.
    pub(super) line: Vec<u32>,
    pub(super) shares: order::Shares,
    sequence: u64,
    in_pool: u32,
    turns: u32,
    paused: bool,
    down: bool,
    tokens: Vec<(f64, Time)>,
    line_before: usize,
    /// What was found, first things first.
    pub found: Vec<Breach>,
    bound: Span,
}

impl<'r> Referee<'r> {
    /// A referee for a case of so many jobs.
    pub fn new(rules: &'r Rules, jobs: usize) -> Referee<'r> {
        let slots = match rules.settings.slots {
            Slots::Limited(slots) => slots as usize,
            Slots::Unlimited => 0,
        };
        let bursts = rules.settings.admission.iter().filter_map(|check| match check {
            Admission::TokenBucket { burst, .. } => Some((*burst, Time::ZERO)),
            _ => None,
        });
        Referee {
            rules,
            jobs: vec![Book::NEW; jobs],
            slots: vec![SlotBook::NEW; slots],
            line: Vec::with_capacity(jobs),
            shares: order::Shares::default(),
            sequence: 0,
            in_pool: 0,
            turns: 0,
            paused: false,
            down: false,
            tokens: bursts.collect(),
            line_before: 0,
            found: Vec::new(),
            bound: own_time_outs(&rules.settings),
        }
    }

    #[cold]
    fn breach(&mut self, law: Law, at: Time, what: impl FnOnce() -> String) {
        if self.rules.laws.has(law) && self.found.len() < KEPT {
            self.found.push(Breach { law, at, what: what() });
        }
    }

    fn book(&mut self, job: u32) -> &mut Book {
        &mut self.jobs[job as usize]
    }

    // ---- facts ------------------------------------------------------------------------------------------

    /// A job arrives.
    pub fn arrives(&mut self, now: Time, job: u32, is: Newcomer) {
        *self.book(job) = Book { is, place: Where::Arriving, arrived: now, ..Book::NEW };
        self.in_pool += 1;
        self.line_before = self.line.len();
    }

    /// The client withdraws a job.
    pub fn cancels(&mut self, job: u32) {
        self.book(job).cancelled = true;
    }

    /// The worker in a slot answers.
    pub fn answers(&mut self, slot: u32, outcome: Outcome) {
        if self.slots[slot as usize].state == WorkerState::Busy
            && let Some(job) = self.release(slot)
        {
            self.book(job).answered = Some(outcome);
        }
    }

    /// The exit of a worker, or the failure of a write to it, is noticed.
    pub fn drops(&mut self, slot: u32) {
        self.release(slot);
    }

    /// The script of faults kills a worker.
    pub fn hits(&mut self, slot: u32) {
        self.slots[slot as usize].hit = true;
        if let Some(job) = self.slots[slot as usize].job {
            self.book(job).hit = true;
        }
    }

    /// A worker has not beaten since `last`.
    pub fn falls_silent(&mut self, slot: u32, last: Time) {
        self.slots[slot as usize].silent = Some(last);
    }

    /// Dispatching is stopped, or goes on.
    pub fn pauses(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// The instance goes down, or comes back.
    pub fn goes_down(&mut self, down: bool) {
        self.down = down;
        if down {
            self.jobs.iter_mut().filter(|book| book.place != Where::Ended).for_each(|book| book.hit = true);
        }
    }

    /// A turn of the scheduler is over, which held dispatching back.
    pub fn turn_over(&mut self) {
        self.turns -= 1;
    }

    fn release(&mut self, slot: u32) -> Option<u32> {
        let job = self.slots[slot as usize].job.take()?;
        let book = self.book(job);
        if book.place == Where::Running {
            book.place = Where::Released;
        }
        Some(job)
    }

    // ---- effects ----------------------------------------------------------------------------------------

    /// A job enters the queue.
    pub fn queued(&mut self, now: Time, job: u32, again: bool) {
        self.sequence += 1;
        let sequence = self.sequence;
        let head = again && self.rules.settings.retry.is_none_or(|retry| retry.place == RetryPlace::Head);
        let book = self.book(job);
        let from = book.place;
        (book.place, book.sequence, book.at_head, book.queued_at) = (Where::Waiting, sequence, head, now);
        if !matches!(from, Where::Arriving | Where::Released | Where::Delayed) {
            self.breach(Law::DoubleStart, now, || format!("request {} is queued while {from:?}", job + 1));
        }
        self.line.push(job);
        if !again {
            self.admitted(now, job);
        }
    }

    /// A job leaves the queue.
    pub fn unqueued(&mut self, now: Time, job: u32) {
        let book = self.book(job);
        if book.place == Where::Waiting {
            book.place = Where::Leaving;
            book.waited += now.since(book.queued_at);
        } else {
            self.breach(Law::RequestLost, now, || format!("request {} leaves a queue it is not in", job + 1));
        }
    }

    /// A job is handed to a worker.
    pub fn started(&mut self, now: Time, job: u32, slot: u32, dying: bool) {
        self.check_worker(now, job, slot, dying);
        if matches!(self.jobs[job as usize].place, Where::Arriving) {
            self.admitted(now, job);
        }
        self.check_start(now, job, dying);
        self.line.retain(|&other| other != job);
        let due = self.due(now, job);
        let hit = self.slots.get(slot as usize).is_some_and(|slot| slot.hit);
        let book = self.book(job);
        (book.place, book.started, book.slot, book.due) = (Where::Running, now, slot, due);
        book.starts += 1;
        book.counted = !dying;
        book.hit |= hit;
        let (starts, class, size) = (book.starts, book.is.class, book.is.size);
        self.slots[slot as usize].job = Some(job);
        if !dying {
            self.shares.charge(&self.rules.settings, class, size);
        }
        let most = 1 + self.rules.settings.retry.map_or(0, |retry| retry.max);
        if starts > most {
            self.breach(Law::Attempts, now, || {
                format!("request {} starts for the {starts}. time, of {most}", job + 1)
            });
        }
    }

    /// A job is taken from its worker, which lives on.
    pub fn withdrawn(&mut self, slot: u32) {
        self.release(slot);
    }

    /// An attempt has failed and will be repeated.
    pub fn retried(&mut self, now: Time, job: u32, outcome: Outcome) {
        let rule = self.rules.settings.retry;
        if self.jobs[job as usize].loose && self.jobs[job as usize].place == Where::Running {
            self.release(self.jobs[job as usize].slot);
        }
        let book = self.book(job);
        book.retries += 1;
        book.served += now.since(book.started);
        let (retries, place, answered) = (book.retries, book.place, book.answered.take());
        let allowed = rule.is_some_and(|rule| retries <= rule.max && rule.on.contains(outcome));
        if !allowed || answered == Some(Outcome::Ok) {
            let name = outcome.name();
            self.breach(Law::Attempts, now, || {
                format!("request {} is tried again (retry {retries}) after {name}", job + 1)
            });
        }
        if place != Where::Released {
            self.breach(Law::EndedTwice, now, || {
                format!("a try of request {} ends while {place:?}", job + 1)
            });
        }
        self.check_time_out(now, job, outcome);
    }

    /// A job waits for its retry.
    pub fn delayed(&mut self, job: u32) {
        self.book(job).place = Where::Delayed;
    }

    /// Dispatching is held back for a turn.
    pub fn turn_begins(&mut self) {
        self.turns += 1;
    }

    /// The pool is done with a job.
    pub fn ended(&mut self, now: Time, job: u32, outcome: Outcome) {
        let book = *self.book(job);
        match book.place {
            Where::Ended | Where::Outside => {
                let name = outcome.name();
                return self
                    .breach(Law::EndedTwice, now, || format!("request {} ends again, as {name}", job + 1));
            }
            Where::Waiting => self
                .breach(Law::EndedTwice, now, || format!("request {} ends but stays in the queue", job + 1)),
            Where::Running if book.cancelled || book.loose => {
                self.release(book.slot);
            }
            Where::Running => {
                let worker = book.slot;
                self.breach(Law::EndedTwice, now, || {
                    format!("request {} ends while worker {worker} has it", job + 1)
                });
                self.release(worker);
            }
            _ => {}
        }
        if let Some(answer) = book.answered.filter(|&answer| answer != outcome) {
            let (answer, outcome) = (answer.name(), outcome.name());
            self.breach(Law::RequestLost, now, || {
                format!("request {} was answered {answer} and ends as {outcome}", job + 1)
            });
        }
        self.check_refusal(now, job, outcome);
        self.check_time_out(now, job, outcome);
        self.check_innocence(now, job, outcome);
        if book.place == Where::Leaving {
            self.line.retain(|&other| other != job);
        }
        self.in_pool -= 1;
        self.book(job).place = Where::Ended;
    }

    /// The worker in a slot goes from one state to another.
    pub fn moved(&mut self, now: Time, slot: u32, from: WorkerState, to: WorkerState) {
        let index = slot as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, SlotBook::NEW);
        }
        let known = self.slots[index].state;
        if known != from {
            self.breach(Law::DoubleStart, now, || format!("worker {slot} is {known:?}, not {from:?}"));
        }
        match (from, to) {
            // A worker that is killed keeps its job until its exit, unless the job's time is up.
            (WorkerState::Busy, WorkerState::Dying) => {
                if let Some(job) = self.slots[index].job {
                    self.book(job).loose = true;
                }
            }
            (WorkerState::Busy, _) | (_, WorkerState::Down) => {
                self.release(slot);
            }
            _ => {}
        }
        let book = &mut self.slots[index];
        match to {
            WorkerState::Starting => (book.hit, book.silent, book.ready) = (false, None, false),
            WorkerState::Idle => book.ready = true,
            _ => {}
        }
        (book.state, book.since) = (to, now);
        if from == WorkerState::Down {
            book.hit = false;
        }
    }
}

// ---- checks ---------------------------------------------------------------------------------------------

impl Referee<'_> {
    /// The scheduler has done all that it does about one input.
    pub fn settled(&mut self, now: Time) {
        for job in 0..self.jobs.len() as u32 {
            let place = self.jobs[job as usize].place;
            self.book(job).loose = false;
            if matches!(place, Where::Arriving | Where::Leaving | Where::Released) {
                self.breach(Law::RequestLost, now, || {
                    format!("nobody has request {} any more ({place:?})", job + 1)
                });
            }
        }
        if self.line.is_empty() {
            return;
        }
        let held = self.paused || self.turns > 0;
        if !held && let Some(job) = self.could_start(now) {
            self.breach(Law::IdleWorker, now, || format!("request {} waits beside an idle worker", job + 1));
        }
        let most = self.rules.settings.queue_capacity.map_or(usize::MAX, |most| most as usize);
        if self.line.len() > most.max(self.line_before)
            && self.rules.settings.worker.idle_shutdown.is_never()
            && !self.line.iter().any(|&job| self.jobs[job as usize].at_head)
            && self.line.iter().all(|&job| self.jobs[job as usize].retries == 0)
        {
            let length = self.line.len();
            self.breach(Law::Limits, now, || format!("{length} requests wait in a queue of {most}"));
        }
        self.line_before = self.line.len();
    }

    /// A job that waits and could start on a worker that is idle.
    fn could_start(&self, now: Time) -> Option<u32> {
        let idle = self.slots.iter().filter(|slot| slot.state == WorkerState::Idle).count() as u32;
        if idle == 0 && self.rules.settings.slots != Slots::Unlimited {
            return None;
        }
        order::next(self, now, None, idle, 0).first().copied()
    }

    /// Time passes from `now` to `next` without anything happening.
    pub fn passes(&mut self, now: Time, next: Time) {
        let settings = &self.rules.settings;
        let late = self.rules.late;
        let missed = |due: Time| due != Time::NEVER && due + late < next;
        for slot in 0..self.slots.len() {
            let SlotBook { state, since, job, silent, .. } = self.slots[slot];
            let (what, due) = match state {
                WorkerState::Busy => {
                    ("service time-out", job.map_or(Time::NEVER, |job| self.jobs[job as usize].due))
                }
                WorkerState::Starting => ("start time-out", since + settings.worker.start_timeout),
                WorkerState::Cancelling => match settings.service_timeout.map(|limit| limit.then) {
                    Some(OnTimeout::Cancel { grace }) => ("grace", since + grace),
                    _ => continue,
                },
                WorkerState::Zombie => ("", Time::NEVER),
                WorkerState::Idle => ("idle shutdown", since + settings.worker.idle_shutdown),
                _ => continue,
            };
            if missed(due) {
                self.breach(Law::TimeOut, next, || {
                    format!("the {what} of worker {slot} did not fire at {due:?}")
                });
            }
            let silent = silent.filter(|_| state != WorkerState::Starting);
            let due = silent.map_or(Time::NEVER, |last| last + settings.worker.heartbeat_timeout);
            if missed(due) {
                self.breach(Law::TimeOut, next, || {
                    format!("the heartbeat time-out of worker {slot} did not fire at {due:?}")
                });
            }
        }
        for index in 0..self.line.len() {
            let job = self.line[index];
            self.check_wait(job, next);
            let due = self.jobs[job as usize].is.leave_by.max(now);
            if missed(due) {
                self.breach(Law::TimeOut, next, || {
                    format!("request {} waits beyond its limit at {due:?}", job + 1)
                });
            }
        }
    }

    /// Nothing will ever happen any more.
    pub fn finished(&mut self, now: Time) {
        let mut held = false;
        for job in 0..self.jobs.len() as u32 {
            let Book { place, slot, is, .. } = self.jobs[job as usize];
            match place {
                Where::Delayed => self.breach(Law::RequestLost, now, || {
                    format!("the retry of request {} never comes", job + 1)
                }),
                Where::Running if is.endless => held = true,
                Where::Running => self.breach(Law::RequestLost, now, || {
                    format!("worker {slot} never does anything about request {}", job + 1)
                }),
                _ => {}
            }
        }
        for slot in 0..self.slots.len() {
            let state = self.slots[slot].state;
            if !matches!(state, WorkerState::Idle | WorkerState::Cold | WorkerState::Busy) {
                self.breach(Law::LostSlot, now, || {
                    format!("worker {slot} is {} for ever", format!("{state:?}").to_lowercase())
                });
            }
        }
        if let Some(&job) = self.line.first().filter(|_| !held) {
            self.breach(Law::WaitingWithoutBound, now, || format!("request {} waits for ever", job + 1));
        }
    }

    /// After the instance went down: nothing of it is left.
    pub fn is_down(&mut self, now: Time) {
        for job in 0..self.jobs.len() as u32 {
            let place = self.jobs[job as usize].place;
            if !matches!(place, Where::Outside | Where::Ended) {
                self.breach(Law::OutlivesShutdown, now, || format!("request {} is still {place:?}", job + 1));
            }
        }
        for slot in 0..self.slots.len() {
            let state = self.slots[slot].state;
            if !matches!(state, WorkerState::Down | WorkerState::Lost) {
                self.breach(Law::OutlivesShutdown, now, || format!("worker {slot} is still {state:?}"));
            }
        }
    }

    fn check_worker(&mut self, now: Time, job: u32, slot: u32, dying: bool) {
        let Some(&book) = self.slots.get(slot as usize) else {
            self.breach(Law::DoubleStart, now, || format!("there is no worker {slot}"));
            self.slots.resize(slot as usize + 1, SlotBook::NEW);
            return;
        };
        if let Some(other) = book.job {
            self.breach(Law::DoubleStart, now, || {
                format!("worker {slot} gets request {} and still has request {}", job + 1, other + 1)
            });
        }
        let fit = match dying {
            true => book.state == WorkerState::Dying && book.ready && self.rules.settings.worker.dying_window,
            false => book.state == WorkerState::Busy,
        };
        if !fit {
            let state = book.state;
            self.breach(Law::DoubleStart, now, || {
                format!("request {} goes to worker {slot}, which is {state:?}", job + 1)
            });
        }
    }

    fn check_start(&mut self, now: Time, job: u32, dying: bool) {
        let place = self.jobs[job as usize].place;
        if !matches!(place, Where::Leaving | Where::Arriving) {
            return self
                .breach(Law::DoubleStart, now, || format!("request {} starts while {place:?}", job + 1));
        }
        if self.paused {
            self.breach(Law::Limits, now, || format!("a paused pool starts request {}", job + 1));
        }
        if self.down {
            self.breach(Law::OutlivesShutdown, now, || {
                format!("request {} starts while the pool is down", job + 1)
            });
        }
        let idle = self.slots.iter().filter(|slot| slot.state == WorkerState::Idle).count() as u32;
        let idle = idle + u32::from(!dying);
        // Which of the dying workers are offered is the scheduler's own affair; it matters for reserved slots only.
        let offered = self.slots.iter().filter(|slot| slot.state == WorkerState::Dying && slot.job.is_none());
        let offered = if self.rules.settings.worker.dying_window { offered.count() as u32 } else { 0 };
        let expected = order::next(self, now, Some(job), idle, 0);
        let right = expected.contains(&job)
            || (1..=offered).any(|offered| order::next(self, now, Some(job), idle, offered).contains(&job));
        if !right {
            let first =
                expected.first().map_or(String::from("none"), |first| format!("request {}", first + 1));
            self.breach(Law::Order, now, || format!("request {} starts; {first} is next", job + 1));
        }
    }

    /// When the time of a job that starts now is up.
    fn due(&self, now: Time, job: u32) -> Time {
        let book = &self.jobs[job as usize];
        match self.rules.settings.service_timeout {
            None => Time::NEVER,
            Some(limit) => match limit.origin {
                TimeoutOrigin::Dispatch => now + limit.span,
                TimeoutOrigin::Arrival => (book.arrived + limit.span).max(now),
                TimeoutOrigin::TotalService => now + (limit.span - book.served),
            },
        }
    }

    fn check_time_out(&mut self, now: Time, job: u32, outcome: Outcome) {
        let book = self.jobs[job as usize];
        let due = match outcome {
            Outcome::Timeout => book.due,
            Outcome::Reneged => book.is.leave_by,
            _ => return,
        };
        if now < due {
            let name = outcome.name();
            self.breach(Law::TimeOut, now, || {
                format!("request {} ends as {name}, due only at {due:?}", job + 1)
            });
        }
    }

    /// A job has waited for longer than its own time-outs sum to, before `next`.
    fn check_wait(&mut self, job: u32, next: Time) {
        let book = self.jobs[job as usize];
        let bounded = book.is.leave_by != Time::NEVER || self.rules.settings.queue_capacity.is_some();
        if bounded || book.told || self.bound.is_never() || next == Time::NEVER {
            return;
        }
        let due = book.queued_at + (self.bound - book.waited);
        if due < next {
            self.book(job).told = true;
            let bound = self.bound.secs();
            self.breach(Law::WaitingWithoutBound, due, || {
                format!(
                    "request {} has waited for the {bound} s that its time-outs sum to, and waits on",
                    job + 1
                )
            });
        }
    }

    fn check_innocence(&mut self, now: Time, job: u32, outcome: Outcome) {
        let book = self.jobs[job as usize];
        let spoilt = match outcome {
            Outcome::Crash | Outcome::WriteError => !book.is.dangerous,
            Outcome::Timeout => {
                let limit = self.rules.settings.service_timeout;
                limit.is_some_and(|limit| {
                    limit.origin == TimeoutOrigin::Dispatch && book.is.needs < limit.span
                })
            }
            _ => false,
        };
        if spoilt && !book.hit {
            let (name, starts) = (outcome.name(), book.starts);
            self.breach(Law::InnocentFailure, now, || {
                format!(
                    "request {}, which does nobody harm, ends as {name} after {starts} hand-overs",
                    job + 1
                )
            });
        }
    }

    /// A job was refused: was there a reason?
    fn check_refusal(&mut self, now: Time, job: u32, outcome: Outcome) {
        if outcome != Outcome::Rejected || self.down || !self.rules.settings.admission.is_empty() {
            return;
        }
        let settings = &self.rules.settings;
        let waiting = self.line.iter().filter(|&&other| other != job).count();
        let full = settings.queue_capacity.is_some_and(|most| {
            waiting >= most as usize
                || settings.when_full == WhenFull::DropOldest && waiting + 1 >= most as usize
        });
        let idle = self.slots.iter().any(|slot| slot.state == WorkerState::Idle);
        let reserves = settings.reserved.iter().any(|&kept| kept > 0);
        let room = idle && self.line.is_empty() && !self.paused && !reserves;
        if !full || room {
            self.breach(Law::Limits, now, || format!("request {} is refused though there is room", job + 1));
        }
        if settings.when_full == WhenFull::DropOldest && self.jobs[job as usize].place == Where::Leaving {
            // A retried job came earlier and entered the queue later: who is the older of two such is left open.
            let dropped = self.jobs[job as usize];
            let older = |other: &&u32| {
                let other = &self.jobs[**other as usize];
                other.arrived < dropped.arrived && other.sequence < dropped.sequence
            };
            if let Some(older) = self.line.iter().find(older).copied() {
                self.breach(Law::Limits, now, || {
                    format!("request {} is dropped, request {} is older", job + 1, older + 1)
                });
            }
        }
    }

    /// A job has been let in: were there a token and a place for it?
    fn admitted(&mut self, now: Time, job: u32) {
        if self.rules.settings.admission.is_empty() {
            return;
        }
        let mut bucket = 0;
        let mut refused = None;
        for check in &self.rules.settings.admission {
            match *check {
                Admission::TokenBucket { rate, burst } => {
                    let (tokens, filled) = &mut self.tokens[bucket];
                    *tokens = (*tokens + now.since(*filled).secs() * rate).min(burst) - 1.0;
                    *filled = now;
                    bucket += 1;
                    if *tokens < -1e-6 {
                        refused = Some("without a token");
                    }
                }
                Admission::Concurrency(ConcurrencyLimit::Fixed { limit }) if self.in_pool > limit => {
                    refused = Some("beyond the limit of concurrency");
                }
                _ => {}
            }
        }
        if let Some(why) = refused {
            self.breach(Law::Limits, now, || format!("request {} is let in {why}", job + 1));
        }
    }
}

/// All time that a job's own limits allow it at a worker, with the delays of its retries.
fn own_time_outs(settings: &PoolSettings) -> Span {
    let Some(limit) = settings.service_timeout else { return Span::NEVER };
    let Some(retry) = settings.retry else { return limit.span };
    let mut sum = limit.span;
    for number in 1..=retry.max.min(64) {
        let growth = retry.growth;
        let earlier = f64::from(number - 1);
        let full = retry.delay.secs() * libm::pow(growth.factor, earlier)
            + growth.step.secs() * libm::pow(earlier, growth.exponent);
        sum = sum
            + limit.span
            + Span::from_secs(full.min(1e9)).min(growth.cap)
            + growth.spread.scaled(f64::from(number))
            + retry.turn;
    }
    sum
}

impl Book {
    const NEW: Book = Book {
        is: Newcomer {
            class: 0,
            priority: 0,
            size: Span::ZERO,
            deadline: Time::NEVER,
            leave_by: Time::NEVER,
            dangerous: false,
            endless: false,
            needs: Span::NEVER,
        },
        place: Where::Outside,
        arrived: Time::ZERO,
        sequence: 0,
        at_head: false,
        queued_at: Time::ZERO,
        waited: Span::ZERO,
        starts: 0,
        retries: 0,
        served: Span::ZERO,
        started: Time::ZERO,
        due: Time::NEVER,
        slot: 0,
        counted: false,
        hit: false,
        answered: None,
        cancelled: false,
        loose: false,
        told: false,
    };
}

impl SlotBook {
    const NEW: SlotBook = SlotBook {
        state: WorkerState::Cold,
        since: Time::ZERO,
        job: None,
        hit: false,
        silent: None,
        ready: false,
    };
}
