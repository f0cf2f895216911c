//! `poolsim compare`: recordings of the real scheduler against their simulation, the dying window found without being
//! told, and records against each other.

use poolsim::experiment::agreement::recording::{self, Believed, Made};
use poolsim::experiment::agreement::{Agreement, Terms, explain};
use poolsim::experiment::validate::recorded::PRESET;
use poolsim::model::Override;
use poolsim::report;
use poolsim::stats::Equivalence;
use poolsim::workload::recording::{self as recordings, RecordedConstants, RecordedScenario};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/orchestrator")
}

fn constants() -> RecordedConstants {
    recordings::read_constants(&std::fs::read(folder().join("constants.toml")).unwrap()).unwrap()
}

fn scenario(name: &str) -> RecordedScenario {
    let place = folder().join("scenarios").join(name);
    recordings::read_scenario(|file| std::fs::read(place.join(file)).ok()).unwrap()
}

fn compared(name: &str, preset: &str) -> Vec<Agreement> {
    let (scenario, constants) = (scenario(name), constants());
    let believed = Believed { scenario: &scenario, constants: &constants, preset, overrides: &[] };
    recording::compare(&believed, &Terms::default(), 20).unwrap().agreements
}

/// Everything that was recorded.
const RECORDED: [&str; 12] = [
    "closed_12vu_p6",
    "crash5_p4",
    "error10_p4",
    "freeze_p4",
    "grid_p2_short",
    "grid_p4_long",
    "grid_p6_short",
    "grid_p8_long",
    "hang2_p6",
    "review_p2_t120",
    "slowstart_p4",
    "spike_p6",
];

#[test]
fn every_recording_is_judged_equivalent_under_what_was_measured() {
    for name in RECORDED {
        let agreements = compared(name, PRESET);
        let [same_input, predicted] = agreements.as_slice() else { panic!("{name}: {agreements:#?}") };
        let open: Vec<_> =
            same_input.figures.iter().filter(|one| one.verdict != Equivalence::Equivalent).collect();
        assert_eq!(same_input.verdict, Equivalence::Equivalent, "{name}: {open:#?}");
        // Two runs cannot tell every quantile of every class; whatever is about all requests they can.
        let whole = open.iter().filter(|one| one.scope.class.is_none()).count();
        assert!(whole == 0 && open.len() <= 4, "{name}: {open:#?}");
        assert_eq!(predicted.count(Equivalence::Different), 0, "{name}: {predicted:#?}");
        let requests = same_input.requests.as_ref().unwrap();
        assert_eq!((requests.same_outcome.value, requests.alone), (1.0, 0), "{name}: {requests:?}");
        assert_eq!(requests.same_hand_overs.unwrap().value, 1.0, "{name}: {requests:?}");
        assert!(requests.distance_p50 < 0.001, "{name}: {}", requests.distance_p50);
    }
}

#[test]
fn what_leaves_nothing_to_chance_is_predicted_request_by_request() {
    for name in ["grid_p4_long", "grid_p8_long", "spike_p6", "error10_p4", "slowstart_p4", "freeze_p4"] {
        let agreements = compared(name, PRESET);
        assert_eq!(agreements[1].verdict, Equivalence::Equivalent, "{name}: {:#?}", agreements[1]);
        let requests = agreements[1].requests.as_ref().unwrap();
        assert_eq!((requests.same_outcome.value, requests.alone), (1.0, 0), "{name}");
        assert!(requests.distance_p50 < 0.008, "{name}: {}", requests.distance_p50);
    }
}

#[test]
fn where_chance_decides_few_runs_leave_the_prediction_open() {
    for name in ["grid_p2_short", "grid_p6_short", "hang2_p6", "closed_12vu_p6"] {
        let agreements = compared(name, PRESET);
        assert!(agreements[1].requests.is_none(), "{name}: other chance, other requests");
        assert!(agreements[1].count(Equivalence::Undecided) > 0, "{name}: few runs cannot tell everything");
    }
}

#[test]
fn measured_input_hides_no_wrong_belief_of_what_the_scheduler_does() {
    let wrong = [
        ("grid_p6_short", "pool.workers.worker.restart_delay", "600ms"),
        ("grid_p6_short", "pool.workers.retry.place", "tail"),
        ("spike_p6", "pool.workers.discipline", "lifo"),
        ("spike_p6", "pool.workers.slots", "7"),
        ("crash5_p4", "pool.workers.retry.max", "0"),
        ("closed_12vu_p6", "pool.workers.slots", "5"),
    ];
    let constants = constants();
    for (name, path, value) in wrong {
        let (scenario, overrides) = (scenario(name), [Override { path: path.into(), value: value.into() }]);
        let believed =
            Believed { scenario: &scenario, constants: &constants, preset: PRESET, overrides: &overrides };
        let compared = recording::compare(&believed, &Terms::default(), 4).unwrap();
        let same_input = &compared.agreements[0];
        assert_eq!(same_input.verdict, Equivalence::Different, "{name}, {path} = {value}: {same_input:#?}");
    }
}

