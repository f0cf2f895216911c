//! From what was noticed to counts: the same tallies, segments and timeline as a simulation reports.
//!
//! Tallies of classes are kept as requests go; levels (queues, services, requests in flight) are noted as steps with
//! their instants and summed up at the end, in order of time, because reports of several threads overtake each other.

use super::attempt::{Attempt, Flight};
use crate::live::target::WorkerEvent;
use crate::model::stretches::Cuts;
use crate::model::{Model, Regime};
use crate::outcome::Outcome;
use crate::policy::Slots;
use crate::stats::level::Running;
use crate::stats::{Batches, ClassTally, PoolTally, Replication, Segment, Timeline, TimelineBin, Waste};
use crate::time::{Span, Time};

/// Bins of a timeline whose width is not given.
const BINS: u64 = 200;
/// A given width makes at most so many bins; else it is doubled until it does.
const BINS_MOST: u64 = 512;

/// A level that goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    InFlight,
    Backoff,
    /// Jobs in a pool's queue.
    Queue(u16),
    /// Jobs in service at a pool.
    Busy(u16),
    /// Workers of a pool that start.
    Starting(u16),
    /// Workers that die or wait for their restart.
    Restarting(u16),
    /// Slots lost.
    Lost(u16),
    /// Workers that work on for nobody.
    Lingering(u16),
}

/// What a service was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Useful,
    Wasted(Waste),
    /// Its client had given up.
    Zombie,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    at: Time,
    what: What,
    up: bool,
}

/// What workers of a pool are doing, by their events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Up,
    Starting,
    Restarting,
    Lost,
    Lingering,
}

/// Collects what a replay reports.
pub(super) struct Watch {
    classes: usize,
    pub(super) cells: Vec<ClassTally>,
    cuts: Cuts,
    /// Where segments began: instant and phase.
    starts: Vec<(Time, usize)>,
    sent: u64,
    next_cut: u64,
    /// When the last request was sent, or could have been: what ends later is counted, but its time is not.
    sending_ended: Option<Time>,
    steps: Vec<Step>,
    /// (instant, outcome, latency) of requests that ended.
    ends: Vec<(Time, Outcome, Span)>,
    sends: Vec<Time>,
    /// Counts of pools with their instants: (instant, pool, count).
    counts: Vec<(Time, u16, Count)>,
    lives: Vec<Vec<Life>>,
    pools: usize,
    slots: Vec<u32>,
    batches: Batches,
    steady: bool,
    slowdown: bool,
    bin: Option<Span>,
}

/// Something that a pool's tally counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    Arrival,
    Start { dying: bool },
    Ended(Outcome),
    Served { nanos: u64, how: Use },
    Worker(WorkerEvent),
}

impl Watch {
    pub(super) fn new(model: &Model, requests: u64) -> Watch {
        let classes = model.classes.len();
        let cuts = Cuts::of(model);
        let (starts, next_cut) = match &cuts {
            Cuts::Times(times) => (times.clone(), u64::MAX),
            Cuts::Requests { every } => (vec![(Time::ZERO, 0)], *every),
        };
        let slots = model.pools.iter().map(|pool| match pool.settings.slots {
            Slots::Limited(slots) => slots,
            Slots::Unlimited => 0,
        });
        Watch {
            classes,
            cells: vec![ClassTally::default(); classes * starts.len()],
            cuts,
            starts,
            sent: 0,
            next_cut: next_cut.min(requests),
            sending_ended: None,
            steps: Vec::new(),
            ends: Vec::new(),
            sends: Vec::new(),
            counts: Vec::new(),
            lives: model.pools.iter().map(|_| Vec::new()).collect(),
            pools: model.pools.len(),
            slots: slots.collect(),
            batches: Batches::default(),
            steady: model.run.regime == Regime::Steady,
            slowdown: model.counts_slowdown(),
            bin: model.run.bin,
        }
    }

    /// Counts a new request; returns its cell.
    pub(super) fn request(&mut self, at: Time, class: u16) -> u32 {
        self.sent += 1;
        self.sends.push(at);
        self.step(at, What::InFlight, true);
        let segment = match &self.cuts {
            Cuts::Times(_) => self.starts.partition_point(|&(start, _)| start <= at).saturating_sub(1),
            Cuts::Requests { .. } => self.starts.len() - 1,
        };
        let cell = segment * self.classes + usize::from(class);
        self.cells[cell].sent += 1;
        if let Cuts::Requests { every } = self.cuts
            && self.sent == self.next_cut
        {
            // The segment ends with this request; the next begins with the next one.
            self.next_cut = self.next_cut.saturating_add(every);
            self.starts.push((at, 0));
            self.cells.resize_with(self.starts.len() * self.classes, ClassTally::default);
        }
        cell as u32
    }

