//! The keeper of a desk: fires its timers, starts its workers, and ends it.

use super::bench::{Due, note_fault};
use super::{Desk, Early, Life, State};
use crate::live::target::Stop;
use crate::live::wait;
use crate::outcome::Outcome;
use crate::policy::{Input, PoolTimer, SlotTimer};
use crate::time::{Span, Time};
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the end of workers that were killed may take.
const LEAVE: Duration = Duration::from_secs(5);

impl Desk {
    /// Starts the workers. With a warm start all are ready when this returns.
    ///
    /// # Errors
    /// Why no worker could be started, or that someone asked to stop.
    pub(in crate::live) fn open(&self, warm: bool, stop: &Stop) -> Result<(), String> {
        if warm {
            self.hire_all(stop)?;
            if !self.0.hires.plays() {
                self.await_all(stop)?;
            }
        }
        let state = self.lock();
        self.tell(state, Input::Open { warm });
        let desk = self.clone();
        let keeper = std::thread::Builder::new().name(String::from("keeper")).spawn(move || desk.keep());
        let keeper = keeper.map_err(|error| format!("no thread for the keeper: {error}"))?;
        *self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        Ok(())
    }

    fn hire_all(&self, stop: &Stop) -> Result<(), String> {
        let slots = self.lock().pool.slots();
        for slot in 0..slots {
            let generation = self.lock().bench.renew(slot);
            let hired = if stop() { Err(asked()) } else { self.0.hires.hire(self, slot, generation) };
            match hired {
                Ok(worker) => self.lock().bench.seats[slot as usize].worker = Some(worker),
                Err(why) => {
                    self.dismiss();
                    return Err(why);
                }
            }
        }
        Ok(())
    }

    /// Waits until every worker has said that it is ready.
    fn await_all(&self, stop: &Stop) -> Result<(), String> {
        /// Between two looks.
        const LOOK: Duration = Duration::from_millis(2);
        let limit = self.lock().bench.start_limit();
        let until = Instant::now() + limit;
        loop {
            let (mut waits, mut gone) = (0, None);
            for seat in &self.lock().bench.seats {
                match &seat.early {
                    Some(Early::Ready) => {}
                    Some(Early::Exit(why)) => gone = Some(why.clone()),
                    None => waits += 1,
                }
            }
            let why = match gone {
                Some(why) => format!("a worker ended before it was ready ({why})"),
                None if waits == 0 => break,
                None if stop() => asked(),
                None if Instant::now() >= until => {
                    format!("{waits} workers were not ready within {:.0} s", limit.as_secs_f64())
                }
                None => {
                    wait::sleep_until(Instant::now() + LOOK);
                    continue;
                }
            };
            self.dismiss();
            return Err(why);
        }
        self.lock().bench.seats.iter_mut().for_each(|seat| seat.early = None);
        Ok(())
    }

    /// Kills every worker and waits for their end.
    fn dismiss(&self) {
        for seat in &mut self.lock().bench.seats {
            if let Some(mut worker) = seat.worker.take() {
                worker.kill();
            }
        }
        let _ = self.0.hires.leave(LEAVE);
    }

    /// Fires timers until the desk ends.
    fn keep(&self) {
        wait::wake_exactly();
        let mut state = self.lock();
        while !state.bench.closing {
            state.bench.read_clock();
            let now = state.bench.now;
            match state.bench.next_due() {
                Some(at) if at <= now => {
                    if let Some(due) = state.bench.pop() {
                        state = self.fire(state, due);
                    }
                    state.bench.ring = false;
                }
                next => state = self.rest(state, next),
            }
        }
    }

