//! Signals that come where something is waited for: a hunt whose target does not get ready, and the simulation beside a
//! replay. Both end soon, with what they have written whole and no process left behind.

#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

use super::front::{BUSY, command, outcomes, outlives_hangups, processes, record};
use crate::records::Folder;
use crate::service::until;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What "soon" is on a busy machine.
const SOON: Duration = Duration::from_secs(8);

fn signals() -> impl Iterator<Item = (Signal, i32)> {
    let all = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
    all.into_iter().filter(|(signal, _)| *signal != Signal::HUP || !outlives_hangups())
}

/// A program that lives and says nothing, under a name that no other process has.
fn mute(name: &str) -> (String, String) {
    let word = format!("{name}-of-{}", std::process::id());
    let program = format!("sh -c 'while :; do sleep 0.1; done' {word}");
    (word, program)
}

fn hunt(folder: &Path, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_poolsim"))
        .arg("hunt")
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test")
}

/// Sends a signal and waits for the end: exit code, standard output, standard error.
fn ended_by(mut child: Child, signal: Signal) -> (Option<i32>, String, String) {
    kill_process(Pid::from_child(&child), signal).unwrap();
    let asked = Instant::now();
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    let (mut out, mut said) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (status.code(), out, said)
}

#[test]
fn a_hunt_whose_workers_never_get_ready_ends_at_a_signal_with_its_state() {
    let folder = Folder::new("hunt-mute");
    std::fs::write(folder.0.join("busy.toml"), BUSY).unwrap();
    let (word, worker) = mute("hunted");
    for (signal, code) in signals() {
        let child = hunt(&folder.0, &["busy.toml", "--target", "process", "--worker", &worker]);
        until(|| !processes(&word).is_empty());
        let (ended, out, said) = ended_by(child, signal);
        assert_eq!(ended, Some(code), "{said}");
        assert_eq!(processes(&word), Vec::<String>::new(), "after {signal:?}");
        assert!(
            out.contains("no law is broken in 0 cases") && said.ends_with("interrupted\n"),
            "{out}{said}"
        );
        let state = std::fs::read_to_string(folder.0.join("output/hunt-busy-process/state.json")).unwrap();
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        assert_eq!(state["next_case"], 0, "what was given up is played by the next hunt");
    }
}

#[test]
fn a_hunt_whose_adapter_says_nothing_and_a_case_that_is_repeated_end_at_a_signal() {
    let folder = Folder::new("hunt-adapter");
    std::fs::write(folder.0.join("busy.toml"), BUSY).unwrap();
    let case = "[class]\n[pool.main]\nslots = 2\n[run]\nhorizon = \"5s\"\nreplications = 1\n\
        [source.load]\npool = \"main\"\nrequests = [{ at = \"0s\", demand = \"1s\" }]\n";
    std::fs::write(folder.0.join("case.toml"), case).unwrap();
    let (word, program) = mute("adapting");
    let rows: [&[&str]; 2] = [
        &["busy.toml", "--target", "command", "--adapter", &program],
        &["--repeat", "case.toml", "--target", "process", "--worker", &program],
    ];
    for args in rows {
        let child = hunt(&folder.0, args);
        until(|| !processes(&word).is_empty());
        let (ended, out, said) = ended_by(child, Signal::TERM);
        assert_eq!((ended, out.as_str(), said.as_str()), (Some(143), "", "interrupted\n"), "{args:?}");
        assert_eq!(processes(&word), Vec::<String>::new(), "{args:?}");
        assert!(!folder.0.join("output").exists(), "nothing was played, and nothing is written");
    }
}

/// A replay whose simulation would take minutes: it has a million replications.
fn replay(folder: &Path, more: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    std::fs::write(folder.join("busy.toml"), BUSY).unwrap();
    // Where nothing is left to chance, one replication says all.
    let law = "class.job.demand={ dist = \"exponential\", mean = \"200ms\" }";
    let sets = ["busy.toml", "--set", "run.replications=1000000", "--set", law];
    let mut child = command(folder, &[&sets[..], more].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    (child, said)
}

fn line(said: &mut BufReader<std::process::ChildStderr>) -> String {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    line
}

/// Interrupts the simulation beside a replay, and looks at what is left of both.
fn beside(
    mut child: Child,
    mut said: BufReader<std::process::ChildStderr>,
    folder: &Path,
    signal: Signal,
) -> Option<i32> {
    kill_process(Pid::from_child(&child), signal).unwrap();
    let asked = Instant::now();
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("wrote output/busy:") && rest.ends_with("interrupted\n"), "{rest}");
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(out.contains("figures of the real run alone"), "{out}");
    let record = record(&folder.join("output/busy"));
    let page = std::fs::read_to_string(folder.join("output/busy/report.html"));
    assert!(
        page.is_ok_and(|page| page.contains("figures of the real run alone")) || !cfg!(feature = "chart")
    );
    let points = record["points"].as_array().unwrap();
    assert_eq!((points.len(), points[0]["world"].as_str()), (1, Some("real")));
    let codes = record["warnings"].as_array().unwrap().iter().map(|warning| &warning["code"]);
    assert_eq!(codes.filter(|code| **code == "not_compared").count(), 1, "{}", record["warnings"]);
    assert!(record["study"]["agreements"].as_array().is_none_or(Vec::is_empty), "{}", record["study"]);
    status.code()
}

#[test]
fn the_first_signal_during_the_simulation_beside_a_replay_ends_it_with_the_record_of_what_was_real() {
    for (signal, code) in signals() {
        let folder = Folder::new("beside");
        let (child, mut said) = replay(&folder.0, &["--horizon", "1s"]);
        assert!(line(&mut said).starts_with("replaying"));
        assert!(line(&mut said).starts_with("sent 30 requests"), "the real run is over");
        assert_eq!(beside(child, said, &folder.0, signal), Some(code));
        let counts = outcomes(&folder.0.join("output/busy"));
        assert_eq!(counts.values().sum::<usize>(), 30, "{counts:?}");
    }
}

#[test]
fn of_a_replay_that_was_interrupted_the_next_signal_ends_the_simulation_in_the_same_way() {
    let folder = Folder::new("beside-twice");
    let (child, mut said) = replay(&folder.0, &[]);
    assert!(line(&mut said).starts_with("replaying"));
    let journal = folder.0.join("output/busy/journal.jsonl");
    until(|| std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"ended\"")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(line(&mut said).starts_with("sent "));
    // The exit code is that of the first.
    assert_eq!(beside(child, said, &folder.0, Signal::TERM), Some(130));
    assert!(outcomes(&folder.0.join("output/busy"))["unfinished"] >= 1);
}
