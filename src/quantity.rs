//! Quantities as people write them: durations, rates, shares; and numbers as people read them.
//!
//! Reading is strict: a duration without a unit is refused, because "90" beside "120000" is how time-outs go
//! wrong. Units are only `ns us ms s m h d`, so that `5M` is never five months. Writing keeps three significant
//! digits and picks the unit: `354 ms`, `1.2 min`, `12 k/s`.

use crate::time::{Span, Time};

/// Why a text is not a quantity, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantityError {
    /// What is wrong.
    pub message: String,
    /// What helps.
    pub hint: String,
}

impl QuantityError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> QuantityError {
        QuantityError { message: message.into(), hint: hint.into() }
    }
}

impl std::fmt::Display for QuantityError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

impl std::error::Error for QuantityError {}

/// A unit of time: its word, and how many make a second, or how many seconds it has.
struct Unit {
    word: &'static str,
    per_second: f64,
    seconds: f64,
}

/// The units of time; sub-second ones divide, because `1 / 1e9` is exact to the last bit and `* 1e-9` is not.
static UNITS: [Unit; 7] = [
    Unit { word: "ns", per_second: 1e9, seconds: 1.0 },
    Unit { word: "us", per_second: 1e6, seconds: 1.0 },
    Unit { word: "ms", per_second: 1e3, seconds: 1.0 },
    Unit { word: "s", per_second: 1.0, seconds: 1.0 },
    Unit { word: "m", per_second: 1.0, seconds: 60.0 },
    Unit { word: "h", per_second: 1.0, seconds: 3600.0 },
    Unit { word: "d", per_second: 1.0, seconds: 86_400.0 },
];

/// The hint of every malformed duration.
pub const DURATION_HINT: &str =
    "write a number with a unit: ns, us, ms, s, m, h or d, such as \"90s\", \"250ms\", \"1.5h\" or \"2m30s\"";

/// The hint of every malformed rate.
pub const RATE_HINT: &str = "write a number per unit of time, such as \"12/s\", \"300/min\" or \"5/h\"";

/// The hint of every malformed share.
pub const SHARE_HINT: &str = "write a share such as 0.05 or \"5%\"";

/// Reads a duration such as `90s`, `250ms`, `1.5h` or `2m30s`, in seconds.
///
/// # Errors
/// When there is no number, no unit, an unknown unit, a sign, or more than [`Time::HORIZON_MAX`].
pub fn parse_duration(text: &str) -> Result<f64, QuantityError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(QuantityError::new("a duration is empty", DURATION_HINT));
    }
    if rest.starts_with('-') {
        return Err(QuantityError::new("a duration cannot be negative", DURATION_HINT));
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest);
        let amount = parse_number(number).ok_or_else(|| {
            QuantityError::new(format!("`{text}` is not a duration"), String::from(DURATION_HINT))
        })?;
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_alphabetic() && c != 'µ').unwrap_or(after.len());
        let (word, next) = after.split_at(letters);
        let unit = unit_of(word, text, number)?;
        // One of the two is 1, and both are whole, so there is one rounding.
        total += amount * unit.seconds / unit.per_second;
        rest = next.trim_start();
    }
    if total > Time::HORIZON_MAX.secs() {
        return Err(QuantityError::new(
            format!("`{text}` is too long"),
            "the longest duration is about 1667d (four and a half years)",
        ));
    }
    Ok(total)
}

/// The unit that `word` names.
fn unit_of(word: &str, text: &str, number: &str) -> Result<&'static Unit, QuantityError> {
    if word.is_empty() {
        let message = format!("`{text}` has no unit");
        return Err(QuantityError::new(
            message,
            format!("write \"{number}s\" for seconds or \"{number}ms\" for milliseconds"),
        ));
    }
    if let Some(unit) = UNITS.iter().find(|unit| unit.word == word) {
        return Ok(unit);
    }
    let meant = match word {
        "µs" | "usec" | "micros" => "us",
        "msec" | "millis" | "milliseconds" | "millisecond" | "MS" | "Ms" => "ms",
        "sec" | "secs" | "second" | "seconds" | "S" => "s",
        "min" | "mins" | "minute" | "minutes" | "M" => "m",
        "hr" | "hrs" | "hour" | "hours" | "H" => "h",
        "day" | "days" | "D" => "d",
        _ => return Err(QuantityError::new(format!("`{word}` is not a unit of time"), DURATION_HINT)),
    };
    Err(QuantityError::new(
        format!("`{word}` is not a unit of time here"),
        format!("write \"{number}{meant}\"; the units are ns, us, ms, s, m, h and d"),
    ))
}

