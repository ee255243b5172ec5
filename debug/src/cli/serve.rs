//! `cargo debug serve`: runs a kernel on the embedded machine for GDB, with its whole history.
//!
//! ```text
//! $ cargo debug serve --elf hypervisor.elf
//! waiting for GDB on 127.0.0.1:1234
//! ```

use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use anyhow::Context;
use clap::Args;
use debug::Endpoint;
use debug::embedded::Options;
use debug::serve::{self, Disconnect, GdbTarget, Listener, ServeEvent, Typing};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::kernel::KernelArguments;
use super::terminal::RawTerminal;

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

    /// Where to listen: HOST:PORT or unix:PATH
    #[arg(long, value_name = "WHERE", default_value = "127.0.0.1:1234")]
    listen: Endpoint,

    /// Memory for the history, in MiB; going back needs once more what the kernel wrote
    #[arg(long, value_name = "MIB", default_value = "256")]
    history: usize,
}

/// Serves clients until it is told to end.
pub fn run(arguments: Arguments) -> anyhow::Result<bool> {
    // Before the socket exists: from now on a signal removes it.
    let (ending, ended) = UnixStream::pair().context("cannot make a socket pair for signals")?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let ended = ended.try_clone().context("cannot make a socket pair for signals")?;
        signal_hook::low_level::pipe::register(signal, ended).context("cannot install a signal handler")?;
    }
    let kernel = arguments.kernel.read()?;
    let options = Options { history_mib: arguments.history, ..kernel.options };
    let mut target = GdbTarget::open(&kernel.files, options)?;
    let listener = Listener::bind(&arguments.listen)?;
    if !listener.is_local() {
        narrate("warning: other computers can connect and control the machine; try: --listen 127.0.0.1:PORT");
    }
    let mut stdout = io::stdout();
    writeln!(stdout, "waiting for GDB on {}", listener.endpoint())
        .and_then(|()| stdout.flush())
        .context("cannot write to standard output")?;
    let terminal = RawTerminal::take().context("cannot make the terminal the kernel's; try: < /dev/null")?;
    let typing = terminal.as_ref().map(RawTerminal::input).transpose().context("no descriptor for the terminal")?;
    if terminal.is_some() {
        narrate("what is typed here goes to the kernel; Ctrl-A X ends this");
    }
    serve::serve(&listener, &mut target, &ending, typing.map(Typing::new), &mut tell)?;
    Ok(true)
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
