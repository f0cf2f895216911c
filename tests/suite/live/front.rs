//! `poolsim replay` as a user meets it: interrupted, on a full disk, refused, against a service, with faults.

#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

use super::processes::has_python;
use crate::records::Folder;
use crate::service::{Service, until};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Three slots, and twice the work that they can do.
pub(super) const BUSY: &str = "name = \"busy\"\nrun = { horizon = \"60s\" }\nclass.job = { demand = \"200ms\" }\n\
    source.web = { pool = \"main\", class = \"job\", arrivals = { process = \"deterministic\", rate = \"30/s\" } }\n\
    pool.main = { slots = 3 }\n";

pub(super) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poolsim"));
    command.arg("replay").args(args).current_dir(folder).stdin(Stdio::null());
    command
}

fn replay(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the binary was built for this test")
}

/// Outcomes of the requests in a folder's table; panics where a request stands there twice.
pub(super) fn outcomes(folder: &Path) -> BTreeMap<String, usize> {
    let mut table = csv::Reader::from_path(folder.join("requests.csv")).expect("a table of requests");
    let column =
        |name: &str, headers: &csv::StringRecord| headers.iter().position(|one| one == name).unwrap();
    let headers = table.headers().unwrap().clone();
    let (key, outcome) = (column("key", &headers), column("outcome", &headers));
    let (mut seen, mut counts) = (BTreeSet::new(), BTreeMap::new());
    for row in table.records() {
        let row = row.expect("a whole row");
        assert!(seen.insert(row[key].to_owned()), "request {} has two outcomes", &row[key]);
        *counts.entry(row[outcome].to_owned()).or_default() += 1;
    }
    counts
}

pub(super) fn record(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("record.json")).expect("a record");
    serde_json::from_str(&text).expect("a whole record")
}

/// Processes whose command line has this word.
pub(super) fn processes(word: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let lines = entries.flatten().filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(word).then_some(line)
    });
    lines.filter(|line| !line.contains("poolsim")).collect()
}

/// Whether these tests were started as by `nohup`: what they start outlives its terminal then, as it should.
pub(super) fn outlives_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Lets a replay run until requests have ended, interrupts it by a signal, and looks at what it leaves.
fn interrupted(args: &[&str], signal: Signal, code: i32) {
    let folder = Folder::new("interrupted");
    std::fs::write(folder.0.join("busy.toml"), BUSY).unwrap();
    let mut child = command(&folder.0, &[&["busy.toml"], args].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.starts_with("replaying 60 s"), "{line}");
    let journal = folder.0.join("output/busy/journal.jsonl");
    until(|| std::fs::read_to_string(&journal).is_ok_and(|text| text.matches("\"ended\"").count() >= 5));
    let pid = Pid::from_child(&child);
    kill_process(pid, signal).unwrap();
    let status = child.wait().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(status.code(), Some(code), "{rest}");
    let output = folder.0.join("output/busy");
    let counts = outcomes(&output);
    assert!(counts["ok"] >= 5 && counts["unfinished"] >= 1 && counts.len() == 2, "{counts:?}");
    let record = record(&output);
    assert_eq!(record["points"].as_array().unwrap().len(), 3);
    let says = |one: &serde_json::Value| one["text"].as_str().unwrap().contains(" was interrupted at ");
    assert!(record["warnings"].as_array().unwrap().iter().any(says), "{}", record["warnings"]);
    let again = replay(&folder.0, &["--redrive", "output/busy/journal.jsonl"]);
    let text = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.success() && text.starts_with("the same:") && !text.contains("cut off"), "{text}");
}

