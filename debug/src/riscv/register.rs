//! Registers by their kind and number, and by the names that assemblers know (psABI, "Register Convention").

use std::fmt;

use super::{Address, csr};

/// One register of a hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// x0 to x31.
    Gpr(u8),
    /// The address of the next instruction.
    Pc,
    /// f0 to f31.
    Fpr(u8),
    /// A control and status register by its number in the privileged manual: 0x142 is scause.
    Csr(u16),
    /// The privilege mode, as debuggers show it: 0 for U, 1 for S, 3 for M.
    Priv,
}

/// x0 to x31 and pc.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Registers {
    /// x0 to x31; x0 is 0.
    pub x: [u64; 32],
    /// The address of the next instruction.
    pub pc: u64,
}

impl Registers {
    /// The return address.
    pub fn ra(&self) -> Address {
        Address(self.x[usize::from(Register::RA)])
    }

    /// The stack pointer.
    pub fn sp(&self) -> Address {
        Address(self.x[usize::from(Register::SP)])
    }

    /// The first argument.
    pub fn a0(&self) -> u64 {
        self.x[usize::from(Register::A0)]
    }

    /// The second argument.
    pub fn a1(&self) -> u64 {
        self.x[usize::from(Register::A1)]
    }
}

impl Register {
    /// A CSR's number; that of others is 0.
    pub const fn csr_number(self) -> u16 {
        match self {
            Register::Csr(number) => number,
            _ => 0,
        }
    }

    /// The return address.
    pub const RA: u8 = 1;
    /// The stack pointer.
    pub const SP: u8 = 2;
    /// t0: the alternate link register.
    pub const T0: u8 = 5;
    /// The global pointer.
    pub const GP: u8 = 3;
    /// The thread pointer; in kernels, the hart's own variables.
    pub const TP: u8 = 4;
    /// The first argument; also where a call to the firmware leaves its error.
    pub const A0: u8 = 10;
    /// The second argument; also where a call to the firmware leaves its value.
    pub const A1: u8 = 11;
    /// The number of a call's function, by the SBI.
    pub const A6: u8 = 16;
    /// The number of a call's extension, by the SBI.
    pub const A7: u8 = 17;
}

const GENERAL: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
    "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];
const FLOATING: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];

/// The register's name: `sp`, `fa0`, `scause`; a CSR's number where the manual names none.
impl fmt::Display for Register {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Register::Gpr(number) => formatter.write_str(GENERAL[usize::from(number & 31)]),
            Register::Fpr(number) => formatter.write_str(FLOATING[usize::from(number & 31)]),
            Register::Pc => formatter.write_str("pc"),
            Register::Csr(number) => match csr::name(number) {
                Some(name) => formatter.write_str(&name),
                None => write!(formatter, "csr {number:#x}"),
            },
            Register::Priv => formatter.write_str("priv"),
        }
    }
}
