//! Whole random models through the simulator: everything that a model file can say, in all mixtures.

use super::random;
use crate::semantics::balances;
use poolsim::engine::{self, RequestSeen};
use poolsim::experiment::hunt::generate;
use poolsim::experiment::hunt::shrink;
use poolsim::model::{self, Load, Model, NoFiles};
use poolsim::outcome::Outcome;
use poolsim::random::{Purpose, Stream, Streams};
use poolsim::stats::Replication;
use poolsim::time::Span;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeMap;
use toml::Table;

/// A random model as a table: pools of random settings, routes, hosts, clients, sources, faults.
fn draw(seed: u64) -> Table {
    let mut s = Streams::new(seed, 0).stream(Purpose::Search, 77);
    let mut text =
        format!("[run]\nhorizon = \"{}s\"\nreplications = 1\nregime = \"terminating\"\n", 20 + s.below(30));
    // Nothing is drained: a request that hangs would be waited for until the end of time.
    text.push_str(&format!("seed = {}\n", s.below(1000)));
    for (priority, class) in ["a", "b", "c"].into_iter().enumerate() {
        text.push_str(&format!(
            "[class.{class}]\npriority = {priority}\ndemand = {}\n",
            distribution(&mut s)
        ));
        if s.chance(0.5) {
            let fates = "{ error = 0.05, crash = 0.05, hang = 0.02, freeze = 0.01 }";
            text.push_str(&format!(
                "fates = {fates}\ncpu_share = {}\n",
                pick(&mut s, &["0.0", "0.5", "1.0"])
            ));
            text.push_str(&format!("retry_demand = \"{}\"\n", pick(&mut s, &["redrawn", "same"])));
        }
    }
    text.push_str("[host.box]\ncores = 2\n");
    clients(&mut text, &mut s);
    sources(&mut text, &mut s);
    faults(&mut text, &mut s);
    let mut table: Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    pools(&mut table, &mut s);
    table
}

fn pick<'w>(s: &mut Stream, words: &[&'w str]) -> &'w str {
    words[s.below(words.len() as u64) as usize]
}

fn distribution(s: &mut Stream) -> &'static str {
    pick(
        s,
        &[
            "\"500ms\"",
            "{ dist = \"exponential\", mean = \"400ms\" }",
            "{ dist = \"lognormal\", p50 = \"300ms\", p95 = \"2s\" }",
            "{ dist = \"uniform\", low = \"0s\", high = \"1s\" }",
        ],
    )
}

fn clients(text: &mut String, s: &mut Stream) {
    for client in ["x", "y"] {
        text.push_str(&format!("[client.{client}]\ncancels = {}\n", s.chance(0.5)));
        if s.chance(0.6) {
            text.push_str(&format!("attempt_deadline = \"{}\"\n", pick(s, &["300ms", "1s", "4s"])));
        }
        if s.chance(0.4) {
            text.push_str(&format!("deadline = \"{}\"\n", pick(s, &["800ms", "5s"])));
        }
        if s.chance(0.3) {
            text.push_str(&format!("hedge = {{ after = \"200ms\", max = {} }}\n", 1 + s.below(2)));
        }
        if s.chance(0.3) {
            text.push_str("breaker = { failure_rate = 0.5, window = 5, open_for = \"2s\" }\n");
        }
        if s.chance(0.7) {
            let on = "[\"timeout\", \"crash\", \"error\", \"rejected\", \"reneged\", \"write_error\"]";
            let jitter = pick(s, &["none", "full", "equal", "decorrelated"]);
            let budget = pick(s, &["", "grpc", "aws_standard", "envoy", "finagle"]);
            if !budget.is_empty() {
                text.push_str(&format!("budget = {{ kind = \"{budget}\" }}\n"));
            }
            text.push_str(&format!("retry = {{ max = {}, on = {on}, jitter = \"{jitter}\" }}\n", s.below(4)));
        }
    }
}

