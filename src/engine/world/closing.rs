//! The end of a replication: what is still alive is counted, and the books must balance.

use super::*;
use crate::policy::decision::Log;
use crate::policy::{Slots, TimeoutOrigin};
use std::num::Wrapping;

impl<C: SlotCalendar> World<'_, C> {
    /// Plays the replication to its end and takes its decisions down.
    pub(in crate::engine) fn run_logged(mut self, keep: usize) -> Result<(Replication, Log), Breach> {
        self.phys.log = Some(Log::new(keep));
        self.play()?;
        let log = self.phys.log.take().unwrap_or_else(|| Log::new(0));
        self.close().map(|(report, _)| (report, log))
    }

    pub(super) fn close(mut self) -> Result<(Replication, Vec<RequestSeen>), Breach> {
        let end = self.end();
        self.cross_borders(end)?;
        self.phys.now = end;
        self.count_unfinished();
        self.book_service();
        self.check_balances(end)?;
        self.phys.cut_services();
        let longest_timed = self.longest_timed(end);
        let hosts = self.phys.host_tallies(end);
        let (plan, seed) = (self.phys.plan, self.phys.plan.model.run.seed);
        let report = self.phys.monitor.finish(end, self.index, self.fingerprint, self.events, &hosts);
        let report = Replication { longest_timed, ..report };
        if let Some(message) = unbalanced(plan.model, &report) {
            return Err(Breach { message, seed, replication: self.index });
        }
        Ok((report, self.phys.ends.map_or_else(Vec::new, Ends::into_list)))
    }

    /// By pool: the longest time that counted towards a service time-out. Work that the end cuts off is judged by
    /// when it would have ended.
    fn longest_timed(&mut self, end: Time) -> Vec<Span> {
        let pools = &self.phys.plan.model.pools;
        let mut spare = vec![Span::NEVER; pools.len()];
        for slot in self.phys.slots.iter_mut() {
            slot.disarm(if slot.act_at == Time::NEVER { end } else { slot.act_at.max(end) });
            let least = &mut spare[slot.pool as usize];
            *least = slot.spare.min(*least);
        }
        let longest = |(pool, spare): (&crate::model::Pool, Span)| match pool.settings.service_timeout {
            // Those that are timed out as they wait are in no slot.
            Some(timeout) if timeout.origin == TimeoutOrigin::Arrival => timeout.span,
            Some(timeout) if !spare.is_never() => timeout.span - spare,
            _ => Span::ZERO,
        };
        pools.iter().zip(spare).map(longest).collect()
    }

    /// Requests still alive are counted as unfinished, each once.
    fn count_unfinished(&mut self) {
        for job in self.phys.jobs.all_alive() {
            let entry = self.phys.jobs.get(job);
            if !entry.orphan && self.is_first_of_siblings(job) {
                let cell = entry.cell;
                self.phys.monitor.cell(cell).outcomes[Outcome::Unfinished as usize] += 1;
                if self.phys.ends.as_ref().is_some_and(Ends::keeps_all) {
                    self.phys.note_end(job, Outcome::Unfinished);
                }
            }
        }
    }

    /// Service of jobs that were handed over and have left: their stay less their wait.
    fn book_service(&mut self) {
        let mut still_there = vec![0u128; self.phys.monitor.cells.len()];
        for job in self.phys.jobs.all_alive() {
            let entry = self.phys.jobs.get(job);
            if entry.first_start != Time::NEVER && !entry.in_backoff {
                let wait = entry.first_start.since(entry.ticket.arrived);
                still_there[entry.cell as usize] += u128::from(wait.nanos());
            }
        }
        self.phys.monitor.book_service(&still_there);
    }

    fn is_first_of_siblings(&self, job: JobId) -> bool {
        let mut other = self.phys.jobs.sibling(job);
        while other != job {
            if other < job {
                return false;
            }
            other = self.phys.jobs.sibling(other);
        }
        true
    }

    /// Conservation and Little's law as identities over the whole run: every request has one outcome, and the
    /// integrals of queue, service and flight equal the sums over jobs, to the nanosecond.
    fn check_balances(&self, end: Time) -> Result<(), Breach> {
        let phys = &self.phys;
        let (queue, in_flight) = phys.monitor.totals(end);
        let mut waiting = phys.waiting_counted;
        let mut flying = 0;
        for job in phys.jobs.all_alive() {
            let entry = phys.jobs.get(job);
            if entry.ticket.place == crate::policy::Place::Queued {
                waiting += end.since(entry.queued_at).nanos();
            }
            if !entry.orphan && self.is_first_of_siblings(job) {
                flying += u128::from(end.since(entry.first_sent).nanos());
            }
        }
        for (cell, tally) in phys.monitor.cells.iter().enumerate() {
            let ended: u64 = tally.outcomes.iter().sum();
            if ended != tally.sent {
                return Err(
                    self.breach(format!("cell {cell}: {} requests sent, {ended} outcomes", tally.sent))
                );
            }
            let latency = tally.latency_ok.sum + tally.latency_failed.sum;
            let spent = tally.spent_waiting + tally.spent_failed + tally.spent_final + tally.spent_backoff;
            if latency != spent {
                return Err(
                    self.breach(format!("cell {cell}: latencies of {latency} ns, but {spent} ns explained"))
                );
            }
            flying += latency;
        }
        let busy: u128 = phys.monitor.pools.iter().map(|pool| pool.busy.integral(end)).sum();
        let open = phys.slots.iter().filter(|slot| slot.since != Time::NEVER);
        let served =
            open.fold(phys.service_counted, |sum, slot| sum + Wrapping(end.since(slot.since).nanos()));
        // What was counted event by event was so modulo 2^64.
        let modulo = |integral: u128| u128::from(integral as u64);
        for (what, integral, sum) in [
            ("waiting", modulo(queue), u128::from(waiting.0)),
            ("in flight", in_flight, flying),
            ("in service", modulo(busy), u128::from(served.0)),
        ] {
            if integral != sum {
                return Err(self.breach(format!(
                    "Little's law: the integral of jobs {what} is {integral} ns, the jobs' own times sum to {sum} ns"
                )));
            }
        }
        Ok(())
    }
}

/// What is wrong if the parts of a pool's slot time do not add up to it, to the nanosecond, in some segment.
fn unbalanced(model: &crate::model::Model, report: &Replication) -> Option<String> {
    let pools = model.pools.iter().enumerate().filter(|(_, pool)| pool.settings.slots != Slots::Unlimited);
    let limited: Vec<usize> = pools.map(|(number, _)| number).collect();
    report.segments.iter().find_map(|segment| {
        let wrong = limited.iter().find(|&&pool| {
            let slots = &segment.pools[pool].slots;
            slots.served() + slots.starting + slots.restarting + slots.lost + slots.idle != slots.capacity
        })?;
        let (name, slots) = (&model.pools[*wrong].name, segment.pools[*wrong].slots);
        Some(format!("slot time of pool `{name}` from {:?} does not add up: {slots:?}", segment.start))
    })
}
