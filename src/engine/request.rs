//! Requests: how they are made, what is booked when they end.

use super::RequestSeen;
use super::calendar::SlotCalendar;
use super::job::NO_USER;
use super::physics::{Physics, fate_of};
use super::plan::Plan;
use super::trail::What;
use crate::model::Load;
use crate::outcome::Outcome;
use crate::policy::JobId;
use crate::random::{Purpose, Stream, Streams};
use crate::time::{Span, Time};
use crate::workload::trace::{Fate, TraceRow};
use crate::workload::{ArrivalSampler, Choice, Sampler};

/// The streams and samplers of an open source, and what comes next from it.
pub(super) struct OpenSource<'m> {
    pub(super) next: Time,
    batch: u32,
    arrivals: Arrivals,
    number: u64,
    /// Chooses among `parts`; `None` if there is one.
    choice: Option<&'m Choice>,
    /// Whether any class can go wrong.
    can_fail: bool,
    classes: Stream,
    fates: Stream,
    estimates: Stream,
    /// By entry of the mix.
    parts: Vec<Part<'m>>,
}

/// One class of a source's mix.
struct Part<'m> {
    class: u16,
    priority: u8,
    /// Whether the policy's size estimates are wrong.
    guesses: bool,
    sampler: &'m Sampler,
    demands: Stream,
}

/// The ends of requests that a caller wants to see: of all, or of the slowest of every class.
pub(super) struct Ends {
    seen: Vec<RequestSeen>,
    each: usize,
    most: usize,
}

impl Ends {
    /// Keeps all.
    pub(super) fn all() -> Ends {
        Ends { seen: Vec::new(), each: usize::MAX, most: usize::MAX }
    }

    /// Keeps so many of each of `classes` classes.
    pub(super) fn slowest(each: usize, classes: usize) -> Ends {
        Ends { seen: Vec::new(), each, most: 64.max(4 * each * classes) }
    }

    fn push(&mut self, end: RequestSeen) {
        self.seen.push(end);
        if self.seen.len() >= self.most {
            self.thin();
        }
    }

    /// Leaves the slowest of every class.
    fn thin(&mut self) {
        self.seen.sort_by_key(|one| (one.class, std::cmp::Reverse(one.latency()), one.key));
        let mut count = (u16::MAX, 0);
        let each = self.each;
        self.seen.retain(|one| {
            count = if one.class == count.0 { (one.class, count.1 + 1) } else { (one.class, 1) };
            count.1 <= each
        });
    }

    /// All in order of ending, or the slowest by class, the slowest first.
    pub(super) fn into_list(mut self) -> Vec<RequestSeen> {
        if self.each < usize::MAX {
            self.thin();
        }
        self.seen
    }
}

enum Arrivals {
    Sampled(Box<ArrivalSampler>),
    Recorded { rows: std::sync::Arc<[TraceRow]>, next: usize },
    Users,
}

impl<'m> OpenSource<'m> {
    pub(super) fn new(plan: &'m Plan<'m>, index: u64, streams: &Streams) -> OpenSource<'m> {
        let settings = &plan.model.sources[index as usize];
        let arrivals = match &settings.load {
            Load::Open(open) => Arrivals::Sampled(Box::new(ArrivalSampler::new(open, streams, index))),
            Load::Trace(trace) => Arrivals::Recorded { rows: trace.rows.clone(), next: 0 },
            Load::Closed(_) | Load::Script(_) => Arrivals::Users,
        };
        let stream = |purpose| streams.stream(purpose, index);
        let mut source = OpenSource {
            next: Time::NEVER,
            batch: 0,
            arrivals,
            number: 0,
            choice: plan.sources[index as usize].choice.as_ref(),
            can_fail: plan.sources[index as usize].fates,
            classes: stream(Purpose::Class),
            fates: stream(Purpose::Fate),
            estimates: stream(Purpose::Estimate),
            parts: settings.mix.iter().map(|&(class, _)| Part::new(plan, index, class, streams)).collect(),
        };
        source.advance();
        source
    }

    /// Finds the next arrival.
    #[inline(always)]
    pub(super) fn advance(&mut self) {
        (self.next, self.batch) = match &mut self.arrivals {
            Arrivals::Sampled(sampler) => sampler.next().unwrap_or((Time::NEVER, 0)),
            Arrivals::Recorded { rows, next } => match rows.get(*next) {
                Some(row) => (row.at, 1),
                None => (Time::NEVER, 0),
            },
            Arrivals::Users => (Time::NEVER, 0),
        };
    }

    /// How many requests arrive together now.
    #[inline(always)]
    pub(super) fn batch(&self) -> u32 {
        self.batch
    }

    /// No more arrivals.
    pub(super) fn stop(&mut self) {
        (self.next, self.batch) = (Time::NEVER, 0);
    }

    /// The recorded row that arrives now.
    fn row(&mut self) -> TraceRow {
        match &mut self.arrivals {
            Arrivals::Recorded { rows, next } => {
                *next += 1;
                rows[*next - 1]
            }
            _ => unreachable!("only recorded arrivals have rows"),
        }
    }
}

