//! Sweeps: the same bytes whatever ran where, comparisons that share their luck, regimes that are told apart.

use poolsim::experiment::outline::Outline;
use poolsim::experiment::plan::{self, Plan};
use poolsim::experiment::record::GivenModel;
use poolsim::experiment::run::Finished;
use poolsim::experiment::store::Store;
use poolsim::experiment::sweep::{self, Unwatched, Watch};
use poolsim::experiment::{Given, Progress, Record, RegimeFound};
use poolsim::model::check::experiment::{self, Experiment};
use poolsim::model::{Document, Files};
use poolsim::report::{study, summary};
use std::path::{Path, PathBuf};

/// A small pool with short and long jobs.
const MODEL: &str = "name = \"small\"\n[run]\nhorizon = \"200s\"\nregime = \"terminating\"\n\
    [class.job]\ndemand = { dist = \"exponential\", mean = \"1s\" }\n\
    [source.s]\npool = \"main\"\nclass = \"job\"\narrivals = { rate = \"2/s\" }\n\
    [pool.main]\nslots = 3\n\
    [[objective]]\nmetric = \"latency_p95\"\nat_most = \"4s\"\n\
    [prices]\nslot_hour = 1.0\n";

/// Four sizes, two loads.
const GRID: &str = "name = \"grid\"\nmodel = \"small.toml\"\nreplications = 6\n\
    [[axis]]\npath = \"pool.main.slots\"\nvalues = [2, 3, 4, 6]\n\
    [[axis]]\nname = \"load\"\npath = \"source.s.arrivals.rate\"\nvalues = [\"1/s\", \"2/s\"]\n\
    [marks]\nbefore = { \"pool.main.slots\" = 3, load = \"2/s\" }\nafter = { \"pool.main.slots\" = 4, load = \"2/s\" }\n";

/// Files of the folder of shipped models.
struct Shipped;

impl Files for Shipped {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        std::fs::read(folder.join(path)).map_err(|error| error.to_string())
    }
}

fn read(text: &str) -> Experiment {
    experiment::read("grid.toml", text).unwrap_or_else(|faults| panic!("{}", faults.render(false)))
}

fn planned(experiment: &str, model: &str) -> Plan {
    let document = Document::parse("small.toml", model).unwrap();
    plan::plan(read(experiment), &document, &Shipped, &[])
        .unwrap_or_else(|faults| panic!("{}", faults.render(false)))
}

fn outline(plan: &Plan) -> Outline {
    Outline::of(plan, sweep::compared(plan), Given::default(), GivenModel::default())
}

fn all(plan: &Plan) -> Vec<usize> {
    (0..plan.points.len()).collect()
}

fn record(plan: &Plan) -> Record {
    sweep::record(outline(plan), sweep::run(plan, &all(plan), &Unwatched).unwrap())
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// A folder of its own for each test, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("poolsim-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn of_many_points_the_chosen_one_keeps_its_course() {
    let loads: Vec<String> = (1..=10).map(|load| format!("\"{}/s\"", 0.2 * f64::from(load))).collect();
    let many = GRID
        .replace("[\"1/s\", \"2/s\"]", &format!("[{}]", loads.join(", ")))
        .replace("replications = 6", "replications = 2");
    let many = &many[..many.find("[marks]").unwrap()];
    let record = record(&planned(many, MODEL));
    assert_eq!(record.points.len(), 40);
    let chosen = record.chosen.expect("some point meets the objective");
    for point in &record.points {
        let has = (!point.timelines.is_empty(), !point.curves.is_empty(), point.stretch.is_some());
        let shown = point.index == chosen;
        assert_eq!(has, (shown, shown, shown), "{}", point.label);
    }
    // Asking for the distributions of all takes nothing from that.
    let all = format!("{many}[outputs]\ncurves = \"all\"\n");
    let all = self::record(&planned(&all, MODEL));
    assert!(all.points.iter().all(|point| !point.curves.is_empty()));
    assert!(all.points.iter().all(|point| point.timelines.is_empty() == (all.chosen != Some(point.index))));
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let plan = planned(GRID, MODEL);
    let texts: Vec<String> =
        [1, 2, 3].map(|threads| on_threads(threads, || record(&plan).to_json())).to_vec();
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
    assert_eq!(Record::from_json(&texts[0]).unwrap().to_json(), texts[0], "and survive being read");
}

