//! Facts about memory from a run in which every store is observed; the checks ask for them. It does not judge.
//!
//! All addresses are linked addresses, wherever the image was loaded.

pub mod clearing;
pub mod code_writes;
pub mod device_tree;
pub mod early;
mod frame_origin;
pub mod frames;
pub mod other_harts;
mod second_clear;
pub mod shared_stacks;
pub mod stacks;
mod sweep;

use std::ops::Range;

use self::clearing::Clearing;
use self::code_writes::CodeWrites;
use self::device_tree::DeviceTreeUse;
use self::early::EarlyUse;
use self::other_harts::OtherHarts;
use self::second_clear::SecondClear;
use self::stacks::Stacks;
use crate::checks::boot_run::layout::Layout;
use crate::checks::bss::outside;
use crate::checks::finding::Finding;
use crate::image::Image;
use crate::machine::{Address, Interest, Load, OtherHart, StackPointerMove, Store};

/// Collected by an observer, and kept after the run.
pub struct MemoryFacts<'a> {
    image: &'a Image,
    pub clearing: Clearing,
    pub code_writes: CodeWrites,
    pub early: EarlyUse,
    second_clear: SecondClear,
    pub others: OtherHarts,
    stack: Range<Address>,
    pub stacks: Stacks,
    pub device_tree: DeviceTreeUse,
    clear_was_over: (bool, bool),
    /// The run was observed to its end: an event that was not seen did not happen.
    pub is_whole: bool,
    /// The findings of a run that could not continue, as far as they are certain.
    pub findings: Vec<Finding>,
}

