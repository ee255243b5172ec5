//! Finds where sp points when a kernel first uses it. It does not judge, and does not need to know where the stack is.

use std::time::Duration;

use super::limit::Limit;
use crate::machine::{Address, Error, Machine, Stop};
use crate::riscv::{self, Effect, Kind, Register, Xlen};

/// How many instructions from the entry to search. A clear of a large BSS may come first.
const FARTHEST: u64 = 2_000_000;
const STEP_LIMIT: Duration = Duration::from_secs(1);
const SP: u8 = Register::SP;

/// Steps a machine that is at the kernel's entry until sp has been set and is used, by a store through it or by a call. Stops
/// at `limit`, and when the machine stops. Returns the value that sp was set to, without the frame that a function made since.
pub fn stack_pointer(machine: &mut dyn Machine, xlen: Xlen, limit: &Limit) -> Result<Option<Address>, Error> {
    let mut registers = machine.registers()?;
    let (mut set, mut was_written) = (None, false);
    for _ in 0..FARTHEST {
        let mut bytes = [0; 4];
        if machine.read_memory(Address(registers.pc), &mut bytes).is_err() {
            return Ok(None);
        }
        if set.is_some() && uses_stack(xlen, &bytes) {
            return Ok(set.map(Address));
        }
        // A kernel that idles may have set sp and not used it yet.
        if machine.step(1, STEP_LIMIT)?.1 != Stop::Stepped || limit.reached(machine).is_some() {
            return Ok(set.map(Address));
        }
        let before = std::mem::replace(&mut registers, machine.registers()?);
        let written = registers.sp().0 != before.sp().0;
        // `la sp` is two instructions. The second adds to sp, just as a function does to make its frame.
        if written && (was_written || !adds_to_sp(xlen, &bytes)) {
            set = Some(registers.sp().0);
        }
        was_written = written;
    }
    Ok(None)
}

fn uses_stack(xlen: Xlen, instruction: &[u8]) -> bool {
    match riscv::decode(xlen, instruction).map(|operation| operation.effect()) {
        Some(Effect::Store { base, .. }) => base == SP,
        Some(Effect::Call(_)) => true,
        _ => false,
    }
}

/// Whether the instruction makes a function's frame: `addi sp, sp, …`, in any encoding.
fn adds_to_sp(xlen: Xlen, instruction: &[u8]) -> bool {
    riscv::decode(xlen, instruction).is_some_and(|operation| {
        operation.kind == Kind::Addi && (operation.rd, operation.rs1) == (Register::SP, Register::SP)
    })
}
