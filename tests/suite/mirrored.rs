//! Replays judged beside their simulations, and explained, without real time: the "real" world is a simulation of a
//! scheduler that is a little other than what is believed.

use poolsim::engine;
use poolsim::experiment::agreement::explain::Explained;
use poolsim::experiment::record::Record;
use poolsim::experiment::replay::{Asked, beside};
use poolsim::experiment::run::Silent;
use poolsim::experiment::{Given, Judgement, Scope};
use poolsim::live::replay::{Replayed, Sent};
use poolsim::model::requests::{Drawn, OpenSource, Requests};
use poolsim::model::{self, Model, NoFiles, Override};
use poolsim::outcome::Outcome;
use poolsim::random::Streams;
use poolsim::report;
use poolsim::stats::{Equivalence, Histogram};
use poolsim::time::{Span, Time};
use poolsim::workload::Fate;
use std::collections::BTreeMap;

const MODEL: &str = r#"
name = "mirror"
run = { horizon = "200s", regime = "terminating", drain = true, replications = 2 }
class.task = { demand = { dist = "lognormal", mean = "1s", cv = 1.0 } }

[source.web]
pool = "main"
class = "task"
client = "web"
arrivals = { rate = "3.6/s" }

[client.web]
cancels = false

[pool.main]
slots = 4
service_timeout = "2s"
retry = { max = 1, on = ["crash"], place = "head" }

[pool.main.worker]
start_up = "150ms"
restart_delay = "250ms"
kill_exit = "5ms"
"#;

fn load(set: &[(&str, &str)]) -> Model {
    let overrides: Vec<Override> = set.iter().map(|(path, value)| Override::new(*path, *value)).collect();
    match model::load("mirror", MODEL, &NoFiles, &overrides) {
        Ok(loaded) => loaded.model,
        Err(faults) => panic!("{}", faults.render(false)),
    }
}

/// A world that served the requests of replication 0 as such a scheduler would.
fn real(set: &[(&str, &str)]) -> Replayed {
    let model = load(set);
    let (replication, requests) = engine::prepare(&model).follow(0, None).unwrap();
    let first = first_tries(&model, requests.len());
    let sent = |seen: &poolsim::stats::RequestSeen| Sent {
        seen: *seen,
        source: 0,
        first: first[&seen.key],
        failed: Vec::new(),
        hedges: 0,
        starts: seen.hand_overs,
        fate: Fate::Ok,
        told: true,
        late: Span::ZERO,
        started: Time::from_nanos(seen.end.nanos().saturating_sub(seen.demand.nanos())),
        worker: None,
        detail: String::new(),
    };
    Replayed {
        target: "pool",
        replication,
        requests: requests.iter().map(sent).collect(),
        lateness: Histogram::default(),
        notes: Vec::new(),
        interrupted: false,
        redraws: true,
    }
}

/// The first requests of the model, as they were first sent, by key.
fn first_tries(model: &Model, number: usize) -> BTreeMap<u64, Drawn> {
    let requests = Requests::new(model);
    let mut source = OpenSource::new(&requests, 0, &Streams::new(model.run.seed, 0), None);
    (0..number).map(|_| source.request()).map(|drawn| (drawn.key, drawn)).collect()
}

fn compared(believed: &[(&str, &str)], replayed: &Replayed, explain: bool) -> Record {
    let asked = Asked { explain: explain.then_some(24), ..Asked::default() };
    let given = Given::default();
    beside(&load(believed), given, replayed, &asked, &Silent).unwrap()
}

fn explained(believed: &[(&str, &str)], real_set: &[(&str, &str)]) -> (Record, Explained) {
    let record = compared(believed, &real(real_set), true);
    let explained = record.study.explained.clone().unwrap();
    (record, explained)
}

const WINDOW: (&str, &str) = ("pool.main.worker.dying_window", "true");

