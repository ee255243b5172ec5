//! The companion: an observed machine that executes the same kernel first, and on which the checks of memory are made.
//!
//! Stack, BSS and the stack's margin are the same on every machine that executes the same instructions. The other checks (traps,
//! idle, console, power-off) are made on the machine that was asked for. Where that came to no end, the companion's end counts; where
//! both ended, and not alike, the findings say so. It does not know which machines the two are.

use std::time::Duration;

use super::boot_run::event::BootEnd;
use super::boot_run::hart_trace::HartTrace;
use super::boot_run::limit::Limit;
use super::boot_run::memory::MemoryFacts;
use super::console::Script;
use super::fact::Fact;
use super::finding::{Finding, Status};
use super::sequence::{RunPlan, RunResult, run_checks};
use super::{Layout, bss, handoff, idle, margin, stack, trap};
use crate::image::{Image, Place};
use crate::machine::Machine;

/// The checks that only concern memory.
const MEMORY: [&str; 3] = [stack::NAME, bss::NAME, margin::NAME];
/// The checks of how the boot ends.
const ENDS: [&str; 2] = [trap::NAME, idle::NAME];
/// The time limit for the companion, which is a number of instructions where it counts them.
pub const LONGEST: Duration = Duration::from_secs(3);
/// There, the clock ends its run after so many times that limit: the machine itself waits meanwhile.
const PATIENCE: u32 = 2;

/// A kernel whose harts were seen to take turns so often got on until time was up: on a busy host each turn waits for another thread.
const TURNS: u64 = 3;

/// The companion's result.
pub struct Companion<'a> {
    /// `None` if it could not continue because it lacks a device.
    findings: Vec<Finding>,
    pub memory: Option<MemoryFacts<'a>>,
    end: Option<BootEnd>,
    hart: HartTrace,
    /// How long it took by the kernel's own clock.
    took: Duration,
    name: String,
    /// Whether both have one hart: the order in which several execute is another one here, and the boot may end otherwise.
    alike: bool,
}

