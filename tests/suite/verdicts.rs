//! When an objective is met, missed or undecided.

use super::sample::{class, metric};
use poolsim::experiment::record::World;
use poolsim::experiment::verdict::{Evidence, at_confidence, judge, overall};
use poolsim::experiment::{Judgement, Metric, RegimeFound, Scope, Unit, Verdict};
use poolsim::model::{Bound, Objective};
use poolsim::stats::Estimate;

fn at_most(name: &str, value: f64) -> Objective {
    Objective {
        metric: name.to_owned(),
        class: None,
        phase: None,
        pool: None,
        bound: Bound::AtMost,
        value,
        confidence: 0.95,
    }
}

fn judged(objective: &Objective, metrics: &[Metric], regime: &RegimeFound) -> Verdict {
    judge(objective, &Evidence { metrics, regime, replications: 34, world: World::Simulated, certain: false })
}

fn whole(name: &str, unit: Unit, value: f64, half: f64) -> Metric {
    metric(name, Scope::default(), unit, value, half)
}

#[test]
fn the_interval_not_the_estimate_decides() {
    let rows = [
        (70.0, 4.0, Judgement::Met),
        (71.0, 5.0, Judgement::Undecided),
        (79.0, 5.0, Judgement::Undecided),
        (81.0, 5.0, Judgement::Missed),
        (75.0, 0.0, Judgement::Met),
    ];
    for (value, half, expected) in rows {
        let metrics = [whole("latency_p95", Unit::Seconds, value, half)];
        let verdict = judged(&at_most("latency_p95", 75.0), &metrics, &RegimeFound::Terminating);
        assert_eq!(verdict.judgement, expected, "{value} ± {half}: {}", verdict.reason);
        let mirrored = Objective { bound: Bound::AtLeast, ..at_most("latency_p95", 75.0) };
        let mirrored = judged(&mirrored, &metrics, &RegimeFound::Terminating).judgement;
        let opposite = match expected {
            Judgement::Met if half > 0.0 => Judgement::Missed,
            Judgement::Missed => Judgement::Met,
            same => same,
        };
        assert_eq!(mirrored, opposite, "at least: {value} ± {half}");
    }
}

#[test]
fn a_single_observation_decides_nothing() {
    let mut metrics = [whole("latency_p95", Unit::Seconds, 10.0, 0.0)];
    metrics[0].estimate.n = 1;
    let verdict = judged(&at_most("latency_p95", 75.0), &metrics, &RegimeFound::Terminating);
    assert_eq!((verdict.judgement, verdict.replications_needed), (Judgement::Undecided, Some(10)));
}

#[test]
fn one_replication_alone_decides_nothing_however_many_requests_it_has() {
    let metrics = [whole("count_sent", Unit::Count, 1e6, 0.0), whole("prob_timeout", Unit::Ratio, 0.0, 0.0)];
    let evidence = Evidence {
        metrics: &metrics,
        regime: &RegimeFound::Terminating,
        replications: 1,
        world: World::Simulated,
        certain: false,
    };
    let objective = at_most("prob_timeout", 0.01);
    assert_eq!(judge(&objective, &evidence).judgement, Judgement::Undecided);
    // A real run happened once and is judged as it is, and a long steady one is many independent batches.
    let real = Evidence { world: World::Real, ..evidence };
    assert_eq!(judge(&objective, &real).judgement, Judgement::Met);
    let steady = RegimeFound::Steady { warm_up_seconds: 1.0, refused: 0 };
    assert_eq!(judge(&objective, &Evidence { regime: &steady, ..evidence }).judgement, Judgement::Met);
}

#[test]
fn figures_that_never_got_over_their_warm_up_can_miss_but_not_meet() {
    let regime = RegimeFound::Steady { warm_up_seconds: 50.0, refused: 18 };
    let metrics = [whole("latency_p95", Unit::Seconds, 70.0, 1.0)];
    let verdict = judged(&at_most("latency_p95", 75.0), &metrics, &regime);
    assert_eq!(verdict.judgement, Judgement::Undecided);
    assert!(verdict.reason.contains("18 of 34") && verdict.reason.contains("longer"), "{}", verdict.reason);
    assert_eq!(judged(&at_most("latency_p95", 65.0), &metrics, &regime).judgement, Judgement::Missed);
}

#[test]
fn an_undecided_verdict_says_what_would_settle_it() {
    // Half-width 4 at distance 1: sixteen times the replications, and a tenth to spare.
    let metrics = [whole("latency_p95", Unit::Seconds, 74.0, 4.0)];
    let verdict = judged(&at_most("latency_p95", 75.0), &metrics, &RegimeFound::Terminating);
    assert_eq!(verdict.replications_needed, Some(599));
    let on_it = [whole("latency_p95", Unit::Seconds, 75.0, 4.0)];
    let verdict = judged(&at_most("latency_p95", 75.0), &on_it, &RegimeFound::Terminating);
    assert_eq!((verdict.judgement, verdict.replications_needed), (Judgement::Undecided, None));
}

