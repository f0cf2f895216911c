//! The points of a sweep as a grid: which settings differ, which of them are numbers, and where a point lies.

use super::scale::Tick;
use super::sheet::AxisSpec;
use crate::experiment::record::{Point, Record, World};
use crate::experiment::verdict::overall;
use crate::experiment::{Judgement, RegimeFound, Unit};
use crate::quantity;
use crate::report::figure;
use serde_json::Value;

/// A setting that differs between points.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    /// What it is called on paper.
    pub(super) label: String,
    /// The path that it sets; empty where points are told apart by their labels alone.
    pub(super) path: String,
    /// Its values as written, in the order of the axis.
    pub(super) names: Vec<String>,
    /// Its values as numbers, if all are.
    pub(super) numbers: Option<Vec<f64>>,
    /// Unit of the numbers.
    pub(super) unit: Unit,
}

/// A sweep's points by axis.
#[derive(Clone, Debug)]
pub(super) struct Grid<'a> {
    /// The axes.
    pub(super) axes: Vec<Axis>,
    /// Each point with its index along each axis.
    pub(super) cells: Vec<(Vec<usize>, &'a Point)>,
    /// The chosen point's index along each axis.
    pub(super) chosen: Option<Vec<usize>>,
}

/// A setting's value as people write it.
pub(super) fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The number behind a setting.
fn number(value: &Value) -> Option<(f64, Unit)> {
    match value {
        Value::Number(number) => number.as_f64().map(|number| (number, Unit::Number)),
        Value::String(text) => quantity::parse_duration(text)
            .map(|seconds| (seconds, Unit::Seconds))
            .or_else(|_| quantity::parse_rate(text).map(|rate| (rate, Unit::PerSecond)))
            .or_else(|_| quantity::parse_percent(text).map(|share| (share, Unit::Ratio)))
            .ok(),
        _ => None,
    }
}

/// "slots of generation" for `pool.generation.slots`.
pub(super) fn label(path: &str) -> String {
    let mut parts = path.rsplit('.').map(|part| part.replace('_', " "));
    match (parts.next(), parts.next(), parts.next()) {
        (Some(what), Some(whose), Some(_)) => format!("{what} of {whose}"),
        (Some(what), Some(whose), None) => format!("{whose} {what}"),
        (what, _, _) => what.unwrap_or_default(),
    }
}

/// The simulated points of a record.
pub(super) fn simulated(record: &Record) -> impl Iterator<Item = &Point> {
    record.points.iter().filter(|point| point.world == World::Simulated)
}

/// The worlds that a picture of a replay sets side by side, each by its word: what was predicted and what happened.
/// None where a record has simulated points alone.
pub(super) fn worlds(record: &Record) -> Vec<(&Point, &'static str)> {
    let of = |world: World, word| {
        record.points.iter().find(|point| point.world == world).map(|point| (point, word))
    };
    let Some(real) = of(World::Real, "real") else { return Vec::new() };
    of(World::Simulated, "simulated").into_iter().chain([real]).collect()
}

/// ", simulated and real": the worlds that a picture shows, for its title.
pub(super) fn in_words<'a>(worlds: impl IntoIterator<Item = &'a str>) -> String {
    let worlds: Vec<&str> = worlds.into_iter().collect();
    if worlds.is_empty() { String::new() } else { format!(", {}", worlds.join(" and ")) }
}

impl<'a> Grid<'a> {
    /// The grid of a record with several points.
    pub(super) fn of(record: &'a Record) -> Option<Grid<'a>> {
        let points: Vec<&Point> = simulated(record).collect();
        if points.len() < 2 {
            return None;
        }
        let mut paths: Vec<&str> = Vec::new();
        for (path, _) in points.iter().flat_map(|point| &point.settings) {
            if !paths.contains(&path.as_str()) {
                paths.push(path);
            }
        }
        let mut axes: Vec<(Axis, Vec<usize>)> = Vec::new();
        for path in paths {
            let Some((mut axis, places)) = axis(path, &points) else { continue };
            if let Some(named) = record.study.axes.iter().find(|one| one.key == path) {
                axis.label.clone_from(&named.name);
            }
            // Settings that move together are one axis, named by the first.
            if axis.names.len() > 1 && !axes.iter().any(|(_, known)| together(known, &places)) {
                axes.push((axis, places));
            }
        }
        if axes.is_empty() {
            axes.push(by_label(&points));
        }
        let place = |index: usize| axes.iter().map(|(_, places)| places[index]).collect::<Vec<usize>>();
        let cells: Vec<_> = points.iter().enumerate().map(|(index, point)| (place(index), *point)).collect();
        let chosen = record.chosen.and_then(|chosen| {
            cells.iter().find(|(_, point)| point.index == chosen).map(|(place, _)| place.clone())
        });
        Some(Grid { axes: axes.into_iter().map(|(axis, _)| axis).collect(), cells, chosen })
    }

    /// Points along axis `x` by axis `by`, where all further axes stand as at the chosen (else the first) point.
    pub(super) fn slice(&self, x: usize, by: Option<usize>) -> Vec<Vec<Option<&'a Point>>> {
        let lines = by.map_or(1, |by| self.axes[by].names.len());
        let mut rows = vec![vec![None; self.axes[x].names.len()]; lines];
        for (place, point) in &self.cells {
            let others = (0..self.axes.len()).filter(|axis| *axis != x && Some(*axis) != by);
            if others.into_iter().all(|axis| place[axis] == self.fixed(axis)) {
                rows[by.map_or(0, |by| place[by])][place[x]] = Some(*point);
            }
        }
        rows
    }

