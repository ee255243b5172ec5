//! Instructions that concern the whole board: CSRs, calls to the firmware, returns from traps, `wfi`, `sfence.vma`.
//!
//! It does not know how the others are executed: it hands them on.

use crate::embedded::board::Board;
use crate::embedded::bus::translate::Context;
use crate::embedded::firmware::sbi;
use crate::embedded::hart::csr::{self, Denied};
use crate::embedded::hart::decode::{CsrAccess, CsrChange, Kind, Operation};
use crate::embedded::hart::execute;
use crate::embedded::hart::state::{Hart, Privilege, SINK, hstatus};
use crate::embedded::hart::trap::{AccessType, Cause, Interruption, Trap};
use crate::machine::{Address, HartEvent, Register};
use crate::riscv::status::mstatus::{TSR, TVM, TW};
use crate::riscv::{self, Fence, GuestAccess};

/// Executes the instruction at pc; the value is the next one's address.
pub fn execute(board: &mut Board, operation: &Operation) -> Result<u64, Interruption> {
    let pc = board.hart.pc;
    let next = board.hart.xlen.truncate(pc.wrapping_add(operation.length.into()));
    may_execute(&board.hart, operation)?;
    match operation.kind {
        Kind::Csr(access) => access_csr(board, operation, access)?,
        Kind::Ecall => return call(board, next),
        Kind::Sret | Kind::Mret => return Ok(return_from_trap(board, operation.kind)),
        Kind::Wfi => {
            board.wait(pc);
        }
        // A guest's translations are forgotten whenever a guest is entered or left.
        Kind::SfenceVma | Kind::Invalidate(Fence::Supervisor) => board.flush_translations(),
        Kind::Invalidate(_) => {}
        Kind::Guest(access) => access_guest(board, operation, access)?,
        Kind::Other(extension) => return Err(Interruption::MissingExtension(extension)),
        _ => {
            execute::execute(operation, &mut board.hart, &mut board.memory)?;
            return Ok(board.hart.pc);
        }
    }
    Ok(next)
}

/// `ecall`: a trap, but where the firmware is in the host.
fn call(board: &mut Board, next: u64) -> Result<u64, Interruption> {
    let cause = match board.hart.privilege {
        Privilege::User => Cause::UserCall,
        Privilege::Supervisor if board.hart.virtualized => Cause::GuestCall,
        Privilege::Supervisor if board.hart.machine.is_none() => return sbi::call(board, next),
        Privilege::Supervisor => Cause::SupervisorCall,
        Privilege::Machine => Cause::MachineCall,
    };
    Err(Trap::new(cause, 0).into())
}

fn return_from_trap(board: &mut Board, kind: Kind) -> u64 {
    let is_kernels = board.is_kernels();
    match kind {
        Kind::Mret => board.hart.return_from_machine_trap(),
        _ => board.hart.return_from_trap(),
    }
    board.refresh_context();
    if let Some(races) = &mut board.memory.races {
        races.set_interrupted(None);
    }
    let to_user = board.hart.privilege == Privilege::User;
    if is_kernels {
        let [to, sp] = [board.hart.pc, board.hart.x(Register::SP)].map(Address);
        board.memory.note(HartEvent::TrapReturn { icount: board.icount, to, sp, to_user });
        board.compare_with_interrupted();
    }
    board.hart.pc
}

/// Whether the mode and hstatus allow a privileged instruction (privileged manual, "Virtual-Instruction Exceptions").
fn may_execute(hart: &Hart, operation: &Operation) -> Result<(), Trap> {
    if operation.kind == Kind::Mret && hart.privilege != Privilege::Machine {
        return Err(Trap::illegal(operation.bits));
    }
    let (user, held) = (hart.privilege == Privilege::User, hart.guest.hstatus);
    let supervisors =
        matches!(operation.kind, Kind::Sret | Kind::Wfi | Kind::SfenceVma | Kind::Invalidate(_) | Kind::Guest(_));
    if !supervisors {
        return Ok(());
    }
    if is_restricted(hart, operation.kind) {
        return Err(Trap::illegal(operation.bits));
    }
    if !hart.virtualized {
        let by_user = matches!(operation.kind, Kind::Guest(_)) && held & hstatus::HU != 0;
        return if user && !by_user { Err(Trap::illegal(operation.bits)) } else { Ok(()) };
    }
    let refused = user
        || match operation.kind {
            Kind::Sret => held & hstatus::VTSR != 0,
            Kind::Wfi => held & hstatus::VTW != 0,
            Kind::SfenceVma | Kind::Invalidate(Fence::Supervisor) => held & hstatus::VTVM != 0,
            Kind::Invalidate(Fence::Before | Fence::After) => false,
            _ => true,
        };
    if refused { Err(Trap::virtual_instruction(operation.bits)) } else { Ok(()) }
}

