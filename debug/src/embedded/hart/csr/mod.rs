//! The hart's CSRs: which exist, who may access them, and the effects of reads and writes.
//!
//! Source: privileged manual, "Supervisor-Level ISA"; unprivileged manual, "Zicsr" and "Zicntr". It does not know instructions.

mod guest;
mod machine;

pub use machine::all_set as all_set_by_machine_mode;

use crate::embedded::board::Board;
use crate::embedded::bus::translate;
use crate::embedded::hart::decode::{Extension, Extensions};
use crate::embedded::hart::machine_mode::{Counter, MachineMode};
use crate::embedded::hart::state::{Hart, Privilege, henvcfg, hstatus, interrupt, senvcfg, sstatus};
use crate::riscv::csr::*;
use crate::riscv::status::mstatus::TVM;
use crate::riscv::{Register, Xlen};

/// The bits of half a CSR of 64 bits.
const HALF: u32 = 32;
/// [`lowest_privilege`] of M-mode's CSRs.
const OF_MACHINE: u16 = 3;

/// The CSRs that this machine has, in the order of their numbers.
pub const ALL: &[Register] = &[
    FFLAGS, FRM, FCSR, SSTATUS, SIE, STVEC, SCOUNTEREN, SENVCFG, SSCRATCH, SEPC, SCAUSE, STVAL, SIP, STIMECMP, SATP,
    CYCLE, TIME, INSTRET,
];

/// Why a CSR was not accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It does not exist, or not for this privilege or kind of access.
    Illegal,
    /// A hypervisor could, and this is its guest.
    Virtual,
    /// It belongs to an extension that this machine does not have.
    Missing(Extension),
}

/// Checks whether the current privilege may read, or write, CSR `number`.
///
/// # Errors
/// If it may not.
pub fn check(board: &Board, number: u16, writes: bool) -> Result<(), Denied> {
    let hart = &board.hart;
    let (extensions, virtualized) = (hart.extensions, hart.virtualized);
    let (number, _) = whole(hart.xlen, number).ok_or(Denied::Illegal)?;
    let user = hart.privilege == Privilege::User;
    if is_vector(number) && extensions.has(Extension::Vector) {
        return Err(Denied::Missing(Extension::Vector));
    }
    let exists = match Register::Csr(number) {
        CYCLE | TIME | INSTRET => extensions.has(Extension::Zicntr) && !board.conditions.no_counters,
        STIMECMP => extensions.has(Extension::Sstc),
        VSTIMECMP => extensions.has(Extension::Sstc) && extensions.has(Extension::Hypervisor),
        _ if is_performance_counter(number) => extensions.has(Extension::Zihpm),
        _ if is_hypervisor(number) => extensions.has(Extension::Hypervisor),
        _ if lowest_privilege(number) == OF_MACHINE => machine::exists(hart, number),
        register => ALL.contains(&register),
    };
    let is_machines = lowest_privilege(number) == OF_MACHINE && hart.privilege != Privilege::Machine;
    if !exists || is_machines || (writes && is_read_only(number)) || !machine_allows(hart, number) {
        return Err(Denied::Illegal);
    }
    // Who lacks the privilege, and what a hypervisor would be allowed, is told apart (privileged manual, "Virtual-Instruction Exceptions").
    let refused = Err(if virtualized { Denied::Virtual } else { Denied::Illegal });
    let has_privilege = match lowest_privilege(number) {
        0 => true,
        1 => !user,
        _ => !user && !virtualized,
    };
    let enabled = |counters: u64| counters >> (number & 31) & 1 != 0;
    let allowed = match Register::Csr(number) {
        FFLAGS | FRM | FCSR if hart.float_off() => return Err(Denied::Illegal),
        STIMECMP if virtualized => {
            hart.guest.henvcfg & henvcfg::STCE != 0 && hart.guest.hcounteren >> (TIME.csr_number() & 31) & 1 != 0
        }
        SATP if virtualized => hart.guest.hstatus & hstatus::VTVM == 0,
        _ if COUNTERS.contains(&number) => {
            (!virtualized || enabled(hart.guest.hcounteren)) && (!user || enabled(hart.scounteren))
        }
        _ => true,
    };
    if has_privilege && allowed { Ok(()) } else { refused }
}

