//! The one thread that deals with an open adapter: gives it jobs, hears it, notices its silence, ends it.

use super::adapter::{Adapter, Heard};
use super::book::{Book, Fault, Remark};
use super::protocol::{self, JobEvent, Message};
use super::sync::Sync;
use super::{LOOK, Names, Note, clipped, next, now};
use crate::live::clock::Clock;
use crate::live::target::{Job, Report, Stop, TargetError, What};
use crate::outcome::Outcome;
use crate::time::Time;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// How often the adapter is asked for the time.
const ASK: Duration = Duration::from_secs(2);
/// How soon it is asked first, and then after twice as long each time: a clock that runs at another rate shows soon.
const FIRST_ASK: Duration = Duration::from_millis(125);
/// How long an adapter that has closed its output may take to leave.
const LEAVING: Duration = Duration::from_millis(300);
/// How long the last question waits for its answer.
const LAST_ANSWER: Duration = Duration::from_secs(1);

/// Everything of an open adapter.
pub(super) struct Keeper {
    adapter: Adapter,
    names: Names,
    sync: Sync,
    clock: Clock,
    book: Book,
    silence: Duration,
    /// Number of the next question for the time.
    question: u64,
    ask_at: Instant,
    /// How long after that the next is put.
    ask_every: Duration,
    /// When the adapter is looked after again.
    look_at: Instant,
    ready: bool,
    /// The adapter had left when it was looked after, and some of its words may still be on their way.
    leaving: bool,
    /// Why nothing more can be asked of the adapter.
    gone: Option<String>,
}

impl Keeper {
    pub(super) fn new(
        adapter: Adapter,
        names: Names,
        mut sync: Sync,
        clock: Clock,
        reports: Sender<Report>,
        silence: Duration,
    ) -> Keeper {
        let early = std::mem::take(&mut sync.early);
        let mut keeper = Keeper {
            adapter,
            names,
            sync,
            clock,
            book: Book::new(reports),
            silence,
            question: super::ROUNDS,
            ask_at: now() + FIRST_ASK,
            ask_every: FIRST_ASK,
            look_at: now() + LOOK,
            ready: false,
            leaving: false,
            gone: None,
        };
        early.into_iter().for_each(|(at, message)| keeper.message(at, message));
        keeper
    }

    /// Waits until the scheduler is ready.
    pub(super) fn await_ready(
        &mut self,
        inbox: &Receiver<Note>,
        end: (Instant, &Stop),
    ) -> Result<(), TargetError> {
        while !self.ready {
            let (at, message) = next(&mut self.adapter, inbox, end, "ready")?;
            self.message(at, message);
        }
        Ok(())
    }

    /// Works until the target is closed; what there is to say then.
    pub(super) fn run(mut self, inbox: &Receiver<Note>) -> Result<Vec<Remark>, TargetError> {
        // Whoever drops the target closes it first, so the inbox does not end before.
        let grace = loop {
            match self.step(inbox, None) {
                Some(Note::Close(grace)) => break grace,
                Some(Note::Submit(job)) => self.submit(&job),
                Some(Note::Cancel(id)) if self.gone.is_none() => self.adapter.say(protocol::cancel(id)),
                Some(Note::Cancel(_) | Note::Heard(_)) | None => {}
            }
        };
        let end = now() + grace;
        while !self.book.is_empty() && now() < end {
            self.step(inbox, Some(end));
        }
        self.book.end_all(Outcome::Cancelled, "the replay ended", self.clock.now());
        if self.gone.is_none() {
            self.last_question(inbox);
            self.adapter.say(protocol::close());
        }
        let stopped = self.adapter.stop();
        let mut remarks = vec![Remark::from(self.sync.remark())];
        remarks.extend(self.gone.map(Remark::from));
        remarks.extend(self.book.remarks());
        stopped.map(|()| remarks)
    }

    /// Waits for a note, at most until the next question is due. What was heard is dealt with here.
    fn step(&mut self, inbox: &Receiver<Note>, until: Option<Instant>) -> Option<Note> {
        self.look();
        let due = until.map_or(self.ask_at, |until| until.min(self.ask_at)).min(self.look_at);
        match inbox.recv_timeout(due.saturating_duration_since(now())) {
            Ok(Note::Heard(Heard::Line { at, line })) => self.line(at, &line),
            Ok(Note::Heard(Heard::End)) => self.lose(None),
            Ok(note) => return Some(note),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Some(Note::Close(Duration::ZERO)),
        }
        if now() >= self.ask_at && self.gone.is_none() {
            self.ask();
        } else if now() >= self.ask_at {
            self.ask_at = now() + ASK;
        }
        None
    }

