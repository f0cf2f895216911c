//! What numbers say: histograms, tallies, intervals, warm-up, comparison, exact queueing formulas.
//!
//! Nothing here draws, simulates or formats.

pub mod blocks;
pub mod dependence;
pub mod equivalence;
pub mod estimate;
pub mod histogram;
pub mod interval;
pub mod level;
pub mod little;
pub mod multiple;
pub mod observation;
pub mod paired;
pub mod proportions;
pub mod ranks;
pub mod regime;
pub mod shape;
pub(crate) mod sum;
pub mod tally;
pub mod theory;
pub mod warmup;

pub use equivalence::{Contrast, Equivalence, Judged, Margin};
pub use estimate::Estimate;
pub use histogram::{Histogram, Sample};
pub use interval::Level;
pub use observation::RequestSeen;
pub use ranks::Ranks;
pub use tally::{
    Batches, ClassTally, HostTally, PoolTally, Replication, Segment, SlotUse, Timeline, TimelineBin, Waste,
};
