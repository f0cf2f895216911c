//! The smallest capacity that meets every objective, and what is to be known about it.
//!
//! Candidates lie between two whole numbers. The search brackets the answer by bisection and then proves it where it
//! stands: the answer's own intervals are on the good side of every bound and one interval of the next smaller
//! candidate is on the bad side, each with half of the error that is allowed. Bisection rests on more capacity never
//! being worse; that is checked at the candidates above, and where it does not hold (workers beyond the cores slow
//! each other down) every smaller candidate is tried in turn. Unstable candidates fail and are never ranked.

mod cell;
mod change;
mod probe;
mod record;
mod why;

pub use cell::{Cell, Rule};
pub use change::{changes, loaded, spiked, stopped};
pub use probe::Probe;
pub use record::record;
pub use why::TriedChange;

use super::plan::Planned;
use super::record::Setting;
use super::run::{Progress, RunError};
use super::verdict::{Judgement, Verdict};
use crate::model::Model;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A candidate that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The capacity.
    pub size: u32,
    /// Whether it meets every objective.
    pub judgement: Judgement,
    /// Whether it is unstable.
    pub unstable: bool,
    /// Replications made.
    pub replications: u64,
    /// Objectives judged at the last look, at the confidence of that look.
    pub verdicts: Vec<Verdict>,
}

/// How much load a capacity carries, as a multiple of the model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadBound {
    /// The capacity.
    pub size: u32,
    /// The largest multiple that was shown to meet every objective; `None` where none was.
    pub carries: Option<f64>,
    /// The smallest that was shown to fail; `None` where none was.
    pub fails: Option<f64>,
}

/// The answer for one point of the experiment's axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeRow {
    /// What tells the point from others.
    pub label: String,
    /// What was set.
    pub settings: Vec<Setting>,
    /// The smallest capacity that meets every objective.
    pub smallest: Option<u32>,
    /// Met: found and proved. Missed: no candidate is large enough. Undecided: not enough data.
    pub judgement: Judgement,
    /// The answer in a sentence.
    pub sentence: String,
    /// Replications that would settle an undecided answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replications_needed: Option<u64>,
    /// Whether a larger candidate was seen to fail.
    pub more_is_worse: bool,
    /// Candidates that were looked at, by size.
    pub candidates: Vec<Candidate>,
}

/// The answer of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizeAnswer {
    /// Path of what is sized.
    pub capacity: String,
    /// How it was decided.
    pub confidence: f64,
    /// Relative distance from a bound that does not matter.
    pub indifference: f64,
    /// By point of the axes.
    pub rows: Vec<SizeRow>,
    /// The row that the rest is about: the one with the smallest answer.
    pub chosen: usize,
    /// Why the next smaller candidate fails, in sentences.
    pub why: Vec<String>,
    /// Single changes tried at the next smaller candidate, the most helpful first.
    pub changes: Vec<TriedChange>,
    /// Cliffs near the answer, in sentences.
    pub cliffs: Vec<String>,
    /// The load that each capacity near the answer carries.
    pub loads: Vec<LoadBound>,
    /// What a spike and a stop do at the answer.
    pub probes: Vec<Probe>,
}

/// Where the models of candidates come from.
pub type ModelAt<'a> = &'a (dyn Fn(&Planned, u32) -> Model + Sync);

/// Candidates of one row, each with what is known of it.
struct Search<'a> {
    model_at: &'a (dyn Fn(u32) -> Model + Sync),
    rule: Rule,
    range: (u32, u32),
    cells: BTreeMap<u32, Cell>,
    progress: &'a dyn Progress,
}

impl Search<'_> {
    fn decide(&mut self, size: u32) -> Result<Judgement, RunError> {
        let cell = self.cells.entry(size).or_insert_with(|| Cell::new((self.model_at)(size)));
        cell.decide(&self.rule, self.progress)
    }

    /// The smallest candidate that is met, by bisection between a failing and a meeting one, from a guess.
    fn bisect(&mut self, guess: u32) -> Result<Option<u32>, RunError> {
        let (least, most) = self.range;
        let (mut fails, mut meets) = (least - 1, most + 1);
        let mut next = guess.clamp(least, most);
        let mut stride = 1;
        loop {
            if self.decide(next)? == Judgement::Met {
                meets = next;
            } else {
                fails = next;
            }
            if meets - fails <= 1 {
                return Ok((meets <= most).then_some(meets));
            }
            // Gallop from the guess until both sides are known, then halve.
            next = match (fails >= least, meets <= most) {
                (true, true) => fails + (meets - fails) / 2,
                (true, false) => (fails + stride).min(most),
                (false, true) => meets.saturating_sub(stride).max(least),
                (false, false) => next,
            };
            stride *= 2;
        }
    }

    /// Tries every candidate in turn from the smallest.
    fn climb(&mut self) -> Result<Option<u32>, RunError> {
        for size in self.range.0..=self.range.1 {
            if self.decide(size)? == Judgement::Met {
                return Ok(Some(size));
            }
        }
        Ok(None)
    }
}

/// Finds the smallest capacity of one point; `guess` is where to look first.
///
/// # Errors
/// A [`RunError`].
pub fn smallest(
    planned: &Planned,
    model_at: &(dyn Fn(u32) -> Model + Sync),
    range: (u32, u32),
    rule: Rule,
    guess: u32,
    progress: &dyn Progress,
) -> Result<SizeRow, RunError> {
    let mut search = Search { model_at, rule, range, cells: BTreeMap::new(), progress };
    let mut found = search.bisect(guess)?;
    let mut more_is_worse = false;
    // The check of what bisection rests on: the next larger candidate, and the largest where none was found.
    let above = found.map_or(range.0, |size| (size + 1).min(range.1));
    if found != Some(above) && (search.decide(above)? == Judgement::Met) != found.is_some() {
        more_is_worse = true;
    }
    if more_is_worse || found.is_none() {
        // Capacity may help and then hurt, so bisection may have missed a good candidate in the middle.
        found = search.climb()?;
        more_is_worse |= found.is_some() && found != Some(range.1);
    }
    Ok(answer(planned, &search, found, more_is_worse))
}

