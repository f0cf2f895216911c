//! Requests: how they are made, what is booked when they end.

use super::RequestSeen;
use super::calendar::SlotCalendar;
use super::job::NO_USER;
use super::physics::Physics;
use super::trail::What;
use crate::model::requests::{Drawn, OpenSource};
use crate::outcome::Outcome;
use crate::policy::JobId;
use crate::time::{Span, Time};

/// The ends of requests that a caller wants to see: of all, or of the slowest of every class.
pub(super) struct Ends {
    seen: Vec<RequestSeen>,
    each: usize,
    most: usize,
}

impl Ends {
    /// Keeps all.
    pub(super) fn all() -> Ends {
        Ends { seen: Vec::new(), each: usize::MAX, most: usize::MAX }
    }

    /// Keeps so many of each of `classes` classes.
    pub(super) fn slowest(each: usize, classes: usize) -> Ends {
        Ends { seen: Vec::new(), each, most: 64.max(4 * each * classes) }
    }

    /// Whether it keeps all, those that are still alive at the end among them.
    pub(super) fn keeps_all(&self) -> bool {
        self.each == usize::MAX
    }

    fn push(&mut self, end: RequestSeen) {
        self.seen.push(end);
        if self.seen.len() >= self.most {
            self.thin();
        }
    }

    /// Leaves the slowest of every class.
    fn thin(&mut self) {
        self.seen.sort_by_key(|one| (one.class, std::cmp::Reverse(one.latency()), one.key));
        let mut count = (u16::MAX, 0);
        let each = self.each;
        self.seen.retain(|one| {
            count = if one.class == count.0 { (one.class, count.1 + 1) } else { (one.class, 1) };
            count.1 <= each
        });
    }

    /// All in order of ending, or the slowest by class, the slowest first.
    pub(super) fn into_list(mut self) -> Vec<RequestSeen> {
        if self.each < usize::MAX {
            self.thin();
        }
        self.seen
    }
}

impl<C: SlotCalendar> Physics<'_, C> {
    /// Makes a request of an open source.
    #[inline(always)]
    pub(super) fn open_request(&mut self, index: usize, source: &mut OpenSource) -> JobId {
        let drawn = source.request();
        self.new_request(index, drawn)
    }

    /// Makes the next request of a user.
    pub(super) fn user_request(&mut self, id: u32) -> JobId {
        let user = &mut self.users[id as usize];
        user.last_sent = self.now;
        let source = usize::from(user.draws.source);
        let drawn = user.draws.request(&self.plan.requests_of, &self.streams);
        let job = self.new_request(source, drawn);
        self.users[id as usize].job = Some(job);
        self.jobs.get_mut(job).user = id;
        job
    }

    #[inline(always)]
    fn new_request(&mut self, source: usize, drawn: Drawn) -> JobId {
        let now = self.now;
        let cell = self.monitor.request(now, drawn.class);
        let (job, entry) = self.jobs.fresh();
        entry.ticket.class = drawn.class;
        entry.ticket.priority = drawn.priority;
        entry.ticket.size = drawn.size;
        entry.demand = drawn.demand;
        entry.fate = drawn.fate;
        entry.scripted = drawn.scripted;
        (entry.first_sent, entry.booked) = (now, now);
        entry.key = drawn.key;
        entry.source = source as u16;
        entry.cell = cell;
        job
    }

    /// Ends a request whose attempt ended well and whose client has nothing to decide.
    #[inline(always)]
    pub(super) fn finish_at_once(&mut self, job: JobId) {
        let now = self.now;
        let entry = self.jobs.remove(job);
        self.finished += 1;
        let latency = now.since(entry.first_sent);
        let user = entry.user;
        let tally = &mut self.monitor.cells[entry.cell as usize];
        tally.spent_waiting += u128::from(entry.waiting.nanos());
        tally.spent_final += u128::from(now.since(entry.booked).nanos());
        if entry.failed != Span::ZERO || entry.backoff != Span::ZERO {
            tally.spent_failed += u128::from(entry.failed.nanos());
            tally.spent_backoff += u128::from(entry.backoff.nanos());
        }
        if self.plan.slowdown {
            tally.slowdown +=
                now.since(entry.ticket.arrived).nanos() as f64 / entry.demand.nanos().max(1) as f64;
            tally.slowdown_count += 1;
        }
        if entry.attempts == 1 {
            self.monitor.ended_at_once(now, entry.cell, latency);
        } else {
            tally.sojourn_served.record(now.since(entry.ticket.arrived));
            self.monitor.ended(now, entry.cell, latency, Outcome::Ok);
        }
        if C::FOLLOWED {
            self.note_step(job, What::Ended(Outcome::Ok));
        }
        if self.ends.is_some() {
            self.note_end(job, Outcome::Ok);
        }
        if user != NO_USER {
            self.user_thinks(user);
        }
    }

    /// Keeps the end of a request for a caller who follows them.
    #[inline(never)]
    pub(super) fn note_end(&mut self, job: JobId, outcome: Outcome) {
        let entry = self.jobs.get(job);
        let end = RequestSeen {
            key: entry.key,
            class: entry.ticket.class,
            demand: entry.demand,
            sent: entry.first_sent,
            end: self.now,
            outcome,
            hand_overs: if entry.first_start == Time::NEVER { 0 } else { entry.ticket.retries + 1 },
            attempts: entry.attempts,
            waiting: entry.waiting,
        };
        if let Some(ends) = &mut self.ends {
            ends.push(end);
        }
    }

    /// Ends a request: books its time, counts its outcome, tells its user.
    pub(super) fn finish_request(&mut self, job: JobId, outcome: Outcome) {
        let now = self.now;
        self.finished += 1;
        let entry = self.jobs.get(job);
        let last = now.since(entry.booked);
        let waited = entry.was_waiting();
        let (cell, user) = (entry.cell, entry.user);
        let mut spent = [entry.waiting, entry.failed];
        let backoff = entry.backoff;
        let tally = &mut self.monitor.cells[cell as usize];
        if outcome == Outcome::Ok {
            tally.spent_final += u128::from(last.nanos());
        } else if waited {
            spent[0] += last;
        } else {
            spent[1] += last;
        }
        tally.spent_waiting += u128::from(spent[0].nanos());
        tally.spent_failed += u128::from(spent[1].nanos());
        tally.spent_backoff += u128::from(backoff.nanos());
        if outcome != Outcome::Ok {
            // `Monitor::finish` takes this from what all requests spent before their last attempt.
            tally.delay += u128::from((spent[0] + spent[1] + backoff).nanos());
        }
        let latency = now.since(entry.first_sent);
        self.monitor.ended(now, cell, latency, outcome);
        self.jobs.remove(job);
        if C::FOLLOWED {
            self.note_step(job, What::Ended(outcome));
        }
        if self.ends.is_some() {
            self.note_end(job, outcome);
        }
        if user != NO_USER {
            self.user_thinks(user);
        }
    }
}
