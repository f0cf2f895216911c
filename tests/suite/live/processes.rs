//! Worker processes: the shipped worker, and workers that do everything wrong. Needs python3; says so and skips without.

use super::told_again;
use crate::records::Folder;
use poolsim::live::journal::redrive::Redriven;
use poolsim::live::own::OwnPools;
use poolsim::live::replay::{Replayed, Settings, replay};
use poolsim::model::{self, Model, NoFiles};
use poolsim::outcome::Outcome;
use poolsim::time::Span;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

pub(super) fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: there is no python3");
    }
    found
}

pub(super) fn model(text: &str) -> Model {
    model::load("test.toml", text, &NoFiles, &[])
        .unwrap_or_else(|faults| panic!("{}", faults.render(false)))
        .model
}

/// Twenty requests, one every 20 ms.
fn twenty(pool: &str) -> Model {
    model(&format!(
        "name = \"twenty\"\nrun = {{ requests = 20 }}\nclass.job = {{ demand = \"10ms\" }}\n\
         source.web = {{ pool = \"main\", class = \"job\", arrivals = {{ process = \"deterministic\", rate = \"50/s\" }} }}\n\
         [pool.main]\n{pool}\n"
    ))
}

fn play(model: &Model, command: &[&str], journal: Option<&Path>) -> Replayed {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    let mut pools = OwnPools::processes(model, 0, command);
    if let Some(journal) = journal {
        pools = pools.with_journal(journal.to_owned());
    }
    let settings = Settings { silence: Span::from_whole_secs(20), ..Settings::default() };
    replay(model, &mut pools, &settings, &|| false).expect("the pool was started")
}

fn count(replayed: &Replayed, outcome: Outcome) -> usize {
    replayed.requests.iter().filter(|one| one.seen.outcome == outcome).count()
}

