//! The witness: keeps books of what a real scheduler reports, and knows which laws that breaks.
//!
//! The [referee](crate::experiment::hunt::referee) sees every step of a pool and allows it no time; the witness sees what
//! is reported, some time after it happened. So it says nothing of what it cannot see (a worker whose state nobody told
//! it), and nothing of what real clocks and a busy machine may have done: whatever is late may be so by the grace.

mod checks;
mod order;

use crate::experiment::hunt::ground::{Ground, Workload};
use crate::experiment::hunt::laws::{Breach, Law, Laws};
use crate::live::target::{Capabilities, Report, What, WorkerEvent};
use crate::outcome::Outcome;
use crate::policy::{PoolSettings, RetryPlace, Slots};
use crate::time::{Span, Time};
use crate::workload::trace::Fate;

/// So many breaches are kept of one case.
const KEPT: usize = 8;

/// Where a job is, as far as was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Outside,
    /// Submitted, and nothing heard of it.
    Submitted,
    Waiting,
    Running,
    /// Between two tries.
    Between,
    Ended,
}

/// What is known of a job.
#[derive(Clone, Copy, Debug)]
pub(super) struct Book {
    pub(super) class: u16,
    pub(super) priority: u8,
    pub(super) demand: Span,
    pub(super) fate: Fate,
    pub(super) deadline: Time,
    pub(super) leave_by: Time,
    pub(super) place: Where,
    pub(super) submitted: Time,
    /// Counts entries into the queue; 0 before the first.
    pub(super) sequence: u64,
    pub(super) at_head: bool,
    pub(super) since: Time,
    waited: Span,
    starts: u32,
    retries: u32,
    worker: u32,
    pub(super) withdrawn: bool,
    /// A blow fell on its worker.
    hit: bool,
    /// It was said that it waits too long, or that its time-out is late.
    told: bool,
    pub(super) outcome: Option<Outcome>,
}

/// What is known of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody said.
    Unknown,
    Starting,
    Idle,
    Busy,
    Dying,
    Gone,
    Lost,
}

/// A worker, and since when it is so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) state: State,
    pub(super) since: Time,
    job: Option<usize>,
    /// When a blow fell on it.
    hit: Option<Time>,
    /// Its job has silenced it, and the scheduler may not know.
    frozen: bool,
}

/// The books of one case.
pub(super) struct Witness<'g> {
    pub(super) settings: &'g PoolSettings,
    ground: &'g Ground,
    pub(super) can: Capabilities,
    /// The target's reports come in the order of its decisions.
    pub(super) exact: bool,
    pub(super) grace: Span,
    pub(super) jobs: Vec<Book>,
    pub(super) seats: Vec<Seat>,
    sequence: u64,
    bound: Span,
    closed: Option<Time>,
    /// The instant of the last report: what one step of a scheduler does is told in any order.
    instant: Time,
    /// Workers that were given a job before the end of the one before was told: when, who, the old and the new job.
    owed: Vec<(Time, u32, usize, usize)>,
    /// Pauses that last.
    pub(super) pauses: u32,
    /// Since when it is paused; `NEVER` if it is not.
    paused: Time,
    /// When it went on.
    resumed: Time,
    /// How many waited after the last step.
    line_before: usize,
    pub(super) found: Vec<Breach>,
    laws: Laws,
    pub(super) heard: u64,
    /// When a job was last heard of, or dealt with.
    pub(super) stirred: Time,
}

