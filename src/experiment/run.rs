//! One model, one point: its replications, its figures, its record.
//!
//! Replications run in parallel and are collected and reduced in index order, so a record's bytes do not depend on
//! the number of threads.

pub use super::progress::{Progress, RunError, Silent};
pub(super) use super::rounds::{overloaded, replicate};

use super::draws::Draws;
use super::estimate::{self, EstimateSettings, Estimated, Wanted};
use super::follow;
use super::price;
use super::record::{
    self, Each, GivenModel, Kind, Parts, PhaseSpan, Point, Record, SCHEMA, Setting, Settings, Warning, World,
};
use super::rounds::{Keep, Rounds, requests_of, rounds};
use super::study::Study;
use super::verdict::{self, Evidence, Judgement, overall};
use crate::engine;
use crate::model::{Model, Replications, RunLength};
use crate::random::RNG_CONTRACT;
use crate::stats::Replication;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// Where a model came from, for its record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// File and text.
    pub model: GivenModel,
    /// Overrides, as `path=value`.
    pub overrides: Vec<String>,
    /// The command that repeats the run.
    pub command: String,
    /// Warnings of the loader.
    pub warnings: Vec<Warning>,
}

/// Runs a model and makes the record of it.
///
/// # Errors
/// A [`RunError`].
pub fn run(model: &Model, given: Given, progress: &dyn Progress) -> Result<Record, RunError> {
    let points = vec![point(model, 0, String::new(), Vec::new(), progress)?];
    Ok(Record {
        schema: SCHEMA.to_owned(),
        kind: Kind::Run,
        name: model.name.clone(),
        description: model.description.clone(),
        poolsim: env!("CARGO_PKG_VERSION").to_owned(),
        rng_contract: RNG_CONTRACT,
        seed: model.run.seed,
        fingerprint: record::combined_fingerprint(&points),
        command: given.command,
        model: given.model,
        settings: settings_of(model, given.overrides),
        points,
        warnings: given.warnings,
        chosen: None,
        differences: Vec::new(),
        study: Study::default(),
    })
}

/// When a slow request is followed through a stretch of the first replication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// Never.
    #[default]
    Never,
    /// Where every objective is met: such a point may be the one that is chosen.
    IfMet,
    /// Always.
    Always,
}

/// What tells a point from others, and what is kept of it.
#[derive(Clone, Debug, Default)]
pub struct Task<'a> {
    /// Its place in the plan.
    pub index: u64,
    /// What tells it from the others, for people.
    pub label: String,
    /// What was set.
    pub settings: Vec<Setting>,
    /// Where its replications come from.
    pub world: World,
    /// Whether bands over time are made.
    pub timelines: bool,
    /// Whether quantile curves are made.
    pub curves: bool,
    /// Whether both are made of a point that may be chosen, although they are not kept of all.
    pub if_chosen: bool,
    /// Figures of which every replication's own value is kept.
    pub sampled: &'a [Wanted],
    /// Whether a slow request is followed.
    pub follow: Follow,
    /// Where the draws that it shares with other points are found.
    pub draws: Option<&'a Draws>,
    /// Whether replications run in parallel, or one after the other because points do.
    pub parallel: bool,
}

/// A point and what its comparison with others needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// The point.
    pub point: Point,
    /// By figure and replication: its own value.
    pub samples: Vec<Vec<Option<f64>>>,
    /// Whether nothing is left to chance, so that the only replication is the whole truth.
    #[serde(default)]
    pub certain: bool,
    /// What is there only in case that it is chosen.
    #[serde(default)]
    pub provisional: Provisional,
}

/// What of a point is made only in case that it is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisional {
    /// Its courses over time.
    pub timelines: bool,
    /// Its distributions.
    pub curves: bool,
}

impl Provisional {
    /// Leaves out of a point what nobody asked for.
    pub fn leave_out(self, point: &mut Point) {
        if self.timelines {
            point.timelines = Vec::new();
        }
        if self.curves {
            point.curves = Vec::new();
        }
    }
}

/// Runs one point that stands alone.
///
/// # Errors
/// A [`RunError`].
pub fn point(
    model: &Model,
    index: u64,
    label: String,
    settings: Vec<Setting>,
    progress: &dyn Progress,
) -> Result<Point, RunError> {
    let task = Task {
        index,
        label,
        settings,
        world: World::Simulated,
        timelines: true,
        curves: true,
        if_chosen: false,
        follow: Follow::Always,
        parallel: true,
        sampled: &Wanted::of_runs(model),
        draws: None,
    };
    Ok(finish(model, task, progress)?.point)
}

