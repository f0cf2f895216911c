//! Borders in time: the ends of bins and segments, of sending, and of the replication.

use super::*;

/// What becomes of an event at or after a border.
pub(super) enum Beyond {
    /// It happens.
    Goes,
    /// Sending has just stopped, and with it perhaps the event: another may be the next.
    Drains,
    /// The replication has ended before it.
    Ends,
}

/// The time after sending has stopped, in which requests in flight end: where the last of them did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    /// Requests that had ended.
    ended: u64,
    at: Time,
    events: u64,
    /// How long none may end before the tail is in vain.
    patience: Span,
}

/// So many events in which no request ends, and so many more for each that is alive, mean that none will: a worker that
/// is killed before it is ever ready, a hang that nobody notices.
const IN_VAIN: u64 = 1_000_000;
const IN_VAIN_EACH: u64 = 200;
/// And so many times the time of sending.
const IN_VAIN_TIMES: u64 = 1000;

impl<C: SlotCalendar> World<'_, C> {
    /// Crosses the borders of bins and segments before the event at `at`; says what becomes of the event.
    #[cold]
    pub(super) fn crosses(&mut self, at: Time) -> Result<Beyond, Breach> {
        if at > Time::HORIZON_MAX {
            return Ok(Beyond::Ends);
        }
        if !self.sending && self.is_in_vain(at) {
            return Ok(Beyond::Ends);
        }
        self.cross_borders(at)?;
        if at <= self.phys.plan.horizon {
            return Ok(Beyond::Goes);
        }
        let drains = self.phys.plan.model.run.drain && self.phys.jobs.alive() > 0;
        Ok(match (drains, self.sending) {
            (false, _) => Beyond::Ends,
            (true, false) => Beyond::Goes,
            (true, true) => {
                self.stop_sending();
                Beyond::Drains
            }
        })
    }

    pub(super) fn cross_borders(&mut self, at: Time) -> Result<(), Breach> {
        let end = self.phys.plan.horizon;
        while self.phys.monitor.border <= at.min(end) {
            let border = self.phys.monitor.border;
            if self.phys.monitor.segment_ends() {
                self.phys.split_services(border);
            }
            let hosts = self.phys.host_tallies(border);
            self.phys.monitor.cross(&hosts);
            self.check_work_conserving(border)?;
        }
        Ok(())
    }

    /// No worker is idle while a job that may start is waiting.
    fn check_work_conserving(&self, now: Time) -> Result<(), Breach> {
        match self.pools.iter().position(|pool| pool.idles_while_jobs_wait()) {
            Some(instance) => {
                let pool = &self.phys.plan.model.pools[self.phys.pool_of(instance as u32)].name;
                Err(self.breach(format!("a worker of pool `{pool}` is idle at {now:?} while jobs wait")))
            }
            None => Ok(()),
        }
    }

    // ---- the tail -----------------------------------------------------------------------------------------

    /// Sending stops: at the horizon, or now, with the last request.
    pub(super) fn begin_tail(&self) -> Tail {
        let plan = self.phys.plan;
        let at = if plan.requests == u64::MAX { plan.horizon } else { self.phys.now };
        let patience = Span::from_nanos(at.nanos().saturating_mul(IN_VAIN_TIMES));
        Tail { ended: self.phys.finished, at, events: self.events, patience }
    }

    /// Whether requests that are still alive will never end, as far as one can see. Events alone do not show it, for
    /// many workers beat while a long job runs; nor does time alone, for a retry may be days away.
    fn is_in_vain(&mut self, at: Time) -> bool {
        let Tail { ended, at: since, events, .. } = self.tail;
        if ended != self.phys.finished {
            let (ended, events) = (self.phys.finished, self.events);
            self.tail = Tail { ended, at: self.phys.now, events, ..self.tail };
            return false;
        }
        let patience = IN_VAIN + IN_VAIN_EACH * self.phys.jobs.alive() as u64;
        self.events - events > patience && at.since(since) > self.tail.patience
    }
}
