//! What a run reports, simulated or real: one document of counts that statistics are made from.
//!
//! A replication is cut into segments in time order: the phases of a terminating run, or equal parts of a steady
//! one, so that a warm-up can be cut off afterwards. A request is counted in the segment in which it was first
//! sent; averages over time are cut at the segments' borders. Within a segment everything is by class or pool.

use super::histogram::Sample;
use crate::outcome::Outcome;
use crate::time::{Span, Time};

/// Counts of one class in one segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassTally {
    /// Requests sent.
    pub sent: u64,
    /// Requests by outcome, indexed by `Outcome as usize`.
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Attempts sent by clients: first ones, retries and hedges.
    pub attempts: u64,
    /// Hedges among them.
    pub hedges: u64,
    /// Retries by clients among them.
    pub client_retries: u64,
    /// Retries made by pools.
    pub pool_retries: u64,
    /// Attempts refused on arrival.
    pub attempts_rejected: u64,
    /// First attempts refused on arrival.
    pub first_rejected: u64,
    /// Attempts (client attempts and pool retries) that ran into the service time-out.
    pub attempts_timed_out: u64,
    /// Jobs that crashed or met a write error although nothing was wrong with them.
    pub innocent_failures: u64,
    /// Jobs accepted by a pool.
    pub accepted: u64,
    /// Accepted jobs that could not start at once.
    pub delayed: u64,
    /// First send to end of requests that ended ok.
    pub latency_ok: Sample,
    /// First send to end of requests that ended otherwise (rejected ones too).
    pub latency_failed: Sample,
    /// Arrival at the pool to the first hand-over, of jobs that were handed over.
    pub wait_served: Sample,
    /// Arrival at the pool to leaving, of accepted jobs that left without service.
    pub wait_left: Sample,
    /// Arrival at the pool to leaving it, of jobs that were handed over.
    pub sojourn_served: Sample,
    /// First hand-over to leaving, of jobs that were handed over: sum in nanoseconds.
    pub service: u128,
    /// Of each finished request's latency, nanoseconds: in a queue, or in a pool's delay before it tries again.
    pub spent_waiting: u128,
    /// In the service of attempts that failed or decided nothing: before a hedge that wins, what its forerunner had.
    pub spent_failed: u128,
    /// In the service of the attempt that decided, with what a breakdown interrupted and left done.
    pub spent_final: u128,
    /// In back-off.
    pub spent_backoff: u128,
    /// From the first send to the hand-over of the deciding attempt, over requests that were served (seconds,
    /// for `mean_delay`).
    pub delay: u128,
    /// Requests that `delay` counts.
    pub delay_count: u64,
    /// Sum over jobs that ended ok of sojourn / demand, and their number: for `mean_slowdown`.
    pub slowdown: f64,
    /// Jobs that `slowdown` counts.
    pub slowdown_count: u64,
}

/// Why service came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Waste {
    /// Attempts that timed out, at their pool or at their client; and what hangs when the run ends.
    Timeout,
    /// Attempts whose worker crashed, was killed or went silent, or whose slot broke down.
    Crash,
    /// Attempts that were answered with an error.
    Error,
    /// Attempts that were withdrawn as their request was over without them: losers of a hedge, and what a user who
    /// leaves drops.
    Withdrawn,
    /// Workers that were asked to stop, in their grace.
    Grace,
}

impl Waste {
    /// Every cause, in the order of reports.
    pub const ALL: [Waste; 5] = [Waste::Timeout, Waste::Crash, Waste::Error, Waste::Withdrawn, Waste::Grace];

    /// Why the service of an attempt came to nothing that ended with an outcome. One that its client cancelled for
    /// lack of patience has timed out.
    pub const fn of(outcome: Outcome) -> Waste {
        match outcome {
            Outcome::Crash | Outcome::WriteError => Waste::Crash,
            Outcome::Error => Waste::Error,
            Outcome::Cancelled | Outcome::Abandoned => Waste::Withdrawn,
            _ => Waste::Timeout,
        }
    }
}

