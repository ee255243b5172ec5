//! Observed machines: those that report everything they do. It does not know the observers.

use std::ops::Range;
use std::time::Duration;

use super::{Address, CameBack, Error, MOST_HARTS, Registers, Stop};

/// A store that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// Instructions executed before the one that stored.
    pub icount: u64,
    /// The instruction.
    pub pc: Address,
    /// The stack pointer at that instruction.
    pub sp: Address,
    /// The virtual address, and the physical one.
    pub address: Address,
    /// The physical address.
    pub physical: Address,
    /// In bytes: 1, 2, 4 or 8. (The firmware stores byte by byte.)
    pub length: u8,
    /// The old value of memory, little-endian.
    pub old: u64,
    /// The stored value, little-endian.
    pub new: u64,
}

/// A load that was made. The instruction may store as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Instructions executed before the one that loaded.
    pub icount: u64,
    /// The instruction.
    pub pc: Address,
    /// The virtual address, and the physical one.
    pub address: Address,
    /// The physical address.
    pub physical: Address,
    /// In bytes: 1, 2, 4 or 8.
    pub length: u8,
    /// The value, little-endian.
    pub value: u64,
}

/// Who made an access: a hart that is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherHart {
    /// mhartid.
    pub hart: u64,
    /// sp of the followed hart meanwhile; `None` while that hart is stopped.
    pub followed_sp: Option<Address>,
    /// mhartid and sp of each of the others that is not stopped.
    pub others: [Option<(u64, Address)>; MOST_HARTS],
}

impl OtherHart {
    /// The same, with each sp in other words.
    pub fn map_sps(&self, map: impl Fn(Address) -> Address) -> OtherHart {
        let others = self.others.map(|other| other.map(|(hart, sp)| (hart, map(sp))));
        OtherHart { hart: self.hart, followed_sp: self.followed_sp.map(map), others }
    }
}

/// An instruction of S-mode that changed sp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackPointerMove {
    /// Instructions executed before it.
    pub icount: u64,
    /// The instruction.
    pub pc: Address,
    /// sp before.
    pub old: Address,
    /// sp after.
    pub new: Address,
    /// sp was computed from sp by addition or subtraction: a frame is made or left. Otherwise sp was set.
    pub relative: bool,
    /// sp may hold only the first part of a value: `lui`, `auipc`, or the shift in a long constant.
    pub partial: bool,
}

/// An instruction after which the hart does not continue behind it: a jump, a call, a return, a branch that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// Instructions executed before it.
    pub icount: u64,
    /// The instruction.
    pub pc: Address,
    /// Where the hart continues.
    pub to: Address,
    /// The stack pointer before it.
    pub sp: Address,
    /// What it is by the calling convention.
    pub kind: JumpKind,
}

/// What a jump is by the calling convention (unprivileged manual, "Unconditional Jumps": hints for return-address stacks).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JumpKind {
    /// It keeps a return address in ra or t0, which is this one.
    Call(Address),
    /// It goes to the address in ra or t0.
    Return,
    /// Another jump or branch.
    Other,
}

/// What an observer wants to see. Other events cost little time. Addresses are physical, except sp's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Stores to any of these bytes; `None` for all stores.
    pub stores: Option<Vec<Range<Address>>>,
    /// Stores of zero to these bytes are shown at once, as what is wanted may change with them; others when there are many.
    pub prompt: Vec<Range<Address>>,
    /// Loads from any of these bytes.
    pub loads: Vec<Range<Address>>,
    /// Stores to these bytes by harts that are not followed; those of zero are shown at once.
    pub other_stores: Vec<Range<Address>>,
    /// Loads from these bytes by such harts.
    pub other_loads: Vec<Range<Address>>,
    /// Changes of sp, except those within one of these ranges (ends included) that do not set it upwards; `None` for no changes at all.
    pub quiet_stacks: Option<Vec<Range<Address>>>,
    /// Changes of sp by harts that are not followed, but for a hart's changes within its ranges (ends included), by mhartid; `None` for
    /// no changes at all.
    pub other_quiet_stacks: Option<Vec<(u64, Range<Address>)>>,
    /// Jumps, calls, returns and branches that are taken.
    pub jumps: bool,
    /// Traps are shown before the first instruction of their handlers.
    pub prompt_traps: bool,
}

/// An exception or interrupt that a handler took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenTrap {
    /// Instructions executed before it.
    pub icount: u64,
    /// The instruction that trapped, or that comes after the interrupt.
    pub pc: Address,
    /// scause and stval as the trap set them.
    pub cause: u64,
    /// stval.
    pub value: u64,
    /// It came from U-mode.
    pub from_user: bool,
    /// It came from a guest (V was 1).
    pub from_guest: bool,
    /// A guest's handler takes it.
    pub by_guest: bool,
    /// Of a guest-page fault: the guest-physical address that its hypervisor is told (htval).
    pub guest_physical: Option<Address>,
    /// Of a timer's interrupt: the ticks since it was due, where the machine tells.
    pub overdue: u64,
    /// sp at the trap.
    pub sp: Address,
    /// sscratch at the trap.
    pub sscratch: u64,
    /// Where the hart continues.
    pub handler: Address,
    /// The instruction's 2 or 4 bytes at that moment; `None` if they could not be read.
    pub instruction: Option<InstructionBytes>,
}

/// The bytes of one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionBytes {
    bytes: [u8; 4],
    length: u8,
}

