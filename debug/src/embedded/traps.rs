//! Takes traps and interrupts, where there is a handler, and tells an observer of them. It does not know why an instruction traps.

use crate::embedded::board::Board;
use crate::embedded::hart::decode::Extension;
use crate::embedded::hart::state::{GuestTrap, Handler, Privilege};
use crate::embedded::hart::transformed;
use crate::embedded::hart::trap::Trap;
use crate::embedded::interrupted::Before;
use crate::machine::{Address, CameBack, Fault, InstructionBytes, Stop, TakenTrap};
use crate::riscv::{Register, cause};

/// What the hart was in at a trap.
#[derive(Clone, Copy)]
struct Origin {
    from_user: bool,
    from_guest: bool,
}

impl Board {
    /// Nobody takes the trap of this cause, at pc.
    fn fault(&self, cause: u64, value: u64) -> Stop {
        Stop::Fault(Fault::Trap { cause, value, pc: Address(self.hart.pc) })
    }

    /// Whether there is none: none was set since the reset, or since a firmware entered the kernel.
    fn has_no_handler(&self, by: Handler) -> bool {
        // Nothing lies at address 0, so that a trap there would trap for ever.
        let is_nowhere = |vector: u64| vector & !3 == 0;
        match (by, &self.hart.machine) {
            (Handler::Guest, _) => false,
            (Handler::Machine, machine) => machine.as_ref().is_some_and(|machine| is_nowhere(machine.mtvec)),
            (_, Some(_)) if self.hart.satp == 0 && is_nowhere(self.hart.stvec) => true,
            (_, Some(_)) if !self.firmware_is_code => false,
            _ => self.hart.stvec & !3 == self.hart.entry,
        }
    }

    /// An interrupt is taken; this counts as an instruction.
    pub(super) fn interrupt(&mut self, number: u64, by: Handler) -> Result<(), Stop> {
        if self.has_no_handler(by) {
            return Err(self.fault(self.hart.xlen.top_bit() | number, 0));
        }
        let (from, before) = (self.origin(), self.before_trap(true));
        self.hart.take_interrupt(number, by);
        let taken = self.took_trap(from, by, None);
        if let (Some(before), Some(taken)) = (before, taken) {
            self.keep_interrupted(before, taken, true);
        }
        if let Some(races) = &mut self.memory.races {
            races.set_interrupted(Some(self.icount));
        }
        Ok(())
    }

    /// A handler takes it, where there is one; this counts as the instruction.
    pub(super) fn trap(&mut self, trap: Trap) -> Result<(), Stop> {
        let code = trap.cause.code();
        if code == cause::BREAKPOINT
            && let Some(answered) = self.answer_host_call()
        {
            return answered;
        }
        let by = self.hart.takes(code);
        if self.has_no_handler(by) || self.conditions.kept >> code & 1 != 0 {
            self.memory.guest_trap = GuestTrap::default();
            return Err(self.fault(code, trap.value));
        }
        let (from, before) = (self.origin(), self.before_trap(false));
        let instruction = if self.memory.is_recording() { self.instruction_bytes() } else { None };
        let about = self.about_guest(trap);
        self.hart.take_exception(trap, about);
        let taken = self.took_trap(from, by, instruction);
        if let (Some(before), Some(taken)) = (before, taken) {
            self.keep_interrupted(before, taken, false);
        }
        Ok(())
    }

    /// What a hypervisor is told beyond scause and stval.
    fn about_guest(&mut self, trap: Trap) -> GuestTrap {
        let noted = std::mem::take(&mut self.memory.guest_trap);
        if !self.hart.extensions.has(Extension::Hypervisor) {
            return GuestTrap::default();
        }
        let guest_physical = if trap.cause.is_guest_page() { noted.guest_physical } else { 0 };
        let instruction = match trap.cause.is_guest_page() && noted.instruction != 0 {
            true => noted.instruction,
            false if trap.cause.is_data_access() => self.transformed(trap.value),
            false => 0,
        };
        let in_its_place = self.memory.context.virtualized && trap.cause.is_data_access();
        let guest_address = trap.cause.has_address() && (self.hart.virtualized || noted.guest_address || in_its_place);
        GuestTrap { guest_physical, instruction, guest_address }
    }

    /// The instruction at pc, as htinst tells of it; it was fetched before.
    fn transformed(&mut self, address: u64) -> u64 {
        self.fetch().map_or(0, |operation| transformed::transformed(&operation, &self.hart, address))
    }

