//! Known differences between a machine and the RISC-V manual: they are faults of the machine, not of the kernel.
//!
//! It does not know which machines have them.

use std::fmt;

/// A known fault, or a choice that the manual leaves open and machines make differently.
#[derive(Clone, Copy)]
pub struct Quirk {
    /// What the machine does.
    pub what: &'static str,
    /// The section of the manual that says otherwise, or that leaves the choice.
    pub source: &'static str,
    /// Whether this quirk explains all differences.
    pub explains: fn(&Case) -> bool,
}

/// One instruction, with its outcome on the machine and by the manual.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its bits; for a compressed instruction only the low half.
    pub instruction: u32,
    /// The outcome on the machine.
    pub machine: Outcome,
    /// The outcome by the manual.
    pub manual: Outcome,
}

/// The outcome of an instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The trap; `None` if the instruction was executed.
    pub trap: Option<TrapValues>,
    /// sstatus afterwards.
    pub sstatus: u64,
    /// The value of the CSR that it names afterwards, if it names one and the machine shows it.
    pub csr: Option<u64>,
    /// What an `sc` that was executed returned, if the machine shows it.
    pub result: Option<u64>,
    /// The entry of a page table, if the case is about one: what it holds afterwards.
    pub entry: Option<u64>,
}

/// scause, sepc and stval as a trap left them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapValues {
    /// scause.
    pub cause: u64,
    /// sepc.
    pub pc: u64,
    /// stval.
    pub value: u64,
}

impl Case {
    /// Bits 0 to 6 of an instruction of 32 bits.
    pub fn opcode(&self) -> u32 {
        self.instruction & 0x7f
    }

    /// The CSR that the instruction names, if it is one of Zicsr.
    pub fn csr(&self) -> Option<u16> {
        csr_of(self.instruction)
    }
}

/// The CSR that an instruction of Zicsr names (unprivileged manual, "CSR Instructions").
pub fn csr_of(instruction: u32) -> Option<u16> {
    const SYSTEM: u32 = 0x73;
    (instruction & 0x7f == SYSTEM && instruction >> 12 & 3 != 0).then_some((instruction >> 20) as u16)
}

/// Whether an instruction is `sc.w` or `sc.d` (unprivileged manual, "Load-Reserved/Store-Conditional Instructions").
pub fn is_store_conditional(instruction: u32) -> bool {
    const AMO: u32 = 0x2f;
    instruction & 0x7f == AMO && instruction >> 27 == 3
}

impl fmt::Display for Quirk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.what, self.source)
    }
}

impl fmt::Debug for Quirk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