fn sources(text: &mut String, s: &mut Stream) {
    let targets = ["pool = \"one\"", "route = \"both\"", "pool = \"two\"", "host = \"box\""];
    for number in 0..1 + s.below(3) {
        let target = pick(s, &targets);
        text.push_str(&format!("[source.s{number}]\n{target}\nmix = {{ a = 0.5, b = 0.3, c = 0.2 }}\n"));
        if !target.starts_with("host") {
            text.push_str(&format!("client = \"{}\"\n", pick(s, &["x", "y"])));
        }
        let load = pick(
            s,
            &[
                "arrivals = { rate = \"4/s\" }",
                "arrivals = { process = \"deterministic\", rate = \"3/s\" }",
                "arrivals = { rate = \"2/s\", batch = 3 }",
                "users = { count = 6, think = \"200ms\" }",
                "users = { stages = [{ duration = \"5s\", target = 8 }, { duration = \"5s\", target = 1 }], think = \"100ms\", graceful_ramp_down = \"1s\" }",
            ],
        );
        text.push_str(&format!("{load}\n"));
    }
    let routing = pick(
        s,
        &[
            "\"random\"",
            "\"round_robin\"",
            "\"least_loaded\"",
            "{ policy = \"least_loaded\", signal_delay = \"300ms\" }",
            "{ policy = \"shortest_of\", d = 2 }",
            "\"hash\"",
        ],
    );
    text.push_str(&format!("[route.both]\npools = [\"one\", \"two\"]\nrouting = {routing}\n"));
}

fn faults(text: &mut String, s: &mut Stream) {
    let kinds = [
        "kind = \"kill_worker\"\npool = \"one\"\nat = [\"3s\", \"9s\"]",
        "kind = \"kill_worker\"\npool = \"two\"\nrate = \"10/min\"",
        "kind = \"kill_instance\"\npool = \"one\"\nat = \"5s\"\nduration = \"3s\"",
        "kind = \"pause_pool\"\npool = \"two\"\nat = \"4s\"\nduration = \"2s\"",
        "kind = \"slow_host\"\nhost = \"box\"\nfactor = 0.3\nat = \"6s\"\nduration = \"4s\"",
    ];
    for kind in kinds {
        if s.chance(0.35) {
            text.push_str(&format!("[[fault]]\n{kind}\n"));
        }
    }
}

fn pools(table: &mut Table, s: &mut Stream) {
    let mut pools = Table::new();
    for name in ["one", "two"] {
        let mut settings = generate::settings(s);
        let mut pool = settings.pool_table().cloned().unwrap();
        if s.chance(0.3) {
            generate::put(&mut pool, "host", "box".into());
        }
        if s.chance(0.3) {
            generate::put(&mut pool, "instances", (1 + s.below(3) as i64).into());
            generate::put(&mut pool, "routing", "least_loaded".into());
        }
        match s.below(8) {
            0 => {
                let breakdown = "up = \"5s\"\ndown = \"1s\"\njob = \"resume\"".parse::<Table>().unwrap();
                generate::put(&mut pool, "breakdown", breakdown.into());
            }
            1 => {
                let scaler = "min = 1\nmax = 4\ninterval = \"2s\"\nboot = \"1s\"\ncool_down = \"3s\""
                    .parse::<Table>()
                    .unwrap();
                generate::put(&mut pool, "autoscaler", scaler.into());
                pool.remove("instances");
            }
            _ => {}
        }
        pools.insert(String::from(name), pool.into());
    }
    table.insert(String::from("pool"), pools.into());
}

fn load(table: &Table) -> Result<Model, String> {
    let text = toml::to_string(table).unwrap();
    model::load("m.toml", &text, &NoFiles, &[])
        .map(|loaded| loaded.model)
        .map_err(|faults| faults.render(false))
}

/// What is wrong with the play of a model, if anything.
fn wrong(model: &Model) -> Option<String> {
    let prepared = engine::prepare(model);
    let (report, ends) = match prepared.follow(0, None) {
        Ok(played) => played,
        Err(breach) => return Some(breach.to_string()),
    };
    let again = std::thread::scope(|scope| scope.spawn(|| engine::prepare(model).run(0)).join());
    match again {
        Ok(Ok(again)) if again == report => {}
        _ => return Some(String::from("the same seed gives another report in another thread")),
    }
    std::panic::catch_unwind(|| balances(&report))
        .err()
        .map(|_| String::from("slot time does not add up"))
        .or_else(|| wrong_counts(&report, &ends, model))
        .or_else(|| ends.iter().find_map(|end| wrong_request(end, model)))
}

