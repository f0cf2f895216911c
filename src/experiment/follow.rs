//! Which stretch of a replication is worth telling, and the stories of its slowest requests.
//!
//! The first replication names its slowest requests while it runs. The slowest of all is then followed in a second
//! play of the same replication, which the same streams make the same: what every slot did from a little before its
//! first send to a little after its end. A stretch that would fill more than a page keeps the slots that the request
//! met and their neighbours, and says how many it leaves out.

use super::metric::Scope;
use super::record::{Extreme, Parts};
use super::stretch::{Activity, SlotSpan, Stretch};
use crate::engine::trail::{Asked, Doing, Step, Stint, Trail, What};
use crate::engine::{Breach, Prepared, RequestSeen};
use crate::outcome::Outcome;
use crate::time::{Span, Time};
use std::collections::{BTreeMap, BTreeSet};

/// The replication that is followed.
pub const FOLLOWED: u64 = 0;
/// Slowest requests of a class that the first replication names: some may have been sent while it warmed up.
pub const NAMED: usize = 24;
/// Stories told of a class, and of all.
const STORIES: (usize, usize) = (3, 9);
/// Slots that a picture has room for.
const SLOTS_MOST: usize = 24;
/// Spans of slots that a picture shows apart.
const SPANS_MOST: usize = 500;
/// The stretch before and after the followed request, by its latency: one part in so many.
const MARGIN: u64 = 12;

/// The stretch around the slowest request, and the stories of the slowest of every class. `slow`: the slowest of
/// replication [`FOLLOWED`] by class; `warm_up`: what is cut off its beginning, seconds.
///
/// # Errors
/// A [`Breach`] when one of the run's self-checks fails.
pub fn follow(
    prepared: &Prepared<'_>,
    parts: &Parts,
    slow: &[RequestSeen],
    warm_up: f64,
) -> Result<(Option<Stretch>, Vec<Extreme>), Breach> {
    let told = told(slow, warm_up);
    let Some(first) = told.iter().max_by_key(|one| (one.latency(), std::cmp::Reverse(one.key))) else {
        return Ok((None, Vec::new()));
    };
    let margin = Span::from_nanos(first.latency().nanos() / MARGIN);
    let from = Time::from_nanos(first.sent.nanos().saturating_sub(margin.nanos()));
    let to = first.end + margin;
    let mut keys: Vec<u64> = told.iter().map(|one| one.key).collect();
    keys.sort_unstable();
    let last = told.iter().map(|one| one.end).max().unwrap_or(to).max(to);
    // The stories may lie after the stretch, so the play goes on to the last of them.
    let asked = Asked { from, to: last, keys: &keys };
    let trail = prepared.trail(FOLLOWED, asked)?;
    let stories = told.iter().map(|one| extreme(one, parts, &trail)).collect();
    Ok((stretch(first, (from, to), parts, &trail), stories))
}

/// The requests whose stories are told: the slowest of every class that were sent after the warm-up, or of the whole
/// replication where the slowest were all sent before.
fn told(slow: &[RequestSeen], warm_up: f64) -> Vec<RequestSeen> {
    let timed = |one: &&RequestSeen| one.latency() > Span::ZERO;
    let late: Vec<RequestSeen> =
        slow.iter().filter(timed).filter(|one| one.sent.secs() >= warm_up).copied().collect();
    let all = if late.is_empty() { slow.iter().filter(timed).copied().collect() } else { late };
    let mut count: BTreeMap<u16, usize> = BTreeMap::new();
    let mut told: Vec<RequestSeen> = all
        .into_iter()
        .filter(|one| {
            let count = count.entry(one.class).or_default();
            *count += 1;
            *count <= STORIES.0
        })
        .collect();
    told.sort_by_key(|one| (std::cmp::Reverse(one.latency()), one.key));
    told.truncate(STORIES.1);
    told
}

// ---- the stretch ------------------------------------------------------------------------------------------------

