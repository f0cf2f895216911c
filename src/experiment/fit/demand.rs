//! Laws of demand: maximum likelihood for several families, the best by AIC, and whether it fits at all.
//!
//! The distance of Anderson and Darling between the data and the fitted law has no table once parameters were fitted, so
//! its probability comes from samples of the fitted law that are fitted in turn (parametric bootstrap, Stute et al.
//! 1993). A law that is surely wrong (p at most 1 %) is not used: the sample itself takes its place.
//!
//! What is planned with a law hangs on its mean and its tail, of which the bulk of the values says little. So a family whose
//! mean is not the sample's is left out, and one under which the largest value is surely too large or too small is surely
//! wrong.
//!
//! Sources: Law, *Simulation Modeling and Analysis*, ch. 6 (estimators); Minka (2002) for the gamma shape; Dempster,
//! Laird & Rubin (1977) for mixtures; Akaike (1974).

use crate::random::{Purpose, Streams};
use crate::stats::interval;
use crate::workload::Distribution;
use libm::{exp, lgamma, log, pow};

/// A family fitted to data.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub family: &'static str,
    /// The law.
    pub law: Distribution,
    /// Akaike's criterion: smaller is better.
    pub aic: f64,
}

/// What was fitted to a sample of demands.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandFit {
    /// Values.
    pub n: usize,
    /// Their mean, seconds.
    pub mean: f64,
    /// Their coefficient of variation.
    pub cv: f64,
    /// The families, best first.
    pub candidates: Vec<Candidate>,
    /// Families whose mean is not the sample's.
    pub left_out: Vec<&'static str>,
    /// Anderson and Darling's distance of the best.
    pub distance: f64,
    /// Its probability if the law were true; absent for a constant.
    pub p_value: Option<f64>,
    /// The largest value, seconds, and the probability that so many values have one as far out, if the best law were
    /// true.
    pub largest: (f64, f64),
    /// The law to use: the best family, or the sample.
    pub law: Distribution,
}

/// At this probability, the smallest that the bootstrap can find, a law is not used.
const P_MIN: f64 = 0.01;

/// A law under which the largest value is less likely is not used: its parameters were fitted to the bulk.
const P_LARGEST_MIN: f64 = 0.001;

/// A mean is not the sample's when it is farther off than this share and than so many standard errors.
const MEAN_OFF: (f64, f64) = (0.01, 3.0);

/// What varies less is constant; laws so narrow are costly and say nothing more.
const CONSTANT: f64 = 1e-5;

/// Values of a sample that stand for it where no law does.
const SAMPLE: usize = 200;

/// Largest values of a longer sample that stand for themselves: few may bring most of the work.
const TAIL: usize = 100;

/// Fits every family; `None` without values.
pub fn fit(values: &[f64]) -> Option<DemandFit> {
    let (mean, variance) = interval::mean_and_variance(values)?;
    let cv = if mean > 0.0 { variance.sqrt() / mean } else { 0.0 };
    let n = values.len();
    if cv < CONSTANT {
        let law = Distribution::Deterministic { value: mean };
        let only = Candidate { family: "deterministic", law: law.clone(), aic: f64::NEG_INFINITY };
        let (candidates, left_out, largest) = (vec![only], Vec::new(), (mean, 1.0));
        return Some(DemandFit {
            n,
            mean,
            cv,
            candidates,
            left_out,
            distance: 0.0,
            p_value: None,
            largest,
            law,
        });
    }
    let slack = f64::max(MEAN_OFF.0 * mean, MEAN_OFF.1 * (variance / n as f64).sqrt());
    let (candidates, others): (Vec<Candidate>, Vec<Candidate>) =
        families(values).into_iter().partition(|one| (one.law.mean() - mean).abs() <= slack);
    let left_out = others.iter().map(|one| one.family).collect();
    let best = candidates.first()?;
    let family = FAMILIES.iter().find(|family| family.name == best.family)?;
    let (distance, p) = goodness(family, &best.law, values);
    let largest = largest(&best.law, values);
    let is_wrong = p <= P_MIN || largest.1 < P_LARGEST_MIN;
    let law = if is_wrong { sample(values) } else { best.law.clone() };
    Some(DemandFit { n, mean, cv, candidates, left_out, distance, p_value: Some(p), largest, law })
}

/// The largest value, and the probability of one as far out, either way.
fn largest(law: &Distribution, values: &[f64]) -> (f64, f64) {
    let largest = values.iter().copied().fold(0.0, f64::max);
    let none_larger = exp(values.len() as f64 * log(law.cdf(largest)));
    (largest, 2.0 * none_larger.min(1.0 - none_larger))
}

impl DemandFit {
    /// No law fits, so that the sample stands for itself.
    pub fn is_sample(&self) -> bool {
        matches!(self.law, Distribution::Empirical { .. } | Distribution::Mixture { .. })
    }
}

/// Every family fitted to values, the best first.
pub(super) fn families(values: &[f64]) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> =
        FAMILIES.iter().filter_map(|family| candidate(family, values)).collect();
    candidates.sort_by(|a, b| a.aic.total_cmp(&b.aic));
    candidates
}

