//! Observes every store and every trap from the entry on, on machines that report them. It does not judge.
//!
//! On other machines this knows nothing, and the checks use poison and watchpoints.

use std::ops::Range;

use super::damage::Damages;
use super::departures::Departures;
use super::layout::Layout;
use super::memory::MemoryFacts;
use crate::image::Image;
use crate::machine::{
    Address, CameBack, HartEvent, InstructionBytes, Interest, Load, Observer, OtherHart, Registers, StackPointerMove,
    Store, TakenTrap,
};
use crate::riscv::cause::{USER_CALL, is_interrupt};

pub struct StoreTrace<'a> {
    pub memory: MemoryFacts<'a>,
    /// What handlers did to the code that they interrupted.
    pub damages: Damages<'a>,
    /// How handlers left without `sret` or `mret`.
    pub departures: Departures<'a>,
    stack: Range<Address>,
    /// The first exception that is not a call from U-mode.
    pub exception: Option<TakenTrap>,
    pub interrupts: u64,
    pub calls: u64,
    /// The hart that it observed has stopped: what follows is another one's.
    pub is_closed: bool,
}

impl<'a> StoreTrace<'a> {
    pub fn new(image: &'a Image, layout: &Layout) -> StoreTrace<'a> {
        StoreTrace {
            memory: MemoryFacts::new(image, layout),
            damages: Damages::new(image),
            departures: Departures::new(image),
            stack: layout.stack.clone(),
            exception: None,
            interrupts: 0,
            calls: 0,
            is_closed: false,
        }
    }
}

impl StoreTrace<'_> {
    /// Whether a store is to the boot's stack.
    pub fn is_on_stack(&self, store: &Store) -> bool {
        self.stack.contains(&self.memory.linked(store))
    }
}

impl Observer for StoreTrace<'_> {
    fn store(&mut self, store: &Store) {
        if !self.is_closed {
            self.memory.store(store);
        }
    }

    fn load(&mut self, load: &Load) {
        if !self.is_closed {
            self.memory.load(load);
        }
    }

    fn other_store(&mut self, by: &OtherHart, store: &Store) {
        if !self.is_closed {
            self.memory.other_store(by, store);
        }
    }

    fn other_load(&mut self, by: &OtherHart, load: &Load) {
        if !self.is_closed {
            self.memory.other_load(by, load);
        }
    }

    fn stack_pointer(&mut self, moved: &StackPointerMove) {
        if !self.is_closed {
            self.memory.stack_pointer(moved);
        }
    }

    fn other_stack_pointer(&mut self, by: &OtherHart, moved: &StackPointerMove) {
        if !self.is_closed {
            self.memory.other_stack_pointer(by, moved);
        }
    }

    fn interest(&self) -> Interest {
        let nothing = Interest { stores: Some(Vec::new()), ..Interest::default() };
        let prompt_traps = self.departures.awaits_traps();
        if self.is_closed { nothing } else { Interest { prompt_traps, ..self.memory.interest() } }
    }

    fn has_new_interest(&mut self) -> bool {
        !self.is_closed && self.memory.has_new_interest()
    }

    fn ends_run(&self) -> bool {
        !self.is_closed && (self.memory.ends_run() || self.damages.found().is_some())
    }

    fn wants_instructions(&self) -> bool {
        !self.is_closed && (self.damages.is_following() || self.departures.is_following())
    }

    fn instruction(&mut self, icount: u64, registers: &Registers, bytes: Option<InstructionBytes>) {
        self.damages.instruction(icount, registers, bytes);
        self.departures.instruction(icount, registers, bytes);
    }

    fn came_back(&mut self, back: &CameBack) {
        if !self.is_closed {
            self.damages.came_back(back);
        }
    }

    fn event(&mut self, event: &HartEvent) {
        if !self.is_closed {
            self.memory.stacks.event(event);
            self.departures.event(event);
        }
        let HartEvent::Trap(trap) = event else { return };
        self.damages.trap(trap);
        match trap.cause {
            cause if is_interrupt(cause) => self.interrupts += 1,
            USER_CALL => self.calls += 1,
            _ => self.exception = self.exception.or(Some(*trap)),
        }
    }
}