/// What the slots did, and where the followed request was while it had none.
fn stretch(first: &RequestSeen, (from, to): (Time, Time), parts: &Parts, trail: &Trail) -> Option<Stretch> {
    let within = |stint: &&Stint| stint.start < to && stint.end > from;
    let is_own = |stint: &Stint| stint.request.is_some_and(|(key, _)| key == first.key);
    // What runs without a pool has no slots, but for the followed request: where it was served is part of its way.
    let shows = |stint: &&Stint| (stint.pool as usize) < parts.pools.len() || is_own(stint);
    let stints: Vec<&Stint> = trail.stints.iter().filter(within).filter(shows).collect();
    let touched: BTreeSet<(u32, u32)> =
        stints.iter().filter(|one| is_own(one)).map(|one| (one.pool, one.slot)).collect();
    let (shown, left_out) = shown(&stints, &touched);
    let kept: Vec<&Stint> =
        stints.iter().copied().filter(|one| shown.contains(&(one.pool, one.slot))).collect();
    let outside = outside(first, trail);
    let mut numbers: Vec<u64> = kept.iter().filter_map(|one| Some(one.request?.0)).collect();
    numbers.push(first.key);
    numbers.sort_unstable();
    numbers.dedup();
    let number = |key: u64| numbers.binary_search(&key).map_or(0, |place| place as u64 + 1);
    let mut spans: Vec<SlotSpan> = kept
        .iter()
        .map(|stint| SlotSpan {
            pool: stint.pool,
            slot: Some(stint.slot),
            start: stint.start.max(from).secs(),
            end: stint.end.min(to).secs(),
            activity: activity(stint.doing),
            class: stint.request.map(|(_, class)| u32::from(class)),
            request: stint.request.map(|(key, _)| number(key)),
            outcome: stint.outcome.map(|outcome| outcome.name().to_owned()),
        })
        .collect();
    spans.extend(outside.into_iter().map(|(activity, pool, start, end)| SlotSpan {
        pool,
        slot: None,
        start: start.secs(),
        end: end.secs(),
        activity,
        class: Some(u32::from(first.class)),
        request: Some(number(first.key)),
        outcome: None,
    }));
    spans.sort_by(|a, b| (a.pool, a.slot).cmp(&(b.pool, b.slot)).then(a.start.total_cmp(&b.start)));
    (!spans.is_empty()).then(|| Stretch {
        replication: FOLLOWED,
        start: from.secs(),
        end: to.secs(),
        followed: Some(number(first.key)),
        left_out,
        spans,
    })
}

/// The slots that are shown and how many are not: those that the request met, then their neighbours, as long as the
/// picture stays readable.
fn shown(stints: &[&Stint], touched: &BTreeSet<(u32, u32)>) -> (BTreeSet<(u32, u32)>, u64) {
    let mut spans: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for stint in stints {
        *spans.entry((stint.pool, stint.slot)).or_default() += 1;
    }
    let own_pool = touched.iter().next().map(|slot| slot.0);
    let mut order: Vec<(u32, u32)> = spans.keys().copied().collect();
    // Slots of other pools come last; `sort_by_key` keeps the rest in order.
    order.sort_by_key(|slot| (!touched.contains(slot), own_pool.is_some_and(|pool| pool != slot.0)));
    let mut shown = BTreeSet::new();
    let mut count = 0;
    for slot in order {
        count += spans[&slot];
        let room = shown.len() < SLOTS_MOST && count <= SPANS_MOST;
        if room || shown.is_empty() || (touched.contains(&slot) && shown.len() < SLOTS_MOST) {
            shown.insert(slot);
        }
    }
    let left_out = (spans.len() - shown.len()) as u64;
    (shown, left_out)
}

const fn activity(doing: Doing) -> Activity {
    match doing {
        Doing::Serving => Activity::Serving,
        Doing::Wasted => Activity::Wasted,
        Doing::Zombie => Activity::Zombie,
        Doing::Starting => Activity::Starting,
        Doing::Dying => Activity::Dying,
        Doing::Gone => Activity::Restarting,
        Doing::Lost => Activity::Lost,
        Doing::Down => Activity::Down,
    }
}