/// Does one part of the work as a worker would.
fn work(plan: &Plan, outline: &Outline, store: &Store, index: usize, of: usize) {
    store.open(outline).unwrap();
    for chunk in (index..outline.keys.len()).step_by(of) {
        if store.read(outline, chunk).is_none() {
            let points: Vec<usize> = outline.points_of(chunk).collect();
            store.write(outline, chunk, sweep::run(plan, &points, &Unwatched).unwrap()).unwrap();
        }
    }
}

#[test]
fn shards_in_any_order_make_the_record_of_one_process() {
    let plan = planned(GRID, MODEL);
    let outline = outline(&plan);
    let whole = record(&plan).to_json();
    for order in [[0, 1, 2], [2, 0, 1]] {
        let folder = Folder::new(&format!("shards-{}", order[0]));
        let store = Store::new(&folder.0);
        for (done, index) in order.into_iter().enumerate() {
            if done > 0 {
                // What is missing is named, by the number of its chunk.
                let missing = store.collect(&outline).unwrap_err();
                assert!(missing.iter().all(|chunk| order[done..].contains(&(chunk % 3))), "{missing:?}");
            }
            work(&plan, &outline, &store, index, 3);
        }
        let merged = sweep::record(store.outline().unwrap(), store.collect(&outline).unwrap());
        assert_eq!(merged.to_json(), whole);
    }
}

#[test]
fn two_writers_and_a_killed_worker_change_nothing() {
    let plan = planned(GRID, MODEL);
    let outline = outline(&plan);
    let folder = Folder::new("killed");
    let store = Store::new(&folder.0);
    store.open(&outline).unwrap();
    // A worker that was killed left a neighbour behind, another disk lost the second half of a chunk.
    std::fs::write(folder.0.join(format!("{}.json.1234.tmp", outline.keys[0])), "{\"key\": \"").unwrap();
    std::fs::write(folder.0.join(format!("{}.json", outline.keys[1])), "{\"key\": \"").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| work(&plan, &outline, &store, 0, 1));
        }
    });
    let merged = sweep::record(outline.clone(), store.collect(&outline).unwrap());
    assert_eq!(merged.to_json(), record(&plan).to_json());
}

#[test]
fn a_store_takes_no_results_of_another_plan() {
    let plan = planned(GRID, MODEL);
    let folder = Folder::new("other");
    let store = Store::new(&folder.0);
    store.open(&outline(&plan)).unwrap();
    let other = outline(&planned(&GRID.replace("replications = 6", "replications = 7"), MODEL));
    assert!(store.open(&other).unwrap_err().to_string().contains("another plan"));
    assert!(other.keys.iter().all(|key| !outline(&plan).keys.contains(key)));
}

/// Gives back what was finished before, and counts what was not.
struct Resumed {
    before: Vec<Finished>,
    anew: std::sync::atomic::AtomicUsize,
}

impl Progress for Resumed {}

impl Watch for Resumed {
    fn stored(&self, index: usize) -> Option<Finished> {
        self.before.iter().find(|one| one.point.index as usize == index).cloned()
    }

