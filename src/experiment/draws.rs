//! Draws made once: the requests of a replication, shared by all points whose models draw the same.
//!
//! Points share them in value anyhow, because streams are named by seed, replication and purpose; here they share the
//! work of drawing too. No figure depends on it.

use crate::model::Model;
use crate::model::tape::{Tape, draw_alike};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Tapes are held up to so many bytes; replications beyond that draw anew.
const BYTES_MOST: usize = 1 << 29;

/// A tape that is made by whoever needs it first; `None` in it if there is nothing to share.
pub type Shared = Arc<OnceLock<Option<Tape>>>;

/// The tapes of a plan's points.
#[derive(Debug)]
pub struct Draws {
    /// By point: its group.
    group_of: Vec<usize>,
    groups: Vec<Group>,
    bytes: AtomicUsize,
}

#[derive(Debug)]
struct Group {
    points: usize,
    tapes: Mutex<BTreeMap<u64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    tape: Shared,
    /// Points that have not had it yet.
    left: usize,
}

impl Draws {
    /// Finds out who shares with whom.
    pub fn of<'m>(models: impl Iterator<Item = &'m Model>) -> Draws {
        let mut firsts: Vec<&Model> = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut group_of = Vec::new();
        for model in models {
            let group = firsts.iter().position(|first| draw_alike(first, model)).unwrap_or_else(|| {
                firsts.push(model);
                groups.push(Group { points: 0, tapes: Mutex::default() });
                groups.len() - 1
            });
            groups[group].points += 1;
            group_of.push(group);
        }
        Draws { group_of, groups, bytes: AtomicUsize::new(0) }
    }

    /// Points of one group share their draws: who plays them one after the other holds few tapes at a time.
    pub fn group(&self, point: usize) -> usize {
        self.group_of.get(point).copied().unwrap_or(usize::MAX)
    }

    /// The tape of a replication for a point, which asks once; `None` if it is alone with its draws, or memory is short.
    pub fn take(
        &self,
        point: usize,
        replication: u64,
        draw: impl FnOnce() -> Option<Tape>,
    ) -> Option<Shared> {
        let group = self.groups.get(self.group(point))?;
        if group.points < 2 {
            return None;
        }
        let shared = {
            let mut tapes = group.tapes.lock().unwrap_or_else(PoisonError::into_inner);
            if !tapes.contains_key(&replication) && self.bytes.load(Ordering::Relaxed) > BYTES_MOST {
                return None;
            }
            let fresh = || Entry { tape: Shared::default(), left: group.points };
            let entry = tapes.entry(replication).or_insert_with(fresh);
            entry.left = entry.left.saturating_sub(1);
            let (shared, last) = (entry.tape.clone(), entry.left == 0);
            if last {
                tapes.remove(&replication);
                let bytes = shared.get().and_then(Option::as_ref).map_or(0, Tape::bytes);
                self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
            shared
        };
        shared.get_or_init(|| {
            let tape = draw();
            self.bytes.fetch_add(tape.as_ref().map_or(0, Tape::bytes), Ordering::Relaxed);
            tape
        });
        Some(shared)
    }
}
