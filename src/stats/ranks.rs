//! The filled buckets of a histogram as a sorted list: short for a short run, quick to merge and to ask.
//!
//! A histogram spans thousands of buckets of which a replication of a sweep fills hundreds. Reading it once
//! into a list makes every later sum over classes and phases, and every set of quantiles, cost what was
//! recorded and not what could have been.

use super::histogram::{Histogram, bucket_middle};

/// Filled buckets in ascending order, each with the number of values up to and in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranks {
    running: Vec<(u32, u64)>,
}

impl Ranks {
    /// The filled buckets of a histogram.
    pub fn of(histogram: &Histogram) -> Ranks {
        let (mut running, mut total) = (Vec::new(), 0);
        histogram.for_each_filled(|bucket, count| {
            total += count;
            running.push((bucket as u32, total));
        });
        Ranks { running }
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.running.last().map_or(0, |&(_, total)| total)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Adds the counts to a histogram.
    pub fn add_to(&self, histogram: &mut Histogram) {
        histogram.add_running(&self.running);
    }

    /// Two lists as one.
    pub fn merged(&self, other: &Ranks) -> Ranks {
        let (one, two) = (&self.running[..], &other.running[..]);
        let mut running = Vec::with_capacity(one.len() + two.len());
        let (mut left, mut right, mut below_left, mut below_right) = (0, 0, 0, 0);
        while left < one.len() && right < two.len() {
            let (a, b) = (one[left], two[right]);
            // Comparisons that become moves: which list is next is as good as random.
            let (from_left, from_right) = (a.0 <= b.0, b.0 <= a.0);
            below_left = if from_left { a.1 } else { below_left };
            below_right = if from_right { b.1 } else { below_right };
            running.push((a.0.min(b.0), below_left + below_right));
            left += usize::from(from_left);
            right += usize::from(from_right);
        }
        running.extend(one[left..].iter().map(|&(bucket, total)| (bucket, total + below_right)));
        running.extend(two[right..].iter().map(|&(bucket, total)| (bucket, total + below_left)));
        Ranks { running }
    }

    /// Adds another list's counts.
    pub fn merge(&mut self, other: &Ranks) {
        if !other.is_empty() {
            *self = self.merged(other);
        }
    }

    /// Quantiles in seconds by the rule of [`Histogram::quantile`]; empty without values.
    pub fn quantiles(&self, probabilities: &[f64]) -> Vec<f64> {
        let n = self.count();
        let ranks: Vec<u64> =
            probabilities.iter().map(|p| ((p * n as f64).ceil() as u64).clamp(1, n.max(1))).collect();
        self.values_of_ranks(&ranks)
    }

    /// Values number `ranks` (from 1) in seconds, each the middle of its bucket; ranks beyond the last value give
    /// the last. Empty without values.
    pub fn values_of_ranks(&self, ranks: &[u64]) -> Vec<f64> {
        let Some(last) = self.running.len().checked_sub(1) else { return Vec::new() };
        let value = |&rank: &u64| {
            let index = self.running.partition_point(|&(_, total)| total < rank).min(last);
            bucket_middle(self.running[index].0 as usize).secs()
        };
        ranks.iter().map(value).collect()
    }

    /// Where there is nothing for long: ranks whose next value is more than `times` their own, the `most` largest of
    /// these leaps, in ascending order.
    pub fn leaps(&self, times: f64, most: usize) -> Vec<u64> {
        let middle = |at: &(u32, u64)| bucket_middle(at.0 as usize).secs();
        let leap = |pair: &[(u32, u64)]| (pair[0].1, middle(&pair[1]) / middle(&pair[0]));
        let mut leaps: Vec<(u64, f64)> =
            self.running.windows(2).map(leap).filter(|(_, ratio)| *ratio > times).collect();
        leaps.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut ranks: Vec<u64> = leaps.into_iter().take(most).map(|(rank, _)| rank).collect();
        ranks.sort_unstable();
        ranks
    }

    /// The largest distance between the distribution functions of two lists, as Kolmogorov and Smirnov take it.
    pub fn largest_gap(&self, other: &Ranks) -> f64 {
        let (one, two) = (&self.running[..], &other.running[..]);
        let (n, m) = (self.count() as f64, other.count() as f64);
        let (mut left, mut right, mut below_left, mut below_right, mut gap) = (0, 0, 0, 0, 0.0f64);
        while left < one.len() || right < two.len() {
            let a = one.get(left).copied().unwrap_or((u32::MAX, 0));
            let b = two.get(right).copied().unwrap_or((u32::MAX, 0));
            if a.0 <= b.0 {
                (below_left, left) = (a.1, left + 1);
            }
            if b.0 <= a.0 {
                (below_right, right) = (b.1, right + 1);
            }
            gap = gap.max((below_left as f64 / n - below_right as f64 / m).abs());
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
    fn leaps_are_where_no_value_lies_for_long() {
        let (_, ranks) = ranks_of([100, 101, 102, 102, 5_000, 5_010, 90_000]);
        assert_eq!(ranks.leaps(1.1, 10), [4, 6]);
        // From 102 ms to 5 s is the longer one.
        assert_eq!(ranks.leaps(1.1, 1), [4]);
        assert!(ranks_of([100]).1.leaps(1.1, 10).is_empty());
        assert!(Ranks::default().leaps(1.1, 10).is_empty());
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
