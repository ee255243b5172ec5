//! run.sh killed at random moments, in every mode, alone or with its whole process group: nothing is left of it.
//!
//! A hundred kills here; `KILLS=1000 cargo test -p debug --test run_sh random -- --nocapture` makes more (testkit's `kills`).

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use testkit::kills::Chance;
use testkit::programs::write_script;

use crate::processes::{Family, await_described, await_some, marked};
use crate::script::{PROJECT, Running, Script, private_folder};

/// A kernel, and how it is called.
const MODES: [(&str, &[&str]); 11] = [
    ("good", &["--debug"]),
    ("good", &["--debug", "--", "-ex", "continue"]),
    ("good", &["--debug", "--embedded"]),
    ("good", &["--wait"]),
    ("good", &["--wait", "--embedded"]),
    ("good", &["--wait", "--tied"]),
    ("good", &["--reverse"]),
    ("good", &["--check"]),
    ("prints-for-ever", &["--check", "--on", "qemu", "--timeout", "600", "--expect", "never"]),
    ("good", &["--check", "--on", "both"]),
    ("good", &[]),
];
const REPORT: &str = "report";
const CONSOLE: &str = "console";

#[test]
fn random_kills_leave_nothing() {
    // Cargo goes on building for a while when run.sh is killed: here it has nothing to build any more.
    Script::with_kernel("good", &["--wait", "--embedded", "--tied", "--port", &crate::script::free_port()]).finish();
    testkit::kills::at_random(kill_one);
}

/// Kills a call of the mode of that index.
fn kill_one(index: usize, chance: &mut Chance) {
    let (kernel, mode) = MODES[index % MODES.len()];
    let (after, group) = (chance.moment(), chance.below(2) == 0);
    let signal = chance.pick(&["KILL", "KILL", "TERM", "HUP"]);
    let what = format!("{}: {mode:?}, {signal} after {after:?}, group: {group}", chance.name);
    let mut script = Script::with_kernel(kernel, &[]);
    let takes_socket = mode.first().is_some_and(|first| *first != "--check");
    if takes_socket {
        script.command.arg("--socket").arg(script.folder.path().join("gdb"));
    }
    script.command.args(mode).stdin(Stdio::piped());
    if mode.contains(&"--check") {
        // Files that are written at the end, or while the kernel runs.
        for (option, file) in [("--output", REPORT), ("--console", CONSOLE)] {
            script.command.arg(option).arg(script.folder.path().join(file));
        }
    }
    let value = format!("{index}-{}-{}", chance.below(u64::MAX), std::process::id());
    let mark = OsString::from(format!("RUN_SH_KILL={value}"));
    script.command.env("RUN_SH_KILL", value);
    let mut running = script.start();
    // The moment of the kill is what is tried here: there is nothing to wait for.
    thread::sleep(after);
    running.try_signal(signal, group);
    running.await_end();
    // Both at once: a process has no environment to be known by while it becomes a program.
    let what = || {
        let (processes, files) = (marked(&mark), files_left(&running));
        format!("{what}: the end of {processes:?} and {files:?}; it said:\n{}", running.said())
    };
    await_described(what, || (marked(&mark).is_empty() && files_left(&running).is_empty()).then_some(()));
}

