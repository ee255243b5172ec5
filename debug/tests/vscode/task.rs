//! A task of tasks.json, run as VS Code runs it: in a terminal, watched by its problem matcher, ended by closing the terminal.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::workspace::{array, string};

/// How long a background task may take to get ready: it builds the kernel, and for the embedded machine this project.
const PATIENCE: Duration = Duration::from_secs(300);

pub struct Task {
    child: Child,
    terminal: File,
    lines: Receiver<String>,
    output: String,
    ready: Regex,
}

impl Task {
    pub fn start(sandbox: &Sandbox, task: &Value) -> Task {
        assert_eq!(task["type"], "process", "this test knows no other type of task");
        assert_eq!(task["isBackground"], true, "VS Code would wait for the end of {task}");
        let (terminal, other_end) = open_terminal();
        let mut command = sandbox.command("setsid");
        command.arg("--ctty").arg(string(task, "command"));
        command.args(array(task, "args").iter().map(|argument| argument.as_str().expect("arguments are strings")));
        let (stdout, stderr) = (other_end.try_clone(), other_end.try_clone());
        command.stdout(stdout.expect("a file")).stderr(stderr.expect("a file")).stdin(other_end);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = read_lines(terminal.try_clone().expect("a file"));
        Task { child, terminal, lines, output: String::new(), ready: end_pattern(task) }
    }

    /// Waits for the end pattern; an error is what the task printed when it ended without.
    pub fn await_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.output += &format!("{line}\n");
                    if self.ready.is_match(&line) {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.output.clone()),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no line like {} within {PATIENCE:?}, but:\n{}", self.ready, self.output)
                }
            }
        }
    }

    /// What `workbench.action.tasks.terminate` does.
    pub fn terminate(mut self) {
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process has a number");
        let _ = kill_process(process, Signal::HUP);
        drop(self.terminal);
        self.child.wait().expect("it is our child");
    }

    /// How it ended by itself.
    pub fn status(mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }
}

fn end_pattern(task: &Value) -> Regex {
    let pattern = string(&task["problemMatcher"]["background"], "endsPattern");
    Regex::new(pattern).unwrap_or_else(|error| panic!("{error}"))
}

/// Both ends of a new pseudo-terminal (pty(7)).
fn open_terminal() -> (File, File) {
    let terminal =
        openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal is to be had");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("the terminal is ours");
    let name = ptsname(&terminal, Vec::new()).expect("the terminal has a name").into_bytes();
    let nobody_s = OFlags::NOCTTY.bits().cast_signed(); // it is to be the task's controlling terminal, not ours
    let other_end = File::options().read(true).write(true).custom_flags(nobody_s).open(OsString::from_vec(name));
    (terminal.into(), other_end.expect("the terminal's name can be opened"))
}

/// The lines that a terminal shows, without colours.
fn read_lines(terminal: File) -> Receiver<String> {
    let colours = Regex::new("\x1b\\[[0-9;?]*[A-Za-z]").expect("a regular expression");
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(terminal);
        let mut line = Vec::new();
        // The end shows as an error, EIO.
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line);
            if sender.send(colours.replace_all(text.trim_end(), "").into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}
