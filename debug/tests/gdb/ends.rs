//! Ctrl-C, and what is left when GDB or its machine is killed.

use std::thread;
use std::time::Duration;

use super::session::{self, Session};
use super::{kernels, matches};

/// GDB, within a long time limit, in the clear that never ends: it has said what comes before, and QEMU is busy.
fn hang(arguments: &[&str]) -> Session {
    let arguments = [&["-iex", "set $debug_seconds = 300"], arguments].concat();
    let session = Session::start(&kernels::build("endless-loop-in-clear"), &arguments);
    session.await_output("stack: ");
    session.await_work(Duration::from_millis(300));
    session
}

#[test]
fn ctrl_c_interrupts_the_kernel_and_spares_qemu() {
    let mut session = Session::start(&kernels::build("good"), &["-ex", "boot", "-ex", "continue"]);
    session.await_output("Stopped at 0x1000.");
    session.await_output("Continuing.");
    thread::sleep(Duration::from_secs(1)); // until it idles
    session.signal("INT", true);
    session.await_output("Program received signal SIGINT");
    session.type_in("idle\nmonitor info status\n");
    session.await_output("idle: ");
    assert!(session.qemu().is_some());
    let ended = session.end();
    assert!(ended.output.lines().any(|line| matches(line, "(gdb) idle: *: PASS")), "{}", ended.output);
    assert!(ended.errors.contains("VM status: paused"), "{}\n{}", ended.output, ended.errors);
}

#[test]
fn ctrl_c_ends_a_walk_that_hangs() {
    let mut session = hang(&["-iex", "set width 0", "-ex", "bss"]); // else GDB wraps lines at 80 columns
    session.signal("INT", true);
    session.type_in("info breakpoints\n");
    let ended = session.end();
    let said = |pattern| ended.output.lines().any(|line| matches(line, pattern));
    assert!(said("bss: the kernel is at 0x*, and .bss is not cleared: FAIL"), "{}", ended.output);
    assert!(said("(gdb) No breakpoints*."), "{}", ended.output);
}

#[test]
fn a_machine_that_dies_in_the_walk_ends_it() {
    let session = hang(&["-batch", "-ex", "check-boot"]);
    session::kill("KILL", &session.qemu().expect("QEMU runs"));
    let ended = session.end();
    assert_eq!(ended.status.code(), Some(1), "{}\n{}", ended.output, ended.errors);
}

#[test]
fn nothing_is_left_of_a_gdb_that_was_killed() {
    let session = hang(&["-batch", "-ex", "check-boot"]);
    session.signal("KILL", false);
    let ended = session.end();
    assert!(!ended.status.success());
}
