//! Explains a page fault, of either stage: the page table walk to the address, level by level, and why its last entry forbids the access.
//! An access fault is explained where the walk itself leads out of memory. It does not judge.
//!
//! Source: the privileged manual, sections "Virtual Address Translation Process" and "Two-Stage Address Translation".

use super::reasons::About;
use crate::checks::boot_run::page_table::{Entry, PageTable, target};
use crate::checks::boot_run::{BootRun, machine_mode};
use crate::checks::finding::Finding;
use crate::image::Symbol;
use crate::machine::{Address, Error, csr};
use crate::riscv::cause::{
    INSTRUCTION_PAGE as FETCH, LOAD_PAGE as LOAD, STORE_PAGE as STORE, is_guest_page, is_page, page_fault,
};
use crate::riscv::page_table::{ACCESSED, DIRTY, EXECUTE, GLOBAL, LETTERS, PAGE, READ, USER, VALID, WRITE, is_leaf};
use crate::riscv::status::sstatus::SUM;

/// The bytes of the root of a guest's table.
const GUEST_ROOT: u64 = 4 * PAGE;

/// Who accesses memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// S-mode; `sum`: it may access pages of U-mode.
    Kernel {
        sum: bool,
    },
    Program,
    Guest,
}

/// Adds an explanation by the current page table to a page fault, or to an access fault of the walk itself. What a guest's own page table
/// forbids is the guest's business.
pub fn explain(run: &mut BootRun<'_>, finding: &mut Finding, trap: &About) -> Result<(), Error> {
    let of_guest = is_guest_page(trap.cause);
    if trap.from_guest && !of_guest {
        return Ok(());
    }
    let (register, name) = if of_guest { (csr::HGATP, "hgatp") } else { (csr::SATP, "satp") };
    let Some(held) = run.csr(register)? else { return Ok(()) };
    let xlen = run.image.xlen();
    let table = if of_guest { PageTable::of_guest(held, xlen) } else { PageTable::of(held, xlen) };
    let Some(table) = table else { return Ok(()) };
    let address = trap.guest_physical.filter(|_| of_guest).unwrap_or(Address(trap.value));
    let mut walk = table.walk(run.machine, address)?;
    let fault = page_fault(trap.cause).unwrap_or(trap.cause);
    if !is_page(trap.cause) {
        // An entry that the hart can read and that is no leaf leads to a page fault: so this one it could not read (step 2 of the
        // walk), whatever a debugger reads there.
        match walk.last_mut() {
            Some(last) if !last.value.is_some_and(is_leaf) => last.value = None,
            _ => return leads_nowhere(run, finding, &table, address, &walk),
        }
    }
    let whose = match (of_guest, trap.from_user) {
        (true, _) => Whose::Guest,
        (false, true) => Whose::Program,
        (false, false) => Whose::Kernel { sum: run.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & SUM != 0) },
    };
    let (why, advice) = match walk.last() {
        Some(last) => reason(last, fault, whose, name),
        None if of_guest => ("it has more bits than are translated".into(), None),
        None => ("its upper bits do not repeat the highest one that is translated: no table maps it".into(), None),
    };
    let what = if of_guest {
        format!("the guest's physical address is {address}, and ")
    } else {
        what_it_is(run, address, fault)?.into()
    };
    let elsewhere = if of_guest { misplaced_root(run, &table, held) } else { None };
    finding.summary = format!("{}; {what}the page table in {name} ({held:#x}) forbids it: {why}", finding.summary);
    if let Some(elsewhere) = elsewhere {
        finding.summary = format!("{}; {elsewhere}", finding.summary);
        // Where the hart uses the root all the same, something else is wrong as well.
        if table.root().0.is_multiple_of(GUEST_ROOT) {
            finding.advice = Some("align the root of a guest's table to 16 KiB: it has four pages".into());
        }
    }
    if !walk.is_empty() {
        finding.found = format!("{}; page table walk: {}", finding.found, in_words(&walk));
    }
    let advice =
        advice.unwrap_or("check the page table entries for that address, and their bits V, R, W, X and U".into());
    finding.advice.get_or_insert(advice);
    Ok(())
}

