//! Kernels that live without ever coming to rest: they wait for a point in time again and again and do something each time, or their
//! interrupts come to tasks and programs that compute for ever. It does not judge.

use std::collections::VecDeque;

use super::{LONG_ENOUGH, PERIODS, Stretch};
use crate::checks::boot_run::event::{BootEnd, Spin};
use crate::machine::{Address, TakenTrap};
use crate::riscv::cause::{USER_CALL, is_interrupt};

/// So many reads of the clock, each as many instructions behind the one before, are a wait.
const READS: u64 = 8;
/// A kernel lives by the clock if it waited this often, more than for the devices that a boot looks for ...
const WAITS: u64 = 64;
/// ... at no more places than these: it blinks, waiting for on and for off ...
const PLACES: usize = 4;
/// ... and changed something between so many of these waits. One that only looks again, later, waits for something that never comes.
const DEEDS: u64 = 16;
/// After so many waits it is looked at closely.
const SUSPICIOUS: u64 = 4;
/// How long programs and tasks must have run so, in instructions: half a second.
const LONG: u64 = 50_000_000;
/// How far an interrupt's handler may return from where it came and still go on with the same task: behind a `wfi`, say.
const NEAR: u64 = 8;
/// How many tasks are told apart.
const TASKS: usize = 64;

/// Signs of life.
#[derive(Default)]
pub struct Life {
    /// At how many looks it waited for a word of another hart, and others had got on.
    pub turns: u64,
    /// The reads of the clock that follow each other now: by which instruction, at which distance, how many.
    reads: ((Address, u64), u64),
    /// A trap came since, so that the next read's distance says nothing.
    trapped: bool,
    /// Where it waited for a point in time, and how often.
    waited_at: Vec<Address>,
    pub waits: Stretch,
    /// Behind how many waits it changed something, and behind which it did last.
    deeds: u64,
    acted: u64,
    /// Behind how many waits it looked for a device that is not there, behind which it did last, and how.
    looks: u64,
    looked: u64,
    absent: Option<Spin>,
    /// Interrupts that came while a program in U-mode ran.
    programs: Stretch,
    /// Interrupts whose handler went on with another task.
    switches: Stretch,
    /// The last values of sp that interrupts found in S-mode, each once.
    interrupted: VecDeque<Address>,
}

impl Life {
    /// The clock was read so often (`reads`), each time by the instruction and at the distance `by`.
    pub fn clock_read(&mut self, icount: u64, by: (Address, u64), time: u64, reads: u64) {
        let is_unknown = std::mem::take(&mut self.trapped) || by.1 == 0;
        if self.reads.0 == by || is_unknown && self.reads.0.0 == by.0 {
            self.reads.1 += reads;
            return;
        }
        let ((at, _), before) = std::mem::replace(&mut self.reads, (by, reads));
        if before < READS {
            return;
        }
        if !self.waited_at.contains(&at) {
            self.waited_at.push(at);
            (self.waits, self.deeds, self.acted) = Default::default();
            (self.looks, self.looked) = Default::default();
        }
        self.waits.add(icount, time);
    }

    /// Something was printed, or memory that is not the stack was changed.
    pub fn acts(&mut self) {
        if self.waits.times > self.acted {
            (self.deeds, self.acted) = (self.deeds + 1, self.waits.times);
        }
    }

    /// The instruction at `pc` read a register of a device that is not there.
    pub fn finds_nothing(&mut self, pc: Address, address: Address) {
        if self.waits.times > self.looked {
            (self.looks, self.looked) = (self.looks + 1, self.waits.times);
            self.absent = Some(Spin::new(pc, address, 4, false));
        }
    }

    /// Whether to observe all stores, as they tell whether it acts.
    pub fn is_suspicious(&self) -> bool {
        self.waits.times >= SUSPICIOUS && self.waits.times < WAITS && self.deeds < DEEDS
    }

    pub fn trap(&mut self, trap: &TakenTrap) {
        self.trapped = true;
        if !is_interrupt(trap.cause) {
            if trap.cause != USER_CALL {
                (self.programs, self.switches) = Default::default();
            }
        } else if trap.from_user {
            self.programs.add(trap.icount, 0);
        } else if !self.interrupted.contains(&trap.sp) {
            self.interrupted.truncate(TASKS - 1);
            self.interrupted.push_front(trap.sp);
        }
    }

