//! Gathers what a page shows of a boot, in one observed run: a time line, the stores, the stack's depth, the profile. All of it is summed up
//! in a fixed number of columns, whatever the run's length. It does not draw.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::calls::Calls;
use super::clear::Clear;
use super::moment::{COLUMNS, Mark};
use super::printed::PrintedLines;
use super::stacks::Stacks;
use super::tables::{PageTables, page_tables};
use super::traps::Traps;
use super::{By, Profile};
use crate::embedded::{Change, Embedded, Error, Options};
use crate::image::Image;
use crate::machine::{Address, HartEvent, Interest, Jump, Machine, Observed, Observer, StackPointerMove, Stop, Store};
use crate::riscv::board::DEVICE_TREE_MAGIC;
use crate::riscv::csr;

/// Stores are looked at up to this moment: a run may be long.
const LOOKED_AT: u64 = 20_000_000;
/// Two stores of a clear have fewer instructions between them.
const AT_ONCE: u64 = 1000;
/// How many instructions are executed before what was printed is taken: the machine does not keep all of it.
const PART: u64 = 1 << 20;
const PAGE: u64 = 4096;

/// The deepest use of the stack in a stretch of time, which is the shorter the earlier it comes: so the beginning can be enlarged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Instructions executed before the moment.
    pub icount: u64,
    /// sp.
    pub sp: Address,
    /// The function.
    pub function: Address,
}

/// What a page shows of a boot.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// The run's length in instructions.
    pub end: u64,
    /// The time line, in order; of each kind of trap the first.
    pub marks: Vec<Mark>,
    /// All traps and interrupts.
    pub traps: Traps,
    /// What was printed, by line.
    pub console: PrintedLines,
    /// The stores to BSS.
    pub clear: Clear,
    /// By page of RAM, physical: how many stores.
    pub written: BTreeMap<u64, u64>,
    /// The stores were looked at up to this moment.
    pub looked_at: u64,
    /// The stack's use over time.
    pub depth: Vec<Depth>,
    /// What else than the boot's stack was used as one, physical: from the first byte to behind the last.
    pub other_stacks: BTreeMap<u64, u64>,
    /// Instructions by function.
    pub profile: Profile,
    /// The device tree that the firmware gave; empty for none.
    pub device_tree: Range<u64>,
    /// The page tables at the end, where translation is on.
    pub page_tables: Vec<PageTables>,
}

/// What of a kernel is looked at.
pub struct Look {
    /// BSS.
    pub bss: Range<Address>,
    /// The stack.
    pub stack: Range<Address>,
}

impl Boot {
    /// Where the boot itself ends, if all but the end of the run lies in a small part of it.
    pub fn beginning(&self) -> Option<u64> {
        const SMALL: u64 = 5;
        let last = self.marks.iter().rev().nth(1)?.icount;
        Some(last + last / 10 + 1).filter(|end| self.marks.len() > 2 && *end < self.end / SMALL)
    }
}

/// The number of a moment's stretch: an instruction at first, later at most a 512th of the time that has passed.
fn stretch(icount: u64) -> u64 {
    let shift = (u64::BITS - icount.leading_zeros()).saturating_sub(10);
    (u64::from(shift) << 10) + (icount >> shift)
}

