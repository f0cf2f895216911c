//! One model, one point: replications until the figures are as narrow as was asked.
//!
//! Replications run in parallel and are collected and reduced in index order, so a record's bytes do not depend on
//! the number of threads. They come in rounds whose sizes depend on the data alone: the first round has the least
//! number, each later one as many as the widest interval so far asks for (its half-width shrinks with the root of
//! the number), between a quarter more and three times as many, up to a cap.

use super::draws::Draws;
use super::estimate::{self, EstimateSettings, Estimated, RegimeFound, Wanted};
use super::follow;
use super::metric::{Metric, Scope, Unit};
use super::price;
use super::record::{
    self, Each, GivenModel, Kind, Parts, PhaseSpan, Point, Record, SCHEMA, Setting, Settings, Warning, World,
};
use super::study::Study;
use super::verdict::{self, Evidence, Judgement, overall};
use crate::engine::{self, Breach};
use crate::model::{Model, Replications, RunLength};
use crate::random::RNG_CONTRACT;
use crate::stats::Replication;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// What watches a run from outside. It may draw a bar or stop the run; it never changes a figure.
pub trait Progress: Sync {
    /// So many replications are now planned in total.
    fn planned(&self, _replications: u64) {}
    /// A replication with so many requests is done.
    fn done(&self, _requests: u64) {}
    /// Whether to stop at the next replication.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}

/// Why a run has no result.
#[derive(Clone, Debug, PartialEq)]
pub enum RunError {
    /// A law was broken: a defect, with what repeats it.
    Breach(Breach),
    /// What was believed cannot be run, in words.
    Failed(String),
    /// Someone asked to stop.
    Interrupted,
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RunError::Breach(breach) => {
                write!(f, "a self-check failed, which is a defect of poolsim: {breach}")
            }
            RunError::Failed(why) => f.write_str(why),
            RunError::Interrupted => write!(f, "interrupted"),
        }
    }
}

impl std::error::Error for RunError {}

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
    /// Whether bands over time are made.
    pub timelines: bool,
    /// Whether quantile curves are made.
    pub curves: bool,
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
        timelines: true,
        curves: true,
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
        if !task.timelines {
            // The bulk of a timeline; what is left of it tells growth.
            replication.timeline.bins.iter_mut().for_each(|bin| bin.latency = Vec::new());
        }
        Ok(replication)
    };
    let keep = Keep { timelines: task.timelines, curves: task.curves, parallel: task.parallel };
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
    Ok(Finished { point, samples })
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
    let evidence = Evidence { metrics: &estimated.metrics, regime: &estimated.regime, replications: made };
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
        world: World::Simulated,
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
    let settings =
        EstimateSettings { timelines: false, curves: false, ..EstimateSettings::new(model.run.confidence) };
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

pub(super) fn requests_of(replication: &Replication) -> u64 {
    replication.segments.iter().flat_map(|segment| &segment.classes).map(|class| class.sent).sum()
}

/// What makes one replication: the engine, or in tests something with a known answer.
pub(super) type Simulate<'a> = &'a (dyn Fn(&Model, u64) -> Result<Replication, Breach> + Sync);

/// What is made of replications, and how.
#[derive(Clone, Copy)]
struct Keep {
    timelines: bool,
    curves: bool,
    parallel: bool,
}

/// What a sequence of rounds came to.
struct Rounds {
    replications: Vec<Replication>,
    estimated: Estimated,
    warning: Option<Warning>,
}

