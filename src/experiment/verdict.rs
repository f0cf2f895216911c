//! An objective against its estimate: met, missed or undecided.
//!
//! The whole interval on the good side of the bound is *met*, the whole on the bad side is *missed*, an interval
//! that straddles the bound is *undecided*. Five cases have rules of their own:
//!
//! - **Certainty.** Where nothing in a model is left to chance its figures have no interval, and are judged as they
//!   are.
//! - **One replication.** Requests within a replication share its luck, so they are no independent observations of
//!   what another would do: nothing is concluded from one alone, unless it is long enough to be cut into batches.
//! - **No steady part.** Where most replications never got over their warm-up, their figures still remember the empty
//!   system that they began with and flatter it: an objective may be missed then, but not met.
//! - **No events.** "No time-outs" can never be proved by a finite run. Seen none in n requests, the share of
//!   requests hit is below the Wilson bound z² / (n + z²) (Wilson, JASA 22, 1927). A bound of zero is taken as met
//!   when that is below [`ZERO_RESOLUTION`], and the verdict says what was shown; otherwise it is undecided and
//!   says how many requests would settle it.
//! - **Unstable.** Where work comes in faster than it can be done, a latency has no limit: an upper bound on a
//!   time is missed, whatever the figure of a finite run.

use super::estimate::{RegimeFound, Wanted};
use super::metric::{Metric, Scope, Unit};
use super::record::World;
use crate::model::{Bound, Objective};
use crate::stats::Estimate;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// The share of requests that a zero is resolved to: one in a thousand.
pub const ZERO_RESOLUTION: f64 = 1e-3;

/// What is asked for where there is no interval yet.
const FEWEST_REPLICATIONS: u64 = 10;

/// The answer to an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// The interval is on the good side of the bound.
    Met,
    /// The interval is on the bad side.
    Missed,
    /// There is not enough data to say.
    Undecided,
}

/// Which side of a bound is good, as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// At most.
    AtMost,
    /// At least.
    AtLeast,
}

impl Side {
    /// Whether a value is on the good side of a bound.
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Side::AtMost => value <= bound,
            Side::AtLeast => value >= bound,
        }
    }
}

/// An objective judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Metric name.
    pub metric: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit of the bound.
    pub unit: Unit,
    /// Which side is good.
    pub side: Side,
    /// The bound.
    pub bound: f64,
    /// Confidence asked for.
    pub confidence: f64,
    /// The answer.
    pub judgement: Judgement,
    /// The estimate at the confidence asked for; absent where there was nothing to estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Why, in a sentence.
    pub reason: String,
    /// Replications that would settle an undecided verdict, by the width of the interval so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replications_needed: Option<u64>,
    /// Requests that would settle it, where requests are what counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_needed: Option<u64>,
    /// The relative distance from the bound that a search was told not to mind, where that and not the interval alone
    /// decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indifference: Option<f64>,
}

/// What verdicts rest on.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Figures of the point.
    pub metrics: &'a [Metric],
    /// Its regime.
    pub regime: &'a RegimeFound,
    /// Replications made.
    pub replications: u64,
    /// Where it comes from: a real run happened once, and so did its twin, which are judged by their requests.
    pub world: World,
    /// Whether nothing is left to chance, so that the only replication is the whole truth.
    pub certain: bool,
}

impl Evidence<'_> {
    /// Whether all there is comes from one replication that could not be cut into independent parts.
    fn stands_alone(&self) -> bool {
        self.world == World::Simulated
            && self.replications < 2
            && matches!(self.regime, RegimeFound::Terminating)
    }

    /// Why a figure may flatter the system, where more than half of the replications had no end of their warm-up.
    fn never_steady(&self) -> Option<String> {
        let RegimeFound::Steady { refused, .. } = *self.regime else { return None };
        (2 * u64::from(refused) > self.replications).then(|| {
            format!(
                "the warm-up of {refused} of {} replications did not end in the first half of the run, so the figures \
                 are too good; make the run longer",
                self.replications
            )
        })
    }
}

/// Judges every objective.
pub fn judge_all(objectives: &[Objective], evidence: &Evidence<'_>) -> Vec<Verdict> {
    objectives.iter().map(|objective| judge(objective, evidence)).collect()
}

/// The metric that an objective is about.
pub fn metric_of<'a>(objective: &Objective, metrics: &'a [Metric]) -> Option<&'a Metric> {
    let wanted = scope_of(objective);
    let exact = metrics.iter().find(|metric| metric.name == objective.metric && metric.scope == wanted);
    // A metric of the only pool, or of the only host, need not name it.
    exact.or_else(|| {
        let mut candidates = metrics.iter().filter(|metric| {
            metric.name == objective.metric
                && metric.scope.class == wanted.class
                && metric.scope.phase == wanted.phase
                && wanted.pool.is_none()
        });
        let first = candidates.next();
        if candidates.next().is_none() { first } else { None }
    })
}

