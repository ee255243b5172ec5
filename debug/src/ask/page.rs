//! What page tables make of an address, level by level: one table, or for a guest's address two. It does not say it in words.
//!
//! Source: privileged manual, "Virtual Address Translation Process", "Two-Stage Address Translation". Where the address leads in the end,
//! the machine's own translation says; the levels are how it comes there.

use crate::embedded::Embedded;
use crate::machine::{Address, Machine, Register, csr};
use crate::riscv::Extension;
use crate::riscv::page_table::{self, Scheme};

/// An address under the hart's page tables of the present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The virtual address.
    pub address: Address,
    /// By satp, or for a guest's address by vsatp.
    pub first: Walk,
    /// By hgatp, of what a guest's first stage leads to; `None` for the hypervisor's own addresses, and where the first leads nowhere.
    pub second: Option<Walk>,
    /// Where the address leads; `None` where it is mapped nowhere.
    pub physical: Option<Address>,
}

/// The way through one page table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// satp, vsatp or hgatp.
    pub register: Register,
    /// Its bits.
    pub value: u64,
    /// What it asks for; `None` where nothing is translated.
    pub scheme: Option<Scheme>,
    /// What is translated.
    pub address: Address,
    /// The entries that are read on the way, the root's first; none where nothing is translated.
    pub levels: Vec<Level>,
}

/// One entry of a page table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// 0 is the one of the smallest pages.
    pub level: u32,
    /// Its place in the table.
    pub index: u64,
    /// Where it lies; in a guest's first stage, a guest-physical address.
    pub at: Address,
    /// Where that is in RAM; `None` where a guest's second stage does not map it.
    pub physical: Option<Address>,
    /// What it holds; `None` where there is no RAM.
    pub entry: Option<u64>,
    /// It is one of the 16 entries of a page of 64 KiB (Svnapot).
    pub is_napot: bool,
    /// The bytes that a leaf here maps.
    pub size: u64,
}

/// How a table's entries are found.
struct Table {
    register: Register,
    value: u64,
    /// Where an entry lies in RAM.
    locate: fn(&mut Embedded, u64) -> Option<u64>,
}

impl Walk {
    /// It is the second stage: of guest-physical addresses, which are two bits wider.
    pub fn is_second(&self) -> bool {
        self.register == csr::HGATP
    }

    /// The highest bits that an address of this table cannot have of its own.
    pub fn unused_bits(&self) -> u32 {
        self.scheme.map_or(0, Scheme::unused_bits)
    }

    /// Whether the address has no more bits than the table translates.
    pub fn holds_address(&self) -> bool {
        self.scheme.is_none_or(|scheme| scheme.holds(self.address.0))
    }

    /// Where it ends, whoever may go there; `None` where nothing is mapped.
    pub fn target(&self) -> Option<Address> {
        if self.scheme.is_none() {
            return Some(self.address);
        }
        let leaf = self.levels.last().filter(|level| level.is_leaf())?;
        let within = leaf.size - 1;
        Some(Address(leaf.target()?.0 & !within | self.address.0 & within))
    }
}

impl Level {
    /// It leads to memory, and to no further table.
    pub fn is_leaf(&self) -> bool {
        self.target().is_some() && self.entry.is_some_and(page_table::is_leaf)
    }

    /// The page or table that it leads to; `None` where it is not valid.
    pub fn target(&self) -> Option<Address> {
        let target = self.entry.filter(|entry| entry & page_table::VALID != 0).map(page_table::target)?;
        Some(Address(if self.is_napot { target & !(page_table::NAPOT_PAGE - 1) } else { target }))
    }
}

/// Walks the page table for `address`, of whom the hart executes now: through both stages in a guest.
pub fn page(machine: &mut Embedded, address: Address) -> Page {
    if machine.is_in_guest() {
        return page_of_guest(machine, address);
    }
    let table = Table { register: csr::SATP, value: value(machine, csr::SATP), locate: |_, entry| Some(entry) };
    let first = walk(machine, &table, address);
    Page { address, first, second: None, physical: machine.physical_address(address) }
}

/// As [`page`], for an address of the guest, whoever executes.
pub fn page_of_guest(machine: &mut Embedded, address: Address) -> Page {
    let locate = |machine: &mut Embedded, entry| second(machine, Address(entry)).target().map(|place| place.0);
    let table = Table { register: csr::VSATP, value: value(machine, csr::VSATP), locate };
    let first = walk(machine, &table, address);
    let second = first.target().map(|between| second(machine, between));
    Page { address, first, second, physical: machine.physical_address_of_guest(address) }
}

fn second(machine: &mut Embedded, address: Address) -> Walk {
    let table = Table { register: csr::HGATP, value: value(machine, csr::HGATP), locate: |_, entry| Some(entry) };
    walk(machine, &table, address)
}

fn value(machine: &mut Embedded, register: Register) -> u64 {
    machine.read_register(register).unwrap_or(0)
}

fn walk(machine: &mut Embedded, table: &Table, address: Address) -> Walk {
    let xlen = machine.isa().xlen;
    let is_second = table.register == csr::HGATP;
    let scheme = if is_second { Scheme::of_guest(table.value, xlen) } else { Scheme::of(table.value, xlen) };
    let mut walk = Walk { register: table.register, value: table.value, scheme, address, levels: Vec::new() };
    let Some(scheme) = scheme.filter(|_| walk.holds_address()) else { return walk };
    let mut start = scheme.root(table.value);
    for level in (0..scheme.levels).rev() {
        let index = scheme.index(address.0, level);
        let at = Address(start + xlen.bytes() as u64 * index);
        let physical = (table.locate)(machine, at.0).map(Address);
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..xlen.bytes()];
        let read = physical.and_then(|place| machine.read_physical(place, bytes).ok());
        let entry = read.map(|()| xlen.read(bytes));
        let marked = entry.is_some_and(|entry| entry & page_table::NAPOT != 0);
        let is_napot = marked && level == 0 && machine.has(Extension::Svnapot);
        let size = if is_napot { page_table::NAPOT_PAGE } else { scheme.size(level) };
        let step = Level { level, index, at, physical, entry, is_napot, size };
        walk.levels.push(step);
        match step.target() {
            Some(target) if !step.is_leaf() => start = target.0,
            _ => break,
        }
    }
    walk
}
