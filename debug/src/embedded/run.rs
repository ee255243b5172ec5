//! Runs the board: decoded code at full speed, and one by one the instructions that concern the whole board.
//!
//! It does not know checkpoints, or who asks.

use crate::embedded::board::{Board, Halfwords};
use crate::embedded::bus::memory::At;
use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::decode::{self, Kind, Operation};
use crate::embedded::hart::execute::{self, Exit, Room};
use crate::embedded::hart::system;
use crate::embedded::hart::trap::{AccessType, Interruption, Trap};
use crate::machine::{Address, Fault, Stop};
use crate::riscv::Register;

/// What people call this machine, in messages.
pub(super) const THIS_MACHINE: &str = "the embedded machine";

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
        if self.harts.is_one() {
            return self.run_on(end, stop_at);
        }
        let ended = self.run_on(end, stop_at);
        self.end_run();
        // Who stopped at a watched access is seen, whoever is followed.
        if !matches!(ended, Err(Stop::Watchpoint { .. } | Stop::Fault(_))) {
            self.show_followed();
        }
        ended
    }

    fn run_on(&mut self, end: u64, stop_at: StopAt) -> Result<(), Stop> {
        while self.icount < end {
            self.check_ended()?;
            // Before anything is concluded: what was typed at this moment may be what is waited for.
            if self.next_device_event().min(self.memory.devices.next_input()) <= self.icount {
                self.memory.advance_devices(self.now());
            }
            if !self.can_execute()? {
                continue;
            }
            let (end, stop_at) = self.limits_of_turn(end, stop_at);
            if let Some((number, by)) = self.takeable_interrupt() {
                self.interrupt(number, by)?;
            } else if let Err(interruption) =
                self.run_slice(end.min(self.next_event()).min(self.memory.devices.next_input()), stop_at)
            {
                self.handle(interruption)?;
            }
            if self.is_at_own_end() {
                return Err(Stop::Stepped);
            }
            if self.memory.record_is_due() {
                return Ok(());
            }
        }
        self.check_ended()
    }

    /// Whether an instruction is to be executed; if not, time has passed.
    fn can_execute(&mut self) -> Result<bool, Stop> {
        if !self.harts.is_one() {
            return self.take_turn();
        }
        if self.waits_for_ever() {
            return Err(Stop::Interrupted);
        }
        let waits = self.hart.waiting;
        if waits {
            self.wake();
        }
        Ok(!waits)
    }

    fn check_ended(&self) -> Result<(), Stop> {
        if let Some((number, trouble)) = self.memory.devices.trouble {
            return Err(Stop::Fault(Fault::Drive { number, trouble, pc: Address(self.hart.pc) }));
        }
        self.memory.ended.map_or(Ok(()), |ended| Err(Stop::Exited { status: Some(ended.status) }))
    }

    /// Executes code in blocks at full speed, until an instruction needs the whole board.
    fn run_slice(&mut self, end: u64, stop_at: StopAt) -> Result<(), Interruption> {
        while self.icount < end && !self.memory.record_is_due() {
            if self.memory.ram.code_was_overwritten() {
                self.code.forget(&mut self.memory.ram);
            }
            self.code.limit(&mut self.memory.ram);
            let page = self.hart.pc / PAGE as u64;
            let index = self.code_page(page, stop_at)?;
            // What changes V leaves the slice.
            let set = self.breakpoints.of_page(page, self.hart.virtualized).filter(|_| stop_at == StopAt::All);
            let room = Room { count: end - self.icount, length: before_breakpoint(set.as_ref(), self.hart.pc, PAGE) };
            if room.length == 0 {
                return Err(Interruption::Breakpoint);
            }
            self.memory.go_on(self.hart.x(Register::SP));
            // One instruction at a time needs no blocks.
            if room.count == 1 {
                self.run_one(index)?;
                continue;
            }
            let (ram, isa) = (&mut self.memory.ram, self.hart.isa());
            let (number, is_first) = self.code.block_at(index, self.hart.pc, ram, isa);
            if is_first {
                self.memory.notice_stores();
            }
            if self.code.block(number).is_some_and(|block| block.fits(room)) {
                let stops = self.stops(set, stop_at);
                self.run_blocks(number, end, stops.as_ref())?;
            } else {
                self.run_within(index, number, room)?;
            }
        }
        Ok(())
    }

    /// The breakpoints of the page that pc is in, unless there are none anywhere.
    fn stops(&self, set: Option<Halfwords>, stop_at: StopAt) -> Option<Halfwords> {
        if stop_at == StopAt::All && !self.breakpoints.is_empty() { Some(set.unwrap_or_default()) } else { None }
    }

    /// Executes a block, and those that it leads to, as long as there is room until `end` for all of a block. With breakpoints it stays
    /// in their page, and stops before a block that has one.
    fn run_blocks(&mut self, number: u32, end: u64, breakpoints: Option<&Halfwords>) -> Result<(), Interruption> {
        let page = self.hart.pc / PAGE as u64;
        let mut number = number;
        while let Some(block) = self.code.block(number) {
            if block.count() > end - self.icount {
                return Ok(());
            }
            if breakpoints.is_some() && before_breakpoint(breakpoints, self.hart.pc, block.length()) < block.length() {
                return Ok(());
            }
            self.memory.block_icount = self.icount;
            let begin = self.hart.pc;
            let exit = block.run(&mut self.hart, &mut self.memory);
            self.icount += exit.count();
            if self.memory.wants_jumps() {
                self.memory.record_exit(block.left_by(exit), begin, self.icount, &self.hart);
                if self.memory.record_is_due() && exit.to() != Exit::FAILED {
                    return Ok(());
                }
            }
            number = match exit.to() {
                Exit::UNLINKED | Exit::UNKNOWN => {
                    if breakpoints.is_some() && self.hart.pc / PAGE as u64 != page {
                        return Ok(());
                    }
                    let Some(next) = self.code.known(self.hart.pc) else { return Ok(()) };
                    if exit.to() == Exit::UNLINKED && self.code.block(next).is_some_and(|next| next.is_beside(block)) {
                        block.link(exit, next);
                    }
                    next
                }
                Exit::FAILED => return self.failure(),
                other => other,
            };
        }
        Ok(())
    }

    /// Executes as much of a block as there is room for, at least one instruction.
    fn run_within(&mut self, index: usize, number: u32, room: Room) -> Result<(), Interruption> {
        self.memory.block_icount = self.icount;
        let Some(block) = self.code.block(number) else { return Ok(()) };
        let begin = self.hart.pc;
        match block.run_within(room, &mut self.hart, &mut self.memory) {
            Some(exit) => {
                self.icount += exit.count();
                if self.memory.wants_jumps() {
                    self.memory.record_exit(block.left_by(exit), begin, self.icount, &self.hart);
                }
                if exit.to() == Exit::FAILED { self.failure() } else { Ok(()) }
            }
            None => self.run_one(index),
        }
    }

    /// Executes one instruction, in the page of decoded code of this index.
    fn run_one(&mut self, index: usize) -> Result<(), Interruption> {
        let pc = self.hart.pc;
        let operation = self.code.instruction(index, pc, &self.memory.ram, self.hart.isa());
        self.prepare();
        execute::execute(&operation, &mut self.hart, &mut self.memory)?;
        self.icount += 1;
        self.memory.record_jump(&operation, self.hart.pc);
        self.memory.record_stack_pointer(&operation, self.hart.x(Register::SP));
        Ok(())
    }

    /// Notes which instruction is executed by itself.
    fn prepare(&mut self) {
        self.memory.block_icount = self.icount;
        self.memory.at = At { icount: self.icount, pc: self.hart.pc, sp: self.hart.x(Register::SP) };
    }

    fn failure(&mut self) -> Result<(), Interruption> {
        self.memory.failure.take().map_or(Ok(()), Err)
    }

    /// The index of the page of decoded code that this virtual page, which pc is in, leads to.
    fn code_page(&mut self, page: u64, stop_at: StopAt) -> Result<usize, Interruption> {
        if let Some(index) = self.code.known_page(page) {
            return Ok(index);
        }
        match self.memory.fetch_page(self.hart.pc)? {
            (ram_page, true) => Ok(self.code.enter(page, ram_page)),
            // Each instruction there has to be asked about.
            (_, false) if stop_at == StopAt::All && self.is_breakpoint(self.hart.pc) => Err(Interruption::Breakpoint),
            (_, false) => Err(Interruption::NeedsBoard),
        }
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

    /// Executes the instruction at pc, which may use devices, CSRs and the firmware.
    fn execute_with_board(&mut self) -> Result<(), Stop> {
        let operation = match self.fetch() {
            Ok(operation) => operation,
            Err(interruption) => return self.handle(interruption),
        };
        self.prepare();
        self.memory.now = Some(self.now());
        let result = system::execute(self, &operation);
        self.memory.now = None;
        self.memory.record_stack_pointer(&operation, self.hart.x(Register::SP));
        let next = match result {
            Ok(next) => next,
            // It still needs the board here: illegal instruction.
            Err(Interruption::NeedsBoard) => return self.trap(Trap::illegal(operation.bits)),
            Err(interruption) => return self.handle(interruption),
        };
        self.memory.record_jump(&operation, next);
        self.hart.pc = next;
        self.icount += 1;
        Ok(())
    }

    /// The instruction at pc, which may span two pages.
    pub(super) fn fetch(&mut self) -> Result<Operation, Interruption> {
        let (pc, isa) = (self.hart.pc, self.hart.isa());
        // Code at full speed comes from pages that were translated already.
        if let Some(index) = self.code.known_page(pc / PAGE as u64) {
            let operation = self.code.instruction(index, pc, &self.memory.ram, isa);
            if operation.kind != Kind::Crossing {
                return Ok(operation);
            }
        }
        let low = self.fetch_half(pc)?;
        if !decode::is_full_length(low) {
            return Ok(decode::decode_half(isa, low));
        }
        let high = self.fetch_half(isa.xlen.truncate(pc.wrapping_add(2)))?;
        Ok(decode::decode_word(isa, u32::from(high) << 16 | u32::from(low)))
    }

    fn fetch_half(&mut self, address: u64) -> Result<u16, Interruption> {
        let (page, _) = self.memory.fetch_page(address)?;
        let bytes = self.memory.ram.load(page * PAGE + address as usize % PAGE);
        bytes.map(u16::from_le_bytes).ok_or_else(|| AccessType::Fetch.access_fault(address).into())
    }
}

/// How many bytes from pc to the next breakpoint of its page; a page's size, if there is none, at least not in `length` bytes.
fn before_breakpoint(breakpoints: Option<&Halfwords>, pc: u64, length: usize) -> usize {
    let Some(breakpoints) = breakpoints else { return PAGE };
    let half = pc as usize % PAGE / 2;
    // Those before pc do not count.
    let mut hidden = (1 << (half % 64)) - 1;
    let last = (half + length / 2) / 64;
    for (index, word) in breakpoints.iter().enumerate().skip(half / 64).take_while(|(index, _)| *index <= last) {
        let word = word & !hidden;
        if word != 0 {
            return 2 * (64 * index + word.trailing_zeros() as usize - half);
        }
        hidden = 0;
    }
    PAGE
}