/// Threads of this process and its children that are alive.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// A worker written in one go: `body` is what it does with each request `r`.
pub(super) fn worker(folder: &Folder, body: &str) -> String {
    let path = folder.0.join("worker.py");
    let text = format!(
        "import json, os, signal, sys, time\n\
         def say(m):\n    sys.stdout.write(json.dumps(m) + '\\n')\n    sys.stdout.flush()\n\
         def ok(r):\n    say({{'type': 'response', 'id': r['id'], 'status': 'ok', 'result': 1}})\n\
         say({{'type': 'ready'}})\n\
         n = 0\n\
         for line in sys.stdin:\n    r = json.loads(line)\n    n += 1\n{}\n",
        body.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
    );
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn the_shipped_worker_serves_fails_crashes_and_is_replaced() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("shipped");
    let journal = folder.0.join("journal.jsonl");
    let model = model(
        "name = \"fates\"\nrun = { requests = 60 }\n\
         class.job = { demand = \"5ms\", fates = { error = 0.2, crash = 0.2, sticky = true } }\n\
         source.web = { pool = \"main\", class = \"job\", arrivals = { rate = \"40/s\" } }\n\
         pool.main = { slots = 3, retry = { max = 1 }, worker = { restart_delay = \"10ms\" } }\n",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/worker.py");
    let replayed = play(&model, &["python3", &script.to_string_lossy()], Some(&journal));
    assert_eq!(replayed.requests.len(), 60);
    for one in &replayed.requests {
        let expected = match one.fate.name() {
            "crash" => Outcome::Crash,
            "error" => Outcome::Error,
            _ => Outcome::Ok,
        };
        // A crash may take the next request's first try along, never its result.
        assert_eq!(one.seen.outcome, expected, "{one:?}");
        let tries = if expected == Outcome::Crash { 2 } else { 1 };
        assert!(one.seen.hand_overs >= tries, "{one:?}");
        match expected {
            Outcome::Error => assert_eq!(one.detail, "ASKED_FOR: the payload asked for an error"),
            Outcome::Crash => assert_eq!(one.detail, "exit code 13"),
            _ => assert_eq!(one.detail, ""),
        }
    }
    assert!(matches!(told_again(&journal, |_, _| {}), Redriven::Same { cut_off: false, .. }));
}

#[test]
fn workers_that_do_everything_wrong_cost_no_request_its_outcome() {
    if !has_python() {
        return;
    }
    let plain = "slots = 2\nservice_timeout = \"300ms\"\nworker = { restart_delay = \"5ms\" }";
    let retries =
        "slots = 2\nservice_timeout = \"1s\"\nretry = { max = 3 }\nworker = { restart_delay = \"5ms\" }";
    // (what it does, pool, how many of twenty end well at least, a note that is left)
    let one = "slots = 1\nworker = { restart_delay = \"5ms\" }";
    let rows: [(&str, &str, &str, usize, &str); 9] = [
        // Deaf before it answers: what was written to it in between would be lost, and nobody could know.
        ("deaf", "if n == 5: os.close(0)\nok(r)\nif n == 5: time.sleep(60)", one, 14, ""),
        ("garbage", "print('{{]', flush=True); print('\"x\"'); ok(r)", plain, 20, "garbage"),
        ("twice", "ok(r); ok(r)", plain, 20, "stray_answers"),
        (
            "wrong id",
            "say({'type': 'response', 'id': 'task-999999', 'status': 'ok'}); ok(r)",
            plain,
            20,
            "stray_answers",
        ),
        ("floods", "sys.stderr.write('x' * 300000 + '\\n'); sys.stderr.flush(); ok(r)", plain, 20, ""),
        ("closes", "ok(r)\nif n == 5: os.close(1); time.sleep(60)", retries, 17, ""),
        ("killed", "if n == 5: os.kill(os.getpid(), signal.SIGKILL)\nok(r)", retries, 17, ""),
        ("freezes", "if n == 8: os.kill(os.getpid(), signal.SIGSTOP)\nok(r)", plain, 14, ""),
        (
            "splits",
            "t = json.dumps({'type': 'response', 'id': r['id'], 'status': 'ok'})\nfor c in t: sys.stdout.write(c); sys.stdout.flush()\nprint(flush=True)",
            plain,
            20,
            "",
        ),
    ];
    for (name, body, pool, least, note) in rows {
        let folder = Folder::new("wrong");
        let script = worker(&folder, body);
        let journal = folder.0.join("journal.jsonl");
        let replayed = play(&twenty(pool), &["python3", &script], Some(&journal));
        assert_eq!(replayed.requests.len(), 20, "{name}");
        assert_eq!(count(&replayed, Outcome::Unfinished), 0, "{name}: {:?}", replayed.notes);
        let ok = count(&replayed, Outcome::Ok);
        let notes: Vec<&str> = replayed.notes.iter().map(|note| note.code).collect();
        // On a busy machine an honest answer may come after the time-out, and which worker gets how many requests is a matter
        // of milliseconds: one that gets seven of them does not crash.
        assert!(ok >= least || notes.contains(&"generator_late"), "{name}: {ok} of 20, {notes:?}");
        assert!(note.is_empty() || notes.contains(&note), "{name}: {notes:?}");
        assert!(matches!(told_again(&journal, |_, _| {}), Redriven::Same { .. }), "{name}");
    }
}

#[test]
fn a_worker_that_never_gets_ready_and_one_that_freezes_idle_are_replaced() {
    if !has_python() {
        return;
    }
    // The first worker dies at its third request; the second never says that it is ready; the next are well.
    let folder = Folder::new("never-ready");
    let body = "if n == 3 and starts == 1: os._exit(9)\nok(r)";
    let script = worker(&folder, body);
    let text = std::fs::read_to_string(&script).unwrap();
    let count = "open('starts', 'a').write('x'); starts = len(open('starts').read())\n\
                 if starts == 2: time.sleep(600)\nsay({'type': 'ready'})";
    let text = text.replace("say({'type': 'ready'})", count);
    std::fs::write(&script, format!("import os\nos.chdir({:?})\n{text}", folder.0)).unwrap();
    let pool = "slots = 1\nretry = { max = 3 }\nworker = { restart_delay = \"5ms\", start_timeout = \"3s\" }";
    let journal = folder.0.join("journal.jsonl");
    let replayed = play(&twenty(pool), &["python3", &script], Some(&journal));
    assert_eq!(count_of(&replayed), BTreeMap::from([("ok", 20)]), "{:?}", replayed.notes);
    assert_eq!(std::fs::read_to_string(folder.0.join("starts")).unwrap().len(), 3);
    let text = std::fs::read_to_string(&journal).unwrap();
    assert_eq!(text.matches("\"kill\"").count(), 1, "the one that never got ready was killed");

    // One that freezes is known by its heartbeats, whatever time its job may take.
    let model = model(
        "name = \"freeze\"\nrun = { requests = 12 }\nclass.job = { demand = \"5ms\" }\n\
         source.web = { pool = \"main\", class = \"job\", arrivals = { process = \"deterministic\", rate = \"20/s\" } }\n\
         pool.main = { slots = 2, worker = { restart_delay = \"5ms\", heartbeat_interval = \"100ms\", \
         heartbeat_timeout = \"3s\" } }\nclass.ill = { demand = \"5ms\" }\n\
         source.ill = { pool = \"main\", requests = [{ at = \"100ms\", class = \"ill\", demand = \"5ms\", fate = \"freeze\" }] }\n",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/worker.py");
    let shipped = script.to_string_lossy();
    let replayed = play(&model, &["env", "HEARTBEAT_SECONDS=0.1", "python3", &shipped], None);
    let ill: Vec<_> = replayed.requests.iter().filter(|one| one.source == 1).collect();
    assert_eq!(ill.len(), 1);
    assert!(!matches!(ill[0].seen.outcome, Outcome::Ok | Outcome::Unfinished), "{:?}", ill[0]);
    assert!(ill[0].seen.latency() >= Span::from_millis(2500), "{:?}", ill[0]);
    let well = replayed.requests.iter().filter(|one| one.source == 0);
    assert!(
        well.clone().count() == 11 && well.clone().all(|one| one.seen.outcome == Outcome::Ok),
        "{replayed:?}"
    );
}

/// Requests by outcome.
fn count_of(replayed: &Replayed) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    replayed.requests.iter().for_each(|one| *counts.entry(one.seen.outcome.name()).or_default() += 1);
    counts
}

#[test]
fn an_exit_is_noticed_although_something_else_holds_the_pipes() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("held");
    // What it starts leaves its group, and keeps its pipes for longer than the request may take.
    let body = "import subprocess\n\
                if n == 8: subprocess.Popen(['sleep', '4'], start_new_session=True); os._exit(3)\nok(r)";
    let script = worker(&folder, body);
    // One slot: which requests are a worker's eighth is no matter of milliseconds.
    let pool = "slots = 1\nservice_timeout = \"2s\"\nworker = { restart_delay = \"5ms\" }";
    let replayed = play(&twenty(pool), &["python3", &script], None);
    assert_eq!(count_of(&replayed), BTreeMap::from([("ok", 18), ("crash", 2)]), "{:?}", replayed.notes);
    let crashed = replayed.requests.iter().filter(|one| one.seen.outcome == Outcome::Crash);
    assert!(crashed.clone().all(|one| one.detail == "exit code 3"), "{:?}", crashed.collect::<Vec<_>>());
}

