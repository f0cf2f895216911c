//! Figures of replications small enough to check by hand.

use super::*;
use crate::model::{
    Class, Contention, Fates, Host, Phase, Pool, Prices, Regime, Replications, RunLength, RunSettings,
    Transport, WarmUp, WorkerLife,
};
use crate::outcome::Outcome;
use crate::policy::{PoolSettings, Slots};
use crate::random::{Purpose, Streams};
use crate::stats::{ClassTally, HostTally, PoolTally, Segment, SlotUse, Timeline, TimelineBin};
use crate::time::{Span, Time};
use crate::workload::Distribution;

fn second(n: u64) -> Time {
    Time::ZERO + Span::from_whole_secs(n)
}

fn pool(name: &str) -> Pool {
    let none = Distribution::Deterministic { value: 0.0 };
    let settings = PoolSettings::fifo(Slots::Limited(4));
    let life = WorkerLife {
        start_up: none.clone(),
        start_up_cpu: 0.0,
        first_start_up: Vec::new(),
        restart_delay: none.clone(),
        kill_exit: none.clone(),
        crash_exit: none.clone(),
        heartbeat_interval: Span::NEVER,
        spawn_failure: 0.0,
        never_ready: 0.0,
        warm_start: true,
        ready_before: Vec::new(),
        write_error: 0.0,
    };
    let transport =
        Transport { dispatch: none.clone(), late: none.clone(), reply: none.clone(), timer_late: none };
    Pool {
        name: name.to_string(),
        settings,
        instances: 1,
        hosts: Vec::new(),
        processor_sharing: false,
        waiting_limit: None,
        timeout: None,
        life,
        transport,
        breakdown: None,
        autoscaler: None,
        implicit: false,
    }
}

fn model(regime: Regime, classes: &[&str], phases: &[&str]) -> Model {
    let class = |name: &&str| Class {
        name: name.to_string(),
        demand: Distribution::Exponential { mean: 1.0 },
        cpu_share: 0.0,
        redraw_demand: false,
        priority: 0,
        estimate_error: 0.0,
        fates: Fates::default(),
    };
    let phase = |(index, name): (usize, &&str)| Phase {
        name: name.to_string(),
        start: second(10 * index as u64),
        end: second(10 * (index as u64 + 1)),
    };
    Model {
        name: String::from("by-hand"),
        description: String::new(),
        run: RunSettings {
            length: RunLength::Horizon(second(20)),
            regime,
            warm_up: WarmUp::Auto,
            replications: Replications::Fixed(2),
            confidence: 0.95,
            seed: 1,
            bin: None,
            drain: false,
        },
        phases: phases.iter().enumerate().map(phase).collect(),
        classes: classes.iter().map(class).collect(),
        sources: Vec::new(),
        pools: vec![pool("main")],
        routes: Vec::new(),
        hosts: vec![Host { name: String::from("box"), contention: Contention::Cores(2.0) }],
        faults: Vec::new(),
        objectives: Vec::new(),
        slowdown: false,
        prices: Prices::default(),
        targets: crate::model::target::Targets::default(),
        retold: None,
    }
}

/// Requests whose latencies are these, all ok, each with half of its latency as wait.
fn served(latencies_ms: &[u64]) -> ClassTally {
    let mut tally = ClassTally::default();
    for &ms in latencies_ms {
        let (latency, wait) = (Span::from_millis(ms), Span::from_millis(ms / 2));
        tally.sent += 1;
        tally.attempts += 1;
        tally.accepted += 1;
        tally.delayed += u64::from(ms >= 2);
        tally.outcomes[Outcome::Ok as usize] += 1;
        tally.latency_ok.record(latency);
        tally.wait_served.record(wait);
        tally.sojourn_served.record(latency);
        tally.service += u128::from((latency - wait).nanos());
        tally.spent_waiting += u128::from(wait.nanos());
        tally.spent_final += u128::from((latency - wait).nanos());
    }
    tally
}

/// One more request that gave up in the queue after this wait.
fn reneged(mut tally: ClassTally, ms: u64) -> ClassTally {
    tally.sent += 1;
    tally.attempts += 1;
    tally.accepted += 1;
    tally.delayed += 1;
    tally.outcomes[Outcome::Reneged as usize] += 1;
    tally.latency_failed.record(Span::from_millis(ms));
    tally.wait_left.record(Span::from_millis(ms));
    tally.spent_waiting += u128::from(Span::from_millis(ms).nanos());
    tally
}

