//! What happened during a stretch of one replication: what every slot did, and the way of a few requests.
//!
//! Notes are taken only in a world whose calendar is [`super::calendar::Followed`]; the worlds of ordinary
//! replications are compiled without them. What is told is what happened: a followed replication meets the same
//! events in the same order, which its fingerprint shows.

use super::calendar::SlotCalendar;
use super::monitor::Use;
use super::physics::Physics;
use crate::model::Model;
use crate::outcome::Outcome;
use crate::policy::{JobId, Slots, WorkerState};
use crate::time::{Span, Time};
use std::collections::BTreeMap;

/// What goes on in a slot that is not idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It serves an attempt whose result is used.
    Serving,
    /// It serves an attempt whose result is thrown away, or has a job on which nobody works.
    Wasted,
    /// It works on for a client that has left.
    Zombie,
    /// It starts a worker.
    Starting,
    /// Its worker is being killed, or leaves.
    Dying,
    /// It waits to start another worker.
    Gone,
    /// It is lost for good.
    Lost,
    /// It has broken down and will come back.
    Down,
}

/// A stretch of time in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stint {
    /// Index of the pool.
    pub pool: u32,
    /// The slot among all of the pool, instance after instance.
    pub slot: u32,
    /// Its beginning.
    pub start: Time,
    /// Its end, or that of the stretch.
    pub end: Time,
    /// What went on.
    pub doing: Doing,
    /// Key and class of the request, if it had one.
    pub request: Option<(u64, u16)>,
    /// How the attempt ended, if it did.
    pub outcome: Option<Outcome>,
}

/// Something that happened to a followed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Its client sent attempt so and so.
    Sent(u32),
    /// A second attempt went out beside the first.
    Hedged,
    /// It entered the queue of a pool.
    Queued(u32),
    /// A worker got it; `dying`: one that will never work on it.
    Started {
        /// Index of the pool.
        pool: u32,
        /// The slot, as in [`Stint::slot`].
        slot: u32,
        /// Whether the worker was being killed.
        dying: bool,
    },
    /// The worker that had it is being killed, or leaves.
    WorkerDies,
    /// The attempt failed and its pool tries again.
    TriedAgain(Outcome),
    /// The attempt is over for its pool.
    Left(Outcome),
    /// Its client gave the attempt up, which counts as so.
    GivenUp(Outcome),
    /// Its client tries again after so long.
    Backoff(Span),
    /// The request is over.
    Ended(Outcome),
}

/// A step on the way of a followed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Time,
    /// Which request.
    pub key: u64,
    /// What happened.
    pub what: What,
}

/// What happened during a stretch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// By end; those of one slot do not overlap.
    pub stints: Vec<Stint>,
    /// In the order in which they happened.
    pub steps: Vec<Step>,
    /// Hash over all events up to the end of the stretch.
    pub fingerprint: u64,
}

/// What is asked of a replication.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Stints that end before are left out.
    pub from: Time,
    /// The replication is left at the first event after.
    pub to: Time,
    /// Requests whose steps are wanted, ascending.
    pub keys: &'a [u64],
}

/// Takes the notes.
pub(super) struct Notes<'m> {
    asked: Asked<'m>,
    trail: Trail,
    /// By slot number: what goes on.
    open: BTreeMap<u32, Stint>,
    /// By request: its last stint, whose outcome is not known yet.
    ended: BTreeMap<u64, usize>,
}

impl<'m> Notes<'m> {
    pub(super) fn new(asked: Asked<'m>) -> Notes<'m> {
        Notes { asked, trail: Trail::default(), open: BTreeMap::new(), ended: BTreeMap::new() }
    }

    /// The end of the stretch, if an event at `at` comes after it.
    pub(super) fn end_before(&self, at: Time) -> Option<Time> {
        (at > self.asked.to).then_some(self.asked.to)
    }

    fn close(&mut self, number: u32, now: Time, how: Option<Use>) {
        let Some(mut stint) = self.open.remove(&number) else { return };
        stint.end = now.min(self.asked.to);
        if stint.doing == Doing::Serving {
            stint.doing = match how {
                Some(Use::Useful) => Doing::Serving,
                Some(Use::Zombie) => Doing::Zombie,
                Some(Use::Wasted(_)) | None => Doing::Wasted,
            };
        }
        if stint.end < self.asked.from || stint.end == stint.start {
            return;
        }
        if let (Some((key, _)), None) = (stint.request, stint.outcome) {
            self.ended.insert(key, self.trail.stints.len());
        }
        self.trail.stints.push(stint);
    }

    fn outcome(&mut self, key: u64, outcome: Outcome) {
        if let Some(place) = self.ended.remove(&key) {
            self.trail.stints[place].outcome = Some(outcome);
            return;
        }
        let has = |stint: &&mut Stint| stint.request.is_some_and(|(own, _)| own == key);
        if let Some(stint) = self.open.values_mut().find(has) {
            stint.outcome = Some(outcome);
        }
    }

    /// Ends what is still open with the stretch: services under way count as what they lead to.
    pub(super) fn finish(mut self, now: Time, fingerprint: u64, leads_to: impl Fn(u32) -> Use) -> Trail {
        let open: Vec<u32> = self.open.keys().copied().collect();
        for number in open {
            self.close(number, now, Some(leads_to(number)));
        }
        self.trail.fingerprint = fingerprint;
        self.trail
    }
}

impl<C: SlotCalendar> Physics<'_, C> {
    /// The pool of a slot and its place in it, counted over instances.
    fn place_in_pool(&self, number: u32) -> (u32, u32) {
        let slot = &self.slots[number as usize];
        let (pool, instance) = self.plan.instances[slot.instance as usize];
        let model: &Model = self.plan.model;
        let own = match model.pools[pool].settings.slots {
            Slots::Limited(count) => instance * count + slot.local,
            Slots::Unlimited => {
                let instances = self.plan.instances.iter().filter(|one| one.0 == pool).count() as u32;
                slot.local * instances + instance
            }
        };
        (pool as u32, own)
    }

