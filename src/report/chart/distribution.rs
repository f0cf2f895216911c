//! How latency is distributed: the share within a time, and on a logarithmic axis the share beyond it.

use super::grid::simulated;
use super::lines::{self, Line, Spot};
use super::palette::Ink;
use super::scale::{Kind, Tick, range};
use super::sheet::{AxisSpec, Key, Panel, Room, Sheet, Swatch};
use super::timeline::{at_point, shown};
use super::{Chart, Draft, Style};
use crate::experiment::record::{Point, Record, World};
use crate::experiment::{Curve, Scope, Unit};
use crate::report::figure;

/// Percentiles that are marked in the tail.
const MARKED: [(f64, &str); 5] =
    [(0.5, "p50"), (0.1, "p90"), (0.01, "p99"), (0.001, "p99.9"), (0.0001, "p99.99")];

/// A curve to draw: its name, colour and dashes.
struct Shown<'a> {
    curve: &'a Curve,
    name: String,
    ink: Ink,
    dashed: bool,
}

fn curve<'a>(point: &'a Point, name: &str, scope: &Scope) -> Option<&'a Curve> {
    let usable = |curve: &&Curve| curve.p.len() == curve.value.len() && curve.value.len() > 1;
    point.curves.iter().find(|curve| curve.name == name && curve.scope == *scope).filter(usable)
}

/// All requests, each class, and their successes where those differ.
fn curves(point: &Point) -> (Vec<Shown<'_>>, Vec<String>) {
    let (mut shown, mut silent) = (Vec::new(), Vec::new());
    let classes = &point.parts.classes;
    let mut scopes = vec![(String::from("all"), Scope::default(), Ink::Text)];
    let class = |(index, class): (usize, &String)| {
        let scope = Scope { class: Some(class.clone()), ..Scope::default() };
        (class.clone(), scope, Ink::Series((index % 12) as u8))
    };
    if classes.len() > 1 {
        scopes.extend(classes.iter().enumerate().map(class));
    }
    for (name, scope, ink) in scopes {
        let Some(all) = curve(point, "latency", &scope) else {
            silent.push(name);
            continue;
        };
        shown.push(Shown { curve: all, name: name.clone(), ink, dashed: false });
        if let Some(ok) = curve(point, "latency_ok", &scope).filter(|ok| ok.count != all.count) {
            shown.push(Shown { curve: ok, name: format!("{name}, successes only"), ink, dashed: true });
        }
    }
    (shown, silent)
}

/// The curves that a picture of a point shows: curve, name, colour, whether dashed.
pub(in crate::report) fn drawn(point: &Point) -> Vec<(&Curve, String, Ink, bool)> {
    let (shown, _) = curves(point);
    shown.into_iter().map(|shown| (shown.curve, shown.name, shown.ink, shown.dashed)).collect()
}

/// The share within each time.
fn within(shown: &Shown) -> Line {
    let spot = |(value, p)| Spot { x: value, y: Some(p), ..Spot::default() };
    line(shown, shown.curve.line().into_iter().map(spot).collect())
}

/// The share beyond each time.
fn beyond(shown: &Shown) -> Line {
    let seen = shown.curve.line().into_iter().filter(|(_, p)| *p < 1.0);
    line(shown, seen.map(|(value, p)| Spot { x: value, y: Some(1.0 - p), ..Spot::default() }).collect())
}

fn line(shown: &Shown, spots: Vec<Spot>) -> Line {
    let spots = spots.into_iter().filter(|spot| spot.x.is_finite()).collect();
    Line { name: shown.name.clone(), ink: shown.ink, shape: None, dashed: shown.dashed, spots }
}

/// Latency within and beyond, by class, successes against all.
pub(super) fn distribution(record: &Record, style: &Style) -> Option<Chart> {
    let point = shown(record)?;
    let (shown, silent) = curves(point);
    let title = format!("Distribution of latency{}", at_point(record, point));
    draw(record, style, "distribution", &title, &shown, &silent)
}

