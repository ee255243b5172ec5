//! Implements [`Machine`] for the embedded machine. It does not know how instructions execute.

use std::time::{Duration, Instant};

use crate::embedded::Embedded;
use crate::embedded::bus::map;
use crate::embedded::firmware::sbi;
use crate::embedded::hart::csr as hart_csr;
use crate::embedded::hart::state::{Handler, Privilege};
use crate::embedded::history::seek::Deadline;
use crate::embedded::journal::Change;
use crate::embedded::run::StopAt;
use crate::machine::{Address, Error, Fault, Machine, Observed, Register, Registers, Stop, Watchpoint, csr};
use crate::riscv::cause;

const NAME: &str = "embedded";

impl Machine for Embedded {
    fn name(&self) -> &str {
        NAME
    }

    fn registers(&mut self) -> Result<Registers, Error> {
        Ok(Registers { x: self.board.hart.general(), pc: self.board.hart.pc })
    }

    fn read_register(&mut self, register: Register) -> Result<u64, Error> {
        let hart = &self.board.hart;
        let value = match register {
            Register::Gpr(number) => Some(hart.x(number & 31)),
            Register::Fpr(number) => Some(hart.f[usize::from(number & 31)]),
            Register::Pc => Some(hart.pc),
            Register::Csr(number) => self.read_csr(number),
            Register::Priv => Some(hart.privilege as u64),
        };
        value.ok_or_else(|| unsupported(register))
    }

    fn write_register(&mut self, register: Register, value: u64) -> Result<(), Error> {
        let board = &mut self.board;
        let held = board.hart.xlen.truncate(value);
        match register {
            Register::Gpr(0) => return Ok(()),
            Register::Gpr(number) => board.hart.set_x(number & 31, held),
            Register::Fpr(number) => board.hart.f[usize::from(number & 31)] = value,
            Register::Pc if value.is_multiple_of(2) => board.hart.pc = held,
            Register::Pc => return Err(refused("an odd pc", "instructions have even addresses")),
            Register::Csr(number) => hart_csr::write(board, number, value).ok_or_else(|| unsupported(register))?,
            Register::Priv => {
                board.hart.privilege = match value {
                    0 => Privilege::User,
                    1 => Privilege::Supervisor,
                    3 if board.hart.machine.is_some() => Privilege::Machine,
                    _ if board.hart.machine.is_some() => {
                        return Err(refused("this privilege", "the machine has U-mode (0), S-mode (1) and M-mode (3)"));
                    }
                    _ => return Err(refused("this privilege", "the machine has U-mode (0) and S-mode (1)")),
                };
                board.refresh_context();
            }
        }
        // A hart whose pc was changed no longer waits.
        board.hart.waiting &= !matches!(register, Register::Pc);
        self.note_change();
        self.note(Change::Register(register, value));
        Ok(())
    }

    fn read_memory(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        if self.board.memory.peek(start.0, bytes) { Ok(()) } else { Err(self.no_memory("to read", start, bytes.len())) }
    }

    fn write_memory(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        if !self.board.memory.poke(start.0, bytes) {
            return Err(self.no_memory("to write", start, bytes.len()));
        }
        self.note_memory(start, bytes, false);
        self.note_change();
        Ok(())
    }

    fn read_physical(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        match self.board.memory.physical(start.0, bytes.len()) {
            Some(found) => {
                bytes.copy_from_slice(found);
                Ok(())
            }
            None => match self.board.memory.quiet_register(start.0, bytes.len(), self.board.now().ticks()) {
                Some(register) => {
                    bytes.copy_from_slice(&register.to_le_bytes()[..bytes.len()]);
                    Ok(())
                }
                None => Err(self.no_memory("to read", start, bytes.len())),
            },
        }
    }

    fn write_physical(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        if !self.board.memory.poke_physical(start.0, bytes) {
            return Err(self.no_memory("to write", start, bytes.len()));
        }
        self.note_memory(start, bytes, true);
        self.note_change();
        Ok(())
    }

