//! The slow and exact way through the BSS clear: one instruction at a time, counted. It does not judge.

use std::ops::Range;
use std::time::Instant;

use super::event::{End, Event};
use super::poison;
use super::walk::{UNTRAPPED, Walk};
use super::{Progress, layout::bytes};
use crate::machine::{Address, Error, Stop, csr};

/// How many instructions are executed between two looks at where the kernel is.
const BATCH: u64 = 500;

/// Counts the clear's instructions.
pub struct Stepping<'a> {
    pub executed: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> Stepping<'a> {
    pub fn new(progress: &'a mut dyn FnMut(Progress)) -> Stepping<'a> {
        Stepping { executed: 0, progress }
    }

    /// As [`Walk::next_event`].
    pub fn next_event(&mut self, walk: &mut Walk<'_>, parts: &[Range<Address>]) -> Result<Event, Error> {
        loop {
            let left = walk.deadline.saturating_duration_since(Instant::now());
            let (executed, stop) = walk.step(BATCH, left)?;
            self.executed += executed;
            if let Some(event) = self.event(walk, stop)? {
                return Ok(event);
            }
            let progress = self.measure(walk, parts)?;
            (self.progress)(progress);
        }
    }

    /// Steps do not stop at breakpoints, so a trap and the end are looked for.
    fn event(&mut self, walk: &mut Walk<'_>, stop: Stop) -> Result<Option<Event>, Error> {
        if !matches!(stop, Stop::Stepped | Stop::Interrupted) {
            return walk.event(stop);
        }
        if walk.traps_shown && walk.csr(csr::SCAUSE)?.is_some_and(|scause| scause != UNTRAPPED) {
            return Ok(Some(Event::End(End::Trap)));
        }
        match walk.arrival()? {
            Some(end) => Ok(Some(Event::End(end))),
            None if stop == Stop::Interrupted => walk.event(stop),
            None => Ok(None),
        }
    }

    /// Looks at a few bytes for how much is cleared: a clear goes from one end to the other.
    fn measure(&self, walk: &mut Walk<'_>, parts: &[Range<Address>]) -> Result<Progress, Error> {
        const SAMPLES: u64 = 32;
        let total: u64 = parts.iter().map(bytes).sum();
        let mut cleared = 0;
        for part in parts {
            let pitch = bytes(part).div_ceil(SAMPLES).max(1);
            for start in (part.start.0..part.end.0).step_by(pitch as usize) {
                let sample = Address(start)..Address(start + 1);
                if poison::inspect(walk.machine, &[sample])?.poisoned == 0 {
                    cleared += pitch.min(part.end.0 - start);
                }
            }
        }
        Ok(Progress { instructions: self.executed, cleared, total })
    }
}
