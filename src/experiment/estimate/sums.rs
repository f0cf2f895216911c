//! Tallies added up: what one group of segments counted, by phase, class, pool and host.
//!
//! Everything is added in integers or in index order. Histograms are read once into [`Ranks`]; sums over classes
//! and phases merge those.

use super::focus::{Focus, Needs};
use crate::stats::{ClassTally, Histogram, HostTally, PoolTally, Ranks, Sample, Segment};
use crate::time::NANOS;

/// What a set of requests did: counts, and each of the five distributions as ranks.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    /// Counts and sums; its histograms stay empty.
    pub(super) tally: ClassTally,
    pub(super) latency_ok: Ranks,
    pub(super) latency_failed: Ranks,
    pub(super) wait_served: Ranks,
    pub(super) wait_left: Ranks,
    pub(super) sojourn_served: Ranks,
}

/// Everything that one group counted in one phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Stretch {
    /// Time covered, nanoseconds.
    pub(super) nanos: u128,
    /// By class.
    pub(super) requests: Vec<Requests>,
    /// By pool.
    pub(super) pools: Vec<PoolTally>,
    /// By host.
    pub(super) hosts: Vec<HostTally>,
    /// Integral of requests in flight.
    pub(super) in_flight: u128,
    /// Integral of requests in back-off.
    pub(super) in_backoff: u128,
}

impl Requests {
    /// One class in several segments.
    fn of(tallies: &[&ClassTally], needs: Needs) -> Requests {
        let ranks = |needed: bool, of: fn(&ClassTally) -> &Sample| {
            if !needed {
                return Ranks::default();
            }
            let filled = tallies.iter().map(|tally| &of(tally).histogram).filter(|h| !h.is_empty());
            let filled: Vec<&Histogram> = filled.collect();
            match &filled[..] {
                [only] => Ranks::of(only),
                // Histograms merge faster than each of them is read.
                several => {
                    let mut sum = Histogram::new();
                    several.iter().for_each(|histogram| sum.merge(histogram));
                    Ranks::of(&sum)
                }
            }
        };
        let mut requests = Requests {
            tally: ClassTally::default(),
            latency_ok: ranks(needs.latency, |tally| &tally.latency_ok),
            latency_failed: ranks(needs.latency, |tally| &tally.latency_failed),
            wait_served: ranks(needs.wait, |tally| &tally.wait_served),
            wait_left: ranks(needs.wait, |tally| &tally.wait_left),
            sojourn_served: ranks(needs.sojourn, |tally| &tally.sojourn_served),
        };
        tallies.iter().for_each(|tally| add_counts(&mut requests.tally, tally));
        requests
    }

    /// Two sets of requests as one.
    pub(super) fn joined(&self, other: &Requests) -> Requests {
        let mut tally = ClassTally::default();
        add_counts(&mut tally, &self.tally);
        add_counts(&mut tally, &other.tally);
        Requests {
            tally,
            latency_ok: self.latency_ok.merged(&other.latency_ok),
            latency_failed: self.latency_failed.merged(&other.latency_failed),
            wait_served: self.wait_served.merged(&other.wait_served),
            wait_left: self.wait_left.merged(&other.wait_left),
            sojourn_served: self.sojourn_served.merged(&other.sojourn_served),
        }
    }

    /// The sum of many groups: by way of histograms, which take many short lists faster than merging does.
    fn pooled<'a>(groups: impl Iterator<Item = &'a Requests> + Clone) -> Requests {
        let pool = |of: fn(&Requests) -> &Ranks| {
            let mut histogram = Histogram::new();
            groups.clone().for_each(|group| of(group).add_to(&mut histogram));
            Ranks::of(&histogram)
        };
        let mut pooled = Requests {
            tally: ClassTally::default(),
            latency_ok: pool(|group| &group.latency_ok),
            latency_failed: pool(|group| &group.latency_failed),
            wait_served: pool(|group| &group.wait_served),
            wait_left: pool(|group| &group.wait_left),
            sojourn_served: pool(|group| &group.sojourn_served),
        };
        groups.for_each(|group| add_counts(&mut pooled.tally, &group.tally));
        pooled
    }
}

impl Stretch {
    /// Segments of one phase, for so many classes, pools and hosts.
    fn of(segments: &[&Segment], phase: usize, shape: Shape, focus: &Focus<'_>) -> Stretch {
        let class = |class: usize| {
            let tallies: Vec<_> = segments.iter().filter_map(|segment| segment.classes.get(class)).collect();
            Requests::of(&tallies, focus.needs(class, phase))
        };
        let mut stretch = Stretch {
            requests: (0..shape.classes).map(class).collect(),
            pools: vec![PoolTally::default(); shape.pools],
            hosts: vec![HostTally::default(); shape.hosts],
            ..Stretch::default()
        };
        for segment in segments {
            stretch.nanos += u128::from(segment.end.since(segment.start).nanos());
            stretch.in_flight += segment.in_flight;
            stretch.in_backoff += segment.in_backoff;
            stretch.pools.iter_mut().zip(&segment.pools).for_each(|(sum, tally)| add_pool(sum, tally));
            stretch.hosts.iter_mut().zip(&segment.hosts).for_each(|(sum, tally)| add_host(sum, tally));
        }
        stretch
    }

