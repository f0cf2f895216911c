//! What watches a run from outside, and why a run may have no result.

use crate::engine::Breach;

/// What watches a run from outside. It may draw a bar or stop the run; it never changes a figure.
pub trait Progress: Sync {
    /// So many replications are now planned in total.
    fn planned(&self, _replications: u64) {}
    /// A replication with so many requests is done.
    fn done(&self, _requests: u64) {}
    /// Whether to stop at the next replication.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}

/// Why a run has no result.
#[derive(Clone, Debug, PartialEq)]
pub enum RunError {
    /// A law was broken: a defect, with what repeats it.
    Breach(Breach),
    /// What was believed cannot be run, in words.
    Failed(String),
    /// Someone asked to stop.
    Interrupted,
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RunError::Breach(breach) => {
                write!(f, "a self-check failed, which is a defect of poolsim: {breach}")
            }
            RunError::Failed(why) => f.write_str(why),
            RunError::Interrupted => write!(f, "interrupted"),
        }
    }
}

impl std::error::Error for RunError {}
