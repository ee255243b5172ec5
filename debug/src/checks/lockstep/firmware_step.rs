//! One instruction of a machine whose firmware is code of its hart: with all that the firmware does for it, as one step.
//!
//! It does not know that there is another machine.

use std::time::{Duration, Instant};

use super::state::{ComparedRegisters, State};
use crate::checks::boot_run::FINISHER;
use crate::machine::{Address, Error, Machine, Register, Stop, csr};
use crate::riscv::status::MACHINE_MODE;
use crate::riscv::{self, Xlen};

/// How long one instruction, or one call to the firmware, may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Steps from `state`; the state after it, where there is one.
pub fn step(
    machine: &mut dyn Machine,
    compared: &ComparedRegisters,
    state: &State,
    bytes: &[u8],
    deadline: Instant,
) -> Result<(Stop, State), Error> {
    let (stop, there) = loop {
        let stop = machine.step(1, PATIENCE)?.1;
        if let Stop::Exited { .. } = stop {
            return Ok((stop, state.clone()));
        }
        let there = compared.read(machine)?;
        // A machine that was slow to answer has made its step, or not: what waits for an interrupt stays where it is.
        match stop {
            Stop::Interrupted if there != *state => break (Stop::Stepped, there),
            Stop::Interrupted if Instant::now() < deadline => {}
            stop => break (stop, there),
        }
    };
    let in_firmware = |state| compared.value(state, Register::Priv) == Some(MACHINE_MODE);
    let entered = in_firmware(&there) && !in_firmware(state);
    if stop != Stop::Stepped || !entered {
        return Ok((stop, there));
    }
    // It comes back after the instruction, or where the supervisor takes its traps.
    let next = state.pc() + riscv::decode(Xlen::Rv64, bytes).map_or(4, |operation| operation.length.into());
    let handler = machine.read_register(csr::STVEC)? & !3;
    let stop = leave_firmware(machine, [next, Address(handler)])?;
    let there = if stop == Stop::Stepped { compared.read(machine)? } else { there };
    Ok((stop, there))
}

/// Runs to where the firmware comes back, or is about to power off.
fn leave_firmware(machine: &mut dyn Machine, returns: [Address; 2]) -> Result<Stop, Error> {
    for place in returns {
        machine.insert_breakpoint(place)?;
    }
    machine.insert_watchpoint(FINISHER)?;
    let stop = machine.resume(PATIENCE)?;
    if let Stop::Exited { .. } = stop {
        return Ok(stop);
    }
    machine.remove_watchpoint(FINISHER)?;
    for place in returns {
        machine.remove_breakpoint(place)?;
    }
    Ok(if stop == Stop::Breakpoint { Stop::Stepped } else { stop })
}
