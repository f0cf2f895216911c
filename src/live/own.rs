//! poolsim's own pools as targets: one desk for each pool of a model, over threads or over processes.

use super::clock::Clock;
use super::desk::{Desk, Hires, Life, Setup, Work};
use super::journal::{Head, Journal, JournalFile, PoolHead, SCHEMA};
use super::processes::{Brief, Processes, Strays};
use super::replay::Note;
use super::target::{self, AttemptId, Capabilities, Disturbance, Job, Report, Stop, Target, TargetError};
use super::threads::Threads;
use crate::model::Model;
use crate::model::requests::Requests;
use crate::model::target::Field;
use crate::random::Streams;
use crate::time::Span;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// The pools of a model, each with the simulator's own policy.
pub struct OwnPools {
    model: Model,
    /// Which replication's choices the pools make.
    replication: u64,
    /// Command of worker processes; threads without one.
    command: Option<Vec<String>>,
    strays: Arc<Strays>,
    remarks: Vec<Note>,
    journal: Option<PathBuf>,
    desks: Vec<Desk>,
    file: Option<JournalFile>,
    clock: Option<Clock>,
    stop: Stop,
}

impl OwnPools {
    /// Pools of threads that play the model's part: they sleep and burn for as long as demands say, fail as fates say,
    /// die and start as slowly as the model's workers.
    pub fn threads(model: &Model, replication: u64) -> OwnPools {
        OwnPools {
            model: model.clone(),
            replication,
            command: None,
            strays: Arc::default(),
            remarks: Vec::new(),
            journal: None,
            desks: Vec::new(),
            file: None,
            clock: None,
            stop: target::never(),
        }
    }

    /// Pools of worker processes, each started by this command. Starts, exits and kills are real; of the model's delays
    /// only the restart delay is kept.
    pub fn processes(model: &Model, replication: u64, command: Vec<String>) -> OwnPools {
        let mut pools = OwnPools::threads(model, replication);
        pools.command = Some(command);
        pools
    }

    /// Keeps a journal in a file.
    pub fn with_journal(mut self, path: PathBuf) -> OwnPools {
        self.journal = Some(path);
        self
    }

    /// Whether workers are told one of these fields of every job. Threads know all.
    fn tells(&self, fields: &[Field]) -> bool {
        let requests = self.model.targets.process.as_ref().map_or(&[][..], |settings| &settings.requests);
        self.command.is_none() || requests.iter().all(|request| request.tells(fields))
    }

    fn begin_journal(&mut self) -> Result<Option<Journal>, TargetError> {
        let Some(path) = &self.journal else { return Ok(None) };
        let pool =
            |pool: &crate::model::Pool| PoolHead { name: pool.name.clone(), settings: pool.settings.clone() };
        let head = Head {
            schema: SCHEMA.to_owned(),
            poolsim: env!("CARGO_PKG_VERSION").to_owned(),
            seed: self.model.run.seed,
            replication: self.replication,
            pools: self.model.pools.iter().map(pool).collect(),
            classes: self.model.classes.iter().map(|class| class.name.clone()).collect(),
        };
        let (journal, file) = JournalFile::create(path, &head).map_err(|error| unwritten(path, &error))?;
        self.file = Some(file);
        Ok(Some(journal))
    }

