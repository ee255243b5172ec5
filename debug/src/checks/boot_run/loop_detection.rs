//! Proves that a kernel which does not stop goes round in circles: the same pc and registers again, and no store in
//! between that changed memory. It does not judge whether that is good.

use std::time::{Duration, Instant};

use super::BootRun;
use super::event::{BootEnd, BootEvent, store_range};
use super::layout::bytes;
use crate::machine::{Address, Error, Registers, Stop};
use crate::riscv::{self, Effect, Xlen};

/// The longest loop that is recognised, in instructions.
const LONGEST: u64 = 256;
/// How long one instruction may take: one that takes longer waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// Steps a machine that was interrupted; `None` when it is on its way to somewhere else.
pub fn find(run: &mut BootRun<'_>) -> Result<Option<BootEvent>, Error> {
    let start = run.machine.registers()?;
    if waits(run, &start)? {
        return Ok(Some(BootEvent::End(BootEnd::Wfi)));
    }
    let mut registers = start.clone();
    for instructions in 1..=LONGEST {
        if changes_memory(run, &registers)? {
            return Ok(None);
        }
        match run.step(1, PATIENCE)?.1 {
            Stop::Stepped => {}
            Stop::Interrupted => return Ok(waits(run, &registers)?.then_some(BootEvent::End(BootEnd::Wfi))),
            // A watched store, above all.
            stop => return run.event(stop),
        }
        registers = run.machine.registers()?;
        if registers == start {
            return Ok(Some(BootEvent::End(BootEnd::Loop { instructions })));
        }
        if instructions > 1 && Instant::now() > run.deadline + PATIENCE {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Whether the hart is in a `wfi`: an interrupted one stands at it or behind it.
fn waits(run: &mut BootRun<'_>, registers: &Registers) -> Result<bool, Error> {
    let pc = Address(registers.pc);
    let at = matches!(run.effect(pc)?, Effect::Wfi);
    Ok(at || matches!(run.effect(pc - 4), Ok(Effect::Wfi)))
}

/// Whether the instruction at pc stores something else than what is there; what cannot be told counts as a change.
fn changes_memory(run: &mut BootRun<'_>, registers: &Registers) -> Result<bool, Error> {
    let instruction = run.instruction(Address(registers.pc))?;
    let effect = run.effect(Address(registers.pc))?;
    let Some(range) = store_range(effect, registers) else { return Ok(false) };
    let Some(source) = riscv::decode(Xlen::Rv64, &instruction).and_then(|operation| operation.stored_register()) else {
        return Ok(true);
    };
    let mut memory = vec![0; bytes(&range) as usize];
    if run.machine.read_memory(range.start, &mut memory).is_err() {
        return Ok(true);
    }
    Ok(!registers.x[usize::from(source)].to_le_bytes().starts_with(&memory))
}
