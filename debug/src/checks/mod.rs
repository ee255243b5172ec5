//! The verdict on a boot: seven checks along one run from reset to the end of the boot. Each check has a file.
//!
//! | check | holds when |
//! | --- | --- |
//! | `image` | the firmware finds the entry, and everything is in RAM |
//! | `handoff` | at the entry: S-mode, a0 = hart id, a1 = device tree, satp = 0, interrupts off |
//! | `stack` | sp is the top of the stack before it is used by a store, load, call or jump |
//! | `bss` | every byte of BSS is cleared, and no byte beside it; BSS was poisoned at the entry |
//! | `trap` | the kernel's handler takes every exception, and continues; interrupted code goes on as it was |
//! | `idle` | the kernel idles or powers off, and has not panicked |
//! | `margin` | the stack stayed above its bottom |
//!
//! If later checks depend on a check that failed, the run ends, and they are `not run`. A trap before BSS is cleared fails check
//! `trap`, not `bss`. The checks know neither sockets nor which machine it is.

mod boot_run;
mod bss;
mod companion;
mod complaint;
pub mod console;
mod explain;
mod fact;
mod finding;
mod handoff;
mod idle;
mod image;
pub mod lockstep;
mod luck;
mod margin;
mod memory;
mod memory_map;
mod races;
mod schedules;
mod sequence;
mod stack;
mod trap;

use std::time::Duration;

use crate::image::{Image, Place};
use crate::machine::{self, Address, Machine};
use crate::setting::Setting;
use boot_run::arrival::arrive;
use boot_run::kernel_view::KernelView;
use boot_run::limit::Limit;
use companion::Companion;
use sequence::{RunPlan, RunResult, complete, run_checks};

pub use boot_run::layout::{GUARD_BYTES, Layout, PlaceNames};
pub use boot_run::limit::time_for;
pub use boot_run::names::{Names, NotFound, Role, knows_bss, knows_stack_top};
pub use companion::LONGEST as LONGEST_OF_COMPANION;
pub use console::{Input, Script};
pub use fact::{Fact, Facts};
pub use finding::{Finding, Status};
pub use luck::{HarshBoot, check as luck, not_tried};
pub use memory_map::MemoryMap;
pub use races::check as races;
pub use schedules::{Difference, ScheduledBoot, check as schedules, failure, not_tried as no_schedules};

/// The checks, in the order of their reports.
pub const NAMES: [&str; 7] = [image::NAME, handoff::NAME, stack::NAME, bss::NAME, trap::NAME, idle::NAME, margin::NAME];

/// How to check a boot.
pub struct Options<'a> {
    /// The time limit from reset to the end of the boot. On a machine that counts instructions (the embedded one) a second is 300
    /// million of them, and the clock ends a boot only after four times the limit: the verdict does not depend on how busy the
    /// host is.
    pub timeout: Duration,
    /// How many instructions a machine that counts them may execute from reset to the end of the boot; `None` for those of
    /// `timeout`. Other machines ignore it.
    pub instructions: Option<u64>,
    /// The id of the hart to follow; `None` for the first that arrives at the entry.
    pub boot_hart: Option<u64>,
    /// Execute the BSS clear one instruction at a time, and report its progress to this function.
    pub step: Option<&'a mut dyn FnMut(ClearProgress)>,
    /// An observed machine at reset with the same kernel. It runs first, and memory is judged by what was seen there. Everything
    /// else is judged by the machine itself.
    pub companion: Option<&'a mut dyn Machine>,
    /// How many bytes of the stack have to remain unused.
    pub min_margin: u64,
    /// The texts to wait for and to type on the console.
    pub script: Script,
    /// Receives what the kernel printed, if the machine shows it.
    pub console: Option<&'a mut Vec<u8>>,
}

/// The default is a time limit of 10 s, the clear at full speed, and no companion.
impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            timeout: Duration::from_secs(10),
            instructions: None,
            boot_hart: None,
            step: None,
            companion: None,
            min_margin: 0,
            script: Script::default(),
            console: None,
        }
    }
}

/// The progress of a BSS clear that is executed one instruction at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClearProgress {
    /// Instructions since the clear's first store.
    pub instructions: u64,
    /// Cleared bytes, to the nearest 32nd of BSS.
    pub cleared: u64,
    /// The size of BSS in bytes.
    pub total: u64,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of the machine.
    #[error(transparent)]
    Machine(#[from] machine::Error),

    /// The machine does not stop at watchpoints.
    #[error(
        "the checks need watchpoints, but {machine} does not stop at one: {how}; QEMU 10.2 to 11.0 has this fault on Apple Silicon \
         (QEMU's work item 3444); try: {}, or QEMU=PATH of another version",
        Setting::Embedded
    )]
    Watchpoints {
        /// The machine's name.
        machine: String,
        /// What happened.
        how: String,
    },

    /// The machine is not at reset.
    #[error(
        "{machine} is not at reset: it is in the kernel, at {place}; try: start it again, stopped: {}",
        Setting::Wait
    )]
    NotAtReset {
        /// The machine's name.
        machine: String,
        /// Where the hart is.
        place: Box<Place>,
    },

    /// The kernel copied itself to addresses without symbols.
    #[error(
        "the kernel copied itself and runs at {pc}, where its symbols do not apply ({place} is linked for it); its stack and its BSS there, \
         {} to {}, cannot be checked; try: {}, and GDB with add-symbol-file", bss.start, bss.end, Setting::Serve
    )]
    Moved {
        /// The instruction's address.
        pc: Address,
        /// The place by the symbols.
        place: Box<Place>,
        /// The range of BSS in the copy.
        bss: std::ops::Range<Address>,
    },

    /// The kernel was not reached, so nothing is known about it.
    #[error(
        "the kernel was not reached: on {machine} the time limit was reached in the firmware; the hart was at {place}; \
         try: a longer {}",
        Setting::Timeout
    )]
    NotHandedOver {
        /// The machine's name.
        machine: String,
        /// Where the hart is.
        place: Box<Place>,
    },
}