#[test]
fn workers_that_are_killed_for_their_silence_are_told_of() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("silent");
    let script = worker(&folder, "ok(r)");
    let note = |worker: &str| {
        let pool = format!("slots = 1\nworker = {{ restart_delay = \"5ms\", {worker} }}");
        let replayed = play(&twenty(&pool), &["python3", &script], None);
        replayed.notes.into_iter().find(|note| note.code == "workers_silent")
    };
    let silent = note("heartbeat_interval = \"50ms\", heartbeat_timeout = \"150ms\"").expect("it is told");
    assert!(
        silent.text.starts_with("pool `main`: ") && silent.text.contains("for 0.15 s; 0 heartbeats"),
        "{silent:?}"
    );
    assert!(silent.advice.contains("pool.main.worker.heartbeat_interval"), "{silent:?}");
    assert_eq!(note(""), None);
}

#[test]
fn workers_that_are_silent_because_they_are_told_to_freeze_are_not_blamed() {
    let pool = "slots = 2\nworker = { restart_delay = \"5ms\", heartbeat_interval = \"50ms\", heartbeat_timeout = \"200ms\" }";
    let mut model = twenty(pool);
    model.classes[0].fates.freeze = 0.3;
    let mut pools = OwnPools::threads(&model, 0);
    let replayed = replay(&model, &mut pools, &Settings::default(), &|| false).unwrap();
    let kills: u64 = replayed.replication.segments.iter().map(|segment| segment.pools[0].kills).sum();
    assert!(kills > 0, "none froze: {:?}", replayed.requests);
    assert!(replayed.notes.iter().all(|note| note.code != "workers_silent"), "{:?}", replayed.notes);
}