/// The simulator's distribution over the real one.
pub(super) fn overlay(record: &Record, style: &Style) -> Option<Chart> {
    let real = record.points.iter().find(|point| point.world == World::Real)?;
    let twin = simulated(record).find(|point| point.settings == real.settings)?;
    let mut shown = Vec::new();
    let mut scopes = vec![(String::new(), Scope::default(), Ink::Text)];
    for (index, class) in twin.parts.classes.iter().enumerate().filter(|_| twin.parts.classes.len() > 1) {
        let scope = Scope { class: Some(class.clone()), ..Scope::default() };
        scopes.push((format!("{class}, "), scope, Ink::Series((index % 12) as u8)));
    }
    for (name, scope, ink) in scopes {
        let both = [(twin, "simulated", false), (real, "real", true)];
        for (point, world, dashed) in both {
            let found = curve(point, "latency", &scope);
            shown.extend(found.map(|curve| Shown { curve, name: format!("{name}{world}"), ink, dashed }));
        }
    }
    draw(record, style, "real-distribution", "Distribution of latency, simulated against real", &shown, &[])
}

fn draw(
    record: &Record,
    style: &Style,
    file: &str,
    title: &str,
    shown: &[Shown],
    silent: &[String],
) -> Option<Chart> {
    if shown.is_empty() {
        return None;
    }
    let subtitle = "Left: share of requests within a time. Right: share beyond it, on a logarithmic axis.";
    let mut sheet = Sheet::new(record, style.size.points(), title, subtitle);
    let left: Vec<Line> = shown.iter().map(within).collect();
    let right: Vec<Line> = shown.iter().map(beyond).collect();
    let mut keys: Vec<Key> = left.iter().map(Line::key).collect();
    keys.extend(silent.iter().map(|name| Key(Swatch::Nothing, format!("{name}: none finished"))));
    sheet.legend(&keys);
    let rooms = sheet.room().columns(2, 26.0);
    let values: Vec<f64> =
        shown.iter().flat_map(|shown| shown.curve.value.iter().copied()).filter(|v| v.is_finite()).collect();
    let x = x_axis(values);
    let y = AxisSpec::span(Unit::Ratio, 0.0, 1.0, "share within");
    let panel = Panel::draw(&mut sheet.scene, rooms[0], &x, &y, 0.0);
    lines::draw(&mut sheet.scene, &panel, &left);
    tail(&mut sheet, rooms[1], &x, shown, &right);
    let quantiles = shown.iter().map(|shown| {
        let at = |p: f64| quantile(shown.curve, p).map(|value| figure::plain(Unit::Seconds, value));
        let (half, most) = (at(0.5).unwrap_or_default(), at(0.99).unwrap_or_default());
        format!("{}: half within {half}, 99 % within {most}", shown.name)
    });
    let alt = format!("{title}. {}.", quantiles.collect::<Vec<_>>().join("; "));
    Some(Draft { file: file.to_owned(), title: title.to_owned(), alt, scene: sheet.scene }.done())
}

/// Times on a logarithmic axis where they span more than a factor of 20 from p1 up, else linear.
fn x_axis(values: Vec<f64>) -> AxisSpec {
    let positive: Vec<f64> = values.iter().copied().filter(|value| *value > 0.0).collect();
    match range(positive.iter().copied()) {
        Some((low, high)) if high / low > 20.0 => {
            // Four decades below the largest value are enough: what is faster is at the left edge.
            let low = low.max(high * 1e-4);
            // Curves end inside of the panel, so that the end of the slowest can be seen.
            let high = high * libm::pow(high / low, 0.04);
            let spec = AxisSpec::log(Unit::Seconds, vec![low, high], "latency (log)");
            AxisSpec { exact: true, ..spec }
        }
        _ => AxisSpec::linear(Unit::Seconds, values, "latency"),
    }
}

