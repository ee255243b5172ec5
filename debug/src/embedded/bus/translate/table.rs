//! A page table, walked level by level (privileged manual, "Virtual Address Translation Process"). It does not know who reads entries, nor
//! what a leaf permits.

use super::Failure;
use crate::riscv::Xlen;
use crate::riscv::page_table::{
    ACCESSED, DIRTY, MEMORY_TYPE, NAPOT, PAGE, PAGE_BITS, Scheme, USER, VALID, is_leaf, target,
};

/// Whether satp, vsatp or hgatp may be given this value: its mode is one that the machine has.
pub fn has_mode(value: u64, xlen: Xlen) -> bool {
    xlen == Xlen::Rv32 || value >> 60 == 0 || Scheme::of(value, xlen).is_some()
}

#[derive(Clone, Copy)]
pub struct Table {
    root: u64,
    scheme: Scheme,
    /// Bits that must be zero in an entry.
    reserved: u64,
    napot: bool,
}

/// What a walk ends at.
pub struct Leaf {
    pub entry_address: u64,
    pub entry: u64,
    pub physical: u64,
}

/// Why it ended at none.
pub enum NotFound {
    /// The table maps nothing there, or is none.
    Invalid,
    /// An entry could not be read.
    Failed(Failure),
}

impl NotFound {
    pub fn or(self, invalid: impl FnOnce() -> Failure) -> Failure {
        match self {
            NotFound::Invalid => invalid(),
            NotFound::Failed(failure) => failure,
        }
    }
}

impl Table {
    /// The one that satp, vsatp or hgatp holds, which is translated like that.
    pub fn of(value: u64, scheme: Scheme, reserved: u64, napot: bool) -> Table {
        Table { root: scheme.root(value), scheme, reserved, napot }
    }

    /// `read` is given each entry's level and address.
    ///
    /// # Errors
    /// Where nothing is mapped, or an entry cannot be read.
    pub fn walk(&self, address: u64, read: &mut dyn FnMut(u32, u64) -> Result<u64, Failure>) -> Result<Leaf, NotFound> {
        if !self.scheme.holds(address) {
            return Err(NotFound::Invalid);
        }
        let (mut table, scheme) = (self.root, self.scheme);
        for level in (0..scheme.levels).rev() {
            let entry_address = table + scheme.index(address, level) * scheme.xlen.bytes() as u64;
            let entry = read(level, entry_address).map_err(NotFound::Failed)?;
            if entry & VALID == 0 || entry & self.reserved != 0 || entry & MEMORY_TYPE == MEMORY_TYPE {
                return Err(NotFound::Invalid);
            }
            if is_leaf(entry) {
                let page = target(entry) >> PAGE_BITS;
                let (page, within) =
                    extent(page, entry, scheme.index_bits() * level, self.napot).ok_or(NotFound::Invalid)?;
                let page = page | address >> PAGE_BITS & within;
                return Ok(Leaf { entry_address, entry, physical: page << PAGE_BITS | address & (PAGE - 1) });
            }
            if entry & (USER | ACCESSED | DIRTY | MEMORY_TYPE | NAPOT) != 0 {
                return Err(NotFound::Invalid);
            }
            table = target(entry);
        }
        Err(NotFound::Invalid)
    }
}

/// The first page that a leaf leads to, and the bits of a page's number that are the address's own; `None` where the page does not lie
/// at a multiple of its size, or its form is reserved. `index_bits` of the page's number select entries of the levels below the leaf's.
fn extent(target: u64, entry: u64, index_bits: u32, napot: bool) -> Option<(u64, u64)> {
    // Of the sizes that Svnapot encodes, 64 KiB is the one that is not reserved.
    const PAGES: u64 = 16;
    if entry & NAPOT != 0 {
        let encoded = napot && index_bits == 0 && target % PAGES == PAGES / 2;
        return encoded.then_some((target - PAGES / 2, PAGES - 1));
    }
    let within = (1 << index_bits) - 1;
    (target & within == 0).then_some((target, within))
}
