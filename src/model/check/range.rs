//! Ranges of an axis: numbers, durations, rates and percentages, evenly spaced or by equal factors.

use super::super::document::{Node, Place, Value};
use super::experiment::POINTS_MAX;
use crate::quantity;

/// How the values of a range are spaced.
pub(super) struct Spacing<'n> {
    pub(super) step: Option<&'n Node>,
    pub(super) points: Option<u32>,
    pub(super) log: bool,
}

/// What is wrong with a range.
#[derive(Debug)]
pub(super) struct RangeFault {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) label: String,
    pub(super) hint: String,
}

/// What a range is of.
#[derive(Clone, Debug, PartialEq)]
enum Measure {
    Whole,
    Number,
    /// A text: a number before this unit.
    Unit(String),
}

/// The values from one to the other, both included where the step reaches the last.
pub(super) fn values(from: &Node, to: &Node, spacing: &Spacing<'_>) -> Result<Vec<Node>, RangeFault> {
    let (first, measure) = read(from)?;
    let (last, other) = read(to)?;
    let fault = |place: Place, message: &str, label: String, hint: &str| RangeFault {
        place,
        message: String::from(message),
        label,
        hint: String::from(hint),
    };
    let measure = match (&measure, &other) {
        (Measure::Unit(one), Measure::Unit(two)) if kind_of(one) == kind_of(two) => measure,
        (Measure::Unit(_), _) | (_, Measure::Unit(_)) => {
            let hint = "give both in units of one kind";
            return Err(fault(
                to.place,
                "the ends of the range do not fit",
                String::from("another kind of value"),
                hint,
            ));
        }
        (Measure::Whole, Measure::Whole) => Measure::Whole,
        _ => Measure::Number,
    };
    let numbers = match (spacing.step, spacing.points) {
        (Some(step), _) => {
            let (distance, _) = read(step)?;
            let count = (last - first) / distance;
            if count.is_finite() && count >= POINTS_MAX as f64 {
                let label = format!("{} values", count.floor() + 1.0);
                let hint = format!("an experiment has at most {POINTS_MAX} points: give a larger step");
                return Err(fault(step.place, "the range has too many values", label, &hint));
            }
            if !(count >= 0.0 && count.is_finite()) {
                let hint = "the step must lead from the first value to the last";
                return Err(fault(step.place, "the range has no end", String::from("wrong step"), hint));
            }
            let whole = matches!(read(step)?.1, Measure::Whole) && measure == Measure::Whole;
            let measure = if whole || measure != Measure::Whole { measure.clone() } else { Measure::Number };
            // The allowance keeps 0.1 + 0.2 from missing 0.3.
            let steps = (count + 1e-9).floor() as u32;
            let list: Vec<f64> = (0..=steps).map(|index| first + f64::from(index) * distance).collect();
            return Ok(nodes(&list, &measure, from.place));
        }
        (None, Some(points)) => spaced(first, last, points, spacing.log).ok_or_else(|| {
            fault(
                from.place,
                "equal factors need values above zero",
                String::from("not above zero"),
                "leave `log` out",
            )
        })?,
        (None, None) if measure == Measure::Whole && last >= first && last - first < POINTS_MAX as f64 => {
            (first as i64..=last as i64).map(|number| number as f64).collect()
        }
        (None, None) => {
            let hint = "give `step` or `points`";
            return Err(fault(
                from.place,
                "the range does not say its values",
                String::from("how far apart?"),
                hint,
            ));
        }
    };
    Ok(nodes(&numbers, &measure, from.place))
}

fn spaced(first: f64, last: f64, points: u32, log: bool) -> Option<Vec<f64>> {
    let share = |index: u32| f64::from(index) / f64::from(points - 1);
    if !log {
        return Some((0..points).map(|index| first + (last - first) * share(index)).collect());
    }
    (first > 0.0 && last > 0.0)
        .then(|| (0..points).map(|index| first * libm::pow(last / first, share(index))).collect())
}

/// Durations, rates and percentages have no common range.
fn kind_of(unit: &str) -> u8 {
    match unit {
        "%" => 0,
        unit if unit.contains('/') => 1,
        _ => 2,
    }
}