    /// No more requests will come.
    pub(super) fn sending_ended(&mut self, at: Time) {
        self.sending_ended = Some(at);
    }

    pub(super) fn cell(&mut self, cell: u32) -> &mut ClassTally {
        &mut self.cells[cell as usize]
    }

    pub(super) fn step(&mut self, at: Time, what: What, up: bool) {
        self.steps.push(Step { at, what, up });
    }

    pub(super) fn count(&mut self, at: Time, pool: u16, count: Count) {
        self.counts.push((at, pool, count));
    }

    /// The client of an attempt has left: what a worker has done for it so far is in vain, what follows is for nobody.
    pub(super) fn left_alone(&mut self, attempt: &mut Attempt, why: Waste, at: Time) {
        if attempt.since < at {
            let nanos = at.since(attempt.since).nanos();
            attempt.since = at;
            self.count(at, attempt.pool, Count::Served { nanos, how: Use::Wasted(why) });
        }
    }

    /// Books the end of a request by the attempt that decided it.
    pub(super) fn ended(&mut self, at: Time, flight: &Flight, last: &Attempt, outcome: Outcome) {
        let latency = at.since(flight.first_sent);
        let open = at.since(last.booked);
        let mut spent = [last.waiting, last.failed];
        let tally = &mut self.cells[flight.cell as usize];
        if outcome == Outcome::Ok {
            tally.spent_final += u128::from(open.nanos());
            tally.latency_ok.record(latency);
            let before = spent[0] + spent[1] + last.backoff;
            tally.delay += u128::from(before.nanos());
            tally.delay_count += 1;
            if self.slowdown {
                let sojourn = at.since(last.arrived);
                tally.slowdown += sojourn.nanos() as f64 / last.request.demand.nanos().max(1) as f64;
                tally.slowdown_count += 1;
            }
        } else {
            spent[usize::from(!last.was_waiting())] += open;
            tally.latency_failed.record(latency);
        }
        tally.spent_waiting += u128::from(spent[0].nanos());
        tally.spent_failed += u128::from(spent[1].nanos());
        tally.spent_backoff += u128::from(last.backoff.nanos());
        tally.outcomes[outcome as usize] += 1;
        self.step(at, What::InFlight, false);
        self.ends.push((at, outcome, latency));
        if self.steady {
            self.batches.push(latency, at);
        }
    }

    /// Notes what happened to a worker.
    pub(super) fn worker(&mut self, at: Time, pool: u16, worker: u32, event: WorkerEvent) {
        self.count(at, pool, Count::Worker(event));
        let lives = &mut self.lives[usize::from(pool)];
        if lives.len() <= worker as usize {
            lives.resize(worker as usize + 1, Life::Up);
        }
        let to = match event {
            WorkerEvent::Spawned => Life::Starting,
            WorkerEvent::Ready | WorkerEvent::Free => Life::Up,
            WorkerEvent::Killed | WorkerEvent::Exited => Life::Restarting,
            WorkerEvent::Lost => Life::Lost,
            WorkerEvent::Lingers => Life::Lingering,
        };
        let from = std::mem::replace(&mut lives[worker as usize], to);
        if from == to {
            return;
        }
        for (life, up) in [(from, false), (to, true)] {
            let what = match life {
                Life::Up => continue,
                Life::Starting => What::Starting(pool),
                Life::Restarting => What::Restarting(pool),
                Life::Lost => What::Lost(pool),
                Life::Lingering => What::Lingering(pool),
            };
            self.step(at, what, up);
        }
    }

