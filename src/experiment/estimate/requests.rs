//! Metrics of requests: latency, wait, sojourn, outcomes, attempts, rates; for all, by class and by phase.

use super::figures::{Events, Figures, quantiles};
use super::sums::Requests;
use crate::experiment::metric::Unit;
use crate::model::FAILURES;
use crate::model::metrics::QUANTILES;
use crate::outcome::Outcome;
use crate::stats::{Ranks, Sample};
use crate::time::NANOS;
use std::borrow::Cow;

/// The requests of one scope.
pub(super) struct Scoped<'a> {
    /// One entry a group.
    pub(super) groups: &'a [Cow<'a, Requests>],
    /// All groups together.
    pub(super) pooled: &'a Requests,
    /// Time that each group covers, seconds.
    pub(super) seconds: &'a [f64],
    /// Whether the scope is one class, which has no pool integrals of its own.
    pub(super) one_class: bool,
    /// Whether times and lengths are left out, because an unstable system has none.
    pub(super) unstable: bool,
}

/// A sample's sums and its distribution, if there is one.
type Part<'a> = Option<(&'a Sample, &'a Ranks)>;

/// A duration that is measured in one or two samples.
struct Duration {
    name: &'static str,
    samples: fn(&Requests) -> [Part<'_>; 2],
}

/// `wait` and `sojourn` are over accepted jobs, so those that left unserved count with their time until then.
const DURATIONS: [Duration; 6] = [
    Duration {
        name: "latency",
        samples: |r| {
            [Some((&r.tally.latency_ok, &r.latency_ok)), Some((&r.tally.latency_failed, &r.latency_failed))]
        },
    },
    Duration { name: "latency_ok", samples: |r| [Some((&r.tally.latency_ok, &r.latency_ok)), None] },
    Duration {
        name: "wait",
        samples: |r| [Some((&r.tally.wait_served, &r.wait_served)), Some((&r.tally.wait_left, &r.wait_left))],
    },
    Duration { name: "wait_served", samples: |r| [Some((&r.tally.wait_served, &r.wait_served)), None] },
    Duration {
        name: "sojourn",
        samples: |r| {
            [Some((&r.tally.sojourn_served, &r.sojourn_served)), Some((&r.tally.wait_left, &r.wait_left))]
        },
    },
    Duration {
        name: "sojourn_served",
        samples: |r| [Some((&r.tally.sojourn_served, &r.sojourn_served)), None],
    },
];

/// A duration's sums and distribution in one group.
struct Spread<'a> {
    count: f64,
    /// Seconds.
    sum: f64,
    squares: f64,
    ranks: Cow<'a, Ranks>,
}

impl Duration {
    fn spread<'a>(&self, requests: &'a Requests) -> Spread<'a> {
        let mut spread = Spread { count: 0.0, sum: 0.0, squares: 0.0, ranks: Cow::Owned(Ranks::default()) };
        let (mut count, mut nanos) = (0, 0);
        for (sample, ranks) in (self.samples)(requests).into_iter().flatten() {
            count += sample.count;
            nanos += sample.sum;
            spread.squares += sample.squares;
            if spread.ranks.is_empty() {
                spread.ranks = Cow::Borrowed(ranks);
            } else if !ranks.is_empty() {
                spread.ranks = Cow::Owned(spread.ranks.merged(ranks));
            }
        }
        (spread.count, spread.sum) = (count as f64, nanos as f64 / NANOS);
        spread
    }
}

impl Spread<'_> {
    fn variance(&self) -> f64 {
        let mean = self.sum / self.count;
        (self.squares / self.count - mean * mean).max(0.0)
    }
}

