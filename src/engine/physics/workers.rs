//! How workers die and start.

use super::*;
use crate::model::delays::Delays;
use crate::workload::Sampler;

impl<C: SlotCalendar> Physics<'_, C> {
    /// Ends the worker by its pool's will: `delay` until the pool notices.
    pub(super) fn doom(&mut self, number: u32, delay: Span) {
        let slot = &mut self.slots[number as usize];
        slot.disarm(self.now);
        slot.beat_at = Time::NEVER;
        self.die(number, Act::Exit, delay);
    }

    /// Kills a worker from outside: its pool takes it for alive, and its job for served, until it notices the exit.
    pub(in crate::engine) fn kill_from_outside(&mut self, number: u32) {
        if !self.slots[number as usize].doomed {
            let pool = self.slots[number as usize].pool as usize;
            self.monitor.pools[pool].tally.kills += 1;
            let delay = self.life_draw(number, |delays| &delays.crash_exit);
            self.die(number, Act::CrashExit, delay);
        }
    }

    pub(super) fn die(&mut self, number: u32, exit: Act, delay: Span) {
        self.leave_host(number);
        let slot = &mut self.slots[number as usize];
        (slot.doomed, slot.first_write) = (true, true);
        let mut at = self.now + delay;
        if slot.act == Act::CrashExit {
            // It was about to go by itself.
            at = at.min(slot.act_at);
        }
        self.plan_act(number, exit, at);
    }

    /// Draws a delay of a worker's life, keyed by slot and spawn.
    pub(super) fn life_draw(&self, number: u32, sampler: impl Fn(&Delays) -> &Sampler) -> Span {
        let slot = &self.slots[number as usize];
        let plan = sampler(&self.plan.pools[self.pool_of(slot.instance)].delays);
        plan.is_constant().unwrap_or_else(|| {
            // Exits and restarts of one spawn are different draws of one stream: tell them apart by the act.
            let index = u64::from(number) << 4 | slot.act as u64;
            plan.draw(&mut self.streams.keyed(Purpose::WorkerLife, index, u64::from(slot.spawns)))
        })
    }

    /// The worker process is being started: sets when it will be ready. `false` if the start fails for good.
    pub(in crate::engine) fn start_worker(&mut self, number: u32) -> bool {
        let instance = self.slots[number as usize].instance;
        let pool = self.pool_of(instance);
        let life = &self.plan.model.pools[pool].life;
        self.monitor.pools[pool].tally.spawns += 1;
        let slot = &mut self.slots[number as usize];
        slot.spawns += 1;
        let spawn = u64::from(slot.spawns);
        (slot.doomed, slot.silent, slot.first_write) = (false, false, false);
        let mut chance = self.streams.keyed(Purpose::StartUp, u64::from(number), spawn);
        if chance.chance(life.spawn_failure) {
            self.plan_act(number, Act::Rest, Time::NEVER);
            return false;
        }
        let never = chance.chance(life.never_ready);
        let order = &mut self.spawn_order[instance as usize];
        let first = life.first_start_up.get(*order as usize);
        *order += 1;
        let time = first.copied().unwrap_or_else(|| self.plan.pools[pool].delays.start_up.draw(&mut chance));
        match self.host_of(instance) {
            _ if never => self.plan_act(number, Act::Rest, Time::NEVER),
            Some(host) if life.start_up_cpu > 0.0 && time > Span::ZERO => {
                let slot = &mut self.slots[number as usize];
                (slot.after, slot.tail) = (Act::Ready, Span::ZERO);
                self.plan_act(number, Act::Rest, Time::NEVER);
                self.enter_host(number, host, life.start_up_cpu, time);
            }
            _ => self.plan_act(number, Act::Ready, self.now + time),
        }
        true
    }

    /// How long ago a worker that falls silent now gave its last heartbeat: a warm one perhaps before the start.
    pub(in crate::engine) fn since_last_beat(&self, number: u32) -> Span {
        let slot = &self.slots[number as usize];
        let life = &self.plan.model.pools[self.pool_of(slot.instance)].life;
        let interval = i128::from(life.heartbeat_interval.nanos().max(1));
        let alive = i128::from(self.now.nanos()) - slot.ready_at;
        Span::from_nanos(u64::try_from(alive.rem_euclid(interval)).unwrap_or(u64::MAX))
    }
}
