//! How exactly requests are sent: at their intended instants, and honestly where that is not possible.

use poolsim::engine;
use poolsim::live::clock::Clock;
use poolsim::live::replay::{Replayed, Settings, replay};
use poolsim::live::target::{AttemptId, Capabilities, Job, Report, Target, TargetError, What};
use poolsim::model::{self, Model, NoFiles, Override};
use poolsim::outcome::Outcome;
use poolsim::stats::RequestSeen;
use poolsim::time::Span;
use poolsim::workload::Fate;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// Serves everything at once, after it has held up whoever submits.
struct Instantly {
    holds_up: Duration,
    /// Ends jobs as their fate says; else all end well.
    heeds: bool,
    clock: Option<(Clock, Sender<Report>)>,
    told: Vec<Fate>,
}

impl Instantly {
    fn new(holds_up: Duration) -> Instantly {
        Instantly { holds_up, heeds: false, clock: None, told: Vec::new() }
    }
}

impl Target for Instantly {
    fn name(&self) -> &'static str {
        "instantly"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            takes_demands: false,
            takes_fates: true,
            reports_starts: false,
            cancels: true,
            kills: true,
            disturbs: false,
            redraws: false,
        }
    }

    fn open(&mut self, clock: Clock, reports: Sender<Report>) -> Result<(), TargetError> {
        self.clock = Some((clock, reports));
        Ok(())
    }

    fn submit(&mut self, job: Job) {
        self.told.push(job.fate);
        #[allow(clippy::disallowed_methods, reason = "real time is what is tested")]
        std::thread::sleep(self.holds_up);
        if let Some((clock, reports)) = &self.clock {
            let outcome = if self.heeds { job.fate.leads_to() } else { Outcome::Ok };
            let what = What::Ended { id: job.id, outcome, detail: String::new() };
            reports.send(Report { at: clock.now(), what }).expect("the replay listens");
        }
    }

    fn cancel(&mut self, _: AttemptId) {}

    fn close(&mut self, _: Span) -> Result<(), TargetError> {
        self.clock = None;
        Ok(())
    }
}

fn play(rate: u32, requests: u32, holds_up: Duration) -> Replayed {
    let text = format!(
        "name = \"sending\"\nrun = {{ requests = {requests} }}\nclass.job = {{ demand = \"1ms\" }}\n\
         pool.main = {{ slots = 1 }}\nsource.web = {{ pool = \"main\", class = \"job\", \
         arrivals = {{ process = \"deterministic\", rate = \"{rate}/s\" }} }}\n"
    );
    let loaded = model::load("sending.toml", &text, &NoFiles, &[]);
    let model = loaded.unwrap_or_else(|faults| panic!("{}", faults.render(false))).model;
    let mut target = Instantly::new(holds_up);
    replay(&model, &mut target, &Settings::default(), &|| false).expect("it takes everything")
}

#[test]
fn two_thousand_requests_a_second_are_sent_at_their_instants() {
    // A busy machine gives nobody a core in time: how late, a bare loop tells that is paced alike beside it.
    let beside = || {
        std::thread::scope(|scope| {
            let bare = scope.spawn(|| bare_loop(2000, 1000));
            let sent = play(2000, 1000, Duration::ZERO).lateness.quantile(0.5).expect("1000 sends").secs();
            (sent, bare.join().expect("it ends"))
        })
    };
    // Which of the two is unlucky is chance there: seldom so often in a row.
    let mut tries = Vec::new();
    for _ in 0..8 {
        let (sent, bare) = beside();
        tries.push((sent, bare));
        if sent < f64::max(0.000_2, 3.0 * bare) {
            return;
        }
    }
    panic!("median lateness (s) of sends, and of a bare loop beside them: {tries:?}");
}

/// Median lateness (s) of a thread that waits for `n` instants, `rate` of them a second, and needs as much of a core as
/// a sender does: it sleeps until shortly before each and spins the rest.
#[allow(clippy::disallowed_methods, reason = "real time is what is tested")]
fn bare_loop(rate: u32, n: u32) -> f64 {
    let start = Instant::now();
    let mut late: Vec<f64> = (1..=n)
        .map(|k| {
            let due = start + Duration::from_secs(1) * k / rate;
            std::thread::sleep(due.saturating_duration_since(Instant::now() + Duration::from_micros(130)));
            while Instant::now() < due {}
            due.elapsed().as_secs_f64()
        })
        .collect();
    late.sort_by(f64::total_cmp);
    late[late.len() / 2]
}

