//! What a hart that is not the followed one does in a handler: whether it leaves it, and whether an interrupt comes again and again. It
//! does not judge.

use std::time::{Duration, Instant};

use super::marks::{self, Mark};
use super::{BootRun, TRAP_CSR_POISON};
use crate::machine::{Address, Error, Register, Stop, csr};
use crate::riscv::cause::{code, is_interrupt};
use crate::riscv::status::sstatus::SPP;
use crate::riscv::status::{MACHINE_MODE, SUPERVISOR_MODE};

/// How often other harts are looked at, and how long they run in between: a hart in a handler may be about to leave it.
pub const LOOKS: usize = 5;
pub const MOMENT: Duration = Duration::from_millis(20);
/// How long a hart is waited for that seems not to leave a handler.
const TRIAL: Duration = Duration::from_millis(300);
/// How often an instruction must trap again before it counts as trapping for ever.
const AGAIN: usize = 3;

/// The last trap of another hart, by its CSRs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherTrap {
    /// The hart, as [`crate::machine::Machine::show_other`] counts.
    pub other: usize,
    pub cause: u64,
    pub pc: Address,
    pub value: u64,
    /// The address in stvec.
    pub handler: Address,
    /// stvec sends each interrupt to a place of its own.
    is_vectored: bool,
    /// An enabled interrupt is pending.
    pending: bool,
    /// The hart is at the instruction that trapped, or a firmware passes its trap on once more.
    pub is_back: bool,
}

impl OtherTrap {
    /// Where stvec leads for this trap.
    fn enters(&self) -> Address {
        let index = if self.is_vectored && is_interrupt(self.cause) { code(self.cause) } else { 0 };
        self.handler + 4 * index
    }

    /// Whether it is the same trap, or the same one again.
    pub fn is_as(&self, later: &OtherTrap) -> bool {
        OtherTrap { pending: self.pending, is_back: self.is_back, ..*later } == *self
    }
}

/// How a wait for another hart in a handler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// The hart returns.
    Returns,
    /// The same trap came again before any return.
    TrapsAgain,
    /// Neither in time.
    Stays,
}

