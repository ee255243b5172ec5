//! Describes a trap in words: its cause, its instruction at that time, and possible reasons. It does not judge.

use super::reasons::About;
use super::{pointer, protection, reasons, translation};
use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::hart_trace::VectorWrite;
use crate::checks::boot_run::memory::stacks::Reused;
use crate::checks::fact::Fact;
use crate::checks::finding::Finding;
use crate::machine::{Address, Error, csr};
use crate::riscv;
use crate::riscv::cause::{BREAKPOINT, ILLEGAL_INSTRUCTION, USER_CALL, cause, has_address, is_of_fetch, page_fault};
use crate::setting::Setting;

/// What lies in a page of this size at address 0 belongs to nobody.
const PAGE: u64 = 0x1000;

/// Writes a trap's description into a finding.
pub fn explain(run: &mut BootRun<'_>, finding: &mut Finding, trap: &About) -> Result<(), Error> {
    let cause = cause(trap.cause);
    let kept = trap.instruction.map(|instruction| instruction.as_slice().to_vec());
    let bytes = match kept {
        Some(bytes) => Some(bytes),
        None if trap.from_guest && run.translates_guests()? => None,
        None => match run.instruction(trap.pc) {
            Ok(bytes) => Some(bytes),
            Err(Error::Refused { .. }) => None,
            Err(error) => return Err(error),
        },
    };
    // If the hart jumped to an address without memory, there is no instruction to show.
    let instruction = match &bytes {
        Some(bytes) => format!("`{}`", riscv::disassemble(run.image.xlen(), trap.pc, bytes)),
        None if trap.from_guest => "the guest's instruction cannot be read".into(),
        None if is_of_fetch(trap.cause) => format!("there is no instruction at {}", trap.pc),
        None => "its instruction cannot be read".into(),
    };
    let about = match trap.value {
        // A field of a structure, or an element of an array.
        1..PAGE if has_address(trap.cause) => format!(", address {:#x} (a null pointer, and an offset?)", trap.value),
        0 if has_address(trap.cause) => ", address 0x0 (a null pointer?)".into(),
        value if has_address(trap.cause) => format!(", address {}", run.place(Address(value))),
        _ => String::new(),
    };
    let whose = if trap.from_user && trap.cause != USER_CALL { " in U-mode" } else { "" };
    let region = reasons::region(run, trap.cause, Address(trap.value))?.unwrap_or_default();
    finding.summary = format!("{cause}{whose}: {instruction}{about}{region}");
    if let Some(overwritten) = run.overwritten(trap.pc)? {
        finding.summary = format!("{}; {overwritten}", finding.summary);
    }
    finding.found = format!("scause = {:#x} ({cause}), sepc = {}, stval = {:#x}", trap.cause, trap.pc, trap.value);
    finding.location = Some(run.place(trap.pc));
    finding.set("scause", Fact::Register(trap.cause));
    finding.set("sepc", trap.pc);
    finding.set("stval", Fact::Register(trap.value));
    finding.set("instruction", instruction.trim_matches('`'));
    if trap.cause == BREAKPOINT && run.is_host_call(trap.pc) {
        finding.summary = format!("{}, a semihosting call, which this machine does not support", finding.summary);
        finding.advice =
            Some(format!("print through the SBI or the UART, or have the machine answer: {}", Setting::Semihosting));
    }
    if let (ILLEGAL_INSTRUCTION, Some(bytes)) = (trap.cause, &bytes) {
        reasons::illegal_instruction(run, finding, (trap.pc, trap.from_user), bytes)?;
    }
    if let Some(bytes) = &bytes {
        reasons::forbidden_wait(run, finding, trap, bytes)?;
    }
    protection::explain(run, finding, trap, bytes.as_deref())?;
    if has_address(trap.cause) {
        reasons::poisoned(finding, Address(trap.value));
    }
    if page_fault(trap.cause).is_some() {
        translation::explain(run, finding, trap)?;
    }
    // The stack of a program is not the kernel's.
    let reused = run.memory().and_then(|memory| memory.stacks.reused()).filter(|_| !trap.from_user);
    if let Some(reused) = reused {
        reused_stack(run, finding, &reused);
        return Ok(());
    }
    if reasons::never_set(run, finding, trap, bytes.as_deref()) {
        return Ok(());
    }
    if bytes.is_none() && is_of_fetch(trap.cause) && !trap.from_guest {
        lost(run, finding, trap.pc)?;
    }
    Ok(())
}

