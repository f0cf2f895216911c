//! What a text means, from file to model.

use super::*;
use crate::model::{Load, Regime, Replications, RunLength};
use crate::outcome::Outcome;
use crate::policy::{Discipline, OnTimeout, RetryBudget, RetryPlace, Routing, Slots};
use crate::time::{Span, Time};
use crate::workload::{ArrivalProcess, Distribution, RateProfile};

const BASE: &str = "[class.a]\ndemand = \"1s\"\n[pool.main]\nslots = 2\n";
const OPEN: &str = "[source.s]\npool = \"main\"\nclass = \"a\"\narrivals = { rate = \"1/s\" }\n";

/// The model of a text; faults fail the test.
fn model(text: &str) -> Model {
    load("test.toml", text, &NoFiles, &[]).unwrap_or_else(|found| panic!("{}", found.render(false))).model
}

/// The messages of a text's faults.
fn faults(text: &str) -> Vec<String> {
    let found = load("test.toml", text, &NoFiles, &[]).unwrap_err();
    found.list.into_iter().map(|one| one.message).collect()
}

#[test]
fn a_constant_load_is_steady_and_anything_else_terminates() {
    let run = "[run]\nhorizon = \"1m\"\n";
    assert_eq!(model(&format!("{run}{BASE}{OPEN}")).run.regime, Regime::Steady);
    let users = "[source.u]\nusers = { count = 3, think = \"1s\" }\n";
    assert_eq!(model(&format!("{run}{BASE}{users}")).run.regime, Regime::Steady);
    let phase = "[[phase]]\nname = \"p\"\nduration = \"1m\"\n";
    assert_eq!(model(&format!("{run}{BASE}{OPEN}{phase}")).run.regime, Regime::Terminating);
    let ramp = "[source.u]\nusers = { stages = [{ duration = \"1m\", target = 3 }], think = \"1s\" }\n";
    let ramped = model(&format!("{BASE}{ramp}"));
    assert_eq!(ramped.run.regime, Regime::Terminating);
    assert_eq!(ramped.run.length, RunLength::Horizon(Time::from_nanos(90_000_000_000)));
    assert_eq!(ramped.run.replications, Replications::Precision { relative: 0.02, min: 10, max: 200 });
}

#[test]
fn the_sole_pool_and_class_need_no_naming() {
    let source = "[run]\nrequests = 10\n[source.s]\narrivals = { rate = \"1/s\" }\n";
    let model = model(&format!("{BASE}{source}"));
    assert_eq!((model.sources[0].route, model.sources[0].mix.clone()), (0, vec![(0, 1.0)]));
}

#[test]
fn each_pool_has_its_route_and_named_ones_follow_after_implicit_pools() {
    let text = format!(
        "{BASE}[run]\nrequests = 9\n[pool.other]\nslots = \"unlimited\"\ninstances = 3\n[host.box]\ncores = 2\n\
         [route.both]\npools = [\"main\", \"other\"]\nrouting = {{ policy = \"random\", probabilities = [0.4, 0.6] }}\n\
         [source.alone]\nhost = \"box\"\narrivals = {{ rate = \"1/s\" }}\n\
         [source.spread]\nroute = \"both\"\narrivals = {{ rate = \"1/s\" }}\n"
    );
    let model = model(&text);
    let pools: Vec<&str> = model.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(pools, ["main", "other", "alone"]);
    assert!(model.pools[2].implicit && model.pools[2].hosts == [0]);
    let routes: Vec<(&str, &[usize])> =
        model.routes.iter().map(|r| (r.name.as_str(), r.pools.as_slice())).collect();
    assert_eq!(routes, [("main", &[0][..]), ("other", &[1]), ("alone", &[2]), ("both", &[0, 1])]);
    assert_eq!(model.sources.iter().map(|source| source.route).collect::<Vec<_>>(), [2, 3]);
    // The share of a pool is split among its instances.
    let Routing::Random(shares) = &model.routes[3].settings.routing else { panic!() };
    assert!(shares.iter().zip([0.4, 0.2, 0.2, 0.2]).all(|(a, b)| (a - b).abs() < 1e-12), "{shares:?}");
}

