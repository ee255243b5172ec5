//! Calls to the firmware, as one instruction of the kernel: what two firmwares say of themselves may differ, what they do may not.
//!
//! Source: RISC-V SBI specification, chapters "Binary Encoding" and "Base Extension". It does not know machines.

use super::state::State;
use crate::riscv::sbi::{BASE, LEGACY, PROBE};
use crate::riscv::{Effect, Register};

/// The x register in which a call leaves its value.
pub const VALUE: u8 = Register::A1;
const EXTENSION: usize = Register::A7 as usize;
const FUNCTION: usize = Register::A6 as usize;
const ARGUMENT: usize = Register::A0 as usize;

/// What the firmware is asked about itself, where the instruction that `state` stands at asks that.
pub fn question(state: &State, effect: Effect) -> Option<String> {
    let x = &state.general.x;
    if effect != Effect::Ecall || x[EXTENSION] != BASE {
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

/// Which call it is, where the instruction that `state` stands at is one.
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
