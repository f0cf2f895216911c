//! The simulator against recorded runs of the real orchestrator: the same workload and settings in, per-request
//! outcomes out. The measured constants are inputs; nothing else is fitted.
//!
//! How close a simulation can come depends on the recording:
//!
//! * open loop without time-outs: task by task, because nothing in it is left to chance;
//! * with time-outs, or in a closed loop: on average over seeds, because a millisecond decides which way a run goes;
//! * with the recorded races (whether a write to a dying worker failed) repeated: nearly task by task.

use super::Failure;
use super::score::{mean_and_deviation, quantile, sorted};
use crate::engine::{self, Breach, Recorded, RequestSeen};
use crate::model::{self, Diagnostics, Load, Model, ScriptedRequest, ScriptedUser};
use crate::outcome::Outcome;
use crate::time::Span;
use crate::workload::recording::{
    RecordedConstants, RecordedRun, RecordedScenario, RecordedUser, RecordedWorkload, millis,
};
use std::collections::BTreeMap;

/// Seeds over which chance is averaged.
pub const SEEDS: u64 = 15;

/// One figure of the simulation beside that of the recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What is compared.
    pub name: String,
    /// Mean over the recorded runs.
    pub real: f64,
    /// Mean over the simulated runs.
    pub simulated: f64,
    /// Largest distance that is accepted.
    pub tolerance: f64,
}

impl Figure {
    /// Whether the simulation is close enough.
    pub fn holds(&self) -> bool {
        (self.simulated - self.real).abs() <= self.tolerance
    }
}

/// All comparisons of one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The scenario's name.
    pub scenario: String,
    /// How it was compared.
    pub how: &'static str,
    /// Its figures.
    pub figures: Vec<Figure>,
}

impl Comparison {
    /// Whether every figure is close enough.
    pub fn holds(&self) -> bool {
        self.figures.iter().all(Figure::holds)
    }
}

/// What became of the tasks of one run, simulated or real, in the order of the workload.
#[derive(Clone, Debug, Default)]
struct Tasks {
    /// By request key: (latency in ms, outcome, hand-overs).
    ends: BTreeMap<u64, (f64, Outcome, u32)>,
    retries: f64,
}

impl Tasks {
    fn latencies(&self) -> Vec<f64> {
        sorted(self.ends.values().map(|end| end.0).collect())
    }

    fn count(&self, outcome: Outcome) -> f64 {
        self.ends.values().filter(|end| end.1 == outcome).count() as f64
    }

