//! Quantiles of small samples as recordings state them, and their distance.

/// The value of rank `ceil(p n)`; NaN without values.
pub(super) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let rank = ((p * sorted.len() as f64).ceil() as usize).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// Ascending copy.
pub(super) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Mean and sample standard deviation (0 for fewer than two values).
pub(super) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, if values.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_of_the_sample() {
        let values = sorted(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!(
            (quantile(&values, 0.5), quantile(&values, 0.95), quantile(&values, 0.01)),
            (2.0, 4.0, 1.0)
        );
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn deviations_are_those_of_samples() {
        assert_eq!(mean_and_deviation(&[1.0, 3.0]), (2.0, 2.0_f64.sqrt()));
        assert_eq!(mean_and_deviation(&[5.0]), (5.0, 0.0));
    }
}
