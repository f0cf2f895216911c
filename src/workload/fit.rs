//! Distributions from what a planner knows: a mean and a coefficient of variation (standard deviation over
//! mean), or the median and the 95th percentile. All exact or solved to the last digits; none estimates from data.

use super::Distribution;
use super::distribution::positive;
use super::special::normal_quantile;
use libm::{exp, lgamma, log, log1p, pow};

impl Distribution {
    /// The lognormal distribution of this mean (seconds) and coefficient of variation; constant for cv = 0.
    ///
    /// # Errors
    /// Text that names the faulty parameter.
    pub fn lognormal_from_mean_cv(mean: f64, cv: f64) -> Result<Distribution, String> {
        mean_and_cv(mean, cv)?;
        let squared = log1p(cv * cv);
        Ok(Distribution::Lognormal { mu: log(mean) - squared / 2.0, sigma: squared.sqrt() })
    }

    /// The lognormal distribution of this median and 95th percentile (seconds).
    ///
    /// # Errors
    /// Text that names the faulty parameter.
    pub fn lognormal_from_quantiles(p50: f64, p95: f64) -> Result<Distribution, String> {
        let ratio = log_ratio(p50, p95, true)?;
        Ok(Distribution::Lognormal { mu: log(p50), sigma: ratio / normal_quantile(0.95) })
    }

    /// The gamma distribution of this mean (seconds) and coefficient of variation; constant for cv = 0.
    ///
    /// # Errors
    /// Text that names the faulty parameter.
    pub fn gamma_from_mean_cv(mean: f64, cv: f64) -> Result<Distribution, String> {
        mean_and_cv(mean, cv)?;
        if cv == 0.0 {
            return Ok(Distribution::Deterministic { value: mean });
        }
        let squared = cv * cv;
        Ok(Distribution::Gamma { shape: 1.0 / squared, scale: mean * squared })
    }

