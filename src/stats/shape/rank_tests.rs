//! The tests of Kolmogorov and Smirnov and of Anderson and Darling for two samples of independent values.

use crate::random::{Purpose, Streams};
use crate::stats::ranks::Ranks;

/// What a test of shape found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShapeTest {
    /// Its distance: between the distribution functions, or standardised.
    pub distance: f64,
    /// Probability of such a distance between two samples of one distribution.
    pub p_value: f64,
}

/// Largest product of sample sizes for which the exact law is computed.
const EXACT_MAX: usize = 1_000_000;

/// The largest distance between the distribution functions of two samples, with its exact probability given the ties
/// where the samples are small enough. `None` where either is empty.
pub fn kolmogorov_smirnov(one: &[f64], two: &[f64]) -> Option<ShapeTest> {
    if one.is_empty() || two.is_empty() {
        return None;
    }
    let blocks = blocks(&[one, two]);
    let (n, m) = (one.len(), two.len());
    let (mut a, mut b, mut distance) = (0, 0, 0.0f64);
    for block in &blocks {
        (a, b) = (a + block[0], b + block[1]);
        distance = distance.max((a as f64 / n as f64 - b as f64 / m as f64).abs());
    }
    let p_value = if n * m <= EXACT_MAX {
        exact(distance, n, m, &blocks)
    } else {
        kolmogorov_approximation(distance, n as f64, m as f64)
    };
    Some(ShapeTest { distance, p_value })
}

/// The same for two histograms, by the approximation; `None` if either is empty. Ties within a bucket (0.1 %) can only
/// hide a difference.
pub fn kolmogorov_smirnov_of_ranks(one: &Ranks, two: &Ranks) -> Option<ShapeTest> {
    if one.is_empty() || two.is_empty() {
        return None;
    }
    let distance = one.largest_gap(two);
    let (n, m) = (one.count() as f64, two.count() as f64);
    Some(ShapeTest { distance, p_value: kolmogorov_approximation(distance, n, m) })
}

/// Counts of equal values by sample, in ascending order of value.
fn blocks(samples: &[&[f64]]) -> Vec<Vec<usize>> {
    let mut values: Vec<(f64, usize)> = Vec::new();
    for (index, sample) in samples.iter().enumerate() {
        values.extend(sample.iter().map(|value| (*value, index)));
    }
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = |group: &[(f64, usize)]| {
        let mut counts = vec![0; samples.len()];
        group.iter().for_each(|(_, sample)| counts[*sample] += 1);
        counts
    };
    values.chunk_by(|a, b| a.0 == b.0).map(count).collect()
}

/// Share of the orders of the values that keep the functions nearer than `distance`, taken from one: paths through a
/// lattice, which count as too far only at the end of a group of equal values.
fn exact(distance: f64, n: usize, m: usize, blocks: &[Vec<usize>]) -> f64 {
    let mut ends = vec![false; n + m + 1];
    let mut place = 0;
    for block in blocks {
        place += block[0] + block[1];
        ends[place] = true;
    }
    // Distances are multiples of 1 / (n m): half a step below is nearer, whatever the rounding.
    let limit = distance - 0.5 / (n as f64 * m as f64);
    let far = |i: usize, j: usize| ends[i + j] && (i as f64 / n as f64 - j as f64 / m as f64).abs() > limit;
    let mut paths = vec![0.0; m + 1];
    paths[0] = 1.0;
    for j in 1..=m {
        paths[j] = if far(0, j) { 0.0 } else { paths[j - 1] };
    }
    for i in 1..=n {
        // The weight keeps the numbers in (0, 1]: at the end they are divided by all paths.
        let weight = i as f64 / (i + m) as f64;
        paths[0] = if far(i, 0) { 0.0 } else { weight * paths[0] };
        for j in 1..=m {
            paths[j] = if far(i, j) { 0.0 } else { weight * paths[j] + paths[j - 1] };
        }
    }
    (1.0 - paths[m]).clamp(0.0, 1.0)
}

/// Probability of a distance between samples of such sizes, by the limit law with Stephens's correction; conservative
/// under ties.
pub(super) fn kolmogorov_approximation(distance: f64, n: f64, m: f64) -> f64 {
    let root = (n * m / (n + m)).sqrt();
    kolmogorov_tail((root + 0.12 + 0.11 / root) * distance)
}

/// Probability of so large a distance of a sample of `n` values from the law that it was drawn from, by the limit law with
/// Stephens's correction.
pub fn kolmogorov_of_one(distance: f64, n: f64) -> f64 {
    let root = n.sqrt();
    kolmogorov_tail((root + 0.12 + 0.11 / root) * distance)
}

