//! Intervals: how far the truth may lie from what was seen.
//!
//! Everything across replications rests on independence of the replications and on a roughly normal mean; it is
//! too narrow for fewer than about five replications of something very skewed. Intervals within one
//! replication treat requests as independent, which queueing makes too optimistic: they are a last resort.
//!
//! Sources: Wilson (1927) and Brown, Cai & DasGupta (2001) for rates; Law, *Simulation Modeling and Analysis*,
//! ch. 9 for means and the delta method; Asmussen & Glynn, *Stochastic Simulation*, III.5 and Nakayama (2014)
//! for sectioned quantiles; David & Nagaraja, *Order Statistics*, 7.1 for ranks.

use super::estimate::Estimate;
use super::histogram::RELATIVE_ERROR;
use super::ranks::Ranks;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use std::cell::RefCell;

/// A confidence with its critical values, which are computed once each.
#[derive(Clone, Debug)]
pub struct Level {
    confidence: f64,
    z: f64,
    /// Entry `n` is the t value for `n` observations; NaN until it is asked for.
    t: RefCell<Vec<f64>>,
}

/// Rounds to nine decimals: `statrs` computes with the platform's logarithms, whose last bits differ, and records
/// have to be equal everywhere.
pub(super) fn portable(x: f64) -> f64 {
    (x * 1e9).round() / 1e9
}

impl Level {
    /// Most observations for which t values are kept.
    const KEPT: usize = 4096;

    /// Two-sided critical values for a confidence in (0, 1).
    ///
    /// # Panics
    /// When the confidence is not in (0, 1); models and commands are checked before.
    pub fn new(confidence: f64) -> Level {
        assert!(confidence > 0.0 && confidence < 1.0, "a confidence of {confidence} is not in (0, 1)");
        let z = portable(Normal::standard().inverse_cdf(0.5 + confidence / 2.0));
        Level { confidence, z, t: RefCell::new(Vec::new()) }
    }

    /// The confidence.
    pub fn confidence(&self) -> f64 {
        self.confidence
    }

    /// The normal distribution's critical value: 1.96 for 0.95.
    pub fn z(&self) -> f64 {
        self.z
    }

    /// Student's critical value for `n` observations, so `n - 1` degrees of freedom; infinite below two.
    pub fn t(&self, n: usize) -> f64 {
        if n < 2 {
            return f64::INFINITY;
        }
        if n > Self::KEPT {
            return self.z;
        }
        let mut kept = self.t.borrow_mut();
        if kept.len() <= n {
            kept.resize(n + 1, f64::NAN);
        }
        if kept[n].is_nan() {
            let student = StudentsT::new(0.0, 1.0, (n - 1) as f64).expect("degrees of freedom are positive");
            kept[n] = portable(student.inverse_cdf(0.5 + self.confidence / 2.0));
        }
        kept[n]
    }
}

/// Mean and sample variance of values in index order; `None` without values. The variance of one value is 0.
pub fn mean_and_variance(values: &[f64]) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    Some((mean, squares / (n - 1.0).max(1.0)))
}

/// Mean of independent values with a t-interval; one value stands without an interval (see [`Estimate::n`]).
pub fn mean(values: &[f64], level: &Level) -> Option<Estimate> {
    let (mean, _) = mean_and_variance(values)?;
    sectioned(mean, values, level)
}

/// A pooled value whose interval comes from the spread of the sections' own values *around it*.
///
/// The pooled value has less bias than the mean of the sections' (a quantile, a variance); the spread about it
/// includes the sections' bias, which errs towards a wider interval.
pub fn sectioned(pooled: f64, sections: &[f64], level: &Level) -> Option<Estimate> {
    match sections.len() {
        0 => None,
        1 => Some(Estimate::single(pooled, level.confidence)),
        n => {
            let squares: f64 = sections.iter().map(|x| (x - pooled) * (x - pooled)).sum();
            let error = (squares / (n as f64 - 1.0) / n as f64).sqrt();
            Some(Estimate::symmetric(pooled, level.t(n) * error, n as u64, level.confidence))
        }
    }
}