    fn finished(&self, _finished: &Finished) {
        self.anew.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn a_resumed_sweep_ends_at_the_same_bytes() {
    let plan = planned(GRID, MODEL);
    let before = sweep::run(&plan, &[0, 5, 6], &Unwatched).unwrap();
    let resumed = Resumed { before, anew: 0.into() };
    let finished = sweep::run(&plan, &all(&plan), &resumed).unwrap();
    assert_eq!(resumed.anew.into_inner(), 5);
    assert_eq!(sweep::record(outline(&plan), finished).to_json(), record(&plan).to_json());
}

#[test]
fn neighbours_share_their_luck() {
    let record = record(&planned(&GRID.replace("replications = 6", "replications = 40"), MODEL));
    let comparisons = &record.study.comparisons;
    // Marked points first: 3 slots against 4 at 2/s.
    let first = &comparisons[0];
    assert_eq!((first.along.as_str(), first.from, first.to), ("before and after", 3, 5));
    assert!(first.difference.high < 0.0, "more slots are quicker: {:?}", first.difference);
    // Paired differences vary less than independent ones would: that is what shared numbers are for.
    assert!(first.variance_ratio < 0.8, "{}", first.variance_ratio);
    let slots: Vec<_> = comparisons.iter().filter(|one| one.along == "pool.main.slots").collect();
    assert_eq!(slots.len(), 6);
    let mean = slots.iter().map(|one| one.variance_ratio).sum::<f64>() / slots.len() as f64;
    assert!(mean < 0.8, "{mean}");
}

#[test]
fn axes_costs_and_marks_are_in_the_record() {
    let record = record(&planned(GRID, MODEL));
    let study = &record.study;
    assert_eq!(study.axes[1].labels, ["1/s", "2/s"]);
    assert_eq!((study.marks[0].name.as_str(), &study.marks[0].points[..]), ("before", &[3][..]));
    let slots = study.sensitivity.iter().find(|one| one.axis == "pool.main.slots").unwrap();
    assert!(slots.effect.high < 0.0 && slots.explained > 0.3, "{slots:?}");
    // A run is 200 s of so many slots at one an hour.
    let cost = study.frontier[0].cost;
    assert!((cost - 2.0 * 200.0 / 3600.0).abs() < 1e-9, "{cost}");
    assert!(
        study.frontier.iter().any(|one| one.efficient) && !study.frontier.iter().all(|one| one.efficient)
    );
}

#[test]
fn regimes_are_told_apart_from_half_to_one_and_a_half_of_capacity() {
    let model = "name = \"mm4\"\n[run]\nrequests = 20000\n\
        [class.job]\ndemand = { dist = \"exponential\", mean = \"1s\" }\n\
        [source.s]\npool = \"main\"\nclass = \"job\"\narrivals = { rate = \"2/s\" }\n[pool.main]\nslots = 4\n";
    let experiment = "name = \"load\"\nmodel = \"m.toml\"\nreplications = 4\n\
        [[axis]]\npath = \"source.s.arrivals.rate\"\nfrom = \"2/s\"\nto = \"6/s\"\nstep = \"0.4/s\"\n";
    let record = record(&planned(experiment, model));
    for (point, load) in record.points.iter().zip((5..=15).map(|tenth| f64::from(tenth) / 10.0)) {
        let unstable = matches!(point.regime, RegimeFound::Unstable { .. });
        // At capacity itself no finite run can tell.
        if (load - 1.0).abs() > 0.05 {
            assert_eq!(unstable, load > 1.0, "load {load}: {:?}", point.regime);
        }
        let p95 = point.metrics.iter().any(|metric| metric.name == "latency_p95");
        assert_eq!(p95, !unstable, "an unstable point has no p95 (load {load})");
    }
}

#[test]
fn ranges_links_and_variants_become_points() {
    let text = "model = \"small.toml\"\nreplications = 2\n\
        [[axis]]\nname = \"both\"\npaths = [\"pool.main.slots\", \"source.s.arrivals.rate\"]\n\
        values = [[2, \"1/s\"], [4, \"2/s\"]]\nlabels = [\"small\", \"large\"]\n\
        [[axis]]\nname = \"queue\"\n[[axis.variants]]\nname = \"open\"\n\
        [[axis.variants]]\nname = \"short\"\nset = { \"pool.main.queue_capacity\" = 2 }\n";
    let plan = planned(text, MODEL);
    let labels: Vec<&str> = plan.points.iter().map(|point| point.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "both small, queue open",
            "both small, queue short",
            "both large, queue open",
            "both large, queue short"
        ]
    );
    let capacities: Vec<Option<u32>> =
        plan.points.iter().map(|point| point.model.pools[0].settings.queue_capacity).collect();
    assert_eq!(capacities, [None, Some(2), None, Some(2)]);
}

/// The rendered faults of an experiment over the small model.
fn faults(text: &str) -> String {
    let document = Document::parse("small.toml", MODEL).unwrap();
    match experiment::read("grid.toml", text) {
        Err(faults) => faults.render(false),
        Ok(experiment) => match plan::plan(experiment, &document, &Shipped, &[]) {
            Err(faults) => faults.render(false),
            Ok(_) => String::from("no fault"),
        },
    }
}

#[test]
fn faulty_experiments_are_explained_where_they_are_written() {
    let axis = "model = \"small.toml\"\n[[axis]]\n";
    let rows: [(&str, &[&str]); 18] = [
        ("name = \"x\"\n", &["`model` is missing", "for example: model = \"../models/orchestrator.toml\""]),
        (
            "model = \"m\"\nreplicatoins = 3\n",
            &["unknown key `replicatoins`", "did you mean `replications`?", "grid.toml:2:1"],
        ),
        ("model = \"m\"\nreplications = 3\nprecision = \"1%\"\n", &["contradict each other"]),
        ("model = \"m\"\nreplications = 0\n", &["`replications` must be at least 1"]),
        (
            &format!("{axis}values = [1]\n"),
            &["an axis does not say enough", "give `path`, or `paths`, or `variants`"],
        ),
        (&format!("{axis}path = \"pool.main.slots\"\n"), &["an axis does not say enough", "`values`"]),
        (
            &format!("{axis}path = \"pool.mian.slots\"\nvalues = [1, 2]\n"),
            &["there is no `mian` in `pool`", "did you mean `main`?", "grid.toml:3:8"],
        ),
        (&format!("{axis}path = \"pool.main.slots\"\nvalues = [1, \"two\"]\n"), &["grid.toml:4:14", "slots"]),
        (&format!("{axis}path = \"pool.main.slots\"\nvalues = [2, 3, 2]\n"), &["the axis has `2` twice"]),
        (
            &format!("{axis}path = \"pool.main.slots\"\nfrom = 1\nto = \"5s\"\n"),
            &["the ends of the range do not fit"],
        ),
        (
            &format!("{axis}path = \"pool.main.service_timeout\"\nfrom = \"1s\"\nto = \"5s\"\n"),
            &["does not say its values", "give `step` or `points`"],
        ),
        (
            &format!("{axis}path = \"pool.main.slots\"\nfrom = 1\nto = 5\nstep = -1\n"),
            &["the range has no end"],
        ),
        (
            &format!(
                "{axis}path = \"pool.main.service_timeout\"\nfrom = \"1s\"\nto = \"1h\"\nstep = \"1ms\"\n"
            ),
            &["the range has too many values", "3599001 values", "at most 20000 points"],
        ),
        (
            &format!("{axis}paths = [\"run.seed\", \"run.seed\"]\nvalues = [[1, 2], [3, 4]]\n"),
            &["the axis sets one path twice"],
        ),
        (
            &format!("{axis}paths = [\"pool.main.slots\", \"run.seed\"]\nvalues = [1, 2]\n"),
            &["linked values come as a list", "2 paths need 2 values"],
        ),
        (
            &format!("{axis}path = \"pool.main.slots\"\nvalues = [1, 2]\nlabels = [\"one\"]\n"),
            &["each value needs one label"],
        ),
        (
            &format!(
                "{axis}path = \"pool.main.slots\"\nvalues = [1, 2]\n[marks]\nold = {{ \"pool.main.slots\" = 3 }}\nnew = {{ slots = 1 }}\n"
            ),
            &["has no value `3`", "no axis varies `slots`"],
        ),
        (
            "model = \"m\"\n[[objective]]\nmetric = \"latency_p95\"\nclass = \"jbo\"\nat_most = \"1s\"\n[outputs]\nmetrics = [\"latency_p42\"]\n",
            &["there is no metric `latency_p42`"],
        ),
    ];
    for (text, expected) in rows {
        let found = faults(text);
        for part in expected {
            assert!(found.contains(part), "{text}\nshould say `{part}`, but says\n{found}");
        }
    }
    let objective =
        faults("model = \"m\"\n[[objective]]\nmetric = \"latency_p95\"\nclass = \"jbo\"\nat_most = \"1s\"\n");
    assert!(
        objective.contains("there is no class `jbo`") && objective.contains("grid.toml:4:9"),
        "{objective}"
    );
}

#[test]
fn every_shipped_experiment_loads_and_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(root.join("experiments")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("# What one learns:"), "{name} does not say what one learns");
        let experiment =
            experiment::read(&name, &text).unwrap_or_else(|faults| panic!("{}", faults.render(false)));
        let model = root.join("experiments").join(&experiment.model);
        let document = Document::parse("model.toml", &std::fs::read_to_string(&model).unwrap()).unwrap();
        let plan = plan::plan(experiment, &document, &Shipped, &[])
            .unwrap_or_else(|faults| panic!("{name}: {}", faults.render(false)));
        // The first and the last point stand for all: the corners of the grid.
        let mut plan = plan;
        plan.replicate(poolsim::model::Replications::Fixed(2));
        let last = plan.points.len() - 1;
        let finished =
            sweep::run(&plan, &[0, last], &Unwatched).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(finished.iter().all(|one| one.point.requests > 0), "{name}");
        count += 1;
    }
    assert!(count >= 7, "{count}");
}

