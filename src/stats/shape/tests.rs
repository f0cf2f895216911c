//! Tests of shape against published values, by count, and by repetition.

use super::rank_tests::{kolmogorov_tail, standardised};
use super::*;
use crate::random::Stream;
use crate::stats::Histogram;
use crate::time::Span;

fn close(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
}

fn stream(set: u64) -> Stream {
    Streams::new(41, set).stream(Purpose::Search, 0)
}

fn exponentials(stream: &mut Stream, n: usize, mean: f64) -> Vec<f64> {
    (0..n).map(|_| mean * stream.exp1()).collect()
}

#[test]
fn kolmogorov_and_smirnov_by_count() {
    // Two of two below two of two: 2 of the 6 orders are so far apart.
    let apart = kolmogorov_smirnov(&[1.0, 2.0], &[3.0, 4.0]).unwrap();
    assert_eq!(apart.distance, 1.0);
    close(apart.p_value, 2.0 / 6.0, 1e-12);
    // Distance 1/2: every order of four different values has it.
    close(kolmogorov_smirnov(&[1.0, 3.0], &[2.0, 4.0]).unwrap().p_value, 1.0, 1e-12);
    // 5 % point for two samples of 10 (Smirnov's table): 7/10 has 0.0123, 6/10 has 0.0524.
    let ten = |shift: f64| (0..10).map(|n| f64::from(n) + shift).collect::<Vec<_>>();
    let p = |by| kolmogorov_smirnov(&ten(0.0), &ten(by)).unwrap();
    close(p(6.5).distance, 0.7, 1e-12);
    close(p(6.5).p_value, 0.012_3, 5e-5);
    close(p(5.5).p_value, 0.052_4, 5e-5);
    // Equal values: of {0, 0, 1 | 1, 1, 1} the distance 2/3 depends only on which three hold the zeros: both zeros
    // on one side, 2 * 4 of 20 orders.
    let tied = kolmogorov_smirnov(&[0.0, 0.0, 1.0], &[1.0, 1.0, 1.0]).unwrap();
    close(tied.distance, 2.0 / 3.0, 1e-12);
    close(tied.p_value, 8.0 / 20.0, 1e-12);
    assert_eq!(kolmogorov_smirnov(&[], &[1.0]), None);
    // Tables of the limit: the 5 % point is 1.3581, the 1 % point 1.6276.
    close(kolmogorov_tail(1.3581), 0.05, 1e-5);
    close(kolmogorov_tail(1.6276), 0.01, 1e-5);
}

#[test]
fn histograms_are_compared_as_their_values() {
    let sample = |seed, mean: f64| {
        let mut histogram = Histogram::new();
        exponentials(&mut stream(seed), 2000, mean)
            .iter()
            .for_each(|x| histogram.record(Span::from_secs(*x)));
        Ranks::of(&histogram)
    };
    assert!(kolmogorov_smirnov_of_ranks(&sample(1, 1.0), &sample(2, 1.2)).unwrap().p_value < 0.001);
    let rejected = (0..400u64).filter(|&set| {
        let test = kolmogorov_smirnov_of_ranks(&sample(100 + set, 1.0), &sample(1000 + set, 1.0));
        test.unwrap().p_value < 0.05
    });
    let rejected = rejected.count();
    assert!((6..=34).contains(&rejected), "{rejected} of 400");
    assert_eq!(kolmogorov_smirnov_of_ranks(&Ranks::default(), &sample(1, 1.0)), None);
    let judged = within_ranks(&sample(1, 1.0), &sample(2, 1.0), (2000.0, 2000.0), 0.15, 0.95).unwrap();
    assert_eq!(judged.verdict, Equivalence::Equivalent, "{judged:?}");
}

#[test]
fn anderson_and_darling_as_published() {
    // Scholz & Stephens (1987), section 7: smoothness of paper in four laboratories, T = 4.480 with midranks.
    let labs: [&[f64]; 4] = [
        &[38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0],
        &[39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8],
        &[34.0, 35.0, 39.0, 40.0, 43.0, 43.0, 44.0, 45.0],
        &[34.0, 34.8, 34.8, 35.4, 37.2, 37.8, 41.2, 42.8],
    ];
    close(standardised(&labs).unwrap(), 4.480, 6e-4);
    assert_eq!(anderson_darling(&[1.0, 1.0], &[1.0, 1.0]), None);
    assert_eq!(anderson_darling(&[], &[1.0, 2.0, 3.0, 4.0]), None);
}

#[test]
fn tests_of_shape_keep_their_level_and_have_power() {
    type Test = fn(&[f64], &[f64]) -> Option<ShapeTest>;
    let rejected = |test: Test, mean: f64, grain: f64| {
        let sets = (0..300u64).filter(|&set| {
            let mut stream = stream(20_000 + set);
            let round = |x: &f64| (x / grain).floor() * grain;
            let one: Vec<f64> = exponentials(&mut stream, 60, 1.0).iter().map(round).collect();
            let two: Vec<f64> = exponentials(&mut stream, 40, mean).iter().map(round).collect();
            test(&one, &two).unwrap().p_value <= 0.05
        });
        sets.count()
    };
    for (name, test) in [("ks", kolmogorov_smirnov as Test), ("ad", anderson_darling as Test)] {
        for grain in [1e-9, 0.5] {
            // 5 % of 300, sd 3.8; a discrete test may be below.
            let wrong = rejected(test, 1.0, grain);
            assert!((2..=26).contains(&wrong), "{name}, grain {grain}: {wrong} of 300");
            let right = rejected(test, 2.0, grain);
            assert!(right > 180, "{name}, grain {grain}: {right} of 300");
        }
    }
}

