//! Finds handlers that end without `sret` or `mret`: one that leaves for a context which was saved before its trap, and one that ends by
//! `ret`, as a function. It does not judge.
//!
//! A function's return address is stored by that function. So a handler that loads sp and a return address which nobody stored since the trap
//! goes on with something that was there before: the place of a setjmp, or another thread. That is followed by each instruction of a handler.

use std::collections::HashSet;

use super::damage::copied;
use crate::image::Image;
use crate::machine::{Address, HartEvent, InstructionBytes, Register, Registers, TakenTrap};
use crate::riscv::cause::{USER_CALL, code, is_interrupt};
use crate::riscv::{self, Effect, Kind, Operation, Target};

/// How many instructions of the handler of one exception are followed, of one interrupt, and in all: that is slow.
const FOLLOWED: u64 = 50_000;
const FOLLOWED_OF_INTERRUPT: u64 = 5_000;
const FOLLOWED_IN_ALL: u64 = 500_000;
/// A handler that returns from an interrupt so often will again.
const INTERRUPTS: u32 = 2;
/// How many nested handlers are followed.
const DEEPEST: usize = 16;
/// In bytes. What was stored is kept in pieces of this size.
const PIECE: u64 = 4;
const SP: u8 = Register::SP;

/// How a handler ended without `sret` or `mret`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Departure {
    pub trap: TakenTrap,
    pub icount: u64,
    /// The instruction that left it, and where it went.
    pub by: Address,
    pub to: Address,
    /// It returned to the caller of the code that trapped. Otherwise it went on in a context that was saved before.
    pub as_function: bool,
}

pub struct Departures<'a> {
    image: &'a Image,
    /// The handlers that the hart is in, the outermost first.
    followed: Vec<Followed>,
    left: u64,
    /// The interrupts whose handlers were followed, by code: how often.
    interrupts: [u32; 64],
    found: Option<Departure>,
}

struct Followed {
    trap: TakenTrap,
    left: u64,
    /// ra when the handler was entered.
    ra: Option<u64>,
    /// The registers that hold what was loaded from memory that nobody stored to since, by their bits.
    saved: u32,
    stored: HashSet<u64>,
}

impl<'a> Departures<'a> {
    pub fn new(image: &'a Image) -> Departures<'a> {
        let (followed, interrupts) = (Vec::new(), [0; 64]);
        Departures { image, followed, left: FOLLOWED_IN_ALL, interrupts, found: None }
    }

    /// The departure that is about to happen, once.
    pub fn take(&mut self) -> Option<Departure> {
        self.found.take()
    }

    /// Whether traps are to be shown at once.
    pub fn awaits_traps(&self) -> bool {
        self.left > 0
    }

    /// Whether each instruction is wanted.
    pub fn is_following(&self) -> bool {
        self.left > 0 && self.followed.last().is_some_and(|followed| followed.left > 0)
    }

    pub fn event(&mut self, event: &HartEvent) {
        match event {
            HartEvent::Trap(trap) => self.trap(trap),
            HartEvent::TrapReturn { to_user: true, .. } => self.followed.clear(),
            HartEvent::TrapReturn { .. } => {
                self.followed.pop();
            }
            // A handler that waits has nothing else to do.
            HartEvent::Wait { waits: true, .. } | HartEvent::Stopped { .. } => self.gives_up(),
            _ => {}
        }
    }

    fn trap(&mut self, trap: &TakenTrap) {
        let is_own = !trap.from_user && !trap.from_guest && !trap.by_guest && trap.cause != USER_CALL;
        let most = match trap.cause {
            _ if !is_own => 0,
            cause if is_interrupt(cause) => {
                let times = &mut self.interrupts[(code(cause) & 63) as usize];
                *times += 1;
                if *times <= INTERRUPTS { FOLLOWED_OF_INTERRUPT } else { 0 }
            }
            _ => FOLLOWED,
        };
        if self.followed.len() == DEEPEST {
            self.followed.remove(0);
        }
        if most > 0 || !self.followed.is_empty() {
            self.followed.push(Followed { trap: *trap, left: most, ra: None, saved: 0, stored: HashSet::new() });
        }
    }

    fn gives_up(&mut self) {
        if let Some(followed) = self.followed.last_mut() {
            followed.left = 0;
        }
    }

    /// The next instruction of the handler.
    pub fn instruction(&mut self, icount: u64, registers: &Registers, bytes: Option<InstructionBytes>) {
        if !self.is_following() {
            return;
        }
        self.left -= 1;
        let Some(followed) = self.followed.last_mut() else { return };
        followed.left -= 1;
        followed.ra.get_or_insert(registers.x[usize::from(Register::RA)]);
        let Some(operation) = bytes.and_then(|bytes| riscv::decode(self.image.xlen(), bytes.as_slice())) else {
            self.gives_up();
            return;
        };
        if let Some((to, as_function)) = followed.leaves(self.image, registers, &operation) {
            let (trap, by) = (followed.trap, Address(registers.pc));
            self.found = Some(Departure { trap, icount, by, to, as_function });
            self.followed.pop();
            return;
        }
        followed.execute(self.image, registers, &operation);
        let written = match operation.effect() {
            Effect::Store { base, offset, bytes } => Some((base, offset, bytes)),
            Effect::Atomic { base, bytes } => Some((base, 0, bytes)),
            _ => None,
        };
        if let Some(written) = written {
            let pieces: Vec<u64> = pieces(self.image, registers, written).collect();
            self.followed.iter_mut().for_each(|followed| followed.stored.extend(&pieces));
        }
    }
}

impl Followed {
    fn is_saved(&self, register: u8) -> bool {
        self.saved >> register & 1 != 0
    }

