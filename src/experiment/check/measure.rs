//! From runs to a baseline: figures, behaviours, distributions and decisions of every point.

use super::super::estimate::Wanted;
use super::super::metric::{Scope, Unit};
use super::super::plan::Plan;
use super::super::run::{self, RunError};
use super::baseline::{Baseline, Case, Kept, Portion, Sampled, Shape, rounded};
use super::decided::{Difference, first_difference};
use super::judge::effects;
use super::{BASELINE_SCHEMA, Certainty, Worse, behaviour, corpus};
use crate::engine;
use crate::model::Model;
use crate::policy::Decision;
use crate::policy::decision::Log;
use crate::random::RNG_CONTRACT;
use crate::stats::{Histogram, Replication};
use crate::time::Span;
use std::collections::BTreeMap;

/// Decisions of one run from which behaviours are read: the memory that a run may take.
pub(super) const DECISIONS_MOST: usize = 200_000;
/// Decisions of a point that a baseline keeps unless told otherwise.
pub(super) const KEPT: usize = 1000;
/// Bins of a distribution.
const BINS: usize = 16;

/// A rule of the experiment for one metric or behaviour.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnRule {
    /// Of which.
    pub name: String,
    /// Of which class only.
    pub class: Option<String>,
    /// Share of the value before.
    pub relative: Option<f64>,
    /// Least absolute size.
    pub floor: Option<f64>,
    /// Which way is worse.
    pub worse: Option<Worse>,
}

/// What a check is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// How sure verdicts must be.
    pub certainty: Certainty,
    /// Share of the value before that does not matter.
    pub threshold: f64,
    /// Metrics that are compared beside the usual ones, and rules of their own.
    pub rules: Vec<OwnRule>,
    /// Decisions of each point that a baseline keeps.
    pub decisions: usize,
    /// Whether run i of now and run i of then belong together.
    pub pairs: bool,
    /// Whether the runs are of a real scheduler.
    pub live: bool,
    /// Times below this are noise of the machine, seconds of model time.
    pub grain: f64,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked {
            certainty: Certainty::default(),
            threshold: 0.05,
            rules: Vec::new(),
            decisions: KEPT,
            pairs: true,
            live: false,
            grain: 1e-3,
        }
    }
}

/// One run, of either world.
#[derive(Clone, Debug)]
pub struct Played {
    /// What was counted.
    pub replication: Replication,
    /// What was decided.
    pub log: Log,
    /// By pool instance, as decisions name them: the index of the model's pool.
    pub owners: Vec<usize>,
}

/// What is measured of a plan, and the decisions that differ from a baseline's.
pub struct Measured {
    /// The measurement.
    pub baseline: Baseline,
    /// The differences.
    pub differences: Vec<Difference>,
}

/// Measures the points of a plan from their runs, which come by point. With a baseline `then` distributions are
/// counted between its edges, and decisions are compared with its own.
///
/// # Errors
/// A [`RunError`] of the corpus.
pub fn measure(
    plan: &Plan,
    runs: &[Vec<Played>],
    asked: &Asked,
    then: Option<&Baseline>,
    command: String,
) -> Result<Measured, RunError> {
    let mut differences = Vec::new();
    let mut points = Vec::new();
    for (planned, played) in plan.points.iter().zip(runs) {
        let before = then.and_then(|then| then.points.iter().find(|one| one.label == planned.label));
        let point = portion(&planned.model, &planned.label, played, asked, before);
        if let (Some(old), Some(new), Some(first)) =
            (before.and_then(|one| one.decisions.as_ref()), &point.decisions, played.first())
        {
            let found = first_difference(&planned.label, old, new, &first.log.kept);
            differences.extend(found.map(|found| Difference {
                effects: before.map_or_else(Vec::new, |before| effects(&before.metrics, &point.metrics)),
                ..found
            }));
        }
        points.push(point);
    }
    let mut cases = Vec::new();
    if !asked.live {
        for (name, model) in corpus() {
            let before = then.and_then(|then| then.corpus.iter().find(|case| case.name == name));
            let (case, list) = case(name, &model)?;
            let found = before.and_then(|old| first_difference(name, &old.decisions, &case.decisions, &list));
            differences.extend(found.map(|found| Difference {
                effects: before.map_or_else(Vec::new, |old| effects(&old.figures, &case.figures)),
                ..found
            }));
            cases.push(case);
        }
    }
    let seed = plan.points.first().map_or(0, |point| point.model.run.seed);
    let mut baseline = Baseline {
        schema: BASELINE_SCHEMA.to_owned(),
        name: plan.experiment.name.clone(),
        poolsim: env!("CARGO_PKG_VERSION").to_owned(),
        rng_contract: RNG_CONTRACT,
        seed,
        target: None,
        fingerprint: String::new(),
        command,
        points,
        corpus: cases,
    };
    baseline.fingerprint = baseline.own_fingerprint();
    Ok(Measured { baseline, differences })
}

