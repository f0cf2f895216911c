//! A plan carried out: every point, many at once, and the record of them all.
//!
//! Points run in parallel where there are many, replications where there are few; either way results are put in
//! order by index before anything is computed from them, so bytes do not depend on threads. A point is reduced in
//! the thread that ran it, so that memory holds the replications of as many points as there are threads. Points
//! share their random numbers by construction: streams are keyed by seed, replication and purpose, not by point.

use super::compare;
use super::draws::Draws;
use super::estimate::Wanted;
use super::metric::Scope;
use super::outline::Outline;
use super::plan::{self, Plan};
use super::price::{self, COST};
use super::record::{self, Difference, Kind, Point, Record, SCHEMA, World};
use super::run::{self, Finished, Follow, Progress, Provisional, RunError, Task};
use super::study::{Comparison, Priced, Study};
use super::verdict::{self, Judgement};
use crate::model::check::experiment::Keep;
use rayon::prelude::*;

/// What watches a sweep and keeps its finished points. It never changes a figure.
pub trait Watch: Progress {
    /// A point that was finished before, if it is at hand.
    fn stored(&self, _index: usize) -> Option<Finished> {
        None
    }
    /// A point is finished now.
    fn finished(&self, _finished: &Finished) {}
}

/// Watches nothing and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Progress for Unwatched {}
impl Watch for Unwatched {}

