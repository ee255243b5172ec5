//! Address translation: Sv39, Sv48 and Sv57. Accessed and dirty bits are set by hardware, as in QEMU, or left to software.
//!
//! Source: privileged manual, "Virtual Address Translation Process". It only knows that page tables must be in RAM, not what is at
//! other physical addresses.

use crate::embedded::bus::map;
use crate::embedded::bus::ram::Ram;
use crate::embedded::hart::decode::Extension;
use crate::embedded::hart::state::{Hart, Privilege, sstatus};
use crate::embedded::hart::trap::{AccessType, Trap};

const VALID: u64 = 1 << 0;
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 2;
const EXECUTE: u64 = 1 << 3;
const USER: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 6;
const DIRTY: u64 = 1 << 7;
/// Svnapot: one of 16 entries of a page of 64 KiB.
const NAPOT: u64 = 1 << 63;
/// Svpbmt: the kind of memory. This machine keeps the order of all accesses, so that each is like the others.
const MEMORY_TYPE: u64 = 3 << 61;
/// Bits 60 to 54, for future use.
const RESERVED: u64 = 0x7f << 54;
const PAGE_NUMBER: u64 = (1 << 44) - 1;

/// The hart's state that translation depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    pub privilege: Privilege,
    satp: u64,
    /// S-mode may access pages of U-mode.
    sum: bool,
    /// Loads may read pages that are only executable.
    mxr: bool,
    /// Bits that must be zero in an entry.
    reserved: u64,
    napot: bool,
}

impl Context {
    pub fn of(hart: &Hart) -> Context {
        let memory_types = hart.extensions.has(Extension::Svpbmt);
        Context {
            reserved: RESERVED | if memory_types { 0 } else { MEMORY_TYPE },
            napot: hart.extensions.has(Extension::Svnapot),
            privilege: hart.privilege,
            satp: hart.satp,
            sum: hart.sstatus & sstatus::SUM != 0,
            mxr: hart.sstatus & sstatus::MXR != 0,
        }
    }

    /// Whether translations that were made with `other` are valid here. Translations of different privileges are separate anyway.
    pub fn shares_translations(&self, other: &Context) -> bool {
        Context { privilege: self.privilege, ..*other } == *self
    }

    /// The number of levels of the page table; 0 without translation.
    fn levels(&self) -> Option<u32> {
        levels(self.satp)
    }
}

/// Whether satp accepts this value: the machine has its mode.
pub fn has_mode(satp: u64) -> bool {
    satp >> 60 == 0 || levels(satp).is_some()
}

fn levels(satp: u64) -> Option<u32> {
    match satp >> 60 {
        8 => Some(3),
        9 => Some(4),
        10 => Some(5),
        _ => None,
    }
}

/// The physical address for an access to `address`. Marks the page as accessed, and as dirty for a store.
///
/// # Errors
/// The page fault or access fault of the access.
pub fn translate(
    ram: &mut Ram,
    context: &Context,
    no_marking: bool,
    address: u64,
    access_type: AccessType,
) -> Result<u64, Trap> {
    let Some(levels) = context.levels() else { return Ok(address) };
    let leaf = walk(ram, context, address, access_type, levels)?;
    if !allows(leaf.entry, context, access_type) {
        return Err(access_type.page_fault(address));
    }
    let marks = ACCESSED | if access_type == AccessType::Store { DIRTY } else { 0 };
    if leaf.entry & marks != marks {
        if no_marking {
            return Err(access_type.page_fault(address));
        }
        if let Some(offset) = map::ram_offset(leaf.entry_address) {
            ram.store(offset, &(leaf.entry | marks).to_le_bytes());
        }
    }
    Ok(leaf.physical)
}

/// The physical address of `address`, ignoring permissions, without marking the page. For debuggers.
pub fn peek(ram: &Ram, context: &Context, address: u64) -> Option<u64> {
    match context.levels() {
        None => Some(address),
        Some(levels) => walk(ram, context, address, AccessType::Load, levels).ok().map(|leaf| leaf.physical),
    }
}

/// The result of the page table walk.
struct Leaf {
    entry_address: u64,
    entry: u64,
    physical: u64,
}

fn walk(ram: &Ram, context: &Context, address: u64, access_type: AccessType, levels: u32) -> Result<Leaf, Trap> {
    let fault = Err(access_type.page_fault(address));
    let unused = 64 - (12 + 9 * levels);
    if (address << unused) as i64 >> unused != address as i64 {
        return fault;
    }
    let mut table = (context.satp & PAGE_NUMBER) << 12;
    for level in (0..levels).rev() {
        let entry_address = table + (address >> (12 + 9 * level) & 0x1ff) * 8;
        let entry = read_entry(ram, entry_address, address, access_type)?;
        if entry & VALID == 0 || entry & context.reserved != 0 || entry & MEMORY_TYPE == MEMORY_TYPE {
            return fault;
        }
        let target = entry >> 10 & PAGE_NUMBER;
        if entry & (READ | WRITE | EXECUTE) != 0 {
            let Some((target, within)) = extent(target, entry, level, context.napot) else { return fault };
            let page = target | address >> 12 & within;
            return Ok(Leaf { entry_address, entry, physical: page << 12 | address & 0xfff });
        }
        if entry & (USER | ACCESSED | DIRTY | MEMORY_TYPE | NAPOT) != 0 {
            return fault;
        }
        table = target << 12;
    }
    fault
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

/// Checks the permissions of a leaf.
fn allows(entry: u64, context: &Context, access_type: AccessType) -> bool {
    let for_user = entry & USER != 0;
    let privileged = match context.privilege {
        Privilege::User => for_user,
        Privilege::Supervisor => !for_user || (context.sum && access_type != AccessType::Fetch),
    };
    let permitted = match access_type {
        AccessType::Fetch => entry & EXECUTE != 0,
        AccessType::Load => entry & READ != 0 || (context.mxr && entry & EXECUTE != 0),
        AccessType::Store => entry & WRITE != 0,
    };
    // Write without read is reserved.
    privileged && permitted && (entry & WRITE == 0 || entry & READ != 0)
}

/// Page tables must be in RAM, and not in the firmware's memory.
fn read_entry(ram: &Ram, entry_address: u64, address: u64, access_type: AccessType) -> Result<u64, Trap> {
    if map::is_firmware(entry_address) {
        return Err(access_type.access_fault(address));
    }
    let bytes = map::ram_offset(entry_address).and_then(|offset| ram.load(offset));
    bytes.map(u64::from_le_bytes).ok_or_else(|| access_type.page_fault(address))
}
