//! The pointer in memory through which the hart was called to where it is: it may have been overwritten. It does not judge.

use crate::checks::boot_run::BootRun;
use crate::checks::finding::Finding;
use crate::machine::{Address, Error};
use crate::riscv::{self, Effect, Kind, Operation, Target};
use crate::setting::Setting;

/// How many instructions of a function are read up to the call.
const MOST: usize = 4096;

/// A call through a pointer.
struct Called {
    call: Address,
    /// Where the pointer is.
    slot: Address,
}

/// Adds to the finding that the hart was called to `to`, where no code is, and through which pointer. Returns whether it was.
pub fn explain(run: &mut BootRun<'_>, finding: &mut Finding, to: Address) -> Result<bool, Error> {
    let Some(Called { call, slot }) = called(run, to)? else { return Ok(false) };
    finding.summary = format!(
        "{}; it was called at {} through the pointer at {}, which was overwritten, or never set",
        finding.summary,
        run.place(call),
        run.place(slot)
    );
    let size = run.image.xlen().bytes();
    finding.advice =
        Some(format!("find who stored there: {}, then in GDB: monitor last-write {slot} {size}", Setting::Serve));
    Ok(true)
}

/// The call that led to `to`, by ra, if the pointer that it took is still in memory. Where that is follows from the code, or from a
/// register, if that still holds its address.
fn called(run: &mut BootRun<'_>, to: Address) -> Result<Option<Called>, Error> {
    let registers = run.machine.registers()?;
    let behind = run.image.linked(registers.ra());
    let Some((_, offset)) = run.image.function(behind - 1) else { return Ok(None) };
    // Only from the function's first instruction on it is known where each one begins.
    let (mut pc, mut code) = (behind - 1 - offset, Vec::new());
    while pc < behind && code.len() < MOST {
        let operation = run.instruction(pc).ok().and_then(|bytes| riscv::decode(run.image.xlen(), &bytes));
        let Some(operation) = operation else { return Ok(None) };
        code.push((pc, operation));
        pc = pc + u64::from(operation.length);
    }
    let Some((call, jump)) = code.pop().filter(|_| pc == behind) else { return Ok(None) };
    let Effect::Call(Target::Register { base: pointer, .. }) = jump.effect() else { return Ok(None) };
    let Some(load) = last_write(&code, pointer) else { return Ok(None) };
    let Effect::Load { base, offset, .. } = code[load].1.effect() else { return Ok(None) };
    let held = (base != pointer).then(|| registers.x[usize::from(base)]);
    for address in [constant(&code[..load], base), held].into_iter().flatten() {
        let slot = Address(address.wrapping_add_signed(offset));
        let mut word = vec![0; run.image.xlen().bytes()];
        if run.machine.read_memory(slot, &mut word).is_ok() && run.image.xlen().read(&word) & !1 == to.0 {
            return Ok(Some(Called { call, slot }));
        }
    }
    Ok(None)
}

/// Which of these instructions wrote the register last.
fn last_write(code: &[(Address, Operation)], register: u8) -> Option<usize> {
    code.iter().rposition(|(_, operation)| operation.operands().is_some_and(|to| to.destination == register))
}

/// What the register holds behind this code, if that is a constant.
fn constant(code: &[(Address, Operation)], register: u8) -> Option<u64> {
    let last = last_write(code, register)?;
    let (pc, operation) = code[last];
    let immediate = i64::from(operation.immediate);
    match operation.kind {
        Kind::Lui => Some(immediate as u64),
        Kind::Auipc => Some(pc.0.wrapping_add_signed(immediate)),
        Kind::Addi => Some(constant(&code[..last], operation.rs1)?.wrapping_add_signed(immediate)),
        _ => None,
    }
}
