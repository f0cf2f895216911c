//! One binary for all integration tests, a module per theme.

mod diagnostics;
mod faces;
mod front_door;
mod house;
mod records;
mod sample;
mod verdicts;
