//! `cargo debug run`: a kernel on QEMU or the embedded machine, its console on the terminal, its exit status ours.
//!
//! ```text
//! $ cargo debug run
//! ```
//!
//! In .cargo/config.toml it makes `cargo run` and a kernel's `cargo test`:
//!
//! ```toml
//! [target.riscv64gc-unknown-none-elf]
//! runner = "cargo-debug run"
//! ```

mod embedded;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use debug::guardian::Stub;
use debug::qemu::{Foreground, ForegroundConsole, MachineOptions};
use regex::bytes::Regex;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::kernel::{Kernel, KernelArguments};
use super::machine_arg::MachineArg;
use super::printer::Printer;
use super::recording::RecordArgument;
use super::terminal::RawTerminal;
use super::{START, narration};

/// Nobody waits longer.
const FOR_EVER: Duration = Duration::from_secs(1 << 32);
/// How long a reader of standard output is waited for before signals and the time are looked at.
const LOOK: Duration = Duration::from_millis(50);
const UNPRINTED: &str = "cannot write to standard output";

/// Boots a kernel, with its console here. Ctrl-A X leaves, Ctrl-A H lists what else Ctrl-A does.
///
/// Exit status: the kernel's, by the test finisher (`sifive_test`) or a system reset of the SBI: 0 for a power-off, 1 or the finisher's
/// number for a failure; 2 where it could not be started. With --expect: 0 once the kernel has said it, 1 where it ends without.
///
/// As cargo's runner (`runner = "cargo-debug run"` in .cargo/config.toml) it makes `cargo run` and `cargo test` work.
#[derive(Args)]
pub struct Arguments {
    /// The kernel's ELF, as cargo gives it to its runner [default: that of debug.toml, or freshly built]
    #[arg(value_name = "ELF")]
    runner_kernel: Option<PathBuf>,

    /// What cargo passes on behind `--`: the kernel's command line, where no --append says otherwise
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    runner_arguments: Vec<OsString>,

    #[command(flatten)]
    kernel: KernelArguments,

    /// The machine: qemu or embedded [default: qemu where it is installed, else embedded]
    #[arg(long, value_name = "MACHINE")]
    on: Option<MachineArg>,

    #[command(flatten)]
    recording: RecordArgument,

    /// Ends with status 0 once the kernel has said this, a regular expression. More than one: all of them
    #[arg(long, value_name = "REGEX")]
    expect: Vec<Regex>,

    /// Ends with status 1 once the kernel has said this, a regular expression
    #[arg(long, value_name = "REGEX")]
    forbid: Vec<Regex>,

    /// Ends with status 1 where the kernel has not ended by then
    #[arg(long, value_name = "SECONDS", value_parser = super::values::seconds)]
    timeout: Option<Duration>,
}

enum RunEvent {
    /// It is at the printer already.
    Printed(Vec<u8>),
    /// Standard output takes no more.
    Unprinted(io::Error),
    /// Keys for the embedded machine.
    Typed(Vec<u8>),
    /// Who typed wants it to end.
    Left,
    /// What was printed is the firmware's, what follows the kernel's.
    Begun,
    /// The machine has ended.
    Ended,
    /// Somebody wants us to end: the signal's number.
    Signal(i32),
}

/// Why a run ends, with the exit status.
enum End {
    /// What was printed is still to be read.
    Status(u8),
    /// Nobody waits for more.
    Cut(u8),
}

