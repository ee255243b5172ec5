//! What a watched store means for the run: power-off, an overflow of the stack, or an event for the check that waits for it.

use std::ops::Range;

use super::BootRun;
use super::event::{BootEnd, BootEvent, PendingStore, StackOverflow, store_range};
use super::layout::overlap;
use crate::machine::{Address, Error, Registers};

impl BootRun<'_> {
    /// What the store of a watchpoint means for this run.
    pub(super) fn store(&mut self, named: Address) -> Result<Option<BootEvent>, Error> {
        let registers = self.machine.registers()?;
        let store = self.pending_store(&registers, named)?;
        if self.finisher.is_watching(&store.range) && self.finisher.is_at(self.machine, store.range.start)? {
            return Ok(self.finish(&registers, &store)?.map(BootEvent::End));
        }
        let guarded = self.guards.iter().any(|guard| overlap(guard, &store.range));
        if !guarded && self.stack_use.is_watching(&store.range) {
            return Ok(self.stack_store(store)?.map(BootEvent::End));
        }
        Ok(Some(BootEvent::Store(store)))
    }

    /// Handles a store that may be to the stack. Returns the end of the boot if it is below the stack's bottom.
    pub fn stack_store(&mut self, store: PendingStore) -> Result<Option<BootEnd>, Error> {
        if !self.stack_use.is_watching(&store.range) {
            return Ok(None);
        }
        let registers = self.machine.registers()?;
        let elsewhere = self.is_on_another_stack(registers.sp());
        let overflows = self.stack_use.store(self.machine, &store.range, &registers, elsewhere)?;
        Ok(overflows.then(|| {
            BootEnd::Overflow(StackOverflow {
                pc: store.pc,
                sp: registers.sp(),
                frame: None,
                stack: self.layout.stack.clone(),
                bottom_name: self.layout.stack_bottom_name.clone(),
                stored: Some(store.range),
            })
        }))
    }

    /// Whether sp lies in a stack that is not the boot's: by its name, or because the companion saw sp set to it.
    fn is_on_another_stack(&self, sp: Address) -> bool {
        let sp = self.image.canonical(sp);
        let boots = &self.layout.stack;
        let is_boots = boots.start < sp && sp <= boots.end;
        !is_boots
            && (self.image.stack_around(sp).is_some()
                || self.memory().is_some_and(|memory| memory.stacks.is_another(sp)))
    }

    /// The store at pc. If the instruction does not tell, the byte that the machine reported.
    fn pending_store(&mut self, registers: &Registers, named: Address) -> Result<PendingStore, Error> {
        let pc = Address(registers.pc);
        let linked = |range: Range<Address>| {
            let start = self.image.linked(range.start);
            start..start + (range.end.0 - range.start.0)
        };
        let range = match store_range(self.effect(pc)?, registers).map(linked) {
            Some(range) if range.start <= named && named < range.end => range,
            Some(range) if range.start >= named => range,
            _ => named..named + 1,
        };
        Ok(PendingStore { pc, range })
    }
}
