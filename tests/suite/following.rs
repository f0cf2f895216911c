//! A followed replication is the replication itself, told: what the slots did and the way of its slowest requests.

use poolsim::engine::trail::{Asked, Doing, Stint, What};
use poolsim::engine::{self, prepare};
use poolsim::experiment::run::{Given, Silent, run};
use poolsim::experiment::{Activity, Point, SlotSpan, Stretch};
use poolsim::model::{self, Model, Override, Replications};
use poolsim::time::Time;
use std::collections::BTreeMap;
use std::path::Path;

/// A shipped model with values put in.
fn shipped(name: &str, set: &[(&str, &str)]) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap();
    loaded(&text, set)
}

fn loaded(text: &str, set: &[(&str, &str)]) -> Model {
    let set: Vec<Override> = set.iter().map(|&(path, value)| Override::new(path, value)).collect();
    let mut model = model::load("model.toml", text, &model::NoFiles, &set).unwrap().model;
    model.run.replications = Replications::Fixed(3);
    model
}

/// A pool that kills at its time-out, takes jobs while it dies, and tries again; clients that give up.
const STORMY: &str = r#"
name = "stormy"
run = { horizon = "10m", seed = 11 }
class.call = { demand = { dist = "exponential", mean = "1s" }, fates = { error = "3%", crash = "2%" } }

[pool.main]
slots = 3
service_timeout = "2s"
on_timeout = "kill"
retry = { on = ["timeout", "crash"], max = 2, delay = "500ms" }
worker = { start_up = "300ms", restart_delay = "200ms", kill_exit = "400ms", dying_window = true }

[client.hasty]
attempt_deadline = "6s"
cancels = false
retry = { on = ["error", "timeout"], max = 2, backoff = "constant", base = "1s" }

[source.web]
pool = "main"
class = "call"
client = "hasty"
arrivals = { rate = "0.9/s" }
"#;

fn whole(model: &Model) -> engine::trail::Trail {
    prepare(model).trail(0, Asked { from: Time::ZERO, to: Time::HORIZON_MAX, keys: &[] }).unwrap()
}

#[test]
fn requests_from_a_tape_are_those_that_would_have_been_drawn() {
    let models = [
        shipped("orchestrator", &[]),
        shipped("mixed", &[]),
        shipped("mmc", &[("run.requests", "20000")]),
        shipped("retry-storm", &[]),
        loaded(STORMY, &[]),
        // The tape ends with the horizon, and so must the events: the first arrival after it is none.
        loaded(STORMY, &[("run.regime", "\"terminating\""), ("run.drain", "true")]),
    ];
    let mut taped = 0;
    for model in &models {
        let prepared = prepare(model);
        for replication in [0, 1, 3] {
            let tape = prepared.tape(replication);
            taped += u32::from(tape.is_some());
            let plain = prepared.run(replication).unwrap();
            assert_eq!(prepared.run_with(replication, tape.as_ref()).unwrap(), plain, "{}", model.name);
        }
        // The requests of another replication are others.
        if let Some(tape) = prepared.tape(1) {
            let (own, other) = (prepared.run(0).unwrap(), prepared.run_with(0, Some(&tape)).unwrap());
            assert_ne!(own.fingerprint, other.fingerprint, "{}", model.name);
        }
    }
    assert!(taped >= 15, "{taped}");
}

#[test]
fn notes_change_nothing() {
    let models = [
        shipped("orchestrator", &[]),
        shipped("retry-storm", &[]),
        shipped("mixed", &[]),
        shipped("mmc", &[("run.requests", "20000")]),
        loaded(STORMY, &[]),
    ];
    for model in &models {
        let plain = prepare(model).run(0).unwrap();
        assert_eq!(whole(model).fingerprint, plain.fingerprint, "{}", model.name);
        let (named, slow) = prepare(model).slowest(0, 5, None).unwrap();
        assert_eq!(named.fingerprint, plain.fingerprint, "{}", model.name);
        let (_, all) = prepare(model).follow(0, None).unwrap();
        for class in 0..model.classes.len() as u16 {
            let own = |list: &[engine::RequestSeen]| -> Vec<_> {
                let mut own: Vec<_> = list.iter().filter(|one| one.class == class).copied().collect();
                own.sort_by_key(|one| (std::cmp::Reverse(one.latency()), one.key));
                own.truncate(5);
                own
            };
            assert_eq!(own(&slow), own(&all), "{} class {class}", model.name);
        }
    }
}

