//! A metric over two axes: values in cells, the border of what meets the objectives, and what is not known.

use super::grid::{Grid, State, state};
use super::paint::text_width;
use super::palette::{Ink, on_heat};
use super::scale::{Kind, Scale, range};
use super::scene::{Anchor, Scene, Xy};
use super::sheet::{BODY, Key, SMALL, Sheet, Swatch, fit, star};
use super::sweep::{Wanted, describe, unit_of};
use super::{Chart, Draft, Style, name};
use crate::experiment::Unit;
use crate::experiment::record::{Point, Record};
use crate::report::figure;

/// Room for the colour bar on the right.
const BAR: f64 = 92.0;

/// The cells on paper: `x` to the right, `y` upwards.
struct Cells<'a> {
    rows: Vec<Vec<Option<&'a Point>>>,
    left: f64,
    bottom: f64,
    width: f64,
    height: f64,
}

impl Cells<'_> {
    /// Upper left and lower right corner.
    fn corners(&self, x: usize, y: usize) -> (Xy, Xy) {
        let (left, bottom) = (self.left + x as f64 * self.width, self.bottom - y as f64 * self.height);
        ((left, bottom - self.height), (left + self.width, bottom))
    }

    fn state(&self, x: usize, y: usize) -> Option<State> {
        self.rows.get(y)?.get(x).copied().flatten().map(state)
    }
}

/// The heat map of a metric over the first two axes.
pub(super) fn heatmap(record: &Record, style: &Style, wanted: &Wanted) -> Option<Chart> {
    let grid = Grid::of(record)?;
    if grid.axes.len() < 2 {
        return None;
    }
    let unit = unit_of(record, wanted)?;
    let rows = grid.slice(0, Some(1));
    let metric = name::of(&wanted.0, &wanted.1);
    let title = format!("{} over {} and {}", name::capital(&metric), grid.axes[0].label, grid.axes[1].label);
    let fixed = grid.where_fixed(&[0, 1]);
    let subtitle = if fixed.is_empty() { String::new() } else { format!("At {fixed}.") };
    let mut sheet = Sheet::new(record, style.size.points(), &title, &subtitle);
    sheet.legend(&keys(&rows, grid.chosen.is_some()));
    let room = sheet.room();
    let labels = grid.axes[1].names.iter().map(|name| text_width(name, SMALL, false)).fold(0.0, f64::max);
    let left = room.left + labels.min(140.0) + 10.0;
    let (across, up) = (grid.axes[0].names.len(), grid.axes[1].names.len());
    let (top, bottom) = (room.top + 22.0, room.bottom - 38.0);
    let width = (room.right - BAR - left) / across as f64;
    let height = (bottom - top) / up as f64;
    let cells = Cells { rows, left, bottom, width, height };
    let words = fit(&grid.axes[1].label, room.right - room.left, SMALL, true);
    sheet.scene.bold((room.left, room.top + 8.0), words, SMALL, Ink::Muted, Anchor::Start);
    names(&mut sheet.scene, &grid, &cells);
    let value = |point: &Point| {
        point
            .metric(&wanted.0, &wanted.1)
            .map(|metric| metric.estimate.value)
            .filter(|value| value.is_finite())
    };
    let heat = heat_scale(unit, cells.rows.iter().flatten().flatten().filter_map(|point| value(point)));
    for y in 0..up {
        for x in 0..across {
            let point = cells.rows[y][x];
            cell(&mut sheet.scene, cells.corners(x, y), point, point.and_then(value), &heat);
            if let Some(point) = point {
                let (from, to) = cells.corners(x, y);
                sheet.scene.say(from, to, describe(point, wanted), Some(point.index));
            }
        }
    }
    frontier(&mut sheet.scene, &cells, across, up);
    if let Some(chosen) = &grid.chosen {
        let (from, to) = cells.corners(chosen[0], chosen[1]);
        star(&mut sheet.scene, (to.0 - 14.0, from.1 + 14.0));
    }
    bar(&mut sheet.scene, (room.right - BAR + 22.0, top, bottom), &heat);
    let alt = alt(&title, &cells, &grid, unit, value);
    let file = format!("heatmap-{}", name::file(&metric));
    Some(Draft { file, title, alt, scene: sheet.scene }.done())
}

