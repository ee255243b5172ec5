//! The configuration for C/C++ (cppdbg): its adapter may be run by Microsoft's editors only, so this sends to a real GDB what the
//! adapter's engine (github.com/microsoft/MIEngine, DebuggedProcess.cs) sends, in its order, and holds GDB to what it expects.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::session::end_machine;
use crate::task::Task;
use crate::workspace::{self, QEMU, SourceLine, string, symbol};

/// How long GDB may take to answer, or to say that the machine stopped.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn commands() {
    let sandbox = Sandbox::new();
    let configuration = workspace::configuration("cppdbg", QEMU);
    let mut machine = Task::start(&sandbox, &workspace::task(&configuration["preLaunchTask"]));
    machine.await_ready().expect("the machine waits for GDB");
    let mut gdb = Gdb::start(&sandbox, &configuration);

    gdb.launch(&configuration);
    let breakpoint = SourceLine::with("bss::clear();");
    gdb.done(&format!("-break-insert -f {}:{}", breakpoint.file.display(), breakpoint.number));
    gdb.go_to_entry();
    assert_eq!(gdb.sp_after_two_instructions(), symbol("__stack_top").0);

    let stop = gdb.resume("-exec-continue");
    assert_eq!((stop.reason(), stop.line()), ("breakpoint-hit", Some(breakpoint)), "{stop:?}");
    gdb.running("-exec-continue");
    thread::sleep(Duration::from_millis(200));
    gdb.done("-exec-interrupt");
    let stop = gdb.await_stop();
    assert_eq!((stop.reason(), stop.field("signal-name")), ("signal-received", Some("SIGINT")), "{stop:?}");
    assert!(stop.field("func").is_some_and(|function| function.contains("idle")), "{stop:?}");

    gdb.end();
    end_machine(&configuration, machine);
    sandbox.assert_empty();
}

struct Gdb {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    token: u32,
    transcript: String,
    stop: Option<Stop>,
    main: Option<String>,
}

/// A `*stopped` record of GDB/MI (GDB's manual, "GDB/MI Async Records").
#[derive(Debug)]
struct Stop(String);

