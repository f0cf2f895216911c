//! Comparison: by how much is B different from A?
//!
//! Points of a sweep share their random numbers, so they are compared replication by replication: the paired
//! difference has a smaller variance than two independent runs would give. Whether a difference matters is asked in
//! [`super::equivalence`]. Source: Law, *Simulation Modeling and Analysis*, ch. 10-11.

use super::estimate::Estimate;
use super::interval::{self, Level, mean_and_variance};

/// The difference between two sets of replications that share their random numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Mean of second minus first.
    pub difference: Estimate,
    /// Variance of the difference over what independent samples would have: below 1 where sharing random numbers
    /// helps. 1 where neither varies.
    pub variance_ratio: f64,
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
