//! `cargo debug gdb`: a kernel under GDB, stopped at its first instruction, with the walk's commands; all of it ends with GDB.
//!
//! ```text
//! $ cargo debug gdb
//! boot: 0x80200000 <_start> is the next instruction: PASS
//! (gdb) check-boot
//! ```

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use debug::checks::{GUARD_BYTES, Layout};
use debug::qemu::{Foreground, ForegroundConsole};
use debug::serve::{self, GdbTarget, ServeEvent};
use debug::{Address, Endpoint, Image, guardian, rsp};
use signal_hook::consts::{SIGINT, SIGQUIT};

use super::kernel::{Kernel, KernelArguments};
use super::machine_arg::MachineArg;
use super::narration;
use super::places::{PlaceArguments, with_option};
use super::printer::Printer;
use super::recording::{self, RecordArgument};
use super::{find_gdb, listen, reverse};

/// How long the search for the stack may take.
const SEARCH: Duration = Duration::from_secs(5);
/// The walk's commands, which in this project's folder GDB reads from .gdbinit and debug/gdb.
const GDBINIT: &str = include_str!("../../../.gdbinit");
const PARTS: [(&str, &str); 2] = [
    ("source debug/gdb/machine.gdb\n", include_str!("../../gdb/machine.gdb")),
    ("source debug/gdb/walk.gdb\n", include_str!("../../gdb/walk.gdb")),
];

/// Boots a kernel under GDB, stopped at its first instruction. When GDB ends, the machine does.
///
/// GDB has these commands more: boot, stack, bss, idle, panic, why, and check-boot, which is all of them; `help NAME` tells of each.
/// What follows `--` goes to GDB, which then begins at reset: `cargo debug gdb -- -batch -ex check-boot` ends with status 0 or 1.
///
/// GDB is $GDB, or the first that knows RISC-V of gdb-multiarch, riscv64-elf-gdb, riscv64-unknown-elf-gdb, gdb.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    kernel: KernelArguments,

    #[command(flatten)]
    places: PlaceArguments,

    /// The machine: qemu, or embedded, where reverse-stepi and reverse-continue go back in time [default: qemu where it is
    /// installed, else embedded]
    #[arg(long, value_name = "MACHINE")]
    on: Option<MachineArg>,

    /// Where the machine waits for GDB: HOST:PORT or unix:PATH [default: a private socket]
    #[arg(long, value_name = "WHERE")]
    listen: Option<Endpoint>,

    /// On QEMU: records the boot first, and debugs the recording, where reverse-stepi and reverse-continue go back. The embedded
    /// machine needs no recording for it
    #[arg(long)]
    reverse: bool,

    #[command(flatten)]
    recording: RecordArgument,

    /// What GDB gets
    #[arg(last = true, value_name = "ARGS")]
    gdb: Vec<OsString>,
}

/// GDB's exit status.
pub fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let gdb = find_gdb::find()?;
    let kernel = arguments.kernel.read()?;
    // Ctrl-C is for GDB, and this process waits for it.
    for signal in [SIGINT, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).context("signals cannot be caught")?;
    }
    let status = match arguments.kernel.machine_or_usual(arguments.on.as_ref())? {
        MachineArg::Qemu if arguments.recording.record.is_some() => {
            bail!("--record needs the embedded machine, whose run is the same each time; try: --on embedded")
        }
        MachineArg::Qemu => on_qemu(arguments, &gdb, &kernel)?,
        MachineArg::Embedded => on_embedded(arguments, &gdb, kernel)?,
        other => bail!(
            "gdb starts the machine itself, and cannot start --on {}; try: --on qemu or --on embedded",
            other.name()
        ),
    };
    Ok(guardian::status_of(status))
}

fn on_qemu(arguments: &Arguments, gdb: &Path, kernel: &Kernel) -> anyhow::Result<ExitStatus> {
    let listen = arguments.listen.as_ref();
    let (replay, machine) = match arguments.reverse {
        true => reverse::start(&arguments.kernel, kernel, listen).map(|(replay, machine)| (Some(replay), machine))?,
        false => (None, listen::start_qemu(&arguments.kernel, kernel, listen)?),
    };
    show_console(machine.console());
    if let Some(replay) = &replay {
        // QEMU may have ended, with the reason.
        replay.go_to_origin().map_err(|error| anyhow!("{error}\n{}", machine.words().trim()))?;
    }
    let (ward, folder) = guardian::Ward::with_folder()?;
    let (relay, stub) = (folder.join("gdb"), machine.stub().clone());
    let listener = UnixListener::bind(&relay).context("cannot make a socket for GDB")?;
    let command = command(arguments, gdb, kernel, &Endpoint::Unix(relay), &folder)?;
    narration::tell_command(&command);
    let machine = Arc::new(Mutex::new(Some(machine)));
    let running = Arc::clone(&machine);
    thread::spawn(move || {
        for gdb in listener.incoming().flatten() {
            // GDB sees the connection close then, and says so.
            let _ = rsp::relay(gdb, &stub, || lock(&running).as_mut().and_then(|machine| machine.wait().ok()));
        }
    });
    let status = run_gdb(&command, ward, &folder)?;
    drop(lock(&machine).take());
    Ok(status)
}

