//! Looking back: what was done before the present moment, found by executing the past again, its latest stretch first.
//!
//! It does not know what its callers do with the answers.

mod accesses;

use std::ops::Range;
use std::time::Duration;

use crate::embedded::Embedded;
use crate::embedded::board::World;
use crate::embedded::bus::memory::PhysicalWatch;
use crate::embedded::history::seek::Deadline;
use crate::embedded::journal::Change;
use crate::embedded::run::StopAt;
use crate::machine::{Address, HartEvent, Interest, Machine, Observer, Stop, Store, TakenTrap, Watchpoint};
use crate::riscv::{Extension, Isa};

pub use accesses::{Arrival, Arrivals, Loads};

/// How long a search goes on before it asks whether it is to give up.
const SLICE: Duration = Duration::from_millis(50);

/// Asked time and again with the moment from which on all is searched: whether to go on.
pub type GoesOn<'a> = dyn FnMut(u64) -> bool + 'a;

/// Somebody who is shown the past in stretches: each from its beginning to its end, the last one first.
trait LooksBack: Observer {
    /// A stretch was shown as a whole; true where no earlier one is needed.
    fn end_stretch(&mut self) -> bool;

    /// Only traps are wanted: a stretch without any need not be executed.
    fn wants_only_traps(&self) -> bool {
        false
    }
}

impl Embedded {
    /// Shows the past; the machine is where it was afterwards.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] where it was not to go on.
    fn look_back(&mut self, looker: &mut dyn LooksBack, goes_on: &mut GoesOn<'_>) -> Result<(), Stop> {
        let fault = self.fault;
        self.commit_external_changes();
        self.history.keep_present(&mut self.board);
        let now = self.board.icount;
        let (mut end, mut enough, mut over) = (now, false, false);
        while end > self.history.beginning() && !enough && !over {
            let start = self.history.at_or_before(end - 1).unwrap_or(self.history.beginning());
            let [before, after] = [start, end].map(|moment| self.history.traps_until(moment));
            if looker.wants_only_traps() && before.is_some() && before == after {
                end = start;
                continue;
            }
            self.history.restore(&mut self.board, start);
            self.board.memory.set_recording(Some(looker.interest()));
            over = !goes_on(end);
            while !over
                && let Err(stop) = self.observe(end, StopAt::Nothing, Deadline::after(SLICE), looker)
                && self.is_out_of_time(stop)
            {
                over = !goes_on(end);
            }
            self.show_record(looker);
            self.board.memory.set_recording(None);
            enough = looker.end_stretch();
            end = start;
        }
        self.return_to(now);
        self.fault = fault;
        if over { Err(Stop::Interrupted) } else { Ok(()) }
    }

    /// The last store before now to any byte of these physical ranges, whatever address the hart used.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] where it was not to go on.
    pub fn last_write_physical(
        &mut self,
        ranges: &[Range<Address>],
        goes_on: &mut GoesOn<'_>,
    ) -> Result<Option<Store>, Stop> {
        let mut search = LastWrite { ranges: ranges.to_vec(), physical: true, found: None };
        self.look_back(&mut search, goes_on)?;
        Ok(search.found)
    }

    /// The last store before now to any byte of [`address`, `address + length`), as the hart addressed it.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] where it was not to go on.
    pub fn last_write(
        &mut self,
        address: Address,
        length: u64,
        goes_on: &mut GoesOn<'_>,
    ) -> Result<Option<Store>, Stop> {
        let end = Address(address.0.saturating_add(length));
        let mut search = LastWrite { ranges: vec![address..end], physical: false, found: None };
        self.look_back(&mut search, goes_on)?;
        Ok(search.found)
    }

    /// The last traps before now, at most `count`, the latest last.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] where it was not to go on.
    pub fn last_traps(&mut self, count: usize, goes_on: &mut GoesOn<'_>) -> Result<Vec<TakenTrap>, Stop> {
        let mut search = LastTraps { count, stretch: Vec::new(), found: Vec::new() };
        if count > 0 {
            self.look_back(&mut search, goes_on)?;
        }
        Ok(search.found)
    }

    /// Watches physical memory as well for a watchpoint that is set: accesses through another mapping, or before there was any, stop
    /// with its address.
    pub fn watch_physical(&mut self, watchpoint: Watchpoint, ranges: &[Range<Address>]) {
        for range in ranges {
            let (range, reported) = (range.start.0..range.end.0, watchpoint.address.0);
            self.board.memory.add_physical_watch(PhysicalWatch { range, access: watchpoint.access, reported });
        }
    }

    /// Ends it.
    pub fn unwatch_physical(&mut self, watchpoint: Watchpoint) {
        self.board.memory.remove_physical_watches(watchpoint.address.0, watchpoint.access);
    }

