//! Collects a boot's traps, returns from traps, waits and polls: which traps were handled, which repeat for ever, and whether the
//! kernel waits.
//!
//! Pure: the embedded machine reports every event; on another machine marks (`marks`) report some. It does not judge.

mod end;
mod life;
mod sinking;
mod stretch;

use super::departures::Departure;
use crate::machine::{Address, HartEvent, TakenTrap};
use crate::riscv::cause::{USER_CALL, is_interrupt};

pub use end::{BUSY_ENOUGH, LONG_ENOUGH, PERIODS, SPINS_ENOUGH, SPINS_LONG_ENOUGH};
pub use life::Life;
pub use sinking::Sinking;
pub use stretch::Stretch;

/// How many kinds of exceptions (by instruction and cause) are kept.
const MOST_KINDS: usize = 64;
/// How many nested traps are kept.
const DEEPEST: usize = 64;
/// How often an instruction must trap and be returned to before it counts as trapping for ever, where nobody sees whether it is executed
/// in between.
const SAME_INSTRUCTION: u64 = 16;
/// How often in a row the hart must come back to an instruction, whatever ran in between, and trap before it executes it. A thread that
/// faults whenever it is its turn does, and a kernel idles after 16 ticks ([`PERIODS`]).
const EACH_TURN: u64 = 12;
/// How often in a row a program must make the same call again right behind its return, and the kernel do it, before it is not taken for one
/// that waits.
const DONE_AGAIN: u64 = 64;
/// How many nested exceptions at one place count as a handler that faults itself.
const WITHIN_ITSELF: usize = 16;
/// How many traps without a return count as the same.
const NEVER_RETURNED: u64 = 1000;
/// How many interrupts make a group. For each group the instructions between them are counted.
pub const STORM: u64 = 256;
/// How many instructions a `wfi` that waited counts as: a hart that has time to wait is not in a storm.
const WAITED: u64 = STORM;

/// An exception that the kernel's handler took. Exceptions with the same instruction and cause are counted together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exception {
    /// The first of them.
    pub trap: TakenTrap,
    /// stval at the last of them.
    value: u64,
    pub times: u64,
    /// The trap whose handler raised it, if a handler did.
    pub within: Option<TakenTrap>,
    /// Where its handler returned to; `None` if it has not returned.
    pub returned_to: Option<Address>,
    /// The handler did not return, but went on there in a context that was saved before.
    pub left: bool,
    /// stvec was written after it and before any return: the kernel uses the trap as a jump.
    pub vector_rewritten: bool,
    /// How often in a row a trap returned to the instruction, and it raised this at once.
    turns: u64,
}

/// Traps that repeat for ever.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stuck {
    /// The handler returns to the instruction, which traps again.
    SameInstruction(TakenTrap),
    /// The handler itself faults; the first is the trap that it should have handled.
    WithinHandler { first: TakenTrap, fault: TakenTrap },
}

impl Stuck {
    /// The exception that repeats.
    pub fn fault(&self) -> &TakenTrap {
        match self {
            Stuck::SameInstruction(fault) | Stuck::WithinHandler { fault, .. } => fault,
        }
    }
}

/// An interrupt storm: the interrupted code executes no instruction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Storm {
    pub trap: TakenTrap,
    pub interrupts: u64,
    /// Instructions of the interrupted code in the same time.
    pub instructions: u64,
}

/// A write to stvec.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VectorWrite {
    pub pc: Address,
    pub written: u64,
    pub held: u64,
}

struct LiveTrap {
    trap: TakenTrap,
    /// Its place in `exceptions`.
    exception: Option<usize>,
}

