//! A number that goes up and down, and its integral over time.

use super::sum::{add, take};
use crate::time::Time;

/// A level with an exact integral: going up at `t` takes `t` from the account and going down adds it, so the
/// integral up to `T` is the account plus the level times `T`, and a step costs one addition.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    level: u32,
    /// Begins at [`BEGIN`].
    account: u128,
    /// The integral at the last [`Running::cut`].
    cut_at: u128,
}

/// Half a lower word: the account of a level below 64 never touches its upper half, because no run is longer than 2^57 ns.
const BEGIN: u128 = 1 << 63;

impl Default for Running {
    fn default() -> Running {
        Running { level: 0, account: BEGIN, cut_at: 0 }
    }
}

impl Running {
    /// One more from now on.
    #[inline(always)]
    pub fn up(&mut self, now: Time) {
        self.level += 1;
        take(&mut self.account, now.nanos());
    }

    /// One less from now on.
    #[inline(always)]
    pub fn down(&mut self, now: Time) {
        self.level -= 1;
        add(&mut self.account, now.nanos());
    }

    /// How many there are.
    #[inline(always)]
    pub fn level(&self) -> u32 {
        self.level
    }

    /// The integral from the start to `now`.
    pub fn integral(&self, now: Time) -> u128 {
        self.account.wrapping_sub(BEGIN).wrapping_add(u128::from(self.level) * u128::from(now.nanos()))
    }

    /// The integral since the last cut; cuts again.
    pub fn cut(&mut self, now: Time) -> u128 {
        let integral = self.integral(now);
        integral - std::mem::replace(&mut self.cut_at, integral)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integral_is_exact_and_cuts_add_up() {
        let at = Time::from_nanos;
        let mut level = Running::default();
        level.up(at(10));
        level.up(at(15));
        assert_eq!(level.cut(at(20)), 15);
        level.down(at(30));
        assert_eq!((level.integral(at(40)), level.cut(at(40)), level.level()), (45, 30, 1));
    }

    #[test]
    fn the_integral_of_a_high_level_over_years_is_exact() {
        let (late, later) = (Time::from_nanos(1 << 56), Time::from_nanos((1 << 57) - 1));
        let mut level = Running::default();
        (0..1000).for_each(|_| level.up(Time::from_nanos(3)));
        (0..900).for_each(|_| level.up(late));
        assert_eq!(level.integral(late), 1000 * ((1 << 56) - 3));
        (0..1900).for_each(|_| level.down(later));
        assert_eq!(level.integral(later), 1000 * ((1 << 57) - 4) + 900 * ((1 << 56) - 1));
    }
}