    pub(super) fn instruction_bytes(&self) -> Option<InstructionBytes> {
        self.instruction_bytes_at(self.hart.pc)
    }

    pub(super) fn instruction_bytes_at(&self, pc: u64) -> Option<InstructionBytes> {
        let mut bytes = [0; 4];
        let whole = self.memory.peek(pc, &mut bytes);
        let length = if whole || self.memory.peek(pc, &mut bytes[..2]) { if whole { 4 } else { 2 } } else { 0 };
        InstructionBytes::new(&bytes[..length])
    }

    /// Where the hart is before a trap.
    fn origin(&self) -> Origin {
        Origin { from_user: self.hart.privilege == Privilege::User, from_guest: self.hart.virtualized }
    }

    /// The ticks since the timer was due that raised this interrupt; 0 for other traps.
    fn overdue(&self, cause: u64) -> u64 {
        if !cause::is_interrupt(cause) {
            return 0;
        }
        let due = match cause::code(cause) {
            cause::SUPERVISOR_TIMER => self.hart.stimecmp,
            cause::MACHINE_TIMER => self.memory.devices.clint.compare(self.hart.number),
            _ => return 0,
        };
        self.time().saturating_sub(due)
    }

    /// The hart has entered its handler: the trap, where it is the kernel's.
    fn took_trap(
        &mut self,
        Origin { from_user, from_guest }: Origin,
        by: Handler,
        instruction: Option<InstructionBytes>,
    ) -> Option<TakenTrap> {
        self.refresh_context();
        self.icount += 1;
        if !self.is_kernels() {
            return None;
        }
        self.traps += 1;
        let hart = &self.hart;
        let (pc, cause, value, sscratch) = match (by, &hart.machine) {
            (Handler::Machine, Some(machine)) => (machine.mepc, machine.mcause, machine.mtval, machine.mscratch),
            (Handler::Guest, _) => (hart.guest.vsepc, hart.guest.vscause, hart.guest.vstval, hart.guest.vsscratch),
            _ => (hart.sepc, hart.scause, hart.stval, hart.sscratch),
        };
        let is_told = by == Handler::Supervisor && cause::is_guest_page(cause);
        // The lowest bits are stval's, but of an entry that the hart read itself, which is aligned: there htinst is no instruction, whose
        // lowest bit would be set.
        let of_entry = hart.guest.htinst != 0 && hart.guest.htinst & 1 == 0;
        let lowest = if of_entry { 0 } else { value & 3 };
        let guest_physical = is_told.then_some(hart.guest.htval << 2 | lowest);
        let taken = TakenTrap {
            icount: self.icount - 1,
            pc: Address(pc),
            cause,
            value,
            from_user,
            from_guest,
            by_guest: hart.virtualized,
            guest_physical: guest_physical.map(Address),
            overdue: self.overdue(cause),
            sp: Address(hart.x(Register::SP)),
            sscratch,
            handler: Address(hart.pc),
            instruction,
        };
        self.memory.note_trap(taken);
        Some(taken)
    }
}

/// What interrupts interrupted.
impl Board {
    /// The state of the hart before a trap, if that is of interest: an interrupt is to be compared with its return, and any trap tells that
    /// something runs.
    fn before_trap(&self, is_interrupt: bool) -> Option<Before> {
        (is_interrupt && self.memory.is_recording() || !self.tasks.is_empty()).then(|| Before::of(&self.hart))
    }

    /// A handler of the kernel took this trap.
    fn keep_interrupted(&mut self, before: Before, trap: TakenTrap, is_interrupt: bool) {
        self.tasks.trapped(before, trap, is_interrupt && self.memory.is_recording());
    }

    /// The hart returned from a trap: tells an observer where something is not as it was.
    pub(super) fn compare_with_interrupted(&mut self) {
        if self.tasks.is_empty() || self.memory.is_of_another_hart() {
            return;
        }
        let now = Before::of(&self.hart);
        if let Some(interrupted) = self.tasks.go_on(&now) {
            let Before { registers, floats, .. } = now;
            let instruction = self.instruction_bytes_at(interrupted.registers.pc);
            let icount = self.icount + 1;
            self.memory.note_came_back(CameBack { icount, interrupted, instruction, registers, floats });
        }
    }
}
