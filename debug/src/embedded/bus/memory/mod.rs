//! The hart's loads and stores: translation, protection, watchpoints, devices, and the record of stores.
//!
//! It does not know instructions.

mod device;
mod guest;
mod outside;
mod pages;
mod physical;
mod races;
mod record;
mod view;

use std::ops::Range;

use crate::embedded::bus::devices::Devices;
use crate::embedded::bus::dma::Moment;
use crate::embedded::bus::map::Region;
use crate::embedded::bus::protection::Protection;
use crate::embedded::bus::ram::{PAGE, Ram};
use crate::embedded::bus::tlb::Tlb;
use crate::embedded::bus::translate::{self, Context};
use crate::embedded::conditions::Conditions;
use crate::embedded::hart::state::GuestTrap;
use crate::embedded::hart::trap::{AccessType, Interruption};
use crate::embedded::races::Races;
use crate::machine::{Access, OtherHart, Watchpoint};
use crate::riscv::board;
pub use pages::Contents;
pub use record::Observation;
use record::Record;
pub use view::View;

/// An instruction in the run.
#[derive(Clone, Copy, Default)]
pub struct At {
    pub icount: u64,
    pub pc: u64,
    pub sp: u64,
}

/// How the machine ended. A reset ends it too, as in QEMU with `--no-reboot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit status.
    pub status: u8,
    /// A reset was requested.
    pub reset: bool,
}

impl Ended {
    /// The effect of a word that is stored to the SiFive test finisher. For a failure the upper half is the status.
    fn by_finisher(word: u32) -> Option<Ended> {
        match word & 0xffff {
            board::FINISHER_PASS => Some(Ended { status: 0, reset: false }),
            board::FINISHER_RESET => Some(Ended { status: 0, reset: true }),
            board::FINISHER_FAIL => Some(Ended { status: (word >> 16) as u8, reset: false }),
            _ => None,
        }
    }
}

/// What a machine with its firmware in the host lacks, and others beyond what a hart executes there.
const ROM_NAME: &str = "the reset ROM";
/// The bytes of the shortest instruction.
const SHORTEST: usize = 2;

pub struct Memory {
    pub ram: Ram,
    pub(in crate::embedded) conditions: Conditions,
    pub devices: Devices,
    /// Set by a store to the test finisher, or by the firmware.
    pub ended: Option<Ended>,
    /// The present, while the machine stands between two instructions; `None` while code runs at full speed and devices, which
    /// need to know, cannot be accessed.
    pub now: Option<Moment>,
    /// Instructions before the block of code that runs.
    pub block_icount: u64,
    /// The instruction whose access takes the slow path, its sp and the count before it.
    pub at: At,
    /// Code at full speed pauses after the present instruction.
    paused: bool,
    /// sp, where moves of it are recorded.
    known_sp: u64,
    /// Why code at full speed stopped.
    pub(in crate::embedded) failure: Option<Interruption>,
    /// How loads and stores are translated.
    pub(in crate::embedded) context: Context,
    /// How fetches are: at the hart's own privilege.
    pub(in crate::embedded) fetch_context: Context,
    pub(in crate::embedded) protection: Protection,
    loads: Tlb,
    stores: Tlb,
    /// Changes when parked harts have to look up everything again.
    generation: u64,
    /// About the guest-page fault that translation ended in last; and whether an access was made in a guest's place.
    pub(in crate::embedded) guest_trap: GuestTrap,
    watchpoints: Vec<Watchpoint>,
    physical_watches: Vec<PhysicalWatch>,
    /// Watchpoints are off for the instruction at which one just stopped.
    watching: bool,
    /// The record for an observer, if there is one.
    record: Option<Record>,
    /// The hart that executes, if it is not the one that is observed.
    other: Option<OtherHart>,
    /// Who looks for races between harts, if somebody does.
    pub races: Option<Box<Races>>,
}

impl Memory {
    pub fn new(ram: Ram, devices: Devices, context: Context, conditions: Conditions) -> Memory {
        Memory {
            ram,
            conditions,
            devices,
            ended: None,
            now: None,
            block_icount: 0,
            at: At::default(),
            paused: false,
            known_sp: 0,
            failure: None,
            context,
            fetch_context: context,
            protection: Protection::Firmware,
            loads: Tlb::new(),
            stores: Tlb::new(),
            generation: 0,
            guest_trap: GuestTrap::default(),
            watchpoints: Vec::new(),
            physical_watches: Vec::new(),
            watching: true,
            record: None,
            other: None,
            races: None,
        }
    }

