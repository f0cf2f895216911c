//! Autoscaling and late load signals: the periodic side of a fleet.

use super::calendar::{SlotCalendar, Timer, TimerKind};
use super::world::{Standing, World};
use crate::policy::Autoscaler;
use crate::time::{Span, Time};
use std::collections::VecDeque;

/// The autoscaler of one pool, with the metrics that have not reached it yet.
pub(super) struct Scaler {
    policy: crate::policy::scale::Scaler,
    /// (when it will be seen, share of busy slots).
    seen: VecDeque<(Time, f64)>,
    busy_before: u128,
    /// Instances on their way, by the numbers of their boots.
    booting: VecDeque<u32>,
    /// Boots so far.
    boots: u32,
}

impl Scaler {
    pub(super) fn new(settings: Autoscaler) -> Scaler {
        Scaler {
            policy: crate::policy::scale::Scaler::new(settings),
            seen: VecDeque::new(),
            busy_before: 0,
            booting: VecDeque::new(),
            boots: 0,
        }
    }
}

impl<C: SlotCalendar> World<'_, C> {
    /// Starts the periodic timers.
    pub(super) fn open_signals(&mut self) {
        for (route, settings) in self.phys.plan.model.routes.iter().enumerate() {
            let delay = settings.settings.signal_delay;
            if delay > Span::ZERO {
                self.periodic(TimerKind::Signal, route, delay);
            }
        }
        for pool in 0..self.scalers.len() {
            if let Some(scaler) = &self.scalers[pool] {
                let interval = scaler.policy.settings().interval;
                self.periodic(TimerKind::Scale, pool, interval);
            }
        }
    }

    fn periodic(&mut self, kind: TimerKind, id: usize, after: Span) {
        let at = self.phys.now + after;
        self.phys.timers.push(Timer { at, kind, id: id as u32, generation: 0 });
    }

    /// The loads that a route sees are reported anew.
    pub(super) fn renew_signal(&mut self, route: usize) {
        let plan = self.phys.plan;
        for (member, &instance) in plan.members[route].iter().enumerate() {
            self.signals[route][member] = self.pools[instance as usize].load();
        }
        self.periodic(TimerKind::Signal, route, plan.model.routes[route].settings.signal_delay);
    }

    /// The autoscaler of a pool measures, and decides on what it sees by now.
    pub(super) fn scale(&mut self, pool: usize) {
        let now = self.phys.now;
        let plan = self.phys.plan;
        let slots = match plan.model.pools[pool].settings.slots {
            crate::policy::Slots::Limited(slots) => slots,
            crate::policy::Slots::Unlimited => return,
        };
        let active = self.members(pool).filter(|&instance| self.up[instance]).count() as u32;
        let busy = self.phys.monitor.pools[pool].busy.integral(now);
        let Some(scaler) = &mut self.scalers[pool] else { return };
        let settings = *scaler.policy.settings();
        let done = busy - std::mem::replace(&mut scaler.busy_before, busy);
        let capacity =
            u128::from(active.max(1)) * u128::from(slots) * u128::from(settings.interval.nanos().max(1));
        scaler.seen.push_back((now + settings.metric_lag, done as f64 / capacity as f64));
        let mut visible = None;
        while scaler.seen.front().is_some_and(|&(at, _)| at <= now) {
            visible = scaler.seen.pop_front().map(|(_, utilization)| utilization);
        }
        if let Some(utilization) = visible {
            let current = active + scaler.booting.len() as u32;
            let wanted = scaler.policy.decide(now, current, utilization);
            self.resize_fleet(pool, current, wanted, settings.boot);
        }
        self.shut_drained(pool);
        self.periodic(TimerKind::Scale, pool, settings.interval);
    }

    /// Instances that were taken down are gone, and no longer paid for, once the last of their jobs has ended and
    /// the autoscaler looks again.
    fn shut_drained(&mut self, pool: usize) {
        let now = self.phys.now;
        for instance in self.members(pool).collect::<Vec<_>>() {
            let Standing { open, crashed } = self.standing[instance];
            if self.up[instance] || !open || crashed || self.pools[instance].load() > 0 {
                continue;
            }
            let slots = self.pools[instance].slots();
            for local in 0..slots {
                self.stop_slot(self.phys.slot_number(instance as u32, local));
            }
            self.pools[instance].shut(&mut self.phys);
            self.standing[instance].open = false;
            self.phys.monitor.resize(now, pool, slots, false);
        }
    }

    fn members(&self, pool: usize) -> impl Iterator<Item = usize> + '_ {
        let instances = &self.phys.plan.instances;
        (0..instances.len()).filter(move |&instance| instances[instance].0 == pool)
    }

    fn resize_fleet(&mut self, pool: usize, current: u32, wanted: u32, boot: Span) {
        for _ in current..wanted {
            let Some(scaler) = &mut self.scalers[pool] else { return };
            scaler.boots += 1;
            scaler.booting.push_back(scaler.boots);
            let (at, generation) = (self.phys.now + boot, scaler.boots);
            self.phys.timers.push(Timer { at, kind: TimerKind::Boot, id: pool as u32, generation });
        }
        for _ in wanted..current {
            // What is not up yet is called off first.
            if self.scalers[pool].as_mut().is_some_and(|scaler| scaler.booting.pop_back().is_some()) {
                continue;
            }
            let last = self.members(pool).filter(|&instance| self.up[instance]).last();
            if let Some(instance) = last {
                self.take_down(instance as u32);
            }
        }
    }

    /// A new instance is up, unless it was called off.
    pub(super) fn boot(&mut self, timer: Timer) {
        let (now, pool) = (self.phys.now, timer.id as usize);
        let Some(scaler) = &mut self.scalers[pool] else { return };
        let Some(place) = scaler.booting.iter().position(|&boot| boot == timer.generation) else { return };
        scaler.booting.remove(place);
        let free = |instance: &usize| !self.up[*instance] && !self.standing[*instance].crashed;
        // One that still finishes its jobs is as good as a new one.
        let draining = self.members(pool).filter(free).find(|&instance| self.standing[instance].open);
        let Some(instance) = draining.or_else(|| self.members(pool).find(free)) else { return };
        self.up[instance] = true;
        if !self.standing[instance].open {
            self.open_instance(instance as u32, now);
        }
    }

    /// An instance takes no more requests; those it has are finished.
    fn take_down(&mut self, instance: u32) {
        self.up[instance as usize] = false;
    }

    /// Ends what an instance has at once.
    pub(super) fn crash_instance(&mut self, instance: u32) {
        let now = self.phys.now;
        self.up[instance as usize] = false;
        self.standing[instance as usize].crashed = true;
        for local in 0..self.pools[instance as usize].slots() {
            let number = self.phys.slot_number(instance, local);
            self.stop_slot(number);
        }
        self.pools[instance as usize].collapse(now, &mut self.phys);
        for job in self.phys.jobs.all_alive() {
            if self.phys.jobs.get(job).instance == instance {
                self.pools[instance as usize].lose(now, job, &mut self.phys);
            }
        }
    }
}