#[test]
fn workers_that_end_before_they_are_ready_are_told_of() {
    if !has_python() {
        return;
    }
    // The first worker of each slot is well and dies at its third request; those after it are not.
    let folder = Folder::new("unready");
    let script = worker(&folder, "if n == 3: os._exit(9)\nok(r)");
    let text = std::fs::read_to_string(&script).unwrap();
    let ill = "open('starts', 'a').write('x'); starts = len(open('starts').read())\n\
               if starts > 1: sys.stderr.write('no licence left\\n'); os._exit(7)\nsay({'type': 'ready'})";
    let text = text.replace("say({'type': 'ready'})", ill);
    std::fs::write(&script, format!("import os, sys\nos.chdir({:?})\n{text}", folder.0)).unwrap();
    // Long enough for a busy machine to start two workers within it.
    let settings = Settings { silence: Span::from_whole_secs(3), ..Settings::default() };
    let model = twenty("slots = 1\nworker = { restart_delay = \"5ms\" }");
    let command = ["python3", &script].map(String::from).to_vec();
    let mut pools = OwnPools::processes(&model, 0, command);
    let replayed = replay(&model, &mut pools, &settings, &|| false).unwrap();
    let note = replayed.notes.iter().find(|note| note.code == "workers_not_ready").expect("it is told");
    assert!(note.text.contains("the last: exit code 7: no licence left"), "{note:?}");
    assert_eq!(count_of(&replayed)["ok"], 2);
}

#[test]
fn a_flood_of_signs_of_life_is_heard_and_not_written_down() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("beats");
    let body = "for _ in range(3000): say({'type': 'heartbeat'})\nfor _ in range(100): say({'type': 'ready'})\nok(r)";
    let script = worker(&folder, body);
    let pool = "slots = 1\nworker = { heartbeat_interval = \"1s\", heartbeat_timeout = \"20s\" }";
    let journal = folder.0.join("journal.jsonl");
    let replayed = play(&twenty(pool), &["python3", &script], Some(&journal));
    assert_eq!(count_of(&replayed), BTreeMap::from([("ok", 20)]), "{:?}", replayed.notes);
    let lines = std::fs::read_to_string(&journal).unwrap().lines().count();
    assert!(lines < 500, "{lines} lines of 62 000 words");
    assert!(replayed.notes.iter().any(|note| note.code == "garbage" && note.text.contains("2000 lines")));
}