/// Every request ends once, and the report counts what ended.
fn wrong_counts(report: &Replication, ends: &[RequestSeen], model: &Model) -> Option<String> {
    let mut keys: BTreeMap<u64, u32> = BTreeMap::new();
    ends.iter().for_each(|end| *keys.entry(end.key).or_default() += 1);
    if let Some((key, count)) = keys.iter().find(|(_, count)| **count > 1) {
        return Some(format!("request {key:x} ended {count} times"));
    }
    let counted = |outcome: Outcome| -> u64 {
        report
            .segments
            .iter()
            .flat_map(|segment| &segment.classes)
            .map(|class| class.outcomes[outcome as usize])
            .sum()
    };
    for outcome in Outcome::ALL.into_iter().filter(|&outcome| outcome != Outcome::Unfinished) {
        let seen = ends.iter().filter(|end| end.outcome == outcome).count() as u64;
        if counted(outcome) != seen {
            return Some(format!("{} {} counted, {seen} seen", counted(outcome), outcome.name()));
        }
    }
    let sent: u64 = report.segments.iter().flat_map(|segment| &segment.classes).map(|class| class.sent).sum();
    let all: u64 = Outcome::ALL.into_iter().map(counted).sum();
    (sent != all).then(|| format!("{sent} sent, {all} outcomes ({})", model.name))
}

/// No request outlives its rules or is tried too often.
fn wrong_request(end: &RequestSeen, model: &Model) -> Option<String> {
    let source = &model.sources[(end.key >> 48) as usize];
    let client = &source.client;
    let what = |text: String| Some(format!("request {:x} of {}: {text}", end.key, source.name));
    let most = 1 + client.retry.as_ref().map_or(0, |retry| retry.max);
    if end.attempts > most {
        return what(format!("{} attempts of {most}", end.attempts));
    }
    // Each attempt has a deadline of its own; hedges are sent later.
    let hedges = client.hedge.map_or(Span::ZERO, |hedge| hedge.after.scaled(f64::from(hedge.max)));
    let attempt = if client.retry.is_none() { client.attempt_deadline + hedges } else { Span::NEVER };
    let longest = client.total_deadline.min(attempt);
    if end.latency() > longest {
        return what(format!("latency {:?}, deadline {longest:?}", end.latency()));
    }
    if end.waiting > end.latency() {
        return what(format!("waited {:?} of {:?}", end.waiting, end.latency()));
    }
    let routes = &model.routes[source.route];
    let breaks = routes.pools.iter().any(|&pool| model.pools[pool].breakdown.is_some());
    let tries = routes
        .pools
        .iter()
        .map(|&pool| 1 + model.pools[pool].settings.retry.map_or(0, |retry| retry.max))
        .max();
    if !breaks && tries.is_some_and(|tries| end.hand_overs > tries) {
        return what(format!("{} hand-overs of {tries:?}", end.hand_overs));
    }
    None
}

