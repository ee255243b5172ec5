//! The numbers of calls to the firmware: extensions, functions, errors.
//!
//! Source: RISC-V SBI specification 2.0, chapters "Binary Encoding" to "Debug Console Extension" and "Legacy Extensions".

use std::ops::RangeInclusive;

/// Calls before SBI 0.2, which have no functions; up to 15 the numbers are theirs.
pub const LEGACY: RangeInclusive<u64> = 0..=15;
/// The older call to set the timer.
pub const LEGACY_SET_TIMER: u64 = 0;
/// The older call to print a character.
pub const LEGACY_PUT_CHARACTER: u64 = 1;
/// The older call to read a character.
pub const LEGACY_GET_CHARACTER: u64 = 2;
/// The older call to clear a software interrupt.
pub const LEGACY_CLEAR_INTERRUPT: u64 = 3;
/// The older call to send software interrupts.
pub const LEGACY_SEND_INTERRUPT: u64 = 4;
/// The first of the three older remote fences.
pub const LEGACY_FIRST_FENCE: u64 = 5;
/// The last of them.
pub const LEGACY_LAST_FENCE: u64 = 7;
/// The older call to power off.
pub const LEGACY_SHUTDOWN: u64 = 8;

/// What the firmware is.
pub const BASE: u64 = 0x10;
/// Whether there is an extension: a function of [`BASE`].
pub const PROBE: u64 = 3;
/// The timer.
pub const TIME: u64 = 0x5449_4d45;
/// Software interrupts to other harts.
pub const IPI: u64 = 0x73_5049;
/// Fences on other harts.
pub const REMOTE_FENCE: u64 = 0x5246_4e43;
/// Starting, stopping and suspending harts.
pub const HART_STATE: u64 = 0x48_534d;
/// Stopping the hart that calls: a function of [`HART_STATE`].
pub const HART_STOP: u64 = 1;
/// Powering off (a0 = 0) or starting again.
pub const SYSTEM_RESET: u64 = 0x5352_5354;
/// The console.
pub const DEBUG_CONSOLE: u64 = 0x4442_434e;

/// Error: there is no such extension or function.
pub const NOT_SUPPORTED: i64 = -2;
/// Error: an argument is not one that the call takes.
pub const INVALID_PARAMETER: i64 = -3;
/// Error: an address is not one that the caller may use.
pub const INVALID_ADDRESS: i64 = -5;
/// Error: the hart is started already.
pub const ALREADY_AVAILABLE: i64 = -6;
