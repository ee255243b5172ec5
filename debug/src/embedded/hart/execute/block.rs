//! Makes a block's steps of its instructions, and runs them. It does not know where instructions come from.

use std::cell::Cell;

use super::base::{Base, Rv32, Rv64};
use super::{Exit, Handler, Hart, Kind, Memory, Operation, Step, access, compute, float_steps, general, jump};
use super::{fence, look_at_stack_pointer, stop};
use crate::embedded::bus::ram::PAGE;
use crate::riscv::{Register, Xlen};

/// How many instructions a block has at most.
pub const LONGEST: usize = 64;

/// Instructions in a row that are executed together.
pub struct Block {
    first: Handler,
    steps: Box<[Step]>,
    /// How many instructions it has.
    count: u64,
    /// How many bytes.
    length: usize,
    /// Where its page begins in RAM.
    page: usize,
}

/// How far a block may be executed.
#[derive(Clone, Copy)]
pub struct Room {
    /// Instructions.
    pub count: u64,
    /// Bytes of the block, beyond which an instruction must not begin.
    pub length: usize,
}

/// Whether nothing after an instruction of this kind belongs to its block.
pub fn ends_block(kind: Kind) -> bool {
    let stays = jump::branch::<Rv64>(kind).is_some()
        || access::is_integer(kind)
        || compute::handler::<Rv64>(kind).is_some()
        || matches!(kind, Kind::Flw | Kind::Fld | Kind::Fsw | Kind::Fsd | Kind::Float(..))
        || matches!(kind, Kind::LoadReserved(_) | Kind::StoreConditional(_) | Kind::Atomic(..) | Kind::CacheBlock(_));
    !stays
}

impl Block {
    /// A block of these instructions, of which the first lies so many bytes into the page at this offset of RAM.
    pub fn new(xlen: Xlen, operations: &[Operation], page: usize, within: usize) -> Block {
        match xlen {
            Xlen::Rv32 => Block::of::<Rv32>(operations, page, within),
            Xlen::Rv64 => Block::of::<Rv64>(operations, page, within),
        }
    }

    fn of<B: Base>(operations: &[Operation], page: usize, within: usize) -> Block {
        let mut builder = Builder { steps: Vec::new(), handlers: Vec::new(), within, offset: 0, index: 0 };
        for operation in operations {
            builder.add::<B>(operation);
            if moves_stack_pointer(operation) {
                builder.look_at_stack_pointer();
            }
        }
        builder.finish::<B>(page)
    }

    /// How many steps it has, for those who count memory.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// How many instructions it has.
    #[inline(always)]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes it has.
    #[inline(always)]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Whether there is room for all of it.
    pub fn fits(&self, room: Room) -> bool {
        self.count <= room.count && self.length <= room.length
    }

    /// Executes it from its beginning, where pc is.
    #[inline(always)]
    pub fn run(&self, hart: &mut Hart, memory: &mut Memory) -> Exit {
        (self.first)(&self.steps, hart, memory)
    }

    /// Executes as much of it as there is room for; `None` where not even the first step fits.
    pub fn run_within(&self, room: Room, hart: &mut Hart, memory: &mut Memory) -> Option<Exit> {
        if self.fits(room) {
            return Some(self.run(hart, memory));
        }
        let fits = |step: &Step| {
            usize::from(step.offset) + usize::from(step.length) <= room.length
                && u64::from(step.index) + u64::from(step.count) <= room.count
        };
        let steps = &self.steps[..self.steps.partition_point(fits)];
        let last = steps.last()?;
        let exit = (self.first)(steps, hart, memory);
        if exit.to() != Exit::RAN_OUT {
            return Some(exit);
        }
        hart.pc = hart.xlen.truncate(hart.pc.wrapping_add(u64::from(last.offset) + u64::from(last.length)));
        Some(Exit::new(last.index + u16::from(last.count), 0, Exit::UNKNOWN))
    }

    /// The last instruction that was executed, where it was left by `exit`, and how many bytes of the block end with it.
    pub fn left_by(&self, exit: Exit) -> Option<(&Operation, u64)> {
        let step = self.steps.get(exit.step())?;
        let is_last = u64::from(step.index) + u64::from(step.count) == exit.count();
        let whole = !matches!(exit.to(), Exit::FAILED | Exit::PAUSED | Exit::RAN_OUT);
        (is_last && whole).then(|| (&step.operation, u64::from(step.offset) + u64::from(step.length)))
    }

