//! Follows every store of the BSS clear: which instructions made them, how often each byte was cleared, and stores beside BSS.
//!
//! It does not judge, and does not know how the stores are observed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::frames::{ErasedFrame, Frames};
use super::sweep::{Course, SWEEP, Sweep};
use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::layout::{GUARD_BYTES, Layout, bytes, overlap};
use crate::checks::finding::Finding;
use crate::machine::{Address, Store};

pub struct Clearing {
    bss: Range<Address>,
    parts: Vec<Part>,
    /// The clear of a BSS that needs none, as the file has all of it.
    unneeded: Sweep,
    /// Bytes that have not been cleared yet. The clear is over when there are none.
    left: u64,
    stores: u64,
    first: Option<Store>,
    last: Option<Store>,
    /// The largest number of instructions between two stores of the clear.
    longest_pause: u64,
    /// The instructions of the clear, with their number of stores and sp.
    clearing: BTreeMap<Address, (u64, Address)>,
    /// Where zeros were stored last, side by side.
    course: Course,
    /// The instructions of courses that are long enough for a clear's.
    sweeping: BTreeSet<Address>,
    /// By instruction: its first store of zero beside BSS during the clear.
    beside: BTreeMap<Address, Store>,
    over: bool,
    frames: Frames,
}

/// A part of what has to be cleared.
struct Part {
    range: Range<Address>,
    /// How often each byte was cleared, up to 255 times.
    times: Vec<u8>,
}

/// A clear that is over.
pub struct Cleared {
    pub stores: u64,
    /// From its first store to its last, both included.
    pub instructions: u64,
    /// The smallest and the largest number of times that a byte was cleared.
    pub times: (u8, u8),
    /// The instructions of the clear, with their number of stores.
    pub by: Vec<(Address, u64)>,
}

impl Cleared {
    /// Describes the clear in words, and puts the numbers into the finding.
    pub fn describe(&self, run: &BootRun<'_>, finding: &mut Finding) -> String {
        let at: Vec<String> =
            self.by.iter().map(|(pc, stores)| format!("{} ({stores} stores)", run.place(*pc))).collect();
        finding.set("stores", self.stores);
        finding.set("instructions", self.instructions);
        finding.set("cleared_at", at);
        finding.set("least_writes", self.times.0);
        finding.set("most_writes", self.times.1);
        let times = match self.times {
            (1, 1) => "each byte once".to_owned(),
            (least, most) if least == most => format!("each byte {least} times"),
            (least, most) => format!("each byte {least} to {most} times"),
        };
        format!("with {} stores in {} instructions, {times}", self.stores, self.instructions)
    }
}

impl Clearing {
    pub fn new(layout: &Layout) -> Clearing {
        let parts: Vec<Part> = layout
            .bss_to_clear()
            .into_iter()
            .map(|range| Part { times: vec![0; bytes(&range) as usize], range })
            .collect();
        Clearing {
            bss: layout.bss.clone(),
            left: parts.iter().map(|part| part.times.len() as u64).sum(),
            parts,
            unneeded: Sweep::new(layout.bss.clone()),
            stores: 0,
            first: None,
            last: None,
            longest_pause: 0,
            clearing: BTreeMap::new(),
            course: Course::default(),
            sweeping: BTreeSet::new(),
            beside: BTreeMap::new(),
            over: false,
            frames: Frames::new(layout.bss.clone(), layout.stack.clone()),
        }
    }

    /// Whether everything is cleared, and the last store was not one of the clear's.
    pub fn is_over(&self) -> bool {
        self.over || !self.is_needed()
    }

    /// Whether a byte is there that the file does not have.
    fn is_needed(&self) -> bool {
        !self.parts.is_empty()
    }

    /// The bytes whose stores still count where no clear is needed.
    pub fn unneeded(&self) -> Option<Range<Address>> {
        (!self.is_needed()).then(|| self.unneeded.awaited()).flatten()
    }

    /// Whether anything was cleared by more than stores that happen to be of zero.
    pub fn has_begun(&self) -> bool {
        !self.sweeping.is_empty() || self.unneeded.is_whole()
    }

    /// Whether the instruction stored zero to BSS more than once.
    pub fn repeats(&self, pc: Address) -> bool {
        self.clearing.get(&pc).is_some_and(|(stores, _)| *stores > 1)
    }

    /// Whether this store belongs to the clear.
    pub fn is_clear(&self, store: &Store) -> bool {
        self.sweeping.contains(&store.pc) || self.unneeded.is_whole() && self.unneeded.is_by(store.pc)
    }