impl Gdb {
    fn start(sandbox: &Sandbox, configuration: &Value) -> Gdb {
        let mut command = sandbox.command(string(configuration, "miDebuggerPath"));
        command.arg("--interpreter=mi").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take().expect("it is a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Gdb { child, stdin, lines, token: 1000, transcript: String::new(), stop: None, main: None }
    }

    /// Sends what the configuration makes the engine send before it resumes the program.
    fn launch(&mut self, configuration: &Value) {
        for unknown in ["args", "environment", "customLaunchSetupCommands", "launchCompleteCommand", "stopAtConnect"] {
            assert!(configuration.get(unknown).is_none(), "this test does not know what {unknown} would change");
        }
        assert_eq!(configuration["stopAtEntry"], true, "the engine would go on at the entry");
        self.done("-gdb-set target-async on");
        self.console(&configuration["setupCommands"]);
        self.done("-interpreter-exec console \"set pagination off\"");
        self.done(&format!("-environment-cd {}", string(configuration, "cwd")));
        self.done(&format!("-file-exec-and-symbols {}", string(configuration, "program")));
        self.done("-interpreter-exec console \"show architecture\"");
        // Whatever the configuration says. Whether GDB finds ours by that name depends on its version; where not, the engine goes on.
        self.main =
            self.result("-break-insert main").ok().and_then(|result| Some(field(&result, "number")?.to_owned()));
        self.done(&format!("-target-select remote {}", string(configuration, "miDebuggerServerAddress")));
        self.console(&configuration["postRemoteConnectCommands"]);
    }

    /// The engine goes on from a first stop without a reason and a source file, and takes the first breakpoint that is hit for the
    /// program's entry: it removes its own, and stops there because of `stopAtEntry`.
    fn go_to_entry(&mut self) {
        let connected = self.await_stop();
        assert_eq!((connected.field("reason"), connected.field("file")), (None, None), "{connected:?}");
        let entry = self.resume("-exec-continue");
        assert_eq!(entry.reason(), "breakpoint-hit", "{entry:?}");
        assert_eq!(entry.pc(), Some(symbol("boot").0), "{entry:?}");
        assert_eq!(entry.field("func"), Some("boot"), "{entry:?}");
        assert_eq!(entry.line(), Some(SourceLine::with("la sp, __stack_top")), "{entry:?}");
        if let Some(main) = self.main.take() {
            self.done(&format!("-break-delete {main}"));
        }
    }

    /// Reads sp as the Registers view does: all registers, by numbers that have names elsewhere.
    fn sp_after_two_instructions(&mut self) -> u64 {
        for _ in 0..2 {
            let stop = self.resume("-exec-step-instruction --thread 1");
            assert_eq!(stop.reason(), "end-stepping-range", "{stop:?}");
        }
        let names = self.done("-data-list-register-names");
        let names = names.split_once('[').expect("names stand in brackets").1.split(',');
        let number = names.map(|name| name.trim_matches('"')).position(|name| name == "sp").expect("there is an sp");
        let values = self.done("-data-list-register-values --thread 1 --frame 0 x");
        let value = values.split_once(&format!("{{number=\"{number}\",value=\"0x")).expect("sp has a value").1;
        u64::from_str_radix(value.split('"').next().expect("it ends"), 16).expect("it is a number")
    }

    /// Stop. The engine kills what it launched, and that is QEMU.
    fn end(mut self) {
        self.done("-interpreter-exec console \"kill\"");
        writeln!(self.stdin, "-gdb-exit").expect("GDB listens");
        self.child.wait().expect("it is our child");
    }

    fn console(&mut self, commands: &Value) {
        for command in commands.as_array().into_iter().flatten() {
            let text = string(command, "text").replace('\\', "\\\\").replace('"', "\\\"");
            self.done(&format!("-interpreter-exec console \"{text}\""));
        }
    }

    #[track_caller]
    fn resume(&mut self, command: &str) -> Stop {
        self.running(command);
        self.await_stop()
    }

    #[track_caller]
    fn running(&mut self, command: &str) {
        let result = self.result(command);
        assert!(result.is_ok_and(|result| result.starts_with("running")), "{command}\n{}", self.transcript);
    }

    #[track_caller]
    fn done(&mut self, command: &str) -> String {
        self.result(command).unwrap_or_else(|error| panic!("{command}: {error}\n{}", self.transcript))
    }

    /// Sends a command, and returns its result or its error.
    #[track_caller]
    fn result(&mut self, command: &str) -> Result<String, String> {
        self.token += 1;
        let token = self.token.to_string();
        writeln!(self.stdin, "{token}{command}").expect("GDB listens");
        self.transcript += &format!("-> {token}{command}\n");
        loop {
            let line = self.line(&format!("a result of {command}"));
            if let Some(result) = line.strip_prefix(&token).and_then(|line| line.strip_prefix('^')) {
                return if result.starts_with("error") { Err(result.to_owned()) } else { Ok(result.to_owned()) };
            }
        }
    }

    #[track_caller]
    fn await_stop(&mut self) -> Stop {
        loop {
            if let Some(stop) = self.stop.take() {
                return stop;
            }
            self.line("a stop");
        }
    }

    #[track_caller]
    fn line(&mut self, what: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.transcript += &format!("<- {line}\n");
                if let Some(stop) = line.strip_prefix("*stopped") {
                    self.stop = Some(Stop(stop.to_owned()));
                }
                line
            }
            Err(RecvTimeoutError::Timeout) => panic!("{what} did not come within {PATIENCE:?}:\n{}", self.transcript),
            Err(RecvTimeoutError::Disconnected) => panic!("GDB ended before {what}:\n{}", self.transcript),
        }
    }
}

impl Stop {
    fn field(&self, name: &str) -> Option<&str> {
        field(&self.0, name)
    }

    fn reason(&self) -> &str {
        self.field("reason").unwrap_or_default()
    }

    fn pc(&self) -> Option<u64> {
        u64::from_str_radix(self.field("addr")?.strip_prefix("0x")?, 16).ok()
    }

    fn line(&self) -> Option<SourceLine> {
        Some(SourceLine { file: self.field("fullname")?.into(), number: self.field("line")?.parse().ok()? })
    }
}

fn field<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    let field = Regex::new(&format!("[,{{]{name}=\"([^\"]*)\"")).expect("a regular expression");
    field.captures(record).map(|captures| captures.get(1).expect("it has one group").as_str())
}
