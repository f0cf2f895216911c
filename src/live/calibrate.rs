//! What a live target itself costs: probes, one after another, at a target that has nothing else to do.
//!
//! ```text
//!   submit ──hand-over──▶ Started ──answer──▶ Ended          a probe that asks for no work
//!   submit ──▶ Started ──answer + work + late──▶ Ended       a probe that asks for some
//!   Started ──limit + timer──▶ Killed ──exit──▶ Exited ──restart──▶ Spawned ──start-up──▶ Ready    one that hangs
//! ```
//!
//! Decides which probes are sent and which spans their reports show. What a target cannot show is left out, with the
//! reason. Makes no constants of the spans: that is `experiment::calibrate`.

mod seen;

use super::clock::Clock;
use super::replay::Note;
use super::target::{Disturbance, Job, Report, Target, TargetError, What, WorkerEvent};
use super::wait;
use crate::model::{Model, Transport};
use crate::outcome::Outcome;
use crate::policy::{OnTimeout, ServiceTimeout, TimeoutOrigin};
use crate::time::{Span, Time};
use crate::workload::Distribution;
use crate::workload::trace::Fate;
use seen::{grain, middle, ms, spans};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How a target is probed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Index of the model's pool.
    pub pool: u16,
    /// Index of the class that probes have.
    pub class: u16,
    /// Probes without work, and as many with some.
    pub probes: u32,
    /// Workers that are made to end.
    pub ends: u32,
    /// The time-out that ends a probe that hangs, as [`calm`] has set it.
    pub limit: Span,
    /// Longest wait for what a probe should bring about.
    pub patience: Span,
    /// Workers only play the part that the model gives them, so the spans of their lives are the model's.
    pub plays: bool,
}

/// A span that probes show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shown {
    /// From submission to the hand-over to a worker.
    HandOver,
    /// From the hand-over, or from submission where hand-overs are not told, to the end of a job without work.
    Answer,
    /// What a job takes longer than its work and the answer.
    Late,
    /// How late a time-out fires.
    TimerLate,
    /// From the signal to the notice of the exit.
    KillExit,
    /// From the notice of an exit to the start of the next worker.
    RestartDelay,
    /// From the start of a worker to its word that it is ready.
    StartUp,
}

impl Shown {
    /// All of them.
    pub const ALL: [Shown; 7] = [
        Shown::HandOver,
        Shown::Answer,
        Shown::Late,
        Shown::TimerLate,
        Shown::KillExit,
        Shown::RestartDelay,
        Shown::StartUp,
    ];
}

/// What probing a target found.
#[derive(Clone, Debug)]
pub struct Probed {
    /// Name of the target.
    pub target: &'static str,
    /// Hand-overs were told apart from submissions.
    pub reports_starts: bool,
    /// Milliseconds, by what they show.
    pub samples: BTreeMap<Shown, Vec<f64>>,
    /// What was not shown, and why.
    pub left_out: BTreeMap<Shown, String>,
    /// How late poolsim's own waits of a millisecond ended, milliseconds.
    pub grain: Vec<f64>,
    /// What to know.
    pub notes: Vec<Note>,
    /// Someone asked to stop before the end.
    pub interrupted: bool,
}

/// Probes that go before those that count: connections and caches are made.
const WARM_UP: u32 = 5;
/// Work of the probes that bring some.
const WORK: Span = Span::from_millis(50);
/// Waits whose lateness is measured.
const WAITS: usize = 500;
/// Between two probes.
const PAUSE: Duration = Duration::from_millis(1);
/// Longest time-out that is waited for as it is.
const LIMIT_MOST: Span = Span::from_whole_secs(1);

