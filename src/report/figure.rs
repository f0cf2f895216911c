//! One figure with its interval, as people read it: `12.3 s ±0.4`, `81 s [76, 93]`, `0.4 % [0, 1.2]`.
//!
//! Value and interval share one unit, chosen by the larger of value and half-width, and no digit is shown that the
//! interval does not carry: two digits of the half-width when it begins with 1 or 2, else one.

use crate::experiment::{Metric, Unit};
use crate::quantity;
use crate::stats::Estimate;

/// How many units of the scale make one of the stored unit, and its word.
struct Scale {
    factor: f64,
    word: &'static str,
}

/// The scale for a value of this size.
fn scale(unit: Unit, size: f64) -> Scale {
    let pick = |steps: &[(f64, f64, &'static str)]| {
        // A value that rounds up to the next step is shown in it: 59.96 s is 1 min.
        let found = steps.iter().find(|step| size * 1.0005 >= step.0).or(steps.last());
        found.map_or(Scale { factor: 1.0, word: "" }, |&(_, factor, word)| Scale { factor, word })
    };
    match unit {
        Unit::Seconds if size == 0.0 => Scale { factor: 1.0, word: " s" },
        Unit::Seconds => pick(&[
            (172_800.0, 1.0 / 86_400.0, " d"),
            (7200.0, 1.0 / 3600.0, " h"),
            // Up to two minutes seconds compare better with time-outs, which are written in seconds.
            (120.0, 1.0 / 60.0, " min"),
            (1.0, 1.0, " s"),
            (1e-3, 1e3, " ms"),
            (1e-6, 1e6, " µs"),
            (0.0, 1e9, " ns"),
        ]),
        Unit::SecondsSquared => Scale { factor: 1.0, word: " s²" },
        Unit::Ratio => Scale { factor: 100.0, word: " %" },
        Unit::PerSecond => pick(&[
            (1e6, 1e-6, " M/s"),
            (1e4, 1e-3, " k/s"),
            (0.05, 1.0, "/s"),
            (1e-3, 60.0, "/min"),
            (0.0, 3600.0, "/h"),
        ]),
        Unit::Count | Unit::Number => pick(&[(1e7, 1e-6, " M"), (1e5, 1e-3, " k"), (0.0, 1.0, "")]),
    }
}

/// A value without an interval: bounds, settings, axis marks.
pub fn plain(unit: Unit, value: f64) -> String {
    if !value.is_finite() {
        return quantity::significant(value);
    }
    let scale = scale(unit, value.abs());
    format!("{}{}", quantity::significant(value * scale.factor), scale.word)
}

/// A value in the unit that fits another one: the marks of an axis, which share the unit of its end.
pub fn plain_like(unit: Unit, value: f64, like: f64) -> String {
    let scale = scale(unit, like.abs());
    format!("{}{}", quantity::significant(value * scale.factor), scale.word)
}

/// A value with its interval; what did not scatter but for the last digits of floats stands alone.
pub fn with_interval(unit: Unit, estimate: &Estimate) -> String {
    if is_certain(estimate) {
        return plain(unit, estimate.value);
    }
    shown(estimate, scale(unit, size(estimate)))
}

fn is_certain(estimate: &Estimate) -> bool {
    estimate.half_width() <= 1e-9 * estimate.value.abs()
}

/// A time with its interval beside other times of up to `like`: in their unit, unless it would be lost in it.
pub fn with_interval_like(unit: Unit, estimate: &Estimate, like: f64) -> String {
    if is_certain(estimate) {
        return plain_beside(unit, estimate.value, like);
    }
    shown(estimate, scale(unit, shared(unit, size(estimate), like)))
}

/// The largest time among metrics, for [`with_interval_like`].
pub fn largest_time<'m>(metrics: impl Iterator<Item = &'m Metric>) -> f64 {
    let times = metrics.filter(|metric| metric.unit == Unit::Seconds && metric.estimate.value.is_finite());
    times.map(|metric| size(&metric.estimate)).fold(0.0, f64::max)
}

/// A time beside others of up to `like`, without an interval.
pub fn plain_beside(unit: Unit, value: f64, like: f64) -> String {
    plain_like(unit, value, shared(unit, value.abs(), like))
}

/// Smaller times than this share of those beside them have a unit of their own.
const LOST: f64 = 1e-4;

/// Above it times are told in minutes, of which nobody likes decimals: smaller ones beside them are told in seconds.
const SECONDS_MOST: f64 = 119.0;

/// The size whose unit is used: that of the neighbours, where units differ and the value can still be read.
fn shared(unit: Unit, size: f64, like: f64) -> f64 {
    if unit == Unit::Seconds && like.is_finite() && size >= LOST * like {
        like.min(SECONDS_MOST).max(size)
    } else {
        size
    }
}

/// What the unit is chosen by: a value that is small beside its interval is shown in the interval's unit.
fn size(estimate: &Estimate) -> f64 {
    let half = (estimate.high - estimate.low) / 2.0;
    if half.is_finite() { estimate.value.abs().max(half) } else { estimate.value.abs() }
}