impl InstructionBytes {
    /// The first two or four of `bytes`; `None` if there are fewer than two.
    pub fn new(bytes: &[u8]) -> Option<InstructionBytes> {
        let length = if bytes.len() < 4 { 2 } else { 4 };
        let mut kept = [0; 4];
        kept[..length].copy_from_slice(bytes.get(..length)?);
        Some(InstructionBytes { bytes: kept, length: length as u8 })
    }

    /// Two or four bytes. An instruction of two bytes may be followed by two bytes of the next one.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// Events of a hart besides computing, loading and storing, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HartEvent {
    /// A trap that a handler takes.
    Trap(TakenTrap),
    /// An `sret`.
    TrapReturn {
        /// Instructions executed before it.
        icount: u64,
        /// Where it returns to.
        to: Address,
        /// sp there.
        sp: Address,
        /// Whether it returns to U-mode.
        to_user: bool,
    },
    /// A `wfi` at this value of the `time` CSR (in ticks). It does not wait if an enabled interrupt is pending.
    Wait {
        /// Instructions executed before it.
        icount: u64,
        /// The instruction.
        pc: Address,
        /// The `time` CSR, in ticks.
        time: u64,
        /// Whether it waits.
        waits: bool,
    },
    /// The hart stopped itself (SBI HSM, hart_stop). Nothing on a machine with one hart starts it again.
    Stopped {
        /// Instructions executed before it.
        icount: u64,
        /// The call's instruction.
        pc: Address,
    },
    /// A write to stvec, and the register's value afterwards.
    VectorWrite {
        /// Instructions executed before it.
        icount: u64,
        /// The instruction.
        pc: Address,
        /// The written value.
        written: u64,
        /// The register's value afterwards.
        held: u64,
    },
    /// It asked the UART or the firmware for input, and there was none.
    Poll {
        /// Instructions executed before it.
        icount: u64,
        /// The instruction.
        pc: Address,
    },
    /// It read a register of a place for a device in which there is none.
    Absent {
        /// Instructions executed before it.
        icount: u64,
        /// The instruction.
        pc: Address,
        /// The register's physical address.
        address: Address,
    },
    /// A byte was printed.
    Printed {
        /// Instructions executed before it.
        icount: u64,
    },
    /// A read of `time`, of a counter, of a clock's register, or of the interrupts that are pending.
    ///
    /// Reads by one instruction, each so many instructions behind the one before, are one event: a kernel that waits for a point in
    /// time reads it again and again. It may read it in parts, of which the first is told.
    ClockRead {
        /// Instructions executed before the last of them.
        icount: u64,
        /// The instruction.
        pc: Address,
        /// The `time` CSR, in ticks.
        time: u64,
        /// Instructions since the read before; 0 if that is not known.
        gap: u64,
        /// How many reads.
        reads: u64,
    },
}

/// Receives the events of an observed run.
pub trait Observer {
    /// A store was made, by an instruction or by the firmware for one.
    fn store(&mut self, store: &Store);

    /// One of the events in [`HartEvent`] happened.
    fn event(&mut self, _event: &HartEvent) {}

    /// A load was made.
    fn load(&mut self, _load: &Load) {}

    /// A store that a hart made which is not followed.
    fn other_store(&mut self, _by: &OtherHart, _store: &Store) {}

    /// A load likewise.
    fn other_load(&mut self, _by: &OtherHart, _load: &Load) {}

    /// sp of such a hart changed.
    fn other_stack_pointer(&mut self, _by: &OtherHart, _moved: &StackPointerMove) {}

    /// sp changed. The machine is behind the instruction.
    fn stack_pointer(&mut self, _moved: &StackPointerMove) {}

    /// The hart did not continue behind an instruction.
    fn jump(&mut self, _jump: &Jump) {}

    /// What to report besides traps. It is called at the start of each call to the machine.
    fn interest(&self) -> Interest {
        Interest::default()
    }

    /// Called after events: whether [`Observer::interest`] has changed.
    fn has_new_interest(&mut self) -> bool {
        false
    }

    /// Called after events: whether to end the run here, as if time were up.
    fn ends_run(&self) -> bool {
        false
    }

    /// Whether to call [`Observer::instruction`]. This makes the run about ten times slower.
    fn wants_instructions(&self) -> bool {
        false
    }

    /// The next instruction will be executed, after `icount` others: its bytes, if they can be read.
    fn instruction(&mut self, _icount: u64, _registers: &Registers, _bytes: Option<InstructionBytes>) {}

    /// The hart came back to code that was interrupted, and not with what it left. The machine is behind the return.
    fn came_back(&mut self, _back: &CameBack) {}
}

/// A machine that reports everything it does, in order, at the latest when the call returns.
pub trait Observed {
    /// Like [`Machine::step`](super::Machine::step).
    fn step_observed(&mut self, count: u64, limit: Duration, observer: &mut dyn Observer)
    -> Result<(u64, Stop), Error>;

    /// Like [`Machine::resume`](super::Machine::resume).
    fn resume_observed(&mut self, limit: Duration, observer: &mut dyn Observer) -> Result<Stop, Error>;

    /// Advances time by this many ticks of the `time` CSR without executing anything, as if the host had been busy. It stops at the
    /// next timer event.
    fn skip_time(&mut self, ticks: u64);

    /// The pages of 4 KiB of RAM that any hart wrote since the last call, each once, by their number.
    fn written_pages(&mut self) -> Vec<u32>;
}
