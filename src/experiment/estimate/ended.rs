//! What ends per second where work piles up: counted by when it ends.
//!
//! Elsewhere a request counts where it was sent, and its end belongs to it. Under overload those sent in a stretch end
//! long after it, or never, so their number says nothing of what the system gets done. Bins have no classes, so
//! these rates are those of all requests together.

use super::figures::{Events, Figures};
use crate::experiment::metric::Unit;
use crate::model::FAILURES;
use crate::outcome::Outcome;
use crate::stats::{Replication, Segment};
use crate::time::Time;

/// The requests that ended within a group's segments.
pub(super) struct Ended {
    outcomes: [u64; Outcome::ALL.len()],
    seconds: f64,
}

impl Ended {
    fn count(&self, kinds: impl Iterator<Item = Outcome>) -> u64 {
        kinds.map(|kind| self.outcomes[kind as usize]).sum()
    }
}

/// One entry a group: each of one replication, or all of the only one.
pub(super) fn by_group(groups: &[Vec<&Segment>], runs: &[Replication]) -> Vec<Ended> {
    let run = |group: usize| if runs.len() == 1 { runs.first() } else { runs.get(group) };
    let within = |(group, segments): (usize, &Vec<&Segment>)| {
        let (first, last) = (segments.first()?, segments.last()?);
        Some(between(run(group)?, first.start, last.end))
    };
    groups.iter().enumerate().filter_map(within).collect()
}

/// The bins that lie wholly between two instants.
fn between(run: &Replication, from: Time, to: Time) -> Ended {
    let width = run.timeline.width.nanos();
    let mut ended = Ended { outcomes: [0; Outcome::ALL.len()], seconds: 0.0 };
    for (bin, start) in run.timeline.bins.iter().zip((0u64..).map(|number| number.saturating_mul(width))) {
        if start >= from.nanos() && start.saturating_add(width) <= to.nanos() {
            ended.outcomes.iter_mut().zip(bin.outcomes).for_each(|(sum, count)| *sum += u64::from(count));
            ended.seconds += run.timeline.width.secs();
        }
    }
    ended
}

/// The rates of ends.
pub(super) fn rates(groups: &[Ended], out: &mut Figures) {
    let mut rate = |name: &str, of: &dyn Fn(&Ended) -> u64| {
        let row = |ended: &Ended| Events {
            events: of(ended),
            trials: ended.count(Outcome::ALL.into_iter()),
            per: ended.seconds,
        };
        out.events(name, Unit::PerSecond, groups.iter().map(row));
    };
    let ok = |ended: &Ended| ended.outcomes[Outcome::Ok as usize];
    rate("throughput", &ok);
    rate("goodput", &ok);
    rate("failure_rate", &|ended| ended.count(FAILURES.iter()));
    for kind in Outcome::ALL {
        rate(&format!("rate_{}", kind.name()), &|ended| ended.outcomes[kind as usize]);
    }
}
