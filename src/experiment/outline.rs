//! What must be known of a plan to put its results together: enough to merge shards without the model at hand.

use super::estimate::Wanted;
use super::plan::Plan;
use super::record::{GivenModel, Settings, Warning};
use super::run::{self, Given};
use super::study::{AxisShown, MarkShown};
use crate::random::RNG_CONTRACT;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Version of the documents in a store.
pub const STORE_SCHEMA: &str = "poolsim.store/2";

/// Most chunks of a plan: a shared file system dislikes more files than that.
const CHUNKS_MAX: usize = 1000;

/// A plan without its models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// [`STORE_SCHEMA`] of the writer.
    pub schema: String,
    /// Version of poolsim that made it.
    pub poolsim: String,
    /// [`RNG_CONTRACT`] of that version.
    pub rng_contract: u32,
    /// Name of the experiment.
    pub name: String,
    /// What is asked.
    pub description: String,
    /// Seed.
    pub seed: u64,
    /// Confidence of intervals.
    pub confidence: f64,
    /// Axes.
    pub axes: Vec<AxisShown>,
    /// Named points.
    pub marks: Vec<MarkShown>,
    /// Figures that points are compared by.
    pub compared: Vec<Wanted>,
    /// How points are run.
    pub settings: Settings,
    /// The model file.
    pub model: GivenModel,
    /// The experiment file.
    pub experiment: GivenModel,
    /// The command that repeats it.
    pub command: String,
    /// Warnings of the loader.
    pub warnings: Vec<Warning>,
    /// Points in a chunk.
    pub chunk: usize,
    /// Keys of the chunks' results, in order.
    pub keys: Vec<String>,
}

impl Outline {
    /// The outline of a plan.
    pub fn of(plan: &Plan, compared: Vec<Wanted>, given: Given, experiment: GivenModel) -> Outline {
        let first = &plan.points[0].model;
        let chunk = plan.points.len().div_ceil(CHUNKS_MAX);
        let indices: Vec<usize> = (0..plan.points.len()).collect();
        Outline {
            schema: STORE_SCHEMA.to_owned(),
            poolsim: env!("CARGO_PKG_VERSION").to_owned(),
            rng_contract: RNG_CONTRACT,
            name: plan.experiment.name.clone(),
            description: plan.experiment.description.clone(),
            seed: first.run.seed,
            confidence: first.run.confidence,
            axes: axes(plan),
            marks: marks(plan),
            compared,
            settings: run::settings_of(first, given.overrides),
            model: given.model,
            experiment,
            command: given.command,
            warnings: given.warnings,
            chunk,
            keys: indices.chunks(chunk).map(|points| key(plan, points)).collect(),
        }
    }

    /// The number of points.
    pub fn points(&self) -> usize {
        self.axes.iter().map(|axis| axis.labels.len()).product()
    }

    /// The points of a chunk.
    pub fn points_of(&self, chunk: usize) -> std::ops::Range<usize> {
        chunk * self.chunk..((chunk + 1) * self.chunk).min(self.points())
    }

    /// How far apart neighbours along an axis are in the plan.
    pub fn stride(&self, axis: usize) -> usize {
        self.axes[axis + 1..].iter().map(|axis| axis.labels.len()).product()
    }

    /// The index of an axis's value at a point.
    pub fn step(&self, point: usize, axis: usize) -> usize {
        point / self.stride(axis) % self.axes[axis].labels.len()
    }
}

/// The name of a chunk's results: everything that shapes them, hashed.
fn key(plan: &Plan, points: &[usize]) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{STORE_SCHEMA} {} {RNG_CONTRACT}\n", env!("CARGO_PKG_VERSION")));
    points.iter().for_each(|&point| digest.update(plan.canonical(point)));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn axes(plan: &Plan) -> Vec<AxisShown> {
    let shown = |axis: &crate::model::check::experiment::Axis| AxisShown {
        name: axis.name.clone(),
        key: axis.path.clone().unwrap_or_else(|| axis.name.clone()),
        labels: axis.steps.iter().map(|step| step.label.clone()).collect(),
    };
    plan.experiment.axes.iter().map(shown).collect()
}

fn marks(plan: &Plan) -> Vec<MarkShown> {
    let at = |name: &String| {
        let there = plan.points.iter().filter(|point| point.marks.contains(name));
        there.map(|point| point.index as u64).collect()
    };
    let marks = plan.experiment.marks.iter();
    marks.map(|mark| MarkShown { name: mark.name.clone(), points: at(&mark.name) }).collect()
}
