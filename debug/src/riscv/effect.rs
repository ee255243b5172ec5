//! The effect of an instruction on memory and on control flow, which the checks need.
//!
//! It does not know registers' values.

use super::{
    Address, CacheBlock, CsrAccess, CsrChange, Fence, Kind, Operation, Register, Width, Xlen, board, csr, decode,
};

/// The effect of an instruction on memory and on control flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads `bytes` bytes at register `base` + `offset` into an integer or floating-point register.
    Load {
        /// The number of the x register with the address.
        base: u8,
        /// In bytes.
        offset: i64,
        /// The size of the access in bytes.
        bytes: u8,
    },
    /// Writes `bytes` bytes at register `base` + `offset`; if that is a cache block's size, the block that contains the address.
    Store {
        /// The number of the x register with the address.
        base: u8,
        /// In bytes.
        offset: i64,
        /// The size of the access in bytes.
        bytes: u8,
    },
    /// An AMO, or a store-conditional, which may write nothing: reads and writes `bytes` bytes at register `base`.
    Atomic {
        /// The number of the x register with the address.
        base: u8,
        /// The size of the access in bytes.
        bytes: u8,
    },
    /// Jumps if a comparison of two registers holds. `offset` is relative to the instruction's address.
    Branch {
        /// In bytes.
        offset: i64,
    },
    /// Jumps to the target.
    Jump(Target),
    /// Jumps to the target, and writes the return address to a register other than x0.
    Call(Target),
    /// Jumps to the address in ra (or in t0, the alternate link register).
    Return,
    /// `sret` or `mret`: leaves a trap handler.
    TrapReturn,
    /// `wfi`: waits for an interrupt.
    Wfi,
    /// Changes how addresses are translated: a write to satp, or an `sfence.vma`.
    Translation,
    /// `ecall`: calls the firmware.
    Ecall,
    /// `ebreak`: raises a breakpoint exception.
    Ebreak,
    /// Nothing of these, or an instruction that this crate does not know.
    Other,
}

/// The target of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Relative to the jump's address, in bytes.
    Relative(i64),
    /// Register `base` + `offset`.
    Register {
        /// The number of the x register.
        base: u8,
        /// In bytes.
        offset: i64,
    },
}

impl Effect {
    /// Whether it may write memory.
    pub fn is_store(self) -> bool {
        matches!(self, Effect::Store { .. } | Effect::Atomic { .. })
    }

    /// Whether a kernel idles in it: `wfi`, or a jump to itself (`j .`).
    pub fn rests(self) -> bool {
        matches!(self, Effect::Wfi | Effect::Jump(Target::Relative(0)))
    }
}

impl Operation {
    /// Its effect.
    pub fn effect(&self) -> Effect {
        let (base, offset) = (self.rs1, i64::from(self.immediate));
        let load = |bytes| Effect::Load { base, offset, bytes };
        let store = |bytes| Effect::Store { base, offset, bytes };
        match self.kind {
            Kind::Lb | Kind::Lbu => load(1),
            Kind::Lh | Kind::Lhu => load(2),
            Kind::Lw | Kind::Lwu | Kind::Flw => load(4),
            Kind::Ld | Kind::Fld => load(8),
            Kind::Sb => store(1),
            Kind::Sh => store(2),
            Kind::Sw | Kind::Fsw => store(4),
            Kind::Sd | Kind::Fsd => store(8),
            Kind::LoadReserved(width) => load(width.bytes()),
            Kind::StoreConditional(width) | Kind::Atomic(_, width) => Effect::Atomic { base, bytes: width.bytes() },
            Kind::Beq | Kind::Bne | Kind::Blt | Kind::Bge | Kind::Bltu | Kind::Bgeu => Effect::Branch { offset },
            Kind::Jal if self.rd == 0 => Effect::Jump(Target::Relative(offset)),
            Kind::Jal => Effect::Call(Target::Relative(offset)),
            // The table "Return-address stack prediction hints": ra and t0 are link registers.
            Kind::Jalr if self.rd == 0 && matches!(base, 1 | 5) && offset == 0 => Effect::Return,
            Kind::Jalr if self.rd == 0 => Effect::Jump(Target::Register { base, offset }),
            Kind::Jalr => Effect::Call(Target::Register { base, offset }),
            Kind::Sret | Kind::Mret => Effect::TrapReturn,
            Kind::Wfi => Effect::Wfi,
            Kind::Ecall => Effect::Ecall,
            Kind::Ebreak => Effect::Ebreak,
            Kind::SfenceVma | Kind::Invalidate(Fence::Supervisor | Fence::After) => Effect::Translation,
            // Of the block that the address lies in.
            Kind::CacheBlock(CacheBlock::Zero) => Effect::Store { base, offset: 0, bytes: board::CACHE_BLOCK as u8 },
            Kind::Csr(access) if self.writes_csr(access) && Register::Csr(self.csr()) == csr::SATP => {
                Effect::Translation
            }
            _ => Effect::Other,
        }
    }

    /// The integer register that a store writes to memory; `None` if it is a floating-point register or if this is not a store.
    pub fn stored_register(&self) -> Option<u8> {
        matches!(self.kind, Kind::Sb | Kind::Sh | Kind::Sw | Kind::Sd).then_some(self.rs2)
    }

