//! Little's law as a self-check: what was there over time is what each one stayed, added up.
//!
//! Over a window, the integral of the number present equals the sum of the stays, but for those who were there
//! before the window or are still there after it (Little 1961; Stidham 1974 for sample paths). Both sides are
//! whole nanoseconds, so the only tolerance is what those at the borders can account for; with an empty start and
//! nobody left it is zero.

use super::tally::Replication;
use crate::outcome::Outcome;
use crate::time::{NANOS, Span};
use std::fmt;

/// Both sides of the law over one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Length of the window.
    pub length: Span,
    /// Integral of the number present, nanoseconds.
    pub present: u128,
    /// Sum of the whole stays of those who came within the window and have left, nanoseconds.
    pub stays: u128,
    /// How many were there when the window began.
    pub before: u64,
    /// How many of those who came within it had not left when it ended, whether or not their stays are counted.
    pub after: u64,
    /// The longest stay counted: bounds what lies outside the window.
    pub longest: Span,
}

/// The law does not hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// Time average of the number present.
    pub mean_present: f64,
    /// Arrival rate times mean stay.
    pub rate_times_stay: f64,
    /// Largest difference that the borders explain.
    pub tolerance: f64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gap { mean_present, rate_times_stay, tolerance } = self;
        write!(f, "Little's law: {mean_present} in flight, but rate times stay is {rate_times_stay}")?;
        write!(f, " (borders explain {tolerance})")
    }
}

/// Checks the law over a window.
///
/// # Errors
/// The [`Gap`], if the two sides differ by more than those at the borders can account for.
pub fn check(window: &Window) -> Result<(), Gap> {
    let length = u128::from(window.length.nanos());
    // Those present before add at most the window each. Those left over add at most the window each where their
    // stays are not counted, and lack at most the longest stay each where they are.
    let more = u128::from(window.before + window.after) * length;
    let less = u128::from(window.after) * u128::from(window.longest.nanos());
    let (present, stays) = (window.present, window.stays);
    if present <= stays + more && stays <= present + less {
        return Ok(());
    }
    let per_window = |nanos: u128| nanos as f64 / length.max(1) as f64;
    Err(Gap {
        mean_present: per_window(present),
        rate_times_stay: per_window(stays),
        tolerance: per_window(if present > stays { more } else { less }),
    })
}

/// Checks requests in flight against their latencies over a whole replication, which begins empty. Requests that
/// are unfinished at the end are the only slack.
///
/// # Errors
/// The [`Gap`], if the law does not hold.
pub fn check_replication(run: &Replication) -> Result<(), Gap> {
    let mut window = Window {
        length: Span::from_nanos(run.end.nanos()),
        present: 0,
        stays: 0,
        before: 0,
        after: 0,
        longest: Span::ZERO,
    };
    for segment in &run.segments {
        window.present += segment.in_flight;
        for tally in &segment.classes {
            window.stays += tally.latency_ok.sum + tally.latency_failed.sum;
            window.after += tally.outcomes[Outcome::Unfinished as usize];
        }
    }
    check(&window)
}

/// Arrival rate times mean stay, in the unit of a number present.
pub fn expected_present(stays: u128, length: Span) -> f64 {
    if length == Span::ZERO { 0.0 } else { stays as f64 / NANOS / length.secs() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{ClassTally, Segment};
    use crate::time::Time;

    /// Three requests: [0, 4], [1, 3] and [5, beyond the end at 10], in seconds.
    fn run() -> Replication {
        let mut tally = ClassTally { sent: 3, ..ClassTally::default() };
        tally.latency_ok.record(Span::from_whole_secs(4));
        tally.latency_failed.record(Span::from_whole_secs(2));
        tally.outcomes[Outcome::Unfinished as usize] = 1;
        let in_flight = u128::from(Span::from_whole_secs(4 + 2 + 5).nanos());
        let end = Time::ZERO + Span::from_whole_secs(10);
        let segment = Segment { end, classes: vec![tally], in_flight, ..Segment::default() };
        Replication { end, segments: vec![segment], ..Replication::default() }
    }

    #[test]
    fn the_unfinished_explain_the_difference() {
        assert_eq!(check_replication(&run()), Ok(()));
    }

    #[test]
    fn without_them_a_nanosecond_is_noticed() {
        let mut run = run();
        run.segments[0].classes[0].outcomes[Outcome::Unfinished as usize] = 0;
        run.segments[0].in_flight = u128::from(Span::from_whole_secs(6).nanos());
        assert_eq!(check_replication(&run), Ok(()));
        run.segments[0].in_flight += 1;
        let gap = check_replication(&run).unwrap_err();
        assert_eq!(gap.tolerance, 0.0);
        assert!(gap.to_string().starts_with("Little's law: 0.6"), "{gap}");
        run.segments[0].in_flight -= 2;
        assert!(check_replication(&run).is_err());
    }

    #[test]
    fn a_window_in_the_middle_allows_for_its_borders() {
        // Window [2, 8]: present 2 + 1 + 3; only the third came within it, and stays 7 in all.
        let secs = |n: u64| u128::from(Span::from_whole_secs(n).nanos());
        let mut window = Window {
            length: Span::from_whole_secs(6),
            present: secs(6),
            stays: secs(7),
            before: 2,
            after: 1,
            longest: Span::from_whole_secs(7),
        };
        assert_eq!(check(&window), Ok(()));
        window.stays = secs(14);
        assert!(check(&window).is_err());
        assert_eq!(expected_present(secs(12), Span::from_whole_secs(6)), 2.0);
    }
}
