//! How much many observations of one run really say.
//!
//! Latencies of one run follow each other: a long queue makes a hundred of them large together, so a hundred
//! dependent values say less than a hundred independent ones. Whoever tests values of one run must divide their
//! number by the *inefficiency* 1 + 2 Σ ρ(k), or work on means of long batches, or, best, on whole runs.
//!
//! Sources: Geyer, "Practical Markov Chain Monte Carlo" (1992), section 3.3, for the initial positive sequence;
//! Law, *Simulation Modeling and Analysis*, ch. 9 for batch means. Both assume that the process is stationary: a
//! ramp or a spike looks like dependence and makes the number smaller, which is the safe side.

/// Lags looked at: beyond, a run is too short to say anything anyway.
const LAGS_MAX: usize = 5000;

/// How many independent values say as much about the mean as these in their order of time: between 1 and their
/// number. Pairs of autocovariances are summed while they are positive. Negative dependence is not taken as a gain.
pub fn effective_size(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 4 {
        return n as f64;
    }
    let mean = values.iter().sum::<f64>() / n as f64;
    let centred: Vec<f64> = values.iter().map(|x| x - mean).collect();
    let covariance =
        |lag: usize| centred[lag..].iter().zip(&centred).map(|(a, b)| a * b).sum::<f64>() / n as f64;
    let variance = covariance(0);
    if variance <= 0.0 {
        return n as f64;
    }
    // Γ(m) = ρ(2m) + ρ(2m + 1); ρ(0) = 1 is in the first. They are made to fall, as they do in theory.
    let (mut sum, mut last, mut lag) = (0.0, f64::INFINITY, 0);
    while lag + 1 < n.min(LAGS_MAX) {
        let pair = ((covariance(lag) + covariance(lag + 1)) / variance).min(last);
        if pair <= 0.0 {
            break;
        }
        sum += pair;
        (last, lag) = (pair, lag + 2);
    }
    let inefficiency = (2.0 * sum - 1.0).max(1.0);
    (n as f64 / inefficiency).max(1.0)
}

/// Means of so many batches of equal length, in order; a remainder at the end is left out. Fewer values than
/// batches stand for themselves.
pub fn batch_means(values: &[f64], batches: usize) -> Vec<f64> {
    let length = (values.len() / batches.max(1)).max(1);
    values
        .chunks_exact(length)
        .take(batches.max(1))
        .map(|batch| batch.iter().sum::<f64>() / length as f64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    /// A first-order autoregression: its inefficiency is (1 + r) / (1 - r).
    fn autoregressive(r: f64, n: usize, seed: u64) -> Vec<f64> {
        let mut stream = Streams::new(seed, 0).stream(Purpose::Search, 0);
        let mut x = 0.0;
        let mut next = || {
            x = r * x + (1.0 - r * r).sqrt() * stream.normal();
            x
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn dependence_costs_what_the_theory_says() {
        for (r, inefficiency) in [(0.0, 1.0), (0.5, 3.0), (0.9, 19.0)] {
            let sizes = (1..=20).map(|seed| effective_size(&autoregressive(r, 20_000, seed)));
            let mean = sizes.sum::<f64>() / 20.0;
            let expected = 20_000.0 / inefficiency;
            assert!((mean / expected - 1.0).abs() < 0.1, "r {r}: {mean} is not {expected}");
        }
    }

    #[test]
    fn short_and_constant_series_stand_for_themselves() {
        assert_eq!(effective_size(&[]), 0.0);
        assert_eq!(effective_size(&[1.0, 2.0]), 2.0);
        assert_eq!(effective_size(&[3.0; 10]), 10.0);
        // What swings against itself is not taken as more than its number.
        let swing: Vec<f64> = (0..100).map(|n| f64::from(n % 2)).collect();
        assert_eq!(effective_size(&swing), 100.0);
    }

    #[test]
    fn batches_have_equal_length() {
        assert_eq!(batch_means(&[1.0, 3.0, 5.0, 7.0, 100.0], 2), [2.0, 6.0]);
        assert_eq!(batch_means(&[1.0, 2.0], 5), [1.0, 2.0]);
        assert!(batch_means(&[], 3).is_empty());
    }
}
