//! What stopped the machine for good, in words. It does not know what anybody concludes from it.

use std::fmt;

use crate::embedded::hart::decode::Extension;
use crate::embedded::hart::trap::Trap;
use crate::riscv::cause::cause;

/// Why the instruction at `pc` could not be executed. The machine stands before it, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It traps, and stvec still leads to the kernel's entry: nobody takes the trap.
    Trap { trap: Trap, pc: u64 },
    /// An interrupt comes before it, and nobody takes that.
    Interrupt { number: u64, pc: u64 },
    /// It belongs to an extension that QEMU's hart has and this one has not.
    MissingExtension { extension: Extension, bits: u32, pc: u64 },
    /// It accesses a device that QEMU's board has and this one has not.
    MissingDevice { device: &'static str, pc: u64 },
}

impl Fault {
    /// The signal by which GDB knows it.
    pub fn signal(&self) -> u8 {
        const SIGILL: u8 = 4;
        const SIGTRAP: u8 = 5;
        const SIGSEGV: u8 = 11;
        match self {
            Fault::Trap { trap, .. } => trap.cause.signal(),
            Fault::Interrupt { .. } => SIGTRAP,
            Fault::MissingExtension { .. } => SIGILL,
            Fault::MissingDevice { .. } => SIGSEGV,
        }
    }

    /// scause and stval as the trap would set them; `None` where no trap is to blame.
    pub fn cause_and_value(&self) -> Option<(u64, u64)> {
        match self {
            Fault::Trap { trap, .. } => Some((trap.cause.code(), trap.value)),
            Fault::Interrupt { number, .. } => Some((1 << 63 | number, 0)),
            Fault::MissingExtension { .. } | Fault::MissingDevice { .. } => None,
        }
    }

    pub fn pc(&self) -> u64 {
        match self {
            Fault::Trap { pc, .. }
            | Fault::Interrupt { pc, .. }
            | Fault::MissingExtension { pc, .. }
            | Fault::MissingDevice { pc, .. } => *pc,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Trap { trap, pc } => write!(
                formatter,
                "{} (stval {:#x}) at {pc:#x}, and stvec leads to the kernel's entry: no handler is set",
                trap.cause, trap.value
            ),
            Fault::Interrupt { number, pc } => write!(
                formatter,
                "{} before {pc:#x}, and stvec leads to the kernel's entry: no handler is set",
                cause(1 << 63 | number)
            ),
            Fault::MissingExtension { extension, bits, pc } => write!(
                formatter,
                "the instruction {bits:#010x} at {pc:#x} belongs to the extension {}, which the embedded machine does not have; \
                 run this kernel on QEMU",
                extension.name()
            ),
            Fault::MissingDevice { device, pc } => write!(
                formatter,
                "the instruction at {pc:#x} accesses {device}, which the embedded machine does not have; run this kernel on QEMU"
            ),
        }
    }
}
