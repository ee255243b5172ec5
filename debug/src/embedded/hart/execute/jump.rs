//! Branches and jumps. It does not know blocks: it leaves one.

use super::base::Base;
use super::integer::Condition;
use super::{Exit, Handler, Hart, Kind, Memory, Step, ran_out};

/// A branch's. Its immediate counts from the block's first address.
pub(super) fn branch<B: Base>(kind: Kind) -> Option<Handler> {
    Some(match kind {
        Kind::Beq => |steps, hart, memory| conditional::<B>(steps, hart, memory, Condition::Equal),
        Kind::Bne => |steps, hart, memory| conditional::<B>(steps, hart, memory, Condition::NotEqual),
        Kind::Blt => |steps, hart, memory| conditional::<B>(steps, hart, memory, Condition::Less),
        Kind::Bge => |steps, hart, memory| conditional::<B>(steps, hart, memory, Condition::NotLess),
        Kind::Bltu => |steps, hart, memory| conditional::<B>(steps, hart, memory, Condition::LessUnsigned),
        Kind::Bgeu => |steps, hart, memory| conditional::<B>(steps, hart, memory, Condition::NotLessUnsigned),
        _ => return None,
    })
}

#[inline(always)]
fn conditional<B: Base>(steps: &[Step], hart: &mut Hart, memory: &mut Memory, condition: Condition) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    let operation = &step.operation;
    if condition.holds::<B>(hart.x(operation.rs1), hart.x(operation.rs2)) {
        return leave::<B>(step, hart);
    }
    (step.next)(rest, hart, memory)
}

/// To where the immediate says.
#[inline(always)]
pub(super) fn leave<B: Base>(step: &Step, hart: &mut Hart) -> Exit {
    hart.pc = B::truncated(hart.pc.wrapping_add(step.operation.immediate as u64));
    step.exit.get()
}

/// `jal`. Its immediate counts from the block's first address.
pub(super) fn jal<B: Base>(steps: &[Step], hart: &mut Hart, _: &mut Memory) -> Exit {
    let [step, ..] = steps else { return ran_out() };
    hart.set_x(step.operation.rd, after::<B>(step, hart));
    leave::<B>(step, hart)
}

pub(super) fn jalr<B: Base>(steps: &[Step], hart: &mut Hart, _: &mut Memory) -> Exit {
    let [step, ..] = steps else { return ran_out() };
    let operation = &step.operation;
    let target = B::truncated(hart.x(operation.rs1).wrapping_add(operation.immediate as u64)) & !1;
    hart.set_x(operation.rd, after::<B>(step, hart));
    hart.pc = target;
    step.exit.get()
}

/// At the end of a block that does not end with a jump.
pub(super) fn fall_through<B: Base>(steps: &[Step], hart: &mut Hart, _: &mut Memory) -> Exit {
    let [step, ..] = steps else { return ran_out() };
    hart.pc = B::truncated(hart.pc.wrapping_add(step.offset.into()));
    step.exit.get()
}

/// The address after the step.
#[inline(always)]
fn after<B: Base>(step: &Step, hart: &Hart) -> u64 {
    B::truncated(hart.pc.wrapping_add(u64::from(step.offset) + u64::from(step.length)))
}
