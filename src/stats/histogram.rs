//! Log-linear histograms of durations: every count is exact, every quantile within 0.1 %.
//!
//! A value's bucket is its binary exponent and the nine bits below its leading one, so a bucket is at most
//! 2^-9 of its value wide and its midpoint is within 2^-10 (0.098 %) of every value in it. Values below 512 ns
//! have a bucket each. The layout is that of HdrHistogram with a fixed range, which makes recording two shifts
//! and an increment; counts are integers, so merging is exact in any order.

use super::sum::add;
use crate::time::Span;
use std::sync::Arc;

/// Bits of a value that are kept below its leading one.
const MANTISSA_BITS: u32 = 9;
const SUB_BUCKETS: usize = 1 << MANTISSA_BITS;
/// So many values are kept singly before `counts` is laid out for most of them.
const FEW: usize = 256;
/// Largest relative distance of a quantile from the true value.
pub const RELATIVE_ERROR: f64 = 1.0 / (1u64 << (MANTISSA_BITS + 1)) as f64;

/// Counts of durations by size. Only octaves that many values lie in, or between, take memory.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Zeros that `counts` does not hold: a queue's many zero waits shall not make it span
    /// every octave below a microsecond.
    zeros: u64,
    /// Buckets of values outside of `counts` but zeros, as they came: a short run has many histograms of few values,
    /// and in a long one few values are much smaller or larger than the others.
    few: Vec<u32>,
    /// Bucket number of `counts[0]`, a multiple of an octave.
    base: usize,
    /// Half words, because how much of the processor's cache they take decides how fast they are; a bucket that is not
    /// empty has 1 at least.
    counts: Vec<u32>,
    /// What stands in the place of `counts` where other histograms may have the same.
    shared: Option<Arc<Vec<u32>>>,
    /// Buckets with more than half a word counts, and what is to be added to it.
    large: Vec<(u32, u64)>,
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.buckets().eq(other.buckets())
    }
}

impl Eq for Histogram {}

/// The bucket of a value in nanoseconds.
#[inline(always)]
pub(super) const fn bucket(nanos: u64) -> usize {
    // Setting the bit below the smallest leading bit makes one formula serve small values too.
    let shift = (63 - (nanos | SUB_BUCKETS as u64).leading_zeros()) - MANTISSA_BITS;
    ((shift as usize) << MANTISSA_BITS) + (nanos >> shift) as usize
}

/// The smallest value of a bucket and the bucket's width, both in nanoseconds.
pub(super) const fn bounds(bucket: usize) -> (u64, u64) {
    if bucket < 2 * SUB_BUCKETS {
        return (bucket as u64, 1);
    }
    let shift = (bucket >> MANTISSA_BITS) - 1;
    (((bucket & (SUB_BUCKETS - 1)) as u64 + SUB_BUCKETS as u64) << shift, 1 << shift)
}

/// The value that stands for a bucket: its midpoint.
pub(super) const fn bucket_middle(bucket: usize) -> Span {
    let (low, width) = bounds(bucket);
    Span::from_nanos(low + width / 2)
}

impl Histogram {
    /// An empty histogram.
    pub const fn new() -> Histogram {
        Histogram { zeros: 0, few: Vec::new(), base: 0, counts: Vec::new(), shared: None, large: Vec::new() }
    }

    /// Counts one value.
    #[inline(always)]
    pub fn record(&mut self, value: Span) {
        self.record_bucket(bucket(value.nanos()));
    }

    #[inline(always)]
    fn record_bucket(&mut self, bucket: usize) {
        match self.counts.get_mut(bucket.wrapping_sub(self.base)) {
            Some(count) => {
                *count = count.wrapping_add(1);
                if *count == 0 {
                    self.outgrow(bucket);
                }
            }
            None => self.record_outside(bucket),
        }
    }

    /// A bucket's count has just passed what half a word holds.
    #[cold]
    #[inline(never)]
    fn outgrow(&mut self, bucket: usize) {
        self.counts[bucket - self.base] = 1;
        self.enlarge(bucket, u64::from(u32::MAX));
    }

