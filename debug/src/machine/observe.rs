//! Seeing all that a machine does, on machines that can show it. It does not know who looks, nor what for.

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
    pub address: Address,
    /// In bytes: 1, 2, 4 or 8. (The firmware stores byte by byte.)
    pub length: u8,
    /// What memory held, little-endian.
    pub old: u64,
    pub new: u64,
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
}

/// Somebody who watches a run closely.
pub trait Observer {
    /// A store was made: by an instruction, or by the firmware for one.
    fn store(&mut self, store: &Store);

    fn trap(&mut self, _trap: &TakenTrap) {}

    /// Whether [`Observer::instruction`] is to be called; it makes the run some ten times slower.
    fn wants_instructions(&self) -> bool {
        false
    }

    /// An instruction is about to be executed, after `icount` others.
    fn instruction(&mut self, _icount: u64, _registers: &Registers) {}
}

/// A machine that shows all that it does. Stores and traps are each shown in order, once the call returns at the latest.
pub trait Observed {
    /// As [`Machine::step`](super::Machine::step).
    fn step_observed(&mut self, count: u64, limit: Duration, observer: &mut dyn Observer)
    -> Result<(u64, Stop), Error>;

    /// As [`Machine::resume`](super::Machine::resume).
    fn resume_observed(&mut self, limit: Duration, observer: &mut dyn Observer) -> Result<Stop, Error>;
}
