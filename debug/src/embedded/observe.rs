//! Observes a run. It does not know the observers.

use std::time::Duration;

use crate::embedded::Embedded;
use crate::embedded::bus::memory::Observation;
use crate::embedded::history::seek::Deadline;
use crate::embedded::journal::Change;
use crate::embedded::run::StopAt;
use crate::machine::{Error, Observed, Observer, Registers, Stop};

impl Observed for Embedded {
    fn step_observed(
        &mut self,
        count: u64,
        limit: Duration,
        observer: &mut dyn Observer,
    ) -> Result<(u64, Stop), Error> {
        let (call, steps) = (self.begin_call(limit), self.begin_steps(count));
        let ended = self.record(steps.end.min(call.end), StopAt::Watchpoints, call.deadline, observer);
        let (executed, stop) = self.end_steps(&steps, ended, self.board.hart.waiting);
        Ok((executed, self.end_call(stop)))
    }

    fn resume_observed(&mut self, limit: Duration, observer: &mut dyn Observer) -> Result<Stop, Error> {
        let call = self.begin_call(limit);
        let ended = self.record(call.end, StopAt::All, call.deadline, observer);
        let stop = ended.map_or_else(|stop| self.stopped(stop), |()| Stop::Interrupted);
        Ok(self.end_call(stop))
    }

    fn skip_time(&mut self, ticks: u64) {
        self.board.skip_time(ticks);
        self.note_change();
        self.note(Change::Time(ticks));
    }

    fn written_pages(&mut self) -> Vec<u32> {
        self.board.memory.take_written()
    }
}

impl Embedded {
    /// As [`Observed::resume_observed`], until `end` instructions since the start; then the stop is [`Stop::Stepped`].
    pub fn resume_observed_to(&mut self, end: u64, observer: &mut dyn Observer) -> Stop {
        let ended = self.record(end, StopAt::All, Deadline::NEVER, observer);
        ended.map_or_else(|stop| self.stopped(stop), |()| Stop::Stepped)
    }

    /// Runs until `end` instructions since the start, or to a stop in `stop_at`, and reports all events.
    fn record(
        &mut self,
        end: u64,
        stop_at: StopAt,
        deadline: Deadline,
        observer: &mut dyn Observer,
    ) -> Result<(), Stop> {
        self.commit_external_changes();
        self.board.memory.set_recording(Some(observer.interest()));
        let ended = self.observe_first(end, observer).and_then(|()| self.observe(end, stop_at, deadline, observer));
        self.show_record(observer);
        self.board.memory.set_recording(None);
        ended
    }

    /// Executes the first instruction, ignoring breakpoints.
    fn observe_first(&mut self, end: u64, observer: &mut dyn Observer) -> Result<(), Stop> {
        if self.board.icount >= end {
            return Ok(());
        }
        self.show_instruction(observer);
        self.leave_here()?;
        self.show_and_ask(observer)
    }

    pub(in crate::embedded) fn observe(
        &mut self,
        end: u64,
        stop_at: StopAt,
        deadline: Deadline,
        observer: &mut dyn Observer,
    ) -> Result<(), Stop> {
        while self.board.icount < end {
            let target = if observer.wants_instructions() { self.board.icount + 1 } else { end };
            if deadline.is_over() {
                return Err(Stop::Interrupted);
            }
            self.show_instruction(observer);
            self.advance(target, stop_at, deadline)?;
            self.show_and_ask(observer)?;
        }
        Ok(())
    }

    /// Passes recorded events to the observer, and updates what is recorded.
    fn show_and_ask(&mut self, observer: &mut dyn Observer) -> Result<(), Stop> {
        self.show_record(observer);
        if observer.has_new_interest() {
            self.board.memory.set_interest(observer.interest());
        }
        if observer.ends_run() { Err(Stop::Interrupted) } else { Ok(()) }
    }

    pub(in crate::embedded) fn show_record(&mut self, observer: &mut dyn Observer) {
        for event in self.board.memory.take_events() {
            match event {
                Observation::Store(store) => observer.store(&store),
                Observation::Load(load) => observer.load(&load),
                Observation::OtherStore(by, store) => observer.other_store(&by, &store),
                Observation::OtherLoad(by, load) => observer.other_load(&by, &load),
                Observation::Jump(jump) => observer.jump(&jump),
                Observation::StackPointer(moved) => observer.stack_pointer(&moved),
                Observation::OtherStackPointer(by, moved) => observer.other_stack_pointer(&by, &moved),
                Observation::Hart(event) => observer.event(&event),
                Observation::CameBack(back) => observer.came_back(&back),
            }
        }
    }

    fn show_instruction(&mut self, observer: &mut dyn Observer) {
        // Of the hart that is followed, as all events.
        if observer.wants_instructions() && !self.board.memory.is_of_another_hart() {
            let registers = Registers { x: self.board.hart.general(), pc: self.board.hart.pc };
            observer.instruction(self.board.icount, &registers, self.board.instruction_bytes());
        }
    }
}
