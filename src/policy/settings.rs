//! What a scheduler is told: the settings of pools, clients, routes and scaling. Plain data.

mod client;

pub use client::*;

use crate::outcome::OutcomeSet;
use crate::random::Stream;
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// How many jobs a pool serves at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slots {
    /// This many slots.
    Limited(u32),
    /// Every job starts at once.
    Unlimited,
}

/// Which waiting job starts next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discipline {
    /// The one that came first.
    Fifo,
    /// The one that came last.
    Lifo,
    /// Any, with equal chance.
    Random,
    /// The smallest priority number; FIFO within one. With `age_step`, a job gains one level for each step of
    /// waiting.
    Priority {
        /// Waiting time worth one level; `NEVER` for no ageing.
        age_step: Span,
    },
    /// The smallest size estimate.
    ShortestJob,
    /// The earliest deadline.
    EarliestDeadline,
    /// The class that has had least service for its weight (start-time fair queueing); weights are in
    /// [`PoolSettings::class_weights`].
    FairShare,
    /// FIFO while the queue is short; LIFO while it holds more than `threshold` jobs.
    AdaptiveLifo {
        /// Queue length above which the newest job goes first.
        threshold: u32,
    },
}

/// What a full queue does with a new job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Refuses it.
    Reject,
    /// Takes it and refuses the one that has waited longest.
    DropOldest,
}

/// Which idle worker gets the next job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdleOrder {
    /// The lowest index.
    LowestIndex,
    /// The one that became idle last.
    MostRecent,
    /// The one that has been idle longest.
    LongestIdle,
    /// Any.
    Random,
}

/// From when a time-out of the pool counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeoutOrigin {
    /// From the hand-over to a worker; every attempt anew.
    Dispatch,
    /// From the job's arrival at the pool, over waiting and all attempts, so that a job that still waits is timed out
    /// too (not where work is abandoned: then it keeps its place, and is given up as it starts). It is not retried.
    Arrival,
    /// From the hand-over, but the service of earlier attempts counts too; a job that is timed out is not retried.
    TotalService,
}

/// What the pool does with the worker when the service time-out fires. The job has ended in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// Kills the worker, which exits and is replaced.
    Kill,
    /// Asks the worker to stop; it is free after `grace`.
    Cancel {
        /// Time until the worker has stopped.
        grace: Span,
    },
    /// Lets it work on; the result is thrown away (zombie work).
    Abandon,
}

/// The pool's time-out on service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct ServiceTimeout {
    /// How long; `NEVER` where only clients end a service early, or where it is drawn.
    pub span: Span,
    /// From when.
    pub origin: TimeoutOrigin,
    /// And then.
    pub then: OnTimeout,
}

impl PoolSettings {
    /// How long after its arrival a job is timed out even if it waits; `None` where that does not happen. `NEVER` where
    /// the time-out is drawn.
    pub fn times_out_waiting(&self) -> Option<Span> {
        let limit = self
            .service_timeout
            .filter(|limit| limit.origin == TimeoutOrigin::Arrival && limit.then != OnTimeout::Abandon)?;
        (self.draws_timeout || !limit.span.is_never()).then_some(limit.span)
    }
}

/// Where a retried job goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryPlace {
    /// Before all that wait.
    Head,
    /// Behind all that wait.
    Tail,
}

/// Retries made by the pool itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct PoolRetry {
    /// How many retries a job may have.
    pub max: u32,
    /// After which outcomes.
    pub on: OutcomeSet,
    /// Where in the queue.
    pub place: RetryPlace,
    /// Time until it is back in the queue, before the first retry.
    pub delay: Span,
    /// How that time grows with further retries.
    pub growth: DelayGrowth,
    /// Time from its return to the queue until the pool looks for a worker again (a turn of an event loop).
    /// Anything else that makes the pool look earlier starts it earlier.
    pub turn: Span,
}

