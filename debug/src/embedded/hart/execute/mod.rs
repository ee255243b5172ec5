//! Executes decoded instructions in blocks at full speed, until one needs the whole board.
//!
//! A block is code that lies in a row within one page: from where a jump leads, over branches that are not taken, to the next jump. Each
//! instruction has become a step, and each step calls the next one's function, which the compiler makes a jump: so nothing is looked
//! up, counted or asked within a block. Without optimisation these are calls, no more than a block has steps.
//! It does not know time, interrupts or CSRs. For those it leaves an [`Interruption`].

mod access;
mod atomic;
mod base;
mod bits;
mod block;
mod cache;
mod compute;
mod float;
mod float_steps;
mod integer;
mod jump;

use std::cell::Cell;

use crate::embedded::bus::memory::{At, Memory};
use crate::embedded::hart::decode::{Kind, Operation};
use crate::embedded::hart::state::Hart;
use crate::embedded::hart::trap::{Cause, Interruption, Trap};
use crate::riscv::{Register, Xlen};
use base::{Base, Rv32, Rv64};

pub use block::{Block, LONGEST, Room, ends_block};

/// Executes the first of some steps of a block, and those after it. pc is the block's first address meanwhile.
type Handler = fn(&[Step], &mut Hart, &mut Memory) -> Exit;

/// One instruction of a block.
#[derive(Clone)]
struct Step {
    /// Executes the next step.
    next: Handler,
    operation: Operation,
    /// Where it is: bytes and instructions of the block before it.
    offset: u16,
    index: u16,
    /// Its bytes and instructions.
    length: u8,
    count: u8,
    /// Where it leaves the block to.
    exit: Cell<Exit>,
}

/// How a block was left: in the low half instructions that were executed, and the step's number, in the high half where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u64);

impl Exit {
    /// To where pc says, whatever block begins there.
    pub const UNKNOWN: u32 = u32::MAX;
    /// Likewise; it is always the same one.
    pub const UNLINKED: u32 = u32::MAX - 1;
    /// Something is to be looked at before the next instruction.
    pub const PAUSED: u32 = u32::MAX - 2;
    /// An instruction could not be executed; pc is at it.
    pub const FAILED: u32 = u32::MAX - 3;
    /// All steps that were to be executed were; pc is still the block's first address.
    pub const RAN_OUT: u32 = u32::MAX - 4;

    #[inline(always)]
    const fn new(count: u16, step: u16, to: u32) -> Exit {
        Exit(count as u64 | (step as u64) << 16 | (to as u64) << 32)
    }

    /// How many instructions of the block were executed.
    #[inline(always)]
    pub fn count(self) -> u64 {
        self.0 & 0xffff
    }

    /// The number of the next block, or one of the constants.
    #[inline(always)]
    pub fn to(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn step(self) -> usize {
        (self.0 >> 16 & 0xffff) as usize
    }
}

/// Executes the instruction at pc, and sets pc to the next one's address.
pub fn execute(operation: &Operation, hart: &mut Hart, memory: &mut Memory) -> Result<(), Interruption> {
    let (steps, handler) = match hart.xlen {
        Xlen::Rv32 => block::single::<Rv32>(operation),
        Xlen::Rv64 => block::single::<Rv64>(operation),
    };
    match handler(&steps, hart, memory).to() {
        Exit::FAILED => Err(memory.failure.take().unwrap_or(Interruption::NeedsBoard)),
        _ => Ok(()),
    }
}

/// Executes a step that can neither fail nor leave the block, and goes on.
#[inline(always)]
fn plain(steps: &[Step], hart: &mut Hart, memory: &mut Memory, effect: impl Fn(&Step, &mut Hart)) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    effect(step, hart);
    (step.next)(rest, hart, memory)
}

/// Executes a step that may fail or have to be looked at, and goes on.
#[inline(never)]
fn general(steps: &[Step], hart: &mut Hart, memory: &mut Memory) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    let (icount, pc) = place(step, hart, memory);
    memory.at = At { icount, pc, sp: hart.x(Register::SP) };
    match perform(&step.operation, hart, memory) {
        Ok(()) if memory.is_paused() => {
            // The look at sp that may follow in the block is not made any more.
            if step.operation.rd == Register::SP && memory.follows_stack_pointer() {
                memory.follow_stack_pointer(icount, pc, &step.operation, hart.x(Register::SP));
            }
            pause(step, hart)
        }
        Ok(()) => (step.next)(rest, hart, memory),
        Err(interruption) => fail(step, hart, memory, interruption),
    }
}