fn keys(rows: &[Vec<Option<&Point>>], chosen: bool) -> Vec<Key> {
    let any = |wanted: State| rows.iter().flatten().flatten().any(|point| state(point) == wanted);
    let mut keys = Vec::new();
    let mut key = |shown: bool, swatch: Swatch, words: &str| {
        if shown {
            keys.push(Key(swatch, words.to_owned()));
        }
    };
    key(any(State::Met), Swatch::Outline(Ink::Text), "meets all objectives");
    key(any(State::Undecided), Swatch::Hatch, "undecided: needs more replications");
    key(any(State::Unstable), Swatch::Cross(Ink::Bad), "unstable: load exceeds capacity");
    key(chosen, Swatch::Star, "chosen");
    keys
}

/// Heights of colours: logarithmic where values span more than a factor of 30.
fn heat_scale(unit: Unit, values: impl Iterator<Item = f64>) -> Scale {
    let (low, high) = range(values).unwrap_or((0.0, 1.0));
    let kind = if low > 0.0 && high / low > 30.0 { Kind::Log } else { Kind::Linear };
    // Where all are alike there is one colour, half way between nothing and twice as much.
    let (low, high) = match high > low {
        true => (low, high),
        false if low == 0.0 => (0.0, 1.0),
        false => ((2.0 * low).min(0.0), (2.0 * low).max(0.0)),
    };
    Scale::exact(kind, unit, (low, high), (0.0, 255.0))
}

fn cell(scene: &mut Scene, (from, to): (Xy, Xy), point: Option<&Point>, value: Option<f64>, heat: &Scale) {
    let (inner, outer) = ((from.0 + 1.0, from.1 + 1.0), (to.0 - 1.0, to.1 - 1.0));
    let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
    let (wide, high) = (to.0 - from.0, to.1 - from.1);
    let Some(point) = point else {
        scene.outline(inner, outer, Ink::Grid, 1.0);
        scene.text(middle, "–", SMALL, Ink::Muted, Anchor::Middle);
        return;
    };
    let unstable = state(point) == State::Unstable;
    let Some(value) = value else {
        scene.rect(inner, outer, Ink::Void, 1.0);
        if unstable {
            scene.cross(middle, (high.min(wide) * 0.18).min(9.0), Ink::Bad, 2.5);
        } else {
            scene.text(middle, "no figure", words_size(wide, high), Ink::Text, Anchor::Middle);
        }
        return;
    };
    let height = heat.at(value).round().clamp(0.0, 255.0) as u8;
    let ink = on_heat(height);
    scene.rect(inner, outer, Ink::Heat(height), 1.0);
    if state(point) == State::Undecided {
        scene.hatch(inner, outer, 9.0, ink, 1.0);
        let half = text_width(&figure::plain(heat.unit, value), words_size(wide, high), true) / 2.0 + 4.0;
        let (left, right) = ((middle.0 - half).max(inner.0), (middle.0 + half).min(outer.0));
        scene.rect((left, middle.1 - 10.0), (right, middle.1 + 10.0), Ink::Heat(height), 1.0);
    }
    if unstable {
        scene.cross((from.0 + 12.0, from.1 + 12.0), 5.0, ink, 2.0);
    }
    let size = words_size(wide, high);
    if high > size && wide > 20.0 {
        let words = fit(&figure::plain(heat.unit, value), wide - 4.0, size, true);
        scene.bold(middle, words, size, ink, Anchor::Middle);
    }
}

fn words_size(width: f64, height: f64) -> f64 {
    (width / 5.5).min(height * 0.6).clamp(8.0, BODY)
}

