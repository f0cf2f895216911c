//! What a timer that comes due means.

use super::*;

impl<C: SlotCalendar> World<'_, C> {
    #[inline(always)]
    pub(super) fn timer_event(&mut self) {
        let timer = self.phys.timers.pop();
        self.stamp(5 << 60 | (timer.kind as u64) << 40 | u64::from(timer.id));
        let now = self.phys.now;
        match timer.kind {
            TimerKind::WaitLimit => {
                let entry = self.phys.jobs.get(timer.id);
                if entry.stamp == timer.generation && entry.ticket.leave_by <= now {
                    let instance = entry.instance as usize;
                    self.pools[instance].wait_expired(now, timer.id, &mut self.phys);
                }
            }
            TimerKind::UserWake => self.user_sends(timer.id),
            TimerKind::Retry => self.retry_due(timer),
            _ => self.rare_timer(timer),
        }
    }

    #[inline(never)]
    pub(super) fn rare_timer(&mut self, timer: Timer) {
        let now = self.phys.now;
        match timer.kind {
            TimerKind::WaitLimit | TimerKind::UserWake | TimerKind::Retry => {}
            TimerKind::AttemptDeadline => self.attempt_deadline(timer),
            TimerKind::TotalDeadline => self.total_deadline(timer),
            TimerKind::Hedge => self.hedge_due(timer),
            TimerKind::Requeue => {
                let entry = self.phys.jobs.get(timer.id);
                if entry.stamp == timer.generation {
                    let instance = entry.instance as usize;
                    self.pools[instance].pool_timer(now, PoolTimer::Requeue(timer.id), &mut self.phys);
                }
            }
            TimerKind::Turn => {
                self.pools[timer.id as usize].pool_timer(now, PoolTimer::Turn, &mut self.phys);
            }
            TimerKind::UserStart => {
                if self.phys.user_starts(timer.id) {
                    self.user_sends(timer.id);
                }
            }
            TimerKind::UserDrop => self.user_drops(timer.id),
            TimerKind::Breakdown => self.breakdown(timer),
            TimerKind::Fault => self.fault(timer),
            TimerKind::FaultEnd => self.fault_end(timer),
            TimerKind::Scale => self.scale(timer.id as usize),
            TimerKind::Boot => self.boot(timer),
            TimerKind::Signal => self.renew_signal(timer.id as usize),
        }
    }
}
