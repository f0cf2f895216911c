//! Recorded runs of a real scheduler: the files of one scenario as plain structs.
//!
//! A scenario is a folder with `settings.toml`, `workload.csv` (and `vus.csv` for a closed loop) and, for each run
//! N, `results_rN.csv`, `attempts_rN.csv`, `processes_rN.csv` and `summary_rN.json`; `tests/data/orchestrator`
//! holds some and explains their columns. Files come in by a function from name to bytes, so nothing here opens
//! one. Unknown keys and columns are skipped: a newer recorder may add some. Times are milliseconds as recorded,
//! apart from the workload, which is what a model is given.

mod check;
mod read;

use super::UserPlan;
use super::trace::{Fate, Trace, TraceRow};
use crate::time::{Span, Time};
use read::{fate, flag, well};
pub use read::{millis, read_constants, read_exceptions, read_noise, read_scenario};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// A scenario: what was asked of the scheduler, and what happened in each run.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedScenario {
    /// Settings of the scheduler and its workers.
    pub settings: RecordedSettings,
    /// What was sent.
    pub workload: RecordedWorkload,
    /// What happened, by run.
    pub runs: Vec<RecordedRun>,
}

/// `settings.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RecordedSettings {
    /// Name of the scenario.
    pub name: String,
    /// Open or closed loop.
    pub mode: LoopMode,
    /// The pool's settings.
    pub pool: RecordedPool,
    /// How the run began.
    #[serde(default)]
    pub run: RecordedStart,
    /// How workers start.
    #[serde(default)]
    pub worker: RecordedWorker,
}

/// Whether arrivals heed the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopMode {
    /// Planned instants.
    Open,
    /// Virtual users.
    Closed,
}

/// `[pool]`: settings of the scheduler; times in milliseconds. What is left out has the scheduler's own default.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct RecordedPool {
    /// Worker processes.
    pub pool_size: u32,
    /// Longest service, from dispatch.
    pub request_timeout_ms: f64,
    /// Retries of a task whose worker went away.
    pub max_task_retries: u32,
    /// From a worker's exit to its replacement's start.
    pub restart_delay_ms: f64,
    /// Between heartbeats.
    pub heartbeat_interval_ms: f64,
    /// A worker silent for so long is killed.
    pub heartbeat_timeout_ms: f64,
    /// A worker not ready by then is killed.
    pub worker_start_timeout_ms: f64,
}

impl Default for RecordedPool {
    fn default() -> RecordedPool {
        RecordedPool {
            pool_size: 2,
            request_timeout_ms: 120_000.0,
            max_task_retries: 1,
            restart_delay_ms: 250.0,
            heartbeat_interval_ms: 5_000.0,
            heartbeat_timeout_ms: 15_000.0,
            worker_start_timeout_ms: 30_000.0,
        }
    }
}

impl RecordedPool {
    /// The start time-out (ms) as a model can have it: a year for "never".
    pub fn finite_start_timeout_ms(&self) -> f64 {
        self.worker_start_timeout_ms.min(31_536e6)
    }

    /// The settings as the scheduler takes them: 0 and less mean its defaults, but for the start time-out, which
    /// they switch off (infinite here); a timer past 2^31 - 1 ms overflows to 1 ms.
    pub fn meant(self) -> RecordedPool {
        let own = RecordedPool::default();
        let timer = |ms: f64| if ms > 2_147_483_647.0 { 1.0 } else { ms };
        let or = |ms: f64, own: f64| if ms > 0.0 { timer(ms) } else { own };
        RecordedPool {
            pool_size: if self.pool_size == 0 { own.pool_size } else { self.pool_size },
            request_timeout_ms: or(self.request_timeout_ms, own.request_timeout_ms),
            max_task_retries: self.max_task_retries,
            restart_delay_ms: or(self.restart_delay_ms, own.restart_delay_ms),
            heartbeat_interval_ms: or(self.heartbeat_interval_ms, own.heartbeat_interval_ms).max(1000.0),
            heartbeat_timeout_ms: or(self.heartbeat_timeout_ms, own.heartbeat_timeout_ms),
            worker_start_timeout_ms: or(self.worker_start_timeout_ms, f64::INFINITY),
        }
    }
}

/// `[run]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RecordedStart {
    /// Whether every worker was ready before the start; else the start is the first spawn.
    pub warm_start: bool,
}

impl Default for RecordedStart {
    fn default() -> RecordedStart {
        RecordedStart { warm_start: true }
    }
}

/// `[worker]`: how long a worker sleeps before it says that it is ready, beside its own start-up.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RecordedWorker {
    /// The delay of every start.
    pub start_delay_ms: f64,
    /// The delays of the first starts in order, after which the other one applies.
    pub start_delay_ms_by_spawn: Vec<f64>,
}

impl RecordedWorker {
    /// The delay of spawn number `spawn` of the run, from 0.
    pub fn start_delay_ms(&self, spawn: usize) -> f64 {
        self.start_delay_ms_by_spawn.get(spawn).copied().unwrap_or(self.start_delay_ms)
    }
}

