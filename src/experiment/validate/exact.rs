//! Exact queueing cases: each becomes a model file, is simulated until its intervals are narrow, and its exact
//! values must lie inside them.
//!
//! The format of a case file is described at its head (`tests/data/exact.toml`). A case is turned into the text of a
//! model file, so what is tested is what a planner would write, and any case can be run by hand.

use crate::engine::{self, Breach};
use crate::experiment::Metric;
use crate::experiment::estimate::{EstimateSettings, metrics};
use crate::model::{self, Model};
use crate::stats::{Estimate, Replication, interval};
use rayon::prelude::*;
use std::fmt::Write as _;
use toml::{Table, Value};

/// One case of the file.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its id.
    pub id: String,
    /// The kind of queue.
    pub family: String,
    table: Table,
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
        let slack =
            if self.is_quantile() { crate::stats::histogram::RELATIVE_ERROR * self.exact.abs() } else { 0.0 };
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

/// Why a case could not be checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The file is not a list of cases.
    File(String),
    /// The case says something that has no model.
    Case(String),
    /// The run broke a law.
    Run(Breach),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::File(message) | Failure::Case(message) => f.write_str(message),
            Failure::Run(breach) => breach.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

/// Replications of a case: enough for a t-interval that is not much wider than a normal one.
const REPLICATIONS: u64 = 40;
/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.999;

/// Reads the cases of a file.
///
/// # Errors
/// The text is not TOML, or has no `[[case]]`.
pub fn cases(text: &str) -> Result<Vec<Case>, Failure> {
    let file: Table = text.parse().map_err(|error| Failure::File(format!("not a case file: {error}")))?;
    let list = file.get("case").and_then(Value::as_array);
    let list = list.ok_or_else(|| Failure::File(String::from("not a case file: it has no [[case]]")))?;
    let word = |case: &Table, key: &str| case.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let tables = list.iter().filter_map(Value::as_table);
    Ok(tables
        .map(|case| Case { id: word(case, "id"), family: word(case, "family"), table: case.clone() })
        .collect())
}

/// Simulates a case and sets each exact value beside its estimate. `effort` scales the number of requests; 1 is what
/// narrow intervals need.
///
/// # Errors
/// A case without a model, or a broken law.
pub fn check(case: &Case, effort: f64, seed: u64) -> Result<Vec<Check>, Failure> {
    if case.table.contains_key("curve") {
        return check_curve(case, effort, seed);
    }
    let mut requests = 20_000.0;
    // A pilot tells how many requests the widest interval needs; the run that counts uses other replications.
    for (round, most) in [(0, 2e5), (1, 2e7)] {
        let checks = check_with(case, requests as u64, seed, round)?;
        let excess = checks.iter().map(|check| check.half_width() / check.width_bound).fold(0.0, f64::max);
        if round == 1 && excess <= 1.0 {
            return Ok(checks);
        }
        requests = (requests * (excess * 1.25).powi(2) * effort).clamp(20_000.0, most);
        if round == 0 && requests >= most {
            let checks = check_with(case, requests as u64, seed, 2)?;
            let excess =
                checks.iter().map(|check| check.half_width() / check.width_bound).fold(0.0, f64::max);
            requests = (requests * (excess * 1.2).powi(2) * effort).clamp(20_000.0, 2e7);
        }
    }
    check_with(case, requests as u64, seed, 3)
}

