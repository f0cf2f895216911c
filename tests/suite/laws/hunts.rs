//! `poolsim hunt` as a user meets it, and what it finds in presets of which it knows nothing but the settings.

use crate::records::Folder;
use poolsim::experiment::hunt::case::Case;
use poolsim::experiment::hunt::laws::{Law, Laws};
use poolsim::experiment::hunt::record::{HuntRecord, State};
use poolsim::experiment::hunt::{Hunt, Quarry, generate};
use poolsim::model::presets;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use toml::{Table, Value};

fn poolsim(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poolsim"));
    command.args(args).current_dir(folder).env_remove("RAYON_NUM_THREADS").stdin(Stdio::null());
    command.output().expect("the binary was built for this test")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn hunt(preset: &str, laws: Laws, seed: u64) -> Hunt {
    let mut pool = Table::new();
    pool.insert(String::from("preset"), Value::String(String::from(preset)));
    let quarry = Quarry::given(&generate::bare("main", pool), laws).unwrap();
    Hunt { quarry, laws, seed, keep: Vec::new() }
}

fn broken(preset: &str, seed: u64) -> Vec<Law> {
    hunt(preset, Laws::ALL, seed).run(0, 12 * 64 * 3, &mut |_| true).found.into_keys().collect()
}

#[test]
fn the_orchestrator_breaks_three_laws_and_the_fixed_one_only_two() {
    for seed in [1, 2, 3] {
        let three = [Law::InnocentFailure, Law::LostSlot, Law::WaitingWithoutBound];
        assert_eq!(broken("orchestrator-bridge", seed), three, "seed {seed}");
        assert_eq!(broken("orchestrator-bridge-fixed", seed), three[1..], "seed {seed}");
    }
}

#[test]
fn no_preset_breaks_a_law_that_every_scheduler_keeps() {
    for preset in &presets::POOLS {
        let hunt = hunt(preset.name, Laws::of_every_scheduler(), 5);
        let bag = hunt.run(0, 12 * 64 * 2, &mut |_| true);
        let first = bag.found.iter().next();
        let small = first.and_then(|(&law, (_, cases))| hunt.smallest(law, cases, preset.name));
        assert!(small.is_none(), "{}", small.map_or(String::new(), |small| small.text));
    }
}

#[test]
fn the_smallest_case_of_the_dying_window_is_two_requests_on_one_worker() {
    let hunt = hunt("orchestrator-bridge", Laws::of([Law::InnocentFailure]), 1);
    let bag = hunt.run(0, 2000, &mut |_| true);
    let (count, cases) = &bag.found[&Law::InnocentFailure];
    assert!(*count > 3);
    let small = hunt.smallest(Law::InnocentFailure, cases, "test").unwrap();
    let case = Case::read(&small.text, Laws::ALL).unwrap();
    assert!(case.work.requests.len() <= 3 && case.ground.slots() <= 2, "{}", small.text);
    assert!(small.text.contains("is dying"), "the story tells it:\n{}", small.text);
}

#[test]
fn a_hunt_is_the_same_on_any_number_of_threads() {
    let folder = Folder::new("hunt-threads");
    let args =
        ["hunt", "orchestrator-bridge", "--cases", "3000", "--output", "none", "--format", "json", "-q"];
    let one = poolsim(&folder.0, &[&args[..], &["--threads", "1"]].concat());
    let four = poolsim(&folder.0, &[&args[..], &["--threads", "4"]].concat());
    assert_eq!(one.status.code(), Some(1));
    assert_eq!(out(&one), out(&four));
    let record: HuntRecord = serde_json::from_str(&out(&one)).unwrap();
    assert_eq!(record.quarries[0].findings.len(), 3);
}

#[test]
fn what_is_found_is_kept_repeated_and_played_first_next_time() {
    let folder = Folder::new("hunt-corpus");
    let dir = &folder.0;
    let first = poolsim(dir, &["hunt", "orchestrator-bridge", "--cases", "3000", "-q"]);
    assert_eq!(first.status.code(), Some(1), "{}", out(&first));
    let corpus = "output/hunt-orchestrator-bridge/corpus/innocent-failure.toml";
    let again = poolsim(dir, &["hunt", "--repeat", corpus]);
    assert_eq!(again.status.code(), Some(1));
    assert!(out(&again).contains("BROKEN  innocent-failure"), "{}", out(&again));
    // The file is a model like any other.
    let run = poolsim(dir, &["run", corpus, "--output", "none", "-q"]);
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    // With the dying window taken away the same case keeps the law.
    let text = std::fs::read_to_string(dir.join(corpus)).unwrap();
    std::fs::write(
        dir.join("fixed.toml"),
        text.replace("orchestrator-bridge\"", "orchestrator-bridge-fixed\""),
    )
    .unwrap();
    let fixed = poolsim(dir, &["hunt", "--repeat", "fixed.toml", "--law", "innocent-failure"]);
    assert_eq!(fixed.status.code(), Some(0), "{}", out(&fixed));
    // The next hunt plays the corpus first and goes on where the first stopped.
    let next = poolsim(dir, &["hunt", "orchestrator-bridge", "--cases", "64", "-q"]);
    assert!(
        out(&next).contains("(3000 to 3063)") && out(&next).contains("corpus  innocent-failure"),
        "{}",
        out(&next)
    );
    assert_eq!(next.status.code(), Some(1));
    let anew = poolsim(dir, &["hunt", "orchestrator-bridge", "--cases", "64", "-q", "--from-start"]);
    assert!(out(&anew).contains("(0 to 63)"), "{}", out(&anew));
}

#[test]
fn a_hunt_answers_no_yes_or_says_why_it_cannot() {
    let folder = Folder::new("hunt-exit");
    let dir = &folder.0;
    let run = |args: &[&str]| poolsim(dir, &[&["hunt", "--output", "none", "-q"], args].concat());
    let none = run(&["orchestrator-bridge-fixed", "--cases", "2000", "--law", "innocent-failure"]);
    assert_eq!((none.status.code(), none.stderr.is_empty()), (Some(0), true), "{}", out(&none));
    assert_eq!(run(&["--cases", "500"]).status.code(), Some(0));
    let faults: [(&[&str], &str); 13] = [
        (&["--target", "process"], "--worker"),
        (&["--target", "pool", "--worker", "cat"], "--target process"),
        (&["--speed", "5"], "--target pool"),
        (&["--target", "pool", "--speed", "0"], "not a number above 0"),
        (&["--target", "pool", "--grace", "5"], "5s"),
        (&["--target", "command", "--adapter", "cat"], "held to a model"),
        (
            &["orchestrator-bridge", "--target", "process", "--worker", "no-such-program", "--cases", "2"],
            "no-such-program",
        ),
        (&["orchestrator-brigde"], "orchestrator-bridge"),
        (&["--law", "lost-slots"], "lost-slot"),
        (&["--for", "90"], "90s"),
        (&["--format", "csv"], "csv"),
        (&["--set", "pool.main.slots=2"], "preset"),
        (&["--repeat", "nothing.toml"], "nothing.toml"),
    ];
    for (args, word) in faults {
        let output = run(args);
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(word) && !said.contains("defect"), "{args:?}: {said}");
    }
}

