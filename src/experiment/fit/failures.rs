//! How often requests go wrong by themselves, counted by execution: a pool that tries again makes good what failed, so
//! how requests end in the end says nothing of it.

use super::Row;
use crate::outcome::Outcome;
use crate::policy::RetryPlace;
use crate::workload::trace::Fate;
use libm::log;
use std::collections::BTreeMap;

/// How the executions of one request ended, in order; `None` for one that was cut short before it could tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tries {
    /// Index of its class.
    pub class: usize,
    /// By execution.
    pub ends: Vec<Option<Fate>>,
}

/// Retries by the pool as they were seen.
#[derive(Clone, Debug, PartialEq)]
pub struct RetrySeen {
    /// How many there were.
    pub n: u64,
    /// Most of one request.
    pub max: u32,
    /// A request was given up after so many: there are no more.
    pub given_up: bool,
    /// The outcomes that they followed.
    pub on: Vec<Outcome>,
    /// Where in the queue, if anything had to wait beside them.
    pub place: Option<RetryPlace>,
}

/// Failures of one class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failures {
    /// By word: how many.
    pub counts: BTreeMap<&'static str, u64>,
    /// Of so many executions, or of so many requests where what fails once fails always.
    pub of: u64,
    /// A failing request fails at every try.
    pub sticky: bool,
    /// Requests that failed, were tried again and told how that ended; and how many of them failed again.
    pub again: (u64, u64),
    /// `of` counts executions of which a request may have had several.
    pub by_execution: bool,
}

/// The word for what goes wrong, if anything.
pub(super) fn word(fate: Fate) -> Option<&'static str> {
    match fate {
        Fate::Ok => None,
        Fate::CrashOnce => Some("crash"),
        other => Some(other.name()),
    }
}

/// Counts the failures of a class: by its executions, where they are known, else by its requests.
pub(super) fn count(rows: &[&Row], tries: &[&Tries]) -> Failures {
    if tries.is_empty() { of_requests(rows) } else { of_executions(tries) }
}

fn of_requests(rows: &[&Row]) -> Failures {
    let others_tell = rows.iter().any(|row| row.outcome.is_some());
    let told = rows.iter().filter(|row| row.tells_its_end(others_tell));
    let mut failures = Failures { of: told.count() as u64, ..Failures::default() };
    for word in rows.iter().filter_map(|row| row.failure()) {
        *failures.counts.entry(word).or_insert(0) += 1;
    }
    // The fates of a plan: what crashes or freezes does so each time, unless it is said to do so once.
    let has = |fate| rows.iter().any(|row| row.outcome.is_none() && row.fate == Some(fate));
    failures.sticky = (has(Fate::Crash) || has(Fate::Freeze)) && !has(Fate::CrashOnce);
    failures
}

fn of_executions(tries: &[&Tries]) -> Failures {
    let first = tally(tries.iter().filter_map(|one| one.ends.first().copied()));
    let all = tally(tries.iter().flat_map(|one| one.ends.iter().copied()));
    let again = again(tries);
    let sticky = is_sticky(again, share(&first));
    let (counts, of) = if sticky { first } else { all };
    Failures { counts, of, sticky, again, by_execution: true }
}

type Tally = (BTreeMap<&'static str, u64>, u64);

fn tally(ends: impl Iterator<Item = Option<Fate>>) -> Tally {
    let (mut counts, mut of) = (BTreeMap::new(), 0);
    for fate in ends.flatten() {
        of += 1;
        word(fate).iter().for_each(|word| *counts.entry(*word).or_insert(0) += 1);
    }
    (counts, of)
}

fn share((counts, of): &Tally) -> f64 {
    counts.values().sum::<u64>() as f64 / (*of).max(1) as f64
}

/// Requests whose first execution failed and whose second told its end, and how many of these failed alike.
fn again(tries: &[&Tries]) -> (u64, u64) {
    let (mut tried, mut failed) = (0, 0);
    for one in tries {
        let [Some(first), Some(second), ..] = one.ends[..] else { continue };
        let Some(known) = word(first) else { continue };
        tried += 1;
        failed += u64::from(word(second) == Some(known));
    }
    (tried, failed)
}

/// A request that fails by its nature fails again but for slips of the recording.
const SLIP: f64 = 0.05;

/// Whether what failed once fails always is likelier than that every execution is drawn anew.
fn is_sticky((tried, failed): (u64, u64), share: f64) -> bool {
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    let likelihood = |p: f64| failed as f64 * log(p) + (tried - failed) as f64 * log(1.0 - p);
    tried > 0 && likelihood(1.0 - SLIP) > likelihood(share)
}

/// A request of a replay, as far as its executions go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replayed {
    pub class: usize,
    /// How its first execution was meant to end.
    pub fate: Option<Fate>,
    pub outcome: Option<Outcome>,
    /// Attempts of its client.
    pub attempts: u32,
    /// Executions.
    pub hand_overs: u32,
    /// Sent, first in service, done: seconds.
    pub sent: f64,
    pub started: Option<f64>,
    pub end: f64,
    /// Seconds of one execution, as planned.
    pub demand: f64,
}