/// The lowest two bits of the page number in hgatp are zero, since the root has 16 KiB (privileged manual, "Hypervisor Guest Address Translation and
/// Protection Register"): where the walk begins, if that is not where the kernel's root is, or not on each hart.
fn misplaced_root(run: &BootRun<'_>, table: &PageTable, held: u64) -> Option<String> {
    let root = table.root();
    let begins = Address(root.0 & !(GUEST_ROOT - 1));
    if begins != root {
        return Some(format!(
            "the root at {}, which is not a multiple of 16 KiB, is used here; a hart that keeps the manual has zeros in the low two bits \
             of hgatp's page number, and begins its walk at {begins}",
            run.place(root)
        ));
    }
    // hgatp took another value than was written.
    let fits = |symbol: &Symbol| symbol.size >= GUEST_ROOT;
    let linked = run.image.linked(root);
    let is_near = |symbol: &Symbol| symbol.address.0.wrapping_sub(linked.0) < GUEST_ROOT;
    let near = run.image.symbols().filter(|symbol| is_near(symbol) && fits(symbol));
    let meant = near.map(|symbol| symbol.address).min().filter(|at| *at != linked && at.0.is_multiple_of(PAGE))?;
    Some(format!(
        "the walk begins at {root}, and not at {}: hgatp ({held:#x}) holds only roots at multiples of 16 KiB",
        run.place(meant)
    ))
}

/// Adds to an access fault of a mapped address where its page is: there is nothing, or S-mode may not use it.
fn leads_nowhere(
    run: &mut BootRun<'_>,
    finding: &mut Finding,
    table: &PageTable,
    address: Address,
    walk: &[Entry],
) -> Result<(), Error> {
    let in_machine_mode = machine_mode::starts_there(run.image, run.layout.entry);
    let Some(physical) = table.translate(run.machine, address)?.filter(|_| !in_machine_mode) else { return Ok(()) };
    finding.summary = format!(
        "{}; the page table in satp leads to {physical}, where there is nothing that S-mode may use",
        finding.summary
    );
    finding.found = format!("{}; page table walk: {}", finding.found, in_words(walk));
    finding.advice.get_or_insert_with(|| {
        "look at the page's number in that entry: the physical address shifted right by 12, and left by 10".into()
    });
    Ok(())
}

