//! An HTTP service as a target.
//!
//! ```text
//!   submit ──▶ orders ──▶ one runtime thread: a task per job ──▶ a line (kept alive or new) ──▶ service
//!                            │ first of: answer read, time-out, broken line, cancel
//!                            ▼
//!                         Ended, once, with the instant at which the last byte was there
//! ```
//!
//! Decides what becomes of a job that is sent over HTTP, and no more: how many requests are under way is the load's
//! affair, so each job that finds no idle line opens one. A job that is withdrawn or late takes its line with it, as
//! a closed connection is all that HTTP/1.1 has to tell a service so.

mod exchange;
mod line;
mod tls;

use super::clock::Clock;
use super::replay::Note;
use super::target::{self, AttemptId, Capabilities, Job, Report, Stop, Target, TargetError, What};
use super::told::Names;
use crate::model::Model;
use crate::model::target::{Field, HttpSettings};
use crate::outcome::Outcome;
use crate::stats::Histogram;
use crate::time::Span;
use exchange::Request;
use line::Lines;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

/// An HTTP service.
pub struct HttpTarget {
    settings: Arc<HttpSettings>,
    names: Arc<Names>,
    open: Option<Open>,
    stop: Stop,
    remarks: Vec<String>,
}

/// The runtime thread of an open target, and how to talk to it.
struct Open {
    clock: Clock,
    orders: UnboundedSender<Order>,
    thread: JoinHandle<Counts>,
}

/// What the runtime thread is told.
enum Order {
    Submit { job: Job, since: Instant },
    Cancel(AttemptId),
    Close { grace: Duration },
}

/// What the runtime thread counted.
#[derive(Default)]
struct Counts {
    /// Connections made.
    connections: u64,
    /// Seconds from submission to the first byte handed to a connection that stood.
    handing: Histogram,
}

/// What the tasks of the runtime thread share.
struct Shared {
    settings: Arc<HttpSettings>,
    names: Arc<Names>,
    clock: Clock,
    reports: Sender<Report>,
    lines: Lines,
    /// Jobs under way. Whoever takes a job out of here reports its end, so each has one.
    under_way: Mutex<BTreeMap<AttemptId, AbortHandle>>,
    emptied: Notify,
    handing: Mutex<Histogram>,
}

impl HttpTarget {
    /// A service that the model describes; `settings` is `target.http` of the same model.
    pub fn new(model: &Model, settings: &HttpSettings) -> HttpTarget {
        HttpTarget {
            settings: Arc::new(settings.clone()),
            names: Arc::new(Names::of(model)),
            open: None,
            stop: target::never(),
            remarks: Vec::new(),
        }
    }

    /// What there is to say of the run once it is closed: connections made, and how soon jobs were on the wire.
    pub fn said(&self) -> &[String] {
        &self.remarks
    }
}

impl Target for HttpTarget {
    fn name(&self) -> &'static str {
        "http"
    }

    fn capabilities(&self) -> Capabilities {
        let requests = &self.settings.requests;
        Capabilities {
            takes_demands: requests.iter().all(|one| one.tells(&[Field::DemandMs, Field::DemandS])),
            takes_fates: requests.iter().all(|one| one.tells(&[Field::Fate])),
            reports_starts: false,
            cancels: true,
            // What a service does with work that takes too long is its own affair.
            kills: true,
            disturbs: false,
            redraws: false,
        }
    }

    fn remarks(&mut self) -> Vec<Note> {
        let note = |text: &String| Note { code: "http", text: text.clone(), advice: String::new() };
        self.remarks.iter().map(note).collect()
    }

    fn heed(&mut self, stop: Stop) {
        self.stop = stop;
    }

    fn open(&mut self, clock: Clock, reports: Sender<Report>) -> Result<(), TargetError> {
        if self.open.is_some() {
            return Err(failed("the target is open already", "close it first"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            failed(format!("could not start a runtime: {error}"), "are there too many open files?")
        })?;
        let lines = Lines::new(&self.settings)?;
        runtime.block_on(unless(&self.stop, lines.probe()))?;
        let shared = Arc::new(Shared {
            settings: self.settings.clone(),
            names: self.names.clone(),
            clock,
            reports,
            lines,
            under_way: Mutex::default(),
            emptied: Notify::new(),
            handing: Mutex::default(),
        });
        let (orders, inbox) = unbounded_channel();
        let work = move || {
            runtime.block_on(serve(&shared, inbox));
            // Dropping the runtime drops every task and with it every connection.
            drop(runtime);
            Counts {
                connections: shared.lines.opened(),
                handing: std::mem::take(&mut shared.handing.lock().unwrap_or_else(PoisonError::into_inner)),
            }
        };
        let thread = std::thread::Builder::new().name(String::from("poolsim-http")).spawn(work);
        let thread = thread.map_err(|error| {
            failed(format!("could not start a thread: {error}"), "is there room for one?")
        })?;
        self.open = Some(Open { clock, orders, thread });
        Ok(())
    }

    fn submit(&mut self, job: Job) {
        let since = now();
        if let Some(open) = &self.open {
            let _ = open.orders.send(Order::Submit { job, since });
        }
    }

    fn cancel(&mut self, id: AttemptId) {
        if let Some(open) = &self.open {
            let _ = open.orders.send(Order::Cancel(id));
        }
    }

    fn close(&mut self, grace: Span) -> Result<(), TargetError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let grace = open.clock.real(grace);
        let _ = open.orders.send(Order::Close { grace });
        let counts = open.thread.join().map_err(|_| failed("the thread of the target failed", ""))?;
        self.remarks.push(counts.to_string());
        Ok(())
    }
}

