//! The run of a boot, from reset to its end, which all checks share.
//!
//! It runs the machine, and reports to the checks the stores that they wait for and the end of the boot. It does not judge.

pub mod arrival;
pub mod awaited;
mod code;
pub mod damage;
pub mod deeds;
pub mod departures;
pub mod device_tree;
pub mod dialogue;
mod ending;
pub mod event;
pub mod finisher;
pub mod firmware;
pub mod first_use;
pub mod hart_trace;
mod hot_page;
pub mod kernel_view;
pub mod layout;
pub mod limit;
mod looking;
pub mod loop_detection;
pub mod machine_mode;
mod marks;
pub mod memory;
mod moment;
pub mod names;
pub mod near_loop;
mod next_hart;
pub mod other_handlers;
mod other_harts;
mod outside;
pub mod page_table;
pub mod panic;
pub mod poison;
mod rest;
mod rounds;
mod settled;
mod software_interrupt;
pub mod spin;
pub mod stack_use;
pub mod stepping;
pub mod store_trace;
mod stores;
pub mod trial;
mod watching;
pub mod woken;

use std::ops::Range;
use std::time::{Duration, Instant};

use self::dialogue::Dialogue;
use self::event::{BootEnd, BootEvent};
pub use self::finisher::FINISHER;
use self::finisher::Finisher;
use self::hart_trace::HartTrace;
use self::layout::Layout;
use self::limit::Limit;
use self::marks::{Marks, Passed};
use self::memory::MemoryFacts;
use self::panic::Panicked;
use self::rest::Rest;
use self::stack_use::StackUse;
use self::store_trace::StoreTrace;
use self::watching::Watching;
use crate::checks::finding::Finding;
use crate::image::Image;
use crate::machine::{Address, Error, Machine, Register, Registers, Stop, csr};
use crate::riscv::cause::is_interrupt;
use crate::riscv::status::{MACHINE_MODE, USER_MODE};

/// A machine that runs a kernel's boot.
pub struct BootRun<'a> {
    pub machine: &'a mut dyn Machine,
    pub image: &'a Image,
    pub layout: &'a Layout,
    /// When the boot must have ended.
    pub limit: Limit,
    /// It is not taken to rest with interrupts enabled, or to wait for input, before.
    pub must_run_until: Instant,
    pub stack_use: StackUse,
    /// The registers at the entry.
    pub at_entry: Registers,
    /// Observes memory, on an observed machine.
    pub trace: Option<StoreTrace<'a>>,
    /// What a companion, an observed machine with the same kernel, has seen of memory.
    pub companion: Option<&'a MemoryFacts<'a>>,
    /// How a companion's boot ended.
    pub seen_end: Option<BootEnd>,
    /// Bytes beside BSS. A store there is reported, even if another check watches them too.
    pub guards: Vec<Range<Address>>,
    /// What the hart was seen to do.
    pub hart: HartTrace,
    /// The first panic function that the kernel entered.
    pub panicked: Option<Panicked>,
    /// The texts to wait for and to type on the console.
    pub dialogue: Dialogue,
    /// How the boot ended, once it did.
    pub end: Option<BootEnd>,
    /// The findings that are certain already, should the machine not be able to go on.
    pub so_far: Vec<Finding>,
    /// How much the console had said at the last two looks at the kernel, and whether it says more and more.
    said: (usize, usize),
    pub prints: bool,
    marks: Marks,
    /// The instruction whose marks were handled, while the hart is there.
    arrived: Option<Address>,
    /// A stop that was reached and not handled yet.
    pending: Option<Stop>,
    pending_event: Option<BootEvent>,
    /// When the kernel was last searched for a loop.
    looked: Instant,
    /// Where it waits for interrupts, if the hart is in a handler now.
    pub rests_at: Option<Address>,
    rest: Rest,
    /// The stub shows the supervisor's trap CSRs, and they hold [`TRAP_CSR_POISON`].
    pub traps_shown: bool,
    /// The boot hart stopped itself, and another one is followed.
    is_instead: bool,
    /// The harts that were followed, by mhartid, and are no longer.
    followed_before: Vec<Option<u64>>,
    finisher: Finisher,
    slice: Duration,
}

/// The value of the trap CSRs at the entry, which registers of 32 bits hold as well. No trap leaves this cause or address.
pub const TRAP_CSR_POISON: u64 = 0x5a5a_5a5a;

/// The time limit for one instruction.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a kernel runs before the first search for a loop. It is doubled each time.
const FIRST_SLICE: Duration = Duration::from_millis(20);
/// The longest run before a search.
const LONG_SLICE: Duration = Duration::from_millis(600);
/// A kernel whose console is waited for is looked at often, for as long as a day.
const LONGEST_SLICE: Duration = Duration::from_secs(10);

