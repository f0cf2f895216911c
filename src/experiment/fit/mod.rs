//! A model from a recording: what arrives, how much work it brings, how often it fails, how workers behave.
//!
//! `read` takes the bytes of a recording (`k6` and `journal` those that need more), `demand` and `arrivals` choose laws by
//! AIC and say how well they fit, `failures` counts what goes wrong by execution and sees retries, `workers` measures the constants of a recorded pool, `text` writes the model with every
//! number's evidence as a comment, and `predict` carries the uncertainty of the fit into a prediction.
//!
//! Where users wait for their answers there is no arrival process to fit: their number over time and how long they think
//! are fitted instead, and their arrivals follow.
//!
//! What it cannot know: latencies of clients hold waiting as well as work, so a demand fitted from them is too long
//! wherever there was a queue; the text says so. Laws are fitted to the whole recording as if it were one stretch.

pub mod arrivals;
pub mod demand;
pub mod failures;
#[cfg(feature = "live")]
pub mod journal;
mod k6;
pub mod predict;
pub mod read;
pub mod text;
pub mod workers;

use crate::outcome::Outcome;
use crate::policy::PoolSettings;
use crate::workload::trace::Fate;
use failures::{Failures, RetrySeen, Tries};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use workers::Constant;

/// A request as a recording has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Arrival, seconds since the first.
    pub at: f64,
    /// The work that it brought, seconds.
    pub demand: f64,
    /// Index of its class.
    pub class: usize,
    /// How it ended, where the recording says.
    pub outcome: Option<Outcome>,
    /// How it was meant to go wrong, where the recording says.
    pub fate: Option<Fate>,
}

impl Row {
    /// The word for what it does wrong by itself, if anything: no time-outs, which are the pool's.
    fn failure(&self) -> Option<&'static str> {
        match (self.fate, self.outcome) {
            (Some(Fate::CrashOnce), _) => Some("crash"),
            (Some(fate), _) if fate != Fate::Ok => Some(fate.name()),
            (_, Some(Outcome::Error)) => Some("error"),
            (_, Some(Outcome::Crash)) => Some("crash"),
            _ => None,
        }
    }

    /// It went through to an end of its own, or failed by itself: refusals, time-outs and the like say nothing of that.
    fn tells_its_end(&self) -> bool {
        let ended = self.outcome.is_none_or(|one| matches!(one, Outcome::Ok | Outcome::Error | Outcome::Crash));
        ended || self.failure().is_some()
    }
}

/// Virtual users who wait for their answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Users {
    /// By user: from when to when, seconds.
    pub stays: Vec<(f64, f64)>,
    /// From an end to the next request, seconds.
    pub thinks: Vec<f64>,
}

/// What a recording says of the pool behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolSeen {
    /// What its scheduler was told.
    pub settings: Option<PoolSettings>,
    /// Measured delays of its workers.
    pub constants: Vec<Constant>,
    /// Its retries, where they were seen but nothing says what it was told.
    pub retry: Option<RetrySeen>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Requests in order of arrival.
    pub rows: Vec<Row>,
    /// How their executions ended one by one, in any order, where the recording tells them apart.
    pub tries: Vec<Tries>,
    /// Names of classes.
    pub classes: Vec<String>,
    /// What a reader of the model should know of the recording.
    pub notes: Vec<String>,
    /// Demands are what clients saw: waiting and work in one.
    pub latencies: bool,
    /// The users behind the requests, where arrivals follow from answers.
    pub users: Option<Users>,
    /// The pool, where the recording says anything of it.
    pub pool: PoolSeen,
}

/// Most services that may come out as nothing before the order of service is believed.
const BACKWARDS_MAX: f64 = 0.02;

impl Recording {
    /// Takes the waiting out of what clients saw, for so many slots that serve in the order of arrival: a service begins
    /// when it arrives or when the first of the slots is free, and when those are free is what their clients saw. Where
    /// that makes services end before they begin, the pool is not such a one, and nothing is taken out.
    pub fn take_waiting_out(&mut self, slots: u32) {
        if !self.latencies {
            return;
        }
        // Ascending by the instant at which each is free; nanoseconds, because floats have no order of their own.
        let nanos = |secs: f64| (secs.max(0.0) * 1e9) as u64;
        let mut free: BinaryHeap<Reverse<u64>> = (0..slots).map(|_| Reverse(0)).collect();
        let mut services = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let (at, end) = (nanos(row.at), nanos(row.at + row.demand));
            let begin = free.pop().map_or(at, |Reverse(free)| free.max(at));
            free.push(Reverse(end.max(begin)));
            services.push((end as f64 - begin as f64) / 1e9);
        }
        let backwards = services.iter().filter(|service| **service <= 0.0).count();
        if backwards as f64 > BACKWARDS_MAX * services.len() as f64 {
            self.notes.push(format!(
                "the recording is not of {slots} slots that serve in the order of arrival ({backwards} services would be \
                 over before they begin), so waiting is left in the demands"
            ));
            return;
        }
        let least = services.iter().copied().filter(|service| *service > 0.0).fold(f64::INFINITY, f64::min);
        for (row, service) in self.rows.iter_mut().zip(services) {
            row.demand = service.max(least);
        }
        self.latencies = false;
        self.notes.clear();
        self.notes.push(format!(
            "waiting is taken out of what clients saw, for {slots} slots that serve in the order of arrival"
        ));
    }
}

