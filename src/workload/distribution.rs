//! Distributions of durations: demands, gaps, think times, delays.
//!
//! Settings, their moments and their faults. `curve` has the distribution functions, `fit` makes distributions
//! from what a planner knows, `sampler` draws. Moments are the textbook ones (Law, "Simulation Modeling and
//! Analysis", ch. 6); a moment that does not exist is infinite.

use crate::time::Span;
use libm::{exp, expm1, log, pow, tgamma};

/// A distribution over non-negative durations. All times are seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always `value`.
    Deterministic {
        /// The duration.
        value: f64,
    },
    /// Exponential.
    Exponential {
        /// Its mean.
        mean: f64,
    },
    /// The sum of `stages` exponentials.
    Erlang {
        /// How many stages, at least one.
        stages: u32,
        /// The mean of the sum.
        mean: f64,
    },
    /// Gamma; its mean is `shape * scale`.
    Gamma {
        /// Shape, positive.
        shape: f64,
        /// Scale.
        scale: f64,
    },
    /// The exponential of a normal.
    Lognormal {
        /// Mean of the logarithm of seconds.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Weibull: `scale * (-ln u)^(1/shape)`.
    Weibull {
        /// Shape, positive.
        shape: f64,
        /// Scale.
        scale: f64,
    },
    /// Pareto with support from `scale`; cut off at `high` (renormalised) if given.
    Pareto {
        /// Tail index, positive.
        shape: f64,
        /// Smallest value.
        scale: f64,
        /// Largest value of the bounded form.
        high: Option<f64>,
    },
    /// Uniform on [low, high).
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// An exponential chosen with the given probabilities.
    Hyperexponential {
        /// Probabilities, which sum to 1.
        probabilities: Vec<f64>,
        /// Means of the branches.
        means: Vec<f64>,
    },
    /// A part chosen with the given probabilities.
    Mixture {
        /// Probabilities, which sum to 1.
        probabilities: Vec<f64>,
        /// The parts.
        parts: Vec<Distribution>,
    },
    /// One of the values, with the given probabilities.
    Discrete {
        /// The values.
        values: Vec<f64>,
        /// Probabilities, which sum to 1.
        probabilities: Vec<f64>,
    },
    /// One of the measured values, each as likely; ascending.
    Empirical {
        /// The sample in ascending order.
        values: std::sync::Arc<[f64]>,
    },
}

impl Distribution {
    /// The mean in seconds; infinite for a Pareto tail of shape 1 or less.
    pub fn mean(&self) -> f64 {
        match self {
            Distribution::Mixture { probabilities, parts } => {
                weighted(probabilities, parts.iter().map(Distribution::mean))
            }
            _ => self.raw_moment(1),
        }
    }

    /// The variance in seconds squared; infinite for a Pareto tail of shape 2 or less.
    pub fn variance(&self) -> f64 {
        match *self {
            Distribution::Deterministic { .. } => 0.0,
            Distribution::Exponential { mean } => mean * mean,
            Distribution::Erlang { stages, mean } => mean * mean / f64::from(stages),
            Distribution::Gamma { shape, scale } => shape * scale * scale,
            Distribution::Lognormal { mu, sigma } => {
                let squared = sigma * sigma;
                expm1(squared) * exp(2.0 * mu + squared)
            }
            Distribution::Uniform { low, high } => (high - low) * (high - low) / 12.0,
            Distribution::Empirical { ref values } => spread(values.iter().map(|&v| (v, 1.0))),
            Distribution::Discrete { ref values, ref probabilities } => {
                spread(values.iter().copied().zip(probabilities.iter().copied()))
            }
            Distribution::Weibull { .. }
            | Distribution::Pareto { .. }
            | Distribution::Hyperexponential { .. }
            | Distribution::Mixture { .. } => {
                let (mean, second) = (self.mean(), self.second_moment());
                if second.is_infinite() { f64::INFINITY } else { (second - mean * mean).max(0.0) }
            }
        }
    }

    /// Standard deviation over mean; zero where the mean is zero.
    pub fn cv(&self) -> f64 {
        let mean = self.mean();
        if mean > 0.0 { self.variance().sqrt() / mean } else { 0.0 }
    }

