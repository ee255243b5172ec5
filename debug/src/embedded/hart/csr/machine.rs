//! M-mode's CSRs. It does not know who may access them.
//!
//! Source: privileged manual, "Machine-Level CSRs".

use super::held_configuration;
use crate::embedded::board::Board;
use crate::embedded::hart::machine_mode::{WRITABLE_STATUS, always_delegated};
use crate::embedded::hart::state::{Hart, henvcfg, interrupt, sstatus};
use crate::riscv::csr::*;
use crate::riscv::status::mstatus;
use crate::riscv::{Extension, Extensions, Isa, Register, Xlen, cause};

/// The CSRs of M-mode that are not numbered; those of guests too.
const SINGLE: &[Register] = &[
    MSTATUS,
    MISA,
    MEDELEG,
    MIDELEG,
    MIE,
    MTVEC,
    MCOUNTEREN,
    MENVCFG,
    MCOUNTINHIBIT,
    MSCRATCH,
    MEPC,
    MCAUSE,
    MTVAL,
    MIP,
    MCYCLE,
    MINSTRET,
    MVENDORID,
    MARCHID,
    MIMPID,
    MHARTID,
    MCONFIGPTR,
];

/// All exceptions but the call of M-mode itself and those that no hart of this kind has.
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
    cause::SUPERVISOR_CALL,
    cause::GUEST_CALL,
    cause::INSTRUCTION_PAGE,
    cause::LOAD_PAGE,
    cause::STORE_PAGE,
    cause::SOFTWARE_CHECK,
    cause::INSTRUCTION_GUEST_PAGE,
    cause::LOAD_GUEST_PAGE,
    cause::VIRTUAL_INSTRUCTION,
    cause::STORE_GUEST_PAGE,
]);

/// cycle, time, instret, and 16 more.
const ALL_COUNTERS: u64 = 0x7_ffff;
/// time cannot be stopped.
const STOPPABLE: u64 = ALL_COUNTERS & !2;
const CYCLE_BIT: u64 = 1;
const INSTRET_BIT: u64 = 4;

/// Whether this hart has it.
pub fn exists(hart: &Hart, number: u16) -> bool {
    let register = Register::Csr(number);
    hart.machine.is_some()
        && (SINGLE.contains(&register)
            || matches!(register, MTVAL2 | MTINST) && hart.extensions.has(Extension::Hypervisor)
            // On RV64 the odd ones do not exist.
            || PMP_CONFIGURATIONS.contains(&number) && (number.is_multiple_of(2) || hart.xlen == Xlen::Rv32)
            || PMP_ADDRESSES.contains(&number)
            || (EVENTS.contains(&number) || MACHINE_COUNTERS.contains(&number))
                && hart.extensions.has(Extension::Zihpm))
}

pub fn read(board: &Board, number: u16) -> Option<u64> {
    let hart = &board.hart;
    let machine = hart.machine.as_ref().filter(|_| exists(hart, number))?;
    let register = Register::Csr(number);
    Some(match register {
        MSTATUS if hart.xlen == Xlen::Rv32 => hart.sstatus() | machine.status,
        MSTATUS => hart.sstatus() | mstatus::SXL | machine.status,
        MISA => misa(hart.isa()),
        MEDELEG => machine.medeleg,
        MIDELEG => machine.mideleg,
        MIE => hart.sie,
        MTVEC => machine.mtvec,
        MCOUNTEREN => machine.mcounteren,
        MENVCFG => machine.menvcfg,
        MCOUNTINHIBIT => machine.mcountinhibit,
        MSCRATCH => machine.mscratch,
        MEPC => machine.mepc,
        MCAUSE => machine.mcause,
        MTVAL => machine.mtval,
        MTVAL2 => machine.mtval2,
        MTINST => machine.mtinst,
        MIP => board.pending(),
        MCYCLE => machine.cycle.value(board.executed_by_hart()),
        MINSTRET => machine.instret.value(board.executed_by_hart()),
        MHARTID => hart.id,
        // Not assigned, and no structure of configurations.
        MVENDORID | MARCHID | MIMPID | MCONFIGPTR => 0,
        _ if PMP_CONFIGURATIONS.contains(&number) => {
            machine.pmp.configurations(4 * usize::from(number - PMP_CONFIGURATIONS.start()))
        }
        _ if PMP_ADDRESSES.contains(&number) => machine.pmp.address((number - PMP_ADDRESSES.start()).into()),
        _ if EVENTS.contains(&number) => machine.events[usize::from(number - EVENTS.start())],
        _ => machine.counters[usize::from(number - MACHINE_COUNTERS.start())],
    })
}

/// What M-mode has set: its CSRs, and of mip what software holds. Nothing, where there is no M-mode.
pub fn all_set(board: &Board) -> Vec<u64> {
    let held = board.hart.machine.iter().flat_map(|held| [held.raised, board.hart.software_interrupt.into()]);
    let numbers = MACHINE_CSRS.chain(MACHINE_COUNTERS).chain([MCYCLE, MINSTRET].map(|csr| csr.csr_number()));
    numbers.filter(|number| *number != MIP.csr_number()).filter_map(|number| read(board, number)).chain(held).collect()
}

