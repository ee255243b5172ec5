//! The SBI calls.
//!
//! Source: RISC-V SBI specification 2.0, chapters "Base Extension" to "Debug Console Extension" and "Legacy Extensions". It does not know
//! how the machine is built.

use super::answer::Answer;
use super::harts::{hart_state, remote_fence, send_interrupt};
use crate::embedded::board::Board;
use crate::embedded::bus::map;
use crate::embedded::bus::memory::Ended;
use crate::embedded::conditions::Conditions;
use crate::embedded::hart::trap::Interruption;
use crate::machine::Access;
use crate::riscv::sbi::{
    BASE, DEBUG_CONSOLE, HART_STATE, INVALID_PARAMETER, IPI, LEGACY_CLEAR_INTERRUPT, LEGACY_FIRST_FENCE,
    LEGACY_GET_CHARACTER, LEGACY_LAST_FENCE, LEGACY_PUT_CHARACTER, LEGACY_SEND_INTERRUPT, LEGACY_SET_TIMER,
    LEGACY_SHUTDOWN, NOT_SUPPORTED, PROBE, REMOTE_FENCE, SYSTEM_RESET, TIME,
};
use crate::riscv::{Extension, Register, Xlen, cause};

/// medeleg: the exceptions that go to S-mode (OpenSBI 1.1).
pub const DELEGATED: u64 = cause::bits(&[
    cause::INSTRUCTION_MISALIGNED,
    cause::BREAKPOINT,
    cause::USER_CALL,
    cause::GUEST_CALL,
    cause::INSTRUCTION_PAGE,
    cause::LOAD_PAGE,
    cause::STORE_PAGE,
    cause::INSTRUCTION_GUEST_PAGE,
    cause::LOAD_GUEST_PAGE,
    cause::VIRTUAL_INSTRUCTION,
    cause::STORE_GUEST_PAGE,
]);

const SPECIFICATION: u64 = 2 << 24;
/// OpenSBI's id, and the version that this imitates.
const IMPLEMENTATION: u64 = 1;
const IMPLEMENTATION_VERSION: u64 = 0x1_0001;
/// The supported legacy calls.
const LEGACY: std::ops::RangeInclusive<u64> = LEGACY_SET_TIMER..=LEGACY_SHUTDOWN;
const EXTENSIONS: [u64; 7] = [BASE, TIME, IPI, REMOTE_FENCE, HART_STATE, SYSTEM_RESET, DEBUG_CONSOLE];

/// Executes the call in the registers. Returns the address where the hart continues: `next`, except for a resume at another address.
pub fn call(board: &mut Board, next: u64) -> Result<u64, Interruption> {
    let arguments: [u64; 6] = std::array::from_fn(|index| board.hart.x(Register::A0 + index as u8));
    let (extension, function) = (board.hart.x(Register::A7), board.hart.x(Register::A6));
    board.hart.reservation = None;
    if let Some(races) = &mut board.memory.races {
        races.was_seen();
    }
    if LEGACY.contains(&extension) && !board.conditions.no_legacy {
        let result = legacy(board, extension, arguments)?;
        board.hart.set_x(Register::A0, board.hart.xlen.truncate(result));
        return Ok(next);
    }
    let mut resume_at = next;
    let answer = match extension {
        BASE => base(board, function, arguments[0]),
        TIME if function == 0 => {
            board.hart.stimecmp = time(board, arguments);
            Answer::Value(0)
        }
        IPI if function == 0 => send_interrupt(board, arguments[0], arguments[1]),
        // The last four are about guests.
        REMOTE_FENCE if function <= if board.hart.extensions.has(Extension::Hypervisor) { 6 } else { 2 } => {
            remote_fence(board, arguments[0], arguments[1])
        }
        HART_STATE => hart_state(board, function, arguments, &mut resume_at),
        SYSTEM_RESET if function == 0 => system_reset(board, arguments[0], arguments[1])?,
        DEBUG_CONSOLE if !board.conditions.no_debug_console => debug_console(board, function, arguments),
        _ => Answer::Error(NOT_SUPPORTED),
    };
    if resume_at == next {
        let (error, value) = match answer {
            Answer::Value(value) => (0, value),
            Answer::Error(error) => (error as u64, 0),
        };
        board.hart.set_x(Register::A0, board.hart.xlen.truncate(error));
        board.hart.set_x(Register::A1, value);
    }
    Ok(resume_at)
}

