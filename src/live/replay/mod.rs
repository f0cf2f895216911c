//! The replay: a model's requests at their instants against a real scheduler, and what became of them.
//!
//! One thread sends and listens. Open sources send at their *intended* instants: how late a send really was is kept,
//! and latency counts from the intended instant, so a generator that falls behind cannot flatter the target. Virtual
//! users think, send and wait as in a simulation; clients give up, retry and hedge by the same machine as there
//! ([`crate::policy::client`]). Requests are the simulation's own, drawn from the same streams.
//!
//! Reports carry the instants at which things happened; a client reacts as of that instant. Memory grows with the
//! number of requests: some 400 bytes for each.

mod attempt;
mod client;
mod faults;
mod listen;
mod users;
mod watch;

use super::clock::Clock;
use super::needs;
use super::target::{AttemptId, Report, Target, TargetError};
use super::wait::{self, Woken};
use crate::model::requests::{Drawn, OpenSource, Requests};
use crate::model::{Model, RunLength};
use crate::policy::client::Client;
use crate::policy::route::Router;
use crate::random::{Purpose, Stream, Streams};
use crate::stats::{Histogram, Replication, RequestSeen};
use crate::time::{Span, Time};
use crate::workload::{Fate, Sampler};
use attempt::{Attempt, Flight};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::mpsc::{Receiver, channel};
use users::User;
use watch::Watch;

/// How a replay is done.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Model seconds per real second.
    pub speed: f64,
    /// Which replication's requests are sent.
    pub replication: u64,
    /// Once nothing more is sent, the replay ends when nothing has been heard of a request for so long (model time).
    pub silence: Span,
    /// At the end, how long the target may take for the jobs that it still has (model time).
    pub grace: Span,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { speed: 1.0, replication: 0, silence: Span::from_whole_secs(300), grace: Span::ZERO }
    }
}

/// Something that a reader of the figures should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// A word for programs.
    pub code: &'static str,
    /// What is the matter.
    pub text: String,
    /// What helps.
    pub advice: String,
}

/// One request and what only a replay knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The request.
    pub seen: RequestSeen,
    /// Its source.
    pub source: u16,
    /// As it was first sent: a retry may draw demand and fate anew.
    pub first: Drawn,
    /// Tries that failed though they were told to work, by how often the request had been begun before.
    pub failed: Vec<u32>,
    /// Hedges sent: attempts beside those that `seen` counts.
    pub hedges: u32,
    /// Hand-overs to workers, of all its attempts, up to its end.
    pub starts: u32,
    /// How its last attempt was meant to go wrong.
    pub fate: Fate,
    /// The target was told its demand, and worked as long.
    pub told: bool,
    /// How late its first send was.
    pub late: Span,
    /// When it was first handed to a worker in its last attempt; `NEVER` if it was not.
    pub started: Time,
    /// The worker that had it last, if any did.
    pub worker: Option<u32>,
    /// What the target said at its end.
    pub detail: String,
}

/// What a replay found.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Name of the target.
    pub target: &'static str,
    /// Counts, as of a simulated replication.
    pub replication: Replication,
    /// Every request that was sent, in order of ending; those under way at the end last, as unfinished.
    pub requests: Vec<Sent>,
    /// Lateness of sends.
    pub lateness: Histogram,
    /// What to know.
    pub notes: Vec<Note>,
    /// Someone asked to stop before the end.
    pub interrupted: bool,
    /// The target draws demand and fate anew when it tries a job again by itself.
    pub redraws: bool,
}

/// A generator whose sends are later than this at p99 (seconds of real time) says so.
const LATE: f64 = 0.001;

/// A thing that comes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    AttemptDeadline { attempt: AttemptId },
    TotalDeadline { flight: u64 },
    Hedge { attempt: AttemptId },
    Retry { flight: u64, stamp: u32 },
    UserStart { user: u32 },
    UserWake { user: u32 },
    UserDrop { user: u32 },
    Fault { fault: u32, random: bool },
    FaultEnd { fault: u32 },
}

