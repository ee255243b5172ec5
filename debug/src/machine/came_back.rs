//! What an interrupt came back with: the registers at the interrupt, and at the return. It does not know what that means.

use super::{InstructionBytes, Registers, TakenTrap};

/// Code that was interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// The interrupt.
    pub trap: TakenTrap,
    /// Its registers; pc is the instruction that comes next.
    pub registers: Registers,
    /// f0 to f31, where floating point is on.
    pub floats: Option<[u64; 32]>,
}

/// A return from a trap to code that was interrupted, with other registers than it had, or beside where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameBack {
    /// Instructions executed before the one that comes next now.
    pub icount: u64,
    /// What was interrupted.
    pub interrupted: Interrupted,
    /// The instruction that was to come next, if it can be read.
    pub instruction: Option<InstructionBytes>,
    /// The registers behind the return.
    pub registers: Registers,
    /// f0 to f31, where floating point is on.
    pub floats: Option<[u64; 32]>,
}