fn shown(estimate: &Estimate, scale: Scale) -> String {
    if !estimate.value.is_finite() {
        return String::from("n/a");
    }
    let of = |value: f64| value * scale.factor;
    let (value, low, high) = (of(estimate.value), of(estimate.low), of(estimate.high));
    let half = (high - low) / 2.0;
    if half == 0.0 {
        return format!("{}{}", quantity::significant(value), scale.word);
    }
    if !half.is_finite() {
        return format!(
            "{}{} [{}, {}]",
            quantity::significant(value),
            scale.word,
            side(low, 3),
            side(high, 3)
        );
    }
    let decimals = decimals(half);
    let lopsided = (high + low - 2.0 * value).abs() > 0.2 * (high - low);
    if lopsided {
        let (value, low, high) = (fixed(value, decimals), side(low, decimals), side(high, decimals));
        return format!("{value}{} [{low}, {high}]", scale.word);
    }
    format!("{}{} ±{}", fixed(value, decimals), scale.word, fixed(half, decimals))
}

fn side(value: f64, decimals: usize) -> String {
    if value.is_finite() { fixed(value, decimals) } else { quantity::significant(value) }
}

/// A number with so many decimals, and no minus before a zero.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
    if zero { text.trim_start_matches('-').to_owned() } else { text }
}

/// Decimals that show one digit of a half-width, or two where the first is 1 or 2.
fn decimals(half: f64) -> usize {
    // The exponent is read off the decimal text: no logarithm, the same on every machine.
    let text = format!("{half:.1e}");
    let exponent: i32 = text.split('e').nth(1).and_then(|part| part.parse().ok()).unwrap_or(0);
    let second_digit = text.starts_with('1') || text.starts_with('2');
    usize::try_from(i32::from(second_digit) - exponent).unwrap_or(0).min(9)
}

/// A share of a whole with enough digits to tell a little from none.
pub fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 { quantity::format_percent(part / whole) } else { String::from("–") }
}

/// "1 point", "12 345 points".
pub fn counted(n: u64, word: &str) -> String {
    format!("{} {word}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A whole number in groups of three.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            // A narrow no-break space groups without looking like a decimal mark.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, low: f64, high: f64) -> Estimate {
        Estimate { value, low, high, n: 10, confidence: 0.95 }
    }

    #[test]
    fn a_figure_shows_the_digits_that_its_interval_carries() {
        let rows = [
            (Unit::Seconds, (12.3456, 11.93, 12.76), "12.3 s ±0.4"),
            (Unit::Seconds, (12.3456, 12.2, 12.49), "12.35 s ±0.15"),
            (Unit::Seconds, (81.0, 76.0, 93.0), "81 s [76, 93]"),
            (Unit::Seconds, (0.354, 0.352, 0.356), "354.0 ms ±2.0"),
            (Unit::Seconds, (300.0, 294.0, 306.0), "5.00 min ±0.10"),
            (Unit::Ratio, (0.004, 0.0, 0.012), "0.4 % [0.0, 1.2]"),
            (Unit::Ratio, (0.0, 0.0, 0.0038), "0.00 % [0.00, 0.38]"),
            (Unit::Count, (4.0, 4.0, 4.0), "4"),
            (Unit::PerSecond, (0.02, 0.019, 0.021), "1.20/min ±0.06"),
            (Unit::Seconds, (1.0, 0.5, f64::INFINITY), "1 s [0.500, ∞]"),
            (Unit::Seconds, (f64::NAN, 0.0, 0.0), "n/a"),
            (Unit::Seconds, (-0.0004, -0.0134, 0.0126), "0 ms ±13"),
            (Unit::PerSecond, (0.0, -3.7, 3.7), "0/s ±4"),
        ];
        for (unit, (value, low, high), text) in rows {
            assert_eq!(with_interval(unit, &estimate(value, low, high)), text);
        }
    }

    #[test]
    fn times_beside_each_other_share_a_unit_while_they_can_be_read() {
        let shown = |value: f64, low: f64, high: f64, like: f64| {
            with_interval_like(Unit::Seconds, &estimate(value, low, high), like)
        };
        assert_eq!(shown(0.1007, 0.1003, 0.1011, 38.9), "0.1007 s ±0.0004");
        assert_eq!(shown(0.0001, 0.00009, 0.00011, 38.9), "100 µs ±10");
        assert_eq!(shown(38.9, 37.8, 40.0, 38.9), "38.9 s ±1.1");
        assert_eq!(shown(0.0, 0.0, 0.0, 38.9), "0 s");
        assert_eq!(plain_beside(Unit::Seconds, 0.005, 90.0), "5 ms");
        assert_eq!(plain_beside(Unit::Seconds, 0.5, 900.0), "0.5 s");
        assert_eq!(plain_beside(Unit::Seconds, 0.5, 90.0), "0.5 s");
        assert_eq!(plain_beside(Unit::Ratio, 0.5, 90.0), "50 %");
    }

    #[test]
    fn one_of_a_thing_is_no_plural() {
        assert_eq!(
            (counted(1, "point"), counted(0, "point")),
            (String::from("1 point"), String::from("0 points"))
        );
    }

    #[test]
    fn whole_numbers_are_grouped() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(999), "999");
    }
}
