//! What arrives: distributions, arrival processes, virtual users, traces.
//!
//! The types here are plain settings; the samplers beside them draw from streams they are handed. Nothing here
//! knows a pool, a clock or a file system: traces and recordings are read from bytes.

pub mod arrivals;
pub mod arriving;
pub mod choice;
mod curve;
pub mod distribution;
mod exponential;
mod fit;
mod profile;
pub mod recording;
pub mod sampler;
mod special;
pub mod trace;
pub mod users;

pub use arrivals::{ArrivalProcess, BatchSize, OpenArrivals, RateProfile};
pub use arriving::ArrivalSampler;
pub use choice::Choice;
pub use distribution::Distribution;
pub use sampler::Sampler;
pub use trace::{Fate, Trace, TraceError, TraceFormat, TraceRow, TraceSettings};
pub use users::{FirstAct, Stage, UserPlan, Users};
