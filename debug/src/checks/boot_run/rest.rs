//! Decides when a kernel idles: no later event changes what it does. It does not judge whether that is good.
//!
//! If no interrupt is enabled, a `wfi` or a loop that changes no state is proof. If one is enabled, the kernel runs on: on an
//! observed machine for enough periods of its timer (`HartTrace::end`), on others for a limited time.

use std::time::{Duration, Instant};

use super::BootRun;
use super::event::BootEnd;
use super::hart_trace::{BUSY_ENOUGH, PERIODS};
use super::marks::Mark;
use crate::machine::{Address, Error, Register, Registers, csr};
use crate::riscv::Effect;
use crate::riscv::cause::is_interrupt;
use crate::riscv::status::USER_MODE;
use crate::riscv::status::sstatus::SIE;

/// The run waits for at least two interrupts, and at least this long ...
const AT_LEAST: Duration = Duration::from_millis(300);
/// ... and this long if no interrupt comes.
const AT_MOST: Duration = Duration::from_millis(1200);
/// A kernel waits for input if it asks for it and prints nothing for this long.
const QUIET: Duration = Duration::from_millis(300);
/// How far time first jumps for a kernel that waits for a point in time, in ticks: 100 ms.
const FIRST_SKIP: u64 = 1_000_000;
/// How often the run waits for the firmware.
const FIRMWARE: u32 = 3;
/// The interval between two looks at a kernel that may idle.
pub const LOOK: Duration = Duration::from_millis(50);

const TIMER: u64 = 1 << 5;

/// What is known of a kernel that may idle.
#[derive(Default)]
pub struct Rest {
    /// When it was first seen to idle; the number of interrupts until then, and the icount of the last one.
    began: Option<(Instant, u64, u64)>,
    /// Since when it has been polling for input, at each look; how much it had printed by then.
    polling: Option<(Instant, usize)>,
    was_found: bool,
    /// It was found resting or polling since it was last looked at; how many looks in a row found it elsewhere.
    seen: bool,
    elsewhere: u32,
    /// The last jump of time, in ticks.
    skipped: u64,
    /// How often the firmware did not return in time.
    in_firmware: u32,
}

impl Rest {
    /// Whether the kernel is seen to idle with interrupts enabled for the first time.
    pub fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.was_found, true)
    }
}

impl BootRun<'_> {
    /// Notes the end of a look at the kernel. One that was found resting, and is elsewhere at several looks in a row, does not rest.
    pub(super) fn looked_at(&mut self) {
        const SEVERAL: u32 = 3;
        // Each kernel that ticks is in its handler at times.
        let in_handler = self.hart.handling().is_some_and(|trap| is_interrupt(trap.cause));
        let seen = std::mem::take(&mut self.rest.seen) || in_handler;
        self.rest.elsewhere = if seen { 0 } else { self.rest.elsewhere + 1 };
        if self.rest.elsewhere >= SEVERAL {
            self.rest.began = None;
        }
    }
}

/// Which interrupts can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// An interrupt that ends a `wfi`.
    pub wakes: bool,
    /// An interrupt that enters the handler.
    pub interrupts: bool,
    /// An interrupt that is pending already: a `wfi` does not wait.
    pub pending: bool,
}