fn lock(machine: &Mutex<Option<Foreground>>) -> MutexGuard<'_, Option<Foreground>> {
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_embedded(arguments: &Arguments, gdb: &Path, kernel: Kernel) -> anyhow::Result<ExitStatus> {
    arguments.recording.check(&kernel)?;
    let (mut ward, folder) = guardian::Ward::with_folder()?;
    let endpoint = arguments.listen.clone().unwrap_or_else(|| Endpoint::Unix(folder.join("gdb")));
    let listener = listen::bind(&arguments.kernel, &endpoint)?;
    listen::remove_with_us(&mut ward, &endpoint)?;
    let command = command(arguments, gdb, &kernel, &listener.endpoint(), &folder)?;
    let (ending, ended) = UnixStream::pair().context("cannot make a socket pair for the end of GDB")?;
    let (ready, is_ready) = mpsc::channel();
    let (files, options) = (kernel.files.clone(), kernel.options.clone());
    let server = thread::spawn(move || {
        let opened = GdbTarget::open(&files, options);
        let mut target = match opened {
            Ok(target) => target,
            Err(error) => {
                drop(ready.send(Err(error)));
                return None;
            }
        };
        let _ = ready.send(Ok(()));
        let printer = Printer::start(io::stderr());
        let _ = serve::serve(&listener, &mut target, &ended, None, &mut |event| {
            if let ServeEvent::Console(bytes) = event {
                printer.print(bytes);
            }
        });
        Some(target)
    });
    is_ready.recv().context("the embedded machine did not start")??;
    narration::tell_command(&command);
    let status = run_gdb(&command, ward, &folder);
    drop(ending);
    // It removes its socket.
    let target = server.join().ok().flatten();
    let status = status?;
    if let Some(path) = &arguments.recording.record {
        let mut target = target.context("the machine is lost")?;
        let _waiting = narration::Waiting::until("doing the run again for its recording");
        let (image, machine) = target.parts();
        recording::write(&kernel, image, machine, serde_json::json!({ "gdb": {} }), path)?;
    }
    Ok(status)
}

/// Runs GDB, which ends with us, however we end.
fn run_gdb(command: &Command, _ward: guardian::Ward, folder: &Path) -> anyhow::Result<ExitStatus> {
    guardian::spawn_in(folder, command)?.wait().context("cannot wait for GDB")
}

/// GDB's command line.
fn command(
    arguments: &Arguments,
    gdb: &Path,
    kernel: &Kernel,
    stub: &Endpoint,
    folder: &Path,
) -> anyhow::Result<Command> {
    let script = write_script(folder)?;
    let mut command = Command::new(gdb);
    command.args(["-q", "-iex", "set auto-load local-gdbinit off"]);
    command.args(["-iex", &format!("set $debug_socket = \"{}\"", stub.to_string().trim_start_matches("unix:"))]);
    command.args(["-iex", &format!("set $debug_architecture = \"{}\"", kernel.image.xlen().architecture())]);
    let advice = [("connect", "quit, then cargo debug gdb"), ("again", "cargo debug gdb")];
    // For run.sh .gdbinit knows its own.
    for (variable, words) in advice.iter().filter(|_| !arguments.kernel.qemu.is_run_sh()) {
        command.args(["-iex", &format!("set $debug_{variable} = \"{words}\"")]);
    }
    let names = names(arguments, kernel)?;
    // Where the kernel is linked high: the commands find it where it is loaded too.
    let high = if names.is_some() { linked_minus_loaded(&kernel.image) } else { 0 };
    let file = kernel.symbols_file().to_string_lossy();
    if high != 0 && !file.contains(['"', '\\']) {
        command.args([
            "-iex",
            &format!("set $debug_offset = {high:#x}"),
            "-iex",
            &format!("set $debug_file = \"{file}\""),
        ]);
    }
    for (variable, value) in names.iter().flatten() {
        command.args(["-iex", &format!("set $debug_{variable} = {value}")]);
    }
    command.arg("-x").arg(script).arg(kernel.symbols_file());
    if let Some(guest) = &kernel.files.guest {
        command.args(["-ex", &format!("with confirm off -- add-symbol-file {}", for_gdb(guest))]);
    }
    match (arguments.gdb.is_empty(), names) {
        (false, _) => command.args(&arguments.gdb),
        // A person begins at the kernel's first instruction.
        (true, Some(_)) => command.args(["-ex", "boot"]),
        (true, None) => command.args(["-ex", &format!("tbreak *{:#x}", kernel.image.entry().0), "-ex", "continue"]),
    };
    Ok(command)
}