/// The exit status.
pub fn run(mut arguments: Arguments) -> anyhow::Result<u8> {
    if let Some(kernel) = arguments.runner_kernel.take() {
        arguments.kernel.be_of(kernel);
    }
    let mut kernel = arguments.kernel.read()?;
    let mut options = kernel.machine().clone();
    if options.append.is_none() && !arguments.runner_arguments.is_empty() {
        let words: Vec<_> = arguments.runner_arguments.iter().map(|word| word.to_string_lossy()).collect();
        options.append = Some(words.join(" "));
    }
    match arguments.kernel.machine_or_usual(arguments.on.as_ref())? {
        MachineArg::Embedded => {
            kernel.options.append = options.append;
            embedded::boot(&arguments, &kernel)
        }
        MachineArg::Qemu if arguments.recording.record.is_some() => {
            bail!("--record needs the embedded machine, whose run is the same each time; try: --on embedded")
        }
        MachineArg::Qemu => boot(&arguments, &kernel, &options),
        other => bail!(
            "run starts the machine itself, and cannot start --on {}; try: --on qemu or --on embedded",
            other.name()
        ),
    }
}

fn boot(arguments: &Arguments, kernel: &Kernel, options: &MachineOptions) -> anyhow::Result<u8> {
    narration::tell_machine(options, false);
    // A firmware's banner has many words: what is looked for is looked for behind it.
    let listens = listens(arguments);
    let (tell, events) = mpsc::channel();
    watch_signals(tell.clone()).context("signals cannot be caught")?;
    let mut machine = {
        let _waiting = narration::Waiting::until("starting QEMU");
        Foreground::start(options, listens.then_some(Stub::Private), START)?
    };
    let printer = Arc::new(Printer::start(io::stdout()));
    read_console(machine.console(), Arc::clone(&printer), tell.clone());
    let terminal =
        RawTerminal::take().context("cannot set the terminal to raw mode; try: without a terminal, < /dev/null")?;
    if let Some(keyboard) = machine.keyboard().context("cannot type on the machine's console")? {
        type_in(keyboard);
    }
    let deadline = Instant::now() + arguments.timeout.unwrap_or(FOR_EVER);
    if listens {
        let limit = arguments.timeout.unwrap_or(START);
        let mut deliver = |bytes: &[u8]| print(&printer, bytes, &tell);
        let mut begun = || drop(tell.send(RunEvent::Begun));
        // Where it ends before, its end is told.
        let entered = machine.run_from(kernel.image.jumped_to(), limit, &mut deliver, &mut begun);
        entered.context("the kernel's entry was not reached")?;
    }
    drop(tell);
    let end = watch(arguments, &events, deadline);
    drop(terminal);
    let end = match end? {
        Some(end) => end,
        None => End::Status(status_of(&mut machine, arguments)?),
    };
    await_reader(end, &printer, &events, deadline)
}

/// Has these bytes printed once there is room for them. It stands still where the reader does, and the kernel's UART with it.
fn print(printer: &Printer, bytes: &[u8], tell: &Sender<RunEvent>) {
    match printer.has_room_within(FOR_EVER) {
        Ok(_) => {
            printer.print(bytes);
            let _ = tell.send(RunEvent::Printed(bytes.to_vec()));
        }
        Err(error) => drop(tell.send(RunEvent::Unprinted(error))),
    }
}

/// Waits until what is printed is written, but no longer than somebody wants.
fn await_reader(end: End, printer: &Printer, events: &Receiver<RunEvent>, deadline: Instant) -> anyhow::Result<u8> {
    let status = match end {
        End::Status(status) => status,
        End::Cut(status) => return Ok(status),
    };
    while !printer.has_written_within(LOOK).context(UNPRINTED)? {
        let signal = events.try_iter().find_map(|event| match event {
            RunEvent::Signal(number) => Some(number),
            _ => None,
        });
        if let Some(number) = signal {
            return Ok(status_of_signal(number));
        }
        if Instant::now() >= deadline {
            narration::say("what the kernel printed was not read in time; try: a larger --timeout");
            return Ok(1);
        }
    }
    Ok(status)
}

