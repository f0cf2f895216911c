//! A replay beside its simulations: one record with what the real scheduler did and what the simulator says of it.
//!
//! Three points answer three questions. *Simulated* (model-driven): what was predicted. *Real*: what happened.
//! *Traced*: the simulator under the arrivals and demands that were measured; what is left between it and the real
//! point is an error of the physics, the rest of the gap an error of the model's load. Both are judged by
//! [`super::agreement`], request by request, because a replay is one run.

mod traced;
mod untold;
mod why;

use super::agreement::whole::{MODEL_DRIVEN, TRACE_DRIVEN};
use super::agreement::{self, Agreement, Pairing, Terms};
use super::estimate::{self, EstimateSettings};
use super::record::{self, Kind, Parts, Point, Record, SCHEMA, Warning, World};
use super::run::{self, Given, Progress, RunError, Task};
use super::study::Study;
use crate::engine;
use crate::live::replay::{Replayed, Sent};
use crate::model::Model;
use crate::outcome::Outcome;
use crate::random::RNG_CONTRACT;
use crate::stats::{Replication, RequestSeen};
use crate::time::Time;

/// What is asked of a replay and its simulations.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What counts as agreement.
    pub terms: Terms,
    /// Seeds under which every change is tried that might explain a difference; `None` where nobody asks why.
    pub explain: Option<u64>,
    /// The journal of the replay, where one was written: what its workers' delays are measured by.
    pub journal: Vec<u8>,
}

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

/// Simulates what was replayed, judges how far it is from what happened, and makes the record of both.
///
/// # Errors
/// A [`RunError`].
pub fn beside(
    model: &Model,
    given: Given,
    replayed: &Replayed,
    asked: &Asked,
    progress: &dyn Progress,
) -> Result<Beside, RunError> {
    let traced = traced::model(model, replayed, traced::Demands::Measured);
    let index = replayed.replication.index;
    let mut simulated = run::point(model, 0, String::from("simulated"), Vec::new(), progress)?;
    simulated.world = World::Simulated;
    let real = real_point(model, replayed);
    let (again, traced_requests) = engine::prepare(&traced).follow(index, None).map_err(RunError::Breach)?;
    let label = String::from("simulated, measured demands");
    let under_trace = point_of(&traced, (2, World::Traced), label, again);
    let (_, predicted) = engine::prepare(model).follow(index, None).map_err(RunError::Breach)?;
    let real_requests = replayed.requests.iter().map(|sent: &Sent| sent.seen).collect();
    let mut sides = Sides { real: real_requests, predicted, traced: traced_requests };
    if replayed.interrupted {
        sides.cut();
    }
    let agreements = judged(&sides, &real.parts, &asked.terms);
    let explain = |seeds| why::explain(model, replayed, &sides.real, &real.parts, asked, seeds);
    let explained = asked.explain.map(explain).transpose()?;
    let study = Study { explained, ..Study::compared(agreements) };
    let record = record_of(model, given, replayed, vec![simulated, real, under_trace], study);
    Ok(Beside { record, sides, traced })
}

/// The record of a replay alone, where nobody waited for its simulations: it says so.
pub fn alone(model: &Model, given: Given, replayed: &Replayed) -> Record {
    let real = Point { index: 0, ..real_point(model, replayed) };
    let mut record = record_of(model, given, replayed, vec![real], Study::default());
    record.warnings.push(Warning {
        code: String::from("not_compared"),
        text: String::from(
            "these are figures of the real run alone: the simulation beside it was interrupted, so nothing is compared",
        ),
        advice: String::from("for a comparison replay again, and with fewer run.replications where it takes long"),
    });
    record
}

fn record_of(model: &Model, given: Given, replayed: &Replayed, points: Vec<Point>, study: Study) -> Record {
    let mut warnings = given.warnings;
    warnings.extend(replayed.notes.iter().map(|note| Warning {
        code: note.code.to_owned(),
        text: note.text.clone(),
        advice: note.advice.clone(),
    }));
    Record {
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
        differences: study.agreements.iter().flat_map(Agreement::differences).collect(),
        study,
    }
}

/// Both questions: is the physics right, and was the prediction?
fn judged(sides: &Sides, parts: &Parts, terms: &Terms) -> Vec<Agreement> {
    let judge = |how: &str, label: &str, runs: &Vec<RequestSeen>| {
        let real = agreement::World { label: "real", runs: std::slice::from_ref(&sides.real) };
        let other = agreement::World { label, runs: std::slice::from_ref(runs) };
        agreement::judge(how, (&real, &other), parts, terms, Pairing::Runs)
    };
    let traced = judge(TRACE_DRIVEN, "simulated, measured demands", &sides.traced);
    traced.into_iter().chain(judge(MODEL_DRIVEN, "simulated", &sides.predicted)).collect()
}

impl Sides {
    /// Ends the simulated worlds when the real one was stopped, so that they are asked about the same stretch.
    fn cut(&mut self) {
        let stopped = self.real.iter().map(|request| request.end).max().unwrap_or(Time::ZERO);
        for world in [&mut self.predicted, &mut self.traced] {
            world.retain(|request| request.sent <= stopped);
            for request in world.iter_mut().filter(|request| request.end > stopped) {
                (request.end, request.outcome) = (stopped, Outcome::Unfinished);
            }
        }
    }
}

/// The point of a real run.
pub fn real_point(model: &Model, replayed: &Replayed) -> Point {
    let label = format!("real, target {}", replayed.target);
    let mut point = point_of(model, (1, World::Real), label, replayed.replication.clone());
    if !agreement::tells_starts(replayed.requests.iter().map(|sent| &sent.seen)) {
        untold::leave_out(&mut point);
    }
    point
}

/// A point of one replication.
fn point_of(model: &Model, (index, world): (u64, World), label: String, replication: Replication) -> Point {
    let settings = EstimateSettings::new(model.run.confidence);
    let replications = [replication];
    let estimated = estimate::metrics(model, &replications, &settings);
    let task = Task { index, label, world, ..Task::default() };
    run::gather(model, task, &replications, estimated, None)
}