#[test]
fn no_events_are_judged_by_what_the_requests_can_show() {
    let rows = [
        // 34 replications of 400 requests: fewer than 1 in 3541, which is below the resolution of 1 in 1000.
        (0.0, 400.0, Judgement::Met, "1 in 3541"),
        // 34 of 20: 680 requests say only 1 in 178.
        (0.0, 20.0, Judgement::Undecided, "1 in 178"),
        // A looser bound needs fewer.
        (0.01, 20.0, Judgement::Met, "1 in 178"),
        (0.001, 20.0, Judgement::Undecided, "1 in 1000"),
    ];
    for (bound, sent, expected, words) in rows {
        let mut metrics = vec![whole("count_sent", Unit::Count, sent, 0.0)];
        metrics.push(whole("rate_timeout", Unit::Ratio, 0.0, 0.0));
        // Wilson's upper end for none.
        metrics[1].estimate.high = 3.841_459 / (34.0 * sent + 3.841_459);
        let verdict = judged(&at_most("rate_timeout", bound), &metrics, &RegimeFound::Terminating);
        assert_eq!(verdict.judgement, expected, "bound {bound}, {sent} sent: {}", verdict.reason);
        assert!(verdict.reason.contains(words), "{}", verdict.reason);
        let needed = verdict.requests_needed;
        assert_eq!(needed.is_some(), expected == Judgement::Undecided);
        if bound == 0.0 && needed.is_some() {
            // z² (1 - r) / r with z = 1.96 and r = 0.001.
            assert_eq!(needed, Some(3838));
        }
    }
}

#[test]
fn one_event_misses_a_bound_of_zero() {
    let mut metrics = [whole("count_timeout", Unit::Count, 0.03, 0.0)];
    (metrics[0].estimate.low, metrics[0].estimate.high) = (0.005, 0.15);
    let verdict = judged(&at_most("count_timeout", 0.0), &metrics, &RegimeFound::Terminating);
    assert_eq!(verdict.judgement, Judgement::Missed);
}

#[test]
fn an_unstable_system_misses_every_bound_on_a_time() {
    let growth_per_second = Estimate { value: 0.2, low: 0.18, high: 0.22, n: 10, confidence: 0.95 };
    let unstable = RegimeFound::Unstable { growth_per_second };
    // With a figure that happens to be low, and with none at all.
    let metrics = [whole("latency_p95", Unit::Seconds, 10.0, 0.1)];
    for metrics in [&metrics[..], &[]] {
        let verdict = judged(&at_most("latency_p95", 75.0), metrics, &unstable);
        assert_eq!(verdict.judgement, Judgement::Missed);
        assert!(verdict.reason.contains("unstable"), "{}", verdict.reason);
        assert_eq!(verdict.estimate, None, "no figure is shown for what has no limit");
    }
    let throughput = [whole("throughput", Unit::PerSecond, 5.0, 0.1)];
    let asked = Objective { bound: Bound::AtLeast, ..at_most("throughput", 4.0) };
    assert_eq!(judged(&asked, &throughput, &unstable).judgement, Judgement::Met);
}

#[test]
fn an_objective_without_a_figure_is_undecided() {
    let asked = Objective { class: Some("short".into()), ..at_most("latency_p95", 1.0) };
    let metrics = [metric("latency_p95", class("long"), Unit::Seconds, 0.5, 0.1)];
    let verdict = judged(&asked, &metrics, &RegimeFound::Terminating);
    assert_eq!((verdict.judgement, verdict.estimate), (Judgement::Undecided, None));
}

#[test]
fn a_higher_confidence_widens_the_interval_as_student_says() {
    let estimate = Estimate { value: 10.0, low: 9.0, high: 11.0, n: 10, confidence: 0.95 };
    let wider = at_confidence(&estimate, 0.99);
    // t(9): 3.2498 at 99 %, 2.2622 at 95 %.
    assert!((wider.high - 10.0 - 3.249836 / 2.262157).abs() < 1e-5, "{wider:?}");
    assert_eq!(wider.confidence, 0.99);
    let once = Estimate { n: 1, ..estimate };
    assert_eq!(at_confidence(&once, 0.99), once, "one observation has no width to stretch");
}

#[test]
fn the_worst_verdict_is_the_answer() {
    let metrics = [whole("latency_p95", Unit::Seconds, 70.0, 4.0)];
    let of = |bound| judged(&at_most("latency_p95", bound), &metrics, &RegimeFound::Terminating);
    let (met, undecided, missed) = (of(75.0), of(71.0), of(60.0));
    assert_eq!(overall([]), None);
    assert_eq!(overall([&met]), Some(Judgement::Met));
    assert_eq!(overall([&met, &undecided]), Some(Judgement::Undecided));
    assert_eq!(overall([&undecided, &missed, &met]), Some(Judgement::Missed));
}
