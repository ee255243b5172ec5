//! What a page table makes of an address, level by level. It does not say it in words.
//!
//! Source: privileged manual, "Virtual Address Translation Process". Where the address leads in the end, the machine's own translation
//! says; the levels are how it comes there.

use crate::embedded::Embedded;
use crate::machine::{Address, Machine, csr};

/// An address under the hart's page table of the present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The virtual address.
    pub address: Address,
    /// The bits of satp.
    pub satp: u64,
    /// The entries that are read on the way, the root's first; none where nothing is translated.
    pub levels: Vec<Level>,
    /// Where the address leads; `None` where it is mapped nowhere.
    pub physical: Option<Address>,
}

/// One entry of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// 0 is the one of the smallest pages.
    pub level: u32,
    /// Its place in the table.
    pub index: u64,
    /// Where it lies.
    pub at: Address,
    /// What it holds; `None` where there is no RAM.
    pub entry: Option<u64>,
}

/// The bits of an entry, and what satp's mode field means.
pub mod bits {
    /// V: the entry is valid.
    pub const VALID: u64 = 1;
    /// R: loads are allowed.
    pub const READ: u64 = 1 << 1;
    /// W: stores are allowed.
    pub const WRITE: u64 = 1 << 2;
    /// X: instruction fetches are allowed.
    pub const EXECUTE: u64 = 1 << 3;
    /// Each of them with the letter that people write.
    pub const LETTERS: [(u64, char); 8] = [
        (VALID, 'V'),
        (READ, 'R'),
        (WRITE, 'W'),
        (EXECUTE, 'X'),
        (1 << 4, 'U'),
        (1 << 5, 'G'),
        (1 << 6, 'A'),
        (1 << 7, 'D'),
    ];
}

impl Page {
    /// satp's mode, and the number of its levels; `None` where nothing is translated.
    pub fn mode(&self) -> Option<(&'static str, u32)> {
        match self.satp >> 60 {
            8 => Some(("Sv39", 3)),
            9 => Some(("Sv48", 4)),
            10 => Some(("Sv57", 5)),
            _ => None,
        }
    }
}

impl Level {
    /// It leads to memory, and to no further table.
    pub fn is_leaf(&self) -> bool {
        self.entry.is_some_and(|entry| entry & (bits::READ | bits::WRITE | bits::EXECUTE) != 0)
    }

    /// The page or table that it leads to; `None` where it is not valid.
    pub fn target(&self) -> Option<Address> {
        let entry = self.entry.filter(|entry| entry & bits::VALID != 0)?;
        Some(Address((entry >> 10 & ((1 << 44) - 1)) << 12))
    }
}

/// Walks the page table for `address`.
pub fn page(machine: &mut Embedded, address: Address) -> Page {
    let satp = machine.read_register(csr::SATP).unwrap_or(0);
    let mut page = Page { address, satp, levels: Vec::new(), physical: machine.physical_address(address) };
    let Some((_, levels)) = page.mode() else { return page };
    let mut table = (satp & ((1 << 44) - 1)) << 12;
    for level in (0..levels).rev() {
        let index = address.0 >> (12 + 9 * level) & 0x1ff;
        let at = Address(table + 8 * index);
        let mut bytes = [0; 8];
        let entry = machine.read_physical(at, &mut bytes).ok().map(|()| u64::from_le_bytes(bytes));
        let step = Level { level, index, at, entry };
        page.levels.push(step);
        match step.target() {
            Some(target) if !step.is_leaf() => table = target.0,
            _ => break,
        }
    }
    page
}
