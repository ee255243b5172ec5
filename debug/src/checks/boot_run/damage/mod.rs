//! Proves that the handler of an interrupt damaged the code that it interrupted. It does not judge.
//!
//! A handler may leave what nobody needs. So a register counts only if the interrupted code uses it before it writes it, which is found by
//! following its instructions from the return on, also through the stack. gp and tp may be changed on purpose.

mod register_wait;

use std::ops::Range;

use crate::image::Image;
use crate::machine::{Address, CameBack, InstructionBytes, Register, Registers, TakenTrap};
use crate::riscv::cause::{SUPERVISOR_SOFTWARE, code, is_interrupt};
use crate::riscv::{self, Effect, Float, Kind, Operation};
use register_wait::waits_for_a_register;

/// How many instructions are followed behind one return, and in all: that is slow.
const FOLLOWED: u64 = 2_000;
const FOLLOWED_IN_ALL: u64 = 400_000;
/// f0's place behind x0 to x31.
const FLOATS: u8 = 32;
/// s0, which may point to a frame.
const FRAME_POINTER: u8 = 8;
const SP: usize = Register::SP as usize;

/// What a handler did to the code that it interrupted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Damage {
    pub interrupt: TakenTrap,
    pub harm: Harm,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Harm {
    /// It came back with another value in a register, which is used at this instruction.
    Register { register: Register, was: u64, is: u64, used_at: Address },
    /// It came back behind the instruction that was to come next.
    Skipped { instruction: InstructionBytes, to: Address },
}

pub struct Damages<'a> {
    image: &'a Image,
    following: Option<Following>,
    left: u64,
    found: Option<Damage>,
}

/// The interrupted code goes on, and some of its registers have values that are not its own.
struct Following {
    back: CameBack,
    /// By place of a register, or of its copy: the register that was changed; 0 where it is the code's own.
    origins: [u8; 64],
    /// Where such values were put on the stack.
    slots: Vec<(Range<u64>, u8)>,
    left: u64,
    /// The instruction that was shown last, and whether it is executed is not known yet.
    pending: Option<(u64, Registers, Operation)>,
}

impl<'a> Damages<'a> {
    pub fn new(image: &'a Image) -> Damages<'a> {
        Damages { image, following: None, left: FOLLOWED_IN_ALL, found: None }
    }

    /// The first that was proved.
    pub fn found(&self) -> Option<Damage> {
        self.found
    }

    /// Whether each instruction is wanted.
    pub fn is_following(&self) -> bool {
        self.following.is_some() && self.found.is_none()
    }

    pub fn came_back(&mut self, back: &CameBack) {
        if self.found.is_some() || self.left == 0 {
            return;
        }
        self.following = None;
        if back.registers.pc == back.interrupted.registers.pc {
            let origins = changed(back);
            if origins != [0; 64] {
                let (back, slots, pending) = (back.clone(), Vec::new(), None);
                self.following = Some(Following { back, origins, slots, left: FOLLOWED, pending });
            }
        } else if let Some(harm) = skipped(self.image, back) {
            self.found = Some(Damage { interrupt: back.interrupted.trap, harm });
        }
    }

    /// A trap: the instruction that was shown used its registers if it trapped, and did not if an interrupt came first.
    pub fn trap(&mut self, trap: &TakenTrap) {
        let Some(mut following) = self.following.take() else { return };
        if let Some((icount, registers, operation)) = following.pending.take()
            && icount == trap.icount
            && !is_interrupt(trap.cause)
        {
            self.found = self.found.or_else(|| following.executed(self.image, &registers, &operation));
        }
    }

    pub fn instruction(&mut self, icount: u64, registers: &Registers, bytes: Option<InstructionBytes>) {
        let Some(following) = &mut self.following else { return };
        (self.left, following.left) = (self.left.saturating_sub(1), following.left.saturating_sub(1));
        let before = following.pending.take();
        let is_next = before.as_ref().map_or(following.back.icount, |(before, ..)| before + 1) == icount;
        if let Some((_, registers, operation)) = before.filter(|_| is_next) {
            self.found = following.executed(self.image, &registers, &operation);
        }
        let operation = bytes.and_then(|bytes| riscv::decode(self.image.xlen(), bytes.as_slice()));
        following.pending = operation.map(|operation| (icount, registers.clone(), operation));
        let is_over = following.is_over() || following.pending.is_none() || self.left == 0;
        if !is_next || is_over || self.found.is_some() {
            self.following = None;
        }
    }
}

impl Following {
    fn is_over(&self) -> bool {
        self.left == 0 || self.origins == [0; 64] && self.slots.is_empty()
    }

