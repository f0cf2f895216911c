//! The simulator against what is known from elsewhere: exact queueing results, and recorded runs of a real scheduler.

mod case_text;
mod case_words;
pub mod exact;
pub mod recorded;
mod score;

use crate::engine::Breach;
use crate::model::Diagnostics;

/// Why a case or a recorded scenario could not be checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The file is not a list of cases.
    File(Diagnostics),
    /// The case says something that is not known, or has no model.
    Case(Diagnostics),
    /// The run broke a law.
    Run(Breach),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::File(faults) | Failure::Case(faults) => faults.fmt(f),
            Failure::Run(breach) => breach.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}
