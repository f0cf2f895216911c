//! Future events, split by their nature so that each kind costs as little as it can.
//!
//! * Slots: at most one pending instant each, in an array by slot (up to 32 slots) or an indexed heap. What is
//!   cancelled is overwritten, so nothing stale stays behind.
//! * Rings: timers of one kind whose delay is a constant of the model; they come due in the order in which they
//!   were set, and from the front they are taken back where they are no longer wanted.
//! * A heap: what is left (back-off, think times, faults).
//! * The next arrival of each source: a scalar, kept with the source.
//!
//! Order within one instant: slots (lowest first; within a slot what happens before what the policy's timer
//! says), then hosts, then timers (by [`TimerKind::rank`]; of one kind those in rings first, then
//! in order of setting), then arrivals (lowest source first), then the borders of segments and the horizon. So work that ends at
//! its time-out has ended in time, a job that arrives as a slot becomes free finds it free, a job that gets its
//! worker at its waiting limit has got it in time, and where a pool's waiting limit and the client's deadline pass
//! together, the pool's word still reaches the client.

use crate::time::{Span, Time};

/// Pending instants of slots.
pub(super) trait SlotCalendar {
    /// Whether all slots are those of the only instance, there is one source and no host: what other models need
    /// is compiled out.
    const ALONE: bool;
    /// Whether slots are numbered below [`SLOTS_PACKED`].
    const PACKED: bool;
    /// Whether notes of what happens are taken: see `trail`. Compiled out where not.
    const FOLLOWED: bool = false;
    /// An empty calendar for so many slots.
    fn new(slots: usize) -> Self;
    /// The earliest instant and its slot; an instant beyond `Time::HORIZON_MAX` from an empty calendar.
    fn first(&self) -> (Time, u32);
    /// Enters a slot that is not in the calendar.
    fn insert(&mut self, at: Time, slot: u32);
    /// Takes out the first, which is that of `slot` and has come due.
    fn come_due(&mut self, slot: u32);
    /// Takes out a slot that is in the calendar.
    fn remove(&mut self, slot: u32);
}

/// Bits of a packed key that hold the slot.
const SLOT_BITS: u32 = 6;
/// More slots than any packed calendar holds.
pub(super) const SLOTS_PACKED: usize = 1 << SLOT_BITS;

/// A key `time << 6 | slot` for each of `N` slots, and the least of them. To set one is one write, and the least is
/// found by comparisons without a branch, which up to 32 slots costs less than any order kept. Instants are below
/// `Time::HORIZON_MAX` = 2^57, so a key never overflows.
pub(super) struct Packed<const N: usize, const ALONE: bool> {
    keys: [u64; N],
    first: u64,
}

/// The key of a slot for which nothing is pending.
const NO_KEY: u64 = u64::MAX;

impl<const N: usize, const ALONE: bool> SlotCalendar for Packed<N, ALONE> {
    const ALONE: bool = ALONE;
    const PACKED: bool = true;

    fn new(slots: usize) -> Self {
        assert!(slots <= N && N <= SLOTS_PACKED, "{slots} slots do not fit a calendar of {N}");
        Packed { keys: [NO_KEY; N], first: NO_KEY }
    }

    #[inline(always)]
    fn first(&self) -> (Time, u32) {
        // `NO_KEY` stands for an instant beyond every horizon; `World::play` knows it.
        (Time::from_nanos(self.first >> SLOT_BITS), (self.first & ((1 << SLOT_BITS) - 1)) as u32)
    }

    #[inline(always)]
    fn insert(&mut self, at: Time, slot: u32) {
        let key = at.nanos() << SLOT_BITS | u64::from(slot);
        self.keys[slot as usize] = key;
        self.first = self.first.min(key);
    }

    #[inline(always)]
    fn come_due(&mut self, slot: u32) {
        self.keys[slot as usize] = NO_KEY;
        self.find_first();
    }

