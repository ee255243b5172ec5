//! Whether an interrupt of a device can still come from outside of the machine, at any time: when a key is typed, say. It does not judge.
//!
//! Sources: "RISC-V Platform-Level Interrupt Controller Specification", "Interrupt Enables"; PC16550D, "Interrupt Enable Register".

use super::{BootRun, spin};
use crate::machine::Address;
use crate::riscv::board::{
    INTERRUPT_CONTROLLER, INTERRUPT_SOURCES, UART, UART_INTERRUPT, VIRTIO_INTERRUPT, VIRTIO_SLOTS,
};

/// The words that enable sources for a context: where they begin, and how far apart those of two contexts are, in bytes.
const ENABLE: u64 = INTERRUPT_CONTROLLER + 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
/// M-mode and S-mode of a hart.
const CONTEXTS: u64 = 2;
/// The UART's register that enables its interrupts, and those of what is received: data, an error or a break, a modem's lines.
const UART_ENABLE: Address = Address(UART + 1);
const RECEIVED: u8 = 0b1101;

impl BootRun<'_> {
    /// Whether one is enabled in the interrupt controller whose device raises it; so it is where the machine does not tell, and where the
    /// kernel enabled none there.
    pub(super) fn comes_from_outside(&mut self) -> bool {
        let contexts = CONTEXTS * self.machine.harts() as u64;
        let mut any = false;
        let words = u64::from(INTERRUPT_SOURCES).div_ceil(32);
        for (context, word) in (0..contexts).flat_map(|context| (0..words).map(move |word| (context, word))) {
            let mut enabled = [0; 4];
            let address = Address(ENABLE + context * ENABLE_STRIDE + word * 4);
            if self.machine.read_physical(address, &mut enabled).is_err() {
                return true;
            }
            let enabled = u32::from_le_bytes(enabled);
            any |= enabled != 0;
            let mut sources = (0..32).filter(|bit| enabled >> bit & 1 != 0).map(|bit| 32 * word as u32 + bit);
            if sources.any(|source| self.raises(source)) {
                return true;
            }
        }
        !any
    }

    /// Whether a device raises the interrupt of this source at some time.
    fn raises(&mut self, source: u32) -> bool {
        if source == UART_INTERRUPT {
            let mut enabled = [0];
            return self.machine.read_physical(UART_ENABLE, &mut enabled).is_err() || enabled[0] & RECEIVED != 0;
        }
        let slot = source.wrapping_sub(VIRTIO_INTERRUPT);
        slot >= VIRTIO_SLOTS as u32 || spin::has_started_device_in(self, slot)
    }
}
