//! The hunt against real threads and a real clock: a sound pool keeps every law, planted faults are caught and made small.
//!
//! A fault is a pool that is built from other settings than the ones it is held to, or somebody between the pool and its
//! director who keeps reports back, repeats them or holds the line when all is over.

use super::settings;
use poolsim::experiment::hunt::case::Case;
use poolsim::experiment::hunt::laws::{Law, Laws};
use poolsim::experiment::hunt::live::Live;
use poolsim::experiment::hunt::{Bag, Hunt, Quarry};
use poolsim::live::clock::Clock;
use poolsim::live::own::OwnPools;
use poolsim::live::target::{AttemptId, Capabilities, Disturbance, Job, Report, Target, TargetError, What};
use poolsim::model::Model;
use poolsim::policy::{Discipline, Slots};
use poolsim::time::Span;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

const SPEED: f64 = 20.0;
/// Generous: tests run beside other tests.
const GRACE: Span = Span::from_millis(150);

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The third request is never taken.
    LostJob,
    /// Nobody is told of the second end.
    LostEnd,
    /// Every second end is told twice.
    ToldTwice,
    /// The newest is served first.
    WrongHead,
    /// One worker takes nothing.
    LazyWorker,
    /// The service time-out is never set.
    NoTimeout,
    /// The service time-out comes at half its time.
    EarlyTimeout,
    /// Two tries too many.
    MoreTries,
    /// The queue has no end.
    Overfull,
    /// A worker that is being killed gets work.
    DyingWindow,
    /// Something holds the line when the pool has ended.
    Survivor,
}

/// Whoever stands between a pool and its director.
struct Between {
    inner: OwnPools,
    fault: Fault,
    held: Option<Sender<Report>>,
}

impl Target for Between {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn open(&mut self, clock: Clock, reports: Sender<Report>) -> Result<(), TargetError> {
        let (sender, receiver) = channel::<Report>();
        let fault = self.fault;
        self.held = (fault == Fault::Survivor).then(|| reports.clone());
        std::thread::spawn(move || {
            let mut ends = 0;
            for report in receiver {
                let is_end = matches!(report.what, What::Ended { .. });
                ends += u32::from(is_end);
                if fault == Fault::LostEnd && is_end && ends == 2 {
                    continue;
                }
                if fault == Fault::ToldTwice && is_end && ends % 2 == 0 {
                    let _ = reports.send(report.clone());
                }
                let _ = reports.send(report);
            }
        });
        self.inner.open(clock, sender)
    }

    fn submit(&mut self, job: Job) {
        if !(self.fault == Fault::LostJob && job.request == 2) {
            self.inner.submit(job);
        }
    }

    fn cancel(&mut self, id: AttemptId) {
        self.inner.cancel(id);
    }

    fn alive(&self, pool: u16) -> Vec<u32> {
        self.inner.alive(pool)
    }

    fn disturb(&mut self, pool: u16, what: Disturbance) {
        self.inner.disturb(pool, what);
    }

    fn close(&mut self, grace: Span) -> Result<(), TargetError> {
        self.inner.close(grace)
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            // Nobody ever sends here, so this waits for two seconds and lets go.
            let (alive, never) = channel::<()>();
            std::thread::spawn(move || {
                let _ = never.recv_timeout(std::time::Duration::from_secs(2));
                drop((held, alive));
            });
        }
    }
}

fn made(model: &Model, fault: Fault) -> Box<dyn Target> {
    let mut model = model.clone();
    let settings = &mut model.pools[0].settings;
    match fault {
        Fault::WrongHead => settings.discipline = Discipline::Lifo,
        Fault::LazyWorker => {
            if let Slots::Limited(slots) = settings.slots {
                settings.slots = Slots::Limited((slots - 1).max(1));
            }
        }
        Fault::NoTimeout => settings.service_timeout = None,
        Fault::EarlyTimeout => {
            if let Some(limit) = &mut settings.service_timeout {
                limit.span = limit.span.scaled(0.5);
            }
        }
        Fault::MoreTries => {
            if let Some(retry) = &mut settings.retry {
                retry.max += 2;
            }
        }
        Fault::Overfull => settings.queue_capacity = None,
        Fault::DyingWindow => settings.worker.dying_window = true,
        _ => {}
    }
    Box::new(Between { inner: OwnPools::threads(&model, 0), fault, held: None })
}

/// The settings of all faults: each has something to spoil.
const POOL: &str = "slots = 2
queue_capacity = 4
service_timeout = '4s'
retry = { max = 1, on = ['crash', 'timeout'], place = 'tail' }
worker = { restart_delay = '250ms', kill_exit = '1s', heartbeat_timeout = '3s', heartbeat_interval = '1s' }";

/// Hunts a pool with a fault until a law is broken: one that is expected if it is among those that broke then (a fault
/// has consequences), and, where asked for, the file of the smallest case.
fn caught(fault: Fault, expected: &[Law], cases: u64, small: bool) -> Option<(Law, String)> {
    let laws = Laws::of_every_scheduler();
    let given = settings(POOL);
    let make = move |model: &Model| Ok(made(model, fault));
    let model = given.ground(laws).unwrap().model;
    let live = Live::new(&make, &model, SPEED, GRACE).unwrap();
    let hunt = Hunt { quarry: Quarry::real(&given, laws).unwrap(), laws, seed: 3, keep: Vec::new() };
    let bag = live.hunt(&hunt, (0, cases), 8, &mut |bag| bag.found.is_empty()).unwrap();
    let found = bag.found.iter().find(|(law, _)| expected.contains(law)).or(bag.found.iter().next());
    let (&law, (_, first)) = found?;
    let found = if small { live.smallest(&hunt, law, first, "test") } else { None };
    Some((law, found.map_or(String::new(), |small| small.text)))
}

