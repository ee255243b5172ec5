//! Runs the board: decoded code at full speed, and one by one the instructions that concern the whole board.
//!
//! It does not know checkpoints, or who asks.

use crate::embedded::board::Board;
use crate::embedded::bus::memory::At;
use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::decode::{self, Operation};
use crate::embedded::hart::execute::{self, Slice};
use crate::embedded::hart::state::{Privilege, SP};
use crate::embedded::hart::system;
use crate::embedded::hart::trap::{AccessType, Interruption, Trap};
use crate::machine::{Address, Fault, HartEvent, InstructionBytes, Stop, TakenTrap};

/// What people call this machine, in messages.
const THIS_MACHINE: &str = "the embedded machine";

/// What stops a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopAt {
    Nothing,
    Watchpoints,
    /// Watchpoints and breakpoints.
    All,
}

impl Board {
    /// Runs until `end` instructions have been executed since the beginning, or what was recorded is to be shown.
    ///
    /// # Errors
    /// What stopped it earlier: [`Stop::Interrupted`] is a `wfi` that nothing can end.
    pub fn run(&mut self, end: u64, stop_at: StopAt) -> Result<(), Stop> {
        self.memory.set_watching(stop_at != StopAt::Nothing);
        while self.icount < end {
            self.check_ended()?;
            // Before anything is concluded: what was typed at this moment may be what is waited for.
            if self.next_device_event().min(self.memory.devices.next_input()) <= self.icount {
                self.memory.advance_devices(self.now());
            }
            if self.waits_for_ever() {
                return Err(Stop::Interrupted);
            }
            if self.hart.waiting {
                self.wake();
                continue;
            }
            if let Some(number) = self.takeable_interrupt() {
                if self.hart.stvec & !3 == self.entry {
                    return Err(self.fault(1 << 63 | number, 0));
                }
                let from_user = self.hart.privilege == Privilege::User;
                self.hart.take_interrupt(number);
                self.took_trap(from_user, None);
            } else if let Err(interruption) =
                self.run_slice(end.min(self.next_event()).min(self.memory.devices.next_input()), stop_at)
            {
                self.handle(interruption)?;
            }
            if self.memory.record_is_due() {
                return Ok(());
            }
        }
        self.check_ended()
    }

    fn check_ended(&self) -> Result<(), Stop> {
        if let Some((number, trouble)) = self.memory.devices.trouble {
            return Err(Stop::Fault(Fault::Drive { number, trouble, pc: Address(self.hart.pc) }));
        }
        self.memory.ended.map_or(Ok(()), |ended| Err(Stop::Exited { status: Some(ended.status) }))
    }

    /// Executes code page by page at full speed, until an instruction needs the whole board.
    fn run_slice(&mut self, end: u64, stop_at: StopAt) -> Result<(), Interruption> {
        while self.icount < end && !self.memory.record_is_due() {
            if self.memory.ram.code_was_overwritten() {
                self.code.forget(&self.memory.ram.take_overwritten());
            }
            let page = self.hart.pc / PAGE as u64;
            let index = self.code_page(page)?;
            let breakpoints = if stop_at == StopAt::All { self.breakpoints.get(&page).copied() } else { None };
            let exact = breakpoints.is_some() || self.memory.is_recording();
            self.memory.run_end = end;
            let mut slice = Slice { icount: self.icount, breakpoints };
            let run = if exact { execute::run_page::<true> } else { execute::run_page::<false> };
            let result = run(&mut self.hart, &mut self.memory, self.code.page(index), page * PAGE as u64, &mut slice);
            self.icount = slice.icount;
            result?;
        }
        Ok(())
    }

    fn code_page(&mut self, page: u64) -> Result<usize, Interruption> {
        if let Some(index) = self.code.tlb.get(page) {
            return Ok(index);
        }
        let ram_page = self.memory.fetch_page(self.hart.pc)?;
        let index = self.code.enter(ram_page, &mut self.memory.ram);
        self.code.tlb.insert(page, index);
        Ok(index)
    }

