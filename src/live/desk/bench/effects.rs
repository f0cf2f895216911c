//! The effects of a pool's decisions on a real clock: the driver that `policy::Pool` calls.

use super::*;
use crate::live::target::WorkerEvent;
use crate::model::requests::Drawn;
use crate::policy::{Driver, Place, PoolTimer, SlotTimer, WorkerState};

impl Driver for Bench {
    fn start(&mut self, _: u32, slot: u32, job: JobId, dying: bool) {
        self.note(Effect::Start { slot, job, dying });
        let now = self.now;
        let entry = &mut self.jobs[job as usize];
        entry.ticket.hand_over(now, slot);
        let Some(told) = entry.job.clone() else { return };
        let seat = &self.seats[slot as usize];
        let lost = dying || seat.doomed || seat.silent;
        self.report(What::Started { id: told.id, worker: slot, dying: lost });
        if self.plays && lost {
            return self.write_to_corpse(slot, job);
        }
        let entry = &mut self.jobs[job as usize];
        entry.executions += u32::from(!lost);
        let (executions, work) = (entry.executions, entry.work.clone());
        let course = self.course(&told, executions);
        self.serial += 1;
        let order = Order { serial: self.serial, begin: now, course, work, job: told };
        let seat = &mut self.seats[slot as usize];
        seat.serial = order.serial;
        seat.freezes |= course.end == End::Freeze;
        let whole = course.dispatch + order.job.demand + course.tail;
        seat.crash_at = (course.end == End::Exit).then_some(now + whole);
        match &mut seat.worker {
            Some(worker) => worker.start(order),
            None => seat.pending = Some(order),
        }
    }

    fn arm(&mut self, _: u32, slot: u32, timer: SlotTimer, at: Time) {
        self.note(Effect::Arm { slot, timer, at });
        let due = match timer {
            SlotTimer::Service => Due::Service { slot },
            SlotTimer::Grace => Due::Grace { slot },
            SlotTimer::Start => Due::Start { slot },
            SlotTimer::Idle => Due::Idle { slot },
            SlotTimer::Heartbeat => Due::Heartbeat { slot },
        };
        self.set(at, due);
    }

    fn kill(&mut self, _: u32, slot: u32) {
        self.note(Effect::Kill { slot });
        self.report(What::Worker { pool: self.number, worker: slot, event: WorkerEvent::Killed });
        let seat = &mut self.seats[slot as usize];
        if let Some(worker) = &mut seat.worker {
            worker.kill();
        }
        if std::mem::replace(&mut seat.doomed, true) {
            return;
        }
        seat.first_write = true;
        let (generation, crash_at, spawns) = (seat.generation, seat.crash_at, seat.spawns);
        if self.plays {
            let delay = Life::draw(&self.life.delays.kill_exit, &self.streams, slot, spawns, 1);
            let at = crash_at.unwrap_or(Time::NEVER).min(self.now + delay);
            self.set(at, Due::Exit { slot, generation, crashed: false });
        }
    }

    fn retire(&mut self, _: u32, slot: u32) {
        self.note(Effect::Retire { slot });
        let seat = &mut self.seats[slot as usize];
        if let Some(worker) = &mut seat.worker {
            worker.retire();
        }
        if std::mem::replace(&mut seat.doomed, true) {
            return;
        }
        seat.first_write = true;
        let (generation, spawns) = (seat.generation, seat.spawns);
        if self.plays {
            let delay = Life::draw(&self.life.delays.crash_exit, &self.streams, slot, spawns, 2);
            self.set(self.now + delay, Due::Exit { slot, generation, crashed: false });
        }
    }

    fn withdraw(&mut self, _: u32, slot: u32, job: JobId) {
        self.note(Effect::Withdraw { slot, job });
        self.forget_order(slot);
        if let Some(worker) = &mut self.seats[slot as usize].worker {
            worker.stop();
        }
    }

