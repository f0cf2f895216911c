//! The catalogue of metrics against what runs make: what an objective may ask for exists, and in the unit it says.

use poolsim::experiment::Record;
use poolsim::experiment::run::{self as runs, Given, Silent};
use poolsim::model::metrics::{self, MetricInfo, Of};
use poolsim::model::{self, NoFiles};

/// Two classes, two pools, a host, retries: every figure has something to count.
const MODEL: &str = r#"
name = "all"
run = { horizon = "4000s", regime = "terminating", replications = 2 }
phase = [{ name = "first", start = "0s", end = "2000s" }, { name = "second", start = "2000s", end = "4000s" }]
class.short = { demand = { dist = "exponential", mean = "50ms" }, cpu_share = 0.5, fates = { error = 0.01 } }
class.long = { demand = { dist = "exponential", mean = "200ms" } }
client.keen = { attempt_deadline = "2s", cancels = true, retry = { max = 2, base = "10ms" } }
source.one = { pool = "main", client = "keen", mix = { short = 0.8, long = 0.2 }, arrivals = { rate = "35/s" } }
source.two = { pool = "side", class = "short", arrivals = { rate = "5/s" } }
host.box = { cores = 4 }
pool.main = { slots = 4, host = "box", service_timeout = "1s", queue_capacity = 200, retry = { max = 1, on = ["timeout"] } }
pool.side = { slots = 1, worker = { idle_shutdown = "100ms", start_up = "10ms" } }
"#;

fn run(objectives: &str) -> Record {
    let loaded = model::load("all.toml", &format!("{MODEL}{objectives}"), &NoFiles, &[]);
    let loaded = loaded.unwrap_or_else(|faults| panic!("{}", faults.render(false)));
    runs::run(&loaded.model, Given::default(), &Silent).unwrap()
}

fn bound(metric: &MetricInfo) -> &'static str {
    match metric.unit {
        metrics::Unit::Seconds => "\"1s\"",
        metrics::Unit::PerSecond => "\"1/s\"",
        metrics::Unit::Ratio => "\"50%\"",
        metrics::Unit::Count | metrics::Unit::Number | metrics::Unit::SecondsSquared => "1",
    }
}

/// The scopes that a metric can be asked of.
fn scopes(metric: &MetricInfo) -> Vec<&'static str> {
    match metric.of {
        Of::System | Of::Host => vec!["", "phase = \"first\"\n"],
        Of::Requests => vec!["", "class = \"short\"\n", "class = \"short\"\nphase = \"second\"\n"],
        Of::Jobs => {
            vec!["", "class = \"short\"\n", "pool = \"main\"\n", "phase = \"first\"\npool = \"main\"\n"]
        }
        Of::OnePool => vec!["pool = \"main\"\n", "phase = \"first\"\npool = \"main\"\n"],
        Of::Pool => vec!["", "pool = \"main\"\n", "phase = \"first\"\npool = \"main\"\n"],
    }
}

#[test]
fn whatever_an_objective_may_ask_for_is_estimated() {
    let objective = |metric: &MetricInfo, scope: &str| {
        format!("[[objective]]\nmetric = \"{}\"\nat_most = {}\n{scope}", metric.name, bound(metric))
    };
    let asked: String = metrics::all()
        .iter()
        .flat_map(|metric| scopes(metric).into_iter().map(move |scope| objective(metric, scope)))
        .collect();
    let record = run(&asked);
    let verdicts = &record.points[0].verdicts;
    assert!(verdicts.len() > metrics::all().len());
    // The hundred thousandth part of few requests is not stated.
    let silent = |metric: &str| metric.ends_with("p9999") || metric.ends_with("p999");
    let missing: Vec<String> = verdicts
        .iter()
        .filter(|verdict| verdict.estimate.is_none() && !silent(&verdict.metric))
        .map(|verdict| format!("{} {:?}: {}", verdict.metric, verdict.scope, verdict.reason))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn whatever_is_estimated_may_be_asked_for_in_its_unit() {
    let record = run("");
    assert!(record.points[0].metrics.len() > 300);
    for metric in &record.points[0].metrics {
        let known = metrics::find(&metric.name).unwrap_or_else(|| panic!("{} is not listed", metric.name));
        assert_eq!(format!("{:?}", known.unit), format!("{:?}", metric.unit), "{}", metric.name);
    }
}
