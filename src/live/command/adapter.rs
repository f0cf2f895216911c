//! The adapter as a process: started in a group of its own, spoken to, heard, and gone at the end with all it started.

use super::now;
use crate::live::groups;
use crate::live::target::TargetError;
use crate::model::target::CommandSettings;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest line that is read.
const LINE_MAX: u64 = 1 << 20;
/// How much of what it writes to standard error is kept.
const WORDS_KEPT: usize = 4096;
/// How long it may take to leave by itself once it is told to.
const LEAVE: Duration = Duration::from_secs(5);
/// How long it may take to leave after a polite signal.
const TERM: Duration = Duration::from_secs(2);
/// How long threads may take to notice that it is gone.
const NOTICE: Duration = Duration::from_secs(2);

/// What comes out of an adapter.
pub(super) enum Heard {
    /// A line, and when it was there.
    Line {
        /// When.
        at: Instant,
        /// The line.
        line: String,
    },
    /// Its standard output is closed.
    End,
}

/// An adapter that runs.
pub(super) struct Adapter {
    program: String,
    child: Child,
    /// Lines to be written; `None` once nothing more is said.
    lines: Option<Sender<String>>,
    last_words: Arc<Mutex<VecDeque<u8>>>,
    /// Disconnected when each thread has ended.
    threads: Vec<Receiver<()>>,
    status: Option<ExitStatus>,
}

impl Adapter {
    /// Starts it; `heard` is called for each line, from another thread.
    pub(super) fn start(
        settings: &CommandSettings,
        heard: impl FnMut(Heard) + Send + 'static,
    ) -> Result<Adapter, TargetError> {
        let program = settings.run.join(" ");
        let mut command = Command::new(&settings.run[0]);
        command
            .args(&settings.run[1..])
            .envs(settings.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Signals for poolsim's group are not for it.
        let mut child = groups::start(&mut command).map_err(|error| TargetError {
            text: format!("could not start the adapter `{program}`: {error}"),
            hint: String::from("name a program and its arguments: run = [\"python3\", \"adapter.py\"]"),
        })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (lines, written) = channel();
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        let mut adapter = Adapter {
            program,
            child,
            lines: Some(lines),
            last_words: last_words.clone(),
            threads: Vec::new(),
            status: None,
        };
        if let (Some(stdin), Some(stdout), Some(stderr)) = pipes {
            adapter.thread(move || write(stdin, &written))?;
            adapter.thread(move || listen(stdout, heard))?;
            adapter.thread(move || keep_last(stderr, &last_words))?;
        }
        Ok(adapter)
    }

    fn thread(&mut self, work: impl FnOnce() + Send + 'static) -> Result<(), TargetError> {
        let (alive, ended) = channel();
        let work = move || {
            work();
            drop(alive);
        };
        let started = std::thread::Builder::new().name(String::from("poolsim-adapter")).spawn(work);
        started.map_err(|error| TargetError {
            text: format!("could not start a thread: {error}"),
            hint: String::from("is there room for one?"),
        })?;
        self.threads.push(ended);
        Ok(())
    }

    /// Says a line. It never waits: an adapter that does not read is a silent one.
    pub(super) fn say(&mut self, line: String) {
        if let Some(lines) = &self.lines {
            let _ = lines.send(line);
        }
    }

    /// Ends it at once, and says what is wrong with it.
    pub(super) fn failed(&mut self, text: String) -> TargetError {
        let stopped = self.kill();
        let hint = self
            .last_words()
            .unwrap_or_else(|| String::from("docs/adapter-protocol.md says what it should do"));
        let more = stopped.err().map(|error| format!("; {error}")).unwrap_or_default();
        TargetError { text: format!("the adapter `{}` failed: {text}{more}", self.program), hint }
    }

    /// The end of what it wrote to standard error.
    pub(super) fn last_words(&self) -> Option<String> {
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = words.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(3)..].join(" | ");
        (!last.is_empty()).then(|| format!("its last words: {}", ending(&last)))
    }