/// How the delay before a pool's retry grows: retry k waits `delay * factor^(k-1) + step * (k-1)^exponent`, at
/// most `cap`, plus a uniform share of `spread * k`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct DelayGrowth {
    /// Growth per retry.
    pub factor: f64,
    /// Unit of the polynomial part.
    pub step: Span,
    /// Its exponent.
    pub exponent: f64,
    /// Width of the uniform part, per retry.
    pub spread: Span,
    /// Largest delay before the spread.
    pub cap: Span,
}

impl DelayGrowth {
    /// The same delay before every retry.
    pub const NONE: DelayGrowth =
        DelayGrowth { factor: 1.0, step: Span::ZERO, exponent: 1.0, spread: Span::ZERO, cap: Span::NEVER };
}

impl PoolRetry {
    /// The delay before retry number `number` (from 1).
    pub(super) fn delay_before(&self, number: u32, chance: &mut Stream) -> Span {
        let DelayGrowth { factor, step, exponent, spread, cap } = self.growth;
        if self.growth == DelayGrowth::NONE {
            return self.delay;
        }
        let earlier = f64::from(number) - 1.0;
        let full =
            self.delay.secs() * libm::pow(factor, earlier) + step.secs() * libm::pow(earlier, exponent);
        let delay = Span::from_secs(full).min(cap);
        if spread == Span::ZERO { delay } else { delay + spread.scaled(f64::from(number) * chance.unit()) }
    }
}

/// How far a crash reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashRadius {
    /// The job and its worker.
    Worker,
    /// The job alone; the worker lives on.
    Job,
    /// Every running job and every worker of the pool (threads of one process); waiting jobs stay.
    Running,
    /// Every running job and every worker of the pool (a broken process pool); waiting jobs fail too.
    Pool,
}

/// How a pool treats its workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct WorkerSettings {
    /// Whether a worker that is being killed still takes jobs until its exit is noticed.
    pub dying_window: bool,
    /// Longest time from spawn to ready; then the worker is killed. `NEVER` for no limit.
    pub start_timeout: Span,
    /// Longest silence of a ready worker; then it is killed. `NEVER` for no heartbeats.
    pub heartbeat_timeout: Span,
    /// A worker is replaced after this many jobs; 0 for never.
    pub recycle_after: u32,
    /// How far a crash reaches.
    pub crash_radius: CrashRadius,
    /// Workers leave after this idle time and are started again when jobs wait; a pool that does not start warm
    /// starts its first workers so too (cold pool). `NEVER` keeps them for ever.
    pub idle_shutdown: Span,
}

/// Checks on arrival, and on leaving the queue, beyond its capacity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// At most `rate` jobs per second on average, bursts of `burst`.
    TokenBucket {
        /// Tokens per second.
        rate: f64,
        /// Size of the bucket.
        burst: f64,
    },
    /// Controlled delay (RFC 8289): jobs are dropped at dispatch while the wait has stayed above `target` for
    /// an `interval`.
    CoDel {
        /// Acceptable standing wait.
        target: Span,
        /// Window over which it must be seen.
        interval: Span,
    },
    /// At most so many jobs in the pool (waiting and running), adapted to the latency seen.
    Concurrency(ConcurrencyLimit),
}

/// How a concurrency limit adapts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcurrencyLimit {
    /// Never.
    Fixed {
        /// The limit.
        limit: u32,
    },
    /// One more per window of successes, times `backoff` after a failure or a sojourn above `target`.
    Aimd {
        /// First limit.
        initial: u32,
        /// Smallest and largest limit.
        bounds: (u32, u32),
        /// Multiplied after a failure.
        backoff: f64,
        /// A sojourn above it counts as a failure.
        target: Span,
    },
    /// After TCP Vegas: queue estimate `limit * (1 - fastest / sojourn)`, kept between `alpha` and `beta`.
    Vegas {
        /// First limit.
        initial: u32,
        /// Smallest and largest limit.
        bounds: (u32, u32),
        /// Grow below it.
        alpha: f64,
        /// Shrink above it.
        beta: f64,
    },
    /// Limit times the ratio of long-term to short-term sojourn, plus room for a queue.
    Gradient {
        /// First limit.
        initial: u32,
        /// Smallest and largest limit.
        bounds: (u32, u32),
        /// Tolerated ratio of short-term to long-term sojourn.
        tolerance: f64,
        /// Weight of a new limit in (0, 1].
        smoothing: f64,
    },
}

