//! Distribution functions and quantiles of durations, for fits, tests and figures; never used while drawing.

use super::Distribution;
use super::distribution::weighted;
use super::special::{gamma_p, normal_cdf, normal_quantile};
use libm::{exp, expm1, log, log1p, pow};

impl Distribution {
    /// The probability of a duration of at most `x` seconds.
    pub fn cdf(&self, x: f64) -> f64 {
        if x < 0.0 {
            return 0.0;
        }
        match *self {
            Distribution::Deterministic { value } => step(x >= value),
            Distribution::Exponential { mean } => exponential_cdf(mean, x),
            Distribution::Erlang { stages, mean } => {
                let stages = f64::from(stages);
                if mean == 0.0 { 1.0 } else { gamma_p(stages, x * stages / mean) }
            }
            Distribution::Gamma { shape, scale } => {
                if scale == 0.0 {
                    1.0
                } else {
                    gamma_p(shape, x / scale)
                }
            }
            Distribution::Lognormal { mu, sigma } => {
                if sigma == 0.0 {
                    step(x >= exp(mu))
                } else {
                    normal_cdf((log(x) - mu) / sigma)
                }
            }
            Distribution::Weibull { shape, scale } => {
                if scale == 0.0 {
                    1.0
                } else {
                    -expm1(-pow(x / scale, shape))
                }
            }
            Distribution::Pareto { shape, scale, high } => pareto_cdf(shape, scale, high, x),
            Distribution::Uniform { low, high } => {
                if x >= high {
                    1.0
                } else {
                    ((x - low) / (high - low)).max(0.0)
                }
            }
            Distribution::Hyperexponential { ref probabilities, ref means } => {
                weighted(probabilities, means.iter().map(|&mean| exponential_cdf(mean, x)))
            }
            Distribution::Mixture { ref probabilities, ref parts } => {
                weighted(probabilities, parts.iter().map(|part| part.cdf(x)))
            }
            Distribution::Discrete { ref values, ref probabilities } => {
                weighted(probabilities, values.iter().map(|&value| step(value <= x)))
            }
            Distribution::Empirical { ref values } => {
                values.partition_point(|&value| value <= x) as f64 / values.len() as f64
            }
        }
    }

    /// The smallest duration, in seconds, whose distribution function reaches `p`; the ends of the support for
    /// 0 and 1. A closed form where there is one, else bisection down to neighbouring floating-point numbers.
    pub fn quantile(&self, p: f64) -> f64 {
        if p <= 0.0 {
            return self.lower();
        }
        if p >= 1.0 {
            return self.upper();
        }
        match *self {
            Distribution::Deterministic { value } => value,
            Distribution::Exponential { mean } => -mean * log1p(-p),
            Distribution::Lognormal { mu, sigma } => exp(mu + sigma * normal_quantile(p)),
            Distribution::Weibull { shape, scale } => scale * pow(-log1p(-p), 1.0 / shape),
            Distribution::Pareto { shape, scale, high } => {
                let whole = high.map_or(1.0, |high| -expm1(shape * log(scale / high)));
                scale * exp(-log1p(-p * whole) / shape)
            }
            Distribution::Uniform { low, high } => low + p * (high - low),
            Distribution::Empirical { ref values } => {
                let rank = libm::ceil(p * values.len() as f64) as usize;
                values[rank.clamp(1, values.len()) - 1]
            }
            Distribution::Discrete { ref values, ref probabilities } => {
                discrete_quantile(values, probabilities, p)
            }
            Distribution::Erlang { .. }
            | Distribution::Gamma { .. }
            | Distribution::Hyperexponential { .. }
            | Distribution::Mixture { .. } => self.bisect(p),
        }
    }

    fn bisect(&self, p: f64) -> f64 {
        if self.cdf(0.0) >= p {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, 1.0);
        while self.cdf(high) < p {
            low = high;
            high *= 2.0;
        }
        loop {
            let middle = low + (high - low) / 2.0;
            if middle <= low || middle >= high {
                return high;
            }
            if self.cdf(middle) < p {
                low = middle;
            } else {
                high = middle;
            }
        }
    }

    /// The smallest possible duration.
    fn lower(&self) -> f64 {
        match *self {
            Distribution::Deterministic { value } => value,
            Distribution::Lognormal { mu, sigma: 0.0 } => exp(mu),
            Distribution::Pareto { scale, .. } => scale,
            Distribution::Uniform { low, .. } => low,
            Distribution::Mixture { ref probabilities, ref parts } => {
                possible(probabilities, parts.iter().map(Distribution::lower)).fold(f64::INFINITY, f64::min)
            }
            Distribution::Discrete { ref values, ref probabilities } => {
                possible(probabilities, values.iter().copied()).fold(f64::INFINITY, f64::min)
            }
            Distribution::Empirical { ref values } => values[0],
            _ => 0.0,
        }
    }

