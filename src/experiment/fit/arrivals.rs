//! Laws of arrivals: a constant rate, a rate that changes in steps, gaps of another law, or a rate that jumps.
//!
//! All are fitted by maximum likelihood of the same instants, so AIC compares them. A law whose own mean rate is not the
//! rate that was seen would be right about gaps and wrong about the load, so it is left out before. Whether the best one fits at all is
//! asked of its residuals: the integral of its rate from one arrival to the next is exponential of mean 1 and
//! independent if the law is true (time rescaling, Brown et al. 2002). Where none fits, what was seen stands for itself:
//! the gaps, the rate in steps, or both.
//!
//! Requests that come together are batches: the laws are those of the instants at which batches come.
//!
//! Sources: Cox & Lewis (1966); Rydén (1994) for the likelihood of the Markov-modulated process.

mod instants;

use crate::stats::equivalence::student_tail;
use crate::stats::{interval, shape};
use crate::workload::Distribution;
use libm::{exp, log};

/// A process of arrivals.
#[derive(Clone, Debug, PartialEq)]
pub enum Process {
    /// Poisson at one rate, per second.
    Poisson(f64),
    /// Poisson at rates that hold from their instants on.
    Steps(Vec<(f64, f64)>),
    /// Independent gaps.
    Renewal(Distribution),
    /// Gaps of a law under rates that hold from their instants on.
    Scheduled(Distribution, Vec<(f64, f64)>),
    /// Poisson at one of two rates, with mean stays in seconds.
    Modulated([f64; 2], [f64; 2]),
}

/// A process fitted to instants.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its name.
    pub name: &'static str,
    /// It.
    pub process: Process,
    /// Akaike's criterion.
    pub aic: f64,
}

/// What was fitted to the arrivals.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrivalFit {
    /// Mean rate of requests, per second.
    pub rate: f64,
    /// How many come together, batch by batch; empty where they come one by one. All else is of batches then.
    pub batches: Vec<usize>,
    /// The unit (seconds) of a recorder's clock too coarse for what it recorded: the requests of one instant were
    /// spread over it.
    pub unit: Option<f64>,
    /// Coefficient of variation of the gaps: 1 for Poisson.
    pub gap_cv: f64,
    /// Processes by AIC, but Poisson first where nothing is better by more than luck.
    pub candidates: Vec<Candidate>,
    /// What was seen stands for itself where no process fits: the gaps, if none follows from the one before, else the
    /// rate in steps, with the gaps where they are as independent or as even as that under it.
    pub sample: Option<Process>,
    /// Processes that would send at another rate than was seen.
    pub left_out: Vec<&'static str>,
    /// Probability of the residuals' distribution if the best were true (approximate: its parameters were fitted).
    pub p_shape: f64,
    /// Probability of their correlation from one to the next.
    pub p_order: f64,
}

impl ArrivalFit {
    /// The process to use.
    pub fn best(&self) -> &Process {
        self.sample.as_ref().unwrap_or(&self.candidates[0].process)
    }
}

impl Process {
    /// Its mean rate over the stretch that it was fitted to, per second.
    pub fn mean_rate(&self, span: f64) -> f64 {
        match self {
            Process::Poisson(rate) => *rate,
            Process::Steps(steps) | Process::Scheduled(_, steps) => {
                let until = |index: usize| steps.get(index + 1).map_or(span, |next: &(f64, f64)| next.0);
                let of = |(index, (from, rate)): (usize, &(f64, f64))| rate * (until(index) - from);
                steps.iter().enumerate().map(of).sum::<f64>() / span
            }
            Process::Renewal(law) => 1.0 / law.mean(),
            Process::Modulated(rates, stays) => {
                (rates[0] * stays[0] + rates[1] * stays[1]) / (stays[0] + stays[1])
            }
        }
    }
}

/// A process is left out when its mean rate is farther from the one seen.
const RATE_OFF: f64 = 0.1;

/// A law whose residuals are less likely is not used.
pub const P_MIN: f64 = 0.01;

/// Shortest gap: recorders round.
const GAP_MIN: f64 = 1e-6;

/// Arrivals to which the dearest likelihood is fitted.
const MODULATED_MAX: usize = 20_000;

/// By so much a process must be better than Poisson: by 2 it would be had one been tried beside it (Burnham & Anderson
/// 2002), and some twenty are, the best of which is better by 2 ln 20 more by luck.
const LUCK: f64 = 8.0;

/// Gaps whose coefficient of variation is smaller come from a schedule.
const EVEN: f64 = 0.5;

/// Gaps that scatter less are those of a timer.
const TIMER: f64 = 1e-3;

/// Fits every process to ascending instants, of which at least two differ.
pub fn fit(times: &[f64]) -> ArrivalFit {
    let found = instants::of(times);
    let requests = found.sizes.iter().sum::<usize>().max(found.times.len());
    let fitted = of_instants(&found.times);
    let rate = fitted.rate * requests as f64 / found.times.len() as f64;
    ArrivalFit { rate, batches: found.sizes, unit: found.unit, ..fitted }
}

