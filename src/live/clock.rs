//! The instants of a live run: whole nanoseconds of model time since its start.
//!
//! With a speed above 1 model time runs faster than the wall's: every planned span is shortened by the speed and every
//! instant read is stretched by it, so that a run compressed in time is reported in the model's own times.

use crate::time::{Span, Time};
use std::time::{Duration, Instant};

/// Reads model time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    speed: f64,
}

impl Clock {
    /// A clock that starts now. `speed`: model seconds per real second, above 0.
    pub fn start(speed: f64) -> Clock {
        Clock { start: Instant::now(), speed }
    }

    /// The same clock with its zero at an instant of this one.
    pub fn from(&self, zero: Time) -> Clock {
        Clock { start: self.when(zero), speed: self.speed }
    }

    /// The present instant.
    pub fn now(&self) -> Time {
        self.at(Instant::now())
    }

    /// The instant of a reading taken elsewhere; readings before the start count as the start.
    pub fn at(&self, reading: Instant) -> Time {
        let real = reading.saturating_duration_since(self.start);
        Time::from_nanos((real.as_nanos() as f64 * self.speed) as u64)
    }

    /// When a planned instant comes.
    pub fn when(&self, at: Time) -> Instant {
        self.start + self.real(at.since(Time::ZERO))
    }

    /// How long a span of model time really takes.
    pub fn real(&self, span: Span) -> Duration {
        Duration::from_nanos((span.nanos() as f64 / self.speed) as u64)
    }

    /// Model seconds per real second.
    pub fn speed(&self) -> f64 {
        self.speed
    }
}