    /// Time covered, seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.nanos as f64 / NANOS
    }

    /// Adds another stretch but for its requests, which are summed by scope.
    pub(super) fn add_resources(&mut self, other: &Stretch) {
        self.nanos += other.nanos;
        self.in_flight += other.in_flight;
        self.in_backoff += other.in_backoff;
        self.pools.resize(other.pools.len(), PoolTally::default());
        self.hosts.resize(other.hosts.len(), HostTally::default());
        self.pools.iter_mut().zip(&other.pools).for_each(|(sum, tally)| add_pool(sum, tally));
        self.hosts.iter_mut().zip(&other.hosts).for_each(|(sum, tally)| add_host(sum, tally));
    }
}

/// How many phases, classes, pools and hosts there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// With the time that belongs to none, if there is some.
    pub(super) phases: usize,
    pub(super) classes: usize,
    pub(super) pools: usize,
    pub(super) hosts: usize,
}

/// Adds a group's segments up, by phase.
pub(super) fn by_phase(segments: &[&Segment], shape: Shape, focus: &Focus<'_>) -> Vec<Stretch> {
    let phase = |phase: usize| {
        let last = shape.phases - 1;
        let within: Vec<_> = segments.iter().copied().filter(|s| s.phase.min(last) == phase).collect();
        Stretch::of(&within, phase, shape, focus)
    };
    (0..shape.phases).map(phase).collect()
}

/// The requests of all groups together, by phase and class.
pub(super) fn pooled(groups: &[Vec<Stretch>], shape: Shape) -> Vec<Stretch> {
    (0..shape.phases)
        .map(|phase| Stretch {
            requests: (0..shape.classes)
                .map(|class| Requests::pooled(groups.iter().map(move |group| &group[phase].requests[class])))
                .collect(),
            ..Stretch::default()
        })
        .collect()
}

fn add_sample(into: &mut Sample, from: &Sample) {
    into.sum += from.sum;
    into.squares += from.squares;
    into.count += from.count;
}

/// Adds all of a tally but its histograms.
fn add_counts(into: &mut ClassTally, from: &ClassTally) {
    into.sent += from.sent;
    into.outcomes.iter_mut().zip(&from.outcomes).for_each(|(sum, n)| *sum += n);
    into.attempts += from.attempts;
    into.hedges += from.hedges;
    into.client_retries += from.client_retries;
    into.pool_retries += from.pool_retries;
    into.attempts_rejected += from.attempts_rejected;
    into.first_rejected += from.first_rejected;
    into.attempts_timed_out += from.attempts_timed_out;
    into.innocent_failures += from.innocent_failures;
    into.accepted += from.accepted;
    into.delayed += from.delayed;
    add_sample(&mut into.latency_ok, &from.latency_ok);
    add_sample(&mut into.latency_failed, &from.latency_failed);
    add_sample(&mut into.wait_served, &from.wait_served);
    add_sample(&mut into.wait_left, &from.wait_left);
    add_sample(&mut into.sojourn_served, &from.sojourn_served);
    into.service += from.service;
    into.spent_waiting += from.spent_waiting;
    into.spent_failed += from.spent_failed;
    into.spent_final += from.spent_final;
    into.spent_backoff += from.spent_backoff;
    into.delay += from.delay;
    into.delay_count += from.delay_count;
    into.slowdown += from.slowdown;
    into.slowdown_count += from.slowdown_count;
}

/// Adds a pool's tally; the longest queue is the longer one.
pub(super) fn add_pool(into: &mut PoolTally, from: &PoolTally) {
    into.arrivals += from.arrivals;
    into.starts += from.starts;
    into.outcomes.iter_mut().zip(&from.outcomes).for_each(|(sum, n)| *sum += n);
    into.kills += from.kills;
    into.exits += from.exits;
    into.spawns += from.spawns;
    into.starts_on_dying += from.starts_on_dying;
    into.cold_starts += from.cold_starts;
    into.queue += from.queue;
    into.busy += from.busy;
    into.queue_max = into.queue_max.max(from.queue_max);
    let (sum, more) = (&mut into.slots, &from.slots);
    sum.useful += more.useful;
    sum.wasted.iter_mut().zip(more.wasted).for_each(|(sum, more)| *sum += more);
    sum.zombie += more.zombie;
    sum.starting += more.starting;
    sum.restarting += more.restarting;
    sum.lost += more.lost;
    sum.idle += more.idle;
    sum.capacity += more.capacity;
}

fn add_host(into: &mut HostTally, from: &HostTally) {
    into.used += from.used;
    into.capacity += from.capacity;
}
