//! A model as meant: checked, resolved, in whole nanoseconds and plain indices.
//!
//! A file becomes a model in three steps: text to a document with places (`document`), presets and overrides
//! merged into it, and the document checked against the grammar (`check`), which reports every fault at once.

mod asked;
mod certain;
pub mod check;
pub mod delays;
pub mod diagnostic;
pub mod document;
mod grammar;
pub mod metrics;
mod nearest;
mod offered;
pub mod presets;
pub mod requests;
pub mod retold;
pub mod stretches;
pub mod tape;
pub mod target;

pub use check::{ExactFile, Files, Loaded, NoFiles, check, experiment, load};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use document::{Document, Override};
pub use grammar::{experiment_schema, schema};
pub use nearest::{known_words, nearest, suggestion};

use crate::outcome::OutcomeSet;
use crate::policy::{Autoscaler, ClientSettings, PoolSettings, RouteSettings};
use crate::time::{Span, Time};
use crate::workload::trace::Fate;
use crate::workload::{Distribution, OpenArrivals, Trace, UserPlan, Users};
use retold::Retold;
use std::sync::Arc;

/// A system and its load, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Short name, used for folders and titles.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// How it is run and judged.
    pub run: RunSettings,
    /// Named stretches of time that are reported apart; empty for one phase without a name.
    pub phases: Vec<Phase>,
    /// Classes of requests.
    pub classes: Vec<Class>,
    /// Where requests come from.
    pub sources: Vec<Source>,
    /// Pools, each standing for `instances` equal pools.
    pub pools: Vec<Pool>,
    /// Routes over instances of pools. Each pool has one of its own, at its own index; named routes follow.
    pub routes: Vec<Route>,
    /// Hosts whose cores pools share.
    pub hosts: Vec<Host>,
    /// Things that go wrong at stated instants or by rate.
    pub faults: Vec<Fault>,
    /// What is asked of the system.
    pub objectives: Vec<Objective>,
    /// Whether slowdowns are asked for besides; see [`Model::ask`].
    pub slowdown: bool,
    /// Prices for cost figures; all zero where the file gives none.
    pub prices: Prices,
    /// Real schedulers that the same load can be sent to.
    pub targets: target::Targets,
    /// The run whose requests are told again; `None` where they are a model's own.
    pub retold: Option<Arc<Retold>>,
}

/// When a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunLength {
    /// At this instant.
    Horizon(Time),
    /// When this many requests have been sent and have ended.
    Requests(u64),
}

/// What the statistics assume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// A stretch with a beginning and an end; everything in it counts.
    Terminating,
    /// A constant load whose long-run behaviour is asked for; warm-up is removed.
    Steady,
}

/// How often a run is repeated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Replications {
    /// So many times.
    Fixed(u32),
    /// Until each objective's metric (or the main ones) has this relative half-width.
    Precision {
        /// Relative half-width asked for.
        relative: f64,
        /// First round.
        min: u32,
        /// Most.
        max: u32,
    },
}

/// Warm-up of a steady run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// Found by MSER-5 in each replication.
    Auto,
    /// This long.
    Fixed(Span),
}

/// How a model is run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSettings {
    /// When a run ends.
    pub length: RunLength,
    /// Regime, given or found from the load (a constant load is steady).
    pub regime: Regime,
    /// Warm-up, of a steady run.
    pub warm_up: WarmUp,
    /// Replications.
    pub replications: Replications,
    /// Confidence of intervals, such as 0.95.
    pub confidence: f64,
    /// Seed.
    pub seed: u64,
    /// Width of a timeline's bins; `None` for about 200 bins.
    pub bin: Option<Span>,
    /// After a time horizon, whether sources stop and the requests in flight still run to their end.
    pub drain: bool,
}

/// A named stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its beginning.
    pub start: Time,
    /// Its end.
    pub end: Time,
}

/// How an attempt can go wrong by itself, apart from time-outs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fates {
    /// Probability of an error answer after the demand.
    pub error: f64,
    /// Probability that the worker goes away after the demand.
    pub crash: f64,
    /// Probability that it never answers while heartbeats go on.
    pub hang: f64,
    /// Probability that the whole worker stops after the demand.
    pub freeze: f64,
    /// Whether the fate belongs to the request and returns at each attempt, rather than being drawn anew.
    pub sticky: bool,
}

