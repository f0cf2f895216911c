//! A pool on a real clock: the policy behind a lock, a keeper of its timers, and workers that carry its decisions out.
//!
//! ```text
//!   submit, cancel ─┐            ┌── start, stop, kill ──▶ Worker (thread, process)
//!   answers, exits ─┼▶ lock: policy::Pool ── timers ──▶ keeper ─┐
//!   keeper ─────────┘            └── reports, journal           │ spawns outside the lock
//!        ▲──────────────────────────────────────────────────────┘
//! ```
//!
//! The clock is read inside the lock, so the policy's time never goes back and the journal's order is the order in
//! which things were decided. What is done under the lock returns at once: mail to a thread, a line for a writer, a
//! signal. Words of a worker carry its generation and the serial number of its order; stale ones are dropped.

mod bench;
mod keeper;
mod life;
mod signs;

use super::clock::Clock;
use super::journal::Journal;
use super::target::{AttemptId, Job, Report};
use crate::model::requests::Requests;
use crate::outcome::Outcome;
use crate::policy::{Input, Pool, PoolSettings, SlotTimer, WorkerState};
use crate::random::{Purpose, Streams};
use crate::time::{Span, Time};
pub(super) use bench::Bench;
pub(super) use life::Life;
pub(super) use signs::Signs;
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What work is: told by a model, or an application's own.
#[derive(Clone)]
pub(super) enum Work {
    /// As a model says.
    Told,
    /// A task. It is given a flag that says that nobody wants its result any more.
    Task(Arc<dyn Fn(&AtomicBool) -> Outcome + Send + Sync>),
}

/// A job for a worker.
pub(super) struct Order {
    /// Names the hand-over.
    pub(super) serial: u64,
    /// When it was handed over.
    pub(super) begin: Time,
    pub(super) job: Job,
    pub(super) work: Work,
    pub(super) course: Course,
}

/// What a worker that only plays its part is to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    /// From the hand-over until it has the job.
    pub(super) dispatch: Span,
    /// From the end of its work until the pool knows.
    pub(super) tail: Span,
    pub(super) end: End,
}

/// How a course ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Answer(Outcome),
    /// The worker goes away.
    Exit,
    /// No answer.
    Hang,
    /// No answer and no heartbeat.
    Freeze,
}

/// Whoever does a pool's jobs in one slot. All calls return at once.
pub(super) trait Worker: Send {
    /// Takes a job.
    fn start(&mut self, order: Order);
    /// Gives its job up, if it can.
    fn stop(&mut self);
    /// Ends now.
    fn kill(&mut self);
    /// Ends in peace.
    fn retire(&mut self);
}

/// Finds workers.
pub(super) trait Hires: Send + Sync {
    /// Starts a worker for a slot; it names itself by slot and generation when it says something.
    ///
    /// # Errors
    /// Why it could not be started.
    fn hire(&self, desk: &Desk, slot: u32, generation: u64) -> Result<Box<dyn Worker>, String>;
    /// Whether workers only play their part: then their lives are timed by the model's delays.
    fn plays(&self) -> bool;
    /// Waits until nothing of any worker is left; called after all have been killed.
    ///
    /// # Errors
    /// What is left.
    fn leave(&self, patience: std::time::Duration) -> Result<(), String>;
}

