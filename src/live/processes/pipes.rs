//! The pipes of a worker process: lines in, lines out, and what it complains about.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

/// The longest line that is read; a longer one is garbage, and is passed over.
const LINE_MAX: usize = 16 << 20;
/// What is kept of standard error.
const TAIL: usize = 2048;

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
pub(super) fn read(mut stdout: ChildStdout, mut hear: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    let (mut line, mut too_long): (Vec<u8>, bool) = (Vec::new(), false);
    loop {
        let count = match stdout.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
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
}

/// Empties standard error, keeping its end.
pub(super) fn drain(mut stderr: ChildStderr, tail: &Tail) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count) = stderr.read(&mut buffer) {
        if count == 0 {
            return;
        }
        let mut kept = tail.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&buffer[count.saturating_sub(TAIL)..count]);
        let more = kept.len().saturating_sub(TAIL);
        kept.drain(..more);
    }
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
