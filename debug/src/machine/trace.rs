//! Following a machine that runs: what it held before each instruction, on machines that write that down.
//!
//! It does not know who follows, nor what for.

use std::time::Duration;

use super::{Error, Register, Registers, Stop};

/// What a hart held when an instruction was about to be executed.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub general: Registers,
    /// The registers that were asked for, in their order; None for one that the machine does not write down.
    pub others: Vec<Option<u64>>,
}

/// What comes next of a machine that is followed.
#[derive(Clone, Debug, PartialEq)]
pub enum Traced {
    Moment(Box<Moment>),
    /// It stands still, and there is nothing left that it wrote.
    Stopped(Stop),
    /// Nothing came within the time.
    Nothing,
}

/// A machine that can write down what it holds before each instruction while it runs: many times faster than it steps.
///
/// The firmware's own instructions are left out. An interrupt may come between what is written and the instruction's execution;
/// then the instruction is written down again later, or never executed. One whose fetch fails is not written down.
/// Interrupts come when the machine has them.
pub trait Traceable {
    /// Has it write down x0 to x31, pc and `registers` from now on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where this one cannot write anything down.
    fn prepare_trace(&mut self, registers: &[Register]) -> Result<(), Error>;

    /// Lets it run. Breakpoints stop it.
    fn start_trace(&mut self) -> Result<(), Error>;

    /// The next moment, in order.
    fn next_traced(&mut self, limit: Duration) -> Result<Traced, Error>;

    /// Stops it. What it wrote until then is still to be fetched.
    fn stop_trace(&mut self) -> Result<(), Error>;
}
