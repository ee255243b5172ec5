//! The watcher: starts QEMU in its own process group, says when it is ready, and ends with the keeper. It does not know why.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::fs::Mode;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, kill_current_process_group, setrlimit, umask};

use super::keeper::{status_of, stay_awake};
use super::monitor::Monitor;
use super::{CONSOLE, Error, Order, READY, STUB, Stub, option_value, quoted, system};
use crate::endpoint::Endpoint;

/// Runs QEMU. Returns its exit status; 128 and above for signals, as in a shell.
///
/// # Errors
/// If QEMU is not installed, or a system call fails.
pub fn watch(order: &Order, folder: &Path) -> Result<u8, Error> {
    end_with_the_keeper();
    stay_awake().map_err(system("catch signals"))?;
    let (ours, theirs) = UnixStream::pair().map_err(system("make a pair of sockets"))?;
    let mut qemu = start(order, folder, theirs)?;
    let mut monitor = Monitor::new(ours);
    // If QEMU gives up instead, its exit status and its messages tell.
    if monitor.await_ready().is_ok() {
        say_ready(folder).map_err(system("write to standard output"))?;
        if order.stub.is_none() {
            let _ = monitor.run();
        }
        // Unread events would fill QEMU's memory.
        thread::spawn(move || monitor.follow());
    }
    qemu.wait().map(status_of).map_err(system("wait for QEMU"))
}

/// Kills the group when standard input, the lifeline from the keeper, closes.
fn end_with_the_keeper() {
    thread::spawn(|| {
        let mut bytes = [0; 64];
        let mut lifeline = io::stdin().lock();
        while matches!(lifeline.read(&mut bytes), Ok(1..)) {}
        let _ = kill_current_process_group(Signal::KILL);
    });
}

fn start(order: &Order, folder: &Path, monitor: UnixStream) -> Result<Child, Error> {
    let console = folder.join(CONSOLE);
    let made = Command::new("mkfifo").arg(&console).stdin(Stdio::null()).status();
    made.map_err(system("run mkfifo"))?;
    // Open it for read and write, so that it does not end after input.
    let input = File::options().read(true).write(true).open(&console).map_err(system("open the console's pipe"))?;
    // QEMU inherits the descriptor by its number.
    fcntl_setfd(&monitor, FdFlags::empty()).map_err(|cause| system("pass on a socket")(cause.into()))?;
    restrict(order)?;
    let mut words = vec![order.program.clone()];
    words.extend(order.arguments.iter().cloned());
    words.extend(own_arguments(order, folder, &monitor));
    let _ = writeln!(io::stderr(), "+ {}", quoted(&words));
    let started = Command::new(&words[0]).args(&words[1..]).stdin(input).spawn();
    started.map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Error::NoQemu { program: (&order.program).into() },
        _ => system("run QEMU")(cause),
    })
}

/// Restricts this process, and so QEMU: who may connect to a stub that others can find, and how large a file may get.
fn restrict(order: &Order) -> Result<(), Error> {
    if let Some(Stub::At(_)) = order.stub {
        umask(Mode::RWXG | Mode::RWXO);
    }
    if let Some(limit) = order.file_limit_mib {
        let allowed = getrlimit(Resource::Fsize);
        // A smaller limit stays, and none can be above the hard one.
        let least = [allowed.current, allowed.maximum].into_iter().flatten().fold(limit << 20, u64::min);
        setrlimit(Resource::Fsize, Rlimit { current: Some(least), ..allowed })
            .map_err(|cause| system("limit the size of files")(cause.into()))?;
    }
    Ok(())
}

/// The arguments that the watcher adds: QEMU's monitor, a stopped start, and the stub.
fn own_arguments(order: &Order, folder: &Path, monitor: &UnixStream) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![
        "-chardev".into(),
        format!("socket,id=cargo-debug,fd={}", monitor.as_raw_fd()).into(),
        "-qmp".into(), // -mon is deprecated since 11.1
        "chardev:cargo-debug".into(),
        "-S".into(),
    ];
    let given = order.arguments.iter().any(|argument| argument == "-gdb");
    let endpoint = match &order.stub {
        Some(Stub::Private) => Some(Endpoint::Unix(folder.join(STUB))),
        Some(Stub::At(endpoint)) => Some(endpoint.clone()),
        None => None,
    };
    if let Some(endpoint) = endpoint.filter(|_| !given) {
        let device = match endpoint {
            Endpoint::Tcp(address) => format!("tcp:{address}"),
            Endpoint::Unix(path) => format!("unix:{},server=on,wait=off", option_value(&path)),
        };
        arguments.extend(["-gdb".into(), device.into()]);
    }
    arguments
}

fn say_ready(folder: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let mut stdout = io::stdout().lock();
    stdout.write_all(READY.as_bytes())?;
    stdout.write_all(folder.as_os_str().as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}
