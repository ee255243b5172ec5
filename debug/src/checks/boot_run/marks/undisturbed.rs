//! Runs without the breakpoints on traps, to see whether the code that is interrupted again and again continues. Each stop at a
//! breakpoint takes time, in which the next interrupt becomes due. It does not know why a run is needed.

use std::time::{Duration, Instant};

use super::super::BootRun;
use super::super::event::{BootEnd, BootEvent};
use super::super::hart_trace::{STORM, Storm};
use super::super::spin::WFI_LENGTH;
use super::{Mark, Marks, Passed, TRIAL};
use crate::machine::{Address, Error, HartEvent, Stop, csr};
use crate::riscv::Effect;

impl BootRun<'_> {
    /// Finds out whether the interrupted code continues. It runs at full speed without stops at traps, because time passes in a stop,
    /// and a step over a return from a trap delays the next interrupt.
    pub(super) fn try_interrupted(&mut self, pc: Address) -> Result<Option<Passed>, Error> {
        self.marks.same = 0;
        self.marks.remove(self.machine, Mark::Handler)?;
        self.marks.remove(self.machine, Mark::TrapReturn)?;
        self.marks.told = Default::default();
        self.marks.insert(self.machine, pc, Mark::Interrupted)?;
        // A handler may go on elsewhere, from where the hart comes to its `wfi` again.
        let wfi = Some(pc - WFI_LENGTH).filter(|wfi| matches!(self.effect(*wfi), Ok(Effect::Wfi)));
        if let Some(wfi) = wfi {
            self.marks.insert(self.machine, wfi, Mark::Interrupted)?;
        }
        let stop = self.resume_undisturbed(TRIAL)?;
        if matches!(stop, Stop::Exited { .. }) {
            self.pending = Some(stop);
            return Ok(Some(Passed::On));
        }
        self.marks.remove(self.machine, Mark::Interrupted)?;
        self.stack_use.watch_below(self.machine)?;
        let at = Address(self.machine.registers()?.pc);
        let reached = stop == Stop::Breakpoint && (at == pc || Some(at) == wfi);
        if stop == Stop::Interrupted {
            return Ok(Some(self.judge_storm(pc)?));
        }
        self.marks.innocent = Some(pc);
        self.marks.clock += STORM;
        let (icount, sp) = (self.marks.clock, self.hart.handling().map_or(Address(0), |trap| trap.sp));
        self.hart.event(&HartEvent::TrapReturn { icount, to: if reached { at } else { pc }, sp, to_user: false });
        self.marks.traps_left = 0;
        self.tell_traps()?;
        if !reached {
            if self.pending_event.is_none() {
                self.pending = Some(stop);
            }
            return Ok(Some(Passed::On));
        }
        if self.is_overdue() {
            match self.look()? {
                Some(BootEvent::End(end)) => return Ok(Some(Passed::End(end))),
                event => self.pending_event = event,
            }
        }
        Ok(Some(Passed::Stepped))
    }

    /// The interrupted code does not continue. It is a storm if the interrupt comes again; otherwise the handler has not returned yet.
    fn judge_storm(&mut self, pc: Address) -> Result<Passed, Error> {
        self.marks.traps_left = 0;
        self.tell_traps()?;
        let stop = self.resume_undisturbed(TRIAL)?;
        if stop == Stop::Breakpoint {
            let [cause, sepc] = self.machine.read_registers(&[csr::SCAUSE, csr::SEPC])?[..] else {
                return Ok(Passed::On);
            };
            // A panic or another mark within the handler, which is still the same one's, is handled later.
            if self.begins_handler()?
                && let Some(trap) = self.hart.last_interrupt
                && trap.cause == cause
                && self.machine.linked(Address(sepc))? == pc
            {
                self.hart.storm = Some(Storm { trap, interrupts: self.hart.interrupts + 1, instructions: 0 });
                return Ok(Passed::End(BootEnd::Storm));
            }
        } else if !matches!(stop, Stop::Interrupted) && self.pending_event.is_none() {
            self.pending = Some(stop);
        }
        self.stack_use.watch_below(self.machine)?;
        Ok(Passed::On)
    }

    /// Runs a kernel that may idle for a while without stops. With stops the next timer interrupt would be due before it continues.
    pub(super) fn run_undisturbed(&mut self) -> Result<Option<Passed>, Error> {
        self.marks.remove(self.machine, Mark::Handler)?;
        self.marks.remove(self.machine, Mark::TrapReturn)?;
        self.marks.told = Default::default();
        let stop = self.resume_undisturbed(TRIAL)?;
        self.hart.has_gaps = true;
        if !matches!(stop, Stop::Interrupted) {
            if self.pending_event.is_none() {
                self.pending = Some(stop);
            }
            return Ok(Some(Passed::On));
        }
        self.stack_use.watch_below(self.machine)?;
        self.marks.traps_left = 0;
        self.tell_traps()?;
        Ok(Some(Passed::On))
    }

    /// Forgets the traps of the hart that was followed before, and tells those of another one.
    pub(in super::super) fn forget_traps(&mut self) -> Result<(), Error> {
        for mark in [Mark::Handler, Mark::TrapReturn, Mark::Interrupted, Mark::WayOut] {
            self.marks.remove(self.machine, mark)?;
        }
        let (places, returns) = (std::mem::take(&mut self.marks.places), std::mem::take(&mut self.marks.returns));
        self.marks = Marks { places, returns, clock: self.marks.clock, ..Marks::default() };
        self.tell_traps()
    }

    /// Also runs without the watchpoint below the stack. Hits of other watchpoints are handled.
    pub(in super::super) fn resume_undisturbed(&mut self, limit: Duration) -> Result<Stop, Error> {
        self.stack_use.leave_below(self.machine)?;
        let begun = Instant::now();
        loop {
            let stop = self.resume(limit.saturating_sub(begun.elapsed()))?;
            let Stop::Watchpoint { .. } = stop else { return Ok(stop) };
            self.pending_event = self.event(stop)?;
            if self.pending_event.is_some() {
                return Ok(stop);
            }
        }
    }
}
