//! Requests: how they are made, what is booked when they end.

use super::RequestSeen;
use super::calendar::SlotCalendar;
use super::job::{Job, NO_USER};
use super::physics::Physics;
use super::trail::What;
use crate::model::requests::Drawn;
use crate::outcome::Outcome;
use crate::policy::JobId;
use crate::time::Time;

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
    /// Makes the next request of a user.
    pub(super) fn user_request(&mut self, id: u32) -> JobId {
        let user = &mut self.users[id as usize];
        user.last_sent = self.now;
        let source = usize::from(user.draws.source);
        let drawn = user.draws.request(&self.plan.requests_of, &self.streams);
        let (job, entry) = self.new_request(source, drawn);
        entry.user = id;
        self.users[id as usize].job = Some(job);
        job
    }

    /// Makes a request, which nobody has sent yet.
    #[inline(always)]
    pub(super) fn new_request(&mut self, source: usize, drawn: Drawn) -> (JobId, &mut Job) {
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
        (job, entry)
    }

    /// Ends a request whose attempt ended well and whose client has nothing to decide.
    #[inline(always)]
    pub(super) fn finish_at_once(&mut self, job: JobId) {
        let now = self.now;
        let entry = self.jobs.remove(job);
        self.finished += 1;
        let latency = now.after(entry.first_sent);
        let last = now.after(entry.booked);
        if entry.attempts == 1 {
            self.monitor.ended_at_once(now, entry.cell, latency, entry.waiting, last);
        } else {
            self.monitor.ended_at_last(now, entry, latency, last);
        }
        if let Some((failed, backoff)) = entry.lost() {
            let tally = self.monitor.cell(entry.cell);
            tally.spent_failed += u128::from(failed.nanos());
            tally.spent_backoff += u128::from(backoff.nanos());
        }
        if C::FOLLOWED {
            self.note_step(job, What::Ended(Outcome::Ok));
        }
        if self.observed {
            self.tell_of_end(job);
        }
    }

    /// Finds out whether anybody wants to know of every end.
    pub(super) fn observe_ends(&mut self) {
        self.observed = self.plan.slowdown || self.ends.is_some() || !self.users.is_empty();
    }

    /// Lets those know of a good end who want to: most models have none.
    #[inline(never)]
    fn tell_of_end(&mut self, job: JobId) {
        let entry = self.jobs.get(job);
        let user = entry.user;
        if self.plan.slowdown {
            let stayed = self.now.since(entry.ticket.arrived).nanos() as f64;
            let tally = &mut self.monitor.cells[entry.cell as usize];
            tally.slowdown += stayed / entry.demand.nanos().max(1) as f64;
            tally.slowdown_count += 1;
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
        let mut spent = [entry.waiting, entry.past().failed];
        let backoff = entry.past().backoff;
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
