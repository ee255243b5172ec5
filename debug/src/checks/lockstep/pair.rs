//! Two machines that are made to do the same, one instruction at a time. It knows what to compare, and not what it is for.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::result::{Divergence, Stats};
use super::state::{ComparedRegisters, Difference, State};
use super::{Rest, entry, firmware, reference};
use crate::checks::boot_run::FINISHER;
use crate::checks::boot_run::event::store_range;
use crate::checks::boot_run::layout::{Layout, bytes, overlap};
use crate::checks::finding::Finding;
use crate::image::Image;
use crate::machine::{Address, Error, Machine, Register, Stop, csr};
use crate::riscv::cause::is_interrupt;
use crate::riscv::{self, Effect, Xlen};

/// How long one instruction, or one call to the firmware, may take.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How much memory is compared at once, in bytes.
const CHUNK: u64 = 64 << 10;

pub struct Pair<'a> {
    reference: &'a mut dyn Machine,
    other: &'a mut dyn Machine,
    layout: &'a Layout,
    deadline: Instant,
    compared: ComparedRegisters,
    pub stats: Stats,
}

/// What came of one instruction.
pub enum Step {
    Same { state: State, changed_memory: bool },
    Rest(Rest),
    Diverged(Divergence),
}

impl<'a> Pair<'a> {
    /// Of two machines that stand at the entry.
    pub fn begin(
        reference: &'a mut dyn Machine,
        other: &'a mut dyn Machine,
        layout: &'a Layout,
        deadline: Instant,
    ) -> Result<Pair<'a>, Error> {
        let compared = ComparedRegisters::by([reference, other])?;
        Ok(Pair { reference, other, layout, deadline, compared, stats: Stats::default() })
    }

    /// What both start from, or how they differ where they must not.
    pub fn start(&mut self) -> Result<Result<State, Divergence>, Error> {
        let (copied, state, differences) = entry::equalize(self.reference, self.other, &self.compared)?;
        self.stats.copied = copied;
        if differences.is_empty() {
            return Ok(Ok(state));
        }
        let names: Vec<String> = differences.iter().map(Difference::name).collect();
        let summary = format!("they differ at {}: {}", self.layout.names.entry, names.join(", "));
        Ok(Err(Divergence::of_registers(summary, differences)))
    }

    pub fn instruction(&mut self, pc: Address) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; 4];
        for length in [4, 2] {
            bytes.truncate(length);
            match self.other.read_memory(pc, &mut bytes) {
                Err(Error::Refused { .. }) => {}
                read => return read.map(|()| bytes),
            }
        }
        // No memory: both will trap.
        Ok(Vec::new())
    }

    /// Executes one instruction on both, which stand in `state`.
    pub fn step(&mut self, state: &State, bytes: &[u8], effect: Effect) -> Result<Step, Error> {
        let stored = store_range(effect, &state.general);
        // Gone is gone, on either machine: the same store that powers off is seen before it is made.
        if stored.as_ref().is_some_and(|range| overlap(range, &(FINISHER.address..FINISHER.address + FINISHER.length)))
        {
            return Ok(Step::Rest(Rest::Ended));
        }
        let before = stored.as_ref().map(|range| read(self.other, range)).transpose()?.flatten();
        let (stop, there) = reference::step(self.reference, &self.compared, state, bytes, self.deadline)?;
        let stops = [stop, self.other.step(1, PATIENCE)?.1];
        self.stats.instructions += 1;
        self.stats.calls += u64::from(effect == Effect::Ecall);
        if stops != [Stop::Stepped, Stop::Stepped] {
            return self.stopped(stops);
        }
        self.take_counter(bytes, &there)?;
        self.take_answer(state, effect, &there)?;
        let here = self.compared.read(self.other)?;
        let differences = self.compared.differences(&there, &here);
        if !differences.is_empty() {
            let divergence = self.diverged(differences);
            return Ok(Step::Diverged(match firmware::call(state, effect) {
                Some(call) => divergence.after(&format!("the firmware was called: {call}")),
                None => divergence,
            }));
        }
        let changed_memory = match stored {
            Some(range) => match self.compare_store(&range, before.as_deref())? {
                Ok(changed) => changed,
                Err(divergence) => return Ok(Step::Diverged(divergence)),
            },
            None => effect == Effect::Ecall,
        };
        Ok(Step::Same { state: here, changed_memory })
    }

    /// What it means that not both made their step.
    fn stopped(&mut self, stops: [Stop; 2]) -> Result<Step, Error> {
        if let (Stop::Fault { .. }, Some(what)) = (stops[1], self.other.missing()) {
            return Err(Error::Unsupported { what, by: self.other.name().into() });
        }
        match stops {
            [Stop::Stepped, Stop::Fault { .. }] => self.both_trapped(),
            // The firmware is about to power off, or the machine's own one has done so.
            [Stop::Watchpoint { .. } | Stop::Exited { .. }, Stop::Watchpoint { .. } | Stop::Exited { .. }] => {
                Ok(Step::Rest(Rest::Ended))
            }
            stops => {
                let summary = format!("they stop differently after {} instructions", self.stats.instructions);
                Ok(Step::Diverged(Divergence::new(summary, stops.map(|stop| format!("{stop:?}")))))
            }
        }
    }

    /// One has gone to stvec, where the entry is; the other tells that nobody takes it.
    fn both_trapped(&mut self) -> Result<Step, Error> {
        let registers = [csr::SCAUSE, csr::SEPC, csr::STVAL];
        let values = [self.reference.read_registers(&registers)?, self.other.read_registers(&registers)?];
        let at_entry = Address(self.reference.registers()?.pc) == self.layout.entry;
        if at_entry && values[0] == values[1] {
            return Ok(Step::Rest(Rest::Trap(values[0][0])));
        }
        let differences = (0..registers.len())
            .filter(|index| values[0][*index] != values[1][*index])
            .map(|index| Difference { register: registers[index], values: [values[0][index], values[1][index]] });
        Ok(Step::Diverged(if at_entry {
            self.diverged(differences.collect())
        } else {
            let summary = format!("only {} trapped, after {} instructions", self.other.name(), self.stats.instructions);
            Divergence::of_registers(summary, differences.collect())
        }))
    }

    /// Where the instruction read a counter, the second machine gets what the first one read.
    fn take_counter(&mut self, bytes: &[u8], there: &State) -> Result<(), Error> {
        let operation = riscv::decode(Xlen::Rv64, bytes);
        let Some(register) = operation.and_then(|operation| operation.counter_destination()) else { return Ok(()) };
        self.other.write_register(Register::Gpr(register), there.general.x[usize::from(register)])?;
        self.stats.counters_read += 1;
        Ok(())
    }

    /// Where the firmware was asked about itself, the second machine's kernel hears what the first one's did.
    fn take_answer(&mut self, state: &State, effect: Effect, there: &State) -> Result<(), Error> {
        let Some(question) = firmware::question(state, effect) else { return Ok(()) };
        let value = Register::Gpr(firmware::VALUE);
        let answer = there.general.x[usize::from(firmware::VALUE)];
        if self.other.read_register(value)? == answer {
            return Ok(());
        }
        self.other.write_register(value, answer)?;
        if !self.stats.answers.contains(&question) {
            self.stats.answers.push(question);
        }
        Ok(())
    }

    /// Whether the store changed memory, or what each machine holds now where they differ.
    fn compare_store(
        &mut self,
        range: &Range<Address>,
        before: Option<&[u8]>,
    ) -> Result<Result<bool, Divergence>, Error> {
        self.stats.stores += 1;
        let Some(before) = before else {
            self.stats.device_stores += 1;
            return Ok(Ok(true));
        };
        let now = [read(self.reference, range)?, read(self.other, range)?];
        if now[0] == now[1] {
            return Ok(Ok(now[1].as_deref() != Some(before)));
        }
        let summary = format!("they stored differently after {} instructions", self.stats.instructions);
        let sides = now.map(|bytes| format!("{} holds {}", range.start, hexadecimal(bytes.as_deref())));
        Ok(Err(Divergence::new(summary, sides)))
    }

    /// What of the kernel's memory differs: its image, BSS and stack.
    pub fn compare_memory(&mut self, image: &Image) -> Result<Option<Divergence>, Error> {
        let segments = image.segments().iter().map(|segment| segment.address..segment.address + segment.memory_size);
        let ranges: Vec<_> = segments.chain([self.layout.bss.clone(), self.layout.stack.clone()]).collect();
        for range in ranges {
            for start in (range.start.0..range.end.0).step_by(CHUNK as usize).map(Address) {
                let chunk = start..range.end.min(start + CHUNK);
                let held = [read(self.reference, &chunk)?, read(self.other, &chunk)?];
                if held[0] == held[1] {
                    continue;
                }
                let [one, other] = held.map(Option::unwrap_or_default);
                let index = one.iter().zip(&other).position(|(one, other)| one != other).unwrap_or(0);
                let place = image.place(start + index as u64);
                let summary = format!("their memory differs in the end, from {place} on");
                let sides =
                    [one, other].map(|side| hexadecimal(side.get(index..).map(|rest| &rest[..rest.len().min(8)])));
                return Ok(Some(Divergence::new(summary, sides)));
            }
        }
        Ok(None)
    }

    fn diverged(&self, differences: Vec<Difference>) -> Divergence {
        let names: Vec<String> = differences.iter().map(Difference::name).collect();
        let mut summary = format!("they differ after {} instructions: {}", self.stats.instructions, names.join(", "));
        let interrupted = |difference: &Difference| {
            difference.name() == "scause" && difference.values.iter().any(|scause| is_interrupt(*scause))
        };
        if differences.iter().any(interrupted) {
            summary += "; an interrupt came to one of them only, as a stub may hold them back while it steps";
        }
        Divergence::of_registers(summary, differences)
    }

    pub fn names(&self) -> [&str; 2] {
        [self.reference.name(), self.other.name()]
    }

    /// One that fails, with all numbers.
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

/// The bytes there; `None` where it is not all memory.
fn read(machine: &mut dyn Machine, range: &Range<Address>) -> Result<Option<Vec<u8>>, Error> {
    let mut memory = vec![0; bytes(range) as usize];
    match machine.read_memory(range.start, &mut memory) {
        Err(Error::Refused { .. }) => Ok(None),
        read => read.map(|()| Some(memory)),
    }
}

fn hexadecimal(bytes: Option<&[u8]>) -> String {
    bytes.map_or("no memory".into(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
