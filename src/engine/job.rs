//! The jobs that are alive, in a slab that grows to the most that were ever alive at once.

use crate::outcome::Outcome;
use crate::policy::client::Attempt;
use crate::policy::{JobId, NO_JOB, Place, Ticket, Tickets};
use crate::time::{Span, Time};
use crate::workload::trace::Fate;

/// A request's attempt, and what its request remembers of earlier ones. What the policy may see is the ticket.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) ticket: Ticket,
    /// The work of the present attempt: hidden from the policy.
    pub(super) demand: Span,
    /// When the request was first sent.
    pub(super) first_sent: Time,
    /// When this attempt was first handed to a worker; `NEVER` before.
    pub(super) first_start: Time,
    /// Up to when the request's time has been booked.
    pub(super) booked: Time,
    /// Booked as waiting.
    pub(super) waiting: Span,
    /// Names the request's draws.
    pub(super) key: u64,
    pub(super) source: u16,
    /// Class and segment in the monitor.
    pub(super) cell: u32,
    /// Number of the pool instance that has it.
    pub(super) instance: u32,
    /// Client attempts so far, hedges not counted.
    pub(super) attempts: u32,
    /// Executions so far, by which redraws are keyed.
    pub(super) executions: u32,
    /// The virtual user behind it, or `NO_USER`.
    pub(super) user: u32,
    pub(super) fate: Fate,
    /// The client has given up; nobody waits for the result.
    pub(super) orphan: bool,
    /// This attempt is a hedge.
    pub(super) hedge: bool,
    /// The present client attempt is a retry.
    pub(super) is_retry: bool,
    /// Its fate and demand were recorded, and are not drawn anew.
    pub(super) scripted: bool,
    /// The attempt was held back by the client itself (open circuit).
    pub(super) unsent: bool,
    /// Waiting to be tried again.
    pub(super) in_backoff: bool,
    /// Held back by its client before it is sent.
    pub(super) held: bool,
    /// Somebody waits for its end, which needs no decision of the client if it is a good one.
    pub(super) simple: bool,
    /// The outcome after which the attempt is a retry.
    pub(super) after: Outcome,
    /// When it last entered a queue; `NEVER` before.
    pub(super) queued_at: Time,
    /// The ring of timers for its waiting limit, where that is a constant.
    pub(super) wait_ring: Option<u8>,
    /// Names the present client attempt: timers of earlier ones are stale.
    pub(super) stamp: u32,
    past: Past,
    /// Whether `past` may say anything.
    has_past: bool,
}

/// What an attempt has behind it beside a first wait and a first service. Most have nothing, and an entry that is used
/// again need not be cleared of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    /// What is left of its work after a breakdown; `NEVER` for all.
    pub(super) remaining: Span,
    /// Booked as failed service, and as back-off.
    pub(super) failed: Span,
    pub(super) backoff: Span,
    pub(super) last_delay: Span,
    /// The client has given the attempt up; how that counts.
    pub(super) given_up: Option<Outcome>,
    pub(super) hedges: u32,
    /// Next attempt of the same request (a circle); `NO_JOB` for itself.
    sibling: JobId,
}

impl Past {
    const NONE: Past = Past {
        remaining: Span::NEVER,
        failed: Span::ZERO,
        backoff: Span::ZERO,
        last_delay: Span::ZERO,
        given_up: None,
        hedges: 0,
        sibling: NO_JOB,
    };
}

/// No virtual user.
pub(super) const NO_USER: u32 = u32::MAX;

impl Job {
    fn new() -> Job {
        Job {
            ticket: Ticket { next: NO_JOB, ..Ticket::default() },
            demand: Span::ZERO,
            first_sent: Time::ZERO,
            first_start: Time::NEVER,
            booked: Time::ZERO,
            waiting: Span::ZERO,
            key: 0,
            source: 0,
            cell: 0,
            instance: 0,
            attempts: 0,
            executions: 0,
            user: NO_USER,
            fate: Fate::Ok,
            orphan: false,
            hedge: false,
            is_retry: false,
            after: Outcome::Ok,
            scripted: false,
            simple: false,
            queued_at: Time::NEVER,
            wait_ring: None,
            unsent: false,
            in_backoff: false,
            held: false,
            stamp: 0,
            past: Past::NONE,
            has_past: false,
        }
    }

    /// Makes a used entry fresh: all that its next request does not set itself.
    #[inline(always)]
    fn reset(&mut self) {
        let Job { ticket, .. } = self;
        (ticket.place, ticket.deadline) = (Place::Outside, Time::NEVER);
        (self.first_start, self.queued_at) = (Time::NEVER, Time::NEVER);
        self.waiting = Span::ZERO;
        (self.attempts, self.executions) = (0, 0);
        self.user = NO_USER;
        // Together in memory, so that one write makes them all false.
        (self.orphan, self.hedge, self.is_retry, self.scripted) = (false, false, false, false);
        (self.unsent, self.in_backoff, self.held, self.simple) = (false, false, false, false);
        if self.has_past {
            (self.past, self.has_past) = (Past::NONE, false);
        }
    }