/// Everything that a pool's policy is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct PoolSettings {
    /// Slots.
    pub slots: Slots,
    /// Which job next.
    pub discipline: Discipline,
    /// Waiting places besides the slots; `None` for no limit.
    pub queue_capacity: Option<u32>,
    /// What a full queue does.
    pub when_full: WhenFull,
    /// Which worker next.
    pub idle_order: IdleOrder,
    /// Time-out on service.
    pub service_timeout: Option<ServiceTimeout>,
    /// Whether the driver draws how long that is, and its span is `NEVER`; see
    /// [`Driver::drawn_timeout`](super::Driver::drawn_timeout).
    #[serde(default)]
    pub draws_timeout: bool,
    /// Retries by the pool.
    pub retry: Option<PoolRetry>,
    /// Worker life.
    pub worker: WorkerSettings,
    /// Admission checks, in order.
    pub admission: Vec<Admission>,
    /// Slots kept for a class: by class index; others may not take the last of them.
    pub reserved: Vec<u32>,
    /// Weights of classes under [`Discipline::FairShare`]: by class index.
    pub class_weights: Vec<f64>,
}

impl PoolSettings {
    /// First come first served, without limits, time-outs or retries: a start to change from.
    pub fn fifo(slots: Slots) -> PoolSettings {
        PoolSettings {
            slots,
            discipline: Discipline::Fifo,
            queue_capacity: None,
            when_full: WhenFull::Reject,
            idle_order: IdleOrder::LowestIndex,
            service_timeout: None,
            draws_timeout: false,
            retry: None,
            worker: WorkerSettings {
                dying_window: false,
                start_timeout: Span::NEVER,
                heartbeat_timeout: Span::NEVER,
                recycle_after: 0,
                crash_radius: CrashRadius::Job,
                idle_shutdown: Span::NEVER,
            },
            admission: Vec::new(),
            reserved: Vec::new(),
            class_weights: Vec::new(),
        }
    }
}

/// How a route chooses among instances.
#[derive(Clone, Debug, PartialEq)]
pub enum Routing {
    /// With these probabilities; empty for equal ones.
    Random(Vec<f64>),
    /// In turn.
    RoundRobin,
    /// In turn, in proportion to these weights (smooth weighted round robin).
    WeightedRoundRobin(Vec<f64>),
    /// The one with fewest jobs waiting and running; ties at random.
    LeastLoaded,
    /// The least loaded of `d` drawn without replacement; ties at random.
    ShortestOf(u32),
    /// By a hash of the request's key on a ring of `replicas` points per instance.
    ConsistentHash {
        /// Points per instance.
        replicas: u32,
    },
}

/// A choice among instances of pools.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSettings {
    /// How it chooses.
    pub routing: Routing,
    /// Time from one report of the loads to the next; zero for the truth at every choice.
    pub signal_delay: Span,
    /// Whether it adds to a report what it has sent itself since.
    pub counts_own: bool,
}

impl RouteSettings {
    /// In turn: what a pool does that says nothing of its routing.
    pub const IN_TURN: RouteSettings =
        RouteSettings { routing: Routing::RoundRobin, signal_delay: Span::ZERO, counts_own: false };
}

/// Adds and removes instances by load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Autoscaler {
    /// Fewest instances.
    pub min: u32,
    /// Most instances.
    pub max: u32,
    /// Busy slots per slot that it aims at.
    pub target_utilization: f64,
    /// How often it looks.
    pub interval: Span,
    /// How old the metric is that it sees.
    pub metric_lag: Span,
    /// From the decision until an instance takes jobs.
    pub boot: Span,
    /// Least time between a change and the next removal.
    pub cool_down: Span,
}
