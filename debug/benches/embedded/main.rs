//! How fast the embedded machine is, with its history and beside QEMU; both sides in one run, as ratios.
//!
//! Each row measures its two sides in turn, several times, and shows the medians and the median of the ratios: what else the
//! host does then hits both. `cargo bench -p debug --bench embedded`, or with `-- harts` only the rows about several harts.

mod compute;
mod reverse;

use std::cell::RefCell;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use debug::checks::{self, Layout, Names, Status};
use debug::machine::Stop;
use debug::{Address, Embedded, Image, Machine, embedded};
use reverse::Reversible;
use testkit::kernels;

/// The most rounds of a row; fewer, but at least three, if they take longer than [`LONGEST`].
const ROUNDS: usize = 9;
const LONGEST: Duration = Duration::from_secs(40);
/// How long the workload that never ends runs.
const SLICE: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(60);
/// What the history may take (the machine's own default), in MiB.
const HISTORY: usize = 256;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("{:<54} {:>12} {:>12} {:>8}   goal", "", "this", "other", "ratio");
    compute::harts();
    if std::env::args().any(|argument| argument == "harts") {
        return;
    }
    compute::rows();
    compute::search_back();
    compute::page();
    speed();
    whole_check();
    large_bss();
    step_back();
}

/// Continuing with the history on, beside the same without.
fn speed() {
    for (name, kernel) in [("BSS clear of 64 MiB", "bss-64-mib"), ("mixed integers", "computes")] {
        let kernel = kernels::build(kernel);
        let rate =
            |history_mib| instructions_per_second(&kernel, &embedded::Options { history_mib, ..Default::default() });
        let (with, without) = (|| rate(HISTORY), || rate(0));
        let name = format!("continue, {name}: with history / without");
        row(&name, "M/s", with, without, "at least 50 M/s; at least 0.8");
    }
}

/// In millions.
fn instructions_per_second(kernel: &Path, options: &embedded::Options) -> f64 {
    let mut machine = Embedded::open(kernel, options).expect("it is a kernel");
    let begin = processor_time();
    assert_eq!(machine.resume(SLICE).expect("it runs"), Stop::Interrupted);
    machine.icount() as f64 / (processor_time() - begin).as_secs_f64() / 1e6
}

/// What this thread has had of a processor (Linux, Documentation/scheduler/sched-stats.rst): what others take is not in it.
fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    let nanoseconds = statistics.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first number is the time on a processor"))
}

/// The command, from its start to its end.
fn whole_check() {
    let kernel = kernels::build("good");
    let on = |machine: &str| milliseconds(|| check(&kernel, machine));
    row(
        "check of our kernel: QEMU / embedded",
        "ms",
        || on("qemu"),
        || on("embedded"),
        "embedded under 20 ms; at least 5",
    );
    row(
        "check of our kernel on embedded: its walk / the command",
        "ms",
        || milliseconds(|| walk(&kernel)),
        || on("embedded"),
        "the walk under 5 ms",
    );
}

/// What the command does between its start and its report.
fn walk(kernel: &Path) {
    let image = Image::open(kernel).expect("it is a kernel");
    let layout = Layout::of(&image, Names::default()).expect("it has all symbols");
    let mut machine = Embedded::load(&image, &embedded::Options::default()).expect("there is memory");
    let findings =
        checks::check(&mut machine, &image, &layout, checks::Options::default()).expect("the machine answers");
    assert!(findings.iter().all(|finding| finding.status == Status::Pass), "{findings:?}");
}

fn large_bss() {
    let [small, large] = ["bss-16-mib", "bss-64-mib"].map(kernels::build);
    let checked = |kernel: &Path| milliseconds(|| check(kernel, "embedded"));
    row("check of 64 MiB of BSS / of 16", "ms", || checked(&large), || checked(&small), "4: linear");
    let reversed = |kernel: &Path| milliseconds(|| forth_and_back(kernel));
    row("64 MiB cleared, and back to boot / 16", "ms", || reversed(&large), || reversed(&small), "4: linear");
    println!("{:<54} {:>8} MiB", "history after 64 MiB of BSS were cleared", forth_and_back(&large) >> 20);
}

/// One instruction back from the end of a clear of more than 10 million.
fn step_back() {
    let kernel = kernels::build("bss-27-mib");
    let [qemu, embedded] = [Reversible::qemu(&kernel), Reversible::embedded(&kernel)].map(RefCell::new);
    let back = |machine: &RefCell<Reversible>| machine.borrow_mut().step_back();
    row(
        "reverse-stepi, 10 million on: QEMU / embedded",
        "ms",
        || back(&qemu),
        || back(&embedded),
        "embedded at most 1 ms; at least 50",
    );
}

/// Poisons BSS, runs to the kernel's rest, and goes back to its first instruction; what the history took, in bytes.
fn forth_and_back(kernel: &Path) -> usize {
    static POISON: [u8; 1 << 20] = [0xa5; 1 << 20];
    let image = Image::open(kernel).expect("it is an ELF");
    let [start, end] = ["__bss", "__bss_end"].map(|name| image.require(name).expect("our kernels have it").address);
    let mut machine = Embedded::open(kernel, &embedded::Options::default()).expect("it is a kernel");
    for piece in (start.0..end.0).step_by(POISON.len()) {
        let length = POISON.len().min((end.0 - piece) as usize);
        machine.write_memory(Address(piece), &POISON[..length]).expect("it is RAM");
    }
    assert_eq!(machine.resume(LONG).expect("it runs"), Stop::Interrupted);
    let mut byte = [0xff];
    machine.read_memory(end - 1, &mut byte).expect("it is RAM");
    assert_eq!(byte, [0], "cleared");
    let (icount, bytes) = (machine.icount(), machine.history_bytes());
    assert!(bytes <= HISTORY << 20, "{bytes} bytes of history");
    assert_eq!(machine.reverse_step(icount, LONG), (icount, Stop::Stepped));
    machine.read_memory(end - 1, &mut byte).expect("it is RAM");
    assert_eq!(byte, POISON[..1], "not cleared yet");
    bytes
}

fn check(kernel: &Path, machine: &str) {
    run(Command::new(env!("CARGO_BIN_EXE_cargo-debug")).args(["check", "--on", machine, "--elf"]).arg(kernel));
}

/// Measures two things in turn, and prints `this / other`.
fn row(name: &str, unit: &str, this: impl Fn() -> f64, other: impl Fn() -> f64, goal: &str) {
    let _ = (this(), other()); // what is only slow the first time
    let begin = Instant::now();
    let rounds = (0..ROUNDS).take_while(|round| *round < 3 || begin.elapsed() < LONGEST);
    let pairs: Vec<(f64, f64)> = rounds.map(|_| (this(), other())).collect();
    let median = |value: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!(
        "{name:<54} {:>8.2} {unit:<3} {:>8.2} {unit:<3} {:>8.2}   {goal}",
        median(|(this, _)| *this),
        median(|(_, other)| *other),
        median(|(this, other)| this / other),
    );
}

fn milliseconds<T>(operation: impl FnOnce() -> T) -> f64 {
    let begin = Instant::now();
    operation();
    begin.elapsed().as_secs_f64() * 1e3
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
