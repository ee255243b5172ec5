//! Following a running machine: its registers before each instruction, on machines that log them.
//!
//! It does not know who follows.

use std::time::Duration;

use super::{Error, Register, Registers, Stop};

/// The registers of a hart before an instruction.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// x0 to x31 and pc.
    pub general: Registers,
    /// The requested registers, in their order; `None` for one that the machine does not log.
    pub others: Vec<Option<u64>>,
}

/// The next entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Traced {
    /// An entry.
    Moment(Box<Moment>),
    /// The machine has stopped, and its whole log was read.
    Stopped(Stop),
    /// Nothing came within the time.
    Nothing,
}

/// A machine that can log its registers before each instruction while it runs, many times faster than steps.
///
/// Instructions of the firmware are left out. An interrupt may come after an entry and before its instruction is executed; then
/// the instruction is logged again later, or never executed. An instruction whose fetch fails is not logged. Interrupts come when
/// the machine has them.
pub trait Traceable {
    /// Starts to log x0 to x31, pc and `registers`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this machine cannot log.
    fn prepare_trace(&mut self, registers: &[Register]) -> Result<(), Error>;

    /// Runs the machine. Breakpoints stop it.
    fn start_trace(&mut self) -> Result<(), Error>;

    /// The next entry, in order.
    fn next_traced(&mut self, limit: Duration) -> Result<Traced, Error>;

    /// Stops the machine. Its log until then can still be read.
    fn stop_trace(&mut self) -> Result<(), Error>;
}