/// The same family fitted to other values, as a draw of its parameters; the sample of them where no family was used.
pub fn refit(fitted: &DemandFit, values: &[f64]) -> Option<Distribution> {
    match fitted.law {
        _ if fitted.is_sample() => Some(sample(values)),
        Distribution::Deterministic { .. } => Some(fitted.law.clone()),
        _ => {
            let family = FAMILIES.iter().find(|family| family.name == fitted.candidates[0].family)?;
            (family.fit)(values)
        }
    }
}

/// The sample itself where it is short; else its largest values and the means of equal parts of all others, so that its
/// mean stays as it is and its tail does.
pub(super) fn sample(values: &[f64]) -> Distribution {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    if n <= SAMPLE + TAIL {
        return Distribution::Empirical { values: sorted.into() };
    }
    let (body, tail) = sorted.split_at(n - TAIL);
    let part = |k: usize| &body[k * body.len() / SAMPLE..(k + 1) * body.len() / SAMPLE];
    let parts: Vec<f64> = (0..SAMPLE).map(|k| mean(part(k))).collect();
    let share = TAIL as f64 / n as f64;
    Distribution::Mixture {
        probabilities: vec![1.0 - share, share],
        parts: [parts, tail.to_vec()].map(|values| Distribution::Empirical { values: values.into() }).into(),
    }
}

struct Family {
    name: &'static str,
    parameters: f64,
    fit: fn(&[f64]) -> Option<Distribution>,
}

const FAMILIES: [Family; 5] = [
    Family { name: "exponential", parameters: 1.0, fit: exponential },
    Family { name: "gamma", parameters: 2.0, fit: gamma },
    Family { name: "lognormal", parameters: 2.0, fit: lognormal },
    Family { name: "weibull", parameters: 2.0, fit: weibull },
    Family { name: "hyperexponential", parameters: 3.0, fit: hyperexponential },
];

fn candidate(family: &Family, values: &[f64]) -> Option<Candidate> {
    let law = (family.fit)(values)?;
    let likelihood: f64 = values.iter().map(|x| log_density(&law, *x)).sum();
    let aic = 2.0 * family.parameters - 2.0 * likelihood;
    aic.is_finite().then_some(Candidate { family: family.name, law, aic })
}

/// Logarithm of the density.
fn log_density(law: &Distribution, x: f64) -> f64 {
    match law {
        Distribution::Exponential { mean } => -log(*mean) - x / mean,
        Distribution::Gamma { shape, scale } => {
            (shape - 1.0) * log(x) - x / scale - lgamma(*shape) - shape * log(*scale)
        }
        Distribution::Lognormal { mu, sigma } => {
            let z = (log(x) - mu) / sigma;
            -z * z / 2.0 - log(x) - log(*sigma) - 0.5 * log(2.0 * std::f64::consts::PI)
        }
        Distribution::Weibull { shape, scale } => {
            log(*shape) - shape * log(*scale) + (shape - 1.0) * log(x) - pow(x / scale, *shape)
        }
        Distribution::Hyperexponential { probabilities, means } => {
            let terms = probabilities.iter().zip(means).map(|(p, mean)| p / mean * exp(-x / mean));
            log(terms.sum::<f64>())
        }
        _ => f64::NAN,
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn positive(values: &[f64]) -> bool {
    values.len() >= 3 && values.iter().all(|x| *x > 0.0)
}

fn exponential(values: &[f64]) -> Option<Distribution> {
    let mean = mean(values);
    (mean > 0.0).then_some(Distribution::Exponential { mean })
}

fn lognormal(values: &[f64]) -> Option<Distribution> {
    let logs: Vec<f64> = values.iter().map(|x| log(*x)).collect();
    let mu = mean(&logs);
    let sigma = mean(&logs.iter().map(|x| (x - mu) * (x - mu)).collect::<Vec<_>>()).sqrt();
    (positive(values) && sigma > 0.0).then_some(Distribution::Lognormal { mu, sigma })
}

/// Not where values scatter by less than a twentieth: nothing tells a gamma from a lognormal there, whose quantiles are
/// cheap.
fn gamma(values: &[f64]) -> Option<Distribution> {
    const SHAPE_MAX: f64 = 400.0;
    if !positive(values) {
        return None;
    }
    let mean_value = mean(values);
    let s = log(mean_value) - mean(&values.iter().map(|x| log(*x)).collect::<Vec<_>>());
    if s <= 0.0 {
        return None;
    }
    let mut shape = (3.0 - s + ((s - 3.0) * (s - 3.0) + 24.0 * s).sqrt()) / (12.0 * s);
    for _ in 0..20 {
        let (digamma, trigamma) = polygamma(shape);
        let next =
            1.0 / (1.0 / shape + (log(shape) - digamma - s) / (shape * shape * (1.0 / shape - trigamma)));
        if !next.is_finite() || next <= 0.0 || (next - shape).abs() < 1e-12 * shape {
            break;
        }
        shape = next;
    }
    (shape <= SHAPE_MAX).then_some(Distribution::Gamma { shape, scale: mean_value / shape })
}

/// Digamma and trigamma by recurrence and their asymptotic series (Abramowitz & Stegun 6.3.18, 6.4.12).
fn polygamma(x: f64) -> (f64, f64) {
    let (mut z, mut first, mut second) = (x, 0.0, 0.0);
    while z < 10.0 {
        first -= 1.0 / z;
        second += 1.0 / (z * z);
        z += 1.0;
    }
    let r = 1.0 / (z * z);
    first += log(z) - 0.5 / z - r * (1.0 / 12.0 - r * (1.0 / 120.0 - r * (1.0 / 252.0 - r / 240.0)));
    second += 1.0 / z + r / 2.0 + r / z * (1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r / 30.0)));
    (first, second)
}

