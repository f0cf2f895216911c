//! One binary for all integration tests, a module per theme.

mod coverage;
mod diagnostics;
mod exact;
mod faces;
mod front_door;
mod house;
mod recorded;
mod records;
mod sample;
mod sizing;
mod sweeps;
mod verdicts;