    /// A frame that the clear erased before its function returned.
    pub fn erased_frame(&self) -> Option<ErasedFrame> {
        self.frames.erased(|store| self.is_clear(store))
    }

    fn look_at_frames(&mut self, store: &Store) {
        let by_clear = self.clearing.contains_key(&store.pc) || self.unneeded.is_by(store.pc);
        self.frames.store(store, by_clear);
    }

    pub fn store(&mut self, store: &Store) {
        if !self.is_needed() {
            self.look_at_frames(store);
            return self.unneeded.store(store);
        }
        let pause = self.last.map_or(0, |last| store.icount - last.icount);
        let longest = if self.stores == 1 { Sweep::ONE_ROUND } else { self.longest_pause };
        if self.left == 0 && pause > longest {
            self.over = true;
        }
        if self.over {
            return;
        }
        self.look_at_frames(store);
        let range = store.address..store.address + u64::from(store.length);
        if store.new == 0 && self.clear(&range) {
            self.frames.clear_goes_on(store);
            self.stores += 1;
            self.longest_pause = self.longest_pause.max(pause);
            self.first = self.first.or(Some(*store));
            self.last = Some(*store);
            let (stores, sp) = self.clearing.entry(store.pc).or_insert((0, store.sp));
            *stores += 1;
            *sp = store.sp;
            self.sweep(store.pc, &range);
        }
        let inside = self.bss.start <= range.start && range.end <= self.bss.end;
        // It is passing through a stack inside BSS, or through bytes that were cleared already.
        if inside && store.new == 0 && self.clearing.contains_key(&store.pc) {
            self.last = Some(*store);
        }
        // Before the clear, and right after its last store, only stores that touch the ends of BSS can belong to it.
        let under_way = self.first.is_some() && self.left > 0;
        let near = self.bss.start - GUARD_BYTES..self.bss.end + GUARD_BYTES;
        if store.new == 0 && !inside && (under_way || overlap(&range, &near)) {
            self.beside.entry(store.pc).or_insert(*store);
        }
    }

    /// Notes a zero that was stored to BSS.
    fn sweep(&mut self, pc: Address, range: &Range<Address>) {
        let size: u64 = self.parts.iter().map(|part| part.times.len() as u64).sum();
        self.course.store(pc, range);
        if self.course.is_a_sweep(SWEEP.min(size)) {
            self.sweeping.extend(&self.course.by);
        }
    }

    /// Marks the range as cleared. Returns whether a byte of it had to be cleared.
    fn clear(&mut self, range: &Range<Address>) -> bool {
        let mut any = false;
        for part in self.parts.iter_mut().filter(|part| overlap(&part.range, range)) {
            let (start, end) = (range.start.max(part.range.start), range.end.min(part.range.end));
            for times in &mut part.times[(start.0 - part.range.start.0) as usize..(end.0 - part.range.start.0) as usize]
            {
                self.left -= u64::from(*times == 0);
                *times = times.saturating_add(1);
            }
            any = true;
        }
        any
    }

    /// The first store of zero beside BSS by an instruction of the clear, during the clear or in its frame.
    pub fn stray(&self) -> Option<Store> {
        if !self.is_needed() {
            return self.unneeded.stray();
        }
        // Between the first and the last store of the clear, all stores of its instructions belong to it.
        let within = |stray: &Store| {
            self.first.zip(self.last).is_some_and(|(first, last)| (first.icount..last.icount).contains(&stray.icount))
        };
        let same_frame =
            |stray: &Store| self.clearing.get(&stray.pc).is_some_and(|(_, sp)| *sp == stray.sp || within(stray));
        let strays = self.beside.iter().filter(|(_, stray)| same_frame(stray));
        strays.map(|(_, store)| *store).min_by_key(|store| store.icount)
    }

