//! Breakpoints that show what a hart does: where it idles, panics, sets stvec, takes traps and returns from them.
//!
//! An observed machine needs only the first two. On others each stop costs time, so some events are missed; the trace says so
//! (`HartTrace::has_gaps`). It does not judge.

mod panics;
mod told;
mod undisturbed;
mod vector;

use std::collections::BTreeMap;
use std::time::Duration;

use self::told::Told;
use self::vector::vector_write_of;
use super::BootRun;
use super::event::BootEnd;
use super::hart_trace::STORM;
use super::panic;
use crate::image::Image;
use crate::machine::{Address, Error, HartEvent, InstructionBytes, Machine, Registers, TakenTrap, csr};
use crate::riscv::cause::{is_guest_page, is_interrupt};
use crate::riscv::status::hstatus;
use crate::riscv::status::sstatus::{SPIE, SPP};
use crate::riscv::{self, Effect, Kind};

/// What a breakpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The first instruction of a panic function. The kernel may idle there too.
    Panic,
    /// A `wfi`, or a jump to itself.
    Rest,
    /// Writes stvec.
    VectorWrite,
    /// A breakpoint that may be a semihosting call.
    HostCall,
    /// What stvec holds.
    Handler,
    /// An `sret`.
    TrapReturn,
    /// Where the caller of that function continues.
    PanicReturn,
    /// The instruction that an interrupt storm seems to prevent.
    Interrupted,
    /// Where the hart goes once another one has changed the word for which it waits.
    WayOut,
}

/// How many traps are reported one by one, after the entry and after each look at the kernel. Each costs two stops.
const TRAPS_AT_ONCE: u32 = 100;
/// This many interrupts before the same instruction may be a storm ...
const SUSPICIOUS: u32 = 8;
/// ... and the run waits this long for that instruction.
const TRIAL: Duration = Duration::from_millis(300);

#[derive(Default)]
pub struct Marks {
    places: BTreeMap<Address, Vec<Mark>>,
    /// Addresses of `sret` whose breakpoints are not inserted now.
    returns: Vec<Address>,
    traps_left: u32,
    /// Replaces the count of instructions, which such machines do not show: one for a trap or return, many for other events.
    clock: u64,
    /// Cause and place of the last interrupt, and how often they repeated.
    interrupt: Option<(u64, Address)>,
    same: u32,
    /// The interrupted code was seen to execute this instruction.
    innocent: Option<Address>,
    sp_at_panic: u64,
    /// The panic function that was called last, and those that have returned.
    panic: Address,
    no_panics: Vec<Address>,
    trapped_since_vector: bool,
    /// The exception that was told last.
    told: Told,
}

impl Marks {
    /// The marks at an address.
    fn at(&self, address: Address) -> Option<Mark> {
        self.places.get(&address)?.first().copied()
    }

    /// A handler may have been marked at a virtual address without a symbol. Finds out whether it is at `pc`.
    fn learn(&mut self, machine: &mut dyn Machine, pc: Address) -> Result<(), Error> {
        let unknown =
            self.places.iter().filter(|(_, marks)| marks.contains(&Mark::Handler)).map(|(address, _)| *address);
        for address in unknown.collect::<Vec<_>>() {
            if address != pc && machine.linked(address)? == pc {
                self.insert(machine, pc, Mark::Handler)?;
            }
        }
        Ok(())
    }

    /// Whether a handler begins at `pc`.
    fn is_handler(&mut self, machine: &mut dyn Machine, pc: Address) -> Result<bool, Error> {
        self.learn(machine, pc)?;
        Ok(self.places.get(&pc).is_some_and(|marks| marks.contains(&Mark::Handler)))
    }

    /// Tells of no more interrupts, nor of exceptions, until the next look at the kernel.
    pub fn leave_interrupts(&mut self, machine: &mut dyn Machine) -> Result<(), Error> {
        self.traps_left = 0;
        self.remove(machine, Mark::Handler)
    }

    /// All addresses with a breakpoint of these.
    pub fn places(&self) -> impl Iterator<Item = Address> + '_ {
        self.places.keys().copied()
    }

    pub fn is_marked(&self, address: Address) -> bool {
        self.places.contains_key(&address)
    }

    pub fn insert(&mut self, machine: &mut dyn Machine, address: Address, mark: Mark) -> Result<(), Error> {
        let marks = self.places.entry(address).or_default();
        if marks.is_empty() {
            machine.insert_breakpoint(address)?;
        }
        if !marks.contains(&mark) {
            marks.push(mark);
            marks.sort();
        }
        Ok(())
    }

    pub fn remove(&mut self, machine: &mut dyn Machine, mark: Mark) -> Result<(), Error> {
        for (address, marks) in &mut self.places {
            let before = marks.len();
            marks.retain(|other| *other != mark);
            if marks.is_empty() && before > 0 {
                machine.remove_breakpoint(*address)?;
            }
        }
        self.places.retain(|_, marks| !marks.is_empty());
        Ok(())
    }
}

