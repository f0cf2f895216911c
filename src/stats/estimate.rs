//! An estimate and how sure one can be of it.

use serde::{Deserialize, Deserializer, Serialize};

/// A value with an interval that holds the truth with the stated confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate. JSON has no NaN: it is stored as null.
    #[serde(deserialize_with = "null_is_nan")]
    pub value: f64,
    /// Lower end of the interval; stored as null where it has none.
    #[serde(deserialize_with = "null_is_below_all")]
    pub low: f64,
    /// Upper end of the interval; stored as null where it has none.
    #[serde(deserialize_with = "null_is_above_all")]
    pub high: f64,
    /// How many independent observations (replications, batches or requests) the interval rests on.
    pub n: u64,
    /// Confidence of the interval, such as 0.95.
    pub confidence: f64,
}

fn number_or<'de, D: Deserializer<'de>>(deserializer: D, null: f64) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(null))
}

fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    number_or(deserializer, f64::NAN)
}

fn null_is_below_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    number_or(deserializer, f64::NEG_INFINITY)
}

fn null_is_above_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    number_or(deserializer, f64::INFINITY)
}