    /// Where what the hart sees at [`start`, `start + length`) lies physically, page by page; `None` where not all of it
    /// is mapped, or nothing lies there (without paging each address is mapped).
    pub fn physical_ranges(&self, start: Address, length: u64) -> Option<Vec<Range<Address>>> {
        const PAGE: u64 = 4096;
        let end = start.0.checked_add(length)?;
        // More than there is does not lie in RAM, and has too many pages to ask for each.
        if length > self.board.memory.ram.size() as u64 {
            return None;
        }
        let mut ranges: Vec<Range<Address>> = Vec::new();
        let mut at = start.0;
        while at < end {
            let next = (at / PAGE + 1).saturating_mul(PAGE).min(end);
            let memory = &self.board.memory;
            let physical = Address(memory.physical_address(at).filter(|physical| memory.is_there(*physical))?);
            match ranges.last_mut() {
                Some(last) if last.end == physical => last.end = physical + (next - at),
                _ => ranges.push(physical..physical + (next - at)),
            }
            at = next;
        }
        Some(ranges)
    }

    /// Where `address` leads under the present translation, permissions aside; `None` where it is not mapped.
    pub fn physical_address(&self, address: Address) -> Option<Address> {
        self.board.memory.physical_address(address.0).map(Address)
    }

    /// As [`Embedded::physical_address`], for an address of the guest, through both stages.
    pub fn physical_address_of_guest(&self, address: Address) -> Option<Address> {
        self.board.physical_address_of_guest(address.0).map(Address)
    }

    /// Shows this hart in registers and memory, until the machine runs again; false where there is none of this number.
    pub fn select(&mut self, hart: usize) -> bool {
        let exists = hart < self.board.harts.count();
        if exists {
            self.board.select(hart);
        }
        exists
    }

    /// The number of the hart that is shown: the one that stopped last, or that was selected.
    pub fn selected(&self) -> usize {
        self.board.hart.number
    }

    /// V: the hart executes a guest.
    pub fn is_in_guest(&self) -> bool {
        self.board.hart.virtualized
    }

    /// Sets V. Without the extension H there is no guest: false, and nothing changes.
    pub fn set_in_guest(&mut self, in_guest: bool) -> bool {
        if in_guest && !self.has(Extension::Hypervisor) {
            return false;
        }
        self.board.hart.virtualized = in_guest;
        self.board.refresh_context();
        self.note_change();
        self.note(Change::Guest(in_guest));
        true
    }

    /// The hart's width and extensions.
    pub fn isa(&self) -> Isa {
        self.board.hart.isa()
    }

    /// Whether the hart has this extension.
    pub fn has(&self, extension: Extension) -> bool {
        self.board.hart.extensions.has(extension)
    }

    /// From now on breakpoints stop only these instructions.
    pub fn break_in(&mut self, world: World) {
        self.board.break_in(world);
    }

    /// What lay at physical addresses at the beginning of the history; `None` where that is no RAM.
    pub fn at_first(&mut self, range: &Range<Address>) -> Option<Vec<u8>> {
        let now = self.icount();
        let length = usize::try_from(range.end.0 - range.start.0).ok()?;
        self.board.memory.physical(range.start.0, length)?;
        let fault = self.fault;
        self.commit_external_changes();
        self.history.keep_present(&mut self.board);
        self.goto(self.beginning(), Duration::MAX);
        let mut bytes = vec![0; length];
        let read = self.read_physical(range.start, &mut bytes);
        self.return_to(now);
        self.fault = fault;
        read.ok().map(|()| bytes)
    }
}

struct LastWrite {
    ranges: Vec<Range<Address>>,
    physical: bool,
    found: Option<Store>,
}

impl Observer for LastWrite {
    fn interest(&self) -> Interest {
        let stores = self.physical.then(|| self.ranges.clone());
        Interest { stores, ..Interest::default() }
    }

    fn store(&mut self, store: &Store) {
        let start = if self.physical { store.physical.0 } else { store.address.0 };
        let length = u64::from(store.length);
        let touches = |range: &Range<Address>| {
            start.wrapping_sub(range.start.0) < range.end.0 - range.start.0
                || range.start.0.wrapping_sub(start) < length
        };
        if self.ranges.iter().any(touches) {
            self.found = Some(*store);
        }
    }
}

impl LooksBack for LastWrite {
    fn end_stretch(&mut self) -> bool {
        self.found.is_some()
    }
}

struct LastTraps {
    count: usize,
    stretch: Vec<TakenTrap>,
    found: Vec<TakenTrap>,
}

impl Observer for LastTraps {
    fn interest(&self) -> Interest {
        Interest { stores: Some(Vec::new()), ..Interest::default() }
    }

    fn store(&mut self, _store: &Store) {}

    fn event(&mut self, event: &HartEvent) {
        if let HartEvent::Trap(trap) = event {
            self.stretch.push(*trap);
            // Only the latest of a stretch can be among those that are wanted.
            if self.stretch.len() >= 2 * self.count {
                self.stretch.drain(..self.stretch.len() - self.count);
            }
        }
    }
}

impl LooksBack for LastTraps {
    fn end_stretch(&mut self) -> bool {
        self.stretch.append(&mut self.found);
        self.found = std::mem::take(&mut self.stretch);
        self.found.drain(..self.found.len().saturating_sub(self.count));
        self.found.len() == self.count
    }

    fn wants_only_traps(&self) -> bool {
        true
    }
}
