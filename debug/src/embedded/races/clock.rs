//! Vector clocks: up to which of its instructions each hart is known. It does not know what makes it known.

use crate::machine::MOST_HARTS;

/// For each hart, the instructions of the machine by which what that hart had stored is known; 0 for nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock([u64; MOST_HARTS]);

impl Clock {
    /// What either knows.
    pub fn join(&mut self, other: &Clock) {
        for (one, other) in self.0.iter_mut().zip(&other.0) {
            *one = (*one).max(*other);
        }
    }

    /// This, and all that the hart itself has done up to the instruction that has so many before it.
    pub fn with(mut self, hart: usize, icount: u64) -> Clock {
        self.0[hart] = self.0[hart].max(icount + 1);
        self
    }

    /// Whether this knows more of a hart than the other does.
    pub fn is_beyond(&self, other: &Clock, hart: usize) -> bool {
        self.0[hart] > other.0[hart]
    }

    /// Whether what the hart did with so many instructions before is known.
    pub fn has(&self, hart: usize, icount: u64) -> bool {
        self.0[hart] > icount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hart_did_is_known_from_that_instruction_on() {
        let mut clock = Clock::default();
        assert!(!clock.has(1, 0));
        clock.join(&Clock::default().with(1, 10).with(2, 5));
        clock.join(&Clock::default().with(1, 7));
        assert!(clock.has(1, 10) && !clock.has(1, 11) && clock.has(2, 5) && !clock.has(3, 0));
    }
}
