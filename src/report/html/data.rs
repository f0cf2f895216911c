//! What scripts on the page draw: courses and distributions of every point, thinned to what a screen can show.

use crate::experiment::record::{Point, Record, World};
use crate::experiment::verdict::overall;
use crate::experiment::{Band, Curve, RegimeFound};
use crate::report::chart::palette::{Ink, Theme};
use crate::report::chart::{PANELS, bins, course, end};
use crate::report::chart::{drawn_curves, shown_point};
use crate::report::{csv, figure, words};
use serde_json::{Value, json};

/// Bins of a course for a point alone, and for one of many.
const BINS: (usize, usize) = (600, 90);
/// Points of a distribution, likewise.
const QUANTILES: (usize, usize) = (200, 50);
/// The most points that carry courses and distributions: beyond it the page would grow too large.
const POINTS_MAX: usize = 150;

/// The simulated points of a record.
pub(super) fn simulated(record: &Record) -> impl Iterator<Item = &Point> {
    record.points.iter().filter(|point| point.world == World::Simulated)
}

/// The document that scripts read.
pub(super) fn json(record: &Record) -> String {
    let alone = simulated(record).count() == 1;
    let main = shown_point(record).map(|point| point.index);
    let points: Vec<Value> = simulated(record)
        .enumerate()
        .filter(|(place, point)| *place < POINTS_MAX || Some(point.index) == main)
        .map(|(_, one)| point(record, one, alone || Some(one.index) == main))
        .collect();
    json!({ "shown": main, "points": points }).to_string()
}

fn point(record: &Record, point: &Point, full: bool) -> Value {
    let most = if full { BINS.0 } else { BINS.1 };
    let end = end(record, &[point]);
    let quantiles = if full { QUANTILES.0 } else { QUANTILES.1 };
    let panels: Vec<Value> =
        PANELS.iter().filter_map(|(title, courses)| panel(point, title, courses, (most, end))).collect();
    let curve = |(curve, name, ink, dashed): (&Curve, String, Ink, bool)| {
        let (value, p): (Vec<Value>, Vec<Value>) =
            spots(curve, quantiles).into_iter().map(|(value, p)| (number(value, 4), number(p, 9))).unzip();
        json!({ "name": name, "ink": inks(ink), "dashed": dashed, "p": p, "value": value })
    };
    let curves: Vec<Value> = drawn_curves(point).into_iter().map(curve).collect();
    let mut phases: Vec<Value> =
        point.parts.phases.iter().map(|phase| json!([phase.name, phase.start, phase.end, 0])).collect();
    let warm_up = point.warm_up.iter().flatten().copied().fold(0.0, f64::max);
    if warm_up > 0.0 {
        phases.insert(0, json!(["warm-up", 0.0, warm_up, 1]));
    }
    json!({
        "index": point.index,
        "label": words::called(point),
        "summary": summary(point),
        "end": number(end, 9),
        "phases": phases,
        "panels": panels,
        "curves": curves,
    })
}

/// What stands above a cell's charts.
fn summary(point: &Point) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let RegimeFound::Unstable { .. } = point.regime {
        parts.push(words::regime(point));
    }
    if let Some(judgement) = overall(&point.verdicts) {
        parts.push(format!("objectives {}", words::judgement(judgement)));
    }
    for verdict in &point.verdicts {
        parts.push(format!("{}: {}", words::objective(verdict), words::found(verdict)));
    }
    parts.push(figure::counted(point.replications, "replication"));
    format!("{}.", parts.join("; "))
}

fn panel(point: &Point, title: &str, courses: &[(&str, &str, Ink)], shown: (usize, f64)) -> Option<Value> {
    let found: Vec<_> = courses.iter().filter_map(|one| Some((course(point, one.0)?, one))).collect();
    let unit = csv::unit(found.first()?.0.unit);
    let series: Vec<Value> = found.iter().map(|(band, one)| series(band, (one.1, one.2), shown)).collect();
    Some(json!({ "title": title, "unit": unit, "series": series }))
}

/// A course; neighbouring bins are joined where there are more than a screen shows: the median's largest value, the
/// band's outermost.
fn series(band: &Band, (name, ink): (&str, Ink), (most, end): (usize, f64)) -> Value {
    let known = bins(band, end);
    let join = known.div_ceil(most).max(1);
    let joined = |values: &[Option<f64>], pick: fn(f64, f64) -> f64| -> Vec<Value> {
        let chunk =
            |chunk: &[Option<f64>]| chunk.iter().flatten().copied().filter(|v| v.is_finite()).reduce(pick);
        values[..known.min(values.len())]
            .chunks(join)
            .map(|values| chunk(values).map_or(Value::Null, |value| number(value, 4)))
            .collect()
    };
    json!({
        "name": name,
        "ink": inks(ink),
        "start": number(band.start, 9),
        "width": number(band.width * join as f64, 9),
        "median": joined(&band.median, f64::max),
        "low": joined(&band.low, f64::min),
        "high": joined(&band.high, f64::max),
    })
}

/// A distribution, thinned, but level over its leaps. The script draws one share for each time: the level ends just
/// before the first time after it.
fn spots(curve: &Curve, most: usize) -> Vec<(f64, f64)> {
    let mut picked = thin(curve.value.len(), most);
    picked.extend((0..curve.value.len()).filter(|at| curve.leaps_after(*at)).flat_map(|at| [at, at + 1]));
    picked.sort_unstable();
    picked.dedup();
    let spot = |at: usize| {
        let level = curve.leaps_after(at).then(|| (curve.value[at + 1] * 0.999, curve.p[at]));
        std::iter::once((curve.value[at], curve.p[at])).chain(level)
    };
    picked.into_iter().flat_map(spot).collect()
}

/// Evenly spread places, first and last included.
fn thin(len: usize, most: usize) -> Vec<usize> {
    if len <= most {
        return (0..len).collect();
    }
    (0..most).map(|n| n * (len - 1) / (most - 1)).collect()
}

fn inks(ink: Ink) -> Value {
    json!([ink.css(Theme::Light), ink.css(Theme::Dark)])
}

/// A number with so many digits; what is not finite is absent.
fn number(value: f64, digits: usize) -> Value {
    let rounded: f64 = format!("{value:.*e}", digits - 1).parse().unwrap_or(value);
    if rounded.is_finite() { json!(rounded) } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Scope, Unit};

    #[test]
    fn thinning_keeps_both_ends() {
        assert_eq!(thin(3, 10), [0, 1, 2]);
        let thinned = thin(1000, 50);
        assert_eq!((thinned.len(), thinned[0], thinned[49]), (50, 0, 999));
    }

    #[test]
    fn thinning_keeps_both_sides_of_a_leap() {
        let curve = Curve {
            name: String::from("latency"),
            scope: Scope::default(),
            unit: Unit::Seconds,
            count: 100,
            p: (0..100).map(|n| (f64::from(n) + 0.5) / 100.0).collect(),
            value: (0..100).map(|n| if n < 33 { 1.0 } else { 50.0 }).collect(),
        };
        let spots = spots(&curve, 4);
        assert_eq!(spots[..4], [(1.0, 0.005), (1.0, 0.325), (50.0 * 0.999, 0.325), (50.0, 0.335)]);
        assert_eq!((spots.len(), spots.last()), (6, Some(&(50.0, 0.995))));
    }

    #[test]
    fn numbers_are_short_and_finite() {
        assert_eq!(number(1.0 / 3.0, 4), json!(0.3333));
        assert_eq!(number(f64::INFINITY, 4), Value::Null);
        assert_eq!(csv::unit(Unit::Seconds), "seconds");
    }
}
