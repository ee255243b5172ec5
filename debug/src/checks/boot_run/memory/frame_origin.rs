//! Whether a value for sp was computed from sp: compilers compute a frame of variable size in another register first. It does not judge.

use crate::image::Image;
use crate::machine::{Address, Register};
use crate::riscv::{self, Computation, Operation};

const SP: u8 = Register::SP;
/// How far before the instruction that sets sp the computation is looked for, in bytes.
const FAR: u64 = 32;

/// Whether the instruction at `pc` copies a register to sp that was computed from sp right before.
pub fn is_of_sp(image: &Image, pc: Address) -> bool {
    let decode = |at: Address| image.instruction(at).and_then(|bytes| riscv::decode(image.xlen(), bytes));
    let Some(copied) = decode(pc).and_then(|copy| copied_register(&copy)) else { return false };
    // From a wrong place, in the middle of an instruction, the instructions in between may not end at `pc`.
    (2..=FAR).rev().step_by(2).map(|distance| pc - distance).find_map(|mut at| {
        let mut computed = None;
        while at < pc {
            let operation = decode(at)?;
            at = at + u64::from(operation.length);
            computed = match operation.operands() {
                Some(operands) if operands.destination == copied => Some((operands, operation.immediate)),
                // It was computed from another sp.
                Some(operands) if operands.destination == SP => None,
                _ => computed,
            };
        }
        let is_of_sp = computed.is_some_and(|(how, number)| {
            let is_sum = match how.computation {
                // A copy is kept to go back to this stack.
                Computation::AddImmediate => number != 0,
                computation => computation == Computation::AddOrSubtract,
            };
            is_sum && how.sources.contains(&SP)
        });
        (at == pc).then_some(is_of_sp)
    }) == Some(true)
}

/// The register that a `mv` copies.
fn copied_register(copy: &Operation) -> Option<u8> {
    let operands = copy.operands()?;
    match operands.computation {
        Computation::AddImmediate if copy.immediate == 0 => Some(operands.sources[0]),
        Computation::AddOrSubtract if operands.sources[0] == 0 => Some(operands.sources[1]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::image::fixture::{BASE, Elf};

    /// Whether the last of these instructions, at the image's begin, copies what was computed from sp.
    fn of_sp(code: &[u32]) -> bool {
        let mut elf = Elf::default();
        let code: Vec<u8> = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
        elf.sections[0].bytes[..code.len()].copy_from_slice(&code);
        let image = Image::parse(Path::new("kernel"), elf.bytes()).unwrap();
        is_of_sp(&image, Address(BASE) + code.len() as u64 - 4)
    }

    #[test]
    fn a_frame_of_variable_size_is_computed_in_another_register() {
        let (sub, mv) = (0x40b1_05b3, 0x0005_8113); // sub a1, sp, a1; mv sp, a1
        let (save, restore, other) = (0x0001_0413, 0x0004_0113, 0x0006_0113); // mv s0, sp; mv sp, s0; mv sp, a2
        assert!(of_sp(&[sub, mv]));
        assert!(!of_sp(&[0x00b5_05b3, mv]), "add a1, a0, a1");
        assert!(!of_sp(&[save, other, restore]), "back to the stack where it was before");
        assert!(!of_sp(&[save, 0x0000_0013, restore]), "kept over a call");
        assert!(!of_sp(&[0x0000_0013, other]), "from anywhere");
    }
}
