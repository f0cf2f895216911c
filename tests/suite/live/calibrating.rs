//! `poolsim calibrate`: what targets whose delays are known are found to cost, and what is left out. Needs python3 for
//! worker processes; says so and skips without.

use super::processes::has_python;
use crate::records::Folder;
use crate::service::Service;
use poolsim::experiment::calibrate::calibration;
use poolsim::live::calibrate::{Probed, Shown};
use poolsim::live::replay::Note;
use poolsim::model::{self, NoFiles};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

fn calibrate(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poolsim"));
    command.arg("calibrate").args(args).args(["--quiet", "--patience", "20s"]).current_dir(folder);
    command.output().expect("the binary was built for this test")
}

fn found(folder: &Path, args: &[&str]) -> Value {
    let output = calibrate(folder, &[args, &["--format", "json"]].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

/// A constant of a document.
fn constant<'d>(document: &'d Value, path: &str) -> Option<&'d Value> {
    document["constants"].as_array()?.iter().find(|one| one["path"] == path)
}

fn median(document: &Value, path: &str) -> f64 {
    constant(document, path).unwrap_or_else(|| panic!("no {path}: {document:#}"))["median_ms"]
        .as_f64()
        .unwrap()
}

/// Why something was not measured.
fn why<'d>(document: &'d Value, path: &str) -> &'d str {
    let left = document["not_measured"].as_array().unwrap().iter().find(|one| one["path"] == path);
    left.unwrap_or_else(|| panic!("{path} was measured: {document:#}"))["why"].as_str().unwrap()
}

/// A worker that takes 60 ms to start, 15 ms to answer, and 8 ms longer than it is told.
const SLOW: &str = "\
import json, sys, time
def say(m): print(json.dumps(m), flush=True)
time.sleep(0.06)
say({'type': 'ready'})
for line in sys.stdin:
    r = json.loads(line)
    p = r['payload']
    if p['fate'] == 'hang': time.sleep(3600)
    time.sleep(0.015)
    if p['demand_ms']: time.sleep(p['demand_ms'] / 1000 + 0.008)
    say({'type': 'response', 'id': r['id'], 'status': 'ok'})
";

#[test]
fn workers_whose_delays_are_known_are_found_to_have_them() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("calibrate-known");
    std::fs::write(folder.0.join("worker.py"), SLOW).unwrap();
    let args = ["--target", "process", "--worker", "python3 worker.py", "--probes", "15", "--ends", "6"];
    let document = found(&folder.0, &[&args[..], &["--timeout", "100ms"]].concat());
    assert_eq!(document["schema"], "poolsim.calibration/1");
    // Sleeps end late, the more so on a busy machine, and never early.
    for (path, least, most) in [
        ("worker.start_up", 60.0, 3000.0),
        ("worker.kill_exit", 0.05, 500.0),
        ("worker.restart_delay", 0.05, 500.0),
        ("transport.dispatch", 0.0, 20.0),
        ("transport.reply", 15.0, 100.0),
        ("transport.timer_late", 0.0, 100.0),
    ] {
        let value = median(&document, path);
        assert!((least..most).contains(&value), "{path} = {value}: {document:#}");
        let interval = constant(&document, path).unwrap()["interval_ms"].as_array().unwrap();
        assert!(interval[0].as_f64() <= Some(value) && Some(value) <= interval[1].as_f64(), "{path}");
    }
    // Here the answer's own delay is taken off again, so that its noise counts in both directions.
    let late = median(&document, "transport.late");
    assert!((4.0..60.0).contains(&late), "{document:#}");
    assert_eq!(constant(&document, "worker.start_up").unwrap()["n"], 6);
    assert_eq!(constant(&document, "transport.reply").unwrap()["n"], 15);
    assert_eq!(constant(&document, "transport.dispatch").unwrap()["n"], 30);
    assert_eq!(document["not_measured"].as_array().unwrap().len(), 0);
}

#[test]
fn the_wait_for_a_worker_is_no_hand_over() {
    if !has_python() {
        return;
    }
    // Each worker serves one job, so that every probe but the first waits for the next one.
    let folder = Folder::new("calibrate-recycled");
    std::fs::write(folder.0.join("worker.py"), SLOW).unwrap();
    let model = "name = \"one\"\nrun = { requests = 10 }\nclass.job = { demand = \"1ms\" }\n\
                 source.web = { pool = \"main\", class = \"job\", arrivals = { rate = \"1/s\" } }\n\
                 pool.main = { slots = 1, worker = { recycle_after = 1, restart_delay = \"50ms\" } }\n";
    std::fs::write(folder.0.join("one.toml"), model).unwrap();
    let args =
        ["one.toml", "--target", "process", "--worker", "python3 worker.py", "--probes", "6", "--ends", "2"];
    let document = found(&folder.0, &args);
    assert_eq!(why(&document, "transport.dispatch"), "no probe found a worker that was ready");
}

