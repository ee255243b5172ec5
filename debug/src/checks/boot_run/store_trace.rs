//! What every store and every trap from the entry on shows, on machines that show them. It does not judge.
//!
//! Where a machine does not, nothing of it is known, and the checks go by what poison and watchpoints tell.

use std::ops::Range;

use super::layout::{Layout, bytes};
use super::memory::MemoryFacts;
use crate::image::Image;
use crate::machine::{Address, HartEvent, Observer, Store, TakenTrap};
use crate::riscv::cause::is_interrupt;

/// What a program in U-mode asks of its kernel with (scause): no fault of the kernel's.
pub const CALL_FROM_USER: u64 = 8;

pub struct StoreTrace<'a> {
    pub memory: MemoryFacts<'a>,
    stack: Range<Address>,
    /// The store that went deepest into the stack.
    pub deepest: Option<Store>,
    /// The first store below the stack by a hart whose sp had left it.
    pub overflow: Option<Store>,
    /// The first exception that was no call from U-mode.
    pub exception: Option<TakenTrap>,
    pub interrupts: u64,
    pub calls: u64,
}

impl<'a> StoreTrace<'a> {
    pub fn new(image: &'a Image, layout: &Layout) -> StoreTrace<'a> {
        StoreTrace {
            memory: MemoryFacts::new(image, layout),
            stack: layout.stack.clone(),
            deepest: None,
            overflow: None,
            exception: None,
            interrupts: 0,
            calls: 0,
        }
    }
}

impl Observer for StoreTrace<'_> {
    fn store(&mut self, store: &Store) {
        if self.stack.contains(&store.address) {
            if self.deepest.is_none_or(|deepest| store.address < deepest.address) {
                self.deepest = Some(*store);
            }
        } else if self.overflow.is_none()
            && outgrown(&self.stack, store.sp)
            && (store.sp..self.stack.start).contains(&store.address)
        {
            self.overflow = Some(*store);
        }
        self.memory.store(store);
    }

    fn event(&mut self, event: &HartEvent) {
        let HartEvent::Trap(trap) = event else { return };
        match trap.cause {
            cause if is_interrupt(cause) => self.interrupts += 1,
            CALL_FROM_USER => self.calls += 1,
            _ => self.exception = self.exception.or(Some(*trap)),
        }
    }
}

/// Whether an sp like this is that of a stack which has outgrown its bottom, and not that of another stack.
pub fn outgrown(stack: &Range<Address>, sp: Address) -> bool {
    sp < stack.start && bytes(stack) >= bytes(&(sp..stack.start))
}
