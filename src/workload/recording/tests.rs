//! Recorded scenarios of a clone, made-up ones, and faulty ones.

use super::*;
use std::path::Path;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/orchestrator");

fn read(name: &str) -> RecordedScenario {
    let folder = Path::new(DATA).join("scenarios").join(name);
    read_scenario(|file| std::fs::read(folder.join(file)).ok())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_recorded_scenario_reads_and_agrees_with_itself() {
    let noise = read_noise(&std::fs::read(Path::new(DATA).join("noise.csv")).unwrap()).unwrap();
    assert_eq!(noise.len(), 12);
    for row in noise {
        let scenario = read(&row.scenario);
        assert_eq!(scenario.settings.name, row.scenario);
        assert_eq!(scenario.runs.len(), row.runs as usize, "{}", row.scenario);
        for run in &scenario.runs {
            let summary = run.summary.as_ref().unwrap();
            assert_eq!(run.results.len() as u64, summary.tasks);
            assert_eq!(run.attempts.len() as u32, run.results.iter().map(|task| task.attempts).sum::<u32>());
            let dying = run.attempts.iter().filter(|attempt| attempt.dispatched_to_dying).count();
            assert_eq!(dying as u64, summary.dispatched_to_dying);
            for (outcome, &count) in &summary.outcomes {
                let found = run.results.iter().filter(|task| named(task) == *outcome).count();
                assert_eq!(found as u64, count, "{}: {outcome}", row.scenario);
            }
            assert!(run.processes.iter().any(|event| event.event == "ready"));
        }
        let p95 = scenario.runs.iter().map(|run| run.summary.as_ref().unwrap().p95_ms).fold(0.0, f64::max);
        // Both were rounded, to a tenth of a millisecond, by different programs.
        assert!((row.figures["p95_ms"].max - p95).abs() < 0.11, "{}", row.scenario);
        assert!(row.others.contains_key("median_abs_latency_difference_ms"));
    }
}

#[test]
fn an_open_scenario_becomes_a_trace() {
    let scenario = read("crash5_p4");
    assert_eq!((scenario.settings.mode, scenario.settings.pool.pool_size), (LoopMode::Open, 4));
    assert!(scenario.settings.run.warm_start);
    assert_eq!(scenario.workload.classes(), ["short", "long"]);
    let trace = scenario.workload.trace().unwrap();
    assert_eq!(trace.rows.len(), 179);
    assert_eq!(trace.rows[0].at.nanos(), 138_830_000);
    assert_eq!(trace.rows[2].demand.nanos(), 2_177_100_000);
    assert!(trace.rows.iter().any(|row| row.fate == Some(Fate::Crash)));
}

#[test]
fn a_closed_scenario_has_users_with_scripts() {
    let scenario = read("closed_12vu_p6");
    let RecordedWorkload::Closed(users) = &scenario.workload else { panic!("a closed loop") };
    assert_eq!(users.len(), 12);
    assert_eq!(users[1].plan.start.nanos(), 1_000_000_000);
    assert_eq!(users[11].plan.stop.nanos(), 28_666_700_000);
    assert_eq!(users[0].rows[1].demand.nanos(), 1_584_300_000);
    assert_eq!(users[0].rows[0].think, Span::from_millis(100));
    assert!(scenario.workload.trace().is_none());
}

#[test]
fn constants_have_their_names() {
    let constants = read_constants(&std::fs::read(Path::new(DATA).join("constants.toml")).unwrap()).unwrap();
    assert_eq!(constants.constants["kill_exit_ms"], 2.31);
    assert_eq!(constants.distribution["timer_late"].p90, 2.23);
    assert_eq!(constants.start_together_minimal["4"], 83.1);
    assert_eq!(constants.dying["dispatches"], 259.0);
}

/// The outcome as summaries name it.
fn named(task: &RecordedResult) -> String {
    if task.outcome == "other" { format!("other:{}", task.code) } else { task.outcome.clone() }
}

const SETTINGS: &str = "name = 'x'\nmode = 'open'\n[pool]\npool_size = 1\nrequest_timeout_ms = 1500\n\
    max_task_retries = 1\nrestart_delay_ms = 250\nheartbeat_interval_ms = 1000\n\
    heartbeat_timeout_ms = 3000\nworker_start_timeout_ms = 5000\nnew_key = 3\n";

/// A folder with these files.
fn folder<'a>(files: &'a [(&'a str, &'a str)]) -> impl FnMut(&str) -> Option<Vec<u8>> + 'a {
    |name| files.iter().find(|(file, _)| *file == name).map(|(_, text)| text.as_bytes().to_vec())
}

