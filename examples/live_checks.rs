//! How often does a check cry wolf, and how often does it find what was planted? On real threads, or simulated.
//!
//! `cargo run --release --example live_checks -- [COMPARISONS] [BLOCKS] [FIRST] [ONLY] [simulated]` compares a pool with
//! itself and five planted regressions, so many times each (100), each time over so many blocks of an old and a new run (10),
//! and prints a JSON line for each with how often it was called worse. `ONLY` is a part of a plant's name, or `all`. A
//! block takes 3.3 s on real threads, which mostly sleep: parts can run side by side as long as a core is idle, such as
//! `for plant in nothing slower lost doubled LIFO tail; do cargo run --release --example live_checks -- 100 10 1000 $plant & done`
//! (an hour). Service times of 20 ms and more keep the timer's grain below the threshold; whatever else runs on the
//! machine is part of the trial. Simulated sides have seeds of their own, so that nothing is the same by itself.

#![allow(clippy::print_stdout, reason = "an example that prints its figures")]

use poolsim::experiment::check::live::{MakeTarget, alternate};
use poolsim::experiment::check::{Asked, Baseline, Checked, Verdict, judge, measure, simulate};
use poolsim::experiment::plan::{Plan, plan};
use poolsim::experiment::sweep::Unwatched;
use poolsim::live::own::OwnPools;
use poolsim::live::target::{Target, TargetError};
use poolsim::model::check::experiment::read;
use poolsim::model::{Document, Files, Override, Replications};

struct Nothing;

impl Files for Nothing {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("no {path}"))
    }
}

/// Eight slots, busy enough to queue; a crash now and then, which costs a restart and a retry at the head.
const MODEL: &str = r#"
name = "live"
run = { horizon = "1500ms", regime = "terminating", seed = 3 }
class.a = { demand = { dist = "uniform", low = "25ms", high = "55ms" }, cpu_share = 0, fates = { crash = 0.05 } }
source.web = { pool = "main", class = "a", arrivals = { process = "deterministic", rate = "205/s" } }
[pool.main]
slots = 8
retry = { max = 3, on = ["crash"], place = "head" }
worker = { crash_exit = "2ms", restart_delay = "40ms", start_up = "2ms" }
"#;

const PLANTED: [(&str, Option<(&str, &str)>); 6] = [
    ("nothing", None),
    (
        "10 % slower service",
        Some(("class.a.demand", "{ dist = \"uniform\", low = \"27.5ms\", high = \"60.5ms\" }")),
    ),
    ("one slot of eight lost", Some(("pool.main.slots", "7"))),
    ("restart delay doubled", Some(("pool.main.worker.restart_delay", "\"80ms\""))),
    ("queue turned LIFO", Some(("pool.main.discipline", "\"lifo\""))),
    ("retry at the tail", Some(("pool.main.retry.place", "\"tail\""))),
];

fn planned(set: Option<(&str, &str)>, seed: u64) -> Result<Plan, String> {
    let experiment = read("e.toml", "name = \"live\"\nmodel = \"m.toml\"\n").map_err(|e| e.render(false))?;
    let document = Document::parse("m.toml", MODEL).map_err(|e| e.render(false))?;
    let mut overrides = vec![Override::new("run.seed".to_owned(), seed.to_string())];
    overrides.extend(set.map(|(path, value)| Override::new(path.to_owned(), value.to_owned())));
    plan(experiment, &document, &Nothing, &overrides).map_err(|e| e.render(false))
}

fn compare(set: Option<(&str, &str)>, seed: u64, blocks: u64) -> Result<Checked, String> {
    let (old, new) = (planned(None, seed)?, planned(set, seed)?);
    let make = |plan: &Plan| {
        let model = plan.points[0].model.clone();
        move |run: u64| -> Result<Box<dyn Target>, TargetError> {
            Ok(Box::new(OwnPools::threads(&model, run)))
        }
    };
    let (make_old, make_new) = (make(&old), make(&new));
    let sides: [MakeTarget<'_>; 2] = [&make_old, &make_new];
    let both = alternate(
        (&old.points[0].model, sides[0]),
        (&new.points[0].model, sides[1]),
        0..blocks,
        1.0,
        &|| false,
    );
    let both = both.map_err(|error| error.to_string())?;
    let asked = Asked { live: true, grain: 2e-3, ..Asked::default() };
    let of = |plan: &Plan, runs, then: Option<&Baseline>| {
        measure(plan, &[runs], &asked, then, String::new()).map_err(|error| error.to_string())
    };
    let then = of(&old, both.old, None)?.baseline;
    let now = of(&new, both.new, Some(&then))?.baseline;
    Ok(judge(&then, &now, &asked, Vec::new()))
}

/// Old and new on virtual time, each under luck of its own.
fn compare_simulated(set: Option<(&str, &str)>, seed: u64, runs: u64) -> Result<Checked, String> {
    let (mut old, mut new) = (planned(None, 2 * seed)?, planned(set, 2 * seed + 1)?);
    let runs = u32::try_from(runs).map_err(|error| error.to_string())?;
    for side in [&mut old, &mut new] {
        side.replicate(Replications::Fixed(runs));
    }
    let asked = Asked::default();
    let of = |plan: &Plan, then: Option<&Baseline>| {
        let played = simulate(plan, &Unwatched).map_err(|error| error.to_string())?;
        measure(plan, &played, &asked, then, String::new()).map_err(|error| error.to_string())
    };
    let then = of(&old, None)?.baseline;
    let now = of(&new, Some(&then))?.baseline;
    Ok(judge(&then, &now, &asked, Vec::new()))
}

fn main() -> Result<(), String> {
    let number =
        |n: usize, usual: u64| std::env::args().nth(n).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (comparisons, blocks, first) = (number(1, 100), number(2, 10), number(3, 1000));
    let only = std::env::args().nth(4).filter(|only| only != "all").unwrap_or_default();
    let simulated = std::env::args().nth(5).is_some_and(|word| word == "simulated");
    let compare = if simulated { compare_simulated } else { compare };
    for (what, set) in PLANTED.into_iter().filter(|(what, _)| what.contains(&only)) {
        let (mut worse, mut open) = (0, 0);
        let mut figures: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
        for number in 0..comparisons {
            let checked = compare(set, first + number, blocks)?;
            worse += u64::from(checked.verdict == Verdict::Worse);
            open += u64::from(checked.verdict == Verdict::Undecided);
            for row in checked.rows.iter().filter(|row| row.verdict == Verdict::Worse) {
                *figures.entry(row.name.clone()).or_default() += 1;
            }
        }
        let by: Vec<String> = figures.iter().map(|(name, n)| format!("\"{name}\":{n}")).collect();
        println!(
            "{{\"world\":\"{}\",\"planted\":\"{what}\",\"comparisons\":{comparisons},\"blocks\":{blocks},\"worse\":{worse},\
             \"undecided\":{open},\"by\":{{{}}}}}",
            if simulated { "simulated" } else { "real" },
            by.join(",")
        );
    }
    Ok(())
}
