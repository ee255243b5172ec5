//! The hart's CSRs: which exist, who may access them, and the effects of reads and writes.
//!
//! Source: privileged manual, "Supervisor-Level ISA"; unprivileged manual, "Zicsr" and "Zicntr". It does not know instructions.

use crate::embedded::board::Board;
use crate::embedded::bus::translate;
use crate::embedded::hart::decode::{Extension, Extensions};
use crate::embedded::hart::state::{Privilege, interrupt, senvcfg, sstatus};
use crate::riscv::Register;
use crate::riscv::csr::*;

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
    /// It belongs to an extension that this machine does not have.
    Missing(Extension),
}

/// Checks whether the current privilege may read, or write, CSR `number`.
///
/// # Errors
/// If it may not.
pub fn check(board: &Board, number: u16, writes: bool) -> Result<(), Denied> {
    let user = board.hart.privilege == Privilege::User;
    let extensions = board.hart.extensions;
    let lowest = lowest_privilege(number);
    if is_vector(number) && extensions.has(Extension::Vector) {
        return Err(Denied::Missing(Extension::Vector));
    }
    if !user && is_hypervisor(number) && extensions.has(Extension::Hypervisor) {
        return Err(Denied::Missing(Extension::Hypervisor));
    }
    let privileged = lowest == 0 || (lowest == 1 && !user);
    let exists = ALL.contains(&Register::Csr(number)) || is_performance_counter(number);
    if !privileged || (writes && is_read_only(number)) || !exists {
        return Err(Denied::Illegal);
    }
    let counter_allowed = !user || board.hart.scounteren >> (number & 31) & 1 != 0;
    let allowed = match Register::Csr(number) {
        FFLAGS | FRM | FCSR => !board.hart.float_off(),
        STIMECMP => extensions.has(Extension::Sstc),
        CYCLE | TIME | INSTRET => extensions.has(Extension::Zicntr) && !board.conditions.no_counters && counter_allowed,
        _ if is_performance_counter(number) => extensions.has(Extension::Zihpm) && counter_allowed,
        _ => true,
    };
    if allowed { Ok(()) } else { Err(Denied::Illegal) }
}

/// Whether its value changes by itself: time, counters, pending interrupts.
pub fn changes_by_itself(number: u16) -> bool {
    matches!(Register::Csr(number), SIP | CYCLE | TIME | INSTRET)
}

/// Those that QEMU has: hpmcounter3 to hpmcounter18. No event is counted in them: they hold 0.
fn is_performance_counter(number: u16) -> bool {
    (BASE_COUNTERS.start() + 3..=BASE_COUNTERS.start() + 18).contains(&number)
}

/// vstart, vxsat, vxrm, vcsr, vl, vtype and vlenb.
fn is_vector(number: u16) -> bool {
    matches!(number, 0x008..=0x00a | 0x00f | 0xc20..=0xc22)
}

/// The value of an existing CSR.
pub fn read(board: &Board, number: u16) -> Option<u64> {
    let hart = &board.hart;
    Some(match Register::Csr(number) {
        FFLAGS => hart.fflags.into(),
        FRM => hart.frm.into(),
        FCSR => u64::from(hart.frm) << 5 | u64::from(hart.fflags),
        SSTATUS => hart.sstatus(),
        SIE => hart.sie,
        STVEC => hart.stvec,
        SCOUNTEREN => hart.scounteren,
        SENVCFG => hart.senvcfg,
        SSCRATCH => hart.sscratch,
        SEPC => hart.sepc,
        SCAUSE => hart.scause,
        STVAL => hart.stval,
        SIP => board.pending(),
        STIMECMP => hart.stimecmp,
        SATP => hart.satp,
        CYCLE | INSTRET => board.icount,
        TIME => board.time(),
        _ if is_performance_counter(number) => 0,
        _ => return None,
    })
}

/// Writes a CSR like an instruction, if the CSR can hold the value; `None` if it is not writable.
pub fn write(board: &mut Board, number: u16, value: u64) -> Option<()> {
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
        SIE => hart.sie = value & interrupt::ALL,
        // Modes 2 and 3 are reserved: the register keeps its value.
        STVEC if value & 3 < 2 => hart.stvec = value,
        STVEC => {}
        SCOUNTEREN => hart.scounteren = value & 0xffff_ffff,
        SENVCFG => hart.senvcfg = held_senvcfg(hart.extensions, hart.senvcfg, value),
        SSCRATCH => hart.sscratch = value,
        SEPC => hart.sepc = value & !1,
        SCAUSE => hart.scause = value,
        STVAL => hart.stval = value,
        SIP => hart.software_interrupt = value & interrupt::SOFTWARE != 0,
        STIMECMP => hart.stimecmp = value,
        SATP if translate::has_mode(value) => {
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

/// The bits of extensions that the hart has; the reserved value of CBIE leaves it as it was.
fn held_senvcfg(extensions: Extensions, old: u64, value: u64) -> u64 {
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