fn segment(phase: usize, from: u64, to: u64, classes: Vec<ClassTally>) -> Segment {
    let whole = u128::from(second(to).since(second(from)).nanos());
    let slots = SlotUse {
        useful: whole,
        wasted: [whole / 4, whole / 4, 0, 0, 0],
        restarting: whole / 2,
        idle: 2 * whole,
        capacity: 4 * whole,
        ..SlotUse::default()
    };
    let pool = PoolTally { queue: 3 * whole, busy: 2 * whole, queue_max: 7, slots, ..PoolTally::default() };
    Segment {
        phase,
        start: second(from),
        end: second(to),
        classes,
        pools: vec![pool],
        hosts: vec![HostTally { used: (to - from) as f64, capacity: 2.0 * (to - from) as f64 }],
        in_flight: 5 * whole,
        in_backoff: 0,
    }
}

fn run(index: u64, segments: Vec<Segment>) -> Replication {
    let end = segments.last().map_or(Time::ZERO, |last| last.end);
    Replication { index, end, segments, ..Replication::default() }
}

fn scope(class: Option<&str>, phase: Option<&str>) -> Scope {
    Scope { class: class.map(String::from), phase: phase.map(String::from), ..Scope::default() }
}

#[track_caller]
fn find<'a>(estimated: &'a Estimated, name: &str, scope: &Scope) -> &'a Estimate {
    let found = estimated.metrics.iter().find(|metric| metric.name == name && metric.scope == *scope);
    &found.unwrap_or_else(|| panic!("no {name} for {scope:?}")).estimate
}

#[track_caller]
fn close(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-3 * expected.abs() + 1e-12, "{got} is not {expected}");
}

/// Two replications, two classes, two phases of ten seconds.
fn two_by_two() -> (Model, Vec<Replication>) {
    let model = model(Regime::Terminating, &["short", "long"], &["ramp", "hold"]);
    let one = run(
        0,
        vec![
            segment(0, 0, 10, vec![served(&[100, 300]), served(&[4_000])]),
            segment(1, 10, 20, vec![served(&[200, 200, 200]), reneged(served(&[]), 6_000)]),
        ],
    );
    let two = run(
        1,
        vec![
            segment(0, 0, 10, vec![served(&[100]), served(&[2_000])]),
            segment(1, 10, 20, vec![served(&[400]), served(&[5_000])]),
        ],
    );
    (model, vec![one, two])
}

#[test]
fn means_and_shares_of_every_scope_are_sums_over_sums() {
    let (model, runs) = two_by_two();
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    assert_eq!(got.regime, RegimeFound::Terminating);
    let all = scope(None, None);
    // Run one: 5000 ms ok + 6000 ms failed over 7; run two: 7500 ms over 4.
    close(find(&got, "mean_latency", &all).value, (5.0 + 6.0 + 7.5) / 11.0);
    close(find(&got, "mean_latency_ok", &all).value, 12.5 / 10.0);
    close(find(&got, "mean_wait", &all).value, (6.25 + 6.0) / 11.0);
    close(find(&got, "mean_wait_served", &all).value, 0.625);
    close(find(&got, "mean_sojourn", &all).value, 18.5 / 11.0);
    close(find(&got, "mean_service_time", &all).value, 0.625);
    close(find(&got, "mean_spent_waiting", &all).value, 12.25 / 11.0);
    close(find(&got, "prob_abandon", &all).value, 1.0 / 11.0);
    close(find(&got, "prob_fail", &all).value, 1.0 / 11.0);
    close(find(&got, "prob_ok", &all).value, 10.0 / 11.0);
    close(find(&got, "mean_attempts", &all).value, 1.0);
    close(find(&got, "throughput", &all).value, 10.0 / 40.0);
    close(find(&got, "count_ok", &all).value, 5.0);
    close(find(&got, "count_sent", &all).value, 5.5);
    let short = scope(Some("short"), None);
    close(find(&got, "mean_latency", &short).value, 1.5 / 7.0);
    close(find(&got, "throughput", &scope(None, Some("hold"))).value, 5.0 / 20.0);
    close(find(&got, "mean_latency_ok", &scope(Some("short"), Some("hold"))).value, 0.25);
    // Little: the short class waited 0.75 s in 40 s.
    close(find(&got, "mean_queue_length", &short).value, 0.75 / 40.0);
}

