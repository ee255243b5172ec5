//! A machine that does as the embedded one does, but for one thing. It does not know who is to find that out.

use std::time::Duration;

use debug::machine::{Error, Machine, Quirk, Register, Registers, Stop, Watchpoint};
use debug::{Address, Embedded};

/// Whether it is time: by the instructions executed, the registers, and the bits of the instruction at pc.
type Moment = dyn Fn(u64, &Registers, u32) -> bool;

/// What it does otherwise, once it is time.
pub struct Liar {
    pub machine: Embedded,
    pub quirks: Vec<Quirk>,
    executed: u64,
    when: Box<Moment>,
    lie: fn(&mut Embedded),
    shown: Option<(u16, u64)>,
}

impl Liar {
    fn new(machine: Embedded, when: impl Fn(u64, &Registers, u32) -> bool + 'static, lie: fn(&mut Embedded)) -> Liar {
        Liar { machine, quirks: Vec::new(), executed: 0, when: Box::new(when), lie, shown: None }
    }

    /// After so many instructions.
    pub fn after(machine: Embedded, after: u64, lie: fn(&mut Embedded)) -> Liar {
        Liar::new(machine, move |executed, _, _| executed == after, lie)
    }

    /// After each call of this extension of the firmware.
    pub fn at_calls(machine: Embedded, extension: u64, lie: fn(&mut Embedded)) -> Liar {
        const ECALL: u32 = 0x73;
        Liar::new(machine, move |_, registers, bits| bits == ECALL && registers.x[17] == extension, lie)
    }

    /// After each `ebreak` of four bytes.
    pub fn at_ebreak(machine: Embedded, lie: fn(&mut Embedded)) -> Liar {
        const EBREAK: u32 = 0x10_0073;
        Liar::new(machine, |_, _, bits| bits == EBREAK, lie)
    }

    /// Always: a CSR shows this value.
    pub fn showing(machine: Embedded, register: Register, value: u64) -> Liar {
        let mut liar = Liar::new(machine, |_, _, _| false, |_| {});
        if let Register::Csr(number) = register {
            liar.shown = Some((number, value));
        }
        liar
    }
}

impl Machine for Liar {
    fn name(&self) -> &str {
        self.machine.name()
    }

    fn registers(&mut self) -> Result<Registers, Error> {
        self.machine.registers()
    }

    fn read_register(&mut self, register: Register) -> Result<u64, Error> {
        match (register, self.shown) {
            (Register::Csr(number), Some((shown, value))) if number == shown => Ok(value),
            _ => self.machine.read_register(register),
        }
    }

    fn write_register(&mut self, register: Register, value: u64) -> Result<(), Error> {
        self.machine.write_register(register, value)
    }

    fn read_memory(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        self.machine.read_memory(start, bytes)
    }

    fn write_memory(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        self.machine.write_memory(start, bytes)
    }

    fn insert_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        self.machine.insert_breakpoint(address)
    }

    fn remove_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        self.machine.remove_breakpoint(address)
    }

    fn insert_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        self.machine.insert_watchpoint(watchpoint)
    }

    fn remove_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        self.machine.remove_watchpoint(watchpoint)
    }

    fn step(&mut self, count: u64, limit: Duration) -> Result<(u64, Stop), Error> {
        let before = self.machine.registers()?;
        let mut bytes = [0; 4];
        let read = self.machine.read_memory(Address(before.pc), &mut bytes);
        let step = self.machine.step(count, limit)?;
        self.executed += step.0;
        let bits = read.map_or(0, |()| u32::from_le_bytes(bytes));
        if (self.when)(self.executed, &before, bits) {
            (self.lie)(&mut self.machine);
        }
        Ok(step)
    }

    fn resume(&mut self, limit: Duration) -> Result<Stop, Error> {
        self.machine.resume(limit)
    }

    fn quirks(&mut self) -> Result<Vec<Quirk>, Error> {
        Ok(self.quirks.clone())
    }
}
