//! The checks of the referee: what it looks at after each step, as time passes, and at the end.

use super::*;
use crate::policy::{Admission, ConcurrencyLimit, OnTimeout, TimeoutOrigin, WhenFull};

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

    pub(super) fn check_worker(&mut self, now: Time, job: u32, slot: u32, dying: bool) {
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

    pub(super) fn check_start(&mut self, now: Time, job: u32, dying: bool) {
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
    pub(super) fn due(&self, now: Time, job: u32) -> Time {
        let book = &self.jobs[job as usize];
        match self.rules.settings.service_timeout {
            None => Time::NEVER,
            Some(limit) if limit.span.is_never() => Time::NEVER,
            Some(limit) => match limit.origin {
                TimeoutOrigin::Dispatch => now + limit.span,
                TimeoutOrigin::Arrival => (book.arrived + limit.span).max(now),
                TimeoutOrigin::TotalService => now + (limit.span - book.served),
            },
        }
    }

    pub(super) fn check_time_out(&mut self, now: Time, job: u32, outcome: Outcome) {
        let book = self.jobs[job as usize];
        let due = match outcome {
            Outcome::Timeout => {
                let waiting = self.rules.settings.times_out_waiting();
                book.due.min(waiting.map_or(Time::NEVER, |span| book.arrived + span))
            }
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
    pub(super) fn check_wait(&mut self, job: u32, next: Time) {
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

    pub(super) fn check_innocence(&mut self, now: Time, job: u32, outcome: Outcome) {
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
    pub(super) fn check_refusal(&mut self, now: Time, job: u32, outcome: Outcome) {
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
            let arrived = self.jobs[job as usize].arrived;
            let older = |other: &&u32| self.jobs[**other as usize].arrived < arrived;
            if let Some(older) = self.line.iter().find(older).copied() {
                self.breach(Law::Limits, now, || {
                    format!("request {} is dropped, request {} is older", job + 1, older + 1)
                });
            }
        }
    }

    /// A job has been let in: were there a token and a place for it?
    pub(super) fn admitted(&mut self, now: Time, job: u32) {
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
pub(in super::super) fn own_time_outs(settings: &PoolSettings) -> Span {
    let Some(limit) = settings.service_timeout.filter(|limit| !limit.span.is_never()) else {
        return Span::NEVER;
    };
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