/// Everything fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Requests.
    pub n: usize,
    /// From the first arrival to the last, seconds.
    pub span: f64,
    /// By class: its name, its number, its demand, its failures.
    pub classes: Vec<ClassFit>,
    /// What sends them.
    pub load: LoadFit,
    /// Retries by the pool, where nothing but they themselves tells of them.
    pub retry: Option<RetrySeen>,
    /// What to know.
    pub notes: Vec<String>,
}

/// What was fitted to the arrivals.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadFit {
    /// A process that heeds nothing.
    Open(arrivals::ArrivalFit),
    /// Users who wait.
    Users(UsersFit),
}

/// What was fitted of users.
#[derive(Clone, Debug, PartialEq)]
pub struct UsersFit {
    /// Everyone who ever came.
    pub n: usize,
    /// How many there are from each instant on, linear in between; one entry where it stays the same.
    pub present: Vec<(f64, u32)>,
    /// How long they think; `None` where nobody came twice.
    pub think: Option<demand::DemandFit>,
}

/// What was fitted of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassFit {
    /// Its name.
    pub name: String,
    /// Its requests.
    pub n: usize,
    /// Its demand.
    pub demand: demand::DemandFit,
    /// Its failures; only what requests do by themselves, so no time-outs.
    pub failures: Failures,
}

/// Fewest requests that anything can be fitted to.
const ROWS_MIN: usize = 10;

/// Fits everything.
///
/// # Errors
/// A recording with too few requests.
pub fn fit(recording: &Recording) -> Result<Fitted, String> {
    let n = recording.rows.len();
    if n < ROWS_MIN {
        return Err(format!(
            "the recording has {n} requests; {ROWS_MIN} are the least that can be fitted to"
        ));
    }
    let times: Vec<f64> = recording.rows.iter().map(|row| row.at).collect();
    let mut notes = recording.notes.clone();
    let count = |wanted| recording.rows.iter().filter(|row| row.outcome == Some(wanted)).count();
    let hangs = recording.rows.iter().any(|row| matches!(row.fate, Some(Fate::Hang | Fate::Freeze)));
    if count(Outcome::Timeout) > 0 && !hangs {
        notes.push(format!(
            "{} requests timed out: their demands are at least as long as was seen, and time-outs are the pool's",
            count(Outcome::Timeout)
        ));
    }
    let load = match &recording.users {
        Some(users) => LoadFit::Users(users_of(users, times[n - 1])),
        None => LoadFit::Open(arrivals::fit(&times)),
    };
    let classes = recording.classes.iter().enumerate();
    let classes = classes.filter_map(|(index, name)| class(recording, index, name)).collect();
    let retry = recording.pool.retry.clone();
    Ok(Fitted { n, span: times[n - 1] - times[0], classes, load, retry, notes })
}

fn class(recording: &Recording, index: usize, name: &str) -> Option<ClassFit> {
    let own: Vec<&Row> = recording.rows.iter().filter(|row| row.class == index).collect();
    let demands: Vec<f64> = own.iter().map(|row| row.demand).collect();
    let tries: Vec<&Tries> = recording.tries.iter().filter(|one| one.class == index).collect();
    let failures = failures::count(&own, &tries);
    Some(ClassFit { name: name.to_owned(), n: own.len(), demand: demand::fit(&demands)?, failures })
}

/// Instants at which users are counted.
const COUNTS: usize = 24;

fn users_of(users: &Users, end: f64) -> UsersFit {
    // Who came with the first and stayed to the last is there all the time: a tenth of the stretch is no ramp.
    let slack = 0.1 * end;
    let all = users.stays.iter().all(|(from, to)| *from <= slack && *to >= end - slack);
    let at = |time: f64| users.stays.iter().filter(|(from, to)| *from <= time && time < *to).count() as u32;
    let n = users.stays.len();
    let present = if all || end <= 0.0 {
        vec![(0.0, n as u32)]
    } else {
        (0..=COUNTS).map(|k| end * k as f64 / COUNTS as f64).map(|time| (time, at(time))).collect()
    };
    UsersFit { n, present, think: demand::fit(&users.thinks) }
}
