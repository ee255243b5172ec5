//! The configuration for CodeLLDB (lldb): the extension is in no package registry, so this gives its commands to a real LLDB, in
//! CodeLLDB's order (github.com/vadimcn/codelldb, launch.rs): create the target, set breakpoints, attach, resume.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::session::end_machine;
use crate::task::Task;
use crate::workspace::{self, SourceLine, array, symbol, tool};

/// How long LLDB may take for all of it.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn commands() {
    let sandbox = Sandbox::new();
    let configuration = workspace::configuration("lldb");
    // With "launch" CodeLLDB would not resume, and would kill the machine at the end in place of leaving it.
    assert_eq!(configuration["request"], "attach");
    assert_ne!(configuration["stopOnEntry"], true, "it would stop in the ROM");
    let mut machine = Task::start(&sandbox, &workspace::task(&configuration["preLaunchTask"]));
    machine.await_ready().expect("the machine waits for LLDB");

    let breakpoint = SourceLine::with("bss::clear();");
    let mut lldb = sandbox.command(tool("lldb"));
    let answers = answers(lldb.args(["--no-lldbinit", "--no-use-colors"]), &script(&configuration, &breakpoint));

    let stops: Vec<&String> =
        answers.iter().filter(|(command, _)| command == "frame info").map(|(_, answer)| answer).collect();
    let [boot, main, idle] = &stops[..] else { panic!("three stops were expected: {answers:#?}") };
    let line = SourceLine::with("la sp, __stack_top").number;
    assert!(boot.contains(&format!("{:#018x} hypervisor.elf`boot at main.rs:{line}", symbol("boot").0)), "{boot}");
    assert!(main.contains("::main") && main.contains(&format!("main.rs:{}", breakpoint.number)), "{main}");
    assert!(idle.contains("idle"), "paused in the idle loop: {idle}");
    let sp = &answers.iter().find(|(command, _)| command == "register read sp").expect("it was asked for").1;
    assert!(sp.contains(&format!("sp = {:#018x}", symbol("__stack_top").0)), "{sp}");

    end_machine(&configuration, machine);
    sandbox.assert_empty();
}

fn script(configuration: &Value, breakpoint: &SourceLine) -> String {
    let lines = |key| {
        array(configuration, key)
            .iter()
            .map(|line| line.as_str().expect("a command").to_owned() + "\n")
            .collect::<String>()
    };
    let (create, attach) = (lines("targetCreateCommands"), lines("processCreateCommands"));
    let SourceLine { file, number } = breakpoint;
    format!(
        "script lldb.debugger.SetAsync(False)\n{create}breakpoint set --file '{}' --line {number}\n{attach}continue\nframe info\n\
         thread step-inst\nthread step-inst\nregister read sp\ncontinue\nframe info\n\
         script import time; lldb.debugger.SetAsync(True); lldb.process.Continue(); time.sleep(0.2); lldb.process.Stop()\n\
         frame info\ndetach\nquit\n",
        file.display(),
    )
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