#[derive(Default)]
pub struct HartTrace {
    /// Traps that were taken and not returned from, the outermost first.
    live: Vec<LiveTrap>,
    depth: u64,
    pub exceptions: Vec<Exception>,
    /// The number of all of them, kept or not.
    pub exception_count: u64,
    pub interrupts: u64,
    /// Those of them that a guest's handler took.
    pub guest_interrupts: u64,
    pub last_interrupt: Option<TakenTrap>,
    pub last_trap: Option<TakenTrap>,
    pub calls: u64,
    /// The last write to stvec.
    pub vector: Option<VectorWrite>,
    pub waits: Stretch,
    pub polls: Stretch,
    /// Whether the kernel lives without coming to rest.
    pub life: Life,
    /// The icount of the last byte that was printed.
    pub printed: Option<u64>,
    /// The icount of the last read of time or of pending interrupts.
    pub clock_read: Option<u64>,
    /// The place of the last `wfi` that waited.
    pub waited_at: Option<Address>,
    /// The last poll's place.
    pub polled_at: Option<Address>,
    /// The call that stopped the hart.
    pub stopped: Option<Address>,
    pub stuck: Option<Stuck>,
    pub storm: Option<Storm>,
    /// The last handler that ended as a function does, if no trap was returned from since.
    pub ended_by_ret: Option<Departure>,
    /// How the kernel's interrupts lower sp.
    pub sinking: Sinking,
    /// A run stops as soon as something was printed, because a text is awaited.
    pub stops_at_prints: bool,
    /// Something was printed since this was reset.
    pub has_printed: bool,
    /// The icount is exact, and every trap and return is seen.
    pub counts_instructions: bool,
    /// Not every trap and return was seen.
    pub has_gaps: bool,
    same: u64,
    /// The icount of a program's last call, and how often in a row it was made again although it had been done.
    done_again: (u64, u64),
    last_exception: Option<TakenTrap>,
    /// The last return from a trap, if no trap came since: its icount, and where it went.
    last_return: Option<(u64, Address)>,
    group: Group,
}

/// Interrupts of one cause, counted for a storm.
#[derive(Default)]
struct Group {
    cause: u64,
    interrupts: u64,
    instructions: u64,
    /// How long the first one was overdue.
    overdue: u64,
}

impl HartTrace {
    pub fn event(&mut self, event: &HartEvent) {
        match *event {
            HartEvent::Trap(trap) => self.trap(trap),
            HartEvent::TrapReturn { icount, to, sp, to_user } => self.returned(icount, (to, sp), to_user),
            HartEvent::Wait { icount, pc, time, waits } => {
                if waits {
                    self.waits.add(icount, time);
                    self.waited_at = Some(pc);
                    self.group.instructions += WAITED;
                }
            }
            HartEvent::VectorWrite { pc, written, held, .. } => {
                self.vector = Some(VectorWrite { pc, written, held });
                let live: Vec<usize> = self.live.iter().filter_map(|live| live.exception).collect();
                live.into_iter().for_each(|index| self.exceptions[index].vector_rewritten = true);
            }
            HartEvent::Poll { icount, pc } => {
                self.polls.add(icount, 0);
                self.polled_at = Some(pc);
            }
            HartEvent::Absent { pc, address, .. } => self.life.finds_nothing(pc, address),
            HartEvent::Printed { icount } => {
                self.printed = Some(icount);
                self.has_printed = true;
                self.life.acts();
                self.polls = Stretch::default();
            }
            HartEvent::Stopped { pc, .. } => self.stopped = Some(pc),
            HartEvent::ClockRead { icount, pc, time, gap, reads } => {
                self.clock_read = Some(icount);
                self.life.clock_read(icount, (pc, gap), time, reads);
            }
        }
    }