#[test]
fn stints_of_a_slot_follow_each_other_and_add_up_to_its_busy_time() {
    // A job that a dying worker was given is in a slot, but in nobody's service: no such jobs here.
    let stormy = loaded(STORMY, &[("pool.main.worker.dying_window", "false")]);
    for model in [shipped("retry-storm", &[]), stormy] {
        let trail = whole(&model);
        let replication = prepare(&model).run(0).unwrap();
        let mut by_slot: BTreeMap<(u32, u32), Vec<Stint>> = BTreeMap::new();
        for stint in &trail.stints {
            assert!(stint.start < stint.end, "{stint:?}");
            by_slot.entry((stint.pool, stint.slot)).or_default().push(*stint);
        }
        for ((pool, slot), mut stints) in by_slot {
            stints.sort_by_key(|stint| stint.start);
            for pair in stints.windows(2) {
                assert!(pair[0].end <= pair[1].start, "pool {pool} slot {slot}: {pair:?}");
            }
        }
        let busy: u128 = replication.segments.iter().flat_map(|one| &one.pools).map(|pool| pool.busy).sum();
        let in_service =
            |stint: &&Stint| matches!(stint.doing, Doing::Serving | Doing::Wasted | Doing::Zombie);
        let served = trail.stints.iter().filter(in_service);
        let served: u128 = served.map(|stint| u128::from(stint.end.since(stint.start).nanos())).sum();
        assert_eq!(served, busy, "{}", model.name);
    }
}

#[test]
fn the_steps_of_a_request_say_where_it_was() {
    let model = loaded(STORMY, &[]);
    let (_, slow) = prepare(&model).slowest(0, 1, None).unwrap();
    let asked = Asked { from: Time::ZERO, to: Time::HORIZON_MAX, keys: &[slow[0].key] };
    let steps = prepare(&model).trail(0, asked).unwrap().steps;
    assert_eq!((steps[0].at, steps[0].what), (slow[0].sent, What::Sent(1)));
    let end = steps.iter().find(|step| matches!(step.what, What::Ended(_))).unwrap();
    assert_eq!((end.at, end.what), (slow[0].end, What::Ended(slow[0].outcome)));
    let sent = steps.iter().filter(|step| matches!(step.what, What::Sent(_))).count();
    assert_eq!(sent as u32, slow[0].attempts);
    assert!(steps.windows(2).all(|pair| pair[0].at <= pair[1].at));
}

fn told(model: &Model) -> Point {
    run(model, Given::default(), &Silent).unwrap().points.remove(0)
}

fn own(stretch: &Stretch) -> Vec<SlotSpan> {
    // What an attempt does that its client has given up is not on the request's way.
    let on_way = |one: &&SlotSpan| one.request == stretch.followed && one.activity != Activity::Zombie;
    let mut own: Vec<_> = stretch.spans.iter().filter(on_way).cloned().collect();
    own.sort_by(|a, b| a.start.total_cmp(&b.start));
    own
}

#[test]
fn a_run_follows_its_slowest_request_the_same_on_any_number_of_threads() {
    for model in [shipped("orchestrator", &[]), loaded(STORMY, &[])] {
        let on = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| told(&model))
        };
        let point = on(1);
        assert_eq!(point, on(3));
        let slowest = point.extremes.iter().map(|one| one.latency).fold(0.0, f64::max);
        let stretch = point.stretch.unwrap();
        let own = own(&stretch);
        assert!(stretch.start <= own[0].start && own.len() > 1, "{own:?}");
        // From its first send to its end it is somewhere all the time, in a queue, a slot or waiting for an attempt.
        let first = point.extremes.iter().find(|one| one.latency == slowest).unwrap();
        assert!((own[0].start - first.sent).abs() < 1e-9, "{own:?}");
        for pair in own.windows(2) {
            assert!((pair[0].end - pair[1].start).abs() < 1e-9, "{own:?}");
        }
        assert!((own.last().unwrap().end - first.sent - first.latency).abs() < 1e-9, "{own:?}");
        for class in &point.parts.classes {
            let stories: Vec<_> =
                point.extremes.iter().filter(|one| one.scope.class.as_ref() == Some(class)).collect();
            assert!((1..=3).contains(&stories.len()));
            assert!(stories.iter().all(|one| one.story[0] == "after 0.000 s: sent"), "{stories:?}");
            assert!(stories.iter().all(|one| one.story.last().unwrap().contains(": ends: ")), "{stories:?}");
        }
    }
}

#[test]
fn slots_that_die_start_and_come_back_are_told() {
    let trail = whole(&loaded(STORMY, &[]));
    for doing in [Doing::Serving, Doing::Wasted, Doing::Zombie, Doing::Starting, Doing::Dying, Doing::Gone] {
        assert!(trail.stints.iter().any(|stint| stint.doing == doing), "{doing:?}");
    }
    let stretch = told(&loaded(STORMY, &[])).stretch.unwrap();
    assert!(stretch.spans.iter().any(|span| span.slot.is_none()));
}

