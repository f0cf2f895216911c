//! Open arrivals: processes whose instants do not depend on what happens to the requests.
//!
//! Settings, their rates and their faults; `arriving` draws. A profile's clock is that of the run, whatever the
//! start of the source.

use super::Distribution;
use super::arriving::modulated_mean;
use super::distribution::{duration, positive, shares, weighted};
use super::profile::rate;
use crate::time::Time;

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
    /// Linear between knots (seconds, rate), the first rate before them and the last rate for ever after; two
    /// knots at one instant are a step.
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

/// The shortest mean stay in a state of a modulated process, seconds: shorter ones are not worth simulating.
const STAY_MIN: f64 = 1e-6;

impl OpenArrivals {
    /// The expected number of requests (not batches) between two instants. For a modulated process, the mean over
    /// its states.
    pub fn expected(&self, from: Time, to: Time) -> f64 {
        let from = from.secs().max(self.start);
        let to = to.secs().min(self.stop);
        if from < to { self.rate.integral(from, to) * self.batch.mean() } else { 0.0 }
    }

    /// The mean number of requests (not batches) per second between two instants; 0 for an empty stretch.
    pub fn mean_rate(&self, from: Time, to: Time) -> f64 {
        let seconds = to.since(from).secs();
        if seconds > 0.0 { self.expected(from, to) / seconds } else { 0.0 }
    }

    /// Whether the mean rate is the same for ever, from the start of the run.
    pub fn is_constant(&self) -> bool {
        self.rate.constant().is_some() && self.start == 0.0 && self.stop == f64::INFINITY
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// What is wrong with the first faulty parameter, as text for the user.
    pub fn validate(&self) -> Result<(), String> {
        self.process.validate()?;
        self.rate.validate()?;
        self.batch.validate()?;
        duration("start", self.start)?;
        if self.stop > self.start {
            return Ok(());
        }
        Err(format!("stop, {} s, must be after start, {} s", self.stop, self.start))
    }
}

impl ArrivalProcess {
    /// The mean rate that the process itself states, in arrivals per second: that of its gaps or its states.
    pub fn own_rate(&self) -> Option<f64> {
        match self {
            ArrivalProcess::Poisson | ArrivalProcess::Deterministic => None,
            ArrivalProcess::Renewal(gap) => Some(1.0 / gap.mean()),
            ArrivalProcess::MarkovModulated { rates, mean_stay } => Some(modulated_mean(rates, mean_stay)),
        }
    }

    fn validate(&self) -> Result<(), String> {
        match self {
            ArrivalProcess::Poisson | ArrivalProcess::Deterministic => Ok(()),
            ArrivalProcess::Renewal(gap) => {
                gap.validate()?;
                positive("the mean gap between arrivals", gap.mean())
            }
            ArrivalProcess::MarkovModulated { rates, mean_stay } => {
                if rates.is_empty() || rates.len() != mean_stay.len() {
                    return Err(format!(
                        "a modulated process needs one rate and one mean stay for each state, not {} and {}",
                        rates.len(),
                        mean_stay.len()
                    ));
                }
                rates.iter().try_for_each(|&value| rate(value))?;
                if rates.iter().all(|&value| value == 0.0) {
                    return Err(String::from("a modulated process needs a state with a rate above 0"));
                }
                match mean_stay.iter().find(|&&stay| !(stay.is_finite() && stay >= STAY_MIN)) {
                    Some(stay) => Err(format!("a mean stay must be at least a microsecond, not {stay} s")),
                    None => Ok(()),
                }
            }
        }
    }
}

impl BatchSize {
    /// The mean size.
    pub fn mean(&self) -> f64 {
        match self {
            BatchSize::Fixed(size) => f64::from(*size),
            BatchSize::Geometric { mean } => *mean,
            BatchSize::Discrete { sizes, probabilities } => {
                weighted(probabilities, sizes.iter().map(|&size| f64::from(size)))
            }
        }
    }