    fn trap(&mut self, trap: TakenTrap) {
        self.last_trap = Some(trap);
        self.life.trap(&trap);
        // Behind a return the code that was interrupted goes on. Otherwise all instructions belong to a handler.
        let last_return = self.last_return.take();
        let outside = last_return.map_or(0, |(returned, _)| trap.icount.saturating_sub(returned + 1));
        self.look_at_turn(&trap, last_return.map(|(_, to)| to), outside);
        if is_interrupt(trap.cause) {
            self.interrupt(trap, outside);
        } else {
            // A program's call does what it is for.
            self.group.instructions += outside + u64::from(trap.cause == USER_CALL && last_return.is_some());
        }
        let exception = match trap.cause {
            cause if is_interrupt(cause) => None,
            USER_CALL => {
                self.look_at_call(&trap, last_return.map(|(_, to)| to), outside);
                None
            }
            _ => self.exception(trap),
        };
        self.depth += 1;
        if self.live.len() == DEEPEST {
            self.live.remove(1);
        }
        self.live.push(LiveTrap { trap, exception });
        self.look_for_faulting_handler();
    }

    /// Notes whether the hart executed the instruction that it came back to: it did if it executed any, and not if that trapped.
    fn look_at_turn(&mut self, trap: &TakenTrap, back_to: Option<Address>, outside: u64) {
        for known in self.exceptions.iter_mut().filter(|known| back_to == Some(known.trap.pc)) {
            let again = (known.trap.pc, known.trap.cause, known.value) == (trap.pc, trap.cause, trap.value);
            match outside {
                0 if again => known.turns += 1,
                0 => {}
                _ => known.turns = 0,
            }
            if known.turns == EACH_TURN {
                self.stuck = self.stuck.or(Some(Stuck::SameInstruction(*trap)));
            }
        }
    }

    /// Notes whether a program's call is the last one again, because its handler returned to it, and whether that printed something.
    fn look_at_call(&mut self, call: &TakenTrap, back_to: Option<Address>, outside: u64) {
        let (last, times) = self.done_again;
        let is_done = self.printed.is_some_and(|printed| printed > last);
        let again = back_to == Some(call.pc) && outside == 0 && is_done;
        self.done_again = (call.icount, if again { times + 1 } else { 0 });
        self.calls += 1;
        if self.done_again.1 == DONE_AGAIN {
            self.stuck = self.stuck.or(Some(Stuck::SameInstruction(*call)));
        }
    }

    /// `outside`: how many instructions of the interrupted code were executed before it.
    fn interrupt(&mut self, trap: TakenTrap, outside: u64) {
        self.interrupts += 1;
        self.guest_interrupts += u64::from(trap.by_guest);
        self.waits.interrupts += 1;
        self.polls.interrupts += 1;
        self.last_interrupt = Some(trap);
        if !trap.from_user {
            self.sinking.add(trap.sp);
        }
        if self.group.cause != trap.cause {
            self.group = Group { cause: trap.cause, overdue: trap.overdue, ..Group::default() };
        }
        self.group.instructions += outside;
        self.group.interrupts += 1;
        if self.group.interrupts == STORM {
            let Group { interrupts, instructions, overdue, .. } = self.group;
            // A kernel that let no interrupts in for a while may make up for the ticks that it missed.
            let catches_up = overdue >= trap.overdue + interrupts;
            if instructions <= interrupts && !catches_up {
                self.storm = self.storm.or(Some(Storm { trap, interrupts, instructions }));
            }
            self.group = Group { cause: trap.cause, overdue: trap.overdue, ..Group::default() };
        }
    }

    fn exception(&mut self, trap: TakenTrap) -> Option<usize> {
        self.exception_count += 1;
        let again = |last: TakenTrap| (last.pc, last.cause, last.value) == (trap.pc, trap.cause, trap.value);
        let returned_to_it = |index: usize| self.exceptions[index].returned_to == Some(trap.pc);
        let known = self.exceptions.iter().position(|known| {
            (known.trap.pc, known.trap.cause, known.trap.from_user) == (trap.pc, trap.cause, trap.from_user)
        });
        let comes_back = self.last_exception.is_some_and(again) && known.is_some_and(returned_to_it);
        self.same = if comes_back && !self.counts_instructions { self.same + 1 } else { 0 };
        if self.same == SAME_INSTRUCTION {
            self.stuck = self.stuck.or(Some(Stuck::SameInstruction(trap)));
        }
        self.last_exception = Some(trap);
        let within = self.live.last().map(|live| live.trap);
        match known {
            Some(index) => {
                let exception = &mut self.exceptions[index];
                (exception.value, exception.times) = (trap.value, exception.times + 1);
                (exception.returned_to, exception.vector_rewritten, exception.left) = (None, false, false);
                Some(index)
            }
            None if self.exceptions.len() < MOST_KINDS => {
                let (value, times, turns, returned_to) = (trap.value, 1, 0, None);
                let (left, vector_rewritten) = (false, false);
                let new = Exception { trap, value, times, within, returned_to, left, vector_rewritten, turns };
                self.exceptions.push(new);
                Some(self.exceptions.len() - 1)
            }
            None => None,
        }
    }

