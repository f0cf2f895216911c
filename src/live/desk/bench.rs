//! The driver of a pool on a real clock: what its decisions set going, and the table of its jobs.

mod effects;

use super::life::Life;
use super::{Course, Early, End, Order, Signs, Work, Worker, keep};
use crate::live::clock::Clock;
use crate::live::journal::Journal;
use crate::live::target::{AttemptId, Job, Report, What};
use crate::model::requests::Requests;
use crate::outcome::Outcome;
use crate::policy::{Effect, Input, JobId, Ticket, Tickets};
use crate::random::{Purpose, Streams};
use crate::time::{Span, Time};
use crate::workload::trace::Fate;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// Something that comes due at a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Exit {
        slot: u32,
        generation: u64,
        crashed: bool,
    },
    Spawn {
        slot: u32,
    },
    /// An unlimited pool has made the slot.
    Seat {
        slot: u32,
    },
    Ready {
        slot: u32,
        generation: u64,
    },
    Beat {
        slot: u32,
        generation: u64,
    },
    WriteFailed {
        slot: u32,
        serial: u64,
    },
    Service {
        slot: u32,
    },
    Grace {
        slot: u32,
    },
    Start {
        slot: u32,
    },
    Idle {
        slot: u32,
    },
    Heartbeat {
        slot: u32,
    },
    Turn,
    Requeue {
        job: JobId,
        attempt: AttemptId,
    },
    WaitLimit {
        job: JobId,
        attempt: AttemptId,
    },
}

/// One slot and who sits in it.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) generation: u64,
    pub(super) worker: Option<Box<dyn Worker>>,
    /// What it is to do once it is there.
    pending: Option<Order>,
    /// Serial number of the order that it has; 0 for none.
    serial: u64,
    /// When the job that it has will take it down; `NEVER` if it will not.
    crash_at: Option<Time>,
    pub(super) early: Option<Early>,
    /// Its last heartbeat that was news.
    beaten: Option<Time>,
    /// Its heartbeats have ceased.
    silent: bool,
    /// It has been given a job that is to stop it.
    freezes: bool,
    /// Being killed, or told to leave.
    pub(super) doomed: bool,
    /// Killed from outside: its exit is a crash.
    struck: bool,
    /// No job has been written to it since.
    first_write: bool,
    pub(super) spawns: u64,
}

struct Entry {
    ticket: Ticket,
    job: Option<Job>,
    work: Work,
    detail: String,
    /// Times that a worker began it.
    executions: u32,
}

/// Everything of a desk that is not a decision.
pub(in crate::live) struct Bench {
    number: u16,
    clock: Clock,
    pub(super) now: Time,
    streams: Streams,
    pub(super) life: Life,
    pub(super) plays: bool,
    heartbeats: bool,
    pub(super) seats: Vec<Seat>,
    timers: BinaryHeap<Reverse<(Time, u64, Due)>>,
    sequence: u64,
    pub(super) ring: bool,
    pub(super) closing: bool,
    jobs: Vec<Entry>,
    free: Vec<JobId>,
    numbers: BTreeMap<AttemptId, JobId>,
    serial: u64,
    pub(super) spawn_order: usize,
    effects: Vec<Effect>,
    pub(super) reports: Option<Sender<Report>>,
    pub(super) journal: Option<Journal>,
    pub(super) requests: Option<Arc<Requests<'static>>>,
    pub(super) faults: VecDeque<String>,
    pub(super) start_timeout: Span,
    /// What was heard of workers, and not heard.
    pub(super) signs: Signs,
    /// A heartbeat that comes sooner after another is no news.
    beat_grain: Span,
    /// Why exits came about, for the jobs that they end.
    last_words: String,
}

impl Bench {
    pub(super) fn new(
        number: u16,
        clock: Clock,
        streams: Streams,
        life: Life,
        heartbeat_timeout: Span,
        plays: bool,
    ) -> Bench {
        Bench {
            number,
            clock,
            now: Time::ZERO,
            streams,
            life,
            plays,
            heartbeats: plays && !heartbeat_timeout.is_never(),
            seats: Vec::new(),
            timers: BinaryHeap::new(),
            sequence: 0,
            ring: false,
            closing: false,
            jobs: Vec::new(),
            free: Vec::new(),
            numbers: BTreeMap::new(),
            serial: 0,
            spawn_order: 0,
            effects: Vec::new(),
            reports: None,
            journal: None,
            requests: None,
            faults: VecDeque::new(),
            start_timeout: Span::NEVER,
            signs: Signs::default(),
            beat_grain: if heartbeat_timeout.is_never() {
                Span::NEVER
            } else {
                heartbeat_timeout.scaled(0.01)
            },
            last_words: String::new(),
        }
    }

    pub(super) fn grow(&mut self, slots: u32) {
        while self.seats.len() < slots as usize {
            self.seats.push(Seat::default());
        }
    }

