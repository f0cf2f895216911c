//! Ctrl-C and its kin (SIGTERM, SIGHUP): they end the process with 128 and the signal's number, but never in the middle
//! of writing files, and never with workers left behind.

use super::exit;
use std::io::{IsTerminal, Write};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Held while files are written. A file that is half-written lies beside its name and is renamed at the end, so
/// even a hard kill leaves whole files; this keeps the leftovers away too.
static WRITING: Mutex<()> = Mutex::new(());

/// Keeps interruptions waiting until the guard is dropped.
pub fn hold() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens for interruptions from now on. Where that is not possible, the system's own way of ending stays.
pub fn listen() {
    on_signal(|signal| {
        let _guard = hold();
        let mut stderr = std::io::stderr();
        if stderr.is_terminal() {
            // Clears the line of a progress bar and shows the cursor.
            let _ = write!(stderr, "\r\x1b[2K\x1b[?25h");
        }
        let _ = writeln!(stderr, "interrupted");
        #[allow(clippy::exit, reason = "work in other threads cannot be waited for")]
        std::process::exit(i32::from(code_of(signal)));
    });
}

/// The first signal that asked to stop; 0 for none.
static FIRST: AtomicU8 = AtomicU8::new(0);
/// Whether someone asked to stop, and the work has not heeded it yet.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Whether someone asked to stop, since [`listen_gently`].
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// The work has stopped as it was asked to, and something else has begun that can be asked as well.
pub fn heeded() {
    ASKED.store(false, Ordering::Relaxed);
}

/// Works on a thread of its own, until that is done or someone asks to stop: what is not done by then is left alone,
/// and ends with the process.
///
/// # Errors
/// When the thread cannot be started.
pub fn unless_asked<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, std::io::Error> {
    /// Between two looks whether someone has asked.
    const LOOK: Duration = Duration::from_millis(50);
    let (sender, done) = channel();
    let worker = std::thread::Builder::new().name(String::from("work")).spawn(move || {
        // Nobody waits for it where it was given up.
        let _ = sender.send(work());
    })?;
    loop {
        match done.recv_timeout(LOOK) {
            Ok(result) => return Ok(Some(result)),
            Err(RecvTimeoutError::Timeout) if asked() => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // It ended without a word: it has failed, and so does who waited for it.
    worker.join().map_or_else(|panic| resume_unwind(panic), |()| Ok(None))
}

/// The exit code of work that was interrupted.
pub fn code() -> u8 {
    match FIRST.load(Ordering::Relaxed) {
        0 => exit::INTERRUPTED,
        signal => code_of(signal),
    }
}

/// As shells have it: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
const fn code_of(signal: u8) -> u8 {
    128 + signal
}

/// Listens for interruptions from now on: the first asks the work to stop where it can go on later, the next one before
/// that is [`heeded`] ends the process, and every process that it started.
pub fn listen_gently() {
    on_signal(|signal| {
        let _ = FIRST.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
        if !ASKED.swap(true, Ordering::Relaxed) {
            return;
        }
        #[cfg(feature = "live")]
        crate::live::end_processes();
        let _guard = hold();
        #[allow(clippy::exit, reason = "asked twice, work in other threads cannot be waited for")]
        std::process::exit(i32::from(code_of(signal)));
    });
}

/// Calls this for every signal that asks to stop, on a thread of its own.
#[cfg(unix)]
fn on_signal(react: impl Fn(u8) + Send + 'static) {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = vec![SIGINT, SIGTERM];
    // Whoever starts it with nohup wants it to go on without a terminal.
    if !is_ignored(SIGHUP) {
        signals.push(SIGHUP);
    }
    let Ok(mut signals) = signal_hook::iterator::Signals::new(signals) else { return };
    let listener = std::thread::Builder::new().name(String::from("signals"));
    let _ = listener.spawn(move || {
        signals.forever().for_each(|signal| react(u8::try_from(signal).unwrap_or(0)));
    });
}

/// Whether whoever started this process had a signal ignored, where the system says so.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Calls this for every Ctrl-C, on a thread of its own.
#[cfg(not(unix))]
fn on_signal(react: impl Fn(u8) + Send + 'static) {
    const INTERRUPT: u8 = 2;
    let _ = ctrlc::set_handler(move || react(INTERRUPT));
}

/// Lets a file that may not grow any more (`ulimit -f`) be an error of writing, as a full disk is; by itself the signal
/// that goes with it ends the process without a word.
pub fn outlive_full_files() {
    #[cfg(unix)]
    {
        const SIGXFSZ: i32 = 25;
        // Nobody reads the flag: a signal that is handled does not end the process, and programs that it starts do not
        // inherit that. Where it cannot be handled, the system's own way of ending stays.
        let _ = signal_hook::flag::register(SIGXFSZ, std::sync::Arc::default());
    }
}