#[test]
fn a_recording_without_dispatches_and_processes_is_simulated_as_planned() {
    let (mut scenario, constants) = (scenario("slowstart_p4"), constants());
    for run in &mut scenario.runs {
        run.attempts.clear();
        run.processes.clear();
    }
    let believed = Believed { scenario: &scenario, constants: &constants, preset: PRESET, overrides: &[] };
    let compared = recording::compare(&believed, &Terms::default(), 4).unwrap();
    let requests = compared.agreements[0].requests.as_ref().unwrap();
    assert_eq!((requests.same_outcome.value, requests.alone), (1.0, 0));
    assert!(requests.distance_p50 < 0.008, "{requests:?}");
}

#[test]
fn without_the_dying_window_recordings_under_time_outs_are_different() {
    for name in ["grid_p2_short", "grid_p6_short"] {
        let agreements = compared(name, "orchestrator-bridge-fixed");
        assert!(agreements.iter().all(|one| one.verdict == Equivalence::Different), "{name}");
        let retries = agreements[0].figures.iter().find(|one| one.metric == "prob_retried").unwrap();
        assert_eq!(retries.verdict, Equivalence::Different, "{name}: {retries:?}");
    }
}

fn explained(name: &str, preset: &str) -> explain::Explained {
    let (scenario, constants) = (scenario(name), constants());
    let believed = Believed { scenario: &scenario, constants: &constants, preset, overrides: &[] };
    explain::explain(&believed, &Terms::default(), 40).unwrap()
}

#[test]
fn the_dying_window_is_found_without_being_told() {
    for name in ["grid_p2_short", "grid_p6_short", "hang2_p6"] {
        let found = explained(name, "orchestrator-bridge-fixed");
        let best = &found.closings[0];
        assert_eq!((best.semantic.as_str(), best.change.as_str()), ("dying window", "switched on"), "{name}");
        assert!(best.sure && best.share > 0.4, "{name}: {best:?}");
        let second = &found.closings[1];
        assert!(best.closes.value > 1.3 * second.closes.value, "{name}: {best:?}, {second:?}");
    }
}

#[test]
fn a_faithful_model_is_not_explained_away() {
    let found = explained("grid_p6_short", PRESET);
    let window = found.closings.iter().find(|one| one.semantic == "dying window").unwrap();
    assert_eq!(window.change, "switched off");
    assert!(window.closes.high < 0.0, "{window:?}");
    // What is left is noise, less than one margin on average, and no change closes it.
    assert!(found.gap.value < 0.5, "{:?}", found.gap);
    assert!(found.closings.iter().all(|one| one.closes.low < 0.15), "{:?}", found.closings);
}

fn poolsim(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_poolsim")).args(args).current_dir(folder).output().unwrap()
}

#[test]
fn a_recording_is_judged_with_its_constants_wherever_one_stands() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/orchestrator/scenarios");
    for (place, name) in [(scenarios.as_path(), "crash5_p4"), (&scenarios.join("crash5_p4"), ".")] {
        let done = poolsim(place, &["compare", name, "--output", "none"]);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!said.contains("no constants.toml"), "{said}");
        // All requests together are equivalent; classes have too few to tell, and that is said.
        let text = String::from_utf8_lossy(&done.stdout);
        assert_eq!(done.status.code(), Some(0), "{text}");
        assert!(text.contains("equivalent for all requests together; 23 of 27"), "{text}");
        assert!(text.contains("4 of single classes or phases undecided, which is no agreement"), "{text}");
    }
}

