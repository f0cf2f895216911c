//! Courses over time below each other on one time axis: offered load, in flight, queue, busy slots, latency.

use super::grid::simulated;
use super::lines::{self, Line, Spot};
use super::paint::text_width;
use super::palette::Ink;
use super::scene::Anchor;
use super::sheet::{AxisSpec, Key, Panel, SMALL, Sheet, Swatch, fit};
use super::sweep::wide;
use super::{Chart, Draft, Style};
use crate::experiment::record::{Point, Record, World};
use crate::experiment::{Band, Scope, Unit};
use crate::report::{figure, words};

/// A panel: its words, and its courses with theirs.
pub(in crate::report) type Courses = (&'static str, &'static [(&'static str, &'static str, Ink)]);

/// What is drawn, from top to bottom; a panel without courses is left out.
pub(in crate::report) const PANELS: [Courses; 5] = [
    (
        "offered load and goodput",
        &[
            ("arrival_rate", "offered load", Ink::Text),
            ("throughput", "goodput", Ink::Series(2)),
            ("failure_rate", "failures", Ink::Series(6)),
        ],
    ),
    ("requests in flight", &[("in_flight", "in flight", Ink::Series(0))]),
    ("queue length", &[("queue_length", "queue", Ink::Series(1))]),
    ("busy slots", &[("busy_slots", "busy slots", Ink::Series(3))]),
    (
        "latency by time of finish",
        &[("latency_p50", "p50", Ink::Series(7)), ("latency_p95", "p95", Ink::Series(9))],
    ),
];

/// The band of that name for the whole system.
pub(in crate::report) fn band<'a>(point: &'a Point, name: &str) -> Option<&'a Band> {
    // Without a pool there are no slots, and nothing queues.
    if point.parts.pools.is_empty() && ["queue_length", "busy_slots"].contains(&name) {
        return None;
    }
    let found = point.timelines.iter().find(|band| band.name == name && band.scope == Scope::default())?;
    found.median.iter().any(Option::is_some).then_some(found)
}

/// The middle of a bin.
fn time(band: &Band, bin: usize) -> f64 {
    band.start + (bin as f64 + 0.5) * band.width
}

/// Bins that begin before the end. What went on after the horizon, until the last request had ended, is one more bin of
/// any length: it is no part of a course.
pub(in crate::report) fn bins(band: &Band, end: f64) -> usize {
    let begin = |bin: &usize| band.start + *bin as f64 * band.width;
    (0..band.median.len()).take_while(|bin| begin(bin) < end - 1e-9 * end.abs()).count()
}

fn line(band: &Band, end: f64, name: &str, (ink, dashed): (Ink, bool)) -> Line {
    let at =
        |values: &[Option<f64>], bin: usize| values.get(bin).copied().flatten().filter(|v| v.is_finite());
    let spot = |bin: usize| Spot {
        x: time(band, bin),
        y: at(&band.median, bin),
        ends: at(&band.low, bin).zip(at(&band.high, bin)),
        ..Spot::default()
    };
    let spots = (0..bins(band, end)).map(spot).collect();
    Line { name: name.to_owned(), ink, shape: None, dashed, spots }
}

/// The end of all courses and phases, and of the run where it has a horizon.
pub(in crate::report) fn end(record: &Record, points: &[&Point]) -> f64 {
    let bands = points.iter().flat_map(|point| &point.timelines);
    let bands = bands.map(|band| band.start + band.width * band.median.len() as f64);
    let phases = points.iter().flat_map(|point| &point.parts.phases).map(|phase| phase.end);
    let phases = phases.filter(|end| end.is_finite());
    // The last bin may reach beyond the run's end.
    let (bands, phases) = (bands.fold(0.0, f64::max), phases.fold(0.0, f64::max));
    let end = if phases > 0.0 && phases < bands { phases } else { bands };
    record.settings.horizon.filter(|horizon| *horizon > 0.0).map_or(end, |horizon| end.min(horizon))
}

/// The point that a single picture shows: the chosen one, else the first.
pub(in crate::report) fn shown(record: &Record) -> Option<&Point> {
    let chosen = record.chosen.and_then(|chosen| simulated(record).find(|point| point.index == chosen));
    chosen.or_else(|| simulated(record).next())
}

/// Whether a record has one simulated point only, so that a picture of it needs no name.
pub(super) fn alone(record: &Record) -> bool {
    simulated(record).count() == 1
}

