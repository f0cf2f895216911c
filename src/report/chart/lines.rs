//! Lines with interval bands: the drawing that most charts share.

use super::palette::Ink;
use super::scene::{Hit, Scene, Xy};
use super::sheet::{Key, Panel, Swatch};
use crate::stats::Estimate;

/// A value of a line; without `y` the line has a gap there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spot {
    pub(super) x: f64,
    pub(super) y: Option<f64>,
    /// Interval.
    pub(super) ends: Option<(f64, f64)>,
    /// What hovering it says.
    pub(super) say: String,
    /// Whether the value has no limit there.
    pub(super) unstable: bool,
    /// The point of the record that it stands for.
    pub(super) point: Option<u64>,
}

impl Spot {
    /// An estimate with its interval.
    pub(super) fn estimate(x: f64, estimate: &Estimate) -> Spot {
        let known = estimate.value.is_finite();
        let ends = known && estimate.n > 1 && !estimate.low.is_nan() && !estimate.high.is_nan();
        Spot {
            x,
            y: known.then_some(estimate.value),
            ends: ends.then_some((estimate.low, estimate.high)),
            ..Spot::default()
        }
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) ink: Ink,
    /// Shape of its markers, if it has any.
    pub(super) shape: Option<u8>,
    pub(super) dashed: bool,
    pub(super) spots: Vec<Spot>,
}

impl Line {
    /// Its entry in the legend.
    pub(super) fn key(&self) -> Key {
        let swatch = if self.dashed { Swatch::Dashes(self.ink) } else { Swatch::Line(self.ink, self.shape) };
        Key(swatch, self.name.clone())
    }

    /// All its finite values, ends of intervals included.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let ends = |spot: &Spot| {
            // An interval that reaches below zero says nothing about what cannot be negative.
            let least = if spot.y? >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
            spot.ends.map(|(low, high)| [low.max(least), high])
        };
        let ends = self.spots.iter().filter_map(ends).flatten();
        self.spots.iter().filter_map(|spot| spot.y).chain(ends).filter(|value| value.is_finite())
    }

    /// Whether it has anything to show.
    pub(super) fn has_values(&self) -> bool {
        self.spots.iter().any(|spot| spot.y.is_some())
    }
}

/// Draws bands first, then lines, then markers, so that no band hides a line.
pub(super) fn draw(scene: &mut Scene, panel: &Panel, lines: &[Line]) {
    let alpha = if lines.len() > 4 { 0.10 } else { 0.18 };
    for line in lines {
        for run in runs(&line.spots, |spot| spot.y.is_some() && spot.ends.is_some()) {
            band(scene, panel, run, line.ink, alpha);
        }
    }
    for line in lines {
        for run in runs(&line.spots, |spot| spot.y.is_some()) {
            let path: Vec<Xy> = run.iter().filter_map(|spot| Some(panel.at(spot.x, spot.y?))).collect();
            if line.dashed {
                scene.dashed(&path, line.ink, 1.75, (6.0, 4.0));
            } else {
                scene.line(&path, line.ink, 2.0);
            }
        }
    }
    let (left, right) = (panel.x.from.min(panel.x.to), panel.x.from.max(panel.x.to));
    let first = scene.hits.len();
    for (index, line) in lines.iter().enumerate() {
        for spot in line.spots.iter().filter(|spot| spot.unstable) {
            let aside = aside(lines, index, spot.x);
            let at = ((panel.x.at(spot.x) + aside).clamp(left + 4.0, right - 4.0), panel.y.to + 7.0);
            scene.cross(at, 4.5, line.ink, 2.0);
            hit(scene, first, at, spot);
        }
        markers(scene, panel, first, line);
    }
}

/// How far a cross stands beside its place: crosses of several lines there stand beside each other, one alone does not.
fn aside(lines: &[Line], index: usize, x: f64) -> f64 {
    let there = |line: &Line| line.spots.iter().any(|spot| spot.unstable && spot.x == x);
    let before = lines[..index].iter().filter(|line| there(line)).count();
    let all = lines.iter().filter(|line| there(line)).count();
    (before as f64 - (all as f64 - 1.0) / 2.0) * 10.0
}

