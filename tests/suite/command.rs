//! Schedulers behind adapters: the two that ship, run for real, and adapters that do everything wrong.

use crate::service::{PATIENCE, ends, example, has, job, until};
use poolsim::live::clock::Clock;
use poolsim::live::command::{AGAIN, CommandTarget};
use poolsim::live::replay::{Settings, admit, replay};
use poolsim::live::target::{AttemptId, Report, Target, What, WorkerEvent};
use poolsim::model::{self, Model, NoFiles, RunLength};
use poolsim::outcome::Outcome;
use poolsim::time::Span;
use poolsim::workload::trace::Fate;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// An adapter that does to each job what its class says.
const WRONG: &str = r#"
import json, os, signal, subprocess, sys, time
def say(**m): print(json.dumps(m), flush=True)
def now(): return time.monotonic() * 1e3 + 5e6
mode = sys.argv[1] if len(sys.argv) > 1 else ""
if mode == "speechless": sys.stderr.write("no licence\n"); sys.exit(4)
child = subprocess.Popen(["sleep", "600"])
if mode == "stubborn": signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "hello":
        say(type="hello", protocol=2 if mode == "stranger" else 1, name="wrong", capabilities={"cancels": mode not in ("deaf", "told"), "takes_demands": mode == "told"})
        if mode != "lazy": say(type="ready")
    if m["type"] == "sync": say(type="sync", n=m["n"], t_ms=now())
    if m["type"] == "cancel": say(type="failed", id=m["id"], outcome="cancelled", t_ms=now())
    if m["type"] != "job": continue
    id, how, t = m["id"], m["class"], now()
    if how == "silent": continue
    if how == "exit": sys.stderr.write("out of cheese\n"); sys.stderr.flush(); os._exit(7)
    if how == "freeze": os.kill(os.getpid(), signal.SIGSTOP)
    if how == "garbage": print("not JSON at all", flush=True); say(type="queued", id=id); say(type="failed", id=id, t_ms=t, outcome="tired")
    if how == "stranger": say(type="started", id=4000000, worker=0, t_ms=t)
    if how == "flood": sys.stderr.write("x" * 3000000)
    if how == "long": print("y" * 3000000, flush=True)
    if how == "giant": say(type="started", id=id, worker=4294967295, t_ms=t); say(type="worker_ready", worker=1, t_ms=t)
    if how == "again": [say(type=what, id=id, worker=0, t_ms=t) for what in ["started", "started", "queued"]]
    if how == "prompt": say(type="queued", id=id, t_ms=t); say(type="started", id=id, worker=0, t_ms=t + 0.2)
    if how == "late": say(type="queued", id=id, t_ms=t); time.sleep(0.02); say(type="started", id=id, worker=0, t_ms=now())
    if how == "future": say(type="queued", id=id, t_ms=t + 1e9); say(type="started", id=id, worker=0, t_ms=-1e12)
    say(type="finished", id=id, t_ms=t, detail="%d %d" % (os.getpid(), child.pid))
    if how == "double": say(type="finished", id=id, t_ms=t); say(type="failed", id=id, outcome="crash", t_ms=t)
if mode == "stubborn":
    while True: time.sleep(600)
"#;

/// An adapter that goes away at its first job and leaves its pipes to somebody in its group, or closes its output.
const GOING: &str = r#"
import json, os, subprocess, sys, time
def say(**m): print(json.dumps(m), flush=True)
for line in sys.stdin:
    m = json.loads(line)
    if m["type"] == "hello":
        say(type="hello", protocol=1, name="going", capabilities={})
        say(type="ready")
    if m["type"] == "sync": say(type="sync", n=m["n"], t_ms=time.monotonic() * 1e3)
    if m["type"] != "job": continue
    if m["class"] == "held": subprocess.Popen(["sleep", "600"]); os._exit(7)
    os.close(1)
    time.sleep(600)
"#;

#[allow(clippy::disallowed_methods, reason = "how long an answer takes is asked")]
fn now() -> Instant {
    Instant::now()
}

fn model(classes: &[&str], pool: &str, run: &[&str], more: &str) -> Model {
    let list: String = classes.iter().map(|name| format!("[class.{name}]\ndemand = \"1ms\"\n")).collect();
    let text = format!(
        "[run]\nhorizon = \"1s\"\n{list}[pool.main]\n{pool}\n\
         [source.web]\npool = \"main\"\nmix = {{ {} = 1 }}\narrivals = {{ process = \"deterministic\", rate = \"20/s\" }}\n\
         [target.command]\nrun = {run:?}\n{more}",
        classes[0]
    );
    match model::load("command.toml", &text, &NoFiles, &[]) {
        Ok(loaded) => loaded.model,
        Err(faults) => panic!("{}", faults.render(false)),
    }
}

