//! Address translation in one stage, and in two for guests: Sv32, or Sv39 and its longer forms Sv48 and Sv57, for guest-physical addresses two
//! bits wider; accessed and dirty bits set by hardware as QEMU does, or left to software.
//!
//! Source: privileged manual, "Virtual Address Translation Process" and "Two-Stage Address Translation". It does not know what lies
//! at a physical address, but for the page tables themselves, which must be in RAM.

mod table;

use crate::embedded::bus::map;
use crate::embedded::bus::protection::Protection;
use crate::embedded::bus::ram::Ram;
use crate::embedded::hart::decode::Extension;
use crate::embedded::hart::state::{GuestTrap, Hart, Privilege, henvcfg, hstatus, sstatus};
use crate::embedded::hart::trap::{AccessType, Trap};
use crate::riscv::Xlen;
use crate::riscv::page_table::{ACCESSED, DIRTY, EXECUTE, MEMORY_TYPE, READ, RESERVED, Scheme, USER, WRITE};
use crate::riscv::status::mstatus::{MPRV, MPV};
use table::Table;
pub use table::has_mode;

/// htinst where not the guest's own access failed, but one that the hart made of its page table: a read, or a write of A and D
/// (privileged manual, "Transformed Instruction or Pseudoinstruction for mtinst or htinst").
const TABLE_READ: u64 = 0x3000;
const TABLE_WRITE: u64 = 0x3020;

/// The hart's state that translation depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The width of an address, and of an entry.
    pub xlen: Xlen,
    pub privilege: Privilege,
    /// In two stages.
    pub virtualized: bool,
    /// Of the first stage: satp, or vsatp. M-mode has none.
    first: u64,
    /// Of the second: hgatp.
    second: u64,
    /// S-mode may access pages of U-mode.
    sum: bool,
    /// Loads may read pages that are only executable, by the first stage.
    mxr: bool,
    /// By the second stage.
    second_mxr: bool,
    /// Bits that must be zero in an entry.
    reserved: u64,
    second_reserved: u64,
    napot: bool,
    /// The hart marks entries of the first stage.
    marks: bool,
}

impl Context {
    pub fn of(hart: &Hart) -> Context {
        if hart.virtualized { Context::of_guest(hart, hart.privilege) } else { Context::of_host(hart, hart.privilege) }
    }

    /// Of loads and stores: M-mode may make them as another mode would (privileged manual, "Memory Privilege in mstatus Register").
    pub fn of_data(hart: &Hart) -> Context {
        let asked =
            hart.machine.as_ref().filter(|held| hart.privilege == Privilege::Machine && held.status & MPRV != 0);
        let Some(machine) = asked else { return Context::of(hart) };
        let privilege = machine.previous_privilege();
        if machine.status & MPV != 0 && privilege != Privilege::Machine {
            return Context::of_guest(hart, privilege);
        }
        Context::of_host(hart, privilege)
    }

    fn of_host(hart: &Hart, privilege: Privilege) -> Context {
        let (has, enabled) = (|extension| hart.extensions.has(extension), |bit| hart.menvcfg() & bit != 0);
        let reserved = reserved(has(Extension::Svpbmt) && enabled(henvcfg::PBMTE));
        Context {
            xlen: hart.xlen,
            privilege,
            virtualized: false,
            first: hart.satp,
            second: 0,
            sum: hart.sstatus & sstatus::SUM != 0,
            mxr: hart.sstatus & sstatus::MXR != 0,
            second_mxr: false,
            reserved,
            second_reserved: reserved,
            napot: has(Extension::Svnapot),
            marks: !has(Extension::Svadu) || enabled(henvcfg::ADUE),
        }
    }

    /// As the guest accesses memory at this privilege, whether it runs or its hypervisor does it in its place.
    fn of_guest(hart: &Hart, privilege: Privilege) -> Context {
        let (guest, host) = (&hart.guest, Context::of_host(hart, privilege));
        let has_svadu = hart.extensions.has(Extension::Svadu);
        let enabled = |bit| guest.henvcfg & hart.menvcfg() & bit != 0;
        Context {
            privilege,
            virtualized: true,
            first: guest.vsatp,
            second: guest.hgatp,
            sum: guest.vsstatus & sstatus::SUM != 0,
            mxr: host.mxr || guest.vsstatus & sstatus::MXR != 0,
            second_mxr: host.mxr,
            reserved: reserved(enabled(henvcfg::PBMTE)),
            marks: !has_svadu || enabled(henvcfg::ADUE),
            ..host
        }
    }

