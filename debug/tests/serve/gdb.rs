//! Real GDB in batch mode on a served kernel: commands in, what it says out.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{PATIENCE, Server, await_end};

/// A GDB that executes these commands, then ends. It has loaded no file: the server tells it which.
pub fn spawn(server: &Server, commands: &[&str]) -> (Child, tempfile::NamedTempFile) {
    let output = tempfile::NamedTempFile::new().unwrap();
    let connect = format!("target remote {}", server.socket().display());
    let mut command = Command::new(testkit::gdb());
    command.args(["-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set width 0"]);
    command.args(["-ex", &connect]).args(commands.iter().flat_map(|command| ["-ex", command]));
    let file = output.reopen().unwrap();
    command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
    (command.current_dir(env!("HYPERVISOR_PROJECT")).spawn().unwrap(), output)
}

/// What it says to these commands.
pub fn run(server: &Server, commands: &[&str]) -> String {
    let (mut child, output) = spawn(server, commands);
    await_end(&mut child);
    let said = testkit::in_older_words(&fs::read_to_string(output.path()).unwrap());
    // Not even when it leaves.
    assert!(!said.contains("Remote communication error"), "{said}");
    said
}

/// As [`run`]; sees `expected` among what it says, in this order.
#[track_caller]
pub fn says(server: &Server, commands: &[&str], expected: &[&str]) -> String {
    let output = run(server, commands);
    let mut rest = output.as_str();
    for words in expected {
        let Some(at) = rest.find(words) else { panic!("{words:?} is not in\n{rest}\nwhich ends\n{output}") };
        rest = &rest[at + words.len()..];
    }
    output
}

/// Waits until a file is gone.
pub fn await_gone(path: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while path.exists() {
        assert!(Instant::now() < deadline, "{} is still there", path.display());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until GDB has written this.
pub fn await_text(path: &Path, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !fs::read_to_string(path).unwrap().contains(text) {
        assert!(Instant::now() < deadline, "{text:?} did not come");
        thread::sleep(Duration::from_millis(5));
    }
}
