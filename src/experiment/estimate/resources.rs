//! Metrics of pools and hosts: utilisation, queue, what slots did with their time, worker exits.

use super::figures::{Events, Figures};
use super::sums::{Stretch, add_pool};
use crate::experiment::metric::Unit;
use crate::model::{Model, Pool};
use crate::outcome::Outcome;
use crate::policy::Slots;
use crate::stats::{HostTally, PoolTally, SlotUse, Waste};
use crate::time::NANOS;

/// What one group saw of one pool, or of several together.
struct PoolSum {
    seconds: f64,
    tally: PoolTally,
    /// Slot time that counts as used: busy or restarting. Slots that break down by themselves are not busy.
    occupied: u128,
}

impl PoolSum {
    /// The given pools of one stretch. Slots of unlimited pools are no capacity and count nowhere.
    fn of(model: &Model, stretch: &Stretch, chosen: impl Fn(usize) -> bool) -> PoolSum {
        let mut sum = PoolSum { seconds: stretch.seconds(), tally: PoolTally::default(), occupied: 0 };
        for (index, tally) in stretch.pools.iter().enumerate().filter(|(index, _)| chosen(*index)) {
            let Some(pool) = model.pools.get(index) else { continue };
            let mut tally = tally.clone();
            if pool.settings.slots == Slots::Unlimited {
                tally.slots = SlotUse::default();
            }
            sum.occupied += occupied(pool, &tally.slots);
            add_pool(&mut sum.tally, &tally);
        }
        sum
    }
}

fn occupied(pool: &Pool, slots: &SlotUse) -> u128 {
    let restarting = if pool.breakdown.is_some() { 0 } else { slots.restarting };
    slots.served() + restarting
}

/// Metrics of the pools that `chosen` picks (by index), from one stretch a group.
pub(super) fn pools(
    model: &Model,
    stretches: &[Stretch],
    chosen: impl Fn(usize) -> bool,
    unstable: bool,
    out: &mut Figures,
) {
    let groups: Vec<PoolSum> = stretches.iter().map(|stretch| PoolSum::of(model, stretch, &chosen)).collect();
    let mut share = |name: &str, of: fn(&PoolSum) -> u128| {
        let pairs = groups.iter().map(|g| (of(g) as f64, g.tally.slots.capacity as f64));
        out.ratio(name, Unit::Ratio, pairs);
    };
    share("utilization", |g| g.occupied);
    share("utilization_serving", |g| g.tally.slots.served());
    share("share_useful", |g| g.tally.slots.useful);
    share("share_wasted", |g| g.tally.slots.in_vain());
    share("share_wasted_timeout", |g| g.tally.slots.wasted[Waste::Timeout as usize]);
    share("share_wasted_crash", |g| g.tally.slots.wasted[Waste::Crash as usize]);
    share("share_wasted_error", |g| g.tally.slots.wasted[Waste::Error as usize]);
    share("share_wasted_withdrawn", |g| g.tally.slots.wasted[Waste::Withdrawn as usize]);
    share("share_wasted_grace", |g| g.tally.slots.wasted[Waste::Grace as usize]);
    share("share_zombie", |g| g.tally.slots.zombie);
    share("share_starting", |g| g.tally.slots.starting);
    share("share_restarting", |g| g.tally.slots.restarting);
    share("share_lost", |g| g.tally.slots.lost);
    share("share_idle", |g| g.tally.slots.idle);
    let mut average = |name: &str, of: fn(&PoolTally) -> u128| {
        out.ratio(name, Unit::Count, groups.iter().map(|g| (of(&g.tally) as f64 / NANOS, g.seconds)));
    };
    average("mean_busy", |pool| pool.busy);
    if !unstable {
        average("mean_queue_length", |pool| pool.queue);
        average("mean_in_system", |pool| pool.queue + pool.busy);
        let seen = groups.iter().filter(|g| g.seconds > 0.0);
        out.maximum("max_queue_length", seen.map(|g| f64::from(g.tally.queue_max)));
    }
    if model.pools.iter().any(|pool| !pool.settings.worker.idle_shutdown.is_never()) {
        out.probability("prob_cold", groups.iter().map(|g| (g.tally.cold_starts, g.tally.arrivals)));
    }
    out.count("count_starts", groups.iter().map(|g| g.tally.starts));
    let mut rate = |name: &str, of: fn(&PoolTally) -> u64| {
        let row = |g: &PoolSum| Events { events: of(&g.tally), trials: g.tally.starts, per: g.seconds };
        out.events(name, Unit::PerSecond, groups.iter().map(row));
    };
    rate("abandon_rate", |pool| pool.outcomes[Outcome::Reneged as usize]);
    rate("kill_rate", |pool| pool.kills);
    let mut count = |name: &str, of: fn(&PoolTally) -> u64| {
        out.count_events(name, groups.iter().map(|g| (of(&g.tally), g.tally.starts)));
    };
    count("count_kills", |pool| pool.kills);
    count("count_exits", |pool| pool.exits);
    count("count_spawns", |pool| pool.spawns);
    count("count_starts_on_dying", |pool| pool.starts_on_dying);
}

/// What only a pool of its own has: its jobs, by the outcome that it reported.
pub(super) fn jobs(pool: usize, stretches: &[Stretch], out: &mut Figures) {
    let tallies =
        || stretches.iter().filter_map(|stretch| Some((stretch.pools.get(pool)?, stretch.seconds())));
    let ok = |(tally, per): (&PoolTally, f64)| Events {
        events: tally.outcomes[Outcome::Ok as usize],
        trials: tally.arrivals,
        per,
    };
    out.events("throughput", Unit::PerSecond, tallies().map(ok));
    let arrivals = tallies().map(|(tally, seconds)| (tally.arrivals as f64, seconds));
    out.ratio("arrival_rate", Unit::PerSecond, arrivals);
    out.count("count_arrivals", tallies().map(|(tally, _)| tally.arrivals));
    for kind in Outcome::ALL {
        let row = |(tally, _): (&PoolTally, f64)| (tally.outcomes[kind as usize], tally.arrivals);
        out.count_events(&format!("count_{}", kind.name()), tallies().map(row));
    }
}

/// Requests between send and end, and in back-off: averages over time.
pub(super) fn in_flight(stretches: &[Stretch], unstable: bool, out: &mut Figures) {
    let mut average = |name: &str, of: fn(&Stretch) -> u128| {
        let pairs = stretches.iter().map(|stretch| (of(stretch) as f64 / NANOS, stretch.seconds()));
        out.ratio(name, Unit::Count, pairs);
    };
    if !unstable {
        average("mean_in_flight", |stretch| stretch.in_flight);
        // Retrial queues call it the orbit; both names are in use.
        average("mean_in_backoff", |stretch| stretch.in_backoff);
        average("mean_orbit", |stretch| stretch.in_backoff);
    }
}

/// Core use of the hosts that `chosen` picks.
pub(super) fn hosts(stretches: &[Stretch], chosen: impl Fn(usize) -> bool, out: &mut Figures) {
    let pair = |stretch: &Stretch| {
        let hosts = stretch.hosts.iter().enumerate().filter(|(index, _)| chosen(*index));
        let add =
            |sum: (f64, f64), (_, host): (usize, &HostTally)| (sum.0 + host.used, sum.1 + host.capacity);
        hosts.fold((0.0, 0.0), add)
    };
    out.ratio("core_utilization", Unit::Ratio, stretches.iter().map(pair));
}