    fn enlarge(&mut self, bucket: usize, more: u64) {
        match self.large.iter_mut().find(|(large, _)| *large as usize == bucket) {
            Some((_, count)) => *count += more,
            None => self.large.push((bucket as u32, more)),
        }
    }

    /// What a bucket's count in `counts` leaves out.
    #[inline(always)]
    fn beyond(&self, bucket: usize) -> u64 {
        self.large.iter().find(|(large, _)| *large as usize == bucket).map_or(0, |&(_, count)| count)
    }

    /// Adds to a bucket that `counts` holds.
    fn add_to(&mut self, bucket: usize, more: u64) {
        let count = &mut self.counts[bucket - self.base];
        let sum = u64::from(*count).saturating_add(more);
        *count = sum.min(u64::from(u32::MAX)) as u32;
        if sum > u64::from(u32::MAX) {
            self.enlarge(bucket, sum - u64::from(u32::MAX));
        }
    }

    /// Counts a zero.
    #[inline(always)]
    fn record_zero(&mut self) {
        self.zeros += 1;
    }

    #[inline(never)]
    fn record_outside(&mut self, bucket: usize) {
        if self.shared.is_some() {
            self.unshare();
        } else if bucket == 0 {
            self.zeros += 1;
            return;
        } else if self.few.len() < FEW {
            self.few.push(bucket as u32);
            return;
        } else {
            self.cover_most();
        }
        self.record_bucket(bucket);
    }

    /// The values that are kept singly, those below all others and those above: (bucket, count) in ascending order.
    fn few(&self) -> [Vec<(usize, u64)>; 2] {
        let mut buckets = self.few.clone();
        buckets.sort_unstable();
        let mut below: Vec<_> =
            buckets.chunk_by(|a, b| a == b).map(|same| (same[0] as usize, same.len() as u64)).collect();
        let above = below.split_off(below.partition_point(|&(bucket, _)| bucket < self.base));
        [below, above]
    }

    /// All counts but zeros and the values that are kept singly.
    fn counts(&self) -> &[u32] {
        self.shared.as_ref().map_or(&self.counts, |shared| shared)
    }

    /// Lets clones have the same memory as long as nothing more is counted.
    pub fn share(&mut self) {
        if !self.counts.is_empty() {
            self.shared = Some(Arc::new(std::mem::take(&mut self.counts)));
        }
    }

    fn unshare(&mut self) {
        if let Some(shared) = self.shared.take() {
            self.counts = Arc::unwrap_or_clone(shared);
        }
    }

    /// Makes room for at least half of the values that are kept singly: those nearest to all others.
    fn cover_most(&mut self) {
        self.few.sort_unstable();
        let below = match self.counts.is_empty() {
            true => self.few.len() / 2,
            false => self.few.partition_point(|&bucket| (bucket as usize) < self.base),
        };
        let (below, above) = self.few.split_at(below);
        let low = below.get(below.len() / 2).map_or(self.base, |&low| low as usize);
        let high = above.get(above.len() / 2).map_or(low + 1, |&high| high as usize + 1);
        self.cover(low, high);
    }

    /// Makes room for buckets `low..high`, in whole octaves.
    fn cover(&mut self, low: usize, high: usize) {
        self.unshare();
        self.lay_out(low, high);
        let Histogram { few, base, counts, .. } = self;
        few.retain(|&bucket| match counts.get_mut((bucket as usize).wrapping_sub(*base)) {
            Some(count) => {
                *count += 1;
                false
            }
            None => true,
        });
    }

    fn lay_out(&mut self, low: usize, high: usize) {
        let low = low / SUB_BUCKETS * SUB_BUCKETS;
        let high = high.div_ceil(SUB_BUCKETS) * SUB_BUCKETS;
        if self.counts.is_empty() {
            self.base = low;
        }
        if low < self.base {
            let mut counts = vec![0; self.base - low];
            counts.append(&mut self.counts);
            (self.base, self.counts) = (low, counts);
        }
        if high > self.base + self.counts.len() {
            self.counts.resize(high - self.base, 0);
        }
    }

