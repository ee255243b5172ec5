//! Check `trap`: does the kernel's own handler take every exception, and continue? Does interrupted code go on as it was?
//!
//! OpenSBI enters the kernel with stvec = the kernel's entry. So an early trap looks like a second boot, but scause, sepc and stval
//! still describe it. If the kernel has a handler, the hart's trace tells the outcome of each exception. Without a trace, scause
//! tells whether a trap came: it was poisoned at the entry.
//! Source: the RISC-V privileged manual, sections on scause, sepc, stval and stvec.

mod damage;
mod departure;
mod other_harts;
mod pointer;
mod protection;
mod reasons;
mod stack_page;
mod translation;
mod words;

use super::boot_run::event::BootEnd;
use super::boot_run::hart_trace::{Exception, Stuck};
use super::boot_run::{BootRun, TRAP_CSR_POISON, machine_mode, panic};
use super::fact::Fact;
use super::finding::{Finding, Status};
use crate::machine::{Address, Error, TakenTrap, csr};
use crate::riscv::cause::{INSTRUCTION_MISALIGNED, INSTRUCTION_PAGE, USER_CALL, a_cause, cause, is_interrupt};
use crate::riscv::status::SUPERVISOR_MODE;
use crate::riscv::status::mstatus::MPP_SHIFT;
use crate::riscv::status::sstatus::{SIE, SPIE};
use reasons::{About, about};
use words::explain;

pub const NAME: &str = "trap";

const EXPECTED: &str = "no exception, or one that the kernel's handler takes and returns from";

/// The finding for a kernel that did not end in an unhandled trap: the outcome of its exceptions.
pub fn check(run: &mut BootRun<'_>, end: &BootEnd) -> Result<Finding, Error> {
    let mut finding = Finding::new(NAME);
    finding.expected = EXPECTED.into();
    if let Some(damage) = run.trace.as_ref().and_then(|trace| trace.damages.found()) {
        damage::explain(run, &mut finding, &damage);
    } else if let Some(stuck) = run.hart.stuck {
        stuck_in(run, &mut finding, &stuck)?;
    } else if let Some((exception, fault)) = unhandled(run, end)? {
        explain(run, &mut finding, &about(&exception.trap))?;
        stack_page::explain(run, &mut finding, &exception.trap, false)?;
        finding.summary = format!("{}; {fault}", finding.summary);
        if let Some(within) = exception.within.filter(|_| exception.returned_to.is_none()) {
            finding.found = format!("{}; it came within the handler of {}", finding.found, a_cause(within.cause));
        }
        if let Some(panicked) = run.panicked.as_ref().filter(|panicked| panicked.handling.is_some()) {
            finding.set("panic_function", panicked.name.clone());
        }
    } else if let Some(refused) = run.hart.refused_vector() {
        words::refused_vector(run, &mut finding, &refused);
    } else if let Some(departure) = departure::by_ret(run, end)? {
        departure::explain(run, &mut finding, &departure);
    } else if let Some(trap) = stands_in_handler(run)? {
        explain(run, &mut finding, &trap)?;
        let handler =
            run.csr(csr::STVEC)?.map_or_else(String::new, |stvec| format!(", {}", run.place(Address(stvec & !3))));
        finding.summary = format!("{}; its handler{handler}, never returned", finding.summary);
    } else if other_harts::judge(run, &mut finding, end)? {
        return Ok(finding);
    } else {
        went_on(run, &mut finding)?;
    }
    if finding.status == Status::Fail {
        other_harts::name_another(run, &mut finding)?;
    }
    Ok(finding)
}

