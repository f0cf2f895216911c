//! The one serialised document: what a run, sweep, sizing or replay found, and what repeats it.
//!
//! Every face (terminal, CSV, Markdown, charts, page, check) reads a record and nothing else. Its bytes depend on
//! the model, the seed and the version alone: there is no clock, thread count or host name inside.
//!
//! A reader takes a document of the same major schema and ignores fields that it does not know, so an older
//! poolsim reads what a newer one of the same major wrote; another major is refused by name.

use super::estimate::{Band, Curve, RegimeFound};
use super::metric::{Metric, Scope, Unit};
use super::stretch::Stretch;
use super::study::Study;
use super::verdict::Verdict;
use crate::stats::Estimate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The schema that this version writes: name and major.
pub const SCHEMA: &str = "poolsim.record/1";

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One model, one point.
    Run,
    /// A model over a grid of settings.
    Sweep,
    /// A search for the smallest capacity.
    Size,
    /// A workload driven against a real scheduler.
    Replay,
    /// One record against another.
    Check,
}

/// The model as meant: enough to run it again without the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenModel {
    /// The file that it came from, as named by the user.
    pub file: String,
    /// The document after presets and overrides, as TOML, with where values that are not the file's own come from.
    pub text: String,
}

/// How the points were run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Confidence of intervals.
    pub confidence: f64,
    /// Relative half-width asked for, where replications were not fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// Replications asked for, or the most that were allowed.
    pub replications: u64,
    /// Horizon of a run in seconds, where time ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon: Option<f64>,
    /// Whether requests that are in flight at the horizon still run to their end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drain: bool,
    /// Requests of a run, where their number ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Values set on the command line, as `path=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
}

/// Something a reader of the figures should know, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A word for programs, such as `precision_not_reached`.
    pub code: String,
    /// What is the matter.
    pub text: String,
    /// What helps.
    pub advice: String,
}

/// A named stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseSpan {
    /// Its name.
    pub name: String,
    /// Its beginning, seconds.
    pub start: f64,
    /// Its end, seconds.
    pub end: f64,
}

/// Names of a model's parts in the order of its file: the order of tables, and the colours of charts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Classes.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Phases; empty for one without a name.
    #[serde(default)]
    pub phases: Vec<PhaseSpan>,
    /// Pools.
    #[serde(default)]
    pub pools: Vec<String>,
    /// Hosts.
    #[serde(default)]
    pub hosts: Vec<String>,
}

/// One slow request, told step by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extreme {
    /// Class and phase.
    #[serde(flatten)]
    pub scope: Scope,
    /// Replication in which it was seen.
    pub replication: u64,
    /// Its first send, seconds.
    pub sent: f64,
    /// Its latency, seconds.
    pub latency: f64,
    /// What happened to it.
    pub story: Vec<String>,
}

/// Where the figures of a point come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// The simulator.
    #[default]
    Simulated,
    /// A real scheduler.
    Real,
    /// The simulator under arrivals and demands that were measured on a real scheduler.
    Traced,
}

impl World {
    /// Whether it is the simulator, which needs no mention.
    pub fn is_simulated(&self) -> bool {
        *self == World::Simulated
    }
}

/// How much two things differ in one figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What is compared with what, such as "8 slots against 6".
    pub label: String,
    /// Metric name.
    pub metric: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit of the difference.
    pub unit: Unit,
    /// The difference, with its interval.
    pub estimate: Estimate,
    /// A difference of at most this size does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
}

/// A setting of a point: path and value as in the model file.
pub type Setting = (String, serde_json::Value);

/// One cell of a sweep; a run has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its place in the plan.
    pub index: u64,
    /// What tells it from the others, for people.
    pub label: String,
    /// What was set.
    pub settings: Vec<Setting>,
    /// Parts of its model.
    pub parts: Parts,
    /// The regime its figures are valid for.
    pub regime: RegimeFound,
    /// Warm-up cut off each replication, seconds; `None` where it was refused. Empty unless steady.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warm_up: Vec<Option<f64>>,
    /// Replications made.
    pub replications: u64,
    /// Requests sent over all of them.
    pub requests: u64,
    /// Events handled over all of them.
    pub events: u64,
    /// Figures.
    pub metrics: Vec<Metric>,
    /// Objectives judged.
    pub verdicts: Vec<Verdict>,
    /// Courses over time.
    pub timelines: Vec<Band>,
    /// Distributions.
    pub curves: Vec<Curve>,
    /// A few slow requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extremes: Vec<Extreme>,
    /// Hash over its replications' fingerprints, in index order.
    pub fingerprint: String,
    /// What to know about it.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// Where its figures come from.
    #[serde(default, skip_serializing_if = "World::is_simulated")]
    pub world: World,
    /// What every slot did for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stretch: Option<Stretch>,
    /// The figures by replication, of those that records are compared by: replications under one seed share their luck.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<Each>,
}

/// One figure of every replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Each {
    /// Metric name.
    pub metric: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// By replication: its own value, if it has one.
    pub values: Vec<Option<f64>>,
}

