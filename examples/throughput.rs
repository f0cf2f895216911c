//! scratch
use poolsim::engine;
use poolsim::model::*;
use poolsim::outcome::*;
use poolsim::policy::*;
use poolsim::time::*;
use poolsim::workload::*;
use std::time::Instant;

fn zero() -> Distribution {
    Distribution::Deterministic { value: 0.0 }
}

fn pool(slots: u32) -> Pool {
    Pool {
        name: "pool".into(),
        settings: PoolSettings {
            slots: Slots::Limited(slots),
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
                crash_radius: CrashRadius::Worker,
                idle_shutdown: Span::NEVER,
            },
            admission: vec![],
            reserved: vec![],
            class_weights: vec![],
        },
        instances: 1,
        hosts: vec![],
        processor_sharing: false,
        waiting_limit: None,
        life: WorkerLife {
            start_up: zero(),
            start_up_cpu: 0.0,
            first_start_up: vec![],
            restart_delay: zero(),
            kill_exit: zero(),
            crash_exit: zero(),
            heartbeat_interval: Span::NEVER,
            spawn_failure: 0.0,
            never_ready: 0.0,
            warm_start: true,
            ready_before: vec![],
            write_error: 0.0,
        },
        transport: Transport { dispatch: zero(), late: zero(), reply: zero(), timer_late: zero() },
        breakdown: None,
        autoscaler: None,
        implicit: false,
    }
}
fn class(name: &str, demand: Distribution, redraw: bool) -> Class {
    Class {
        name: name.into(),
        demand,
        cpu_share: 0.0,
        redraw_demand: redraw,
        priority: 0,
        estimate_error: 0.0,
        fates: Fates::default(),
    }
}
fn model(
    jobs: u64,
    rate: f64,
    classes: Vec<Class>,
    mix: Vec<(usize, f64)>,
    pool: Pool,
    retry: Option<ClientRetry>,
    seed: u64,
) -> Model {
    Model {
        name: "w".into(),
        description: String::new(),
        run: RunSettings {
            length: RunLength::Requests(jobs),
            regime: Regime::Steady,
            warm_up: WarmUp::Auto,
            replications: Replications::Fixed(1),
            confidence: 0.95,
            seed,
            bin: None,
            drain: false,
        },
        phases: vec![],
        classes,
        sources: vec![Source {
            name: "s".into(),
            route: 0,
            mix,
            load: Load::Open(OpenArrivals {
                process: ArrivalProcess::Poisson,
                rate: RateProfile::Constant(rate),
                batch: BatchSize::Fixed(1),
                start: 0.0,
                stop: f64::INFINITY,
            }),
            client: ClientSettings {
                attempt_deadline: Span::NEVER,
                total_deadline: Span::NEVER,
                cancels: false,
                retry,
                hedge: None,
                breaker: None,
            },
            backoff: vec![],
            patience: None,
        }],
        pools: vec![pool],
        routes: vec![Route {
            name: "pool".into(),
            pools: vec![0],
            settings: RouteSettings { routing: Routing::RoundRobin, signal_delay: Span::ZERO },
        }],
        hosts: vec![],
        faults: vec![],
        objectives: vec![],
        prices: Prices::default(),
    }
}
fn lognormal(mean: f64, cv: f64) -> Distribution {
    Distribution::lognormal_from_mean_cv(mean, cv).unwrap()
}
fn main() {
    let jobs: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(4_000_000);
    let only = std::env::args().nth(2);
    let w1 = || {
        model(
            jobs,
            7.2,
            vec![class("all", Distribution::Exponential { mean: 1.0 }, false)],
            vec![(0, 1.0)],
            pool(8),
            None,
            1,
        )
    };
    let w2pool = || {
        let mut p = pool(12);
        p.settings.service_timeout = Some(ServiceTimeout {
            span: Span::from_whole_secs(10),
            origin: TimeoutOrigin::Dispatch,
            then: OnTimeout::Kill,
        });
        p.settings.retry = Some(PoolRetry {
            max: 1,
            on: OutcomeSet::of(&[Outcome::Timeout]),
            place: RetryPlace::Head,
            delay: Span::ZERO,
            turn: Span::ZERO,
        });
        p.life.restart_delay = Distribution::Deterministic { value: 0.25 };
        p
    };
    let w2 = || {
        model(
            jobs,
            0.85 * 12.0 / 1.4,
            vec![class("short", lognormal(0.5, 1.0), true), class("long", lognormal(5.0, 1.5), true)],
            vec![(0, 0.8), (1, 0.2)],
            w2pool(),
            None,
            1,
        )
    };
    let w3 = || {
        let mut m = w2();
        m.pools[0].waiting_limit = Some(Distribution::Deterministic { value: 15.0 });
        m.sources[0].client.retry = Some(ClientRetry {
            max: 2,
            on: OutcomeSet::of(&[Outcome::Timeout, Outcome::Reneged]),
            backoff: Backoff::Exponential { factor: 2.0 },
            base: Span::from_whole_secs(1),
            cap: Span::NEVER,
            jitter: Jitter::Full,
            drawn: false,
            budget: None,
        });
        m
    };
    for (name, m) in [("W1", w1()), ("W2", w2()), ("W3", w3())] {
        if only.as_ref().is_some_and(|o| o != name) {
            continue;
        }
        let prepared = engine::prepare(&m);
        let begin = Instant::now();
        let r = prepared.run(0).unwrap();
        let wall = begin.elapsed().as_secs_f64();
        let mut wait = poolsim::stats::Sample::default();
        let mut lat = poolsim::stats::Sample::default();
        let (mut to, mut pr, mut cr) = (0, 0, 0);
        for s in &r.segments {
            for c in &s.classes {
                wait.merge(&c.wait_served);
                lat.merge(&c.latency_ok);
                to += c.attempts_timed_out;
                pr += c.pool_retries;
                cr += c.client_retries;
            }
        }
        println!(
            "{name} {:.1} ns/job  {:.2} M/s wait {:.4} p95 {:.3} kills/job {:.5} poolretries {:.5} clientretries {:.5} events {}",
            wall * 1e9 / jobs as f64,
            jobs as f64 / wall / 1e6,
            wait.mean().unwrap(),
            lat.quantile(0.95).unwrap(),
            to as f64 / jobs as f64,
            pr as f64 / jobs as f64,
            cr as f64 / jobs as f64,
            r.events
        );
    }
}
