//! Who is next, as far as one can tell from outside: the order of what waits, held against each start.
//!
//! Only orders that follow from what is known are judged: first or last come, priority without ageing, shortest job,
//! earliest deadline. A pool that keeps slots for classes may pass jobs over, so nothing is said of it.

use super::{Book, Law, Where, Witness};
use crate::policy::Discipline;
use crate::time::Time;

/// A job's place in a line: smaller goes first.
type Key = (u64, u64);

impl Witness<'_> {
    /// The job that starts must be the one that the discipline names.
    pub(super) fn check_order(&mut self, at: Time, job: usize) {
        if self.settings.reserved.iter().any(|&kept| kept > 0) {
            return;
        }
        let starts = self.jobs[job];
        let overtaken = (0..self.jobs.len()).filter(|&other| other != job).find(|&other| {
            let book = &self.jobs[other];
            self.has_waited(book, &starts, at) && self.goes_before(book, &starts)
        });
        if let Some(other) = overtaken {
            let (request, next) = (job + 1, other + 1);
            self.breach(Law::Order, at, || format!("request {request} starts; request {next} is next"));
        }
    }

    /// Whether a job was surely in the line when the other was chosen. Who tells of things by and by may tell of a
    /// neighbour's turn late, so two that came within the grace are not told apart.
    fn has_waited(&self, book: &Book, starts: &Book, at: Time) -> bool {
        if book.place != Where::Waiting {
            return false;
        }
        let surely = |book: &Book| book.since + self.grace < at;
        // The one that starts has waited long too: else it may have come when the other was not yet ahead.
        self.exact || surely(book) && (starts.place != Where::Waiting || surely(starts))
    }

    fn goes_before(&self, other: &Book, starts: &Book) -> bool {
        let last_come = self.settings.discipline == Discipline::Lifo;
        if starts.place != Where::Waiting {
            // A job that starts as it comes finds nobody waiting; only the last come may pass a line that is told late.
            let passed = self.key(other).zip(self.key(starts)).is_some_and(|(other, starts)| other < starts);
            return self.exact || !last_come && passed;
        }
        if !last_come && (other.at_head || starts.at_head) {
            return other.at_head && (!starts.at_head || other.sequence > starts.sequence);
        }
        self.key(other).zip(self.key(starts)).is_some_and(|(other, starts)| other < starts)
    }

    fn key(&self, book: &Book) -> Option<Key> {
        let sequence = if book.sequence == 0 { u64::MAX } else { book.sequence };
        match self.settings.discipline {
            Discipline::Fifo => Some((0, sequence)),
            Discipline::Lifo => Some((0, u64::MAX - sequence)),
            Discipline::Priority { age_step } if age_step.is_never() => {
                Some((u64::from(book.priority), sequence))
            }
            Discipline::ShortestJob => Some((book.demand.nanos(), sequence)),
            Discipline::EarliestDeadline => Some((book.deadline.nanos(), sequence)),
            _ => None,
        }
    }
}