#[test]
fn signals_that_end_leave_a_whole_record_and_one_outcome_for_each_request() {
    interrupted(&[], Signal::INT, 130);
    // A name that no other process has.
    let word = format!("worker-of-{}-interrupted", std::process::id());
    let worker = format!(
        "sh -c 'echo {{\\\"type\\\":\\\"ready\\\"}}; while IFS= read -r l; do sleep 0.1; i=${{l#*task-}}; \
         echo {{\\\"type\\\":\\\"response\\\",\\\"id\\\":\\\"task-${{i%%\\\"*}}\\\",\\\"status\\\":\\\"ok\\\"}}; done' {word}"
    );
    let signals = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
    for (signal, code) in
        signals.into_iter().filter(|(signal, _)| *signal != Signal::HUP || !outlives_hangups())
    {
        interrupted(&["--target", "process", "--worker", &worker], signal, code);
        assert_eq!(processes(&word), Vec::<String>::new(), "after {signal:?}");
    }
}

#[test]
fn what_is_interrupted_while_it_starts_ends_at_once_and_leaves_nothing() {
    let folder = Folder::new("starting");
    std::fs::write(folder.0.join("busy.toml"), BUSY).unwrap();
    // Neither a worker nor an adapter that lives and says nothing is waited for: it may take a minute.
    let word = format!("mute-of-{}", std::process::id());
    let mute = format!("sh -c 'while :; do sleep 0.1; done' {word}");
    for target in [["--target", "process", "--worker", &mute], ["--target", "command", "--adapter", &mute]] {
        let mut child = command(&folder.0, &[&["busy.toml"], &target[..]].concat())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until(|| !processes(&word).is_empty());
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let asked = std::time::Instant::now();
        let status = child.wait().unwrap();
        assert!(asked.elapsed() < std::time::Duration::from_secs(8), "{:?}", asked.elapsed());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(130), "interrupted\n"));
        assert_eq!(processes(&word), Vec::<String>::new());
        assert!(!folder.0.join("output").exists());
    }
}

#[test]
fn a_second_ctrl_c_ends_workers_too() {
    let folder = Folder::new("twice");
    std::fs::write(folder.0.join("busy.toml"), BUSY).unwrap();
    let word = format!("stubborn-of-{}", std::process::id());
    // It does not go when it is asked to, so that poolsim still waits for it at the second.
    let worker = format!(
        "sh -c 'trap \"\" TERM; echo {{\\\"type\\\":\\\"ready\\\"}}; while :; do sleep 0.1; done' {word}"
    );
    let mut child = command(&folder.0, &["busy.toml", "--target", "process", "--worker", &worker])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("replaying"), "{line}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!folder.0.join("output/busy/record.json").exists(), "it was over before the second");
    until(|| processes(&word).is_empty());
}

#[test]
fn a_start_that_fails_leaves_files_as_they_were() {
    let folder = Folder::new("failing");
    std::fs::write(folder.0.join("busy.toml"), BUSY).unwrap();
    let fails = ["busy.toml", "--target", "process", "--worker", "false"];
    assert_eq!(replay(&folder.0, &fails).status.code(), Some(2));
    assert!(!folder.0.join("output").exists(), "nothing was there, and nothing is");
    let output = folder.0.join("output/busy");
    std::fs::create_dir_all(&output).unwrap();
    std::fs::write(output.join("journal.jsonl"), "older").unwrap();
    assert_eq!(replay(&folder.0, &fails).status.code(), Some(2));
    let left: Vec<_> = std::fs::read_dir(&output).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["journal.jsonl"]);
    assert_eq!(std::fs::read_to_string(output.join("journal.jsonl")).unwrap(), "older");
}

