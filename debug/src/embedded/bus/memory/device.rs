//! What devices do by themselves: their accesses to RAM, and their work when it is due. It does not know what they do it for.

use super::Memory;
use crate::embedded::bus::dma::{Dma, Moment};
use crate::embedded::bus::map;
use crate::embedded::bus::virtio::Slot;
use crate::embedded::bus::virtio::disk::Trouble;
use crate::riscv::board::VIRTIO_SLOTS;

impl Dma for Memory {
    fn device_reads(&self, start: u64, length: usize) -> Option<&[u8]> {
        self.ram.bytes(map::ram_offset(start)?, length)
    }

    fn device_writes(&mut self, start: u64, bytes: &[u8]) -> bool {
        if self.device_reads(start, bytes.len()).is_none() {
            return false;
        }
        self.store_for_firmware(start, bytes);
        true
    }

    fn device_fails(&mut self, trouble: Trouble) {
        self.devices.trouble = Some(trouble);
    }

    fn print(&mut self, byte: u8) {
        self.devices.uart.console.print(byte);
        self.note_printed();
    }

    fn has_input(&self, now: Moment) -> bool {
        self.devices.uart.console.has_input(now.icount)
    }

    fn take_input(&mut self, now: Moment) -> Option<u8> {
        self.devices.uart.console.take_input(now.icount)
    }
}

impl Memory {
    pub(super) fn write_virtio(&mut self, slot: usize, offset: u64, value: u64, length: usize, now: Moment) {
        self.with_slot(slot, |slot, memory| slot.write(offset, value, length, memory, now));
        self.devices.tell_of_slot(slot);
    }

    /// Handles the events that are due.
    pub fn advance_devices(&mut self, now: Moment) {
        for number in 0..VIRTIO_SLOTS {
            if self.with_slot(number, |slot, memory| slot.advance(memory, now)) {
                self.devices.tell_of_slot(number);
            }
        }
        self.devices.advance(now);
    }

    /// Device and memory change each other: meanwhile the device's slot is taken out.
    fn with_slot<T>(&mut self, number: usize, change: impl FnOnce(&mut Slot, &mut Memory) -> T) -> T {
        let mut slot = std::mem::take(&mut self.devices.slots[number]);
        let result = change(&mut slot, self);
        self.devices.slots[number] = slot;
        result
    }
}