fn answer(planned: &Planned, search: &Search<'_>, found: Option<u32>, more_is_worse: bool) -> SizeRow {
    let undecided: Vec<&Cell> = search
        .cells
        .iter()
        .filter(|(size, cell)| {
            cell.judgement == Judgement::Undecided && found.is_none_or(|found| **size < found)
        })
        .map(|(_, cell)| cell)
        .collect();
    let judgement = match (found, undecided.is_empty()) {
        (_, false) => Judgement::Undecided,
        (Some(_), true) => Judgement::Met,
        (None, true) => Judgement::Missed,
    };
    let needed =
        undecided.iter().flat_map(|cell| &cell.verdicts).filter_map(|one| one.replications_needed).max();
    let candidates = search.cells.iter().map(|(&size, cell)| candidate(size, cell)).collect();
    let mut row = SizeRow {
        label: planned.label.clone(),
        settings: planned.settings.clone(),
        smallest: found,
        judgement,
        sentence: String::new(),
        replications_needed: needed.filter(|_| judgement == Judgement::Undecided),
        more_is_worse,
        candidates,
    };
    row.sentence = why::sentence(&row, search.range, search.rule.confidence);
    row
}

fn candidate(size: u32, cell: &Cell) -> Candidate {
    Candidate {
        size,
        judgement: cell.judgement,
        unstable: matches!(cell.regime, super::estimate::RegimeFound::Unstable { .. }),
        replications: cell.made(),
        verdicts: cell.verdicts.clone(),
    }
}

/// What a search is about.
pub struct Question<'a> {
    /// Points of the axes, one where there are none.
    pub rows: &'a [Planned],
    /// The model of a row at a capacity.
    pub model_at: ModelAt<'a>,
    /// Path of what is sized.
    pub capacity: &'a str,
    /// Smallest and largest candidate.
    pub range: (u32, u32),
    /// How to decide.
    pub rule: Rule,
    /// Whether the largest load of capacities is looked for.
    pub loads: bool,
    /// Whether the answer is hit by a spike and a stop.
    pub probe: bool,
}

/// Answers a question.
///
/// # Errors
/// A [`RunError`].
pub fn size(question: &Question<'_>, progress: &dyn Progress) -> Result<SizeAnswer, RunError> {
    let (least, most) = question.range;
    let mut guess = least + (most - least) / 2;
    let mut rows = Vec::with_capacity(question.rows.len());
    for planned in question.rows {
        let model_at = |size: u32| (question.model_at)(planned, size);
        let row = smallest(planned, &model_at, question.range, question.rule, guess, progress)?;
        // The neighbour's answer is the best guess.
        guess = row.smallest.unwrap_or(guess);
        rows.push(row);
    }
    let chosen = (0..rows.len()).min_by_key(|&row| rows[row].smallest.unwrap_or(u32::MAX)).unwrap_or(0);
    let mut answer = SizeAnswer {
        capacity: String::from(question.capacity),
        confidence: question.rule.confidence,
        indifference: question.rule.indifference,
        rows,
        chosen,
        why: Vec::new(),
        changes: Vec::new(),
        cliffs: Vec::new(),
        loads: Vec::new(),
        probes: Vec::new(),
    };
    let Some(found) = answer.rows[chosen].smallest else { return Ok(answer) };
    let model_at = |size: u32| (question.model_at)(&question.rows[chosen], size);
    if found > least {
        let below = why::below(&model_at, found - 1, &question.rule, progress)?;
        (answer.why, answer.changes) = (below.why, below.changes);
    }
    answer.cliffs = why::cliffs(&answer.rows[chosen], &model_at, found, &question.rule, progress)?;
    if question.loads {
        for size in found.saturating_sub(2).max(least)..=(found + 2).min(most) {
            answer.loads.push(largest_load(&model_at(size), size, &question.rule, progress)?);
        }
    }
    if question.probe {
        answer.probes = probe::probes(&model_at(found), question.rule.first.max(10), progress)?;
    }
    Ok(answer)
}

/// The largest load that a model carries, to a twentieth of its own.
///
/// # Errors
/// A [`RunError`].
pub fn largest_load(
    model: &Model,
    size: u32,
    rule: &Rule,
    progress: &dyn Progress,
) -> Result<LoadBound, RunError> {
    const STEPS: u32 = 60;
    let factor = |step: u32| f64::from(step) / 20.0;
    let (mut carries, mut fails) = (0, STEPS + 1);
    // Undecided loads count for neither side: they are the band between.
    let (mut shown, mut refuted) = (None, None);
    let mut next = 20;
    while fails - carries > 1 {
        let mut cell = Cell::new(loaded(model, factor(next)));
        match cell.decide(&Rule { most: rule.most.min(8 * rule.first), ..*rule }, progress)? {
            Judgement::Met => {
                carries = next;
                shown = Some(next);
            }
            judgement => {
                fails = next;
                if judgement == Judgement::Missed {
                    refuted = Some(next);
                }
            }
        }
        next = carries + (fails - carries) / 2;
    }
    Ok(LoadBound { size, carries: shown.map(factor), fails: refuted.map(factor) })
}
