//! The test bench: drives a scheduler through one case on virtual time, with the referee beside it.
//!
//! It is a second driver of the policy, as small as can be: no statistics, hosts, routes or client rules. Where both
//! can play a model, [`crate::engine`] and the bench tell the same story, which the tests check.
//! Order of one instant, as in the engine: slots (lowest first; an act before a time-out before a heartbeat), timers
//! (returns to the queue, turns, waiting limits, deadlines, faults), arrivals.

mod effects;
mod machines;

use super::ground::{BlowKind, Ground, Workload};
use super::input::Input;
use super::referee::{Newcomer, Referee};
use super::story::Story;
use crate::outcome::Outcome;
use crate::policy::{Driver, JobId, NO_JOB, Place, Pool, PoolTimer, SlotTimer, Ticket, WorkerState};
use crate::random::{Purpose, Streams};
use crate::time::{Span, Time};
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
        input.tell(self, now, driver);
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

/// Ranks of one instant above those of the slots.
const REQUEUES: u32 = 1 << 30;
const TURNS: u32 = REQUEUES + 1;
const WAIT_LIMITS: u32 = REQUEUES + 2;
const DEADLINES: u32 = REQUEUES + 3;
const BLOWS: u32 = REQUEUES + 4;
const BLOW_ENDS: u32 = REQUEUES + 5;
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
            self.push(self.work.blows[index as usize].at, BLOWS, What::Blow(index));
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
        let limit = self.ground.waiting_limit(&self.streams, u64::from(job));
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
            needs: match (request.fate, self.ground.delays.overhead) {
                (Fate::Ok | Fate::Error, Some(overhead)) => overhead + request.demand,
                _ => Span::NEVER,
            },
        };
        self.referee.arrives(self.now, job, newcomer);
        if deadline != Time::NEVER {
            self.push(deadline, DEADLINES, What::Deadline(job));
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
                self.push(self.now + duration, BLOW_ENDS, What::BlowEnd(index));
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
                self.push(self.now + duration, BLOW_ENDS, What::BlowEnd(index));
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
