//! Exact sums of nanoseconds, which cost as much as those of one word as long as they do not carry.

/// Adds to a sum without a look at its upper half, which few additions change.
#[inline(always)]
pub(crate) fn add(sum: &mut u128, more: u64) {
    let (low, carries) = (*sum as u64).overflowing_add(more);
    *sum = (*sum >> 64 << 64) | u128::from(low);
    if carries {
        carry(sum);
    }
}

/// Takes from a sum in the same way, modulo 2^128.
#[inline(always)]
pub(crate) fn take(sum: &mut u128, less: u64) {
    let (low, borrows) = (*sum as u64).overflowing_sub(less);
    *sum = (*sum >> 64 << 64) | u128::from(low);
    if borrows {
        borrow(sum);
    }
}

#[cold]
#[inline(never)]
fn carry(sum: &mut u128) {
    *sum = sum.wrapping_add(1 << 64);
}

#[cold]
#[inline(never)]
fn borrow(sum: &mut u128) {
    *sum = sum.wrapping_sub(1 << 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_carry_and_borrow() {
        let mut sum = u128::from(u64::MAX) - 1;
        (0..3).for_each(|_| add(&mut sum, u64::MAX));
        assert_eq!(sum, 4 * u128::from(u64::MAX) - 1);
        (0..4).for_each(|_| take(&mut sum, u64::MAX));
        assert_eq!(sum, u128::MAX);
        add(&mut sum, 1);
        assert_eq!(sum, 0);
    }
}
