//! Cores that busy slots share.
//!
//! With `b` slots at work, each runs at a speed `f(b)`: `min(1, cores / b)`, or what a table says. Only the share
//! `s` of a slot's work that needs a core is slowed: a second of demand takes `(1 - s) + s / f` seconds. Slots of
//! equal share progress alike, so each share is a *lane* with a clock of its own that counts demand done per slot;
//! a slot is ready when its lane's clock reaches the value noted when it entered. Entering, leaving and the next
//! completion cost O(log n).

use crate::model::Contention;
use crate::stats::HostTally;
use crate::time::{NANOS, Time};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// One host.
pub(super) struct Host {
    contention: Contention,
    /// Share of its speed, lowered by faults.
    factor: f64,
    busy: u32,
    lanes: Vec<Lane>,
    /// The speed for which the lanes' rates stand.
    rated: f64,
    /// Up to when the lanes' clocks have been advanced.
    last: Time,
    used: f64,
    /// When the next slot is ready, and in which lane.
    next: (Time, usize),
}

/// Slots whose work needs the core for the same share of it.
struct Lane {
    share: f64,
    members: u32,
    /// Demand done by each member since the clock's start, nanoseconds.
    clock: f64,
    /// Demand done per nanosecond.
    rate: f64,
    due: BinaryHeap<Reverse<Due>>,
}

#[derive(Clone, Copy, PartialEq)]
struct Due {
    clock: f64,
    slot: u32,
    epoch: u32,
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.clock.total_cmp(&other.clock).then(self.slot.cmp(&other.slot)).then(self.epoch.cmp(&other.epoch))
    }
}

impl Host {
    pub(super) fn new(contention: Contention) -> Host {
        Host {
            contention,
            factor: 1.0,
            busy: 0,
            lanes: Vec::new(),
            rated: 1.0,
            last: Time::ZERO,
            used: 0.0,
            next: (Time::NEVER, 0),
        }
    }

    /// When the next slot is ready; `Time::NEVER` if none will be.
    #[inline(always)]
    pub(super) fn next(&self) -> Time {
        self.next.0
    }

    /// A slot begins work that takes `demand` nanoseconds on a free core; `epoch` tells its stints apart.
    /// Returns the lane, needed to leave and to read progress, and the lane's clock at which the work is done.
    pub(super) fn enter(
        &mut self,
        now: Time,
        slot: u32,
        epoch: u32,
        share: f64,
        demand: u64,
    ) -> (usize, f64) {
        self.advance(now);
        let number = self.lane(share);
        self.busy += 1;
        let lane = &mut self.lanes[number];
        if lane.members == 0 {
            // Nothing refers to the clock: start it again, so that it stays precise for ever.
            lane.clock = 0.0;
            lane.due.clear();
        }
        lane.members += 1;
        let clock = lane.clock + demand as f64;
        lane.due.push(Reverse(Due { clock, slot, epoch }));
        (number, clock)
    }

    /// A slot stops work before it is done (or is done: then its entry has been taken by `pop`).
    pub(super) fn leave(&mut self, now: Time, lane: usize) {
        self.advance(now);
        self.busy -= 1;
        self.lanes[lane].members -= 1;
    }

    /// Demand that each member of a lane has done since the lane's clock started; differences count.
    pub(super) fn clock(&mut self, now: Time, lane: usize) -> f64 {
        self.advance(now);
        self.lanes[lane].clock
    }

    /// Sets the share of its speed at which the host runs.
    pub(super) fn set_factor(&mut self, now: Time, factor: f64) {
        self.advance(now);
        self.factor = factor;
    }

