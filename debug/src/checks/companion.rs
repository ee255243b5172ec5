//! The companion: an observed machine that executes the same kernel first, and on which the checks of memory are made.
//!
//! Stack, BSS and the stack's margin are the same on every machine that executes the same instructions. The other checks (traps,
//! idle, console, power-off) are made on the machine that was asked for. It does not know which machines the two are.

use std::time::{Duration, Instant};

use super::boot_run::memory::MemoryFacts;
use super::console::Script;
use super::finding::{Finding, Status};
use super::sequence::{Walk, walk};
use super::{Layout, bss, handoff, idle, margin, stack, trap};
use crate::image::Image;
use crate::machine::Machine;

/// The checks that only concern memory.
const MEMORY: [&str; 3] = [stack::NAME, bss::NAME, margin::NAME];
/// The time limit for the companion.
const LONGEST: Duration = Duration::from_secs(3);

/// The companion's result.
pub struct Companion<'a> {
    /// `None` if it could not continue because it lacks a device.
    findings: Vec<Finding>,
    pub memory: Option<MemoryFacts<'a>>,
    name: String,
}

impl<'a> Companion<'a> {
    pub fn walk(
        machine: &'a mut dyn Machine,
        image: &'a Image,
        layout: &'a Layout,
        timeout: Duration,
        script: Script,
    ) -> Companion<'a> {
        let deadline = Instant::now() + timeout.min(LONGEST);
        let name = machine.name().to_owned();
        let (findings, mut memory) =
            walk(machine, image, layout, Walk { deadline, boot_hart: None, step: None, memory: None, script });
        if let Some(memory) = &mut memory {
            memory.is_whole = findings.is_ok() && Instant::now() < deadline;
        }
        let certain = memory.as_mut().map(|memory| std::mem::take(&mut memory.findings)).unwrap_or_default();
        Companion { findings: findings.unwrap_or(certain), memory, name }
    }

    /// Replaces findings about memory by the companion's.
    pub fn judge_memory(self, findings: &mut [Finding]) {
        let Companion { findings: seen, name, memory } = self;
        let is_whole = memory.as_ref().is_some_and(|memory| memory.is_whole);
        let tree_erased = memory.as_ref().is_some_and(|memory| memory.device_tree.read_too_late.is_some());
        let is_about_memory =
            |finding: &Finding| MEMORY.contains(&finding.name) || finding.name == handoff::NAME && tree_erased;
        let not_run: Vec<Finding> = seen.iter().filter(|finding| finding.status == Status::NotRun).cloned().collect();
        let mut overflowed = false;
        for mut finding in seen.into_iter().filter(is_about_memory) {
            let Some(own) = findings.iter_mut().find(|own| own.name == finding.name) else { continue };
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