    /// The largest possible duration, often infinite.
    fn upper(&self) -> f64 {
        match *self {
            Distribution::Pareto { high, .. } => high.unwrap_or(f64::INFINITY),
            Distribution::Uniform { high, .. } => high,
            Distribution::Mixture { ref probabilities, ref parts } => {
                possible(probabilities, parts.iter().map(Distribution::upper)).fold(0.0, f64::max)
            }
            Distribution::Discrete { ref values, ref probabilities } => {
                possible(probabilities, values.iter().copied()).fold(0.0, f64::max)
            }
            Distribution::Empirical { ref values } => values[values.len() - 1],
            _ => self.constant_secs().unwrap_or(f64::INFINITY),
        }
    }
}

fn step(reached: bool) -> f64 {
    f64::from(u8::from(reached))
}

fn exponential_cdf(mean: f64, x: f64) -> f64 {
    if mean == 0.0 { 1.0 } else { -expm1(-x / mean) }
}

fn pareto_cdf(shape: f64, scale: f64, high: Option<f64>, x: f64) -> f64 {
    if x <= scale {
        return 0.0;
    }
    let below = |x: f64| -expm1(shape * log(scale / x));
    match high {
        Some(high) if x >= high => 1.0,
        Some(high) => below(x) / below(high),
        None => below(x),
    }
}

fn discrete_quantile(values: &[f64], probabilities: &[f64], p: f64) -> f64 {
    let mut pairs: Vec<(f64, f64)> =
        values.iter().copied().zip(probabilities.iter().copied()).filter(|pair| pair.1 > 0.0).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut sum = 0.0;
    for &(value, share) in &pairs {
        sum += share;
        // Sums such as 0.1 + 0.2 must not miss a share by rounding alone.
        if sum >= p - 1e-12 {
            return value;
        }
    }
    pairs.last().map_or(0.0, |pair| pair.0)
}

fn possible(probabilities: &[f64], figures: impl Iterator<Item = f64>) -> impl Iterator<Item = f64> {
    probabilities.iter().zip(figures).filter(|(p, _)| **p > 0.0).map(|(_, figure)| figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_undo_distribution_functions() {
        let gamma = Distribution::Gamma { shape: 0.4, scale: 3.0 };
        let continuous = [
            Distribution::Exponential { mean: 2.0 },
            Distribution::Erlang { stages: 7, mean: 2.0 },
            gamma.clone(),
            Distribution::Lognormal { mu: -1.0, sigma: 1.5 },
            Distribution::Weibull { shape: 0.7, scale: 2.0 },
            Distribution::Pareto { shape: 1.2, scale: 0.5, high: None },
            Distribution::Pareto { shape: 1.2, scale: 0.5, high: Some(40.0) },
            Distribution::Uniform { low: 1.0, high: 3.0 },
            Distribution::Hyperexponential { probabilities: vec![0.9, 0.1], means: vec![1.0, 20.0] },
            Distribution::Mixture {
                probabilities: vec![0.5, 0.5],
                parts: vec![gamma, Distribution::Uniform { low: 0.0, high: 9.0 }],
            },
        ];
        for distribution in continuous {
            for p in [0.001, 0.05, 0.5, 0.95, 0.999] {
                let x = distribution.quantile(p);
                assert!((distribution.cdf(x) - p).abs() < 1e-10, "{distribution:?} at {p}: {x}");
            }
        }
    }

    #[test]
    fn atoms_are_reached_from_below() {
        let dice = Distribution::Discrete { values: vec![3.0, 1.0, 2.0], probabilities: vec![0.7, 0.1, 0.2] };
        assert_eq!(dice.quantile(0.1), 1.0);
        assert_eq!(dice.quantile(0.3), 2.0);
        assert_eq!(dice.quantile(0.300001), 3.0);
        let sample = Distribution::Empirical { values: [1.0, 2.0, 5.0, 9.0].into() };
        assert_eq!((sample.quantile(0.5), sample.quantile(0.51), sample.quantile(1.0)), (2.0, 5.0, 9.0));
        assert_eq!(sample.cdf(2.0), 0.5);
    }
}