fn of_instants(times: &[f64]) -> ArrivalFit {
    let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).max(GAP_MIN)).collect();
    let span: f64 = gaps.iter().sum::<f64>().max(GAP_MIN);
    let n = gaps.len() as f64;
    let rate = n / span;
    let poisson = 2.0 - 2.0 * (n * log(rate) - n);
    let mut candidates = vec![Candidate { name: "Poisson", process: Process::Poisson(rate), aic: poisson }];
    candidates.extend(steps(times));
    candidates.extend(renewal(&gaps, rate));
    candidates.extend(modulated(&gaps, rate));
    let off = |one: &Candidate| {
        let ratio = one.process.mean_rate(span) / rate;
        !(1.0 - RATE_OFF..=1.0 + RATE_OFF).contains(&ratio)
    };
    let left_out = candidates.iter().filter(|one| off(one)).map(|one| one.name).collect();
    candidates.retain(|one| !off(one));
    candidates.sort_by(|a, b| a.aic.total_cmp(&b.aic));
    let simplest = candidates.iter().position(|one| one.name == "Poisson").unwrap_or(0);
    if candidates[simplest].aic <= candidates[0].aic + LUCK {
        candidates[..=simplest].rotate_right(1);
    }
    let residuals = residuals(&candidates[0].process, times, &gaps);
    let p_shape = exponential(&residuals);
    let p_order = two_sided(correlation(&residuals));
    let sample = (p_shape < P_MIN || p_order < P_MIN).then(|| as_seen(times, &gaps));
    let (batches, unit, gap_cv) = (Vec::new(), None, cv(&gaps));
    ArrivalFit { rate, batches, unit, gap_cv, candidates, sample, left_out, p_shape, p_order }
}

/// What was seen, where no law fits.
fn as_seen(times: &[f64], gaps: &[f64]) -> Process {
    // Gaps that make up for each other, as those of a schedule do, are played as if they knew nothing of each other.
    let Some(steps) = steps(times).filter(|_| follow(gaps)) else {
        let even = cv(gaps) < TIMER;
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let timer = Distribution::Deterministic { value: mean };
        return Process::Renewal(if even { timer } else { super::demand::sample(gaps) });
    };
    let within = residuals(&steps.process, times, gaps);
    match steps.process {
        Process::Steps(steps) if cv(&within) < EVEN || !follow(&within) => {
            Process::Scheduled(super::demand::sample(&within), steps)
        }
        other => other,
    }
}

/// Probability of the distance of residuals from the exponential law of mean 1.
fn exponential(residuals: &[f64]) -> f64 {
    let mut sorted = residuals.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let gap = sorted.iter().enumerate().fold(0.0f64, |gap, (k, x)| {
        let law = -libm::expm1(-x);
        gap.max((law - k as f64 / count).abs()).max((law - (k as f64 + 1.0) / count).abs())
    });
    shape::kolmogorov_of_one(gap, count)
}

fn cv(values: &[f64]) -> f64 {
    let found = interval::mean_and_variance(values).filter(|(mean, _)| *mean > 0.0);
    found.map_or(0.0, |(mean, variance)| variance.sqrt() / mean)
}

/// Whether long gaps surely follow long ones: by the ranks of neighbours, which one long gap does not sway.
fn follow(gaps: &[f64]) -> bool {
    let z = correlation(&ranks(gaps));
    z > 0.0 && two_sided(z) < P_MIN
}

/// The rank of each value; those that are the same share theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0.0;
    // Gaps are differences of instants: the same are so but for the last bits.
    for same in places.chunk_by(|a, b| values[*b] - values[*a] < 1e-9 * values[*b]) {
        let rank = before + (same.len() - 1) as f64 / 2.0;
        same.iter().for_each(|place| ranks[*place] = rank);
        before += same.len() as f64;
    }
    ranks
}

/// The correlation of neighbours, in its standard errors; 0 where all are the same.
fn correlation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    let product: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    if variance > 0.0 { product / variance * n.sqrt() } else { 0.0 }
}

fn two_sided(z: f64) -> f64 {
    (2.0 * student_tail(z.abs(), f64::INFINITY)).min(1.0)
}

/// Equal stretches, as many as AIC pays for.
fn steps(times: &[f64]) -> Option<Candidate> {
    let (start, end) = (times[0], times[times.len() - 1]);
    let with = |count: usize| {
        let width = (end - start) / count as f64;
        let mut counts = vec![0.0f64; count];
        for time in &times[1..] {
            counts[(((time - start) / width) as usize).min(count - 1)] += 1.0;
        }
        let likelihood: f64 =
            counts.iter().map(|n| if *n > 0.0 { n * log(n / width) - n } else { 0.0 }).sum();
        let steps = counts.iter().enumerate().map(|(k, n)| (k as f64 * width, n / width)).collect();
        Candidate {
            name: "Poisson with a rate in steps",
            process: Process::Steps(steps),
            aic: 2.0 * count as f64 - 2.0 * likelihood,
        }
    };
    let counts = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
        .into_iter()
        .filter(|count| times.len() >= 20 * count);
    counts.filter(|_| end > start).map(with).min_by(|a, b| a.aic.total_cmp(&b.aic))
}

