//! The laws that a scheduler is held to, in words.
//!
//! Two kinds. *Every* scheduler must keep the first kind, whatever its settings: a breach is a defect of the
//! program. The second kind tells a scheduler's *character*: settings may break it knowingly (no waiting limit,
//! a dying window, a crash that takes others along), and a planner wants to know that they do.

use serde::{Deserialize, Serialize};

/// A law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Law {
    /// Every request that came in is waiting, with a worker, due for a retry, or has ended.
    RequestLost,
    /// No request ends twice, or after its end.
    EndedTwice,
    /// No request is with two workers, and no worker has two requests or one that it cannot take.
    DoubleStart,
    /// The next request is the one that the discipline names.
    Order,
    /// No worker is idle while a request that may start is waiting.
    IdleWorker,
    /// No request is tried more often, or after other outcomes, than the rules allow.
    Attempts,
    /// Every time-out fires in time and none too early.
    TimeOut,
    /// Queue capacity, admission, reserved slots and pauses are kept, and nobody is refused without a reason.
    Limits,
    /// After a shutdown nothing of it is left.
    OutlivesShutdown,
    /// No request fails for what others did.
    InnocentFailure,
    /// Every slot is of use again in the end.
    LostSlot,
    /// No request waits longer than all of its own time-outs together.
    WaitingWithoutBound,
}

impl Law {
    /// All laws, in the order of reports.
    pub const ALL: [Law; 12] = [
        Law::RequestLost,
        Law::EndedTwice,
        Law::DoubleStart,
        Law::Order,
        Law::IdleWorker,
        Law::Attempts,
        Law::TimeOut,
        Law::Limits,
        Law::OutlivesShutdown,
        Law::InnocentFailure,
        Law::LostSlot,
        Law::WaitingWithoutBound,
    ];

    /// The word for it in arguments, files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Law::RequestLost => "request-lost",
            Law::EndedTwice => "ended-twice",
            Law::DoubleStart => "double-start",
            Law::Order => "order",
            Law::IdleWorker => "idle-worker",
            Law::Attempts => "attempts",
            Law::TimeOut => "time-out",
            Law::Limits => "limits",
            Law::OutlivesShutdown => "outlives-shutdown",
            Law::InnocentFailure => "innocent-failure",
            Law::LostSlot => "lost-slot",
            Law::WaitingWithoutBound => "waiting-without-bound",
        }
    }

    /// The law itself.
    pub const fn text(self) -> &'static str {
        match self {
            Law::RequestLost => "every request is waiting, with a worker, due for a retry, or has ended",
            Law::EndedTwice => "no request ends twice",
            Law::DoubleStart => "no request is with two workers, no worker has two requests",
            Law::Order => "the next request is the one that the discipline names",
            Law::IdleWorker => "no worker is idle while a request that may start is waiting",
            Law::Attempts => "no request is tried more often than the rules allow",
            Law::TimeOut => "every time-out fires in time, none too early",
            Law::Limits => {
                "capacity, admission, reserves and pauses are kept, and nobody is refused for nothing"
            }
            Law::OutlivesShutdown => "after a shutdown nothing of it is left",
            Law::InnocentFailure => "no request fails for what others did",
            Law::LostSlot => "every slot is of use again in the end",
            Law::WaitingWithoutBound => "no request waits longer than its time-outs together",
        }
    }

    /// Whether settings may break the law knowingly.
    pub const fn is_character(self) -> bool {
        matches!(self, Law::InnocentFailure | Law::LostSlot | Law::WaitingWithoutBound)
    }

    /// The law of that name.
    pub fn from_name(name: &str) -> Option<Law> {
        Law::ALL.into_iter().find(|law| law.name() == name)
    }
}

/// A set of laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Laws(u16);

impl Laws {
    /// All of them.
    pub const ALL: Laws = Laws((1 << Law::ALL.len()) - 1);

    /// Those that every scheduler must keep.
    pub fn of_every_scheduler() -> Laws {
        Laws::of(Law::ALL.into_iter().filter(|law| !law.is_character()))
    }

    /// The laws given.
    pub fn of(laws: impl IntoIterator<Item = Law>) -> Laws {
        Laws(laws.into_iter().fold(0, |set, law| set | 1 << law as u16))
    }

    /// Whether a law is in the set.
    #[inline]
    pub const fn has(self, law: Law) -> bool {
        self.0 & 1 << law as u16 != 0
    }

    /// The set without the laws given.
    pub fn without(self, laws: impl IntoIterator<Item = Law>) -> Laws {
        Laws(self.0 & !Laws::of(laws).0)
    }

    /// The members in the order of reports.
    pub fn iter(self) -> impl Iterator<Item = Law> {
        Law::ALL.into_iter().filter(move |&law| self.has(law))
    }
}

/// A breach of a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which law.
    pub law: Law,
    /// When, in nanoseconds of the run.
    pub at: crate::time::Time,
    /// What was seen: one sentence that names request and worker.
    pub what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_sets_hold_what_they_were_given() {
        for law in Law::ALL {
            assert_eq!(Law::from_name(law.name()), Some(law));
            assert_eq!(serde_json::to_string(&law).unwrap(), format!("\"{}\"", law.name()));
        }
        let laws = Laws::ALL.without([Law::Order]);
        assert!(!laws.has(Law::Order) && laws.has(Law::RequestLost));
        assert_eq!(laws.iter().count(), Law::ALL.len() - 1);
        assert!(Laws::of_every_scheduler().iter().all(|law| !law.is_character()));
    }
}
