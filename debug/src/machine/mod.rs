//! The trait of all machines: registers, memory, breakpoints, watchpoints, step, resume.
//!
//! It does not know who implements it: QEMU behind a socket and a machine in this process look the same.

mod came_back;
mod fault;
mod observe;
pub mod quirk;
mod sharing;
mod trace;

use std::time::{Duration, Instant};

pub use crate::riscv::{Address, Register, Registers, csr};
pub use came_back::{CameBack, Interrupted};
pub use fault::{DriveTrouble, Fault};
pub use observe::{
    HartEvent, InstructionBytes, Interest, Jump, JumpKind, Load, Observed, Observer, OtherHart, StackPointerMove,
    Store, TakenTrap,
};
pub use quirk::Quirk;
pub use sharing::{HartAccess, Race, RaceKind, Sharing};
pub use trace::{Moment, Traceable, Traced};

/// How many harts are followed at once, and how many the embedded machine can have.
pub const MOST_HARTS: usize = 8;

/// How many of the latest bytes of its console a machine keeps.
pub const KEPT_OUTPUT: usize = 1 << 20;

/// What a watchpoint waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Stores.
    Write,
    /// Loads.
    Read,
    /// Loads and stores.
    ReadOrWrite,
}

/// A watchpoint: it stops the machine before an access to any byte of [`address`, `address + length`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Watchpoint {
    /// The first byte.
    pub address: Address,
    /// In bytes, at least 1.
    pub length: u64,
    /// The kind of access.
    pub access: Access,
}

impl Watchpoint {
    /// # Errors
    /// [`Error::Refused`], by the machine of this name, where it watches no byte.
    pub(crate) fn check(&self, by: &str) -> Result<(), Error> {
        if self.length == 0 {
            let reason = "its length must be at least 1".into();
            return Err(Error::Refused { what: "a watchpoint on no byte".into(), by: by.into(), reason });
        }
        Ok(())
    }
}

/// Why a machine stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It executed the requested number of instructions.
    Stepped,
    /// pc is at a breakpoint. The instruction has not been executed.
    Breakpoint,
    /// The next instruction makes a watched access. pc is at it, and memory is unchanged.
    ///
    /// `address` is what the machine reports: a byte of the watched range, or the first byte of the access.
    Watchpoint {
        /// The reported address.
        address: Address,
    },
    /// The time limit of the call was reached.
    Interrupted,
    /// The instruction at pc cannot be executed, on a machine that tells so.
    Fault(Fault),
    /// When going back: the start of the history was reached.
    Beginning,
    /// The machine is off, with its exit status if it is known. Some machines can still be read.
    Exited {
        /// The exit status, if known.
        status: Option<u8>,
    },
}

/// A RISC-V machine with RV64 harts, which is stopped between calls.
pub trait Machine {
    /// The machine's name in reports: `qemu`.
    fn name(&self) -> &str;

    /// Reads x0 to x31 and pc.
    fn registers(&mut self) -> Result<Registers, Error>;

    /// Reads one register.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the machine does not have the register.
    fn read_register(&mut self, register: Register) -> Result<u64, Error>;

    /// Reads several registers, in one round trip if the machine can.
    ///
    /// # Errors
    /// Those of [`Machine::read_register`].
    fn read_registers(&mut self, registers: &[Register]) -> Result<Vec<u64>, Error> {
        registers.iter().map(|register| self.read_register(*register)).collect()
    }

    /// # Errors
    /// Those of [`Machine::read_register`].
    fn write_register(&mut self, register: Register, value: u64) -> Result<(), Error>;

