//! The text of the model file that says what an exact case says.

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
            let persistence = number(retry.get("persistence")).unwrap_or(1.0);
            let delays = match retry.get("delays").and_then(Value::as_array) {
                Some(delays) => {
                    delays.iter().map(distribution).collect::<Result<Vec<_>, _>>().map_err(Failure::Case)?
                }
                None => vec![distribution_at(retry, "delay").map_err(Failure::Case)?],
            };
            let on: Vec<String> = on.iter().map(|outcome| format!("{outcome:?}")).collect();
            parts.push(format!(
                "retry = {{ max = {max}, persistence = {persistence}, on = [{}], delays = [{}] }}",
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
        text += &self.pool_retry_text()?;
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

    fn pool_retry_text(&self) -> Result<String, Failure> {
        let Some(retry) = self.get("retry").filter(|_| self.pool_retries()) else { return Ok(String::new()) };
        let on: Vec<String> = outcomes(retry).iter().map(|outcome| format!("{outcome:?}")).collect();
        let Some(max) = retry.get("max_retries").and_then(Value::as_integer) else {
            return self.fail("retries at the queue head need a whole number of `max_retries`");
        };
        let delay = match retry.get("delay") {
            Some(delay) => distribution_value(Some(delay)).map_err(Failure::Case)?,
            None => span(0.0),
        };
        Ok(format!(
            "retry = {{ max = {max}, on = [{}], place = \"head\", delay = {delay} }}\n",
            on.join(", ")
        ))
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