    #[inline]
    fn remove(&mut self, slot: u32) {
        self.come_due(slot);
    }
}

impl<const N: usize, const ALONE: bool> Packed<N, ALONE> {
    #[inline(always)]
    fn find_first(&mut self) {
        // Four strands, so that one comparison need not wait for another.
        let mut least = [NO_KEY; 4];
        for keys in self.keys.chunks_exact(4) {
            for (least, key) in least.iter_mut().zip(keys) {
                *least = (*key).min(*least);
            }
        }
        self.first = least[0].min(least[1]).min(least[2].min(least[3]));
    }
}

/// A binary heap of (instant, slot) that knows where each slot stands. Grows with the slots.
pub(super) struct Indexed {
    heap: Vec<(Time, u32)>,
    place: Vec<u32>,
}

const ABSENT: u32 = u32::MAX;

impl Indexed {
    fn put(&mut self, place: usize, entry: (Time, u32)) {
        self.heap[place] = entry;
        self.place[entry.1 as usize] = place as u32;
    }

    fn sift_up(&mut self, mut place: usize) {
        let entry = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent] <= entry {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, entry);
    }

    fn sift_down(&mut self, mut place: usize) {
        let entry = self.heap[place];
        loop {
            let mut child = 2 * place + 1;
            if child >= self.heap.len() {
                break;
            }
            if child + 1 < self.heap.len() && self.heap[child + 1] < self.heap[child] {
                child += 1;
            }
            if entry <= self.heap[child] {
                break;
            }
            self.put(place, self.heap[child]);
            place = child;
        }
        self.put(place, entry);
    }

    fn take(&mut self, place: usize) {
        self.place[self.heap[place].1 as usize] = ABSENT;
        let last = self.heap.pop().expect("the place is in the heap, so it is not empty");
        if place < self.heap.len() {
            self.put(place, last);
            self.sift_up(place);
            self.sift_down(self.place[last.1 as usize] as usize);
        }
    }
}

impl SlotCalendar for Indexed {
    const ALONE: bool = false;
    const PACKED: bool = false;

    fn new(slots: usize) -> Self {
        Indexed { heap: Vec::with_capacity(slots), place: vec![ABSENT; slots] }
    }

    #[inline(always)]
    fn first(&self) -> (Time, u32) {
        self.heap.first().copied().unwrap_or((Time::NEVER, 0))
    }

    fn insert(&mut self, at: Time, slot: u32) {
        if slot as usize >= self.place.len() {
            self.place.resize(slot as usize + 1, ABSENT);
        }
        self.heap.push((at, slot));
        self.sift_up(self.heap.len() - 1);
    }

    fn come_due(&mut self, _: u32) {
        self.take(0);
    }

    fn remove(&mut self, slot: u32) {
        if let Some(&place) = self.place.get(slot as usize).filter(|&&place| place != ABSENT) {
            self.take(place as usize);
        }
    }
}

/// An indexed heap whose world takes notes.
pub(super) struct Followed(Indexed);

impl SlotCalendar for Followed {
    const ALONE: bool = false;
    const PACKED: bool = false;
    const FOLLOWED: bool = true;

    fn new(slots: usize) -> Self {
        Followed(Indexed::new(slots))
    }

    fn first(&self) -> (Time, u32) {
        self.0.first()
    }

    fn insert(&mut self, at: Time, slot: u32) {
        self.0.insert(at, slot);
    }

    fn come_due(&mut self, slot: u32) {
        self.0.come_due(slot);
    }

    fn remove(&mut self, slot: u32) {
        self.0.remove(slot);
    }
}

