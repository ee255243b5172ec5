//! Registers by the names that assemblers know. Pure. Source: the RISC-V psABI, "Register Convention".

use super::{Register, csr};

const GENERAL: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
    "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];
const FLOATING: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];

/// The register's name: `sp`, `fa0`, `scause`; a CSR's number where it has no name here.
pub fn name(register: Register) -> String {
    match register {
        Register::Gpr(number) => GENERAL[usize::from(number & 31)].into(),
        Register::Fpr(number) => FLOATING[usize::from(number & 31)].into(),
        Register::Pc => "pc".into(),
        Register::Csr(number) => csr::name(number).map_or_else(|| format!("csr {number:#x}"), str::to_owned),
        Register::Priv => "priv".into(),
        _ => format!("{register:?}"),
    }
}