/// The share beyond a time, with the percentiles that lie in its range.
fn tail(sheet: &mut Sheet, room: Room, x: &AxisSpec, shown: &[Shown], lines: &[Line]) {
    let deepest = lines.iter().flat_map(|line| line.spots.iter().filter_map(|spot| spot.y));
    let low = deepest.filter(|y| *y > 0.0).fold(0.1, f64::min);
    // The range ends at a decade, at most one below the deepest value.
    let low = (1..12).map(|n| libm::exp10(-f64::from(n))).find(|floor| *floor <= low * 1.000_001);
    let low = low.unwrap_or(1e-12);
    let ticks = MARKED.iter().filter(|(share, _)| *share >= low * 0.999);
    let ticks = ticks.map(|(share, name)| Tick { value: *share, label: (*name).to_owned() });
    let all = Tick { value: 1.0, label: String::from("all") };
    let y = AxisSpec {
        kind: Kind::Log,
        ticks: Some(std::iter::once(all).chain(ticks).collect()),
        ..AxisSpec::span(Unit::Ratio, low, 1.0, "share beyond, by percentile (log)")
    };
    let panel = Panel::draw(&mut sheet.scene, room, x, &y, 0.0);
    lines::draw(&mut sheet.scene, &panel, lines);
    for shown in shown {
        for (share, name) in MARKED.iter().filter(|(share, _)| *share >= low * 0.999) {
            let Some(value) = quantile(shown.curve, 1.0 - share) else { continue };
            let at = panel.at(value, *share);
            sheet.scene.marker(at, 0, 2.5, shown.ink);
            let text = format!(
                "{}: {name} = {}\n{}",
                shown.name,
                figure::plain(Unit::Seconds, value),
                figure::counted(shown.curve.count, "request")
            );
            sheet.scene.say((at.0 - 7.0, at.1 - 7.0), (at.0 + 7.0, at.1 + 7.0), text, None);
        }
    }
}

/// The quantile at `p` by the curve, straight between its points and never within a leap; `None` beyond its last.
pub(super) fn quantile(curve: &Curve, p: f64) -> Option<f64> {
    let after = curve.p.iter().position(|one| *one >= p - 1e-12)?;
    let Some(before) = after.checked_sub(1) else { return curve.value.first().copied() };
    let (p0, p1) = (curve.p[before], curve.p[after]);
    let part = if p1 > p0 { ((p - p0) / (p1 - p0)).clamp(0.0, 1.0) } else { 1.0 };
    let part = match curve.leaps_after(before) {
        true if part > 0.5 => 1.0,
        true => 0.0,
        false => part,
    };
    let value = curve.value[before] + part * (curve.value[after] - curve.value[before]);
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_the_points_of_its_curve() {
        let curve = Curve {
            name: "latency".into(),
            scope: Scope::default(),
            unit: Unit::Seconds,
            count: 10,
            p: vec![0.0, 0.5, 0.9],
            value: vec![1.0, 2.0, 4.0],
        };
        assert_eq!(quantile(&curve, 0.0), Some(1.0));
        assert_eq!(quantile(&curve, 0.25), Some(1.5));
        assert_eq!(quantile(&curve, 0.9), Some(4.0));
        assert_eq!(quantile(&curve, 0.99), None);
    }

    #[test]
    fn over_times_that_no_request_took_a_curve_is_level() {
        let curve = Curve {
            name: "latency".into(),
            scope: Scope::default(),
            unit: Unit::Seconds,
            count: 4,
            p: vec![0.0, 0.375, 0.625, 0.875],
            value: vec![1.0, 1.05, 20.0, 20.0],
        };
        // Half of the requests took a second, half of them twenty.
        let line = curve.line();
        assert_eq!(line, [(1.0, 0.0), (1.05, 0.375), (20.0, 0.375), (20.0, 0.625), (20.0, 0.875)]);
        assert_eq!([0.4, 0.5, 0.51].map(|p| quantile(&curve, p)), [Some(1.05), Some(1.05), Some(20.0)]);
        // Where more requests lie between two points nobody knows when they ended.
        let many = Curve { count: 400, ..curve };
        assert_eq!(many.line().len(), many.value.len());
    }
}
