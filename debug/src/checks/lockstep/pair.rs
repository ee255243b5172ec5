//! Two machines that execute the same instructions, one at a time. It knows what to compare, not why.

use std::time::Instant;

use super::firmware::PATIENCE;
use super::reference::{Reached, Reference, can_be_interrupted};
use super::result::{Divergence, Stats};
use super::state::{ComparedRegisters, Difference, Executed, State};
use super::window::{Window, read};
use super::{Rest, entry, firmware};
use crate::checks::boot_run::FINISHER;
use crate::checks::boot_run::event::store_range;
use crate::checks::boot_run::layout::{Layout, overlap};
use crate::checks::finding::Finding;
use crate::image::Image;
use crate::machine::quirk::{Case, Outcome, Quirk, TrapValues};
use crate::machine::{Address, Error, Machine, Register, Stop, csr};
use crate::riscv::cause::{handler, is_interrupt};
use crate::riscv::status::SUPERVISOR_MODE;
use crate::riscv::status::sstatus::{SIE, SPIE, SPP};
use crate::riscv::{Effect, Xlen};

pub struct Pair<'a> {
    pub reference: Reference<'a>,
    pub other: &'a mut dyn Machine,
    pub layout: &'a Layout,
    pub deadline: Instant,
    pub compared: ComparedRegisters,
    pub quirks: Vec<Quirk>,
    pub window: Window,
    pub stats: Stats,
    /// Whether there may be page tables: satp was written.
    pub translates: bool,
    /// The width of the registers.
    pub xlen: Xlen,
}

/// The result of one instruction.
pub enum Step {
    Same {
        state: State,
        changed_memory: bool,
    },
    Rest(Rest),
    Diverged(Divergence),
    /// Time was up before the instruction was executed.
    TimeOver,
}

