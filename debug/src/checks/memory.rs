//! Turns the facts about memory into findings after the run: a stack that two harts use, values that were stored before the BSS clear
//! and erased by it, erased frames, variables that nothing clears, and a device tree that was erased before it was read.

use super::boot_run::BootRun;
use super::boot_run::memory::MemoryFacts;
use super::boot_run::memory::early::LostValue;
use super::boot_run::memory::frames::ErasedFrame;
use super::boot_run::memory::other_harts::SharedStack;
use super::boot_run::memory::shared_stacks::OverwrittenFrame;
use super::boot_run::poison;
use super::bss::outside::{self, Outside};
use super::finding::{Finding, Status};
use super::{bss, handoff, stack};
use crate::machine::{Address, Load, Store};
use crate::riscv::{self, Register};

/// What to try where two harts use one stack.
const OWN_STACK: &str = "give each hart a stack of its own: sp = top - hart * size";

/// Adds the facts of the run to its findings.
pub fn add(run: &mut BootRun<'_>, findings: &mut [Finding]) {
    add_seen(run, findings);
    if let Some(fault) = never_cleared(run)
        && find(findings, bss::NAME).is_some_and(|finding| finding.status == Status::Pass)
    {
        add_to_bss(findings, fault);
    }
}

/// Does the same for a run that could not continue: only what it showed counts.
pub fn add_seen(run: &BootRun<'_>, findings: &mut [Finding]) {
    if let Some(memory) = run.trace.as_ref().map(|trace| &trace.memory) {
        let fault = erased_frame(run, memory).or_else(|| lost_value(run, memory)).or_else(|| poison_read(run, memory));
        let tree = tree_erased(run, memory);
        let shared = shared_stack(run, memory).or_else(|| shared_by_others(run, memory));
        if let Some(fault) = fault {
            add_to_bss(findings, fault);
        }
        if let (Some(tree), Some(handoff)) = (tree, find(findings, handoff::NAME)) {
            tree.fail(handoff);
        }
        if let (Some(shared), Some(stack)) = (shared, find(findings, stack::NAME)) {
            shared.fail(stack);
            skip_behind(findings, stack::NAME, "two harts use one stack");
        }
    }
}

/// A fault and its place.
struct Fault {
    summary: String,
    advice: String,
    found: String,
    at: Address,
    place: crate::image::Place,
}

impl Fault {
    fn fail(self, finding: &mut Finding) {
        finding.status = Status::Fail;
        finding.summary = self.summary;
        finding.advice = Some(self.advice);
        finding.found = self.found;
        finding.location = Some(self.place);
        finding.backtrace.clear();
        finding.set("address", self.at);
    }
}

fn find<'a>(findings: &'a mut [Finding], name: &str) -> Option<&'a mut Finding> {
    findings.iter_mut().find(|finding| finding.name == name)
}

/// Marks the later checks as not run: they would rely on BSS.
fn add_to_bss(findings: &mut [Finding], fault: Fault) {
    let panicked = findings.iter().any(|finding| finding.data.get("panic_message").is_some());
    let Some(finding) = find(findings, bss::NAME) else { return };
    // A panic before the clear already tells what went wrong, and its handler may use BSS.
    if panicked && finding.status == Status::NotRun {
        return;
    }
    let before = std::mem::take(&mut finding.summary);
    let failed = finding.status == Status::Fail;
    fault.fail(finding);
    if failed {
        finding.summary = format!("{before}; {}", finding.summary);
    }
    skip_behind(findings, bss::NAME, "the kernel used BSS before it was zero");
}

fn skip_behind(findings: &mut [Finding], name: &str, because: &str) {
    let after = findings.iter_mut().skip_while(|finding| finding.name != name).skip(1);
    after.for_each(|finding| *finding = Finding::not_run(finding.name, because));
}

fn shared_stack(run: &BootRun<'_>, memory: &MemoryFacts<'_>) -> Option<Fault> {
    let SharedStack { hart, stored, followed_sp } = memory.others.shared?;
    let (followed, names) = (run.at_entry.a0(), &run.layout);
    Some(Fault {
        summary: format!(
            "harts {followed} and {hart} both use the stack [{}, {}): hart {hart} pushes at {}, over a frame of hart {followed}, whose \
             sp is {followed_sp}",
            names.stack_bottom_name,
            names.names.stack_top,
            run.place(stored.pc)
        ),
        advice: OWN_STACK.into(),
        found: format!("{:#x} stored at {}, which held {:#x}", stored.new, run.place(stored.address), stored.old),
        at: stored.address,
        place: run.place(stored.pc),
    })
}

fn shared_by_others(run: &BootRun<'_>, memory: &MemoryFacts<'_>) -> Option<Fault> {
    let OverwrittenFrame { stored, by, read, read_by, top } = memory.others.stacks.found?;
    let holder = run.place(top - 1).symbol.map(|(name, _)| format!(" (of {name})")).unwrap_or_default();
    Some(Fault {
        summary: format!(
            "harts {} and {} both use the stack below {top}{holder}: hart {by} pushes at {}, over a frame of hart {read_by}, which \
             reads it back at {}",
            by.min(read_by),
            by.max(read_by),
            run.place(stored.pc),
            run.place(read.pc)
        ),
        advice: OWN_STACK.into(),
        found: format!("{:#x} stored at {}, read as {:#x}", stored.new, run.place(stored.address), read.value),
        at: stored.address,
        place: run.place(stored.pc),
    })
}

