//! Records made by hand for pictures: a run, sweeps of every shape, a comparison, a replay.

use super::sample::{class, estimate, metric, record};
use poolsim::experiment::record::{Kind, Parts, PhaseSpan};
use poolsim::experiment::size::{Candidate, LoadBound, SizeAnswer, SizeRow};
use poolsim::experiment::verdict::Side;
use poolsim::experiment::{
    Activity, Band, Curve, Difference, Judgement, Metric, Point, Record, RegimeFound, Scope, SlotSpan,
    Stretch, Unit, Verdict, World,
};
use poolsim::stats::Estimate;

fn wave(bin: u32, high: f64) -> f64 {
    let spike = if (20..26).contains(&bin) { 2.5 } else { 1.0 };
    high * spike * f64::from(bin.min(20)) / 20.0 + f64::from(bin * 7 % 5) * high * 0.04
}

fn band(name: &str, unit: Unit, high: f64, first: u32) -> Band {
    let values = |by: f64| (0..40).map(|bin| (bin >= first).then(|| wave(bin, high) * by)).collect();
    let (low, median, high) = (values(0.7), values(1.0), values(1.5));
    Band { name: name.into(), scope: Scope::default(), unit, start: 0.0, width: 60.0, median, low, high }
}

/// Courses of everything that is drawn; `by` scales them.
pub(crate) fn courses(by: f64) -> Vec<Band> {
    vec![
        band("arrival_rate", Unit::PerSecond, 0.5 * by, 0),
        band("throughput", Unit::PerSecond, 0.42 * by, 0),
        band("failure_rate", Unit::PerSecond, 0.03 * by, 0),
        band("in_flight", Unit::Count, 14.0 * by, 0),
        band("queue_length", Unit::Count, 6.0 * by, 0),
        band("busy_slots", Unit::Count, 4.0, 0),
        band("latency_p50", Unit::Seconds, 12.0 * by, 2),
        band("latency_p95", Unit::Seconds, 40.0 * by, 2),
    ]
}

/// A distribution whose quantiles fall as a power of the share beyond.
pub(crate) fn curve(name: &str, scope: Scope, count: u64, scale: f64, power: f64) -> Curve {
    let points = 60;
    let decades = libm::log10(2.0 * count as f64);
    let beyond = |n: i32| libm::exp10(-decades * f64::from(n) / f64::from(points - 1));
    let p: Vec<f64> = (0..points).map(|n| 1.0 - beyond(n)).collect();
    let value = (0..points).map(|n| scale * (libm::pow(beyond(n), -power) - 0.9)).collect();
    Curve { name: name.into(), scope, unit: Unit::Seconds, count, p, value }
}

fn spent(scope: &Scope, by: f64) -> Vec<Metric> {
    let parts = [("waiting", 3.2), ("failed", 2.1), ("backoff", 0.8), ("final", 15.3)];
    let part = |(name, value): (&str, f64)| {
        metric(&format!("mean_spent_{name}"), scope.clone(), Unit::Seconds, value * by, 0.1)
    };
    parts.into_iter().map(part).collect()
}

fn ends(scope: &Scope, timeout: f64) -> Vec<Metric> {
    let share = |name: &str, value: f64| {
        let estimate =
            Estimate { value, low: value * 0.7, high: value * 1.3 + 0.0003, n: 34, confidence: 0.95 };
        Metric { name: name.into(), scope: scope.clone(), unit: Unit::Ratio, estimate }
    };
    vec![
        share("prob_timeout", timeout),
        share("prob_block", 0.0),
        share("prob_abandon", timeout * 0.3),
        share("prob_fail", timeout * 1.3),
        share("prob_retry", timeout * 2.0),
        share("prob_unfinished", 0.0),
    ]
}

