//! From decisions to counts: segments, timeline, levels. Watches the world; never steers it.

mod levels;

use super::calendar::SlotCalendar;
use super::first::First;
use super::job::Job;
use crate::model::stretches::Cuts;
use crate::model::{Model, Regime};
use crate::outcome::Outcome;
use crate::policy::WorkerState;
use crate::stats::level::Running;
use crate::stats::sum::add;
use crate::stats::{
    Batches, ClassTally, HostTally, PoolTally, Replication, Sample, Segment, Timeline, TimelineBin,
};
use crate::time::{Span, Time};
pub(super) use levels::{PoolLevels, Use};
use levels::{absorb_counts, add_use};

/// Bins of a timeline whose width is not given.
const BINS: u64 = 200;
/// A timeline of unknown length has at most so many bins; then pairs are joined.
const BINS_MOST: usize = 512;

/// Collects what a replication reports.
pub(super) struct Monitor<C> {
    classes: usize,
    /// Class tallies, segment by segment.
    pub(super) cells: Vec<ClassTally>,
    /// The first of the present segment.
    first_cell: u32,
    /// By cell.
    once: Vec<Once>,
    pub(super) pools: First<PoolLevels, C>,
    /// Whether a pool is one that the model writes: only those have slots and a queue to show.
    written: Vec<bool>,
    pub(super) in_flight: Running,
    pub(super) in_backoff: Running,
    closed: Vec<Segment>,
    cuts: Cuts,
    segment: usize,
    segment_start: Time,
    segment_phase: usize,
    segment_end: Time,
    hosts_cut: Vec<HostTally>,
    timeline: Timeline,
    /// The bin under way, and its latencies.
    bin: TimelineBin,
    bin_latency: Box<[u32; Timeline::LATENCY_BUCKETS]>,
    bin_end: Time,
    bin_base: (u128, u128, u128),
    /// Requests sent before the bin.
    sent_before: u64,
    /// The next instant at which a bin or a segment ends, or the first after the horizon.
    pub(super) border: Time,
    stop: Time,
    batches: Batches,
    steady: bool,
    pub(super) sent: u64,
    /// The number of requests sent at which a segment ends.
    pub(super) next_cut: u64,
    /// No more requests will be sent: time averages end here.
    sending_ended: Option<Time>,
}

/// Requests whose only attempt ended well.
#[derive(Clone, Debug, Default)]
struct Once {
    latency: Sample,
    /// Of that, in nanoseconds: waiting, and the service of the execution that decided.
    waiting: u128,
    last: u128,
}

impl<C: SlotCalendar> Monitor<C> {
    pub(super) fn new(model: &Model, expected: Span, horizon: Time, requests: u64) -> Monitor<C> {
        let classes = model.classes.len();
        let cuts = Cuts::of(model);
        let width = match model.run.bin {
            Some(bin) => bin,
            None => Span::from_nanos((expected.nanos() / BINS).max(1)),
        };
        let (phase, next_cut) = match &cuts {
            Cuts::Times(times) => (times[0].1, u64::MAX),
            Cuts::Requests { every } => (0, *every),
        };
        let mut monitor = Monitor {
            classes,
            cells: vec![ClassTally::default(); classes],
            first_cell: 0,
            once: vec![Once::default(); classes],
            pools: model.pools.iter().map(|_| PoolLevels::default()).collect(),
            written: model.pools.iter().map(|pool| !pool.implicit).collect(),
            in_flight: Running::default(),
            in_backoff: Running::default(),
            closed: Vec::new(),
            cuts,
            segment: 0,
            segment_start: Time::ZERO,
            segment_phase: phase,
            segment_end: Time::NEVER,
            hosts_cut: vec![HostTally::default(); model.hosts.len()],
            timeline: Timeline { width, bins: Vec::new() },
            bin: TimelineBin::default(),
            bin_latency: Box::new([0; Timeline::LATENCY_BUCKETS]),
            bin_end: Time::ZERO + width,
            bin_base: (0, 0, 0),
            sent_before: 0,
            border: Time::ZERO,
            stop: horizon + Span::from_nanos(1),
            batches: Batches::default(),
            steady: model.run.regime == Regime::Steady,
            sent: 0,
            next_cut: next_cut.min(requests),
            sending_ended: None,
        };
        monitor.find_border();
        monitor
    }

