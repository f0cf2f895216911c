//! Rates over time, their integrals, and the inverse of the integral.
//!
//! An arrival process under a rate profile runs in operational time: the integral of the rate (Çinlar,
//! "Introduction to Stochastic Processes", 1975, ch. 4.7). A [`Cursor`] walks along the profile: it is told how
//! much area to consume and says where that ends. Linear pieces are inverted exactly (a quadratic equation in its
//! stable form), the sinusoid by Newton's method kept inside a shrinking bracket. Area is anchored at the start of
//! each piece or period, so rounding does not add up over millions of arrivals.

use super::RateProfile;
use super::distribution::{duration, positive};
use libm::{cos, floor, sincos};
use std::f64::consts::TAU;

/// The largest rate, one arrival per nanosecond.
const RATE_MAX: f64 = 1e9;

/// A place on the time axis under a profile.
#[derive(Clone, Debug)]
pub(super) enum Cursor {
    Linear(LinearCursor),
    Sine(SineCursor),
}

impl Cursor {
    /// A cursor at time 0.
    pub(super) fn new(profile: &RateProfile) -> Cursor {
        match profile {
            RateProfile::Constant(rate) => Cursor::Linear(LinearCursor::new(&[(0.0, *rate)])),
            RateProfile::PiecewiseLinear(knots) => Cursor::Linear(LinearCursor::new(knots)),
            RateProfile::Sinusoid { mean, amplitude, period, phase } => Cursor::Sine(SineCursor {
                wave: Wave::new(*amplitude, *phase),
                period: *period,
                per_period: mean * period,
                whole: 0.0,
                share: 0.0,
                done: 0.0,
            }),
        }
    }

    /// Moves on by `area` expected arrivals and returns the new place in seconds; `None` if the rest of time has
    /// less.
    #[inline]
    pub(super) fn advance(&mut self, area: f64) -> Option<f64> {
        match self {
            Cursor::Linear(linear) => linear.advance(area),
            Cursor::Sine(sine) => sine.advance(area),
        }
    }

    /// The expected arrivals from here to second `to`; zero if that lies behind.
    pub(super) fn area_to(&self, to: f64) -> f64 {
        match self {
            Cursor::Linear(linear) => linear.area_to(to),
            Cursor::Sine(sine) => sine.area_to(to),
        }
    }

    /// Moves on to second `to`.
    pub(super) fn jump(&mut self, to: f64) {
        match self {
            Cursor::Linear(linear) => linear.jump(to),
            Cursor::Sine(sine) => sine.jump(to),
        }
    }

    /// Whether nothing can come any more.
    pub(super) fn is_dry(&self) -> bool {
        match self {
            Cursor::Linear(linear) => linear.is_dry(),
            Cursor::Sine(sine) => sine.per_period <= 0.0,
        }
    }
}

/// A stretch with a linear rate. The last one has no end and a constant rate.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: f64,
    length: f64,
    rate: f64,
    slope: f64,
    area: f64,
}

impl Piece {
    /// Expected arrivals in the first `x` seconds.
    fn area_within(&self, x: f64) -> f64 {
        (self.rate + 0.5 * self.slope * x) * x
    }

    /// Seconds until `area` arrivals are expected: 2 A / (r + sqrt(r^2 + 2 s A)), which holds for s = 0 too.
    #[inline]
    fn time_of(&self, area: f64) -> f64 {
        if area <= 0.0 {
            return 0.0;
        }
        let root = (self.rate * self.rate + 2.0 * self.slope * area).max(0.0).sqrt();
        (2.0 * area / (self.rate + root)).min(self.length)
    }
}

#[derive(Clone, Debug)]
pub(super) struct LinearCursor {
    pieces: Box<[Piece]>,
    index: usize,
    /// Area consumed of the current piece.
    done: f64,
}

