//! A worker pool for applications: the simulator's policy on the application's own threads.
//!
//! What a model file says of a pool holds here word for word: disciplines, queue limits, admission, waiting limits,
//! time-outs, retries, recycling. So what was simulated is what runs.
//!
//! ```
//! use poolsim::live::pool::{Pool, Request};
//! use std::time::Duration;
//!
//! let pool = Pool::fifo(4)?;
//! let handle = pool.submit(Request::default(), |_| Ok::<_, String>(6 * 7));
//! let ended = handle.wait();
//! assert_eq!(ended.value, Some(42));
//!
//! // A task that heeds its flag can be given up.
//! let slow = pool.submit(Request::default(), |given_up| {
//!     while !given_up.is_raised() {
//!         std::thread::yield_now();
//!     }
//!     Err::<(), _>(String::from("given up"))
//! });
//! slow.cancel();
//! assert_eq!(slow.wait().outcome.name(), "cancelled");
//!
//! let metrics = pool.shutdown(Duration::from_secs(1))?;
//! assert_eq!(metrics.submitted, 2);
//! # Ok::<(), poolsim::live::target::TargetError>(())
//! ```
//!
//! Threads cannot be killed. A time-out therefore either *cancels* (the task's flag is raised, and the worker counts
//! as free after the grace time) or *abandons* (the task runs on for nobody); settings that kill workers, watch their
//! heartbeats or spread crashes are refused. A task that panics is a crash of that job alone. A pool that retries runs
//! a task again, so tasks are `Fn`.

use super::clock::Clock;
use super::desk::{Desk, Life, Setup, Work};
use super::journal::{Head, JournalFile, PoolHead, SCHEMA};
use super::target::{self, AttemptId, Job, Report, TargetError, What};
use super::threads::Threads;
use crate::outcome::Outcome;
use crate::policy::{CrashRadius, OnTimeout, PoolSettings, Slots, WorkerState};
use crate::random::Streams;
use crate::stats::Histogram;
use crate::time::{Span, Time};
use crate::workload::trace::Fate;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Says to a task that nobody wants its result any more.
#[derive(Clone, Copy, Debug)]
pub struct GivenUp<'a>(&'a AtomicBool);

impl GivenUp<'_> {
    /// Whether the task should end.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the pool is told of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Index of its class: for shares, reserved slots and weights.
    pub class: u16,
    /// 0 is the most urgent.
    pub priority: u8,
    /// How much work it is, as far as known: for shortest-job-first.
    pub size: Duration,
    /// When it must be done, from now: for earliest-deadline-first.
    pub deadline: Option<Duration>,
    /// It leaves the queue when it has waited so long.
    pub waiting_limit: Option<Duration>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended<T> {
    /// How.
    pub outcome: Outcome,
    /// Its result, if it ended well.
    pub value: Option<T>,
    /// What it said went wrong.
    pub error: Option<String>,
}

/// A task that was submitted.
#[derive(Debug)]
pub struct Handle<T> {
    id: AttemptId,
    desk: Desk,
    end: Receiver<Outcome>,
    result: Arc<Mutex<Option<Result<T, String>>>>,
}

impl<T> Handle<T> {
    /// Waits for its end.
    pub fn wait(self) -> Ended<T> {
        // A pool that is gone has ended every task before.
        let outcome = self.end.recv().unwrap_or(Outcome::Unfinished);
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (outcome, result) {
            (Outcome::Ok, Some(Ok(value))) => Ended { outcome, value: Some(value), error: None },
            (Outcome::Error, Some(Err(error))) => Ended { outcome, value: None, error: Some(error) },
            _ => Ended { outcome, value: None, error: None },
        }
    }

    /// Withdraws it: it leaves the queue, or its flag is raised.
    pub fn cancel(&self) {
        self.desk.cancel(self.id);
    }
}

