//! Virtual users: who sends next, and when.

use super::calendar::{SlotCalendar, Timer, TimerKind};
use super::physics::Physics;
use crate::model::Load;
use crate::model::requests::UserDraws;
use crate::policy::JobId;
use crate::time::{Span, Time};
use crate::workload::FirstAct;

/// One virtual user, from coming to going.
pub(super) struct User {
    pub(super) draws: UserDraws,
    pub(super) last_sent: Time,
    /// The request in flight.
    pub(super) job: Option<JobId>,
    /// The user no longer sends.
    pub(super) gone: bool,
}

impl<C: SlotCalendar> Physics<'_, C> {
    /// Brings the users on: each starts at its instant.
    pub(super) fn open_users(&mut self) {
        let users = UserDraws::all(self.plan.model, &self.streams, self.plan.horizon).into_iter();
        self.users =
            users.map(|draws| User { draws, last_sent: Time::ZERO, job: None, gone: false }).collect();
        for (source, settings) in self.plan.model.sources.iter().enumerate() {
            if let Load::Closed(closed) = &settings.load {
                let constant = closed.think.is_constant().filter(|_| closed.pacing == Span::ZERO);
                self.think_rings[source] = constant.map(|think| self.timers.ring(TimerKind::UserWake, think));
            }
        }
        for (id, user) in self.users.iter().enumerate() {
            let at = user.draws.plan.start;
            self.timers.push(Timer { at, kind: TimerKind::UserStart, id: id as u32, generation: 0 });
        }
    }

    /// A user has come: thinks first, or sends at once. Returns whether to send now.
    pub(super) fn user_starts(&mut self, id: u32) -> bool {
        let user = &self.users[id as usize];
        let Load::Closed(closed) = &self.plan.model.sources[usize::from(user.draws.source)].load else {
            return true;
        };
        if !closed.graceful_ramp_down.is_never() && user.draws.plan.stop != Time::NEVER {
            let at = user.draws.plan.stop + closed.graceful_ramp_down;
            self.timers.push(Timer { at, kind: TimerKind::UserDrop, id, generation: 0 });
        }
        if closed.first == FirstAct::Request {
            return true;
        }
        self.user_thinks(id);
        false
    }

    /// A request of a user has ended: the next one follows after the think time.
    pub(super) fn user_thinks(&mut self, id: u32) {
        let now = self.now;
        let user = &mut self.users[id as usize];
        user.job = None;
        let source = usize::from(user.draws.source);
        let wake = Timer { at: Time::NEVER, kind: TimerKind::UserWake, id, generation: 0 };
        match &self.plan.model.sources[source].load {
            Load::Script(_) => {
                let think = user.draws.think(&self.plan.requests_of);
                self.timers.push(Timer { at: now + think, ..wake });
            }
            Load::Closed(closed) => {
                if let Some(ring) = self.think_rings[source] {
                    return self.timers.push_ring(ring, now, id, 0);
                }
                let think = user.draws.think(&self.plan.requests_of);
                let paced = if user.draws.sent > 0 { user.last_sent + closed.pacing } else { Time::ZERO };
                self.timers.push(Timer { at: (now + think).max(paced), ..wake });
            }
            _ => {}
        }
    }

    /// Whether a user may send another request now.
    pub(super) fn user_may_send(&mut self, id: u32) -> bool {
        let user = &mut self.users[id as usize];
        let may =
            !user.gone && self.now < user.draws.plan.stop && user.draws.has_more(&self.plan.requests_of);
        user.gone |= !may;
        may
    }
}
