//! A choice between branches with fixed probabilities, from one uniform number.
//!
//! Up to four branches are found by comparing with cumulative probabilities, more by an alias table (Walker 1977,
//! built as Vose 1991): both without a loop over branches and without allocation.

use crate::random::Stream;

/// Draws the index of a branch.
#[derive(Clone, Debug)]
pub struct Choice(Table);

#[derive(Clone, Debug)]
enum Table {
    /// One branch is certain: nothing is drawn.
    Sure(usize),
    /// The index is the number of bounds that the uniform number reaches.
    Scan([f64; 3]),
    Alias(Box<[Column]>),
}

/// Column `i` of an alias table stands for branch `i` below `share`, and for `other` above.
#[derive(Clone, Copy, Debug)]
struct Column {
    share: f64,
    other: u32,
}

impl Choice {
    /// A choice with these probabilities, which should sum to 1; at least one must be positive.
    pub fn new(probabilities: &[f64]) -> Choice {
        let possible = probabilities.iter().filter(|&&p| p > 0.0).count();
        let last = probabilities.iter().rposition(|&p| p > 0.0).unwrap_or(0);
        if possible <= 1 {
            return Choice(Table::Sure(last));
        }
        if probabilities.len() > 4 {
            return Choice(Table::Alias(columns(probabilities)));
        }
        // Bounds from the last possible branch on are out of reach, so rounding cannot pick an impossible one.
        let mut bounds = [2.0; 3];
        let mut sum = 0.0;
        for (bound, &p) in bounds.iter_mut().zip(&probabilities[..last]) {
            sum += p;
            *bound = sum;
        }
        Choice(Table::Scan(bounds))
    }

    /// Draws a branch: one uniform number, or none where one branch is certain.
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> usize {
        match &self.0 {
            Table::Sure(index) => *index,
            Table::Scan(bounds) => {
                let u = stream.unit();
                bounds.iter().map(|&bound| usize::from(u >= bound)).sum()
            }
            Table::Alias(columns) => {
                let place = stream.unit() * columns.len() as f64;
                // The product can round up to the length itself.
                let index = (place as usize).min(columns.len() - 1);
                let column = columns[index];
                if place - (index as f64) < column.share { index } else { column.other as usize }
            }
        }
    }
}

fn columns(probabilities: &[f64]) -> Box<[Column]> {
    let n = probabilities.len();
    let mut scaled: Vec<f64> = probabilities.iter().map(|p| p * n as f64).collect();
    let mut columns: Vec<Column> = (0..n).map(|i| Column { share: 1.0, other: i as u32 }).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..n).partition(|&i| scaled[i] < 1.0);
    while let (Some(&light), Some(&heavy)) = (small.last(), large.last()) {
        small.pop();
        columns[light] = Column { share: scaled[light], other: heavy as u32 };
        scaled[heavy] -= 1.0 - scaled[light];
        if scaled[heavy] < 1.0 {
            large.pop();
            small.push(heavy);
        }
    }
    // Left over by rounding: a full column is right, except for branches that cannot happen.
    let likely = (0..n).fold(0, |best, i| if probabilities[i] > probabilities[best] { i } else { best });
    for i in small {
        if probabilities[i] <= 0.0 {
            columns[i] = Column { share: 0.0, other: likely as u32 };
        }
    }
    columns.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    #[test]
    fn branches_come_as_often_as_they_should() {
        let many: Vec<f64> = (0..20).map(|i| if i == 7 { 0.0 } else { f64::from(i) / 183.0 }).collect();
        for shares in [&[0.2, 0.8][..], &[0.1, 0.0, 0.6, 0.3], &[0.5, 0.5, 0.0], &many] {
            let choice = Choice::new(shares);
            let mut stream = Streams::new(5, 0).stream(Purpose::Search, shares.len() as u64);
            let mut counts = vec![0u32; shares.len()];
            for _ in 0..200_000 {
                counts[choice.draw(&mut stream)] += 1;
            }
            for (&count, &p) in counts.iter().zip(shares) {
                // Five standard deviations of a binomial count; none at all where p = 0.
                let tolerance = 5.0 * (200_000.0 * p * (1.0 - p)).sqrt();
                assert!((f64::from(count) - 200_000.0 * p).abs() <= tolerance, "{counts:?} for {shares:?}");
            }
        }
    }

    #[test]
    fn a_certain_branch_draws_nothing() {
        let mut stream = Streams::new(5, 0).stream(Purpose::Search, 0);
        let untouched = stream.clone().word();
        assert_eq!(Choice::new(&[0.0, 1.0, 0.0]).draw(&mut stream), 1);
        assert_eq!(stream.word(), untouched);
    }
}