    /// Sums up. `unfinished`: by cell, requests that were under way at the end.
    pub(super) fn finish(mut self, index: u64, end: Time, unfinished: &[u32]) -> Replication {
        for &cell in unfinished {
            self.cells[cell as usize].outcomes[Outcome::Unfinished as usize] += 1;
        }
        for tally in &mut self.cells {
            tally.attempts = tally.sent + tally.client_retries + tally.hedges;
            tally.accepted = tally.wait_served.count + tally.wait_left.count;
            tally.service = tally.sojourn_served.sum.saturating_sub(tally.wait_served.sum);
        }
        // Up before down: what comes and goes in one instant was there.
        self.steps.sort_by_key(|step| (step.at, !step.up));
        self.counts.sort_by_key(|&(at, ..)| at);
        if let Cuts::Requests { .. } = self.cuts {
            // The last request closed a segment that nothing follows in.
            if self.starts.len() > 1
                && self.cells[(self.starts.len() - 1) * self.classes..].iter().all(|c| c.sent == 0)
            {
                self.starts.pop();
            }
        }
        self.starts.retain(|&(start, _)| start <= end);
        let segments = self.segments(self.sending_ended.map_or(end, |at| at.min(end)), end);
        let timeline = self.timeline(end);
        Replication {
            index,
            fingerprint: self.fingerprint(),
            events: (self.steps.len() + self.counts.len()) as u64,
            end,
            segments,
            timeline,
            batches: self.batches,
            longest_timed: Vec::new(),
        }
    }

    /// A hash over the ends, in their order: two real runs never share it.
    fn fingerprint(&self) -> u64 {
        let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        self.ends
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, &(at, outcome, _)| mix(mix(hash, at.nanos()), outcome as u64))
    }

    /// The segments: their time ends at `last`, their counts at `end`.
    fn segments(&mut self, last: Time, end: Time) -> Vec<Segment> {
        let mut levels = Levels::new(self.pools);
        let mut steps = self.steps.iter().filter(|step| step.at <= last).peekable();
        let mut segments: Vec<Segment> = Vec::with_capacity(self.starts.len());
        for (number, &(start, phase)) in self.starts.iter().enumerate() {
            let until = self.starts.get(number + 1).map_or(last, |&(next, _)| next.min(last));
            while let Some(step) = steps.next_if(|step| step.at <= until) {
                levels.take(step);
            }
            let cells = number * self.classes..(number + 1) * self.classes;
            let mut pools = levels.cut(until);
            for (pool, slots) in pools.iter_mut().zip(&self.slots) {
                pool.slots.capacity = u128::from(*slots) * u128::from(until.since(start).nanos());
            }
            segments.push(Segment {
                phase,
                start,
                end: until,
                classes: self.cells.get(cells).map(<[ClassTally]>::to_vec).unwrap_or_default(),
                pools,
                hosts: Vec::new(),
                in_flight: levels.in_flight.cut(until),
                in_backoff: levels.backoff.cut(until),
            });
        }
        for &(at, pool, count) in self.counts.iter().filter(|&&(at, ..)| at <= end) {
            let number = self.starts.partition_point(|&(start, _)| start <= at).saturating_sub(1);
            if let Count::Served { nanos, how } = count {
                share_service(&mut segments, pool, (at, nanos), how);
            } else if let Some(segment) = segments.get_mut(number) {
                add(&mut segment.pools[usize::from(pool)], count);
            }
        }
        for pool in segments.iter_mut().flat_map(|segment| &mut segment.pools) {
            // So far `idle` holds the time of workers that linger, beside which services of orphans are zombies too.
            let slots = &mut pool.slots;
            let lingering = std::mem::take(&mut slots.idle);
            slots.zombie += lingering;
            let used = pool.busy + lingering + slots.starting + slots.restarting + slots.lost;
            slots.idle = slots.capacity.saturating_sub(used);
        }
        segments
    }

    fn timeline(&self, end: Time) -> Timeline {
        let mut width = self.bin.unwrap_or(Span::from_nanos(end.nanos().div_ceil(BINS).max(1)));
        while end.nanos() / width.nanos() >= BINS_MOST {
            width = width + width;
        }
        let count = (end.nanos().div_ceil(width.nanos())).max(1) as usize;
        let mut bins = vec![TimelineBin::default(); count];
        let bin_of = |at: Time| ((at.nanos() / width.nanos()) as usize).min(count - 1);
        self.sends.iter().for_each(|&at| bins[bin_of(at)].sent += 1);
        let mut latency = vec![std::collections::BTreeMap::<u16, u32>::new(); count];
        for &(at, outcome, spent) in self.ends.iter().filter(|(at, ..)| *at <= end) {
            bins[bin_of(at)].outcomes[outcome as usize] += 1;
            *latency[bin_of(at)].entry(Timeline::latency_bucket(spent) as u16).or_default() += 1;
        }
        let mut levels = Levels::new(self.pools);
        let mut steps = self.steps.iter().filter(|step| step.at <= end).peekable();
        for (number, bin) in bins.iter_mut().enumerate() {
            let until = Time::from_nanos(((number as u64 + 1) * width.nanos()).min(end.nanos()));
            while let Some(step) = steps.next_if(|step| step.at <= until) {
                levels.take(step);
            }
            (bin.queue_at_end, bin.busy_at_end) = levels.now();
            let pools = levels.cut(until);
            bin.queue = pools.iter().map(|pool| pool.queue).sum();
            bin.busy = pools.iter().map(|pool| pool.busy).sum();
            bin.in_flight = levels.in_flight.cut(until);
            bin.latency = std::mem::take(&mut latency[number]).into_iter().collect();
        }
        Timeline { width, bins }
    }
}

