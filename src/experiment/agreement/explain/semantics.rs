//! The changes of a model that are tried: each switches one semantic off, on, or to the other of two.

use crate::experiment::fit::text::number;
use crate::experiment::fit::workers::Constant;
use crate::model::{Contention, Host, Model, Pool};
use crate::outcome::{Outcome, OutcomeSet};
use crate::policy::settings::{
    DelayGrowth, Discipline, IdleOrder, OnTimeout, PoolRetry, RetryPlace, ServiceTimeout, TimeoutOrigin,
};
use crate::time::Span;
use crate::workload::Distribution;

/// A change of a pool; `None` where it has nothing to change.
pub(super) struct Semantic {
    name: &'static str,
    change: fn(&mut Pool, &Delays) -> Option<String>,
}

/// Every semantic of a pool that is tried.
const SEMANTICS: [Semantic; 13] = [
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
];

const ON: &str = "switched on";
const OFF: &str = "switched off";

fn dying_window(pool: &mut Pool, _: &Delays) -> Option<String> {
    let window = &mut pool.settings.worker.dying_window;
    *window = !*window;
    said(if *window { ON } else { OFF })
}

/// Measured delays of a pool.
pub(super) struct Delays(pub(super) Vec<Constant>);

impl Delays {
    /// How long a delay is, seconds: as measured, else as usual, and which of these, in words.
    fn of(&self, path: &str, usual: f64) -> (f64, String) {
        let measured = self.0.iter().find(|one| one.path == path).map(|one| one.median.max(0.0) / 1e3);
        let long = length(measured.unwrap_or(usual));
        let why = if measured.is_some() { "as measured" } else { "a usual length" };
        (measured.unwrap_or(usual), format!("{ON}: {long}, {why}"))
    }
}

/// Seconds in words, as exact as delays scatter.
fn length(secs: f64) -> String {
    let ms = secs * 1e3;
    let places = if ms < 10.0 { 2 } else { 0 };
    let rounded = format!("{ms:.places$}");
    format!("{} ms", rounded.parse().map_or(rounded, number))
}

fn said(word: &str) -> Option<String> {
    Some(word.to_owned())
}

/// A delay that is there is taken away; one that is missing gets the given length, unless that is nothing.
fn toggled(delay: &mut Distribution, (length, word): (f64, String)) -> Option<String> {
    let on = delay.mean() <= 0.0;
    let value = if on { length } else { 0.0 };
    *delay = Distribution::Deterministic { value };
    (!on || length > 0.0).then(|| if on { word } else { OFF.to_owned() })
}

fn restart_delay(pool: &mut Pool, delays: &Delays) -> Option<String> {
    toggled(&mut pool.life.restart_delay, delays.of("worker.restart_delay", 0.25))
}

fn start_up(pool: &mut Pool, delays: &Delays) -> Option<String> {
    let life = &mut pool.life;
    life.first_start_up.clear();
    toggled(&mut life.start_up, delays.of("worker.start_up", 0.2))
}

fn kill_exit(pool: &mut Pool, delays: &Delays) -> Option<String> {
    toggled(&mut pool.life.kill_exit, delays.of("worker.kill_exit", 0.002))
}

fn overhead(pool: &mut Pool, delays: &Delays) -> Option<String> {
    let transport = &mut pool.transport;
    if transport.dispatch.mean() + transport.reply.mean() > 0.0 {
        transport.dispatch = Distribution::Deterministic { value: 0.0 };
        transport.reply = Distribution::Deterministic { value: 0.0 };
        return said(OFF);
    }
    let (dispatch, reply) = (delays.of("transport.dispatch", 0.0005), delays.of("transport.reply", 0.0005));
    let word = format!("{}, and {} back", dispatch.1, length(reply.0));
    transport.dispatch = Distribution::Deterministic { value: dispatch.0 };
    transport.reply = Distribution::Deterministic { value: reply.0 };
    (dispatch.0 + reply.0 > 0.0).then_some(word)
}

fn timer_late(pool: &mut Pool, delays: &Delays) -> Option<String> {
    toggled(&mut pool.transport.timer_late, delays.of("transport.timer_late", 0.001))
}

fn timer_origin(pool: &mut Pool, _: &Delays) -> Option<String> {
    let ServiceTimeout { origin, .. } = pool.settings.service_timeout.as_mut()?;
    let (next, word) = match origin {
        TimeoutOrigin::Arrival => (TimeoutOrigin::Dispatch, "from dispatch"),
        _ => (TimeoutOrigin::Arrival, "from arrival"),
    };
    *origin = next;
    said(word)
}

fn on_timeout(pool: &mut Pool, _: &Delays) -> Option<String> {
    let timeout = pool.settings.service_timeout.as_mut()?;
    let (next, word) = match timeout.then {
        OnTimeout::Kill => (OnTimeout::Abandon, "abandons the work"),
        _ => (OnTimeout::Kill, "kills the worker"),
    };
    timeout.then = next;
    said(word)
}

/// A rule that allows none is none.
fn retries(pool: &mut Pool, _: &Delays) -> Option<String> {
    let retry = &mut pool.settings.retry;
    let crash = OutcomeSet::NONE.with(Outcome::Crash);
    match retry {
        Some(rule) if rule.max > 0 => *retry = None,
        Some(rule) => {
            rule.max = 1;
            rule.on = if rule.on == OutcomeSet::NONE { crash } else { rule.on };
            return said(ON);
        }
        None => {
            let (place, growth) = (RetryPlace::Head, DelayGrowth::NONE);
            *retry =
                Some(PoolRetry { max: 1, on: crash, place, delay: Span::ZERO, growth, turn: Span::ZERO });
            return said(ON);
        }
    }
    said(OFF)
}

