//! Control and status registers: which there are, who may touch them, what reading and writing does.
//!
//! Source: privileged manual, "Supervisor-Level ISA"; unprivileged manual, "Zicsr" and "Zicntr". It does not know instructions.

use crate::embedded::board::Board;
use crate::embedded::bus::translate;
use crate::embedded::hart::decode::Extension;
use crate::embedded::hart::state::{Privilege, interrupt, sstatus};

const FFLAGS: u16 = 0x001;
const FRM: u16 = 0x002;
const FCSR: u16 = 0x003;
const SSTATUS: u16 = 0x100;
const SIE: u16 = 0x104;
pub const STVEC: u16 = 0x105;
const SCOUNTEREN: u16 = 0x106;
const SENVCFG: u16 = 0x10a;
const SSCRATCH: u16 = 0x140;
const SEPC: u16 = 0x141;
const SCAUSE: u16 = 0x142;
const STVAL: u16 = 0x143;
const SIP: u16 = 0x144;
const STIMECMP: u16 = 0x14d;
const SATP: u16 = 0x180;
const CYCLE: u16 = 0xc00;
const TIME: u16 = 0xc01;
const INSTRET: u16 = 0xc02;

/// senvcfg.FIOM, the one bit of it that this machine holds; it has no effect where memory and I/O keep their order anyway.
const FIOM: u64 = 1;

/// The CSRs that this machine has, in the order of their numbers.
pub const ALL: &[u16] = &[
    FFLAGS, FRM, FCSR, SSTATUS, SIE, STVEC, SCOUNTEREN, SENVCFG, SSCRATCH, SEPC, SCAUSE, STVAL, SIP, STIMECMP, SATP,
    CYCLE, TIME, INSTRET,
];

/// Why a CSR was not accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is none, or not for this privilege or this kind of access.
    Illegal,
    /// It belongs to an extension that this machine does not have.
    Missing(Extension),
}

/// Whether the present privilege may read, or write, CSR `number`.
///
/// # Errors
/// Where it may not.
pub fn check(board: &Board, number: u16, writes: bool) -> Result<(), Denied> {
    let user = board.hart.privilege == Privilege::User;
    let lowest = number >> 8 & 3;
    let read_only = number >> 10 == 3;
    if lowest == 2 && !user && is_hypervisor(number) {
        return Err(Denied::Missing(Extension::Hypervisor));
    }
    if is_performance_counter(number) && !writes && (!user || board.hart.scounteren >> (number - CYCLE) & 1 != 0) {
        return Err(Denied::Missing(Extension::PerformanceCounters));
    }
    let privileged = lowest == 0 || (lowest == 1 && !user);
    if !privileged || (writes && read_only) || !ALL.contains(&number) {
        return Err(Denied::Illegal);
    }
    let allowed = match number {
        FFLAGS | FRM | FCSR => !board.hart.float_off(),
        CYCLE | TIME | INSTRET if user => board.hart.scounteren >> (number - CYCLE) & 1 != 0,
        _ => true,
    };
    if allowed { Ok(()) } else { Err(Denied::Illegal) }
}

/// The CSRs by which a hypervisor is written, in the ranges that the manual gives them.
fn is_hypervisor(number: u16) -> bool {
    matches!(number, 0x200 | 0x204 | 0x205 | 0x240..=0x244 | 0x24d | 0x280)
        || matches!(
            number,
            0x600 | 0x602 | 0x603 | 0x604 | 0x605 | 0x606 | 0x607 | 0x60a | 0x643..=0x645 | 0x64a | 0x680
        )
        || number == 0xe12
}

/// Whether its value changes without anybody writing it: time, counters, pending interrupts.
pub fn changes_by_itself(number: u16) -> bool {
    matches!(number, SIP | CYCLE | TIME | INSTRET)
}

/// Those that QEMU 7.2 has: hpmcounter3 to hpmcounter18.
fn is_performance_counter(number: u16) -> bool {
    matches!(number, 0xc03..=0xc12)
}

/// The value of a CSR that the machine has.
pub fn read(board: &Board, number: u16) -> Option<u64> {
    let hart = &board.hart;
    Some(match number {
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
        _ => return None,
    })
}

/// Writes a CSR as an instruction would, where the value is one that the CSR can hold; `None` where it is not writable.
pub fn write(board: &mut Board, number: u16, value: u64) -> Option<()> {
    let hart = &mut board.hart;
    match number {
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
        SENVCFG => hart.senvcfg = value & FIOM,
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
    if matches!(number, FFLAGS | FRM | FCSR) {
        board.hart.mark_float_dirty();
    }
    board.refresh_context();
    Some(())
}