fn erased_frame(run: &BootRun<'_>, memory: &MemoryFacts<'_>) -> Option<Fault> {
    let ErasedFrame { stored, cleared } = memory.clearing.erased_frame()?;
    let function = run.image.function(stored.pc).map_or_else(|| stored.pc.to_string(), |(name, _)| name);
    let source =
        run.image.instruction(stored.pc).and_then(|bytes| riscv::decode(run.image.xlen(), bytes)?.stored_register());
    let what = if source == Some(Register::RA) { "its return address" } else { "a saved value" };
    Some(Fault {
        summary: format!(
            "the clear erases the stack frame of {function} at {}, which is in use and holds {what}",
            stored.sp
        ),
        advice: "move the stack out of BSS, or clear BSS before the stack is used".into(),
        found: format!("{} stored there by {}, then zero", run.place(stored.address), run.place(stored.pc)),
        at: stored.address,
        place: run.place(cleared.pc),
    })
}

fn lost_value(run: &BootRun<'_>, memory: &MemoryFacts<'_>) -> Option<Fault> {
    let LostValue { stored, cleared, by, read } = memory.early.lost?;
    let Some(stored) = stored else { return Some(erased_again(run, &cleared, by, &read)) };
    let name = object(run, stored.address);
    Some(Fault {
        summary: format!(
            "{name} was stored at {} before BSS was cleared, the clear erased it, and it was read at {}",
            run.place(stored.pc),
            run.place(read.pc)
        ),
        advice: format!("clear BSS first, or put {name} into .data"),
        found: format!("{:#x} stored, erased by {}, read as {:#x}", stored.new, run.place(cleared.pc), read.value),
        at: stored.address,
        place: run.place(stored.pc),
    })
}

fn erased_again(run: &BootRun<'_>, cleared: &Store, by: Option<u64>, read: &Load) -> Fault {
    let name = object(run, cleared.address);
    let function = run.image.function(cleared.pc).map_or_else(|| cleared.pc.to_string(), |(name, _)| name);
    let who = by.map_or(function, |hart| format!("hart {hart} (at {})", run.place(cleared.pc)));
    Fault {
        summary: format!(
            "{name} held {:#x} when {who} cleared BSS a second time, which erased it, and it was read at {}",
            cleared.old,
            run.place(read.pc)
        ),
        advice: match by {
            Some(_) => "let only the hart that boots clear BSS, and the others branch past it".into(),
            None => format!("clear BSS once, before anything is stored in it, or put {name} into .data"),
        },
        found: format!("{:#x} erased by {}, read as {:#x}", cleared.old, run.place(cleared.pc), read.value),
        at: cleared.address,
        place: run.place(cleared.pc),
    }
}

fn poison_read(run: &BootRun<'_>, memory: &MemoryFacts<'_>) -> Option<Fault> {
    let Load { pc, address, length, value, .. } = memory.early.poison_read?;
    let name = object(run, address);
    let outside = outside::objects(run.image, run.layout).into_iter().find(|object| object.range.contains(&address));
    let read = format!("{name} was read at {}", run.place(pc));
    let held = "its value was whatever memory held (here the test pattern, poison)";
    let clear_first = format!("clear BSS first, or put {name} into .data");
    let (summary, advice) = match &outside {
        Some(Outside { section, .. }) => (
            format!("{read} and nothing clears it: {section} is outside of {}; {held}", bounds(run)),
            format!("put {section} between the two"),
        ),
        None if memory.clearing.has_begun() => (format!("{read} before BSS was cleared; {held}"), clear_first),
        None => (format!("nothing clears BSS before {name} is read at {}; {held}", run.place(pc)), clear_first),
    };
    Some(Fault {
        summary,
        advice,
        found: format!("{length} bytes read at {}: {value:#x}", run.place(address)),
        at: address,
        place: run.place(pc),
    })
}

/// The failure for variables outside of BSS that still hold poison.
fn never_cleared(run: &mut BootRun<'_>) -> Option<Fault> {
    let objects = outside::objects(run.image, run.layout);
    let mut left = objects.into_iter().filter(|object| object.promised).filter(|object| {
        // A machine that is off cannot be read any more.
        poison::inspect(run.machine, std::slice::from_ref(&object.range)).is_ok_and(|remains| remains.poisoned > 0)
    });
    let first = left.next()?;
    let others = left.count();
    let more = if others > 0 { format!(", and {others} more") } else { String::new() };
    Some(Fault {
        summary: format!(
            "nothing clears {} ({} bytes{more}): {} is outside of {}",
            first.name,
            first.size,
            first.section,
            bounds(run)
        ),
        advice: format!("put {} between the two", first.section),
        found: format!("the test pattern at {}", run.place(first.range.start)),
        at: first.range.start,
        place: run.place(first.range.start),
    })
}

fn tree_erased(run: &BootRun<'_>, memory: &MemoryFacts<'_>) -> Option<Fault> {
    let (erased, read) = memory.device_tree.read_too_late?;
    Some(Fault {
        summary: format!(
            "the device tree was erased before it was read: {} overwrote it, and {} looked for it there",
            run.place(erased.pc),
            run.place(read.pc)
        ),
        advice: "read the tree first, or do not store to its memory".into(),
        found: format!("{:#x} stored at {}, {:#x} read at {}", erased.new, erased.address, read.value, read.address),
        at: erased.address,
        place: run.place(erased.pc),
    })
}

fn object(run: &BootRun<'_>, address: Address) -> String {
    run.place(address).symbol_text().unwrap_or_else(|| address.to_string())
}

fn bounds(run: &BootRun<'_>) -> String {
    format!("{} to {}", run.layout.names.bss_start, run.layout.names.bss_end)
}
