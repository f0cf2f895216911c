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
    /// How many independent observations (replications, batches or requests) the interval rests on. With 1 there
    /// is no interval: `low` and `high` are the value, and nothing may be concluded from them.
    pub n: u64,
    /// Confidence of the interval, such as 0.95.
    pub confidence: f64,
}

impl Estimate {
    /// One observation, about whose spread nothing is known.
    pub const fn single(value: f64, confidence: f64) -> Estimate {
        Estimate { value, low: value, high: value, n: 1, confidence }
    }

    /// A value with the same distance to both ends.
    pub const fn symmetric(value: f64, half_width: f64, n: u64, confidence: f64) -> Estimate {
        Estimate { value, low: value - half_width, high: value + half_width, n, confidence }
    }

    /// Half of the interval's width.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Half-width over the value's size; infinite around zero, zero for an exact zero.
    pub fn relative_half_width(&self) -> f64 {
        let half = self.half_width();
        if half == 0.0 { 0.0 } else { half / self.value.abs() }
    }

    /// The interval without the part that the quantity cannot take.
    pub fn within(self, least: f64, most: f64) -> Estimate {
        let bounded = |x: f64| x.max(least).min(most);
        Estimate { low: bounded(self.low), high: bounded(self.high), value: bounded(self.value), ..self }
    }

    /// Whether all three numbers are finite, as a file needs them.
    pub fn is_finite(&self) -> bool {
        self.value.is_finite() && self.low.is_finite() && self.high.is_finite()
    }
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