    /// The figures that recordings state of a run.
    fn figures(&self) -> [(&'static str, f64); 7] {
        let latencies = self.latencies();
        [
            ("p50 ms", quantile(&latencies, 0.5)),
            ("p95 ms", quantile(&latencies, 0.95)),
            ("p99 ms", quantile(&latencies, 0.99)),
            ("time-outs", self.count(Outcome::Timeout)),
            ("retries", self.retries),
            ("crashes", self.count(Outcome::Crash)),
            ("write errors", self.count(Outcome::WriteError)),
        ]
    }
}

/// Compares the simulation of a scenario with its recorded runs in every way that fits it.
///
/// # Errors
/// A law broken by a run, or settings that have no model.
pub fn compare(
    scenario: &RecordedScenario,
    constants: &RecordedConstants,
) -> Result<Vec<Comparison>, Failure> {
    if scenario.runs.is_empty() {
        let missing = Diagnostics::plain("no run is recorded: there is no results_r1.csv", None);
        return Err(Failure::Case(missing));
    }
    let real: Vec<Tasks> = scenario.runs.iter().map(|run| real_tasks(scenario, run)).collect();
    let times_out = real.iter().any(|run| run.count(Outcome::Timeout) > 0.0);
    let open = matches!(scenario.workload, RecordedWorkload::Open(_));
    if open && !times_out {
        return Ok(vec![task_by_task(scenario, constants, &real)?]);
    }
    let mut comparisons = vec![on_average(scenario, constants, &real)?];
    if times_out {
        comparisons.push(with_races(scenario, constants, &real)?);
    }
    Ok(comparisons)
}

/// Every outcome and number of hand-overs equal; p95 and p99 within 0.5 % or 3 ms; the median task within 8 ms.
fn task_by_task(
    scenario: &RecordedScenario,
    constants: &RecordedConstants,
    real: &[Tasks],
) -> Result<Comparison, Failure> {
    let mut figures = Vec::new();
    for (run, recorded) in real.iter().zip(&scenario.runs) {
        let model = model_of(scenario, constants, Some(recorded), 1).map_err(Failure::Case)?;
        let simulated = simulate(&model, 0, None).map_err(Failure::Run)?;
        let pairs = paired(run, &simulated);
        let different = pairs.iter().filter(|(real, ours)| (real.1, real.2) != (ours.1, ours.2)).count();
        let distances = sorted(pairs.iter().map(|(real, ours)| (real.0 - ours.0).abs()).collect());
        let name = |what: &str| format!("r{} {what}", recorded.number);
        let lost = run.ends.len().abs_diff(simulated.ends.len());
        let exact =
            |what: &str, simulated: f64| Figure { name: name(what), real: 0.0, simulated, tolerance: 0.0 };
        figures.push(exact("tasks with another outcome or retry count", (different + lost) as f64));
        for (what, p) in [("p95 ms", 0.95), ("p99 ms", 0.99)] {
            let (real, simulated) = (quantile(&run.latencies(), p), quantile(&simulated.latencies(), p));
            figures.push(Figure { name: name(what), real, simulated, tolerance: (0.005 * real).max(3.0) });
        }
        let simulated = quantile(&distances, 0.5);
        figures.push(Figure {
            name: name("median distance of a task, ms"),
            real: 0.0,
            simulated,
            tolerance: 8.0,
        });
    }
    Ok(Comparison { scenario: scenario.settings.name.clone(), how: "task by task", figures })
}

/// Means over seeds within two standard deviations of the recorded runs, never tighter than 3 % or 1.5 counts.
fn on_average(
    scenario: &RecordedScenario,
    constants: &RecordedConstants,
    real: &[Tasks],
) -> Result<Comparison, Failure> {
    let mut simulated = Vec::new();
    for seed in 1..=SEEDS {
        // Runs differ in when their workers became ready: take them in turn.
        let recorded = scenario.runs.get(seed as usize % scenario.runs.len().max(1));
        let model = model_of(scenario, constants, recorded, seed).map_err(Failure::Case)?;
        simulated.push(simulate(&model, 0, None).map_err(Failure::Run)?);
    }
    let column =
        |runs: &[Tasks], index: usize| runs.iter().map(|run| run.figures()[index].1).collect::<Vec<_>>();
    let names = Tasks::default().figures().map(|figure| figure.0);
    let figures = names.iter().enumerate().map(|(index, name)| {
        let (mean, deviation) = mean_and_deviation(&column(real, index));
        let floor = if name.ends_with("ms") { 0.03 * mean } else { 1.5 };
        let (ours, _) = mean_and_deviation(&column(&simulated, index));
        Figure {
            name: (*name).to_owned(),
            real: mean,
            simulated: ours,
            tolerance: (2.0 * deviation).max(floor),
        }
    });
    Ok(Comparison {
        scenario: scenario.settings.name.clone(),
        how: "mean of 15 seeds",
        figures: figures.collect(),
    })
}

/// With the recorded races repeated: at most 2 % of each run's outcomes different; percentiles, averaged over the
/// runs, within 1 %. (A single run still splits where two events are within a tenth of a millisecond.)
fn with_races(
    scenario: &RecordedScenario,
    constants: &RecordedConstants,
    real: &[Tasks],
) -> Result<Comparison, Failure> {
    let mut figures = Vec::new();
    let mut simulated = Vec::new();
    for (run, recorded) in real.iter().zip(&scenario.runs) {
        let mut model = model_of(scenario, constants, Some(recorded), 1).map_err(Failure::Case)?;
        // A race that was not run is not lost.
        model.pools[0].life.write_error = 0.0;
        let writes = Recorded { writes: races(recorded, &keys(scenario)), ..Recorded::default() };
        let ours = simulate(&model, 0, Some(&writes)).map_err(Failure::Run)?;
        let pairs = paired(run, &ours);
        let different = pairs.iter().filter(|(real, ours)| real.1 != ours.1).count();
        let share = different as f64 / run.ends.len().max(1) as f64;
        let name = format!("r{} share of other outcomes", recorded.number);
        figures.push(Figure { name, real: 0.0, simulated: share, tolerance: 0.02 });
        simulated.push(ours);
    }
    for (name, p) in [("p50 ms", 0.5), ("p95 ms", 0.95), ("p99 ms", 0.99)] {
        let mean = |runs: &[Tasks]| {
            let quantiles: Vec<f64> = runs.iter().map(|run| quantile(&run.latencies(), p)).collect();
            mean_and_deviation(&quantiles).0
        };
        let real = mean(real);
        let name = format!("{name}, mean of the runs");
        figures.push(Figure { name, real, simulated: mean(&simulated), tolerance: 0.01 * real });
    }
    Ok(Comparison { scenario: scenario.settings.name.clone(), how: "recorded races", figures })
}

type End = (f64, Outcome, u32);

fn paired<'a>(real: &'a Tasks, simulated: &'a Tasks) -> Vec<(&'a End, &'a End)> {
    real.ends.iter().filter_map(|(key, end)| Some((end, simulated.ends.get(key)?))).collect()
}