impl<'a> MemoryFacts<'a> {
    pub fn new(image: &'a Image, layout: &Layout) -> MemoryFacts<'a> {
        let outside = outside::objects(image, layout).into_iter().map(|object| object.range);
        let zeroed = layout.bss_to_clear().into_iter().chain(outside).collect();
        let second_clear = SecondClear::new(layout.bss.clone(), image);
        MemoryFacts {
            image,
            clearing: Clearing::new(layout),
            code_writes: CodeWrites::new(image),
            early: EarlyUse::new(zeroed),
            others: OtherHarts::new(second_clear.clone()),
            second_clear,
            stack: layout.stack.clone(),
            stacks: Stacks::new(image, layout),
            device_tree: DeviceTreeUse::default(),
            clear_was_over: (false, false),
            is_whole: false,
            findings: Vec::new(),
        }
    }

    /// The boot's stack is in use: sp was set to `base`.
    pub fn arm(&mut self, base: Option<Address>) {
        self.stacks.arm();
        if let Some(base) = base {
            self.others.arm(self.image.canonical(base));
        }
    }

    fn by_linked(&self, store: &Store) -> Store {
        Store { address: self.linked(store), sp: self.image.canonical(store.sp), ..*store }
    }

    pub fn store(&mut self, store: &Store) {
        let store = self.by_linked(store);
        self.clearing.store(&store);
        self.early.store(&store, self.clearing.is_over());
        if self.clearing.is_over() {
            self.second_clear.store(&store).iter().for_each(|erased| self.early.erased_again(erased, None));
        }
        self.others.followed_store(&store);
        self.code_writes.store(&store);
        self.device_tree.store(&store);
    }

    /// A store by another hart than the followed one.
    pub fn other_store(&mut self, by: &OtherHart, store: &Store) {
        let store = self.by_linked(store);
        let by = by.map_sps(|sp| self.image.canonical(sp));
        self.second_clear.stored_by_another(&store);
        if self.clearing.is_over() {
            self.early.store(&store, true);
        }
        let erased = self.others.store(&by, &store, self.stacks.deepest(), self.image);
        erased.iter().for_each(|erased| self.early.erased_again(erased, Some(by.hart)));
    }

    pub fn other_load(&mut self, by: &OtherHart, load: &Load) {
        let load = Load { address: self.image.linked(load.physical), ..*load };
        self.early.load(&load, &self.clearing);
        self.others.stacks.load(by.hart, &load, self.image);
    }

    pub fn other_stack_pointer(&mut self, by: &OtherHart, moved: &StackPointerMove) {
        self.others.stacks.moved(by.hart, &self.canonical(moved));
    }

    fn canonical(&self, moved: &StackPointerMove) -> StackPointerMove {
        let [old, new] = [moved.old, moved.new].map(|sp| self.image.canonical(sp));
        StackPointerMove { old, new, ..*moved }
    }

    /// The linked address of what is stored.
    pub fn linked(&self, store: &Store) -> Address {
        self.image.linked(store.physical)
    }

    pub fn load(&mut self, load: &Load) {
        let load = Load { address: self.image.linked(load.physical), ..*load };
        self.early.load(&load, &self.clearing);
        self.device_tree.load(&load);
    }

    pub fn stack_pointer(&mut self, moved: &StackPointerMove) {
        let moved = self.canonical(moved);
        self.stacks.moved(&moved, self.image);
        if !moved.relative && self.stack.contains(&(moved.new - 1)) {
            self.others.moved(moved.new);
        }
    }

    /// All stores until BSS is cleared; then stores to code, to a BSS that needs no clear, to the bytes that the clear erased, and to the device tree.
    pub fn interest(&self) -> Interest {
        let over = self.clearing.is_over();
        let (tree, header) = self.device_tree.ranges();
        let early: Vec<Range<Address>> = self.early.ranges(over).iter().map(|range| self.physical(range)).collect();
        let by_physical = |ranges: Vec<Range<Address>>| ranges.iter().map(|range| self.physical(range)).collect();
        let again: Vec<Range<Address>> = by_physical(self.second_clear.awaited());
        let by_others: Vec<Range<Address>> = by_physical(self.others.awaited(self.stacks.deepest()));
        let shared: Vec<Range<Address>> = by_physical(self.others.stacks.awaited());
        let linked = self.code_writes.ranges().iter().cloned().chain(self.clearing.unneeded());
        let physical = linked.map(|range| self.physical(&range));
        // What one hart's clear erases, another may store again.
        let swept: Vec<Range<Address>> = by_physical(self.others.swept());
        let prompt = if over { [again, swept].concat() } else { Vec::new() };
        let erased = if over { early.clone() } else { Vec::new() };
        let stores =
            over.then(|| physical.chain(early.iter().cloned()).chain(tree).chain(prompt.iter().cloned()).collect());
        let quiet_stacks =
            self.stacks.quiet().map(|ranges| ranges.iter().flat_map(|range| self.aliases(range)).collect());
        let others = self.others.stacks.quiet();
        let alias = |(hart, range): &(u64, Range<Address>)| {
            self.aliases(range).into_iter().map(|range| (*hart, range)).collect::<Vec<_>>()
        };
        let other_quiet_stacks = others.iter().flat_map(alias).collect();
        Interest {
            stores,
            prompt,
            loads: early.into_iter().chain(header).collect(),
            other_stores: [by_others, erased.clone(), shared.clone()].concat(),
            other_loads: [erased, shared].concat(),
            quiet_stacks,
            other_quiet_stacks: Some(other_quiet_stacks),
            jumps: false,
            prompt_traps: false,
        }
    }

    /// Whether [`MemoryFacts::interest`] has changed since the last call.
    pub fn has_new_interest(&mut self) -> bool {
        let over = (self.clearing.is_over(), self.clearing.unneeded().is_none());
        let clear_ended = over != std::mem::replace(&mut self.clear_was_over, over);
        self.stacks.take_changed() | self.second_clear.take_changed() | self.others.take_changed() || clear_ended
    }

    /// Whether to stop here, because later events would only hide the fault.
    pub fn ends_run(&self) -> bool {
        self.stacks.overflow().is_some()
    }

    fn physical(&self, range: &Range<Address>) -> Range<Address> {
        let start = self.image.physical(range.start);
        start..start + (range.end.0 - range.start.0)
    }

    /// A range by its linked and by its load addresses.
    fn aliases(&self, range: &Range<Address>) -> Vec<Range<Address>> {
        let physical = self.physical(range);
        if physical == *range { vec![physical] } else { vec![range.clone(), physical] }
    }
}
