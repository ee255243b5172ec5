//! One access to what lies at a physical address: RAM, the ROM or a device. It does not know who may make it.

use super::{Ended, Memory, ROM_NAME, from_bytes};
use crate::embedded::bus::map::Region;
use crate::embedded::hart::trap::{AccessType, Interruption};

/// The number of the UART's IER.
const INTERRUPT_ENABLE: u64 = 1;

impl Memory {
    pub(super) fn load_physical(&mut self, physical: u64, length: usize, address: u64) -> Result<u64, Interruption> {
        let fault = Err(AccessType::Load.access_fault(address).into());
        match Region::of_access(physical, length) {
            Region::Ram(offset) => self.ram.bytes(offset, length).map_or(fault, |bytes| Ok(from_bytes(bytes))),
            Region::Uart(register) => {
                let now = self.now.ok_or(Interruption::NeedsBoard)?;
                if self.devices.uart.is_asked_in_vain(register, now.icount) {
                    self.note_poll();
                }
                Ok(self.devices.read_uart(register, now).into())
            }
            Region::Rom(offset) => match self.ram.rom() {
                Some(rom) => {
                    Ok(from_bytes(rom.get(offset as usize..).unwrap_or_default().get(..length).unwrap_or_default()))
                }
                None => Err(Interruption::MissingDevice(ROM_NAME)),
            },
            Region::Clint(offset) => {
                let now = self.now.ok_or(Interruption::NeedsBoard)?;
                self.note_time_read(physical, now);
                Ok(self.devices.clint.read(offset, length, now.ticks()))
            }
            Region::Clock(offset) => {
                let now = self.now.ok_or(Interruption::NeedsBoard)?;
                self.note_time_read(physical, now);
                Ok(self.devices.read_clock(offset, now).into())
            }
            Region::InterruptController(offset) => {
                self.now.ok_or(Interruption::NeedsBoard)?;
                Ok(self.devices.read_plic(offset).into())
            }
            Region::Virtio(slot, offset) => {
                self.now.ok_or(Interruption::NeedsBoard)?;
                if self.devices.is_empty(slot) {
                    self.note_absent(physical);
                }
                Ok(self.devices.read_virtio(slot, offset, length))
            }
            Region::Finisher(_) if matches!(length, 2 | 4) => Ok(0),
            Region::Missing(device) => Err(Interruption::MissingDevice(device)),
            Region::Finisher(_) | Region::Nothing => fault,
        }
    }

    /// The register of a device at a physical address, at this time, where to look at it changes nothing: of a virtio slot, of the CLINT, of
    /// the interrupt controller, and the UART's IER.
    pub fn quiet_register(&self, physical: u64, length: usize, ticks: u64) -> Option<u64> {
        match Region::of_access(physical, length) {
            Region::Clint(offset) if matches!(length, 4 | 8) => Some(self.devices.clint.read(offset, length, ticks)),
            Region::InterruptController(offset) if length == 4 => Some(self.devices.peek_plic(offset).into()),
            Region::Uart(INTERRUPT_ENABLE) if length == 1 => Some(self.devices.uart.interrupt_enable().into()),
            Region::Virtio(slot, offset) if matches!(length, 1 | 2 | 4 | 8) => {
                Some(self.devices.read_virtio(slot, offset, length))
            }
            _ => None,
        }
    }

    pub(super) fn store_physical(
        &mut self,
        physical: u64,
        value: u64,
        length: usize,
        address: u64,
    ) -> Result<(), Interruption> {
        let fault = Err(AccessType::Store.access_fault(address).into());
        match Region::of_access(physical, length) {
            Region::Ram(offset) => self.ram.store(offset, &value.to_le_bytes()[..length]).map_or(fault, Ok),
            Region::Uart(register) => {
                let now = self.now.ok_or(Interruption::NeedsBoard)?;
                self.devices.write_uart(register, value as u8, now);
                self.note_printed();
                Ok(())
            }
            Region::Rom(_) if self.ram.rom().is_some() => Ok(()),
            Region::Rom(_) => Err(Interruption::MissingDevice(ROM_NAME)),
            Region::Clint(offset) => {
                let now = self.now.ok_or(Interruption::NeedsBoard)?;
                self.devices.clint.write(offset, value, length, now.ticks());
                if let (Some(hart), Some(races)) = (self.devices.clint.interrupts(offset, value), &mut self.races) {
                    races.order_after_selected(hart, now.icount);
                }
                Ok(())
            }
            Region::Clock(offset) => {
                let now = self.now.ok_or(Interruption::NeedsBoard)?;
                self.devices.write_clock(offset, value as u32, now);
                Ok(())
            }
            Region::InterruptController(offset) => {
                self.now.ok_or(Interruption::NeedsBoard)?;
                self.devices.write_plic(offset, value as u32);
                Ok(())
            }
            Region::Virtio(slot, offset) => {
                let now = self.now.ok_or(Interruption::NeedsBoard)?;
                self.write_virtio(slot, offset, value, length, now);
                Ok(())
            }
            Region::Finisher(offset) if matches!(length, 2 | 4) => {
                self.now.ok_or(Interruption::NeedsBoard)?;
                if offset == 0 {
                    self.ended = Ended::by_finisher(value as u32);
                }
                Ok(())
            }
            Region::Missing(device) => Err(Interruption::MissingDevice(device)),
            Region::Finisher(_) | Region::Nothing => fault,
        }
    }
}
