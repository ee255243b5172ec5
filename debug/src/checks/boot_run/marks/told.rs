//! Tells an exception from the same one that is seen again at its handler. It does not judge.

use crate::machine::{Address, Registers};
use crate::riscv::cause::is_interrupt;

/// The exception that was told last, if its return is still awaited: all registers, and the trap CSRs.
#[derive(Default)]
pub struct Told(Option<(Registers, [u64; 5])>);

impl Told {
    /// Whether this trap (scause first) of the instruction at `pc`, at whose handler the hart is, was told already: the firmware took an
    /// interrupt before the handler's first instruction, which does not trap itself, and came back. Keeps it if it was not.
    pub fn has_told(&mut self, registers: &Registers, trap: [u64; 5], pc: Address) -> bool {
        let state = (registers.clone(), trap);
        let again = self.0.as_ref() == Some(&state) && pc.0 != registers.pc;
        if !again {
            self.0 = (!is_interrupt(trap[0])).then_some(state);
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: u64 = 13;
    const TIMER: u64 = 1 << 63 | 5;
    const HANDLER: Address = Address(0x8020_1000);
    const PC: Address = Address(0x8020_0040);

    /// Whether the second of two arrivals at the handler was told by the first.
    fn told_twice(first: u64, second: u64, pc: Address, counter: u64) -> bool {
        let mut told = Told::default();
        let mut registers = Registers { pc: HANDLER.0, ..Registers::default() };
        assert!(!told.has_told(&registers, [first, pc.0, 0, 0, 0], pc));
        registers.x[10] = counter;
        told.has_told(&registers, [second, pc.0, 0, 0, 0], pc)
    }

    #[test]
    fn an_exception_before_whose_handler_an_interrupt_came_is_told_once() {
        assert!(told_twice(FAULT, FAULT, PC, 0));
        assert!(!told_twice(FAULT, FAULT, PC, 1), "a register changed in between: it was executed again");
        assert!(!told_twice(FAULT, FAULT + 2, PC, 0), "another exception");
        assert!(!told_twice(FAULT, FAULT, HANDLER, 0), "the handler's first instruction faults");
        assert!(!told_twice(TIMER, TIMER, PC, 0), "an interrupt comes there again and again");
    }
}