#[test]
fn the_interval_of_a_mean_is_that_of_a_ratio_over_replications() {
    let (model, runs) = two_by_two();
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let pairs = [(11.0, 7.0), (7.5, 4.0)];
    let expected =
        crate::stats::interval::ratio(&pairs, &Level::new(0.95)).unwrap().within(0.0, f64::INFINITY);
    let found = find(&got, "mean_latency", &scope(None, None));
    close(found.high, expected.high);
    assert_eq!((found.n, found.confidence, found.low), (2, 0.95, expected.low));
}

#[test]
fn quantiles_are_those_of_all_requests_together() {
    let (model, runs) = two_by_two();
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let short = scope(Some("short"), None);
    // 100 100 200 200 200 300 400: the fourth and the seventh.
    close(find(&got, "latency_p50", &short).value, 0.2);
    close(find(&got, "latency_p95", &short).value, 0.4);
    assert!(find(&got, "latency_p95", &short).high > 0.4);
    assert_eq!(find(&got, "latency_p95", &short).n, 2);
    let mean = 1.5 / 7.0;
    close(find(&got, "var_latency", &short).value, (0.02 + 0.12 + 0.09 + 0.16) / 7.0 - mean * mean);
    let shown = |name: &str| got.metrics.iter().any(|metric| metric.name == name);
    assert!(!shown("latency_p999") && !shown("latency_p9999"), "eleven requests say nothing about them");
}

#[test]
fn rare_events_are_bounded_and_never_certain() {
    let (model, runs) = two_by_two();
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let all = scope(None, None);
    let timeout = find(&got, "prob_timeout", &all);
    let wilson = crate::stats::interval::wilson(0, 11, &Level::new(0.95)).unwrap();
    assert_eq!((timeout.value, timeout.low, timeout.high), (0.0, 0.0, wilson.high));
    // The same bound for the count per replication (5.5 requests each) and per second (20 s each).
    close(find(&got, "count_timeout", &all).high, wilson.high * 5.5);
    close(find(&got, "rate_timeout", &all).high, wilson.high * 11.0 / 40.0);
    close(
        find(&got, "prob_abandon", &all).high,
        crate::stats::interval::wilson(1, 11, &Level::new(0.95)).unwrap().high,
    );
}

#[test]
fn pools_and_hosts_report_shares_of_their_time() {
    let (mut model, runs) = two_by_two();
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let main = Scope { pool: Some(String::from("main")), ..Scope::default() };
    for scope in [&scope(None, None), &main] {
        close(find(&got, "utilization", scope).value, 0.5);
        close(find(&got, "utilization_serving", scope).value, 0.375);
        close(find(&got, "share_useful", scope).value, 0.25);
        let parts = ["timeout", "crash", "error", "withdrawn", "grace"];
        let parts = parts.map(|cause| find(&got, &format!("share_wasted_{cause}"), scope).value);
        close(parts.iter().sum(), find(&got, "share_wasted", scope).value);
        close(parts[1], parts[0]);
        close(find(&got, "mean_queue_length", scope).value, 3.0);
        close(find(&got, "mean_in_system", scope).value, 5.0);
        close(find(&got, "max_queue_length", scope).value, 7.0);
    }
    close(find(&got, "mean_in_flight", &scope(None, None)).value, 5.0);
    let host = Scope { host: Some(String::from("box")), ..Scope::default() };
    close(find(&got, "core_utilization", &host).value, 0.5);
    // Slots that break down by themselves are not busy while they are down.
    model.pools[0].breakdown = Some(crate::model::Breakdown {
        up: Distribution::Exponential { mean: 1.0 },
        down: Distribution::Exponential { mean: 1.0 },
        while_idle: true,
        job: crate::model::BrokenJob::ResumeAtHead,
    });
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    close(find(&got, "utilization", &main).value, 0.375);
    // Without slots there is no share of them.
    model.pools[0].settings.slots = Slots::Unlimited;
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    assert!(!got.metrics.iter().any(|metric| metric.name == "utilization"));
    close(find(&got, "mean_busy", &main).value, 2.0);
}

