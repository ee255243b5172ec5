//! `cargo debug run`: by itself, as cargo's runner, on a terminal.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::termios::{LocalModes, tcgetattr};

use crate::{PROGRAM, Project, ended, stderr};

#[test]
fn the_console_is_here_and_the_exit_status_is_the_kernels() {
    the_console_and_the_status_on("qemu");
}

#[test]
fn on_the_embedded_machine_as_well() {
    the_console_and_the_status_on("embedded");
    let project = Project::new("make");
    ended(&project.debug(&["init"]), 0);
    let output = project.debug(&["run", "--on", "embedded", "--timeout", "2"]);
    ended(&output, 1);
    let said = stderr(&output);
    assert!(
        said.contains("has not ended within 2 s; try: ") || said.contains("waits for an interrupt that never comes"),
        "{said}"
    );
    let output = project.debug(&["run", "--on", "embedded", "--expect", "hello from C", "--record", "run.rec"]);
    ended(&output, 0);
    let output = project.debug(&["ask", "--replay", "run.rec", "why"]);
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", stderr(&output));
}

fn the_console_and_the_status_on(machine: &str) {
    let project = Project::new("cargo");
    let run = |more: &[&str]| project.debug(&[&["run", "--on", machine], more].concat());
    let output = run(&[]);
    assert!(ended(&output, 0).trim_end().ends_with("booted"), "{}", stderr(&output));
    // With the words behind which it would go on.
    ended(&run(&["--expect", "booted", "--forbid", "panicked"]), 0);
    let output = run(&["--forbid", "booted"]);
    ended(&output, 1);
    assert!(stderr(&output).contains("the kernel printed forbidden text: booted"), "{}", stderr(&output));
    // A firmware's banner says OpenSBI; the kernel does not.
    let output = run(&["--expect", "OpenSBI"]);
    ended(&output, 1);
    assert!(stderr(&output).contains("did not print what was expected: OpenSBI"), "{}", stderr(&output));
}

#[test]
fn a_kernel_that_goes_on_ends_when_time_is_up_or_it_has_said_its_word() {
    let project = Project::new("make");
    ended(&project.debug(&["init"]), 0);
    let output = project.debug(&["run", "--timeout", "2"]);
    ended(&output, 1);
    assert!(stderr(&output).contains("the kernel has not ended within 2 s; try: "), "{}", stderr(&output));
    ended(&project.debug(&["run", "--expect", "hello from C"]), 0);
}

#[test]
fn it_is_cargos_runner() {
    let project = Project::new("cargo");
    let output = project.command("cargo").arg("run").output().unwrap();
    assert!(ended(&output, 0).trim_end().ends_with("booted"));
    let output = project.command("cargo").arg("test").output().unwrap();
    ended(&output, 0);
    let test = project.read("tests/exits.rs");
    project.write("tests/exits.rs", &test.replace("0x5555", "0x73333")); // failed, with the number 7
    let output = project.command("cargo").arg("test").output().unwrap();
    assert!(!output.status.success() && stderr(&output).contains("exit status: 7"), "{}", stderr(&output));
    // What the project expects of its kernel, its tests need not say.
    project.write("tests/exits.rs", &test);
    project.write("debug.toml", "expect = \"booted\"\n");
    ended(&project.command("cargo").arg("test").output().unwrap(), 0);
}

#[test]
#[cfg(target_os = "linux")] // whose setsid has -c
fn on_a_terminal_each_key_is_the_kernels_and_ctrl_a_x_leaves() {
    let project = Project::new("make");
    ended(&project.debug(&["init"]), 0);
    ended(&project.debug(&["check"]), 0);
    let (terminal, name) = new_terminal();
    let other_end = || fs::OpenOptions::new().read(true).write(true).open(&name).unwrap();
    let is_raw = |end: &fs::File| !tcgetattr(end).unwrap().local_modes.contains(LocalModes::ICANON);
    let watched = other_end();
    assert!(!is_raw(&watched));
    // The terminal is the program's own, as a shell makes it.
    let mut command = project.command("setsid");
    command.args(["-c", "-w", PROGRAM, "run"]).stdin(Stdio::from(other_end())).stdout(other_end()).stderr(other_end());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut terminal = fs::File::from(terminal);
    let (mut shown, mut bytes) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&shown).contains("hello from C") {
        let count = terminal.read(&mut bytes).unwrap();
        shown.extend(&bytes[..count]);
    }
    assert!(is_raw(&watched), "each key is the kernel's");
    terminal.write_all(b"\x01x").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!is_raw(&watched), "the terminal is as it was");
}

/// A new terminal: its side, and the path of the program's.
#[cfg(target_os = "linux")]
fn new_terminal() -> (std::os::fd::OwnedFd, String) {
    let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&terminal).unwrap();
    rustix::pty::unlockpt(&terminal).unwrap();
    let name = rustix::pty::ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    (terminal, name)
}

#[test]
#[cfg(target_os = "linux")] // whose setsid has -c
fn after_sigkill_the_terminal_is_as_it_was() {
    use testkit::processes::await_some;
    let project = Project::new("make");
    ended(&project.debug(&["init"]), 0);
    for arguments in ["run", "serve --listen unix:stub"] {
        let (terminal, name) = new_terminal();
        let other_end = || fs::OpenOptions::new().read(true).write(true).open(&name).unwrap();
        let is_raw = |end: &fs::File| !tcgetattr(end).unwrap().local_modes.contains(LocalModes::ICANON);
        let watched = other_end();
        // The terminal outlives the program, as it does under a shell.
        let script = format!("sh -c 'echo $$ >pid; exec \"$0\" {arguments}' \"$0\"; read -r _");
        let mut command = project.command("setsid");
        command.args(["-c", "-w", "sh", "-c", &script, PROGRAM]);
        command.stdin(Stdio::from(other_end())).stdout(other_end()).stderr(other_end());
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut terminal = fs::File::from(terminal);
        await_some("the terminal is the kernel's", || is_raw(&watched).then_some(()));
        let program = rustix::process::Pid::from_raw(project.read("pid").trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(program, rustix::process::Signal::KILL).unwrap();
        await_some(&format!("the terminal is as it was before {arguments}"), || (!is_raw(&watched)).then_some(()));
        terminal.write_all(b"\n").unwrap();
        child.wait().unwrap();
    }
}
