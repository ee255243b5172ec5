//! A [`Machine`](crate::Machine) over the remote protocol: RISC-V registers by the stub's numbers, stops from its stop replies.
//!
//! It does not know who started the stub, and does not know the checks.

mod harts;
mod machine;
pub mod qemu;
mod register_map;
mod trace;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::machine::{Access, Address, Error, Fault, Register, Stop, Watchpoint};
use crate::riscv::Xlen;
use crate::rsp::{self, Client, StopReply, WatchKind};
use harts::Harts;
use register_map::{RegisterMap, StubRegister};

/// The time limit for one reply, within the deadline.
const PATIENCE: Duration = Duration::from_secs(10);
/// If a step takes longer than this, the hart is assumed to wait in a `wfi`.
const STEP_PATIENCE: Duration = Duration::from_millis(500);
/// The size of a breakpoint. Every instruction has at least these two bytes.
const BREAKPOINT_BYTES: u8 = 2;
/// GDB's number of SIGTRAP: breakpoints, watchpoints, steps.
const SIGTRAP: u8 = 5;
/// QEMU's signal for a machine that powered off and is kept (gdbstub/system.c, gdb_vm_state_change).
const POWERED_OFF: u8 = 3;

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
    xlen: Xlen,
    breakpoints: BTreeSet<Address>,
    watchpoints: Vec<Watchpoint>,
    harts: Harts,
    /// The stub is QEMU's and supports QEMU's extensions.
    is_qemu: bool,
    /// Semihosting calls are answered, as whoever started it says.
    has_semihosting: bool,
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
        let architecture = &*description.architecture;
        let Some(xlen) = XLENS.into_iter().find(|xlen| architecture.is_empty() || architecture == xlen.architecture())
        else {
            return Err(rsp::Error::Unexpected {
                from: client.name().into(),
                command: "qXfer:features:read".into(),
                reply: format!("the architecture {architecture}"),
                expected: "riscv:rv64 or riscv:rv32".into(),
            });
        };
        // This also makes QEMU remove breakpoints of an earlier client.
        client.stop_reason()?;
        let harts = Harts::of(&mut client)?;
        Ok(Remote {
            client,
            name: endpoint.to_string(),
            numbers,
            xlen,
            breakpoints: BTreeSet::new(),
            watchpoints: Vec::new(),
            harts,
            is_qemu,
            has_semihosting: false,
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

    /// Says whether semihosting calls are answered; a stub does not tell.
    pub fn answers_host_calls(&mut self, answers: bool) {
        self.has_semihosting = answers;
    }

    /// Sets the function to call when the stub closes the connection: QEMU 7.2 does so at power-off without a reply.
    pub fn ask_when_gone(&mut self, undertaker: impl FnMut() -> Option<u8> + Send + 'static) {
        self.undertaker = Some(Box::new(undertaker));
    }

    /// Allows [`Machine::traceable`](crate::Machine::traceable) to make a pipe in `folder`. For a QEMU on this computer.
    pub fn trace_through(&mut self, folder: PathBuf) {
        self.trace_folder = Some(folder);
    }

    /// The width of the machine's registers.
    pub fn xlen(&self) -> Xlen {
        self.xlen
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

/// The first is that of a stub that does not tell.
const XLENS: [Xlen; 2] = [Xlen::Rv64, Xlen::Rv32];

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
