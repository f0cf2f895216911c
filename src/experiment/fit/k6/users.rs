//! Virtual users that wait for their answers, told from a rate that heeds nothing.
//!
//! k6 has executors of two kinds. Those of users (constant-vus, ramping-vus and by iterations) begin an iteration when the
//! former has ended, so every user is in an iteration all the time. Those of rates (constant-arrival-rate,
//! ramping-arrival-rate) begin iterations evenly and keep users in stock, who idle in between; `vus` counts these, too, so
//! that it alone tells nothing.

use super::super::Users;
use super::{Request, Seen};
use crate::stats::interval;
use std::collections::BTreeMap;

/// Executors by name, and whether their users wait.
pub(super) const EXECUTORS: [(&str, bool); 7] = [
    ("constant-vus", true),
    ("ramping-vus", true),
    ("shared-iterations", true),
    ("per-vu-iterations", true),
    ("externally-controlled", true),
    ("constant-arrival-rate", false),
    ("ramping-arrival-rate", false),
];

/// Of users who wait so much of the time is in iterations, but for those that the end cut off.
const IN_ITERATIONS: f64 = 0.85;
/// Where iterations are not told: so much of the users' time is in requests, and no more than there is but for slips.
const IN_REQUESTS: std::ops::Range<f64> = 0.7..1.1;
/// A rate that is held begins iterations more evenly than this (coefficient of variation of gaps).
const EVEN: f64 = 0.3;
/// Share of a user's requests that may begin before the former has ended: a batch is few, an accident of clocks, too.
const OVERLAPS: f64 = 0.02;

/// The users, if they waited for their answers; what is known or assumed goes to the notes.
pub(super) fn users(seen: &Seen, notes: &mut Vec<String>) -> Option<Users> {
    match waits(seen) {
        Some(false) => None,
        None => {
            notes.push(String::from(
                "the file does not tell whether virtual users waited for their answers (no iteration_duration, no executor): \
                 an open load is assumed",
            ));
            None
        }
        Some(true) => {
            let found = by_user(seen).or_else(|| by_number(seen, notes));
            notes.extend(found.is_some().then(|| {
                String::from(
                    "virtual users wait for their answers (a closed load): how long they think is fitted, arrivals follow",
                )
            }));
            found
        }
    }
}

/// Whether users wait for their answers; `None` where the file does not tell.
fn waits(seen: &Seen) -> Option<bool> {
    if let Some(executor) = &seen.executor {
        return EXECUTORS.iter().find(|(name, _)| name == executor).map(|one| one.1);
    }
    if seen.dropped {
        return Some(false);
    }
    let stock = present(seen);
    if !seen.iterations.is_empty() && stock > 0.0 {
        return Some(seen.iterations.iter().sum::<f64>() / stock > IN_ITERATIONS);
    }
    let tagged = seen.requests.iter().all(|one| one.vu.is_some());
    if tagged {
        // Nothing in k6 but users who wait begins unevenly.
        return Some(overlaps(seen) < OVERLAPS && unevenness(&starts(seen))? > EVEN);
    }
    let share = seen.requests.iter().map(|one| one.took).sum::<f64>() / stock;
    let sent: Vec<f64> = seen.requests.iter().map(Request::sent).collect();
    (stock > 0.0 && IN_REQUESTS.contains(&share) && unevenness(&sent)? > EVEN).then_some(true)
}

/// Seconds of all users together, from the first request to the last.
fn present(seen: &Seen) -> f64 {
    let steps = seen.vus.windows(2).map(|pair| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1));
    let (Some(first), Some(last)) = (seen.vus.first(), seen.vus.last()) else { return 0.0 };
    let (from, to) = span(seen);
    let before = (first.0 - from).max(0.0) * first.1;
    let after = (to - last.0).max(0.0) * last.1;
    steps.sum::<f64>() + before + after
}

fn span(seen: &Seen) -> (f64, f64) {
    let from = seen.requests.iter().map(Request::sent).fold(f64::INFINITY, f64::min);
    let to = seen.requests.iter().map(|one| one.end).fold(0.0, f64::max);
    (from, to)
}

/// Requests by user, in order.
fn turns(seen: &Seen) -> BTreeMap<&str, Vec<&Request>> {
    let mut turns: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
    for request in &seen.requests {
        turns.entry(request.vu.as_deref().unwrap_or_default()).or_default().push(request);
    }
    turns.values_mut().for_each(|own| own.sort_by(|a, b| a.sent().total_cmp(&b.sent())));
    turns
}

/// Share of requests that begin before the former of their user has ended, other than in one iteration.
fn overlaps(seen: &Seen) -> f64 {
    /// Clocks of points are this exact.
    const SLACK: f64 = 0.002;
    let batch = |a: &Request, b: &Request| a.iteration.is_some() && a.iteration == b.iteration;
    let turns = turns(seen);
    let pairs = turns.values().flat_map(|own| own.windows(2));
    let early = pairs.filter(|pair| !batch(pair[0], pair[1]) && pair[1].sent() < pair[0].end - SLACK);
    early.count() as f64 / seen.requests.len().max(1) as f64
}

/// When iterations begin: the first request of each, where they are told apart.
fn starts(seen: &Seen) -> Vec<f64> {
    let mut starts = Vec::new();
    for own in turns(seen).values() {
        let mut last = None;
        for request in own {
            if request.iteration.is_none() || last != request.iteration.as_ref() {
                starts.push(request.sent());
            }
            last = request.iteration.as_ref();
        }
    }
    starts
}

/// How unevenly instants follow each other: the coefficient of variation of their gaps. `None` of too few.
fn unevenness(instants: &[f64]) -> Option<f64> {
    let mut sorted = instants.to_vec();
    sorted.sort_by(f64::total_cmp);
    let gaps: Vec<f64> = sorted.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (mean, variance) = interval::mean_and_variance(&gaps)?;
    (gaps.len() >= 3 && mean > 0.0).then(|| variance.sqrt() / mean)
}

/// Users with their thinking one by one, where requests name them.
fn by_user(seen: &Seen) -> Option<Users> {
    if seen.requests.iter().any(|one| one.vu.is_none()) {
        return None;
    }
    let turns = turns(seen).into_values();
    let found = super::read::users(turns.map(|own| own.iter().map(|one| (one.sent(), one.end)).collect()));
    Some(Users { present: counted(seen), ..found })
}

/// How many users there are, where the file counts them: (seconds since the first request, number).
fn counted(seen: &Seen) -> Vec<(f64, u32)> {
    let (from, _) = span(seen);
    seen.vus.iter().map(|(at, n)| ((at - from).max(0.0), (n + 0.5) as u32)).collect()
}

/// Users by their number over time, and the mean of their thinking by Little's law: of all the time that they were there,
/// what was not spent in requests they spent thinking.
fn by_number(seen: &Seen, notes: &mut Vec<String>) -> Option<Users> {
    let stock = present(seen);
    let spent: f64 = seen.requests.iter().map(|one| one.took).sum();
    let (from, to) = span(seen);
    if stock <= 0.0 || to <= from {
        return None;
    }
    let think = ((stock - spent) / seen.requests.len() as f64).max(0.0);
    notes.push(format!(
        "requests do not name their users, so only the mean of their thinking is known (Little's law: {:.0} users on \
         average for {:.0} s, less what requests took) and it is taken for constant; k6 run --system-tags with vu tells more",
        stock / (to - from),
        to - from
    ));
    Some(Users { stays: Vec::new(), thinks: vec![think], present: counted(seen) })
}
