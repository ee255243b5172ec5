//! The boot hart stops itself while another one executes the kernel: the walk goes on with that one. It does not judge.

use std::time::Duration;

use super::hart_trace::{HartTrace, VectorWrite};
use super::other_handlers::LOOKS;
use super::rest::Rest;
use super::{BootRun, FIRST_SLICE};
use crate::machine::{Address, Error, Register, Stop, csr};
use crate::riscv::Effect;
use crate::riscv::status::USER_MODE;

/// How long the harts run until they are looked at again, at first.
const FIRST: Duration = Duration::from_micros(100);

impl BootRun<'_> {
    /// Follows another hart, as the followed one has stopped itself. Returns whether there is one that executes the kernel. What it does
    /// to memory is not followed: what is known of stacks and of BSS is the boot hart's.
    pub fn follow_next(&mut self) -> Result<bool, Error> {
        if self.machine.harts() < 2 {
            return Ok(false);
        }
        self.machine.show_other(None)?;
        let hart = self.csr(csr::MHARTID)?;
        self.followed_before.push(hart);
        // Where time jumps over waits, much happens in a moment.
        for look in 0..LOOKS {
            for other in 0..self.machine.harts() {
                if !self.machine.show_other(Some(other))? {
                    break;
                }
                let hart = self.csr(csr::MHARTID)?;
                if !self.followed_before.contains(&hart) && self.executes_kernel()? {
                    self.machine.follow();
                    self.begin_anew()?;
                    return Ok(true);
                }
            }
            self.machine.show_other(None)?;
            // It was started right before, or calls the firmware now.
            if matches!(self.run_on(FIRST * 4_u32.pow(look as u32))?, Stop::Exited { .. } | Stop::Fault(_)) {
                break;
            }
        }
        Ok(false)
    }

    /// Whether the boot hart stopped itself, and another one is followed.
    pub fn went_on(&self) -> bool {
        self.is_instead
    }

    /// The hart that is followed now, if it is not the one that booted.
    pub fn followed_instead(&mut self) -> Result<Option<u64>, Error> {
        if !self.went_on() {
            return Ok(None);
        }
        self.machine.show_other(None)?;
        self.csr(csr::MHARTID)
    }

    /// Whether the shown hart is in the kernel or in a program, and not at a call, as one is that stopped itself.
    pub(super) fn executes_kernel(&mut self) -> Result<bool, Error> {
        let pc = Address(self.machine.registers()?.pc);
        if !self.image.is_code(pc) {
            return Ok(self.csr(Register::Priv)? == Some(USER_MODE));
        }
        let calls = |effect: Result<Effect, Error>| matches!(effect, Ok(Effect::Ecall));
        Ok(!calls(self.effect(pc)) && !calls(self.effect(pc - 4)))
    }

    /// Forgets what was known of the hart that was followed before.
    fn begin_anew(&mut self) -> Result<(), Error> {
        let mut hart = HartTrace::default();
        (hart.counts_instructions, hart.stops_at_prints) = (self.trace.is_some(), self.hart.stops_at_prints);
        if let Some(vector) = self.csr(csr::STVEC)?.filter(|vector| vector & !3 != 0) {
            hart.vector = Some(VectorWrite { pc: self.layout.entry, written: vector, held: vector });
        }
        (self.hart, self.rest, self.slice, self.is_instead) = (hart, Rest::default(), FIRST_SLICE, true);
        (self.arrived, self.pending, self.pending_event, self.rests_at) = (None, None, None, None);
        self.stack_use.leave_below(self.machine)?;
        if let Some(trace) = &mut self.trace {
            trace.is_closed = true;
        }
        self.forget_traps()
    }
}
