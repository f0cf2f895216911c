//! Exact queueing cases: each becomes a model file, is simulated until its intervals are narrow, and its exact
//! values must lie inside them.
//!
//! The format of a case file is described at its head (`tests/data/exact.toml`). A case is turned into the text of a
//! model file, so what is tested is what a planner would write, and any case can be run by hand.

pub use super::Failure;

use crate::engine::{self, Breach};
use crate::experiment::Metric;
use crate::experiment::estimate::{EstimateSettings, metrics};
use crate::model::{self, ExactFile, Model};
use crate::stats::{Estimate, Replication, interval};
use rayon::prelude::*;
use std::sync::Arc;
use toml::{Table, Value};

/// One case of the file.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its id.
    pub id: String,
    /// The kind of queue.
    pub family: String,
    pub(super) table: Table,
    file: Arc<ExactFile>,
    number: usize,
}

impl Case {
    /// A fault at a key, given as its path; the whole case where the path is empty.
    pub(super) fn refusal(&self, path: &str, message: &str, hint: &str) -> Failure {
        Failure::Case(self.file.fault(self.number, path, message, hint))
    }

    /// What is known to be wrong before anything runs: keys, words, kinds, and names of figures.
    fn vetted(&self) -> Result<(), Failure> {
        let faults = self.file.faults(self.number);
        if faults.has_errors() {
            return Err(Failure::Case(faults));
        }
        if self.table.contains_key("curve") { self.vetted_curve() } else { self.vetted_figures() }
    }

    fn vetted_figures(&self) -> Result<(), Failure> {
        let mut count = 0;
        for (class, figures) in expectations(self) {
            let path = class.as_ref().map_or_else(|| String::from("expect"), |c| format!("expect_class.{c}"));
            if let Some(class) = class.filter(|class| !self.has_class(class)) {
                return Err(self.refusal(
                    &path,
                    &format!("there is no class `{class}`"),
                    "name one of `classes`",
                ));
            }
            for (name, _) in &figures {
                self.vetted_figure(&path, name)?;
            }
            count += figures.len();
        }
        if count == 0 {
            return Err(self.refusal(
                "",
                "nothing is expected of it",
                "give `expect`, `expect_class` or `curve`",
            ));
        }
        Ok(())
    }

    fn vetted_figure(&self, path: &str, name: &str) -> Result<(), Failure> {
        if model::metrics::find(&our_name(name, &self.family)).is_some() {
            return Ok(());
        }
        let known: Vec<&str> = model::metrics::all().iter().map(|metric| metric.name.as_str()).collect();
        let hint = model::suggestion(name, &known);
        Err(self.refusal(&format!("{path}.{name}"), &format!("there is no metric `{name}`"), &hint))
    }

    fn has_class(&self, name: &str) -> bool {
        let classes = self.table.get("classes").and_then(Value::as_array);
        let named = |class: &Value| class.get("name").and_then(Value::as_str) == Some(name);
        classes.is_some_and(|classes| classes.iter().any(named))
    }

    fn vetted_curve(&self) -> Result<(), Failure> {
        if let Some(other) = ["expect", "expect_class"].into_iter().find(|key| self.table.contains_key(*key))
        {
            let hint = "make two cases of it";
            return Err(self.refusal(other, "a case with a `curve` has no stationary values", hint));
        }
        let curve = self.table.get("curve").and_then(Value::as_table).cloned().unwrap_or_default();
        let instants = numbers(curve.get("times")).len();
        let values = curve.iter().filter(|(name, _)| !matches!(name.as_str(), "times" | "digits"));
        for (name, list) in values {
            let given = numbers(Some(list)).len();
            if given != instants {
                let what = format!("{given} values for {instants} instants");
                return Err(self.refusal(&format!("curve.{name}"), &what, "give one for each instant"));
            }
        }
        Ok(())
    }
}

/// One exact value beside its estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Metric of the case file, with its class or instant.
    pub metric: String,
    /// The exact value.
    pub exact: f64,
    /// What the simulation says.
    pub estimate: Estimate,
    /// Largest relative half-width that the interval must have to count as a test.
    pub width_bound: f64,
}

impl Check {
    /// Whether the interval holds the exact value. A histogram's quantile may be off by its resolution.
    pub fn holds(&self) -> bool {
        let resolution = if self.is_quantile() { crate::stats::histogram::RELATIVE_ERROR } else { 0.0 };
        // The exact values are stated to eight digits at least.
        let slack = (resolution + 1e-8) * self.exact.abs();
        self.estimate.low - slack <= self.exact && self.exact <= self.estimate.high + slack
    }

