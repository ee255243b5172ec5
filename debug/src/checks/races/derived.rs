//! Whether an instruction stores what was made of another's load: the value itself, or only because of it. It reads code, and does not know
//! what was executed.

use crate::image::Image;
use crate::machine::Address;
use crate::riscv::{Effect, Target, decode};

/// How many bytes of code may lie between the two.
const NEAR: u64 = 512;

/// What is known to depend on the load.
#[derive(Default)]
struct Dependent {
    /// A bit for each register.
    registers: u32,
    /// Places in the frame: a base register and an offset.
    slots: Vec<(u8, i64)>,
    /// A branch was decided by it.
    branched: bool,
}

/// Whether the store is of a value that depends on the load, or is made because of it, in code that follows in a row. A call between them ends it:
/// then the value may have been computed anew.
pub fn is_made_of(image: &Image, load: Address, store: Address) -> bool {
    if !(1..NEAR).contains(&store.0.wrapping_sub(load.0)) {
        return false;
    }
    let mut dependent = Dependent::default();
    let mut pc = load;
    while pc < store {
        let Some(next) = dependent.follow(image, pc, pc == load) else { return false };
        pc = next;
    }
    let stored = image.instruction(store).and_then(|bytes| decode(image.xlen(), bytes));
    let by_value = stored.and_then(|stored| stored.stored_register()).is_some_and(|register| dependent.has(register));
    pc == store && (by_value || dependent.branched)
}

impl Dependent {
    fn has(&self, register: u8) -> bool {
        self.registers >> register & 1 != 0
    }

    /// Follows one instruction, and says where the next is. `None` where that is not known.
    fn follow(&mut self, image: &Image, pc: Address, is_load: bool) -> Option<Address> {
        let operation = decode(image.xlen(), image.instruction(pc)?)?;
        let mut next = pc + u64::from(operation.length);
        let mut depends = is_load;
        match operation.effect() {
            Effect::Call(_) | Effect::Return | Effect::TrapReturn | Effect::Ecall => return None,
            Effect::Jump(Target::Relative(offset)) if offset > 0 => next = pc + offset as u64,
            Effect::Jump(_) => return None,
            Effect::Branch { .. } => self.branched |= self.has(operation.rs1) || self.has(operation.rs2),
            Effect::Load { base, offset, .. } => depends |= self.slots.contains(&(base, offset)),
            Effect::Store { base, offset, .. } => {
                self.slots.retain(|slot| *slot != (base, offset));
                if operation.stored_register().is_some_and(|register| self.has(register)) {
                    self.slots.push((base, offset));
                }
            }
            _ => {}
        }
        if let Some(operands) = operation.operands() {
            let is_computed = !matches!(operation.effect(), Effect::Load { .. } | Effect::Atomic { .. });
            depends |= is_computed && operands.sources.iter().any(|source| *source != 0 && self.has(*source));
            self.registers &= !(1 << operands.destination);
            self.registers |= u32::from(depends) << operands.destination;
        }
        Some(next)
    }
}
