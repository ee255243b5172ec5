//! gdbstub's breakpoint extensions: watchpoints, and software and hardware breakpoints, which are the same on this machine.

use std::collections::BTreeSet;

use gdbstub::target::TargetResult;
use gdbstub::target::ext::breakpoints::{
    Breakpoints, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps, SwBreakpoint, SwBreakpointOps, WatchKind,
};

use super::base::refusal;
use super::target::GdbTarget;
use super::wishes::Set;
use crate::ask::{self, Memory};
use crate::embedded::World;
use crate::machine::{Access, Address, Machine, Watchpoint};

/// The largest number of watchpoints. Every access to a watched page compares them all. More are a mistake or an attack.
const MOST_WATCHPOINTS: usize = 256;
const MOST_BREAKPOINTS: usize = 1 << 16;

#[derive(Clone, Copy)]
enum Kind {
    Software,
    Hardware,
}

impl GdbTarget {
    fn breakpoints(&mut self, kind: Kind) -> &mut BTreeSet<u64> {
        match kind {
            Kind::Software => &mut self.set.software,
            Kind::Hardware => &mut self.set.hardware,
        }
    }

    fn add_breakpoint(&mut self, kind: Kind, address: u64) -> TargetResult<bool, Self> {
        if !address.is_multiple_of(2) || self.breakpoints(kind).len() >= MOST_BREAKPOINTS {
            return Ok(false);
        }
        self.machine.insert_breakpoint(Address(address)).map_err(refusal)?;
        self.breakpoints(kind).insert(address);
        Ok(true)
    }

    fn remove_breakpoint(&mut self, kind: Kind, address: u64) -> TargetResult<bool, Self> {
        if self.breakpoints(kind).remove(&address) && !self.set.breaks_at(address) {
            self.machine.remove_breakpoint(Address(address)).map_err(refusal)?;
        }
        Ok(true)
    }

    /// Watches the physical memory too: writes before the page table was on, and writes through another mapping, stop as well.
    fn watch_wherever_mapped(&mut self, watchpoint: Watchpoint) {
        let physical = self.is_physical(watchpoint.address.0, watchpoint.length);
        let memory = Memory { start: watchpoint.address, length: watchpoint.length, physical };
        let ranges = ask::physical_ranges(&self.machine, &self.image, &memory);
        self.machine.watch_physical(watchpoint, &ranges);
    }

    /// Whether the client means physical memory by an address: it said so, and no page table maps it.
    pub(super) fn is_physical(&self, start: u64, length: u64) -> bool {
        self.set.physical && self.machine.physical_ranges(Address(start), length).is_none()
    }

    /// Whether a breakpoint stops the hart where it is, at this pc.
    pub(super) fn breaks_here(&self, pc: u64) -> bool {
        let counts = match self.set.world {
            World::Any => true,
            World::Host => !self.machine.is_in_guest(),
            World::Guest => self.machine.is_in_guest(),
        };
        counts && self.set.breaks_at(pc)
    }

    /// Whose instructions the client's breakpoints stop from now on.
    pub(super) fn break_in(&mut self, world: World) {
        self.set.world = world;
        self.machine.break_in(world);
    }

    /// Removes all of them from the machine.
    pub(super) fn take_set(&mut self) -> Set {
        for address in self.set.software.iter().chain(&self.set.hardware) {
            // This machine never fails to remove one.
            let _ = self.machine.remove_breakpoint(Address(*address));
        }
        for watchpoint in &self.set.watchpoints {
            let _ = self.machine.remove_watchpoint(*watchpoint);
            self.machine.unwatch_physical(*watchpoint);
        }
        self.machine.break_in(World::Any);
        std::mem::take(&mut self.set)
    }

    /// Sets all of them in a new machine.
    pub(super) fn insert_set(&mut self) {
        self.machine.break_in(self.set.world);
        for address in self.set.software.iter().chain(&self.set.hardware) {
            // The previous machine accepted them.
            let _ = self.machine.insert_breakpoint(Address(*address));
        }
        for watchpoint in self.set.watchpoints.clone() {
            let _ = self.machine.insert_watchpoint(watchpoint);
            self.watch_wherever_mapped(watchpoint);
        }
    }
}

impl Breakpoints for GdbTarget {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

/// `kind` is the length of the instruction, which changes nothing.
impl SwBreakpoint for GdbTarget {
    fn add_sw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.add_breakpoint(Kind::Software, address)
    }

    fn remove_sw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.remove_breakpoint(Kind::Software, address)
    }
}

impl HwBreakpoint for GdbTarget {
    fn add_hw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.add_breakpoint(Kind::Hardware, address)
    }

    fn remove_hw_breakpoint(&mut self, address: u64, _kind: usize) -> TargetResult<bool, Self> {
        self.remove_breakpoint(Kind::Hardware, address)
    }
}

impl HwWatchpoint for GdbTarget {
    fn add_hw_watchpoint(&mut self, address: u64, length: u64, kind: WatchKind) -> TargetResult<bool, Self> {
        let watchpoint = watchpoint(address, length, kind);
        if self.set.watchpoints.contains(&watchpoint) {
            return Ok(true);
        }
        if length == 0 || self.set.watchpoints.len() >= MOST_WATCHPOINTS {
            return Ok(false);
        }
        self.machine.insert_watchpoint(watchpoint).map_err(refusal)?;
        self.watch_wherever_mapped(watchpoint);
        self.set.watchpoints.push(watchpoint);
        Ok(true)
    }

    fn remove_hw_watchpoint(&mut self, address: u64, length: u64, kind: WatchKind) -> TargetResult<bool, Self> {
        let watchpoint = watchpoint(address, length, kind);
        if let Some(index) = self.set.watchpoints.iter().position(|known| *known == watchpoint) {
            self.set.watchpoints.swap_remove(index);
            self.machine.remove_watchpoint(watchpoint).map_err(refusal)?;
            self.machine.unwatch_physical(watchpoint);
        }
        Ok(true)
    }
}

fn watchpoint(address: u64, length: u64, kind: WatchKind) -> Watchpoint {
    let access = match kind {
        WatchKind::Write => Access::Write,
        WatchKind::Read => Access::Read,
        WatchKind::ReadWrite => Access::ReadOrWrite,
    };
    Watchpoint { address: Address(address), length, access }
}
