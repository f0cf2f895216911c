//! From values to points of the paper, and the marks of axes: 1-2-5 steps, in the units that people use.

use crate::experiment::Unit;
use crate::report::figure;

/// How values lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Equal distances.
    Linear,
    /// Equal ratios.
    Log,
}

/// An axis: a range of values on a range of points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// How values lie.
    pub(super) kind: Kind,
    /// Unit of the values.
    pub(super) unit: Unit,
    /// Value at `from`.
    pub(super) low: f64,
    /// Value at `to`.
    pub(super) high: f64,
    /// Point of `low`.
    pub(super) from: f64,
    /// Point of `high`.
    pub(super) to: f64,
}

/// A mark of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// Its value.
    pub(super) value: f64,
    /// Its words.
    pub(super) label: String,
}

/// Steps of time that people count in, seconds: above a second they are not powers of ten.
const TIMES: [f64; 20] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 18_000.0,
    36_000.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0,
];

impl Scale {
    /// A linear axis over these values, widened to whole steps; it includes zero unless the values lie close
    /// together and far from it.
    pub(super) fn linear(unit: Unit, values: impl IntoIterator<Item = f64>, points: (f64, f64)) -> Scale {
        let (mut low, mut high) = range(values).unwrap_or((0.0, 1.0));
        if low >= 0.0 && low < 0.6 * high {
            low = 0.0;
        }
        if high <= low {
            (low, high) = if low > 0.0 { (0.0, 2.0 * low) } else { (low - 1.0, low + 1.0) };
            // Nothing of a share or a count that is always zero.
            if high == 1.0 && low == -1.0 {
                low = 0.0;
            }
        }
        let step = step(unit, (high - low) / steps(points));
        let low = (low / step + 1e-9).floor() * step;
        let high = (high / step - 1e-9).ceil() * step;
        Scale { kind: Kind::Linear, unit, low, high, from: points.0, to: points.1 }
    }

    /// A logarithmic axis over the positive ones of these values.
    pub(super) fn log(unit: Unit, values: impl IntoIterator<Item = f64>, points: (f64, f64)) -> Scale {
        let positive = values.into_iter().filter(|value| *value > 0.0);
        let (low, high) = range(positive).unwrap_or((1.0, 10.0));
        // A little more, so that no line lies on an edge.
        let beyond = if high / low < 1.5 { 1.5 } else { libm::pow(high / low, 0.04) };
        let (low, high) = (low / beyond, high * beyond);
        Scale { kind: Kind::Log, unit, low, high, from: points.0, to: points.1 }
    }

    /// An axis with exactly this range.
    pub(super) const fn exact(
        kind: Kind,
        unit: Unit,
        (low, high): (f64, f64),
        (from, to): (f64, f64),
    ) -> Scale {
        Scale { kind, unit, low, high, from, to }
    }

    /// Where a value lies; what is beyond the ends lies at them.
    pub(super) fn at(&self, value: f64) -> f64 {
        let part = match self.kind {
            Kind::Linear => (value - self.low) / (self.high - self.low),
            Kind::Log if value <= 0.0 => 0.0,
            Kind::Log => libm::log(value / self.low) / libm::log(self.high / self.low),
        };
        let part =
            if part.is_finite() { part.clamp(0.0, 1.0) } else { f64::from(u8::from(value > self.low)) };
        self.from + part * (self.to - self.from)
    }

    /// The marks, ascending.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let room = steps((self.from, self.to));
        let values: Vec<f64> = match self.kind {
            Kind::Linear => {
                let step = step(self.unit, (self.high - self.low) / room);
                let first = (self.low / step - 1e-9).ceil() as i64;
                let last = (self.high / step + 1e-9).floor() as i64;
                (first..=last).map(|n| n as f64 * step).collect()
            }
            Kind::Log => self.log_values(room),
        };
        let like = self.like(&values);
        let label = |value: f64| match self.kind {
            Kind::Linear => figure::plain_like(self.unit, value, like),
            Kind::Log => figure::plain(self.unit, value),
        };
        values.into_iter().map(|value| Tick { value, label: label(value) }).collect()
    }

    /// The value whose unit all marks share: the end of the axis, but seconds where minutes would be crooked.
    fn like(&self, values: &[f64]) -> f64 {
        let most = self.high.abs().max(self.low.abs());
        let crooked = |value: &f64| (value / 30.0 - (value / 30.0).round()).abs() > 1e-6;
        let in_minutes = self.unit == Unit::Seconds && (120.0..3600.0).contains(&most);
        if in_minutes && values.iter().any(crooked) { 60.0 } else { most }
    }

    /// 1-2-5 steps, thinned to 1-5 or whole decades where they would crowd.
    fn log_values(&self, room: f64) -> Vec<f64> {
        let inside = |value: &f64| *value >= self.low * 0.999_999 && *value <= self.high * 1.000_001;
        for (multiples, every) in
            [(&[1.0, 2.0, 5.0][..], 1), (&[1.0], 1), (&[1.0], 2), (&[1.0], 3), (&[1.0], 5)]
        {
            let decades = (-12..=15).filter(|decade: &i32| decade.rem_euclid(every) == 0);
            let all = decades.flat_map(|decade| multiples.iter().map(move |m| scaled(*m, decade)));
            let timed = self.unit == Unit::Seconds && multiples.len() > 1;
            let values: Vec<f64> = if timed {
                all.filter(|value| *value < 1.0).chain(TIMES).filter(inside).collect()
            } else {
                all.filter(inside).collect()
            };
            if values.len() as f64 <= (room * 1.3).max(4.0) && values.len() > 1 {
                return values;
            }
        }
        vec![self.low, self.high]
    }
}

