//! The fault that stops the machine, in words.

use super::super::target::GdbTarget;
use crate::ask;
use crate::machine::Address;

impl GdbTarget {
    /// The fault that stopped the machine; empty if there is none.
    pub(in super::super) fn words_for_fault(&mut self) -> String {
        let Some(fault) = self.machine.fault() else { return String::new() };
        let mut bytes = [0; 4];
        let read = self.machine.peek(Address(self.machine.general_registers().pc), &mut bytes);
        ask::words::fault_in_words(&self.image, fault, read.then_some(&bytes[..]))
    }
}
