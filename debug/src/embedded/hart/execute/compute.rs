//! Instructions that compute one register from others: they neither fail nor jump. It does not know memory.

use super::base::Base;
use super::integer::Alu;
use super::{Handler, Hart, Kind, Operation, bits, plain};

/// A function that applies this to a step's instruction.
macro_rules! each {
    ($effect:expr) => {
        |steps, hart, memory| plain(steps, hart, memory, |step, hart| $effect(hart, &step.operation))
    };
}

/// The function of an instruction of this kind, if it is one of these.
///
/// It is long because each instruction has a line.
pub(super) fn handler<B: Base>(kind: Kind) -> Option<Handler> {
    Some(match kind {
        Kind::Lui => each!(|hart: &mut Hart, op: &Operation| hart.set_x(op.rd, B::truncated(op.immediate as u64))),
        // Its immediate counts from the block's first address.
        Kind::Auipc => {
            each!(|hart: &mut Hart, op: &Operation| {
                hart.set_x(op.rd, B::truncated(hart.pc.wrapping_add(op.immediate as u64)));
            })
        }
        Kind::Addi => each!(|hart, op| with_immediate::<B>(hart, op, Alu::Add)),
        Kind::Slti => each!(|hart, op| with_immediate::<B>(hart, op, Alu::SetLess)),
        Kind::Sltiu => each!(|hart, op| with_immediate::<B>(hart, op, Alu::SetLessUnsigned)),
        Kind::Xori => each!(|hart, op| with_immediate::<B>(hart, op, Alu::Xor)),
        Kind::Ori => each!(|hart, op| with_immediate::<B>(hart, op, Alu::Or)),
        Kind::Andi => each!(|hart, op| with_immediate::<B>(hart, op, Alu::And)),
        Kind::Slli => each!(|hart, op| with_immediate::<B>(hart, op, Alu::ShiftLeft)),
        Kind::Srli => each!(|hart, op| with_immediate::<B>(hart, op, Alu::ShiftRight)),
        Kind::Srai => each!(|hart, op| with_immediate::<B>(hart, op, Alu::ShiftRightArithmetic)),
        Kind::Addiw => each!(|hart, op| with_immediate::<B>(hart, op, Alu::AddWord)),
        Kind::Slliw => each!(|hart, op| with_immediate::<B>(hart, op, Alu::ShiftLeftWord)),
        Kind::Srliw => each!(|hart, op| with_immediate::<B>(hart, op, Alu::ShiftRightWord)),
        Kind::Sraiw => each!(|hart, op| with_immediate::<B>(hart, op, Alu::ShiftRightArithmeticWord)),
        Kind::Add => each!(|hart, op| with_register::<B>(hart, op, Alu::Add)),
        Kind::Sub => each!(|hart, op| with_register::<B>(hart, op, Alu::Subtract)),
        Kind::Sll => each!(|hart, op| with_register::<B>(hart, op, Alu::ShiftLeft)),
        Kind::Slt => each!(|hart, op| with_register::<B>(hart, op, Alu::SetLess)),
        Kind::Sltu => each!(|hart, op| with_register::<B>(hart, op, Alu::SetLessUnsigned)),
        Kind::Xor => each!(|hart, op| with_register::<B>(hart, op, Alu::Xor)),
        Kind::Srl => each!(|hart, op| with_register::<B>(hart, op, Alu::ShiftRight)),
        Kind::Sra => each!(|hart, op| with_register::<B>(hart, op, Alu::ShiftRightArithmetic)),
        Kind::Or => each!(|hart, op| with_register::<B>(hart, op, Alu::Or)),
        Kind::And => each!(|hart, op| with_register::<B>(hart, op, Alu::And)),
        Kind::Addw => each!(|hart, op| with_register::<B>(hart, op, Alu::AddWord)),
        Kind::Subw => each!(|hart, op| with_register::<B>(hart, op, Alu::SubtractWord)),
        Kind::Sllw => each!(|hart, op| with_register::<B>(hart, op, Alu::ShiftLeftWord)),
        Kind::Srlw => each!(|hart, op| with_register::<B>(hart, op, Alu::ShiftRightWord)),
        Kind::Sraw => each!(|hart, op| with_register::<B>(hart, op, Alu::ShiftRightArithmeticWord)),
        Kind::Mul => each!(|hart, op| with_register::<B>(hart, op, Alu::Multiply)),
        Kind::Mulh => each!(|hart, op| with_register::<B>(hart, op, Alu::MultiplyHigh)),
        Kind::Mulhsu => each!(|hart, op| with_register::<B>(hart, op, Alu::MultiplyHighSignedUnsigned)),
        Kind::Mulhu => each!(|hart, op| with_register::<B>(hart, op, Alu::MultiplyHighUnsigned)),
        Kind::Div => each!(|hart, op| with_register::<B>(hart, op, Alu::Divide)),
        Kind::Divu => each!(|hart, op| with_register::<B>(hart, op, Alu::DivideUnsigned)),
        Kind::Rem => each!(|hart, op| with_register::<B>(hart, op, Alu::Remainder)),
        Kind::Remu => each!(|hart, op| with_register::<B>(hart, op, Alu::RemainderUnsigned)),
        Kind::Mulw => each!(|hart, op| with_register::<B>(hart, op, Alu::MultiplyWord)),
        Kind::Divw => each!(|hart, op| with_register::<B>(hart, op, Alu::DivideWord)),
        Kind::Divuw => each!(|hart, op| with_register::<B>(hart, op, Alu::DivideUnsignedWord)),
        Kind::Remw => each!(|hart, op| with_register::<B>(hart, op, Alu::RemainderWord)),
        Kind::Remuw => each!(|hart, op| with_register::<B>(hart, op, Alu::RemainderUnsignedWord)),
        Kind::Bits(_) => each!(|hart: &mut Hart, op: &Operation| bits::<B>(hart, op, hart.x(op.rs2))),
        Kind::BitsImmediate(_) => each!(|hart: &mut Hart, op: &Operation| bits::<B>(hart, op, op.immediate as u64)),
        // A reservation may end, and the wait with it, at any time (unprivileged manual, "Zawrs").
        Kind::Fence | Kind::WaitForReservation { .. } => each!(|_: &mut Hart, _: &Operation| ()),
        _ => return None,
    })
}

#[inline(always)]
fn with_immediate<B: Base>(hart: &mut Hart, operation: &Operation, alu: Alu) {
    let result = alu.compute::<B>(hart.x(operation.rs1), operation.immediate as u64);
    hart.set_x(operation.rd, result);
}

#[inline(always)]
fn with_register<B: Base>(hart: &mut Hart, operation: &Operation, alu: Alu) {
    let result = alu.compute::<B>(hart.x(operation.rs1), hart.x(operation.rs2));
    hart.set_x(operation.rd, result);
}

#[inline(never)]
fn bits<B: Base>(hart: &mut Hart, operation: &Operation, second: u64) {
    if let Kind::Bits(bits) | Kind::BitsImmediate(bits) = operation.kind {
        let result = bits::compute::<B>(bits, hart.x(operation.rs1), second);
        hart.set_x(operation.rd, result);
    }
}
