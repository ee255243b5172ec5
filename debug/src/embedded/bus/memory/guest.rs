//! Loads and stores that a hypervisor makes as its guest would (`hlv`, `hsv`). It does not know instructions.

use super::{Context, Memory};
use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::state::GuestTrap;
use crate::embedded::hart::trap::{AccessType, Interruption};
use crate::machine::Access;

impl Memory {
    /// Loads 1 to 8 bytes.
    pub fn load_as_guest(
        &mut self,
        context: &Context,
        address: u64,
        length: usize,
        access_type: AccessType,
    ) -> Result<u64, Interruption> {
        let loaded = self.try_load_as_guest(context, address, length, access_type);
        self.guest_trap.guest_address |= loaded.is_err();
        loaded
    }

    fn try_load_as_guest(
        &mut self,
        context: &Context,
        address: u64,
        length: usize,
        access_type: AccessType,
    ) -> Result<u64, Interruption> {
        self.guest_trap = GuestTrap::default();
        self.check_alignment(address, length, access_type)?;
        let mut value = 0;
        for (part, start, count) in parts(address, length) {
            let physical = self.resolve_in(context, start, count, access_type)?;
            self.watch_physical(physical, count, Access::Read)?;
            let loaded = self.load_physical(physical, count, start)?;
            self.record_load(physical, start, count, loaded);
            value |= loaded << (8 * part);
        }
        Ok(value)
    }

    /// Stores 1 to 8 bytes.
    pub fn store_as_guest(
        &mut self,
        context: &Context,
        address: u64,
        value: u64,
        length: usize,
    ) -> Result<(), Interruption> {
        let stored = self.try_store_as_guest(context, address, value, length);
        self.guest_trap.guest_address |= stored.is_err();
        stored
    }

    fn try_store_as_guest(
        &mut self,
        context: &Context,
        address: u64,
        value: u64,
        length: usize,
    ) -> Result<(), Interruption> {
        self.guest_trap = GuestTrap::default();
        self.check_alignment(address, length, AccessType::Store)?;
        let mut places = Vec::new();
        for (part, start, count) in parts(address, length) {
            places.push((part, start, count, self.resolve_in(context, start, count, AccessType::Store)?));
        }
        for (_, _, count, physical) in &places {
            self.watch_physical(*physical, *count, Access::Write)?;
        }
        for (part, start, count, physical) in places {
            let bytes = value >> (8 * part);
            if self.record.is_some() {
                self.record_store(physical, None, start, bytes, count, count);
            }
            self.store_physical(physical, bytes, count, start)?;
        }
        Ok(())
    }
}

/// The part of an access on each page: how many bytes come before it, where it begins, how many it has.
fn parts(address: u64, length: usize) -> impl Iterator<Item = (usize, u64, usize)> {
    let head = length.min(PAGE - address as usize % PAGE);
    let rest = address.wrapping_add(head as u64);
    [(0, address, head), (head, rest, length - head)].into_iter().filter(|(.., count)| *count != 0)
}