fn simulate(model: &Model, index: u64, recorded: Option<&Recorded>) -> Result<Tasks, Breach> {
    let (_, ends) = engine::prepare(model).follow(index, recorded)?;
    let end = |end: &RequestSeen| {
        let latency = end.end.since(end.sent).secs() * 1e3;
        (end.key, (latency, end.outcome, end.hand_overs))
    };
    let retries = ends.iter().map(|end| f64::from(end.hand_overs.saturating_sub(1))).sum();
    Ok(Tasks { ends: ends.iter().map(end).collect(), retries })
}

// ---- the recording ----------------------------------------------------------------------------------------------

/// The keys of a workload's tasks, by id.
pub(in crate::experiment) fn keys(scenario: &RecordedScenario) -> BTreeMap<String, u64> {
    match &scenario.workload {
        RecordedWorkload::Open(rows) => {
            // A trace is in order of time, and of the file within an instant.
            let mut rows: Vec<_> = rows.iter().collect();
            rows.sort_by_key(|row| row.at);
            rows.iter().enumerate().map(|(number, row)| (row.id.clone(), number as u64)).collect()
        }
        RecordedWorkload::Closed(users) => users
            .iter()
            .enumerate()
            .flat_map(|(user, of)| {
                let key = move |turn: usize| 1 << 47 | (user as u64) << 24 | turn as u64;
                of.rows.iter().enumerate().map(move |(turn, row)| (row.id.clone(), key(turn)))
            })
            .collect(),
    }
}

fn real_tasks(scenario: &RecordedScenario, run: &RecordedRun) -> Tasks {
    let keys = keys(scenario);
    let mut tasks = Tasks::default();
    for result in &run.results {
        let outcome = outcome(&result.outcome);
        if let (Some(&key), Some(latency)) = (keys.get(&result.id), result.latency_ms) {
            tasks.ends.insert(key, (latency, outcome, result.attempts));
        }
        tasks.retries += f64::from(result.attempts.saturating_sub(1));
    }
    tasks
}

/// The outcome that a recording names.
pub(in crate::experiment) fn outcome(name: &str) -> Outcome {
    match name {
        "ok" => Outcome::Ok,
        "timeout" => Outcome::Timeout,
        "crash" => Outcome::Crash,
        "error" => Outcome::Error,
        _ => Outcome::WriteError,
    }
}

