//! One binary for all integration tests, a module per theme.

#[cfg(feature = "chart")]
mod charts;
mod checks;
mod coverage;
mod decisions;
mod diagnostics;
mod exact;
mod faces;
mod following;
mod front_door;
mod house;
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
#[cfg(feature = "chart")]
mod shipped;
mod sizing;
mod sweeps;
mod verdicts;
