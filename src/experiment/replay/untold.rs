//! What is not known of a target that does not tell when work begins: a service that is seen from outside.

use super::super::record::Point;

/// Metrics and bands over time that rest on the instants at which workers begin: waits, services, slots, retries by the
/// pool. Names begin so.
const BY_STARTS: [&str; 20] = [
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
    "mean_queue_length",
    "mean_service_time",
    "mean_spent_",
    "mean_wait",
    "prob_wait",
    "queue_length",
    "share_",
    "utilization",
];
/// The same, with more before or after the word.
const WITHIN: [&str; 3] = ["wait_", "_served", "slots_"];

/// Takes out of a point what nobody has told.
pub(super) fn leave_out(point: &mut Point) {
    let untold = |name: &str| {
        BY_STARTS.iter().any(|start| name.starts_with(start)) || WITHIN.iter().any(|part| name.contains(part))
    };
    point.metrics.retain(|metric| !untold(&metric.name));
    point.each.retain(|each| !untold(&each.metric));
    point.timelines.retain(|band| !untold(&band.name));
    point.curves.retain(|curve| !untold(&curve.name));
    point.stretch = None;
}