fn stretch() -> Stretch {
    let mut spans = Vec::new();
    for slot in 0..6 {
        let mut at = f64::from(slot) * 1.7;
        for n in 0..5 {
            let length = 4.0 + f64::from((slot * 5 + n * 3) % 7);
            let activity = match (slot, n) {
                (2, 1) => Activity::Wasted,
                (4, 2) => Activity::Restarting,
                _ => Activity::Serving,
            };
            let busy = activity != Activity::Restarting;
            spans.push(SlotSpan {
                pool: 0,
                slot: Some(slot),
                start: at,
                end: at + length,
                activity,
                class: busy.then_some(u32::from(n == 3)),
                request: busy.then_some(u64::from(slot * 10 + n)),
                outcome: busy
                    .then(|| String::from(if activity == Activity::Wasted { "timeout" } else { "ok" })),
            });
            at += length + 0.5;
        }
    }
    // Request 21 waits, is served in vain, backs off, and is served again in another slot.
    let wasted = spans.iter().find(|span| span.activity == Activity::Wasted).unwrap().clone();
    let again = spans.iter().position(|span| span.slot == Some(5) && span.start > wasted.end + 2.0).unwrap();
    (spans[again].request, spans[again].class) = (wasted.request, wasted.class);
    let back = spans[again].start;
    let outside =
        |activity, start, end| SlotSpan { activity, start, end, slot: None, outcome: None, ..wasted.clone() };
    spans.push(outside(Activity::Waiting, wasted.start - 2.5, wasted.start));
    spans.push(outside(Activity::Backoff, wasted.end, back));
    Stretch { replication: 3, start: 0.0, end: 45.0, followed: wasted.request, left_out: 0, spans }
}

/// A run with everything that a single point can show; the class `batch` never finishes.
pub(crate) fn run() -> Record {
    let mut record = record();
    let point = &mut record.points[0];
    let phase = |name: &str, start: f64, end: f64| PhaseSpan { name: name.into(), start, end };
    point.parts.phases =
        vec![phase("ramp", 0.0, 1200.0), phase("spike", 1200.0, 1560.0), phase("cool-down", 1560.0, 2400.0)];
    point.parts.classes.push(String::from("batch"));
    point.timelines = courses(1.0);
    point.curves = vec![
        curve("latency", Scope::default(), 13_600, 10.0, 0.35),
        curve("latency_ok", Scope::default(), 13_000, 9.0, 0.28),
        curve("latency", class("generation"), 10_880, 14.0, 0.33),
        curve("latency_ok", class("generation"), 10_300, 12.0, 0.27),
        curve("latency", class("validators"), 2_720, 0.2, 0.4),
    ];
    for name in ["generation", "validators"] {
        point.metrics.extend(spent(&class(name), if name == "generation" { 1.0 } else { 0.05 }));
        point.metrics.extend(ends(&class(name), if name == "generation" { 0.02 } else { 0.0 }));
    }
    point.stretch = Some(stretch());
    record
}