/// A kind of request.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// The work that it brings.
    pub demand: Distribution,
    /// Share of the demand that is work of a core; the rest waits for something else. In [0, 1].
    pub cpu_share: f64,
    /// Whether a retry draws a new demand.
    pub redraw_demand: bool,
    /// Priority: 0 is the most urgent.
    pub priority: u8,
    /// How wrong size estimates are: standard deviation of the logarithm of estimate / demand; 0 for exact.
    pub estimate_error: f64,
    /// Fates.
    pub fates: Fates,
}

/// Where a source's requests come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// Arrivals that heed nothing.
    Open(OpenArrivals),
    /// Virtual users.
    Closed(Users),
    /// A recording of arrivals.
    Trace(Trace),
    /// A recording of virtual users: when each comes and goes, and their requests in order.
    Script(Vec<ScriptedUser>),
}

/// A recorded virtual user.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptedUser {
    /// When the user comes and goes.
    pub plan: UserPlan,
    /// The requests in order.
    pub requests: Vec<ScriptedRequest>,
}

/// A recorded request of a virtual user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScriptedRequest {
    /// Index of its class.
    pub class: u16,
    /// Its work.
    pub demand: Span,
    /// Its fate.
    pub fate: Fate,
    /// Time from its end to the next request.
    pub think: Span,
}

/// A stream of requests and the client behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Index of the route its requests take.
    pub route: usize,
    /// Classes and their shares, which sum to 1 (unused where a trace or script names the class).
    pub mix: Vec<(usize, f64)>,
    /// Where requests come from.
    pub load: Load,
    /// How the client behaves.
    pub client: ClientSettings,
    /// Back-off distributions of the client's retries (the last holds on), where the model gives them so.
    pub backoff: Vec<Distribution>,
    /// How long the client waits for a request in all, where that is no constant; drawn for each request.
    pub deadline: Option<Distribution>,
    /// How long a job of this source waits in a queue before it leaves; `None` leaves that to the pool.
    pub patience: Option<Distribution>,
}

/// How long the parts of a worker's life take. Draws are the driver's; the policy only sees them happen.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerLife {
    /// Spawn to ready, without contention.
    pub start_up: Distribution,
    /// Share of the start-up that is work of a core.
    pub start_up_cpu: f64,
    /// Start-ups of the first spawns of an instance, in order of spawn; later ones use `start_up`.
    pub first_start_up: Vec<Span>,
    /// Exit noticed to the next spawn.
    pub restart_delay: Distribution,
    /// Kill to exit noticed.
    pub kill_exit: Distribution,
    /// Worker gone by itself to exit noticed.
    pub crash_exit: Distribution,
    /// Time between heartbeats.
    pub heartbeat_interval: Span,
    /// Probability that a spawn fails and the slot is lost.
    pub spawn_failure: f64,
    /// Probability that a worker never becomes ready.
    pub never_ready: f64,
    /// Whether every worker is ready at the start.
    pub warm_start: bool,
    /// How long before the start each worker became ready: sets the beat of its heartbeats. By slot.
    pub ready_before: Vec<Span>,
    /// Probability that the first write to a dying worker fails at once.
    pub write_error: f64,
}

/// Delays between a pool and its workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Transport {
    /// Hand-over to the worker having the job.
    pub dispatch: Distribution,
    /// Added to each demand by the worker (a late sleep).
    pub late: Distribution,
    /// Worker done to the pool knowing.
    pub reply: Distribution,
    /// How late the pool's timers fire.
    pub timer_late: Distribution,
}

/// Slots that fail and recover by themselves, whatever they do.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakdown {
    /// Time a slot works.
    pub up: Distribution,
    /// Time it is down.
    pub down: Distribution,
    /// Whether idle slots fail too (otherwise `up` counts busy time only).
    pub while_idle: bool,
    /// What becomes of the job.
    pub job: BrokenJob,
}

