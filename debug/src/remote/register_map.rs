//! A stub's own numbers for RISC-V's registers: QEMU counts CSRs its way, others theirs. Found by name.

use std::collections::HashMap;

use crate::machine::{Register, csr};
use crate::rsp::Description;

/// The registers that a stub has, by gdbstub_arch's number.
pub struct RegisterMap(HashMap<usize, StubRegister>);

/// What the stub calls a register, and its size.
#[derive(Clone, Copy)]
pub struct StubRegister {
    pub number: u32,
    /// Its size.
    pub bytes: usize,
}

impl RegisterMap {
    /// The numbers of all registers that we have names for.
    pub fn of(description: &Description) -> RegisterMap {
        let mut numbers = HashMap::new();
        let mut add = |register: Register, name: &str| {
            if let (Some(key), Some(found)) = (key(register), description.register(name)) {
                numbers.insert(key, StubRegister { number: found.number, bytes: found.bits as usize / 8 });
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
        for (number, name) in csr::NAMES {
            add(Register::Csr(*number), name);
        }
        add(Register::Priv, "priv");
        RegisterMap(numbers)
    }

    pub fn find(&self, register: Register) -> Option<StubRegister> {
        self.0.get(&key(register)?).copied()
    }
}

/// gdbstub_arch's number of a register, which serves as a key.
fn key(register: Register) -> Option<usize> {
    match register {
        Register::Gpr(number) => Some(usize::from(number)),
        Register::Pc => Some(32),
        Register::Fpr(number) => Some(33 + usize::from(number)),
        Register::Csr(number) => Some(65 + usize::from(number)),
        Register::Priv => Some(4161),
        _ => None,
    }
}
