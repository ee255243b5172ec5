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
    /// Which differences it explains.
    pub explains: Explains,
}

/// What a quirk explains of a case.
#[derive(Clone, Copy)]
pub enum Explains {
    /// All that differs, if this holds.
    All(fn(&Case) -> bool),
    /// A part, whatever else differs: the machine's outcome, with that part as the manual has it.
    Part(fn(&Case) -> Outcome),
}

impl Quirk {
    /// The machine's outcome, with what this quirk explains as the manual has it.
    pub fn corrected(&self, case: &Case) -> Outcome {
        match self.explains {
            Explains::All(explains) if explains(case) => case.manual,
            Explains::All(_) => case.machine,
            Explains::Part(corrected) => corrected(case),
        }
    }
}

/// Takes what these quirks explain out of a case, and returns those that explained something. Both outcomes are the same then if nothing is
/// left to explain.
pub fn explain(quirks: &[Quirk], case: &mut Case) -> Vec<Quirk> {
    let mut used = Vec::new();
    for quirk in quirks {
        if case.machine == case.manual {
            break;
        }
        let corrected = quirk.corrected(case);
        if corrected != case.machine {
            case.machine = corrected;
            used.push(*quirk);
        }
    }
    used
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
    /// What a hypervisor is told, and its guest.
    pub guest: GuestValues,
}

/// The registers that a trap of a hypervisor's guest leaves; zeros where the machine does not show them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestValues {
    /// The trap that the guest's own handler took, if that is seen from outside of the guest: vscause, vsepc and vstval.
    pub told: Option<TrapValues>,
    /// hstatus.
    pub hstatus: u64,
    /// vsstatus.
    pub vsstatus: u64,
    /// htval.
    pub htval: u64,
    /// htinst.
    pub htinst: u64,
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