#[test]
fn a_world_that_is_the_simulators_own_is_equivalent_and_needs_no_reason() {
    let (record, explained) = explained(&[WINDOW], &[WINDOW]);
    let traced = &record.study.agreements[0];
    assert_eq!(
        (traced.how.as_str(), traced.verdict),
        ("trace-driven", Equivalence::Equivalent),
        "{traced:?}"
    );
    assert_eq!(record.study.agreements.len(), 2);
    assert_eq!(traced.requests.as_ref().unwrap().same_outcome.value, 1.0);
    // Every figure with a value on both sides is a difference of the record: charts draw these.
    assert!(record.differences.len() >= 10, "{}", record.differences.len());
    assert!(record.differences.iter().all(|one| one.bound.is_some()));
    assert!(!explained.matters() && explained.closings.iter().all(|one| !one.sure), "{explained:?}");
    let text = report::text::page(&record, report::text::Look::PLAIN);
    for words in ["equivalent", "There is nothing to explain", "Points", "nothing to close"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // What the figures of each world are of is said as in a run's text.
    let markdown = report::markdown::document(&record);
    for point in &record.points {
        let told = format!("{}: {}; ", report::words::called(point), report::words::regime(point));
        assert!(text.contains(&told) && markdown.contains(&told), "{told}: {text}");
    }
}

#[test]
fn where_nobody_knows_demands_the_prediction_alone_is_judged() {
    let mut replayed = real(&[]);
    let codes = |record: &Record| record.warnings.iter().map(|one| one.code.clone()).collect::<Vec<_>>();
    let known = compared(&[], &replayed, false);
    assert_eq!(codes(&known), [""; 0]);
    for sent in &mut replayed.requests {
        (sent.told, sent.started) = (false, Time::NEVER);
    }
    let record = compared(&[], &replayed, false);
    let hows: Vec<&str> = record.study.agreements.iter().map(|one| one.how.as_str()).collect();
    assert_eq!((hows, record.points.len()), (vec!["model-driven"], 2));
    assert_eq!(codes(&record), ["demands_unknown"]);
    let text = report::text::page(&record, report::text::Look::PLAIN);
    assert!(text.contains("only the prediction can be judged") && text.contains("\nPoints\n"), "{text}");
    assert!(!text.contains("measured"), "{text}");
    // One of the two is enough to know them by.
    for told in [true, false] {
        for sent in &mut replayed.requests {
            let began = Time::from_nanos(sent.seen.end.nanos().saturating_sub(sent.seen.demand.nanos()));
            (sent.told, sent.started) = (told, if told { Time::NEVER } else { began });
        }
        assert_eq!(compared(&[], &replayed, false).points.len(), 3, "{told}");
    }
}

#[test]
fn what_was_planted_is_what_is_found_first() {
    for (believed, real, semantic, change) in [
        (vec![], vec![WINDOW], "dying window", "switched on"),
        (vec![WINDOW], vec![], "dying window", "switched off"),
        (vec![], vec![("pool.main.worker.restart_delay", "\"4s\"")], "", ""),
        (vec![], vec![("pool.main.discipline", "\"lifo\"")], "order of the queue", "last come, first served"),
        (
            vec![("pool.main.worker.restart_delay", "\"3s\"")],
            vec![("pool.main.worker.restart_delay", "\"0s\"")],
            "restart delay",
            "switched off",
        ),
        (
            vec![],
            vec![("pool.main.timeout_from", "\"arrival\"")],
            "origin of the service timer",
            "from arrival",
        ),
    ] {
        let (record, explained) = explained(&believed, &real);
        assert_ne!(record.study.agreements[0].verdict, Equivalence::Equivalent, "{real:?}");
        let first = explained.closings.iter().find(|one| one.sure);
        if semantic.is_empty() {
            // A delay that is longer than believed is no semantic that is missing: the window must not be blamed.
            assert!(first.is_none_or(|one| one.semantic != "dying window"), "{explained:?}");
            continue;
        }
        let first = first.unwrap_or_else(|| panic!("{semantic}: {explained:?}"));
        assert_eq!((first.semantic.as_str(), first.change.as_str()), (semantic, change), "{explained:?}");
        assert!(first.share > 0.5, "{first:?}");
    }
}

#[test]
fn without_time_outs_nobody_blames_the_dying_window() {
    let none = ("pool.main.service_timeout", "\"none\"");
    let lifo = ("pool.main.discipline", "\"lifo\"");
    let (_, explained) = explained(&[none], &[none, lifo]);
    let window = explained.closings.iter().find(|one| one.semantic == "dying window").unwrap();
    assert!(!window.sure && window.closes.value == 0.0, "{window:?}");
}

#[test]
fn a_replay_that_was_stopped_is_asked_about_what_it_saw() {
    let mut replayed = real(&[]);
    let stopped = Time::ZERO + Span::from_whole_secs(60);
    replayed.requests.retain(|sent| sent.seen.sent <= stopped);
    for sent in replayed.requests.iter_mut().filter(|sent| sent.seen.end > stopped) {
        (sent.seen.end, sent.seen.outcome) = (stopped, Outcome::Unfinished);
    }
    (replayed.interrupted, replayed.replication.end) = (true, stopped);
    let record = compared(&[], &replayed, false);
    // The simulations end where the real run was stopped: their throughput is that of the same stretch.
    for point in [&record.points[0], &record.points[2]] {
        let sent = point.metrics.iter().find(|one| one.name == "count_sent" && one.scope == Scope::default());
        let (sent, real) = (sent.unwrap().estimate.value, replayed.requests.len() as f64);
        assert!((sent / real - 1.0).abs() < 0.2, "{}: {sent} sent, {real} in reality", point.label);
    }
    for agreement in &record.study.agreements {
        let requests = agreement.requests.as_ref().unwrap();
        assert_eq!(requests.alone, 0, "{}", agreement.how);
        assert!(requests.same_outcome.value > 0.99, "{}: {requests:?}", agreement.how);
    }
}

#[test]
fn what_a_target_does_not_tell_is_no_figure_of_nought() {
    let mut replayed = real(&[]);
    let told = compared(&[], &replayed, false);
    for sent in &mut replayed.requests {
        (sent.seen.hand_overs, sent.seen.waiting, sent.started) = (0, Span::ZERO, Time::NEVER);
    }
    let untold = compared(&[], &replayed, false);
    let has = |record: &Record, name: &str| record.points[1].metrics.iter().any(|metric| metric.name == name);
    let left_out = [
        "mean_wait",
        "var_wait",
        "wait_p95",
        "utilization",
        "mean_in_system",
        "mean_queue_length",
        "share_useful",
        "count_kills",
    ];
    for name in left_out {
        assert!(has(&told, name) && !has(&untold, name), "{name}");
    }
    for name in ["mean_latency", "latency_p95", "throughput", "prob_ok", "mean_in_flight", "count_sent"] {
        assert!(has(&untold, name), "{name}");
    }
    let figures = |record: &Record| record.study.agreements[0].figures.clone();
    assert!(figures(&told).iter().any(|one| one.metric == "mean_wait"));
    assert!(figures(&untold).iter().all(|one| one.metric != "mean_wait" && one.metric != "prob_retried"));
    assert!(figures(&untold).iter().any(|one| one.metric == "latency_p95"));
    let requests = untold.study.agreements[0].requests.as_ref().unwrap();
    assert!(requests.same_hand_overs.is_none() && requests.same_outcome.value > 0.9, "{requests:?}");
    let bands = |record: &Record, name: &str| record.points[1].timelines.iter().any(|band| band.name == name);
    assert!(!bands(&untold, "queue_length") && !bands(&untold, "busy_slots") && bands(&untold, "in_flight"));
}

#[test]
fn objectives_on_what_a_target_does_not_tell_are_left_open() {
    let asked = [(
        "objective",
        r#"[ { metric = "utilization", at_most = "1%" }, { metric = "var_wait", at_most = 9e9 }, { metric = "prob_ok", at_least = "1%" } ]"#,
    )];
    let mut replayed = real(&[]);
    let judged = |replayed: &Replayed| {
        let record = compared(&asked, replayed, false);
        let verdicts = record.points[1].verdicts.clone();
        let told =
            verdicts.into_iter().map(|one| (one.judgement, one.estimate.is_some())).collect::<Vec<_>>();
        (told, record.warnings.iter().any(|warning| warning.code == "objectives_untold"))
    };
    let met = (Judgement::Met, true);
    let (told, warned) = judged(&replayed);
    assert!(told.iter().all(|&(_, estimated)| estimated) && !warned, "{told:?}");
    for sent in &mut replayed.requests {
        (sent.seen.hand_overs, sent.started) = (0, Time::NEVER);
    }
    let open = (Judgement::Undecided, false);
    assert_eq!(judged(&replayed), (vec![open, open, met], true));
    let table = report::requests::table(&load(&[]), &replayed.requests);
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let waiting = rows.headers().unwrap().iter().position(|name| name == "waiting").unwrap();
    assert!(rows.records().all(|row| row.unwrap()[waiting].is_empty()), "no wait is known");
}

/// Settings under which three tries in ten fail, each as it comes; further ones beside.
fn failing<'a>(further: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [
        ("class.task.fates", r#"{ error = "30%", sticky = false }"#),
        ("pool.main.slots", "8"),
        ("pool.main.service_timeout", "60s"),
    ];
    own.iter().chain(further).copied().collect()
}