    /// What it has behind it.
    #[inline(always)]
    pub(super) fn past(&self) -> &Past {
        &self.past
    }

    pub(super) fn past_mut(&mut self) -> &mut Past {
        self.has_past = true;
        &mut self.past
    }

    /// Booked as failed service and as back-off, if anything is.
    #[inline(always)]
    pub(super) fn lost(&self) -> Option<(Span, Span)> {
        self.has_past.then_some((self.past.failed, self.past.backoff))
    }

    /// The work that is left.
    pub(super) fn work(&self) -> Span {
        if self.past.remaining.is_never() { self.demand } else { self.past.remaining }
    }

    /// Books the time since the last booking as waiting.
    #[inline(always)]
    pub(super) fn book_waiting(&mut self, now: Time) {
        // No run is so long that this would overflow, as a sum of limits might.
        self.waiting = Span::from_nanos(self.waiting.nanos() + now.after(self.booked).nanos());
        self.booked = now;
    }

    /// Books the time since the last booking as service of a failed attempt; returns it.
    pub(super) fn book_failed(&mut self, now: Time) -> Span {
        let span = now.since(self.booked);
        self.past_mut().failed += span;
        self.booked = now;
        span
    }

    /// Books the time since the last booking of an attempt that decides nothing: as waiting if it waited last.
    pub(super) fn book_in_vain(&mut self, now: Time) {
        if self.was_waiting() {
            self.book_waiting(now);
        } else {
            self.book_failed(now);
        }
    }

    /// Books the time since the last booking as back-off.
    pub(super) fn leave_backoff(&mut self, now: Time) {
        self.in_backoff = false;
        let span = now.since(self.booked);
        self.past_mut().backoff += span;
        self.booked = now;
    }

    /// Whether an attempt that ended so was spoilt by others: nothing was wrong with the job.
    pub(super) fn is_innocent(&self, outcome: Outcome) -> bool {
        matches!(outcome, Outcome::Crash | Outcome::WriteError)
            && !matches!(self.present_fate(), Fate::Crash | Fate::CrashOnce | Fate::Freeze)
    }

    /// The fate of the present execution: a crash that comes once comes with the first.
    pub(super) fn present_fate(&self) -> Fate {
        if self.fate == Fate::CrashOnce && self.executions != 1 { Fate::Ok } else { self.fate }
    }

    /// What the present attempt is to its client.
    pub(super) fn kind(&self) -> Attempt {
        match (self.hedge, self.is_retry) {
            (true, _) => Attempt::Hedge,
            (_, true) => Attempt::Retry { after: self.after },
            _ => Attempt::First,
        }
    }

    /// Whether the time since the last booking was spent waiting (in a queue, or for a pool's retry), rather than
    /// with a worker.
    pub(super) fn was_waiting(&self) -> bool {
        self.first_start == Time::NEVER || self.ticket.started == Time::NEVER
    }

    /// Whether a good end of this attempt ends the request without a decision.
    #[inline(always)]
    pub(super) fn ends_at_once(&self) -> bool {
        debug_assert!(!(self.simple && self.orphan), "nobody waits for this job");
        self.simple
    }
}

/// The table of jobs.
pub(super) struct Jobs {
    jobs: Vec<Job>,
    /// Entries that are free, the last one freed first: a list through `Ticket::next`.
    free: JobId,
    free_count: usize,
}

impl Jobs {
    pub(super) fn new() -> Jobs {
        Jobs { jobs: Vec::with_capacity(64), free: NO_JOB, free_count: 0 }
    }

    /// A fresh job.
    pub(super) fn add(&mut self) -> JobId {
        self.fresh().0
    }

    /// A fresh job and its entry.
    #[inline(always)]
    pub(super) fn fresh(&mut self) -> (JobId, &mut Job) {
        if self.free == NO_JOB {
            self.grow();
        }
        let job = self.free;
        let entry = &mut self.jobs[job as usize];
        self.free = entry.ticket.next;
        self.free_count -= 1;
        entry.reset();
        (job, entry)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.free = self.jobs.len() as JobId;
        self.free_count = 1;
        self.jobs.push(Job::new());
    }

    /// Ends a job; timers that were set for it become stale. What it was can be read until the next is made.
    #[inline(always)]
    pub(super) fn remove(&mut self, job: JobId) -> &Job {
        let entry = &mut self.jobs[job as usize];
        // No attempt has number 0, so every timer that was set for the job is stale from now on.
        entry.stamp = 0;
        entry.ticket.next = std::mem::replace(&mut self.free, job);
        self.free_count += 1;
        entry
    }

