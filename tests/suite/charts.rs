//! Every chart of the hand-made records is as looked at: `tests/data/charts/`.
//! `POOLSIM_BLESS=1 cargo test charts` rewrites them; `POOLSIM_PICTURES=DIR` writes PNGs to look at, and
//! the records, to be drawn otherwise.

use super::pictures;
use poolsim::experiment::agreement::{Agreed, Agreement, Terms};
use poolsim::experiment::{Band, Record};
use poolsim::report::chart::palette::Ink;
use poolsim::report::chart::{self, Chart, Size, Style, Theme};
use poolsim::stats::Equivalence;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn records() -> Vec<(&'static str, Record)> {
    vec![
        ("run", pictures::run()),
        ("sweep", pictures::sweep(&[2, 4, 5, 6, 8, 10], &[30, 60, 120, 300], Some(9))),
        ("load", pictures::load_sweep()),
        ("check", pictures::check()),
        ("replay", pictures::replay()),
        ("size", pictures::sizing()),
    ]
}

/// A run whose second class never finishes.
fn silent() -> Record {
    let mut record = pictures::run();
    record.points[0].curves.retain(|curve| curve.scope.class.as_deref() != Some("validators"));
    record
}

/// The picture without the font, which is the same in all.
fn golden(chart: &Chart) -> String {
    let svg = chart.svg(Theme::Light).unwrap();
    let (before, after) = svg.split_once("<style>").unwrap();
    format!("{before}{}", after.split_once("</style>\n").unwrap().1)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/charts")
}

