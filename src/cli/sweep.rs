//! `poolsim sweep`: a model over a grid, whole or in parts.

#![allow(
    clippy::disallowed_methods,
    reason = "how often a sweep saves what it has is a matter of wall-clock time"
)]

use super::checked::{Out, Shard, Study, Sweep};
use super::exit::{Answer, Failure};
use super::places::Folder;
use super::progress::PointBar;
use super::{experiments, interrupt, printer, terminal};
use crate::experiment::outline::Outline;
use crate::experiment::plan::Plan;
use crate::experiment::record::{Record, RecordError};
use crate::experiment::run::{Finished, Progress};
use crate::experiment::store::Store;
use crate::experiment::sweep::{self, Watch};
use crate::report;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the finished points of a sweep in one process are written down.
const SAVE_EVERY: Duration = Duration::from_secs(3);

/// Runs a sweep, or its part.
///
/// # Errors
/// A [`Failure`].
pub fn sweep(args: &Sweep) -> Result<Answer, Failure> {
    interrupt::listen_gently();
    let mut loaded = experiments::load(&args.study)?;
    // Both would write to the folder of the experiment's name, one over the other.
    if loaded.experiment.size.is_some() && args.study.out.folder == Folder::ByName {
        let file = &args.study.experiment;
        return Err(Failure::new(
            format!("{file} asks for a size, and a sweep gives none"),
            format!(
                "poolsim size {file} looks for it; to sweep its axes all the same, name a folder with --output"
            ),
        ));
    }
    let plan = experiments::plan(&args.study, &mut loaded)?;
    let outline = Outline::of(&plan, sweep::compared(&plan), loaded.given, loaded.text);
    let out = &args.study.out;
    let folder = out.folder.path(&outline.name);
    let store = match (&args.store, &folder) {
        (Some(store), _) => Some(Store::new(store)),
        (None, Some(folder)) => Some(Store::new(&folder.join("unfinished"))),
        (None, None) => None,
    };
    if let (Some(store), None, false) = (&store, &args.store, args.resume) {
        store.remove();
    }
    let keeper = Keeper::new(&outline, store.as_ref(), args);
    if let (Some(store), true) = (&store, args.store.is_some() || args.resume) {
        store.open(&outline)?;
        keeper.recall(store);
    }
    let chunks = chunks_of(&outline, args.shard);
    let finished = super::run::in_pool(args.study.threads, || carry_out(&plan, &outline, &chunks, &keeper))?;
    keeper.bar.clear();
    let finished = match finished {
        Ok(finished) => finished,
        Err(error) => {
            keeper.save(true)?;
            if matches!(error, crate::experiment::RunError::Interrupted) && store.is_some() && !out.quiet {
                terminal::say("interrupted; --resume goes on from here");
            }
            return Err(error.into());
        }
    };
    if args.store.is_some() {
        keeper.save(true)?;
    }
    if args.shard.is_some() {
        if !out.quiet {
            terminal::say(&format!("{} of {} chunks are done here", chunks.len(), outline.keys.len()));
        }
        return Ok(Answer::Done);
    }
    let record = sweep::record(outline, finished);
    deliver(&record, out, folder.as_deref())?;
    if let (Some(store), None) = (store, &args.store) {
        store.remove();
    }
    Ok(Answer::Done)
}

/// Runs a whole experiment for its record alone.
///
/// # Errors
/// A [`Failure`].
pub(super) fn whole(study: &Study) -> Result<Record, Failure> {
    let mut loaded = experiments::load(study)?;
    let plan = experiments::plan(study, &mut loaded)?;
    let outline = Outline::of(&plan, sweep::compared(&plan), loaded.given, loaded.text);
    let indices: Vec<usize> = (0..outline.points()).collect();
    let finished = sweep::run(&plan, &indices, &sweep::Unwatched)?;
    Ok(sweep::record(outline, finished))
}

/// The chunks of a part: every N-th, so that dear and cheap ones are spread.
fn chunks_of(outline: &Outline, shard: Option<Shard>) -> Vec<usize> {
    let all = 0..outline.keys.len();
    match shard {
        None => all.collect(),
        Some(shard) => all.skip(shard.index).step_by(shard.of).collect(),
    }
}

