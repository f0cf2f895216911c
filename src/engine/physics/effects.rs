//! The effects of a pool's decisions on virtual time: the driver that `policy::Pool` calls.

use super::*;

/// Each time that a ring of waiting limits has got so many more it is looked through.
const LOOK: usize = 64;

/// The timer of a worker's beats, as the draws of its lateness are marked.
const BEATS: u64 = 1 << 62;
/// A slot's other timer, of which it has one at a time.
const OTHER: u64 = 1 << 63;

impl<C> Tickets for Physics<'_, C> {
    #[inline(always)]
    fn ticket(&mut self, job: JobId) -> &mut Ticket {
        self.jobs.ticket(job)
    }
}

impl<C: SlotCalendar> Driver for Physics<'_, C> {
    #[inline(always)]
    fn start(&mut self, instance: u32, local: u32, job: JobId, dying: bool) {
        self.hand(instance, local, job, dying, false);
    }

    #[inline(always)]
    fn start_next(&mut self, instance: u32, local: u32, job: JobId) {
        self.hand(instance, local, job, false, true);
    }

    #[inline(always)]
    fn arm(&mut self, instance: u32, local: u32, timer: SlotTimer, at: Time) {
        let number = self.slot_number(instance, local);
        if timer == SlotTimer::Heartbeat {
            // A live worker beats in time; only a silent one, or one whose beats are too rare, is timed.
            if self.slots[number as usize].silent || self.beats_too_rarely(number) {
                self.slots[number as usize].beat_at = at + self.lateness(number, at, BEATS);
                self.schedule(number);
            }
            return;
        }
        let late = self.lateness(number, at, OTHER);
        let slot = &mut self.slots[number as usize];
        slot.disarm(self.now);
        (slot.timer, slot.timer_due, slot.timer_at) = (timer, at, at + late);
        if slot.timer_at < slot.key {
            self.schedule(number);
        }
    }

    #[inline(never)]
    fn drawn_timeout(&mut self, pool: u32, job: JobId) -> Span {
        let (index, _) = self.plan.instances[pool as usize];
        let Some(limit) = &self.plan.pools[index].timeout else { return Span::NEVER };
        let entry = self.jobs.get(job);
        // A time-out over all attempts is one draw for the job, else each attempt has its own.
        let settings = self.plan.model.pools[index].settings.service_timeout;
        let each = settings.is_some_and(|timeout| timeout.origin == crate::policy::TimeoutOrigin::Dispatch);
        let execution = if each { u64::from(entry.executions) } else { 0 };
        limit.draw(&mut self.streams.keyed(Purpose::ServiceTimeout, entry.key, execution))
    }

    fn kill(&mut self, instance: u32, local: u32) {
        self.note(instance, |_| Choice::Kill { slot: local });
        let number = self.slot_number(instance, local);
        if !self.slots[number as usize].doomed {
            let pool = self.pool_of(instance);
            self.monitor.pools[pool].tally.kills += 1;
            let slot = (local, self.slots[number as usize].spawns);
            let known = self.recorded.and_then(|recorded| recorded.exits.get(&slot)).copied();
            let delay = known.unwrap_or_else(|| self.life_draw(number, |delays| &delays.kill_exit));
            self.doom(number, delay);
        }
    }

    fn retire(&mut self, instance: u32, local: u32) {
        self.note(instance, |_| Choice::Retire { slot: local });
        let number = self.slot_number(instance, local);
        if !self.slots[number as usize].doomed {
            let delay = self.life_draw(number, |delays| &delays.crash_exit);
            self.doom(number, delay);
        }
    }

    #[inline(always)]
    fn released(&mut self, instance: u32, local: u32, job: JobId, outcome: Outcome) {
        // What ended well was counted with its answer.
        if outcome != Outcome::Ok {
            self.waste_service(self.slot_number(instance, local), job, outcome);
        }
    }

    fn withdraw(&mut self, instance: u32, local: u32, job: JobId) {
        self.note(instance, |phys| Choice::Withdraw { job: phys.name_of(job), slot: local });
        let number = self.slot_number(instance, local);
        self.leave_host(number);
        let slot = &mut self.slots[number as usize];
        slot.disarm(self.now);
        if slot.doomed {
            // It is dead already: the exit is still to be noticed.
            return self.schedule(number);
        }
        self.plan_act(number, Act::Rest, Time::NEVER);
    }

    fn respawn(&mut self, instance: u32, local: u32, first: bool) {
        self.note(instance, |_| Choice::Respawn { slot: local });
        let number = self.slot_number(instance, local);
        let delay = if first { Span::ZERO } else { self.life_draw(number, |delays| &delays.restart_delay) };
        let pool = self.pool_of(instance);
        if first && !self.plan.model.pools[pool].settings.worker.idle_shutdown.is_never() {
            self.monitor.pools[pool].tally.cold_starts += 1;
        }
        let slot = &mut self.slots[number as usize];
        slot.disarm(self.now);
        (slot.beat_at, slot.job) = (Time::NEVER, NO_JOB);
        self.plan_act(number, Act::Spawn, self.now + delay);
    }

    #[inline(always)]
    fn queued(&mut self, instance: u32, job: JobId, again: bool) {
        self.note(instance, |phys| Choice::Queue { job: phys.name_of(job), again });
        let pool = self.pool_of(instance);
        let now = self.now;
        self.monitor.pools[pool].queue_up(now);
        let entry = self.jobs.get_mut(job);
        entry.queued_at = now;
        if again {
            entry.book_waiting(now);
            entry.ticket.started = Time::NEVER;
        }
        let leave_by = entry.ticket.leave_by;
        if C::FOLLOWED {
            self.note_step(job, What::Queued(pool as u32));
        }
        if leave_by != Time::NEVER {
            self.arm_wait(job, leave_by, again);
        }
    }

    #[inline(always)]
    fn unqueued(&mut self, instance: u32, job: JobId) {
        let pool = self.pool_of(instance);
        self.monitor.pools[pool].queue.down(self.now);
        let queued_at = self.jobs.get(job).queued_at;
        self.waiting_counted += self.now.since(queued_at).nanos();
    }

    fn later(&mut self, instance: u32, timer: PoolTimer, delay: Span) {
        let at = self.now + delay;
        match timer {
            PoolTimer::Turn => {
                self.timers.push(Timer { at, kind: TimerKind::Turn, id: instance, generation: 0 });
            }
            PoolTimer::Requeue(job) => self.job_timer(TimerKind::Requeue, job, at),
        }
    }

    fn retried(&mut self, instance: u32, job: JobId, outcome: Outcome) {
        self.note(instance, |phys| Choice::Retry { job: phys.name_of(job), outcome });
        let now = self.now;
        self.drop_kept(job, outcome);
        let entry = self.jobs.get_mut(job);
        entry.book_in_vain(now);
        (entry.queued_at, entry.ticket.started) = (now, Time::NEVER);
        let innocent = entry.is_innocent(outcome);
        let cell = entry.cell;
        if C::FOLLOWED {
            self.note_attempt_end(job, outcome, true);
        }
        let tally = self.monitor.cell(cell);
        tally.pool_retries += 1;
        tally.attempts_timed_out += u64::from(outcome == Outcome::Timeout);
        tally.innocent_failures += u64::from(innocent);
        let retry = self.jobs.get(job).ticket.retries;
        self.redraw(job, retry);
    }

    #[inline(always)]
    fn ended(&mut self, instance: u32, job: JobId, outcome: Outcome) {
        self.note(instance, |phys| Choice::End { job: phys.name_of(job), outcome });
        let pool = self.pool_of(instance);
        self.monitor.pools[pool].tally.outcomes[outcome as usize] += 1;
        if C::FOLLOWED {
            self.note_attempt_end(job, outcome, false);
        }
        let entry = self.jobs.get(job);
        if outcome == Outcome::Ok && entry.ends_at_once() {
            return self.finish_at_once(job);
        }
        self.ended_otherwise(job, outcome);
    }

    #[inline(always)]
    fn moved(&mut self, instance: u32, local: u32, from: WorkerState, to: WorkerState) {
        if C::FOLLOWED {
            self.note_worker(instance, local, from, to);
        }
        let pool = self.pool_of(instance);
        let now = self.now;
        self.monitor.moved(now, pool, from, to);
        match (from, to) {
            (WorkerState::Idle, WorkerState::Busy) | (WorkerState::Busy, WorkerState::Idle) => {}
            _ => self.moved_rarely(instance, local, from, to),
        }
        if C::FOLLOWED {
            self.note_move(instance, local, from, to);
        }
    }
}

