//! Draws from distributions, with everything that can be computed beforehand computed beforehand.
//!
//! Uniform, exponential and normal numbers come from the stream (ziggurat); transforms are `libm`'s, or made of
//! plain additions and multiplications, so a draw has the same bits on every machine. Methods: gamma by Marsaglia &
//! Tsang, "A simple method for generating gamma variables" (ACM TOMS 26, 2000), boosted below shape 1; Weibull and
//! Pareto by inversion, where an exponential number stands for -ln of a uniform one. The bounded Pareto needs an
//! exponential number below a bound: the remainder of any exponential number by the bound, which has no memory.

use super::exponential::exp;
use super::{Choice, Distribution};
use crate::random::Stream;
use crate::time::Span;
use libm::log;
use std::sync::Arc;

/// Draws durations from one distribution.
#[derive(Clone, Debug)]
pub struct Sampler(Method);

#[derive(Clone, Debug)]
enum Method {
    Constant(f64),
    Exponential { mean: f64 },
    Stages { count: u32, mean: f64 },
    Gamma(Gamma),
    Lognormal { mu: f64, sigma: f64 },
    Weibull { inverse_shape: f64, scale: f64 },
    Pareto { inverse_shape: f64, scale: f64 },
    BoundedPareto(BoundedPareto),
    Uniform { low: f64, width: f64 },
    Hyperexponential { choice: Choice, means: Box<[f64]> },
    Mixture { choice: Choice, parts: Box<[Sampler]> },
    Discrete { choice: Choice, values: Box<[f64]> },
    Empirical { values: Arc<[f64]> },
}

/// Constants of Marsaglia and Tsang's method.
#[derive(Clone, Copy, Debug)]
struct Gamma {
    d: f64,
    c: f64,
    scale: f64,
    /// 1 / shape below shape 1, where a draw of shape + 1 is multiplied by u^(1/shape); else 0.
    boost: f64,
}

/// A Pareto distribution cut off at `high`: `ln(x / scale) * shape` is exponential, cut off at `bound`.
#[derive(Clone, Copy, Debug)]
struct BoundedPareto {
    inverse_shape: f64,
    scale: f64,
    high: f64,
    bound: f64,
    inverse_bound: f64,
}

/// Up to so many stages, adding exponential numbers is faster than a gamma draw.
const STAGES_MAX: u32 = 3;

impl Sampler {
    /// A sampler for a valid distribution (see [`Distribution::validate`]).
    pub fn new(distribution: &Distribution) -> Sampler {
        if let Some(value) = distribution.constant_secs() {
            return Sampler(Method::Constant(value));
        }
        Sampler(match *distribution {
            Distribution::Deterministic { value } => Method::Constant(value),
            Distribution::Exponential { mean } => Method::Exponential { mean },
            Distribution::Erlang { stages, mean } => {
                let each = mean / f64::from(stages);
                match stages {
                    1 => Method::Exponential { mean },
                    2..=STAGES_MAX => Method::Stages { count: stages, mean: each },
                    _ => Method::Gamma(Gamma::new(f64::from(stages), each)),
                }
            }
            Distribution::Gamma { shape: 1.0, scale } | Distribution::Weibull { shape: 1.0, scale } => {
                Method::Exponential { mean: scale }
            }
            Distribution::Gamma { shape, scale } => Method::Gamma(Gamma::new(shape, scale)),
            Distribution::Lognormal { mu, sigma } => Method::Lognormal { mu, sigma },
            Distribution::Weibull { shape, scale } => Method::Weibull { inverse_shape: 1.0 / shape, scale },
            Distribution::Pareto { shape, scale, high: None } => {
                Method::Pareto { inverse_shape: 1.0 / shape, scale }
            }
            Distribution::Pareto { shape, scale, high: Some(high) } => {
                Method::BoundedPareto(BoundedPareto::new(shape, scale, high))
            }
            Distribution::Uniform { low, high } => Method::Uniform { low, width: high - low },
            Distribution::Hyperexponential { ref probabilities, ref means } => Method::Hyperexponential {
                choice: Choice::new(probabilities),
                means: means.as_slice().into(),
            },
            Distribution::Mixture { ref probabilities, ref parts } => Method::Mixture {
                choice: Choice::new(probabilities),
                parts: parts.iter().map(Sampler::new).collect(),
            },
            Distribution::Discrete { ref values, ref probabilities } => {
                Method::Discrete { choice: Choice::new(probabilities), values: values.as_slice().into() }
            }
            Distribution::Empirical { ref values } => Method::Empirical { values: Arc::clone(values) },
        })
    }

    /// The duration of every draw, if all are alike; such a sampler draws nothing from its stream.
    pub fn is_constant(&self) -> Option<Span> {
        match self.0 {
            Method::Constant(value) => Some(Span::from_secs(value)),
            _ => None,
        }
    }