/// What a timer is about; whose it is stands in [`Timer::id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum TimerKind {
    /// The waiting limit of a job.
    WaitLimit,
    /// The client gives up an attempt.
    AttemptDeadline,
    /// The client gives up the request.
    TotalDeadline,
    /// The client sends a second attempt.
    Hedge,
    /// The client tries again.
    Retry,
    /// A job returns to its pool's queue.
    Requeue,
    /// A pool looks for workers again.
    Turn,
    /// A virtual user comes.
    UserStart,
    /// A virtual user has thought.
    UserWake,
    /// A virtual user who is to leave drops the request in flight.
    UserDrop,
    /// A slot breaks down, or recovers.
    Breakdown,
    /// A scripted fault begins.
    Fault,
    /// It ends.
    FaultEnd,
    /// The autoscaler looks.
    Scale,
    /// A new instance is up.
    Boot,
    /// The load signal of a route is renewed.
    Signal,
}

impl TimerKind {
    /// The place within one instant: what lets jobs start comes before what ends their patience.
    #[inline(always)]
    const fn rank(self) -> u64 {
        match self {
            TimerKind::Breakdown => 0,
            TimerKind::Requeue => 1,
            TimerKind::Turn => 2,
            TimerKind::WaitLimit => 3,
            TimerKind::AttemptDeadline => 4,
            TimerKind::TotalDeadline => 5,
            TimerKind::Hedge => 6,
            TimerKind::Retry => 7,
            TimerKind::UserStart => 8,
            TimerKind::UserWake => 9,
            TimerKind::UserDrop => 10,
            TimerKind::Fault => 11,
            TimerKind::FaultEnd => 12,
            TimerKind::Scale => 13,
            TimerKind::Boot => 14,
            TimerKind::Signal => 15,
        }
    }
}

/// A pending timer. It is stale, and ignored, if `generation` is no longer that of the thing it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    pub(super) at: Time,
    pub(super) kind: TimerKind,
    pub(super) id: u32,
    pub(super) generation: u32,
}

impl Timer {
    /// Ascending as timers come due: the instant and the rank. No run reaches what lies beyond the horizon.
    #[inline(always)]
    fn key(&self) -> u64 {
        self.at.nanos().min(2 * Time::HORIZON_MAX.nanos()) << RANK_BITS | self.kind.rank()
    }
}

/// Bits of a timer's key that hold its rank.
const RANK_BITS: u32 = 4;
/// The key that stands for no timer.
const NO_TIMER: u64 = u64::MAX;

/// Timers of one kind and constant delay, in the order in which they were set.
#[derive(Debug)]
pub(super) struct Ring {
    /// What all its timers are about.
    kind: TimerKind,
    /// The delay that all its timers have.
    delay: Span,
    timers: std::collections::VecDeque<Timer>,
}

/// Timers in any order; those with one key in order of setting.
#[derive(Debug, Default)]
struct TimerHeap {
    heap: Vec<(u64, u64, Timer)>,
    sequence: u64,
}

/// Rings and heap together.
#[derive(Debug)]
pub(super) struct Timers {
    rings: Vec<Ring>,
    /// By ring: the key of its first timer, side by side, because the earliest is looked for after every event.
    heads: Vec<u64>,
    heap: TimerHeap,
    /// The key of the earliest of them, and where it is: a ring's index, or `HEAP`.
    first: (u64, usize),
}

const HEAP: usize = usize::MAX;

impl Timers {
    pub(super) fn new() -> Timers {
        Timers { rings: Vec::new(), heads: Vec::new(), heap: TimerHeap::default(), first: (NO_TIMER, HEAP) }
    }

    /// The ring for a kind and a constant delay, made if there is none.
    pub(super) fn ring(&mut self, kind: TimerKind, delay: Span) -> usize {
        self.rings.iter().position(|ring| ring.delay == delay && ring.kind == kind).unwrap_or_else(|| {
            self.rings.push(Ring { kind, delay, timers: std::collections::VecDeque::new() });
            self.heads.push(NO_TIMER);
            self.rings.len() - 1
        })
    }

