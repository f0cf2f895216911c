//! The names of all metrics, with their units: what an objective may ask for, and what a record may hold.
//!
//! Names follow the exact cases (`mean_wait`, `sojourn_p95`, `prob_block`, `utilization`). Distributions of times come
//! as `mean_X`, `var_X` and `X_pNN`; the rest are single figures. What is listed here is what estimation makes: a test
//! asks a run for every one of them, and a run for any that is not here. What a run costs (`cost`) is told beside them:
//! it counts missed objectives, so that none can ask for it.

use crate::outcome::Outcome;

/// Unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Seconds squared.
    SecondsSquared,
    /// Per second.
    PerSecond,
    /// A count; an average may be fractional.
    Count,
    /// A share or probability in [0, 1].
    Ratio,
    /// A plain number.
    Number,
}

/// What a metric can be asked of, besides the whole system and a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Nothing else.
    System,
    /// Requests: of a class.
    Requests,
    /// Requests of a class, or jobs of a pool.
    Jobs,
    /// A pool, or all together.
    Pool,
    /// One pool.
    OnePool,
    /// A host.
    Host,
}

/// A metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricInfo {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: Unit,
    /// What it can be asked of.
    pub of: Of,
    /// What it is.
    pub doc: String,
}

/// A time that is measured of each request or job.
struct Measured {
    word: &'static str,
    of: Of,
    doc: &'static str,
}

/// The times.
const TIMES: [Measured; 6] = [
    Measured {
        word: "latency",
        of: Of::Requests,
        doc: "time from the first send to the final outcome, of all finished requests",
    },
    Measured { word: "latency_ok", of: Of::Requests, doc: "latency of successes only" },
    Measured { word: "wait", of: Of::Requests, doc: "time in the queue of accepted jobs" },
    Measured { word: "wait_served", of: Of::Requests, doc: "time in the queue of jobs that reached service" },
    Measured { word: "sojourn", of: Of::Requests, doc: "wait and service at the pool, of accepted jobs" },
    Measured { word: "sojourn_served", of: Of::Requests, doc: "wait and service of jobs that were served" },
];

/// The quantiles: suffix and probability.
pub const QUANTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999)];

