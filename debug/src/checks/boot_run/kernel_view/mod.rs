//! Shows a machine by the addresses that the kernel is linked for, whichever addresses the hart uses. It does not judge.
//!
//! A higher-half kernel starts at physical addresses, and continues at the addresses of its symbols when satp is set. Other
//! kernels map themselves twice. This view returns pc and sp as linked addresses, sets breakpoints and watchpoints at every known
//! address of a place, and reads and writes the kernel's own memory at its load address, whatever the page table maps now.
//! Everything else is passed through.

mod observer;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::layout::Layout;
use super::machine_mode;
use super::optional;
use super::page_table::PageTable;
use crate::image::Image;
use crate::machine::{Address, Error, Machine, Observed, Observer, Register, Registers, Stop, Watchpoint, csr};
use observer::LinkedObserver;

const SP: usize = Register::SP as usize;
/// How many bytes around the kernel's memory belong to it too: the checks look at the bytes beside BSS.
const BESIDE: u64 = 4096;
/// How many mappings of a kernel are followed. More are ignored.
const MOST_ALIASES: usize = 8;

/// The view on a machine.
pub struct KernelView<'a> {
    machine: &'a mut dyn Machine,
    image: &'a Image,
    spaces: Spaces,
    /// There is RAM at the linked addresses too, and the kernel will copy itself there. Until then it is at its load address.
    moves: Option<bool>,
    /// The hart was last seen at the load address, not at the linked one.
    before_move: bool,
    breakpoints: BTreeSet<Address>,
    watchpoints: Vec<Watchpoint>,
    /// The kernel starts in M-mode. While the hart is there, its CSRs are shown as those of S-mode.
    machine_mode: bool,
}

/// The addresses of the kernel's memory.
struct Spaces {
    /// The kernel's own memory, by linked addresses.
    own: Vec<Range<Address>>,
    /// Linked ranges, each with the offset to its load address.
    loaded: Vec<(Range<Address>, u64)>,
    /// The offsets of further mappings of the kernel.
    aliases: Vec<u64>,
}

impl<'a> KernelView<'a> {
    pub fn of(machine: &'a mut dyn Machine, image: &'a Image, layout: &Layout) -> KernelView<'a> {
        let around = |range: &Range<Address>| {
            let (start, end) = (range.start.0.saturating_sub(BESIDE), range.end.0.saturating_add(BESIDE));
            (range.start < range.end).then_some(Address(start)..Address(end))
        };
        let segments = image.segments().iter().map(|segment| segment.address..segment.end());
        let own: Vec<_> = segments.chain([layout.stack.clone(), layout.bss.clone()]).collect();
        let shift = |range: &Range<Address>| image.physical(range.start).0.wrapping_sub(range.start.0);
        let loaded = own.iter().map(|range| (range.clone(), shift(range))).filter(|(_, shift)| *shift != 0).collect();
        let own = own.iter().filter_map(around).collect();
        let spaces = Spaces { own, loaded, aliases: Vec::new() };
        let (moves, before_move) = (None, true);
        let machine_mode = machine_mode::starts_there(image, layout.entry);
        let (breakpoints, watchpoints) = (BTreeSet::new(), Vec::new());
        KernelView { machine, image, spaces, moves, before_move, breakpoints, watchpoints, machine_mode }
    }

    /// Whether the kernel starts in M-mode.
    pub fn starts_in_machine_mode(&self) -> bool {
        self.machine_mode
    }

    /// Whether the kernel starts in M-mode and the hart is still there.
    pub fn is_in_machine_mode(&mut self) -> bool {
        self.machine_mode && machine_mode::is_in(self.machine)
    }

    /// Finds out whether the kernel now runs in another mapping. If so, breakpoints and watchpoints are set there too.
    fn look_for_aliases(&mut self, address: Address) -> Result<(), Error> {
        if self.spaces.linked(address).is_some() || self.spaces.aliases.len() >= MOST_ALIASES {
            return Ok(());
        }
        let satp = optional(self.machine.read_register(csr::SATP))?.unwrap_or(0);
        let Some(table) = PageTable::of(satp, self.image.xlen()) else { return Ok(()) };
        let Some(physical) = table.translate(self.machine, address)? else { return Ok(()) };
        let linked = self.image.linked(physical);
        if !self.image.is_code(linked) {
            return Ok(());
        }
        let alias = address.0.wrapping_sub(linked.0);
        self.spaces.aliases.push(alias);
        for breakpoint in self.breakpoints.clone() {
            self.machine.insert_breakpoint(moved(breakpoint, alias))?;
        }
        for watchpoint in self.watchpoints.clone().iter().filter(|watchpoint| self.spaces.is_own(watchpoint.address)) {
            self.machine.insert_watchpoint(Watchpoint { address: moved(watchpoint.address, alias), ..*watchpoint })?;
        }
        Ok(())
    }

    /// The load address at which to read and write the kernel's memory, if it differs from what the hart uses.
    fn loaded(&mut self, start: Address) -> Option<Address> {
        let physical = self.image.physical(start);
        if !self.spaces.is_own(start) || physical == start {
            return None;
        }
        // This is first needed at the entry, where addresses are not translated yet.
        let machine = &mut *self.machine;
        let moves = *self.moves.get_or_insert_with(|| machine.read_memory(start, &mut [0]).is_ok());
        let in_file = |segment: &crate::image::Segment| {
            segment.address <= start && start.0 - segment.address.0 < segment.file.len() as u64
        };
        let is_there = moves && !(self.before_move && self.image.segments().iter().any(in_file));
        (!is_there).then_some(physical)
    }

    fn stop(&mut self, stop: Stop) -> Stop {
        match stop {
            Stop::Watchpoint { address } => {
                Stop::Watchpoint { address: self.spaces.linked(address).unwrap_or(address) }
            }
            stop => stop,
        }
    }

    /// Whether every place of the kernel has only one known address.
    fn is_plain(&self) -> bool {
        self.spaces.loaded.is_empty() && self.spaces.aliases.is_empty()
    }
}

