//! Draws the instants of an open source, one after the other.
//!
//! Gaps under a profile are made in operational time (see `profile`): a Poisson process consumes exponential
//! areas, a deterministic one areas of exactly 1, a renewal process its own gaps divided by their mean. A
//! modulated process consumes exponential areas under the rate of its current state and carries the rest of an
//! area into the next state, which is exact (time change of a Cox process).

use super::profile::Cursor;
use super::{ArrivalProcess, BatchSize, Choice, Distribution, OpenArrivals, Sampler};
use crate::random::{Purpose, Stream, Streams};
use crate::time::{Span, Time};
use libm::log1p;

/// Draws successive arrivals of one open source: instants, never falling, each with a batch size.
///
/// The first arrival comes one full gap after the source's start (not an equilibrium gap: a warm-up removes the
/// difference). Arrivals at or after the stop, or after [`Time::HORIZON_MAX`], do not happen; a source whose rate
/// is zero from some instant on ends there.
#[derive(Clone, Debug)]
pub struct ArrivalSampler {
    gaps: Gaps,
    stop: Time,
    /// The last instant under a profile, which rounding must not undercut.
    last: Time,
    gap_stream: Stream,
    batch: Batch,
    batch_stream: Stream,
    /// How many arrive at the instant that was drawn last, and at every one where batches are fixed.
    size: u32,
}

#[derive(Clone, Debug)]
enum Gaps {
    /// Exponential gaps of this mean in seconds.
    Poisson { now: Time, mean: f64 },
    /// Equal gaps. Both in units of 2^-64 ns, so that the n-th arrival is n gaps after the start, to the nanosecond.
    Equal { now: u128, gap: u128 },
    /// Independent gaps, multiplied by a factor.
    Renewal { now: Time, sampler: Sampler, factor: f64 },
    /// Gaps in operational time.
    Profiled { cursor: Box<Cursor>, unit: UnitGap },
    /// A modulated Poisson process.
    Modulated(Box<Modulated>),
    /// No more arrivals.
    Ended,
}

/// Gaps of mean 1.
#[derive(Clone, Debug)]
enum UnitGap {
    Exponential,
    One,
    Sampled { sampler: Sampler, inverse_mean: f64 },
}

#[derive(Clone, Debug)]
struct Modulated {
    cursor: Cursor,
    /// Rate of each state relative to the mean rate.
    weights: Box<[f64]>,
    stays: Box<[f64]>,
    state: usize,
    /// When the current state ends, seconds.
    end: f64,
    stop: f64,
    stream: Stream,
}

#[derive(Clone, Debug)]
enum Batch {
    Fixed(u32),
    /// 1 + the whole part of an exponential number of this mean.
    Geometric(f64),
    Discrete {
        choice: Choice,
        sizes: Box<[u32]>,
    },
}

impl ArrivalSampler {
    /// A sampler for valid arrivals (see [`OpenArrivals::validate`]); equal sources differ by `source_index`.
    pub fn new(arrivals: &OpenArrivals, streams: &Streams, source_index: u64) -> ArrivalSampler {
        let stop = (Time::ZERO + Span::from_secs(arrivals.stop)).min(Time::HORIZON_MAX);
        let modulation = streams.stream(Purpose::Modulation, source_index);
        ArrivalSampler {
            gaps: Gaps::new(arrivals, stop, modulation),
            stop,
            last: Time::ZERO,
            gap_stream: streams.stream(Purpose::Arrival, source_index),
            size: match arrivals.batch {
                BatchSize::Fixed(size) => size,
                _ => 1,
            },
            batch: Batch::new(&arrivals.batch),
            batch_stream: streams.stream(Purpose::Batch, source_index),
        }
    }
}

impl Iterator for ArrivalSampler {
    type Item = (Time, u32);

    /// The next instant and the number of requests that arrive then.
    #[inline(always)]
    fn next(&mut self) -> Option<(Time, u32)> {
        // The commonest source stands before the table of all.
        if let (Gaps::Poisson { now, mean }, Batch::Fixed(_)) = (&mut self.gaps, &self.batch) {
            let at = *now + Span::from_secs(*mean * self.gap_stream.exp1());
            if at < self.stop {
                *now = at;
                return Some((at, self.size));
            }
            self.gaps = Gaps::Ended;
            return None;
        }
        self.next_otherwise().map(|at| (at, self.size))
    }
}

impl ArrivalSampler {
    #[inline(never)]
    fn next_otherwise(&mut self) -> Option<Time> {
        let stream = &mut self.gap_stream;
        let at = match &mut self.gaps {
            Gaps::Poisson { now, mean } => {
                *now = *now + Span::from_secs(*mean * stream.exp1());
                *now
            }
            Gaps::Equal { now, gap } => {
                *now = now.saturating_add(*gap);
                Time::from_nanos((now.saturating_add(1 << 63) >> 64) as u64)
            }
            Gaps::Renewal { now, sampler, factor } => {
                *now = *now + Span::from_secs(sampler.draw_secs(stream) * *factor);
                *now
            }
            Gaps::Profiled { cursor, unit } => {
                self.last = instant(cursor.advance(unit.draw(stream))).max(self.last);
                self.last
            }
            Gaps::Modulated(modulated) => {
                self.last = instant(modulated.next(stream)).max(self.last);
                self.last
            }
            Gaps::Ended => return None,
        };
        if at >= self.stop {
            self.gaps = Gaps::Ended;
            return None;
        }
        self.size = self.batch.draw(&mut self.batch_stream);
        Some(at)
    }
}

#[inline]
fn instant(secs: Option<f64>) -> Time {
    secs.map_or(Time::NEVER, |secs| Time::ZERO + Span::from_secs(secs))
}

