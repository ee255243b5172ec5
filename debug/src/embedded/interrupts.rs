//! Which interrupts are pending, and which of them is taken next: the host's and its guest's.
//!
//! Source: privileged manual, "Supervisor Interrupt Registers" and "Hypervisor Interrupt Registers". It does not know how they are taken.

use crate::embedded::board::{Board, INSTRUCTIONS_PER_TICK};
use crate::embedded::hart::state::{Privilege, henvcfg, interrupt, sstatus};

/// An interrupt's number, and whose handler it goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    ByHost(u64),
    ByGuest(u64),
}

impl Board {
    /// The interrupts that are pending: as sip shows them, and hip those of a guest.
    pub fn pending(&self) -> u64 {
        let timer = if self.time() >= self.hart.stimecmp { interrupt::TIMER } else { 0 };
        let software = if self.hart.software_interrupt { interrupt::SOFTWARE } else { 0 };
        let external = if self.memory.devices.interrupts() { interrupt::EXTERNAL } else { 0 };
        let guest = &self.hart.guest;
        let of_guest = guest.henvcfg & henvcfg::STCE != 0 && self.guest_time() >= guest.vstimecmp;
        timer | software | external | guest.hvip | if of_guest { interrupt::GUEST_TIMER } else { 0 }
    }

    fn guest_time(&self) -> u64 {
        self.time().wrapping_add(self.hart.guest.htimedelta)
    }

    /// The interrupt to be taken now: those for the hypervisor before its guest's (privileged manual, "Hypervisor Interrupt Registers").
    pub(super) fn takeable_interrupt(&self) -> Option<Taken> {
        const BY_HOST: [u64; 7] = [9, 1, 5, 12, 10, 2, 6];
        const BY_GUEST: [u64; 3] = [10, 2, 6];
        let hart = &self.hart;
        if hart.sie == 0 || self.interrupts_held {
            return None;
        }
        let active = self.pending() & hart.sie;
        let user = hart.privilege == Privilege::User;
        let first = |from: &[u64], of: u64| from.iter().copied().find(|number| of >> number & 1 != 0);
        let by_host = hart.virtualized || user || hart.sstatus & sstatus::SIE != 0;
        let by_guest = hart.virtualized && (user || hart.guest.vsstatus & sstatus::SIE != 0);
        let for_host = if by_host { active & !hart.guest.hideleg } else { 0 };
        let for_guest = if by_guest { active & hart.guest.hideleg } else { 0 };
        first(&BY_HOST, for_host).map(Taken::ByHost).or_else(|| first(&BY_GUEST, for_guest).map(Taken::ByGuest))
    }

    /// The instruction count at which a timer's interrupt becomes pending, where that will be noticed.
    pub(super) fn next_timer_event(&self) -> u64 {
        let guest = &self.hart.guest;
        let at = |enabled: bool, time: u64| {
            if !enabled || self.time() >= time {
                return u64::MAX;
            }
            time.saturating_mul(INSTRUCTIONS_PER_TICK).saturating_sub(self.wfi_skipped)
        };
        let own = at(self.hart.sie & interrupt::TIMER != 0, self.hart.stimecmp);
        if guest.henvcfg & henvcfg::STCE == 0 || self.guest_time() >= guest.vstimecmp {
            return own;
        }
        // What is left of its time is the same by either clock.
        let left = guest.vstimecmp - self.guest_time();
        own.min(at(self.hart.sie & interrupt::GUEST_TIMER != 0, self.time().saturating_add(left)))
    }
}
