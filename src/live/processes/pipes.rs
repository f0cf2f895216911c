//! The pipes of a worker process: lines in, lines out, and what it complains about.

use crate::live::wait;
use rustix::io::ioctl_fionread;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStdin, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest line that is read; a longer one is garbage, and is passed over.
const LINE_MAX: usize = 16 << 20;
/// What is kept of standard error.
const TAIL: usize = 2048;

/// A pipe that a worker writes to. Its end says little: whatever the worker has started may hold it open for ever.
pub(super) struct Inlet {
    file: File,
    /// Its reader waits for more.
    waits: AtomicBool,
    /// Nothing more will come.
    closed: AtomicBool,
}

impl Inlet {
    pub(super) fn new(pipe: impl Into<OwnedFd>) -> Inlet {
        let (waits, closed) = (AtomicBool::new(false), AtomicBool::new(false));
        Inlet { file: File::from(pipe.into()), waits, closed }
    }

    /// Reads what is there, and waits if there is nothing; `None` at the end.
    fn read(&self, buffer: &mut [u8]) -> Option<usize> {
        loop {
            self.waits.store(true, Ordering::Release);
            let read = (&self.file).read(buffer);
            self.waits.store(false, Ordering::Release);
            match read {
                Ok(count) if count > 0 => return Some(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return None,
            }
        }
    }

    /// Whether its reader has dealt with everything that was written so far.
    fn is_drained(&self) -> bool {
        self.closed.load(Ordering::Acquire)
            || self.waits.load(Ordering::Acquire) && ioctl_fionread(&self.file).is_ok_and(|left| left == 0)
    }

    /// Lets its reader deal with what a process had written before it ended, for a while.
    pub(super) fn settle(&self, patience: Duration) {
        /// Between two looks.
        const LOOK: Duration = Duration::from_micros(300);
        /// Looks that must agree: a reader may have taken words out that it has not passed on.
        const LOOKS: u32 = 4;
        let until = Instant::now() + patience;
        let mut agreed = 0;
        while !self.closed.load(Ordering::Acquire) && agreed < LOOKS && Instant::now() < until {
            agreed = if self.is_drained() { agreed + 1 } else { 0 };
            wait::sleep_until(Instant::now() + LOOK);
        }
    }
}

/// A line for a worker.
pub(super) struct Line {
    /// The order that it is about.
    pub(super) serial: u64,
    pub(super) text: String,
}

/// The end of what a worker wrote to standard error.
#[derive(Default)]
pub(super) struct Tail(Mutex<VecDeque<u8>>);

/// Writes lines until nobody sends any more. `failed`: a line could not be written.
pub(super) fn write(mut stdin: ChildStdin, lines: &Receiver<Line>, failed: impl Fn(u64)) {
    for line in lines {
        if stdin.write_all(line.text.as_bytes()).and_then(|()| stdin.flush()).is_err() {
            failed(line.serial);
        }
    }
}

/// Reads lines until the pipe is closed.
pub(super) fn read(stdout: &Inlet, mut hear: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    let (mut line, mut too_long): (Vec<u8>, bool) = (Vec::new(), false);
    while let Some(count) = stdout.read(&mut buffer) {
        for part in buffer[..count].split_inclusive(|&byte| byte == b'\n') {
            let ends = part.last() == Some(&b'\n');
            if line.len() + part.len() > LINE_MAX {
                (too_long, line) = (true, Vec::new());
            }
            if !too_long {
                line.extend_from_slice(part);
            }
            if ends {
                hear(if too_long { b"too long" } else { &line });
                too_long = false;
                line.clear();
            }
        }
    }
    if !line.is_empty() {
        hear(&line);
    }
    stdout.closed.store(true, Ordering::Release);
}

/// Empties standard error, keeping its end.
pub(super) fn drain(stderr: &Inlet, tail: &Tail) {
    let mut buffer = vec![0; 16 << 10];
    while let Some(count) = stderr.read(&mut buffer) {
        let mut kept = tail.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&buffer[count.saturating_sub(TAIL)..count]);
        let more = kept.len().saturating_sub(TAIL);
        kept.drain(..more);
    }
    stderr.closed.store(true, Ordering::Release);
}

/// How a process ended, and the last line that it wrote to standard error.
pub(super) fn last_words(status: io::Result<ExitStatus>, tail: &Tail) -> String {
    let how = match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (_, Some(signal)) => format!("signal {signal}"),
            _ => String::from("it ended"),
        },
        Err(error) => format!("its exit could not be read: {error}"),
    };
    let kept = tail.0.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes: Vec<u8> = kept.iter().copied().collect();
    let text = String::from_utf8_lossy(&bytes);
    match text.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        Some(line) => format!("{how}: {line}"),
        None => how,
    }
}
