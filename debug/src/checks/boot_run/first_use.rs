//! Where sp points when a kernel first relies on it. It does not judge, nor does it need to know where the stack is.

use std::time::{Duration, Instant};

use crate::machine::{Address, Error, Machine, Stop};
use crate::riscv::{self, Effect, Kind, Register, Xlen};

/// How far from the entry that may be, in instructions: a clear in registers of a large BSS may come first.
const FARTHEST: u64 = 2_000_000;
const STEP_LIMIT: Duration = Duration::from_secs(1);
const SP: usize = 2;

/// Executes a machine that stands at the kernel's entry, one instruction at a time, until sp has been set and is used: by a
/// store through it, or by a call; where neither comes, until the machine stops or `deadline`. What is told is the value that
/// sp was set to, above the frame that a function made since.
pub fn stack_pointer(machine: &mut dyn Machine, deadline: Instant) -> Result<Option<Address>, Error> {
    let mut registers = machine.registers()?;
    let (mut set, mut was_written) = (None, false);
    for _ in 0..FARTHEST {
        let mut bytes = [0; 4];
        if machine.read_memory(Address(registers.pc), &mut bytes).is_err() {
            return Ok(None);
        }
        if set.is_some() && uses_stack(&bytes) {
            return Ok(set.map(Address));
        }
        // A kernel that rests may have set sp for nothing yet.
        if machine.step(1, STEP_LIMIT)?.1 != Stop::Stepped || Instant::now() > deadline {
            return Ok(set.map(Address));
        }
        let before = std::mem::replace(&mut registers, machine.registers()?);
        let written = registers.x[SP] != before.x[SP];
        // `la sp` is two instructions, of which the second adds to sp as a function does that makes its frame.
        if written && (was_written || !adds_to_sp(&bytes)) {
            set = Some(registers.x[SP]);
        }
        was_written = written;
    }
    Ok(None)
}

fn uses_stack(instruction: &[u8]) -> bool {
    match riscv::decode(Xlen::Rv64, instruction).map(|operation| operation.effect()) {
        Some(Effect::Store { base, .. }) => usize::from(base) == SP,
        Some(Effect::Call(_)) => true,
        _ => false,
    }
}

/// Whether sp is what a function adds to that makes its frame: `addi sp, sp, …`, in whatever encoding.
fn adds_to_sp(instruction: &[u8]) -> bool {
    riscv::decode(Xlen::Rv64, instruction).is_some_and(|operation| {
        operation.kind == Kind::Addi && (operation.rd, operation.rs1) == (Register::SP, Register::SP)
    })
}
