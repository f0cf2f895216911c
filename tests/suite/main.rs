//! One binary for all integration tests, a module per theme.

#[cfg(feature = "chart")]
mod charts;
mod faces;
mod front_door;
mod house;
#[cfg(feature = "chart")]
mod pictures;
mod records;
mod sample;
mod verdicts;
