//! `cargo debug serve`: runs a kernel on the embedded machine for GDB, with its whole history.
//!
//! ```text
//! $ cargo debug serve --elf hypervisor.elf
//! waiting for GDB on 127.0.0.1:1234
//! ```

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use debug::Endpoint;
use debug::embedded::Options;
use debug::qemu::Foreground;
use debug::serve::{self, Disconnect, GdbTarget, Listener, ServeEvent, Typing};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::kernel::{Kernel, KernelArguments};
use super::machine_arg::MachineArg;
use super::narration;
use super::recording::{self, RecordArgument, Replay};
use super::terminal::RawTerminal;

/// How long QEMU may take to be ready.
const START: Duration = Duration::from_secs(60);

/// Runs a kernel on the embedded machine and waits for GDB: no QEMU, and GDB can go back in time.
///
/// In another terminal, start: gdb-multiarch -ex 'target remote :1234'. GDB finds the kernel's symbols by itself.
/// reverse-stepi, reverse-step and reverse-continue go back; `monitor help` lists more commands.
///
/// One client is served at a time, the next when it leaves. `kill` in GDB, Ctrl-A X here, or SIGTERM end it. What the kernel
/// prints goes to standard output; what is typed in this terminal, Ctrl-C too, to the kernel. A Unix socket is removed at the end;
/// after SIGKILL it stays until the next start there.
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
    #[arg(long, value_name = "FILE", help_heading = "Recording", conflicts_with = "record")]
    replay: Option<PathBuf>,
}

/// Serves clients until it is told to end.
pub fn run(arguments: Arguments) -> anyhow::Result<bool> {
    // Before the socket exists: from now on a signal removes it.
    let (ending, ended) = UnixStream::pair().context("cannot make a socket pair for signals")?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let ended = ended.try_clone().context("cannot make a socket pair for signals")?;
        signal_hook::low_level::pipe::register(signal, ended).context("cannot install a signal handler")?;
    }
    let replay = arguments.replay.as_deref().map(Replay::open).transpose()?;
    let kernel = match &replay {
        Some(replay) => replay.kernel()?,
        None => arguments.kernel.read()?,
    };
    let on = arguments.on.clone().filter(|_| replay.is_none()).unwrap_or(MachineArg::Embedded);
    match arguments.kernel.machine_or_usual(&kernel, Some(&on))? {
        MachineArg::Qemu if arguments.recording.record.is_some() => {
            bail!("--record needs the embedded machine, whose run is the same each time; try: --on embedded")
        }
        MachineArg::Embedded => {}
        MachineArg::Qemu => return on_qemu(&kernel, &arguments.listen, ending),
        other => bail!("--on {} serves nothing; try: --on embedded or --on qemu", other.name()),
    }
    let options = Options { history_mib: arguments.history, ..kernel.options.clone() };
    let mut target = GdbTarget::open(&kernel.files, options)?;
    if let Some(Replay { recording, .. }) = &replay {
        let _waiting = narration::Waiting::until("doing the recorded run again");
        target.moved(|machine| recording.play(machine))?;
    }
    let listener = Listener::bind(&arguments.listen).map_err(with_option)?;
    if !listener.is_local() {
        narrate("warning: other computers can connect and control the machine; try: --listen 127.0.0.1:PORT");
    }
    let mut stdout = io::stdout();
    writeln!(stdout, "waiting for GDB on {}", listener.endpoint())
        .and_then(|()| stdout.flush())
        .context("cannot write to standard output")?;
    if let Some(Replay { recording, .. }) = &replay {
        narrate(&format!("{} stands after {} instructions, as recorded", recording.kernel_name(), recording.end()));
    }
    let terminal = RawTerminal::take().context("cannot make the terminal the kernel's; try: < /dev/null")?;
    let typing = terminal.as_ref().map(RawTerminal::input).transpose().context("no descriptor for the terminal")?;
    if terminal.is_some() {
        narrate("what is typed here goes to the kernel; Ctrl-A X ends this");
    }
    serve::serve(&listener, &mut target, &ending, typing.map(Typing::new), &mut tell)?;
    if let Some(path) = &arguments.recording.record {
        let (image, machine) = target.parts();
        recording::write(&kernel, image, machine, serde_json::json!({ "serve": {} }), path)?;
    }
    kernel.devices.finish(target.into_machine())?;
    Ok(true)
}

/// QEMU's own stub, until somebody wants it to end or it does.
fn on_qemu(kernel: &Kernel, listen: &Endpoint, mut ending: UnixStream) -> anyhow::Result<bool> {
    let stub = match listen {
        Endpoint::Tcp(address) => format!("tcp:{address}"),
        Endpoint::Unix(path) => format!("unix:{},server=on,wait=off", path.display().to_string().replace(',', ",,")),
    };
    kernel.devices.check_for_qemu()?;
    narration::tell_machine(kernel.machine(), true);
    let machine = Foreground::start(kernel.machine(), Some(&stub), START)?;
    let mut stdout = io::stdout();
    writeln!(stdout, "waiting for GDB on {listen}")
        .and_then(|()| stdout.flush())
        .context("cannot write to standard output")?;
    let console = machine.console();
    thread::spawn(move || {
        while console.read(&mut |bytes| tell(ServeEvent::Console(bytes))) {}
        // As if by a signal.
        let _ = signal_hook::low_level::raise(SIGTERM);
    });
    ending.read_exact(&mut [0]).context("no signals arrive")?;
    drop(machine);
    if let Endpoint::Unix(path) = listen {
        // QEMU has removed it itself where it ended by itself.
        let _ = fs::remove_file(path);
    }
    Ok(true)
}

/// The error, with the option that names another address.
fn with_option(error: serve::Error) -> anyhow::Error {
    let advice = match error {
        serve::Error::InUse(_) => ", or use another address: --listen HOST:PORT or unix:PATH",
        serve::Error::NotASocket(_) => "; try: another path, --listen unix:PATH",
        serve::Error::Listen { .. } => "; try: another address, --listen HOST:PORT or unix:PATH",
        _ => return error.into(),
    };
    anyhow!("{error}{advice}")
}

fn tell(event: ServeEvent<'_>) {
    match event {
        ServeEvent::Disconnected(Disconnect::Broken(how)) => {
            narrate(&format!("a client's connection ended: {how}"));
        }
        // GDB tells its user about all other ends.
        ServeEvent::Disconnected(_) => {}
        ServeEvent::NotTyped(too_much) => narrate(&format!("not typed: {too_much}; try: monitor reset, in GDB")),
        ServeEvent::Console(bytes) => {
            // A reader that does not read must not stop the machine.
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
        }
    }
}

/// Prints a message to standard error. A reader that does not read must not stop the machine.
fn narrate(words: &str) {
    let _ = writeln!(io::stderr(), "debug: {words}");
}
