//! One case on a real clock: when each thing is done, how long is waited for an answer, and what is asked at the end.

use super::witness::{State, Where, Witness};
use crate::experiment::hunt::bench::Played;
use crate::experiment::hunt::generate::Landmarks;
use crate::experiment::hunt::ground::{BlowKind, Ground, Workload};
use crate::experiment::hunt::input::Input;
use crate::experiment::hunt::laws::Law;
use crate::experiment::hunt::story::Story;
use crate::live::command::{AFTER_END, AGAIN};
use crate::live::direct::{Director, Step, direct};
use crate::live::target::{
    AttemptId, Capabilities, Disturbance, Job, Report, Stop, Target, TargetError, What, WorkerEvent,
};
use crate::policy::{PoolSettings, Slots};
use crate::random::Streams;
use crate::time::{Span, Time};

/// What is planned for an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Blow(u32),
    BlowEnd(u32),
    Submit(usize),
    Withdraw(usize),
}

/// Asking every slot for a sign of life, by as many requests as there are slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    No,
    /// How long its requests are, in graces, and which of the jobs is its first.
    Asked {
        graces: u64,
        first: usize,
    },
}

/// Requests of a probe work for so many graces; the second if the first found too few workers.
const PROBES: [u64; 2] = [4, 16];

struct Stage<'g> {
    witness: Witness<'g>,
    ground: &'g Ground,
    work: &'g Workload,
    streams: Streams,
    plan: Vec<(Time, Act)>,
    planned: usize,
    patience: Span,
    probe: Probe,
    most_at_once: usize,
    story: Story,
    last: Time,
    stop: &'g Stop,
    /// Someone has asked to stop.
    given_up: bool,
}

/// Plays a case against a target and tells what happens. `start`: how long real workers may take to start, where no rule
/// says so. Once `stop` says so, the case is given up.
///
/// # Errors
/// When the target cannot be opened, and when the case is given up.
pub(super) fn play<'g>(
    target: Box<dyn Target>,
    speed: f64,
    (ground, work): (&'g Ground, &'g Workload),
    (grace, start): (Span, Span),
    exact: bool,
    stop: &'g Stop,
) -> Result<(Played, Vec<String>), TargetError> {
    let mut witness = Witness::new(ground, work, grace, ground.rules.laws);
    witness.exact = exact;
    let submits = work.requests.iter().enumerate().map(|(job, request)| (request.at, Act::Submit(job)));
    let blows = work.blows.iter().enumerate().map(|(index, blow)| (blow.at, Act::Blow(index as u32)));
    let mut plan: Vec<(Time, Act)> = submits.chain(blows).collect();
    plan.sort();
    let mut stage = Stage {
        witness,
        ground,
        work,
        streams: Streams::new(ground.seed, 0),
        plan,
        planned: 0,
        patience: patience(ground, work, grace) + start,
        probe: Probe::No,
        most_at_once: 0,
        story: Story::on(),
        last: Time::ZERO,
        stop,
        given_up: false,
    };
    let closed = direct(target, speed, &mut stage)?;
    if stage.given_up {
        return Err(TargetError::interrupted());
    }
    let last = stage.last;
    let witness = &mut stage.witness;
    for left in closed.left {
        witness.breach(Law::OutlivesShutdown, last, || left);
    }
    // What an adapter's book keeps from us, it remarks.
    for (code, law) in [(AFTER_END, Law::EndedTwice), (AGAIN, Law::DoubleStart)] {
        if let Some(remark) = closed.remarks.iter().find(|remark| remark.code == code) {
            witness.breach(law, last, || remark.text.clone());
        }
    }
    for job in 0..witness.jobs.len() {
        if !matches!(witness.jobs[job].place, Where::Outside | Where::Ended) {
            let request = job + 1;
            witness.breach(Law::RequestLost, last, || {
                format!("request {request} has no end, although the target has ended")
            });
        }
    }
    let requests = &witness.jobs[..work.requests.len()];
    let ends = requests.iter().map(|book| book.outcome.map(|outcome| (outcome, book.since))).collect();
    let played = Played { found: std::mem::take(&mut witness.found), ends, events: witness.heard, last };
    Ok((played, stage.story.lines))
}

