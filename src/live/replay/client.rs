//! The client's side: sending, giving up, trying again, hedging. What it decides is the policy's; this carries it out.

use super::attempt::{Attempt, Flight, NO_USER};
use super::watch::{Count, What};
use super::{Due, Replay};
use crate::live::target::{AttemptId, Job};
use crate::model::requests::Drawn;
use crate::outcome::Outcome;
use crate::policy::client::{Attempt as Kind, History};
use crate::random::Purpose;
use crate::stats::Waste;
use crate::time::{Span, Time};
use crate::workload::trace::Fate;

impl Replay<'_> {
    /// Sends a new request. `at`: when it was meant to be sent.
    pub(super) fn send_first(&mut self, source: u16, drawn: Drawn, user: u32, at: Time) {
        let id = self.next_flight;
        self.next_flight += 1;
        self.sent += 1;
        let late = self.clock.now().since(at);
        self.lateness.record(late);
        let cell = self.watch.request(at, drawn.class);
        let flight = Flight {
            first_sent: at,
            first: drawn,
            late,
            source,
            cell,
            user,
            attempts: Vec::new(),
            hedges: 0,
            executions: 0,
            starts: 0,
            failed: Vec::new(),
            resting: None,
            stamp: 0,
        };
        let total = self.total_deadline_of(usize::from(source), drawn.key);
        self.flights.insert(id, flight);
        if !total.is_never() {
            self.arm(at + total, Due::TotalDeadline { flight: id });
        }
        self.send(Attempt::first(drawn, id, cell, at), at);
    }

    /// Sends an attempt, if the client may and a pool takes it.
    fn send(&mut self, mut attempt: Attempt, at: Time) {
        let id = self.next_attempt;
        self.next_attempt += 1;
        let Some(flight) = self.flights.get_mut(&attempt.flight) else { return };
        flight.attempts.push(id);
        let source = usize::from(flight.source);
        let (first_sent, executions, user, cell) =
            (flight.first_sent, flight.executions, flight.user, flight.cell);
        attempt.number += 1;
        attempt.arrived = at;
        if attempt.is_retry && !attempt.hedge {
            self.watch.cell(cell).client_retries += 1;
        }
        let client = &mut self.clients[source];
        if !client.may_send(at) {
            if attempt.is_retry {
                client.retry_dropped();
            }
            return self.react(id, attempt, Outcome::Rejected, None, at);
        }
        client.sent(at, attempt.kind());
        attempt.sent = true;
        let settings = client.settings();
        let draws = &self.requests.sources[source];
        let total = draws.total_deadline(settings.total_deadline, &self.streams, attempt.request.key);
        let deadline = (at + settings.attempt_deadline).min(first_sent + total);
        let hedge = settings.hedge.filter(|_| !attempt.hedge);
        if !settings.attempt_deadline.is_never() {
            self.arm(
                at + self.clients[source].settings().attempt_deadline,
                Due::AttemptDeadline { attempt: id },
            );
        }
        if let Some(hedge) = hedge {
            self.arm(at + hedge.after, Due::Hedge { attempt: id });
        }
        let Some(pool) = self.route(source, &attempt.request, user) else {
            self.watch.cell(cell).attempts_rejected += 1;
            return self.react(id, attempt, Outcome::Rejected, None, at);
        };
        attempt.pool = pool;
        self.loads[usize::from(pool)] += 1;
        self.watch.count(at, pool, Count::Arrival);
        let wait = self.waiting_limit(source, pool, &attempt);
        let job = self.job(id, &attempt, executions, deadline, at + wait);
        if !self.target.capabilities().reports_starts
            && let Some(flight) = self.flights.get_mut(&attempt.flight)
        {
            // Nobody will tell when it begins: as in a simulation, the next try must not draw what this one did.
            flight.executions += 1;
        }
        self.attempts.insert(id, attempt);
        self.heard = self.heard.max(at);
        self.target.submit(job);
    }

    fn job(&self, id: AttemptId, attempt: &Attempt, executions: u32, deadline: Time, leave_by: Time) -> Job {
        let Drawn { key, class, priority, demand, size, scripted, .. } = attempt.request;
        let fate = self.told_fate(attempt, executions);
        Job {
            id,
            request: key,
            attempt: attempt.number,
            class,
            pool: attempt.pool,
            demand,
            size,
            executions,
            scripted,
            cpu_share: self.cpu_share(class, attempt.pool),
            fate,
            priority,
            deadline: deadline + self.zero,
            leave_by: leave_by + self.zero,
        }
    }

    /// The fate that the target is told. One that does not draw anew when it tries a job again is told of a crash that
    /// the next try would be spared.
    fn told_fate(&self, attempt: &Attempt, executions: u32) -> Fate {
        let fate = attempt.request.fate;
        let retries =
            self.model.pools[usize::from(attempt.pool)].settings.retry.is_some_and(|retry| retry.max > 0);
        if fate != Fate::Crash || !retries || self.target.capabilities().redraws {
            return fate;
        }
        let mut next = attempt.request;
        self.requests.redraw(&self.streams, &mut next, executions + 1);
        if next.fate == Fate::Crash { Fate::Crash } else { Fate::CrashOnce }
    }

    /// The share of a core that work takes. A pool without a host shares no cores in the model, so its work sleeps.
    fn cpu_share(&self, class: u16, pool: u16) -> f64 {
        let on_host = !self.model.pools[usize::from(pool)].hosts.is_empty();
        if on_host { self.model.classes[usize::from(class)].cpu_share } else { 0.0 }
    }

    /// The pool that takes a request.
    fn route(&mut self, source: usize, request: &Drawn, user: u32) -> Option<u16> {
        let number = self.model.sources[source].route;
        let pools = &self.model.routes[number].pools;
        let key = if user == NO_USER { request.key } else { u64::from(user) };
        let loads = &self.loads;
        let member = self.routers[number].choose(key, pools.len(), |member| Some(loads[pools[member]]))?;
        Some(pools[member] as u16)
    }

    /// How long the client waits for a request in all.
    fn total_deadline_of(&self, source: usize, request: u64) -> Span {
        let constant = self.clients[source].settings().total_deadline;
        self.requests.sources[source].total_deadline(constant, &self.streams, request)
    }

    /// How long the attempt may wait: the lesser of the pool's limit and the source's patience.
    fn waiting_limit(&self, source: usize, pool: u16, attempt: &Attempt) -> Span {
        let mut chance =
            self.streams.keyed(Purpose::Patience, attempt.request.key, u64::from(attempt.number));
        [&self.requests.sources[source].patience, &self.limits[usize::from(pool)]]
            .into_iter()
            .flatten()
            .map(|limit| limit.draw(&mut chance))
            .fold(Span::NEVER, Span::min)
    }

    /// An attempt is over for its client, who decides what comes next. `given_up`: the client ended it.
    pub(super) fn react(
        &mut self,
        id: AttemptId,
        mut attempt: Attempt,
        outcome: Outcome,
        given_up: Option<Outcome>,
        at: Time,
    ) {
        let Some(flight) = self.flights.get_mut(&attempt.flight) else { return };
        flight.attempts.retain(|&other| other != id);
        let (source, others) = (usize::from(flight.source), !flight.attempts.is_empty());
        if attempt.sent {
            self.clients[source].ended(at, outcome, attempt.kind());
        }
        let is_final = matches!(given_up, Some(Outcome::Abandoned | Outcome::Cancelled));
        if others {
            if outcome != Outcome::Ok && !is_final {
                // The others go on.
                return;
            }
            self.withdraw_others(attempt.flight, at);
        }
        if outcome == Outcome::Ok || is_final || !self.try_again(&mut attempt, source, outcome, at) {
            self.finish_request(&attempt, outcome, at);
        }
    }

    /// Sets a retry, if the client makes one.
    fn try_again(&mut self, attempt: &mut Attempt, source: usize, outcome: Outcome, at: Time) -> bool {
        let client = &mut self.clients[source];
        let Some(flight) = self.flights.get_mut(&attempt.flight) else { return false };
        if client.settings().retry.is_none() {
            return false;
        }
        let mut chance = self.streams.keyed(Purpose::Backoff, attempt.request.key, u64::from(attempt.number));
        let draws = &self.requests.sources[source];
        let constant = client.settings().total_deadline;
        let total = draws.total_deadline(constant, &self.streams, attempt.request.key);
        let samplers = &draws.backoff;
        let drawn = samplers
            .get(attempt.number as usize - 1)
            .or(samplers.last())
            .map(|sampler| sampler.draw(&mut chance));
        let history = History {
            attempts: attempt.number,
            last_delay: attempt.last_delay,
            deadline: flight.first_sent + total,
        };
        let Some(delay) = client.retry(at, outcome, history, drawn, &mut chance) else { return false };
        attempt.book_in_vain(at);
        attempt.after = outcome;
        attempt.last_delay = delay;
        flight.stamp += 1;
        let due = Due::Retry { flight: attempt.flight, stamp: flight.stamp };
        flight.resting = Some(Box::new(attempt.clone()));
        self.watch.step(at, What::Backoff, true);
        self.arm(at + delay, due);
        true
    }

    /// The back-off of a request is over.
    pub(super) fn retry_due(&mut self, id: u64, stamp: u32, at: Time) {
        let Some(flight) = self.flights.get_mut(&id).filter(|flight| flight.stamp == stamp) else { return };
        let Some(rested) = flight.resting.take() else { return };
        let mut attempt = rested.again();
        attempt.book_backoff(at);
        // A hedge that outlived its first attempt is an ordinary attempt from now on.
        (attempt.is_retry, attempt.hedge) = (true, false);
        self.watch.step(at, What::Backoff, false);
        attempt.try_key = flight.executions;
        self.requests.redraw(&self.streams, &mut attempt.request, attempt.try_key);
        self.send(attempt, at);
    }

    /// The client's patience with an attempt is over.
    pub(super) fn attempt_deadline(&mut self, id: AttemptId, at: Time) {
        if self.attempts.get(&id).is_some_and(|attempt| !attempt.orphan) {
            self.give_up(id, Outcome::Timeout, at);
        }
    }

    /// The client's patience with a request is over.
    pub(super) fn total_deadline(&mut self, id: u64, at: Time) {
        let Some(flight) = self.flights.get(&id).filter(|flight| flight.resting.is_none()) else { return };
        let Some(&first) = flight.attempts.first() else { return };
        self.withdraw_all_but(id, first, at);
        self.give_up(first, Outcome::Timeout, at);
    }

    /// A user who is to leave drops the request in flight.
    pub(super) fn drop_flight(&mut self, id: u64, at: Time) {
        let Some(flight) = self.flights.get_mut(&id) else { return };
        let source = usize::from(flight.source);
        let cancels = self.clients[source].settings().cancels;
        let outcome = if cancels { Outcome::Cancelled } else { Outcome::Abandoned };
        if let Some(mut rested) = flight.resting.take() {
            rested.book_backoff(at);
            self.clients[source].retry_dropped();
            self.watch.step(at, What::Backoff, false);
            return self.finish_request(&rested, outcome, at);
        }
        let Some(&first) = flight.attempts.first() else { return };
        self.withdraw_all_but(id, first, at);
        self.give_up(first, outcome, at);
    }

    /// Gives up an attempt that is at the target: withdraws it, or leaves it to work for nobody.
    fn give_up(&mut self, id: AttemptId, outcome: Outcome, at: Time) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        (attempt.orphan, attempt.overdue) = (true, outcome == Outcome::Timeout);
        // A timer that fired late must not end what was booked after its instant.
        let at = at.max(attempt.booked);
        let Some(flight) = self.flights.get(&attempt.flight) else { return };
        if self.clients[usize::from(flight.source)].settings().cancels {
            self.target.cancel(id);
        } else {
            self.watch.left_alone(attempt, Waste::of(outcome), at);
        }
        let attempt = attempt.clone();
        let given_up = Some(outcome);
        self.react(id, attempt, outcome, given_up, at);
    }

    /// The answer has been waited for long enough: a second attempt goes out beside the first.
    pub(super) fn hedge_due(&mut self, id: AttemptId, at: Time) {
        let Some(attempt) = self.attempts.get(&id).filter(|attempt| !attempt.orphan) else { return };
        let Some(flight) = self.flights.get_mut(&attempt.flight) else { return };
        let Some(hedge) = self.clients[usize::from(flight.source)].settings().hedge else { return };
        if flight.hedges >= hedge.max || flight.resting.is_some() {
            return;
        }
        flight.hedges += 1;
        // Where the hedge decides, the time before it was that of an attempt which did not.
        let mut twin = attempt.clone();
        twin.book_in_vain(at);
        twin = twin.again();
        (twin.hedge, twin.number) = (true, twin.number - 1);
        let cell = flight.cell;
        twin.try_key = flight.executions + 1000;
        self.requests.redraw(&self.streams, &mut twin.request, twin.try_key);
        self.watch.cell(cell).hedges += 1;
        self.arm(at + hedge.after, Due::Hedge { attempt: id });
        self.send(twin, at);
    }

    fn withdraw_others(&mut self, id: u64, at: Time) {
        self.withdraw_all_but(id, AttemptId::MAX, at);
    }

    /// The request is decided: its other attempts are of no use any more.
    fn withdraw_all_but(&mut self, id: u64, kept: AttemptId, at: Time) {
        let Some(flight) = self.flights.get_mut(&id) else { return };
        let source = usize::from(flight.source);
        let dropped: Vec<AttemptId> =
            flight.attempts.iter().copied().filter(|&other| other != kept).collect();
        flight.attempts.retain(|&other| other == kept);
        for other in dropped {
            let Some(attempt) = self.attempts.get_mut(&other) else { continue };
            attempt.orphan = true;
            let kind: Kind = attempt.kind();
            self.clients[source].ended(at, Outcome::Cancelled, kind);
            if self.clients[source].settings().cancels {
                self.target.cancel(other);
            } else {
                self.watch.left_alone(attempt, Waste::Withdrawn, at);
            }
        }
    }
}
