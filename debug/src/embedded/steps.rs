//! Steps of the hart that is followed: others execute in between, as their turns come. It does not know the schedule.

use crate::embedded::Embedded;
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
}
