//! Which interrupts are pending, and which of them is taken next: M-mode's, the host's and its guest's.
//!
//! Source: privileged manual, "Machine Interrupt Registers", "Supervisor Interrupt Registers" and "Hypervisor Interrupt Registers". It does not know how they are taken.

use crate::embedded::board::{Board, INSTRUCTIONS_PER_TICK};
use crate::embedded::hart::state::{Handler, Hart, Privilege, henvcfg, interrupt, sstatus};
use crate::riscv::status::mstatus::MIE;

impl Board {
    /// The interrupts that are pending, as mip shows them: sip and hip are parts of it.
    pub fn pending(&self) -> u64 {
        self.pending_for(&self.hart)
    }

    /// Those of any hart.
    #[inline]
    pub(super) fn pending_for(&self, hart: &Hart) -> u64 {
        let timer = if has_own_timer(hart) && self.time() >= hart.stimecmp { interrupt::TIMER } else { 0 };
        let software = if hart.software_interrupt { interrupt::SOFTWARE } else { 0 };
        let external = if self.memory.devices.interrupts(hart.number) { interrupt::EXTERNAL } else { 0 };
        let guest = &hart.guest;
        let of_guest = guest_has_own_timer(hart) && self.guest_time(hart) >= guest.vstimecmp;
        let of_guest = if of_guest { interrupt::GUEST_TIMER } else { 0 };
        timer | software | external | guest.hvip | of_guest | self.pending_by_machine(hart)
    }

    /// Those of M-mode, and those that M-mode raised.
    fn pending_by_machine(&self, hart: &Hart) -> u64 {
        let (Some(machine), devices, number) = (&hart.machine, &self.memory.devices, hart.number) else { return 0 };
        let timer = if self.time() >= devices.clint.compare(number) { interrupt::MACHINE_TIMER } else { 0 };
        let software = if devices.clint.software_interrupt(number) { interrupt::MACHINE_SOFTWARE } else { 0 };
        let external = if devices.interrupts_machine(number) { interrupt::MACHINE_EXTERNAL } else { 0 };
        let raised = if has_own_timer(hart) { machine.raised & !interrupt::TIMER } else { machine.raised };
        timer | software | external | raised
    }

    fn guest_time(&self, hart: &Hart) -> u64 {
        self.time().wrapping_add(hart.guest.htimedelta)
    }

    /// The interrupt to be taken now: those for the hypervisor before its guest's (privileged manual, "Hypervisor Interrupt Registers").
    pub(super) fn takeable_interrupt(&self) -> Option<(u64, Handler)> {
        const BY_MACHINE: [u64; 6] = [11, 3, 7, 9, 1, 5];
        const BY_HOST: [u64; 7] = [9, 1, 5, 12, 10, 2, 6];
        const BY_GUEST: [u64; 3] = [10, 2, 6];
        let hart = &self.hart;
        if hart.sie == 0 || self.interrupts_held {
            return None;
        }
        let active = self.pending() & hart.sie;
        let user = hart.privilege == Privilege::User;
        let first = |from: &[u64], of: u64| from.iter().copied().find(|number| of >> number & 1 != 0);
        let mut active = active;
        if let Some(machine) = &hart.machine {
            let in_machine = hart.privilege == Privilege::Machine;
            if let Some(number) = first(&BY_MACHINE, active & !machine.mideleg)
                && (!in_machine || machine.status & MIE != 0)
            {
                return Some((number, Handler::Machine));
            }
            active &= if in_machine { 0 } else { machine.mideleg };
        }
        let by_host = hart.virtualized || user || hart.sstatus & sstatus::SIE != 0;
        let by_guest = hart.virtualized && (user || hart.guest.vsstatus & sstatus::SIE != 0);
        let for_host = if by_host { active & !hart.guest.hideleg } else { 0 };
        let for_guest = if by_guest { active & hart.guest.hideleg } else { 0 };
        let by_host = first(&BY_HOST, for_host).map(|number| (number, Handler::Supervisor));
        by_host.or_else(|| first(&BY_GUEST, for_guest).map(|number| (number, Handler::Guest)))
    }

    /// The instruction count at which a timer's interrupt becomes pending, where that will be noticed.
    pub(super) fn next_timer_event(&self) -> u64 {
        self.next_timer_event_of(&self.hart)
    }

    /// That of any hart.
    #[inline]
    pub(super) fn next_timer_event_of(&self, hart: &Hart) -> u64 {
        let guest = &hart.guest;
        let at = |enabled: bool, time: u64| {
            if !enabled || self.time() >= time {
                return u64::MAX;
            }
            // mtime may have been set: what is left of it is the same by either clock.
            let ticks = self.now().ticks().saturating_add(time - self.time());
            // What no count of instructions reaches never comes, however much time was skipped.
            ticks.checked_mul(INSTRUCTIONS_PER_TICK).map_or(u64::MAX, |count| count.saturating_sub(self.wfi_skipped))
        };
        let enabled = |bit: u64| hart.sie & bit != 0;
        let mut own = at(enabled(interrupt::TIMER) && has_own_timer(hart), hart.stimecmp);
        if hart.machine.is_some() {
            own = own.min(at(enabled(interrupt::MACHINE_TIMER), self.memory.devices.clint.compare(hart.number)));
        }
        if !guest_has_own_timer(hart) || self.guest_time(hart) >= guest.vstimecmp {
            return own;
        }
        // What is left of its time is the same by either clock.
        let left = guest.vstimecmp - self.guest_time(hart);
        own.min(at(enabled(interrupt::GUEST_TIMER), self.time().saturating_add(left)))
    }
}

/// S-mode's timer is stimecmp's (Sstc); a firmware in the host uses it in its place.
fn has_own_timer(hart: &Hart) -> bool {
    hart.menvcfg() & henvcfg::STCE != 0
}

fn guest_has_own_timer(hart: &Hart) -> bool {
    hart.guest.henvcfg & hart.menvcfg() & henvcfg::STCE != 0
}
