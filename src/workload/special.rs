//! Special functions that distributions need, made of `libm` parts alone so that fits are the same everywhere.

use libm::{erfc, exp, fabs, lgamma, log, sqrt};

/// Share of a standard normal distribution at or below `x`.
pub(super) fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

/// The value that a standard normal number stays below with probability `p`, for 0 < p < 1.
///
/// Acklam's rational approximation would need 22 constants; Newton on the tail in logarithms needs none and
/// converges from the crude bound sqrt(-2 ln p) because the logarithm of the normal tail is concave.
pub(super) fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let goal = log(p);
    let mut x = -sqrt(-2.0 * goal);
    for _ in 0..60 {
        let tail = normal_cdf(x);
        let density = exp(-0.5 * x * x) / sqrt(2.0 * std::f64::consts::PI);
        let step = (log(tail) - goal) * tail / density;
        x -= step;
        if fabs(step) < 1e-15 * (1.0 + fabs(x)) {
            break;
        }
    }
    x
}

/// Regularised lower incomplete gamma function P(a, x): the series below a + 1, the continued fraction (by
/// Lentz's method) above (Press et al., "Numerical Recipes", section 6.2).
pub(super) fn gamma_p(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x.is_infinite() {
        return 1.0;
    }
    let front = exp(a * log(x) - x - lgamma(a));
    if x < a + 1.0 { front * series(a, x) } else { 1.0 - front * fraction(a, x) }
}

/// Terms grow with the square root of `a`; this many are enough up to a = 10^8.
const TERMS: usize = 200_000;

fn series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    let mut n = a;
    for _ in 0..TERMS {
        n += 1.0;
        term *= x / n;
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut product = d;
    for i in 1..TERMS {
        let i = i as f64;
        let numerator = -i * (i - a);
        b += 2.0;
        d = numerator * d + b;
        if fabs(d) < TINY {
            d = TINY;
        }
        c = b + numerator / c;
        if fabs(c) < TINY {
            c = TINY;
        }
        d = 1.0 / d;
        let factor = d * c;
        product *= factor;
        if fabs(factor - 1.0) < 1e-16 {
            break;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        for (p, z) in
            [(0.5, 0.0), (0.95, 1.6448536269514722), (0.975, 1.959963984540054), (1e-9, -5.997807015)]
        {
            assert!((normal_quantile(p) - z).abs() < 1e-9, "p = {p}: {}", normal_quantile(p));
        }
    }

    #[test]
    fn incomplete_gamma_has_its_closed_forms() {
        // P(1, x) = 1 - e^-x; P(3, x) = 1 - e^-x (1 + x + x^2/2); P(1/2, x) = erf(sqrt x).
        for x in [0.01, 0.7, 1.9, 2.1, 4.5, 30.0] {
            let e = exp(-x);
            assert!((gamma_p(1.0, x) - (1.0 - e)).abs() < 1e-14, "{x}");
            assert!((gamma_p(3.0, x) - (1.0 - e * (1.0 + x + x * x / 2.0))).abs() < 1e-14, "{x}");
            assert!((gamma_p(0.5, x) - libm::erf(sqrt(x))).abs() < 1e-14, "{x}");
        }
    }
}