fn start(model: &Model) -> Result<CommandTarget, poolsim::live::target::TargetError> {
    CommandTarget::start(model, model.targets.command.as_ref().unwrap(), 1.0)
}

fn opened(model: &Model) -> (CommandTarget, Receiver<Report>) {
    let mut target = start(model).unwrap_or_else(|error| panic!("{}; {}", error.text, error.hint));
    let (sender, reports) = channel();
    target.open(Clock::start(1.0), sender).unwrap_or_else(|error| panic!("{}; {}", error.text, error.hint));
    (target, reports)
}

/// Whether a process is gone, or dead and only not yet buried.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.map_or(true, |stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

#[test]
fn whatever_an_adapter_says_each_job_has_one_end() {
    if !has("python3") {
        return;
    }
    let classes =
        ["fine", "garbage", "stranger", "double", "future", "flood", "long", "giant", "again", "silent"];
    let model = model(&classes, "slots = 1", &["python3", "-c", WRONG], "");
    let (mut target, reports) = opened(&model);
    assert_eq!(target.scheduler(), "wrong");
    assert!(target.capabilities().cancels && !target.capabilities().takes_demands);
    let silent = classes.len() as u64 - 1;
    (0..=silent).for_each(|id| target.submit(job(id, id as u16, Span::ZERO, Fate::Ok)));
    let found = ends(&reports, classes.len() - 1);
    assert!(found.values().all(|(outcome, ..)| *outcome == Outcome::Ok), "{found:?}");
    let pids: Vec<String> = found[&0].1.split(' ').map(String::from).collect();
    target.close(Span::from_millis(50)).unwrap();
    let rest = ends(&reports, 1);
    assert_eq!(rest[&silent].0, Outcome::Cancelled);
    assert!(reports.iter().all(|report| !matches!(report.what, What::Ended { .. })), "a job ended twice");
    let remarks = target.said().join("\n");
    for part in [
        "known to",
        "6 times: a line that is none of the protocol's; the first was not JSON at all",
        "once: an event of a job that it was never given: `started` of job 4000000",
        "2 times: an event of a job that had ended; the first was `finished` of job 3",
        "2 times: a job that is queued or started again without `retried`; the first was `started` of job 8",
        "an instant in the future or out of order; the first was `queued` of job 4",
    ] {
        assert!(remarks.contains(part), "{part}\n{remarks}");
    }
    assert_eq!(pids.len(), 2);
    until(|| pids.iter().all(|pid| is_gone(pid)));
}

#[test]
fn a_job_is_with_one_worker_at_a_time_whatever_an_adapter_says() {
    if !has("python3") {
        return;
    }
    let model = model(&["again"], "slots = 1", &["python3", "-c", WRONG], "");
    let (mut target, reports) = opened(&model);
    target.submit(job(1, 0, Span::ZERO, Fate::Ok));
    let (found, _) = stories(&reports, 1);
    assert!(matches!(found[&1][..], [What::Started { .. }, What::Ended { .. }]), "{found:?}");
    target.close(Span::ZERO).unwrap();
    // A hunt takes it for what it is.
    assert!(target.remarks().iter().any(|note| note.code == AGAIN), "{:?}", target.remarks());
}

