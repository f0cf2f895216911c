//! The workload as it was measured: arrivals when they were really sent, demands as long as they really took.

use crate::live::replay::{Replayed, Sent};
use crate::model::{Load, Model, Pool, RunLength, ScriptedRequest, ScriptedUser};
use crate::outcome::Outcome;
use crate::time::{Span, Time};
use crate::workload::trace::Fate;
use crate::workload::{Trace, TraceRow, UserPlan};

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
        let demand = |sent: &Sent| match demands {
            Demands::Told if sent.told => sent.seen.demand,
            _ => measured(sent, pool),
        };
        source.load = match &source.load {
            Load::Open(_) | Load::Trace(_) => Load::Trace(Trace { rows: rows(&own, &demand, last).into() }),
            Load::Closed(_) | Load::Script(_) => Load::Script(users(&own, &demand)),
        };
    }
    traced
}

fn rows(own: &[&Sent], demand: &dyn Fn(&Sent) -> Span, last: Time) -> Vec<TraceRow> {
    let row = |sent: &&Sent| TraceRow {
        at: (sent.seen.sent + sent.late).min(last),
        demand: demand(sent),
        class: sent.seen.class,
        fate: Some(fate(sent)),
    };
    let mut rows: Vec<TraceRow> = own.iter().map(row).collect();
    // Sends of one source keep their order; a stable sort leaves equal instants as they are.
    rows.sort_by_key(|row| row.at);
    rows
}

fn users(own: &[&Sent], demand: &dyn Fn(&Sent) -> Span) -> Vec<ScriptedUser> {
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
        users[user].requests.push(ScriptedRequest {
            class: sent.seen.class,
            demand: demand(sent),
            fate: fate(sent),
            think: next.map_or(Span::NEVER, |next| (next.seen.sent + next.late).since(sent.seen.end)),
        });
    }
    users
}

/// How a request goes wrong, as seen: a scripted crash hits every execution, so one that a retry got over came once.
fn fate(sent: &Sent) -> Fate {
    match (sent.fate, sent.seen.outcome) {
        (Fate::Crash, outcome) if outcome != Outcome::Crash && sent.seen.hand_overs > 1 => Fate::CrashOnce,
        (Fate::Ok, Outcome::Error) => Fate::Error,
        (fate, _) => fate,
    }
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
