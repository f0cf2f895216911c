//! An estimate and how sure one can be of it.

use serde::{Deserialize, Serialize};

/// A value with an interval that holds the truth with the stated confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// How many independent observations (replications, batches or requests) the interval rests on.
    pub n: u64,
    /// Confidence of the interval, such as 0.95.
    pub confidence: f64,
}
