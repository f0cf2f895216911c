//! Draws made once: the requests of a replication, shared by all points whose models draw the same.
//!
//! Points share them in value anyhow, because streams are named by seed, replication and purpose; here they share the
//! work of drawing too. No figure depends on it.

use crate::model::Model;
use crate::model::tape::{Tape, draw_alike};
use std::collections::BTreeMap;
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
    /// By group: its points.
    points: Vec<usize>,
    /// By group and replication: what is held.
    held: Mutex<BTreeMap<(usize, u64), Held>>,
}

#[derive(Debug)]
struct Held {
    tape: Shared,
    /// Points that have not had it yet.
    left: usize,
}

impl Held {
    fn bytes(&self) -> usize {
        self.tape.get().and_then(Option::as_ref).map_or(0, Tape::bytes)
    }
}

impl Draws {
    /// Finds out who shares with whom.
    pub fn of<'m>(models: impl Iterator<Item = &'m Model>) -> Draws {
        let mut firsts: Vec<&Model> = Vec::new();
        let mut points = Vec::new();
        let mut group_of = Vec::new();
        for model in models {
            let group = firsts.iter().position(|first| draw_alike(first, model)).unwrap_or_else(|| {
                firsts.push(model);
                points.push(0);
                points.len() - 1
            });
            points[group] += 1;
            group_of.push(group);
        }
        Draws { group_of, points, held: Mutex::default() }
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
        let group = self.group(point);
        let points = self.points.get(group).copied().filter(|&points| points > 1)?;
        let shared = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (group, replication);
            if !held.contains_key(&key) && held.values().map(Held::bytes).sum::<usize>() > BYTES_MOST {
                return None;
            }
            let one = held.entry(key).or_insert_with(|| Held { tape: Shared::default(), left: points });
            one.left = one.left.saturating_sub(1);
            let (shared, last) = (one.tape.clone(), one.left == 0);
            if last {
                held.remove(&key);
            }
            shared
        };
        shared.get_or_init(draw);
        Some(shared)
    }
}
