//! The pages whose translation is known, so that a load or store to plain RAM costs no walk.
//!
//! It does not know why a page may not be here: who fills it leaves out pages with watchpoints, devices and the like.

use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::state::Privilege;

/// Entries of each kind and privilege.
const ENTRIES: usize = 256;

#[derive(Clone, Copy)]
struct Entry {
    /// The virtual page's number; none has this one.
    page: u64,
    /// What it leads to: an offset into RAM, or for code a number of the cache of decoded pages.
    target: usize,
}

const EMPTY: Entry = Entry { page: u64::MAX, target: 0 };

/// One kind of access, both privileges: translations of one are none of the other.
pub struct Tlb {
    entries: Box<[Entry; 2 * ENTRIES]>,
    bank: usize,
}

impl Tlb {
    pub fn new() -> Tlb {
        Tlb { entries: Box::new([EMPTY; 2 * ENTRIES]), bank: 0 }
    }

    pub fn select(&mut self, privilege: Privilege) {
        self.bank = if privilege == Privilege::User { ENTRIES } else { 0 };
    }

    pub fn flush(&mut self) {
        self.entries.fill(EMPTY);
    }

    #[inline(always)]
    pub fn get(&self, page: u64) -> Option<usize> {
        let entry = self.entries[self.index(page)];
        (entry.page == page).then_some(entry.target)
    }

    /// The offset into RAM of `length` bytes at `address`, where they lie within one known page.
    #[inline(always)]
    pub fn offset(&self, address: u64, length: usize) -> Option<usize> {
        let within = address as usize % PAGE;
        let target = self.get(address / PAGE as u64)?;
        (within <= PAGE - length).then_some(target + within)
    }

    pub fn insert(&mut self, page: u64, target: usize) {
        let index = self.index(page);
        self.entries[index] = Entry { page, target };
    }

    #[inline(always)]
    fn index(&self, page: u64) -> usize {
        (page as usize % ENTRIES + self.bank) % (2 * ENTRIES)
    }
}
