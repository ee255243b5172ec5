//! Copies values that may differ from the first machine to the second: those that depend on time, what a firmware says about
//! itself, and known faults of the machine. The report lists all of them. It does not know how the machines got there.

use super::firmware;
use super::pair::Pair;
use super::state::{Difference, Executed, OUTSIDE_INTERRUPTS, State};
use super::window::read;
use crate::machine::quirk::{Case, GuestValues, Outcome, Quirk, TrapValues, csr_of, explain, is_store_conditional};
use crate::machine::{Address, Error, Register, csr};
use crate::riscv::page_table::PAGE;

const SATP: u16 = csr::SATP.csr_number();

impl Pair<'_> {
    /// Copies the values that may differ, and returns the other differences.
    pub fn reconcile(&mut self, executed: &Executed<'_>, there: &State) -> Result<(State, Vec<Difference>), Error> {
        self.take_counter(executed, there)?;
        self.translates |= csr_of(executed.bits()) == Some(SATP);
        let here = self.compared.read(self.other)?;
        let differences = self.compared.differences(there, &here);
        if differences.is_empty() {
            return Ok((here, differences));
        }
        if !(self.take_firmwares_answer(executed, &differences)?
            || self.take_csr(executed, &differences)?
            || self.take_quirk(executed, there, &here, &differences)?)
        {
            return Ok((here, differences));
        }
        let here = self.compared.read(self.other)?;
        let differences = self.compared.differences(there, &here);
        Ok((here, differences))
    }

    /// If the instruction read a counter, copies the value.
    fn take_counter(&mut self, executed: &Executed<'_>, there: &State) -> Result<(), Error> {
        let is_counter = |number| csr::BASE_COUNTERS.contains(&csr::lower_half(number).unwrap_or(number));
        if !csr_of(executed.bits()).is_some_and(is_counter) {
            return Ok(());
        }
        let register = executed.destination();
        if let Some(value) = self.compared.value(there, register) {
            self.other.write_register(register, value)?;
            self.stats.counters_read += 1;
        }
        Ok(())
    }

    /// Copies replies in which two firmwares may differ: about themselves, or if one does not support the call.
    fn take_firmwares_answer(&mut self, executed: &Executed<'_>, differences: &[Difference]) -> Result<bool, Error> {
        let Some(what) = firmware::own(executed.before, executed.effect, differences) else { return Ok(false) };
        for difference in differences {
            self.other.write_register(difference.register, difference.values[0])?;
        }
        if !self.stats.answers.contains(&what) {
            self.stats.answers.push(what);
        }
        Ok(true)
    }

    /// Copies the value of a CSR that depends on time, or differs in a known way.
    fn take_csr(&mut self, executed: &Executed<'_>, differences: &[Difference]) -> Result<bool, Error> {
        let Some(csr) = csr_of(executed.bits()) else { return Ok(false) };
        let [Difference { register, values }] = differences else { return Ok(false) };
        let is_pending = Register::Csr(csr) == csr::SIP;
        let is_timed = is_pending && (values[0] ^ values[1]) & !OUTSIDE_INTERRUPTS == 0;
        let is_accepted = self.compared.accepted(Register::Csr(csr)) == Some(*values);
        // A stub that does not show stimecmp keeps from the other machine what the firmware left there: that has its value of reset.
        let is_of_timer = [csr::STIMECMP, csr::STIMECMPH].contains(&Register::Csr(csr));
        let is_firmwares = is_of_timer && values[1] == self.xlen.most();
        if *register != executed.destination() || !(is_timed || is_accepted || is_firmwares) {
            return Ok(false);
        }
        self.other.write_register(*register, values[0])?;
        let what = "stimecmp at the entry";
        if is_firmwares && !self.stats.answers.iter().any(|answer| answer == what) {
            self.stats.answers.push(what.into());
        }
        self.stats.pending_read += u64::from(is_timed);
        Ok(true)
    }

    /// Copies a known fault of the first machine.
    fn take_quirk(
        &mut self,
        executed: &Executed<'_>,
        there: &State,
        here: &State,
        differences: &[Difference],
    ) -> Result<bool, Error> {
        let case = Case {
            instruction: executed.bits(),
            machine: self.outcome(executed, there),
            manual: self.outcome(executed, here),
        };
        self.take_known(&case, differences)
    }

    /// Like [`Pair::take_quirk`], for the outcome of an instruction.
    pub fn take_known(&mut self, case: &Case, differences: &[Difference]) -> Result<bool, Error> {
        let mut left = *case;
        let used = explain(&self.quirks, &mut left);
        if left.machine != left.manual || used.is_empty() {
            return Ok(false);
        }
        let values = differences.iter().map(|difference| {
            let [there, here] = difference.values;
            format!("{} {there:#x}, the manual {here:#x}", difference.name())
        });
        let seen = format!("says {}", values.collect::<Vec<_>>().join(", "));
        used.iter().for_each(|quirk| self.tell_known(*quirk, &seen));
        for difference in differences {
            match self.other.write_register(difference.register, difference.values[0]) {
                Ok(()) | Err(Error::Unsupported { .. } | Error::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
            let held = self.other.read_register(difference.register)?;
            if held != difference.values[0] {
                self.compared
                    .accept(Difference { register: difference.register, values: [difference.values[0], held] });
            }
        }
        Ok(true)
    }

    fn tell_known(&mut self, quirk: Quirk, seen: &str) {
        if !self.stats.known_faults.iter().any(|(known, _)| *known == quirk.what) {
            let what = format!("{} {seen}: {quirk}", self.reference.name());
            self.stats.known_faults.push((quirk.what, what));
        }
    }

    /// Copies the entry of a page table in which the first machine is known to differ; there is one only where satp was written.
    pub fn take_entry(&mut self, address: Address) -> Result<bool, Error> {
        if !self.translates {
            return Ok(false);
        }
        let range = address..address + self.xlen.bytes() as u64;
        let [there, here] = [read(self.reference.machine, &range)?, read(self.other, &range)?];
        let (Some(there), Some(here)) = (there, here) else { return Ok(false) };
        let [machine, manual] =
            [&there, &here].map(|bytes| Outcome { entry: Some(self.xlen.read(bytes)), ..Outcome::default() });
        let mut case = Case { instruction: 0, machine, manual };
        let used = explain(&self.quirks, &mut case);
        if case.machine != case.manual || used.is_empty() {
            return Ok(false);
        }
        let [held, right] = [machine, manual].map(|side| side.entry.unwrap_or(0));
        let seen = format!("has {held:#x} at {address}, the manual {right:#x}");
        used.iter().for_each(|quirk| self.tell_known(*quirk, &seen));
        self.other.write_memory(address, &there)?;
        Ok(true)
    }

    /// What an instruction left in a state.
    pub fn outcome(&self, executed: &Executed<'_>, after: &State) -> Outcome {
        let value = |register| self.compared.value(after, register);
        let handler = value(csr::STVEC).unwrap_or(0) & !3;
        // The place within the page: a machine may have the page wrong, which is a quirk of its own.
        let in_page = |sepc: u64| (sepc ^ executed.before.pc().0).is_multiple_of(PAGE);
        let trapped = after.pc().0 == handler && value(csr::SEPC).is_some_and(in_page);
        let trap = || Some(TrapValues { cause: value(csr::SCAUSE)?, pc: value(csr::SEPC)?, value: value(csr::STVAL)? });
        let returned = !trapped && is_store_conditional(executed.bits());
        let held = |register| value(register).unwrap_or(0);
        Outcome {
            entry: None,
            // A guest's own trap is in the supervisor's registers, as it sees them.
            guest: GuestValues {
                told: None,
                hstatus: held(csr::HSTATUS),
                vsstatus: held(csr::VSSTATUS),
                htval: held(csr::HTVAL),
                htinst: held(csr::HTINST),
            },
            result: if returned { value(executed.destination()) } else { None },
            trap: if trapped { trap() } else { None },
            sstatus: value(csr::SSTATUS).unwrap_or(0),
            csr: csr_of(executed.bits())
                .and_then(|number| value(Register::Csr(number)).or_else(|| self.read_csr(executed, after))),
        }
    }

    /// The value that an instruction read from a CSR, if it only reads: not every log has every CSR.
    fn read_csr(&self, executed: &Executed<'_>, after: &State) -> Option<u64> {
        self.compared.value(after, executed.destination()).filter(|_| executed.only_reads_csr())
    }
}
