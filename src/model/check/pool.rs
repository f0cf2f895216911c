//! Pools, routes and hosts.

use super::super::document::{Node, Value};
use super::super::grammar::{
    ADMISSION, AUTOSCALER, BREAKDOWN, DISCIPLINE, HOST, POOL, POOL_RETRY, ROUTE, ROUTING, TRANSPORT, WORKER,
};
use super::super::{Breakdown, BrokenJob, Contention, Host, Pool, Route, Transport, WorkerLife};
use super::Checker;
use super::client::outcomes;
use super::view::{self, View};
use crate::policy::{
    Admission, Autoscaler, ConcurrencyLimit, CrashRadius, Discipline, IdleOrder, OnTimeout, PoolRetry,
    PoolSettings, RetryPlace, RouteSettings, Routing, ServiceTimeout, Slots, TimeoutOrigin, WhenFull,
    WorkerSettings,
};
use crate::time::Span;
use crate::workload::Distribution;

const AT_ONCE: Distribution = Distribution::Deterministic { value: 0.0 };

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

    /// The named routes.
    pub(super) fn routes(&mut self, root: View<'_>, pools: &[Pool]) -> Vec<Route> {
        let Some(named) = root.table.table("route") else { return Vec::new() };
        let mut routes = Vec::new();
        for entry in &named.entries {
            let Some(table) = entry.node.as_table() else { continue };
            let view = View { table, spec: &ROUTE, place: entry.node.place };
            let mut members: Vec<usize> = Vec::new();
            for node in view.list("pools") {
                let Some(index) = node.as_text().and_then(|name| self.declared.pool(name)) else { continue };
                if members.contains(&index) {
                    let label = "named before";
                    self.faults.add(
                        node.place,
                        "a route names a pool twice",
                        label,
                        "use weights to prefer a pool",
                    );
                }
                members.push(index);
            }
            if self.declared.pool(&entry.key).is_some() {
                let message = format!("`{}` is the name of a pool and of a route", entry.key);
                let hint = "choose another name: each pool has a route of its own already";
                self.faults.add(entry.place, message, "this name is taken", hint);
            }
            let sizes: Vec<u32> =
                members.iter().filter_map(|index| pools.get(*index)).map(|p| p.instances).collect();
            let settings = self.routing(view, &sizes);
            routes.push(Route { name: entry.key.clone(), pools: members, settings });
        }
        routes
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
        let settings = PoolSettings {
            slots,
            discipline,
            queue_capacity,
            when_full: if view.word("when_full") == Some("drop_oldest") {
                WhenFull::DropOldest
            } else {
                WhenFull::Reject
            },
            idle_order: idle_order(view),
            service_timeout: self.service_timeout(view),
            retry: view.table("retry", &POOL_RETRY).and_then(retry),
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

    fn service_timeout(&mut self, view: View<'_>) -> Option<ServiceTimeout> {
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
        let span = view.span("service_timeout")?;
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
        Some(ServiceTimeout { span, origin, then })
    }

    fn worker_settings(&mut self, pool: View<'_>) -> WorkerSettings {
        let view = pool.table("worker", &WORKER).unwrap_or(View {
            spec: &WORKER,
            table: &NOTHING,
            place: pool.place,
        });
        let (interval, timeout) =
            (view.span("heartbeat_interval").unwrap_or(Span::ZERO), view.limit("heartbeat_timeout"));
        if timeout <= interval {
            let hint = "the time-out must be longer than the interval, three times is usual";
            let label = "every worker would be killed between two beats";
            self.faults.add(view.place("heartbeat_timeout"), "heartbeats can never be in time", label, hint);
            if view.has("heartbeat_interval") {
                self.faults.relate(view.place("heartbeat_interval"), "the interval is here");
            }
        }
        WorkerSettings {
            dying_window: view.flag("dying_window").unwrap_or(false),
            start_timeout: view.limit("start_timeout"),
            heartbeat_timeout: timeout,
            recycle_after: view.count("recycle_after").unwrap_or(0),
            crash_radius: match view.word("crash_radius") {
                Some("job") => CrashRadius::Job,
                Some("pool") => CrashRadius::Pool,
                _ => CrashRadius::Worker,
            },
            idle_shutdown: view.limit("idle_shutdown"),
        }
    }

    fn life(&mut self, pool: View<'_>) -> WorkerLife {
        let view = pool.table("worker", &WORKER).unwrap_or(View {
            spec: &WORKER,
            table: &NOTHING,
            place: pool.place,
        });
        let spans = |key| {
            view.list(key).iter().filter_map(|node| view::secs(&node.value)).map(Span::from_secs).collect()
        };
        WorkerLife {
            start_up: self.distribution(view, "start_up").unwrap_or(AT_ONCE),
            start_up_cpu: view.share("start_up_cpu").unwrap_or(0.0),
            first_start_up: spans("first_start_up"),
            restart_delay: self.distribution(view, "restart_delay").unwrap_or(AT_ONCE),
            kill_exit: self.distribution(view, "kill_exit").unwrap_or(AT_ONCE),
            crash_exit: self.distribution(view, "crash_exit").unwrap_or(AT_ONCE),
            heartbeat_interval: view.span("heartbeat_interval").unwrap_or(Span::ZERO),
            spawn_failure: view.share("spawn_failure").unwrap_or(0.0),
            never_ready: view.share("never_ready").unwrap_or(0.0),
            warm_start: view.flag("warm_start").unwrap_or(true),
            ready_before: spans("ready_before"),
            write_error: view.share("write_error").unwrap_or(0.0),
        }
    }

    fn transport(&mut self, pool: View<'_>) -> Transport {
        let none = View { spec: &TRANSPORT, table: &NOTHING, place: pool.place };
        let view = pool.table("transport", &TRANSPORT).unwrap_or(none);
        Transport {
            dispatch: self.distribution(view, "dispatch").unwrap_or(AT_ONCE),
            late: self.distribution(view, "late").unwrap_or(AT_ONCE),
            reply: self.distribution(view, "reply").unwrap_or(AT_ONCE),
            timer_late: self.distribution(view, "timer_late").unwrap_or(AT_ONCE),
        }
    }

    fn admission(&mut self, pool: View<'_>) -> Vec<Admission> {
        pool.list("admission").iter().filter_map(|node| self.admission_check(node)).collect()
    }

    fn admission_check(&mut self, node: &Node) -> Option<Admission> {
        let (kind, view) = view::tagged(node, &ADMISSION)?;
        let bounds = |checker: &mut Self| {
            let (initial, min, max) = (view.count("initial")?, view.count("min")?, view.count("max")?);
            if min > initial || initial > max {
                let message = "`initial` must lie between `min` and `max`";
                checker.faults.add(
                    node.place,
                    message,
                    format!("{min}, {initial}, {max}"),
                    "move one of the three",
                );
                return None;
            }
            Some((initial, (min, max)))
        };
        Some(match kind {
            "token_bucket" => {
                Admission::TokenBucket { rate: view.rate("rate")?, burst: view.number("burst")? }
            }
            "codel" => Admission::CoDel { target: view.span("target")?, interval: view.span("interval")? },
            "concurrency" => Admission::Concurrency(ConcurrencyLimit::Fixed { limit: view.count("limit")? }),
            "aimd" => {
                let (initial, bounds) = bounds(self)?;
                let (backoff, target) = (view.number("backoff")?, view.span("target")?);
                Admission::Concurrency(ConcurrencyLimit::Aimd { initial, bounds, backoff, target })
            }
            "vegas" => {
                let (initial, bounds) = bounds(self)?;
                let (alpha, beta) = (view.number("alpha")?, view.number("beta")?);
                if alpha > beta {
                    self.faults.add(
                        view.place("alpha"),
                        "`alpha` is above `beta`",
                        "the limit would shake",
                        "the limit grows below `alpha` and shrinks above `beta`",
                    );
                }
                Admission::Concurrency(ConcurrencyLimit::Vegas { initial, bounds, alpha, beta })
            }
            "gradient" => {
                let (initial, bounds) = bounds(self)?;
                let (tolerance, smoothing) = (view.number("tolerance")?, view.number("smoothing")?);
                Admission::Concurrency(ConcurrencyLimit::Gradient { initial, bounds, tolerance, smoothing })
            }
            other => unreachable!("the grammar knows no admission {other}"),
        })
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

    fn breakdown(&mut self, view: View<'_>) -> Option<Breakdown> {
        let (up, down) = (self.distribution(view, "up"), self.distribution(view, "down"));
        let (up, down) = (up?, down?);
        if up.mean() <= 0.0 {
            let label = "they take no time";
            self.faults.add(
                view.place("up"),
                "slots would fail without end",
                label,
                "give `up` a mean above zero",
            );
        }
        let job = match view.word("job") {
            Some("restart") => BrokenJob::RestartAtHead,
            Some("crash") => BrokenJob::Crash,
            _ => BrokenJob::ResumeAtHead,
        };
        Some(Breakdown { up, down, while_idle: view.flag("while_idle").unwrap_or(true), job })
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

    /// How instances are chosen; `sizes` are the numbers of instances of the pools.
    fn routing(&mut self, of: View<'_>, sizes: &[u32]) -> RouteSettings {
        let turns = RouteSettings { routing: Routing::RoundRobin, signal_delay: Span::ZERO };
        let Some((kind, view)) = of.tagged("routing", &ROUTING) else { return turns };
        let total: u32 = sizes.iter().sum();
        let routing = match kind {
            "random" if view.has("probabilities") => {
                let shares = self.per_instance(view, "probabilities", sizes, true);
                if let Some(shares) = &shares {
                    let _ =
                        self.sums_to_one(shares.iter().sum(), "probabilities", view.place("probabilities"));
                }
                Routing::Random(shares.unwrap_or_default())
            }
            "random" => Routing::Random(Vec::new()),
            "weighted" => Routing::WeightedRoundRobin(
                self.per_instance(view, "weights", sizes, false).unwrap_or_default(),
            ),
            "least_loaded" => Routing::LeastLoaded,
            // More cannot be drawn than there are, and a sweep over instances should not stumble over it.
            "shortest_of" => Routing::ShortestOf(view.count("d").unwrap_or(2).min(total.max(1))),
            "hash" => Routing::ConsistentHash { replicas: view.count("replicas").unwrap_or(100) },
            _ => Routing::RoundRobin,
        };
        let delay = view.spec.key("signal_delay").and_then(|_| view.span("signal_delay"));
        RouteSettings { routing, signal_delay: delay.unwrap_or(Span::ZERO) }
    }

    /// Values by instance, from values by instance or by pool; `split` shares a pool's value among its instances.
    fn per_instance(&mut self, view: View<'_>, key: &str, sizes: &[u32], split: bool) -> Option<Vec<f64>> {
        let read = if split { view::share } else { view::number };
        let values: Vec<f64> = view.list(key).iter().map(|node| read(&node.value)).collect::<Option<_>>()?;
        let total: usize = sizes.iter().map(|size| *size as usize).sum();
        if values.len() == total {
            return Some(values);
        }
        if values.len() == sizes.len() {
            let spread = |(value, size): (&f64, &u32)| {
                let each = if split { value / f64::from(*size) } else { *value };
                vec![each; *size as usize]
            };
            return Some(values.iter().zip(sizes).flat_map(spread).collect());
        }
        if total > 0 {
            let message = format!("`{key}` has {} entries", values.len());
            let label = format!("there are {} pools and {total} instances", sizes.len());
            self.faults.add(
                view.place(key),
                message,
                label,
                "give one for each instance, or one for each pool",
            );
        }
        None
    }
}

static NOTHING: super::super::document::Table = super::super::document::Table { entries: Vec::new() };

fn idle_order(view: View<'_>) -> IdleOrder {
    match view.word("idle_order") {
        Some("most_recent") => IdleOrder::MostRecent,
        Some("longest_idle") => IdleOrder::LongestIdle,
        Some("random") => IdleOrder::Random,
        _ => IdleOrder::LowestIndex,
    }
}

fn retry(view: View<'_>) -> Option<PoolRetry> {
    Some(PoolRetry {
        max: view.count("max")?,
        on: outcomes(view, "on"),
        place: if view.word("place") == Some("tail") { RetryPlace::Tail } else { RetryPlace::Head },
        delay: view.span("delay")?,
        turn: view.span("turn")?,
    })
}

/// The pool of jobs that belong to none: each has a process of its own on the host.
pub(super) fn implicit_pool(name: &str, host: usize) -> Pool {
    let settings = PoolSettings {
        slots: Slots::Unlimited,
        discipline: Discipline::Fifo,
        queue_capacity: None,
        when_full: WhenFull::Reject,
        idle_order: IdleOrder::LowestIndex,
        service_timeout: None,
        retry: None,
        worker: WorkerSettings {
            dying_window: false,
            start_timeout: Span::NEVER,
            heartbeat_timeout: Span::NEVER,
            recycle_after: 0,
            crash_radius: CrashRadius::Job,
            idle_shutdown: Span::NEVER,
        },
        admission: Vec::new(),
        reserved: Vec::new(),
        class_weights: Vec::new(),
    };
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
        life,
        transport: Transport { dispatch: AT_ONCE, late: AT_ONCE, reply: AT_ONCE, timer_late: AT_ONCE },
        breakdown: None,
        autoscaler: None,
        implicit: true,
    }
}

/// The route of a pool by itself.
pub(super) fn own_route(name: &str, pool: usize) -> Route {
    let settings = RouteSettings { routing: Routing::RoundRobin, signal_delay: Span::ZERO };
    Route { name: String::from(name), pools: vec![pool], settings }
}
