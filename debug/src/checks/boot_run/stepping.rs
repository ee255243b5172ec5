//! Executes the BSS clear one instruction at a time, and counts. It does not judge.

use std::ops::Range;
use std::time::Duration;

use super::event::{BootEnd, BootEvent};
use super::layout::bytes;
use super::poison;
use super::{BootRun, TRAP_CSR_POISON};
use crate::checks::ClearProgress;
use crate::machine::{Address, Error, Stop, csr};

/// How many instructions are executed before the state of the clear is read again.
const BATCH: u64 = 500;

/// Counts the clear's instructions.
pub struct Stepping<'a> {
    pub executed: u64,
    progress: &'a mut dyn FnMut(ClearProgress),
}

impl<'a> Stepping<'a> {
    pub fn new(progress: &'a mut dyn FnMut(ClearProgress)) -> Stepping<'a> {
        Stepping { executed: 0, progress }
    }

    /// Like [`BootRun::next_event`].
    pub fn next_event(&mut self, run: &mut BootRun<'_>, parts: &[Range<Address>]) -> Result<BootEvent, Error> {
        loop {
            let (executed, stop) = run.step(BATCH, Duration::MAX)?;
            self.executed += executed;
            if let Some(event) = self.event(run, stop)? {
                return Ok(event);
            }
            let progress = self.measure(run, parts)?;
            (self.progress)(progress);
        }
    }

    /// Steps do not stop at breakpoints, so this looks for a trap and for the end itself.
    fn event(&mut self, run: &mut BootRun<'_>, stop: Stop) -> Result<Option<BootEvent>, Error> {
        if !matches!(stop, Stop::Stepped | Stop::Interrupted) {
            return run.event(stop);
        }
        if run.traps_shown && run.csr(csr::SCAUSE)?.is_some_and(|scause| scause != TRAP_CSR_POISON) {
            return Ok(Some(BootEvent::End(BootEnd::Trap)));
        }
        match run.arrival()? {
            Some(end) => Ok(Some(BootEvent::End(end))),
            None if stop == Stop::Interrupted => run.event(stop),
            None => Ok(None),
        }
    }

    /// Estimates from a few bytes how much is cleared: a clear goes from one end to the other.
    fn measure(&self, run: &mut BootRun<'_>, parts: &[Range<Address>]) -> Result<ClearProgress, Error> {
        const SAMPLES: u64 = 32;
        let total: u64 = parts.iter().map(bytes).sum();
        let mut cleared = 0;
        for part in parts {
            let pitch = bytes(part).div_ceil(SAMPLES).max(1);
            for start in (part.start.0..part.end.0).step_by(pitch as usize) {
                let sample = Address(start)..Address(start + 1);
                if poison::inspect(run.machine, &[sample])?.poisoned == 0 {
                    cleared += pitch.min(part.end.0 - start);
                }
            }
        }
        Ok(ClearProgress { instructions: self.executed, cleared, total })
    }
}
