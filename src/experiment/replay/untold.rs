//! What is not known of a target that does not tell when work begins: a service that is seen from outside.

use super::super::record::{Point, Warning};
use super::super::verdict::{Judgement, Verdict};

/// Metrics and bands over time that rest on the instants at which workers begin: waits, services, slots, retries by the
/// pool. Names begin so.
const BY_STARTS: [&str; 22] = [
    "busy",
    "core_utilization",
    "count_exits",
    "count_innocent_failures",
    "count_kills",
    "count_pool_retries",
    "count_spawns",
    "count_starts",
    "kill_rate",
    "max_queue_length",
    "mean_busy",
    "mean_delay",
    "mean_in_system",
    "mean_queue_length",
    "mean_service_time",
    "mean_spent_",
    "mean_wait",
    "prob_wait",
    "queue_length",
    "share_",
    "utilization",
    "var_wait",
];
/// The same, with more before or after the word.
const WITHIN: [&str; 3] = ["wait_", "_served", "slots_"];

/// Why an objective on such a figure is left open.
const REASON: &str = "the target does not tell when work begins, so nothing is known of it";

fn untold(name: &str) -> bool {
    BY_STARTS.iter().any(|start| name.starts_with(start)) || WITHIN.iter().any(|part| name.contains(part))
}

/// Takes out of a point what nobody has told; objectives on it are left open.
pub(super) fn leave_out(point: &mut Point) {
    point.metrics.retain(|metric| !untold(&metric.name));
    point.each.retain(|each| !untold(&each.metric));
    point.timelines.retain(|band| !untold(&band.name));
    point.curves.retain(|curve| !untold(&curve.name));
    point.verdicts.iter_mut().filter(|verdict| untold(&verdict.metric)).for_each(leave_open);
    point.stretch = None;
}

fn leave_open(verdict: &mut Verdict) {
    verdict.judgement = Judgement::Undecided;
    verdict.estimate = None;
    verdict.reason = String::from(REASON);
    // No number of requests would settle it.
    (verdict.replications_needed, verdict.requests_needed) = (None, None);
}

/// What to know of a point whose objectives were left open; `None` if none was.
pub(super) fn warning(point: &Point) -> Option<Warning> {
    let open = point.verdicts.iter().filter(|verdict| verdict.reason == REASON);
    let mut names: Vec<&str> = open.map(|verdict| verdict.metric.as_str()).collect();
    names.dedup();
    (!names.is_empty()).then(|| Warning {
        code: String::from("objectives_untold"),
        text: format!("objectives on {} are left open in the real world: {REASON}", names.join(", ")),
        advice: String::from(
            "ask for latencies, throughput or outcomes; or let an adapter report \"started\" (--target command)",
        ),
    })
}