impl<'m> Part<'m> {
    fn new(plan: &'m Plan<'m>, source: u64, class: usize, streams: &Streams) -> Part<'m> {
        Part {
            class: class as u16,
            priority: plan.model.classes[class].priority,
            guesses: plan.model.classes[class].estimate_error > 0.0,
            sampler: &plan.classes[class].demand,
            demands: streams.keyed(Purpose::Demand, source, class as u64),
        }
    }
}

impl<C: SlotCalendar> Physics<'_, C> {
    /// Makes a request of an open source.
    #[inline(always)]
    pub(super) fn open_request(&mut self, index: usize, source: &mut OpenSource) -> JobId {
        let key = (index as u64) << 48 | source.number;
        source.number += 1;
        if let Arrivals::Recorded { .. } = source.arrivals {
            return self.recorded_request(index, key, source);
        }
        let number = match source.choice {
            Some(choice) => choice.draw(&mut source.classes),
            None => 0,
        };
        let part = &mut source.parts[number];
        let demand = part.sampler.draw(&mut part.demands);
        let fate = if source.can_fail {
            self.draw_fate(usize::from(part.class), &mut source.fates)
        } else {
            Fate::Ok
        };
        let job = self.new_request(index, part.class, part.priority, demand, fate, key);
        if part.guesses {
            self.estimate(job, usize::from(part.class), &mut source.estimates);
        }
        job
    }

    fn recorded_request(&mut self, index: usize, key: u64, source: &mut OpenSource<'_>) -> JobId {
        let row = source.row();
        let drawn = self.draw_fate(usize::from(row.class), &mut source.fates);
        let priority = self.plan.model.classes[usize::from(row.class)].priority;
        let job = self.new_request(index, row.class, priority, row.demand, row.fate.unwrap_or(drawn), key);
        self.jobs.get_mut(job).scripted = row.fate.is_some();
        self.estimate(job, usize::from(row.class), &mut source.estimates);
        job
    }

    /// Makes the next request of a user.
    pub(super) fn user_request(&mut self, id: u32) -> JobId {
        let now = self.now;
        let user = &mut self.users[id as usize];
        let index = usize::from(user.source);
        let key =
            u64::from(user.source) << 48 | 1 << 47 | u64::from(user.number) << 24 | u64::from(user.sent);
        let sent = user.sent as usize;
        user.sent += 1;
        user.last_sent = now;
        let job = match &self.plan.model.sources[index].load {
            Load::Script(script) => {
                let request = script[user.number as usize].requests[sent];
                let priority = self.plan.model.classes[usize::from(request.class)].priority;
                let job = self.new_request(index, request.class, priority, request.demand, request.fate, key);
                self.jobs.get_mut(job).scripted = true;
                job
            }
            _ => self.drawn_user_request(id, index, key),
        };
        self.users[id as usize].job = Some(job);
        let entry = self.jobs.get_mut(job);
        entry.user = id;
        job
    }

    fn drawn_user_request(&mut self, id: u32, index: usize, key: u64) -> JobId {
        let plan = self.plan;
        let user = &mut self.users[id as usize];
        let part = plan.sources[index].choice.as_ref().map_or(0, |choice| choice.draw(&mut user.classes));
        let class = plan.model.sources[index].mix[part].0;
        let unit = if plan.sources[index].fates { user.fates.unit() } else { 1.0 };
        let fate = plan.classes[class].fates.as_ref().map_or(Fate::Ok, |fates| fate_of(fates, unit));
        let demand = draw(&plan.classes[class].demand, &self.streams, key);
        let priority = plan.model.classes[class].priority;
        let job = self.new_request(index, class as u16, priority, demand, fate, key);
        let mut estimates = self.streams.keyed(Purpose::Estimate, key, 0);
        self.estimate(job, class, &mut estimates);
        job
    }

    #[inline(always)]
    fn new_request(
        &mut self,
        source: usize,
        class: u16,
        priority: u8,
        demand: Span,
        fate: Fate,
        key: u64,
    ) -> JobId {
        let now = self.now;
        let cell = self.monitor.request(now, class);
        let (job, entry) = self.jobs.fresh();
        entry.ticket.class = class;
        entry.ticket.priority = priority;
        entry.ticket.size = demand;
        entry.demand = demand;
        entry.fate = fate;
        (entry.first_sent, entry.booked) = (now, now);
        entry.key = key;
        entry.source = source as u16;
        entry.cell = cell;
        job
    }

    #[inline(always)]
    fn draw_fate(&self, class: usize, fates: &mut Stream) -> Fate {
        let unit = fates.unit();
        self.plan.classes[class].fates.as_ref().map_or(Fate::Ok, |cumulative| fate_of(cumulative, unit))
    }

    /// What the policy is told of the size: the demand, or a guess that is off by a lognormal factor.
    #[inline(always)]
    fn estimate(&mut self, job: JobId, class: usize, stream: &mut Stream) {
        let sigma = self.plan.model.classes[class].estimate_error;
        if sigma > 0.0 {
            let factor = libm::exp(sigma * stream.normal());
            let entry = self.jobs.get_mut(job);
            entry.ticket.size = entry.demand.scaled(factor);
        }
    }

    /// Ends a request whose attempt ended well and whose client has nothing to decide.
    #[inline(always)]
    pub(super) fn finish_at_once(&mut self, job: JobId) {
        let now = self.now;
        let entry = self.jobs.remove(job);
        self.finished += 1;
        let latency = now.since(entry.first_sent);
        let user = entry.user;
        let tally = &mut self.monitor.cells[entry.cell as usize];
        tally.spent_waiting += u128::from(entry.waiting.nanos());
        tally.spent_final += u128::from(now.since(entry.booked).nanos());
        if entry.failed != Span::ZERO || entry.backoff != Span::ZERO {
            tally.spent_failed += u128::from(entry.failed.nanos());
            tally.spent_backoff += u128::from(entry.backoff.nanos());
        }
        if self.plan.slowdown {
            tally.slowdown +=
                now.since(entry.ticket.arrived).nanos() as f64 / entry.demand.nanos().max(1) as f64;
            tally.slowdown_count += 1;
        }
        if entry.attempts == 1 {
            self.monitor.ended_at_once(now, entry.cell, latency);
        } else {
            tally.sojourn_served.record(now.since(entry.ticket.arrived));
            self.monitor.ended(now, entry.cell, latency, Outcome::Ok);
        }
        if C::FOLLOWED {
            self.note_step(job, What::Ended(Outcome::Ok));
        }
        if self.ends.is_some() {
            self.note_end(job, Outcome::Ok);
        }
        if user != NO_USER {
            self.user_thinks(user);
        }
    }

    /// Keeps the end of a request for a caller who follows them.
    #[inline(never)]
    fn note_end(&mut self, job: JobId, outcome: Outcome) {
        let entry = self.jobs.get(job);
        let end = RequestSeen {
            key: entry.key,
            class: entry.ticket.class,
            demand: entry.demand,
            sent: entry.first_sent,
            end: self.now,
            outcome,
            hand_overs: if entry.first_start == Time::NEVER { 0 } else { entry.ticket.retries + 1 },
            attempts: entry.attempts,
            waiting: entry.waiting,
        };
        if let Some(ends) = &mut self.ends {
            ends.push(end);
        }
    }

    /// Ends a request: books its time, counts its outcome, tells its user.
    pub(super) fn finish_request(&mut self, job: JobId, outcome: Outcome) {
        let now = self.now;
        self.finished += 1;
        let entry = self.jobs.get(job);
        let last = now.since(entry.booked);
        let waited = entry.was_waiting();
        let (cell, user) = (entry.cell, entry.user);
        let mut spent = [entry.waiting, entry.failed];
        let backoff = entry.backoff;
        let tally = &mut self.monitor.cells[cell as usize];
        if outcome == Outcome::Ok {
            tally.spent_final += u128::from(last.nanos());
        } else if waited {
            spent[0] += last;
        } else {
            spent[1] += last;
        }
        tally.spent_waiting += u128::from(spent[0].nanos());
        tally.spent_failed += u128::from(spent[1].nanos());
        tally.spent_backoff += u128::from(backoff.nanos());
        if outcome != Outcome::Ok {
            // `Monitor::finish` takes this from what all requests spent before their last attempt.
            tally.delay += u128::from((spent[0] + spent[1] + backoff).nanos());
        }
        let latency = now.since(entry.first_sent);
        self.monitor.ended(now, cell, latency, outcome);
        self.jobs.remove(job);
        if C::FOLLOWED {
            self.note_step(job, What::Ended(outcome));
        }
        if self.ends.is_some() {
            self.note_end(job, outcome);
        }
        if user != NO_USER {
            self.user_thinks(user);
        }
    }
}

fn draw(sampler: &Sampler, streams: &Streams, key: u64) -> Span {
    sampler.is_constant().unwrap_or_else(|| sampler.draw(&mut streams.keyed(Purpose::Demand, key, 0)))
}
