//! Loops that wait until somebody else changes a register: a handler, by agreement. It does not judge.

use crate::checks::boot_run::near_loop;
use crate::image::Image;
use crate::machine::Address;
use crate::riscv::{Effect, Operation};

/// Whether a branch leaves or continues a loop that tests only registers which the loop never changes.
pub fn waits_for_a_register(image: &Image, pc: Address, operation: &Operation) -> bool {
    let Effect::Branch { .. } = operation.effect() else { return false };
    let tested = operation.uses().reads;
    let may_change = |(_, operation): &(Address, Operation)| {
        let calls = matches!(operation.effect(), Effect::Call(_) | Effect::Ecall);
        calls || operation.uses().writes & tested != 0
    };
    let around = near_loop::around(image, pc);
    !around.is_empty() && !around.iter().any(may_change)
}
