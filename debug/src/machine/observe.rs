//! Seeing all that a machine does, on machines that can show it. It does not know who looks, nor what for.

use std::ops::Range;
use std::time::Duration;

use super::{Address, Error, Registers, Stop};

/// A store that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// Instructions executed before the one that stored.
    pub icount: u64,
    pub pc: Address,
    /// The stack pointer at that instruction.
    pub sp: Address,
    /// As the hart addressed it, and where that led.
    pub address: Address,
    pub physical: Address,
    /// In bytes: 1, 2, 4 or 8. (The firmware stores byte by byte.)
    pub length: u8,
    /// What memory held, little-endian.
    pub old: u64,
    pub new: u64,
}

/// A load that was made, by an instruction that may store as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Instructions executed before the one that loaded.
    pub icount: u64,
    pub pc: Address,
    /// As the hart addressed it, and where that led.
    pub address: Address,
    pub physical: Address,
    /// In bytes: 1, 2, 4 or 8.
    pub length: u8,
    /// Little-endian.
    pub value: u64,
}

/// An instruction of S-mode that gave sp another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackPointerMove {
    /// Instructions executed before it.
    pub icount: u64,
    pub pc: Address,
    pub old: Address,
    pub new: Address,
    /// Computed from sp itself by addition or subtraction: a frame is made or left. Otherwise it was set.
    pub relative: bool,
}

/// What an observer wants to be shown; what it does not ask for costs the run little. Addresses are physical, but for sp's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Stores to any of these bytes; `None` for all stores.
    pub stores: Option<Vec<Range<Address>>>,
    /// Loads from any of these bytes.
    pub loads: Vec<Range<Address>>,
    /// Moves of sp, but for those from one place to another within one of these ranges, both ends included; `None` for no moves.
    pub quiet_stacks: Option<Vec<Range<Address>>>,
}

/// An exception or interrupt that a handler took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenTrap {
    /// Instructions executed before it.
    pub icount: u64,
    /// The instruction that trapped, or before which the interrupt came.
    pub pc: Address,
    /// scause and stval as they were set.
    pub cause: u64,
    pub value: u64,
    /// It came from U-mode.
    pub from_user: bool,
    pub sp: Address,
    pub sscratch: u64,
    /// Where the hart goes on.
    pub handler: Address,
    /// The instruction's bytes at that moment, under the translation of that moment: 2 or 4 of them; `None` where none could be read.
    pub instruction: Option<InstructionBytes>,
}

/// The bytes of one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionBytes {
    bytes: [u8; 4],
    length: u8,
}

impl InstructionBytes {
    /// The first two or four of `bytes`; `None` where there are fewer than two.
    pub fn new(bytes: &[u8]) -> Option<InstructionBytes> {
        let length = if bytes.len() < 4 { 2 } else { 4 };
        let mut kept = [0; 4];
        kept[..length].copy_from_slice(bytes.get(..length)?);
        Some(InstructionBytes { bytes: kept, length: length as u8 })
    }

    /// Two or four bytes; an instruction of two may be followed by two that are none of its own.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// What a hart did besides computing, loading and storing, in the order in which it did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HartEvent {
    Trap(TakenTrap),
    /// An `sret`.
    TrapReturn {
        icount: u64,
        to: Address,
        to_user: bool,
    },
    /// A `wfi`, when the `time` CSR was this (in ticks); with an interrupt pending and enabled it does not wait.
    Wait {
        icount: u64,
        pc: Address,
        time: u64,
        waits: bool,
    },
    /// A write to stvec, and what the register held afterwards.
    VectorWrite {
        icount: u64,
        pc: Address,
        written: u64,
        held: u64,
    },
    /// It asked for input, of the UART or of the firmware, and there was none.
    Poll {
        icount: u64,
        pc: Address,
    },
    /// A byte went to the console.
    Printed {
        icount: u64,
    },
    /// A read of `time`, of a counter, or of the interrupts that are pending.
    ClockRead {
        icount: u64,
    },
}

/// Somebody who watches a run closely.
pub trait Observer {
    /// A store was made: by an instruction, or by the firmware for one.
    fn store(&mut self, store: &Store);

    /// A trap was taken or left, or something else happened that [`HartEvent`] lists.
    fn event(&mut self, _event: &HartEvent) {}

    fn load(&mut self, _load: &Load) {}

    /// The machine stands behind the instruction when this is called.
    fn stack_pointer(&mut self, _moved: &StackPointerMove) {}

    /// What is to be shown beside traps. It is asked at the beginning of each call to the machine.
    fn interest(&self) -> Interest {
        Interest::default()
    }

    /// Asked after things were shown, whether [`Observer::interest`] has another answer by now.
    fn has_new_interest(&mut self) -> bool {
        false
    }

    /// Asked after things were shown: whether the run is to end here, as if its time were over.
    fn ends_run(&self) -> bool {
        false
    }

    /// Whether [`Observer::instruction`] is to be called; it makes the run some ten times slower.
    fn wants_instructions(&self) -> bool {
        false
    }

    /// An instruction is about to be executed, after `icount` others.
    fn instruction(&mut self, _icount: u64, _registers: &Registers) {}
}

/// A machine that shows all that it does, in order, once the call returns at the latest.
pub trait Observed {
    /// As [`Machine::step`](super::Machine::step).
    fn step_observed(&mut self, count: u64, limit: Duration, observer: &mut dyn Observer)
    -> Result<(u64, Stop), Error>;

    /// As [`Machine::resume`](super::Machine::resume).
    fn resume_observed(&mut self, limit: Duration, observer: &mut dyn Observer) -> Result<Stop, Error>;

    /// Lets time pass by so many ticks of the `time` CSR, in which the hart executes nothing, as if its host had been busy with
    /// something else; up to its next timer event at most.
    fn skip_time(&mut self, ticks: u64);
}
