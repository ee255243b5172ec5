//! Maps RISC-V registers to a stub's numbers by name: each stub numbers CSRs in its own way.

use std::collections::HashMap;

use crate::machine::{Register, csr};
use crate::rsp::Description;

/// The registers that a stub has.
pub struct RegisterMap(HashMap<Register, StubRegister>);

/// The stub's number for a register, and its size.
#[derive(Clone, Copy)]
pub struct StubRegister {
    pub number: u32,
    /// Its size in bytes.
    pub bytes: usize,
}

impl RegisterMap {
    /// The numbers of all registers whose names we know.
    pub fn of(description: &Description) -> RegisterMap {
        let mut numbers = HashMap::new();
        let mut add = |register: Register, name: &str| {
            if let Some(found) = description.register(name) {
                numbers.insert(register, StubRegister { number: found.number, bytes: found.bits as usize / 8 });
            }
        };
        let general = description.registers.iter().filter(|register| register.feature == "org.gnu.gdb.riscv.cpu");
        for (number, register) in (0..32).zip(general) {
            add(Register::Gpr(number), &register.name);
        }
        add(Register::Pc, "pc");
        let floating = description.registers.iter().filter(|register| register.feature == "org.gnu.gdb.riscv.fpu");
        for (number, register) in (0..32).zip(floating) {
            add(Register::Fpr(number), &register.name);
        }
        // Of the others the checks ask for these, and for PMP's.
        const ASKED: [Register; 3] = [csr::HSTATUS, csr::HTVAL, csr::HGATP];
        let asked = csr::OTHERS.iter().filter(|(number, _)| ASKED.contains(&Register::Csr(*number)));
        for (number, name) in csr::NAMES.iter().chain(asked) {
            add(Register::Csr(*number), name);
        }
        for number in csr::PMP_CONFIGURATIONS.chain(csr::PMP_ADDRESSES) {
            add(Register::Csr(number), &csr::name(number).unwrap_or_default());
        }
        add(Register::Priv, "priv");
        RegisterMap(numbers)
    }

    pub fn find(&self, register: Register) -> Option<StubRegister> {
        self.0.get(&register).copied()
    }
}