/// A steady run of ten segments of ten seconds; latencies of 1 s, but 50 s in the first `slow` segments.
fn steady_run(index: u64, slow: u64) -> Replication {
    let mut replication = run(
        index,
        (0..10)
            .map(|part| {
                let ms = if part < slow { 50_000 } else { 1_000 + index };
                segment(0, 10 * part, 10 * (part + 1), vec![served(&[ms; 50])])
            })
            .collect(),
    );
    for n in 0..500u64 {
        let ms = if n < 50 * slow { 50_000 } else { 1_000 + n / 5 % 2 };
        replication.batches.push(Span::from_millis(ms), Time::from_nanos((n + 1) * 200_000_000 - 1));
    }
    replication
}

#[test]
fn a_steady_run_loses_its_warm_up_by_whole_segments() {
    let model = model(Regime::Steady, &["only"], &[]);
    let runs = [steady_run(0, 2), steady_run(1, 2), steady_run(2, 0)];
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let RegimeFound::Steady { warm_up_seconds, refused } = got.regime else { panic!("{:?}", got.regime) };
    assert_eq!(refused, 0);
    // The median of 2, 2 and 0 segments is cut off all three.
    close(warm_up_seconds, 20.0);
    assert_eq!(got.warm_up.len(), 3);
    assert_eq!(got.warm_up[2], Some(0.0));
    let latency = find(&got, "mean_latency", &scope(None, None));
    assert!((1.0..1.003).contains(&latency.value), "{latency:?}");
    assert_eq!(latency.n, 3);
    // Eight segments of fifty requests are left of each.
    close(find(&got, "count_sent", &scope(None, None)).value, 400.0);
}

#[test]
fn a_cut_beyond_half_is_refused_and_said() {
    let model = model(Regime::Steady, &["only"], &[]);
    let got = metrics(&model, &[steady_run(0, 7), steady_run(1, 1)], &EstimateSettings::new(0.95));
    let RegimeFound::Steady { warm_up_seconds, refused } = got.regime else { panic!("{:?}", got.regime) };
    // The one that was refused counts as half of its segments; the lower median is the other's own cut.
    assert_eq!((refused, warm_up_seconds), (1, 10.0));
    assert_eq!(got.warm_up[0], None);
}

#[test]
fn one_steady_replication_is_cut_into_batches() {
    let model = model(Regime::Steady, &["only"], &[]);
    let got = metrics(&model, &[steady_run(1, 2)], &EstimateSettings::new(0.95));
    let latency = find(&got, "mean_latency", &scope(None, None));
    close(latency.value, 1.001);
    assert_eq!(latency.n, 8);
    // Counts are those of the replication all the same, and their intervals too; the longest queue is one figure.
    let sent = find(&got, "count_sent", &scope(None, None));
    assert_eq!((sent.value, sent.half_width(), sent.n), (400.0, 0.0, 8));
    close(find(&got, "count_ok", &scope(None, None)).value, 400.0);
    let longest = find(&got, "max_queue_length", &scope(None, None));
    assert_eq!((longest.value, longest.n), (7.0, 1));
}

#[test]
fn the_last_steady_segment_goes_when_its_requests_are_cut_off() {
    let model = model(Regime::Steady, &["only"], &[]);
    let mut runs = [steady_run(0, 0), steady_run(1, 0)];
    for run in &mut runs {
        run.segments[9].classes[0].sent += 1;
        run.segments[9].classes[0].outcomes[Outcome::Unfinished as usize] += 1;
    }
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    close(find(&got, "count_sent", &scope(None, None)).value, 450.0);
    // A terminating run keeps and counts them.
    let got = metrics(&self::model(Regime::Terminating, &["only"], &[]), &runs, &EstimateSettings::new(0.95));
    close(find(&got, "count_unfinished", &scope(None, None)).value, 1.0);
    close(find(&got, "count_sent", &scope(None, None)).value, 501.0);
}

/// So many good ends.
fn ends(ok: u32) -> [u32; Outcome::ALL.len()] {
    let mut outcomes = [0; Outcome::ALL.len()];
    outcomes[Outcome::Ok as usize] = ok;
    outcomes
}

