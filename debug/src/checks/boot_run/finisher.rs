//! Watches the board's test finisher, through which kernels and firmware power off, at its physical address and wherever the
//! kernel's page table maps it. It does not judge.
//!
//! Watchpoints use virtual addresses. So there is a breakpoint on every instruction that changes translation, and behind it
//! the page table is searched for the finisher.

use std::ops::Range;

use super::layout::overlap;
use super::optional;
use super::page_table::PageTable;
use crate::image::Image;
use crate::machine::{Access, Address, Error, Machine, Register, Watchpoint, csr};
use crate::riscv::status::MACHINE_MODE;
use crate::riscv::{self, Effect, Xlen};

/// SiFive's test finisher on the `virt` board (QEMU, hw/misc/sifive_test.c).
pub const FINISHER: Watchpoint =
    Watchpoint { address: Address(riscv::board::FINISHER), length: 4, access: Access::Write };
/// How many virtual addresses of the finisher are watched.
const WAYS: usize = 16;
/// How often a change of translation may stop the kernel. A kernel that switches more often is no longer stopped.
const PATIENCE: u32 = 256;

/// Where the finisher is.
pub struct Finisher {
    xlen: Xlen,
    /// satp at the last search of the page table.
    satp: u64,
    /// The virtual addresses of the finisher.
    ways: Vec<Watchpoint>,
    /// Breakpoints on the instructions that change translation.
    changes: Vec<Address>,
    patience: u32,
}

impl Finisher {
    /// Starts to watch it, on a machine that is at the entry; `known` as for [`riscv::places`].
    pub fn begin(machine: &mut dyn Machine, image: &Image, known: &[Address]) -> Result<Finisher, Error> {
        let is_change = |effect| effect == Effect::Translation;
        let changes: Vec<Address> =
            image.code().flat_map(|(start, code)| riscv::places(image.xlen(), start, code, known, is_change)).collect();
        for change in &changes {
            machine.insert_breakpoint(*change)?;
        }
        machine.insert_watchpoint(FINISHER)?;
        Ok(Finisher { xlen: image.xlen(), satp: 0, ways: Vec::new(), changes, patience: PATIENCE })
    }

    /// The instructions that change translation, which have breakpoints.
    pub fn changes(&self) -> impl Iterator<Item = Address> + '_ {
        self.changes.iter().copied()
    }

    /// Whether the machine stopped because the instruction at `pc` changes translation.
    pub fn awaits(&self, pc: Address) -> bool {
        self.changes.contains(&pc)
    }

    /// Records that such an instruction was executed.
    pub fn changed(&mut self, machine: &mut dyn Machine) -> Result<(), Error> {
        self.patience = self.patience.saturating_sub(1);
        if self.patience == 0 {
            for change in std::mem::take(&mut self.changes) {
                machine.remove_breakpoint(change)?;
            }
        }
        self.search(machine)
    }

    /// Searches the page table if satp has changed.
    pub fn follow(&mut self, machine: &mut dyn Machine) -> Result<(), Error> {
        if optional(machine.read_register(csr::SATP))?.unwrap_or(0) == self.satp {
            return Ok(());
        }
        self.search(machine)
    }

    /// Searches the page table for the finisher, and watches it there.
    pub fn search(&mut self, machine: &mut dyn Machine) -> Result<(), Error> {
        self.satp = optional(machine.read_register(csr::SATP))?.unwrap_or(0);
        let ways = match PageTable::of(self.satp, self.xlen) {
            Some(table) => table.ways_to(machine, FINISHER.address)?,
            None => Vec::new(),
        };
        let ways: Vec<Watchpoint> = ways
            .into_iter()
            .filter(|way| *way != FINISHER.address)
            .take(WAYS)
            .map(|address| Watchpoint { address, ..FINISHER })
            .collect();
        for gone in self.ways.iter().filter(|way| !ways.contains(way)) {
            machine.remove_watchpoint(*gone)?;
        }
        for new in ways.iter().filter(|way| !self.ways.contains(way)) {
            machine.insert_watchpoint(*new)?;
        }
        self.ways = ways;
        Ok(())
    }

    /// Whether `range` is watched because of the finisher.
    pub fn is_watching(&self, range: &Range<Address>) -> bool {
        self.ways.iter().chain([&FINISHER]).any(|way| overlap(range, &(way.address..way.address + way.length)))
    }

    /// Whether a store to this address by the stopped hart reaches the finisher.
    pub fn is_at(&self, machine: &mut dyn Machine, address: Address) -> Result<bool, Error> {
        let satp = optional(machine.read_register(csr::SATP))?.unwrap_or(0);
        let mode = optional(machine.read_register(Register::Priv))?;
        let physical = match PageTable::of(satp, self.xlen).filter(|_| mode != Some(MACHINE_MODE)) {
            Some(table) => table.translate(machine, address)?,
            None => Some(address),
        };
        Ok(physical
            .is_some_and(|physical| overlap(&(physical..physical + 1), &(FINISHER.address..FINISHER.address + 4))))
    }
}
