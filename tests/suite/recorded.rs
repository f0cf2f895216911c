//! The orchestrator's preset against recorded runs of the real scheduler (`tests/data/orchestrator`).

use poolsim::experiment::validate::recorded::{self, Comparison};
use poolsim::workload::recording::{self, RecordedConstants, RecordedExceptions, RecordedScenario};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/orchestrator")
}

fn constants() -> RecordedConstants {
    let bytes =
        std::fs::read(folder().join("constants.toml")).expect("the constants are part of the project");
    recording::read_constants(&bytes).expect("the constants are well formed")
}

fn scenarios() -> Vec<RecordedScenario> {
    let entries =
        std::fs::read_dir(folder().join("scenarios")).expect("the scenarios are part of the project");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        recording::read_scenario(|name| std::fs::read(path.join(name)).ok())
            .expect("the scenario is well formed")
    };
    paths.iter().map(read).collect()
}

fn exceptions() -> RecordedExceptions {
    let bytes =
        std::fs::read(folder().join("exceptions.toml")).expect("the exceptions are part of the project");
    recording::read_exceptions(&bytes).expect("the exceptions are well formed")
}

/// Figures that are off and not excepted.
fn faults(comparison: &Comparison) -> Vec<String> {
    let exceptions = exceptions();
    let excepted = |name: &str| exceptions.reason(&comparison.scenario, comparison.how, name).is_some();
    let fault = |figure: &&recorded::Figure| !figure.holds() && !excepted(&figure.name);
    let figures = comparison.figures.iter().filter(fault);
    figures.map(|figure| format!("{} ({}): {figure:?}", comparison.scenario, comparison.how)).collect()
}

#[test]
fn simulated_and_recorded_runs_agree() {
    let constants = constants();
    let scenarios = scenarios();
    assert_eq!(scenarios.len(), 12);
    let mut all = Vec::new();
    for scenario in &scenarios {
        for comparison in recorded::compare(scenario, &constants).unwrap_or_else(|error| panic!("{error}")) {
            all.extend(faults(&comparison));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn without_the_dying_window_the_innocent_failures_are_missed() {
    let constants = constants();
    let scenarios = scenarios();
    let scenario =
        scenarios.iter().find(|scenario| scenario.settings.name == "grid_p6_short").expect("it is there");
    let mut model =
        recorded::model_of(scenario, &constants, scenario.runs.first(), 1).expect("it has a model");
    let innocent = |model: &poolsim::model::Model| {
        let run = poolsim::engine::simulate(model, 0).expect("the run keeps its laws");
        run.segments
            .iter()
            .flat_map(|segment| &segment.classes)
            .map(|class| class.innocent_failures)
            .sum::<u64>()
    };
    assert!(innocent(&model) >= 15, "a time-out under load costs another task a try");
    model.pools[0].settings.worker.dying_window = false;
    assert_eq!(innocent(&model), 0);
}
