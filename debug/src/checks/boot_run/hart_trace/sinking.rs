//! Whether a kernel's stack sinks from interrupt to interrupt. It does not judge.

use std::cmp::Ordering;

use super::PERIODS;
use crate::machine::Address;

/// Interrupts that each found sp lower than the one before: they, or what they interrupt, leave something on the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sinking {
    /// How often sp was lower.
    times: u64,
    /// The first and the lowest sp.
    from: Address,
    to: Address,
}

impl Sinking {
    /// The next interrupt came with this sp.
    pub fn add(&mut self, sp: Address) {
        match sp.cmp(&self.to) {
            Ordering::Less => (self.times, self.to) = (self.times + 1, sp),
            Ordering::Equal => {}
            Ordering::Greater => *self = Sinking { times: 0, from: sp, to: sp },
        }
    }

    /// How many bytes each of them leaves, if it goes on so long enough.
    pub fn each(&self) -> Option<u64> {
        (self.times >= PERIODS).then(|| (self.from.0 - self.to.0) / self.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(sps: impl Iterator<Item = u64>) -> Option<u64> {
        let mut sinking = Sinking::default();
        sps.for_each(|sp| sinking.add(Address(sp)));
        sinking.each()
    }

    #[test]
    fn a_stack_sinks_if_sp_is_lower_again_and_again_and_never_higher() {
        assert_eq!(after((0..=PERIODS).map(|tick| 0x8000 - 64 * tick)), Some(64));
        assert_eq!(after((0..=2 * PERIODS).map(|tick| 0x8000 - 64 * (tick / 2))), Some(64), "by every other");
        assert_eq!(after((0..=PERIODS).map(|_| 0x8000)), None);
        assert_eq!(after((0..=8 * PERIODS).map(|tick| 0x8000 - 64 * (tick % 9))), None, "it rises again");
    }
}
