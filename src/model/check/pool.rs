//! Pools and hosts.

use super::super::document::{Node, Value};
use super::super::grammar::{AUTOSCALER, BREAKDOWN, DISCIPLINE, HOST, POOL, POOL_RETRY};
use super::super::{Contention, Host, Pool, Route, Transport, WorkerLife};
use super::Checker;
use super::client::outcomes;
use super::view::{self, View};
use crate::policy::{
    Autoscaler, DelayGrowth, Discipline, IdleOrder, OnTimeout, PoolRetry, PoolSettings, RetryPlace,
    ServiceTimeout, Slots, TimeoutOrigin, WhenFull,
};
use crate::time::Span;
use crate::workload::Distribution;

/// A delay of no time.
pub(super) const AT_ONCE: Distribution = Distribution::Deterministic { value: 0.0 };

impl Checker<'_> {
    /// The hosts.
    pub(super) fn hosts(&mut self, root: View<'_>) -> Vec<Host> {
        let Some(named) = root.table.table("host") else { return Vec::new() };
        let mut hosts = Vec::new();
        for entry in &named.entries {
            let Some(table) = entry.node.as_table() else { continue };
            let view = View { table, spec: &HOST, place: entry.node.place };
            let speeds =
                view.list("speed_by_busy").iter().filter_map(|node| view::number(&node.value)).collect();
            let contention = match view.number("cores") {
                Some(cores) => Contention::Cores(cores),
                None => Contention::Table(speeds),
            };
            hosts.push(Host { name: entry.key.clone(), contention });
        }
        hosts
    }

    /// The pools, each with the settings of its own route.
    pub(super) fn pools(&mut self, root: View<'_>) -> (Vec<Pool>, Vec<Route>) {
        let (mut pools, mut routes) = (Vec::new(), Vec::new());
        let Some(named) = root.table.table("pool") else { return (pools, routes) };
        for entry in &named.entries {
            let Some(table) = entry.node.as_table() else { continue };
            let view = View { table, spec: &POOL, place: entry.node.place };
            let pool = self.pool(&entry.key, view);
            let index = pools.len();
            let most = pool.autoscaler.map_or(pool.instances, |scaler| scaler.max.max(pool.instances));
            let settings = self.routing(view, &[most]);
            routes.push(Route { name: entry.key.clone(), pools: vec![index], settings });
            pools.push(pool);
        }
        (pools, routes)
    }

    fn pool(&mut self, name: &str, view: View<'_>) -> Pool {
        let slots = match view.node("slots").map(|node| &node.value) {
            Some(Value::Text(_)) => Slots::Unlimited,
            _ => Slots::Limited(view.count("slots").unwrap_or(1)),
        };
        let (discipline, sharing) = self.discipline(view, slots);
        let hosts = self.pool_hosts(view);
        if sharing && hosts.is_empty() && !view.has("host") && !view.has("hosts") {
            let hint = "give the pool a `host` with cores";
            self.faults.add(
                view.place("discipline"),
                "processor sharing without a host",
                "nothing to share",
                hint,
            );
        }
        let instances = view.count("instances").unwrap_or(1);
        let queue_capacity = match view.node("queue_capacity").map(|node| &node.value) {
            Some(Value::Integer(_)) => view.count("queue_capacity"),
            _ => None,
        };
        let when_full = match view.word("when_full") {
            Some("drop_oldest") => WhenFull::DropOldest,
            _ => WhenFull::Reject,
        };
        if when_full == WhenFull::DropOldest && queue_capacity.is_none() {
            self.unheeded(view, "when_full", "queue_capacity", "the queue is never full");
        }
        let (service_timeout, timeout) = self.service_timeout(view);
        let settings = PoolSettings {
            slots,
            discipline,
            queue_capacity,
            when_full,
            idle_order: idle_order(view),
            service_timeout,
            draws_timeout: timeout.is_some(),
            retry: view.table("retry", &POOL_RETRY).and_then(|table| self.pool_retry(table)),
            worker: self.worker_settings(view),
            admission: self.admission(view),
            reserved: self.reserved(view, slots),
            class_weights: self.class_weights(view, discipline),
        };
        let waiting_limit =
            if view.has("waiting_limit") { self.distribution(view, "waiting_limit") } else { None };
        Pool {
            name: String::from(name),
            settings,
            instances,
            hosts,
            processor_sharing: sharing,
            waiting_limit,
            timeout,
            life: self.life(view),
            transport: self.transport(view),
            breakdown: view.table("breakdown", &BREAKDOWN).and_then(|breakdown| self.breakdown(breakdown)),
            autoscaler: view
                .table("autoscaler", &AUTOSCALER)
                .and_then(|scaler| self.autoscaler(scaler, view, instances)),
            implicit: false,
        }
    }

    fn pool_hosts(&self, view: View<'_>) -> Vec<usize> {
        let one = view.node("host").and_then(Node::as_text);
        let many = view.list("hosts").iter().filter_map(Node::as_text);
        one.into_iter().chain(many).filter_map(|name| self.declared.host(name)).collect()
    }

    fn discipline(&mut self, view: View<'_>, slots: Slots) -> (Discipline, bool) {
        let Some((kind, table)) = view.tagged("discipline", &DISCIPLINE) else {
            return (Discipline::Fifo, false);
        };
        let discipline = match kind {
            "lifo" => Discipline::Lifo,
            "random" => Discipline::Random,
            "priority" => Discipline::Priority { age_step: table.limit("age_step") },
            "shortest_job" => Discipline::ShortestJob,
            "earliest_deadline" => Discipline::EarliestDeadline,
            "fair_share" => Discipline::FairShare,
            "adaptive_lifo" => Discipline::AdaptiveLifo { threshold: table.count("threshold").unwrap_or(32) },
            "processor_sharing" => {
                if slots != Slots::Unlimited && view.has("slots") {
                    let hint =
                        "write slots = \"unlimited\"; slots of any pool share the cores of their host anyway";
                    let label = "all jobs are served at once";
                    self.faults.add(view.place("slots"), "processor sharing has no slots", label, hint);
                }
                return (Discipline::Fifo, true);
            }
            _ => Discipline::Fifo,
        };
        (discipline, false)
    }

    /// The time-out, and how long it is where that is no constant.
    fn service_timeout(&mut self, view: View<'_>) -> (Option<ServiceTimeout>, Option<Distribution>) {
        let cancel = view.word("on_timeout") == Some("cancel");
        if view.has("cancel_grace") && !cancel {
            let hint = "write on_timeout = \"cancel\", or leave it out";
            self.faults.warn(
                view.place("cancel_grace"),
                "`cancel_grace` has no effect",
                "nothing is cancelled",
                hint,
            );
        }
        let (span, drawn) = self.time_limit(view, "service_timeout");
        if span.is_never() && drawn.is_none() {
            self.unheeded(view, "timeout_from", "service_timeout", "nothing is timed");
        }
        // Without a time-out the word still says what becomes of a worker whose client cancels.
        if span.is_never() && drawn.is_none() && !view.has("on_timeout") {
            return (None, None);
        }
        let origin = match view.word("timeout_from") {
            Some("arrival") => TimeoutOrigin::Arrival,
            Some("total_service") => TimeoutOrigin::TotalService,
            _ => TimeoutOrigin::Dispatch,
        };
        let then = match view.word("on_timeout") {
            Some("cancel") => OnTimeout::Cancel { grace: view.span("cancel_grace").unwrap_or(Span::ZERO) },
            Some("abandon") => OnTimeout::Abandon,
            _ => OnTimeout::Kill,
        };
        (Some(ServiceTimeout { span, origin, then }), drawn)
    }

    /// Reserved slots by class index; empty where none are.
    fn reserved(&mut self, view: View<'_>, slots: Slots) -> Vec<u32> {
        let Some(Value::Table(table)) = view.node("reserved").map(|node| &node.value) else {
            return Vec::new();
        };
        let mut reserved = vec![0_u32; self.declared.classes.len()];
        for entry in &table.entries {
            if let (Some(class), Value::Integer(count)) = (self.declared.class(&entry.key), &entry.node.value)
            {
                reserved[class] = u32::try_from(*count).unwrap_or(0);
            }
        }
        let sum: u64 = reserved.iter().map(|count| u64::from(*count)).sum();
        match slots {
            Slots::Limited(slots) if sum > u64::from(slots) && view.has("slots") => {
                let message = format!("{sum} slots are reserved and the pool has {slots}");
                self.faults.add(
                    view.place("reserved"),
                    message,
                    "too many",
                    "leave at least one slot that all may use",
                );
                self.faults.relate(view.place("slots"), "the slots are here");
            }
            Slots::Unlimited => {
                let label = "there are always more";
                self.faults.add(
                    view.place("reserved"),
                    "unlimited slots cannot be reserved",
                    label,
                    "leave `reserved` out, or limit the slots",
                );
            }
            Slots::Limited(_) => {}
        }
        reserved
    }

    /// Weights by class index under fair share; 1 where none is written.
    fn class_weights(&mut self, view: View<'_>, discipline: Discipline) -> Vec<f64> {
        if discipline != Discipline::FairShare {
            if view.has("weights") {
                let hint = "write discipline = \"fair_share\", or leave them out";
                self.faults.warn(
                    view.place("weights"),
                    "`weights` have no effect",
                    "no fair share here",
                    hint,
                );
            }
            return Vec::new();
        }
        let mut weights = vec![1.0; self.declared.classes.len()];
        if let Some(Value::Table(table)) = view.node("weights").map(|node| &node.value) {
            for entry in &table.entries {
                if let (Some(class), Some(weight)) =
                    (self.declared.class(&entry.key), view::number(&entry.node.value))
                {
                    weights[class] = weight;
                }
            }
        }
        weights
    }

    fn autoscaler(&mut self, view: View<'_>, pool: View<'_>, instances: u32) -> Option<Autoscaler> {
        let scaler = Autoscaler {
            min: view.count("min")?,
            max: view.count("max")?,
            target_utilization: view.share("target_utilization")?,
            interval: view.span("interval")?,
            metric_lag: view.span("metric_lag")?,
            boot: view.span("boot")?,
            cool_down: view.span("cool_down")?,
        };
        if scaler.min > scaler.max {
            self.faults.add(
                view.place("min"),
                "`min` is above `max`",
                "no number of instances fits",
                "exchange them",
            );
        } else if !(scaler.min..=scaler.max).contains(&instances) {
            let message =
                format!("the pool starts with {instances} instances, outside its autoscaler's bounds");
            let label = format!("not between {} and {}", scaler.min, scaler.max);
            self.faults.add(
                pool.place("instances"),
                message,
                label,
                "start with a number that the autoscaler may keep",
            );
        }
        if scaler.target_utilization <= 0.0 {
            let hint = "usual targets lie between 0.5 and 0.8";
            self.faults.add(
                view.place("target_utilization"),
                "no number of instances is idle enough",
                "this is 0",
                hint,
            );
        }
        Some(scaler)
    }

    fn pool_retry(&mut self, view: View<'_>) -> Option<PoolRetry> {
        for (key, of) in [("factor", "delay"), ("exponent", "step")] {
            if view.span(of) == Some(Span::ZERO) {
                self.unheeded(view, key, of, "nothing grows with it");
            }
        }
        Some(PoolRetry {
            max: if view.word("max").is_some() { u32::MAX } else { view.count("max")? },
            on: outcomes(view, "on"),
            place: if view.word("place") == Some("tail") { RetryPlace::Tail } else { RetryPlace::Head },
            delay: view.span("delay")?,
            growth: DelayGrowth {
                factor: view.number("factor")?,
                step: view.span("step")?,
                exponent: view.number("exponent")?,
                spread: view.span("spread")?,
                cap: view.limit("cap"),
            },
            turn: view.span("turn")?,
        })
    }
}

