//! The answers in words, for a person who has the kernel's image. It does not ask.

use super::page::{Level, Page, Walk};
use super::{FaultingPage, LastWrite, Memory, Moment, Reads, Why};
use crate::embedded::Arrivals;
use crate::image::{Image, Place};
use crate::machine::{Address, Fault, Store, TakenTrap};
use crate::riscv::page_table::{self, Scheme};
use crate::riscv::{self, Xlen, cause, csr};

/// How the one who reads the words goes to a moment: a command, to which the moment is added, such as `monitor goto`.
pub type Goto<'a> = &'a str;

/// What was before the history's beginning is not known.
pub fn forgotten(beginning: u64) -> String {
    format!("the history begins at instruction {beginning}: what was before is not known")
}

/// Who wrote it last or first, what, and how to go there.
pub fn write(image: &Image, answer: &LastWrite, goto: Goto<'_>) -> String {
    let LastWrite { memory, store, .. } = answer;
    let place = image.place(memory.start);
    let Some(store) = store else {
        let bytes = format!("{} bytes", memory.length);
        return match answer.changed_otherwise {
            true => format!(
                "no instruction has written to {place} so far ({bytes} from there on), but it has changed since the start: a device or a debugger wrote to it"
            ),
            false => format!("no instruction has written to {place} so far ({bytes} from there on)"),
        };
    };
    let width = 2 + 2 * usize::from(store.length);
    format!(
        "{}{}: {:#0width$x} -> {:#0width$x}\nby instruction {}, {}\nto go there: {goto} {}",
        image.place(store.address),
        in_ram(memory, store),
        store.old,
        store.new,
        store.icount,
        image.place(store.pc),
        store.icount,
    )
}

/// Where a store went in RAM, if that is not the address that was asked about.
fn in_ram(memory: &Memory, store: &Store) -> String {
    let within = store.address.0.wrapping_sub(memory.start.0) < memory.length;
    match store.address == store.physical || !memory.physical && within {
        true => String::new(),
        false => format!(", which is {} in RAM", store.physical),
    }
}

/// Who read it, a line for each instruction.
pub fn reads(image: &Image, answer: &Reads, goto: Goto<'_>) -> String {
    let (place, bytes) = (image.place(answer.memory.start), answer.memory.length);
    if answer.ranges.is_empty() {
        return format!("{place} is not mapped now, so its reads cannot be told");
    }
    let Some(first) = answer.loads.first() else {
        return format!("no instruction has read {place} so far ({bytes} bytes from there on)");
    };
    let mut lines = format!("{place} was read by these instructions ({bytes} bytes from there on):\n");
    for loads in &answer.loads {
        let width = 2 + 2 * usize::from(loads.first.length);
        let value = format!("{:#0width$x}", loads.first.value);
        let times = match loads.count {
            1 => format!("once, {value}"),
            count => format!("{count} times, first {value}, last at instruction {}", loads.last.icount),
        };
        lines += &format!("{:>12}  {}: {times}\n", loads.first.icount, image.place(loads.pc()));
    }
    lines + &format!("to go to the first: {goto} {}", first.first.icount)
}

/// What trapped, with the instruction as it was then, and who took it.
pub fn trap(image: &Image, trap: &TakenTrap) -> String {
    let mut words = format!("{}, at instruction {}; its handler: ", trap_in_brief(image, trap), trap.icount);
    // A guest that a hypervisor leaves its traps has a handler of its own.
    words += &if trap.by_guest { of_guest(image, trap.handler) } else { image.place(trap.handler).to_string() };
    words
}

/// A trap's cause, instruction, value and place.
pub fn exception(image: &Image, scause: u64, pc: Address, value: u64, instruction: Option<&[u8]>) -> String {
    exception_at(image.xlen(), (scause, pc, value), instruction, |address| image.place(address).to_string())
}

/// As [`exception`], where addresses are said like this.
fn exception_at(
    xlen: Xlen,
    (scause, pc, value): (u64, Address, u64),
    instruction: Option<&[u8]>,
    place: impl Fn(Address) -> String,
) -> String {
    let at = place(pc);
    if cause::is_interrupt(scause) {
        return format!("{} before {at}", cause::cause(scause));
    }
    let instruction = match instruction {
        Some(bytes) => format!("`{}`", riscv::disassemble(xlen, pc, bytes)),
        None => "no memory".into(),
    };
    let about = if value == 0 { String::new() } else { format!(", stval {}", place(Address(value))) };
    format!("{}: {instruction}{about}, at {at}", cause::cause(scause))
}

/// Traps, one a line, the latest last.
pub fn traps(image: &Image, traps: &[TakenTrap]) -> String {
    let line = |trap: &TakenTrap| {
        let from = match (trap.from_guest, trap.from_user) {
            (false, false) => "",
            (false, true) => " from U-mode",
            (true, false) => " from VS-mode",
            (true, true) => " from VU-mode",
        };
        format!("{:>12}  {}{from}\n", trap.icount, self::trap_in_brief(image, trap))
    };
    traps.iter().map(line).collect()
}