impl<C: SlotCalendar> Physics<'_, C> {
    /// Takes a decision down, where that is wanted; pools that nobody wrote decide nothing.
    #[inline(always)]
    fn note(&mut self, instance: u32, choice: impl FnOnce(&Self) -> Choice) {
        if C::FOLLOWED && self.log.is_some() && !self.plan.model.pools[self.pool_of(instance)].implicit {
            let decision = Decision { at: self.now, pool: instance, choice: choice(self) };
            if let Some(log) = &mut self.log {
                log.push(decision);
            }
        }
    }

    fn name_of(&self, job: JobId) -> JobName {
        let entry = self.jobs.get(job);
        JobName {
            request: entry.key,
            attempt: entry.attempts.max(1) + u32::from(entry.hedge) * entry.past().hedges,
        }
    }

    /// What the list of decisions says of a worker's life.
    fn note_worker(&mut self, instance: u32, slot: u32, from: WorkerState, to: WorkerState) {
        let choice = match (from, to) {
            (_, WorkerState::Gone) => Choice::Gone { slot },
            (_, WorkerState::Starting) => Choice::Spawned { slot },
            (WorkerState::Starting, WorkerState::Idle) => Choice::Ready { slot },
            _ => return,
        };
        self.note(instance, |_| choice);
    }

    /// Hands a job to a worker. `waiting`: it comes straight from the queue, and leaves that here.
    #[inline(always)]
    pub(super) fn hand(&mut self, instance: u32, local: u32, job: JobId, dying: bool, waiting: bool) {
        self.note(instance, |phys| Choice::Start { job: phys.name_of(job), slot: local, dying });
        let number = self.slot_number(instance, local);
        let now = self.now;
        if C::FOLLOWED {
            self.note_start(number, job, dying);
        }
        let entry = self.jobs.get_mut(job);
        let slot = &mut self.slots[number as usize];
        entry.ticket.hand_over(now, local);
        let levels = &mut self.monitor.pools[slot.pool as usize];
        levels.tally.starts += 1;
        if waiting {
            levels.queue.down(now);
            self.waiting_counted += now.after(entry.queued_at).nanos();
        }
        entry.book_waiting(now);
        if entry.first_start == Time::NEVER {
            entry.first_start = now;
            let tally = &mut self.monitor.cells[entry.cell as usize];
            if entry.ticket.arrived == now {
                tally.wait_served.record_zero();
            } else {
                tally.wait_served.record(now.after(entry.ticket.arrived));
                tally.delayed += 1;
            }
        }
        (slot.job, slot.orphan) = (job, entry.orphan);
        slot.disarm(now);
        if dying || slot.doomed || slot.silent {
            return self.hand_to_no_one(number, job, dying);
        }
        slot.since = now;
        entry.executions += 1;
        if entry.fate != Fate::Ok || slot.overhead.is_never() {
            return self.set_long_course(number, job);
        }
        let at = now + slot.overhead + entry.demand;
        (slot.act, slot.act_at) = (Act::Answer, at);
        if slot.key == Time::NEVER && slot.beat_at == Time::NEVER && at < Time::HORIZON_MAX {
            // What `schedule` would find out.
            slot.key = at;
            self.calendar.insert(at, number);
        } else {
            self.schedule(number);
        }
    }

    /// Takes back the waiting limits of jobs that wait no longer, if such come due first: none comes due in vain. Says
    /// whether there were any.
    pub(in crate::engine) fn drop_what_is_over(&mut self) -> bool {
        self.timers.first_ring().is_some_and(|ring| self.drop_waiting_limits(ring))
    }

    #[inline(never)]
    fn drop_waiting_limits(&mut self, ring: usize) -> bool {
        let Physics { timers, jobs, .. } = self;
        let past = |timer: &Timer| {
            let entry = jobs.get(timer.id);
            entry.stamp != timer.generation || entry.ticket.place != Place::Queued
        };
        timers.drop_first(ring, |timer| timer.kind == TimerKind::WaitLimit && past(timer))
    }

    /// Books the end of a job that did not end well at once, and leaves the rest to its client.
    #[inline(never)]
    pub(super) fn ended_otherwise(&mut self, job: JobId, outcome: Outcome) {
        if !self.kept.is_empty() {
            self.drop_kept(job, outcome);
        }
        let entry = self.jobs.get_mut(job);
        entry.ticket.place = Place::Outside;
        let stayed = self.now.since(entry.ticket.arrived);
        let tally = &mut self.monitor.cells[entry.cell as usize];
        if entry.first_start != Time::NEVER {
            tally.sojourn_served.record(stayed);
            if outcome == Outcome::Ok && self.plan.slowdown {
                tally.slowdown += stayed.nanos() as f64 / entry.demand.nanos().max(1) as f64;
                tally.slowdown_count += 1;
            }
        } else if outcome == Outcome::Rejected && entry.queued_at == Time::NEVER {
            tally.attempts_rejected += 1;
            tally.first_rejected += u64::from(entry.attempts == 1);
        } else {
            tally.delayed += u64::from(stayed > Span::ZERO);
            tally.wait_left.record(stayed);
        }
        tally.attempts_timed_out += u64::from(outcome == Outcome::Timeout);
        tally.innocent_failures += u64::from(entry.is_innocent(outcome));
        self.tell(job, outcome);
    }

    /// The transitions that are not a job's start or end.
    #[inline(never)]
    pub(super) fn moved_rarely(&mut self, instance: u32, local: u32, from: WorkerState, to: WorkerState) {
        let number = self.slot_number(instance, local);
        if number as usize >= self.slots.len() {
            self.add_slot(number);
        }
        match (from, to) {
            (WorkerState::Busy, WorkerState::Zombie) => {
                // The zombie's time is counted by its level.
                self.slots[number as usize].disarm(self.now);
                self.schedule(number);
            }
            (WorkerState::Busy, to) => {
                // A silent worker is killed with its job.
                self.close_service(number, self.in_vain(number, Waste::Crash));
                if to == WorkerState::Gone {
                    self.gone(number);
                }
            }
            (WorkerState::Down, _) => {
                let slot = &mut self.slots[number as usize];
                (slot.doomed, slot.silent) = (false, false);
            }
            (_, WorkerState::Gone) => self.gone(number),
            _ => {}
        }
    }

    /// The exit of a worker was noticed.
    fn gone(&mut self, number: u32) {
        let pool = self.slots[number as usize].pool as usize;
        self.monitor.pools[pool].tally.exits += 1;
        self.leave_host(number);
    }

    /// A slot that a pool without a limit has just made: with it all slots numbered below it.
    pub(super) fn add_slot(&mut self, number: u32) {
        let unlimited: Vec<u32> =
            (0..self.numbering.len() as u32).filter(|&instance| is_unlimited(self.plan, instance)).collect();
        while self.slots.len() <= number as usize {
            let beyond = (self.slots.len() - self.plan.slots) as u32;
            let stride = unlimited.len() as u32;
            self.slots.push(Slot::new(self.plan, unlimited[(beyond % stride) as usize], beyond / stride));
        }
    }

    /// How late a timer of a slot fires that is due at `at`; `mark` keeps the draws of its two timers apart.
    #[inline(always)]
    fn lateness(&self, number: u32, at: Time, mark: u64) -> Span {
        let slot = &self.slots[number as usize];
        slot.timer_delay.unwrap_or_else(|| self.drawn_lateness(number, at, mark))
    }

    #[inline(never)]
    fn drawn_lateness(&self, number: u32, at: Time, mark: u64) -> Span {
        let slot = &self.slots[number as usize];
        // The same timer bounds a start-up, when the slot has no job yet.
        let serving = mark == OTHER && slot.job != NO_JOB;
        let known = self.recorded.filter(|_| serving).and_then(|recorded| {
            let entry = self.jobs.get(slot.job);
            recorded.timers.get(&(entry.key, entry.ticket.retries))
        });
        known.copied().unwrap_or_else(|| {
            let key = u64::from(number) << 32 | mark;
            let mut chance = self.streams.keyed(Purpose::Transport, key, at.nanos());
            self.plan.pools[slot.pool as usize].delays.timer_late.draw(&mut chance)
        })
    }

    pub(super) fn beats_too_rarely(&self, number: u32) -> bool {
        let pool = &self.plan.model.pools[self.pool_of(self.slots[number as usize].instance)];
        pool.life.heartbeat_interval >= pool.settings.worker.heartbeat_timeout
    }

    /// Sets the timer of a job's waiting limit: in a ring where the limit is a constant and counts from now.
    #[inline(always)]
    pub(super) fn arm_wait(&mut self, job: JobId, leave_by: Time, again: bool) {
        let entry = self.jobs.get(job);
        match entry.wait_ring {
            Some(ring) if !again => {
                self.timers.push_ring(usize::from(ring), self.now, job, entry.stamp);
                if self.timers.length(usize::from(ring)).is_multiple_of(LOOK) {
                    // Those that started long ago would heap up before a long limit is over.
                    self.drop_waiting_limits(usize::from(ring));
                }
            }
            _ => self.job_timer(TimerKind::WaitLimit, job, leave_by),
        }
    }

    /// A slot whose busy time is limited will break down when that time is up.
    pub(super) fn arm_busy_breakdown(&mut self, number: u32) {
        let slot = &self.slots[number as usize];
        let pool = self.pool_of(slot.instance);
        if self.plan.model.pools[pool].breakdown.as_ref().is_some_and(|b| !b.while_idle) {
            let at = self.now + slot.up_left;
            let timer = Timer { at, kind: TimerKind::Breakdown, id: number, generation: slot.starts };
            self.timers.push(timer);
        }
    }
}
