//! Two distributions as wholes: have they the same shape, and how far apart can they be?
//!
//! Quantiles compare points of a distribution; here all of it is compared, in two forms.
//!
//! *Values that are independent*: Kolmogorov-Smirnov (exact under ties where the samples are small) and Anderson-Darling
//! (with midranks, more sensitive in the tails) say how surprising the distance is. A large probability is no
//! agreement, so [`within`] turns the question round: the distance between the *true* distribution functions is
//! bounded from both sides (Dvoretzky, Kiefer & Wolfowitz 1956 with Massart's constant), and only a bound within the
//! margin is called equivalent.
//!
//! *Values of runs*: latencies of one run depend on each other, so the run is the unit ([`of_runs`]). The distance of
//! each run of one world from the pool of the other (Wasserstein: the area between the distribution functions, in the
//! unit of the values) is an observation; exchanging whole runs between the worlds gives its probability.
//!
//! Sources: Kim & Jennrich (1973) and Schröer & Trenkler (1995) for the exact law with ties; Stephens (1970) for the
//! approximation; Scholz & Stephens (1987) for k samples with ties; Marsaglia & Marsaglia (2004) for the limit law of
//! Anderson and Darling; Massart (1990).

use super::equivalence::{Contrast, Equivalence, student_quantile};
use super::estimate::Estimate;
use super::interval::mean_and_variance;
use super::ranks::Ranks;
use crate::random::{Purpose, Streams};

mod grid;
mod rank_tests;

use grid::Grid;
pub use rank_tests::{
    ShapeTest, anderson_darling, kolmogorov_of_one, kolmogorov_smirnov, kolmogorov_smirnov_of_ranks,
};

/// A distance between two distributions held against a margin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShapeJudged {
    /// The verdict.
    pub verdict: Equivalence,
    /// The distance with its interval.
    pub distance: Estimate,
    /// A distance that does not matter.
    pub margin: f64,
    /// How far two samples of one distribution lie apart: what the distance would be if nothing differed.
    pub noise: f64,
    /// Probability of such a distance if nothing differed.
    pub p_value: f64,
    /// Probability of such a distance if the truth were at the margin: small speaks for a difference that matters.
    pub p_beyond: f64,
}

/// The largest distance between the distribution functions behind two samples, held against a margin in (0, 1).
///
/// `effective` are the numbers of independent values in each ([`super::dependence::effective_size`]). The bounds hold
/// for any distribution and any number of values; they are wide: 0.1 each for 185 values at 95 %. `None` where a sample
/// is empty.
pub fn within(
    one: &[f64],
    two: &[f64],
    effective: (f64, f64),
    margin: f64,
    confidence: f64,
) -> Option<ShapeJudged> {
    let test = kolmogorov_smirnov(one, two)?;
    let (n, m) = (effective.0.clamp(1.0, one.len() as f64), effective.1.clamp(1.0, two.len() as f64));
    // Massart: P(sup |F_n - F| > e) <= 2 exp(-2 n e^2), with half of the risk for either sample.
    let reach = |risk: f64| {
        let reach = |n: f64| (libm::log(4.0 / risk) / (2.0 * n)).sqrt();
        reach(n) + reach(m)
    };
    let around = reach(1.0 - confidence);
    let (low, high) = ((test.distance - around).max(0.0), (test.distance + around).min(1.0));
    let verdict = if high <= margin {
        Equivalence::Equivalent
    } else if low > margin {
        Equivalence::Different
    } else {
        Equivalence::Undecided
    };
    // The risk at which the bound would touch the margin.
    let risk_of = |reach: f64| (4.0 * libm::exp(-reach * reach)).min(1.0);
    let independent = n >= one.len() as f64 && m >= two.len() as f64;
    let p_value =
        if independent { test.p_value } else { rank_tests::kolmogorov_approximation(test.distance, n, m) };
    Some(ShapeJudged {
        verdict,
        distance: Estimate { value: test.distance, low, high, n: (n + m) as u64, confidence },
        margin,
        // The mean of Kolmogorov's law is 0.8687.
        noise: 0.868_731 * (1.0 / n + 1.0 / m).sqrt(),
        p_value,
        p_beyond: risk_of((test.distance - margin).max(0.0) / ((0.5 / n).sqrt() + (0.5 / m).sqrt())),
    })
}