/// Sets the marks of a kernel that is at its entry.
pub fn set(machine: &mut dyn Machine, image: &Image, known: &[Address], shows_traps: bool) -> Result<Marks, Error> {
    let mut marks = Marks::default();
    let shows_all = machine.observed().is_some();
    for (start, code) in image.code() {
        for place in riscv::resting_places(image.xlen(), start, code, known) {
            marks.insert(machine, place, Mark::Rest)?;
        }
        if machine.has_semihosting() {
            let is_breakpoint = |operation: &riscv::Operation| operation.kind == Kind::Ebreak;
            for place in riscv::places_of(image.xlen(), start, code, known, is_breakpoint) {
                marks.insert(machine, place, Mark::HostCall)?;
            }
        }
        if shows_traps && !shows_all {
            for place in
                riscv::places_of(image.xlen(), start, code, known, |operation| vector_write_of(operation).is_some())
            {
                marks.insert(machine, place, Mark::VectorWrite)?;
            }
        }
    }
    if shows_traps && !shows_all {
        marks.returns = trap_returns(image);
    }
    for place in panic::functions(image) {
        marks.insert(machine, place, Mark::Panic)?;
    }
    Ok(marks)
}

/// The instructions of the image that return from traps.
pub fn trap_returns(image: &Image) -> Vec<Address> {
    let known: Vec<Address> = image.symbols().map(|symbol| symbol.address).collect();
    let returns = |operation: &riscv::Operation| matches!(operation.kind, Kind::Sret | Kind::Mret);
    image.code().flat_map(|(start, code)| riscv::places_of(image.xlen(), start, code, &known, returns)).collect()
}

/// What follows from a stop at a mark.
pub enum Passed {
    /// The run continues from here.
    On,
    /// The instruction was executed, or a mark was removed. The instruction at pc may be marked too.
    Stepped,
    End(BootEnd),
}

