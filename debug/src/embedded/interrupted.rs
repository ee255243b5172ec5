//! Keeps what interrupts interrupt, and compares it with what the hart comes back to. It does not judge.
//!
//! A trap may return to another task than the one it interrupted, which goes on later. So what was interrupted is known by where it
//! was: its mode, its address space, its stack pointer and its pc.

use crate::embedded::hart::state::{Hart, Privilege};
use crate::machine::{Interrupted, Registers, TakenTrap};
use crate::riscv::Register;

/// How many interrupted tasks are kept, the latest ones.
const MOST: usize = 64;
/// In bytes. What goes on so far ahead may be the same code, which skips an instruction.
const LONGEST_INSTRUCTION: u64 = 4;
/// In bytes. Two stacks lie at least so far apart.
const SMALLEST_STACK: u64 = 1024;
const SP: usize = Register::SP as usize;

/// Where addresses and registers are the same task's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Space {
    privilege: Privilege,
    virtualized: bool,
    satp: u64,
    vsatp: u64,
    hgatp: u64,
}

impl Space {
    fn of(hart: &Hart) -> Space {
        let Hart { privilege, virtualized, satp, .. } = *hart;
        Space { privilege, virtualized, satp, vsatp: hart.guest.vsatp, hgatp: hart.guest.hgatp }
    }
}

/// The state of a hart before a trap, or behind a return from one.
pub struct Before {
    space: Space,
    pub registers: Registers,
    pub floats: Option<[u64; 32]>,
}

impl Before {
    pub fn of(hart: &Hart) -> Before {
        let floats = (!hart.float_off()).then_some(hart.f);
        let registers = Registers { x: hart.general(), pc: hart.pc };
        Before { space: Space::of(hart), registers, floats }
    }
}

/// What was interrupted and did not go on yet.
#[derive(Default)]
pub struct Tasks(Vec<(Space, Interrupted)>);

impl Tasks {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A trap came, which a handler of the kernel took. `is_interrupt`: what it interrupted is to go on as it was.
    pub fn trapped(&mut self, before: Before, trap: TakenTrap, is_interrupt: bool) {
        let Before { space, registers, floats } = before;
        self.end_others(space, &registers);
        if is_interrupt {
            self.add(space, Interrupted { trap, registers, floats });
        }
    }

    /// The hart goes to another moment.
    pub fn forget(&mut self) {
        self.0.clear();
    }

    /// Something else runs where these were: they do not go on.
    fn end_others(&mut self, space: Space, registers: &Registers) {
        let is_gone = |was: &Registers| was.sp() == registers.sp() && was.pc != registers.pc;
        self.0.retain(|(of, task)| *of != space || !is_gone(&task.registers));
    }

    fn add(&mut self, space: Space, task: Interrupted) {
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push((space, task));
    }

    /// The task that the hart went back to, if it is certain which one, and that it is not as it was.
    pub fn go_on(&mut self, now: &Before) -> Option<Interrupted> {
        let (pc, sp) = (now.registers.pc, now.registers.sp());
        let is_here = |of: &Space, task: &Interrupted| {
            let was = &task.registers;
            *of == now.space && was.sp() == sp && (was.pc..=was.pc.wrapping_add(LONGEST_INSTRUCTION)).contains(&pc)
        };
        let here: Vec<usize> =
            (0..self.0.len()).filter(|index| is_here(&self.0[*index].0, &self.0[*index].1)).collect();
        let Some(last) = here.last().map(|index| self.0[*index].1.clone()) else { return self.with_another_stack(now) };
        if let Some(index) = here.iter().find(|index| self.0[**index].1.is_as(now)) {
            self.0.remove(*index);
            return None;
        }
        // Two that cannot be told apart are not compared.
        let is_one = here.len() == 1;
        for index in here.into_iter().rev() {
            self.0.remove(index);
        }
        is_one.then_some(last)
    }

