//! Steps of one hart: others execute in between, as their turns come, or are held. It does not know the schedule.

use std::time::Duration;

use crate::embedded::Embedded;
use crate::embedded::history::seek::Deadline;
use crate::embedded::journal::Change;
use crate::machine::Stop;

/// Steps that were begun.
pub struct Steps {
    /// How many.
    count: u64,
    /// What the hart had executed.
    begun: u64,
    /// The moment at which they end, where there is one hart.
    pub end: u64,
}

impl Embedded {
    /// Begins so many steps of the followed hart; of any hart, if none is followed.
    pub(super) fn begin_steps(&mut self, count: u64) -> Steps {
        let board = &mut self.board;
        if board.followed().is_none() {
            return Steps { count, begun: board.icount, end: board.icount.saturating_add(count) };
        }
        board.show_followed();
        let begun = board.executed_by_hart();
        board.harts.own_end = begun.saturating_add(count);
        Steps { count, begun, end: u64::MAX }
    }

    /// Ends them: how many were made, and why they ended. `waits`: the hart cannot go on by itself.
    pub(super) fn end_steps(&mut self, steps: &Steps, ended: Result<(), Stop>, waits: bool) -> (u64, Stop) {
        let board = &mut self.board;
        board.harts.own_end = u64::MAX;
        let now = match board.followed() {
            Some(hart) => board.executed_by(hart),
            None => board.icount,
        };
        let executed = now - steps.begun;
        let stop = match ended {
            Ok(()) if waits || executed < steps.count => Stop::Interrupted,
            Ok(()) => Stop::Stepped,
            Err(stop) => self.stopped(stop),
        };
        (executed, stop)
    }

    /// From now on the harts of these bits stand still, and the others take turns; with 0 all do. A change from outside, if it is one: the
    /// history after this moment is dropped. False, and nothing changes, where no hart would be left, or one is named that is not there.
    pub fn hold(&mut self, harts: u32) -> bool {
        let all = (1 << self.board.harts.count()) - 1;
        if harts & !all != 0 || harts == all {
            return false;
        }
        if self.board.hold(harts) {
            self.note_change();
            self.note(Change::Held(harts));
        }
        true
    }

    /// The number of the hart that executes the next instruction; `None` where time has to pass before one does.
    pub fn next_to_execute(&self) -> Option<usize> {
        self.board.next_to_execute()
    }

    /// Goes back to before the last instruction that this hart executed, whatever others did since. The stop is [`Stop::Stepped`] there,
    /// [`Stop::Beginning`] if the hart has executed none, and [`Stop::Interrupted`], where the machine was, if time was up.
    pub fn reverse_step_of(&mut self, hart: usize, limit: Duration) -> Stop {
        let now = self.board.icount;
        let stop = self.undo_one_of(hart, now, Deadline::after(limit));
        if stop == Err(Stop::Interrupted) {
            self.return_to(now);
        }
        self.board.select(hart);
        stop.map_or_else(|stop| stop, |()| Stop::Stepped)
    }

    /// Each moment has a number of instructions that the hart had executed by then: finds the last one that has less than now.
    fn undo_one_of(&mut self, hart: usize, now: u64, deadline: Deadline) -> Result<(), Stop> {
        let (done, mut distance, mut late) = (self.board.executed_by(hart), 1_u64, now);
        let mut early = loop {
            let early = now.saturating_sub(distance).max(self.beginning());
            self.seek(early, deadline)?;
            if self.board.executed_by(hart) < done {
                break early;
            }
            if early == self.beginning() {
                return Err(Stop::Beginning);
            }
            (late, distance) = (early, distance.saturating_mul(4));
        };
        while late - early > 1 {
            let middle = early + (late - early) / 2;
            self.seek(middle, deadline)?;
            if self.board.executed_by(hart) < done {
                early = middle;
            } else {
                late = middle;
            }
        }
        self.seek(early, deadline)
    }
}
