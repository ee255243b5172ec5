//! The machine without its history: hart, memory, devices, firmware and time. It only runs forward, by instructions.
//!
//! Time is counted in instructions and never read from the host, so a run is the same everywhere. It does not know checkpoints or
//! GDB.

use std::collections::BTreeMap;

use crate::embedded::bus::devices::Devices;
pub use crate::embedded::bus::dma::INSTRUCTIONS_PER_TICK;
use crate::embedded::bus::dma::Moment;
use crate::embedded::bus::memory::Memory;
use crate::embedded::bus::protection::Protection;
use crate::embedded::bus::ram::{PAGE, Ram};
use crate::embedded::bus::translate::{self, Context};
use crate::embedded::conditions::Conditions;
use crate::embedded::hart::code::Code;
use crate::embedded::hart::state::{Hart, Privilege};
use crate::embedded::harts::Harts;
use crate::embedded::interrupted::Tasks;
use crate::machine::{Address, HartEvent};

/// The halfwords of a page that have a breakpoint.
pub(super) type Halfwords = [u64; PAGE / 2 / 64];

/// Whose instructions a breakpoint stops: addresses of a hypervisor and of its guest are different ones, even where their numbers are
/// the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum World {
    /// All of them.
    #[default]
    Any,
    /// The hypervisor's (V = 0).
    Host,
    /// The guest's (V = 1).
    Guest,
}

/// Breakpoints, all of the same world.
#[derive(Default)]
pub struct Breakpoints {
    pages: BTreeMap<u64, Halfwords>,
    world: World,
}

impl Breakpoints {
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Those of one page, that stop a hart in or not in a guest.
    pub fn of_page(&self, page: u64, virtualized: bool) -> Option<Halfwords> {
        let counts = match self.world {
            World::Any => true,
            World::Host => !virtualized,
            World::Guest => virtualized,
        };
        if counts { self.pages.get(&page).copied() } else { None }
    }
}

pub struct Board {
    /// The selected hart.
    pub hart: Box<Hart>,
    /// The others, and whose turn it is.
    pub(super) harts: Harts,
    pub memory: Memory,
    pub conditions: Conditions,
    pub(super) code: Code,
    /// Instructions started and interrupts taken since the start.
    pub icount: u64,
    /// The time spent in `wfi`, in instructions.
    pub wfi_skipped: u64,
    /// The kernel's traps since the start.
    pub traps: u64,
    /// A firmware that is code is below the kernel: what M-mode does is not the kernel's.
    pub(super) firmware_is_code: bool,
    /// What interrupts interrupted.
    pub(super) tasks: Tasks,
    pub(super) breakpoints: Breakpoints,
    /// The machine takes no interrupts by itself.
    pub(super) interrupts_held: bool,
}

impl Board {
    pub fn new(hart: Hart, harts: Harts, ram: Ram, devices: Devices, conditions: Conditions) -> Board {
        let memory = Memory::new(ram, devices, Context::of(&hart), conditions);
        let mut board = Board {
            hart: Box::new(hart),
            harts,
            memory,
            conditions,
            code: Code::new(),
            icount: 0,
            wfi_skipped: 0,
            traps: 0,
            firmware_is_code: false,
            tasks: Tasks::default(),
            breakpoints: Breakpoints::default(),
            interrupts_held: false,
        };
        board.each_hart(|board| {
            board.refresh_context();
            board.protect();
        });
        board
    }

    /// The present, for devices.
    pub fn now(&self) -> Moment {
        Moment { icount: self.icount, time: self.icount.saturating_add(self.wfi_skipped) }
    }

    /// The time, in ticks.
    pub fn time(&self) -> u64 {
        self.memory.devices.clint.time(self.now().ticks())
    }

    /// Whether what the hart does now is the kernel's own, not its firmware's.
    pub fn is_kernels(&self) -> bool {
        !self.firmware_is_code || self.hart.privilege != Privilege::Machine
    }

    /// The instruction count at which a device does something by itself.
    pub(super) fn next_device_event(&self) -> u64 {
        match self.memory.devices.next_event() {
            // What never happens does not come nearer.
            u64::MAX => u64::MAX,
            event => event.saturating_sub(self.wfi_skipped),
        }
    }

