//! Looks at a kernel that has run for a while without a stop: whether it rests, goes round in a loop, or is never going to end. It does
//! not judge.

use std::time::Instant;

use super::event::{BootEnd, BootEvent};
use super::hot_page::Computed;
use super::limit::Reached;
use super::memory::MemoryFacts;
use super::{BootRun, FIRST_SLICE, LONG_SLICE, LONGEST_SLICE, loop_detection, moment};
use crate::machine::{Error, KEPT_OUTPUT};

impl BootRun<'_> {
    /// Searches for an infinite loop in a kernel that has run for a while without a stop.
    pub(super) fn look(&mut self) -> Result<Option<BootEvent>, Error> {
        if let Some(Reached::Instructions(_)) = self.reached() {
            // It was looked at just before, and a search would need more instructions.
            return Ok(Some(BootEvent::End(self.hart.end().unwrap_or(BootEnd::Deadline))));
        }
        self.slice = self.slice.saturating_mul(2).min(LONGEST_SLICE);
        let mut alone = FIRST_SLICE;
        loop {
            self.looked = Instant::now();
            if let Some(event) = self.look_once()? {
                return Ok(Some(event));
            }
            alone *= 2;
            match self.compute(alone)? {
                Computed::Still if !self.is_hopeless() => self.slice = self.slice.max(alone),
                Computed::Still | Computed::Elsewhere => break,
                Computed::Trapped => return Ok(Some(BootEvent::End(BootEnd::Trap))),
            }
        }
        self.looked = Instant::now();
        self.tell_traps()?;
        Ok(self.is_hopeless().then_some(BootEvent::End(BootEnd::Deadline)))
    }

    /// Which limit of the boot is reached.
    pub fn reached(&mut self) -> Option<Reached> {
        self.limit.reached(self.machine)
    }

    /// Whether the boot has reached a limit.
    pub fn is_over(&mut self) -> bool {
        self.reached().is_some()
    }

    /// Whether a limit is reached, or a boot hangs that used BSS before it was cleared (it waits for something that never comes), or erased the
    /// clear's own frame.
    fn is_hopeless(&mut self) -> bool {
        let relied = |memory: &MemoryFacts<'_>| {
            memory.early.poison_read.is_some() && !memory.clearing.has_begun()
                || memory.clearing.erased_frame().is_some()
        };
        self.slice >= LONG_SLICE && self.memory().is_some_and(relied) || self.is_over()
    }

    /// Looks for a rest, a loop, and new words on the console.
    fn look_once(&mut self) -> Result<Option<BootEvent>, Error> {
        self.finisher.search(self.machine)?;
        self.jump_ahead_of_polls();
        if let Some(end) = self.hart.end() {
            return Ok(Some(BootEvent::End(end)));
        }
        if let Some(event) = self.find_loop()? {
            return Ok(Some(event));
        }
        if let Some(end) = self.takes_its_turns()? {
            return Ok(Some(BootEvent::End(end)));
        }
        if let Some(event) = self.lives_as_seen()? {
            return Ok(Some(event));
        }
        self.looked_at()?;
        let said = self.machine.printed().map_or(0, |console| console.len());
        // A full console does not grow.
        self.prints = said > std::mem::replace(&mut self.said.0, self.said.1) || said >= KEPT_OUTPUT;
        self.said.1 = said;
        Ok(None)
    }

    /// Searches for a loop, without the watchpoint below the stack: other variables may be there, and a hit ends a search.
    fn find_loop(&mut self) -> Result<Option<BootEvent>, Error> {
        let watched = self.stack_use.watches_below();
        self.stack_use.leave_below(self.machine)?;
        let found = loop_detection::find(self)?;
        if watched && !matches!(found, Some(BootEvent::End(_))) && self.pending.is_none() {
            self.stack_use.watch_below(self.machine)?;
        }
        Ok(found)
    }

    /// Whether the kernel has run for as long as it may without a look, or to a limit.
    pub(super) fn is_due(&mut self) -> bool {
        self.looked.checked_add(self.slice).is_some_and(|moment| self.machine.has_passed(moment)) || self.is_over()
    }

    /// Whether a search for a loop is overdue.
    pub(super) fn is_overdue(&mut self) -> bool {
        let soon = self.slice.saturating_mul(2).saturating_add(moment::LOOK);
        self.looked.checked_add(soon).is_some_and(|moment| self.machine.has_passed(moment))
    }
}