fn idle_order(view: View<'_>) -> IdleOrder {
    match view.word("idle_order") {
        Some("most_recent") => IdleOrder::MostRecent,
        Some("longest_idle") => IdleOrder::LongestIdle,
        Some("random") => IdleOrder::Random,
        _ => IdleOrder::LowestIndex,
    }
}

/// The pool of jobs that belong to none: each has a process of its own on the host.
pub(super) fn implicit_pool(name: &str, host: usize) -> Pool {
    let settings = PoolSettings::fifo(Slots::Unlimited);
    let life = WorkerLife {
        start_up: AT_ONCE,
        start_up_cpu: 0.0,
        first_start_up: Vec::new(),
        restart_delay: AT_ONCE,
        kill_exit: AT_ONCE,
        crash_exit: AT_ONCE,
        heartbeat_interval: Span::from_whole_secs(5),
        spawn_failure: 0.0,
        never_ready: 0.0,
        warm_start: true,
        ready_before: Vec::new(),
        write_error: 0.0,
    };
    Pool {
        name: String::from(name),
        settings,
        instances: 1,
        hosts: vec![host],
        processor_sharing: false,
        waiting_limit: None,
        timeout: None,
        life,
        transport: Transport { dispatch: AT_ONCE, late: AT_ONCE, reply: AT_ONCE, timer_late: AT_ONCE },
        breakdown: None,
        autoscaler: None,
        implicit: true,
    }
}