/// Counts and times of a pool so far.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Tasks submitted.
    pub submitted: u64,
    /// Tasks by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// Retries by the pool.
    pub retries: u64,
    /// From submission to the first hand-over.
    pub wait: Histogram,
    /// From submission to the end.
    pub sojourn: Histogram,
    /// Tasks that wait now.
    pub waiting: u32,
    /// Tasks that wait or run now.
    pub inside: u32,
    /// What every worker is doing now.
    pub workers: Vec<WorkerState>,
}

/// Tasks under way, and what was counted.
#[derive(Default)]
struct Books {
    open: BTreeMap<AttemptId, Open>,
    metrics: Metrics,
}

struct Open {
    end: Sender<Outcome>,
    submitted: Time,
    started: bool,
}

/// The pool.
#[derive(Debug)]
pub struct Pool {
    desk: Desk,
    clock: Clock,
    next: AtomicU64,
    books: Arc<Mutex<Books>>,
    listener: Option<JoinHandle<()>>,
    file: Option<JournalFile>,
}

impl std::fmt::Debug for Books {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Books").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of so many threads, first come first served, without limits.
    ///
    /// # Errors
    /// When threads cannot be started.
    pub fn fifo(slots: u32) -> Result<Pool, TargetError> {
        Pool::new(PoolSettings::fifo(Slots::Limited(slots)), None)
    }

