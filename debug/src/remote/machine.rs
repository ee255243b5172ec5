//! The trait [`Machine`] over the protocol, and the protocol's errors as a machine's.

use std::time::{Duration, Instant};

use super::register_map::StubRegister;
use super::{BREAKPOINT_BYTES, Remote, STEP_PATIENCE, kind, qemu};
use crate::machine::{Address, Error, Machine, Quirk, Register, Registers, Stop, Traceable, Watchpoint};
use crate::rsp::{self, Addresses};

/// x0 to x31 and pc, which `g` starts with.
const GENERAL: usize = 33;

impl Machine for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn registers(&mut self) -> Result<Registers, Error> {
        let mut bytes = [0; GENERAL * 8];
        let bytes = &mut bytes[..GENERAL * self.xlen.bytes()];
        self.client.read_general_registers(bytes)?;
        let mut values = bytes.chunks_exact(self.xlen.bytes()).map(little_endian);
        let mut registers = Registers::default();
        registers.x.iter_mut().zip(&mut values).for_each(|(register, value)| *register = value);
        registers.pc = values.next().expect("33 registers were read: x0 to x31 and pc");
        Ok(registers)
    }

    fn read_register(&mut self, register: Register) -> Result<u64, Error> {
        let StubRegister { number, bytes } = self.stub_register(register)?;
        let mut value = [0; 8];
        let value = value.get_mut(..bytes).ok_or_else(|| self.wide(register))?;
        self.client.read_register(number, value)?;
        Ok(little_endian(value))
    }

    fn read_registers(&mut self, registers: &[Register]) -> Result<Vec<u64>, Error> {
        let named = registers.iter().map(|register| {
            let StubRegister { number, bytes } = self.stub_register(*register)?;
            if bytes <= 8 { Ok((number, bytes)) } else { Err(self.wide(*register)) }
        });
        let named = named.collect::<Result<Vec<_>, _>>()?;
        Ok(self.client.read_registers(&named)?.into_iter().map(u64::from_le_bytes).collect())
    }

    fn write_register(&mut self, register: Register, value: u64) -> Result<(), Error> {
        let StubRegister { number, bytes } = self.stub_register(register)?;
        let value = value.to_le_bytes();
        let value = value.get(..bytes).ok_or_else(|| self.wide(register))?;
        self.caught &= !matches!(register, Register::Pc);
        Ok(self.client.write_register(number, value)?)
    }

    fn read_memory(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        Ok(self.client.read_memory(start.0, bytes)?)
    }

    fn write_memory(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.client.write_memory(start.0, bytes)?)
    }

    fn read_physical(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        self.physically(|machine| machine.read_memory(start, bytes))
    }

    fn write_physical(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        self.physically(|machine| machine.write_memory(start, bytes))
    }

    fn insert_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        if !self.breakpoints.contains(&address) {
            self.client.insert_breakpoint(address.0, BREAKPOINT_BYTES)?;
            self.breakpoints.insert(address);
        }
        Ok(())
    }

    fn remove_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        if self.breakpoints.remove(&address) {
            self.client.remove_breakpoint(address.0, BREAKPOINT_BYTES)?;
        }
        Ok(())
    }

    fn insert_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        watchpoint.check(&self.name)?;
        if !self.watchpoints.contains(&watchpoint) {
            self.client.insert_watchpoint(kind(watchpoint.access), watchpoint.address.0, watchpoint.length)?;
            self.watchpoints.push(watchpoint);
        }
        Ok(())
    }

    fn remove_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        if let Some(index) = self.watchpoints.iter().position(|known| *known == watchpoint) {
            self.watchpoints.swap_remove(index);
            self.client.remove_watchpoint(kind(watchpoint.access), watchpoint.address.0, watchpoint.length)?;
        }
        Ok(())
    }

    fn step(&mut self, count: u64, limit: Duration) -> Result<(u64, Stop), Error> {
        let deadline = Instant::now() + limit;
        self.pass_by()?;
        for executed in 0..count {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok((executed, Stop::Interrupted));
            }
            let left = left.min(STEP_PATIENCE);
            let stop = if executed == 0 && self.caught {
                self.step_over(left)?
            } else {
                let reply = self.client.step(self.harts.shown(), left);
                self.stop(reply, Stop::Stepped)?
            };
            if stop != Stop::Stepped {
                return Ok((executed, stop));
            }
        }
        Ok((count, Stop::Stepped))
    }

    fn traceable(&mut self) -> Option<&mut dyn Traceable> {
        // The log does not name the hart.
        let possible = self.trace_folder.is_some() && self.harts.count() == 1;
        possible.then_some(self as &mut dyn Traceable)
    }

    fn quirks(&mut self) -> Result<Vec<Quirk>, Error> {
        Ok(self.qemu_version()?.map(qemu::known::of).unwrap_or_default())
    }

    fn resume(&mut self, limit: Duration) -> Result<Stop, Error> {
        let deadline = Instant::now() + limit;
        // The followed hart has not moved. It may be at a breakpoint at which it has not stopped yet.
        let passed = self.pass_by()?;
        let stands_at_breakpoint = !self.breakpoints.is_empty() && {
            let pc = self.registers()?.pc;
            self.breakpoints.contains(&Address(pc))
        };
        if !passed && (self.caught || stands_at_breakpoint) {
            let (patience, others) = self.patience();
            let stop = self.step_over(limit.min(patience))?;
            if stop != Stop::Stepped && !(others && stop == Stop::Interrupted) {
                return Ok(stop);
            }
            let here = Address(self.registers()?.pc);
            if self.breakpoints.contains(&here) {
                return Ok(Stop::Breakpoint);
            }
        }
        loop {
            let reply = self.client.resume(self.harts.alone(), deadline.saturating_duration_since(Instant::now()));
            let stop = self.stop(reply, Stop::Breakpoint)?;
            // Another hart's breakpoints do not count.
            if stop != Stop::Breakpoint || !self.pass_by()? {
                return Ok(stop);
            }
        }
    }

    fn printed(&mut self) -> Option<Vec<u8>> {
        self.console.as_mut().map(|console| console.printed())
    }

    fn begin_console(&mut self) {
        if let Some(console) = &mut self.console {
            console.begin();
        }
    }

    fn type_in(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let refused =
            |reason: String| Error::Refused { what: "typing to the console".into(), by: self.name.clone(), reason };
        match &mut self.console {
            Some(console) => console.type_in(bytes).map_err(|error| refused(error.to_string())),
            None => Err(refused("its console is not known".into())),
        }
    }

    fn harts(&self) -> usize {
        self.harts.count()
    }

    fn has_semihosting(&self) -> bool {
        self.has_semihosting
    }

    fn boot_on(&mut self, hart: u64) -> Result<bool, Error> {
        self.run_alone(hart)
    }

    fn follow(&mut self) {
        self.harts.follow();
    }

    fn show_other(&mut self, index: Option<usize>) -> Result<bool, Error> {
        Ok(self.harts.show_other(&mut self.client, index)?)
    }
}

