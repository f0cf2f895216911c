//! Open arrivals: processes whose instants do not depend on what happens to the requests.

use super::Distribution;

/// How the gaps between arrivals (or batches) are made.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrivalProcess {
    /// Exponential gaps.
    Poisson,
    /// Equal gaps; the first arrival comes after one gap.
    Deterministic,
    /// Independent gaps of this distribution. Under a rate profile its shape counts and its mean is rescaled.
    Renewal(Distribution),
    /// A Poisson process whose rate follows a cyclic Markov chain: rate `rates[i]` (per second) while in state
    /// `i`, exponential stays of mean `mean_stay[i]` seconds, next state `i + 1` modulo the number of states.
    /// The first state is drawn in proportion to the mean stays.
    MarkovModulated {
        /// Arrivals per second in each state.
        rates: Vec<f64>,
        /// Mean stay in each state, seconds.
        mean_stay: Vec<f64>,
    },
}

/// The mean rate of arrivals over time, in arrivals (or batches) per second.
#[derive(Clone, Debug, PartialEq)]
pub enum RateProfile {
    /// The same rate for ever.
    Constant(f64),
    /// Linear between knots (seconds, rate), the last rate for ever after; two knots at one instant are a step.
    PiecewiseLinear(Vec<(f64, f64)>),
    /// `mean * (1 + amplitude * sin(2 pi (t / period + phase)))`, amplitude at most 1.
    Sinusoid {
        /// Mean rate.
        mean: f64,
        /// Relative amplitude in [0, 1].
        amplitude: f64,
        /// Period in seconds.
        period: f64,
        /// Phase as a share of the period.
        phase: f64,
    },
}

/// How many requests arrive together.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchSize {
    /// Always this many.
    Fixed(u32),
    /// Geometric on 1, 2, … with this mean.
    Geometric {
        /// Mean size, at least 1.
        mean: f64,
    },
    /// One of these sizes, with these probabilities.
    Discrete {
        /// Sizes, each at least 1.
        sizes: Vec<u32>,
        /// Probabilities, which sum to 1.
        probabilities: Vec<f64>,
    },
}

/// An open source of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenArrivals {
    /// The shape of the gaps.
    pub process: ArrivalProcess,
    /// The rate over time; of batches where there are batches. For `MarkovModulated` it is `Constant` with the
    /// process's mean rate, or a profile that multiplies `rates` by `profile(t) / mean rate`.
    pub rate: RateProfile,
    /// Size of each batch; `Fixed(1)` for single arrivals.
    pub batch: BatchSize,
    /// When the source starts, seconds after the run.
    pub start: f64,
    /// When it stops, seconds after the run; infinite for never.
    pub stop: f64,
}
