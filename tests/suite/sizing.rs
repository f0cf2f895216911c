//! Sizing against exact answers: the smallest pool that a formula gives is the one that the search proves.

use poolsim::experiment::Judgement;
use poolsim::experiment::plan::{self, Planned};
use poolsim::experiment::run::Silent;
use poolsim::experiment::size::{self, Made, Rule, SizeRow};
use poolsim::model::check::experiment;
use poolsim::model::{Document, Model, NoFiles, Override};

const RULE: Rule = Rule { confidence: 0.95, indifference: 0.01, first: 5, most: 320 };

/// M/M/c: 4 jobs a second of one second each. Erlang C gives mean waits of 0.55 s at 5 slots, 0.142 s at 6, 0.045 s
/// at 7.
const MMC: &str = "name = \"mmc\"\n[run]\nrequests = 8000\n[class.job]\ndemand = { dist = \"exponential\", mean = \"1s\" }\n\
    [source.s]\npool = \"main\"\nclass = \"job\"\narrivals = { rate = \"4/s\" }\n[pool.main]\nslots = 5\n\
    [[objective]]\nmetric = \"mean_wait\"\nat_most = \"100ms\"\n";

/// Erlang A: 10 calls a second of one second, patience of two. Abandonments of 10.4 % at 10 agents, 6.5 % at 11, 3.9 %
/// at 12.
const ERLANG_A: &str = "name = \"a\"\n[run]\nrequests = 20000\n[class.call]\ndemand = { dist = \"exponential\", mean = \"1s\" }\n\
    [source.s]\npool = \"main\"\nclass = \"call\"\narrivals = { rate = \"10/s\" }\n\
    patience = { dist = \"exponential\", mean = \"2s\" }\n[pool.main]\nslots = 5\n\
    [[objective]]\nmetric = \"prob_abandon\"\nat_most = \"5%\"\n";

fn planned(model: &str, seed: u64) -> (plan::Plan, Vec<Model>) {
    let document = Document::parse("m.toml", model).unwrap();
    let text = format!("model = \"m.toml\"\nseed = {seed}\nreplications = 5\n");
    let plan = plan::plan(experiment::read("e.toml", &text).unwrap(), &document, &NoFiles, &[]).unwrap();
    let at = |size: u32| {
        plan.model_with(0, &NoFiles, &Override::new("pool.main.slots", size.to_string())).unwrap()
    };
    let models = (1..=20).map(at).collect();
    (plan, models)
}

fn smallest(model: &str, seed: u64) -> SizeRow {
    let (plan, models) = planned(model, seed);
    let point: &Planned = &plan.points[0];
    size::smallest(
        point,
        &|size| models[size as usize - 1].clone(),
        (1, 20),
        RULE,
        9,
        (&Made::default(), &Silent),
    )
    .unwrap()
}

/// Erlang C's mean wait for so many jobs of one second a second.
fn erlang_c_wait(load: f64, slots: u32) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..slots {
        term *= load / f64::from(k);
        sum += term;
    }
    let last = term * load / f64::from(slots) / (1.0 - load / f64::from(slots));
    last / (sum + last) / (f64::from(slots) - load)
}

#[test]
fn the_size_of_an_mmc_pool_is_that_of_erlang_c() {
    let exact = (5..20).find(|&slots| erlang_c_wait(4.0, slots) <= 0.1).unwrap();
    let right = (1..=20).filter(|&seed| smallest(MMC, seed).smallest == Some(exact)).count();
    // At least 95 % over many seeds; examples/sizing.rs runs 200.
    assert!(right >= 19, "{right} of 20 found {exact}");
}

#[test]
fn the_size_of_an_impatient_pool_is_that_of_erlang_a() {
    let answers: Vec<Option<u32>> = (1..=10).map(|seed| smallest(ERLANG_A, seed).smallest).collect();
    let right = answers.iter().filter(|size| **size == Some(12)).count();
    assert!(right >= 9, "{answers:?}");
}

#[test]
fn the_proof_names_the_size_below() {
    let row = smallest(MMC, 1);
    assert_eq!(row.judgement, Judgement::Met);
    let size = row.smallest.unwrap();
    assert!(
        row.sentence
            .starts_with(&format!("at 95 % confidence {size} meet every objective; {} do not", size - 1)),
        "{}",
        row.sentence
    );
    let below = row.candidates.iter().find(|one| one.size == size - 1).unwrap();
    assert_eq!(below.judgement, Judgement::Missed);
    // What cannot carry the load is never ranked, and needs no more than a first look.
    let unstable: Vec<_> = row.candidates.iter().filter(|one| one.size <= 3).collect();
    assert!(unstable.iter().all(|one| one.unstable && one.judgement == Judgement::Missed), "{unstable:?}");
}

#[test]
fn an_answer_by_the_zone_that_does_not_matter_says_so() {
    let (plan, models) = planned(MMC, 1);
    // Half a second at five slots against a bound of 600 ms: within a half of it, which few replications tell apart.
    let near = |size: u32| {
        let mut model = models[size as usize - 1].clone();
        model.objectives[0].value = erlang_c_wait(4.0, 5) * 1.001;
        model
    };
    let rule = Rule { indifference: 0.5, first: 5, most: 20, ..RULE };
    let made = Made::default();
    let row = size::smallest(&plan.points[0], &near, (5, 6), rule, 5, (&made, &Silent)).unwrap();
    let five = row.candidates.iter().find(|one| one.size == 5).unwrap();
    assert_eq!(five.verdicts[0].indifference, Some(0.5), "{five:?}");
    assert!(row.sentence.contains("50 % do not matter"), "{}", row.sentence);
}

#[test]
fn no_size_is_an_answer_too() {
    let impossible = MMC.replace("mean_wait", "mean_sojourn").replace("100ms", "900ms");
    let row = smallest(&impossible, 1);
    assert_eq!((row.smallest, row.judgement), (None, Judgement::Missed));
    assert!(row.sentence.contains("no size from 1 to 20"), "{}", row.sentence);
}

#[test]
fn more_load_is_more_of_everything() {
    let (_, models) = planned(MMC, 1);
    let rate = |model: &Model| match &model.sources[0].load {
        poolsim::model::Load::Open(open) => open.rate.integral(0.0, 1.0),
        _ => 0.0,
    };
    assert!((rate(&size::loaded(&models[5], 1.1)) - 4.4).abs() < 1e-9);
    let bound = size::largest_load(&models[6], 7, 1.0, &RULE, &Silent).unwrap();
    // Erlang C: seven slots keep the mean wait below 100 ms up to a load of 4.7.
    assert!((1.1..=1.25).contains(&bound.carries.unwrap()), "{bound:?}");
    assert!(bound.fails.unwrap() <= 1.3, "{bound:?}");
}
