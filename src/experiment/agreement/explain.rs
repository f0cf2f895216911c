//! Why the simulation is off: each semantic switched off or on by itself, ranked by how much of the gap it closes.
//!
//! The *gap* of a variant is the mean over figures (latency quantiles and waits of all requests, shares by outcome,
//! retries) of the distance between its mean over seeds and the recorded mean, in units of what does not matter there
//! (the margin, or where real runs scatter more, their standard deviation). The mean over seeds is what is compared, so
//! that a variant is not blamed for leaving things to chance. Variants run under the same seeds: what one closes is
//! a paired difference of jackknife pseudo-values (Tukey 1958), with its interval.
//!
//! A semantic is a change of the model, made without knowing what the real scheduler does: one that is on is switched
//! off, one that is off is switched on. What it cannot do: find a semantic that is not in the list, or tell apart two that
//! move the same figures by the same amount.

use super::Terms;
use super::figures::{self, Figure};
use super::recording::Believed;
use crate::model::{Contention, Host, Model};
use crate::outcome::{Outcome, OutcomeSet};
use crate::policy::settings::{
    DelayGrowth, Discipline, IdleOrder, OnTimeout, PoolRetry, RetryPlace, ServiceTimeout, TimeoutOrigin,
};
use crate::stats::{Contrast, Estimate, Level, RequestSeen, interval};
use crate::time::Span;
use crate::workload::Distribution;
use serde::{Deserialize, Serialize};

/// What one change does to the gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closing {
    /// The semantic, such as "dying window".
    pub semantic: String,
    /// What was done to it, such as "switched on".
    pub change: String,
    /// How much of the gap it closes (negative: it widens it), in the gap's unit.
    pub closes: Estimate,
    /// The same as a share of the gap.
    pub share: f64,
    /// Whether the interval lies above zero.
    pub sure: bool,
}

/// Changes ranked by how much of the gap they close.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// Seeds that every variant was run under.
    pub seeds: u64,
    /// The gap before any change: mean distance over figures, 1 being what does not matter.
    pub gap: Estimate,
    /// The changes, the best first.
    pub closings: Vec<Closing>,
}

/// A change of a model; `None` where the model has nothing to change.
struct Semantic {
    name: &'static str,
    change: fn(&mut Model) -> Option<&'static str>,
}

/// Every semantic that is tried.
const SEMANTICS: [Semantic; 14] = [
    Semantic { name: "dying window", change: dying_window },
    Semantic { name: "restart delay", change: restart_delay },
    Semantic { name: "start-up time", change: start_up },
    Semantic { name: "time from kill to exit", change: kill_exit },
    Semantic { name: "dispatch and reply overhead", change: overhead },
    Semantic { name: "timer lateness", change: timer_late },
    Semantic { name: "origin of the service timer", change: timer_origin },
    Semantic { name: "what a time-out does", change: on_timeout },
    Semantic { name: "retries by the pool", change: retries },
    Semantic { name: "place of retries", change: retry_place },
    Semantic { name: "heartbeat time-out", change: heartbeat },
    Semantic { name: "order of the queue", change: discipline },
    Semantic { name: "order over idle workers", change: idle_order },
    Semantic { name: "CPU contention", change: contention },
];

const ON: &str = "switched on";
const OFF: &str = "switched off";

fn dying_window(model: &mut Model) -> Option<&'static str> {
    let window = &mut model.pools.first_mut()?.settings.worker.dying_window;
    *window = !*window;
    Some(if *window { ON } else { OFF })
}

/// A delay that is there is taken away; one that is missing gets a usual length.
fn toggled(delay: &mut Distribution, usual: f64) -> &'static str {
    let (value, word) = if delay.mean() > 0.0 { (0.0, OFF) } else { (usual, ON) };
    *delay = Distribution::Deterministic { value };
    word
}

fn restart_delay(model: &mut Model) -> Option<&'static str> {
    Some(toggled(&mut model.pools.first_mut()?.life.restart_delay, 0.25))
}

fn start_up(model: &mut Model) -> Option<&'static str> {
    let life = &mut model.pools.first_mut()?.life;
    life.first_start_up.clear();
    Some(toggled(&mut life.start_up, 0.2))
}

