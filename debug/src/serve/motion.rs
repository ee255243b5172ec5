//! Moves the machine for a client, forward or back, in slices of time, so that an interrupt is noticed.
//!
//! It does not know packets. GDB expects a watchpoint stop before the access in the direction of execution. When going back, that
//! is after the access. GDB then steps over it itself.

use std::ops::Range;
use std::time::{Duration, Instant};

use gdbstub::common::Signal;
use gdbstub::stub::MultiThreadStopReason;
use gdbstub::target::ext::base::reverse_exec::ReplayLogPosition;

use super::target::GdbTarget;
use super::wishes::{Motion, ResumeAction, SLICE};
use crate::embedded::TooMuch;
use crate::machine::{Address, Machine, Stop};

/// The result of a slice.
pub enum SliceResult {
    Going,
    Stopped {
        reason: MultiThreadStopReason<u64>,
        /// A message about the stop; may be empty.
        words: String,
    },
}

impl GdbTarget {
    pub(super) fn begin(&mut self, action: ResumeAction) {
        self.motion = Motion { action, hart: self.machine.selected(), ..Motion::default() };
    }

    /// Whether only the client can make the machine continue.
    pub(super) fn is_waiting(&self) -> bool {
        self.motion.waiting
    }

    /// Types to the kernel, which may wait for it.
    pub(super) fn type_in(&mut self, bytes: &[u8]) -> Result<(), TooMuch> {
        if !bytes.is_empty() {
            self.machine.input(bytes)?;
            self.motion.waiting = false;
        }
        Ok(())
    }

    /// Executes one slice of the current motion.
    pub(super) fn go_on(&mut self) -> SliceResult {
        let before = self.machine.icount();
        if std::mem::take(&mut self.in_rom)
            && let Some(stop) = self.leave_rom()
        {
            return self.stopped(stop);
        }
        self.hold_others();
        match self.motion.action.clone() {
            ResumeAction::Continue => {
                let stop = self.machine.run_to(u64::MAX, true, SLICE);
                self.forward(stop, before)
            }
            ResumeAction::Step => {
                let stop = self.step_of_hart(Instant::now() + SLICE);
                self.forward(stop, before)
            }
            ResumeAction::StepOutOf(range) => self.step_out_of(&range),
            ResumeAction::ReverseStep => self.step_back(before),
            ResumeAction::ReverseContinue => self.continue_back(before),
        }
    }

    /// Executes the ROM's only instruction; `None` if the machine continues in the kernel.
    fn leave_rom(&mut self) -> Option<Stop> {
        match self.motion.action {
            ResumeAction::Continue => None,
            ResumeAction::Step | ResumeAction::StepOutOf(_) => Some(Stop::Stepped),
            ResumeAction::ReverseStep | ResumeAction::ReverseContinue => {
                self.in_rom = true;
                Some(Stop::Beginning)
            }
        }
    }

    /// Harts that the client did not name stand still, if it wants that. Going back they do what they did. A hart whose turn it is makes its
    /// step in any case: so a step over a breakpoint, which clients make with that hart alone, changes nothing of the run.
    fn hold_others(&mut self) {
        let (all, motion) = ((1 << self.machine.harts()) - 1, &self.motion);
        let held = match motion.action {
            ResumeAction::ReverseStep | ResumeAction::ReverseContinue => return,
            ResumeAction::Step if motion.locked && self.machine.next_to_execute() == Some(motion.hart) => return,
            _ if motion.locked => all & !motion.named,
            _ => 0,
        };
        self.machine.hold(held);
    }

    fn step_out_of(&mut self, range: &Range<u64>) -> SliceResult {
        let deadline = Instant::now() + SLICE;
        while Instant::now() < deadline {
            for _ in 0..1000 {
                let before = self.machine.icount();
                let stop = self.step_of_hart(deadline);
                let pc = self.pc();
                if stop != Stop::Stepped || !range.contains(&pc) {
                    return self.forward(stop, before);
                }
                if self.breaks_here(pc) {
                    return self.stopped(Stop::Breakpoint);
                }
            }
        }
        SliceResult::Going
    }

    /// The hart that is stepped makes a step; others go on before that as their turns come, until the deadline.
    fn step_of_hart(&mut self, deadline: Instant) -> Stop {
        loop {
            let next = self.machine.icount() + 1;
            if self.machine.harts() == 1 {
                return self.machine.run_to(next, false, SLICE);
            }
            let mut stop = self.machine.run_to(next, true, SLICE);
            let is_own = self.machine.selected() == self.motion.hart;
            if stop == Stop::Breakpoint && is_own {
                stop = self.machine.run_to(next, false, SLICE);
            }
            if stop != Stop::Stepped || is_own {
                return stop;
            }
            if Instant::now() >= deadline {
                return Stop::Interrupted;
            }
        }
    }

