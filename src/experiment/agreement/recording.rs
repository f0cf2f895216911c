//! A recorded scenario of the real orchestrator against its simulation: the same workload and settings in.
//!
//! *Trace-driven*, run by run: what was measured goes in ([`measured`]), with heartbeats from the run's own workers and
//! the recorded races (whether a write to a dying worker failed) repeated. *Model-driven*: what was planned goes in, with
//! constants for every delay. Where chance matters (time-outs, closed loops) races are drawn anew under many seeds;
//! where it does not, a planned request is still the same request, and run is compared with run.

mod measured;
mod spread;

use super::super::RegimeFound;
use super::super::fit::workers::{self, Constant};
use super::super::record::{
    self, GivenModel, Kind, Parts, Point, Record, SCHEMA, Settings, Warning, World as Place,
};
use super::super::study::Study;
use super::super::validate::recorded;
use super::explain::{Change, Explained, Played};
use super::whole::{MODEL_DRIVEN, TRACE_DRIVEN};
use super::{Agreement, Pairing, Terms, World, judge, metrics};
use crate::engine;
use crate::model::{Model, Override};
use crate::outcome::Outcome;
use crate::random::RNG_CONTRACT;
use crate::stats::{Replication, RequestSeen};
use crate::time::{Span, Time};
use crate::workload::recording::{
    RecordedConstants, RecordedResult, RecordedRun, RecordedScenario, RecordedWorkload, millis,
};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Seeds of a model-driven comparison.
pub const SEEDS: u64 = 30;

/// A scenario, and what is believed of the scheduler that was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Believed<'a> {
    /// The recording.
    pub scenario: &'a RecordedScenario,
    /// Measured delays.
    pub constants: &'a RecordedConstants,
    /// Preset of the pool; [`recorded::PRESET`] is what it is.
    pub preset: &'a str,
    /// Values of the model that were set otherwise.
    pub overrides: &'a [Override],
}

impl Believed<'_> {
    /// The model, with the heartbeats of a run.
    ///
    /// # Errors
    /// Settings that have no model.
    pub fn model(&self, run: Option<&RecordedRun>, seed: u64) -> Result<Model, String> {
        let belief = (self.preset, self.overrides);
        recorded::model_with(self.scenario, self.constants, run, seed, belief)
            .map_err(|faults| faults.render(false))
    }

    /// Classes of the workload, without phases: a recording names none.
    pub fn parts(&self) -> Parts {
        Parts { classes: self.scenario.workload.classes(), ..Parts::default() }
    }

    /// What the recorded runs saw, requests named by their places in the plan.
    pub fn real(&self) -> Vec<Vec<RequestSeen>> {
        let keys = recorded::keys(self.scenario);
        self.scenario.runs.iter().map(|run| seen(self.scenario, run, &keys)).collect()
    }

    /// The same, requests named by their places in what was measured.
    fn real_as_sent(&self) -> Vec<Vec<RequestSeen>> {
        self.scenario.runs.iter().map(|run| seen(self.scenario, run, &measured::keys(run))).collect()
    }

    /// Whether the course of a run depends on chance: a millisecond decides a time-out or reorders a closed loop, and the
    /// host whether a write to a dying worker fails.
    fn by_chance(&self, real: &[Vec<RequestSeen>]) -> bool {
        let closed = matches!(self.scenario.workload, RecordedWorkload::Closed(_));
        let mut attempts = self.scenario.runs.iter().flat_map(|run| &run.attempts);
        closed
            || real.iter().flatten().any(|request| request.outcome == Outcome::Timeout)
            || attempts.any(|attempt| attempt.dispatched_to_dying)
    }

    /// Predicts the recorded runs in turn, under seeds 1 to `seeds`.
    ///
    /// # Errors
    /// Settings that have no model, or a broken law.
    fn predicted(&self, seeds: u64) -> Result<Vec<(Replication, Vec<RequestSeen>)>, String> {
        self.simulate(seeds, &|model, _| spread::put_in(model, self.constants, true))
    }

    /// Simulates the recorded runs in turn under seeds 1 to `seeds`, with their heartbeats.
    fn simulate(
        &self,
        seeds: u64,
        put_in: &(dyn Fn(&mut Model, &RecordedRun) + Sync),
    ) -> Result<Vec<(Replication, Vec<RequestSeen>)>, String> {
        let runs = &self.scenario.runs;
        let one = |seed: u64| {
            let run = runs.get(seed as usize % runs.len().max(1)).ok_or("no run is recorded")?;
            let mut model = self.model(Some(run), seed)?;
            put_in(&mut model, run);
            engine::prepare(&model).follow(0, None).map_err(|breach| breach.to_string())
        };
        (1..=seeds).into_par_iter().map(one).collect()
    }

    /// Simulates every recorded run under what was measured in it, with its races.
    fn trace_driven(&self) -> Result<Vec<(Replication, Vec<RequestSeen>)>, String> {
        let one = |run: &RecordedRun| {
            let mut model = self.model(Some(run), 1)?;
            measured::put_in(&mut model, self.scenario, run, self.constants);
            let chance = measured::chance(self.scenario, run);
            engine::prepare(&model).follow(0, Some(&chance)).map_err(|breach| breach.to_string())
        };
        self.scenario.runs.iter().map(one).collect()
    }

    /// Simulates every recorded run under what was planned.
    fn planned(&self) -> Result<Vec<(Replication, Vec<RequestSeen>)>, String> {
        let one = |run: &RecordedRun| {
            let model = self.model(Some(run), 1)?;
            engine::prepare(&model).follow(0, None).map_err(|breach| breach.to_string())
        };
        self.scenario.runs.iter().map(one).collect()
    }
}