/// Finds a stack that no symbol names, on a machine at reset. The machine cannot be used afterwards.
///
/// # Errors
/// If the machine does not respond.
pub fn find_stack(machine: &mut dyn Machine, image: &Image, layout: &mut Layout, limit: Duration) -> Result<(), Error> {
    let limit = Limit::new(limit, None);
    let machine = &mut KernelView::of(machine, image, layout);
    if arrive(machine, image, layout, None, &limit)?.is_ok()
        && let Some(sp) = boot_run::first_use::stack_pointer(machine, image.xlen(), &limit)?
    {
        layout.guess_stack(image, sp);
    }
    Ok(())
}

/// Checks the image: the first finding, which needs no machine. If it fails, there is no need to start one.
pub fn check_image(image: &Image, layout: &Layout) -> Finding {
    image::check(image, layout)
}

/// The findings for an image that cannot boot.
pub fn without_machine(image: &Image, layout: &Layout) -> Vec<Finding> {
    let mut findings = complete(vec![check_image(image, layout)], "this image cannot boot");
    explain::advise(layout, &mut findings);
    findings
}

/// The findings for a kernel that a machine refuses to load, with the machine's reason. `memory` is the machine's memory map.
pub fn refused(image: &Image, layout: &Layout, memory: Option<&MemoryMap>, machine: &str, words: &str) -> Vec<Finding> {
    let misplaced = memory.and_then(|memory| image::misplaced(image, layout, memory));
    let finding = misplaced.unwrap_or_else(|| image::refused(image, layout, machine, words));
    let mut findings = complete(vec![finding], "the machine does not load the image");
    explain::advise(layout, &mut findings);
    findings
}

/// The findings for a kernel that lies where a machine with this memory has no room for it; `None` where it does not.
pub fn misplaced(image: &Image, layout: &Layout, memory: &MemoryMap) -> Option<Vec<Finding>> {
    image::misplaced(image, layout, memory).map(|finding| complete(vec![finding], "the image is not one that can boot"))
}

/// Boots a machine that is at reset, and makes all checks: all findings, in order.
///
/// # Errors
/// If the machine does not respond or is not at reset. Then nothing is known about the kernel.
pub fn check(
    machine: &mut dyn Machine,
    image: &Image,
    layout: &Layout,
    options: Options<'_>,
) -> Result<Vec<Finding>, Error> {
    if check_image(image, layout).status == Status::Fail {
        return Ok(without_machine(image, layout));
    }
    let Options { timeout, instructions, boot_hart, step, companion, min_margin, script, console } = options;
    let machine = &mut KernelView::of(machine, image, layout);
    let mut companion = companion.map(|companion| KernelView::of(companion, image, layout));
    let harts = machine.harts();
    // It has one hart, with id 0.
    let companion = companion
        .as_mut()
        .filter(|_| boot_hart.is_none_or(|hart| hart == 0))
        .map(|machine| Companion::boot(machine, image, layout, timeout, script.clone(), harts));
    let memory = companion.as_ref().and_then(|companion| companion.memory.as_ref());
    let companion_end = companion.as_ref().and_then(Companion::end);
    let at_least = companion.as_ref().map_or(Duration::ZERO, Companion::at_least);
    let limit = Limit::new(timeout, instructions);
    let plan = RunPlan { limit, boot_hart, step, memory, companion_end, script, at_least };
    let RunResult { findings, end, interrupted, hart, .. } = run_checks(machine, image, layout, plan);
    machine.interrupt_at(u64::MAX);
    if let (Some(console), Some(printed)) = (console, machine.printed()) {
        *console = printed;
    }
    let mut findings = findings?;
    if let Some(companion) = companion {
        companion.judge_end(&mut findings, end.as_ref(), interrupted.as_ref(), &hart);
        companion.judge_memory(&mut findings);
    }
    for margin in findings.iter_mut().filter(|finding| finding.name == margin::NAME) {
        margin::require(margin, min_margin);
    }
    explain::advise(layout, &mut findings);
    // It may have gone on in S-mode since.
    let (entered, is_there) = (machine.starts_in_machine_mode(), machine.is_in_machine_mode());
    let mut of_machine_mode = |finding: &Finding| {
        let mut is_taken = |finding: &Finding| boot_run::machine_mode::takes(machine, finding);
        is_there || entered && (finding.name == handoff::NAME || is_taken(finding))
    };
    findings.iter_mut().filter(|finding| of_machine_mode(finding)).for_each(boot_run::machine_mode::rename);
    Ok(findings)
}