/// Makes a model fit for probes: nothing is tried again or refused, and hanging work is killed soon (`limit`), workers start
/// within `patience`. A pool of our own (`own`) adds none of the model's delays of transport. Of a foreign scheduler a time-out is shortened only
/// where it has one that kills. Returns the time-out that stands.
pub fn calm(model: &mut Model, pool: u16, limit: Span, patience: Span, own: bool) -> Option<Span> {
    let pool = model.pools.get_mut(usize::from(pool))?;
    if own {
        let none = Distribution::Deterministic { value: 0.0 };
        let (dispatch, late) = (none.clone(), none.clone());
        pool.transport = Transport { dispatch, late, reply: none.clone(), timer_late: none };
    }
    let settings = &mut pool.settings;
    settings.worker.start_timeout = settings.worker.start_timeout.min(patience);
    settings.retry = None;
    settings.admission.clear();
    (settings.queue_capacity, pool.waiting_limit, pool.timeout) = (None, None, None);
    let kills = settings.service_timeout.filter(|timeout| timeout.then == OnTimeout::Kill);
    if kills.is_none() && !own {
        return None;
    }
    let short = kills.map(|timeout| timeout.span).filter(|&span| span <= LIMIT_MOST && !own);
    let span = short.unwrap_or(limit);
    settings.service_timeout =
        Some(ServiceTimeout { span, origin: TimeoutOrigin::Dispatch, then: OnTimeout::Kill });
    Some(span)
}

/// Probes a target. `stop` is asked now and then.
///
/// # Errors
/// A [`TargetError`] when the target cannot be started, or ends no probe.
pub fn probe(
    target: &mut dyn Target,
    settings: &Settings,
    stop: &dyn Fn() -> bool,
) -> Result<Probed, TargetError> {
    wait::wake_exactly();
    let clock = Clock::start(1.0);
    let (sender, reports) = channel();
    target.open(clock, sender)?;
    let mut found = Probed {
        target: target.name(),
        reports_starts: target.capabilities().reports_starts,
        samples: BTreeMap::new(),
        left_out: BTreeMap::new(),
        grain: Vec::new(),
        notes: Vec::new(),
        interrupted: false,
    };
    let mut prober = Prober { target, settings, stop, clock, reports, next: 0, lives: Vec::new() };
    let worked = prober.all(&mut found);
    if let Err(error) = prober.target.close(Span::ZERO) {
        found.notes.push(Note { code: "target_left", text: error.text, advice: error.hint });
    }
    found.notes.append(&mut prober.target.remarks());
    match worked {
        Err(Broken::Interrupted) => found.interrupted = true,
        Err(Broken::Silent(text)) => {
            let why: Vec<String> = found.notes.iter().map(|note| note.text.clone()).collect();
            return Err(TargetError { text, hint: why.join("; ") });
        }
        Ok(()) => {}
    }
    Ok(found)
}

/// Why probing went no further.
enum Broken {
    Interrupted,
    Silent(String),
}

/// One probe's way.
struct Way {
    sent: Time,
    started: Option<Time>,
    end: Time,
    outcome: Outcome,
    /// A worker got ready while it waited.
    awaited_worker: bool,
}

impl Way {
    /// From the hand-over, or from submission, to the end: milliseconds.
    fn served(&self) -> f64 {
        ms(self.started.unwrap_or(self.sent), self.end)
    }
}

/// Something in a worker's life.
#[derive(Clone, Copy)]
struct Life {
    at: Time,
    worker: u32,
    event: WorkerEvent,
}

struct Prober<'a> {
    target: &'a mut dyn Target,
    settings: &'a Settings,
    stop: &'a dyn Fn() -> bool,
    clock: Clock,
    reports: Receiver<Report>,
    next: u64,
    lives: Vec<Life>,
}

