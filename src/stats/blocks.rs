//! Two worlds that the same requests went through, when there are too few runs to be the unit: pairs in blocks.
//!
//! Request `i` of one world is request `i` of the other, so what differs between them differs request by request and much
//! of their common chance falls out. Requests that follow each other share a queue, so they are resampled in blocks longer
//! than their dependence (circular blocks), and the two values of a request stay together. The spread of a figure over the
//! resamples is its error *for runs like these*: what differs from run to run is seen by several runs only.
//!
//! Distances of distributions are never negative, so their own chance must be known too: under no difference the worlds
//! of whole blocks may be exchanged, which gives the noise and the probability of the distance.
//!
//! Sources: Künsch (1989) and Politis & Romano (1992) for the resampling of blocks; Pitman (1937) for the exchange.

use super::dependence;
use super::equivalence::{Contrast, Equivalence, student_tail};
use super::estimate::Estimate;
use super::interval::quantile_ranks;
use super::shape::ShapeJudged;
use crate::random::{Purpose, Stream, Streams};

/// Resamples and exchanges: the error of an error is then some 5 %.
const SAMPLES: usize = 200;

/// Fewest blocks, over all runs, that anything is claimed from.
const BLOCKS_MIN: usize = 8;

/// The pairs of several runs.
#[derive(Clone, Debug)]
pub struct Blocks {
    runs: Vec<Run>,
}

/// The pairs of one run in order of sending.
#[derive(Clone, Debug)]
struct Run {
    /// By world: the values.
    values: [Vec<f64>; 2],
    /// By world: the pairs by ascending value.
    order: [Vec<u32>; 2],
    /// Both worlds' values ascending: (value, world, pair).
    merged: Vec<(f64, usize, u32)>,
    /// Pairs of a block.
    length: usize,
}

impl Run {
    fn new(pairs: &[(f64, f64)]) -> Run {
        let values = [0, 1].map(|world| -> Vec<f64> {
            pairs.iter().map(|pair| if world == 0 { pair.0 } else { pair.1 }).collect()
        });
        let order = [0, 1].map(|world: usize| {
            let mut order: Vec<u32> = (0..pairs.len() as u32).collect();
            order.sort_by(|a, b| values[world][*a as usize].total_cmp(&values[world][*b as usize]));
            order
        });
        let both = |world: usize| values[world].iter().zip(0..).map(move |(value, at)| (*value, world, at));
        let mut merged: Vec<(f64, usize, u32)> = both(0).chain(both(1)).collect();
        merged.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let apart: Vec<f64> = pairs.iter().map(|(one, two)| two - one).collect();
        let inefficiency = apart.len() as f64 / dependence::effective_size(&apart).max(1.0);
        // Twice as long as the dependence reaches, so that little of it is cut; independent pairs stand alone.
        let length = if inefficiency > 1.05 { (2.0 * inefficiency).ceil() as usize } else { 1 };
        Run { values, order, merged, length: length.clamp(1, pairs.len().max(1)) }
    }

    fn len(&self) -> usize {
        self.values[0].len()
    }

    fn blocks(&self) -> usize {
        self.len() / self.length
    }

    /// How often each pair is in a resample.
    fn resample(&self, stream: &mut Stream) -> Vec<u32> {
        let n = self.len();
        let mut counts = vec![0; n];
        let mut drawn = 0;
        while drawn < n {
            let start = stream.below(n as u64) as usize;
            let take = self.length.min(n - drawn);
            (0..take).for_each(|step| counts[(start + step) % n] += 1);
            drawn += take;
        }
        counts
    }

    /// The value of rank `ceil(p n)` of a world, each pair counted so often.
    fn quantile(&self, world: usize, p: f64, counts: &[u32]) -> f64 {
        let rank = ((p * self.len() as f64).ceil() as u64).max(1);
        let mut below = 0;
        for &pair in &self.order[world] {
            below += u64::from(counts[pair as usize]);
            if below >= rank {
                return self.values[world][pair as usize];
            }
        }
        f64::NAN
    }

    fn difference(&self, p: f64, counts: &[u32]) -> f64 {
        self.quantile(1, p, counts) - self.quantile(0, p, counts)
    }

    /// The area between the distribution functions (Wasserstein); pairs that are turned change their worlds.
    fn area(&self, counts: &[u32], turned: &[bool]) -> f64 {
        let (mut level, mut area, mut last) = (0i64, 0.0, 0.0);
        for &(value, world, pair) in &self.merged {
            area += level.unsigned_abs() as f64 * (value - last);
            last = value;
            let first = (world == 0) != turned[pair as usize];
            let count = i64::from(counts[pair as usize]);
            level += if first { count } else { -count };
        }
        area / self.len() as f64
    }