    /// The register into which it reads a counter: cycle, time or instret.
    pub fn counter_destination(&self) -> Option<u8> {
        let reads = matches!(self.kind, Kind::Csr(CsrAccess { .. })) && csr::BASE_COUNTERS.contains(&self.csr());
        reads.then_some(self.rd)
    }

    /// How it changes this CSR; `None` if it does not.
    pub fn write_of(&self, register: Register) -> Option<CsrAccess> {
        match self.kind {
            Kind::Csr(access) if self.writes_csr(access) && Register::Csr(self.csr()) == register => Some(access),
            _ => None,
        }
    }

    /// Whether it reads a CSR that changes by itself: time, a counter, the pending interrupts.
    pub fn reads_what_changes_by_itself(&self) -> bool {
        let number = self.csr();
        let pending = [csr::SIP, csr::MIP, csr::VSIP, csr::HIP].contains(&Register::Csr(number));
        matches!(self.kind, Kind::Csr(_)) && (pending || csr::is_counter(number))
    }

    /// Whether it may let interrupts in, or mask them: it writes sstatus or sie, or M-mode's, or returns from a trap.
    pub fn may_let_interrupts_in(&self) -> bool {
        const MASKS: [Register; 4] = [csr::SSTATUS, csr::SIE, csr::MSTATUS, csr::MIE];
        match self.kind {
            Kind::Csr(access) => MASKS.contains(&Register::Csr(self.csr())) && self.writes_csr(access),
            kind => matches!(kind, Kind::Sret | Kind::Mret),
        }
    }

    /// Whether it writes its CSR. csrrs and csrrc do not if rs1 is x0 or the immediate is 0 (unprivileged manual, "Zicsr").
    fn writes_csr(&self, access: CsrAccess) -> bool {
        access.change == CsrChange::Write || self.rs1 != 0
    }

    /// Whether floating point must be on: an instruction of the extensions F and D, or an access to their CSRs.
    pub fn is_floating_point(&self) -> bool {
        match self.kind {
            Kind::Flw | Kind::Fld | Kind::Fsw | Kind::Fsd | Kind::Float(..) => true,
            Kind::Csr(_) => csr::FLOAT.contains(&self.csr()),
            _ => false,
        }
    }

    /// Whether only M-mode may execute it: `mret`, or an access to a CSR of M-mode.
    pub fn is_of_machine_mode(&self) -> bool {
        match self.kind {
            Kind::Mret => true,
            Kind::Csr(_) => csr::lowest_privilege(self.csr()) == 3,
            _ => false,
        }
    }

    /// Whether U-mode may not execute it: a return from a trap, a change of translation, or an access to a CSR of a higher mode.
    pub fn is_privileged(&self) -> bool {
        match self.kind {
            Kind::Mret | Kind::Sret | Kind::SfenceVma => true,
            Kind::Csr(_) => csr::lowest_privilege(self.csr()) > 0,
            _ => false,
        }
    }

    /// The number of the CSR that it accesses.
    pub fn csr(&self) -> u16 {
        self.immediate as u16
    }
}

impl Width {
    /// In bytes.
    pub fn bytes(self) -> u8 {
        match self {
            Width::Word => 4,
            Width::Doubleword => 8,
        }
    }
}

/// The addresses within `code`, which begins at `start`, of instructions that a kernel idles in: `wfi`, and jumps to
/// themselves (`j .`).
///
/// Decodes one instruction after the other. After data it may be out of step until the next address in `known`: addresses of
/// instructions in ascending order, such as those of functions. It does not simply try every second byte:
/// the upper half of `addi sp, sp, -1536` looks like a `c.j .`, and a breakpoint there would damage the instruction.
pub fn resting_places(xlen: Xlen, start: Address, code: &[u8], known: &[Address]) -> Vec<Address> {
    places(xlen, start, code, known, Effect::rests)
}

/// Like [`resting_places`], for instructions with the wanted effect.
pub fn places(
    xlen: Xlen,
    start: Address,
    code: &[u8],
    known: &[Address],
    wanted: impl Fn(Effect) -> bool,
) -> Vec<Address> {
    places_of(xlen, start, code, known, |operation| wanted(operation.effect()))
}

/// Like [`resting_places`], for the wanted instructions.
pub fn places_of(
    xlen: Xlen,
    start: Address,
    code: &[u8],
    known: &[Address],
    wanted: impl Fn(&Operation) -> bool,
) -> Vec<Address> {
    let mut found = Vec::new();
    let mut offset = 0;
    let mut known = known.iter().filter_map(|address| address.0.checked_sub(start.0)).peekable();
    while offset < code.len() as u64 {
        let operation = decode(xlen, &code[offset as usize..]);
        if operation.is_some_and(|operation| wanted(&operation)) {
            found.push(start + offset);
        }
        while known.next_if(|known| *known <= offset).is_some() {}
        let next = offset + operation.map_or(2, |operation| operation.length.into());
        offset = known.peek().copied().filter(|known| *known < next).unwrap_or(next);
    }
    found
}
