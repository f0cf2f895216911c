//! Comparison: is B different from A, by how much, or the same for practical purposes?
//!
//! Points of a sweep share their random numbers, so they are compared replication by replication: the paired
//! difference has a smaller variance than two independent runs would give. Sources: Law, *Simulation Modeling and
//! Analysis*, ch. 10-11; Schuirmann (1987) for two one-sided tests; Stephens (1970) for the Kolmogorov-Smirnov
//! probability; Holm (1979) for many comparisons at once.

use super::estimate::Estimate;
use super::interval::{self, Level, mean_and_variance};
use super::ranks::Ranks;

/// The difference between two sets of replications that share their random numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Mean of second minus first.
    pub difference: Estimate,
    /// Variance of the difference over what independent samples would have: below 1 where sharing random numbers
    /// helps. 1 where neither varies.
    pub variance_ratio: f64,
}

/// What a comparison against a margin of indifference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equivalence {
    /// The difference is within the margin, with confidence.
    Equivalent,
    /// The difference is beyond the margin, with confidence.
    Different,
    /// More data are needed.
    Undecided,
}

/// Second minus first, replication by replication; values beyond the shorter list are left out. `None` without a
/// pair.
pub fn paired(first: &[f64], second: &[f64], level: &Level) -> Option<Paired> {
    let n = first.len().min(second.len());
    let (first, second) = (&first[..n], &second[..n]);
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| b - a).collect();
    let difference = interval::mean(&differences, level)?;
    let variance = |values: &[f64]| mean_and_variance(values).map_or(0.0, |(_, variance)| variance);
    let apart = variance(first) + variance(second);
    let variance_ratio = if apart > 0.0 { variance(&differences) / apart } else { 1.0 };
    Some(Paired { difference, variance_ratio })
}

/// Second minus first for independent samples of unequal variances (Welch 1947). `None` where either is empty.
pub fn independent(first: &[f64], second: &[f64], level: &Level) -> Option<Estimate> {
    let (one, two) = (mean_and_variance(first)?, mean_and_variance(second)?);
    let (n, m) = (first.len() as f64, second.len() as f64);
    let value = two.0 - one.0;
    if first.len() < 2 || second.len() < 2 {
        return Some(Estimate::single(value, level.confidence()));
    }
    let (a, b) = (one.1 / n, two.1 / m);
    let error = (a + b).sqrt();
    // Satterthwaite's degrees of freedom, rounded down: the wider interval.
    let spread = a * a / (n - 1.0) + b * b / (m - 1.0);
    let freedom = if spread > 0.0 { ((a + b) * (a + b) / spread).floor().max(1.0) } else { n + m - 2.0 };
    let half = level.t(freedom as usize + 1) * error;
    Some(Estimate::symmetric(value, half, (first.len() + second.len()) as u64, level.confidence()))
}

/// Two one-sided t-tests of paired differences against a margin.
///
/// Equivalent if both tests reject at `1 - confidence`, that is if the interval of confidence `2 c - 1` lies within
/// the margin; different if the two-sided interval of confidence c lies beyond it. Fewer than two pairs decide
/// nothing, not even where they are equal.
pub fn equivalence(first: &[f64], second: &[f64], margin: f64, confidence: f64) -> Equivalence {
    let narrow = Level::new((2.0 * confidence - 1.0).max(0.01));
    let wide = Level::new(confidence);
    let (Some(inner), Some(outer)) = (paired(first, second, &narrow), paired(first, second, &wide)) else {
        return Equivalence::Undecided;
    };
    judge(&inner.difference, &outer.difference, margin)
}

/// The same for independent samples.
pub fn equivalence_independent(first: &[f64], second: &[f64], margin: f64, confidence: f64) -> Equivalence {
    let narrow = Level::new((2.0 * confidence - 1.0).max(0.01));
    let wide = Level::new(confidence);
    match (independent(first, second, &narrow), independent(first, second, &wide)) {
        (Some(inner), Some(outer)) => judge(&inner, &outer, margin),
        _ => Equivalence::Undecided,
    }
}

fn judge(inner: &Estimate, outer: &Estimate, margin: f64) -> Equivalence {
    if inner.n < 2 {
        Equivalence::Undecided
    } else if -margin <= inner.low && inner.high <= margin {
        Equivalence::Equivalent
    } else if outer.low > margin || outer.high < -margin {
        Equivalence::Different
    } else {
        Equivalence::Undecided
    }
}

/// A two-sample Kolmogorov-Smirnov test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KolmogorovSmirnov {
    /// The largest distance between the distribution functions.
    pub distance: f64,
    /// Probability of such a distance between two samples of one distribution.
    pub p_value: f64,
}

/// Compares two distributions by their histograms; `None` if either is empty.
///
/// Assumes independent values; requests of one run are not, so that a small probability there says less than it
/// seems. Ties within a bucket (0.1 %) can only hide a difference.
pub fn kolmogorov_smirnov(one: &Ranks, two: &Ranks) -> Option<KolmogorovSmirnov> {
    if one.is_empty() || two.is_empty() {
        return None;
    }
    let distance = one.largest_gap(two);
    let (n, m) = (one.count() as f64, two.count() as f64);
    let root = (n * m / (n + m)).sqrt();
    let p_value = kolmogorov_tail((root + 0.12 + 0.11 / root) * distance);
    Some(KolmogorovSmirnov { distance, p_value })
}

