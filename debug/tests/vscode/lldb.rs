//! The configurations for CodeLLDB (lldb): the extension is in no package registry, so this gives its commands to a real LLDB, in
//! CodeLLDB's order (github.com/vadimcn/codelldb, launch.rs): create the target, set breakpoints, attach, resume or not. And what
//! its buttons Step Back and Reverse send (debug_session.rs there).

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::session::end_machine;
use crate::task::Task;
use crate::workspace::{self, EMBEDDED, QEMU, SourceLine, array, symbol, tool};

/// How long LLDB may take for all of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// From `boot` to where the kernel idles.
const WALK: &str = "frame info\nthread step-inst\nthread step-inst\nregister read sp\ncontinue\nframe info\n\
    script import time; lldb.debugger.SetAsync(True); lldb.process.Continue(); time.sleep(0.2); lldb.process.Stop()\n\
    script lldb.debugger.SetAsync(False)\nframe info\n";

/// The buttons that go back. LLDB shows where it is only after a step of its own: they go back by one more instruction, and step.
const STEP_BACK: &str =
    "process plugin packet send Hc1\nprocess plugin packet send bs\nprocess plugin packet send bs\nstepi\n";
const REVERSE: &str =
    "process plugin packet send Hc1\nprocess plugin packet send bc\nprocess plugin packet send bs\nstepi\n";

#[test]
fn commands() {
    let configuration = workspace::configuration("lldb", QEMU);
    assert_ne!(configuration["stopOnEntry"], true, "it would stop in the ROM");
    let said = session(&configuration, &format!("continue\n{WALK}"));
    assert_walk(&said);
}

#[test]
fn commands_on_the_embedded_machine() {
    let configuration = workspace::configuration("lldb", EMBEDDED);
    assert_ne!(configuration["stopOnEntry"], true, "it would stop in the ROM");
    assert_eq!(configuration["reverseDebugging"], true, "there would be no buttons that go back");
    let pc = "register read pc\n";
    let said = session(
        &configuration,
        &format!("continue\n{WALK}{REVERSE}frame info\n{pc}stepi\n{pc}{STEP_BACK}frame info\n{pc}"),
    );
    assert_walk(&said);

    let stops = said.answers("frame info");
    let [_, main, _, reversed, stepped_back] = &stops[..] else { panic!("five stops were expected: {said:#?}") };
    assert_eq!((reversed, stepped_back), (main, main), "back on the breakpoint in main, in both ways");
    let [reversed, stepped, stepped_back] = &said.answers(pc.trim_end())[..] else {
        panic!("three were asked for: {said:#?}")
    };
    assert_eq!(reversed, stepped_back);
    assert_ne!(reversed, stepped, "else there was nothing to go back over");
}

/// LLDB's answer to each command.
#[derive(Debug)]
struct Said(Vec<(String, String)>);

impl Said {
    fn answers(&self, command: &str) -> Vec<&String> {
        self.0.iter().filter(|(sent, _)| sent == command).map(|(_, answer)| answer).collect()
    }
}

/// A session from F5 to Stop, with a breakpoint in `main`, and these commands once it is attached.
fn session(configuration: &Value, walk: &str) -> Said {
    let sandbox = Sandbox::new();
    // With "launch" CodeLLDB would not resume, and would kill the machine at the end in place of leaving it.
    assert_eq!(configuration["request"], "attach");
    let mut machine = Task::start(&sandbox, &workspace::task(&configuration["preLaunchTask"]));
    machine.await_ready().expect("the machine waits for LLDB");

    let lines = |key| {
        array(configuration, key)
            .iter()
            .map(|line| line.as_str().expect("a command").to_owned() + "\n")
            .collect::<String>()
    };
    let (create, attach) = (lines("targetCreateCommands"), lines("processCreateCommands"));
    let SourceLine { file, number } = breakpoint();
    let script = format!(
        "script lldb.debugger.SetAsync(False)\n{create}breakpoint set --file '{}' --line {number}\n{attach}{walk}detach\nquit\n",
        file.display(),
    );
    let mut lldb = sandbox.command(tool("lldb"));
    let said = Said(answers(lldb.args(["--no-lldbinit", "--no-use-colors"]), &script));

    end_machine(configuration, machine);
    sandbox.assert_empty();
    said
}

fn breakpoint() -> SourceLine {
    SourceLine::with("bss::clear();")
}

fn assert_walk(said: &Said) {
    let stops = said.answers("frame info");
    let [boot, main, idle, ..] = &stops[..] else { panic!("three stops were expected: {said:#?}") };
    let line = SourceLine::with("la sp, __stack_top").number;
    assert!(boot.contains(&format!("{:#018x} hypervisor.elf`boot at main.rs:{line}", symbol("boot").0)), "{boot}");
    assert!(main.contains("::main") && main.contains(&format!("main.rs:{}", breakpoint().number)), "{main}");
    assert!(idle.contains("idle"), "paused in the idle loop: {idle}");
    let sp = said.answers("register read sp")[0];
    assert!(sp.contains(&format!("sp = {:#018x}", symbol("__stack_top").0)), "{sp}");
}

/// LLDB's answer to each command: it repeats the command behind its prompt.
fn answers(lldb: &mut Command, script: &str) -> Vec<(String, String)> {
    let mut child =
        lldb.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("LLDB starts");
    child.stdin.take().expect("it is a pipe").write_all(script.as_bytes()).expect("LLDB listens");
    let process = child.id();
    let reader = thread::spawn(move || child.wait_with_output());
    let deadline = Instant::now() + PATIENCE;
    while !reader.is_finished() {
        assert!(
            Instant::now() < deadline,
            "LLDB ({process}) did not end within {PATIENCE:?}: it waits for a stop that does not come"
        );
        thread::sleep(Duration::from_millis(5));
    }
    let output = reader.join().expect("it does not panic").expect("it is our child");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let parts = text.split("(lldb) ").filter_map(|part| part.split_once('\n'));
    parts.map(|(command, answer)| (command.to_owned(), answer.to_owned())).collect()
}
