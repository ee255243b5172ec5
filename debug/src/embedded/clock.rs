//! What the host's clock decided in a run: which calls it ended, and which moments had passed when that was asked. A run that is to be
//! done again cannot ask a clock; it is told the same answers. It does not know what anybody makes of them.

use std::time::{Duration, Instant};

use super::Embedded;
use super::history::seek::Deadline;
use crate::machine::Stop;

/// More answers than this are not kept: a session with GDB may last for days.
const MOST: usize = 1 << 16;
/// How far a run that follows others' answers may go on behind their end.
const BEYOND: u64 = 1 << 20;

/// The answers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockAnswers {
    /// The calls that were ended because their time was up: the call's number, and the instructions executed by then.
    pub ended: Vec<(u64, u64)>,
    /// The questions that were answered with yes, by their numbers.
    pub passed: Vec<u64>,
}

/// Gives answers, and keeps them.
#[derive(Default)]
pub struct Clock {
    calls: u64,
    questions: u64,
    answers: ClockAnswers,
    /// The answers that are given again, and the moment at which their run ended.
    followed: Option<(ClockAnswers, u64)>,
}

/// How far a call may go.
#[derive(Clone, Copy)]
pub struct CallLimit {
    pub deadline: Deadline,
    /// The moment at which its time is up or it is interrupted, whatever the clock says.
    pub end: u64,
}

impl Embedded {
    /// What the clock said until now.
    pub fn clock_answers(&self) -> &ClockAnswers {
        &self.clock.answers
    }

    /// From now on these answers are given, in a run that ended after `end` instructions.
    pub fn follow_clock(&mut self, answers: ClockAnswers, end: u64) {
        self.clock = Clock { followed: Some((answers, end)), ..Clock::default() };
    }

    /// Begins a call with a time limit.
    pub(super) fn begin_call(&mut self, limit: Duration) -> CallLimit {
        let clock = &mut self.clock;
        clock.calls += 1;
        let Some((answers, end)) = &clock.followed else {
            return CallLimit { deadline: Deadline::after(limit), end: self.interrupt_at };
        };
        let known = answers.ended.binary_search_by_key(&clock.calls, |(call, _)| *call);
        let end = known.map_or(end.saturating_add(BEYOND), |place| answers.ended[place].1);
        CallLimit { deadline: Deadline::NEVER, end: end.max(self.board.icount + 1).min(self.interrupt_at) }
    }

    /// Ends it: notes whether its time was up.
    pub(super) fn end_call(&mut self, stop: Stop) -> Stop {
        let is_over = self.is_out_of_time(stop) && self.board.icount < self.interrupt_at;
        let clock = &mut self.clock;
        if is_over && clock.answers.ended.len() < MOST {
            clock.answers.ended.push((clock.calls, self.board.icount));
        }
        stop
    }

    pub(super) fn ask_clock(&mut self, deadline: Instant) -> bool {
        let clock = &mut self.clock;
        clock.questions += 1;
        let has_passed = match &clock.followed {
            Some((answers, end)) => {
                answers.passed.binary_search(&clock.questions).is_ok() || self.board.icount > end.saturating_add(BEYOND)
            }
            None => Instant::now() >= deadline,
        };
        if has_passed && clock.answers.passed.len() < MOST {
            clock.answers.passed.push(clock.questions);
        }
        has_passed
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::image::{self, Image};
    use crate::machine::{Machine, Stop};
    use crate::riscv::Xlen;

    /// `j .` for ever.
    fn machine() -> Embedded {
        let image = Image::parse(Path::new("kernel"), image::neutral(Xlen::Rv64)).unwrap();
        let mut machine = Embedded::load(&image, &Default::default()).unwrap();
        let entry = crate::machine::Address(machine.general_registers().pc);
        machine.write_memory(entry, &0x6f_u32.to_le_bytes()).unwrap();
        machine
    }

    /// Calls and questions, and where each led.
    fn run(machine: &mut Embedded) -> Vec<u64> {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(1000));
        let mut seen = Vec::new();
        for limit in [0, 1, 3] {
            assert_eq!(machine.resume(Duration::from_millis(limit)).unwrap(), Stop::Interrupted);
            seen.push(machine.icount());
            machine.step(5, Duration::from_secs(1000)).unwrap();
            seen.extend([machine.icount(), machine.has_passed(later).into(), machine.has_passed(now).into()]);
        }
        seen
    }

    #[test]
    fn a_run_that_follows_the_clock_s_answers_ends_each_call_at_the_same_instruction() {
        let mut first = machine();
        let seen = run(&mut first);
        let mut again = machine();
        again.follow_clock(first.clock_answers().clone(), first.icount());
        assert_eq!(run(&mut again), seen);
        assert_eq!(again.clock_answers(), first.clock_answers());
    }

    #[test]
    fn a_run_that_does_something_else_ends_too() {
        let mut machine = machine();
        machine.follow_clock(ClockAnswers::default(), 100);
        assert_eq!(machine.resume(Duration::from_secs(1000)).unwrap(), Stop::Interrupted);
        assert!(machine.icount() > 100);
        machine.step(1, Duration::from_secs(1000)).unwrap();
        assert!(machine.has_passed(Instant::now() + Duration::from_secs(1000)));
    }
}
