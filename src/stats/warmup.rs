//! Where a steady run begins to be steady: MSER-5.
//!
//! White, "An effective truncation heuristic for bias reduction in simulation output" (1997): over batch means of
//! five observations, cut off the first d batches, with d the minimum of `sum (x - mean)^2 / (n - d)^2` over
//! what is left. The rule of Hoad, Robinson & Davies (2010) refuses a cut in the second half, which says that the
//! run was too short to show a steady state. The last twentieth is not considered as a cut: a few batches that
//! happen to be alike would win there.

use super::tally::Batches;
use crate::time::Time;

/// Fewer batches than this cannot show a warm-up.
pub const FEWEST: usize = 20;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Everything up to here is warm-up.
    At {
        /// Batches cut off.
        batches: usize,
        /// When the last of them was complete; the start of the run if there is none.
        time: Time,
    },
    /// The run is too short to tell, or not steady.
    Refused,
}

/// The warm-up by MSER-5 on means of batches of latencies in order of completion.
pub fn mser(batches: &Batches) -> Cut {
    let n = batches.means.len();
    match mser_index(&batches.means) {
        Some(cut) if n >= FEWEST && 2 * cut <= n => {
            let time = cut.checked_sub(1).and_then(|last| batches.ends.get(last).copied());
            Cut::At { batches: cut, time: time.unwrap_or(Time::ZERO) }
        }
        _ => Cut::Refused,
    }
}

/// How many leading values to cut off; `None` where there are too few to choose among. The earliest of equals.
pub fn mser_index(values: &[f64]) -> Option<usize> {
    let n = values.len();
    let kept = (n / 20).max(5);
    if n <= kept {
        return None;
    }
    // Distances from the overall mean keep the difference of squares below from cancelling.
    let centre = values.iter().sum::<f64>() / n as f64;
    let (mut sum, mut squares) = (0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for index in (0..n).rev() {
        let x = values[index] - centre;
        sum += x;
        squares += x * x;
        let left = (n - index) as f64;
        let statistic = (squares - sum * sum / left).max(0.0) / (left * left);
        if n - index >= kept && statistic <= best.0 {
            best = (statistic, index);
        }
    }
    Some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use crate::time::Span;

    #[test]
    fn the_cut_falls_where_the_series_settles() {
        // Ten high values, then thirty that alternate around 1: by hand, the sum of squares is least after 10.
        let mut values = vec![9.0; 10];
        values.extend((0..30).map(|n| if n % 2 == 0 { 0.9 } else { 1.1 }));
        assert_eq!(mser_index(&values), Some(10));
        assert_eq!(mser_index(&[1.0; 40]), Some(0));
        assert_eq!(mser_index(&[1.0; 5]), None);
        // Settles only after three quarters.
        let late: Vec<f64> = (0..40).map(|n| if n < 30 { 30.0 - f64::from(n) } else { 0.0 }).collect();
        assert!(mser_index(&late).unwrap() > 20);
    }

    #[test]
    fn the_cut_has_the_time_of_its_last_batch() {
        let mut batches = Batches::default();
        for n in 0..200u64 {
            let wobble = n / 5 % 2;
            let millis = if n < 25 { 500 } else { 10 + wobble };
            batches.push(Span::from_millis(millis), Time::from_nanos(n + 1));
        }
        assert_eq!(mser(&batches), Cut::At { batches: 5, time: Time::from_nanos(25) });
        assert_eq!(mser(&Batches::default()), Cut::Refused);
    }

    /// Waits of an M/M/1 queue that starts empty (Lindley's recursion), in batches.
    fn waits(load: f64, customers: u64, replication: u64) -> Batches {
        let mut stream = Streams::new(5, replication).stream(Purpose::Search, 0);
        let (mut wait, mut now, mut batches) = (0.0f64, 0.0, Batches::default());
        for _ in 0..customers {
            let (gap, work) = (stream.exp1() / load, stream.exp1());
            now += gap;
            batches.push(Span::from_secs(wait + work), Time::from_nanos((now * 1e9) as u64));
            wait = (wait + work - gap).max(0.0);
        }
        batches
    }

    #[test]
    fn steady_runs_are_seldom_refused_and_growing_ones_mostly() {
        let refused = |load: f64, customers: u64| {
            (0..100).filter(|&r| mser(&waits(load, customers, r)) == Cut::Refused).count()
        };
        assert!(refused(0.5, 20_000) <= 10, "{}", refused(0.5, 20_000));
        assert!(refused(0.8, 50_000) <= 15, "{}", refused(0.8, 50_000));
        assert!(refused(1.3, 20_000) >= 90, "{}", refused(1.3, 20_000));
    }
}
