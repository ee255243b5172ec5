//! What is known of a kernel at a moment: how many interrupts have come, and how far its timer is. It does not judge.

use std::time::{Duration, Instant};

use super::BootRun;
use crate::machine::Error;

/// The interval between two looks at a kernel that may idle.
pub const LOOK: Duration = Duration::from_millis(50);

/// What is known of a kernel at a moment.
#[derive(Clone, Copy)]
pub struct Moment {
    pub at: Instant,
    pub interrupts: u64,
    /// The icount of the last interrupt.
    pub icount: u64,
    /// The point in time that the timer was set to, in ticks.
    pub timer: Option<u64>,
    /// The instructions by then, where they are counted.
    pub executed: u64,
}

impl BootRun<'_> {
    /// What is known of the kernel now.
    pub(super) fn this_moment(&mut self) -> Result<Moment, Error> {
        let timer = if self.trace.is_some() { self.timer()? } else { None };
        Ok(Moment {
            at: Instant::now(),
            interrupts: self.hart.interrupts,
            icount: self.hart.last_interrupt.map_or(0, |trap| trap.icount),
            timer,
            executed: self.machine.executed().unwrap_or(0),
        })
    }
}
