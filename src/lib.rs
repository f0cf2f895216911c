//! poolsim: a deterministic discrete-event simulator for planning worker pools.
//!
//! The house has floors, and a room imports only from floors below it:
//!
//! | floor | rooms | what they decide |
//! | --- | --- | --- |
//! | 5 | [`cli`] | what the user asked for, and what the process answers |
//! | 4 | [`report`] | how a record looks |
//! | 4 | [`experiment`] | which runs answer a question, and what their numbers say |
//! | 3 | [`engine`], `live` | how a workload and a policy play out on virtual time, and in the real world |
//! | 2 | [`model`] | what a file means |
//! | 1 | [`policy`], [`workload`], [`stats`] | what a scheduler chooses, what arrives, what numbers say |
//! | 0 | [`time`], [`quantity`], [`random`], [`outcome`] | values |
//!
//! `tests/suite/house.rs` keeps the walls.

pub mod outcome;
pub mod quantity;
pub mod random;
pub mod time;

pub mod policy;
pub mod stats;
pub mod workload;

pub mod engine;
pub mod experiment;
#[cfg(feature = "live")]
pub mod live;
pub mod model;
pub mod report;

pub mod cli;
