//! Runs of a real scheduler: old and new in turn, under the same requests, and what they decided as far as they tell.
//!
//! A machine's noise comes in stretches, so old and new run next to each other, in blocks of two whose order
//! alternates: what lasts for a block hits both, and a drift hits neither more. Run `i` of both gets the requests of
//! replication `i`, so that pairs share their luck as simulated ones do. The unit of every statistic is the run; what
//! varies within one says nothing of another day.

use super::measure::{DECISIONS_MOST, Played};
use crate::live::clock::Clock;
use crate::live::replay::{Note, Settings, replay};
use crate::live::target::{AttemptId, Capabilities, Job, Report, Target, TargetError, What, WorkerEvent};
use crate::model::Model;
use crate::policy::decision::Log;
use crate::policy::{Choice, Decision, JobName};
use crate::time::{Span, Time};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Makes a target for run `run`.
pub type MakeTarget<'a> = &'a dyn Fn(u64) -> Result<Box<dyn Target>, TargetError>;

/// Runs of both sides, block by block.
#[derive(Clone, Debug, Default)]
pub struct Alternated {
    /// Of the first.
    pub old: Vec<Played>,
    /// Of the second.
    pub new: Vec<Played>,
}

/// Runs blocks `from` to `to` of old and new in turn.
///
/// # Errors
/// A [`TargetError`] of either.
pub fn alternate(
    (model_old, old): (&Model, MakeTarget<'_>),
    (model_new, new): (&Model, MakeTarget<'_>),
    blocks: std::ops::Range<u64>,
    speed: f64,
    stop: &dyn Fn() -> bool,
) -> Result<Alternated, TargetError> {
    let mut both = Alternated::default();
    for block in blocks {
        if block.is_multiple_of(2) {
            both.old.push(run(model_old, old, block, speed, stop)?);
            both.new.push(run(model_new, new, block, speed, stop)?);
        } else {
            both.new.push(run(model_new, new, block, speed, stop)?);
            both.old.push(run(model_old, old, block, speed, stop)?);
        }
    }
    Ok(both)
}

/// One run against a real scheduler.
///
/// # Errors
/// A [`TargetError`].
pub fn run(
    model: &Model,
    make: MakeTarget<'_>,
    index: u64,
    speed: f64,
    stop: &dyn Fn() -> bool,
) -> Result<Played, TargetError> {
    let list = Arc::new(Mutex::new(Heard::default()));
    let mut tap = Tap { inner: make(index)?, heard: Arc::clone(&list), own: None, done: None };
    let settings = Settings { speed, replication: index, ..Settings::default() };
    let replayed = replay(model, &mut tap, &settings, stop)?;
    if replayed.interrupted {
        return Err(TargetError::interrupted());
    }
    drop(tap);
    let mut log = Log::new(DECISIONS_MOST);
    let heard = list.lock().unwrap_or_else(PoisonError::into_inner);
    heard.decisions.iter().for_each(|decision| log.push(*decision));
    let owners = (0..model.pools.len()).collect();
    Ok(Played { replication: replayed.replication, log, owners })
}

/// What a target has told so far.
#[derive(Default)]
struct Heard {
    names: BTreeMap<AttemptId, (JobName, u16, bool)>,
    decisions: Vec<Decision>,
    last: Time,
}

impl Heard {
    fn take(&mut self, report: &Report) {
        // Reports come in the order in which things happened; a clock read late must not turn it around.
        self.last = self.last.max(report.at);
        let at = self.last;
        let decided = match report.what {
            What::Queued { id } => self.names.get_mut(&id).map(|(job, pool, seen)| {
                let again = std::mem::replace(seen, true);
                (*pool, Choice::Queue { job: *job, again })
            }),
            What::Started { id, worker, dying } => self.names.get_mut(&id).map(|(job, pool, seen)| {
                *seen = true;
                (*pool, Choice::Start { job: *job, slot: worker, dying })
            }),
            What::Retried { id, outcome } => {
                self.names.get(&id).map(|(job, pool, _)| (*pool, Choice::Retry { job: *job, outcome }))
            }
            What::Ended { id, outcome, .. } => {
                self.names.remove(&id).map(|(job, pool, _)| (pool, Choice::End { job, outcome }))
            }
            What::Worker { pool, worker: slot, event } => Some((
                pool,
                match event {
                    WorkerEvent::Spawned => Choice::Spawned { slot },
                    WorkerEvent::Ready => Choice::Ready { slot },
                    WorkerEvent::Killed => Choice::Kill { slot },
                    WorkerEvent::Exited => Choice::Gone { slot },
                    WorkerEvent::Lost | WorkerEvent::Lingers | WorkerEvent::Free => return,
                },
            )),
        };
        if let Some((pool, choice)) = decided {
            self.decisions.push(Decision { at, pool: u32::from(pool), choice });
        }
    }
}

/// A target that is listened to.
struct Tap {
    inner: Box<dyn Target>,
    heard: Arc<Mutex<Heard>>,
    own: Option<Sender<Report>>,
    done: Option<Receiver<()>>,
}

/// The last report, which the tap sends itself once its target has ended: no pool has this number.
const LAST: What = What::Worker { pool: u16::MAX, worker: u32::MAX, event: WorkerEvent::Exited };

impl Target for Tap {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn open(&mut self, clock: Clock, reports: Sender<Report>) -> Result<(), TargetError> {
        let (sender, receiver) = channel::<Report>();
        let (say_done, done) = channel();
        let heard = Arc::clone(&self.heard);
        std::thread::spawn(move || {
            for report in receiver {
                if report.what == LAST {
                    break;
                }
                heard.lock().unwrap_or_else(PoisonError::into_inner).take(&report);
                if reports.send(report).is_err() {
                    break;
                }
            }
            // Nobody waits where the run failed before its end.
            let _ = say_done.send(());
        });
        (self.own, self.done) = (Some(sender.clone()), Some(done));
        self.inner.open(clock, sender)
    }

    fn submit(&mut self, job: Job) {
        let name = JobName { request: job.request, attempt: job.attempt };
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.names.insert(job.id, (name, job.pool, false));
        drop(heard);
        self.inner.submit(job);
    }

    fn cancel(&mut self, id: AttemptId) {
        self.inner.cancel(id);
    }

    fn remarks(&mut self) -> Vec<Note> {
        self.inner.remarks()
    }

    fn close(&mut self, grace: Span) -> Result<(), TargetError> {
        let closed = self.inner.close(grace);
        // Everything has been reported: once the last is through, everything has been passed on.
        if let (Some(own), Some(done)) = (self.own.take(), self.done.take())
            && own.send(Report { at: Time::ZERO, what: LAST }).is_ok()
        {
            let _ = done.recv();
        }
        closed
    }
}
