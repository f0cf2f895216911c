//! What every slot did during a stretch of one replication: enough to follow a slow request through it.

use serde::{Deserialize, Serialize};

/// What a slot does, or a request while it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Serves an attempt whose result is used.
    Serving,
    /// Serves an attempt whose result is thrown away.
    Wasted,
    /// Works on for a client that has left.
    Zombie,
    /// Starts a worker.
    Starting,
    /// Has a worker that is being killed, or leaves.
    Dying,
    /// Replaces a dead worker.
    Restarting,
    /// Is lost for good.
    Lost,
    /// Has broken down and comes back.
    Down,
    /// A request waits in the queue.
    Waiting,
    /// A request waits before its next attempt.
    Backoff,
}

/// A stretch of time in one slot, or of a followed request outside of any.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotSpan {
    /// Index into [`super::record::Parts::pools`].
    pub pool: u32,
    /// The slot, counted from 0; absent for waiting and back-off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
    /// Its beginning, seconds.
    pub start: f64,
    /// Its end, seconds.
    pub end: f64,
    /// What happens.
    pub activity: Activity,
    /// Index into [`super::record::Parts::classes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<u32>,
    /// The request, numbered within the stretch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// How the attempt ended, as [`crate::outcome::Outcome::name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// What every slot did during a stretch of one replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// The replication.
    pub replication: u64,
    /// Its beginning, seconds.
    pub start: f64,
    /// Its end, seconds.
    pub end: f64,
    /// A slow request to follow, one of those in `spans`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed: Option<u64>,
    /// Slots that did something meanwhile and are not told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Spans, by pool, slot and beginning.
    pub spans: Vec<SlotSpan>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