fn trap_in_brief(image: &Image, trap: &TakenTrap) -> String {
    let bytes = trap.instruction.as_ref().map(|bytes| bytes.as_slice());
    let words = exception_at(image.xlen(), (trap.cause, trap.pc, trap.value), bytes, |address| match trap.from_guest {
        true if address == trap.pc || cause::has_address(trap.cause) => of_guest(image, address),
        true => address.to_string(),
        false => image.place(address).to_string(),
    });
    match trap.guest_physical {
        Some(physical) => format!("{words}, guest-physical {physical}"),
        None => words,
    }
}

/// An address of the guest, with the guest's own symbols: the hypervisor's say nothing of it.
pub fn of_guest(image: &Image, address: Address) -> String {
    let named = image.guest().map_or_else(|| address.to_string(), |guest| guest.place(address).to_string());
    named.replacen(&address.to_string(), &format!("{address} of the guest"), 1)
}

/// How many arrivals are told one by one.
const TOLD: usize = 10;

/// When an instruction was executed, by whom it was called, and how to go there.
pub fn when(image: &Image, address: Address, arrivals: &Arrivals, goto: Goto<'_>) -> String {
    let place = image.place(address);
    let (Some(first), Some(last)) = (arrivals.first.first(), arrivals.last) else {
        return format!("{place} has not been executed so far");
    };
    let is_function = place.symbol.as_ref().is_some_and(|(_, offset)| *offset == 0);
    let from = |ra: Address| match is_function && image.is_code(ra) {
        true => format!(", from {}", image.place(ra)),
        false => String::new(),
    };
    if arrivals.count == 1 {
        let icount = first.icount;
        return format!(
            "{place} was executed once, at instruction {icount}{}\nto go there: {goto} {icount}",
            from(first.ra)
        );
    }
    let (first, last, count) = (first.icount, last.icount, arrivals.count);
    let mut lines = format!("{place} was executed {count} times: first at instruction {first}, and last at {last}");
    for arrival in arrivals.first.iter().take(TOLD) {
        lines += &format!("\n{:>12}{}", arrival.icount, from(arrival.ra));
    }
    if arrivals.count > TOLD as u64 {
        lines += &format!("\n         ... and {} more", arrivals.count - TOLD as u64);
    }
    lines + &format!("\nto go there: {goto} {first}, {goto} {last}")
}

/// The last trap, or the fault that stopped the machine.
pub fn why(image: &Image, why: &Why) -> String {
    match why {
        Why::Nothing => "no trap since boot".into(),
        Why::Trap { trap, page } => self::trap(image, trap) + &walked(image, page.as_ref()),
        Why::Fault { fault, instruction, backtrace, page } => {
            let words = fault_in_words(image, *fault, instruction.as_ref().map(|bytes| bytes.as_slice()));
            words + &callers(backtrace) + &walked(image, page.as_ref())
        }
    }
}

/// The way through the page tables at a page fault, and what its last entry lacks.
fn walked(image: &Image, faulting: Option<&FaultingPage>) -> String {
    let Some(FaultingPage { page, code, from_user }) = faulting else { return String::new() };
    let words = self::page(image, page);
    let refused = if cause::is_guest_page(*code) { page.second.as_ref() } else { Some(&page.first) };
    let leaf = refused.and_then(|walk| walk.levels.last()).filter(|level| level.is_leaf());
    let Some(entry) = leaf.and_then(|level| level.entry) else { return format!("\n{words}") };
    let (needed, letter) = match () {
        () if cause::is_of_fetch(*code) => (page_table::EXECUTE, 'X'),
        () if cause::is_of_store(*code) => (page_table::WRITE, 'W'),
        () => (page_table::READ, 'R'),
    };
    let is_users = entry & page_table::USER != 0;
    let lacks = match () {
        () if entry & needed == 0 => format!("the page does not allow it: {letter} is 0"),
        () if cause::is_guest_page(*code) && !is_users => "the second stage needs U, which is 0".into(),
        () if cause::is_guest_page(*code) => return format!("\n{words}"),
        () if *from_user && !is_users => "the page is not U-mode's: U is 0".into(),
        () if !*from_user && is_users => {
            "the page is U-mode's (U is 1): S-mode never executes there, and loads and stores only with sstatus.SUM"
                .into()
        }
        () if entry & page_table::ACCESSED == 0 => "A is 0, and this hart does not set it".into(),
        () if entry & page_table::DIRTY == 0 && letter == 'W' => "D is 0, and this hart does not set it".into(),
        () => return format!("\n{words}"),
    };
    format!("\n{words}\nbut {lacks}")
}

/// Why a machine stopped by itself.
pub fn fault_in_words(image: &Image, fault: Fault, instruction: Option<&[u8]>) -> String {
    match fault {
        Fault::Trap { cause, value, pc } => {
            let trap = exception(image, cause, pc, value, instruction);
            format!("{trap}; no handler takes it: stvec is still the kernel's entry")
        }
        fault => fault.to_string(),
    }
}