/// Everything of one replay.
struct Replay<'a> {
    model: &'a Model,
    requests: &'a Requests<'a>,
    streams: Streams,
    settings: &'a Settings,
    /// The run's own clock.
    clock: Clock,
    /// When the run began by the target's clock.
    zero: Span,
    target: &'a mut dyn Target,
    reports: Receiver<Report>,
    sources: Vec<OpenSource<'a>>,
    users: Vec<User>,
    clients: Vec<Client>,
    routers: Vec<Router>,
    /// Jobs at each pool.
    loads: Vec<u32>,
    limits: Vec<Option<Sampler>>,
    fault_chance: Vec<Stream>,
    /// Pauses of each pool that have begun and not ended.
    pauses: Vec<u32>,
    timers: BinaryHeap<Reverse<(Time, u64, Due)>>,
    sequence: u64,
    attempts: BTreeMap<AttemptId, Attempt>,
    next_attempt: AttemptId,
    flights: BTreeMap<u64, Flight>,
    next_flight: u64,
    watch: Watch,
    ended: Vec<Sent>,
    lateness: Histogram,
    sent: u64,
    most: u64,
    horizon: Time,
    sending: bool,
    /// When something of a request was last heard.
    heard: Time,
    strays: u64,
}

/// Whether a target can do all that a model asks for, before anything of it is started; what to know otherwise.
///
/// # Errors
/// A [`TargetError`] that names everything that it cannot do.
pub fn admit(model: &Model, target: &dyn Target) -> Result<Vec<Note>, TargetError> {
    needs::check(model, target.name(), target.capabilities())
}

/// Replays a model's workload against a target. `stop` is asked now and then, first when the
/// target is ready; once it says yes the replay ends, and
/// what is under way counts as unfinished.
///
/// # Errors
/// A [`TargetError`] when the model asks for what the target cannot do, or the target cannot be started.
pub fn replay(
    model: &Model,
    target: &mut dyn Target,
    settings: &Settings,
    stop: &dyn Fn() -> bool,
) -> Result<Replayed, TargetError> {
    let mut notes = admit(model, target)?;
    let requests = Requests::new(model);
    let streams = Streams::new(model.run.seed, settings.replication);
    let (sender, reports) = channel();
    wait::wake_exactly();
    let clock = Clock::start(settings.speed);
    target.open(clock, sender)?;
    // A target may take its time to get ready: the run starts when it is.
    let zero = clock.now();
    let mut replay = Replay::new(model, &requests, streams, settings, target, reports);
    (replay.zero, replay.clock) = (zero.since(Time::ZERO), clock.from(zero));
    let interrupted = replay.run(stop);
    // A target may take its time to leave as well, which is no part of the run.
    let stopped = replay.clock.now();
    if let Err(error) = replay.target.close(settings.grace) {
        notes.push(Note { code: "target_left", text: error.text, advice: error.hint });
    }
    notes.append(&mut replay.target.remarks());
    Ok(replay.finish(interrupted, stopped, notes))
}