/// How the slots of a pool spent a segment: integrals over time, in slot-nanoseconds. They add up to `capacity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotUse {
    /// Service of attempts that ended well while their client waited, with what a breakdown interrupted and left
    /// done. Service that the end of the run cuts off counts by what it leads to: useful if its worker is on its way
    /// to a good answer that comes before the slot's time-out, else wasted.
    pub useful: u128,
    /// Service of attempts that did not, and the grace of workers that are asked to stop; by [`Waste`].
    pub wasted: [u128; Waste::ALL.len()],
    /// Service after the client had left, however it ended, and what a worker does after its pool has given the job up.
    /// What was done before counts as wasted.
    pub zombie: u128,
    /// Workers starting.
    pub starting: u128,
    /// Workers dying or waiting for their restart, and slots that are down.
    pub restarting: u128,
    /// Slots lost for good.
    pub lost: u128,
    /// Free: without a job and neither starting nor down. Slots of a paused pool are idle, and those of a pool that
    /// starts its workers on demand while they have none.
    pub idle: u128,
    /// Slots times time.
    pub capacity: u128,
}

impl SlotUse {
    /// Service that came to nothing, whatever the cause.
    pub fn in_vain(&self) -> u128 {
        self.wasted.iter().sum()
    }

    /// Service, whatever it was good for.
    pub fn served(&self) -> u128 {
        self.useful + self.in_vain() + self.zombie
    }
}

/// Counts of one pool (all its instances) in one segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolTally {
    /// Jobs that arrived, retries by the pool not counted.
    pub arrivals: u64,
    /// Hand-overs to workers.
    pub starts: u64,
    /// Jobs by the outcome that the pool reported.
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Workers killed, by their pool or by a fault that kills workers; each once.
    pub kills: u64,
    /// Worker exits noticed.
    pub exits: u64,
    /// Workers spawned.
    pub spawns: u64,
    /// Hand-overs to a dying worker.
    pub starts_on_dying: u64,
    /// Workers of a cold pool started because a job found none.
    pub cold_starts: u64,
    /// Integral of the queue length, job-nanoseconds.
    pub queue: u128,
    /// Integral of jobs in service, job-nanoseconds.
    pub busy: u128,
    /// Longest queue.
    pub queue_max: u32,
    /// Slot time by use.
    pub slots: SlotUse,
}

/// One host in one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostTally {
    /// Core-seconds of work done.
    pub used: f64,
    /// Core-seconds there were.
    pub capacity: f64,
}

/// One stretch of a replication.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// Index of its phase in the model, or 0.
    pub phase: usize,
    /// Its beginning.
    pub start: Time,
    /// Its end.
    pub end: Time,
    /// By class.
    pub classes: Vec<ClassTally>,
    /// By pool.
    pub pools: Vec<PoolTally>,
    /// By host.
    pub hosts: Vec<HostTally>,
    /// Integral of requests in flight (sent and not ended), request-nanoseconds.
    pub in_flight: u128,
    /// Integral of requests in back-off.
    pub in_backoff: u128,
}

impl TimelineBin {
    /// Takes in the latencies of the bin after this one.
    pub fn join_latency(&mut self, other: &TimelineBin) {
        self.latency.extend_from_slice(&other.latency);
        self.latency.sort_unstable();
        self.latency.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 += later.1;
            }
            same
        });
    }
}

/// One bin of a timeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimelineBin {
    /// Requests sent.
    pub sent: u32,
    /// Requests ended, by outcome.
    pub outcomes: [u32; Outcome::ALL.len()],
    /// Integral of the queue lengths of all pools, job-nanoseconds.
    pub queue: u128,
    /// Integral of jobs in service in all pools with slots.
    pub busy: u128,
    /// Integral of requests in flight.
    pub in_flight: u128,
    /// Jobs waiting as the bin ends.
    pub queue_at_end: u32,
    /// Jobs in service as the bin ends.
    pub busy_at_end: u32,
    /// Latencies of the requests that ended, in buckets of 1/16 octave (see [`Timeline::LATENCY_BUCKETS`]): the
    /// filled ones in ascending order, each with its count.
    pub latency: Vec<(u16, u32)>,
}

/// The course of a run in bins of equal width.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Width of a bin.
    pub width: Span,
    /// The bins, from the start.
    pub bins: Vec<TimelineBin>,
}

impl Timeline {
    /// Buckets of a bin's latency counts: 32 of a histogram's go into one, which leaves 16 per octave.
    pub const LATENCY_BUCKETS: usize = 1024;