/// Does a run again on a new machine, and gathers what a page shows.
///
/// # Errors
/// If the kernel cannot be loaded.
pub fn gather(
    image: &Image,
    options: &Options,
    changes: &[(u64, Change)],
    end: u64,
    look: &Look,
) -> Result<Boot, Error> {
    let mut machine = Embedded::load(image, options)?;
    // Of several harts, the one that boots.
    machine.follow();
    let start = look.bss.start.0;
    let pc = Address(machine.general_registers().pc);
    let mut gathering = Gathering {
        boot: Boot { end, clear: Clear::of(start..look.bss.end.0), looked_at: end.min(LOOKED_AT), ..Boot::default() },
        calls: Calls::new(image, pc, 0),
        stacks: Stacks::default(),
        look,
        is_set: false,
        first_part: None,
        has_printed: false,
        looks_at_stores: true,
        has_changed: false,
        latest: (u64::MAX, 0),
        clear: None,
        ended: false,
        rest: None,
        half: image.xlen().high(),
        high: if start < image.xlen().high() { 0 } else { start.wrapping_sub(image.physical(look.bss.start).0) },
    };
    gathering.mark(0, "entry", pc);
    gathering.boot.device_tree = device_tree(&machine);
    run(&mut machine, changes, end, &mut gathering);
    Ok(gathering.finish(image, &mut machine))
}

/// Where a1 points at the entry, and as long as its header says.
fn device_tree(machine: &Embedded) -> Range<u64> {
    let start = machine.general_registers().a1();
    let mut header = [0; 8];
    let is_read = machine.peek(Address(start), &mut header);
    let [magic, size] =
        [0, 4].map(|at| header[at..at + 4].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
    if is_read && magic == u64::from(DEVICE_TREE_MAGIC) { start..start.saturating_add(size) } else { 0..0 }
}

fn run(machine: &mut Embedded, changes: &[(u64, Change)], end: u64, gathering: &mut Gathering<'_>) {
    let mut changes = changes.iter().peekable();
    let mut paged = false;
    for column in 1..=COLUMNS as u64 {
        let until = (u128::from(end) * u128::from(column) / COLUMNS as u128) as u64;
        loop {
            let next = changes.peek().map_or(until, |(at, _)| until.min(*at));
            advance(machine, next, gathering);
            match changes.next_if(|(at, _)| *at <= next) {
                Some((_, change)) => drop(machine.change(change)),
                None => break,
            }
        }
        let begun = (u128::from(end) * u128::from(column - 1) / COLUMNS as u128) as u64;
        if !paged && satp(machine) != 0 {
            paged = true;
            let moment = first_paged(machine, begun, machine.icount());
            gathering.mark(moment, "satp: translation is on", Address(0));
        }
    }
}

fn advance(machine: &mut Embedded, target: u64, gathering: &mut Gathering<'_>) {
    while machine.icount() < target {
        let before = machine.icount();
        let left = (target - before).min(PART);
        let stepped = machine.step_observed(left, Duration::MAX, gathering);
        gathering.boot.console.take(&machine.new_console_output());
        if machine.icount() == before || matches!(stepped, Err(_) | Ok((_, Stop::Fault(_) | Stop::Exited { .. }))) {
            return;
        }
    }
}

fn satp(machine: &mut Embedded) -> u64 {
    machine.read_register(csr::SATP).unwrap_or(0)
}

/// The first moment in a stretch, at whose end satp is set, at which it is.
fn first_paged(machine: &mut Embedded, mut before: u64, mut after: u64) -> u64 {
    while before + 1 < after {
        let middle = before + (after - before) / 2;
        match machine.at_moment(middle, satp) {
            Some(0) => before = middle,
            Some(_) => after = middle,
            None => return after,
        }
    }
    after
}

struct Gathering<'a> {
    boot: Boot,
    calls: Calls<'a>,
    stacks: Stacks,
    look: &'a Look,
    /// sp was set to the stack.
    is_set: bool,
    /// What an instruction left in sp that may be the first part of a value only, when, and where.
    first_part: Option<(Address, u64, Address)>,
    has_printed: bool,
    looks_at_stores: bool,
    has_changed: bool,
    /// The page of the latest stores, and how many.
    latest: (u64, u64),
    /// The first and last moment at which BSS was cleared, and where.
    clear: Option<(Mark, Mark)>,
    /// BSS was used for something else.
    ended: bool,
    /// The first `wfi` that waited: when, and where.
    rest: Option<(u64, Address)>,
    /// What the addresses of a kernel that is linked high are more than those where it is loaded; 0 for others.
    high: u64,
    /// Where the upper half of virtual addresses begins.
    half: u64,
}

