//! Lets a kernel that computes for long do so at full speed, on a machine whose breakpoints cost time where the hart does not stop: QEMU
//! translates the code of a page with a breakpoint one instruction at a time. It does not judge.
//!
//! A kernel that fills all of memory in a loop beside its entry needs ten times as long with breakpoints as without.

use std::time::{Duration, Instant};

use super::{BootRun, TRAP_CSR_POISON};
use crate::machine::{Address, Error, HartEvent, Stop, csr};
use crate::riscv::cause::is_interrupt;
use crate::riscv::status::sstatus::{SIE, SPIE};

/// A kernel is left alone for so long at once: what it does behind its loop within this time is not told.
const ALONE: Duration = Duration::from_millis(50);
/// A kernel that is looked at after so long computes for long.
const LONG: Duration = Duration::from_millis(150);
const PAGE: u64 = 4096;

/// What became of a kernel that was left alone.
pub(super) enum Computed {
    /// It was not: it does not compute in a page with breakpoints, or not for long, or any more.
    Elsewhere,
    /// It is at it still.
    Still,
    /// It trapped meanwhile, where nobody has stopped it.
    Trapped,
}

impl BootRun<'_> {
    /// Takes the breakpoints out of the page where the hart computes, while it is there, for this long.
    pub(super) fn compute(&mut self, limit: Duration) -> Result<Computed, Error> {
        if self.trace.is_some() || !self.traps_shown || self.slice < LONG {
            return Ok(Computed::Elsewhere);
        }
        if !self.computes_alone()? {
            return Ok(Computed::Elsewhere);
        }
        let computed = self.leave_alone(limit)?;
        self.stack_use.watch_below(self.machine)?;
        Ok(computed)
    }

    /// Also without the watchpoint below the stack, where other variables may be that are stored to.
    fn leave_alone(&mut self, limit: Duration) -> Result<Computed, Error> {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            let page = page_of(self.machine.registers()?.pc);
            let marked = self.marks.places().chain(self.finisher.changes()).chain([self.layout.entry]);
            let mut places: Vec<Address> = marked.filter(|place| page_of(place.0) == page).collect();
            places.sort();
            places.dedup();
            if places.is_empty() || self.is_over() || self.in_firmware()? {
                return Ok(Computed::Elsewhere);
            }
            places.iter().try_for_each(|place| self.machine.remove_breakpoint(*place))?;
            let mut stop = self.resume_undisturbed(ALONE)?;
            while stop == Stop::Breakpoint && self.is_interrupted()? {
                self.marks.leave_interrupts(self.machine)?;
                stop = self.resume_undisturbed(ALONE)?;
            }
            if matches!(stop, Stop::Exited { .. }) {
                self.pending = Some(stop);
                return Ok(Computed::Elsewhere);
            }
            places.iter().try_for_each(|place| self.machine.insert_breakpoint(*place))?;
            self.hart.has_gaps = true;
            self.notice_handler()?;
            if self.hart.vector.is_none() && self.csr(csr::SCAUSE)?.is_some_and(|scause| scause != TRAP_CSR_POISON) {
                return Ok(Computed::Trapped);
            }
            if stop != Stop::Interrupted {
                self.pending = Some(stop);
                return Ok(Computed::Elsewhere);
            }
        }
        Ok(Computed::Still)
    }

    /// With interrupts it has more to do than to compute, and what becomes of them is told by breakpoints. It has none where it enables
    /// none, nor where S-mode keeps them off and is not in the handler of one, which has turned them off. Those of M-mode may come then.
    fn computes_alone(&mut self) -> Result<bool, Error> {
        let [sie, sstatus] = self.machine.read_registers(&[csr::SIE, csr::SSTATUS])?[..] else { return Ok(false) };
        Ok(sie == 0 || sstatus & (SIE | SPIE) == 0)
    }

    /// Whether the hart is at the first instruction of an interrupt's handler.
    fn is_interrupted(&mut self) -> Result<bool, Error> {
        Ok(self.begins_handler()? && self.csr(csr::SCAUSE)?.is_some_and(is_interrupt))
    }

    /// The kernel may have set its trap handler unseen.
    fn notice_handler(&mut self) -> Result<(), Error> {
        let stvec = self.machine.read_register(csr::STVEC)?;
        let handler = self.machine.linked(Address(stvec & !3))?;
        if self.hart.vector.is_none() && handler != self.layout.entry {
            let pc = Address(self.machine.registers()?.pc);
            self.hart.event(&HartEvent::VectorWrite { pc, written: stvec, held: stvec, icount: 0 });
        }
        Ok(())
    }
}

fn page_of(address: u64) -> u64 {
    address / PAGE
}
