//! Finds out whether the kernel read the device tree before it overwrote it. It does not judge.

use std::ops::Range;

use crate::checks::boot_run::layout::overlap;
use crate::machine::{Address, Load, Store};

/// The header of a flattened device tree, and its magic number (Devicetree Specification, "Header").
const HEADER: u64 = 40;
const MAGIC: u64 = 4;

#[derive(Default)]
pub struct DeviceTreeUse {
    /// Where the firmware put the tree.
    tree: Option<Range<Address>>,
    was_read: bool,
    erased: Option<Store>,
    /// The first store over the tree, and a later load of its header.
    pub read_too_late: Option<(Store, Load)>,
}

impl DeviceTreeUse {
    pub fn lies_at(&mut self, tree: Range<Address>) {
        self.tree = Some(tree);
    }

    /// What to observe: stores to the tree and loads of its header, until the question is decided.
    pub fn ranges(&self) -> (Option<Range<Address>>, Option<Range<Address>>) {
        let tree = self.tree.clone().filter(|_| !self.was_read && self.read_too_late.is_none());
        let header = tree.as_ref().map(|tree| tree.start..tree.start + HEADER);
        (tree.filter(|_| self.erased.is_none()), header)
    }

    pub fn store(&mut self, store: &Store) {
        let range = store.physical..store.physical + u64::from(store.length);
        let hits = self.tree.as_ref().is_some_and(|tree| overlap(tree, &range));
        // A reader looks at the magic number first. A tree that lost only its end is still found.
        if hits && !self.was_read && (self.erased.is_none() || self.hits_magic(&range)) {
            self.erased = Some(*store);
        }
    }

    fn hits_magic(&self, range: &Range<Address>) -> bool {
        self.tree.as_ref().is_some_and(|tree| overlap(&(tree.start..tree.start + MAGIC), range))
    }

    pub fn load(&mut self, load: &Load) {
        let range = load.physical..load.physical + u64::from(load.length);
        let header = self.tree.as_ref().map(|tree| tree.start..tree.start + HEADER);
        if !header.is_some_and(|header| overlap(&header, &range)) {
            return;
        }
        match self.erased {
            None => self.was_read = true,
            // A wider load reads the kernel's own data, which is there by now: the magic number has four bytes.
            Some(erased) if u64::from(load.length) <= MAGIC && self.hits_magic(&range) => {
                self.read_too_late = self.read_too_late.or(Some((erased, *load)));
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clearing::tests::store;
    use super::*;

    fn load(address: u64, length: u8) -> Load {
        let (pc, address) = (Address(0x200), Address(address));
        Load { icount: 100, pc, address, physical: address, length, value: 0 }
    }

    fn tree() -> DeviceTreeUse {
        let mut tree = DeviceTreeUse::default();
        tree.lies_at(Address(0x3000)..Address(0x4000));
        tree
    }

    #[test]
    fn a_tree_that_is_read_first_may_be_overwritten() {
        let mut tree = tree();
        tree.load(&load(0x3000, 4));
        tree.store(&store(5, 0x100, 0x3000, 0));
        tree.load(&load(0x3000, 4));
        assert!(tree.read_too_late.is_none());
    }

    #[test]
    fn a_tree_that_is_looked_for_after_it_was_overwritten_is_told() {
        let mut tree = tree();
        tree.store(&store(5, 0x100, 0x3000, 0));
        tree.load(&load(0x3000, 8));
        assert!(tree.read_too_late.is_none(), "no magic number has eight bytes");
        tree.load(&load(0x3000, 4));
        assert_eq!(tree.read_too_late.unwrap().0.pc, Address(0x100));
    }
}
