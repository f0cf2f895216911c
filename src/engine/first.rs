//! A list whose first item lies at a fixed place: the only one of most models is found without a look-up.

use super::calendar::SlotCalendar;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A list that is never empty. Where the world is [`SlotCalendar::ALONE`], its first item is the only one and an
/// index costs nothing; the compiler leaves the rest out.
pub(super) struct First<T, C> {
    first: T,
    others: Vec<T>,
    world: PhantomData<C>,
}

impl<T, C> First<T, C> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }

    pub(super) fn len(&self) -> usize {
        1 + self.others.len()
    }
}

impl<T, C> FromIterator<T> for First<T, C> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> First<T, C> {
        let mut items = items.into_iter();
        let first = items.next().expect("a checked model has a pool and a source");
        First { first, others: items.collect(), world: PhantomData }
    }
}

impl<T, C: SlotCalendar> Index<usize> for First<T, C> {
    type Output = T;

    #[inline(always)]
    fn index(&self, index: usize) -> &T {
        match index {
            _ if C::ALONE => &self.first,
            0 => &self.first,
            index => &self.others[index - 1],
        }
    }
}

impl<T, C: SlotCalendar> IndexMut<usize> for First<T, C> {
    #[inline(always)]
    fn index_mut(&mut self, index: usize) -> &mut T {
        match index {
            _ if C::ALONE => &mut self.first,
            0 => &mut self.first,
            index => &mut self.others[index - 1],
        }
    }
}