    /// The finished clear; `None` if none was seen, or nothing has to be cleared.
    pub fn cleared(&self) -> Option<Cleared> {
        let (first, last) = self.first.zip(self.last).filter(|_| self.left == 0)?;
        let times = || self.parts.iter().flat_map(|part| &part.times).copied();
        Some(Cleared {
            stores: self.stores,
            instructions: last.icount - first.icount + 1,
            times: times().min().zip(times().max())?,
            by: self.clearing.iter().map(|(pc, (stores, _))| (*pc, *stores)).collect(),
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::checks::PlaceNames;

    /// BSS of 32 bytes at 0x1000, the stack elsewhere.
    pub fn clearing() -> Clearing {
        let range = |start, end| Address(start)..Address(end);
        let name = String::new;
        Clearing::new(&Layout {
            stack_bottom_name: name(),
            names: PlaceNames { entry: name(), stack_top: name(), bss_start: name(), bss_end: name() },
            stacks: range(0x8000, 0x9000),
            guesses: Vec::new(),
            entry: Address(0),
            stack: range(0x8000, 0x9000),
            bss: range(0x1000, 0x1020),
            loaded: Vec::new(),
            ram: crate::riscv::board::DEFAULT_RAM,
        })
    }

    pub fn store(icount: u64, pc: u64, address: u64, new: u64) -> Store {
        let (pc, address, sp) = (Address(pc), Address(address), Address(0x9000));
        Store { icount, pc, sp, address, physical: address, length: 8, old: 0xa5, new }
    }

    fn after(stores: &[Store]) -> Clearing {
        let mut clearing = clearing();
        stores.iter().for_each(|store| clearing.store(store));
        clearing
    }

    const UPWARDS: [u64; 4] = [0x1000, 0x1008, 0x1010, 0x1018];

    fn upwards() -> Vec<Store> {
        (0..).zip(UPWARDS).map(|(index, address)| store(10 + 3 * index, 0x100, address, 0)).collect()
    }

    #[test]
    fn a_clear_is_counted_by_stores_instructions_and_bytes() {
        let cleared = after(&upwards()).cleared().unwrap();
        assert_eq!((cleared.stores, cleared.instructions, cleared.times), (4, 10, (1, 1)));
        assert_eq!(cleared.by, [(Address(0x100), 4)]);
    }

    #[test]
    fn a_clear_that_goes_over_a_live_frame_is_told() {
        let mut stores = upwards();
        stores.insert(0, Store { sp: Address(0x8ff0), ..store(5, 0x80, 0x8ff8, 0x1234) });
        // A frame above is not lost; its own is.
        for (sp, erased) in [(0x9000, false), (0x8ff0, true)] {
            let mut clearing = after(&stores);
            clearing.store(&Store { sp: Address(sp), old: 0x1234, ..store(20, 0x100, 0x8ff8, 0) });
            assert_eq!(clearing.erased_frame().map(|frame| frame.stored.pc), erased.then_some(Address(0x80)));
        }
    }

    #[test]
    fn zeros_here_and_there_are_no_clear() {
        // Two locks that are released by one instruction, again and again.
        let released = |round: u64, address| store(10 * round, 0x100, address, 0);
        let locks = (0..20).flat_map(|round| [released(round, 0x1000), released(round, 0x1018)]);
        let clearing = after(&locks.collect::<Vec<_>>());
        assert!(!clearing.has_begun() && !clearing.is_clear(&released(1, 0x1000)));
        assert!(after(&upwards()).is_clear(&upwards()[0]));
        let mut unrolled: Vec<Store> = upwards();
        (0x100..).zip(&mut unrolled).for_each(|(pc, store)| store.pc = Address(pc));
        (unrolled[0].address, unrolled[1].address) = (unrolled[1].address, unrolled[0].address);
        assert!(unrolled.iter().all(|store| after(&unrolled).is_clear(store)));
    }

    #[test]
    fn a_byte_that_is_left_out_or_not_zero_is_not_cleared() {
        assert!(after(&upwards()[1..]).cleared().is_none());
        let mut stores = upwards();
        stores[2].new = 1;
        assert!(after(&stores).cleared().is_none());
    }

    #[test]
    fn a_byte_that_is_cleared_twice_is_told() {
        let mut stores = vec![store(5, 0x100, 0x1004, 0)];
        stores.extend(upwards());
        assert_eq!(after(&stores).cleared().unwrap().times, (1, 2));
    }

    #[test]
    fn a_store_beside_bss_is_the_clear_s_when_its_instruction_made_it() {
        let before = store(7, 0x100, 0xff8, 0);
        let after_it = store(22, 0x100, 0x1020, 0);
        let far = store(12, 0x100, 0x5000, 0);
        for stray in [before, after_it, far] {
            let mut stores = upwards();
            stores.push(stray);
            stores.sort_by_key(|store| store.icount);
            assert_eq!(after(&stores).stray(), Some(stray));
        }
        let strangers = [store(12, 0x200, 0x5000, 0), store(22, 0x200, 0x1020, 0)];
        let later = store(500, 0x100, 0x1020, 0);
        let mut stores = upwards();
        stores.extend(strangers);
        stores.push(later);
        stores.sort_by_key(|store| store.icount);
        assert_eq!(
            after(&stores).stray(),
            None,
            "other instructions may store anywhere, and so may the clear's when it is over"
        );
    }
}
