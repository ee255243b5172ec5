//! What a page table makes of an address, level by level. It does not say it in words.
//!
//! Source: privileged manual, "Virtual Address Translation Process". Where the address leads in the end, the machine's own translation
//! says; the levels are how it comes there.

use crate::embedded::Embedded;
use crate::machine::{Address, Machine, csr};
use crate::riscv::page_table;

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

impl Page {
    /// satp's mode, and the number of its levels; `None` where nothing is translated.
    pub fn mode(&self) -> Option<(&'static str, u32)> {
        page_table::mode(self.satp)
    }
}

impl Level {
    /// It leads to memory, and to no further table.
    pub fn is_leaf(&self) -> bool {
        self.entry.is_some_and(page_table::is_leaf)
    }

    /// The page or table that it leads to; `None` where it is not valid.
    pub fn target(&self) -> Option<Address> {
        self.entry.filter(|entry| entry & page_table::VALID != 0).map(|entry| Address(page_table::target(entry)))
    }
}

/// Walks the page table for `address`.
pub fn page(machine: &mut Embedded, address: Address) -> Page {
    let satp = machine.read_register(csr::SATP).unwrap_or(0);
    let mut page = Page { address, satp, levels: Vec::new(), physical: machine.physical_address(address) };
    let Some((_, levels)) = page.mode() else { return page };
    let mut table = page_table::root(satp);
    for level in (0..levels).rev() {
        let index = address.0 >> page_table::shift(level) & (page_table::ENTRIES as u64 - 1);
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
