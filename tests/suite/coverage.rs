//! Intervals keep their promise: over 400 independent runs, the 95 % interval holds the exact value in 92 to 98 % of
//! them (with 400 runs, a true coverage of 95 % gives a share outside of that about once in 200 tries).

use poolsim::engine;
use poolsim::experiment::estimate::{EstimateSettings, metrics};
use poolsim::model::{self, Model, NoFiles};
use poolsim::stats::{Estimate, theory};

const RUNS: u64 = 400;

fn load(text: &str) -> Model {
    match model::load("coverage.toml", text, &NoFiles, &[]) {
        Ok(loaded) => loaded.model,
        Err(faults) => panic!("{}", faults.render(false)),
    }
}

/// M/M/c as a planner writes it: service 1 s, load `rho`.
fn mmc(servers: u32, rho: f64, requests: u64) -> Model {
    let rate = rho * f64::from(servers);
    load(&format!(
        r#"
        [run]
        requests = {requests}
        replications = 20
        [class.job]
        demand = {{ dist = "exponential", mean = "1s" }}
        [source.all]
        pool = "pool"
        class = "job"
        arrivals = {{ rate = "{rate}/s" }}
        [pool.pool]
        slots = {servers}
        "#
    ))
}

/// The estimates of some metrics in each of the runs: seed after seed.
fn estimates(model: &Model, names: &[&str]) -> Vec<Vec<Estimate>> {
    let mut model = model.clone();
    let mut settings = EstimateSettings::new(0.95);
    (settings.timelines, settings.curves) = (false, false);
    let mut all = vec![Vec::new(); names.len()];
    for seed in 0..RUNS {
        model.run.seed = 1_000 + seed;
        let prepared = engine::prepare(&model);
        let replications: Vec<_> =
            (0..20).map(|index| prepared.run(index).expect("the run keeps its laws")).collect();
        let found = metrics(&model, &replications, &settings).metrics;
        for (estimates, name) in all.iter_mut().zip(names) {
            let metric = found.iter().find(|metric| metric.name == *name && metric.scope.phase.is_none());
            estimates.push(metric.unwrap_or_else(|| panic!("no metric {name}")).estimate);
        }
    }
    all
}

fn assert_covered(name: &str, exact: f64, estimates: &[Estimate]) {
    let held = estimates.iter().filter(|estimate| estimate.low <= exact && exact <= estimate.high).count();
    let share = held as f64 / estimates.len() as f64;
    assert!(
        (0.92..=0.98).contains(&share),
        "{name}: {exact} is held by {:.2} % of the intervals",
        share * 100.0
    );
}

#[test]
fn mm1_intervals_cover() {
    let model = mmc(1, 0.8, 20_000);
    let found = estimates(&model, &["mean_wait", "latency_p95", "mean_queue_length"]);
    assert_covered("mean_wait", 4.0, &found[0]);
    assert_covered("latency_p95", theory::mm1_sojourn_quantile(0.8, 1.0, 0.95), &found[1]);
    assert_covered("mean_queue_length", 3.2, &found[2]);
}

#[test]
fn mm8_intervals_cover() {
    let model = mmc(8, 0.9, 40_000);
    let found = estimates(&model, &["mean_wait", "latency_p95", "utilization"]);
    assert_covered("mean_wait", theory::mmc_mean_wait(8, 7.2, 1.0), &found[0]);
    assert_covered("latency_p95", theory::mmc_sojourn_quantile(8, 7.2, 1.0, 0.95), &found[1]);
    assert_covered("utilization", 0.9, &found[2]);
}

#[test]
fn mixed_short_and_long_jobs_cover() {
    // Two hyperexponential branches in one class on four slots: case mixed-4-80 of the exact cases, as two classes.
    let model = load(
        r#"
        [run]
        requests = 20_000
        replications = 20
        [class.short]
        demand = { dist = "exponential", mean = "40ms" }
        [class.long]
        demand = { dist = "exponential", mean = "280ms" }
        [source.all]
        pool = "pool"
        mix = { short = 0.75, long = 0.25 }
        arrivals = { rate = "32/s" }
        [pool.pool]
        slots = 4
        "#,
    );
    let found = estimates(&model, &["mean_wait", "mean_latency", "latency_p95"]);
    assert_covered("mean_wait", 0.1483298535827, &found[0]);
    assert_covered("mean_latency", 0.2483298535827, &found[1]);
    // No formula gives this quantile. All runs together know it twenty times as well as one of them.
    let all = found[2].iter().map(|estimate| estimate.value).sum::<f64>() / RUNS as f64;
    assert_covered("latency_p95", all, &found[2]);
}

/// Erlang's B: the share of requests that find all servers busy.
fn erlang_b(servers: u32, offered: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, k| offered * blocked / (f64::from(k) + offered * blocked))
}

#[test]
fn bounds_of_rare_events_cover() {
    // Lost requests come in bursts, and there are about five in a run: Wilson's interval, thinned by the bursts.
    let text = "[run]\nrequests = 1000\nreplications = 20\n[class.job]\ndemand = { dist = \"exponential\", mean = \"1s\" }\n\
        [source.all]\npool = \"pool\"\nclass = \"job\"\narrivals = { rate = \"2/s\" }\n\
        [pool.pool]\nslots = 9\nqueue_capacity = 0\n";
    let exact = erlang_b(9, 2.0);
    assert!((1e-4..5e-4).contains(&exact), "{exact}");
    let found = estimates(&load(text), &["prob_block"]);
    let events: f64 = found[0].iter().map(|one| one.value * one.n as f64).sum::<f64>() / RUNS as f64;
    assert!(events < 10.0, "{events} events in a run are not rare");
    let held = found[0].iter().filter(|one| one.low <= exact && exact <= one.high).count() as f64;
    // Whole numbers of events make the coverage uneven, so only too little of it is a fault.
    assert!(
        held / RUNS as f64 >= 0.92,
        "{exact} is held by {:.2} % of the intervals",
        100.0 * held / RUNS as f64
    );
    let blind = found[0].iter().filter(|one| one.high < exact).count() as f64;
    assert!(blind / RUNS as f64 <= 0.03, "{blind} runs promise fewer events than there are");
}
