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
//! Which of them is the verdict of the whole is said in [`whole`].
//!
//! The run is the unit of observation, since requests within a run depend on each other. A few pairs of runs are all
//! that a live replay or a recording may have: their requests are then paired one by one and taken for as many as their
//! dependence leaves them worth, which says nothing of what would differ in yet another run.
//! Claims of a difference are corrected for their number (Holm); claims of equivalence need no correction.

pub mod explain;
mod figures;
mod pairs;
pub mod recording;
pub mod records;
pub mod whole;

use self::figures::{Figure, Of};
use self::pairs::Pairs;
use super::metric::{Metric, Scope, Unit};
use super::record::{Difference, Parts};
use crate::outcome::Outcome;
use crate::stats::equivalence::ENOUGH;
use crate::stats::proportions::Shares;
use crate::stats::shape::{self, ShapeJudged};
use crate::stats::{
    Contrast, Equivalence, Estimate, Judged, Level, RequestSeen, dependence, interval, multiple,
};
use serde::{Deserialize, Serialize};

/// What counts as agreement, set before anything is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Share of the reference value within which a difference does not matter.
    pub margin: f64,
    /// A difference in time that never matters, seconds.
    pub floor_time: f64,
    /// A difference in shares, or in a number per request, that never matters: so many of all requests.
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
    /// The margin around a reference value of a unit. A rare outcome is a figure of its own, whose margin is the floor:
    /// what a margin of nearly all requests lets pass for good ones is seen there.
    pub fn around(&self, unit: Unit, reference: f64) -> f64 {
        let relative = self.margin * reference.abs();
        match unit {
            Unit::Seconds => relative.max(self.floor_time),
            Unit::Ratio | Unit::Number => relative.max(self.floor_share),
            _ => relative,
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
    /// Share with as many hand-overs to workers, where both worlds tell of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_hand_overs: Option<Estimate>,
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
    /// How: [`whole::TRACE_DRIVEN`], [`whole::MODEL_DRIVEN`], after the name of one of several systems; or records.
    pub how: String,
    /// The first world, the reference.
    pub first: String,
    /// The second.
    pub second: String,
    /// That of all requests together: classes and phases have fewer, which leaves more open. `Different` as soon as any
    /// figure is.
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

    /// What is compared with what. Worlds are told apart by how they were compared; records need their names.
    pub fn label(&self) -> String {
        if self.how.ends_with("driven") {
            self.how.clone()
        } else {
            format!("{} against {} ({})", self.second, self.first, self.how)
        }
    }

    /// The figures as differences of a record.
    pub fn differences(&self) -> impl Iterator<Item = Difference> + '_ {
        let label = self.label();
        self.figures.iter().filter(|one| one.first.is_some() && one.difference.is_finite()).map(move |one| {
            Difference {
                label: label.clone(),
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
    let pairs = (pairing == Pairing::Runs).then(|| Pairs::of(first, second));
    let both = Both { first, second, pairs: pairs.as_ref(), terms };
    let mut judged: Vec<(Agreed, f64)> = Vec::new();
    for figure in figures::all(parts, first.runs.iter().chain(second.runs)) {
        judged.extend(both.figure(&figure));
    }
    for scope in figures::scopes(parts) {
        judged.extend(both.shape(&Figure::latency(scope, parts)));
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
        verdict: verdict_of(&figures)?,
        terms: *terms,
        figures,
        requests: pairs.and_then(|pairs| pairs.requests(terms)),
    })
}

/// What counts for the whole is set beforehand, so that no figure is left out because of what it says: the worst of
/// those of all requests together, and any difference.
fn verdict_of(figures: &[Agreed]) -> Option<Equivalence> {
    let worst = |of: &dyn Fn(&Agreed) -> bool| {
        Equivalence::of_all(figures.iter().filter(|one| of(one)).map(|one| one.verdict))
    };
    let counts = |one: &Agreed| one.scope == Scope::default() || one.verdict == Equivalence::Different;
    let whole = worst(&|one| one.scope == Scope::default());
    whole.and_then(|_| worst(&counts)).or_else(|| worst(&|_| true))
}

/// Whether somebody told when requests were handed to workers: what ended well was handed over at least once.
pub fn tells_starts<'a>(mut requests: impl Iterator<Item = &'a RequestSeen>) -> bool {
    let mut ended_well = false;
    let told = requests.any(|request| {
        ended_well |= request.outcome == Outcome::Ok;
        request.hand_overs > 0
    });
    told || !ended_well
}

/// What is judged, and how.
struct Both<'a> {
    first: &'a World<'a>,
    second: &'a World<'a>,
    /// The same requests of both, where runs are paired.
    pairs: Option<&'a Pairs<'a>>,
    terms: &'a Terms,
}

impl Both<'_> {
    /// Pairs, where there are too few runs to be the unit.
    fn few(&self) -> Option<&Pairs<'_>> {
        self.pairs.filter(|_| self.first.runs.len() < ENOUGH)
    }

    /// One figure, with the probability that its claim of difference rests on. `None` where a world has no value.
    fn figure(&self, figure: &Figure) -> Option<(Agreed, f64)> {
        let values = |world: &World<'_>| -> Vec<f64> {
            world.runs.iter().filter_map(|run| figure.value(run)).collect()
        };
        let (one, two) = (values(self.first), values(self.second));
        let mean = |values: &[f64]| interval::mean_and_variance(values).map(|(mean, _)| mean);
        let (a, b) = (mean(&one)?, mean(&two)?);
        if figure.is_share() && a == 0.0 && b == 0.0 {
            // What neither world saw is no figure to speak of.
            return None;
        }
        let Terms { confidence, .. } = *self.terms;
        let margin = self.terms.around(figure.unit, a);
        let judged = self.judged(figure, margin, (&one, &two));
        let judged = judged.unwrap_or_else(|| Judged::undecided(b - a, 1, margin, confidence));
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

    /// The figure's values by run, held against the margin. `None` where there is too little to say anything.
    fn judged(&self, figure: &Figure, margin: f64, (one, two): (&[f64], &[f64])) -> Option<Judged> {
        let whole = one.len() == self.first.runs.len() && two.len() == self.second.runs.len();
        let by_runs = || {
            let contrast = match self.pairs {
                Some(_) if whole => Contrast::paired(one, two),
                Some(_) => None,
                None => Contrast::of_few(one, two),
            };
            contrast.map(|contrast| contrast.judge(margin, self.terms.confidence))
        };
        let few = self.few();
        match figure.of {
            Of::Share(_) | Of::Retried => {
                let by_batches = few.and_then(|pairs| pairs.mean(figure, margin, self.terms));
                Some(self.share(figure, margin, by_batches.or_else(by_runs)))
            }
            Of::Mean | Of::Wait => few.and_then(|pairs| pairs.mean(figure, margin, self.terms)),
            Of::Quantile(p) => few.and_then(|pairs| pairs.quantile(figure, p, margin, self.terms)),
        }
        .or_else(by_runs)
        .or_else(|| self.within_a_run(figure, margin))
    }

    /// Shares are asked twice: over requests, whose outcomes may come in bursts, and over runs or batches, of which
    /// there may be so few that they agree by luck. Only what both say is claimed.
    fn share(&self, figure: &Figure, margin: f64, by_runs: Option<Judged>) -> Judged {
        let confidence = self.terms.confidence;
        let by_requests = if let Some(pairs) = self.pairs {
            pairs.shares(figure).judge(margin, confidence)
        } else {
            let count = |world: &World<'_>| {
                let of = world.runs.iter().flatten().filter(|request| figure.holds(request));
                of.fold((0, 0), |(hits, all), request| (hits + u64::from(figure.hit(request)), all + 1))
            };
            Shares::new(count(self.first), count(self.second)).judge(margin, confidence)
        };
        let Some(by_runs) = by_runs else { return by_requests };
        let verdict =
            if by_runs.verdict == by_requests.verdict { by_runs.verdict } else { Equivalence::Undecided };
        let wider = |judged: &Judged| judged.difference.half_width();
        let shown = if wider(&by_runs) > wider(&by_requests) { by_runs } else { by_requests };
        Judged {
            verdict,
            p_equivalent: by_runs.p_equivalent.max(by_requests.p_equivalent),
            p_beyond: by_runs.p_beyond.max(by_requests.p_beyond),
            p_any: by_runs.p_any.max(by_requests.p_any),
            ..shown
        }
    }

    /// One run of each world that have nothing but the model in common: requests in order of sending, taken for as many
    /// as their dependence leaves them worth.
    fn within_a_run(&self, figure: &Figure, margin: f64) -> Option<Judged> {
        let ([one], [two], None) = (self.first.runs, self.second.runs, self.pairs) else { return None };
        let (one, two) = (figure.values(one), figure.values(two));
        let effective = (dependence::effective_size(&one), dependence::effective_size(&two));
        let contrast = match figure.of {
            Of::Quantile(p) => Contrast::quantile(&one, &two, p, effective)?,
            _ => {
                // Batches long enough to be nearly independent, and no more than a t-interval needs.
                let batches = (effective.0.min(effective.1) as usize).clamp(1, 30);
                let (one, two) =
                    (dependence::batch_means(&one, batches), dependence::batch_means(&two, batches));
                Contrast::independent(&one, &two)?
            }
        };
        Some(contrast.judge(margin, self.terms.confidence))
    }

    /// The whole distribution of latencies of one scope.
    fn shape(&self, figure: &Figure) -> Option<(Agreed, f64)> {
        /// How far distribution functions may lie apart where only they can be bounded.
        const GAP: f64 = 0.1;
        let values = |world: &World<'_>| world.runs.iter().map(|run| figure.values(run)).collect::<Vec<_>>();
        let (one, two) = (values(self.first), values(self.second));
        let mean = interval::mean_and_variance(&one.concat()).map(|(mean, _)| mean)?;
        let Terms { confidence, .. } = *self.terms;
        let margin = self.terms.around(Unit::Seconds, mean);
        let by_pairs = self.few().and_then(|pairs| pairs.shape(figure, margin, self.terms));
        let (name, unit, judged): (_, _, ShapeJudged) = match (by_pairs, one.as_slice(), two.as_slice()) {
            (Some(judged), _, _) => ("latency_shape", Unit::Seconds, judged),
            (None, [one], [two]) => {
                let effective = (dependence::effective_size(one), dependence::effective_size(two));
                ("latency_gap", Unit::Ratio, shape::within(one, two, effective, GAP, confidence)?)
            }
            _ if self.pairs.is_some() => {
                ("latency_shape", Unit::Seconds, shape::of_pairs(&one, &two, margin, confidence)?)
            }
            _ => ("latency_shape", Unit::Seconds, shape::of_runs(&one, &two, margin, confidence)?),
        };
        let agreed = Agreed {
            metric: name.to_owned(),
            scope: figure.scope.clone(),
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