/// Hears what the kernel prints until there is a reason to end: none where the machine has ended by itself.
fn watch(arguments: &Arguments, events: &Receiver<RunEvent>, deadline: Instant) -> anyhow::Result<Option<End>> {
    let mut said = Vec::new();
    let mut has_begun = false;
    loop {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(RunEvent::Unprinted(error)) => return Err(error).context(UNPRINTED),
            Ok(RunEvent::Printed(bytes)) => {
                if listens(arguments) {
                    said.extend(bytes);
                }
                if let Some(status) = verdict(arguments, &said).filter(|_| has_begun) {
                    return Ok(Some(End::Status(status)));
                }
            }
            Ok(RunEvent::Begun) => {
                said.clear();
                has_begun = true;
            }
            Ok(RunEvent::Signal(number)) => return Ok(Some(End::Cut(status_of_signal(number)))),
            // These are the embedded machine's.
            Ok(RunEvent::Typed(_) | RunEvent::Left) => {}
            Ok(RunEvent::Ended) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                tell_timeout(arguments);
                return Ok(Some(End::Cut(1)));
            }
        }
    }
}

/// The exit status of a process that this signal ended, as shells have it.
fn status_of_signal(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(1)
}

fn tell_timeout(arguments: &Arguments) {
    let limit = arguments.timeout.unwrap_or_default().as_secs_f64();
    narration::say(&format!("the kernel has not ended within {limit} s; try: a larger --timeout"));
}

/// Whether what the kernel says may decide; else it is not kept.
fn listens(arguments: &Arguments) -> bool {
    !arguments.expect.is_empty() || !arguments.forbid.is_empty()
}

/// What is said may decide.
fn verdict(arguments: &Arguments, said: &[u8]) -> Option<u8> {
    if !listens(arguments) {
        return None;
    }
    if let Some(forbidden) = arguments.forbid.iter().find(|regex| regex.is_match(said)) {
        narration::say(&format!("the kernel printed forbidden text: {forbidden}"));
        return Some(1);
    }
    let all = !arguments.expect.is_empty() && arguments.expect.iter().all(|regex| regex.is_match(said));
    all.then_some(0)
}

/// The exit status of a machine that has ended by itself.
pub fn end_of(machine: &mut Foreground) -> anyhow::Result<u8> {
    let status = machine.wait().context("cannot wait for QEMU")?;
    let words = machine.words();
    let words: Vec<&str> = words.lines().filter(|line| !line.starts_with("+ ")).collect();
    for line in &words {
        narration::say(line);
    }
    if status > 128 {
        bail!("QEMU, or a process that guards it, was ended by signal {}", status - 128);
    }
    Ok(status)
}

fn status_of(machine: &mut Foreground, arguments: &Arguments) -> anyhow::Result<u8> {
    Ok(judge_end(end_of(machine)?, arguments))
}

/// The exit status where the kernel ended by itself with this one.
fn judge_end(status: u8, arguments: &Arguments) -> u8 {
    let Some(missing) = arguments.expect.first() else { return status };
    narration::say(&format!("the kernel ended with status {status}, and did not print what was expected: {missing}"));
    1
}

fn read_console(console: ForegroundConsole, printer: Arc<Printer>, tell: Sender<RunEvent>) {
    thread::spawn(move || {
        while console.read(&mut |bytes| print(&printer, bytes, &tell)) {}
        let _ = tell.send(RunEvent::Ended);
    });
}

/// Passes on what is typed here. QEMU itself knows Ctrl-A.
pub fn type_in(mut keyboard: File) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = io::stdin().read(&mut bytes) {
            if keyboard.write_all(&bytes[..count]).is_err() {
                return;
            }
        }
    });
}

/// A signal ends this process in the usual way, so that the terminal is as it was.
fn watch_signals(tell: Sender<RunEvent>) -> io::Result<()> {
    use std::os::unix::net::UnixStream;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let (mut caught, catching) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(signal, catching)?;
        let tell = tell.clone();
        thread::spawn(move || {
            while let Ok(1..) = caught.read(&mut [0]) {
                let _ = tell.send(RunEvent::Signal(signal));
            }
        });
    }
    Ok(())
}