    /// Whether the other lies in the same page of RAM. An address may lead to another page's for a while, until `sfence.vma`.
    pub fn is_beside(&self, other: &Block) -> bool {
        self.page == other.page
    }

    /// From now on the step that was left by `exit` leads to block `number`, which is beside this one.
    pub fn link(&self, exit: Exit, number: u32) {
        if let Some(step) = self.steps.get(exit.step()) {
            step.exit.set(Exit::new(exit.count() as u16, exit.step() as u16, number));
        }
    }
}

/// The steps of one instruction that is executed for once, and the first one's function.
pub(super) fn single<B: Base>(operation: &Operation) -> ([Step; 2], Handler) {
    let first = step(*operation, (0, 0), (operation.length, 1), Exit::new(1, 0, Exit::UNKNOWN));
    let last = step(Operation::UNDECODED, (operation.length.into(), 1), (0, 0), first.exit.get());
    let handler = match operation.kind {
        Kind::Jal => jump::jal::<B>,
        Kind::Jalr => jump::jalr::<B>,
        _ => handler::<B>(operation),
    };
    ([Step { next: jump::fall_through::<B>, ..first }, last], handler)
}

fn step(operation: Operation, (offset, index): (u16, u16), (length, count): (u8, u8), exit: Exit) -> Step {
    Step { next: stop, operation, offset, index, length, count, exit: Cell::new(exit) }
}

struct Builder {
    steps: Vec<Step>,
    handlers: Vec<Handler>,
    /// Where the block begins in its page.
    within: usize,
    offset: u16,
    index: u16,
}

impl Builder {
    fn add<B: Base>(&mut self, operation: &Operation) {
        let mut operation = *operation;
        let relative = matches!(operation.kind, Kind::Auipc | Kind::Jal) || jump::branch::<B>(operation.kind).is_some();
        if relative {
            // An `auipc` has zeros where this adds.
            operation.immediate += i32::from(self.offset);
        }
        let target = (relative && operation.kind != Kind::Auipc).then_some(i64::from(operation.immediate));
        self.push(handler::<B>(&operation), operation, operation.length, 1, target);
    }

    fn look_at_stack_pointer(&mut self) {
        if let Some(moves) = self.steps.last().cloned() {
            self.handlers.push(look_at_stack_pointer);
            self.steps.push(moves);
        }
    }

    /// `target` is where it may lead, in bytes from the block's beginning.
    fn push(&mut self, handler: Handler, operation: Operation, length: u8, count: u8, target: Option<i64>) {
        let is_in_page = |target: i64| (0..PAGE as i64).contains(&(self.within as i64 + target));
        let to = if target.is_some_and(is_in_page) { Exit::UNLINKED } else { Exit::UNKNOWN };
        let exit = Exit::new(self.index + u16::from(count), self.steps.len() as u16, to);
        self.steps.push(step(operation, (self.offset, self.index), (length, count), exit));
        self.handlers.push(handler);
        self.offset += u16::from(length);
        self.index += u16::from(count);
    }

    fn finish<B: Base>(mut self, page: usize) -> Block {
        self.push(jump::fall_through::<B>, Operation::UNDECODED, 0, 0, Some(self.offset.into()));
        for (step, handler) in self.steps.iter_mut().zip(&self.handlers[1..]) {
            step.next = *handler;
        }
        Block {
            first: self.handlers[0],
            steps: self.steps.into(),
            count: self.index.into(),
            length: self.offset.into(),
            page,
        }
    }
}

fn moves_stack_pointer(operation: &Operation) -> bool {
    operation.rd == Register::SP && !operation.kind.writes_float() && !ends_block(operation.kind)
}

fn handler<B: Base>(operation: &Operation) -> Handler {
    match operation.kind {
        // One that sets sp is for the board, which looks at it.
        Kind::Jal if operation.rd != Register::SP => jump::jal::<B>,
        Kind::Jalr if operation.rd != Register::SP => jump::jalr::<B>,
        Kind::Fence => fence,
        kind if access::is_integer(kind) => access::handler::<B>(kind),
        kind => {
            let others = || jump::branch::<B>(kind).or_else(|| float_steps::handler::<B>(kind));
            compute::handler::<B>(kind).or_else(others).unwrap_or(general)
        }
    }
}