    /// A pool with these settings; `journal` is a file for every input and decision.
    ///
    /// # Errors
    /// When settings ask for what threads cannot do, threads cannot be started, or the journal cannot be written.
    pub fn new(settings: PoolSettings, journal: Option<&Path>) -> Result<Pool, TargetError> {
        check(&settings)?;
        let clock = Clock::start(1.0);
        let (journal, file) = match journal {
            None => (None, None),
            Some(path) => {
                let created = JournalFile::create(path, &head(&settings));
                let (journal, file) = created.map_err(|error| unwritten(path, &error))?;
                (Some(journal), Some(file))
            }
        };
        let (reports, heard) = channel();
        let books = Arc::new(Mutex::new(Books::default()));
        let own = books.clone();
        let listener = std::thread::Builder::new().name(String::from("pool-ends"));
        let listener = listener.spawn(move || listen(&heard, &own)).map_err(|error| TargetError {
            text: format!("no thread for the pool: {error}"),
            hint: String::new(),
        })?;
        let desk = Desk::new(Setup {
            number: 0,
            settings,
            streams: Streams::new(0, 0),
            life: Life::none(),
            hires: Box::new(Threads::new(clock, false)),
            clock,
            reports: Some(reports),
            journal,
            requests: None,
        });
        let next = AtomicU64::new(0);
        let mut pool = Pool { desk, clock, next, books, listener: Some(listener), file };
        pool.desk.open(true, &target::never()).map_err(|why| TargetError {
            text: format!("the pool could not be started: {why}"),
            hint: String::from("ask for fewer threads"),
        })?;
        if let Some(file) = &mut pool.file {
            file.stand().map_err(|error| unwritten(file.path(), &error))?;
        }
        Ok(pool)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits a task. It is given a flag that says when nobody wants its result any more.
    pub fn submit<T, E, F>(&self, request: Request, task: F) -> Handle<T>
    where
        T: Send + 'static,
        E: ToString,
        F: Fn(GivenUp<'_>) -> Result<T, E> + Send + Sync + 'static,
    {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (end, ended) = channel();
        let result = Arc::new(Mutex::new(None));
        let kept = result.clone();
        let work = move |flag: &AtomicBool| {
            let done = task(GivenUp(flag)).map_err(|error| error.to_string());
            let outcome = if done.is_ok() { Outcome::Ok } else { Outcome::Error };
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            outcome
        };
        let now = self.clock.now();
        {
            let mut books = self.books();
            books.metrics.submitted += 1;
            books.open.insert(id, Open { end, submitted: now, started: false });
        }
        let from_now = |span: Option<Duration>| span.map_or(Time::NEVER, |span| now + length(span));
        let job = Job {
            id,
            request: id,
            attempt: 1,
            class: request.class,
            pool: 0,
            demand: Span::ZERO,
            size: length(request.size),
            executions: 0,
            scripted: true,
            cpu_share: 0.0,
            fate: Fate::Ok,
            priority: request.priority,
            deadline: from_now(request.deadline),
            leave_by: from_now(request.waiting_limit),
        };
        self.desk.submit(job, Work::Task(Arc::new(work)));
        Handle { id, desk: self.desk.clone(), end: ended, result }
    }

    /// What was counted so far.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.books().metrics.clone();
        (metrics.waiting, metrics.inside, metrics.workers) = self.desk.levels();
        metrics
    }

    /// Ends the pool: tasks inside have `grace` to end, then they are cancelled. Every task has ended when this returns.
    ///
    /// # Errors
    /// When threads still work on tasks that do not heed their flag, or the journal broke off.
    pub fn shutdown(mut self, grace: Duration) -> Result<Metrics, TargetError> {
        let left = self.close(grace);
        let metrics = self.books().metrics.clone();
        left.map(|()| metrics)
    }

    fn close(&mut self, grace: Duration) -> Result<(), TargetError> {
        let left = self.desk.close(grace);
        if let Some(listener) = self.listener.take() {
            // A listener that panicked has said so.
            let _ = listener.join();
        }
        let journal = self.file.take().map_or(Ok(0), JournalFile::finish);
        left.map_err(|text| TargetError {
            text,
            hint: String::from("look at `GivenUp::is_raised` in long tasks"),
        })?;
        journal.map(|_| ()).map_err(|error| TargetError {
            text: format!("the journal breaks off: {error}"),
            hint: String::from("every task has ended all the same"),
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Who drops a pool without shutting it down asks for nothing in return.
        let _ = self.close(Duration::ZERO);
    }
}

fn length(span: Duration) -> Span {
    Span::from_nanos(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
}

fn unwritten(path: &Path, error: &std::io::Error) -> TargetError {
    TargetError {
        text: format!("could not write {}: {error}", path.display()),
        hint: String::from("choose another file"),
    }
}

fn head(settings: &PoolSettings) -> Head {
    Head {
        schema: SCHEMA.to_owned(),
        poolsim: env!("CARGO_PKG_VERSION").to_owned(),
        seed: 0,
        replication: 0,
        pools: vec![PoolHead { name: String::from("pool"), settings: settings.clone() }],
        classes: Vec::new(),
    }
}

/// What threads of an application cannot do.
fn check(settings: &PoolSettings) -> Result<(), TargetError> {
    let kills = settings.service_timeout.is_some_and(|timeout| timeout.then == OnTimeout::Kill);
    let rows = [
        (kills, "a time-out that kills", "let it cancel or abandon"),
        (
            settings.worker.crash_radius != CrashRadius::Job,
            "a crash that takes its worker along",
            "a panic ends its job alone",
        ),
        (!settings.worker.heartbeat_timeout.is_never(), "heartbeats", "threads have none"),
    ];
    match rows.into_iter().find(|(asked, ..)| *asked) {
        None => Ok(()),
        Some((_, what, hint)) => Err(TargetError {
            text: format!("threads of this process cannot do what the settings ask for: {what}"),
            hint: hint.to_owned(),
        }),
    }
}

/// Takes reports in until the pool has ended.
fn listen(reports: &Receiver<Report>, books: &Mutex<Books>) {
    for report in reports {
        let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
        let Books { open, metrics } = &mut *books;
        match report.what {
            What::Started { id, .. } => {
                if let Some(task) = open.get_mut(&id)
                    && !std::mem::replace(&mut task.started, true)
                {
                    metrics.wait.record(report.at.since(task.submitted));
                }
            }
            What::Retried { .. } => metrics.retries += 1,
            What::Ended { id, outcome, .. } => {
                metrics.outcomes[outcome as usize] += 1;
                if let Some(task) = open.remove(&id) {
                    metrics.sojourn.record(report.at.since(task.submitted));
                    // Nobody need wait for a task.
                    let _ = task.end.send(outcome);
                }
            }
            What::Queued { .. } | What::Worker { .. } => {}
        }
    }
}
