//! The effects of a scheduler on the bench: each is noted by the referee and the story, then carried out.

use super::*;
use crate::policy::{Driver, Tickets};

impl Tickets for Bench<'_> {
    #[inline]
    fn ticket(&mut self, job: JobId) -> &mut Ticket {
        &mut self.tickets[job as usize]
    }
}

impl Driver for Bench<'_> {
    fn start(&mut self, _pool: u32, slot: u32, job: JobId, dying: bool) {
        self.referee.started(self.now, job, slot, dying);
        self.story.started(self.now, job, slot, dying);
        self.tickets[job as usize].hand_over(self.now, slot);
        let Some(body) = self.bodies.get_mut(slot as usize) else { return };
        (body.job, body.timer_sequence) = (job, NONE);
        if dying || body.doomed {
            self.write_to_corpse(slot, job);
        } else if !body.silent {
            self.course(slot, job);
        }
    }

    fn arm(&mut self, _pool: u32, slot: u32, timer: SlotTimer, at: Time) {
        let life = &self.ground.pool.life;
        if timer == SlotTimer::Heartbeat {
            let rare = life.heartbeat_interval >= self.ground.pool.settings.worker.heartbeat_timeout;
            if self.bodies[slot as usize].silent || rare {
                let at = at + self.lateness(slot, at, 1 << 62);
                self.bodies[slot as usize].beat_sequence = self.push(at, slot << 2 | 2, What::Beat(slot));
            }
            return;
        }
        let late = self.lateness(slot, at, 1 << 63);
        let sequence = self.push(at + late, slot << 2 | 1, What::SlotTimer(slot));
        (self.bodies[slot as usize].timer, self.bodies[slot as usize].timer_sequence) = (timer, sequence);
    }

    fn kill(&mut self, _pool: u32, slot: u32) {
        self.story.killed(self.now, slot);
        if !self.bodies[slot as usize].doomed {
            let delay = self.life(slot, &self.ground.delays.kill_exit);
            self.doom(slot, delay);
        }
    }

    fn retire(&mut self, _pool: u32, slot: u32) {
        if !self.bodies[slot as usize].doomed {
            let delay = self.life(slot, &self.ground.delays.crash_exit);
            self.doom(slot, delay);
        }
    }

    fn withdraw(&mut self, _pool: u32, slot: u32, _job: JobId) {
        self.referee.withdrawn(slot);
        self.bodies[slot as usize].timer_sequence = NONE;
        if !self.bodies[slot as usize].doomed {
            self.plan(slot, Act::Rest, Time::NEVER);
        }
    }

    fn respawn(&mut self, _pool: u32, slot: u32, first: bool) {
        let delay = if first { Span::ZERO } else { self.life(slot, &self.ground.delays.restart_delay) };
        let body = &mut self.bodies[slot as usize];
        (body.timer_sequence, body.beat_sequence, body.job) = (NONE, NONE, NO_JOB);
        self.plan(slot, Act::Spawn, self.now + delay);
    }

    fn queued(&mut self, _pool: u32, job: JobId, again: bool) {
        self.referee.queued(self.now, job, again);
        self.story.queued(self.now, job, again);
        let leave_by = self.tickets[job as usize].leave_by;
        self.push(leave_by, WAIT_LIMITS, What::WaitLimit(job));
    }

    fn unqueued(&mut self, _pool: u32, job: JobId) {
        self.referee.unqueued(self.now, job);
    }

    fn later(&mut self, _pool: u32, timer: PoolTimer, delay: Span) {
        match timer {
            PoolTimer::Turn => {
                self.referee.turn_begins();
                self.push(self.now + delay, TURNS, What::Turn);
            }
            PoolTimer::Requeue(job) => {
                self.referee.delayed(job);
                self.push(self.now + delay, REQUEUES, What::Requeue(job));
            }
        }
    }

    fn retried(&mut self, _pool: u32, job: JobId, outcome: Outcome) {
        self.referee.retried(self.now, job, outcome);
        self.story.retried(self.now, job, outcome);
    }

    fn ended(&mut self, _pool: u32, job: JobId, outcome: Outcome) {
        self.referee.ended(self.now, job, outcome);
        self.tickets[job as usize].place = Place::Outside;
        if self.ends[job as usize].is_none() {
            self.ends[job as usize] = Some((outcome, self.now));
        }
        let (outcome, _) = self.ends[job as usize].unwrap_or((outcome, self.now));
        self.story.ended(self.now, job, outcome);
    }

    fn moved(&mut self, _pool: u32, slot: u32, from: WorkerState, to: WorkerState) {
        if slot as usize >= self.bodies.len() {
            self.bodies.resize(slot as usize + 1, Body::NEW);
        }
        self.referee.moved(self.now, slot, from, to);
        self.story.moved(self.now, slot, to);
        let body = &mut self.bodies[slot as usize];
        body.state = to;
        match (from, to) {
            (WorkerState::Busy, WorkerState::Zombie) => body.timer_sequence = NONE,
            (WorkerState::Down, _) => (body.doomed, body.silent) = (false, false),
            _ => {}
        }
    }
}