/// Replicates until the figures are narrow enough, the cap is reached, or narrowness means nothing.
fn rounds(
    model: &Model,
    progress: &dyn Progress,
    simulate: Simulate<'_>,
    keep: Keep,
) -> Result<Rounds, RunError> {
    let (relative, first, most) = match model.run.replications {
        Replications::Fixed(n) => (None, u64::from(n.max(1)), u64::from(n.max(1))),
        Replications::Precision { relative, min, max } => {
            (Some(relative), u64::from(min.max(2)), u64::from(max.max(min).max(2)))
        }
    };
    let overloaded = model.offered_load().into_iter().flatten().any(|load| load >= 1.0);
    let everything = EstimateSettings {
        overloaded,
        timelines: keep.timelines,
        curves: keep.curves,
        ..EstimateSettings::new(model.run.confidence)
    };
    // Courses and curves are wanted once, at the end.
    let figures = EstimateSettings { timelines: false, curves: false, ..everything };
    let mut replications = Vec::new();
    let mut total = first;
    loop {
        progress.planned(total);
        let next = replications.len() as u64..total;
        replications.extend(replicate(model, next, progress, simulate, keep.parallel)?);
        let widest = relative.and_then(|asked| {
            let estimated = estimate::metrics(model, &replications, &figures);
            Some((widest(model, &estimated, total, asked)?, asked))
        });
        let warning = match widest {
            None => None,
            Some((widest, asked)) if total >= most => Some(not_reached(&widest, total, asked)),
            Some((widest, asked)) => {
                total = next_total(total, widest.replications_for(total, asked), most);
                continue;
            }
        };
        let estimated = estimate::metrics(model, &replications, &everything);
        return Ok(Rounds { replications, estimated, warning });
    }
}

/// The number of replications after the next round.
fn next_total(total: u64, needed: f64, most: u64) -> u64 {
    let needed = if needed.is_finite() { needed.ceil() as u64 } else { u64::MAX };
    needed.clamp(total + total.div_ceil(4), total * 3).min(most)
}

/// Runs replications of a range; the first failure in index order wins.
pub(super) fn replicate(
    model: &Model,
    range: std::ops::Range<u64>,
    progress: &dyn Progress,
    simulate: Simulate<'_>,
    parallel: bool,
) -> Result<Vec<Replication>, RunError> {
    let one = |index: u64| {
        if progress.interrupted() {
            return Err(RunError::Interrupted);
        }
        let replication = simulate(model, index).map_err(RunError::Breach)?;
        progress.done(requests_of(&replication));
        Ok(replication)
    };
    if !parallel {
        return range.map(one).collect();
    }
    let results: Vec<Result<Replication, RunError>> = range.into_par_iter().map(one).collect();
    results.into_iter().collect()
}

/// The metric whose interval is widest against what was asked.
#[derive(Debug, PartialEq)]
struct Widest {
    what: String,
    relative: f64,
}

impl Widest {
    /// Replications that make it as narrow as asked, with a tenth to spare.
    fn replications_for(&self, made: u64, asked: f64) -> f64 {
        let ratio = self.relative / asked;
        made as f64 * ratio * ratio * 1.1
    }
}

/// The widest interval among the metrics that count, or `None` when all are narrow enough. An unstable regime has no
/// figures that replications would narrow.
fn widest(model: &Model, estimated: &Estimated, made: u64, asked: f64) -> Option<Widest> {
    if matches!(estimated.regime, RegimeFound::Unstable { .. }) {
        return None;
    }
    targets(model, estimated, made)
        .into_iter()
        .filter_map(|metric| {
            let relative = relative_half_width(metric)?;
            (relative > asked).then(|| Widest { what: describe(&metric.name, &metric.scope), relative })
        })
        .reduce(|one, two| if two.relative > one.relative { two } else { one })
}

