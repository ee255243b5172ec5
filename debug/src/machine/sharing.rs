//! What several harts share, and where only luck orders their accesses. It does not know how that is found out.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Address;

/// An access to memory by one of several harts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HartAccess {
    /// The hart's number.
    pub hart: usize,
    /// Instructions that all harts executed before it.
    pub icount: u64,
    /// The instruction.
    pub pc: Address,
    /// The stack pointer at it.
    pub sp: Address,
}

/// A store, and what another hart did to the same bytes later, with no order between the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Race {
    /// The first byte of the second access, physical.
    pub address: Address,
    /// What the second access does to the first.
    pub kind: RaceKind,
    /// The store.
    pub first: HartAccess,
    /// What the other hart did.
    pub second: HartAccess,
}

/// What the second access of a race does to the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RaceKind {
    /// It loads what was stored, after a wait for another store that came later. A hart that reorders accesses may load an older value.
    Unfenced {
        /// The first byte that was waited for, physical.
        flag: Address,
        /// The load that waited.
        waited: Address,
        /// The awaited store releases what came before it; so it is the wait that does not acquire.
        released: bool,
    },
    /// It stores what may have been made of an older value: the first store is lost.
    Lost {
        /// The load of the older value.
        loaded: HartAccess,
    },
    /// It stores zero, as part of a clear.
    Erased {
        /// The bytes of the clear's first store, physical.
        begun: Range<Address>,
    },
}

/// What the harts of one run shared.
#[derive(Clone, Debug, Default)]
pub struct Sharing {
    /// Each pair of instructions once, as they were found.
    pub races: Vec<Race>,
    /// The bytes that a hart waited for, or that atomic instructions accessed; physical.
    pub flags: BTreeSet<Address>,
    /// The loads with which harts waited.
    pub waits: BTreeSet<Address>,
}