/// `P(K > x)` of the Kolmogorov distribution: `2 sum (-1)^(k-1) exp(-2 k^2 x^2)`.
pub(super) fn kolmogorov_tail(x: f64) -> f64 {
    // Below this the tail is 1 to fifteen digits and the series converges slowly.
    if x < 0.18 {
        return 1.0;
    }
    let mut sum = 0.0;
    for k in 1..=100 {
        let k = f64::from(k);
        let term = libm::exp(-2.0 * k * k * x * x);
        sum += if k % 2.0 == 1.0 { term } else { -term };
        if term < 1e-17 {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

/// Share of values that may have equals before the limit law is given up: it is that of continuous values.
const TIES_MAX: f64 = 0.05;

/// Values up to which the law under ties is found by dealing them anew, and how often they are dealt.
const DEALT_MAX: usize = 20_000;
const DEALS: u32 = 999;

/// The two-sample test of Anderson and Darling with midranks for equal values. Its distance is standardised: mean 0,
/// variance about 1 for samples of one distribution. Where many values are equal its probability comes from dealing
/// them anew to the samples (from a fixed stream), else from the limit law. `None` with fewer than four values, an
/// empty sample, or one single value throughout.
pub fn anderson_darling(one: &[f64], two: &[f64]) -> Option<ShapeTest> {
    let samples = [one, two];
    let distance = standardised(&samples)?;
    let blocks = blocks(&samples);
    let total = one.len() + two.len();
    let tied: usize = blocks.iter().map(|block| block[0] + block[1]).filter(|count| *count > 1).sum();
    let p_value = if tied as f64 > TIES_MAX * total as f64 && total <= DEALT_MAX {
        dealt(&blocks, one.len(), two.len())
    } else {
        // The limit has mean 1 and variance 2 (π² - 9) / 3.
        let pi = std::f64::consts::PI;
        let raw = 1.0 + distance * (2.0 * (pi * pi - 9.0) / 3.0).sqrt();
        (1.0 - anderson_darling_limit(raw)).clamp(0.0, 1.0)
    };
    Some(ShapeTest { distance, p_value })
}

/// Share of random deals, the one seen among them, whose statistic is at least that of the blocks.
fn dealt(blocks: &[Vec<usize>], one: usize, two: usize) -> f64 {
    let sizes = [one as f64, two as f64];
    let seen = statistic(blocks, &sizes) * (1.0 - 1e-9);
    let mut owners: Vec<usize> = [vec![0; one], vec![1; two]].concat();
    let mut stream = Streams::new(0, 0).stream(Purpose::Bootstrap, 2);
    let (mut far, mut deal) = (1u32, blocks.to_vec());
    for _ in 0..DEALS {
        for place in (1..owners.len()).rev() {
            owners.swap(place, stream.below(place as u64 + 1) as usize);
        }
        let mut next = owners.iter();
        for (block, own) in deal.iter_mut().zip(blocks) {
            let ties = own[0] + own[1];
            block[1] = next.by_ref().take(ties).sum();
            block[0] = ties - block[1];
        }
        far += u32::from(statistic(&deal, &sizes) >= seen);
    }
    f64::from(far) / f64::from(DEALS + 1)
}

/// Scholz and Stephens's statistic of k samples, less its mean, over its standard deviation.
pub(super) fn standardised(samples: &[&[f64]]) -> Option<f64> {
    let sizes: Vec<f64> = samples.iter().map(|sample| sample.len() as f64).collect();
    let total: f64 = sizes.iter().sum();
    let blocks = blocks(samples);
    if total < 4.0 || blocks.len() < 2 || sizes.contains(&0.0) {
        return None;
    }
    let samples = samples.len() as f64;
    Some((statistic(&blocks, &sizes) - (samples - 1.0)) / variance(&sizes, total, samples).sqrt())
}

/// Their statistic with midranks (equation 7).
fn statistic(blocks: &[Vec<usize>], sizes: &[f64]) -> f64 {
    let total: f64 = sizes.iter().sum();
    let mut below = vec![0.0; sizes.len()];
    let (mut all_below, mut sum) = (0.0, 0.0);
    for block in blocks {
        let ties: f64 = block.iter().map(|count| *count as f64).sum();
        let middle = all_below + ties / 2.0;
        let scale = middle * (total - middle) - total * ties / 4.0;
        for (index, count) in block.iter().enumerate() {
            let own = below[index] + *count as f64 / 2.0;
            let apart = total * own - sizes[index] * middle;
            sum += ties / total * apart * apart / scale / sizes[index];
            below[index] += *count as f64;
        }
        all_below += ties;
    }
    (total - 1.0) / total * sum
}

/// The variance of the statistic for samples of one continuous distribution (their equation 4).
fn variance(sizes: &[f64], total: f64, k: f64) -> f64 {
    let inverse: f64 = sizes.iter().map(|n| 1.0 / n).sum();
    let last = total as u64;
    let h: f64 = (1..last).map(|i| 1.0 / i as f64).sum();
    // g sums 1 / ((N - i) j) over i < j: the inner sum is what is left of h.
    let (mut g, mut rest) = (0.0, h);
    for i in 1..last.saturating_sub(1) {
        rest -= 1.0 / i as f64;
        g += rest / (total - i as f64);
    }
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * inverse;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h + 4.0 * g
        - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * k * k
        + (4.0 * h - 4.0 * g + 6.0) * k
        + (2.0 * h - 6.0) * inverse
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    let cubic = ((a * total + b) * total + c) * total + d;
    cubic / ((total - 1.0) * (total - 2.0) * (total - 3.0))
}

/// The limit law of Anderson and Darling's statistic, to six digits (Marsaglia & Marsaglia 2004).
fn anderson_darling_limit(z: f64) -> f64 {
    let polynomial = |from_highest: &[f64]| from_highest.iter().fold(0.0, |sum, c| sum * z + c);
    if z <= 0.0 {
        0.0
    } else if z < 2.0 {
        let inner = polynomial(&[0.001_686_91, -0.011_672, 0.034_796_2, -0.064_982_1, 0.247_105, 2.000_12]);
        libm::exp(-1.233_714_1 / z) / z.sqrt() * inner
    } else {
        let inner = polynomial(&[0.000_314_6, -0.008_056, 0.082_433, -0.434_24, 2.306_95, -1.077_6]);
        libm::exp(-libm::exp(-inner))
    }
}
