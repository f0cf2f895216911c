//! Things that go wrong from outside: breakdowns of slots, scripted faults.

use super::calendar::{SlotCalendar, Timer, TimerKind};
use super::slot::Act;
use super::world::World;
use crate::model::{BrokenJob, FaultKind};
use crate::policy::NO_JOB;
use crate::random::Purpose;
use crate::time::{Span, Time};

impl<C: SlotCalendar> World<'_, C> {
    // ---- breakdowns -----------------------------------------------------------------------------------------

    /// Each slot of a pool with breakdowns works for a first while.
    pub(super) fn open_breakdowns(&mut self) {
        for number in 0..self.phys.slots.len() as u32 {
            let pool = self.phys.pool_of(self.phys.slots[number as usize].instance);
            let Some(breakdown) = &self.phys.plan.model.pools[pool].breakdown else { continue };
            let while_idle = breakdown.while_idle;
            let up = self.breakdown_draw(number, 0, true);
            if while_idle {
                self.breakdown_timer(number, up, 0);
            } else {
                self.phys.slots[number as usize].up_left = up;
            }
        }
    }

    fn breakdown_timer(&mut self, number: u32, after: Span, generation: u32) {
        let at = self.phys.now + after;
        self.phys.timers.push(Timer { at, kind: TimerKind::Breakdown, id: number, generation });
    }

    /// The length of a slot's `cycle`-th time up or down.
    fn breakdown_draw(&self, number: u32, cycle: u32, up: bool) -> Span {
        let pool = self.phys.pool_of(self.phys.slots[number as usize].instance);
        let (ups, downs) = self.phys.plan.pools[pool].breakdown.as_ref().expect("the pool has breakdowns");
        let mut chance = self.phys.streams.keyed(
            Purpose::Breakdown,
            u64::from(number),
            u64::from(cycle) << 1 | u64::from(up),
        );
        if up { ups.draw(&mut chance) } else { downs.draw(&mut chance) }
    }

    /// A slot breaks down, or recovers.
    pub(super) fn breakdown(&mut self, timer: Timer) {
        let now = self.phys.now;
        let number = timer.id;
        let slot = &self.phys.slots[number as usize];
        let (instance, local) = (slot.instance, slot.local);
        let pool = self.phys.pool_of(instance);
        let Some(rule) = &self.phys.plan.model.pools[pool].breakdown else { return };
        let (while_idle, job) = (rule.while_idle, rule.job);
        let standing = self.standing[instance as usize];
        if !standing.open && !slot.broken {
            // Nobody works there: only the clock goes on.
            self.phys.slots[number as usize].breakdowns += 1;
            let cycle = self.phys.slots[number as usize].breakdowns;
            let up = self.breakdown_draw(number, cycle, true);
            return self.breakdown_timer(number, up, 0);
        }
        if slot.broken {
            self.phys.slots[number as usize].broken = false;
            let cycle = self.phys.slots[number as usize].breakdowns;
            let up = self.breakdown_draw(number, cycle, true);
            if while_idle {
                self.breakdown_timer(number, up, 0);
            } else {
                self.phys.slots[number as usize].up_left = up;
            }
            if !standing.crashed {
                self.pools[instance as usize].recover(now, local, &mut self.phys);
            }
            return;
        }
        if !while_idle && (slot.starts != timer.generation || slot.since == Time::NEVER) {
            return;
        }
        let slot = &mut self.phys.slots[number as usize];
        let dead = slot.doomed;
        slot.broken = true;
        slot.breakdowns += 1;
        let cycle = slot.breakdowns;
        let down = self.breakdown_draw(number, cycle, false);
        self.breakdown_timer(number, down, 0);
        let undone = self.stop_slot(number);
        match (job, undone) {
            (BrokenJob::ResumeAtHead, Some((broken, left))) => {
                self.phys.jobs.get_mut(broken).past_mut().remaining = left;
                self.phys.keep_service(number);
            }
            (BrokenJob::Crash, _) => {}
            _ => {
                if let Some(broken) = self.pools[instance as usize].job_in(local) {
                    self.phys.jobs.get_mut(broken).book_failed(now);
                }
            }
        }
        self.pools[instance as usize].break_down(now, local, job != BrokenJob::Crash, &mut self.phys);
        if dead {
            // Nobody will notice the exit of a worker that was killed before.
            self.pools[instance as usize].bury(local);
        }
    }

    /// Stops all that a slot is about to do; returns its job and the work not done, if its worker was at it.
    pub(super) fn stop_slot(&mut self, number: u32) -> Option<(u32, Span)> {
        let now = self.phys.now;
        let slot = &self.phys.slots[number as usize];
        let job = slot.job;
        let working = slot.since != Time::NEVER && job != NO_JOB && !slot.doomed && !slot.silent;
        let left = slot.act_at.since(now);
        let on_host = self.phys.leave_host(number);
        let slot = &mut self.phys.slots[number as usize];
        slot.disarm(now);
        slot.beat_at = Time::NEVER;
        self.phys.plan_act(number, Act::Rest, Time::NEVER);
        working.then_some((job, if on_host > Span::ZERO { on_host } else { left }))
    }

    // ---- scripted faults ------------------------------------------------------------------------------------

    pub(super) fn open_faults(&mut self) {
        for (id, fault) in self.phys.plan.model.faults.iter().enumerate() {
            for &at in &fault.at {
                self.phys.timers.push(Timer { at, kind: TimerKind::Fault, id: id as u32, generation: 0 });
            }
            self.next_random_fault(id);
        }
    }

    fn next_random_fault(&mut self, id: usize) {
        let rate = self.phys.plan.model.faults[id].rate;
        if rate > 0.0 {
            let at = self.phys.now + Span::from_secs(self.fault_chance[id].exp1() / rate);
            self.phys.timers.push(Timer { at, kind: TimerKind::Fault, id: id as u32, generation: 1 });
        }
    }

    /// A fault begins. Those that come at random (generation 1) set their next coming.
    pub(super) fn fault(&mut self, timer: Timer) {
        let id = timer.id as usize;
        if timer.generation == 1 {
            self.next_random_fault(id);
        }
        match self.phys.plan.model.faults[id].kind {
            FaultKind::KillWorker { pool, instance, slot } => self.kill_worker(id, pool, instance, slot),
            FaultKind::KillInstance { pool, instance, down } => {
                let Some(instance) = self.pick_instance(id, pool, instance) else { return };
                self.crash_instance(instance);
                self.fault_end_at(id, down, instance);
            }
            FaultKind::SlowHost { host, factor, duration } => {
                self.slowed[host].push(factor);
                self.set_speed(host);
                self.fault_end_at(id, duration, 0);
            }
            FaultKind::PausePool { pool, duration } => {
                self.pause(pool, true);
                self.fault_end_at(id, duration, 0);
            }
        }
    }

    /// Slow-downs of a host multiply.
    fn set_speed(&mut self, host: usize) {
        let now = self.phys.now;
        let factor = self.slowed[host].iter().product();
        self.phys.hosts[host].set_factor(now, factor);
        self.phys.settle_host(host);
    }

    fn fault_end_at(&mut self, id: usize, after: Span, what: u32) {
        let at = self.phys.now + after;
        self.phys.timers.push(Timer { at, kind: TimerKind::FaultEnd, id: id as u32, generation: what });
    }

    /// A fault is over.
    pub(super) fn fault_end(&mut self, timer: Timer) {
        let now = self.phys.now;
        match self.phys.plan.model.faults[timer.id as usize].kind {
            FaultKind::KillWorker { .. } => {}
            FaultKind::KillInstance { .. } => {
                let instance = timer.generation;
                self.up[instance as usize] = true;
                self.standing[instance as usize].crashed = false;
                self.pools[instance as usize].close(false);
                for local in 0..self.pools[instance as usize].slots() {
                    let number = self.phys.slot_number(instance, local);
                    if !self.phys.slots[number as usize].broken {
                        self.pools[instance as usize].recover(now, local, &mut self.phys);
                    }
                }
            }
            FaultKind::SlowHost { host, factor, .. } => {
                if let Some(one) = self.slowed[host].iter().position(|&slowed| slowed == factor) {
                    self.slowed[host].swap_remove(one);
                }
                self.set_speed(host);
            }
            FaultKind::PausePool { pool, .. } => self.pause(pool, false),
        }
    }

    fn pause(&mut self, pool: usize, paused: bool) {
        let now = self.phys.now;
        // Pauses may overlap.
        if paused {
            self.pauses[pool] += 1;
        } else {
            self.pauses[pool] -= 1;
        }
        for instance in 0..self.pools.len() {
            if self.phys.pool_of(instance as u32) == pool {
                self.pools[instance].pause(now, self.pauses[pool] > 0, &mut self.phys);
            }
        }
    }

    fn pick_instance(&mut self, fault: usize, pool: usize, wanted: Option<u32>) -> Option<u32> {
        let up = &self.up;
        let of_pool: Vec<u32> = (0..self.pools.len() as u32)
            .filter(|&instance| self.phys.pool_of(instance) == pool && up[instance as usize])
            .collect();
        match wanted {
            Some(number) => of_pool.into_iter().find(|&i| self.phys.plan.instances[i as usize].1 == number),
            None if of_pool.is_empty() => None,
            None => Some(of_pool[self.fault_chance[fault].below(of_pool.len() as u64) as usize]),
        }
    }

    fn kill_worker(&mut self, fault: usize, pool: usize, instance: Option<u32>, slot: Option<u32>) {
        let Some(instance) = self.pick_instance(fault, pool, instance) else { return };
        let slots = self.pools[instance as usize].slots();
        let alive: Vec<u32> = (0..slots).filter(|&local| self.is_alive(instance, local)).collect();
        let chosen = match slot {
            Some(local) => alive.contains(&local).then_some(local),
            None if alive.is_empty() => None,
            None => Some(alive[self.fault_chance[fault].below(alive.len() as u64) as usize]),
        };
        if let Some(local) = chosen {
            let number = self.phys.slot_number(instance, local);
            self.phys.kill_from_outside(number);
        }
    }
}