/// Explains a hart that is at an address without code: the reason is on the stack, or in ra.
fn lost(run: &mut BootRun<'_>, finding: &mut Finding, pc: Address) -> Result<(), Error> {
    const REACH: u64 = 512;
    let registers = run.machine.registers()?;
    let sp = registers.sp();
    let below = sp - REACH;
    let mut memory = vec![0; 2 * REACH as usize];
    let on_stack = run.machine.read_memory(below, &mut memory).is_ok();
    let (xlen, size) = (run.image.xlen(), run.image.xlen().bytes());
    let words = memory.chunks_exact(size).rev().map(|word| xlen.read(word));
    let slots = (0..).map(|index| sp + REACH - size as u64 * (index + 1)).zip(words);
    let slot = slots.filter(|(_, word)| word & !1 == pc.0 && on_stack).min_by_key(|(slot, _)| slot.0.abs_diff(sp.0));
    if let Some((slot, _)) = slot.filter(|_| registers.ra().0 & !1 == pc.0) {
        finding.summary = format!(
            "{}; the hart returned to it: the return address in the stack frame, at {slot}, was overwritten",
            finding.summary
        );
        finding.advice =
            Some(format!("find who stored there: {}, then in GDB: monitor last-write {slot} {size}", Setting::Serve));
    } else if run.csr(csr::STVEC)?.is_some_and(|stvec| stvec & !3 == pc.0) {
        finding.summary = format!("{}; traps go there, as stvec says", finding.summary);
        finding.advice =
            Some("set stvec to a handler before interrupts are let in and before anything can trap".into());
    } else if !pointer::explain(run, finding, pc)? {
        finding.advice = Some("check the function pointer or return address that led there".into());
    }
    Ok(())
}

/// Explains a trap behind the return from a handler that used the memory of the interrupted code's frames.
fn reused_stack(run: &BootRun<'_>, finding: &mut Finding, reused: &Reused) {
    let function = |pc: Address| run.image.function(pc).map_or_else(|| pc.to_string(), |(name, _)| name);
    let Reused { interrupted, moved } = reused;
    let handler = function(interrupted.handler);
    finding.summary = format!(
        "{}; before, {handler} interrupted {} and set sp to {}, over its frames, which it overwrote, and returned to it",
        finding.summary,
        function(interrupted.pc),
        run.place(moved.new)
    );
    finding.found =
        format!("{}; sp was {} when {handler} set it at {}", finding.found, interrupted.sp, run.place(moved.pc));
    finding.advice = Some(format!(
        "let {handler} keep sp when it interrupts the kernel (sstatus.SPP is 1), or give it a stack of its own"
    ));
}

/// Explains an stvec that does not hold the written value.
pub fn refused_vector(run: &BootRun<'_>, finding: &mut Finding, vector: &VectorWrite) {
    let (written, held) = (Address(vector.written), Address(vector.held & !3));
    let why =
        if vector.written & 3 == 2 { ", which is not 4-aligned (the low two bits of stvec are its mode)" } else { "" };
    finding.summary =
        format!("stvec did not accept the handler {}{why}: traps still go to {}", run.place(written), run.place(held));
    finding.found = format!("{:#x} written to stvec, which then holds {:#x}", vector.written, vector.held);
    finding.location = Some(run.place(vector.pc));
    finding.advice = Some("align the handler: .balign 4 before it, or #[repr(align(4))]".into());
    finding.set("stvec_written", written);
    finding.set("stvec", Address(vector.held));
}
