//! A number that goes up and down, and its integral over time.

use crate::time::Time;

/// A level with an exact integral: going up at `t` takes `t` from the account and going down adds it, so the
/// integral up to `T` is the account plus the level times `T`, and a step costs one addition. The account is kept
/// modulo 2^64 and [folded](Running::fold) from time to time: between two folds less than 2^64 ns (584 years times
/// one) may pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Running {
    level: u32,
    account: u64,
    /// The integral at the last fold, and the same modulo 2^64.
    total: u128,
    folded: u64,
    /// The integral at the last [`Running::cut`].
    cut_at: u128,
}

impl Running {
    /// One more from now on.
    #[inline(always)]
    pub fn up(&mut self, now: Time) {
        self.level += 1;
        self.account = self.account.wrapping_sub(now.nanos());
    }

    /// One less from now on.
    #[inline(always)]
    pub fn down(&mut self, now: Time) {
        self.level -= 1;
        self.account = self.account.wrapping_add(now.nanos());
    }

    /// How many there are.
    #[inline(always)]
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Brings what has passed since the last fold into the integral.
    pub fn fold(&mut self, now: Time) {
        let folded = self.account.wrapping_add(u64::from(self.level).wrapping_mul(now.nanos()));
        self.total += u128::from(folded.wrapping_sub(self.folded));
        self.folded = folded;
    }

    /// The integral from the start to `now`.
    pub fn integral(&self, now: Time) -> u128 {
        let mut folded = *self;
        folded.fold(now);
        folded.total
    }

    /// The integral since the last cut; cuts again.
    pub fn cut(&mut self, now: Time) -> u128 {
        self.fold(now);
        self.total - std::mem::replace(&mut self.cut_at, self.total)
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
}
