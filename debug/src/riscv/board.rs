//! QEMU's `virt` board: what lies where (QEMU, hw/riscv/virt.c), and what the test finisher and the firmware mean there.

use std::ops::Range;

use super::Address;

/// Where RAM begins.
pub const RAM_BASE: u64 = 0x8000_0000;
/// The size of RAM in MiB, as in run.sh (`-m 128M`).
pub const DEFAULT_MEMORY_MIB: u64 = 128;
/// RAM of this size.
pub const DEFAULT_RAM: Range<Address> = Address(RAM_BASE)..Address(RAM_BASE + (DEFAULT_MEMORY_MIB << 20));
/// The firmware's region ends here; nobody below M-mode may touch it (OpenSBI's "Domain0 Region01").
pub const FIRMWARE_END: u64 = RAM_BASE + 0x8_0000;
/// Where firmware and QEMU expect a kernel.
pub const KERNEL_BASE: u64 = RAM_BASE + 0x20_0000;
/// The same for RV32, whose large pages have 4 MiB.
pub const KERNEL_BASE_32: u64 = RAM_BASE + 0x40_0000;
/// The bytes of a block for cache-block instructions (QEMU's `cbom_blocksize` and `cboz_blocksize`).
pub const CACHE_BLOCK: u64 = 64;
/// The UART, an NS16550A.
pub const UART: u64 = 0x1000_0000;
/// Its registers, in bytes.
pub const UART_SIZE: u64 = 8;
/// SiFive's test finisher, through which firmware and kernels power off (QEMU, hw/misc/sifive_test.c).
pub const FINISHER: u64 = 0x10_0000;
/// The size of its registers, in bytes.
pub const FINISHER_SIZE: u64 = 0x1000;
/// Low half of the word that makes the finisher end with the status in the upper half.
pub const FINISHER_FAIL: u32 = 0x3333;
/// Low half of the word that makes the finisher power off.
pub const FINISHER_PASS: u32 = 0x5555;
/// Low half of the word that makes the finisher start the machine again.
pub const FINISHER_RESET: u32 = 0x7777;
/// The real-time clock, Goldfish's (QEMU, hw/rtc/goldfish_rtc.c).
pub const CLOCK: u64 = 0x10_1000;
/// The size of its registers, in bytes.
pub const CLOCK_SIZE: u64 = 0x24;
/// The reset ROM, where a hart starts.
pub const ROM: u64 = 0x1000;
/// The size of the ROM, in bytes.
pub const ROM_SIZE: u64 = 0xf000;
/// The CLINT, which a firmware protects.
pub const CLINT: u64 = 0x200_0000;
/// The size of its registers, in bytes.
pub const CLINT_SIZE: u64 = 0x1_0000;
/// mtimecmp of hart 0, of 8 bytes; those of the others follow.
pub const MTIMECMP: u64 = CLINT + 0x4000;
/// mtime, the time in ticks, of 8 bytes.
pub const MTIME: u64 = CLINT + 0xbff8;
/// The platform-level interrupt controller (QEMU, hw/intc/sifive_plic.c; "RISC-V Platform-Level Interrupt Controller Specification").
pub const INTERRUPT_CONTROLLER: u64 = 0xc00_0000;
/// The size of its registers, in bytes, for any number of harts.
pub const INTERRUPT_CONTROLLER_SIZE: u64 = 0x60_0000;
/// The number of its last source; the first is 1.
pub const INTERRUPT_SOURCES: u32 = 95;
/// The highest priority of a source.
pub const INTERRUPT_PRIORITY: u32 = 7;
/// The first slot for a virtio device; the others follow, [`VIRTIO_STRIDE`] bytes apart.
pub const VIRTIO: u64 = 0x1000_1000;
/// The distance between two slots, in bytes.
pub const VIRTIO_STRIDE: u64 = 0x1000;
/// The size of a slot's registers, in bytes.
pub const VIRTIO_SIZE: u64 = 0x200;
/// The number of slots.
pub const VIRTIO_SLOTS: usize = 8;
/// The source of the first slot's interrupt; the others' follow.
pub const VIRTIO_INTERRUPT: u32 = 1;
/// The source of the UART's interrupt.
pub const UART_INTERRUPT: u32 = 10;
/// The source of the real-time clock's interrupt.
pub const CLOCK_INTERRUPT: u32 = 11;

/// Whether a device's register at this physical address changes as time passes: mtime, and the real-time clock's.
pub fn tells_time(physical: u64) -> bool {
    (MTIME..MTIME + 8).contains(&physical) || (CLOCK..CLOCK + CLOCK_SIZE).contains(&physical)
}

/// Whether this is a word of the CLINT that raises a hart's software interrupt, and that each hart may write.
pub fn is_software_interrupt(physical: u64) -> bool {
    /// For as many harts as there can be.
    const SIZE: u64 = 0x3ffc;
    (CLINT..CLINT + SIZE).contains(&physical)
}

/// The first word of a device tree, big-endian (Devicetree Specification, section "Header").
pub const DEVICE_TREE_MAGIC: u32 = 0xd00d_feed;

/// Start, size and name of the board's devices that the embedded machine does not have.
pub const DEVICES: &[(u64, u64, &str)] = &[
    (0x300_0000, 0x1_0000, "the PCI Express I/O window"),
    (0x1010_0000, 0x18, "the firmware configuration device (fw_cfg)"),
    (0x2000_0000, 0x400_0000, "the flash memory"),
    (0x3000_0000, 0x1000_0000, "the PCI Express configuration space"),
    (0x4000_0000, 0x4000_0000, "the PCI Express memory window"),
];
