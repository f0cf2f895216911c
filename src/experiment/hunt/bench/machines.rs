//! The machines of the bench: what workers do by themselves, and when.

use super::*;
use crate::policy::CrashRadius;
use crate::random::Stream;
use crate::workload::Sampler;

impl Bench<'_> {
    pub(super) fn plan(&mut self, slot: u32, act: Act, at: Time) {
        let sequence = self.push(at, slot << 2, What::Act(slot));
        let body = &mut self.bodies[slot as usize];
        (body.act, body.act_at, body.act_sequence) = (act, at, sequence);
    }

    pub(super) fn stop(&mut self, slot: u32) {
        let body = &mut self.bodies[slot as usize];
        (body.timer_sequence, body.beat_sequence) = (NONE, NONE);
        self.plan(slot, Act::Rest, Time::NEVER);
    }

    pub(super) fn kill_from_outside(&mut self, slot: u32) {
        use WorkerState::{Busy, Cancelling, Idle, Starting, Zombie};
        let Some(&body) = self.bodies.get(slot as usize) else { return };
        if matches!(body.state, Idle | Busy | Zombie | Cancelling | Starting) && !body.doomed {
            self.story.blow(self.now, slot);
            self.referee.hits(slot);
            let delay = self.life(slot, &self.ground.delays.crash_exit);
            self.die(slot, Act::CrashExit, delay);
        }
    }

    pub(super) fn die(&mut self, slot: u32, exit: Act, delay: Span) {
        let body = &mut self.bodies[slot as usize];
        (body.doomed, body.first_write) = (true, true);
        let mut at = self.now + delay;
        if body.act == Act::CrashExit {
            at = at.min(body.act_at);
        }
        self.plan(slot, exit, at);
    }

    /// Ends a worker by its pool's will.
    pub(super) fn doom(&mut self, slot: u32, delay: Span) {
        let body = &mut self.bodies[slot as usize];
        (body.timer_sequence, body.beat_sequence) = (NONE, NONE);
        self.die(slot, Act::Exit, delay);
    }

    /// How late a timer of a slot fires; `salt` tells its kinds apart.
    pub(super) fn lateness(&self, slot: u32, at: Time, salt: u64) -> Span {
        let late = &self.ground.delays.timer_late;
        late.is_constant().unwrap_or_else(|| {
            late.draw(&mut self.streams.keyed(Purpose::Transport, u64::from(slot) << 32 | salt, at.nanos()))
        })
    }

    pub(super) fn life(&self, slot: u32, sampler: &Sampler) -> Span {
        let body = &self.bodies[slot as usize];
        sampler.is_constant().unwrap_or_else(|| {
            let index = u64::from(slot) << 4 | body.act as u64;
            sampler.draw(&mut self.streams.keyed(Purpose::WorkerLife, index, u64::from(body.spawns)))
        })
    }

    pub(super) fn start_worker(&mut self, slot: u32) -> bool {
        let life = &self.ground.pool.life;
        let body = &mut self.bodies[slot as usize];
        body.spawns += 1;
        (body.doomed, body.silent, body.first_write) = (false, false, false);
        let mut chance = self.streams.keyed(Purpose::StartUp, u64::from(slot), u64::from(body.spawns));
        if chance.chance(life.spawn_failure) {
            self.plan(slot, Act::Rest, Time::NEVER);
            return false;
        }
        let never = chance.chance(life.never_ready);
        let first = life.first_start_up.get(self.spawn_order as usize);
        self.spawn_order += 1;
        let time = first.copied().unwrap_or_else(|| self.ground.delays.start_up.draw(&mut chance));
        match never {
            true => self.plan(slot, Act::Rest, Time::NEVER),
            false => self.plan(slot, Act::Ready, self.now + time),
        }
        true
    }

    pub(super) fn last_beat(&self, slot: u32) -> Option<Time> {
        let interval = i128::from(self.ground.pool.life.heartbeat_interval.nanos().max(1));
        let ready = self.bodies[slot as usize].ready_at;
        let alive = i128::from(self.now.nanos()) - ready;
        let beat = ready + alive.div_euclid(interval) * interval;
        u64::try_from(beat.max(ready)).ok().map(Time::from_nanos)
    }

    pub(super) fn transport(&self, job: JobId) -> Stream {
        self.streams.keyed(Purpose::Transport, u64::from(job), u64::from(self.executions[job as usize]))
    }

    /// Sets the course of an attempt on a live worker.
    pub(super) fn course(&mut self, slot: u32, job: JobId) {
        let request = self.work.requests[job as usize];
        self.executions[job as usize] += 1;
        let fate = match request.fate {
            Fate::CrashOnce if self.executions[job as usize] != 1 => Fate::Ok,
            fate => fate,
        };
        let delays = &self.ground.delays;
        if let (Fate::Ok, Some(overhead)) = (fate, delays.overhead) {
            return self.plan(slot, Act::Answer, self.now + overhead + request.demand);
        }
        let mut chance = self.transport(job);
        let way = delays.dispatch.draw(&mut chance);
        let work = request.demand + delays.late.draw(&mut chance);
        let in_job = self.ground.pool.settings.worker.crash_radius == CrashRadius::Job;
        let (act, tail) = match fate {
            Fate::Ok => (Act::Answer, delays.reply.draw(&mut chance)),
            Fate::Error => (Act::AnswerError, delays.reply.draw(&mut chance)),
            Fate::Crash | Fate::CrashOnce if in_job => (Act::AnswerCrash, delays.reply.draw(&mut chance)),
            Fate::Crash | Fate::CrashOnce => (Act::CrashExit, delays.crash_exit.draw(&mut chance)),
            Fate::Hang => return self.plan(slot, Act::Rest, Time::NEVER),
            Fate::Freeze => (Act::Freeze, Span::ZERO),
        };
        self.plan(slot, act, self.now + way + work + tail);
    }

    /// A job was written to a worker that will not work on it.
    pub(super) fn write_to_corpse(&mut self, slot: u32, job: JobId) {
        let first = std::mem::replace(&mut self.bodies[slot as usize].first_write, false);
        let chance = self.ground.pool.life.write_error;
        let retries = u64::from(self.tickets[job as usize].retries);
        let mut stream = self.streams.keyed(Purpose::WriteError, u64::from(job), retries);
        if first && chance > 0.0 && stream.chance(chance) {
            self.failed_writes.push(slot);
        }
    }
}
