//! What was measured in a recorded run, as input of its simulation: requests at the instants at which they were really
//! sent, demands as long as they really took, workers that start as slowly as they really did. What is left between the
//! two is an error of the physics: of what the scheduler decides, and when.

use super::super::super::validate::recorded;
use crate::engine::Recorded;
use crate::model::{Load, Model};
use crate::outcome::Outcome;
use crate::time::{Span, Time};
use crate::workload::recording::{
    RecordedAttempt, RecordedConstants, RecordedResult, RecordedRun, RecordedScenario, millis,
};
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
pub(super) fn put_in(
    model: &mut Model,
    scenario: &RecordedScenario,
    run: &RecordedRun,
    constants: &RecordedConstants,
) {
    put_load_in(model, scenario, run, constants);
    start_as_measured(model, scenario, run);
}

/// The same of requests alone: when they were sent, and how long they took.
pub(super) fn put_load_in(
    model: &mut Model,
    scenario: &RecordedScenario,
    run: &RecordedRun,
    constants: &RecordedConstants,
) {
    let (classes, served) = (scenario.workload.classes(), served(run));
    // What was measured on the way is no work, whatever is believed of the way.
    let way = constants.of("dispatch_ms") + constants.of("sleep_late_ms") + constants.of("reply_ms");
    let row = |result: &&RecordedResult| TraceRow {
        at: sent(result),
        demand: demand(result, served.get(result.id.as_str()).map(|served| (served - way).max(0.0))),
        class: classes.iter().position(|class| *class == result.class).unwrap_or(0) as u16,
        fate: Some(result.fate),
    };
    let rows: Vec<TraceRow> = in_order(run).iter().map(row).collect();
    model.sources[0].load = Load::Trace(Trace { rows: rows.into() });
}

/// How long the last service of each task kept its worker, in milliseconds. An answer frees the worker, whose next task
/// is started before the caller is told: where there was one, its start is when the service was over.
fn served(run: &RecordedRun) -> BTreeMap<&str, f64> {
    let mut last: BTreeMap<&str, (u32, f64)> = BTreeMap::new();
    for attempts in run.attempts_by_worker().values() {
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

/// The work of a request: what is left of its last service, milliseconds. A service that was cut short says nothing of
/// it, and it is what was planned.
fn demand(result: &RecordedResult, left: Option<f64>) -> Span {
    let answered = matches!(recorded::outcome(&result.outcome), Outcome::Ok | Outcome::Error);
    let whole = answered && result.fate != Fate::Hang;
    millis(left.filter(|_| whole).unwrap_or(result.duration_ms))
}

/// Workers that start as slowly as those of the run, in order of their starts. One that never became ready keeps the
/// delay that was planned for it.
fn start_as_measured(model: &mut Model, scenario: &RecordedScenario, run: &RecordedRun) {
    let lives = lives(run);
    let restart_delay = scenario.settings.pool.meant().restart_delay_ms;
    let mut starts: Vec<(u32, Option<Span>)> = Vec::new();
    for of_slot in lives.values() {
        // The first workers of a cold pool are due at the start, though they are spawned one after the other.
        let mut due = Some(0.0);
        for life in of_slot {
            let took = due.zip(life.ready).map(|(due, ready)| millis((ready - due).max(0.0)));
            starts.push((life.process, took));
            due = life.exit.map(|exit| exit + restart_delay);
        }
    }
    starts.sort_by_key(|(process, _)| *process);
    let life = &mut model.pools[0].life;
    let planned = std::mem::take(&mut life.first_start_up);
    let usual = Span::from_secs(life.start_up.mean());
    let before = if scenario.settings.run.warm_start { lives.len() } else { 0 };
    let measured = starts.into_iter().skip(before).map(|(_, took)| took);
    let mut measured = measured.chain(std::iter::repeat(None));
    let last = planned.len().max(lives.values().map(Vec::len).sum::<usize>().saturating_sub(before));
    let start_up = |place: usize| {
        measured.next().flatten().unwrap_or_else(|| planned.get(place).copied().unwrap_or(usual))
    };
    life.first_start_up = (0..last).map(start_up).collect();
}

/// What chance decided in a run: how writes to dying workers ended, how late timers fired, and how long killed workers
/// took to exit.
pub(super) fn chance(scenario: &RecordedScenario, run: &RecordedRun) -> Recorded {
    let (keys, lives) = (keys(run), lives(run));
    let limit = scenario.settings.pool.meant().request_timeout_ms;
    let fired = |attempt: &RecordedAttempt| {
        let end = attempt.end_ms.filter(|_| attempt.result == "REQUEST_TIMEOUT")?;
        // The kill comes first in the turn that ends the task, and may take its time.
        let kills = lives.get(&attempt.worker)?.iter().filter_map(|life| life.kill);
        let kill = kills.filter(|kill| (attempt.start_ms..=end).contains(kill)).fold(f64::NAN, f64::max);
        let late = kill.min(end) - attempt.start_ms - limit;
        Some(((*keys.get(&attempt.id)?, attempt.attempt - 1), millis(late.max(0.0))))
    };
    // Workers of a warm start are not started in the run.
    let first = u32::from(!scenario.settings.run.warm_start);
    let exits = lives.iter().flat_map(|(&slot, of_slot)| {
        let took = |life: &Life| Some(millis((life.exit? - life.kill?).max(0.0)));
        of_slot.iter().zip(first..).filter_map(move |(life, number)| Some(((slot, number), took(life)?)))
    });
    Recorded {
        writes: recorded::races(run, &keys),
        timers: run.attempts.iter().filter_map(fired).collect(),
        exits: exits.collect(),
    }
}

/// A worker process of a run: instants in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    /// Its number in the order of spawns.
    process: u32,
    ready: Option<f64>,
    kill: Option<f64>,
    exit: Option<f64>,
}

/// The worker processes of a run, by slot and in order of their spawns.
fn lives(run: &RecordedRun) -> BTreeMap<u32, Vec<Life>> {
    let mut all: BTreeMap<(u32, u32), Life> = BTreeMap::new();
    for event in &run.processes {
        let life = all.entry((event.worker, event.process)).or_default();
        life.process = event.process;
        let at = match event.event.as_str() {
            "ready" => &mut life.ready,
            "kill" => &mut life.kill,
            "exit" => &mut life.exit,
            _ => continue,
        };
        at.get_or_insert(event.t_ms);
    }
    let mut by_slot: BTreeMap<u32, Vec<Life>> = BTreeMap::new();
    all.into_iter().for_each(|((slot, _), life)| by_slot.entry(slot).or_default().push(life));
    by_slot
}
