//! What a scheduler knows of a job, and keeps about it.

use crate::time::{Span, Time};

/// A job's index in its driver's table.
pub type JobId = u32;

/// No job.
pub const NO_JOB: JobId = u32::MAX;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Place {
    /// At no pool.
    #[default]
    Outside,
    /// In the queue.
    Queued,
    /// With a worker.
    Running,
    /// Waiting for its retry delay, to return to the queue.
    Delayed,
}

/// A job as the policy sees it. The driver fills the first block and keeps the table; the policy owns the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticket {
    /// Class index.
    pub class: u16,
    /// 0 is the most urgent.
    pub priority: u8,
    /// Where it is.
    pub place: Place,
    /// Retries by the pool so far.
    pub retries: u32,
    /// When it arrived at the pool; never renewed.
    pub arrived: Time,
    /// When it must be done; orders `EarliestDeadline`.
    pub deadline: Time,
    /// When it leaves the queue if it is still there; `NEVER` for no waiting limit.
    pub leave_by: Time,
    /// Size estimate; orders `ShortestJob`.
    pub size: Span,
    /// When the present attempt was handed over.
    pub started: Time,
    /// Service in attempts before the present one.
    pub served: Span,
    /// The worker that has it.
    pub slot: u32,
    /// Neighbour or position in the queue.
    pub next: u32,
    /// Neighbour in the queue.
    pub prev: u32,
}

impl Ticket {
    /// Notes that the job arrives at a pool. See [`Pool::take_in`](super::Pool::take_in).
    #[inline(always)]
    pub fn arrives(&mut self, now: Time) {
        (self.arrived, self.retries, self.served) = (now, 0, Span::ZERO);
    }

    /// Notes that the worker in `slot` has the job. Drivers call it when they carry a hand-over out.
    #[inline(always)]
    pub fn hand_over(&mut self, now: Time, slot: u32) {
        (self.place, self.slot, self.started) = (Place::Running, slot, now);
    }
}

/// A table of tickets, kept by the driver.
pub trait Tickets {
    /// The ticket of a job.
    fn ticket(&mut self, job: JobId) -> &mut Ticket;
}