    /// Parts a request from an attempt that works on for nobody: returns the request's new number.
    pub(super) fn split(&mut self, job: JobId) -> JobId {
        let twin = self.add();
        let entry = self.get(job).clone();
        let place = Place::Outside;
        *self.get_mut(twin) = Job { ticket: Ticket { place, ..entry.ticket }, ..entry };
        if self.sibling(job) != job {
            self.relink(job, twin);
        }
        let old = self.get_mut(job);
        (old.orphan, old.simple, old.user, old.past.sibling) = (true, false, NO_USER, NO_JOB);
        twin
    }

    /// A second attempt of the same request, sent at `now`.
    pub(super) fn hedge(&mut self, job: JobId, now: Time) -> JobId {
        let twin = self.add();
        let mut entry = self.get(job).clone();
        // Where the hedge decides, the time before it was that of an attempt which did not.
        entry.book_in_vain(now);
        let ticket = Ticket {
            class: entry.ticket.class,
            priority: entry.ticket.priority,
            size: entry.ticket.size,
            ..Ticket::default()
        };
        *self.get_mut(twin) =
            Job { ticket, hedge: true, executions: entry.executions + 1000, ..entry.clone() };
        let next = self.sibling(job);
        self.get_mut(job).past_mut().sibling = twin;
        let fresh = self.get_mut(twin);
        (fresh.first_start, fresh.attempts) = (Time::NEVER, entry.attempts - 1);
        let past = fresh.past_mut();
        (past.remaining, past.sibling) = (Span::NEVER, next);
        twin
    }

    /// The next attempt of the same request (a circle), or the job itself.
    pub(super) fn sibling(&self, job: JobId) -> JobId {
        match self.get(job).past.sibling {
            NO_JOB => job,
            next => next,
        }
    }

    /// Takes a job out of the circle of its request's attempts; returns another member.
    pub(super) fn unlink(&mut self, job: JobId) -> JobId {
        let next = self.sibling(job);
        self.relink(job, next);
        self.get_mut(job).past.sibling = NO_JOB;
        next
    }

    /// Makes the member of the circle before `job` point to `to`.
    fn relink(&mut self, job: JobId, to: JobId) {
        let mut before = self.sibling(job);
        while self.sibling(before) != job {
            before = self.sibling(before);
        }
        self.get_mut(before).past_mut().sibling = if to == before { NO_JOB } else { to };
    }

    #[inline(always)]
    pub(super) fn get(&self, job: JobId) -> &Job {
        &self.jobs[job as usize]
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, job: JobId) -> &mut Job {
        &mut self.jobs[job as usize]
    }

    /// Jobs alive.
    pub(super) fn alive(&self) -> usize {
        self.jobs.len() - self.free_count
    }

    /// Every job alive, lowest number first.
    pub(super) fn all_alive(&self) -> Vec<JobId> {
        let mut alive = vec![true; self.jobs.len()];
        let mut free = self.free;
        while free != NO_JOB {
            alive[free as usize] = false;
            free = self.get(free).ticket.next;
        }
        (0..self.jobs.len() as JobId).filter(|&job| alive[job as usize]).collect()
    }
}

impl Tickets for Jobs {
    #[inline(always)]
    fn ticket(&mut self, job: JobId) -> &mut Ticket {
        &mut self.jobs[job as usize].ticket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_of_a_request_stand_in_a_circle_and_the_last_alone() {
        let mut jobs = Jobs::new();
        let first = jobs.add();
        jobs.get_mut(first).attempts = 2;
        let (hedge, other) = (jobs.hedge(first, Time::ZERO), jobs.hedge(first, Time::ZERO));
        let round = |jobs: &Jobs| {
            let next = |job: &JobId| Some(jobs.sibling(*job)).filter(|&job| job != first);
            std::iter::successors(next(&first), next).collect::<Vec<_>>()
        };
        assert_eq!(round(&jobs), [other, hedge]);
        assert_eq!(jobs.unlink(other), hedge);
        assert_eq!((round(&jobs), jobs.sibling(other)), (vec![hedge], other));
        jobs.unlink(hedge);
        // What is parted from one that is alone again is alone too.
        let twin = jobs.split(first);
        assert_eq!((jobs.sibling(first), jobs.sibling(twin)), (first, twin));
        // An entry that is used again remembers nothing.
        jobs.remove(twin);
        let fresh = jobs.add();
        assert_eq!((fresh, jobs.get(fresh).past().hedges, jobs.sibling(fresh)), (twin, 0, fresh));
    }
}