/// Sum over sum, such as all time-outs over all requests, with the delta method's t-interval over the pairs.
///
/// Assumes many enough pairs that the denominators' mean is well known; the bias is of order 1/n.
/// `None` when the denominators sum to nothing.
pub fn ratio(pairs: &[(f64, f64)], level: &Level) -> Option<Estimate> {
    let above: f64 = pairs.iter().map(|pair| pair.0).sum();
    let below: f64 = pairs.iter().map(|pair| pair.1).sum();
    if below <= 0.0 {
        return None;
    }
    let value = above / below;
    let n = pairs.len();
    if n < 2 {
        return Some(Estimate::single(value, level.confidence));
    }
    let residuals: f64 = pairs.iter().map(|&(x, y)| (x - value * y) * (x - value * y)).sum();
    let error = (residuals * n as f64 / (n as f64 - 1.0)).sqrt() / below;
    Some(Estimate::symmetric(value, level.t(n) * error, n as u64, level.confidence))
}

/// The same ratio by the jackknife, which also removes the bias of order 1/n; dearer, and better where few
/// pairs have unequal denominators.
pub fn ratio_jackknife(pairs: &[(f64, f64)], level: &Level) -> Option<Estimate> {
    let above: f64 = pairs.iter().map(|pair| pair.0).sum();
    let below: f64 = pairs.iter().map(|pair| pair.1).sum();
    let n = pairs.len() as f64;
    if below <= 0.0 {
        return None;
    }
    if pairs.len() < 2 || pairs.iter().any(|pair| below - pair.1 <= 0.0) {
        return ratio(pairs, level);
    }
    let whole = above / below;
    let pseudo: Vec<f64> =
        pairs.iter().map(|&(x, y)| n * whole - (n - 1.0) * (above - x) / (below - y)).collect();
    mean(&pseudo, level)
}

/// Share of `trials` that were `hits`, with Wilson's interval: for independent trials, sound for rare events too.
/// `None` without trials.
pub fn wilson(hits: u64, trials: u64, level: &Level) -> Option<Estimate> {
    thinned_wilson(hits, trials, 1.0, level)
}

/// Wilson's interval for events that come in bursts: trials count as if there were `effect` times fewer of them.
///
/// The design effect is how many times more the share varies than it would if trials were independent (Korn &
/// Graubard, "Confidence intervals for proportions with small expected number of positive counts", 1998).
pub fn thinned_wilson(hits: u64, trials: u64, effect: f64, level: &Level) -> Option<Estimate> {
    if trials == 0 {
        return None;
    }
    let (n, zz) = (trials as f64 / effect.max(1.0), level.z * level.z);
    let share = hits as f64 / trials as f64;
    let middle = (share + zz / (2.0 * n)) / (1.0 + zz / n);
    let half = level.z / (1.0 + zz / n) * (share * (1.0 - share) / n + zz / (4.0 * n * n)).sqrt();
    // The ends of the two certain cases are exact; rounding must not push them inside.
    let low = if hits == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if hits == trials { 1.0 } else { (middle + half).min(1.0) };
    Some(Estimate { value: share, low, high, n: trials, confidence: level.confidence })
}

/// The design effect of events counted in groups of trials: their spread over the groups against that of independent
/// trials, at least 1. Few events say little about it, and less than 1 would be luck.
pub fn design_effect(groups: impl Iterator<Item = (u64, u64)> + Clone) -> f64 {
    let (hits, trials, count) =
        groups.clone().fold((0, 0, 0u32), |(hits, trials, count), (h, t)| (hits + h, trials + t, count + 1));
    if count < 2 || hits == 0 || hits >= trials {
        return 1.0;
    }
    let share = hits as f64 / trials as f64;
    let squares: f64 = groups
        .map(|(hits, trials)| {
            let excess = hits as f64 - share * trials as f64;
            excess * excess
        })
        .sum();
    let seen = squares * f64::from(count) / (f64::from(count) - 1.0);
    (seen / (trials as f64 * share * (1.0 - share))).max(1.0)
}

/// Quantile `p` of values that many sections pooled, by sectioning; the histogram's own error widens it.
pub fn sectioned_quantile(pooled: f64, sections: &[f64], level: &Level) -> Option<Estimate> {
    let plain = sectioned(pooled, sections, level)?;
    Some(rounded_out(plain))
}

/// Quantile `p` of independent values by order statistics, in seconds. `None` without values, or when there are
/// too few of them for an end of the interval.
pub fn order_statistics(values: &Ranks, p: f64, level: &Level) -> Option<Estimate> {
    let n = values.count();
    let (low, high) = quantile_ranks(n, p, level.confidence)?;
    let middle = ((p * n as f64).ceil() as u64).clamp(1, n);
    let secs = values.values_of_ranks(&[low.min(middle), middle, high.max(middle)]);
    let [low, value, high] = [secs[0], secs[1], secs[2]];
    Some(rounded_out(Estimate { value, low, high, n, confidence: level.confidence }))
}

