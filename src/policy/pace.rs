//! The sending rate of a client that adapts to throttling: AWS SDKs, retry mode "adaptive".
//!
//! Source: botocore, `retries/adaptive.py`, `bucket.py` and `throttling.py`. The client measures how many answers it
//! gets per second (in steps of half a second, smoothed by 0.8). After the first throttled attempt each send takes a
//! token from a bucket; its rate is cut to 0.7 of the rate at which a throttled answer came, and grows again with the
//! cube of the time since then (CUBIC, scale 0.4), at most to twice the measured rate. An attempt that finds no token
//! reserves the next one, where the original sleeps and looks again.

use crate::time::{Span, Time};

/// Weight of the newest half second in the measured rate.
const SMOOTHING: f64 = 0.8;
/// Half seconds per second.
const STEPS: f64 = 2.0;
/// What is left of the rate after a throttled answer.
const CUT: f64 = 0.7;
/// Steepness of the growth.
const SCALE: f64 = 0.4;
/// Slowest rate, per second.
const RATE_MIN: f64 = 0.5;

/// The limiter of one client.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Whether an attempt has been throttled yet.
    on: bool,
    /// Answers per second, smoothed, and those of the present step.
    measured: f64,
    count: f64,
    step: f64,
    /// Rate and instant of the last throttled answer.
    peak: f64,
    cut_at: f64,
    /// The bucket: tokens per second, its size, what is in it (below zero: reserved), as of when.
    rate: f64,
    size: f64,
    tokens: f64,
    filled: f64,
}

impl Pace {
    pub(super) fn new() -> Pace {
        Pace {
            on: false,
            measured: 0.0,
            count: 0.0,
            step: 0.0,
            peak: 0.0,
            cut_at: 0.0,
            rate: 1.0,
            size: 1.0,
            tokens: 0.0,
            filled: 0.0,
        }
    }

    /// How long the attempt that is to be sent now must wait for its token, which it takes.
    pub(super) fn wait(&mut self, now: Time) -> Span {
        if !self.on {
            return Span::ZERO;
        }
        self.fill(now.secs());
        self.tokens -= 1.0;
        Span::from_secs((-self.tokens / self.rate).max(0.0))
    }

    /// An attempt has ended.
    pub(super) fn answered(&mut self, now: Time, throttled: bool) {
        let now = now.secs();
        self.measure(now);
        let goal = if throttled {
            let rate = if self.on { self.measured.min(self.rate) } else { self.measured };
            (self.on, self.peak, self.cut_at) = (true, rate, now);
            CUT * rate
        } else {
            let flat = libm::cbrt(self.peak * (1.0 - CUT) / SCALE);
            let grown = now - self.cut_at - flat;
            SCALE * grown * grown * grown + self.peak
        };
        self.fill(now);
        let goal = goal.min(2.0 * self.measured);
        self.rate = goal.max(RATE_MIN);
        self.size = goal.max(1.0);
        self.tokens = self.tokens.min(self.size);
    }

    fn measure(&mut self, now: f64) {
        self.count += 1.0;
        let step = (now * STEPS).floor() / STEPS;
        if step > self.step {
            let recent = self.count / (step - self.step);
            self.measured = SMOOTHING * recent + (1.0 - SMOOTHING) * self.measured;
            (self.count, self.step) = (0.0, step);
        }
    }

    fn fill(&mut self, now: f64) {
        self.tokens = (self.tokens + self.rate * (now - self.filled)).min(self.size);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: f64) -> Time {
        Time::ZERO + Span::from_secs(secs)
    }

    #[test]
    fn throttling_cuts_the_rate_and_good_answers_let_it_grow() {
        let mut pace = Pace::new();
        // Ten answers a second for five seconds; nothing is held back.
        for tenth in 1..=50 {
            assert_eq!(pace.wait(at(f64::from(tenth) / 10.0)), Span::ZERO);
            pace.answered(at(f64::from(tenth) / 10.0), false);
        }
        assert!((pace.measured - 10.0).abs() < 1.0, "{}", pace.measured);
        pace.answered(at(5.05), true);
        let cut = pace.rate;
        assert!((cut - 0.7 * pace.measured).abs() < 1e-9);
        // The bucket starts as full as it had become; then one token comes each 1 / rate seconds.
        while pace.wait(at(5.05)) == Span::ZERO {}
        let (first, second) = (pace.wait(at(5.05)).secs(), pace.wait(at(5.05)).secs());
        assert!((second - first - 1.0 / cut).abs() < 1e-6, "{first} {second}");
        for tenth in 51..=90 {
            pace.answered(at(f64::from(tenth) / 10.0), false);
        }
        assert!(pace.rate > cut);
    }
}
