//! The observer of an observed machine: it feeds the traces of stores and of the hart. It does not judge.

use super::hart_trace::HartTrace;
use super::store_trace::StoreTrace;
use crate::machine::{
    CameBack, HartEvent, InstructionBytes, Interest, Load, Observer, OtherHart, Registers, StackPointerMove, Store,
};

pub struct Watching<'a, 'b> {
    pub trace: &'a mut StoreTrace<'b>,
    pub hart: &'a mut HartTrace,
}

impl Observer for Watching<'_, '_> {
    fn store(&mut self, store: &Store) {
        self.trace.store(store);
        if store.new != store.old && !self.trace.is_on_stack(store) {
            self.hart.life.acts();
        }
    }

    fn event(&mut self, event: &HartEvent) {
        self.trace.event(event);
        self.hart.event(event);
    }

    fn load(&mut self, load: &Load) {
        self.trace.load(load);
    }

    fn other_store(&mut self, by: &OtherHart, store: &Store) {
        self.trace.other_store(by, store);
    }

    fn other_load(&mut self, by: &OtherHart, load: &Load) {
        self.trace.other_load(by, load);
    }

    fn stack_pointer(&mut self, moved: &StackPointerMove) {
        self.trace.stack_pointer(moved);
    }

    fn other_stack_pointer(&mut self, by: &OtherHart, moved: &StackPointerMove) {
        self.trace.other_stack_pointer(by, moved);
    }

    fn interest(&self) -> Interest {
        let interest = self.trace.interest();
        if self.hart.life.is_suspicious() { Interest { stores: None, ..interest } } else { interest }
    }

    fn has_new_interest(&mut self) -> bool {
        self.trace.has_new_interest()
    }

    fn ends_run(&self) -> bool {
        self.trace.ends_run() || self.hart.has_come_to_an_end() || self.hart.stops_at_prints && self.hart.has_printed
    }

    fn wants_instructions(&self) -> bool {
        self.trace.wants_instructions()
    }

    fn instruction(&mut self, icount: u64, registers: &Registers, bytes: Option<InstructionBytes>) {
        self.trace.instruction(icount, registers, bytes);
        if let Some(departure) = self.trace.departures.take() {
            self.hart.departs(&departure);
        }
    }

    fn came_back(&mut self, back: &CameBack) {
        self.trace.came_back(back);
    }
}