impl BootRun<'_> {
    /// Which interrupts can still come. If the machine does not tell, any enabled interrupt can.
    pub fn awaited(&mut self) -> Result<Awaited, Error> {
        let none = Awaited { wakes: false, interrupts: false, pending: false };
        let Some(sie) = self.csr(csr::SIE)? else { return Ok(none) };
        if sie == 0 {
            return Ok(none);
        }
        let pending = self.csr(csr::SIP)?.unwrap_or(0) & sie != 0;
        // On an observed machine only the timer raises interrupts.
        let wakes = match self.trace {
            Some(_) => pending || sie & TIMER != 0 && self.csr(csr::STIMECMP)?.is_some_and(|time| time != u64::MAX),
            None => true,
        };
        let user = self.csr(Register::Priv)? == Some(USER_MODE);
        let globally = user || self.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & SIE != 0);
        Ok(Awaited { wakes, interrupts: wakes && globally, pending })
    }

    /// The hart is at a `wfi` or at a jump to itself. Returns the end of the boot if that is proof.
    pub(super) fn at_rest(&mut self, registers: &Registers) -> Result<Option<BootEnd>, Error> {
        let awaited = self.awaited()?;
        let wfi = matches!(self.effect(Address(registers.pc))?, Effect::Wfi);
        if wfi && !awaited.wakes {
            return Ok(Some(BootEnd::Wfi));
        }
        if !wfi && !awaited.interrupts {
            return Ok(Some(BootEnd::Loop { instructions: 1 }));
        }
        // From now on it returns here after each interrupt.
        self.marks.remove(self.machine, Mark::Rest)?;
        self.slice = LOOK;
        Ok(None)
    }

    /// The kernel waits, or is in a loop that changes no state, with interrupts enabled. Returns the end if that has lasted long enough.
    pub(super) fn rests_with_interrupts(&mut self, still: BootEnd) -> Result<Option<BootEnd>, Error> {
        self.rest.seen = true;
        let icount = self.hart.last_interrupt.map_or(0, |trap| trap.icount);
        let interrupts = self.hart.interrupts;
        let (began, before, icount_before) = *self.rest.began.get_or_insert((Instant::now(), interrupts, icount));
        let spins = still != BootEnd::Wfi;
        let came = interrupts - before;
        if self.trace.is_some() {
            let enough = came >= PERIODS && icount - icount_before >= BUSY_ENOUGH;
            let period = (icount - icount_before).checked_div(came * INSTRUCTIONS_PER_TICK);
            return Ok(enough.then_some(BootEnd::Ticking { period, spins }));
        }
        self.slice = LOOK;
        let elapsed = began.elapsed();
        if came >= 2 && elapsed >= AT_LEAST {
            // Stops at the handler take time, so the measured period is too long.
            return Ok(Some(BootEnd::Ticking { period: None, spins }));
        }
        Ok((elapsed >= AT_MOST).then_some(if came > 0 { BootEnd::Ticking { period: None, spins } } else { still }))
    }
}

impl BootRun<'_> {
    /// The kernel polls for input. Returns the end if that has lasted for a while and nothing was printed. On an observed machine
    /// `HartTrace::end` decides.
    pub(super) fn polls(&mut self, at: Option<Address>) -> Option<BootEnd> {
        if self.trace.is_some() {
            return None;
        }
        self.slice = LOOK;
        let said = self.machine.printed().map_or(0, |console| console.len());
        match self.rest.polling {
            Some((since, before)) if before == said => (since.elapsed() >= QUIET).then_some(BootEnd::Polls { at }),
            _ => {
                self.rest.polling = Some((Instant::now(), said));
                None
            }
        }
    }

    /// Makes time jump for a kernel that waits for a point in time, if the machine can; further each time.
    pub(super) fn skip_time(&mut self) {
        if let Some(machine) = self.machine.observed() {
            self.slice = super::FIRST_SLICE;
            self.rest.skipped = self.rest.skipped.saturating_mul(2).max(FIRST_SKIP);
            machine.skip_time(self.rest.skipped);
        }
    }

    pub(super) fn does_not_poll(&mut self) {
        self.rest.polling = None;
    }

    /// The firmware still has not returned.
    pub(super) fn firmware_keeps_the_hart(&mut self) -> Option<BootEnd> {
        self.rest.in_firmware += 1;
        (self.rest.in_firmware >= FIRMWARE).then_some(BootEnd::Firmware)
    }
}

/// Instructions per tick on the embedded machine.
const INSTRUCTIONS_PER_TICK: u64 = 10;