#[test]
fn what_other_recordings_hold_is_read_too() {
    let settings = format!(
        "{SETTINGS}[run]\nwarm_start = false\n[worker]\nstart_delay_ms = 40\nstart_delay_ms_by_spawn = [600, 0.5]\n"
    );
    let workload = "id,class,arrival_ms,duration_ms,fate,extra\r\nt0,a,2,3.5,crash1,?\r\nt1,a,1,3,freeze,?";
    let results = "id,class,fate,arrival_ms,duration_ms,submit_ms,first_start_ms,last_start_ms,end_ms,\
        queue_ms,latency_ms,attempts,outcome,code,last_worker\nt0,a,crash1,2,3.5,2,,,,,,0,other,,\n";
    let files =
        [("settings.toml", settings.as_str()), ("workload.csv", workload), ("results_r3.csv", results)];
    let scenario = read_scenario(folder(&files)).unwrap();
    assert!(!scenario.settings.run.warm_start);
    let worker = &scenario.settings.worker;
    assert_eq!([0, 1, 2].map(|spawn| worker.start_delay_ms(spawn)), [600.0, 0.5, 40.0]);
    let fates: Vec<_> = scenario.workload.trace().unwrap().rows.iter().map(|row| row.fate).collect();
    assert_eq!(fates, [Some(Fate::Freeze), Some(Fate::CrashOnce)]);
    let run = &scenario.runs[0];
    assert_eq!((run.number, run.results[0].end_ms, run.results[0].last_worker), (3, None, None));
    assert!(run.attempts.is_empty() && run.summary.is_none());
}

#[test]
fn faulty_recordings_name_the_file() {
    let read = |files: &[(&str, &str)]| read_scenario(folder(files)).unwrap_err().to_string();
    let settings = ("settings.toml", SETTINGS);
    assert_eq!(read(&[]), "settings.toml: the file is missing");
    assert_eq!(read(&[settings]), "workload.csv: the file is missing");
    let message = read(&[("settings.toml", "mode = \"open\"\nname = 3")]);
    assert!(message.starts_with("settings.toml: TOML parse error at line 2, column 8: "), "{message}");
    assert!(!message.contains('\n'), "{message}");
    let header = "id,class,arrival_ms,duration_ms,fate\n";
    let gone = format!("{header}t0,a,1,2,gone\n");
    let message = read(&[settings, ("workload.csv", &gone)]);
    assert!(message.contains("line: 2") && message.contains("\"gone\" is not a fate"), "{message}");
    let closed = SETTINGS.replace("open", "closed");
    let turns = "id,vu,seq,class,duration_ms,fate,think_ms\nv7_0,7,0,a,1,ok,0\n";
    let users = ("vus.csv", "vu,start_ms,stop_ms\n0,0,1\n");
    let message = read(&[("settings.toml", &closed), ("workload.csv", turns), users]);
    assert_eq!(message, "workload.csv: request v7_0 belongs to user 7, who is not in vus.csv");
}

