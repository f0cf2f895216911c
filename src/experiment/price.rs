//! What a run of a model costs by its prices: one figure with its interval. Prices are the model's business, and
//! whether the cheapest point is chosen is the sweep's.
//!
//! Slots cost from the beginning to the end, whether they are used or not. A pool that an autoscaler resizes costs
//! the slots that its instances provided: their mean number while time was measured, times the length of the run.
//! Slots of a pool without a limit are no capacity and cost nothing.

use super::metric::{Metric, Scope, Unit};
use super::rounds::requests_of;
use super::verdict::{Judgement, Verdict};
use crate::model::{Model, Pool, Prices};
use crate::policy::Slots;
use crate::stats::{Estimate, Level, Replication, interval};

/// The name of the figure.
pub const COST: &str = "cost";

/// Costs that differ by less than this share of them are the same: what is left is rounding.
const ROUNDING: f64 = 1e-9;

/// Whether two costs are the same.
pub fn same(one: f64, two: f64) -> bool {
    (one - two).abs() <= ROUNDING * one.abs().max(two.abs())
}

/// What a run costs, objectives missed included; `None` where the model gives no price.
pub(super) fn cost(model: &Model, replications: &[Replication], verdicts: &[Verdict]) -> Option<Metric> {
    if model.prices == Prices::default() {
        return None;
    }
    let missed = verdicts.iter().filter(|one| one.judgement == Judgement::Missed).count() as f64;
    let penalty = missed * model.prices.missed_objective;
    let costs: Vec<f64> = replications.iter().map(|one| of_run(model, one) + penalty).collect();
    let level = Level::new(model.run.confidence);
    let estimate = match costs.first() {
        // Nothing that was measured plays a part.
        Some(&first) if costs.iter().all(|&cost| same(cost, first)) => {
            Estimate::symmetric(first, 0.0, costs.len() as u64, level.confidence())
        }
        _ => interval::mean(&costs, &level)?.within(0.0, f64::INFINITY),
    };
    Some(Metric { name: COST.to_owned(), scope: Scope::default(), unit: Unit::Number, estimate })
}

fn of_run(model: &Model, replication: &Replication) -> f64 {
    let Prices { slot_hour, host_hour, request, .. } = model.prices;
    let hours = replication.end.secs() / 3600.0;
    let pools = model.pools.iter().enumerate().filter(|(_, pool)| !pool.implicit);
    let slots: f64 = pools.map(|(number, pool)| provided(pool, number, replication)).sum();
    let hourly = slots * slot_hour + model.hosts.len() as f64 * host_hour;
    hourly * hours + requests_of(replication) as f64 * request
}

/// Slots that a pool provided on average.
fn provided(pool: &Pool, number: usize, replication: &Replication) -> f64 {
    let Slots::Limited(slots) = pool.settings.slots else { return 0.0 };
    if pool.autoscaler.is_none() {
        return f64::from(slots) * f64::from(pool.instances);
    }
    let segments = || replication.segments.iter();
    let there: u128 = segments().filter_map(|one| Some(one.pools.get(number)?.slots.capacity)).sum();
    let measured: u128 = segments().map(|one| u128::from(one.end.since(one.start).nanos())).sum();
    there as f64 / measured.max(1) as f64
}