    fn validate(&self) -> Result<(), String> {
        match self {
            BatchSize::Fixed(0) => Err(String::from("a batch has at least one request")),
            BatchSize::Fixed(_) => Ok(()),
            BatchSize::Geometric { mean } if mean.is_finite() && *mean >= 1.0 => Ok(()),
            BatchSize::Geometric { mean } => {
                Err(format!("the mean of a geometric batch size must be at least 1, not {mean}"))
            }
            BatchSize::Discrete { sizes, probabilities } => {
                shares(probabilities, sizes.len())?;
                if sizes.contains(&0) {
                    return Err(String::from("a batch has at least one request"));
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;
    use crate::time::Span;
    use crate::workload::ArrivalSampler;

    fn source(process: ArrivalProcess, rate: RateProfile) -> OpenArrivals {
        OpenArrivals { process, rate, batch: BatchSize::Fixed(1), start: 0.0, stop: f64::INFINITY }
    }

    fn instants(source: &OpenArrivals, replication: u64, until: f64) -> Vec<f64> {
        source.validate().unwrap();
        ArrivalSampler::new(source, &Streams::new(11, replication), 0)
            .map(|(at, _)| at.secs())
            .take_while(|&at| at < until)
            .collect()
    }

    fn at(secs: f64) -> Time {
        Time::ZERO + Span::from_secs(secs)
    }

    fn burst() -> ArrivalProcess {
        ArrivalProcess::MarkovModulated { rates: vec![9.0, 1.0, 0.0], mean_stay: vec![1.0, 4.0, 1.0] }
    }

    fn hill() -> RateProfile {
        let knots = vec![(0.0, 0.0), (20.0, 8.0), (30.0, 8.0), (30.0, 1.0), (60.0, 1.0), (60.0, 0.0)];
        RateProfile::PiecewiseLinear(knots)
    }

    #[test]
    fn deterministic_arrivals_are_exact() {
        let every = source(ArrivalProcess::Deterministic, RateProfile::Constant(4.0));
        assert_eq!(instants(&every, 0, 1.1), [0.25, 0.5, 0.75, 1.0]);
        // A third of a second is no whole number of nanoseconds, and yet the millionth arrival is on time.
        let thirds = source(ArrivalProcess::Deterministic, RateProfile::Constant(3.0));
        let (late, _) = ArrivalSampler::new(&thirds, &Streams::new(1, 0), 0).nth(2_999_999).unwrap();
        assert_eq!(late, Time::from_nanos(1_000_000_000_000_000));
        // Renewal with equal gaps is the same process.
        let gaps = Distribution::Deterministic { value: 0.25 };
        let renewal = source(ArrivalProcess::Renewal(gaps), RateProfile::Constant(4.0));
        assert_eq!(instants(&renewal, 0, 1.1), [0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn deterministic_arrivals_under_a_ramp_keep_to_the_integral() {
        // Rate t/10: the k-th arrival where t^2/20 = k.
        let ramp = RateProfile::PiecewiseLinear(vec![(0.0, 0.0), (1000.0, 100.0)]);
        let ramp = source(ArrivalProcess::Deterministic, ramp);
        for (k, at) in (1..).zip(instants(&ramp, 0, 1000.0)) {
            assert!((at - (20.0 * f64::from(k)).sqrt()).abs() < 2e-9, "arrival {k} at {at}");
        }
    }

    #[test]
    fn counts_follow_the_integral_of_the_rate() {
        let wave = RateProfile::Sinusoid { mean: 4.0, amplitude: 0.9, period: 40.0, phase: 0.1 };
        let gaps = Distribution::Gamma { shape: 2.0, scale: 5.0 };
        let rows = [
            (source(ArrivalProcess::Poisson, RateProfile::Constant(4.0)), 1.0),
            (source(ArrivalProcess::Poisson, hill()), 1.0),
            (source(ArrivalProcess::Poisson, wave.clone()), 1.0),
            (source(ArrivalProcess::Renewal(gaps), wave.clone()), 1.0),
            (source(burst(), RateProfile::Constant(13.0 / 6.0)), 20.0),
            (source(burst(), wave), 20.0),
        ];
        let replications = 2000;
        for (source, dispersion) in rows {
            let mut counts = [0usize; 6];
            for replication in 0..replications {
                for at in instants(&source, replication, 60.0) {
                    counts[(at / 10.0) as usize] += 1;
                }
            }
            for (bin, &count) in (0u32..).zip(&counts) {
                let from = 10.0 * f64::from(bin);
                let mean = source.expected(at(from), at(from + 10.0));
                // A full first gap leaves a renewal process a little behind at its very start.
                let first_gap =
                    if bin == 0 && matches!(source.process, ArrivalProcess::Renewal(_)) { 0.3 } else { 0.0 };
                let error = 4.0 * (dispersion * mean / replications as f64).sqrt() + first_gap;
                let found = count as f64 / replications as f64;
                assert!((found - mean).abs() <= error, "{source:?}, bin {bin}: {found} instead of {mean}");
            }
        }
    }

    #[test]
    fn modulation_scatters_counts_as_theory_says() {
        // Two states, mean stays a and b, rates r and s: the index of dispersion of long counts tends to
        // 1 + 2 (r - s)^2 a^2 b^2 / ((a + b)^2 (r a + s b)) (Fischer & Meier-Hellstern 1993, section 2).
        let (r, s, a, b) = (6.0, 1.0, 2.0, 3.0);
        let process = ArrivalProcess::MarkovModulated { rates: vec![r, s], mean_stay: vec![a, b] };
        let expected = 1.0 + 2.0 * ((r - s) * a * b).powi(2) / ((a + b).powi(2) * (r * a + s * b));
        let source = source(process, RateProfile::Constant(3.0));
        let window = 200.0;
        let mut counts = vec![0.0; 5000];
        for at in instants(&source, 0, window * 5000.0) {
            counts[(at / window) as usize] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / 5000.0;
        let variance = counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>() / 4999.0;
        // Standard error 2 % of the variance; a window of 200 s is 0.3 % short of the limit.
        assert!((variance / mean / expected - 1.0).abs() < 0.08, "{} against {expected}", variance / mean);
    }

    #[test]
    fn a_source_keeps_to_its_hours() {
        let mut hours = source(ArrivalProcess::Poisson, RateProfile::Constant(50.0));
        (hours.start, hours.stop) = (2.0, 5.0);
        let found = instants(&hours, 0, f64::INFINITY);
        assert!(found.iter().all(|at| (2.0..5.0).contains(at)) && found.len() > 100);
        assert_eq!(hours.expected(at(0.0), at(10.0)), 150.0);
        assert_eq!(hours.mean_rate(at(4.0), at(6.0)), 25.0);
        assert!(!hours.is_constant());
        // An arrival exactly at the stop does not happen.
        let mut regular = source(ArrivalProcess::Deterministic, RateProfile::Constant(1.0));
        regular.stop = 3.0;
        assert_eq!(instants(&regular, 0, 10.0), [1.0, 2.0]);
        let mut sampler = ArrivalSampler::new(&regular, &Streams::new(1, 0), 0);
        assert_eq!((sampler.nth(5), sampler.next()), (None, None));
    }

    #[test]
    fn silence_ends_a_source() {
        let dead = RateProfile::Constant(0.0);
        let silent = RateProfile::PiecewiseLinear(vec![(0.0, 5.0), (10.0, 5.0), (10.0, 0.0)]);
        for process in [ArrivalProcess::Poisson, ArrivalProcess::Deterministic, burst()] {
            assert!(instants(&source(process.clone(), dead.clone()), 0, f64::INFINITY).is_empty());
            let found = instants(&source(process, silent.clone()), 0, f64::INFINITY);
            assert!(found.len() > 10 && found.iter().all(|&at| at <= 10.0), "{found:?}");
        }
    }

    #[test]
    fn renewal_gaps_take_the_rate_of_the_profile() {
        let gaps = Distribution::Uniform { low: 1.0, high: 3.0 };
        let fast = source(ArrivalProcess::Renewal(gaps.clone()), RateProfile::Constant(10.0));
        let found = instants(&fast, 0, 1000.0);
        assert!(found.windows(2).all(|pair| (0.0499..0.1501).contains(&(pair[1] - pair[0]))));
        assert!((found.len() as f64 - 10_000.0).abs() < 200.0);
        assert_eq!(ArrivalProcess::Renewal(gaps).own_rate(), Some(0.5));
    }

    #[test]
    fn batches_have_their_mean() {
        let dice = BatchSize::Discrete { sizes: vec![1, 6], probabilities: vec![0.6, 0.4] };
        for batch in [BatchSize::Fixed(3), BatchSize::Geometric { mean: 3.0 }, dice] {
            let mut groups = source(ArrivalProcess::Poisson, RateProfile::Constant(2.0));
            groups.batch = batch;
            groups.validate().unwrap();
            let sizes: Vec<u32> = ArrivalSampler::new(&groups, &Streams::new(3, 0), 0)
                .take(100_000)
                .map(|(_, size)| size)
                .collect();
            let mean = f64::from(sizes.iter().sum::<u32>()) / 1e5;
            assert!((mean - 3.0).abs() < 4.0 * (6.0f64 / 1e5).sqrt(), "{:?}: {mean}", groups.batch);
            assert!(sizes.iter().all(|&size| size >= 1));
            assert!((groups.mean_rate(at(0.0), at(5.0)) - 6.0).abs() < 1e-12);
        }
    }

    #[test]
    fn instants_do_not_move() {
        // The sum of the nanoseconds of a thousand arrivals. A change here is a change of RNG_CONTRACT.
        let wave = RateProfile::Sinusoid { mean: 4.0, amplitude: 0.9, period: 40.0, phase: 0.1 };
        let rows = [
            (source(ArrivalProcess::Poisson, RateProfile::Constant(4.0)), 121_233_074_520_153),
            (source(ArrivalProcess::Poisson, hill()), 4_964_809_964_169),
            (source(ArrivalProcess::Poisson, wave), 116_628_883_778_750),
            (source(burst(), RateProfile::Constant(13.0 / 6.0)), 210_954_648_280_998),
        ];
        let sums = rows.each_ref().map(|(source, _)| {
            let sampler = ArrivalSampler::new(source, &Streams::new(11, 0), 0);
            sampler.take(1000).map(|(at, _)| at.nanos()).sum::<u64>()
        });
        assert_eq!(sums, rows.map(|(_, golden)| golden));
    }

    #[test]
    fn faulty_sources_are_explained() {
        let poisson = source(ArrivalProcess::Poisson, RateProfile::Constant(1.0));
        let modulated = |rates: &[f64], stays: &[f64]| OpenArrivals {
            process: ArrivalProcess::MarkovModulated { rates: rates.to_vec(), mean_stay: stays.to_vec() },
            ..poisson.clone()
        };
        let heavy = Distribution::Pareto { shape: 0.5, scale: 1.0, high: None };
        let rows = [
            (OpenArrivals { stop: 0.0, ..poisson.clone() }, "must be after start"),
            (OpenArrivals { batch: BatchSize::Fixed(0), ..poisson.clone() }, "at least one request"),
            (OpenArrivals { batch: BatchSize::Geometric { mean: 0.5 }, ..poisson.clone() }, "at least 1"),
            (OpenArrivals { process: ArrivalProcess::Renewal(heavy), ..poisson.clone() }, "mean gap"),
            (modulated(&[1.0], &[1.0, 2.0]), "for each state"),
            (modulated(&[0.0, 0.0], &[1.0, 2.0]), "above 0"),
            (modulated(&[1.0, 0.0], &[1.0, 0.0]), "microsecond"),
        ];
        for (source, text) in rows {
            let message = source.validate().unwrap_err();
            assert!(message.contains(text), "{message}");
        }
    }
}
