//! What a stretch of service was good for, where that is not known as it ends: work that a breakdown interrupts and
//! that is kept, work that the end of the run cuts off, work that came to nothing.

use super::*;

/// The service that a job has had, and keeps, while it waits to go on.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Kept {
    pool: usize,
    /// Slot time by segment, in nanoseconds.
    parts: Vec<(usize, u64)>,
    /// The same as time of the request, booked as that of a failed attempt for as long as it has not gone on.
    span: Span,
}

impl<C: SlotCalendar> Physics<'_, C> {
    /// Ends a stretch of service that came to nothing, as its attempt ends with an outcome.
    #[inline(never)]
    pub(super) fn waste_service(&mut self, number: u32, job: JobId, outcome: Outcome) {
        self.close_service(number, self.in_vain(number, self.why_in_vain(job, outcome)));
    }

    /// What service in a slot is that comes to nothing: wasted, or if the client had left before, work for nobody.
    pub(super) fn in_vain(&self, number: u32, why: Waste) -> Use {
        if self.slots[number as usize].orphan { Use::Zombie } else { Use::Wasted(why) }
    }

    /// A client that cancels withdraws what it does not need, and what has taken it too long.
    fn why_in_vain(&self, job: JobId, outcome: Outcome) -> Waste {
        match outcome {
            Outcome::Cancelled if self.jobs.get(job).past().given_up == Some(Outcome::Timeout) => {
                Waste::Timeout
            }
            _ => Waste::of(outcome),
        }
    }

    /// A breakdown interrupts the service in a slot, and what is done stays done: it is counted with what follows.
    pub(in crate::engine) fn keep_service(&mut self, number: u32) {
        if C::FOLLOWED {
            self.note_service_end(number, Use::Useful);
        }
        let now = self.now;
        let slot = &mut self.slots[number as usize];
        let nanos = now.since(slot.since).nanos();
        slot.since = Time::NEVER;
        slot.wear(nanos);
        self.service_counted += nanos;
        let mut parts = std::mem::take(&mut slot.parts);
        parts.push((self.monitor.segment(), nanos));
        let (job, pool) = (slot.job, slot.pool as usize);
        let span = self.jobs.get_mut(job).book_failed(now);
        self.kept.insert(job, Kept { pool, parts, span });
    }

    /// A job goes on in a slot: what it had before is part of this service from now on.
    pub(super) fn go_on(&mut self, number: u32, job: JobId) {
        let Some(kept) = self.kept.remove(&job) else { return };
        let entry = self.jobs.get_mut(job);
        entry.past_mut().failed = entry.past().failed - kept.span;
        entry.booked = Time::from_nanos(entry.booked.nanos() - kept.span.nanos());
        self.slots[number as usize].parts = kept.parts;
    }

    /// A job's attempt has ended before it could go on.
    pub(super) fn drop_kept(&mut self, job: JobId, outcome: Outcome) {
        if let Some(kept) = self.kept.remove(&job) {
            let for_nobody = self.jobs.get(job).orphan && outcome != Outcome::Cancelled;
            let how = if for_nobody { Use::Zombie } else { Use::Wasted(self.why_in_vain(job, outcome)) };
            self.count_kept(kept, how);
        }
    }

    /// The client of a job that waits to go on has left.
    pub(super) fn waste_kept(&mut self, job: JobId, why: Waste) {
        if let Some(kept) = self.kept.remove(&job) {
            self.count_kept(kept, Use::Wasted(why));
        }
    }

    fn count_kept(&mut self, kept: Kept, how: Use) {
        kept.parts.into_iter().for_each(|(segment, nanos)| {
            self.monitor.served_in(segment, kept.pool, nanos, how);
        });
    }

    /// Counts what the end of the run cuts off: service under way by what it leads to, and service of jobs that
    /// wait to go on by what their work would lead to.
    pub(in crate::engine) fn cut_services(&mut self) {
        for number in 0..self.slots.len() as u32 {
            if self.slots[number as usize].since != Time::NEVER {
                self.close_service(number, self.leads_to(number));
            }
        }
        for (job, kept) in std::mem::take(&mut self.kept) {
            let entry = self.jobs.get(job);
            let how = match entry.present_fate().leads_to() {
                _ if entry.orphan => Use::Zombie,
                Outcome::Ok => Use::Useful,
                failed => Use::Wasted(Waste::of(failed)),
            };
            self.count_kept(kept, how);
        }
    }

    /// What the service under way in a slot leads to, as things stand: useful if the worker works on a good answer
    /// that comes before the slot's time-out. A job that hangs, fails or will run into its time-out has proved
    /// nothing, and neither has one whose worker is dead or frozen. What clients, breakdowns and faults may still
    /// do, and how fast shared cores will be, is open and not held against it.
    pub(in crate::engine) fn leads_to(&self, number: u32) -> Use {
        let slot = &self.slots[number as usize];
        if self.jobs.get(slot.job).orphan {
            return Use::Zombie;
        }
        // When a job on shared cores will be done is open.
        let on_host = slot.lane != NO_LANE || slot.act == Act::Begin;
        let (act, at) = if on_host { (slot.after, Time::ZERO) } else { (slot.act, slot.act_at) };
        if at > slot.timer_at.min(slot.beat_at) {
            let silent = slot.beat_at < slot.timer_at;
            return Use::Wasted(if silent { Waste::Crash } else { Waste::Timeout });
        }
        match act {
            Act::Answer => Use::Useful,
            Act::AnswerError => Use::Wasted(Waste::Error),
            Act::AnswerCrash | Act::CrashExit | Act::Exit => Use::Wasted(Waste::Crash),
            _ => Use::Wasted(Waste::Timeout),
        }
    }
}