/// `workload.csv`.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordedWorkload {
    /// Requests at planned instants, in the order of the file.
    Open(Vec<RecordedArrival>),
    /// Virtual users.
    Closed(Vec<RecordedUser>),
}

/// A planned request of an open loop.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedArrival {
    /// Its name.
    pub id: String,
    /// Its class.
    pub class: String,
    /// When it was to be sent.
    pub at: Time,
    /// Its work.
    pub demand: Span,
    /// Its fate.
    pub fate: Fate,
}

/// A virtual user of a closed loop.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedUser {
    /// The user's number.
    pub user: u32,
    /// When the user comes and goes.
    pub plan: UserPlan,
    /// The user's requests in order.
    pub rows: Vec<RecordedTurn>,
}

/// A planned request of a virtual user.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTurn {
    /// Its name.
    pub id: String,
    /// Its class.
    pub class: String,
    /// Its work.
    pub demand: Span,
    /// Its fate.
    pub fate: Fate,
    /// From its end to the next request.
    pub think: Span,
}

impl RecordedWorkload {
    /// Class names in order of their first request.
    pub fn classes(&self) -> Vec<String> {
        let mut classes: Vec<String> = Vec::new();
        let mut add = |class: &String| {
            if !classes.contains(class) {
                classes.push(class.clone());
            }
        };
        match self {
            RecordedWorkload::Open(rows) => rows.iter().for_each(|row| add(&row.class)),
            RecordedWorkload::Closed(users) => {
                users.iter().flat_map(|user| &user.rows).for_each(|row| add(&row.class));
            }
        }
        classes
    }

    /// The requests of an open loop as a trace; classes are indices into [`RecordedWorkload::classes`].
    pub fn trace(&self) -> Option<Trace> {
        let RecordedWorkload::Open(arrivals) = self else { return None };
        let classes = self.classes();
        let mut rows: Vec<TraceRow> = arrivals
            .iter()
            .map(|row| TraceRow {
                at: row.at,
                demand: row.demand,
                class: classes.iter().position(|class| *class == row.class).unwrap_or(0) as u16,
                fate: Some(row.fate),
            })
            .collect();
        rows.sort_by_key(|row| row.at);
        Some(Trace { rows: rows.into() })
    }
}

/// What happened in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedRun {
    /// Its number: 1 for `r1`.
    pub number: u32,
    /// Tasks in order of submission.
    pub results: Vec<RecordedResult>,
    /// Dispatches.
    pub attempts: Vec<RecordedAttempt>,
    /// Events of worker processes.
    pub processes: Vec<RecordedEvent>,
    /// Totals.
    pub summary: Option<RecordedSummary>,
}

impl RecordedRun {
    /// Dispatches by worker, in order of their starts.
    pub fn attempts_by_worker(&self) -> BTreeMap<u32, Vec<&RecordedAttempt>> {
        let mut by_worker: BTreeMap<u32, Vec<&RecordedAttempt>> = BTreeMap::new();
        self.attempts.iter().for_each(|one| by_worker.entry(one.worker).or_default().push(one));
        by_worker.values_mut().for_each(|own| own.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms)));
        by_worker
    }
}

/// A row of `results_rN.csv`; times in milliseconds since the start.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RecordedResult {
    /// Name of the task.
    pub id: String,
    /// Its class.
    #[serde(default)]
    pub class: String,
    /// Its fate.
    #[serde(default = "well", deserialize_with = "fate")]
    pub fate: Fate,
    /// Arrival: planned in an open loop, actual in a closed one.
    #[serde(default)]
    pub arrival_ms: f64,
    /// Planned duration.
    #[serde(default)]
    pub duration_ms: f64,
    /// When it was sent.
    pub submit_ms: f64,
    /// First dispatch, if any.
    #[serde(default)]
    pub first_start_ms: Option<f64>,
    /// Last dispatch, if any.
    #[serde(default)]
    pub last_start_ms: Option<f64>,
    /// When the caller knew the end.
    #[serde(default)]
    pub end_ms: Option<f64>,
    /// From sending to the first dispatch.
    #[serde(default)]
    pub queue_ms: Option<f64>,
    /// From sending to the end.
    #[serde(default)]
    pub latency_ms: Option<f64>,
    /// Dispatches.
    pub attempts: u32,
    /// `ok`, `timeout`, `error`, `crash` or `other` (a failed write to a worker that was gone).
    pub outcome: String,
    /// The error code behind it; empty for none.
    #[serde(default)]
    pub code: String,
    /// The worker that had it last.
    #[serde(default)]
    pub last_worker: Option<u32>,
}

