//! The walk that each configuration with an adapter is held to: what the README promises to who presses F5. And on a machine that
//! can go back, the way back.

use std::process::Command;
use std::thread;
use std::time::Duration;

use debug::Address;
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::session::{Frame, Session};
use crate::workspace::{self, EMBEDDED, FOLDER, QEMU, SourceLine, string, symbol, tool};

#[test]
fn gdbtarget() {
    let sandbox = Sandbox::new();
    let mut adapter = sandbox.command(tool("node"));
    adapter.arg(tool("node_modules/cdt-gdb-adapter/dist/debugTargetAdapter.js"));
    walk(&sandbox, workspace::configuration("gdbtarget", QEMU), adapter).stop();
}

#[test]
fn gdb_dap() {
    let sandbox = Sandbox::new();
    let configuration = workspace::configuration("gdb-dap", QEMU);
    let adapter = gdb_s_own(&sandbox, &configuration);
    walk(&sandbox, configuration, adapter).stop();
}

#[test]
fn gdb_dap_on_the_embedded_machine() {
    let sandbox = Sandbox::new();
    let configuration = workspace::configuration("gdb-dap", EMBEDDED);
    let adapter = gdb_s_own(&sandbox, &configuration);
    let mut session = walk(&sandbox, configuration, adapter);
    walk_back(&mut session);
    session.stop();
}

#[test]
fn lldb_dap() {
    let sandbox = Sandbox::new();
    let configuration = workspace::configuration("lldb-dap", QEMU);
    let adapter = executable(&sandbox, &configuration);
    walk(&sandbox, configuration, adapter).stop();
}

#[test]
fn gdbtarget_shows_each_hart() {
    let sandbox = Sandbox::new();
    let mut adapter = sandbox.command(tool("node"));
    adapter.arg(tool("node_modules/cdt-gdb-adapter/dist/debugTargetAdapter.js"));
    each_hart(&sandbox, workspace::configuration("gdbtarget", QEMU), adapter);
}

#[test]
fn gdb_dap_shows_each_hart_of_the_embedded_machine() {
    let sandbox = Sandbox::new();
    let configuration = workspace::configuration("gdb-dap", EMBEDDED);
    let adapter = gdb_s_own(&sandbox, &configuration);
    each_hart(&sandbox, configuration, adapter);
}

/// GDB may change what the buttons are made of.
#[test]
fn gdb_dap_does_without_buttons_where_gdb_is_made_otherwise() {
    let mut gdb = Command::new(tool("gdb"));
    gdb.args(["-nx", "-batch", "-ex", "python import sys; sys.modules['gdb.dap'] = None"]);
    gdb.args(["-x", ".vscode/gdb-dap.py", "-ex", "python show_buttons()", "-ex", "echo went on"]);
    let output = gdb.current_dir(&*FOLDER).output().expect("install.sh has put it there");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.starts_with("no buttons to go back: ") && words.lines().count() == 1, "{words}");
    assert_eq!(output.stdout, b"went on");
}

fn gdb_s_own(sandbox: &Sandbox, configuration: &Value) -> Command {
    let mut adapter = executable(sandbox, configuration);
    adapter.args(["-i", "dap", "-iex", "set debug dap-log-level 1"]).env("GDB", tool("gdb"));
    adapter
}

fn executable(sandbox: &Sandbox, configuration: &Value) -> Command {
    sandbox.command(string(configuration, "debugAdapterExecutable"))
}

/// From F5 to where the kernel idles, in a session that is still there.
fn walk(sandbox: &Sandbox, configuration: Value, adapter: Command) -> Session<'_> {
    let breakpoint = SourceLine::with("bss::clear();");
    let goes_back = configuration["preLaunchTask"] == EMBEDDED;
    let mut session = Session::start(sandbox, configuration, adapter, std::slice::from_ref(&breakpoint));

    assert_at_boot(&mut session);
    assert_eq!(session.can_step_back(), goes_back, "the buttons that go back");
    session.step_instruction();
    session.step_instruction();
    let sp = session.register("sp");
    assert_eq!(sp, Ok(symbol("__stack_top").0), "sp after the two instructions that set it");

    session.resume();
    let frame = session.await_stop();
    assert_eq!(frame.line.as_ref(), Some(&breakpoint), "the breakpoint in main: {frame:?}");
    let frame = session.step_line();
    assert_eq!(frame.line, Some(breakpoint.next()), "a step over the clear");

    session.resume();
    thread::sleep(Duration::from_millis(200)); // the kernel needs less than one to get to where it idles
    let frame = session.pause();
    assert!(frame.function.contains("idle"), "paused in the idle loop: {frame:?}");
    session
}

