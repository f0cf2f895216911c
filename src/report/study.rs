//! Sweeps and searches as tables: the grid of verdicts, differences, sensitivity, cost, sizes.

use super::figure;
use super::summary;
use super::table::Table;
use super::words;
use crate::experiment::metric::{Metric, Scope, Unit};
use crate::experiment::price::COST;
use crate::experiment::record::{Point, Record};
use crate::experiment::size::{Candidate, SizeAnswer, SizeRow};
use crate::experiment::study::{AxisShown, Comparison};
use crate::experiment::verdict::{Verdict, overall};
use crate::experiment::{Judgement, RegimeFound};

/// Most rows of a table that is meant to be read.
const ROWS_MAX: usize = 24;

/// Every table of a record of several points.
pub fn tables(record: &Record) -> Vec<Table> {
    let mut tables = of_points(record);
    if record.study.size.is_none() {
        tables.extend(super::agreement::tables(record));
    }
    tables
}

/// Those of the points themselves: a page tells what agrees in a section of its own.
pub fn of_points(record: &Record) -> Vec<Table> {
    if let Some(answer) = &record.study.size {
        return sizes(answer).into_iter().collect();
    }
    let mut tables = grids(record);
    tables.extend(comparisons(record));
    tables.extend(sensitivity(record));
    tables.extend(frontier(record));
    tables
}

/// The answer in a cell of a grid.
const fn sign(point: &Point, judgement: Option<Judgement>) -> &'static str {
    match (&point.regime, judgement) {
        (RegimeFound::Unstable { .. }, _) => "unstable",
        (_, Some(judgement)) => words::judgement(judgement),
        (_, None) => "",
    }
}

/// The metric that a grid shows, for each objective its own.
fn shown(record: &Record) -> Vec<(String, Scope)> {
    let mut list: Vec<(String, Scope)> = Vec::new();
    for verdict in record.points.iter().flat_map(|point| &point.verdicts) {
        let one = (verdict.metric.clone(), verdict.scope.clone());
        if !list.contains(&one) {
            list.push(one);
        }
    }
    if list.is_empty() {
        list.push((String::from("latency_p95"), Scope::default()));
    }
    list
}

/// One table over the two axes with the most values for all objectives together, and one for each figure.
fn grids(record: &Record) -> Vec<Table> {
    let axes = &record.study.axes;
    let (rows, columns, others) = match axes.as_slice() {
        [] => return Vec::new(),
        [one] => (one, None, false),
        [one, two] => (one, Some(two), false),
        [one, two, ..] => (one, Some(two), true),
    };
    // A grid of more axes shows the slice at the first value of the others.
    let first = |axis: &AxisShown| axis.labels.first().map(String::as_str).unwrap_or("").to_owned();
    let slice: Vec<String> =
        axes.iter().skip(2).map(|axis| format!("{} {}", axis.name, first(axis))).collect();
    let of = if others { format!(" (at {})", slice.join(", ")) } else { String::new() };
    let stride: usize = axes.iter().skip(1).map(|axis| axis.labels.len()).product();
    let step: usize = axes.iter().skip(2).map(|axis| axis.labels.len()).product();
    let width = columns.map_or(1, |axis| axis.labels.len());
    let point = |row: usize, column: usize| summary::point_at(record, row * stride + column * step);
    let table = |title: String, cell: &dyn Fn(&Point) -> String| {
        let heads = columns.map_or_else(|| vec![String::from("all")], |axis| axis.labels.clone());
        let corner =
            columns.map_or_else(|| rows.name.clone(), |axis| format!("{} \\ {}", rows.name, axis.name));
        let line = |(index, label): (usize, &String)| {
            let cells = (0..width).map(|column| point(index, column).map_or_else(String::new, cell));
            std::iter::once(label.clone()).chain(cells).collect()
        };
        Table {
            title,
            header: std::iter::once(corner).chain(heads).collect(),
            rows: rows.labels.iter().enumerate().map(line).collect(),
            labels: 1,
        }
    };
    let mut tables = Vec::new();
    if record.points.iter().any(|point| !point.verdicts.is_empty()) {
        let cell = |point: &Point| {
            let met = point.verdicts.iter().filter(|one| one.judgement == Judgement::Met).count();
            let marks: Vec<&str> = record
                .study
                .marks
                .iter()
                .filter(|mark| mark.points.contains(&point.index))
                .map(|mark| mark.name.as_str())
                .collect();
            let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
            format!("{} {met}/{}{marks}", sign(point, overall(&point.verdicts)), point.verdicts.len())
        };
        tables.push(table(format!("Objectives met{of}"), &cell));
    }
    let always = summary::always_met(record);
    for (name, scope) in shown(record).into_iter().filter(|one| !always.contains(one)) {
        let told = |point: &&Point| !matches!(point.regime, RegimeFound::Unstable { .. });
        let stable = record.points.iter().filter(told);
        let like = figure::largest_time(stable.filter_map(|point| point.metric(&name, &scope)));
        let cell = |point: &Point| {
            let verdict = point.verdicts.iter().find(|one| one.metric == name && one.scope == scope);
            let found = point
                .metric(&name, &scope)
                .filter(|metric: &&Metric| metric.unit != Unit::Seconds || told(&point));
            let value = found.map_or_else(
                || String::from("–"),
                |one| figure::with_interval_like(one.unit, &one.estimate, like),
            );
            let verdict = verdict.map_or("", |one| sign(point, Some(one.judgement)));
            format!("{value} {verdict}").trim_end().to_owned()
        };
        tables.push(table(format!("{name}{}{of}", words::scope(&scope)), &cell));
    }
    tables
}