    /// Whether the interval is narrow enough to mean something.
    pub fn is_narrow(&self) -> bool {
        self.half_width() <= self.width_bound
    }

    /// Half-width relative to the exact value (absolute where that is 0).
    pub fn half_width(&self) -> f64 {
        let half = (self.estimate.high - self.estimate.low) / 2.0;
        if self.exact == 0.0 { half } else { half / self.exact.abs() }
    }

    fn is_quantile(&self) -> bool {
        is_quantile(&self.metric)
    }
}

fn is_quantile(metric: &str) -> bool {
    metric.rsplit_once("_p").is_some_and(|(_, digits)| digits.starts_with(|c: char| c.is_ascii_digit()))
}

/// Replications of a case: enough for a t-interval that is not much wider than a normal one.
const REPLICATIONS: u64 = 40;
/// Fewest requests of a replication.
const LEAST: f64 = 20_000.0;
/// Most requests of a replication that a first pilot asks for: it knows the spread of rare things badly.
const PILOT_MOST: f64 = 2e5;
/// Requests are this much more than a pilot asks for, so that replications seldom have to be added.
const SPARE: f64 = 1.1;
/// Replications are added until the intervals are narrow, up to so many times as many.
const MOST: u64 = 3;
/// Confidence of the intervals.
pub(super) const CONFIDENCE: f64 = 0.999;

/// Reads the cases of a file. What is wrong with one of them is told when it is checked.
///
/// # Errors
/// The text is not TOML, or no file of cases.
pub fn cases(name: &str, text: &str) -> Result<Vec<Case>, Failure> {
    let file = Arc::new(ExactFile::parse(name, text).map_err(Failure::File)?);
    let whole: Table = text.parse().unwrap_or_default();
    let list = whole.get("case").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let case = |(number, value): (usize, &Value)| {
        let word = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        Case {
            id: word("id").map_or_else(|| format!("case {}", number + 1), String::from),
            family: word("family").unwrap_or_default().to_owned(),
            table: value.as_table().cloned().unwrap_or_default(),
            file: file.clone(),
            number,
        }
    };
    Ok(list.iter().enumerate().map(case).collect())
}

/// Simulates a case and sets each exact value beside its estimate. `effort` scales the number of requests; 1 is what
/// narrow intervals need.
///
/// # Errors
/// A case without a model, or a broken law.
pub fn check(case: &Case, effort: f64, seed: u64) -> Result<Vec<Check>, Failure> {
    case.vetted()?;
    if case.table.contains_key("curve") {
        return check_curve(case, effort, seed);
    }
    // Pilots tell how many requests the widest interval needs; the runs that count are other replications.
    let pilot = |requests: f64, from: u64, most: f64| -> Result<f64, Failure> {
        let model = model_of(case, requests as u64, seed)?;
        let checks = judge(case, &model, &played(&model, from, REPLICATIONS)?)?;
        Ok((requests * squared_excess(&checks) * effort * SPARE).clamp(LEAST, most))
    };
    let mut requests = pilot(LEAST, 0, PILOT_MOST)?;
    if requests >= PILOT_MOST {
        requests = pilot(requests, REPLICATIONS, 2e7)?;
    }
    let model = model_of(case, requests as u64, seed)?;
    let first = 2 * REPLICATIONS;
    let mut replications = played(&model, first, REPLICATIONS)?;
    loop {
        let (checks, made) = (judge(case, &model, &replications)?, replications.len() as u64);
        if squared_excess(&checks) * effort <= 1.0 || made >= MOST * REPLICATIONS {
            return Ok(checks);
        }
        replications.extend(played(&model, first + made, REPLICATIONS / 8)?);
    }
}

fn played(model: &Model, from: u64, count: u64) -> Result<Vec<Replication>, Failure> {
    let prepared = engine::prepare(model);
    let replications: Result<Vec<Replication>, Breach> =
        (from..from + count).into_par_iter().map(|index| prepared.run(index)).collect();
    replications.map_err(Failure::Run)
}

/// How many times as many requests the widest interval needs.
fn squared_excess(checks: &[Check]) -> f64 {
    checks.iter().map(|check| check.half_width() / check.width_bound).fold(0.0, f64::max).powi(2)
}