/// A path as a word of a GDB command, which ends a quoted word at a quote that has no backslash.
fn for_gdb(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

/// One file of all of them.
fn write_script(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut script = GDBINIT.to_owned();
    for (line, part) in PARTS {
        script = script.replace(line, part);
    }
    let path = folder.join("walk.gdb");
    fs::write(&path, script)
        .map_err(|cause| anyhow!("cannot write {}: {cause}; try: TMPDIR=FOLDER with another folder", path.display()))?;
    Ok(path)
}

/// What the walk's variables are to name, in C; nothing where not all of it is found, and nobody said where it is.
fn names(arguments: &Arguments, kernel: &Kernel) -> anyhow::Result<Option<[(&'static str, String); 7]>> {
    let image = &kernel.image;
    let mut layout = match Layout::of(image, arguments.places.names()) {
        Err(error) if arguments.places.are_named() => return Err(with_option(error)),
        Err(_) => return Ok(None),
        Ok(layout) => layout,
    };
    if layout.needs_stack() {
        let on = arguments.kernel.machine_or_usual(arguments.on.as_ref())?;
        if kernel.find_stack(&mut layout, &on, SEARCH).is_err() {
            return Ok(None);
        }
    }
    let name = |name: &str, address: Address| match image.symbol(name) {
        Some(symbol) if symbol.address == address => format!("\"{name}\""),
        _ => format!("\"*(char *){:#x}\"", address.0),
    };
    // What belongs to something else is neither filled nor looked at.
    let guards = layout.guards(image);
    let is_loaded = |at: Address| layout.loaded.iter().any(|loaded| loaded.contains(&at));
    let guard = |start: Address, last: Address| {
        let free = guards.iter().any(|guard| guard.range.start == start && !guard.owned) && !is_loaded(last);
        if free { GUARD_BYTES } else { 0 }.to_string()
    };
    let names = &layout.names;
    let stack_top = name(&names.stack_top, layout.stack.end);
    // An address alone says less to a person.
    let stack_name = if stack_top.starts_with("\"*") { "\"the stack's top\"".into() } else { stack_top.clone() };
    Ok(Some([
        ("boot", name(&names.entry, layout.entry)),
        ("stack_top", stack_top),
        ("stack_name", stack_name),
        ("bss", name(&names.bss_start, layout.bss.start)),
        ("bss_end", name(&names.bss_end, layout.bss.end)),
        ("guard_below", guard(layout.bss.start - GUARD_BYTES, layout.bss.start - 1)),
        ("guard_above", guard(layout.bss.end, layout.bss.end)),
    ]))
}

/// What the addresses of a kernel that is linked high are more than those where it is loaded; 0 for others, such as one whose data
/// lies behind its code in the file and is copied to where it is linked.
fn linked_minus_loaded(image: &Image) -> u64 {
    // As $walk_half in debug/gdb/machine.gdb.
    let half = image.xlen().high();
    let high = image.segments().iter().filter(|segment| segment.address.0 >= half);
    high.map(|segment| segment.address.0.wrapping_sub(segment.physical.0)).max().unwrap_or(0)
}

/// The terminal is GDB's, and standard output too: what the kernel prints goes beside it.
fn show_console(console: ForegroundConsole) {
    thread::spawn(move || {
        while console.read(&mut |bytes| {
            let _ = io::stderr().write_all(bytes);
        }) {}
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_command() {
        assert_eq!(for_gdb(Path::new("my guest")), "\"my guest\"");
        assert_eq!(for_gdb(Path::new("a\"b\\c")), r#""a\"b\\c""#);
    }

    #[test]
    fn the_script_has_all_parts() {
        let folder = tempfile::tempdir().expect("there is a folder");
        let script = fs::read_to_string(write_script(folder.path()).expect("it is written")).expect("it is read");
        assert!(!script.contains("\nsource ") && script.contains("define walk go"), "{script}");
    }
}