    /// Adds another histogram's counts.
    pub fn merge(&mut self, other: &Histogram) {
        if self.few.is_empty() && self.counts().is_empty() {
            let zeros = self.zeros + other.zeros;
            *self = Histogram { zeros, ..other.clone() };
            return;
        }
        self.zeros += other.zeros;
        let counts = other.counts();
        if !counts.is_empty() {
            self.cover(other.base, other.base + counts.len());
            let offset = other.base - self.base;
            let mut outgrown = false;
            for (count, more) in self.counts[offset..].iter_mut().zip(counts) {
                *count = count.wrapping_add(*more);
                outgrown |= *count < *more;
            }
            if outgrown {
                self.outgrow_by(counts, other.base);
            }
        }
        other.large.iter().for_each(|&(bucket, more)| self.enlarge(bucket as usize, more));
        other.few.iter().for_each(|&bucket| self.record_bucket(bucket as usize));
    }

    /// Some buckets have just passed what half a word holds, because `counts` from `base` on were added to them.
    #[cold]
    #[inline(never)]
    fn outgrow_by(&mut self, counts: &[u32], base: usize) {
        for (bucket, &more) in (base..).zip(counts) {
            let count = &mut self.counts[bucket - self.base];
            if *count < more {
                *count += 1;
                self.enlarge(bucket, u64::from(u32::MAX));
            }
        }
    }

    /// Adds `count` values of the size `nanos`; rebuilds a histogram from [`Histogram::buckets`].
    pub fn add(&mut self, nanos: u64, count: u64) {
        let bucket = bucket(nanos);
        if bucket == 0 {
            self.zeros += count;
        } else if count > 0 {
            self.cover(bucket, bucket + 1);
            self.add_to(bucket, count);
        }
    }

    /// How many zeros there are, and where in `counts` everything else begins.
    fn zeros(&self) -> (u64, usize) {
        match self.counts().first() {
            Some(&first) if self.base == 0 => (self.zeros + u64::from(first) + self.beyond(0), 1),
            _ => (self.zeros, 0),
        }
    }

    /// Calls `see(bucket, count)` for each filled bucket in ascending order. Empty stretches are skipped 64 and
    /// then 8 buckets at a time, because short runs leave most of a histogram empty.
    pub(super) fn for_each_filled(&self, mut see: impl FnMut(usize, u64)) {
        const NONE: [u32; 64] = [0; 64];
        let (zeros, _) = self.zeros();
        if zeros > 0 {
            see(0, zeros);
        }
        let [below, above] = self.few();
        below.into_iter().for_each(|(bucket, count)| see(bucket, count));
        // Whole octaves are kept, so nothing is left over at either step.
        for (coarse, stretch) in self.counts().chunks_exact(64).enumerate() {
            if stretch == NONE {
                continue;
            }
            for (fine, part) in stretch.chunks_exact(8).enumerate() {
                if part.iter().fold(0, |any, count| any | count) == 0 {
                    continue;
                }
                let first = self.base + coarse * 64 + fine * 8;
                for (index, &count) in part.iter().enumerate() {
                    if count > 0 && first + index > 0 {
                        see(first + index, u64::from(count) + self.beyond(first + index));
                    }
                }
            }
        }
        above.into_iter().for_each(|(bucket, count)| see(bucket, count));
    }

