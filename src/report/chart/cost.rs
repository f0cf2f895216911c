//! Cost against latency: every point, and the line of those that no other beats in both.

use super::grid::{Grid, State, state};
use super::paint::text_width;
use super::palette::Ink;
use super::scene::{Anchor, Scene, Xy};
use super::sheet::{AxisSpec, Key, Panel, SMALL, Sheet, Swatch};
use super::sweep::{describe, main_metric, objective, wide};
use super::{Chart, Draft, Style, name};
use crate::experiment::record::{Point, Record};
use crate::experiment::sweep::is_capacity;
use crate::experiment::{Scope, Unit};
use crate::report::{figure, words};

/// A point by cost and latency.
struct Priced<'a> {
    point: &'a Point,
    cost: f64,
    latency: f64,
    best: bool,
}

/// What a point costs: a run of it by the model's prices, else the slots or instances that it sets.
fn cost(record: &Record, point: &Point) -> Option<f64> {
    if let Some(priced) = record.study.frontier.iter().find(|one| one.point == point.index) {
        return Some(priced.cost).filter(|cost| cost.is_finite());
    }
    if let Some(metric) = point.metric("cost", &Scope::default()) {
        return Some(metric.estimate.value).filter(|value| value.is_finite());
    }
    let mut set = point.settings.iter().filter(|(path, _)| is_capacity(path));
    match (set.next(), set.next()) {
        (Some((_, value)), None) => value.as_f64(),
        _ => None,
    }
}

/// Words of the cost axis.
fn cost_words(record: &Record) -> (&'static str, Unit) {
    if !record.study.frontier.is_empty() {
        return ("cost of a run, in the model's currency", Unit::Number);
    }
    let priced = record.points.iter().any(|point| point.metric("cost", &Scope::default()).is_some());
    if priced { ("cost", Unit::Number) } else { ("capacity (slots or instances)", Unit::Count) }
}

/// The chart; only where a sweep varies the cost.
pub(super) fn cost_against_latency(record: &Record, style: &Style) -> Option<Chart> {
    let grid = Grid::of(record)?;
    let wanted = main_metric(record);
    let price = |point: &&'_ Point| {
        let metric = point.metric(&wanted.0, &wanted.1)?;
        Some((cost(record, point)?, metric.estimate.value)).filter(|(_, latency)| latency.is_finite())
    };
    let mut priced: Vec<Priced> = grid
        .cells
        .iter()
        .filter_map(|(_, point)| {
            let (cost, latency) = price(point)?;
            Some(Priced { point, cost, latency, best: false })
        })
        .collect();
    let (low, high) = super::scale::range(priced.iter().map(|one| one.cost))?;
    if high <= low || priced.len() < 3 {
        return None;
    }
    mark_best(&mut priced);
    let metric = name::of(&wanted.0, &wanted.1);
    let (words, unit) = cost_words(record);
    let title = format!("{} against {}", name::capital(&metric), words.split(',').next().unwrap_or(words));
    let subtitle =
        "The line joins the points that no other beats in both; all others cost more or are slower.";
    let mut sheet = Sheet::new(record, style.size.points(), &title, subtitle);
    let bound = objective(record, &wanted);
    let mut keys = vec![
        Key(Swatch::Line(Ink::Series(0), Some(0)), String::from("not beaten")),
        Key(Swatch::Dot(Ink::Axis), String::from("beaten")),
    ];
    if priced.iter().any(|one| state(one.point) == State::Met) {
        keys.push(Key(Swatch::Ring(Ink::Good), String::from("meets all objectives")));
    }
    if priced.iter().any(|one| record.chosen == Some(one.point.index)) {
        keys.push(Key(Swatch::Ring(Ink::Chosen), String::from("chosen")));
    }
    if let Some(bound) = bound {
        keys.push(Key(Swatch::Dashes(Ink::Bound), format!("objective {}", words::bound(bound))));
    }
    sheet.legend(&keys);
    let latencies = priced.iter().map(|one| one.latency).chain(bound.map(|bound| bound.bound));
    let y_unit =
        priced.first().and_then(|one| one.point.metric(&wanted.0, &wanted.1)).map(|metric| metric.unit)?;
    let y = wide(y_unit, latencies.collect(), metric.clone());
    let pad = (high - low) * 0.06;
    let x = AxisSpec::span(unit, low - pad, high + pad, words);
    let room = sheet.room();
    let panel = Panel::draw(&mut sheet.scene, room, &x, &y, 0.0);
    if let Some(bound) = bound {
        let at = panel.y.at(bound.bound);
        sheet.scene.dashed(&[(panel.x.from, at), (panel.x.to, at)], Ink::Bound, 1.75, (6.0, 4.0));
    }
    points(&mut sheet.scene, &panel, &priced, &wanted, record.chosen);
    let best = priced.iter().filter(|one| one.best);
    let best = best
        .map(|one| format!("{} at {}", figure::plain(y_unit, one.latency), figure::plain(unit, one.cost)));
    let alt = format!("{title}. Not beaten: {}.", best.collect::<Vec<_>>().join("; "));
    Some(Draft { file: String::from("cost"), title, alt, scene: sheet.scene }.done())
}