    /// The tally of a request's class in its segment.
    #[inline(always)]
    pub(super) fn cell(&mut self, cell: u32) -> &mut ClassTally {
        &mut self.cells[cell as usize]
    }

    /// Counts a new request; returns its cell. After `next_cut` requests, [`Monitor::cut_by_count`] follows.
    #[inline(always)]
    pub(super) fn request(&mut self, now: Time, class: u16) -> u32 {
        self.sent += 1;
        self.in_flight.up(now);
        let cell = self.first_cell + u32::from(class);
        self.cell(cell).sent += 1;
        cell
    }

    /// Ends a segment because enough requests have been sent. `hosts`: the use of hosts so far.
    pub(super) fn cut_by_count(&mut self, now: Time, requests: u64, hosts: &[HostTally]) {
        if let Cuts::Requests { every } = self.cuts {
            self.next_cut = self.next_cut.saturating_add(every).min(requests);
            self.close_segment(now, 0, hosts.to_vec());
        }
    }

    /// Counts the end of a request.
    #[inline(always)]
    pub(super) fn ended(&mut self, now: Time, cell: u32, latency: Span, outcome: Outcome) {
        self.in_flight.down(now);
        self.bin.outcomes[outcome as usize] += 1;
        self.bin_latency[Timeline::latency_bucket(latency)] += 1;
        let tally = self.cell(cell);
        tally.outcomes[outcome as usize] += 1;
        if outcome == Outcome::Ok {
            tally.latency_ok.record(latency)
        } else {
            tally.latency_failed.record(latency)
        }
        if self.steady {
            self.batches.push(latency, now);
        }
    }

    /// Counts the good end of a request that had one attempt: its sojourn is its latency, recorded once.
    #[inline(always)]
    pub(super) fn ended_at_once(&mut self, now: Time, cell: u32, latency: Span, waiting: Span, last: Span) {
        self.in_flight.down(now);
        self.bin.outcomes[Outcome::Ok as usize] += 1;
        self.bin_latency[Timeline::latency_bucket(latency)] += 1;
        let once = &mut self.once[cell as usize];
        once.latency.record(latency);
        add(&mut once.waiting, waiting.nanos());
        add(&mut once.last, last.nanos());
        if self.steady {
            self.batches.push(latency, now);
        }
    }

    /// Counts the good end of a request that had more than one attempt, the last of which took `last` at work.
    #[inline(never)]
    pub(super) fn ended_at_last(&mut self, now: Time, entry: &Job, latency: Span, last: Span) {
        let tally = self.cell(entry.cell);
        tally.spent_waiting += u128::from(entry.waiting.nanos());
        tally.spent_final += u128::from(last.nanos());
        tally.sojourn_served.record(now.since(entry.ticket.arrived));
        self.ended(now, entry.cell, latency, Outcome::Ok);
    }

    /// Adds what was recorded once to all that it stands for.
    fn spread_once(&mut self) {
        for (tally, mut once) in self.cells.iter_mut().zip(std::mem::take(&mut self.once)) {
            once.latency.histogram.share();
            tally.outcomes[Outcome::Ok as usize] += once.latency.count;
            tally.latency_ok.merge(&once.latency);
            tally.sojourn_served.merge(&once.latency);
            tally.spent_waiting += once.waiting;
            tally.spent_final += once.last;
        }
    }

    /// Derives what need not be added up job by job. `still_there`: by cell, the waits of jobs that were handed
    /// over and have not left.
    pub(super) fn book_service(&mut self, still_there: &[u128]) {
        self.spread_once();
        for (tally, still_there) in self.cells.iter_mut().zip(still_there) {
            tally.service = (tally.sojourn_served.sum + still_there).saturating_sub(tally.wait_served.sum);
            tally.attempts = tally.sent + tally.client_retries + tally.hedges;
            tally.accepted = tally.wait_served.count + tally.wait_left.count;
            let before_last = tally.spent_waiting + tally.spent_failed + tally.spent_backoff;
            tally.delay = before_last - tally.delay;
            tally.delay_count = tally.outcomes[Outcome::Ok as usize];
        }
    }