impl Gathering<'_> {
    fn mark(&mut self, icount: u64, what: &str, pc: Address) {
        self.boot.marks.push(Mark { icount, what: what.into(), pc, is_trap: false });
    }

    fn column(&self, icount: u64) -> usize {
        let column = u128::from(icount) * COLUMNS as u128 / u128::from(self.boot.end.max(1));
        (column as usize).min(COLUMNS - 1)
    }

    /// The linked address: until paging is on, a kernel that is linked high has its memory where it is loaded.
    fn linked(&self, address: Address) -> Address {
        if address.0 < self.half { address + self.high } else { address }
    }

    /// sp is in the boot's stack; at its low end another may begin.
    fn is_in_stack(&self, sp: Address) -> bool {
        sp > self.look.stack.start && sp <= self.look.stack.end
    }

    fn deepen(&mut self, icount: u64, sp: Address) {
        let sp = self.linked(sp);
        if !self.is_in_stack(sp) {
            return;
        }
        let depth = Depth { icount, sp, function: self.calls.present() };
        match self.boot.depth.last_mut().filter(|latest| stretch(latest.icount) == stretch(icount)) {
            Some(latest) if sp < latest.sp => *latest = depth,
            Some(_) => {}
            None => self.boot.depth.push(depth),
        }
    }

    /// sp has this value where it is used: it was set, if that was its first part.
    fn use_stack(&mut self, sp: Address) {
        if let Some((_, icount, pc)) = self.first_part.take().filter(|(value, ..)| *value == sp && !self.is_set) {
            self.set_stack(icount, pc);
        }
    }

    fn set_stack(&mut self, icount: u64, pc: Address) {
        (self.is_set, self.has_changed) = (true, true);
        self.mark(icount, "sp is set to the stack", pc);
    }

    fn write_to_bss(&mut self, store: &Store) {
        let is_translated = store.address != store.physical;
        let address = if is_translated { store.address } else { self.linked(store.address) };
        if !self.boot.clear.store(store.icount, store.pc.0, address.0, store.new == 0) {
            return;
        }
        if store.new != 0 {
            self.ended = true;
        } else if !self.ended {
            let mark = |what: &str| Mark { icount: store.icount, what: what.into(), pc: store.pc, is_trap: false };
            let first = self.clear.take().map_or_else(|| mark("the BSS clear begins"), |(first, _)| first);
            self.clear = Some((first, mark("the BSS clear ends")));
        }
    }

    fn finish(mut self, image: &Image, machine: &mut Embedded) -> Boot {
        self.calls.finish(machine.icount());
        self.boot.console.end_line();
        let mut boot = self.boot;
        boot.other_stacks = self.stacks.used();
        *boot.written.entry(self.latest.0).or_insert(0) += self.latest.1;
        boot.written.remove(&u64::MAX);
        if let Some((first, mut last)) = self.clear {
            // Nobody has seen its end.
            if boot.looked_at < boot.end && last.icount + AT_ONCE > boot.looked_at {
                last.what = "the BSS clear goes on: later stores were not looked at".into();
            }
            boot.marks.extend([first, last]);
        }
        let used = boot.depth.iter().filter(|depth| depth.sp < self.look.stack.end);
        if let Some(deepest) = used.min_by_key(|depth| depth.sp) {
            let (icount, what) =
                (deepest.icount, format!("the stack is deepest: {} bytes", self.look.stack.end.0 - deepest.sp.0));
            boot.marks.push(Mark { icount, what, pc: deepest.function, is_trap: false });
        }
        if let Some((icount, pc)) = self.rest.filter(|(icount, _)| icount + 1 < machine.icount()) {
            boot.marks.push(Mark { icount, what: "it rests: `wfi` waits".into(), pc, is_trap: false });
        }
        boot.marks.extend(boot.traps.marks());
        let last = Address(machine.general_registers().pc);
        let what = if machine.waits_for_ever() { "at rest: waits for an interrupt" } else { "the end" };
        boot.marks.sort_by_key(|mark| mark.icount);
        boot.marks.push(Mark { icount: machine.icount(), what: what.into(), pc: last, is_trap: false });
        boot.page_tables = page_tables(machine);
        boot.profile = self.calls.profile(image, By::Line);
        count_poison(machine, image, &self.look.bss, &mut boot.clear);
        boot
    }
}