    /// For `hlv` and its like: at the guest's privilege before the trap.
    pub fn of_guest_access(hart: &Hart) -> Context {
        let supervisor = hart.guest.hstatus & hstatus::SPVP != 0;
        Context::of_guest(hart, if supervisor { Privilege::Supervisor } else { Privilege::User })
    }

    /// Whether translations found under `other` hold here; those of different privileges are kept apart anyway.
    pub fn shares_translations(&self, other: &Context) -> bool {
        Context { privilege: self.privilege, ..*other } == *self
    }

    fn first_table(&self) -> Option<Table> {
        if self.privilege == Privilege::Machine {
            return None;
        }
        let scheme = Scheme::of(self.first, self.xlen)?;
        Some(Table::of(self.first, scheme, self.reserved, self.napot))
    }

    fn second_table(&self) -> Option<Table> {
        let scheme = Scheme::of_guest(self.second, self.xlen).filter(|_| self.virtualized)?;
        Some(Table::of(self.second, scheme, self.second_reserved, self.napot))
    }
}

fn reserved(memory_types: bool) -> u64 {
    RESERVED | if memory_types { 0 } else { MEMORY_TYPE }
}

/// Why an address was not translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub trap: Trap,
    /// What a hypervisor is told beyond that, of a guest-page fault.
    pub guest: GuestTrap,
}

impl From<Trap> for Failure {
    fn from(trap: Trap) -> Failure {
        Failure { trap, guest: GuestTrap::default() }
    }
}

/// An access in the course of which a guest-physical address is translated.
#[derive(Clone, Copy)]
struct Access {
    /// What the hart is to do there.
    here: AccessType,
    /// What the instruction asked for, and where: the fault's.
    asked: AccessType,
    address: u64,
    /// htinst, where the access is one to the guest's page table.
    pseudoinstruction: u64,
}

/// The physical address for an access to `address`. Marks the page as accessed, and as dirty for a store.
///
/// # Errors
/// The page, guest-page or access fault of the access.
pub fn translate(
    (ram, protection): (&mut Ram, &Protection),
    context: &Context,
    no_marking: bool,
    address: u64,
    access_type: AccessType,
) -> Result<u64, Failure> {
    let mut stages = Stages { ram, protection, context, no_marking };
    let address_in_between = stages.first(address, access_type)?;
    let access = Access { here: access_type, asked: access_type, address, pseudoinstruction: 0 };
    stages.second(address_in_between, access)
}

struct Stages<'a> {
    ram: &'a mut Ram,
    protection: &'a Protection,
    context: &'a Context,
    no_marking: bool,
}

