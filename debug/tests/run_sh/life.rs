//! QEMU lives as long as whom it serves, and no longer: however that one ends.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::processes::Family;
use crate::processes::await_some;
use crate::script::{Running, Script, free_port, private_folder};

/// A call with a private socket, an open standard input, and a QEMU that listens.
fn start(kernel: &str, arguments: &[&str]) -> (Running, Family) {
    start_with(Script::with_kernel(kernel, &[]), arguments)
}

fn start_with(mut script: Script, arguments: &[&str]) -> (Running, Family) {
    if !arguments.contains(&"--port") {
        script.command.arg("--socket").arg(script.folder.path().join("gdb"));
    }
    script.command.args(arguments).stdin(Stdio::piped());
    let mut running = script.start();
    if arguments.contains(&"--wait") {
        running.await_line("waiting for GDB");
    } else {
        // GDB reads it once it has connected.
        running.child.stdin.as_mut().unwrap().write_all(b"print 6 * 7\n").unwrap();
        running.await_line("= 42");
    }
    let family = Family::with_qemu(running.child.id());
    (running, family)
}

fn assert_all_gone(running: &Running, family: &Family) {
    family.assert_gone();
    await_some("the end of its private folder", || private_folder(running.folder.path()).is_none().then_some(()));
    assert!(!running.folder.path().join("gdb").exists(), "the socket is left");
}

#[test]
fn gdbs_status_is_the_scripts() {
    for status in [0, 7] {
        let quit = format!("quit {status}");
        let mut script = Script::with_kernel("good", &["--debug", "--socket"]);
        script.command.arg(script.folder.path().join("gdb")).args(["--", "-batch", "-ex", "print 6 * 7", "-ex", &quit]);
        let finished = script.finish();
        assert_eq!(finished.code(), status, "{}", finished.stderr);
        assert!(finished.stdout.contains("= 42"), "{}", finished.stdout);
        assert!(!finished.stdout.contains("OpenSBI"), "standard output is GDB's alone");
    }
}

#[test]
fn quitting_gdb_ends_qemu() {
    let (mut running, family) = start("good", &["--debug"]);
    running.child.stdin.as_mut().unwrap().write_all(b"quit\n").unwrap();
    assert_eq!(running.await_end().code(), Some(0));
    assert_all_gone(&running, &family);
}

#[test]
fn killing_gdb_ends_qemu() {
    let (mut running, family) = start("good", &["--debug"]);
    running.signal("KILL", false);
    running.await_end();
    assert_all_gone(&running, &family);
}

#[test]
fn killing_gdbs_whole_process_group_ends_qemu() {
    let (mut running, family) = start("good", &["--debug"]);
    running.signal("KILL", true);
    running.await_end();
    assert_all_gone(&running, &family);
}

#[test]
fn killing_run_sh_before_it_becomes_gdb_ends_qemu() {
    let script = Script::with_kernel("good", &["--debug", "--port", &free_port()]);
    let qemu = script.program("qemu", "while :; do sleep 0.1; done"); // never listens
    let mut running = script.env("QEMU", qemu).start();
    let family = Family::with_qemu(running.child.id());
    running.signal("KILL", true);
    running.await_end();
    assert_all_gone(&running, &family);
}

#[test]
fn ctrl_c_interrupts_the_kernel_and_leaves_qemu_alive() {
    let (mut running, family) = start("traps-for-ever", &["--debug"]);
    let mut stdin = running.child.stdin.take().unwrap();
    stdin.write_all(b"info symbol $pc\n").unwrap();
    running.await_line("boot in section .text"); // a person begins at the kernel's first instruction
    let logged = || fs::metadata(running.folder.path().join("qemu.log")).unwrap().len();
    let before = logged();
    stdin.write_all(b"continue\n").unwrap();
    // Until then GDB may still be about to resume it, and would pass on an interrupt to a machine that stands, which ignores it.
    await_some("a trap of the running kernel", || (logged() > before).then_some(()));
    running.signal("INT", true);
    running.await_line("received signal SIGINT");
    stdin.write_all(b"print 7 * 7\nquit\n").unwrap();
    running.await_line("= 49");
    running.await_end();
    assert_all_gone(&running, &family);
}

#[test]
fn a_kernel_that_powers_off_leaves_gdb_alone() {
    let (mut running, family) = start("power-off", &["--debug"]);
    let mut stdin = running.child.stdin.take().unwrap();
    stdin.write_all(b"continue\n").unwrap();
    running.await_line("exited normally");
    stdin.write_all(b"print 7 * 7\nquit 3\n").unwrap();
    running.await_line("= 49");
    assert_eq!(running.await_end().code(), Some(3));
    assert_all_gone(&running, &family);
}

#[test]
fn tied_ends_with_standard_input() {
    let (mut running, family) = start("good", &["--wait", "--tied"]);
    drop(running.child.stdin.take());
    running.await_end();
    assert_all_gone(&running, &family);
}

#[test]
fn tied_ends_with_run_sh() {
    for group in [false, true] {
        let (mut running, family) = start("good", &["--wait", "--tied"]);
        running.signal("KILL", group);
        running.await_end();
        assert_all_gone(&running, &family);
    }
}

#[test]
fn tied_passes_on_the_status_of_a_qemu_that_ends_by_itself() {
    let (mut running, family) = start("power-off", &["--wait", "--tied"]);
    running.gdb(&["detach"]); // lets it run
    assert_eq!(running.await_end().code(), Some(0));
    assert_all_gone(&running, &family);
}

#[test]
fn a_qemu_in_a_script_of_the_users_ends_too() {
    for arguments in [&["--debug"][..], &["--wait", "--tied"], &["--wait", "--tied", "--port", &free_port()]] {
        let script = Script::with_kernel("good", &[]);
        let qemu = script.program("qemu", "qemu-system-riscv64 \"$@\"\nexit $?");
        let (mut running, family) = start_with(script.env("QEMU", qemu), arguments);
        drop(running.child.stdin.take());
        running.await_end();
        assert_all_gone(&running, &family);
    }
}

#[test]
fn gdb_that_does_not_know_riscv_is_refused() {
    let script = Script::with_kernel("good", &["--debug"]);
    let gdb = script.program("gdb", "echo 'The target architecture is set to \"auto\" (currently \"i386\").'");
    let finished = script.env("GDB", gdb).finish();
    assert!(finished.reason().contains("does not support RISC-V"), "{}", finished.stderr);
    let finished = Script::with_kernel("good", &["--debug"]).env("GDB", "/missing/gdb").finish();
    assert!(finished.reason().contains("no such program: /missing/gdb (from GDB)"), "{}", finished.stderr);
}
