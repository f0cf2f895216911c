//! What a scheduler under test is to whoever drives it: it takes jobs and reports what becomes of them.

use super::clock::Clock;
use super::replay::Note;
use crate::outcome::Outcome;
use crate::time::{Span, Time};
use crate::workload::trace::Fate;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// Names an attempt within a run.
pub type AttemptId = u64;

/// One attempt at a request, handed to a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Names it: unique within a run.
    pub id: AttemptId,
    /// Key of its request, as in [`crate::stats::RequestSeen`].
    pub request: u64,
    /// Which attempt of its request, from 1.
    pub attempt: u32,
    /// Index of its class in the model.
    pub class: u16,
    /// Index of the model's pool that it goes to.
    pub pool: u16,
    /// The work that it brings, for targets that are told.
    pub demand: Span,
    /// What its scheduler is told of its size: the demand, or a guess.
    pub size: Span,
    /// How often workers have begun its request in earlier attempts: names the draws of later ones.
    pub executions: u32,
    /// Fate and demand were recorded, and are not drawn anew when the scheduler tries again.
    pub scripted: bool,
    /// Share of the demand that is work of a core.
    pub cpu_share: f64,
    /// How it goes wrong, for targets that can make it do so.
    pub fate: Fate,
    /// 0 is the most urgent.
    pub priority: u8,
    /// When its client stops waiting; `NEVER` for no deadline.
    pub deadline: Time,
    /// When it leaves the scheduler's queue if it still waits; `NEVER` for no waiting limit.
    pub leave_by: Time,
}

/// What a target noticed, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// When, read where it happened.
    pub at: Time,
    /// What.
    pub what: What,
}

/// What can be noticed. Of one attempt: `Queued` at most once at first and once per retry, `Started` for each
/// hand-over to a worker, `Retried` for each failed try that the scheduler repeats, `Ended` exactly once and last.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The attempt waits at the scheduler.
    Queued {
        /// Which.
        id: AttemptId,
    },
    /// The attempt was handed to a worker.
    Started {
        /// Which.
        id: AttemptId,
        /// To whom: a number below the pool's slots where the scheduler has slots.
        worker: u32,
        /// The worker had already been killed.
        dying: bool,
    },
    /// A try failed and the scheduler will try again by itself.
    Retried {
        /// Which.
        id: AttemptId,
        /// How the try ended.
        outcome: Outcome,
    },
    /// The scheduler is done with the attempt.
    Ended {
        /// Which.
        id: AttemptId,
        /// How.
        outcome: Outcome,
        /// Status code, exit code or message, where there is one.
        detail: String,
    },
    /// A worker began or ended its life.
    Worker {
        /// Index of its pool.
        pool: u16,
        /// Its number.
        worker: u32,
        /// What happened.
        event: WorkerEvent,
    },
}

/// What happens to workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerEvent {
    /// Spawned.
    Spawned,
    /// Ready for its first job.
    Ready,
    /// Sent a signal to end.
    Killed,
    /// Its exit was noticed.
    Exited,
    /// Its spawn failed; the slot is not tried again.
    Lost,
    /// It works on for nobody: the pool has abandoned its job.
    Lingers,
    /// Its work for nobody has ended.
    Free,
}

/// What a target can do. A replay refuses a model that needs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It works as long as a job's demand says (else demands are its own and are measured).
    pub takes_demands: bool,
    /// It makes jobs fail as their fate says.
    pub takes_fates: bool,
    /// It tells when jobs start (else waits and services are not told apart).
    pub reports_starts: bool,
    /// It can withdraw a job.
    pub cancels: bool,
    /// Running work can be killed.
    pub kills: bool,
    /// Its workers can be killed, and its pools paused, from outside.
    pub disturbs: bool,
    /// It draws demand and fate anew when it tries a job again, as the model says (else each try is as it was told).
    pub redraws: bool,
}

/// Something that a replay does to a pool from outside, as the model's faults say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// Kills the worker in a slot.
    KillWorker {
        /// Which.
        slot: u32,
    },
    /// Hands nothing to workers, or goes on.
    Pause {
        /// Whether it stops.
        paused: bool,
    },
}

/// Says whether someone has asked to stop.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// Nobody asks to stop.
pub(super) fn never() -> Stop {
    Arc::new(|| false)
}

/// Why a target cannot be used, or no longer.
#[derive(Debug)]
pub struct TargetError {
    /// What is wrong.
    pub text: String,
    /// What may help.
    pub hint: String,
}

impl TargetError {
    /// What such an error says.
    const INTERRUPTED: &str = "interrupted";

    /// Someone asked to stop.
    pub fn interrupted() -> TargetError {
        TargetError { text: String::from(TargetError::INTERRUPTED), hint: String::new() }
    }

    /// Whether nothing is wrong, but someone asked to stop.
    pub fn is_interrupted(&self) -> bool {
        self.text == TargetError::INTERRUPTED
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TargetError {}

/// A scheduler under test. Calls return at once; what becomes of a job is reported to the sender given to
/// [`Target::open`]. After [`Target::close`] every attempt has been reported as ended, and no process, thread or
/// connection of the target is left.
pub trait Target: Send {
    /// Its name in records: `pool`, `process`, `http`, `command`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Whom to ask, while it gets ready, whether that is still wanted. Targets that are ready at once ignore it.
    fn heed(&mut self, _stop: Stop) {}

    /// Gets ready: with a warm start until every worker is. Reports go to `reports`, their instants by `clock`.
    ///
    /// # Errors
    /// A [`TargetError`] when it cannot be reached or started, or when it need not any more.
    fn open(&mut self, clock: Clock, reports: Sender<Report>) -> Result<(), TargetError>;

    /// Takes a job.
    fn submit(&mut self, job: Job);

    /// Withdraws a job; one that has ended is left alone. Targets that cannot do so ignore it.
    fn cancel(&mut self, id: AttemptId);

    /// Slots of a pool whose workers could be killed now.
    fn alive(&self, _pool: u16) -> Vec<u32> {
        Vec::new()
    }

    /// Does something to a pool from outside. Targets that cannot do so ignore it.
    fn disturb(&mut self, _pool: u16, _what: Disturbance) {}

    /// What starts so soon after it was queued (model time) has not waited: how far apart the target may report what happens
    /// in one step.
    fn grain(&self) -> Span {
        Span::ZERO
    }

    /// What readers of the figures should know of it, asked for once it is closed.
    fn remarks(&mut self) -> Vec<Note> {
        Vec::new()
    }

    /// Ends: waits at most `grace` for the jobs it has, then ends them as cancelled.
    ///
    /// # Errors
    /// A [`TargetError`] when something could not be ended, by name.
    fn close(&mut self, grace: Span) -> Result<(), TargetError>;
}