#[test]
fn a_prediction_that_few_runs_cannot_decide_stands_beside_the_verdict() {
    let scenarios = folder().join("scenarios");
    let ask = |args: &[&str]| {
        let done = poolsim(&scenarios, &[&["compare"], args, &["--output", "none"]].concat());
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    let (code, text) = ask(&["grid_p2_short"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("grid_p2_short: recorded and simulated: equivalent under the same input ("),
        "{text}"
    );
    assert!(text.contains("; as predicted from the model: undecided, which is no agreement\n"), "{text}");
    assert!(
        text.contains("As predicted from the model (an error of its load as well): undecided;"),
        "{text}"
    );
    let (_, json) = ask(&["grid_p2_short", "--format", "json"]);
    let record: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(record["verdict"], "equivalent");
    assert_eq!(record["agreements"][1]["verdict"], "undecided");
    // The folder of scenarios does as well as the one above; each of its scenarios is judged as it is alone.
    let (code, text) = ask(&[".", "--only", "grid_p"]);
    assert_eq!(code, Some(0), "{text}");
    let told = "under the same input: 4 of 4 equivalent, 0 different, 0 undecided; \
                as predicted from the model: 2 of 4 equivalent, 0 different, 2 undecided, which is no agreement";
    assert!(text.contains(told), "{text}");
    let row = "grid_p6_short equivalent equivalent undecided";
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.lines().any(|line| words(line) == row), "{text}");
    let (_, above) = ask(&["..", "--only", "grid_p"]);
    let figures = |text: &str| text.split("repeat:").next().unwrap().to_owned();
    assert_eq!(figures(&above), figures(&text));
}

#[test]
fn a_prediction_that_is_wrong_makes_the_whole_different() {
    let (scenario, constants) = (scenario("grid_p2_short"), constants());
    let believed = Believed { scenario: &scenario, constants: &constants, preset: PRESET, overrides: &[] };
    let terms = Terms::default();
    let mut compared = recording::compare(&believed, &terms, 4).unwrap();
    compared.agreements[1].verdict = Equivalence::Different;
    let made = Made { name: String::from("grid_p2_short"), parts: believed.parts(), ..Made::default() };
    let record = recording::record(compared, &terms, made);
    assert_eq!(record.study.verdict, Some(Equivalence::Different));
    let text = report::text::page(&record, report::text::Look::PLAIN);
    let head = text.lines().next().unwrap();
    assert!(head.contains("different as predicted from the model ("), "{head}");
    assert!(head.contains("; under the same input: equivalent ("), "{head}");
}

#[test]
fn a_folder_without_anything_to_compare_is_told_what_was_looked_for() {
    let place = std::env::temp_dir().join(format!("poolsim-nothing-{}", std::process::id()));
    std::fs::create_dir_all(place.join("within")).unwrap();
    let refused = |words: &[&str]| {
        let done = poolsim(&place, &["compare", "."]);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{said}");
        words.iter().for_each(|word| assert!(said.contains(word), "{word}: {said}"));
    };
    refused(&["nothing to compare", "record.json", "settings.toml", "scenarios/"]);
    std::fs::create_dir_all(place.join("scenarios/within")).unwrap();
    refused(&["no such scenario", "settings.toml"]);
    // Beside a scenario a folder that is none is left out, and that is said.
    let one = place.join("scenarios/spike_p6");
    std::fs::create_dir_all(&one).unwrap();
    for entry in std::fs::read_dir(folder().join("scenarios/spike_p6")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), one.join(entry.file_name())).unwrap();
    }
    let done = poolsim(&place, &["compare", ".", "--output", "none"]);
    let (said, text) = (String::from_utf8_lossy(&done.stderr), String::from_utf8_lossy(&done.stdout));
    assert!(said.contains("within: no settings.toml, so no recorded scenario; left out"), "{said}");
    assert!(text.starts_with("spike_p6: recorded and simulated: "), "{text}");
    // One that is damaged keeps none of the others from being compared, and is no success.
    let damaged = place.join("scenarios/damaged");
    std::fs::create_dir_all(&damaged).unwrap();
    std::fs::copy(one.join("settings.toml"), damaged.join("settings.toml")).unwrap();
    let done = poolsim(&place, &["compare", ".", "--output", "none"]);
    let (said, text) = (String::from_utf8_lossy(&done.stderr), String::from_utf8_lossy(&done.stdout));
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("1 of 2 scenarios could not be compared:\n  "), "{said}");
    assert!(said.contains("damaged: workload.csv"), "{said}");
    assert!(text.starts_with("spike_p6: recorded and simulated: "), "{text}");
    std::fs::remove_dir_all(&one).unwrap();
    refused(&["damaged: workload.csv", "is it a whole recording?"]);
    std::fs::remove_dir_all(&place).unwrap();
}

