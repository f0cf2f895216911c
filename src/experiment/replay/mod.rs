//! A replay beside its simulations: one record with what the real scheduler did and what the simulator says of it.
//!
//! Three points answer three questions. *Simulated* (model-driven): what was predicted. *Real*: what happened.
//! *Traced*: the simulator under the arrivals and demands that were measured; what is left between it and the real
//! point is an error of the physics, the rest of the gap an error of the model's load; it needs demands that somebody
//! knows. Both are judged by [`super::agreement`], request by request, because a replay is one run.

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
use crate::model::{Model, RunLength};
use crate::random::RNG_CONTRACT;
use crate::stats::{Replication, RequestSeen};
use crate::time::Time;
use std::borrow::Cow;

/// The label of the simulation under what was measured.
const UNDER_TRACE: &str = "simulated, measured demands";

/// A replay that was stopped at once is simulated so far at least: a run has a length.
const LEAST: Time = Time::from_nanos(1_000_000);

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
struct Sides {
    /// As the real scheduler served them.
    real: Vec<RequestSeen>,
    /// As predicted from the model.
    predicted: Vec<RequestSeen>,
    /// As simulated under the measured arrivals and demands, where demands are known.
    traced: Option<Vec<RequestSeen>>,
}

/// Simulates what was replayed, judges how far it is from what happened, and makes the record of both: points simulated,
/// real and, where demands are known, traced.
///
/// # Errors
/// A [`RunError`].
pub fn beside(
    model: &Model,
    given: Given,
    replayed: &Replayed,
    asked: &Asked,
    progress: &dyn Progress,
) -> Result<Record, RunError> {
    let index = replayed.replication.index;
    let follow = |model: &Model| engine::prepare(model).follow(index, None).map_err(RunError::Breach);
    let played = as_far(model, replayed);
    let played = played.as_ref();
    let mut simulated = run::point(played, 0, String::from("simulated"), Vec::new(), progress)?;
    simulated.world = World::Simulated;
    let real = real_point(model, replayed);
    let parts = real.parts.clone();
    let mut points = vec![simulated, real];
    let traced = traced::knows_demands(replayed)
        .then(|| {
            let model = traced::model(played, replayed, traced::Demands::Measured);
            let (again, requests) = follow(&model)?;
            points.push(point_of(&model, (2, World::Traced), String::from(UNDER_TRACE), again));
            Ok(requests)
        })
        .transpose()?;
    let (_, predicted) = follow(played)?;
    let real_requests = replayed.requests.iter().map(|sent: &Sent| sent.seen).collect();
    let sides = Sides { real: real_requests, predicted, traced };
    let agreements = judged(&sides, &parts, &asked.terms);
    let explain = |seeds| why::explain(played, replayed, &sides.real, &parts, asked, seeds);
    let explained = asked.explain.map(explain).transpose()?;
    let study = Study { explained, ..Study::compared(agreements) };
    let mut record = record_of(model, given, replayed, points, study);
    if sides.traced.is_none() && !replayed.requests.is_empty() {
        record.warnings.push(demands_unknown());
    }
    Ok(record)
}

/// The model as far as it was replayed: its simulations are asked about the stretch that the real run had, and what is
/// under way at its end is unfinished in all of them.
fn as_far<'m>(model: &'m Model, replayed: &Replayed) -> Cow<'m, Model> {
    if !replayed.interrupted {
        return Cow::Borrowed(model);
    }
    let mut stopped = model.clone();
    stopped.run.length = RunLength::Horizon(replayed.replication.end.max(LEAST));
    stopped.run.drain = false;
    Cow::Owned(stopped)
}

fn demands_unknown() -> Warning {
    Warning {
        code: String::from("demands_unknown"),
        text: String::from(
            "the target is not told demands and does not tell when work begins: only the prediction can be judged, not \
             the physics by itself",
        ),
        advice: String::from(
            "tell it: {demand_ms} in the body of a service or the payload of a worker; or let an adapter report \"started\"",
        ),
    }
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
    warnings.extend(points.iter().find(|point| point.world == World::Real).and_then(untold::warning));
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
    let traced = sides.traced.as_ref().and_then(|traced| judge(TRACE_DRIVEN, UNDER_TRACE, traced));
    traced.into_iter().chain(judge(MODEL_DRIVEN, "simulated", &sides.predicted)).collect()
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
