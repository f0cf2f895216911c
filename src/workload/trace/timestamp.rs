//! Calendar times as traces write them: `2023-11-16 18:17:03.9799600`, with a space or a `T`, up to nine digits of
//! a second, and `Z` or an offset such as `+01:00` at the end; with slashes in the date; compact, `20231116T181703Z`; or as
//! web servers log them (Common Log Format), `16/Nov/2023:18:17:03 +0000`, also in brackets. A time without an offset is
//! taken as UTC; only differences count. Leap seconds (`:60`) are refused: a run's clock has none. So are dates whose day
//! and month could be either, `03/04/2024`, whatever other rows would tell of them.

const SECONDS_PER_DAY: i64 = 86_400;

/// What a calendar time may look like, for hints.
pub(super) const FORMS: &str =
    "such as 2023-11-16 18:17:03.9799600, 2023/11/16 18:17:03 or 16/Nov/2023:18:17:03 +0000";

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Nanoseconds since 1970 (UTC).
pub(super) fn parse(text: &str) -> Result<i128, String> {
    let text = text.trim();
    let fault = |reason: &str| format!("\"{text}\" is not a timestamp: {reason}");
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let shape = match has_year_last(bare) {
        true => "which of its numbers is the day and which the month cannot be told; write the year first",
        false => "it must look like YYYY-MM-DD hh:mm:ss",
    };
    let mut cursor = Cursor(bare.as_bytes());
    // Without its separators a date is told from a number by the `T` alone.
    let compact = cursor.0.get(8).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'));
    let (year, month, day) = cursor.date(compact).ok_or_else(|| fault(shape))?;
    let clock = cursor.triple(2, (!compact).then_some(b':')).ok_or_else(|| fault(shape))?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err(fault("there is no such day"));
    }
    let (hour, minute, second) = clock;
    if hour > 23 || minute > 59 || second > 59 {
        return Err(fault("there is no such time of day"));
    }
    let fraction = if cursor.eat(b'.') || cursor.eat(b',') {
        cursor.fraction().ok_or_else(|| fault("a second has one to nine decimal places"))?
    } else {
        0
    };
    let offset = cursor.offset().ok_or_else(|| fault("the offset must look like Z or +01:00"))?;
    let days = days_from_civil(year, month, day);
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    Ok(i128::from(seconds) * 1_000_000_000 + i128::from(fraction))
}

