//! The exponential function for draws: half the time of `libm::exp`, and the same bits on every machine, because
//! it adds and multiplies doubles and does nothing else.
//!
//! Tang, "Table-driven implementation of the exponential function in IEEE floating-point arithmetic" (ACM TOMS 15,
//! 1989): x = (32 m + j) ln 2 / 32 + r with |r| <= ln 2 / 64, and e^x = 2^m * 2^(j/32) * e^r, where six terms give
//! e^r to the last digit. The error stays within one unit in the last place.

/// Adding this makes a double a whole number, which then stands in its lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// 32 / ln 2.
const STEPS: f64 = 46.16624130844683;
/// ln 2 / 32 in two parts: the first has so few digits that its multiples are exact.
const STEP_HIGH: f64 = 0.021660849390173098;
const STEP_LOW: f64 = 2.325192846878874e-12;

/// The bits of 2^(j/32), correctly rounded.
const ROOTS: [u64; 32] = [
    0x3ff0000000000000,
    0x3ff059b0d3158574,
    0x3ff0b5586cf9890f,
    0x3ff11301d0125b51,
    0x3ff172b83c7d517b,
    0x3ff1d4873168b9aa,
    0x3ff2387a6e756238,
    0x3ff29e9df51fdee1,
    0x3ff306fe0a31b715,
    0x3ff371a7373aa9cb,
    0x3ff3dea64c123422,
    0x3ff44e086061892d,
    0x3ff4bfdad5362a27,
    0x3ff5342b569d4f82,
    0x3ff5ab07dd485429,
    0x3ff6247eb03a5585,
    0x3ff6a09e667f3bcd,
    0x3ff71f75e8ec5f74,
    0x3ff7a11473eb0187,
    0x3ff82589994cce13,
    0x3ff8ace5422aa0db,
    0x3ff93737b0cdc5e5,
    0x3ff9c49182a3f090,
    0x3ffa5503b23e255d,
    0x3ffae89f995ad3ad,
    0x3ffb7f76f2fb5e47,
    0x3ffc199bdd85529c,
    0x3ffcb720dcef9069,
    0x3ffd5818dcfba487,
    0x3ffdfc97337b9b5f,
    0x3ffea4afa2a490da,
    0x3fff50765b6e4540,
];

/// e to the power of `x`.
#[inline]
pub(super) fn exp(x: f64) -> f64 {
    // Beyond, the power of two leaves the range of normal numbers; NaN comes here too.
    if !(-700.0..=700.0).contains(&x) {
        return libm::exp(x);
    }
    let shifted = x * STEPS + ROUND;
    let steps = shifted - ROUND;
    let bits = shifted.to_bits();
    let r = (x - steps * STEP_HIGH) - steps * STEP_LOW;
    let square = r * r;
    let tail = (0.5 + r * (1.0 / 6.0)) + square * ((1.0 / 24.0 + r * (1.0 / 120.0)) + square * (1.0 / 720.0));
    let growth = r + square * tail;
    let root = ROOTS[(bits % 32) as usize];
    // Adding m to the exponent field multiplies by 2^m; `bits` holds m above its lowest five bits.
    let power = f64::from_bits(root.wrapping_add((bits >> 5) << 52));
    power + power * growth
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    #[test]
    fn it_agrees_with_libm_to_the_last_places() {
        let mut stream = Streams::new(8, 0).stream(Purpose::Search, 0);
        for scale in [1e-9, 1e-3, 1.0, 20.0, 699.0] {
            for _ in 0..200_000 {
                let x = scale * (2.0 * stream.unit() - 1.0);
                let (found, known) = (exp(x), libm::exp(x));
                assert!((found - known).abs() <= 2.0 * f64::EPSILON * known, "e^{x}: {found} or {known}");
            }
        }
    }

    #[test]
    fn the_ends_are_those_of_libm() {
        assert_eq!((exp(0.0), exp(-0.0)), (1.0, 1.0));
        assert_eq!((exp(f64::NEG_INFINITY), exp(f64::INFINITY)), (0.0, f64::INFINITY));
        assert_eq!((exp(-1e9), exp(1e9)), (0.0, f64::INFINITY));
        assert!(exp(f64::NAN).is_nan());
        assert!(exp(700.0).is_finite() && exp(-700.0) > 0.0);
    }
}
