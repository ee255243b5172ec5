//! Which interrupts the hart can still take: what is enabled, let in and pending, and when the timer's comes. It does not judge.

use super::BootRun;
use crate::machine::{Error, Register, csr};
use crate::riscv::Xlen;
use crate::riscv::status::USER_MODE;
use crate::riscv::status::sstatus::SIE;

const TIMER: u64 = 1 << 5;
const EXTERNAL: u64 = 1 << 9;
/// A year, in ticks.
const YEAR: u64 = 365 * 24 * 3600 * 10_000_000;
/// An interrupt of the timer that is so far ahead never comes.
const NEVER: u64 = 10 * YEAR;

/// Which interrupts can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// An interrupt that ends a `wfi`.
    pub wakes: bool,
    /// An interrupt that enters the handler.
    pub interrupts: bool,
    /// An interrupt that is pending already: a `wfi` does not wait.
    pub pending: bool,
    /// Interrupts are let in, and one is enabled, by whatever device.
    pub lets_in: bool,
    /// One that is enabled comes from outside of the machine, at any time: when a key is typed, say.
    pub external: bool,
}

impl BootRun<'_> {
    /// Which interrupts can still come. If the machine does not tell, any enabled interrupt can.
    pub fn awaited(&mut self) -> Result<Awaited, Error> {
        let none = Awaited { wakes: false, interrupts: false, pending: false, lets_in: false, external: false };
        let Some(sie) = self.csr(csr::SIE)? else { return Ok(none) };
        if sie == 0 {
            return Ok(none);
        }
        let pending = self.csr(csr::SIP)?.unwrap_or(0) & sie != 0;
        // On an observed machine only the timer raises interrupts.
        let wakes = match self.trace {
            Some(_) => pending || sie & TIMER != 0 && self.timer()?.is_some(),
            None => true,
        };
        let user = self.csr(Register::Priv)? == Some(USER_MODE);
        let globally = user || self.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & SIE != 0);
        let external = sie & EXTERNAL != 0;
        Ok(Awaited { wakes, interrupts: wakes && globally, pending, lets_in: globally, external })
    }

    /// When the timer's interrupt comes; `None` where it never does.
    pub(super) fn timer(&mut self) -> Result<Option<u64>, Error> {
        let now = self.ticks();
        Ok(self.timer_setting()?.filter(|time| time.saturating_sub(now) < NEVER))
    }

    /// How far ahead the timer is set, in years, if it is enabled and that is too far to come.
    pub fn years_to_timer(&mut self) -> Result<Option<u64>, Error> {
        let is_enabled = self.csr(csr::SIE)?.is_some_and(|sie| sie & TIMER != 0);
        let now = self.ticks();
        let ahead = self.timer_setting()?.filter(|_| is_enabled).map(|time| time.saturating_sub(now));
        Ok(ahead.filter(|ahead| *ahead >= NEVER).map(|ahead| ahead / YEAR))
    }

    /// The point in time that the timer is set to; `None` where it is off.
    fn timer_setting(&mut self) -> Result<Option<u64>, Error> {
        let Some(low) = self.csr(csr::STIMECMP)? else { return Ok(None) };
        let high = match self.image.xlen() {
            Xlen::Rv32 => self.csr(csr::STIMECMPH)?.unwrap_or(0) << 32,
            Xlen::Rv64 => 0,
        };
        Ok(Some(high | low).filter(|time| *time != u64::MAX))
    }
}
