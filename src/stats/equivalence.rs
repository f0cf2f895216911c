//! The same for practical purposes, different, or not to be told: two one-sided tests against a margin that was set
//! beforehand.
//!
//! A test that finds no difference has not shown agreement: it may have had too few data. So the question is put
//! the other way round. The difference is *equivalent* when both one-sided tests reject that it lies beyond the
//! margin, which is when the interval of confidence `2 c - 1` lies within it; *different* when the two-sided interval
//! of confidence `c` lies beyond the margin; else *undecided*. Both claims are wrong at most as often as `1 - c`.
//!
//! The observations of a [`Contrast`] must be independent: means or quantiles *of whole runs* are, latencies within
//! one run are not ([`super::dependence`]). Two runs of a real system give one degree of freedom, and then only
//! large or very steady agreement can be told; nothing here hides that.
//!
//! Sources: Schuirmann (1987) for the two tests; Welch (1947) for unequal variances; Berger & Hsu (1996) on the
//! interval of confidence `2 c - 1`; Price & Bonett (2002) for differences of quantiles.

use super::estimate::Estimate;
use super::interval::{mean_and_variance, portable, quantile_ranks};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// What a comparison against a margin of indifference says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Equivalence {
    /// The difference is within the margin, with confidence.
    Equivalent,
    /// More data are needed.
    Undecided,
    /// The difference is beyond the margin, with confidence.
    Different,
}

impl Equivalence {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Equivalence::Equivalent => "equivalent",
            Equivalence::Undecided => "undecided",
            Equivalence::Different => "different",
        }
    }

    /// The verdict on a family: different if one is, else undecided if one is. `None` for an empty family.
    pub fn of_all(all: impl IntoIterator<Item = Equivalence>) -> Option<Equivalence> {
        all.into_iter().max()
    }
}

/// A difference that does not matter, set before the data are seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    /// Share of the reference value, such as 0.05.
    pub relative: f64,
    /// Never less than this, in the unit of the value: a share of nearly nothing is no margin.
    pub floor: f64,
}

impl Margin {
    /// Five per cent and no floor.
    pub const DEFAULT: Margin = Margin { relative: 0.05, floor: 0.0 };

    /// The margin around a reference value.
    pub fn around(&self, reference: f64) -> f64 {
        (self.relative * reference.abs()).max(self.floor)
    }
}

/// A difference, second minus first, and what is known of its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    /// The first value: the reference.
    pub first: f64,
    /// The second.
    pub second: f64,
    /// Second minus first. For pairs that of the pairs alone.
    pub difference: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom of the error; infinite for a normal law.
    pub freedom: f64,
    /// Independent observations that it rests on.
    pub n: u64,
}

/// A contrast held against a margin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The verdict.
    pub verdict: Equivalence,
    /// Second minus first with its two-sided interval at the confidence asked for.
    pub difference: Estimate,
    /// The margin in the unit of the difference.
    pub margin: f64,
    /// The larger probability of the two one-sided tests: small speaks for equivalence.
    pub p_equivalent: f64,
    /// Two-sided probability of such a difference if the truth were at the margin: small speaks for a difference
    /// that matters.
    pub p_beyond: f64,
    /// Two-sided probability of such a difference if there were none at all.
    pub p_any: f64,
}

impl Judged {
    /// Nothing can be said: not enough observations.
    pub const fn undecided(difference: f64, n: u64, margin: f64, confidence: f64) -> Judged {
        let infinite = f64::INFINITY;
        let difference = Estimate { value: difference, low: -infinite, high: infinite, n, confidence };
        Judged {
            verdict: Equivalence::Undecided,
            difference,
            margin,
            p_equivalent: 1.0,
            p_beyond: 1.0,
            p_any: 1.0,
        }
    }

    /// The verdict when "different" needs this corrected probability, as one claim of a family.
    pub fn corrected(&self, p_beyond: f64) -> Equivalence {
        match self.verdict {
            Equivalence::Different if p_beyond > 1.0 - self.difference.confidence => Equivalence::Undecided,
            verdict => verdict,
        }
    }
}

