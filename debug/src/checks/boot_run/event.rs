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
    /// Traps come for ever: the trace of the hart says which.
    Stuck,
    /// Interrupts leave the interrupted code no instruction: the trace of the hart says which.
    Storm,
    /// It waits for interrupts, and none can come, or none came.
    Wfi,
    /// It goes back to where it rests after each interrupt.
    Ticking {
        /// From one interrupt to the next, in ticks of the `time` CSR.
        period: Option<u64>,
        /// It rests in a loop without a `wfi`.
        spins: bool,
    },
    /// It goes round in a loop of so many instructions, which changes neither registers nor memory.
    Loop {
        instructions: u64,
    },
    /// It asks for input, again and again, and says nothing.
    Polls {
        at: Option<Address>,
    },
    /// The firmware has the hart, and keeps it.
    Firmware,
    /// The firmware (or the kernel itself) is about to switch the machine off, or to reset it.
    PowerOff(PowerOff),
    Reset,
    /// The machine ended before it could be stopped.
    Exited {
        status: Option<u8>,
    },
    /// A stack outgrew its bottom.
    Overflow(StackOverflow),
    /// The console said what was expected.
    Expected {
        line: String,
    },
    /// The console said what it must not.
    Forbidden {
        line: String,
    },
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

/// What a kernel says of itself when it powers off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerOff {
    Success,
    /// The exit status that the test finisher was given with a failure (QEMU, hw/misc/sifive_test.c).
    Failure(u32),
    /// SBI System Reset with this reason: 1 is a system failure.
    Reason(u64),
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
