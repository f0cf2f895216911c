//! Every text face of a record is as reviewed: the expected texts are in `tests/data/faces/`.
//! `POOLSIM_BLESS=1 cargo test faces` rewrites them; the difference is then reviewed like code.

use super::sample;
use poolsim::experiment::{Judgement, RegimeFound};
use poolsim::report::text::{Look, page};
use poolsim::report::{csv, markdown};
use std::path::Path;

#[track_caller]
pub(crate) fn check(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/faces").join(name);
    if std::env::var_os("POOLSIM_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, found).expect("the folder of expected texts can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == found,
        "{name} has changed; look at it, then rewrite it with POOLSIM_BLESS=1.\n--- found\n{found}"
    );
}

#[test]
fn the_terminal_page_of_a_run() {
    check("run.txt", &page(&sample::record(), Look::PLAIN));
}

#[test]
fn the_terminal_page_of_a_run_in_80_columns_of_ascii() {
    let narrow = page(&sample::record(), Look { color: false, width: 80, unicode: false });
    assert!(narrow.is_ascii(), "{narrow}");
    check("run-narrow.txt", &narrow);
}

#[test]
fn colours_change_nothing_but_colours() {
    let colored = page(&sample::record(), Look { color: true, ..Look::PLAIN });
    assert!(colored.contains("\u{1b}["));
    let stripped = anstream::adapter::strip_str(&colored).to_string();
    assert_eq!(stripped, page(&sample::record(), Look::PLAIN));
}

#[test]
fn an_unstable_run_states_no_latency_in_its_answer() {
    let mut record = sample::record();
    record.points[0].regime = RegimeFound::Unstable { growth_per_second: sample::estimate(0.21, 0.02) };
    let timed = ["latency", "wait"];
    record.points[0].metrics.retain(|metric| !timed.iter().any(|word| metric.name.contains(word)));
    record.points[0].verdicts.truncate(1);
    let verdict = &mut record.points[0].verdicts[0];
    (verdict.judgement, verdict.estimate) = (Judgement::Missed, None);
    verdict.reason = String::from("unstable: work comes in faster than it can be done");
    let text = page(&record, Look::PLAIN);
    let first = text.lines().next().unwrap();
    assert!(first.contains("unstable") && first.contains("0.210/s ±0.020"), "{first}");
    check("unstable.txt", &text);
}

#[test]
fn the_markdown_page_of_a_run() {
    check("run.md", &markdown::document(&sample::record()));
}

#[test]
fn the_tables_of_a_run() {
    check("metrics.csv", &csv::metrics(&sample::record()));
    check("timeline.csv", &csv::timelines(&sample::record()));
}

#[test]
fn several_points_are_one_row_each() {
    let mut record = sample::record();
    let mut other = record.points[0].clone();
    record.points[0].settings = vec![("pool.workers.slots".into(), 6.into())];
    other.index = 1;
    other.settings = vec![("pool.workers.slots".into(), 8.into())];
    other.verdicts.clear();
    record.points.push(other);
    check("points.txt", &page(&record, Look::PLAIN));
    let rows = csv::metrics(&record);
    assert!(rows.starts_with("point,pool.workers.slots,metric,class,"), "{rows}");
}

/// A sweep with its axes, as an experiment makes it; one cell is not there.
#[cfg(feature = "chart")]
fn grid() -> poolsim::experiment::Record {
    use poolsim::experiment::study::AxisShown;
    let (slots, timeouts) = ([2, 4, 5, 6, 8, 10], [30, 60, 120, 300]);
    let mut record = super::pictures::sweep(&slots, &timeouts, None);
    let axis = |name: &str, labels: Vec<String>| AxisShown { name: name.into(), key: name.into(), labels };
    record.study.axes = vec![
        axis("pool size", slots.iter().map(u32::to_string).collect()),
        axis("time-out", timeouts.iter().map(|timeout| format!("{timeout}s")).collect()),
    ];
    record.points[23].metrics.clear();
    record
}

#[cfg(feature = "chart")]
#[test]
fn a_sweep_has_a_heat_map_of_blocks_where_the_terminal_can() {
    let record = grid();
    let wide = page(&record, Look::PLAIN);
    check("sweep.txt", &wide);
    let narrow = page(&record, Look { width: 44, ..Look::PLAIN });
    let map = |text: &str| text.lines().skip(2).take(9).map(|line| format!("{line}\n")).collect::<String>();
    check("sweep-narrow-map.txt", &map(&narrow));
    let colored = page(&record, Look { color: true, ..Look::PLAIN });
    assert!(map(&colored).contains("\u{1b}[38;5;148m"));
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), wide);
    // Neither where blocks cannot be shown, nor where the grid does not fit.
    assert!(page(&record, Look { unicode: false, ..Look::PLAIN }).is_ascii());
    assert!(!page(&record, Look { width: 20, ..Look::PLAIN }).contains('█'));
}