impl Prober<'_> {
    fn all(&mut self, found: &mut Probed) -> Result<(), Broken> {
        found.grain = grain();
        self.answers(found)?;
        self.ends(found)
    }

    /// Probes without work and with some, in turn, so that what drifts meets both alike.
    fn answers(&mut self, found: &mut Probed) -> Result<(), Broken> {
        let (mut hand_over, mut answer, mut worked) = (Vec::new(), Vec::new(), Vec::new());
        let (mut failed, mut awaited) = (BTreeMap::new(), false);
        for n in 0..WARM_UP + self.settings.probes {
            for work in [Span::ZERO, WORK] {
                let way = self.send(work, Fate::Ok)?;
                if n < WARM_UP {
                    continue;
                }
                if way.outcome != Outcome::Ok {
                    *failed.entry(way.outcome.name()).or_insert(0u32) += 1;
                    continue;
                }
                hand_over.extend(way.started.filter(|_| !way.awaited_worker).map(|at| ms(way.sent, at)));
                awaited |= way.awaited_worker;
                if work == Span::ZERO { &mut answer } else { &mut worked }.push(way.served());
            }
        }
        for (outcome, count) in failed {
            found.notes.push(Note {
                code: "probes_failed",
                text: format!(
                    "{count} of {} probes ended as {outcome} and are left out (time-outs: give a longer --timeout)",
                    self.settings.probes * 2
                ),
                advice: String::new(),
            });
        }
        let work = WORK.secs() * 1e3;
        let (alone, with) = (middle(&mut answer), middle(&mut worked));
        if hand_over.is_empty() {
            let why = if awaited {
                "no probe found a worker that was ready"
            } else {
                "the target reported no hand-over"
            };
            found.leave_out(Shown::HandOver, why);
        } else {
            found.samples.insert(Shown::HandOver, hand_over);
        }
        if answer.is_empty() || worked.is_empty() {
            let why = "no probe ended well";
            found.leave_out(Shown::Answer, why);
            found.leave_out(Shown::Late, why);
        } else if !self.target.capabilities().takes_demands {
            let why = format!(
                "the target is not told how long to work, so its own time and its work are one: {alone:.3} ms a job \
                 at the median"
            );
            found.leave_out(Shown::Answer, &why);
            found.leave_out(Shown::Late, &why);
        } else if with - alone < work / 2.0 {
            let why = format!(
                "jobs do not work as long as they are told: told 0 ms they take {alone:.3} ms, told {work:.0} ms \
                 {with:.3} ms"
            );
            found.leave_out(Shown::Answer, &why);
            found.leave_out(Shown::Late, &why);
        } else {
            found.samples.insert(Shown::Late, worked.iter().map(|took| took - work - alone).collect());
            found.samples.insert(Shown::Answer, answer);
        }
        Ok(())
    }

    /// Makes workers end, one after another, and looks at what follows.
    fn ends(&mut self, found: &mut Probed) -> Result<(), Broken> {
        let lives = [Shown::KillExit, Shown::RestartDelay, Shown::StartUp];
        let can = self.target.capabilities();
        let hangs = can.kills && !self.settings.limit.is_never();
        if !can.takes_fates || !can.reports_starts {
            let why = if can.reports_starts {
                "the target takes no fates, so no worker can be made to end"
            } else {
                "the target tells nothing of its workers"
            };
            lives.iter().chain([&Shown::TimerLate]).for_each(|&one| found.leave_out(one, why));
            return Ok(());
        }
        let from = self.lives.len();
        let (mut late, mut stopped, mut deaf) = (Vec::new(), None, None);
        for _ in 0..self.settings.ends {
            let (begun, (fate, wanted)) = (
                self.lives.len(),
                if hangs { (Fate::Hang, Outcome::Timeout) } else { (Fate::Crash, Outcome::Crash) },
            );
            let way = self.send(Span::ZERO, fate)?;
            if way.outcome != wanted {
                deaf = Some(format!(
                    "a job that was told to {} ended as {}: the workers take no fates",
                    if hangs { "hang" } else { "crash" },
                    way.outcome.name()
                ));
                break;
            }
            let killed = self.lives[begun..].iter().find(|life| life.event == WorkerEvent::Killed);
            let fired = killed.map_or(way.end, |life| life.at);
            if hangs {
                late.push(ms(way.started.unwrap_or(way.sent), fired) - self.settings.limit.secs() * 1e3);
            }
            if !self.await_ready(begun)? {
                stopped = Some(self.nobody_came());
                break;
            }
        }
        if deaf.is_some() && can.disturbs {
            stopped = self.strike()?;
        }
        let seen = &self.lives[from..];
        let pairs = [
            (Shown::KillExit, WorkerEvent::Killed, WorkerEvent::Exited),
            (Shown::RestartDelay, WorkerEvent::Exited, WorkerEvent::Spawned),
            (Shown::StartUp, WorkerEvent::Spawned, WorkerEvent::Ready),
        ];
        for (shown, first, then) in pairs {
            let spans = spans(seen, first, then);
            if self.settings.plays {
                found.leave_out(shown, "workers of this target play the part that the model gives them");
            } else if spans.is_empty() {
                let why = stopped.as_deref().or(deaf.as_deref()).unwrap_or(match shown {
                    Shown::KillExit => "the target was seen to kill no worker",
                    _ => "the target does not report it",
                });
                found.leave_out(shown, why);
            } else {
                found.samples.insert(shown, spans);
            }
        }
        if late.is_empty() {
            let why = deaf.as_deref().or(stopped.as_deref());
            let why = why.unwrap_or("the target has no time-out that kills");
            found.leave_out(Shown::TimerLate, why);
        } else {
            found.samples.insert(Shown::TimerLate, late);
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        Duration::from_nanos(self.settings.patience.nanos())
    }

    fn nobody_came(&self) -> String {
        format!("no new worker was ready within {} s of the end of one", self.patience().as_secs_f64())
    }

    /// Kills workers from outside, as they cannot be told to go wrong; why it went no further.
    fn strike(&mut self) -> Result<Option<String>, Broken> {
        for _ in 0..self.settings.ends {
            let (pool, from) = (self.settings.pool, self.lives.len());
            let Some(&slot) = self.target.alive(pool).first() else {
                return Ok(Some(String::from("no worker was left to be killed")));
            };
            let at = self.clock.now();
            self.target.disturb(pool, Disturbance::KillWorker { slot });
            self.lives.push(Life { at, worker: slot, event: WorkerEvent::Killed });
            if !self.await_ready(from)? {
                return Ok(Some(self.nobody_came()));
            }
        }
        Ok(None)
    }

    /// Sends a probe and waits for its end.
    fn send(&mut self, demand: Span, fate: Fate) -> Result<Way, Broken> {
        wait::sleep_until(Instant::now() + PAUSE);
        let (id, begun) = (self.next, self.lives.len());
        self.next += 1;
        let sent = self.clock.now();
        self.target.submit(Job {
            id,
            request: id,
            attempt: 1,
            class: self.settings.class,
            pool: self.settings.pool,
            demand,
            size: demand,
            executions: 0,
            scripted: true,
            cpu_share: 0.0,
            fate,
            priority: 0,
            deadline: Time::NEVER,
            leave_by: Time::NEVER,
        });
        let until = Instant::now() + self.patience();
        let mut started = None;
        while let Some(report) = self.hear(until)? {
            match report.what {
                What::Started { id: other, .. } if other == id => started = Some(report.at),
                What::Ended { id: other, outcome, detail } if other == id => {
                    let failed = matches!(outcome, Outcome::WriteError | Outcome::Rejected);
                    if failed && id < u64::from(WARM_UP) {
                        let text =
                            format!("the target refused the first probes ({}): {detail}", outcome.name());
                        return Err(Broken::Silent(text));
                    }
                    let awaited_worker = self.lives[begun..].iter().any(|life| {
                        life.event == WorkerEvent::Ready && started.is_some_and(|at| life.at <= at)
                    });
                    return Ok(Way { sent, started, end: report.at, outcome, awaited_worker });
                }
                _ => {}
            }
        }
        let secs = self.patience().as_secs_f64();
        Err(Broken::Silent(format!("the target did not end probe {id} within {secs} s")))
    }

    /// Waits until a worker that was started after event `from` is ready; `false` if none is in time.
    fn await_ready(&mut self, from: usize) -> Result<bool, Broken> {
        let until = Instant::now() + self.patience();
        loop {
            let own = &self.lives[from..];
            let spawned = own.iter().position(|life| life.event == WorkerEvent::Spawned);
            if spawned.is_some_and(|at| own[at..].iter().any(|life| life.event == WorkerEvent::Ready)) {
                return Ok(true);
            }
            if self.hear(until)?.is_none() {
                return Ok(false);
            }
        }
    }

    /// The next report; what it says of a worker of the pool is kept. `None` once it is too late.
    fn hear(&mut self, until: Instant) -> Result<Option<Report>, Broken> {
        /// Between two looks at whether someone asked to stop.
        const LOOK: Duration = Duration::from_millis(100);
        loop {
            if (self.stop)() {
                return Err(Broken::Interrupted);
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.reports.recv_timeout(left.min(LOOK)) {
                Ok(report) => {
                    if let What::Worker { pool, worker, event } = report.what
                        && pool == self.settings.pool
                    {
                        self.lives.push(Life { at: report.at, worker, event });
                    }
                    return Ok(Some(report));
                }
                Err(RecvTimeoutError::Timeout) if left > LOOK => {}
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Broken::Silent(String::from("the target has gone")));
                }
            }
        }
    }
}

impl Probed {
    fn leave_out(&mut self, shown: Shown, why: &str) {
        self.left_out.insert(shown, why.to_owned());
    }
}
