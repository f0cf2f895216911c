//! Which runs answer a question, and what their numbers say.

pub mod estimate;
pub mod metric;
pub mod record;
pub mod run;
pub mod validate;
pub mod verdict;

pub use estimate::{Band, Curve, Estimated, RegimeFound};
pub use metric::{Metric, Scope, Unit};
pub use record::{Point, Record, RecordError};
pub use run::{Given, Progress, RunError};
pub use verdict::{Judgement, Verdict};