impl Contrast {
    /// Pair by pair; values beyond the shorter list are left out. `None` with fewer than two pairs.
    pub fn paired(first: &[f64], second: &[f64]) -> Option<Contrast> {
        let n = first.len().min(second.len());
        let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| b - a).collect();
        let (difference, variance) = mean_and_variance(&differences).filter(|_| n >= 2)?;
        let mean = |values: &[f64]| values[..n].iter().sum::<f64>() / n as f64;
        let error = (variance / n as f64).sqrt();
        let (first, second) = (mean(first), mean(second));
        Some(Contrast { first, second, difference, error, freedom: n as f64 - 1.0, n: n as u64 })
    }

    /// Independent samples of unequal variances (Welch). `None` where one has fewer than two values.
    pub fn independent(first: &[f64], second: &[f64]) -> Option<Contrast> {
        if first.len() < 2 || second.len() < 2 {
            return None;
        }
        let (one, two) = (mean_and_variance(first)?, mean_and_variance(second)?);
        let (n, m) = (first.len() as f64, second.len() as f64);
        let (a, b) = (one.1 / n, two.1 / m);
        let spread = a * a / (n - 1.0) + b * b / (m - 1.0);
        let freedom = if spread > 0.0 { (a + b) * (a + b) / spread } else { n + m - 2.0 };
        let difference = two.0 - one.0;
        let n = (first.len() + second.len()) as u64;
        Some(Contrast { first: one.0, second: two.0, difference, error: (a + b).sqrt(), freedom, n })
    }

    /// Independent samples (Welch), of which one with fewer than [`ENOUGH`] values is taken to scatter no less than the
    /// other: two or three values may lie close together by luck, and a single one tells nothing of it. `None` where
    /// neither tells.
    pub fn of_few(first: &[f64], second: &[f64]) -> Option<Contrast> {
        let (one, two) = (mean_and_variance(first)?, mean_and_variance(second)?);
        let (n, m) = (first.len(), second.len());
        if n.max(m) < 2 {
            return None;
        }
        let borrows = |own: f64, own_size: usize, other: f64, other_size: usize| {
            other_size >= 2 && (own_size < 2 || own_size < ENOUGH && own < other)
        };
        let lender = match (borrows(one.1, n, two.1, m), borrows(two.1, m, one.1, n)) {
            (true, _) => (two.1, m),
            (false, true) => (one.1, n),
            (false, false) => return Contrast::independent(first, second),
        };
        let error = (lender.0 * (1.0 / n as f64 + 1.0 / m as f64)).sqrt();
        let freedom = lender.1 as f64 - 1.0;
        let difference = two.0 - one.0;
        Some(Contrast { first: one.0, second: two.0, difference, error, freedom, n: (n + m) as u64 })
    }

    /// Quantile `p` of two samples of values: the error of each from the order statistics around it. `effective` are
    /// their numbers of independent values ([`super::dependence::effective_size`]); at most their lengths. `None`
    /// where a sample is too small to bound the quantile from both sides.
    pub fn quantile(first: &[f64], second: &[f64], p: f64, effective: (f64, f64)) -> Option<Contrast> {
        let one = quantile_and_error(first, p, effective.0)?;
        let two = quantile_and_error(second, p, effective.1)?;
        Some(Contrast {
            first: one.0,
            second: two.0,
            difference: two.0 - one.0,
            error: (one.1 * one.1 + two.1 * two.1).sqrt(),
            freedom: f64::INFINITY,
            n: (effective.0 + effective.1) as u64,
        })
    }

    /// The two-sided interval of a confidence.
    pub fn interval(&self, confidence: f64) -> Estimate {
        let half = self.critical(0.5 + confidence / 2.0) * self.error;
        Estimate::symmetric(self.difference, half, self.n, confidence)
    }

    /// Two one-sided tests against a margin, and the two-sided ones.
    pub fn judge(&self, margin: f64, confidence: f64) -> Judged {
        let below = self.tail((self.difference + margin) / self.error, self.difference + margin);
        let above = self.tail((margin - self.difference) / self.error, margin - self.difference);
        let p_equivalent = below.max(above);
        let beyond = self.difference.abs() - margin;
        // No data speak for "beyond" while the estimate itself lies within.
        let p_beyond =
            if beyond <= 0.0 { 1.0 } else { (2.0 * self.tail(beyond / self.error, beyond)).min(1.0) };
        let away = self.difference.abs();
        let p_any = if away == 0.0 { 1.0 } else { (2.0 * self.tail(away / self.error, away)).min(1.0) };
        let level = 1.0 - confidence;
        let verdict = if p_equivalent <= level {
            Equivalence::Equivalent
        } else if p_beyond <= level {
            Equivalence::Different
        } else {
            Equivalence::Undecided
        };
        Judged { verdict, difference: self.interval(confidence), margin, p_equivalent, p_beyond, p_any }
    }

    /// The smallest true difference that a two-sided test for any difference would have found with this probability:
    /// what a comparison that found nothing could have seen.
    pub fn detectable(&self, confidence: f64, power: f64) -> f64 {
        (self.critical(0.5 + confidence / 2.0) + self.critical(power)) * self.error
    }

    /// Quantile of the law of the standardised difference.
    fn critical(&self, p: f64) -> f64 {
        student_quantile(p, self.freedom)
    }

    /// `P(T > x)`; without any error what is known for certain, by the sign of the distance.
    fn tail(&self, x: f64, distance: f64) -> f64 {
        if self.error > 0.0 { student_tail(x, self.freedom) } else { f64::from(u8::from(distance < 0.0)) }
    }
}