/// Of what a call may not leave: its log, what it was told to write, and here what it said stay.
fn files_left(running: &Running) -> Vec<OsString> {
    let known = ["said", "qemu.log", REPORT, CONSOLE];
    let files = fs::read_dir(running.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    files.filter(|name| !known.iter().any(|known| name == known)).collect()
}

#[test]
fn a_kill_while_building_leaves_no_copy() {
    let around = tempfile::tempdir().unwrap();
    let project = around.path().join("project");
    copy_of_the_scripts(&project);
    // The build is there at once, and takes its time to be copied.
    let cargo = around.path().join("cargo");
    let built = around.path().join("built");
    fs::write(&built, vec![7; 40 << 20]).unwrap();
    let says = format!("echo '{{\"executable\":\"{}\",\"fresh\":true}}'", built.display());
    write_script(&cargo, &says);
    let path = format!("{}:{}", around.path().display(), std::env::var("PATH").unwrap());
    for milliseconds in (0..60).step_by(4) {
        for group in [false, true] {
            let script = Script::at(&project, &["--build"]).env("PATH", &path);
            let mut running = script.start();
            thread::sleep(Duration::from_millis(milliseconds));
            running.try_signal("KILL", group);
            running.await_end();
            await_some("the end of the copy", || copies(&project).is_empty().then_some(()));
        }
    }
    // One that was left when the computer stopped goes with the next build.
    fs::write(project.join("hypervisor.elf.999999999"), "half of it").unwrap();
    let finished = Script::at(&project, &["--build"]).env("PATH", &path).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert_eq!(copies(&project), [] as [String; 0]);
    assert_eq!(fs::metadata(project.join("hypervisor.elf")).unwrap().len(), 40 << 20);
}

pub fn copy_of_the_scripts(project: &Path) {
    fs::create_dir(project).unwrap();
    let scripts = ["run.sh", "run", ".gdbinit"].map(|name| Path::new(PROJECT).join(name));
    let copied = Command::new("cp").arg("-r").args(scripts).arg(project).status().unwrap();
    assert!(copied.success());
}

/// Unfinished ones.
fn copies(project: &Path) -> Vec<String> {
    let names = fs::read_dir(project).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("hypervisor.elf.")).collect()
}

#[test]
fn what_gdb_started_does_not_keep_qemu_alive() {
    let mut script = Script::with_kernel("good", &["--debug", "--socket"]);
    let socket = script.folder.path().join("gdb");
    script.command.arg(&socket).args(["--", "-batch", "-ex", "print 6 * 7", "-ex", "shell sleep 30 >/dev/null 2>&1 &"]);
    let mut running = script.start();
    running.await_line("= 42");
    let begun = std::time::Instant::now();
    running.await_end();
    assert!(!socket.exists() && private_folder(running.folder.path()).is_none(), "when run.sh ends, all of it is gone");
    assert!(begun.elapsed() < Duration::from_secs(25), "nobody waited for what GDB had started");
}

#[test]
fn a_recording_ends_with_its_front() {
    let script = Script::with_kernel("good", &["--reverse", "--port", &crate::script::free_port()]);
    // Without a firmware nobody jumps to the kernel, whose entry is waited for.
    let qemu = script.program("qemu", "exec qemu-system-riscv64 \"$@\" -bios none");
    let mut running = script.env("QEMU", qemu).start();
    let family = Family::with_qemu(running.child.id());
    let begun = std::time::Instant::now();
    running.signal("KILL", false);
    running.await_end();
    family.assert_gone();
    await_some("the end of its private folder", || private_folder(running.folder.path()).is_none().then_some(()));
    assert!(begun.elapsed() < Duration::from_secs(15), "nobody waited for the end of the recording");
}

#[test]
fn the_next_start_clears_what_a_killed_keeper_left() {
    let mut script = Script::with_kernel("good", &["--wait", "--tied", "--port", &crate::script::free_port()]);
    script.command.stdin(Stdio::piped());
    let mut running = script.start();
    running.await_line("waiting for GDB");
    let family = Family::with_qemu(running.child.id());
    let left = private_folder(running.folder.path()).unwrap();
    let keeper = format!("kill -KILL $(pgrep -P {} -f guardian)", running.child.id());
    assert!(Command::new("bash").args(["-c", &keeper]).status().unwrap().success());
    running.await_end();
    family.assert_gone();
    assert!(left.exists(), "nobody was there to remove it");
    // One that has just been made has no owner yet.
    let alive = running.folder.path().join("cargo-debug.others");
    fs::create_dir(&alive).unwrap();

    let mut script = Script::with_kernel("good", &["--debug", "--socket"]);
    script.command.arg(script.folder.path().join("gdb")).args(["--", "-batch"]);
    let finished = script.env("TMPDIR", running.folder.path()).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(!left.exists() && alive.exists());
}
