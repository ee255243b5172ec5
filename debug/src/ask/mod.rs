//! Questions about a run of the embedded machine, answered from its history: who wrote this last, which traps there were, when an
//! instruction was executed. Answers are data; [`words`] says them.
//!
//! It does not know who asks, nor how an answer is shown. The machine is afterwards where it was.

mod moment;
pub mod page;
mod question;
pub mod words;

use std::ops::Range;

use crate::embedded::{Arrivals, Embedded, GoesOn, Loads};
use crate::image::Image;
use crate::machine::{Address, Stop, Store, TakenTrap};

pub use moment::{FaultingPage, Moment, Why, at, why};
pub use question::{Answer, Question, number, require_guests};

/// Somebody wanted the search to end before it had found anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted, and not found between there and now: searched back to instruction {searched_to}")]
pub struct Interrupted {
    /// Everything from this moment on was searched.
    pub searched_to: u64,
}

/// Some memory, as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The first byte, a virtual address unless `physical`.
    pub start: Address,
    /// In bytes, at least 1.
    pub length: u64,
    /// `start` is a physical address.
    pub physical: bool,
}

/// The last write to some memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWrite {
    /// The memory that was asked about.
    pub memory: Memory,
    /// Where it lies in RAM; empty where it is mapped nowhere, so that only its virtual addresses were looked for.
    pub ranges: Vec<Range<Address>>,
    /// `None`: no instruction has written to it.
    pub store: Option<Store>,
    /// No instruction wrote it, and yet it is not as it was at first: a device or a debugger wrote it.
    pub changed_otherwise: bool,
}

/// Asks a search whether to go on, and keeps how far it came.
struct Watched<'a, 'b> {
    searched_to: u64,
    goes_on: &'a mut GoesOn<'b>,
}

impl Watched<'_, '_> {
    fn ask(&mut self, searched_to: u64) -> bool {
        self.searched_to = searched_to;
        (self.goes_on)(searched_to)
    }

    fn interrupted(&self, _: Stop) -> Interrupted {
        Interrupted { searched_to: self.searched_to }
    }
}

/// Who wrote to this memory last, before now: also before it was mapped where it is now, and through another mapping.
///
/// # Errors
/// [`Interrupted`] where `goes_on` says no.
pub fn last_write(
    machine: &mut Embedded,
    image: &Image,
    memory: &Memory,
    goes_on: &mut GoesOn<'_>,
) -> Result<LastWrite, Interrupted> {
    write(machine, image, memory, goes_on, Embedded::last_write, Embedded::last_write_physical)
}

/// A search for a store by the addresses of the hart, and one by those of RAM.
type ByAddress = fn(&mut Embedded, Address, u64, &mut GoesOn<'_>) -> Result<Option<Store>, Stop>;
type ByPlace = fn(&mut Embedded, &[Range<Address>], &mut GoesOn<'_>) -> Result<Option<Store>, Stop>;

fn write(
    machine: &mut Embedded,
    image: &Image,
    memory: &Memory,
    goes_on: &mut GoesOn<'_>,
    by_address: ByAddress,
    by_place: ByPlace,
) -> Result<LastWrite, Interrupted> {
    let ranges = physical_ranges(machine, image, memory);
    let mut watched = Watched { searched_to: machine.icount(), goes_on };
    let found = match ranges.is_empty() {
        true => by_address(machine, memory.start, memory.length, &mut |at| watched.ask(at)),
        false => by_place(machine, &ranges, &mut |at| watched.ask(at)),
    };
    let store = found.map_err(|stop| watched.interrupted(stop))?;
    let changed_otherwise = store.is_none() && ranges.iter().any(|range| has_changed(machine, range));
    Ok(LastWrite { memory: memory.clone(), ranges, store, changed_otherwise })
}

/// Where memory lies in RAM: by the page table of the present, else by where the kernel's file says that it is loaded; empty where
/// neither knows.
pub fn physical_ranges(machine: &Embedded, image: &Image, memory: &Memory) -> Vec<Range<Address>> {
    let whole = |start: Address| vec![start..Address(start.0.saturating_add(memory.length))];
    if memory.physical {
        return whole(memory.start);
    }
    let loaded = || image.segments().iter().any(|segment| segment.contains(memory.start));
    let mapped = machine.physical_ranges(memory.start, memory.length);
    mapped.or_else(|| loaded().then(|| whole(image.physical(memory.start)))).unwrap_or_default()
}

fn has_changed(machine: &mut Embedded, range: &Range<Address>) -> bool {
    use crate::machine::Machine;
    let Some(first) = machine.at_first(range) else { return false };
    let mut now = vec![0; first.len()];
    machine.read_physical(range.start, &mut now).is_ok() && now != first
}

/// The last traps before now, at most `count`, the latest last.
///
/// # Errors
/// [`Interrupted`] where `goes_on` says no.
pub fn last_traps(
    machine: &mut Embedded,
    count: usize,
    goes_on: &mut GoesOn<'_>,
) -> Result<Vec<TakenTrap>, Interrupted> {
    let mut watched = Watched { searched_to: machine.icount(), goes_on };
    machine.last_traps(count, &mut |at| watched.ask(at)).map_err(|stop| watched.interrupted(stop))
}

/// Who wrote to this memory first, before now.
///
/// # Errors
/// [`Interrupted`] where `goes_on` says no.
pub fn first_write(
    machine: &mut Embedded,
    image: &Image,
    memory: &Memory,
    goes_on: &mut GoesOn<'_>,
) -> Result<LastWrite, Interrupted> {
    write(machine, image, memory, goes_on, Embedded::first_write, Embedded::first_write_physical)
}

/// The loads from some memory before now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The memory that was asked about.
    pub memory: Memory,
    /// Where it lies in RAM; empty where it is mapped nowhere.
    pub ranges: Vec<Range<Address>>,
    /// By instruction, in the order of the first load of each.
    pub loads: Vec<Loads>,
}

/// Who read this memory before now.
///
/// # Errors
/// [`Interrupted`] where `goes_on` says no.
pub fn reads(
    machine: &mut Embedded,
    image: &Image,
    memory: &Memory,
    goes_on: &mut GoesOn<'_>,
) -> Result<Reads, Interrupted> {
    let ranges = physical_ranges(machine, image, memory);
    let mut watched = Watched { searched_to: machine.icount(), goes_on };
    let found = machine.loads_physical(&ranges, &mut |at| watched.ask(at));
    let loads = found.map_err(|stop| watched.interrupted(stop))?;
    Ok(Reads { memory: memory.clone(), ranges, loads })
}

/// How many arrivals an answer tells one by one, at most.
pub const MOST_ARRIVALS: usize = 1000;

/// When the hart came to `place`, which symbols know, before now: where it is linked, or where it is loaded.
///
/// # Errors
/// [`Interrupted`] where `goes_on` says no.
pub fn when(
    machine: &mut Embedded,
    image: &Image,
    place: Address,
    goes_on: &mut GoesOn<'_>,
) -> Result<Arrivals, Interrupted> {
    let places = [place, image.physical(place)];
    let mut watched = Watched { searched_to: machine.icount(), goes_on };
    let arrivals = machine.arrivals_at(&places, MOST_ARRIVALS, &mut |at| watched.ask(at));
    arrivals.map_err(|stop| watched.interrupted(stop))
}
