//! A replay beside its simulations: one record with what the real scheduler did and what the simulator says of it.
//!
//! Three points answer three questions. *Simulated* (model-driven): what was predicted. *Real*: what happened.
//! *Traced*: the simulator under the arrivals and demands that were measured; what is left between it and the real
//! point is an error of the physics, the rest of the gap an error of the model's load.

mod traced;

use super::estimate::{self, EstimateSettings};
use super::record::{self, Kind, Point, Record, SCHEMA, Warning, World};
use super::run::{self, Given, Progress, RunError, Task};
use super::study::Study;
use crate::engine;
use crate::live::replay::{Replayed, Sent};
use crate::model::Model;
use crate::random::RNG_CONTRACT;
use crate::stats::{Replication, RequestSeen};

/// The same requests in each world, for comparisons request by request.
#[derive(Clone, Debug, Default)]
pub struct Sides {
    /// As the real scheduler served them.
    pub real: Vec<RequestSeen>,
    /// As predicted from the model.
    pub predicted: Vec<RequestSeen>,
    /// As simulated under the measured arrivals and demands.
    pub traced: Vec<RequestSeen>,
}

/// What a replay and its simulations came to.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The record: points simulated, real, traced.
    pub record: Record,
    /// The requests one by one.
    pub sides: Sides,
    /// The model of the traced point.
    pub traced: Model,
}

/// Simulates what was replayed and makes the record of both.
///
/// # Errors
/// A [`RunError`].
pub fn beside(
    model: &Model,
    given: Given,
    replayed: &Replayed,
    progress: &dyn Progress,
) -> Result<Beside, RunError> {
    let traced = traced::model(model, replayed);
    let index = replayed.replication.index;
    let mut simulated = run::point(model, 0, String::from("simulated"), Vec::new(), progress)?;
    simulated.world = World::Simulated;
    let real = real_point(model, replayed);
    let (again, traced_requests) = engine::prepare(&traced).follow(index, None).map_err(RunError::Breach)?;
    let mut under_trace = point_of(&traced, 2, String::from("simulated, measured demands"), again);
    under_trace.world = World::Traced;
    let (_, predicted) = engine::prepare(model).follow(index, None).map_err(RunError::Breach)?;
    let real_requests = replayed.requests.iter().map(|sent: &Sent| sent.seen).collect();
    let points = vec![simulated, real, under_trace];
    let mut warnings = given.warnings;
    warnings.extend(replayed.notes.iter().map(|note| Warning {
        code: note.code.to_owned(),
        text: note.text.clone(),
        advice: note.advice.clone(),
    }));
    let record = Record {
        schema: SCHEMA.to_owned(),
        kind: Kind::Replay,
        name: model.name.clone(),
        description: model.description.clone(),
        poolsim: env!("CARGO_PKG_VERSION").to_owned(),
        rng_contract: RNG_CONTRACT,
        seed: model.run.seed,
        fingerprint: record::combined_fingerprint(&points),
        command: given.command,
        model: given.model,
        settings: run::settings_of(model, given.overrides),
        points,
        warnings,
        chosen: None,
        differences: Vec::new(),
        study: Study::default(),
    };
    Ok(Beside { record, sides: Sides { real: real_requests, predicted, traced: traced_requests }, traced })
}

/// The point of a real run.
pub fn real_point(model: &Model, replayed: &Replayed) -> Point {
    let label = format!("real, target {}", replayed.target);
    let mut point = point_of(model, 1, label, replayed.replication.clone());
    point.world = World::Real;
    point
}

/// A point of one replication.
fn point_of(model: &Model, index: u64, label: String, replication: Replication) -> Point {
    let settings = EstimateSettings::new(model.run.confidence);
    let replications = [replication];
    let estimated = estimate::metrics(model, &replications, &settings);
    let task = Task { index, label, ..Task::default() };
    run::gather(model, task, &replications, estimated, None)
}