/// Whether a bit of mstatus keeps it from S-mode; wfi from a guest as well, whose other bits are in hstatus.
fn is_restricted(hart: &Hart, kind: Kind) -> bool {
    match kind {
        Kind::Wfi => hart.is_restricted(TW),
        _ if hart.virtualized => false,
        Kind::Sret => hart.is_restricted(TSR),
        Kind::SfenceVma | Kind::Invalidate(Fence::Supervisor) => hart.is_restricted(TVM),
        Kind::Invalidate(Fence::Hypervisor { guest_physical } | Fence::InvalidateGuest { guest_physical }) => {
            guest_physical && hart.is_restricted(TVM)
        }
        _ => false,
    }
}

/// `hlv`, `hlvx` and `hsv` (privileged manual, "Hypervisor Virtual-Machine Load and Store Instructions").
fn access_guest(board: &mut Board, operation: &Operation, access: GuestAccess) -> Result<(), Interruption> {
    let context = Context::of_guest_access(&board.hart);
    let address = board.hart.x(operation.rs1);
    let length = 1 << access.width;
    if access.store {
        return board.memory.store_as_guest(&context, address, board.hart.x(operation.rs2), length);
    }
    let access_type = if access.executable { AccessType::LoadExecutable } else { AccessType::Load };
    let value = board.memory.load_as_guest(&context, address, length, access_type)?;
    let unused = 64 - 8 * length;
    let value = if access.unsigned { value } else { ((value << unused) as i64 >> unused) as u64 };
    board.hart.set_x(operation.rd, board.hart.xlen.truncate(value));
    Ok(())
}

/// csrrw, csrrs, csrrc and their immediate forms (unprivileged manual, "Zicsr").
fn access_csr(board: &mut Board, operation: &Operation, access: CsrAccess) -> Result<(), Interruption> {
    let number = operation.immediate as u16;
    // Setting or clearing the bits of x0, or of the number 0, does not write.
    let writes = access.change == CsrChange::Write || operation.rs1 != 0;
    csr::check(board, number, writes).map_err(|denied| match denied {
        Denied::Illegal => Trap::illegal(operation.bits).into(),
        Denied::Virtual => Trap::virtual_instruction(operation.bits).into(),
        Denied::Missing(extension) => Interruption::MissingExtension(extension),
    })?;
    let source = if access.source_is_number { operation.rs1.into() } else { board.hart.x(operation.rs1) };
    let old = csr::read(board, number).unwrap_or(0);
    if writes {
        let held = csr::held(board, number, old);
        let new = match access.change {
            CsrChange::Write => source,
            CsrChange::Set => held | source,
            CsrChange::Clear => held & !source,
        };
        csr::write(board, number, new);
        let register = Register::Csr(number);
        let is_vector = matches!(register, riscv::csr::STVEC | riscv::csr::MTVEC) && !board.hart.virtualized;
        if is_vector && board.is_kernels() {
            let (icount, pc) = (board.icount, Address(board.hart.pc));
            let held = csr::read(board, number).unwrap_or(0);
            board.memory.note(HartEvent::VectorWrite { icount, pc, written: new, held });
        }
    }
    if csr::changes_by_itself(number) {
        let (icount, time) = (board.icount, board.time());
        board.memory.note_clock_read(icount, Address(board.hart.pc), time);
    }
    if operation.rd != SINK {
        board.hart.set_x(operation.rd, old);
    }
    Ok(())
}
