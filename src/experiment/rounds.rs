//! How often a model is replicated: as often as asked, until its figures are narrow enough, or once where nothing is left
//! to chance.
//!
//! Replications come in rounds whose sizes depend on the data alone: the first round has the least number, each later one
//! as many as the widest interval so far asks for (its half-width shrinks with the root of the number), between a quarter
//! more and three times as many, up to a cap.

use super::estimate::{self, EstimateSettings, Estimated, RegimeFound};
use super::metric::{Metric, Scope, Unit};
use super::progress::{Progress, RunError};
use super::record::{Warning, World};
use super::verdict::{self, Evidence, Judgement};
use crate::engine::Breach;
use crate::model::{Model, Replications};
use crate::stats::Replication;
use rayon::prelude::*;

pub(super) fn requests_of(replication: &Replication) -> u64 {
    replication.segments.iter().flat_map(|segment| &segment.classes).map(|class| class.sent).sum()
}

/// What makes one replication: the engine, or in tests something with a known answer.
pub(super) type Simulate<'a> = &'a (dyn Fn(&Model, u64) -> Result<Replication, Breach> + Sync);

/// What is made of replications, and how.
#[derive(Clone, Copy)]
pub(super) struct Keep {
    pub(super) timelines: bool,
    pub(super) curves: bool,
    pub(super) parallel: bool,
}

/// What a sequence of rounds came to.
pub(super) struct Rounds {
    pub(super) replications: Vec<Replication>,
    pub(super) estimated: Estimated,
    pub(super) warning: Option<Warning>,
}

/// Replicates until the figures are narrow enough, the cap is reached, or narrowness means nothing.
pub(super) fn rounds(
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
    // Where nothing is left to chance one replication says all, and its figures have no intervals.
    let exact = model.is_certain();
    let (relative, first, same) = if exact { (None, 1, most > 1) } else { (relative, first, false) };
    let everything = EstimateSettings {
        overloaded: overloaded(model),
        timelines: keep.timelines,
        curves: keep.curves,
        exact,
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
            None => same.then(nothing_random),
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

/// What is said where fewer replications were made than asked for, because each would be the same.
fn nothing_random() -> Warning {
    Warning {
        code: String::from("nothing_random"),
        text: String::from(
            "nothing in this model is left to chance, so every replication would be the same; one was made",
        ),
        advice: String::from("its figures are exact and have no intervals"),
    }
}

/// Whether the model itself says that more work comes in than can be done.
pub(super) fn overloaded(model: &Model) -> bool {
    model.offered_load().into_iter().flatten().any(|load| load >= 1.0)
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
    let evidence = Evidence {
        metrics: &estimated.metrics,
        regime: &estimated.regime,
        replications: made,
        world: World::Simulated,
        certain: false,
    };
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
    use super::super::progress::Silent;
    use super::*;
    use crate::model::RunLength;
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
            slowdown: false,
            prices: Prices::default(),
            targets: crate::model::target::Targets::default(),
            retold: None,
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
