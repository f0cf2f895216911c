//! The test bench: drives a scheduler through one case on virtual time, with the referee beside it.
//!
//! It is a second driver of the policy, as small as can be: no statistics, hosts, routes or client rules. Where both
//! can play a model, [`crate::engine`] and the bench tell the same story, which the tests check.
//! Order of one instant, as in the engine: slots (lowest first; an act before a time-out before a heartbeat), timers,
//! arrivals.

use super::ground::{BlowKind, Ground, Workload};
use super::referee::{Newcomer, Referee};
use super::story::Story;
use crate::outcome::Outcome;
use crate::policy::{
    CrashRadius, Driver, Input, JobId, NO_JOB, Place, Pool, PoolTimer, SlotTimer, Ticket, Tickets,
    WorkerState,
};
use crate::random::{Purpose, Stream, Streams};
use crate::time::{Span, Time};
use crate::workload::Sampler;
use crate::workload::trace::Fate;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A case has at most so many events, and so many more for each request: some schedulers restart a worker for ever.
const EVENTS_MAX: (u64, u64) = (300, 50);

/// What is put on the bench: takes inputs, calls effects.
pub trait Scheduler {
    /// Takes an input.
    fn take<D: Driver>(&mut self, now: Time, input: Input, driver: &mut D);
}

impl Scheduler for Pool {
    #[inline]
    fn take<D: Driver>(&mut self, now: Time, input: Input, driver: &mut D) {
        self.handle(now, input, driver);
    }
}

/// How a case went.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// What was found, first things first.
    pub found: Vec<super::laws::Breach>,
    /// How each request ended for its client, and when; `None` if never.
    pub ends: Vec<Option<(Outcome, Time)>>,
    /// Events that were played.
    pub events: u64,
    /// When the last of them came.
    pub last: Time,
}

/// Plays a case with the policy's own pool.
pub fn play(ground: &Ground, work: &Workload) -> Played {
    Bench::new(ground, work, Story::off()).run(&mut pool_of(ground)).0
}

/// Plays a case with another scheduler.
pub fn play_with<S: Scheduler>(ground: &Ground, work: &Workload, scheduler: &mut S) -> Played {
    Bench::new(ground, work, Story::off()).run(scheduler).0
}

/// Plays a case and tells what happens, line by line.
pub fn tell(ground: &Ground, work: &Workload) -> (Played, Vec<String>) {
    Bench::new(ground, work, Story::on()).run(&mut pool_of(ground))
}

/// The policy's own pool.
pub fn pool_of(ground: &Ground) -> Pool {
    let chance = Streams::new(ground.seed, 0).stream(Purpose::Policy, 0);
    Pool::new(0, ground.pool.settings.clone(), chance)
}

/// What a worker is about to do; in the order that the engine's draws are keyed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Act {
    Rest = 0,
    Answer = 2,
    AnswerError,
    AnswerCrash,
    CrashExit,
    Exit,
    Freeze,
    Spawn,
    Ready,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Act(u32),
    SlotTimer(u32),
    Beat(u32),
    Requeue(JobId),
    Turn,
    WaitLimit(JobId),
    Deadline(JobId),
    Blow(u32),
    BlowEnd(u32),
    Arrival(u32),
}

/// Ordered by instant, rank within it, and sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: Time,
    rank: u32,
    sequence: u64,
    what: What,
}

const TIMERS: u32 = 1 << 30;
const ARRIVALS: u32 = 1 << 31;

/// The physical side of a slot.
#[derive(Clone, Copy, Debug)]
struct Body {
    job: JobId,
    act: Act,
    act_at: Time,
    act_sequence: u64,
    timer: SlotTimer,
    timer_sequence: u64,
    beat_sequence: u64,
    ready_at: i128,
    spawns: u32,
    doomed: bool,
    first_write: bool,
    silent: bool,
    state: WorkerState,
}

/// No entry has this sequence.
const NONE: u64 = 0;

struct Bench<'g> {
    ground: &'g Ground,
    work: &'g Workload,
    streams: Streams,
    now: Time,
    tickets: Vec<Ticket>,
    executions: Vec<u32>,
    ends: Vec<Option<(Outcome, Time)>>,
    bodies: Vec<Body>,
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    failed_writes: Vec<u32>,
    spawn_order: u32,
    pauses: u32,
    up: bool,
    events: u64,
    referee: Referee<'g>,
    story: Story,
}