impl Spaces {
    fn is_own(&self, address: Address) -> bool {
        self.own.iter().any(|range| range.contains(&address))
    }

    /// The linked address for any known address of the kernel; `None` for other addresses.
    fn linked(&self, address: Address) -> Option<Address> {
        let loaded = self.loaded.iter().filter_map(|(range, shift)| {
            let linked = moved(address, shift.wrapping_neg());
            (range.contains(&linked) || range.end == linked).then_some(linked)
        });
        let aliases = self.aliases.iter().map(|alias| moved(address, alias.wrapping_neg()));
        self.is_own(address)
            .then_some(address)
            .or_else(|| loaded.into_iter().next())
            .or_else(|| aliases.into_iter().find(|linked| self.is_own(*linked)))
    }

    fn or_same(&self, address: Address) -> Address {
        self.linked(address).unwrap_or(address)
    }

    /// The other addresses of a place with this linked address.
    fn others(&self, linked: Address) -> Vec<Address> {
        let loaded = self.loaded.iter().filter(|(range, _)| range.contains(&linked)).map(|(_, shift)| *shift).take(1);
        let aliases = self.aliases.iter().copied().filter(|_| self.is_own(linked));
        loaded.chain(aliases).map(|shift| moved(linked, shift)).collect()
    }
}

fn moved(address: Address, by: u64) -> Address {
    Address(address.0.wrapping_add(by))
}

