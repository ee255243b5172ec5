//! QEMU ends with whom it serves, however that one ends: each of the processes around it is killed, alone or with its group.
//!
//! A hundred random kills here; `KILLS=1000 cargo test -p debug --test guardian random -- --nocapture` makes more, and
//! `KILLS_SEED=N` the same again.

#[allow(dead_code)] // other tests need the rest
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use testkit::kernels;
use testkit::processes::{await_some, marked};
use testkit::programs;

/// So many calls run at a time.
const WORKERS: usize = 3;
const PROGRAM: &str = env!("CARGO_BIN_EXE_cargo-debug");
/// How the command lines of the keeper and of the watcher begin.
const GUARDIAN: &str = concat!(env!("CARGO_BIN_EXE_cargo-debug"), " guardian --stub ");

/// A front that would go on for minutes, with a folder for its files.
struct Front {
    child: Child,
    mark: OsString,
}

impl Front {
    fn start(name: &str, temporary: &Path, qemu: Option<&Path>) -> Front {
        let value = format!("{name}-{}", std::process::id());
        let kernel = kernels::build("counts-for-ever");
        let mut command = Command::new(PROGRAM);
        command.args(["check", "--on", "qemu", "--timeout", "600", "--expect", "never", "--elf"]).arg(kernel);
        command.env("GUARDIAN_KILL", &value).env("TMPDIR", temporary).process_group(0);
        if let Some(qemu) = qemu {
            command.env("QEMU", qemu);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
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

    fn assert_gone(mut self, what: &str) {
        await_some(&format!("{what}: the end of the front"), || self.child.try_wait().unwrap());
        await_some(&format!("{what}: the end of all processes"), || self.members().is_empty().then_some(()));
    }
}

/// The folders of keepers.
fn folders(temporary: &Path) -> Vec<PathBuf> {
    fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn pid(process: u32) -> Pid {
    Pid::from_raw(process as i32).unwrap()
}

/// The number that the environment says, or `usual`.
fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// The next of a sequence of numbers that look random (Marsaglia, "Xorshift RNGs").
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn random_kills_leave_nothing() {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("KILLS_SEED", clock.as_nanos() as u64);
    let (count, next_kill) = (number("KILLS", 100) as usize, AtomicUsize::new(0));
    println!("KILLS_SEED={seed}");
    kernels::build("counts-for-ever");
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let index = next_kill.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    kill_one(seed, index);
                }
            });
        }
    });
}

/// The kill of that index: whom, when and how follow from the seed.
fn kill_one(seed: u64, index: usize) {
    let mut state = (seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1);
    for _ in 0..4 {
        next(&mut state);
    }
    let after = Duration::from_millis(1 + next(&mut state) % 500);
    let signal = [Signal::KILL, Signal::KILL, Signal::TERM, Signal::HUP][(next(&mut state) % 4) as usize];
    let whom = ["front", "front", "front's group", "keeper", "watcher", "qemu"][(next(&mut state) % 6) as usize];
    let what = format!("kill {index} of KILLS_SEED={seed}: {whom}, {signal:?} after {after:?}");
    let temporary = tempfile::tempdir().unwrap();
    let front = Front::start(&format!("{seed}-{index}"), temporary.path(), None);
    // The moment of the kill is what is tried here: there is nothing to wait for.
    thread::sleep(after);
    let target = match whom {
        "keeper" => front.keeper(),
        "watcher" => front.watcher(),
        "qemu" => front.qemu(),
        _ => None,
    };
    match target {
        Some(process) => drop(kill_process(pid(process), signal)),
        // Where that one is not there yet, it is the front's turn.
        None if whom == "front's group" => drop(kill_process_group(pid(front.child.id()), signal)),
        None => drop(kill_process(pid(front.child.id()), signal)),
    }
    front.assert_gone(&what);
    let left = folders(temporary.path());
    // A keeper that was killed cannot remove its folder: the next one does.
    if whom != "keeper" || signal != Signal::KILL {
        assert!(left.is_empty(), "{what} left {left:?}");
    }
    if !left.is_empty() {
        let front = Front::start(&format!("{seed}-{index}-next"), temporary.path(), None);
        await_some("the next keeper's QEMU", || front.qemu());
        assert!(left.iter().all(|left| !left.exists() || is_newborn(left)), "{what} left {left:?} for good");
        let _ = kill_process(pid(front.child.id()), Signal::KILL);
        front.assert_gone(&what);
    }
}

/// Killed between the two system calls that make and lock it: that one stays for a minute.
fn is_newborn(left: &Path) -> bool {
    !left.join("owner").exists()
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
