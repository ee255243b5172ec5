//! Tells an observer of the machine's events by linked addresses, and in the words of S-mode. It does not judge.

use super::{SP, Spaces};
use crate::checks::boot_run::machine_mode;
use crate::machine::{
    Address, CameBack, HartEvent, InstructionBytes, Interest, Load, Observer, OtherHart, Registers, StackPointerMove,
    Store, TakenTrap,
};

/// Passes linked addresses to an observer, and causes in the words of S-mode.
pub(super) struct LinkedObserver<'a> {
    pub(super) observer: &'a mut dyn Observer,
    pub(super) spaces: &'a Spaces,
    /// The kernel starts in M-mode.
    pub(super) machine_mode: bool,
}

impl LinkedObserver<'_> {
    fn linked(&self, address: Address) -> Address {
        self.spaces.or_same(address)
    }

    fn linked_store(&self, store: &Store) -> Store {
        let Store { pc, sp, address, .. } = *store;
        Store { pc: self.linked(pc), sp: self.linked(sp), address: self.linked(address), ..*store }
    }

    fn linked_load(&self, load: &Load) -> Load {
        Load { pc: self.linked(load.pc), address: self.linked(load.address), ..*load }
    }

    fn linked_move(&self, moved: &StackPointerMove) -> StackPointerMove {
        let StackPointerMove { pc, old, new, .. } = *moved;
        StackPointerMove { pc: self.linked(pc), old: self.linked(old), new: self.linked(new), ..*moved }
    }

    fn linked_trap(&self, trap: &TakenTrap) -> TakenTrap {
        let TakenTrap { pc, sp, handler, cause, .. } = *trap;
        let cause = if self.machine_mode { machine_mode::cause(cause) } else { cause };
        TakenTrap { pc: self.linked(pc), sp: self.linked(sp), handler: self.linked(handler), cause, ..*trap }
    }

    fn linked_registers(&self, registers: &Registers) -> Registers {
        let mut registers = registers.clone();
        registers.pc = self.linked(Address(registers.pc)).0;
        registers.x[SP] = self.linked(registers.sp()).0;
        registers
    }
}

impl Observer for LinkedObserver<'_> {
    fn store(&mut self, store: &Store) {
        self.observer.store(&self.linked_store(store));
    }

    fn other_store(&mut self, by: &OtherHart, store: &Store) {
        self.observer.other_store(&by.map_sps(|sp| self.linked(sp)), &self.linked_store(store));
    }

    fn other_load(&mut self, by: &OtherHart, load: &Load) {
        self.observer.other_load(by, &self.linked_load(load));
    }

    fn event(&mut self, event: &HartEvent) {
        let mut event = *event;
        match &mut event {
            HartEvent::Trap(trap) => *trap = self.linked_trap(trap),
            HartEvent::TrapReturn { to, sp, .. } => {
                *to = self.linked(*to);
                *sp = self.linked(*sp);
            }
            HartEvent::Wait { pc, .. }
            | HartEvent::Stopped { pc, .. }
            | HartEvent::VectorWrite { pc, .. }
            | HartEvent::ClockRead { pc, .. }
            | HartEvent::Absent { pc, .. }
            | HartEvent::Poll { pc, .. } => *pc = self.linked(*pc),
            _ => {}
        }
        self.observer.event(&event);
    }

    fn load(&mut self, load: &Load) {
        self.observer.load(&self.linked_load(load));
    }

    fn stack_pointer(&mut self, moved: &StackPointerMove) {
        self.observer.stack_pointer(&self.linked_move(moved));
    }

    fn other_stack_pointer(&mut self, by: &OtherHart, moved: &StackPointerMove) {
        self.observer.other_stack_pointer(by, &self.linked_move(moved));
    }

    fn interest(&self) -> Interest {
        self.observer.interest()
    }

    fn has_new_interest(&mut self) -> bool {
        self.observer.has_new_interest()
    }

    fn ends_run(&self) -> bool {
        self.observer.ends_run()
    }

    fn wants_instructions(&self) -> bool {
        self.observer.wants_instructions()
    }

    fn instruction(&mut self, icount: u64, registers: &Registers, bytes: Option<InstructionBytes>) {
        self.observer.instruction(icount, &self.linked_registers(registers), bytes);
    }

    fn came_back(&mut self, back: &CameBack) {
        let mut back = back.clone();
        back.registers = self.linked_registers(&back.registers);
        back.interrupted.registers = self.linked_registers(&back.interrupted.registers);
        back.interrupted.trap = self.linked_trap(&back.interrupted.trap);
        self.observer.came_back(&back);
    }
}
