//! Describes why a hart cannot execute its next instruction. It does not judge.

use std::fmt;

use super::Address;
use crate::riscv::Extension;
use crate::riscv::cause::{BREAKPOINT, ILLEGAL_INSTRUCTION, USER_CALL, cause, is_interrupt};

/// Why the instruction at pc was not executed. The machine is before it, unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine only reports a signal, with GDB's number.
    Signal(u8),
    /// It traps, or an interrupt comes before it, and no handler takes that. `cause` and `value` are scause and stval.
    Trap {
        /// scause.
        cause: u64,
        /// stval.
        value: u64,
        /// The instruction's address.
        pc: Address,
    },
    /// It belongs to an extension that `machine` does not have.
    MissingExtension {
        /// The extension.
        extension: Extension,
        /// The bits of the instruction.
        bits: u32,
        /// The instruction's address.
        pc: Address,
        /// The machine's name.
        machine: &'static str,
    },
    /// It accesses a device that `machine` does not have.
    MissingDevice {
        /// The device's name.
        device: &'static str,
        /// The instruction's address.
        pc: Address,
        /// The machine's name.
        machine: &'static str,
    },
    /// Before it, the machine could not read a drive.
    Drive {
        /// The drive's number, from 1 on, in the order in which the drives were given.
        number: usize,
        /// The reason.
        trouble: DriveTrouble,
        /// The instruction's address.
        pc: Address,
    },
}

/// Why a drive's file cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveTrouble {
    /// Somebody else wrote to it.
    Changed,
    /// The operating system refuses to read it.
    Unreadable(std::io::ErrorKind),
}

impl Fault {
    /// GDB's signal for it: SIGILL, SIGTRAP or SIGSEGV.
    pub fn signal(&self) -> u8 {
        const SIGILL: u8 = 4;
        const SIGTRAP: u8 = 5;
        const SIGSEGV: u8 = 11;
        match *self {
            Fault::Signal(signal) => signal,
            Fault::Trap { cause: ILLEGAL_INSTRUCTION, .. } | Fault::MissingExtension { .. } => SIGILL,
            Fault::Trap { cause: BREAKPOINT | USER_CALL, .. } => SIGTRAP,
            Fault::Trap { cause, .. } if is_interrupt(cause) => SIGTRAP,
            Fault::Drive { .. } => SIGTRAP,
            Fault::Trap { .. } | Fault::MissingDevice { .. } => SIGSEGV,
        }
    }

    /// Whether the machine is the reason and not the kernel: it lacks an extension or a device.
    pub fn is_missing(&self) -> bool {
        matches!(self, Fault::MissingExtension { .. } | Fault::MissingDevice { .. } | Fault::Drive { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Fault::Signal(signal) => write!(formatter, "signal {signal}"),
            Fault::Trap { cause: number, pc, .. } if is_interrupt(number) => write!(
                formatter,
                "{} before {pc}, and stvec is still the kernel's entry: no handler is set",
                cause(number)
            ),
            Fault::Trap { cause: number, value, pc } => write!(
                formatter,
                "{} (stval {value:#x}) at {pc}, and stvec is still the kernel's entry: no handler is set",
                cause(number)
            ),
            Fault::MissingExtension { extension, bits, pc, machine } => write!(
                formatter,
                "the instruction {bits:#010x} at {pc} belongs to the extension {} ({}), which {machine} does not have; \
                 run this kernel on QEMU",
                extension.name(),
                extension.about()
            ),
            Fault::MissingDevice { device, pc, machine } => write!(
                formatter,
                "the instruction at {pc} accesses {device}, which {machine} does not have; run this kernel on QEMU"
            ),
            Fault::Drive { number, trouble: DriveTrouble::Changed, .. } => write!(
                formatter,
                "the file of drive {number} has changed since the machine began, so that what it did cannot be repeated; \
                 try: start again, with a copy that nobody else writes to"
            ),
            Fault::Drive { number, trouble: DriveTrouble::Unreadable(kind), .. } => {
                write!(formatter, "the file of drive {number} cannot be read any more: {kind}; try: start again")
            }
        }
    }
}
