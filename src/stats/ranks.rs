//! The filled buckets of a histogram as a sorted list: short for a short run, quick to merge and to ask.
//!
//! A histogram spans thousands of buckets of which a replication of a sweep fills hundreds. Reading it once
//! into a list makes every later sum over classes and phases, and every set of quantiles, cost what was
//! recorded and not what could have been.

use super::histogram::{Histogram, bucket_middle};

/// Filled buckets in ascending order with their counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranks {
    buckets: Vec<(u32, u64)>,
    count: u64,
}

impl Ranks {
    /// The filled buckets of a histogram.
    pub fn of(histogram: &Histogram) -> Ranks {
        let mut ranks = Ranks::default();
        histogram.for_each_filled(|bucket, count| {
            ranks.buckets.push((bucket as u32, count));
            ranks.count += count;
        });
        ranks
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds the counts to a histogram.
    pub fn add_to(&self, histogram: &mut Histogram) {
        if let (Some(first), Some(last)) = (self.buckets.first(), self.buckets.last()) {
            histogram.add_filled(first.0 as usize, last.0 as usize, &self.buckets);
        }
    }

    /// Adds another list's counts.
    pub fn merge(&mut self, other: &Ranks) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            self.buckets.extend_from_slice(&other.buckets);
            self.count = other.count;
            return;
        }
        let mut merged = Vec::with_capacity(self.buckets.len() + other.buckets.len());
        let (mut left, mut right) = (0, 0);
        while let (Some(&one), Some(&two)) = (self.buckets.get(left), other.buckets.get(right)) {
            // One entry either way; the sums of comparisons compile to moves instead of branches.
            let (from_left, from_right) = (one.0 <= two.0, two.0 <= one.0);
            let bucket = if from_left { one.0 } else { two.0 };
            let count = if from_left { one.1 } else { 0 } + if from_right { two.1 } else { 0 };
            merged.push((bucket, count));
            left += usize::from(from_left);
            right += usize::from(from_right);
        }
        merged.extend_from_slice(&self.buckets[left..]);
        merged.extend_from_slice(&other.buckets[right..]);
        self.buckets = merged;
        self.count += other.count;
    }

    /// Quantiles in seconds for probabilities in ascending order, by the rule of [`Histogram::quantile`]; empty
    /// without values.
    pub fn quantiles(&self, probabilities: &[f64]) -> Vec<f64> {
        let n = self.count;
        let ranks: Vec<u64> =
            probabilities.iter().map(|p| ((p * n as f64).ceil() as u64).clamp(1, n.max(1))).collect();
        self.values_of_ranks(&ranks)
    }

    /// Values number `ranks` (from 1, ascending) in seconds, each the middle of its bucket; ranks beyond the last
    /// value give the last. Empty without values.
    pub fn values_of_ranks(&self, ranks: &[u64]) -> Vec<f64> {
        let mut values = Vec::with_capacity(ranks.len());
        if self.is_empty() {
            return values;
        }
        let mut seen = 0;
        for &(bucket, count) in &self.buckets {
            seen += count;
            while values.len() < ranks.len() && ranks[values.len()] <= seen {
                values.push(bucket_middle(bucket as usize).secs());
            }
        }
        let last = self.buckets.last().map_or(0.0, |&(bucket, _)| bucket_middle(bucket as usize).secs());
        values.resize(ranks.len(), last);
        values
    }

    /// The largest distance between the distribution functions of two lists, as Kolmogorov and Smirnov take it.
    pub fn largest_gap(&self, other: &Ranks) -> f64 {
        let (mut left, mut right, mut below, mut other_below, mut gap) = (0, 0, 0u64, 0u64, 0.0f64);
        while left < self.buckets.len() || right < other.buckets.len() {
            let one = self.buckets.get(left).map_or(u32::MAX, |entry| entry.0);
            let two = other.buckets.get(right).map_or(u32::MAX, |entry| entry.0);
            if one <= two {
                below += self.buckets[left].1;
                left += 1;
            }
            if two <= one {
                other_below += other.buckets[right].1;
                right += 1;
            }
            let shares = (below as f64 / self.count as f64, other_below as f64 / other.count as f64);
            gap = gap.max((shares.0 - shares.1).abs());
        }
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn ranks_of(millis: impl IntoIterator<Item = u64>) -> (Histogram, Ranks) {
        let mut histogram = Histogram::new();
        millis.into_iter().for_each(|ms| histogram.record(Span::from_millis(ms)));
        let ranks = Ranks::of(&histogram);
        (histogram, ranks)
    }

    #[test]
    fn lists_answer_as_their_histograms_do() {
        let (histogram, ranks) = ranks_of((0..900).map(|n| n * n % 7919));
        let probabilities = [0.0, 0.01, 0.5, 0.95, 0.999, 1.0];
        let expected: Vec<f64> =
            probabilities.iter().map(|&p| histogram.quantile(p).unwrap().secs()).collect();
        assert_eq!(ranks.quantiles(&probabilities), expected);
        assert_eq!(ranks.count(), 900);
        assert!(Ranks::default().quantiles(&probabilities).is_empty());
    }

    #[test]
    fn merging_lists_is_merging_histograms() {
        let (mut histogram, mut ranks) = ranks_of([5, 7, 7, 900]);
        let (other, more) = ranks_of([1, 7, 8_000, 900, 900]);
        histogram.merge(&other);
        ranks.merge(&more);
        assert_eq!(ranks, Ranks::of(&histogram));
        let mut back = Histogram::new();
        ranks.add_to(&mut back);
        assert_eq!(back, histogram);
        let mut empty = Ranks::default();
        empty.merge(&ranks);
        assert_eq!(empty, ranks);
    }

    #[test]
    fn the_gap_between_lists() {
        let (_, one) = ranks_of([1, 2, 3, 4]);
        let (_, two) = ranks_of([3, 4, 5, 6]);
        assert_eq!(one.largest_gap(&two), 0.5);
        assert_eq!(one.largest_gap(&one), 0.0);
    }
}