impl Played for Believed<'_> {
    fn parts(&self) -> Parts {
        Believed::parts(self)
    }

    fn real(&self) -> Vec<Vec<RequestSeen>> {
        Believed::real(self)
    }

    fn believed(&self) -> Result<Model, String> {
        self.model(self.scenario.runs.first(), 1)
    }

    fn constants(&self, _: &str) -> Vec<Constant> {
        workers::measure(self.scenario)
    }

    fn again(&self, seeds: u64, change: Change<'_>) -> Result<Vec<Vec<RequestSeen>>, String> {
        // Under the same requests: what else a closed loop would have sent is part of a gap, and no cause of it.
        let simulated = self.simulate(seeds, &|model, run| {
            measured::put_load_in(model, self.scenario, run, self.constants);
            spread::put_in(model, self.constants, false);
            change(model);
        })?;
        Ok(requests_of(&simulated))
    }
}

/// What a recorded run saw of its requests, under their keys by name.
fn seen(scenario: &RecordedScenario, run: &RecordedRun, keys: &BTreeMap<String, u64>) -> Vec<RequestSeen> {
    let classes = scenario.workload.classes();
    let mut service: BTreeMap<&str, f64> = BTreeMap::new();
    for attempt in &run.attempts {
        let spent = attempt.end_ms.map_or(0.0, |end| end - attempt.start_ms);
        *service.entry(attempt.id.as_str()).or_default() += spent;
    }
    let one = |result: &RecordedResult| {
        let (key, latency) = (*keys.get(&result.id)?, result.latency_ms?);
        let sent = measured::sent(result);
        let waiting = match service.get(result.id.as_str()) {
            Some(spent) => (latency - spent).max(0.0),
            None => result.queue_ms.unwrap_or(0.0),
        };
        Some(RequestSeen {
            key,
            class: classes.iter().position(|class| *class == result.class).unwrap_or(0) as u16,
            demand: millis(result.duration_ms),
            sent,
            end: sent + millis(latency),
            outcome: recorded::outcome(&result.outcome),
            hand_overs: result.attempts,
            attempts: 1,
            waiting: millis(waiting),
        })
    };
    run.results.iter().filter_map(one).collect()
}

/// A recording and its simulation side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Trace-driven, then model-driven.
    pub agreements: Vec<Agreement>,
    /// The recorded runs.
    real: Vec<Vec<RequestSeen>>,
    /// The simulated ones of the model-driven comparison.
    simulated: Vec<(Replication, Vec<RequestSeen>)>,
}

