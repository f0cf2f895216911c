//! Shares compared: does one world fail as often as the other?
//!
//! For independent trials the difference of two shares has Newcombe's interval (method 10 of 1998: Wilson's limits
//! squared and added), which is sound for rare events; "any difference" is tested by Fisher exactly. Where both
//! worlds saw the *same* requests, the pairs that ended differently say all there is to say: Tango's score interval
//! (1998) holds its level even when no pair differs, where others shrink to a point.
//!
//! Trials of one run are dependent when outcomes come in bursts. [`Shares::thinned`] takes them for fewer.
//!
//! Sources: Newcombe, "Interval estimation for the difference between independent proportions" (1998); Tango,
//! "Equivalence test and confidence interval for the difference in proportions for the paired-sample design" (1998);
//! Fisher (1935); Wilson (1927).

use super::equivalence::{Equivalence, Judged, student_quantile, student_tail};
use super::estimate::Estimate;

/// Two shares of independent trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Hits of the first (the reference).
    pub first_hits: f64,
    /// Its trials.
    pub first_trials: f64,
    /// Hits of the second.
    pub second_hits: f64,
    /// Its trials.
    pub second_trials: f64,
}

impl Shares {
    /// Whole counts.
    pub const fn new(first: (u64, u64), second: (u64, u64)) -> Shares {
        Shares {
            first_hits: first.0 as f64,
            first_trials: first.1 as f64,
            second_hits: second.0 as f64,
            second_trials: second.1 as f64,
        }
    }

    /// The same shares of fewer trials, each side divided by how inefficient its trials are.
    #[must_use]
    pub fn thinned(self, first: f64, second: f64) -> Shares {
        let (a, b) = (first.max(1.0), second.max(1.0));
        Shares {
            first_hits: self.first_hits / a,
            first_trials: self.first_trials / a,
            second_hits: self.second_hits / b,
            second_trials: self.second_trials / b,
        }
    }

    /// Second minus first.
    pub fn difference(&self) -> f64 {
        self.second_hits / self.second_trials - self.first_hits / self.first_trials
    }

    /// Newcombe's interval.
    pub fn interval(&self, confidence: f64) -> Estimate {
        let z = student_quantile(0.5 + confidence / 2.0, f64::INFINITY);
        let (low, high) = self.limits(z);
        let n = (self.first_trials + self.second_trials) as u64;
        Estimate { value: self.difference(), low, high, n, confidence }
    }

    fn limits(&self, z: f64) -> (f64, f64) {
        let (p, q) = (self.first_hits / self.first_trials, self.second_hits / self.second_trials);
        let (pl, pu) = wilson(p, self.first_trials, z);
        let (ql, qu) = wilson(q, self.second_trials, z);
        let square = |a: f64, b: f64| (a * a + b * b).sqrt();
        (q - p - square(q - ql, pu - p), q - p + square(qu - q, p - pl))
    }

    /// Two one-sided tests against a margin, by the interval; its probabilities are those at which the interval's end
    /// would touch the margin.
    pub fn judge(&self, margin: f64, confidence: f64) -> Judged {
        if self.first_trials < 1.0 || self.second_trials < 1.0 {
            return Judged::undecided(f64::NAN, 0, margin, confidence);
        }
        let ends = |z: f64| self.limits(z);
        let p_any = fisher(
            (self.first_hits.round() as u64, self.first_trials.round() as u64),
            (self.second_hits.round() as u64, self.second_trials.round() as u64),
        );
        by_interval(&ends, self.interval(confidence), margin, p_any)
    }
}

/// Requests that both worlds saw, by whether each world counts them as a hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairedShares {
    /// Hits of the first alone.
    pub first_only: u64,
    /// Hits of the second alone.
    pub second_only: u64,
    /// All pairs.
    pub pairs: u64,
}

impl PairedShares {
    /// Second minus first.
    pub fn difference(&self) -> f64 {
        (self.second_only as f64 - self.first_only as f64) / self.pairs as f64
    }

    /// Tango's score statistic of a true difference `delta`.
    fn score(&self, delta: f64) -> f64 {
        // In the words of the paper: b - c estimates n times the difference.
        let (n, b, c) = (self.pairs as f64, self.second_only as f64, self.first_only as f64);
        let (a2, a1, a0) = (2.0 * n, -b - c + (2.0 * n - b + c) * delta, -c * delta * (1.0 - delta));
        let q = ((a1 * a1 - 4.0 * a2 * a0).max(0.0).sqrt() - a1) / (2.0 * a2);
        let variance = n * (2.0 * q + delta * (1.0 - delta));
        let above = b - c - n * delta;
        if variance > 0.0 {
            above / variance.sqrt()
        } else if above == 0.0 {
            0.0
        } else {
            above.signum() * f64::INFINITY
        }
    }