/// What a breakdown does with the job in service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenJob {
    /// Goes to the head of the queue and continues with its remaining work.
    ResumeAtHead,
    /// Goes to the head of the queue and starts again.
    RestartAtHead,
    /// Ends with a crash (and is retried as crashes are).
    Crash,
}

/// A pool, or several equal instances of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// What its policy is told; each instance has its own queue and slots.
    pub settings: PoolSettings,
    /// How many equal instances.
    pub instances: u32,
    /// Index of the host of instance `i` is `hosts[i % hosts.len()]`; empty for no contention.
    pub hosts: Vec<usize>,
    /// Whether slots are all served together, sharing the host's cores (processor sharing without a queue).
    pub processor_sharing: bool,
    /// How long a job waits in the queue before it leaves, from its arrival.
    pub waiting_limit: Option<Distribution>,
    /// The time-out on service where it is no constant; drawn for each attempt, or once for all if it counts over all.
    pub timeout: Option<Distribution>,
    /// Worker life.
    pub life: WorkerLife,
    /// Transport delays.
    pub transport: Transport,
    /// Breakdowns.
    pub breakdown: Option<Breakdown>,
    /// Autoscaling of instances.
    pub autoscaler: Option<Autoscaler>,
    /// Whether the pool only stands for jobs that belong to no pool (each has a process of its own).
    pub implicit: bool,
}

/// A route over instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Indices of the pools whose instances it chooses from.
    pub pools: Vec<usize>,
    /// How.
    pub settings: RouteSettings,
}

/// How busy slots of a host slow each other down.
#[derive(Clone, Debug, PartialEq)]
pub enum Contention {
    /// `b` busy slots each run at `min(1, cores / b)`.
    Cores(f64),
    /// Entry `b - 1` is the speed of each of `b` busy slots; the last holds on.
    Table(Vec<f64>),
}

/// A host.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Its cores.
    pub contention: Contention,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// The worker in a slot is killed; `None` for one drawn at random.
    KillWorker {
        /// Pool.
        pool: usize,
        /// Instance.
        instance: Option<u32>,
        /// Slot.
        slot: Option<u32>,
    },
    /// An instance takes no jobs and loses those it has, for a while.
    KillInstance {
        /// Pool.
        pool: usize,
        /// Instance.
        instance: Option<u32>,
        /// Until it is back.
        down: Span,
    },
    /// A host runs at a share of its speed for a while; 0 stops it.
    SlowHost {
        /// Host.
        host: usize,
        /// Share of its speed.
        factor: f64,
        /// How long.
        duration: Span,
    },
    /// A pool dispatches nothing for a while.
    PausePool {
        /// Pool.
        pool: usize,
        /// How long.
        duration: Span,
    },
}

/// A scripted fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// At these instants.
    pub at: Vec<Time>,
    /// And at random, so many per second.
    pub rate: f64,
}

/// Which side of a bound is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// At most.
    AtMost,
    /// At least.
    AtLeast,
}

/// Something asked of the system.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Metric name, such as `latency_p95`.
    pub metric: String,
    /// Class name; `None` for all.
    pub class: Option<String>,
    /// Phase name; `None` for all.
    pub phase: Option<String>,
    /// Pool name, for metrics of a pool.
    pub pool: Option<String>,
    /// Which side.
    pub bound: Bound,
    /// The bound in the metric's unit (seconds for times).
    pub value: f64,
    /// Confidence asked for.
    pub confidence: f64,
}

/// Prices for cost figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prices {
    /// Of a slot, per hour.
    pub slot_hour: f64,
    /// Of a host, per hour.
    pub host_hour: f64,
    /// Of a request.
    pub request: f64,
    /// Of an objective missed, per run.
    pub missed_objective: f64,
}

/// Outcomes that count as failures of a request.
pub const FAILURES: OutcomeSet = OutcomeSet::NONE
    .with(crate::outcome::Outcome::Error)
    .with(crate::outcome::Outcome::Timeout)
    .with(crate::outcome::Outcome::Crash)
    .with(crate::outcome::Outcome::WriteError)
    .with(crate::outcome::Outcome::Rejected)
    .with(crate::outcome::Outcome::Reneged)
    .with(crate::outcome::Outcome::Abandoned)
    .with(crate::outcome::Outcome::Cancelled);
