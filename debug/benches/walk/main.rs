//! How fast the walk is, beside GDB and beside the bare cost of what it is made of; both sides in one run, as ratios.
//!
//! Each row times its two sides in turn, several times, and shows the medians and the median of the ratios: what else the
//! machine does then hits both. `cargo bench -p debug --bench walk`

mod bare;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bare::Bare;
use debug::{Address, Machine, Remote};

const PROJECT: &str = env!("HYPERVISOR_PROJECT");
/// The most rounds of a row; fewer, but at least three, if they take longer than [`LONGEST`].
const ROUNDS: usize = 9;
const LONGEST: Duration = Duration::from_secs(40);
/// Where memory is moved: RAM that the kernel's image does not reach.
const MEMORY: Address = Address(0x8400_0000);
const MEBIBYTE: usize = 1 << 20;
const STEPS: u64 = 3000;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let kernel = build();
    println!("{:<44} {:>12} {:>12} {:>8}   goal", "", "this", "other", "ratio");
    whole_walk(&kernel);
    steps(&kernel);
    memory(&kernel);
}

fn whole_walk(kernel: &Path) {
    let walk = || {
        timed(|| {
            run(Command::new(env!("CARGO_BIN_EXE_cargo-debug")).args(["check", "--on", "qemu", "--elf"]).arg(kernel))
        })
    };
    let gdb = || {
        timed(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let mut run_sh = Command::new(format!("{PROJECT}/run.sh"));
            run_sh.args(["--debug", "--kernel"]).arg(kernel).arg("--socket").arg(folder.path().join("gdb"));
            run(run_sh.args(["--", "-batch", "-ex", "check-boot"]).env("QEMU_LOG", folder.path().join("log")));
        })
    };
    let bare = || timed(|| Bare::start(kernel).reach_boot());
    row("walk: cargo debug check / bare QEMU to boot", walk, bare, "at most 1.5");
    row("walk: GDB's check-boot / cargo debug check", gdb, walk, "at least 2");
}

fn steps(kernel: &Path) {
    let machine = Bare::start(kernel);
    let ours = || {
        let mut remote = machine.attach();
        timed(|| assert_eq!(remote.step(STEPS, Duration::from_secs(60)).expect("it steps").0, STEPS))
    };
    let bare = || {
        let mut stub = machine.connect();
        timed(|| (0..STEPS).for_each(|_| stub.exchange(b"+$vCont;s#b8")))
    };
    row("steps: bare loop of vCont;s / Remote::step", bare, ours, "at least 0.95");

    // GDB as it is installed, on the default transport; then as well set up as .gdbinit does it, on our socket.
    let (port, on_port) = Bare::on_port(kernel);
    let plain = || gdb_steps(&format!("127.0.0.1:{port}"), &[]);
    row("steps: GDB's stepi N over TCP / Remote::step", plain, ours, "at least 4");
    drop(on_port);
    let socket = machine.socket().display().to_string();
    let tuned = || gdb_steps(&socket, &["-ex", "set osabi none"]);
    row("steps: the same, osabi none, our socket", tuned, ours, "");
}

/// What GDB takes for the steps alone: what it needs to start and to leave is measured as well, and taken away.
fn gdb_steps(target: &str, settings: &[&str]) -> Duration {
    let session = |steps: u64| {
        timed(|| {
            let mut gdb = Command::new(testkit::gdb());
            gdb.args(["-nx", "-batch", "-ex", "set architecture riscv:rv64"]).args(settings);
            gdb.args(["-ex", &format!("target remote {target}"), "-ex", &format!("stepi {steps}")]);
            run(gdb.args(["-ex", "disconnect"]));
        })
    };
    session(STEPS).saturating_sub(session(1))
}

fn memory(kernel: &Path) {
    let machine = Bare::start(kernel);
    let mut bytes = vec![0x5a; MEBIBYTE];
    let packet = machine.connect().packet_size();
    let reads = bare::packets(MEMORY.0, MEBIBYTE, (packet - 8) / 2, |start, length| format!("m{start:x},{length:x}"));
    let writes = bare::packets(MEMORY.0, MEBIBYTE, (packet - 40) / 2, |start, length| {
        format!("M{start:x},{length:x}:{}", "5a".repeat(length))
    });
    let bare = |packets: &[Vec<u8>]| {
        let mut stub = machine.connect();
        timed(|| packets.iter().for_each(|packet| stub.exchange(packet)))
    };
    let on_remote = |operation: &mut dyn FnMut(&mut Remote)| {
        let mut remote = machine.attach();
        timed(|| operation(&mut remote))
    };
    row(
        "1 MiB read: bare maximal packets / Remote",
        || bare(&reads),
        || on_remote(&mut |remote| remote.read_memory(MEMORY, &mut bytes).expect("RAM is there")),
        "at least 0.9",
    );
    let bytes = vec![0x5a; MEBIBYTE];
    row(
        "1 MiB write: bare maximal packets / Remote",
        || bare(&writes),
        || on_remote(&mut |remote| remote.write_memory(MEMORY, &bytes).expect("RAM is there")),
        "at least 0.9",
    );
}

/// Times two things in turn, and prints `this / other`.
fn row(name: &str, mut this: impl FnMut() -> Duration, mut other: impl FnMut() -> Duration, goal: &str) {
    // What is only slow the first time.
    this();
    other();
    let begin = Instant::now();
    let rounds = (0..ROUNDS).take_while(|round| *round < 3 || begin.elapsed() < LONGEST);
    let pairs: Vec<(Duration, Duration)> = rounds.map(|_| (this(), other())).collect();
    let median = |values: &mut dyn Iterator<Item = f64>| {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{name:<44} {:>9.1} ms {:>9.1} ms {:>8.2}   {goal}",
        median(&mut pairs.iter().map(|(this, _)| milliseconds(*this))),
        median(&mut pairs.iter().map(|(_, other)| milliseconds(*other))),
        median(&mut pairs.iter().map(|(this, other)| this.as_secs_f64() / other.as_secs_f64())),
    );
}

fn timed(operation: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    operation();
    begin.elapsed()
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn build() -> PathBuf {
    run(Command::new(format!("{PROJECT}/run.sh")).arg("--build"));
    Path::new(PROJECT).join("hypervisor.elf")
}