    /// Loads `N` bytes at virtual `address`, if that is known to need nothing else.
    #[inline(always)]
    pub fn load_plainly<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        self.loads.offset(address, N).and_then(|offset| self.ram.load(offset))
    }

    /// Stores likewise.
    #[inline(always)]
    pub fn store_plainly<const N: usize>(&mut self, address: u64, value: [u8; N]) -> Option<()> {
        self.stores.offset(address, N).and_then(|offset| self.ram.store_plain(offset, value))
    }

    /// Loads `N` bytes at virtual `address`.
    #[inline(always)]
    pub fn load<const N: usize>(&mut self, address: u64) -> Result<[u8; N], Interruption> {
        match self.load_plainly(address) {
            Some(bytes) => Ok(bytes),
            None => self.load_slowly(address, N).map(|value| truncate(value.to_le_bytes())),
        }
    }

    #[inline(always)]
    pub fn store<const N: usize>(&mut self, address: u64, value: [u8; N]) -> Result<(), Interruption> {
        match self.store_plainly(address, value) {
            Some(()) => Ok(()),
            None => self.store_slowly(address, extend(value), N),
        }
    }

    /// Has code at full speed pause after the present instruction, so that the board, and who observes, can look.
    pub fn pause(&mut self) {
        self.paused = true;
        if let Some(record) = &mut self.record {
            record.set_due();
        }
    }

    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Code at full speed goes on, from where sp is known.
    pub fn go_on(&mut self, sp: u64) {
        self.paused = false;
        self.known_sp = sp;
    }

    /// Fails as such an access would, and makes none: for operations that load before they store, and for cache blocks.
    pub fn check(&mut self, address: u64, length: usize, access_type: AccessType) -> Result<(), Interruption> {
        self.resolve(address, length, access_type)?;
        Ok(())
    }

    /// Stores zeros to the block of `size` bytes that the address lies in; a failure is told at the address.
    pub fn zero_block(&mut self, address: u64, size: u64) -> Result<(), Interruption> {
        self.check(address, 1, AccessType::Store)?;
        let start = address & !(size - 1);
        for offset in (0..size).step_by(8) {
            self.store_slowly(start + offset, 0, 8)?;
        }
        Ok(())
    }

    /// The page of RAM, or of the reset ROM, with the instruction at `address`; whether all of the page can be executed as this can.
    pub fn fetch_page(&mut self, address: u64) -> Result<(usize, bool), Interruption> {
        let context = self.fetch_context;
        let physical = self.resolve_in(&context, address, SHORTEST, AccessType::Fetch)?;
        let is_uniform = self.protection.is_uniform(physical, PAGE);
        match Region::of(physical) {
            Region::Ram(offset) if offset < self.ram.size() => Ok((offset / PAGE, is_uniform)),
            Region::Rom(offset) => match self.ram.rom_page().filter(|_| (offset as usize) < PAGE) {
                Some(page) => Ok((page, is_uniform)),
                None => Err(Interruption::MissingDevice(ROM_NAME)),
            },
            Region::Missing(device) => Err(Interruption::MissingDevice(device)),
            _ => Err(AccessType::Fetch.access_fault(address).into()),
        }
    }

    #[cold]
    #[inline(never)]
    fn load_slowly(&mut self, address: u64, length: usize) -> Result<u64, Interruption> {
        if let Some(value) = self.load_followed(address, length) {
            return Ok(value);
        }
        self.check_alignment(address, length, AccessType::Load)?;
        let head = length.min(PAGE - address as usize % PAGE);
        let first = self.resolve(address, head, AccessType::Load)?;
        if head == length {
            self.watch(address, length, Access::Read)?;
            self.watch_physical(first, length, Access::Read)?;
            if let Region::Ram(offset) = Region::of(first)
                && offset < self.ram.size()
                && !self.is_watched(address / PAGE as u64, first)
                && !self.conditions.misaligned_traps
                && self.protection.is_uniform(first, PAGE)
                && !self.wants_load_of_page(first)
            {
                let mark = if self.is_shared(first) { races::FOLLOWED } else { 0 };
                self.loads.insert_page(mark | (address / PAGE as u64), offset / PAGE * PAGE);
            }
            let value = self.load_physical(first, length, address)?;
            self.record_load(first, address, length, value);
            if self.races.is_some() {
                self.follow_load(first, address, length, value);
            }
            return Ok(value);
        }
        self.watch(address, length, Access::Read)?;
        let low = self.load_physical(first, head, address)?;
        let rest = self.context.xlen.truncate(address.wrapping_add(head as u64));
        let second = self.resolve(rest, length - head, AccessType::Load)?;
        self.watch_physical(first, head, Access::Read)?;
        self.watch_physical(second, length - head, Access::Read)?;
        let high = self.load_physical(second, length - head, rest)?;
        let value = low | high << (8 * head);
        self.record_load(first, address, length, value);
        Ok(value)
    }

    #[cold]
    #[inline(never)]
    fn store_slowly(&mut self, address: u64, value: u64, length: usize) -> Result<(), Interruption> {
        self.check_alignment(address, length, AccessType::Store)?;
        let head = length.min(PAGE - address as usize % PAGE);
        let first = self.resolve(address, head, AccessType::Store)?;
        let rest = self.context.xlen.truncate(address.wrapping_add(head as u64));
        let second = if head < length { Some(self.resolve(rest, length - head, AccessType::Store)?) } else { None };
        self.watch(address, length, Access::Write)?;
        self.watch_physical(first, head, Access::Write)?;
        if let Some(second) = second {
            self.watch_physical(second, length - head, Access::Write)?;
        }
        if self.record.is_some() {
            self.record_store(first, second, address, value, length, head);
        }
        if self.races.is_some() && second.is_none() && self.is_shared(first) {
            self.follow_store(first, length, value);
        }
        self.store_physical(first, value, head, address)?;
        if let Some(second) = second {
            self.store_physical(second, value >> (8 * head), length - head, rest)?;
        } else if let Region::Ram(offset) = Region::of(first) {
            self.remember_store(address / PAGE as u64, offset / PAGE, first);
        }
        if self.ram.code_was_overwritten() {
            self.pause();
        }
        Ok(())
    }

    /// The physical address for this access, if it is permitted.
    fn resolve(&mut self, address: u64, length: usize, access_type: AccessType) -> Result<u64, Interruption> {
        let context = self.context;
        self.resolve_in(&context, address, length, access_type)
    }

    fn resolve_in(
        &mut self,
        context: &Context,
        address: u64,
        length: usize,
        access_type: AccessType,
    ) -> Result<u64, Interruption> {
        let no_marking = self.conditions.no_marking;
        let places = (&mut self.ram, &self.protection);
        let physical = translate::translate(places, context, no_marking, address, access_type);
        let physical = physical.map_err(|failure| {
            self.guest_trap = failure.guest;
            failure.trap
        })?;
        if !self.protection.permits(physical, length, access_type, context.privilege) {
            return Err(access_type.access_fault(address).into());
        }
        Ok(physical)
    }

    /// Lets the next store to this page use the fast path, unless it must be noticed.
    fn remember_store(&mut self, page: u64, ram_page: usize, physical: u64) {
        if !self.wants_store_to_page(physical)
            && !self.is_shared(physical)
            && !self.conditions.misaligned_traps
            && self.protection.is_uniform(physical, PAGE)
            && !self.is_watched(page, physical)
            && !self.ram.holds_code(ram_page)
        {
            self.stores.insert_page(page, ram_page * PAGE);
        }
    }

    /// On a machine that requires aligned accesses, none uses the fast path.
    fn check_alignment(&self, address: u64, length: usize, access_type: AccessType) -> Result<(), Interruption> {
        if self.conditions.misaligned_traps && !address.is_multiple_of(length as u64) {
            return Err(access_type.misaligned(address).into());
        }
        Ok(())
    }

    /// Whether a byte of this virtual page, or of the page with this physical address, is watched.
    fn is_watched(&self, page: u64, physical: u64) -> bool {
        let start = page.wrapping_mul(PAGE as u64);
        self.watchpoints.iter().any(|watchpoint| overlaps(watchpoint, start, PAGE as u64))
            || self.physical_watches.iter().any(|watch| watch.touches(physical / PAGE as u64 * PAGE as u64, PAGE))
    }

    /// As [`Memory::watch`], by physical address.
    fn watch_physical(&self, physical: u64, length: usize, access: Access) -> Result<(), Interruption> {
        if !self.watching || self.physical_watches.is_empty() {
            return Ok(());
        }
        let hit = self.physical_watches.iter().find(|watch| {
            (watch.access == access || watch.access == Access::ReadOrWrite) && watch.touches(physical, length)
        });
        hit.map_or(Ok(()), |watch| Err(Interruption::Watchpoint(watch.reported)))
    }

    /// Stops before an access to a watched address.
    pub fn watch(&self, address: u64, length: usize, access: Access) -> Result<(), Interruption> {
        if !self.watching || self.watchpoints.is_empty() {
            return Ok(());
        }
        let hit = self.watchpoints.iter().find(|watchpoint| {
            (watchpoint.access == access || watchpoint.access == Access::ReadOrWrite)
                && overlaps(watchpoint, address, length as u64)
        });
        hit.map_or(Ok(()), |watchpoint| Err(Interruption::Watchpoint(watchpoint.address.0.max(address))))
    }
}

/// Watched memory, wherever it is mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhysicalWatch {
    pub range: Range<u64>,
    pub access: Access,
    /// The address that a stop names.
    pub reported: u64,
}

impl PhysicalWatch {
    fn touches(&self, physical: u64, length: usize) -> bool {
        physical < self.range.end && self.range.start < physical.saturating_add(length as u64)
    }
}

fn overlaps(watchpoint: &Watchpoint, start: u64, length: u64) -> bool {
    let watched = watchpoint.address.0;
    start.wrapping_sub(watched) < watchpoint.length || watched.wrapping_sub(start) < length
}

fn from_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn truncate<const N: usize>(bytes: [u8; 8]) -> [u8; N] {
    std::array::from_fn(|index| bytes[index])
}

fn extend<const N: usize>(bytes: [u8; N]) -> u64 {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(&bytes);
    u64::from_le_bytes(wide)
}
