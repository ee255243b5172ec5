//! `cargo debug serve`: runs a kernel on the embedded machine for GDB, with its whole history.
//!
//! ```text
//! $ cargo debug serve --elf hypervisor.elf
//! waiting for GDB on 127.0.0.1:1234
//! ```

use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, bail};
use clap::Args;
use debug::Endpoint;
use debug::embedded::Options;
use debug::guardian::Ward;
use debug::serve::{self, Disconnect, GdbTarget, ServeEvent, Typing};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::kernel::{Kernel, KernelArguments};
use super::machine_arg::MachineArg;
use super::narration;
use super::printer::Printer;
use super::recording::{self, OF_THE_RECORDING, RecordArgument, Replay};
use super::run::{end_of, type_in};
use super::terminal::RawTerminal;
use super::{HELD, listen};

/// Runs a kernel on the embedded machine and waits for GDB: no QEMU, and GDB can go back in time.
///
/// In another terminal, start: gdb-multiarch -ex 'target remote :1234'. GDB finds the kernel's symbols by itself.
/// reverse-stepi, reverse-step and reverse-continue go back; `monitor help` lists more commands.
///
/// One client is served at a time, the next when it leaves. `kill` in GDB, Ctrl-A X here, or SIGTERM end it. What the kernel
/// prints goes to standard output, and where nobody reads that, its latest 4 MiB are kept; what is typed in this terminal, Ctrl-C
/// too, goes to the kernel, and so does what comes from a pipe or a file as standard input. A Unix socket is removed at the end.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    kernel: KernelArguments,

    /// The machine: embedded, where time runs both ways, or qemu [default: embedded]
    #[arg(long, value_name = "MACHINE")]
    on: Option<MachineArg>,

    /// Where to listen: HOST:PORT or unix:PATH
    #[arg(long, value_name = "WHERE", default_value = "127.0.0.1:1234")]
    listen: Endpoint,

    /// Memory for the history, in MiB; going back needs once more what the kernel wrote
    #[arg(long, value_name = "MIB", default_value = "256")]
    history: usize,

    #[command(flatten)]
    recording: RecordArgument,

    /// Does a recorded run again, and stands where it ended; kernel and options are the recording's
    #[arg(long, value_name = "FILE", help_heading = "Recording", conflicts_with_all = OF_THE_RECORDING, conflicts_with_all = ["record", "on"])]
    replay: Option<PathBuf>,

    /// Ends when standard input does
    #[arg(long, hide = true)]
    tied: bool,
}

/// Serves clients until it is told to end. The exit status.
pub fn run(arguments: Arguments) -> anyhow::Result<u8> {
    let (ending, ended) = UnixStream::pair().context("cannot make a socket pair for signals")?;
    // While nobody is served a signal ends us as it ends any program: a recorded run may take long.
    let nobody_is_served = Arc::new(AtomicBool::new(true));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&nobody_is_served))
            .context("cannot install a signal handler")?;
        let ended = ended.try_clone().context("cannot make a socket pair for signals")?;
        signal_hook::low_level::pipe::register(signal, ended).context("cannot install a signal handler")?;
    }
    if arguments.tied {
        end_with_input();
    }
    let replay = arguments.replay.as_deref().map(Replay::open).transpose()?;
    let kernel = match &replay {
        Some(replay) => replay.kernel(arguments.kernel.guest_symbols.clone())?,
        None => arguments.kernel.read()?,
    };
    let on = arguments.on.clone().unwrap_or(MachineArg::Embedded);
    match arguments.kernel.machine_or_usual(Some(&on))? {
        MachineArg::Qemu if arguments.recording.record.is_some() => {
            bail!("--record needs the embedded machine, whose run is the same each time; try: --on embedded")
        }
        MachineArg::Embedded => {}
        MachineArg::Qemu => {
            nobody_is_served.store(false, Ordering::SeqCst);
            return on_qemu(&arguments, &kernel, ending);
        }
        other => bail!(
            "serve starts the machine itself, and cannot start --on {}; try: --on embedded or --on qemu",
            other.name()
        ),
    }
    arguments.recording.check(&kernel)?;
    let options = Options { history_mib: arguments.history, ..kernel.options.clone() };
    let mut target = GdbTarget::open(&kernel.files, options)?;
    if let Some(Replay { recording, .. }) = &replay {
        narration::say("doing the recorded run again");
        target.moved(|machine| recording.play(machine))?;
    }
    // From now on a signal removes the socket.
    nobody_is_served.store(false, Ordering::SeqCst);
    let listener = listen::bind(&arguments.kernel, &arguments.listen)?;
    let mut ward = Ward::start()?;
    listen::remove_with_us(&mut ward, &arguments.listen)?;
    listen::tell(&listener.endpoint())?;
    if let Some(Replay { recording, .. }) = &replay {
        narration::say(&format!(
            "{} stands after {} instructions, as recorded",
            recording.kernel_name(),
            recording.end()
        ));
    }
    let terminal = take_terminal()?;
    let typing =
        typing(terminal.as_ref(), arguments.tied).context("cannot duplicate the descriptor of standard input")?;
    let output = Output::start();
    serve::serve(&listener, &mut target, &ending, typing, &mut |event| output.tell(event))?;
    drop(output);
    nobody_is_served.store(true, Ordering::SeqCst);
    if let Some(path) = &arguments.recording.record {
        let _waiting = narration::Waiting::until("doing the run again for its recording");
        let (image, machine) = target.parts();
        recording::write(&kernel, image, machine, serde_json::json!({ "serve": {} }), path)?;
    }
    kernel.devices.finish(target.into_machine())?;
    Ok(HELD)
}