#[test]
fn an_unstable_system_gets_done_what_ends_and_not_what_was_sent() {
    let model = model(Regime::Steady, &["only"], &[]);
    let mut runs: Vec<Replication> = (0..4).map(|index| steady_run(index, 0)).collect();
    for run in &mut runs {
        let width = Span::from_whole_secs(1);
        let level = |n: u64| u128::from(3 * n + run.index) * u128::from(width.nanos());
        let bin = |n: u64| TimelineBin {
            sent: 5,
            outcomes: ends(2),
            in_flight: level(n),
            ..TimelineBin::default()
        };
        run.timeline = Timeline { width, bins: (0..100).map(bin).collect() };
    }
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    for scope in [scope(None, None), scope(Some("only"), None)] {
        close(find(&got, "request_rate", &scope).value, 5.0);
        close(find(&got, "throughput", &scope).value, 2.0);
        close(find(&got, "rate_ok", &scope).value, 2.0);
        close(find(&got, "failure_rate", &scope).value, 0.0);
    }
    // What was under way at the last send has ended by the end: the last segment has counted it, and is left out.
    for run in &mut runs {
        run.end = Time::ZERO + Span::from_whole_secs(500);
    }
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    close(find(&got, "throughput", &scope(None, None)).value, 2.0);
}

#[test]
fn an_unstable_system_has_a_growth_rate_and_no_latency() {
    let model = model(Regime::Steady, &["only"], &[]);
    let mut runs: Vec<Replication> = (0..4).map(|index| steady_run(index, 0)).collect();
    for run in &mut runs {
        let width = Span::from_whole_secs(1);
        let bin = |n: u64| TimelineBin {
            sent: 5,
            outcomes: ends(5),
            in_flight: u128::from(2 * n + run.index) * u128::from(width.nanos()),
            ..TimelineBin::default()
        };
        run.timeline = Timeline { width, bins: (0..100).map(bin).collect() };
    }
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let RegimeFound::Unstable { growth_per_second } = got.regime else { panic!("{:?}", got.regime) };
    close(growth_per_second.value, 2.0);
    close(find(&got, "in_flight_growth", &scope(None, None)).value, 2.0);
    close(find(&got, "throughput", &scope(None, None)).value, 5.0);
    let timed = ["latency", "mean_wait", "wait_", "sojourn", "queue_length"];
    for metric in &got.metrics {
        assert!(!timed.iter().any(|word| metric.name.starts_with(word)), "{}", metric.name);
    }
    assert!(got.curves.is_empty());
    // Known overload is believed without proof from the data.
    let settings = EstimateSettings { overloaded: true, ..EstimateSettings::new(0.95) };
    let calm: Vec<Replication> = (0..4).map(|index| steady_run(index, 0)).collect();
    assert!(matches!(metrics(&model, &calm, &settings).regime, RegimeFound::Unstable { .. }));
}

#[test]
fn bands_show_the_spread_of_replications() {
    let model = model(Regime::Terminating, &["only"], &[]);
    let mut runs: Vec<Replication> = (0..5).map(|index| steady_run(index, 0)).collect();
    for run in &mut runs {
        let width = Span::from_whole_secs(60);
        let mut bins = vec![TimelineBin::default(); 2];
        bins[0].queue = u128::from(run.index) * u128::from(width.nanos());
        // The run ends at 100 s, forty seconds into the second bin.
        bins[1].queue = u128::from(run.index) * u128::from(Span::from_whole_secs(40).nanos());
        run.timeline = Timeline { width, bins };
    }
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let queue = got.timelines.iter().find(|band| band.name == "queue_length").unwrap();
    assert_eq!(queue.median, [Some(2.0), Some(2.0)]);
    assert_eq!((queue.low[0], queue.high[0], queue.width), (Some(0.0), Some(4.0), 60.0));
    let latency = got.timelines.iter().find(|band| band.name == "latency_p95").unwrap();
    assert_eq!(latency.median, [None, None], "nothing ended, so there is nothing to show");
}

