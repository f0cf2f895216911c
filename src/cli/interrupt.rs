//! Ctrl-C: ends the process with exit code 130, but never in the middle of writing files.

use super::exit;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held while files are written. A file that is half-written lies beside its name and is renamed at the end, so
/// even a hard kill leaves whole files; this keeps the leftovers away too.
static WRITING: Mutex<()> = Mutex::new(());

/// Keeps Ctrl-C waiting until the guard is dropped.
pub fn hold() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens for Ctrl-C from now on. Where that is not possible, the system's own way of ending stays.
pub fn listen() {
    let _ = ctrlc::set_handler(|| {
        let _guard = hold();
        let mut stderr = std::io::stderr();
        if stderr.is_terminal() {
            // Clears the line of a progress bar and shows the cursor.
            let _ = write!(stderr, "\r\x1b[2K\x1b[?25h");
        }
        let _ = writeln!(stderr, "interrupted");
        #[allow(clippy::exit, reason = "work in other threads cannot be waited for")]
        std::process::exit(i32::from(exit::INTERRUPTED));
    });
}

/// Whether someone asked to stop.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Whether someone asked to stop, since [`listen_gently`].
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Listens for Ctrl-C from now on: the first asks the work to stop where it can go on later, the second ends the
/// process.
pub fn listen_gently() {
    let _ = ctrlc::set_handler(|| {
        if !ASKED.swap(true, Ordering::Relaxed) {
            return;
        }
        let _guard = hold();
        #[allow(clippy::exit, reason = "asked twice, work in other threads cannot be waited for")]
        std::process::exit(i32::from(exit::INTERRUPTED));
    });
}
