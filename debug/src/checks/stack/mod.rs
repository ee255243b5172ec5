//! Check `stack`: is sp right when it is first used?
//!
//! Until its first use sp may hold any value. A use is a load or store through sp, or a call or jump out of the function that set
//! it. Then sp must be the stack's top, a frame below it, or this hart's slot in an array of stacks.

mod judgement;
mod origin;

use std::time::Duration;

use super::boot_run::event::{BootEnd, BootEvent, PendingStore, store_range};
use super::boot_run::{BootRun, firmware};
use super::bss::Bss;
use super::finding::{Finding, Status};
use crate::machine::{Address, Error, Registers, Stop};
use crate::riscv::{self, Computation, Effect, Operands, Register};
use judgement::Use;
use origin::Origins;

pub const NAME: &str = "stack";

/// How many instructions are executed one by one. A boot that clears its registers and picks a hart needs dozens. After that it
/// runs to the next instruction that concerns sp.
const ONE_BY_ONE: u64 = 4096;
/// And this many where a companion has followed sp already, and from each instruction on that sets sp: its value may be computed by
/// several.
const SEEN_BEFORE: u64 = 256;
const STEP_LIMIT: Duration = Duration::from_secs(1);
/// How long the boot runs before it is looked at: it may go round in a circle.
const RUN_LIMIT: Duration = Duration::from_millis(200);
const SP: u8 = Register::SP;

/// The finding, and the end of the boot if it ended during the check.
pub struct StackOutcome {
    pub finding: Finding,
    pub end: Option<BootEnd>,
    /// What sp was set to, before frames were made.
    pub set_to: Option<Address>,
}

/// How sp got its value.
struct Setting {
    /// The value that it was set to, before frames were made.
    value: Address,
    /// Instructions from the entry to the one that set it, inclusive.
    instructions: u64,
    /// The first of two instructions set it.
    incomplete: bool,
    /// How many bytes it was lowered by since, and whether only by immediates, as for frames.
    lowered: u64,
    by_numbers: bool,
}

/// sp from the entry to its first use.
struct Approach {
    entry_sp: Address,
    origins: Origins,
    setting: Option<Setting>,
    /// What was wrong at a jump out of the function that set sp. sp may be set again before it is used.
    held: Option<Finding>,
    executed: u64,
    function: Option<Address>,
    called: bool,
}

/// Follows sp from the entry to its first use.
pub fn check(run: &mut BootRun<'_>, bss: &mut Bss) -> Result<StackOutcome, Error> {
    let registers = run.machine.registers()?;
    let mut approach = Approach {
        entry_sp: registers.sp(),
        origins: Origins::at_entry(),
        setting: None,
        held: None,
        executed: 0,
        function: function(run, Address(registers.pc)),
        called: false,
    };
    let mut one_by_one = if run.trace.is_none() && run.sees_all_stores() { SEEN_BEFORE } else { ONE_BY_ONE };
    loop {
        if let Some(mut finding) = approach.look(run)? {
            judgement::look_for_variables(run, &mut finding);
            return Ok(StackOutcome { finding, end: None, set_to: approach.set_to() });
        }
        if approach.executed >= one_by_one && sets_sp(run)? {
            one_by_one = approach.executed + SEEN_BEFORE;
        }
        let stop = if approach.executed < one_by_one { approach.step(run, bss)? } else { run_to_sp(run)? };
        let event = match stop {
            Stop::Stepped => run.arrival()?.map(BootEvent::End),
            Stop::Breakpoint if run.arrival()?.is_none() => None,
            stop => run.event(stop)?,
        };
        match event {
            Some(BootEvent::End(end)) => {
                let finding = approach.unused(run)?;
                return Ok(StackOutcome { finding, end: Some(end), set_to: approach.set_to() });
            }
            Some(BootEvent::Store(store)) => bss.early_store(run, &store)?,
            None => {}
        }
    }
}

impl Approach {
    /// Checks the next instruction. Returns the finding if it uses sp.
    fn look(&mut self, run: &mut BootRun<'_>) -> Result<Option<Finding>, Error> {
        let registers = run.machine.registers()?;
        let pc = Address(registers.pc);
        let here = function(run, pc);
        if here != self.function && !self.called && self.setting.is_some() && self.held.is_none() {
            let finding = self.judge(run, &registers, Use::Jump);
            if finding.status == Status::Pass {
                return Ok(Some(finding));
            }
            self.held = Some(finding);
        }
        self.function = here;
        let operation = riscv::decode(run.image.xlen(), &run.instruction(pc)?);
        let Some(operation) = operation.filter(|operation| !is_of_sp(operation)) else { return Ok(None) };
        let deed = match operation.effect() {
            Effect::Load { base: SP, .. } => Use::Load,
            Effect::Store { base: SP, .. } | Effect::Atomic { base: SP, .. } => Use::Store,
            Effect::Call(_) => Use::Call,
            _ => return Ok(None),
        };
        let held = self.held.take();
        Ok(Some(held.unwrap_or_else(|| self.judge(run, &registers, deed))))
    }

    fn set_to(&self) -> Option<Address> {
        self.setting.as_ref().map(|setting| setting.value)
    }

