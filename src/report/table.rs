//! A point's figures as tables of text: what stands in which row and column, without any drawing.

use super::figure;
use crate::experiment::price::COST;
use crate::experiment::record::{Point, Record};
use crate::experiment::verdict::overall;
use crate::experiment::{Metric, Scope, Unit};
use crate::outcome::Outcome;
use crate::report::words;

/// A table. The first `labels` columns are words, the others figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Heads of columns.
    pub header: Vec<String>,
    /// Rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
    /// How many leading columns are words.
    pub labels: usize,
}

/// A column: its head and the names of the metric, the first that exists being shown.
type Column = (&'static str, &'static [&'static str]);

const LATENCY: [Column; 6] = [
    ("requests", &["count_sent"]),
    ("mean", &["mean_latency"]),
    ("p50", &["latency_p50"]),
    ("p95", &["latency_p95"]),
    ("p99", &["latency_p99"]),
    ("p95 of ok", &["latency_ok_p95"]),
];

const AT_POOL: [Column; 6] = [
    ("wait mean", &["mean_wait"]),
    ("wait p95", &["wait_p95"]),
    ("sojourn mean", &["mean_sojourn"]),
    ("sojourn p95", &["sojourn_p95"]),
    ("sojourn p99", &["sojourn_p99"]),
    ("had to wait", &["prob_wait"]),
];

const FLOW: [Column; 4] = [
    ("throughput", &["throughput"]),
    ("goodput", &["goodput"]),
    ("attempts per request", &["mean_attempts"]),
    ("failed", &["prob_fail"]),
];

const POOLS: [Column; 6] = [
    ("slots busy", &["utilization"]),
    ("queue mean", &["mean_queue_length"]),
    ("queue longest", &["max_queue_length"]),
    ("in pool mean", &["mean_in_system"]),
    ("throughput", &["throughput"]),
    ("workers killed", &["count_kills"]),
];

const HOSTS: [Column; 1] = [("cores busy", &["core_utilization", "utilization"])];

/// All tables of a point that have anything to show, in the order of a page.
pub fn tables(point: &Point) -> Vec<Table> {
    let requests = request_scopes(point);
    let pools: Vec<Scope> = point
        .parts
        .pools
        .iter()
        .flat_map(|pool| with_phases(point, Scope { pool: Some(pool.clone()), ..Scope::default() }))
        .collect();
    let hosts: Vec<Scope> = point
        .parts
        .hosts
        .iter()
        .flat_map(|host| with_phases(point, Scope { host: Some(host.clone()), ..Scope::default() }))
        .collect();
    let columns = [
        columns("Latency, from first send to final outcome", point, &requests, &LATENCY),
        columns("At the pool", point, &requests, &AT_POOL),
        columns("Flow", point, &requests, &FLOW),
        Some(outcomes(point, &requests)).filter(|table| !table.rows.is_empty()),
        columns("Pools", point, &pools, &POOLS),
        columns("Hosts", point, &hosts, &HOSTS),
    ];
    columns.into_iter().flatten().chain(where_time_goes(point)).chain(cost(point)).collect()
}

/// What a run costs, where the model gives prices.
fn cost(point: &Point) -> Option<Table> {
    let cost = point.metric(COST, &Scope::default())?;
    let priced = String::from("slots provided, hosts, requests, missed objectives");
    Some(Table {
        title: String::from("Cost of a run, by the model's prices"),
        header: vec![String::from("priced"), String::from(COST)],
        rows: vec![vec![priced, figure::with_interval(cost.unit, &cost.estimate)]],
        labels: 1,
    })
}

/// The whole, each class, each phase, and each class in each phase.
fn request_scopes(point: &Point) -> Vec<Scope> {
    let mut scopes = Vec::new();
    // With one class the whole says the same.
    if point.parts.classes.len() != 1 {
        scopes.extend(with_phases(point, Scope::default()));
    }
    for class in &point.parts.classes {
        scopes.extend(with_phases(point, Scope { class: Some(class.clone()), ..Scope::default() }));
    }
    scopes
}

fn with_phases(point: &Point, scope: Scope) -> Vec<Scope> {
    let phases = point.parts.phases.iter().filter(|_| point.parts.phases.len() > 1);
    let by_phase = phases.map(|phase| Scope { phase: Some(phase.name.clone()), ..scope.clone() });
    let by_phase: Vec<Scope> = by_phase.collect();
    std::iter::once(scope).chain(by_phase).collect()
}

/// A table of named metrics by scope; columns and rows without any figure are left out.
fn columns(title: &str, point: &Point, scopes: &[Scope], columns: &[Column]) -> Option<Table> {
    let found = |scope: &Scope, names: &[&str]| names.iter().find_map(|name| point.metric(name, scope));
    let shown: Vec<&Column> =
        columns.iter().filter(|column| scopes.iter().any(|scope| found(scope, column.1).is_some())).collect();
    let rows: Vec<(Scope, Vec<String>)> = scopes
        .iter()
        .filter_map(|scope| {
            let cells: Vec<Option<&Metric>> = shown.iter().map(|column| found(scope, column.1)).collect();
            cells.iter().any(Option::is_some).then(|| (scope.clone(), side_by_side(&cells)))
        })
        .collect();
    (!rows.is_empty()).then(|| with_labels(title, shown.iter().map(|column| column.0.to_owned()), rows))
}

/// The figures of a row: its times in one unit, as far as they can be read in it.
fn side_by_side(row: &[Option<&Metric>]) -> Vec<String> {
    let like = figure::largest_time(row.iter().flatten().copied());
    let cell = |metric: &&Metric| figure::with_interval_like(metric.unit, &metric.estimate, like);
    row.iter().map(|found| found.as_ref().map_or_else(blank, cell)).collect()
}

fn blank() -> String {
    String::from("–")
}

/// Puts the names of scopes before their figures, in as many columns as are in use.
fn with_labels(title: &str, heads: impl Iterator<Item = String>, rows: Vec<(Scope, Vec<String>)>) -> Table {
    type Part = fn(&Scope) -> &Option<String>;
    let parts: [(&str, Part); 4] = [
        ("class", |scope| &scope.class),
        ("pool", |scope| &scope.pool),
        ("host", |scope| &scope.host),
        ("phase", |scope| &scope.phase),
    ];
    let mut used: Vec<&(&str, Part)> =
        parts.iter().filter(|part| rows.iter().any(|(scope, _)| part.1(scope).is_some())).collect();
    if used.is_empty() {
        used.push(&parts[0]);
    }
    let label = |scope: &Scope, part: &Part| part(scope).clone().unwrap_or_else(|| String::from("all"));
    Table {
        title: title.to_owned(),
        header: used.iter().map(|part| part.0.to_owned()).chain(heads).collect(),
        rows: rows
            .into_iter()
            .map(|(scope, cells)| used.iter().map(|part| label(&scope, &part.1)).chain(cells).collect())
            .collect(),
        labels: used.len(),
    }
}

/// How requests ended: counts over all replications and their shares.
fn outcomes(point: &Point, scopes: &[Scope]) -> Table {
    let count = |scope: &Scope, outcome: Outcome| {
        let metric = point.metric(&format!("count_{}", outcome.name()), scope)?;
        Some(metric.estimate.value)
    };
    let seen: Vec<Outcome> = Outcome::ALL
        .into_iter()
        .filter(|&outcome| {
            outcome == Outcome::Ok
                || scopes.iter().any(|scope| count(scope, outcome).is_some_and(|count| count > 0.0))
        })
        .collect();
    let rows = scopes.iter().filter_map(|scope| {
        let total: f64 = Outcome::ALL.into_iter().filter_map(|outcome| count(scope, outcome)).sum();
        let cell = |&outcome: &Outcome| {
            let count = count(scope, outcome).unwrap_or(0.0);
            match count {
                0.0 => String::from("0"),
                count => format!("{} ({})", figure::plain(Unit::Count, count), figure::share(count, total)),
            }
        };
        (total > 0.0).then(|| (scope.clone(), seen.iter().map(cell).collect()))
    });
    let rows: Vec<(Scope, Vec<String>)> = rows.collect();
    with_labels("Outcomes per replication", seen.iter().map(|outcome| outcome.name().to_owned()), rows)
}

/// The name of a part within another.
fn within<'a>(part: &'a str, whole: &str) -> Option<&'a str> {
    part.strip_prefix(whole)?.strip_prefix('_')
}