    /// The duration that every draw gives, if all are alike.
    pub fn is_constant(&self) -> Option<Span> {
        self.constant_secs().map(Span::from_secs)
    }

    pub(super) fn constant_secs(&self) -> Option<f64> {
        match *self {
            Distribution::Deterministic { value } => Some(value),
            Distribution::Exponential { mean } | Distribution::Erlang { mean, .. } => {
                (mean == 0.0).then_some(0.0)
            }
            Distribution::Gamma { scale, .. } | Distribution::Weibull { scale, .. } => {
                (scale == 0.0).then_some(0.0)
            }
            Distribution::Lognormal { mu, sigma } => (sigma == 0.0).then(|| exp(mu)),
            Distribution::Pareto { .. } => None,
            Distribution::Uniform { low, high } => (low == high).then_some(low),
            Distribution::Hyperexponential { ref means, .. } => {
                means.iter().all(|&mean| mean == 0.0).then_some(0.0)
            }
            Distribution::Mixture { ref probabilities, ref parts } => {
                all_alike(possible(probabilities, parts.iter().map(Distribution::constant_secs)))
            }
            Distribution::Discrete { ref values, ref probabilities } => {
                all_alike(possible(probabilities, values.iter().map(|&value| Some(value))))
            }
            Distribution::Empirical { ref values } => all_alike(values.iter().map(|&value| Some(value))),
        }
    }

    fn second_moment(&self) -> f64 {
        match self {
            Distribution::Mixture { probabilities, parts } => weighted(
                probabilities,
                parts.iter().map(|part| {
                    let mean = part.mean();
                    part.variance() + mean * mean
                }),
            ),
            _ => self.raw_moment(2),
        }
    }

    /// The moment of order 1, or of order 2 where [`Distribution::variance`] needs it.
    fn raw_moment(&self, order: u8) -> f64 {
        let k = f64::from(order);
        match *self {
            Distribution::Deterministic { value } => pow(value, k),
            Distribution::Exponential { mean } | Distribution::Erlang { mean, .. } => mean,
            Distribution::Gamma { shape, scale } => shape * scale,
            Distribution::Lognormal { mu, sigma } => exp(k * mu + k * k * sigma * sigma / 2.0),
            Distribution::Weibull { shape, scale } => pow(scale, k) * tgamma(1.0 + k / shape),
            Distribution::Pareto { shape, scale, high: None } => {
                if shape > k {
                    shape * pow(scale, k) / (shape - k)
                } else {
                    f64::INFINITY
                }
            }
            Distribution::Pareto { shape, scale, high: Some(high) } => {
                bounded_pareto_moment(shape, scale, high, k)
            }
            Distribution::Uniform { low, high } => low + (high - low) / 2.0,
            Distribution::Hyperexponential { ref probabilities, ref means } => {
                weighted(probabilities, means.iter().map(|&mean| k * pow(mean, k)))
            }
            Distribution::Discrete { ref values, ref probabilities } => {
                weighted(probabilities, values.iter().map(|&value| pow(value, k)))
            }
            Distribution::Empirical { ref values } => values.iter().sum::<f64>() / values.len() as f64,
            // Its moments are sums over the parts, made by the callers.
            Distribution::Mixture { .. } => f64::NAN,
        }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// What is wrong with the first faulty parameter, as text for the user.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Distribution::Deterministic { value } => duration("value", *value),
            Distribution::Exponential { mean } => duration("mean", *mean),
            Distribution::Erlang { stages, mean } => {
                if *stages == 0 {
                    return Err(String::from("stages must be at least 1"));
                }
                duration("mean", *mean)
            }
            Distribution::Gamma { shape, scale } | Distribution::Weibull { shape, scale } => {
                positive("shape", *shape)?;
                duration("scale", *scale)?;
                if self.mean().is_finite() {
                    return Ok(());
                }
                Err(format!("a shape of {shape} gives a mean that is too large to be represented"))
            }
            Distribution::Lognormal { mu, sigma } => {
                if !mu.is_finite() {
                    return Err(format!("mu must be a finite number, not {mu}"));
                }
                duration("sigma", *sigma)
            }
            Distribution::Pareto { shape, scale, high } => {
                positive("shape", *shape)?;
                positive("scale", *scale)?;
                match high {
                    Some(high) if !(high.is_finite() && high > scale) => {
                        Err(format!("the largest value must be above the smallest, {scale} s, not {high} s"))
                    }
                    _ => Ok(()),
                }
            }
            Distribution::Uniform { low, high } => {
                duration("low", *low)?;
                duration("high", *high)?;
                if low <= high {
                    return Ok(());
                }
                Err(format!("low, {low} s, must not be above high, {high} s"))
            }
            Distribution::Hyperexponential { probabilities, means } => {
                shares(probabilities, means.len())?;
                means.iter().try_for_each(|&mean| duration("mean", mean))
            }
            Distribution::Mixture { probabilities, parts } => {
                shares(probabilities, parts.len())?;
                parts.iter().try_for_each(Distribution::validate)
            }
            Distribution::Discrete { values, probabilities } => {
                shares(probabilities, values.len())?;
                values.iter().try_for_each(|&value| duration("value", value))
            }
            Distribution::Empirical { values } => {
                values.iter().try_for_each(|&value| duration("value", value))?;
                if values.is_empty() {
                    return Err(String::from("an empirical distribution needs at least one value"));
                }
                if values.is_sorted() {
                    return Ok(());
                }
                Err(String::from("the values of an empirical distribution must ascend"))
            }
        }
    }
}

