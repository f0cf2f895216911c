//! What every chart has: title, legend above the data, small print below, and panels with axes between.

use super::paint::text_width;
use super::palette::Ink;
use super::scale::{Kind, Scale, Tick};
use super::scene::{Anchor, Scene, Xy};
use crate::experiment::Unit;
use crate::experiment::record::Record;
use crate::report::figure;
use crate::report::summary::in_points;

/// Sizes of text.
pub(super) const TITLE: f64 = 18.0;
pub(super) const BODY: f64 = 13.0;
pub(super) const SMALL: f64 = 12.0;
const PRINT: f64 = 10.5;
/// Room at the edges.
const EDGE: f64 = 18.0;

/// A sample of a mark in the legend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Swatch {
    /// A line with its marker, if it has any.
    Line(Ink, Option<u8>),
    /// A line in dashes.
    Dashes(Ink),
    /// A filled box.
    Fill(Ink, f64),
    /// A hatched box.
    Hatch,
    /// An outlined box.
    Outline(Ink),
    /// A cross.
    Cross(Ink),
    /// A ring.
    Ring(Ink),
    /// A dot.
    Dot(Ink),
    /// A star.
    Star,
    /// Words only.
    Nothing,
}

/// An entry of the legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key(pub(super) Swatch, pub(super) String);

/// A chart in the making: the room that is left for data shrinks as things are placed.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    pub(super) scene: Scene,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Sheet {
    /// A sheet with title, subtitle and small print.
    pub(super) fn new(record: &Record, size: (f64, f64), title: &str, subtitle: &str) -> Sheet {
        let mut scene = Scene::new(size.0, size.1);
        let room = size.0 - 2.0 * EDGE;
        let mut top = 40.0;
        for (row, line) in wrap(title, room, (TITLE, true), 2).into_iter().enumerate() {
            let at = 24.0 + 23.0 * row as f64;
            scene.bold((EDGE, at), line, TITLE, Ink::Text, Anchor::Start);
            top = at + 16.0;
        }
        if !subtitle.is_empty() {
            for line in wrap(subtitle, room, (SMALL, false), 2) {
                scene.text((EDGE, top + 7.0), line, SMALL, Ink::Muted, Anchor::Start);
                top += 17.0;
            }
        }
        let mut bottom = size.1 - 13.0;
        for line in wrap(&small_print(record), room, (PRINT, false), 3).into_iter().rev() {
            scene.text((EDGE, bottom), line, PRINT, Ink::Muted, Anchor::Start);
            bottom -= 14.0;
        }
        Sheet { scene, left: EDGE, right: size.0 - EDGE, top: top + 4.0, bottom: bottom - 1.0 }
    }

    /// Places the legend in as many rows as it needs.
    pub(super) fn legend(&mut self, keys: &[Key]) {
        const SAMPLE: f64 = 26.0;
        let (mut x, mut y) = (self.left, self.top + 10.0);
        for Key(swatch, words) in keys {
            let sample = if *swatch == Swatch::Nothing { 0.0 } else { SAMPLE + 6.0 };
            let words = fit(words, self.right - self.left - sample, SMALL, false);
            let width = sample + text_width(&words, SMALL, false);
            if x > self.left && x + width > self.right {
                (x, y) = (self.left, y + 18.0);
            }
            self.swatch(*swatch, (x, y), SAMPLE);
            self.scene.text((x + sample, y), words, SMALL, Ink::Text, Anchor::Start);
            x += width + 18.0;
        }
        if !keys.is_empty() {
            self.top = y + 12.0;
        }
    }

    fn swatch(&mut self, swatch: Swatch, (x, y): Xy, width: f64) {
        let scene = &mut self.scene;
        let (line, box_from, box_to) =
            ([(x, y), (x + width, y)], (x + 4.0, y - 6.0), (x + width - 4.0, y + 6.0));
        let middle = (x + width / 2.0, y);
        match swatch {
            Swatch::Line(ink, shape) => {
                scene.line(&line, ink, 2.0);
                if let Some(shape) = shape {
                    scene.marker(middle, shape, 4.0, ink);
                }
            }
            Swatch::Dashes(ink) => scene.dashed(&line, ink, 1.75, (6.0, 4.0)),
            Swatch::Fill(ink, alpha) => scene.rect(box_from, box_to, ink, alpha),
            Swatch::Hatch => {
                scene.outline(box_from, box_to, Ink::Axis, 1.0);
                scene.hatch(box_from, box_to, 5.0, Ink::Text, 1.0);
            }
            Swatch::Outline(ink) => scene.outline(box_from, box_to, ink, 3.0),
            Swatch::Cross(ink) => scene.cross(middle, 4.5, ink, 2.0),
            Swatch::Ring(ink) => scene.ring(middle, 6.0, ink),
            Swatch::Dot(ink) => scene.marker(middle, 0, 3.5, ink),
            Swatch::Star => star(scene, middle),
            Swatch::Nothing => {}
        }
    }

    /// The room for data.
    pub(super) const fn room(&self) -> Room {
        Room { left: self.left, top: self.top, right: self.right, bottom: self.bottom }
    }
}

