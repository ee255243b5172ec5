//! QEMU's `virt` board as S-mode sees it under OpenSBI: what lies at a physical address. Pure.

/// Where RAM begins.
pub const RAM_BASE: u64 = 0x8000_0000;
/// The firmware's region ends here; nobody below M-mode may touch it (OpenSBI's "Domain0 Region01").
pub const FIRMWARE_END: u64 = 0x8008_0000;
pub const UART: u64 = 0x1000_0000;
pub const UART_SIZE: u64 = 8;
pub const FINISHER: u64 = 0x10_0000;
pub const FINISHER_SIZE: u64 = 0x1000;

/// What answers at a physical address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// At this offset, if RAM is that large.
    Ram(usize),
    /// This register of the UART.
    Uart(u64),
    /// At this offset into the test finisher.
    Finisher(u64),
    /// A device of the board that this machine does not have.
    Missing(&'static str),
    /// Protected by the firmware, or nothing at all.
    Nothing,
}

impl Region {
    pub fn of(physical: u64) -> Region {
        if let Some(offset) = ram_offset(physical) {
            return if is_firmware(physical) { Region::Nothing } else { Region::Ram(offset) };
        }
        match physical {
            UART..0x1000_0008 => Region::Uart(physical - UART),
            FINISHER..0x10_1000 => Region::Finisher(physical - FINISHER),
            _ => MISSING
                .iter()
                .find(|(start, size, _)| physical.wrapping_sub(*start) < *size)
                .map_or(Region::Nothing, |(_, _, name)| Region::Missing(name)),
        }
    }

    /// As [`Place::of`], for `length` bytes: those of a device answer where the access is aligned (privileged manual, "Physical Memory
    /// Attributes"; QEMU takes others apart, and what comes of that no kernel can mean).
    pub fn of_access(physical: u64, length: usize) -> Region {
        match Region::of(physical) {
            Region::Uart(_) | Region::Finisher(_) if !physical.is_multiple_of(length as u64) => Region::Nothing,
            place => place,
        }
    }
}

/// The offset into RAM, which may be larger than RAM is.
pub fn ram_offset(physical: u64) -> Option<usize> {
    usize::try_from(physical.checked_sub(RAM_BASE)?).ok()
}

pub fn is_firmware(physical: u64) -> bool {
    (RAM_BASE..FIRMWARE_END).contains(&physical)
}

/// Start, size and name of what QEMU has and we have not; the CLINT is absent here because the firmware protects it.
const MISSING: &[(u64, u64, &str)] = &[
    (0x1000, 0xf000, "the reset ROM"),
    (0x10_1000, 0x1000, "the real-time clock"),
    (0x300_0000, 0x1_0000, "the PCI Express I/O window"),
    (0x400_0000, 0x200_0000, "the platform bus"),
    (0xc00_0000, 0x60_0000, "the interrupt controller (PLIC)"),
    (0x1000_1000, 0x8000, "a virtio device"),
    (0x1010_0000, 0x18, "the firmware configuration device (fw_cfg)"),
    (0x2000_0000, 0x400_0000, "the flash memory"),
    (0x3000_0000, 0x1000_0000, "the PCI Express configuration space"),
    (0x4000_0000, 0x4000_0000, "the PCI Express memory window"),
];
