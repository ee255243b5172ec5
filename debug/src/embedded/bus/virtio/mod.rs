//! The board's slots for virtio devices, which kernels probe one after the other. It does not know where they are mapped.
//!
//! Source: "Virtual I/O Device (VIRTIO) Version 1.2", section "Virtio Over MMIO"; for empty slots QEMU, hw/virtio/virtio-mmio.c.

const MAGIC: u64 = 0x000;
const VERSION: u64 = 0x004;
const VENDOR: u64 = 0x00c;

/// "virt", little-endian.
const IS_VIRTIO: u32 = 0x7472_6976;
/// "QEMU", little-endian.
const IS_QEMU: u32 = 0x554d_4551;
/// The registers of the specification before 1.0, which QEMU has unless it is told otherwise.
const LEGACY: u32 = 1;

/// The word at `offset` of a slot without a device: its device id is 0, as all that is not said here.
pub fn read_empty(offset: u64) -> u32 {
    match offset {
        MAGIC => IS_VIRTIO,
        VERSION => LEGACY,
        VENDOR => IS_QEMU,
        _ => 0,
    }
}
