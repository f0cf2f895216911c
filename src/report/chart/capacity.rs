//! How much load each size carries: the frontier of a search, between what was shown to pass and what to fail.

use super::lines::{self, Line, Spot};
use super::palette::Ink;
use super::scale::Tick;
use super::scene::Anchor;
use super::sheet::{AxisSpec, Key, Panel, SMALL, Sheet, Swatch, star};
use super::{Chart, Draft, Style};
use crate::experiment::Unit;
use crate::experiment::record::Record;
use crate::experiment::size::LoadBound;
use crate::report::figure;

/// A value of a line of the frontier, and what hovering it says.
fn spot(one: &LoadBound, y: Option<f64>, words: &str) -> Spot {
    let say =
        y.map_or_else(String::new, |y| format!("size {}: {words} {y:.2} times the model's load", one.size));
    Spot { x: f64::from(one.size), y, say, ..Spot::default() }
}

/// The shown-to-pass and shown-to-fail edges, and the band between them where the limit lies.
fn edges(loads: &[LoadBound]) -> Vec<Line> {
    let between = |one: &LoadBound| {
        let ends = one.carries.zip(one.fails);
        Spot { x: f64::from(one.size), y: one.estimate, ends, ..Spot::default() }
    };
    let line = |name: &str, ink: Ink, shape: Option<u8>, spots: Vec<Spot>| Line {
        name: name.to_owned(),
        ink,
        shape,
        dashed: shape.is_none(),
        spots,
    };
    let carries = |one: &LoadBound| spot(one, one.carries, "shown to carry");
    let fails = |one: &LoadBound| spot(one, one.fails, "shown to fail at");
    vec![
        line("the limit lies in this band", Ink::Muted, None, loads.iter().map(between).collect()),
        line("shown to pass", Ink::Good, Some(0), loads.iter().map(carries).collect()),
        line("shown to fail", Ink::Bad, Some(1), loads.iter().map(fails).collect()),
    ]
}

/// The load that each size near the answer of a search carries.
pub(super) fn capacity(record: &Record, style: &Style) -> Option<Chart> {
    let answer = record.study.size.as_deref()?;
    let (first, last) = (answer.loads.first()?, answer.loads.last()?);
    let lines: Vec<Line> = edges(&answer.loads).into_iter().filter(Line::has_values).collect();
    if lines.is_empty() {
        return None;
    }
    let sized = super::grid::label(&answer.capacity);
    let title = format!("Load that each size carries, by {sized}");
    let subtitle = format!(
        "Load as a multiple of the model's. Each mark is shown at {} confidence to meet every objective, or to miss one.",
        figure::plain(Unit::Ratio, answer.confidence)
    );
    let mut sheet = Sheet::new(record, style.size.points(), &title, &subtitle);
    let chosen = answer.rows.get(answer.chosen).and_then(|row| row.smallest);
    let key = |line: &Line| match line.shape {
        Some(_) => line.key(),
        None => Key(Swatch::Fill(line.ink, 0.35), line.name.clone()),
    };
    let mut keys: Vec<Key> = lines.iter().map(key).collect();
    keys.push(Key(Swatch::Dashes(Ink::Text), String::from("the model's load")));
    keys.extend(chosen.map(|size| Key(Swatch::Star, format!("smallest size that passes: {size}"))));
    sheet.legend(&keys);
    let (low, high) = (f64::from(first.size), f64::from(last.size));
    let tick = |one: &LoadBound| Tick { value: f64::from(one.size), label: one.size.to_string() };
    let ticks = Some(answer.loads.iter().map(tick).collect());
    let x = AxisSpec { ticks, ..AxisSpec::span(Unit::Count, low - 0.5, high + 0.5, sized) };
    let values = lines.iter().flat_map(Line::values).chain([0.0, 1.1]).collect();
    let y = AxisSpec::linear(Unit::Number, values, "load, times the model's");
    let room = sheet.room();
    let panel = Panel::draw(&mut sheet.scene, room, &x, &y, 0.0);
    let model = panel.y.at(1.0);
    sheet.scene.dashed(&[(panel.x.from, model), (panel.x.to, model)], Ink::Text, 1.5, (6.0, 4.0));
    lines::draw(&mut sheet.scene, &panel, &lines);
    if let Some(size) = chosen.map(f64::from).filter(|size| (low..=high).contains(size)) {
        // On the axis, where it covers no mark of the frontier.
        star(&mut sheet.scene, (panel.x.at(size), panel.y.from - 12.0));
    }
    for one in &answer.loads {
        let Some(carries) = one.carries else { continue };
        let at = panel.at(f64::from(one.size), carries);
        sheet.scene.text((at.0 + 9.0, at.1 + 11.0), format!("{carries:.2}"), SMALL, Ink::Text, Anchor::Start);
    }
    let said: Vec<String> = answer.loads.iter().map(sentence).collect();
    let alt = format!("{title}. {}.", said.join("; "));
    Some(Draft { file: String::from("capacity"), title, alt, scene: sheet.scene }.done())
}

fn sentence(one: &LoadBound) -> String {
    match (one.carries, one.fails) {
        (Some(carries), Some(fails)) => format!("{} carries {carries:.2} and fails at {fails:.2}", one.size),
        (Some(carries), None) => format!("{} carries {carries:.2}", one.size),
        (None, Some(fails)) => format!("{} fails at {fails:.2}", one.size),
        (None, None) => format!("{}: not shown", one.size),
    }
}