    /// Sets a timer that comes due after the ring's delay from `now`.
    #[inline(always)]
    pub(super) fn push_ring(&mut self, ring: usize, now: Time, id: u32, generation: u32) {
        let Ring { kind, delay, ref mut timers } = self.rings[ring];
        let timer = Timer { at: now + delay, kind, id, generation };
        debug_assert!(timers.back().is_none_or(|last| last.at <= timer.at));
        timers.push_back(timer);
        let head = &mut self.heads[ring];
        *head = timer.key().min(*head);
        self.comes(timer, ring);
    }

    /// Sets a timer at any instant.
    pub(super) fn push(&mut self, timer: Timer) {
        if timer.at == Time::NEVER {
            return;
        }
        self.heap.push(timer);
        self.comes(timer, HEAP);
    }

    #[inline(always)]
    fn comes(&mut self, timer: Timer, place: usize) {
        if (timer.key(), place) < self.first {
            self.first = (timer.key(), place);
        }
    }

    /// When the first timer comes due: beyond every horizon where there is none.
    #[inline(always)]
    pub(super) fn first(&self) -> Time {
        Time::from_nanos(self.first.0 >> RANK_BITS)
    }

    /// Takes the first timer, which must exist.
    pub(super) fn pop(&mut self) -> Timer {
        let timer = match self.first.1 {
            HEAP => self.heap.pop(),
            ring => {
                let timers = &mut self.rings[ring].timers;
                let timer = timers.pop_front();
                self.heads[ring] = timers.front().map_or(NO_TIMER, Timer::key);
                timer
            }
        };
        self.find_first();
        timer.expect("the first timer is where it was noted")
    }

    /// How many timers a ring has.
    #[inline(always)]
    pub(super) fn length(&self, ring: usize) -> usize {
        self.rings[ring].timers.len()
    }

    /// The ring that has the first timer, if one has.
    pub(super) fn first_ring(&self) -> Option<usize> {
        Some(self.first.1).filter(|&place| place != HEAP)
    }

    /// Takes back a ring's first timers as long as they are stale; says whether there were any.
    #[inline(always)]
    pub(super) fn drop_first(&mut self, ring: usize, stale: impl Fn(&Timer) -> bool) -> bool {
        let timers = &mut self.rings[ring].timers;
        let before = timers.len();
        while timers.front().is_some_and(&stale) {
            timers.pop_front();
        }
        if timers.len() == before {
            return false;
        }
        self.heads[ring] = timers.front().map_or(NO_TIMER, Timer::key);
        if self.first.1 == ring {
            self.find_first();
        }
        true
    }

    /// Of equals the one of the first ring; any ring comes before the heap.
    #[inline(always)]
    fn find_first(&mut self) {
        let mut first = (NO_TIMER, HEAP);
        for (ring, &key) in self.heads.iter().enumerate() {
            if key < first.0 {
                first = (key, ring);
            }
        }
        if let Some(&(key, _, _)) = self.heap.heap.first()
            && key < first.0
        {
            first = (key, HEAP);
        }
        self.first = first;
    }
}

impl TimerHeap {
    fn push(&mut self, timer: Timer) {
        self.sequence += 1;
        self.heap.push((timer.key(), self.sequence, timer));
        let mut place = self.heap.len() - 1;
        while place > 0 && self.before(place, (place - 1) / 4) {
            self.heap.swap(place, (place - 1) / 4);
            place = (place - 1) / 4;
        }
    }

    fn pop(&mut self) -> Option<Timer> {
        if self.heap.is_empty() {
            return None;
        }
        let (_, _, timer) = self.heap.swap_remove(0);
        let mut place = 0;
        loop {
            let children = 4 * place + 1..(4 * place + 5).min(self.heap.len());
            let Some(least) = children.reduce(|a, b| if self.before(b, a) { b } else { a }) else { break };
            if !self.before(least, place) {
                break;
            }
            self.heap.swap(place, least);
            place = least;
        }
        Some(timer)
    }

