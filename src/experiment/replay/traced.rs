//! The workload as it was measured: arrivals when they were really sent, demands as long as they really took.
//!
//! Retries bring what they really brought: own pools and the client draw the fate of each try from streams that are named
//! by request and executions, so the simulation asks these again instead of being told one fate for all tries. What
//! failed though nobody told it to is told try by try, as it was seen.

use crate::live::replay::{Replayed, Sent};
use crate::model::retold::Retold;
use crate::model::{Load, Model, Pool, RunLength, ScriptedRequest, ScriptedUser};
use crate::outcome::Outcome;
use crate::random::Streams;
use crate::time::{Span, Time};
use crate::workload::trace::Fate;
use crate::workload::{Trace, TraceRow, UserPlan};
use std::sync::Arc;

/// Bits of a request's key.
const SOURCE: u32 = 48;
const OF_USER: u64 = 1 << 47;
const USER: u32 = 24;

/// Which demands requests come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demands {
    /// As long as they really took: what is left is an error of the physics.
    Measured,
    /// As the target was told, where it was: what made work longer is part of the gap.
    Told,
}

/// Whether anybody knows how much work requests brought: the target was told, or it tells when work begins.
pub(super) fn knows_demands(replayed: &Replayed) -> bool {
    replayed.requests.iter().any(|sent| sent.told || sent.started != Time::NEVER)
}

/// The model with what was measured in place of its load.
pub(super) fn model(model: &Model, replayed: &Replayed, demands: Demands) -> Model {
    let mut traced = model.clone();
    let retold = Arc::new(retold(model, replayed));
    traced.retold = Some(Arc::clone(&retold));
    if replayed.requests.iter().any(|sent| !sent.told) {
        // Work that nobody tells is a request's own, not drawn for each try.
        traced.classes.iter_mut().for_each(|class| class.redraw_demand = false);
    }
    // A request that was sent a moment too late is still one of the run's.
    let last = match model.run.length {
        RunLength::Horizon(horizon) => Time::from_nanos(horizon.nanos().saturating_sub(1)),
        RunLength::Requests(_) => Time::HORIZON_MAX,
    };
    for (number, source) in traced.sources.iter_mut().enumerate() {
        let own = replayed.requests.iter().filter(|sent| usize::from(sent.source) == number);
        let mut own: Vec<&Sent> = own.collect();
        own.sort_by_key(|sent| sent.seen.key);
        let pool = &model.pools[model.routes[source.route].pools[0]];
        let redraws = |sent: &Sent| model.classes[usize::from(sent.seen.class)].redraw_demand;
        let first = |sent: &Sent| First {
            demand: match demands {
                Demands::Told if sent.told => sent.first.demand,
                // What was measured is the work of the last try, and this is that of the first.
                Demands::Measured if sent.told && redraws(sent) && tried_again(sent) => sent.first.demand,
                _ => measured(sent, pool),
            },
            fate: retold.fate(sent.seen.key, 0, sent.first.fate),
        };
        source.load = match &source.load {
            Load::Open(_) | Load::Trace(_) => Load::Trace(Trace { rows: rows(&own, &first, last).into() }),
            Load::Closed(_) | Load::Script(_) => Load::Script(users(&own, &first)),
        };
    }
    traced
}

/// What the first try of a request brings.
struct First {
    demand: Span,
    fate: Fate,
}

/// Where its later tries come from.
fn retold(model: &Model, replayed: &Replayed) -> Retold {
    let of = |sent: &Sent| {
        let key = sent.seen.key;
        sent.failed.iter().map(move |&tried| (key, tried)).collect::<Vec<_>>()
    };
    Retold {
        streams: Streams::new(model.run.seed, replayed.replication.index),
        repeats: !replayed.redraws,
        failed: replayed.requests.iter().flat_map(of).collect(),
    }
}

/// Whether its work may have been drawn more than once.
const fn tried_again(sent: &Sent) -> bool {
    sent.seen.attempts > 1 || sent.seen.hand_overs > 1
}

fn rows(own: &[&Sent], first: &dyn Fn(&Sent) -> First, last: Time) -> Vec<TraceRow> {
    let row = |sent: &&Sent| {
        let First { demand, fate } = first(sent);
        let at = (sent.seen.sent + sent.late).min(last);
        TraceRow { at, demand, class: sent.seen.class, fate: Some(fate) }
    };
    let mut rows: Vec<TraceRow> = own.iter().map(row).collect();
    // Sends of one source keep their order; a stable sort leaves equal instants as they are.
    rows.sort_by_key(|row| row.at);
    rows
}

fn users(own: &[&Sent], first: &dyn Fn(&Sent) -> First) -> Vec<ScriptedUser> {
    let mut users: Vec<ScriptedUser> = Vec::new();
    let number = |sent: &Sent| ((sent.seen.key & !(u64::MAX << SOURCE) & !OF_USER) >> USER) as usize;
    for (index, sent) in own.iter().enumerate() {
        let user = number(sent);
        // Users who sent nothing keep their numbers.
        let nobody =
            ScriptedUser { plan: UserPlan { start: Time::NEVER, stop: Time::NEVER }, requests: Vec::new() };
        while users.len() <= user {
            users.push(nobody.clone());
        }
        let next = own.get(index + 1).filter(|next| number(next) == user);
        let sent_at = sent.seen.sent + sent.late;
        if users[user].requests.is_empty() {
            users[user].plan.start = sent_at;
        }
        let First { demand, fate } = first(sent);
        users[user].requests.push(ScriptedRequest {
            class: sent.seen.class,
            demand,
            fate,
            think: next.map_or(Span::NEVER, |next| (next.seen.sent + next.late).since(sent.seen.end)),
        });
    }
    users
}

/// The work that a request brought, as measured: its last service less what hand-over and answer take. Where service
/// was cut short, it is what the request was sent with, or at least as long as it was served.
fn measured(sent: &Sent, pool: &Pool) -> Span {
    let served = if sent.started == Time::NEVER { Span::ZERO } else { sent.seen.end.since(sent.started) };
    let whole = sent.seen.hand_overs == 1
        && matches!(sent.seen.outcome, Outcome::Ok | Outcome::Error)
        && sent.fate != Fate::Hang;
    if !whole {
        return if sent.told { sent.seen.demand } else { sent.seen.demand.max(served) };
    }
    let transport = &pool.transport;
    let overhead = transport.dispatch.mean() + transport.late.mean() + transport.reply.mean();
    Span::from_secs((served.secs() - overhead).max(0.0))
}