    /// Waits for the next timer, or until someone rings.
    fn rest<'a>(&'a self, state: MutexGuard<'a, State>, next: Option<Time>) -> MutexGuard<'a, State> {
        let bell = &self.0.bell;
        match next {
            None => bell.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(at) => {
                let left = state.bench.clock().when(at).saturating_duration_since(Instant::now());
                let waited = bell.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn fire<'a>(&'a self, mut state: MutexGuard<'a, State>, due: Due) -> MutexGuard<'a, State> {
        let timer = |slot, timer| Input::Timer { slot, timer };
        let input = match due {
            Due::Spawn { slot } => return self.spawn(state, slot),
            Due::Seat { slot } => return self.seat(state, slot),
            Due::Exit { slot, generation, crashed } => {
                if !state.bench.knows(slot, generation) {
                    return state;
                }
                state.bench.gone(slot, "");
                Input::Exited { slot, crashed }
            }
            Due::Ready { slot, generation } if state.bench.knows(slot, generation) => Input::Ready { slot },
            Due::Beat { slot, generation } if state.bench.beats(slot, generation) => {
                let at = state.bench.now + state.bench.life.heartbeat_interval;
                state.bench.set(at, Due::Beat { slot, generation });
                Input::Beat { slot }
            }
            Due::WriteFailed { slot, serial } if state.bench.is_serving(slot, serial) => {
                state.bench.forget_order(slot);
                Input::WriteFailed { slot }
            }
            Due::Service { slot } => timer(slot, SlotTimer::Service),
            Due::Grace { slot } => timer(slot, SlotTimer::Grace),
            Due::Idle { slot } => timer(slot, SlotTimer::Idle),
            Due::Heartbeat { slot } => {
                // A worker that was told to freeze is silent as it should be.
                let planned = state.bench.freezes(slot);
                let killed = state.kills(slot, SlotTimer::Heartbeat);
                state.bench.signs.silenced += u64::from(killed && !planned);
                return state;
            }
            Due::Start { slot } => {
                state.bench.signs.late += u64::from(state.kills(slot, SlotTimer::Start));
                return state;
            }
            Due::Turn => Input::PoolTimer { timer: PoolTimer::Turn },
            Due::Requeue { job, attempt } if state.bench.is_same(job, attempt) => {
                Input::PoolTimer { timer: PoolTimer::Requeue(job) }
            }
            Due::WaitLimit { job, attempt } if state.bench.is_same(job, attempt) => {
                Input::WaitExpired { job }
            }
            _ => return state,
        };
        state.tell(input);
        state
    }

    /// Finds a worker for a slot that an unlimited pool has made.
    fn seat<'a>(&'a self, state: MutexGuard<'a, State>, slot: u32) -> MutexGuard<'a, State> {
        let generation = state.bench.seats[slot as usize].generation;
        drop(state);
        let hired = self.0.hires.hire(self, slot, generation);
        let mut state = self.lock();
        match hired {
            Ok(worker) => state.bench.seat(slot, generation, worker),
            Err(why) => {
                note_fault(&mut state.bench, why.clone());
                if state.bench.knows(slot, generation) {
                    let crashed = state.bench.gone(slot, &why);
                    state.tell(Input::Exited { slot, crashed });
                }
            }
        }
        state
    }

    /// Starts a worker, outside the lock: that takes a while.
    fn spawn<'a>(&'a self, mut state: MutexGuard<'a, State>, slot: u32) -> MutexGuard<'a, State> {
        let generation = state.bench.renew(slot);
        let plays = state.bench.plays;
        let spawns = state.bench.seats[slot as usize].spawns;
        let mut chance = Life::start_stream(state.bench.streams(), slot, spawns);
        if plays && chance.chance(state.bench.life.spawn_failure) {
            state.tell(Input::SpawnFailed { slot });
            return state;
        }
        let never = plays && chance.chance(state.bench.life.never_ready);
        drop(state);
        let hired = self.0.hires.hire(self, slot, generation);
        let mut state = self.lock();
        let worker = match hired {
            Ok(worker) => worker,
            Err(why) => {
                note_fault(&mut state.bench, why);
                state.tell(Input::SpawnFailed { slot });
                return state;
            }
        };
        state.bench.seats[slot as usize].worker = Some(worker);
        state.tell(Input::Spawned { slot });
        if plays {
            let order = state.bench.spawn_order;
            state.bench.spawn_order += 1;
            let first = state.bench.life.first_start_up.get(order).copied();
            let time = first.unwrap_or_else(|| state.bench.life.delays.start_up.draw(&mut chance));
            if !never {
                let at = state.bench.now + time;
                state.bench.set(at, Due::Ready { slot, generation });
            }
        }
        match state.bench.seats[slot as usize].early.take() {
            Some(Early::Ready) => state.tell(Input::Ready { slot }),
            Some(Early::Exit(why)) => {
                state.bench.ended_unready(&why);
                state.bench.gone(slot, &why);
                state.tell(Input::Exited { slot, crashed: false });
            }
            None => {}
        }
        state
    }

    /// Ends the pool: no new jobs; those inside have `grace` to end, then they are cancelled. Returns when no worker
    /// is left.
    ///
    /// # Errors
    /// What could not be ended.
    pub(in crate::live) fn close(&self, grace: Duration) -> Result<(), String> {
        /// Between two looks.
        const LOOK: Duration = Duration::from_millis(1);
        let state = self.lock();
        if state.bench.closing {
            return Ok(());
        }
        self.tell(state, Input::Close { closed: true });
        let until = Instant::now() + grace;
        while self.lock().pool.load() > 0 && Instant::now() < until {
            wait::sleep_until(Instant::now() + LOOK);
        }
        let mut state = self.lock();
        state.bench.closing = true;
        state.tell(Input::Flush { outcome: Outcome::Cancelled });
        for job in state.bench.alive() {
            state.tell(Input::Cancel { job });
        }
        drop(state);
        self.0.bell.notify_all();
        if let Some(keeper) = self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A keeper that panicked has said so; the workers still have to go.
            let _ = keeper.join();
        }
        let mut state = self.lock();
        for seat in &mut state.bench.seats {
            if let Some(worker) = &mut seat.worker {
                worker.retire();
            }
        }
        drop(state);
        let left = self.0.hires.leave(LEAVE);
        let mut state = self.lock();
        // Whoever waits for reports or the journal's end is told so by their closing.
        (state.bench.reports, state.bench.journal) = (None, None);
        for seat in &mut state.bench.seats {
            seat.worker = None;
        }
        left
    }
}

/// Why a pool that is being started is not wanted any more.
fn asked() -> String {
    String::from("someone asked to stop")
}

impl super::Bench {
    /// How long workers may take to get ready before a warm start: in real time whatever the speed, because processes
    /// start no faster where time is compressed.
    fn start_limit(&self) -> Duration {
        Duration::from_nanos(self.start_timeout.min(Span::from_whole_secs(60)).nanos())
    }
}