impl Drop for HttpTarget {
    fn drop(&mut self) {
        // An unwinding caller need not wait for what it no longer wants.
        let _ = self.close(Span::ZERO);
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} connections; {} requests", self.connections, self.handing.count())?;
        let ms = |q| self.handing.quantile(q).map(|span| span.secs() * 1e3);
        match (ms(0.5), ms(0.99)) {
            (Some(half), Some(most)) => {
                write!(f, ", on the wire {half:.3} ms after submission (p50), {most:.3} ms (p99)")
            }
            _ => Ok(()),
        }
    }
}

fn failed(text: impl Into<String>, hint: impl Into<String>) -> TargetError {
    TargetError { text: text.into(), hint: hint.into() }
}

#[allow(clippy::disallowed_methods, reason = "instants of real sends and answers")]
fn now() -> Instant {
    Instant::now()
}

/// Waits for a target to get ready, unless someone asks to stop.
async fn unless(
    stop: &Stop,
    ready: impl Future<Output = Result<(), TargetError>>,
) -> Result<(), TargetError> {
    /// Between two questions.
    const LOOK: Duration = Duration::from_millis(50);
    let mut ready = std::pin::pin!(ready);
    loop {
        match tokio::time::timeout(LOOK, ready.as_mut()).await {
            Ok(ready) => return ready,
            Err(_) if stop() => return Err(TargetError::interrupted()),
            Err(_) => {}
        }
    }
}

/// Takes orders until the target is closed.
async fn serve(shared: &Arc<Shared>, mut orders: UnboundedReceiver<Order>) {
    let mut grace = Duration::ZERO;
    while let Some(order) = orders.recv().await {
        match order {
            Order::Submit { job, since } => start(shared, job, since),
            Order::Cancel(id) => shared.withdraw(id),
            Order::Close { grace: given } => {
                grace = given;
                break;
            }
        }
    }
    let emptied = async {
        while !shared.is_empty() {
            shared.emptied.notified().await;
        }
    };
    let _ = tokio::time::timeout(grace, emptied).await;
    shared.withdraw_all();
}

/// Starts a task for a job. The task cannot run before this returns: there is one thread.
fn start(shared: &Arc<Shared>, job: Job, since: Instant) {
    let id = job.id;
    let task = {
        let shared = shared.clone();
        tokio::spawn(async move {
            let spec = &shared.settings.requests[usize::from(job.class)];
            let request = Request::of(&job, spec, &shared.names, &shared.clock);
            let end = request.exchange(&shared, since).await;
            shared.end(id, end.outcome, end.detail, end.at);
        })
    };
    let before = shared.lock().insert(id, task.abort_handle());
    debug_assert!(before.is_none(), "attempt {id} was submitted twice");
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptId, AbortHandle>> {
        // A map of handles is whole whatever happened to its last user.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Reports an end, unless the job has had one.
    fn end(&self, id: AttemptId, outcome: Outcome, detail: String, at: Instant) {
        if self.lock().remove(&id).is_some() {
            let what = What::Ended { id, outcome, detail };
            // Nobody listens any more when the replay was given up.
            let _ = self.reports.send(Report { at: self.clock.at(at), what });
        }
        if self.is_empty() {
            self.emptied.notify_one();
        }
    }

    fn withdraw(&self, id: AttemptId) {
        let task = self.lock().get(&id).cloned();
        if let Some(task) = task {
            task.abort();
            self.end(id, Outcome::Cancelled, String::from("withdrawn"), now());
        }
    }

    fn withdraw_all(&self) {
        let ids: Vec<AttemptId> = self.lock().keys().copied().collect();
        ids.into_iter().for_each(|id| self.withdraw(id));
    }

    fn note_handing(&self, since: Instant, sent: Instant) {
        let mut handing = self.handing.lock().unwrap_or_else(PoisonError::into_inner);
        let nanos = sent.saturating_duration_since(since).as_nanos();
        handing.record(Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
    }
}
