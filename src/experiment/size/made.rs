//! Replications made once and shared between candidates that would make the same.
//!
//! Candidates that differ in nothing share all. Candidates that differ in service time-outs alone share more than their
//! draws: where nothing ran into a shorter time-out, nothing does under a longer one, and the two replications are
//! the same to the last request. Along an axis of time-outs most of the work is done once. What is shared is what
//! would have been made, so no answer depends on it.

use crate::model::{Model, Pool};
use crate::policy::OnTimeout;
use crate::stats::Replication;
use crate::time::Span;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most replications that are kept: what is left of one for a search is some tens of kilobytes.
const KEPT_MAX: usize = 4096;

/// What a replication depends on but for its number: all of the model, with time-outs apart.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    key: [u8; 32],
    /// By pool.
    timeouts: Vec<Span>,
    /// Whether every time-out kills its worker, so that none can come unseen.
    kills: bool,
}

impl Kind {
    pub(super) fn of(model: &Model) -> Kind {
        let kill = |pool: &Pool| pool.settings.service_timeout.is_none_or(|one| one.then == OnTimeout::Kill);
        let kills = model.pools.iter().all(kill);
        let mut rest = model.clone();
        let timeouts = rest.pools.iter_mut().map(|pool| match &mut pool.settings.service_timeout {
            Some(timeout) => std::mem::replace(&mut timeout.span, Span::NEVER),
            None => Span::NEVER,
        });
        let timeouts = timeouts.collect();
        // How often it is played does not change a play.
        rest.run.replications = crate::model::Replications::Fixed(0);
        Kind { key: Sha256::digest(format!("{rest:?}")).into(), timeouts, kills }
    }

    /// Whether a replication of another kind would be one of this.
    fn takes(&self, other: &Kind, replication: &Replication) -> bool {
        self.timeouts == other.timeouts || (self.is_longer(other) && untouched(replication, self.kills))
    }

    fn is_longer(&self, other: &Kind) -> bool {
        self.timeouts.iter().zip(&other.timeouts).all(|(own, other)| own >= other)
    }
}

/// Whether no time-out came, as far as can be told: a kill may have been one, and where time-outs do not kill, one may
/// have ended work for a client that had left.
fn untouched(replication: &Replication, kills: bool) -> bool {
    replication.segments.iter().all(|segment| {
        segment.classes.iter().all(|class| class.attempts_timed_out == 0)
            && segment.pools.iter().all(|pool| pool.kills == 0 && (kills || pool.slots.zombie == 0))
    })
}

/// The replications of one candidate, from number 0 on.
struct Kept {
    kind: Kind,
    replications: Vec<Replication>,
}

/// What was made so far.
#[derive(Default)]
pub struct Made {
    kept: Mutex<BTreeMap<[u8; 32], Vec<Kept>>>,
}

impl Made {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Vec<Kept>>> {
        // Entries are whole or absent, so a poisoned lock still holds good ones.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A replication that was made before.
    pub(super) fn find(&self, kind: &Kind, index: u64) -> Option<Replication> {
        let kept = self.lock();
        let candidates = kept.get(&kind.key)?.iter();
        let mut found = candidates.filter_map(|one| Some((&one.kind, one.replications.get(index as usize)?)));
        found.find(|(other, replication)| kind.takes(other, replication)).map(|(_, one)| one.clone())
    }

    /// Keeps the replications of a candidate that is done with.
    pub(super) fn keep(&self, kind: &Kind, replications: Vec<Replication>) {
        let mut kept = self.lock();
        let there: usize = kept.values().flatten().map(|one| one.replications.len()).sum();
        if there + replications.len() > KEPT_MAX || replications.is_empty() {
            return;
        }
        let entries = kept.entry(kind.key).or_default();
        match entries.iter_mut().find(|one| one.kind.timeouts == kind.timeouts) {
            Some(same) if same.replications.len() < replications.len() => same.replications = replications,
            Some(_) => {}
            None => entries.push(Kept { kind: kind.clone(), replications }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine;
    use crate::model::{NoFiles, load};

    fn model(timeout: &str) -> Model {
        let text = format!(
            "[run]\nhorizon = \"300s\"\nregime = \"terminating\"\n[class.job]\n\
             demand = {{ dist = \"exponential\", mean = \"1s\" }}\n[client.c]\ndeadline = \"4s\"\ncancels = false\n\
             [source.s]\npool = \"main\"\nclass = \"job\"\nclient = \"c\"\narrivals = {{ rate = \"2.5/s\" }}\n\
             [pool.main]\nslots = 3\nservice_timeout = {timeout:?}\non_timeout = \"kill\"\n"
        );
        load("made.toml", &text, &NoFiles, &[])
            .unwrap_or_else(|faults| panic!("{}", faults.render(false)))
            .model
    }

    #[test]
    fn what_is_shared_is_what_would_have_been_made() {
        let made = Made::default();
        let play = |timeout: &str| {
            let model = model(timeout);
            let run = |index| engine::simulate(&model, index).unwrap();
            (Kind::of(&model), (0..40).map(run).collect::<Vec<_>>())
        };
        let (short, runs) = play("6s");
        made.keep(&short, runs);
        let (longer, own) = play("7s");
        let shared: Vec<_> = (0..40).map(|index| made.find(&longer, index)).collect();
        let count = shared.iter().flatten().count();
        assert!((2..=38).contains(&count), "{count} of 40: some met a time-out and some did not");
        for (shared, own) in shared.iter().zip(&own) {
            assert!(shared.as_ref().is_none_or(|shared| shared.segments == own.segments));
        }
        // A shorter time-out takes nothing from a longer one.
        let (shorter, _) = play("5s");
        assert!((0..40).all(|index| made.find(&shorter, index).is_none()));
    }
}