/// `m · 10^decade`, read as the text of that number is, so that 5e-3 is exactly 0.005.
fn scaled(m: f64, decade: i32) -> f64 {
    format!("{m}e{decade}").parse().unwrap_or(m)
}

/// About how many steps fit.
fn steps((from, to): (f64, f64)) -> f64 {
    ((to - from).abs() / 62.0).clamp(2.0, 12.0)
}

/// Smallest and largest finite value.
pub(super) fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| value.is_finite()).fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// The smallest pleasant step of at least this size.
fn step(unit: Unit, least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    if unit == Unit::Seconds && least > 1.0 {
        let more = [15.0, 900.0, 10_800.0, 21_600.0, 43_200.0];
        let mut times: Vec<f64> = TIMES.into_iter().chain(more).collect();
        times.sort_by(f64::total_cmp);
        if let Some(step) = times.into_iter().find(|time| *time >= least) {
            return step;
        }
    }
    let decade = libm::floor(libm::log10(least)) as i32;
    let found =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| scaled(m, decade)).find(|s| *s >= least * 0.999_999);
    let step = found.unwrap_or_else(|| scaled(1.0, decade + 1));
    if unit == Unit::Count { step.max(1.0) } else { step }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn linear_marks_share_a_unit_and_begin_at_zero() {
        let scale = Scale::linear(Unit::Seconds, [3.0, 290.0], (400.0, 0.0));
        assert_eq!(labels(&scale), ["0 min", "1 min", "2 min", "3 min", "4 min", "5 min"]);
        assert_eq!((scale.at(0.0), scale.at(300.0), scale.at(9e9)), (400.0, 0.0, 0.0));
        let shares = Scale::linear(Unit::Ratio, [0.0, 0.034], (300.0, 0.0));
        assert_eq!(labels(&shares), ["0 %", "1 %", "2 %", "3 %", "4 %"]);
    }

    #[test]
    fn logarithmic_marks_are_1_2_5_and_thin_out() {
        let scale = Scale::log(Unit::PerSecond, [1.0, 20.0], (0.0, 500.0));
        assert_eq!(labels(&scale), ["1/s", "2/s", "5/s", "10/s", "20/s"]);
        let wide = Scale::log(Unit::Number, [1e-4, 1e4], (0.0, 500.0));
        assert!(wide.ticks().len() <= 10, "{:?}", labels(&wide));
        let times = Scale::log(Unit::Seconds, [0.1, 90.0], (0.0, 800.0));
        assert_eq!(labels(&times)[..3], ["100 ms", "200 ms", "500 ms"]);
        assert_eq!(times.ticks().last().unwrap().label, "60 s");
    }

    #[test]
    fn odd_values_make_no_odd_axes() {
        for values in
            [vec![], vec![f64::NAN], vec![0.0], vec![5.0, 5.0], vec![f64::INFINITY, 1.0], vec![-3.0]]
        {
            for scale in [
                Scale::linear(Unit::Seconds, values.clone(), (0.0, 300.0)),
                Scale::log(Unit::Count, values.clone(), (0.0, 300.0)),
            ] {
                assert!(scale.low < scale.high, "{values:?} {scale:?}");
                assert!(scale.ticks().len() >= 2 && scale.ticks().len() < 20, "{values:?} {scale:?}");
                assert!(scale.at(f64::NAN).is_finite() && scale.at(f64::INFINITY).is_finite());
            }
        }
    }
}