impl LinearCursor {
    /// Before the first knot its rate holds, after the last one its rate.
    fn new(knots: &[(f64, f64)]) -> LinearCursor {
        let mut pieces = Vec::with_capacity(knots.len() + 1);
        let mut from = (0.0, knots.first().map_or(0.0, |knot| knot.1));
        for &to in knots {
            let length = to.0 - from.0;
            if length > 0.0 {
                let area = 0.5 * (from.1 + to.1) * length;
                let slope = (to.1 - from.1) / length;
                pieces.push(Piece { start: from.0, length, rate: from.1, slope, area });
            }
            from = to;
        }
        let area = if from.1 > 0.0 { f64::INFINITY } else { 0.0 };
        pieces.push(Piece { start: from.0, length: f64::INFINITY, rate: from.1, slope: 0.0, area });
        LinearCursor { pieces: pieces.into(), index: 0, done: 0.0 }
    }

    #[inline]
    fn advance(&mut self, area: f64) -> Option<f64> {
        let mut goal = self.done + area;
        while self.index < self.pieces.len() {
            let piece = &self.pieces[self.index];
            if goal < piece.area {
                self.done = goal;
                return Some(piece.start + piece.time_of(goal));
            }
            goal -= piece.area;
            self.index += 1;
            self.done = 0.0;
        }
        None
    }

    fn area_to(&self, to: f64) -> f64 {
        let mut sum = -self.done;
        for piece in self.pieces.get(self.index..).unwrap_or_default() {
            if to < piece.start + piece.length {
                return (sum + piece.area_within((to - piece.start).max(0.0))).max(0.0);
            }
            sum += piece.area;
        }
        sum.max(0.0)
    }

    fn jump(&mut self, to: f64) {
        while let Some(piece) = self.pieces.get(self.index) {
            if to < piece.start + piece.length {
                self.done = self.done.max(piece.area_within((to - piece.start).max(0.0)));
                return;
            }
            self.index += 1;
            self.done = 0.0;
        }
    }

    fn is_dry(&self) -> bool {
        let rest = self.pieces.get(self.index..).unwrap_or_default();
        rest.iter().all(|piece| piece.area <= 0.0)
    }
}

/// `1 + amplitude * sin(2 pi (x + phase))` over x in periods.
#[derive(Clone, Copy, Debug)]
struct Wave {
    amplitude: f64,
    phase: f64,
    /// `cos(2 pi phase)`.
    start: f64,
}

impl Wave {
    fn new(amplitude: f64, phase: f64) -> Wave {
        Wave { amplitude, phase, start: cos(TAU * phase) }
    }

    /// Integral from 0 to `x` (1 for a whole period), and the rate at `x`.
    fn at(self, x: f64) -> (f64, f64) {
        let (sin, cos) = sincos(TAU * (x + self.phase));
        (x + self.amplitude / TAU * (self.start - cos), 1.0 + self.amplitude * sin)
    }

    /// The `x` in [0, 1] whose integral is `goal` in [0, 1], searched from `guess` on.
    fn inverse(self, goal: f64, guess: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        let mut x = guess;
        for _ in 0..80 {
            let (area, rate) = self.at(x);
            let error = area - goal;
            if error > 0.0 {
                high = x;
            } else {
                low = x;
            }
            let step = error / rate;
            let newton = x - step;
            // Newton squares the error: after a step this small, the next one is below the last digit.
            if TAU * step * step <= 1e-16 * rate {
                return newton.clamp(low, high);
            }
            // Outside the bracket (or NaN at a rate of zero) Newton is not to be trusted.
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            if (next - x).abs() <= 1e-15 {
                return next;
            }
            x = next;
        }
        x
    }
}

#[derive(Clone, Debug)]
pub(super) struct SineCursor {
    wave: Wave,
    period: f64,
    /// Expected arrivals in a period.
    per_period: f64,
    /// Periods left behind.
    whole: f64,
    /// Share of the current period's time that is over.
    share: f64,
    /// Share of the current period's area consumed.
    done: f64,
}