/// Handle on a pool on a real clock.
#[derive(Clone)]
pub(super) struct Desk(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Rung when an earlier timer was set, or the pool is to end.
    bell: Condvar,
    hires: Box<dyn Hires>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

pub(super) struct State {
    pub(super) pool: Pool,
    pub(super) bench: Bench,
}

/// What a desk is made of.
pub(super) struct Setup {
    pub(super) number: u16,
    pub(super) settings: PoolSettings,
    pub(super) streams: Streams,
    pub(super) life: Life,
    pub(super) hires: Box<dyn Hires>,
    pub(super) clock: Clock,
    pub(super) reports: Option<Sender<Report>>,
    pub(super) journal: Option<Journal>,
    pub(super) requests: Option<Arc<Requests<'static>>>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    /// A pool whose workers have not been started.
    pub(super) fn new(setup: Setup) -> Desk {
        let chance = setup.streams.stream(Purpose::Policy, u64::from(setup.number));
        let pool = Pool::new(u32::from(setup.number), setup.settings.clone(), chance);
        let plays = setup.hires.plays();
        let bench = Bench::new(
            setup.number,
            setup.clock,
            setup.streams,
            setup.life,
            setup.settings.worker.heartbeat_timeout,
            plays,
        );
        let mut state = State { pool, bench };
        state.bench.reports = setup.reports;
        state.bench.journal = setup.journal;
        state.bench.requests = setup.requests;
        state.bench.start_timeout = setup.settings.worker.start_timeout;
        let slots = state.pool.slots();
        state.bench.grow(slots);
        Desk(Arc::new(Inner {
            state: Mutex::new(state),
            bell: Condvar::new(),
            hires: setup.hires,
            keeper: Mutex::new(None),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the pool something, and rings for the keeper if need be.
    fn tell(&self, mut state: MutexGuard<'_, State>, input: Input) {
        state.tell(input);
        let ring = std::mem::take(&mut state.bench.ring);
        drop(state);
        if ring {
            self.0.bell.notify_all();
        }
    }

    /// Takes a job; returns its number in the table.
    pub(super) fn submit(&self, job: Job, work: Work) {
        let mut state = self.lock();
        let input = state.bench.enter(job, work);
        self.tell(state, input);
    }

    /// Withdraws a job, if it is still there.
    pub(super) fn cancel(&self, id: AttemptId) {
        let state = self.lock();
        if let Some(job) = state.bench.number_of(id) {
            self.tell(state, Input::Cancel { job });
        }
    }

    // ---- what is done to it from outside --------------------------------------------------------------------

    /// Slots whose workers are alive and not on their way out.
    pub(super) fn alive(&self) -> Vec<u32> {
        let state = self.lock();
        (0..state.pool.slots()).filter(|&slot| state.is_alive(slot)).collect()
    }

    /// Kills the worker in a slot, as somebody else would: the pool learns of it when its exit is noticed.
    pub(super) fn strike(&self, slot: u32) {
        let mut state = self.lock();
        if state.is_alive(slot) {
            state.bench.strike(slot);
        }
        let ring = std::mem::take(&mut state.bench.ring);
        drop(state);
        if ring {
            self.0.bell.notify_all();
        }
    }

    /// Stops handing jobs to workers, or goes on.
    pub(super) fn pause(&self, paused: bool) {
        let state = self.lock();
        self.tell(state, Input::Pause { paused });
    }

    // ---- words of workers ---------------------------------------------------------------------------------

    /// The worker has answered. Says whether the answer was wanted.
    pub(super) fn answered(
        &self,
        slot: u32,
        generation: u64,
        serial: u64,
        outcome: Outcome,
        detail: String,
    ) -> bool {
        let mut state = self.lock();
        if !state.bench.accepts(slot, generation, serial, detail) {
            return false;
        }
        self.tell(state, Input::Answer { slot, outcome });
        true
    }

    /// The worker says that it is ready; says whether anybody waited for that.
    pub(super) fn ready(&self, slot: u32, generation: u64) -> bool {
        let mut state = self.lock();
        if !state.bench.knows(slot, generation) {
            return false;
        }
        if state.is_hiring(slot) {
            return state.bench.remember(slot, Early::Ready);
        }
        let awaited = state.pool.state(slot) == WorkerState::Starting;
        if awaited {
            self.tell(state, Input::Ready { slot });
        }
        awaited
    }

    /// The worker gave a sign of life.
    pub(super) fn beat(&self, slot: u32, generation: u64) {
        let mut state = self.lock();
        if state.bench.knows(slot, generation) && !state.is_hiring(slot) && state.bench.is_news(slot) {
            self.tell(state, Input::Beat { slot });
        }
    }

    /// The worker has fallen silent.
    pub(super) fn froze(&self, slot: u32, generation: u64) {
        let mut state = self.lock();
        if state.bench.knows(slot, generation) {
            state.bench.silence(slot);
        }
    }

    /// The exit of the worker was noticed.
    pub(super) fn exited(&self, slot: u32, generation: u64, detail: &str) {
        let mut state = self.lock();
        if !state.bench.knows(slot, generation) {
            return;
        }
        if state.is_hiring(slot) {
            state.bench.remember(slot, Early::Exit(detail.to_owned()));
            return;
        }
        if state.pool.state(slot) == WorkerState::Starting {
            state.bench.ended_unready(detail);
        }
        let crashed = state.bench.gone(slot, detail);
        self.tell(state, Input::Exited { slot, crashed });
    }

    /// A line could not be written to the worker.
    pub(super) fn write_failed(&self, slot: u32, generation: u64, serial: u64) {
        let mut state = self.lock();
        if state.bench.knows(slot, generation) && state.bench.is_serving(slot, serial) {
            state.bench.forget_order(slot);
            self.tell(state, Input::WriteFailed { slot });
        }
    }

    /// Whether its workers only play their part.
    pub(super) fn plays(&self) -> bool {
        self.0.hires.plays()
    }

    // ---- for those who look on ----------------------------------------------------------------------------

    /// Jobs waiting, jobs in the pool, and the state of every worker.
    pub(super) fn levels(&self) -> (u32, u32, Vec<WorkerState>) {
        let state = self.lock();
        let states = (0..state.pool.slots()).map(|slot| state.pool.state(slot)).collect();
        (state.pool.queue_len(), state.pool.load(), states)
    }

    /// Signs of life so far.
    pub(super) fn signs(&self) -> Signs {
        self.lock().bench.signs.clone()
    }

    /// Why workers could not be started, once for each kind of reason.
    pub(super) fn hire_faults(&self) -> Vec<String> {
        self.lock().bench.faults.iter().cloned().collect()
    }
}

/// What a worker said before its pool knew that it had been started.
pub(super) enum Early {
    Ready,
    Exit(String),
}

impl State {
    /// Tells the pool something now.
    fn tell(&mut self, input: Input) {
        self.bench.read_clock();
        self.pool.take(self.bench.now, &input, &mut self.bench);
        self.bench.write_down(input);
    }

    /// Whether a slot's worker is alive and not on its way out.
    fn is_alive(&self, slot: u32) -> bool {
        slot < self.pool.slots()
            && self.pool.slot_is_alive(slot)
            && self.pool.state(slot) != WorkerState::Dying
            && self.bench.seats[slot as usize].worker.is_some()
    }

    /// Tells the pool that a timer of a slot fires; whether that has its worker killed.
    fn kills(&mut self, slot: u32, timer: SlotTimer) -> bool {
        let doomed = self.bench.seats[slot as usize].doomed;
        self.tell(Input::Timer { slot, timer });
        !doomed && self.bench.seats[slot as usize].doomed
    }

    /// Whether the slot's worker is being started right now.
    fn is_hiring(&self, slot: u32) -> bool {
        matches!(self.pool.state(slot), WorkerState::Gone | WorkerState::Cold)
    }
}

/// Reasons that are kept.
const FAULTS_MOST: usize = 8;

/// Keeps the first few of a kind of text, each once.
fn keep(texts: &mut VecDeque<String>, text: String) {
    if texts.len() < FAULTS_MOST && !texts.contains(&text) {
        texts.push_back(text);
    }
}
