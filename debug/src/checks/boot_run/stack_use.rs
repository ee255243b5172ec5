//! Measures the stack's use: its upper part is poisoned, and a watchpoint catches the first store below that part.
//!
//! Most of a stack is never used, and poisoning all of it would cost more than the rest of the run. So the lower part is poisoned
//! only when a store is about to go there. From then on the bytes below the stack's bottom are watched too. A machine may miss a store,
//! as QEMU does that is interrupted at the same time: what lies from sp on up is never poisoned.
//! It does not judge.

use std::ops::Range;

use super::layout::{bytes, overlap};
use super::poison;
use crate::machine::{Access, Address, Error, Machine, Registers, Watchpoint};

/// How many bytes of the stack are poisoned at once.
const PAINTED: u64 = 64 << 10;
/// The same where several harts run: there no watchpoint is set for what one stack can hold. If two harts hit watchpoints at once, QEMU
/// tells of one, and may later take the other for a trap of the kernel's.
const PAINTED_WITH_OTHERS: u64 = 4 << 20;
/// How many bytes below the stack are watched. Frames are rarely larger, and functions store at the top of their frame.
const BELOW: u64 = 4096;
/// How often other code may store there before it is no longer watched.
const PATIENCE: u32 = 100;

/// What is known of the stack's use.
pub struct StackUse {
    stack: Range<Address>,
    /// The stack is poisoned from here to its top.
    painted_from: Address,
    tripwire: Option<Watchpoint>,
    below: Option<Watchpoint>,
    /// How many more stores below the bottom by other code are looked at.
    patience: u32,
}

impl StackUse {
    /// Poisons a stack, and watches it if `watches` is set.
    pub fn begin(machine: &mut dyn Machine, stack: &Range<Address>, watches: bool) -> Result<StackUse, Error> {
        let is_alone = machine.harts() == 1;
        let painted = if is_alone { PAINTED } else { PAINTED_WITH_OTHERS };
        let painted_from = stack.start.max(stack.end - painted.min(bytes(stack)));
        poison::fill(machine, &(painted_from..stack.end))?;
        let patience = if watches && is_alone { PATIENCE } else { 0 };
        let mut stack_use = StackUse { stack: stack.clone(), painted_from, tripwire: None, below: None, patience };
        if watches && stack.start < painted_from {
            let length = bytes(&(stack.start..painted_from));
            let tripwire = Watchpoint { address: stack.start, length, access: Access::Write };
            machine.insert_watchpoint(tripwire)?;
            stack_use.tripwire = Some(tripwire);
        }
        Ok(stack_use)
    }

    /// Starts to watch the bytes below a stack that is poisoned to its bottom. BSS is often there, so it must be cleared first.
    pub fn watch_below(&mut self, machine: &mut dyn Machine) -> Result<(), Error> {
        if self.tripwire.is_none() && self.below.is_none() && self.patience > 0 {
            let below = Watchpoint { address: self.stack.start - BELOW, length: BELOW, access: Access::Write };
            machine.insert_watchpoint(below)?;
            self.below = Some(below);
        }
        Ok(())
    }

    /// Stops watching for now; [`StackUse::watch_below`] starts again.
    pub fn leave_below(&mut self, machine: &mut dyn Machine) -> Result<(), Error> {
        match self.below.take() {
            Some(below) => machine.remove_watchpoint(below),
            None => Ok(()),
        }
    }

    /// Whether the bytes below the stack are watched now.
    pub fn watches_below(&self) -> bool {
        self.below.is_some()
    }

    /// Whether it waits for a store to `range`.
    pub fn is_watching(&self, range: &Range<Address>) -> bool {
        [self.tripwire, self.below]
            .into_iter()
            .flatten()
            .any(|watched| overlap(range, &(watched.address..watched.address + watched.length)))
    }

    /// Handles a store to `range` that is about to be made; `elsewhere`: sp is in another stack. Returns true if the stack grows below its bottom.
    pub fn store(
        &mut self,
        machine: &mut dyn Machine,
        range: &Range<Address>,
        registers: &Registers,
        elsewhere: bool,
    ) -> Result<bool, Error> {
        if let Some(tripwire) =
            self.tripwire.filter(|_| self.stack.start < range.end && range.start < self.painted_from)
        {
            machine.remove_watchpoint(tripwire)?;
            self.tripwire = None;
            poison::fill(machine, &below_frames(&(self.stack.start..self.painted_from), registers.sp()))?;
            self.painted_from = self.stack.start;
            self.watch_below(machine)?;
            return Ok(false);
        }
        if self.tripwire.is_none() && !elsewhere && outgrown(&self.stack, registers.sp()) {
            return Ok(true);
        }
        self.patience = self.patience.saturating_sub(1);
        if self.patience == 0
            && let Some(below) = self.below.take()
        {
            machine.remove_watchpoint(below)?;
        }
        Ok(false)
    }

    /// The deepest use of the stack in bytes, as far as stores show it.
    pub fn deepest(&self, machine: &mut dyn Machine) -> Result<u64, Error> {
        let lowest = poison::lowest_changed(machine, &(self.painted_from..self.stack.end))?;
        Ok(lowest.map_or(0, |lowest| bytes(&(lowest..self.stack.end))))
    }
}

/// The part of a stack that no frame has, where sp is in it.
fn below_frames(part: &Range<Address>, sp: Address) -> Range<Address> {
    part.start..if part.contains(&sp) { sp } else { part.end }
}

/// Whether sp belongs to this stack after an overflow, and not to another stack.
pub fn outgrown(stack: &Range<Address>, sp: Address) -> bool {
    sp < stack.start && bytes(stack) >= bytes(&(sp..stack.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_frame_is_poisoned() {
        let part = Address(0x1000)..Address(0x2000);
        assert_eq!(below_frames(&part, Address(0x1ff0)), Address(0x1000)..Address(0x1ff0));
        assert_eq!(below_frames(&part, Address(0x2000)), part, "the whole frame is above");
        assert_eq!(below_frames(&part, Address(0x800)), part, "it is another stack's");
        assert_eq!(below_frames(&part, Address(0x1000)), Address(0x1000)..Address(0x1000));
    }
}