impl SineCursor {
    #[inline]
    fn advance(&mut self, area: f64) -> Option<f64> {
        if self.per_period <= 0.0 {
            return None;
        }
        let goal = self.done + area / self.per_period;
        let periods = floor(goal);
        self.done = goal - periods;
        // Small areas end close to where the last one did.
        let guess = if periods == 0.0 { self.share } else { self.done };
        self.whole += periods;
        self.share = self.wave.inverse(self.done, guess);
        Some((self.whole + self.share) * self.period)
    }

    fn area_to(&self, to: f64) -> f64 {
        let (whole, _, done) = self.place(to);
        (((whole - self.whole) + (done - self.done)) * self.per_period).max(0.0)
    }

    fn jump(&mut self, to: f64) {
        let (whole, share, done) = self.place(to);
        if (whole, done) > (self.whole, self.done) {
            (self.whole, self.share, self.done) = (whole, share, done);
        }
    }

    /// Whole periods, share of time and share of area at second `to`.
    fn place(&self, to: f64) -> (f64, f64, f64) {
        let periods = to / self.period;
        let whole = floor(periods);
        let share = periods - whole;
        (whole, share, self.wave.at(share).0)
    }
}

impl RateProfile {
    /// The profile with every rate multiplied by a factor.
    pub fn scaled(&self, factor: f64) -> RateProfile {
        match self {
            RateProfile::Constant(rate) => RateProfile::Constant(rate * factor),
            RateProfile::PiecewiseLinear(knots) => {
                RateProfile::PiecewiseLinear(knots.iter().map(|&(at, rate)| (at, rate * factor)).collect())
            }
            RateProfile::Sinusoid { mean, amplitude, period, phase } => RateProfile::Sinusoid {
                mean: mean * factor,
                amplitude: *amplitude,
                period: *period,
                phase: *phase,
            },
        }
    }

    /// The expected number of arrivals between two instants in seconds.
    pub fn integral(&self, from: f64, to: f64) -> f64 {
        let mut cursor = Cursor::new(self);
        cursor.jump(from.max(0.0));
        cursor.area_to(to)
    }

    /// The rate if it is the same for ever.
    pub fn constant(&self) -> Option<f64> {
        match self {
            RateProfile::Constant(rate) => Some(*rate),
            RateProfile::PiecewiseLinear(knots) => {
                let rate = knots.first()?.1;
                knots.iter().all(|knot| knot.1 == rate).then_some(rate)
            }
            RateProfile::Sinusoid { mean, amplitude, .. } => (*amplitude == 0.0).then_some(*mean),
        }
    }

    /// The highest rate that it ever reaches.
    pub fn peak(&self) -> f64 {
        match self {
            RateProfile::Constant(rate) => *rate,
            RateProfile::PiecewiseLinear(knots) => knots.iter().map(|knot| knot.1).fold(0.0, f64::max),
            RateProfile::Sinusoid { mean, amplitude, .. } => mean * (1.0 + amplitude),
        }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// What is wrong with the first faulty parameter, as text for the user.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            RateProfile::Constant(value) => rate(*value),
            RateProfile::PiecewiseLinear(knots) => {
                if knots.is_empty() {
                    return Err(String::from("a rate profile needs at least one knot"));
                }
                for &(at, value) in knots {
                    duration("the instant of a knot", at)?;
                    rate(value)?;
                }
                if knots.is_sorted_by(|a, b| a.0 <= b.0) {
                    return Ok(());
                }
                Err(String::from("the knots of a rate profile must be in order of time"))
            }
            RateProfile::Sinusoid { mean, amplitude, period, phase } => {
                rate(*mean)?;
                positive("period", *period)?;
                if !(0.0..=1.0).contains(amplitude) {
                    return Err(format!("amplitude must lie between 0 and 1, not {amplitude}"));
                }
                if phase.is_finite() { Ok(()) } else { Err(format!("phase must be finite, not {phase}")) }
            }
        }
    }
}