/// QEMU's own stub, until somebody wants it to end or it does: then its exit status.
fn on_qemu(arguments: &Arguments, kernel: &Kernel, mut ending: UnixStream) -> anyhow::Result<u8> {
    kernel.devices.check_for_qemu()?;
    let mut machine = listen::start_qemu(&arguments.kernel, kernel, Some(&arguments.listen))?;
    listen::tell(machine.stub())?;
    let terminal = take_terminal()?;
    if !arguments.tied
        && let Some(keyboard) = machine.keyboard().context("cannot type on the machine's console")?
    {
        type_in(keyboard);
    }
    let console = machine.console();
    let has_ended = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&has_ended);
    thread::spawn(move || {
        let printer = Printer::start(io::stdout());
        while console.read(&mut |bytes| printer.print(bytes)) {}
        drop(printer);
        ends.store(true, Ordering::SeqCst);
        end();
    });
    ending.read_exact(&mut [0]).context("cannot wait for signals")?;
    drop(terminal);
    if has_ended.load(Ordering::SeqCst) { end_of(&mut machine) } else { Ok(HELD) }
}

/// As if by a signal.
fn end() {
    let _ = signal_hook::low_level::raise(SIGTERM);
}

/// Ends with standard input.
fn end_with_input() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        end();
    });
}

/// Where the kernel's input comes from: our terminal, or standard input that is none, unless we are tied to that.
fn typing(terminal: Option<&RawTerminal>, tied: bool) -> io::Result<Option<Typing>> {
    let stdin = io::stdin();
    Ok(match terminal {
        Some(terminal) => Some(Typing::new(terminal.input()?)),
        None if tied || stdin.is_terminal() => None,
        None => Some(Typing::of_file(stdin.as_fd().try_clone_to_owned()?)),
    })
}

fn take_terminal() -> anyhow::Result<Option<RawTerminal>> {
    let terminal =
        RawTerminal::take().context("cannot set the terminal to raw mode; try: without a terminal, < /dev/null")?;
    if terminal.is_some() {
        narration::say("what is typed here goes to the kernel; Ctrl-A X ends this");
    }
    Ok(terminal)
}

/// What the server says. A reader that does not read must not hold up the server, which answers GDB.
struct Output {
    console: Printer,
    words: Printer,
}

impl Output {
    fn start() -> Output {
        Output { console: Printer::start(io::stdout()), words: Printer::start(io::stderr()) }
    }

    fn tell(&self, event: ServeEvent<'_>) {
        match event {
            ServeEvent::Disconnected(Disconnect::Broken(how)) => {
                self.narrate(&format!("a client's connection ended: {how}"));
            }
            // GDB tells its user about all other ends.
            ServeEvent::Disconnected(_) => {}
            ServeEvent::NotTyped(too_much) => {
                self.narrate(&format!("not typed: {too_much}; try: monitor reset, in GDB"));
            }
            ServeEvent::Console(bytes) => self.console.print(bytes),
        }
    }

    fn narrate(&self, words: &str) {
        self.words.print(format!("debug: {words}\n").as_bytes());
    }
}