impl Point {
    /// The figure of that name and scope.
    pub fn metric(&self, name: &str, scope: &Scope) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name && metric.scope == *scope)
    }

    /// The figure of that name and scope, by replication.
    pub fn by_replication(&self, name: &str, scope: &Scope) -> Option<&[Option<f64>]> {
        let found = self.each.iter().find(|each| each.metric == name && each.scope == *scope);
        found.map(|each| each.values.as_slice())
    }
}

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`] of the writer.
    pub schema: String,
    /// What it is about.
    pub kind: Kind,
    /// Short name: titles and folders.
    pub name: String,
    /// What the model is about.
    #[serde(default)]
    pub description: String,
    /// Version of poolsim that made it.
    pub poolsim: String,
    /// [`crate::random::RNG_CONTRACT`] of that version.
    pub rng_contract: u32,
    /// Seed.
    pub seed: u64,
    /// Hash over the points' fingerprints, in order.
    pub fingerprint: String,
    /// The command that repeats it.
    pub command: String,
    /// The model.
    pub model: GivenModel,
    /// How it was run.
    pub settings: Settings,
    /// Results.
    pub points: Vec<Point>,
    /// Index of the point that is recommended, in a sweep or a sizing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<u64>,
    /// Differences between points, records or worlds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// What to know about the whole.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// What several points say together.
    #[serde(flatten, default)]
    pub study: Study,
}

/// Why a record could not be read or written.
#[derive(Debug)]
pub enum RecordError {
    /// The file system refused.
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a record.
    NotARecord {
        /// What is wrong with it.
        reason: String,
    },
    /// A record of another major schema.
    Schema {
        /// What it says it is.
        found: String,
    },
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RecordError::Io { path, source } => write!(f, "{}: {source}", path.display()),
            RecordError::NotARecord { reason } => write!(f, "not a poolsim record: {reason}"),
            RecordError::Schema { found } => write!(
                f,
                "the record has schema \"{found}\", but this poolsim reads \"{SCHEMA}\"; \
                 use the version of poolsim that wrote it, or run the model again"
            ),
        }
    }
}

impl std::error::Error for RecordError {}

impl Record {
    /// The document as stored: indented JSON with a line feed at its end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a record has string keys only and its parts serialise without failing");
        text.push('\n');
        text
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`RecordError::Schema`] for another major, [`RecordError::NotARecord`] for anything else.
    pub fn from_json(text: &str) -> Result<Record, RecordError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let not_a_record = |error: serde_json::Error| RecordError::NotARecord { reason: error.to_string() };
        let head: Head = serde_json::from_str(text).map_err(not_a_record)?;
        // A later minor may be written as "poolsim.record/1.2": the major is what must agree.
        if head.schema != SCHEMA && !head.schema.starts_with(&format!("{SCHEMA}.")) {
            return Err(RecordError::Schema { found: head.schema });
        }
        serde_json::from_str(text).map_err(not_a_record)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`RecordError::Io`] when it cannot be read, else as [`Record::from_json`].
    pub fn read(path: &Path) -> Result<Record, RecordError> {
        let text =
            fs::read_to_string(path).map_err(|source| RecordError::Io { path: path.to_owned(), source })?;
        Record::from_json(&text)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        write_whole(path, self.to_json().as_bytes())
    }
}

/// Writes a file whole or not at all: to a neighbour in the same folder, flushed to the disk, then renamed.
///
/// Several writers of one file do not disturb each other: each has a neighbour of its own. The number of a process
/// is not enough to tell them apart (every container has a process 1), so a name that is taken is left alone.
///
/// # Errors
/// [`RecordError::Io`], naming the file meant; the neighbour is removed.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let failed = |source| RecordError::Io { path: path.to_owned(), source };
    if is_special(path) {
        return fs::write(path, bytes).map_err(failed);
    }
    let name = path.file_name().ok_or_else(|| failed(io::Error::from(io::ErrorKind::InvalidFilename)))?;
    let (mut file, neighbour) = neighbour_of(path, name).map_err(failed)?;
    let mut write = || -> io::Result<()> {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&neighbour, path)
    };
    write().map_err(|error| {
        // Nothing is lost when the neighbour was never made.
        let _ = fs::remove_file(&neighbour);
        failed(error)
    })
}

/// Whether a path names a device or a pipe (`/dev/null`, `/dev/stdout`): those take what is written, and must not be
/// replaced by a file, as a renaming administrator could.
fn is_special(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// A new file beside another.
fn neighbour_of(path: &Path, name: &std::ffi::OsStr) -> io::Result<(fs::File, PathBuf)> {
    /// Leftovers of killed writers that are passed over.
    const NAMES: u32 = 1000;
    let mut number = 0;
    loop {
        let mut neighbour = name.to_owned();
        neighbour.push(format!(".{}-{number}.tmp", std::process::id()));
        let neighbour = path.with_file_name(neighbour);
        match fs::OpenOptions::new().write(true).create_new(true).open(&neighbour) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < NAMES => number += 1,
            opened => return opened.map(|file| (file, neighbour)),
        }
    }
}

/// The fingerprint of replications, in index order: the first 64 bits of the SHA-256 of their hashes, as
/// big-endian words.
pub fn fingerprint(hashes: impl IntoIterator<Item = u64>) -> String {
    let mut digest = Sha256::new();
    for hash in hashes {
        digest.update(hash.to_be_bytes());
    }
    hex(&digest.finalize()[..8])
}

/// The fingerprint of points, in plan order: the same over their fingerprints' texts; of one point its own.
pub fn combined_fingerprint(points: &[Point]) -> String {
    if let [only] = points {
        return only.fingerprint.clone();
    }
    let mut digest = Sha256::new();
    for point in points {
        digest.update(point.fingerprint.as_bytes());
    }
    hex(&digest.finalize()[..8])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