fn kill_exit(model: &mut Model) -> Option<&'static str> {
    Some(toggled(&mut model.pools.first_mut()?.life.kill_exit, 0.002))
}

fn overhead(model: &mut Model) -> Option<&'static str> {
    let transport = &mut model.pools.first_mut()?.transport;
    let word = toggled(&mut transport.dispatch, 0.0005);
    let value = if word == OFF { 0.0 } else { 0.0005 };
    transport.reply = Distribution::Deterministic { value };
    Some(word)
}

fn timer_late(model: &mut Model) -> Option<&'static str> {
    Some(toggled(&mut model.pools.first_mut()?.transport.timer_late, 0.001))
}

fn timer_origin(model: &mut Model) -> Option<&'static str> {
    let ServiceTimeout { origin, .. } = model.pools.first_mut()?.settings.service_timeout.as_mut()?;
    let (next, word) = match origin {
        TimeoutOrigin::Arrival => (TimeoutOrigin::Dispatch, "from dispatch"),
        _ => (TimeoutOrigin::Arrival, "from arrival"),
    };
    *origin = next;
    Some(word)
}

fn on_timeout(model: &mut Model) -> Option<&'static str> {
    let timeout = model.pools.first_mut()?.settings.service_timeout.as_mut()?;
    let (next, word) = match timeout.then {
        OnTimeout::Kill => (OnTimeout::Abandon, "abandons the work"),
        _ => (OnTimeout::Kill, "kills the worker"),
    };
    timeout.then = next;
    Some(word)
}

fn retries(model: &mut Model) -> Option<&'static str> {
    let retry = &mut model.pools.first_mut()?.settings.retry;
    if retry.take().is_some() {
        return Some(OFF);
    }
    *retry = Some(PoolRetry {
        max: 1,
        on: OutcomeSet::NONE.with(Outcome::Crash),
        place: RetryPlace::Head,
        delay: Span::ZERO,
        growth: DelayGrowth::NONE,
        turn: Span::ZERO,
    });
    Some(ON)
}

fn retry_place(model: &mut Model) -> Option<&'static str> {
    let retry = model.pools.first_mut()?.settings.retry.as_mut()?;
    let (next, word) = match retry.place {
        RetryPlace::Head => (RetryPlace::Tail, "at the tail"),
        RetryPlace::Tail => (RetryPlace::Head, "at the head"),
    };
    retry.place = next;
    Some(word)
}

fn heartbeat(model: &mut Model) -> Option<&'static str> {
    let worker = &mut model.pools.first_mut()?.settings.worker;
    if worker.heartbeat_timeout == Span::NEVER {
        return None;
    }
    worker.heartbeat_timeout = Span::NEVER;
    Some(OFF)
}

fn discipline(model: &mut Model) -> Option<&'static str> {
    let discipline = &mut model.pools.first_mut()?.settings.discipline;
    let (next, word) = match discipline {
        Discipline::Fifo => (Discipline::Lifo, "last come, first served"),
        _ => (Discipline::Fifo, "first come, first served"),
    };
    *discipline = next;
    Some(word)
}

fn idle_order(model: &mut Model) -> Option<&'static str> {
    let order = &mut model.pools.first_mut()?.settings.idle_order;
    let (next, word) = match order {
        IdleOrder::LowestIndex => (IdleOrder::LongestIdle, "longest idle first"),
        _ => (IdleOrder::LowestIndex, "lowest index first"),
    };
    *order = next;
    Some(word)
}

/// Without a host, all work is taken for work of two cores; with one, it is taken away.
fn contention(model: &mut Model) -> Option<&'static str> {
    if !model.hosts.is_empty() {
        model.hosts.clear();
        model.pools.iter_mut().for_each(|pool| pool.hosts.clear());
        return Some(OFF);
    }
    model.hosts.push(Host { name: String::from("host"), contention: Contention::Cores(2.0) });
    model.pools.iter_mut().for_each(|pool| pool.hosts = vec![0]);
    model.classes.iter_mut().for_each(|class| class.cpu_share = 1.0);
    Some("all work on two cores")
}

