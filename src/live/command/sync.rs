//! The adapter's instants on our clock.
//!
//! Both clocks are monotonic and run at one rate or nearly so; what differs is where they begin. A question sent at
//! `a` and answered at `b` with the adapter's reading `t` says that `t` stood between `a` and `b`, so the offset is
//! known to half the round trip. Of the latest rounds a short one is believed, unless it is old. Questions go on during
//! the run, as two machines' clocks drift apart; where they do so by more than the rounds leave open, readings are
//! carried on at the rate at which they do.

use super::protocol::{self, Message};
use crate::live::clock::Clock;
use crate::time::{Span, Time};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Rounds that are remembered.
const REMEMBERED: usize = 16;

/// How much a second of age counts against a round, in seconds of its length: what clocks of two machines commonly drift.
const DRIFT: f64 = 1e-4;
/// Readings may be as coarse (s): what is less is no drift.
const GRAIN: f64 = 1e-3;

/// One round of question and answer.
#[derive(Clone, Copy)]
struct Round {
    /// The adapter's reading, in seconds.
    theirs: f64,
    /// The middle of the round by our clock.
    ours: Instant,
    /// Seconds from question to answer.
    length: f64,
}

impl Round {
    /// Seconds of our clock from another round to this one.
    fn after(&self, other: &Round) -> f64 {
        let passed = self.ours.saturating_duration_since(other.ours).as_secs_f64();
        passed - other.ours.saturating_duration_since(self.ours).as_secs_f64()
    }

    /// Seconds that the adapter's clock gained on ours from another round to this one.
    fn gained(&self, other: &Round) -> f64 {
        self.theirs - other.theirs - self.after(other)
    }
}

/// How the adapter's clock stands to ours.
pub(super) struct Sync {
    clock: Clock,
    rounds: VecDeque<Round>,
    asked: VecDeque<(u64, Instant)>,
    first: Option<Round>,
    /// What the adapter said before its clock was known.
    pub(super) early: Vec<(Instant, Message)>,
}

impl Sync {
    pub(super) fn new(clock: Clock) -> Sync {
        Sync { clock, rounds: VecDeque::new(), asked: VecDeque::new(), first: None, early: Vec::new() }
    }

    /// A question, to be sent at once.
    pub(super) fn ask(&mut self, n: u64, at: Instant) -> String {
        self.asked.push_back((n, at));
        protocol::sync(n)
    }

    /// Takes an answer in; one to a question that was never asked is none.
    pub(super) fn answer(&mut self, n: u64, t_ms: f64, at: Instant) -> bool {
        let Some(index) = self.asked.iter().position(|(asked, _)| *asked == n) else { return false };
        let (_, sent) = self.asked[index];
        self.asked.drain(..=index);
        let length = at.saturating_duration_since(sent);
        let round = Round { theirs: t_ms / 1e3, ours: sent + length / 2, length: length.as_secs_f64() };
        self.rounds.push_back(round);
        if self.rounds.len() > REMEMBERED {
            self.rounds.pop_front();
        }
        if self.rounds.len() == REMEMBERED && self.first.is_none() {
            self.first = self.best();
        }
        true
    }

