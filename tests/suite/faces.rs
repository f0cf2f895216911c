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