impl Compared {
    /// Hashes of the simulated runs.
    fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        self.simulated.iter().map(|(replication, _)| replication.fingerprint)
    }
}

/// Compares a recording with its simulation in every way that fits it.
///
/// # Errors
/// Settings that have no model, a broken law, or a recording without runs.
pub fn compare(believed: &Believed<'_>, terms: &Terms, seeds: u64) -> Result<Compared, String> {
    let parts = believed.parts();
    let judged = |how: &str, real: &[Vec<RequestSeen>], runs: &[Vec<RequestSeen>], pairing| {
        let (real, runs) = (World { label: "recorded", runs: real }, World { label: "simulated", runs });
        judge(how, (&real, &runs), &parts, terms, pairing)
    };
    let traced = requests_of(&believed.trace_driven()?);
    let same_input = judged(TRACE_DRIVEN, &believed.real_as_sent(), &traced, Pairing::Runs);
    let real = believed.real();
    let (simulated, pairing) = if believed.by_chance(&real) {
        (believed.predicted(seeds)?, Pairing::None)
    } else {
        (believed.planned()?, Pairing::Runs)
    };
    let predicted = judged(MODEL_DRIVEN, &real, &requests_of(&simulated), pairing);
    let agreements: Vec<Agreement> = same_input.into_iter().chain(predicted).collect();
    if agreements.is_empty() {
        return Err(format!("scenario {} has no recorded runs", believed.scenario.settings.name));
    }
    Ok(Compared { agreements, real, simulated })
}

fn requests_of(simulated: &[(Replication, Vec<RequestSeen>)]) -> Vec<Vec<RequestSeen>> {
    simulated.iter().map(|(_, requests)| requests.clone()).collect()
}

/// Compares a recording with a model that someone wrote, under so many seeds: the model's own workload, so nothing but
/// distributions can agree. Classes are paired by name.
///
/// # Errors
/// Classes that the other side lacks, or a broken law.
pub fn against(
    scenario: &RecordedScenario,
    model: &Model,
    terms: &Terms,
    seeds: u64,
) -> Result<Compared, String> {
    let classes = scenario.workload.classes();
    let place = |class: &crate::model::Class| classes.iter().position(|name| *name == class.name);
    let places: Vec<Option<usize>> = model.classes.iter().map(place).collect();
    if let Some(alone) = places.iter().position(Option::is_none) {
        let (own, theirs) = (&model.classes[alone].name, classes.join(", "));
        return Err(format!("the recording has no class \"{own}\"; it has {theirs}"));
    }
    let prepared = engine::prepare(model);
    let one = |index: u64| {
        let (replication, mut requests) =
            prepared.follow(index, None).map_err(|breach| breach.to_string())?;
        for request in &mut requests {
            request.class = places[request.class as usize].unwrap_or(0) as u16;
        }
        Ok((replication, requests))
    };
    let simulated: Vec<(Replication, Vec<RequestSeen>)> =
        (0..seeds).into_par_iter().map(one).collect::<Result<_, String>>()?;
    let keys = recorded::keys(scenario);
    let real: Vec<Vec<RequestSeen>> = scenario.runs.iter().map(|run| seen(scenario, run, &keys)).collect();
    let (runs, parts) = (requests_of(&simulated), Parts { classes, ..Parts::default() });
    let pair = (&World { label: "recorded", runs: &real }, &World { label: "simulated", runs: &runs });
    let agreement = judge(MODEL_DRIVEN, pair, &parts, terms, Pairing::None);
    let agreement = agreement.ok_or_else(|| format!("scenario {} has no runs", scenario.settings.name))?;
    Ok(Compared { agreements: vec![agreement], real, simulated })
}

/// What a record of a comparison says of its making.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// Its name.
    pub name: String,
    /// The model that was simulated.
    pub model: GivenModel,
    /// Seed.
    pub seed: u64,
    /// Values that were set otherwise.
    pub overrides: Vec<String>,
    /// The command that repeats it.
    pub command: String,
    /// Classes and phases.
    pub parts: Parts,
    /// What would close the gap, if it was asked.
    pub explained: Option<Explained>,
}

