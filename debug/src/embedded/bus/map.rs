//! The physical memory map of QEMU's `virt` board, with what a firmware in the host keeps to itself. Pure.

use crate::embedded::bus::devices::clint::Clint;
use crate::riscv::board;
pub use crate::riscv::board::{FINISHER, FINISHER_SIZE, FIRMWARE_END, RAM_BASE, UART, UART_SIZE};

/// What is at a physical address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// RAM at this offset, if RAM is that large.
    Ram(usize),
    /// A register of the UART.
    Uart(u64),
    /// The test finisher, at this offset.
    Finisher(u64),
    /// At this offset into the reset ROM.
    Rom(u64),
    /// At this offset into the CLINT.
    Clint(u64),
    /// At this offset into the real-time clock.
    Clock(u64),
    /// At this offset into the interrupt controller.
    InterruptController(u64),
    /// At this offset into the virtio slot of this number.
    Virtio(usize, u64),
    /// A device of the board that this machine does not have.
    Missing(&'static str),
    /// Nothing.
    Nothing,
}

impl Region {
    pub fn of(physical: u64) -> Region {
        if let Some(offset) = ram_offset(physical) {
            return Region::Ram(offset);
        }
        const UART_END: u64 = UART + UART_SIZE;
        const FINISHER_END: u64 = FINISHER + FINISHER_SIZE;
        const ROM_END: u64 = board::ROM + board::ROM_SIZE;
        const CLINT_END: u64 = board::CLINT + board::CLINT_SIZE;
        const CLOCK_END: u64 = board::CLOCK + board::CLOCK_SIZE;
        const PLIC_END: u64 = board::INTERRUPT_CONTROLLER + board::INTERRUPT_CONTROLLER_SIZE;
        const VIRTIO_END: u64 = board::VIRTIO + board::VIRTIO_SLOTS as u64 * board::VIRTIO_STRIDE;
        match physical {
            UART..UART_END => Region::Uart(physical - UART),
            FINISHER..FINISHER_END => Region::Finisher(physical - FINISHER),
            board::ROM..ROM_END => Region::Rom(physical - board::ROM),
            board::CLINT..CLINT_END => Region::Clint(physical - board::CLINT),
            board::CLOCK..CLOCK_END => Region::Clock(physical - board::CLOCK),
            board::INTERRUPT_CONTROLLER..PLIC_END => {
                Region::InterruptController(physical - board::INTERRUPT_CONTROLLER)
            }
            board::VIRTIO..VIRTIO_END => virtio(physical - board::VIRTIO),
            _ => board::DEVICES
                .iter()
                .find(|(start, size, _)| physical.wrapping_sub(*start) < *size)
                .map_or(Region::Nothing, |(_, _, name)| Region::Missing(name)),
        }
    }

    /// Like [`Region::of`], for `length` bytes. A device only supports aligned accesses (privileged manual, "Physical Memory
    /// Attributes"). QEMU splits others, which no kernel can intend.
    pub fn of_access(physical: u64, length: usize) -> Region {
        match Region::of(physical) {
            place @ (Region::Ram(_) | Region::Rom(_) | Region::Missing(_) | Region::Nothing) => place,
            _ if !physical.is_multiple_of(length as u64) => Region::Nothing,
            Region::Clint(offset) if !Clint::has(offset, length) => Region::Nothing,
            // These know words alone.
            Region::Clock(_) | Region::InterruptController(_) if length != 4 => Region::Nothing,
            place => place,
        }
    }
}

/// At this offset from the first slot; a slot's registers do not fill its space.
fn virtio(offset: u64) -> Region {
    let (slot, within) = (offset / board::VIRTIO_STRIDE, offset % board::VIRTIO_STRIDE);
    if within < board::VIRTIO_SIZE { Region::Virtio(slot as usize, within) } else { Region::Nothing }
}

/// The offset in RAM, which may be beyond its end.
pub fn ram_offset(physical: u64) -> Option<usize> {
    usize::try_from(physical.checked_sub(RAM_BASE)?).ok()
}

/// Whether a firmware in the host keeps it to itself (OpenSBI's "Domain0 Region00" and "Domain0 Region01").
pub fn is_firmware(physical: u64) -> bool {
    (RAM_BASE..FIRMWARE_END).contains(&physical) || (board::CLINT..board::CLINT + board::CLINT_SIZE).contains(&physical)
}
