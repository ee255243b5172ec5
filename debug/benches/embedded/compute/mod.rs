//! A kernel that computes and powers off: on the embedded machine with history and without, checked, searched backwards, and on QEMU.
//!
//! Times are what processors were busy for, so that other load counts for little. COMPUTE_ROUNDS makes it longer or shorter; a round is about eight million instructions.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use debug::machine::Stop;
use debug::{Embedded, Image, Machine, embedded};
use tempfile::TempDir;

use super::reverse::Reversible;
use super::{HISTORY, LONG, check, instructions_per_second, processor_time, row, run};

const KERNEL: &str = "debug/benches/embedded/compute/kernel.rs";
/// Half a second of QEMU at full speed, on a fast computer.
const ROUNDS: &str = "60";
/// Rounds that are a billion instructions.
const A_BILLION: &str = "125";

pub fn rows() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for floating in [false, true] {
        let cfg = floating.then_some("floating");
        let kernel = build(&folder, cfg, &std::env::var("COMPUTE_ROUNDS").unwrap_or(ROUNDS.into()));
        let numbers = if floating { "with doubles" } else { "integers" };
        let name = |sides: &str| format!("compute, {numbers}: {sides}");
        let [with, without] = [HISTORY, 0].map(|history| {
            let kernel = &kernel;
            move || on_embedded(kernel, history)
        });
        row(&name("with history / without"), "ms", with, without, "at most 1.05");
        for (mode, goal) in [("", "3.1"), ("shift=0", ""), ("record", if floating { "2" } else { "1" })] {
            let label = if mode.is_empty() { "at full speed" } else { mode };
            let goal = if goal.is_empty() { String::new() } else { format!("at most {goal}") };
            row(&name(&format!("with history / QEMU {label}")), "ms", with, || on_qemu(&kernel, &folder, mode), &goal);
        }
        row(&name("check / run"), "ms", || children_busy(|| check(&kernel, "embedded")), with, "at most 1.5");
        row(&name("profile / run"), "ms", || children_busy(|| profile(&kernel, &folder)), with, "at most 5");
        row(&name("all of it searched back / run"), "ms", || back(&kernel), with, "1");
    }
}

/// Harts that all compute, beside one that does, by instructions for the time; and what it costs to look for races between them.
pub fn harts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kernel = build(&folder, Some("harts"), ROUNDS);
    let rate = |harts: usize, schedule: u64, races: bool| {
        let kernel = &kernel;
        let options = embedded::Options { harts, schedule, races, ..Default::default() };
        move || instructions_per_second(kernel, &options)
    };
    for harts in [2, 4, 8] {
        row(&format!("{harts} harts compute / 1"), "M/s", rate(harts, 0, false), rate(1, 0, false), "at least 0.91");
    }
    row("4 harts compute, schedule 1 / 1 hart", "M/s", rate(4, 1, false), rate(1, 0, false), "");
    row("4 harts compute with variables, looking for races / not", "M/s", rate(4, 0, true), rate(4, 0, false), "");
}

/// A search back over a long boot, asked for through a socket.
pub fn search_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kernel = build(&folder, None, A_BILLION);
    let machine = RefCell::new(Reversible::ended(&kernel));
    let interrupted = || machine.borrow_mut().search_interrupted();
    row(
        "Ctrl-C in a search back over 10^9 instructions / all of it",
        "ms",
        interrupted,
        || machine.borrow_mut().search(),
        "at most 100 ms",
    );
}

/// The page of a long boot: its time, and its size, which does not grow with the boot.
pub fn page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kernel = build(&folder, None, A_BILLION);
    let page = folder.path().join("boot.html");
    let with = || {
        let mut check = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
        check.args(["debug", "check", "--config", "none", "--on", "embedded", "--timeout", "100", "--html"]).arg(&page);
        children_busy(|| run(check.arg("--kernel").arg(&kernel)))
    };
    let without = || children_busy(|| check(&kernel, "embedded"));
    row("check with a page, 10^9 instructions / without", "ms", with, without, "at most 10 s with");
    let size = std::fs::metadata(&page).expect("it is written").len();
    println!("{:<54} {:>8} KiB {:>21}   at most 10240", "page of 10^9 instructions", size >> 10, "");
}

