//! Negative controls: a policy with one planted fault each must be caught, and the case made small. The faults live here,
//! between the policy and its driver, or in settings that the policy is given behind the referee's back.

use super::settings;
use poolsim::experiment::hunt::bench::{self, Played, Scheduler};
use poolsim::experiment::hunt::case::{self, Settings};
use poolsim::experiment::hunt::generate::{self, Landmarks};
use poolsim::experiment::hunt::ground::{Ground, Workload};
use poolsim::experiment::hunt::input::Input;
use poolsim::experiment::hunt::laws::{Law, Laws};
use poolsim::experiment::hunt::shrink;
use poolsim::outcome::Outcome;
use poolsim::policy::{
    Discipline, Driver, JobId, Pool, PoolSettings, PoolTimer, RetryPlace, SlotTimer, Ticket, Tickets,
    WorkerState,
};
use poolsim::random::{Purpose, Streams};
use poolsim::time::{Span, Time};

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// A request whose time is up is forgotten.
    LostJob,
    /// A request is reported twice.
    ToldTwice,
    /// A request is handed to a second worker in place of the next one.
    DoubleStart,
    /// The newest is served first.
    WrongHead,
    /// A retry goes to the tail.
    WrongPlace,
    /// The service time-out is never set.
    ForgottenTimer,
    /// The service time-out is set too late.
    SlowTimer,
    /// A worker that is gone is never replaced.
    LeakedSlot,
    /// After a retry nobody looks for a worker.
    ForgottenTurn,
    /// One retry too many.
    ExtraAttempt,
    /// One waiting place too many.
    Overfull,
    /// A worker that is being killed gets work.
    DyingWindow,
    /// The pool goes down and its requests stay.
    Survivors,
}

struct Faulty {
    pool: Pool,
    fault: Fault,
    last: Option<(u32, JobId)>,
}

impl Faulty {
    fn new(ground: &Ground, fault: Fault) -> Faulty {
        let mut settings: PoolSettings = ground.pool.settings.clone();
        match fault {
            Fault::WrongHead => settings.discipline = Discipline::Lifo,
            Fault::WrongPlace => settings.retry.iter_mut().for_each(|retry| retry.place = RetryPlace::Tail),
            Fault::SlowTimer => {
                settings.service_timeout.iter_mut().for_each(|limit| limit.span += Span::from_millis(50));
            }
            Fault::ExtraAttempt => settings.retry.iter_mut().for_each(|retry| retry.max += 1),
            Fault::Overfull => settings.queue_capacity = settings.queue_capacity.map(|places| places + 1),
            Fault::DyingWindow => settings.worker.dying_window = true,
            _ => {}
        }
        let chance = Streams::new(ground.seed, 0).stream(Purpose::Policy, 0);
        Faulty { pool: Pool::new(0, settings, chance), fault, last: None }
    }
}

impl Scheduler for Faulty {
    fn take<D: Driver>(&mut self, now: Time, input: Input, driver: &mut D) {
        let mut spoilt = Spoilt { driver, fault: self.fault, last: &mut self.last };
        match (self.fault, input) {
            (Fault::ForgottenTurn, Input::PoolTimer(PoolTimer::Turn))
            | (Fault::Survivors, Input::Collapse) => {}
            _ => input.tell(&mut self.pool, now, &mut spoilt),
        }
    }
}

/// Passes effects on, but for one.
struct Spoilt<'d, D> {
    driver: &'d mut D,
    fault: Fault,
    last: &'d mut Option<(u32, JobId)>,
}

impl<D: Driver> Tickets for Spoilt<'_, D> {
    fn ticket(&mut self, job: JobId) -> &mut Ticket {
        self.driver.ticket(job)
    }
}

impl<D: Driver> Driver for Spoilt<'_, D> {
    fn start(&mut self, pool: u32, slot: u32, job: JobId, dying: bool) {
        let again = self.last.replace((slot, job)).filter(|(other, _)| *other != slot);
        match again {
            Some((_, other)) if self.fault == Fault::DoubleStart => {
                self.driver.start(pool, slot, other, dying)
            }
            _ => self.driver.start(pool, slot, job, dying),
        }
    }

    fn arm(&mut self, pool: u32, slot: u32, timer: SlotTimer, at: Time) {
        if self.fault != Fault::ForgottenTimer || timer != SlotTimer::Service {
            self.driver.arm(pool, slot, timer, at);
        }
    }

    fn kill(&mut self, pool: u32, slot: u32) {
        self.driver.kill(pool, slot);
    }

    fn retire(&mut self, pool: u32, slot: u32) {
        self.driver.retire(pool, slot);
    }

    fn released(&mut self, pool: u32, slot: u32, job: JobId, outcome: Outcome) {
        self.driver.released(pool, slot, job, outcome);
    }

    fn withdraw(&mut self, pool: u32, slot: u32, job: JobId) {
        self.driver.withdraw(pool, slot, job);
    }

    fn respawn(&mut self, pool: u32, slot: u32, first: bool) {
        if self.fault != Fault::LeakedSlot || first {
            self.driver.respawn(pool, slot, first);
        }
    }

    fn queued(&mut self, pool: u32, job: JobId, again: bool) {
        self.driver.queued(pool, job, again);
    }

    fn unqueued(&mut self, pool: u32, job: JobId) {
        self.driver.unqueued(pool, job);
    }

    fn later(&mut self, pool: u32, timer: PoolTimer, delay: Span) {
        self.driver.later(pool, timer, delay);
    }

    fn retried(&mut self, pool: u32, job: JobId, outcome: Outcome) {
        self.driver.retried(pool, job, outcome);
    }

    fn ended(&mut self, pool: u32, job: JobId, outcome: Outcome) {
        if self.fault == Fault::LostJob && outcome == Outcome::Timeout {
            return;
        }
        self.driver.ended(pool, job, outcome);
        if self.fault == Fault::ToldTwice && outcome == Outcome::Crash {
            self.driver.ended(pool, job, outcome);
        }
    }

    fn moved(&mut self, pool: u32, slot: u32, from: WorkerState, to: WorkerState) {
        self.driver.moved(pool, slot, from, to);
    }
}