impl<'g> Bench<'g> {
    fn new(ground: &'g Ground, work: &'g Workload, story: Story) -> Bench<'g> {
        let jobs = work.requests.len();
        let limited = match ground.pool.settings.slots {
            crate::policy::Slots::Limited(slots) => slots,
            crate::policy::Slots::Unlimited => 0,
        };
        let before =
            |slot: u32| ground.pool.life.ready_before.get(slot as usize).copied().unwrap_or(Span::ZERO);
        let bodies =
            (0..limited).map(|slot| Body { ready_at: -i128::from(before(slot).nanos()), ..Body::NEW });
        Bench {
            ground,
            work,
            streams: Streams::new(ground.seed, 0),
            now: Time::ZERO,
            tickets: vec![Ticket { next: NO_JOB, ..Ticket::default() }; jobs],
            executions: vec![0; jobs],
            ends: vec![None; jobs],
            bodies: bodies.collect(),
            heap: BinaryHeap::with_capacity(2 * jobs + 8),
            sequence: NONE,
            failed_writes: Vec::new(),
            spawn_order: 0,
            pauses: 0,
            up: true,
            events: 0,
            referee: Referee::new(&ground.rules, jobs),
            story,
        }
    }

    fn run<S: Scheduler>(mut self, scheduler: &mut S) -> (Played, Vec<String>) {
        for index in 0..self.work.blows.len() as u32 {
            self.push(self.work.blows[index as usize].at, TIMERS, What::Blow(index));
        }
        for index in 0..self.work.requests.len() as u32 {
            self.push(self.work.requests[index as usize].at, ARRIVALS, What::Arrival(index));
        }
        let most = EVENTS_MAX.0 + EVENTS_MAX.1 * self.work.requests.len() as u64;
        let mut ended = true;
        self.give(scheduler, Input::Open { warm: self.ground.pool.life.warm_start });
        while let Some(Reverse(entry)) = self.heap.pop() {
            if self.is_stale(&entry) {
                continue;
            }
            if entry.at > Time::HORIZON_MAX || self.events >= most || self.is_decided() {
                ended = false;
                break;
            }
            if entry.at > self.now {
                self.referee.passes(self.now, entry.at);
            }
            self.now = entry.at;
            self.events += 1;
            self.event(scheduler, entry.what);
        }
        if ended && !self.is_decided() {
            self.referee.passes(self.now, Time::NEVER);
            self.referee.finished(self.now);
        }
        (
            Played { found: self.referee.found, ends: self.ends, events: self.events, last: self.now },
            self.story.lines,
        )
    }

    /// After the breach of a law that no setting may break, the books are worth nothing.
    fn is_decided(&self) -> bool {
        self.referee.found.iter().any(|breach| !breach.law.is_character())
    }

    fn push(&mut self, at: Time, rank: u32, what: What) -> u64 {
        self.sequence += 1;
        if at != Time::NEVER {
            self.heap.push(Reverse(Entry { at, rank, sequence: self.sequence, what }));
        }
        self.sequence
    }

    fn is_stale(&self, entry: &Entry) -> bool {
        match entry.what {
            What::Act(slot) => self.bodies[slot as usize].act_sequence != entry.sequence,
            What::SlotTimer(slot) => self.bodies[slot as usize].timer_sequence != entry.sequence,
            What::Beat(slot) => self.bodies[slot as usize].beat_sequence != entry.sequence,
            What::WaitLimit(job) => self.tickets[job as usize].place != Place::Queued,
            What::Deadline(job) => self.ends[job as usize].is_some(),
            _ => false,
        }
    }

    /// Gives an input, and the failures of writes that follow from it; then the books are looked at.
    fn give<S: Scheduler>(&mut self, scheduler: &mut S, input: Input) {
        self.fact(input);
        scheduler.take(self.now, input, self);
        self.referee.settled(self.now);
        while let Some(slot) = self.failed_writes.pop() {
            self.story.write_failed(self.now, slot);
            self.referee.drops(slot);
            scheduler.take(self.now, Input::WriteFailed(slot), self);
            self.referee.settled(self.now);
        }
    }

    fn fact(&mut self, input: Input) {
        match input {
            Input::Answer { slot, outcome } => self.referee.answers(slot, outcome),
            Input::Exited { slot, .. } => self.referee.drops(slot),
            Input::Cancel(job) => self.referee.cancels(job),
            Input::Pause(paused) => self.referee.pauses(paused),
            Input::Close(closed) => self.referee.goes_down(closed),
            Input::PoolTimer(PoolTimer::Turn) => self.referee.turn_over(),
            _ => {}
        }
        self.story.input(self.now, input);
    }

    // ---- events -----------------------------------------------------------------------------------------

    fn event<S: Scheduler>(&mut self, scheduler: &mut S, what: What) {
        match what {
            What::Act(slot) => self.act(scheduler, slot),
            What::SlotTimer(slot) => {
                self.bodies[slot as usize].timer_sequence = NONE;
                let timer = self.bodies[slot as usize].timer;
                self.give(scheduler, Input::Timer { slot, timer });
            }
            What::Beat(slot) => {
                self.bodies[slot as usize].beat_sequence = NONE;
                self.give(scheduler, Input::Timer { slot, timer: SlotTimer::Heartbeat });
            }
            What::Requeue(job) => self.give(scheduler, Input::PoolTimer(PoolTimer::Requeue(job))),
            What::Turn => self.give(scheduler, Input::PoolTimer(PoolTimer::Turn)),
            What::WaitLimit(job) => self.give(scheduler, Input::WaitExpired(job)),
            What::Deadline(job) => {
                self.ends[job as usize] = Some((Outcome::Timeout, self.now));
                self.give(scheduler, Input::Cancel(job));
            }
            What::Blow(index) => self.blow(scheduler, index),
            What::BlowEnd(index) => self.blow_end(scheduler, index),
            What::Arrival(job) => self.arrival(scheduler, job),
        }
    }

    fn arrival<S: Scheduler>(&mut self, scheduler: &mut S, job: JobId) {
        let request = self.work.requests[job as usize];
        let deadline = self.work.deadline.map_or(Time::NEVER, |after| self.now + after);
        self.story.arrival(self.now, job, &request, self.ground);
        if !self.up {
            self.ends[job as usize] = Some((Outcome::Rejected, self.now));
            return self.story.ended(self.now, job, Outcome::Rejected);
        }
        let limit = self.ground.parts.waiting_limit.as_ref().map_or(Span::NEVER, |limit| {
            limit.draw(&mut self.streams.keyed(Purpose::Patience, u64::from(job), 1))
        });
        let priority = self.ground.classes.get(usize::from(request.class)).map_or(0, |class| class.1);
        let ticket = &mut self.tickets[job as usize];
        (ticket.class, ticket.priority, ticket.size) = (request.class, priority, request.demand);
        (ticket.deadline, ticket.leave_by) = (deadline, self.now + limit);
        let newcomer = Newcomer {
            class: request.class,
            priority,
            size: request.demand,
            deadline,
            leave_by: ticket.leave_by,
            dangerous: matches!(request.fate, Fate::Crash | Fate::CrashOnce | Fate::Freeze),
            endless: matches!(request.fate, Fate::Hang | Fate::Freeze),
            needs: match (request.fate, self.ground.parts.overhead) {
                (Fate::Ok | Fate::Error, Some(overhead)) => overhead + request.demand,
                _ => Span::NEVER,
            },
        };
        self.referee.arrives(self.now, job, newcomer);
        if deadline != Time::NEVER {
            self.push(deadline, TIMERS, What::Deadline(job));
        }
        self.give(scheduler, Input::Arrive(job));
    }

    fn act<S: Scheduler>(&mut self, scheduler: &mut S, slot: u32) {
        let body = &mut self.bodies[slot as usize];
        let act = std::mem::replace(&mut body.act, Act::Rest);
        (body.act_at, body.act_sequence) = (Time::NEVER, NONE);
        match act {
            Act::Rest => {}
            Act::Answer | Act::AnswerError | Act::AnswerCrash => {
                body.timer_sequence = NONE;
                let outcome = match act {
                    Act::Answer => Outcome::Ok,
                    Act::AnswerError => Outcome::Error,
                    _ => Outcome::Crash,
                };
                self.give(scheduler, Input::Answer { slot, outcome });
            }
            Act::CrashExit | Act::Exit => {
                (body.timer_sequence, body.beat_sequence) = (NONE, NONE);
                self.give(scheduler, Input::Exited { slot, crashed: act == Act::CrashExit });
            }
            Act::Freeze => {
                body.silent = true;
                if let Some(at) = self.last_beat(slot) {
                    self.referee.falls_silent(slot, at);
                    self.give(scheduler, Input::Beat { slot, at });
                }
            }
            Act::Spawn => {
                let started = self.start_worker(slot);
                let input = if started { Input::Spawned(slot) } else { Input::SpawnFailed(slot) };
                self.give(scheduler, input);
            }
            Act::Ready => {
                body.ready_at = i128::from(self.now.nanos());
                self.give(scheduler, Input::Ready(slot));
            }
        }
    }

    fn blow<S: Scheduler>(&mut self, scheduler: &mut S, index: u32) {
        match self.work.blows[index as usize].kind {
            BlowKind::Kill { slot } => self.kill_from_outside(slot),
            BlowKind::Pause { duration } => {
                self.pauses += 1;
                self.push(self.now + duration, TIMERS, What::BlowEnd(index));
                self.give(scheduler, Input::Pause(true));
            }
            BlowKind::Down { duration } if self.up => {
                self.up = false;
                for slot in 0..self.bodies.len() as u32 {
                    self.stop(slot);
                }
                self.referee.goes_down(true);
                self.give(scheduler, Input::Collapse);
                for job in 0..self.tickets.len() as JobId {
                    self.give(scheduler, Input::Lose(job));
                }
                self.referee.is_down(self.now);
                self.push(self.now + duration, TIMERS, What::BlowEnd(index));
            }
            BlowKind::Down { .. } => {}
        }
    }

    fn blow_end<S: Scheduler>(&mut self, scheduler: &mut S, index: u32) {
        match self.work.blows[index as usize].kind {
            BlowKind::Kill { .. } => {}
            BlowKind::Pause { .. } => {
                self.pauses -= 1;
                self.give(scheduler, Input::Pause(self.pauses > 0));
            }
            BlowKind::Down { .. } => {
                self.up = true;
                self.give(scheduler, Input::Close(false));
                for slot in 0..self.bodies.len() as u32 {
                    self.give(scheduler, Input::Recover(slot));
                }
            }
        }
    }

    // ---- machines ---------------------------------------------------------------------------------------

    fn plan(&mut self, slot: u32, act: Act, at: Time) {
        let sequence = self.push(at, slot << 2, What::Act(slot));
        let body = &mut self.bodies[slot as usize];
        (body.act, body.act_at, body.act_sequence) = (act, at, sequence);
    }

    fn stop(&mut self, slot: u32) {
        let body = &mut self.bodies[slot as usize];
        (body.timer_sequence, body.beat_sequence) = (NONE, NONE);
        self.plan(slot, Act::Rest, Time::NEVER);
    }

    fn kill_from_outside(&mut self, slot: u32) {
        use WorkerState::{Busy, Cancelling, Idle, Starting, Zombie};
        let Some(&body) = self.bodies.get(slot as usize) else { return };
        if matches!(body.state, Idle | Busy | Zombie | Cancelling | Starting) && !body.doomed {
            self.story.blow(self.now, slot);
            self.referee.hits(slot);
            let delay = self.life(slot, &self.ground.parts.crash_exit);
            self.die(slot, Act::CrashExit, delay);
        }
    }

    fn die(&mut self, slot: u32, exit: Act, delay: Span) {
        let body = &mut self.bodies[slot as usize];
        (body.doomed, body.first_write) = (true, true);
        let mut at = self.now + delay;
        if body.act == Act::CrashExit {
            at = at.min(body.act_at);
        }
        self.plan(slot, exit, at);
    }

    /// Ends a worker by its pool's will.
    fn doom(&mut self, slot: u32, delay: Span) {
        let body = &mut self.bodies[slot as usize];
        (body.timer_sequence, body.beat_sequence) = (NONE, NONE);
        self.die(slot, Act::Exit, delay);
    }

    fn life(&self, slot: u32, sampler: &Sampler) -> Span {
        let body = &self.bodies[slot as usize];
        sampler.is_constant().unwrap_or_else(|| {
            let index = u64::from(slot) << 4 | body.act as u64;
            sampler.draw(&mut self.streams.keyed(Purpose::WorkerLife, index, u64::from(body.spawns)))
        })
    }

    fn start_worker(&mut self, slot: u32) -> bool {
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
        let time = first.copied().unwrap_or_else(|| self.ground.parts.start_up.draw(&mut chance));
        match never {
            true => self.plan(slot, Act::Rest, Time::NEVER),
            false => self.plan(slot, Act::Ready, self.now + time),
        }
        true
    }

    fn last_beat(&self, slot: u32) -> Option<Time> {
        let interval = i128::from(self.ground.pool.life.heartbeat_interval.nanos().max(1));
        let ready = self.bodies[slot as usize].ready_at;
        let alive = i128::from(self.now.nanos()) - ready;
        let beat = ready + alive.div_euclid(interval) * interval;
        u64::try_from(beat.max(ready)).ok().map(Time::from_nanos)
    }

    fn transport(&self, job: JobId) -> Stream {
        self.streams.keyed(Purpose::Transport, u64::from(job), u64::from(self.executions[job as usize]))
    }

    /// Sets the course of an attempt on a live worker.
    fn course(&mut self, slot: u32, job: JobId) {
        let request = self.work.requests[job as usize];
        self.executions[job as usize] += 1;
        let fate = match request.fate {
            Fate::CrashOnce if self.executions[job as usize] != 1 => Fate::Ok,
            fate => fate,
        };
        let parts = &self.ground.parts;
        if let (Fate::Ok, Some(overhead)) = (fate, parts.overhead) {
            return self.plan(slot, Act::Answer, self.now + overhead + request.demand);
        }
        let mut chance = self.transport(job);
        let way = parts.dispatch.draw(&mut chance);
        let work = request.demand + parts.late.draw(&mut chance);
        let in_job = self.ground.pool.settings.worker.crash_radius == CrashRadius::Job;
        let (act, tail) = match fate {
            Fate::Ok => (Act::Answer, parts.reply.draw(&mut chance)),
            Fate::Error => (Act::AnswerError, parts.reply.draw(&mut chance)),
            Fate::Crash | Fate::CrashOnce if in_job => (Act::AnswerCrash, parts.reply.draw(&mut chance)),
            Fate::Crash | Fate::CrashOnce => (Act::CrashExit, parts.crash_exit.draw(&mut chance)),
            Fate::Hang => return self.plan(slot, Act::Rest, Time::NEVER),
            Fate::Freeze => (Act::Freeze, Span::ZERO),
        };
        self.plan(slot, act, self.now + way + work + tail);
    }

    /// A job was written to a worker that will not work on it.
    fn write_to_corpse(&mut self, slot: u32, job: JobId) {
        let first = std::mem::replace(&mut self.bodies[slot as usize].first_write, false);
        let chance = self.ground.pool.life.write_error;
        let retries = u64::from(self.tickets[job as usize].retries);
        let mut stream = self.streams.keyed(Purpose::WriteError, u64::from(job), retries);
        if first && chance > 0.0 && stream.chance(chance) {
            self.failed_writes.push(slot);
        }
    }
}

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
                self.bodies[slot as usize].beat_sequence = self.push(at, slot << 2 | 2, What::Beat(slot));
            }
            return;
        }
        let late = &self.ground.parts.timer_late;
        let late = late.is_constant().unwrap_or_else(|| {
            late.draw(&mut self.streams.keyed(
                Purpose::Transport,
                u64::from(slot) << 32 | 1 << 63,
                at.nanos(),
            ))
        });
        let sequence = self.push(at + late, slot << 2 | 1, What::SlotTimer(slot));
        (self.bodies[slot as usize].timer, self.bodies[slot as usize].timer_sequence) = (timer, sequence);
    }

    fn kill(&mut self, _pool: u32, slot: u32) {
        self.story.killed(self.now, slot);
        if !self.bodies[slot as usize].doomed {
            let delay = self.life(slot, &self.ground.parts.kill_exit);
            self.doom(slot, delay);
        }
    }

    fn retire(&mut self, _pool: u32, slot: u32) {
        if !self.bodies[slot as usize].doomed {
            let delay = self.life(slot, &self.ground.parts.crash_exit);
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
        let delay = if first { Span::ZERO } else { self.life(slot, &self.ground.parts.restart_delay) };
        let body = &mut self.bodies[slot as usize];
        (body.timer_sequence, body.beat_sequence, body.job) = (NONE, NONE, NO_JOB);
        self.plan(slot, Act::Spawn, self.now + delay);
    }

    fn queued(&mut self, _pool: u32, job: JobId, again: bool) {
        self.referee.queued(self.now, job, again);
        self.story.queued(self.now, job, again);
        let leave_by = self.tickets[job as usize].leave_by;
        self.push(leave_by, TIMERS, What::WaitLimit(job));
    }

    fn unqueued(&mut self, _pool: u32, job: JobId) {
        self.referee.unqueued(self.now, job);
    }

    fn later(&mut self, _pool: u32, timer: PoolTimer, delay: Span) {
        match timer {
            PoolTimer::Turn => {
                self.referee.turn_begins();
                self.push(self.now + delay, TIMERS, What::Turn);
            }
            PoolTimer::Requeue(job) => {
                self.referee.delayed(job);
                self.push(self.now + delay, TIMERS, What::Requeue(job));
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

impl Body {
    const NEW: Body = Body {
        job: NO_JOB,
        act: Act::Rest,
        act_at: Time::NEVER,
        act_sequence: NONE,
        timer: SlotTimer::Service,
        timer_sequence: NONE,
        beat_sequence: NONE,
        ready_at: 0,
        spawns: 0,
        doomed: false,
        first_write: false,
        silent: false,
        state: WorkerState::Cold,
    };
}
