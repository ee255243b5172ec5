//! An instruction in the assembler's words. It does not know symbols.

use capstone::arch::riscv::{ArchExtraMode, ArchMode};
use capstone::arch::{BuildsCapstone, BuildsCapstoneExtraMode};
use capstone::{Capstone, CsResult};

use super::{Effect, Target, decode, length};
use crate::machine::Address;

/// The instruction that begins `bytes` and lies at `pc`, as in `ld a0, 0(zero)`; what jumps shows the address it jumps to.
///
/// What is no instruction shows its value: `.half 0x0000`, `.word 0xffffffff`.
pub fn disassemble(pc: Address, bytes: &[u8]) -> String {
    let Some(low) = bytes.first_chunk().map(|half| u16::from_le_bytes(*half)) else {
        return "(nothing)".into();
    };
    let bytes = &bytes[..bytes.len().min(length(low) as usize)];
    match capstone_text(pc, bytes) {
        Ok(Some(text)) => with_target(&text, pc, bytes),
        _ => match bytes.first_chunk() {
            Some(word) => format!(".word {:#010x}", u32::from_le_bytes(*word)),
            None => format!(".half {low:#06x}"),
        },
    }
}

fn capstone_text(pc: Address, bytes: &[u8]) -> CsResult<Option<String>> {
    let capstone =
        Capstone::new().riscv().mode(ArchMode::RiscV64).extra_mode([ArchExtraMode::RiscVC].into_iter()).build()?;
    let instructions = capstone.disasm_count(bytes, pc.0, 1)?;
    let Some(instruction) = instructions.first() else {
        return Ok(None);
    };
    let name = instruction.mnemonic().unwrap_or_default();
    Ok(Some(format!("{name} {}", instruction.op_str().unwrap_or_default()).trim_end().to_owned()))
}

/// The last operand of a relative jump or branch is its offset: a person wants to know where that is.
fn with_target(text: &str, pc: Address, bytes: &[u8]) -> String {
    let offset = match decode(bytes).map(|instruction| instruction.effect) {
        Some(Effect::Jump(Target::Relative(offset)) | Effect::Call(Target::Relative(offset))) => offset,
        Some(Effect::Branch { offset }) => offset,
        _ => return text.to_owned(),
    };
    let before = text.rfind(' ').map_or(text, |space| &text[..space]);
    format!("{before} {}", pc + offset as u64)
}