/// The races of a run, under the keys of its tasks: how each write to a dying worker ended.
pub(in crate::experiment) fn races(
    run: &RecordedRun,
    keys: &BTreeMap<String, u64>,
) -> BTreeMap<(u64, u32), bool> {
    let dying = run.attempts.iter().filter(|attempt| attempt.dispatched_to_dying);
    dying
        .filter_map(|attempt| {
            Some(((*keys.get(&attempt.id)?, attempt.attempt - 1), attempt.result == "EPIPE"))
        })
        .collect()
}

// ---- the model --------------------------------------------------------------------------------------------------

/// The model of a scenario. `run`: the recorded run whose workers' ready instants set the beat of heartbeats.
///
/// # Errors
/// Settings that have no model.
pub fn model_of(
    scenario: &RecordedScenario,
    constants: &RecordedConstants,
    run: Option<&RecordedRun>,
    seed: u64,
) -> Result<Model, Diagnostics> {
    model_with(scenario, constants, run, seed, (PRESET, &[]))
}

/// The preset that the recorded scheduler has.
pub const PRESET: &str = "orchestrator-bridge";

/// The model of a scenario under another preset and with other values: what someone might have believed of the
/// scheduler.
///
/// # Errors
/// Settings that have no model.
pub fn model_with(
    scenario: &RecordedScenario,
    constants: &RecordedConstants,
    run: Option<&RecordedRun>,
    seed: u64,
    (preset, overrides): (&str, &[model::Override]),
) -> Result<Model, Diagnostics> {
    let classes = scenario.workload.classes();
    let text = model_text(scenario, constants, &classes, (seed, preset));
    let loaded = model::load(&scenario.settings.name, &text, &NoFiles, overrides);
    let mut model = loaded?.model;
    model.sources[0].load = match &scenario.workload {
        RecordedWorkload::Closed(users) => Load::Script(script(users, &classes)),
        RecordedWorkload::Open(_) => {
            let trace = scenario.workload.trace();
            Load::Trace(trace.ok_or_else(|| Diagnostics::plain("an open workload has no arrivals", None))?)
        }
    };
    let life = &mut model.pools[0].life;
    life.warm_start = scenario.settings.run.warm_start;
    life.first_start_up = first_start_ups(scenario, constants);
    if let Some(run) = run.filter(|_| life.warm_start) {
        life.ready_before = ready_before(run, scenario.settings.pool.meant().pool_size);
    }
    Ok(model)
}

/// The model of a scenario as text, without its workload, which is that of the recording.
pub fn text(scenario: &RecordedScenario, constants: &RecordedConstants, preset: &str) -> String {
    model_text(scenario, constants, &scenario.workload.classes(), (1, preset))
}

struct NoFiles;

impl model::Files for NoFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("a recorded scenario names no files, but asks for {path}"))
    }
}