    /// A worker changes its state.
    #[inline(always)]
    pub(super) fn moved(&mut self, now: Time, pool: usize, from: WorkerState, to: WorkerState) {
        let levels = &mut self.pools[pool];
        if from == WorkerState::Idle && to == WorkerState::Busy {
            levels.busy.up(now);
        } else if from == WorkerState::Busy && to == WorkerState::Idle {
            levels.busy.down(now);
        } else {
            levels.moved_rarely(now, from, to);
        }
    }

    /// So many slots join (or leave) a pool's capacity.
    pub(super) fn resize(&mut self, now: Time, pool: usize, slots: u32, more: bool) {
        let level = &mut self.pools[pool].slots;
        (0..slots).for_each(|_| if more { level.up(now) } else { level.down(now) });
    }

    /// Service that ended in the present segment.
    #[inline(always)]
    pub(super) fn served(&mut self, pool: usize, nanos: u64, how: Use) {
        let slots = &mut self.pools[pool].tally.slots;
        add_use(slots, nanos, how);
    }

    /// Service that fell into an earlier segment.
    pub(super) fn served_in(&mut self, segment: usize, pool: usize, nanos: u64, how: Use) {
        match self.closed.get_mut(segment) {
            Some(closed) => add_use(&mut closed.pools[pool].slots, nanos, how),
            None => self.served(pool, nanos, how),
        }
    }

    /// The number of the present segment.
    pub(super) fn segment(&self) -> usize {
        self.segment
    }

    /// Whether the next border ends a segment.
    pub(super) fn segment_ends(&self) -> bool {
        self.border == self.segment_end
    }

    /// Crosses the border at `self.border`. `hosts`: the use of hosts so far.
    pub(super) fn cross(&mut self, hosts: &[HostTally]) {
        let now = self.border;
        if now == self.bin_end {
            self.close_bin(now);
        }
        if now == self.segment_end {
            let next = match &self.cuts {
                Cuts::Times(times) => times[self.segment + 1].1,
                Cuts::Requests { .. } => 0,
            };
            self.close_segment(now, next, hosts.to_vec());
        }
        self.find_border();
    }

    /// All requests have been sent: what follows is the tail, which counts in no time average.
    pub(super) fn sending_ended(&mut self, now: Time, hosts: &[HostTally]) {
        if self.sending_ended.is_none() && matches!(self.cuts, Cuts::Requests { .. }) {
            self.sending_ended = Some(now);
            self.close_segment(now, usize::MAX, hosts.to_vec());
        }
    }

    fn close_bin(&mut self, now: Time) {
        let written =
            || self.pools.iter().zip(&self.written).filter(|(_, written)| **written).map(|(pool, _)| pool);
        let queue = written().map(|pool| pool.queue.integral(now)).sum::<u128>();
        let busy = written().map(|pool| pool.busy.integral(now)).sum::<u128>();
        let at_end =
            (written().map(|pool| pool.queue.level()).sum(), written().map(|pool| pool.busy.level()).sum());
        let in_flight = self.in_flight.integral(now);
        let base = std::mem::replace(&mut self.bin_base, (queue, busy, in_flight));
        let mut bin = std::mem::take(&mut self.bin);
        bin.sent = (self.sent - std::mem::replace(&mut self.sent_before, self.sent)) as u32;
        (bin.queue, bin.busy, bin.in_flight) = (queue - base.0, busy - base.1, in_flight - base.2);
        (bin.queue_at_end, bin.busy_at_end) = at_end;
        if bin.outcomes != [0; Outcome::ALL.len()] {
            bin.latency = take_filled(&mut self.bin_latency);
        }
        self.timeline.bins.push(bin);
        if self.timeline.bins.len() >= BINS_MOST {
            self.join_bins();
        }
        self.bin_end = now + self.timeline.width;
    }

    fn join_bins(&mut self) {
        let bins = std::mem::take(&mut self.timeline.bins);
        self.timeline.width = self.timeline.width + self.timeline.width;
        self.timeline.bins = bins
            .chunks(2)
            .map(|pair| {
                let mut joined = pair[0].clone();
                if let Some(other) = pair.get(1) {
                    (joined.queue_at_end, joined.busy_at_end) = (other.queue_at_end, other.busy_at_end);
                    joined.sent += other.sent;
                    joined.queue += other.queue;
                    joined.busy += other.busy;
                    joined.in_flight += other.in_flight;
                    joined.outcomes.iter_mut().zip(other.outcomes).for_each(|(a, b)| *a += b);
                    joined.join_latency(other);
                }
                joined
            })
            .collect();
    }

