//! The client's side: sending, giving up, trying again, hedging.

mod hedging;

use super::calendar::{SlotCalendar, Timer, TimerKind, Timers};
use super::first::First;
use super::job::{Job, NO_USER};
use super::plan::Plan;
use super::trail::What;
use super::world::{Wait, World};
use crate::model::requests::Drawn;
use crate::outcome::Outcome;
use crate::policy::client::{Attempt, Client, History};
use crate::policy::{JobId, Place, Ticket};
use crate::random::Purpose;
use crate::stats::Waste;
use crate::time::{Span, Time};

/// The waiting limits of each source at each pool: the least of the pool's limit, the source's patience and a time-out
/// that counts from the arrival.
pub(super) fn wait_rules(plan: &Plan<'_>, timers: &mut Timers) -> Vec<Vec<Wait>> {
    let rule = |source: usize, pool: usize, timers: &mut Timers| {
        let limits = [&plan.requests_of.sources[source].patience, &plan.pools[pool].waiting_limit];
        let timeout = plan.model.pools[pool].settings.times_out_waiting();
        let mut least = timeout.filter(|span| !span.is_never());
        for limit in limits.into_iter().flatten() {
            match limit.is_constant() {
                Some(span) => least = Some(least.map_or(span, |other: Span| other.min(span))),
                None => return Wait::Drawn,
            }
        }
        match least {
            // The pool lowers the limit, which is then no constant.
            Some(_) if timeout == Some(Span::NEVER) => Wait::Drawn,
            Some(span) => Wait::Constant(span, timers.ring(TimerKind::WaitLimit, span) as u8),
            None => Wait::None,
        }
    };
    (0..plan.model.sources.len())
        .map(|source| (0..plan.pools.len()).map(|pool| rule(source, pool, timers)).collect())
        .collect()
}

/// How a source sends when nothing is to be decided: no deadline, hedge, budget or circuit, and one instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direct {
    instance: u32,
    pool: u32,
    limit: Span,
    ring: Option<u8>,
}

/// The source does not send so.
const NOT_DIRECT: u32 = u32::MAX;

/// By source.
pub(super) fn direct_sends<C: SlotCalendar>(
    plan: &Plan<'_>,
    clients: &First<Client, C>,
    waits: &[Vec<Wait>],
) -> First<Direct, C> {
    let direct = |source: usize| {
        let settings = clients[source].settings();
        let plain = clients[source].is_stateless()
            && settings.hedge.is_none()
            && settings.attempt_deadline.is_never()
            && settings.total_deadline.is_never();
        let instance = plan.single[source].filter(|_| plain)?;
        let pool = plan.instances[instance as usize].0;
        let (limit, ring) = match waits[source][pool] {
            Wait::None => (Span::NEVER, None),
            Wait::Constant(limit, ring) => (limit, Some(ring)),
            Wait::Drawn => return None,
        };
        Some(Direct { instance, pool: pool as u32, limit, ring })
    };
    let never = Direct { instance: NOT_DIRECT, pool: 0, limit: Span::NEVER, ring: None };
    (0..clients.len()).map(|source| direct(source).unwrap_or(never)).collect()
}

impl Direct {
    /// Notes on an attempt that it goes this way.
    #[inline(always)]
    fn address(&self, entry: &mut Job, now: Time, attempt_stamp: &mut u32) {
        entry.simple = true;
        entry.instance = self.instance;
        entry.ticket.leave_by = now + self.limit;
        entry.ticket.arrives(now);
        entry.wait_ring = self.ring;
        if self.ring.is_some() {
            *attempt_stamp = attempt_stamp.wrapping_add(1);
            entry.stamp = *attempt_stamp;
        }
    }
}