impl<'a> Pair<'a> {
    /// Starts with two machines that are at the entry.
    pub fn begin(
        reference: &'a mut dyn Machine,
        other: &'a mut dyn Machine,
        layout: &'a Layout,
        xlen: Xlen,
        deadline: Instant,
    ) -> Result<Pair<'a>, Error> {
        let compared = ComparedRegisters::by([reference, other])?;
        let quirks = reference.quirks()?;
        other.hold_interrupts();
        let (reference, window, stats) = (Reference::new(reference), Window::default(), Stats::default());
        Ok(Pair { reference, other, layout, deadline, compared, quirks, window, stats, translates: false, xlen })
    }

    /// The common state at the entry, or the differences that are not allowed.
    pub fn start(&mut self, image: &Image) -> Result<Result<State, Divergence>, Error> {
        let entry = entry::equalize(self.reference.machine, self.other, &mut self.compared)?;
        self.stats.copied = entry.copied;
        if entry.bound.is_empty() {
            self.reference.prepare(&self.compared, self.layout, image)?;
            return Ok(Ok(entry.state));
        }
        let names: Vec<String> = entry.bound.iter().map(Difference::name).collect();
        let summary = format!("the machines differ at {}: {}", self.layout.names.entry, names.join(", "));
        Ok(Err(Divergence::of_registers(summary, entry.bound)))
    }

    /// The bytes of the instruction there; empty if there is no memory, so both will trap.
    pub fn instruction(&mut self, pc: Address) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; 4];
        for length in [4, 2] {
            bytes.truncate(length);
            match self.other.read_memory(pc, &mut bytes) {
                Err(Error::Refused { .. }) => {}
                read => return read.map(|()| bytes),
            }
        }
        Ok(Vec::new())
    }

    /// Executes one instruction on both machines, which are in state `before`.
    pub fn step(&mut self, executed: &Executed<'_>) -> Result<Step, Error> {
        let Executed { before, effect, .. } = *executed;
        let stored = store_range(effect, &before.general);
        // Gone is gone, on either machine: the same store that powers off is seen before it is made.
        if stored.as_ref().is_some_and(|range| overlap(range, &(FINISHER.address..FINISHER.address + FINISHER.length)))
        {
            return Ok(Step::Rest(Rest::Ended));
        }
        let (stop, there) = loop {
            match self.reference.advance(&self.compared, executed, self.deadline)? {
                Reached::State(state) => break (Stop::Stepped, state),
                Reached::Stopped(stop) => break (stop, before.clone()),
                Reached::Interrupted(state) => return self.interrupted(executed, &state),
                Reached::Differing(differences) => return Ok(Step::Diverged(self.diverged(differences))),
                Reached::Standing => {
                    if let Some(divergence) = self.compare_stores()? {
                        return Ok(Step::Diverged(divergence));
                    }
                    if Instant::now() >= self.deadline {
                        return Ok(Step::TimeOver);
                    }
                }
                Reached::TimeOver => return Ok(Step::TimeOver),
            }
        };
        let held = stored.as_ref().map(|range| read(self.other, range)).transpose()?.flatten();
        let stops = [stop, self.other.step(1, PATIENCE)?.1];
        self.stats.instructions += 1;
        self.stats.calls += u64::from(effect == Effect::Ecall);
        if stops != [Stop::Stepped, Stop::Stepped] {
            return self.stopped(executed, stops, &there);
        }
        let (here, mut differences) = self.reconcile(executed, &there)?;
        if !differences.is_empty()
            && let Some(step) = self.follow_trap(&here, &there, &mut differences)?
        {
            return Ok(step);
        }
        if !differences.is_empty() {
            let divergence = self.diverged(differences);
            return Ok(Step::Diverged(match firmware::call(before, effect) {
                Some(call) => divergence.after(&format!("the firmware was called: {call}")),
                None => divergence,
            }));
        }
        let changed_memory = match stored {
            // It stored nothing, and the address may be the firmware's, whose memory is not the same.
            Some(_) if self.outcome(executed, &here).trap.is_some() => false,
            Some(range) => match self.compare_store(executed, &range, held.as_deref())? {
                Ok(changed) => changed,
                Err(divergence) => return Ok(Step::Diverged(divergence)),
            },
            None => effect == Effect::Ecall,
        };
        let here = self.compared.read(self.other)?;
        self.compare_window(here, changed_memory)
    }

    /// Whether the next instruction may have another result than before in the same state, because of time or interrupts.
    pub fn may_change(&self, state: &State, bytes: &[u8]) -> bool {
        let reads_pending = Executed { before: state, bytes, effect: Effect::Other }.reads(csr::SIP);
        self.reference.follows() && (reads_pending || can_be_interrupted(&self.compared, state))
    }

    /// Compares memory when the first machine was stopped for a full comparison, then continues.
    fn compare_window(&mut self, state: State, changed_memory: bool) -> Result<Step, Error> {
        if self.reference.is_running()
            && !self.window.is_full(self.stats.instructions)
            && Instant::now() < self.deadline
        {
            return Ok(Step::Same { state, changed_memory });
        }
        if self.reference.is_running() {
            self.reference.stop()?;
            return Ok(Step::Same { state, changed_memory });
        }
        Ok(match self.compare_stores()? {
            Some(divergence) => Step::Diverged(divergence),
            None => Step::Same { state, changed_memory },
        })
    }

    /// Handles a step that only one machine made.
    fn stopped(&mut self, executed: &Executed<'_>, stops: [Stop; 2], there: &State) -> Result<Step, Error> {
        match stops {
            [_, Stop::Fault(fault)] if fault.is_missing() => {
                Err(Error::Unsupported { what: fault.to_string(), by: self.other.name().into() })
            }
            [Stop::Stepped, Stop::Fault(_)] => self.both_trapped(executed, there),
            // The firmware is about to power off, or the machine's own one has done so.
            [Stop::Watchpoint { .. } | Stop::Exited { .. }, Stop::Watchpoint { .. } | Stop::Exited { .. }] => {
                Ok(Step::Rest(Rest::Ended))
            }
            stops if stops.contains(&Stop::Interrupted) && Instant::now() >= self.deadline => Ok(Step::TimeOver),
            stops => {
                let summary = format!("the machines stop differently after {} instructions", self.stats.instructions);
                Ok(Step::Diverged(Divergence::new(summary, stops.map(|stop| format!("{stop:?}")))))
            }
        }
    }

    /// One machine entered stvec, which is the entry; the other reports that the kernel has no handler.
    fn both_trapped(&mut self, executed: &Executed<'_>, there: &State) -> Result<Step, Error> {
        let here = self.compared.read(self.other)?;
        let values = |state: &State| {
            [csr::SCAUSE, csr::SEPC, csr::STVAL].map(|register| self.compared.value(state, register).unwrap_or(0))
        };
        let [one, other] = [values(there), values(&here)];
        let pc = here.pc().0;
        let at_entry = there.pc() == self.layout.entry;
        if at_entry && one == other {
            return Ok(Step::Rest(Rest::Trap(one[0])));
        }
        let trap = |values: [u64; 3]| Some(TrapValues { cause: values[0], pc: values[1], value: values[2] });
        let status = |state: &State| self.compared.value(state, csr::SSTATUS).unwrap_or(0);
        // Here no trap was taken, so sstatus has not changed.
        let outcome = |trap| Outcome { trap, sstatus: status(there), ..Outcome::default() };
        let machine = outcome(if at_entry { trap(one) } else { None });
        let case = Case { instruction: executed.bits(), machine, manual: outcome(trap(other)) };
        let registers = [csr::SCAUSE, csr::SEPC, csr::STVAL];
        let differing: Vec<Difference> = registers
            .into_iter()
            .zip(one.into_iter().zip(other))
            .filter(|(_, (one, other))| one != other)
            .map(|(register, (one, other))| Difference { register, values: [one, other] })
            .collect();
        if at_entry {
            if self.take_known(&case, &differing)? {
                return Ok(Step::Rest(Rest::Trap(one[0])));
            }
            return Ok(Step::Diverged(self.diverged(differing)));
        }
        self.other.write_register(Register::Pc, pc)?;
        let differences = self.compared.differences(there, &self.compared.read(self.other)?);
        if self.take_known(&case, &differences)? {
            let state = self.compared.read(self.other)?;
            return Ok(Step::Same { state, changed_memory: true });
        }
        let summary = format!("only {} trapped after {} instructions", self.other.name(), self.stats.instructions);
        Ok(Step::Diverged(Divergence::of_registers(summary, differing)))
    }

    /// The running machine entered its handler without an entry in its log: the fetch failed, or an interrupt came. The other
    /// machine follows.
    fn follow_trap(
        &mut self,
        here: &State,
        there: &State,
        differences: &mut Vec<Difference>,
    ) -> Result<Option<Step>, Error> {
        let value = |state: &State, register| self.compared.value(state, register).unwrap_or(0);
        let cause = value(there, csr::SCAUSE);
        let goes_to_handler = value(there, csr::SEPC) == here.general.pc && there.general.pc != here.general.pc;
        if !self.reference.follows() || !goes_to_handler {
            return Ok(None);
        }
        if is_interrupt(cause) {
            self.interrupt(cause)?;
        } else {
            let stop = self.other.step(1, PATIENCE)?.1;
            self.stats.instructions += 1;
            if stop != Stop::Stepped {
                let executed = Executed { before: here, bytes: &[], effect: Effect::Other };
                return self.stopped(&executed, [Stop::Stepped, stop], there).map(Some);
            }
        }
        *differences = self.compared.differences(there, &self.compared.read(self.other)?);
        Ok(None)
    }

    /// The first machine took an interrupt before the instruction. The other takes it too.
    fn interrupted(&mut self, executed: &Executed<'_>, there: &State) -> Result<Step, Error> {
        self.interrupt(self.compared.value(there, csr::SCAUSE).unwrap_or(0))?;
        let here = self.compared.read(self.other)?;
        let differences = self.compared.differences(there, &here);
        if differences.is_empty() {
            return self.compare_window(here, true);
        }
        let divergence = self.diverged(differences);
        let pc = executed.before.pc();
        Ok(Step::Diverged(divergence.after(&format!("an interrupt came before {pc}"))))
    }

    /// Makes the second machine take an interrupt (privileged manual, "Supervisor Cause (scause) Register",
    /// "Supervisor Trap Vector Base Address (stvec) Register" and "Supervisor Status (sstatus) Register").
    fn interrupt(&mut self, cause: u64) -> Result<(), Error> {
        let other = &mut *self.other;
        let pc = other.registers()?.pc;
        let (status, stvec) = (other.read_register(csr::SSTATUS)?, other.read_register(csr::STVEC)?);
        let before = if status & SIE != 0 { SPIE } else { 0 }
            | if other.read_register(Register::Priv)? == SUPERVISOR_MODE { SPP } else { 0 };
        for (register, value) in [
            (csr::SCAUSE, cause),
            (csr::SEPC, pc),
            (csr::STVAL, 0),
            (csr::SSTATUS, status & !(SIE | SPIE | SPP) | before),
            (Register::Priv, SUPERVISOR_MODE),
            (Register::Pc, handler(stvec, cause)),
        ] {
            other.write_register(register, value)?;
        }
        self.stats.interrupts += 1;
        Ok(())
    }

    pub fn diverged(&self, differences: Vec<Difference>) -> Divergence {
        let names: Vec<String> = differences.iter().map(Difference::name).collect();
        let mut summary =
            format!("the machines differ after {} instructions: {}", self.stats.instructions, names.join(", "));
        let interrupted = |difference: &Difference| {
            difference.name() == "scause" && difference.values.iter().any(|scause| is_interrupt(*scause))
        };
        if differences.iter().any(interrupted) {
            summary += "; only one of them took an interrupt";
        }
        Divergence::of_registers(summary, differences)
    }

    pub fn names(&self) -> [&str; 2] {
        [self.reference.name(), self.other.name()]
    }

    /// A failed finding with all numbers.
    pub fn finding(&self, name: &'static str) -> Finding {
        let mut finding = Finding::new(name);
        let [one, other] = self.names();
        finding.expected =
            format!("the same registers and stores on {one} and {other}, after each instruction to the end");
        finding.set("registers", self.compared.count());
        self.stats.enter(&mut finding);
        finding
    }
}
