//! Which jobs an adapter has, and what it said that cannot be: each job has one end whatever is said.

use super::protocol::JobEvent;
use super::{AFTER_END, AGAIN};
use crate::live::target::{AttemptId, Report, What};
use crate::outcome::Outcome;
use crate::time::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::mpsc::Sender;

/// The jobs under way, and the faults so far.
pub(super) struct Book {
    reports: Sender<Report>,
    jobs: BTreeMap<AttemptId, Entry>,
    /// Highest number of a job so far: a lower one that is not under way has ended.
    highest: Option<AttemptId>,
    /// Jobs that were ended here, not by the adapter: what it still says of them is no fault of its.
    dropped: BTreeSet<AttemptId>,
    faults: BTreeMap<Fault, (u64, String)>,
}

/// A job under way.
struct Entry {
    /// When it was last heard of: what is said of it cannot be older.
    last: Time,
    /// A worker has it, and has not failed.
    served: bool,
}

/// What an adapter can do wrong without spoiling the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A line that is none of the protocol's.
    Line,
    /// An event of a job that was never given to it.
    Stranger,
    /// An event of a job that has ended.
    AfterEnd,
    /// A job that is queued or started while a worker has it.
    Again,
    /// An instant before the job's last event, or in the future.
    Instant,
}

impl Book {
    pub(super) fn new(reports: Sender<Report>) -> Book {
        Book {
            reports,
            jobs: BTreeMap::new(),
            highest: None,
            dropped: BTreeSet::new(),
            faults: BTreeMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// A job is given to the adapter.
    pub(super) fn enter(&mut self, id: AttemptId, at: Time) {
        self.jobs.insert(id, Entry { last: at, served: false });
        self.highest = self.highest.max(Some(id));
    }

    /// Passes on what was said of a job. `said` is the adapter's instant, `heard` ours, and `slack` how well the
    /// clocks are known to each other.
    pub(super) fn event(
        &mut self,
        id: AttemptId,
        event: JobEvent,
        said: Option<Time>,
        heard: Time,
        slack: Span,
    ) {
        let Some(entry) = self.jobs.get_mut(&id) else {
            if self.dropped.contains(&id) {
                return;
            }
            let fault = if Some(id) <= self.highest { Fault::AfterEnd } else { Fault::Stranger };
            return self.fault(fault, format!("`{}` of job {id}", event.word()));
        };
        if entry.served && matches!(event, JobEvent::Queued | JobEvent::Started { .. }) {
            return self.fault(Fault::Again, format!("`{}` of job {id}", event.word()));
        }
        let at = said.unwrap_or(heard).clamp(entry.last, heard.max(entry.last));
        let wrong = said.is_none_or(|said| said.nanos().abs_diff(at.nanos()) > TOLERATED + slack.nanos());
        entry.last = at;
        // One that was killed already does not work on it.
        entry.served = matches!(event, JobEvent::Started { dying: false, .. });
        if wrong {
            self.fault(Fault::Instant, format!("`{}` of job {id}", event.word()));
        }
        let what = match event {
            JobEvent::Queued => What::Queued { id },
            JobEvent::Started { worker, dying } => What::Started { id, worker, dying },
            JobEvent::Retried(outcome) => What::Retried { id, outcome },
            JobEvent::Ended { outcome, detail } => {
                self.jobs.remove(&id);
                What::Ended { id, outcome, detail }
            }
        };
        self.report(at, what);
    }

    /// Ends everything that is under way.
    pub(super) fn end_all(&mut self, outcome: Outcome, detail: &str, at: Time) {
        for (id, entry) in std::mem::take(&mut self.jobs) {
            let what = What::Ended { id, outcome, detail: detail.to_owned() };
            self.dropped.insert(id);
            self.report(at.max(entry.last), what);
        }
    }

    /// Passes a report on.
    pub(super) fn report(&self, at: Time, what: What) {
        // Nobody listens any more when the replay was given up.
        let _ = self.reports.send(Report { at, what });
    }

    /// Counts a fault; the first of each kind is kept to be shown.
    pub(super) fn fault(&mut self, fault: Fault, example: String) {
        self.faults.entry(fault).or_insert((0, example)).0 += 1;
    }

    /// What the adapter did wrong.
    pub(super) fn remarks(&self) -> impl Iterator<Item = Remark> {
        self.faults.iter().map(|(fault, (count, first))| Remark {
            code: fault.code(),
            text: match count {
                1 => format!("the adapter's fault, once: {fault}: {first}"),
                count => format!("the adapter's fault, {count} times: {fault}; the first was {first}"),
            },
        })
    }
}

/// What there is to say of an adapter, and the code of its kind.
pub(super) struct Remark {
    pub(super) code: &'static str,
    pub(super) text: String,
}

impl From<String> for Remark {
    /// One of no special kind.
    fn from(text: String) -> Remark {
        Remark { code: PLAIN, text }
    }
}

/// Code of remarks that nobody looks for.
const PLAIN: &str = "adapter";

impl Fault {
    const fn code(self) -> &'static str {
        match self {
            Fault::AfterEnd => AFTER_END,
            Fault::Again => AGAIN,
            Fault::Line | Fault::Stranger | Fault::Instant => PLAIN,
        }
    }
}

/// An instant may be wrong by so many nanoseconds, beyond what the clocks allow, without a word.
const TOLERATED: u64 = 2_000_000;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Line => "a line that is none of the protocol's",
            Fault::Stranger => "an event of a job that it was never given",
            Fault::AfterEnd => "an event of a job that had ended",
            Fault::Again => "a job that is queued or started again without `retried`",
            Fault::Instant => "an instant in the future or out of order",
        })
    }
}
