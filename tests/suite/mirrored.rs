//! Replays judged beside their simulations, and explained, without real time: the "real" world is a simulation of a
//! scheduler that is a little other than what is believed.

use poolsim::engine;
use poolsim::experiment::agreement::explain::Explained;
use poolsim::experiment::record::Record;
use poolsim::experiment::replay::{Asked, beside};
use poolsim::experiment::run::Silent;
use poolsim::experiment::{Given, Scope};
use poolsim::live::replay::{Replayed, Sent};
use poolsim::model::{self, Model, NoFiles, Override};
use poolsim::outcome::Outcome;
use poolsim::report;
use poolsim::stats::{Equivalence, Histogram};
use poolsim::time::{Span, Time};
use poolsim::workload::Fate;

const MODEL: &str = r#"
name = "mirror"
run = { horizon = "200s", regime = "terminating", drain = true, replications = 2 }
class.task = { demand = { dist = "lognormal", mean = "1s", cv = 1.0 } }

[source.web]
pool = "main"
class = "task"
arrivals = { rate = "3.6/s" }

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
    let (replication, requests) = engine::prepare(&load(set)).follow(0, None).unwrap();
    let sent = |seen: &poolsim::stats::RequestSeen| Sent {
        seen: *seen,
        source: 0,
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
    }
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
    for name in ["mean_wait", "wait_p95", "utilization", "mean_queue_length", "share_useful", "count_kills"] {
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
