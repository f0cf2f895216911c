//! What a replay remembers of requests under way and of their attempts.

use crate::live::target::AttemptId;
use crate::model::requests::Drawn;
use crate::outcome::Outcome;
use crate::policy::client::Attempt as Kind;
use crate::time::{Span, Time};
use crate::workload::trace::Fate;

/// No virtual user.
pub(super) const NO_USER: u32 = u32::MAX;

/// A request under way.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) first_sent: Time,
    /// As it was first sent.
    pub(super) first: Drawn,
    /// How late its first send really was.
    pub(super) late: Span,
    pub(super) source: u16,
    /// Class and segment in the watch.
    pub(super) cell: u32,
    /// The virtual user behind it, or [`NO_USER`].
    pub(super) user: u32,
    /// Its attempts that the client waits for.
    pub(super) attempts: Vec<AttemptId>,
    pub(super) hedges: u32,
    /// Times a worker began it.
    pub(super) executions: u32,
    /// Times a pool handed it to a worker, dying ones too: of all its attempts.
    pub(super) starts: u32,
    /// Tries that failed though they were told to work, as [`Attempt::try_key`].
    pub(super) failed: Vec<u32>,
    /// The attempt that waits for its back-off.
    pub(super) resting: Option<Box<Attempt>>,
    /// Names the present retry: timers of earlier ones are stale.
    pub(super) stamp: u32,
}

/// One attempt at a target, with what its request remembers of earlier ones.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) request: Drawn,
    pub(super) flight: u64,
    /// Class and segment in the watch.
    pub(super) cell: u32,
    pub(super) pool: u16,
    /// Client attempts so far, hedges not counted.
    pub(super) number: u32,
    pub(super) hedge: bool,
    pub(super) is_retry: bool,
    /// The outcome after which it is one.
    pub(super) after: Outcome,
    /// The client waits for something else by now.
    pub(super) orphan: bool,
    /// Its client had no patience left for it.
    pub(super) overdue: bool,
    /// The target has it (an open circuit holds attempts back).
    pub(super) sent: bool,
    pub(super) arrived: Time,
    /// When it was first handed to a worker; `NEVER` before.
    pub(super) first_start: Time,
    /// When its present service began; `NEVER` while there is none.
    pub(super) since: Time,
    /// When it last entered a queue; `NEVER` before.
    pub(super) queued_at: Time,
    /// It is in the queue.
    pub(super) queued: bool,
    /// A try failed and the target has not begun the next.
    pub(super) between: bool,
    pub(super) hand_overs: u32,
    /// Names the draws of its present try: how often its request had been begun before, as a simulation counts it.
    pub(super) try_key: u32,
    /// Who had it last.
    pub(super) worker: Option<u32>,
    /// What the target said at its end.
    pub(super) detail: String,
    /// Up to when the request's time has been booked, and to what.
    pub(super) booked: Time,
    pub(super) waiting: Span,
    pub(super) failed: Span,
    pub(super) backoff: Span,
    pub(super) last_delay: Span,
}

impl Flight {
    /// Keeps a try that failed of itself: an error of one that was told to go wrong, or spoilt, is no news.
    pub(super) fn note_try(&mut self, attempt: &Attempt, outcome: Outcome) {
        if outcome == Outcome::Error && attempt.request.fate == Fate::Ok {
            self.failed.push(attempt.try_key);
        }
    }
}

impl Attempt {
    /// The first attempt of a request.
    pub(super) fn first(request: Drawn, flight: u64, cell: u32, now: Time) -> Attempt {
        Attempt {
            request,
            flight,
            cell,
            pool: 0,
            number: 0,
            hedge: false,
            is_retry: false,
            after: Outcome::Ok,
            orphan: false,
            overdue: false,
            sent: false,
            arrived: now,
            first_start: Time::NEVER,
            since: Time::NEVER,
            queued_at: Time::NEVER,
            queued: false,
            between: false,
            hand_overs: 0,
            try_key: 0,
            worker: None,
            detail: String::new(),
            booked: now,
            waiting: Span::ZERO,
            failed: Span::ZERO,
            backoff: Span::ZERO,
            last_delay: Span::ZERO,
        }
    }

    /// The same request once more, as if it had not been sent.
    pub(super) fn again(&self) -> Attempt {
        let (first_start, since, queued_at) = (Time::NEVER, Time::NEVER, Time::NEVER);
        Attempt {
            first_start,
            since,
            queued_at,
            queued: false,
            between: false,
            hand_overs: 0,
            orphan: false,
            overdue: false,
            sent: false,
            ..self.clone()
        }
    }

    /// What the attempt is to its client.
    pub(super) fn kind(&self) -> Kind {
        match (self.hedge, self.is_retry) {
            (true, _) => Kind::Hedge,
            (_, true) => Kind::Retry { after: self.after },
            _ => Kind::First,
        }
    }

    /// Books the time since the last booking as waiting.
    pub(super) fn book_waiting(&mut self, now: Time) {
        self.waiting += now.since(self.booked);
        self.booked = self.booked.max(now);
    }

    /// Books the time since the last booking as spent on a failed attempt.
    pub(super) fn book_failed(&mut self, now: Time) {
        self.failed += now.since(self.booked);
        self.booked = self.booked.max(now);
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
    pub(super) fn book_backoff(&mut self, now: Time) {
        self.backoff += now.since(self.booked);
        self.booked = self.booked.max(now);
    }

    /// Whether it stood in a queue up to an instant for longer than the grain of what its target reports. A policy may
    /// queue a job and hand it over in one step.
    pub(super) fn has_waited(&self, until: Time, grain: Span) -> bool {
        self.queued_at != Time::NEVER && until.since(self.queued_at) > grain
    }

    /// Whether the time since the last booking was spent waiting rather than with a worker.
    pub(super) fn was_waiting(&self) -> bool {
        self.first_start == Time::NEVER || self.queued || self.between
    }
}