/// Quantile of a sample and its standard error, as if it held `effective` independent values.
fn quantile_and_error(values: &[f64], p: f64, effective: f64) -> Option<(f64, f64)> {
    /// The interval whose width gives the error: wide enough to be steady, narrow enough to exist for small samples.
    const CONFIDENCE: f64 = 0.9;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let used = effective.min(n as f64).floor() as u64;
    let (low, high) = quantile_ranks(used, p, CONFIDENCE)?;
    // Ranks among the independent values are stretched over all of them.
    let at = |rank: f64| sorted[((rank * n as f64 / used as f64).ceil() as usize).clamp(1, n) - 1];
    let z = student_quantile(0.5 + CONFIDENCE / 2.0, f64::INFINITY);
    Some((at(p * used as f64), (at(high as f64) - at(low as f64)) / (2.0 * z)))
}

/// Quantile of Student's law; normal for infinitely many degrees of freedom.
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(law) if freedom < NORMAL_FROM => portable(law.inverse_cdf(p)),
        _ => portable(Normal::standard().inverse_cdf(p)),
    }
}

/// `P(T > x)` of Student's law; normal for infinitely many degrees of freedom.
pub fn student_tail(x: f64, freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(law) if freedom < NORMAL_FROM => portable(law.sf(x)),
        _ => portable(Normal::standard().sf(x)),
    }
}

/// So many runs of a world tell by themselves how they scatter.
pub const ENOUGH: usize = 5;

