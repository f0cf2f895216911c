//! What a record of several points says beside the points themselves: axes, marks, comparisons, sensitivity, cost.
//!
//! All fields are optional in the document, and absent from the record of a single run.

use super::agreement::Agreement;
use super::agreement::explain::Explained;
use super::agreement::records::InputChange;
use super::agreement::whole;
use super::metric::{Scope, Unit};
use super::record::GivenModel;
use super::size::SizeAnswer;
use crate::stats::{Equivalence, Estimate};
use serde::{Deserialize, Serialize};

/// An axis as planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisShown {
    /// What it is called.
    pub name: String,
    /// Its key in the points' settings: the path that it sets, or its name where it sets several.
    pub key: String,
    /// Its values in order.
    pub labels: Vec<String>,
}

/// Points with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkShown {
    /// The name, such as "before".
    pub name: String,
    /// Indices of the points.
    pub points: Vec<u64>,
}

/// One point against another under common random numbers: second minus first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Index of the first point.
    pub from: u64,
    /// Index of the second.
    pub to: u64,
    /// The axis along which they are neighbours, or the marks' names.
    pub along: String,
    /// The first point's value on that axis.
    pub from_label: String,
    /// The second's.
    pub to_label: String,
    /// Metric.
    pub metric: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit.
    pub unit: Unit,
    /// The difference.
    pub difference: Estimate,
    /// Its variance over that of independent points: below 1 where shared luck helps.
    pub variance_ratio: f64,
}

/// What a whole axis does to a metric, the other axes averaged over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// The axis's name.
    pub axis: String,
    /// Metric.
    pub metric: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit.
    pub unit: Unit,
    /// Mean of the metric at each value of the axis; `None` where no point has a figure.
    pub levels: Vec<Option<f64>>,
    /// From the first value to the last, paired by replication.
    pub effect: Estimate,
    /// The largest step between neighbouring values over the range of all levels of all axes: how steep it gets.
    pub steepest: f64,
    /// Share of the variance of the points' means that this axis alone explains, in [0, 1].
    pub explained: f64,
}

/// A point's cost beside what it buys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Priced {
    /// Index of the point.
    pub point: u64,
    /// Cost of a run.
    pub cost: f64,
    /// The metric that cost is weighed against.
    pub metric: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Its estimate; absent where the point is unstable and cannot be ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Whether every objective is met.
    pub meets: bool,
    /// Whether no other point is better in one and no worse in the other.
    pub efficient: bool,
}

/// What several points say together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// The experiment file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<GivenModel>,
    /// Axes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<AxisShown>,
    /// Named points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<MarkShown>,
    /// Neighbours against each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    /// Axes against metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitivity: Vec<Sensitivity>,
    /// Cost against benefit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frontier: Vec<Priced>,
    /// The answer of a search for a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Box<SizeAnswer>>,
    /// How two worlds or two records agree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreement>,
    /// The verdict of the whole, by [`whole::verdict`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Equivalence>,
    /// What would close the gap between two worlds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<Explained>,
    /// What differs in the inputs of two records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputChange>,
}

impl Study {
    /// What was compared, with the verdict of the whole.
    pub fn compared(agreements: Vec<Agreement>) -> Study {
        Study { verdict: whole::verdict(&agreements), agreements, ..Study::default() }
    }
}
