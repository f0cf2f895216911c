//! Which runs answer a question, and what their numbers say.

pub mod agreement;
#[cfg(feature = "live")]
pub mod calibrate;
pub mod check;
pub mod compare;
pub mod draws;
pub mod estimate;
pub mod fit;
pub mod follow;
#[cfg(feature = "live")]
pub mod hunt;
pub mod metric;
pub mod outline;
pub mod plan;
pub mod price;
pub mod progress;
pub mod record;
#[cfg(feature = "live")]
pub mod replay;
mod rounds;
pub mod run;
pub mod size;
pub mod store;
pub mod stretch;
pub mod study;
pub mod sweep;
pub mod validate;
pub mod verdict;

pub use estimate::{Band, Curve, Estimated, RegimeFound};
pub use metric::{Metric, Scope, Unit};
pub use record::{Difference, Point, Record, RecordError, World};
pub use run::{Given, Progress, RunError};
pub use stretch::{Activity, SlotSpan, Stretch};
pub use verdict::{Judgement, Verdict};