    fn look_for_faulting_handler(&mut self) {
        let Some(fault) = self.live.last().map(|live| live.trap) else { return };
        if is_interrupt(fault.cause) || self.stuck.is_some() {
            return;
        }
        let same = |live: &&LiveTrap| (live.trap.pc, live.trap.cause) == (fault.pc, fault.cause);
        let chain = self.live.iter().rev().take_while(same).count();
        if chain >= WITHIN_ITSELF || self.depth >= NEVER_RETURNED {
            let first = self.live[(self.live.len() - chain).saturating_sub(1)].trap;
            let fault = self.live[self.live.len() - chain].trap;
            self.stuck = Some(Stuck::WithinHandler { first, fault });
        }
    }

    fn returned(&mut self, icount: u64, (to, sp): (Address, Address), to_user: bool) {
        self.last_return = Some((icount, to));
        self.ended_by_ret = None;
        let left = if to_user { self.live.len() } else { self.live.len().min(1) };
        self.depth = if to_user { 0 } else { self.depth.saturating_sub(1) };
        for live in self.live.split_off(self.live.len() - left) {
            self.life.returned(icount, &live.trap, (to, sp));
            if let Some(index) = live.exception {
                self.exceptions[index].returned_to = Some(to);
            }
        }
    }

    /// The innermost handler ends without a return from its trap.
    pub fn departs(&mut self, departure: &Departure) {
        if departure.as_function {
            self.ended_by_ret = Some(*departure);
            return;
        }
        // A thread that an interrupt leaves goes on later, and another one's handler returns first.
        let is_its = |live: &mut LiveTrap| live.exception.is_some() && live.trap.icount == departure.trap.icount;
        let Some(live) = self.live.pop_if(is_its) else { return };
        self.depth = self.depth.saturating_sub(1);
        self.last_return = Some((departure.icount, departure.to));
        if let Some(index) = live.exception {
            let exception = &mut self.exceptions[index];
            (exception.returned_to, exception.left) = (Some(departure.to), true);
        }
    }

    /// The innermost trap that the hart is handling.
    pub fn handling(&self) -> Option<&TakenTrap> {
        self.live.last().map(|live| &live.trap)
    }

    /// How many traps the hart is handling.
    pub fn depth(&self) -> u64 {
        self.depth
    }

    /// Whether the hart handles at most an interrupt.
    pub fn is_between_traps(&self) -> bool {
        self.live.iter().all(|live| is_interrupt(live.trap.cause)) && self.live.len() <= 1
    }

    /// Whether an exception by the same instruction and with the same cause was seen.
    pub fn knows(&self, fault: &TakenTrap) -> bool {
        self.exceptions.iter().any(|known| (known.trap.pc, known.trap.cause) == (fault.pc, fault.cause))
    }

    /// The exceptions without a return, the innermost last.
    pub fn unreturned(&self) -> impl DoubleEndedIterator<Item = &Exception> {
        self.live.iter().filter_map(|live| live.exception).map(|index| &self.exceptions[index])
    }

    /// The last write to stvec, if stvec does not hold the written value.
    pub fn refused_vector(&self) -> Option<VectorWrite> {
        self.vector.filter(|vector| vector.written != vector.held)
    }
}

#[cfg(test)]
pub mod tests;