#[test]
fn a_preset_speaks_where_the_file_is_silent() {
    let text = "[class.a]\ndemand = \"1s\"\n[run]\nrequests = 9\n[source.s]\narrivals = { rate = \"1/s\" }\n\
        client = { preset = \"aws-standard\", retry = { max = 5 } }\n\
        [pool.main]\npreset = \"orchestrator-bridge\"\nslots = 6\nservice_timeout = \"90s\"\nworker = { restart_delay = \"1s\" }\n";
    let model = model(text);
    let settings = &model.pools[0].settings;
    let timeout = settings.service_timeout.unwrap();
    assert_eq!((timeout.span, timeout.then), (Span::from_whole_secs(90), OnTimeout::Kill));
    let retry = settings.retry.unwrap();
    assert_eq!((retry.max, retry.place), (1, RetryPlace::Head));
    assert!(retry.on.contains(Outcome::Crash) && !retry.on.contains(Outcome::Timeout));
    assert!(settings.worker.dying_window);
    let life = &model.pools[0].life;
    assert_eq!(life.restart_delay, Distribution::Deterministic { value: 1.0 });
    assert_eq!(life.start_up, Distribution::Deterministic { value: 0.16 });
    let client = model.sources[0].client.retry.as_ref().unwrap();
    assert_eq!((client.max, client.cap), (5, Span::from_whole_secs(20)));
    assert!(matches!(client.budget, Some(RetryBudget::AwsStandard { capacity: 500.0, .. })));
}

#[test]
fn every_preset_makes_a_model() {
    for preset in &presets::POOLS {
        let pool = format!("[pool.main]\nslots = 3\npreset = \"{}\"\n", preset.name);
        let rest =
            "[class.a]\ndemand = \"1s\"\n[run]\nrequests = 9\n[source.s]\narrivals = { rate = \"1/s\" }\n";
        assert_eq!(
            model(&format!("{pool}{rest}")).pools[0].settings.slots,
            Slots::Limited(3),
            "{}",
            preset.name
        );
    }
    for preset in &presets::CLIENTS {
        let client = format!("[run]\nrequests = 9\n[client.c]\npreset = \"{}\"\n", preset.name);
        let source = "[source.s]\nclient = \"c\"\narrivals = { rate = \"1/s\" }\n";
        let model = model(&format!("{BASE}{client}{source}"));
        let retry = model.sources[0].client.retry.as_ref().unwrap();
        assert!(retry.budget.is_some(), "{}", preset.name);
    }
}

#[test]
fn delays_given_as_distributions_take_the_place_of_a_presets_back_off() {
    let source = "[run]\nrequests = 9\n[source.s]\narrivals = { rate = \"1/s\" }\n\
        client = { preset = \"grpc\", retry = { delays = [\"1s\", { dist = \"exponential\", mean = \"2s\" }] } }\n";
    let model = model(&format!("{BASE}{source}"));
    assert!(model.sources[0].client.retry.as_ref().unwrap().drawn);
    assert_eq!(model.sources[0].backoff.len(), 2);
}

#[test]
fn profiles_become_knots() {
    let with = |profile: &str| {
        let text = format!(
            "{BASE}[run]\nhorizon = \"1h\"\n[source.s]\narrivals = {{ profile = {{ {profile} }} }}\n"
        );
        let Load::Open(open) = model(&text).sources.remove(0).load else { panic!() };
        open.rate
    };
    let knots = |list: &[(f64, f64)]| RateProfile::PiecewiseLinear(list.to_vec());
    assert_eq!(
        with("steps = [[\"0s\", \"5/s\"], [\"1m\", \"20/s\"]]"),
        knots(&[(0.0, 5.0), (60.0, 5.0), (60.0, 20.0)])
    );
    assert_eq!(
        with(
            "start_rate = \"1/s\", stages = [{ duration = \"1m\", target = \"9/s\" }, { duration = \"0s\", target = \"2/s\" }]"
        ),
        knots(&[(0.0, 1.0), (60.0, 9.0), (60.0, 2.0)])
    );
    assert_eq!(
        with("spike = { base = \"1/s\", peak = \"9/s\", at = \"1m\", duration = \"30s\", ramp = \"10s\" }"),
        knots(&[(0.0, 1.0), (50.0, 1.0), (60.0, 9.0), (90.0, 9.0), (100.0, 1.0)])
    );
}