#[test]
fn a_stretch_of_a_crowd_keeps_what_a_page_can_show() {
    let model = shipped(
        "mmc",
        &[("run.requests", "20000"), ("pool.main.slots", "400"), ("source.arrivals.arrivals.rate", "1990/s")],
    );
    let stretch = told(&model).stretch.unwrap();
    let mut slots: Vec<u32> = stretch.spans.iter().filter_map(|span| span.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    assert!(
        slots.len() <= 24 && stretch.spans.len() <= 520,
        "{} slots, {} spans",
        slots.len(),
        stretch.spans.len()
    );
    assert!(stretch.left_out > 300, "{}", stretch.left_out);
    assert!(own(&stretch).iter().any(|span| span.slot.is_some()));
}

/// A pool of two slots beside many short calls that run on a host without a pool.
const BESIDE: &str = r#"
name = "beside"
run = { horizon = "10m", seed = 3, regime = "terminating" }
class.job = { demand = { dist = "exponential", mean = "4s" } }
class.call = { demand = { dist = "deterministic", value = "2s" }, cpu_share = 0.1 }
[host.machine]
cores = 64
[pool.main]
slots = 2
host = "machine"
[source.jobs]
pool = "main"
class = "job"
arrivals = { rate = "0.4/s" }
[source.calls]
host = "machine"
class = "call"
arrivals = { rate = "5/s" }
"#;

#[test]
fn what_runs_without_a_pool_is_in_no_picture_of_pools() {
    let record = run(&loaded(BESIDE, &[]), Given::default(), &Silent).unwrap();
    let point = &record.points[0];
    assert_eq!(point.parts.pools, ["main"]);
    let band = |name: &str| point.timelines.iter().find(|band| band.name == name).unwrap();
    let most = |name: &str| band(name).high.iter().flatten().copied().fold(0.0, f64::max);
    // About ten calls are under way at any time; two slots can never be busy with more than two jobs.
    assert!(most("in_flight") > 8.0, "{}", most("in_flight"));
    assert!(most("busy_slots") <= 2.0 + 1e-9 && most("busy_slots") > 1.0, "{}", most("busy_slots"));
    let stretch = point.stretch.as_ref().unwrap();
    assert_eq!(stretch.left_out, 0);
    assert!(stretch.spans.iter().all(|span| span.slot.is_none() || span.pool == 0), "{:?}", stretch.spans);
    let told: Vec<&String> = point.extremes.iter().flat_map(|one| &one.story).collect();
    assert!(told.iter().any(|step| step.ends_with("starts, without a pool")), "{told:?}");
}

#[test]
fn a_phase_counts_what_is_sent_in_it_and_time_between_phases_counts_overall_alone() {
    let model = loaded(
        "name = \"gaps\"\nrun = { horizon = \"60s\", seed = 3 }\nclass.job = { demand = \"10ms\" }\n\
         phase = [{ name = \"a\", start = \"5s\", end = \"15s\" }, { name = \"b\", start = \"30s\", end = \"40s\" }]\n\
         pool.main = { slots = 4 }\nsource.web = { pool = \"main\", class = \"job\", arrivals = { rate = \"20/s\" } }\n",
        &[],
    );
    let (replication, requests) = prepare(&model).follow(0, None).unwrap();
    for (index, phase) in model.phases.iter().enumerate() {
        let own = replication.segments.iter().filter(|segment| segment.phase == index);
        let counted: u64 = own.flat_map(|segment| &segment.classes).map(|tally| tally.sent).sum();
        let within = requests.iter().filter(|one| phase.start <= one.sent && one.sent < phase.end).count();
        assert_eq!(counted, within as u64, "{}", phase.name);
        assert!((100..300).contains(&within), "{within}");
    }
    // Figures of phases are of their own seconds; those of all are of all.
    let record = run(&model, Given::default(), &Silent).unwrap();
    let figure = |phase: Option<&str>, name: &str| {
        let mut all = record.points[0].metrics.iter();
        let found = all
            .find(|one| one.name == name && one.scope.class.is_none() && one.scope.phase.as_deref() == phase);
        found.unwrap_or_else(|| panic!("{name} of {phase:?}")).estimate.value
    };
    let sent = [None, Some("a"), Some("b")].map(|phase| figure(phase, "count_sent"));
    assert!(sent[1] + sent[2] < 0.5 * sent[0], "{sent:?}");
    let rates = [None, Some("a"), Some("b")].map(|phase| figure(phase, "throughput"));
    assert!(rates.iter().all(|rate| (rate / 20.0 - 1.0).abs() < 0.2), "{rates:?}");
}
