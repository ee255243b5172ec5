//! The hypervisor's CSRs and its guest's, and which of them a guest sees in place of the supervisor's.
//!
//! Source: privileged manual, "Hypervisor and Virtual Supervisor CSRs". It does not know who may access them.

use super::held_configuration;
use crate::embedded::board::Board;
use crate::embedded::bus::translate;
use crate::embedded::hart::decode::{Extension, Extensions};
use crate::embedded::hart::state::{Hart, henvcfg, hstatus, interrupt, sstatus};
use crate::riscv::Register;
use crate::riscv::cause;
use crate::riscv::csr::*;

/// The exceptions that a guest can be left: those that its own hart could raise, but for calls of S-mode.
const DELEGABLE: u64 = cause::bits(&[
    cause::INSTRUCTION_MISALIGNED,
    cause::INSTRUCTION_ACCESS,
    cause::ILLEGAL_INSTRUCTION,
    cause::BREAKPOINT,
    cause::LOAD_MISALIGNED,
    cause::LOAD_ACCESS,
    cause::STORE_MISALIGNED,
    cause::STORE_ACCESS,
    cause::USER_CALL,
    cause::INSTRUCTION_PAGE,
    cause::LOAD_PAGE,
    cause::STORE_PAGE,
]);
/// The bits of hgatp's page number that are zero, as the manual has it, because the root has 16 KiB (privileged manual, "Hypervisor Guest
/// Address Translation and Protection Register"). QEMU 7.2 to 11 hold them, and a root at any page works there; so it does here, but
/// under `Conditions::aligned_guest_root`.
const ROOT_ALIGNMENT: u64 = 3;

/// The number of the CSR that an instruction accesses by this one: the guest's in place of the supervisor's.
pub fn seen(hart: &Hart, number: u16) -> u16 {
    if !hart.virtualized {
        return number;
    }
    let seen = match Register::Csr(number) {
        SSTATUS => VSSTATUS,
        SIE => VSIE,
        STVEC => VSTVEC,
        SSCRATCH => VSSCRATCH,
        SEPC => VSEPC,
        SCAUSE => VSCAUSE,
        STVAL => VSTVAL,
        SIP => VSIP,
        STIMECMP => VSTIMECMP,
        SATP => VSATP,
        other => other,
    };
    seen.csr_number()
}

pub fn read(board: &Board, register: Register) -> Option<u64> {
    let hart = &board.hart;
    if !hart.extensions.has(Extension::Hypervisor) {
        return None;
    }
    let guest = &hart.guest;
    let delegated = guest.hideleg & interrupt::GUEST;
    Some(match register {
        HSTATUS => guest.hstatus | hstatus::VSXL,
        HEDELEG => guest.hedeleg,
        HIDELEG => guest.hideleg,
        HIE => hart.sie & interrupt::HYPERVISOR,
        HTIMEDELTA => guest.htimedelta,
        HCOUNTEREN => guest.hcounteren,
        // No device interrupts a guest by itself.
        HGEIE | HGEIP => 0,
        HENVCFG => guest.henvcfg & shared_with_guests(hart),
        HTVAL => guest.htval,
        HIP => board.pending() & interrupt::HYPERVISOR,
        HVIP => guest.hvip,
        HTINST => guest.htinst,
        HGATP => guest.hgatp,
        VSSTATUS => hart.vsstatus(),
        VSIE => (hart.sie & delegated) >> 1,
        VSTVEC => guest.vstvec,
        VSSCRATCH => guest.vsscratch,
        VSEPC => guest.vsepc,
        VSCAUSE => guest.vscause,
        VSTVAL => guest.vstval,
        VSIP => (board.pending() & delegated) >> 1,
        VSTIMECMP => guest.vstimecmp,
        VSATP => guest.vsatp,
        _ => return None,
    })
}

pub fn write(board: &mut Board, register: Register, value: u64) -> Option<()> {
    let hart = &mut board.hart;
    if !hart.extensions.has(Extension::Hypervisor) {
        return None;
    }
    let shared = shared_with_guests(hart);
    let guest = &mut hart.guest;
    let zero_in_hgatp = if board.conditions.aligned_guest_root { ROOT_ALIGNMENT } else { 0 };
    let delegated = guest.hideleg & interrupt::GUEST;
    let replace = |old: u64, mask: u64, value: u64| old & !mask | value & mask;
    match register {
        HSTATUS => guest.hstatus = value & hstatus::WRITABLE,
        HEDELEG => guest.hedeleg = value & DELEGABLE,
        HIDELEG => guest.hideleg = value & interrupt::GUEST,
        HIE => hart.sie = replace(hart.sie, interrupt::HYPERVISOR, value),
        HTIMEDELTA => guest.htimedelta = value,
        HCOUNTEREN => guest.hcounteren = value & 0xffff_ffff,
        HGEIE | HGEIP => {}
        HENVCFG => guest.henvcfg = held_henvcfg(hart.extensions, guest.henvcfg, value & shared),
        HTVAL => guest.htval = value,
        HIP => guest.hvip = replace(guest.hvip, interrupt::GUEST_SOFTWARE, value),
        HVIP => guest.hvip = value & interrupt::GUEST,
        HTINST => guest.htinst = value,
        HGATP if translate::has_mode(value, hart.xlen) => guest.hgatp = value & !zero_in_hgatp & !(3 << 58),
        VSSTATUS => guest.vsstatus = value & sstatus::WRITABLE,
        VSIE => hart.sie = replace(hart.sie, delegated, value << 1),
        VSTVEC if value & 3 < 2 => guest.vstvec = value,
        VSSCRATCH => guest.vsscratch = value,
        VSEPC => guest.vsepc = value & !1,
        VSCAUSE => guest.vscause = value,
        VSTVAL => guest.vstval = value,
        VSIP => guest.hvip = replace(guest.hvip, delegated & interrupt::GUEST_SOFTWARE, value << 1),
        VSTIMECMP => guest.vstimecmp = value,
        VSATP if translate::has_mode(value, hart.xlen) => guest.vsatp = value,
        // What they cannot hold leaves them as they were.
        HGATP | VSTVEC | VSATP => {}
        _ => return None,
    }
    if matches!(register, HGATP | VSATP) {
        board.flush_translations();
    }
    board.refresh_context();
    Some(())
}

/// What henvcfg may hold: of what menvcfg has too, no more than that does.
fn shared_with_guests(hart: &Hart) -> u64 {
    hart.menvcfg() | !(henvcfg::ADUE | henvcfg::PBMTE | henvcfg::STCE)
}

fn held_henvcfg(extensions: Extensions, old: u64, value: u64) -> u64 {
    let of = |extension, bit| if extensions.has(extension) { value & bit } else { 0 };
    held_configuration(extensions, old, value)
        | of(Extension::Svadu, henvcfg::ADUE)
        | of(Extension::Svpbmt, henvcfg::PBMTE)
        | of(Extension::Sstc, henvcfg::STCE)
}