/// Retries by the client, and none by the pool.
const BY_CLIENT: [(&str, &str); 2] = [
    (
        "client.web.retry",
        r#"{ max = 3, base = "2s", backoff = "constant", jitter = "none", on = ["error"] }"#,
    ),
    ("pool.main.retry", "{ max = 0 }"),
];
/// Retries by the pool.
const BY_POOL: (&str, &str) = ("pool.main.retry", r#"{ max = 3, on = ["error"], delay = "2s" }"#);

/// Holds the trace-driven comparison to be equivalent, with every outcome and every hand-over the same.
fn same_under_trace(believed: &[(&str, &str)], replayed: &Replayed, case: &str) {
    let again =
        replayed.requests.iter().filter(|one| one.seen.attempts > 1 || one.seen.hand_overs > 1).count();
    assert!(again > 100, "{case}: {again} requests were tried again");
    let record = compared(believed, replayed, false);
    let traced = &record.study.agreements[0];
    assert_eq!((traced.how.as_str(), traced.verdict), ("trace-driven", Equivalence::Equivalent), "{case}");
    assert!(traced.figures.iter().all(|one| one.verdict == Equivalence::Equivalent), "{case}: {traced:?}");
    let pairs = traced.requests.as_ref().unwrap();
    assert_eq!((pairs.same_outcome.value, pairs.alone), (1.0, 0), "{case}");
    assert_eq!(pairs.same_hand_overs.as_ref().map(|share| share.value), Some(1.0), "{case}");
}

#[test]
fn retries_bring_the_fates_that_they_really_brought() {
    let (by_client, by_pool) = (failing(&BY_CLIENT), failing(&[BY_POOL]));
    let work = ("class.task.retry_demand", r#""redrawn""#);
    let (anew_by_client, anew_by_pool) =
        (failing(&[&BY_CLIENT[..], &[work]].concat()), failing(&[BY_POOL, work]));
    for (case, set) in [
        ("retries by the client", by_client),
        ("retries by the pool", by_pool),
        ("work drawn anew by the client", anew_by_client),
        ("work drawn anew by the pool", anew_by_pool),
    ] {
        same_under_trace(&set, &real(&set), case);
    }
}

#[test]
fn tries_that_fail_of_themselves_are_told_one_by_one() {
    let (believed, served) = (failing(&BY_CLIENT)[1..].to_vec(), failing(&BY_CLIENT));
    let mut replayed = real(&served);
    for one in &mut replayed.requests {
        one.first.fate = Fate::Ok;
        // Every try but the last failed, and the last where the request did.
        let failed = one.seen.attempts - u32::from(one.seen.outcome != Outcome::Error);
        one.failed = (0..failed).collect();
    }
    same_under_trace(&believed, &replayed, "a client's tries");
}

#[test]
fn a_scheduler_that_repeats_what_it_was_told_is_simulated_so() {
    let sticky = ("class.task.fates", r#"{ error = "30%", sticky = true }"#);
    let (believed, served) = (failing(&[BY_POOL]), failing(&[BY_POOL, sticky]));
    let replayed = Replayed { redraws: false, ..real(&served) };
    same_under_trace(&believed, &replayed, "told the same again");
    let predicted = &compared(&believed, &replayed, false).study.agreements[1];
    assert_eq!(predicted.verdict, Equivalence::Different, "the model draws anew");
}

#[test]
fn a_scheduler_that_repeats_is_spared_the_crashes_that_its_next_try_would_be() {
    let crashes = [
        ("class.task.fates", "{ crash = 0.3, sticky = false }"),
        ("pool.main.slots", "8"),
        ("pool.main.service_timeout", "60s"),
        ("pool.main.worker.crash_radius", r#""job""#),
    ];
    let replayed = Replayed { redraws: false, ..real(&crashes) };
    let seen =
        |outcome| replayed.requests.iter().any(|one| one.seen.hand_overs == 2 && one.seen.outcome == outcome);
    assert!(seen(Outcome::Ok) && seen(Outcome::Crash), "some crash once, some twice");
    same_under_trace(&crashes, &replayed, "crashes that come once");
}