/// The exception in whose handler, a function, the hart still is, where not all traps are seen: one that came while that function handled
/// something else, or any, in a hart that was not followed from its start.
fn stands_in_handler(run: &mut BootRun<'_>) -> Result<Option<About>, Error> {
    // What a hart did before it was followed was not seen.
    let is_seen = (run.trace.is_some() || run.hart.handling().is_none()) && !run.went_on();
    if is_seen || !run.traps_shown {
        return Ok(None);
    }
    let (Some(scause), Some(sepc), Some(stval)) = (run.csr(csr::SCAUSE)?, run.csr(csr::SEPC)?, run.csr(csr::STVAL)?)
    else {
        return Ok(None);
    };
    let is_exception = !is_interrupt(scause) && scause < USER_CALL && scause != INSTRUCTION_MISALIGNED;
    let handler = run.csr(csr::STVEC)?.map(|stvec| Address(stvec & !3));
    let entered = handler.filter(|handler| run.image.function(*handler).is_some_and(|(_, offset)| offset == 0));
    let registers = run.machine.registers()?;
    let backtrace = run.backtrace(&registers);
    // A return sets SPIE, and a trap while interrupts are off clears it: then the hart has not returned from this one.
    let unreturned = run.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & (SPIE | SIE) == 0);
    let is_within = entered.is_some_and(|handler| {
        run.same_function(Address(sepc), handler) && (unreturned || run.stands_in(&backtrace, handler))
    });
    Ok((is_exception && is_within).then(|| About::told(scause, Address(sepc), stval, false)))
}

/// The finding for a hart that a trap brought back to the entry. Its registers are still those of the instruction that trapped.
pub fn trapped(run: &mut BootRun<'_>) -> Result<Finding, Error> {
    let mut finding = Finding::new(NAME);
    finding.expected = EXPECTED.into();
    let scause = run.csr(csr::SCAUSE)?.filter(|scause| *scause != TRAP_CSR_POISON);
    let (Some(scause), Some(sepc), Some(stval)) = (scause, run.csr(csr::SEPC)?, run.csr(csr::STVAL)?) else {
        finding.summary = format!("entered {} again without a trap", run.layout.names.entry);
        finding.found = "a jump to the entry".into();
        finding.location = Some(run.place(run.layout.entry));
        return Ok(finding);
    };
    let from_user = run.in_user_mode()?;
    let trap = About::told(scause, Address(sepc), stval, from_user);
    explain(run, &mut finding, &trap)?;
    other_harts::name_another(run, &mut finding)?;
    if let Some(refused) = run.hart.refused_vector() {
        let summary = finding.summary.clone();
        words::refused_vector(run, &mut finding, &refused);
        finding.summary = format!("{summary}; {}", finding.summary);
        finding.location = Some(run.place(Address(sepc)));
    }
    let in_machine_mode = machine_mode::starts_there(run.image, run.layout.entry);
    let came_from = run.csr(csr::MSTATUS)?.map(|mstatus| mstatus >> MPP_SHIFT & 3).filter(|_| in_machine_mode);
    if came_from == Some(SUPERVISOR_MODE) && !is_interrupt(scause) {
        finding
            .summary
            .push_str("; it came in supervisor mode, medeleg does not delegate it, and machine mode has no handler");
        finding.advice = Some("delegate exceptions before mret (medeleg), or set mtvec to a handler".into());
    } else if in_machine_mode && run.hart.vector.is_none() {
        finding.summary.push_str("; stvec was never set, so the hart would go to address 0 and trap there for ever");
    } else if is_interrupt(scause) && run.hart.vector.is_none() {
        finding.summary = format!(
            "{}; stvec was never set: it leads to {}, as the firmware left it",
            finding.summary, run.layout.names.entry
        );
        finding.advice = Some("set stvec to a handler before interrupts are let in".into());
    }
    let mut trapped = run.machine.registers()?;
    trapped.pc = sepc;
    finding.backtrace = run.backtrace(&trapped);
    Ok(finding)
}

