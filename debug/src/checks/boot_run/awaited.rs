//! Which interrupts the hart can still take: what is enabled, let in and pending, and when the timer's comes. It does not judge.

use super::{BootRun, machine_mode};
use crate::machine::{Error, Register, csr};
use crate::riscv::Xlen;
use crate::riscv::status::USER_MODE;
use crate::riscv::status::interrupt::{EXTERNAL, MACHINE, MACHINE_EXTERNAL, MACHINE_TIMER, TIMER};
use crate::riscv::status::sstatus::SIE;

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

impl Awaited {
    /// Whether one can come that enters the handler from a loop that changes no state.
    pub fn enters(&self) -> bool {
        self.interrupts || self.lets_in && self.external
    }

    /// Those of both.
    fn or(self, other: Awaited) -> Awaited {
        Awaited {
            wakes: self.wakes || other.wakes,
            interrupts: self.interrupts || other.interrupts,
            pending: self.pending || other.pending,
            lets_in: self.lets_in || other.lets_in,
            external: self.external || other.external,
        }
    }
}

impl BootRun<'_> {
    /// Which interrupts can still come. If the machine does not tell, any enabled interrupt can.
    pub fn awaited(&mut self) -> Result<Awaited, Error> {
        let none = Awaited { wakes: false, interrupts: false, pending: false, lets_in: false, external: false };
        let Some(sie) = self.csr(csr::SIE)? else { return Ok(none) };
        let below = self.awaited_by_machine_mode()?;
        if sie == 0 {
            return Ok(below.unwrap_or(none));
        }
        let pending = self.csr(csr::SIP)?.unwrap_or(0) & sie != 0;
        // On an observed machine only the timer raises interrupts.
        let wakes = match self.trace {
            Some(_) => {
                let timer = self.timer_setting()?;
                pending || sie & TIMER != 0 && self.comes(timer)
            }
            None => true,
        };
        let user = self.csr(Register::Priv)? == Some(USER_MODE);
        let globally = user || self.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & SIE != 0);
        let external = sie & EXTERNAL != 0 && self.comes_from_outside();
        let own = Awaited { wakes, interrupts: wakes && globally, pending, lets_in: globally, external };
        Ok(below.map_or(own, |below| own.or(below)))
    }

    /// Those that come to M-mode, from which the kernel went on to a lower mode: there they are always let in.
    fn awaited_by_machine_mode(&mut self) -> Result<Option<Awaited>, Error> {
        let Some(enabled) = self.machine_enabled()? else { return Ok(None) };
        let pending = self.csr(csr::MIP)?.unwrap_or(0) & enabled != 0;
        let wakes = match self.trace {
            Some(_) => {
                let timer = machine_mode::timer(self.machine);
                pending || enabled & MACHINE_TIMER != 0 && self.comes(timer)
            }
            None => true,
        };
        let external = enabled & MACHINE_EXTERNAL != 0 && self.comes_from_outside();
        Ok(Some(Awaited { wakes, interrupts: wakes, pending, lets_in: true, external }))
    }

    /// The interrupts that M-mode has enabled for itself, if the hart is in a lower mode and there are any.
    fn machine_enabled(&mut self) -> Result<Option<u64>, Error> {
        if !machine_mode::starts_there(self.image, self.layout.entry) || !machine_mode::is_below(self.machine) {
            return Ok(None);
        }
        Ok(self.csr(csr::MIE)?.map(|mie| mie & MACHINE).filter(|enabled| *enabled != 0))
    }

    fn comes(&mut self, timer: Option<u64>) -> bool {
        let now = self.ticks();
        timer.is_some_and(|time| time.saturating_sub(now) < NEVER)
    }

    /// When the timer's interrupt comes; `None` where it never does.
    pub(super) fn timer(&mut self) -> Result<Option<u64>, Error> {
        let of_machine = match self.machine_enabled()? {
            Some(enabled) if enabled & MACHINE_TIMER != 0 => machine_mode::timer(self.machine),
            _ => None,
        };
        let is_enabled = self.csr(csr::SIE)?.is_some_and(|sie| sie & TIMER != 0);
        let own = if of_machine.is_none() || is_enabled { self.timer_setting()? } else { None };
        let first = own.into_iter().chain(of_machine).min();
        Ok(first.filter(|time| self.comes(Some(*time))))
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
        if self.trace.is_some() && machine_mode::starts_there(self.image, self.layout.entry) {
            // M-mode's timer is the CLINT's. Where M-mode has not given S-mode one of its own, it has none.
            if !machine_mode::is_below(self.machine) {
                return Ok(machine_mode::timer(self.machine).filter(|time| *time != u64::MAX));
            }
            if !machine_mode::gives_timer(self.machine, self.image.xlen()) {
                return Ok(None);
            }
        }
        let Some(low) = self.csr(csr::STIMECMP)? else { return Ok(None) };
        let high = match self.image.xlen() {
            Xlen::Rv32 => self.csr(csr::STIMECMPH)?.unwrap_or(0) << 32,
            Xlen::Rv64 => 0,
        };
        Ok(Some(high | low).filter(|time| *time != u64::MAX))
    }
}