impl<'a> Companion<'a> {
    pub fn boot(
        machine: &'a mut dyn Machine,
        image: &'a Image,
        layout: &'a Layout,
        timeout: Duration,
        script: Script,
        harts: usize,
    ) -> Companion<'a> {
        let limit = Limit::new(timeout.min(LONGEST), None).with_patience(PATIENCE);
        let (name, alike) = (machine.name().to_owned(), machine.harts() == 1 && harts == 1);
        let at_least = Duration::ZERO;
        let plan = RunPlan { limit, boot_hart: None, step: None, memory: None, companion_end: None, script, at_least };
        let RunResult { findings, mut memory, end, hart, took, was_cut, .. } = run_checks(machine, image, layout, plan);
        if let Some(memory) = &mut memory {
            memory.is_whole = findings.is_ok() && !was_cut;
        }
        let certain = memory.as_mut().map(|memory| std::mem::take(&mut memory.findings)).unwrap_or_default();
        Companion { findings: findings.unwrap_or(certain), memory, end, hart, took, name, alike }
    }

    /// How long the machine itself has to run before its kernel is taken to rest: until what failed here fails there as well. On a busy
    /// host that takes several times as long. Where it fails, the run ends then, so this costs time only where the two disagree.
    pub fn at_least(&self) -> Duration {
        const SLACK: Duration = Duration::from_secs(3);
        const MOST: Duration = Duration::from_secs(9);
        let failed = self.findings.iter().any(|finding| finding.status == Status::Fail && ENDS.contains(&finding.name));
        let waits = self.has_ended() && failed && !self.is_late() && self.end != Some(BootEnd::Damaged);
        if waits { (self.took * 4 + SLACK).min(MOST) } else { Duration::ZERO }
    }

    /// Whether its kernel waited for ticks for so long, by its own clock, that the machine itself is not watched as long. Here time jumps.
    fn is_late(&self) -> bool {
        /// In ticks of the `time` CSR: 3 s.
        const LATE: u64 = 30_000_000;
        self.hart.waits.ticks() > LATE
    }

    /// How its run ended, if time did not end it.
    pub fn end(&self) -> Option<&BootEnd> {
        self.end.as_ref().filter(|_| self.has_ended())
    }

    /// Whether its run came to an end that time did not make, and that the machine itself would come to as well.
    fn has_ended(&self) -> bool {
        let is_whole = self.memory.as_ref().is_some_and(|memory| memory.is_whole);
        self.alike && is_whole && self.end.as_ref().is_some_and(|end| *end != BootEnd::Deadline)
    }

    /// Compares how the boot ended on the machine itself (`end`) with how it did here. `interrupted`: where interrupts come there, if
    /// they come again and again. `hart`: the traps that were seen there.
    pub fn judge_end(
        &self,
        findings: &mut [Finding],
        end: Option<&BootEnd>,
        interrupted: Option<&Place>,
        hart: &HartTrace,
    ) {
        if end == Some(&BootEnd::Deadline) && hart.life.turns >= TURNS && self.rests_with_others() {
            self.take_over(findings, true);
        }
        if !self.has_ended() {
            return;
        }
        let fails = |findings: &[Finding]| {
            let first = findings.iter().find(|finding| finding.status == Status::Fail)?;
            ENDS.contains(&first.name).then_some(first.name)
        };
        let stopped = matches!(self.end, Some(BootEnd::HartStopped { .. }));
        match end {
            // What the handler does, it does there as well, whatever it hits.
            Some(_) if self.end == Some(BootEnd::Damaged) => self.take_over(findings, false),
            // It was too slow to be told, or nobody can tell.
            Some(BootEnd::Deadline) if fails(&self.findings).is_some() => self.take_over(findings, true),
            Some(BootEnd::Deadline) if self.rests_there(findings, interrupted) => self.take_over(findings, true),
            Some(BootEnd::Ticking { .. }) if self.is_late() && fails(&self.findings).is_some() => {
                self.take_over(findings, true);
            }
            // It does there what it was seen to do here, for a much shorter time.
            Some(BootEnd::Beats { .. }) if fails(&self.findings).is_some() => self.take_over(findings, true),
            Some(BootEnd::Firmware) if stopped => self.take_over(findings, false),
            Some(_) if self.panics_alike(findings) => self.take_over(findings, false),
            Some(_) if self.is_stuck_unseen(hart) && (fails(findings).is_none() || self.traps_alike(findings)) => {
                self.take_over(findings, false);
            }
            // Each round of that loop has the trap that was seen here, where every instruction is.
            Some(BootEnd::Loop { .. }) if self.hart.stuck.is_some_and(|stuck| hart.knows(stuck.fault())) => {
                self.take_over(findings, false);
            }
            Some(_) if self.left_handler(findings) => self.take_over(findings, false),
            Some(end) if is_at_rest(end) && self.ended_by_ret() && fails(findings) != Some(trap::NAME) => {
                self.take_over(findings, false);
            }
            Some(BootEnd::Stuck) if self.goes_on(hart) => self.take_over(findings, false),
            // There a guest's traps are not seen. Nothing else tells whether it rests.
            Some(end) if rests(end) && fails(findings).is_none() && self.fails_by_guest() => {
                self.take_over(findings, false)
            }
            Some(_) if fails(findings) != fails(&self.findings) => self.add_other_end(findings),
            _ => {}
        }
    }

    /// Whether the traps of a guest, which its own handler takes, go on for ever here.
    fn fails_by_guest(&self) -> bool {
        let stuck = self.hart.stuck.map(|stuck| *stuck.fault());
        self.hart.storm.map(|storm| storm.trap).or(stuck).is_some_and(|trap| trap.by_guest)
    }

    /// Whether its kernel of several harts came to rest.
    fn rests_with_others(&self) -> bool {
        let is_whole = self.memory.as_ref().is_some_and(|memory| memory.is_whole);
        let holds = self.findings.iter().all(|finding| finding.status != Status::Fail);
        is_whole && holds && self.end.as_ref().is_some_and(|end| *end != BootEnd::Deadline)
    }

    /// Whether an instruction traps for ever here, and there not every trap was seen (`hart`).
    fn is_stuck_unseen(&self, hart: &HartTrace) -> bool {
        hart.has_gaps && self.hart.stuck.is_some()
    }

    /// Whether the trap that fails there was seen here to be left without a return, for a context that was saved before.
    fn left_handler(&self, findings: &[Finding]) -> bool {
        let trap = findings.iter().find(|finding| finding.name == trap::NAME && finding.status == Status::Fail);
        let Some(sepc) = trap.and_then(|trap| trap.data.get("sepc")) else { return false };
        self.hart.exceptions.iter().any(|known| known.left && Fact::from(known.trap.pc) == *sepc)
    }

    /// Whether `trap` fails here by a handler that ended as a function does.
    fn ended_by_ret(&self) -> bool {
        let fails = |finding: &Finding| finding.name == trap::NAME && finding.status == Status::Fail;
        self.hart.ended_by_ret.is_some() && self.findings.iter().any(fails)
    }

    /// Whether the same instruction failed by its trap on both.
    fn traps_alike(&self, findings: &[Finding]) -> bool {
        let trapped = |findings: &[Finding]| {
            let trap = findings.iter().find(|finding| finding.name == trap::NAME && finding.status == Status::Fail)?;
            trap.data.get("sepc").cloned()
        };
        trapped(findings).is_some_and(|instruction| trapped(&self.findings) == Some(instruction))
    }

    /// Whether what seems to trap for ever there (`hart`) was seen here to be executed between its traps.
    fn goes_on(&self, hart: &HartTrace) -> bool {
        self.hart.stuck.is_none() && hart.stuck.is_some_and(|stuck| self.hart.knows(stuck.fault()))
    }

    /// Whether the same function panicked on both, and here the trap that it panicked about was seen.
    fn panics_alike(&self, findings: &[Finding]) -> bool {
        let panic_in = |findings: &[Finding]| {
            let idle = findings.iter().find(|finding| finding.name == idle::NAME && finding.status == Status::Fail)?;
            idle.data.get("panic_function").cloned()
        };
        let has_trapped = |findings: &[Finding]| {
            findings.iter().any(|finding| finding.name == trap::NAME && finding.status == Status::Fail)
        };
        has_trapped(&self.findings)
            && !has_trapped(findings)
            && panic_in(findings).is_some()
            && panic_in(findings) == panic_in(&self.findings)
    }

    /// Whether the kernel ticks here in the function that is interrupted on the machine itself, or polls in the one where that is: it came
    /// as far there, and was too slow to be told.
    fn rests_there(&self, findings: &[Finding], interrupted: Option<&Place>) -> bool {
        let function = |place: &Place| place.symbol.as_ref().map(|(name, _)| name.clone());
        let place = |findings: &[Finding], status| {
            let idle = findings.iter().find(|finding| finding.name == idle::NAME && finding.status == status);
            idle.and_then(|idle| idle.location.as_ref()).and_then(function)
        };
        let is_in = match self.end {
            Some(BootEnd::Ticking { .. }) => interrupted.and_then(function),
            Some(BootEnd::Polls { .. }) => place(findings, Status::Fail),
            _ => None,
        };
        is_in.is_some() && is_in == place(&self.findings, Status::Pass)
    }

    /// Replaces the findings of the end by those from here.
    fn take_over(&self, findings: &mut [Finding], was_late: bool) {
        let before = findings.iter().find(|finding| finding.name == idle::NAME).map(|idle| idle.summary.clone());
        for own in findings.iter_mut().filter(|own| ENDS.contains(&own.name)) {
            let Some(seen) = self.findings.iter().find(|seen| seen.name == own.name) else { continue };
            *own = seen.clone();
            if own.status != Status::NotRun {
                own.set("seen_on", self.name.clone());
            }
            if let (true, Some(before)) = (was_late && own.status != Status::NotRun, &before) {
                let told = if own.status == Status::Fail { &mut own.found } else { &mut own.summary };
                *told = format!("{told}, as seen on {}; here: {before}", self.name);
            }
        }
    }

    /// Says in the findings of the end how the boot ended here.
    fn add_other_end(&self, findings: &mut [Finding]) {
        for own in findings.iter_mut().filter(|own| ENDS.contains(&own.name) && own.status != Status::NotRun) {
            let Some(seen) = self.findings.iter().find(|seen| seen.name == own.name) else { continue };
            if seen.status != own.status {
                // Reports show what was found only of failures.
                let told = if own.status == Status::Fail { &mut own.found } else { &mut own.summary };
                *told = format!("{told}; on {} it ended differently: {}", self.name, seen.summary);
            }
        }
    }

    /// Replaces findings about memory by the companion's.
    pub fn judge_memory(self, findings: &mut [Finding]) {
        let Companion { findings: seen, name, memory, .. } = self;
        let is_whole = memory.as_ref().is_some_and(|memory| memory.is_whole);
        let tree_erased = memory.as_ref().is_some_and(|memory| memory.device_tree.read_too_late.is_some());
        let is_about_memory =
            |finding: &Finding| MEMORY.contains(&finding.name) || finding.name == handoff::NAME && tree_erased;
        let not_run: Vec<Finding> = seen.iter().filter(|finding| finding.status == Status::NotRun).cloned().collect();
        // The kernel trapped before it cleared BSS.
        let trapped = seen.iter().find(|seen| seen.name == trap::NAME && seen.status == Status::Fail).cloned();
        let trapped_first = is_whole && trapped.is_some() && not_run.iter().any(|finding| finding.name == bss::NAME);
        let mut overflowed = false;
        for mut finding in seen.into_iter().filter(is_about_memory) {
            let Some(own) = findings.iter_mut().find(|own| own.name == finding.name) else { continue };
            if trapped_first && finding.name == bss::NAME && own.status == Status::Fail {
                *own = finding;
                let trap = findings.iter_mut().find(|own| own.name == trap::NAME && own.status != Status::Fail);
                if let (Some(own), Some(mut seen)) = (trap, trapped.clone()) {
                    seen.set("seen_on", name.clone());
                    *own = seen;
                }
                continue;
            }
            // A failure on the machine itself may have happened after the companion's end.
            let contradicts = own.status == Status::Fail && finding.status == Status::Pass && !is_whole;
            if finding.status == Status::NotRun || contradicts {
                continue;
            }
            overflowed |= finding.name == margin::NAME && finding.status == Status::Fail;
            finding.set("seen_on", name.clone());
            if finding.name == bss::NAME && own.status == Status::Pass && finding.status == Status::Pass {
                // Keep the time that the machine itself took; the rest are numbers.
                own.data.append(finding.data);
                continue;
            }
            *own = finding;
        }
        let mut failed = false;
        for finding in findings.iter_mut() {
            if failed {
                // If the companion's run continued after the failure, so did this one.
                if let Some(not_run) = not_run.iter().find(|not_run| not_run.name == finding.name) {
                    *finding = not_run.clone();
                }
            } else if overflowed && [trap::NAME, idle::NAME].contains(&finding.name) {
                // An overflow is only found at the end, but it explains the findings before.
                *finding = Finding::not_run(finding.name, "the stack overflowed");
            } else {
                failed = finding.status == Status::Fail && MEMORY[..2].contains(&finding.name);
            }
        }
    }
}

/// Whether a kernel with this end is taken to wait, without proof that it does anything.
fn rests(end: &BootEnd) -> bool {
    matches!(end, BootEnd::Wfi | BootEnd::Loop { .. } | BootEnd::Ticking { .. })
}

/// Whether it does nothing any more, or waits for what cannot come.
fn is_at_rest(end: &BootEnd) -> bool {
    rests(end) || matches!(end, BootEnd::Spins(_) | BootEnd::Unchanging { .. } | BootEnd::Polls { .. })
}

#[cfg(test)]
mod tests;
