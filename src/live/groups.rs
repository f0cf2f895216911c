//! Process groups that targets have started, known in one place: whoever ends this process in a hurry ends them too.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Leaders of groups that are alive.
static ALIVE: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
/// Processes that are being started.
static STARTING: AtomicUsize = AtomicUsize::new(0);
/// Nothing is started any more.
static ENDING: AtomicBool = AtomicBool::new(false);

fn alive() -> MutexGuard<'static, Vec<Pid>> {
    ALIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a process that leads a group of its own, so that a signal for the group reaches all that it starts.
pub(super) fn start(command: &mut Command) -> io::Result<Child> {
    STARTING.fetch_add(1, Ordering::SeqCst);
    let child = if ENDING.load(Ordering::SeqCst) {
        Err(io::Error::other("poolsim is ending"))
    } else {
        command.process_group(0).spawn()
    };
    if let Ok(child) = &child {
        alive().push(Pid::from_child(child));
    }
    STARTING.fetch_sub(1, Ordering::SeqCst);
    child
}

/// Forgets a group. Its leader is reaped after that: then its number may become somebody else's.
pub(super) fn forget(pid: Pid) {
    alive().retain(|&other| other != pid);
}

/// Kills every process that targets have started, and all that these started in their groups; none is started any more.
/// For a process that is about to end.
pub fn end_processes() {
    /// Longer than any start of a process takes.
    const PATIENCE: Duration = Duration::from_secs(1);
    ENDING.store(true, Ordering::SeqCst);
    let until = Instant::now() + PATIENCE;
    while STARTING.load(Ordering::SeqCst) > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    for &pid in alive().iter() {
        // A group that has just ended needs no signal.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}
