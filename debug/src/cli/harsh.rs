//! `cargo debug check --harsh`: boots the kernel many times, each time changing one detail that the boot protocol leaves open. It
//! does not judge.

use std::time::Duration;

use debug::Embedded;
use debug::checks::console::Script;
use debug::checks::{self, Finding, HarshBoot, Layout, Status};
use debug::embedded::{Conditions, Fill, Options};
use debug::riscv::{Extension, Extensions, cause};

use super::kernel::Kernel;

/// The longest time limit for one boot.
const LIMIT: Duration = Duration::from_secs(3);
/// Illegal instructions, breakpoints, access faults: OpenSBI delegates them, but need not.
const KEPT: u64 = cause::bits(&[
    cause::INSTRUCTION_ACCESS,
    cause::ILLEGAL_INSTRUCTION,
    cause::BREAKPOINT,
    cause::LOAD_ACCESS,
    cause::STORE_ACCESS,
]);
/// A value that is neither an address nor a small number.
const REGISTER: u64 = 0xdead_5e1f_5eed_bad7;

/// The limits of a boot: its time, and its instructions if their number was given.
type Limits = (Duration, Option<u64>);

/// All changes to a hart with these extensions: the description, what a kernel can do about it, and the conditions.
fn changes(extensions: Extensions) -> Vec<(&'static str, &'static str, Conditions)> {
    let usual = Conditions::default();
    let ram = |fill| Conditions { ram: Some(fill), ..usual };
    const CLEAR: &str = "write memory before you read it, also BSS and page tables: a board's RAM may hold any value";
    const HART: &str = "take the hart's id from a0, and give every hart a stack or park it";
    let mut changes = vec![
        (
            "floating point is off at the entry (sstatus.FS = 0)",
            "set sstatus.FS before the first floating-point instruction",
            Conditions { float_off: true, ..usual },
        ),
        (
            "pages are not marked accessed and dirty by hardware (Svade)",
            "set A and D in the entries of the page table",
            Conditions { no_marking: true, ..usual },
        ),
        ("hart 1 boots", HART, Conditions { hart: 1, ..usual }),
        ("hart 3 boots", HART, Conditions { hart: 3, ..usual }),
        (
            "the firmware has no legacy SBI calls",
            "probe for the extensions DBCN, TIME and SRST and use them; use legacy calls only if they are missing",
            Conditions { no_legacy: true, ..usual },
        ),
        (
            "the firmware has no debug console (DBCN)",
            "probe for it; if it is missing, print through the legacy call or the UART",
            Conditions { no_debug_console: true, ..usual },
        ),
        (
            "the device tree is at another address",
            "take its address from a1",
            Conditions { tree_elsewhere: true, ..usual },
        ),
        (
            "the device tree describes memory in two pieces",
            "read all pairs of the memory node's reg",
            Conditions { memory_in_pieces: true, ..usual },
        ),
        (
            "registers other than a0 and a1 hold random values at the entry",
            "set each register before you read it",
            Conditions { registers: Some(REGISTER), ..usual },
        ),
        ("RAM is filled with 0xff", CLEAR, ram(Fill::Bytes(0xff))),
        ("RAM is filled with 0x5a", CLEAR, ram(Fill::Bytes(0x5a))),
        ("RAM is filled with noise", CLEAR, ram(Fill::Noise)),
        (
            "the firmware does not delegate illegal instructions, breakpoints and access faults (medeleg)",
            "do not trap on purpose: probe through the device tree or the SBI",
            Conditions { kept: KEPT, ..usual },
        ),
        (
            "the timer's interrupt is pending at the entry",
            "set the timer before you enable its interrupt",
            Conditions { timer_due: true, ..usual },
        ),
        (
            "the counters cannot be read (cycle, time, instret)",
            "do not use them before you know that they can be read",
            Conditions { no_counters: true, ..usual },
        ),
        (
            "misaligned accesses trap",
            "make aligned accesses only (in Rust, read_unaligned)",
            Conditions { misaligned_traps: true, ..usual },
        ),
    ];
    if extensions.has(Extension::Hypervisor) {
        changes.push((
            "hgatp holds only roots at multiples of 16 KiB, as in the manual (QEMU holds any)",
            "give the root of a guest's page table four pages at a multiple of 16 KiB",
            Conditions { aligned_guest_root: true, ..usual },
        ));
    }
    changes
}

/// Makes the check `luck` for a kernel with these findings. Each boot has the same texts to wait for and to type.
pub fn luck(kernel: &Kernel, layout: &Layout, findings: &[Finding], limits: Limits, script: &Script) -> Finding {
    if findings.iter().any(|finding| finding.status != Status::Pass) {
        return checks::not_tried();
    }
    let boots = changes(kernel.options.cpu.extensions()).into_iter().map(|(change, advice, conditions)| {
        let findings = boot(kernel, layout, &conditions, limits, script.clone()).map_err(|error| error.to_string());
        HarshBoot { change, advice, findings }
    });
    checks::luck(&boots.collect::<Vec<_>>())
}

fn boot(
    kernel: &Kernel,
    layout: &Layout,
    conditions: &Conditions,
    (timeout, instructions): Limits,
    script: Script,
) -> anyhow::Result<Vec<Finding>> {
    let options = Options { history_mib: 0, ..kernel.on_one_hart() };
    let mut machine = Embedded::load_under(&kernel.image, &options, conditions)?;
    let options = checks::Options { timeout: timeout.min(LIMIT), instructions, script, ..checks::Options::default() };
    Ok(checks::check(&mut machine, &kernel.image, layout, options)?)
}