/// `P(K > x)` of the Kolmogorov distribution: `2 sum (-1)^(k-1) exp(-2 k^2 x^2)`.
fn kolmogorov_tail(x: f64) -> f64 {
    // Below this the tail is 1 to fifteen digits and the series converges slowly.
    if x < 0.18 {
        return 1.0;
    }
    let mut sum = 0.0;
    for k in 1..=100 {
        let k = f64::from(k);
        let term = libm::exp(-2.0 * k * k * x * x);
        sum += if k % 2.0 == 1.0 { term } else { -term };
        if term < 1e-17 {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

/// Holm's step-down correction: probabilities that may be compared with one level for the whole family, in the
/// order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0f64;
    for (rank, &index) in order.iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        largest = largest.max((factor * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use crate::stats::Histogram;
    use crate::time::Span;

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    #[test]
    fn shared_luck_cancels_in_the_difference() {
        let luck = [1.0, 5.0, 2.0, 9.0, 4.0];
        let better: Vec<f64> =
            luck.iter().zip([0.1, -0.1, 0.0, 0.1, -0.1]).map(|(x, e)| x - 1.0 + e).collect();
        let level = Level::new(0.95);
        let found = paired(&luck, &better, &level).unwrap();
        close(found.difference.value, -1.0, 1e-12);
        // Differences vary by 0.01, the values themselves by about 9.7 each.
        close(found.difference.half_width(), 2.776_445_105 * (0.01f64 / 5.0).sqrt(), 1e-8);
        assert!(found.variance_ratio < 0.001);
        let apart = independent(&luck, &better, &level).unwrap();
        close(apart.value, -1.0, 1e-12);
        assert!(apart.half_width() > 30.0 * found.difference.half_width());
        assert_eq!(paired(&[], &better, &level), None);
    }

    #[test]
    fn equal_within_the_margin_different_beyond_it_undecided_between() {
        let base = [10.0, 11.0, 9.0, 10.5, 9.5];
        let shifted = |by: f64| {
            base.iter().zip([0.1, -0.1, 0.05, -0.05, 0.0]).map(|(x, e)| x + by + e).collect::<Vec<_>>()
        };
        for (by, margin, expected) in [
            (0.0, 0.5, Equivalence::Equivalent),
            (1.0, 0.5, Equivalence::Different),
            (-1.0, 0.5, Equivalence::Different),
            (0.5, 0.5, Equivalence::Undecided),
            (0.0, 0.01, Equivalence::Undecided),
        ] {
            assert_eq!(equivalence(&base, &shifted(by), margin, 0.95), expected, "by {by}, margin {margin}");
        }
        assert_eq!(equivalence(&[1.0], &[1.0], 0.5, 0.95), Equivalence::Undecided);
        assert_eq!(equivalence_independent(&base, &shifted(0.0), 0.5, 0.95), Equivalence::Undecided);
        assert_eq!(equivalence_independent(&base, &shifted(9.0), 0.5, 0.95), Equivalence::Different);
    }

    #[test]
    fn wrong_claims_of_equivalence_are_as_rare_as_promised() {
        // The truth lies exactly on the margin: at most 5 % may be called equivalent (sd 1.1 % over 400).
        let wrong = (0..400).filter(|&set| {
            let mut stream = Streams::new(21, set).stream(Purpose::Search, 0);
            let first: Vec<f64> = (0..12).map(|_| stream.normal()).collect();
            let second: Vec<f64> = first.iter().map(|x| x + 1.0 + 0.5 * stream.normal()).collect();
            equivalence(&first, &second, 1.0, 0.95) == Equivalence::Equivalent
        });
        let wrong = wrong.count();
        assert!((6..=34).contains(&wrong), "{wrong} of 400");
    }

    #[test]
    fn kolmogorov_and_smirnov() {
        // Tables: the 5 % point of the limit is 1.3581, the 1 % point 1.6276.
        close(kolmogorov_tail(1.3581), 0.05, 1e-5);
        close(kolmogorov_tail(1.6276), 0.01, 1e-5);
        let sample = |seed, mean: f64| {
            let mut stream = Streams::new(seed, 0).stream(Purpose::Search, 0);
            let mut histogram = Histogram::new();
            (0..2000).for_each(|_| histogram.record(Span::from_secs(mean * stream.exp1())));
            Ranks::of(&histogram)
        };
        assert!(kolmogorov_smirnov(&sample(1, 1.0), &sample(2, 1.2)).unwrap().p_value < 0.001);
        let rejected = (0..400u64).filter(|&set| {
            let test = kolmogorov_smirnov(&sample(100 + set, 1.0), &sample(1000 + set, 1.0));
            test.unwrap().p_value < 0.05
        });
        let rejected = rejected.count();
        assert!((6..=34).contains(&rejected), "{rejected} of 400");
        assert_eq!(kolmogorov_smirnov(&Ranks::default(), &sample(1, 1.0)), None);
    }

    #[test]
    fn holm_steps_down() {
        // Holm by hand: 4 * 0.005, 3 * 0.01, 2 * 0.03, 1 * 0.04 raised to the one before.
        let got = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (got, expected) in got.into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            close(got, expected, 1e-12);
        }
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }
}