#[test]
fn two_records_are_compared_by_input_and_output() {
    let place = std::env::temp_dir().join(format!("poolsim-compare-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let model = "name = \"pool\"\nrun = { horizon = \"20m\", replications = 8 }\n\
                 class.short = { demand = { dist = \"exponential\", mean = \"2s\" } }\n\
                 pool.main = { slots = SLOTS }\n\
                 source.web = { pool = \"main\", class = \"short\", arrivals = { rate = \"1.2/s\" } }\n";
    for (name, slots) in [("a", "4"), ("b", "5")] {
        std::fs::write(place.join(format!("{name}.toml")), model.replace("SLOTS", slots)).unwrap();
        let run = poolsim(&place, &["run", &format!("{name}.toml"), "-q", "--no-report", "--output", name]);
        assert!(run.status.success(), "{run:?}");
    }
    let ask = |args: &[&str]| {
        let done = poolsim(&place, &[&["compare"], args, &["--output", "none"]].concat());
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        (done.status.code(), text, String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, text, _) = ask(&["a", "b"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("pool.main.slots  4  5") && text.contains("mean_wait"), "{text}");
    // What a flag changes is told once.
    let other = poolsim(&place, &["run", "a.toml", "--seed", "4", "-q", "--no-report", "--output", "c"]);
    assert!(other.status.success(), "{other:?}");
    let (_, changed, _) = ask(&["a", "c"]);
    assert_eq!(changed.matches("seed  ").count(), 1, "{changed}");
    assert!(!changed.contains("run.seed"), "{changed}");
    let (code, text, _) = ask(&["a", "b", "--margin", "5%", "--format", "markdown"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("| pool.main.slots | 4 | 5 |"), "{text}");
    let (code, text, _) = ask(&["a", "a", "--margin", "5%"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("the same results to the last bit"), "{text}");
    // The models themselves do as well as their records.
    let same = |text: String| text.replace("b.toml", "b");
    let [record, model] = ["b", "b.toml"].map(|second| ask(&["a.toml", second, "--format", "json"]).1);
    assert_eq!(same(record), same(model));
    for (args, words) in [
        (&["a", "nowhere"][..], "there is no such file"),
        (&["a"][..], "nothing to be compared with"),
        (&["a", "b.toml", "--explain"][..], "about recordings"),
        (&["a", "b", "--margin", "7"][..], "not a share"),
    ] {
        let (code, _, said) = ask(args);
        assert_eq!(code, Some(2), "{args:?}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    // Replications under one seed are pairs: the same records with one seed hidden say less of the difference.
    let half_width = |second: &str| {
        let (_, text, _) = ask(&["a", second, "--format", "json"]);
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        let agreed = &record["agreements"][0];
        let figure = |one: &&serde_json::Value| one["metric"] == "mean_latency" && one.get("class").is_none();
        let found = agreed["figures"].as_array().unwrap().iter().find(figure).unwrap()["difference"].clone();
        let half = found["high"].as_f64().unwrap() - found["low"].as_f64().unwrap();
        (agreed["how"].as_str().unwrap().to_owned(), half)
    };
    let hidden = std::fs::read_to_string(place.join("b/record.json")).unwrap();
    std::fs::write(place.join("hidden.json"), hidden.replacen("\"seed\": 1,", "\"seed\": 99,", 1)).unwrap();
    let ((how, pairs), (other, alone)) = (half_width("b"), half_width("hidden.json"));
    assert_eq!((how.as_str(), other.as_str()), ("records under one seed", "records"));
    assert!(pairs < 0.8 * alone, "{pairs} {alone}");
    // A model against itself with a value changed, and an experiment point by point.
    let (code, text, _) = ask(&["a.toml", "--with", "pool.main.slots=5"]);
    assert!(code == Some(0) && text.contains("pool.main.slots  4 "), "{text}");
    let grid = "name = \"grid\"\nmodel = \"a.toml\"\nreplications = 4\n\n[[axis]]\npath = \"pool.main.slots\"\nvalues = [4, 5]\n";
    std::fs::write(place.join("grid.toml"), grid).unwrap();
    let (code, text, said) = ask(&["grid.toml", "--with", "class.short.demand.mean=2.2s"]);
    assert!(code == Some(0) && text.contains("class.short.demand.mean"), "{text} {said}");
    let (code, _, said) = ask(&["a", "--with", "pool.main.slots=5"]);
    assert!(code == Some(2) && said.contains("changes values of a model"), "{said}");
    std::fs::write(place.join("other.json"), "{\"schema\": \"poolsim.record/9\"}").unwrap();
    let (code, _, said) = ask(&["a", "other.json"]);
    assert!(code == Some(2) && said.contains("poolsim.record/9"), "{said}");
    let (code, text, _) = ask(&[folder().join("scenarios/grid_p8_long").to_str().unwrap()]);
    assert!(matches!(code, Some(0 | 3)) && text.contains("same outcome"), "{code:?} {text}");
    std::fs::remove_dir_all(&place).unwrap();
}
