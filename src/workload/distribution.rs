//! Distributions of durations: demands, gaps, think times, delays.

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