/// What the address is used for, if it is more than a variable: stvec or sp.
fn what_it_is(run: &mut BootRun<'_>, address: Address, fault: u64) -> Result<&'static str, Error> {
    let stvec = run.csr(csr::STVEC)?.unwrap_or(0) & !3;
    let sp = run.machine.registers()?.sp().0;
    Ok(match fault {
        FETCH if address.0 == stvec => "that is the trap handler's address in stvec, and ",
        LOAD | STORE if address.0.abs_diff(sp) < PAGE => "that is where sp points, and ",
        _ => "",
    })
}

/// Why the last entry forbids the access, and what to do.
fn reason(last: &Entry, fault: u64, whose: Whose, register: &str) -> (String, Option<String>) {
    let Some(entry) = last.value else {
        return (
            format!("the table at {} is outside of memory", last.table),
            Some(format!("write the root's page number to {register}: its physical address shifted right by 12")),
        );
    };
    let has = |bit| entry & bit != 0;
    let lacks = |bit: u64, name: &str| (!has(bit)).then(|| format!("{name} is 0"));
    let wrong = if !has(VALID) {
        Some("V is 0, nothing is mapped there".to_owned())
    } else if has(WRITE) && !has(READ) {
        Some("W without R is reserved".to_owned())
    } else if !is_leaf(entry) {
        Some("R, W and X are 0, so it points to another table, but this is the last level".to_owned())
    } else if target(entry).0 & (last.size - 1) != 0 {
        Some(format!(
            "its page of {:#x} bytes is misaligned: it starts at {}, which is not a multiple of its size",
            last.size,
            target(entry)
        ))
    } else {
        match whose {
            Whose::Program => lacks(USER, "U").map(|lacks| format!("{lacks}, so U-mode has no access")),
            Whose::Guest => lacks(USER, "U")
                .map(|lacks| format!("{lacks}, and each access of a guest is one of U-mode to its hypervisor's table")),
            Whose::Kernel { .. } if has(USER) && fault == FETCH => {
                Some("U is 1, and S-mode cannot execute code in a user page".to_owned())
            }
            Whose::Kernel { sum: false } if has(USER) => {
                Some("U is 1, and S-mode cannot access a user page while sstatus.SUM is 0".to_owned())
            }
            Whose::Kernel { .. } => None,
        }
    };
    let wrong = wrong.or_else(|| match fault {
        FETCH => lacks(EXECUTE, "X").map(|lacks| format!("{lacks}, so the page is not executable")),
        LOAD => lacks(READ, "R").map(|lacks| format!("{lacks}, so the page is not readable")),
        STORE => lacks(WRITE, "W").map(|lacks| format!("{lacks}, so the page is not writable")),
        _ => None,
    });
    let wrong = wrong.or_else(|| lacks(ACCESSED, "A").or_else(|| lacks(DIRTY, "D").filter(|_| fault == STORE)));
    match wrong {
        Some(wrong) => (format!("at level {} the entry is {entry:#x}: {wrong}", last.level), None),
        None => {
            let fence = if whose == Whose::Guest { "hfence.gvma" } else { "sfence.vma" };
            let allows = format!("its entry at level {}, {entry:#x}, allows it now", last.level);
            (allows, Some(format!("execute {fence} after each change of the table")))
        }
    }
}

/// `level 2: entry 2 of the table at 0x80201000 = 0x20080801, the table at 0x80202000; level 1: ...`.
fn in_words(walk: &[Entry]) -> String {
    let step = |entry: &Entry| {
        let at = format!("level {}: entry {} of the table at {}", entry.level, entry.index, entry.table);
        match entry.value {
            None => format!("{at} cannot be read"),
            Some(value) if value & VALID == 0 => format!("{at} is {value:#x}, not valid"),
            Some(value) if is_leaf(value) => {
                format!("{at} is {value:#x}, the page at {} ({})", target(value), flags(value))
            }
            Some(value) => format!("{at} is {value:#x}, the table at {}", target(value)),
        }
    };
    walk.iter().map(step).collect::<Vec<_>>().join("; ")
}

/// `V R - X - A -`, without the spaces.
fn flags(entry: u64) -> String {
    let of_page = LETTERS.iter().filter(|(bit, _)| *bit != GLOBAL);
    of_page.map(|(bit, name)| if entry & bit != 0 { *name } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = VALID | READ | WRITE | EXECUTE | ACCESSED | DIRTY;

    fn why(value: Option<u64>, fault: u64, whose: Whose) -> String {
        let last = Entry { level: 2, size: 1 << 30, table: Address(0x8020_1000), index: 2, value };
        reason(&last, fault, whose, "satp").0
    }

    const KERNEL: Whose = Whose::Kernel { sum: false };

    #[test]
    fn each_reason_is_named_by_its_bit() {
        let page = 0x8000_0000 >> 2;
        for (entry, fault, words) in [
            (0, FETCH, "V is 0"),
            (page | VALID, FETCH, "the last level"),
            (page | ALL & !READ, STORE, "W without R"),
            (page | ALL & !EXECUTE, FETCH, "X is 0"),
            (page | ALL & !WRITE, STORE, "W is 0"),
            (page | VALID | EXECUTE, LOAD, "R is 0"),
            (page | ALL | USER, FETCH, "U is 1, and S-mode cannot execute"),
            (page | ALL | USER, LOAD, "SUM"),
            (page | ALL & !DIRTY, STORE, "D is 0"),
            (page | ALL & !ACCESSED, LOAD, "A is 0"),
            (0x8020_0000 >> 2 | ALL, LOAD, "misaligned"),
            (page | ALL, LOAD, "allows it now"),
        ] {
            let why = why(Some(entry), fault, KERNEL);
            assert!(why.contains(words), "{entry:#x}: {why}");
        }
        assert!(why(Some(page | ALL), LOAD, Whose::Program).contains("U is 0, so U-mode"));
        assert!(why(Some(page | ALL), LOAD, Whose::Guest).contains("U is 0, and each access of a guest"));
        assert!(why(Some(page | ALL | USER), LOAD, Whose::Kernel { sum: true }).contains("allows it now"));
        assert!(why(Some(page | ALL | USER), LOAD, Whose::Guest).contains("allows it now"));
        assert!(why(None, LOAD, KERNEL).contains("outside of memory"));
    }
}
