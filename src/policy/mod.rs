//! The scheduler's mind: who is served, refused, retried, given up. No clock, thread, file or ambient chance.
//!
//! A driver (the simulator in `engine`, or real threads and processes in a live pool) feeds inputs at given
//! instants and carries out effects. How long work takes is the driver's business; the policy never sees a demand.

pub mod settings;

pub use settings::*;
