//! How many requests a second the engine simulates, with full statistics on, on one core.
//!
//! `cargo run --release --example throughput [-- --jobs N --seed S --only W1]` prints one JSON line per workload.
//! W1 is M/M/8; W2 adds two classes, a service time-out, a restart delay and a retry by the pool; W3 adds a waiting
//! limit and retries by clients; W4 is a pool like a real orchestrator's, with crashes and a dying window; W5 is a
//! fleet of 64 instances under virtual users. `mean_wait` is the mean time to the first hand-over of an attempt (s),
//! `p95_latency` that of requests that ended well (s), `timeouts` service time-outs, `retries` those of pools and
//! clients together. The peak of resident memory goes to standard error, where the system tells it: with
//! `-- --only W1` it is 12.5 MB for `--jobs 1000000` and 15.8 MB for `--jobs 100000000`, because timeline, batches and
//! histograms are bounded and filled more by a longer run.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its result")]

use poolsim::engine;
use poolsim::model::{self, Model, NoFiles, RunLength};
use poolsim::stats::{Replication, Sample};
use std::process::ExitCode;
use std::time::Instant;

const W1: &str = r#"
[class.all]
demand = { dist = "exponential", mean = "1s" }

[source.all]
pool = "main"
class = "all"
arrivals = { rate = "7.2/s" }

[pool.main]
slots = 8
"#;

/// What W2 and W3 share; the load is 0.85 of 12 slots at a mean demand of 1.4 s.
const MIXED: &str = r#"
[class.short]
demand = { dist = "lognormal", mean = "500ms", cv = 1.0 }
retry_demand = "redrawn"

[class.long]
demand = { dist = "lognormal", mean = "5s", cv = 1.5 }
retry_demand = "redrawn"

[pool.main]
slots = 12
service_timeout = "10s"
retry = { max = 1, on = ["timeout"], place = "head" }
worker = { restart_delay = "250ms" }
"#;

const W2_LOAD: &str = r#"
[source.all]
pool = "main"
mix = { short = 0.8, long = 0.2 }
arrivals = { rate = "7.285714285714286/s" }
"#;

/// Retry `k` follows after a uniform share of 2^k seconds.
const W3_LOAD: &str = r#"
waiting_limit = "15s"

[client.stubborn.retry]
max = 2
on = ["timeout", "reneged"]
backoff = "exponential"
base = "1s"
factor = 2.0
jitter = "full"

[source.all]
pool = "main"
client = "stubborn"
mix = { short = 0.8, long = 0.2 }
arrivals = { rate = "7.285714285714286/s" }
"#;

/// One attempt in twenty needs longer than the service time-out.
const W4: &str = r#"
[class.task]
demand = { dist = "lognormal", p50 = "8s", p95 = "30s" }
retry_demand = "redrawn"
fates = { crash = 0.01 }

[source.tasks]
pool = "main"
class = "task"
arrivals = { rate = "0.6/s" }

[pool.main]
preset = "orchestrator-bridge"
slots = 8
service_timeout = "30s"
retry = { max = 1, on = ["timeout", "crash"] }
"#;

const W5: &str = r#"
[class.call]
demand = { dist = "lognormal", mean = "1s", cv = 1.0 }

[client.thrifty]
attempt_deadline = "4s"
cancels = true
budget = { kind = "grpc", max_tokens = 100, ratio = 0.1 }

[client.thrifty.retry]
max = 2
on = ["timeout", "cancelled", "abandoned"]
base = "500ms"

[source.users]
pool = "fleet"
class = "call"
client = "thrifty"
users = { count = 10000, think = { dist = "exponential", mean = "45s" } }

[pool.fleet]
slots = 4
instances = 64
routing = { policy = "shortest_of", d = 2 }
"#;

/// What the command line asks for.
struct Asked {
    jobs: u64,
    seed: u64,
    only: Option<String>,
}

fn asked() -> Result<Asked, String> {
    let mut asked = Asked { jobs: 4_000_000, seed: 1, only: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{word} needs a whole number, not `{value}`"));
        match word.as_str() {
            "--jobs" => asked.jobs = number()?,
            "--seed" => asked.seed = number()?,
            "--only" => asked.only = Some(value),
            _ => return Err(format!("unknown option {word}: there are --jobs, --seed and --only")),
        }
    }
    Ok(asked)
}

fn main() -> ExitCode {
    match asked().and_then(|asked| measure(&asked)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("throughput: {message}");
            ExitCode::from(2)
        }
    }
}

fn measure(asked: &Asked) -> Result<(), String> {
    let workloads = [
        ("W1", String::from(W1)),
        ("W2", format!("{MIXED}{W2_LOAD}")),
        ("W3", format!("{MIXED}{W3_LOAD}")),
        ("W4", String::from(W4)),
        ("W5", String::from(W5)),
    ];
    for (name, text) in workloads {
        if asked.only.as_deref().is_none_or(|only| only == name) {
            let model = model_of(name, &text, asked)?;
            let prepared = engine::prepare(&model);
            let begin = Instant::now();
            let report = prepared.run(0).map_err(|breach| breach.to_string())?;
            println!("{}", line(name, asked.jobs, begin.elapsed().as_secs_f64(), &report));
        }
    }
    if let Some(peak) = peak_memory() {
        eprintln!("peak resident memory: {peak}");
    }
    Ok(())
}

fn model_of(name: &str, text: &str, asked: &Asked) -> Result<Model, String> {
    let whole = format!("name = \"{name}\"\n[run]\nregime = \"steady\"\nrequests = 1000\n{text}");
    let loaded = model::load(name, &whole, &NoFiles, &[]).map_err(|faults| faults.render(false))?;
    let mut model = loaded.model;
    model.run.length = RunLength::Requests(asked.jobs);
    model.run.seed = asked.seed;
    Ok(model)
}

fn line(workload: &str, jobs: u64, wall_s: f64, report: &Replication) -> String {
    let (mut wait, mut latency) = (Sample::default(), Sample::default());
    let (mut timeouts, mut retries) = (0, 0);
    for class in report.segments.iter().flat_map(|segment| &segment.classes) {
        wait.merge(&class.wait_served);
        latency.merge(&class.latency_ok);
        timeouts += class.attempts_timed_out;
        retries += class.pool_retries + class.client_retries;
    }
    let (mean_wait, p95_latency) = (wait.mean(), latency.quantile(0.95));
    serde_json::json!({
        "workload": workload, "jobs": jobs, "wall_s": wall_s, "jobs_per_s": jobs as f64 / wall_s,
        "mean_wait": mean_wait, "p95_latency": p95_latency, "timeouts": timeouts, "retries": retries,
    })
    .to_string()
}

/// `VmHWM` of this process, where the system has such a thing.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
