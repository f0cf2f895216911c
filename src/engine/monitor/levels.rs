//! How the slots of one pool are doing, and what their time was good for.

use super::*;
use crate::stats::Waste;

/// How the slots of one pool are doing.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct PoolLevels {
    pub(in crate::engine) queue: Running,
    pub(in crate::engine) busy: Running,
    pub(super) zombie: Running,
    pub(super) cancelling: Running,
    pub(super) starting: Running,
    pub(super) restarting: Running,
    pub(super) lost: Running,
    pub(super) slots: Running,
    pub(in crate::engine) tally: PoolTally,
}

/// How a stretch of service turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Use {
    Useful,
    Wasted(Waste),
    Zombie,
}

impl PoolLevels {
    /// A worker changes its state, and not between idle and busy.
    #[inline(never)]
    pub(super) fn moved_rarely(&mut self, now: Time, from: WorkerState, to: WorkerState) {
        if let Some(level) = self.of(from) {
            level.down(now);
        }
        if let Some(level) = self.of(to) {
            level.up(now);
        }
    }

    fn of(&mut self, state: WorkerState) -> Option<&mut Running> {
        match state {
            WorkerState::Busy => Some(&mut self.busy),
            WorkerState::Zombie => Some(&mut self.zombie),
            WorkerState::Cancelling => Some(&mut self.cancelling),
            WorkerState::Starting => Some(&mut self.starting),
            WorkerState::Dying | WorkerState::Gone | WorkerState::Down => Some(&mut self.restarting),
            WorkerState::Lost => Some(&mut self.lost),
            WorkerState::Idle | WorkerState::Cold => None,
        }
    }

    /// The queue has grown.
    #[inline(always)]
    pub(in crate::engine) fn queue_up(&mut self, now: Time) {
        self.queue.up(now);
        self.tally.queue_max = self.tally.queue_max.max(self.queue.level());
    }

    pub(super) fn cut(&mut self, now: Time) -> PoolTally {
        let mut tally = std::mem::take(&mut self.tally);
        self.tally.queue_max = self.queue.level();
        tally.queue = self.queue.cut(now);
        tally.busy = self.busy.cut(now);
        let zombie = self.zombie.cut(now);
        let cancelling = self.cancelling.cut(now);
        let slots = &mut tally.slots;
        slots.zombie += zombie;
        slots.wasted[Waste::Grace as usize] += cancelling;
        slots.starting = self.starting.cut(now);
        slots.restarting = self.restarting.cut(now);
        slots.lost = self.lost.cut(now);
        slots.capacity = self.slots.cut(now);
        let used = tally.busy + zombie + cancelling + slots.starting + slots.restarting + slots.lost;
        slots.idle = slots.capacity.saturating_sub(used);
        tally
    }
}

pub(super) fn add_use(slots: &mut crate::stats::SlotUse, nanos: u64, how: Use) {
    match how {
        Use::Useful => add(&mut slots.useful, nanos),
        Use::Wasted(cause) => slots.wasted[cause as usize] += u128::from(nanos),
        Use::Zombie => slots.zombie += u128::from(nanos),
    }
}

pub(super) fn absorb_counts(pool: &mut PoolTally, tail: &PoolTally) {
    pool.arrivals += tail.arrivals;
    pool.starts += tail.starts;
    pool.kills += tail.kills;
    pool.exits += tail.exits;
    pool.spawns += tail.spawns;
    pool.starts_on_dying += tail.starts_on_dying;
    pool.cold_starts += tail.cold_starts;
    pool.outcomes.iter_mut().zip(tail.outcomes).for_each(|(count, more)| *count += more);
}