    /// The bucket of a latency: within 3.2 % of its value.
    #[inline(always)]
    pub const fn latency_bucket(value: Span) -> usize {
        // The mask changes nothing (there are 896); it shows that the index is in range.
        super::histogram::bucket(value.nanos()) >> 5 & (Self::LATENCY_BUCKETS - 1)
    }

    /// The middle of a bucket of [`Timeline::latency_bucket`]; of the first, which holds what took no time, zero.
    pub fn latency_value(bucket: usize) -> Span {
        if bucket == 0 {
            return Span::ZERO;
        }
        let (low, _) = super::histogram::bounds(bucket << 5);
        let (high, _) = super::histogram::bounds((bucket + 1) << 5);
        Span::from_nanos(low + (high - low) / 2)
    }

    /// A latency quantile over one bin; `None` where nothing ended.
    pub fn latency_quantile(&self, bin: usize, p: f64) -> Option<Span> {
        let counts = &self.bins.get(bin)?.latency;
        let n: u64 = counts.iter().map(|&(_, count)| u64::from(count)).sum();
        let rank = ((p * n as f64).ceil() as u64).clamp(1, n.max(1));
        let mut seen = 0;
        let holds_rank = |&&(_, count): &&(u16, u32)| {
            seen += u64::from(count);
            seen >= rank
        };
        counts.iter().find(holds_rank).map(|&(bucket, _)| Self::latency_value(usize::from(bucket)))
    }
}

/// Means of consecutive observations, in batches that double in size when there are too many of them, so that
/// memory does not grow with the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Batches {
    /// Observations per batch.
    pub size: u64,
    /// Mean of each batch, seconds.
    pub means: Vec<f64>,
    /// When the last observation of each batch was made.
    pub ends: Vec<Time>,
    open_sum: u64,
    open_count: u64,
}

impl Default for Batches {
    fn default() -> Self {
        Batches { size: 5, means: Vec::new(), ends: Vec::new(), open_sum: 0, open_count: 0 }
    }
}

impl Batches {
    /// Most batches that are kept.
    pub const MOST: usize = 4096;

    /// Adds one observation, made at `now`.
    #[inline(always)]
    pub fn push(&mut self, value: Span, now: Time) {
        self.open_sum = self.open_sum.saturating_add(value.nanos());
        self.open_count += 1;
        if self.open_count == self.size {
            self.close(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn close(&mut self, now: Time) {
        self.means.push(self.open_sum as f64 / crate::time::NANOS / self.size as f64);
        self.ends.push(now);
        (self.open_sum, self.open_count) = (0, 0);
        if self.means.len() == Self::MOST {
            self.means = self.means.chunks_exact(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
            self.ends = self.ends.chunks_exact(2).map(|pair| pair[1]).collect();
            self.size *= 2;
        }
    }
}

/// Everything that one replication reports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replication {
    /// Which replication.
    pub index: u64,
    /// Hash over every event.
    pub fingerprint: u64,
    /// Events handled.
    pub events: u64,
    /// When it ended.
    pub end: Time,
    /// Segments in time order.
    pub segments: Vec<Segment>,
    /// The course over time.
    pub timeline: Timeline,
    /// Latencies in order of completion, for warm-up detection.
    pub batches: Batches,
    /// By pool: the longest time that counted towards a service time-out, the whole time-out where one passed. Under
    /// any time-out that is longer than this the replication would be the same.
    pub longest_timed: Vec<Span>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_buckets_hold_their_values() {
        assert_eq!(Timeline::latency_value(Timeline::latency_bucket(Span::ZERO)), Span::ZERO);
        for nanos in [20_000u64, 1_000_000, 123_456_789, 9_876_543_210, 1 << 50] {
            let middle = Timeline::latency_value(Timeline::latency_bucket(Span::from_nanos(nanos)));
            assert!((middle.secs() / (nanos as f64 / 1e9) - 1.0).abs() < 0.04, "{nanos}: {middle:?}");
        }
    }

    #[test]
    fn batches_keep_the_mean_while_they_double() {
        let mut batches = Batches::default();
        for n in 0..100_000u64 {
            batches.push(Span::from_nanos(n), Time::from_nanos(n));
        }
        assert!(batches.means.len() < Batches::MOST);
        let covered = batches.means.len() as u64 * batches.size;
        let mean = batches.means.iter().sum::<f64>() / batches.means.len() as f64;
        assert!((mean - (covered - 1) as f64 / 2e9).abs() < 1e-12);
    }
}
