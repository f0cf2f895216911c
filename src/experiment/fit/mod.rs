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
    /// Nor does silence, where `others_tell`.
    fn tells_its_end(&self, others_tell: bool) -> bool {
        let ended = match self.outcome {
            None => self.fate.is_some() || !others_tell,
            Some(one) => matches!(one, Outcome::Ok | Outcome::Error | Outcome::Crash),
        };
        ended || self.failure().is_some()
    }
}

/// Virtual users who wait for their answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Users {
    /// By user: from when to when, seconds.
    pub stays: Vec<(f64, f64)>,
    /// From an end to the next request, seconds; one value where only the mean is known.
    pub thinks: Vec<f64>,
    /// Where the recording counts them: how many there are at instants in order, seconds. It goes before the stays.
    pub present: Vec<(f64, u32)>,
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
    /// Those that timed out were given up by their clients: how long they took says nothing of the work.
    pub gave_up: bool,
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
        // How long those were in service that their clients gave up is not known: they count as gone before it.
        let is_told = |row: &&Row| !(self.gave_up && row.outcome == Some(Outcome::Timeout));
        for row in self.rows.iter().filter(is_told) {
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
        let gave_up = self.gave_up;
        let is_told = |row: &&mut Row| !(gave_up && row.outcome == Some(Outcome::Timeout));
        let rows = self.rows.iter_mut().filter(is_told);
        for (row, service) in rows.zip(services) {
            row.demand = service.max(least);
        }
        self.latencies = false;
        self.notes.retain(|note| !note.contains(read::HOLDS_WAITING));
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
    if times[n - 1] <= times[0] {
        return Err(String::from("all requests arrive at one instant, so there is no rate to be seen"));
    }
    let mut notes = recording.notes.clone();
    let count = |wanted| recording.rows.iter().filter(|row| row.outcome == Some(wanted)).count();
    let hangs = recording.rows.iter().any(|row| matches!(row.fate, Some(Fate::Hang | Fate::Freeze)));
    if count(Outcome::Timeout) > 0 && !hangs && !recording.gave_up {
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
    let classes: Vec<ClassFit> = classes.filter_map(|(index, name)| class(recording, index, name)).collect();
    if classes.is_empty() {
        return Err(String::from("no request tells what work it brought"));
    }
    let retry = recording.pool.retry.clone();
    Ok(Fitted { n, span: times[n - 1] - times[0], classes, load, retry, notes })
}

fn class(recording: &Recording, index: usize, name: &str) -> Option<ClassFit> {
    let own: Vec<&Row> = recording.rows.iter().filter(|row| row.class == index).collect();
    let demands = demands(recording, index);
    let tries: Vec<&Tries> = recording.tries.iter().filter(|one| one.class == index).collect();
    let failures = failures::count(&own, &tries);
    Some(ClassFit { name: name.to_owned(), n: own.len(), demand: demand::fit(&demands)?, failures })
}

/// What requests of a class brought, where it is known: a client that gave up saw its own patience.
pub(crate) fn demands(recording: &Recording, class: usize) -> Vec<f64> {
    let lost = |row: &&Row| recording.gave_up && row.outcome == Some(Outcome::Timeout);
    let own = recording.rows.iter().filter(|row| row.class == class && !lost(row));
    own.map(|row| row.demand).collect()
}

/// Instants at which users are counted.
const COUNTS: usize = 24;

fn users_of(users: &Users, end: f64) -> UsersFit {
    if !users.present.is_empty() {
        return users_counted(users, end);
    }
    let stays = &users.stays;
    // Who came with the first and stayed to the last is there all the time: a tenth of the stretch is no ramp.
    let slack = 0.1 * end;
    let all = stays.iter().all(|(from, to)| *from <= slack && *to >= end - slack);
    let at = |time: f64| stays.iter().filter(|(from, to)| *from <= time && time < *to).count() as u32;
    let n = stays.len();
    let present = if all || end <= 0.0 {
        vec![(0.0, n as u32)]
    } else {
        // Who begins together does so within moments.
        let moment = 0.01 * end;
        let seen = |time: f64| (time, at(time.clamp(moment, end - moment)));
        (0..=COUNTS).map(|k| seen(end * k as f64 / COUNTS as f64)).collect()
    };
    UsersFit { n, present, think: demand::fit(&users.thinks) }
}

/// Users of whom only their number over time is known.
fn users_counted(users: &Users, end: f64) -> UsersFit {
    // At the ends users come and go within moments, which is no ramp.
    let within: Vec<u32> = users.present.iter().filter(|(at, _)| within(*at, end)).map(|one| one.1).collect();
    let inner = || within.iter().copied();
    let at = |time: f64| {
        let next = users.present.partition_point(|(at, _)| *at <= time);
        users.present.get(next.saturating_sub(1)).map_or(0, |one| one.1)
    };
    let most = users.present.iter().map(|one| one.1).max().unwrap_or(0);
    let steady = inner().min().is_none_or(|least| inner().max() == Some(least));
    let present = if steady || end <= 0.0 {
        vec![(0.0, inner().max().unwrap_or(most))]
    } else {
        (0..=COUNTS).map(|k| end * k as f64 / COUNTS as f64).map(|time| (time, at(time))).collect()
    };
    UsersFit { n: most as usize, present, think: demand::fit(&users.thinks) }
}

/// Not in the first or last tenth.
fn within(at: f64, end: f64) -> bool {
    at >= 0.1 * end && at <= 0.9 * end
}