/// " at slots = 8", where the record has other points.
pub(super) fn at_point(record: &Record, point: &Point) -> String {
    if alone(record) {
        return String::new();
    }
    format!(" at {}", words::called(point))
}

/// The courses of the shown point.
pub(super) fn timelines(record: &Record, style: &Style) -> Option<Chart> {
    let point = shown(record)?;
    let end = end(record, &[point]);
    let panels: Vec<(&str, Vec<Line>, Unit)> = PANELS
        .iter()
        .filter_map(|(words, courses)| {
            let bands: Vec<_> =
                courses.iter().filter_map(|course| Some((band(point, course.0)?, course))).collect();
            let unit = bands.first()?.0.unit;
            let lines = bands.iter().map(|(band, course)| line(band, end, course.1, (course.2, false)));
            let lines = lines.collect();
            Some((*words, lines, unit))
        })
        .collect();
    if panels.is_empty() {
        return None;
    }
    let title = format!("Over time{}", at_point(record, point));
    let subtitle = if point.replications > 1 {
        "Lines are medians over replications, bands their 5 to 95 % range."
    } else {
        "One replication."
    };
    let (width, height) = style.size.points();
    let height = height * (0.3 + 0.27 * panels.len() as f64);
    let mut sheet = Sheet::new(record, (width, height), &title, subtitle);
    let several = panels.iter().filter(|panel| panel.1.len() > 1).flat_map(|panel| &panel.1);
    let mut keys: Vec<Key> = several.map(Line::key).collect();
    let warm_up = warm_up(point);
    if warm_up.is_some() {
        keys.push(Key(Swatch::Fill(Ink::Void, 0.7), String::from("warm-up, removed from figures")));
    }
    sheet.legend(&keys);
    stack(&mut sheet, point, &panels, end, warm_up);
    let said = panels.iter().filter_map(|(words, lines, unit)| {
        let top = lines.iter().filter_map(|line| line.spots.iter().filter_map(|s| s.y).reduce(f64::max));
        Some(format!("{words} up to {}", figure::plain(*unit, top.reduce(f64::max)?)))
    });
    let alt = format!("{title}. {subtitle} {}.", said.collect::<Vec<_>>().join("; "));
    Some(Draft { file: String::from("timeline"), title, alt, scene: sheet.scene }.done())
}

/// Panels below each other that share their time axis and phases.
fn stack(
    sheet: &mut Sheet,
    point: &Point,
    panels: &[(&str, Vec<Line>, Unit)],
    end: f64,
    warm_up: Option<f64>,
) {
    let mut room = sheet.room();
    let named = point.parts.phases.iter().any(|phase| !phase.name.is_empty());
    if named {
        room.top += 18.0;
    }
    let specs: Vec<AxisSpec> = panels
        .iter()
        .map(|(words, lines, unit)| {
            let values: Vec<f64> = lines.iter().flat_map(Line::values).chain([0.0]).collect();
            let spec = wide(*unit, values, (*words).to_owned());
            if *unit == Unit::Seconds { log_where_wide(spec, lines) } else { spec }
        })
        .collect();
    let rooms = room.rows(panels.len(), 0.0);
    let last = panels.len() - 1;
    let x_spec = |index: usize| match index == last {
        true => AxisSpec::span(Unit::Seconds, 0.0, end, "time since the start"),
        // One row of numbers at the bottom serves all panels.
        false => AxisSpec { ticks: Some(Vec::new()), ..AxisSpec::span(Unit::Seconds, 0.0, end, "") },
    };
    let gutter = specs.iter().zip(&rooms).map(|(spec, room)| Panel::gutter(spec, *room)).fold(0.0, f64::max);
    for (index, (_, lines, _)) in panels.iter().enumerate() {
        let place = Panel::place(rooms[index], &x_spec(index), &specs[index], gutter);
        shade(sheet, point, &place, warm_up, (index == 0).then_some(room.top - 8.0));
        let panel = Panel::draw(&mut sheet.scene, rooms[index], &x_spec(index), &specs[index], gutter);
        lines::draw(&mut sheet.scene, &panel, lines);
        hover(sheet, &panel, lines, specs[index].unit);
    }
}

/// Latencies that span decades are read on a logarithmic axis.
fn log_where_wide(spec: AxisSpec, lines: &[Line]) -> AxisSpec {
    let values: Vec<f64> = lines.iter().flat_map(Line::values).filter(|value| *value > 0.0).collect();
    let label = spec.label.clone();
    match super::scale::range(values.iter().copied()) {
        Some((low, high)) if high / low > 50.0 => wide(Unit::Seconds, values, label),
        _ => spec,
    }
}