#[test]
fn a_curve_is_level_where_no_request_ended() {
    let model = model(Regime::Terminating, &["only"], &[]);
    // Six hundred at a tenth of a second, four hundred at ten seconds, none between.
    let latencies: Vec<u64> = (0..600).map(|n| 90 + n / 30).chain((0..400).map(|n| 10_000 + n)).collect();
    let runs = [run(0, vec![segment(0, 0, 20, vec![served(&latencies)])])];
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let curve =
        got.curves.iter().find(|curve| curve.name == "latency" && curve.scope.class.is_none()).unwrap();
    let within: Vec<f64> =
        curve.line().into_iter().filter(|(x, _)| *x > 0.12 && *x < 9.9).map(|x| x.1).collect();
    assert!(within.is_empty(), "{within:?}");
    let ends =
        curve.line().windows(2).find(|two| two[0].0 < 1.0 && two[1].0 > 1.0).map(|two| [two[0].1, two[1].1]);
    let [before, after] = ends.unwrap();
    assert_eq!(before, after, "the line is level from one hump to the other");
    close(before, 0.5995);
}

#[test]
fn curves_rise_to_the_largest_value() {
    let model = model(Regime::Terminating, &["only"], &[]);
    let latencies: Vec<u64> = (1..=1000).collect();
    let runs = [run(0, vec![segment(0, 0, 10, vec![served(&latencies)])])];
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let curve =
        got.curves.iter().find(|curve| curve.name == "latency" && curve.scope.class.is_none()).unwrap();
    // 200 towards the largest value, ten that a thousand values can show below the first of them, at 3.7 %, and the
    // first ten, each of which is more than a tenth longer than the one before.
    assert_eq!((curve.count, curve.p.len(), curve.p[0]), (1000, 220, 0.0));
    close(curve.value[0], 0.001);
    close(*curve.value.last().unwrap(), 1.0);
    assert!(curve.value.is_sorted() && curve.p.is_sorted());
    // One run has no spread over runs: a mean stands alone, a quantile has the interval of its ranks.
    let mean = find(&got, "mean_latency", &scope(None, None));
    assert_eq!((mean.n, mean.low, mean.high), (1, mean.value, mean.value));
    let p95 = find(&got, "latency_p95", &scope(None, None));
    assert!(p95.n == 1000 && p95.low < 0.95 && 0.95 < p95.high);
}

#[test]
fn figures_survive_a_file() {
    let (model, runs) = two_by_two();
    let got = metrics(&model, &runs, &EstimateSettings::new(0.95));
    let text = serde_json::to_string(&got).unwrap();
    assert!(serde_json::from_str::<Estimated>(&text).unwrap() == got, "what is read is what was written");
    // No figure is given twice.
    let mut names: Vec<_> = got.metrics.iter().map(|metric| (&metric.name, &metric.scope)).collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(before, names.len());
}

#[test]
fn no_replications_give_no_figures() {
    let model = model(Regime::Steady, &["only"], &[]);
    let got = metrics(&model, &[], &EstimateSettings::new(0.95));
    assert!(got.metrics.is_empty() && got.timelines.is_empty());
}

#[test]
fn intervals_of_metrics_keep_their_promise() {
    // 400 points of ten replications of exponential latencies with mean 100 ms; p95 is ln 20 times that.
    let model = model(Regime::Terminating, &["only"], &[]);
    let exact = [("mean_latency", 0.1), ("latency_p95", 0.1 * libm::log(20.0)), ("var_latency", 0.01)];
    let mut covered = [0; 3];
    for point in 0..400 {
        let runs: Vec<Replication> = (0..10)
            .map(|index| {
                let mut stream = Streams::new(3, index).stream(Purpose::Search, point);
                let mut tally = ClassTally { sent: 500, ..ClassTally::default() };
                (0..500).for_each(|_| tally.latency_ok.record(Span::from_secs(0.1 * stream.exp1())));
                run(index, vec![segment(0, 0, 10, vec![tally])])
            })
            .collect();
        let settings = EstimateSettings { timelines: false, curves: false, ..EstimateSettings::new(0.95) };
        let got = metrics(&model, &runs, &settings);
        for (count, (name, value)) in covered.iter_mut().zip(exact) {
            let found = find(&got, name, &scope(None, None));
            *count += u32::from(found.low <= value && value <= found.high);
        }
    }
    for (count, (name, _)) in covered.iter().zip(exact) {
        assert!((368..=392).contains(count), "{name}: {count} of 400");
    }
}
