//! Two harts beside the followed one on one stack: one pushes over what the other pushed, and the other reads it back. It does not judge.
//!
//! Only moves of sp are observed until two harts have set sp to the same value: then their accesses to that stack are, too.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::image::Image;
use crate::machine::{Address, Load, OtherHart, StackPointerMove, Store};
use crate::riscv::{self, Effect, Register};

/// How often a hart may go to another stack before it is not followed any more: it switches tasks.
const MOST: u32 = 64;

/// A hart pushed over a value of another one, which reads it back.
#[derive(Clone, Copy, Debug)]
pub struct OverwrittenFrame {
    pub stored: Store,
    pub by: u64,
    pub read: Load,
    pub read_by: u64,
    /// sp of their empty stack.
    pub top: Address,
}

#[derive(Default)]
pub struct SharedStacks {
    stacks: BTreeMap<u64, OwnStack>,
    pushed: BTreeMap<Address, Pushed>,
    pub found: Option<OverwrittenFrame>,
    changed: bool,
}

/// The stack that a hart set sp to.
struct OwnStack {
    top: Address,
    deepest: Address,
    /// How often it went to another.
    switches: u32,
}

/// What the last push to a place stored.
struct Pushed {
    by: u64,
    stored: Store,
    /// In whose frames that is.
    over: Vec<u64>,
}

impl OwnStack {
    fn is_followed(&self) -> bool {
        self.switches < MOST
    }
}

impl SharedStacks {
    /// A hart's sp changed.
    pub fn moved(&mut self, hart: u64, moved: &StackPointerMove) {
        let new = moved.new;
        let stack = self.stacks.entry(hart).or_insert(OwnStack { top: new, deepest: new, switches: 0 });
        self.changed = true;
        if moved.relative || stack.deepest <= new && new <= stack.top {
            (stack.top, stack.deepest) = (stack.top.max(new), stack.deepest.min(new));
            return;
        }
        *stack = OwnStack { top: new, deepest: new, switches: stack.switches + 1 };
        // Its task may go on elsewhere, where another hart continues it.
        self.pushed.retain(|_, pushed| {
            pushed.over.retain(|over| *over != hart);
            pushed.by != hart && !pushed.over.is_empty()
        });
    }

    /// The moves of each hart that tell nothing new: those within its range.
    pub fn quiet(&self) -> Vec<(u64, Range<Address>)> {
        let range = |stack: &OwnStack| match stack.is_followed() {
            true => stack.deepest..stack.top,
            false => Address(0)..Address(u64::MAX),
        };
        self.stacks.iter().map(|(hart, stack)| (*hart, range(stack))).collect()
    }

    /// The bytes whose accesses count: the frames on a stack that two harts set sp to.
    pub fn awaited(&self) -> Vec<Range<Address>> {
        if self.found.is_some() {
            return Vec::new();
        }
        let mut frames: BTreeMap<Address, (usize, Address)> = BTreeMap::new();
        for stack in self.stacks.values().filter(|stack| stack.is_followed()) {
            let (harts, deepest) = frames.entry(stack.top).or_insert((0, stack.deepest));
            (*harts, *deepest) = (*harts + 1, stack.deepest.min(*deepest));
        }
        let shared = frames.into_iter().filter(|(top, (harts, deepest))| *harts > 1 && deepest < top);
        shared.map(|(top, (_, deepest))| deepest..top).collect()
    }

    /// Whether what is of interest has changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub fn store(&mut self, by: &OtherHart, store: &Store, image: &Image) {
        let Some(top) = self.shared_top(by.hart, store.address) else { return };
        self.pushed.remove(&store.address);
        let has_frame = |(hart, sp): &&(u64, Address)| {
            *sp <= store.address && self.stacks.get(hart).is_some_and(|stack| stack.top == top && stack.deepest <= *sp)
        };
        let over: Vec<u64> = by.others.iter().flatten().filter(has_frame).map(|(hart, _)| *hart).collect();
        // A store through another register is to data that harts may show each other.
        if !over.is_empty() && is_through_sp(image, store.pc) {
            self.pushed.insert(store.address, Pushed { by: by.hart, stored: *store, over });
        }
    }

    pub fn load(&mut self, by: u64, load: &Load, image: &Image) {
        let Some(pushed) = self.pushed.get(&load.address).filter(|pushed| pushed.over.contains(&by)) else { return };
        if let (None, Some(top), true) = (self.found, self.shared_top(by, load.address), is_through_sp(image, load.pc))
        {
            let Pushed { by: other, stored, .. } = *pushed;
            self.found = Some(OverwrittenFrame { stored, by: other, read: *load, read_by: by, top });
            self.changed = true;
        }
    }

    /// sp of the empty stack on which this is, if the hart is on it.
    fn shared_top(&self, hart: u64, address: Address) -> Option<Address> {
        let top = self.stacks.get(&hart)?.top;
        self.awaited()
            .into_iter()
            .find(|frames| frames.end == top && frames.contains(&address))
            .map(|frames| frames.end)
    }
}