    /// The Weibull distribution of this mean (seconds) and coefficient of variation; constant for cv = 0.
    ///
    /// Solves Γ(1 + 2/k) / Γ(1 + 1/k)² = 1 + cv² for the shape k by bisection on its logarithm; the left side
    /// falls with k.
    ///
    /// # Errors
    /// Text that names the faulty parameter; a cv outside [0.002, 100] asks for a shape beyond use.
    pub fn weibull_from_mean_cv(mean: f64, cv: f64) -> Result<Distribution, String> {
        mean_and_cv(mean, cv)?;
        if cv == 0.0 {
            return Ok(Distribution::Deterministic { value: mean });
        }
        if !(0.002..=100.0).contains(&cv) {
            return Err(format!("a Weibull distribution can be fitted to a cv from 0.002 to 100, not {cv}"));
        }
        let goal = log1p(cv * cv);
        let excess = |shape: f64| lgamma(1.0 + 2.0 / shape) - 2.0 * lgamma(1.0 + 1.0 / shape) - goal;
        let (mut low, mut high) = (log(0.05), log(2000.0));
        for _ in 0..200 {
            let middle = (low + high) / 2.0;
            if excess(exp(middle)) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        let shape = exp((low + high) / 2.0);
        Ok(Distribution::Weibull { shape, scale: mean / exp(lgamma(1.0 + 1.0 / shape)) })
    }

    /// The Weibull distribution of this median and 95th percentile (seconds).
    ///
    /// # Errors
    /// Text that names the faulty parameter.
    pub fn weibull_from_quantiles(p50: f64, p95: f64) -> Result<Distribution, String> {
        let ratio = log_ratio(p50, p95, false)?;
        // Quantile p is scale * (-ln(1 - p))^(1/shape).
        let (half, tail) = (log(2.0), log(20.0));
        let shape = log(tail / half) / ratio;
        Ok(Distribution::Weibull { shape, scale: p50 / pow(half, 1.0 / shape) })
    }

    /// The Pareto distribution of this median and 95th percentile (seconds).
    ///
    /// # Errors
    /// Text that names the faulty parameter.
    pub fn pareto_from_quantiles(p50: f64, p95: f64) -> Result<Distribution, String> {
        let ratio = log_ratio(p50, p95, false)?;
        // Quantile p is scale * (1 - p)^(-1/shape), so p95 / p50 = 10^(1/shape).
        let shape = log(10.0) / ratio;
        Ok(Distribution::Pareto { shape, scale: p50 * pow(0.5, 1.0 / shape), high: None })
    }

    /// The hyperexponential distribution of two branches with this mean (seconds) and coefficient of variation
    /// (at least 1) whose branches bring equal shares of the work ("balanced means": Tijms, "A First Course in
    /// Stochastic Models", appendix B).
    ///
    /// # Errors
    /// Text that names the faulty parameter.
    pub fn hyperexponential_from_mean_cv(mean: f64, cv: f64) -> Result<Distribution, String> {
        mean_and_cv(mean, cv)?;
        if cv < 1.0 {
            return Err(format!("a hyperexponential distribution has a cv of at least 1, not {cv}"));
        }
        let squared = cv * cv;
        let p = (1.0 + ((squared - 1.0) / (squared + 1.0)).sqrt()) / 2.0;
        if p >= 1.0 {
            return Err(format!("a cv of {cv} is too large for a hyperexponential distribution"));
        }
        Ok(Distribution::Hyperexponential {
            probabilities: vec![p, 1.0 - p],
            means: vec![mean / (2.0 * p), mean / (2.0 * (1.0 - p))],
        })
    }
}

fn mean_and_cv(mean: f64, cv: f64) -> Result<(), String> {
    positive("mean", mean)?;
    if cv.is_finite() && cv >= 0.0 {
        return Ok(());
    }
    Err(format!("cv must be a finite number that is not negative, not {cv}"))
}

/// The logarithm of p95 over p50; positive, or zero where `flat` allows it.
fn log_ratio(p50: f64, p95: f64, flat: bool) -> Result<f64, String> {
    positive("p50", p50)?;
    positive("p95", p95)?;
    if p95 > p50 || (flat && p95 == p50) {
        return Ok(log(p95 / p50));
    }
    Err(format!("p95, {p95} s, must be above p50, {p50} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A constructor from two figures.
    type Fit = fn(f64, f64) -> Result<Distribution, String>;

    #[test]
    fn a_mean_and_a_cv_come_back() {
        let fits: [Fit; 4] = [
            Distribution::lognormal_from_mean_cv,
            Distribution::gamma_from_mean_cv,
            Distribution::weibull_from_mean_cv,
            Distribution::hyperexponential_from_mean_cv,
        ];
        for fit in fits {
            for cv in [1.0, 1.3, 2.0, 7.0] {
                let fitted = fit(45.0, cv).unwrap();
                assert!((fitted.mean() / 45.0 - 1.0).abs() < 1e-9, "{fitted:?}");
                assert!((fitted.cv() / cv - 1.0).abs() < 1e-8, "{fitted:?}: {}", fitted.cv());
                fitted.validate().unwrap();
            }
        }
        for fit in &fits[..3] {
            let narrow = fit(45.0, 0.1).unwrap();
            assert!((narrow.cv() / 0.1 - 1.0).abs() < 1e-6, "{narrow:?}: {}", narrow.cv());
            assert!(
                fit(45.0, 0.0).unwrap().is_constant().is_some_and(|span| (span.secs() - 45.0).abs() < 1e-6)
            );
        }
    }

    #[test]
    fn two_quantiles_come_back() {
        let fits: [Fit; 3] = [
            Distribution::lognormal_from_quantiles,
            Distribution::weibull_from_quantiles,
            Distribution::pareto_from_quantiles,
        ];
        for fit in fits {
            let fitted = fit(12.0, 50.0).unwrap();
            assert!((fitted.quantile(0.5) - 12.0).abs() < 1e-9, "{fitted:?}");
            assert!((fitted.quantile(0.95) - 50.0).abs() < 1e-9, "{fitted:?}");
            assert!(fit(50.0, 12.0).unwrap_err().contains("must be above p50"));
            assert!(fit(0.0, 12.0).unwrap_err().contains("p50 must be"));
        }
    }

    #[test]
    fn impossible_wishes_are_explained() {
        assert!(Distribution::hyperexponential_from_mean_cv(1.0, 0.5).unwrap_err().contains("at least 1"));
        assert!(Distribution::gamma_from_mean_cv(f64::NAN, 0.5).unwrap_err().contains("mean must be"));
        assert!(Distribution::lognormal_from_mean_cv(1.0, -0.5).unwrap_err().contains("cv must be"));
        assert!(Distribution::weibull_from_mean_cv(1.0, 1e4).unwrap_err().contains("0.002 to 100"));
    }
}
