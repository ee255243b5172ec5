//! A debug session as VS Code holds one: what F5, the buttons, the gutter and the Registers view send to an adapter, in VS
//! Code's order.

use std::path::PathBuf;
use std::process::Command;

use debug::Address;
use serde_json::{Value, json};

use crate::dap::Adapter;
use crate::sandbox::Sandbox;
use crate::task::Task;
use crate::workspace::{self, SourceLine, array, string};

pub struct Session<'a> {
    sandbox: &'a Sandbox,
    configuration: Value,
    capabilities: Value,
    machine: Task,
    adapter: Adapter,
    thread: Value,
    frame: Value,
}

/// The innermost frame at a stop: where VS Code puts its arrow.
#[derive(Debug, PartialEq)]
pub struct Frame {
    pub function: String,
    pub pc: Option<Address>,
    pub line: Option<SourceLine>,
}

impl<'a> Session<'a> {
    /// F5, with breakpoints in the gutter. Up to where the adapter has answered that it is attached.
    pub fn start(
        sandbox: &'a Sandbox,
        configuration: Value,
        adapter: Command,
        breakpoints: &[SourceLine],
    ) -> Session<'a> {
        let task = workspace::task(&configuration["preLaunchTask"]);
        Session::start_with_task(sandbox, configuration, &task, adapter, breakpoints)
    }

    /// As [`start`](Session::start), for who has changed the task that starts the machine.
    pub fn start_with_task(
        sandbox: &'a Sandbox,
        configuration: Value,
        task: &Value,
        adapter: Command,
        breakpoints: &[SourceLine],
    ) -> Session<'a> {
        let mut machine = Task::start(sandbox, task);
        machine.await_ready().unwrap_or_else(|output| panic!("the preLaunchTask ended: {output}"));
        let mut adapter = Adapter::start(adapter);
        let capabilities = adapter.request("initialize", introduction(string(&configuration, "type")));
        let request = string(&configuration, "request").to_owned();
        let attached = adapter.send(&request, configuration.clone());
        adapter.event("initialized");
        for line in breakpoints {
            set_breakpoint(&mut adapter, line);
        }
        adapter.request("setFunctionBreakpoints", json!({"breakpoints": []}));
        adapter.request("setExceptionBreakpoints", json!({"filters": []}));
        adapter.request("configurationDone", json!({}));
        if let Err(error) = adapter.response(attached) {
            adapter.fail(&format!("{request}: {error}"));
        }
        let (thread, frame) = (Value::Null, Value::Null);
        Session { sandbox, configuration, capabilities, machine, adapter, thread, frame }
    }

    /// Waits until the program stops, and looks where. As for VS Code, the last stop counts: by the time that somebody looks, the
    /// program may run again, or have stopped again.
    #[track_caller]
    pub fn await_stop(&mut self) -> Frame {
        loop {
            let stop = self.adapter.event("stopped");
            let frame = self.look(&stop["threadId"]);
            if let Ok(frame) = frame
                && !self.adapter.has_event("stopped")
            {
                (self.thread, self.frame) = (stop["threadId"].clone(), frame);
                return Frame::from(&self.frame);
            }
        }
    }

    /// The innermost frame.
    #[track_caller]
    fn look(&mut self, thread: &Value) -> Result<Value, String> {
        let threads = self.adapter.send("threads", json!({}));
        self.adapter.response(threads)?;
        let trace = self.adapter.send("stackTrace", json!({"threadId": thread, "startFrame": 0, "levels": 20}));
        Ok(array(&self.adapter.response(trace)?, "stackFrames").swap_remove(0))
    }

    /// The Call Stack view: each thread's name, with its innermost frame.
    #[track_caller]
    pub fn call_stacks(&mut self) -> Vec<(String, Frame)> {
        let threads = array(&self.adapter.request("threads", json!({})), "threads");
        let innermost = |thread: Value| {
            let arguments = json!({"threadId": thread["id"], "startFrame": 0, "levels": 20});
            let frame = array(&self.adapter.request("stackTrace", arguments), "stackFrames").swap_remove(0);
            (string(&thread, "name").to_owned(), Frame::from(&frame))
        };
        threads.into_iter().map(innermost).collect()
    }

    /// A step in the disassembly view.
    #[track_caller]
    pub fn step_instruction(&mut self) -> Frame {
        self.adapter.request("stepIn", json!({"threadId": self.thread, "granularity": "instruction"}));
        self.await_stop()
    }

    #[track_caller]
    pub fn step_line(&mut self) -> Frame {
        self.adapter.request("next", json!({"threadId": self.thread, "granularity": "statement"}));
        self.await_stop()
    }

    #[track_caller]
    pub fn resume(&mut self) {
        self.adapter.request("continue", json!({"threadId": self.thread}));
    }

    /// Whether VS Code shows the buttons Step Back and Reverse. An adapter may say so once it knows the machine.
    pub fn can_step_back(&mut self) -> bool {
        while self.adapter.has_event("capabilities") {
            let mut event = self.adapter.event("capabilities");
            let changed = event["capabilities"].as_object_mut().expect("they are an object");
            self.capabilities.as_object_mut().expect("they are an object").append(changed);
        }
        self.capabilities["supportsStepBack"] == true
    }

    /// The button Step Back, in the disassembly view.
    #[track_caller]
    pub fn step_back_instruction(&mut self) -> Frame {
        self.adapter.request("stepBack", json!({"threadId": self.thread, "granularity": "instruction"}));
        self.await_stop()
    }

    /// The button Step Back.
    #[track_caller]
    pub fn step_back_line(&mut self) -> Frame {
        self.adapter.request("stepBack", json!({"threadId": self.thread, "granularity": "statement"}));
        self.await_stop()
    }

    /// The button Reverse.
    #[track_caller]
    pub fn reverse(&mut self) -> Frame {
        self.adapter.request("reverseContinue", json!({"threadId": self.thread}));
        self.await_stop()
    }

    #[track_caller]
    pub fn pause(&mut self) -> Frame {
        self.adapter.request("pause", json!({"threadId": self.thread}));
        self.await_stop()
    }

    /// A register as the Registers view shows it: in the scope of that name, or in a group there.
    #[track_caller]
    pub fn register(&mut self, name: &str) -> Result<u64, String> {
        let scopes = self.adapter.request("scopes", json!({"frameId": self.frame["id"]}));
        let registers = array(&scopes, "scopes").into_iter().find(|scope| string(scope, "name").contains("Registers"));
        let mut groups = vec![registers.ok_or_else(|| format!("no scope Registers in {scopes}"))?];
        while let Some(group) = groups.pop() {
            let arguments = json!({"variablesReference": group["variablesReference"]});
            let request = self.adapter.send("variables", arguments);
            let members = array(&self.adapter.response(request)?, "variables");
            if let Some(register) = members.iter().find(|member| member["name"] == name) {
                return number(string(register, "value"));
            }
            groups.extend(members.into_iter().filter(|member| member["value"] == ""));
        }
        Err(format!("no {name} in the scope Registers"))
    }

    /// Stop: the adapter is told, and the postDebugTask ends the machine.
    pub fn stop(mut self) {
        let launched = self.configuration["request"] == "launch";
        if launched && self.capabilities["supportsTerminateRequest"] == true {
            self.adapter.request("terminate", json!({"restart": false}));
            self.adapter.event("terminated");
        }
        self.adapter.request("disconnect", json!({"restart": false, "terminateDebuggee": launched}));
        self.adapter.end();
        end_machine(&self.configuration, self.machine);
        self.sandbox.assert_empty();
    }
}

