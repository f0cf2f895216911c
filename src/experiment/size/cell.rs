//! One candidate of a search: replicated until its objectives are decided, or as far as is allowed.
//!
//! Looks come after n, 2n, 4n… replications. Each look may err, so look number r spends (1 − confidence) / 2^(r + 1)
//! of the error that is allowed (a Bonferroni bound over all looks, and half of it for the candidate below): however
//! often one looks, the answer is wrong with at most that probability, as far as the intervals keep theirs. An
//! interval that lies within the indifference zone around the bound is taken on the side of its value (Kim & Nelson,
//! "A fully sequential procedure for indifference-zone selection", 2001, for the idea of both).

use super::super::estimate::{self, EstimateSettings, Estimated, RegimeFound, Wanted};
use super::super::metric::{Scope, Unit};
use super::super::run::{self, Progress, RunError};
use super::super::verdict::{self, Evidence, Judgement, Verdict};
use crate::engine;
use crate::model::{Model, Objective, Regime};
use crate::stats::{Replication, Segment};

/// How a search decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Confidence of the answer.
    pub confidence: f64,
    /// Relative distance from a bound that does not matter.
    pub indifference: f64,
    /// Replications before the first look.
    pub first: u32,
    /// Most replications.
    pub most: u32,
}

impl Rule {
    /// The confidence of look number `look`, from 0.
    fn at_look(&self, look: u32) -> f64 {
        let spent = (1.0 - self.confidence) / f64::from(2u32.saturating_pow(look + 1));
        (1.0 - spent).min(0.999_999)
    }
}

/// A candidate with what is known of it.
pub struct Cell {
    /// The model at this candidate.
    pub model: Model,
    wanted: Vec<Wanted>,
    replications: Vec<Replication>,
    look: u32,
    /// Objectives judged at the latest look.
    pub verdicts: Vec<Verdict>,
    /// The regime.
    pub regime: RegimeFound,
    /// All objectives together.
    pub judgement: Judgement,
}

impl Cell {
    /// A candidate of which nothing is known yet.
    pub fn new(model: Model) -> Cell {
        let mut wanted: Vec<Wanted> = Vec::new();
        for objective in &model.objectives {
            let one = verdict::wanted(objective);
            // Zero events are bounded by the number of requests.
            let sent = Wanted {
                name: String::from("count_sent"),
                scope: Scope { pool: None, host: None, ..one.scope.clone() },
            };
            for one in [one, sent] {
                if !wanted.contains(&one) {
                    wanted.push(one);
                }
            }
        }
        Cell {
            model,
            wanted,
            replications: Vec::new(),
            look: 0,
            verdicts: Vec::new(),
            regime: RegimeFound::Terminating,
            judgement: Judgement::Undecided,
        }
    }

    /// Replications made.
    pub fn made(&self) -> u64 {
        self.replications.len() as u64
    }

    /// Replicates until the candidate is decided or the most is reached.
    ///
    /// # Errors
    /// A [`RunError`].
    pub fn decide(&mut self, rule: &Rule, progress: &dyn Progress) -> Result<Judgement, RunError> {
        while self.judgement == Judgement::Undecided && self.made() < u64::from(rule.most) {
            self.look(rule, progress)?;
        }
        Ok(self.judgement)
    }

    /// Replicates once more and judges.
    ///
    /// # Errors
    /// A [`RunError`].
    pub fn look(&mut self, rule: &Rule, progress: &dyn Progress) -> Result<Judgement, RunError> {
        let total = if self.made() == 0 {
            u64::from(rule.first)
        } else {
            (2 * self.made()).min(u64::from(rule.most))
        };
        self.extend_to(total, progress)?;
        let estimated = self.estimated();
        let confidence = rule.at_look(self.look);
        self.look += 1;
        let evidence =
            Evidence { metrics: &estimated.metrics, regime: &estimated.regime, replications: self.made() };
        let judged = |objective: &Objective| {
            let verdict = verdict::judge(&Objective { confidence, ..objective.clone() }, &evidence);
            indifferent(verdict, rule.indifference)
        };
        self.verdicts = self.model.objectives.iter().map(judged).collect();
        self.judgement = verdict::overall(&self.verdicts).unwrap_or(Judgement::Met);
        self.regime = estimated.regime;
        Ok(self.judgement)
    }