#[test]
fn a_full_disk_costs_files_and_no_figures() {
    let folder = Folder::new("full");
    std::fs::write(folder.0.join("busy.toml"), BUSY).unwrap();
    // A file that may not grow past 40 blocks fails as on a full disk, and what is not written whole is not there.
    let poolsim = env!("CARGO_BIN_EXE_poolsim");
    let script = format!("ulimit -f 40; exec '{poolsim}' replay busy.toml --horizon 4s --speed 2");
    let output = Command::new("sh").args(["-c", &script]).current_dir(&folder.0).output().unwrap();
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(out.contains("real, target pool") && out.contains("journal.jsonl breaks off"), "{out}");
    assert!(said.contains("could not write output/busy/") && !said.contains("panicked"), "{said}");
    let journal = std::fs::read_to_string(folder.0.join("output/busy/journal.jsonl")).unwrap();
    assert!(journal.ends_with('\n') && journal.lines().count() > 10, "{journal}");
    let broken = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_err();
    assert!(!journal.lines().any(broken));
    for entry in std::fs::read_dir(folder.0.join("output/busy")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            ["journal.jsonl", "requests.csv", "metrics.csv", "timeline.csv"].contains(&name.as_str()),
            "{name} is half written"
        );
    }
    // Where nothing at all can be written, nothing is begun.
    let output = replay(&folder.0, &["busy.toml", "--output", "busy.toml/x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("replaying"));
}

/// A model, what is set in it, the flags of the target, and words of the refusal.
type Refused<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [&'a str]);

#[test]
fn what_a_target_cannot_do_is_refused_by_place_before_anything_is_begun() {
    let folder = Folder::new("refused");
    std::fs::write(folder.0.join("busy.toml"), BUSY).unwrap();
    let process: &[&str] = &["--target", "process", "--worker", "cat"];
    let fault = |kind: &str| format!("fault=[{{ kind = \"{kind}\", pool = \"main\", at = \"1s\" }}]");
    let (kill, rows) = (fault("kill_worker"), "url = \"http://127.0.0.1:9\"");
    let http = format!("{BUSY}[target.http]\n{rows}\n");
    std::fs::write(folder.0.join("http.toml"), http).unwrap();
    let rows: [Refused<'_>; 8] = [
        ("busy", &["pool.main.instances=2"], &[], &["pool.main.instances: several", "instances = 1"]),
        ("busy", &["pool.main.slots=\"unlimited\""], process, &["pool.main.slots", "slots = N"]),
        (
            "busy",
            &["pool.main.service_timeout=\"1s\"", "pool.main.on_timeout=\"cancel\""],
            process,
            &["pool.main.on_timeout: cancelling", "can only be killed"],
        ),
        (
            "busy",
            &["source.web.client={ deadline = \"1s\", cancels = true }"],
            process,
            &["source.web: a client that withdraws", "cancels = false"],
        ),
        (
            "busy",
            &["pool.main.breakdown={ up = \"1s\", down = \"1s\" }"],
            &[],
            &["pool.main.breakdown", "kill_worker"],
        ),
        (
            "busy",
            &["pool.main.service_timeout={ dist = \"exponential\", mean = \"9s\" }"],
            &[],
            &["pool.main.service_timeout: a time-out that is drawn", "write it as a duration"],
        ),
        ("http", &[&kill], &["--target", "http"], &["fault 1: killing a worker", "by hand"]),
        ("http", &["class.job.fates={ error = 0.1 }"], &["--target", "http"], &["class.job.fates", "{fate}"]),
    ];
    for (model, sets, target, words) in rows {
        let file = format!("{model}.toml");
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        let output = replay(&folder.0, &[&[file.as_str()], &sets[..], target].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{sets:?}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{sets:?}: {said}");
        assert!(!said.contains("replaying") && !folder.0.join("output").exists(), "{said}");
    }
}

#[test]
fn flags_that_would_do_nothing_are_refused_with_a_hint() {
    let folder = Folder::new("idle-flags");
    std::fs::write(folder.0.join("busy.toml"), BUSY).unwrap();
    let redrive = ["--redrive", "journal.jsonl"];
    let rows: [(&[&str], &[&str], &str); 8] = [
        (&redrive, &["--output", "x"], "--output is about a replay"),
        (&redrive, &["--format", "json"], "--format is about a replay"),
        (&redrive, &["--target", "process"], "--target is about a replay"),
        (&redrive, &["-o", "x"], "--out is about a replay"),
        (&redrive, &["--grace", "1s"], "--grace is about a replay"),
        (&redrive, &["--silence", "1s"], "--silence is about a replay"),
        (&redrive, &["--seeds", "3"], "--seeds is about a replay"),
        (&["busy.toml"], &["--point", "3"], "--point 3: a model is one point"),
    ];
    for (what, flags, words) in rows {
        let output = replay(&folder.0, &[what, flags].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words) && said.contains("help: leave"), "{said}");
        assert!(!folder.0.join("output").exists());
    }
}

#[test]
fn a_service_is_replayed_from_a_shipped_experiment_beside_the_files_of_its_model() {
    let Some(service) = Service::start(&["--slots", "6"]) else { return };
    let folder = Folder::new("service");
    let experiment = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/orchestrator-http.toml");
    let url = service.url();
    let args = [experiment.to_str().unwrap(), "--target", "http", "--url", &url, "--speed", "20"];
    let output = replay(&folder.0, &[&args[..], &["--horizon", "60s", "--no-report"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{said}");
    assert!(said.contains("ms late"), "{said}");
    assert!(!folder.0.join("output/orchestrator").exists());
    let output = folder.0.join("output/orchestrator-http");
    let counts = outcomes(&output);
    let sent: usize = counts.values().sum();
    assert!(sent > 20 && counts.get("ok").is_some_and(|&ok| ok * 2 > sent), "{counts:?}");
    assert_eq!(record(&output)["name"], "orchestrator-http");
    assert!(service.count("requests") >= sent as u64);
}

#[test]
fn workers_are_killed_and_pools_paused_from_outside_as_the_model_says() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("faults");
    // Two requests a second on four slots, so that nobody waits but for the faults.
    let model = "name = \"faults\"\nrun = { horizon = \"4s\", drain = true, regime = \"terminating\" }\n\
        class.job = { demand = \"300ms\" }\n\
        source.web = { pool = \"main\", class = \"job\", arrivals = { process = \"deterministic\", rate = \"10/s\" } }\n\
        pool.main = { slots = 6 }\n\
        [[fault]]\nkind = \"kill_worker\"\npool = \"main\"\nslot = 0\nat = [\"1010ms\"]\n\
        [[fault]]\nkind = \"pause_pool\"\npool = \"main\"\nat = \"2s\"\nduration = \"500ms\"\n";
    std::fs::write(folder.0.join("faults.toml"), model).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/worker.py");
    let worker = format!("python3 {}", script.display());
    let rows: [&[&str]; 2] = [&[], &["--target", "process", "--worker", &worker]];
    for target in rows {
        let output = replay(&folder.0, &[&["faults.toml", "--no-report"], target].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let output = folder.0.join("output/faults");
        let counts = outcomes(&output);
        // The worker in slot 0 has a job most of the time: at 1.01 s that of 0.8 s or later.
        let crashed = counts.get("crash").copied().unwrap_or(0);
        assert!(crashed <= 1 && counts["ok"] + crashed == 40, "{counts:?}");
        // The kill counts in every world, though the real pool does not know of it.
        let figures = std::fs::read_to_string(output.join("metrics.csv")).unwrap();
        let mut figures = csv::Reader::from_reader(figures.as_bytes());
        let all = |row: &csv::StringRecord| {
            row[1] == *"count_kills" && (2..=5).all(|column| row[column].is_empty())
        };
        let kills: Vec<f64> =
            figures.records().flatten().filter(all).map(|row| row[7].parse().unwrap()).collect();
        assert_eq!(kills, [1.0, 1.0, 1.0]);
        let table = std::fs::read_to_string(output.join("requests.csv")).unwrap();
        let mut rows = csv::Reader::from_reader(table.as_bytes());
        let waits: Vec<(f64, f64)> = rows
            .records()
            .map(|row| row.unwrap())
            .map(|row| (row[6].parse().unwrap(), row[13].parse().unwrap()))
            .collect();
        let paused = waits.iter().filter(|(sent, _)| (2.01..2.3).contains(sent));
        assert!(paused.clone().count() >= 2 && paused.clone().all(|(_, wait)| *wait > 0.15), "{waits:?}");
        let again = replay(&folder.0, &["--redrive", "output/faults/journal.jsonl"]);
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
        let journal = std::fs::read_to_string(output.join("journal.jsonl")).unwrap();
        assert!(journal.contains("{\"exited\":{\"slot\":0,\"crashed\":true}}"), "nobody was killed");
        assert_eq!(journal.matches("\"pause\"").count(), 2);
    }
}
