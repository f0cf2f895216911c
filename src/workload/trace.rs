//! Recorded arrivals, read from CSV or JSON lines.

use crate::time::{Span, Time};

/// The fate that a trace prescribes for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Answers with a result.
    Ok,
    /// Answers with an error after its demand.
    Error,
    /// Takes its worker down after its demand, each time it is executed.
    Crash,
    /// Takes its worker down the first time a worker really has it.
    CrashOnce,
    /// Never answers; the worker's heartbeats go on.
    Hang,
    /// Stops the whole worker after its demand; heartbeats cease.
    Freeze,
}

/// One recorded request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceRow {
    /// When it arrives.
    pub at: Time,
    /// The work that it brings.
    pub demand: Span,
    /// Index into the model's classes.
    pub class: u16,
    /// Its fate, if the trace tells; else drawn as its class says.
    pub fate: Option<Fate>,
}

/// Recorded requests in order of arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The rows, ascending in time; rows of one instant in file order.
    pub rows: std::sync::Arc<[TraceRow]>,
}