impl Machine for KernelView<'_> {
    fn name(&self) -> &str {
        self.machine.name()
    }

    fn registers(&mut self) -> Result<Registers, Error> {
        let mut registers = self.machine.registers()?;
        let pc = Address(registers.pc);
        self.look_for_aliases(pc)?;
        registers.pc = self.spaces.or_same(pc).0;
        self.before_move = registers.pc != pc.0;
        registers.x[SP] = self.spaces.or_same(registers.sp()).0;
        Ok(registers)
    }

    fn read_register(&mut self, register: Register) -> Result<u64, Error> {
        match self.is_in_machine_mode() {
            true => machine_mode::read(self.machine, register),
            false => self.machine.read_register(register),
        }
    }

    fn read_registers(&mut self, registers: &[Register]) -> Result<Vec<u64>, Error> {
        match self.is_in_machine_mode() {
            true => registers.iter().map(|register| machine_mode::read(self.machine, *register)).collect(),
            false => self.machine.read_registers(registers),
        }
    }

    /// For a kernel in M-mode both are written: it may go on in S-mode.
    fn write_register(&mut self, register: Register, value: u64) -> Result<(), Error> {
        if let Some(own) = machine_mode::counterpart(register)
            && self.is_in_machine_mode()
        {
            self.machine.write_register(own, value)?;
        }
        self.machine.write_register(register, value)
    }

    fn read_memory(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        if let Some(loaded) = self.loaded(start) {
            return self.machine.read_physical(loaded, bytes);
        }
        match self.machine.read_memory(start, bytes) {
            // The page table does not map it; it may be that of a user program.
            Err(Error::Refused { .. }) if self.spaces.is_own(start) => {
                self.machine.read_physical(self.image.physical(start), bytes)
            }
            read => read,
        }
    }

    fn write_memory(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        if let Some(loaded) = self.loaded(start) {
            return self.machine.write_physical(loaded, bytes);
        }
        match self.machine.write_memory(start, bytes) {
            Err(Error::Refused { .. }) if self.spaces.is_own(start) => {
                self.machine.write_physical(self.image.physical(start), bytes)
            }
            written => written,
        }
    }

    fn read_physical(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        self.machine.read_physical(start, bytes)
    }

    fn write_physical(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        self.machine.write_physical(start, bytes)
    }

    fn has_passed(&mut self, deadline: Instant) -> bool {
        self.machine.has_passed(deadline)
    }

    fn insert_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        self.breakpoints.insert(address);
        for other in self.spaces.others(address) {
            self.machine.insert_breakpoint(other)?;
        }
        self.machine.insert_breakpoint(address)
    }

    fn remove_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        self.breakpoints.remove(&address);
        for other in self.spaces.others(address) {
            self.machine.remove_breakpoint(other)?;
        }
        self.machine.remove_breakpoint(address)
    }

    fn insert_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        self.watchpoints.push(watchpoint);
        for address in self.spaces.others(watchpoint.address) {
            self.machine.insert_watchpoint(Watchpoint { address, ..watchpoint })?;
        }
        self.machine.insert_watchpoint(watchpoint)
    }

    fn remove_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        let found = self.watchpoints.iter().position(|known| *known == watchpoint);
        if let Some(index) = found {
            self.watchpoints.swap_remove(index);
        }
        for address in self.spaces.others(watchpoint.address) {
            self.machine.remove_watchpoint(Watchpoint { address, ..watchpoint })?;
        }
        self.machine.remove_watchpoint(watchpoint)
    }

    fn step(&mut self, count: u64, limit: Duration) -> Result<(u64, Stop), Error> {
        let (executed, stop) = self.machine.step(count, limit)?;
        Ok((executed, self.stop(stop)))
    }

    fn resume(&mut self, limit: Duration) -> Result<Stop, Error> {
        let stop = self.machine.resume(limit)?;
        Ok(self.stop(stop))
    }

    fn harts(&self) -> usize {
        self.machine.harts()
    }

    fn has_semihosting(&self) -> bool {
        self.machine.has_semihosting()
    }

    fn others_wait(&self) -> bool {
        self.machine.others_wait()
    }

    fn boot_on(&mut self, hart: u64) -> Result<bool, Error> {
        self.machine.boot_on(hart)
    }

    fn follow(&mut self) {
        self.machine.follow();
    }

    fn show_other(&mut self, index: Option<usize>) -> Result<bool, Error> {
        self.machine.show_other(index)
    }

    fn printed(&mut self) -> Option<Vec<u8>> {
        self.machine.printed()
    }

    fn begin_console(&mut self) {
        self.machine.begin_console();
    }

    fn type_in(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.machine.type_in(bytes)
    }

    fn linked(&mut self, address: Address) -> Result<Address, Error> {
        self.look_for_aliases(address)?;
        Ok(self.spaces.or_same(address))
    }

    fn executed(&self) -> Option<u64> {
        self.machine.executed()
    }

    fn interrupt_at(&mut self, executed: u64) {
        self.machine.interrupt_at(executed);
    }

    fn observed(&mut self) -> Option<&mut dyn Observed> {
        if self.is_plain() && !self.machine_mode {
            return self.machine.observed();
        }
        self.machine.observed()?;
        Some(self)
    }
}

/// Only used if the machine below is observed, and remains so.
impl Observed for KernelView<'_> {
    fn step_observed(
        &mut self,
        count: u64,
        limit: Duration,
        observer: &mut dyn Observer,
    ) -> Result<(u64, Stop), Error> {
        let mut observer = LinkedObserver { observer, spaces: &self.spaces, machine_mode: self.machine_mode };
        let (executed, stop) = match self.machine.observed() {
            Some(machine) => machine.step_observed(count, limit, &mut observer)?,
            None => self.machine.step(count, limit)?,
        };
        Ok((executed, self.stop(stop)))
    }

    fn resume_observed(&mut self, limit: Duration, observer: &mut dyn Observer) -> Result<Stop, Error> {
        let mut observer = LinkedObserver { observer, spaces: &self.spaces, machine_mode: self.machine_mode };
        let stop = match self.machine.observed() {
            Some(machine) => machine.resume_observed(limit, &mut observer)?,
            None => self.machine.resume(limit)?,
        };
        Ok(self.stop(stop))
    }

    fn skip_time(&mut self, ticks: u64) {
        if let Some(machine) = self.machine.observed() {
            machine.skip_time(ticks);
        }
    }

    fn written_pages(&mut self) -> Vec<u32> {
        self.machine.observed().map_or_else(Vec::new, |machine| machine.written_pages())
    }
}