    fn insert_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        self.board.insert_breakpoint(address.0);
        Ok(())
    }

    fn remove_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        self.board.remove_breakpoint(address.0);
        Ok(())
    }

    fn insert_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        watchpoint.check(NAME)?;
        self.board.memory.add_watchpoint(watchpoint);
        Ok(())
    }

    fn remove_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        self.board.memory.remove_watchpoint(watchpoint);
        Ok(())
    }

    fn step(&mut self, count: u64, limit: Duration) -> Result<(u64, Stop), Error> {
        let begun = self.board.icount;
        if count == 0 {
            return Ok((0, Stop::Stepped));
        }
        self.commit_external_changes();
        if begun >= self.interrupt_at {
            return Ok((0, Stop::Interrupted));
        }
        let (call, steps) = (self.begin_call(limit), self.begin_steps(count));
        let ended =
            self.leave_here().and_then(|()| self.advance(steps.end.min(call.end), StopAt::Watchpoints, call.deadline));
        let (executed, stop) = self.end_steps(&steps, ended, self.board.waits_for_ever());
        Ok((executed, self.end_call(stop)))
    }

    fn resume(&mut self, limit: Duration) -> Result<Stop, Error> {
        self.commit_external_changes();
        if self.board.icount >= self.interrupt_at {
            return Ok(Stop::Interrupted);
        }
        let call = self.begin_call(limit);
        let ended = self.leave_here().and_then(|()| self.advance(call.end, StopAt::All, call.deadline));
        let stop = ended.map_or_else(|stop| self.stopped(stop), |()| Stop::Interrupted);
        Ok(self.end_call(stop))
    }

    fn printed(&mut self) -> Option<Vec<u8>> {
        Some(Embedded::console(self))
    }

    fn type_in(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.input(bytes).map_err(|_| refused("to type so much", "its input buffer is full"))
    }

    fn has_passed(&mut self, deadline: Instant) -> bool {
        self.ask_clock(deadline)
    }

    fn hold_interrupts(&mut self) {
        self.board.hold_interrupts();
    }

    fn harts(&self) -> usize {
        self.board.harts.count()
    }

    fn has_semihosting(&self) -> bool {
        self.board.memory.devices.semihosting
    }

    fn others_wait(&self) -> bool {
        self.board.others_wait()
    }

    fn follow(&mut self) {
        self.board.follow();
    }

    fn show_other(&mut self, index: Option<usize>) -> Result<bool, Error> {
        let mut others = (0..self.harts()).filter(|hart| Some(*hart) != self.board.followed());
        let shown = index.map_or(self.board.followed(), |index| others.nth(index));
        if let Some(shown) = shown.filter(|_| self.harts() > 1) {
            self.board.select(shown);
            return Ok(true);
        }
        Ok(false)
    }

    fn observed(&mut self) -> Option<&mut dyn Observed> {
        Some(self)
    }

    fn executed(&self) -> Option<u64> {
        Some(self.board.icount)
    }

    fn interrupt_at(&mut self, executed: u64) {
        self.interrupt_at = executed;
    }
}

impl Embedded {
    /// Undoes up to `count` instructions, for at most `limit`. Returns the number of undone instructions.
    pub fn reverse_step(&mut self, count: u64, limit: Duration) -> (u64, Stop) {
        let begun = self.board.icount;
        let target = begun.saturating_sub(count).max(self.history.beginning());
        let ended = self.seek(target, Deadline::after(limit));
        if ended.is_err() {
            self.return_to(begun);
            return (0, Stop::Interrupted);
        }
        let undone = begun - self.board.icount;
        (undone, if undone < count { Stop::Beginning } else { Stop::Stepped })
    }

    /// Goes back to the last hit of a breakpoint or watchpoint before now.
    pub fn reverse_resume(&mut self, limit: Duration) -> Stop {
        match self.reverse_continue(Deadline::after(limit)) {
            Ok(None) => Stop::Beginning,
            Ok(Some(stop)) => self.stopped(stop),
            Err(_) => Stop::Interrupted,
        }
    }

