//! The walk that each configuration with an adapter is held to: what the README promises to who presses F5.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::session::{Frame, Session};
use crate::workspace::{self, SourceLine, string, symbol, tool};

#[test]
fn gdbtarget() {
    let sandbox = Sandbox::new();
    let configuration = workspace::configuration("gdbtarget");
    let mut adapter = sandbox.command(tool("node"));
    adapter.arg(tool("node_modules/cdt-gdb-adapter/dist/debugTargetAdapter.js"));
    walk(&sandbox, configuration, adapter);
}

#[test]
fn gdb_dap() {
    let sandbox = Sandbox::new();
    let configuration = workspace::configuration("gdb-dap");
    let mut adapter = executable(&sandbox, &configuration);
    adapter.args(["-i", "dap", "-iex", "set debug dap-log-level 1"]).env("GDB", tool("gdb"));
    walk(&sandbox, configuration, adapter);
}

#[test]
fn lldb_dap() {
    let sandbox = Sandbox::new();
    let configuration = workspace::configuration("lldb-dap");
    let adapter = executable(&sandbox, &configuration);
    walk(&sandbox, configuration, adapter);
}

fn executable(sandbox: &Sandbox, configuration: &Value) -> Command {
    sandbox.command(string(configuration, "debugAdapterExecutable"))
}

fn walk(sandbox: &Sandbox, configuration: Value, adapter: Command) {
    let breakpoint = SourceLine::with("bss::clear();");
    let mut session = Session::start(sandbox, configuration, adapter, std::slice::from_ref(&breakpoint));

    assert_at_boot(&mut session);
    session.step_instruction();
    session.step_instruction();
    let sp = session.register("sp");
    assert_eq!(sp, Ok(symbol("__stack_top").0), "sp after the two instructions that set it");

    session.resume();
    let frame = session.await_stop();
    assert_eq!(frame.line.as_ref(), Some(&breakpoint), "the breakpoint in main: {frame:?}");
    let frame = session.step_line();
    assert_eq!(frame.line, Some(SourceLine { number: breakpoint.number + 1, ..breakpoint }), "a step over the clear");

    session.resume();
    thread::sleep(Duration::from_millis(200)); // the kernel needs less than one to get to where it idles
    let frame = session.pause();
    assert!(frame.function.contains("idle"), "paused in the idle loop: {frame:?}");

    session.stop();
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
