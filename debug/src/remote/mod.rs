//! A [`Machine`] over the remote protocol: RISC-V registers by the stub's numbers, stops from its stop replies.
//!
//! It does not know who started the stub, and does not know the checks.

mod errors;
mod harts;
pub mod qemu;
mod register_map;
mod trace;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::machine::{Access, Address, Error, Fault, Machine, Quirk, Register, Registers, Stop, Traceable, Watchpoint};
use crate::rsp::{self, Addresses, Client, StopReply, WatchKind};
use harts::Harts;
use register_map::{RegisterMap, StubRegister};

/// The time limit for one reply, within the deadline.
const PATIENCE: Duration = Duration::from_secs(10);
/// If a step takes longer than this, the hart is assumed to wait in a `wfi`.
const STEP_PATIENCE: Duration = Duration::from_millis(500);
/// GDB's number of SIGTRAP: breakpoints, watchpoints, steps.
const SIGTRAP: u8 = 5;
/// QEMU's signal for a machine that powered off and is kept (gdbstub/system.c, gdb_vm_state_change).
const POWERED_OFF: u8 = 3;
/// The size of x0 to x31 and pc, which `g` starts with.
const GENERAL_BYTES: usize = 33 * 8;

/// A RISC-V machine behind a GDB stub.
///
/// ```no_run
/// use debug::{Address, Machine, Remote};
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_secs(10);
/// let mut machine = Remote::attach(&"127.0.0.1:1234".parse()?, deadline)?;
/// machine.insert_breakpoint(Address(0x8020_0000))?;
/// machine.resume(Duration::from_secs(1))?;
/// println!("a1 = {:#x}", machine.registers()?.x[11]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Remote {
    client: Client,
    name: String,
    numbers: RegisterMap,
    breakpoints: BTreeSet<Address>,
    watchpoints: Vec<Watchpoint>,
    harts: Harts,
    /// The stub is QEMU's and supports QEMU's extensions.
    is_qemu: bool,
    undertaker: Option<Undertaker>,
    /// The last stop was before a watched access and was reported.
    caught: bool,
    /// The folder for a pipe for QEMU's log, given by whoever started QEMU.
    trace_folder: Option<PathBuf>,
    trace: Option<trace::Trace>,
    console: Option<Box<dyn Console + Send>>,
}

/// Returns the exit status of a machine whose stub closed the connection; `None` if the machine did not end by itself.
type Undertaker = Box<dyn FnMut() -> Option<u8> + Send>;

impl Remote {
    /// Connects to a stub whose machine is stopped. Every wait ends at `deadline` at the latest.
    ///
    /// # Errors
    /// If no program listens, or it is not a GDB stub, or the stub is for another architecture.
    pub fn attach(endpoint: &Endpoint, deadline: Instant) -> Result<Remote, rsp::Error> {
        let patience = PATIENCE.min(deadline.saturating_duration_since(Instant::now()));
        let mut client = Client::connect(endpoint, patience, Some(deadline))?;
        // QEMU takes a packet for the ack of its last reply (gdbstub.c, gdb_read_byte), so several requests may be in flight.
        let is_qemu = client.knows("qqemu.sstepbits")?;
        if is_qemu {
            client.allow_pipelining();
        }
        let description = client.description()?;
        let numbers = RegisterMap::of(&description);
        if !description.architecture.is_empty() && description.architecture != "riscv:rv64" {
            return Err(rsp::Error::Unexpected {
                from: client.name().into(),
                command: "qXfer:features:read".into(),
                reply: format!("the architecture {}", description.architecture),
                expected: "riscv:rv64".into(),
            });
        }
        // This also makes QEMU remove breakpoints of an earlier client.
        client.stop_reason()?;
        let harts = Harts::of(&mut client)?;
        Ok(Remote {
            client,
            name: endpoint.to_string(),
            numbers,
            breakpoints: BTreeSet::new(),
            watchpoints: Vec::new(),
            harts,
            is_qemu,
            undertaker: None,
            caught: false,
            trace_folder: None,
            trace: None,
            console: None,
        })
    }

    /// Gives the machine a console, because the protocol has none.
    pub fn show_console(&mut self, console: Box<dyn Console + Send>) {
        self.console = Some(console);
    }

    /// Sets the machine's name in reports.
    pub fn rename(&mut self, name: &str) {
        self.name = name.into();
    }

    /// Sets the function to call when the stub closes the connection: QEMU 7.2 does so at power-off without a reply.
    pub fn ask_when_gone(&mut self, undertaker: impl FnMut() -> Option<u8> + Send + 'static) {
        self.undertaker = Some(Box::new(undertaker));
    }

    /// Allows [`Machine::traceable`] to make a pipe in `folder`. For a QEMU on this computer.
    pub fn trace_through(&mut self, folder: PathBuf) {
        self.trace_folder = Some(folder);
    }

