//! The ways in which a figure is made from the sums of independent groups.

use super::focus::Focus;
use crate::experiment::metric::{Metric, Scope, Unit};
use crate::model::metrics::QUANTILES;
use crate::stats::interval::{self, Level};
use crate::stats::{Estimate, Ranks};

/// Fewer events than this over all groups are rare: their spread over groups says little, Wilson's interval more.
const RARE: u64 = 10;

/// What one group saw of something that happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Events {
    /// How often it happened.
    pub(super) events: u64,
    /// How often it could have happened.
    pub(super) trials: u64,
    /// What it is counted by: the trials themselves, seconds, or the part of a replication that the group is.
    pub(super) per: f64,
}

/// Collects the metrics of one scope.
pub(super) struct Figures<'a> {
    pub(super) level: &'a Level,
    pub(super) scope: Scope,
    pub(super) focus: &'a Focus<'a>,
    /// What part of a replication a group is.
    pub(super) part: f64,
    /// Whether the figures are exact, so that no interval is needed.
    pub(super) exact: bool,
    pub(super) out: &'a mut Vec<Metric>,
}

impl Figures<'_> {
    /// Whether a figure of that name is asked for here.
    pub(super) fn asks(&self, name: &str) -> bool {
        self.focus.asks(name, &self.scope)
    }

    /// Adds a figure if there is one.
    pub(super) fn put(&mut self, name: impl Into<String>, unit: Unit, estimate: Option<Estimate>) {
        let name = name.into();
        if let Some(estimate) = estimate.filter(|one| one.is_finite() && self.asks(&name)) {
            self.out.push(Metric { name, scope: self.scope.clone(), unit, estimate });
        }
    }

    /// A sum over a sum, neither of them negative; shares are kept in [0, 1].
    pub(super) fn ratio(&mut self, name: &str, unit: Unit, pairs: impl Iterator<Item = (f64, f64)>) {
        if !self.asks(name) {
            return;
        }
        let pairs: Vec<_> = pairs.collect();
        let most = if unit == Unit::Ratio { 1.0 } else { f64::INFINITY };
        let estimate = interval::ratio(&pairs, self.level).map(|estimate| estimate.within(0.0, most));
        self.put(name, unit, estimate);
    }

    /// How many there are in a replication, of which each group is the same part.
    pub(super) fn count(&mut self, name: &str, counts: impl Iterator<Item = u64>) {
        let part = self.part;
        self.ratio(name, Unit::Count, counts.map(|count| (count as f64, part)));
    }

    /// How many events there are in a replication, as pairs of events and trials.
    pub(super) fn count_events(&mut self, name: &str, rows: impl Iterator<Item = (u64, u64)>) {
        let per = self.part;
        self.events(name, Unit::Count, rows.map(|(events, trials)| Events { events, trials, per }));
    }

    /// The mean over replications of their maximum; that of a single one is one observation, however it is cut.
    pub(super) fn maximum(&mut self, name: &str, values: impl Iterator<Item = f64>) {
        if !self.asks(name) {
            return;
        }
        let values: Vec<_> = values.collect();
        let estimate = if self.part < 1.0 {
            let most = values.iter().copied().reduce(f64::max);
            most.map(|most| Estimate::single(most, self.level.confidence()))
        } else {
            interval::mean(&values, self.level).map(|estimate| estimate.within(0.0, f64::INFINITY))
        };
        self.put(name, Unit::Count, estimate);
    }

    /// The probability of an event per trial.
    pub(super) fn probability(&mut self, name: &str, rows: impl Iterator<Item = (u64, u64)>) {
        let rows = rows.map(|(events, trials)| Events { events, trials, per: trials as f64 });
        self.events(name, Unit::Ratio, rows);
    }

    /// The rate of events per second, per replication or per trial.
    ///
    /// Rare events get Wilson's interval over the trials of all groups, thinned by how much more they come in bursts
    /// than independent ones would; others the ratio's interval over groups. So zero events in n trials are bounded,
    /// and a burst of events in one group is not mistaken for many independent ones.
    pub(super) fn events(&mut self, name: &str, unit: Unit, rows: impl Iterator<Item = Events>) {
        if !self.asks(name) {
            return;
        }
        let rows: Vec<_> = rows.collect();
        let events: u64 = rows.iter().map(|row| row.events).sum();
        let trials: u64 = rows.iter().map(|row| row.trials).sum();
        let per: f64 = rows.iter().map(|row| row.per).sum();
        if per <= 0.0 {
            return;
        }
        let is_share = unit == Unit::Ratio;
        let rare = events < RARE || (is_share && (rows.len() < 2 || trials.saturating_sub(events) < RARE));
        if rare && events <= trials && trials > 0 {
            let scale = trials as f64 / per;
            let effect = interval::design_effect(rows.iter().map(|row| (row.events, row.trials)));
            let wilson = interval::thinned_wilson(events, trials, effect, self.level);
            let estimate = wilson.map(|share| Estimate {
                value: events as f64 / per,
                low: share.low * scale,
                high: share.high * scale,
                ..share
            });
            self.put(name, unit, estimate);
        } else {
            self.ratio(name, unit, rows.iter().map(|row| (row.events as f64, row.per)));
        }
    }
}

/// Whether so many values say anything about a quantile: p999 from a thousand values on, p9999 from 10^5.
fn justified(p: f64, n: u64) -> bool {
    let beyond = n as f64 * (1.0 - p);
    // The tolerance keeps 1000 * (1 - 0.999) from missing 1 by a rounding.
    if p > 0.9995 { beyond >= 10.0 - 1e-6 } else { p < 0.995 || beyond >= 1.0 - 1e-6 }
}

/// The quantiles of values that groups pooled, each with its interval: by sectioning over groups, or by order
/// statistics where there is one group only, or none where they are exact.
pub(super) fn quantiles(
    pooled: &Ranks,
    groups: &[&Ranks],
    level: &Level,
    exact: bool,
) -> Vec<(&'static str, Option<Estimate>)> {
    let probabilities = QUANTILES.map(|(_, p)| p);
    let whole = pooled.quantiles(&probabilities);
    let sections: Vec<Vec<f64>> = groups
        .iter()
        .filter(|ranks| !ranks.is_empty())
        .map(|ranks| ranks.quantiles(&probabilities))
        .collect();
    let shown = QUANTILES.iter().enumerate().filter(|(_, (_, p))| justified(*p, pooled.count()));
    shown
        .filter_map(|(index, &(suffix, p))| {
            let value = *whole.get(index)?;
            if exact {
                return Some((suffix, Some(Estimate::single(value, level.confidence()))));
            }
            if sections.len() < 2 {
                return Some((suffix, interval::order_statistics(pooled, p, level)));
            }
            let each: Vec<f64> = sections.iter().map(|section| section[index]).collect();
            Some((suffix, interval::sectioned_quantile(value, &each, level)))
        })
        .collect()
}