    /// Reads the clock; time never goes back.
    pub(super) fn read_clock(&mut self) {
        self.now = self.now.max(self.clock.now());
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Writes an input and what came of it into the journal.
    pub(super) fn write_down(&mut self, input: Input) {
        if let Some(journal) = &self.journal {
            journal.put(self.number, self.now, input, std::mem::take(&mut self.effects));
        }
    }

    fn note(&mut self, effect: Effect) {
        if self.journal.is_some() {
            self.effects.push(effect);
        }
    }

    fn report(&self, what: What) {
        if let Some(reports) = &self.reports {
            // Whoever listened has gone: the pool still has to end in order.
            let _ = reports.send(Report { at: self.now, what });
        }
    }

    /// Sets a timer.
    pub(super) fn set(&mut self, at: Time, due: Due) {
        if at > Time::HORIZON_MAX {
            return;
        }
        self.ring |= self.timers.peek().is_none_or(|Reverse((first, ..))| at < *first);
        self.sequence += 1;
        self.timers.push(Reverse((at, self.sequence, due)));
    }

    /// When the next timer is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        self.timers.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes the next timer off.
    pub(super) fn pop(&mut self) -> Option<Due> {
        self.timers.pop().map(|Reverse((.., due))| due)
    }

    // ---- jobs ---------------------------------------------------------------------------------------------

    /// Enters a job into the table, and makes the input that says so.
    pub(super) fn enter(&mut self, job: Job, work: Work) -> Input {
        let number = self.free.pop().unwrap_or_else(|| {
            self.jobs.push(Entry {
                ticket: Ticket::default(),
                job: None,
                work: Work::Told,
                detail: String::new(),
                executions: 0,
            });
            (self.jobs.len() - 1) as JobId
        });
        let input = Input::Arrive {
            job: number,
            class: job.class,
            priority: job.priority,
            deadline: job.deadline,
            leave_by: job.leave_by,
            size: job.size,
        };
        self.numbers.insert(job.id, number);
        let entry = &mut self.jobs[number as usize];
        (entry.executions, entry.work) = (job.executions, work);
        entry.detail.clear();
        entry.job = Some(job);
        input
    }

    /// The number of an attempt that has not ended.
    pub(super) fn number_of(&self, id: AttemptId) -> Option<JobId> {
        self.numbers.get(&id).copied()
    }

    /// Every attempt that has not ended.
    pub(super) fn alive(&self) -> Vec<JobId> {
        self.numbers.values().copied().collect()
    }

    /// Whether a timer's job is still the one that it was set for.
    pub(super) fn is_same(&self, job: JobId, attempt: AttemptId) -> bool {
        self.jobs
            .get(job as usize)
            .is_some_and(|entry| entry.job.as_ref().is_some_and(|job| job.id == attempt))
    }

    fn id_of(&self, job: JobId) -> AttemptId {
        self.jobs[job as usize].job.as_ref().map_or(AttemptId::MAX, |job| job.id)
    }

    // ---- words of workers -----------------------------------------------------------------------------------

    /// Whether the slot's present worker is of that generation.
    pub(super) fn knows(&self, slot: u32, generation: u64) -> bool {
        self.seats.get(slot as usize).is_some_and(|seat| seat.generation == generation)
    }

    /// Whether an answer is to the order that the slot has; takes it if so.
    pub(super) fn accepts(&mut self, slot: u32, generation: u64, serial: u64, detail: String) -> bool {
        if !self.knows(slot, generation) || !self.is_serving(slot, serial) {
            return false;
        }
        self.forget_order(slot);
        self.last_words = detail;
        true
    }

    pub(super) fn is_serving(&self, slot: u32, serial: u64) -> bool {
        serial != 0 && self.seats[slot as usize].serial == serial
    }

    pub(super) fn forget_order(&mut self, slot: u32) {
        let seat = &mut self.seats[slot as usize];
        (seat.serial, seat.crash_at) = (0, None);
    }

    /// Keeps what a worker said before its pool knew of it; says whether that was news.
    pub(super) fn remember(&mut self, slot: u32, early: Early) -> bool {
        let seat = &mut self.seats[slot as usize];
        let again = matches!((&seat.early, &early), (Some(Early::Ready), Early::Ready));
        // An exit outdoes a word before it.
        if !matches!(seat.early, Some(Early::Exit(_))) {
            seat.early = Some(early);
        }
        !again
    }

    /// Counts a heartbeat; says whether the pool need be told of it. A worker that floods its pool with heartbeats says
    /// no more than one that gives a hundred in the time that it is given.
    pub(super) fn is_news(&mut self, slot: u32) -> bool {
        self.read_clock();
        self.signs.beats += 1;
        let (now, grain) = (self.now, self.beat_grain);
        let seat = &mut self.seats[slot as usize];
        let news = seat.beaten.is_none_or(|last| now.since(last) >= grain);
        if news {
            seat.beaten = Some(now);
        }
        news
    }

    /// A worker has ended by itself before it was ready.
    pub(super) fn ended_unready(&mut self, detail: &str) {
        self.signs.unready += 1;
        detail.clone_into(&mut self.signs.last_words);
    }

    pub(super) fn silence(&mut self, slot: u32) {
        self.seats[slot as usize].silent = true;
    }

    /// Whether a slot's worker falls silent because its job says so.
    pub(super) fn freezes(&self, slot: u32) -> bool {
        self.seats[slot as usize].freezes
    }

    /// The worker has gone; says whether its own job took it down.
    pub(super) fn gone(&mut self, slot: u32, detail: &str) -> bool {
        let seat = &mut self.seats[slot as usize];
        let crashed = seat.struck || !seat.doomed && seat.serial != 0;
        seat.worker = None;
        self.forget_order(slot);
        self.last_words.clear();
        self.last_words.push_str(detail);
        crashed
    }

    /// A slot that an unlimited pool has made has its worker now, who does what the slot was told meanwhile.
    pub(super) fn seat(&mut self, slot: u32, generation: u64, mut worker: Box<dyn Worker>) {
        let seat = &mut self.seats[slot as usize];
        if seat.generation != generation || seat.doomed {
            return worker.kill();
        }
        if let Some(order) = seat.pending.take().filter(|order| order.serial == seat.serial) {
            worker.start(order);
        }
        seat.worker = Some(worker);
    }

    /// Kills a worker from outside: the pool is not told before the exit is noticed.
    pub(super) fn strike(&mut self, slot: u32) {
        self.read_clock();
        let seat = &mut self.seats[slot as usize];
        if std::mem::replace(&mut seat.doomed, true) {
            return;
        }
        (seat.struck, seat.first_write) = (true, true);
        if let Some(worker) = &mut seat.worker {
            worker.kill();
        }
        let (generation, crash_at, spawns) = (seat.generation, seat.crash_at, seat.spawns);
        if self.plays {
            let delay = Life::draw(&self.life.delays.crash_exit, &self.streams, slot, spawns, 2);
            let at = crash_at.unwrap_or(Time::NEVER).min(self.now + delay);
            self.set(at, Due::Exit { slot, generation, crashed: true });
        }
    }

    // ---- work -----------------------------------------------------------------------------------------------

    fn course(&self, job: &Job, executions: u32) -> Course {
        let life = &self.life;
        let mut chance = self.streams.keyed(Purpose::Transport, job.request, u64::from(executions));
        let dispatch = life.delays.dispatch.draw(&mut chance);
        let late = life.delays.late.draw(&mut chance);
        let fate = match job.fate {
            Fate::CrashOnce if executions > 1 => Fate::Ok,
            fate => fate,
        };
        let (end, after) = match fate {
            Fate::Ok => (End::Answer(Outcome::Ok), life.delays.reply.draw(&mut chance)),
            Fate::Error => (End::Answer(Outcome::Error), life.delays.reply.draw(&mut chance)),
            Fate::Crash | Fate::CrashOnce if life.job_crash => {
                (End::Answer(Outcome::Crash), life.delays.reply.draw(&mut chance))
            }
            Fate::Crash | Fate::CrashOnce => (End::Exit, life.delays.crash_exit.draw(&mut chance)),
            Fate::Hang => (End::Hang, Span::ZERO),
            Fate::Freeze => (End::Freeze, Span::ZERO),
        };
        Course { dispatch, tail: late + after, end }
    }

    /// A job was handed to a worker that will not work on it: its exit will be noticed, or the write fails at once.
    fn write_to_corpse(&mut self, slot: u32, job: JobId) {
        self.serial += 1;
        let serial = self.serial;
        let seat = &mut self.seats[slot as usize];
        seat.serial = serial;
        let first = std::mem::replace(&mut seat.first_write, false);
        let entry = &self.jobs[job as usize];
        let key = entry.job.as_ref().map_or(0, |job| job.request);
        let chance = self.life.write_error;
        let mut stream = self.streams.keyed(Purpose::WriteError, key, u64::from(entry.ticket.retries));
        if first && chance > 0.0 && stream.chance(chance) {
            self.set(self.now, Due::WriteFailed { slot, serial });
        }
    }
}

impl Tickets for Bench {
    fn ticket(&mut self, job: JobId) -> &mut Ticket {
        &mut self.jobs[job as usize].ticket
    }
}

/// Notes why a worker could not be started.
pub(super) fn note_fault(bench: &mut Bench, text: String) {
    keep(&mut bench.faults, text);
}

impl Bench {
    /// Whether heartbeats of the slot's worker go on.
    pub(super) fn beats(&self, slot: u32, generation: u64) -> bool {
        let seat = &self.seats[slot as usize];
        seat.generation == generation && !seat.silent && !seat.doomed
    }

    /// A new worker is to come into a slot: its generation.
    pub(super) fn renew(&mut self, slot: u32) -> u64 {
        let seat = &mut self.seats[slot as usize];
        seat.generation += 1;
        seat.spawns += 1;
        (seat.silent, seat.doomed, seat.struck, seat.first_write) = (false, false, false, false);
        (seat.serial, seat.crash_at, seat.early, seat.worker) = (0, None, None, None);
        (seat.pending, seat.beaten, seat.freezes) = (None, None, false);
        seat.generation
    }
}
