//! Which runs answer a question, and what their numbers say.

pub mod estimate;
pub mod metric;

pub use metric::{Metric, Scope, Unit};
