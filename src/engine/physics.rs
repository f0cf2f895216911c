//! What machines do in production: carry jobs to workers, work, answer, die, start. The simulator's driver.

mod effects;
mod kept;
mod workers;

use super::calendar::{SlotCalendar, Timer, TimerKind, Timers};
use super::first::First;
use super::host::Host;
use super::job::Jobs;
use super::monitor::{Monitor, Use};
use super::plan::Plan;
use super::request::Ends;
use super::slot::{Act, NO_LANE, Slot, SlotTable};
use super::trail::{Notes, What};
use super::user::User;
use crate::model::requests::Drawn;
use crate::outcome::Outcome;
use crate::policy::decision::{Choice, Decision, JobName, Log};
use crate::policy::{
    CrashRadius, Driver, JobId, NO_JOB, Place, PoolTimer, SlotTimer, Slots, Ticket, Tickets, WorkerState,
};
use crate::random::{Purpose, Streams};
use crate::stats::{HostTally, Waste};
use crate::time::{Span, Time};
use crate::workload::Sampler;
use crate::workload::trace::Fate;
use kept::Kept;
use std::collections::BTreeMap;
use std::num::Wrapping;

/// What a recorded run left to chance, to be repeated instead of drawn. What is not in it is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Whether a write to a dying worker failed, by (request key, retries used); keys as in
    /// [`RequestSeen`](crate::stats::RequestSeen).
    pub writes: BTreeMap<(u64, u32), bool>,
    /// How late a service's timer fired, by (request key, retries used).
    pub timers: BTreeMap<(u64, u32), Span>,
    /// From the kill of a worker to the notice of its exit, by (slot, workers that were started in it since the start).
    pub exits: BTreeMap<(u32, u32), Span>,
}

/// How an instance's slots are numbered, and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbering {
    first: u32,
    stride: u32,
    pool: u32,
}

/// The machines: everything that is not a decision.
pub(super) struct Physics<'m, C> {
    pub(super) plan: &'m Plan<'m>,
    pub(super) streams: Streams,
    pub(super) now: Time,
    pub(super) slots: SlotTable<C>,
    pub(super) calendar: C,
    pub(super) timers: Timers,
    pub(super) jobs: Jobs,
    pub(super) hosts: Vec<Host>,
    pub(super) monitor: Monitor<C>,
    /// By instance: the number of its first slot and the distance to its next. Slots of pools without a limit are
    /// interleaved behind all others.
    numbering: First<Numbering, C>,
    /// Somebody is to be told something, or the run may end: the loop looks only then.
    pub(super) news: bool,
    /// Attempts that have ended and whose clients have not been told.
    pub(super) inbox: Vec<(JobId, Outcome)>,
    /// Slots on which a write failed and whose pool has not been told.
    pub(super) failed_writes: Vec<u32>,
    /// What is to be repeated.
    pub(super) recorded: Option<&'m Recorded>,
    /// By instance: spawns so far.
    spawn_order: Vec<u32>,
    /// Virtual users, all sources together.
    pub(super) users: Vec<User>,
    /// The ring of a think time, by source, where it is a constant.
    pub(super) think_rings: Vec<Option<usize>>,
    /// Requests that have ended.
    pub(super) finished: u64,
    /// The end of each request, where a caller wants to follow them.
    pub(super) ends: Option<Ends>,
    /// Somebody wants to know of every end: such a caller, a user, or the count of slow-downs.
    pub(super) observed: bool,
    /// Notes of what happens, in a world that takes them.
    pub(super) notes: Option<Notes<'m>>,
    /// The decisions, where they are taken down.
    pub(super) log: Option<Log>,
    /// Service counted so far, for the balance check: nanoseconds modulo 2^64.
    pub(super) service_counted: Wrapping<u64>,
    /// Waiting counted so far, for the balance check: nanoseconds modulo 2^64.
    pub(super) waiting_counted: Wrapping<u64>,
    /// Service of jobs that wait to go on after a breakdown.
    kept: BTreeMap<JobId, Kept>,
}