/// Widens an interval of a duration by the histogram's relative error, and keeps it from going below zero.
fn rounded_out(estimate: Estimate) -> Estimate {
    let (low, high) = (estimate.low * (1.0 - RELATIVE_ERROR), estimate.high * (1.0 + RELATIVE_ERROR));
    Estimate { low: low.max(0.0), high, ..estimate }
}

/// Above this variance of the binomial its normal approximation is good to well below one rank in a hundred.
const NORMAL_RANKS_FROM: f64 = 10_000.0;

/// Ranks (from 1) of the order statistics of `n` independent values between which quantile `p` lies with at least
/// this confidence. `None` when even the smallest or largest value does not bound it.
pub fn quantile_ranks(n: u64, p: f64, confidence: f64) -> Option<(u64, u64)> {
    if n == 0 || !(0.0..=1.0).contains(&p) {
        return None;
    }
    let tail = (1.0 - confidence) / 2.0;
    let variance = n as f64 * p * (1.0 - p);
    let (low, high) = if variance > NORMAL_RANKS_FROM {
        let half = Normal::standard().inverse_cdf(1.0 - tail) * variance.sqrt();
        let middle = n as f64 * p;
        // Rounding outwards by half a rank is the continuity correction.
        ((middle - half - 0.5).floor(), (middle + half + 1.5).ceil())
    } else {
        exact_ranks(n, p, tail)
    };
    (low >= 1.0 && high <= n as f64).then_some((low as u64, high as u64))
}

/// Largest rank `l` with `P(B < l) <= tail` and smallest `u` with `P(B >= u) <= tail`, where B is binomial (n, p).
fn exact_ranks(n: u64, p: f64, tail: f64) -> (f64, f64) {
    if p <= 0.0 || p >= 1.0 {
        return (if p <= 0.0 { 0.0 } else { n as f64 }, if p >= 1.0 { n as f64 + 1.0 } else { 1.0 });
    }
    let size = n as f64;
    // All the mass worth counting lies within twelve standard deviations (and a few ranks).
    let reach = 12.0 * (size * p * (1.0 - p)).sqrt() + 40.0;
    let from = (size * p - reach).floor().max(0.0);
    let to = (size * p + reach).ceil().min(size);
    let binomial = Binomial { size, p };
    let low = binomial.rank_past(from, to, 1.0, tail).unwrap_or(from);
    let high = binomial.rank_past(to, from, -1.0, tail).map_or(to + 1.0, |k| k + 1.0);
    (low, high)
}

/// The number of successes in `size` trials that each succeed with probability `p`, which is neither 0 nor 1.
struct Binomial {
    size: f64,
    p: f64,
}

impl Binomial {
    /// Steps from one rank to another and gives the first at which the mass so far exceeds `tail`.
    fn rank_past(&self, from: f64, to: f64, step: f64, tail: f64) -> Option<f64> {
        let (mut k, mut mass, mut sum) = (from, self.mass(from), 0.0);
        while (to - k) * step >= 0.0 {
            sum += mass;
            if sum > tail {
                return Some(k);
            }
            // The next mass by its ratio to this one; one too small for that is computed anew.
            mass = if mass < SMALLEST_MASS { self.mass(k + step) } else { mass * self.ratio(k, step) };
            k += step;
        }
        None
    }

    /// The mass at the next rank in units of that at `k`.
    fn ratio(&self, k: f64, step: f64) -> f64 {
        let odds = self.p / (1.0 - self.p);
        if step > 0.0 { (self.size - k) / (k + 1.0) * odds } else { k / (self.size - k + 1.0) / odds }
    }