impl Remote {
    /// Makes the stub use physical addresses meanwhile, if it can: QEMU's can (its manual, "GDB usage").
    fn physically<T>(&mut self, operation: impl FnOnce(&mut Remote) -> Result<T, Error>) -> Result<T, Error> {
        if !self.is_qemu {
            return operation(self);
        }
        self.client.take_addresses_as(Addresses::Physical)?;
        let result = operation(self);
        self.client.take_addresses_as(Addresses::Virtual)?;
        result
    }

    fn wide(&self, register: Register) -> Error {
        Error::Unsupported { what: format!("register {register} with more than 64 bits"), by: self.name.clone() }
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

impl From<rsp::Error> for Error {
    fn from(error: rsp::Error) -> Error {
        match error {
            rsp::Error::Timeout { from, awaited, after } => {
                let advice = match after < super::PATIENCE {
                    true => "the time limit was over; try: a longer one, or a less busy computer",
                    false => "try: see whether it is a GDB stub, and whether another debugger is connected",
                };
                Error::Timeout { awaited, from, after, advice: advice.into() }
            }
            rsp::Error::Closed { from, awaited } => {
                Error::Gone { who: from, how: format!("it closed the connection while we awaited {awaited}") }
            }
            rsp::Error::Refused { from, command, code } => {
                Error::Refused { what: command, by: from, reason: format!("error {code:#04x}") }
            }
            rsp::Error::Unsupported { from, command } => Error::Unsupported { what: command, by: from },
            other => Error::Connection(Box::new(other)),
        }
    }
}
