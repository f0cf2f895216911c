//! How a request, or one attempt of it, can end.

use serde::{Deserialize, Serialize};

/// The end of an attempt at a pool, or of a request as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// A result.
    Ok,
    /// An answer that says "failed"; the worker is fine.
    Error,
    /// A time-out fired: the pool's on the service, or the client's deadline.
    Timeout,
    /// The worker went away while it had the job.
    Crash,
    /// The job could not be handed to a worker that was already gone.
    WriteError,
    /// Refused on arrival: queue full, admission, open circuit, shutdown.
    Rejected,
    /// Left the queue because its waiting limit passed.
    Reneged,
    /// The client gave up and the pool was not told.
    Abandoned,
    /// The client gave up and the pool dropped the work.
    Cancelled,
    /// Still alive when the run ended.
    Unfinished,
}

impl Outcome {
    /// Every outcome, in the order of reports.
    pub const ALL: [Outcome; 10] = [
        Outcome::Ok,
        Outcome::Error,
        Outcome::Timeout,
        Outcome::Crash,
        Outcome::WriteError,
        Outcome::Rejected,
        Outcome::Reneged,
        Outcome::Abandoned,
        Outcome::Cancelled,
        Outcome::Unfinished,
    ];

    /// The word for it in files, tables and charts.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Error => "error",
            Outcome::Timeout => "timeout",
            Outcome::Crash => "crash",
            Outcome::WriteError => "write_error",
            Outcome::Rejected => "rejected",
            Outcome::Reneged => "reneged",
            Outcome::Abandoned => "abandoned",
            Outcome::Cancelled => "cancelled",
            Outcome::Unfinished => "unfinished",
        }
    }

    /// The outcome of that name.
    pub fn from_name(name: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// A set of outcomes, such as "those that are retried".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutcomeSet(u16);

impl OutcomeSet {
    /// The empty set.
    pub const NONE: OutcomeSet = OutcomeSet(0);

    /// The set with `outcome` added.
    pub const fn with(self, outcome: Outcome) -> OutcomeSet {
        OutcomeSet(self.0 | 1 << outcome as u8)
    }

    /// The set of the given outcomes.
    pub fn of(outcomes: &[Outcome]) -> OutcomeSet {
        outcomes.iter().fold(OutcomeSet::NONE, |set, &outcome| set.with(outcome))
    }

    /// Whether `outcome` is in the set.
    #[inline(always)]
    pub const fn contains(self, outcome: Outcome) -> bool {
        self.0 & 1 << outcome as u8 != 0
    }

    /// The members in report order.
    pub fn iter(self) -> impl Iterator<Item = Outcome> {
        Outcome::ALL.into_iter().filter(move |&outcome| self.contains(outcome))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_name(outcome.name()), Some(outcome));
        }
        assert_eq!(Outcome::from_name("lost"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = OutcomeSet::of(&[Outcome::Crash, Outcome::Timeout]);
        assert!(set.contains(Outcome::Crash) && !set.contains(Outcome::Ok));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Outcome::Timeout, Outcome::Crash]);
    }
}