/// The area between the distribution functions of two samples: the least total way, per value, to carry one into the
/// other (Wasserstein's first distance). `None` where either is empty.
pub fn wasserstein(one: &[f64], two: &[f64]) -> Option<f64> {
    if one.is_empty() || two.is_empty() {
        return None;
    }
    let grid = Grid::of(&[one, two], usize::MAX);
    Some(grid.area(&grid.runs[0], &grid.runs[1]))
}

/// Points of the grid on which runs are compared: so many quantiles of all values together.
const GRID_POINTS: usize = 512;

/// Most exchanges of runs between the worlds that are tried.
const EXCHANGES_MAX: u64 = 2000;

/// The distance of the runs of one world from those of another, the run as the unit, against a margin in the unit of
/// the values.
///
/// The world with more runs is the base. Observed is the Wasserstein distance of each run of the other world from the
/// base's pool; the noise is that of each base run from the pool of the others. A run's distance is never smaller on
/// average than that of the worlds, so an upper bound within the margin is a safe claim; different is claimed when
/// the distances exceed the noise by more than the margin. One run alone borrows its spread from the base. `None`
/// where a world has no values or both have one run.
pub fn of_runs(first: &[Vec<f64>], second: &[Vec<f64>], margin: f64, confidence: f64) -> Option<ShapeJudged> {
    let whole = |runs: &[Vec<f64>]| !runs.is_empty() && runs.iter().all(|run| !run.is_empty());
    if !whole(first) || !whole(second) || first.len() + second.len() < 3 {
        return None;
    }
    let (base, other) = if first.len() >= second.len() { (first, second) } else { (second, first) };
    let all: Vec<&[f64]> = base.iter().chain(other).map(Vec::as_slice).collect();
    let grid = Grid::of(&all, GRID_POINTS);
    let (ours, theirs) = grid.runs.split_at(base.len());
    let pool = Grid::pool(ours.iter());
    let away: Vec<f64> = theirs.iter().map(|run| grid.area(run, &pool)).collect();
    let apart = |left_out: usize| {
        let rest = ours.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, run)| run);
        grid.area(&ours[left_out], &Grid::pool(rest))
    };
    let noise: Vec<f64> = (0..ours.len()).map(apart).collect();
    let distance = distance_of(&away, &noise, confidence);
    let excess = Contrast::of_few(&noise, &away);
    let p_value = exchange(&grid, base.len());
    let level = 1.0 - confidence;
    // One-sided: the distance can only be too large by chance.
    let upper = distance.value + (distance.high - distance.value) * one_sided(&away, &noise, confidence);
    let excess = excess.filter(|excess| excess.difference > 0.0);
    let p_beyond = excess.map_or(1.0, |excess| excess.judge(margin, confidence).p_beyond);
    let verdict = if upper <= margin {
        Equivalence::Equivalent
    } else if p_beyond <= level {
        Equivalence::Different
    } else {
        Equivalence::Undecided
    };
    let noise = noise.iter().sum::<f64>() / noise.len() as f64;
    Some(ShapeJudged { verdict, distance, margin, noise, p_value, p_beyond })
}

/// The distance of runs that belong together two by two (the same arrivals and demands went in), against a margin in
/// the unit of the values. Each pair has its own Wasserstein distance, which chance can only make larger, so an upper
/// bound of their mean within the margin is a safe claim. `None` with fewer than two pairs or an empty run.
pub fn of_pairs(
    first: &[Vec<f64>],
    second: &[Vec<f64>],
    margin: f64,
    confidence: f64,
) -> Option<ShapeJudged> {
    if first.len() != second.len() || first.len() < 2 {
        return None;
    }
    let away: Option<Vec<f64>> = first.iter().zip(second).map(|(one, two)| wasserstein(one, two)).collect();
    let away = away?;
    let contrast = Contrast::paired(&vec![0.0; away.len()], &away)?;
    let whole = contrast.interval(confidence);
    let distance = Estimate { low: whole.low.max(0.0), ..whole };
    let upper = contrast.interval(2.0 * confidence - 1.0).high;
    let verdict = if upper <= margin {
        Equivalence::Equivalent
    } else if distance.low > margin {
        Equivalence::Different
    } else {
        Equivalence::Undecided
    };
    // Under no difference the two runs of a pair could change places without notice: nothing but a distance of
    // nought is then expected, and its probability is that of a positive mean.
    let p_value = contrast.judge(0.0, confidence).p_any;
    let p_beyond = contrast.judge(margin, confidence).p_beyond;
    Some(ShapeJudged { verdict, distance, margin, noise: 0.0, p_value, p_beyond })
}

