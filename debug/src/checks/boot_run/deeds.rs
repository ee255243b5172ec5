//! What a sequence of instructions does that matters in a loop: stores, reads of what changes by itself, requests for input. It does not judge.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::BootRun;
use super::event::store_range;
use super::layout::bytes;
use crate::machine::{Address, Error, Register, Registers, TakenTrap, csr};
use crate::riscv::status::sstatus::SIE;
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
    pub polled_at: Option<Address>,
    /// It changed sstatus by the last instruction; interrupts were let in behind one that did.
    pub status_changed: bool,
    pub lets_in: bool,
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
pub enum Passage {
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
    pub changes_status: bool,
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
            self.lets_in |= run.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & SIE != 0);
        }
        let Known { effect, reads_clock, changes_status } = match code.get(&registers.pc) {
            Some(known) => *known,
            None => {
                let Ok(bytes) = run.instruction(pc) else { return Ok(Deed::Leaves) };
                let operation = riscv::decode(run.image.xlen(), &bytes);
                let effect = operation.map_or(Effect::Other, |operation| operation.effect());
                let known = Known {
                    effect,
                    reads_clock: operation.is_some_and(|operation| operation.reads_what_changes_by_itself()),
                    changes_status: operation.is_some_and(|operation| operation.changes_status()),
                };
                code.insert(registers.pc, known);
                known
            }
        };
        self.reads_clock |= reads_clock;
        self.status_changed = changes_status;
        match effect {
            Effect::Ecall if !run.in_user_mode()? => return Ok(self.call(registers)),
            Effect::Load { base, offset, .. } => {
                let address = Address(registers.x[usize::from(base)].wrapping_add_signed(offset));
                if is_device(address) {
                    self.poll(pc, is_uart(address));
                }
            }
            _ => {}
        }
        let Some(range) = store_range(effect, registers) else { return Ok(Deed::Nothing) };
        if is_device(range.start) {
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
        match (registers.x[A7], registers.x[A6]) {
            (sbi::LEGACY_GET_CHARACTER, _) | (sbi::DEBUG_CONSOLE, READ) => {
                self.poll(Address(registers.pc), true);
            }
            (sbi::LEGACY_PUT_CHARACTER, _) | (sbi::DEBUG_CONSOLE, _) => return Deed::Leaves,
            _ => {}
        }
        Deed::Calls
    }

    fn poll(&mut self, pc: Address, for_input: bool) {
        self.polls += 1;
        self.asks |= for_input;
        self.polled_at = Some(pc);
    }

    /// Whether as many handlers were left as were entered.
    pub fn has_returned(&self) -> bool {
        let entered = self.passages.iter().filter(|passage| matches!(passage, Passage::Into(..))).count();
        2 * entered == self.passages.len()
    }

    /// In a round that is repeated for ever: a trap whose handler returned to the same instruction.
    pub fn retried(&self) -> Option<TakenTrap> {
        // The round may begin within the handler.
        let next = self.passages.iter().cycle().skip(1);
        self.passages.iter().zip(next).find_map(|passages| match passages {
            (Passage::Into(pc, trap), Passage::OutTo(to)) if pc == to => *trap,
            _ => None,
        })
    }

    /// Whether all memory that was stored to holds its old values.
    pub fn left_memory_alone(&self, run: &mut BootRun<'_>) -> Result<bool, Error> {
        for (address, before) in &self.before {
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

/// Addresses on the `virt` board that are not RAM, for devices that are mapped at their physical address or in the upper half.
fn is_device(address: Address) -> bool {
    address.0 & OFFSET < board::RAM_BASE
}

fn is_uart(address: Address) -> bool {
    (address.0 & OFFSET).checked_sub(board::UART).is_some_and(|offset| offset < board::UART_SIZE)
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
            sp: Address(0x100),
            sscratch: 0,
            handler: Address(0x80),
            instruction: None,
        }
    }

    fn deeds(passages: &[Passage]) -> Deeds {
        Deeds { passages: passages.to_vec(), ..Deeds::default() }
    }

    #[test]
    fn a_trap_is_retried_where_its_handler_returns_to_the_same_instruction() {
        let into = |pc| Passage::Into(Address(pc), Some(trap(pc)));
        let out_to = |pc| Passage::OutTo(Address(pc));
        let retried = |passages: &[Passage]| deeds(passages).retried().map(|trap| trap.pc.0);
        assert_eq!(retried(&[into(0x10), out_to(0x10)]), Some(0x10));
        assert_eq!(retried(&[out_to(0x10), into(0x10)]), Some(0x10), "the round began in the handler");
        assert_eq!(retried(&[into(0x10), out_to(0x14)]), None, "the handler went on behind it");
        assert_eq!(
            retried(&[into(0x10), out_to(0x14), into(0x14), out_to(0x18)]),
            None,
            "two calls, one behind the other"
        );
        assert_eq!(retried(&[into(0x10), into(0x80), out_to(0x80), out_to(0x14)]), Some(0x80), "in a handler");
        assert_eq!(retried(&[]), None);
    }

    #[test]
    fn a_handler_that_traps_to_itself_has_not_returned() {
        let into = Passage::Into(Address(0x10), None);
        assert!(!deeds(&[into, into]).has_returned());
        assert!(deeds(&[into, Passage::OutTo(Address(0x14))]).has_returned());
    }
}