/// A value in its measure's unit; units of time are read as seconds first.
fn read(node: &Node) -> Result<(f64, Measure), RangeFault> {
    let refused = |message: String, hint: String| RangeFault {
        place: node.place,
        message,
        label: String::from("not a value of a range"),
        hint,
    };
    match &node.value {
        Value::Integer(number) => Ok((*number as f64, Measure::Whole)),
        Value::Float(number) if number.is_finite() => Ok((*number, Measure::Number)),
        Value::Text(text) if text.trim_end().ends_with('%') => match quantity::parse_percent(text) {
            Ok(share) => Ok((share, Measure::Unit(String::from("%")))),
            Err(error) => Err(refused(error.message, error.hint)),
        },
        Value::Text(text) => {
            let read =
                if text.contains('/') { quantity::parse_rate(text) } else { quantity::parse_duration(text) };
            let value = read.map_err(|error| refused(error.message, error.hint))?;
            Ok((value, Measure::Unit(unit_of(text.trim()))))
        }
        other => {
            let hint = "a range goes from one number, duration, rate or percentage to another";
            Err(refused(format!("a range cannot begin or end with {}", other.describe()), String::from(hint)))
        }
    }
}

/// The unit that a text ends with; of a duration in several units, seconds.
fn unit_of(text: &str) -> String {
    if let Some((_, unit)) = text.split_once('/') {
        return format!("/{}", unit.trim());
    }
    let letters = |c: char| c.is_alphabetic();
    let unit: String = text.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or("s").into();
    let several = text.trim_end_matches(letters).contains(letters);
    if several { String::from("s") } else { unit }
}

fn nodes(numbers: &[f64], measure: &Measure, place: Place) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(numbers.len());
    for &number in numbers {
        let value = match measure {
            Measure::Whole => Value::Integer(number.round() as i128),
            Measure::Number => Value::Float(tidy(number)),
            Measure::Unit(unit) => Value::Text(format!("{}{unit}", tidy(number / size_of(unit)))),
        };
        // Rounding to whole numbers may make neighbours equal.
        if nodes.last().is_none_or(|last| last.value != value) {
            nodes.push(Node { value, place });
        }
    }
    nodes
}

/// How much one of a unit is.
fn size_of(unit: &str) -> f64 {
    let one = format!("1{unit}");
    let read = match kind_of(unit) {
        0 => quantity::parse_percent(&one),
        1 => quantity::parse_rate(&one),
        _ => quantity::parse_duration(&one),
    };
    read.unwrap_or(1.0)
}

/// A number with nine significant digits: what a person would have written.
fn tidy(number: f64) -> f64 {
    format!("{number:.8e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::document::{Origin, parse_table};

    fn range(
        from: &str,
        to: &str,
        more: &str,
        points: Option<u32>,
        log: bool,
    ) -> Result<Vec<String>, RangeFault> {
        let (table, _) = parse_table(&format!("from = {from}\nto = {to}\n{more}"), Origin::File, 0);
        let spacing = Spacing { step: table.get("step"), points, log };
        let values = values(table.get("from").unwrap(), table.get("to").unwrap(), &spacing)?;
        Ok(values.iter().map(|node| super::super::experiment::display(&node.value)).collect())
    }

    #[test]
    fn ranges_are_what_a_person_would_have_written() {
        assert_eq!(range("2", "5", "", None, false).unwrap(), ["2", "3", "4", "5"]);
        assert_eq!(
            range("\"60s\"", "\"2m\"", "step = \"20s\"", None, false).unwrap(),
            ["60s", "80s", "100s", "120s"]
        );
        assert_eq!(range("0.1", "0.3", "step = 0.1", None, false).unwrap(), ["0.1", "0.2", "0.3"]);
        assert_eq!(range("\"5%\"", "\"15%\"", "", Some(3), false).unwrap(), ["5%", "10%", "15%"]);
        assert_eq!(range("\"1/s\"", "\"100/s\"", "", Some(3), true).unwrap(), ["1/s", "10/s", "100/s"]);
        assert_eq!(range("1", "4", "", Some(9), true).unwrap(), ["1", "2", "3", "4"]);
    }

    #[test]
    fn ranges_that_make_no_sense_are_refused() {
        for (from, to, more) in [
            ("1", "\"2s\"", ""),
            ("\"1s\"", "\"2/s\"", "step = \"1s\""),
            ("1", "5", "step = -1"),
            ("1", "5", "step = 0"),
            ("\"1s\"", "\"5s\"", ""),
            ("true", "5", ""),
        ] {
            assert!(range(from, to, more, None, false).is_err(), "{from} {to} {more}");
        }
        assert!(range("0", "5", "", Some(3), true).is_err());
    }
}
