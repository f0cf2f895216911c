//! Every model that `poolsim fit` writes can be run as it is, whatever it was fitted to.

use super::records::Folder;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn poolsim(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_poolsim"))
        .args(args)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "poolsim {}:\n{error}", args.join(" "));
    error
}

/// Fits and runs; the model has no warnings.
#[track_caller]
fn runs(folder: &Folder, name: &str, args: &[&str]) {
    let model: PathBuf = folder.0.join(format!("{name}.toml"));
    let place = model.to_str().unwrap();
    poolsim(&[&["fit", "-q", "-o", place], args].concat());
    let said = poolsim(&["run", place, "--replications", "2", "--output", "none", "-q", "-o", "-"]);
    assert!(!said.contains("warning"), "{name}: {said}\n{}", fs::read_to_string(&model).unwrap());
}

#[test]
fn models_of_recorded_scenarios_and_traces_run() {
    let folder = Folder::new("fitted");
    for name in ["closed_12vu_p6", "freeze_p4", "slowstart_p4"] {
        let place = root().join("tests/data/orchestrator/scenarios").join(name);
        runs(&folder, name, &[place.to_str().unwrap()]);
    }
    let trace = root().join("models/llm-trace-sample.csv");
    let formula = ["--demand", "0.25ms*ContextTokens+30ms*GeneratedTokens"];
    runs(&folder, "trace", &[&[trace.to_str().unwrap()], &formula[..]].concat());
}

/// Twenty requests: instant in milliseconds, demand in milliseconds, class.
fn written(row: impl Fn(u64) -> (u64, u64, &'static str)) -> String {
    let mut text = String::from("arrival_ms,duration_ms,class\n");
    for number in 0..20 {
        let (at, demand, class) = row(number);
        let _ = writeln!(text, "{at},{demand},{class}");
    }
    text
}

#[test]
fn models_of_odd_traces_run() {
    let folder = Folder::new("fitted-odd");
    let odd = [
        ("together", written(|n| (n / 5 * 731, 10 + n, "a"))),
        ("regular", written(|n| (n * 100, 50, "a"))),
        ("no-work", written(|n| (n * n, 0, "a"))),
        ("nameless", written(|n| (n * n, 10 + n, if n % 2 == 0 { "" } else { "b" }))),
        ("named-oddly", written(|n| (n * n, 10 + n, if n % 2 == 0 { "/x?a=\u{e9}.\t\u{1}'" } else { "b" }))),
    ];
    for (name, text) in odd {
        let place = folder.0.join(format!("{name} of it.csv"));
        fs::write(&place, text).unwrap();
        runs(&folder, name, &[place.to_str().unwrap()]);
    }
}

/// Points of k6: metric, milliseconds after an instant, value, tags (names and values).
type Points = Vec<(&'static str, u64, f64, Vec<(&'static str, String)>)>;

/// A hundred and twenty requests as k6 sees them: of four users who wait for their answers, or at a rate that is held.
fn points(users: bool) -> Points {
    let end = if users { 20 } else { 30 };
    let mut all: Points = (0..=end).map(|second| ("vus", second * 1000, 4.0, Vec::new())).collect();
    let mut free = [0u64; 4];
    for number in 0..120u64 {
        let (user, took) = ((number % 4) as usize, 100 + number * 7919 % 700);
        let at = if users { free[user] } else { number * 250 };
        free[user] = at + took + 200;
        let tags = vec![
            ("name", String::from(if number % 3 == 0 { "http://x/a" } else { "http://x/b" })),
            ("expected_response", (number % 10 != 0).to_string()),
            ("vu", user.to_string()),
            ("iter", (number / 4).to_string()),
        ];
        all.push(("http_req_duration", at + took, took as f64, tags));
        let pause = if users { 200 } else { 0 };
        all.push(("iteration_duration", at + took + pause, (took + pause) as f64, Vec::new()));
    }
    all.sort_by_key(|point| point.1);
    all
}