    /// How it ended, once it has.
    pub(super) fn ended(&self) -> String {
        match self.status.map(|status| (status.code(), status.signal())) {
            Some((Some(code), _)) => format!("it left with exit code {code}"),
            Some((None, Some(signal))) => format!("it was ended by signal {signal}"),
            _ => String::from("it closed its output"),
        }
    }

    /// Closes its standard input, waits for it to leave, and ends what does not.
    pub(super) fn stop(&mut self) -> Result<(), TargetError> {
        self.lines = None;
        if !self.gone_within(LEAVE) {
            self.signal(Signal::TERM);
            self.gone_within(TERM);
        }
        self.kill()
    }

    /// Ends it and everything in its group at once.
    pub(super) fn kill(&mut self) -> Result<(), TargetError> {
        self.lines = None;
        if self.status.is_none() {
            // While its status has not been taken the number of the group is its own.
            self.signal(Signal::KILL);
            groups::forget(Pid::from_child(&self.child));
            self.status = self.child.wait().ok();
        }
        let end = now() + NOTICE;
        for thread in self.threads.drain(..) {
            let left = end.saturating_duration_since(now());
            if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = thread.recv_timeout(left) {
                return Err(TargetError {
                    text: format!(
                        "something that the adapter `{}` started still holds its pipes",
                        self.program
                    ),
                    hint: String::from("an adapter must end the processes that leave its process group"),
                });
            }
        }
        Ok(())
    }

    /// Whether it has left. Its status is not taken.
    pub(super) fn has_left(&self) -> bool {
        self.gone_within(Duration::ZERO)
    }

    fn signal(&self, signal: Signal) {
        // It fails where nothing is left to be told.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }

    /// Whether it leaves in time. Its status is not taken, so that its group keeps its number.
    pub(super) fn gone_within(&self, patience: Duration) -> bool {
        let end = now() + patience;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        loop {
            match waitid(WaitId::Pid(Pid::from_child(&self.child)), options) {
                Ok(None) if now() < end => pause(),
                Ok(None) => return false,
                Ok(Some(_)) | Err(_) => return true,
            }
        }
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

#[allow(clippy::disallowed_methods, reason = "a process that leaves is looked for now and then")]
fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

/// The end of words as it is shown in messages: what matters comes last, as in a traceback.
fn ending(words: &str) -> String {
    const SHOWN: usize = 240;
    let words: Vec<char> = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let from = words.len().saturating_sub(SHOWN);
    let end: String = words[from..].iter().collect();
    if from > 0 { format!("…{end}") } else { end }
}

/// Writes lines until there are no more or nobody reads.
fn write(mut stdin: ChildStdin, lines: &Receiver<String>) {
    while let Ok(mut line) = lines.recv() {
        line.push('\n');
        if stdin.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
}

/// Passes lines on until there are no more. Of a line that is too long the rest is thrown away.
fn listen(stdout: ChildStdout, mut heard: impl FnMut(Heard)) {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let at = now();
        let whole = line.ends_with(b"\n");
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        if !text.is_empty() {
            heard(Heard::Line { at, line: text });
        }
        if !whole && reader.skip_until(b'\n').is_err() {
            break;
        }
    }
    heard(Heard::End);
}

/// Reads everything and keeps the end.
fn keep_last(mut stderr: ChildStderr, kept: &Mutex<VecDeque<u8>>) {
    let mut chunk = [0; 4096];
    while let Ok(read) = stderr.read(&mut chunk) {
        if read == 0 {
            break;
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&chunk[..read]);
        let spare = kept.len().saturating_sub(WORDS_KEPT);
        kept.drain(..spare);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_words_the_end_is_shown() {
        assert_eq!(ending("short"), "short");
        let shown = ending(&format!("{} | ValueError: the reason", "x".repeat(500)));
        assert!(shown.starts_with('…') && shown.ends_with("xx | ValueError: the reason"), "{shown}");
        assert_eq!(shown.chars().count(), 241);
    }
}
