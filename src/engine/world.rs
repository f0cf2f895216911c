//! One replication: pools, clients, sources and machines, and the loop that plays them out.

mod borders;
mod closing;
mod slots;
mod timers;

use super::calendar::{SlotCalendar, Timer, TimerKind};
use super::client::Direct;
use super::first::First;
use super::monitor::Use;
use super::physics::{Physics, Recorded};
use super::plan::Plan;
use super::request::Ends;
use super::scale::Scaler;
use super::slot::Act;
use super::trail::{Asked, Notes, Trail};
use super::{Breach, RequestSeen};
use crate::model::requests::OpenSource;
use crate::model::tape::Tape;
use crate::outcome::Outcome;
use crate::policy::client::Client;
use crate::policy::route::Router;
use crate::policy::{JobId, NO_JOB, Pool, PoolTimer, WorkerState};
use crate::random::{Purpose, Stream, Streams};
use crate::stats::{Replication, Waste};
use crate::time::{Span, Time};
use borders::{Beyond, Tail};

/// Everything of one replication.
pub(super) struct World<'m, C> {
    pub(super) phys: Physics<'m, C>,
    /// By instance.
    pub(super) pools: First<Pool, C>,
    /// By instance: whether it takes requests.
    pub(super) up: First<bool, C>,
    /// By route.
    pub(super) routers: Vec<Router>,
    /// By route: loads as last reported, where reports are late.
    pub(super) signals: Vec<Vec<u32>>,
    /// By source.
    pub(super) clients: First<Client, C>,
    pub(super) sources: First<OpenSource<'m>, C>,
    /// By source and pool.
    pub(super) waits: Vec<Vec<Wait>>,
    /// By pool.
    pub(super) scalers: Vec<Option<Scaler>>,
    pub(super) fault_chance: Vec<Stream>,
    /// By source.
    pub(super) direct: First<Direct, C>,
    pub(super) attempt_stamp: u32,
    /// By instance.
    pub(super) standing: Vec<Standing>,
    /// By pool: pauses under way.
    pub(super) pauses: Vec<u32>,
    /// By host: the factors of slow-downs under way.
    pub(super) slowed: Vec<Vec<f64>>,
    next_arrival: (Time, usize),
    index: u64,
    fingerprint: u64,
    events: u64,
    /// An instant of several events, the last one so far, and how many came after its first.
    stuck: (Time, u32),
    sending: bool,
    tail: Tail,
}

/// How an instance stands, beside whether it takes requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// It has workers, and its slots count as capacity.
    pub(super) open: bool,
    /// A fault has taken it down.
    pub(super) crashed: bool,
}

/// The waiting limit of a source's jobs at a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    None,
    Constant(Span, u8),
    Drawn,
}

/// So many events at one instant mean that the model makes no progress.
const STUCK: u32 = 20_000_000;

