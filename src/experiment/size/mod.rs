//! The smallest capacity that meets every objective, and what is to be known about it.
//!
//! Candidates lie between two whole numbers. The search brackets the answer by bisection and then proves it where it
//! stands: the answer's own intervals are on the good side of every bound and one interval of the next smaller
//! candidate is on the bad side, each with half of the error that is allowed. Bisection rests on more capacity never
//! being worse; that is checked at the candidates above, and where it does not hold (workers beyond the cores slow
//! each other down) every smaller candidate is tried in turn. Unstable candidates fail and are never ranked.

mod cell;
mod change;
mod load;
mod made;
mod probe;
mod record;
mod search;
mod why;

pub use cell::{Cell, Rule};
pub use change::{changes, loaded, spiked, stopped};
pub use load::{LoadBound, largest_load};
pub use made::Made;
pub use probe::Probe;
pub use record::record;
pub use search::smallest;
pub use why::TriedChange;

use super::plan::Planned;
use super::record::Setting;
use super::run::{Progress, RunError};
use super::verdict::{Judgement, Verdict};
use crate::model::Model;
use made::Kind;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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
    let least = question.range.0;
    let made = Made::default();
    let rows = frontier(question, &made, progress)?;
    // Of two rows with the same size the one that is proved.
    let rank = |row: &SizeRow| (row.smallest.unwrap_or(u32::MAX), row.judgement != Judgement::Met);
    let chosen = (0..rows.len()).min_by_key(|&row| rank(&rows[row])).unwrap_or(0);
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
        let below = why::below(&model_at, found - 1, &question.rule, (&made, progress))?;
        (answer.why, answer.changes) = (below.why, below.changes);
    }
    answer.cliffs = why::cliffs(&answer.rows[chosen], &model_at, found, &question.rule, progress)?;
    if question.loads {
        answer.loads = loads(question, chosen, found, progress)?;
    }
    if question.probe {
        answer.probes = probe::probes(&model_at(found), question.rule.first.max(10), progress)?;
    }
    Ok(answer)
}

/// Works on items in blocks side by side, in each block one after the other with what the one before found.
///
/// Blocks depend on the number of items alone, so the work, and what is recorded of it, does not depend on threads.
fn in_blocks<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T, Option<&R>) -> Result<R, RunError> + Sync,
) -> Result<Vec<R>, RunError> {
    const BLOCKS: usize = 4;
    /// A shorter block gains less from its neighbours than it gives to another thread.
    const SHORTEST: usize = 3;
    let block = |items: &[T]| {
        let mut found: Vec<R> = Vec::with_capacity(items.len());
        for item in items {
            let one = work(item, found.last())?;
            found.push(one);
        }
        Ok(found)
    };
    let length = items.len().div_ceil(BLOCKS).max(SHORTEST);
    let blocks: Vec<Result<Vec<R>, RunError>> = items.par_chunks(length).map(block).collect();
    let blocks: Result<Vec<Vec<R>>, RunError> = blocks.into_iter().collect();
    Ok(blocks?.into_iter().flatten().collect())
}

/// The smallest capacity of every row; the answer of a row is where the search of its neighbour begins.
///
/// # Errors
/// A [`RunError`].
pub fn frontier(
    question: &Question<'_>,
    made: &Made,
    progress: &dyn Progress,
) -> Result<Vec<SizeRow>, RunError> {
    let (least, most) = question.range;
    let search = |row: usize, before: Option<&SizeRow>| {
        let planned = &question.rows[row];
        let guess = before.and_then(|row| row.smallest).unwrap_or(least + (most - least) / 2);
        let model_at = |size: u32| (question.model_at)(planned, size);
        smallest(planned, &model_at, question.range, question.rule, guess, (made, progress))
    };
    let kinds: Vec<Kind> =
        question.rows.iter().map(|row| Kind::of(&(question.model_at)(row, least))).collect();
    let first = pioneers(&kinds);
    let found = first.iter().map(|&row| search(row, None)).collect::<Result<Vec<_>, _>>()?;
    let rest: Vec<usize> = (0..kinds.len()).filter(|row| !first.contains(row)).collect();
    let others = in_blocks(&rest, |&row: &usize, before: Option<&SizeRow>| {
        let akin = || first.iter().position(|&one| kinds[one].is_akin_to(&kinds[row])).map(|at| &found[at]);
        search(row, before.or_else(akin))
    })?;
    let mut rows: Vec<(usize, SizeRow)> =
        first.into_iter().zip(found).chain(rest.into_iter().zip(others)).collect();
    rows.sort_by_key(|&(row, _)| row);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// The rows to begin with: of several that differ in time-outs alone the one with the longest, whose replications
/// nearly all serve the others.
fn pioneers(kinds: &[Kind]) -> Vec<usize> {
    let leads = |row: usize| {
        let akin: Vec<usize> =
            (0..kinds.len()).filter(|&other| kinds[row].is_akin_to(&kinds[other])).collect();
        // The last of equals is taken, and so, backwards, the first.
        let longest = akin.iter().rev().max_by(|&&one, &&other| kinds[one].by_length(&kinds[other]));
        akin.len() > 1 && longest == Some(&row)
    };
    (0..kinds.len()).filter(|&row| leads(row)).collect()
}

/// Most capacities whose largest load is looked for: a curve needs no more.
const CURVE: u32 = 12;

/// The largest load of the capacities around the answer: of all where they are few.
fn loads(
    question: &Question<'_>,
    row: usize,
    found: u32,
    progress: &dyn Progress,
) -> Result<Vec<LoadBound>, RunError> {
    let (least, most) = question.range;
    let from = found.saturating_sub(CURVE / 2).max(least).min((most + 1).saturating_sub(CURVE).max(least));
    let sizes: Vec<u32> = (from..=most).take(CURVE as usize).collect();
    in_blocks(&sizes, |&size: &u32, before: Option<&LoadBound>| {
        // In proportion to the capacity, from what the one before carries.
        let per_slot = before.and_then(|bound| Some(bound.estimate? / f64::from(bound.size)));
        let guess = f64::from(size) * per_slot.unwrap_or(1.0 / f64::from(found));
        largest_load(&(question.model_at)(&question.rows[row], size), size, guess, &question.rule, progress)
    })
}
