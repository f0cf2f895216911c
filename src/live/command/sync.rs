//! The adapter's instants on our clock.
//!
//! Both clocks are monotonic and run at one rate or nearly so; what differs is where they begin. A question sent at
//! `a` and answered at `b` with the adapter's reading `t` says that `t` stood between `a` and `b`, so the offset is
//! known to half the round trip. Of the latest rounds the shortest is believed. Questions go on during the run, as two
//! machines' clocks drift apart.

use super::protocol::{self, Message};
use crate::live::clock::Clock;
use crate::time::{Span, Time};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Rounds that are remembered.
const REMEMBERED: usize = 16;

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

    fn best(&self) -> Option<Round> {
        self.rounds.iter().copied().min_by(|a, b| a.length.total_cmp(&b.length))
    }

    /// The round trip that is believed: the offset is known to half of it.
    pub(super) fn round_trip(&self) -> Span {
        Span::from_secs(self.best().map_or(0.0, |best| best.length * self.clock.speed()))
    }

    /// The instant of one of the adapter's readings.
    pub(super) fn at(&self, t_ms: f64) -> Option<Time> {
        let best = self.best()?;
        let after = t_ms / 1e3 - best.theirs;
        if !after.is_finite() || after.abs() > 1e9 {
            return None;
        }
        let span = Duration::from_secs_f64(after.abs());
        let reading = if after >= 0.0 { best.ours.checked_add(span) } else { best.ours.checked_sub(span) };
        reading.map(|reading| self.clock.at(reading))
    }

    /// Offset, uncertainty and drift, for the record.
    pub(super) fn remark(&self) -> String {
        let Some(best) = self.best() else { return String::from("the adapter's clock was never heard") };
        let zero = self.clock.when(Time::ZERO);
        let ours = best.ours.saturating_duration_since(zero).as_secs_f64();
        let (offset, uncertainty) = ((best.theirs - ours) * 1e3, best.length / 2.0 * 1e3);
        let drift = self.first.map_or(0.0, |first| {
            let passed = if best.ours >= first.ours {
                best.ours.duration_since(first.ours).as_secs_f64()
            } else {
                -first.ours.duration_since(best.ours).as_secs_f64()
            };
            (best.theirs - first.theirs - passed) * 1e3
        });
        format!(
            "the adapter's clock: zero of the run at {offset:.3} ms, known to {uncertainty:.3} ms, moved by {drift:.3} ms during the run"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