#[test]
fn planted_faults_of_a_real_pool_are_caught_and_made_small() {
    for (fault, laws) in [
        (Fault::LostJob, &[Law::RequestLost][..]),
        (Fault::LostEnd, &[Law::RequestLost, Law::TimeOut, Law::DoubleStart, Law::IdleWorker]),
        (Fault::ToldTwice, &[Law::EndedTwice]),
        (Fault::WrongHead, &[Law::Order]),
        (Fault::LazyWorker, &[Law::IdleWorker, Law::Limits]),
        (Fault::NoTimeout, &[Law::TimeOut]),
        (Fault::EarlyTimeout, &[Law::TimeOut]),
        (Fault::MoreTries, &[Law::Attempts]),
        (Fault::Overfull, &[Law::Limits]),
        (Fault::DyingWindow, &[Law::DoubleStart]),
        (Fault::Survivor, &[Law::OutlivesShutdown]),
    ] {
        // To make a case small takes a while, so two of them have to do.
        let small = matches!(fault, Fault::LostJob | Fault::WrongHead);
        let (law, text) =
            caught(fault, laws, 400, small).unwrap_or_else(|| panic!("{fault:?} was not caught"));
        assert!(laws.contains(&law), "{fault:?} was taken for {law:?}\n{text}");
        if small {
            let case = Case::read(&text, Laws::ALL).unwrap_or_else(|why| panic!("{fault:?}: {why}\n{text}"));
            assert!(case.work.requests.len() <= 8, "{fault:?} is not small\n{text}");
            assert!(text.contains("--target pool"), "{text}");
        }
    }
}

#[test]
fn what_a_hunt_has_found_when_it_is_stopped_is_kept_without_another_play() {
    let laws = Laws::of_every_scheduler();
    let given = settings(POOL);
    let plays = Arc::new(AtomicU64::new(0));
    let (counted, asked) = (Arc::clone(&plays), Arc::new(AtomicBool::new(false)));
    let make = move |model: &Model| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(made(model, Fault::LostJob))
    };
    let stop = Arc::clone(&asked);
    let model = given.ground(laws).unwrap().model;
    let live = Live::new(&make, &model, SPEED, GRACE).unwrap();
    let live = live.heed(Arc::new(move || stop.load(Ordering::Relaxed)));
    let hunt = Hunt { quarry: Quarry::real(&given, laws).unwrap(), laws, seed: 3, keep: Vec::new() };
    let most = 400;
    let bag = live.hunt(&hunt, (0, most), 8, &mut |bag| {
        asked.fetch_or(!bag.found.is_empty(), Ordering::Relaxed);
        true
    });
    let bag = bag.unwrap();
    assert!(bag.cases < most, "cases that were under way are given up");
    let (&law, (_, cases)) = bag.found.iter().next().unwrap();
    let before = plays.load(Ordering::Relaxed);
    let small = live.smallest(&hunt, law, cases, "case NUMBER").unwrap();
    assert_eq!(plays.load(Ordering::Relaxed), before);
    assert_eq!(small.case, cases[0]);
    let case = Case::read(&small.text, Laws::ALL).unwrap_or_else(|why| panic!("{why}\n{}", small.text));
    assert_eq!(case.work.requests.len(), small.requests);
    assert!(small.text.contains(&small.what) && small.text.contains("# What happens:\n# "), "{}", small.text);
}

/// The cases of a hunt that break their law again when nothing else runs beside them: what a machine that is busy with
/// other tests does to one of eight pools it does not do twice.
fn broken_again(live: &Live<'_>, hunt: &Hunt, bag: &Bag) -> Vec<(Law, u64)> {
    let found = bag.found.iter().flat_map(|(&law, (_, cases))| cases.iter().map(move |&case| (law, case)));
    let again = |&(law, case): &(Law, u64)| {
        live.hunt(hunt, (case, 1), 1, &mut |_| true).unwrap().found.contains_key(&law)
    };
    found.filter(again).collect()
}

#[test]
fn a_real_pool_keeps_every_law() {
    let laws = Laws::of_every_scheduler();
    let make = |model: &Model| Ok(made(model, Fault::None));
    let given = settings(POOL);
    let model = given.ground(laws).unwrap().model;
    let live = Live::new(&make, &model, SPEED, GRACE).unwrap();
    for (quarry, seed) in [(Quarry::real(&given, laws).unwrap(), 3), (Quarry::Random, 9)] {
        let hunt = Hunt { quarry, laws, seed, keep: Vec::new() };
        let bag = live.hunt(&hunt, (0, 40), 8, &mut |_| true).unwrap();
        assert_eq!(bag.cases, 40);
        let broken = broken_again(&live, &hunt, &bag);
        assert!(broken.is_empty(), "seed {seed}: {broken:?}");
    }
}
