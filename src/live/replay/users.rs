//! Virtual users in real time: who sends next, and when.

use super::{Due, Replay};
use crate::model::requests::UserDraws;
use crate::model::{Load, Model};
use crate::random::Streams;
use crate::time::Time;
use crate::workload::FirstAct;

/// One virtual user, from coming to going.
pub(super) struct User {
    draws: UserDraws,
    last_sent: Time,
    /// The request in flight.
    flight: Option<u64>,
    /// The user no longer sends.
    pub(super) gone: bool,
}

/// The users of all closed sources.
pub(super) fn users(model: &Model, streams: &Streams, horizon: Time) -> Vec<User> {
    let users = UserDraws::all(model, streams, horizon).into_iter();
    users.map(|draws| User { draws, last_sent: Time::ZERO, flight: None, gone: false }).collect()
}

impl Replay<'_> {
    /// Brings the users on: each starts at their instant.
    pub(super) fn open_users(&mut self) {
        for user in 0..self.users.len() as u32 {
            let at = self.users[user as usize].draws.plan.start;
            self.arm(at, Due::UserStart { user });
        }
    }

    /// A user has come: thinks first, or sends at once.
    pub(super) fn user_starts(&mut self, id: u32, at: Time) {
        let user = &self.users[id as usize];
        let source = usize::from(user.draws.source);
        let Load::Closed(closed) = &self.model.sources[source].load else { return self.user_sends(id, at) };
        let (stop, patience) = (user.draws.plan.stop, closed.graceful_ramp_down);
        if !patience.is_never() && stop != Time::NEVER {
            self.arm(stop + patience, Due::UserDrop { user: id });
        }
        if closed.first == FirstAct::Request { self.user_sends(id, at) } else { self.user_thinks(id, at) }
    }

    /// A user sends, if they still may.
    pub(super) fn user_sends(&mut self, id: u32, at: Time) {
        let user = &mut self.users[id as usize];
        let may = !user.gone && at < user.draws.plan.stop && user.draws.has_more(self.requests);
        user.gone |= !may;
        if !may {
            return;
        }
        user.last_sent = at;
        let drawn = user.draws.request(self.requests, &self.streams);
        user.flight = Some(self.next_flight);
        let source = user.draws.source;
        self.send_first(source, drawn, id, at);
        if self.sent >= self.most {
            self.stop_sending(at);
        }
    }

    /// A request of a user has ended: the next one follows after the think time.
    pub(super) fn user_thinks(&mut self, id: u32, at: Time) {
        let user = &mut self.users[id as usize];
        user.flight = None;
        if user.gone {
            return;
        }
        let think = user.draws.think(self.requests);
        let paced = match &self.model.sources[usize::from(user.draws.source)].load {
            Load::Closed(closed) if user.draws.sent > 0 => user.last_sent + closed.pacing,
            _ => Time::ZERO,
        };
        self.arm((at + think).max(paced), Due::UserWake { user: id });
    }

    /// A user who is to leave drops the request in flight.
    pub(super) fn user_drops(&mut self, id: u32, at: Time) {
        self.users[id as usize].gone = true;
        if let Some(flight) = self.users[id as usize].flight {
            self.drop_flight(flight, at);
        }
    }
}