    /// Looks whether the adapter is still there, however much is said meanwhile: what it started may hold its output open
    /// when it is gone.
    fn look(&mut self) {
        if now() < self.look_at {
            return;
        }
        self.look_at = now() + LOOK;
        if self.gone.is_none() && self.adapter.has_left() && std::mem::replace(&mut self.leaving, true) {
            self.lose(None);
        }
    }

    fn ask(&mut self) {
        let at = now();
        self.ask_every = (self.ask_every * 2).min(ASK);
        self.ask_at = at + self.ask_every;
        if self.sync.waiting_since().is_some_and(|since| at.duration_since(since) > self.silence) {
            return self.lose(Some(format!("it has not answered for {:?}", self.silence)));
        }
        let line = self.sync.ask(self.question, at);
        self.question += 1;
        self.adapter.say(line);
    }

    /// One more round, so that the drift over the run is known.
    fn last_question(&mut self, inbox: &Receiver<Note>) {
        self.ask();
        let end = now() + LAST_ANSWER;
        while self.gone.is_none() && self.sync.waiting_since().is_some() && now() < end {
            self.step(inbox, Some(end));
        }
    }

    fn submit(&mut self, job: &Job) {
        let at = self.clock.now();
        match &self.gone {
            None => {
                self.book.enter(job.id, at);
                self.adapter.say(protocol::job(job, &self.names, &self.clock));
            }
            Some(why) => {
                let (outcome, detail) = (Outcome::WriteError, why.clone());
                self.book.report(at, What::Ended { id: job.id, outcome, detail });
            }
        }
    }

    fn line(&mut self, at: Instant, line: &str) {
        match protocol::read(line) {
            Ok(message) => self.message(at, message),
            Err(why) => self.book.fault(Fault::Line, format!("{}: {why}", clipped(line))),
        }
    }

    fn message(&mut self, heard: Instant, message: Message) {
        let at = self.clock.at(heard);
        match message {
            Message::Hello(_) => self.book.fault(Fault::Line, String::from("a second hello")),
            Message::Ready => self.ready = true,
            Message::Sync { n, t_ms } => {
                if !self.sync.answer(n, t_ms, heard) {
                    self.book.fault(Fault::Line, format!("an answer to question {n}, which is not open"));
                }
            }
            Message::Job { id, event, t_ms } => self.job(id, event, t_ms, at),
            Message::Worker { pool, worker, event, t_ms } => {
                let index = match &pool {
                    None => Some(0),
                    Some(name) => self.names.pools.iter().position(|one| one == name),
                };
                match index.and_then(|index| u16::try_from(index).ok()) {
                    Some(number) if worker >= self.names.slots[usize::from(number)] => {
                        self.no_such_worker(worker, self.names.slots[usize::from(number)]);
                    }
                    Some(pool) => {
                        let at = self.sync.at(t_ms).unwrap_or(at).min(at);
                        self.book.report(at, What::Worker { pool, worker, event });
                    }
                    None => {
                        let name = pool.unwrap_or_default();
                        self.book
                            .fault(Fault::Line, format!("a worker of a pool `{name}`, which there is not"));
                    }
                }
            }
        }
    }

    fn no_such_worker(&mut self, worker: u32, slots: u32) {
        self.book.fault(Fault::Line, format!("worker {worker} of a pool that has {slots}, counted from 0"));
    }

    fn job(&mut self, id: u64, event: JobEvent, t_ms: f64, heard: Time) {
        // Which of several pools a job went to is not asked.
        let most = self.names.slots.iter().copied().max().unwrap_or(0);
        if let JobEvent::Started { worker, .. } = &event
            && *worker >= most
        {
            return self.no_such_worker(*worker, most);
        }
        self.book.event(id, event, self.sync.at(t_ms), heard, self.sync.round_trip());
    }

    /// The adapter is of no more use: its process group is ended, and so are its jobs.
    fn lose(&mut self, why: Option<String>) {
        if self.gone.is_some() {
            return;
        }
        let at = self.clock.now();
        // One that has closed its output may still be on its way out, and its exit code says more than our signal; but
        // jobs wait meanwhile.
        let left = why.is_none() && self.adapter.gone_within(LEAVING);
        let stopped = self.adapter.kill();
        let ended = if left { self.adapter.ended() } else { String::from("it closed its output") };
        let mut text = format!("the adapter is gone: {}", why.unwrap_or(ended));
        for more in stopped.err().map(|error| error.text).into_iter().chain(self.adapter.last_words()) {
            text.push_str("; ");
            text.push_str(&more);
        }
        self.book.end_all(Outcome::Crash, &text, at);
        self.gone = Some(text);
    }
}
