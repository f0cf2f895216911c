//! The text of the model file that says what an exact case says.
//!
//! Keys, words and kinds of the case have been held against its grammar; what is refused here is what its values say
//! together, or what has no model.

use super::case_words::{batch, constant, distribution, outcomes, part, plain, rate, span};
use super::exact::{CONFIDENCE, Case, Failure, number, numbers};
use std::fmt::Write as _;
use toml::Value;

/// The text of the model file of a case.
///
/// # Errors
/// The case says something that has no model.
pub(super) fn model_text(case: &Case, requests: u64, seed: u64) -> Result<String, Failure> {
    Writer { case, text: String::new() }.write(requests, seed)
}

struct Writer<'a> {
    case: &'a Case,
    text: String,
}

/// How far sums may be from what they should be: exact cases are stated to eight digits at least.
const SUM_SLACK: f64 = 1e-6;

impl Writer<'_> {
    fn write(mut self, requests: u64, seed: u64) -> Result<String, Failure> {
        let name = format!(
            "name = {:?}\n\n[run]\nseed = {seed}\nreplications = 2\nconfidence = {CONFIDENCE}",
            self.case.id
        );
        self.line(&name);
        self.length(requests)?;
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

    fn fail<T>(&self, at: &str, what: &str, hint: &str) -> Result<T, Failure> {
        Err(self.case.refusal(at, what, hint))
    }

    fn length(&mut self, requests: u64) -> Result<(), Failure> {
        let Some(times) = self.get("curve").map(|curve| numbers(curve.get("times"))) else {
            self.line(&format!("regime = \"steady\"\nrequests = {requests}"));
            return Ok(());
        };
        if times.iter().any(|time| ((time * 1e3).round() - time * 1e3).abs() > 1e-6) {
            return self.fail("curve.times", "the instants are no whole milliseconds", "round them");
        }
        let last = times.iter().copied().fold(0.0, f64::max);
        if last == 0.0 {
            return self.fail("curve.times", "no instant is after the start", "add one");
        }
        let (last, bin) = (span(last), span(step(&times)));
        self.line(&format!("regime = \"terminating\"\nhorizon = {last}\nbin = {bin}"));
        Ok(())
    }

    /// The classes, if the case has any.
    fn list(&self) -> Vec<Value> {
        self.get("classes").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    fn classes(&mut self) -> Result<(), Failure> {
        let text = match self.get("service") {
            Some(service) => self.class("all", service, 0),
            None => self.list().iter().map(|class| self.listed(class)).collect(),
        };
        self.line(&text);
        Ok(())
    }

    fn listed(&self, class: &Value) -> String {
        let priority = class.get("priority").and_then(Value::as_integer).unwrap_or(0);
        class.get("service").map_or_else(String::new, |service| self.class(name(class), service, priority))
    }

    fn class(&self, name: &str, service: &Value, priority: i64) -> String {
        let demand = distribution(service);
        let mut text = format!("\n[class.{name:?}]\ndemand = {demand}\npriority = {priority}\n");
        if self.get("retry").is_some() {
            text += "retry_demand = \"redrawn\"\n";
        }
        let prob = number(self.get("failure").and_then(|failure| failure.get("prob"))).unwrap_or(0.0);
        if prob > 0.0 {
            let _ = writeln!(text, "fates = {{ error = {prob} }}");
        }
        text
    }

    fn sources(&mut self) -> Result<(), Failure> {
        let classes = self.list();
        if classes.iter().any(|class| class.get("rate").is_some()) {
            return self.source_of_each(&classes);
        }
        let mix = self.mix(&classes)?;
        let (key, load) = self.load()?;
        self.source("all", &mix, key, &load)
    }

    /// Classes with rates of their own are independent Poisson processes.
    fn source_of_each(&mut self, classes: &[Value]) -> Result<(), Failure> {
        let rates: Vec<f64> = classes.iter().filter_map(|class| number(class.get("rate"))).collect();
        if rates.len() < classes.len() {
            return self.fail("classes", "some classes have a rate and some a share", "give all the same");
        }
        let arrival = self.get("arrival").cloned();
        let arrival = arrival.as_ref();
        let kind = arrival.and_then(|arrival| arrival.get("kind")).and_then(Value::as_str);
        if kind != Some("poisson") {
            return self.fail("classes", "rates of classes are those of Poisson processes", "give shares");
        }
        let sum: f64 = rates.iter().sum();
        let total = number(arrival.and_then(|arrival| arrival.get("rate"))).unwrap_or(f64::NAN);
        if (sum - total).abs() > SUM_SLACK * total {
            let what = format!("the rates of the classes sum to {sum}");
            return self.fail("arrival.rate", &what, "the rate of arrivals is their total");
        }
        for (class, per_second) in classes.iter().zip(rates) {
            let name = name(class);
            let arrivals = format!("{{ rate = {} }}", rate(per_second));
            self.source(name, &format!("class = {name:?}"), "arrivals", &arrivals)?;
        }
        Ok(())
    }

    fn mix(&self, classes: &[Value]) -> Result<String, Failure> {
        if classes.is_empty() {
            return Ok(String::from("class = \"all\""));
        }
        let shares: Vec<f64> =
            classes.iter().map(|class| number(class.get("share")).unwrap_or(0.0)).collect();
        let sum: f64 = shares.iter().sum();
        if (sum - 1.0).abs() > SUM_SLACK {
            let what = format!("the shares of the classes sum to {sum}");
            return self.fail("classes", &what, "they are probabilities and sum to 1");
        }
        let parts: Vec<String> =
            classes.iter().zip(shares).map(|(class, share)| format!("{:?} = {share}", name(class))).collect();
        Ok(format!("mix = {{ {} }}", parts.join(", ")))
    }

    fn load(&self) -> Result<(&'static str, String), Failure> {
        let Some(arrival) = self.get("arrival") else { return self.fail("", "no arrival", "") };
        let per_second = rate(number(arrival.get("rate")).unwrap_or(0.0));
        let text = match arrival.get("kind").and_then(Value::as_str).unwrap_or_default() {
            "renewal" => {
                let interval = distribution(part(arrival, "interval"));
                format!("{{ process = \"renewal\", interval = {interval} }}")
            }
            "batch_poisson" => {
                let batch = batch(part(arrival, "batch_size"))
                    .or_else(|what| self.fail("arrival.batch_size", &what, "sizes are whole numbers"))?;
                format!("{{ rate = {per_second}, batch = {batch} }}")
            }
            "mmpp" => {
                let rates: Vec<String> = numbers(arrival.get("rates")).into_iter().map(rate).collect();
                let stays: Vec<String> = numbers(arrival.get("mean_stay")).into_iter().map(span).collect();
                format!(
                    "{{ process = \"markov_modulated\", rates = [{}], mean_stay = [{}] }}",
                    rates.join(", "),
                    stays.join(", ")
                )
            }
            "poisson_piecewise_linear" => self.profile(arrival)?,
            "closed" => return Ok(users(arrival)),
            _ => format!("{{ rate = {per_second} }}"),
        };
        Ok(("arrivals", text))
    }

    fn profile(&self, arrival: &Value) -> Result<String, Failure> {
        let (times, rates) = (numbers(arrival.get("times")), numbers(arrival.get("rates")));
        if times.len() != rates.len() {
            let what = format!("{} knots and {} rates", times.len(), rates.len());
            return self.fail("arrival.rates", &what, "give a rate for each knot");
        }
        let knots: Vec<String> =
            times.into_iter().zip(rates).map(|(at, r)| format!("[{}, {}]", span(at), rate(r))).collect();
        Ok(format!("{{ profile = {{ points = [{}] }} }}", knots.join(", ")))
    }

    fn source(&mut self, name: &str, mix: &str, key: &str, load: &str) -> Result<(), Failure> {
        let (client, patience) = (self.client()?, self.patience()?);
        let text = format!("[source.{name:?}]\npool = \"pool\"\n{mix}\n{key} = {load}\n{client}{patience}");
        self.line(&text);
        Ok(())
    }

    /// The time-out of a scope.
    fn timeout(&self, scope: &str) -> Option<&Value> {
        self.get("timeout").filter(|timeout| timeout.get("scope").and_then(Value::as_str) == Some(scope))
    }

    fn patience(&self) -> Result<String, Failure> {
        let Some(timeout) = self.timeout("queue") else { return Ok(String::new()) };
        if !cancels(timeout) {
            return self.fail(
                "timeout.cancels",
                "a job cannot leave the queue without telling it",
                "leave `cancels` out, or write scope = \"total\"",
            );
        }
        self.no_restart(timeout)?;
        Ok(format!("patience = {}\n", distribution(part(timeout, "time"))))
    }

    fn no_restart(&self, timeout: &Value) -> Result<(), Failure> {
        if timeout.get("restart").is_none() {
            return Ok(());
        }
        let hint = "a slot restarts after a kill: scope = \"service\", cancels = true";
        self.fail("timeout.restart", "`restart` has no meaning where nothing is killed", hint)
    }

    /// What the client does: deadlines over all, retries after refusals and failures.
    fn client(&self) -> Result<String, Failure> {
        let mut parts = Vec::new();
        if let Some(timeout) = self.timeout("total") {
            self.no_restart(timeout)?;
            let time = distribution(part(timeout, "time"));
            parts.push(format!("deadline = {time}, cancels = {}", cancels(timeout)));
        }
        if let Some(retry) = self.get("retry").filter(|retry| !at_head(retry)) {
            parts.push(client_retry(retry));
        }
        Ok(if parts.is_empty() { String::new() } else { format!("client = {{ {} }}\n", parts.join(", ")) })
    }

    /// A distribution that must be a constant, as a duration.
    fn fixed(&self, dist: &Value, at: &str, what: &str) -> Result<String, Failure> {
        let hint = "write { dist = \"deterministic\", value = … }";
        constant(dist).map(span).map_or_else(|| self.fail(at, what, hint), Ok)
    }

    fn pool(&mut self) -> Result<(), Failure> {
        let Some(pool) = self.get("pool") else { return self.fail("", "no pool", "") };
        let mut text = format!("[pool.pool]\n{}", self.slots(pool)?);
        if let Some(capacity) = pool.get("queue_capacity").and_then(Value::as_integer) {
            let _ = writeln!(text, "queue_capacity = {capacity}");
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
        text += &self.pool_retry()?;
        text += &self.routing()?;
        text += &self.breakdown();
        text += &self.setup();
        if let Some(contention) = contention {
            let _ = write!(text, "\n[host.host]\n{contention}\n");
        }
        self.line(&text);
        Ok(())
    }

    fn slots(&self, pool: &Value) -> Result<String, Failure> {
        let discipline = pool.get("discipline").and_then(Value::as_str).unwrap_or("fifo");
        let servers = match pool.get("servers") {
            Some(Value::Integer(servers)) => servers.to_string(),
            None if discipline != "ps" => {
                return self.fail("pool", "`servers` is missing", "for example: servers = 4");
            }
            _ => String::from("\"unlimited\""),
        };
        let discipline = if discipline == "ps" { "processor_sharing" } else { discipline };
        Ok(format!("slots = {servers}\ndiscipline = {discipline:?}\n"))
    }

    fn service_timeout(&self) -> Result<String, Failure> {
        let Some(timeout) = self.timeout("service") else { return Ok(String::new()) };
        let time = distribution(part(timeout, "time"));
        let mut text = format!("service_timeout = {time}\n");
        if !cancels(timeout) {
            self.no_restart(timeout)?;
            text += "on_timeout = \"abandon\"\n";
        }
        if let Some(restart) = timeout.get("restart") {
            let _ = writeln!(text, "worker = {{ restart_delay = {} }}", distribution(restart));
        }
        Ok(text)
    }

    /// Retries at the queue's head are the pool's own, with a delay that is a constant or grows by a factor.
    fn pool_retry(&self) -> Result<String, Failure> {
        let Some(retry) = self.get("retry").filter(|retry| at_head(retry)) else { return Ok(String::new()) };
        if number(retry.get("persistence")).is_some_and(|share| share < 1.0) {
            let hint = "leave it out, or write where = \"tail\"";
            return self.fail("retry.persistence", "retries at the head of the queue always persist", hint);
        }
        let on = outcomes(retry);
        if on.iter().any(|outcome| matches!(*outcome, "rejected" | "reneged")) {
            let what = "what was refused or left the queue cannot return to its head";
            return self.fail("retry.on", what, "write where = \"tail\"");
        }
        let on: Vec<String> = on.iter().map(|outcome| format!("{outcome:?}")).collect();
        let delay = self.head_delay(retry)?;
        Ok(format!(
            "retry = {{ max = {}, on = [{}], place = \"head\", {delay} }}\n",
            max_retries(retry),
            on.join(", ")
        ))
    }

    fn head_delay(&self, retry: &Value) -> Result<String, Failure> {
        let Some(delays) = retry.get("delays").and_then(Value::as_array) else {
            let what = "a delay before the head of the queue must be deterministic";
            let zero = || Ok(span(0.0));
            let delay =
                retry.get("delay").map_or_else(zero, |delay| self.fixed(delay, "retry.delay", what))?;
            return Ok(format!("delay = {delay}"));
        };
        let fixed: Option<Vec<f64>> = delays.iter().map(constant).collect();
        let needed = retry.get("max_retries").and_then(Value::as_integer);
        let Some((first, factor)) = fixed.and_then(|fixed| growth(&fixed, needed)) else {
            return self.fail(
                "retry.delays",
                "delays before the head of the queue must be deterministic, and equal or growing by one factor",
                "write such delays, or where = \"tail\"",
            );
        };
        Ok(format!("delay = {}, factor = {factor}", span(first)))
    }

    fn routing(&self) -> Result<String, Failure> {
        let Some(routing) = self.get("routing") else { return Ok(String::new()) };
        let pools = routing.get("pools").and_then(Value::as_integer).unwrap_or(1);
        let policy = match routing.get("policy").and_then(Value::as_str).unwrap_or_default() {
            "random" => self.random(routing, pools)?,
            "join_shortest" => String::from("\"least_loaded\""),
            "shortest_of_d" => format!("{{ policy = \"shortest_of\", d = {} }}", part(routing, "d")),
            _ => String::from("\"round_robin\""),
        };
        Ok(format!("instances = {pools}\nrouting = {policy}\n"))
    }

    /// Random routing; with equal probabilities where none are given.
    fn random(&self, routing: &Value, pools: i64) -> Result<String, Failure> {
        let given = numbers(routing.get("probabilities"));
        if given.is_empty() {
            return Ok(String::from("\"random\""));
        }
        if given.len() as i64 != pools {
            let what = format!("{} probabilities for {pools} pools", given.len());
            return self.fail("routing.probabilities", &what, "give one for each pool, or none");
        }
        Ok(format!("{{ policy = \"random\", probabilities = [{}] }}", plain(routing, "probabilities")))
    }

    fn breakdown(&self) -> String {
        let Some(breakdown) = self.get("breakdown") else { return String::new() };
        let (up, down) = (distribution(part(breakdown, "up")), distribution(part(breakdown, "down")));
        let idle = breakdown.get("while_idle").and_then(Value::as_bool).unwrap_or(true);
        let job = match breakdown.get("job").and_then(Value::as_str) {
            Some("restart_at_head") => "restart",
            Some("lost" | "crash") => "crash",
            _ => "resume",
        };
        format!("breakdown = {{ up = {up}, down = {down}, while_idle = {idle}, job = {job:?} }}\n")
    }

    /// A slot that is switched off when idle and must be set up for the next job.
    fn setup(&self) -> String {
        let Some(setup) = self.get("setup") else { return String::new() };
        let time = distribution(part(setup, "time"));
        format!("worker = {{ start_up = {time}, idle_shutdown = \"0s\", warm_start = false }}\n")
    }
}

fn name(class: &Value) -> &str {
    class.get("name").and_then(Value::as_str).unwrap_or("class")
}

fn users(arrival: &Value) -> (&'static str, String) {
    let first = match arrival.get("first").and_then(Value::as_str) {
        Some("job") => "request",
        _ => "think",
    };
    let (population, think) = (part(arrival, "population"), distribution(part(arrival, "think")));
    ("users", format!("{{ count = {population}, think = {think}, first = \"{first}\" }}"))
}

fn cancels(timeout: &Value) -> bool {
    timeout.get("cancels").and_then(Value::as_bool).unwrap_or(true)
}

/// Whether the retries are the pool's own: at the head of its queue.
fn at_head(retry: &Value) -> bool {
    retry.get("where").and_then(Value::as_str) == Some("head")
}

fn max_retries(retry: &Value) -> String {
    match retry.get("max_retries") {
        Some(Value::Integer(max)) => max.to_string(),
        _ => String::from("\"unlimited\""),
    }
}

fn client_retry(retry: &Value) -> String {
    let on: Vec<String> = outcomes(retry).iter().map(|outcome| format!("{outcome:?}")).collect();
    let persistence = number(retry.get("persistence")).unwrap_or(1.0);
    let delays = match retry.get("delays").and_then(Value::as_array) {
        Some(delays) => delays.iter().map(distribution).collect(),
        None => vec![retry.get("delay").map_or_else(|| span(0.0), distribution)],
    };
    format!(
        "retry = {{ max = {}, persistence = {persistence}, on = [{}], delays = [{}] }}",
        max_retries(retry),
        on.join(", "),
        delays.join(", ")
    )
}

/// The first delay and the factor by which it grows over as many retries as there may be; none if no factor fits.
fn growth(delays: &[f64], retries: Option<i64>) -> Option<(f64, f64)> {
    let first = *delays.first()?;
    if delays.iter().all(|delay| *delay == first) {
        return Some((first, 1.0));
    }
    // Further retries have the last delay, so a growing one must cover them all.
    let enough = retries.is_some_and(|retries| retries as usize <= delays.len());
    let factor = delays[1] / first;
    let fits = |pair: &[f64]| (pair[1] - pair[0] * factor).abs() <= SUM_SLACK * pair[1].abs();
    (enough && factor >= 1.0 && factor.is_finite() && delays.windows(2).all(fits)).then_some((first, factor))
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