/// What a point of a sweep answers: p95 falls with slots and rises with the time-out; four slots are too few.
fn swept(index: u64, slots: u32, timeout: u32) -> Point {
    let mut point = run().points.remove(0);
    let load = 4.6 / f64::from(slots);
    let p95 = 20.0 + 40.0 * load * load * load + f64::from(timeout) * 0.12 * load;
    point.index = index;
    point.settings = vec![
        ("pool.generation.slots".into(), slots.into()),
        ("pool.generation.timeout".into(), format!("{timeout}s").into()),
    ];
    point.stretch = None;
    point.fingerprint = format!("{index:016x}");
    point.warnings.clear();
    point.timelines = courses(load);
    point.metrics = vec![
        metric("latency_p95", Scope::default(), Unit::Seconds, p95, p95 * 0.04),
        metric("latency_p95", class("generation"), Unit::Seconds, p95 * 1.1, p95 * 0.05),
        metric("latency_p95", class("validators"), Unit::Seconds, p95 * 0.02, p95 * 0.002),
        metric("goodput", Scope::default(), Unit::PerSecond, 0.16 - 0.02 * load, 0.003),
        metric("utilization", Scope::default(), Unit::Ratio, (load * 0.9).min(1.0), 0.01),
        metric("request_rate", Scope::default(), Unit::PerSecond, 0.17, 0.001),
    ];
    point.metrics.extend(ends(&Scope::default(), 0.03 * load * load * 60.0 / f64::from(timeout)));
    point.metrics.extend(spent(&Scope::default(), load));
    let pool = Scope { pool: Some("workers".into()), ..Scope::default() };
    let busy = (load * 0.8).min(0.9);
    point.metrics.push(metric("share_useful", pool.clone(), Unit::Ratio, busy, 0.01));
    point.metrics.push(metric("share_wasted", pool.clone(), Unit::Ratio, 0.08, 0.01));
    point.metrics.push(metric("share_wasted_timeout", pool.clone(), Unit::Ratio, 0.06, 0.01));
    point.metrics.push(metric("share_wasted_crash", pool.clone(), Unit::Ratio, 0.02, 0.01));
    point.metrics.push(metric("share_idle", pool, Unit::Ratio, 0.92 - busy, 0.01));
    let judgement = match p95 {
        p95 if p95 < 48.0 => Judgement::Met,
        p95 if p95 < 55.0 => Judgement::Undecided,
        _ => Judgement::Missed,
    };
    point.verdicts = vec![Verdict {
        metric: "latency_p95".into(),
        scope: Scope::default(),
        unit: Unit::Seconds,
        side: Side::AtMost,
        bound: 50.0,
        confidence: 0.95,
        judgement,
        estimate: Some(estimate(p95, p95 * 0.04)),
        reason: String::from("by its interval"),
        replications_needed: None,
        requests_needed: None,
        indifference: None,
    }];
    if slots < 4 {
        point.regime = RegimeFound::Unstable { growth_per_second: estimate(0.02, 0.001) };
        point.metrics.retain(|metric| metric.unit != Unit::Seconds);
        point.curves.clear();
    }
    point
}

/// A sweep over these slots and time-outs; one cell is missing where `hole` says so.
pub(crate) fn sweep(slots: &[u32], timeouts: &[u32], hole: Option<usize>) -> Record {
    let mut record = record();
    record.kind = Kind::Sweep;
    record.points.clear();
    for &slots in slots {
        for &timeout in timeouts {
            record.points.push(swept(record.points.len() as u64, slots, timeout));
        }
    }
    if let Some(hole) = hole {
        record.points.remove(hole);
    }
    record.chosen =
        record.points.iter().find(|point| point.verdicts[0].judgement == Judgement::Met).map(|p| p.index);
    record
}

/// A sweep over load, past the knee.
pub(crate) fn load_sweep() -> Record {
    let mut record = sweep(&[8], &[60], None);
    let base = record.points.remove(0);
    for (index, rate) in [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0].into_iter().enumerate() {
        let mut point = base.clone();
        point.index = index as u64;
        point.settings = vec![("load.rate".into(), format!("{rate}/s").into())];
        let good = if rate <= 10.0 { rate * 0.99 } else { 10.0 - (rate - 10.0) * 0.8 };
        point.metrics = vec![
            metric("request_rate", Scope::default(), Unit::PerSecond, rate, 0.02),
            metric("goodput", Scope::default(), Unit::PerSecond, good, 0.1),
            metric("attempt_rate", Scope::default(), Unit::PerSecond, rate + (rate - good) * 1.5, 0.1),
            metric("failure_rate", Scope::default(), Unit::PerSecond, rate - good, 0.05),
            metric("latency_p95", Scope::default(), Unit::Seconds, 0.4 + rate * rate * rate * 0.01, 0.2),
        ];
        point.metrics.extend(ends(&Scope::default(), (rate - good) / rate));
        record.points.push(point);
    }
    record.chosen = None;
    record
}