#[test]
fn a_bound_within_the_margin_and_nothing_else_is_agreement() {
    let mut stream = stream(7);
    let one = exponentials(&mut stream, 4000, 1.0);
    let two = exponentials(&mut stream, 4000, 1.0);
    let far = exponentials(&mut stream, 4000, 2.0);
    let judge = |other: &[f64], n: f64| within(&one, other, (n, n), 0.1, 0.95).unwrap();
    assert_eq!(judge(&two, 4000.0).verdict, Equivalence::Equivalent);
    assert_eq!(judge(&far, 4000.0).verdict, Equivalence::Different);
    // The same values, if they are worth a hundred, tell nothing, though no test would find a difference.
    let few = judge(&two, 100.0);
    assert_eq!(few.verdict, Equivalence::Undecided);
    assert!(few.p_value > 0.05);
    assert_eq!(within(&[], &one, (1.0, 1.0), 0.1, 0.95), None);
    // Truth on the margin: exponentials of means 1 and r are 0.1 apart for r = 1.3125.
    let wrong = (0..300u64).filter(|&set| {
        let mut stream = Streams::new(42, set).stream(Purpose::Search, 0);
        let one = exponentials(&mut stream, 900, 1.0);
        let two = exponentials(&mut stream, 900, 1.3125);
        within(&one, &two, (900.0, 900.0), 0.1, 0.95).unwrap().verdict != Equivalence::Undecided
    });
    assert!(wrong.count() <= 15);
}

#[test]
fn wasserstein_is_the_way_to_carry() {
    close(wasserstein(&[0.0, 1.0, 3.0], &[5.0, 6.0, 8.0]).unwrap(), 5.0, 1e-12);
    close(wasserstein(&[1.0, 2.0], &[2.0, 1.0]).unwrap(), 0.0, 1e-12);
    close(wasserstein(&[0.0], &[0.0, 2.0]).unwrap(), 1.0, 1e-12);
    assert_eq!(wasserstein(&[], &[1.0]), None);
}

/// Runs whose values share a random level: dependent within a run.
fn runs(stream: &mut Stream, count: usize, shift: f64) -> Vec<Vec<f64>> {
    let mut run = |_| {
        let level = 1.0 + 0.05 * stream.normal() + shift;
        (0..200).map(|_| level + 0.3 * stream.exp1()).collect()
    };
    (0..count).map(&mut run).collect()
}

#[test]
fn runs_are_compared_as_wholes() {
    let claims = |shift: f64, real: usize, wanted: Equivalence, margin: f64| {
        let claimed = (0..100u64).filter(|&set| {
            let mut stream = stream(60_000 + set);
            let (one, two) = (runs(&mut stream, 8, 0.0), runs(&mut stream, real, shift));
            of_runs(&one, &two, margin, 0.95).unwrap().verdict == wanted
        });
        claimed.count()
    };
    // Levels scatter by 0.05; a margin of 0.2 is well beyond, one of 0.03 below.
    assert!(claims(0.0, 4, Equivalence::Equivalent, 0.2) >= 90);
    assert_eq!(claims(0.0, 4, Equivalence::Equivalent, 0.01), 0);
    assert!(claims(0.0, 4, Equivalence::Different, 0.03) <= 6);
    assert!(claims(0.2, 4, Equivalence::Equivalent, 0.2) <= 6);
    assert!(claims(0.6, 4, Equivalence::Different, 0.2) >= 90);
    // Two runs seldom suffice; one borrows its spread.
    assert!(claims(0.0, 2, Equivalence::Equivalent, 0.1) <= 50);
    assert!(claims(0.0, 1, Equivalence::Equivalent, 0.3) >= 75);
    assert_eq!(of_runs(&[vec![1.0]], &[vec![1.0]], 0.1, 0.95), None);
}

#[test]
fn the_exchange_of_runs_keeps_its_level_where_single_values_do_not() {
    let (mut by_runs, mut by_values) = (0, 0);
    for set in 0..100u64 {
        let mut stream = stream(80_000 + set);
        let (one, two) = (runs(&mut stream, 6, 0.0), runs(&mut stream, 4, 0.0));
        by_runs += u32::from(of_runs(&one, &two, 0.1, 0.95).unwrap().p_value <= 0.05);
        let test = kolmogorov_smirnov(&one.concat(), &two.concat()).unwrap();
        by_values += u32::from(test.p_value <= 0.05);
    }
    assert!(by_runs <= 11, "{by_runs} of 100");
    assert!(by_values >= 40, "{by_values} of 100: dependence does no harm here?");
}

#[test]
fn every_choice_comes_once() {
    let mut seen = Vec::new();
    each_choice(4, 2, &mut |chosen| seen.push(chosen.to_vec()));
    assert_eq!(seen, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
}
