//! Two worlds held against each other: does the real scheduler do what the simulator says?
//!
//! Every figure (by metric, class, phase and outcome) gets a verdict against a margin that was set beforehand:
//! equivalent, different or undecided. "No difference found" is never shown as agreement. Two questions stay apart:
//!
//! * *trace-driven*: the same arrivals and demands went in, so run is compared with run ([`Pairing::Runs`]), and every
//!   request with itself; the gap is an error of the physics;
//! * *model-driven*: chance was drawn anew, so only the distributions over runs are compared ([`Pairing::None`]); the
//!   rest is an error of the fit, or of too few real runs to tell.
//!
//! The run is the unit of observation, since requests within a run depend on each other. A single pair of runs is all
//! that a live replay may have: its requests are then taken for as many as their dependence leaves them worth.
//! Claims of a difference are corrected for their number (Holm); claims of equivalence need no correction.

pub mod explain;
mod figures;
pub mod recording;
pub mod records;

use self::figures::{Figure, Of};
use super::metric::{Metric, Scope, Unit};
use super::record::{Difference, Parts};
use crate::outcome::Outcome;
use crate::stats::proportions::{PairedShares, Shares};
use crate::stats::shape::{self, ShapeJudged};
use crate::stats::{
    Contrast, Equivalence, Estimate, Judged, Level, RequestSeen, dependence, interval, multiple,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What counts as agreement, set before anything is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Share of the reference value within which a difference does not matter.
    pub margin: f64,
    /// A difference in time that never matters, seconds.
    pub floor_time: f64,
    /// A difference in shares that never matters: so many of all requests.
    pub floor_share: f64,
    /// Confidence of every claim.
    pub confidence: f64,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms { margin: 0.05, floor_time: 0.001, floor_share: 0.02, confidence: 0.95 }
    }
}

impl Terms {
    /// The margin around a reference value of a unit. That of a share is the same for its complement: a share of the
    /// rarer side.
    pub fn around(&self, unit: Unit, reference: f64) -> f64 {
        match unit {
            Unit::Seconds => (self.margin * reference.abs()).max(self.floor_time),
            Unit::Ratio => (self.margin * reference.min(1.0 - reference)).max(self.floor_share),
            _ => self.margin * reference.abs(),
        }
    }
}

/// What the runs of two worlds have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Run i of one has the arrivals and demands of run i of the other, and its requests have the same keys.
    Runs,
    /// Nothing but the model.
    None,
}

/// The runs of one world.
#[derive(Clone, Debug)]
pub struct World<'a> {
    /// What it is called.
    pub label: &'a str,
    /// Its runs.
    pub runs: &'a [Vec<RequestSeen>],
}

/// One figure of both worlds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreed {
    /// Metric.
    pub metric: String,
    /// Of what.
    #[serde(flatten)]
    pub scope: Scope,
    /// Unit.
    pub unit: Unit,
    /// Of the first world, the reference; absent for a distance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<f64>,
    /// Of the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<f64>,
    /// Second minus first, or a distance.
    pub difference: Estimate,
    /// A difference that does not matter.
    pub margin: f64,
    /// The verdict, corrected for the number of claims.
    pub verdict: Equivalence,
    /// Probability of what was seen if there were no difference at all.
    pub p_value: f64,
}

/// How single requests agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestsAgree {
    /// Requests that both worlds saw.
    pub pairs: u64,
    /// Requests that only one saw.
    pub alone: u64,
    /// Share of pairs with the same outcome (Wilson; as if requests were independent).
    pub same_outcome: Estimate,
    /// Share with as many hand-overs to workers.
    pub same_hand_overs: Estimate,
    /// Share whose latencies are within the margin of each other.
    pub within_margin: Estimate,
    /// Median distance of latencies, seconds.
    pub distance_p50: f64,
    /// 95th percentile of it.
    pub distance_p95: f64,
}

/// Two worlds compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// How: trace-driven, model-driven, or records.
    pub how: String,
    /// The first world, the reference.
    pub first: String,
    /// The second.
    pub second: String,
    /// The worst verdict of all figures.
    pub verdict: Equivalence,
    /// What counted as agreement.
    pub terms: Terms,
    /// Figures.
    pub figures: Vec<Agreed>,
    /// Requests one by one, where they can be paired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<RequestsAgree>,
}

impl Agreement {
    /// How many figures have a verdict.
    pub fn count(&self, verdict: Equivalence) -> usize {
        self.figures.iter().filter(|figure| figure.verdict == verdict).count()
    }