    /// Where the score statistic equals `z`: it falls with the difference.
    fn limit(&self, z: f64) -> f64 {
        let (mut low, mut high) = (-1.0, 1.0);
        for _ in 0..100 {
            let middle = (low + high) / 2.0;
            if self.score(middle) > z {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low + high) / 2.0
    }

    /// Tango's interval.
    pub fn interval(&self, confidence: f64) -> Estimate {
        let z = student_quantile(0.5 + confidence / 2.0, f64::INFINITY);
        let (low, high) = (self.limit(z), self.limit(-z));
        Estimate { value: self.difference(), low, high, n: self.pairs, confidence }
    }

    /// Two one-sided tests against a margin. Any difference at all is tested exactly: of the pairs that differ, half
    /// would go either way.
    pub fn judge(&self, margin: f64, confidence: f64) -> Judged {
        if self.pairs == 0 {
            return Judged::undecided(f64::NAN, 0, margin, confidence);
        }
        let apart = self.first_only + self.second_only;
        let p_any = binomial_half(self.first_only.min(self.second_only), apart);
        let ends = |z: f64| (self.limit(z), self.limit(-z));
        by_interval(&ends, self.interval(confidence), margin, p_any)
    }
}

/// A verdict from an interval whose ends at critical value `z` are known.
fn by_interval(ends: &dyn Fn(f64) -> (f64, f64), difference: Estimate, margin: f64, p_any: f64) -> Judged {
    let level = 1.0 - difference.confidence;
    // The smallest z at which an interval that starts within (or beyond) the margin reaches it.
    let reach = |holds: &dyn Fn((f64, f64)) -> bool| {
        let (mut low, mut high) = (0.0, 40.0);
        if !holds(ends(1e-9)) {
            return 0.5;
        }
        for _ in 0..80 {
            let middle = (low + high) / 2.0;
            if holds(ends(middle)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        student_tail(low, f64::INFINITY)
    };
    let within = reach(&|(low, high)| -margin <= low && high <= margin);
    let beyond = reach(&|(low, high)| low > margin || high < -margin);
    // Started outside, the one-sided probability is above a half; how far does not matter.
    let p_equivalent = if within == 0.5 { 1.0 } else { within };
    let p_beyond = if beyond == 0.5 { 1.0 } else { 2.0 * beyond };
    let verdict = if p_equivalent <= level {
        Equivalence::Equivalent
    } else if p_beyond <= level {
        Equivalence::Different
    } else {
        Equivalence::Undecided
    };
    Judged { verdict, difference, margin, p_equivalent, p_beyond, p_any }
}

/// Wilson's limits for a share of `n` trials.
fn wilson(share: f64, n: f64, z: f64) -> (f64, f64) {
    let zz = z * z;
    let middle = (share + zz / (2.0 * n)) / (1.0 + zz / n);
    let half = z / (1.0 + zz / n) * (share * (1.0 - share) / n + zz / (4.0 * n * n)).sqrt();
    let low = if share <= 0.0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if share >= 1.0 { 1.0 } else { (middle + half).min(1.0) };
    (low, high)
}

/// Fisher's exact two-sided probability that two shares (hits, trials) differ so much by chance: the sum over all
/// tables that are no likelier than the one seen.
pub fn fisher(first: (u64, u64), second: (u64, u64)) -> f64 {
    let (hits, trials) = (first.0 + second.0, first.1 + second.1);
    let chosen = |n: u64, k: u64| log_choose(n as f64, k as f64);
    let whole = chosen(trials, hits);
    let mass = |k: u64| chosen(first.1, k) + chosen(second.1, hits - k) - whole;
    let seen = mass(first.0.min(first.1));
    let (from, to) = (hits.saturating_sub(second.1), hits.min(first.1));
    // Tables as likely as the one seen may differ in their last digits.
    let likely = (from..=to).map(mass).filter(|mass| *mass <= seen + 1e-7).map(libm::exp);
    likely.sum::<f64>().min(1.0)
}

/// Exact two-sided probability of at most `fewer` heads, or as few tails, in `n` throws of a fair coin.
fn binomial_half(fewer: u64, n: u64) -> f64 {
    let mass = |k: u64| libm::exp(log_choose(n as f64, k as f64) - n as f64 * std::f64::consts::LN_2);
    (2.0 * (0..=fewer).map(mass).sum::<f64>()).min(1.0)
}

fn log_choose(n: f64, k: f64) -> f64 {
    libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    #[test]
    fn newcombe_gave_these_limits() {
        // Newcombe (1998), table II, method 10: examples (a), (b), (d) of p1 - p2; ours is second minus first.
        for (one, two, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((5, 56), (0, 29), -0.0381, 0.1926),
        ] {
            let interval = Shares::new(two, one).interval(0.95);
            close(interval.low, low, 6e-5);
            close(interval.high, high, 6e-5);
        }
    }

    #[test]
    fn fisher_and_the_lady_tasting_tea() {
        // Three of four against one of four: 34/70. A perfect taster: 2/70.
        close(fisher((3, 4), (1, 4)), 34.0 / 70.0, 1e-9);
        close(fisher((4, 4), (0, 4)), 2.0 / 70.0, 1e-9);
        close(fisher((0, 10), (0, 20)), 1.0, 1e-9);
        // 1 of 10 against 6 of 6: (10 + 0) / C(16, 7).
        close(fisher((1, 10), (6, 6)), 10.0 / 11_440.0, 1e-9);
    }

    #[test]
    fn pairs_that_never_differ_bound_the_difference() {
        // Without a pair that differs the score limits are z^2 / (n + z^2), as Wilson's of none.
        let same = PairedShares { first_only: 0, second_only: 0, pairs: 50 };
        let interval = same.interval(0.95);
        close(interval.high, 3.841_459 / 53.841_459, 1e-6);
        close(interval.low, -interval.high, 1e-9);
        assert_eq!(same.judge(0.1, 0.95).verdict, Equivalence::Equivalent);
        assert_eq!(same.judge(0.01, 0.95).verdict, Equivalence::Undecided);
        assert_eq!(PairedShares::default().judge(0.1, 0.95).verdict, Equivalence::Undecided);
        // Sign test: of 6 that differ all go one way: 2 / 64.
        let apart = PairedShares { first_only: 6, second_only: 0, pairs: 100 };
        close(apart.judge(0.01, 0.95).p_any, 2.0 / 64.0, 1e-12);
    }

    #[test]
    fn tango_holds_the_truth_where_pairs_seldom_differ() {
        // 2 % fail in the first world alone, 1 % in the second alone.
        let held = (0..1000u64).filter(|&set| {
            let mut stream = Streams::new(31, set).stream(Purpose::Search, 0);
            let mut pairs = PairedShares { pairs: 300, ..PairedShares::default() };
            for _ in 0..300 {
                let u = stream.unit();
                pairs.first_only += u64::from(u < 0.02);
                pairs.second_only += u64::from((0.02..0.03).contains(&u));
            }
            let interval = pairs.interval(0.95);
            interval.low <= -0.01 && -0.01 <= interval.high
        });
        let held = held.count();
        assert!((930..=975).contains(&held), "{held} of 1000");
    }

    #[test]
    fn equal_shares_on_the_margin_are_seldom_called_equivalent() {
        let equivalent = |shift: f64| {
            let judged = (0..1000u64).filter(|&set| {
                let mut stream = Streams::new(32, set).stream(Purpose::Search, 0);
                let mut hits = |share: f64| (0..400).filter(|_| stream.chance(share)).count() as u64;
                let shares = Shares::new((hits(0.1), 400), (hits(0.1 + shift), 400));
                shares.judge(0.08, 0.95).verdict == Equivalence::Equivalent
            });
            judged.count()
        };
        let wrong = equivalent(0.08);
        assert!((25..=75).contains(&wrong), "{wrong} of 1000");
        assert!(equivalent(0.0) > 950);
        // The probability is that of the verdict.
        let judged = Shares::new((40, 400), (44, 400)).judge(0.05, 0.95);
        let narrow = Shares::new((40, 400), (44, 400)).interval(1.0 - 2.0 * judged.p_equivalent);
        close(narrow.high, 0.05, 1e-6);
        let far = Shares::new((10, 400), (90, 400)).judge(0.05, 0.95);
        assert_eq!(far.verdict, Equivalence::Different);
        assert!(far.p_any < 1e-12 && far.p_beyond < 1e-6);
        // Fewer independent trials say less.
        let thinned = Shares::new((40, 400), (44, 400)).thinned(4.0, 4.0).interval(0.95);
        assert!(thinned.half_width() > 1.8 * Shares::new((40, 400), (44, 400)).interval(0.95).half_width());
    }
}
