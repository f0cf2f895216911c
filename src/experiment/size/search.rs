//! The search among the candidates of one point: bracket, halve, prove, and check what halving rests on.

use super::cell::{Cell, Rule, leave};
use super::made::Made;
use super::{Candidate, SizeRow, why};
use crate::experiment::estimate::RegimeFound;
use crate::experiment::plan::Planned;
use crate::experiment::run::{Progress, RunError};
use crate::experiment::verdict::Judgement;
use crate::model::Model;
use std::collections::BTreeMap;

/// Candidates of one row, each with what is known of it.
struct Search<'a> {
    model_at: &'a (dyn Fn(u32) -> Model + Sync),
    rule: Rule,
    range: (u32, u32),
    cells: BTreeMap<u32, Cell<'a>>,
    made: &'a Made,
    progress: &'a dyn Progress,
}

impl Search<'_> {
    fn decide(&mut self, size: u32) -> Result<Judgement, RunError> {
        let cell = self.cells.entry(size).or_insert_with(|| Cell::among((self.model_at)(size), self.made));
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
    (made, progress): (&Made, &dyn Progress),
) -> Result<SizeRow, RunError> {
    let mut search = Search { model_at, rule, range, cells: BTreeMap::new(), made, progress };
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
    let row = answer(planned, &search, found, more_is_worse);
    search.cells.into_values().for_each(leave);
    Ok(row)
}

fn answer(planned: &Planned, search: &Search<'_>, found: Option<u32>, more_is_worse: bool) -> SizeRow {
    let undecided: Vec<&Cell<'_>> = search
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

fn candidate(size: u32, cell: &Cell<'_>) -> Candidate {
    Candidate {
        size,
        judgement: cell.judgement,
        unstable: matches!(cell.regime, RegimeFound::Unstable { .. }),
        replications: cell.made(),
        verdicts: cell.verdicts.clone(),
    }
}
