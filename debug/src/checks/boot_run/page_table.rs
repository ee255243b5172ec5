//! Reads the kernel's page table in memory, or its guest's second one: the physical address of a virtual one, and all virtual addresses
//! of a physical one.
//! It changes nothing.

use crate::machine::{Address, Error, Machine};
use crate::riscv::Xlen;
use crate::riscv::page_table::{self, PAGE, Scheme, VALID, WRITE, is_leaf};

/// The most tables that are read: a page table may point to itself.
const TABLES: usize = 2048;

/// The page table in satp or hgatp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageTable {
    root: Address,
    scheme: Scheme,
}

/// An entry on the way to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// 0 is the last.
    pub level: u32,
    /// The size of the range that it translates, in bytes.
    pub size: u64,
    pub table: Address,
    pub index: u64,
    /// `None` where there is no memory.
    pub value: Option<u64>,
}

/// A table, its level (0 is the last), and the virtual address that its first entry translates.
type Step = (Address, u32, u64);

impl PageTable {
    /// `None` if satp does not translate addresses.
    pub fn of(satp: u64, xlen: Xlen) -> Option<PageTable> {
        Scheme::of(satp, xlen).map(|scheme| PageTable { root: Address(scheme.root(satp)), scheme })
    }

    /// The one that translates a guest's physical addresses; `None` if hgatp translates none.
    pub fn of_guest(hgatp: u64, xlen: Xlen) -> Option<PageTable> {
        Scheme::of_guest(hgatp, xlen).map(|scheme| PageTable { root: Address(scheme.root(hgatp)), scheme })
    }

    /// Where its first entry lies, physically.
    pub fn root(&self) -> Address {
        self.root
    }

    /// The physical address of `address`; `None` if it is not mapped, or the table cannot be read.
    pub fn translate(&self, machine: &mut dyn Machine, address: Address) -> Result<Option<Address>, Error> {
        let walk = self.walk(machine, address)?;
        let leaf = walk.last().and_then(|last| last.value.map(|value| (last.size, value)));
        Ok(leaf.filter(|(_, value)| value & VALID != 0 && is_leaf(*value)).map(|(size, value)| {
            let within = address.0 & (size - 1);
            Address(target(value).0 & !(size - 1) | within)
        }))
    }

    /// The entries on the way to `address`, the root's first; none for an address that cannot be mapped.
    pub fn walk(&self, machine: &mut dyn Machine, address: Address) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        if !self.scheme.holds(address.0) {
            return Ok(entries);
        }
        let mut table = self.root;
        let (scheme, xlen) = (self.scheme, self.scheme.xlen);
        for level in (0..scheme.levels).rev() {
            let index = scheme.index(address.0, level);
            let mut bytes = [0; 8];
            let bytes = &mut bytes[..xlen.bytes()];
            let value = match machine.read_physical(table + bytes.len() as u64 * index, bytes) {
                Err(Error::Refused { .. }) => None,
                read => Some(read.map(|()| xlen.read(bytes))?),
            };
            entries.push(Entry { level, size: scheme.size(level), table, index, value });
            match value.filter(|value| value & VALID != 0 && !is_leaf(*value)) {
                Some(value) => table = target(value),
                None => break,
            }
        }
        Ok(entries)
    }

    /// The virtual addresses that map to the physical one for stores, as far as the first 2048 tables show.
    pub fn ways_to(&self, machine: &mut dyn Machine, physical: Address) -> Result<Vec<Address>, Error> {
        let mut ways = Vec::new();
        let mut ahead = vec![(self.root, self.scheme.levels - 1, 0)];
        let mut read = 0;
        while let Some(step @ (table, ..)) = ahead.pop() {
            let mut entries = [0; PAGE as usize];
            match machine.read_physical(table, &mut entries) {
                Err(Error::Refused { .. }) => continue,
                read => read?,
            }
            self.look_through(&entries, step, physical, &mut ways, &mut ahead);
            read += 1;
            if read == TABLES {
                break;
            }
        }
        Ok(ways)
    }

    fn look_through(
        &self,
        entries: &[u8],
        (_, level, start): Step,
        physical: Address,
        ways: &mut Vec<Address>,
        ahead: &mut Vec<Step>,
    ) {
        let (xlen, size) = (self.scheme.xlen, self.scheme.size(level));
        for (index, entry) in (0..).zip(entries.chunks_exact(xlen.bytes())) {
            let entry = xlen.read(entry);
            let address = start + (index << self.scheme.shift(level));
            let base = target(entry).0 & !(size - 1);
            match entry & VALID != 0 {
                true if is_leaf(entry) && entry & WRITE != 0 && physical.0 & !(size - 1) == base => {
                    ways.push(Address(self.scheme.sign_extended(address + (physical.0 - base))));
                }
                true if !is_leaf(entry) && level > 0 => ahead.push((target(entry), level - 1, address)),
                _ => {}
            }
        }
    }
}

/// Where an entry leads: a page, or another table.
pub fn target(entry: u64) -> Address {
    Address(page_table::target(entry))
}