fn weibull(values: &[f64]) -> Option<Distribution> {
    if !positive(values) {
        return None;
    }
    let largest = values.iter().copied().fold(0.0, f64::max);
    let logs: Vec<f64> = values.iter().map(|x| log(x / largest)).collect();
    let mean_log = mean(&logs);
    // The likelihood's derivative in the shape falls through zero once.
    let slope = |shape: f64| {
        let (mut sum, mut weighted) = (0.0, 0.0);
        for x in &logs {
            let power = exp(shape * x);
            sum += power;
            weighted += power * x;
        }
        1.0 / shape + mean_log - weighted / sum
    };
    let (mut low, mut high) = (log(0.02), log(200.0));
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if slope(exp(middle)) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    let shape = exp((low + high) / 2.0);
    let power = mean(&logs.iter().map(|x| exp(shape * x)).collect::<Vec<_>>());
    Some(Distribution::Weibull { shape, scale: largest * pow(power, 1.0 / shape) })
}

/// Two branches by expectation and maximisation; only where values scatter more than an exponential's.
fn hyperexponential(values: &[f64]) -> Option<Distribution> {
    let (whole, variance) = interval::mean_and_variance(values)?;
    if variance <= 1.05 * whole * whole {
        return None;
    }
    let (mut p, mut one, mut two) = (0.7, whole * 0.5, whole * 2.0);
    for _ in 0..300 {
        let (mut weight, mut sum_one, mut sum_two) = (0.0, 0.0, 0.0);
        for x in values {
            let (a, b) = (p / one * exp(-x / one), (1.0 - p) / two * exp(-x / two));
            let share = if a + b > 0.0 { a / (a + b) } else { 0.0 };
            weight += share;
            sum_one += share * x;
            sum_two += (1.0 - share) * x;
        }
        let n = values.len() as f64;
        let next = (weight / n, sum_one / weight, sum_two / (n - weight));
        let still = (next.0 - p).abs() < 1e-10 && (next.1 - one).abs() < 1e-10 * one;
        (p, one, two) = next;
        if still || p.is_nan() || p <= 1e-6 || p >= 1.0 - 1e-6 {
            break;
        }
    }
    let good = p > 1e-6 && p < 1.0 - 1e-6 && one > 0.0 && two > 0.0;
    good.then(|| Distribution::Hyperexponential { probabilities: vec![p, 1.0 - p], means: vec![one, two] })
}

/// Anderson and Darling's distance of a sample, ascending, from a law.
fn distance(law: &Distribution, sorted: &[f64]) -> f64 {
    let n = sorted.len();
    let u: Vec<f64> = sorted.iter().map(|x| law.cdf(*x).clamp(1e-15, 1.0 - 1e-15)).collect();
    let term = |i: usize| (2 * i + 1) as f64 * (log(u[i]) + libm::log1p(-u[n - 1 - i]));
    -(n as f64) - (0..n).map(term).sum::<f64>() / n as f64
}

/// The distance of at most five hundred values, and its probability over samples of the law that are fitted in turn.
fn goodness(family: &Family, law: &Distribution, values: &[f64]) -> (f64, f64) {
    const USED: usize = 500;
    const SAMPLES: u64 = 99;
    let mut stream = Streams::new(0, 0).stream(Purpose::Bootstrap, 3);
    let mut used = values.to_vec();
    if used.len() > USED {
        for place in 0..USED {
            let other = place + stream.below((used.len() - place) as u64) as usize;
            used.swap(place, other);
        }
        used.truncate(USED);
    }
    used.sort_by(f64::total_cmp);
    // Refitted to the values used, as the samples are.
    let own = (family.fit)(&used).unwrap_or_else(|| law.clone());
    let seen = distance(&own, &used);
    let mut far = 1;
    for _ in 0..SAMPLES {
        let mut drawn: Vec<f64> =
            (0..used.len()).map(|_| own.quantile(stream.unit_positive().min(1.0 - 1e-12))).collect();
        drawn.sort_by(f64::total_cmp);
        let again = (family.fit)(&drawn).unwrap_or_else(|| own.clone());
        far += u64::from(distance(&again, &drawn) >= seen);
    }
    (seen, far as f64 / (SAMPLES + 1) as f64)
}