/// The metrics whose intervals must be narrow: those of the objectives, or without objectives mean and p95 of each
/// class's latency. A share or count is narrow enough once its objective is decided: two per cent of a rare event
/// would take millions of requests and tell nobody more.
fn targets<'a>(model: &Model, estimated: &'a Estimated, made: u64) -> Vec<&'a Metric> {
    if model.objectives.is_empty() {
        let main = |metric: &&Metric| {
            let scope = &metric.scope;
            let by_class = scope.class.is_some() && scope.phase.is_none() && scope.pool.is_none();
            by_class && (metric.name == "mean_latency" || metric.name == "latency_p95")
        };
        return estimated.metrics.iter().filter(main).collect();
    }
    let evidence = Evidence { metrics: &estimated.metrics, regime: &estimated.regime, replications: made };
    let open = |objective: &&crate::model::Objective| {
        verdict::metric_of(objective, &estimated.metrics).is_some_and(|metric| {
            metric.unit == Unit::Seconds
                || verdict::judge(objective, &evidence).judgement == Judgement::Undecided
        })
    };
    let open = model.objectives.iter().filter(open);
    open.filter_map(|objective| verdict::metric_of(objective, &estimated.metrics)).collect()
}

/// Half the width of an interval over its value; `None` where that means nothing.
fn relative_half_width(metric: &Metric) -> Option<f64> {
    let estimate = &metric.estimate;
    let half = (estimate.high - estimate.low) / 2.0;
    let relative = half / estimate.value.abs();
    (estimate.value != 0.0 && !relative.is_nan()).then_some(relative)
}

fn describe(name: &str, scope: &Scope) -> String {
    let parts = [&scope.class, &scope.phase, &scope.pool, &scope.host];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    if parts.is_empty() { name.to_owned() } else { format!("{name} of {}", parts.join(", ")) }
}

