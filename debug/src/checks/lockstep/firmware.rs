//! Takes calls to the firmware as one instruction of the kernel, also where the firmware is code of the hart. Two firmwares may differ
//! in what they say about themselves, but not in what they do.
//!
//! Source: RISC-V SBI specification, chapters "Binary Encoding" and "Base Extension". It does not know which machines the two are.

use std::time::{Duration, Instant};

use super::state::{ComparedRegisters, Difference, State};
use crate::checks::boot_run::FINISHER;
use crate::machine::{Address, Error, Machine, Register, Stop, csr};
use crate::riscv::sbi::{self, BASE, LEGACY, PROBE};
use crate::riscv::status::MACHINE_MODE;
use crate::riscv::{self, Effect};

const EXTENSION: usize = Register::A7 as usize;
const FUNCTION: usize = Register::A6 as usize;
const ARGUMENT: usize = Register::A0 as usize;
/// The x registers in which a call leaves its error and its value.
const ERROR: u8 = Register::A0;
const VALUE: u8 = Register::A1;
/// In registers of either width.
const NOT_SUPPORTED: u64 = sbi::NOT_SUPPORTED as u64;
const NOT_SUPPORTED_32: u64 = NOT_SUPPORTED as u32 as u64;

/// Describes a call in which the two firmwares may reply differently. The instruction is a call in `state` with these differences.
pub fn own(state: &State, effect: Effect, differences: &[Difference]) -> Option<String> {
    if effect != Effect::Ecall {
        return None;
    }
    let changed = |register: u8| {
        let found = differences.iter().find(|one| one.register == Register::Gpr(register));
        found.map(|difference| difference.values)
    };
    let answers = usize::from(changed(ERROR).is_some()) + usize::from(changed(VALUE).is_some());
    if answers != differences.len() {
        return None;
    }
    if let Some(question) = question(state)
        && changed(ERROR).is_none()
    {
        return Some(question);
    }
    let call = call(state, effect)?;
    match changed(ERROR) {
        Some([NOT_SUPPORTED | NOT_SUPPORTED_32, _]) => Some(format!("{call}, which only the second supports")),
        Some([_, NOT_SUPPORTED | NOT_SUPPORTED_32]) => Some(format!("{call}, which only the first supports")),
        _ => None,
    }
}

/// What the call in `state` asks the firmware about itself, if it does.
fn question(state: &State) -> Option<String> {
    let x = &state.general.x;
    if x[EXTENSION] != BASE {
        return None;
    }
    Some(match x[FUNCTION] {
        0 => "the SBI's version".into(),
        1 => "its name".into(),
        2 => "its version".into(),
        PROBE => format!("whether it has {}", name(x[ARGUMENT])),
        4..=6 => "the hart's maker and model".into(),
        _ => return None,
    })
}

/// The call, if the next instruction in `state` is one.
pub fn call(state: &State, effect: Effect) -> Option<String> {
    let x = &state.general.x;
    (effect == Effect::Ecall).then(|| {
        let extension = name(x[EXTENSION]);
        if LEGACY.contains(&x[EXTENSION]) { extension } else { format!("{extension}, function {}", x[FUNCTION]) }
    })
}

/// Most extensions' numbers are their names: `DBCN`.
fn name(extension: u64) -> String {
    let bytes = extension.to_be_bytes();
    let letters = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1)..];
    match std::str::from_utf8(letters) {
        Ok(text) if letters.len() > 1 && letters.iter().all(u8::is_ascii_alphabetic) => {
            format!("extension {text} ({extension:#x})")
        }
        _ => format!("extension {extension:#x}"),
    }
}

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
    let next = state.pc() + bytes.first_chunk().map_or(4, |low| riscv::length(u16::from_le_bytes(*low)));
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

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn extensions_that_spell_their_name_are_named() {
        assert_eq!(name(0x4442_434e), "extension DBCN (0x4442434e)");
        assert_eq!(name(0x73_5049), "extension sPI (0x735049)");
        for (number, text) in [(0, "extension 0x0"), (0x10, "extension 0x10"), (0x41, "extension 0x41")] {
            assert_eq!(name(number), text);
        }
    }
}
