//! Several attempts of one request side by side: when one more goes out, and what becomes of the others.

use super::*;

impl<C: SlotCalendar> World<'_, C> {
    /// The answer has been waited for long enough: a second attempt goes out beside the first.
    pub(in crate::engine) fn hedge_due(&mut self, timer: Timer) {
        let entry = self.phys.jobs.get(timer.id);
        let source = usize::from(entry.source);
        let Some(hedge) = self.clients[source].settings().hedge else { return };
        if entry.stamp != timer.generation
            || entry.orphan
            || entry.in_backoff
            || entry.past().hedges >= hedge.max
        {
            return;
        }
        let now = self.phys.now;
        self.phys.jobs.get_mut(timer.id).past_mut().hedges += 1;
        let twin = self.phys.jobs.hedge(timer.id, now);
        self.phys.redraw(twin, 0);
        let cell = self.phys.jobs.get(twin).cell;
        self.phys.monitor.cell(cell).hedges += 1;
        self.phys.timers.push(Timer { at: now + hedge.after, ..timer });
        self.send(twin);
    }

    /// An attempt of several has failed: the others go on.
    pub(super) fn drop_sibling(&mut self, job: JobId) {
        let user = self.phys.jobs.get(job).user;
        let heir = self.phys.jobs.unlink(job);
        if user != NO_USER {
            self.phys.users[user as usize].job = Some(heir);
        }
        self.phys.jobs.remove(job);
    }

    /// The request is decided: its other attempts are of no use any more.
    pub(super) fn withdraw_siblings(&mut self, job: JobId) {
        let now = self.phys.now;
        while self.phys.jobs.sibling(job) != job {
            let other = self.phys.jobs.sibling(job);
            self.phys.jobs.unlink(other);
            let entry = self.phys.jobs.get_mut(other);
            (entry.orphan, entry.simple) = (true, false);
            let (source, instance) = (usize::from(entry.source), entry.instance as usize);
            if !entry.unsent {
                let kind = entry.kind();
                self.clients[source].ended(now, Outcome::Cancelled, kind);
            }
            if self.phys.jobs.get(other).ticket.place == Place::Outside {
                // It has ended, and the news is in the inbox.
                continue;
            }
            if self.clients[source].settings().cancels {
                self.pools[instance].cancel(now, other, &mut self.phys);
            } else {
                self.phys.orphaned(other, Waste::Withdrawn);
            }
        }
    }
}
