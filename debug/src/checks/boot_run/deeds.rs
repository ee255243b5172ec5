//! What a sequence of instructions does that matters in a loop: stores, reads of what changes by itself, requests for input. It does not judge.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::awaited::Awaited;
use super::event::store_range;
use super::layout::bytes;
use super::page_table::PageTable;
use super::{BootRun, machine_mode};
use crate::machine::{Address, Error, Register, Registers, TakenTrap, csr};
use crate::riscv::{self, Effect, board, sbi};

/// The debug console's function that reads.
const READ: u64 = 1;
const A6: usize = Register::A6 as usize;
const A7: usize = Register::A7 as usize;

/// The effects of a sequence of instructions.
#[derive(Default)]
pub struct Deeds {
    /// The addresses that were stored to, with their old values.
    pub before: BTreeMap<Address, Vec<u8>>,
    /// It read a value that changes by itself.
    pub reads_clock: bool,
    /// It read a device or asked the firmware for input; `asks`: what it read is input for certain.
    pub polls: u32,
    pub asks: bool,
    /// It called the firmware.
    pub calls: bool,
    /// It came to a `wfi`.
    pub waits: bool,
    pub polled_at: Option<Address>,
    /// It may have let interrupts in by the last instruction; which can come where they were let in.
    pub status_changed: bool,
    pub let_in: Option<Awaited>,
    /// It trapped, and the run did not see where.
    pub trapped_unseen: bool,
    /// Traps and returns that were stepped through, in their order.
    pub passages: Vec<Passage>,
    /// The trap of its first instruction in this round.
    pub trapped: Option<TakenTrap>,
    /// How often the handler returned to it with all registers unchanged.
    pub retries: u32,
    /// How often it reached its first instruction again, with any registers.
    pub rounds: u32,
}

/// A step into a handler, or out of one.
#[derive(Clone, Copy)]
pub struct Passage {
    /// The instruction's number in the round, from 1 on.
    pub number: u64,
    pub way: Way,
}

#[derive(Clone, Copy)]
pub enum Way {
    /// By the trap of the instruction there. It is told where the CSRs are those of an exception.
    Into(Address, Option<TakenTrap>),
    /// To the instruction there.
    OutTo(Address),
}

/// What an instruction is known to do.
#[derive(Clone, Copy)]
pub struct Known {
    pub effect: Effect,
    pub reads_clock: bool,
    pub may_let_in: bool,
}

/// What the search needs to know of one instruction.
pub enum Deed {
    Nothing,
    Calls,
    /// It has effects that the search cannot follow.
    Leaves,
}

impl Deeds {
    /// Records the effects of the instruction at pc, before it is executed.
    pub fn note(
        &mut self,
        run: &mut BootRun<'_>,
        registers: &Registers,
        code: &mut HashMap<u64, Known>,
    ) -> Result<Deed, Error> {
        let pc = Address(registers.pc);
        if std::mem::take(&mut self.status_changed) {
            self.look_at_interrupts(run)?;
        }
        let Known { effect, reads_clock, may_let_in } = match code.get(&registers.pc) {
            Some(known) => *known,
            None => {
                let Ok(bytes) = run.instruction(pc) else { return Ok(Deed::Leaves) };
                let operation = riscv::decode(run.image.xlen(), &bytes);
                let effect = operation.map_or(Effect::Other, |operation| operation.effect());
                let mut reads_clock = operation.is_some_and(|operation| operation.reads_what_changes_by_itself());
                if let Some(operation) = operation.filter(|_| reads_clock) {
                    reads_clock = run.asked_software_interrupt(pc, &operation)?.is_none();
                }
                let known = Known {
                    effect,
                    reads_clock,
                    may_let_in: operation.is_some_and(|operation| operation.may_let_interrupts_in()),
                };
                code.insert(registers.pc, known);
                known
            }
        };
        self.reads_clock |= reads_clock;
        self.status_changed = may_let_in;
        match effect {
            Effect::Wfi => self.waits = true,
            Effect::Ecall if !run.in_user_mode()? => return Ok(self.call(registers)),
            Effect::Load { base, offset, .. } => {
                let address = Address(registers.x[usize::from(base)].wrapping_add_signed(offset));
                match run.device_at(address)? {
                    Some(register) if board::tells_time(register) => self.reads_clock = true,
                    // Only a hart changes it.
                    Some(register) if board::is_software_interrupt(register) => {}
                    Some(register) => self.poll(pc, uart_register(register).is_some()),
                    None => {}
                }
            }
            _ => {}
        }
        let Some(range) = store_range(effect, registers) else { return Ok(Deed::Nothing) };
        if run.device_at(range.start)?.is_some() {
            return Ok(Deed::Leaves);
        }
        if let Entry::Vacant(entry) = self.before.entry(range.start) {
            let mut memory = vec![0; bytes(&range) as usize];
            if run.machine.read_memory(range.start, &mut memory).is_err() {
                return Ok(Deed::Leaves);
            }
            entry.insert(memory);
        }
        Ok(Deed::Nothing)
    }

    /// Records a call to the firmware. Printing and setting something are changes.
    fn call(&mut self, registers: &Registers) -> Deed {
        self.calls = true;
        match (registers.x[A7], registers.x[A6]) {
            (sbi::LEGACY_GET_CHARACTER, _) | (sbi::DEBUG_CONSOLE, READ) => {
                self.poll(Address(registers.pc), true);
            }
            (sbi::LEGACY_PUT_CHARACTER, _) | (sbi::DEBUG_CONSOLE, _) => return Deed::Leaves,
            _ => {}
        }
        Deed::Calls
    }