    /// Goes to the moment after `icount` instructions since the start, in either direction.
    ///
    /// The stop is [`Stop::Stepped`] if it gets there. It is another if the machine waits, faults or powers off before, or if time is
    /// up, and [`Stop::Beginning`] if the history starts later.
    pub fn goto(&mut self, icount: u64, limit: Duration) -> Stop {
        let target = icount.max(self.history.beginning());
        match self.seek(target, Deadline::after(limit)) {
            Ok(()) if icount < target => Stop::Beginning,
            Ok(()) => Stop::Stepped,
            Err(stop) => self.stopped(stop),
        }
    }

    /// Whether the hart waits for an interrupt that never comes.
    pub fn waits_for_ever(&self) -> bool {
        self.board.waits_for_ever()
    }

    /// Executes until `end` instructions since the start. Then the stop is [`Stop::Stepped`].
    ///
    /// Unlike [`Machine::resume`] and [`Machine::step`], it also stops at watchpoints of the current instruction, and with
    /// `at_breakpoints` at a breakpoint there.
    pub fn run_to(&mut self, end: u64, at_breakpoints: bool, limit: Duration) -> Stop {
        self.commit_external_changes();
        let stop_at = if at_breakpoints { StopAt::All } else { StopAt::Watchpoints };
        let ended = self.advance(end, stop_at, Deadline::after(limit));
        ended.map_or_else(|stop| self.stopped(stop), |()| Stop::Stepped)
    }

    /// Returns to the checkpoint before a seek that took too long.
    pub(in crate::embedded) fn return_to(&mut self, icount: u64) {
        if self.history.at_or_before(icount) == Some(icount) {
            self.history.restore(&mut self.board, icount);
        }
    }

    /// The machine stands where `stop` says: a fault is remembered until it moves, and so is a watched access.
    pub(in crate::embedded) fn stopped(&mut self, stop: Stop) -> Stop {
        self.watched_at = matches!(stop, Stop::Watchpoint { .. }).then_some(self.board.icount);
        if let Stop::Fault(fault) = stop {
            (self.fault, self.fault_on) = (Some(fault), self.board.hart.number);
        }
        stop
    }

    pub(super) fn note_change(&mut self) {
        self.changed = true;
        self.fault = None;
    }

    /// At a fault, scause, sepc and stval have the values that the unhandled trap would set.
    fn read_csr(&self, number: u16) -> Option<u64> {
        if let Some(Fault::Trap { cause, value, pc }) = self.fault.filter(|_| self.fault_on == self.board.hart.number) {
            let by_machine = self.board.hart.takes(cause::code(cause)) == Handler::Machine;
            match Register::Csr(number) {
                csr::MCAUSE if by_machine => return Some(cause),
                csr::MEPC if by_machine => return Some(pc.0),
                csr::MTVAL if by_machine => return Some(value),
                _ if by_machine => {}
                csr::SCAUSE => return Some(cause),
                csr::SEPC => return Some(pc.0),
                csr::STVAL => return Some(value),
                _ => {}
            }
        }
        match Register::Csr(number) {
            csr::MHARTID => Some(self.board.hart.id),
            csr::MEDELEG if self.board.hart.machine.is_none() => Some(sbi::DELEGATED & !self.board.conditions.kept),
            _ => hart_csr::read(&self.board, number),
        }
    }

    fn no_memory(&self, what: &str, start: Address, length: usize) -> Error {
        let end = map::RAM_BASE + self.board.memory.ram.size() as u64;
        refused(
            &format!("{what} {length} bytes at {start}"),
            &format!("a part of it is not mapped to RAM, which is [{:#x}, {end:#x})", map::RAM_BASE),
        )
    }
}

fn unsupported(register: Register) -> Error {
    Error::Unsupported { what: format!("register {register}"), by: NAME.into() }
}

fn refused(what: &str, reason: &str) -> Error {
    Error::Refused { what: what.into(), by: NAME.into(), reason: reason.into() }
}
