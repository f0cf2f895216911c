//! The checks of the witness: what it looks at with each report, as time passes, and when all is quiet.

use super::*;
use crate::policy::{TimeoutOrigin, WhenFull};

/// Instants of one clock may be cut off by so much.
const TICK: Span = Span::from_nanos(10_000);

impl Witness<'_> {
    /// A step of the scheduler has been told in full: nothing more comes of its instant before `now`.
    pub(super) fn settles(&mut self, now: Time) {
        self.check_length(self.instant);
        let slack = if self.exact { Span::ZERO } else { self.grace };
        let (due, owed): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.owed).into_iter().partition(|&(at, ..)| at + slack < now);
        self.owed = owed;
        for (at, worker, old, new) in due {
            let book = &self.jobs[old];
            if book.place == Where::Running && book.worker == worker {
                self.breach(Law::DoubleStart, at, || {
                    format!("worker {worker} gets request {} and still has request {}", new + 1, old + 1)
                });
            }
        }
    }

    /// The queue is longer than it may be. Jobs that come back are let in whatever its capacity.
    fn check_length(&mut self, at: Time) {
        let Some(most) = self.settings.queue_capacity else { return };
        let waits = |book: &&Book| book.place == Where::Waiting;
        let length = self.jobs.iter().filter(waits).count();
        let first_tries = self.jobs.iter().filter(waits).all(|book| book.retries == 0);
        // Who tells of things by and by may tell of an arrival before it tells of the start that made room. A cold pool
        // lets jobs in for workers that are on their way.
        let cold = !self.settings.worker.idle_shutdown.is_never();
        // Those that came back may have filled it beyond its capacity, and leave their places to newcomers.
        if self.exact && !cold && first_tries && length > self.line_before.max(most as usize) {
            self.breach(Law::Limits, at, || format!("{length} requests wait in a queue of {most}"));
        }
        self.line_before = length;
    }

    pub(super) fn check_worker(&mut self, at: Time, job: usize, worker: u32, dying: bool) {
        if self.paused != Time::NEVER && self.paused + self.grace < at {
            self.breach(Law::Limits, at, || format!("a paused pool starts request {}", job + 1));
        }
        if self.jobs[job].place == Where::Running {
            let other = self.jobs[job].worker;
            self.breach(Law::DoubleStart, at, || {
                format!("request {} is handed to worker {worker}, and worker {other} has it", job + 1)
            });
            self.release(at, job, false);
        }
        let Some(&seat) = self.seats.get(worker as usize) else {
            if self.settings.slots != Slots::Unlimited {
                self.breach(Law::DoubleStart, at, || format!("there is no worker {worker}"));
            }
            return;
        };
        if let Some(other) = seat.job.filter(|&other| other != job) {
            self.owed.push((at, worker, other, job));
        }
        let window = self.settings.worker.dying_window || seat.hit.is_some() || seat.frozen;
        if (dying || self.exact && seat.state == State::Dying) && !window {
            self.breach(Law::DoubleStart, at, || {
                format!("request {} goes to worker {worker}, which has been killed", job + 1)
            });
        }
    }

    /// A time-out or a waiting limit must not come early.
    pub(super) fn check_instant(&mut self, at: Time, job: usize, outcome: Outcome) {
        let book = self.jobs[job];
        let due = match (outcome, book.place) {
            (Outcome::Timeout, Where::Running) => self.due(&book),
            (Outcome::Reneged, _) => book.leave_by,
            _ => return,
        };
        let early = if self.exact { TICK } else { self.grace };
        if due != Time::NEVER && at + early < due {
            let (name, secs) = (outcome.name(), due.secs());
            self.breach(Law::TimeOut, at, || {
                format!("request {} ends as {name}, due only at {secs} s", job + 1)
            });
        }
    }

    pub(super) fn check_end(&mut self, at: Time, job: usize, outcome: Outcome) {
        let book = self.jobs[job];
        match outcome {
            Outcome::Rejected => self.check_refusal(at, job),
            Outcome::Cancelled if !book.withdrawn => self.breach(Law::RequestLost, at, || {
                format!("request {} ends as cancelled, and nobody has withdrawn it", job + 1)
            }),
            Outcome::Reneged if book.leave_by == Time::NEVER => self.breach(Law::Limits, at, || {
                format!("request {} leaves the queue, and there is no waiting limit", job + 1)
            }),
            Outcome::Crash | Outcome::WriteError | Outcome::Timeout => self.check_innocence(at, job, outcome),
            _ => {}
        }
    }

    fn check_refusal(&mut self, at: Time, job: usize) {
        let settings = self.settings;
        if !settings.admission.is_empty() || settings.reserved.iter().any(|&kept| kept > 0) {
            return;
        }
        let waiting = self.jobs.iter().filter(|book| book.place == Where::Waiting).count();
        let full = settings.queue_capacity.is_some_and(|most| {
            let drops = settings.when_full == WhenFull::DropOldest;
            !self.exact || waiting + usize::from(drops) >= most as usize
        });
        let idle =
            self.exact && self.seats.iter().any(|seat| seat.state == State::Idle && seat.hit.is_none());
        if !full || idle && waiting == 0 {
            self.breach(Law::Limits, at, || format!("request {} is refused though there is room", job + 1));
        }
    }

    fn check_innocence(&mut self, at: Time, job: usize, outcome: Outcome) {
        let book = self.jobs[job];
        let spoilt = match (outcome, self.settings.service_timeout) {
            (Outcome::Timeout, Some(limit)) => {
                let sound = matches!(book.fate, Fate::Ok | Fate::Error) && self.can.takes_demands;
                let overhead = self.ground.delays.overhead.unwrap_or(Span::NEVER);
                let in_time = overhead + book.demand + self.grace < limit.span;
                sound && in_time && limit.origin == TimeoutOrigin::Dispatch
            }
            (Outcome::Timeout, None) => false,
            _ => !matches!(book.fate, Fate::Crash | Fate::CrashOnce | Fate::Freeze),
        };
        if spoilt && !book.hit {
            let (name, starts) = (outcome.name(), book.starts);
            self.breach(Law::InnocentFailure, at, || {
                format!(
                    "request {}, which does nobody harm, ends as {name} after {starts} hand-overs",
                    job + 1
                )
            });
        }
    }

    /// Nothing has been heard until `now`: what should have come by then?
    pub(in super::super) fn passes(&mut self, now: Time) {
        // Until then reports of the last instant may still be on their way.
        if now > self.instant + self.grace {
            self.settles(now);
        }
        for job in 0..self.jobs.len() {
            let book = self.jobs[job];
            match book.place {
                Where::Running if !book.told => self.check_late(now, job),
                Where::Waiting if !book.told => self.check_waiting(now, job),
                _ => {}
            }
        }
    }

    fn check_late(&mut self, now: Time, job: usize) {
        let book = self.jobs[job];
        let due = self.due(&book);
        if due != Time::NEVER && due + self.ground.rules.late + self.grace < now {
            self.jobs[job].told = true;
            let (worker, secs) = (book.worker, due.secs());
            self.breach(Law::TimeOut, now, || {
                let request = job + 1;
                format!(
                    "the service time-out of request {request} at worker {worker} did not fire at {secs} s"
                )
            });
        }
    }

    fn check_waiting(&mut self, now: Time, job: usize) {
        let book = self.jobs[job];
        if book.leave_by != Time::NEVER && book.leave_by.max(book.since) + self.grace < now {
            self.jobs[job].told = true;
            let secs = book.leave_by.secs();
            self.breach(Law::TimeOut, now, || {
                format!("request {} waits beyond its limit at {secs} s", job + 1)
            });
        }
        let held = self.settings.retry.map_or(Span::ZERO, |retry| retry.turn);
        let reserves = self.settings.reserved.iter().any(|&kept| kept > 0);
        let late = |since: Time| since.max(book.since).max(self.resumed) + held + self.grace < now;
        let idle = self
            .seats
            .iter()
            .position(|seat| seat.state == State::Idle && seat.hit.is_none() && late(seat.since));
        if let Some(worker) = idle.filter(|_| !reserves && self.pauses == 0) {
            self.jobs[job].told = true;
            let since = book.since.secs();
            self.breach(Law::IdleWorker, now, || {
                format!("request {} waits since {since} s beside worker {worker}, which is idle", job + 1)
            });
        }
        let bounded = book.leave_by != Time::NEVER || self.settings.queue_capacity.is_some();
        if bounded || self.bound.is_never() {
            return;
        }
        let due = book.since + (self.bound - book.waited);
        if due + self.grace < now {
            self.jobs[job].told = true;
            let bound = self.bound.secs();
            self.breach(Law::WaitingWithoutBound, due, || {
                let request = job + 1;
                format!(
                    "request {request} has waited for the {bound} s that its time-outs sum to, and waits on"
                )
            });
        }
    }

    /// Everything has been quiet for longer than anything takes: what never came?
    pub(in super::super) fn quiet(&mut self, now: Time) {
        let held = self.jobs.iter().any(|book| book.place == Where::Running && self.is_endless(book));
        let mut waits = None;
        for job in 0..self.jobs.len() {
            let book = self.jobs[job];
            let request = job + 1;
            match book.place {
                Where::Submitted => self.breach(Law::RequestLost, now, || {
                    format!("request {request} was submitted, and nothing was heard of it")
                }),
                Where::Between => self
                    .breach(Law::RequestLost, now, || format!("the retry of request {request} never comes")),
                Where::Running if !self.is_endless(&book) => {
                    let worker = book.worker;
                    self.breach(Law::RequestLost, now, || {
                        format!("worker {worker} never does anything about request {request}")
                    });
                }
                Where::Waiting => waits = waits.or(Some(request)),
                _ => {}
            }
        }
        if let Some(request) = waits.filter(|_| !held) {
            self.breach(Law::WaitingWithoutBound, now, || format!("request {request} waits for ever"));
        }
        for worker in 0..self.seats.len() {
            let state = self.seats[worker].state;
            if matches!(state, State::Lost | State::Gone | State::Dying | State::Starting) {
                let word = format!("{state:?}").to_lowercase();
                self.breach(Law::LostSlot, now, || format!("worker {worker} is {word} for ever"));
            }
        }
    }
}