pub(super) fn rate(value: f64) -> Result<(), String> {
    if (0.0..=RATE_MAX).contains(&value) {
        return Ok(());
    }
    Err(format!("a rate must lie between 0 and {RATE_MAX:e} per second, not {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles() -> [RateProfile; 4] {
        [
            RateProfile::Constant(3.0),
            // A ramp up, a plateau, a step down to nothing, silence, a ramp up again.
            RateProfile::PiecewiseLinear(vec![
                (5.0, 0.0),
                (10.0, 8.0),
                (20.0, 8.0),
                (20.0, 0.0),
                (30.0, 0.0),
                (35.0, 4.0),
            ]),
            RateProfile::Sinusoid { mean: 2.0, amplitude: 1.0, period: 10.0, phase: 0.3 },
            RateProfile::Sinusoid { mean: 2.0, amplitude: 0.4, period: 0.5, phase: -2.25 },
        ]
    }

    #[test]
    fn advancing_inverts_the_integral() {
        for profile in profiles() {
            profile.validate().unwrap();
            let mut cursor = Cursor::new(&profile);
            let mut total = 0.0;
            let mut last = 0.0;
            for step in 0..400 {
                let area = 0.1 + f64::from(step % 7) * 0.3;
                total += area;
                let at = cursor.advance(area).unwrap();
                assert!(at >= last, "{profile:?}: time runs back");
                let integral = profile.integral(0.0, at);
                assert!((integral - total).abs() < 1e-9 * total.max(1.0), "{profile:?} at {at}: {integral}");
                last = at;
            }
        }
    }

    #[test]
    fn the_integral_is_the_area_under_the_rate() {
        let [_, ramp, wave, _] = profiles();
        assert!((ramp.integral(0.0, 40.0) - (20.0 + 80.0 + 10.0 + 20.0)).abs() < 1e-12);
        assert!((ramp.integral(7.5, 10.0) - 15.0).abs() < 1e-12);
        assert_eq!(ramp.integral(20.0, 30.0), 0.0);
        assert!((wave.integral(3.0, 13.0) - 20.0).abs() < 1e-12);
        assert_eq!(wave.integral(13.0, 3.0), 0.0);
    }

    #[test]
    fn a_profile_that_ends_at_zero_runs_dry() {
        let ends = RateProfile::PiecewiseLinear(vec![(0.0, 2.0), (10.0, 0.0)]);
        let mut cursor = Cursor::new(&ends);
        assert!(!cursor.is_dry());
        assert!(cursor.advance(9.9).unwrap() < 10.0);
        assert_eq!(cursor.advance(0.2), None);
        assert!(cursor.is_dry());
        assert_eq!(cursor.area_to(1e9), 0.0);
        assert!(Cursor::new(&RateProfile::Constant(0.0)).is_dry());
    }

    #[test]
    fn jumping_leaves_the_area_behind() {
        for profile in profiles() {
            let mut cursor = Cursor::new(&profile);
            cursor.jump(12.0);
            let expected = profile.integral(12.0, 33.0);
            assert!((cursor.area_to(33.0) - expected).abs() < 1e-9);
            let at = cursor.advance(expected).unwrap();
            assert!((at - 33.0).abs() < 1e-9, "{profile:?}: {at}");
        }
    }

    #[test]
    fn faulty_profiles_are_explained() {
        let sine = |amplitude, period| RateProfile::Sinusoid { mean: 1.0, amplitude, period, phase: 0.0 };
        let rows = [
            (RateProfile::Constant(f64::NAN), "rate must"),
            (RateProfile::Constant(-1.0), "rate must"),
            (RateProfile::PiecewiseLinear(vec![]), "at least one knot"),
            (RateProfile::PiecewiseLinear(vec![(5.0, 1.0), (4.0, 1.0)]), "order of time"),
            (sine(1.5, 1.0), "amplitude"),
            (sine(0.5, 0.0), "period"),
        ];
        for (profile, text) in rows {
            assert!(profile.validate().unwrap_err().contains(text), "{profile:?}");
        }
    }
}