    /// Adds counts by bucket, given as (bucket, running total) in ascending order.
    pub(super) fn add_running(&mut self, running: &[(u32, u64)]) {
        let (mut before, mut rest) = (0, running);
        if let Some((&(0, zeros), others)) = running.split_first() {
            self.zeros += zeros;
            (before, rest) = (zeros, others);
        }
        let (Some(first), Some(last)) = (rest.first(), rest.last()) else { return };
        self.cover(first.0 as usize, last.0 as usize + 1);
        for &(bucket, total) in rest {
            self.add_to(bucket as usize, total - before);
            before = total;
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.zeros == 0 && self.few.is_empty() && self.counts().iter().all(|&count| count == 0)
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        let counts = self.counts().iter().map(|&count| u64::from(count)).sum::<u64>();
        self.zeros + self.few.len() as u64 + counts + self.large.iter().map(|(_, count)| count).sum::<u64>()
    }

    /// The non-empty buckets in ascending order: (smallest value, width, count), nanoseconds.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        let (zeros, from) = self.zeros();
        let rest = self.counts().iter().enumerate().skip(from).map(|(index, &count)| {
            let bucket = self.base + index;
            (bucket, u64::from(count) + self.beyond(bucket))
        });
        let [below, above] = self.few();
        let all = std::iter::once((0, zeros)).chain(below).chain(rest).chain(above);
        all.filter(|&(_, count)| count > 0).map(|(bucket, count)| {
            let (low, width) = bounds(bucket);
            (low, width, count)
        })
    }

    /// The value below or at which a share `p` of the values lies: the midpoint of the bucket that holds value
    /// number `ceil(p n)`, within [`RELATIVE_ERROR`] of it. `None` without values.
    pub fn quantile(&self, p: f64) -> Option<Span> {
        let n = self.count();
        if n == 0 {
            return None;
        }
        let rank = ((p * n as f64).ceil() as u64).clamp(1, n);
        self.value_of_rank(rank)
    }

    /// Value number `rank` (from 1) in ascending order, to the midpoint of its bucket.
    pub fn value_of_rank(&self, rank: u64) -> Option<Span> {
        let mut seen = 0;
        for (low, width, count) in self.buckets() {
            seen += count;
            if seen >= rank {
                return Some(Span::from_nanos(low + width / 2));
            }
        }
        None
    }

    /// The share of values at or below `value`, counting a part of the bucket that holds it.
    pub fn share_at_or_below(&self, value: Span) -> f64 {
        let n = self.count();
        if n == 0 {
            return 0.0;
        }
        let below: f64 = self
            .buckets()
            .map(|(low, width, count)| {
                let part = (value.nanos() as f64 + 1.0 - low as f64) / width as f64;
                count as f64 * part.clamp(0.0, 1.0)
            })
            .sum();
        below / n as f64
    }
}

/// A histogram with exact sum and sum of squares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Counts by size.
    pub histogram: Histogram,
    /// Sum in nanoseconds.
    pub sum: u128,
    /// Sum of squares in seconds squared.
    pub squares: f64,
    /// Number of values.
    pub count: u64,
}

impl Sample {
    /// Counts one value.
    #[inline(always)]
    pub fn record(&mut self, value: Span) {
        self.histogram.record(value);
        add(&mut self.sum, value.nanos());
        // Through `i64`, because processors convert from signed words; a latency is below 2^63 ns.
        let secs = value.nanos() as i64 as f64 * 1e-9;
        self.squares += secs * secs;
        self.count += 1;
    }

    /// Counts a value of zero.
    #[inline(always)]
    pub fn record_zero(&mut self) {
        self.histogram.record_zero();
        self.count += 1;
    }

    /// Adds another sample's values.
    pub fn merge(&mut self, other: &Sample) {
        if other.count == 0 {
            return;
        }
        self.histogram.merge(&other.histogram);
        self.sum += other.sum;
        self.squares += other.squares;
        self.count += other.count;
    }

