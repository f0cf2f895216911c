//! Linked lists through the tickets, and how a job is found in them.

use super::*;
use std::ops::{Index, IndexMut};

/// The lanes of a queue. The first, which most queues have alone, is found without a look-up.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    first: Lane,
    others: Vec<Lane>,
}

impl Lanes {
    /// One empty lane.
    pub(super) fn new() -> Lanes {
        Lanes { first: EMPTY, others: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        1 + self.others.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lane> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Adds empty lanes until there are at least so many.
    pub(super) fn grow(&mut self, lanes: usize) {
        if lanes > self.len() {
            self.others.resize(lanes - 1, EMPTY);
        }
    }
}

impl Index<usize> for Lanes {
    type Output = Lane;

    #[inline(always)]
    fn index(&self, lane: usize) -> &Lane {
        match lane {
            0 => &self.first,
            lane => &self.others[lane - 1],
        }
    }
}

impl IndexMut<usize> for Lanes {
    #[inline(always)]
    fn index_mut(&mut self, lane: usize) -> &mut Lane {
        match lane {
            0 => &mut self.first,
            lane => &mut self.others[lane - 1],
        }
    }
}

/// The first eligible job of a lane, from its head or from its tail.
pub(super) fn first_in<T: Tickets>(
    lane: &Lane,
    from_tail: bool,
    table: &mut T,
    eligible: impl Fn(u16) -> bool,
) -> Option<JobId> {
    let mut job = if from_tail { lane.tail } else { lane.head };
    while job != NO_JOB {
        let ticket = *table.ticket(job);
        if eligible(ticket.class) {
            return Some(job);
        }
        job = if from_tail { ticket.prev } else { ticket.next };
    }
    None
}

/// The most urgent of the first jobs of all levels, ageing counted; of equals the one of the more urgent level.
pub(super) fn most_urgent<T: Tickets>(
    heads: impl Iterator<Item = JobId>,
    now: Time,
    age_step: Span,
    table: &mut T,
) -> JobId {
    let mut heads = heads.enumerate().filter(|&(_, job)| job != NO_JOB);
    if age_step.is_never() {
        return heads.next().map_or(NO_JOB, |(_, job)| job);
    }
    // A level is worth one step of waiting, so the order is that of arrival plus level * step.
    let rank = |(level, job): &(usize, JobId)| {
        let waited = now.since(table.ticket(*job).arrived).nanos();
        let handicap = age_step.nanos().saturating_mul(*level as u64);
        i128::from(handicap) - i128::from(waited)
    };
    heads.min_by_key(rank).map_or(NO_JOB, |(_, job)| job)
}

impl Lane {
    #[inline(always)]
    pub(super) fn append<T: Tickets>(&mut self, job: JobId, table: &mut T) {
        let ticket = table.ticket(job);
        (ticket.place, ticket.next, ticket.prev) = (Place::Queued, NO_JOB, self.tail);
        match self.tail {
            NO_JOB => self.head = job,
            tail => table.ticket(tail).next = job,
        }
        self.tail = job;
    }

    pub(super) fn prepend<T: Tickets>(&mut self, job: JobId, table: &mut T) {
        let ticket = table.ticket(job);
        (ticket.next, ticket.prev) = (self.head, NO_JOB);
        match self.head {
            NO_JOB => self.tail = job,
            head => table.ticket(head).prev = job,
        }
        self.head = job;
    }

    #[inline(always)]
    pub(super) fn unlink<T: Tickets>(&mut self, job: JobId, table: &mut T) {
        let Ticket { next, prev, .. } = *table.ticket(job);
        match prev {
            NO_JOB => self.head = next,
            prev => table.ticket(prev).next = next,
        }
        match next {
            NO_JOB => self.tail = prev,
            next => table.ticket(next).prev = prev,
        }
    }
}
