//! The innermost loop around an instruction, as the file's code has it. It does not know whether the hart stays in it.

use crate::image::Image;
use crate::machine::Address;
use crate::riscv::{self, Effect, Operation, Target};

/// The longest such loop, in bytes.
const LONGEST: u64 = 256;

/// The instructions of the innermost loop that `pc` is in, with their addresses; none where there is no short one.
pub fn around(image: &Image, pc: Address) -> Vec<(Address, Operation)> {
    let leads_back = |at: Address, operation: &Operation| {
        let to = match operation.effect() {
            Effect::Jump(Target::Relative(offset)) | Effect::Branch { offset } => at.0.wrapping_add_signed(offset),
            _ => return None,
        };
        (to <= pc.0 && pc.0 - to <= LONGEST).then_some(Address(to))
    };
    let mut behind = straight(image, pc).take_while(|(at, _)| at.0 - pc.0 <= LONGEST);
    let Some((start, last)) = behind.find_map(|(at, operation)| Some((leads_back(at, &operation)?, at))) else {
        return Vec::new();
    };
    straight(image, start).take_while(|(at, _)| *at <= last).collect()
}

/// The instructions from an address on, one behind the other.
fn straight(image: &Image, start: Address) -> impl Iterator<Item = (Address, Operation)> + '_ {
    let decoded = |at: Address| Some((at, riscv::decode(image.xlen(), image.instruction(at)?)?));
    std::iter::successors(decoded(start), move |(at, operation)| decoded(*at + u64::from(operation.length)))
}
