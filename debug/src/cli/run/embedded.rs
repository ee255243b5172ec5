//! `cargo debug run --on embedded`: the kernel on the machine in this process. It does not know QEMU.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use debug::machine::Stop;
use debug::{Address, Embedded, Machine, ask};

use super::{
    Arguments, End, FOR_EVER, LOOK, RunEvent, UNPRINTED, listens, narration, status_of_signal, verdict, watch_signals,
};
use crate::cli::kernel::Kernel;
use crate::cli::printer::Printer;
use crate::cli::recording;
use crate::cli::terminal::RawTerminal;

/// How long the machine runs before its console and the keyboard are looked at.
const SLICE: Duration = Duration::from_millis(20);
/// The key before the one that leaves, as in QEMU.
const ESCAPE: u8 = 1;

/// Runs the kernel until there is a reason to end: the exit status.
pub fn boot(arguments: &Arguments, kernel: &Kernel) -> anyhow::Result<u8> {
    arguments.recording.check(kernel)?;
    let mut machine = Embedded::load(&kernel.image, &kernel.options)?;
    let (tell, events) = mpsc::channel();
    watch_signals(tell.clone()).context("signals cannot be caught")?;
    let terminal =
        RawTerminal::take().context("cannot set the terminal to raw mode; try: without a terminal, < /dev/null")?;
    type_in(tell, terminal.is_some());
    let deadline = Instant::now() + arguments.timeout.unwrap_or(FOR_EVER);
    let printer = Printer::start(io::stdout());
    let end = run(arguments, kernel, &mut machine, &printer, &events, deadline);
    drop(terminal);
    let status = super::await_reader(end?, &printer, &events, deadline)?;
    if let Some(path) = &arguments.recording.record {
        let _waiting = narration::Waiting::until("doing the run again for its recording");
        recording::write(kernel, &kernel.image, &mut machine, serde_json::json!({ "run": {} }), path)?;
    }
    kernel.devices.finish(machine)?;
    Ok(status)
}

fn run(
    arguments: &Arguments,
    kernel: &Kernel,
    machine: &mut Embedded,
    printer: &Printer,
    events: &Receiver<RunEvent>,
    deadline: Instant,
) -> anyhow::Result<End> {
    let (mut said, mut more_input) = (Vec::new(), true);
    loop {
        // The machine stands still where the reader of what it prints does.
        let stop =
            if printer.has_room_within(LOOK).context(UNPRINTED)? { machine.resume(SLICE)? } else { Stop::Interrupted };
        let printed = machine.new_console_output();
        printer.print(&printed);
        if listens(arguments) {
            said.extend(printed);
        }
        if let Some(status) = verdict(arguments, &said) {
            return Ok(End::Status(status));
        }
        match stop {
            Stop::Exited { status } => return Ok(End::Status(super::judge_end(status.unwrap_or(0), arguments))),
            Stop::Fault(fault) => {
                let pc = Address(machine.general_registers().pc);
                let mut bytes = [0; 4];
                let read = machine.peek(pc, &mut bytes).then_some(&bytes[..]);
                let why = ask::words::fault_in_words(&kernel.image, fault, read);
                narration::say(&format!("the kernel cannot go on: {why}"));
                return Ok(End::Status(1));
            }
            _ => {}
        }
        let waits = machine.waits_for_ever();
        if waits && !more_input {
            narration::say("the kernel waits for an interrupt that never comes, and nobody types any more");
            return Ok(End::Status(1));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match events.recv_timeout(if waits { left } else { Duration::ZERO }) {
            Ok(RunEvent::Typed(bytes)) => {
                if more_input && let Err(too_much) = machine.input(&bytes) {
                    narration::say(&format!("{too_much}; the rest of standard input is not typed"));
                    more_input = false;
                }
            }
            Ok(RunEvent::Signal(number)) => return Ok(End::Cut(status_of_signal(number))),
            Ok(RunEvent::Left) => return Ok(End::Status(super::judge_end(0, arguments))),
            Ok(_) => more_input = false,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        if Instant::now() >= deadline {
            super::tell_timeout(arguments);
            return Ok(End::Cut(1));
        }
    }
}

/// Passes on what is typed. On a terminal Ctrl-A X leaves, and Ctrl-A twice is Ctrl-A.
fn type_in(tell: Sender<RunEvent>, on_terminal: bool) {
    thread::spawn(move || {
        let (mut bytes, mut escaped) = ([0; 4096], false);
        while let Ok(count @ 1..) = io::stdin().read(&mut bytes) {
            let mut typed = Vec::new();
            for byte in &bytes[..count] {
                match (std::mem::take(&mut escaped), *byte) {
                    (true, b'x' | b'X') => drop(tell.send(RunEvent::Left)),
                    (false, ESCAPE) if on_terminal => escaped = true,
                    (_, byte) => typed.push(byte),
                }
            }
            if tell.send(RunEvent::Typed(typed)).is_err() {
                return;
            }
        }
        let _ = tell.send(RunEvent::Ended);
    });
}
