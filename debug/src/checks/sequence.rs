//! The checks in their order along one run, and where the run ends. It does not judge: each check does.

use std::time::{Duration, Instant};

use super::boot_run::BootRun;
use super::boot_run::arrival::arrive;
use super::boot_run::dialogue::Dialogue;
use super::boot_run::event::{BootEnd, BootEvent};
use super::boot_run::hart_trace::HartTrace;
use super::boot_run::layout::Layout;
use super::boot_run::limit::Limit;
use super::boot_run::memory::MemoryFacts;
use super::boot_run::stepping::Stepping;
use super::boot_run::trial;
use super::boot_run::{spin, woken};
use super::console::Script;
use super::finding::{Finding, Status};
use super::memory_map::MemoryMap;
use super::{
    ClearProgress, Error, NAMES, bss, check_image, explain, handoff, idle, image, margin, memory, stack, trap,
};
use crate::image::{Image, Place};
use crate::machine::Machine;
use crate::setting::Setting;

/// A tick of the `time` CSR, on QEMU's `virt` board.
const NANOSECONDS_PER_TICK: u64 = 100;

/// What a run needs.
pub struct RunPlan<'a, 'b> {
    pub limit: Limit,
    pub boot_hart: Option<u64>,
    pub step: Option<&'a mut dyn FnMut(ClearProgress)>,
    /// What the companion has seen of memory.
    pub memory: Option<&'b MemoryFacts<'b>>,
    /// How the companion's run ended.
    pub companion_end: Option<&'b BootEnd>,
    pub script: Script,
    /// The kernel is not taken to rest before it has run for so long: the companion's failed then.
    pub at_least: Duration,
}

/// What a run showed.
pub struct RunResult<'a> {
    pub findings: Result<Vec<Finding>, Error>,
    /// The facts about memory on an observed machine, with or without a verdict.
    pub memory: Option<MemoryFacts<'a>>,
    /// How the boot ended, if it came to its end.
    pub end: Option<BootEnd>,
    /// What was interrupted last, if interrupts come again and again.
    pub interrupted: Option<Place>,
    /// The traps that were seen.
    pub hart: HartTrace,
    /// How long the kernel ran by its own clock, on an observed machine.
    pub took: Duration,
    /// The run reached its limit.
    pub was_cut: bool,
}

impl<'a> RunResult<'a> {
    fn early(findings: Result<Vec<Finding>, Error>) -> RunResult<'a> {
        RunResult {
            findings,
            memory: None,
            end: None,
            interrupted: None,
            hart: HartTrace::default(),
            took: Duration::ZERO,
            was_cut: false,
        }
    }
}

/// Makes all checks along one run.
pub fn run_checks<'a>(
    machine: &'a mut dyn Machine,
    image: &'a Image,
    layout: &'a Layout,
    plan: RunPlan<'_, 'a>,
) -> RunResult<'a> {
    let mut findings = vec![check_image(image, layout)];
    match arrive(machine, image, layout, plan.boot_hart, &plan.limit) {
        Ok(Ok(())) => machine.begin_console(),
        Ok(Err(missing)) => {
            findings.push(handoff::never_arrived(image, layout, &missing));
            return RunResult::early(Ok(complete(findings, "the kernel's entry was never reached")));
        }
        Err(error) => return RunResult::early(Err(error)),
    }
    match handoff::check(machine, image, layout) {
        Ok(handoff) => findings.push(handoff),
        Err(error) => return RunResult::early(Err(error.into())),
    }
    match MemoryMap::at_entry(machine) {
        Ok(Some(memory)) => {
            if let Some(misplaced) = image::misplaced(image, layout, &memory) {
                return RunResult::early(Ok(complete(vec![misplaced], "this image cannot boot")));
            }
        }
        Ok(None) => {}
        Err(error) => return RunResult::early(Err(error.into())),
    }
    if failed(&findings) {
        return RunResult::early(Ok(complete(findings, "the boot protocol was violated")));
    }
    if machine.observed().is_none() {
        match trial::watchpoint(machine, image.physical(layout.entry)) {
            Ok(None) => {}
            Ok(Some(how)) => {
                return RunResult::early(Err(Error::Watchpoints { machine: machine.name().into(), how }));
            }
            Err(error) => return RunResult::early(Err(error.into())),
        }
    }
    let mut run = match BootRun::begin(machine, image, layout, plan.limit, plan.memory) {
        Ok(run) => run,
        Err(error) => return RunResult::early(Err(error.into())),
    };
    run.dialogue = Dialogue::new(plan.script);
    run.seen_end = plan.companion_end.cloned();
    run.must_run_until = Instant::now() + plan.at_least;
    let begun = run.ticks();
    let mut findings = kernel(&mut run, findings, plan.step);
    if findings.is_err() {
        let mut so_far = std::mem::take(&mut run.so_far);
        memory::add_seen(&run, &mut so_far);
        let mut memory = run.trace.map(|trace| trace.memory);
        if let Some(memory) = &mut memory {
            memory.findings = so_far;
        }
        return RunResult { memory, hart: run.hart, ..RunResult::early(findings) };
    }
    if let Ok(made) = &mut findings {
        memory::add(&mut run, made);
        explain::failures(run.machine, image, made);
        // The facts about memory refer to the addresses where the kernel was.
        let first = made.iter().find(|finding| finding.status == Status::Fail).map(|finding| finding.name);
        if first.is_some_and(|name| [stack::NAME, bss::NAME, margin::NAME].contains(&name))
            && let Some((place, pc)) = explain::moved(run.machine, image)
        {
            let by = pc.0.wrapping_sub(place.address.0);
            let bss = layout.bss.start + by..layout.bss.end + by;
            findings = Err(Error::Moved { pc, place: Box::new(place), bss });
        }
    }
    let interrupted = run.hart.last_interrupt.filter(|_| run.hart.interrupts > 1).map(|trap| run.place(trap.pc));
    let took = Duration::from_nanos(run.ticks().saturating_sub(begun).saturating_mul(NANOSECONDS_PER_TICK));
    let was_cut = run.is_over();
    let memory = run.trace.map(|trace| trace.memory);
    RunResult { findings, memory, end: run.end, interrupted, hart: run.hart, took, was_cut }
}