impl Stages<'_> {
    fn first(&mut self, address: u64, asked: AccessType) -> Result<u64, Failure> {
        let context = self.context;
        let Some(table) = context.first_table() else { return Ok(address) };
        let refused = || Failure::from(asked.page_fault(address));
        let of_table = |here, pseudoinstruction| Access { here, asked, address, pseudoinstruction };
        let found = table.walk(address, &mut |_, entry_address| {
            let physical = self.second(entry_address, of_table(AccessType::Load, TABLE_READ))?;
            Ok(self.read_entry(physical, asked, address)?)
        });
        let leaf = found.map_err(|error| error.or(refused))?;
        if !(privileged(leaf.entry, context, asked) && permitted(leaf.entry, context.mxr, asked)) {
            return Err(refused());
        }
        if let Some(marked) = marked(leaf.entry, asked) {
            if self.no_marking || !context.marks {
                return Err(refused());
            }
            let physical = self.second(leaf.entry_address, of_table(AccessType::Store, TABLE_WRITE))?;
            self.write_entry(physical, marked, asked, address)?;
        }
        Ok(leaf.physical)
    }

    /// Guest-physical to physical; the address itself where there is no second stage.
    fn second(&mut self, address: u64, access: Access) -> Result<u64, Failure> {
        let Some(table) = self.context.second_table() else { return Ok(address) };
        let guest = GuestTrap { guest_physical: address, instruction: access.pseudoinstruction, guest_address: true };
        let refused = || Failure { trap: access.asked.guest_page_fault(access.address), guest };
        let found = table
            .walk(address, &mut |_, entry_address| Ok(self.read_entry(entry_address, access.asked, access.address)?));
        let leaf = found.map_err(|error| error.or(refused))?;
        // All accesses of a guest are those of a user to its hypervisor.
        if leaf.entry & USER == 0 || !permitted(leaf.entry, self.context.second_mxr, access.here) {
            return Err(refused());
        }
        if let Some(marked) = marked(leaf.entry, access.here) {
            if self.no_marking {
                return Err(refused());
            }
            self.write_entry(leaf.entry_address, marked, access.asked, access.address)?;
        }
        Ok(leaf.physical)
    }

    /// Page tables must be in RAM, and where S-mode may read.
    fn read_entry(&self, entry_address: u64, asked: AccessType, address: u64) -> Result<u64, Trap> {
        let xlen = self.context.xlen;
        if !self.protection.permits(entry_address, xlen.bytes(), AccessType::Load, Privilege::Supervisor) {
            return Err(asked.access_fault(address));
        }
        read_entry(self.ram, xlen, entry_address, asked, address)
    }

    fn write_entry(&mut self, physical: u64, entry: u64, asked: AccessType, address: u64) -> Result<(), Trap> {
        let length = self.context.xlen.bytes();
        if !self.protection.permits(physical, length, AccessType::Store, Privilege::Supervisor) {
            return Err(asked.access_fault(address));
        }
        if let Some(offset) = map::ram_offset(physical) {
            self.ram.store(offset, &entry.to_le_bytes()[..length]);
        }
        Ok(())
    }
}

/// The physical address of `address`, ignoring permissions, without marking the page. For debuggers.
pub fn peek(ram: &Ram, context: &Context, address: u64) -> Option<u64> {
    let read = |entry_address| Ok(read_entry(ram, context.xlen, entry_address, AccessType::Load, address)?);
    let second = |address: u64| match context.second_table() {
        None => Some(address),
        Some(table) => Some(table.walk(address, &mut |_, entry_address| read(entry_address)).ok()?.physical),
    };
    let missing = || Failure::from(AccessType::Load.guest_page_fault(address));
    let mut read_through = |_, entry_address| second(entry_address).ok_or_else(missing).and_then(read);
    match context.first_table() {
        None => second(address),
        Some(table) => second(table.walk(address, &mut read_through).ok()?.physical),
    }
}

/// The entry with A, and with D for a store; `None` where it has them.
fn marked(entry: u64, access_type: AccessType) -> Option<u64> {
    let marks = ACCESSED | if access_type == AccessType::Store { DIRTY } else { 0 };
    (entry & marks != marks).then_some(entry | marks)
}

/// Whether the privilege may use the page.
fn privileged(entry: u64, context: &Context, access_type: AccessType) -> bool {
    let for_user = entry & USER != 0;
    match context.privilege {
        Privilege::User => for_user,
        Privilege::Machine => true,
        Privilege::Supervisor => !for_user || (context.sum && access_type != AccessType::Fetch),
    }
}

/// A leaf's permissions against what is asked.
fn permitted(entry: u64, mxr: bool, access_type: AccessType) -> bool {
    let permitted = match access_type {
        AccessType::Fetch | AccessType::LoadExecutable => entry & EXECUTE != 0,
        AccessType::Load => entry & READ != 0 || (mxr && entry & EXECUTE != 0),
        AccessType::Store => entry & WRITE != 0,
    };
    // Write without read is reserved.
    permitted && (entry & WRITE == 0 || entry & READ != 0)
}

fn read_entry(ram: &Ram, xlen: Xlen, entry_address: u64, asked: AccessType, address: u64) -> Result<u64, Trap> {
    let bytes = map::ram_offset(entry_address).and_then(|offset| ram.bytes(offset, xlen.bytes()));
    bytes.map(|bytes| xlen.read(bytes)).ok_or_else(|| asked.page_fault(address))
}