/// Compiled with optimisation.
fn build(folder: &TempDir, cfg: Option<&str>, rounds: &str) -> PathBuf {
    let project = Path::new(env!("HYPERVISOR_PROJECT"));
    let kernel = folder.path().join(format!("compute-{}-{rounds}", cfg.unwrap_or("integers")));
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-name", "compute", "--crate-type", "bin"]);
    rustc.args(["--target", "riscv64gc-unknown-none-elf", "-g", "-C", "opt-level=3", "-C", "panic=abort"]);
    rustc.args(["-D", "warnings", "--check-cfg", "cfg(floating, harts)"]);
    rustc.args(cfg.iter().flat_map(|cfg| ["--cfg", cfg]));
    rustc.arg("-C").arg(format!("link-arg=-T{}", project.join("hypervisor.ld").display())).arg("-o").arg(&kernel);
    rustc.arg(KERNEL).current_dir(project);
    rustc.env("ROUNDS", rounds);
    assert!(rustc.status().expect("rustc is there").success(), "{KERNEL} is compiled");
    kernel
}

/// A machine on which the kernel has powered off.
fn ended(kernel: &Path, history_mib: usize) -> Embedded {
    let options = embedded::Options { history_mib, ..Default::default() };
    let mut machine = Embedded::open(kernel, &options).expect("it is a kernel");
    assert_eq!(machine.resume(LONG).expect("it runs"), Stop::Exited { status: Some(0) });
    machine
}

fn on_embedded(kernel: &Path, history_mib: usize) -> f64 {
    busy(|| drop(ended(kernel, history_mib)))
}

/// To a breakpoint on the first instruction, from the end.
fn back(kernel: &Path) -> f64 {
    let mut machine = ended(kernel, HISTORY);
    let entry = Image::open(kernel).expect("it is an ELF").require("boot").expect("it has one").address;
    machine.insert_breakpoint(entry).expect("it has breakpoints");
    busy(|| assert_eq!(machine.reverse_resume(LONG), Stop::Breakpoint))
}

fn profile(kernel: &Path, folder: &TempDir) {
    let mut profile = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    profile.args([
        "debug",
        "profile",
        "--config",
        "none",
        "--until",
        "1000000000000",
        "--format",
        "folded",
        "--kernel",
    ]);
    run(profile.arg(kernel).arg("--output").arg(folder.path().join("profile")));
}

/// What this thread has of a processor meanwhile.
fn busy(operation: impl FnOnce()) -> f64 {
    let begin = processor_time();
    operation();
    (processor_time() - begin).as_secs_f64() * 1e3
}

/// The whole process; recording, it writes to a file.
fn on_qemu(kernel: &Path, folder: &TempDir, mode: &str) -> f64 {
    let mut qemu = Command::new(std::env::var_os("QEMU").unwrap_or("qemu-system-riscv64".into()));
    qemu.args(["-machine", "virt", "-m", "128M", "-display", "none", "-serial", "stdio", "-monitor", "none"]);
    qemu.arg("-no-reboot").arg("-kernel").arg(kernel);
    match mode {
        "" => {}
        "record" => {
            let file = folder.path().join("recording");
            qemu.arg("-icount").arg(format!("shift=0,rr=record,rrfile={}", file.display())).args(["-net", "none"]);
        }
        shift => drop(qemu.args(["-icount", shift])),
    }
    children_busy(|| {
        let output = qemu.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("QEMU is there");
        assert!(output.status.success(), "{qemu:?}");
    })
}

fn children_busy(operation: impl FnOnce()) -> f64 {
    let begin = children();
    operation();
    (children() - begin).as_secs_f64() * 1e3
}

/// What the ended children have had of a processor (proc(5), /proc/PID/stat: cutime and cstime).
fn children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 =
        fields.split(' ').skip(13).take(2).map(|field| field.parse::<u64>().expect("it is a number")).sum();
    // USER_HZ is 100 on all architectures that Rust has.
    Duration::from_millis(10 * ticks)
}
