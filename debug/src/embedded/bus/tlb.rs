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

/// What is known of addresses for one kind of access, separately for each privilege: by default of so many pages of each.
pub struct Tlb<const ENTRIES: usize = 256> {
    entries: Box<[Entry; ENTRIES]>,
    /// Those of each privilege; those of the hart's own are above meanwhile.
    kept: [Box<[Entry; ENTRIES]>; PRIVILEGES],
    filled: [bool; PRIVILEGES],
    of: usize,
}

/// Privileges are numbered up to M-mode's.
const PRIVILEGES: usize = Privilege::Machine as usize + 1;

impl<const ENTRIES: usize> Tlb<ENTRIES> {
    pub fn new() -> Tlb<ENTRIES> {
        let table = || Box::new([EMPTY; ENTRIES]);
        let kept = std::array::from_fn(|_| table());
        Tlb { entries: table(), kept, filled: [false; PRIVILEGES], of: Privilege::Supervisor as usize }
    }

    /// From now on it is about accesses at this privilege.
    pub fn select(&mut self, privilege: Privilege) {
        let privilege = privilege as usize;
        if privilege != self.of {
            std::mem::swap(&mut self.entries, &mut self.kept[self.of]);
            std::mem::swap(&mut self.entries, &mut self.kept[privilege]);
            self.of = privilege;
        }
    }

    pub fn flush(&mut self) {
        for (privilege, filled) in self.filled.iter_mut().enumerate() {
            if std::mem::take(filled) {
                let table = if privilege == self.of { &mut self.entries } else { &mut self.kept[privilege] };
                table.fill(EMPTY);
            }
        }
    }

    #[inline(always)]
    pub fn get(&self, key: u64) -> Option<u64> {
        let entry = &self.entries[key as usize % ENTRIES];
        (entry.key == key).then_some(entry.target)
    }

    pub fn insert(&mut self, key: u64, target: u64) {
        self.entries[key as usize % ENTRIES] = Entry { key, target };
        self.filled[self.of] = true;
    }

    /// The offset in RAM of `length` bytes at `address`, if they are in one page that was inserted by [`Tlb::insert_page`].
    ///
    /// One comparison tells both: the entry of the first byte's page is never about the page after it, where the last byte of an
    /// access is that leaves the page.
    #[inline(always)]
    pub fn offset(&self, address: u64, length: usize) -> Option<usize> {
        self.offset_of(0, address, length)
    }

    /// The same for a page that was inserted with such a mark in its number, in bits that no page's number has.
    #[inline(always)]
    pub fn offset_of(&self, mark: u64, address: u64, length: usize) -> Option<usize> {
        let entry = &self.entries[(address / PAGE as u64) as usize % ENTRIES];
        let last = address.wrapping_add(length as u64 - 1) / PAGE as u64;
        (entry.key == (mark | last)).then_some(entry.target.wrapping_add(address) as usize)
    }

    /// The virtual page lies at this offset in RAM.
    pub fn insert_page(&mut self, page: u64, offset: usize) {
        self.insert(page, (offset as u64).wrapping_sub(page.wrapping_mul(PAGE as u64)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_privilege_has_its_own_entries() {
        const ALL: [Privilege; 3] = [Privilege::User, Privilege::Supervisor, Privilege::Machine];
        for first in ALL {
            for then in ALL {
                let mut tlb: Tlb = Tlb::new();
                for (number, privilege) in (1..).zip(ALL) {
                    tlb.select(privilege);
                    tlb.insert(7, number);
                }
                for privilege in [first, then, first] {
                    tlb.select(privilege);
                    let expected = ALL.iter().position(|one| *one == privilege).unwrap() as u64 + 1;
                    assert_eq!(tlb.get(7), Some(expected), "{first:?}, {then:?}");
                }
            }
        }
    }
}