fn count_poison(machine: &mut Embedded, image: &Image, bss: &Range<Address>, clear: &mut Clear) {
    const POISON: u8 = 0xa5;
    let mut bytes = vec![0; usize::try_from(bss.end.0 - bss.start.0).unwrap_or(0).min(64 << 20)];
    if machine.read_physical(image.physical(bss.start), &mut bytes).is_ok() {
        clear.count_poison(&bytes, POISON);
    }
}

impl Observer for Gathering<'_> {
    fn interest(&self) -> Interest {
        // Once it is set, only moves that leave a stack.
        let stack = &self.look.stack;
        let loaded = stack.start - self.high..stack.end - self.high;
        let stacks = [stack.clone(), loaded].into_iter().chain(self.stacks.quiet());
        let quiet_stacks = Some(if self.is_set { stacks.collect() } else { Vec::new() });
        let stores = if self.looks_at_stores { None } else { Some(Vec::new()) };
        Interest { stores, quiet_stacks, jumps: true, ..Interest::default() }
    }

    fn store(&mut self, store: &Store) {
        let page = store.physical.0 / PAGE;
        if page == self.latest.0 {
            self.latest.1 += 1;
        } else {
            let (page, count) = std::mem::replace(&mut self.latest, (page, 1));
            *self.boot.written.entry(page).or_insert(0) += count;
        }
        self.write_to_bss(store);
        self.use_stack(store.sp);
        self.deepen(store.icount, store.sp);
        if !self.is_in_stack(self.linked(store.sp)) {
            self.stacks.store(store);
        }
    }

    fn jump(&mut self, jump: &Jump) {
        if self.looks_at_stores && jump.icount > LOOKED_AT {
            (self.looks_at_stores, self.has_changed) = (false, true);
        }
        self.use_stack(jump.sp);
        self.deepen(jump.icount, jump.sp);
        self.calls.jump(jump);
    }

    fn stack_pointer(&mut self, moved: &StackPointerMove) {
        self.stacks.moved(moved);
        // Right behind it `addi` is the second part; later it makes a frame, and uses what was there.
        if moved.relative && self.first_part.is_some_and(|(_, icount, _)| moved.icount > icount + 1) {
            self.use_stack(moved.old);
        }
        let new = self.linked(moved.new);
        if self.is_set || !self.is_in_stack(new) {
            self.first_part = None;
        } else if moved.partial {
            self.first_part = Some((moved.new, moved.icount, moved.pc));
        } else {
            self.set_stack(moved.icount, moved.pc);
        }
    }

    fn event(&mut self, event: &HartEvent) {
        self.calls.event(event);
        match event {
            HartEvent::Trap(trap) => {
                let column = self.column(trap.icount);
                self.boot.traps.take(trap, column);
            }
            HartEvent::Wait { icount, pc, waits: true, .. } => drop(self.rest.get_or_insert((*icount, *pc))),
            HartEvent::Printed { icount } => {
                if !std::mem::replace(&mut self.has_printed, true) {
                    self.mark(*icount, "first output", self.calls.present());
                }
                self.boot.console.note(*icount);
            }
            _ => {}
        }
    }

    fn has_new_interest(&mut self) -> bool {
        std::mem::take(&mut self.has_changed) | (self.is_set && self.stacks.take_changed())
    }
}