    /// Draws a duration, rounded to a nanosecond. One beyond the reach of `u64` becomes [`Span::NEVER`].
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> Span {
        Span::from_secs(self.draw_secs(stream))
    }

    /// Draws a duration in seconds, for arithmetic before the rounding.
    #[inline]
    pub fn draw_secs(&self, stream: &mut Stream) -> f64 {
        match &self.0 {
            Method::Constant(value) => *value,
            Method::Exponential { mean } => mean * stream.exp1(),
            Method::Stages { count, mean } => {
                let mut sum = 0.0;
                for _ in 0..*count {
                    sum += stream.exp1();
                }
                mean * sum
            }
            Method::Gamma(gamma) => gamma.draw(stream),
            Method::Lognormal { mu, sigma } => exp(mu + sigma * stream.normal()),
            // exp(ln(x) * y) takes half the time of pow(x, y); the last digits it loses are far below the rounding.
            Method::Weibull { inverse_shape, scale } => scale * exp(log(stream.exp1()) * inverse_shape),
            Method::Pareto { inverse_shape, scale } => scale * exp(stream.exp1() * inverse_shape),
            Method::BoundedPareto(pareto) => pareto.draw(stream),
            Method::Uniform { low, width } => low + width * stream.unit(),
            Method::Hyperexponential { choice, means } => means[choice.draw(stream)] * stream.exp1(),
            Method::Mixture { choice, parts } => draw_part(choice, parts, stream),
            Method::Discrete { choice, values } => values[choice.draw(stream)],
            Method::Empirical { values } => values[stream.below(values.len() as u64) as usize],
        }
    }
}

/// Apart, because a function that calls itself would not be inlined at all.
#[inline(never)]
fn draw_part(choice: &Choice, parts: &[Sampler], stream: &mut Stream) -> f64 {
    parts[choice.draw(stream)].draw_secs(stream)
}

impl BoundedPareto {
    fn new(shape: f64, scale: f64, high: f64) -> BoundedPareto {
        let bound = shape * log(high / scale);
        BoundedPareto { inverse_shape: 1.0 / shape, scale, high, bound, inverse_bound: 1.0 / bound }
    }

    #[inline]
    fn draw(&self, stream: &mut Stream) -> f64 {
        let free = stream.exp1();
        let rest = free - self.bound * ((free * self.inverse_bound) as u64) as f64;
        // Rounding may miss either end by a last digit.
        (self.scale * exp(rest * self.inverse_shape)).clamp(self.scale, self.high)
    }
}

impl Gamma {
    fn new(shape: f64, scale: f64) -> Gamma {
        let (shape, boost) = if shape < 1.0 { (shape + 1.0, 1.0 / shape) } else { (shape, 0.0) };
        let d = shape - 1.0 / 3.0;
        Gamma { d, c: 1.0 / (9.0 * d).sqrt(), scale, boost }
    }