fn check_with(case: &Case, requests: u64, seed: u64, round: u64) -> Result<Vec<Check>, Failure> {
    let model = model_of(case, requests, seed)?;
    let prepared = engine::prepare(&model);
    let replications: Result<Vec<Replication>, Breach> =
        (0..REPLICATIONS).into_par_iter().map(|index| prepared.run(round * REPLICATIONS + index)).collect();
    let replications = replications.map_err(Failure::Run)?;
    let mut settings = EstimateSettings::new(CONFIDENCE);
    settings.timelines = false;
    settings.curves = false;
    let found = metrics(&model, &replications, &settings).metrics;
    let mut checks = Vec::new();
    for (class, expected) in expectations(case) {
        for (name, value) in expected {
            let exact = number(value.get("value")).unwrap_or(f64::NAN);
            let ours = our_name(&name, &case.family);
            let estimate = find(&found, &ours, class.as_deref()).ok_or_else(|| {
                Failure::Case(format!(
                    "{}: no metric `{ours}` for `{name}` {}",
                    case.id,
                    class.clone().unwrap_or_default()
                ))
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

fn expectations(case: &Case) -> Vec<(Option<String>, Vec<(String, Table)>)> {
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
    let servers = match case.table.get("pool").and_then(|pool| pool.get("servers")) {
        Some(servers) => number(Some(servers)).unwrap_or(f64::INFINITY),
        None => f64::INFINITY,
    };
    let states: Result<Vec<Vec<(f64, f64)>>, Breach> = (0..replications)
        .into_par_iter()
        .map(|index| {
            let run = prepared.run(index)?;
            let state = |time: &f64| {
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
            let observed: Vec<f64> = states.iter().map(|run| observe(name, run[at], servers)).collect();
            let estimate = match name.as_str() {
                "var_in_system" => variance(&observed),
                "prob_all_busy" => share(&observed),
                _ => mean(&observed),
            };
            let metric = format!("{name} at {} s", times[at]);
            checks.push(Check { metric, exact, estimate, width_bound: if exact < 0.2 { 0.2 } else { 0.05 } });
        }
    }
    Ok(checks)
}

fn observe(name: &str, (queue, busy): (f64, f64), servers: f64) -> f64 {
    match name {
        "mean_queue_length" => queue,
        "mean_busy" => busy,
        "prob_all_busy" => f64::from(u8::from(busy >= servers)),
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
    let text = model_text(case, requests, seed)?;
    let name = format!("{}.toml", case.id);
    match model::load(&name, &text, &NoFiles, &[]) {
        Ok(loaded) => Ok(loaded.model),
        Err(faults) => Err(Failure::Case(format!("{}: {}\n{text}", case.id, faults.render(false)))),
    }
}

struct NoFiles;

impl model::Files for NoFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("a case names no files, but asks for {path}"))
    }
}

/// The text of the model file of a case.
///
/// # Errors
/// The case says something that has no model.
pub fn model_text(case: &Case, requests: u64, seed: u64) -> Result<String, Failure> {
    Writer { case, text: String::new() }.write(requests, seed)
}

struct Writer<'a> {
    case: &'a Case,
    text: String,
}

impl Writer<'_> {
    fn write(mut self, requests: u64, seed: u64) -> Result<String, Failure> {
        let name = format!(
            "name = {:?}\n\n[run]\nseed = {seed}\nreplications = 2\nconfidence = {CONFIDENCE}",
            self.case.id
        );
        self.line(&name);
        match self.case.table.get("curve").and_then(|curve| curve.get("times")) {
            Some(times) => {
                let times = numbers(Some(times));
                let last = times.iter().copied().fold(0.0, f64::max);
                self.line(&format!(
                    "regime = \"terminating\"\nhorizon = {}\nbin = {}",
                    span(last),
                    span(step(&times))
                ));
            }
            None => self.line(&format!("regime = \"steady\"\nrequests = {requests}")),
        }
        self.classes()?;
        self.sources()?;
        self.pool()?;
        Ok(self.text)
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.case.table.get(key)
    }

    fn fail<T>(&self, what: &str) -> Result<T, Failure> {
        Err(Failure::Case(format!("{}: {what}", self.case.id)))
    }

    fn classes(&mut self) -> Result<(), Failure> {
        let redrawn = self.get("retry").is_some();
        let prob = number(self.get("failure").and_then(|failure| failure.get("prob"))).unwrap_or(0.0);
        let write = |name: &str, table: &Value, priority: i64| -> Result<String, Failure> {
            let demand = distribution(table).map_err(Failure::Case)?;
            let mut text = format!("\n[class.{name}]\ndemand = {demand}\npriority = {priority}\n");
            if redrawn {
                text += "retry_demand = \"redrawn\"\n";
            }
            if prob > 0.0 {
                let _ = writeln!(text, "fates = {{ error = {prob} }}");
            }
            Ok(text)
        };
        let text = match (self.get("service"), self.get("classes").and_then(Value::as_array)) {
            (Some(service), _) => write("all", service, 0)?,
            (None, Some(classes)) => {
                let mut text = String::new();
                for class in classes {
                    let name = class.get("name").and_then(Value::as_str).unwrap_or("class");
                    let priority = class.get("priority").and_then(Value::as_integer).unwrap_or(0);
                    let Some(service) = class.get("service") else {
                        return self.fail("a class without service");
                    };
                    text += &write(name, service, priority)?;
                }
                text
            }
            (None, None) => return self.fail("no service and no classes"),
        };
        self.line(&text);
        Ok(())
    }

    fn sources(&mut self) -> Result<(), Failure> {
        let classes = self.get("classes").and_then(Value::as_array).cloned().unwrap_or_default();
        let rates: Vec<Option<f64>> = classes.iter().map(|class| number(class.get("rate"))).collect();
        if !rates.is_empty() && rates.iter().all(Option::is_some) {
            for (class, rate) in classes.iter().zip(rates) {
                let name = class.get("name").and_then(Value::as_str).unwrap_or("class").to_owned();
                let arrivals = format!("{{ rate = {} }}", rate_text(rate.unwrap_or(0.0)));
                self.source(&name, &format!("class = \"{name}\""), "arrivals", &arrivals)?;
            }
            return Ok(());
        }
        let mix = if classes.is_empty() {
            String::from("class = \"all\"")
        } else {
            let share = |class: &Value| {
                let name = class.get("name").and_then(Value::as_str).unwrap_or("class");
                format!("{name} = {}", number(class.get("share")).unwrap_or(0.0))
            };
            format!("mix = {{ {} }}", classes.iter().map(share).collect::<Vec<_>>().join(", "))
        };
        let (key, load) = self.load()?;
        self.source("all", &mix, key, &load)
    }

    fn load(&self) -> Result<(&'static str, String), Failure> {
        let Some(arrival) = self.get("arrival") else { return self.fail("no arrival") };
        let rate = rate_text(number(arrival.get("rate")).unwrap_or(0.0));
        let text = match arrival.get("kind").and_then(Value::as_str).unwrap_or_default() {
            "poisson" => format!("{{ rate = {rate} }}"),
            "renewal" => {
                let Some(interval) = arrival.get("interval") else {
                    return self.fail("renewal without interval");
                };
                format!(
                    "{{ process = \"renewal\", interval = {} }}",
                    distribution(interval).map_err(Failure::Case)?
                )
            }
            "batch_poisson" => format!("{{ rate = {rate}, batch = {} }}", batch(arrival.get("batch_size"))),
            "mmpp" => {
                let rates: Vec<String> = numbers(arrival.get("rates")).into_iter().map(rate_text).collect();
                let stays: Vec<String> = numbers(arrival.get("mean_stay")).into_iter().map(span).collect();
                format!(
                    "{{ process = \"markov_modulated\", rates = [{}], mean_stay = [{}] }}",
                    rates.join(", "),
                    stays.join(", ")
                )
            }
            "poisson_piecewise_linear" => {
                let knots = numbers(arrival.get("times")).into_iter().zip(numbers(arrival.get("rates")));
                let knots: Vec<String> =
                    knots.map(|(at, rate)| format!("[{}, {}]", span(at), rate_text(rate))).collect();
                format!("{{ profile = {{ points = [{}] }} }}", knots.join(", "))
            }
            "closed" => return self.users(arrival),
            other => return self.fail(&format!("unknown arrival kind `{other}`")),
        };
        Ok(("arrivals", text))
    }

    fn users(&self, arrival: &Value) -> Result<(&'static str, String), Failure> {
        let Some(think) = arrival.get("think") else { return self.fail("closed without think") };
        let first = match arrival.get("first").and_then(Value::as_str) {
            Some("job") => "request",
            _ => "think",
        };
        let population = number(arrival.get("population")).unwrap_or(0.0);
        let think = distribution(think).map_err(Failure::Case)?;
        Ok(("users", format!("{{ count = {population}, think = {think}, first = \"{first}\" }}")))
    }

    fn source(&mut self, name: &str, mix: &str, key: &str, load: &str) -> Result<(), Failure> {
        let client = self.client()?;
        let patience = match self.get("timeout") {
            Some(timeout) if scope(timeout) == "queue" => {
                format!("patience = {}\n", distribution_at(timeout, "time").map_err(Failure::Case)?)
            }
            _ => String::new(),
        };
        self.line(&format!("[source.{name}]\npool = \"pool\"\n{mix}\n{key} = {load}\n{client}{patience}"));
        Ok(())
    }

    /// What the client does: deadlines over all, retries after refusals and failures.
    fn client(&self) -> Result<String, Failure> {
        let mut parts = Vec::new();
        if let Some(timeout) = self.get("timeout").filter(|timeout| scope(timeout) == "total") {
            let time = distribution_value(timeout.get("time")).map_err(Failure::Case)?;
            let cancels = timeout.get("cancels").and_then(Value::as_bool).unwrap_or(true);
            parts.push(format!("deadline = {time}, cancels = {cancels}"));
        }
        if let Some(retry) = self.get("retry").filter(|_| !self.pool_retries()) {
            let on: Vec<&str> = outcomes(retry);
            let max = match retry.get("max_retries") {
                Some(Value::Integer(max)) => max.to_string(),
                _ => String::from("\"unlimited\""),
            };
            let delays = match retry.get("delays").and_then(Value::as_array) {
                Some(delays) => {
                    delays.iter().map(distribution).collect::<Result<Vec<_>, _>>().map_err(Failure::Case)?
                }
                None => vec![distribution_at(retry, "delay").map_err(Failure::Case)?],
            };
            let on: Vec<String> = on.iter().map(|outcome| format!("{outcome:?}")).collect();
            parts.push(format!(
                "retry = {{ max = {max}, on = [{}], delays = [{}] }}",
                on.join(", "),
                delays.join(", ")
            ));
        }
        Ok(if parts.is_empty() { String::new() } else { format!("client = {{ {} }}\n", parts.join(", ")) })
    }

    /// Whether the retries are the pool's own: at the head of its queue.
    fn pool_retries(&self) -> bool {
        let place = self.get("retry").and_then(|retry| retry.get("where")).and_then(Value::as_str);
        place == Some("head")
    }

    fn pool(&mut self) -> Result<(), Failure> {
        let pool = self.get("pool").and_then(Value::as_table).cloned().unwrap_or_default();
        let slots = match pool.get("servers") {
            Some(Value::Integer(servers)) => servers.to_string(),
            _ => String::from("\"unlimited\""),
        };
        let mut text = format!("[pool.pool]\nslots = {slots}\n");
        match pool.get("discipline").and_then(Value::as_str) {
            Some("ps") => text += "discipline = \"processor_sharing\"\n",
            Some(discipline) => text += &format!("discipline = {discipline:?}\n"),
            None => {}
        }
        if let Some(capacity) = pool.get("queue_capacity").and_then(Value::as_integer) {
            text += &format!("queue_capacity = {capacity}\n");
        }
        let contention = match (pool.get("cores"), pool.get("speed_by_busy")) {
            (_, Some(table)) => Some(format!("speed_by_busy = {table}")),
            (Some(cores), None) => Some(format!("cores = {cores}")),
            (None, None) => None,
        };
        if contention.is_some() {
            text += "host = \"host\"\n";
        }
        text += &self.service_timeout()?;
        text += &self.pool_retry_text();
        text += &self.routing();
        text += &self.breakdown()?;
        text += &self.setup()?;
        if let Some(contention) = contention {
            text += &format!("\n[host.host]\n{contention}\n");
        }
        self.line(&text);
        Ok(())
    }

    fn service_timeout(&self) -> Result<String, Failure> {
        let Some(timeout) = self.get("timeout").filter(|timeout| scope(timeout) == "service") else {
            return Ok(String::new());
        };
        let time = distribution_value(timeout.get("time")).map_err(Failure::Case)?;
        let mut text = format!("service_timeout = {time}\n");
        if timeout.get("cancels").and_then(Value::as_bool) == Some(false) {
            text += "on_timeout = \"abandon\"\n";
        }
        if timeout.get("restart").is_some() {
            let restart = distribution_at(timeout, "restart").map_err(Failure::Case)?;
            text += &format!("worker = {{ restart_delay = {restart} }}\n");
        }
        Ok(text)
    }

    fn pool_retry_text(&self) -> String {
        let Some(retry) = self.get("retry").filter(|_| self.pool_retries()) else { return String::new() };
        let on: Vec<String> = outcomes(retry).iter().map(|outcome| format!("{outcome:?}")).collect();
        let max = retry.get("max_retries").and_then(Value::as_integer).unwrap_or(1);
        format!("retry = {{ max = {max}, on = [{}], place = \"head\" }}\n", on.join(", "))
    }

    fn routing(&self) -> String {
        let Some(routing) = self.get("routing") else { return String::new() };
        let pools = routing.get("pools").and_then(Value::as_integer).unwrap_or(1);
        let policy = match routing.get("policy").and_then(Value::as_str).unwrap_or_default() {
            "random" => {
                let shares: Vec<String> =
                    numbers(routing.get("probabilities")).iter().map(f64::to_string).collect();
                format!("{{ policy = \"random\", probabilities = [{}] }}", shares.join(", "))
            }
            "join_shortest" => String::from("\"least_loaded\""),
            "shortest_of_d" => {
                let d = routing.get("d").and_then(Value::as_integer).unwrap_or(2);
                format!("{{ policy = \"shortest_of\", d = {d} }}")
            }
            _ => String::from("\"round_robin\""),
        };
        format!("instances = {pools}\nrouting = {policy}\n")
    }

    fn breakdown(&self) -> Result<String, Failure> {
        let Some(breakdown) = self.get("breakdown") else { return Ok(String::new()) };
        let up = distribution_at(breakdown, "up").map_err(Failure::Case)?;
        let down = distribution_at(breakdown, "down").map_err(Failure::Case)?;
        let idle = breakdown.get("while_idle").and_then(Value::as_bool).unwrap_or(true);
        let job = match breakdown.get("job").and_then(Value::as_str) {
            Some("restart_at_head") => "restart",
            Some("lost" | "crash") => "crash",
            _ => "resume",
        };
        Ok(format!("breakdown = {{ up = {up}, down = {down}, while_idle = {idle}, job = {job:?} }}\n"))
    }

    /// A slot that is switched off when idle and must be set up for the next job.
    fn setup(&self) -> Result<String, Failure> {
        let Some(setup) = self.get("setup") else { return Ok(String::new()) };
        let time = distribution_at(setup, "time").map_err(Failure::Case)?;
        Ok(format!("worker = {{ start_up = {time}, idle_shutdown = \"0s\", warm_start = false }}\n"))
    }
}

fn scope(timeout: &Value) -> &str {
    timeout.get("scope").and_then(Value::as_str).unwrap_or_default()
}

fn outcomes(retry: &Value) -> Vec<&'static str> {
    let on = retry.get("on").and_then(Value::as_array).cloned().unwrap_or_default();
    on.iter()
        .filter_map(|word| match word.as_str()? {
            "service_timeout" | "timeout" => Some("timeout"),
            "failure" => Some("error"),
            "blocked" => Some("rejected"),
            "abandon" | "queue_timeout" => Some("reneged"),
            _ => None,
        })
        .collect()
}

fn batch(size: Option<&Value>) -> String {
    match size {
        Some(Value::Integer(size)) => size.to_string(),
        Some(table) if table.get("values").is_some() => {
            let sizes: Vec<String> = numbers(table.get("values")).iter().map(f64::to_string).collect();
            let shares: Vec<String> = numbers(table.get("p")).iter().map(f64::to_string).collect();
            format!("{{ sizes = [{}], probabilities = [{}] }}", sizes.join(", "), shares.join(", "))
        }
        Some(table) => match number(table.get("mean")).or_else(|| number(table.get("value"))) {
            Some(mean) => format!("{{ mean = {mean} }}"),
            None => String::from("1"),
        },
        None => String::from("1"),
    }
}

fn distribution_at(table: &Value, key: &str) -> Result<String, String> {
    table.get(key).ok_or_else(|| format!("no `{key}`")).and_then(distribution)
}

/// A deterministic distribution as a duration.
fn distribution_value(table: Option<&Value>) -> Result<String, String> {
    let value = table.and_then(|table| number(table.get("value")));
    value.map(span).ok_or_else(|| String::from("a time-out here must be deterministic"))
}

/// A distribution of the case file in the words of a model file.
fn distribution(table: &Value) -> Result<String, String> {
    let kind = table.get("dist").and_then(Value::as_str).unwrap_or_default();
    let get = |key: &str| number(table.get(key)).unwrap_or(f64::NAN);
    let spans = |key: &str| numbers(table.get(key)).into_iter().map(span).collect::<Vec<_>>().join(", ");
    let plain = |key: &str| numbers(table.get(key)).iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let inner = match kind {
        "deterministic" => format!("value = {}", span(get("value"))),
        "exponential" => format!("mean = {}", span(get("mean"))),
        "erlang" => format!("stages = {}, mean = {}", get("stages"), span(get("mean"))),
        "gamma" | "weibull" | "pareto" => format!("shape = {}, scale = {}", get("shape"), span(get("scale"))),
        "lognormal" => format!("mu = {}, sigma = {}", get("mu"), get("sigma")),
        "uniform" => format!("low = {}, high = {}", span(get("low")), span(get("high"))),
        "hyperexponential" => format!("probabilities = [{}], means = [{}]", plain("p"), spans("mean")),
        "discrete" => format!("values = [{}], probabilities = [{}]", spans("values"), plain("p")),
        other => return Err(format!("unknown distribution `{other}`")),
    };
    Ok(format!("{{ dist = {kind:?}, {inner} }}"))
}

fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

fn numbers(value: Option<&Value>) -> Vec<f64> {
    let list = value.and_then(Value::as_array);
    list.map(|list| list.iter().filter_map(|value| number(Some(value))).collect()).unwrap_or_default()
}

fn span(secs: f64) -> String {
    format!("\"{secs}s\"")
}

fn rate_text(rate: f64) -> String {
    format!("\"{rate}/s\"")
}

/// The largest step that hits every instant: their greatest common divisor in milliseconds.
fn step(times: &[f64]) -> f64 {
    let gcd = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    times.iter().map(|time| (time * 1e3).round() as u64).fold(0, gcd) as f64 / 1e3
}
