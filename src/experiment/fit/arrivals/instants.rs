//! Instants of arrival, where several are the same: requests that come together, or a recorder with a coarse clock.

/// Gaps below this (seconds) are none.
const SAME: f64 = 1e-9;

/// Fewer ties than this, or than this share of all gaps, are accidents.
const TIES: (usize, f64) = (5, 0.02);

/// A clock is coarse where a gap between different instants is shorter, on average, than so many of its units.
const COARSE: f64 = 20.0;

/// Units of clocks, seconds.
const UNITS: [f64; 7] = [1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

/// What instants say of arrivals.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Instants {
    /// When requests, or batches of them, arrive; ascending.
    pub times: Vec<f64>,
    /// How many arrive at each; empty where they come one by one.
    pub sizes: Vec<usize>,
    /// The unit of a coarse clock over which requests of one instant were spread, seconds.
    pub unit: Option<f64>,
}

/// Looks at ascending instants.
pub(super) fn of(times: &[f64]) -> Instants {
    let ties = times.windows(2).filter(|pair| pair[1] - pair[0] < SAME).count();
    if ties < TIES.0 || (ties as f64) < TIES.1 * times.len() as f64 {
        return Instants { times: times.to_vec(), sizes: Vec::new(), unit: None };
    }
    let (distinct, sizes) = together(times);
    let gap = (distinct[distinct.len() - 1] - distinct[0]) / (distinct.len() - 1).max(1) as f64;
    match unit(&distinct).filter(|unit| gap < COARSE * unit) {
        // Nothing tells requests that came together from those that the clock could not tell apart.
        Some(unit) => {
            Instants { times: spread(&distinct, &sizes, unit), sizes: Vec::new(), unit: Some(unit) }
        }
        None => Instants { times: distinct, sizes, unit: None },
    }
}

/// Different instants, and how often each is there.
fn together(times: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let (mut distinct, mut sizes): (Vec<f64>, Vec<usize>) = (Vec::new(), Vec::new());
    for time in times {
        match (distinct.last(), sizes.last_mut()) {
            (Some(last), Some(size)) if time - last < SAME => *size += 1,
            _ => {
                distinct.push(*time);
                sizes.push(1);
            }
        }
    }
    (distinct, sizes)
}

/// The coarsest unit of which all instants are multiples.
fn unit(times: &[f64]) -> Option<f64> {
    let is_multiple = |time: f64, unit: f64| (time / unit - libm::round(time / unit)).abs() < 1e-3;
    UNITS.into_iter().find(|unit| times.iter().all(|time| is_multiple(*time, *unit)))
}

/// Requests of one instant, evenly over the unit that it stands for.
fn spread(distinct: &[f64], sizes: &[usize], unit: f64) -> Vec<f64> {
    let of = |(at, size): (&f64, &usize)| {
        let (at, size) = (*at, *size);
        (0..size).map(move |place| at + unit * (place as f64 + 0.5) / size as f64)
    };
    distinct.iter().zip(sizes).flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_come_together_are_told_from_a_coarse_clock() {
        let batches: Vec<f64> = (0..20).flat_map(|k| [f64::from(k * k) * 0.731; 3]).collect();
        let found = of(&batches);
        assert_eq!((found.times.len(), found.unit), (20, None));
        assert!(found.sizes.iter().all(|size| *size == 3));
        // Whole seconds, five in each.
        let seconds: Vec<f64> = (0..20).flat_map(|k| [f64::from(k); 5]).collect();
        let found = of(&seconds);
        assert_eq!((found.times.len(), found.sizes.len(), found.unit), (100, 0, Some(1.0)));
        assert!(found.times.windows(2).all(|pair| (pair[1] - pair[0] - 0.2).abs() < 1e-9));
        // Whole seconds as well, but a minute lies between them.
        let minutes: Vec<f64> = (0..20).flat_map(|k| [f64::from(k * 60); 5]).collect();
        assert_eq!(of(&minutes).sizes, [5; 20]);
        // Two that are the same are an accident.
        let mut few: Vec<f64> = (0..100).map(f64::from).collect();
        few[7] = few[6];
        assert_eq!(of(&few).times, few);
    }
}