    fn handle(&mut self, interruption: Interruption) -> Result<(), Stop> {
        let pc = Address(self.hart.pc);
        match interruption {
            Interruption::Trap(trap) => self.trap(trap),
            Interruption::Breakpoint => Err(Stop::Breakpoint),
            Interruption::Watchpoint(address) => Err(Stop::Watchpoint { address: Address(address) }),
            Interruption::NeedsBoard => self.execute_with_board(),
            Interruption::MissingDevice(device) => {
                Err(Stop::Fault(Fault::MissingDevice { device, pc, machine: THIS_MACHINE }))
            }
            Interruption::MissingExtension(extension) => {
                let bits = self.fetch().map_or(0, |operation| operation.bits);
                Err(Stop::Fault(Fault::MissingExtension { extension, bits, pc, machine: THIS_MACHINE }))
            }
        }
    }

    /// Nobody takes the trap of this cause, at pc.
    fn fault(&self, cause: u64, value: u64) -> Stop {
        Stop::Fault(Fault::Trap { cause, value, pc: Address(self.hart.pc) })
    }

    /// Enters the supervisor's handler, if it has one. This counts as the instruction.
    fn trap(&mut self, trap: Trap) -> Result<(), Stop> {
        if self.hart.stvec & !3 == self.entry || self.conditions.kept >> trap.cause.code() & 1 != 0 {
            return Err(self.fault(trap.cause.code(), trap.value));
        }
        let from_user = self.hart.privilege == Privilege::User;
        let instruction = if self.memory.is_recording() { self.instruction_bytes() } else { None };
        self.hart.take_exception(trap);
        self.took_trap(from_user, instruction);
        Ok(())
    }

    fn instruction_bytes(&self) -> Option<InstructionBytes> {
        let mut bytes = [0; 4];
        let whole = self.memory.peek(self.hart.pc, &mut bytes);
        let length =
            if whole || self.memory.peek(self.hart.pc, &mut bytes[..2]) { if whole { 4 } else { 2 } } else { 0 };
        InstructionBytes::new(&bytes[..length])
    }

    /// The hart enters its handler.
    fn took_trap(&mut self, from_user: bool, instruction: Option<InstructionBytes>) {
        self.refresh_context();
        self.icount += 1;
        let hart = &self.hart;
        self.memory.note(HartEvent::Trap(TakenTrap {
            icount: self.icount - 1,
            pc: Address(hart.sepc),
            cause: hart.scause,
            value: hart.stval,
            from_user,
            sp: Address(hart.x(SP)),
            sscratch: hart.sscratch,
            handler: Address(hart.pc),
            instruction,
        }));
    }

    /// Executes the instruction at pc, which may use devices, CSRs and the firmware.
    fn execute_with_board(&mut self) -> Result<(), Stop> {
        let operation = match self.fetch() {
            Ok(operation) => operation,
            Err(interruption) => return self.handle(interruption),
        };
        self.memory.at = At { icount: self.icount, pc: self.hart.pc, sp: self.hart.x(SP) };
        self.memory.now = Some(self.now());
        let result = system::execute(self, &operation);
        self.memory.now = None;
        self.memory.record_stack_pointer(&operation, self.hart.x(SP));
        let next = match result {
            Ok(next) => next,
            // It still needs the board here: illegal instruction.
            Err(Interruption::NeedsBoard) => return self.trap(Trap::illegal(operation.bits)),
            Err(interruption) => return self.handle(interruption),
        };
        self.hart.pc = next;
        self.icount += 1;
        Ok(())
    }

    /// The instruction at pc, which may span two pages.
    fn fetch(&mut self) -> Result<Operation, Interruption> {
        let pc = self.hart.pc;
        let low = self.fetch_half(pc)?;
        if !decode::is_full_length(low) {
            return Ok(decode::decode_half(low));
        }
        let high = self.fetch_half(pc.wrapping_add(2))?;
        Ok(decode::decode_word(self.hart.extensions, u32::from(high) << 16 | u32::from(low)))
    }

    fn fetch_half(&mut self, address: u64) -> Result<u16, Interruption> {
        let page = self.memory.fetch_page(address)?;
        let bytes = self.memory.ram.load(page * PAGE + address as usize % PAGE);
        bytes.map(u16::from_le_bytes).ok_or_else(|| AccessType::Fetch.access_fault(address).into())
    }
}
