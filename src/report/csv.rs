//! Tables for spreadsheets and data frames: one row per figure, one row per bin of a timeline.
//!
//! Numbers are written in full, in the units that the `unit` column names; an absent number is an empty cell.

use crate::experiment::record::Record;
use crate::experiment::{Band, Metric, Scope, Unit};

/// The word for a unit in a column.
pub const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "seconds",
        Unit::SecondsSquared => "seconds_squared",
        Unit::PerSecond => "per_second",
        Unit::Count => "count",
        Unit::Ratio => "ratio",
        Unit::Number => "number",
    }
}

/// One row per metric: point, its settings, metric, class, phase, pool, host, unit, value, low, high, n, confidence.
pub fn metrics(record: &Record) -> String {
    let tail =
        ["metric", "class", "phase", "pool", "host", "unit", "value", "low", "high", "n", "confidence"];
    rows(record, &tail, |point| point.metrics.iter().map(metric_row).collect())
}

/// One row per bin of each course: point, its settings, what, scope, unit, time (middle of the bin), median, low, high.
pub fn timelines(record: &Record) -> String {
    let tail = ["quantity", "class", "phase", "pool", "host", "unit", "time", "median", "low", "high"];
    rows(record, &tail, |point| point.timelines.iter().flat_map(band_rows).collect())
}

/// One row per comparison of two points: from, to, along, their values there, metric, scope, unit, difference, ratio.
pub fn comparisons(record: &Record) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |row: &[String]| writer.write_record(row).expect("rows of one table are equally long");
    let header = [
        "from",
        "to",
        "along",
        "from_value",
        "to_value",
        "metric",
        "class",
        "phase",
        "pool",
        "host",
        "unit",
        "difference",
        "low",
        "high",
        "n",
        "confidence",
        "variance_ratio",
    ];
    write(&header.map(str::to_owned));
    for one in &record.study.comparisons {
        let head = [one.from.to_string(), one.to.to_string(), one.along.clone()];
        let labels = [one.from_label.clone(), one.to_label.clone(), one.metric.clone()];
        let figures = [one.difference.value, one.difference.low, one.difference.high].map(number);
        let tail =
            [one.difference.n.to_string(), number(one.difference.confidence), number(one.variance_ratio)];
        let row = head.into_iter().chain(labels).chain(scope_cells(&one.scope));
        let row = row.chain([unit(one.unit).to_owned()]).chain(figures).chain(tail);
        write(&row.collect::<Vec<_>>());
    }
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("every cell is text")
}

/// The settings that tell the points apart, in the order of their first mention.
pub(super) fn setting_paths(record: &Record) -> Vec<&str> {
    let mut paths: Vec<&str> = Vec::new();
    for (path, _) in record.points.iter().flat_map(|point| &point.settings) {
        if !paths.contains(&path.as_str()) {
            paths.push(path);
        }
    }
    paths
}

/// A setting's value as a cell: text as it is, all else as JSON.
pub(super) fn setting_text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn rows(
    record: &Record,
    tail: &[&str],
    of_point: impl Fn(&crate::experiment::Point) -> Vec<Vec<String>>,
) -> String {
    let paths = setting_paths(record);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |row: &[String]| writer.write_record(row).expect("rows of one table are equally long");
    let header = ["point"].into_iter().chain(paths.iter().copied()).chain(tail.iter().copied());
    write(&header.map(str::to_owned).collect::<Vec<_>>());
    for point in &record.points {
        let setting = |path: &&str| {
            let found = point.settings.iter().find(|(name, _)| name == path);
            found.map_or_else(String::new, |(_, value)| setting_text(value))
        };
        let head: Vec<String> =
            std::iter::once(point.index.to_string()).chain(paths.iter().map(setting)).collect();
        for row in of_point(point) {
            write(&head.iter().cloned().chain(row).collect::<Vec<_>>());
        }
    }
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("every cell is text")
}

fn scope_cells(scope: &Scope) -> [String; 4] {
    [&scope.class, &scope.phase, &scope.pool, &scope.host].map(|part| part.clone().unwrap_or_default())
}

fn number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

fn metric_row(metric: &Metric) -> Vec<String> {
    let estimate = &metric.estimate;
    let figures = [estimate.value, estimate.low, estimate.high].map(number);
    std::iter::once(metric.name.clone())
        .chain(scope_cells(&metric.scope))
        .chain([unit(metric.unit).to_owned()])
        .chain(figures)
        .chain([estimate.n.to_string(), number(estimate.confidence)])
        .collect()
}

fn band_rows(band: &Band) -> impl Iterator<Item = Vec<String>> + '_ {
    let cell = |values: &[Option<f64>], bin: usize| {
        values.get(bin).copied().flatten().map_or_else(String::new, number)
    };
    (0..band.median.len()).map(move |bin| {
        let time = band.start + (bin as f64 + 0.5) * band.width;
        std::iter::once(band.name.clone())
            .chain(scope_cells(&band.scope))
            .chain([unit(band.unit).to_owned(), number(time)])
            .chain([cell(&band.median, bin), cell(&band.low, bin), cell(&band.high, bin)])
            .collect()
    })
}
