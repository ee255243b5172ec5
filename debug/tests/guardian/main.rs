//! A machine ends with whom it serves, however that one ends: each of the processes around it is killed, alone or with its group.
//!
//! A hundred random kills here; `KILLS=1000 cargo test -p debug --test guardian random -- --nocapture` makes more (testkit's
//! `kills`).

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use testkit::kernels;
use testkit::kills::Chance;
use testkit::processes::{await_some, marked};
use testkit::programs;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cargo-debug");
/// How the command lines of the keeper and of the watcher begin.
const GUARDIAN: &str = concat!(env!("CARGO_BIN_EXE_cargo-debug"), " guardian --stub ");

/// A kernel, and what is done with it.
type Mode = (&'static str, &'static [&'static str]);

/// A QEMU for minutes.
const LONG: Mode = ("counts-for-ever", &["check", "--on", "qemu", "--timeout", "600", "--expect", "never"]);
const MODES: [Mode; 8] = [
    LONG,
    ("good", &["check", "--on", "both"]),
    ("counts-for-ever", &["check", "--on", "both", "--timeout", "600"]),
    ("good", &["check", "--on", "embedded", "--harsh", "--output", "files/report"]),
    ("prints-for-ever", &["run", "--on", "qemu"]),
    ("prints-for-ever", &["run", "--on", "embedded"]),
    ("good", &["gdb", "--on", "qemu", "--listen", "unix:gdb"]),
    ("good", &["gdb", "--on", "embedded", "--listen", "unix:gdb"]),
];

/// A front in a folder for its files.
struct Front {
    child: Child,
    mark: OsString,
}

impl Front {
    fn start(name: &str, temporary: &Path, qemu: Option<&Path>) -> Front {
        Front::of(LONG, name, temporary, qemu)
    }

    fn of((kernel, arguments): Mode, name: &str, temporary: &Path, qemu: Option<&Path>) -> Front {
        let value = format!("{name}-{}", std::process::id());
        let mut command = Command::new(PROGRAM);
        command.args(arguments).arg("--elf").arg(kernels::build(kernel)).current_dir(temporary);
        command.env("GUARDIAN_KILL", &value).env("TMPDIR", temporary).process_group(0);
        if let Some(qemu) = qemu {
            command.env("QEMU", qemu);
        }
        // GDB waits for what is never said.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Front { child: command.spawn().unwrap(), mark: format!("GUARDIAN_KILL={value}").into() }
    }

    fn members(&self) -> Vec<u32> {
        marked(&self.mark)
    }

    /// The member whose command line has all these words.
    fn member(&self, words: &[&str]) -> Option<u32> {
        self.find(|line| words.iter().all(|word| line.contains(word)))
    }

    fn find(&self, is_it: impl Fn(&str) -> bool) -> Option<u32> {
        let is_it = |process: &u32| {
            let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            is_it(&String::from_utf8_lossy(&line).replace('\0', " "))
        };
        self.members().into_iter().find(is_it)
    }

    fn keeper(&self) -> Option<u32> {
        self.find(|line| line.contains(GUARDIAN) && !line.contains(" --watch "))
    }

    fn watcher(&self) -> Option<u32> {
        self.member(&[GUARDIAN, " --watch "])
    }

    fn qemu(&self) -> Option<u32> {
        self.member(&["-machine virt", "id=cargo-debug"])
    }

    fn gdb(&self) -> Option<u32> {
        self.member(&[" -iex "])
    }

    fn assert_gone(mut self, what: &str) {
        await_some(&format!("{what}: the end of the front"), || self.child.try_wait().unwrap());
        await_some(&format!("{what}: the end of all processes"), || self.members().is_empty().then_some(()));
    }
}

/// The folders of keepers, and what else there is.
fn folders(temporary: &Path) -> Vec<PathBuf> {
    fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn pid(process: u32) -> Pid {
    Pid::from_raw(process as i32).unwrap()
}

#[test]
fn random_kills_leave_nothing() {
    MODES.iter().for_each(|(kernel, _)| drop(kernels::build(kernel)));
    testkit::kills::at_random(kill_one);
}

/// Kills one of those around a machine, in the mode of that index.
fn kill_one(index: usize, chance: &mut Chance) {
    let mode = MODES[index % MODES.len()];
    let after = chance.moment();
    let signal = chance.pick(&[Signal::KILL, Signal::KILL, Signal::TERM, Signal::HUP]);
    let whom = chance.pick(&["front", "front", "front's group", "front's group", "keeper", "watcher", "qemu", "gdb"]);
    let what = format!("{}: {whom} of {mode:?}, {signal:?} after {after:?}", chance.name);
    let temporary = tempfile::tempdir().unwrap();
    fs::create_dir(temporary.path().join("files")).unwrap();
    let name = format!("{index}-{}", chance.below(u64::MAX));
    let mut front = Front::of(mode, &name, temporary.path(), None);
    // The moment of the kill is what is tried here: there is nothing to wait for.
    thread::sleep(after);
    let target = match whom {
        "keeper" => front.keeper(),
        "watcher" => front.watcher(),
        "qemu" => front.qemu(),
        "gdb" => front.gdb(),
        _ => None,
    };
    match target {
        Some(process) => drop(kill_process(pid(process), signal)),
        // Where that one is not there yet, it is the front's turn.
        None if whom == "front's group" => drop(kill_process_group(pid(front.child.id()), signal)),
        None => drop(kill_process(pid(front.child.id()), signal)),
    }
    if target.is_some() && mode.1[0] == "gdb" && matches!(whom, "keeper" | "watcher" | "qemu") {
        // GDB says that its machine is gone, and stays until its person leaves.
        drop(front.child.stdin.take());
    }
    front.assert_gone(&what);
    // A keeper that was killed cannot remove its files: the next one does.
    if whom == "keeper" && target.is_some() && signal == Signal::KILL {
        // A socket is for whoever wants the same one.
        let mode = if mode.1.contains(&"--listen") { mode } else { LONG };
        let front = Front::of(mode, &format!("{name}-next"), temporary.path(), None);
        await_some("the next keeper's QEMU", || front.qemu());
        let _ = kill_process(pid(front.child.id()), Signal::KILL);
        front.assert_gone(&what);
    }
    let mut left = [temporary.path().into(), temporary.path().join("files")].map(|folder| folders(&folder)).concat();
    left.retain(|left| !is_newborn(left) && !["files", "report"].iter().any(|told| left.ends_with(told)));
    assert!(left.is_empty(), "{what} left {left:?}");
}

/// A folder whose keeper was killed between the two system calls that make and lock it: that one stays for a minute.
fn is_newborn(left: &Path) -> bool {
    left.is_dir() && !left.join("owner").exists()
}

/// A front whose QEMU runs.
fn started(name: &str) -> (TempDir, Front) {
    let temporary = tempfile::tempdir().unwrap();
    let front = Front::start(name, temporary.path(), None);
    await_some("a QEMU", || front.qemu());
    (temporary, front)
}

#[test]
fn a_front_that_is_stopped_and_killed_leaves_nothing() {
    let (temporary, front) = started("stopped");
    kill_process_group(pid(front.child.id()), Signal::TSTP).unwrap();
    kill_process(pid(front.child.id()), Signal::KILL).unwrap();
    front.assert_gone("a stopped front");
    assert_eq!(folders(temporary.path()), [] as [PathBuf; 0]);
}

#[test]
fn ctrl_z_does_not_stop_who_has_to_be_awake() {
    let (temporary, front) = started("awake");
    for process in [front.keeper(), front.watcher()] {
        kill_process(pid(process.unwrap()), Signal::TSTP).unwrap();
    }
    kill_process(pid(front.child.id()), Signal::KILL).unwrap();
    front.assert_gone("a front whose keeper was asked to stop");
    assert_eq!(folders(temporary.path()), [] as [PathBuf; 0]);
}

#[test]
fn the_next_keeper_clears_what_a_killed_one_left_and_nothing_else() {
    let (temporary, front) = started("left");
    let left = folders(temporary.path());
    assert_eq!(left.len(), 1);
    // It would try another kernel, with another keeper.
    kill_process(pid(front.child.id()), Signal::STOP).unwrap();
    kill_process(pid(front.keeper().unwrap()), Signal::KILL).unwrap();
    await_some("the end of QEMU", || front.qemu().is_none().then_some(()));
    kill_process(pid(front.child.id()), Signal::KILL).unwrap();
    front.assert_gone("a keeper");
    assert_eq!(folders(temporary.path()), left, "nobody was there to remove it");
    let alive = Front::start("alive", temporary.path(), None);
    await_some("a QEMU", || alive.qemu());
    let other = Front::start("other", temporary.path(), None);
    await_some("a QEMU", || other.qemu());
    let now = folders(temporary.path());
    assert!(now.len() == 2 && !now.contains(&left[0]), "{now:?}");
    for front in [alive, other] {
        kill_process(pid(front.child.id()), Signal::KILL).unwrap();
        front.assert_gone("the next ones");
    }
    assert_eq!(folders(temporary.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_qemu_in_a_script_of_the_users_ends_too() {
    let temporary = tempfile::tempdir().unwrap();
    let around = tempfile::tempdir().unwrap();
    let script = around.path().join("qemu");
    // Also what a script leaves behind.
    programs::write_script(&script, "sleep 600 &\nqemu-system-riscv64 \"$@\"\nexit $?");
    let front = Front::start("script", temporary.path(), Some(&script));
    await_some("a QEMU", || front.member(&["qemu-system-riscv64 -machine virt"]));
    kill_process(pid(front.child.id()), Signal::KILL).unwrap();
    front.assert_gone("a script");
    assert_eq!(folders(temporary.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_qemu_that_never_gets_ready_ends_when_time_is_up() {
    let temporary = tempfile::tempdir().unwrap();
    let around = tempfile::tempdir().unwrap();
    let script = around.path().join("qemu");
    programs::write_script(&script, "exec sleep 600");
    let begun = Instant::now();
    let output = Command::new(PROGRAM)
        .args(["check", "--on", "qemu", "--timeout", "1", "--elf"])
        .arg(kernels::build("good"))
        .env("QEMU", &script)
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && words.contains("did not listen within"), "{words}");
    assert!(begun.elapsed() < Duration::from_secs(60), "nobody waited for the sleeper");
    assert_eq!(folders(temporary.path()), [] as [PathBuf; 0]);
}

#[test]
fn no_place_for_files_is_said_with_what_to_try() {
    let mut command = Command::new(PROGRAM);
    command.args(["guardian", "--", "qemu-system-riscv64", "-machine", "virt", "-display", "none"]);
    // Longer than a socket's path may be: /tmp is taken instead.
    let deep = tempfile::tempdir().unwrap();
    let long = deep.path().join("x".repeat(100));
    fs::create_dir(&long).unwrap();
    let mut keeper = command.env("TMPDIR", &long).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(keeper.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.starts_with("machine in /tmp/cargo-debug."), "{line}");
    drop(keeper.stdin.take());
    output.read_to_string(&mut line).unwrap();
    assert_eq!(keeper.wait().unwrap().code(), Some(137), "as of a QEMU that was killed");
    assert!(!Path::new(line["machine in ".len()..].lines().next().unwrap()).exists());
}
