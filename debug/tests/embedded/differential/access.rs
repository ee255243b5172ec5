//! Which permissions a slot's access met under Sv39 or Sv32, by the page tables that the program began with. It does not know what came of it.

use debug::riscv::Xlen;

use super::paging::{EXECUTE, READ, SUM, SV39, USER, WRITE};
use super::program::{POOL, Program, TABLES, TABLES_SIZE};
use super::sv32::SV32;
use crate::assembler::{AMO, JALR, LOAD, LOAD_FLOAT, STORE, STORE_FLOAT};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Fetch,
    Load,
    Store,
}

/// An access to a valid page, and all that decides whether it is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    pub kind: Kind,
    pub readable: bool,
    pub writable: bool,
    pub executable: bool,
    /// A page of U-mode.
    pub for_user: bool,
    /// From U-mode.
    pub by_user: bool,
    pub sum: bool,
    pub mxr: bool,
}

impl Access {
    /// Every one that there can be: without R, W and X an entry is none of a page.
    pub fn all() -> impl Iterator<Item = Access> {
        let kinds = [Kind::Fetch, Kind::Load, Kind::Store];
        kinds.into_iter().flat_map(|kind| {
            (0..128_u8).filter(|bits| bits & 7 != 0).map(move |bits| {
                let bit = |number: u8| bits >> number & 1 != 0;
                Access {
                    kind,
                    readable: bit(0),
                    writable: bit(1),
                    executable: bit(2),
                    for_user: bit(3),
                    by_user: bit(4),
                    sum: bit(5),
                    mxr: bit(6),
                }
            })
        })
    }
}

/// The access of slot `index`'s first instruction, where it makes one to a page.
pub fn of(program: &Program, index: usize) -> Option<Access> {
    const MXR: u64 = 1 << 19;
    const FROM_SUPERVISOR: u64 = 1 << 8;
    let translates = match program.xlen() {
        Xlen::Rv32 => program.satp & SV32 != 0,
        Xlen::Rv64 => program.satp >> 60 == SV39 >> 60,
    };
    if !translates {
        return None;
    }
    let slot = &program.slots[index];
    let instruction = u32::from_le_bytes([slot[0], slot[1], slot[2], slot[3]]);
    let (kind, offset) = kind_and_offset(instruction)?;
    // Where in the pools this slot's registers begin: see the harness.
    let pool = 37 * (index + 1) % POOL;
    let base = match instruction >> 15 & 31 {
        0 => 0,
        register => program.integers[pool + register as usize],
    };
    let entry = leaf(program, program.xlen().truncate(base.wrapping_add(offset as u64)))?;
    let status = program.statuses[pool];
    let has = |bit| entry & bit != 0;
    Some(Access {
        kind,
        readable: has(READ),
        writable: has(WRITE),
        executable: has(EXECUTE),
        for_user: has(USER),
        by_user: status & FROM_SUPERVISOR == 0,
        sum: status & SUM != 0,
        mxr: status & MXR != 0,
    })
}

fn kind_and_offset(instruction: u32) -> Option<(Kind, i32)> {
    let immediate = instruction as i32 >> 20;
    Some(match instruction & 0x7f {
        JALR => (Kind::Fetch, immediate),
        LOAD | LOAD_FLOAT => (Kind::Load, immediate),
        STORE | STORE_FLOAT => (Kind::Store, immediate & !31 | (instruction >> 7 & 31) as i32),
        AMO if instruction >> 27 == 2 => (Kind::Load, 0),
        AMO => (Kind::Store, 0),
        _ => return None,
    })
}

/// The valid entry that maps a page at `address`.
fn leaf(program: &Program, address: u64) -> Option<u64> {
    leaf_of(program, program.satp, address)
}

/// Likewise by this satp or vsatp.
pub fn leaf_of(program: &Program, satp: u64, address: u64) -> Option<u64> {
    let size = program.xlen().bytes();
    let (levels, index_bits) = match program.xlen() {
        Xlen::Rv32 => (2, 10),
        Xlen::Rv64 if (address << 25) as i64 >> 25 != address as i64 => return None,
        Xlen::Rv64 => (3, 9),
    };
    let mut table = satp << 12 & ((1 << 34) - 1);
    for level in (0..levels).rev() {
        let index = address >> (12 + index_bits * level) & ((1 << index_bits) - 1);
        let at = table.checked_sub(TABLES)? + index * size as u64;
        let bytes = program.tables.get(usize::try_from(at).ok().filter(|at| *at < TABLES_SIZE)?..)?;
        let entry = program.xlen().read(bytes);
        if entry & 1 == 0 {
            return None;
        }
        if entry & (READ | WRITE | EXECUTE) != 0 {
            return Some(entry);
        }
        table = entry >> 10 << 12;
    }
    None
}