/// The mark of a chosen cell, which can be seen on any colour.
pub(super) fn star(scene: &mut Scene, at: Xy) {
    scene.marker(at, 0, 9.0, Ink::Chosen);
    scene.text(at, "★", 12.0, Ink::Paper, Anchor::Middle);
}

/// What every chart says about its origin.
fn small_print(record: &Record) -> String {
    let most = record.points.iter().map(|point| point.replications).max().unwrap_or(0);
    let least = record.points.iter().map(|point| point.replications).min().unwrap_or(0);
    let replications = match (least, most) {
        (1, 1) => String::from("1 replication"),
        (least, most) if least == most => format!("{most} replications"),
        (least, most) => format!("{least} to {most} replications"),
    };
    format!(
        "{} · seed {} · {replications} · intervals at {} · fingerprint {} · poolsim {}",
        record.name,
        record.seed,
        figure::plain(Unit::Ratio, record.settings.confidence),
        record.fingerprint,
        record.poolsim,
    )
}

/// The text, cut with an ellipsis where it is too wide.
pub(super) fn fit(text: &str, room: f64, size: f64, bold: bool) -> String {
    if text_width(text, size, bold) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let cut = |n: usize| letters[..n].iter().collect::<String>().trim_end().to_owned() + "…";
    let fits = |n: &usize| text_width(&cut(*n), size, bold) <= room;
    (1..letters.len()).rev().find(fits).map_or_else(String::new, cut)
}

/// The text in lines that fit; what is beyond the last line shows as an ellipsis.
fn wrap(text: &str, room: f64, (size, bold): (f64, bool), most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let last = lines.len() == most;
        match lines.last_mut() {
            Some(line) if last || text_width(&format!("{line} {word}"), size, bold) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| fit(line, room, size, bold)).collect()
}

/// A part of the paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Room {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Room {
    /// Parts beside each other with gaps between.
    pub(super) fn columns(self, n: usize, gap: f64) -> Vec<Room> {
        let width = (self.right - self.left - gap * (n as f64 - 1.0)) / n as f64;
        let left = |index: usize| self.left + index as f64 * (width + gap);
        (0..n).map(|index| Room { left: left(index), right: left(index) + width, ..self }).collect()
    }

    /// Parts below each other with gaps between.
    pub(super) fn rows(self, n: usize, gap: f64) -> Vec<Room> {
        let height = (self.bottom - self.top - gap * (n as f64 - 1.0)) / n as f64;
        let top = |index: usize| self.top + index as f64 * (height + gap);
        (0..n).map(|index| Room { top: top(index), bottom: top(index) + height, ..self }).collect()
    }
}

/// An axis as asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AxisSpec {
    /// How values lie.
    pub(super) kind: Kind,
    /// Unit.
    pub(super) unit: Unit,
    /// What must be inside.
    pub(super) values: Vec<f64>,
    /// Whether `values` are the ends themselves.
    pub(super) exact: bool,
    /// Words of the axis.
    pub(super) label: String,
    /// Marks in place of computed ones.
    pub(super) ticks: Option<Vec<Tick>>,
    /// Whether values are differences.
    pub(super) differences: bool,
}

impl AxisSpec {
    /// A linear axis.
    pub(super) fn linear(unit: Unit, values: Vec<f64>, label: impl Into<String>) -> AxisSpec {
        let label = label.into();
        AxisSpec { kind: Kind::Linear, unit, values, exact: false, label, ticks: None, differences: false }
    }

    /// A logarithmic axis.
    pub(super) fn log(unit: Unit, values: Vec<f64>, label: impl Into<String>) -> AxisSpec {
        AxisSpec { kind: Kind::Log, ..AxisSpec::linear(unit, values, label) }
    }

    /// An axis from the one value to the other.
    pub(super) fn span(unit: Unit, low: f64, high: f64, label: impl Into<String>) -> AxisSpec {
        AxisSpec { exact: true, ..AxisSpec::linear(unit, vec![low, high], label) }
    }

    fn scale(&self, points: (f64, f64)) -> Scale {
        let values = || self.values.iter().copied();
        match (self.exact, self.kind) {
            (true, kind) => Scale::exact(kind, self.unit, (self.values[0], self.values[1]), points),
            (false, Kind::Linear) => Scale::linear(self.unit, values(), points),
            (false, Kind::Log) => Scale::log(self.unit, values(), points),
        }
    }

    fn marks(&self, scale: &Scale) -> Vec<Tick> {
        let mut ticks = self.ticks.clone().unwrap_or_else(|| scale.ticks());
        if self.differences {
            ticks
                .iter_mut()
                .for_each(|tick| tick.label = in_points(self.unit, std::mem::take(&mut tick.label)));
        }
        ticks
    }
}

