//! What a run costs: slots that were there, hosts, requests and missed objectives, and which of equal costs wins.

use poolsim::experiment::outline::Outline;
use poolsim::experiment::price::same;
use poolsim::experiment::record::GivenModel;
use poolsim::experiment::run::{self as runs, Silent};
use poolsim::experiment::sweep::{self, Unwatched};
use poolsim::experiment::{Given, Metric, Record, Scope, plan};
use poolsim::model::check::experiment;
use poolsim::model::{self, Document, Files};
use poolsim::report::{csv, text};

/// A trace of two requests.
struct Trace;

impl Files for Trace {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(b"at,work\n9,0.1\n9,25\n".to_vec())
    }
}

fn record(model: &str) -> Record {
    let loaded = model::load("priced.toml", model, &Trace, &[]);
    let loaded = loaded.unwrap_or_else(|faults| panic!("{}\n{model}", faults.render(false)));
    runs::run(&loaded.model, Given::default(), &Silent).unwrap()
}

fn cost(record: &Record) -> &Metric {
    record.points[0].metric("cost", &Scope::default()).expect("the model has prices")
}

/// A pool of two slots for a hundred seconds, at a cent for a slot and second.
fn traced(pool: &str, more: &str) -> String {
    format!(
        "[run]\nhorizon = \"100s\"\nregime = \"terminating\"\ndrain = false\nreplications = 3\n[class.a]\n\
         [source.s]\npool = \"main\"\nclass = \"a\"\n\
         trace = {{ file = \"s.csv\", time = \"at\", demand = {{ column = \"work\" }} }}\n\
         [pool.main]\n{pool}\n[prices]\nslot_hour = 36.0\n{more}"
    )
}

#[test]
fn slots_cost_as_long_as_they_are_there() {
    let fixed = record(&traced("slots = 2", ""));
    let estimate = cost(&fixed).estimate;
    assert!((estimate.value - 2.0).abs() < 1e-12, "{estimate:?}");
    assert_eq!((estimate.low, estimate.high), (estimate.value, estimate.value), "nothing was measured");
    // One of two instances is taken down at 10, has a job until 34 and is gone at 40: 140 slot-seconds.
    let scaled = "slots = 1\ninstances = 2\n\
        autoscaler = { min = 1, max = 2, target_utilization = 0.9, interval = \"10s\", cool_down = \"1s\" }";
    let estimate = cost(&record(&traced(scaled, ""))).estimate;
    assert!((estimate.value - 1.4).abs() < 1e-12, "{estimate:?}");
    // Two requests at ten cents; the objective is missed.
    let more =
        "request = 0.1\nmissed_objective = 5\n[[objective]]\nmetric = \"latency_p95\"\nat_most = \"1s\"";
    let estimate = cost(&record(&traced(scaled, more))).estimate;
    assert!((estimate.value - 6.6).abs() < 1e-12, "{estimate:?}");
}

#[test]
fn an_autoscaled_pool_has_an_interval_and_costs_what_was_up() {
    let model = |prices: &str| {
        format!(
            "[run]\nhorizon = \"2000s\"\nregime = \"terminating\"\nreplications = 8\n\
             [class.a]\ndemand = {{ dist = \"exponential\", mean = \"1s\" }}\n\
             [source.s]\npool = \"main\"\nclass = \"a\"\narrivals = {{ rate = \"2/s\" }}\n\
             [pool.main]\nslots = 1\ninstances = 1\nautoscaler = {{ min = 1, max = 9, target_utilization = 0.6, \
             interval = \"10s\", cool_down = \"30s\" }}\n{prices}"
        )
    };
    let record = record(&model("[prices]\nslot_hour = 3600"));
    let estimate = cost(&record).estimate;
    // Two slots at work at 60 %: three to four instances; one was there at the start.
    let instances = estimate.value / 2000.0;
    assert!((2.5..6.0).contains(&instances), "{instances}");
    assert!(estimate.low < estimate.value && estimate.value < estimate.high, "{estimate:?}");
    let page = text::page(&record, text::Look::PLAIN);
    assert!(page.contains("Cost of a run"), "{page}");
    assert!(csv::metrics(&record).lines().any(|line| line.contains(",cost,")), "a row of the table");
    let free = self::record(&model(""));
    assert!(free.points[0].metric("cost", &Scope::default()).is_none());
    assert!(!text::page(&free, text::Look::PLAIN).contains("Cost of a run"));
}

#[test]
fn of_points_that_cost_the_same_the_smaller_is_chosen() {
    assert!(same(0.1 + 0.2, 0.3) && !same(0.3, 0.300_001));
    let model = "[run]\nhorizon = \"200s\"\nregime = \"terminating\"\n\
        [class.a]\ndemand = { dist = \"exponential\", mean = \"1s\" }\n\
        [source.s]\npool = \"main\"\nclass = \"a\"\narrivals = { rate = \"1/s\" }\n\
        [pool.main]\nslots = 4\nhost = \"box\"\n[host.box]\ncores = 8\n[prices]\nhost_hour = 0.3\n\
        [[objective]]\nmetric = \"latency_p95\"\nat_most = \"60s\"\n";
    let grid = "name = \"grid\"\nmodel = \"small.toml\"\nreplications = 4\n\
        [[axis]]\npath = \"pool.main.slots\"\nvalues = [8, 4, 6]\n[outputs]\nmetrics = [\"prob_fail\"]\n";
    let read =
        experiment::read("grid.toml", grid).unwrap_or_else(|faults| panic!("{}", faults.render(false)));
    let document = Document::parse("small.toml", model).unwrap();
    let planned = plan::plan(read, &document, &Trace, &[]);
    let planned = planned.unwrap_or_else(|faults| panic!("{}", faults.render(false)));
    let outline = Outline::of(&planned, sweep::compared(&planned), Given::default(), GivenModel::default());
    let record = sweep::record(outline, sweep::run(&planned, &[0, 1, 2], &Unwatched).unwrap());
    assert!(record.study.frontier.iter().all(|one| one.meets && same(one.cost, 0.3 * 200.0 / 3600.0)));
    assert_eq!(record.chosen, Some(1), "four slots");
    // The figure stays where an experiment asks for others only.
    assert!(record.points.iter().all(|point| point.metric("cost", &Scope::default()).is_some()));
}
