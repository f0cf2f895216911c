//! Log-linear histograms of durations: every count is exact, every quantile within 0.1 %.
//!
//! A value's bucket is its binary exponent and the nine bits below its leading one, so a bucket is at most
//! 2^-9 of its value wide and its midpoint is within 2^-10 (0.098 %) of every value in it. Values below 512 ns
//! have a bucket each. The layout is that of HdrHistogram with a fixed range, which makes recording two shifts
//! and an increment; counts are integers, so merging is exact in any order.

use crate::time::Span;

/// Bits of a value that are kept below its leading one.
const MANTISSA_BITS: u32 = 9;
const SUB_BUCKETS: usize = 1 << MANTISSA_BITS;
/// So many values are kept singly before `counts` is laid out.
const FEW: usize = 256;
/// Largest relative distance of a quantile from the true value.
pub const RELATIVE_ERROR: f64 = 1.0 / (1u64 << (MANTISSA_BITS + 1)) as f64;

/// Counts of durations by size. Only the octaves between the smallest and the largest value take memory.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Zeros that `counts` does not hold: a queue's many zero waits shall not make it span
    /// every octave below a microsecond.
    zeros: u64,
    /// Buckets of the first values but zeros, as they came, as long as `counts` is empty: a short run has many
    /// histograms of few values.
    few: Vec<u32>,
    /// Bucket number of `counts[0]`, a multiple of an octave.
    base: usize,
    counts: Vec<u64>,
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
        Histogram { zeros: 0, few: Vec::new(), base: 0, counts: Vec::new() }
    }

    /// Counts one value.
    #[inline(always)]
    pub fn record(&mut self, value: Span) {
        self.record_bucket(bucket(value.nanos()));
    }

    #[inline(always)]
    fn record_bucket(&mut self, bucket: usize) {
        match self.counts.get_mut(bucket.wrapping_sub(self.base)) {
            Some(count) => *count += 1,
            None => self.record_outside(bucket),
        }
    }

    /// Counts a zero.
    #[inline(always)]
    fn record_zero(&mut self) {
        self.zeros += 1;
    }

    #[inline(never)]
    fn record_outside(&mut self, bucket: usize) {
        if bucket == 0 {
            self.zeros += 1;
        } else if self.counts.is_empty() && self.few.len() < FEW {
            self.few.push(bucket as u32);
        } else {
            self.cover(bucket, bucket + 1);
            self.counts[bucket - self.base] += 1;
        }
    }

    /// The values that are kept singly: (bucket, count) in ascending order.
    fn few(&self) -> Vec<(usize, u64)> {
        let mut buckets = self.few.clone();
        buckets.sort_unstable();
        buckets.chunk_by(|a, b| a == b).map(|same| (same[0] as usize, same.len() as u64)).collect()
    }

    /// Makes room for buckets `low..high`, in whole octaves; no value is kept singly any more.
    fn cover(&mut self, low: usize, high: usize) {
        let few = std::mem::take(&mut self.few);
        let (least, most) = few.iter().fold((low, high - 1), |(least, most), &bucket| {
            (least.min(bucket as usize), most.max(bucket as usize))
        });
        self.lay_out(least, most + 1);
        few.into_iter().for_each(|bucket| self.counts[bucket as usize - self.base] += 1);
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
        self.zeros += other.zeros;
        if other.counts.is_empty() {
            other.few.iter().for_each(|&bucket| self.record_bucket(bucket as usize));
            return;
        }
        self.cover(other.base, other.base + other.counts.len());
        let offset = other.base - self.base;
        for (count, more) in self.counts[offset..].iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Adds `count` values of the size `nanos`; rebuilds a histogram from [`Histogram::buckets`].
    pub fn add(&mut self, nanos: u64, count: u64) {
        let bucket = bucket(nanos);
        if bucket == 0 {
            self.zeros += count;
        } else if count > 0 {
            self.cover(bucket, bucket + 1);
            self.counts[bucket - self.base] += count;
        }
    }

    /// How many zeros there are, and where in `counts` everything else begins.
    fn zeros(&self) -> (u64, usize) {
        match self.counts.first() {
            Some(first) if self.base == 0 => (self.zeros + first, 1),
            _ => (self.zeros, 0),
        }
    }

    /// Calls `see(bucket, count)` for each filled bucket in ascending order. Empty stretches are skipped 64 and
    /// then 8 buckets at a time, because short runs leave most of a histogram empty.
    pub(super) fn for_each_filled(&self, mut see: impl FnMut(usize, u64)) {
        const NONE: [u64; 64] = [0; 64];
        let (zeros, _) = self.zeros();
        if zeros > 0 {
            see(0, zeros);
        }
        self.few().into_iter().for_each(|(bucket, count)| see(bucket, count));
        // Whole octaves are kept, so nothing is left over at either step.
        for (coarse, stretch) in self.counts.chunks_exact(64).enumerate() {
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
                        see(first + index, count);
                    }
                }
            }
        }
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
            self.counts[bucket as usize - self.base] += total - before;
            before = total;
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.zeros == 0 && self.few.is_empty() && self.counts.iter().all(|&count| count == 0)
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.zeros + self.few.len() as u64 + self.counts.iter().sum::<u64>()
    }

    /// The non-empty buckets in ascending order: (smallest value, width, count), nanoseconds.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        let (zeros, from) = self.zeros();
        let rest =
            self.counts.iter().enumerate().skip(from).map(|(index, &count)| (self.base + index, count));
        let filled =
            std::iter::once((0, zeros)).chain(self.few()).chain(rest).filter(|&(_, count)| count > 0);
        filled.map(|(bucket, count)| {
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
        self.sum += u128::from(value.nanos());
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
