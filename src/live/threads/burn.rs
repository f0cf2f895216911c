//! Work of a core: a loop that ends when the thread has had so much of a core's time, whatever else runs beside it.

use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Turns of the loop between two looks at the clock: some ten microseconds.
const STEPS: u32 = 4_000;

/// The core time that the calling thread has had.
fn core_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Keeps a core busy for so much of its time; returns how much it was. `None` if it was told to give up.
pub(super) fn burn(span: Duration, unwanted: &AtomicBool) -> Option<Duration> {
    if span == Duration::ZERO {
        return Some(span);
    }
    let start = core_time();
    let mut word = 0x9E37_79B9_7F4A_7C15u64;
    loop {
        for _ in 0..STEPS {
            word = std::hint::black_box(word ^ word << 13 ^ word >> 7).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        }
        let had = core_time().saturating_sub(start);
        if had >= span {
            return Some(had);
        }
        if unwanted.load(Ordering::Relaxed) {
            return None;
        }
    }
}