/// As `k6 --out json` writes points: each metric is told of before its first.
fn k6_json(points: &Points) -> String {
    let mut text = String::from(
        "{\"type\":\"Metric\",\"data\":{\"name\":\"vus\",\"type\":\"gauge\"},\"metric\":\"vus\"}\n",
    );
    for (metric, ms, value, tags) in points {
        let tags: Vec<String> = tags.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        let _ = writeln!(
            text,
            "{{\"metric\":\"{metric}\",\"type\":\"Point\",\"data\":{{\"time\":\"2026-03-02T10:{:02}:{:02}.{:03}+01:00\",\
             \"value\":{value},\"tags\":{{{}}}}}}}",
            ms / 60_000,
            ms / 1000 % 60,
            ms % 1000,
            tags.join(",")
        );
    }
    text
}

/// As `k6 --out csv` writes points, in whole seconds or, as K6_CSV_TIME_FORMAT has it, in microseconds.
fn k6_csv(points: &Points, unit: u64) -> String {
    let mut text =
        String::from("metric_name,timestamp,metric_value,expected_response,name,extra_tags,metadata\n");
    for (metric, ms, value, tags) in points {
        let tag = |wanted: &str| tags.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| value);
        let metadata =
            if tags.is_empty() { String::new() } else { format!("vu={}&iter={}", tag("vu"), tag("iter")) };
        let time = (1_772_445_600_000 + ms) * 1000 / unit;
        let _ = writeln!(
            text,
            "{metric},{time},{value},{},{},,{metadata}",
            tag("expected_response"),
            tag("name")
        );
    }
    text
}

#[test]
fn models_of_results_of_k6_run() {
    let folder = Folder::new("fitted-k6");
    let (users, rate) = (points(true), points(false));
    let array = format!("[{}]", k6_json(&rate).trim_end().replace('\n', ",\n "));
    for (name, text, load) in [
        ("users.json", k6_json(&users), "users = {"),
        ("rate.json", k6_json(&rate), "arrivals = {"),
        ("array.json", array, "arrivals = {"),
        ("users.csv", k6_csv(&users, 1), "users = {"),
        ("rate.csv", k6_csv(&rate, 1), "arrivals = {"),
        ("seconds.csv", k6_csv(&rate, 1_000_000), "arrivals = {"),
    ] {
        let place = folder.0.join(name);
        fs::write(&place, text).unwrap();
        for slots in [&[][..], &["--slots", "8"]] {
            let fitted = format!("{name}-{}", slots.len());
            runs(&folder, &fitted, &[&[place.to_str().unwrap()], slots].concat());
            let model = fs::read_to_string(folder.0.join(format!("{fitted}.toml"))).unwrap();
            assert!(model.contains(load) && model.contains("error = 0.1"), "{name}: {model}");
        }
    }
}

/// Replays as short as they get, of open and closed loads, with failures that a pool and clients try again.
#[cfg(feature = "live")]
#[test]
fn models_of_the_requests_of_a_replay_run() {
    let folder = Folder::new("fitted-replays");
    let open =
        "pool = \"main\"\nmix = { a = 0.5, b = 0.5 }\narrivals = { process = \"poisson\", rate = \"4/s\" }";
    let users = "pool = \"main\"\nclass = \"a\"\nusers = { count = 4, think = \"500ms\" }";
    let again = format!("{open}\nclient = {{ deadline = \"2s\", retry = {{ max = 1 }} }}");
    for (name, source, pool) in [
        ("open", open, "slots = 3"),
        ("users", users, "slots = 3"),
        ("again", again.as_str(), "slots = 2, retry = { max = 2, on = [\"crash\"] }"),
    ] {
        let text = format!(
            "name = \"{name}\"\nrun.horizon = \"20s\"\n\
             class.a = {{ demand = {{ dist = \"exponential\", mean = \"200ms\" }}, fates = {{ error = 0.1, crash = 0.1 }} }}\n\
             class.b.demand = \"300ms\"\npool.main = {{ {pool} }}\n[source.web]\n{source}\n"
        );
        let (model, output) = (folder.0.join(format!("{name}-model.toml")), folder.0.join(name));
        fs::write(&model, text).unwrap();
        let places = [model.to_str().unwrap(), "--output", output.to_str().unwrap()];
        poolsim(&[&["replay"], &places[..], &["--speed", "20", "--no-report", "-q", "-o", "-"]].concat());
        let requests = output.join("requests.csv");
        runs(&folder, name, &[requests.to_str().unwrap()]);
        let fitted = fs::read_to_string(folder.0.join(format!("{name}.toml"))).unwrap();
        assert_eq!(fitted.contains("users = {"), name == "users", "{fitted}");
        runs(&folder, &format!("{name}-journal"), &[output.join("journal.jsonl").to_str().unwrap()]);
    }
}