/// The width, and the single letters of this hart.
fn misa(isa: Isa) -> u64 {
    let width = isa.xlen.code() << (isa.xlen.bits() - 2);
    let guests = if isa.has(Extension::Hypervisor) { "h" } else { "" };
    "imafdcsu".chars().chain(guests.chars()).fold(width, |bits, letter| bits | 1 << (letter as u32 - 'a' as u32))
}

pub fn write(board: &mut Board, number: u16, value: u64) -> Option<()> {
    let count = board.executed_by_hart() + u64::from(board.memory.now.is_some());
    let hart = &mut board.hart;
    let machine = hart.machine.as_mut()?;
    let register = Register::Csr(number);
    match register {
        MSTATUS => {
            hart.sstatus = value & sstatus::WRITABLE;
            let guests = if hart.extensions.has(Extension::Hypervisor) { mstatus::MPV | mstatus::GVA } else { 0 };
            // There is no privilege of number 2: the field keeps its value.
            let reserved = value & mstatus::MPP == 2 << mstatus::MPP_SHIFT;
            let kept = if reserved { mstatus::MPP } else { 0 };
            machine.status = value & (WRITABLE_STATUS | guests) & !kept | machine.status & kept;
        }
        MEDELEG => machine.medeleg = value & DELEGABLE,
        MIDELEG => machine.mideleg = value & interrupt::ALL | always_delegated(hart.extensions),
        MIE => hart.sie = value & (interrupt::ALL | interrupt::MACHINE | always_delegated(hart.extensions)),
        MTVEC if value & 3 < 2 => machine.mtvec = value,
        MCOUNTEREN => machine.mcounteren = value & ALL_COUNTERS,
        MENVCFG => machine.menvcfg = held_menvcfg(hart.extensions, machine.menvcfg, value),
        MCOUNTINHIBIT => {
            machine.mcountinhibit = value & STOPPABLE;
            machine.cycle.stop(value & CYCLE_BIT != 0, count);
            machine.instret.stop(value & INSTRET_BIT != 0, count);
        }
        MSCRATCH => machine.mscratch = value,
        MEPC => machine.mepc = value & !1,
        MCAUSE => machine.mcause = value,
        MTVAL => machine.mtval = value,
        MTVAL2 => machine.mtval2 = value,
        MTINST => machine.mtinst = value,
        MIP => write_mip(hart, value),
        MCYCLE => machine.cycle.set(value, count),
        MINSTRET => machine.instret.set(value, count),
        // Modes 2 and 3 of mtvec are reserved, and what a hart has cannot be changed.
        MTVEC | MISA => {}
        _ if PMP_CONFIGURATIONS.contains(&number) => {
            let first = 4 * usize::from(number - PMP_CONFIGURATIONS.start());
            machine.pmp.set_configurations(first, &value.to_le_bytes()[..hart.xlen.bytes()]);
            board.protect();
        }
        _ if PMP_ADDRESSES.contains(&number) => {
            machine.pmp.set_address((number - PMP_ADDRESSES.start()).into(), value);
            board.protect();
        }
        _ if EVENTS.contains(&number) => machine.events[usize::from(number - EVENTS.start())] = value,
        _ if MACHINE_COUNTERS.contains(&number) => {
            machine.counters[usize::from(number - MACHINE_COUNTERS.start())] = value;
        }
        _ => return None,
    }
    board.refresh_context();
    Some(())
}

/// The bits of mip that software sets; those of M-mode are the CLINT's and the PLIC's, and with Sstc S-mode's timer is its own. Of a guest's
/// only the one for software can be written, as in hip (privileged manual, "Hypervisor Interrupt (hvip, hip, and hie) Registers").
fn write_mip(hart: &mut Hart, value: u64) {
    let Some(machine) = &mut hart.machine else { return };
    let own_timer = machine.menvcfg & henvcfg::STCE != 0;
    let timer = if own_timer { 0 } else { interrupt::TIMER };
    hart.software_interrupt = value & interrupt::SOFTWARE != 0;
    machine.raised = value & (interrupt::EXTERNAL | timer);
    if hart.extensions.has(Extension::Hypervisor) {
        let written = interrupt::GUEST_SOFTWARE;
        hart.guest.hvip = hart.guest.hvip & !written | value & written;
    }
}

fn held_menvcfg(extensions: Extensions, old: u64, value: u64) -> u64 {
    let of = |extension, bit| if extensions.has(extension) { value & bit } else { 0 };
    held_configuration(extensions, old, value)
        | of(Extension::Svadu, henvcfg::ADUE)
        | of(Extension::Svpbmt, henvcfg::PBMTE)
        | of(Extension::Sstc, henvcfg::STCE)
}