/// Of a request's latency, how long, and of a pool's slot time, which share went where.
fn where_time_goes(point: &Point) -> Vec<Table> {
    let split = |title: &str, prefix: &str, scopes: &[Scope]| {
        let mut parts: Vec<&str> = Vec::new();
        for metric in &point.metrics {
            let part = metric.name.strip_prefix(prefix).filter(|part| !parts.contains(part));
            parts.extend(part);
        }
        let found = |scope: &Scope, part: &str| point.metric(&format!("{prefix}{part}"), scope);
        let some = |part: &str| {
            let value = |scope| found(scope, part).map(|metric| metric.estimate.value);
            scopes.iter().any(|scope| value(scope).is_some_and(|value| value != 0.0))
        };
        // What has parts of its own is told by these, and what took no time by no column.
        let sums = |part: &str| parts.iter().any(|other| within(other, part).is_some());
        let parts: Vec<&str> = parts.iter().copied().filter(|part| some(part) && !sums(part)).collect();
        let row = |scope: &Scope| {
            let cells: Vec<Option<&Metric>> = parts.iter().map(|part| found(scope, part)).collect();
            cells.iter().any(Option::is_some).then(|| (scope.clone(), side_by_side(&cells)))
        };
        let rows: Vec<(Scope, Vec<String>)> = scopes.iter().filter_map(row).collect();
        let heads = parts.iter().map(|part| within(part, "wasted").unwrap_or(part).replace('_', " "));
        (!rows.is_empty()).then(|| with_labels(title, heads, rows))
    };
    let class = |class: &String| Scope { class: Some(class.clone()), ..Scope::default() };
    let pool = |pool: &String| Scope { pool: Some(pool.clone()), ..Scope::default() };
    let classes: Vec<Scope> = point.parts.classes.iter().map(class).collect();
    let pools: Vec<Scope> = point.parts.pools.iter().map(pool).collect();
    let latency = split("Where a request's latency goes", "mean_spent_", &classes);
    let slots = split("Where slot time goes", "share_", &pools);
    latency.into_iter().chain(slots).collect()
}