/// A journal of a pool that a model describes: twenty jobs, each at work for 30 ms.
#[cfg(feature = "live")]
fn journal(pool: &str) -> String {
    use poolsim::live::journal::{Head, PoolHead, SCHEMA};
    use poolsim::model::{self, NoFiles};
    let text = format!(
        "name = \"x\"\nrun.horizon = \"10s\"\nclass.a.demand = \"1s\"\nclass.b.demand = \"1s\"\npool.main = {pool}\n\
         source.web = {{ pool = \"main\", mix = {{ a = 0.5, b = 0.5 }}, arrivals = {{ rate = \"1/s\" }} }}\n"
    );
    let loaded =
        model::load("x", &text, &NoFiles, &[]).unwrap_or_else(|faults| panic!("{}", faults.render(false)));
    let settings = loaded.model.pools[0].settings.clone();
    let head = Head {
        schema: SCHEMA.to_owned(),
        poolsim: String::from("0"),
        seed: 1,
        replication: 0,
        pools: vec![PoolHead { name: String::from("main"), settings }],
        classes: vec![String::from("a"), String::from("b")],
    };
    let mut text = serde_json::to_string(&head).unwrap() + "\n";
    for number in 0..20u64 {
        let at = number * number * 10_000_000;
        let _ = writeln!(
            text,
            "{{\"t\":{at},\"in\":{{\"arrive\":{{\"job\":0,\"class\":{},\"priority\":0,\"deadline\":1,\"leave_by\":1,\"size\":30}}}},\
             \"do\":[{{\"start\":{{\"slot\":0,\"job\":0,\"dying\":false}}}}]}}\n\
             {{\"t\":{},\"in\":{{\"answer\":{{\"slot\":0,\"outcome\":\"ok\"}}}},\"do\":[{{\"ended\":{{\"job\":0,\"outcome\":\"ok\"}}}}]}}",
            number % 2,
            at + 30_000_000 + number * 1_000_000
        );
    }
    text
}

#[cfg(feature = "live")]
#[test]
fn models_of_journals_run_whatever_the_pool_was_told() {
    let folder = Folder::new("fitted-journals");
    let pools = [
        "{ slots = 2, worker = { heartbeat_timeout = \"900ms\", heartbeat_interval = \"200ms\" } }",
        "{ slots = 2, worker = { heartbeat_timeout = \"60s\" }, service_timeout = \"2s\", on_timeout = \"abandon\" }",
        "{ slots = 2, service_timeout = \"2s\", on_timeout = \"cancel\", queue_capacity = 3, when_full = \"drop_oldest\" }",
        "{ slots = 2, retry = { max = 3, on = [\"crash\", \"timeout\"], delay = \"1s\", factor = 2.0, cap = \"9s\", spread = \"1ms\" } }",
        "{ slots = 2, retry = { max = 0 }, discipline = \"lifo\", worker = { idle_shutdown = \"9s\", recycle_after = 9 } }",
        "{ slots = 2, discipline = { kind = \"fair_share\" }, weights = { a = 2.0 }, reserved = { a = 1 } }",
        "{ preset = \"orchestrator-bridge\", slots = 2 }",
        "{ preset = \"python-process-pool\", slots = 2 }",
        "{ preset = \"workerpool\", slots = 2 }",
    ];
    for (number, pool) in pools.iter().enumerate() {
        let place = folder.0.join(format!("{number}.jsonl"));
        fs::write(&place, journal(pool)).unwrap();
        runs(&folder, &format!("journal-{number}"), &[place.to_str().unwrap()]);
    }
}
