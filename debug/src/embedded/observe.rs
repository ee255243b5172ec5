//! Observes a run, and finds the last store to an address. It does not know the observers.

use std::time::Duration;

use crate::embedded::Embedded;
use crate::embedded::bus::memory::Event;
use crate::embedded::history::seek::Deadline;
use crate::embedded::run::StopAt;
use crate::machine::{Address, Error, Observed, Observer, Registers, Stop, Store};

/// How long a search runs before it asks whether to give up.
const SLICE: Duration = Duration::from_millis(50);

impl Observed for Embedded {
    fn step_observed(
        &mut self,
        count: u64,
        limit: Duration,
        observer: &mut dyn Observer,
    ) -> Result<(u64, Stop), Error> {
        let begun = self.board.icount;
        let ended = self.record(begun.saturating_add(count), StopAt::Watchpoints, Deadline::after(limit), observer);
        let stop = match ended {
            Ok(()) if self.board.hart.waiting => Stop::Interrupted,
            Ok(()) => Stop::Stepped,
            Err(stop) => self.stopped(stop),
        };
        Ok((self.board.icount - begun, stop))
    }

    fn resume_observed(&mut self, limit: Duration, observer: &mut dyn Observer) -> Result<Stop, Error> {
        let ended = self.record(u64::MAX, StopAt::All, Deadline::after(limit), observer);
        Ok(ended.map_or_else(|stop| self.stopped(stop), |()| Stop::Interrupted))
    }

    fn skip_time(&mut self, ticks: u64) {
        self.board.skip_time(ticks);
        self.note_change();
    }
}

impl Embedded {
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

    /// Executes the first instruction, ignoring breakpoints and watchpoints.
    fn observe_first(&mut self, end: u64, observer: &mut dyn Observer) -> Result<(), Stop> {
        if self.board.icount >= end {
            return Ok(());
        }
        self.show_instruction(observer);
        self.step_over()?;
        self.show_and_ask(observer)
    }

    fn observe(
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

    fn show_record(&mut self, observer: &mut dyn Observer) {
        for event in self.board.memory.take_events() {
            match event {
                Event::Store(store) => observer.store(&store),
                Event::Load(load) => observer.load(&load),
                Event::StackPointer(moved) => observer.stack_pointer(&moved),
                Event::Hart(event) => observer.event(&event),
            }
        }
    }

    fn show_instruction(&mut self, observer: &mut dyn Observer) {
        if observer.wants_instructions() {
            let registers = Registers { x: self.board.hart.general(), pc: self.board.hart.pc };
            observer.instruction(self.board.icount, &registers);
        }
    }

    /// The last store before now to any byte of [`address`, `address + length`), a virtual range. Afterwards the machine is where it
    /// was. `gives_up` is called regularly and can end the search.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] if it gave up.
    pub fn last_write(
        &mut self,
        address: Address,
        length: u64,
        gives_up: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Store>, Stop> {
        self.commit_external_changes();
        self.history.keep_present(&mut self.board);
        let now = self.board.icount;
        let mut search = LastWrite { address, length, found: None };
        let mut end = now;
        let mut over = false;
        while end > self.history.beginning() && search.found.is_none() && !over {
            let start = self.history.at_or_before(end - 1).unwrap_or(self.history.beginning());
            self.history.restore(&mut self.board, start);
            self.board.memory.set_recording(Some(search.interest()));
            over = gives_up();
            while !over
                && let Err(stop) = self.observe(end, StopAt::Nothing, Deadline::after(SLICE), &mut search)
                && self.is_out_of_time(stop)
            {
                over = gives_up();
            }
            self.show_record(&mut search);
            self.board.memory.set_recording(None);
            end = start;
        }
        self.return_to(now);
        if over { Err(Stop::Interrupted) } else { Ok(search.found) }
    }
}

struct LastWrite {
    address: Address,
    length: u64,
    found: Option<Store>,
}

impl Observer for LastWrite {
    fn store(&mut self, store: &Store) {
        let (start, watched) = (store.address.0, self.address.0);
        if start.wrapping_sub(watched) < self.length || watched.wrapping_sub(start) < u64::from(store.length) {
            self.found = Some(*store);
        }
    }
}