/// The record of a comparison: the real world first, then the simulated one.
pub fn record(compared: Compared, terms: &Terms, made: Made) -> Record {
    let parts = made.parts;
    let simulated = requests_of(&compared.simulated);
    let mut points = vec![point(0, &compared.real, &parts, terms), point(1, &simulated, &parts, terms)];
    points[0].label = String::from("recorded");
    points[0].world = Place::Real;
    points[1].label = String::from("simulated");
    points[1].events = compared.simulated.iter().map(|(replication, _)| replication.events).sum();
    points[1].fingerprint = record::fingerprint(compared.hashes());
    let few = compared.real.len();
    let warning = Warning {
        code: String::from("few_runs"),
        text: format!("the recording has {few} runs: what differs from run to run can hardly be told"),
        advice: String::from("record more runs of the same scenario"),
    };
    Record {
        schema: SCHEMA.to_owned(),
        kind: Kind::Replay,
        name: made.name,
        description: String::from("recorded runs of the real scheduler against their simulation"),
        poolsim: env!("CARGO_PKG_VERSION").to_owned(),
        rng_contract: RNG_CONTRACT,
        seed: made.seed,
        fingerprint: record::combined_fingerprint(&points),
        command: made.command,
        model: made.model,
        settings: Settings {
            confidence: terms.confidence,
            replications: simulated.len() as u64,
            overrides: made.overrides,
            ..Settings::default()
        },
        points,
        chosen: None,
        differences: compared.agreements.iter().flat_map(Agreement::differences).collect(),
        warnings: if few < 4 { vec![warning] } else { Vec::new() },
        study: Study { explained: made.explained, ..Study::compared(compared.agreements) },
    }
}

/// The record of several comparisons by scenario, without points: each scenario is a system of its own.
pub fn record_of_all(all: Vec<(String, Compared)>, terms: &Terms, made: Made) -> Record {
    let fingerprint = record::fingerprint(all.iter().flat_map(|(_, compared)| compared.hashes()));
    let named = |(name, compared): (String, Compared)| {
        compared.agreements.into_iter().map(move |agreed| agreed.of_system(&name))
    };
    let agreements: Vec<Agreement> = all.into_iter().flat_map(named).collect();
    Record {
        schema: SCHEMA.to_owned(),
        kind: Kind::Replay,
        name: made.name,
        description: String::from("recorded scenarios of the real scheduler against their simulation"),
        poolsim: env!("CARGO_PKG_VERSION").to_owned(),
        rng_contract: RNG_CONTRACT,
        seed: made.seed,
        fingerprint,
        command: made.command,
        model: made.model,
        settings: Settings { confidence: terms.confidence, overrides: made.overrides, ..Settings::default() },
        points: Vec::new(),
        chosen: None,
        differences: agreements.iter().flat_map(Agreement::differences).collect(),
        warnings: Vec::new(),
        study: Study::compared(agreements),
    }
}

/// One world by itself.
fn point(index: u64, runs: &[Vec<RequestSeen>], parts: &Parts, terms: &Terms) -> Point {
    let ends =
        runs.iter().flatten().map(|request| request.end.since(Time::ZERO) + Span::from_nanos(request.key));
    Point {
        index,
        label: String::new(),
        settings: Vec::new(),
        parts: parts.clone(),
        regime: RegimeFound::Terminating,
        warm_up: Vec::new(),
        replications: runs.len() as u64,
        requests: runs.iter().map(|run| run.len() as u64).sum(),
        events: 0,
        metrics: metrics(runs, parts, terms.confidence),
        verdicts: Vec::new(),
        timelines: Vec::new(),
        curves: Vec::new(),
        extremes: Vec::new(),
        fingerprint: record::fingerprint(ends.map(Span::nanos)),
        warnings: Vec::new(),
        world: Place::Simulated,
        stretch: None,
        each: Vec::new(),
    }
}