/// A pair of axes on paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Panel {
    pub(super) x: Scale,
    pub(super) y: Scale,
}

/// Room above a panel for the words of its vertical axis.
const ABOVE: f64 = 25.0;
/// Room below a panel for marks; another row holds the axis's words.
const BELOW: f64 = 20.0;

impl Panel {
    /// Draws grid, marks and words; `gutter` is the least room for the marks on the left, so that panels above each
    /// other line up.
    pub(super) fn draw(scene: &mut Scene, room: Room, x: &AxisSpec, y: &AxisSpec, gutter: f64) -> Panel {
        let Panel { x: horizontal, y: vertical } = Panel::place(room, x, y, gutter);
        let (y_ticks, left) = (y.marks(&vertical), horizontal.from);
        let mut below = f64::INFINITY;
        for tick in &y_ticks {
            let at = vertical.at(tick.value);
            scene.line(&[(left, at), (room.right, at)], Ink::Grid, 1.0);
            // Words that would touch those of the mark below are left out.
            if (at - below).abs() >= SMALL {
                scene.text((left - 7.0, at), &tick.label, SMALL, Ink::Muted, Anchor::End);
                below = at;
            }
        }
        let words = fit(&y.label, room.right - room.left, SMALL, true);
        scene.bold((room.left, room.top + 8.0), words, SMALL, Ink::Muted, Anchor::Start);
        let mut taken = f64::NEG_INFINITY;
        for tick in x.marks(&horizontal) {
            let at = horizontal.at(tick.value);
            let half = text_width(&tick.label, SMALL, false) / 2.0;
            // Marks at the right end stay on the paper.
            let centre = at.min(room.right + 14.0 - half);
            scene.line(&[(at, vertical.from), (at, vertical.from + 4.0)], Ink::Axis, 1.0);
            if !tick.label.is_empty() && centre - half > taken + 6.0 {
                let place = (centre, vertical.from + 13.0);
                scene.text(place, tick.label, SMALL, Ink::Muted, Anchor::Middle);
                taken = centre + half;
            }
        }
        scene.line(&[(left, vertical.from), (room.right, vertical.from)], Ink::Axis, 1.25);
        let middle = f64::midpoint(left, room.right);
        let words = fit(&x.label, room.right - left, SMALL, false);
        scene.text((middle, room.bottom - 8.0), words, SMALL, Ink::Text, Anchor::Middle);
        Panel { x: horizontal, y: vertical }
    }

    /// Where [`Panel::draw`] will have its axes: for what lies behind them.
    pub(super) fn place(room: Room, x: &AxisSpec, y: &AxisSpec, gutter: f64) -> Panel {
        let below = BELOW + if x.label.is_empty() { 0.0 } else { 17.0 };
        let vertical = y.scale((room.bottom - below, room.top + ABOVE));
        let left = room.left + gutter.max(gutter_of(&y.marks(&vertical)));
        Panel { x: x.scale((left, room.right)), y: vertical }
    }

    /// Room that a vertical axis needs for its marks.
    pub(super) fn gutter(y: &AxisSpec, room: Room) -> f64 {
        gutter_of(&y.marks(&y.scale((room.bottom - BELOW, room.top + ABOVE))))
    }

    /// A value pair on paper.
    pub(super) fn at(&self, x: f64, y: f64) -> Xy {
        (self.x.at(x), self.y.at(y))
    }
}

fn gutter_of(ticks: &[Tick]) -> f64 {
    ticks.iter().map(|tick| text_width(&tick.label, SMALL, false)).fold(0.0, f64::max) + 9.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_and_long_sentences_wrap() {
        let cut = fit("a rather long title of a chart", 80.0, 13.0, false);
        assert!(cut.ends_with('…') && text_width(&cut, 13.0, false) <= 80.0, "{cut}");
        let lines = wrap("one two three four five six seven", 90.0, (13.0, false), 9);
        assert!(lines.len() > 1 && lines.iter().all(|line| text_width(line, 13.0, false) <= 90.0));
        assert!(!lines.iter().any(|line| line.ends_with('…')));
        let lines = wrap("one two three four five six seven", 90.0, (13.0, false), 2);
        assert!(lines.len() == 2 && lines[1].ends_with('…') && lines[1].starts_with("three"), "{lines:?}");
    }

    #[test]
    fn rooms_divide_without_overlap() {
        let room = Room { left: 0.0, top: 0.0, right: 100.0, bottom: 50.0 };
        let columns = room.columns(3, 5.0);
        assert_eq!((columns[0].right, columns[1].left, columns[2].right), (30.0, 35.0, 100.0));
        let rows = room.rows(2, 10.0);
        assert_eq!((rows[0].bottom, rows[1].top, rows[1].bottom), (20.0, 30.0, 50.0));
    }
}
