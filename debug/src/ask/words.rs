//! The answers in words, for a person who has the kernel's image. It does not ask.

use super::page::{Level, Page, Walk};
use super::{LastWrite, Times};
use crate::image::Image;
use crate::machine::{Address, TakenTrap};
use crate::riscv::{self, Xlen, cause, csr, page_table};

/// Who wrote it last, what, and how to go there.
pub fn last_write(image: &Image, answer: &LastWrite) -> String {
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
    let within = |start: Address| store.address.0.wrapping_sub(start.0) < memory.length;
    let elsewhere = if store.address == store.physical || !memory.physical && within(memory.start) {
        String::new()
    } else {
        format!(", which is {} in RAM", store.physical)
    };
    format!(
        "{}{elsewhere}: {:#0width$x} -> {:#0width$x}\nby instruction {}, {}\nto go there: monitor goto {}",
        image.place(store.address),
        store.old,
        store.new,
        store.icount,
        image.place(store.pc),
        store.icount,
    )
}

/// What trapped, with the instruction as it was then, and who took it.
pub fn trap(image: &Image, trap: &TakenTrap) -> String {
    let mut words = format!("{}, at instruction {}; its handler: ", trap_in_brief(image, trap), trap.icount);
    // A guest that a hypervisor leaves its traps has a handler of its own.
    words +=
        &if trap.by_guest { format!("{} of the guest", trap.handler) } else { image.place(trap.handler).to_string() };
    words
}

/// A trap's cause, instruction, value and place.
pub fn exception(image: &Image, scause: u64, pc: Address, value: u64, instruction: Option<&[u8]>) -> String {
    exception_at(scause, pc, value, instruction, |address| image.place(address).to_string())
}

/// As [`exception`], where addresses are said like this.
fn exception_at(
    scause: u64,
    pc: Address,
    value: u64,
    instruction: Option<&[u8]>,
    place: impl Fn(Address) -> String,
) -> String {
    let at = place(pc);
    if cause::is_interrupt(scause) {
        return format!("{} before {at}", cause::cause(scause));
    }
    let instruction = match instruction {
        Some(bytes) => format!("`{}`", riscv::disassemble(Xlen::Rv64, pc, bytes)),
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
    let words = exception_at(trap.cause, trap.pc, trap.value, bytes, |address| match trap.from_guest {
        // The image is the hypervisor's: its symbols say nothing of a guest's addresses.
        true if address == trap.pc || cause::has_address(trap.cause) => format!("{address} of the guest"),
        true => address.to_string(),
        false => image.place(address).to_string(),
    });
    match trap.guest_physical {
        Some(physical) => format!("{words}, guest-physical {physical}"),
        None => words,
    }
}

/// When an instruction was executed, and how to go there.
pub fn when(image: &Image, place: Address, times: Option<Times>) -> String {
    let place = image.place(place);
    match times {
        None => format!("{place} has not been executed so far"),
        Some(Times { first, last }) if first == last => {
            format!("{place} was executed once, at instruction {last}\nto go there: monitor goto {last}")
        }
        Some(Times { first, last }) => format!(
            "{place} was executed first at instruction {first}, and last at {last}\nto go there: monitor goto {first}, monitor goto {last}"
        ),
    }
}

/// The way through the page tables, a line for each level.
pub fn page(image: &Image, page: &Page) -> String {
    let of_guest = page.first.register == csr::VSATP;
    // The image is the hypervisor's: its symbols say nothing of a guest's addresses.
    let place = if of_guest { format!("{} of the guest", page.address) } else { image.place(page.address).to_string() };
    let is_bare = |walk: &Walk| walk.mode().is_none();
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
    let Some((mode, _)) = walk.mode() else {
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
    const SIZES: [&str; 5] = ["4 KiB", "2 MiB", "1 GiB", "512 GiB", "256 TiB"];
    let Level { level: number, index, at, entry, physical, is_napot } = level;
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
            let size = if *is_napot { "64 KiB" } else { SIZES.get(*number as usize).copied().unwrap_or_default() };
            format!("a page of {size} at {target}, {letters}")
        }
        Some(target) => format!("the table at {target}, {letters}"),
    };
    format!("level {number}: entry {index} at {place} = {entry:#x}: {what}")
}
