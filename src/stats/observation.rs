//! What either world reports of one request, so that like meets like.

use crate::outcome::Outcome;
use crate::time::{Span, Time};

/// One request from its first send to its end, as the simulator, a live pool or a recording saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestSeen {
    /// Names the request in every world: request `n` of open source `s` is `s << 48 | n`; request `m` of user `u` of
    /// source `s` is `s << 48 | 1 << 47 | u << 24 | m`.
    pub key: u64,
    /// Index of its class.
    pub class: u16,
    /// The work that it brought, of its last attempt.
    pub demand: Span,
    /// First sent; in an open loop the instant at which it was meant to be sent.
    pub sent: Time,
    /// Final outcome.
    pub end: Time,
    /// Which.
    pub outcome: Outcome,
    /// Hand-overs to workers by the pool that had it last.
    pub hand_overs: u32,
    /// Attempts by its client, one after the other: hedges are not counted.
    pub attempts: u32,
    /// Time in queues.
    pub waiting: Span,
}

impl RequestSeen {
    /// First send to final outcome.
    pub fn latency(&self) -> Span {
        self.end.since(self.sent)
    }
}