    /// Where the instruction leaves the handler for, and whether it does so as a function that returns.
    fn leaves(&self, image: &Image, registers: &Registers, operation: &Operation) -> Option<(Address, bool)> {
        let returns = match operation.effect() {
            Effect::Return => true,
            Effect::Jump(Target::Register { .. }) => false,
            _ => return None,
        };
        let value = registers.x[usize::from(operation.rs1)];
        let to = Address(value.wrapping_add_signed(operation.immediate.into()) & !1);
        let function = |pc: Address| image.function(pc).map(|(_, offset)| image.linked(pc) - offset);
        if function(to).is_some() && function(to) == function(self.trap.handler) {
            return None;
        }
        // A jump to the start of a function is a call at the end of another. A return goes there where a thread begins.
        let goes_on = returns || function(to).is_some_and(|start| start != image.linked(to));
        if goes_on && self.is_saved(operation.rs1) && self.is_saved(SP) {
            return Some((to, false));
        }
        // A handler within the function that trapped is a part of it.
        let is_part = function(self.trap.pc).is_some() && function(self.trap.pc) == function(self.trap.handler);
        let is_callers = operation.rs1 == Register::RA && self.ra == Some(value) && registers.sp() == self.trap.sp;
        (returns && is_callers && !is_part).then_some((to, true))
    }

    fn execute(&mut self, image: &Image, registers: &Registers, operation: &Operation) {
        let is_saved = match operation.effect() {
            Effect::Load { base, offset, bytes } if usize::from(bytes) == image.xlen().bytes() => {
                !pieces(image, registers, (base, offset, bytes)).any(|piece| self.stored.contains(&piece))
            }
            // A frame that was saved is left.
            _ if operation.kind == Kind::Addi
                && (operation.rd, operation.rs1) == (SP, SP)
                && operation.immediate > 0 =>
            {
                self.is_saved(SP)
            }
            _ => copied(operation).is_some_and(|from| from < 32 && self.is_saved(from)),
        };
        let written = operation.uses().writes as u32 & !1;
        self.saved = if is_saved { self.saved | written } else { self.saved & !written };
    }
}

/// The pieces of memory that an access touches.
fn pieces(
    image: &Image,
    registers: &Registers,
    (base, offset, bytes): (u8, i64, u8),
) -> impl Iterator<Item = u64> + use<> {
    let first = image.linked(Address(registers.x[usize::from(base)].wrapping_add_signed(offset))).0;
    let last = first.saturating_add(u64::from(bytes).max(1) - 1);
    first / PIECE..=last / PIECE
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::checks::boot_run::hart_trace::tests::taken;
    use crate::image::fixture::{BASE, Elf};

    const TOP: u64 = BASE + 0x4000;
    const RET: u32 = 0x0000_8067;
    const LD_RA_A0: u32 = 0x0005_3083;
    const LD_SP_A0: u32 = 0x0085_3103;
    const SD_RA_A0: u32 = 0x0015_3023;

    /// The departure of a handler that executes this, from an interrupt or an exception, where ra leads to the last parameter.
    fn after(cause: u64, code: &[u32], ra: u64) -> Option<bool> {
        let image = Image::parse(Path::new("kernel"), Elf::default().bytes()).unwrap();
        let mut departures = Departures::new(&image);
        let handler = Address(BASE + 0x1000);
        departures.event(&HartEvent::Trap(TakenTrap { sp: Address(TOP), handler, ..taken(1, cause, false) }));
        for (at, bits) in (0..).zip(code) {
            let mut registers = Registers { pc: handler.0 + 4 * at, ..Registers::default() };
            (registers.x[1], registers.x[2], registers.x[10]) = (ra, TOP, BASE + 0x2000);
            departures.instruction(2 + at, &registers, InstructionBytes::new(&bits.to_le_bytes()));
        }
        departures.take().map(|departure| departure.as_function)
    }

    #[test]
    fn a_context_that_was_saved_before_is_another_one() {
        let left = |code: &[u32]| after(5, code, BASE);
        assert_eq!(left(&[LD_RA_A0, LD_SP_A0, RET]), Some(false));
        assert_eq!(left(&[SD_RA_A0, LD_RA_A0, LD_SP_A0, RET]), Some(true), "ra is the handler's own, stored by it");
        assert_eq!(
            left(&[LD_SP_A0, 0xff01_0113, LD_RA_A0, 0x0000_8067]),
            Some(true),
            "a frame is made: addi sp, sp, -16"
        );
        assert_eq!(left(&[LD_SP_A0, 0x0101_0113, LD_RA_A0, 0x0000_8067]), Some(false), "one is left");
    }

    #[test]
    fn a_function_ends_by_ret_to_the_caller_of_what_was_interrupted() {
        assert_eq!(after(1 << 63 | 5, &[0x13, RET], BASE), Some(true));
        assert_eq!(after(1 << 63 | 5, &[0x13], BASE), None);
        assert_eq!(after(USER_CALL, &[RET], BASE), None, "a program's call");
    }
}
