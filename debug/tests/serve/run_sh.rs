//! run.sh with the embedded machine in QEMU's place: asked for, and where there is no QEMU to have.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::gdb;
use crate::kernels;
use crate::server::{await_end, signal};

fn run_sh(arguments: &[&str]) -> Command {
    let mut command = Command::new(concat!(env!("HYPERVISOR_PROJECT"), "/run.sh"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

const GO_BACK: [&str; 9] =
    ["-batch", "-ex", "continue", "-ex", "monitor icount", "-ex", "reverse-continue", "-ex", "monitor icount"];

#[test]
fn debug_goes_back_on_the_embedded_machine_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, kernel) = (folder.path().join("gdb"), kernels::build("load-from-0"));
    let debug =
        ["--debug", "--embedded", "--socket", socket.to_str().unwrap(), "--kernel", kernel.to_str().unwrap(), "--"];
    let output = run_sh(&[&debug[..], &GO_BACK].concat()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("SIGSEGV") && said.contains("load access fault"), "{said}");
    assert!(said.contains("\n0 instructions since boot"), "{said}");
    gdb::await_gone(&socket);

    // .gdbinit makes GDB forget what it has read: to say how would be to say nothing.
    let go = ["-batch", "-ex", "boot", "-ex", "monitor goto 3", "-ex", "print $_"];
    let output = run_sh(&[&debug[..], &go].concat()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(said.contains("3 instructions since boot") && !said.contains("maintenance flush"), "{said}");
}

#[test]
fn debug_does_without_qemu_where_it_is_not_to_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, kernel) = (folder.path().join("gdb"), kernels::build("load-from-0"));
    let debug = ["--debug", "--socket", socket.to_str().unwrap(), "--kernel", kernel.to_str().unwrap(), "--"];
    let mut command = run_sh(&[&debug[..], &GO_BACK].concat());
    let output = command.env("QEMU", "no-such-qemu").env("NO_INSTALL", "1").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("no-such-qemu is missing and cannot be installed (NO_INSTALL is set)"), "{said}");
}

#[test]
fn wait_says_the_line_that_programs_wait_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, kernel) = (folder.path().join("gdb"), kernels::build("load-from-0"));
    let wait = ["--wait", "--embedded", "--socket", socket.to_str().unwrap(), "--kernel", kernel.to_str().unwrap()];
    let mut child = run_sh(&wait).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, format!("waiting for GDB on unix:{}\n", socket.display()));
    signal("TERM", child.id());
    assert_eq!(await_end(&mut child), Some(0));
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert!(!socket.exists());
}

#[test]
fn other_modes_have_no_embedded_machine() {
    for mode in ["--reverse", "--firmware", "--build"] {
        let output = run_sh(&[mode, "--embedded"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("--embedded needs --debug or --wait"));
    }
}
