//! Workers that are processes: JSON lines on standard input and output, real signals, real exits.
//!
//! The protocol is that of a worker script as orchestrators run them: the worker says `{"type":"ready"}`, may say
//! `{"type":"heartbeat"}`, is told `{"type":"request","id","action","payload"}` and answers
//! `{"type":"response","id","status":"ok"|"error","result"|"error","code"}`. Lines that are no such thing, answers to
//! other requests and second answers are passed over and counted.
//!
//! Each process leads a process group of its own, so that a kill reaches what it started. Four threads see to it: a
//! writer (a full pipe holds up nobody else), a reader, one that empties standard error, and one that waits for its
//! exit. They end with the process.

mod pipes;
mod protocol;

use super::desk::{Desk, Hires, Order, Work, Worker};
use super::groups;
use super::told::Names;
use super::wait;
use crate::model::Model;
use crate::model::target::WorkerRequest;
use pipes::{Inlet, Line, Tail};
pub(super) use protocol::Strays;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Stack of a thread that only moves lines.
const STACK: usize = 256 << 10;
/// How long a worker that was asked to end (SIGTERM) may take before it is killed.
const TERM: Duration = Duration::from_secs(1);

/// How long the pipes of workers that have ended are waited for.
const PIPES: Duration = Duration::from_secs(2);

/// Starts worker processes.
pub(super) struct Processes {
    brief: Arc<Brief>,
    /// Groups that are alive.
    groups: Arc<Groups>,
    strays: Arc<Strays>,
}

/// How workers are started, and what they are told of jobs.
pub(super) struct Brief {
    /// Program and arguments of a worker.
    pub(super) command: Vec<String>,
    /// Variables added to its environment.
    pub(super) env: Vec<(String, String)>,
    /// The request of each class.
    pub(super) requests: Vec<WorkerRequest>,
    /// Names that requests can hold.
    pub(super) names: Names,
    /// Model seconds per real second.
    pub(super) speed: f64,
}

impl Brief {
    /// Workers of a model, started by this command.
    pub(super) fn new(model: &Model, command: Vec<String>, speed: f64) -> Brief {
        let settings = model.targets.process.as_ref();
        let usual = || vec![WorkerRequest::default(); model.classes.len()];
        Brief {
            command,
            env: settings.map_or_else(Vec::new, |settings| settings.env.clone()),
            requests: settings.map_or_else(usual, |settings| settings.requests.clone()),
            names: Names::of(model),
            speed,
        }
    }
}

/// Process groups that are alive, and threads that see to them.
#[derive(Default)]
struct Groups {
    pids: Mutex<Vec<Pid>>,
    /// Threads that still work.
    threads: AtomicUsize,
    /// Threads that may still be on their way out.
    handles: Mutex<Vec<JoinHandle<()>>>,
}

impl Groups {
    fn add(&self, pid: Pid) {
        self.pids().push(pid);
    }

    fn pids(&self) -> MutexGuard<'_, Vec<Pid>> {
        self.pids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what is left of a group whose leader has ended, before the leader is reaped.
    fn remove(&self, pid: Pid) {
        let mut pids = self.pids();
        let _ = kill_process_group(pid, Signal::KILL);
        pids.retain(|&other| other != pid);
        groups::forget(pid);
    }

    /// Signals a group, if it is still there: its number may belong to somebody else once it is reaped.
    fn signal(&self, pid: Pid, signal: Signal) {
        let pids = self.pids();
        if pids.contains(&pid) {
            // A group that has just ended needs no signal.
            let _ = kill_process_group(pid, signal);
        }
    }

    fn signal_all(&self, signal: Signal) {
        for &pid in self.pids().iter() {
            let _ = kill_process_group(pid, signal);
        }
    }

    fn keep(&self, handle: JoinHandle<()>) {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended are forgotten, so that the list stays as long as the pool is large.
        handles.retain(|thread| !thread.is_finished());
        handles.push(handle);
    }

    /// Waits for threads that have no work any more.
    fn join(&self) {
        let handles = std::mem::take(&mut *self.handles.lock().unwrap_or_else(PoisonError::into_inner));
        for handle in handles {
            // One that panicked has ended too.
            let _ = handle.join();
        }
    }

    fn is_empty(&self) -> bool {
        self.pids().is_empty() && self.threads.load(Ordering::Acquire) == 0
    }
}

impl Processes {
    /// Workers as they are told; `strays` counts the lines that say nothing.
    pub(super) fn new(brief: Brief, strays: Arc<Strays>) -> Processes {
        Processes { brief: Arc::new(brief), groups: Arc::default(), strays }
    }

    /// Runs work on a thread that counts as one of the workers'.
    fn thread(&self, name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let groups = self.groups.clone();
        groups.threads.fetch_add(1, Ordering::AcqRel);
        let counted = groups.clone();
        let spawned = std::thread::Builder::new().name(name).stack_size(STACK).spawn(move || {
            work();
            counted.threads.fetch_sub(1, Ordering::AcqRel);
        });
        match spawned {
            Ok(handle) => groups.keep(handle),
            Err(error) => {
                groups.threads.fetch_sub(1, Ordering::AcqRel);
                return Err(error);
            }
        }
        Ok(())
    }