/// Marked points against each other in every figure, then the recommended or marked points against their neighbours.
fn comparisons(record: &Record) -> Option<Table> {
    let list = &record.study.comparisons;
    let marks = || record.study.marks.iter().flat_map(|mark| &mark.points).copied();
    let centres: Vec<u64> = record.chosen.into_iter().chain(marks()).collect();
    let between_marks =
        |one: &&Comparison| marks().any(|at| at == one.from) && marks().any(|at| at == one.to);
    let around =
        |one: &&Comparison| centres.is_empty() || centres.contains(&one.from) || centres.contains(&one.to);
    let always = summary::always_met(record);
    let told = |one: &&Comparison| {
        !always.contains(&(one.metric.clone(), one.scope.clone()))
            && one.difference.low != one.difference.high
    };
    let first = list.iter().filter(between_marks);
    let then = list.iter().filter(|one| !between_marks(one) && around(one));
    let label =
        |point: u64| record.points.get(point as usize).map_or_else(String::new, |one| one.label.clone());
    let rows: Vec<Vec<String>> = first
        .chain(then)
        .filter(told)
        .take(ROWS_MAX)
        .map(|one| {
            vec![
                format!("{} → {}", label(one.from), label(one.to)),
                format!("{}{}", one.metric, words::scope(&one.scope)),
                summary::difference(one.unit, &one.difference),
                format!("{:.2}", one.variance_ratio),
            ]
        })
        .collect();
    let heads = ["from → to", "metric", "difference", "variance ratio"];
    (!rows.is_empty()).then(|| Table {
        title: format!("Differences under the same random numbers (all {} in comparisons.csv)", list.len()),
        header: heads.map(str::to_owned).to_vec(),
        rows,
        labels: 2,
    })
}

/// Where an axis has no effect to state.
const UNSTABLE_END: &str = "an end is unstable";

/// What each axis does to each figure that points are compared by. Times have no limit where work piles up, so an axis
/// has no effect on them unless both of its ends are stable somewhere: it is named all the same.
fn sensitivity(record: &Record) -> Option<Table> {
    let study = &record.study;
    let compared = study.sensitivity.iter().map(|one| (&one.metric, &one.scope));
    let mut figures: Vec<(&String, &Scope)> = Vec::new();
    for one in compared.chain(study.comparisons.iter().map(|one| (&one.metric, &one.scope))) {
        if !figures.contains(&one) {
            figures.push(one);
        }
    }
    let unstable = record.points.iter().any(|point| matches!(point.regime, RegimeFound::Unstable { .. }));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (metric, scope) in figures {
        for axis in study.axes.iter().filter(|axis| axis.labels.len() > 1) {
            let found = study
                .sensitivity
                .iter()
                .find(|one| (&one.metric, &one.scope, &one.axis) == (metric, scope, &axis.name));
            let told = match found {
                // What is the same everywhere has no causes.
                Some(one) if one.explained == 0.0 && one.effect.low == one.effect.high => continue,
                Some(one) => [
                    summary::difference(one.unit, &one.effect),
                    format!("{:.0} %", 100.0 * one.explained),
                    format!("{:.0} %", 100.0 * one.steepest),
                ],
                None if unstable => [UNSTABLE_END, "–", "–"].map(str::to_owned),
                None => continue,
            };
            let name = [format!("{metric}{}", words::scope(scope)), axis.name.clone()];
            rows.push(name.into_iter().chain(told).collect());
        }
    }
    let heads = ["metric", "axis", "first to last value", "explains", "steepest step"];
    let only = if unstable { ", where both of its ends are stable" } else { "" };
    (!rows.is_empty()).then(|| Table {
        title: format!("What each axis does{only}"),
        header: heads.map(str::to_owned).to_vec(),
        rows,
        labels: 2,
    })
}

