//! A record made by hand: two classes, two phases, every kind of verdict.

use poolsim::experiment::record::{GivenModel, Kind, Parts, PhaseSpan, SCHEMA, Settings, Warning, World};
use poolsim::experiment::verdict::Side;
use poolsim::experiment::{Band, Judgement, Metric, Point, Record, RegimeFound, Scope, Unit, Verdict};
use poolsim::stats::Estimate;

pub(crate) fn estimate(value: f64, half: f64) -> Estimate {
    Estimate { value, low: value - half, high: value + half, n: 34, confidence: 0.95 }
}

pub(crate) fn class(name: &str) -> Scope {
    Scope { class: Some(name.to_owned()), ..Scope::default() }
}

fn in_phase(scope: Scope, phase: &str) -> Scope {
    Scope { phase: Some(phase.to_owned()), ..scope }
}

pub(crate) fn metric(name: &str, scope: Scope, unit: Unit, value: f64, half: f64) -> Metric {
    Metric { name: name.to_owned(), scope, unit, estimate: estimate(value, half) }
}

fn times(scope: &Scope, scale: f64) -> Vec<Metric> {
    let time = |name: &str, value: f64| {
        metric(name, scope.clone(), Unit::Seconds, value * scale, value * scale * 0.02)
    };
    vec![
        metric("count_sent", scope.clone(), Unit::Count, 400.0 * scale, 0.0),
        time("mean_latency", 21.4),
        time("latency_p50", 18.0),
        time("latency_p95", 44.1),
        time("latency_p99", 61.0),
        time("mean_wait", 3.2),
        time("wait_p95", 12.0),
        metric("count_ok", scope.clone(), Unit::Count, 396.0 * scale, 2.0),
        metric("count_timeout", scope.clone(), Unit::Count, 4.0 * scale, 1.0),
    ]
}

fn metrics() -> Vec<Metric> {
    let pool = Scope { pool: Some("workers".into()), ..Scope::default() };
    let host = Scope { host: Some("node".into()), ..Scope::default() };
    let mut metrics = times(&Scope::default(), 1.0);
    metrics.extend(times(&class("generation"), 0.8));
    metrics.extend(times(&in_phase(class("generation"), "ramp"), 0.5));
    metrics.extend(times(&in_phase(class("generation"), "spike"), 0.7));
    metrics.extend(times(&class("validators"), 0.01));
    metrics.push(metric("throughput", Scope::default(), Unit::PerSecond, 0.165, 0.004));
    metrics.push(metric("utilization", pool.clone(), Unit::Ratio, 0.71, 0.012));
    metrics.push(metric("mean_queue_length", pool.clone(), Unit::Count, 1.43, 0.11));
    metrics.push(metric("share_useful", pool.clone(), Unit::Ratio, 0.66, 0.01));
    metrics.push(metric("share_wasted", pool.clone(), Unit::Ratio, 0.05, 0.004));
    metrics.push(metric("share_wasted_timeout", pool.clone(), Unit::Ratio, 0.04, 0.004));
    metrics.push(metric("share_wasted_error", pool.clone(), Unit::Ratio, 0.01, 0.002));
    metrics.push(metric("share_idle", pool, Unit::Ratio, 0.29, 0.012));
    metrics.push(metric("core_utilization", host, Unit::Ratio, 0.93, 0.01));
    metrics
}

fn verdict(metric: &str, scope: Scope, unit: Unit, bound: f64, judgement: Judgement) -> Verdict {
    Verdict {
        metric: metric.to_owned(),
        scope,
        unit,
        side: Side::AtMost,
        bound,
        confidence: 0.95,
        judgement,
        estimate: None,
        reason: String::from("the whole interval is on the good side of the bound"),
        replications_needed: None,
        requests_needed: None,
        indifference: None,
    }
}

fn verdicts() -> Vec<Verdict> {
    let missed = Verdict {
        estimate: Some(estimate(81.0, 2.4)),
        reason: String::from("the whole interval is on the wrong side of the bound"),
        ..verdict(
            "latency_p95",
            in_phase(class("generation"), "spike"),
            Unit::Seconds,
            75.0,
            Judgement::Missed,
        )
    };
    let undecided = Verdict {
        estimate: Some(estimate(0.0094, 0.002)),
        reason: String::from("the interval straddles the bound; about 410 replications would settle it"),
        replications_needed: Some(410),
        ..verdict("prob_retry", class("generation"), Unit::Ratio, 0.01, Judgement::Undecided)
    };
    let met = Verdict {
        estimate: Some(estimate(0.0, 0.0)),
        reason: String::from("none in 13600 requests: at 95 % confidence fewer than 1 in 3541"),
        ..verdict("rate_timeout", class("validators"), Unit::Ratio, 0.0, Judgement::Met)
    };
    vec![missed, undecided, met]
}

fn band(name: &str, unit: Unit, median: Vec<Option<f64>>) -> Band {
    let scaled = |by: f64| median.iter().map(|value| value.map(|value| value * by)).collect();
    Band {
        name: name.to_owned(),
        scope: Scope::default(),
        unit,
        start: 0.0,
        width: 60.0,
        low: scaled(0.5),
        high: scaled(2.0),
        median,
    }
}

fn point() -> Point {
    let phase = |name: &str, start: f64, end: f64| PhaseSpan { name: name.into(), start, end };
    Point {
        index: 0,
        label: String::new(),
        settings: Vec::new(),
        parts: Parts {
            classes: vec!["generation".into(), "validators".into()],
            phases: vec![phase("ramp", 0.0, 1200.0), phase("spike", 1200.0, 2400.0)],
            pools: vec!["workers".into()],
            hosts: vec!["node".into()],
        },
        regime: RegimeFound::Terminating,
        warm_up: Vec::new(),
        replications: 34,
        requests: 13_600,
        events: 81_234,
        metrics: metrics(),
        verdicts: verdicts(),
        timelines: vec![
            band("queue_length", Unit::Count, (0..40).map(|n| Some(f64::from(n * n % 17))).collect()),
            band("latency_p95", Unit::Seconds, (0..40).map(|n| (n > 3).then(|| f64::from(n))).collect()),
        ],
        curves: Vec::new(),
        extremes: Vec::new(),
        fingerprint: String::from("0123456789abcdef"),
        warnings: vec![Warning {
            code: "precision_not_reached".into(),
            text: "34 replications gave latency_p95 of generation to ±2.9 %, not to the ±2.0 % asked for"
                .into(),
            advice: "about 79 replications would reach it; or ask for less with --precision".into(),
        }],
        world: World::Simulated,
        stretch: None,
        each: Vec::new(),
    }
}

/// The record.
pub(crate) fn record() -> Record {
    Record {
        schema: SCHEMA.to_owned(),
        kind: Kind::Run,
        name: String::from("orchestrator"),
        description: String::from("A pool of workers"),
        poolsim: String::from("0.1.0"),
        rng_contract: 1,
        seed: 7,
        fingerprint: String::from("0123456789abcdef"),
        command: String::from("poolsim run models/orchestrator.toml --seed 7"),
        model: GivenModel {
            file: "models/orchestrator.toml".into(),
            text: "name = \"orchestrator\"\n".into(),
        },
        settings: Settings {
            confidence: 0.95,
            precision: Some(0.02),
            replications: 34,
            horizon: Some(2400.0),
            drain: false,
            requests: None,
            overrides: Vec::new(),
        },
        points: vec![point()],
        warnings: Vec::new(),
        chosen: None,
        differences: Vec::new(),
        study: Default::default(),
    }
}