/// Runs the points of a plan that `indices` names and gives them in that order.
///
/// # Errors
/// The first [`RunError`] in the order of the plan.
pub fn run(plan: &Plan, indices: &[usize], watch: &dyn Watch) -> Result<Vec<Finished>, RunError> {
    let sampled = compared(plan);
    let draws = Draws::of(plan.points.iter().map(|point| &point.model));
    let many = indices.len() >= 4 * rayon::current_num_threads();
    let one = |index: usize| {
        if let Some(finished) = watch.stored(index) {
            return Ok(finished);
        }
        if watch.interrupted() {
            return Err(RunError::Interrupted);
        }
        let point = &plan.points[index];
        let task = Task {
            index: index as u64,
            label: point.label.clone(),
            settings: point.settings.clone(),
            world: World::Simulated,
            timelines: point.timelines,
            curves: point.curves,
            if_chosen: plan.experiment.outputs.timelines != Keep::None,
            // A point that meets its objectives may be chosen; where none does, the first one is shown.
            follow: if index == 0 { Follow::Always } else { Follow::IfMet },
            sampled: &sampled,
            draws: Some(&draws),
            parallel: !many,
        };
        let mut finished = run::finish(&point.model, task, watch)?;
        keep_asked(plan, &mut finished);
        watch.finished(&finished);
        Ok(finished)
    };
    let mut places: Vec<usize> = (0..indices.len()).collect();
    places.sort_by_key(|&place| (draws.group(indices[place]), place));
    // Neighbours in this order go to different threads: large capacities are often the quick ones.
    let mut results: Vec<(usize, Result<Finished, RunError>)> =
        places.par_iter().with_max_len(1).map(|&place| (place, one(indices[place]))).collect();
    results.sort_unstable_by_key(|&(place, _)| place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Leaves the figures that the experiment asks for; objectives have been judged before.
fn keep_asked(plan: &Plan, finished: &mut Finished) {
    let asked = &plan.experiment.outputs.metrics;
    if asked.is_empty() {
        return;
    }
    let judged = |name: &str| finished.point.verdicts.iter().any(|verdict| verdict.metric == name);
    let always = ["count_sent", COST];
    let kept = |name: &str| asked.iter().any(|one| one == name) || judged(name) || always.contains(&name);
    let metrics = std::mem::take(&mut finished.point.metrics);
    finished.point.metrics = metrics.into_iter().filter(|metric| kept(&metric.name)).collect();
}

/// The figures that points are compared by: those of the objectives, or without any the p95 latency of each class;
/// and those that the experiment names.
pub fn compared(plan: &Plan) -> Vec<Wanted> {
    let Some(first) = plan.points.first() else { return Vec::new() };
    let model = &first.model;
    let mut wanted: Vec<Wanted> = model.objectives.iter().map(verdict::wanted).collect();
    if wanted.is_empty() {
        let of = |class: &crate::model::Class| Wanted {
            name: String::from("latency_p95"),
            scope: Scope { class: Some(class.name.clone()), ..Scope::default() },
        };
        wanted.extend(model.classes.iter().map(of));
    }
    let named = plan.experiment.outputs.metrics.iter();
    wanted.extend(named.map(|name| Wanted { name: name.clone(), scope: Scope::default() }));
    let mut distinct: Vec<Wanted> = Vec::new();
    for one in wanted {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

/// The cheapest point that meets every objective, of several that cost the same the smallest and then the first; or
/// without prices the smallest, or where sizes are the same the one that bears the largest load; none where none
/// meets them.
fn chosen(study: &Study, points: &[Point]) -> Option<u64> {
    if study.frontier.is_empty() {
        let good = points.iter().filter(|point| verdict::overall(&point.verdicts) == Some(Judgement::Met));
        let rank = |a: &&Point, b: &&Point| {
            let size = capacity(a).total_cmp(&capacity(b));
            size.then(offered(b).total_cmp(&offered(a))).then(a.index.cmp(&b.index))
        };
        let least = good.min_by(rank);
        return least.map(|point| point.index);
    }
    let good = || study.frontier.iter().filter(|one| one.meets);
    let least = good().map(|one| one.cost).min_by(f64::total_cmp)?;
    let cheapest = good().filter(|one| price::same(one.cost, least));
    let size = |one: &Priced| points.iter().find(|point| point.index == one.point).map_or(0.0, capacity);
    let smallest = cheapest.min_by(|a, b| size(a).total_cmp(&size(b)).then(a.point.cmp(&b.point)));
    smallest.map(|one| one.point)
}

/// Whether a setting says how large something is that serves requests.
pub fn is_capacity(path: &str) -> bool {
    path.ends_with("slots") || path.ends_with("instances")
}

/// The load that clients offer at a point.
pub fn offered(point: &Point) -> f64 {
    point.metric("request_rate", &Scope::default()).map_or(0.0, |metric| metric.estimate.value)
}

/// How many slots and instances a point sets.
fn capacity(point: &Point) -> f64 {
    let sizes = point.settings.iter().filter(|(path, _)| is_capacity(path));
    sizes.filter_map(|(_, value)| value.as_f64()).sum()
}

/// The comparisons between marked points, and along axes where nothing is marked, as a chart of differences shows
/// them.
fn differences(study: &Study) -> Vec<Difference> {
    let marked: Vec<&str> = study.marks.iter().map(|mark| mark.name.as_str()).collect();
    let is_marked =
        |one: &Comparison| marked.iter().any(|name| one.from_label == *name || one.to_label == *name);
    let any = study.comparisons.iter().any(is_marked);
    let shown = study.comparisons.iter().filter(|one| !any || is_marked(one)).take(DIFFERENCES_MOST);
    shown
        .map(|one| Difference {
            label: label(study, one),
            metric: one.metric.clone(),
            scope: one.scope.clone(),
            unit: one.unit,
            estimate: one.difference,
            bound: None,
        })
        .collect()
}

/// What is compared with what: of two points that are neighbours along an axis, the axis and where both stand on the
/// others, without which several pairs would have one name.
fn label(study: &Study, one: &Comparison) -> String {
    let pair = format!("{} against {}", one.to_label, one.from_label);
    if !study.axes.iter().any(|axis| axis.name == one.along) {
        return pair;
    }
    let mut label = format!("{} {pair}", plan::short(&one.along));
    let mut stride = 1;
    let mut fixed: Vec<String> = Vec::new();
    for axis in study.axes.iter().rev() {
        let step = one.from as usize / stride % axis.labels.len();
        stride *= axis.labels.len();
        if axis.name != one.along {
            fixed.insert(0, format!("{} {}", plan::short(&axis.name), axis.labels[step]));
        }
    }
    if !fixed.is_empty() {
        label.push_str(&format!(", {}", fixed.join(", ")));
    }
    label
}

/// More differences than this are a table, not a chart.
const DIFFERENCES_MOST: usize = 24;

/// The record of a plan whose points are all finished, in order.
pub fn record(outline: Outline, finished: Vec<Finished>) -> Record {
    let study = Study {
        comparisons: compare::comparisons(&outline, &finished),
        sensitivity: compare::sensitivity(&outline, &finished),
        frontier: compare::frontier(&outline, &finished),
        experiment: Some(outline.experiment),
        axes: outline.axes,
        marks: outline.marks,
        ..Study::default()
    };
    let (mut points, provisional): (Vec<Point>, Vec<Provisional>) =
        finished.into_iter().map(|one| (one.point, one.provisional)).unzip();
    let chosen = chosen(&study, &points);
    let shown = chosen.unwrap_or(0);
    for (point, provisional) in points.iter_mut().zip(provisional).filter(|(point, _)| shown != point.index) {
        (point.stretch, point.extremes) = (None, Vec::new());
        provisional.leave_out(point);
    }
    Record {
        schema: SCHEMA.to_owned(),
        kind: Kind::Sweep,
        name: outline.name,
        description: outline.description,
        poolsim: outline.poolsim,
        rng_contract: outline.rng_contract,
        seed: outline.seed,
        fingerprint: record::combined_fingerprint(&points),
        command: outline.command,
        model: outline.model,
        settings: outline.settings,
        points,
        warnings: outline.warnings,
        chosen,
        differences: differences(&study),
        study,
    }
}