    /// Whatever could fail has not: the journal takes its place.
    fn stand_journal(&mut self) -> Result<(), TargetError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.stand().map_err(|error| unwritten(file.path(), &error))
    }

    fn open_desks(&mut self, clock: Clock, reports: &Sender<Report>) -> Result<(), TargetError> {
        let journal = self.begin_journal()?;
        let streams = Streams::new(self.model.run.seed, self.replication);
        let requests = Arc::new(Requests::owned(self.model.clone()));
        for (number, pool) in self.model.pools.iter().enumerate() {
            let (hires, life): (Box<dyn Hires>, Life) = match &self.command {
                None => (Box::new(Threads::new(clock, true)), Life::of(pool)),
                Some(command) => {
                    let brief = Brief::new(&self.model, command.clone(), clock.speed());
                    (Box::new(Processes::new(brief, self.strays.clone())), Life::of_real(pool))
                }
            };
            let desk = Desk::new(Setup {
                number: number as u16,
                settings: pool.settings.clone(),
                streams,
                life,
                hires,
                clock,
                reports: Some(reports.clone()),
                journal: journal.clone(),
                requests: Some(requests.clone()),
            });
            self.desks.push(desk);
        }
        for (desk, pool) in self.desks.iter().zip(&self.model.pools) {
            desk.open(pool.life.warm_start, &self.stop).map_err(|why| match (self.stop)() {
                true => TargetError::interrupted(),
                false => TargetError {
                    text: format!("pool `{}` could not be started: {why}", pool.name),
                    hint: String::from("start the worker by hand and look at what it says"),
                },
            })?;
        }
        Ok(())
    }

    /// Ends the journal.
    fn end_journal(&mut self) {
        let Some(file) = self.file.take() else { return };
        let path = file.path().to_owned();
        if let Err(error) = file.finish() {
            self.remarks.push(Note {
                code: "journal_broke_off",
                text: format!("the journal {} breaks off: {error}", path.display()),
                advice: String::from("the figures are whole; make room and replay again for a whole journal"),
            });
        }
    }

    fn remark_on_workers(&mut self, faults: Vec<String>) {
        for why in faults {
            self.remarks.push(Note {
                code: "worker_not_started",
                text: format!("a worker could not be started, and its slot is lost: {why}"),
                advice: String::from("start it by hand and look at what it says"),
            });
        }
        let rows = [
            (&self.strays.garbage, "garbage", "lines that are no JSON of the protocol"),
            (&self.strays.answers, "stray_answers", "answers to requests that they did not have"),
        ];
        for (count, code, what) in rows {
            let count = count.load(std::sync::atomic::Ordering::Relaxed);
            if count > 0 {
                self.remarks.push(Note {
                    code,
                    text: format!("workers wrote {count} {what}"),
                    advice: String::from("they were passed over; answers to withdrawn work count among them"),
                });
            }
        }
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> TargetError {
    TargetError {
        text: format!("could not write {}: {error}", path.display()),
        hint: String::from("choose another folder with --output"),
    }
}

impl Target for OwnPools {
    fn name(&self) -> &'static str {
        if self.command.is_some() { "process" } else { "pool" }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            takes_demands: self.tells(&[Field::DemandMs, Field::DemandS]),
            takes_fates: self.tells(&[Field::Fate]),
            reports_starts: true,
            // A process has no ear for "give it up": it can only be killed.
            cancels: self.command.is_none(),
            kills: true,
            disturbs: true,
            redraws: true,
        }
    }

    fn remarks(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.remarks)
    }

    fn heed(&mut self, stop: Stop) {
        self.stop = stop;
    }

    fn open(&mut self, clock: Clock, reports: Sender<Report>) -> Result<(), TargetError> {
        self.clock = Some(clock);
        let opened = self.open_desks(clock, &reports).and_then(|()| self.stand_journal());
        if opened.is_err() {
            // What was started goes again; the first error is the one to tell.
            let _ = self.close(Span::ZERO);
        }
        opened
    }

    fn submit(&mut self, job: Job) {
        if let Some(desk) = self.desks.get(usize::from(job.pool)) {
            desk.submit(job, Work::Told);
        }
    }

    fn cancel(&mut self, id: AttemptId) {
        self.desks.iter().for_each(|desk| desk.cancel(id));
    }

    fn alive(&self, pool: u16) -> Vec<u32> {
        self.desks.get(usize::from(pool)).map_or(Vec::new(), Desk::alive)
    }

    fn disturb(&mut self, pool: u16, what: Disturbance) {
        let Some(desk) = self.desks.get(usize::from(pool)) else { return };
        match what {
            Disturbance::KillWorker { slot } => desk.strike(slot),
            Disturbance::Pause { paused } => desk.pause(paused),
        }
    }

    fn close(&mut self, grace: Span) -> Result<(), TargetError> {
        let grace = self.clock.map_or(Duration::ZERO, |clock| clock.real(grace));
        let (mut left, mut faults) = (Vec::new(), Vec::new());
        for (desk, pool) in self.desks.drain(..).zip(&self.model.pools) {
            faults.extend(desk.hire_faults());
            // What happens to workers while they are ended says nothing of them.
            let signs = desk.signs();
            if self.command.is_some() {
                self.remarks.extend(signs.notes(pool));
            }
            if let Err(what) = desk.close(grace) {
                left.push(format!("pool `{}`: {what}", pool.name));
            }
        }
        self.end_journal();
        self.remark_on_workers(faults);
        if left.is_empty() {
            return Ok(());
        }
        Err(TargetError {
            text: left.join("; "),
            hint: String::from("look for what is left, and end it by hand"),
        })
    }
}

impl Drop for OwnPools {
    fn drop(&mut self) {
        // Who drops a target without closing it gets no report of what was left.
        let _ = self.close(Span::ZERO);
    }
}
