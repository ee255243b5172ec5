//! The answers in words, for a person who has the kernel's image. It does not ask.

use super::page::{Level, Page};
use super::{LastWrite, Times};
use crate::image::Image;
use crate::machine::{Address, TakenTrap};
use crate::riscv::{self, Xlen, cause, page_table};

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
    let bytes = trap.instruction.as_ref().map(|bytes| bytes.as_slice());
    let what = exception(image, trap.cause, trap.pc, trap.value, bytes);
    format!("{what}, at instruction {}; its handler: {}", trap.icount, image.place(trap.handler))
}

/// A trap's cause, instruction, value and place.
pub fn exception(image: &Image, scause: u64, pc: Address, value: u64, instruction: Option<&[u8]>) -> String {
    let at = image.place(pc);
    if cause::is_interrupt(scause) {
        return format!("{} before {at}", cause::cause(scause));
    }
    let instruction = match instruction {
        Some(bytes) => format!("`{}`", riscv::disassemble(Xlen::Rv64, pc, bytes)),
        None => "no memory".into(),
    };
    let about = if value == 0 { String::new() } else { format!(", stval {}", image.place(Address(value))) };
    format!("{}: {instruction}{about}, at {at}", cause::cause(scause))
}

/// Traps, one a line, the latest last.
pub fn traps(image: &Image, traps: &[TakenTrap]) -> String {
    let line = |trap: &TakenTrap| {
        let from = if trap.from_user { " from U-mode" } else { "" };
        format!("{:>12}  {}{from}\n", trap.icount, self::trap_in_brief(image, trap))
    };
    traps.iter().map(line).collect()
}

fn trap_in_brief(image: &Image, trap: &TakenTrap) -> String {
    let bytes = trap.instruction.as_ref().map(|bytes| bytes.as_slice());
    exception(image, trap.cause, trap.pc, trap.value, bytes)
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

/// The way through the page table, a line for each level.
pub fn page(image: &Image, page: &Page) -> String {
    let place = image.place(page.address);
    let Some((mode, levels)) = page.mode() else {
        return format!("{place}: nothing is translated (satp {:#x}), it is the physical address", page.satp);
    };
    let unused = page_table::unused_bits(levels);
    let mut lines = format!("{place}: {mode}, satp {:#x}", page.satp);
    if page_table::sign_extended(page.address.0, levels) != page.address.0 {
        return lines
            + &format!("\nno page table maps it: its upper {unused} bits must repeat the bit below them in {mode}");
    }
    for level in &page.levels {
        lines += &format!("\n{}", step(level));
    }
    lines += &match page.physical {
        Some(physical) => format!("\nit leads to {physical}"),
        None => "\nit is not mapped: an access is a page fault".into(),
    };
    lines
}

fn step(level: &Level) -> String {
    const SIZES: [&str; 5] = ["4 KiB", "2 MiB", "1 GiB", "512 GiB", "256 TiB"];
    let Level { level: number, index, at, entry } = level;
    let Some(entry) = entry else { return format!("level {number}: entry {index} at {at}: no RAM is there") };
    let set = page_table::LETTERS.iter().filter(|(bit, _)| entry & bit != 0);
    let letters: String = set.map(|(_, letter)| *letter).collect();
    let what = match level.target() {
        None => "not valid (V is 0)".into(),
        Some(target) if level.is_leaf() => {
            let size = SIZES.get(*number as usize).copied().unwrap_or_default();
            format!("a page of {size} at {target}, {letters}")
        }
        Some(target) => format!("the table at {target}, {letters}"),
    };
    format!("level {number}: entry {index} at {at} = {entry:#x}: {what}")
}
