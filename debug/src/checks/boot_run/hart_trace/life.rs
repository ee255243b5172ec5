//! Kernels that live without ever coming to rest: their interrupts come to tasks and programs that compute for ever. It does not judge.

use super::{PERIODS, Stretch};
use crate::checks::boot_run::event::BootEnd;
use crate::machine::{Address, TakenTrap};
use crate::riscv::cause::{USER_CALL, is_interrupt};

/// How long programs and tasks must have run so, in instructions: half a second.
const LONG: u64 = 50_000_000;
/// How far an interrupt's handler may return from where it came and still go on with the same task: behind a `wfi`, say.
const NEAR: u64 = 8;

/// Signs of life.
#[derive(Default)]
pub struct Life {
    /// Interrupts that came while a program in U-mode ran.
    programs: Stretch,
    /// Interrupts whose handler went on with another task.
    switches: Stretch,
}

impl Life {
    pub fn trap(&mut self, trap: &TakenTrap) {
        if !is_interrupt(trap.cause) {
            if trap.cause != USER_CALL {
                (self.programs, self.switches) = Default::default();
            }
        } else if trap.from_user {
            self.programs.add(trap.icount, 0);
        }
    }

    /// The handler of `trap` returned.
    pub fn returned(&mut self, icount: u64, trap: &TakenTrap, to: Address) {
        if is_interrupt(trap.cause) && !trap.from_user && to.0.abs_diff(trap.pc.0) > NEAR {
            self.switches.add(icount, 0);
        }
    }

    /// The end of the boot that it proves.
    pub fn end(&self) -> Option<BootEnd> {
        let enough = |stretch: &Stretch| stretch.times >= PERIODS && stretch.instructions() >= LONG;
        if enough(&self.programs) {
            return Some(BootEnd::Runs { programs: true });
        }
        if enough(&self.switches) {
            return Some(BootEnd::Runs { programs: false });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interrupted(from_user: bool, to: u64, cause: u64) -> Option<BootEnd> {
        let mut life = Life::default();
        for icount in (0..=PERIODS).map(|tick| tick * LONG / PERIODS) {
            let mut trap = super::super::tests::taken(icount, 1 << 63 | 5, from_user);
            life.trap(&trap);
            life.returned(icount, &trap, trap.pc + to);
            trap.cause = cause;
            life.trap(&trap);
        }
        life.end()
    }

    #[test]
    fn interrupts_that_come_to_programs_or_switch_tasks_are_signs_of_life() {
        assert_eq!(interrupted(true, 0, USER_CALL), Some(BootEnd::Runs { programs: true }));
        assert_eq!(interrupted(false, 0x100, USER_CALL), Some(BootEnd::Runs { programs: false }));
        assert_eq!(interrupted(false, 4, USER_CALL), None, "the same task");
        assert_eq!(interrupted(true, 0, 13), None, "with faults in between");
    }
}