/// The checks from the entry to the end.
fn kernel(
    run: &mut BootRun<'_>,
    mut findings: Vec<Finding>,
    step: Option<&mut dyn FnMut(ClearProgress)>,
) -> Result<Vec<Finding>, Error> {
    let mut bss = bss::Bss::begin(run)?;
    let stack = stack::check(run, &mut bss)?;
    if let (Some(end @ (BootEnd::Trap | BootEnd::Overflow(_))), None) = (&stack.end, stack.set_to) {
        findings.push(Finding::not_run(stack::NAME, "the boot ended before sp was set"));
        findings.push(Finding::not_run(bss::NAME, "the boot ended before BSS was cleared"));
        return finish(run, findings, end.clone());
    }
    findings.push(stack.finding);
    run.so_far = complete(findings.clone(), "the machine could not go on");
    if failed(&findings) {
        return Ok(complete(findings, "the stack is not where it should be"));
    }
    if let Some(trace) = &mut run.trace {
        trace.memory.arm(stack.set_to);
    }
    let outcome = bss.check(run, step.map(Stepping::new), stack.end)?;
    match outcome.end {
        Some(end) => {
            findings.push(outcome.finding);
            finish(run, findings, end)
        }
        None if outcome.finding.status == Status::Fail => {
            findings.push(outcome.finding);
            Ok(complete(findings, "the BSS clear went wrong"))
        }
        None => after_clear(run, findings, bss, outcome.finding),
    }
}

/// The checks from the end of the BSS clear to the end of the boot.
fn after_clear(
    run: &mut BootRun<'_>,
    mut findings: Vec<Finding>,
    mut bss: bss::Bss,
    finding: Finding,
) -> Result<Vec<Finding>, Error> {
    let mut certain = findings.clone();
    certain.push(finding.clone());
    run.so_far = complete(certain, "the machine could not go on");
    loop {
        let end = match run.next_event()? {
            BootEvent::End(BootEnd::HartStopped { .. }) if run.follow_next()? => continue,
            // It may be parked, while another hart has the boot hart's part.
            BootEvent::End(BootEnd::Spins(_)) if run.went_on() && run.follow_next()? => continue,
            BootEvent::End(end) => Some(end),
            BootEvent::Store(store) => {
                if let Some(overrun) = bss.later(run, &store)? {
                    findings.push(overrun.finding);
                    return Ok(complete(findings, "the BSS clear went wrong"));
                }
                run.stack_store(store)?
            }
        };
        if let Some(end) = end {
            if let Some(stray) = bss.stray(run)? {
                findings.push(stray);
                return Ok(complete(findings, "the BSS clear went wrong"));
            }
            findings.push(finding);
            return finish(run, findings, end);
        }
    }
}

/// The checks after the end of the boot.
fn finish(run: &mut BootRun<'_>, mut findings: Vec<Finding>, end: BootEnd) -> Result<Vec<Finding>, Error> {
    let end = match end {
        BootEnd::Trap => margin::outside(run)?.map_or(end, BootEnd::Overflow),
        BootEnd::Polls { .. } => spin::confirm(run, end)?,
        BootEnd::Wfi => woken::confirm(run, end)?,
        end => end,
    };
    run.end = Some(end.clone());
    match &end {
        BootEnd::Trap => {
            findings.push(trap::trapped(run)?);
            Ok(complete(findings, "the kernel trapped"))
        }
        BootEnd::Stuck => {
            findings.push(trap::check(run, &end)?);
            Ok(complete(findings, "the kernel trapped"))
        }
        BootEnd::Damaged => {
            findings.push(trap::check(run, &end)?);
            Ok(complete(findings, "an interrupt damaged the code that it interrupted"))
        }
        BootEnd::Overflow(store) => {
            let margin = margin::overflowed(run, store)?;
            findings.push(Finding::not_run(trap::NAME, "the stack overflowed"));
            findings.push(Finding::not_run(idle::NAME, "the stack overflowed"));
            findings.push(margin);
            Ok(findings)
        }
        BootEnd::Exited { .. } if run.machine.registers().is_err() => {
            findings.push(Finding::not_run(
                trap::NAME,
                &format!("the machine ended before its registers could be read; try: {}", Setting::Embedded),
            ));
            findings.push(idle::check(run, &end)?);
            let why = format!("the machine ended before its stack could be read; try: {}", Setting::Embedded);
            Ok(complete(findings, &why))
        }
        _ => {
            findings.push(trap::check(run, &end)?);
            findings.push(idle::check(run, &end)?);
            findings.push(margin::check(run)?);
            Ok(findings)
        }
    }
}

fn failed(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.status == Status::Fail)
}

/// Adds `not run` for the checks that were not made.
pub fn complete(mut findings: Vec<Finding>, because: &str) -> Vec<Finding> {
    let missing = &NAMES[findings.len()..];
    findings.extend(missing.iter().map(|name| Finding::not_run(name, because)));
    findings
}