/// Moment of order `k` of a Pareto distribution cut off at `high` and renormalised.
fn bounded_pareto_moment(shape: f64, scale: f64, high: f64, k: f64) -> f64 {
    let ratio = log(scale / high);
    let whole = -expm1(shape * ratio);
    // Near shape = k the usual (1 - r^(shape - k)) / (shape - k) is 0 / 0, with limit -ln r.
    let excess = shape - k;
    let part = if excess.abs() < 1e-12 { -ratio } else { -expm1(excess * ratio) / excess };
    shape * pow(scale, k) * part / whole
}

/// Variance of weighted values by two passes: exact where the spread is small beside the mean.
fn spread(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let total: f64 = pairs.clone().map(|(_, weight)| weight).sum();
    let mean = pairs.clone().map(|(value, weight)| value * weight).sum::<f64>() / total;
    pairs.map(|(value, weight)| weight * (value - mean) * (value - mean)).sum::<f64>() / total
}

/// Sum of probability times figure; an impossible branch counts nothing, even where its figure is infinite.
pub(super) fn weighted(probabilities: &[f64], figures: impl Iterator<Item = f64>) -> f64 {
    probabilities.iter().zip(figures).filter(|(p, _)| **p > 0.0).map(|(p, figure)| p * figure).sum()
}

fn possible<T>(probabilities: &[f64], items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    probabilities.iter().zip(items).filter(|(p, _)| **p > 0.0).map(|(_, item)| item)
}

fn all_alike(mut values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let first = values.next()??;
    values.all(|value| value == Some(first)).then_some(first)
}

pub(super) fn duration(name: &str, value: f64) -> Result<(), String> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(format!("{name} must be a finite number that is not negative, not {value}"))
}

pub(super) fn positive(name: &str, value: f64) -> Result<(), String> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(format!("{name} must be a finite number above 0, not {value}"))
}

