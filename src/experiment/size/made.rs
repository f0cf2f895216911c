//! Replications made once and shared between candidates that would make the same.
//!
//! Candidates that differ in nothing share all. Candidates that differ in service time-outs alone share more than their
//! draws: a replication in which no time-out passed is the same, to the last request, under every time-out that is
//! longer than the longest work on which one was set. Along an axis of time-outs most of the work is done once. What
//! is shared is what would have been made, so no answer depends on it.

use crate::model::Model;
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
    /// By pool; `NEVER` for none.
    timeouts: Vec<Span>,
}

impl Kind {
    pub(super) fn of(model: &Model) -> Kind {
        let mut rest = model.clone();
        let timeouts = rest.pools.iter_mut().map(|pool| match &mut pool.settings.service_timeout {
            Some(timeout) => std::mem::replace(&mut timeout.span, Span::NEVER),
            None => Span::NEVER,
        });
        let timeouts = timeouts.collect();
        // How often it is played does not change a play.
        rest.run.replications = crate::model::Replications::Fixed(0);
        Kind { key: Sha256::digest(format!("{rest:?}")).into(), timeouts }
    }

    /// Whether candidates of another kind may make the same replications.
    pub(super) fn is_akin_to(&self, other: &Kind) -> bool {
        self.key == other.key
    }

    /// The longest time-outs come last.
    pub(super) fn by_length(&self, other: &Kind) -> std::cmp::Ordering {
        self.timeouts.cmp(&other.timeouts)
    }

    /// Whether a replication of another kind would be one of this.
    fn takes(&self, other: &Kind, replication: &Replication) -> bool {
        let mut pools = self.timeouts.iter().zip(&other.timeouts).zip(&replication.longest_timed);
        pools.all(|((&own, &made_with), &longest)| {
            // Without a time-out nothing counts towards one.
            own == made_with || (!made_with.is_never() && longest < own.min(made_with))
        })
    }
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

    const RUNS: u64 = 40;

    /// How many replications at `asked` are shared by those at `made`; all of them are the same as its own.
    fn shared(made_with: &str, asked: &str) -> usize {
        let play = |timeout: &str| {
            let model = model(timeout);
            let run = |index| engine::simulate(&model, index).unwrap();
            (Kind::of(&model), (0..RUNS).map(run).collect::<Vec<_>>())
        };
        let made = Made::default();
        let (kind, runs) = play(made_with);
        made.keep(&kind, runs);
        let (kind, own) = play(asked);
        let shared = (0..RUNS).map(|index| made.find(&kind, index));
        let same = shared.zip(&own).map(|(shared, own)| {
            shared.is_some_and(|shared| {
                assert_eq!((shared.fingerprint, &shared.segments), (own.fingerprint, &own.segments));
                true
            })
        });
        same.filter(|&same| same).count()
    }

    #[test]
    fn what_is_shared_is_what_would_have_been_made() {
        assert_eq!(shared("6s", "6s"), 40);
        for (made_with, asked) in [("6s", "7s"), ("7s", "6s"), ("6500ms", "6501ms")] {
            let count = shared(made_with, asked);
            assert!((2..=38).contains(&count), "{made_with} for {asked}: {count} of 40, some met a time-out");
        }
        // Hardly any work is longer than ten times its mean, hardly any run has none longer than three times.
        assert!(shared("30s", "15s") > 30 && shared("15s", "30s") > 30);
        assert!(shared("30s", "3s") < 5);
    }

    #[test]
    fn what_was_shared_is_shared_on_as_what_it_is() {
        let made = Made::default();
        let kind = |timeout: &str| Kind::of(&model(timeout));
        let runs = (0..RUNS).map(|index| engine::simulate(&model("30s"), index).unwrap()).collect();
        made.keep(&kind("30s"), runs);
        let through = (0..RUNS).map(|index| made.find(&kind("15s"), index)).collect::<Option<Vec<_>>>();
        made.keep(&kind("15s"), through.expect("nothing is longer than fifteen times its mean"));
        let found =
            |timeout: &str| (0..RUNS).filter(|&index| made.find(&kind(timeout), index).is_some()).count();
        assert_eq!(found("7s"), shared("30s", "7s"), "no more than straight from where it was made");
    }
}
