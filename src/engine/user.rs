//! Virtual users: who sends next, and when.

use super::calendar::{SlotCalendar, Timer, TimerKind};
use super::physics::Physics;
use super::plan::Plan;
use crate::model::Load;
use crate::policy::JobId;
use crate::random::{Purpose, Stream, Streams};
use crate::time::{Span, Time};
use crate::workload::{FirstAct, UserPlan};

/// One virtual user, from coming to going.
pub(super) struct User {
    pub(super) source: u16,
    /// Number within the source: names the user's draws.
    pub(super) number: u32,
    pub(super) plan: UserPlan,
    /// Requests sent so far.
    pub(super) sent: u32,
    pub(super) last_sent: Time,
    /// The request in flight.
    pub(super) job: Option<JobId>,
    pub(super) classes: Stream,
    pub(super) fates: Stream,
    think: Stream,
    /// The user no longer sends.
    pub(super) gone: bool,
}

/// The users of all closed sources, in order of source and number.
pub(super) fn users(plan: &Plan<'_>, streams: &Streams) -> Vec<User> {
    let mut users = Vec::new();
    for (source, settings) in plan.model.sources.iter().enumerate() {
        let plans: Vec<UserPlan> = match &settings.load {
            Load::Closed(closed) => closed.plans(plan.horizon),
            Load::Script(script) => script.iter().map(|user| user.plan).collect(),
            _ => Vec::new(),
        };
        for (number, user_plan) in plans.into_iter().enumerate() {
            let stream = |purpose| streams.stream(purpose, (source as u64) << 48 | 1 << 47 | number as u64);
            users.push(User {
                source: source as u16,
                number: number as u32,
                plan: user_plan,
                sent: 0,
                last_sent: Time::ZERO,
                job: None,
                classes: stream(Purpose::Class),
                fates: stream(Purpose::Fate),
                think: stream(Purpose::Think),
                gone: false,
            });
        }
    }
    users
}

impl<C: SlotCalendar> Physics<'_, C> {
    /// Brings the users on: each starts at its instant.
    pub(super) fn open_users(&mut self) {
        self.users = users(self.plan, &self.streams);
        for (source, settings) in self.plan.model.sources.iter().enumerate() {
            if let Load::Closed(closed) = &settings.load {
                let constant = closed.think.is_constant().filter(|_| closed.pacing == Span::ZERO);
                self.think_rings[source] = constant.map(|think| self.timers.ring(think));
            }
        }
        for (id, user) in self.users.iter().enumerate() {
            let at = user.plan.start;
            self.timers.push(Timer { at, kind: TimerKind::UserStart, id: id as u32, generation: 0 });
        }
    }

    /// A user has come: thinks first, or sends at once. Returns whether to send now.
    pub(super) fn user_starts(&mut self, id: u32) -> bool {
        let user = &self.users[id as usize];
        let Load::Closed(closed) = &self.plan.model.sources[usize::from(user.source)].load else {
            return true;
        };
        if !closed.graceful_ramp_down.is_never() && user.plan.stop != Time::NEVER {
            let at = user.plan.stop + closed.graceful_ramp_down;
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
        let source = usize::from(user.source);
        let wake = Timer { at: Time::NEVER, kind: TimerKind::UserWake, id, generation: 0 };
        match &self.plan.model.sources[source].load {
            Load::Script(script) => {
                let last = user.sent.saturating_sub(1) as usize;
                let requests = &script[user.number as usize].requests;
                let think = requests.get(last).map_or(Span::NEVER, |request| request.think);
                self.timers.push(Timer { at: now + think, ..wake });
            }
            Load::Closed(closed) => {
                if let Some(ring) = self.think_rings[source] {
                    return self.timers.push_ring(ring, now, TimerKind::UserWake, id, 0);
                }
                let sampler = self.plan.sources[source].think.as_ref();
                let think = sampler.map_or(Span::ZERO, |sampler| sampler.draw(&mut user.think));
                let paced = if user.sent > 0 { user.last_sent + closed.pacing } else { Time::ZERO };
                self.timers.push(Timer { at: (now + think).max(paced), ..wake });
            }
            _ => {}
        }
    }

    /// Whether a user may send another request now.
    pub(super) fn user_may_send(&mut self, id: u32) -> bool {
        let user = &mut self.users[id as usize];
        let has_script = match &self.plan.model.sources[usize::from(user.source)].load {
            Load::Script(script) => (user.sent as usize) < script[user.number as usize].requests.len(),
            _ => true,
        };
        let may = !user.gone && self.now < user.plan.stop && has_script;
        user.gone |= !may;
        may
    }
}
