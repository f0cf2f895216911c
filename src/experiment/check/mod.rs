//! Regression check: is this scheduler still what it was when its baseline was written?
//!
//! ```text
//!   runs ──measure──▶ Baseline (now) ─┐
//!                                     ├─judge──▶ Checked: rows, decisions ──▶ faces, exit code
//!   file ──read─────▶ Baseline (then)─┘
//! ```
//!
//! Both sides have one form, so a simulated scheduler, a live one and a stored file are compared by one rule. Runs
//! that share their random numbers are compared pair by pair; runs whose decisions are the same to the last one are
//! unchanged exactly, and no statistics are needed.

mod baseline;
mod behaviour;
mod corpus;
mod decided;
mod judge;
#[cfg(feature = "live")]
pub mod live;
mod measure;
mod text;
mod tour;

pub use baseline::{BASELINE_SCHEMA, Baseline, BaselineError, Case, Kept, Portion, Sampled, Shape};
pub use behaviour::{Behaviour, behaviour_names, behaviours, is_behaviour};
pub use corpus::corpus;
pub use decided::{Difference, Effect, first_difference};
pub use judge::judge;
pub use measure::{Asked, Measured, OwnRule, Played, measure, simulate};
pub use tour::State;

use super::metric::{Scope, Unit};
use crate::stats::Estimate;
use serde::{Deserialize, Serialize};

/// Schema of the document of a check.
pub const CHECK_SCHEMA: &str = "poolsim.check/1";

/// What is said of one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The change lies within the threshold, with confidence; or every decision is the same.
    Unchanged,
    /// Better by more than the threshold, with confidence.
    Better,
    /// It was not there before.
    New,
    /// It is no longer there.
    Vanished,
    /// The data show neither.
    Undecided,
    /// Worse by more than the threshold, with confidence.
    Worse,
}

impl Verdict {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Unchanged => "unchanged",
            Verdict::Better => "better",
            Verdict::New => "new",
            Verdict::Vanished => "vanished",
            Verdict::Undecided => "undecided",
            Verdict::Worse => "worse",
        }
    }
}

/// What kind of figure a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// A metric of the record.
    Metric,
    /// Something that decisions show and noise cannot imitate.
    Behaviour,
    /// The shape of a distribution: the largest distance between the distribution functions.
    Shape,
}

/// In which direction a figure gets worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worse {
    /// Upwards.
    Higher,
    /// Downwards.
    Lower,
}

/// When a change of a figure matters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Share of the value before.
    pub relative: f64,
    /// Never less than this, in the figure's unit.
    pub floor: f64,
    /// Which way is worse.
    pub worse: Worse,
}

/// How sure verdicts must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certainty {
    /// Confidence of the whole family of verdicts.
    pub confidence: f64,
    /// Probability with which the stated smallest regression would have been seen.
    pub power: f64,
}

impl Default for Certainty {
    fn default() -> Certainty {
        Certainty { confidence: 0.95, power: 0.95 }
    }
}

/// One figure, then and now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Kind.
    pub section: Section,
    /// The point of the experiment; empty where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub point: String,
    /// Name of the figure.
    pub name: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit.
    pub unit: Unit,
    /// Mean over the baseline's runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// Mean over the runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// The change with the interval by which it was judged: for "unchanged" that of both one-sided tests, else the
    /// one that is corrected for the number of figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Estimate>,
    /// A change of at most this size does not matter.
    pub threshold: f64,
    /// The smallest regression that this check would have seen; absent where every decision is the same, because
    /// then any would have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest: Option<f64>,
    /// Probability of such a change if the truth were at the threshold, corrected for the number of figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// Which way is worse.
    pub worse: Worse,
    /// What is said of it.
    pub verdict: Verdict,
    /// Every decision of every run is the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// [`CHECK_SCHEMA`] of the writer.
    pub schema: String,
    /// What was checked.
    pub name: String,
    /// The worst of all verdicts.
    pub verdict: Verdict,
    /// Version that wrote the baseline.
    pub baseline_version: String,
    /// Fingerprint of the baseline.
    pub baseline_fingerprint: String,
    /// Fingerprint now.
    pub fingerprint: String,
    /// Runs compared, of each point.
    pub runs: u64,
    /// Whether runs are compared pair by pair.
    pub paired: bool,
    /// Family-wise confidence of verdicts.
    pub confidence: f64,
    /// Power at which `smallest` holds.
    pub power: f64,
    /// Figures that were judged together.
    pub family: u64,
    /// What to know about the comparison.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Figures.
    pub rows: Vec<Row>,
    /// First decisions that differ, by point or case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Difference>,
    /// Sequences of decisions that were compared.
    pub sequences: u64,
}

impl Checked {
    /// Rows with this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict).count()
    }

    /// The document as JSON with a line feed at its end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a check has string keys only and its parts serialise without failing");
        text.push('\n');
        text
    }
}

/// The rule that holds for a figure unless the experiment says otherwise. Floors are absolute sizes below which a
/// share of the value says nothing: a millisecond, half a per cent of requests, a twentieth of a job.
pub fn default_rule(name: &str, unit: Unit) -> Rule {
    let lower = ["prob_ok", "rate_ok", "count_ok", "throughput", "goodput"];
    let worse = if lower.contains(&name) { Worse::Lower } else { Worse::Higher };
    let floor = match unit {
        Unit::Seconds => 1e-3,
        // Per request, like a share.
        Unit::Ratio | Unit::Number => 5e-3,
        Unit::Count => 0.05,
        Unit::SecondsSquared | Unit::PerSecond => 0.0,
    };
    Rule { relative: 0.05, floor, worse }
}