#[test]
fn rows_that_cannot_be_are_refused_with_their_line() {
    let workload = "id,arrival_ms,duration_ms\na,1,10\nb,5,10\n";
    let results = "id,submit_ms,outcome,latency_ms,attempts\na,1,ok,10.5,1\nb,5,ok,10.5,1\n";
    let attempts = "id,attempt,worker,start_ms,end_ms,result\na,1,0,1,11,ok\nb,1,1,5,15,ok\n";
    let told = |workload: &str, results: &str, attempts: &str| {
        let files = [
            ("settings.toml", SETTINGS),
            ("workload.csv", workload),
            ("results_r1.csv", results),
            ("attempts_r1.csv", attempts),
        ];
        read_scenario(folder(&files)).map_or_else(|error| error.to_string(), |_| String::from("read"))
    };
    assert_eq!(told(workload, results, attempts), "read");
    for (file, from, to, line, why) in [
        ("workload", "b,5,10", "b,5,-10", "line 3", "duration_ms = -10.0"),
        ("workload", "b,5,10", "b,1e300,10", "line 3", "arrival_ms = 1e300"),
        ("workload", "b,5,10", "a,5,10", "task a", "there twice"),
        ("results", "b,5,ok", "b,5,tired", "line 3", "\"tired\" is no outcome; it is one of ok, timeout"),
        ("results", "b,5,ok", "c,5,ok", "line 3", "no such task in workload.csv"),
        ("results", "b,5,ok", "a,5,ok", "line 3", "a row already"),
        ("results", "ok,10.5,1\nb", "ok,-1,1\nb", "line 2", "latency_ms = -1.0"),
        ("results", "b,5,ok", "b,inf,ok", "line 3", "submit_ms = inf"),
        ("results", "a,1,ok,10.5,1\nb,5,ok,10.5,1\n", "", "results_r1.csv", "no task is in it"),
        ("results", "submit_ms", "submitted", "results_r1.csv", "submit_ms"),
        ("attempts", "b,1", "c,1", "line 3", "it is not in results_r1.csv"),
        ("attempts", "b,1", "b,0", "line 3", "counted from 1"),
        ("attempts", "5,15", "5,4", "line 3", "ends before it starts"),
        ("attempts", "5,15", "NaN,15", "line 3", "no instant"),
        ("attempts", "worker", "who", "attempts_r1.csv", "worker"),
    ] {
        let spoilt =
            |name: &str, text: &str| if name == file { text.replacen(from, to, 1) } else { text.to_owned() };
        let texts = [("workload", workload), ("results", results), ("attempts", attempts)];
        let [one, two, three] = texts.map(|(name, text)| spoilt(name, text));
        let message = told(&one, &two, &three);
        assert!(message.contains(line) && message.contains(why), "{file}, {to}: {message}");
    }
}

#[test]
fn columns_and_settings_that_say_nothing_may_be_missing() {
    let files = |name: &str| {
        let text = match name {
            "settings.toml" => {
                "name = \"x\"\nmode = \"open\"\nnote = 1\n[pool]\npool_size = 3\nrestart_delay_ms = 0\nnew = 2"
            }
            "workload.csv" => "id,arrival_ms,duration_ms\nb,5,10\na,1,10",
            "results_r1.csv" => {
                "id,submit_ms,outcome,latency_ms,attempts,extra\na,1,ok,10.5,1,z\nb,5,ok,10.5,1,z"
            }
            "attempts_r1.csv" => "id,attempt,worker,start_ms,result\na,1,0,1,ok\nb,1,1,5,ok",
            "processes_r1.csv" => "t_ms,event,worker\n-3.5,ready_sent,0",
            _ => return None,
        };
        Some(text.as_bytes().to_vec())
    };
    let scenario = read_scenario(files).unwrap();
    assert_eq!(scenario.workload.classes(), ["task"]);
    assert_eq!(scenario.runs[0].results[1].fate, Fate::Ok);
    assert!(!scenario.runs[0].attempts[0].dispatched_to_dying);
    let meant = scenario.settings.pool.meant();
    assert_eq!((meant.restart_delay_ms, meant.request_timeout_ms), (250.0, 120_000.0));
    let off = RecordedPool { worker_start_timeout_ms: 0.0, request_timeout_ms: 3e9, ..meant }.meant();
    assert_eq!((off.worker_start_timeout_ms, off.request_timeout_ms), (f64::INFINITY, 1.0));
}
