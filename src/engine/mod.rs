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
mod first;
mod host;
mod job;
mod monitor;
mod physics;
mod plan;
mod request;
mod scale;
mod slot;
pub mod trail;
mod user;
mod world;

use crate::model::Model;
use crate::model::tape::Tape;
use crate::policy::decision::Log;
use crate::stats::Replication;
pub use crate::stats::RequestSeen;
use calendar::{Followed, Indexed, Packed};
pub use physics::Recorded;
use plan::Plan;
use request::Ends;
use trail::{Asked, Trail};
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
        self.run_with(index, None)
    }

    /// Like [`Prepared::run`], with the requests of a tape that was drawn for this replication.
    ///
    /// # Errors
    /// A [`Breach`] when one of the run's self-checks fails.
    pub fn run_with(&self, index: u64, tape: Option<&Tape>) -> Result<Replication, Breach> {
        self.play(index, None, None, tape).map(|(report, _)| report)
    }

    /// Draws the requests of a replication ahead; see [`Tape::draw`].
    pub fn tape(&self, index: u64) -> Option<Tape> {
        Tape::draw(self.plan.model, &self.plan.requests_of, index)
    }

    /// Like [`Prepared::run`], with the end of every request, in order of ending; what was recorded of chance is repeated.
    ///
    /// # Errors
    /// A [`Breach`] when one of the run's self-checks fails.
    pub fn follow(
        &self,
        index: u64,
        recorded: Option<&Recorded>,
    ) -> Result<(Replication, Vec<RequestSeen>), Breach> {
        self.play(index, recorded, Some(Ends::all()), None)
    }

    /// Like [`Prepared::run_with`], with the `each` slowest requests of every class, the slowest first.
    ///
    /// # Errors
    /// A [`Breach`] when one of the run's self-checks fails.
    pub fn slowest(
        &self,
        index: u64,
        each: usize,
        tape: Option<&Tape>,
    ) -> Result<(Replication, Vec<RequestSeen>), Breach> {
        self.play(index, None, Some(Ends::slowest(each, self.plan.model.classes.len())), tape)
    }

    /// Plays replication `index` once more, up to the end of a stretch, and tells what happened in it.
    ///
    /// # Errors
    /// A [`Breach`] when one of the run's self-checks fails.
    pub fn trail(&self, index: u64, asked: Asked<'_>) -> Result<Trail, Breach> {
        World::<Followed>::new(&self.plan, index, None, None).trail(asked)
    }

    /// Like [`Prepared::run`], with the decisions of its pools: the first `keep` of them whole, all of them hashed.
    /// The replication is the same; it takes about twice as long.
    ///
    /// # Errors
    /// A [`Breach`] when one of the run's self-checks fails.
    pub fn decisions(&self, index: u64, keep: usize) -> Result<(Replication, Log), Breach> {
        World::<Followed>::new(&self.plan, index, None, None).run_logged(keep)
    }

    /// By pool instance, as decisions name them: the index of the model's pool.
    pub fn owners(&self) -> Vec<usize> {
        self.plan.instances.iter().map(|&(pool, _)| pool).collect()
    }

    fn play(
        &self,
        index: u64,
        recorded: Option<&Recorded>,
        ends: Option<Ends>,
        tape: Option<&Tape>,
    ) -> Result<(Replication, Vec<RequestSeen>), Breach> {
        let plan = &self.plan;
        match plan.slots {
            _ if plan.unlimited => World::<Indexed>::new(plan, index, recorded, tape).run(ends),
            0..=8 if plan.alone => World::<Packed<8, true>>::new(plan, index, recorded, tape).run(ends),
            9..=12 if plan.alone => World::<Packed<12, true>>::new(plan, index, recorded, tape).run(ends),
            13..=32 if plan.alone => World::<Packed<32, true>>::new(plan, index, recorded, tape).run(ends),
            0..=12 => World::<Packed<12, false>>::new(plan, index, recorded, tape).run(ends),
            13..=32 => World::<Packed<32, false>>::new(plan, index, recorded, tape).run(ends),
            _ => World::<Indexed>::new(plan, index, recorded, tape).run(ends),
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
