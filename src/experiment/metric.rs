//! One figure of a record: what it measures, of what, and its estimate.

use crate::stats::Estimate;
use serde::{Deserialize, Serialize};

/// The unit of a metric's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Seconds squared.
    SecondsSquared,
    /// Per second.
    PerSecond,
    /// A count, such as jobs in a queue (an average may be fractional).
    Count,
    /// A share or probability in [0, 1].
    Ratio,
    /// A plain number.
    Number,
}

/// What a metric is about; absent parts mean "all".
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// Class of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A named figure with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name, such as `latency_p95`.
    pub name: String,
    /// What it is about.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit of the values.
    pub unit: Unit,
    /// The estimate.
    #[serde(flatten)]
    pub estimate: Estimate,
}

impl Metric {
    /// Leaves the value alone: it is exact.
    pub(super) fn without_interval(&mut self) {
        self.estimate = Estimate::single(self.estimate.value, self.estimate.confidence);
    }
}