fn retry_place(pool: &mut Pool, _: &Delays) -> Option<String> {
    let retry = pool.settings.retry.as_mut().filter(|rule| rule.max > 0)?;
    let (next, word) = match retry.place {
        RetryPlace::Head => (RetryPlace::Tail, "at the tail"),
        RetryPlace::Tail => (RetryPlace::Head, "at the head"),
    };
    retry.place = next;
    said(word)
}

fn heartbeat(pool: &mut Pool, _: &Delays) -> Option<String> {
    let worker = &mut pool.settings.worker;
    if worker.heartbeat_timeout == Span::NEVER {
        return None;
    }
    worker.heartbeat_timeout = Span::NEVER;
    said(OFF)
}

fn discipline(pool: &mut Pool, _: &Delays) -> Option<String> {
    let discipline = &mut pool.settings.discipline;
    let (next, word) = match discipline {
        Discipline::Fifo => (Discipline::Lifo, "last come, first served"),
        _ => (Discipline::Fifo, "first come, first served"),
    };
    *discipline = next;
    said(word)
}

fn idle_order(pool: &mut Pool, _: &Delays) -> Option<String> {
    let order = &mut pool.settings.idle_order;
    let (next, word) = match order {
        IdleOrder::LowestIndex => (IdleOrder::LongestIdle, "longest idle first"),
        _ => (IdleOrder::LowestIndex, "lowest index first"),
    };
    *order = next;
    said(word)
}

/// Without a host, all work is taken for work of two cores; with one, it is taken away.
fn contention(model: &mut Model) -> &'static str {
    if !model.hosts.is_empty() {
        model.hosts.clear();
        model.pools.iter_mut().for_each(|pool| pool.hosts.clear());
        return OFF;
    }
    model.hosts.push(Host { name: String::from("host"), contention: Contention::Cores(2.0) });
    model.pools.iter_mut().for_each(|pool| pool.hosts = vec![0]);
    model.classes.iter_mut().for_each(|class| class.cpu_share = 1.0);
    "all work on two cores"
}

/// Something that is tried.
pub(super) enum Try<'a> {
    Pool(usize, &'static Semantic, &'a Delays),
    Contention,
}

impl<'a> Try<'a> {
    /// Everything that can be tried on a model, with its name and what it does; delays are by pool.
    pub(super) fn all(model: &Model, delays: &'a [Delays]) -> Vec<(Try<'a>, String, String)> {
        let mut list = Vec::new();
        for (place, (pool, delays)) in model.pools.iter().zip(delays).enumerate() {
            let of = if model.pools.len() > 1 { format!(" of {}", pool.name) } else { String::new() };
            list.extend(SEMANTICS.iter().filter_map(|semantic| {
                let change = (semantic.change)(&mut pool.clone(), delays)?;
                Some((Try::Pool(place, semantic, delays), format!("{}{of}", semantic.name), change))
            }));
        }
        let change = contention(&mut model.clone()).to_owned();
        list.push((Try::Contention, String::from("CPU contention"), change));
        list
    }

    pub(super) fn make(&self, model: &mut Model) {
        match self {
            Try::Pool(place, semantic, delays) => {
                (semantic.change)(&mut model.pools[*place], delays);
            }
            Try::Contention => {
                contention(model);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{self, NoFiles};

    fn pool(text: &str) -> Pool {
        let text = format!(
            "name = \"x\"\nrun.horizon = \"10s\"\nclass.a.demand = \"1s\"\npool.main = {text}\n\
             source.web = {{ pool = \"main\", class = \"a\", arrivals = {{ rate = \"1/s\" }} }}\n"
        );
        model::load("x", &text, &NoFiles, &[]).unwrap().model.pools.swap_remove(0)
    }

    fn measured(path: &'static str, median: f64) -> Delays {
        Delays(vec![Constant { path, n: 9, median, interval: None, spread: (median, median) }])
    }

    #[test]
    fn a_missing_delay_is_as_long_as_it_was_measured() {
        let mut own = pool("{ slots = 2 }");
        let change = restart_delay(&mut own, &measured("worker.restart_delay", 0.76)).unwrap();
        assert_eq!(change, "switched on: 0.76 ms, as measured");
        assert!((own.life.restart_delay.mean() - 0.00076).abs() < 1e-12);
        // One that is there goes, and what was measured to be nothing is no change.
        assert_eq!(restart_delay(&mut own, &Delays(Vec::new())).unwrap(), "switched off");
        assert_eq!(start_up(&mut own, &measured("worker.start_up", 0.0)), None);
        let change = start_up(&mut own, &measured("worker.restart_delay", 0.76)).unwrap();
        assert_eq!(change, "switched on: 200 ms, a usual length");
    }

    #[test]
    fn a_rule_that_allows_no_retry_is_none() {
        let none = Delays(Vec::new());
        let mut own = pool("{ slots = 2, retry = { max = 0, on = [\"timeout\"] } }");
        assert_eq!(retry_place(&mut own, &none), None);
        assert_eq!(retries(&mut own, &none).unwrap(), "switched on");
        let rule = own.settings.retry.unwrap();
        assert!(rule.max == 1 && rule.on == OutcomeSet::NONE.with(Outcome::Timeout), "{rule:?}");
        assert_eq!(retries(&mut own, &none).unwrap(), "switched off");
        assert!(own.settings.retry.is_none());
    }
}