    /// The figures as differences of a record.
    pub fn differences(&self) -> impl Iterator<Item = Difference> + '_ {
        self.figures.iter().filter(|one| one.first.is_some() && one.difference.is_finite()).map(|one| {
            Difference {
                label: format!("{} against {} ({})", self.second, self.first, self.how),
                metric: one.metric.clone(),
                scope: one.scope.clone(),
                unit: one.unit,
                estimate: one.difference,
                bound: Some(one.margin),
            }
        })
    }
}

/// Judges every figure of two worlds whose classes and phases have these names. `None` where nothing can be compared.
pub fn judge(
    how: &str,
    worlds: (&World<'_>, &World<'_>),
    parts: &Parts,
    terms: &Terms,
    pairing: Pairing,
) -> Option<Agreement> {
    let (first, second) = worlds;
    let mut judged: Vec<(Agreed, f64)> = Vec::new();
    for figure in figures::all(parts, first.runs.iter().chain(second.runs)) {
        judged.extend(one_figure(&figure, first, second, terms, pairing));
    }
    for scope in figures::scopes(parts) {
        judged.extend(shape_of(&scope, parts, first, second, terms, pairing));
    }
    // A family of claims of difference: its probabilities are corrected together.
    let beyond: Vec<f64> = judged.iter().map(|(_, p)| *p).collect();
    let corrected = multiple::holm(&beyond);
    let agreed = judged.into_iter().zip(corrected).map(|((mut agreed, _), p)| {
        if agreed.verdict == Equivalence::Different && p > 1.0 - terms.confidence {
            agreed.verdict = Equivalence::Undecided;
        }
        agreed
    });
    let figures: Vec<Agreed> = agreed.collect();
    Some(Agreement {
        how: how.to_owned(),
        first: first.label.to_owned(),
        second: second.label.to_owned(),
        verdict: Equivalence::of_all(figures.iter().map(|figure| figure.verdict))?,
        terms: *terms,
        figures,
        requests: (pairing == Pairing::Runs).then(|| requests(first.runs, second.runs, terms)).flatten(),
    })
}

/// So many pairs of runs say enough by themselves; fewer are asked request by request.
const RUNS_ENOUGH: usize = 5;

/// One figure, with the probability that its claim of difference rests on. `None` where a world has no value.
fn one_figure(
    figure: &Figure,
    first: &World<'_>,
    second: &World<'_>,
    terms: &Terms,
    pairing: Pairing,
) -> Option<(Agreed, f64)> {
    let values =
        |world: &World<'_>| -> Vec<f64> { world.runs.iter().filter_map(|run| figure.value(run)).collect() };
    let (one, two) = (values(first), values(second));
    let mean = |values: &[f64]| interval::mean_and_variance(values).map(|(mean, _)| mean);
    let (a, b) = (mean(&one)?, mean(&two)?);
    if let (Of::Share(_) | Of::Retried, true) = (figure.of, a == 0.0 && b == 0.0) {
        // What neither world saw is no figure to speak of.
        return None;
    }
    let margin = terms.around(figure.unit, a);
    let whole = one.len() == first.runs.len() && two.len() == second.runs.len();
    let by_runs = match pairing {
        Pairing::Runs if whole => Contrast::paired(&one, &two),
        Pairing::Runs => None,
        Pairing::None => Contrast::independent(&one, &two).or_else(|| Contrast::common_variance(&one, &two)),
    };
    let by_runs = by_runs.map(|contrast| contrast.judge(margin, terms.confidence));
    let judged = match figure.of {
        Of::Share(_) | Of::Retried => share(figure, (first, second), margin, terms, pairing, by_runs),
        Of::Mean | Of::Wait if pairing == Pairing::Runs && first.runs.len() < RUNS_ENOUGH => {
            request_by_request(figure, first, second, margin, terms).or(by_runs)
        }
        _ => by_runs.or_else(|| within_a_run(figure, first, second, margin, terms)),
    };
    let judged = judged.unwrap_or_else(|| Judged::undecided(b - a, 1, margin, terms.confidence));
    Some((
        Agreed {
            metric: figure.name.clone(),
            scope: figure.scope.clone(),
            unit: figure.unit,
            first: Some(a),
            second: Some(b),
            difference: judged.difference,
            margin,
            verdict: judged.verdict,
            p_value: judged.p_any,
        },
        judged.p_beyond,
    ))
}

