//! One binary for all integration tests, a module per theme.

mod agreement;
#[cfg(feature = "chart")]
mod charts;
mod checks;
#[cfg(feature = "live")]
mod command;
mod coverage;
mod decisions;
mod diagnostics;
mod exact;
mod faces;
mod fitted;
mod fitting;
mod following;
mod front_door;
mod house;
#[cfg(feature = "live")]
mod http;
#[cfg(feature = "live")]
mod laws;
#[cfg(feature = "live")]
mod live;
mod metrics;
#[cfg(feature = "live")]
mod mirrored;
#[cfg(feature = "chart")]
mod pages;
#[cfg(feature = "chart")]
mod pictures;
mod prices;
mod recorded;
mod records;
#[cfg(feature = "chart")]
mod reports;
mod sample;
mod semantics;
#[cfg(feature = "live")]
mod service;
#[cfg(feature = "chart")]
mod shipped;
mod sizing;
mod sweeps;
#[cfg(feature = "parquet")]
mod tables;
#[cfg(feature = "chart")]
mod terminal;
mod validate;
mod verdicts;
mod worlds;
