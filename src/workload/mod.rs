//! What arrives: distributions, arrival processes, virtual users, traces.
//!
//! The types here are plain settings; the samplers beside them draw from streams they are handed. Nothing here
//! knows a pool, a clock or a file system: traces are read from any `io::Read`.

pub mod arrivals;
pub mod arriving;
pub mod choice;
mod curve;
pub mod distribution;
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
pub use trace::{Trace, TraceRow};
pub use users::{FirstAct, Stage, UserPlan, Users};