#[test]
fn nothing_is_withdrawn_from_an_adapter_that_does_not_say_that_it_cancels() {
    if !has("python3") {
        return;
    }
    let classes = ["silent", "fine"];
    for (mode, withdrawn) in [("hears", true), ("deaf", false)] {
        let model = model(&classes, "slots = 1", &["python3", "-c", WRONG, mode], "");
        let (mut target, reports) = opened(&model);
        target.submit(job(1, 0, Span::ZERO, Fate::Ok));
        target.cancel(1);
        // What was said of the first was said before the end of the second.
        target.submit(job(2, 1, Span::ZERO, Fate::Ok));
        let found = ends(&reports, if withdrawn { 2 } else { 1 });
        assert_eq!(found.contains_key(&1), withdrawn, "{found:?}");
        assert_eq!(found[&2].0, Outcome::Ok);
        target.close(Span::ZERO).unwrap();
    }
    // The model's clients withdraw; that they cannot is said.
    let more = "[source.web.client]\ndeadline = \"1s\"\ncancels = true\n";
    let deaf = model(&classes, "slots = 1", &["python3", "-c", WRONG, "deaf"], more);
    let notes = admit(&deaf, &start(&deaf).unwrap()).unwrap();
    assert!(notes.iter().any(|note| note.code == "not_withdrawn"), "{notes:?}");
    // Where demands are told, work that a client withdraws must end; the hint is about adapters.
    let told = model(&classes, "slots = 1", &["python3", "-c", WRONG, "told"], more);
    let refused = admit(&told, &start(&told).unwrap()).unwrap_err();
    assert!(refused.hint.contains("let the adapter say `cancels`"), "{}", refused.hint);
    assert!(!refused.hint.contains("process"), "{}", refused.hint);
    let hears = model(&classes, "slots = 1", &["python3", "-c", WRONG], more);
    assert_eq!(admit(&hears, &start(&hears).unwrap()).unwrap(), []);
}

#[test]
fn jobs_that_are_queued_and_started_in_one_step_have_not_waited() {
    if !has("python3") {
        return;
    }
    for (class, waited) in [("prompt", 0), ("late", 10)] {
        let mut model = model(&[class], "slots = 1", &["python3", "-c", WRONG], "");
        model.run.length = RunLength::Requests(10);
        let mut target = start(&model).unwrap();
        let played = replay(&model, &mut target, &Settings::default(), &|| false).unwrap();
        let cells = played.replication.segments.iter().flat_map(|segment| &segment.classes);
        let counts = cells.fold((0, 0), |(all, late), cell| (all + cell.accepted, late + cell.delayed));
        assert_eq!(counts, (10, waited), "{class}: {:?}", played.requests);
    }
}

#[test]
fn an_adapter_that_goes_away_takes_its_jobs_with_it() {
    if !has("python3") {
        return;
    }
    let model = model(&["silent", "exit", "fine"], "slots = 1", &["python3", "-c", WRONG], "");
    let (mut target, reports) = opened(&model);
    for (id, class) in [(1, 0), (2, 0), (3, 1)] {
        target.submit(job(id, class, Span::ZERO, Fate::Ok));
    }
    for (id, (outcome, detail, _)) in ends(&reports, 3) {
        assert_eq!(outcome, Outcome::Crash, "{id}: {detail}");
        assert!(detail.contains("exit code 7") && detail.contains("out of cheese"), "{detail}");
    }
    target.submit(job(4, 2, Span::ZERO, Fate::Ok));
    assert_eq!(ends(&reports, 1)[&4].0, Outcome::WriteError);
    target.close(Span::from_whole_secs(60)).unwrap();
    assert!(target.said().iter().any(|remark| remark.contains("exit code 7")), "{:?}", target.said());
}

#[test]
fn an_adapter_that_closes_its_output_is_lost_at_once() {
    if !has("python3") {
        return;
    }
    let model = model(&["mute", "fine"], "slots = 1", &["python3", "-c", GOING], "");
    let (mut target, reports) = opened(&model);
    let begun = now();
    target.submit(job(1, 0, Span::ZERO, Fate::Ok));
    let (outcome, detail, _) = ends(&reports, 1).remove(&1).unwrap();
    assert_eq!(outcome, Outcome::Crash);
    // Our own signal is no cause.
    assert!(detail.contains("it closed its output") && !detail.contains("signal"), "{detail}");
    target.submit(job(2, 1, Span::ZERO, Fate::Ok));
    assert_eq!(ends(&reports, 1)[&2].0, Outcome::WriteError);
    // It would take seven seconds to ask it politely.
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    target.close(Span::ZERO).unwrap();
}

#[test]
fn an_adapter_is_missed_however_much_is_said_meanwhile() {
    if !has("python3") {
        return;
    }
    // Something that it started holds its pipes, so that only its exit tells that it is gone.
    let model = model(&["held", "fine"], "slots = 1", &["python3", "-c", GOING], "");
    let (mut target, reports) = opened(&model);
    target.submit(job(1, 0, Span::ZERO, Fate::Ok));
    let begun = now();
    for id in 2.. {
        target.submit(job(id, 1, Span::ZERO, Fate::Ok));
        // What is heard of it paces the jobs.
        let heard = reports.recv_timeout(Duration::from_millis(10));
        if heard.is_ok_and(|report| matches!(report.what, What::Ended { outcome: Outcome::WriteError, .. })) {
            break;
        }
        assert!(begun.elapsed().as_secs() < 20, "{id} jobs were given to it");
    }
    // Jobs came every 10 ms; two looks, 100 ms apart, are enough but for a busy machine.
    assert!(begun.elapsed().as_millis() < 1500, "{:?}", begun.elapsed());
    let _ = target.close(Span::ZERO);
}