fn callers(backtrace: &[Place]) -> String {
    backtrace.iter().skip(1).map(|place| format!("\nfrom {place}")).collect()
}

/// Where the hart is at a moment: the instruction, the functions that it is in, and the registers.
pub fn moment(image: &Image, moment: &Moment) -> String {
    let Moment { icount, registers, privilege, instruction, backtrace } = moment;
    let here = match backtrace.first() {
        Some(place) => place.clone(),
        None => image.place(Address(registers.pc)),
    };
    let code = match instruction {
        Some(bytes) => format!("`{}`", riscv::disassemble(image.xlen(), Address(registers.pc), bytes.as_slice())),
        None => "no memory".into(),
    };
    let digits = 2 + 2 * image.xlen().bytes();
    let mut lines = format!("instruction {icount}: {code}, at {here}, {privilege}{}\n", callers(backtrace));
    for row in registers.x.chunks(4).enumerate() {
        let cells = row.1.iter().enumerate().map(|(column, value)| {
            let name = crate::machine::Register::Gpr((4 * row.0 + column) as u8).to_string();
            format!("{name:>4} {value:#0digits$x}")
        });
        lines += &format!("{}\n", cells.collect::<Vec<_>>().join("  "));
    }
    lines + &format!("  pc {:#0digits$x}", registers.pc)
}

/// The way through the page tables, a line for each level.
pub fn page(image: &Image, page: &Page) -> String {
    let of_guest = page.first.register == csr::VSATP;
    let place = if of_guest { self::of_guest(image, page.address) } else { image.place(page.address).to_string() };
    let is_bare = |walk: &Walk| walk.scheme.is_none();
    if is_bare(&page.first) && !of_guest {
        return format!("{place}: nothing is translated (satp {:#x}), it is the physical address", page.first.value);
    }
    let mut lines = format!("{place}: {}", stage(&page.first));
    let Some(second) = page.second.as_ref().filter(|_| page.first.holds_address()) else {
        return lines
            + &end(
                page,
                if of_guest { "page fault, which the guest takes if hedeleg leaves it" } else { "page fault" },
            );
    };
    if !is_bare(&page.first) {
        lines += &format!("\nit is guest-physical {}", second.address);
    }
    lines += &format!("\n{}: {}", second.address, stage(second));
    lines + &end(page, "guest-page fault")
}

fn end(page: &Page, fault: &str) -> String {
    let last = page.second.as_ref().unwrap_or(&page.first);
    match page.physical {
        Some(physical) => format!("\nit leads to {physical}"),
        None if !last.holds_address() => String::new(),
        None if page.first.levels.iter().any(|level| level.physical.is_none()) => {
            "\nit is not mapped: an access is a guest-page fault, of an entry that the hart reads itself".into()
        }
        None => format!("\nit is not mapped: an access is a {fault}"),
    }
}

/// A stage's mode, and its levels.
fn stage(walk: &Walk) -> String {
    let (register, value) = (walk.register, walk.value);
    let Some(mode) = walk.scheme.map(Scheme::name) else {
        let kind = if walk.is_second() { "physical" } else { "guest-physical" };
        return format!("nothing is translated ({register} {value:#x}), it is the {kind} address");
    };
    let wider = if walk.is_second() { "x4" } else { "" };
    let mut lines = format!("{mode}{wider}, {register} {value:#x}");
    if !walk.holds_address() {
        let rule = if walk.is_second() { "must be zero" } else { "must repeat the bit below them" };
        return lines
            + &format!("\nno page table maps it: its upper {} bits {rule} in {mode}{wider}", walk.unused_bits());
    }
    for level in &walk.levels {
        lines += &format!("\n{}", step(level));
    }
    lines
}

fn step(level: &Level) -> String {
    const UNITS: [(u32, &str); 4] = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let Level { level: number, index, at, entry, physical, is_napot, .. } = level;
    let place = match physical {
        Some(physical) if physical != at => format!("{at}, which is {physical} in RAM"),
        Some(_) => at.to_string(),
        None => return format!("level {number}: entry {index} at {at}: the second stage does not map that"),
    };
    let Some(entry) = entry else { return format!("level {number}: entry {index} at {place}: no RAM is there") };
    let set = page_table::LETTERS.iter().filter(|(bit, _)| entry & bit != 0);
    let letters: String = set.map(|(_, letter)| *letter).chain(is_napot.then_some('N')).collect();
    let what = match level.target() {
        None => "not valid (V is 0)".into(),
        Some(target) if level.is_leaf() => {
            let (shift, unit) = UNITS.into_iter().find(|(shift, _)| level.size >> shift != 0).unwrap_or_default();
            format!("a page of {} {unit} at {target}, {letters}", level.size >> shift)
        }
        Some(target) => format!("the table at {target}, {letters}"),
    };
    format!("level {number}: entry {index} at {place} = {entry:#x}: {what}")
}