#[test]
fn every_picture_is_as_looked_at() {
    let bless = std::env::var_os("POOLSIM_BLESS").is_some_and(|value| value == "1");
    let mut changed = Vec::new();
    for (name, record) in records() {
        // The run's pictures come again in the comparison: they are kept once.
        let mut charts = chart::all(&record, &Style::default());
        charts.retain(|one| match name {
            "check" => one.file == "differences",
            "size" => one.file == "capacity",
            _ => true,
        });
        for chart in charts {
            let path = folder().join(format!("{name}-{}.svg", chart.file));
            let found = golden(&chart);
            if bless {
                std::fs::write(&path, &found).unwrap();
            } else if std::fs::read_to_string(&path).unwrap_or_default() != found {
                changed.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    assert!(changed.is_empty(), "look at these, then rewrite them with POOLSIM_BLESS=1: {changed:?}");
}

#[test]
fn pictures_are_written_where_asked() {
    let Some(folder) = std::env::var_os("POOLSIM_PICTURES") else { return };
    let edges = [
        ("one", pictures::sweep(&[8], &[60], None)),
        ("three", pictures::sweep(&[4, 6, 8], &[30, 60, 120], None)),
        (
            "twelve",
            pictures::sweep(&[2, 4, 6, 8, 10], &[10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120], None),
        ),
        ("unstable", pictures::sweep(&[2, 3, 4], &[30, 60], None)),
        ("silent", silent()),
        ("tall", pictures::sweep(&[4, 6, 8], &[60], None)),
    ];
    let all: Vec<(&str, Record)> = records().into_iter().chain(edges).collect();
    for (name, record) in &all {
        record.write(&Path::new(&folder).join(format!("{name}.json"))).unwrap();
    }
    for (name, record) in &all {
        for chart in chart::all(record, &Style::default()) {
            for (theme, word) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
                let path = Path::new(&folder).join(format!("{name}-{}-{word}.png", chart.file));
                std::fs::write(path, chart.png(theme).unwrap()).unwrap();
            }
        }
        let half = Style { size: Size { width: 480, height: 270 }, ..Style::default() };
        for chart in chart::all(record, &half) {
            let path = Path::new(&folder).join(format!("{name}-{}-half.png", chart.file));
            std::fs::write(path, chart.png(Theme::Light).unwrap()).unwrap();
        }
    }
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    for (name, record) in records() {
        let twin = Record::from_json(&record.to_json()).unwrap();
        let (one, two) = (chart::all(&record, &Style::default()), chart::all(&twin, &Style::default()));
        assert_eq!(one.len(), two.len(), "{name}");
        for (one, two) in one.iter().zip(&two) {
            assert_eq!(one.svg(Theme::Dark), two.svg(Theme::Dark), "{name} {}", one.file);
        }
        assert_eq!(one[0].png(Theme::Light), two[0].png(Theme::Light), "{name}");
    }
}

/// A picture that parses, says what it is, and has no mark outside of its paper.
#[track_caller]
fn sound(name: &str, chart: &Chart) {
    let svg = chart.svg(Theme::Light).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{name} {}", chart.file);
    assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{name} {}", chart.file);
    assert!(chart.title.len() > 5 && chart.alt.starts_with(&chart.title), "{name} {}", chart.file);
    assert!(svg.contains("seed 7") && svg.contains("0123456789abcdef"), "{name} {}", chart.file);
    let opened = svg.matches("<text ").count();
    assert_eq!(opened, svg.matches("</text>").count(), "{name} {}", chart.file);
    for part in svg.split("points=\"").skip(1) {
        let points = part.split('"').next().unwrap();
        for pair in points.split_whitespace() {
            let (x, y) = pair.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            let inside = (-8.0..=chart.scene.width * 4.0 + 8.0).contains(&x)
                && (-8.0..=chart.scene.height * 4.0 + 8.0).contains(&y);
            assert!(inside, "{name} {}: {x}, {y}", chart.file);
        }
    }
}

#[test]
fn odd_records_make_sound_pictures() {
    let mut not_a_number = pictures::run();
    for metric in &mut not_a_number.points[0].metrics {
        metric.estimate.value = f64::NAN;
    }
    for band in &mut not_a_number.points[0].timelines {
        band.median[3] = None;
        band.high[5] = Some(f64::INFINITY);
    }
    let mut endless = pictures::sweep(&[4, 6, 8], &[30, 60], None);
    for metric in &mut endless.points[1].metrics {
        (metric.estimate.low, metric.estimate.high) = (f64::NEG_INFINITY, f64::INFINITY);
    }
    let mut names = pictures::run();
    names.name =
        "<script>alert('x')</script> & a name that is far too long for any title of any chart".repeat(2);
    names.points[0].parts.classes[0] = String::from("\"<&>\u{7}");
    names.points[0].parts.phases[0].name = "phase".repeat(60);
    let mut crowd = pictures::run();
    crowd.points[0].parts.classes = (0..40).map(|n| format!("class-{n}")).collect();
    let rows = [
        ("one point", pictures::sweep(&[8], &[60], None)),
        ("all unstable", pictures::sweep(&[2, 3], &[30, 60], None)),
        ("one row", pictures::sweep(&[2, 4, 6, 8], &[60], None)),
        ("one column", pictures::sweep(&[6], &[30, 60, 90], None)),
        (
            "twelve lines",
            pictures::sweep(&[2, 4, 6], &[5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60], Some(5)),
        ),
        ("no number", not_a_number),
        ("endless", endless),
        ("names", names),
        ("crowd", crowd),
    ];
    for (name, record) in &rows {
        let sizes =
            [Size::default(), Size::LEAST, Size { width: 1, height: 1 }, Size { width: 1600, height: 400 }];
        for size in sizes {
            let charts = chart::all(record, &Style { size, ..Style::default() });
            assert!(!charts.is_empty() || *name == "no number", "{name}");
            for chart in charts.iter().filter(|_| *name != "names") {
                sound(name, chart);
            }
            for chart in &charts {
                assert!(!chart.svg(Theme::Light).unwrap().contains("<script"), "{name}");
            }
        }
    }
    assert_eq!(chart::all(&pictures::empty(), &Style::default()), []);
    let mut none = pictures::run();
    none.points.clear();
    assert_eq!(chart::all(&none, &Style::default()), []);
}

#[test]
fn nothing_is_drawn_twice_and_every_picture_has_its_own_file() {
    for (name, record) in records() {
        let charts = chart::all(&record, &Style::default());
        let files: BTreeSet<&str> = charts.iter().map(|chart| chart.file.as_str()).collect();
        let titles: BTreeSet<&str> = charts.iter().map(|chart| chart.title.as_str()).collect();
        assert_eq!((files.len(), titles.len()), (charts.len(), charts.len()), "{name}: {files:?}");
    }
}

#[test]
fn a_record_draws_what_it_has_data_for() {
    let files = |record: &Record| -> Vec<String> {
        chart::all(record, &Style::default()).into_iter().map(|chart| chart.file).collect()
    };
    assert_eq!(files(&pictures::run()), ["timeline", "distribution", "where-time-goes", "outcomes", "slots"]);
    let sweep = files(&pictures::sweep(&[4, 6, 8], &[30, 60], None));
    for wanted in
        ["heatmap-latency-p95", "cost", "outcomes", "timeline", "latency-p95-by-slots-of-generation"]
    {
        assert!(sweep.iter().any(|file| file == wanted), "{wanted} in {sweep:?}");
    }
    assert!(files(&pictures::load_sweep()).contains(&String::from("goodput")));
    let replay = files(&pictures::replay());
    assert!(
        replay.contains(&String::from("real-distribution"))
            && replay.contains(&String::from("real-timeline"))
    );
    assert!(replay.contains(&String::from("real-differences")));
    assert!(files(&pictures::sizing()).contains(&String::from("capacity")));
    let mut quiet = pictures::run();
    quiet.points[0].timelines = Vec::<Band>::new();
    assert!(!files(&quiet).contains(&String::from("timeline")));
}

/// A replay of one figure whose interval lies within its bound, with this verdict on all figures together.
fn judged(verdict: Equivalence) -> Record {
    let mut record = pictures::replay();
    record.differences.truncate(1);
    let one = &mut record.differences[0];
    one.label = String::from("trace-driven");
    record.study.agreements = vec![Agreement {
        how: one.label.clone(),
        first: String::from("simulated"),
        second: String::from("real"),
        verdict,
        terms: Terms::default(),
        figures: vec![Agreed {
            metric: one.metric.clone(),
            scope: one.scope.clone(),
            unit: one.unit,
            first: Some(18.0),
            second: Some(18.3),
            difference: one.estimate,
            margin: one.bound.unwrap(),
            verdict,
            p_value: 0.2,
        }],
        requests: None,
    }];
    record
}

#[test]
fn colours_of_differences_are_the_verdicts_of_all_figures_together() {
    let good = Ink::Good.css(Theme::Light);
    let uses = |verdict| {
        let charts = chart::all(&judged(verdict), &Style::default());
        let chart = charts.iter().find(|chart| chart.file == "real-differences").unwrap();
        chart.svg(Theme::Light).unwrap().matches(&good).count()
    };
    // The interval is the same, and the legend is green in both: what differs is the row.
    assert!(uses(Equivalence::Equivalent) > uses(Equivalence::Undecided));
    assert_eq!(uses(Equivalence::Different), uses(Equivalence::Undecided));
}

#[test]
fn of_many_differences_the_worst_are_drawn_and_the_others_counted() {
    let drawn = |record: &Record| {
        let charts = chart::all(record, &Style::default());
        charts.into_iter().find(|chart| chart.file == "real-differences").unwrap()
    };
    let mut record = pictures::replay();
    let (agreed, bound) = (record.differences[0].clone(), record.differences[0].bound.unwrap());
    record.differences = (0..97)
        .map(|n| {
            let mut one = agreed.clone();
            one.scope.class = Some(format!("class-{n:02}"));
            // Those in the middle are farthest off.
            let value = bound * (50.0 - (f64::from(n) - 48.0).abs());
            (one.estimate.value, one.estimate.low, one.estimate.high) = (value, value - bound, value + bound);
            one
        })
        .collect();
    let chart = drawn(&record);
    let shown = (0..97).filter(|n| chart.alt.contains(&format!("class-{n:02}"))).collect::<Vec<_>>();
    assert_eq!((shown.len(), shown[0], shown[39]), (40, 28, 67), "{shown:?}");
    // Lines are broken where they are full.
    let words = |chart: &chart::Chart| {
        let svg = chart.svg(Theme::Light).unwrap();
        let parts: Vec<&str> = svg.split('>').filter_map(|part| part.split('<').next()).collect();
        parts.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(words(&chart).contains("; the tables have 57 more."), "{}", words(&chart));
    record.differences.truncate(40);
    assert!(!words(&drawn(&record)).contains("the tables have"));
}

#[test]
fn pictures_of_a_replay_say_of_which_world_they_are() {
    let titled = |record: &Record, file: &str| {
        let charts = chart::all(record, &Style::default());
        let found = charts.into_iter().find(|chart| chart.file == file).unwrap();
        (found.title, found.alt)
    };
    let (replay, run) = (pictures::replay(), pictures::run());
    for file in ["where-time-goes", "outcomes"] {
        let (title, alt) = titled(&replay, file);
        assert!(title.ends_with(", simulated and real"), "{title}");
        assert!(alt.contains("generation, simulated") && alt.contains("generation, real"), "{alt}");
        let (title, alt) = titled(&run, file);
        assert!(!format!("{title}{alt}").contains("simulated"), "{title}: {alt}");
    }
    assert!(titled(&replay, "slots").0.starts_with("Slot by slot, simulated, "));
    // A target that tells nothing of where its time goes is not drawn as if it did.
    let mut untold = replay;
    let real = untold.points.iter_mut().find(|point| !point.world.is_simulated()).unwrap();
    real.metrics
        .retain(|metric| !metric.name.starts_with("mean_spent") && !metric.name.starts_with("share_"));
    assert_eq!(titled(&untold, "where-time-goes").0, "Where time goes, simulated");
}