    /// Makes replications up to a number.
    ///
    /// # Errors
    /// A [`RunError`].
    pub fn extend_to(&mut self, total: u64, progress: &dyn Progress) -> Result<(), RunError> {
        let prepared = engine::prepare(&self.model);
        let (wanted, regime) = (&self.wanted, self.model.run.regime);
        let simulate = |_: &Model, index: u64| {
            let mut replication = prepared.run(index)?;
            slim(&mut replication, wanted, regime);
            Ok(replication)
        };
        let range = self.made()..total.max(self.made());
        self.replications.extend(run::replicate(&self.model, range, progress, &simulate, true)?);
        Ok(())
    }

    fn estimated(&self) -> Estimated {
        let settings = EstimateSettings {
            timelines: false,
            curves: false,
            ..EstimateSettings::new(self.model.run.confidence)
        };
        estimate::chosen(&self.model, &self.replications, &settings, &self.wanted)
    }

    /// By replication: the value of a figure.
    pub fn samples(&self, wanted: &Wanted) -> Vec<f64> {
        let samples = run::samples(&self.model, &self.replications, std::slice::from_ref(wanted));
        samples.into_iter().flatten().flatten().collect()
    }
}

/// An interval within the indifference zone decides by its value.
fn indifferent(verdict: Verdict, zone: f64) -> Verdict {
    let Some(estimate) = verdict.estimate.filter(|_| verdict.judgement == Judgement::Undecided) else {
        return verdict;
    };
    let width = zone * verdict.bound.abs();
    let inside =
        estimate.n >= 2 && estimate.low >= verdict.bound - width && estimate.high <= verdict.bound + width;
    if !inside || width == 0.0 {
        return verdict;
    }
    let good = match verdict.side {
        verdict::Side::AtMost => estimate.value <= verdict.bound,
        verdict::Side::AtLeast => estimate.value >= verdict.bound,
    };
    let judgement = if good { Judgement::Met } else { Judgement::Missed };
    let reason = String::from("the whole interval is within the indifference zone around the bound");
    Verdict { judgement, reason, ..verdict }
}

/// Leaves of a replication what the wanted figures rest on: the rest is most of its memory.
fn slim(replication: &mut Replication, wanted: &[Wanted], regime: Regime) {
    replication.timeline.bins.iter_mut().for_each(|bin| bin.latency = Vec::new());
    let needs = |word: &str| wanted.iter().any(|one| one.name.starts_with(word));
    let (latency, wait, sojourn) = (needs("latency"), needs("wait"), needs("sojourn"));
    for tally in replication.segments.iter_mut().flat_map(|segment: &mut Segment| &mut segment.classes) {
        let clear = |sample: &mut crate::stats::Sample| sample.histogram = crate::stats::Histogram::new();
        if !latency {
            clear(&mut tally.latency_ok);
            clear(&mut tally.latency_failed);
        }
        if !wait && !sojourn {
            clear(&mut tally.wait_served);
            clear(&mut tally.wait_left);
        }
        if !sojourn {
            clear(&mut tally.sojourn_served);
        }
    }
    if regime == Regime::Terminating {
        replication.batches = Default::default();
    }
}

/// The first objective that a candidate fails, or else the first that is not decided.
pub(super) fn hardest(verdicts: &[Verdict]) -> Option<&Verdict> {
    let with = |judgement: Judgement| verdicts.iter().find(|verdict| verdict.judgement == judgement);
    with(Judgement::Missed).or_else(|| with(Judgement::Undecided))
}

/// Whether a unit is one of time.
pub(super) const fn is_time(unit: Unit) -> bool {
    matches!(unit, Unit::Seconds)
}