/// Sets each exact value beside its estimate.
fn judge(case: &Case, model: &Model, replications: &[Replication]) -> Result<Vec<Check>, Failure> {
    let mut settings = EstimateSettings::new(CONFIDENCE);
    settings.timelines = false;
    settings.curves = false;
    let found = metrics(model, replications, &settings).metrics;
    let mut checks = Vec::new();
    for (class, expected) in expectations(case) {
        for (name, value) in expected {
            let exact = number(value.get("value")).unwrap_or(f64::NAN);
            let ours = our_name(&name, &case.family);
            let estimate = find(&found, &ours, class.as_deref()).ok_or_else(|| {
                let of =
                    class.as_ref().map_or_else(|| String::from("expect"), |c| format!("expect_class.{c}"));
                let what = format!("the model of this case has no figure `{ours}`");
                case.refusal(&format!("{of}.{name}"), &what, "")
            })?;
            let metric = match &class {
                Some(class) => format!("{name} ({class})"),
                None => name.clone(),
            };
            checks.push(Check { metric, exact, estimate, width_bound: width_bound(&name, exact) });
        }
    }
    Ok(checks)
}

/// How narrow an interval must be: 1 % for means and for probabilities that are not rare, 2 % for the 95th
/// percentile. The other figures come with these and only have to hold.
fn width_bound(name: &str, exact: f64) -> f64 {
    match name {
        _ if name.ends_with("_p95") => 0.02,
        _ if is_quantile(name) || name.starts_with("var_") => f64::INFINITY,
        _ if name.starts_with("prob_") && exact < 0.1 => 0.05,
        _ => 0.01,
    }
}

fn find(found: &[Metric], name: &str, class: Option<&str>) -> Option<Estimate> {
    found
        .iter()
        .find(|metric| {
            let scope = &metric.scope;
            metric.name == name
                && scope.class.as_deref() == class
                && scope.phase.is_none()
                && scope.pool.is_none()
                && scope.host.is_none()
        })
        .or_else(|| found.iter().find(|metric| metric.name == name && metric.scope.class.as_deref() == class))
        .map(|metric| metric.estimate)
}

/// Names of the case file that mean something else here. Where clients try again or give up, "sojourn" is the
/// request's latency, and "attempt" metrics are those of single jobs at the pool.
fn our_name(name: &str, family: &str) -> String {
    if let Some(attempt) = name.strip_prefix("attempt_") {
        if attempt == "rate" {
            return String::from("attempt_rate");
        }
        return attempt.to_owned();
    }
    let of_client = matches!(family, "retry_backoff" | "retrial" | "client_timeout_uncancelled");
    if of_client && name.contains("sojourn") {
        return name.replace("sojourn", "latency");
    }
    name.to_owned()
}

/// Metrics of one scope (a class, or all) with what the file says of them.
type Expected = (Option<String>, Vec<(String, Table)>);

fn expectations(case: &Case) -> Vec<Expected> {
    let metrics = |table: &Table| {
        table
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_table()?.clone())))
            .collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    if let Some(expect) = case.table.get("expect").and_then(Value::as_table) {
        all.push((None, metrics(expect)));
    }
    if let Some(classes) = case.table.get("expect_class").and_then(Value::as_table) {
        for (class, expect) in classes {
            all.push((Some(class.clone()), expect.as_table().map(metrics).unwrap_or_default()));
        }
    }
    all
}

// ---- transient cases ------------------------------------------------------------------------------------------