/// Judges one objective.
pub fn judge(objective: &Objective, evidence: &Evidence<'_>) -> Verdict {
    let Some(metric) = metric_of(objective, evidence.metrics) else {
        return without_estimate(objective, evidence.regime);
    };
    let estimate = at_confidence(&metric.estimate, objective.confidence);
    let verdict = blank(objective, metric.unit);
    let verdict = Verdict { scope: metric.scope.clone(), estimate: Some(estimate), ..verdict };
    if let Some(reason) = no_limit(objective, metric.unit, evidence.regime) {
        return Verdict { judgement: Judgement::Missed, reason, estimate: None, ..verdict };
    }
    if !estimate.value.is_finite() {
        return Verdict { reason: String::from("nothing was seen to estimate it from"), ..verdict };
    }
    if evidence.certain {
        return by_value(verdict, &estimate);
    }
    if estimate.n < 2 || evidence.stands_alone() {
        let reason = String::from("a single replication has no interval; make several");
        return Verdict { reason, replications_needed: Some(FEWEST_REPLICATIONS), ..verdict };
    }
    let verdict = if objective.bound == Bound::AtMost && estimate.value == 0.0 && counts_events(metric.unit) {
        let requests = requests_in(&metric.scope, evidence).unwrap_or(estimate.n);
        none_seen(verdict, &estimate, requests, evidence.replications)
    } else {
        by_interval(verdict, &estimate, evidence.replications)
    };
    match evidence.never_steady() {
        Some(reason) if verdict.judgement == Judgement::Met => {
            Verdict { judgement: Judgement::Undecided, reason, ..verdict }
        }
        _ => verdict,
    }
}

/// The figure that an objective asks for.
pub fn wanted(objective: &Objective) -> Wanted {
    Wanted { name: objective.metric.clone(), scope: scope_of(objective) }
}

fn scope_of(objective: &Objective) -> Scope {
    Scope {
        class: objective.class.clone(),
        phase: objective.phase.clone(),
        pool: objective.pool.clone(),
        host: None,
    }
}

fn blank(objective: &Objective, unit: Unit) -> Verdict {
    Verdict {
        metric: objective.metric.clone(),
        scope: scope_of(objective),
        unit,
        side: match objective.bound {
            Bound::AtMost => Side::AtMost,
            Bound::AtLeast => Side::AtLeast,
        },
        bound: objective.value,
        confidence: objective.confidence,
        judgement: Judgement::Undecided,
        estimate: None,
        reason: String::new(),
        replications_needed: None,
        requests_needed: None,
        indifference: None,
    }
}

/// The unit that a metric's name tells, for verdicts without a metric.
fn unit_by_name(name: &str) -> Unit {
    let timed = ["latency", "sojourn", "wait", "delay", "service"].iter().any(|word| name.contains(word));
    if timed && !name.starts_with("prob") { Unit::Seconds } else { Unit::Number }
}

fn without_estimate(objective: &Objective, regime: &RegimeFound) -> Verdict {
    let unit = unit_by_name(&objective.metric);
    let verdict = blank(objective, unit);
    match no_limit(objective, unit, regime) {
        Some(reason) => Verdict { judgement: Judgement::Missed, reason, ..verdict },
        None => Verdict { reason: String::from("the run gave no figure for it"), ..verdict },
    }
}

/// Why an upper bound on a time cannot hold in an unstable regime.
fn no_limit(objective: &Objective, unit: Unit, regime: &RegimeFound) -> Option<String> {
    let RegimeFound::Unstable { .. } = regime else { return None };
    (objective.bound == Bound::AtMost && unit == Unit::Seconds).then(|| {
        String::from("unstable: work comes in faster than it can be done, so it grows without limit")
    })
}

const fn counts_events(unit: Unit) -> bool {
    matches!(unit, Unit::Count | Unit::Ratio | Unit::PerSecond | Unit::Number)
}

/// Requests over all replications in a metric's class and phase.
fn requests_in(scope: &Scope, evidence: &Evidence<'_>) -> Option<u64> {
    let wanted = Scope { pool: None, host: None, ..scope.clone() };
    let sent =
        evidence.metrics.iter().find(|metric| metric.name == "count_sent" && metric.scope == wanted)?;
    Some((sent.estimate.value * evidence.replications as f64).round() as u64)
}