    fn close_segment(&mut self, now: Time, next_phase: usize, hosts: Vec<HostTally>) {
        let width = self.timeline.width;
        debug_assert!(width > Span::ZERO);
        let pools = self.pools.iter_mut().map(|pool| pool.cut(now)).collect();
        let used = hosts.iter().zip(&self.hosts_cut).map(|(now, before)| HostTally {
            used: now.used - before.used,
            capacity: now.capacity - before.capacity,
        });
        self.closed.push(Segment {
            phase: self.segment_phase,
            start: self.segment_start,
            end: now,
            classes: Vec::new(),
            pools,
            hosts: used.collect(),
            in_flight: self.in_flight.cut(now),
            in_backoff: self.in_backoff.cut(now),
        });
        self.hosts_cut = hosts;
        self.segment += 1;
        self.segment_start = now;
        self.segment_phase = next_phase;
        self.cells.resize_with((self.segment + 1) * self.classes, ClassTally::default);
        self.once.resize_with((self.segment + 1) * self.classes, Once::default);
        self.first_cell = (self.segment * self.classes) as u32;
    }

    fn find_border(&mut self) {
        self.segment_end = match &self.cuts {
            Cuts::Times(times) => times.get(self.segment + 1).map_or(Time::NEVER, |next| next.0),
            Cuts::Requests { .. } => Time::NEVER,
        };
        self.border = self.bin_end.min(self.segment_end).min(self.stop);
    }

    /// Ends the watch at `end` and gives the report.
    pub(super) fn finish(
        mut self,
        end: Time,
        index: u64,
        fingerprint: u64,
        events: u64,
        hosts: &[HostTally],
    ) -> Replication {
        if self.sending_ended.is_none() {
            self.close_segment(end, 0, hosts.to_vec());
        } else {
            self.absorb_tail(end);
        }
        self.close_last_bin(end);
        let mut cells = self.cells.into_iter();
        let mut segments = self.closed;
        for segment in &mut segments {
            segment.classes = cells.by_ref().take(self.classes).collect();
        }
        Replication {
            index,
            fingerprint,
            events,
            end,
            segments,
            timeline: self.timeline,
            batches: self.batches,
            longest_timed: Vec::new(),
        }
    }

    /// Counts of the tail after the last request was sent belong to the last segment; its time does not.
    fn absorb_tail(&mut self, end: Time) {
        let tails: Vec<PoolTally> = self.pools.iter_mut().map(|pool| pool.cut(end)).collect();
        if let Some(last) = self.closed.last_mut() {
            for (pool, tail) in last.pools.iter_mut().zip(tails) {
                absorb_counts(pool, &tail);
            }
        }
    }

    fn close_last_bin(&mut self, end: Time) {
        if end.nanos() > self.bin_end.nanos() - self.timeline.width.nanos() || self.timeline.bins.is_empty() {
            self.close_bin(end);
        }
    }

    /// The integrals over the whole run of waiting, service and requests in flight, for the balance check.
    pub(super) fn totals(&self, now: Time) -> (u128, u128) {
        let queue = self.pools.iter().map(|pool| pool.queue.integral(now)).sum();
        (queue, self.in_flight.integral(now))
    }
}

/// The filled buckets with their counts, which become zero. Empty stretches are skipped at a time, because a bin
/// fills few of them.
fn take_filled(counts: &mut [u32; Timeline::LATENCY_BUCKETS]) -> Vec<(u16, u32)> {
    const STRETCH: usize = 32;
    let mut filled = Vec::new();
    for (number, stretch) in counts.chunks_exact_mut(STRETCH).enumerate() {
        if stretch.iter().fold(0, |any, count| any | count) == 0 {
            continue;
        }
        for (index, count) in stretch.iter_mut().enumerate() {
            if *count > 0 {
                filled.push(((number * STRETCH + index) as u16, std::mem::take(count)));
            }
        }
    }
    filled
}
