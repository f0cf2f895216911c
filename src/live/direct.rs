//! A target under a director: somebody who says, step by step, what is done to it, and hears all that it reports.
//!
//! A replay plays clients; a director plays fate. It submits, withdraws and disturbs when it likes, and looks on after the
//! end: what is still heard once a target is closed, or still holds its line, has outlived it. What the reports mean is
//! the director's affair.

use super::clock::Clock;
use super::needs;
use super::replay::Note;
use super::target::{AttemptId, Capabilities, Disturbance, Job, Report, Target, TargetError};
use super::wait::{self, Woken};
use crate::model::Model;
use crate::time::{Span, Time};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::Duration;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A job is submitted.
    Submit(Job),
    /// A job is withdrawn.
    Cancel(AttemptId),
    /// Something is done to a pool from outside, if the target can.
    Disturb {
        /// Index of the pool.
        pool: u16,
        /// What.
        what: Disturbance,
    },
    /// Nothing before this instant, unless something is reported.
    Wait(Time),
    /// No more: the target is closed.
    Close,
}

/// Who directs.
pub trait Director {
    /// The target is open; the instants of reports and steps count from now.
    fn opens(&mut self, can: Capabilities);
    /// What to do now.
    fn next(&mut self, now: Time) -> Step;
    /// Something was reported.
    fn hears(&mut self, report: &Report);
    /// The target is about to be closed: what follows comes of that.
    fn closes(&mut self, now: Time);
}

/// How a target ended.
#[derive(Clone, Debug, Default)]
pub struct Closed {
    /// What the target says of itself.
    pub remarks: Vec<Note>,
    /// What was left of it: a word for each.
    pub left: Vec<String>,
}

/// How long, after its end, a target's line may stay open.
const SILENCE: Duration = Duration::from_millis(500);

/// Opens a target, does what the director says, and closes it. `speed`: model seconds per real second.
///
/// # Errors
/// When the target cannot be opened.
pub fn direct(
    mut target: Box<dyn Target>,
    speed: f64,
    director: &mut dyn Director,
) -> Result<Closed, TargetError> {
    let clock = Clock::start(speed);
    let (sender, reports) = channel();
    target.open(clock, sender)?;
    let zero = clock.now();
    let clock = clock.from(zero);
    let zero = zero.since(Time::ZERO);
    let hear = |director: &mut dyn Director, report: Report| {
        // What came before the opening was done counts as its first moment.
        let at = Time::from_nanos(report.at.nanos().saturating_sub(zero.nanos()));
        director.hears(&Report { at, ..report });
    };
    wait::wake_exactly();
    director.opens(target.capabilities());
    loop {
        while let Ok(report) = reports.try_recv() {
            hear(director, report);
        }
        match director.next(clock.now()) {
            Step::Submit(mut job) => {
                (job.deadline, job.leave_by) = (job.deadline + zero, job.leave_by + zero);
                target.submit(job);
            }
            Step::Cancel(id) => target.cancel(id),
            Step::Disturb { pool, what } => target.disturb(pool, what),
            Step::Wait(until) => match wait::receive_until(&reports, clock.when(until)) {
                Woken::Told(report) => hear(director, report),
                Woken::Due => {}
                Woken::Alone => break,
            },
            Step::Close => break,
        }
    }
    director.closes(clock.now());
    let mut closed = Closed::default();
    if let Err(error) = target.close(Span::ZERO) {
        closed.left.push(error.text);
    }
    while let Ok(report) = reports.try_recv() {
        hear(director, report);
    }
    closed.remarks = target.remarks();
    drop(target);
    closed.left.extend(line_left(&reports));
    Ok(closed)
}

/// A target that has ended says nothing, and nothing of it can.
fn line_left(reports: &Receiver<Report>) -> Option<String> {
    match reports.try_recv() {
        Err(TryRecvError::Disconnected) => return None,
        Ok(report) => return Some(format!("after its end it reports {:?}", report.what)),
        Err(TryRecvError::Empty) => {}
    }
    match reports.recv_timeout(SILENCE) {
        Err(RecvTimeoutError::Disconnected) => None,
        Ok(report) => Some(format!("after its end it reports {:?}", report.what)),
        Err(RecvTimeoutError::Timeout) => Some(String::from("after its end something of it holds its line")),
    }
}

/// Whether a target can do what a model asks for. Faults at stated instants are the director's affair.
///
/// # Errors
/// Everything that the target cannot do, by name.
pub fn suits(model: &Model, target: &str, can: Capabilities) -> Result<(), TargetError> {
    let mut model = model.clone();
    model.faults.clear();
    needs::check(&model, target, can).map(|_| ())
}
