//! The one door to chance: a seed becomes named streams of random numbers.
//!
//! A stream is keyed by (seed, replication, purpose, index, sub-index). Its state is one block of
//! Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) under that key, and
//! the numbers come from xoshiro256++ started at that state. Two streams never share a key, so a new draw in
//! one place shifts no other, and a request keeps its class, demand and fate at every point of a sweep.
//!
//! `rand` and `rand_distr` draw (uniform words, unit exponentials and normals by ziggurat); transforms such as
//! `exp` and `pow` are made with `libm` in the rooms that need them, because the platform's own differ in the
//! last bit. [`RNG_CONTRACT`] changes whenever any stream's values change.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp1, StandardNormal};

/// Raised whenever the numbers of any stream change; part of every record.
pub const RNG_CONTRACT: u32 = 1;

/// What a stream of random numbers is for. The discriminants are part of the contract: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Purpose {
    /// Gaps between arrivals; index = source.
    Arrival = 1,
    /// Sizes of batches; index = source.
    Batch = 2,
    /// States of a modulated arrival process; index = source.
    Modulation = 3,
    /// Classes of requests; index = source (or virtual user).
    Class = 4,
    /// Demands; index = source and class (or virtual user).
    Demand = 5,
    /// Fates; index = source (or virtual user).
    Fate = 6,
    /// Think times; index = virtual user.
    Think = 7,
    /// Waiting limits; index = source.
    Patience = 8,
    /// Demands of later attempts; index = request, sub = attempt.
    RetryDemand = 9,
    /// Fates of later attempts; index = request, sub = attempt.
    RetryFate = 10,
    /// Back-off and its jitter; index = request, sub = attempt.
    Backoff = 11,
    /// Start-up times of workers; index = slot, sub = spawn.
    StartUp = 12,
    /// Delays of a worker's life (exit, restart); index = slot, sub = spawn.
    WorkerLife = 13,
    /// Whether a write to a dying worker fails; index = request, sub = attempt.
    WriteError = 14,
    /// Choices of a pool's policy (random queue, random slot); index = pool.
    Policy = 15,
    /// Choices of a route; index = route.
    Routing = 16,
    /// Instants of random faults; index = fault.
    Fault = 17,
    /// Breakdowns; index = slot.
    Breakdown = 18,
    /// Size estimates that a policy sees; index = source.
    Estimate = 19,
    /// Resampling in statistics; index = metric.
    Bootstrap = 20,
    /// Inputs of searches and tests.
    Search = 21,
    /// Delays between dispatch, work and answer; index = request, sub = attempt.
    Transport = 22,
    /// Deadlines of clients; index = request.
    Deadline = 23,
    /// Service time-outs of pools; index = request, sub = execution.
    ServiceTimeout = 24,
}

/// Names one stream of one replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
    replication: u64,
}

/// A reproducible source of random numbers.
#[derive(Clone, Debug)]
pub struct Stream(Xoshiro256PlusPlus);

impl Streams {
    /// The streams of one replication under a seed.
    pub const fn new(seed: u64, replication: u64) -> Streams {
        Streams { seed, replication }
    }

    /// The stream for `purpose` number `index`.
    pub fn stream(&self, purpose: Purpose, index: u64) -> Stream {
        self.keyed(purpose, index, 0)
    }

    /// The stream for `purpose` number `index`, part `sub`: for draws that belong to one request and attempt.
    #[inline]
    pub fn keyed(&self, purpose: Purpose, index: u64, sub: u64) -> Stream {
        let block = philox4x64_10([purpose as u64, index, sub, 0], [self.seed, self.replication]);
        let mut bytes = [0u8; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(block) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Stream(Xoshiro256PlusPlus::from_seed(bytes))
    }
}

impl Stream {
    /// A word of 64 random bits.
    #[inline(always)]
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform number in [0, 1), a multiple of 2^-53.
    #[inline(always)]
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A uniform number in (0, 1], for logarithms and inverse powers.
    #[inline(always)]
    pub fn unit_positive(&mut self) -> f64 {
        ((self.word() >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// An exponential number of mean 1.
    #[inline(always)]
    pub fn exp1(&mut self) -> f64 {
        Exp1.sample(&mut self.0)
    }

    /// A normal number of mean 0 and variance 1.
    #[inline(always)]
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// A uniform index below `n`, which must be positive (Lemire's multiply-shift with rejection).
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        debug_assert!(n > 0, "a choice needs something to choose from");
        loop {
            let product = u128::from(self.word()) * u128::from(n);
            let low = product as u64;
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 64) as u64;
            }
        }
    }

    /// True with probability `p`.
    #[inline(always)]
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }
}

/// Ten rounds of Philox on four 64-bit words.
#[inline]
fn philox4x64_10(mut counter: [u64; 4], mut key: [u64; 2]) -> [u64; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
    const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];
    for _ in 0..10 {
        let first = u128::from(MULTIPLIERS[0]) * u128::from(counter[0]);
        let second = u128::from(MULTIPLIERS[1]) * u128::from(counter[2]);
        counter = [
            (second >> 64) as u64 ^ counter[1] ^ key[0],
            second as u64,
            (first >> 64) as u64 ^ counter[3] ^ key[1],
            first as u64,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_answer() {
        // Known-answer test of Random123 (kat_vectors) for zero key and counter.
        let expected = [0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b];
        assert_eq!(philox4x64_10([0; 4], [0; 2]), expected);
    }

    #[test]
    fn equal_keys_give_equal_streams_and_others_differ() {
        let streams = Streams::new(7, 3);
        let draw = |mut stream: Stream| (0..4).map(|_| stream.word()).collect::<Vec<_>>();
        let one = draw(streams.stream(Purpose::Demand, 2));
        assert_eq!(one, draw(streams.keyed(Purpose::Demand, 2, 0)));
        assert_ne!(one, draw(streams.stream(Purpose::Demand, 3)));
        assert_ne!(one, draw(streams.stream(Purpose::Fate, 2)));
        assert_ne!(one, draw(Streams::new(7, 4).stream(Purpose::Demand, 2)));
    }

    #[test]
    fn choices_are_even() {
        let mut stream = Streams::new(1, 0).stream(Purpose::Search, 0);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        // Chi-square with 6 degrees of freedom stays below 22.5 in 99.9 % of cases.
        let chi: f64 = counts.iter().map(|&n| (f64::from(n) - 1e4).powi(2) / 1e4).sum();
        assert!(chi < 22.5, "chi-square {chi}");
    }
}
