//! The first decision that differs between two sequences, with what the scheduler knew when it took it.

use super::super::metric::Unit;
use super::baseline::Kept;
use super::tour::{State, Tour};
use crate::policy::Decision;
use crate::policy::decision::CHUNK;
use serde::{Deserialize, Serialize};

/// Two sequences of decisions that part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The point or the case of the corpus.
    pub of: String,
    /// How many decisions are the same before it.
    pub same: u64,
    /// When it was taken now, or before where there is none now; seconds.
    pub at: f64,
    /// What was decided before; absent where the sequence had ended, or where it was too long to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What is decided now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether the decision before was kept: else only the stretch is known in which the first difference lies.
    pub kept: bool,
    /// The pool at that instant.
    pub state: State,
    /// What it does to figures: name, unit, before, after.
    pub effects: Vec<Effect>,
}

/// A figure of a case before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Its name.
    pub name: String,
    /// Unit.
    pub unit: Unit,
    /// Before.
    pub before: f64,
    /// After.
    pub after: f64,
}

/// The first difference between the decisions kept in a baseline and those of now, whose `list` should hold as many
/// as there are. `None` where both are the same.
pub fn first_difference(of: &str, then: &Kept, now: &Kept, list: &[Decision]) -> Option<Difference> {
    if then.fingerprint == now.fingerprint && then.count == now.count {
        return None;
    }
    let lines = list.iter().map(ToString::to_string);
    let mut old = then.lines.iter();
    let mut same = 0;
    let mut tour = Tour::default();
    for (line, decision) in lines.zip(list) {
        match old.next() {
            Some(before) if *before == line => {}
            Some(before) => {
                return Some(part(of, same, Some(before), Some((line, decision)), &tour));
            }
            // The list was cut where it was kept; beyond, hashes tell the chunk.
            None if same < then.count => return Some(beyond(of, then, now, list)),
            None => return Some(part(of, same, None, Some((line, decision)), &tour)),
        }
        tour.take(decision);
        same += 1;
    }
    match old.next() {
        Some(before) => Some(part(of, same, Some(before), None, &tour)),
        None => Some(beyond(of, then, now, list)),
    }
}

fn part(
    of: &str,
    same: u64,
    before: Option<&String>,
    after: Option<(String, &Decision)>,
    tour: &Tour,
) -> Difference {
    let parsed = before.and_then(|line| line.parse::<Decision>().ok());
    let first = after.as_ref().map(|(_, decision)| **decision).or(parsed);
    Difference {
        of: of.to_owned(),
        same,
        at: first.map_or(0.0, |decision| decision.at.secs()),
        before: before.cloned(),
        after: after.map(|(line, _)| line),
        kept: true,
        state: tour.state(first.map_or(0, |decision| decision.pool)),
        effects: Vec::new(),
    }
}

/// A difference beyond the decisions that were kept: its chunk is known.
fn beyond(of: &str, then: &Kept, now: &Kept, list: &[Decision]) -> Difference {
    let chunk = then.chunks.iter().zip(&now.chunks).take_while(|(a, b)| a == b).count();
    let same = (chunk * CHUNK).max(then.lines.len());
    let first = list.get(same);
    let mut tour = Tour::default();
    list.iter().take(same).for_each(|decision| tour.take(decision));
    Difference {
        of: of.to_owned(),
        same: same as u64,
        at: first.map_or(0.0, |decision| decision.at.secs()),
        before: None,
        after: first.map(ToString::to_string),
        kept: false,
        state: tour.state(first.map_or(0, |decision| decision.pool)),
        effects: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::decision::Log;

    fn list(lines: &[&str]) -> Vec<Decision> {
        lines.iter().map(|line| line.parse().unwrap()).collect()
    }

    fn kept(list: &[Decision], keep: usize) -> Kept {
        let mut log = Log::new(keep);
        list.iter().for_each(|decision| log.push(*decision));
        Kept::of(&log)
    }

    #[test]
    fn the_first_difference_comes_with_the_state_before_it() {
        let old =
            list(&["0 0 ready 0", "1 0 start 0.0 0", "2 0 queue 0.1", "3 0 queue 0.2", "4 0 start 0.1 0"]);
        let new =
            list(&["0 0 ready 0", "1 0 start 0.0 0", "2 0 queue 0.1", "3 0 queue 0.2", "4 0 start 0.2 0"]);
        assert_eq!(first_difference("x", &kept(&old, 9), &kept(&old, 9), &old), None);
        let found = first_difference("x", &kept(&old, 9), &kept(&new, 9), &new).unwrap();
        assert_eq!((found.same, found.at, found.kept), (4, 4.0, true));
        assert_eq!(found.before.as_deref(), Some("4 0 start 0.1 0"));
        assert_eq!(found.after.as_deref(), Some("4 0 start 0.2 0"));
        let state = State { queue: vec!["0.1".into(), "0.2".into()], waiting: 2, slots: vec!["0.0".into()] };
        assert_eq!(found.state, state);
    }

    #[test]
    fn a_sequence_that_ends_early_or_goes_on() {
        let long = list(&["0 0 ready 0", "1 0 start 0.0 0"]);
        let short = list(&["0 0 ready 0"]);
        let ended = first_difference("x", &kept(&long, 9), &kept(&short, 9), &short).unwrap();
        assert_eq!((ended.before.as_deref(), ended.after), (Some("1 0 start 0.0 0"), None));
        let more = first_difference("x", &kept(&short, 9), &kept(&long, 9), &long).unwrap();
        assert_eq!((more.before, more.after.as_deref()), (None, Some("1 0 start 0.0 0")));
    }

    #[test]
    fn beyond_what_was_kept_the_chunk_is_known() {
        let old: Vec<Decision> = (0..600).map(|n| format!("{n} 0 kill 0").parse().unwrap()).collect();
        let mut new = old.clone();
        new[300] = "300 0 kill 1".parse().unwrap();
        let found = first_difference("x", &kept(&old, 10), &kept(&new, 10), &new).unwrap();
        assert_eq!((found.same, found.at, found.kept, found.before), (256, 256.0, false, None));
    }
}
