//! Worlds that are the same, nearly the same, and not; few runs and many.

use poolsim::experiment::Scope;
use poolsim::experiment::agreement::{Agreed, Agreement, Pairing, Terms, World, judge};
use poolsim::experiment::record::Parts;
use poolsim::outcome::Outcome;
use poolsim::random::{Purpose, Streams};
use poolsim::stats::{Equivalence, RequestSeen};
use poolsim::time::{Span, Time};

/// A run of requests whose latencies are exponential times `scale`, a share of which times out.
fn run(seed: u64, scale: f64, timeouts: f64) -> Vec<RequestSeen> {
    let mut stream = Streams::new(77, seed).stream(Purpose::Search, 0);
    let request = |key: u64| {
        let sent = Time::ZERO + Span::from_secs(key as f64 * 0.1);
        let latency = Span::from_secs(scale * (1.0 + stream.exp1()));
        RequestSeen {
            key,
            class: (key % 2) as u16,
            demand: latency,
            sent,
            end: sent + latency,
            outcome: if stream.chance(timeouts) { Outcome::Timeout } else { Outcome::Ok },
            hand_overs: 1,
            attempts: 1,
            waiting: Span::ZERO,
        }
    };
    (0..400).map(request).collect()
}

fn parts() -> Parts {
    Parts { classes: vec![String::from("a"), String::from("b")], ..Parts::default() }
}

fn judged(one: &[Vec<RequestSeen>], two: &[Vec<RequestSeen>], pairing: Pairing) -> Agreement {
    let (first, second) = (World { label: "recorded", runs: one }, World { label: "simulated", runs: two });
    judge("test", (&first, &second), &parts(), &Terms::default(), pairing).unwrap()
}

fn verdict(agreement: &Agreement, metric: &str) -> Equivalence {
    let whole = |one: &&Agreed| one.metric == metric && one.scope == Scope::default();
    agreement.figures.iter().find(whole).unwrap().verdict
}

#[test]
fn the_same_requests_agree_one_by_one() {
    let real: Vec<_> = (0..3).map(|seed| run(seed, 1.0, 0.05)).collect();
    let agreement = judged(&real, &real, Pairing::Runs);
    assert_eq!(agreement.verdict, Equivalence::Equivalent, "{:?}", agreement.figures);
    let requests = agreement.requests.unwrap();
    assert_eq!((requests.pairs, requests.alone, requests.distance_p95), (1200, 0, 0.0));
    assert_eq!(requests.same_outcome.value, 1.0);
    // All, and each of two classes: mean, three quantiles, wait, two outcomes, and the shape; nobody retried.
    assert_eq!(agreement.figures.len(), 24);
}

#[test]
fn a_shift_beyond_the_margin_is_a_difference_and_within_it_is_none() {
    let real: Vec<_> = (0..3).map(|seed| run(seed, 1.0, 0.05)).collect();
    let scaled = |scale| (0..3).map(|seed| run(seed, scale, 0.05)).collect::<Vec<_>>();
    let near = judged(&real, &scaled(1.01), Pairing::Runs);
    assert_eq!(near.verdict, Equivalence::Equivalent, "{:?}", near.figures);
    let far = judged(&real, &scaled(1.2), Pairing::Runs);
    assert_eq!(far.verdict, Equivalence::Different);
    assert_eq!(verdict(&far, "mean_latency"), Equivalence::Different);
    assert_eq!(verdict(&far, "prob_timeout"), Equivalence::Equivalent);
    assert_eq!(far.requests.unwrap().within_margin.value, 0.0);
}

#[test]
fn two_runs_that_scatter_leave_it_undecided() {
    let real: Vec<_> = (0..2).map(|seed| run(seed, 1.0, 0.05)).collect();
    let simulated: Vec<_> = (10..40).map(|seed| run(seed, 1.0, 0.05)).collect();
    let agreement = judged(&real, &simulated, Pairing::None);
    assert_eq!(verdict(&agreement, "latency_p99"), Equivalence::Undecided);
    assert_ne!(agreement.verdict, Equivalence::Different, "{:?}", agreement.figures);
    let many: Vec<_> = (100..160).map(|seed| run(seed, 1.0, 0.05)).collect();
    let agreement = judged(&many, &simulated, Pairing::None);
    assert_eq!(verdict(&agreement, "mean_latency"), Equivalence::Equivalent);
    assert_eq!(verdict(&agreement, "latency_shape"), Equivalence::Equivalent);
}

#[test]
fn shares_that_agree_by_luck_in_two_runs_are_no_agreement() {
    // No time-out in 2 x 30 requests: nothing is known to a hundredth.
    let short = |seed| run(seed, 1.0, 0.0)[..30].to_vec();
    let mut simulated = vec![short(1), short(2)];
    simulated[0][0].outcome = Outcome::Timeout;
    let agreement = judged(&[short(1), short(2)], &simulated, Pairing::Runs);
    assert_eq!(verdict(&agreement, "prob_timeout"), Equivalence::Undecided);
}

#[test]
fn one_run_of_each_is_judged_by_what_its_requests_are_worth() {
    let (one, near, far) = (run(1, 1.0, 0.0), run(2, 1.0, 0.0), run(3, 2.0, 0.0));
    let same = judged(std::slice::from_ref(&one), &[near], Pairing::Runs);
    assert_eq!(verdict(&same, "latency_p99"), Equivalence::Undecided);
    assert_ne!(same.verdict, Equivalence::Different, "{:?}", same.figures);
    let other = judged(&[one], &[far], Pairing::Runs);
    assert_eq!(verdict(&other, "mean_latency"), Equivalence::Different);
    assert_eq!(verdict(&other, "latency_shape"), Equivalence::Different);
}

#[test]
fn claims_of_difference_are_seldom_wrong() {
    let wrong = (0..25u64).filter(|set| {
        let runs = |from: u64, n: u64| {
            (from..from + n).map(|seed| run(1000 + 50 * set + seed, 1.0, 0.05)).collect::<Vec<_>>()
        };
        judged(&runs(0, 4), &runs(10, 12), Pairing::None).verdict == Equivalence::Different
    });
    let wrong = wrong.count();
    assert!(wrong <= 3, "{wrong} of 25");
}