    #[inline]
    fn draw(&self, stream: &mut Stream) -> f64 {
        loop {
            let x = stream.normal();
            let root = 1.0 + self.c * x;
            if root <= 0.0 {
                continue;
            }
            let v = root * root * root;
            let u = stream.unit_positive();
            let square = x * x;
            // The squeeze accepts nearly all draws without a logarithm.
            if u < 1.0 - 0.0331 * square * square || log(u) < 0.5 * square + self.d * (1.0 - v + log(v)) {
                let plain = self.d * v * self.scale;
                return if self.boost == 0.0 { plain } else { plain * exp(-stream.exp1() * self.boost) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    /// One of each kind, with its name and the hash of its first thousand draws.
    fn shelf() -> Vec<(&'static str, Distribution, u64)> {
        let h = |p: &[f64], m: &[f64]| Distribution::Hyperexponential {
            probabilities: p.to_vec(),
            means: m.to_vec(),
        };
        let pareto = |shape, high| Distribution::Pareto { shape, scale: 0.5, high };
        let parts = vec![Distribution::Deterministic { value: 2.0 }, h(&[0.5, 0.5], &[0.1, 7.0])];
        vec![
            ("deterministic", Distribution::Deterministic { value: 0.25 }, 0x4006_6e18_6202_5c45),
            ("exponential", Distribution::Exponential { mean: 2.0 }, 0x7c3c_9fc0_ebf0_b54d),
            ("erlang 3", Distribution::Erlang { stages: 3, mean: 2.0 }, 0x7ad6_e02d_280b_c68e),
            ("erlang 16", Distribution::Erlang { stages: 16, mean: 2.0 }, 0x9bda_d5b0_171e_9d1a),
            ("gamma below 1", Distribution::Gamma { shape: 0.3, scale: 2.0 }, 0x8de3_6ce8_6bb0_0c4a),
            ("gamma above 1", Distribution::Gamma { shape: 2.5, scale: 2.0 }, 0x86bc_1196_b261_9f83),
            ("lognormal", Distribution::Lognormal { mu: 0.5, sigma: 0.8 }, 0x03eb_6ff1_ebf3_514c),
            ("weibull below 1", Distribution::Weibull { shape: 0.8, scale: 2.0 }, 0x64ae_95aa_1d97_0b3b),
            ("weibull above 1", Distribution::Weibull { shape: 3.0, scale: 2.0 }, 0x0cff_0ae7_0ce0_9ebb),
            ("pareto", pareto(6.0, None), 0xb28a_4481_71dd_a225),
            ("bounded pareto", pareto(1.1, Some(20.0)), 0x145c_acc9_e0c2_57d0),
            ("uniform", Distribution::Uniform { low: 1.0, high: 4.0 }, 0x0655_8bcb_63db_680b),
            ("hyperexponential", h(&[0.9, 0.1], &[1.0, 10.0]), 0xca37_21ec_5805_33d5),
            ("hyperexponential of 5", h(&[0.2; 5], &[1.0, 2.0, 3.0, 4.0, 5.0]), 0x50f5_220f_4eb6_1fc8),
            (
                "mixture",
                Distribution::Mixture { probabilities: vec![0.3, 0.7], parts },
                0xa0b9_7994_15c4_31a6,
            ),
            (
                "discrete",
                Distribution::Discrete { values: vec![1.0, 2.0, 8.0], probabilities: vec![0.5, 0.3, 0.2] },
                0x72b7_f0f9_7620_9f45,
            ),
            (
                "empirical",
                Distribution::Empirical { values: [0.5, 1.0, 1.5, 9.0].into() },
                0x29ee_26f2_0cce_af45,
            ),
        ]
    }

    fn draws(distribution: &Distribution, n: usize) -> Vec<f64> {
        let sampler = Sampler::new(distribution);
        let mut stream = Streams::new(20_261_123, 0).stream(Purpose::Demand, 0);
        (0..n).map(|_| sampler.draw(&mut stream).secs()).collect()
    }

    #[test]
    fn means_and_variances_are_those_promised() {
        let n = 400_000;
        for (name, distribution, _) in shelf() {
            distribution.validate().unwrap();
            let sample = draws(&distribution, n);
            let mean = sample.iter().sum::<f64>() / n as f64;
            let squares: Vec<f64> = sample.iter().map(|x| (x - mean) * (x - mean)).collect();
            let variance = squares.iter().sum::<f64>() / n as f64;
            let fourth = squares.iter().map(|s| s * s).sum::<f64>() / n as f64;
            // Four standard errors; that of the variance comes from the sample's own fourth moment.
            let mean_error = 4.0 * (distribution.variance() / n as f64).sqrt() + 1e-9;
            let variance_error = 4.0 * ((fourth - variance * variance).max(0.0) / n as f64).sqrt() + 1e-9;
            assert!((mean - distribution.mean()).abs() < mean_error, "{name}: mean {mean}");
            assert!(
                (variance - distribution.variance()).abs() < variance_error,
                "{name}: variance {variance}"
            );
        }
    }

    #[test]
    fn draws_follow_the_distribution_function() {
        let n = 100_000;
        for (name, distribution, _) in shelf() {
            let mut sample = draws(&distribution, n);
            sample.sort_by(f64::total_cmp);
            for p in [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99] {
                let x = distribution.quantile(p) + 1e-9;
                let exact = distribution.cdf(x);
                let share = sample.partition_point(|&draw| draw <= x) as f64 / n as f64;
                let error = 4.0 * (exact * (1.0 - exact) / n as f64).sqrt() + 1e-6;
                assert!((share - exact).abs() < error, "{name} at {p}: {share} of draws, {exact} promised");
            }
        }
    }

    #[test]
    fn values_do_not_move() {
        // FNV-1a over the nanoseconds of a thousand draws. A change here is a change of RNG_CONTRACT.
        let mut moved = Vec::new();
        for (name, distribution, golden) in shelf() {
            let hash = draws(&distribution, 1000).iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, secs| {
                (hash ^ Span::from_secs(*secs).nanos()).wrapping_mul(0x100_0000_01b3)
            });
            if hash != golden {
                moved.push(format!("{name}: {hash:#018x}"));
            }
        }
        assert!(moved.is_empty(), "moved:\n{}", moved.join("\n"));
    }

    #[test]
    fn constants_leave_their_stream_alone() {
        let mut stream = Streams::new(1, 0).stream(Purpose::Demand, 0);
        let untouched = stream.clone().word();
        let sampler = Sampler::new(&Distribution::Deterministic { value: 1.5 });
        assert_eq!(sampler.draw(&mut stream), Span::from_millis(1500));
        assert_eq!(sampler.is_constant(), Some(Span::from_millis(1500)));
        assert_eq!(stream.word(), untouched);
    }
}