    fn mass(&self, k: f64) -> f64 {
        let ways = libm::lgamma(self.size + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(self.size - k + 1.0);
        libm::exp(ways + k * libm::log(self.p) + (self.size - k) * libm::log1p(-self.p))
    }
}

/// Below this a mass has lost digits, or is nothing at all.
const SMALLEST_MASS: f64 = 1e-300;

/// About how many observations in all bring the relative half-width to `relative`, from an estimate made with
/// fewer: widths shrink with the root of their number. At least one more than there are when it is not reached.
pub fn needed_for_precision(estimate: &Estimate, relative: f64) -> u64 {
    let now = estimate.relative_half_width();
    if now <= relative {
        return estimate.n;
    }
    if relative <= 0.0 || !now.is_finite() {
        return u64::MAX;
    }
    let times = now / relative;
    ((estimate.n as f64 * times * times).ceil() as u64).max(estimate.n + 1)
}

/// How many independent trials without an event bound its probability below `rate` (Wilson's upper end).
pub fn needed_for_zero(rate: f64, level: &Level) -> u64 {
    if rate <= 0.0 {
        return u64::MAX;
    }
    // z^2 / (n + z^2) <= rate.
    (level.z * level.z * (1.0 / rate - 1.0)).ceil().max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use crate::stats::Histogram;
    use crate::time::Span;

    fn level() -> Level {
        Level::new(0.95)
    }

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    #[test]
    fn critical_values_are_those_of_the_tables() {
        close(level().z(), 1.959_963_985, 1e-9);
        for (n, t) in [(2, 12.706_204_736), (10, 2.262_157_163), (30, 2.045_229_642), (121, 1.979_930_405)] {
            close(level().t(n), t, 2e-9);
        }
        close(Level::new(0.999).t(20), 3.883_405_853, 2e-9);
        assert_eq!(level().t(1), f64::INFINITY);
    }

    #[test]
    fn a_mean_has_the_interval_of_the_textbook() {
        // Mean 3, sample variance 2.5, standard error 0.7071; t(4) = 2.7764.
        let got = mean(&[1.0, 2.0, 3.0, 4.0, 5.0], &level()).unwrap();
        close(got.value, 3.0, 1e-12);
        close(got.half_width(), 2.776_445_105 * 0.5f64.sqrt(), 1e-8);
        assert_eq!((got.n, got.confidence), (5, 0.95));
        assert_eq!(mean(&[], &level()), None);
        assert_eq!(mean(&[4.0], &level()), Some(Estimate::single(4.0, 0.95)));
    }

    #[test]
    fn wilson_bounds_what_was_never_seen() {
        // Zero in 100: the upper end is z^2 / (n + z^2).
        let none = wilson(0, 100, &level()).unwrap();
        assert_eq!((none.value, none.low), (0.0, 0.0));
        close(none.high, 3.841_458_821 / 103.841_458_821, 1e-9);
        // Brown, Cai & DasGupta: 10 of 100.
        let ten = wilson(10, 100, &level()).unwrap();
        close(ten.low, 0.055_229, 1e-5);
        close(ten.high, 0.174_368, 1e-5);
        assert_eq!(wilson(100, 100, &level()).unwrap().high, 1.0);
        assert_eq!(wilson(0, 0, &level()), None);
        let needed = needed_for_zero(0.001, &level());
        assert!(wilson(0, needed, &level()).unwrap().high <= 0.001);
        assert!(wilson(0, needed - 1, &level()).unwrap().high > 0.001);
    }

    #[test]
    fn events_in_bursts_say_less() {
        // One event in each of six of ten groups is what independent trials give; six in one group is not.
        let spread: Vec<(u64, u64)> = (0..10).map(|group| (u64::from(group < 6), 1000)).collect();
        let burst: Vec<(u64, u64)> = (0..10).map(|group| (6 * u64::from(group == 0), 1000)).collect();
        assert_eq!(design_effect(spread.iter().copied()), 1.0);
        // (5.4² + 9 · 0.6²) · 10/9 over 6 · 0.9994.
        close(design_effect(burst.iter().copied()), 36.0 / 5.9964, 1e-9);
        assert_eq!(design_effect([(0, 50), (0, 50)].into_iter()), 1.0);
        let (plain, wide) =
            (wilson(6, 10_000, &level()).unwrap(), thinned_wilson(6, 10_000, 6.0, &level()).unwrap());
        assert_eq!(plain.value, wide.value);
        assert!(wide.high > 2.0 * plain.high && wide.low < 0.5 * plain.low, "{plain:?} {wide:?}");
    }

    #[test]
    fn a_ratio_is_of_sums_and_not_a_mean_of_ratios() {
        let pairs = [(1.0, 10.0), (9.0, 30.0), (2.0, 20.0)];
        let got = ratio(&pairs, &level()).unwrap();
        close(got.value, 0.2, 1e-12);
        // Residuals -1, 3, -2: 14 * 3 / 2 = 21 under the root, over 60; t(2) = 4.3027.
        close(got.half_width(), 4.302_652_730 * 21f64.sqrt() / 60.0, 1e-8);
        let equal = [(1.0, 10.0), (3.0, 10.0), (2.0, 10.0)];
        let plain = mean(&[0.1, 0.3, 0.2], &level()).unwrap();
        for got in [ratio(&equal, &level()).unwrap(), ratio_jackknife(&equal, &level()).unwrap()] {
            close(got.value, plain.value, 1e-12);
            close(got.half_width(), plain.half_width(), 1e-9);
        }
        assert_eq!(ratio(&[(0.0, 0.0)], &level()), None);
    }

    #[test]
    fn ranks_of_a_quantile_interval() {
        // Conover, Practical Nonparametric Statistics: median of 20 at 95 %: 6th and 15th.
        assert_eq!(quantile_ranks(20, 0.5, 0.95), Some((6, 15)));
        // p95 of 30 values has no upper end: 0.95^30 = 0.21.
        assert_eq!(quantile_ranks(30, 0.95, 0.95), None);
        // 0.95^n <= 0.025 from n = 72 on.
        assert_eq!(quantile_ranks(71, 0.95, 0.95), None);
        assert!(quantile_ranks(72, 0.95, 0.95).is_some());
        assert_eq!(quantile_ranks(0, 0.5, 0.95), None);
        // The two ways agree where they meet: variance just below and above the switch.
        let (exact, normal) =
            (quantile_ranks(39_900, 0.5, 0.95).unwrap(), quantile_ranks(40_100, 0.5, 0.95).unwrap());
        assert!((normal.0 - exact.0).abs_diff(100) <= 2 && (normal.1 - exact.1).abs_diff(100) <= 2);
    }

    #[test]
    fn precision_costs_the_square() {
        let estimate = Estimate::symmetric(10.0, 1.0, 20, 0.95);
        assert_eq!(needed_for_precision(&estimate, 0.05), 80);
        assert_eq!(needed_for_precision(&estimate, 0.2), 20);
        assert_eq!(needed_for_precision(&Estimate::symmetric(0.0, 1.0, 20, 0.95), 0.1), u64::MAX);
    }

    /// Replications of exponential values of mean 1, as ranks.
    fn exponential_sections(set: u64, sections: u64, each: usize) -> Vec<Ranks> {
        let draw = |section| {
            let mut stream = Streams::new(11, set).stream(Purpose::Search, section);
            let mut histogram = Histogram::new();
            (0..each).for_each(|_| histogram.record(Span::from_secs(stream.exp1())));
            Ranks::of(&histogram)
        };
        (0..sections).map(draw).collect()
    }

    #[test]
    fn intervals_keep_their_promise() {
        // 400 sets; 95 % coverage has a standard deviation of 1.1 %, so 92 to 98 % is within three of them.
        let level = level();
        let (mut means, mut quantiles, mut ranks) = (0, 0, 0);
        for set in 0..400 {
            let sections = exponential_sections(set, 20, 400);
            let averages: Vec<f64> = {
                let mut stream = Streams::new(12, set).stream(Purpose::Search, 0);
                (0..20).map(|_| (0..50).map(|_| stream.exp1()).sum::<f64>() / 50.0).collect()
            };
            let estimate = mean(&averages, &level).unwrap();
            means += u32::from(estimate.low <= 1.0 && 1.0 <= estimate.high);
            let p95 = libm::log(20.0);
            let mut pooled = Histogram::new();
            sections.iter().for_each(|section| section.add_to(&mut pooled));
            let pooled = Ranks::of(&pooled);
            let each: Vec<f64> = sections.iter().map(|s| s.quantiles(&[0.95])[0]).collect();
            let estimate = sectioned_quantile(pooled.quantiles(&[0.95])[0], &each, &level).unwrap();
            quantiles += u32::from(estimate.low <= p95 && p95 <= estimate.high);
            let estimate = order_statistics(&sections[0], 0.95, &level).unwrap();
            ranks += u32::from(estimate.low <= p95 && p95 <= estimate.high);
        }
        for (what, covered) in [("mean", means), ("sectioned p95", quantiles), ("ranked p95", ranks)] {
            assert!((368..=392).contains(&covered), "{what}: {covered} of 400");
        }
    }
}