impl<'m, C: SlotCalendar> World<'m, C> {
    pub(super) fn new(
        plan: &'m Plan<'m>,
        index: u64,
        recorded: Option<&'m Recorded>,
        tape: Option<&Tape>,
    ) -> World<'m, C> {
        let streams = Streams::new(plan.model.run.seed, index);
        let mut phys = Physics::new(plan, streams, recorded);
        let model = plan.model;
        let pools = plan.instances.iter().enumerate().map(|(number, &(pool, _))| {
            let chance = streams.stream(Purpose::Policy, number as u64);
            Pool::new(number as u32, model.pools[pool].settings.clone(), chance)
        });
        let routers = model.routes.iter().zip(&plan.members).enumerate().map(|(number, (route, members))| {
            let chance = streams.stream(Purpose::Routing, number as u64);
            Router::new(route.settings.routing.clone(), members.len(), chance)
        });
        let sources = (0..model.sources.len() as u64)
            .map(|number| OpenSource::new(&plan.requests_of, number, &streams, tape));
        let clients: First<Client, C> =
            model.sources.iter().map(|source| Client::new(source.client.clone())).collect();
        let waits = super::client::wait_rules(plan, &mut phys.timers);
        let direct = super::client::direct_sends(plan, &clients, &waits);
        World {
            pools: pools.collect(),
            up: plan.instances.iter().map(|&(pool, number)| number < model.pools[pool].instances).collect(),
            routers: routers.collect(),
            signals: plan.members.iter().map(|members| vec![0; members.len()]).collect(),
            clients,
            sources: sources.collect(),
            waits,
            scalers: model.pools.iter().map(|pool| pool.autoscaler.map(Scaler::new)).collect(),
            fault_chance: (0..model.faults.len() as u64).map(|f| streams.stream(Purpose::Fault, f)).collect(),
            direct,
            attempt_stamp: 0,
            standing: vec![Standing::default(); plan.instances.len()],
            pauses: vec![0; model.pools.len()],
            slowed: vec![Vec::new(); model.hosts.len()],
            next_arrival: (Time::NEVER, 0),
            index,
            fingerprint: 0xcbf2_9ce4_8422_2325,
            events: 0,
            stuck: (Time::ZERO, 0),
            sending: true,
            tail: Tail::default(),
            phys,
        }
    }

    /// Plays the replication to its end and keeps the ends of requests that are asked for.
    pub(super) fn run(mut self, ends: Option<Ends>) -> Result<(Replication, Vec<RequestSeen>), Breach> {
        self.phys.ends = ends;
        self.play()?;
        self.close()
    }

    /// Plays the replication to the end of a stretch and tells what happened in it.
    pub(super) fn trail(mut self, asked: Asked<'m>) -> Result<Trail, Breach> {
        self.phys.notes = Some(Notes::new(asked));
        self.play()?;
        let Some(notes) = self.phys.notes.take() else { return Ok(Trail::default()) };
        let phys = &self.phys;
        let leads_to = |number: u32| match phys.slots[number as usize].job {
            NO_JOB => Use::Wasted(Waste::Crash),
            _ => phys.leads_to(number),
        };
        let end = self.end();
        Ok(notes.finish(end, self.fingerprint, leads_to))
    }

    /// When the replication ends, once its last event has been played.
    pub(super) fn end(&self) -> Time {
        match self.phys.plan.requests {
            u64::MAX => self.phys.now.max(self.phys.plan.horizon),
            _ => self.phys.now,
        }
    }

    fn play(&mut self) -> Result<(), Breach> {
        self.open();
        self.phys.observe_ends();
        loop {
            let (slot_at, slot) = self.phys.calendar.first();
            let (host_at, host) = self.phys.next_host();
            let timer_at = self.phys.timers.first();
            let at = slot_at.min(host_at).min(timer_at).min(self.next_arrival.0);
            if C::FOLLOWED
                && let Some(end) = self.phys.notes.as_ref().and_then(|notes| notes.end_before(at))
            {
                // Nothing happens until then.
                self.phys.now = end;
                return Ok(());
            }
            if at >= self.phys.monitor.border {
                match self.crosses(at)? {
                    Beyond::Goes => {}
                    Beyond::Drains => continue,
                    Beyond::Ends => return Ok(()),
                }
            }
            // The order of one instant that `calendar` states.
            if slot_at == at {
                self.advance(at)?;
                self.slot_event(slot);
            } else if host_at == at {
                self.advance(at)?;
                self.phys.host_done(host);
            } else if timer_at == at {
                if self.phys.drop_what_is_over() {
                    continue;
                }
                self.advance(at)?;
                self.timer_event();
            } else {
                self.advance(at)?;
                self.arrival(if C::ALONE { 0 } else { self.next_arrival.1 });
            }
            if self.phys.news && self.is_over() {
                return Ok(());
            }
        }
    }

    /// Spreads the news of an event; says whether the last request has ended.
    #[inline(never)]
    fn is_over(&mut self) -> bool {
        self.settle();
        // Once no more is sent, every event may be the last.
        self.phys.news = !self.sending;
        !self.sending && self.phys.finished >= self.phys.plan.requests
    }

    /// Moves the clock and notes the event in the fingerprint.
    #[inline(always)]
    fn advance(&mut self, at: Time) -> Result<(), Breach> {
        if at <= self.phys.now {
            self.stands_still(at)?;
        }
        self.phys.now = at;
        self.events += 1;
        self.fingerprint =
            (self.fingerprint ^ at.nanos()).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        Ok(())
    }

    #[cold]
    fn stands_still(&mut self, at: Time) -> Result<(), Breach> {
        if at < self.phys.now {
            return Err(self.breach(format!("time ran back from {:?} to {at:?}", self.phys.now)));
        }
        if self.stuck.0 != at {
            self.stuck = (at, 0);
        }
        self.stuck.1 += 1;
        if self.stuck.1 > STUCK {
            return Err(
                self.breach(format!("{STUCK} events at {at:?}: retries or think times of no length?"))
            );
        }
        Ok(())
    }

    pub(super) fn breach(&self, message: String) -> Breach {
        Breach { message, seed: self.phys.plan.model.run.seed, replication: self.index }
    }

    /// Notes who or what an event was about.
    #[inline(always)]
    fn stamp(&mut self, what: u64) {
        self.fingerprint ^= what;
    }

    fn stop_sending(&mut self) {
        if std::mem::replace(&mut self.sending, false) {
            self.phys.news = true;
            self.sources.iter_mut().for_each(|source| source.stop());
            self.phys.users.iter_mut().for_each(|user| user.gone = true);
            self.find_arrival();
            let now = self.phys.now;
            self.tail = self.begin_tail();
            if self.phys.plan.requests != u64::MAX {
                self.phys.split_services(now);
            }
            let hosts = self.phys.host_tallies(now);
            self.phys.monitor.sending_ended(now, &hosts);
        }
    }

    // ---- events -------------------------------------------------------------------------------------------

    fn open(&mut self) {
        let now = Time::ZERO;
        for instance in 0..self.pools.len() {
            self.open_instance(instance as u32, now);
        }
        self.phys.open_users();
        self.open_faults();
        self.open_signals();
        self.open_breakdowns();
        self.settle();
        self.find_arrival();
    }

    /// Starts the workers of an instance.
    pub(super) fn open_instance(&mut self, instance: u32, now: Time) {
        let pool = self.phys.pool_of(instance);
        let settings = &self.phys.plan.model.pools[pool];
        let slots = self.pools[instance as usize].slots();
        for local in 0..slots {
            let before = settings.life.ready_before.get(local as usize).copied().unwrap_or(Span::ZERO);
            let number = self.phys.slot_number(instance, local);
            (self.phys.slots[number as usize].doomed, self.phys.slots[number as usize].silent) =
                (false, false);
            self.phys.slots[number as usize].ready_at = i128::from(now.nanos()) - i128::from(before.nanos());
        }
        if self.up[instance as usize] {
            self.standing[instance as usize].open = true;
            self.phys.monitor.resize(now, pool, slots, true);
            self.pools[instance as usize].open(now, settings.life.warm_start, &mut self.phys);
        }
    }

    #[inline(always)]
    fn find_arrival(&mut self) {
        self.next_arrival = (Time::NEVER, 0);
        for (number, source) in self.sources.iter().enumerate() {
            if source.next < self.next_arrival.0 {
                self.next_arrival = (source.next, number);
            }
        }
    }

    #[inline(always)]
    fn arrival(&mut self, number: usize) {
        self.stamp(1 << 60 | number as u64);
        let batch = self.sources[number].batch();
        if batch != 1 && self.all_but_last(number, batch) {
            return;
        }
        // First what comes next: the processor goes on to it before all is done that this request brings about.
        let source = &mut self.sources[number];
        source.advance();
        self.next_arrival.0 = source.next;
        self.open_request(number);
        if !C::ALONE && self.sources.len() > 1 {
            self.find_arrival();
        }
        if self.phys.monitor.sent >= self.phys.monitor.next_cut {
            self.cut_by_count();
        }
    }

    /// Those that arrive together with a last one; says whether no last one follows: the run's last request is among
    /// them, or the source was stopped, for the run's drain, by the very event that was to be its next arrival.
    #[inline(never)]
    fn all_but_last(&mut self, number: usize, batch: u32) -> bool {
        if batch == 0 {
            return true;
        }
        for _ in 1..batch {
            self.open_request(number);
            if self.phys.monitor.sent >= self.phys.monitor.next_cut && self.cut_by_count() {
                return true;
            }
        }
        false
    }

    /// Makes and sends a request of an open source.
    #[inline(always)]
    fn open_request(&mut self, number: usize) {
        let source = &mut self.sources[number];
        if source.is_drawn() {
            let drawn = source.draw();
            return self.send_first(number, drawn);
        }
        self.open_known_request(number);
    }

    /// The same where the request need not be drawn.
    #[inline(never)]
    fn open_known_request(&mut self, number: usize) {
        let known = self.sources[number].read();
        self.send_first(number, known);
    }

    /// Enough requests have been sent for a segment, or for the run: says whether for the run. A segment ends with its
    /// last request, so it holds as many gaps as requests and its rates are right.
    #[cold]
    fn cut_by_count(&mut self) -> bool {
        if self.phys.monitor.sent >= self.phys.plan.requests {
            self.stop_sending();
            return true;
        }
        let now = self.phys.now;
        self.phys.split_services(now);
        let hosts = self.phys.host_tallies(now);
        self.phys.monitor.cut_by_count(now, self.phys.plan.requests, &hosts);
        false
    }

    /// A user sends, if it still may.
    fn user_sends(&mut self, id: u32) {
        if !self.phys.user_may_send(id) {
            return;
        }
        let job = self.phys.user_request(id);
        self.send(job);
        if self.phys.monitor.sent >= self.phys.monitor.next_cut {
            self.cut_by_count();
        }
    }

    #[inline(always)]
    fn slot_event(&mut self, number: u32) {
        self.phys.calendar.come_due(number);
        let now = self.phys.now;
        let slot = &mut self.phys.slots[number as usize];
        slot.key = Time::NEVER;
        let (instance, local) = if C::ALONE { (0, number) } else { (slot.instance, slot.local) };
        if slot.act == Act::Answer && slot.act_at <= now {
            slot.disarm(now);
            (slot.act, slot.act_at) = (Act::Rest, Time::NEVER);
            let how = if slot.orphan { Use::Zombie } else { Use::Useful };
            self.fingerprint ^= 2 << 60 | u64::from(number) << 8 | Act::Answer as u64;
            self.phys.close_service(number, how);
            self.pools[instance as usize].answer(now, local, Outcome::Ok, &mut self.phys);
        } else {
            self.rare_slot_event(number, instance, local);
        }
        if self.phys.slots[number as usize].key == Time::NEVER {
            self.phys.schedule(number);
        }
    }

    /// Tells pools and clients what they do not know yet, until nobody has anything to say.
    #[inline(never)]
    pub(super) fn settle(&mut self) {
        loop {
            if let Some(number) = self.phys.failed_writes.pop() {
                let (instance, local) = {
                    let slot = &self.phys.slots[number as usize];
                    (slot.instance, slot.local)
                };
                let now = self.phys.now;
                self.pools[instance as usize].write_failed(now, local, &mut self.phys);
            } else if !self.phys.inbox.is_empty() {
                let (job, outcome) = self.phys.inbox.remove(0);
                self.react(job, outcome);
            } else {
                return;
            }
        }
    }

    /// Whether a worker would begin a job given to it.
    pub(super) fn is_alive(&self, instance: u32, local: u32) -> bool {
        self.pools[instance as usize].slot_is_alive(local)
            && self.pools[instance as usize].state(local) != WorkerState::Dying
    }
}