fn portion(
    model: &Model,
    label: &str,
    played: &[Played],
    asked: &Asked,
    before: Option<&Portion>,
) -> Portion {
    let replications: Vec<Replication> = played.iter().map(|one| one.replication.clone()).collect();
    let mut wanted = wanted(model, asked);
    // What a target does not tell of its workers is no figure of nought.
    let mut pools = replications.iter().flat_map(|run| &run.segments).flat_map(|segment| &segment.pools);
    let told = pools.any(|pool| pool.starts > 0);
    wanted.retain(|one| told || one.scope.pool.is_none());
    let columns = run::samples(model, &replications, &wanted);
    let metrics = wanted.into_iter().zip(columns).map(|(wanted, values)| Sampled {
        unit: unit_of(&wanted.name),
        name: wanted.name,
        scope: wanted.scope,
        values: values.into_iter().map(|value| value.filter(|v| v.is_finite()).map(rounded)).collect(),
    });
    let metrics = metrics.filter(|one| one.values.iter().any(Option::is_some)).collect();
    let print = |one: &Played| format!("{:016x}", one.replication.fingerprint ^ one.log.fingerprint());
    Portion {
        label: label.to_owned(),
        runs: played.iter().map(print).collect(),
        metrics,
        behaviours: behaved(model, played, asked.live),
        shapes: shapes(model, &replications, before),
        decisions: played.first().filter(|_| !asked.live).map(|first| {
            let mut kept = Kept::of(&first.log);
            kept.lines.truncate(asked.decisions);
            kept
        }),
    }
}

/// The behaviours of each pool that somebody wrote.
fn behaved(model: &Model, played: &[Played], live: bool) -> Vec<Sampled> {
    let mut all = Vec::new();
    for (number, pool) in model.pools.iter().enumerate().filter(|(_, pool)| !pool.implicit) {
        let of_pool = |one: &Played| {
            let own = |decision: &&Decision| one.owners.get(decision.pool as usize) == Some(&number);
            let list: Vec<Decision> = one.log.kept.iter().filter(own).copied().collect();
            behaviour::behaviours(&list)
        };
        let rows: Vec<_> = played.iter().map(of_pool).collect();
        let figures = behaviour::BEHAVIOURS.iter().enumerate();
        let figures = figures.filter(|(_, figure)| live || figure.name != behaviour::LIVE_ONLY);
        let sampled = figures.map(|(index, figure)| Sampled {
            name: figure.name.to_owned(),
            scope: Scope { pool: Some(pool.name.clone()), ..Scope::default() },
            unit: figure.unit,
            values: rows.iter().map(|row| row[index].map(rounded)).collect(),
        });
        all.extend(sampled.filter(|one| one.values.iter().any(Option::is_some)));
    }
    all
}

fn unit_of(name: &str) -> Unit {
    match crate::model::metrics::find(name).map(|metric| metric.unit) {
        Some(crate::model::metrics::Unit::Seconds) => Unit::Seconds,
        Some(crate::model::metrics::Unit::PerSecond) => Unit::PerSecond,
        Some(crate::model::metrics::Unit::Count) => Unit::Count,
        Some(crate::model::metrics::Unit::Ratio) => Unit::Ratio,
        Some(crate::model::metrics::Unit::SecondsSquared) => Unit::SecondsSquared,
        Some(crate::model::metrics::Unit::Number) | None => Unit::Number,
    }
}

/// The metrics that are compared: by class, by class and phase, by pool, and those that the experiment names.
fn wanted(model: &Model, asked: &Asked) -> Vec<Wanted> {
    const OF_CLASSES: [&str; 5] = ["mean_latency", "latency_p50", "latency_p95", "prob_fail", "throughput"];
    const OF_PHASES: [&str; 3] = ["mean_latency", "latency_p95", "prob_fail"];
    const OF_POOLS: [&str; 2] = ["utilization", "mean_queue_length"];
    let mut list: Vec<Wanted> = Vec::new();
    let mut add = |name: &str, scope: Scope| {
        let one = Wanted { name: name.to_owned(), scope };
        if !list.contains(&one) {
            list.push(one);
        }
    };
    for class in &model.classes {
        let scope = Scope { class: Some(class.name.clone()), ..Scope::default() };
        OF_CLASSES.iter().for_each(|name| add(name, scope.clone()));
        let own = asked.rules.iter().filter(|own| own.class.as_ref().is_none_or(|of| *of == class.name));
        let known = own.filter(|own| crate::model::metrics::find(&own.name).is_some());
        known.for_each(|own| add(&own.name, scope.clone()));
        for phase in model.phases.iter().filter(|_| model.phases.len() > 1) {
            let scope = Scope { phase: Some(phase.name.clone()), ..scope.clone() };
            OF_PHASES.iter().for_each(|name| add(name, scope.clone()));
        }
    }
    for pool in model.pools.iter().filter(|pool| !pool.implicit) {
        let scope = Scope { pool: Some(pool.name.clone()), ..Scope::default() };
        OF_POOLS.iter().for_each(|name| add(name, scope.clone()));
    }
    list
}