impl<'a> Replay<'a> {
    fn new(
        model: &'a Model,
        requests: &'a Requests<'a>,
        streams: Streams,
        settings: &'a Settings,
        target: &'a mut dyn Target,
        reports: Receiver<Report>,
    ) -> Replay<'a> {
        let (horizon, most) = match model.run.length {
            RunLength::Horizon(horizon) => (horizon, u64::MAX),
            RunLength::Requests(requests) => (Time::HORIZON_MAX, requests),
        };
        let routers = model.routes.iter().enumerate().map(|(number, route)| {
            let chance = streams.stream(Purpose::Routing, number as u64);
            Router::new(route.settings.routing.clone(), route.pools.len(), chance)
        });
        let sources = (0..model.sources.len() as u64).map(|n| OpenSource::new(requests, n, &streams, None));
        let limit = |pool: &crate::model::Pool| pool.waiting_limit.as_ref().map(Sampler::new);
        Replay {
            model,
            requests,
            streams,
            settings,
            clock: Clock::start(settings.speed),
            zero: Span::ZERO,
            target,
            reports,
            sources: sources.collect(),
            users: users::users(model, &streams, horizon),
            clients: model.sources.iter().map(|source| Client::new(source.client.clone())).collect(),
            routers: routers.collect(),
            loads: vec![0; model.pools.len()],
            limits: model.pools.iter().map(limit).collect(),
            fault_chance: (0..model.faults.len() as u64)
                .map(|fault| streams.stream(Purpose::Fault, fault))
                .collect(),
            pauses: vec![0; model.pools.len()],
            timers: BinaryHeap::new(),
            sequence: 0,
            attempts: BTreeMap::new(),
            next_attempt: 0,
            flights: BTreeMap::new(),
            next_flight: 0,
            watch: Watch::new(model, most),
            ended: Vec::new(),
            lateness: Histogram::default(),
            sent: 0,
            most,
            horizon,
            sending: true,
            heard: Time::ZERO,
            strays: 0,
        }
    }

    /// Plays to the end; says whether someone asked to stop before it.
    fn run(&mut self, stop: &dyn Fn() -> bool) -> bool {
        self.open_users();
        self.open_faults();
        loop {
            if stop() {
                return true;
            }
            let now = self.clock.now();
            while let Ok(report) = self.reports.try_recv() {
                self.hear(report);
            }
            while let Some(at) = self.next_due().filter(|&at| at <= now) {
                self.fire(at);
            }
            if now >= self.horizon {
                self.stop_sending(self.horizon);
            }
            if self.is_over(now) {
                return false;
            }
            // Someone may ask to stop while nothing happens.
            let look = now + Span::from_millis(100).scaled(self.settings.speed);
            let next = self.next_due().unwrap_or(Time::NEVER).min(look);
            let next = if self.sending { next.min(self.horizon) } else { next };
            match wait::receive_until(&self.reports, self.clock.when(next)) {
                Woken::Told(report) => self.hear(report),
                Woken::Due => {}
                // The target has gone; time goes on, and with it deadlines and the horizon.
                Woken::Alone => wait::sleep_until(self.clock.when(next)),
            }
        }
    }

    /// When the next thing comes due by itself.
    fn next_due(&self) -> Option<Time> {
        let timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let arrival = self.sources.iter().map(|source| source.next).min().filter(|&at| at != Time::NEVER);
        [timer, arrival].into_iter().flatten().min()
    }

    /// Does what is due at `at`: timers before arrivals, as in a simulation.
    fn fire(&mut self, at: Time) {
        if self.timers.peek().is_some_and(|Reverse((first, ..))| *first == at) {
            if let Some(Reverse((at, _, due))) = self.timers.pop() {
                self.due(at, due);
            }
            return;
        }
        let Some(number) = self.sources.iter().position(|source| source.next == at) else { return };
        if at > self.horizon {
            return self.stop_sending(self.horizon);
        }
        for left in (0..self.sources[number].batch()).rev() {
            let source = &mut self.sources[number];
            let drawn = source.request();
            if left == 0 {
                source.advance();
            }
            self.send_first(number as u16, drawn, attempt::NO_USER, at);
            if self.sent >= self.most {
                return self.stop_sending(at);
            }
        }
    }

    fn due(&mut self, at: Time, due: Due) {
        match due {
            Due::AttemptDeadline { attempt } => self.attempt_deadline(attempt, at),
            Due::TotalDeadline { flight } => self.total_deadline(flight, at),
            Due::Hedge { attempt } => self.hedge_due(attempt, at),
            Due::Retry { flight, stamp } => self.retry_due(flight, stamp, at),
            Due::UserStart { user } => self.user_starts(user, at),
            Due::UserWake { user } => self.user_sends(user, at),
            Due::UserDrop { user } => self.user_drops(user, at),
            Due::Fault { fault, random } => self.fault_due(fault, random, at),
            Due::FaultEnd { fault } => self.fault_over(fault),
        }
    }

    fn arm(&mut self, at: Time, due: Due) {
        if at <= Time::HORIZON_MAX {
            self.sequence += 1;
            self.timers.push(Reverse((at, self.sequence, due)));
        }
    }

    fn stop_sending(&mut self, at: Time) {
        if std::mem::replace(&mut self.sending, false) {
            self.watch.sending_ended(at);
            self.heard = self.heard.max(self.clock.now());
            self.sources.iter_mut().for_each(OpenSource::stop);
            self.users.iter_mut().for_each(|user| user.gone = true);
        }
    }

    fn is_over(&self, now: Time) -> bool {
        let nothing_comes = self.flights.is_empty() || now.since(self.heard) > self.settings.silence;
        if self.sending {
            // Scripts, traces and rates that fall to zero end by themselves where only requests count, and so do
            // users who wait for ever.
            return self.most != u64::MAX && nothing_comes && self.nobody_comes();
        }
        let waits = self.model.run.drain || self.most != u64::MAX;
        !waits || nothing_comes
    }

    /// Whether nothing is due any more but faults.
    fn nobody_comes(&self) -> bool {
        let is_fault = |due: &Due| matches!(due, Due::Fault { .. } | Due::FaultEnd { .. });
        self.sources.iter().all(|source| source.next == Time::NEVER)
            && self.timers.iter().all(|Reverse((.., due))| is_fault(due))
    }

    /// Sums up what a run found whose loop ended at `stopped`.
    fn finish(mut self, interrupted: bool, stopped: Time, mut notes: Vec<Note>) -> Replayed {
        let ends_at_horizon = self.most == u64::MAX && !interrupted && !self.model.run.drain;
        let end = if ends_at_horizon { self.horizon } else { self.last_instant(interrupted, stopped) };
        let unfinished: Vec<u32> = self.flights.values().map(|flight| flight.cell).collect();
        if !unfinished.is_empty() && !interrupted && !ends_at_horizon {
            notes.push(Note {
                code: "silence",
                text: format!(
                    "{} requests had no end when nothing had been heard of any for {:.0} s",
                    unfinished.len(),
                    self.settings.silence.secs()
                ),
                advice: String::from("they count as unfinished; a deadline or time-out would end them"),
            });
        }
        if interrupted {
            notes.push(self.interruption(end));
        }
        self.open_ends(end);
        if self.target.capabilities().takes_demands {
            self.ended.iter_mut().for_each(|one| one.told = true);
        }
        self.say_lateness(&mut notes);
        Replayed {
            target: self.target.name(),
            replication: self.watch.finish(self.settings.replication, end, &unfinished),
            requests: self.ended,
            lateness: self.lateness,
            notes,
            interrupted,
            redraws: self.target.capabilities().redraws,
        }
    }

    /// What to know of a run that someone stopped at `end`.
    fn interruption(&self, end: Time) -> Note {
        let of = match self.model.run.length {
            RunLength::Horizon(horizon) => format!("{:.1} s of {:.1} s", end.secs(), horizon.secs()),
            RunLength::Requests(most) => {
                format!("{:.1} s after {} of {most} requests", end.secs(), self.sent)
            }
        };
        Note {
            code: "interrupted",
            text: format!(
                "the replay was interrupted at {of}; {} requests were under way, which count as unfinished",
                self.flights.len()
            ),
            advice: String::from("all figures are of what came before; what is simulated ends there, too"),
        }
    }

    fn last_instant(&self, interrupted: bool, stopped: Time) -> Time {
        let last = self.ended.iter().map(|one| one.seen.end).max().unwrap_or(Time::ZERO);
        if interrupted || !self.flights.is_empty() {
            return stopped.max(last);
        }
        let horizon = if self.most == u64::MAX { self.horizon } else { Time::ZERO };
        last.max(horizon)
    }

    fn say_lateness(&self, notes: &mut Vec<Note>) {
        let real = |span: Span| span.secs() / self.settings.speed;
        let late = self.lateness.quantile(0.99).map_or(0.0, real);
        if late > LATE {
            notes.push(Note {
                code: "generator_late",
                text: format!(
                    "the generator fell behind: 1 in 100 requests was sent more than {:.1} ms late",
                    late * 1000.0
                ),
                advice: String::from(
                    "latency counts from the intended instants; use an idle machine, fewer requests or a lower speed",
                ),
            });
        }
        if self.strays > 0 {
            notes.push(Note {
                code: "stray_reports",
                text: format!("the target reported {} times on attempts that it did not have", self.strays),
                advice: String::from("they are left out; the target ends attempts twice or invents some"),
            });
        }
    }
}