#[test]
fn silence_and_stubbornness_are_ended() {
    if !has("python3") {
        return;
    }
    let frozen = model(&["freeze"], "slots = 1", &["python3", "-c", WRONG], "silence_timeout = \"1s\"");
    let (mut target, reports) = opened(&frozen);
    target.submit(job(1, 0, Span::ZERO, Fate::Ok));
    let (outcome, detail, _) = ends(&reports, 1).remove(&1).unwrap();
    assert_eq!(outcome, Outcome::Crash);
    assert!(detail.contains("has not answered for 1s"), "{detail}");
    target.close(Span::ZERO).unwrap();

    // It neither leaves when its input ends nor when it is asked to.
    let stubborn = model(&["fine"], "slots = 1", &["python3", "-c", WRONG, "stubborn"], "");
    let (mut target, reports) = opened(&stubborn);
    target.submit(job(1, 0, Span::ZERO, Fate::Ok));
    let pids = ends(&reports, 1).remove(&1).unwrap().1;
    target.close(Span::ZERO).unwrap();
    until(|| pids.split(' ').all(is_gone));
}

#[test]
fn adapters_that_cannot_be_used_are_refused_with_the_reason() {
    if !has("python3") {
        return;
    }
    let refused = |run: &[&str], more: &str| {
        let model = model(&["fine"], "slots = 1", run, more);
        let error =
            start(&model).and_then(|mut target| target.open(Clock::start(1.0), channel().0)).unwrap_err();
        format!("{}\n{}", error.text, error.hint)
    };
    let adapter = |mode| refused(&["python3", "-c", WRONG, mode], "start_timeout = \"20s\"");
    let missing = refused(&["./no-such-adapter"], "");
    assert!(missing.contains("could not start the adapter `./no-such-adapter`"), "{missing}");
    let speechless = adapter("speechless");
    assert!(
        speechless.contains("ended before it said `hello`") && speechless.contains("no licence"),
        "{speechless}"
    );
    assert!(adapter("stranger").contains("it speaks protocol 2"));
    let lazy = refused(&["python3", "-c", WRONG, "lazy"], "start_timeout = \"3s\"");
    assert!(lazy.contains("did not say `"), "{lazy}");
}

/// What was reported of each job, in order, and of workers.
fn stories(reports: &Receiver<Report>, jobs: usize) -> (BTreeMap<AttemptId, Vec<What>>, Vec<WorkerEvent>) {
    let (mut stories, mut workers, mut ended) = (BTreeMap::new(), Vec::new(), 0);
    while ended < jobs {
        let report = reports.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{ended} of {jobs} ended"));
        let id = match &report.what {
            What::Queued { id } | What::Started { id, .. } | What::Retried { id, .. } => *id,
            What::Ended { id, .. } => {
                ended += 1;
                *id
            }
            What::Worker { event, .. } => {
                workers.push(*event);
                continue;
            }
        };
        stories.entry(id).or_insert_with(Vec::new).push(report.what);
    }
    (stories, workers)
}

fn outcome(story: &[What]) -> Outcome {
    match story.last() {
        Some(What::Ended { outcome, .. }) => *outcome,
        _ => panic!("{story:?}"),
    }
}

fn starts(story: &[What]) -> usize {
    story.iter().filter(|what| matches!(what, What::Started { .. })).count()
}

/// An adapter that ships says nothing that the protocol does not have.
fn faultless(target: &CommandTarget) {
    let remarks = target.said();
    assert!(remarks[0].contains("known to"), "{remarks:?}");
    // Instants may be off on a machine that stalls; lines and jobs may not.
    assert!(remarks[1..].iter().all(|remark| remark.contains("an instant in the future")), "{remarks:?}");
}

