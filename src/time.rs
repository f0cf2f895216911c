//! Instants and spans of virtual time, in whole nanoseconds.
//!
//! Integers make ties exact and sums associative, so a run has the same fingerprint on every machine.
//! An instant is bounded by [`Time::HORIZON_MAX`] so that calendars may pack a small index beside it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// An instant: nanoseconds since the start of a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

/// A length of time in nanoseconds; never negative. [`Span::NEVER`] stands for "no limit".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(u64);

/// Nanoseconds in a second.
pub const NANOS: f64 = 1e9;

impl Time {
    /// The start of a run.
    pub const ZERO: Time = Time(0);
    /// Later than every instant of a run.
    pub const NEVER: Time = Time(u64::MAX);
    /// The last instant that a run may reach: 2^57 ns, about four and a half years.
    pub const HORIZON_MAX: Time = Time(1 << 57);

    /// The instant `nanos` nanoseconds after the start.
    #[inline(always)]
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// Nanoseconds since the start.
    #[inline(always)]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start.
    #[inline(always)]
    pub fn secs(self) -> f64 {
        self.0 as f64 / NANOS
    }

    /// The time that has passed since `earlier`; zero if `earlier` is later.
    #[inline(always)]
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The time that has passed since `earlier`, of which it is known that it is not later.
    #[inline(always)]
    pub fn after(self, earlier: Time) -> Span {
        debug_assert!(earlier <= self, "{earlier:?} is later than {self:?}");
        Span(self.0.wrapping_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// Longer than every run.
    pub const NEVER: Span = Span(u64::MAX);

    /// A span of `nanos` nanoseconds.
    #[inline(always)]
    pub const fn from_nanos(nanos: u64) -> Span {
        Span(nanos)
    }

    /// A span of whole milliseconds.
    pub const fn from_millis(millis: u64) -> Span {
        Span(millis * 1_000_000)
    }

    /// A span of whole seconds.
    pub const fn from_whole_secs(secs: u64) -> Span {
        Span(secs * 1_000_000_000)
    }

    /// Rounds seconds to the nearest nanosecond; negative and NaN become zero, too long becomes [`Span::NEVER`].
    #[inline(always)]
    pub fn from_secs(secs: f64) -> Span {
        // Through `i64`, because processors convert to signed words; `as` saturates. The half rounds half up.
        let nanos = (secs * NANOS + 0.5) as i64;
        // One comparison finds what is negative as well as what is near the limit.
        if (nanos as u64) < 1 << 62 { Span(nanos as u64) } else { Span::near_limit(nanos) }
    }

    #[cold]
    const fn near_limit(nanos: i64) -> Span {
        match nanos {
            ..=0 => Span::ZERO,
            i64::MAX => Span::NEVER,
            _ => Span(nanos as u64),
        }
    }

    /// Nanoseconds.
    #[inline(always)]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Seconds; infinite for [`Span::NEVER`].
    #[inline(always)]
    pub fn secs(self) -> f64 {
        if self.is_never() { f64::INFINITY } else { self.0 as f64 / NANOS }
    }

    /// Whether the span is [`Span::NEVER`].
    #[inline(always)]
    pub const fn is_never(self) -> bool {
        self.0 == u64::MAX
    }

    /// The span multiplied by a factor that is not negative, rounded to a nanosecond; `NEVER` stays.
    pub fn scaled(self, factor: f64) -> Span {
        if self.is_never() { self } else { Span((self.0 as f64 * factor + 0.5) as u64) }
    }
}

impl Add<Span> for Time {
    type Output = Time;
    #[inline(always)]
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl Add for Span {
    type Output = Span;
    #[inline(always)]
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    #[inline(always)]
    fn add_assign(&mut self, other: Span) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Span;
    #[inline(always)]
    fn sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Time::NEVER { write!(f, "never") } else { write!(f, "{}s", self.secs()) }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_never() { write!(f, "never") } else { write!(f, "{}s", self.secs()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_to_the_nearest_nanosecond() {
        assert_eq!(Span::from_secs(1.5e-9).nanos(), 2);
        assert_eq!(Span::from_secs(0.25).nanos(), 250_000_000);
        assert_eq!(Span::from_secs(-1.0), Span::ZERO);
        assert_eq!(Span::from_secs(f64::NAN), Span::ZERO);
        assert_eq!(Span::from_secs(f64::INFINITY), Span::NEVER);
    }

    #[test]
    fn seconds_of_every_size_are_cut_as_plain_casts_cut_them() {
        let plain = |secs: f64| match (secs * NANOS + 0.5) as i64 {
            ..=0 => Span::ZERO,
            i64::MAX => Span::NEVER,
            nanos => Span(nanos as u64),
        };
        let edges = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE, f64::EPSILON];
        let sizes = (-80..80).flat_map(|power| {
            let size = libm::ldexp(1e-9, power);
            [1.0, 1.5, 1.999_999_9, 0.5, 2.5, 1.0 - f64::EPSILON / 2.0, 1.0 + f64::EPSILON]
                .map(|part| size * part)
        });
        for secs in edges.into_iter().chain(sizes).flat_map(|secs| [secs, -secs]) {
            assert_eq!(Span::from_secs(secs), plain(secs), "{secs:e} s");
        }
    }

    #[test]
    fn never_absorbs_additions() {
        assert_eq!(Time::from_nanos(5) + Span::NEVER, Time::NEVER);
        assert_eq!(Span::NEVER + Span::from_nanos(1), Span::NEVER);
        assert_eq!(Time::from_nanos(5).since(Time::from_nanos(9)), Span::ZERO);
    }
}