/// A pool in which every fault can show.
const POOL: &str = "slots = 2\nqueue_capacity = 3\nservice_timeout = \"1s\"\nretry = { max = 1, turn = \"20ms\" }\n\
    worker = { restart_delay = \"250ms\", kill_exit = \"2ms\", crash_exit = \"1ms\", start_up = \"160ms\" }\n";

fn first_failure(ground: &Ground, fault: Fault, laws: &[Law]) -> Option<(Law, Workload)> {
    let marks = Landmarks::of(ground);
    (0..3000).find_map(|number| {
        let mut stream = Streams::new(9, 0).keyed(Purpose::Search, number, 0);
        let work = generate::workload(ground, &marks, &mut stream);
        let found = bench::play_with(ground, &work, &mut Faulty::new(ground, fault)).found;
        found.into_iter().find(|breach| laws.contains(&breach.law)).map(|breach| (breach.law, work))
    })
}

#[track_caller]
fn is_caught(fault: Fault, laws: &[Law], requests_at_most: usize) {
    let settings: Settings = settings(POOL);
    let ground = settings.ground(Laws::ALL).unwrap();
    let (law, work) =
        first_failure(&ground, fault, laws).unwrap_or_else(|| panic!("{fault:?} is not caught"));
    let play = |ground: &Ground, work: &Workload| -> Played {
        bench::play_with(ground, work, &mut Faulty::new(ground, fault))
    };
    let small = shrink::shrink(settings, work, law, &|_| false, &play).unwrap();
    let text = case::file(&small.settings, &small.ground, &small.work, law, "a planted fault");
    assert!(small.work.requests.len() <= requests_at_most, "{fault:?}: not small:\n{text}");
    // The file is a model, it is the case, and without the fault no law is broken by it.
    let case = case::Case::read(&text, Laws::ALL).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(case.work, small.work, "{text}");
    assert!(play(&case.ground, &case.work).found.iter().any(|breach| breach.law == law), "{text}");
    let sound = bench::play(&case.ground, &case.work).found;
    assert!(sound.iter().all(|breach| breach.law != law), "{fault:?}: {sound:?}\n{text}");
}

#[test]
fn a_lost_job_is_caught() {
    is_caught(Fault::LostJob, &[Law::RequestLost], 1);
}

#[test]
fn an_end_told_twice_is_caught() {
    is_caught(Fault::ToldTwice, &[Law::EndedTwice], 1);
}

#[test]
fn a_double_start_is_caught() {
    is_caught(Fault::DoubleStart, &[Law::DoubleStart], 2);
}

#[test]
fn a_wrong_head_is_caught() {
    is_caught(Fault::WrongHead, &[Law::Order], 4);
    is_caught(Fault::WrongPlace, &[Law::Order], 4);
}

#[test]
fn a_forgotten_timer_is_caught() {
    is_caught(Fault::ForgottenTimer, &[Law::TimeOut], 1);
    is_caught(Fault::SlowTimer, &[Law::TimeOut], 1);
}

#[test]
fn a_leaked_slot_is_caught() {
    is_caught(Fault::LeakedSlot, &[Law::LostSlot], 1);
}

#[test]
fn an_idle_worker_is_caught() {
    is_caught(Fault::ForgottenTurn, &[Law::IdleWorker, Law::WaitingWithoutBound], 2);
}

#[test]
fn an_attempt_too_many_is_caught() {
    is_caught(Fault::ExtraAttempt, &[Law::Attempts], 1);
}

#[test]
fn a_place_too_many_is_caught() {
    is_caught(Fault::Overfull, &[Law::Limits], 6);
}

#[test]
fn a_dying_window_is_caught() {
    is_caught(Fault::DyingWindow, &[Law::DoubleStart], 2);
}

#[test]
fn a_survivor_of_a_shutdown_is_caught() {
    is_caught(Fault::Survivors, &[Law::OutlivesShutdown], 1);
}

#[test]
fn without_a_fault_nothing_is_caught() {
    let ground = settings(POOL).ground(Laws::ALL).unwrap();
    assert_eq!(first_failure(&ground, Fault::None, &Law::ALL), None);
}