/// Mean, variance and quantiles of every duration.
fn durations(scoped: &Scoped, out: &mut Figures) {
    for duration in &DURATIONS {
        let name = duration.name;
        let asked = QUANTILES.iter().any(|(suffix, _)| out.asks(&format!("{name}_{suffix}")));
        if !asked && !out.asks(&format!("mean_{name}")) && !out.asks(&format!("var_{name}")) {
            continue;
        }
        let pooled = duration.spread(scoped.pooled);
        if pooled.count == 0.0 {
            continue;
        }
        let groups: Vec<Spread> = scoped.groups.iter().map(|group| duration.spread(group)).collect();
        out.ratio(&format!("mean_{name}"), Unit::Seconds, groups.iter().map(|g| (g.sum, g.count)));
        let variances: Vec<f64> = groups.iter().filter(|g| g.count > 0.0).map(Spread::variance).collect();
        let variance = crate::stats::interval::sectioned(pooled.variance(), &variances, out.level);
        let variance = variance.map(|estimate| estimate.within(0.0, f64::INFINITY));
        out.put(format!("var_{name}"), Unit::SecondsSquared, variance);
        if !asked {
            continue;
        }
        let ranks: Vec<&Ranks> = groups.iter().map(|group| &*group.ranks).collect();
        for (suffix, estimate) in quantiles(&pooled.ranks, &ranks, out.level, out.exact) {
            out.put(format!("{name}_{suffix}"), Unit::Seconds, estimate);
        }
    }
}

fn outcome(requests: &Requests, outcome: Outcome) -> u64 {
    requests.tally.outcomes[outcome as usize]
}

fn failures(requests: &Requests) -> u64 {
    FAILURES.iter().map(|kind| outcome(requests, kind)).sum()
}

/// Attempts that were made: by clients, and again by pools.
fn attempts(requests: &Requests) -> u64 {
    requests.tally.attempts + requests.tally.pool_retries
}

fn retries(requests: &Requests) -> u64 {
    requests.tally.client_retries + requests.tally.pool_retries
}

/// Means of sums that are kept beside the samples.
fn other_means(scoped: &Scoped, out: &mut Figures) {
    let mut mean = |name: &str, unit: Unit, of: fn(&Requests) -> (f64, f64)| {
        out.ratio(name, unit, scoped.groups.iter().map(|group| of(group)));
    };
    let seconds = Unit::Seconds;
    mean("mean_service_time", seconds, |r| {
        (r.tally.service as f64 / NANOS, r.tally.sojourn_served.count as f64)
    });
    mean("mean_delay", seconds, |r| (r.tally.delay as f64 / NANOS, r.tally.delay_count as f64));
    mean("mean_slowdown", Unit::Number, |r| (r.tally.slowdown, r.tally.slowdown_count as f64));
    let finished = |r: &Requests| (r.tally.latency_ok.count + r.tally.latency_failed.count) as f64;
    let mut spent = |name: &str, of: fn(&Requests) -> u128| {
        out.ratio(
            name,
            seconds,
            scoped.groups.iter().map(|group| (of(group) as f64 / NANOS, finished(group))),
        );
    };
    spent("mean_spent_waiting", |r| r.tally.spent_waiting);
    spent("mean_spent_failed", |r| r.tally.spent_failed);
    spent("mean_spent_final", |r| r.tally.spent_final);
    spent("mean_spent_backoff", |r| r.tally.spent_backoff);
}

