//! Closed arrivals: virtual users who think, send, and wait for the end.

use super::Distribution;
use crate::time::{Span, Time};

/// A stretch of time over which the number of users goes linearly to a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Its length.
    pub duration: Span,
    /// The number of users at its end.
    pub target: u32,
}

/// What a user does first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstAct {
    /// Thinks, then sends.
    Think,
    /// Sends at once.
    Request,
}

/// A closed source of requests. The number of users follows the stages as k6's `ramping-vus` does.
#[derive(Clone, Debug, PartialEq)]
pub struct Users {
    /// Users at the start.
    pub initial: u32,
    /// Stages one after another; the last target holds until the horizon.
    pub stages: Vec<Stage>,
    /// When the first stage begins.
    pub start: Span,
    /// Time between the end of a request and the next.
    pub think: Distribution,
    /// Least time from one send to the next of the same user; the think time is prolonged to reach it.
    pub pacing: Span,
    /// What a new user does first.
    pub first: FirstAct,
    /// How long a user who is to leave may wait for the request in flight before dropping it.
    pub graceful_ramp_down: Span,
}

/// When one virtual user comes and goes: derived from stages, or given by a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserPlan {
    /// The user begins.
    pub start: Time,
    /// The user begins no new request at or after this instant.
    pub stop: Time,
}
