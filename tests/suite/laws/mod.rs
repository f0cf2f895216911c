//! Laws of schedulers under random input: thousands of cases, each failing one made small and printed as a model file.

mod clients;
mod controls;
mod hunts;
mod models;
mod real;

use poolsim::engine;
use poolsim::experiment::hunt::bench::{self, Scheduler};
use poolsim::experiment::hunt::case::{self, Settings};
use poolsim::experiment::hunt::ground::{Ground, Workload};
use poolsim::experiment::hunt::input::Input;
use poolsim::experiment::hunt::laws::{Law, Laws};
use poolsim::experiment::hunt::{Hunt, Quarry};
use poolsim::model::{self, NoFiles};
use poolsim::outcome::Outcome;
use poolsim::policy::{Driver, Place, Pool, PoolTimer, SlotTimer};
use poolsim::time::Time;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Cases of a hunt begin at any seed.
fn random(seed: u64) -> Hunt {
    Hunt { quarry: Quarry::Random, laws: Laws::of_every_scheduler(), seed, keep: Vec::new() }
}

/// Settings of one pool, as TOML below `[pool.main]`.
pub(crate) fn settings(pool: &str) -> Settings {
    let text = format!("[class.a]\n[class.b]\npriority = 1\n[class.c]\npriority = 2\n[pool.main]\n{pool}");
    Settings(text.parse().unwrap_or_else(|error| panic!("{error}\n{text}")))
}

/// Says which law is broken by the smallest case, and how to repeat it.
fn complain(hunt: &Hunt, law: Law, case: u64) -> String {
    let by = format!("poolsim hunt --seed {} --cases 64, case {case} of Hunt::case", hunt.seed);
    let small = hunt.smallest(law, &[case], &by);
    small.map_or(format!("{law:?} in {case}"), |small| {
        format!("save as case.toml, poolsim hunt --repeat case.toml\n{}", small.text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..ProptestConfig::default() })]

    #[test]
    fn random_schedulers_keep_every_law(seed in any::<u32>()) {
        // 150 schedulers, 64 workloads each.
        let hunt = random(u64::from(seed));
        let bag = hunt.run(0, 64, &mut |_| true);
        prop_assert_eq!(bag.cases, 64);
        prop_assert!(bag.events > 300);
        if let Some((&law, (_, cases))) = bag.found.iter().next() {
            return Err(TestCaseError::fail(complain(&hunt, law, cases[0])));
        }
    }

    #[test]
    fn inputs_that_come_too_late_change_nothing(seed in any::<u32>()) {
        let hunt = random(u64::from(seed));
        for number in 0..8 {
            let (settings, work) = hunt.case(number);
            let ground = settings.ground(hunt.laws).unwrap();
            let mut nagging = Nagging::new(&ground, &work, seed);
            let nagged = bench::play_with(&ground, &work, &mut nagging);
            if let Some(breach) = nagged.found.first() {
                let law = breach.law;
                return Err(TestCaseError::fail(format!("{breach:?}\n{}", case::file(&settings, &ground, &work, law, "nagging"))));
            }
        }
    }

    #[test]
    fn simulator_and_bench_tell_the_same_story(seed in any::<u32>()) {
        let hunt = random(u64::from(seed));
        for number in 0..6 {
            let (settings, work) = hunt.case(number);
            let ground = settings.ground(Laws::of([])).unwrap();
            let (simulated, played) = both_stories(&settings, &ground, &work);
            prop_assert_eq!(&simulated, &played, "{}", case::file(&settings, &ground, &work, Law::Order, "comparison"));
        }
    }
}

/// How each request ended, and when.
type Ends = Vec<Option<(Outcome, Time)>>;

/// The ends in the simulator and on the bench.
fn both_stories(settings: &Settings, ground: &Ground, work: &Workload) -> (Ends, Ends) {
    let classes: Vec<String> = ground.classes.iter().map(|class| class.0.clone()).collect();
    let played = bench::play(ground, work);
    let text = settings.until(played.last).text(work, &classes);
    let loaded = model::load("case", &text, &NoFiles, &[]);
    let loaded = loaded.unwrap_or_else(|faults| panic!("{}\n{text}", faults.render(false)));
    let (_, ends) =
        engine::prepare(&loaded.model).follow(0, None).unwrap_or_else(|breach| panic!("{breach}\n{text}"));
    let mut simulated = vec![None; work.requests.len()];
    // The bench stops where workers are restarted for ever: what comes later is not compared.
    for end in ends.iter().filter(|end| end.outcome != Outcome::Unfinished && end.end <= played.last) {
        simulated[end.key as usize] = Some((end.outcome, end.end));
    }
    (simulated, played.ends)
}

/// A pool that is told all kinds of things that are no longer true after each input.
struct Nagging {
    pool: Pool,
    state: u32,
    slots: u32,
    jobs: u32,
    arrived: u32,
    timers: Vec<SlotTimer>,
}

impl Nagging {
    fn new(ground: &Ground, work: &Workload, state: u32) -> Nagging {
        let settings = &ground.pool.settings;
        let worker = &settings.worker;
        // Timers that the pool ever sets. No heartbeats: a live worker's are not told one by one, so the pool would
        // believe their timer.
        let timers = [
            (settings.service_timeout.is_some(), SlotTimer::Service),
            (settings.service_timeout.is_some(), SlotTimer::Grace),
            (!worker.start_timeout.is_never(), SlotTimer::Start),
            (!worker.idle_shutdown.is_never(), SlotTimer::Idle),
        ];
        let timers = timers.into_iter().filter(|timer| timer.0).map(|timer| timer.1).collect();
        let jobs = work.requests.len() as u32;
        Nagging { pool: bench::pool_of(ground), state, slots: ground.slots(), jobs, arrived: 0, timers }
    }

    fn number(&mut self, below: u32) -> u32 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.state >> 8) % below.max(1)
    }
}

impl Scheduler for Nagging {
    fn take<D: Driver>(&mut self, now: Time, input: Input, driver: &mut D) {
        input.tell(&mut self.pool, now, driver);
        if let Input::Arrive(job) = input {
            self.arrived = self.arrived.max(job + 1);
        }
        let (slot, timer) = (self.number(self.slots), self.number(self.timers.len() as u32));
        if let Some(&timer) = self.timers.get(timer as usize) {
            Input::Timer { slot, timer }.tell(&mut self.pool, now, driver);
        }
        if self.arrived == 0 {
            return;
        }
        let job = self.number(self.arrived.min(self.jobs));
        let place = driver.ticket(job).place;
        if place != Place::Delayed {
            Input::PoolTimer(PoolTimer::Requeue(job)).tell(&mut self.pool, now, driver);
            Input::Lose(job).tell(&mut self.pool, now, driver);
        }
        if place != Place::Queued {
            Input::WaitExpired(job).tell(&mut self.pool, now, driver);
        }
        if place == Place::Outside {
            Input::Cancel(job).tell(&mut self.pool, now, driver);
        }
    }
}