    /// Executes the next instruction, and follows its effect on sp.
    fn step(&mut self, run: &mut BootRun<'_>, bss: &mut Bss) -> Result<Stop, Error> {
        let before = run.machine.registers()?;
        let pc = Address(before.pc);
        let operation = riscv::decode(run.image.xlen(), &run.instruction(pc)?);
        // A step ignores watchpoints, so look for a watched store here.
        let stores_to = operation.and_then(|operation| store_range(operation.effect(), &before));
        if let Some(range) = stores_to.filter(|range| bss.awaits(range)) {
            self.executed += 1;
            bss.early_store(run, &PendingStore { pc, range })?;
            return Ok(Stop::Stepped);
        }
        let stop = run.step(1, STEP_LIMIT)?.1;
        if stop != Stop::Stepped {
            return Ok(stop);
        }
        self.executed += 1;
        if run.trace.is_none() && run.in_firmware()? {
            // A call, or a trap that the firmware takes first: what it does to sp is its own.
            return firmware::leave(run, pc, STEP_LIMIT);
        }
        if let Some(operands) = operation.and_then(|operation| operation.operands()) {
            self.origins.execute(&operands);
            let [old, new] = [&before, &run.machine.registers()?].map(|registers| registers.sp().0);
            if operands.destination == SP {
                self.moved(&operands, old, new);
            }
        }
        Ok(stop)
    }

    fn moved(&mut self, operands: &Operands, old: u64, new: u64) {
        let from_sp = operands.sources.contains(&SP);
        let relative =
            from_sp && matches!(operands.computation, Computation::AddImmediate | Computation::AddOrSubtract);
        if let (true, Some(setting)) = (relative, &mut self.setting) {
            let by_number = operands.computation == Computation::AddImmediate;
            if std::mem::take(&mut setting.incomplete) && by_number {
                setting.value = Address(new);
                setting.instructions = self.executed;
            } else if new <= old {
                setting.lowered += old - new;
                setting.by_numbers &= by_number;
            } else {
                setting.lowered = setting.lowered.saturating_sub(new - old);
                setting.value = Address(new.wrapping_add(setting.lowered));
                setting.instructions = self.executed;
            }
        } else if !relative {
            self.held = None;
            self.setting = Some(Setting {
                value: Address(new),
                instructions: self.executed,
                incomplete: operands.computation == Computation::Upper,
                lowered: 0,
                by_numbers: true,
            });
        }
    }
}

/// How far around pc an image without sections is searched for code, in bytes.
const REACH: u64 = 64 << 10;

/// Whether an instruction sets sp.
fn is_of_sp(operation: &riscv::Operation) -> bool {
    operation.operands().is_some_and(|operands| operands.destination == SP)
}

/// Whether the next instruction sets sp.
fn sets_sp(run: &mut BootRun<'_>) -> Result<bool, Error> {
    let pc = Address(run.machine.registers()?.pc);
    Ok(riscv::decode(run.image.xlen(), &run.instruction(pc)?).is_some_and(|operation| is_of_sp(&operation)))
}

/// The first address of the function that contains an instruction.
fn function(run: &BootRun<'_>, pc: Address) -> Option<Address> {
    let linked = run.image.linked(pc);
    run.image.function(linked).map(|(_, offset)| linked - offset)
}

/// Runs to the next instruction that concerns sp, in the functions that the boot may be in.
fn run_to_sp(run: &mut BootRun<'_>) -> Result<Stop, Error> {
    let pc = Address(run.machine.registers()?.pc);
    let offset = pc.0.wrapping_sub(run.image.linked(pc).0);
    let places: Vec<Address> = sp_places(run, run.image.linked(pc))
        .into_iter()
        .map(|place| place + offset)
        .filter(|place| *place != pc)
        .collect();
    for place in &places {
        run.machine.insert_breakpoint(*place)?;
    }
    let span = if run.trace.is_some() { run.span() } else { RUN_LIMIT };
    let stop = run.resume(span);
    for place in &places {
        run.machine.remove_breakpoint(*place)?;
    }
    stop
}

/// The instructions that use sp, set it, or make a call: all of the image, or those around pc if the image has no sections.
fn sp_places(run: &BootRun<'_>, pc: Address) -> Vec<Address> {
    let mut places = Vec::new();
    let mut code: Vec<(Address, &[u8])> = run.image.code().collect();
    if code.is_empty() {
        code.extend(run.image.executable_around(pc, REACH));
    }
    for (start, code) in code {
        let mut offset = 0;
        while let Some(rest) = code.get(offset..).filter(|rest| rest.len() >= 2) {
            let Some(operation) = riscv::decode(run.image.xlen(), rest) else {
                offset += 2;
                continue;
            };
            let about_sp = match operation.effect() {
                Effect::Load { base, .. } | Effect::Store { base, .. } | Effect::Atomic { base, .. } => base == SP,
                Effect::Call(_) => true,
                _ => false,
            };
            if about_sp || is_of_sp(&operation) {
                places.push(start + offset as u64);
            }
            offset += usize::from(operation.length);
        }
    }
    places
}

/// x2 of the registers.
fn sp_of(registers: &Registers) -> Address {
    registers.sp()
}
