//! How a kernel ends the machine: power-off and reset, by the firmware or the test finisher. It does not judge.

use super::BootRun;
use super::event::{BootEnd, PendingStore, PowerOff};
use crate::machine::{Address, Error, Register, Registers, csr};
use crate::riscv::{self, Effect, board, sbi, semihosting};

const A0: usize = Register::A0 as usize;
const A1: usize = Register::A1 as usize;
const A6: usize = Register::A6 as usize;
const A7: usize = Register::A7 as usize;

impl BootRun<'_> {
    /// Which end of the boot a store to the test finisher causes. Other values have no effect.
    pub(super) fn finish(&mut self, registers: &Registers, store: &PendingStore) -> Result<Option<BootEnd>, Error> {
        let success = BootEnd::PowerOff(PowerOff::Success);
        if self.effect(store.pc)? == Effect::Ecall {
            // The firmware runs in the host: only the ecall is visible.
            return Ok(Some(called(registers).unwrap_or(success)));
        }
        let operation = riscv::decode(self.image.xlen(), &self.instruction(store.pc)?);
        let Some(source) = operation.and_then(|operation| operation.stored_register()) else {
            return Ok(Some(success));
        };
        let word = registers.x[usize::from(source)] as u32;
        Ok(match word & 0xffff {
            board::FINISHER_RESET => Some(BootEnd::Reset),
            // OpenSBI 1.2 and later powers off through syscon, which stores the same for every reason.
            board::FINISHER_PASS if self.in_firmware()? => Some(self.saved_call(registers)?.unwrap_or(success)),
            board::FINISHER_PASS => Some(success),
            // OpenSBI stores this for every reason except "none".
            board::FINISHER_FAIL if self.in_firmware()? => Some(BootEnd::PowerOff(PowerOff::Reason(1))),
            board::FINISHER_FAIL => Some(BootEnd::PowerOff(PowerOff::Failure(word >> 16))),
            _ => None,
        })
    }

    /// The end that the SBI call makes which the firmware is in; `None` where that is not known.
    fn saved_call(&mut self, registers: &Registers) -> Result<Option<BootEnd>, Error> {
        Ok(self.saved_registers(registers)?.as_ref().and_then(called))
    }

    /// The registers of the SBI call that the firmware is in, by x0 to x31 and mepc that it saved on its stack at the trap. `None` where
    /// nothing on its stack looks like them: a firmware may save them otherwise.
    fn saved_registers(&mut self, registers: &Registers) -> Result<Option<Registers>, Error> {
        const SPAN: usize = 4096;
        let Some(mepc) = self.csr(csr::MEPC)? else { return Ok(None) };
        let mut stack = [0; SPAN];
        match self.machine.read_memory(registers.sp(), &mut stack) {
            Err(Error::Refused { .. }) => return Ok(None),
            read => read?,
        }
        let xlen = self.image.xlen();
        let words: Vec<u64> = stack.chunks_exact(xlen.bytes()).map(|word| xlen.read(word)).collect();
        let saved = words.windows(33).find(|saved| saved[0] == 0 && saved[32] == mepc);
        Ok(saved.map(|saved| Registers { x: std::array::from_fn(|index| saved[index]), pc: mepc }))
    }

    /// How the boot ends where the firmware does not return. It waits for another hart's call in a hart that stopped itself, and has left
    /// that hart's stack (OpenSBI, lib/sbi/sbi_hsm.c).
    pub(super) fn kept_by_firmware(&mut self) -> Result<BootEnd, Error> {
        let registers = self.machine.registers()?;
        let pc = Address(registers.pc);
        let is = |effect: Result<Effect, Error>, wanted| matches!(effect, Ok(effect) if effect == wanted);
        let waits = [pc, pc - 4].into_iter().any(|pc| is(self.effect(pc), Effect::Wfi));
        let Some(call) = self.csr(csr::MEPC)?.map(Address).filter(|call| waits && self.image.is_code(*call)) else {
            return Ok(BootEnd::Firmware);
        };
        if !is(self.effect(call), Effect::Ecall) {
            return Ok(BootEnd::Firmware);
        }
        Ok(match self.saved_registers(&registers)? {
            Some(saved) if (saved.x[A7], saved.x[A6]) != (sbi::HART_STATE, sbi::HART_STOP) => BootEnd::Firmware,
            _ => BootEnd::HartStopped { at: call },
        })
    }

    /// Which end of the boot the semihosting call at pc causes, if any. A program's are its kernel's.
    pub(super) fn last_host_call(&mut self, registers: &Registers) -> Result<Option<BootEnd>, Error> {
        if self.in_user_mode()? || !self.is_host_call(Address(registers.pc)) {
            return Ok(None);
        }
        let xlen = self.image.xlen();
        let word = |at| {
            let mut bytes = [0; 8];
            let bytes = &mut bytes[..xlen.bytes()];
            self.machine.read_memory(Address(at), bytes).ok().map(|()| xlen.read(bytes))
        };
        let status = semihosting::exit_status(xlen, [registers.x[A0], registers.x[A1]], word);
        Ok(status.map(|status| BootEnd::PowerOff(PowerOff::HostCall(status))))
    }

    /// Whether the breakpoint at `pc` is a semihosting call.
    pub fn is_host_call(&mut self, pc: Address) -> bool {
        let mut bytes = [0; semihosting::LENGTH];
        self.machine.read_memory(pc - semihosting::BEFORE, &mut bytes).is_ok() && semihosting::is_call(&bytes)
    }

    /// Which end of the boot the SBI call at pc causes, if any. The firmware refuses other kinds of reset.
    pub(super) fn last_call(&mut self) -> Result<Option<BootEnd>, Error> {
        let registers = self.machine.registers()?;
        let end = called(&registers);
        Ok(if end.is_some() && self.effect(Address(registers.pc))? == Effect::Ecall && !self.in_user_mode()? {
            end
        } else {
            None
        })
    }
}

fn called(Registers { x, .. }: &Registers) -> Option<BootEnd> {
    match (x[A7], x[A0], x[A1]) {
        (sbi::LEGACY_SHUTDOWN, ..) | (sbi::SYSTEM_RESET, 0, 0) => Some(BootEnd::PowerOff(PowerOff::Success)),
        (sbi::SYSTEM_RESET, 0, reason) => Some(BootEnd::PowerOff(PowerOff::Reason(reason))),
        (sbi::SYSTEM_RESET, 1 | 2, _) => Some(BootEnd::Reset),
        _ => None,
    }
}