/// One row per point: its settings, its main figures, its verdict.
pub fn points(record: &Record) -> Table {
    let axis_name = |path: &str| {
        let axis = record.study.axes.iter().find(|axis| axis.key == path);
        axis.map_or_else(|| path.to_owned(), |axis| axis.name.clone())
    };
    let all = Scope::default();
    let mut paths: Vec<&str> = Vec::new();
    for (path, _) in record.points.iter().flat_map(|point| &point.settings) {
        if !paths.contains(&path.as_str()) {
            paths.push(path);
        }
    }
    // Points without settings (the worlds of a replay) are told apart by their labels.
    let by_label = paths.is_empty();
    let row = |point: &Point| {
        let setting = |path: &&str| {
            let found = point.settings.iter().find(|(name, _)| name == path);
            found.map_or_else(blank, |(_, value)| {
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            })
        };
        let verdict = overall(&point.verdicts).map_or_else(blank, |one| words::judgement(one).to_owned());
        let figures =
            side_by_side(&["mean_latency", "latency_p95", "throughput"].map(|name| point.metric(name, &all)));
        let label = by_label.then(|| point.label.clone());
        label.into_iter().chain(paths.iter().map(setting)).chain(figures).chain([verdict]).collect()
    };
    let heads = ["latency mean", "latency p95", "throughput", "objectives"].map(str::to_owned);
    Table {
        title: String::from("Points"),
        header: by_label
            .then(|| String::from("point"))
            .into_iter()
            .chain(paths.iter().map(|path| axis_name(path)))
            .chain(heads)
            .collect(),
        rows: record.points.iter().map(row).collect(),
        labels: paths.len().max(1),
    }
}