impl<'a> BootRun<'a> {
    /// Takes a machine that is at the kernel's entry: poisons the trap CSRs, and sets the breakpoints.
    pub fn begin(
        machine: &'a mut dyn Machine,
        image: &'a Image,
        layout: &'a Layout,
        limit: Limit,
        companion: Option<&'a MemoryFacts<'a>>,
    ) -> Result<BootRun<'a>, Error> {
        // If every write of sp is observed, no watchpoint is needed.
        let is_seen = machine.observed().is_some() || companion.is_some_and(|memory| memory.is_whole);
        let stack_use = StackUse::begin(machine, &layout.stack, !is_seen)?;
        let mut others = 0..machine.harts();
        while others.next().map(|other| machine.show_other(Some(other))).transpose()?.is_some_and(|shown| shown) {
            poison_traps(machine)?;
        }
        machine.show_other(None)?;
        let traps_shown = poison_traps(machine)?;
        if machine_mode::starts_there(image, layout.entry) {
            // It is 0 after reset, where a trap would trap again for ever and lose its cause. OpenSBI hands over with it at the entry.
            optional(machine.write_register(csr::STVEC, image.physical(layout.entry).0))?;
        }
        let known: Vec<Address> = image.symbols().map(|symbol| symbol.address).collect();
        let marks = marks::set(machine, image, &known, traps_shown)?;
        machine.insert_breakpoint(layout.entry)?;
        let finisher = Finisher::begin(machine, image, &known)?;
        let mut trace = machine.observed().map(|_| StoreTrace::new(image, layout));
        if let (Some(trace), Some(tree)) = (&mut trace, device_tree(machine)?) {
            trace.memory.device_tree.lies_at(tree);
        }
        let (guards, slice) = (Vec::new(), FIRST_SLICE);
        let mut hart = HartTrace::default();
        hart.counts_instructions = trace.is_some();
        let at_entry = machine.registers()?;
        Ok(BootRun {
            machine,
            image,
            layout,
            limit,
            must_run_until: Instant::now(),
            stack_use,
            at_entry,
            trace,
            companion,
            seen_end: None,
            guards,
            hart,
            panicked: None,
            dialogue: Dialogue::default(),
            end: None,
            so_far: Vec::new(),
            said: (0, 0),
            prints: false,
            marks,
            arrived: None,
            pending: None,
            pending_event: None,
            looked: Instant::now(),
            rests_at: None,
            rest: Rest::default(),
            traps_shown,
            is_instead: false,
            followed_before: Vec::new(),
            finisher,
            slice,
        })
    }

    /// Like [`Machine::step`], observed by the store trace.
    pub fn step(&mut self, count: u64, limit: Duration) -> Result<(u64, Stop), Error> {
        self.arrived = None;
        let limit = self.limit.allow(self.machine, limit);
        match (self.machine.observed(), &mut self.trace) {
            (Some(machine), Some(trace)) => {
                machine.step_observed(count, limit, &mut Watching { trace, hart: &mut self.hart })
            }
            _ => self.machine.step(count, limit),
        }
    }

    /// Like [`Machine::resume`], observed by the store trace.
    pub fn resume(&mut self, limit: Duration) -> Result<Stop, Error> {
        self.arrived = None;
        let limit = self.limit.allow(self.machine, limit);
        match (self.machine.observed(), &mut self.trace) {
            (Some(machine), Some(trace)) => {
                machine.resume_observed(limit, &mut Watching { trace, hart: &mut self.hart })
            }
            _ => self.machine.resume(limit),
        }
    }

    /// What was seen of memory, in this run or in a companion's.
    pub fn memory(&self) -> Option<&MemoryFacts<'a>> {
        self.trace.as_ref().map(|trace| &trace.memory).or(self.companion)
    }

    /// Whether every store is observed, here or on a companion that reached the end.
    pub fn sees_all_stores(&self) -> bool {
        self.trace.is_some() || self.companion.is_some_and(|memory| memory.is_whole)
    }

    /// Runs to the next store to a watched range, or to the end of the boot.
    pub fn next_event(&mut self) -> Result<BootEvent, Error> {
        loop {
            // If the hart is at this instruction already, a step would miss the firmware's store that we wait for.
            if let Some(event) = self.pending_event.take() {
                return Ok(event);
            }
            if let Some(end) = self.last_call()? {
                return Ok(BootEvent::End(end));
            }
            if self.is_overdue() {
                // Stops come too fast for a look. In the handler of an interrupt it would show nothing: one is made where it came.
                self.tell_traps()?;
                let is_interrupted = self.hart.handling().is_some_and(|trap| is_interrupt(trap.cause));
                if !is_interrupted
                    && self.trace.is_none()
                    && self.pending.is_none()
                    && let Some(event) = self.look()?
                {
                    return Ok(event);
                }
            }
            self.finisher.follow(self.machine)?;
            let limit = if self.dialogue.is_over() { self.slice } else { self.slice.min(moment::LOOK) };
            let stop = match self.pending.take() {
                Some(stop) => stop,
                None if self.is_at_breakpoint()? => Stop::Breakpoint,
                None => self.resume(limit)?,
            };
            if !self.dialogue.is_over() {
                self.hart.stops_at_prints = true;
                self.hart.has_printed = false;
                if let Some(end) = self.dialogue.go_on(self.machine)? {
                    return Ok(BootEvent::End(end));
                }
                // The dialogue is followed more often than the kernel is looked at, which may take much longer.
                if stop == Stop::Interrupted && !self.is_due() {
                    continue;
                }
            }
            if let Some(event) = self.event(stop)?
                && !self.another_hart_may_speak(&event)
            {
                return Ok(event);
            }
        }
    }

    /// What a stop means; `None` if the run continues.
    pub fn event(&mut self, stop: Stop) -> Result<Option<BootEvent>, Error> {
        // This came first, whatever followed.
        if let Some(overflow) = self.trace.as_ref().and_then(|trace| trace.memory.stacks.overflow()) {
            return Ok(Some(BootEvent::End(BootEnd::Overflow(overflow.clone()))));
        }
        if self.trace.as_ref().is_some_and(|trace| trace.damages.found().is_some()) {
            return Ok(Some(BootEvent::End(BootEnd::Damaged)));
        }
        Ok(match stop {
            Stop::Breakpoint => self.stopped_at_breakpoint()?,
            Stop::Watchpoint { address } => self.store(address)?,
            Stop::Fault(fault) if fault.is_missing() => {
                return Err(Error::Unsupported { what: fault.to_string(), by: self.machine.name().into() });
            }
            Stop::Fault(_) => Some(BootEvent::End(BootEnd::Trap)),
            Stop::Exited { status } => Some(BootEvent::End(BootEnd::Exited { status })),
            Stop::Interrupted => self.look()?,
            Stop::Stepped | Stop::Beginning => None,
        })
    }

    /// Which end of the boot a breakpoint marks, if any. Executes an instruction that changes translation, and continues.
    fn stopped_at_breakpoint(&mut self) -> Result<Option<BootEvent>, Error> {
        let pc = Address(self.machine.registers()?.pc);
        if !self.finisher.awaits(pc) {
            return Ok(self.arrival()?.map(BootEvent::End));
        }
        let stop = self.step(1, PATIENCE)?.1;
        if stop != Stop::Stepped {
            return self.event(stop);
        }
        self.finisher.changed(self.machine)?;
        Ok(self.arrival()?.map(BootEvent::End))
    }

    /// Which end of the boot pc marks, if any.
    pub fn arrival(&mut self) -> Result<Option<BootEnd>, Error> {
        loop {
            let registers = self.machine.registers()?;
            if Address(registers.pc) == self.layout.entry {
                return Ok(Some(BootEnd::Trap));
            }
            self.arrived = Some(Address(registers.pc));
            match self.pass_mark(&registers)? {
                Some(Passed::Stepped) => {}
                Some(Passed::End(end)) => return Ok(Some(end)),
                Some(Passed::On) | None => return Ok(self.hart.end()),
            }
        }
    }

    /// Whether the hart, which is at `pc` without a stop at a breakpoint, has to be asked what it means.
    pub fn awaits_arrival(&self, pc: Address) -> bool {
        self.arrived != Some(pc) && (pc == self.layout.entry || self.marks.is_marked(pc))
    }

    /// Whether the hart came to a breakpoint by a step, or was interrupted there.
    fn is_at_breakpoint(&mut self) -> Result<bool, Error> {
        if self.arrived.is_some() {
            return Ok(false);
        }
        let pc = Address(self.machine.registers()?.pc);
        Ok(self.awaits_arrival(pc))
    }

    /// Whether something was reached that is not handled yet.
    pub fn has_pending(&self) -> bool {
        self.pending.is_some() || self.pending_event.is_some()
    }

    /// How long to run until the next look: longer each time.
    pub fn span(&self) -> Duration {
        self.slice
    }

    /// Whether the hart executes firmware code.
    pub fn in_firmware(&mut self) -> Result<bool, Error> {
        Ok(self.csr(Register::Priv)? == Some(MACHINE_MODE))
    }

    pub fn in_user_mode(&mut self) -> Result<bool, Error> {
        Ok(self.csr(Register::Priv)? == Some(USER_MODE))
    }
}

/// The range of the device tree that a1 points to at the entry; `None` if there is none.
fn device_tree(machine: &mut dyn Machine) -> Result<Option<Range<Address>>, Error> {
    let tree = Address(machine.registers()?.a1());
    let mut header = [0; 8];
    let size = machine.read_memory(tree, &mut header).ok().and_then(|()| device_tree::size(&header));
    Ok(size.map(|size| tree..tree + size as u64))
}

/// `None` if the stub does not support the request.
pub fn optional<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(Error::Unsupported { .. }) => Ok(None),
        result => result.map(Some),
    }
}

/// Writes [`TRAP_CSR_POISON`] to the trap CSRs. Returns false if the stub does not show them.
fn poison_traps(machine: &mut dyn Machine) -> Result<bool, Error> {
    for register in [csr::SCAUSE, csr::STVAL] {
        if optional(machine.write_register(register, TRAP_CSR_POISON))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