impl BootRun<'_> {
    /// Handles a stop at pc as its marks say.
    pub(super) fn pass_mark(&mut self, registers: &Registers) -> Result<Option<Passed>, Error> {
        let pc = Address(registers.pc);
        self.marks.learn(self.machine, pc)?;
        let Some(mark) = self.marks.at(pc) else { return Ok(None) };
        if self.marks.places.get(&pc).is_some_and(|marks| marks.contains(&Mark::Handler))
            && let Some(passed) = self.handler(registers)?
        {
            return Ok(Some(passed));
        }
        Ok(Some(match mark {
            Mark::Rest => match self.at_rest(registers)? {
                Some(end) => Passed::End(end),
                None => Passed::On,
            },
            Mark::WayOut => {
                self.waits_no_longer()?;
                Passed::Stepped
            }
            Mark::VectorWrite => self.vector_write(registers)?,
            Mark::HostCall => self.last_host_call(registers)?.map_or(Passed::On, Passed::End),
            Mark::Handler => Passed::On,
            Mark::TrapReturn => self.trap_return(registers)?,
            Mark::Panic => self.panics(registers)?,
            Mark::PanicReturn => {
                if registers.sp().0 == self.marks.sp_at_panic {
                    self.panic_returned()?;
                }
                Passed::On
            }
            Mark::Interrupted => Passed::On,
        }))
    }

    /// From now on reports some traps one by one, if the machine itself does not.
    pub(super) fn tell_traps(&mut self) -> Result<(), Error> {
        if self.trace.is_some() || self.hart.vector.is_none() || self.marks.traps_left == TRAPS_AT_ONCE {
            return Ok(());
        }
        let stvec = self.machine.read_register(csr::STVEC)?;
        let base = self.machine.linked(Address(stvec & !3))?;
        if base == self.layout.entry {
            return Ok(());
        }
        self.marks.traps_left = TRAPS_AT_ONCE;
        self.marks.insert(self.machine, base, Mark::Handler)?;
        if stvec & 3 == 1 {
            for interrupt in [1, 5, 9] {
                self.marks.insert(self.machine, base + 4 * interrupt, Mark::Handler)?;
            }
        }
        Ok(())
    }

    /// Waits for returns while the hart handles an exception or a call, but not for returns from interrupts: during the stop time
    /// passes, and the next interrupt becomes due.
    fn await_returns(&mut self, wanted: bool) -> Result<(), Error> {
        if !wanted {
            return self.marks.remove(self.machine, Mark::TrapReturn);
        }
        let returns = std::mem::take(&mut self.marks.returns);
        for place in &returns {
            self.marks.insert(self.machine, *place, Mark::TrapReturn)?;
        }
        self.marks.returns = returns;
        Ok(())
    }

    /// The hart is at the first instruction of its handler: it trapped, unless it jumped there.
    fn handler(&mut self, registers: &Registers) -> Result<Option<Passed>, Error> {
        let asked = [csr::SCAUSE, csr::SEPC, csr::STVAL, csr::SSTATUS, csr::SSCRATCH];
        let [cause, sepc, value, sstatus, sscratch] = self.machine.read_registers(&asked)?[..] else { return Ok(None) };
        let pc = self.machine.linked(Address(sepc))?;
        let last = self.hart.last_trap.map(|trap| (trap.cause, trap.pc, trap.value));
        let stale = last == Some((cause, pc, value)) && !self.marks.trapped_since_vector;
        if cause == super::TRAP_CSR_POISON || stale && self.hart.handling().is_some() {
            return Ok(None);
        }
        if self.marks.told.has_told(registers, [cause, sepc, value, sstatus, sscratch], pc) {
            return Ok(None);
        }
        self.marks.trapped_since_vector = true;
        let from_user = sstatus & SPP == 0;
        let interrupt = is_interrupt(cause);
        let from_guest = !interrupt && self.csr(csr::HSTATUS)?.is_some_and(|held| held & hstatus::SPV != 0);
        let is_elsewhere = from_guest && self.translates_guests()?;
        let bytes = if interrupt || is_elsewhere { None } else { self.instruction(pc).ok() };
        let instruction = bytes.and_then(|bytes| InstructionBytes::new(&bytes));
        let htval = if is_guest_page(cause) { self.csr(csr::HTVAL)? } else { None };
        self.marks.clock += STORM;
        // The last interrupt has been returned from, unless interrupts were off, as they are in its handler.
        if (from_user || sstatus & SPIE != 0) && self.hart.handling().is_some_and(|trap| is_interrupt(trap.cause)) {
            let icount = self.marks.clock;
            self.hart.event(&HartEvent::TrapReturn { icount, to: pc, sp: registers.sp(), to_user: from_user });
            self.marks.clock += STORM;
        }
        self.hart.event(&HartEvent::Trap(TakenTrap {
            icount: self.marks.clock,
            pc,
            cause,
            value,
            from_user,
            from_guest,
            by_guest: false,
            // The lowest bits are stval's, but of an entry that the hart read itself.
            guest_physical: htval.map(|held| Address(held << 2 | value & 3)),
            overdue: 0,
            sp: registers.sp(),
            sscratch,
            handler: Address(registers.pc),
            instruction,
        }));
        self.marks.traps_left = self.marks.traps_left.saturating_sub(1);
        if !interrupt {
            self.await_returns(true)?;
            return Ok(None);
        }
        if self.marks.traps_left == 0 && self.hart.is_between_traps() {
            self.stop_telling()?;
        }
        if matches!(self.effect(pc - 4), Ok(Effect::Wfi)) {
            if self.rest.begins() {
                return self.run_undisturbed();
            }
            // A stub that steps the hart keeps interrupts back: the `wfi` may have been stepped over in a storm.
            if self.marks.innocent != Some(pc) {
                return self.try_interrupted(pc);
            }
            let end = self.rests_with_interrupts(BootEnd::Wfi, true)?;
            self.rests_at = end.is_some().then_some(pc);
            return Ok(end.map(Passed::End));
        }
        let again = self.marks.interrupt == Some((cause, pc));
        self.marks.interrupt = Some((cause, pc));
        self.marks.same = if again { self.marks.same + 1 } else { 0 };
        let suspicious = self.marks.same >= SUSPICIOUS && self.marks.innocent != Some(pc);
        if suspicious || self.is_overdue() { self.try_interrupted(pc) } else { Ok(None) }
    }

    fn trap_return(&mut self, registers: &Registers) -> Result<Passed, Error> {
        let [sepc, sstatus] = self.machine.read_registers(&[csr::SEPC, csr::SSTATUS])?[..] else {
            return Ok(Passed::On);
        };
        self.marks.clock += 1;
        let to = self.machine.linked(Address(sepc))?;
        let (icount, to_user) = (self.marks.clock, sstatus & SPP == 0);
        self.marks.told = Told::default();
        self.hart.event(&HartEvent::TrapReturn { icount, to, sp: registers.sp(), to_user });
        if self.hart.handling().is_none_or(|trap| is_interrupt(trap.cause)) {
            self.await_returns(false)?;
            // Stop between two traps, so that each is reported with its return.
            if self.marks.traps_left == 0 {
                self.stop_telling()?;
            }
        }
        Ok(Passed::On)
    }

    /// Whether the hart, that trapped in a step and is at `pc`, did so unseen.
    pub(super) fn misses_trap(&mut self, pc: Address) -> Result<bool, Error> {
        let is_seen = self.marks.is_handler(self.machine, pc)?;
        self.hart.has_gaps |= !is_seen;
        Ok(!is_seen)
    }

    /// Whether the hart is at the first instruction of its handler.
    pub(super) fn begins_handler(&mut self) -> Result<bool, Error> {
        let pc = Address(self.machine.registers()?.pc);
        self.marks.is_handler(self.machine, pc)
    }

    fn stop_telling(&mut self) -> Result<(), Error> {
        self.hart.has_gaps = true;
        self.marks.remove(self.machine, Mark::Handler)
    }
}