/// The finding for traps that repeat for ever.
fn stuck_in(run: &mut BootRun<'_>, finding: &mut Finding, stuck: &Stuck) -> Result<(), Error> {
    match stuck {
        Stuck::SameInstruction(fault) => {
            explain(run, finding, &about(fault))?;
            finding.summary = format!(
                "{}; its handler, {}, returns to it, and it traps again, for ever",
                finding.summary,
                run.place(fault.handler)
            );
            finding.advice = finding.advice.take().or(Some(
                "let the handler remove the cause, or return behind the instruction: sepc + 4 (+ 2 if it is compressed)"
                    .into(),
            ));
            let exceptions = run.hart.exceptions.iter();
            let within = exceptions.filter_map(|known| known.within.filter(|_| known.trap.pc == fault.pc)).next();
            explain_sscratch(finding, within.as_ref(), fault);
        }
        Stuck::WithinHandler { first, fault } => {
            explain(run, finding, &about(fault))?;
            let itself = first.pc == fault.pc && first.cause == fault.cause;
            let first_words = if itself {
                String::new()
            } else {
                format!("after {} at {}, ", a_cause(first.cause), run.place(first.pc))
            };
            finding.summary = format!(
                "{first_words}its handler, {}, faults: {}; again, within its handler, for ever",
                run.place(fault.handler),
                finding.summary
            );
            explain_sscratch(finding, Some(first), fault);
            stack_page::explain(run, finding, first, true)?;
            finding.set("first_scause", Fact::Register(first.cause));
            finding.set("first_sepc", first.pc);
        }
    }
    Ok(())
}

/// Explains a fault of a handler that took its stack from sscratch when that was 0. `first`: the trap that the handler was entered with.
fn explain_sscratch(finding: &mut Finding, first: Option<&TakenTrap>, fault: &TakenTrap) {
    let was_zero = fault.sscratch == 0 || first.is_some_and(|first| first.sscratch == 0);
    if was_zero && is_near_zero(fault.sp) {
        finding.found = format!("{}; sscratch was 0 when the handler was entered", finding.found);
        finding.advice = Some(
            "set sscratch to the top of a stack before traps can come: the handler swaps it with sp and has no other stack"
                .into(),
        );
    }
}

/// Whether an sp like this is 0 with a frame below it.
fn is_near_zero(sp: Address) -> bool {
    const FRAME: u64 = 64 << 10;
    sp.0.wrapping_add(FRAME) <= FRAME
}

/// The first exception that the kernel did not recover from, and its outcome.
pub fn unhandled(run: &mut BootRun<'_>, end: &BootEnd) -> Result<Option<(Exception, String)>, Error> {
    let unreturned: Vec<Exception> = run.hart.unreturned().copied().collect();
    if let Some(trap) = run.panicked.as_ref().and_then(|panicked| panicked.handling) {
        let known =
            unreturned.iter().find(|exception| (exception.trap.pc, exception.trap.cause) == (trap.pc, trap.cause));
        if let Some(exception) = known.filter(|exception| !is_a_jump(run, exception)) {
            let name = run.panicked.as_ref().map(|panicked| panicked.name.clone()).unwrap_or_default();
            return Ok(Some((*exception, format!("its handler panics: {name}"))));
        }
    }
    // If a user program or a guest faulted, the kernel continues with something else.
    let is_own = |exception: &Exception| !exception.trap.from_user && !exception.trap.from_guest;
    for exception in unreturned.into_iter().filter(is_own) {
        if is_a_jump(run, &exception) || run.hart.has_gaps && !rests_in_handler(run, &exception)? {
            continue;
        }
        let handler = run.place(exception.trap.handler);
        let how = match end {
            BootEnd::PowerOff(_) => "powers off".to_owned(),
            BootEnd::Reset => "resets the machine".to_owned(),
            _ => match panics(run)? {
                Some(function) => format!("panics: {function}"),
                None => "never returned".to_owned(),
            },
        };
        return Ok(Some((exception, format!("its handler, {handler}, {how}"))));
    }
    Ok(None)
}

/// The panic function that the hart is in.
fn panics(run: &mut BootRun<'_>) -> Result<Option<String>, Error> {
    let registers = run.machine.registers()?;
    Ok(panic::handler(&run.backtrace(&registers)).map(str::to_owned))
}