    /// A step of one hart is over.
    fn step_is_done(&self) -> MultiThreadStopReason<u64> {
        match self.machine.harts() {
            1 => MultiThreadStopReason::DoneStep,
            _ => MultiThreadStopReason::SignalWithThread { tid: self.thread(), signal: Signal::SIGTRAP },
        }
    }

    /// Whether it goes on until something stops it, not by steps.
    pub(super) fn continues(&self) -> bool {
        self.motion.action == ResumeAction::Continue
    }

    /// The client interrupted it.
    pub(super) fn interrupted(&self) -> MultiThreadStopReason<u64> {
        match self.machine.harts() {
            1 => MultiThreadStopReason::Signal(Signal::SIGINT),
            _ => MultiThreadStopReason::SignalWithThread { tid: self.thread(), signal: Signal::SIGINT },
        }
    }

    fn at_the_end(&self, pos: ReplayLogPosition) -> MultiThreadStopReason<u64> {
        MultiThreadStopReason::ReplayLog { tid: Some(self.thread()).filter(|_| self.machine.harts() > 1), pos }
    }

    fn forward(&mut self, stop: Stop, before: u64) -> SliceResult {
        let steps = !self.continues();
        if steps && matches!(stop, Stop::Exited { .. }) && self.machine.icount() > before {
            // The step was made. If it went over a breakpoint and we reported the end of history now, GDB (13 to 18) would hang in its
            // next command. So the next step or continue reports it.
            return SliceResult::Stopped { reason: self.step_is_done(), words: self.words_for_end() };
        }
        if stop != Stop::Interrupted {
            return self.stopped(stop);
        }
        self.motion.waiting = self.machine.icount() == before;
        SliceResult::Going
    }

    fn step_back(&mut self, before: u64) -> SliceResult {
        let stop = self.undo_one();
        if stop == Stop::Stepped
            && let Some(address) = self.watched_access()
        {
            self.arrive(before);
            return self.stopped(Stop::Watchpoint { address });
        }
        self.back(stop, before)
    }

    fn continue_back(&mut self, before: u64) -> SliceResult {
        let stop = self.machine.reverse_resume(self.motion.patience);
        let at = self.machine.icount();
        match stop {
            Stop::Watchpoint { .. } => {
                self.arrive(at + 1);
                self.stopped(stop)
            }
            // When going back, the access of the instruction at a breakpoint comes first.
            Stop::Breakpoint => match self.watched_access() {
                Some(address) => {
                    self.arrive(at + 1);
                    self.stopped(Stop::Watchpoint { address })
                }
                None => self.stopped(stop),
            },
            stop => self.back(stop, before),
        }
    }

    fn back(&mut self, stop: Stop, before: u64) -> SliceResult {
        if stop != Stop::Interrupted {
            return self.stopped(stop);
        }
        if self.machine.icount() == before {
            self.motion.patience *= 2;
        }
        SliceResult::Going
    }

    fn undo_one(&mut self) -> Stop {
        match self.machine.harts() {
            1 => self.machine.reverse_step(1, self.motion.patience).1,
            _ => self.machine.reverse_step_of(self.motion.hart, self.motion.patience),
        }
    }

    /// The watched access of the instruction that was just undone. Afterwards the machine is where it was.
    fn watched_access(&mut self) -> Option<Address> {
        if self.set.watchpoints.is_empty() {
            return None;
        }
        let (at, hart) = (self.machine.icount(), self.machine.selected());
        let stop = self.machine.run_to(at + 1, false, Duration::MAX);
        self.arrive(at);
        self.machine.select(hart);
        if let Stop::Watchpoint { address } = stop { Some(address) } else { None }
    }

    /// Goes to a near moment that the machine was at before.
    fn arrive(&mut self, icount: u64) {
        self.machine.goto(icount, Duration::MAX);
    }

    pub(super) fn pc(&mut self) -> u64 {
        self.registers().expect("a machine in this process has registers").pc
    }

    fn stopped(&mut self, stop: Stop) -> SliceResult {
        let mut words = String::new();
        let reason = match stop {
            Stop::Breakpoint => {
                let pc = self.pc();
                self.set.breakpoint_reason(pc, self.thread())
            }
            Stop::Watchpoint { address } => self.set.watchpoint_reason(address, self.thread()),
            Stop::Fault(fault) => {
                words = self.words_for_fault();
                MultiThreadStopReason::SignalWithThread { tid: self.thread(), signal: Signal(fault.signal()) }
            }
            Stop::Exited { .. } => {
                words = self.words_for_end();
                self.at_the_end(ReplayLogPosition::End)
            }
            Stop::Beginning => self.at_the_end(ReplayLogPosition::Begin),
            Stop::Stepped | Stop::Interrupted => self.step_is_done(),
        };
        SliceResult::Stopped { reason, words }
    }

    fn words_for_end(&self) -> String {
        let status = self.machine.ended().map_or(String::new(), |ended| format!(", with exit status {}", ended.status));
        format!("The machine is off{status}. You can go back from here.")
    }
}
