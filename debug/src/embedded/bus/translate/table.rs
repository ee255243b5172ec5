//! A page table, walked level by level (privileged manual, "Virtual Address Translation Process"). It does not know who reads entries, nor
//! what a leaf permits.

use super::Failure;

const VALID: u64 = 1 << 0;
pub const READ: u64 = 1 << 1;
pub const WRITE: u64 = 1 << 2;
pub const EXECUTE: u64 = 1 << 3;
pub const USER: u64 = 1 << 4;
pub const ACCESSED: u64 = 1 << 6;
pub const DIRTY: u64 = 1 << 7;
/// Svnapot: one of 16 entries of a page of 64 KiB.
const NAPOT: u64 = 1 << 63;
/// Svpbmt: the kind of memory. This machine keeps the order of all accesses, so that each is like the others.
pub const MEMORY_TYPE: u64 = 3 << 61;
/// Bits 60 to 54, for future use.
pub const RESERVED: u64 = 0x7f << 54;
const PAGE_NUMBER: u64 = (1 << 44) - 1;

/// Whether satp, vsatp or hgatp may be given this value: its mode is one that the machine has.
pub fn has_mode(value: u64) -> bool {
    value >> 60 == 0 || levels(value).is_some()
}

fn levels(value: u64) -> Option<u32> {
    match value >> 60 {
        8 => Some(3),
        9 => Some(4),
        10 => Some(5),
        _ => None,
    }
}

#[derive(Clone, Copy)]
pub struct Table {
    root: u64,
    levels: u32,
    /// The addresses are guest-physical: two bits wider, and not sign-extended.
    wide: bool,
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
    /// By satp, vsatp or hgatp; none without translation.
    pub fn of(value: u64, wide: bool, reserved: u64, napot: bool) -> Option<Table> {
        let root = (value & PAGE_NUMBER) << 12;
        Some(Table { root, levels: levels(value)?, wide, reserved, napot })
    }

    /// `read` is given each entry's level and address.
    ///
    /// # Errors
    /// Where nothing is mapped, or an entry cannot be read.
    pub fn walk(&self, address: u64, read: &mut dyn FnMut(u32, u64) -> Result<u64, Failure>) -> Result<Leaf, NotFound> {
        if !self.holds(address) {
            return Err(NotFound::Invalid);
        }
        let mut table = self.root;
        for level in (0..self.levels).rev() {
            let is_root = level + 1 == self.levels;
            let mask = if self.wide && is_root { 0x7ff } else { 0x1ff };
            let entry_address = table + (address >> (12 + 9 * level) & mask) * 8;
            let entry = read(level, entry_address).map_err(NotFound::Failed)?;
            if entry & VALID == 0 || entry & self.reserved != 0 || entry & MEMORY_TYPE == MEMORY_TYPE {
                return Err(NotFound::Invalid);
            }
            let target = entry >> 10 & PAGE_NUMBER;
            if entry & (READ | WRITE | EXECUTE) != 0 {
                let (target, within) = extent(target, entry, level, self.napot).ok_or(NotFound::Invalid)?;
                let page = target | address >> 12 & within;
                return Ok(Leaf { entry_address, entry, physical: page << 12 | address & 0xfff });
            }
            if entry & (USER | ACCESSED | DIRTY | MEMORY_TYPE | NAPOT) != 0 {
                return Err(NotFound::Invalid);
            }
            table = target << 12;
        }
        Err(NotFound::Invalid)
    }

    /// Whether the address has no more bits than the table translates.
    fn holds(&self, address: u64) -> bool {
        let bits = 12 + 9 * self.levels;
        if self.wide {
            return address >> (bits + 2) == 0;
        }
        (address << (64 - bits)) as i64 >> (64 - bits) == address as i64
    }
}

/// The first page that a leaf leads to, and the bits of a page's number that are the address's own; `None` where the page does not lie
/// at a multiple of its size, or its form is reserved.
fn extent(target: u64, entry: u64, level: u32, napot: bool) -> Option<(u64, u64)> {
    // Of the sizes that Svnapot encodes, 64 KiB is the one that is not reserved.
    const PAGES: u64 = 16;
    if entry & NAPOT != 0 {
        let encoded = napot && level == 0 && target % PAGES == PAGES / 2;
        return encoded.then_some((target - PAGES / 2, PAGES - 1));
    }
    let within = (1 << (9 * level)) - 1;
    (target & within == 0).then_some((target, within))
}