fn base(board: &Board, function: u64, argument: u64) -> Answer {
    let Conditions { no_legacy, no_debug_console, .. } = board.conditions;
    Answer::Value(match function {
        0 => SPECIFICATION,
        1 => IMPLEMENTATION,
        2 => IMPLEMENTATION_VERSION,
        PROBE if argument == DEBUG_CONSOLE => (!no_debug_console).into(),
        PROBE => (LEGACY.contains(&argument) && !no_legacy || EXTENSIONS.contains(&argument)).into(),
        // mvendorid, marchid and mimpid: not assigned.
        4..=6 => 0,
        _ => return Answer::Error(NOT_SUPPORTED),
    })
}

/// System Reset. A reboot ends the machine too, as in QEMU with `--no-reboot`.
fn system_reset(board: &mut Board, kind: u64, reason: u64) -> Result<Answer, Interruption> {
    let known = kind <= 2 && reason <= 1;
    if !known {
        return Ok(Answer::Error(INVALID_PARAMETER));
    }
    power_off(board, kind != 0)?;
    Ok(Answer::Value(0))
}

/// Ends the machine through the test finisher, which may be watched.
fn power_off(board: &mut Board, reset: bool) -> Result<(), Interruption> {
    board.memory.watch(map::FINISHER, 4, Access::Write)?;
    board.memory.ended = Some(Ended { status: 0, reset });
    Ok(())
}

/// Debug Console. Addresses are physical, with their upper half in a separate register.
fn debug_console(board: &mut Board, function: u64, arguments: [u64; 6]) -> Answer {
    const LONGEST: usize = 4096;
    let [length, low, high, ..] = arguments;
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(LONGEST);
    if function <= 1 && high != 0 {
        return Answer::Error(INVALID_PARAMETER);
    }
    match function {
        0 => {
            let Some(bytes) = board.memory.physical(low, length).map(<[u8]>::to_vec) else {
                return Answer::Error(INVALID_PARAMETER);
            };
            bytes.iter().for_each(|byte| print(board, *byte));
            Answer::Value(length as u64)
        }
        1 => {
            if board.memory.physical(low, length).is_none() {
                return Answer::Error(INVALID_PARAMETER);
            }
            let typed: Vec<u8> = (0..length).map_while(|_| take_input(board)).collect();
            board.memory.store_for_firmware(low, &typed);
            Answer::Value(typed.len() as u64)
        }
        2 => {
            print(board, arguments[0] as u8);
            Answer::Value(0)
        }
        _ => Answer::Error(NOT_SUPPORTED),
    }
}

fn print(board: &mut Board, byte: u8) {
    board.memory.devices.uart.console.print(byte);
    board.memory.note_printed();
}

fn take_input(board: &mut Board) -> Option<u8> {
    let byte = board.memory.devices.take_input(board.now());
    if byte.is_none() {
        board.memory.note_poll();
    }
    byte
}

/// The legacy calls (before SBI 0.2): the only result is in a0.
fn legacy(board: &mut Board, extension: u64, arguments: [u64; 6]) -> Result<u64, Interruption> {
    match extension {
        LEGACY_SET_TIMER => board.hart.stimecmp = time(board, arguments),
        LEGACY_PUT_CHARACTER => print(board, arguments[0] as u8),
        LEGACY_GET_CHARACTER => return Ok(take_input(board).map_or(u64::MAX, u64::from)),
        LEGACY_CLEAR_INTERRUPT => board.hart.software_interrupt = false,
        LEGACY_SEND_INTERRUPT => {
            let mask = hart_mask(board, arguments[0])?;
            send_interrupt(board, mask, 0);
        }
        LEGACY_FIRST_FENCE..=LEGACY_LAST_FENCE => {
            let mask = hart_mask(board, arguments[0])?;
            remote_fence(board, mask, 0);
        }
        _ => power_off(board, false)?,
    }
    Ok(0)
}

/// Reads a hart mask, of a register's size, at a virtual address; address 0 means all harts.
fn hart_mask(board: &mut Board, address: u64) -> Result<u64, Interruption> {
    match (address, board.hart.xlen) {
        (0, _) => Ok(board.all_harts().iter().fold(0, |mask, hart| mask | 1 << hart.id)),
        (_, Xlen::Rv32) => board.memory.load(address).map(|bytes| u32::from_le_bytes(bytes).into()),
        (_, Xlen::Rv64) => board.memory.load(address).map(u64::from_le_bytes),
    }
}

/// A time takes two registers on RV32, the lower half first ("Binary Encoding").
fn time(board: &Board, arguments: [u64; 6]) -> u64 {
    let [low, high, ..] = arguments;
    match board.hart.xlen {
        Xlen::Rv32 => high << 32 | low,
        Xlen::Rv64 => low,
    }
}
