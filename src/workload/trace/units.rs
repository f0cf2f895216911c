//! Units of instants, and how the size of a number tells its own.

use super::instant;

/// What the numbers of a time column mean. Where they count from 1970, the earliest row arrives at the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds since the start of the run.
    Seconds,
    /// Milliseconds since the start of the run.
    Millis,
    /// Microseconds since the start of the run.
    Micros,
    /// Nanoseconds since the start of the run.
    Nanos,
    /// Calendar times such as `2023-11-16 18:17:03.9799600`, `2023/11/16 18:17:03` or `16/Nov/2023:18:17:03 +0000`; the earliest row arrives at the start of the run.
    Timestamp,
}

impl TimeUnit {
    /// Units of numbers: in seconds, and in words.
    const NUMBERS: [(TimeUnit, f64, &'static str); 4] = [
        (TimeUnit::Seconds, 1.0, "seconds"),
        (TimeUnit::Millis, 1e-3, "milliseconds"),
        (TimeUnit::Micros, 1e-6, "microseconds"),
        (TimeUnit::Nanos, 1e-9, "nanoseconds"),
    ];

    /// The unit of so many seconds.
    pub fn of_secs(secs: f64) -> Option<TimeUnit> {
        let same = |one: &&(TimeUnit, f64, &str)| (one.1 / secs - 1.0).abs() < 1e-9;
        TimeUnit::NUMBERS.iter().find(same).map(|one| one.0)
    }

    /// The unit, also in words, in which a number is an instant between 2001 and 2286: those of other units are a thousand
    /// times as large or as small.
    pub fn since_1970(number: f64) -> Option<(TimeUnit, &'static str)> {
        let is_now = |one: &&(TimeUnit, f64, &str)| (1e9..1e10).contains(&(number * one.1));
        TimeUnit::NUMBERS.iter().find(is_now).map(|one| (one.0, one.2))
    }

    /// So many units in nanoseconds. Whole ones are exact, as large as they are.
    pub(super) fn instant(self, value: f64) -> i128 {
        let nanos = self.nanos();
        value.trunc() as i128 * (nanos + 0.5) as i128 + (value.fract() * nanos + 0.5) as i128
    }

    pub(super) fn nanos(self) -> f64 {
        TimeUnit::NUMBERS.iter().find(|one| one.0 == self).map_or(1.0, |one| one.1 * 1e9)
    }
}

/// An instant as any file may write it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stamp {
    /// Nanoseconds since 1970, or since whatever the numbers of the file count from.
    pub nanos: i128,
    /// The unit that a number was taken for, in words; `None` for a calendar time.
    pub unit: Option<&'static str>,
}

/// An instant: a calendar time, or a number whose unit follows from its size (seconds where it is no instant since 1970).
///
/// # Errors
/// What is wrong with it.
pub fn stamp(text: &str) -> Result<Stamp, String> {
    let Some(number) = text.trim().parse::<f64>().ok().filter(|number| number.is_finite()) else {
        return instant(text).map(|nanos| Stamp { nanos, unit: None });
    };
    let (unit, word) = TimeUnit::since_1970(number).unwrap_or((TimeUnit::Seconds, "seconds"));
    Ok(Stamp { nanos: unit.instant(number), unit: Some(word) })
}