impl Director for Stage<'_> {
    fn opens(&mut self, can: Capabilities) {
        self.witness.can = can;
    }

    fn next(&mut self, now: Time) -> Step {
        self.last = now;
        if (self.stop)() {
            self.given_up = true;
            return Step::Close;
        }
        if let Some(&(at, act)) = self.plan.get(self.planned)
            && at <= now
        {
            self.planned += 1;
            return self.act(now, act).unwrap_or(Step::Wait(now));
        }
        self.witness.passes(now);
        if self.witness.found.iter().any(|breach| !breach.law.is_character()) {
            return Step::Close;
        }
        let look = now + self.witness.grace.scaled(0.5);
        match self.plan.get(self.planned) {
            Some(&(at, _)) => Step::Wait(at.min(look)),
            None => self.after_all(now, look),
        }
    }

    fn hears(&mut self, report: &Report) {
        self.note(report);
        self.witness.hears(report);
        self.last = self.last.max(report.at);
        if let Probe::Asked { first, .. } = self.probe {
            let running =
                self.witness.jobs[first..].iter().filter(|book| book.place == Where::Running).count();
            self.most_at_once = self.most_at_once.max(running);
        }
    }

    fn closes(&mut self, now: Time) {
        self.witness.closes(now);
    }
}

impl Stage<'_> {
    fn act(&mut self, now: Time, act: Act) -> Option<Step> {
        match act {
            Act::Submit(job) => Some(self.submit(now, job)),
            Act::Withdraw(job) => {
                if self.witness.jobs[job].place == Where::Ended {
                    return None;
                }
                self.witness.withdraws(job);
                self.story.input(now, Input::Cancel(job as u32));
                Some(Step::Cancel(job as AttemptId))
            }
            Act::Blow(index) => match self.work.blows[index as usize].kind {
                BlowKind::Kill { slot } => {
                    self.witness.strikes(now, slot);
                    self.story.blow(now, slot);
                    Some(Step::Disturb { pool: 0, what: Disturbance::KillWorker { slot } })
                }
                BlowKind::Pause { duration } => {
                    self.witness.pauses(now);
                    self.plan_at(now + duration, Act::BlowEnd(index));
                    self.story.input(now, Input::Pause(true));
                    Some(Step::Disturb { pool: 0, what: Disturbance::Pause { paused: true } })
                }
                BlowKind::Down { .. } => None,
            },
            // Of pauses that overlap the last to end counts.
            Act::BlowEnd(_) => self.witness.goes_on(now).then(|| {
                self.story.input(now, Input::Pause(false));
                Step::Disturb { pool: 0, what: Disturbance::Pause { paused: false } }
            }),
        }
    }

    fn submit(&mut self, now: Time, job: usize) -> Step {
        let Some(&request) = self.work.requests.get(job) else {
            // A request of the probe.
            return self.hand_in(now, job, Time::NEVER, Time::NEVER);
        };
        let deadline = self.work.deadline.map_or(Time::NEVER, |after| now + after);
        let limit = self.ground.waiting_limit(&self.streams, job as u64);
        self.story.arrival(now, job as u32, &request, self.ground);
        if deadline != Time::NEVER {
            self.plan_at(deadline, Act::Withdraw(job));
        }
        self.hand_in(now, job, deadline, now + limit)
    }

    fn plan_at(&mut self, when: Time, act: Act) {
        let at = self.planned + self.plan[self.planned..].partition_point(|&(at, _)| at <= when);
        self.plan.insert(at, (when, act));
    }

    fn hand_in(&mut self, now: Time, job: usize, deadline: Time, leave_by: Time) -> Step {
        self.witness.submits(now, job, deadline, leave_by);
        let book = &self.witness.jobs[job];
        Step::Submit(Job {
            id: job as AttemptId,
            request: job as u64,
            attempt: 1,
            class: book.class,
            pool: 0,
            demand: book.demand,
            size: book.demand,
            executions: 0,
            scripted: true,
            cpu_share: 0.0,
            fate: book.fate,
            priority: book.priority,
            deadline,
            leave_by,
        })
    }

    /// Everything has been done: is there anything to wait for?
    fn after_all(&mut self, now: Time, look: Time) -> Step {
        let asked = match self.probe {
            Probe::Asked { graces, .. } => self.witness.grace.scaled(graces as f64),
            Probe::No => Span::ZERO,
        };
        let quiet = now > self.witness.stirred.max(self.last_planned()) + self.patience + asked;
        let settled =
            self.witness.seats.iter().all(|seat| matches!(seat.state, State::Idle | State::Unknown));
        if self.witness.all_ended() && settled {
            return self.ask_slots(now);
        }
        if quiet || self.witness.only_endless_run() && settled_or_busy(&self.witness) {
            self.witness.quiet(now);
            return Step::Close;
        }
        Step::Wait(look)
    }

    fn last_planned(&self) -> Time {
        self.plan.last().map_or(Time::ZERO, |&(at, _)| at)
    }

    /// All is done and no worker is known to be missing; of those nobody told of, each is asked for a sign of life.
    fn ask_slots(&mut self, now: Time) -> Step {
        let Slots::Limited(slots) = self.witness.settings.slots else { return Step::Close };
        let graces = match self.probe {
            Probe::No if !self.may_probe(PROBES[1]) => return Step::Close,
            Probe::No => PROBES[0],
            Probe::Asked { graces, first } => {
                let came = self.witness.jobs[first..].iter();
                let good = came.clone().all(|book| book.outcome == Some(crate::outcome::Outcome::Ok));
                if !good || self.most_at_once >= slots as usize {
                    return Step::Close;
                }
                match PROBES.into_iter().find(|&more| more > graces) {
                    Some(more) => more,
                    None => {
                        let most = self.most_at_once;
                        self.witness.breach(Law::LostSlot, now, || {
                            format!("of {slots} requests at once only {most} are served, by {slots} workers")
                        });
                        return Step::Close;
                    }
                }
            }
        };
        let first = self.witness.jobs.len();
        let demand = self.witness.grace.scaled(graces as f64);
        self.witness.more(slots as usize, demand);
        self.most_at_once = 0;
        self.probe = Probe::Asked { graces, first };
        self.plan.extend((first..first + slots as usize).map(|job| (now, Act::Submit(job))));
        Step::Wait(now)
    }

    /// Whether requests of so many graces would all be served, were every slot of use.
    fn may_probe(&self, graces: u64) -> bool {
        let settings = self.witness.settings;
        let unknown = self.witness.seats.iter().any(|seat| seat.state != State::Idle);
        let limit = settings.service_timeout.map_or(Span::NEVER, |limit| limit.span);
        let can = self.witness.can;
        unknown
            && can.takes_demands
            && can.reports_starts
            && settings.admission.is_empty()
            && settings.reserved.iter().all(|&kept| kept == 0)
            && settings.worker.idle_shutdown.is_never()
            && self.witness.grace.scaled((graces + 4) as f64) < limit
    }

    fn note(&mut self, report: &Report) {
        let at = report.at;
        match &report.what {
            What::Queued { id } => {
                let again = self.witness.jobs.get(*id as usize).is_some_and(|book| book.sequence > 0);
                self.story.queued(at, *id as u32, again);
            }
            What::Started { id, worker, dying } => self.story.started(at, *id as u32, *worker, *dying),
            What::Retried { id, outcome } => self.story.retried(at, *id as u32, *outcome),
            What::Ended { id, outcome, .. } => self.story.ended(at, *id as u32, *outcome),
            What::Worker { worker, event, .. } => match event {
                WorkerEvent::Killed => self.story.killed(at, *worker),
                WorkerEvent::Exited => self.story.worker(at, *worker, "has ended"),
                WorkerEvent::Lost => self.story.worker(at, *worker, "cannot be started"),
                WorkerEvent::Ready => self.story.worker(at, *worker, "is ready"),
                WorkerEvent::Lingers => self.story.worker(at, *worker, "works on for nobody"),
                WorkerEvent::Free => self.story.worker(at, *worker, "is free again"),
                WorkerEvent::Spawned => {}
            },
        }
    }
}

fn settled_or_busy(witness: &Witness<'_>) -> bool {
    let settled = |state| matches!(state, State::Idle | State::Unknown | State::Busy);
    witness.seats.iter().all(|seat| settled(seat.state))
}

/// Longer than anything takes that a scheduler may do next.
fn patience(ground: &Ground, work: &Workload, grace: Span) -> Span {
    let longest = work.requests.iter().map(|request| request.demand).max().unwrap_or(Span::ZERO);
    let spans = Landmarks::of(ground).sum();
    spans + spans + longest + longest_delay(&ground.rules.settings) + ground.rules.late + grace.scaled(3.0)
}

/// The longest delay before a retry.
fn longest_delay(settings: &PoolSettings) -> Span {
    let Some(retry) = settings.retry else { return Span::ZERO };
    let (growth, last) = (retry.growth, f64::from(retry.max.min(64)));
    let full = retry.delay.secs() * libm::pow(growth.factor, last)
        + growth.step.secs() * libm::pow(last, growth.exponent);
    Span::from_secs(full.min(1e6)).min(growth.cap) + growth.spread.scaled(last) + retry.turn
}
