//! The TLB: what is known of addresses, so that loads, stores and jumps need no page table walk.
//!
//! Pages with watchpoints, devices and so on are not in it. It does not know why.

use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::state::Privilege;

#[derive(Clone, Copy)]
struct Entry {
    /// What it is about; [`u64::MAX`] in an empty entry.
    key: u64,
    target: u64,
}

const EMPTY: Entry = Entry { key: u64::MAX, target: 0 };

/// What is known of addresses for one kind of access, separately for both privileges: by default of so many pages of each.
pub struct Tlb<const ENTRIES: usize = 256> {
    entries: Box<[Entry; ENTRIES]>,
    /// Those of the privilege that the hart does not have now.
    others: Box<[Entry; ENTRIES]>,
    of_user: bool,
    is_empty: bool,
}

impl<const ENTRIES: usize> Tlb<ENTRIES> {
    pub fn new() -> Tlb<ENTRIES> {
        let [entries, others] = [Box::new([EMPTY; ENTRIES]), Box::new([EMPTY; ENTRIES])];
        Tlb { entries, others, of_user: false, is_empty: true }
    }

    pub fn select(&mut self, privilege: Privilege) {
        let of_user = privilege == Privilege::User;
        if of_user != self.of_user {
            std::mem::swap(&mut self.entries, &mut self.others);
            self.of_user = of_user;
        }
    }

    pub fn flush(&mut self) {
        if !self.is_empty {
            self.entries.fill(EMPTY);
            self.others.fill(EMPTY);
            self.is_empty = true;
        }
    }

    #[inline(always)]
    pub fn get(&self, key: u64) -> Option<u64> {
        let entry = &self.entries[key as usize % ENTRIES];
        (entry.key == key).then_some(entry.target)
    }

    pub fn insert(&mut self, key: u64, target: u64) {
        self.entries[key as usize % ENTRIES] = Entry { key, target };
        self.is_empty = false;
    }

    /// The offset in RAM of `length` bytes at `address`, if they are in one page that was inserted by [`Tlb::insert_page`].
    ///
    /// One comparison tells both: the entry of the first byte's page is never about the page after it, where the last byte of an
    /// access is that leaves the page.
    #[inline(always)]
    pub fn offset(&self, address: u64, length: usize) -> Option<usize> {
        let entry = &self.entries[(address / PAGE as u64) as usize % ENTRIES];
        let last = address.wrapping_add(length as u64 - 1) / PAGE as u64;
        (entry.key == last).then_some(entry.target.wrapping_add(address) as usize)
    }

    /// The virtual page lies at this offset in RAM.
    pub fn insert_page(&mut self, page: u64, offset: usize) {
        self.insert(page, (offset as u64).wrapping_sub(page.wrapping_mul(PAGE as u64)));
    }
}