/// What the postDebugTask does to the machine's task: its one argument is a command to VS Code.
pub fn end_machine(configuration: &Value, machine: Task) {
    let task = workspace::task(&configuration["postDebugTask"]);
    let inputs: Vec<Value> = array(&task, "args").iter().filter_map(workspace::input).collect();
    let [input] = &inputs[..] else { panic!("one input was expected in {task}") };
    assert_eq!(input["type"], "command");
    assert_eq!(input["command"], "workbench.action.tasks.terminate");
    assert_eq!(input["args"], configuration["preLaunchTask"], "the machine that F5 started is the one to be ended");
    machine.terminate();
}

/// Sets one breakpoint in the gutter. An adapter may bind it later; that it is hit is for the caller to see.
fn set_breakpoint(adapter: &mut Adapter, line: &SourceLine) {
    let name = line.file.file_name().and_then(|name| name.to_str()).expect("a source file has a name");
    let arguments = json!({
        "source": {"name": name, "path": line.file},
        "lines": [line.number],
        "breakpoints": [{"line": line.number}],
        "sourceModified": false,
    });
    let set = adapter.request("setBreakpoints", arguments);
    assert_eq!(array(&set, "breakpoints").len(), 1, "one breakpoint was asked for");
}

/// What VS Code says of itself.
fn introduction(kind: &str) -> Value {
    json!({
        "clientID": "vscode", "clientName": "Visual Studio Code", "adapterID": kind, "pathFormat": "path", "locale": "en",
        "linesStartAt1": true, "columnsStartAt1": true, "supportsVariableType": true, "supportsVariablePaging": true,
        "supportsRunInTerminalRequest": true, "supportsProgressReporting": true, "supportsInvalidatedEvent": true,
        "supportsMemoryReferences": true, "supportsArgsCanBeInterpretedByShell": true, "supportsMemoryEvent": true,
        "supportsStartDebuggingRequest": true, "supportsANSIStyling": true,
    })
}

/// The number in a value: in hexadecimal where it has such a form, for a symbol may stand beside it.
fn number(value: &str) -> Result<u64, String> {
    let digits = value.split_once("0x").map_or(value, |(_, digits)| digits);
    let digits = digits.split(|character: char| !character.is_ascii_hexdigit()).next().unwrap_or_default();
    let radix = if value.contains("0x") { 16 } else { 10 };
    u64::from_str_radix(digits, radix).map_err(|error| format!("{value:?} is no number: {error}"))
}

impl From<&Value> for Frame {
    fn from(frame: &Value) -> Frame {
        let pc = frame["instructionPointerReference"].as_str().and_then(|text| number(text).ok()).map(Address);
        let file = frame["source"]["path"].as_str().map(PathBuf::from);
        let line = file.map(|file| SourceLine { file, number: frame["line"].as_u64().unwrap_or_default() });
        Frame { function: string(frame, "name").to_owned(), pc, line }
    }
}
