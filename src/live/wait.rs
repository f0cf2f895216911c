//! Waiting for an instant as exactly as the machine can: a sleep that ends a little early, then a short spin.

use std::num::NonZeroU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

/// A sleep ends so long before the instant, and the rest is spun away.
pub(super) const SPIN: Duration = Duration::from_micros(80);

/// Asks the kernel not to put off the wake-ups of the calling thread. Where it refuses, wake-ups are some 50 us later.
pub(super) fn wake_exactly() {
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
}

/// What ended a wait for a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Woken<T> {
    /// A message.
    Told(T),
    /// The instant has come.
    Due,
    /// Nobody can send any more.
    Alone,
}

/// Waits for a message or an instant, whichever comes first.
pub(super) fn receive_until<T>(messages: &Receiver<T>, until: Instant) -> Woken<T> {
    let left = until.saturating_duration_since(Instant::now());
    if left > SPIN {
        match messages.recv_timeout(left - SPIN) {
            Ok(message) => return Woken::Told(message),
            Err(RecvTimeoutError::Disconnected) => return Woken::Alone,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    loop {
        match messages.try_recv() {
            Ok(message) => return Woken::Told(message),
            Err(TryRecvError::Disconnected) => return Woken::Alone,
            Err(TryRecvError::Empty) if Instant::now() >= until => return Woken::Due,
            Err(TryRecvError::Empty) => std::hint::spin_loop(),
        }
    }
}

/// Spins up to an instant; `false` if it was told to stop before.
pub(super) fn spin_until(until: Instant, stop: impl Fn() -> bool) -> bool {
    while Instant::now() < until {
        if stop() {
            return false;
        }
        std::hint::spin_loop();
    }
    !stop()
}

/// Sleeps up to an instant.
pub(super) fn sleep_until(until: Instant) {
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
}
