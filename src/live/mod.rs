//! Real physics: the same workload against a real scheduler. The only room that reads a clock or waits.
//!
//! ```text
//!   model ──▶ requests at their instants ──▶ Target (own pool, processes, HTTP, adapter)
//!                                              │ reports, each with its instant
//!                                              ▼
//!                              observations ──▶ stats::Replication, stats::RequestSeen
//! ```
//!
//! A [`target::Target`] takes jobs and reports what becomes of them. What a target cannot do it says in its
//! [`target::Capabilities`], and a model that asks for more is refused by name, never silently weakened.

#![allow(clippy::disallowed_methods, reason = "the one room that reads a clock and waits")]

pub mod calibrate;
pub mod clock;
pub mod command;
mod desk;
pub mod direct;
mod groups;
pub mod http;
pub mod journal;
mod needs;
pub mod own;
pub mod pool;
mod processes;
pub mod replay;
pub mod target;
mod threads;
mod told;
mod wait;

pub use groups::end_processes;
pub use pool::Pool;