    fn damage(&self, origin: u8, used_at: u64) -> Damage {
        let (was, is) = (&self.back.interrupted, &self.back);
        let (register, was, is) = match origin {
            FLOATS.. => {
                let number = origin - FLOATS;
                let of = |floats: Option<[u64; 32]>| floats.map_or(0, |floats| floats[usize::from(number)]);
                (Register::Fpr(number), of(was.floats), of(is.floats))
            }
            _ => {
                let of = |registers: &Registers| registers.x[usize::from(origin)];
                (Register::Gpr(origin), of(&was.registers), of(&is.registers))
            }
        };
        let harm = Harm::Register { register, was, is, used_at: Address(used_at) };
        Damage { interrupt: self.back.interrupted.trap, harm }
    }

    /// Follows one instruction: the damage, if it uses what is not the code's own.
    fn executed(&mut self, image: &Image, registers: &Registers, operation: &Operation) -> Option<Damage> {
        let uses = operation.uses();
        let used = self.used(registers, operation, uses.reads);
        if let Some(origin) = used.filter(|_| !waits_for_a_register(image, Address(registers.pc), operation)) {
            return Some(self.damage(origin, registers.pc));
        }
        let value = self.moved(registers, operation);
        for place in 0..64 {
            if uses.writes >> place & 1 != 0 {
                self.origins[place] = value;
            }
        }
        if operation.kind == Kind::Ecall {
            self.origins[usize::from(Register::A0)] = 0;
            self.origins[usize::from(Register::A1)] = 0;
        }
        None
    }

    /// The changed register whose value an instruction uses, other than to keep it elsewhere.
    fn used(&self, registers: &Registers, operation: &Operation, reads: u64) -> Option<u8> {
        let access = match operation.effect() {
            Effect::Load { base, offset, .. } | Effect::Store { base, offset, .. } => Some((base, offset)),
            _ => None,
        };
        if self.origins[SP] != 0 {
            // What is deeper than sp was is a new frame.
            let (base, offset) = access?;
            let is_own =
                base == Register::SP && registers.x[SP].wrapping_add_signed(offset) >= self.back.registers.x[SP];
            return is_own.then_some(Register::SP);
        }
        let keeps = self.is_copy(operation) || is_spill(operation);
        let reads = match operation.kind {
            Kind::Ecall => 1 << Register::A7,
            _ if keeps => access.map_or(0, |(base, _)| 1 << base),
            _ => reads,
        };
        let origins = self.origins.iter().enumerate();
        origins.filter(|(place, _)| reads >> place & 1 != 0).map(|(_, origin)| *origin).find(|origin| *origin != 0)
    }

    fn is_copy(&self, operation: &Operation) -> bool {
        copied(operation).is_some()
    }