impl BootRun<'_> {
    /// The last trap of the shown hart. `None` if there was none, and for what a user program did, which is the kernel's business.
    pub fn last_trap_of(&mut self, other: usize) -> Result<Option<OtherTrap>, Error> {
        const ASKED: [Register; 7] = [csr::SCAUSE, csr::STVEC, csr::SEPC, csr::STVAL, csr::SSTATUS, csr::SIE, csr::SIP];
        let values = super::optional(self.machine.read_registers(&ASKED))?;
        let Some([cause, vector, pc, value, sstatus, sie, sip]) = values.and_then(|all| <[u64; 7]>::try_from(all).ok())
        else {
            return Ok(None);
        };
        // A hart that a firmware has not started has what the poison left.
        if cause == TRAP_CSR_POISON {
            return Ok(None);
        }
        // A return from the trap clears SPP (privileged manual, section on sstatus).
        let pc = self.machine.linked(Address(pc))?;
        let handler = self.machine.linked(Address(vector & !3))?;
        let is_back = match self.csr(Register::Priv)? {
            Some(SUPERVISOR_MODE) => Address(self.machine.registers()?.pc) == pc,
            // At the end it goes to the handler.
            Some(MACHINE_MODE) => self.csr(csr::MEPC)?.is_some_and(|at| [pc, handler].contains(&Address(at))),
            _ => false,
        };
        if sstatus & SPP == 0 && !is_back {
            return Ok(None);
        }
        // The lowest bits of stvec are its mode (privileged manual, section on stvec).
        Ok(Some(OtherTrap {
            other,
            cause,
            pc,
            value,
            handler,
            is_vectored: vector & 3 == 1,
            pending: sie & sip != 0,
            is_back,
        }))
    }

    /// Waits for that hart to return from its handler, of an exception.
    pub fn awaits_return_of(&mut self, trap: &OtherTrap) -> Result<Handling, Error> {
        let mut places = marks::trap_returns(self.image);
        places.push(trap.enters());
        Ok(match self.other_comes_to(trap.other, &places)? {
            Some((at, again)) if at == trap.enters() && again.is_some_and(|again| trap.is_as(&again)) => {
                Handling::TrapsAgain
            }
            Some(_) => Handling::Returns,
            None => Handling::Stays,
        })
    }

    /// Whether that hart's handler goes back to the instruction that trapped each time, which is not executed then, but traps again.
    pub fn traps_for_ever(&mut self, trap: &OtherTrap) -> Result<bool, Error> {
        let behind = [trap.pc + 2, trap.pc + 4];
        for _ in 0..AGAIN {
            let back = self.other_comes_to(trap.other, &[trap.pc, behind[0], behind[1]])?;
            if back.is_none_or(|(at, _)| at != trap.pc) {
                return Ok(false);
            }
            let again = self.other_comes_to(trap.other, &[trap.enters(), behind[0], behind[1]])?;
            if !again.is_some_and(|(at, again)| at == trap.enters() && again.is_some_and(|again| trap.is_as(&again))) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The interrupt that comes again and again on the other hart of this index, before the same instruction, which is never executed.
    pub fn storm_of_other(&mut self, other: usize) -> Result<Option<OtherTrap>, Error> {
        let mut first = None;
        for look in 0..LOOKS {
            if look > 0 && matches!(self.run_on(MOMENT)?, Stop::Exited { .. })
                || !self.machine.show_other(Some(other))?
            {
                return Ok(None);
            }
            let now = self.last_trap_of(other)?;
            self.machine.show_other(None)?;
            let Some(now) = now.filter(|now| is_interrupt(now.cause) && now.pending) else { return Ok(None) };
            if !first.get_or_insert(now).is_as(&now) {
                return Ok(None);
            }
        }
        let Some(trap) = first else { return Ok(None) };
        if self.other_comes_to(other, &[trap.pc])?.is_some() {
            return Ok(None);
        }
        let again = self.other_comes_to(other, &[trap.enters()])?;
        Ok(again.and_then(|(_, again)| again).filter(|again| trap.is_as(again)))
    }

    /// Has all harts run for so long, or until the machine stops. As long as nothing has ended the boot, what they store is observed.
    pub fn go_on(&mut self, span: Duration) -> Result<Stop, Error> {
        let observes = self.trace.is_some() && !self.hart.has_come_to_an_end();
        if observes { self.resume(span) } else { self.run_on(span) }
    }

    /// Has all harts run for so long, or until the machine ends.
    pub(super) fn run_on(&mut self, span: Duration) -> Result<Stop, Error> {
        let begun = Instant::now();
        let limit = self.limit.allow(self.machine, span);
        loop {
            let stop = self.machine.resume(limit.saturating_sub(begun.elapsed()))?;
            if matches!(stop, Stop::Interrupted | Stop::Exited { .. } | Stop::Fault(_)) {
                return Ok(stop);
            }
        }
    }

    /// Runs all harts until the other hart of this index is at one of these places, for a while. Returns where it is then, and its last
    /// trap. Traps are not told meanwhile: each stop takes time, in which the next interrupt becomes due.
    fn other_comes_to(
        &mut self,
        other: usize,
        places: &[Address],
    ) -> Result<Option<(Address, Option<OtherTrap>)>, Error> {
        self.marks.remove(self.machine, Mark::Handler)?;
        self.marks.remove(self.machine, Mark::TrapReturn)?;
        self.machine.show_other(None)?;
        let followed = self.csr(csr::MHARTID)?;
        if !self.machine.show_other(Some(other))? {
            return Ok(None);
        }
        self.machine.follow();
        let added: Vec<Address> = places.iter().copied().filter(|place| !self.marks.is_marked(*place)).collect();
        for place in &added {
            self.machine.insert_breakpoint(*place)?;
        }
        let begun = Instant::now();
        let limit = self.limit.allow(self.machine, TRIAL);
        let mut found = None;
        let mut ended = false;
        loop {
            match self.machine.resume(limit.saturating_sub(begun.elapsed()))? {
                Stop::Breakpoint => {
                    let pc = Address(self.machine.registers()?.pc);
                    if places.contains(&pc) {
                        found = Some((pc, self.last_trap_of(other)?));
                        break;
                    }
                }
                Stop::Watchpoint { .. } => {}
                stop => {
                    ended = matches!(stop, Stop::Exited { .. });
                    break;
                }
            }
        }
        for place in added.iter().filter(|place| !ended && **place != self.layout.entry) {
            self.machine.remove_breakpoint(*place)?;
        }
        self.follow_again(followed)?;
        Ok(found)
    }

    /// Follows the hart with this mhartid.
    pub(super) fn follow_again(&mut self, hart: Option<u64>) -> Result<(), Error> {
        for other in 0..self.machine.harts() {
            if self.machine.show_other(Some(other))? && self.csr(csr::MHARTID)? == hart {
                self.machine.follow();
                break;
            }
        }
        self.machine.show_other(None)?;
        Ok(())
    }
}
