//! How fast grids are: the flagship's sweep, a large grid, and a search over 400 cells, as JSON lines.
//!
//! `cargo run --release --example grid` prints one line each: points, replications, requests, wall seconds, requests
//! per second. `--peer REQUESTS_PER_SECOND` adds the ratio to another simulator's figure on the same large grid (see
//! `examples/peers/simpy_grid.py`); `--small` runs a hundredth of the large grid,
//! `--sentences` prints what the search found. How well two cores are used, whatever else the machine does: user and system
//! seconds of `RAYON_NUM_THREADS=1` over those of `RAYON_NUM_THREADS=2`, times the share of the work that is parallel;
//! on an idle machine simply the ratio of their wall seconds over two.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "an example that measures and prints")]

use poolsim::experiment::Judgement;
use poolsim::experiment::plan::{self, Plan, Planned};
use poolsim::experiment::run::Silent;
use poolsim::experiment::size::{self, Made, Question, Rule};
use poolsim::experiment::sweep::{self, Unwatched};
use poolsim::model::check::experiment;
use poolsim::model::{Document, Model, NoFiles, Override};
use std::path::Path;
use std::time::Instant;

/// Twenty sizes by twenty loads of a pool with mixed jobs: up to nine tenths of its capacity each.
fn large(requests: u64) -> (String, String) {
    let model = format!(
        "name = \"large\"\n[run]\nrequests = {requests}\n\
         [class.short]\ndemand = {{ dist = \"lognormal\", mean = \"500ms\", cv = 1.0 }}\n\
         [class.long]\ndemand = {{ dist = \"lognormal\", mean = \"5s\", cv = 1.5 }}\n\
         [source.s]\npool = \"main\"\nmix = {{ short = 0.8, long = 0.2 }}\narrivals = {{ rate = \"5/s\" }}\n\
         [pool.main]\nslots = 12\nservice_timeout = \"30s\"\n"
    );
    let experiment = "model = \"large.toml\"\nreplications = 1\n\
        [[axis]]\npath = \"pool.main.slots\"\nfrom = 13\nto = 32\n\
        [[axis]]\npath = \"source.s.arrivals.rate\"\nfrom = \"2/s\"\nto = \"8/s\"\npoints = 20\n\
        [outputs]\ntimelines = \"none\"\ncurves = \"none\"\n";
    (String::from(experiment), model)
}

fn planned(experiment: &str, model: &str) -> Result<Plan, String> {
    let rendered = |faults: poolsim::model::Diagnostics| faults.render(false);
    let document = Document::parse("model.toml", model).map_err(rendered)?;
    plan::plan(experiment::read("grid.toml", experiment).map_err(rendered)?, &document, &NoFiles, &[])
        .map_err(rendered)
}

fn sweep(name: &str, plan: &Plan, peer: Option<f64>) -> Result<String, String> {
    let indices: Vec<usize> = (0..plan.points.len()).collect();
    let begin = Instant::now();
    let finished = sweep::run(plan, &indices, &Unwatched).map_err(|error| error.to_string())?;
    let wall = begin.elapsed().as_secs_f64();
    let requests: u64 = finished.iter().map(|one| one.point.requests).sum();
    let replications: u64 = finished.iter().map(|one| one.point.replications).sum();
    let rate = requests as f64 / wall;
    let ratio = peer.map_or_else(String::new, |peer| format!(", \"times_peer\": {:.1}", rate / peer));
    Ok(format!(
        "{{\"grid\": \"{name}\", \"points\": {}, \"replications\": {replications}, \"requests\": {requests}, \
         \"wall_s\": {wall:.3}, \"requests_per_s\": {rate:.0}{ratio}}}",
        finished.len()
    ))
}

/// Twenty time-outs by twenty sizes of the flagship, with at most so many replications of a cell.
fn search(model: &str, most: u32) -> Result<String, String> {
    let experiment = "model = \"m\"\nset = { \"host.machine.cores\" = 16 }\n[[axis]]\n\
        path = \"pool.generation.service_timeout\"\nfrom = \"60s\"\nto = \"155s\"\nstep = \"5s\"\n";
    let plan = planned(experiment, model)?;
    let mut models: Vec<Vec<Model>> = Vec::new();
    for point in &plan.points {
        let at = |size: u32| {
            let slots = Override::new("pool.generation.slots", size.to_string());
            plan.model_with(point.index, &NoFiles, &slots).map_err(|faults| faults.render(false))
        };
        models.push((1..=20).map(at).collect::<Result<_, _>>()?);
    }
    let model_at = |planned: &Planned, size: u32| models[planned.index][size as usize - 1].clone();
    let question = Question {
        rows: &plan.points,
        model_at: &model_at,
        capacity: "pool.generation.slots",
        range: (1, 20),
        rule: Rule { confidence: 0.95, indifference: 0.1, first: 5, most },
        loads: false,
        probe: false,
    };
    let begin = Instant::now();
    let rows = size::frontier(&question, &Made::default(), &Silent).map_err(|error| error.to_string())?;
    let cells: usize = rows.iter().map(|row| row.candidates.len()).sum();
    let replications: u64 = rows.iter().flat_map(|row| &row.candidates).map(|one| one.replications).sum();
    if std::env::args().any(|arg| arg == "--sentences") {
        rows.iter().for_each(|row| println!("{}: {}", row.label, row.sentence));
    }
    let proved = rows.iter().filter(|row| row.judgement == Judgement::Met).count();
    let wall = begin.elapsed().as_secs_f64();
    Ok(format!(
        "{{\"search\": \"flagship\", \"cells\": 400, \"most_replications\": {most}, \"cells_simulated\": {cells}, \
         \"replications\": {replications}, \"rows\": {}, \"proved\": {proved}, \"wall_s\": {wall:.3}}}",
        rows.len()
    ))
}

fn main() -> Result<(), String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let peer = args.iter().position(|arg| arg == "--peer").and_then(|at| args.get(at + 1)?.parse().ok());
    let requests = if args.iter().any(|arg| arg == "--small") { 10_000 } else { 1_000_000 };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |path: &str| std::fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"));
    let flagship = read("models/orchestrator.toml")?;
    println!("{}", sweep("flagship", &planned(&read("experiments/orchestrator.toml")?, &flagship)?, None)?);
    // Few replications find the sizes; to prove that one slot less does not do takes more of the cells in question.
    for most in [40, 320] {
        println!("{}", search(&flagship, most)?);
    }
    let (experiment, model) = large(requests);
    println!("{}", sweep("large", &planned(&experiment, &model)?, peer)?);
    Ok(())
}
