//! Processes that run.sh lost: its caller, itself while it builds, and any one of those it started. Nothing hangs, and nothing stays.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::processes::{await_some, marked};
use crate::script::{Running, Script, private_folder};

const MARK: &str = "RUN_SH_LOSS";

/// Something that a call of run.sh waits for, until it is let go.
struct Gate {
    go: File,
}

impl Gate {
    /// Puts `program` on the call's PATH: it writes a file of its name and `-waits`, waits, and then does `what`.
    fn at(script: &mut Script, program: &str, what: &str) -> Gate {
        let folder = script.folder.path().to_owned();
        let pipe = folder.join(format!("{program}-go"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Open both ways, as neither end is to wait for the other.
        let go = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
        let waits = folder.join(format!("{program}-waits"));
        let text = format!("echo >'{}'\nread -r _ <'{}'\n{what}", waits.display(), pipe.display());
        script.program(program, &text);
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        script.command.env("PATH", path).env(MARK, &folder);
        Gate { go }
    }

    fn open(&mut self) {
        self.go.write_all(b"go\n").unwrap();
    }
}

fn await_waiting(folder: &Path, program: &str) {
    await_some("the moment to kill", || folder.join(format!("{program}-waits")).exists().then_some(()));
}

/// The processes of a call in this folder, in the order in which they were started.
fn family(folder: &Path) -> Vec<u32> {
    let mut family = marked(&OsString::from(format!("{MARK}={}", folder.display())));
    family.sort();
    family
}

fn await_nobody(folder: &Path, what: &str) {
    await_some(&format!("{what}: the end of all processes"), || family(folder).is_empty().then_some(()));
}

/// A call with a cargo that takes its time, and finds that all is built.
fn slow_build(arguments: &[&str]) -> (Script, Gate) {
    let mut script = Script::with_kernel("good", arguments);
    script.command.arg("--socket").arg(script.folder.path().join("gdb")).args(["--", "-batch"]);
    let built = env!("CARGO_BIN_EXE_cargo-debug");
    let gate = Gate::at(&mut script, "cargo", &format!("echo '{{\"executable\":\"{built}\",\"fresh\":true}}'"));
    (script, gate)
}

/// A call whose QEMU takes its time.
fn slow_machine(arguments: &[&str]) -> (Script, Gate) {
    let mut script = Script::with_kernel("good", &[]);
    script.command.arg("--socket").arg(script.folder.path().join("gdb")).args(arguments).stdin(Stdio::piped());
    let gate = Gate::at(&mut script, "qemu", "exec qemu-system-riscv64 \"$@\"");
    let qemu = script.folder.path().join("qemu");
    (script.env("QEMU", qemu), gate)
}

/// Whoever reads what run.sh says ends, as a test does that is killed: what is said then cannot be written.
#[test]
fn a_front_whose_caller_is_gone_ends_after_what_it_waits_for() {
    let calls = [
        ("cargo", slow_build(&["--debug", "--embedded"])),
        ("qemu", slow_machine(&["--debug", "--", "-batch"])),
        ("qemu", slow_machine(&["--wait", "--tied"])),
    ];
    for (program, (mut script, mut gate)) in calls {
        let folder = script.folder;
        let mut child = script
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        await_waiting(folder.path(), program);
        drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
        gate.open();
        await_nobody(folder.path(), program);
        child.wait().unwrap();
        assert!(private_folder(folder.path()).is_none() && !folder.path().join("gdb").exists());
    }
}

#[test]
fn a_build_ends_with_its_run_sh() {
    for (signal, group) in [("KILL", false), ("TERM", false), ("KILL", true), ("INT", true), ("INT", false)] {
        let (script, gate) = slow_build(&["--debug", "--embedded"]);
        let mut running = script.start();
        await_waiting(running.folder.path(), "cargo");
        running.signal(signal, group);
        running.await_end();
        await_nobody(running.folder.path(), &format!("{signal}, group: {group}"));
        drop(gate); // until here the build could not go on
    }
}

/// Kills one process after the other of a call that waits, each in a call of its own; `afterwards` it has to end.
fn kill_each(program: &str, call: impl Fn() -> (Script, Gate), afterwards: impl Fn(&mut Running, &mut Gate)) {
    let mut index = 0;
    loop {
        let (script, mut gate) = call();
        let mut running = script.start();
        await_waiting(running.folder.path(), program);
        let Some(process) = family(running.folder.path()).into_iter().nth(index) else {
            running.signal("KILL", false);
            gate.open();
            running.await_end();
            assert!(index > 1, "there is more than run.sh and its program");
            return await_nobody(running.folder.path(), "all alive");
        };
        let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        let what = format!("process {index}, {name:?}, of {program}'s call killed");
        println!("{what}");
        let killed = Command::new("bash").args(["-c", &format!("kill -KILL {process}")]).status().unwrap();
        assert!(killed.success(), "{what}");
        afterwards(&mut running, &mut gate);
        running.await_end();
        await_nobody(running.folder.path(), &what);
        index += 1;
    }
}

#[test]
fn no_process_that_is_killed_while_it_builds_hangs_the_others() {
    kill_each("cargo", || slow_build(&["--debug", "--embedded"]), |_, gate| gate.open());
}

#[test]
fn no_process_that_is_killed_while_qemu_starts_hangs_the_others() {
    kill_each("qemu", || slow_machine(&["--debug", "--", "-batch"]), |_, gate| gate.open());
}

/// Two QEMUs start then, one after the other.
#[test]
fn no_process_that_is_killed_while_a_boot_is_recorded_hangs_the_others() {
    kill_each(
        "qemu",
        || slow_machine(&["--reverse", "--", "-batch"]),
        |_, gate| {
            gate.open();
            gate.open();
        },
    );
}

/// What was killed may be what would have told the end of standard input; that of run.sh itself is known all the same.
#[test]
fn no_process_that_is_killed_while_qemu_starts_outlives_a_tied_run_sh() {
    let afterwards = |running: &mut Running, gate: &mut Gate| {
        gate.open();
        running.try_signal("KILL", false);
    };
    kill_each("qemu", || slow_machine(&["--wait", "--tied"]), afterwards);
}

/// The front hears of it by itself, and says so.
#[test]
fn a_front_that_lost_the_guardian_of_its_qemu_ends_with_the_reason() {
    let (script, _gate) = slow_machine(&["--wait", "--tied"]);
    let mut running = script.start();
    await_waiting(running.folder.path(), "qemu");
    let family = family(running.folder.path());
    let parent_of_qemu = family.iter().find(|process| children(**process).into_iter().any(is_gate)).unwrap();
    let killed = Command::new("bash").args(["-c", &format!("kill -KILL {parent_of_qemu}")]).status().unwrap();
    assert!(killed.success());
    assert_eq!(running.await_end().code(), Some(2));
    assert!(running.said().contains("QEMU was killed while it started"), "{}", running.said());
    await_nobody(running.folder.path(), "the guardian killed");
    assert!(private_folder(running.folder.path()).is_none());
}

fn children(process: u32) -> Vec<u32> {
    let mut text = String::new();
    if let Ok(mut file) = File::open(format!("/proc/{process}/task/{process}/children")) {
        let _ = file.read_to_string(&mut text);
    }
    text.split_whitespace().map(|child| child.parse().unwrap()).collect()
}

/// Whether it is the program that stands in QEMU's place.
fn is_gate(process: u32) -> bool {
    let command = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    // Others have its path behind their own arguments.
    command.split('\0').take(2).any(|word| word.ends_with("/qemu"))
}