/// Runs one point of a plan.
///
/// # Errors
/// A [`RunError`].
pub fn finish(model: &Model, task: Task<'_>, progress: &dyn Progress) -> Result<Finished, RunError> {
    let prepared = engine::prepare(model);
    let slow = Mutex::new(Vec::new());
    let simulate = |_: &Model, index: u64| {
        let shared =
            task.draws.and_then(|draws| draws.take(task.index as usize, index, || prepared.tape(index)));
        let tape = shared.as_ref().and_then(|shared| shared.get()?.as_ref());
        let mut replication = if index == follow::FOLLOWED && task.follow != Follow::Never {
            let (replication, slowest) = prepared.slowest(index, follow::NAMED, tape)?;
            *slow.lock().unwrap_or_else(PoisonError::into_inner) = slowest;
            replication
        } else {
            prepared.run_with(index, tape)?
        };
        if !task.timelines && !task.if_chosen {
            // The bulk of a timeline; what is left of it tells growth.
            replication.timeline.bins.iter_mut().for_each(|bin| bin.latency = Vec::new());
        }
        Ok(replication)
    };
    // What a point that may be chosen shows is made with its figures and left out again where it will not be needed.
    let extra =
        Provisional { timelines: task.if_chosen && !task.timelines, curves: task.if_chosen && !task.curves };
    let keep = Keep {
        timelines: task.timelines || extra.timelines,
        curves: task.curves || extra.curves,
        parallel: task.parallel,
    };
    let Rounds { replications, estimated, warning } = rounds(model, progress, &simulate, keep)?;
    let samples = samples(model, &replications, task.sampled);
    let each = task.sampled.iter().zip(&samples).map(|(wanted, values)| Each {
        metric: wanted.name.clone(),
        scope: wanted.scope.clone(),
        values: values.iter().map(|value| value.filter(|value| value.is_finite())).collect(),
    });
    let each: Vec<Each> = each.filter(|each| each.values.iter().any(Option::is_some)).collect();
    let follow = task.follow;
    let mut point = Point { each, ..gather(model, task, &replications, estimated, warning) };
    point.metrics.extend(price::cost(model, &replications, &point.verdicts));
    let met = overall(&point.verdicts) == Some(Judgement::Met);
    if follow == Follow::Always || (follow == Follow::IfMet && met) {
        let slow = slow.into_inner().unwrap_or_else(PoisonError::into_inner);
        let warm_up = point.warm_up.first().copied().flatten().unwrap_or(0.0);
        let followed = follow::follow(&prepared, &point.parts, &slow, warm_up);
        (point.stretch, point.extremes) = followed.map_err(RunError::Breach)?;
    }
    if !met && follow != Follow::Always {
        extra.leave_out(&mut point);
    }
    Ok(Finished { point, samples, certain: model.is_certain(), provisional: extra })
}

/// Makes the point of replications and what was estimated from them.
pub(super) fn gather(
    model: &Model,
    task: Task<'_>,
    replications: &[Replication],
    estimated: Estimated,
    warning: Option<Warning>,
) -> Point {
    let made = replications.len() as u64;
    let evidence = Evidence {
        metrics: &estimated.metrics,
        regime: &estimated.regime,
        replications: made,
        world: task.world,
        certain: task.world == World::Simulated && model.is_certain(),
    };
    let verdicts = verdict::judge_all(&model.objectives, &evidence);
    Point {
        index: task.index,
        label: task.label,
        settings: task.settings,
        parts: parts_of(model),
        replications: made,
        requests: replications.iter().map(requests_of).sum(),
        events: replications.iter().map(|replication| replication.events).sum(),
        fingerprint: record::fingerprint(replications.iter().map(|replication| replication.fingerprint)),
        regime: estimated.regime,
        warm_up: estimated.warm_up,
        metrics: estimated.metrics,
        verdicts,
        timelines: estimated.timelines,
        curves: estimated.curves,
        extremes: Vec::new(),
        warnings: warning.into_iter().collect(),
        world: task.world,
        stretch: None,
        each: Vec::new(),
    }
}

/// By figure and replication: its own value.
pub(super) fn samples(
    model: &Model,
    replications: &[Replication],
    wanted: &[Wanted],
) -> Vec<Vec<Option<f64>>> {
    let mut samples = vec![Vec::with_capacity(replications.len()); wanted.len()];
    if wanted.is_empty() {
        return samples;
    }
    let settings = EstimateSettings {
        timelines: false,
        curves: false,
        exact: model.is_certain(),
        ..EstimateSettings::new(model.run.confidence)
    };
    for replication in replications {
        let own = estimate::chosen(model, std::slice::from_ref(replication), &settings, wanted);
        for (column, one) in samples.iter_mut().zip(wanted) {
            let metric =
                own.metrics.iter().find(|metric| metric.name == one.name && metric.scope == one.scope);
            column.push(metric.map(|metric| metric.estimate.value));
        }
    }
    samples
}

pub(super) fn settings_of(model: &Model, overrides: Vec<String>) -> Settings {
    let (precision, replications) = match model.run.replications {
        Replications::Fixed(n) => (None, u64::from(n)),
        Replications::Precision { relative, max, .. } => (Some(relative), u64::from(max)),
    };
    let (horizon, requests) = match model.run.length {
        RunLength::Horizon(end) => (Some(end.secs()), None),
        RunLength::Requests(n) => (None, Some(n)),
    };
    let drain = horizon.is_some() && model.run.drain;
    Settings {
        confidence: model.run.confidence,
        precision,
        replications,
        horizon,
        drain,
        requests,
        overrides,
    }
}

fn parts_of(model: &Model) -> Parts {
    let phase = |phase: &crate::model::Phase| PhaseSpan {
        name: phase.name.clone(),
        start: phase.start.secs(),
        end: phase.end.secs(),
    };
    Parts {
        classes: model.classes.iter().map(|class| class.name.clone()).collect(),
        phases: model.phases.iter().map(phase).collect(),
        // Those that nobody wrote stand last, so that the numbers of the others are places here.
        pools: model.pools.iter().filter(|pool| !pool.implicit).map(|pool| pool.name.clone()).collect(),
        hosts: model.hosts.iter().map(|host| host.name.clone()).collect(),
    }
}