    fn before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.heap[a], &self.heap[b]);
        (a.0, a.1) < (b.0, b.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    /// Plays 20,000 random operations against a plain list.
    fn agrees_with_a_list<C: SlotCalendar>(slots: u32) {
        let mut chance = Streams::new(11, 0).stream(Purpose::Search, u64::from(slots));
        let mut calendar = C::new(slots as usize);
        let mut list: Vec<(Time, u32)> = Vec::new();
        for _ in 0..20_000 {
            let slot = chance.below(u64::from(slots)) as u32;
            let held = list.iter().position(|&(_, other)| other == slot);
            match (held, chance.below(3)) {
                (None, _) => {
                    let at = Time::from_nanos(chance.below(50));
                    calendar.insert(at, slot);
                    list.push((at, slot));
                }
                (Some(place), 0) => {
                    calendar.remove(slot);
                    list.remove(place);
                }
                (_, choice) => {
                    list.sort_unstable();
                    let (at, first) = list.remove(0);
                    assert_eq!(calendar.first(), (at, first));
                    calendar.come_due(first);
                    if choice == 2 {
                        let later = at + Span::from_nanos(chance.below(50));
                        calendar.insert(later, first);
                        list.push((later, first));
                    }
                }
            }
            match list.iter().min() {
                Some(&first) => assert_eq!(calendar.first(), first),
                None => assert!(calendar.first().0 > Time::HORIZON_MAX),
            }
        }
    }

    #[test]
    fn slot_calendars_keep_time_and_slot_order() {
        agrees_with_a_list::<Packed<8, true>>(8);
        agrees_with_a_list::<Packed<12, false>>(11);
        agrees_with_a_list::<Packed<32, false>>(32);
        agrees_with_a_list::<Indexed>(100);
    }

    #[test]
    fn timers_come_by_instant_then_kind_then_rings_before_the_heap() {
        let mut timers = Timers::new();
        let user = timers.ring(TimerKind::UserWake, Span::from_nanos(9));
        let (fast, slow) = (Span::from_nanos(5), Span::from_nanos(9));
        let (fast, slow) = (timers.ring(TimerKind::WaitLimit, fast), timers.ring(TimerKind::WaitLimit, slow));
        assert_eq!(timers.ring(TimerKind::WaitLimit, Span::from_nanos(9)), slow);
        let heap = |at, id, kind| Timer { at: Time::from_nanos(at), kind, id, generation: 0 };
        timers.push(heap(9, 0, TimerKind::Retry));
        timers.push(heap(9, 1, TimerKind::Retry));
        timers.push(heap(9, 7, TimerKind::WaitLimit));
        timers.push_ring(user, Time::ZERO, 6, 0);
        timers.push_ring(slow, Time::ZERO, 2, 0);
        timers.push_ring(fast, Time::from_nanos(4), 3, 0);
        timers.push_ring(fast, Time::from_nanos(6), 4, 0);
        timers.push(heap(2, 5, TimerKind::Retry));
        let mut ids = Vec::new();
        while timers.first() <= Time::HORIZON_MAX {
            ids.push(timers.pop().id);
        }
        assert_eq!(ids, [5, 3, 2, 7, 0, 1, 6, 4]);
        (0..4).for_each(|id| timers.push_ring(fast, Time::from_nanos(u64::from(id)), id, 0));
        timers.push(heap(6, 9, TimerKind::Retry));
        assert_eq!(timers.first_ring(), Some(fast));
        assert!(timers.drop_first(fast, |timer| timer.id != 2));
        assert_eq!((timers.first(), timers.first_ring()), (Time::from_nanos(6), None));
        assert_eq!(timers.pop().id, 9, "0 and 1 are gone");
        assert!(!timers.drop_first(fast, |timer| timer.id != 2));
        assert_eq!((timers.pop().id, timers.pop().id), (2, 3), "3 stood behind one that is wanted");
        assert!(timers.first() > Time::HORIZON_MAX);
    }
}