    /// Recomputes speeds and the next completion; to be called once after entering and leaving. `current` says
    /// whether a stint is still on.
    pub(super) fn settle(&mut self, current: impl Fn(u32, u32) -> bool) {
        let speed = self.speed();
        if speed != self.rated {
            self.rated = speed;
            self.lanes.iter_mut().for_each(|lane| lane.rate = rate(lane.share, speed));
        }
        self.next = (Time::NEVER, 0);
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            while lane.due.peek().is_some_and(|due| !current(due.0.slot, due.0.epoch)) {
                lane.due.pop();
            }
            if let Some(Reverse(due)) = lane.due.peek()
                && lane.rate > 0.0
            {
                let wait = ((due.clock - lane.clock) / lane.rate).max(0.0);
                let at = Time::from_nanos(self.last.nanos().saturating_add((wait + 0.5) as u64));
                if at < self.next.0 {
                    self.next = (at, index);
                }
            }
        }
    }

    /// Takes the slot that is ready now.
    pub(super) fn pop(&mut self, now: Time) -> Option<u32> {
        self.advance(now);
        let lane = &mut self.lanes[self.next.1];
        lane.due.pop().map(|Reverse(due)| {
            // Rounding to whole nanoseconds must not leave the clock short of what was waited for.
            lane.clock = lane.clock.max(due.clock);
            due.slot
        })
    }

    /// Core-seconds used and available so far.
    pub(super) fn tally(&mut self, now: Time) -> HostTally {
        self.advance(now);
        let cores = match &self.contention {
            Contention::Cores(cores) => *cores,
            Contention::Table(table) => {
                table.iter().enumerate().map(|(index, speed)| (index + 1) as f64 * speed).fold(0.0, f64::max)
            }
        };
        HostTally { used: self.used, capacity: cores * now.secs() }
    }

    fn lane(&mut self, share: f64) -> usize {
        self.lanes.iter().position(|lane| lane.share == share).unwrap_or_else(|| {
            let rate = rate(share, self.rated);
            self.lanes.push(Lane { share, members: 0, clock: 0.0, rate, due: BinaryHeap::new() });
            self.lanes.len() - 1
        })
    }

    fn speed(&self) -> f64 {
        let busy = f64::from(self.busy.max(1));
        self.factor
            * match &self.contention {
                Contention::Cores(cores) => (cores / busy).min(1.0),
                Contention::Table(table) => table[(self.busy.max(1) as usize - 1).min(table.len() - 1)],
            }
    }

    fn advance(&mut self, now: Time) {
        if now <= self.last {
            return;
        }
        let elapsed = now.since(self.last).nanos() as f64;
        self.last = now;
        for lane in &mut self.lanes {
            let done = lane.rate * elapsed;
            lane.clock += done;
            self.used += done * lane.share * f64::from(lane.members) / NANOS;
        }
    }
}

/// Demand done per nanosecond by work of which this share needs a core, on a host of this speed.
fn rate(share: f64, speed: f64) -> f64 {
    match speed > 0.0 {
        true => 1.0 / ((1.0 - share) + share / speed),
        false if share == 0.0 => 1.0,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn two_slots_on_one_core_take_twice_as_long() {
        let mut host = Host::new(Contention::Cores(1.0));
        host.enter(Time::ZERO, 0, 0, 1.0, SECOND);
        host.enter(Time::ZERO, 1, 0, 1.0, 2 * SECOND);
        host.settle(|_, _| true);
        let first = host.next();
        assert_eq!((first.nanos(), host.pop(first)), (2 * SECOND, Some(0)));
        host.leave(first, 0);
        host.settle(|_, _| true);
        assert_eq!((host.next().nanos(), host.pop(host.next())), (3 * SECOND, Some(1)));
        assert!((host.tally(Time::from_nanos(3 * SECOND)).used - 3.0).abs() < 1e-9);
    }

    #[test]
    fn only_the_share_that_needs_a_core_is_slowed() {
        let mut host = Host::new(Contention::Cores(1.0));
        host.enter(Time::ZERO, 0, 0, 0.25, SECOND);
        host.enter(Time::ZERO, 1, 0, 0.25, SECOND);
        host.settle(|_, _| true);
        // 0.75 + 0.25 / (1/2) = 1.25 seconds per second of demand.
        assert_eq!(host.next().nanos(), SECOND + SECOND / 4);
    }

    #[test]
    fn a_stopped_host_does_nothing_and_goes_on() {
        let mut host = Host::new(Contention::Table(vec![1.0, 0.5]));
        host.enter(Time::ZERO, 0, 0, 1.0, SECOND);
        host.settle(|_, _| true);
        host.set_factor(Time::from_nanos(SECOND / 2), 0.0);
        host.settle(|_, _| true);
        assert_eq!(host.next(), Time::NEVER);
        host.set_factor(Time::from_nanos(3 * SECOND), 1.0);
        host.settle(|_, _| true);
        assert_eq!(host.next().nanos(), 3 * SECOND + SECOND / 2);
    }
}
