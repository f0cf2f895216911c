//! Distribution functions of several samples on one grid of values, so that pools and distances are sums.

/// Distribution functions at common points.
pub(super) struct Grid {
    /// Ascending values.
    points: Vec<f64>,
    /// By sample: the share of its values at or below each point.
    pub(super) runs: Vec<Vec<f64>>,
}

impl Grid {
    /// All distinct values, or about `most` of them at equal steps of rank.
    pub(super) fn of(samples: &[&[f64]], most: usize) -> Grid {
        let mut points: Vec<f64> = samples.iter().flat_map(|sample| sample.iter().copied()).collect();
        points.sort_by(f64::total_cmp);
        points.dedup();
        if points.len() > most {
            let last = points.len() - 1;
            points = (0..most).map(|step| points[step * last / (most - 1)]).collect();
        }
        let function = |sample: &&[f64]| {
            let mut sorted = sample.to_vec();
            sorted.sort_by(f64::total_cmp);
            let n = sorted.len().max(1) as f64;
            let mut below = 0;
            let at = |point: &f64| {
                while below < sorted.len() && sorted[below] <= *point {
                    below += 1;
                }
                below as f64 / n
            };
            points.iter().map(at).collect()
        };
        let runs = samples.iter().map(function).collect();
        Grid { points, runs }
    }

    /// The area between two functions.
    pub(super) fn area(&self, one: &[f64], two: &[f64]) -> f64 {
        let steps = self.points.windows(2).zip(one.iter().zip(two));
        steps.map(|(step, (a, b))| (a - b).abs() * (step[1] - step[0])).sum()
    }

    /// The function of several samples of equal weight together.
    pub(super) fn pool<'a>(runs: impl Iterator<Item = &'a Vec<f64>>) -> Vec<f64> {
        let (mut sum, mut count) = (Vec::new(), 0.0);
        for run in runs {
            if sum.is_empty() {
                sum = vec![0.0; run.len()];
            }
            sum.iter_mut().zip(run).for_each(|(sum, share)| *sum += share);
            count += 1.0;
        }
        sum.iter_mut().for_each(|sum| *sum /= count);
        sum
    }
}