/// Differences of two units, with and without a bound.
pub(crate) fn check() -> Record {
    let mut record = run();
    record.kind = Kind::Check;
    let difference = |label: &str, metric: &str, unit, value: f64, half: f64, bound| Difference {
        label: label.into(),
        metric: metric.into(),
        scope: class("generation"),
        unit,
        estimate: estimate(value, half),
        bound,
    };
    record.differences = vec![
        difference("8 slots against 6", "latency_p95", Unit::Seconds, -21.0, 3.0, Some(2.0)),
        difference("8 slots against 6", "latency_p50", Unit::Seconds, -0.4, 0.9, Some(2.0)),
        difference("8 slots against 6", "latency_p99", Unit::Seconds, 6.0, 2.0, Some(2.0)),
        difference("8 slots against 6", "prob_timeout", Unit::Ratio, -0.012, 0.004, None),
    ];
    record
}

/// A simulated and a real point.
pub(crate) fn replay() -> Record {
    let mut record = run();
    record.kind = Kind::Replay;
    let mut real = record.points[0].clone();
    real.world = World::Real;
    real.index = 1;
    real.timelines = courses(1.15);
    real.curves = vec![
        curve("latency", Scope::default(), 13_600, 10.6, 0.36),
        curve("latency", class("generation"), 10_880, 14.4, 0.35),
        curve("latency", class("validators"), 2_720, 0.24, 0.4),
    ];
    record.points.push(real);
    let difference = |metric: &str, unit, value: f64, half: f64, bound: f64| Difference {
        label: String::from("real against simulated"),
        metric: metric.into(),
        scope: class("generation"),
        unit,
        estimate: estimate(value, half),
        bound: Some(bound),
    };
    record.differences = vec![
        difference("latency_p50", Unit::Seconds, 0.3, 0.5, 1.2),
        difference("latency_p95", Unit::Seconds, 1.9, 2.4, 3.5),
        difference("latency_p99", Unit::Seconds, 9.0, 2.0, 5.0),
        difference("prob_timeout", Unit::Ratio, -0.002, 0.004, 0.01),
    ];
    record
}

/// The run with nothing measured.
pub(crate) fn empty() -> Record {
    let mut record = record();
    let point = &mut record.points[0];
    point.metrics.clear();
    point.timelines.clear();
    point.verdicts.clear();
    point.parts = Parts::default();
    record
}

/// A search for a size: three slots carry too little, four pass; the load of two was never shown to pass.
pub(crate) fn sizing() -> Record {
    let mut record = sweep(&[3, 4], &[60], None);
    record.kind = Kind::Size;
    let candidate = |size: u32, judgement| Candidate {
        size,
        judgement,
        unstable: size < 3,
        replications: 40,
        verdicts: swept(0, 4, 60).verdicts,
    };
    let load = |size: u32, carries: Option<f64>, fails: Option<f64>| {
        let estimate = carries.zip(fails).map(|(low, high)| (low + high) / 2.0);
        LoadBound { size, carries, estimate, fails }
    };
    record.study.size = Some(Box::new(SizeAnswer {
        capacity: String::from("pool.generation.slots"),
        confidence: 0.95,
        indifference: 0.1,
        rows: vec![SizeRow {
            label: String::from("time-out 60s"),
            settings: Vec::new(),
            smallest: Some(4),
            judgement: Judgement::Met,
            sentence: String::from("4 slots are enough, and 3 are not."),
            replications_needed: None,
            more_is_worse: false,
            candidates: vec![
                candidate(2, Judgement::Missed),
                candidate(3, Judgement::Missed),
                candidate(4, Judgement::Met),
            ],
        }],
        chosen: 0,
        why: vec![String::from("3 slots fail by latency_p95 <of> generation.")],
        changes: Vec::new(),
        cliffs: Vec::new(),
        loads: vec![
            load(2, None, Some(0.6)),
            load(3, Some(0.85), Some(0.95)),
            load(4, Some(1.15), Some(1.3)),
            load(5, Some(1.5), None),
        ],
        probes: Vec::new(),
    }));
    record
}
