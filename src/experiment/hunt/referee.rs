//! The referee: keeps books of its own on what a scheduler does, and knows the laws.
//!
//! It is told what befalls the scheduler (facts) and what the scheduler does (effects), and shares no code with the
//! policy: queue order, due times and limits are worked out anew from the settings. It decides which law is
//! broken; it never steers.

mod checks;

pub(super) use checks::own_time_outs;

use super::laws::{Breach, Law, Laws};
use super::order;
use crate::outcome::Outcome;
use crate::policy::{Admission, CrashRadius, PoolSettings, RetryPlace, Slots, WorkerState};
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
            bound: checks::own_time_outs(&rules.settings),
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
        let most = self.rules.settings.retry.map_or(0, |retry| retry.max).saturating_add(1);
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
        if self.takes_those_that_wait(outcome) && self.jobs[job as usize].place == Where::Leaving {
            self.line.retain(|&other| other != job);
            self.book(job).place = Where::Released;
        } else {
            let book = self.book(job);
            book.served += now.since(book.started);
        }
        let book = self.book(job);
        book.retries += 1;
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

    /// Whether a crash ends the waits of all.
    fn takes_those_that_wait(&self, outcome: Outcome) -> bool {
        outcome == Outcome::Crash && self.rules.settings.worker.crash_radius == CrashRadius::Pool
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