#[test]
fn what_a_target_cannot_show_is_named_with_the_reason() {
    let folder = Folder::new("calibrate-left-out");
    // Threads that play workers: their lives are the model's.
    let threads = found(&folder.0, &["--target", "pool", "--probes", "10", "--ends", "3"]);
    for path in ["worker.kill_exit", "worker.restart_delay", "worker.start_up"] {
        assert!(why(&threads, path).contains("the model gives them"), "{threads:#}");
    }
    assert!(median(&threads, "transport.reply") < 50.0 && median(&threads, "transport.late") < 50.0);
    assert!(constant(&threads, "transport.timer_late").is_some());
    // A worker that does as it likes: neither its work nor its fate is poolsim's to say.
    let deaf = "sh -c 'echo {\\\"type\\\":\\\"ready\\\"}; while IFS= read -r l; do i=${l#*task-}; \
                echo {\\\"type\\\":\\\"response\\\",\\\"id\\\":\\\"task-${i%%\\\"*}\\\",\\\"status\\\":\\\"ok\\\"}; done'";
    let deaf = found(&folder.0, &["--target", "process", "--worker", deaf, "--probes", "10", "--ends", "3"]);
    assert!(why(&deaf, "transport.reply").contains("as long as they are told"), "{deaf:#}");
    assert!(why(&deaf, "transport.timer_late").contains("told to hang ended as ok"), "{deaf:#}");
    // They are killed from outside then.
    for path in ["worker.kill_exit", "worker.restart_delay", "worker.start_up"] {
        assert_eq!(constant(&deaf, path).unwrap_or_else(|| panic!("{deaf:#}"))["n"], 3, "{path}");
    }
    assert!(constant(&deaf, "transport.dispatch").is_some());
}

#[test]
fn a_service_is_measured_where_it_is_told_how_long_to_work() {
    let Some(service) = Service::start(&["--slots", "2"]) else { return };
    let folder = Folder::new("calibrate-service");
    let experiment = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/orchestrator-http.toml");
    let url = service.url();
    let args = [experiment.to_str().unwrap(), "--target", "http", "--url", &url, "--probes", "10"];
    let document = found(&folder.0, &args);
    assert_eq!(document["pool"], "generation");
    assert!((0.05..200.0).contains(&median(&document, "transport.dispatch")), "{document:#}");
    assert!(why(&document, "worker.start_up").contains("nothing of its workers"), "{document:#}");
    // Without a body that says how long, its own time and its work are one.
    let output = calibrate(&folder.0, &["--target", "http", "--url", &url, "--probes", "5"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("# Nothing could be measured.") && text.contains("no probe ended well"), "{text}");
}

#[test]
fn the_constants_are_tables_of_a_model_with_their_evidence() {
    let probed = Probed {
        target: "process",
        reports_starts: true,
        samples: BTreeMap::from([
            (Shown::HandOver, vec![0.01, 0.02, 0.03]),
            (Shown::Late, vec![-0.2, -0.1, -0.1]),
            (Shown::StartUp, (1..=20).map(f64::from).collect()),
        ]),
        left_out: BTreeMap::from([(Shown::KillExit, String::from("nobody\nsaw it"))]),
        grain: vec![0.001; 7],
        notes: vec![Note { code: "x", text: String::from("a word"), advice: String::new() }],
        interrupted: false,
    };
    let (target, pool) = (String::from("target process, worker.py"), String::from("a pool"));
    let found = calibration(&probed, target, String::new(), pool);
    let text = found.text();
    let expected = r#"# Grain of poolsim's own timer here: waits of 1 ms end 0.001 ms late (median of 7; 90 % below 0.001).
# transport.dispatch: from submission to the hand-over, to an idle worker.
# transport.late: what a job of 50 ms takes longer than these and 50 ms.
# worker.start_up: from a worker's start to its word that it is ready.
# Not measured: transport.reply; probing ended before.
# Not measured: transport.timer_late; probing ended before.
# Not measured: worker.kill_exit; nobody saw it.
# Not measured: worker.restart_delay; probing ended before.
# Note: a word.

[pool."a pool".worker]
start_up = "11ms" # median of 20, 95 % interval 6.000 to 15.000; 10 % below 3.000, 90 % below 19.000

[pool."a pool".transport]
dispatch = "0.02ms" # median of 3; 10 % below 0.010, 90 % below 0.030
late = "0ms" # median of 3; 10 % below -0.200, 90 % below -0.100
"#;
    assert_eq!(text.split_once('\n').unwrap().1, expected, "{text}");
    // Put into a model, they are what it says.
    let model = format!(
        "name = \"m\"\nrun = {{ requests = 1 }}\nclass.c = {{ demand = \"1s\" }}\n\
         source.s = {{ pool = \"a pool\", class = \"c\", arrivals = {{ rate = \"1/s\" }} }}\n\
         [pool.\"a pool\"]\nslots = 1\n{text}"
    );
    let loaded = model::load("m.toml", &model, &NoFiles, &[]);
    let loaded = loaded.unwrap_or_else(|faults| panic!("{}", faults.render(false)));
    assert!(loaded.warnings.is_empty());
    assert!((loaded.model.pools[0].life.start_up.mean() - 0.011).abs() < 1e-12);
    assert!((loaded.model.pools[0].transport.dispatch.mean() - 2e-5).abs() < 1e-12);
}

#[test]
fn what_cannot_be_calibrated_is_an_error_with_a_hint() {
    let folder = Folder::new("calibrate-errors");
    std::fs::write(folder.0.join("empty.toml"), "").unwrap();
    let rows: [(&[&str], &str); 8] = [
        (&["--target", "process"], "give the command of a worker"),
        (&["--target", "process", "--worker", "/no/such/worker"], "could not start `/no/such/worker`"),
        (&["--worker", "cat"], "add --target process"),
        (&["--target", "http"], "does not say how target http is reached"),
        (&["--target", "http", "--url", "http://127.0.0.1:9"], "could not reach"),
        (&["--timeout", "90"], "has no unit"),
        (&["--timeout", "0s"], "longer than nothing"),
        (&["empty.toml"], "empty.toml"),
    ];
    for (args, words) in rows {
        let output = calibrate(&folder.0, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(words) && !said.contains("panicked"), "{args:?}: {said}");
    }
}