/// Whether the instruction's address is computed from sp: it stores or loads a part of a frame.
pub fn is_through_sp(image: &Image, pc: Address) -> bool {
    let operation = image.instruction(pc).and_then(|bytes| riscv::decode(image.xlen(), bytes));
    let effect = operation.map(|operation| operation.effect());
    matches!(effect, Some(Effect::Store { base: Register::SP, .. } | Effect::Load { base: Register::SP, .. }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::clearing::tests::store;
    use super::*;
    use crate::image::fixture::{BASE, Elf};
    use crate::machine::MOST_HARTS;

    const TOP: Address = Address(0x9000);
    /// `sd ra, 8(sp)`, `ld ra, 8(sp)`, `sd ra, 8(a0)`.
    const CODE: [u32; 3] = [0x0011_3423, 0x0081_3083, 0x0015_3423];
    const PUSH: u64 = BASE;
    const POP: u64 = BASE + 4;
    const STORE: u64 = BASE + 8;

    fn image() -> Image {
        let mut elf = Elf::default();
        for (place, instruction) in elf.sections[0].bytes.chunks_exact_mut(4).zip(CODE) {
            place.copy_from_slice(&instruction.to_le_bytes());
        }
        Image::parse(Path::new("kernel"), elf.bytes()).unwrap()
    }

    fn sets(stacks: &mut SharedStacks, hart: u64, new: Address) {
        stacks.moved(
            hart,
            &StackPointerMove { icount: 0, pc: Address(BASE), old: Address(0), new, relative: false, partial: false },
        );
    }

    fn makes_frame(stacks: &mut SharedStacks, hart: u64, old: Address, bytes: u64) {
        let new = old - bytes;
        stacks
            .moved(hart, &StackPointerMove { icount: 0, pc: Address(BASE), old, new, relative: true, partial: false });
    }

    /// Harts 1 and 2 have set sp to these, and made a frame of 16 bytes there.
    fn two_on(tops: [Address; 2]) -> SharedStacks {
        let mut stacks = SharedStacks::default();
        for (hart, top) in (1..).zip(tops) {
            sets(&mut stacks, hart, top);
            makes_frame(&mut stacks, hart, top, 16);
        }
        stacks
    }

    /// Hart 1 stores into the frames by the instruction at `stored`, and hart 2 reads that by the one at `read`.
    fn is_found(stacks: &mut SharedStacks, stored: u64, read: u64) -> bool {
        let (image, place) = (image(), TOP - 8);
        let mut by = OtherHart { hart: 1, followed_sp: None, others: [None; MOST_HARTS] };
        by.others[0] = Some((2, TOP - 16));
        stacks.store(&by, &store(10, stored, place.0, 7), &image);
        let load = Load { icount: 11, pc: Address(read), address: place, physical: place, length: 8, value: 7 };
        stacks.load(2, &load, &image);
        stacks.found.is_some()
    }

    #[test]
    fn a_push_of_one_hart_that_another_reads_back_is_found() {
        let mut stacks = two_on([TOP, TOP]);
        assert_eq!(stacks.awaited(), [TOP - 16..TOP]);
        assert!(is_found(&mut stacks, PUSH, POP));
        let found = stacks.found.unwrap();
        assert_eq!((found.by, found.read_by, found.top, found.stored.address), (1, 2, TOP, TOP - 8));
        assert!(stacks.awaited().is_empty(), "one is enough");
    }

    #[test]
    fn data_that_harts_show_each_other_are_no_frames() {
        assert!(!is_found(&mut two_on([TOP, TOP]), STORE, POP), "a store that is no push");
        assert!(!is_found(&mut two_on([TOP, TOP]), PUSH, STORE), "a read that is no pop");
        assert!(!is_found(&mut two_on([TOP, TOP + 0x1000]), PUSH, POP), "each has its own stack");
    }

    #[test]
    fn a_hart_that_went_to_another_stack_reads_nothing_back() {
        let mut stacks = two_on([TOP, TOP]);
        sets(&mut stacks, 2, TOP + 0x1000);
        assert!(stacks.awaited().is_empty());
        assert!(!is_found(&mut stacks, PUSH, POP));
    }

    #[test]
    fn a_hart_that_switches_tasks_is_not_followed() {
        let mut stacks = two_on([TOP, TOP]);
        for task in 0..u64::from(MOST) {
            sets(&mut stacks, 2, TOP + 0x1000 * (1 + task % 2));
        }
        sets(&mut stacks, 2, TOP);
        makes_frame(&mut stacks, 2, TOP, 16);
        assert!(stacks.awaited().is_empty());
        let all = Address(0)..Address(u64::MAX);
        assert!(stacks.quiet().contains(&(2, all)), "its moves are not asked for: {:?}", stacks.quiet());
    }
}
