//! One candidate of a search: replicated until its objectives are decided, or as far as is allowed.
//!
//! Looks come after n, 2n, 4n… replications, and each may err. The error that is allowed is spent evenly over all the
//! looks that there can be (a Bonferroni bound): however often one looks, a candidate that meets its objectives is
//! called failing, or one that fails is called meeting, with at most half of it, since each is an error to one side.
//! One failing objective is enough to fail, so the claim of a failure divides its share by the number of objectives as
//! well. More for early looks would decide easy candidates with a few replications less and leave the last looks,
//! on which the hard ones depend, with next to nothing.
//!
//! An interval that lies within the indifference zone around the bound is taken on the side of its value (Kim &
//! Nelson, "A fully sequential procedure for indifference-zone selection", 2001, for the idea of both); the verdict
//! says so.

use super::super::estimate::{self, EstimateSettings, Estimated, RegimeFound, Wanted};
use super::super::metric::{Scope, Unit};
use super::super::record::World;
use super::super::run::{self, Progress, RunError};
use super::super::verdict::{self, Evidence, Judgement, Verdict};
use super::made::{Kind, Made};
use crate::engine;
use crate::model::{Model, Objective, Regime};
use crate::quantity::significant;
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
    /// How many looks there can be.
    fn looks(&self) -> u32 {
        let mut made = u64::from(self.first.max(1));
        let mut looks = 1;
        while made < u64::from(self.most) {
            made *= 2;
            looks += 1;
        }
        looks
    }

    /// The confidence of every look, of an answer that is to be so sure.
    fn at_look(&self, confidence: f64) -> f64 {
        (1.0 - (1.0 - confidence) / f64::from(self.looks())).min(0.999_999)
    }
}

/// A candidate with what is known of it.
pub struct Cell<'a> {
    /// The model at this candidate.
    pub model: Model,
    made: Option<(&'a Made, Kind)>,
    wanted: Vec<Wanted>,
    replications: Vec<Replication>,
    overloaded: bool,
    certain: bool,
    /// Objectives judged at the latest look.
    pub verdicts: Vec<Verdict>,
    /// The regime.
    pub regime: RegimeFound,
    /// All objectives together.
    pub judgement: Judgement,
}

impl<'a> Cell<'a> {
    /// A candidate that takes the replications that others have made, and leaves them its own.
    pub fn among(model: Model, made: &'a Made) -> Cell<'a> {
        let kind = Kind::of(&model);
        Cell { made: Some((made, kind)), ..Cell::new(model) }
    }

    /// A candidate of which nothing is known yet.
    pub fn new(model: Model) -> Cell<'a> {
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
            overloaded: run::overloaded(&model),
            certain: model.is_certain(),
            model,
            made: None,
            wanted,
            replications: Vec::new(),
            verdicts: Vec::new(),
            regime: RegimeFound::Terminating,
            judgement: Judgement::Undecided,
        }
    }

    /// Replications made, by this candidate or for it.
    pub fn made(&self) -> u64 {
        self.replications.len() as u64
    }

    /// Replicates until the candidate is decided or the most is reached.
    ///
    /// # Errors
    /// A [`RunError`].
    pub fn decide(&mut self, rule: &Rule, progress: &dyn Progress) -> Result<Judgement, RunError> {
        // Where nothing is left to chance a second replication would be the first.
        let most = if self.certain { 1 } else { u64::from(rule.most) };
        while self.judgement == Judgement::Undecided && self.made() < most {
            self.look(rule, progress)?;
        }
        Ok(self.judgement)
    }

    /// Replicates once more and judges.
    ///
    /// # Errors
    /// A [`RunError`].
    pub fn look(&mut self, rule: &Rule, progress: &dyn Progress) -> Result<Judgement, RunError> {
        let total = if self.certain {
            1
        } else if self.made() == 0 {
            u64::from(rule.first)
        } else {
            (2 * self.made()).min(u64::from(rule.most))
        };
        self.extend_to(total, progress)?;
        let confidence = rule.at_look(rule.confidence);
        let estimated = self.estimated(confidence);
        let evidence = Evidence {
            metrics: &estimated.metrics,
            regime: &estimated.regime,
            replications: self.made(),
            world: World::Simulated,
            certain: self.certain,
        };
        let objectives = self.model.objectives.len().max(1) as f64;
        let judged = |objective: &Objective| {
            // An objective may ask for more than the answer as a whole.
            let asked = match objective.confidence > self.model.run.confidence {
                true => objective.confidence.max(rule.confidence),
                false => rule.confidence,
            };
            let confidence = rule.at_look(asked);
            let surer = (1.0 - (1.0 - confidence) / objectives).min(0.999_999);
            let at = |confidence| verdict::judge(&Objective { confidence, ..objective.clone() }, &evidence);
            let verdict = at(confidence);
            let verdict = if verdict.judgement == Judgement::Missed { at(surer) } else { verdict };
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
        let (wanted, regime, made) = (&self.wanted, self.model.run.regime, &self.made);
        let simulate = |_: &Model, index: u64| {
            if let Some(before) = made.as_ref().and_then(|(made, kind)| made.find(kind, index)) {
                return Ok(before);
            }
            let mut replication = prepared.run(index)?;
            slim(&mut replication, wanted, regime);
            Ok(replication)
        };
        let range = self.made()..total.max(self.made());
        self.replications.extend(run::replicate(&self.model, range, progress, &simulate, true)?);
        Ok(())
    }

    /// At the confidence of the look: the intervals of rare events do not stretch from one to another.
    fn estimated(&self, confidence: f64) -> Estimated {
        let settings = EstimateSettings {
            overloaded: self.overloaded,
            timelines: false,
            curves: false,
            exact: self.certain,
            ..EstimateSettings::new(confidence)
        };
        estimate::chosen(&self.model, &self.replications, &settings, &self.wanted)
    }

    /// By replication: the value of a figure.
    pub fn samples(&self, wanted: &Wanted) -> Vec<f64> {
        let samples = run::samples(&self.model, &self.replications, std::slice::from_ref(wanted));
        samples.into_iter().flatten().flatten().collect()
    }
}

/// Leaves the replications of a candidate that is done with to the others.
pub(super) fn leave(cell: Cell<'_>) {
    if let Some((made, kind)) = cell.made {
        made.keep(&kind, cell.replications);
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
    let good = verdict.side.holds(estimate.value, verdict.bound);
    let judgement = if good { Judgement::Met } else { Judgement::Missed };
    let reason = format!(
        "the interval straddles the bound, but no more than {} % from it do not matter, and so the value decides",
        significant(100.0 * zone)
    );
    Verdict { judgement, reason, indifference: Some(zone), ..verdict }
}

/// Leaves of a replication what the wanted figures rest on: the rest is most of its memory.
fn slim(replication: &mut Replication, wanted: &[Wanted], regime: Regime) {
    if regime == Regime::Terminating {
        // Growth over time is asked of steady systems only.
        replication.timeline.bins = Vec::new();
    }
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
