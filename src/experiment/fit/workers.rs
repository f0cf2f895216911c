//! Constants of a recorded pool: how long its workers take to start, to exit, to get a job and to hand back an answer.

use crate::stats::interval;
use crate::workload::recording::{RecordedEvent, RecordedScenario};

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
                let limit = scenario.settings.pool.request_timeout_ms;
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
        let size = scenario.settings.pool.pool_size as usize;
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
