//! Tries one watchpoint before the checks rely on them: some versions of QEMU hang on some hosts when one is hit (QEMU's work item
//! 3444: 10.2 to 11.0 on Apple Silicon). It does not know which machine it is.
//!
//! Only this hart makes the store. Others may be about to execute the instructions that it replaces: without a firmware all harts
//! begin at the entry.

use std::time::Duration;

use crate::machine::{Access, Address, Error, Machine, Register, Stop, Watchpoint};

/// The time limit for the store, and for the machine to stop before it.
const LIMIT: Duration = Duration::from_secs(5);
/// `sb zero, 0(t0)`, then a jump to itself in case the watchpoint is missed.
const PROGRAM: [u8; 8] = [0x23, 0x80, 0x02, 0x00, 0x6f, 0x00, 0x00, 0x00];
const T0: Register = Register::Gpr(5);
/// The offset from the entry, which has a breakpoint itself.
const PROGRAM_OFFSET: u64 = 16;
const WATCHED_OFFSET: u64 = 64;

/// Makes the hart store to a watched byte near the entry (a physical address), and undoes everything. Returns what went wrong, if
/// anything did.
///
/// # Errors
/// Errors of the machine, except for the stop that is awaited.
pub fn watchpoint(machine: &mut dyn Machine, entry: Address) -> Result<Option<String>, Error> {
    let (program, watched) = (entry + PROGRAM_OFFSET, entry + WATCHED_OFFSET);
    let (mut code, mut byte) = ([0; PROGRAM.len()], [0]);
    machine.read_memory(program, &mut code)?;
    machine.read_memory(watched, &mut byte)?;
    let (t0, pc) = match (machine.read_register(T0), machine.read_register(Register::Pc)) {
        (Ok(t0), Ok(pc)) => (t0, pc),
        // A stub that cannot write single registers is not tried.
        _ => return Ok(None),
    };
    machine.write_memory(program, &PROGRAM)?;
    machine.write_register(T0, watched.0)?;
    machine.write_register(Register::Pc, program.0)?;
    if let Some(fault) = hit(machine, watched)? {
        return Ok(Some(fault));
    }
    machine.write_memory(program, &code)?;
    machine.write_memory(watched, &byte)?;
    machine.write_register(T0, t0)?;
    machine.write_register(Register::Pc, pc)?;
    Ok(None)
}

fn hit(machine: &mut dyn Machine, watched: Address) -> Result<Option<String>, Error> {
    let watchpoint = Watchpoint { address: watched, length: 1, access: Access::Write };
    machine.insert_watchpoint(watchpoint)?;
    let within = LIMIT.as_millis();
    let stop = match machine.harts() {
        1 => machine.resume(LIMIT),
        _ => machine.step(1, LIMIT).map(|(_, stop)| stop),
    };
    match stop {
        Ok(Stop::Watchpoint { .. }) => machine.remove_watchpoint(watchpoint).map(|()| None),
        Ok(stop) => Ok(Some(format!(
            "the machine reported {stop:?} instead of a watchpoint for a watched store, within {within} ms"
        ))),
        Err(Error::Timeout { .. }) => {
            Ok(Some(format!("the machine did not stop at a watched store within {within} ms, nor after an interrupt")))
        }
        Err(error) => Err(error),
    }
}
