//! When replays end: no later than nothing is heard of any request, whatever workers do.

use super::processes::{has_python, model, worker};
use crate::records::Folder;
use poolsim::live::clock::Clock;
use poolsim::live::own::OwnPools;
use poolsim::live::replay::{Replayed, Settings, replay};
use poolsim::live::target::{AttemptId, Capabilities, Job, Report, Target, TargetError};
use poolsim::model::Model;
use poolsim::outcome::Outcome;
use poolsim::time::{Span, Time};
use std::cell::Cell;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Requests for half a second, all of which have to end; workers that do not get ready are replaced at once.
fn half_a_second(settings: &str) -> Model {
    model(&format!(
        "name = \"ending\"\nrun = {{ horizon = \"500ms\", regime = \"terminating\", drain = true }}\n\
         class.job = {{ demand = \"5ms\" }}\n\
         source.web = {{ pool = \"main\", class = \"job\", arrivals = {{ process = \"deterministic\", rate = \"20/s\" }} }}\n\
         pool.main = {{ slots = 1, worker = {{ start_timeout = \"50ms\", restart_delay = \"10ms\", {settings} }} }}\n"
    ))
}

/// Plays with 400 ms of silence. A replay that does not end fails the test instead of holding it up.
fn play(model: &Model, mut pools: OwnPools) -> Replayed {
    let (model, settings) =
        (model.clone(), Settings { silence: Span::from_millis(400), ..Settings::default() });
    let (ended, end) = channel();
    std::thread::spawn(move || ended.send(Box::new(replay(&model, &mut pools, &settings, &|| false))));
    let replayed = end.recv_timeout(Duration::from_secs(30)).expect("the replay ends by itself");
    replayed.expect("the pool was started")
}

fn processes(model: &Model, command: &[&str]) -> OwnPools {
    OwnPools::processes(model, 0, command.iter().map(|word| (*word).to_owned()).collect())
}

fn count(replayed: &Replayed, outcome: Outcome) -> usize {
    replayed.requests.iter().filter(|one| one.seen.outcome == outcome).count()
}

/// What a replay ends with in which no request could.
fn none_ended(replayed: &Replayed) {
    assert_eq!(
        (replayed.requests.len(), count(replayed, Outcome::Unfinished)),
        (10, 10),
        "{:?}",
        replayed.notes
    );
    let silence = replayed.notes.iter().find(|note| note.code == "silence").expect("it says why it ended");
    assert!(silence.text.starts_with("10 requests had no end"), "{silence:?}");
    assert!(!replayed.interrupted);
}

#[test]
fn workers_that_never_get_ready_keep_no_replay_going() {
    // Processes that live and say nothing.
    let cold = half_a_second("warm_start = false");
    none_ended(&play(&cold, processes(&cold, &["sleep", "600"])));
    // Threads that take longer to start than they may.
    let slow = half_a_second("warm_start = false, start_up = \"2s\"");
    none_ended(&play(&slow, OwnPools::threads(&slow, 0)));
}

#[test]
fn workers_that_got_ready_once_and_never_again_keep_no_replay_going() {
    if !has_python() {
        return;
    }
    let folder = Folder::new("once");
    // The first ends with its third request, the others at once.
    let script = worker(&folder, "if n == 3: os._exit(9)\nok(r)");
    let text = std::fs::read_to_string(&script).unwrap();
    let mark = folder.0.join("started");
    let once = format!(
        "if os.path.exists({mark:?}): sys.exit(1)\nopen({mark:?}, 'w').close()\nsay({{'type': 'ready'}})"
    );
    std::fs::write(&script, text.replace("say({'type': 'ready'})", &once)).unwrap();
    let mut model = half_a_second("warm_start = true");
    // A real start takes longer than 50 ms.
    model.pools[0].settings.worker.start_timeout = Span::from_whole_secs(10);
    let replayed = play(&model, processes(&model, &["python3", &script]));
    assert_eq!((count(&replayed, Outcome::Ok), count(&replayed, Outcome::Crash)), (2, 1), "{replayed:?}");
    assert_eq!(count(&replayed, Outcome::Unfinished), 7);
}

#[test]
fn users_who_wait_for_ever_keep_no_replay_going() {
    let model = model(
        "name = \"waiting\"\nrun = { requests = 50 }\nclass.job = { demand = \"5ms\", fates = { hang = 1.0 } }\n\
         pool.main = { slots = 2 }\nsource.web = { pool = \"main\", class = \"job\", users = { count = 3, think = \"10ms\" } }\n",
    );
    let replayed = play(&model, OwnPools::threads(&model, 0));
    assert_eq!(count(&replayed, Outcome::Unfinished), 3, "{replayed:?}");
}

/// Threads that take half a second to leave.
struct Lingering {
    pools: OwnPools,
    clock: Option<Clock>,
    /// When it was told to close.
    told: Time,
}

impl Target for Lingering {
    fn name(&self) -> &'static str {
        "lingering"
    }

    fn capabilities(&self) -> Capabilities {
        self.pools.capabilities()
    }

    fn open(&mut self, clock: Clock, reports: Sender<Report>) -> Result<(), TargetError> {
        self.clock = Some(clock);
        self.pools.open(clock, reports)
    }

    fn submit(&mut self, job: Job) {
        self.pools.submit(job);
    }

    fn cancel(&mut self, id: AttemptId) {
        self.pools.cancel(id);
    }

    fn close(&mut self, grace: Span) -> Result<(), TargetError> {
        self.told = self.clock.expect("it was opened").now();
        #[allow(clippy::disallowed_methods, reason = "real time is what is tested")]
        std::thread::sleep(Duration::from_millis(500));
        self.pools.close(grace)
    }
}

/// Plays jobs that hang against [`Lingering`]; whether anyone is asked to stop at the third question.
fn linger(settings: &Settings, stopped: bool) -> (Replayed, Time) {
    let mut model = half_a_second("warm_start = true");
    model.classes[0].fates.hang = 1.0;
    let mut target = Lingering { pools: OwnPools::threads(&model, 0), clock: None, told: Time::ZERO };
    let asked = Cell::new(0);
    let stop = || asked.replace(asked.get() + 1) >= 3 && stopped;
    let replayed = replay(&model, &mut target, settings, &stop).expect("threads can be started");
    (replayed, target.told)
}

#[test]
fn how_long_a_target_takes_to_leave_is_no_part_of_the_run() {
    let silence = Settings { silence: Span::from_millis(100), ..Settings::default() };
    for (settings, stopped) in [(Settings::default(), true), (silence, false)] {
        let (replayed, told) = linger(&settings, stopped);
        assert_eq!(replayed.interrupted, stopped);
        assert!(replayed.replication.end <= told, "{:?}, and closed at {told:?}", replayed.replication.end);
        assert!(replayed.requests.iter().all(|one| one.seen.end <= told), "{:?}", replayed.requests);
        let said = replayed.notes.iter().find(|note| note.code == "interrupted");
        assert_eq!(said.is_some(), stopped, "{:?}", replayed.notes);
        let says = |note: &poolsim::live::replay::Note| note.text.contains(" s of 0.5 s; ");
        assert!(said.is_none_or(says), "{said:?}");
    }
}
