//! What was measured in a recorded run, as input of its simulation: requests at the instants at which they were really
//! sent, demands as long as they really took, workers that start as slowly as they really did. What is left between the
//! two is an error of the physics: of what the scheduler decides, and when.

use crate::model::{Load, Model, Pool};
use crate::time::{Span, Time};
use crate::workload::recording::{RecordedAttempt, RecordedResult, RecordedRun, RecordedScenario, millis};
use crate::workload::trace::Fate;
use crate::workload::{Trace, TraceRow};
use std::collections::BTreeMap;

/// Keys of requests by name: the places of a trace's rows.
pub(super) fn keys(run: &RecordedRun) -> BTreeMap<String, u64> {
    let ordered = in_order(run);
    ordered.iter().enumerate().map(|(number, result)| (result.id.clone(), number as u64)).collect()
}

/// Requests in order of sending; the file's within an instant.
fn in_order(run: &RecordedRun) -> Vec<&RecordedResult> {
    let mut ordered: Vec<&RecordedResult> = run.results.iter().collect();
    ordered.sort_by_key(|result| sent(result));
    ordered
}

/// When a request was sent.
pub(super) fn sent(result: &RecordedResult) -> Time {
    Time::ZERO + millis(result.submit_ms.max(0.0))
}

/// Gives a scenario's model what was measured in a run, in place of what was planned.
pub(super) fn put_in(model: &mut Model, scenario: &RecordedScenario, run: &RecordedRun) {
    let classes = scenario.workload.classes();
    let served = served(run);
    let pool = &model.pools[0];
    let row = |result: &&RecordedResult| TraceRow {
        at: sent(result),
        demand: demand(result, served.get(result.id.as_str()).copied(), pool),
        class: classes.iter().position(|class| *class == result.class).unwrap_or(0) as u16,
        fate: Some(result.fate),
    };
    let rows: Vec<TraceRow> = in_order(run).iter().map(row).collect();
    model.sources[0].load = Load::Trace(Trace { rows: rows.into() });
    start_as_measured(model, scenario, run);
}

/// How long the last service of each task kept its worker, in milliseconds. An answer frees the worker, whose next task
/// is started before the caller is told: where there was one, its start is when the service was over.
fn served(run: &RecordedRun) -> BTreeMap<&str, f64> {
    let mut by_worker: BTreeMap<u32, Vec<&RecordedAttempt>> = BTreeMap::new();
    for attempt in &run.attempts {
        by_worker.entry(attempt.worker).or_default().push(attempt);
    }
    let mut last: BTreeMap<&str, (u32, f64)> = BTreeMap::new();
    for attempts in by_worker.values_mut() {
        attempts.sort_by(|a, b| a.start_ms.total_cmp(&b.start_ms));
        for (place, attempt) in attempts.iter().enumerate() {
            let next = attempts.get(place + 1).map_or(f64::INFINITY, |next| next.start_ms);
            let Some(end) = attempt.end_ms else { continue };
            let found = (attempt.attempt, end.min(next) - attempt.start_ms);
            let kept = last.entry(attempt.id.as_str()).or_insert(found);
            if found.0 > kept.0 {
                *kept = found;
            }
        }
    }
    last.into_iter().map(|(id, (_, served))| (id, served)).collect()
}

/// The work of a request: its last service less what hand-over and answer take. A service that was cut short says
/// nothing of it, and it is what was planned.
fn demand(result: &RecordedResult, served: Option<f64>, pool: &Pool) -> Span {
    let whole = matches!(result.outcome.as_str(), "ok" | "error") && result.fate != Fate::Hang;
    let served = served.filter(|_| whole);
    served.map_or(millis(result.duration_ms), |ms| pool.transport.demand_within(millis(ms)))
}

/// Workers that start as slowly as those of the run, in order of their starts. One that never became ready keeps the
/// delay that was planned for it.
fn start_as_measured(model: &mut Model, scenario: &RecordedScenario, run: &RecordedRun) {
    let (warm_start, size) = (scenario.settings.run.warm_start, scenario.settings.pool.meant().pool_size);
    let before = if warm_start { size } else { 0 };
    let at = |process: u32, event: &str| {
        let found = run.processes.iter().find(|one| one.process == process && one.event == event);
        found.map(|one| one.t_ms)
    };
    // The first workers of a cold pool are due at the start, though they are spawned one after the other.
    let due = |process: u32| if process < size { Some(0.0) } else { at(process, "spawn") };
    let took = |process: u32| Some(millis((at(process, "ready")? - due(process)?).max(0.0)));
    let life = &mut model.pools[0].life;
    let planned = std::mem::take(&mut life.first_start_up);
    let usual = Span::from_secs(life.start_up.mean());
    let known = run.processes.iter().filter(|one| one.event == "spawn").map(|one| one.process + 1).max();
    let last = known.unwrap_or(0).max(before + planned.len() as u32);
    let start_up = |(place, process): (usize, u32)| {
        took(process).unwrap_or_else(|| planned.get(place).copied().unwrap_or(usual))
    };
    life.first_start_up = (before..last).enumerate().map(start_up).collect();
}
