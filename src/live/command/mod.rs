//! Any scheduler as a target, behind an adapter: a process that reads jobs and reports events as JSON lines.
//!
//! ```text
//!   submit, cancel ──▶ inbox ──▶ keeper ──lines──▶ adapter's stdin
//!   adapter's stdout ──lines──▶ inbox    │
//!                                        ├─▶ book: one end per job, faults counted
//!                                        └─▶ sync: the adapter's instants on our clock
//! ```
//!
//! Decides what to make of what an adapter says. `docs/adapter-protocol.md` is the protocol as a stranger needs it.

mod adapter;
mod book;
mod keeper;
mod protocol;
mod sync;

use super::clock::Clock;
use super::replay;
use super::target::{self, AttemptId, Capabilities, Job, Report, Stop, Target, TargetError};
use crate::model::target::CommandSettings;
use crate::model::{Model, Pool};
use crate::policy::Slots;
use crate::time::Span;
use adapter::{Adapter, Heard};
use book::Remark;
use keeper::Keeper;
use protocol::{Hello, Message};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sync::Sync;

/// Code of the remark on an adapter that said more of a job after its end.
pub const AFTER_END: &str = "adapter_after_end";
/// Code of the remark on an adapter that gave a job to a worker while one had it.
pub const AGAIN: &str = "adapter_started_again";

/// A scheduler behind an adapter.
pub struct CommandTarget {
    settings: CommandSettings,
    hello: Hello,
    names: Names,
    speed: f64,
    state: State,
    stop: Stop,
    remarks: Vec<Remark>,
}

/// Names of classes and pools, by index.
#[derive(Default)]
struct Names {
    classes: Vec<String>,
    pools: Vec<String>,
    /// Workers of each pool.
    slots: Vec<u32>,
}

enum State {
    /// The adapter has said what it can; nothing has been asked of it.
    Started {
        adapter: Adapter,
        inbox: Receiver<Note>,
        notes: Sender<Note>,
        early: Vec<(Instant, Message)>,
    },
    Open {
        notes: Sender<Note>,
        clock: Clock,
        keeper: JoinHandle<Result<Vec<Remark>, TargetError>>,
    },
    Closed,
}

/// What the keeper is told.
enum Note {
    /// The adapter was heard.
    Heard(Heard),
    Submit(Box<Job>),
    Cancel(AttemptId),
    Close(Duration),
}

impl CommandTarget {
    /// Starts the adapter and hears what it can do.
    ///
    /// # Errors
    /// When it cannot be started, says nothing in time, or speaks another protocol.
    pub fn start(
        model: &Model,
        settings: &CommandSettings,
        speed: f64,
    ) -> Result<CommandTarget, TargetError> {
        CommandTarget::start_unless(model, settings, speed, target::never())
    }

    /// The same, given up when someone asks to stop.
    ///
    /// # Errors
    /// As [`CommandTarget::start`], and when that happens.
    pub fn start_unless(
        model: &Model,
        settings: &CommandSettings,
        speed: f64,
        stop: Stop,
    ) -> Result<CommandTarget, TargetError> {
        let (notes, inbox) = channel();
        let heard = notes.clone();
        let mut adapter = Adapter::start(settings, move |one| {
            let _ = heard.send(Note::Heard(one));
        })?;
        adapter.say(protocol::hello(model, settings, speed));
        let end = now() + clamped(settings.start_timeout);
        let mut early = Vec::new();
        let hello = loop {
            match next(&mut adapter, &inbox, (end, &stop), "hello")? {
                (_, Message::Hello(hello)) => break hello,
                // It may have had to start its workers to know what it can do.
                (at, other @ (Message::Worker { .. } | Message::Ready)) => early.push((at, other)),
                (_, other) => return Err(adapter.failed(format!("it said {other:?} before `hello`"))),
            }
        };
        let names = Names {
            classes: model.classes.iter().map(|class| class.name.clone()).collect(),
            pools: model.pools.iter().map(|pool| pool.name.clone()).collect(),
            slots: model.pools.iter().map(workers_of).collect(),
        };
        let state = State::Started { adapter, inbox, notes, early };
        let settings = settings.clone();
        Ok(CommandTarget { settings, hello, names, speed, state, stop, remarks: Vec::new() })
    }

    /// What the adapter calls its scheduler.
    pub fn scheduler(&self) -> &str {
        &self.hello.name
    }

    /// What there is to say of the run once it is closed: how the clocks stood, and what the adapter said wrongly.
    pub fn said(&self) -> Vec<&str> {
        self.remarks.iter().map(|remark| remark.text.as_str()).collect()
    }
}

