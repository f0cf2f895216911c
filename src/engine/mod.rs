//! Virtual physics: plays a model out on virtual time, one replication at a time.
//!
//! ```text
//!   calendar ──first event──▶ World ──input──▶ policy::Pool, policy::client::Client, policy::route::Router
//!      ▲                        │                   │ effects (calls on the driver)
//!      └──── Physics ◀──────────┴───────────────────┘
//!                │ observations
//!                ▼
//!             Monitor ──▶ stats::Replication
//! ```
//!
//! Randomness comes from streams named by what they are for, so two models that differ in a setting meet the
//! same arrivals, classes, demands and fates. Every replication checks itself: conservation of requests, Little's
//! law as an identity, no idle worker beside a waiting job, no time reversal.

mod calendar;
mod client;
mod fault;
mod host;
mod job;
mod level;
mod monitor;
mod physics;
mod plan;
mod request;
mod scale;
mod slot;
mod user;
mod world;

use crate::model::Model;
use crate::outcome::Outcome;
use crate::stats::Replication;
use crate::time::{Span, Time};
use calendar::{Indexed, Packed};
use plan::Plan;
use world::World;

/// A law that a replication broke: a defect of the simulator or of a policy, with what repeats it.
#[derive(Clone, Debug, PartialEq)]
pub struct Breach {
    /// What was found.
    pub message: String,
    /// Seed of the run.
    pub seed: u64,
    /// Replication in which it was found.
    pub replication: u64,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (seed {}, replication {})", self.message, self.seed, self.replication)
    }
}

impl std::error::Error for Breach {}

/// Recorded outcomes of writes to dying workers, to be repeated instead of drawn: (request key, retries used) to
/// whether the write failed. The key of request `n` of open source `s` is `s << 48 | n`.
pub type Races = physics::Races;

/// The end of one request, for callers who follow single requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestEnd {
    /// Names the request: see [`Races`]; request `m` of user `u` of source `s` is `s << 48 | 1 << 47 | u << 24 | m`.
    pub key: u64,
    /// Index of its class.
    pub class: u16,
    /// First sent.
    pub sent: Time,
    /// Final outcome.
    pub end: Time,
    /// Which.
    pub outcome: Outcome,
    /// Hand-overs to workers by the pool that had it last.
    pub hand_overs: u32,
    /// Attempts by its client.
    pub attempts: u32,
    /// Time in queues.
    pub waiting: Span,
}

/// A model laid out for simulation; runs any number of replications.
pub struct Prepared<'m> {
    plan: Plan<'m>,
}

/// Lays a model out.
pub fn prepare(model: &Model) -> Prepared<'_> {
    Prepared { plan: Plan::new(model) }
}

impl Prepared<'_> {
    /// Simulates replication `index` under the model's seed.
    ///
    /// # Errors
    /// A [`Breach`] when one of the run's self-checks fails.
    pub fn run(&self, index: u64) -> Result<Replication, Breach> {
        self.play(index, None, false).map(|(report, _)| report)
    }

    /// Like [`Prepared::run`], with the end of every request, in order of ending; recorded races are repeated.
    ///
    /// # Errors
    /// A [`Breach`] when one of the run's self-checks fails.
    pub fn follow(
        &self,
        index: u64,
        races: Option<&Races>,
    ) -> Result<(Replication, Vec<RequestEnd>), Breach> {
        self.play(index, races, true)
    }

    fn play(
        &self,
        index: u64,
        races: Option<&Races>,
        follow: bool,
    ) -> Result<(Replication, Vec<RequestEnd>), Breach> {
        let plan = &self.plan;
        match plan.slots {
            _ if plan.unlimited => World::<Indexed>::new(plan, index, races).run(follow),
            0..=8 => World::<Packed<9>>::new(plan, index, races).run(follow),
            9..=12 => World::<Packed<13>>::new(plan, index, races).run(follow),
            13..=16 => World::<Packed<17>>::new(plan, index, races).run(follow),
            17..=32 => World::<Packed<33>>::new(plan, index, races).run(follow),
            _ => World::<Indexed>::new(plan, index, races).run(follow),
        }
    }
}

/// Simulates replication `replication` of a model under `model.run.seed`.
///
/// # Errors
/// A [`Breach`] when one of the run's self-checks fails.
pub fn simulate(model: &Model, replication: u64) -> Result<Replication, Breach> {
    prepare(model).run(replication)
}
