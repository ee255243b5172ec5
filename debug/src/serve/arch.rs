//! The hart as gdbstub knows it: gdbstub_arch's registers by their numbers, and V, which that crate does not have.

use std::num::NonZeroUsize;

use gdbstub::arch::{Arch, RegId};
use gdbstub_arch::riscv::reg::RiscvCoreRegs;
use gdbstub_arch::riscv::reg::id::RiscvRegId;

use crate::machine::Register;

/// The number of V, behind gdbstub_arch's last one.
pub const V_NUMBER: usize = 4162;

/// RV64 with the extension H.
pub enum Hart {}

/// A register that GDB asks for.
#[derive(Clone, Copy, Debug)]
pub enum WireRegister {
    Ours(Register),
    /// V, in one byte.
    V,
}

impl Arch for Hart {
    type Usize = u64;
    type Registers = RiscvCoreRegs<u64>;
    type BreakpointKind = usize;
    type RegId = WireRegister;
}

impl RegId for WireRegister {
    fn from_raw_id(number: usize) -> Option<(WireRegister, Option<NonZeroUsize>)> {
        if number == V_NUMBER {
            return Some((WireRegister::V, NonZeroUsize::new(1)));
        }
        let (id, size) = RiscvRegId::<u64>::from_raw_id(number)?;
        let register = match id {
            RiscvRegId::Gpr(number) => Register::Gpr(number),
            RiscvRegId::Fpr(number) => Register::Fpr(number),
            RiscvRegId::Pc => Register::Pc,
            RiscvRegId::Csr(number) => Register::Csr(number),
            RiscvRegId::Priv => Register::Priv,
            _ => return None,
        };
        Some((WireRegister::Ours(register), size))
    }
}
