//! Page tables of Sv32, Sv39, Sv48 and Sv57: what satp and an entry hold. It does not know who reads the entries.
//!
//! Source: the privileged manual, sections "Virtual Address Translation Process" and "Page-Based Virtual-Memory System" of
//! Sv32, Sv39, Sv48 and Sv57.

use super::Xlen;

/// Bits of an address within the smallest page.
pub const PAGE_BITS: u32 = 12;
/// The bytes of the smallest page.
pub const PAGE: u64 = 1 << PAGE_BITS;

/// V: the entry is valid.
pub const VALID: u64 = 1 << 0;
/// R: loads are allowed.
pub const READ: u64 = 1 << 1;
/// W: stores are allowed.
pub const WRITE: u64 = 1 << 2;
/// X: instruction fetches are allowed.
pub const EXECUTE: u64 = 1 << 3;
/// U: the page is U-mode's.
pub const USER: u64 = 1 << 4;
/// G: the entry is in all address spaces.
pub const GLOBAL: u64 = 1 << 5;
/// A: the page was accessed.
pub const ACCESSED: u64 = 1 << 6;
/// D: the page was written to.
pub const DIRTY: u64 = 1 << 7;
/// Bits 60 to 54, for future use.
pub const RESERVED: u64 = 0x7f << 54;
/// Svpbmt: the kind of memory.
pub const MEMORY_TYPE: u64 = 3 << 61;
/// Svnapot: one of 16 entries of a page of 64 KiB.
pub const NAPOT: u64 = 1 << 63;
/// The bytes of such a page.
pub const NAPOT_PAGE: u64 = 16 * PAGE;

/// Each bit that the manual names by a letter.
pub const LETTERS: [(u64, char); 8] = [
    (VALID, 'V'),
    (READ, 'R'),
    (WRITE, 'W'),
    (EXECUTE, 'X'),
    (USER, 'U'),
    (GLOBAL, 'G'),
    (ACCESSED, 'A'),
    (DIRTY, 'D'),
];

const PAGE_NUMBER: u64 = (1 << 44) - 1;
/// The page number in satp of RV32; its entries have no bits above theirs.
const PAGE_NUMBER_32: u64 = (1 << 22) - 1;

/// How addresses are translated, for harts of either width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// The width of satp, of an address and of an entry.
    pub xlen: Xlen,
    /// The number of levels.
    pub levels: u32,
    /// The addresses are guest-physical: two bits wider, and not sign-extended.
    pub wide: bool,
}

/// How many bits guest-physical addresses have more.
const WIDER: u32 = 2;

impl Scheme {
    /// The one that satp or vsatp asks for; `None` without translation, or for a mode that does not exist.
    pub fn of(satp: u64, xlen: Xlen) -> Option<Scheme> {
        let levels = match (xlen, satp >> (xlen.bits() - 4)) {
            (Xlen::Rv32, 8..) => 2,
            (Xlen::Rv64, mode @ 8..=10) => mode as u32 - 5,
            _ => return None,
        };
        Some(Scheme { xlen, levels, wide: false })
    }

    /// The same for hgatp, of which each mode is a wide form of satp's.
    pub fn of_guest(hgatp: u64, xlen: Xlen) -> Option<Scheme> {
        Scheme::of(hgatp, xlen).map(|scheme| Scheme { wide: true, ..scheme })
    }

    /// Its name in the manual.
    pub fn name(self) -> &'static str {
        match self.levels {
            2 => "Sv32",
            3 => "Sv39",
            4 => "Sv48",
            _ => "Sv57",
        }
    }

    /// The physical address of the root table in satp, vsatp or hgatp.
    pub fn root(self, satp: u64) -> u64 {
        match self.xlen {
            Xlen::Rv32 => (satp & PAGE_NUMBER_32) << PAGE_BITS,
            Xlen::Rv64 => (satp & PAGE_NUMBER) << PAGE_BITS,
        }
    }

    /// Bits of the virtual address for each level: a table fills a page.
    pub fn index_bits(self) -> u32 {
        (PAGE / self.xlen.bytes() as u64).ilog2()
    }

    /// The entries of a table of this level: a wide scheme's root has four times as many.
    pub fn entries(self, level: u32) -> usize {
        let wider = if level + 1 == self.levels { self.wider() } else { 0 };
        1 << (self.index_bits() + wider)
    }

    fn wider(self) -> u32 {
        if self.wide { WIDER } else { 0 }
    }

    /// The lowest bit of an address that selects an entry of this level; 0 is the level of the smallest pages.
    pub fn shift(self, level: u32) -> u32 {
        PAGE_BITS + self.index_bits() * level
    }

    /// Which entry of a table of this level translates an address.
    pub fn index(self, address: u64, level: u32) -> u64 {
        address >> self.shift(level) & (self.entries(level) as u64 - 1)
    }

    /// Whether an address has no more bits than it translates.
    pub fn holds(self, address: u64) -> bool {
        if self.wide {
            return address >> (self.shift(self.levels) + self.wider()) == 0;
        }
        self.sign_extended(address) == address
    }

    /// The size of the range that an entry of this level translates, in bytes.
    pub fn size(self, level: u32) -> u64 {
        1 << self.shift(level)
    }

    /// The bits of an address above those that it translates; Sv32 translates all of 32 bits.
    pub fn unused_bits(self) -> u32 {
        self.xlen.bits().saturating_sub(self.shift(self.levels) + self.wider())
    }

    /// Repeats the highest translated bit in the bits above it, as a virtual address that can be mapped does.
    pub fn sign_extended(self, address: u64) -> u64 {
        match self.xlen {
            _ if self.wide => address,
            Xlen::Rv32 => self.xlen.truncate(address),
            Xlen::Rv64 => ((address << self.unused_bits()) as i64 >> self.unused_bits()) as u64,
        }
    }
}

/// The physical address of the page or table that a valid entry leads to.
pub fn target(entry: u64) -> u64 {
    (entry >> 10 & PAGE_NUMBER) << PAGE_BITS
}

/// Whether a valid entry maps a page; else it leads to another table.
pub fn is_leaf(entry: u64) -> bool {
    entry & (READ | WRITE | EXECUTE) != 0
}