fn not_reached(widest: &Widest, made: u64, asked: f64) -> Warning {
    let needed = widest.replications_for(made, asked);
    let advice = if needed.is_finite() {
        format!("about {needed:.0} replications would reach it; or ask for less with --precision")
    } else {
        String::from("make the run longer, or ask for less with --precision")
    };
    Warning {
        code: String::from("precision_not_reached"),
        text: format!(
            "{made} replications gave {} to ±{:.1} %, not to the ±{:.1} % asked for",
            widest.what,
            widest.relative * 100.0,
            asked * 100.0
        ),
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Class, Fates, Prices, Regime, RunSettings, WarmUp};
    use crate::outcome::Outcome;
    use crate::random::{Purpose, Streams};
    use crate::stats::{ClassTally, Segment};
    use crate::time::{Span, Time};
    use crate::workload::Distribution;

    const ALL: Keep = Keep { timelines: true, curves: true, parallel: true };

    #[test]
    fn a_round_asks_for_what_the_widest_interval_needs_within_limits() {
        let widest = Widest { what: String::from("latency_p95"), relative: 0.04 };
        // Twice as wide as asked: four times the replications, and a tenth to spare.
        assert!((widest.replications_for(10, 0.02) - 44.0).abs() < 1e-9);
        assert_eq!(next_total(10, 44.0, 1000), 30, "never more than three times");
        assert_eq!(next_total(10, 11.0, 1000), 13, "never less than a quarter more");
        assert_eq!(next_total(10, 25.0, 20), 20, "never above the cap");
        assert_eq!(next_total(10, f64::INFINITY, 1000), 30);
    }

    /// A model of one class, enough for the statistics.
    fn model(replications: Replications) -> Model {
        let class = Class {
            name: String::from("short"),
            demand: Distribution::Deterministic { value: 0.01 },
            cpu_share: 0.0,
            redraw_demand: false,
            priority: 0,
            estimate_error: 0.0,
            fates: Fates::default(),
        };
        let run = RunSettings {
            length: RunLength::Horizon(Time::from_nanos(100_000_000_000)),
            regime: Regime::Terminating,
            warm_up: WarmUp::Auto,
            replications,
            confidence: 0.95,
            seed: 7,
            bin: None,
            drain: false,
        };
        Model {
            name: String::from("known"),
            description: String::new(),
            run,
            phases: Vec::new(),
            classes: vec![class],
            sources: Vec::new(),
            pools: Vec::new(),
            routes: Vec::new(),
            hosts: Vec::new(),
            faults: Vec::new(),
            objectives: Vec::new(),
            prices: Prices::default(),
            targets: crate::model::target::Targets::default(),
        }
    }

    /// A hundred requests with exponential latencies of mean 1 s.
    fn known(model: &Model, index: u64) -> Result<Replication, Breach> {
        let mut stream = Streams::new(model.run.seed, index).stream(Purpose::Search, 0);
        let mut class = ClassTally { sent: 100, attempts: 100, ..ClassTally::default() };
        class.outcomes[Outcome::Ok as usize] = 100;
        for _ in 0..100 {
            class.latency_ok.record(Span::from_secs(stream.exp1()));
        }
        let end = Time::from_nanos(100_000_000_000);
        let segment = Segment { end, classes: vec![class], ..Segment::default() };
        let fingerprint = stream.word();
        Ok(Replication {
            index,
            fingerprint,
            events: 200,
            end,
            segments: vec![segment],
            ..Replication::default()
        })
    }

    fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn rounds_end_when_the_figures_are_as_narrow_as_asked_whatever_the_threads() {
        let model = model(Replications::Precision { relative: 0.02, min: 10, max: 2000 });
        let made = |threads| on_threads(threads, || rounds(&model, &Silent, &known, ALL).unwrap());
        let (one, three) = (made(1), made(3));
        assert_eq!(one.replications, three.replications);
        assert_eq!(one.estimated, three.estimated);
        assert_eq!(one.warning, None);
        let targets = targets(&model, &one.estimated, one.replications.len() as u64);
        assert_eq!(targets.len(), 2, "mean and p95 of the class");
        assert!(targets.iter().all(|metric| relative_half_width(metric).unwrap() <= 0.02));
        // The p95 of an exponential sample of n has a standard error of about 4.36 / 3 / sqrt(n): n is near 20 000.
        let n = one.replications.len();
        assert!((60..=600).contains(&n), "{n} replications");
    }

    #[test]
    fn the_cap_ends_the_rounds_with_a_warning() {
        let model = model(Replications::Precision { relative: 0.001, min: 10, max: 40 });
        let rounds = rounds(&model, &Silent, &known, ALL).unwrap();
        assert_eq!(rounds.replications.len(), 40);
        assert_eq!(rounds.warning.unwrap().code, "precision_not_reached");
    }

    #[test]
    fn a_fixed_number_is_kept_to() {
        let rounds = rounds(&model(Replications::Fixed(7)), &Silent, &known, ALL).unwrap();
        assert_eq!(
            rounds.replications.iter().map(|one| one.index).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 5, 6]
        );
    }

    #[test]
    fn the_first_breach_in_index_order_is_the_one_reported() {
        let model = model(Replications::Fixed(20));
        let breaks = |model: &Model, index: u64| match index {
            5 | 12 => Err(Breach { message: String::from("lost a job"), seed: 7, replication: index }),
            _ => known(model, index),
        };
        for threads in [1, 4] {
            let error = on_threads(threads, || rounds(&model, &Silent, &breaks, ALL)).err().unwrap();
            assert!(error.to_string().ends_with("lost a job (seed 7, replication 5)"), "{error}");
        }
    }

    #[test]
    fn an_interrupted_run_has_no_result() {
        struct Stop;
        impl Progress for Stop {
            fn interrupted(&self) -> bool {
                true
            }
        }
        let stopped = rounds(&model(Replications::Fixed(3)), &Stop, &known, ALL);
        assert_eq!(stopped.err(), Some(RunError::Interrupted));
    }

    #[test]
    fn the_warning_says_what_was_reached_and_what_it_would_take() {
        let widest = Widest { what: String::from("latency_p95 of short"), relative: 0.06 };
        let warning = not_reached(&widest, 100, 0.02);
        assert_eq!(
            warning.text,
            "100 replications gave latency_p95 of short to ±6.0 %, not to the ±2.0 % asked for"
        );
        assert!(warning.advice.starts_with("about 990 replications"), "{}", warning.advice);
    }
}
