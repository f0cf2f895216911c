//! The simulator against what is known from elsewhere: exact queueing results, and recorded runs of a real scheduler.

mod case_text;
mod case_words;
pub mod exact;
pub mod recorded;
mod score;
