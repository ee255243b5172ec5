//! A part of the boot in which the kernel repeats one thing: how long it was, and what came meanwhile. It does not judge.

/// A part of the boot in which the kernel only waited, or only polled.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stretch {
    pub times: u64,
    /// The icount at the first and the last.
    pub first: u64,
    pub last: u64,
    /// `time` at both, if known.
    pub first_time: u64,
    pub last_time: u64,
    /// Interrupts since the first.
    pub interrupts: u64,
}

impl Stretch {
    pub fn add(&mut self, icount: u64, time: u64) {
        if self.times == 0 {
            *self = Stretch { first: icount, first_time: time, ..Stretch::default() };
        }
        self.times += 1;
        (self.last, self.last_time) = (icount, time);
    }

    /// From the first to the last, in ticks of the `time` CSR.
    pub fn ticks(&self) -> u64 {
        self.last_time.saturating_sub(self.first_time)
    }

    /// From the first to the last, in instructions.
    pub fn instructions(&self) -> u64 {
        self.last.saturating_sub(self.first)
    }

    /// Ticks from one interrupt to the next.
    pub fn period(&self) -> Option<u64> {
        self.ticks().checked_div(self.interrupts)
    }
}
