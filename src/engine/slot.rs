//! The physical side of a slot: what its worker is about to do, and when.

use super::calendar::{SLOTS_PACKED, SlotCalendar};
use super::plan::Plan;
use crate::policy::{JobId, NO_JOB, SlotTimer};
use crate::time::{Span, Time};
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// What happens next in a slot by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Act {
    /// Nothing.
    Rest,
    /// The job has reached the worker, which starts to work under contention.
    Begin,
    /// The pool has the answer.
    Answer,
    /// The pool has an answer that says "failed".
    AnswerError,
    /// The job crashed and the worker lives on.
    AnswerCrash,
    /// The exit of a worker that its job took down is noticed.
    CrashExit,
    /// The exit of a worker that was killed, or left, is noticed.
    Exit,
    /// The whole worker stops; its heartbeats cease.
    Freeze,
    /// The restart delay is over.
    Spawn,
    /// The worker is ready.
    Ready,
}

/// No lane of a host.
pub(super) const NO_LANE: u32 = u32::MAX;

/// One slot of one instance.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) instance: u32,
    /// Its number within the instance.
    pub(super) local: u32,
    /// The pool of its instance.
    pub(super) pool: u32,
    /// What a good attempt adds to its demand, where nothing else plays a part: constant delays, no host, no
    /// breakdowns. `NEVER` otherwise.
    pub(super) overhead: Span,
    /// How late the policy's timers for the slot fire, if a constant.
    pub(super) timer_delay: Option<Span>,
    pub(super) job: JobId,
    /// Nobody waits for its result any more.
    pub(super) orphan: bool,
    /// What happens next, and when (`NEVER` while a host decides).
    pub(super) act: Act,
    pub(super) act_at: Time,
    /// The policy's timer for the slot.
    pub(super) timer: SlotTimer,
    pub(super) timer_at: Time,
    /// When the policy wanted that timer, before any lateness.
    pub(super) timer_due: Time,
    /// The least time that was left of a service time-out when its work had ended.
    pub(super) spare: Span,
    /// The policy's heartbeat timer: only set where the worker has fallen silent.
    pub(super) beat_at: Time,
    /// What the calendar holds for the slot; `NEVER` for nothing.
    pub(super) key: Time,
    /// Since when the present service has not been counted; `NEVER` if there is none.
    pub(super) since: Time,
    /// When the worker became ready, in nanoseconds from the start of the run (earlier for warm starts).
    pub(super) ready_at: i128,
    /// Spawns so far.
    pub(super) spawns: u32,
    /// Services begun so far, where it may break down in one.
    pub(super) starts: u32,
    /// Tells stints of work on a host apart.
    pub(super) epoch: u32,
    /// The lane of the host on which the slot works.
    pub(super) lane: u32,
    /// The clock of that lane at which the work is done.
    pub(super) lane_due: f64,
    /// What follows when a host's work is done, and how long it takes.
    pub(super) after: Act,
    pub(super) tail: Span,
    /// The worker has been sent a kill, or is dead without the pool knowing.
    pub(super) doomed: bool,
    /// No job has been written to the worker since it was doomed.
    pub(super) first_write: bool,
    /// Its heartbeats have ceased.
    pub(super) silent: bool,
    /// Down by itself.
    pub(super) broken: bool,
    /// Breakdowns so far.
    pub(super) breakdowns: u32,
    /// Busy time left until it breaks down, where only busy time counts.
    pub(super) up_left: Span,
    /// Service in earlier segments, not counted yet: (segment, nanoseconds).
    pub(super) parts: Vec<(usize, u64)>,
}

impl Slot {
    pub(super) fn new(plan: &Plan<'_>, instance: u32, local: u32) -> Slot {
        let pool = plan.instances[instance as usize].0;
        let alone = plan.model.hosts.is_empty() && plan.pools[pool].breakdown.is_none();
        Slot {
            instance,
            local,
            pool: pool as u32,
            overhead: plan.pools[pool].delays.overhead.filter(|_| alone).unwrap_or(Span::NEVER),
            timer_delay: plan.pools[pool].timer_delay,
            job: NO_JOB,
            orphan: false,
            act: Act::Rest,
            act_at: Time::NEVER,
            timer: SlotTimer::Service,
            timer_at: Time::NEVER,
            timer_due: Time::NEVER,
            spare: Span::NEVER,
            beat_at: Time::NEVER,
            key: Time::NEVER,
            since: Time::NEVER,
            ready_at: 0,
            spawns: 0,
            starts: 0,
            epoch: 0,
            lane: NO_LANE,
            lane_due: 0.0,
            after: Act::Rest,
            tail: Span::ZERO,
            doomed: false,
            first_write: false,
            silent: false,
            broken: false,
            breakdowns: 0,
            up_left: Span::NEVER,
            parts: Vec::new(),
        }
    }

    /// Counts busy time towards the slot's next breakdown.
    #[inline(always)]
    pub(super) fn wear(&mut self, nanos: u64) {
        if self.up_left != Span::NEVER {
            self.up_left = self.up_left - Span::from_nanos(nanos);
        }
    }

    /// Takes the policy's timer back, or notes that it fires; and how much is left of a service time-out.
    #[inline(always)]
    pub(super) fn disarm(&mut self, now: Time) {
        if self.timer_at != Time::NEVER {
            self.timer_at = Time::NEVER;
            if self.timer == SlotTimer::Service {
                self.spare = self.spare.min(self.timer_due.since(now));
            }
        }
    }

    /// The earliest of what may happen in the slot.
    #[inline(always)]
    pub(super) fn earliest(&self) -> Time {
        self.act_at.min(self.timer_at).min(self.beat_at)
    }
}

/// The slots of all instances. Few ones lie in a table of fixed length, whose index needs no check.
pub(super) struct SlotTable<C> {
    few: [Slot; SLOTS_PACKED],
    many: Vec<Slot>,
    len: usize,
    world: PhantomData<C>,
}

impl<C: SlotCalendar> SlotTable<C> {
    pub(super) fn new(plan: &Plan<'_>, slots: Vec<Slot>) -> SlotTable<C> {
        let (len, few, many) = match C::PACKED {
            true => (slots.len(), slots, Vec::new()),
            false => (slots.len(), Vec::new(), slots),
        };
        let mut few = few.into_iter();
        let few = std::array::from_fn(|_| few.next().unwrap_or_else(|| Slot::new(plan, 0, 0)));
        SlotTable { few, many, len, world: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a slot; only tables of many grow.
    pub(super) fn push(&mut self, slot: Slot) {
        self.many.push(slot);
        self.len += 1;
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Slot> {
        if C::PACKED { self.few[..self.len].iter() } else { self.many.iter() }
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Slot> {
        if C::PACKED { self.few[..self.len].iter_mut() } else { self.many.iter_mut() }
    }
}

impl<C: SlotCalendar> Index<usize> for SlotTable<C> {
    type Output = Slot;

    #[inline(always)]
    fn index(&self, number: usize) -> &Slot {
        if C::PACKED { &self.few[number % SLOTS_PACKED] } else { &self.many[number] }
    }
}

impl<C: SlotCalendar> IndexMut<usize> for SlotTable<C> {
    #[inline(always)]
    fn index_mut(&mut self, number: usize) -> &mut Slot {
        if C::PACKED { &mut self.few[number % SLOTS_PACKED] } else { &mut self.many[number] }
    }
}