    /// Records which interrupts are let in now, if any are.
    pub fn look_at_interrupts(&mut self, run: &mut BootRun<'_>) -> Result<(), Error> {
        let known = self.let_in.is_some_and(|known| known.wakes);
        self.let_in = Some(run.awaited()?).filter(|now| !known && now.lets_in).or(self.let_in);
        Ok(())
    }

    fn poll(&mut self, pc: Address, for_input: bool) {
        self.polls += 1;
        self.asks |= for_input;
        self.polled_at = Some(pc);
    }

    /// Whether as many handlers were left as were entered.
    pub fn has_returned(&self) -> bool {
        let entered = self.passages.iter().filter(|passage| matches!(passage.way, Way::Into(..))).count();
        2 * entered == self.passages.len()
    }

    /// In a round of so many instructions that is repeated for ever: a trap whose handler returned to the same instruction, which trapped
    /// at once again.
    pub fn retried(&self, instructions: u64) -> Option<TakenTrap> {
        let [second, third] = [1, 2].map(|ahead| self.passages.iter().cycle().skip(ahead));
        let mut successive = self.passages.iter().zip(second).zip(third);
        successive.find_map(|((into, out), again)| match (into.way, out.way, again.way) {
            (Way::Into(pc, trap), Way::OutTo(to), Way::Into(next, _)) if pc == to && to == next => {
                trap.filter(|_| again.number == out.number % instructions + 1)
            }
            _ => None,
        })
    }

    /// Whether all memory that was stored to holds its old values.
    pub fn left_memory_alone(&self, run: &mut BootRun<'_>) -> Result<bool, Error> {
        self.left_alone(run, &(Address(0)..Address(0)))
    }

    /// The same but for the boot's stack: a delay that is not optimised keeps the time there.
    pub fn left_all_but_stack_alone(&self, run: &mut BootRun<'_>) -> Result<bool, Error> {
        let stack = run.layout.stack.clone();
        self.left_alone(run, &stack)
    }

    fn left_alone(&self, run: &mut BootRun<'_>, except: &Range<Address>) -> Result<bool, Error> {
        for (address, before) in self.before.iter().filter(|(address, _)| !except.contains(address)) {
            let mut now = vec![0; before.len()];
            run.machine.read_memory(*address, &mut now)?;
            if now != *before {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The part of an address that a mapping in the upper half keeps.
const OFFSET: u64 = (1 << 38) - 1;

/// The offset of a physical address in the UART, if it is one of its registers.
pub fn uart_register(physical: u64) -> Option<u64> {
    physical.checked_sub(board::UART).filter(|offset| *offset < board::UART_SIZE)
}

impl BootRun<'_> {
    /// The physical address of a device's register; `None` for RAM. Devices are below it on the `virt` board. Where the page table does not
    /// tell, a device is mapped at its physical address or in the upper half.
    pub fn device_at(&mut self, address: Address) -> Result<Option<u64>, Error> {
        let by_rule = address.0 & OFFSET;
        if by_rule >= board::RAM_BASE {
            return Ok(None);
        }
        let satp = self.csr(csr::SATP)?.filter(|satp| *satp != 0 && !machine_mode::is_in(self.machine));
        let table = satp.and_then(|satp| PageTable::of(satp, self.image.xlen()));
        let translated = table.map(|table| table.translate(self.machine, address)).transpose()?.flatten();
        Ok(Some(translated.map_or(by_rule, |physical| physical.0)).filter(|physical| *physical < board::RAM_BASE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(pc: u64) -> TakenTrap {
        TakenTrap {
            icount: 0,
            pc: Address(pc),
            cause: 8,
            value: 0,
            from_user: false,
            from_guest: false,
            by_guest: false,
            guest_physical: None,
            overdue: 0,
            sp: Address(0x100),
            sscratch: 0,
            handler: Address(0x80),
            instruction: None,
        }
    }

    /// Each way with the instruction's number.
    fn deeds(ways: &[(u64, Way)]) -> Deeds {
        let passages = ways.iter().map(|(number, way)| Passage { number: *number, way: *way }).collect();
        Deeds { passages, ..Deeds::default() }
    }

    fn into(pc: u64) -> Way {
        Way::Into(Address(pc), Some(trap(pc)))
    }

    fn out_to(pc: u64) -> Way {
        Way::OutTo(Address(pc))
    }

    #[test]
    fn a_trap_is_retried_where_its_handler_returns_to_the_same_instruction() {
        let retried = |ways: &[(u64, Way)]| deeds(ways).retried(9).map(|trap| trap.pc.0);
        assert_eq!(retried(&[(1, into(0x10)), (9, out_to(0x10))]), Some(0x10));
        assert_eq!(retried(&[(4, out_to(0x10)), (5, into(0x10))]), Some(0x10), "the round began in the handler");
        assert_eq!(retried(&[(1, into(0x10)), (9, out_to(0x14))]), None, "the handler went on behind it");
        assert_eq!(
            retried(&[(1, into(0x10)), (4, out_to(0x14)), (5, into(0x14)), (8, out_to(0x18))]),
            None,
            "two calls, one behind the other"
        );
        assert_eq!(retried(&[]), None);
    }

    #[test]
    fn an_instruction_that_was_executed_between_its_traps_is_not_retried() {
        assert!(deeds(&[(1, into(0x10)), (5, out_to(0x10))]).retried(9).is_none(), "executed by the sixth");
        assert!(deeds(&[(4, out_to(0x10)), (9, into(0x10))]).retried(9).is_none());
    }

    #[test]
    fn a_handler_that_traps_to_itself_has_not_returned() {
        assert!(!deeds(&[(1, into(0x10)), (2, into(0x10))]).has_returned());
        assert!(deeds(&[(1, into(0x10)), (5, out_to(0x14))]).has_returned());
    }
}
