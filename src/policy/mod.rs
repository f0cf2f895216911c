//! The scheduler's mind: who is served, refused, retried, given up. No clock, thread, file or ambient chance.
//!
//! A [`Pool`] is a state machine over its workers and its queue:
//!
//! ```text
//!                 ready                dispatch
//!   starting ───────────────▶ idle ◀────────────▶ busy ──time-out, result dropped──▶ zombie
//!      ▲  │ start time-out      │ heartbeat,   answer │  └─time-out, cancel─▶ cancelling ─▶ idle
//!      │  └───────────────┐     │ recycling           │ time-out, kill
//!      │ restart delay    ▼     ▼                     ▼
//!     gone ◀────exit──── dying (with `dying_window` it still takes jobs) ◀──┘      lost: spawn failed
//! ```
//!
//! A [`Driver`] (the simulator, or real threads and processes) calls the inputs (`arrive`, `answer`, `exited`,
//! `ready`, `timer`, …) at given instants, and carries out the effects, which are calls on the driver that the
//! compiler inlines into its loop. How long work takes is the driver's business; the policy never sees a
//! demand. A timer may fire although it is no longer wanted: that is a no-op.

pub mod admission;
pub mod client;
pub mod decision;
pub mod driver;
pub mod idle;
pub mod input;
mod pace;
pub mod pool;
pub mod queue;
pub mod route;
pub mod scale;
pub mod settings;
pub mod ticket;

pub use decision::{Choice, Decision, JobName};
pub use driver::{Driver, PoolTimer, SlotTimer, WorkerState};
pub use input::{Effect, Input, Rerun};
pub use pool::Pool;
pub use settings::*;
pub use ticket::{JobId, NO_JOB, Place, Ticket, Tickets};
