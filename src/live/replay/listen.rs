//! What the target reports, put down: where each attempt is, and what it costs its request.

use super::attempt::{Attempt, Flight};
use super::watch::{Count, Use, What};
use super::{Replay, Sent};
use crate::live::target::{AttemptId, Report, What as Told};
use crate::outcome::Outcome;
use crate::stats::{RequestSeen, Waste};
use crate::time::{Span, Time};
use crate::workload::trace::Fate;

impl Replay<'_> {
    /// Takes a report in.
    pub(super) fn hear(&mut self, report: Report) {
        let at = Time::from_nanos(report.at.nanos().saturating_sub(self.zero.nanos()));
        // Workers that come and go for ever bring no request nearer to its end.
        if !matches!(report.what, Told::Worker { .. }) {
            self.heard = self.heard.max(at);
        }
        match report.what {
            Told::Queued { id } => self.queued(id, at),
            Told::Started { id, worker, dying } => self.started(id, worker, dying, at),
            Told::Retried { id, outcome } => self.retried(id, outcome, at),
            Told::Ended { id, outcome, detail } => self.ended(id, outcome, detail, at),
            Told::Worker { pool, worker, event } => {
                // The workers of a warm start were there before the run.
                let before = report.at < Time::ZERO + self.zero;
                let warm = self.model.pools.get(usize::from(pool)).is_some_and(|pool| pool.life.warm_start);
                if !(before && warm) {
                    self.watch.worker(at, pool, worker, event);
                }
            }
        }
    }

    fn queued(&mut self, id: AttemptId, at: Time) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return self.strays += 1 };
        if !std::mem::replace(&mut attempt.queued, true) {
            attempt.queued_at = at;
            self.watch.step(at, What::Queue(attempt.pool), true);
        }
    }

    fn started(&mut self, id: AttemptId, worker: u32, dying: bool, at: Time) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return self.strays += 1 };
        let pool = attempt.pool;
        if std::mem::replace(&mut attempt.queued, false) {
            self.watch.step(at, What::Queue(pool), false);
        }
        attempt.book_waiting(at);
        attempt.between = false;
        attempt.worker = Some(worker);
        attempt.hand_overs += 1;
        self.watch.count(at, pool, Count::Start { dying });
        if attempt.first_start == Time::NEVER {
            attempt.first_start = at;
            let waited = attempt.has_waited(at, self.target.grain());
            let tally = self.watch.cell(attempt.cell);
            tally.wait_served.record(at.since(attempt.arrived));
            tally.delayed += u64::from(waited);
        }
        if let Some(flight) = self.flights.get_mut(&attempt.flight) {
            flight.starts += 1;
            flight.executions += u32::from(!dying);
        }
        if dying {
            return;
        }
        attempt.since = at;
        self.watch.step(at, What::Busy(pool), true);
    }

    /// Ends the service of an attempt, if it was in one.
    fn served(&mut self, id: AttemptId, outcome: Outcome, at: Time) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        let how = match (outcome, attempt.orphan) {
            (Outcome::Ok, false) => Use::Useful,
            // The loser of several attempts is nobody's, and withdrawn at once.
            (Outcome::Cancelled, _) if attempt.overdue => Use::Wasted(Waste::Timeout),
            (Outcome::Cancelled, _) | (_, false) => Use::Wasted(Waste::of(outcome)),
            (_, true) => Use::Zombie,
        };
        let since = std::mem::replace(&mut attempt.since, Time::NEVER);
        if since != Time::NEVER {
            let pool = attempt.pool;
            self.watch.step(at, What::Busy(pool), false);
            self.watch.count(at, pool, Count::Served { nanos: at.since(since).nanos(), how });
        }
    }

    fn retried(&mut self, id: AttemptId, outcome: Outcome, at: Time) {
        self.served(id, outcome, at);
        let Some(attempt) = self.attempts.get_mut(&id) else { return self.strays += 1 };
        attempt.book_failed(at);
        attempt.between = true;
        if let Some(flight) = self.flights.get_mut(&attempt.flight) {
            flight.note_try(attempt, outcome);
            attempt.try_key = flight.executions;
        }
        let innocent = is_innocent(attempt, outcome);
        let tally = self.watch.cell(attempt.cell);
        tally.pool_retries += 1;
        tally.attempts_timed_out += u64::from(outcome == Outcome::Timeout);
        tally.innocent_failures += u64::from(innocent);
    }

    fn ended(&mut self, id: AttemptId, outcome: Outcome, detail: String, at: Time) {
        self.served(id, outcome, at);
        let Some(mut attempt) = self.attempts.remove(&id) else { return self.strays += 1 };
        self.loads[usize::from(attempt.pool)] = self.loads[usize::from(attempt.pool)].saturating_sub(1);
        if std::mem::replace(&mut attempt.queued, false) {
            self.watch.step(at, What::Queue(attempt.pool), false);
        }
        self.watch.count(at, attempt.pool, Count::Ended(outcome));
        attempt.detail = detail;
        self.tally_end(&attempt, outcome, at);
        if let Some(flight) = self.flights.get_mut(&attempt.flight) {
            flight.note_try(&attempt, outcome);
        }
        if !attempt.orphan {
            self.react(id, attempt, outcome, None, at);
        }
    }

    /// Books the end of an attempt at the target.
    fn tally_end(&mut self, attempt: &Attempt, outcome: Outcome, at: Time) {
        let stayed = at.since(attempt.arrived);
        let tally = self.watch.cell(attempt.cell);
        if attempt.first_start != Time::NEVER {
            tally.sojourn_served.record(stayed);
        } else if outcome == Outcome::Rejected && attempt.queued_at == Time::NEVER {
            tally.attempts_rejected += 1;
            tally.first_rejected += u64::from(attempt.number == 1);
        } else {
            tally.delayed += u64::from(attempt.has_waited(at, Span::ZERO));
            tally.wait_left.record(stayed);
        }
        tally.attempts_timed_out += u64::from(outcome == Outcome::Timeout);
        tally.innocent_failures += u64::from(is_innocent(attempt, outcome));
    }

    /// A request is over.
    pub(super) fn finish_request(&mut self, last: &Attempt, outcome: Outcome, at: Time) {
        let Some(flight) = self.flights.remove(&last.flight) else { return };
        self.watch.ended(at, &flight, last, outcome);
        self.ended.push(sent(&flight, last, outcome, at));
        if flight.user != super::attempt::NO_USER {
            self.user_thinks(flight.user, at);
        }
    }

    /// What a service that the end cuts off was on its way to: a job that hangs or fails has proved nothing.
    fn leads_to(&self, attempt: &Attempt) -> Outcome {
        let again = self.flights.get(&attempt.flight).is_some_and(|flight| flight.executions > 1);
        match attempt.request.fate {
            Fate::CrashOnce if again => Outcome::Ok,
            fate => fate.leads_to(),
        }
    }

    /// Requests under way at the end: unfinished, each once.
    pub(super) fn open_ends(&mut self, end: Time) {
        // Services that go on count up to the end, as in a simulation.
        let serving = self.attempts.iter().filter(|(_, attempt)| attempt.since < end);
        let serving: Vec<(AttemptId, Outcome)> =
            serving.map(|(&id, attempt)| (id, self.leads_to(attempt))).collect();
        serving.into_iter().for_each(|(id, outcome)| self.served(id, outcome, end));
        let flights = std::mem::take(&mut self.flights);
        for flight in flights.values() {
            let attempt = flight.attempts.iter().find_map(|id| self.attempts.get(id));
            if let Some(last) = attempt.or(flight.resting.as_deref()) {
                self.ended.push(sent(flight, last, Outcome::Unfinished, end));
            }
        }
    }
}

fn sent(flight: &Flight, last: &Attempt, outcome: Outcome, at: Time) -> Sent {
    let waiting = if last.queued { last.waiting + at.since(last.booked) } else { last.waiting };
    let seen = RequestSeen {
        key: last.request.key,
        class: last.request.class,
        demand: last.request.demand,
        sent: flight.first_sent,
        end: at,
        outcome,
        hand_overs: last.hand_overs,
        attempts: last.number,
        waiting,
    };
    Sent {
        seen,
        source: flight.source,
        first: flight.first,
        failed: flight.failed.clone(),
        hedges: flight.hedges,
        starts: flight.starts,
        fate: last.request.fate,
        told: false,
        late: flight.late,
        started: last.first_start,
        worker: last.worker,
        detail: last.detail.clone(),
    }
}

/// Whether an attempt that ended so was spoilt by others: nothing was wrong with the job.
fn is_innocent(attempt: &Attempt, outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Crash | Outcome::WriteError)
        && !matches!(attempt.request.fate, Fate::Crash | Fate::CrashOnce | Fate::Freeze)
}