/// Ensemble means at instants: one replication is one observation of the state.
fn check_curve(case: &Case, effort: f64, seed: u64) -> Result<Vec<Check>, Failure> {
    let curve = case.table.get("curve").and_then(Value::as_table).cloned().unwrap_or_default();
    let times = numbers(curve.get("times"));
    let model = model_of(case, 0, seed)?;
    let bin = model.run.bin.map_or(1.0, |bin| bin.secs());
    let prepared = engine::prepare(&model);
    let replications = (20_000.0 * effort) as u64;
    let of_pool = |key: &str| number(case.table.get("pool").and_then(|pool| pool.get(key)));
    let servers = of_pool("servers").unwrap_or(f64::INFINITY);
    let places = servers + of_pool("queue_capacity").unwrap_or(f64::INFINITY);
    // Where service is exponential, what is busy tells the rate of completions.
    let service = case.table.get("service");
    let memoryless = service.and_then(|s| s.get("dist")).and_then(Value::as_str) == Some("exponential");
    let pace = number(service.and_then(|s| s.get("mean"))).filter(|_| memoryless).map(f64::recip);
    if curve.contains_key("throughput_rate") && pace.is_none() {
        let what = "`throughput_rate` needs exponential service";
        return Err(case.refusal("curve.throughput_rate", what, "leave it out"));
    }
    let states: Result<Vec<Vec<(f64, f64)>>, Breach> = (0..replications)
        .into_par_iter()
        .map(|index| {
            let run = prepared.run(index)?;
            let state = |time: &f64| {
                if *time == 0.0 {
                    return (0.0, 0.0);
                }
                let bin = &run.timeline.bins[((time / bin).round() as usize).max(1) - 1];
                (f64::from(bin.queue_at_end), f64::from(bin.busy_at_end))
            };
            Ok(times.iter().map(state).collect())
        })
        .collect();
    let states = states.map_err(Failure::Run)?;
    let mut checks = Vec::new();
    for (name, values) in curve.iter().filter(|(name, _)| !matches!(name.as_str(), "times" | "digits")) {
        for (at, exact) in numbers(Some(values)).into_iter().enumerate() {
            let scale = if name == "throughput_rate" { pace.unwrap_or(f64::NAN) } else { 1.0 };
            let observed: Vec<f64> =
                states.iter().map(|run| scale * observe(name, run[at], servers, places)).collect();
            let estimate = match name.as_str() {
                "var_in_system" => variance(&observed),
                "prob_all_busy" | "prob_full" => share(&observed),
                _ => mean(&observed),
            };
            let metric = format!("{name} at {} s", times[at]);
            checks.push(Check { metric, exact, estimate, width_bound: if exact < 0.2 { 0.2 } else { 0.05 } });
        }
    }
    Ok(checks)
}

fn observe(name: &str, (queue, busy): (f64, f64), servers: f64, places: f64) -> f64 {
    match name {
        "mean_queue_length" => queue,
        "mean_busy" | "throughput_rate" => busy,
        "prob_all_busy" => f64::from(u8::from(busy >= servers)),
        "prob_full" => f64::from(u8::from(queue + busy >= places)),
        _ => queue + busy,
    }
}

/// Where all observations are equal, the interval still allows for what so many did not show: one unit of distance in
/// as many of them as Wilson's bound leaves open.
fn mean(values: &[f64]) -> Estimate {
    let level = interval::Level::new(CONFIDENCE);
    let mut estimate = interval::mean(values, &level).expect("thousands of replications have a mean");
    if estimate.low == estimate.high {
        let unseen = interval::wilson(0, values.len() as u64, &level).map_or(0.0, |none| none.high);
        (estimate.low, estimate.high) = (estimate.low - unseen, estimate.high + unseen);
    }
    estimate
}

/// The share of ones, with an interval that stays open where all are equal.
fn share(values: &[f64]) -> Estimate {
    let ones = values.iter().filter(|&&value| value > 0.5).count() as u64;
    interval::wilson(ones, values.len() as u64, &interval::Level::new(CONFIDENCE))
        .expect("thousands of replications have a share")
}

/// The variance as the mean of squared distances, which has an interval of its own.
fn variance(values: &[f64]) -> Estimate {
    let centre = values.iter().sum::<f64>() / values.len() as f64;
    let squares: Vec<f64> = values.iter().map(|x| (x - centre) * (x - centre)).collect();
    mean(&squares)
}

// ---- the case as a model file ---------------------------------------------------------------------------------

/// The model of a case, for a run of so many requests (or of the curve's length).
///
/// # Errors
/// The case says something that has no model.
pub fn model_of(case: &Case, requests: u64, seed: u64) -> Result<Model, Failure> {
    case.vetted()?;
    let text = super::case_text::model_text(case, requests, seed)?;
    let name = format!("{}.toml", case.id);
    match model::load(&name, &text, &NoFiles, &[]) {
        Ok(loaded) => {
            let mut model = loaded.model;
            let figures = expectations(case).into_iter().flat_map(|(_, figures)| figures);
            let names: Vec<String> = figures.map(|(name, _)| our_name(&name, &case.family)).collect();
            model.ask(names.iter().map(String::as_str));
            Ok(model)
        }
        Err(faults) => {
            let what: Vec<&str> = faults.list.iter().map(|fault| fault.message.as_str()).collect();
            Err(case.refusal("", &what.join("; "), ""))
        }
    }
}

struct NoFiles;

impl model::Files for NoFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("a case names no files, but asks for {path}"))
    }
}

pub(super) fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

pub(super) fn numbers(value: Option<&Value>) -> Vec<f64> {
    let list = value.and_then(Value::as_array);
    list.map(|list| list.iter().filter_map(|value| number(Some(value))).collect()).unwrap_or_default()
}