    fn start(&self) -> Result<Child, String> {
        let (program, arguments) = self.brief.command.split_first().ok_or("the worker's command is empty")?;
        let mut command = Command::new(program);
        command.args(arguments);
        command.envs(self.brief.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        groups::start(&mut command).map_err(|error| format!("could not start `{program}`: {error}"))
    }
}

impl Hires for Processes {
    fn hire(&self, desk: &Desk, slot: u32, generation: u64) -> Result<Box<dyn Worker>, String> {
        let mut child = self.start()?;
        let pid = Pid::from_child(&child);
        self.groups.add(pid);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (lines, to_write) = channel();
        let me = Who { desk: desk.clone(), slot, generation };
        let seen = self.see_to(me, child, pid, (stdin, to_write), stdout, stderr);
        if let Err(error) = seen {
            self.groups.signal(pid, Signal::KILL);
            return Err(format!("no thread for a worker: {error}"));
        }
        let (groups, brief) = (self.groups.clone(), self.brief.clone());
        Ok(Box::new(Remote { lines: Some(lines), pid, groups, brief }))
    }

    fn plays(&self) -> bool {
        false
    }

    fn leave(&self, patience: Duration) -> Result<(), String> {
        let start = Instant::now();
        let (mut killed, mut ended) = (false, None);
        while !self.groups.is_empty() {
            let passed = start.elapsed();
            if self.groups.pids().is_empty() && passed >= PIPES + *ended.get_or_insert(passed) {
                return Err(String::from(
                    "something that workers started has left their process groups and still holds their pipes",
                ));
            }
            if passed >= TERM && !std::mem::replace(&mut killed, true) {
                self.groups.signal_all(Signal::KILL);
            }
            if passed >= TERM + patience {
                return Err(String::from("worker processes did not end although they were killed"));
            }
            wait::sleep_until(Instant::now() + Duration::from_millis(1));
        }
        self.groups.join();
        Ok(())
    }
}

/// Whose words a thread passes on.
#[derive(Clone)]
struct Who {
    desk: Desk,
    slot: u32,
    generation: u64,
}

impl Processes {
    /// Starts the threads that see to a process.
    fn see_to(
        &self,
        who: Who,
        mut child: Child,
        pid: Pid,
        input: (Option<ChildStdin>, Receiver<Line>),
        stdout: Option<std::process::ChildStdout>,
        stderr: Option<std::process::ChildStderr>,
    ) -> io::Result<()> {
        let slot = who.slot;
        let (stdout, stderr) = (stdout.map(inlet), stderr.map(inlet));
        let tail = Arc::new(Tail::default());
        // The waiter comes first: whatever else fails, the process is reaped.
        let (own, groups, words) = (who.clone(), self.groups.clone(), tail.clone());
        let (answers, complaints) = (stdout.clone(), stderr.clone());
        self.thread(format!("wait-{slot}"), move || {
            // Its number stays its own until it is reaped, so nobody else can be hit by a signal.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            // What it started goes with it, and so does every other end of its pipes.
            groups.remove(pid);
            let status = child.wait();
            let settle =
                |pipe: Option<Arc<Inlet>>, patience| pipe.iter().for_each(|pipe| pipe.settle(patience));
            settle(answers, READ);
            if status.as_ref().is_ok_and(|status| status.code().is_some_and(|code| code != 0)) {
                settle(complaints, COMPLAINT);
            }
            own.desk.exited(own.slot, own.generation, &pipes::last_words(status, &words));
        })?;
        if let (Some(stdin), lines) = input {
            let (own, groups) = (who.clone(), self.groups.clone());
            self.thread(format!("write-{slot}"), move || {
                pipes::write(stdin, &lines, |serial| {
                    own.desk.write_failed(own.slot, own.generation, serial);
                    // A worker that can no longer be told anything is of no use; one that has ended is not hurt.
                    groups.signal(pid, Signal::KILL);
                });
            })?;
        }
        if let Some(stderr) = stderr {
            self.thread(format!("err-{slot}"), move || {
                pipes::drain(&stderr, &tail);
            })?;
        }
        if let Some(stdout) = stdout {
            let (strays, groups) = (self.strays.clone(), self.groups.clone());
            self.thread(format!("read-{slot}"), move || {
                let me = who.clone();
                pipes::read(&stdout, |line| protocol::hear(line, &me.desk, me.slot, me.generation, &strays));
                // A worker that can no longer answer is of no use; one that has ended is not hurt.
                groups.signal(pid, Signal::KILL);
            })?;
        }
        Ok(())
    }
}

/// The longest that a reader may take for the rest of what a process answered before its end.
const READ: Duration = Duration::from_millis(100);
/// The same of its last complaint, where it ended by itself and in error.
const COMPLAINT: Duration = Duration::from_millis(400);

fn inlet(pipe: impl Into<OwnedFd>) -> Arc<Inlet> {
    Arc::new(Inlet::new(pipe))
}

/// The pool's end of a process.
struct Remote {
    lines: Option<Sender<Line>>,
    pid: Pid,
    groups: Arc<Groups>,
    brief: Arc<Brief>,
}

impl Worker for Remote {
    fn start(&mut self, order: Order) {
        debug_assert!(matches!(order.work, Work::Told), "processes are told what to do");
        let text = protocol::request(&order, &self.brief);
        if let Some(lines) = &self.lines {
            // The writer ends with the pipe; the exit will be noticed.
            let _ = lines.send(Line { serial: order.serial, text });
        }
    }

    fn stop(&mut self) {
        // A process cannot be asked to give a request up: models that need it are refused.
    }

    fn kill(&mut self) {
        self.groups.signal(self.pid, Signal::KILL);
    }

    fn retire(&mut self) {
        self.lines = None;
        self.groups.signal(self.pid, Signal::TERM);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.groups.signal(self.pid, Signal::KILL);
    }
}