    fn open_stint(&mut self, number: u32, doing: Doing, job: Option<JobId>) {
        let (pool, slot) = self.place_in_pool(number);
        let request = job.map(|job| (self.jobs.get(job).key, self.jobs.get(job).ticket.class));
        let now = self.now;
        let Some(notes) = &mut self.notes else { return };
        notes.close(number, now, None);
        let stint = Stint { pool, slot, start: now, end: now, doing, request, outcome: None };
        notes.open.insert(number, stint);
    }

    /// A worker has got a job.
    #[inline(never)]
    pub(super) fn note_start(&mut self, number: u32, job: JobId, dying: bool) {
        let doing = match (dying, self.jobs.get(job).orphan) {
            (_, true) => Doing::Zombie,
            (true, false) => Doing::Wasted,
            (false, false) => Doing::Serving,
        };
        self.open_stint(number, doing, Some(job));
        let (pool, slot) = self.place_in_pool(number);
        self.note_step(job, What::Started { pool, slot, dying });
    }

    /// A service is over, or the hand-over of a job to a dying worker has failed.
    #[inline(never)]
    pub(super) fn note_service_end(&mut self, number: u32, how: Use) {
        let now = self.now;
        let Some(notes) = &mut self.notes else { return };
        let Some(stint) = notes.open.get(&number) else { return };
        let was = stint.doing;
        if matches!(was, Doing::Serving | Doing::Wasted | Doing::Zombie) {
            notes.close(number, now, Some(how));
        }
        if was == Doing::Wasted {
            self.open_stint(number, Doing::Dying, None);
        }
    }

    /// A worker went from one state to another.
    #[inline(never)]
    pub(super) fn note_move(&mut self, instance: u32, local: u32, from: WorkerState, to: WorkerState) {
        let number = self.slot_number(instance, local);
        if number as usize >= self.slots.len() {
            return;
        }
        let now = self.now;
        let job = self.slots[number as usize].job;
        let doing = match to {
            WorkerState::Cold | WorkerState::Idle | WorkerState::Busy => {
                if let (Some(notes), true) = (&mut self.notes, from != WorkerState::Busy) {
                    notes.close(number, now, None);
                }
                return;
            }
            WorkerState::Starting => Doing::Starting,
            WorkerState::Zombie => return self.open_stint(number, Doing::Zombie, Some(job)),
            WorkerState::Cancelling => return self.open_stint(number, Doing::Wasted, Some(job)),
            WorkerState::Dying => Doing::Dying,
            WorkerState::Gone => Doing::Gone,
            WorkerState::Lost => Doing::Lost,
            WorkerState::Down => Doing::Down,
        };
        if (from, to) == (WorkerState::Busy, WorkerState::Dying) {
            self.note_step(job, What::WorkerDies);
        }
        self.open_stint(number, doing, None);
    }

    /// A client gives an attempt up.
    #[inline(never)]
    pub(super) fn note_given_up(&mut self, job: JobId, outcome: Outcome) {
        let key = self.jobs.get(job).key;
        if let Some(notes) = &mut self.notes {
            notes.outcome(key, outcome);
        }
        self.note_step(job, What::GivenUp(outcome));
    }

    /// Nobody waits for the work of a slot any more.
    #[inline(never)]
    pub(super) fn note_orphan(&mut self, number: u32, job: JobId) {
        self.open_stint(number, Doing::Zombie, Some(job));
    }

    /// An attempt is over for its pool, which may try again.
    #[inline(never)]
    pub(super) fn note_attempt_end(&mut self, job: JobId, outcome: Outcome, again: bool) {
        let key = self.jobs.get(job).key;
        if let Some(notes) = &mut self.notes {
            notes.outcome(key, outcome);
        }
        self.note_step(job, if again { What::TriedAgain(outcome) } else { What::Left(outcome) });
    }

    /// An attempt goes out.
    #[inline(never)]
    pub(super) fn note_send(&mut self, job: JobId) {
        let entry = self.jobs.get(job);
        let what = if entry.hedge { What::Hedged } else { What::Sent(entry.attempts + 1) };
        self.note_step(job, what);
    }

    /// Something happened to a request. What an attempt does that its client has given up is not on its way.
    #[inline(never)]
    pub(super) fn note_step(&mut self, job: JobId, what: What) {
        if self.jobs.get(job).orphan {
            return;
        }
        let (at, key) = (self.now, self.jobs.get(job).key);
        if let Some(notes) = &mut self.notes
            && notes.asked.keys.binary_search(&key).is_ok()
        {
            notes.trail.steps.push(Step { at, key, what });
        }
    }
}
