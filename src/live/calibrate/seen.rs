//! What is made of what a prober saw: spans between events of workers, waits of this machine, milliseconds.

use super::{Life, WAITS};
use crate::live::target::WorkerEvent;
use crate::live::wait;
use crate::time::Time;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// From each `first` of a worker to its next `then`: milliseconds.
pub(super) fn spans(lives: &[Life], first: WorkerEvent, then: WorkerEvent) -> Vec<f64> {
    let gap = |(index, life): (usize, &Life)| {
        let later = lives[index + 1..].iter().filter(|other| other.worker == life.worker);
        let next = later.clone().find(|other| other.event == then)?;
        // A second `first` in between began another span.
        let again = later.take_while(|other| other.event != then).any(|other| other.event == first);
        (!again).then(|| ms(life.at, next.at))
    };
    lives.iter().enumerate().filter(|(_, life)| life.event == first).filter_map(gap).collect()
}

/// How late waits of a millisecond end, as the sender of a replay waits.
pub(super) fn grain() -> Vec<f64> {
    let (_alive, messages) = channel::<()>();
    let one = |_| {
        let until = Instant::now() + Duration::from_millis(1);
        let _ = wait::receive_until(&messages, until);
        until.elapsed().as_secs_f64() * 1e3
    };
    (0..WAITS).map(one).collect()
}

/// Milliseconds between two instants; less than 0 where the clocks of two sides say so.
pub(super) fn ms(from: Time, to: Time) -> f64 {
    (to.nanos() as f64 - from.nanos() as f64) / 1e6
}

/// The median; 0 of none.
pub(super) fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