    /// A coin for each block.
    fn exchange(&self, stream: &mut Stream) -> Vec<bool> {
        let mut turned = Vec::with_capacity(self.len());
        while turned.len() < self.len() {
            let coin = stream.chance(0.5);
            let next = (turned.len() + self.length).min(self.len());
            turned.resize(next, coin);
        }
        turned
    }
}

impl Blocks {
    /// Takes pairs run by run, in order of sending. `None` where they are too few or depend on each other too much to
    /// say anything.
    pub fn new(runs: &[Vec<(f64, f64)>]) -> Option<Blocks> {
        if runs.is_empty() || runs.iter().any(Vec::is_empty) {
            return None;
        }
        let blocks = Blocks { runs: runs.iter().map(|pairs| Run::new(pairs)).collect() };
        (blocks.count() >= BLOCKS_MIN).then_some(blocks)
    }

    fn count(&self) -> usize {
        self.runs.iter().map(Run::blocks).sum()
    }

    fn pairs(&self) -> u64 {
        self.runs.iter().map(|run| run.len() as u64).sum()
    }

    fn freedom(&self) -> f64 {
        (self.count() - self.runs.len()).max(1) as f64
    }

    /// The mean over runs.
    fn mean(&self, mut of: impl FnMut(&Run) -> f64) -> f64 {
        self.runs.iter().map(&mut of).sum::<f64>() / self.runs.len() as f64
    }

    /// A figure of each resample, whose spread is the error.
    fn resampled(&self, figure: impl Fn(&Run, &[u32]) -> f64) -> Vec<f64> {
        let mut stream = Streams::new(0, 0).stream(Purpose::Bootstrap, 5);
        (0..SAMPLES).map(|_| self.mean(|run| figure(run, &run.resample(&mut stream)))).collect()
    }

    /// Quantile `p` of the second world less that of the first: of each run, on average. `None` where the pairs do not
    /// bound the quantile from both sides.
    pub fn quantile(&self, p: f64) -> Option<Contrast> {
        quantile_ranks(self.pairs(), p, 0.9)?;
        let once = |run: &Run| vec![1; run.len()];
        let of = |world: usize| self.mean(|run| run.quantile(world, p, &once(run)));
        let (first, second) = (of(0), of(1));
        let error = deviation(&self.resampled(|run, counts| run.difference(p, counts)));
        Some(Contrast {
            first,
            second,
            difference: second - first,
            error,
            freedom: self.freedom(),
            n: self.pairs(),
        })
    }

    /// The distance of the distributions against a margin in the unit of the values: of each run, on average. It can
    /// only be too large by chance, so an upper bound within the margin is a safe claim; different is claimed when it
    /// exceeds its noise by more than the margin and no exchange of blocks comes near it.
    pub fn distance(&self, margin: f64, confidence: f64) -> ShapeJudged {
        let seen = self.mean(|run| run.area(&vec![1; run.len()], &vec![false; run.len()]));
        let error = deviation(&self.resampled(|run, counts| run.area(counts, &vec![false; run.len()])));
        let mut stream = Streams::new(0, 0).stream(Purpose::Bootstrap, 6);
        let exchanged: Vec<f64> = (0..SAMPLES)
            .map(|_| self.mean(|run| run.area(&vec![1; run.len()], &run.exchange(&mut stream))))
            .collect();
        let far = exchanged.iter().filter(|one| **one >= seen * (1.0 - 1e-9)).count();
        let p_value = (far + 1) as f64 / (SAMPLES + 1) as f64;
        let noise = exchanged.iter().sum::<f64>() / SAMPLES as f64;
        // Beyond all exchanges their number says nothing more, but a claim of many needs to know how far beyond.
        let above = (seen - noise) / deviation(&exchanged).max(f64::MIN_POSITIVE);
        let p_far = if far == 0 { p_value.min(student_tail(above, f64::INFINITY)) } else { p_value };
        let contrast = |difference: f64| Contrast {
            first: 0.0,
            second: difference,
            difference,
            error,
            freedom: self.freedom(),
            n: self.pairs(),
        };
        let whole = contrast(seen).judge(margin, confidence);
        let p_beyond = contrast((seen - noise).max(0.0)).judge(margin, confidence).p_beyond.max(p_far);
        let verdict = if whole.verdict == Equivalence::Equivalent {
            Equivalence::Equivalent
        } else if p_beyond <= 1.0 - confidence {
            Equivalence::Different
        } else {
            Equivalence::Undecided
        };
        let distance = Estimate { low: whole.difference.low.max(0.0), ..whole.difference };
        ShapeJudged { verdict, distance, margin, noise, p_value, p_beyond }
    }
}