/// Stretches of neighbours that all pass.
fn runs(spots: &[Spot], pass: impl Fn(&Spot) -> bool) -> impl Iterator<Item = &[Spot]> {
    spots.chunk_by(move |a, b| pass(a) && pass(b)).filter(|run| !run.is_empty())
}

fn band(scene: &mut Scene, panel: &Panel, run: &[Spot], ink: Ink, alpha: f64) {
    let ends = || run.iter().filter_map(|spot| Some((spot.x, spot.ends?)));
    let upper = ends().map(|(x, (_, high))| panel.at(x, high));
    let lower = ends().rev().map(|(x, (low, _))| panel.at(x, low));
    scene.area(upper.chain(lower).collect(), ink, alpha);
}

fn markers(scene: &mut Scene, panel: &Panel, first: usize, line: &Line) {
    // A value without neighbours on a line without markers would be invisible.
    let lonely = line.spots.iter().filter(|spot| spot.y.is_some()).count() == 1;
    for spot in &line.spots {
        let Some(y) = spot.y else { continue };
        let at = panel.at(spot.x, y);
        if let Some(shape) = line.shape.or(lonely.then_some(0)) {
            if let Some((low, high)) = spot.ends {
                whisker(scene, panel, (spot.x, low, high), line.ink);
            }
            scene.marker(at, shape, 4.0, line.ink);
        }
        if !spot.say.is_empty() {
            hit(scene, first, at, spot);
        }
    }
}

/// Half the side of the square that says what a spot stands for.
const REACH: f64 = 8.0;

/// Lets a spot say something. Where another spot's square covers it, the reader could reach only one of the two: both
/// say both then.
fn hit(scene: &mut Scene, first: usize, (x, y): Xy, spot: &Spot) {
    let near = |hit: &Hit| {
        let (dx, dy) = (hit.from.0 + REACH - x, hit.from.1 + REACH - y);
        dx.abs() < REACH && dy.abs() < REACH
    };
    let mut text = spot.say.clone();
    for other in scene.hits[first..].iter_mut().filter(|hit| near(hit)) {
        let own = other.text.split("\n\n").next().unwrap_or_default().to_owned();
        text = format!("{text}\n\n{own}");
        other.text = format!("{}\n\n{}", other.text, spot.say);
    }
    scene.say((x - REACH, y - REACH), (x + REACH, y + REACH), text, spot.point);
}

fn whisker(scene: &mut Scene, panel: &Panel, (x, low, high): (f64, f64, f64), ink: Ink) {
    let (lower, upper) = (panel.at(x, low), panel.at(x, high));
    if lower.1 - upper.1 < 6.0 {
        return;
    }
    scene.line(&[lower, upper], ink, 1.25);
    for (at, y) in [lower, upper] {
        scene.line(&[(at - 3.0, y), (at + 3.0, y)], ink, 1.25);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_part_a_line() {
        let spot = |x: f64, y: Option<f64>| Spot { x, y, ..Spot::default() };
        let spots = [spot(0.0, Some(1.0)), spot(1.0, Some(2.0)), spot(2.0, None), spot(3.0, Some(1.0))];
        let lengths: Vec<usize> = runs(&spots, |spot| spot.y.is_some()).map(<[Spot]>::len).collect();
        assert_eq!(lengths, [2, 1, 1]);
    }

    #[test]
    fn a_cross_stands_aside_for_others_only() {
        let line = |unstable: &[f64]| {
            let spot = |&x: &f64| Spot { x, unstable: true, ..Spot::default() };
            let spots = unstable.iter().map(spot).collect();
            Line { name: String::new(), ink: Ink::Text, shape: None, dashed: false, spots }
        };
        let lines = [line(&[1.0, 2.0]), line(&[]), line(&[2.0])];
        assert_eq!(aside(&lines, 0, 1.0), 0.0);
        assert_eq!((aside(&lines, 0, 2.0), aside(&lines, 2, 2.0)), (-5.0, 5.0));
    }
}