#[test]
fn a_generator_that_falls_behind_says_so_and_flatters_nobody() {
    // A request every millisecond that takes three to send: the last is some hundred milliseconds late.
    let replayed = play(1000, 50, Duration::from_millis(3));
    assert_eq!(replayed.requests.len(), 50);
    let codes: Vec<&str> = replayed.notes.iter().map(|note| note.code).collect();
    assert!(codes.contains(&"generator_late"), "{codes:?}");
    let last = replayed.requests.iter().max_by_key(|one| one.seen.sent).expect("50 requests");
    assert!(last.late >= Span::from_millis(90), "{last:?}");
    assert!(
        last.seen.latency() >= last.late + Span::from_millis(3),
        "latency counts from the intended instant"
    );
    assert_eq!(last.seen.sent.nanos() % 1_000_000, 0, "the intended instant is the model's own");
}

#[test]
fn a_scheduler_that_tries_again_by_itself_is_told_of_crashes_that_come_once() {
    let text = "name = \"told\"\nrun = { requests = 400, replications = 2 }\n\
        class.job = { demand = \"0s\", fates = { crash = 0.5 } }\n\
        pool.main = { slots = 8, retry = { max = 1, on = [\"crash\"] }, worker.crash_radius = \"job\" }\n\
        source.web = { pool = \"main\", class = \"job\", arrivals = { rate = \"4000/s\" } }\n";
    let load = |set: &[Override]| {
        let loaded = model::load("told.toml", text, &NoFiles, set);
        loaded.unwrap_or_else(|faults| panic!("{}", faults.render(false))).model
    };
    let told = |model: &Model| {
        let mut target = Instantly::new(Duration::ZERO);
        replay(model, &mut target, &Settings::default(), &|| false).expect("it takes everything");
        let count = |wanted| target.told.iter().filter(|&&fate| fate == wanted).count();
        (count(Fate::Crash), count(Fate::CrashOnce))
    };
    // The simulation of the same requests: who crashes twice has failed, who crashes once is tried again.
    let model = load(&[]);
    let (_, requests) = engine::prepare(&model).follow(0, None).expect("the run keeps its laws");
    let failed = requests.iter().filter(|seen| seen.outcome == Outcome::Crash).count();
    let spared = requests.iter().filter(|seen| seen.outcome == Outcome::Ok && seen.hand_overs == 2).count();
    assert_eq!(told(&model), (failed, spared));
    assert!(failed > 50 && spared > 50, "{failed} and {spared} of 400");
    // Where a retry meets the same fate, no crash comes once.
    let (crash, once) = told(&load(&[Override::new("class.job.fates.sticky", "true")]));
    assert_eq!((crash, once), (failed + spared, 0));
}

#[test]
fn where_nobody_tells_starts_each_try_draws_what_a_simulation_draws() {
    let text = "name = \"tries\"\nrun = { requests = 400, replications = 2 }\n\
        class.job = { demand = \"0s\", fates = { error = 0.5 } }\n\
        client.c = { retry = { max = 4, base = \"1ms\", backoff = \"constant\", jitter = \"none\", on = [\"error\"] } }\n\
        pool.main = { slots = \"unlimited\" }\n\
        source.web = { pool = \"main\", class = \"job\", client = \"c\", arrivals = { rate = \"4000/s\" } }\n";
    let loaded = model::load("tries.toml", text, &NoFiles, &[]);
    let model = loaded.unwrap_or_else(|faults| panic!("{}", faults.render(false))).model;
    let mut target = Instantly { heeds: true, ..Instantly::new(Duration::ZERO) };
    let replayed = replay(&model, &mut target, &Settings::default(), &|| false).expect("it takes everything");
    let (_, requests) = engine::prepare(&model).follow(0, None).expect("the run keeps its laws");
    let by_key = |seen: &RequestSeen| (seen.key, (seen.attempts, seen.outcome));
    let simulated: BTreeMap<_, _> = requests.iter().map(by_key).collect();
    let real: BTreeMap<_, _> = replayed.requests.iter().map(|one| by_key(&one.seen)).collect();
    assert_eq!(real, simulated);
    assert!(real.values().any(|&(attempts, outcome)| attempts == 4 && outcome == Outcome::Ok));
}