    fn fixed(&self, axis: usize) -> usize {
        let anchor = self.chosen.as_ref().or(self.cells.first().map(|(place, _)| place));
        anchor.map_or(0, |place| place[axis])
    }

    /// Where axes other than these stand, for a subtitle.
    pub(super) fn where_fixed(&self, shown: &[usize]) -> String {
        let others = (0..self.axes.len()).filter(|axis| !shown.contains(axis));
        let one =
            |axis: usize| format!("{} {}", self.axes[axis].label, self.axes[axis].names[self.fixed(axis)]);
        others.map(one).collect::<Vec<_>>().join(", ")
    }
}

/// The axis of a path and each point's place on it; `None` where a point does not set it.
fn axis(path: &str, points: &[&Point]) -> Option<(Axis, Vec<usize>)> {
    let values: Vec<&Value> = points
        .iter()
        .map(|point| point.settings.iter().find(|(name, _)| name == path).map(|(_, value)| value))
        .collect::<Option<_>>()?;
    let mut distinct: Vec<&Value> = Vec::new();
    for value in &values {
        if !distinct.contains(value) {
            distinct.push(value);
        }
    }
    let mut numbers: Option<Vec<(f64, Unit)>> = distinct.iter().map(|value| number(value)).collect();
    if numbers.as_ref().is_some_and(|numbers| numbers.iter().any(|number| number.1 != numbers[0].1)) {
        numbers = None;
    }
    if let Some(numbers) = &mut numbers {
        let mut order: Vec<usize> = (0..distinct.len()).collect();
        order.sort_by(|a, b| numbers[*a].0.total_cmp(&numbers[*b].0));
        distinct = order.iter().map(|index| distinct[*index]).collect();
        *numbers = order.iter().map(|index| numbers[*index]).collect();
    }
    let places =
        values.iter().map(|value| distinct.iter().position(|one| one == value).unwrap_or(0)).collect();
    let unit = numbers.as_ref().map_or(Unit::Number, |numbers| numbers[0].1);
    let name = |(index, value): (usize, &&Value)| match (&numbers, unit) {
        (Some(numbers), Unit::Seconds | Unit::PerSecond | Unit::Ratio) => {
            figure::plain(unit, numbers[index].0)
        }
        _ => written(value),
    };
    let names = distinct.iter().enumerate().map(name).collect();
    let numbers = numbers.map(|numbers| numbers.into_iter().map(|number| number.0).collect());
    Some((Axis { label: label(path), path: path.to_owned(), names, numbers, unit }, places))
}

fn together(one: &[usize], other: &[usize]) -> bool {
    let pairs = one.iter().zip(other);
    pairs.clone().all(|(a, b)| pairs.clone().all(|(c, d)| (a == c) == (b == d)))
}

/// Points that no setting tells apart, by their labels.
fn by_label(points: &[&Point]) -> (Axis, Vec<usize>) {
    let name = |point: &&Point| {
        if point.label.is_empty() { format!("point {}", point.index) } else { point.label.clone() }
    };
    let names: Vec<String> = points.iter().map(name).collect();
    let places = (0..points.len()).collect();
    let label = String::from("variant");
    (Axis { label, path: String::new(), names, numbers: None, unit: Unit::Number }, places)
}

impl Axis {
    /// The value at a place, for a drawing: its number, or its place where it has none.
    pub(super) fn value(&self, place: usize) -> f64 {
        self.numbers.as_ref().map_or(place as f64, |numbers| numbers[place])
    }

    /// The axis on paper: a mark at every value, logarithmic where values span more than a factor of 30.
    pub(super) fn spec(&self) -> AxisSpec {
        let count = self.names.len();
        let ticks =
            (0..count).map(|place| Tick { value: self.value(place), label: self.names[place].clone() });
        let ticks = Some(ticks.collect());
        let (low, high) = (self.value(0), self.value(count - 1));
        let spec = if self.numbers.is_some() && low > 0.0 && high / low > 30.0 {
            AxisSpec { exact: true, ..AxisSpec::log(self.unit, vec![low * 0.9, high * 1.1], &self.label) }
        } else {
            let room = if high > low { (high - low) * 0.04 } else { 1.0 };
            AxisSpec::span(self.unit, low - room, high + room, &self.label)
        };
        AxisSpec { ticks, ..spec }
    }
}

/// What a cell is, as to its objectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// All met.
    Met,
    /// One missed.
    Missed,
    /// Not enough data.
    Undecided,
    /// Load exceeds capacity.
    Unstable,
    /// No objectives.
    Unjudged,
}

/// The state of a point.
pub(super) fn state(point: &Point) -> State {
    if matches!(point.regime, RegimeFound::Unstable { .. }) {
        return State::Unstable;
    }
    match overall(&point.verdicts) {
        Some(Judgement::Met) => State::Met,
        Some(Judgement::Missed) => State::Missed,
        Some(Judgement::Undecided) => State::Undecided,
        None => State::Unjudged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_like_words() {
        let rows = [
            ("pool.generation.slots", "slots of generation"),
            ("load.rate", "load rate"),
            ("slots", "slots"),
            ("pool.a.service_timeout", "service timeout of a"),
        ];
        for (path, words) in rows {
            assert_eq!(label(path), words);
        }
    }

    #[test]
    fn settings_that_move_together_are_one_axis() {
        assert!(together(&[0, 1, 2, 0], &[2, 0, 1, 2]));
        assert!(!together(&[0, 1, 0, 1], &[0, 0, 1, 1]));
    }
}