/// Mean distance with a t-interval; a single one borrows the spread of the noise.
fn distance_of(away: &[f64], noise: &[f64], confidence: f64) -> Estimate {
    let (value, own) = mean_and_variance(away).unwrap_or((f64::NAN, 0.0));
    let variance = if away.len() > 1 { own } else { mean_and_variance(noise).map_or(0.0, |(_, v)| v) };
    let half = student_quantile(0.5 + confidence / 2.0, freedom(away, noise))
        * (variance / away.len() as f64).sqrt();
    let whole = Estimate::symmetric(value, half, away.len() as u64, confidence);
    Estimate { low: whole.low.max(0.0), ..whole }
}

/// The one-sided critical value over the two-sided one.
fn one_sided(away: &[f64], noise: &[f64], confidence: f64) -> f64 {
    let freedom = freedom(away, noise);
    student_quantile(confidence, freedom) / student_quantile(0.5 + confidence / 2.0, freedom)
}

fn freedom(away: &[f64], noise: &[f64]) -> f64 {
    (if away.len() > 1 { away.len() } else { noise.len() }) as f64 - 1.0
}

/// Probability that whole runs, dealt to the two worlds at random, lie as far apart as they do: all deals where there
/// are few, else random ones from a fixed stream.
fn exchange(grid: &Grid, base: usize) -> f64 {
    let runs = grid.runs.len();
    let other = runs - base;
    let whole = Grid::pool(grid.runs.iter());
    let share = other as f64 / base as f64;
    // Of the pool of all runs, the part that is not chosen differs from it by this much of the chosen part's distance.
    let distance = |chosen: &[usize]| {
        let theirs = Grid::pool(chosen.iter().map(|&index| &grid.runs[index]));
        grid.area(&theirs, &whole) * (1.0 + share)
    };
    let seen = distance(&(base..runs).collect::<Vec<_>>()) * (1.0 - 1e-9);
    let deals = (0..other as u64).try_fold(1u64, |product, k| {
        let next = product.checked_mul(runs as u64 - k)? / (k + 1);
        (next <= EXCHANGES_MAX).then_some(next)
    });
    let (mut far, mut all) = (0u64, 0u64);
    if deals.is_some() {
        each_choice(runs, other, &mut |chosen| {
            all += 1;
            far += u64::from(distance(chosen) >= seen);
        });
    } else {
        let mut stream = Streams::new(0, 0).stream(Purpose::Bootstrap, 1);
        let mut order: Vec<usize> = (0..runs).collect();
        // The deal that was seen is one of them.
        (far, all) = (1, 1);
        for _ in 0..EXCHANGES_MAX {
            for place in 0..other {
                order.swap(place, place + stream.below((runs - place) as u64) as usize);
            }
            all += 1;
            far += u64::from(distance(&order[..other]) >= seen);
        }
    }
    far as f64 / all as f64
}

/// Calls with every choice of `k` of `n` indices, ascending.
fn each_choice(n: usize, k: usize, see: &mut dyn FnMut(&[usize])) {
    let mut chosen: Vec<usize> = (0..k).collect();
    loop {
        see(&chosen);
        let Some(place) = (0..k).rev().find(|&place| chosen[place] < n - k + place) else { return };
        chosen[place] += 1;
        for next in place + 1..k {
            chosen[next] = chosen[next - 1] + 1;
        }
    }
}

/// Two histograms as [`within`] takes two samples; values of one run are not independent, so their numbers are given.
pub fn within_ranks(
    one: &Ranks,
    two: &Ranks,
    effective: (f64, f64),
    margin: f64,
    confidence: f64,
) -> Option<ShapeJudged> {
    /// Quantiles that stand for a histogram.
    const POINTS: u64 = 4096;
    let values = |ranks: &Ranks| {
        let n = ranks.count();
        let ranks_of: Vec<u64> = if n <= POINTS {
            (1..=n).collect()
        } else {
            (0..POINTS).map(|k| (k * n + n / 2) / POINTS + 1).collect()
        };
        ranks.values_of_ranks(&ranks_of)
    };
    within(&values(one), &values(two), effective, margin, confidence)
}

#[cfg(test)]
mod tests;