/// Whether M-mode leaves it to the other modes, where there is M-mode (privileged manual, "Machine Counter-Enable Register", "Machine
/// Environment Configuration Register" and "Virtualization Support in mstatus Register").
fn machine_allows(hart: &Hart, number: u16) -> bool {
    let Some(machine) = hart.machine.as_ref().filter(|_| hart.privilege != Privilege::Machine) else { return true };
    let enabled = |counter: u16| machine.mcounteren >> (counter & 31) & 1 != 0;
    match Register::Csr(number) {
        STIMECMP | VSTIMECMP => enabled(TIME.csr_number()) && machine.menvcfg & henvcfg::STCE != 0,
        SATP => hart.virtualized || !hart.is_restricted(TVM),
        HGATP => !hart.is_restricted(TVM),
        _ => !COUNTERS.contains(&number) || enabled(number),
    }
}

/// The CSR that an access is about, and whether that is to the upper half, which has a number of its own on RV32 alone.
fn whole(xlen: Xlen, number: u16) -> Option<(u16, bool)> {
    match lower_half(number) {
        Some(_) if xlen == Xlen::Rv64 => None,
        Some(lower) => Some((lower, true)),
        None => Some((number, false)),
    }
}

/// Whether its value changes by itself: time, counters, pending interrupts.
pub fn changes_by_itself(number: u16) -> bool {
    matches!(
        Register::Csr(lower_half(number).unwrap_or(number)),
        SIP | HIP | VSIP | MIP | CYCLE | TIME | INSTRET | MCYCLE | MINSTRET
    )
}

/// Those that QEMU has: hpmcounter3 to hpmcounter18. No event is counted in them: they hold 0, or what M-mode wrote.
fn is_performance_counter(number: u16) -> bool {
    (BASE_COUNTERS.start() + 3..=BASE_COUNTERS.start() + 18).contains(&number)
}

/// What setting and clearing bits of a CSR begins with, where it reads as `shown`: in mip's SEIP, only what software holds (privileged
/// manual, "Machine Interrupt Registers").
pub fn held(board: &Board, number: u16, shown: u64) -> u64 {
    match (Register::Csr(number), &board.hart.machine) {
        (MIP, Some(machine)) => shown & !interrupt::EXTERNAL | machine.raised & interrupt::EXTERNAL,
        _ => shown,
    }
}

/// The value of an existing CSR.
pub fn read(board: &Board, number: u16) -> Option<u64> {
    let (number, is_upper) = whole(board.hart.xlen, number)?;
    let value = read_whole(board, number)?;
    Some(if is_upper { value >> HALF } else { board.hart.xlen.truncate(value) })
}

/// All bits of it, on RV32 too.
fn read_whole(board: &Board, number: u16) -> Option<u64> {
    let hart = &board.hart;
    let number = guest::seen(hart, number);
    if is_hypervisor(number) {
        return guest::read(board, Register::Csr(number));
    }
    if lowest_privilege(number) == OF_MACHINE {
        return machine::read(board, number);
    }
    let delegated = hart.delegated_interrupts() & interrupt::ALL;
    let count = |counter: fn(&MachineMode) -> Counter| match &hart.machine {
        Some(machine) => counter(machine).value(board.executed_by_hart()),
        None => board.executed_by_hart(),
    };
    Some(match Register::Csr(number) {
        FFLAGS => hart.fflags.into(),
        FRM => hart.frm.into(),
        FCSR => u64::from(hart.frm) << 5 | u64::from(hart.fflags),
        SSTATUS => hart.sstatus(),
        SIE => hart.sie & delegated,
        STVEC => hart.stvec,
        SCOUNTEREN => hart.scounteren,
        SENVCFG => hart.senvcfg,
        SSCRATCH => hart.sscratch,
        SEPC => hart.sepc,
        SCAUSE => hart.scause,
        STVAL => hart.stval,
        SIP => board.pending() & delegated,
        STIMECMP => hart.stimecmp,
        SATP => hart.satp,
        CYCLE => count(|machine| machine.cycle),
        INSTRET => count(|machine| machine.instret),
        TIME if hart.virtualized => board.time().wrapping_add(hart.guest.htimedelta),
        TIME => board.time(),
        _ if is_performance_counter(number) => {
            let index = usize::from(number - BASE_COUNTERS.start() - 3);
            hart.machine.as_ref().map_or(0, |machine| machine.counters[index])
        }
        _ => return None,
    })
}