/// Checks `probabilities` of `branches` alternatives.
pub(super) fn shares(probabilities: &[f64], branches: usize) -> Result<(), String> {
    if branches == 0 {
        return Err(String::from("a choice needs at least one branch"));
    }
    if probabilities.len() != branches {
        return Err(format!("{branches} branches need as many probabilities, not {}", probabilities.len()));
    }
    if let Some(p) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(format!("a probability must lie between 0 and 1, not {p}"));
    }
    let sum: f64 = probabilities.iter().sum();
    if (sum - 1.0).abs() <= 1e-9 {
        return Ok(());
    }
    Err(format!("probabilities must sum to 1, not {sum}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_textbook() {
        let h2 = Distribution::Hyperexponential { probabilities: vec![0.25, 0.75], means: vec![4.0, 1.0] };
        let rows = [
            (Distribution::Erlang { stages: 4, mean: 2.0 }, 2.0, 1.0),
            (Distribution::Uniform { low: 1.0, high: 4.0 }, 2.5, 0.75),
            (Distribution::Weibull { shape: 1.0, scale: 3.0 }, 3.0, 9.0),
            (Distribution::Pareto { shape: 3.0, scale: 2.0, high: None }, 3.0, 3.0),
            (h2, 1.75, 2.0 * (0.25 * 16.0 + 0.75) - 1.75 * 1.75),
            (Distribution::Discrete { values: vec![5.0, 1.0], probabilities: vec![0.5, 0.5] }, 3.0, 4.0),
            (Distribution::Empirical { values: [1.0, 2.0, 3.0].into() }, 2.0, 2.0 / 3.0),
        ];
        for (distribution, mean, variance) in rows {
            assert!((distribution.mean() - mean).abs() < 1e-12, "{distribution:?}");
            assert!((distribution.variance() - variance).abs() < 1e-12, "{distribution:?}");
        }
    }

    #[test]
    fn heavy_tails_have_infinite_moments_and_a_bound_tames_them() {
        let tail = |shape, high| Distribution::Pareto { shape, scale: 1.0, high };
        assert_eq!(tail(0.9, None).mean(), f64::INFINITY);
        assert_eq!(tail(1.5, None).mean(), 3.0);
        assert_eq!(tail(1.5, None).variance(), f64::INFINITY);
        // Shape 1 on [1, e]: mean = 1 * ln e / (1 - 1/e).
        let expected = 1.0 / (1.0 - exp(-1.0));
        assert!((tail(1.0, Some(exp(1.0))).mean() - expected).abs() < 1e-12);
        assert!((tail(1.0 + 1e-9, Some(exp(1.0))).mean() - expected).abs() < 1e-6);
    }

    #[test]
    fn constants_are_seen_through_their_disguise() {
        let second = Some(Span::from_whole_secs(1));
        let sure = Distribution::Deterministic { value: 1.0 };
        assert_eq!(sure.is_constant(), second);
        assert_eq!(Distribution::Lognormal { mu: 0.0, sigma: 0.0 }.is_constant(), second);
        assert_eq!(Distribution::Uniform { low: 1.0, high: 1.0 }.is_constant(), second);
        let never = Distribution::Exponential { mean: 1.0 };
        let mixture = |p: [f64; 2]| Distribution::Mixture {
            probabilities: p.to_vec(),
            parts: vec![sure.clone(), never.clone()],
        };
        assert_eq!(mixture([1.0, 0.0]).is_constant(), second);
        assert_eq!(mixture([0.9, 0.1]).is_constant(), None);
    }

    #[test]
    fn faulty_parameters_are_named() {
        let rows = [
            (Distribution::Exponential { mean: -1.0 }, "mean must be"),
            (Distribution::Deterministic { value: f64::NAN }, "value must be"),
            (Distribution::Erlang { stages: 0, mean: 1.0 }, "stages"),
            (Distribution::Gamma { shape: 0.0, scale: 1.0 }, "shape"),
            (Distribution::Weibull { shape: 0.001, scale: 1.0 }, "too large"),
            (Distribution::Pareto { shape: 1.0, scale: 2.0, high: Some(1.0) }, "above the smallest"),
            (Distribution::Uniform { low: 2.0, high: 1.0 }, "must not be above"),
            (Distribution::Discrete { values: vec![], probabilities: vec![] }, "at least one branch"),
            (Distribution::Discrete { values: vec![1.0], probabilities: vec![0.9] }, "sum to 1"),
            (Distribution::Empirical { values: [2.0, 1.0].into() }, "ascend"),
        ];
        for (distribution, text) in rows {
            let message = distribution.validate().unwrap_err();
            assert!(message.contains(text), "{distribution:?}: {message}");
        }
    }
}