    /// Runs a command of the stub's monitor, and returns its output.
    pub fn monitor(&mut self, command: &str) -> Result<String, Error> {
        Ok(self.client.monitor(command)?)
    }

    /// QEMU's version, if the stub is QEMU's.
    pub fn qemu_version(&mut self) -> Result<Option<qemu::Version>, Error> {
        match self.client.monitor("info version") {
            Ok(text) => Ok(text.parse().ok()),
            Err(rsp::Error::Unsupported { .. } | rsp::Error::Refused { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the machine. If the stub no longer replies, nothing can be done.
    pub fn kill(&mut self) -> Result<(), Error> {
        Ok(self.client.kill()?)
    }

    /// Detaches; the machine runs on.
    pub fn detach(&mut self) -> Result<(), Error> {
        Ok(self.client.detach()?)
    }

    fn stub_register(&self, register: Register) -> Result<StubRegister, Error> {
        self.numbers
            .find(register)
            .ok_or_else(|| Error::Unsupported { what: format!("register {register}"), by: self.name.clone() })
    }

    fn each_watchpoint(
        &mut self,
        mut change: impl FnMut(&mut Client, WatchKind, u64, u64) -> Result<(), rsp::Error>,
    ) -> Result<(), Error> {
        for watchpoint in &self.watchpoints {
            change(&mut self.client, kind(watchpoint.access), watchpoint.address.0, watchpoint.length)?;
        }
        Ok(())
    }

    /// Converts a reply into a stop, `usual` if the command ended normally. Without a reply it is an interrupt.
    fn stop(&mut self, reply: Result<Option<StopReply>, rsp::Error>, usual: Stop) -> Result<Stop, Error> {
        let (reply, usual) = match reply {
            Ok(None) => (self.client.interrupt(), Stop::Interrupted),
            Ok(Some(reply)) => (Ok(reply), usual),
            Err(error) => (Err(error), usual),
        };
        let reply = match reply {
            Err(error @ rsp::Error::Closed { .. }) => match self.undertaker.as_mut().and_then(|ask| ask()) {
                Some(status) => StopReply::Exited(status),
                None => return Err(error.into()),
            },
            reply => reply?,
        };
        if let StopReply::Signal { number, watch, thread } = reply {
            // Which hart was interrupted has no meaning.
            let met = usual == Stop::Interrupted && watch.is_none() && number != SIGTRAP;
            self.harts.stopped(&mut self.client, thread.filter(|_| !met))?;
        }
        let reply = self.without_stale_watchpoint(reply)?;
        self.caught = matches!(reply, StopReply::Signal { watch: Some(_), .. });
        Ok(match reply {
            StopReply::Signal { watch: Some(address), .. } => Stop::Watchpoint { address: Address(address) },
            StopReply::Signal { number: POWERED_OFF, .. } if self.is_qemu => Stop::Exited { status: None },
            StopReply::Signal { number: SIGTRAP, .. } if usual == Stop::Interrupted => Stop::Breakpoint,
            StopReply::Signal { number: SIGTRAP, .. } => usual,
            StopReply::Signal { .. } if usual == Stop::Interrupted => Stop::Interrupted,
            StopReply::Signal { number, .. } => Stop::Fault(Fault::Signal(number)),
            StopReply::Beginning => Stop::Beginning,
            StopReply::End => Stop::Exited { status: None },
            StopReply::Exited(status) | StopReply::Killed(status) => Stop::Exited { status: Some(status) },
        })
    }
}

/// The size of a breakpoint. Every instruction has at least these two bytes.
const BREAKPOINT_BYTES: u8 = 2;

fn kind(access: Access) -> WatchKind {
    match access {
        Access::Write => WatchKind::Write,
        Access::Read => WatchKind::Read,
        Access::ReadOrWrite => WatchKind::Access,
    }
}

/// The console of a machine behind a stub, given by whoever started it.
pub trait Console {
    /// Marks the start of the kernel: the output until now is the firmware's.
    fn begin(&mut self);

    /// The latest output since [`Console::begin`].
    fn printed(&mut self) -> Vec<u8>;

    /// Types bytes.
    ///
    /// # Errors
    /// Errors of the machine's input.
    fn type_in(&mut self, bytes: &[u8]) -> std::io::Result<()>;
}

impl Machine for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn registers(&mut self) -> Result<Registers, Error> {
        let mut bytes = [0; GENERAL_BYTES];
        self.client.read_general_registers(&mut bytes)?;
        let mut values = bytes.chunks_exact(8).map(little_endian);
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
            let stop = self.step_over(limit.min(STEP_PATIENCE))?;
            if stop != Stop::Stepped {
                return Ok(stop);
            }
            let here = Address(self.registers()?.pc);
            if self.breakpoints.contains(&here) {
                return Ok(Stop::Breakpoint);
            }
        }
        loop {
            let reply = self.client.resume(deadline.saturating_duration_since(Instant::now()));
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

    fn follow(&mut self) {
        self.harts.follow();
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
