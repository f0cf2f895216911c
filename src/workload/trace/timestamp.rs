//! Calendar times as traces write them: `2023-11-16 18:17:03.9799600`, with a space or a `T`, up to nine digits of
//! a second, and `Z` or an offset such as `+01:00` at the end; or compact, `20231116T181703Z`. A time without an offset is taken as UTC; only
//! differences count. Leap seconds (`:60`) are refused: a run's clock has none.

const SECONDS_PER_DAY: i64 = 86_400;

/// Nanoseconds since 1970 (UTC).
pub(super) fn parse(text: &str) -> Result<i128, String> {
    let text = text.trim();
    let fault = |reason: &str| format!("\"{text}\" is not a timestamp: {reason}");
    let mut cursor = Cursor(text.as_bytes());
    let shape = "it must look like YYYY-MM-DD hh:mm:ss";
    // Without its separators a date is told from a number by the `T` alone.
    let compact = text.as_bytes().get(8).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'));
    let marks = if compact { (None, None) } else { (Some(b'-'), Some(b':')) };
    let date = cursor.triple(4, marks.0).ok_or_else(|| fault(shape))?;
    if !cursor.eat(b' ') && !cursor.eat(b'T') && !cursor.eat(b't') {
        return Err(fault(shape));
    }
    let clock = cursor.triple(2, marks.1).ok_or_else(|| fault(shape))?;
    let (year, month, day) = date;
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
