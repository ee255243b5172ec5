//! What a boot comes to on its way: stores that a check waits for, and its end. It does not know how they are found.

use std::ops::Range;

use crate::machine::{Address, Registers};
use crate::riscv::Effect;

/// Why the walk came to a halt.
#[derive(Clone, Debug, PartialEq)]
pub enum BootEvent {
    /// A store to a range that a check watches is about to be made.
    Store(PendingStore),
    End(BootEnd),
}

/// A store that has not been made yet.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingStore {
    pub pc: Address,
    pub range: Range<Address>,
}

/// How a boot ends.
#[derive(Clone, Debug, PartialEq)]
pub enum BootEnd {
    /// The hart came to the entry a second time, where stvec still points: it trapped.
    Trap,
    /// It waits for interrupts.
    Wfi,
    /// It goes round in a loop of so many instructions, which changes neither registers nor memory.
    Loop {
        instructions: u64,
    },
    /// The firmware (or the kernel itself) is about to switch the machine off, or to reset it.
    PowerOff,
    Reset,
    /// The machine ended before it could be stopped.
    Exited {
        status: Option<u8>,
    },
    /// A stack outgrew its bottom.
    Overflow(StackOverflow),
    /// Time is up.
    Deadline,
}

/// A frame that does not fit into its stack.
#[derive(Clone, Debug, PartialEq)]
pub struct StackOverflow {
    /// The instruction that lowered sp, or that was about to store.
    pub pc: Address,
    pub sp: Address,
    /// By how many bytes sp was lowered at once, where that was seen.
    pub frame: Option<u64>,
    pub stack: Range<Address>,
    /// What the stack's lowest byte is called.
    pub bottom_name: String,
    /// What was about to be stored to, where a store is what showed it.
    pub stored: Option<Range<Address>>,
}

/// Which bytes an instruction that is about to be executed will store to.
pub fn store_range(effect: Effect, registers: &Registers) -> Option<Range<Address>> {
    let (base, offset, bytes) = match effect {
        Effect::Store { base, offset, bytes } => (base, offset, bytes),
        Effect::Atomic { base, bytes } => (base, 0, bytes),
        _ => return None,
    };
    let start = Address(registers.x[usize::from(base)].wrapping_add_signed(offset));
    Some(start..start + u64::from(bytes))
}

/// The exit status of a machine that is off, as words to follow others; none where it does not tell.
pub fn with_status(status: Option<u8>) -> String {
    status.map_or(String::new(), |status| format!(", with status {status}"))
}