/// Columns of the panel that say all values at their time.
fn hover(sheet: &mut Sheet, panel: &Panel, lines: &[Line], unit: Unit) {
    let Some(first) = lines.first() else { return };
    let step = first.spots.len().div_ceil(80).max(1);
    for bin in (0..first.spots.len()).step_by(step) {
        let x = first.spots[bin].x;
        let width =
            first.spots.get(bin + 1).map_or(10.0, |next| panel.x.at(next.x) - panel.x.at(x)) * step as f64;
        let value = |line: &Line| {
            let spot = line.spots.get(bin)?;
            let ends = spot.ends.map_or_else(String::new, |(low, high)| {
                format!(" [{}, {}]", figure::plain(unit, low), figure::plain(unit, high))
            });
            Some(format!("{}: {}{ends}", line.name, figure::plain(unit, spot.y?)))
        };
        let values: Vec<String> = lines.iter().filter_map(value).collect();
        if !values.is_empty() {
            let text = format!("at {}\n{}", figure::plain(Unit::Seconds, x), values.join("\n"));
            let at = panel.x.at(x);
            sheet.scene.say((at - width / 2.0, panel.y.to), (at + width / 2.0, panel.y.from), text, None);
        }
    }
}

/// The longest warm-up that was cut, seconds.
fn warm_up(point: &Point) -> Option<f64> {
    point.warm_up.iter().flatten().copied().filter(|cut| *cut > 0.0).reduce(f64::max)
}

/// Shades every other phase of a panel and greys out the warm-up; names the phases at a height where one is given.
fn shade(sheet: &mut Sheet, point: &Point, panel: &Panel, warm_up: Option<f64>, names: Option<f64>) {
    let (x, top, bottom) = (panel.x, panel.y.to, panel.y.from);
    for (index, phase) in point.parts.phases.iter().enumerate() {
        let (left, right) = (x.at(phase.start), x.at(phase.end));
        if index % 2 == 0 {
            sheet.scene.rect((left, top), (right, bottom), Ink::Shade, 1.0);
        }
        if index > 0 {
            sheet.scene.dashed(&[(left, top), (left, bottom)], Ink::Axis, 1.0, (2.0, 3.0));
        }
        let words = fit(&phase.name, right - left - 6.0, SMALL, true);
        if let Some(y) = names.filter(|_| text_width(&words, SMALL, true) > 8.0) {
            sheet.scene.bold((f64::midpoint(left, right), y), words, SMALL, Ink::Text, Anchor::Middle);
        }
    }
    if let Some(cut) = warm_up {
        sheet.scene.rect((x.at(0.0), top), (x.at(cut), bottom), Ink::Void, 0.7);
    }
}

/// The same courses in the simulator and in the real world.
pub(super) fn overlay(record: &Record, style: &Style) -> Option<Chart> {
    let real = record.points.iter().find(|point| point.world == World::Real)?;
    let twin = simulated(record).find(|point| point.settings == real.settings)?;
    let end = end(record, &[twin, real]);
    let panels: Vec<(&str, Vec<Line>, Unit)> = PANELS
        .iter()
        .filter_map(|(words, courses)| {
            // One course a panel keeps two worlds apart: the last, the 95th percentile, or the only one.
            let course = if courses.len() == 3 { &courses[1] } else { courses.last()? };
            let (simulated, real) = (band(twin, course.0)?, band(real, course.0)?);
            let lines = vec![
                line(simulated, end, "simulated", (Ink::Series(0), false)),
                line(real, end, "real", (Ink::Series(1), true)),
            ];
            let words = if courses.len() == 3 { "goodput" } else { words };
            Some((words, lines, real.unit))
        })
        .collect();
    if panels.is_empty() {
        return None;
    }
    let title = String::from("Over time, simulated against real");
    let subtitle = "Lines are medians, bands the 5 to 95 % range over replications.";
    let (width, height) = style.size.points();
    let mut sheet =
        Sheet::new(record, (width, height * (0.3 + 0.27 * panels.len() as f64)), &title, subtitle);
    sheet.legend(&panels[0].1.iter().map(Line::key).collect::<Vec<_>>());
    stack(&mut sheet, twin, &panels, end, None);
    let shown: Vec<&str> = panels.iter().map(|panel| panel.0).collect();
    let alt = format!("{title}: {}.", shown.join(", "));
    Some(Draft { file: String::from("real-timeline"), title, alt, scene: sheet.scene }.done())
}
