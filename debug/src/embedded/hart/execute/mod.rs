//! Executes decoded instructions of one page at full speed, until one needs the whole board.
//!
//! It does not know time, interrupts or CSRs. For those it returns an [`Interruption`].

mod atomic;
mod bits;
mod cache;
mod float;
mod integer;

use crate::embedded::bus::code::Page;
use crate::embedded::bus::memory::{At, Memory};
use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::decode::{Kind, Operation};
use crate::embedded::hart::state::Hart;
use crate::embedded::hart::trap::{Cause, Interruption, Trap};
use crate::riscv::Register;
use integer::{Alu, Condition};

/// How far the run is, and where to stop on the way.
pub struct Slice {
    /// Instructions executed since the beginning.
    pub icount: u64,
    /// The halfwords of the page that have a breakpoint, one bit each.
    pub breakpoints: Option<[u64; PAGE / 2 / 64]>,
}

/// Executes instructions of one page, which lies at virtual address `base`, until pc leaves it or [`Memory::run_end`] is come to.
///
/// With `EXACT` it checks breakpoints and keeps [`Memory::at`]; without it neither costs time.
pub fn run_page<const EXACT: bool>(
    hart: &mut Hart,
    memory: &mut Memory,
    page: &mut Page,
    base: u64,
    slice: &mut Slice,
) -> Result<(), Interruption> {
    let mut pc = hart.pc;
    let mut icount = slice.icount;
    let result = loop {
        let offset = pc.wrapping_sub(base);
        if icount >= memory.run_end || offset >= PAGE as u64 {
            break Ok(());
        }
        let half = offset as usize / 2;
        if EXACT {
            memory.at = At { icount, pc, sp: hart.x(Register::SP) };
            if slice.breakpoints.as_ref().is_some_and(|bits| bits[half / 64] & 1 << (half % 64) != 0) {
                break Err(Interruption::Breakpoint);
            }
        }
        let operation = page.operation(half);
        // Not `==`: kinds carry data, so that it would be a call, at each instruction.
        if matches!(operation.kind, Kind::Undecoded) {
            if page.decode(half, &mut memory.ram, hart.extensions) {
                memory.notice_stores();
            }
            continue;
        }
        match execute(operation, hart, memory, pc) {
            Ok(next) => {
                pc = next;
                icount += 1;
                if EXACT {
                    memory.record_stack_pointer(operation, hart.x(Register::SP));
                }
            }
            Err(interruption) => break Err(interruption),
        }
    };
    hart.pc = pc;
    slice.icount = icount;
    result
}