    /// When the oldest question without an answer was asked.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.asked.front().map(|(_, at)| *at)
    }

    /// The round that is believed: short, and not long ago.
    fn best(&self) -> Option<Round> {
        let newest = self.rounds.back()?;
        let doubt = |round: &Round| round.length + DRIFT * newest.after(round);
        self.rounds.iter().copied().min_by(|a, b| doubt(a).total_cmp(&doubt(b)))
    }

    /// Seconds of the adapter's clock in one of ours about a round; 1 unless another round says surely otherwise.
    fn rate(&self, best: &Round) -> f64 {
        let doubt = |round: &Round| (round.length + best.length) / 2.0 + GRAIN;
        let share = |round: &Round| doubt(round) / best.after(round).abs();
        let others = self.rounds.iter().filter(|round| round.ours != best.ours);
        let Some(surest) = others.min_by(|a, b| share(a).total_cmp(&share(b))) else { return 1.0 };
        let gained = best.gained(surest);
        if gained.abs() <= doubt(surest) {
            return 1.0;
        }
        // No clock is worth following that far.
        (1.0 + gained / best.after(surest)).clamp(0.5, 2.0)
    }

    /// The round trip that is believed: the offset is known to half of it.
    pub(super) fn round_trip(&self) -> Span {
        Span::from_secs(self.best().map_or(0.0, |best| best.length * self.clock.speed()))
    }

    /// The instant of one of the adapter's readings.
    pub(super) fn at(&self, t_ms: f64) -> Option<Time> {
        let best = self.best()?;
        let after = (t_ms / 1e3 - best.theirs) / self.rate(&best);
        if !after.is_finite() || after.abs() > 1e9 {
            return None;
        }
        let span = Duration::from_secs_f64(after.abs());
        let reading = if after >= 0.0 { best.ours.checked_add(span) } else { best.ours.checked_sub(span) };
        reading.map(|reading| self.clock.at(reading))
    }

    /// Offset, uncertainty and drift, for the record.
    pub(super) fn remark(&self) -> String {
        let (Some(newest), Some(best)) = (self.rounds.back(), self.best()) else {
            return String::from("the adapter's clock was never heard");
        };
        // The nearest to the run's zero says how the clocks stood then, and the newest what became of it.
        let first = self.first.unwrap_or(best);
        let zero = self.clock.when(Time::ZERO);
        let ours = first.ours.saturating_duration_since(zero).as_secs_f64();
        let (offset, uncertainty) = ((first.theirs - ours) * 1e3, first.length / 2.0 * 1e3);
        let drift = newest.gained(&first) * 1e3;
        format!(
            "the adapter's clock: zero of the run at {offset:.3} ms, known to {uncertainty:.3} ms, moved by {drift:.3} ms during the run"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "a reading to count from")]
    fn base() -> Instant {
        Instant::now()
    }

    /// A round that began so many milliseconds after `zero`, took as long, and whose answer was read in its middle from a
    /// clock that gains a share on ours.
    fn round(sync: &mut Sync, zero: Instant, (n, at, length): (u64, f64, f64), gains: f64) {
        let ms = |ms: f64| Duration::from_secs_f64(ms / 1e3);
        sync.ask(n, zero + ms(at));
        assert!(sync.answer(n, 5e5 + (at + length / 2.0) * (1.0 + gains), zero + ms(at + length)));
    }

    /// Milliseconds that the instant of a reading is off, taken at `at` ms.
    fn off(sync: &Sync, zero: Instant, at: f64, gains: f64) -> f64 {
        let expected = sync.clock.at(zero + Duration::from_secs_f64(at / 1e3));
        let found = sync.at(5e5 + at * (1.0 + gains)).unwrap();
        (found.nanos() as f64 - expected.nanos() as f64) / 1e6
    }

    /// Sixteen quick rounds at first, then one every two seconds that takes longer.
    fn played(zero: Instant, gains: f64, (seconds, length): (u64, f64)) -> Sync {
        let mut sync = Sync::new(Clock::start(1.0));
        (0..16).for_each(|n| round(&mut sync, zero, (n, 1000.0 + n as f64, 0.03), gains));
        (1..=seconds / 2)
            .for_each(|n| round(&mut sync, zero, (15 + n, 1000.0 + 2e3 * n as f64, length), gains));
        sync
    }

    #[test]
    fn a_clock_that_drifts_is_followed_and_its_drift_told() {
        let zero = base();
        // Also where a busy machine makes later rounds so long that those of the start are believed.
        for (gains, length) in [(0.02, 0.4), (-0.02, 0.4), (0.02, 3.0)] {
            let sync = played(zero, gains, (20, length));
            // Just before the next round, 40 ms would be lost if the last reading were carried on as it stands.
            let off = off(&sync, zero, 22_990.0, gains);
            assert!(off.abs() < length, "{off} ms");
            let remark = sync.remark();
            let moved = remark.split("moved by ").nth(1).and_then(|rest| rest.split(' ').next());
            let moved: f64 = moved.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{remark}"));
            assert!((moved - gains * 20_000.0).abs() < 1.0, "{remark}");
        }
    }

    #[test]
    fn what_two_machines_commonly_drift_does_not_outlive_the_first_rounds() {
        let zero = base();
        // 0.9 ms in 30 s: less than readings may be coarse, and more than the rounds leave open.
        let sync = played(zero, 3e-5, (30, 0.4));
        assert!(off(&sync, zero, 31_500.0, 3e-5).abs() < 0.3);
        assert!((sync.remark().contains("moved by 0.9")), "{}", sync.remark());
        // Readings in whole milliseconds are no drift.
        let mut coarse = Sync::new(Clock::start(1.0));
        let ms = |ms: f64| Duration::from_secs_f64(ms / 1e3);
        for n in 0..8u32 {
            let at = f64::from(n) * 100.7;
            coarse.ask(u64::from(n), zero + ms(at));
            assert!(coarse.answer(u64::from(n), at.floor(), zero + ms(at + 0.02)));
        }
        assert_eq!(coarse.rate(&coarse.best().unwrap()), 1.0);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a reading to count from")]
    fn the_shortest_round_is_believed() {
        let zero = Instant::now();
        let ms = Duration::from_millis;
        let mut sync = Sync::new(Clock::start(1.0));
        sync.ask(0, zero + ms(1000));
        sync.ask(1, zero + ms(2000));
        assert!(sync.answer(0, 501_000.0, zero + ms(1400)));
        assert!(sync.answer(1, 502_005.0, zero + ms(2010)));
        assert!(!sync.answer(1, 0.0, zero + ms(2020)), "answered twice");
        let at = |t_ms| sync.at(t_ms).unwrap().nanos() as i64;
        // Reading 502,005 stood at 2,005 of ours.
        let expected = sync.clock.at(zero + ms(3005)).nanos() as i64;
        assert!((at(503_005.0) - expected).abs() < 1_000);
        assert_eq!(sync.at(f64::NAN), None);
        assert_eq!(sync.at(1e300), None);
    }
}