#[test]
fn pythons_process_pool_is_driven_through_its_adapter() {
    if !has("python3") {
        return;
    }
    let adapter = example("adapters/process_pool.py");
    let model = model(&["work"], "slots = 3", &["python3", adapter.to_str().unwrap()], "");
    let (mut target, reports) = opened(&model);
    assert!(target.scheduler().contains("ProcessPoolExecutor"));
    assert!(target.capabilities().takes_demands && target.capabilities().reports_starts);
    let fates = [Fate::Ok, Fate::Error, Fate::Ok, Fate::Ok];
    for id in 0..40 {
        target.submit(job(id, 0, Span::from_millis(5), fates[id as usize % 4]));
    }
    let (found, workers) = stories(&reports, 40);
    for (id, story) in &found {
        let expected = if id % 4 == 1 { Outcome::Error } else { Outcome::Ok };
        assert_eq!(outcome(story), expected, "{id}: {story:?}");
        assert!(
            matches!(story[..], [What::Queued { .. }, What::Started { .. }, What::Ended { .. }]),
            "{story:?}"
        );
    }
    assert!(workers.iter().all(|event| *event != WorkerEvent::Exited), "{workers:?}");
    // One crash breaks the executor: every job on it is lost, and new workers take over.
    target.submit(job(100, 0, Span::from_millis(20), Fate::Crash));
    (101..105).for_each(|id| target.submit(job(id, 0, Span::from_whole_secs(600), Fate::Ok)));
    let (found, workers) = stories(&reports, 5);
    assert!(found.values().all(|story| outcome(story) == Outcome::Crash), "{found:?}");
    target.submit(job(200, 0, Span::from_millis(1), Fate::Ok));
    let mut exits = workers.iter().filter(|event| **event == WorkerEvent::Exited).count();
    let mut ok = false;
    while exits < 3 || !ok {
        match reports.recv_timeout(PATIENCE).unwrap().what {
            What::Worker { event: WorkerEvent::Exited, .. } => exits += 1,
            What::Ended { id: 200, outcome, .. } => ok = outcome == Outcome::Ok || panic!("{outcome:?}"),
            _ => {}
        }
    }
    target.close(Span::ZERO).unwrap();
    faultless(&target);
}

#[test]
fn the_orchestrators_bridge_is_driven_untouched() {
    let Some(checkout) = std::env::var_os("POOLSIM_BRIDGE") else {
        crate::service::skip("POOLSIM_BRIDGE names no checkout of MasterDD-L34D/Game");
        return;
    };
    if !has("node") || !has("python3") {
        return;
    }
    let adapter = example("adapters/orchestrator_bridge.js");
    let run = ["node", adapter.to_str().unwrap(), checkout.to_str().unwrap()];
    let pool = "preset = \"orchestrator-bridge\"\nslots = 2\nservice_timeout = \"5s\"\nretry = { max = 1 }";
    let model = model(&["work"], pool, &run, "");
    let (mut target, reports) = opened(&model);
    let fates = [Fate::Ok, Fate::Error, Fate::CrashOnce, Fate::Crash, Fate::Ok, Fate::Ok];
    for (id, fate) in fates.into_iter().enumerate() {
        target.submit(job(id as u64, 0, Span::from_millis(50), fate));
    }
    let (found, mut workers) = stories(&reports, fates.len());
    let expected = [Outcome::Ok, Outcome::Error, Outcome::Ok, Outcome::Crash, Outcome::Ok, Outcome::Ok];
    for (id, outcome_of) in expected.into_iter().enumerate() {
        let story = &found[&(id as u64)];
        assert_eq!(outcome(story), outcome_of, "{id}: {story:?}");
        // A crash is tried once more, from the head of the queue.
        let tries = if matches!(fates[id], Fate::CrashOnce | Fate::Crash) { 2 } else { 1 };
        assert_eq!(starts(story), tries, "{id}: {story:?}");
    }
    // A time-out kills the worker; the task that waits is handed to the dying one and loses a try, or fails.
    (10..12).for_each(|id| target.submit(job(id, 0, Span::from_millis(1), Fate::Hang)));
    target.submit(job(12, 0, Span::from_millis(10), Fate::Ok));
    let (found, more) = stories(&reports, 3);
    workers.extend(more);
    assert_eq!([outcome(&found[&10]), outcome(&found[&11])], [Outcome::Timeout; 2]);
    let dying = |what: &What| matches!(what, What::Started { dying: true, .. });
    assert!(found[&12].iter().any(dying), "{:?}", found[&12]);
    assert!(workers.iter().filter(|event| **event == WorkerEvent::Killed).count() >= 2, "{workers:?}");
    assert!(workers.iter().filter(|event| **event == WorkerEvent::Exited).count() >= 3, "{workers:?}");
    target.close(Span::ZERO).unwrap();
    faultless(&target);
}
