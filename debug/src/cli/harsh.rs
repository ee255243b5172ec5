//! `cargo debug check --harsh`: the kernel's boot again and again, each time with one thing otherwise that the boot protocol
//! does not promise. It does not judge.

use std::time::Duration;

use debug::Embedded;
use debug::checks::{self, Finding, HarshBoot, Layout, Status};
use debug::embedded::{Conditions, Fill, Options};

use super::kernel::Kernel;

/// How long one of the boots may take at most.
const LIMIT: Duration = Duration::from_secs(3);
/// Illegal instructions, breakpoints, access faults: what OpenSBI passes on though it need not.
const KEPT: u64 = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 7;
/// Neither an address nor a small number.
const REGISTER: u64 = 0xdead_5e1f_5eed_bad7;

/// What is changed, what a kernel may do about it, and the change.
fn changes() -> Vec<(&'static str, &'static str, Conditions)> {
    let usual = Conditions::default();
    let ram = |fill| Conditions { ram: Some(fill), ..usual };
    const CLEAR: &str = "write memory before you read it, BSS and page tables too: a board's RAM holds what it likes";
    const HART: &str = "take the hart's number from a0, and give every number a stack or park it";
    vec![
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
            "probe for the extensions DBCN, TIME and SRST and use them, the legacy calls only where they are missing",
            Conditions { no_legacy: true, ..usual },
        ),
        (
            "the firmware has no debug console (DBCN)",
            "probe for it, and print through the legacy call or the UART where it is missing",
            Conditions { no_debug_console: true, ..usual },
        ),
        ("the device tree lies elsewhere", "take its address from a1", Conditions { tree_elsewhere: true, ..usual }),
        (
            "the device tree tells of memory in two pieces",
            "read all pairs of the memory node's reg",
            Conditions { memory_in_pieces: true, ..usual },
        ),
        (
            "registers other than a0 and a1 hold anything at the entry",
            "set each register before you read it",
            Conditions { registers: Some(REGISTER), ..usual },
        ),
        ("RAM is 0xff at first", CLEAR, ram(Fill::Bytes(0xff))),
        ("RAM is 0x5a at first", CLEAR, ram(Fill::Bytes(0x5a))),
        ("RAM is noise at first", CLEAR, ram(Fill::Noise)),
        (
            "the firmware keeps illegal instructions, breakpoints and access faults (medeleg)",
            "do not trap on purpose: probe by the device tree or by the SBI",
            Conditions { kept: KEPT, ..usual },
        ),
        (
            "the timer's interrupt is pending at the entry",
            "set the timer before you enable its interrupt",
            Conditions { timer_due: true, ..usual },
        ),
        (
            "the counters cannot be read (cycle, time, instret)",
            "do without them until you know that they can be read",
            Conditions { no_counters: true, ..usual },
        ),
        (
            "misaligned accesses trap",
            "load and store what is aligned to its size (for Rust, read_unaligned)",
            Conditions { misaligned_traps: true, ..usual },
        ),
    ]
}

/// The check `luck`, for a kernel with these findings.
pub fn luck(kernel: &Kernel, layout: &Layout, findings: &[Finding], timeout: Duration) -> Finding {
    if findings.iter().any(|finding| finding.status != Status::Pass) {
        return checks::not_tried();
    }
    let boots = changes().into_iter().map(|(change, advice, conditions)| {
        let findings = boot(kernel, layout, &conditions, timeout.min(LIMIT)).map_err(|error| error.to_string());
        HarshBoot { change, advice, findings }
    });
    checks::luck(&boots.collect::<Vec<_>>())
}

fn boot(kernel: &Kernel, layout: &Layout, conditions: &Conditions, timeout: Duration) -> anyhow::Result<Vec<Finding>> {
    let options = Options { history_mib: 0, ..kernel.options.clone() };
    let mut machine = Embedded::load_under(&kernel.image, &options, conditions)?;
    Ok(checks::check(&mut machine, &kernel.image, layout, checks::Options { timeout, ..checks::Options::default() })?)
}
