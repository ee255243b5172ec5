//! The events of a boot: stores that a check waits for, and the end. It does not know how they are found.

use std::ops::Range;

use crate::machine::{Address, Register, Registers};
use crate::riscv::{Effect, board};

/// Why the machine was stopped.
#[derive(Clone, Debug, PartialEq)]
pub enum BootEvent {
    /// The next instruction stores to a range that a check watches.
    Store(PendingStore),
    End(BootEnd),
}

/// A store that the next instruction makes.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingStore {
    pub pc: Address,
    pub range: Range<Address>,
}

/// How a boot ends.
#[derive(Clone, Debug, PartialEq)]
pub enum BootEnd {
    /// The hart reached the entry a second time while stvec still points there: it trapped.
    Trap,
    /// Traps repeat for ever. The hart's trace says which.
    Stuck,
    /// The handler of an interrupt damaged the code that it interrupted. The trace of stores says how.
    Damaged,
    /// An interrupt storm: the interrupted code executes no instruction. The hart's trace says which.
    Storm,
    /// The kernel waits for interrupts, and none can come, or none came.
    Wfi,
    /// The kernel returns to its idle loop after each interrupt.
    Ticking {
        /// The time between two interrupts, in ticks of the `time` CSR.
        period: Option<u64>,
        /// The idle loop has no `wfi`.
        spins: bool,
    },
    /// An infinite loop that changes neither registers nor memory.
    Loop {
        instructions: u64,
    },
    /// It waits for a point in time again and again, at this place, and does something each time.
    Beats {
        at: Address,
    },
    /// Interrupts come again and again to programs in U-mode, or switch between tasks, which never rest.
    Runs {
        programs: bool,
    },
    /// A loop that waits for a word which nothing can change.
    Spins(Spin),
    /// A loop that waits for a value in a register, which it never loads, at this branch.
    Unchanging {
        register: Register,
        at: Address,
    },
    /// The kernel polls for input and prints nothing.
    Polls {
        at: Option<Address>,
    },
    /// The kernel stopped its hart with this call (SBI HSM, hart_stop).
    HartStopped {
        at: Address,
    },
    /// The firmware does not return from a call.
    Firmware,
    /// The firmware or the kernel is about to switch the machine off or to reset it.
    PowerOff(PowerOff),
    Reset,
    /// The machine ended before it could be stopped.
    Exited {
        status: Option<u8>,
    },
    /// A stack outgrew its bottom.
    Overflow(StackOverflow),
    /// The expected text was printed.
    Expected {
        line: String,
    },
    /// A forbidden text was printed.
    Forbidden {
        line: String,
    },
    /// Time is up.
    Deadline,
}

impl BootEnd {
    /// Where it polls for input.
    pub fn polls_at(&self) -> Option<Address> {
        if let BootEnd::Polls { at } = self { *at } else { None }
    }
}

/// A word that keeps a kernel in a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spin {
    /// The instruction that loads it.
    pub pc: Address,
    pub address: Address,
    /// In bytes.
    pub bytes: u8,
    /// An atomic instruction loads it, as one that takes a lock.
    pub is_lock: bool,
    /// How far ahead the timer is set meanwhile, if that is too far to come.
    pub timer_years: Option<u64>,
    /// The `wfi` in which it waits, where it does.
    pub wfi: Option<Address>,
}

impl Spin {
    pub fn new(pc: Address, address: Address, bytes: u8, is_lock: bool) -> Spin {
        Spin { pc, address, bytes, is_lock, timer_years: None, wfi: None }
    }
}

/// A frame that does not fit into its stack.
#[derive(Clone, Debug, PartialEq)]
pub struct StackOverflow {
    /// The instruction that lowered sp, or that is about to store.
    pub pc: Address,
    pub sp: Address,
    /// The size of the frame in bytes, if the instruction that lowered sp was seen.
    pub frame: Option<u64>,
    pub stack: Range<Address>,
    /// The name of the stack's lowest byte.
    pub bottom_name: String,
    /// The range that was about to be stored to, if a store revealed the overflow.
    pub stored: Option<Range<Address>>,
}

/// The result that a kernel reports when it powers off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerOff {
    Success,
    /// A failure through the test finisher, with this exit status (QEMU, hw/misc/sifive_test.c).
    Failure(u32),
    /// A semihosting call, with this exit status.
    HostCall(u64),
    /// SBI System Reset with this reason: 1 is a system failure.
    Reason(u64),
}

/// Which bytes the next instruction stores to.
pub fn store_range(effect: Effect, registers: &Registers) -> Option<Range<Address>> {
    let (base, offset, bytes) = match effect {
        Effect::Store { base, offset, bytes } => (base, offset, bytes),
        Effect::Atomic { base, bytes } => (base, 0, bytes),
        _ => return None,
    };
    let mut start = Address(registers.x[usize::from(base)].wrapping_add_signed(offset));
    if u64::from(bytes) == board::CACHE_BLOCK {
        start = Address(start.0 & !(board::CACHE_BLOCK - 1));
    }
    Some(start..start + u64::from(bytes))
}

/// The exit status of a machine that is off, as the end of a sentence; empty if it is not known.
pub fn with_status(status: Option<u8>) -> String {
    status.map_or(String::new(), |status| format!(", with status {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::riscv::{Xlen, decode};

    #[test]
    fn a_block_is_zeroed_from_its_first_byte_on() {
        let mut registers = Registers::default();
        registers.x[10] = 0x8020_1234;
        let stored = |instruction: u32| {
            let effect = decode(Xlen::Rv64, &instruction.to_le_bytes()).unwrap().effect();
            store_range(effect, &registers)
        };
        assert_eq!(stored(0x0045_200f), Some(Address(0x8020_1200)..Address(0x8020_1240))); // cbo.zero 0(a0)
        assert_eq!(stored(0x00a5_3023), Some(Address(0x8020_1234)..Address(0x8020_123c))); // sd a0, 0(a0)
    }
}