/// The smallest model that is still wrong.
fn smallest(table: Table) -> String {
    let wrong_table = |table: &Table| load(table).is_ok_and(|model| wrong(&model).is_some());
    let small = shrink::table(table, &wrong_table);
    let why = load(&small).map(|model| wrong(&model).unwrap_or_default()).unwrap_or_default();
    format!("{why}\nsave as m.toml, poolsim run m.toml:\n{}", toml::to_string(&small).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..ProptestConfig::default() })]

    #[test]
    fn whole_random_models_keep_their_books(seed in any::<u32>()) {
        let table = draw(u64::from(seed));
        let model = load(&table).map_err(TestCaseError::fail)?;
        if wrong(&model).is_some() {
            return Err(TestCaseError::fail(smallest(table)));
        }
    }

    /// G/G/c, first come first served, nothing else: no time-outs, retries, crashes, limits, hosts. There a further slot
    /// shortens no wait, and a longer demand shortens none (the ordered workload vector of Kiefer and Wolfowitz, 1955,
    /// is monotone in both).
    #[test]
    fn more_slots_never_lengthen_a_wait_and_longer_demands_never_shorten_one(seed in any::<u32>(), slots in 1u32..5) {
        let waits = |slots: u32, factor: f64| {
            let mut s = Streams::new(u64::from(seed), 0).stream(Purpose::Search, 78);
            let demand = pick(&mut s, &["exponential", "gamma"]);
            let cv = if demand == "gamma" { ", cv = 2.0" } else { "" };
            let load = pick(&mut s, &["{ rate = \"1/s\" }", "{ process = \"deterministic\", rate = \"1/s\" }", "{ rate = \"0.4/s\", batch = 3 }"]);
            let base = 0.2 + 1.6 * s.unit();
            let text = format!(
                "[run]\nhorizon = \"60s\"\nreplications = 1\nregime = \"terminating\"\ndrain = true\nseed = {seed}\n\
                 [class.a]\ndemand = {{ dist = \"{demand}\", mean = \"{}s\"{cv} }}\n[source.s]\narrivals = {load}\n\
                 [pool.main]\nslots = {slots}\n",
                base * factor
            );
            let model = model::load("m.toml", &text, &NoFiles, &[]).unwrap_or_else(|faults| panic!("{}", faults.render(false))).model;
            let (_, mut ends) = engine::prepare(&model).follow(0, None).unwrap();
            ends.sort_by_key(|end| end.key);
            ends.into_iter().map(|end| end.waiting).collect::<Vec<_>>()
        };
        let (few, more, longer) = (waits(slots, 1.0), waits(slots + 1, 1.0), waits(slots, 1.5));
        prop_assert_eq!(few.len(), more.len());
        prop_assert!(few.iter().zip(&more).all(|(few, more)| more <= few), "{slots} slots and one more");
        prop_assert!(few.iter().zip(&longer).all(|(short, long)| long >= short), "demands half as long again");
    }
}

/// Takes most of what is random out of a model.
fn settle(node: &mut toml::Value, s: &mut Stream) {
    let Some(table) = node.as_table_mut() else {
        node.as_array_mut().into_iter().flatten().for_each(|one| settle(one, s));
        return;
    };
    for (key, value) in table.iter_mut() {
        let chance = value.get("dist").is_some() && s.chance(0.97);
        if chance {
            *value = "300ms".into();
        }
        match key.as_str() {
            "mix" if s.chance(0.97) => *value = toml::toml! { a = 1.0 }.into(),
            "arrivals" if s.chance(0.97) => {
                *value = toml::toml! { process = "deterministic" rate = "3/s" }.into();
            }
            "jitter" if s.chance(0.97) => *value = "none".into(),
            "rate" if value.as_str() == Some("10/min") => *value = "0/min".into(),
            "routing" if s.chance(0.9) => *value = "round_robin".into(),
            _ => settle(value, s),
        }
    }
    for key in ["fates", "breakdown"] {
        if s.chance(0.97) {
            table.remove(key);
        }
    }
}

#[test]
fn what_is_called_certain_is_the_same_under_every_seed() {
    let mut certain = 0;
    for seed in 0..400 {
        let mut s = Streams::new(seed, 0).stream(Purpose::Search, 79);
        let mut value = toml::Value::Table(draw(seed));
        settle(&mut value, &mut s);
        let toml::Value::Table(table) = value else { continue };
        let Some(model) = load(&table).ok().filter(Model::is_certain) else { continue };
        let run = |replication| engine::prepare(&model).run(replication).unwrap().fingerprint;
        assert_eq!(run(0), run(1), "{}", toml::to_string(&table).unwrap());
        certain += 1;
    }
    assert!(certain >= 15, "{certain} of 400 are called certain");
}

#[test]
fn most_random_models_are_models_and_play() {
    let (mut requests, mut traces) = (0, 0);
    for seed in 0..20 {
        let model = load(&draw(seed)).unwrap();
        traces += model.sources.iter().filter(|source| matches!(source.load, Load::Closed(_))).count();
        let (_, ends) = engine::prepare(&model).follow(0, None).unwrap();
        requests += ends.len();
    }
    assert!(requests > 2000 && traces > 3, "{requests} requests, {traces} closed loops");
    assert_eq!(random(1).case(5), random(1).case(5));
}