/// Splits a text after its leading number.
fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len()))
}

/// Reads digits with at most one point; underscores group.
fn parse_number(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    let plain = digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.ends_with('.');
    if plain { digits.parse().ok().filter(|value: &f64| value.is_finite()) } else { None }
}

/// Reads a duration as a [`Span`].
///
/// # Errors
/// As [`parse_duration`].
pub fn parse_span(text: &str) -> Result<Span, QuantityError> {
    parse_duration(text).map(Span::from_secs)
}

/// Reads a rate such as `12/s`, `300/min`, `5/h` or `1.2k/s`, per second.
///
/// # Errors
/// When there is no number, no unit of time, a sign, or an infinite result.
pub fn parse_rate(text: &str) -> Result<f64, QuantityError> {
    let bad = || QuantityError::new(format!("`{text}` is not a rate"), RATE_HINT);
    let trimmed = text.trim();
    if trimmed.starts_with('-') {
        return Err(QuantityError::new("a rate cannot be negative", RATE_HINT));
    }
    let Some((amount, per)) = trimmed.split_once('/') else {
        let known = parse_number(trimmed).is_some();
        let hint =
            if known { format!("write \"{trimmed}/s\" for so many per second") } else { RATE_HINT.into() };
        return Err(QuantityError::new(format!("`{text}` has no unit"), hint));
    };
    let (number, scale) = split_number(amount.trim());
    let scale = match scale.trim() {
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        _ => return Err(bad()),
    };
    let seconds = match per.trim() {
        "s" | "sec" => 1.0,
        "min" | "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(bad()),
    };
    Ok(parse_number(number).ok_or_else(bad)? * scale / seconds)
}

/// Reads a percentage such as `5%` or `0.1 %`, as a ratio.
///
/// # Errors
/// When there is no number, a sign, or no `%`.
pub fn parse_percent(text: &str) -> Result<f64, QuantityError> {
    let bad = || QuantityError::new(format!("`{text}` is not a share"), SHARE_HINT);
    let number = text.trim().strip_suffix('%').ok_or_else(bad)?;
    Ok(parse_number(number.trim()).ok_or_else(bad)? / 100.0)
}

/// A number with three significant digits and no trailing zeros.
pub fn significant(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "n/a".into()
        } else if value > 0.0 {
            "∞".into()
        } else {
            "-∞".into()
        };
    }
    let rounded = round_3(value);
    if rounded == 0.0 { String::from("0") } else { format!("{rounded}") }
}