    /// The handler of `trap` returned to an instruction, with sp: to another task if either is another's. A stack that only leaks never
    /// comes back to where it was.
    pub fn returned(&mut self, icount: u64, trap: &TakenTrap, (to, sp): (Address, Address)) {
        let is_anothers = || sp != trap.sp && self.interrupted.contains(&sp);
        if is_interrupt(trap.cause) && !trap.from_user && (to.0.abs_diff(trap.pc.0) > NEAR || is_anothers()) {
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
        let at = self.waited_at.last().copied()?;
        let waits = self.waits.times >= WAITS && self.waited_at.len() <= PLACES;
        if !waits || self.waits.ticks() < 2 * LONG_ENOUGH {
            return None;
        }
        // One that looks for a device each time does not get any further, whatever it says of that.
        let awaits = self.absent.filter(|_| self.looks * 2 >= self.waits.times);
        awaits.map(BootEnd::Spins).or((self.deeds >= DEEDS).then_some(BootEnd::Beats { at }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After so many waits of 100 reads, and 1 s each, at as many places.
    fn waited(times: u64, places: u64, acts: bool) -> Option<BootEnd> {
        looked(times, places, acts, 0)
    }

    /// The same, and in so many of them it looks for a device that is not there.
    fn looked(times: u64, places: u64, acts: bool, looks: u64) -> Option<BootEnd> {
        let mut life = Life::default();
        for wait in 0..times {
            let (icount, at) = (wait * 1000, Address(0x8020_0000 + 4 * (wait % places)));
            life.clock_read(icount, (at, 600), wait * 10_000_000, 1);
            life.clock_read(icount + 400, (at, 4), wait * 10_000_000, 99);
            if acts {
                life.acts();
            }
            if wait < looks {
                life.finds_nothing(at, Address(0x1000_1008));
            }
        }
        life.end()
    }

    #[test]
    fn waits_at_few_places_again_and_again_are_a_heartbeat() {
        assert_eq!(waited(WAITS + 2, 1, true), Some(BootEnd::Beats { at: Address(0x8020_0000) }));
        assert!(waited(WAITS + 4, 2, true).is_some(), "on and off");
        assert_eq!(waited(WAITS, 1, true), None, "the last has not ended");
        assert_eq!(waited(4 * WAITS, 5, true), None, "delays all over a boot");
        assert_eq!(
            waited(4 * WAITS, 1, false),
            None,
            "it waits for something else, and looks for it from time to time"
        );
    }

    #[test]
    fn one_that_looks_for_a_device_each_time_waits_for_it() {
        let spins = |looks| matches!(looked(WAITS + 2, 1, true, looks), Some(BootEnd::Spins(_)));
        assert!(spins(WAITS + 2));
        assert!(!spins(8), "at first");
        assert!(looked(WAITS + 2, 1, false, WAITS).is_some(), "it says nothing");
    }

    fn interrupted(from_user: bool, to: u64, cause: u64) -> Option<BootEnd> {
        let mut life = Life::default();
        for icount in (0..=PERIODS).map(|tick| tick * LONG / PERIODS) {
            let mut trap = super::super::tests::taken(icount, 1 << 63 | 5, from_user);
            life.trap(&trap);
            life.returned(icount, &trap, (trap.pc + to, trap.sp));
            trap.cause = cause;
            life.trap(&trap);
        }
        life.end()
    }

    /// The same instruction of two tasks is interrupted in turn, whose stacks both move by so much each time.
    fn switched(by: u64) -> Option<BootEnd> {
        let mut life = Life::default();
        let sp = |tick: u64| Address(0x8021_0000 + 0x1000 * (tick % 2) - by * tick);
        for tick in 0..=PERIODS + 2 {
            let mut trap = super::super::tests::taken(tick * LONG / PERIODS, 1 << 63 | 5, false);
            trap.sp = sp(tick);
            life.trap(&trap);
            life.returned(trap.icount, &trap, (trap.pc, sp(tick + 1)));
        }
        life.end()
    }

    #[test]
    fn tasks_of_one_function_are_told_apart_by_their_stacks() {
        assert_eq!(switched(0), Some(BootEnd::Runs { programs: false }));
        assert_eq!(switched(16), None, "one stack that leaks, or two");
    }

    #[test]
    fn interrupts_that_come_to_programs_or_switch_tasks_are_signs_of_life() {
        assert_eq!(interrupted(true, 0, USER_CALL), Some(BootEnd::Runs { programs: true }));
        assert_eq!(interrupted(false, 0x100, USER_CALL), Some(BootEnd::Runs { programs: false }));
        assert_eq!(interrupted(false, 4, USER_CALL), None, "the same task");
        assert_eq!(interrupted(true, 0, 13), None, "with faults in between");
    }
}
