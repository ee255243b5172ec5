//! All that a machine shows of its hart at one moment, and how two such moments differ. It does not judge.

use crate::machine::{Address, Error, Machine, Register, Registers, csr};

/// The registers besides x0 to x31 and pc that both machines show.
pub struct ComparedRegisters(Vec<Register>);

#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub general: Registers,
    /// Values of [`ComparedRegisters`], in its order.
    others: Vec<u64>,
}

/// A register that two states differ in, with both values.
#[derive(Clone, Debug)]
pub struct Difference {
    pub register: Register,
    pub values: [u64; 2],
}

impl ComparedRegisters {
    /// Asks both for each register that there may be.
    pub fn by(machines: [&mut dyn Machine; 2]) -> Result<ComparedRegisters, Error> {
        // Counters of time and of work: every machine has its own, and nothing follows from a difference.
        let csrs = csr::NAMES.iter().map(|(number, _)| *number).filter(|number| !csr::COUNTERS.contains(number));
        let mut compared: Vec<Register> = (0..32).map(Register::Fpr).chain(csrs.map(Register::Csr)).collect();
        compared.push(Register::Priv);
        for machine in machines {
            let mut there = Vec::new();
            for register in compared {
                match machine.read_register(register) {
                    Ok(_) => there.push(register),
                    // Some stubs list what they then refuse to show.
                    Err(Error::Unsupported { .. } | Error::Refused { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            compared = there;
        }
        Ok(ComparedRegisters(compared))
    }

    /// How many registers are compared.
    pub fn count(&self) -> usize {
        self.0.len() + 33
    }

    pub fn read(&self, machine: &mut dyn Machine) -> Result<State, Error> {
        Ok(State { general: machine.registers()?, others: machine.read_registers(&self.0)? })
    }

    /// The privilege in a state; `None` where not both machines show it.
    pub fn privilege(&self, state: &State) -> Option<u64> {
        let index = self.0.iter().position(|compared| matches!(compared, Register::Priv))?;
        state.others.get(index).copied()
    }

    pub fn differences(&self, one: &State, other: &State) -> Vec<Difference> {
        if one == other {
            return Vec::new();
        }
        let general = (0..).map(Register::Gpr).zip(one.general.x.into_iter().zip(other.general.x));
        let pc = [(Register::Pc, (one.general.pc, other.general.pc))];
        let others = self.0.iter().copied().zip(one.others.iter().copied().zip(other.others.iter().copied()));
        let all = general.chain(pc).chain(others);
        all.filter(|(_, (one, other))| one != other)
            .map(|(register, (one, other))| Difference { register, values: [one, other] })
            .collect()
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