/// Latencies of each class, and of each class and phase, between edges.
fn shapes(model: &Model, replications: &[Replication], before: Option<&Portion>) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let phases = if model.phases.len() > 1 { model.phases.len() } else { 0 };
    for (class, named) in model.classes.iter().enumerate() {
        for phase in std::iter::once(None).chain((0..phases).map(Some)) {
            let scope = Scope {
                class: Some(named.name.clone()),
                phase: phase.map(|phase: usize| model.phases[phase].name.clone()),
                ..Scope::default()
            };
            let runs: Vec<Histogram> = replications.iter().map(|one| latencies(one, class, phase)).collect();
            let mut all = Histogram::new();
            runs.iter().for_each(|run| all.merge(run));
            if all.is_empty() {
                continue;
            }
            let known = before.and_then(|one| one.shapes.iter().find(|shape| shape.scope == scope));
            let edges = known.map_or_else(|| edges(&all), |shape| shape.edges.clone());
            let counts = runs.iter().map(|run| counts(run, &edges)).collect();
            shapes.push(Shape { scope, edges, counts });
        }
    }
    shapes
}

fn latencies(replication: &Replication, class: usize, phase: Option<usize>) -> Histogram {
    let mut sum = Histogram::new();
    let segments = replication.segments.iter().filter(|one| phase.is_none_or(|phase| one.phase == phase));
    for tally in segments.filter_map(|segment| segment.classes.get(class)) {
        sum.merge(&tally.latency_ok.histogram);
        sum.merge(&tally.latency_failed.histogram);
    }
    sum
}

fn edges(all: &Histogram) -> Vec<f64> {
    let at = |bin: usize| all.quantile(bin as f64 / BINS as f64).map(|span| rounded(span.secs()));
    let mut edges: Vec<f64> = (1..BINS).filter_map(at).collect();
    edges.dedup();
    edges
}

fn counts(run: &Histogram, edges: &[f64]) -> Vec<u64> {
    let all = run.count();
    let below = |edge: &f64| (run.share_at_or_below(Span::from_secs(*edge)) * all as f64).round() as u64;
    let mut last = 0;
    let ends = edges.iter().map(below).chain([all]);
    let bin = |end: u64| {
        let before = std::mem::replace(&mut last, end);
        end.saturating_sub(before)
    };
    ends.map(bin).collect()
}

/// Plays a case of the corpus.
fn case(name: &str, model: &Model) -> Result<(Case, Vec<Decision>), RunError> {
    let (replication, log) = engine::prepare(model).decisions(0, DECISIONS_MOST).map_err(RunError::Breach)?;
    let decisions = Kept::of(&log);
    let wanted: Vec<Wanted> = ["mean_latency", "latency_p95", "prob_ok", "mean_wait"]
        .map(|name| Wanted { name: name.to_owned(), scope: Scope::default() })
        .into();
    let columns = run::samples(model, std::slice::from_ref(&replication), &wanted);
    let figure = |(wanted, values): (Wanted, Vec<Option<f64>>)| Sampled {
        unit: unit_of(&wanted.name),
        name: wanted.name,
        scope: wanted.scope,
        values: values.into_iter().map(|value| value.filter(|v| v.is_finite()).map(rounded)).collect(),
    };
    let figures = wanted.into_iter().zip(columns).map(figure);
    let figures = figures.filter(|one| one.values.iter().any(Option::is_some)).collect();
    Ok((Case { name: name.to_owned(), decisions, figures }, log.kept))
}

/// Simulates every point of a plan; replications run in parallel and come in index order.
///
/// # Errors
/// A [`RunError`].
pub fn simulate(plan: &Plan, watch: &dyn run::Progress) -> Result<Vec<Vec<Played>>, RunError> {
    let mut all = Vec::new();
    for planned in &plan.points {
        let model = &planned.model;
        let prepared = engine::prepare(model);
        let owners = prepared.owners();
        let logs = std::sync::Mutex::new(BTreeMap::new());
        let play = |_: &Model, index: u64| {
            let (replication, log) = prepared.decisions(index, DECISIONS_MOST)?;
            logs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(index, log);
            Ok(replication)
        };
        let replications = run::replicate(model, 0..runs_of(model), watch, &play, true)?;
        let mut logs = logs.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let with_log = replications.into_iter().zip(0u64..).filter_map(|(replication, index)| {
            logs.remove(&index).map(|log| Played { replication, log, owners: owners.clone() })
        });
        all.push(with_log.collect());
    }
    Ok(all)
}

/// Runs of each point: as many as the model says, or a number that tells a few per cent for most.
fn runs_of(model: &Model) -> u64 {
    match model.run.replications {
        crate::model::Replications::Fixed(n) => u64::from(n.max(2)),
        crate::model::Replications::Precision { min, .. } => u64::from(min.max(20)),
    }
}