impl Gaps {
    fn new(arrivals: &OpenArrivals, stop: Time, modulation: Stream) -> Gaps {
        let start = arrivals.start;
        let unit = match &arrivals.process {
            ArrivalProcess::MarkovModulated { rates, mean_stay } => {
                return Modulated::new(rates, mean_stay, arrivals, stop, modulation)
                    .map_or(Gaps::Ended, |modulated| Gaps::Modulated(Box::new(modulated)));
            }
            ArrivalProcess::Poisson => UnitGap::Exponential,
            ArrivalProcess::Deterministic => UnitGap::One,
            ArrivalProcess::Renewal(gap) => match UnitGap::new(gap) {
                Some(unit) => unit,
                None => return Gaps::Ended,
            },
        };
        match arrivals.rate.constant() {
            Some(rate) => Gaps::constant(unit, rate, start),
            None => {
                let mut cursor = Box::new(Cursor::new(&arrivals.rate));
                cursor.jump(start);
                Gaps::Profiled { cursor, unit }
            }
        }
    }

    fn constant(unit: UnitGap, rate: f64, start: f64) -> Gaps {
        if rate <= 0.0 {
            return Gaps::Ended;
        }
        let now = Time::ZERO + Span::from_secs(start);
        match unit {
            UnitGap::Exponential => Gaps::Poisson { now, mean: 1.0 / rate },
            UnitGap::One => {
                // 1e9 / rate is closer than 1e9 * (1 / rate); 2^64 is a power of two and loses nothing.
                let gap = (1e9 / rate * (u64::MAX as f64)) as u128;
                Gaps::Equal { now: u128::from(now.nanos()) << 64, gap }
            }
            UnitGap::Sampled { sampler, inverse_mean } => {
                let factor = inverse_mean / rate;
                // A model that gives the gaps states their rate as well: leave such gaps as they are.
                let factor = if (factor - 1.0).abs() < 1e-12 { 1.0 } else { factor };
                Gaps::Renewal { now, sampler, factor }
            }
        }
    }
}

impl UnitGap {
    /// `None` for gaps that cannot be scaled to a mean of 1.
    fn new(gap: &Distribution) -> Option<UnitGap> {
        let mean = gap.mean();
        if !(mean.is_finite() && mean > 0.0) {
            return None;
        }
        Some(match gap {
            Distribution::Deterministic { .. } => UnitGap::One,
            _ => UnitGap::Sampled { sampler: Sampler::new(gap), inverse_mean: 1.0 / mean },
        })
    }

    #[inline]
    fn draw(&self, stream: &mut Stream) -> f64 {
        match self {
            UnitGap::Exponential => stream.exp1(),
            UnitGap::One => 1.0,
            UnitGap::Sampled { sampler, inverse_mean } => sampler.draw_secs(stream) * inverse_mean,
        }
    }
}

impl Modulated {
    fn new(
        rates: &[f64],
        stays: &[f64],
        arrivals: &OpenArrivals,
        stop: Time,
        mut stream: Stream,
    ) -> Option<Modulated> {
        let mean = modulated_mean(rates, stays);
        if !(mean.is_finite() && mean > 0.0) {
            return None;
        }
        let whole: f64 = stays.iter().sum();
        let shares: Vec<f64> = stays.iter().map(|stay| stay / whole).collect();
        let state = Choice::new(&shares).draw(&mut stream);
        let mut cursor = Cursor::new(&arrivals.rate);
        cursor.jump(arrivals.start);
        // An exponential stay has no memory, so the rest of the first one is a whole one.
        let end = arrivals.start + stays[state] * stream.exp1();
        let weights = rates.iter().map(|rate| rate / mean).collect();
        Some(Modulated { cursor, weights, stays: stays.into(), state, end, stop: stop.secs(), stream })
    }

    fn next(&mut self, gaps: &mut Stream) -> Option<f64> {
        let mut need = gaps.exp1();
        loop {
            let weight = self.weights[self.state];
            let available = if weight > 0.0 { self.cursor.area_to(self.end) * weight } else { 0.0 };
            if need < available {
                return self.cursor.advance(need / weight).map(|at| at.min(self.end));
            }
            need -= available;
            if self.end >= self.stop || self.cursor.is_dry() {
                return None;
            }
            self.cursor.jump(self.end);
            self.state = if self.state + 1 == self.stays.len() { 0 } else { self.state + 1 };
            self.end += self.stays[self.state] * self.stream.exp1();
        }
    }
}

/// The long-run rate of a cyclic modulated process.
pub(super) fn modulated_mean(rates: &[f64], stays: &[f64]) -> f64 {
    let weighted: f64 = rates.iter().zip(stays).map(|(rate, stay)| rate * stay).sum();
    weighted / stays.iter().sum::<f64>()
}

impl Batch {
    fn new(size: &BatchSize) -> Batch {
        match size {
            BatchSize::Fixed(size) => Batch::Fixed(*size),
            BatchSize::Geometric { mean } if *mean <= 1.0 => Batch::Fixed(1),
            BatchSize::Geometric { mean } => Batch::Geometric(-1.0 / log1p(-1.0 / mean)),
            BatchSize::Discrete { sizes, probabilities } => {
                Batch::Discrete { choice: Choice::new(probabilities), sizes: sizes.as_slice().into() }
            }
        }
    }

    #[inline]
    fn draw(&self, stream: &mut Stream) -> u32 {
        match self {
            Batch::Fixed(size) => *size,
            Batch::Geometric(mean) => 1 + ((*mean * stream.exp1()) as u32).min(u32::MAX - 1),
            Batch::Discrete { choice, sizes } => sizes[choice.draw(stream)],
        }
    }
}