/// Two harts in the Call Stack view: the one that boots at `boot`, and one that nobody has started.
fn each_hart(sandbox: &Sandbox, configuration: Value, adapter: Command) {
    let mut task = workspace::task(&configuration["preLaunchTask"]);
    let arguments = task["args"].as_array_mut().expect("the task has arguments");
    arguments.extend(["--smp", "2"].map(Value::from));
    let mut session = Session::start_with_task(sandbox, configuration, &task, adapter, &[]);
    assert_at_boot(&mut session);
    let stacks = session.call_stacks();
    let at_boot = |frame: &Frame| frame.pc == Some(symbol("boot"));
    assert_eq!(stacks.len(), 2, "{stacks:?}");
    assert!(
        stacks.iter().any(|(_, frame)| at_boot(frame)) && stacks.iter().any(|(_, frame)| !at_boot(frame)),
        "{stacks:?}"
    );
    session.stop();
}

/// From where the kernel idles back to its first instruction, and over the same places again.
fn walk_back(session: &mut Session) {
    let breakpoint = SourceLine::with("bss::clear();");
    let (entry, top) = (symbol("boot").0, symbol("__stack_top").0);

    let in_main = session.reverse();
    assert_eq!(in_main.line.as_ref(), Some(&breakpoint), "back on the breakpoint in main: {in_main:?}");
    let sp = session.register("sp");
    assert_eq!(session.step_line().line, Some(breakpoint.next()), "forwards again, over the clear");
    assert_eq!((session.step_back_line(), session.register("sp")), (in_main, sp), "back over the clear");

    let frame = session.reverse();
    assert_eq!(frame.pc, Some(Address(entry)), "back where the machine started: {frame:?}");
    let before = session.register("sp");
    session.step_instruction();
    let frame = session.step_instruction();
    assert_eq!((frame.pc, session.register("sp")), (Some(Address(entry + 8)), Ok(top)), "{frame:?}");
    let frame = session.step_back_instruction();
    assert_eq!((frame.pc, session.register("sp")), (Some(Address(entry + 4)), Ok(upper(entry, top))), "{frame:?}");
    let frame = session.step_back_instruction();
    assert_eq!((frame.pc, session.register("sp")), (Some(Address(entry)), before), "{frame:?}");

    session.resume();
    let again = session.await_stop();
    assert_eq!(again.line.as_ref(), Some(&breakpoint), "{again:?}");
    let frame = session.step_back_line();
    assert_eq!(frame.line, Some(SourceLine::with("\"j {main}\"")), "back out of main: {frame:?}");
    assert_eq!((frame.pc, session.register("sp")), (Some(Address(entry + 8)), Ok(top)), "{frame:?}");
}

/// What the first of the two instructions of `la sp, __stack_top`, an auipc at `entry`, leaves in sp: all but the lower 12 bits,
/// which the second adds with their sign.
fn upper(entry: u64, top: u64) -> u64 {
    entry + ((top - entry + 0x800) & !0xfff)
}

/// F5 ends here. Before that, an adapter may show that it is attached, in the ROM.
fn assert_at_boot(session: &mut Session) {
    let entry = symbol("boot");
    let mut frame = session.await_stop();
    if frame.pc.is_some_and(|pc| pc.0 < 0x8000_0000) {
        frame = session.await_stop();
    }
    let Frame { function, pc, line } = &frame;
    assert_eq!(*pc, Some(entry), "{frame:?}");
    assert!(function.contains("boot"), "{frame:?}");
    assert_eq!(line.as_ref(), Some(&SourceLine::with("la sp, __stack_top")), "{frame:?}");
}
