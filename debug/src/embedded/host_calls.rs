//! Answers semihosting calls: to print, and to end the machine. It does not know who reads what is printed.

use crate::embedded::board::Board;
use crate::embedded::bus::memory::Ended;
use crate::embedded::hart::state::Privilege;
use crate::embedded::run::THIS_MACHINE;
use crate::machine::{Address, Fault, Stop};
use crate::riscv::{Register, semihosting};

impl Board {
    /// Answers the call whose breakpoint is at pc; `None` if it is none. A program's are its kernel's.
    pub(super) fn answer_host_call(&mut self) -> Option<Result<(), Stop>> {
        let mut bytes = [0; semihosting::LENGTH];
        let is_call = self.memory.devices.semihosting
            && self.hart.privilege != Privilege::User
            && self.memory.peek(self.hart.pc.wrapping_sub(semihosting::BEFORE), &mut bytes)
            && semihosting::is_call(&bytes);
        is_call.then(|| self.host_call())
    }

    fn host_call(&mut self) -> Result<(), Stop> {
        let [operation, argument] = [Register::A0, Register::A1].map(|register| self.hart.x(register));
        let xlen = self.hart.xlen;
        let word = |at| {
            let mut bytes = [0; 8];
            let bytes = &mut bytes[..xlen.bytes()];
            self.memory.peek(at, bytes).then(|| xlen.read(bytes))
        };
        match semihosting::exit_status(xlen, [operation, argument], word) {
            Some(status) => self.memory.ended = Some(Ended { status: status as u8, reset: false }),
            None if operation == semihosting::WRITE_CHARACTER => self.print_at(argument, 1),
            None if operation == semihosting::WRITE_TEXT => self.print_at(argument, u64::MAX),
            None => {
                let device = "semihosting beyond printing and exit";
                let pc = Address(self.hart.pc);
                return Err(Stop::Fault(Fault::MissingDevice { device, pc, machine: THIS_MACHINE }));
            }
        }
        self.hart.pc = self.hart.pc.wrapping_add(semihosting::BREAKPOINT_BYTES);
        self.icount += 1;
        Ok(())
    }

    /// Prints up to so many characters, or up to a zero.
    fn print_at(&mut self, start: u64, most: u64) {
        let mut byte = [0];
        for index in 0..most {
            if !self.memory.peek(start.wrapping_add(index), &mut byte) || most > 1 && byte == [0] {
                break;
            }
            self.memory.devices.uart.console.print(byte[0]);
            self.memory.note_printed();
        }
    }
}