#[test]
fn a_real_target_is_hunted_from_the_command_line() {
    let folder = Folder::new("hunt-real");
    let dir = &folder.0;
    let args = ["hunt", "--target", "pool", "--cases", "12", "--grace", "200ms", "--format", "json", "-q"];
    let done = poolsim(dir, &args);
    let record: HuntRecord = serde_json::from_str(&out(&done)).unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", out(&done));
    assert_eq!((record.quarries[0].target.as_str(), record.quarries[0].cases), ("pool", 12));
    assert!(
        record.quarries[0].events > 100 && record.command.contains("--target pool"),
        "{}",
        record.command
    );
    assert!(dir.join("output/hunt-random-pool/state.json").is_file());
    // A dying window, with a worker that takes long to die, is seen from outside too.
    let text = "[class.a]\n[pool.main]\nslots = 1\nservice_timeout = '2s'\nworker = { dying_window = true, kill_exit = '3s' }\n\
                [source.s]\npool = 'main'\nrequests = [\n  { at = '0s', demand = '1s', fate = 'hang' },\n  { at = '1s', demand = '100ms' },\n]\n\
                [run]\nhorizon = '20s'\nreplications = 1\n";
    std::fs::write(dir.join("case.toml"), text).unwrap();
    let told = poolsim(dir, &["hunt", "--repeat", "case.toml", "--target", "pool"]);
    assert_eq!(told.status.code(), Some(1), "{}", out(&told));
    assert!(out(&told).contains("BROKEN  innocent-failure"), "{}", out(&told));
    std::fs::write(dir.join("safe.toml"), text.replace("dying_window = true", "dying_window = false"))
        .unwrap();
    let told =
        poolsim(dir, &["hunt", "--repeat", "safe.toml", "--target", "pool", "--law", "innocent-failure"]);
    assert_eq!(told.status.code(), Some(0), "{}", out(&told));
}

#[test]
fn a_hunt_that_is_interrupted_goes_on_where_it_stopped() {
    let folder = Folder::new("hunt-stop");
    let dir = &folder.0;
    let stopped = Command::new("timeout")
        .args(["--foreground", "--preserve-status", "-s", "INT", "3", env!("CARGO_BIN_EXE_poolsim")])
        .args(["hunt", "orchestrator-bridge", "--for", "10m", "-q", "--output", "kept"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .output();
    let Ok(done) = stopped else {
        #[allow(clippy::print_stderr, reason = "a test says what it could not try")]
        return eprintln!("there is no `timeout` here: the interruption was not tried");
    };
    assert_eq!(done.status.code(), Some(130), "{}", out(&done));
    // What was found until then is told, and the corpus is whole.
    assert!(out(&done).contains("BROKEN  innocent-failure"), "{}", out(&done));
    let state: State =
        serde_json::from_str(&std::fs::read_to_string(dir.join("kept/state.json")).unwrap()).unwrap();
    assert!(state.next_case > 0, "{state:?}");
    let case = std::fs::read_to_string(dir.join("kept/corpus/innocent-failure.toml")).unwrap();
    assert!(Case::read(&case, Laws::ALL).is_ok());
    let next = poolsim(dir, &["hunt", "orchestrator-bridge", "--cases", "64", "-q", "--output", "kept"]);
    let from = format!("({} to {})", state.next_case, state.next_case + 63);
    assert!(out(&next).contains(&from) && out(&next).contains("corpus  innocent-failure"), "{}", out(&next));
    // A time box is kept, whatever is found in it.
    let boxed = poolsim(
        dir,
        &["hunt", "orchestrator-bridge", "--for", "1s", "--law", "time-out", "-q", "--output", "none"],
    );
    assert_eq!(boxed.status.code(), Some(0), "{}", out(&boxed));
}