fn model_text(
    scenario: &RecordedScenario,
    constants: &RecordedConstants,
    classes: &[String],
    (seed, preset): (u64, &str),
) -> String {
    let constant = |name: &str| constants.of(name);
    let settings = &scenario.settings;
    let pool = settings.pool.meant();
    let class_text: String =
        classes.iter().map(|class| format!("[class.{class:?}]\ndemand = \"1s\"\n")).collect();
    let start_up = settings.worker.start_delay_ms + constant("start_ms");
    let start_timeout = pool.finite_start_timeout_ms();
    format!(
        r#"name = {name:?}
[run]
seed = {seed}
replications = 2
regime = "terminating"
horizon = "1h"
{class_text}
[source.tasks]
pool = "workers"
class = {first:?}
arrivals = {{ rate = "1/s" }}

[pool.workers]
preset = {preset:?}
slots = {slots}
service_timeout = "{timeout}ms"
retry = {{ max = {retries}, on = ["crash"], place = "head", turn = "{turn}ms" }}

[pool.workers.worker]
start_up = "{start_up}ms"
start_up_cpu = 0
start_timeout = "{start_timeout}ms"
restart_delay = "{restart}ms"
kill_exit = "{kill_exit}ms"
crash_exit = "{crash_exit}ms"
heartbeat_interval = "{beat}ms"
heartbeat_timeout = "{silence}ms"
write_error = {write_error}

[pool.workers.transport]
dispatch = "{dispatch}ms"
late = "{late}ms"
reply = "{reply}ms"
timer_late = "{timer_late}ms"
"#,
        name = settings.name,
        first = classes.first().map_or("task", String::as_str),
        slots = pool.pool_size,
        timeout = pool.request_timeout_ms,
        retries = pool.max_task_retries,
        turn = constant("retry_turn_ms"),
        beat = pool.heartbeat_interval_ms,
        restart = pool.restart_delay_ms,
        kill_exit = constant("kill_exit_ms"),
        crash_exit = constant("crash_exit_ms"),
        silence = pool.heartbeat_timeout_ms,
        write_error = constant("epipe_probability"),
        dispatch = constant("dispatch_ms"),
        late = constant("sleep_late_ms"),
        reply = constant("reply_ms"),
        timer_late = constant("timer_late_ms"),
    )
}

/// Start-ups that differ from later ones: those of workers that start together slow each other down, and some
/// scenarios prescribe delays by order of spawn. A warm pool has its first spawns behind it.
fn first_start_ups(scenario: &RecordedScenario, constants: &RecordedConstants) -> Vec<Span> {
    let size = scenario.settings.pool.meant().pool_size as usize;
    let worker = &scenario.settings.worker;
    let alone = constants.of("start_ms");
    let together = start_together(constants, size as f64).unwrap_or(alone);
    let spawns = worker.start_delay_ms_by_spawn.len().max(size);
    let start = |spawn: usize| {
        let machine = if spawn < size { together } else { alone };
        millis(worker.start_delay_ms(spawn) + machine)
    };
    let all = (0..spawns).map(start);
    if scenario.settings.run.warm_start { all.skip(size).collect() } else { all.collect() }
}

/// Measured start-up when so many workers start at once; linear between the measured numbers.
fn start_together(constants: &RecordedConstants, size: f64) -> Option<f64> {
    let mut known: Vec<(f64, f64)> =
        constants.start_together_minimal.iter().filter_map(|(n, ms)| Some((n.parse().ok()?, *ms))).collect();
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let after = known.partition_point(|&(n, _)| n < size);
    match (after.checked_sub(1).and_then(|before| known.get(before)), known.get(after)) {
        (Some(&(n0, ms0)), Some(&(n1, ms1))) => Some(ms0 + (ms1 - ms0) * (size - n0) / (n1 - n0)),
        (None, Some(&(_, ms))) => Some(ms),
        (Some(&(n, ms)), None) => Some(ms * size / n),
        (None, None) => None,
    }
}

/// How long before the start each worker said that it was ready.
fn ready_before(run: &RecordedRun, size: u32) -> Vec<Span> {
    let before = |worker: u32| {
        let ready =
            run.processes.iter().filter(|event| event.event == "ready_sent" && event.worker == worker);
        let first = ready.map(|event| event.t_ms).fold(f64::INFINITY, f64::min);
        if first <= 0.0 { millis(-first) } else { Span::ZERO }
    };
    (0..size).map(before).collect()
}

fn script(users: &[RecordedUser], classes: &[String]) -> Vec<ScriptedUser> {
    let class = |name: &str| classes.iter().position(|class| class == name).unwrap_or(0) as u16;
    users
        .iter()
        .map(|user| ScriptedUser {
            plan: user.plan,
            requests: user
                .rows
                .iter()
                .map(|row| ScriptedRequest {
                    class: class(&row.class),
                    demand: row.demand,
                    fate: row.fate,
                    think: row.think,
                })
                .collect(),
        })
        .collect()
}