    /// The instruction count up to which nothing happens by itself. What will be typed is no matter of time.
    pub(super) fn next_event(&self) -> u64 {
        self.next_timer_event().min(self.next_device_event())
    }

    /// Whether the hart is in a `wfi` that nothing will end.
    pub fn waits_for_ever(&self) -> bool {
        if !self.harts.is_one() {
            return self.all_wait_for_ever();
        }
        self.hart.waiting && self.pending() & self.hart.sie == 0 && self.next_event() == u64::MAX
    }

    /// The instruction at `pc` waits for an interrupt.
    pub fn wait(&mut self, pc: u64) {
        self.hart.waiting = true;
        let (icount, time) = (self.icount, self.time());
        let waits = self.pending() & self.hart.sie == 0;
        self.memory.note(HartEvent::Wait { icount, pc: Address(pc), time, waits });
    }

    /// Ends a `wfi` where something is pending; else time passes to the next event.
    pub(super) fn wake(&mut self) {
        if self.pending() & self.hart.sie == 0 {
            self.wfi_skipped += self.next_event().saturating_sub(self.icount);
        } else {
            self.hart.wake();
        }
    }

    /// Time passes by so many ticks, in which nothing is executed; up to the next event.
    pub fn skip_time(&mut self, ticks: u64) {
        let left = self.next_event_of_all().saturating_sub(self.icount);
        self.wfi_skipped = self.wfi_skipped.saturating_add(ticks.saturating_mul(INSTRUCTIONS_PER_TICK).min(left));
    }

    /// Sets the privilege and translation for memory and code.
    pub fn refresh_context(&mut self) {
        let (context, of_data) = (Context::of(&self.hart), Context::of_data(&self.hart));
        if !self.memory.fetch_context.shares_translations(&context) {
            self.code.flush();
        }
        self.memory.set_context(context, of_data);
        self.code.select(context.privilege);
    }

    /// Has memory go by the PMP entries of the hart, which were changed.
    pub fn protect(&mut self) {
        if let Some(machine) = &self.hart.machine {
            self.memory.protection = Protection::Entries(machine.pmp.rules());
            self.flush_translations();
        }
    }

    /// Where the guest's address leads, through both stages.
    pub fn physical_address_of_guest(&self, address: u64) -> Option<u64> {
        translate::peek(&self.memory.ram, &Context::of_guest_access(&self.hart), address)
    }

    pub fn flush_translations(&mut self) {
        self.memory.flush();
        self.code.flush();
    }

    pub fn hold_interrupts(&mut self) {
        self.interrupts_held = true;
    }

    /// Sets these in place of those that are set, which are returned.
    pub fn take_breakpoints(&mut self, instead: impl Iterator<Item = u64>) -> Breakpoints {
        let set = std::mem::take(&mut self.breakpoints);
        instead.for_each(|address| self.insert_breakpoint(address));
        set
    }

    pub fn put_breakpoints(&mut self, set: Breakpoints) {
        self.breakpoints = set;
    }

    pub fn break_in(&mut self, world: World) {
        self.breakpoints.world = world;
    }

    pub fn insert_breakpoint(&mut self, address: u64) {
        let half = address as usize % PAGE / 2;
        self.breakpoints.pages.entry(address / PAGE as u64).or_default()[half / 64] |= 1 << (half % 64);
    }

    pub(super) fn is_breakpoint(&self, address: u64) -> bool {
        let half = address as usize % PAGE / 2;
        let set = self.breakpoints.of_page(address / PAGE as u64, self.hart.virtualized);
        set.is_some_and(|set| set[half / 64] >> (half % 64) & 1 != 0)
    }

    pub fn remove_breakpoint(&mut self, address: u64) {
        let page = address / PAGE as u64;
        let half = address as usize % PAGE / 2;
        if let Some(bits) = self.breakpoints.pages.get_mut(&page) {
            bits[half / 64] &= !(1 << (half % 64));
            if bits.iter().all(|word| *word == 0) {
                self.breakpoints.pages.remove(&page);
            }
        }
    }
}