/// From here Student's law is the normal one to six digits.
const NORMAL_FROM: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream, Streams};

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance, "{got} is not {expected}");
    }

    fn stream(set: u64) -> Stream {
        Streams::new(21, set).stream(Purpose::Search, 0)
    }

    #[test]
    fn equivalent_within_the_margin_different_beyond_it_undecided_between() {
        let base = [10.0, 11.0, 9.0, 10.5, 9.5];
        let shifted = |by: f64| {
            base.iter().zip([0.1, -0.1, 0.05, -0.05, 0.0]).map(|(x, e)| x + by + e).collect::<Vec<_>>()
        };
        for (by, margin, expected) in [
            (0.0, 0.5, Equivalence::Equivalent),
            (1.0, 0.5, Equivalence::Different),
            (-1.0, 0.5, Equivalence::Different),
            (0.5, 0.5, Equivalence::Undecided),
            (0.0, 0.01, Equivalence::Undecided),
        ] {
            let judged = Contrast::paired(&base, &shifted(by)).unwrap().judge(margin, 0.95);
            assert_eq!(judged.verdict, expected, "by {by}, margin {margin}: {judged:?}");
        }
        assert_eq!(Contrast::paired(&[1.0], &[1.0]), None);
        let apart = |by| Contrast::independent(&base, &shifted(by)).unwrap().judge(0.5, 0.95).verdict;
        assert_eq!((apart(0.0), apart(9.0)), (Equivalence::Undecided, Equivalence::Different));
    }

    #[test]
    fn the_numbers_are_those_of_the_textbook() {
        // Welch by hand: means 3 and 6, variances 2.5 and 2.5, five values each: error 1, 8 degrees of freedom.
        let (one, two) = ([1.0, 2.0, 3.0, 4.0, 5.0], [4.0, 5.0, 6.0, 7.0, 8.0]);
        let contrast = Contrast::independent(&one, &two).unwrap();
        close(contrast.difference, 3.0, 1e-12);
        close(contrast.error, 1.0, 1e-12);
        close(contrast.freedom, 8.0, 1e-9);
        let judged = contrast.judge(1.0, 0.95);
        // t tables: P(T8 > 3) = 0.008535, P(T8 > 2) = 0.040258, P(T8 > 4) = 0.001974.
        close(judged.p_any, 2.0 * 0.008_535, 2e-6);
        close(judged.p_beyond, 2.0 * 0.040_258, 2e-6);
        close(judged.p_equivalent, 1.0 - 0.040_258, 2e-6);
        close(judged.difference.low, 3.0 - 2.306_004, 1e-5);
        assert_eq!(judged.verdict, Equivalence::Undecided);
        // Samples that scatter alike borrow nothing; a single value, and two that agree by luck, borrow the other's.
        close(Contrast::of_few(&one, &two).unwrap().error, 1.0, 1e-12);
        let single = Contrast::of_few(&one, &[6.0]).unwrap();
        close(single.error, (2.5f64 * 1.2).sqrt(), 1e-12);
        close(single.freedom, 4.0, 1e-12);
        let lucky = Contrast::of_few(&[6.0, 6.0], &one).unwrap();
        close(lucky.error, (2.5f64 * 0.7).sqrt(), 1e-12);
        close(Contrast::of_few(&[6.0; 5], &one).unwrap().error, (2.5f64 * 0.2).sqrt(), 1e-12);
        // Few that scatter more than the others keep what is their own.
        let wild = Contrast::of_few(&[0.0, 12.0], &one).unwrap();
        close(wild.error, (72.0f64 / 2.0 + 2.5 / 5.0).sqrt(), 1e-12);
        assert_eq!(Contrast::of_few(&[1.0], &[2.0]), None);
        assert_eq!(Contrast::independent(&one, &[2.0]), None);
        // What five pairs at error 1 could have seen: t(0.975; 8) + t(0.8; 8).
        close(contrast.detectable(0.95, 0.8), 2.306_004 + 0.888_890, 1e-4);
    }

    #[test]
    fn what_does_not_scatter_is_known_for_certain() {
        let judged = |by: f64, margin| {
            Contrast::paired(&[1.0, 1.0], &[1.0 + by, 1.0 + by]).unwrap().judge(margin, 0.95)
        };
        assert_eq!(judged(0.0, 0.0).verdict, Equivalence::Equivalent);
        assert_eq!(judged(0.5, 0.5).verdict, Equivalence::Equivalent);
        assert_eq!(judged(0.5, 0.1).verdict, Equivalence::Different);
        assert_eq!(judged(0.0, 0.0).p_any, 1.0);
    }

    /// How many of 1000 sets of pairs get a verdict, when the truth is `shift` and the margin 1.
    fn verdicts(shift: f64, wanted: Equivalence) -> usize {
        let judged = |set: u64| {
            let mut stream = stream(set);
            let first: Vec<f64> = (0..12).map(|_| stream.normal()).collect();
            let second: Vec<f64> = first.iter().map(|x| x + shift + 0.5 * stream.normal()).collect();
            Contrast::paired(&first, &second).unwrap().judge(1.0, 0.95).verdict
        };
        (0..1000).filter(|&set| judged(set) == wanted).count()
    }

    #[test]
    fn wrong_claims_are_as_rare_as_promised_and_right_ones_common() {
        // On the margin 5 % may be called equivalent (sd 0.7 %), and at most 2.5 % different.
        let wrong = verdicts(1.0, Equivalence::Equivalent);
        assert!((30..=75).contains(&wrong), "{wrong} of 1000");
        let wrong = verdicts(1.0, Equivalence::Different);
        assert!(wrong <= 42, "{wrong} of 1000");
        // Standard error 0.144: at no difference the tests have all power; so they have at twice the margin.
        assert!(verdicts(0.0, Equivalence::Equivalent) >= 990);
        assert!(verdicts(2.0, Equivalence::Different) >= 990);
    }

    #[test]
    fn the_detectable_difference_is_detected_as_often_as_it_says() {
        // Pairs of standard deviation 1, twelve of them: the true error is known.
        let known = Contrast {
            first: 0.0,
            second: 0.0,
            difference: 0.0,
            error: 12f64.sqrt().recip(),
            freedom: 11.0,
            n: 12,
        };
        let shift = known.detectable(0.95, 0.8);
        let found = (0..1000u64).filter(|&set| {
            let mut stream = stream(5000 + set);
            let values: Vec<f64> = (0..12).map(|_| shift + stream.normal()).collect();
            Contrast::paired(&[0.0; 12], &values).unwrap().judge(0.0, 0.95).p_any < 0.05
        });
        let found = found.count();
        assert!((750..=850).contains(&found), "{found} of 1000");
    }

    #[test]
    fn differences_of_quantiles_hold_the_truth() {
        // p90 of exponentials of means 1 and 1.2: the true difference is 0.2 ln 10.
        let truth = 0.2 * libm::log(10.0);
        let held = (0..400u64).filter(|&set| {
            let mut stream = stream(9000 + set);
            let one: Vec<f64> = (0..400).map(|_| stream.exp1()).collect();
            let two: Vec<f64> = (0..300).map(|_| 1.2 * stream.exp1()).collect();
            let interval = Contrast::quantile(&one, &two, 0.9, (400.0, 300.0)).unwrap().interval(0.95);
            interval.low <= truth && truth <= interval.high
        });
        let held = held.count();
        assert!((365..=393).contains(&held), "{held} of 400");
        assert_eq!(Contrast::quantile(&[1.0; 10], &[1.0; 10], 0.99, (10.0, 10.0)), None);
        // Half of the independent values: an error larger by the root of two.
        let values: Vec<f64> = (0..2000).map(f64::from).collect();
        let error = |n: f64| Contrast::quantile(&values, &values, 0.5, (n, n)).unwrap().error;
        close(error(1000.0) / error(2000.0), 2f64.sqrt(), 0.05);
    }

    #[test]
    fn margins_have_a_floor_and_families_the_worst_verdict() {
        let margin = Margin { relative: 0.05, floor: 0.01 };
        assert_eq!((margin.around(-2.0), margin.around(0.1)), (0.1, 0.01));
        use Equivalence::{Different, Equivalent, Undecided};
        assert_eq!(Equivalence::of_all([Equivalent, Undecided]), Some(Undecided));
        assert_eq!(Equivalence::of_all([Different, Undecided, Equivalent]), Some(Different));
        assert_eq!(Equivalence::of_all([]), None);
        let far = Contrast { first: 1.0, second: 2.0, difference: 1.0, error: 0.3, freedom: 20.0, n: 22 };
        let judged = far.judge(0.2, 0.95);
        assert_eq!(judged.corrected(judged.p_beyond), Different);
        assert_eq!(judged.corrected(0.06), Undecided);
    }
}