fn frontier(record: &Record) -> Option<Table> {
    let efficient = record.study.frontier.iter().filter(|one| one.efficient);
    let rows: Vec<Vec<String>> = efficient
        .filter_map(|one| {
            let point = summary::point_at(record, one.point as usize)?;
            let unit = point.metric(&one.metric, &one.scope).map_or(Unit::Seconds, |metric| metric.unit);
            let value =
                one.estimate.map_or_else(String::new, |estimate| figure::with_interval(unit, &estimate));
            let meets = match point.verdicts.is_empty() {
                true => "none",
                false if one.meets => "met",
                false => "not met",
            };
            let cost = point.metric(COST, &Scope::default()).filter(|cost| cost.estimate.half_width() > 0.0);
            let cost = cost.map_or_else(
                || format!("{:.4}", one.cost),
                |cost| figure::with_interval(cost.unit, &cost.estimate),
            );
            Some(vec![point.label.clone(), cost, value, meets.to_owned()])
        })
        .collect();
    let first = record.study.frontier.first()?;
    let heads = [
        String::from("point"),
        String::from("cost of a run"),
        format!("{}{}", first.metric, words::scope(&first.scope)),
        String::from("objectives"),
    ];
    Some(Table {
        title: String::from("Nothing is both cheaper and better than"),
        header: heads.to_vec(),
        rows,
        labels: 1,
    })
}

fn sizes(answer: &SizeAnswer) -> Vec<Table> {
    let word = |judgement: Judgement| words::judgement(judgement).to_owned();
    let row = |row: &SizeRow| {
        let made: u64 = row.candidates.iter().map(|one| one.replications).sum();
        let size = row.smallest.map_or_else(|| String::from("none"), |size| size.to_string());
        let answer = match row.judgement {
            Judgement::Met if by_zone(row) => String::from("within the indifference zone"),
            Judgement::Met => String::from("proved"),
            Judgement::Missed => String::from("none is large enough"),
            Judgement::Undecided => word(row.judgement),
        };
        vec![row.label.clone(), size, answer, made.to_string()]
    };
    let mut tables = vec![Table {
        title: format!("Smallest {}", answer.capacity),
        header: ["point", "smallest", "answer", "replications"].map(str::to_owned).to_vec(),
        rows: answer.rows.iter().map(row).collect(),
        labels: 1,
    }];
    tables.extend(proof(answer));
    if !answer.loads.is_empty() {
        let factor = |factor: Option<f64>| factor.map_or_else(|| String::from("–"), |x| format!("{x:.2}"));
        let rows = answer.loads.iter().map(|one| {
            vec![one.size.to_string(), factor(one.carries), factor(one.estimate), factor(one.fails)]
        });
        tables.push(Table {
            title: String::from("Load that each size carries, as a multiple of the model's"),
            header: ["size", "carries", "about", "fails at"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
            labels: 0,
        });
    }
    if !answer.changes.is_empty() {
        let rows = answer.changes.iter().map(|one| {
            vec![one.what.clone(), summary::difference(one.unit, &one.difference), word(one.judgement)]
        });
        tables.push(Table {
            title: String::from("Single changes tried at the next smaller size"),
            header: [String::from("change"), answer.changes[0].metric.clone(), String::from("objectives")]
                .to_vec(),
            rows: rows.collect(),
            labels: 1,
        });
    }
    tables
}

/// Whether the answer, or the size below it, rests on a value near its bound and not on an interval clear of it.
fn by_zone(row: &SizeRow) -> bool {
    let near = |one: &&Candidate| row.smallest.is_some_and(|size| one.size == size || one.size + 1 == size);
    let rests = |one: &Candidate| {
        let mut decisive = one.verdicts.iter().filter(|verdict| verdict.judgement == one.judgement);
        match one.judgement {
            Judgement::Missed => decisive.all(|verdict| verdict.indifference.is_some()) && !one.unstable,
            _ => decisive.any(|verdict| verdict.indifference.is_some()),
        }
    };
    row.candidates.iter().filter(near).any(rests)
}

/// Every candidate that was looked at for the answer, with what decided it.
fn proof(answer: &SizeAnswer) -> Option<Table> {
    let row = answer.rows.get(answer.chosen).filter(|row| !row.candidates.is_empty())?;
    let line = |one: &Candidate| {
        // A candidate that fails does so by what it misses; one that passes does so by all.
        let decisive = |verdict: &&Verdict| verdict.judgement == one.judgement;
        let said = |verdict: &Verdict| {
            // An interval that does not decide by itself needs its reason beside it.
            let own =
                verdict.indifference.is_some() || (verdict.bound == 0.0 && one.judgement == Judgement::Met);
            let reason = if own { format!(" ({})", verdict.reason) } else { String::new() };
            format!("{}: {}{reason}", words::objective(verdict), words::found(verdict))
        };
        let reasons: Vec<String> = one.verdicts.iter().filter(decisive).map(said).collect();
        let reasons = if one.unstable { String::from("unstable: no limit") } else { reasons.join("; ") };
        let answer = words::judgement(one.judgement).to_owned();
        vec![one.size.to_string(), answer, reasons, one.replications.to_string()]
    };
    let of = if answer.rows.len() > 1 { format!(" at {}", row.label) } else { String::new() };
    Some(Table {
        title: format!("The proof{of}: every candidate that was looked at"),
        header: [answer.capacity.as_str(), "objectives", "by", "replications"].map(str::to_owned).to_vec(),
        rows: row.candidates.iter().map(line).collect(),
        labels: 3,
    })
}