/// Tries every semantic on what is believed of a recorded scheduler.
///
/// # Errors
/// Settings that have no model, or a broken law.
pub fn explain(believed: &Believed<'_>, terms: &Terms, seeds: u64) -> Result<Explained, String> {
    let real = believed.real();
    let yardstick = Yardstick::new(believed, &real, terms);
    let gaps = |change: &(dyn Fn(&mut Model) + Sync)| -> Result<Vec<f64>, String> {
        let runs = believed.simulate(seeds, change)?;
        Ok(yardstick.gaps(runs.iter().map(|(_, requests)| requests.as_slice())))
    };
    let base = gaps(&|_| {})?;
    let level = Level::new(terms.confidence);
    let gap = interval::mean(&base, &level).ok_or("there are no seeds to run")?;
    let mut closings = Vec::new();
    for semantic in &SEMANTICS {
        let mut probe = believed.model(believed.scenario.runs.first(), 1)?;
        let Some(change) = (semantic.change)(&mut probe) else { continue };
        let changed = gaps(&|model: &mut Model| {
            (semantic.change)(model);
        })?;
        let Some(contrast) = Contrast::paired(&changed, &base) else { continue };
        let closes = contrast.interval(terms.confidence);
        closings.push(Closing {
            semantic: semantic.name.to_owned(),
            change: change.to_owned(),
            closes,
            share: if gap.value > 0.0 { closes.value / gap.value } else { 0.0 },
            sure: closes.low > 0.0,
        });
    }
    // What closes most comes first; names tell equals apart, so that the order never depends on chance.
    closings.sort_by(|a, b| b.closes.value.total_cmp(&a.closes.value).then(a.semantic.cmp(&b.semantic)));
    Ok(Explained { seeds, gap, closings })
}

/// The recorded figures, each with the distance that counts as one.
struct Yardstick {
    figures: Vec<(Figure, f64, f64)>,
}

impl Yardstick {
    fn new(believed: &Believed<'_>, real: &[Vec<RequestSeen>], terms: &Terms) -> Yardstick {
        let parts = believed.parts();
        // Outcomes that the recording lacks count too: a variant may bring them.
        let mut all = figures::all(&parts, real.iter());
        let missing = [Outcome::Timeout, Outcome::Crash, Outcome::Error, Outcome::WriteError];
        for outcome in missing {
            let name = format!("rate_{}", outcome.name());
            if !all.iter().any(|figure| figure.name == name) {
                all.push(Figure::share(outcome, &parts));
            }
        }
        let whole = all.into_iter().filter(|figure| figure.scope.class.is_none());
        let one = |figure: Figure| {
            let values: Vec<f64> = real.iter().filter_map(|run| figure.value(run)).collect();
            let (mean, variance) = interval::mean_and_variance(&values)?;
            let scale = terms.around(figure.unit, mean).max(variance.sqrt());
            (scale > 0.0).then_some((figure, mean, scale))
        };
        Yardstick { figures: whole.filter_map(one).collect() }
    }

    /// Pseudo-values of the gap, one for each run: their mean is the gap less its bias.
    fn gaps<'r>(&self, runs: impl Iterator<Item = &'r [RequestSeen]>) -> Vec<f64> {
        // A run without a value is as far as can be told: by the whole figure.
        let value = |figure: &Figure, run: &[RequestSeen]| figure.value(run).unwrap_or(0.0);
        let rows: Vec<Vec<f64>> =
            runs.map(|run| self.figures.iter().map(|(figure, _, _)| value(figure, run)).collect()).collect();
        let n = rows.len() as f64;
        let sums: Vec<f64> =
            (0..self.figures.len()).map(|place| rows.iter().map(|row| row[place]).sum()).collect();
        let gap = |mean: &dyn Fn(usize) -> f64| {
            let far = self.figures.iter().enumerate();
            let sum: f64 = far.map(|(place, (_, real, scale))| (mean(place) - real).abs() / scale).sum();
            sum / self.figures.len().max(1) as f64
        };
        let whole = gap(&|place| sums[place] / n);
        let without = |row: &Vec<f64>| gap(&|place| (sums[place] - row[place]) / (n - 1.0));
        rows.iter().map(|row| n * whole - (n - 1.0) * without(row)).collect()
    }
}