impl<'g> Witness<'g> {
    /// Books for a case.
    pub(super) fn new(ground: &'g Ground, work: &Workload, grace: Span, laws: Laws) -> Witness<'g> {
        let settings = &ground.rules.settings;
        let job = |request: &crate::experiment::hunt::ground::Request| Book {
            class: request.class,
            priority: ground.classes.get(usize::from(request.class)).map_or(0, |class| class.1),
            demand: request.demand,
            fate: request.fate,
            ..Book::NEW
        };
        let seats = match settings.slots {
            Slots::Limited(slots) => slots as usize,
            Slots::Unlimited => 0,
        };
        let first = if ground.pool.life.warm_start { State::Idle } else { State::Unknown };
        let seat = Seat { state: first, ..Seat::NEW };
        Witness {
            settings,
            ground,
            can: Capabilities {
                takes_demands: false,
                takes_fates: false,
                reports_starts: false,
                cancels: false,
                kills: false,
                disturbs: false,
                redraws: false,
            },
            pauses: 0,
            paused: Time::NEVER,
            resumed: Time::ZERO,
            exact: false,
            grace,
            jobs: work.requests.iter().map(job).collect(),
            seats: vec![seat; seats],
            sequence: 0,
            bound: crate::experiment::hunt::referee::own_time_outs(settings),
            closed: None,
            instant: Time::ZERO,
            owed: Vec::new(),
            line_before: 0,
            found: Vec::new(),
            laws,
            heard: 0,
            stirred: Time::ZERO,
        }
    }

    #[cold]
    pub(super) fn breach(&mut self, law: Law, at: Time, what: impl FnOnce() -> String) {
        if self.laws.has(law) && self.found.len() < KEPT {
            self.found.push(Breach { law, at, what: what() });
        }
    }

    /// So many more jobs, which ask for a sign of life.
    pub(super) fn more(&mut self, count: usize, demand: Span) {
        self.jobs.extend(std::iter::repeat_n(Book { demand, ..Book::NEW }, count));
    }

    // ---- what is done to the scheduler ----------------------------------------------------------------------

    /// A job is being submitted.
    pub(super) fn submits(&mut self, now: Time, job: usize, deadline: Time, leave_by: Time) {
        let book = &mut self.jobs[job];
        (book.place, book.submitted, book.since) = (Where::Submitted, now, now);
        (book.deadline, book.leave_by) = (deadline, leave_by);
        self.stirred = now;
    }

    /// A job is being withdrawn.
    pub(super) fn withdraws(&mut self, job: usize) {
        self.jobs[job].withdrawn = true;
    }

    /// A worker is being struck.
    pub(super) fn strikes(&mut self, now: Time, worker: u32) {
        if let Some(seat) = self.seats.get_mut(worker as usize) {
            seat.hit = Some(now);
            if let Some(job) = seat.job {
                self.jobs[job].hit = true;
            }
        }
    }

    /// It is told to hand out nothing.
    pub(super) fn pauses(&mut self, now: Time) {
        self.pauses += 1;
        self.paused = self.paused.min(now);
    }

    /// A pause is over; says whether it was the last.
    pub(super) fn goes_on(&mut self, now: Time) -> bool {
        self.pauses -= 1;
        if self.pauses == 0 {
            (self.paused, self.resumed, self.stirred) = (Time::NEVER, now, now);
        }
        self.pauses == 0
    }

    /// The target is being closed: it ends what it has.
    pub(super) fn closes(&mut self, now: Time) {
        self.closed = Some(now);
    }

    // ---- what it reports ------------------------------------------------------------------------------------

    /// Takes a report.
    pub(super) fn hears(&mut self, report: &Report) {
        self.heard += 1;
        let at = report.at;
        if at > self.instant {
            self.settles(at);
            self.instant = at;
        }
        match report.what {
            What::Queued { id } => self.of_job(id, at, Witness::queued),
            What::Started { id, worker, dying } => {
                self.of_job(id, at, |witness, at, job| witness.started(at, job, worker, dying));
            }
            What::Retried { id, outcome } => {
                self.of_job(id, at, |witness, at, job| witness.retried(at, job, outcome));
            }
            What::Ended { id, outcome, .. } => {
                self.of_job(id, at, |witness, at, job| witness.ended(at, job, outcome));
            }
            What::Worker { worker, event, .. } => self.worker(at, worker, event),
        }
    }

    fn of_job(&mut self, id: u64, at: Time, take: impl FnOnce(&mut Self, Time, usize)) {
        self.stirred = self.stirred.max(at);
        let job = usize::try_from(id).unwrap_or(usize::MAX);
        let place = self.jobs.get(job).map_or(Where::Outside, |book| book.place);
        match place {
            Where::Outside => self.breach(Law::RequestLost, at, || format!("there is no request {}", id + 1)),
            Where::Ended => {
                self.breach(Law::EndedTwice, at, || format!("request {} is heard of after its end", id + 1));
            }
            _ => take(self, at, job),
        }
    }

    fn queued(&mut self, at: Time, job: usize) {
        self.sequence += 1;
        let book = &mut self.jobs[job];
        let (from, again) = (book.place, book.sequence > 0 || book.starts > 0);
        book.at_head = again && self.settings.retry.is_none_or(|retry| retry.place == RetryPlace::Head);
        (book.place, book.sequence, book.since) = (Where::Waiting, self.sequence, at);
        if from == Where::Running {
            // A breakdown may put a job back; whoever has it reports that try first.
            let worker = book.worker;
            self.breach(Law::DoubleStart, at, || {
                format!("request {} waits while worker {worker} has it", job + 1)
            });
            self.release(at, job, true);
        }
    }

    fn started(&mut self, at: Time, job: usize, worker: u32, dying: bool) {
        self.check_order(at, job);
        self.check_worker(at, job, worker, dying);
        let hit = self.seats.get(worker as usize).is_some_and(|seat| seat.hit.is_some());
        let book = &mut self.jobs[job];
        if book.place == Where::Waiting {
            book.waited += at.since(book.since);
        }
        (book.place, book.since, book.worker) = (Where::Running, at, worker);
        book.starts += 1;
        book.hit |= hit;
        let (starts, fate) = (book.starts, book.fate);
        if let Some(seat) = self.seats.get_mut(worker as usize) {
            seat.job = Some(job);
            seat.frozen |= fate == Fate::Freeze;
            if !dying {
                (seat.state, seat.since) = (State::Busy, at);
            }
        }
        let most = self.settings.retry.map_or(0, |retry| retry.max).saturating_add(1);
        if starts > most {
            self.breach(Law::Attempts, at, || {
                format!("request {} starts for the {starts}. time, of {most}", job + 1)
            });
        }
    }

    fn retried(&mut self, at: Time, job: usize, outcome: Outcome) {
        self.check_instant(at, job, outcome);
        self.release(at, job, self.frees(outcome));
        let rule = self.settings.retry;
        let book = &mut self.jobs[job];
        book.retries += 1;
        (book.place, book.since) = (Where::Between, at);
        let retries = book.retries;
        if !rule.is_some_and(|rule| retries <= rule.max && rule.on.contains(outcome)) {
            let name = outcome.name();
            self.breach(Law::Attempts, at, || {
                format!("request {} is tried again (retry {retries}) after {name}", job + 1)
            });
        }
    }

    fn ended(&mut self, at: Time, job: usize, outcome: Outcome) {
        if self.closed.is_none() {
            self.check_instant(at, job, outcome);
            self.check_end(at, job, outcome);
        }
        self.release(at, job, self.frees(outcome));
        let book = &mut self.jobs[job];
        (book.place, book.since, book.outcome) = (Where::Ended, at, Some(outcome));
    }

    /// Whether a worker whose job ended so can take the next one at once, as far as one can tell.
    fn frees(&self, outcome: Outcome) -> bool {
        let plain = matches!(outcome, Outcome::Ok | Outcome::Error);
        plain && self.settings.worker.recycle_after == 0 && self.settings.worker.idle_shutdown.is_never()
    }

    /// The worker that has a job has it no more.
    fn release(&mut self, at: Time, job: usize, free: bool) {
        let worker = self.jobs[job].worker as usize;
        let Some(seat) = self.seats.get_mut(worker).filter(|seat| seat.job == Some(job)) else { return };
        seat.job = None;
        if seat.state == State::Busy {
            (seat.state, seat.since) =
                (if free && seat.hit.is_none() { State::Idle } else { State::Unknown }, at);
        }
    }

    fn worker(&mut self, at: Time, worker: u32, event: WorkerEvent) {
        let index = worker as usize;
        if index >= self.seats.len() && self.settings.slots == Slots::Unlimited && index < 1 << 16 {
            let seat = Seat { since: at, ..Seat::NEW };
            self.seats.resize(index + 1, seat);
        }
        let Some(seat) = self.seats.get_mut(index) else { return };
        let state = match event {
            WorkerEvent::Spawned => State::Starting,
            WorkerEvent::Ready | WorkerEvent::Free if seat.job.is_some() => State::Busy,
            WorkerEvent::Ready | WorkerEvent::Free => State::Idle,
            WorkerEvent::Lingers => State::Unknown,
            WorkerEvent::Killed => State::Dying,
            WorkerEvent::Exited => State::Gone,
            WorkerEvent::Lost => State::Lost,
        };
        if matches!(event, WorkerEvent::Spawned) {
            // What is told now may have happened before the blow.
            seat.hit = seat.hit.filter(|&hit| at <= hit);
            seat.frozen = false;
        }
        (seat.state, seat.since) = (state, at);
    }

    // ---- what may still be expected -------------------------------------------------------------------------

    /// Whether every job that was submitted has ended.
    pub(super) fn all_ended(&self) -> bool {
        self.jobs.iter().all(|book| matches!(book.place, Where::Outside | Where::Ended))
    }

    /// Whether a job may keep its worker for ever, by its fate and the rules.
    pub(super) fn is_endless(&self, book: &Book) -> bool {
        matches!(book.fate, Fate::Hang | Fate::Freeze)
            || !self.can.takes_fates && !self.can.takes_demands && self.settings.service_timeout.is_none()
    }

    /// Jobs that run and may do so for ever, with nobody to end them.
    pub(super) fn only_endless_run(&self) -> bool {
        self.jobs.iter().all(|book| match book.place {
            Where::Outside | Where::Ended => true,
            Where::Running => self.is_endless(book) && self.ends_by(book) == Time::NEVER,
            _ => false,
        })
    }

    /// When somebody ends a running job at the latest; `NEVER` if nobody does.
    fn ends_by(&self, book: &Book) -> Time {
        let mut by = self.due(book);
        if book.fate == Fate::Freeze && !self.settings.worker.heartbeat_timeout.is_never() {
            let beats = self.settings.worker.heartbeat_timeout + self.ground.pool.life.heartbeat_interval;
            by = by.min(book.since + book.demand + beats);
        }
        if book.deadline != Time::NEVER && !book.withdrawn {
            by = by.min(book.deadline);
        }
        by
    }

    /// When a running job's time is up.
    pub(super) fn due(&self, book: &Book) -> Time {
        use crate::policy::TimeoutOrigin;
        match self.settings.service_timeout {
            Some(limit) if !limit.span.is_never() => match limit.origin {
                TimeoutOrigin::Dispatch => book.since + limit.span,
                TimeoutOrigin::Arrival => (book.submitted + limit.span).max(book.since),
                // What earlier tries have used up is not known exactly.
                TimeoutOrigin::TotalService if book.starts == 1 => book.since + limit.span,
                TimeoutOrigin::TotalService => Time::NEVER,
            },
            _ => Time::NEVER,
        }
    }
}

impl Seat {
    const NEW: Seat = Seat { state: State::Unknown, since: Time::ZERO, job: None, hit: None, frozen: false };
}

impl Book {
    const NEW: Book = Book {
        class: 0,
        priority: 0,
        demand: Span::ZERO,
        fate: Fate::Ok,
        deadline: Time::NEVER,
        leave_by: Time::NEVER,
        place: Where::Outside,
        submitted: Time::ZERO,
        sequence: 0,
        at_head: false,
        since: Time::ZERO,
        waited: Span::ZERO,
        starts: 0,
        retries: 0,
        worker: u32::MAX,
        withdrawn: false,
        hit: false,
        told: false,
        outcome: None,
    };
}
