//! One binary for all integration tests, a module per theme.

#[cfg(feature = "chart")]
mod charts;
mod coverage;
mod diagnostics;
mod exact;
mod faces;
mod following;
mod front_door;
mod house;
mod laws;
#[cfg(feature = "chart")]
mod pages;
#[cfg(feature = "chart")]
mod pictures;
mod recorded;
mod records;
#[cfg(feature = "chart")]
mod reports;
mod sample;
mod semantics;
mod sizing;
mod sweeps;
mod verdicts;
