//! The baseline: what a scheduler did when all was well, as small text that a reviewer can read as a diff.
//!
//! It holds what pairing needs (each run's own value of each figure, rounded to nine digits), a rough distribution by
//! class, the decisions of a first run and of the corpus, and hashes by which "the same" is known exactly. A reader
//! takes its own major schema and ignores fields that it does not know.

use super::super::metric::{Scope, Unit};
use super::super::record::{RecordError, write_whole};
use super::text;
use crate::policy::decision::Log;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Schema that this version writes: name and major.
pub const BASELINE_SCHEMA: &str = "poolsim.baseline/1";

/// Longest baseline that is read.
const LONGEST: u64 = 64 << 20;

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// [`BASELINE_SCHEMA`] of the writer.
    pub schema: String,
    /// Name of the experiment or model.
    pub name: String,
    /// Version of poolsim that made it.
    pub poolsim: String,
    /// [`crate::random::RNG_CONTRACT`] of that version.
    pub rng_contract: u32,
    /// Seed.
    pub seed: u64,
    /// The live target; absent for the simulator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Hash over everything below.
    pub fingerprint: String,
    /// The command that made it.
    pub command: String,
    /// Points of the experiment.
    pub points: Vec<Portion>,
    /// Cases of the corpus; empty for a live target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corpus: Vec<Case>,
}

/// One point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Portion {
    /// What tells it from the others.
    pub label: String,
    /// By run: hash over its events and decisions.
    pub runs: Vec<String>,
    /// Metrics.
    pub metrics: Vec<Sampled>,
    /// Behaviours.
    pub behaviours: Vec<Sampled>,
    /// Distributions.
    pub shapes: Vec<Shape>,
    /// Decisions of the first run; absent for a live target, whose instants are never the same twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisions: Option<Kept>,
}

/// A figure of every run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    /// Its name.
    pub name: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit.
    pub unit: Unit,
    /// By run; `None` where the run had nothing to measure.
    pub values: Vec<Option<f64>>,
}

/// The latencies of every run, counted between edges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Upper edges of all bins but the last, seconds: quantiles of the baseline.
    pub edges: Vec<f64>,
    /// By run: requests in each bin.
    pub counts: Vec<Vec<u64>>,
}

/// A sequence of decisions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// How many there are.
    pub count: u64,
    /// Hash over all.
    pub fingerprint: String,
    /// Hash of each chunk.
    pub chunks: Vec<String>,
    /// The first ones.
    pub lines: Vec<String>,
}

/// A case of the corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// Its decisions.
    pub decisions: Kept,
    /// Its figures.
    pub figures: Vec<Sampled>,
}

impl Kept {
    /// What a baseline keeps of a log.
    pub fn of(log: &Log) -> Kept {
        Kept {
            count: log.count,
            fingerprint: format!("{:016x}", log.fingerprint()),
            chunks: log.chunks.iter().map(|hash| format!("{hash:016x}")).collect(),
            lines: log.kept.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Why a baseline cannot be used.
#[derive(Debug)]
pub enum BaselineError {
    /// The file system refused.
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a baseline.
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A baseline of another major schema.
    Schema {
        /// Which file.
        path: PathBuf,
        /// What it says it is.
        found: String,
    },
}

impl std::fmt::Display for BaselineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BaselineError::Io { path, source } => {
                let text = source.to_string();
                let plain = text.split(" (os error").next().unwrap_or(&text);
                write!(f, "could not read {}: {plain}", path.display())
            }
            BaselineError::Foreign { path, reason } => {
                write!(f, "{} is no baseline: {reason}", path.display())
            }
            BaselineError::Schema { path, found } => write!(
                f,
                "{} has schema \"{found}\", but this poolsim reads \"{BASELINE_SCHEMA}\"",
                path.display()
            ),
        }
    }
}

impl std::error::Error for BaselineError {}

impl BaselineError {
    /// What may help.
    pub const fn hint(&self) -> &'static str {
        match self {
            BaselineError::Io { .. } => "make one with --save, on the version that is known to be good",
            BaselineError::Foreign { .. } => "name a file that poolsim check --save has written",
            BaselineError::Schema { .. } => {
                "use the version of poolsim that wrote it, or write a new one with --save"
            }
        }
    }
}

impl Baseline {
    /// The document as text: a line for each figure and each decision.
    pub fn to_text(&self) -> String {
        let value = serde_json::to_value(self)
            .expect("a baseline has string keys only and its parts serialise without failing");
        text::lines(&value)
    }

    /// Reads a text that came from `path`.
    ///
    /// # Errors
    /// [`BaselineError::Schema`] for another major, [`BaselineError::Foreign`] for anything else.
    pub fn from_text(path: &Path, text: &str) -> Result<Baseline, BaselineError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let foreign = |reason: String| BaselineError::Foreign { path: path.to_owned(), reason };
        let head: Head = serde_json::from_str(text).map_err(|error| foreign(error.to_string()))?;
        let Some((kind, _)) = head.schema.split_once('/').filter(|(kind, _)| *kind == "poolsim.baseline")
        else {
            return Err(foreign(format!("its schema is \"{}\"", head.schema)));
        };
        debug_assert_eq!(kind, "poolsim.baseline");
        if head.schema != BASELINE_SCHEMA && !head.schema.starts_with(&format!("{BASELINE_SCHEMA}.")) {
            return Err(BaselineError::Schema { path: path.to_owned(), found: head.schema });
        }
        let baseline: Baseline = serde_json::from_str(text).map_err(|error| foreign(error.to_string()))?;
        baseline.fault().map_or(Ok(baseline), |reason| Err(foreign(reason)))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Baseline::from_text`], and [`BaselineError::Io`].
    pub fn read(path: &Path) -> Result<Baseline, BaselineError> {
        let failed = |source| BaselineError::Io { path: path.to_owned(), source };
        let length = std::fs::metadata(path).map_err(failed)?.len();
        if length > LONGEST {
            let reason = String::from("it is longer than 64 MiB");
            return Err(BaselineError::Foreign { path: path.to_owned(), reason });
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        let text = String::from_utf8(bytes).map_err(|_| BaselineError::Foreign {
            path: path.to_owned(),
            reason: String::from("it is not UTF-8 text"),
        })?;
        Baseline::from_text(path, &text)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        write_whole(path, self.to_text().as_bytes())
    }

    /// What contradicts itself in it.
    fn fault(&self) -> Option<String> {
        for point in &self.points {
            let runs = point.runs.len();
            let sampled = point.metrics.iter().chain(&point.behaviours);
            if let Some(one) = sampled.clone().find(|one| one.values.len() != runs) {
                return Some(format!("{} has {} values for {runs} runs", one.name, one.values.len()));
            }
            for shape in &point.shapes {
                let whole = shape.counts.len() == runs
                    && shape.counts.iter().all(|counts| counts.len() == shape.edges.len() + 1);
                if !whole {
                    return Some(String::from("a distribution has not one count for each run and bin"));
                }
            }
            if sampled.clone().flat_map(|one| one.values.iter().flatten()).any(|value| !value.is_finite()) {
                return Some(String::from("a value is no number"));
            }
        }
        (self.fingerprint != self.own_fingerprint())
            .then(|| String::from("its fingerprint does not fit its content; was it edited by hand?"))
    }

    /// The hash of the points' runs and of the corpus.
    pub fn own_fingerprint(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        for point in &self.points {
            digest.update(serde_json::to_string(point).unwrap_or_default());
        }
        for case in &self.corpus {
            digest.update(serde_json::to_string(case).unwrap_or_default());
        }
        digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A value with nine significant digits: what a diff should show, and far finer than any threshold.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}