/// Shares of requests, of accepted jobs and of attempts.
fn probabilities(scoped: &Scoped, out: &mut Figures) {
    let mut share = |name: &str, of: fn(&Requests) -> (u64, u64)| {
        out.probability(name, scoped.groups.iter().map(|group| of(group)));
    };
    share("prob_wait", |r| (r.tally.delayed, r.tally.accepted));
    share("prob_block", |r| (outcome(r, Outcome::Rejected), r.tally.sent));
    share("prob_first_blocked", |r| (r.tally.first_rejected, r.tally.sent));
    share("prob_abandon", |r| (outcome(r, Outcome::Reneged), r.tally.sent));
    share("prob_timeout", |r| (outcome(r, Outcome::Timeout), r.tally.sent));
    share("prob_fail", |r| (failures(r), r.tally.sent));
    share("prob_ok", |r| (outcome(r, Outcome::Ok), r.tally.sent));
    share("prob_unfinished", |r| (outcome(r, Outcome::Unfinished), r.tally.sent));
    share("prob_attempt_timeout", |r| (r.tally.attempts_timed_out, attempts(r)));
    share("prob_attempt_blocked", |r| (r.tally.attempts_rejected, attempts(r)));
    // Retries per request: with more than one retry allowed it can pass 1, so it is no share.
    let per_request =
        |r: &Requests, events| Events { events, trials: r.tally.sent, per: r.tally.sent as f64 };
    out.events("prob_retry", Unit::Number, scoped.groups.iter().map(|r| per_request(r, retries(r))));
    for name in ["mean_attempts", "retry_amplification"] {
        let pairs = scoped.groups.iter().map(|r| (attempts(r) as f64, r.tally.sent as f64));
        out.ratio(name, Unit::Number, pairs);
    }
}

/// Events per second and per replication.
fn rates(scoped: &Scoped, out: &mut Figures) {
    let timed = || scoped.groups.iter().zip(scoped.seconds);
    out.ratio("request_rate", Unit::PerSecond, timed().map(|(r, &time)| (r.tally.sent as f64, time)));
    out.ratio("attempt_rate", Unit::PerSecond, timed().map(|(r, &time)| (attempts(r) as f64, time)));
    out.count("count_sent", scoped.groups.iter().map(|r| r.tally.sent));
    let mut rate = |name: &str, of: &dyn Fn(&Requests) -> u64| {
        let rows = timed().map(|(r, &per)| Events { events: of(r), trials: r.tally.sent, per });
        out.events(name, Unit::PerSecond, rows);
    };
    // In an unstable system ends are counted when they come: see `ended`.
    if !scoped.unstable {
        rate("throughput", &|r| outcome(r, Outcome::Ok));
        rate("goodput", &|r| outcome(r, Outcome::Ok));
        rate("failure_rate", &failures);
        for kind in Outcome::ALL {
            rate(&format!("rate_{}", kind.name()), &|r| outcome(r, kind));
        }
    }
    let mut count = |name: &str, of: &dyn Fn(&Requests) -> u64| {
        out.count_events(name, scoped.groups.iter().map(|r| (of(r), r.tally.sent)));
    };
    for kind in Outcome::ALL {
        count(&format!("count_{}", kind.name()), &|r| outcome(r, kind));
    }
    count("count_client_retries", &|r| r.tally.client_retries);
    count("count_pool_retries", &|r| r.tally.pool_retries);
    count("count_hedges", &|r| r.tally.hedges);
    count("count_innocent_failures", &|r| r.tally.innocent_failures);
}

/// Jobs of one class in queue and system by Little's law, from their first waits and their sojourns: pools keep
/// no integrals by class.
fn lengths(scoped: &Scoped, out: &mut Figures) {
    let timed = || scoped.groups.iter().zip(scoped.seconds);
    let secs = |sample: &Sample| sample.sum as f64 / NANOS;
    let queued = |r: &Requests| secs(&r.tally.wait_served) + secs(&r.tally.wait_left);
    let there = |r: &Requests| secs(&r.tally.sojourn_served) + secs(&r.tally.wait_left);
    out.ratio("mean_queue_length", Unit::Count, timed().map(|(r, &time)| (queued(r), time)));
    out.ratio("mean_in_system", Unit::Count, timed().map(|(r, &time)| (there(r), time)));
}

/// Every metric of the requests of one scope.
pub(super) fn all(scoped: &Scoped, out: &mut Figures) {
    if scoped.pooled.tally.sent == 0 {
        return;
    }
    if !scoped.unstable {
        durations(scoped, out);
        if scoped.one_class {
            lengths(scoped, out);
        }
        other_means(scoped, out);
    }
    probabilities(scoped, out);
    rates(scoped, out);
}