/// Gives each segment its share of a service that ended at an instant, after so many nanoseconds.
fn share_service(segments: &mut [Segment], pool: u16, (at, nanos): (Time, u64), how: Use) {
    let begun = at.nanos().saturating_sub(nanos);
    for segment in segments.iter_mut().rev().skip_while(|segment| segment.start >= at) {
        let within = at.nanos().min(segment.end.nanos()).saturating_sub(begun.max(segment.start.nanos()));
        let slots = &mut segment.pools[usize::from(pool)].slots;
        let kind = match how {
            Use::Useful => &mut slots.useful,
            Use::Wasted(cause) => &mut slots.wasted[cause as usize],
            Use::Zombie => &mut slots.zombie,
        };
        *kind += u128::from(within);
        if segment.start.nanos() <= begun {
            return;
        }
    }
}

fn add(pool: &mut PoolTally, count: Count) {
    match count {
        Count::Arrival => pool.arrivals += 1,
        Count::Start { dying } => {
            pool.starts += 1;
            pool.starts_on_dying += u64::from(dying);
        }
        Count::Ended(outcome) => pool.outcomes[outcome as usize] += 1,
        // Its time is shared out over the segments.
        Count::Served { .. } => {}
        Count::Worker(event) => match event {
            WorkerEvent::Spawned => pool.spawns += 1,
            WorkerEvent::Killed => pool.kills += 1,
            WorkerEvent::Exited => pool.exits += 1,
            WorkerEvent::Ready | WorkerEvent::Lost | WorkerEvent::Lingers | WorkerEvent::Free => {}
        },
    }
}

/// The levels over time.
struct Levels {
    in_flight: Running,
    backoff: Running,
    pools: Vec<PoolSteps>,
}

#[derive(Clone, Default)]
struct PoolSteps {
    queue: Running,
    busy: Running,
    starting: Running,
    restarting: Running,
    lost: Running,
    lingering: Running,
    queue_max: u32,
}

impl Levels {
    fn new(pools: usize) -> Levels {
        Levels {
            in_flight: Running::default(),
            backoff: Running::default(),
            pools: vec![PoolSteps::default(); pools],
        }
    }

    fn take(&mut self, step: &Step) {
        let level = match step.what {
            What::InFlight => &mut self.in_flight,
            What::Backoff => &mut self.backoff,
            What::Queue(pool) => {
                let pool = &mut self.pools[usize::from(pool)];
                if step.up {
                    pool.queue_max = pool.queue_max.max(pool.queue.level() + 1);
                }
                &mut pool.queue
            }
            What::Busy(pool) => &mut self.pools[usize::from(pool)].busy,
            What::Starting(pool) => &mut self.pools[usize::from(pool)].starting,
            What::Restarting(pool) => &mut self.pools[usize::from(pool)].restarting,
            What::Lost(pool) => &mut self.pools[usize::from(pool)].lost,
            What::Lingering(pool) => &mut self.pools[usize::from(pool)].lingering,
        };
        if step.up {
            level.up(step.at);
        } else if level.level() > 0 {
            level.down(step.at);
        }
    }

    fn now(&self) -> (u32, u32) {
        let sum = |level: fn(&PoolSteps) -> u32| self.pools.iter().map(level).sum();
        (sum(|pool| pool.queue.level()), sum(|pool| pool.busy.level()))
    }

    fn cut(&mut self, now: Time) -> Vec<PoolTally> {
        let cut = |pool: &mut PoolSteps| {
            let mut tally = PoolTally {
                queue: pool.queue.cut(now),
                busy: pool.busy.cut(now),
                queue_max: std::mem::replace(&mut pool.queue_max, pool.queue.level()),
                ..PoolTally::default()
            };
            tally.slots.starting = pool.starting.cut(now);
            tally.slots.restarting = pool.restarting.cut(now);
            tally.slots.lost = pool.lost.cut(now);
            tally.slots.idle = pool.lingering.cut(now);
            tally
        };
        self.pools.iter_mut().map(cut).collect()
    }
}
