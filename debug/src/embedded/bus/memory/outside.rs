//! Accesses to memory by the board, the firmware and debuggers, between instructions. It does not know why.

use super::{Memory, PhysicalWatch};
use crate::embedded::bus::map::{self, Region};
use crate::embedded::bus::protection::Protection;
use crate::embedded::bus::ram::PAGE;
use crate::embedded::bus::translate::{self, Context};
use crate::machine::{Access, Watchpoint};

impl Memory {
    /// How fetches are translated, and how loads and stores are.
    pub fn set_context(&mut self, fetch_context: Context, context: Context) {
        self.fetch_context = fetch_context;
        if !self.context.shares_translations(&context) {
            self.flush();
        }
        self.context = context;
        self.loads.select(context.privilege);
        self.stores.select(context.privilege);
    }

    /// Forgets every translation.
    pub fn flush(&mut self) {
        self.loads.flush();
        self.stores.flush();
    }

    /// Notices the next store to each page again.
    pub fn notice_stores(&mut self) {
        self.generation += 1;
        self.stores.flush();
    }

    /// The pages of RAM written since the last call, by their number.
    pub fn take_written(&mut self) -> Vec<u32> {
        self.notice_stores();
        self.ram.take_written()
    }

    pub fn add_watchpoint(&mut self, watchpoint: Watchpoint) {
        if !self.watchpoints.contains(&watchpoint) {
            self.watchpoints.push(watchpoint);
        }
        self.flush_everywhere();
    }

    pub fn remove_watchpoint(&mut self, watchpoint: Watchpoint) {
        self.watchpoints.retain(|known| *known != watchpoint);
    }

    pub fn add_physical_watch(&mut self, watch: PhysicalWatch) {
        self.physical_watches.push(watch);
        self.flush_everywhere();
    }

    /// Removes those whose stops name this address, for this access.
    pub fn remove_physical_watches(&mut self, reported: u64, access: Access) {
        self.physical_watches.retain(|watch| (watch.reported, watch.access) != (reported, access));
    }

    pub fn set_watching(&mut self, watching: bool) {
        self.watching = watching;
    }

    /// The offset in RAM of a physical range, if a kernel may use all of it.
    pub fn physical(&self, start: u64, length: usize) -> Option<&[u8]> {
        let is_firmwares = matches!(self.protection, Protection::Firmware) && map::is_firmware(start);
        if is_firmwares { None } else { self.ram.bytes(map::ram_offset(start)?, length) }
    }

    /// Stores for the firmware and the instruction that called it. [`Memory::physical`] has checked the range.
    pub fn store_for_firmware(&mut self, start: u64, bytes: &[u8]) {
        let Some(offset) = map::ram_offset(start) else { return };
        if let Some(races) = &mut self.races {
            races.forget(start, bytes.len() as u64);
        }
        if self.record.is_some() {
            for (index, byte) in (0..).zip(bytes) {
                self.record_store(start + index, None, start + index, (*byte).into(), 1, 1);
            }
        }
        self.ram.store(offset, bytes);
    }

    /// The physical address of a virtual address, ignoring permissions. `None` if it is not mapped.
    pub fn physical_address(&self, address: u64) -> Option<u64> {
        translate::peek(&self.ram, &self.fetch_context, address)
    }

    /// Whether RAM or a device lies at a physical address.
    pub fn is_there(&self, physical: u64) -> bool {
        match Region::of(physical) {
            Region::Ram(offset) => offset < self.ram.size(),
            Region::Nothing => false,
            _ => true,
        }
    }

    /// Reads at virtual addresses, ignoring permissions, without marking pages. Returns false unless all of it is RAM, or of the ROM.
    pub fn peek(&self, start: u64, bytes: &mut [u8]) -> bool {
        let mut done = 0;
        while done < bytes.len() {
            let address = start.wrapping_add(done as u64);
            let length = (bytes.len() - done).min(PAGE - address as usize % PAGE);
            let found = translate::peek(&self.ram, &self.fetch_context, address)
                .and_then(|physical| self.bytes_at(physical, length));
            let Some(found) = found else { return false };
            bytes[done..done + length].copy_from_slice(found);
            done += length;
        }
        true
    }

    fn bytes_at(&self, physical: u64, length: usize) -> Option<&[u8]> {
        match Region::of(physical) {
            Region::Ram(offset) => self.ram.bytes(offset, length),
            Region::Rom(offset) => self.ram.rom()?.get(offset as usize..)?.get(..length),
            _ => None,
        }
    }

    /// Writes to a physical address: all bytes, or none unless all of it is RAM.
    pub fn poke_physical(&mut self, start: u64, bytes: &[u8]) -> bool {
        map::ram_offset(start).and_then(|offset| self.ram.store(offset, bytes)).is_some()
    }

    /// Writes to virtual addresses, ignoring permissions: all bytes, or none unless all of it is RAM.
    pub fn poke(&mut self, start: u64, bytes: &[u8]) -> bool {
        let mut spans = Vec::new();
        let mut done = 0;
        while done < bytes.len() {
            let address = start.wrapping_add(done as u64);
            let length = (bytes.len() - done).min(PAGE - address as usize % PAGE);
            let offset = translate::peek(&self.ram, &self.fetch_context, address).and_then(map::ram_offset);
            let Some(offset) = offset.filter(|offset| self.ram.bytes(*offset, length).is_some()) else { return false };
            spans.push((offset, done, length));
            done += length;
        }
        for (offset, done, length) in spans {
            self.ram.store(offset, &bytes[done..done + length]);
        }
        true
    }
}
