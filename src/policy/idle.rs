//! The workers that could take a job, in the order in which they would be chosen.

use super::settings::IdleOrder;
use crate::random::Stream;

/// A set of slot indices with an order of choice. All operations are O(1), or O(slots / 64) for `LowestIndex`.
#[derive(Clone, Debug)]
pub struct IdleSet {
    order: IdleOrder,
    /// One bit per slot; the whole truth about membership. The first 64 slots, which few pools exceed, are found
    /// without a look-up.
    low: u64,
    high: Vec<u64>,
    len: u32,
    /// For the other orders: a doubly linked list (recency) or a dense array (random) over the slots.
    links: Vec<Link>,
    first: u32,
    last: u32,
    dense: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    next: u32,
    prev: u32,
}

const NONE: u32 = u32::MAX;

impl IdleSet {
    /// An empty set for the given number of slots.
    pub fn new(order: IdleOrder, slots: u32) -> IdleSet {
        let mut set = IdleSet {
            order,
            low: 0,
            high: Vec::new(),
            len: 0,
            links: Vec::new(),
            first: NONE,
            last: NONE,
            dense: Vec::new(),
        };
        set.grow(slots);
        set
    }

    /// Makes room for more slots.
    pub fn grow(&mut self, slots: u32) {
        self.high.resize(slots.div_ceil(64).saturating_sub(1) as usize, 0);
        if self.order != IdleOrder::LowestIndex {
            self.links.resize(slots as usize, Link { next: NONE, prev: NONE });
        }
    }

    /// How many slots are in the set.
    #[inline(always)]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether the set is empty.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a slot is in the set.
    #[inline(always)]
    pub fn contains(&self, slot: u32) -> bool {
        let word = match slot as usize >> 6 {
            0 => self.low,
            word => self.high[word - 1],
        };
        word >> (slot & 63) & 1 == 1
    }

    #[inline(always)]
    fn word_of(&mut self, slot: u32) -> &mut u64 {
        match slot as usize >> 6 {
            0 => &mut self.low,
            word => &mut self.high[word - 1],
        }
    }

    /// Adds a slot that is not in the set.
    #[inline(always)]
    pub fn insert(&mut self, slot: u32) {
        debug_assert!(!self.contains(slot), "slot {slot} is idle already");
        *self.word_of(slot) |= 1 << (slot & 63);
        self.len += 1;
        if self.order != IdleOrder::LowestIndex {
            self.link(slot);
        }
    }

    /// Takes a slot out, if it is in the set.
    #[inline(always)]
    pub fn remove(&mut self, slot: u32) {
        if !self.contains(slot) {
            return;
        }
        *self.word_of(slot) &= !(1 << (slot & 63));
        self.len -= 1;
        if self.order != IdleOrder::LowestIndex {
            self.unlink(slot);
        }
    }

    /// The slot that is next to be chosen; `None` from an empty set.
    #[inline(always)]
    pub fn choose(&self, chance: &mut Stream) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        if self.order == IdleOrder::LowestIndex {
            return Some(self.lowest());
        }
        Some(self.choose_otherwise(chance))
    }

    fn choose_otherwise(&self, chance: &mut Stream) -> u32 {
        match self.order {
            IdleOrder::LowestIndex => self.lowest(),
            IdleOrder::MostRecent => self.last,
            IdleOrder::LongestIdle => self.first,
            IdleOrder::Random => self.dense[chance.below(u64::from(self.len)) as usize],
        }
    }

    #[inline(always)]
    fn lowest(&self) -> u32 {
        if self.low != 0 { self.low.trailing_zeros() } else { self.lowest_high() }
    }

    #[inline(never)]
    fn lowest_high(&self) -> u32 {
        let index = self.high.iter().position(|&word| word != 0).expect("the set is not empty");
        (index as u32 + 1) << 6 | self.high[index].trailing_zeros()
    }

    fn link(&mut self, slot: u32) {
        if self.order == IdleOrder::Random {
            self.links[slot as usize].next = self.dense.len() as u32;
            self.dense.push(slot);
            return;
        }
        self.links[slot as usize] = Link { next: NONE, prev: self.last };
        match self.last {
            NONE => self.first = slot,
            last => self.links[last as usize].next = slot,
        }
        self.last = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let Link { next, prev } = self.links[slot as usize];
        if self.order == IdleOrder::Random {
            self.dense.swap_remove(next as usize);
            if let Some(&moved) = self.dense.get(next as usize) {
                self.links[moved as usize].next = next;
            }
            return;
        }
        match prev {
            NONE => self.first = next,
            prev => self.links[prev as usize].next = next,
        }
        match next {
            NONE => self.last = prev,
            next => self.links[next as usize].prev = prev,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    /// Puts 5, 70, 2 and 9 in, takes 70 out, and empties the set by choice.
    fn drained(order: IdleOrder) -> Vec<u32> {
        let mut chance = Streams::new(1, 0).stream(Purpose::Policy, 0);
        let mut set = IdleSet::new(order, 100);
        [5, 70, 2, 9].into_iter().for_each(|slot| set.insert(slot));
        set.remove(70);
        set.remove(70);
        let mut drained = Vec::new();
        while let Some(slot) = set.choose(&mut chance) {
            set.remove(slot);
            drained.push(slot);
        }
        drained
    }

    #[test]
    fn each_order_chooses_as_it_says() {
        assert_eq!(drained(IdleOrder::LowestIndex), [2, 5, 9]);
        assert_eq!(drained(IdleOrder::MostRecent), [9, 2, 5]);
        assert_eq!(drained(IdleOrder::LongestIdle), [5, 2, 9]);
        let mut random = drained(IdleOrder::Random);
        random.sort_unstable();
        assert_eq!(random, [2, 5, 9]);
    }
}
