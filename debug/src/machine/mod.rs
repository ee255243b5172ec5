//! What every machine can do: registers, memory, breakpoints, watchpoints, step, resume.
//!
//! It does not know who implements it: QEMU behind a socket and a machine in this process look the same from here.

mod fault;
mod observe;
pub mod quirk;
mod trace;

use std::time::Duration;

pub use crate::riscv::{Address, Register, Registers, csr};
pub use fault::Fault;
pub use observe::{
    HartEvent, InstructionBytes, Interest, Load, Observed, Observer, StackPointerMove, Store, TakenTrap,
};
pub use quirk::Quirk;
pub use trace::{Moment, Traceable, Traced};

/// What a watchpoint waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    Write,
    Read,
    ReadOrWrite,
}

/// Stops the machine before an access to any byte of [`address`, `address + length`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Watchpoint {
    pub address: Address,
    /// In bytes, at least 1.
    pub length: u64,
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

/// Why a machine that ran stands still again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The instructions that were asked for have been executed.
    Stepped,
    /// pc is at a breakpoint; its instruction has not been executed.
    Breakpoint,
    /// The next instruction would make the access: pc is at it, memory is as before.
    ///
    /// `address` is one that the machine names: a byte of the watched range or the access's first.
    Watchpoint { address: Address },
    /// The time limit of the call was over.
    Interrupted,
    /// The instruction at pc cannot be executed, on a machine that tells so.
    Fault(Fault),
    /// Back in time, the run's first instruction was reached.
    Beginning,
    /// The machine is off: with this exit status, where it tells. Some can still be looked at.
    Exited { status: Option<u8> },
}

/// A RISC-V machine of RV64 harts, standing still between calls.
pub trait Machine {
    /// What people call it: `qemu`.
    fn name(&self) -> &str;

    /// x0 to x31 and pc, in one go.
    fn registers(&mut self) -> Result<Registers, Error>;

    /// One register.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the machine has no such register.
    fn read_register(&mut self, register: Register) -> Result<u64, Error>;

    /// Several registers: all at once, where each would cost a round trip.
    ///
    /// # Errors
    /// As [`Machine::read_register`].
    fn read_registers(&mut self, registers: &[Register]) -> Result<Vec<u64>, Error> {
        registers.iter().map(|register| self.read_register(*register)).collect()
    }

    /// # Errors
    /// As [`Machine::read_register`].
    fn write_register(&mut self, register: Register, value: u64) -> Result<(), Error>;

    /// Fills all of `bytes` from memory at `start`.
    ///
    /// # Errors
    /// [`Error::Refused`] where any byte of it cannot be read. A shorter answer is never taken for one.
    fn read_memory(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error>;

    /// # Errors
    /// [`Error::Refused`] where any byte of it cannot be written.
    fn write_memory(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error>;

    /// As [`Machine::read_memory`], by the address that translation leads to: with a page table in use or without.
    ///
    /// A machine that has nothing of its own for this reads as it would otherwise, which is the same while satp is 0.
    ///
    /// # Errors
    /// As [`Machine::read_memory`].
    fn read_physical(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        self.read_memory(start, bytes)
    }

    /// As [`Machine::write_memory`], likewise.
    ///
    /// # Errors
    /// As [`Machine::write_memory`].
    fn write_physical(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        self.write_memory(start, bytes)
    }

    /// From now on [`Machine::resume`] stops before the instruction at `address`. One that is set already stays as it is.
    fn insert_breakpoint(&mut self, address: Address) -> Result<(), Error>;

    /// Undoes [`Machine::insert_breakpoint`], however often it was called; nothing where none is set.
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

    /// Executes up to `count` instructions, for at most `limit`, and says how many it executed.
    ///
    /// Breakpoints are not looked at; watchpoints are, but for an access that was the last stop: who stands before it steps
    /// over it. The stop is [`Stop::Stepped`] when all were executed, [`Stop::Interrupted`] when time was up, as it
    /// is in a `wfi` that nothing ends.
    fn step(&mut self, count: u64, limit: Duration) -> Result<(u64, Stop), Error>;

    /// Runs until something stops it, for at most `limit`; then the stop is [`Stop::Interrupted`].
    ///
    /// A breakpoint at the present pc, and a watchpoint that was the last stop, do not stop it again.
    fn resume(&mut self, limit: Duration) -> Result<Stop, Error>;

    /// What the kernel has printed, the latest MiB of it, without what the firmware printed before; `None` where the machine does
    /// not show its console.
    fn printed(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// The kernel begins here: what was printed so far is the firmware's.
    fn begin_console(&mut self) {}

    /// The address that symbols know of what the hart reaches at `address`; the same where nothing says otherwise.
    ///
    /// # Errors
    /// Where the machine does not answer.
    fn linked(&mut self, address: Address) -> Result<Address, Error> {
        Ok(address)
    }

    /// Types to the console.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the machine has none that can be typed to.
    fn type_in(&mut self, _bytes: &[u8]) -> Result<(), Error> {
        Err(Error::Unsupported { what: "typing to the console".into(), by: self.name().into() })
    }

    /// How many harts it has. Registers and memory are those of the hart that stopped last.
    fn harts(&self) -> usize {
        1
    }

    /// From now on the machine is about the hart that stopped last: it alone is stepped, and stops at breakpoints. All run, and
    /// a watchpoint stops whichever makes the access.
    fn follow(&mut self) {}

    /// This machine as one that shows all that it does, where it is one.
    fn observed(&mut self) -> Option<&mut dyn Observed> {
        None
    }

    /// This machine as one that writes down what it does while it runs, where it is one.
    fn traceable(&mut self) -> Option<&mut dyn Traceable> {
        None
    }

    /// What this machine, in its version, is known to do otherwise than the manual says.
    ///
    /// # Errors
    /// Where it does not say which version it is.
    fn quirks(&mut self) -> Result<Vec<Quirk>, Error> {
        Ok(Vec::new())
    }

    /// From now on the machine takes no interrupts by itself, as a stub's does not while it is stepped.
    fn hold_interrupts(&mut self) {}
}

/// Why a machine did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{by} cannot do this: {what}")]
    Unsupported { what: String, by: String },

    #[error("{by} refused {what}: {reason}")]
    Refused { what: String, by: String, reason: String },

    #[error("no answer from {from} within {} ms: awaited {awaited}; {advice}", after.as_millis())]
    Timeout { awaited: String, from: String, after: Duration, advice: String },

    #[error("{who} is gone: {how}")]
    Gone { who: String, how: String },

    /// What carries the machine's answers failed, in words of its own.
    #[error(transparent)]
    Connection(Box<dyn std::error::Error + Send + Sync>),
}