/// When a request waited in a queue or for its next attempt: activity, pool, start and end.
fn outside(first: &RequestSeen, trail: &Trail) -> Vec<(Activity, u32, Time, Time)> {
    let mut spans = Vec::new();
    let mut open: Option<(Activity, u32, Time)> = None;
    let mut pool = 0;
    for Step { at, what, .. } in own_steps(first, trail) {
        if let Some((activity, pool, start)) = open.take()
            && at > start
        {
            spans.push((activity, pool, start, at));
        }
        open = match what {
            What::Queued(of) => {
                pool = of;
                Some((Activity::Waiting, of, at))
            }
            What::TriedAgain(_) | What::Backoff(_) => Some((Activity::Backoff, pool, at)),
            _ => None,
        };
        if let What::Started { pool: of, .. } = what {
            pool = of;
        }
    }
    spans
}

fn own_steps<'a>(one: &RequestSeen, trail: &'a Trail) -> impl Iterator<Item = Step> + 'a {
    let (key, end) = (one.key, one.end);
    trail.steps.iter().copied().filter(move |step| step.key == key && step.at <= end)
}

// ---- stories ----------------------------------------------------------------------------------------------------

fn extreme(one: &RequestSeen, parts: &Parts, trail: &Trail) -> Extreme {
    let phase = parts
        .phases
        .iter()
        .find(|phase| !phase.name.is_empty() && (phase.start..phase.end).contains(&one.sent.secs()));
    Extreme {
        scope: Scope {
            class: parts.classes.get(usize::from(one.class)).cloned(),
            phase: phase.map(|phase| phase.name.clone()),
            ..Scope::default()
        },
        replication: FOLLOWED,
        sent: one.sent.secs(),
        latency: one.latency().secs(),
        story: story(one, parts, trail),
    }
}

/// A line for each step, with the time since the first send. An answer that is the end of the request is told once.
fn story(one: &RequestSeen, parts: &Parts, trail: &Trail) -> Vec<String> {
    let steps: Vec<Step> = own_steps(one, trail).collect();
    let is_told = |place: usize| match steps[place].what {
        // The end says it again.
        What::Left(_) => !matches!(steps.get(place + 1).map(|step| step.what), Some(What::Ended(_))),
        _ => true,
    };
    let after = |at: Time| format!("after {:.3} s: ", at.since(one.sent).secs());
    (0..steps.len())
        .filter(|&place| is_told(place))
        .map(|place| after(steps[place].at) + &words(steps[place].what, parts))
        .collect()
}

fn words(what: What, parts: &Parts) -> String {
    let pool = |pool: u32| parts.pools.get(pool as usize).map_or("its pool", String::as_str).to_owned();
    match what {
        What::Sent(1) => String::from("sent"),
        What::Sent(attempt) => format!("sent again, attempt {attempt}"),
        What::Hedged => String::from("a second attempt goes out beside the first"),
        What::Queued(of) => format!("waits in the queue of {}", pool(of)),
        What::Started { pool: of, .. } if of as usize >= parts.pools.len() => {
            String::from("starts, without a pool")
        }
        What::Started { pool: of, slot, dying: false } => {
            format!("starts in slot {} of {}", slot + 1, pool(of))
        }
        What::Started { pool: of, slot, dying: true } => {
            format!("is handed to the dying worker in slot {} of {}", slot + 1, pool(of))
        }
        What::WorkerDies => String::from("its worker is killed"),
        What::TriedAgain(outcome) => format!("{}; the pool tries again", failed(outcome)),
        What::Left(outcome) => failed(outcome).to_owned(),
        What::GivenUp(_) => String::from("its client gives the attempt up"),
        What::Backoff(span) => format!("its client waits {:.3} s before the next attempt", span.secs()),
        What::Ended(outcome) => format!("ends: {}", failed(outcome)),
    }
}

/// What an outcome means, in words.
const fn failed(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "answered",
        Outcome::Error => "the answer is an error",
        Outcome::Timeout => "timed out",
        Outcome::Crash => "its worker crashed",
        Outcome::WriteError => "it could not be handed to its worker",
        Outcome::Rejected => "rejected",
        Outcome::Reneged => "waited for too long and left the queue",
        Outcome::Abandoned => "its client left",
        Outcome::Cancelled => "withdrawn",
        Outcome::Unfinished => "still under way at the end",
    }
}
