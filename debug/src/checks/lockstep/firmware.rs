//! Compares calls to the firmware as one instruction of the kernel: two firmwares may differ in what they say about themselves, but
//! not in what they do.
//!
//! Source: RISC-V SBI specification, chapters "Binary Encoding" and "Base Extension". It does not know machines.

use super::state::{Difference, State};
use crate::machine::Register;
use crate::riscv::Effect;
use crate::riscv::sbi::{self, BASE, LEGACY, PROBE};

const EXTENSION: usize = Register::A7 as usize;
const FUNCTION: usize = Register::A6 as usize;
const ARGUMENT: usize = Register::A0 as usize;
/// The x registers in which a call leaves its error and its value.
const ERROR: u8 = Register::A0;
const VALUE: u8 = Register::A1;
const NOT_SUPPORTED: u64 = sbi::NOT_SUPPORTED as u64;

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
        Some([NOT_SUPPORTED, _]) => Some(format!("{call}, which only the second supports")),
        Some([_, NOT_SUPPORTED]) => Some(format!("{call}, which only the first supports")),
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
