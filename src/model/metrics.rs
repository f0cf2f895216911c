//! The names of all metrics, with their units: what an objective may ask for, and what a record may hold.
//!
//! Names follow the exact cases (`mean_wait`, `sojourn_p95`, `prob_reject`, `utilization`). Distributions of times
//! come as `mean_X` and `X_pNN`; the rest are single figures.

use crate::outcome::Outcome;

/// Unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
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
    /// Requests: of a class.
    Requests,
    /// Jobs at a pool: of a class, of a pool.
    Jobs,
    /// A pool.
    Pool,
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
const TIMES: [Measured; 7] = [
    Measured {
        word: "latency",
        of: Of::Requests,
        doc: "time from the first send to the final outcome, of all finished requests",
    },
    Measured { word: "latency_ok", of: Of::Requests, doc: "latency of successes only" },
    Measured { word: "wait", of: Of::Jobs, doc: "time in the queue of accepted jobs" },
    Measured { word: "wait_served", of: Of::Jobs, doc: "time in the queue of jobs that reached service" },
    Measured { word: "sojourn", of: Of::Jobs, doc: "wait and service at the pool, of accepted jobs" },
    Measured { word: "sojourn_served", of: Of::Jobs, doc: "wait and service of jobs that were served" },
    Measured { word: "service", of: Of::Jobs, doc: "time in service" },
];

/// The quantiles: suffix and probability.
pub const QUANTILES: [(&str, f64); 9] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p98", 0.98),
    ("p99", 0.99),
    ("p995", 0.995),
    ("p999", 0.999),
    ("p9999", 0.9999),
];

/// The single figures.
const FIGURES: [(&str, Unit, Of, &str); 24] = [
    ("prob_ok", Unit::Ratio, Of::Requests, "share of requests that end with a result"),
    ("prob_fail", Unit::Ratio, Of::Requests, "share of requests that end without a result"),
    ("prob_timeout", Unit::Ratio, Of::Requests, "share of requests that end with a time-out"),
    ("prob_reject", Unit::Ratio, Of::Requests, "share of requests that end refused"),
    ("prob_block", Unit::Ratio, Of::Jobs, "share of jobs refused on arrival"),
    ("prob_abandon", Unit::Ratio, Of::Jobs, "share of jobs that leave the queue unserved"),
    ("prob_wait", Unit::Ratio, Of::Jobs, "share of accepted jobs that cannot start at once"),
    ("prob_retry", Unit::Ratio, Of::Requests, "share of requests with at least one retry"),
    (
        "prob_innocent",
        Unit::Ratio,
        Of::Requests,
        "share of requests that fail by another's time-out or crash",
    ),
    ("mean_attempts", Unit::Number, Of::Requests, "attempts per request"),
    ("attempt_rate", Unit::PerSecond, Of::Jobs, "attempts per second"),
    ("offered", Unit::PerSecond, Of::Requests, "requests per second"),
    ("throughput", Unit::PerSecond, Of::Requests, "requests with a result per second"),
    ("goodput", Unit::PerSecond, Of::Requests, "results per second that came before the client gave up"),
    ("utilization", Unit::Ratio, Of::Pool, "share of slot time that is not idle (busy or restarting)"),
    ("utilization_serving", Unit::Ratio, Of::Pool, "share of slot time in service"),
    ("core_utilization", Unit::Ratio, Of::Host, "share of core time in use"),
    ("mean_queue_length", Unit::Count, Of::Pool, "jobs waiting, over time"),
    ("max_queue_length", Unit::Count, Of::Pool, "most jobs waiting at once"),
    ("mean_in_system", Unit::Count, Of::Pool, "jobs waiting and in service, over time"),
    ("mean_busy", Unit::Count, Of::Pool, "busy slots, over time"),
    ("prob_cold", Unit::Ratio, Of::Pool, "share of jobs that had to start a worker of a cold pool"),
    ("mean_in_flight", Unit::Count, Of::Requests, "requests sent and not ended, over time"),
    ("mean_in_backoff", Unit::Count, Of::Requests, "requests waiting for their next attempt, over time"),
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
                Of::Requests,
                format!("requests that end with {name}"),
            ));
            list.push(info(
                format!("rate_{name}"),
                Unit::Ratio,
                Of::Requests,
                format!("share of requests that end with {name}"),
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
        assert_eq!(find("rate_timeout").unwrap().unit, Unit::Ratio);
        assert_eq!(find("utilization").unwrap().of, Of::Pool);
        assert!(find("latency_p42").is_none());
    }
}