impl<'m, C: SlotCalendar> Physics<'m, C> {
    pub(super) fn new(
        plan: &'m Plan<'m>,
        streams: Streams,
        recorded: Option<&'m Recorded>,
    ) -> Physics<'m, C> {
        let (mut slots, numbering) = lay_out(plan);
        if recorded.is_some_and(|recorded| !recorded.timers.is_empty()) {
            // A constant lateness would not be asked for.
            slots.iter_mut().for_each(|slot| slot.timer_delay = None);
        }
        Physics {
            plan,
            streams,
            now: Time::ZERO,
            calendar: C::new(slots.len()),
            slots: SlotTable::new(plan, slots),
            timers: Timers::new(),
            jobs: Jobs::new(),
            hosts: plan.model.hosts.iter().map(|host| Host::new(host.contention.clone())).collect(),
            monitor: Monitor::new(plan.model, plan.expected_length(), plan.horizon, plan.requests),
            numbering: numbering.into_iter().collect(),
            news: false,
            inbox: Vec::with_capacity(16),
            failed_writes: Vec::new(),
            recorded,
            spawn_order: vec![0; plan.instances.len()],
            users: Vec::new(),
            think_rings: vec![None; plan.model.sources.len()],
            finished: 0,
            ends: None,
            observed: false,
            log: None,
            notes: None,
            service_counted: Wrapping(0),
            waiting_counted: Wrapping(0),
            kept: BTreeMap::new(),
        }
    }

    /// The number of a slot over all instances.
    #[inline(always)]
    pub(super) fn slot_number(&self, instance: u32, local: u32) -> u32 {
        if C::ALONE {
            return local;
        }
        let of = &self.numbering[instance as usize];
        of.first + local * of.stride
    }

    #[inline(always)]
    pub(super) fn pool_of(&self, instance: u32) -> usize {
        if C::ALONE {
            return 0;
        }
        self.numbering[instance as usize].pool as usize
    }

    /// The host of an instance, if its pool names one.
    pub(super) fn host_of(&self, instance: u32) -> Option<usize> {
        let (pool, number) = self.plan.instances[instance as usize];
        let hosts = &self.plan.model.pools[pool].hosts;
        (!hosts.is_empty()).then(|| hosts[number as usize % hosts.len()])
    }

    /// The host where work is done first, and when.
    #[inline(always)]
    pub(super) fn next_host(&self) -> (Time, usize) {
        let mut first = (Time::NEVER, 0);
        if !C::ALONE {
            for (number, host) in self.hosts.iter().enumerate() {
                if host.next() < first.0 {
                    first = (host.next(), number);
                }
            }
        }
        first
    }

    /// Lets a client know, after the present event, that an attempt has ended.
    pub(super) fn tell(&mut self, job: JobId, outcome: Outcome) {
        self.news = true;
        self.inbox.push((job, outcome));
    }

    /// Brings the calendar up to date with a slot.
    #[inline(always)]
    pub(super) fn schedule(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        let at = slot.earliest();
        if at == slot.key {
            return;
        }
        if slot.key != Time::NEVER {
            self.calendar.remove(number);
        }
        // What lies beyond every horizon never happens.
        slot.key = if at > Time::HORIZON_MAX { Time::NEVER } else { at };
        if slot.key != Time::NEVER {
            self.calendar.insert(at, number);
        }
    }

    /// Notes that nobody waits any more for a job's result: what was done so far is in vain for that reason, what
    /// follows is for nobody.
    pub(super) fn orphaned(&mut self, job: JobId, why: Waste) {
        self.waste_kept(job, why);
        let entry = self.jobs.get(job);
        if entry.ticket.place == Place::Running {
            let number = self.slot_number(entry.instance, entry.ticket.slot);
            if self.slots[number as usize].since != Time::NEVER {
                self.close_service(number, Use::Wasted(why));
                self.slots[number as usize].since = self.now;
            }
            self.slots[number as usize].orphan = true;
            if C::FOLLOWED {
                self.note_orphan(number, job);
            }
        }
    }

    /// Sets what happens next in a slot.
    #[inline(always)]
    pub(super) fn plan_act(&mut self, number: u32, act: Act, at: Time) {
        let slot = &mut self.slots[number as usize];
        (slot.act, slot.act_at) = (act, at);
        self.schedule(number);
    }

    /// Ends a stretch of service and says what it was good for.
    #[inline(always)]
    pub(super) fn close_service(&mut self, number: u32, how: Use) {
        if C::FOLLOWED {
            self.note_service_end(number, how);
        }
        let slot = &mut self.slots[number as usize];
        if slot.since == Time::NEVER {
            return;
        }
        let nanos = self.now.after(slot.since).nanos();
        slot.since = Time::NEVER;
        slot.wear(nanos);
        let pool = slot.pool as usize;
        self.monitor.served(pool, nanos, how);
        self.service_counted += nanos;
        if !slot.parts.is_empty() {
            self.close_parts(number, how);
        }
    }

    /// Says what service was good for that began in an earlier segment.
    #[inline(never)]
    fn close_parts(&mut self, number: u32, how: Use) {
        let slot = &mut self.slots[number as usize];
        let (pool, parts) = (slot.pool as usize, std::mem::take(&mut slot.parts));
        parts.into_iter().for_each(|(segment, nanos)| self.monitor.served_in(segment, pool, nanos, how));
    }

    /// Splits services that are under way at the border of a segment.
    pub(super) fn split_services(&mut self, now: Time) {
        let segment = self.monitor.segment();
        for slot in self.slots.iter_mut().filter(|slot| slot.since != Time::NEVER) {
            let nanos = now.since(slot.since).nanos();
            slot.parts.push((segment, nanos));
            slot.since = now;
            slot.wear(nanos);
            self.service_counted += nanos;
        }
    }

    /// What hosts have done so far.
    pub(super) fn host_tallies(&mut self, now: Time) -> Vec<HostTally> {
        self.hosts.iter_mut().map(|host| host.tally(now)).collect()
    }

    /// Stops a slot's work on its host, if it has any there; returns the demand not done.
    pub(super) fn leave_host(&mut self, number: u32) -> Span {
        let slot = &mut self.slots[number as usize];
        let lane = slot.lane;
        if lane == NO_LANE {
            return Span::ZERO;
        }
        slot.lane = NO_LANE;
        slot.epoch = slot.epoch.wrapping_add(1);
        let (instance, due) = (slot.instance, slot.lane_due);
        let Some(host) = self.host_of(instance) else { return Span::ZERO };
        let clock = self.hosts[host].clock(self.now, lane as usize);
        self.hosts[host].leave(self.now, lane as usize);
        self.settle_host(host);
        Span::from_nanos((due - clock).max(0.0) as u64)
    }

    fn enter_host(&mut self, number: u32, host: usize, share: f64, demand: Span) {
        let epoch = self.slots[number as usize].epoch;
        let (lane, due) = self.hosts[host].enter(self.now, number, epoch, share, demand.nanos());
        let slot = &mut self.slots[number as usize];
        (slot.lane, slot.lane_due) = (lane as u32, due);
        self.settle_host(host);
    }

    pub(super) fn settle_host(&mut self, host: usize) {
        let slots = &self.slots;
        self.hosts[host].settle(|slot, epoch| slots[slot as usize].epoch == epoch);
    }

    /// The host's next slot has done its work: what follows takes its fixed time.
    pub(super) fn host_done(&mut self, host: usize) {
        if let Some(number) = self.hosts[host].pop(self.now) {
            let slot = &mut self.slots[number as usize];
            let lane = std::mem::replace(&mut slot.lane, NO_LANE);
            slot.epoch = slot.epoch.wrapping_add(1);
            let (after, at) = (slot.after, self.now + slot.tail);
            self.hosts[host].leave(self.now, lane as usize);
            self.settle_host(host);
            self.plan_act(number, after, at);
        }
    }

    /// The worker has the job: it works under contention from now on.
    pub(super) fn begin(&mut self, number: u32) {
        let slot = &self.slots[number as usize];
        let (instance, job) = (slot.instance, self.jobs.get(slot.job));
        let class = &self.plan.model.classes[usize::from(job.ticket.class)];
        let work = job.work();
        let host = self.host_of(instance).expect("only slots of a host begin apart from their start");
        self.plan_act(number, Act::Rest, Time::NEVER);
        self.enter_host(number, host, class.cpu_share, work);
    }

    /// Sets the course of an attempt on a live worker where more than its demand plays a part.
    #[inline(never)]
    fn set_long_course(&mut self, number: u32, job: JobId) {
        let plan = self.plan;
        let pool = self.slots[number as usize].pool as usize;
        if plan.pools[pool].breakdown.is_some() {
            let slot = &mut self.slots[number as usize];
            slot.starts = slot.starts.wrapping_add(1);
            self.arm_busy_breakdown(number);
            self.go_on(number, job);
        }
        let entry = self.jobs.get_mut(job);
        let (work, fate) = (entry.work(), entry.present_fate());
        let (key, execution, share) = (
            entry.key,
            u64::from(entry.executions),
            plan.model.classes[usize::from(entry.ticket.class)].cpu_share,
        );
        // A constant needs no stream, and a stream costs more than all else here.
        let mut stream = None;
        let mut draw = |delay: &Sampler| {
            let open = || self.streams.keyed(Purpose::Transport, key, execution);
            delay.is_constant().unwrap_or_else(|| delay.draw(stream.get_or_insert_with(open)))
        };
        let delays = &plan.pools[pool].delays;
        let dispatch = draw(&delays.dispatch);
        let late = draw(&delays.late);
        let radius = plan.model.pools[pool].settings.worker.crash_radius;
        let (act, tail) = match fate {
            Fate::Ok => (Act::Answer, draw(&delays.reply)),
            Fate::Error => (Act::AnswerError, draw(&delays.reply)),
            Fate::Crash | Fate::CrashOnce if radius == CrashRadius::Job => {
                (Act::AnswerCrash, draw(&delays.reply))
            }
            Fate::Crash | Fate::CrashOnce => (Act::CrashExit, draw(&delays.crash_exit)),
            Fate::Hang => return self.plan_act(number, Act::Rest, Time::NEVER),
            Fate::Freeze => (Act::Freeze, Span::ZERO),
        };
        let host = self.host_of(self.slots[number as usize].instance);
        if host.is_none() || share == 0.0 {
            return self.plan_act(number, act, self.now + dispatch + work + late + tail);
        }
        let slot = &mut self.slots[number as usize];
        (slot.after, slot.tail) = (act, late + tail);
        if dispatch == Span::ZERO {
            self.begin(number);
        } else {
            self.plan_act(number, Act::Begin, self.now + dispatch);
        }
    }

    /// A job was handed to a worker that is dying, or is dead or frozen without its pool's knowing (then the pool
    /// takes it for served).
    #[cold]
    fn hand_to_no_one(&mut self, number: u32, job: JobId, dying: bool) {
        let slot = &mut self.slots[number as usize];
        if !dying {
            slot.since = self.now;
        }
        if dying || slot.doomed {
            self.write_to_corpse(number, job);
        }
    }

    /// A job was handed to a worker that will not work on it: either the write fails at once, or the exit of the
    /// worker, which is on its way, will be noticed.
    fn write_to_corpse(&mut self, number: u32, job: JobId) {
        let slot = &mut self.slots[number as usize];
        let first = std::mem::replace(&mut slot.first_write, false);
        let pool = self.plan.instances[slot.instance as usize].0;
        self.monitor.pools[pool].tally.starts_on_dying += 1;
        let entry = self.jobs.get(job);
        let known =
            self.recorded.and_then(|recorded| recorded.writes.get(&(entry.key, entry.ticket.retries)));
        let fails = known.copied().unwrap_or_else(|| {
            let chance = self.plan.model.pools[pool].life.write_error;
            let retries = u64::from(entry.ticket.retries);
            first
                && chance > 0.0
                && self.streams.keyed(Purpose::WriteError, entry.key, retries).chance(chance)
        });
        if fails {
            self.failed_writes.push(number);
            self.news = true;
        }
    }

    /// Draws demand and fate anew for another attempt of a request, where its class says so. `retry`: which of the
    /// pool's it is, from 1; 0 for an attempt of the client.
    pub(super) fn redraw(&mut self, job: JobId, retry: u32) {
        let entry = self.jobs.get_mut(job);
        if !entry.past().remaining.is_never() {
            entry.past_mut().remaining = Span::NEVER;
        }
        let mut drawn = Drawn {
            key: entry.key,
            class: entry.ticket.class,
            priority: entry.ticket.priority,
            demand: entry.demand,
            size: entry.ticket.size,
            fate: entry.fate,
            scripted: entry.scripted,
        };
        let requests = &self.plan.requests_of;
        match retry {
            0 => requests.redraw(&self.streams, &mut drawn, entry.executions),
            _ => requests.redraw_in_pool(&self.streams, &mut drawn, entry.executions, retry),
        }
        (entry.demand, entry.ticket.size, entry.fate) = (drawn.demand, drawn.size, drawn.fate);
    }

    /// Sets a timer of a job at an instant.
    pub(super) fn job_timer(&mut self, kind: TimerKind, job: JobId, at: Time) {
        let generation = self.jobs.get(job).stamp;
        self.timers.push(Timer { at, kind, id: job, generation });
    }
}

/// The slots of pools with a limit, and how slots are numbered.
fn lay_out(plan: &Plan<'_>) -> (Vec<Slot>, Vec<Numbering>) {
    let mut slots = Vec::with_capacity(plan.slots);
    let mut numbering = Vec::with_capacity(plan.instances.len());
    let unlimited =
        (0..plan.instances.len() as u32).filter(|&instance| is_unlimited(plan, instance)).count() as u32;
    let mut next_unlimited = plan.slots as u32;
    for (instance, &(pool, _)) in plan.instances.iter().enumerate() {
        match plan.model.pools[pool].settings.slots {
            Slots::Limited(count) => {
                numbering.push(Numbering { first: slots.len() as u32, stride: 1, pool: pool as u32 });
                slots.extend((0..count).map(|local| Slot::new(plan, instance as u32, local)));
            }
            Slots::Unlimited => {
                numbering.push(Numbering { first: next_unlimited, stride: unlimited, pool: pool as u32 });
                next_unlimited += 1;
            }
        }
    }
    (slots, numbering)
}

fn is_unlimited(plan: &Plan<'_>, instance: u32) -> bool {
    plan.model.pools[plan.instances[instance as usize].0].settings.slots == Slots::Unlimited
}