/// Executes one instruction. Returns the address of the next.
///
/// It is long because each instruction has a line; so the compiler makes a single jump table.
#[inline(always)]
pub fn execute(operation: &Operation, hart: &mut Hart, memory: &mut Memory, pc: u64) -> Result<u64, Interruption> {
    let op = operation;
    let next = pc.wrapping_add(op.length.into());
    match op.kind {
        Kind::Lui => hart.set_x(op.rd, op.immediate as u64),
        Kind::Auipc => hart.set_x(op.rd, pc.wrapping_add(op.immediate as u64)),
        Kind::Jal => {
            hart.set_x(op.rd, next);
            return Ok(pc.wrapping_add(op.immediate as u64));
        }
        Kind::Jalr => {
            let target = hart.x(op.rs1).wrapping_add(op.immediate as u64) & !1;
            hart.set_x(op.rd, next);
            return Ok(target);
        }
        Kind::Beq => return Ok(branch(hart, op, Condition::Equal, pc)),
        Kind::Bne => return Ok(branch(hart, op, Condition::NotEqual, pc)),
        Kind::Blt => return Ok(branch(hart, op, Condition::Less, pc)),
        Kind::Bge => return Ok(branch(hart, op, Condition::NotLess, pc)),
        Kind::Bltu => return Ok(branch(hart, op, Condition::LessUnsigned, pc)),
        Kind::Bgeu => return Ok(branch(hart, op, Condition::NotLessUnsigned, pc)),

        Kind::Lb => load(hart, memory, op, |bytes| i8::from_le_bytes(bytes) as u64)?,
        Kind::Lh => load(hart, memory, op, |bytes| i16::from_le_bytes(bytes) as u64)?,
        Kind::Lw => load(hart, memory, op, |bytes| i32::from_le_bytes(bytes) as u64)?,
        Kind::Ld => load(hart, memory, op, u64::from_le_bytes)?,
        Kind::Lbu => load(hart, memory, op, |bytes| u8::from_le_bytes(bytes).into())?,
        Kind::Lhu => load(hart, memory, op, |bytes| u16::from_le_bytes(bytes).into())?,
        Kind::Lwu => load(hart, memory, op, |bytes| u32::from_le_bytes(bytes).into())?,
        Kind::Sb => memory.store(address(hart, op), (hart.x(op.rs2) as u8).to_le_bytes())?,
        Kind::Sh => memory.store(address(hart, op), (hart.x(op.rs2) as u16).to_le_bytes())?,
        Kind::Sw => memory.store(address(hart, op), (hart.x(op.rs2) as u32).to_le_bytes())?,
        Kind::Sd => memory.store(address(hart, op), hart.x(op.rs2).to_le_bytes())?,

        Kind::Addi => with_immediate(hart, op, Alu::Add),
        Kind::Slti => with_immediate(hart, op, Alu::SetLess),
        Kind::Sltiu => with_immediate(hart, op, Alu::SetLessUnsigned),
        Kind::Xori => with_immediate(hart, op, Alu::Xor),
        Kind::Ori => with_immediate(hart, op, Alu::Or),
        Kind::Andi => with_immediate(hart, op, Alu::And),
        Kind::Slli => with_immediate(hart, op, Alu::ShiftLeft),
        Kind::Srli => with_immediate(hart, op, Alu::ShiftRight),
        Kind::Srai => with_immediate(hart, op, Alu::ShiftRightArithmetic),
        Kind::Addiw => with_immediate(hart, op, Alu::AddWord),
        Kind::Slliw => with_immediate(hart, op, Alu::ShiftLeftWord),
        Kind::Srliw => with_immediate(hart, op, Alu::ShiftRightWord),
        Kind::Sraiw => with_immediate(hart, op, Alu::ShiftRightArithmeticWord),
        Kind::Add => with_register(hart, op, Alu::Add),
        Kind::Sub => with_register(hart, op, Alu::Subtract),
        Kind::Sll => with_register(hart, op, Alu::ShiftLeft),
        Kind::Slt => with_register(hart, op, Alu::SetLess),
        Kind::Sltu => with_register(hart, op, Alu::SetLessUnsigned),
        Kind::Xor => with_register(hart, op, Alu::Xor),
        Kind::Srl => with_register(hart, op, Alu::ShiftRight),
        Kind::Sra => with_register(hart, op, Alu::ShiftRightArithmetic),
        Kind::Or => with_register(hart, op, Alu::Or),
        Kind::And => with_register(hart, op, Alu::And),
        Kind::Addw => with_register(hart, op, Alu::AddWord),
        Kind::Subw => with_register(hart, op, Alu::SubtractWord),
        Kind::Sllw => with_register(hart, op, Alu::ShiftLeftWord),
        Kind::Srlw => with_register(hart, op, Alu::ShiftRightWord),
        Kind::Sraw => with_register(hart, op, Alu::ShiftRightArithmeticWord),
        Kind::Mul => with_register(hart, op, Alu::Multiply),
        Kind::Mulh => with_register(hart, op, Alu::MultiplyHigh),
        Kind::Mulhsu => with_register(hart, op, Alu::MultiplyHighSignedUnsigned),
        Kind::Mulhu => with_register(hart, op, Alu::MultiplyHighUnsigned),
        Kind::Div => with_register(hart, op, Alu::Divide),
        Kind::Divu => with_register(hart, op, Alu::DivideUnsigned),
        Kind::Rem => with_register(hart, op, Alu::Remainder),
        Kind::Remu => with_register(hart, op, Alu::RemainderUnsigned),
        Kind::Mulw => with_register(hart, op, Alu::MultiplyWord),
        Kind::Divw => with_register(hart, op, Alu::DivideWord),
        Kind::Divuw => with_register(hart, op, Alu::DivideUnsignedWord),
        Kind::Remw => with_register(hart, op, Alu::RemainderWord),
        Kind::Remuw => with_register(hart, op, Alu::RemainderUnsignedWord),
        Kind::Fence => {}

        Kind::Flw | Kind::Fld | Kind::Fsw | Kind::Fsd => float::transfer(hart, memory, op)?,
        Kind::Float(float, precision) => float::compute(hart, op, float, precision)?,
        Kind::LoadReserved(width) => atomic::load_reserved(hart, memory, op, width)?,
        Kind::StoreConditional(width) => atomic::store_conditional(hart, memory, op, width)?,
        Kind::Atomic(atomic, width) => atomic::update(hart, memory, op, atomic, width)?,

        Kind::Bits(bits) => {
            let result = bits::compute(bits, hart.x(op.rs1), hart.x(op.rs2));
            hart.set_x(op.rd, result);
        }
        Kind::BitsImmediate(bits) => {
            let result = bits::compute(bits, hart.x(op.rs1), op.immediate as u64);
            hart.set_x(op.rd, result);
        }
        Kind::CacheBlock(what) => cache::access(hart, memory, op, what)?,
        // A reservation may end, and the wait with it, at any time (unprivileged manual, "Zawrs").
        Kind::WaitForReservation { .. } => {}

        Kind::Ebreak => return Err(Trap::new(Cause::Breakpoint, 0).into()),
        Kind::Illegal => return Err(Trap::illegal(op.bits).into()),
        Kind::Undecoded
        | Kind::Crossing
        | Kind::Ecall
        | Kind::Sret
        | Kind::Mret
        | Kind::Wfi
        | Kind::SfenceVma
        | Kind::Csr(_)
        | Kind::Invalidate(_)
        | Kind::Guest(_)
        | Kind::Other(_) => return Err(Interruption::NeedsBoard),
    }
    Ok(next)
}

#[inline(always)]
fn address(hart: &Hart, operation: &Operation) -> u64 {
    hart.x(operation.rs1).wrapping_add(operation.immediate as u64)
}

#[inline(always)]
fn branch(hart: &Hart, operation: &Operation, condition: Condition, pc: u64) -> u64 {
    let taken = condition.holds(hart.x(operation.rs1), hart.x(operation.rs2));
    let distance = if taken { operation.immediate as u64 } else { operation.length.into() };
    pc.wrapping_add(distance)
}

#[inline(always)]
fn load<const N: usize>(
    hart: &mut Hart,
    memory: &mut Memory,
    operation: &Operation,
    extend: impl Fn([u8; N]) -> u64,
) -> Result<(), Interruption> {
    let bytes = memory.load(address(hart, operation))?;
    hart.set_x(operation.rd, extend(bytes));
    Ok(())
}

#[inline(always)]
fn with_immediate(hart: &mut Hart, operation: &Operation, alu: Alu) {
    let result = alu.compute(hart.x(operation.rs1), operation.immediate as u64);
    hart.set_x(operation.rd, result);
}

#[inline(always)]
fn with_register(hart: &mut Hart, operation: &Operation, alu: Alu) {
    let result = alu.compute(hart.x(operation.rs1), hart.x(operation.rs2));
    hart.set_x(operation.rd, result);
}
