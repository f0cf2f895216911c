//! `poolsim merge`: the results of many workers as one record.

use super::args::RawMerge;
use super::checked;
use super::exit::{Answer, Failure};
use super::sweep::deliver;
use crate::experiment::store::Store;
use crate::experiment::{Judgement, sweep};
use std::path::Path;

/// How many missing chunks are named.
const NAMED: usize = 20;

/// Merges a store.
///
/// # Errors
/// A [`Failure`].
pub fn merge(raw: &RawMerge) -> Result<Answer, Failure> {
    let out = checked::out(&raw.out)?;
    let store = Store::new(Path::new(&raw.store));
    let outline = store.outline().map_err(|error| {
        Failure::new(
            format!("no plan in {}: {error}", raw.store),
            "is it the folder that sweep --store filled?",
        )
    })?;
    match store.collect(&outline) {
        Ok(finished) => {
            let folder = out.folder.path(&outline.name);
            let record = sweep::record(outline, finished);
            deliver(&record, &out, folder.as_deref())?;
            Ok(Answer::Done)
        }
        Err(missing) => {
            let named: Vec<String> = missing
                .iter()
                .take(NAMED)
                .map(|&chunk| format!("  chunk {chunk}: {}.json", outline.keys[chunk]))
                .collect();
            let more = missing.len().saturating_sub(NAMED);
            let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
            super::terminal::say(&format!(
                "{} of {} chunks are missing:\n{}{more}\nrun the workers again: what is there is kept",
                missing.len(),
                outline.keys.len(),
                named.join("\n"),
            ));
            Ok(Answer::Judged(Judgement::Undecided))
        }
    }
}
