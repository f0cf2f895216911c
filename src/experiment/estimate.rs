//! From replications to figures with intervals.

use super::metric::{Metric, Scope, Unit};
use crate::model::Model;
use crate::stats::Replication;
use serde::{Deserialize, Serialize};

/// What the statistics are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EstimateSettings {
    /// Confidence of intervals.
    pub confidence: f64,
}

/// What kind of stretch the replications turned out to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RegimeFound {
    /// A stretch with a beginning and an end.
    Terminating,
    /// Long-run behaviour, warm-up removed.
    Steady {
        /// Mean time cut off, seconds.
        warm_up: f64,
    },
    /// Work comes in faster than it can be done.
    Unstable {
        /// Growth of the queue, jobs per second.
        growth: f64,
        /// Why it is believed.
        reason: String,
    },
}

/// One quantity over time: median and outer quantiles over replications, by bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// What, such as `queue_length`.
    pub name: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit of the values.
    pub unit: Unit,
    /// Width of a bin in seconds.
    pub width: f64,
    /// Median over replications; `None` where nothing was seen.
    pub mid: Vec<Option<f64>>,
    /// 5 % quantile over replications.
    pub low: Vec<Option<f64>>,
    /// 95 % quantile over replications.
    pub high: Vec<Option<f64>>,
}

/// A distribution as a list of quantiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What, such as `latency`.
    pub name: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit of the values.
    pub unit: Unit,
    /// Probabilities.
    pub p: Vec<f64>,
    /// Quantiles.
    pub value: Vec<f64>,
}

/// Everything that replications say.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimated {
    /// Figures.
    pub metrics: Vec<Metric>,
    /// Regime.
    pub regime: RegimeFound,
    /// Courses over time.
    pub timelines: Vec<Band>,
    /// Distributions.
    pub curves: Vec<Curve>,
}

/// Estimates every metric of a model from its replications.
pub fn metrics(_model: &Model, _replications: &[Replication], _settings: &EstimateSettings) -> Estimated {
    Estimated { metrics: Vec::new(), regime: RegimeFound::Terminating, timelines: Vec::new(), curves: Vec::new() }
}