/// Shares are asked twice: over requests, whose outcomes may come in bursts, and over runs, of which there may be so few
/// that they agree by luck. Only what both say is claimed.
fn share(
    figure: &Figure,
    worlds: (&World<'_>, &World<'_>),
    margin: f64,
    terms: &Terms,
    pairing: Pairing,
    by_runs: Option<Judged>,
) -> Option<Judged> {
    let (first, second) = worlds;
    let by_requests = if pairing == Pairing::Runs {
        let mut pairs = PairedShares::default();
        for (one, two) in first.runs.iter().zip(second.runs) {
            for (a, b) in paired(one, two).filter(|(a, _)| figure.holds(a)) {
                let (a, b) = (figure.hit(a), figure.hit(b));
                pairs.pairs += 1;
                pairs.first_only += u64::from(a && !b);
                pairs.second_only += u64::from(b && !a);
            }
        }
        pairs.judge(margin, terms.confidence)
    } else {
        let count = |world: &World<'_>| {
            let of = world.runs.iter().flatten().filter(|request| figure.holds(request));
            of.fold((0, 0), |(hits, all), request| (hits + u64::from(figure.hit(request)), all + 1))
        };
        Shares::new(count(first), count(second)).judge(margin, terms.confidence)
    };
    let Some(by_runs) = by_runs else { return Some(by_requests) };
    let verdict =
        if by_runs.verdict == by_requests.verdict { by_runs.verdict } else { Equivalence::Undecided };
    let wider = |judged: &Judged| judged.difference.half_width();
    let shown = if wider(&by_runs) > wider(&by_requests) { by_runs } else { by_requests };
    Some(Judged {
        verdict,
        p_equivalent: by_runs.p_equivalent.max(by_requests.p_equivalent),
        p_beyond: by_runs.p_beyond.max(by_requests.p_beyond),
        p_any: by_runs.p_any.max(by_requests.p_any),
        ..shown
    })
}

/// Means of few runs whose requests are paired: the differences of single requests in order of sending, in batches as
/// many as their dependence leaves them worth. `None` where that is too few.
fn request_by_request(
    figure: &Figure,
    first: &World<'_>,
    second: &World<'_>,
    margin: f64,
    terms: &Terms,
) -> Option<Judged> {
    /// Batches of a run: more say no more.
    const BATCHES: usize = 20;
    let mut means = Vec::new();
    for (one, two) in first.runs.iter().zip(second.runs) {
        let mut pairs: Vec<_> = paired(one, two).filter(|(a, _)| figure.holds(a)).collect();
        pairs.sort_by_key(|(a, _)| (a.sent, a.key));
        let apart: Vec<f64> = pairs.iter().map(|(a, b)| figure.of_one(b) - figure.of_one(a)).collect();
        let batches = (dependence::effective_size(&apart) as usize).clamp(1, BATCHES);
        means.extend(dependence::batch_means(&apart, batches));
    }
    let contrast = Contrast::paired(&vec![0.0; means.len()], &means).filter(|_| means.len() >= 8)?;
    Some(contrast.judge(margin, terms.confidence))
}

/// One run of each world: requests in order of sending, taken for as many as their dependence leaves them worth.
fn within_a_run(
    figure: &Figure,
    first: &World<'_>,
    second: &World<'_>,
    margin: f64,
    terms: &Terms,
) -> Option<Judged> {
    let ([one], [two]) = (first.runs, second.runs) else { return None };
    let (one, two) = (figure.values(one), figure.values(two));
    let effective = (dependence::effective_size(&one), dependence::effective_size(&two));
    let contrast = match figure.of {
        Of::Quantile(p) => Contrast::quantile(&one, &two, p, effective)?,
        _ => {
            // Batches long enough to be nearly independent, and no more than a t-interval needs.
            let batches = (effective.0.min(effective.1) as usize).clamp(1, 30);
            let (one, two) = (dependence::batch_means(&one, batches), dependence::batch_means(&two, batches));
            Contrast::independent(&one, &two)?
        }
    };
    Some(contrast.judge(margin, terms.confidence))
}

