//! Moves the machine in time: forward by executing, back by restoring a checkpoint and executing from there.
//!
//! It does not know how checkpoints are stored.

use std::time::{Duration, Instant};

use crate::embedded::Embedded;
use crate::embedded::run::StopAt;
use crate::machine::Stop;

/// Instructions before the clock is read again: about a millisecond.
const INSTRUCTIONS_PER_LOOK: u64 = 100_000;

/// How far before the end of a way back the last checkpoint is made: the next step back executes no more than this.
const NEAREST_STATION: u64 = 100_000;

/// The deadline of a call.
#[derive(Clone, Copy)]
pub(in crate::embedded) struct Deadline(Option<Instant>);

impl Deadline {
    pub const NEVER: Deadline = Deadline(None);

    pub fn after(limit: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(limit))
    }

    pub fn is_over(self) -> bool {
        self.0.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// The last hit before some moment.
struct Hit {
    icount: u64,
    stop: Stop,
    hart: usize,
}

impl Embedded {
    /// Adds changes from outside to the history, before anything else happens.
    pub(in crate::embedded) fn commit_external_changes(&mut self) {
        self.fault = None;
        if std::mem::take(&mut self.changed) {
            self.history.forget_after(self.board.icount);
            self.board.memory.devices.forget_future(self.board.now());
            self.history.record(&mut self.board, true);
        }
    }

    /// Executes until `end` instructions since the beginning, or what was recorded is to be shown.
    pub(in crate::embedded) fn advance(&mut self, end: u64, stop_at: StopAt, deadline: Deadline) -> Result<(), Stop> {
        let mut look_at = self.board.icount;
        while self.board.icount < end && !self.board.memory.record_is_due() {
            if self.board.icount >= look_at {
                if deadline.is_over() {
                    return Err(Stop::Interrupted);
                }
                look_at = self.board.icount.saturating_add(INSTRUCTIONS_PER_LOOK);
            }
            self.advance_without_looking(end.min(look_at), stop_at)?;
        }
        Ok(())
    }

    /// Makes checkpoints when they are due, and repeats changes from outside when they are reached.
    fn advance_without_looking(&mut self, end: u64, stop_at: StopAt) -> Result<(), Stop> {
        while self.board.icount < end && !self.board.memory.record_is_due() {
            let changed_at = self.history.next_pinned(self.board.icount).unwrap_or(u64::MAX);
            let due = self.history.due(&self.board).max(self.board.icount + 1);
            self.board.run(end.min(changed_at).min(due), stop_at)?;
            if self.board.icount == changed_at {
                self.history.restore(&mut self.board, changed_at);
            } else if self.board.icount >= self.history.due(&self.board) {
                self.history.record_if_it_fits(&mut self.board);
            }
        }
        Ok(())
    }

    /// Goes to the moment after `target` instructions since the start, in either direction.
    ///
    /// If the machine cannot get there (it waits for ever, faults or powers off), it stops where that happens. If time is up, it
    /// stops on the way.
    pub(in crate::embedded) fn seek(&mut self, target: u64, deadline: Deadline) -> Result<(), Stop> {
        self.commit_external_changes();
        let now = self.board.icount;
        if target < now {
            self.history.keep_present(&mut self.board);
        }
        let from = self.history.at_or_before(target).unwrap_or(self.history.beginning());
        if target < now || from > now {
            self.history.restore(&mut self.board, from);
        }
        self.approach(target, deadline)
    }

    /// Executes to `target`, and makes checkpoints near the end, so that the next step back is fast.
    fn approach(&mut self, target: u64, deadline: Deadline) -> Result<(), Stop> {
        let distance = target.saturating_sub(self.board.icount);
        // The largest number: a target may be that far away.
        let stretches = std::iter::successors(Some(NEAREST_STATION), |stretch: &u64| stretch.checked_mul(2));
        let stations: Vec<u64> =
            stretches.take_while(|stretch| *stretch < distance).map(|stretch| target - stretch).collect();
        for station in stations.into_iter().rev() {
            self.advance(station, StopAt::Nothing, deadline)?;
            self.history.record_if_it_fits(&mut self.board);
        }
        self.advance(target, StopAt::Nothing, deadline)
    }

    /// Goes back to the last hit of a breakpoint or watchpoint; without one, to the start.
    ///
    /// If time is up, the machine is at a moment after which nothing was hit.
    pub(in crate::embedded) fn reverse_continue(&mut self, deadline: Deadline) -> Result<Option<Stop>, Stop> {
        self.commit_external_changes();
        self.history.keep_present(&mut self.board);
        let mut end = self.board.icount;
        while end > self.history.beginning() {
            let start = self.history.at_or_before(end - 1).unwrap_or(self.history.beginning());
            self.history.restore(&mut self.board, start);
            let found = self.last_hit_before(end, deadline);
            if let Ok(Some(hit)) = found {
                self.history.restore(&mut self.board, start);
                // It was just executed in time. Stopping on the way would lose the hit.
                let arrived = self.approach(hit.icount, Deadline::NEVER);
                self.board.select(hit.hart);
                return arrived.map(|()| Some(hit.stop));
            }
            let back_to = if found.is_ok() { start } else { self.history.at_or_before(end).unwrap_or(start) };
            self.history.restore(&mut self.board, back_to);
            found?;
            end = start;
        }
        Ok(None)
    }

    /// Executes to `end`, and remembers the last hit.
    fn last_hit_before(&mut self, end: u64, deadline: Deadline) -> Result<Option<Hit>, Stop> {
        let mut last = None;
        loop {
            match self.advance(end, StopAt::All, deadline) {
                Ok(()) => return Ok(last),
                Err(stop @ (Stop::Breakpoint | Stop::Watchpoint { .. })) => {
                    last = Some(Hit { icount: self.board.icount, stop, hart: self.board.hart.number });
                    self.step_over()?;
                }
                Err(stop) if self.is_out_of_time(stop) => return Err(stop),
                // It ends at the same place as before.
                Err(_) => return Ok(last),
            }
        }
    }

    /// Whether a run stopped because its time was over, and not in a `wfi` that nothing ends.
    pub(in crate::embedded) fn is_out_of_time(&self, stop: Stop) -> bool {
        stop == Stop::Interrupted && !self.board.waits_for_ever()
    }

    /// Executes one instruction, ignoring breakpoints, and watchpoints if the last stop was at its access.
    pub(in crate::embedded) fn leave_here(&mut self) -> Result<(), Stop> {
        let passes = self.watched_at.take() == Some(self.board.icount);
        self.board.pass();
        let stop_at = if passes { StopAt::Nothing } else { StopAt::Watchpoints };
        self.advance_without_looking(self.board.icount + 1, stop_at)
    }

    /// Executes one instruction, ignoring breakpoints and watchpoints.
    pub(in crate::embedded) fn step_over(&mut self) -> Result<(), Stop> {
        self.advance_without_looking(self.board.icount + 1, StopAt::Nothing)
    }
}
