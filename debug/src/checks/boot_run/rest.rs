//! When a kernel rests: nothing that can still come changes what it does. It does not judge whether that is good.
//!
//! With no interrupt enabled a `wfi`, or a loop that changes no state, is proof. With one enabled the kernel is left running: on a
//! machine that shows all that it does until enough of its timer's periods have passed (`HartTrace::end`), on others for a bounded time.

use std::time::{Duration, Instant};

use super::BootRun;
use super::event::BootEnd;
use super::hart_trace::{BUSY_ENOUGH, PERIODS};
use super::marks::Mark;
use crate::machine::{Address, Error, Register, Registers, csr};
use crate::riscv::Effect;

/// Two interrupts at least are waited for, and at least for so long ...
const AT_LEAST: Duration = Duration::from_millis(300);
/// ... and where none comes, for so long.
const AT_MOST: Duration = Duration::from_millis(1200);
/// A kernel that asks for input and says nothing for so long waits for it.
const QUIET: Duration = Duration::from_millis(300);
/// The first stretch of time that passes at once for a kernel that waits for it, in ticks: 100 ms.
const FIRST_SKIP: u64 = 1_000_000;
/// So often the firmware is waited for.
const FIRMWARE: u32 = 3;
/// How often a kernel that may rest is looked at.
pub const LOOK: Duration = Duration::from_millis(50);

const SIE: u64 = 1 << 1;
const TIMER: u64 = 1 << 5;

/// What is known of a kernel that may rest.
#[derive(Default)]
pub struct Rest {
    /// When it was first seen to, and how many interrupts had come by then; the icount of the last of them.
    began: Option<(Instant, u64, u64)>,
    /// Since when it was found asking for input, each time that it was looked at; how much it had said by then.
    polling: Option<(Instant, usize)>,
    was_found: bool,
    /// Ticks of the last stretch of time that was left to pass at once.
    skipped: u64,
    /// How often the firmware was waited for in vain.
    in_firmware: u32,
}

impl Rest {
    /// Whether this is the first time that the kernel was found to rest with interrupts enabled.
    pub fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.was_found, true)
    }
}

/// Which interrupts may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// One that ends a `wfi`.
    pub wakes: bool,
    /// One that goes to the handler.
    pub interrupts: bool,
    /// One that is there already: a `wfi` does not wait.
    pub pending: bool,
}

impl BootRun<'_> {
    /// Which interrupts may still come. A machine that does not say may get any that is enabled.
    pub fn awaited(&mut self) -> Result<Awaited, Error> {
        let none = Awaited { wakes: false, interrupts: false, pending: false };
        let Some(sie) = self.csr(csr::SIE)? else { return Ok(none) };
        if sie == 0 {
            return Ok(none);
        }
        let pending = self.csr(csr::SIP)?.unwrap_or(0) & sie != 0;
        // Only a timer is a source of interrupts on a machine that shows all.
        let wakes = match self.trace {
            Some(_) => pending || sie & TIMER != 0 && self.csr(csr::STIMECMP)?.is_some_and(|time| time != u64::MAX),
            None => true,
        };
        let user = self.csr(Register::Priv)? == Some(0);
        let globally = user || self.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & SIE != 0);
        Ok(Awaited { wakes, interrupts: wakes && globally, pending })
    }

    /// The hart is at a `wfi` or at a jump to itself: the end, where that is proof.
    pub(super) fn at_rest(&mut self, registers: &Registers) -> Result<Option<BootEnd>, Error> {
        let awaited = self.awaited()?;
        let wfi = matches!(self.effect(Address(registers.pc))?, Effect::Wfi);
        if wfi && !awaited.wakes {
            return Ok(Some(BootEnd::Wfi));
        }
        if !wfi && !awaited.interrupts {
            return Ok(Some(BootEnd::Loop { instructions: 1 }));
        }
        // From now on it comes here after each interrupt.
        self.marks.remove(self.machine, Mark::Rest)?;
        self.slice = LOOK;
        Ok(None)
    }

    /// The kernel was found waiting, or in a loop that changes no state, with interrupts enabled: the end, once it was so for long enough.
    pub(super) fn rests_with_interrupts(&mut self, still: BootEnd) -> Result<Option<BootEnd>, Error> {
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
            // Stops at the handler make time pass: the period is what they leave of it.
            return Ok(Some(BootEnd::Ticking { period: None, spins }));
        }
        Ok((elapsed >= AT_MOST).then_some(if came > 0 { BootEnd::Ticking { period: None, spins } } else { still }))
    }
}

impl BootRun<'_> {
    /// The kernel was found asking for input: the end, once it was so for a while and the console quiet. A machine that shows all
    /// that it does counts itself (`HartTrace::end`).
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

    /// Lets the time pass that the kernel waits for, on a machine that can; longer each time.
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

    /// The firmware was waited for, and has the hart still.
    pub(super) fn firmware_keeps_the_hart(&mut self) -> Option<BootEnd> {
        self.rest.in_firmware += 1;
        (self.rest.in_firmware >= FIRMWARE).then_some(BootEnd::Firmware)
    }
}

/// As the embedded machine counts time.
const INSTRUCTIONS_PER_TICK: u64 = 10;