    /// Fills all of `bytes` from memory at `start`.
    ///
    /// # Errors
    /// [`Error::Refused`] if any byte cannot be read. A short reply is never accepted.
    fn read_memory(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error>;

    /// # Errors
    /// [`Error::Refused`] if any byte cannot be written.
    fn write_memory(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error>;

    /// Like [`Machine::read_memory`], with a physical address.
    ///
    /// By default this reads virtual addresses, which is the same while satp is 0.
    ///
    /// # Errors
    /// Those of [`Machine::read_memory`].
    fn read_physical(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        self.read_memory(start, bytes)
    }

    /// Like [`Machine::write_memory`], with a physical address.
    ///
    /// # Errors
    /// Those of [`Machine::write_memory`].
    fn write_physical(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        self.write_memory(start, bytes)
    }

    /// Sets a breakpoint: [`Machine::resume`] stops before the instruction at `address`. Setting it again has no effect.
    fn insert_breakpoint(&mut self, address: Address) -> Result<(), Error>;

    /// Removes a breakpoint, however often it was set. Removing an absent one has no effect.
    fn remove_breakpoint(&mut self, address: Address) -> Result<(), Error>;

    /// From now on [`Machine::resume`] and [`Machine::step`] stop before such an access. Inserting one that is set already
    /// changes nothing: one call removes it.
    ///
    /// # Errors
    /// [`Error::Refused`] where it watches no byte.
    fn insert_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error>;

    /// Undoes [`Machine::insert_watchpoint`], however often it was called with the same watchpoint; where it is not set, this
    /// changes nothing and is no error.
    fn remove_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error>;

    /// Executes up to `count` instructions, for at most `limit`. Returns the number of executed instructions.
    ///
    /// It ignores breakpoints. It stops at watchpoints, except for the first instruction if the last stop was at its access. The
    /// stop is [`Stop::Stepped`] if all instructions were executed, and [`Stop::Interrupted`] if time was up, for example in a
    /// `wfi` that nothing ends.
    fn step(&mut self, count: u64, limit: Duration) -> Result<(u64, Stop), Error>;

    /// Runs until something stops the machine, for at most `limit`. When time is up the stop is [`Stop::Interrupted`].
    ///
    /// A breakpoint at the current pc, and a watchpoint that was the last stop, do not stop it again.
    fn resume(&mut self, limit: Duration) -> Result<Stop, Error>;

    /// The kernel's console output, at most the latest MiB, without the firmware's output before; `None` if the machine does not
    /// show its console.
    fn printed(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// Marks the start of the kernel: the output until now is the firmware's.
    fn begin_console(&mut self) {}

    /// The linked address for an address that the hart uses. By default they are the same.
    ///
    /// # Errors
    /// If the machine does not respond.
    fn linked(&mut self, address: Address) -> Result<Address, Error> {
        Ok(address)
    }

    /// Types bytes to the console.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the machine's console has no input.
    fn type_in(&mut self, _bytes: &[u8]) -> Result<(), Error> {
        Err(Error::Unsupported { what: "typing to the console".into(), by: self.name().into() })
    }

    /// The number of harts. Registers and memory are those of the hart that stopped last.
    fn harts(&self) -> usize {
        1
    }

    /// Whether it answers semihosting calls.
    fn has_semihosting(&self) -> bool {
        false
    }

    /// Whether it is known that no other hart executes anything before the followed one does something.
    fn others_wait(&self) -> bool {
        self.harts() == 1
    }

    /// At reset: until [`Machine::follow`] only the hart with this id runs, and the firmware is told to boot it. Returns whether the
    /// machine can do so.
    ///
    /// # Errors
    /// If the machine does not respond.
    fn boot_on(&mut self, _hart: u64) -> Result<bool, Error> {
        Ok(false)
    }

    /// From now on follows the hart that stopped last: only it is stepped and stops at breakpoints. All harts run, and a watchpoint
    /// stops any hart.
    fn follow(&mut self) {}

    /// Shows another hart in registers and memory until the machine runs again: the one of this index among those that are not
    /// followed, or with `None` the followed one. Returns whether there is such a hart.
    ///
    /// # Errors
    /// If the machine does not respond.
    fn show_other(&mut self, _index: Option<usize>) -> Result<bool, Error> {
        Ok(false)
    }

    /// This machine as an observed machine, if it is one.
    fn observed(&mut self) -> Option<&mut dyn Observed> {
        None
    }

    /// This machine as one that logs each instruction while it runs, if it can.
    fn traceable(&mut self) -> Option<&mut dyn Traceable> {
        None
    }

    /// The known faults of this machine in its version.
    ///
    /// # Errors
    /// If its version is not known.
    fn quirks(&mut self) -> Result<Vec<Quirk>, Error> {
        Ok(Vec::new())
    }

    /// Whether this moment has passed. A machine that does a recorded run again says what was said then.
    fn has_passed(&mut self, deadline: Instant) -> bool {
        Instant::now() >= deadline
    }

    /// From now on the machine takes no interrupts, like QEMU while its stub steps.
    fn hold_interrupts(&mut self) {}

    /// How many instructions were executed since reset, on a machine that does the same at the same count in every run; `None` on
    /// others.
    fn executed(&self) -> Option<u64> {
        None
    }

    /// From now on [`Machine::step`] and [`Machine::resume`] end with [`Stop::Interrupted`] when so many instructions were executed
    /// since reset, on a machine that counts them. [`u64::MAX`] is never.
    fn interrupt_at(&mut self, _executed: u64) {}
}

/// Why a machine did not do what was requested.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine does not support this.
    #[error("{by} cannot do this: {what}")]
    Unsupported {
        /// What was requested.
        what: String,
        /// The name of the machine.
        by: String,
    },

    /// The machine refused this.
    #[error("{by} refused {what}: {reason}")]
    Refused {
        /// What was requested.
        what: String,
        /// The name of the machine.
        by: String,
        /// Why.
        reason: String,
    },

    /// The machine did not reply in time.
    #[error("no reply from {from} within {} ms: awaited {awaited}; {advice}", after.as_millis())]
    Timeout {
        /// The reply that was awaited.
        awaited: String,
        /// The name of the stub.
        from: String,
        /// The time waited.
        after: Duration,
        /// What to try.
        advice: String,
    },

    /// The connection to the machine is closed.
    #[error("{who} is gone: {how}")]
    Gone {
        /// The name of the machine or stub.
        who: String,
        /// What happened.
        how: String,
    },

    /// The connection to the machine failed, with its own message.
    #[error(transparent)]
    Connection(Box<dyn std::error::Error + Send + Sync>),
}
