//! How deep the stack goes: its upper part is poisoned, a watchpoint waits for the first store below that.
//!
//! Poisoning all of a stack that is hardly used would cost more than the rest of the walk. So the lower part is poisoned
//! only when something is about to be stored there; from then on, the bytes below the stack's bottom are watched as well.
//! It does not judge.

use std::ops::Range;

use super::layout::{bytes, overlap};
use super::poison;
use crate::machine::{Access, Address, Error, Machine, Registers, Watchpoint};

/// How much of the stack is poisoned at once, in bytes.
const PAINTED: u64 = 64 << 10;
/// How many bytes below the stack are watched: frames are rarely larger, and they store at their top.
const BELOW: u64 = 4096;
/// How often something other than the stack may be stored there before it is no longer watched.
const PATIENCE: u32 = 100;

/// What is known of the stack's use.
pub struct StackUse {
    stack: Range<Address>,
    /// From here to the top, it is poisoned.
    painted_from: Address,
    tripwire: Option<Watchpoint>,
    below: Option<Watchpoint>,
    /// Stores below the bottom by somebody else.
    strangers: u32,
}

impl StackUse {
    /// Poisons a stack, and watches it if it `watches`.
    pub fn begin(machine: &mut dyn Machine, stack: &Range<Address>, watches: bool) -> Result<StackUse, Error> {
        let painted_from = stack.start.max(stack.end - PAINTED.min(bytes(stack)));
        poison::fill(machine, &(painted_from..stack.end))?;
        let mut stack_use = StackUse { stack: stack.clone(), painted_from, tripwire: None, below: None, strangers: 0 };
        if !watches {
            stack_use.strangers = PATIENCE;
        } else if stack.start < painted_from {
            let length = bytes(&(stack.start..painted_from));
            let tripwire = Watchpoint { address: stack.start, length, access: Access::Write };
            machine.insert_watchpoint(tripwire)?;
            stack_use.tripwire = Some(tripwire);
        }
        Ok(stack_use)
    }

    /// Begins to watch what is below a stack that is poisoned to its bottom: not before BSS, which often is there, was cleared.
    pub fn watch_below(&mut self, machine: &mut dyn Machine) -> Result<(), Error> {
        if self.tripwire.is_none() && self.below.is_none() && self.strangers < PATIENCE {
            let below = Watchpoint { address: self.stack.start - BELOW, length: BELOW, access: Access::Write };
            machine.insert_watchpoint(below)?;
            self.below = Some(below);
        }
        Ok(())
    }

    /// Does without that for now: [`StackUse::watch_below`] begins again.
    pub fn leave_below(&mut self, machine: &mut dyn Machine) -> Result<(), Error> {
        match self.below.take() {
            Some(below) => machine.remove_watchpoint(below),
            None => Ok(()),
        }
    }

    /// Whether a store to `range` is one that this waits for.
    pub fn is_watching(&self, range: &Range<Address>) -> bool {
        [self.tripwire, self.below]
            .into_iter()
            .flatten()
            .any(|watched| overlap(range, &(watched.address..watched.address + watched.length)))
    }

    /// Takes a store to `range` that is about to be made; true when it is the stack that grows below its bottom.
    pub fn store(
        &mut self,
        machine: &mut dyn Machine,
        range: &Range<Address>,
        registers: &Registers,
    ) -> Result<bool, Error> {
        if let Some(tripwire) =
            self.tripwire.filter(|_| self.stack.start < range.end && range.start < self.painted_from)
        {
            machine.remove_watchpoint(tripwire)?;
            self.tripwire = None;
            poison::fill(machine, &(self.stack.start..self.painted_from))?;
            self.painted_from = self.stack.start;
            self.watch_below(machine)?;
            return Ok(false);
        }
        if self.tripwire.is_none() && outgrown(&self.stack, Address(registers.x[2])) {
            return Ok(true);
        }
        self.strangers += 1;
        if self.strangers >= PATIENCE
            && let Some(below) = self.below.take()
        {
            machine.remove_watchpoint(below)?;
        }
        Ok(false)
    }

    /// The most bytes that were in use at once, as far as stores show it.
    pub fn deepest(&self, machine: &mut dyn Machine) -> Result<u64, Error> {
        let lowest = poison::lowest_changed(machine, &(self.painted_from..self.stack.end))?;
        Ok(lowest.map_or(0, |lowest| bytes(&(lowest..self.stack.end))))
    }
}

/// Whether an sp like this is that of a stack which has outgrown its bottom, and not that of another stack.
pub fn outgrown(stack: &Range<Address>, sp: Address) -> bool {
    sp < stack.start && bytes(stack) >= bytes(&(sp..stack.start))
}