/// Marks the points that no other beats in cost and latency, after sorting by cost.
fn mark_best(priced: &mut [Priced]) {
    priced.sort_by(|a, b| a.cost.total_cmp(&b.cost).then(a.latency.total_cmp(&b.latency)));
    let mut fastest = f64::INFINITY;
    for one in priced {
        one.best = one.latency < fastest;
        fastest = fastest.min(one.latency);
    }
}

fn points(
    scene: &mut Scene,
    panel: &Panel,
    priced: &[Priced],
    wanted: &(String, Scope),
    chosen: Option<u64>,
) {
    let at = |one: &Priced| panel.at(one.cost, one.latency);
    // A staircase: between two of them the dearer one's latency is not yet to be had.
    let mut stairs: Vec<Xy> = Vec::new();
    for one in priced.iter().filter(|one| one.best) {
        let (x, y) = at(one);
        if let Some(last) = stairs.last().copied() {
            stairs.push((x, last.1));
        }
        stairs.push((x, y));
    }
    scene.line(&stairs, Ink::Series(0), 2.0);
    let mut taken: Vec<(Xy, Xy)> = Vec::new();
    for one in priced {
        let (x, y) = at(one);
        let ink = if one.best { Ink::Series(0) } else { Ink::Axis };
        scene.marker((x, y), 0, if one.best { 4.5 } else { 3.5 }, ink);
        if state(one.point) == State::Met {
            scene.ring((x, y), 7.0, Ink::Good);
        }
        if chosen == Some(one.point.index) {
            scene.ring((x, y), 10.0, Ink::Chosen);
        }
        scene.say((x - 8.0, y - 8.0), (x + 8.0, y + 8.0), describe(one.point, wanted), Some(one.point.index));
    }
    // The chosen point's name comes first: another's gives way to it.
    let is_chosen = |one: &&Priced| chosen == Some(one.point.index);
    let others = priced.iter().filter(|one| one.best && !is_chosen(one));
    for one in priced.iter().filter(is_chosen).chain(others) {
        label(scene, panel, at(one), one, &mut taken);
    }
}

/// Names an unbeaten point where its name covers no other name.
fn label(scene: &mut Scene, panel: &Panel, (x, y): Xy, one: &Priced, taken: &mut Vec<(Xy, Xy)>) {
    let words = words::called(one.point);
    let width = text_width(&words, SMALL, false);
    // To the left of a point its stairs come down: the name goes below them.
    let (left, y) = match x + 14.0 + width > panel.x.to {
        true => (x - 12.0 - width, (y + 20.0).min(panel.y.from + 1.0)),
        false => (x + 12.0, y),
    };
    if words.is_empty() || left < panel.x.from {
        return;
    }
    let (from, to) = ((left, y - 16.0), (left + 2.0 + width, y - 3.0));
    let free =
        |other: &(Xy, Xy)| to.0 < other.0.0 || other.1.0 < from.0 || to.1 < other.0.1 || other.1.1 < from.1;
    if taken.iter().all(free) {
        scene.text((left, y - 9.0), words, SMALL, Ink::Muted, Anchor::Start);
        taken.push((from, to));
    }
}