impl Replayed {
    /// Retries of the pool, where they can be told from those of the client.
    fn retries(&self) -> u32 {
        if self.attempts == 1 { self.hand_overs.saturating_sub(1) } else { 0 }
    }

    /// How it was meant to fail, if it was.
    fn planned(&self) -> Option<Fate> {
        self.fate.filter(|fate| *fate != Fate::Ok)
    }
}

/// How the executions of replayed requests ended. What came before the last of several failed: in the way that was planned
/// or, where none was, in the way that is likeliest; a time-out cuts short what would have been.
pub(super) fn tries(requests: &[Replayed]) -> Vec<Tries> {
    let unplanned = Some(Fate::Crash).filter(|_| unplanned(requests) == Outcome::Crash);
    let of = |one: &Replayed| {
        let failed = one.hand_overs.saturating_sub(1) as usize;
        let mut ends = vec![one.planned().or(unplanned); failed];
        if one.hand_overs > 0 {
            ends.push(last(one));
        }
        Tries { class: one.class, ends }
    };
    requests.iter().map(of).collect()
}

/// How the last execution of a request ended, if it tells.
fn last(one: &Replayed) -> Option<Fate> {
    let planned = one.fate.filter(|_| one.hand_overs == 1);
    match (one.outcome?, planned) {
        (Outcome::Ok, _) => Some(Fate::Ok),
        (Outcome::Error, _) => Some(Fate::Error),
        (Outcome::Crash, Some(Fate::Freeze)) => Some(Fate::Freeze),
        (Outcome::Crash, _) => Some(Fate::Crash),
        (Outcome::Timeout, Some(Fate::Hang)) => Some(Fate::Hang),
        _ => None,
    }
}

/// The outcome of an execution that met this fate.
fn outcome_of(fate: Fate) -> Outcome {
    match fate {
        Fate::Ok => Outcome::Ok,
        Fate::Error => Outcome::Error,
        Fate::Hang => Outcome::Timeout,
        Fate::Crash | Fate::CrashOnce | Fate::Freeze => Outcome::Crash,
    }
}

/// What requests met that were not meant to fail and were tried again all the same: a time-out where requests that had all
/// their retries ended so, else a crash.
fn unplanned(requests: &[Replayed]) -> Outcome {
    let most = requests.iter().map(Replayed::retries).max().unwrap_or(0);
    let spent = |one: &&Replayed| most > 0 && one.retries() == most;
    let ended = |outcome| requests.iter().filter(spent).any(|one| one.outcome == Some(outcome));
    if ended(Outcome::Timeout) && !ended(Outcome::Crash) { Outcome::Timeout } else { Outcome::Crash }
}

/// Retries by the pool, if there were any.
pub(super) fn retries(requests: &[Replayed]) -> Option<RetrySeen> {
    let max = requests.iter().map(Replayed::retries).max().filter(|max| *max > 0)?;
    let unplanned = unplanned(requests);
    let again = || requests.iter().filter(|one| one.retries() > 0);
    let mut on: Vec<Outcome> = again().map(|one| one.planned().map_or(unplanned, outcome_of)).collect();
    on.sort_unstable();
    on.dedup();
    let given_up =
        again().any(|one| one.retries() == max && one.outcome.is_some_and(|outcome| on.contains(&outcome)));
    let n = again().map(|one| u64::from(one.retries())).sum();
    Some(RetrySeen { n, max, given_up, on, place: place(requests) })
}

/// Clocks and hand-overs are this exact, seconds.
const SLACK: f64 = 0.002;

/// Whether a retried job went before or behind those that waited when it failed: told by jobs with one retry that ended
/// well, whose two executions take the time that was planned.
fn place(requests: &[Replayed]) -> Option<RetryPlace> {
    let mut waits: Vec<(f64, f64)> =
        requests.iter().filter_map(|one| Some((one.sent, one.started?))).collect();
    waits.sort_by(|a, b| a.0.total_cmp(&b.0));
    let longest = waits.iter().map(|(sent, started)| started - sent).fold(0.0, f64::max);
    let (mut head, mut tail) = (0u64, 0u64);
    for one in requests.iter().filter(|one| one.retries() == 1 && one.outcome == Some(Outcome::Ok)) {
        let Some(started) = one.started else { continue };
        let (failed, back) = (started + one.demand, one.end - one.demand);
        let from = waits.partition_point(|(sent, _)| *sent < failed - longest);
        let until = waits.partition_point(|(sent, _)| *sent < failed - SLACK);
        for (_, began) in waits.get(from..until).unwrap_or_default() {
            let waited = *began > failed + SLACK;
            head += u64::from(waited && *began > back + SLACK);
            tail += u64::from(waited && *began < back - SLACK);
        }
    }
    match head.cmp(&tail) {
        std::cmp::Ordering::Greater => Some(RetryPlace::Head),
        std::cmp::Ordering::Less => Some(RetryPlace::Tail),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests;