impl<C: SlotCalendar> World<'_, C> {
    /// Makes a request and sends its first attempt.
    #[inline(always)]
    pub(super) fn send_first(&mut self, source: usize, drawn: Drawn) {
        let now = self.phys.now;
        let direct = self.direct[source];
        let (job, entry) = self.phys.new_request(source, drawn);
        if C::FOLLOWED || direct.instance == NOT_DIRECT || !self.up[direct.instance as usize] {
            return self.send(job);
        }
        entry.attempts = 1;
        direct.address(entry, now, &mut self.attempt_stamp);
        self.deliver(job, direct);
    }

    /// Sends an attempt of a request.
    #[inline(never)]
    pub(super) fn send(&mut self, job: JobId) {
        let now = self.phys.now;
        if C::FOLLOWED {
            self.phys.note_send(job);
        }
        let entry = self.phys.jobs.get_mut(job);
        let source = usize::from(entry.source);
        entry.attempts += 1;
        (entry.first_start, entry.queued_at) = (Time::NEVER, Time::NEVER);
        if entry.is_retry && !entry.hedge {
            self.phys.monitor.cells[entry.cell as usize].client_retries += 1;
        }
        let direct = self.direct[source];
        if direct.instance == NOT_DIRECT || !self.up[direct.instance as usize] {
            return self.send_with_care(job, source);
        }
        direct.address(entry, now, &mut self.attempt_stamp);
        self.deliver(job, direct);
    }

    /// An attempt without rules of its own arrives where it is addressed to.
    #[inline(always)]
    fn deliver(&mut self, job: JobId, direct: Direct) {
        self.phys.monitor.pools[direct.pool as usize].tally.arrivals += 1;
        self.pools[direct.instance as usize].take_in(self.phys.now, job, &mut self.phys);
    }

    /// Sends an attempt where the client has rules of its own, or a route chooses.
    #[inline(never)]
    fn send_with_care(&mut self, job: JobId, source: usize) {
        let now = self.phys.now;
        self.attempt_stamp = self.attempt_stamp.wrapping_add(1);
        let entry = self.phys.jobs.get_mut(job);
        entry.stamp = self.attempt_stamp;
        let kind = entry.kind();
        let client = &mut self.clients[source];
        entry.simple = client.is_stateless() && client.settings().hedge.is_none();
        if !entry.simple {
            if !client.may_send(now) {
                entry.ticket.place = Place::Outside;
                entry.unsent = true;
                if matches!(kind, Attempt::Retry { .. }) {
                    client.retry_dropped();
                }
                return self.phys.tell(job, Outcome::Rejected);
            }
            let wait = client.hold(now, kind);
            if wait > Span::ZERO {
                return self.hold_back(job, source, wait);
            }
            client.sent(now, kind);
        }
        self.transmit(job, source);
    }

    /// The client waits before it sends; a request whose deadline is nearer ends with that.
    fn hold_back(&mut self, job: JobId, source: usize, wait: Span) {
        let now = self.phys.now;
        let total = self.total_deadline_of(job, source);
        let entry = self.phys.jobs.get_mut(job);
        let at = (now + wait).min(entry.first_sent + total);
        entry.ticket.place = Place::Outside;
        (entry.in_backoff, entry.held) = (true, true);
        self.phys.monitor.in_backoff.up(now);
        self.phys.job_timer(TimerKind::Retry, job, at);
    }

    /// The wait of a request that was held back is over.
    fn let_go(&mut self, job: JobId) {
        let now = self.phys.now;
        let source = usize::from(self.phys.jobs.get(job).source);
        let total = self.total_deadline_of(job, source);
        let entry = self.phys.jobs.get_mut(job);
        if now >= entry.first_sent + total {
            return self.end_in_backoff(job, Outcome::Timeout);
        }
        entry.held = false;
        entry.leave_backoff(now);
        let kind = entry.kind();
        self.phys.monitor.in_backoff.down(now);
        self.clients[source].sent(now, kind);
        self.transmit(job, source);
    }

    /// Sends an attempt that the client lets go.
    fn transmit(&mut self, job: JobId, source: usize) {
        let now = self.phys.now;
        self.arm_deadlines(job, source);
        let Some(instance) = self.route(job, source) else {
            let cell = self.phys.jobs.get(job).cell;
            self.phys.monitor.cell(cell).attempts_rejected += 1;
            return self.phys.tell(job, Outcome::Rejected);
        };
        let pool = self.phys.plan.instances[instance as usize].0;
        self.phys.monitor.pools[pool].tally.arrivals += 1;
        self.phys.jobs.get_mut(job).instance = instance;
        self.set_waiting_limit(job, source, pool);
        self.pools[instance as usize].arrive(now, job, &mut self.phys);
    }

    /// The instance that takes a request.
    #[inline(always)]
    fn route(&mut self, job: JobId, source: usize) -> Option<u32> {
        let plan = self.phys.plan;
        match plan.single[source] {
            Some(instance) => self.up[instance as usize].then_some(instance),
            None => self.choose_instance(job, plan.model.sources[source].route),
        }
    }

    fn choose_instance(&mut self, job: JobId, route: usize) -> Option<u32> {
        let plan = self.phys.plan;
        let members = &plan.members[route];
        let settings = &plan.model.routes[route].settings;
        let late = settings.signal_delay > Span::ZERO;
        let entry = self.phys.jobs.get(job);
        let key = if entry.user == NO_USER { entry.key } else { u64::from(entry.user) };
        let (pools, up, signals) = (&self.pools, &self.up, &self.signals[route]);
        let load = |member: usize| {
            let instance = members[member] as usize;
            up[instance].then(|| if late { signals[member] } else { pools[instance].load() })
        };
        let member = self.routers[route].choose(key, members.len(), load)?;
        if settings.counts_own {
            self.signals[route][member] += 1;
        }
        Some(members[member])
    }

    #[inline(always)]
    fn arm_deadlines(&mut self, job: JobId, source: usize) {
        let now = self.phys.now;
        let settings = self.clients[source].settings();
        let (attempt, hedge) = (settings.attempt_deadline, settings.hedge);
        let total = self.total_deadline_of(job, source);
        let entry = self.phys.jobs.get_mut(job);
        entry.ticket.deadline = (now + attempt).min(entry.first_sent + total);
        let (sent, stamp) = (entry.first_sent, entry.stamp);
        if !attempt.is_never() {
            let ring = self.phys.timers.ring(TimerKind::AttemptDeadline, attempt);
            self.phys.timers.push_ring(ring, now, job, stamp);
        }
        if self.phys.plan.requests_of.sources[source].deadline.is_some() {
            // Drawn deadlines come due in any order.
            self.phys.job_timer(TimerKind::TotalDeadline, job, sent + total);
        } else if !total.is_never() {
            // Each attempt has a timer of its own, because a request that is given up goes on under a new number.
            self.arm_total_deadline(job, sent, total, stamp);
        }
        if let Some(hedge) = hedge.filter(|_| !self.phys.jobs.get(job).hedge) {
            let timer = Timer { at: now + hedge.after, kind: TimerKind::Hedge, id: job, generation: stamp };
            self.phys.timers.push(timer);
        }
    }

    /// How long the client waits for the request in all.
    #[inline(always)]
    fn total_deadline_of(&self, job: JobId, source: usize) -> Span {
        let constant = self.clients[source].settings().total_deadline;
        let draws = &self.phys.plan.requests_of.sources[source];
        draws.total_deadline(constant, &self.phys.streams, self.phys.jobs.get(job).key)
    }

    /// First attempts are sent in the order in which their deadlines come due; later ones are not.
    fn arm_total_deadline(&mut self, job: JobId, sent: Time, total: Span, stamp: u32) {
        let now = self.phys.now;
        if sent == now {
            let ring = self.phys.timers.ring(TimerKind::TotalDeadline, total);
            return self.phys.timers.push_ring(ring, now, job, stamp);
        }
        let at = sent + total;
        self.phys.timers.push(Timer { at, kind: TimerKind::TotalDeadline, id: job, generation: stamp });
    }

    #[inline(always)]
    fn set_waiting_limit(&mut self, job: JobId, source: usize, pool: usize) {
        let now = self.phys.now;
        let rule = self.waits[source][pool];
        let limit = match rule {
            Wait::None => Span::NEVER,
            Wait::Constant(limit, _) => limit,
            Wait::Drawn => self.draw_waiting_limit(job, source, pool),
        };
        let entry = self.phys.jobs.get_mut(job);
        entry.ticket.leave_by = now + limit;
        entry.wait_ring = if let Wait::Constant(_, ring) = rule { Some(ring) } else { None };
    }

    fn draw_waiting_limit(&self, job: JobId, source: usize, pool: usize) -> Span {
        let entry = self.phys.jobs.get(job);
        let mut chance = self.phys.streams.keyed(Purpose::Patience, entry.key, u64::from(entry.attempts));
        [&self.phys.plan.requests_of.sources[source].patience, &self.phys.plan.pools[pool].waiting_limit]
            .into_iter()
            .flatten()
            .map(|limit| limit.draw(&mut chance))
            .fold(Span::NEVER, Span::min)
    }

    /// An attempt has ended: the client decides what comes next.
    pub(super) fn react(&mut self, job: JobId, outcome: Outcome) {
        let now = self.phys.now;
        let entry = self.phys.jobs.get(job);
        if entry.orphan {
            self.phys.jobs.remove(job);
            return;
        }
        let source = usize::from(entry.source);
        let given_up = entry.past().given_up;
        let outcome = given_up.unwrap_or(outcome);
        if !entry.simple && !entry.unsent {
            let kind = entry.kind();
            self.clients[source].ended(now, outcome, kind);
        }
        self.phys.jobs.get_mut(job).unsent = false;
        if self.phys.jobs.sibling(job) != job {
            if outcome != Outcome::Ok && !self.is_final(given_up) {
                return self.drop_sibling(job);
            }
            self.withdraw_siblings(job);
        }
        if outcome == Outcome::Ok || self.is_final(given_up) || !self.try_again(job, source, outcome) {
            self.phys.finish_request(job, outcome);
        }
    }

    /// Whether giving up ended the request, and not just an attempt.
    fn is_final(&self, given_up: Option<Outcome>) -> bool {
        matches!(given_up, Some(Outcome::Abandoned | Outcome::Cancelled))
    }

    /// Sets a retry, if the client makes one.
    fn try_again(&mut self, job: JobId, source: usize, outcome: Outcome) -> bool {
        let now = self.phys.now;
        let plan = self.phys.plan;
        if self.clients[source].settings().retry.is_none() {
            return false;
        }
        let total = self.total_deadline_of(job, source);
        let client = &mut self.clients[source];
        let entry = self.phys.jobs.get_mut(job);
        let mut chance = self.phys.streams.keyed(Purpose::Backoff, entry.key, u64::from(entry.attempts));
        let samplers = &plan.requests_of.sources[source].backoff;
        let drawn = samplers
            .get(entry.attempts as usize - 1)
            .or(samplers.last())
            .map(|sampler| sampler.draw(&mut chance));
        let history = History {
            attempts: entry.attempts,
            last_delay: entry.past().last_delay,
            deadline: entry.first_sent + total,
        };
        let Some(delay) = client.retry(now, outcome, history, drawn, &mut chance) else { return false };
        entry.book_in_vain(now);
        entry.after = outcome;
        entry.past_mut().last_delay = delay;
        entry.ticket.place = Place::Outside;
        // Timers of the attempt that has ended are stale from now on.
        self.attempt_stamp = self.attempt_stamp.wrapping_add(1);
        entry.stamp = self.attempt_stamp;
        self.phys.monitor.in_backoff.up(now);
        self.phys.job_timer(TimerKind::Retry, job, now + delay);
        self.phys.jobs.get_mut(job).in_backoff = true;
        if C::FOLLOWED {
            self.phys.note_step(job, What::Backoff(delay));
        }
        true
    }

    /// The back-off of a request is over.
    pub(super) fn retry_due(&mut self, timer: Timer) {
        let now = self.phys.now;
        let entry = self.phys.jobs.get_mut(timer.id);
        if entry.stamp != timer.generation || !entry.in_backoff {
            return;
        }
        if entry.held {
            return self.let_go(timer.id);
        }
        entry.leave_backoff(now);
        // A hedge that outlived its first attempt is an ordinary attempt from now on.
        (entry.is_retry, entry.hedge) = (true, false);
        entry.past_mut().given_up = None;
        entry.ticket = Ticket {
            class: entry.ticket.class,
            priority: entry.ticket.priority,
            size: entry.ticket.size,
            deadline: Time::NEVER,
            ..Ticket::default()
        };
        self.phys.monitor.in_backoff.down(now);
        self.phys.redraw(timer.id, 0);
        self.send(timer.id);
    }

    /// The client's patience with an attempt is over.
    pub(super) fn attempt_deadline(&mut self, timer: Timer) {
        let entry = self.phys.jobs.get(timer.id);
        if entry.stamp == timer.generation && !entry.orphan && !entry.in_backoff {
            self.give_up(timer.id, Outcome::Timeout);
        }
    }

    /// The client's patience with a request is over.
    pub(super) fn total_deadline(&mut self, timer: Timer) {
        let entry = self.phys.jobs.get(timer.id);
        if entry.stamp == timer.generation && !entry.orphan && !entry.in_backoff {
            self.withdraw_siblings(timer.id);
            self.give_up(timer.id, Outcome::Timeout);
        }
    }

    /// A user who is to leave drops the request in flight.
    pub(super) fn user_drops(&mut self, id: u32) {
        self.phys.users[id as usize].gone = true;
        let Some(job) = self.phys.users[id as usize].job else { return };
        let source = usize::from(self.phys.jobs.get(job).source);
        let cancels = self.clients[source].settings().cancels;
        let outcome = if cancels { Outcome::Cancelled } else { Outcome::Abandoned };
        if self.phys.jobs.get(job).in_backoff {
            self.end_in_backoff(job, outcome);
        } else {
            self.withdraw_siblings(job);
            self.give_up(job, outcome);
        }
    }

    fn end_in_backoff(&mut self, job: JobId, outcome: Outcome) {
        let now = self.phys.now;
        let entry = self.phys.jobs.get_mut(job);
        entry.leave_backoff(now);
        self.clients[usize::from(entry.source)].retry_dropped();
        self.phys.monitor.in_backoff.down(now);
        self.phys.finish_request(job, outcome);
    }

    /// Gives up an attempt that is at a pool: withdraws it, or leaves it to work for nobody.
    fn give_up(&mut self, job: JobId, outcome: Outcome) {
        let now = self.phys.now;
        if C::FOLLOWED {
            self.phys.note_given_up(job, outcome);
        }
        let entry = self.phys.jobs.get_mut(job);
        entry.past_mut().given_up = Some(outcome);
        let (source, instance) = (usize::from(entry.source), entry.instance as usize);
        if self.clients[source].settings().cancels {
            return self.pools[instance].cancel(now, job, &mut self.phys);
        }
        let twin = self.phys.jobs.split(job);
        self.phys.orphaned(job, Waste::of(outcome));
        let user = self.phys.jobs.get(twin).user;
        if user != NO_USER {
            self.phys.users[user as usize].job = Some(twin);
        }
        self.react(twin, outcome);
    }
}