/// Whether the kernel uses the exception as a jump: it set another vector, or its handler is a label in the function that trapped, or
/// the same instruction in another mapping (Linux: `csrw satp`, with stvec at the next instruction). A function that is its own handler is
/// entered anew: it faults while it handles something.
fn is_a_jump(run: &BootRun<'_>, exception: &Exception) -> bool {
    const MEGAPAGE: u64 = (2 << 20) - 1;
    let trap = &exception.trap;
    let continued = trap.cause == INSTRUCTION_PAGE && trap.pc.0 & MEGAPAGE == trap.handler.0 & MEGAPAGE;
    let is_label = run.image.function(trap.handler).is_some_and(|(_, offset)| offset > 0);
    continued || exception.vector_rewritten || is_label && run.same_function(trap.pc, trap.handler)
}

fn rests_in_handler(run: &mut BootRun<'_>, exception: &Exception) -> Result<bool, Error> {
    let registers = run.machine.registers()?;
    let backtrace = run.backtrace(&registers);
    Ok(run.stands_in(&backtrace, exception.trap.handler))
}

/// The finding if every exception was handled.
fn went_on(run: &mut BootRun<'_>, finding: &mut Finding) -> Result<(), Error> {
    finding.status = Status::Pass;
    let shows_all = run.trace.is_some();
    let scause = run.csr(csr::SCAUSE)?.filter(|_| run.traps_shown);
    let hart = &run.hart;
    finding.summary = if let Some(exception) = hart.exceptions.first() {
        handled(run, exception)
    } else if shows_all || hart.interrupts + hart.calls > 0 {
        none_but(hart.interrupts, hart.calls, shows_all)
    } else {
        match scause {
            None => "none: the entry was not reached again (this stub does not show the trap CSRs)".into(),
            Some(TRAP_CSR_POISON) => "none: scause unchanged since entry".into(),
            // Where instructions have 2 bytes nothing raises it. A hart in a guest shows the guest's scause.
            Some(INSTRUCTION_MISALIGNED) => "none was seen".into(),
            Some(scause) if is_interrupt(scause) => format!("no exception; the last interrupt was {}", a_cause(scause)),
            Some(USER_CALL) => "none, except calls from U-mode".into(),
            Some(scause) => format!("{}: trapped, and its handler resumed", cause(scause)),
        }
    };
    if hart.has_gaps {
        finding.set("not_all_traps_seen", true);
    }
    if hart.exception_count > 0 {
        finding.set("exceptions", hart.exception_count);
        let places: Vec<String> = hart
            .exceptions
            .iter()
            .map(|exception| {
                format!(
                    "{} at {} ({} times)",
                    cause(exception.trap.cause),
                    run.place(exception.trap.pc),
                    exception.times
                )
            })
            .collect();
        finding.set("exceptions_at", places);
    }
    finding.found = finding.summary.clone();
    Ok(())
}

/// `breakpoint at 0x... <main+0x8>: trapped, and its handler resumed at 0x...; 3 exceptions in all`.
fn handled(run: &BootRun<'_>, exception: &Exception) -> String {
    let trap = &exception.trap;
    let whose = if trap.from_user { " in U-mode" } else { "" };
    let how = match exception.returned_to {
        Some(to) if exception.left => {
            format!("trapped, and its handler went on at {}, which was saved before", run.place(to))
        }
        Some(to) => format!("trapped, and its handler resumed at {}", run.place(to)),
        None if trap.from_guest => "the guest trapped, and the kernel continued".into(),
        None if trap.from_user => "the user program faulted, and the kernel continued".into(),
        None => format!("trapped, and continued at its handler, {}", run.place(trap.handler)),
    };
    let words = format!("{} at {}{whose}: {how}", cause(trap.cause), run.place(trap.pc));
    match run.hart.exception_count {
        1 => words,
        count => format!("{words}; {count} exceptions in all"),
    }
}

/// The summary without exceptions: the number of interrupts and of calls from U-mode.
fn none_but(interrupts: u64, calls: u64, shows_all: bool) -> String {
    match (interrupts, calls) {
        (0, 0) if shows_all => "none: every instruction was seen".into(),
        (0, _) => format!("none, except {calls} calls from U-mode"),
        (_, 0) => format!("no exception; {interrupts} interrupts"),
        _ => format!("no exception; {interrupts} interrupts and {calls} calls from U-mode"),
    }
}