#[test]
fn workers_that_cannot_start_are_named() {
    let refused = |command: &[&str], start_timeout: &str| {
        let model = twenty(&format!("slots = 2\nworker = {{ start_timeout = \"{start_timeout}\" }}"));
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let mut pools = OwnPools::processes(&model, 0, command);
        replay(&model, &mut pools, &Settings::default(), &|| false).unwrap_err().text
    };
    let text = refused(&["/no/such/worker"], "2s");
    assert!(text.contains("could not start `/no/such/worker`"), "{text}");
    let text = refused(&["sh", "-c", "echo no good >&2; exit 7"], "20s");
    assert!(text.contains("exit code 7: no good"), "{text}");
    let text = refused(&["sleep", "100"], "300ms");
    assert!(text.contains("2 workers were not ready"), "{text}");
}

#[test]
fn ten_thousand_jobs_through_64_processes_leave_nothing_behind() {
    // A shell's loop answers as fast as any worker needs to, and starts at once.
    const WORKER: &str = "echo '{\"type\":\"ready\"}'; while IFS= read -r l; do i=${l#*task-}; \
        echo \"{\\\"type\\\":\\\"response\\\",\\\"id\\\":\\\"task-${i%%\\\"*}\\\",\\\"status\\\":\\\"ok\\\"}\"; done";
    let model = model(
        "name = \"many\"\nrun = { requests = 10000 }\nclass.job = { demand = \"1ms\" }\n\
         source.web = { pool = \"main\", class = \"job\", arrivals = { rate = \"2500/s\" } }\n\
         pool.main = { slots = 64, idle_order = \"longest_idle\" }\n",
    );
    // Other tests hold descriptors too, some hundreds at most; a leak would be tens of thousands.
    let before = descriptors();
    let replayed = play(&model, &["sh", "-c", WORKER], None);
    assert_eq!(count(&replayed, Outcome::Ok), 10_000, "{:?}", replayed.notes);
    let workers: std::collections::BTreeSet<_> =
        replayed.requests.iter().filter_map(|one| one.worker).collect();
    assert_eq!(workers.len(), 64);
    assert!(descriptors() < before + 600, "{} descriptors, {before} before", descriptors());
    let left = Command::new("pgrep").args(["-f", "i=.{l#.task-}"]).output();
    if let Ok(left) = left {
        assert!(left.stdout.is_empty(), "left behind: {}", String::from_utf8_lossy(&left.stdout));
    }
}

#[test]
fn a_worker_gets_the_requests_that_it_knows() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("payloads");
    let body = "p = r['payload']\n\
                a = r['action'] == 'make_a' and p['class'] == 'a' and p['ids'] == ['t%d' % p['request']]\n\
                b = r['action'] == 'b' and p == {'n': 1, 's': 0.01}\n\
                good = (a or b) and os.environ['GREETING'] == 'hello'\n\
                say({'type': 'response', 'id': r['id'], 'status': 'ok' if good else 'error', 'error': line})";
    let path = worker(&folder, body);
    let model = model(
        "name = \"told\"\nrun = { requests = 20 }\nclass.a = { demand = \"10ms\" }\nclass.b = { demand = \"10ms\" }\n\
         source.web = { pool = \"main\", mix = { a = 0.5, b = 0.5 }, arrivals = { process = \"deterministic\", rate = \"50/s\" } }\n\
         pool.main = { slots = 2, worker.warm_start = false }\n\
         [target.process]\nenv = { GREETING = \"hello\" }\npayload = '{ \"n\": {attempt}, \"s\": {demand_s} }'\n\
         [target.process.class.a]\naction = \"make_{class}\"\n\
         payload = '{ \"ids\": [\"t{request}\"], \"request\": {request}, \"class\": \"{class}\" }'\n",
    );
    let replayed = play(&model, &["python3", &path], None);
    let details: Vec<&str> = replayed.requests.iter().map(|one| one.detail.as_str()).collect();
    assert_eq!(count(&replayed, Outcome::Ok), 20, "{details:?}");
    let classes: Vec<u16> = replayed.requests.iter().map(|one| one.seen.class).collect();
    assert!(classes.contains(&0) && classes.contains(&1), "both classes came");
}