#[test]
fn differences_of_a_grid_without_marks_have_names_of_their_own() {
    let grid = GRID.split("[marks]").next().unwrap();
    let record = record(&planned(grid, MODEL));
    let mut labels: Vec<(&str, &str)> =
        record.differences.iter().map(|one| (one.label.as_str(), one.metric.as_str())).collect();
    assert!(labels.contains(&("slots 3 against 2, load 2/s", "latency_p95")), "{labels:?}");
    assert!(labels.contains(&("load 2/s against 1/s, slots 4", "latency_p95")), "{labels:?}");
    let all = labels.len();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), all);
}

#[test]
fn a_load_is_no_choice_and_an_unstable_end_is_named() {
    let model = MODEL.replace("terminating", "steady").replace("at_most = \"4s\"", "at_most = \"7s\"");
    let grid = GRID.split("[marks]").next().unwrap().replace("\"2/s\"", "\"3.5/s\"");
    let mut record = record(&planned(&grid, &model));
    let said = summary::sentences(&record);
    let needs = "Smallest pool.main.slots that meets every objective, by load: 2 at 1/s; 4 at 3.5/s.";
    assert!(said.iter().any(|one| one == needs), "{said:?}");
    // Two slots cannot carry 3.5 jobs a second: along the load nothing can be said there, nor along the slots here.
    record.points.truncate(2);
    record.study.sensitivity.clear();
    let tables = study::tables(&record);
    let axes = tables.iter().find(|table| table.title.starts_with("What each axis does, where")).unwrap();
    assert!(axes.rows.iter().any(|row| row[1] == "load" && row[2] == "an end is unstable"), "{axes:?}");
    // A record that lacks points is drawn without them.
    assert!(tables.iter().any(|table| table.title == "Objectives met"));
}