/// The single figures.
const FIGURES: [(&str, Unit, Of, &str); 62] = [
    ("prob_ok", Unit::Ratio, Of::Requests, "share of requests that end with a result"),
    ("prob_fail", Unit::Ratio, Of::Requests, "share of requests that end without a result"),
    ("prob_timeout", Unit::Ratio, Of::Requests, "share of requests that end with a time-out"),
    ("prob_block", Unit::Ratio, Of::Requests, "share of requests that end refused"),
    ("prob_first_blocked", Unit::Ratio, Of::Requests, "share of requests whose first attempt is refused"),
    ("prob_abandon", Unit::Ratio, Of::Requests, "share of requests that end by leaving the queue"),
    ("prob_unfinished", Unit::Ratio, Of::Requests, "share of requests still alive at the end"),
    ("prob_wait", Unit::Ratio, Of::Requests, "share of accepted jobs that cannot start at once"),
    (
        "prob_attempt_timeout",
        Unit::Ratio,
        Of::Requests,
        "share of attempts that run into the service time-out",
    ),
    ("prob_attempt_blocked", Unit::Ratio, Of::Requests, "share of attempts refused on arrival"),
    ("prob_retry", Unit::Number, Of::Requests, "retries, by clients and pools, per request"),
    ("mean_attempts", Unit::Number, Of::Requests, "attempts per request"),
    ("retry_amplification", Unit::Number, Of::Requests, "attempts per request"),
    ("mean_service_time", Unit::Seconds, Of::Requests, "time in service of jobs that were served"),
    (
        "mean_delay",
        Unit::Seconds,
        Of::Requests,
        "first send to the hand-over that decided, back-off included",
    ),
    ("mean_slowdown", Unit::Number, Of::Requests, "sojourn over demand"),
    ("mean_spent_waiting", Unit::Seconds, Of::Requests, "part of the latency in queues"),
    (
        "mean_spent_failed",
        Unit::Seconds,
        Of::Requests,
        "part of the latency in the service of attempts that did not decide",
    ),
    ("mean_spent_final", Unit::Seconds, Of::Requests, "part of the latency in the service that decided"),
    ("mean_spent_backoff", Unit::Seconds, Of::Requests, "part of the latency in back-off"),
    ("request_rate", Unit::PerSecond, Of::Requests, "requests sent per second"),
    ("attempt_rate", Unit::PerSecond, Of::Requests, "attempts per second"),
    ("throughput", Unit::PerSecond, Of::Jobs, "results per second"),
    ("goodput", Unit::PerSecond, Of::Requests, "results per second that came before the client gave up"),
    ("failure_rate", Unit::PerSecond, Of::Requests, "requests per second that end without a result"),
    ("count_sent", Unit::Count, Of::Requests, "requests sent"),
    ("count_client_retries", Unit::Count, Of::Requests, "retries by clients"),
    ("count_pool_retries", Unit::Count, Of::Requests, "retries by pools"),
    ("count_hedges", Unit::Count, Of::Requests, "hedges"),
    (
        "count_innocent_failures",
        Unit::Count,
        Of::Requests,
        "attempts that failed by another's time-out or crash",
    ),
    ("mean_in_flight", Unit::Count, Of::System, "requests sent and not ended, over time"),
    ("mean_in_backoff", Unit::Count, Of::System, "requests waiting for their next attempt, over time"),
    ("mean_orbit", Unit::Count, Of::System, "requests waiting for their next attempt, over time"),
    ("mean_queue_length", Unit::Count, Of::Jobs, "jobs waiting, over time"),
    ("mean_in_system", Unit::Count, Of::Jobs, "jobs waiting and in service, over time"),
    ("max_queue_length", Unit::Count, Of::Pool, "most jobs waiting at once"),
    ("mean_busy", Unit::Count, Of::Pool, "busy slots, over time"),
    ("utilization", Unit::Ratio, Of::Pool, "share of slot time that is not idle (busy or restarting)"),
    ("utilization_serving", Unit::Ratio, Of::Pool, "share of slot time in service"),
    ("share_useful", Unit::Ratio, Of::Pool, "share of slot time in service that ended well"),
    ("share_wasted", Unit::Ratio, Of::Pool, "share of slot time in service that did not, of all five causes"),
    ("share_wasted_timeout", Unit::Ratio, Of::Pool, "share of slot time in service that timed out"),
    (
        "share_wasted_crash",
        Unit::Ratio,
        Of::Pool,
        "share of slot time in service that a crash, kill or breakdown ended",
    ),
    ("share_wasted_error", Unit::Ratio, Of::Pool, "share of slot time in service that an error ended"),
    (
        "share_wasted_withdrawn",
        Unit::Ratio,
        Of::Pool,
        "share of slot time in service that was withdrawn (hedge losers)",
    ),
    ("share_wasted_grace", Unit::Ratio, Of::Pool, "share of slot time of workers asked to stop"),
    ("share_zombie", Unit::Ratio, Of::Pool, "share of slot time on results that nobody waits for"),
    ("share_starting", Unit::Ratio, Of::Pool, "share of slot time in start-up"),
    ("share_restarting", Unit::Ratio, Of::Pool, "share of slot time dying, down or before a restart"),
    ("share_lost", Unit::Ratio, Of::Pool, "share of slot time of slots lost for good"),
    ("share_idle", Unit::Ratio, Of::Pool, "share of slot time free, paused or without need of a worker"),
    ("arrival_rate", Unit::PerSecond, Of::OnePool, "jobs that arrive per second"),
    ("abandon_rate", Unit::PerSecond, Of::Pool, "jobs that leave the queue per second"),
    ("kill_rate", Unit::PerSecond, Of::Pool, "workers killed per second"),
    ("count_arrivals", Unit::Count, Of::OnePool, "jobs that arrive"),
    ("count_starts", Unit::Count, Of::Pool, "hand-overs to workers"),
    ("count_kills", Unit::Count, Of::Pool, "workers killed"),
    ("count_exits", Unit::Count, Of::Pool, "exits of workers noticed"),
    ("count_spawns", Unit::Count, Of::Pool, "workers spawned"),
    ("count_starts_on_dying", Unit::Count, Of::Pool, "hand-overs to dying workers"),
    ("prob_cold", Unit::Ratio, Of::Pool, "share of jobs that had to start a worker of a cold pool"),
    ("core_utilization", Unit::Ratio, Of::Host, "share of core time in use"),
];

/// Every metric, in the order of reports.
pub fn all() -> &'static [MetricInfo] {
    static ALL: std::sync::OnceLock<Vec<MetricInfo>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        let mut list = Vec::new();
        for time in &TIMES {
            let of = time.of;
            let doc = |what: String| format!("{what}: {}", time.doc);
            list.push(info(format!("mean_{}", time.word), Unit::Seconds, of, doc(String::from("mean"))));
            let variance = doc(String::from("variance"));
            list.push(info(format!("var_{}", time.word), Unit::SecondsSquared, of, variance));
            for (suffix, p) in QUANTILES {
                list.push(info(
                    format!("{}_{suffix}", time.word),
                    Unit::Seconds,
                    of,
                    doc(format!("quantile {p}")),
                ));
            }
        }
        list.extend(FIGURES.iter().map(|&(name, unit, of, doc)| info(name.into(), unit, of, doc.into())));
        for outcome in Outcome::ALL {
            let name = outcome.name();
            list.push(info(
                format!("count_{name}"),
                Unit::Count,
                Of::Jobs,
                format!("requests that end with {name}"),
            ));
            list.push(info(
                format!("rate_{name}"),
                Unit::PerSecond,
                Of::Requests,
                format!("requests per second that end with {name}"),
            ));
        }
        list
    })
}

fn info(name: String, unit: Unit, of: Of, doc: String) -> MetricInfo {
    MetricInfo { name, unit, of, doc }
}

/// The metric of that name.
pub fn find(name: &str) -> Option<&'static MetricInfo> {
    all().iter().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (index, metric) in all().iter().enumerate() {
            assert_eq!(
                all().iter().position(|other| other.name == metric.name),
                Some(index),
                "{}",
                metric.name
            );
        }
        assert_eq!(find("latency_p95").unwrap().unit, Unit::Seconds);
        assert_eq!(find("rate_timeout").unwrap().unit, Unit::PerSecond);
        assert_eq!(find("utilization").unwrap().of, Of::Pool);
        assert!(find("latency_p42").is_none());
    }
}