/// Writes a CSR like an instruction, if the CSR can hold the value; `None` if it is not writable.
pub fn write(board: &mut Board, number: u16, value: u64) -> Option<()> {
    let xlen = board.hart.xlen;
    let (number, is_upper) = whole(xlen, number)?;
    let value = xlen.truncate(value);
    if xlen == Xlen::Rv64 || !has_upper_half(number) {
        return write_whole(board, number, value);
    }
    let held = read_whole(board, number)?;
    let value = if is_upper { xlen.truncate(held) | value << HALF } else { held & !xlen.most() | value };
    write_whole(board, number, value)
}

fn write_whole(board: &mut Board, number: u16, value: u64) -> Option<()> {
    let number = guest::seen(&board.hart, number);
    if is_hypervisor(number) {
        return guest::write(board, Register::Csr(number), value);
    }
    if lowest_privilege(number) == OF_MACHINE {
        return machine::write(board, number, value);
    }
    let delegated = board.hart.delegated_interrupts() & interrupt::ALL;
    let hart = &mut board.hart;
    let register = Register::Csr(number);
    match register {
        FFLAGS => hart.fflags = (value & 0x1f) as u8,
        FRM => hart.frm = (value & 7) as u8,
        FCSR => {
            hart.fflags = (value & 0x1f) as u8;
            hart.frm = (value >> 5 & 7) as u8;
        }
        SSTATUS => hart.sstatus = value & sstatus::WRITABLE,
        SIE => hart.sie = hart.sie & !delegated | value & delegated,
        // Modes 2 and 3 are reserved: the register keeps its value.
        STVEC if value & 3 < 2 => hart.stvec = value,
        STVEC => {}
        SCOUNTEREN => hart.scounteren = value & 0xffff_ffff,
        SENVCFG => hart.senvcfg = held_configuration(hart.extensions, hart.senvcfg, value),
        SSCRATCH => hart.sscratch = value,
        SEPC => hart.sepc = value & !1,
        SCAUSE => hart.scause = value,
        STVAL => hart.stval = value,
        SIP if delegated & interrupt::SOFTWARE != 0 => hart.software_interrupt = value & interrupt::SOFTWARE != 0,
        SIP => {}
        STIMECMP => hart.stimecmp = value,
        SATP if translate::has_mode(value, hart.xlen) => {
            hart.satp = value;
            board.flush_translations();
        }
        SATP => {}
        _ => return None,
    }
    if matches!(register, FFLAGS | FRM | FCSR) {
        board.hart.mark_float_dirty();
    }
    board.refresh_context();
    Some(())
}

/// Of senvcfg, and of henvcfg what they share: the bits of extensions that the hart has; the reserved value of CBIE leaves it as it was.
fn held_configuration(extensions: Extensions, old: u64, value: u64) -> u64 {
    let mut mask = senvcfg::FIOM;
    if extensions.has(Extension::Zicbom) {
        mask |= senvcfg::CBCFE | if value & senvcfg::CBIE == 2 << 4 { 0 } else { senvcfg::CBIE };
    }
    if extensions.has(Extension::Zicboz) {
        mask |= senvcfg::CBZE;
    }
    let kept = if mask & senvcfg::CBIE == 0 { old & senvcfg::CBIE } else { 0 };
    value & mask | kept
}