    /// Where the result of an instruction comes from; 0 where it is the code's own.
    fn moved(&mut self, registers: &Registers, operation: &Operation) -> u8 {
        match operation.effect() {
            Effect::Load { base, offset, .. } => {
                let address = registers.x[usize::from(base)].wrapping_add_signed(offset);
                self.slots.iter().find(|(slot, _)| slot.start == address).map_or(0, |(_, origin)| *origin)
            }
            Effect::Store { base, offset, bytes } => {
                let address = registers.x[usize::from(base)].wrapping_add_signed(offset);
                let stored = address..address.saturating_add(bytes.into());
                self.slots.retain(|(slot, _)| slot.end <= stored.start || stored.end <= slot.start);
                let origin = stored_place(operation).map_or(0, |place| self.origins[usize::from(place)]);
                if origin != 0 {
                    self.slots.push((stored, origin));
                }
                0
            }
            _ => copied(operation).map_or(0, |place| self.origins[usize::from(place)]),
        }
    }
}

/// The registers that an interrupt changed.
fn changed(back: &CameBack) -> [u8; 64] {
    let (was, is) = (&back.interrupted.registers, &back.registers);
    // It may be raised as a call, and answered.
    let is_call = code(back.interrupted.trap.cause) == SUPERVISOR_SOFTWARE;
    let is_answer = |number: u8| is_call && matches!(number, Register::A0 | Register::A1);
    let may_change = |number: u8| matches!(number, 0 | Register::GP | Register::TP) || is_answer(number);
    // A handler may count in a register that it shares with the code.
    let is_counted = |was: u64, is: u64| is == was.wrapping_add(1);
    let mut origins = [0; 64];
    for number in (0..32).filter(|number| !may_change(*number)) {
        let (was, is) = (was.x[usize::from(number)], is.x[usize::from(number)]);
        if was != is && !is_counted(was, is) {
            origins[usize::from(number)] = number;
        }
    }
    if let (Some(was), Some(is)) = (back.interrupted.floats, back.floats) {
        for number in (0..FLOATS).filter(|number| was[usize::from(*number)] != is[usize::from(*number)]) {
            origins[usize::from(FLOATS + number)] = FLOATS + number;
        }
    }
    origins
}

/// The harm of a return behind the instruction that was to come next. A handler may have its reason to leave a loop that waits.
fn skipped(image: &Image, back: &CameBack) -> Option<Harm> {
    let (was, is) = (&back.interrupted.registers, &back.registers);
    let same = (0..32).all(|number| matches!(number, 3 | 4) || was.x[number] == is.x[number]);
    let instruction = back.instruction.filter(|_| same)?;
    let operation = riscv::decode(image.xlen(), instruction.as_slice())?;
    let (from, to) = (Address(was.pc), Address(is.pc));
    let counts = match operation.effect() {
        Effect::Wfi => false,
        Effect::Jump(_) | Effect::Branch { .. } => {
            let start = |pc: Address| image.function(pc).map(|(_, offset)| pc - offset);
            start(from).is_some() && start(from) != start(to)
        }
        Effect::Other => operation.uses().writes != 0 || matches!(operation.kind, Kind::Csr(_)),
        _ => true,
    };
    counts.then_some(Harm::Skipped { instruction, to })
}

/// The register that an instruction only copies.
pub fn copied(operation: &Operation) -> Option<u8> {
    match operation.kind {
        Kind::Addi if operation.immediate == 0 => Some(operation.rs1),
        Kind::Add if operation.rs1 == 0 => Some(operation.rs2),
        Kind::Add if operation.rs2 == 0 => Some(operation.rs1),
        Kind::Float(Float::CopySign, _) if operation.rs1 == operation.rs2 => Some(FLOATS + operation.rs1),
        _ => None,
    }
}

/// The place of the register whose value is stored.
fn stored_place(operation: &Operation) -> Option<u8> {
    match operation.kind {
        Kind::Fsw | Kind::Fsd => Some(FLOATS + operation.rs2),
        _ => operation.stored_register(),
    }
}

/// Whether a store only keeps a register for later: on the stack, or one that belongs to the caller.
fn is_spill(operation: &Operation) -> bool {
    let of_caller = |place: u8| matches!(place, Register::RA | 8 | 9 | 18..=27 | 40 | 41 | 50..=59);
    let on_stack = matches!(operation.rs1, Register::SP | FRAME_POINTER);
    stored_place(operation).is_some_and(|place| on_stack || of_caller(place))
}

#[cfg(test)]
mod tests;