fn carry_out(
    plan: &Plan,
    outline: &Outline,
    chunks: &[usize],
    keeper: &Keeper<'_>,
) -> Result<Vec<Finished>, crate::experiment::RunError> {
    let indices: Vec<usize> = chunks.iter().flat_map(|&chunk| outline.points_of(chunk)).collect();
    keeper.bar.points(indices.len());
    sweep::run(plan, &indices, keeper)
}

/// Writes a record's files and prints it. A disk that is full keeps nobody from seeing the result.
pub(super) fn deliver(record: &Record, out: &Out, folder: Option<&Path>) -> Result<(), Failure> {
    let saved = folder.map_or(Ok(()), |folder| save(record, out, folder));
    printer::print(record, out.format, &out.sink)?;
    saved
}

fn save(record: &Record, out: &Out, folder: &Path) -> Result<(), Failure> {
    let paths = {
        let _guard = interrupt::hold();
        report::files::forget(folder, &[])?;
        let drawn = if out.report { super::run::draw(record, folder)? } else { Vec::new() };
        let mut paths = report::files::write_study(record, folder)?;
        paths.extend(drawn.into_iter().filter(|path| path.ends_with(report::files::REPORT)));
        paths
    };
    if !out.quiet {
        terminal::say_written(folder, &paths);
    }
    Ok(())
}

/// Keeps finished points until their chunk is whole, and writes it.
struct Keeper<'a> {
    outline: &'a Outline,
    store: Option<&'a Store>,
    /// Whether others wait for the chunks, so that each is written at once.
    at_once: bool,
    bar: PointBar,
    kept: Mutex<Kept>,
}

struct Kept {
    /// Points of chunks that are not written yet.
    open: BTreeMap<usize, Finished>,
    /// Points that were read.
    recalled: BTreeMap<usize, Finished>,
    saved: Instant,
    failure: Option<RecordError>,
}

impl<'a> Keeper<'a> {
    fn new(outline: &'a Outline, store: Option<&'a Store>, args: &Sweep) -> Keeper<'a> {
        let kept =
            Kept { open: BTreeMap::new(), recalled: BTreeMap::new(), saved: Instant::now(), failure: None };
        let bar = PointBar::new(args.study.out.quiet);
        Keeper { outline, store, at_once: args.store.is_some(), bar, kept: Mutex::new(kept) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Entries are whole or absent, so a poisoned lock still holds good ones.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is there already.
    fn recall(&self, store: &Store) {
        let mut kept = self.lock();
        for chunk in 0..self.outline.keys.len() {
            for finished in store.read(self.outline, chunk).unwrap_or_default() {
                kept.recalled.insert(finished.point.index as usize, finished);
            }
        }
    }

    /// Writes the chunks that are whole.
    fn save(&self, always: bool) -> Result<(), Failure> {
        let Some(store) = self.store else { return Ok(()) };
        let mut kept = self.lock();
        if let Some(failure) = kept.failure.take() {
            return Err(failure.into());
        }
        if !always && !self.at_once && kept.saved.elapsed() < SAVE_EVERY {
            return Ok(());
        }
        kept.saved = Instant::now();
        let mut chunks: Vec<usize> = kept.open.keys().map(|point| point / self.outline.chunk).collect();
        chunks.dedup();
        chunks.retain(|&chunk| self.outline.points_of(chunk).all(|point| kept.open.contains_key(&point)));
        if !chunks.is_empty() {
            store.open(self.outline)?;
        }
        for chunk in chunks {
            let points = self.outline.points_of(chunk).filter_map(|point| kept.open.remove(&point)).collect();
            store.write(self.outline, chunk, points)?;
        }
        Ok(())
    }
}

impl Progress for Keeper<'_> {
    fn done(&self, requests: u64) {
        self.bar.requests(requests);
    }

    fn interrupted(&self) -> bool {
        interrupt::asked()
    }
}

impl Watch for Keeper<'_> {
    fn stored(&self, index: usize) -> Option<Finished> {
        let found = self.lock().recalled.remove(&index);
        if found.is_some() {
            self.bar.point();
        }
        found
    }

    fn finished(&self, finished: &Finished) {
        self.bar.point();
        if self.store.is_none() {
            return;
        }
        self.lock().open.insert(finished.point.index as usize, finished.clone());
        if let Err(Failure::Said { text, hint }) = self.save(false) {
            terminal::say(&format!("{text}; {hint}"));
        }
    }
}
