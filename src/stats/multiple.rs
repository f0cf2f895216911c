//! Many comparisons at once: how small a probability must be when many were looked at.
//!
//! [`holm`] bounds the chance of even one false claim in the family, whatever the dependence of the tests;
//! [`benjamini_hochberg`] bounds the expected share of false claims among the claims, for tests that are independent
//! or positively dependent. Claims of *equivalence* of a whole family need neither: to be wrong about "all are
//! equivalent" one must be wrong about the worst of them (intersection-union, Berger 1982).
//!
//! Sources: Holm (1979); Benjamini & Hochberg (1995); Benjamini & Yekutieli (2001) for the dependence allowed.

/// Holm's step-down correction: probabilities that may be compared with one level for the whole family, in the
/// order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest = 0.0f64;
    for (rank, index) in ascending(p_values).into_iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        largest = largest.max((factor * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

/// The step-up correction of Benjamini and Hochberg: comparing these with a level keeps the expected share of false
/// claims at that level, in the order given.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let n = p_values.len() as f64;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least = 1.0f64;
    for (rank, index) in ascending(p_values).into_iter().enumerate().rev() {
        least = least.min(n / (rank as f64 + 1.0) * p_values[index]);
        adjusted[index] = least;
    }
    adjusted
}

/// Indices by value, equal values in their order.
fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equal(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
        }
    }

    #[test]
    fn holm_steps_down() {
        // Holm by hand: 4 * 0.005, 3 * 0.01, 2 * 0.03, 1 * 0.04 raised to the one before.
        equal(&holm(&[0.01, 0.04, 0.03, 0.005]), &[0.03, 0.06, 0.06, 0.02]);
        assert!(holm(&[]).is_empty());
        equal(&holm(&[0.9, 0.8]), &[1.0, 1.0]);
    }

    #[test]
    fn benjamini_and_hochberg_step_up() {
        // The fifteen probabilities of their paper (section 3.2): four claims at 5 %, where Holm makes three.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let claims = |adjusted: Vec<f64>| adjusted.iter().filter(|p| **p <= 0.05).count();
        assert_eq!((claims(benjamini_hochberg(&p)), claims(holm(&p))), (4, 3));
        // By hand: 4/4 * 0.04, 4/3 * 0.03 = 0.04, 4/2 * 0.01, 4 * 0.005.
        equal(&benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005]), &[0.02, 0.04, 0.04, 0.02]);
        assert!(benjamini_hochberg(&[]).is_empty());
    }
}