/// The whole distribution of latencies of one scope.
fn shape_of(
    scope: &Scope,
    parts: &Parts,
    first: &World<'_>,
    second: &World<'_>,
    terms: &Terms,
    pairing: Pairing,
) -> Option<(Agreed, f64)> {
    /// How far distribution functions may lie apart where only they can be bounded.
    const GAP: f64 = 0.1;
    let figure = Figure::latency(scope.clone(), parts);
    let values = |world: &World<'_>| world.runs.iter().map(|run| figure.values(run)).collect::<Vec<_>>();
    let (one, two) = (values(first), values(second));
    let mean = interval::mean_and_variance(&one.concat()).map(|(mean, _)| mean)?;
    let margin = terms.around(Unit::Seconds, mean);
    let (name, unit, judged): (_, _, ShapeJudged) = match (pairing, one.as_slice(), two.as_slice()) {
        (_, [one], [two]) => {
            let effective = (dependence::effective_size(one), dependence::effective_size(two));
            ("latency_gap", Unit::Ratio, shape::within(one, two, effective, GAP, terms.confidence)?)
        }
        (Pairing::Runs, _, _) => {
            ("latency_shape", Unit::Seconds, shape::of_pairs(&one, &two, margin, terms.confidence)?)
        }
        (Pairing::None, _, _) => {
            ("latency_shape", Unit::Seconds, shape::of_runs(&one, &two, margin, terms.confidence)?)
        }
    };
    let agreed = Agreed {
        metric: name.to_owned(),
        scope: scope.clone(),
        unit,
        first: None,
        second: None,
        difference: judged.distance,
        margin: judged.margin,
        verdict: judged.verdict,
        p_value: judged.p_value,
    };
    Some((agreed, judged.p_beyond))
}

/// Requests of two runs by key, in order of key.
fn paired<'a>(
    one: &'a [RequestSeen],
    two: &'a [RequestSeen],
) -> impl Iterator<Item = (&'a RequestSeen, &'a RequestSeen)> {
    let by_key: BTreeMap<u64, &RequestSeen> = two.iter().map(|request| (request.key, request)).collect();
    one.iter().filter_map(move |request| Some((request, *by_key.get(&request.key)?)))
}

fn requests(first: &[Vec<RequestSeen>], second: &[Vec<RequestSeen>], terms: &Terms) -> Option<RequestsAgree> {
    let (mut outcome, mut hand_overs, mut near) = (0, 0, 0);
    let (mut pairs, mut all) = (0u64, 0u64);
    let mut distances = Vec::new();
    for (one, two) in first.iter().zip(second) {
        all += (one.len() + two.len()) as u64;
        for (a, b) in paired(one, two) {
            let (x, y) = (a.latency().secs(), b.latency().secs());
            pairs += 1;
            outcome += u64::from(a.outcome == b.outcome);
            hand_overs += u64::from(a.hand_overs == b.hand_overs);
            near += u64::from((x - y).abs() <= terms.around(Unit::Seconds, x));
            distances.push((x - y).abs());
        }
    }
    let level = Level::new(terms.confidence);
    let share = |hits| interval::wilson(hits, pairs, &level);
    distances.sort_by(f64::total_cmp);
    Some(RequestsAgree {
        pairs,
        alone: all - 2 * pairs,
        same_outcome: share(outcome)?,
        same_hand_overs: share(hand_overs)?,
        within_margin: share(near)?,
        distance_p50: figures::quantile(&distances, 0.5)?,
        distance_p95: figures::quantile(&distances, 0.95)?,
    })
}

/// The figures of one world by themselves, for its point in a record.
pub fn metrics(runs: &[Vec<RequestSeen>], parts: &Parts, confidence: f64) -> Vec<Metric> {
    let level = Level::new(confidence);
    let one = |figure: Figure| {
        let values: Vec<f64> = runs.iter().filter_map(|run| figure.value(run)).collect();
        let estimate = match figure.of {
            Of::Share(_) | Of::Retried => interval::mean(&values, &level)?.within(0.0, 1.0),
            _ => interval::mean(&values, &level)?,
        };
        Some(Metric { name: figure.name, scope: figure.scope, unit: figure.unit, estimate })
    };
    figures::all(parts, runs.iter()).into_iter().filter_map(one).collect()
}

/// Every outcome that a world saw, in the order of reports.
fn outcomes<'a>(runs: impl Iterator<Item = &'a Vec<RequestSeen>>) -> Vec<Outcome> {
    let mut seen = [false; Outcome::ALL.len()];
    runs.flatten().for_each(|request| seen[request.outcome as usize] = true);
    Outcome::ALL.into_iter().filter(|outcome| seen[*outcome as usize]).collect()
}