#[test]
fn distributions_say_what_a_planner_knows() {
    let with = |demand: &str| {
        let text =
            format!("[class.a]\ndemand = {demand}\n[pool.main]\nslots = 1\n[run]\nrequests = 9\n{OPEN}");
        model(&text).classes.remove(0).demand
    };
    assert_eq!(with("\"250ms\""), Distribution::Deterministic { value: 0.25 });
    for (text, mean) in [
        ("{ dist = \"gamma\", mean = \"2s\", cv = 0.5 }", 2.0),
        ("{ dist = \"weibull\", mean = \"2s\", cv = 1.5 }", 2.0),
        ("{ dist = \"lognormal\", mean = \"2s\", cv = 1.5 }", 2.0),
        ("{ dist = \"pareto\", mean = \"2s\", cv = 1.5 }", 2.0),
        ("{ dist = \"uniform\", mean = \"2s\", cv = 0.1 }", 2.0),
        ("{ dist = \"uniform\", p50 = \"2s\", p95 = \"2.9s\" }", 2.0),
        ("{ dist = \"hyperexponential\", mean = \"2s\", cv = 3.0 }", 2.0),
        ("{ dist = \"exponential\", p50 = \"2s\" }", 2.0 / std::f64::consts::LN_2),
        ("{ dist = \"mixture\", probabilities = [\"50%\", 0.5], parts = [\"1s\", \"3s\"] }", 2.0),
        ("{ dist = \"empirical\", values = [\"3s\", \"1s\"] }", 2.0),
    ] {
        assert!((with(text).mean() - mean).abs() < 1e-9, "{text}: {:?}", with(text));
    }
}

#[test]
fn processes_of_arrivals_know_their_mean_rate() {
    let with = |arrivals: &str| {
        let text = format!("{BASE}[run]\nrequests = 9\n[source.s]\narrivals = {{ {arrivals} }}\n");
        let Load::Open(open) = model(&text).sources.remove(0).load else { panic!() };
        open
    };
    let renewal = with("process = \"renewal\", interval = { dist = \"gamma\", mean = \"4s\", cv = 0.5 }");
    assert_eq!(renewal.rate, RateProfile::Constant(0.25));
    let states =
        with("process = \"markov_modulated\", rates = [\"2/s\", \"20/s\"], mean_stay = [\"50s\", \"10s\"]");
    assert_eq!(states.rate, RateProfile::Constant(5.0));
    assert!(matches!(states.process, ArrivalProcess::MarkovModulated { .. }));
}

#[test]
fn one_mistake_makes_one_fault() {
    let rows = [
        ("[run]\nhorizon = 90\n", "`horizon` has no unit"),
        ("[run]\nrequests = -5\n", "`requests` must be at least 1"),
        ("[run]\nhorizon = \"1m\"\nreplications = 1.5\n", "`replications` must be a whole number"),
    ];
    for (run, message) in rows {
        assert_eq!(faults(&format!("{run}{BASE}{OPEN}")), [message]);
    }
    let unknown = OPEN.replace("main", "mian");
    assert_eq!(faults(&format!("[run]\nrequests = 9\n{BASE}{unknown}")), ["there is no pool `mian`"]);
}

#[test]
fn all_faults_come_at_once_and_in_order() {
    let text = "nme = \"x\"\n[run]\nhorizon = 90\n[class.a]\ndemand = { dist = \"exponental\" }\n[pool.main]\nslots = 0\n\
        discipline = \"fifoo\"\n[source.s]\npool = \"main\"\nclass = \"b\"\narrivals = { rate = 12 }\n";
    assert_eq!(faults(text).len(), 7);
}

#[test]
fn discipline_words_and_tables_mean_the_same() {
    let with = |discipline: &str| {
        let text = format!(
            "[class.a]\ndemand = \"1s\"\n[pool.main]\nslots = 2\ndiscipline = {discipline}\n[run]\nrequests = 9\n{OPEN}"
        );
        model(&text).pools[0].settings.discipline
    };
    assert_eq!(with("\"priority\""), Discipline::Priority { age_step: Span::NEVER });
    assert_eq!(with("{ kind = \"priority\" }"), Discipline::Priority { age_step: Span::NEVER });
    assert_eq!(
        with("{ kind = \"adaptive_lifo\", threshold = 5 }"),
        Discipline::AdaptiveLifo { threshold: 5 }
    );
}