    fn respawn(&mut self, _: u32, slot: u32, first: bool) {
        self.note(Effect::Respawn { slot, first });
        let spawns = self.seats[slot as usize].spawns;
        let delay = if first {
            Span::ZERO
        } else {
            Life::draw(&self.life.delays.restart_delay, &self.streams, slot, spawns, 3)
        };
        if !self.closing {
            self.set(self.now + delay, Due::Spawn { slot });
        }
    }

    fn queued(&mut self, _: u32, job: JobId, again: bool) {
        self.note(Effect::Queued { job, again });
        let attempt = self.id_of(job);
        self.report(What::Queued { id: attempt });
        let leave_by = self.jobs[job as usize].ticket.leave_by;
        if leave_by != Time::NEVER {
            self.set(leave_by, Due::WaitLimit { job, attempt });
        }
    }

    fn unqueued(&mut self, _: u32, job: JobId) {
        self.note(Effect::Unqueued { job });
    }

    fn later(&mut self, _: u32, timer: PoolTimer, delay: Span) {
        self.note(Effect::Later { timer, delay });
        let due = match timer {
            PoolTimer::Turn => Due::Turn,
            PoolTimer::Requeue(job) => Due::Requeue { job, attempt: self.id_of(job) },
        };
        self.set(self.now + delay, due);
    }

    fn retried(&mut self, _: u32, job: JobId, outcome: Outcome) {
        self.note(Effect::Retried { job, outcome });
        self.report(What::Retried { id: self.id_of(job), outcome });
        let entry = &mut self.jobs[job as usize];
        let (Some(requests), Some(told)) = (&self.requests, &mut entry.job) else { return };
        let mut drawn = Drawn {
            key: told.request,
            class: told.class,
            priority: told.priority,
            demand: told.demand,
            size: told.size,
            fate: told.fate,
            scripted: told.scripted,
        };
        // The ticket keeps its size: what the policy is told must be in the journal.
        requests.redraw(&self.streams, &mut drawn, entry.executions);
        (told.demand, told.fate) = (drawn.demand, drawn.fate);
    }

    fn ended(&mut self, _: u32, job: JobId, outcome: Outcome) {
        self.note(Effect::Ended { job, outcome });
        let entry = &mut self.jobs[job as usize];
        entry.ticket.place = Place::Outside;
        let Some(told) = entry.job.take() else { return };
        entry.work = Work::Told;
        let tells = matches!(outcome, Outcome::Ok | Outcome::Error | Outcome::Crash);
        let detail = if tells { std::mem::take(&mut self.last_words) } else { String::new() };
        self.numbers.remove(&told.id);
        self.free.push(job);
        self.report(What::Ended { id: told.id, outcome, detail });
    }

    fn moved(&mut self, _: u32, slot: u32, from: WorkerState, to: WorkerState) {
        self.note(Effect::Moved { slot, from, to });
        self.grow(slot + 1);
        if to == WorkerState::Starting && self.seats[slot as usize].spawns == 0 {
            // Nobody was asked to start it: an unlimited pool takes it for ready at once.
            self.renew(slot);
            self.set(self.now, Due::Seat { slot });
        }
        let event = match (from, to) {
            (_, WorkerState::Starting) => WorkerEvent::Spawned,
            (WorkerState::Starting, WorkerState::Idle) => {
                if self.heartbeats {
                    let generation = self.seats[slot as usize].generation;
                    self.set(self.now + self.life.heartbeat_interval, Due::Beat { slot, generation });
                }
                WorkerEvent::Ready
            }
            (_, WorkerState::Gone) => WorkerEvent::Exited,
            (_, WorkerState::Lost) => WorkerEvent::Lost,
            (_, WorkerState::Zombie) => WorkerEvent::Lingers,
            (WorkerState::Zombie, WorkerState::Idle | WorkerState::Busy) => WorkerEvent::Free,
            _ => return,
        };
        self.report(What::Worker { pool: self.number, worker: slot, event });
    }
}
