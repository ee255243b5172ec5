//! Instructions that concern the whole board: CSRs, calls to the firmware, returns from traps, `wfi`, `sfence.vma`.
//!
//! It passes other instructions on.

use crate::embedded::board::Board;
use crate::embedded::firmware::sbi;
use crate::embedded::hart::csr::{self, Denied};
use crate::embedded::hart::decode::{CsrAccess, CsrChange, Kind, Operation};
use crate::embedded::hart::execute;
use crate::embedded::hart::state::{Privilege, SINK};
use crate::embedded::hart::trap::{Cause, Interruption, Trap};
use crate::machine::{Address, HartEvent, Register};
use crate::riscv::{self, Fence};

/// Executes the instruction at pc. Returns the address of the next.
pub fn execute(board: &mut Board, operation: &Operation) -> Result<u64, Interruption> {
    let pc = board.hart.pc;
    let next = pc.wrapping_add(operation.length.into());
    match operation.kind {
        Kind::Csr(access) => access_csr(board, operation, access)?,
        Kind::Ecall if board.hart.privilege == Privilege::User => return Err(Trap::new(Cause::UserCall, 0).into()),
        Kind::Ecall => return sbi::call(board, next),
        Kind::Sret | Kind::Wfi | Kind::SfenceVma | Kind::Invalidate(_) | Kind::Guest(_)
            if board.hart.privilege == Privilege::User =>
        {
            return Err(Trap::illegal(operation.bits).into());
        }
        Kind::Sret => {
            board.hart.return_from_trap();
            board.refresh_context();
            let to_user = board.hart.privilege == Privilege::User;
            board.memory.note(HartEvent::TrapReturn { icount: board.icount, to: Address(board.hart.pc), to_user });
            return Ok(board.hart.pc);
        }
        Kind::Wfi => {
            board.hart.waiting = true;
            let (icount, time) = (board.icount, board.time());
            let waits = board.pending() & board.hart.sie == 0;
            board.memory.note(HartEvent::Wait { icount, pc: Address(pc), time, waits });
        }
        Kind::SfenceVma | Kind::Invalidate(Fence::Supervisor) => board.flush_translations(),
        Kind::Invalidate(_) => {}
        Kind::Guest(_) => return Err(Interruption::MissingExtension(riscv::Extension::Hypervisor)),
        Kind::Other(extension) => return Err(Interruption::MissingExtension(extension)),
        _ => return execute::execute(operation, &mut board.hart, &mut board.memory, pc),
    }
    Ok(next)
}

/// csrrw, csrrs, csrrc and their immediate forms (unprivileged manual, "Zicsr").
fn access_csr(board: &mut Board, operation: &Operation, access: CsrAccess) -> Result<(), Interruption> {
    let number = operation.immediate as u16;
    // Setting or clearing the bits of x0, or of the number 0, does not write.
    let writes = access.change == CsrChange::Write || operation.rs1 != 0;
    csr::check(board, number, writes).map_err(|denied| match denied {
        Denied::Illegal => Trap::illegal(operation.bits).into(),
        Denied::Missing(extension) => Interruption::MissingExtension(extension),
    })?;
    let source = if access.source_is_number { operation.rs1.into() } else { board.hart.x(operation.rs1) };
    let old = csr::read(board, number).unwrap_or(0);
    if writes {
        let new = match access.change {
            CsrChange::Write => source,
            CsrChange::Set => old | source,
            CsrChange::Clear => old & !source,
        };
        csr::write(board, number, new);
        if Register::Csr(number) == riscv::csr::STVEC {
            let (icount, pc, held) = (board.icount, Address(board.hart.pc), board.hart.stvec);
            board.memory.note(HartEvent::VectorWrite { icount, pc, written: new, held });
        }
    }
    if csr::changes_by_itself(number) {
        board.memory.note(HartEvent::ClockRead { icount: board.icount });
    }
    if operation.rd != SINK {
        board.hart.set_x(operation.rd, old);
    }
    Ok(())
}