/// The verdict where none of the events was seen in `requests` requests.
fn none_seen(verdict: Verdict, estimate: &Estimate, requests: u64, replications: u64) -> Verdict {
    let z = two_sided_normal(verdict.confidence);
    let upper = z * z / (requests as f64 + z * z);
    let shown = format!(
        "none in {requests} requests: at {} confidence fewer than 1 in {}",
        percent(verdict.confidence),
        (1.0 / upper).floor()
    );
    // With room above zero the interval decides; without, what the requests can show at all.
    let room = verdict.bound > 0.0;
    if (room && estimate.high <= verdict.bound) || (!room && upper <= ZERO_RESOLUTION) {
        return Verdict { judgement: Judgement::Met, reason: shown, ..verdict };
    }
    // In units of requests: the share that the upper end would have to fall below.
    let resolution = if room { upper * verdict.bound / estimate.high } else { ZERO_RESOLUTION };
    let needed = (z * z * (1.0 - resolution) / resolution).ceil() as u64;
    let per_replication = (requests / replications.max(1)).max(1);
    Verdict {
        judgement: Judgement::Undecided,
        reason: format!(
            "{shown}; {needed} requests without one would show 1 in {}",
            (1.0 / resolution).round()
        ),
        replications_needed: Some(needed.div_ceil(per_replication)),
        requests_needed: Some(needed),
        ..verdict
    }
}

/// Where nothing is left to chance the figure is exact.
fn by_value(verdict: Verdict, estimate: &Estimate) -> Verdict {
    let met = verdict.side.holds(estimate.value, verdict.bound);
    let judgement = if met { Judgement::Met } else { Judgement::Missed };
    let reason = String::from("nothing is left to chance: every replication is the same");
    Verdict { judgement, reason, ..verdict }
}

fn by_interval(verdict: Verdict, estimate: &Estimate, replications: u64) -> Verdict {
    let (met, missed) = match verdict.side {
        Side::AtMost => (estimate.high <= verdict.bound, estimate.low > verdict.bound),
        Side::AtLeast => (estimate.low >= verdict.bound, estimate.high < verdict.bound),
    };
    if met || missed {
        let judgement = if met { Judgement::Met } else { Judgement::Missed };
        let side = if met { "good" } else { "wrong" };
        let reason = format!("the whole interval is on the {side} side of the bound");
        return Verdict { judgement, reason, ..verdict };
    }
    // The half-width shrinks with the root of n: it must fall below the distance to the bound.
    let distance = (estimate.value - verdict.bound).abs();
    let half = ((estimate.high - estimate.low) / 2.0).abs();
    let factor = (half / distance) * (half / distance) * 1.1;
    let needed = (replications as f64 * factor).ceil();
    let settled_by = (needed.is_finite() && needed < 1e9).then_some(needed as u64);
    let reason = match settled_by {
        Some(n) => format!("the interval straddles the bound; about {n} replications would settle it"),
        None => {
            String::from("the estimate sits on the bound; no affordable number of replications settles it")
        }
    };
    Verdict { judgement: Judgement::Undecided, reason, replications_needed: settled_by, ..verdict }
}

/// An estimate at another confidence: each side of the interval is stretched by the ratio of Student quantiles at
/// n − 1 degrees of freedom. Exact for means over replications, close for order-statistic intervals.
pub fn at_confidence(estimate: &Estimate, confidence: f64) -> Estimate {
    if estimate.n < 2 || (estimate.confidence - confidence).abs() < 1e-12 {
        return *estimate;
    }
    let quantile = |confidence: f64| {
        StudentsT::new(0.0, 1.0, (estimate.n - 1) as f64)
            .map_or(f64::NAN, |student| student.inverse_cdf(0.5 + confidence / 2.0))
    };
    let stretch = quantile(confidence) / quantile(estimate.confidence);
    if !stretch.is_finite() {
        return *estimate;
    }
    Estimate {
        low: estimate.value - (estimate.value - estimate.low) * stretch,
        high: estimate.value + (estimate.high - estimate.value) * stretch,
        confidence,
        ..*estimate
    }
}

/// The normal quantile that a two-sided interval of this confidence uses.
fn two_sided_normal(confidence: f64) -> f64 {
    Normal::new(0.0, 1.0).map_or(f64::NAN, |normal| normal.inverse_cdf(0.5 + confidence / 2.0))
}

fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The answer to all objectives together: missed if one is, else undecided if one is, else met. `None` without
/// objectives.
pub fn overall<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Option<Judgement> {
    verdicts.into_iter().map(|verdict| verdict.judgement).reduce(|one, two| match (one, two) {
        (Judgement::Missed, _) | (_, Judgement::Missed) => Judgement::Missed,
        (Judgement::Undecided, _) | (_, Judgement::Undecided) => Judgement::Undecided,
        _ => Judgement::Met,
    })
}
