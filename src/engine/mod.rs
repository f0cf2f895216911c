//! Virtual physics: plays a model out on virtual time, one replication at a time.

use crate::model::Model;
use crate::stats::Replication;

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

/// Simulates replication `replication` of a model under `model.run.seed`.
///
/// # Errors
/// A [`Breach`] when one of the run's self-checks fails.
pub fn simulate(model: &Model, replication: u64) -> Result<Replication, Breach> {
    Err(Breach { message: String::from("no engine yet"), seed: model.run.seed, replication })
}