/// Standard deviation.
fn deviation(values: &[f64]) -> f64 {
    super::interval::mean_and_variance(values).map_or(f64::INFINITY, |(_, variance)| variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of a first-order autoregression and the same again, scaled, with noise of its own.
    fn pairs(n: usize, scale: f64, noise: f64, seed: u64) -> Vec<(f64, f64)> {
        let mut stream = Streams::new(5, seed).stream(Purpose::Search, 0);
        let mut level = 0.0;
        let one = |_| {
            level = 0.8 * level + 0.6 * stream.normal();
            let value = libm::exp(0.5 * level);
            (value, value * scale + noise * stream.normal())
        };
        (0..n).map(one).collect()
    }

    #[test]
    fn what_is_the_same_is_equivalent_and_what_is_scaled_is_not() {
        let judge = |scale: f64, noise: f64| {
            let blocks = Blocks::new(&[pairs(800, scale, noise, 1)]).unwrap();
            let quantile = blocks.quantile(0.95).unwrap();
            let margin = 0.05 * quantile.first;
            (quantile.judge(margin, 0.95).verdict, blocks.distance(0.05, 0.95).verdict)
        };
        assert_eq!(judge(1.0, 0.0), (Equivalence::Equivalent, Equivalence::Equivalent));
        assert_eq!(judge(1.005, 0.01), (Equivalence::Equivalent, Equivalence::Equivalent));
        assert_eq!(judge(1.3, 0.01), (Equivalence::Different, Equivalence::Different));
        // Values that only look alike on average are no agreement: the tail is far, and it is seen.
        assert_ne!(judge(1.0, 0.5).1, Equivalence::Equivalent);
    }

    #[test]
    fn the_error_of_a_quantile_is_what_it_scatters_by() {
        // Over 240 independent runs (their deviation is known to 5 %) the difference scatters by what each run says of
        // it; resampled quantiles scatter some 10 to 20 % more than quantiles at this size, which is the safe side.
        let all: Vec<Contrast> = (0..240)
            .map(|seed| Blocks::new(&[pairs(400, 1.0, 0.2, seed)]).unwrap().quantile(0.9).unwrap())
            .collect();
        let seen = deviation(&all.iter().map(|one| one.difference).collect::<Vec<_>>());
        let said = all.iter().map(|one| one.error).sum::<f64>() / all.len() as f64;
        assert!((0.75..1.35).contains(&(said / seen)), "{said} for {seen}");
    }

    #[test]
    fn no_difference_is_seldom_called_one() {
        let wrong = (0..40u64).filter(|seed| {
            // Independent samples of one law, paired by nothing but their place.
            let (one, two) = (pairs(120, 1.0, 0.0, 100 + seed), pairs(120, 1.0, 0.0, 200 + seed));
            let mixed: Vec<(f64, f64)> = one.iter().zip(&two).map(|(a, b)| (a.0, b.0)).collect();
            let Some(blocks) = Blocks::new(&[mixed]) else { return false };
            blocks.distance(0.0, 0.95).verdict == Equivalence::Different
        });
        let wrong = wrong.count();
        assert!(wrong <= 5, "{wrong} of 40");
    }

    #[test]
    fn too_little_says_nothing() {
        assert!(Blocks::new(&[]).is_none());
        assert!(Blocks::new(&[vec![(1.0, 1.0); 5]]).is_none());
        // A drift: every pair says what the one before said.
        let drift: Vec<(f64, f64)> = (0..200).map(|n| (1.0, 1.0 + f64::from(n) * 0.01)).collect();
        assert!(Blocks::new(&[drift]).is_none());
        // Twenty pairs do not bound a 99th percentile.
        let few: Vec<(f64, f64)> = (0..20).map(|n| (f64::from(n * 7 % 20), f64::from(n * 7 % 20))).collect();
        let blocks = Blocks::new(&[few]).unwrap();
        assert!(blocks.quantile(0.99).is_none() && blocks.quantile(0.5).is_some());
    }
}
