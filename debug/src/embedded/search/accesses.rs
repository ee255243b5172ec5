//! Looking back at all of the past: the first store to some memory, its loads, and every arrival at an instruction.
//!
//! It does not know what its callers do with the answers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::{GoesOn, LooksBack, SLICE};
use crate::embedded::Embedded;
use crate::machine::{Address, Interest, Load, Observer, Register, Registers, Stop, Store};

/// The loads that one instruction made from some memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loads {
    /// The earliest of them.
    pub first: Load,
    /// The latest.
    pub last: Load,
    /// How many there were.
    pub count: u64,
}

impl Loads {
    /// The instruction.
    pub fn pc(&self) -> Address {
        self.first.pc
    }
}

/// One time that the instruction at a place was the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Instructions executed before it.
    pub icount: u64,
    /// The return address at that moment: for a function's first instruction, who called it.
    pub ra: Address,
}

/// The arrivals at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// How many there were.
    pub count: u64,
    /// The first of them, as many as were asked for.
    pub first: Vec<Arrival>,
    /// The last one.
    pub last: Option<Arrival>,
}

impl Embedded {
    /// The first store before now to any byte of these physical ranges.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] where it was not to go on.
    pub fn first_write_physical(
        &mut self,
        ranges: &[Range<Address>],
        goes_on: &mut GoesOn<'_>,
    ) -> Result<Option<Store>, Stop> {
        let mut search = FirstWrite { ranges: ranges.to_vec(), physical: true, stretch: None, found: None };
        self.look_back(&mut search, goes_on)?;
        Ok(search.found)
    }

    /// The first store before now to any byte of [`address`, `address + length`), as the hart addressed it.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] where it was not to go on.
    pub fn first_write(
        &mut self,
        address: Address,
        length: u64,
        goes_on: &mut GoesOn<'_>,
    ) -> Result<Option<Store>, Stop> {
        let end = Address(address.0.saturating_add(length));
        let mut search = FirstWrite { ranges: vec![address..end], physical: false, stretch: None, found: None };
        self.look_back(&mut search, goes_on)?;
        Ok(search.found)
    }

    /// The loads before now from any byte of these physical ranges, by instruction, in the order of their first.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] where it was not to go on.
    pub fn loads_physical(&mut self, ranges: &[Range<Address>], goes_on: &mut GoesOn<'_>) -> Result<Vec<Loads>, Stop> {
        let mut search = AllLoads { ranges: ranges.to_vec(), found: BTreeMap::new() };
        self.look_back(&mut search, goes_on)?;
        let mut loads: Vec<Loads> = search.found.into_values().collect();
        loads.sort_by_key(|loads| loads.first.icount);
        Ok(loads)
    }

    /// Each moment before now at which the instruction at one of `places` was the next; the first `most` of them are kept.
    ///
    /// # Errors
    /// [`Stop::Interrupted`] where it was not to go on, which is asked with the moment up to which all is searched.
    pub fn arrivals_at(&mut self, places: &[Address], most: usize, goes_on: &mut GoesOn<'_>) -> Result<Arrivals, Stop> {
        let now = self.icount();
        let stood = (self.fault, self.watched_at);
        self.goto(self.beginning(), Duration::MAX);
        let set = self.board.take_breakpoints(places.iter().map(|place| place.0));
        let mut arrivals = Arrivals::default();
        let ended = loop {
            match self.run_to(now, true, SLICE) {
                Stop::Breakpoint if self.icount() < now => {
                    let ra = Address(self.board.hart.x(Register::RA));
                    let arrival = Arrival { icount: self.icount(), ra };
                    arrivals.count += 1;
                    arrivals.last = Some(arrival);
                    if arrivals.first.len() < most {
                        arrivals.first.push(arrival);
                    }
                    // A trap without a handler, or the machine's end.
                    if self.step_over().is_err() {
                        break Ok(());
                    }
                    if arrivals.count % 4096 == 0 && !goes_on(self.icount()) {
                        break Err(Stop::Interrupted);
                    }
                }
                Stop::Watchpoint { .. } if self.icount() < now => {
                    if self.step_over().is_err() {
                        break Ok(());
                    }
                }
                stop if self.is_out_of_time(stop) && goes_on(self.icount()) => {}
                stop if self.is_out_of_time(stop) => break Err(Stop::Interrupted),
                _ => break Ok(()),
            }
        };
        self.board.put_breakpoints(set);
        self.return_to(now);
        (self.fault, self.watched_at) = stood;
        ended.map(|()| arrivals)
    }

    /// Shows something of another moment that was executed already, before now or, after going back, behind it; the machine is where it was
    /// afterwards. `None` where it cannot go there.
    pub fn at_moment<T>(&mut self, icount: u64, look: impl FnOnce(&mut Embedded) -> T) -> Option<T> {
        let now = self.icount();
        let fault = self.fault;
        self.commit_external_changes();
        let executed = self.history.at_or_before(u64::MAX).unwrap_or(now).max(now);
        if icount > executed || icount < self.beginning() {
            self.fault = fault;
            return None;
        }
        self.history.keep_present(&mut self.board);
        let is_there = icount == now || self.goto(icount, Duration::MAX) == Stop::Stepped;
        self.fault = fault.filter(|_| icount == now);
        let seen = is_there.then(|| look(self));
        self.return_to(now);
        self.fault = fault;
        seen
    }

    /// The general registers and pc.
    pub fn general_registers(&self) -> Registers {
        Registers { x: self.board.hart.general(), pc: self.board.hart.pc }
    }
}

fn touches(ranges: &[Range<Address>], start: Address, length: u8) -> bool {
    ranges.iter().any(|range| start < range.end && range.start.0 < start.0.saturating_add(length.into()))
}

struct FirstWrite {
    ranges: Vec<Range<Address>>,
    physical: bool,
    stretch: Option<Store>,
    found: Option<Store>,
}

impl Observer for FirstWrite {
    fn interest(&self) -> Interest {
        let stores = self.physical.then(|| self.ranges.clone());
        Interest { stores, ..Interest::default() }
    }

    fn store(&mut self, store: &Store) {
        let start = if self.physical { store.physical } else { store.address };
        if self.stretch.is_none() && touches(&self.ranges, start, store.length) {
            self.stretch = Some(*store);
        }
    }
}

impl LooksBack for FirstWrite {
    fn end_stretch(&mut self) -> bool {
        // Stretches come from the last to the first.
        self.found = self.stretch.take().or(self.found);
        false
    }
}

struct AllLoads {
    ranges: Vec<Range<Address>>,
    found: BTreeMap<u64, Loads>,
}

impl Observer for AllLoads {
    fn interest(&self) -> Interest {
        Interest { stores: Some(Vec::new()), loads: self.ranges.clone(), ..Interest::default() }
    }

    fn store(&mut self, _store: &Store) {}

    fn load(&mut self, load: &Load) {
        let known = self.found.entry(load.pc.0).or_insert(Loads { first: *load, last: *load, count: 0 });
        known.count += 1;
        if load.icount < known.first.icount {
            known.first = *load;
        }
        if load.icount >= known.last.icount {
            known.last = *load;
        }
    }
}

impl LooksBack for AllLoads {
    fn end_stretch(&mut self) -> bool {
        false
    }
}
