//! Tells who looks for races between harts of their accesses to RAM. It does not know what a race is.

use super::{Memory, from_bytes};
use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::decode::{Kind, Operation};
use crate::embedded::races::{Atomically, Races};
use crate::machine::{Address, HartAccess};
use crate::riscv::board;

/// Marks the number of a page in the TLB of whose loads only who looks for races is told: no page has such a number.
pub(super) const FOLLOWED: u64 = 1 << 63;

impl Memory {
    /// Whether accesses to the page of this physical address are followed, and so must not use the fast path.
    pub(super) fn is_shared(&self, physical: u64) -> bool {
        self.races.as_ref().is_some_and(|races| races.wants(physical / PAGE as u64 * PAGE as u64, PAGE as u64))
    }

    /// A load of which only who looks for races is told, if that is known.
    pub(super) fn load_followed(&mut self, address: u64, length: usize) -> Option<u64> {
        let offset = self.loads.offset_of(FOLLOWED, address, length)?;
        let value = self.ram.bytes(offset, length).map(from_bytes)?;
        self.follow_load(board::RAM_BASE + offset as u64, address, length, value);
        Some(value)
    }

    pub(super) fn follow_load(&mut self, physical: u64, address: u64, length: usize, value: u64) {
        let by = self.access();
        if let Some(races) = &mut self.races {
            races.load(by, physical, address, length, value);
        }
    }

    /// Before the store is made.
    pub(super) fn follow_store(&mut self, physical: u64, length: usize, value: u64) {
        let by = self.access();
        if self.races.as_ref().is_some_and(|races| races.is_active())
            && let Ok(old) = self.load_physical(physical, length, physical)
            && let Some(races) = &mut self.races
        {
            let new = if length < 8 { value & ((1 << (8 * length)) - 1) } else { value };
            races.store(by, physical, length, old, new);
        }
    }

    /// Makes the accesses of an instruction of extension A.
    pub fn atomically<T>(&mut self, operation: &Operation, make: impl FnOnce(&mut Memory) -> T) -> T {
        const ACQUIRES: u32 = 1 << 26;
        const RELEASES: u32 = 1 << 25;
        let set = |races: &mut Option<Box<Races>>, atomically| {
            if let Some(races) = races {
                races.set_atomically(atomically);
            }
        };
        let conditional = matches!(operation.kind, Kind::StoreConditional(_));
        let (acquires, releases) = (operation.bits & ACQUIRES != 0, operation.bits & RELEASES != 0);
        set(&mut self.races, Some(Atomically { conditional, acquires, releases }));
        let made = make(self);
        set(&mut self.races, None);
        made
    }

    /// A `fence`, before which so many instructions were executed.
    #[cold]
    pub fn fence(&mut self, operation: &Operation, icount: u64) {
        // Not `fence.i`.
        if operation.bits >> 12 & 7 == 0
            && let Some(races) = &mut self.races
        {
            races.fence(operation.bits, icount);
        }
    }

    /// Has accesses to variables followed from now on: a second hart begins.
    pub fn follow_races(&mut self) {
        if let Some(races) = self.races.as_mut().filter(|races| !races.is_active()) {
            races.activate();
            self.flush_everywhere();
        }
    }

    /// The instruction whose access this is. Who made it is known to who follows.
    fn access(&self) -> HartAccess {
        HartAccess { hart: 0, icount: self.at.icount, pc: Address(self.at.pc), sp: Address(self.at.sp) }
    }
}