/// Rounds to three significant digits through the decimal text, which is the same on every machine.
fn round_3(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// Seconds as people read them: `354 ms`, `1.2 min`.
pub fn format_duration(seconds: f64) -> String {
    const STEPS: [(f64, f64, &str); 7] = [
        (86_400.0, 86_400.0, "d"),
        (3600.0, 3600.0, "h"),
        (60.0, 60.0, "min"),
        (1.0, 1.0, "s"),
        (1e-3, 1e-3, "ms"),
        (1e-6, 1e-6, "µs"),
        (0.0, 1e-9, "ns"),
    ];
    let rounded = round_3(seconds);
    if rounded == 0.0 {
        return String::from("0 s");
    }
    let size = rounded.abs();
    let (_, unit, word) = STEPS.into_iter().find(|step| size >= step.0).unwrap_or(STEPS[6]);
    let scale = |value: f64| if unit < 1.0 { value * (1.0 / unit) } else { value / unit };
    // What rounding has lifted over a unit's edge is shown as that unit, not as a little less of it.
    let scaled = if scale(seconds).abs() < 1.0 { scale(rounded) } else { scale(seconds) };
    format!("{} {word}", significant(scaled))
}

/// A span as people read it; `never` for [`Span::NEVER`].
pub fn format_span(span: Span) -> String {
    if span.is_never() { String::from("never") } else { format_duration(span.secs()) }
}

/// A number with a decimal prefix: `950`, `12 k`, `1.5 M`.
pub fn format_count(value: f64) -> String {
    let (number, prefix) = prefixed(value);
    if prefix.is_empty() { number } else { format!("{number} {prefix}") }
}

/// Events per second: `12/s`, `1.2 k/s`.
pub fn format_rate(per_second: f64) -> String {
    format!("{}/s", format_count(per_second))
}

/// A ratio as a percentage: `5 %`.
pub fn format_percent(ratio: f64) -> String {
    format!("{} %", significant(ratio * 100.0))
}

fn prefixed(value: f64) -> (String, &'static str) {
    let rounded = if value.is_finite() { round_3(value) } else { value };
    let steps = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match steps.into_iter().find(|step| rounded.is_finite() && rounded.abs() >= step.0) {
        Some((unit, prefix)) => (significant(value / unit), prefix),
        None => (significant(value), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_with_their_units() {
        let rows = [
            ("90s", 90.0),
            ("250ms", 0.25),
            ("1.5h", 5400.0),
            ("2m30s", 150.0),
            ("1h 30m", 5400.0),
            ("30ns", 3e-8),
            ("7 us", 7e-6),
            ("2d", 172_800.0),
            ("0s", 0.0),
            ("1_000ms", 1.0),
        ];
        for (text, seconds) in rows {
            assert_eq!(parse_duration(text), Ok(seconds), "{text}");
        }
        assert_eq!(parse_span("0.25ms"), Ok(Span::from_nanos(250_000)));
    }

    #[test]
    fn a_bare_number_is_refused_with_a_hint() {
        let error = parse_duration("90").unwrap_err();
        assert_eq!(error.message, "`90` has no unit");
        assert!(error.hint.contains("\"90s\""), "{}", error.hint);
        assert!(parse_rate("12").unwrap_err().hint.contains("\"12/s\""));
    }

    #[test]
    fn odd_durations_are_refused() {
        for text in [
            "", "-5s", "5M", "1e3s", "s", "1.s", "1..2s", "5 weeks", "NaN", "inf", "99999d", "2m30", "90 s 5",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(parse_duration("5M").unwrap_err().hint.contains("\"5m\""));
        assert!(parse_duration("3 min").unwrap_err().hint.contains("\"3m\""));
    }

    #[test]
    fn rates_and_shares_read() {
        assert_eq!(parse_rate("12/s"), Ok(12.0));
        assert_eq!(parse_rate("300/min"), Ok(5.0));
        assert_eq!(parse_rate("1.2 k/s"), Ok(1200.0));
        assert_eq!(parse_rate("3600 / h"), Ok(1.0));
        assert!(parse_rate("5/x").is_err() && parse_rate("-1/s").is_err() && parse_rate("/s").is_err());
        assert_eq!(parse_percent("5%"), Ok(0.05));
        assert_eq!(parse_percent("0.5 %"), Ok(0.005));
        assert!(parse_percent("5").is_err() && parse_percent("-5%").is_err());
    }

    #[test]
    fn numbers_are_written_for_people() {
        let rows = [
            (0.354, "354 ms"),
            (72.0, "1.2 min"),
            (0.9996, "1 s"),
            (59.97, "1 min"),
            (0.000_012_34, "12.3 µs"),
            (4e-9, "4 ns"),
            (5400.0, "1.5 h"),
            (200_000.0, "2.31 d"),
            (0.0, "0 s"),
            (-1.5, "-1.5 s"),
        ];
        for (seconds, text) in rows {
            assert_eq!(format_duration(seconds), text);
        }
        assert_eq!(format_rate(12_000.0), "12 k/s");
        assert_eq!(format_rate(0.25), "0.25/s");
        assert_eq!(format_count(999_950.0), "1 M");
        assert_eq!(format_percent(0.0123), "1.23 %");
        assert_eq!(format_span(Span::NEVER), "never");
        assert_eq!(significant(f64::NAN), "n/a");
    }
}
