//! The state of a hart at one moment, the differences between two states, and the instruction between them. It does not judge.

use crate::machine::quirk::csr_of;
use crate::machine::{Address, Error, Machine, Moment, Register, Registers, csr};
use crate::riscv::Effect;
use crate::riscv::status::interrupt;

/// Bits of sip for the timer and devices, which depend on time and the outside world. (Bit 1, the software interrupt, depends on the
/// program.)
pub const OUTSIDE_INTERRUPTS: u64 = interrupt::TIMER | interrupt::EXTERNAL;

/// The registers besides x0 to x31 and pc that both machines show.
pub struct ComparedRegisters {
    registers: Vec<Register>,
    /// Accepted differences, which were reported. Each is valid while both keep these values.
    accepted: Vec<Difference>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub general: Registers,
    /// Values of [`ComparedRegisters`], in its order; `None` if the machine did not log one.
    others: Vec<Option<u64>>,
}

/// A register that differs, with both values.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    pub register: Register,
    pub values: [u64; 2],
}

impl ComparedRegisters {
    /// Asks both machines for each possible register.
    pub fn by(machines: [&mut dyn Machine; 2]) -> Result<ComparedRegisters, Error> {
        let numbers =
            csr::NAMES.iter().map(|(number, _)| Register::Csr(*number)).filter(|register| !is_timed(*register));
        let mut registers: Vec<Register> = (0..32).map(Register::Fpr).chain(numbers).collect();
        registers.push(Register::Priv);
        for machine in machines {
            let mut there = Vec::new();
            for register in registers {
                match machine.read_register(register) {
                    Ok(_) => there.push(register),
                    // Some stubs list registers that they refuse to read.
                    Err(Error::Unsupported { .. } | Error::Refused { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            registers = there;
        }
        Ok(ComparedRegisters { registers, accepted: Vec::new() })
    }

    /// Stops comparing these registers.
    pub fn leave_out(&mut self, which: fn(Register) -> bool) {
        self.registers.retain(|register| !which(*register));
    }

    /// Accepts this difference until one of the values changes.
    pub fn accept(&mut self, difference: Difference) {
        self.accepted.retain(|known| known.register != difference.register);
        self.accepted.push(difference);
    }

    /// Both values of a register whose difference was accepted.
    pub fn accepted(&self, register: Register) -> Option<[u64; 2]> {
        self.accepted.iter().find(|known| known.register == register).map(|known| known.values)
    }

    /// The compared registers besides x0 to x31 and pc.
    pub fn registers(&self) -> &[Register] {
        &self.registers
    }

    /// The number of compared registers.
    pub fn count(&self) -> usize {
        self.registers.len() + 33
    }

    pub fn read(&self, machine: &mut dyn Machine) -> Result<State, Error> {
        let others = machine.read_registers(&self.registers)?.into_iter().map(Some).collect();
        Ok(State { general: machine.registers()?, others })
    }

    /// The value of a register in a state; `None` if it is not known.
    pub fn value(&self, state: &State, register: Register) -> Option<u64> {
        match register {
            Register::Gpr(number) => state.general.x.get(usize::from(number)).copied(),
            Register::Pc => Some(state.general.pc),
            _ => {
                let index = self.registers.iter().position(|compared| *compared == register)?;
                state.others.get(index).copied().flatten()
            }
        }
    }

    /// The differences that are not accepted.
    pub fn differences(&self, one: &State, other: &State) -> Vec<Difference> {
        if one == other {
            return Vec::new();
        }
        let mut differences = self.all_differences(one, other);
        differences.retain(|difference| self.accepted(difference.register) != Some(difference.values));
        differences
    }

    pub fn all_differences(&self, one: &State, other: &State) -> Vec<Difference> {
        let general = (0..).map(Register::Gpr).zip(one.general.x.into_iter().zip(other.general.x));
        let pc = [(Register::Pc, (one.general.pc, other.general.pc))];
        let others = self.registers.iter().zip(one.others.iter().zip(&other.others));
        let others = others.filter_map(|(register, (one, other))| Some((*register, (((*one)?), ((*other)?)))));
        let all = general.chain(pc).chain(others);
        all.filter(|(register, (one, other))| (one ^ other) & !unpredictable(*register) != 0)
            .map(|(register, (one, other))| Difference { register, values: [one, other] })
            .collect()
    }
}

/// The registers that depend on time: every machine has its own, and differences mean nothing.
fn is_timed(register: Register) -> bool {
    // The upper half of a time on RV32 is one, too.
    let whole = |number| csr::lower_half(number).unwrap_or(number);
    matches!(register, Register::Csr(number) if Register::Csr(whole(number)) == csr::STIMECMP || csr::COUNTERS.contains(&whole(number)))
}

/// Bits that are not compared before an instruction reads them.
fn unpredictable(register: Register) -> u64 {
    if register == csr::SIP { OUTSIDE_INTERRUPTS } else { 0 }
}

/// A machine's log entry, for [`ComparedRegisters::registers`].
impl From<Moment> for State {
    fn from(moment: Moment) -> State {
        State { general: moment.general, others: moment.others }
    }
}

impl State {
    pub fn pc(&self) -> Address {
        Address(self.general.pc)
    }
}

impl Difference {
    pub fn name(&self) -> String {
        self.register.to_string()
    }
}

/// One instruction, as both executed it.
pub struct Executed<'a> {
    /// What it began with, on both.
    pub before: &'a State,
    pub bytes: &'a [u8],
    pub effect: Effect,
}

impl Executed<'_> {
    /// Its bits; of a compressed one the low half.
    pub fn bits(&self) -> u32 {
        match *self.bytes {
            [low, high, ..] if low & 3 != 3 => u16::from_le_bytes([low, high]).into(),
            [one, two, three, four] => u32::from_le_bytes([one, two, three, four]),
            _ => 0,
        }
    }

    /// Whether it is one of Zicsr that names this CSR.
    pub fn reads(&self, register: Register) -> bool {
        csr_of(self.bits()).is_some_and(|number| Register::Csr(number) == register)
    }

    /// Whether it is `csrr`: `csrrs` or `csrrc` with x0 or 0.
    pub fn only_reads_csr(&self) -> bool {
        csr_of(self.bits()).is_some() && self.bits() >> 12 & 2 != 0 && self.bits() >> 15 & 31 == 0
    }

    /// Where an instruction of Zicsr puts what it reads.
    pub fn destination(&self) -> Register {
        Register::Gpr((self.bits() >> 7 & 31) as u8)
    }
}
