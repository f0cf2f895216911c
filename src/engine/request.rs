//! Requests: how they are made, what is booked when they end.

use super::calendar::SlotCalendar;
use super::job::NO_USER;
use super::physics::{Physics, fate_of};
use crate::model::Load;
use crate::outcome::Outcome;
use crate::policy::JobId;
use crate::random::{Purpose, Stream, Streams};
use crate::time::{Span, Time};
use crate::workload::trace::{Fate, TraceRow};
use crate::workload::{ArrivalSampler, Sampler};

/// The streams and samplers of an open source, and what comes next from it.
pub(super) struct OpenSource {
    pub(super) next: Time,
    batch: u32,
    arrivals: Arrivals,
    number: u64,
    classes: Stream,
    fates: Stream,
    estimates: Stream,
    /// By entry of the mix.
    demands: Vec<Stream>,
}

enum Arrivals {
    Sampled(Box<ArrivalSampler>),
    Recorded { rows: std::sync::Arc<[TraceRow]>, next: usize },
    Users,
}

impl OpenSource {
    pub(super) fn new(load: &Load, mix: usize, index: u64, streams: &Streams) -> OpenSource {
        let arrivals = match load {
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
            classes: stream(Purpose::Class),
            fates: stream(Purpose::Fate),
            estimates: stream(Purpose::Estimate),
            demands: (0..mix as u64).map(|part| streams.keyed(Purpose::Demand, index, part)).collect(),
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

    /// The recorded row that arrives now, and its number.
    fn row(&mut self) -> Option<TraceRow> {
        match &mut self.arrivals {
            Arrivals::Recorded { rows, next } => {
                let row = rows.get(*next).copied();
                *next += 1;
                row
            }
            _ => None,
        }
    }
}

impl<C: SlotCalendar> Physics<'_, C> {
    /// Makes a request of an open source.
    #[inline(always)]
    pub(super) fn open_request(&mut self, index: usize, source: &mut OpenSource) -> JobId {
        let key = (index as u64) << 48 | source.number;
        source.number += 1;
        if let Some(row) = source.row() {
            return self.recorded_request(index, key, row, &mut source.fates);
        }
        let plan = &self.plan.sources[index];
        let mix = &self.plan.model.sources[index].mix;
        let part = match &plan.choice {
            Some(choice) => choice.draw(&mut source.classes),
            None => 0,
        };
        let class = mix[part].0;
        let demand = self.plan.classes[class].demand.draw(&mut source.demands[part]);
        let fate = if plan.fates { self.draw_fate(class, &mut source.fates) } else { Fate::Ok };
        let job = self.new_request(index, class as u16, demand, fate, key);
        self.estimate(job, class, &mut source.estimates);
        job
    }

    fn recorded_request(&mut self, index: usize, key: u64, row: TraceRow, fates: &mut Stream) -> JobId {
        let drawn = self.draw_fate(usize::from(row.class), fates);
        let job = self.new_request(index, row.class, row.demand, row.fate.unwrap_or(drawn), key);
        self.jobs.get_mut(job).scripted = row.fate.is_some();
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
                let job = self.new_request(index, request.class, request.demand, request.fate, key);
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
        let job = self.new_request(index, class as u16, demand, fate, key);
        let mut estimates = self.streams.keyed(Purpose::Estimate, key, 0);
        self.estimate(job, class, &mut estimates);
        job
    }

    #[inline(always)]
    fn new_request(&mut self, source: usize, class: u16, demand: Span, fate: Fate, key: u64) -> JobId {
        let now = self.now;
        let cell = self.monitor.request(now, class);
        let job = self.jobs.add();
        let entry = self.jobs.get_mut(job);
        entry.ticket.class = class;
        entry.ticket.priority = self.plan.model.classes[usize::from(class)].priority;
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

    /// Ends a request: books its time, counts its outcome, tells its user.
    #[inline(always)]
    pub(super) fn finish_request(&mut self, job: JobId, outcome: Outcome) {
        let now = self.now;
        self.finished += 1;
        let entry = self.jobs.get(job);
        let latency = now.since(entry.first_sent);
        let last = now.since(entry.booked);
        let started = entry.first_start != Time::NEVER && entry.ticket.started >= entry.ticket.arrived;
        let (cell, user) = (entry.cell, entry.user);
        let (waiting, failed, backoff, booked) = (entry.waiting, entry.failed, entry.backoff, entry.booked);
        let first_sent = entry.first_sent;
        let tally = self.monitor.cell(cell);
        let mut spent = [waiting, failed];
        if outcome == Outcome::Ok {
            tally.spent_final += u128::from(last.nanos());
            tally.delay += u128::from(booked.since(first_sent).nanos());
            tally.delay_count += 1;
        } else if started {
            spent[1] += last;
        } else {
            spent[0] += last;
        }
        tally.spent_waiting += u128::from(spent[0].nanos());
        tally.spent_failed += u128::from(spent[1].nanos());
        tally.spent_backoff += u128::from(backoff.nanos());
        self.monitor.ended(now, cell, latency, outcome);
        self.jobs.remove(job);
        if user != NO_USER {
            self.user_thinks(user);
        }
    }
}

fn draw(sampler: &Sampler, streams: &Streams, key: u64) -> Span {
    sampler.is_constant().unwrap_or_else(|| sampler.draw(&mut streams.keyed(Purpose::Demand, key, 0)))
}
