//! A moment of a run, and the columns that its time is divided into.

use crate::machine::Address;

/// Columns of time.
pub const COLUMNS: usize = 300;

/// A moment of the time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Instructions executed before it.
    pub icount: u64,
    /// What happened, such as `first output`.
    pub what: String,
    /// Where; 0 if that says nothing.
    pub pc: Address,
    /// It is a trap or an interrupt.
    pub is_trap: bool,
}