/// Whether a date begins with one or two digits twice, and a year, or what may be one, comes after them.
fn has_year_last(text: &str) -> bool {
    let mut parts = text.splitn(3, ['/', '-', '.']);
    let mut short = || parts.next().is_some_and(|part| part.len() <= 2 && part.parse::<u8>().is_ok());
    short() && short() && parts.next().is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((&first, rest)) if first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// A number of exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let value = digits
            .iter()
            .try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))?;
        self.0 = rest;
        Some(value)
    }

    /// Year, month and day, and the mark between them and the time of day.
    fn date(&mut self, compact: bool) -> Option<(i64, i64, i64)> {
        let (date, marks) = if self.0.get(3).is_some_and(u8::is_ascii_alphabetic) {
            (self.logged()?, &b": Tt"[..])
        } else {
            let slashes = self.0.get(4) == Some(&b'/');
            let mark = if slashes { b'/' } else { b'-' };
            (self.triple(4, (!compact).then_some(mark))?, &b" Tt"[..])
        };
        marks.iter().any(|&mark| self.eat(mark)).then_some(date)
    }

    /// A date such as `16/Nov/2023`.
    fn logged(&mut self) -> Option<(i64, i64, i64)> {
        let day = self.digits(2).filter(|_| self.eat(b'/'))?;
        let (name, rest) = self.0.split_at_checked(3)?;
        let month = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month.as_bytes()))?;
        self.0 = rest;
        let year = if self.eat(b'/') { self.digits(4)? } else { return None };
        Some((year, month as i64 + 1, day))
    }

    /// A first number and two of two digits, separated if anything does.
    fn triple(&mut self, first: usize, separator: Option<u8>) -> Option<(i64, i64, i64)> {
        let one = self.digits(first)?;
        let two = if separator.is_none_or(|mark| self.eat(mark)) { self.digits(2)? } else { return None };
        let three = if separator.is_none_or(|mark| self.eat(mark)) { self.digits(2)? } else { return None };
        Some((one, two, three))
    }

    /// One to nine digits, as nanoseconds.
    fn fraction(&mut self) -> Option<i64> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        let value = self.digits(count)?;
        Some(value * 10i64.pow(9 - count as u32))
    }

    /// The rest: nothing, `Z`, or hours and minutes east of UTC, in seconds.
    fn offset(&mut self) -> Option<i64> {
        while self.eat(b' ') {}
        if self.0.is_empty() {
            return Some(0);
        }
        if self.eat(b'Z') || self.eat(b'z') {
            return self.0.is_empty().then_some(0);
        }
        let sign = if self.eat(b'+') {
            1
        } else if self.eat(b'-') {
            -1
        } else {
            return None;
        };
        let hours = self.digits(2)?;
        let minutes = if self.eat(b':') || !self.0.is_empty() { self.digits(2)? } else { 0 };
        (self.0.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms"). Years begin in March, so that a leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read_in_every_common_form() {
        let rows = [
            ("1970-01-01 00:00:00", 0),
            ("2000-03-01T00:00:00Z", 951_868_800_000_000_000),
            ("2023-11-16 18:17:03.9799600", 1_700_158_623_979_960_000),
            ("2023-11-16T19:17:03.97996+01:00", 1_700_158_623_979_960_000),
            ("2023-11-16T13:47:03,979960000-0430", 1_700_158_623_979_960_000),
            ("20231116T181703.97996Z", 1_700_158_623_979_960_000),
            ("20231116T191703,97996+0100", 1_700_158_623_979_960_000),
            (" 2023-11-16 18:17:03.9799600 +00 ", 1_700_158_623_979_960_000),
            ("2024-02-29 23:59:59", 1_709_251_199_000_000_000),
            ("2023/11/16 18:17:03.97996", 1_700_158_623_979_960_000),
            ("2023/11/16T19:17:03,97996+01:00", 1_700_158_623_979_960_000),
            ("16/Nov/2023:18:17:03 +0000", 1_700_158_623_000_000_000),
            ("[16/Nov/2023:13:47:03.97996 -0430]", 1_700_158_623_979_960_000),
            ("29/feb/2024 23:59:59", 1_709_251_199_000_000_000),
            ("1969-12-31 23:59:59.5", -500_000_000),
        ];
        for (text, nanos) in rows {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn impossible_timestamps_are_explained() {
        let rows = [
            ("yesterday", "YYYY-MM-DD"),
            ("2023-11-16", "YYYY-MM-DD"),
            ("20231116 181703", "YYYY-MM-DD"),
            ("20231316T181703", "no such day"),
            ("2023-1-16 18:17:03", "YYYY-MM-DD"),
            ("2023-02-29 00:00:00", "no such day"),
            ("2023-13-01 00:00:00", "no such day"),
            ("2023-11-16 24:00:00", "no such time"),
            ("2023-11-16 18:17:60", "no such time"),
            ("2023-11-16 18:17:03.", "decimal places"),
            ("2023-11-16 18:17:03.1234567890", "decimal places"),
            ("2023-11-16 18:17:03 CET", "offset"),
            ("2023-11-16 18:17:03+1:00", "offset"),
            ("03/04/2024 12:00:05", "cannot be told; write the year first"),
            ("[3/4/2024:12:00:05]", "cannot be told; write the year first"),
            ("25.12.2024 12:00:05", "cannot be told; write the year first"),
            ("24/03/01 12:00:05", "cannot be told; write the year first"),
            ("2024/03-01 12:00:05", "YYYY-MM-DD"),
            ("2024/03/01", "YYYY-MM-DD"),
            ("2024/3/1 12:00:05", "YYYY-MM-DD"),
            ("2024/02/30 12:00:05", "no such day"),
            ("16/Nuv/2023:18:17:03 +0000", "YYYY-MM-DD"),
            ("31/Nov/2023:18:17:03 +0000", "no such day"),
            ("16/Nov/23:18:17:03 +0000", "YYYY-MM-DD"),
            ("[16/Nov/2023:18:17:03 +0000", "YYYY-MM-DD"),
        ];
        for (text, reason) in rows {
            let message = parse(text).unwrap_err();
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn every_day_has_the_next_number() {
        let mut expected = days_from_civil(1899, 12, 31);
        for year in 1900..2101 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    expected += 1;
                    assert_eq!(days_from_civil(year, month, day), expected);
                }
            }
        }
    }
}