impl Target for CommandTarget {
    fn name(&self) -> &'static str {
        "command"
    }

    fn capabilities(&self) -> Capabilities {
        self.hello.capabilities
    }

    /// Whoever says `queued` and `started` of a job that finds a worker idle reads the clock twice, and the job changes
    /// hands between.
    fn grain(&self) -> Span {
        Span::from_millis(1).scaled(self.speed)
    }

    fn remarks(&mut self) -> Vec<replay::Note> {
        let note = |remark: &Remark| replay::Note {
            code: remark.code,
            text: remark.text.clone(),
            advice: String::from("docs/adapter-protocol.md says what an adapter should say"),
        };
        self.remarks.iter().map(note).collect()
    }

    fn heed(&mut self, stop: Stop) {
        self.stop = stop;
    }

    fn open(&mut self, clock: Clock, reports: Sender<Report>) -> Result<(), TargetError> {
        let State::Started { mut adapter, inbox, notes, early } =
            std::mem::replace(&mut self.state, State::Closed)
        else {
            return Err(TargetError {
                text: String::from("the adapter was opened before"),
                hint: String::from("start another one"),
            });
        };
        debug_assert!((clock.speed() - self.speed).abs() < 1e-9, "the adapter was told another speed");
        let end = now() + clamped(self.settings.start_timeout);
        let sync = synchronise(&mut adapter, &inbox, clock, (end, &self.stop), early)?;
        let names = std::mem::take(&mut self.names);
        let silence = clamped(self.settings.silence_timeout);
        let mut keeper = Keeper::new(adapter, names, sync, clock, reports, silence);
        keeper.await_ready(&inbox, (end, &self.stop))?;
        let keeper = std::thread::Builder::new()
            .name(String::from("poolsim-keeper"))
            .spawn(move || keeper.run(&inbox));
        let keeper = keeper.map_err(|error| TargetError {
            text: format!("could not start a thread: {error}"),
            hint: String::from("is there room for one?"),
        })?;
        self.state = State::Open { notes, clock, keeper };
        Ok(())
    }

    fn submit(&mut self, job: Job) {
        if let State::Open { notes, .. } = &self.state {
            let _ = notes.send(Note::Submit(Box::new(job)));
        }
    }

    fn cancel(&mut self, id: AttemptId) {
        if let State::Open { notes, .. } = &self.state
            && self.hello.capabilities.cancels
        {
            let _ = notes.send(Note::Cancel(id));
        }
    }

    fn close(&mut self, grace: Span) -> Result<(), TargetError> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => Ok(()),
            State::Started { mut adapter, .. } => adapter.stop(),
            State::Open { notes, clock, keeper } => {
                let _ = notes.send(Note::Close(clock.real(grace)));
                let ended = keeper.join().map_err(|_| TargetError {
                    text: String::from("the keeper of the adapter failed"),
                    hint: String::new(),
                })?;
                self.remarks = ended?;
                Ok(())
            }
        }
    }
}

impl Drop for CommandTarget {
    fn drop(&mut self) {
        // An unwinding caller need not wait for what it no longer wants.
        let _ = self.close(Span::ZERO);
    }
}

/// How many workers a pool can have. One without a limit has a worker for each job that it was ever given at once.
fn workers_of(pool: &Pool) -> u32 {
    /// More than any machine runs.
    const UNLIMITED: u32 = 1 << 20;
    match pool.settings.slots {
        Slots::Limited(slots) => slots,
        Slots::Unlimited => UNLIMITED,
    }
}

/// Rounds of question and answer before the first job.
const ROUNDS: u64 = 16;

/// Finds out how the adapter's clock stands to ours.
fn synchronise(
    adapter: &mut Adapter,
    inbox: &Receiver<Note>,
    clock: Clock,
    end: (Instant, &Stop),
    early: Vec<(Instant, Message)>,
) -> Result<Sync, TargetError> {
    let mut sync = Sync::new(clock);
    sync.early = early;
    for n in 0..ROUNDS {
        adapter.say(sync.ask(n, now()));
        loop {
            let (at, message) = next(adapter, inbox, end, "sync")?;
            match message {
                Message::Sync { n, t_ms } => {
                    sync.answer(n, t_ms, at);
                    break;
                }
                // It may be ready, or start its workers, before it is asked for the time.
                other => sync.early.push((at, other)),
            }
        }
    }
    Ok(sync)
}

/// The adapter's next message before the run, waited for until `end` or until someone asks to stop; a line that is none
/// is an error here.
fn next(
    adapter: &mut Adapter,
    inbox: &Receiver<Note>,
    (end, stop): (Instant, &Stop),
    wanted: &str,
) -> Result<(Instant, Message), TargetError> {
    loop {
        if stop() {
            // What is wrong with its end is of no interest any more.
            let _ = adapter.kill();
            return Err(TargetError::interrupted());
        }
        let left = end.saturating_duration_since(now());
        match inbox.recv_timeout(left.min(LOOK)) {
            Ok(Note::Heard(Heard::Line { at, line })) => {
                return protocol::read(&line).map(|message| (at, message)).map_err(|why| {
                    adapter.failed(format!("it should say `{wanted}`, but {why}: {}", clipped(&line)))
                });
            }
            Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                return Err(adapter.failed(format!("it did not say `{wanted}` in time")));
            }
            Err(RecvTimeoutError::Timeout) if !adapter.has_left() => {}
            Ok(Note::Heard(Heard::End)) | Err(RecvTimeoutError::Timeout) => {
                return Err(adapter.failed(format!("it ended before it said `{wanted}`")));
            }
            Ok(_) | Err(RecvTimeoutError::Disconnected) => {
                return Err(adapter.failed(String::from("it cannot be heard")));
            }
        }
    }
}

/// How often a silent adapter is looked after: what it started may hold its output open when it is gone.
const LOOK: Duration = Duration::from_millis(100);

/// A line as it is shown in messages.
fn clipped(line: &str) -> String {
    const SHOWN: usize = 120;
    let short: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect();
    if line.chars().nth(SHOWN).is_some() { format!("{short}…") } else { short }
}

/// A time-out that is not scaled: programs start as fast as they do.
fn clamped(span: Span) -> Duration {
    Duration::from_nanos(span.nanos()).min(Duration::from_secs(86_400 * 365))
}

#[allow(clippy::disallowed_methods, reason = "instants of what is said and heard")]
fn now() -> Instant {
    Instant::now()
}
