//! A recorded pool: what it was told, and how long its workers take to start, to exit, to get a job and to hand back an
//! answer.

use crate::stats::interval;
use crate::workload::recording::{RecordedEvent, RecordedPool, RecordedRun, RecordedScenario};

/// A delay as measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Its path below the pool, such as `worker.start_up`.
    pub path: &'static str,
    /// Measurements.
    pub n: usize,
    /// Median, milliseconds.
    pub median: f64,
    /// Between these the median lies, with a confidence of 95 %; `None` of fewer than six measurements.
    pub interval: Option<(f64, f64)>,
    /// Tenth and ninetieth percentile.
    pub spread: (f64, f64),
}

/// What a recorded pool was told, and how it began.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its settings, as the scheduler took them.
    pub pool: RecordedPool,
    /// Whether every worker was ready at the start.
    pub warm_start: bool,
    /// Start-ups of the workers of a cold start and of those whose delays were prescribed one by one, in order of spawn:
    /// medians over the runs, milliseconds.
    pub first_start_up: Vec<f64>,
    /// First writes to workers that had been killed: how many failed, of how many.
    pub write_errors: (u64, u64),
}

impl Told {
    /// Of a scenario.
    pub fn of(scenario: &RecordedScenario) -> Told {
        let warm_start = scenario.settings.run.warm_start;
        let before = if warm_start { scenario.settings.pool.meant().pool_size as usize } else { 0 };
        Told {
            pool: scenario.settings.pool.meant(),
            warm_start,
            first_start_up: first_start_ups(scenario, before),
            write_errors: write_errors(&scenario.runs),
        }
    }
}

/// Start-ups of the first spawns after `before`, as far as they are the pool's own or were prescribed; nothing where one of
/// them was never ready.
fn first_start_ups(scenario: &RecordedScenario, before: usize) -> Vec<f64> {
    let size = scenario.settings.pool.meant().pool_size as usize;
    let last = scenario.settings.worker.start_delay_ms_by_spawn.len().max(size);
    let median = |process: usize| {
        let at = |run: &RecordedRun, event: &str| {
            let of = |one: &&RecordedEvent| one.process as usize == process && one.event == event;
            run.processes.iter().find(of).map(|one| one.t_ms)
        };
        let took = |run: &RecordedRun| Some(at(run, "ready")? - at(run, "spawn")?);
        constant("worker.first_start_up", scenario.runs.iter().filter_map(took).collect())
    };
    let medians: Option<Vec<f64>> =
        (before..last).map(|process| median(process).map(|found| found.median)).collect();
    medians.unwrap_or_default()
}

/// Of the first writes to each worker that had been killed, how many failed.
fn write_errors(runs: &[RecordedRun]) -> (u64, u64) {
    let (mut failed, mut all) = (0, 0);
    for run in runs {
        for attempts in run.attempts_by_worker().values() {
            // A worker that is replaced is handed something before it is killed in turn.
            let firsts = attempts
                .windows(2)
                .filter(|pair| pair[1].dispatched_to_dying && !pair[0].dispatched_to_dying);
            for pair in firsts {
                all += 1;
                failed += u64::from(pair[1].result == "EPIPE");
            }
        }
    }
    (failed, all)
}

/// Every delay that the runs of a scenario show.
pub fn measure(scenario: &RecordedScenario) -> Vec<Constant> {
    let (mut dispatch, mut late, mut reply) = (Vec::new(), Vec::new(), Vec::new());
    let (mut start_up, mut kill_exit, mut timer) = (Vec::new(), Vec::new(), Vec::new());
    let mut restart = Vec::new();
    for run in &scenario.runs {
        let planned =
            |id: &str| run.results.iter().find(|result| result.id == id).map(|result| result.duration_ms);
        for attempt in &run.attempts {
            dispatch.extend(attempt.recv_ms.map(|recv| recv - attempt.start_ms));
            if attempt.result == "ok" {
                let worked = attempt.done_ms.zip(attempt.recv_ms).map(|(done, recv)| done - recv);
                late.extend(worked.zip(planned(&attempt.id)).map(|(worked, planned)| worked - planned));
                reply.extend(attempt.end_ms.zip(attempt.done_ms).map(|(end, done)| end - done));
            }
            if attempt.result == "REQUEST_TIMEOUT" {
                let limit = scenario.settings.pool.meant().request_timeout_ms;
                timer.extend(attempt.end_ms.map(|end| end - attempt.start_ms - limit));
            }
        }
        let between = |from: &str, to: &str| {
            let first = move |event: &&RecordedEvent| event.event == from;
            let gap = |event: &RecordedEvent| {
                let next =
                    run.processes.iter().find(|other| other.event == to && other.process == event.process)?;
                Some(next.t_ms - event.t_ms)
            };
            run.processes.iter().filter(first).filter_map(gap).collect::<Vec<f64>>()
        };
        // Those that start together slow each other down: only replacements count.
        let size = scenario.settings.pool.meant().pool_size as usize;
        start_up.extend(between("spawn", "ready").into_iter().skip(size));
        kill_exit.extend(between("kill", "exit"));
        for exit in run.processes.iter().filter(|event| event.event == "exit") {
            let spawn = |event: &&RecordedEvent| {
                event.event == "spawn" && event.worker == exit.worker && event.t_ms > exit.t_ms
            };
            restart.extend(run.processes.iter().find(spawn).map(|spawn| spawn.t_ms - exit.t_ms));
        }
    }
    let all = [
        ("worker.start_up", start_up),
        ("worker.restart_delay", restart),
        ("worker.kill_exit", kill_exit),
        ("transport.dispatch", dispatch),
        ("transport.late", late),
        ("transport.reply", reply),
        ("transport.timer_late", timer),
    ];
    all.into_iter().filter_map(|(path, values)| constant(path, values)).collect()
}

/// A delay from its measurements in milliseconds; `None` of none.
pub(in crate::experiment) fn constant(path: &'static str, mut values: Vec<f64>) -> Option<Constant> {
    values.sort_by(f64::total_cmp);
    let at =
        |p: f64| values.get(((p * values.len() as f64) as usize).min(values.len().checked_sub(1)?)).copied();
    let ranks = interval::quantile_ranks(values.len() as u64, 0.5, 0.95);
    // Ranks count from 1.
    let ends = ranks.and_then(|(low, high)| {
        values.get(low as usize - 1).copied().zip(values.get(high as usize - 1).copied())
    });
    let (median, spread) = (at(0.5)?, (at(0.1)?, at(0.9)?));
    Some(Constant { path, n: values.len(), median, interval: ends, spread })
}