/// Names of columns and rows; names that would touch are left out.
fn names(scene: &mut Scene, grid: &Grid, cells: &Cells) {
    let mut taken = f64::NEG_INFINITY;
    for (x, name) in grid.axes[0].names.iter().enumerate() {
        let middle = cells.left + (x as f64 + 0.5) * cells.width;
        let name = fit(name, cells.width.max(60.0), SMALL, false);
        let half = text_width(&name, SMALL, false) / 2.0;
        if middle - half > taken + 5.0 {
            scene.text((middle, cells.bottom + 13.0), name, SMALL, Ink::Text, Anchor::Middle);
            taken = middle + half;
        }
    }
    let every = (14.0 / cells.height).ceil().max(1.0) as usize;
    for (y, name) in grid.axes[1].names.iter().enumerate().filter(|(y, _)| y % every == 0) {
        let middle = cells.bottom - (y as f64 + 0.5) * cells.height;
        scene.text((cells.left - 8.0, middle), fit(name, 140.0, SMALL, false), SMALL, Ink::Text, Anchor::End);
    }
    let middle = cells.left + cells.rows[0].len() as f64 * cells.width / 2.0;
    scene.text((middle, cells.bottom + 30.0), &grid.axes[0].label, SMALL, Ink::Text, Anchor::Middle);
}

/// A thick line around the cells that meet their objectives.
fn frontier(scene: &mut Scene, cells: &Cells, across: usize, up: usize) {
    let met = |x: Option<usize>, y: Option<usize>| {
        x.zip(y).and_then(|(x, y)| cells.state(x, y)) == Some(State::Met)
    };
    let mut edges: Vec<[Xy; 2]> = Vec::new();
    for y in 0..up {
        for x in (0..across).filter(|x| met(Some(*x), Some(y))) {
            let ((left, top), (right, bottom)) = cells.corners(x, y);
            let sides = [
                (met(x.checked_sub(1), Some(y)), [(left, top), (left, bottom)]),
                (met(x.checked_add(1), Some(y)), [(right, top), (right, bottom)]),
                (met(Some(x), y.checked_sub(1)), [(left, bottom), (right, bottom)]),
                (met(Some(x), y.checked_add(1)), [(left, top), (right, top)]),
            ];
            edges.extend(sides.into_iter().filter(|(inside, _)| !inside).map(|(_, edge)| edge));
        }
    }
    // A lighter line below sets the dark one off from any heat.
    for (ink, width) in [(Ink::Paper, 6.0), (Ink::Text, 3.0)] {
        for edge in &edges {
            scene.line(edge, ink, width);
        }
    }
}

/// The colour bar with its marks.
fn bar(scene: &mut Scene, (left, top, bottom): (f64, f64, f64), heat: &Scale) {
    const STEPS: usize = 48;
    let height = (bottom - top) / STEPS as f64;
    for step in 0..STEPS {
        let shade = (step * 255 / (STEPS - 1)) as u8;
        let low = bottom - step as f64 * height;
        scene.rect((left, low - height - 0.3), (left + 14.0, low), Ink::Heat(shade), 1.0);
    }
    if heat.kind == Kind::Log {
        scene.text((left, top - 10.0), "log scale", SMALL, Ink::Muted, Anchor::Start);
    }
    let scale = Scale { from: bottom, to: top, ..*heat };
    for tick in scale.ticks() {
        let at = scale.at(tick.value);
        scene.line(&[(left + 14.0, at), (left + 18.0, at)], Ink::Axis, 1.0);
        scene.text((left + 21.0, at), tick.label, SMALL, Ink::Muted, Anchor::Start);
    }
}

fn alt(title: &str, cells: &Cells, grid: &Grid, unit: Unit, value: impl Fn(&Point) -> Option<f64>) -> String {
    let points = || cells.rows.iter().flatten().flatten();
    let values = range(points().filter_map(|point| value(point)));
    let values = values.map_or_else(String::new, |(low, high)| {
        format!(" Values from {} to {}.", figure::plain(unit, low), figure::plain(unit, high))
    });
    let count = |wanted: State| points().filter(|point| state(point) == wanted).count();
    let chosen = grid.chosen.as_ref().map_or_else(String::new, |place| {
        format!(" Chosen: {} and {}.", grid.axes[0].names[place[0]], grid.axes[1].names[place[1]])
    });
    format!(
        "{title}.{values} Of {} cells {} meet all objectives, {} are undecided, {} unstable.{chosen}",
        points().count(),
        count(State::Met),
        count(State::Undecided),
        count(State::Unstable)
    )
}