/// Gaps of the best family that is no exponential and keeps the rate; where none does, the best for all that.
fn renewal(gaps: &[f64], rate: f64) -> Option<Candidate> {
    let fitted = super::demand::families(gaps);
    let others = || fitted.iter().filter(|one| one.family != "exponential");
    let keeps = |one: &&super::demand::Candidate| (1.0 / one.law.mean() / rate - 1.0).abs() <= RATE_OFF;
    let best = others().find(keeps).or_else(|| others().next())?.clone();
    Some(Candidate { name: "renewal", process: Process::Renewal(best.law), aic: best.aic })
}

/// Two rates and two stays.
fn modulated(gaps: &[f64], rate: f64) -> Option<Candidate> {
    if gaps.len() < 100 {
        return None;
    }
    let used = &gaps[..gaps.len().min(MODULATED_MAX)];
    // Logarithms of the two rates and the two stays, started where a window of ten arrivals looks slow or fast.
    let mut best = [log(rate * 0.5), log(rate * 2.0), log(20.0 / rate), log(20.0 / rate)];
    let score = |x: &[f64; 4]| filter(used, [exp(x[0]), exp(x[1])], [exp(x[2]), exp(x[3])], &mut |_| {});
    let mut value = score(&best);
    let mut step = 1.0;
    while step > 0.02 {
        let mut moved = false;
        for place in 0..4 {
            for sign in [step, -step] {
                let mut next = best;
                next[place] += sign;
                let found = score(&next);
                if found > value {
                    (best, value, moved) = (next, found, true);
                }
            }
        }
        if !moved {
            step /= 2.0;
        }
    }
    // Fitted to a part, it is judged by the whole, as all others are.
    let (rates, stays) = ([exp(best[0]), exp(best[1])], [exp(best[2]), exp(best[3])]);
    let likelihood = filter(gaps, rates, stays, &mut |_| {});
    let process = Process::Modulated(rates, stays);
    likelihood.is_finite().then_some(Candidate {
        name: "Markov-modulated",
        process,
        aic: 8.0 - 2.0 * likelihood,
    })
}

/// The log-likelihood of a process with two states; `see` gets the probability of a longer gap each time.
fn filter(gaps: &[f64], rates: [f64; 2], stays: [f64; 2], see: &mut dyn FnMut(f64)) -> f64 {
    let (out, back) = (1.0 / stays[0], 1.0 / stays[1]);
    let (first, last) = (-(out + rates[0]), -(back + rates[1]));
    let (middle, half) = ((first + last) / 2.0, (first - last) / 2.0);
    let root = (half * half + out * back).sqrt().max(1e-300);
    // What an arrival finds: states in proportion to stay times rate.
    let weight = [stays[0] * rates[0], stays[1] * rates[1]];
    let mut state = [weight[0] / (weight[0] + weight[1]), weight[1] / (weight[0] + weight[1])];
    let mut sum = 0.0;
    for gap in gaps {
        // exp of a two by two matrix in closed form.
        let (up, down) = (exp((middle + root) * gap), exp((middle - root) * gap));
        let (even, odd) = ((up + down) / 2.0, (up - down) / 2.0 / root);
        let to = [
            state[0] * (even + odd * half) + state[1] * odd * back,
            state[0] * odd * out + state[1] * (even - odd * half),
        ];
        see(to[0] + to[1]);
        let arrived = [to[0] * rates[0], to[1] * rates[1]];
        let density = arrived[0] + arrived[1];
        if density.is_nan() || density <= 0.0 {
            return f64::NEG_INFINITY;
        }
        sum += log(density);
        state = [arrived[0] / density, arrived[1] / density];
    }
    sum
}

/// The integrals of the rate between arrivals.
fn residuals(process: &Process, times: &[f64], gaps: &[f64]) -> Vec<f64> {
    let of_tail = |tail: f64| -log(tail.clamp(1e-300, 1.0));
    match process {
        Process::Poisson(rate) => gaps.iter().map(|gap| gap * rate).collect(),
        Process::Renewal(law) => gaps.iter().map(|gap| of_tail(1.0 - law.cdf(*gap))).collect(),
        Process::Steps(steps) | Process::Scheduled(_, steps) => {
            let total = |time: f64| {
                let mut sum = 0.0;
                for (index, (from, rate)) in steps.iter().enumerate() {
                    let to = steps.get(index + 1).map_or(f64::INFINITY, |next| next.0);
                    sum += rate * (time.min(to) - from).max(0.0);
                }
                sum
            };
            let totals: Vec<f64> = times.iter().map(|time| total(time - times[0])).collect();
            totals.windows(2).map(|pair| pair[1] - pair[0]).collect()
        }
        Process::Modulated(rates, stays) => {
            let mut list = Vec::with_capacity(gaps.len());
            filter(gaps, *rates, *stays, &mut |tail| list.push(of_tail(tail)));
            list
        }
    }
}