#[test]
fn a_document_is_checked_again_with_other_values() {
    let loaded = load("test.toml", &format!("[run]\nrequests = 9\n{BASE}{OPEN}"), &NoFiles, &[]).unwrap();
    for slots in [1_u32, 5, 9] {
        let changed = loaded.document.with(&[Override::new("pool.main.slots", slots.to_string())]).unwrap();
        assert_eq!(check(changed, &NoFiles).unwrap().model.pools[0].settings.slots, Slots::Limited(slots));
    }
    let wrong = loaded.document.with(&[Override::new("pool.main.slots", "many")]).unwrap();
    let text = check(wrong, &NoFiles).unwrap_err().render(false);
    assert!(text.contains("override:1:19") && text.contains("pool.main.slots = many"), "{text}");
}

/// One file that counts how often it is read.
struct Counted(std::cell::Cell<u32>);

impl Files for Counted {
    fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
        self.0.set(self.0.get() + 1);
        Ok(b"t,d\n0,1\n2,3\n".to_vec())
    }
}

#[test]
fn a_trace_is_read_once_and_ends_the_run() {
    let text = "[class.x]\ndemand = \"1s\"\n[class.a]\n[pool.main]\nslots = 2\n[source.s]\nclass = \"a\"\n\
        trace = { file = \"t.csv\", time = \"t\", demand = { column = \"d\", unit = \"ms\" } }\n";
    let files = Counted(std::cell::Cell::new(0));
    let loaded = load("test.toml", text, &files, &[]).unwrap();
    let Load::Trace(trace) = &loaded.model.sources[0].load else { panic!() };
    assert_eq!((trace.rows[1].class, trace.rows[1].demand), (1, Span::from_millis(3)));
    assert_eq!(loaded.model.run.length, RunLength::Horizon(Time::from_nanos(2_000_000_000)));
    assert!(loaded.model.run.drain);
    check(loaded.document.with(&[Override::new("pool.main.slots", "3")]).unwrap(), &files).unwrap();
    assert_eq!(files.0.get(), 1);
}

#[test]
fn finagle_and_envoy_shares_are_percentages_for_the_policy() {
    let with = |budget: &str| {
        let source = format!(
            "[run]\nrequests = 9\n[source.s]\narrivals = {{ rate = \"1/s\" }}\nclient = {{ retry = {{ max = 1 }}, budget = {budget} }}\n"
        );
        model(&format!("{BASE}{source}")).sources[0].client.retry.clone().unwrap().budget.unwrap()
    };
    assert!(matches!(with("\"finagle\""), RetryBudget::Finagle { percent, .. } if percent == 20.0));
    assert!(
        matches!(with("{ kind = \"envoy\", share = \"10%\" }"), RetryBudget::Envoy { percent, min: 3 } if percent == 10.0)
    );
}

#[test]
fn depth_and_length_do_no_harm() {
    for (open, close) in [("[", "]"), ("{ a = ", " }")] {
        for depth in [50, 5_000, 100_000] {
            let text = format!("x = {}1{}", open.repeat(depth), close.repeat(depth));
            assert!(load("deep.toml", &text, &NoFiles, &[]).is_err());
        }
    }
    let dotted = format!("{}b = 1", "a.".repeat(20_000));
    assert!(load("deep.toml", &dotted, &NoFiles, &[]).is_err());
    assert!(load("long.toml", &"[x]\n".repeat(5_000), &NoFiles, &[]).is_err());
}

#[test]
fn a_point_of_a_sweep_differs_in_what_was_set_alone() {
    let text = include_str!("../../../models/orchestrator.toml");
    let loaded = load("orchestrator.toml", text, &NoFiles, &[]).unwrap();
    let changed = loaded.document.with(&[Override::new("pool.generation.slots", "8")]).unwrap();
    let mut again = check(changed, &NoFiles).unwrap().model;
    assert_eq!(again.pools[0].settings.slots, Slots::Limited(8));
    again.pools[0].settings.slots = Slots::Limited(6);
    assert_eq!(again, loaded.model);
}