/// Memory is in order here, whoever executes; who looks for races is told of a fence.
fn fence(steps: &[Step], hart: &mut Hart, memory: &mut Memory) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    if memory.races.is_some() {
        let (icount, _) = place(step, hart, memory);
        memory.fence(&step.operation, icount);
    }
    (step.next)(rest, hart, memory)
}

/// The slow path of a step that usually is [`plain`].
#[cold]
#[inline(never)]
fn slowly(steps: &[Step], hart: &mut Hart, memory: &mut Memory) -> Exit {
    general(steps, hart, memory)
}

/// Follows a step that may have moved sp.
fn look_at_stack_pointer(steps: &[Step], hart: &mut Hart, memory: &mut Memory) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    if memory.follows_stack_pointer() {
        return follow_stack_pointer(steps, hart, memory);
    }
    (step.next)(rest, hart, memory)
}

#[cold]
#[inline(never)]
fn follow_stack_pointer(steps: &[Step], hart: &mut Hart, memory: &mut Memory) -> Exit {
    let [step, rest @ ..] = steps else { return ran_out() };
    let (icount, pc) = place(step, hart, memory);
    memory.follow_stack_pointer(icount, pc, &step.operation, hart.x(Register::SP));
    if memory.is_paused() { pause(step, hart) } else { (step.next)(rest, hart, memory) }
}

/// After the last step that is to be executed.
fn stop(_: &[Step], _: &mut Hart, _: &mut Memory) -> Exit {
    ran_out()
}

#[inline(always)]
fn ran_out() -> Exit {
    Exit::new(0, 0, Exit::RAN_OUT)
}

/// How many instructions came before the step since the beginning, and its address.
fn place(step: &Step, hart: &Hart, memory: &Memory) -> (u64, u64) {
    (memory.block_icount + u64::from(step.index), hart.pc.wrapping_add(step.offset.into()))
}

/// Stops before the next step.
fn pause(step: &Step, hart: &mut Hart) -> Exit {
    hart.pc = hart.xlen.truncate(hart.pc.wrapping_add(u64::from(step.offset) + u64::from(step.length)));
    Exit::new(step.index + u16::from(step.count), 0, Exit::PAUSED)
}

/// Stops at the step.
#[cold]
fn fail(step: &Step, hart: &mut Hart, memory: &mut Memory, interruption: Interruption) -> Exit {
    hart.pc = hart.pc.wrapping_add(step.offset.into());
    memory.failure = Some(interruption);
    Exit::new(step.index, 0, Exit::FAILED)
}

/// What instructions do that may fail, or change more than a register.
fn perform(op: &Operation, hart: &mut Hart, memory: &mut Memory) -> Result<(), Interruption> {
    match op.kind {
        kind if access::is_integer(kind) => access::perform(op, hart, memory),
        Kind::Flw | Kind::Fld | Kind::Fsw | Kind::Fsd => float::transfer(hart, memory, op),
        Kind::Float(float, precision) => float::compute(hart, op, float, precision),
        Kind::LoadReserved(_) | Kind::StoreConditional(_) | Kind::Atomic(..) => {
            memory.atomically(op, |memory| atomic::perform(op, hart, memory))
        }
        Kind::CacheBlock(what) => cache::access(hart, memory, op, what),
        Kind::Ebreak => Err(Trap::new(Cause::Breakpoint, 0).into()),
        Kind::Illegal => Err(Trap::illegal(op.bits).into()),
        _ => Err(Interruption::NeedsBoard),
    }
}

/// The address of a load or a store, where its width is not known before.
fn address(hart: &Hart, operation: &Operation) -> u64 {
    hart.xlen.truncate(hart.x(operation.rs1).wrapping_add(operation.immediate as u64))
}

#[inline(always)]
fn address_in<B: Base>(hart: &Hart, operation: &Operation) -> u64 {
    B::truncated(hart.x(operation.rs1).wrapping_add(operation.immediate as u64))
}