/// A row of `attempts_rN.csv`; times in milliseconds since the start.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RecordedAttempt {
    /// Name of the task.
    pub id: String,
    /// Number of the dispatch, from 1.
    pub attempt: u32,
    /// Worker that it went to.
    pub worker: u32,
    /// Dispatch.
    pub start_ms: f64,
    /// When the worker read it; `None` for never.
    #[serde(default)]
    pub recv_ms: Option<f64>,
    /// When the worker had finished; `None` for never.
    #[serde(default)]
    pub done_ms: Option<f64>,
    /// When the pool knew.
    #[serde(default)]
    pub end_ms: Option<f64>,
    /// `ok` or an error code.
    pub result: String,
    /// Whether the worker had been sent SIGKILL before.
    #[serde(default, deserialize_with = "flag")]
    pub dispatched_to_dying: bool,
}

/// A row of `processes_rN.csv`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RecordedEvent {
    /// Milliseconds since the start; negative during a warm start.
    pub t_ms: f64,
    /// `spawn`, `boot`, `ready_sent`, `ready`, `kill` or `exit`.
    pub event: String,
    /// Slot.
    pub worker: u32,
    /// Number of the spawn in the run, from 0.
    #[serde(default)]
    pub process: u32,
    /// Signal, exit code, or how long the spawn call took.
    #[serde(default)]
    pub detail: String,
}

/// `summary_rN.json`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RecordedSummary {
    /// Tasks sent.
    pub tasks: u64,
    /// Tasks by outcome; some with the error code behind a colon, such as `other:EPIPE`.
    pub outcomes: BTreeMap<String, u64>,
    /// Events: `retry`, `heartbeat_missed`, `start_timeout`, `crash_events`, `worker_error`.
    pub counts: BTreeMap<String, u64>,
    /// Median latency.
    pub p50_ms: f64,
    /// 95th percentile of latency.
    pub p95_ms: f64,
    /// 99th percentile of latency.
    pub p99_ms: f64,
    /// Longest latency.
    pub max_ms: f64,
    /// Longest queue.
    pub queue_max: u64,
    /// Dispatches to workers that had been sent SIGKILL.
    pub dispatched_to_dying: u64,
}

/// `constants.toml`: measured delays, milliseconds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RecordedConstants {
    /// Medians to start from, by name; `epipe_probability` is a probability.
    pub constants: BTreeMap<String, f64>,
    /// Spread of each delay, by name.
    #[serde(default)]
    pub distribution: BTreeMap<String, RecordedSpread>,
    /// Median start-up when so many (the key) small workers start at once.
    #[serde(default)]
    pub start_together_minimal: BTreeMap<String, f64>,
    /// The same for the scheduler's own workers.
    #[serde(default)]
    pub start_together_repository: BTreeMap<String, f64>,
    /// Counts of dispatches to dying workers.
    #[serde(default)]
    pub dying: BTreeMap<String, f64>,
}

impl RecordedConstants {
    /// A constant by name; 0 for one that was not measured.
    pub fn of(&self, name: &str) -> f64 {
        self.constants.get(name).copied().unwrap_or(0.0)
    }
}

/// The spread of a measured delay, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RecordedSpread {
    /// Measurements.
    pub n: u64,
    /// Smallest.
    pub min: f64,
    /// Tenth percentile.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// Mean.
    pub mean: f64,
    /// Ninetieth percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

/// A row of `noise.csv`: how far real runs of one scenario lie apart.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedNoise {
    /// Name of the scenario.
    pub scenario: String,
    /// Runs.
    pub runs: u32,
    /// Figures over the runs by name: `p50_ms`, `p95_ms`, `p99_ms`, `timeouts`, `retries`, `crashes`, `epipe`.
    pub figures: BTreeMap<String, RecordedFigure>,
    /// The other columns by name.
    pub others: BTreeMap<String, f64>,
}

/// One figure over the runs of a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RecordedFigure {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// `exceptions.toml`: figures that a simulation is not expected to reach, each with its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedExceptions {
    /// The exceptions.
    #[serde(default)]
    pub exception: Vec<RecordedException>,
}

/// One exception; its words are those of the table that `poolsim validate` prints.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedException {
    /// The scenario.
    pub scenario: String,
    /// The check: how simulation and recording are compared.
    pub check: String,
    /// The figure.
    pub figure: String,
    /// Why it is not expected to hold.
    pub reason: String,
}

impl RecordedExceptions {
    /// Why a figure is not expected to hold, if it is excepted.
    pub fn reason(&self, scenario: &str, check: &str, figure: &str) -> Option<&str> {
        let meant = |one: &&RecordedException| {
            (one.scenario.as_str(), one.check.as_str(), one.figure.as_str()) == (scenario, check, figure)
        };
        self.exception.iter().find(meant).map(|one| one.reason.as_str())
    }
}

/// Why a recording cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingError {
    /// The file at fault.
    pub file: String,
    /// What is wrong, with its place where there is one, in one line.
    pub message: String,
}

impl fmt::Display for RecordingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.message)
    }
}

impl std::error::Error for RecordingError {}

#[cfg(test)]
mod tests;