    /// A task that goes on in all of its registers but the stack pointer.
    fn with_another_stack(&mut self, now: &Before) -> Option<Interrupted> {
        let (of, task) = self.0.last()?;
        let mut registers = task.registers.clone();
        registers.x[SP] = now.registers.x[SP];
        let is_near = task.registers.sp().0.abs_diff(now.registers.sp().0) < SMALLEST_STACK;
        let goes_on = is_near && *of == now.space && registers == now.registers;
        self.0.pop_if(|_| goes_on).map(|(_, task)| task)
    }
}

impl Interrupted {
    fn is_as(&self, now: &Before) -> bool {
        let floats = self.floats.zip(now.floats);
        self.registers == now.registers && floats.is_none_or(|(was, is)| was == is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Address;

    fn space() -> Space {
        Space { privilege: Privilege::Supervisor, virtualized: false, satp: 0, vsatp: 0, hgatp: 0 }
    }

    fn at(pc: u64, sp: u64, s1: u64) -> Registers {
        let mut registers = Registers { pc, ..Registers::default() };
        (registers.x[SP], registers.x[9]) = (sp, s1);
        registers
    }

    fn task(pc: u64, sp: u64, s1: u64) -> Interrupted {
        let trap = TakenTrap {
            icount: 0,
            pc: Address(pc),
            cause: 1 << 63 | 5,
            value: 0,
            from_user: false,
            from_guest: false,
            by_guest: false,
            guest_physical: None,
            overdue: 0,
            sp: Address(sp),
            sscratch: 0,
            handler: Address(0x100),
            instruction: None,
        };
        Interrupted { trap, registers: at(pc, sp, s1), floats: None }
    }

    fn back(tasks: &mut Tasks, registers: Registers) -> Option<u64> {
        let gone_on = tasks.go_on(&Before { space: space(), registers, floats: None });
        gone_on.map(|task| task.registers.x[9])
    }

    fn with(list: &[Interrupted]) -> Tasks {
        Tasks(list.iter().map(|task| (space(), task.clone())).collect())
    }

    #[test]
    fn a_task_that_goes_on_as_it_was_is_told_by_nobody() {
        let mut tasks = with(&[task(0x40, 0x900, 7)]);
        assert_eq!(back(&mut tasks, at(0x40, 0x900, 7)), None);
        assert!(tasks.0.is_empty());
    }

    #[test]
    fn another_register_and_another_pc_are_told() {
        assert_eq!(back(&mut with(&[task(0x40, 0x900, 7)]), at(0x40, 0x900, 8)), Some(7));
        assert_eq!(back(&mut with(&[task(0x40, 0x900, 7)]), at(0x44, 0x900, 7)), Some(7));
        assert_eq!(back(&mut with(&[task(0x40, 0x900, 7)]), at(0x40, 0x8f0, 7)), Some(7), "sp alone");
    }

    #[test]
    fn another_task_is_not_the_interrupted_one() {
        let mut tasks = with(&[task(0x40, 0x900, 7)]);
        assert_eq!(back(&mut tasks, at(0x80, 0x900, 8)), None, "it goes on elsewhere");
        assert_eq!(back(&mut tasks, at(0x40, 0x700, 8)), None, "on another stack");
        assert_eq!(back(&mut tasks, at(0x40, 0x900, 7)), None, "the first goes on later");
    }

    #[test]
    fn two_tasks_at_one_place_are_told_apart_by_their_registers_or_not_at_all() {
        let both = [task(0x40, 0x900, 7), task(0x40, 0x900, 8)];
        assert_eq!(back(&mut with(&both), at(0x40, 0x900, 7)), None);
        assert_eq!(back(&mut with(&both), at(0x40, 0x900, 9)), None);
    }

    #[test]
    fn what_runs_on_a_stack_has_ended_what_was_interrupted_there() {
        let mut tasks = with(&[task(0x40, 0x900, 7)]);
        tasks.end_others(space(), &at(0x80, 0x900, 0));
        assert_eq!(back(&mut tasks, at(0x40, 0x900, 9)), None);
    }
}