    /// Mean in seconds; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / crate::time::NANOS / self.count as f64)
    }

    /// Population variance in seconds squared; `None` without values.
    pub fn variance(&self) -> Option<f64> {
        self.mean().map(|mean| (self.squares / self.count as f64 - mean * mean).max(0.0))
    }

    /// A quantile in seconds; `None` without values.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        self.histogram.quantile(p).map(Span::secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_near_its_midpoint() {
        for shift in 0..64 {
            for offset in [0u64, 1, 3, 511, 512, 777] {
                let value = (1u64 << shift).saturating_add(offset);
                let (low, width) = bounds(bucket(value));
                assert!(low <= value && value - low < width, "{value}: {low} + {width}");
                let error = (low + width / 2).abs_diff(value) as f64 / value as f64;
                assert!(error <= RELATIVE_ERROR, "{value}: {error}");
            }
        }
        let mut histogram = Histogram::new();
        [u64::MAX, 0, 77].into_iter().for_each(|nanos| histogram.record(Span::from_nanos(nanos)));
        assert_eq!(histogram.count(), 3);
    }

    #[test]
    fn quantiles_of_a_ramp() {
        let mut histogram = Histogram::new();
        for ms in 1..=1000 {
            histogram.record(Span::from_millis(ms));
        }
        for (p, ms) in [(0.5, 500.0), (0.95, 950.0), (0.999, 999.0), (0.0, 1.0), (1.0, 1000.0)] {
            let got = histogram.quantile(p).map(Span::secs).unwrap_or(f64::NAN) * 1e3;
            assert!((got / ms - 1.0).abs() <= RELATIVE_ERROR, "p {p}: {got} against {ms}");
        }
        assert_eq!(Histogram::new().quantile(0.5), None);
    }

    #[test]
    fn counts_beyond_half_a_word_are_exact() {
        let most = u64::from(u32::MAX);
        let near = |count| {
            let mut histogram = Histogram::new();
            histogram.add(1000, count);
            histogram.add(2000, 3);
            histogram
        };
        let counts =
            |histogram: &Histogram| histogram.buckets().map(|(_, _, count)| count).collect::<Vec<_>>();
        let mut one = near(most);
        (0..2).for_each(|_| one.record(Span::from_nanos(1000)));
        assert_eq!((counts(&one), one.count()), (vec![most + 2, 3], most + 5));
        let mut merged = near(most - 1);
        merged.merge(&near(7));
        assert_eq!((counts(&merged), merged.count()), (vec![most + 6, 6], most + 12));
        merged.share();
        merged.merge(&near(10 * most));
        assert_eq!(counts(&merged), [11 * most + 6, 9]);
        let mut filled = Vec::new();
        merged.for_each_filled(|_, count| filled.push(count));
        assert_eq!(filled, counts(&merged));
        assert_eq!(merged.value_of_rank(11 * most + 7), Some(bucket_middle(bucket(2000))));
        let mut again = Histogram::new();
        again.add_running(&[(bucket(1000) as u32, 11 * most + 6), (bucket(2000) as u32, 11 * most + 15)]);
        assert_eq!(again, merged);
    }

    #[test]
    fn zeros_take_no_memory_and_are_counted() {
        let mut histogram = Histogram::new();
        for nanos in [0, 1 << 40, 0, 0] {
            histogram.record(Span::from_nanos(nanos));
        }
        histogram.cover(bucket(1 << 40), bucket(1 << 40) + 1);
        assert_eq!(histogram.counts.len(), SUB_BUCKETS, "one octave, not thirty");
        assert_eq!(histogram.count(), 4);
        assert_eq!(histogram.quantile(0.75), Some(Span::ZERO));
        // The same values, met in an order that makes the zeros lie within the range.
        let mut small = Histogram::new();
        for nanos in [5, 0, 0, 1 << 40, 0] {
            small.record(Span::from_nanos(nanos));
        }
        histogram.record(Span::from_nanos(5));
        assert_eq!(small, histogram);
        let mut merged = Histogram::new();
        merged.merge(&small);
        merged.merge(&histogram);
        assert_eq!((merged.count(), merged.buckets().next()), (10, Some((0, 1, 6))));
    }

    #[test]
    fn few_values_are_the_same_as_many() {
        let value = |n: u64| Span::from_nanos(n * n * 7919);
        let (mut few, mut many) = (Histogram::new(), Histogram::new());
        (0..FEW as u64).for_each(|n| few.record(value(n)));
        many.cover(bucket(1), bucket(2));
        (0..FEW as u64).for_each(|n| many.record(value(n)));
        assert!(few.counts.is_empty() && few == many && few.count() == FEW as u64);
        assert_eq!(few.quantile(0.3), many.quantile(0.3));
        let mut twice = few.clone();
        twice.merge(&few);
        many.merge(&few);
        assert!(twice == many && !twice.counts.is_empty());
    }

    /// The counts of values, each counted as it is, without a histogram.
    fn plainly(values: &[u64]) -> Vec<(u64, u64, u64)> {
        let mut counted = std::collections::BTreeMap::new();
        values.iter().for_each(|&nanos| *counted.entry(bucket(nanos)).or_insert(0) += 1);
        counted.into_iter().map(|(bucket, count)| (bounds(bucket).0, bounds(bucket).1, count)).collect()
    }

    /// Most values within two octaves; of the others some far below, some far above, some zero.
    fn with_outliers(many: u64) -> Vec<u64> {
        let mut chance = crate::random::Streams::new(5, 0).stream(crate::random::Purpose::Search, many);
        let value = |_| match chance.below(40) {
            0 => 0,
            1 => chance.below(1 << 20),
            2 => 1 << (30 + chance.below(30)),
            _ => (1 << 25) + chance.below(3 << 25),
        };
        (0..many).map(value).collect()
    }

    #[test]
    fn outliers_are_counted_wherever_they_are_kept() {
        for many in [1, 255, 256, 257, 300, 600, 5000, 50_000] {
            let values = with_outliers(many);
            let mut histogram = Histogram::new();
            values.iter().for_each(|&nanos| histogram.record(Span::from_nanos(nanos)));
            let counted = plainly(&values);
            assert_eq!(histogram.buckets().collect::<Vec<_>>(), counted, "{many} values");
            let mut seen = Vec::new();
            histogram.for_each_filled(|bucket, count| seen.push((bounds(bucket).0, bounds(bucket).1, count)));
            assert_eq!((seen, histogram.count()), (counted, many), "{many} values");
        }
    }

    #[test]
    fn a_few_outliers_take_no_octaves() {
        let mut histogram = Histogram::new();
        for n in 0..10_000 {
            histogram.record(Span::from_nanos(if n % 100 == 0 {
                1 << (n / 100 % 60)
            } else {
                1_000_000 + n
            }));
        }
        assert!(histogram.counts.len() <= 2 * SUB_BUCKETS, "{} buckets", histogram.counts.len());
        assert!(!histogram.few.is_empty() && histogram.few.len() <= FEW);
    }

    #[test]
    fn shared_counts_are_parted_where_more_is_counted() {
        let values = with_outliers(2000);
        let mut first = Histogram::new();
        values.iter().for_each(|&nanos| first.record(Span::from_nanos(nanos)));
        let before = first.clone();
        first.share();
        let (mut second, mut third) = (Histogram::new(), first.clone());
        second.merge(&first);
        assert!(std::ptr::eq(second.counts(), first.counts()), "the same memory");
        second.record(Span::from_nanos(1 << 26));
        third.merge(&before);
        assert_eq!(first, before);
        assert_eq!((second.count(), third.count()), (2001, 4000));
        let twice: Vec<u64> = values.iter().chain(&values).copied().collect();
        assert_eq!(third.buckets().collect::<Vec<_>>(), plainly(&twice));
        let more: Vec<u64> = values.iter().copied().chain([1 << 26]).collect();
        assert_eq!(second.buckets().collect::<Vec<_>>(), plainly(&more));
    }

    #[test]
    fn merging_in_any_order_is_the_same_as_recording_together() {
        let (mut one, mut two, mut both) = (Sample::default(), Sample::default(), Sample::default());
        for n in 1..500u64 {
            let value = Span::from_nanos(n * n * 7919);
            if n % 3 == 0 {
                one.record(value)
            } else {
                two.record(value)
            };
            both.record(value);
        }
        let mut merged = two.clone();
        merged.merge(&one);
        assert_eq!(merged.histogram, both.histogram);
        assert_eq!((merged.sum, merged.count), (both.sum, both.count));
    }
}
