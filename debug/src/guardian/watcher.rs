//! The watcher: starts QEMU in its own process group, says when it is ready, and ends with the keeper. It does not know why.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Signal, kill_current_process_group};

use super::keeper::{status_of, stay_awake};
use super::monitor::Monitor;
use super::{CONSOLE, Error, Order, READY, STUB, quoted, system};

/// Runs QEMU; its exit status, 128 and more for signals as in a shell.
///
/// # Errors
/// Where QEMU is not installed, or the system has not what it needs.
pub fn watch(order: &Order, folder: &Path) -> Result<u8, Error> {
    end_with_the_keeper();
    stay_awake().map_err(system("catch signals"))?;
    let (ours, theirs) = UnixStream::pair().map_err(system("make a pair of sockets"))?;
    let mut qemu = start(order, folder, theirs)?;
    let mut monitor = Monitor::new(ours);
    // Where QEMU gives up instead, its end tells, and what it says on its standard error.
    if monitor.await_ready().is_ok() {
        say_ready(folder).map_err(system("write to standard output"))?;
        if !order.stub {
            let _ = monitor.run();
        }
        // Who does not read what QEMU reports would fill its memory.
        thread::spawn(move || monitor.follow());
    }
    qemu.wait().map(status_of).map_err(system("wait for QEMU"))
}

/// The lifeline from the keeper is standard input.
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
    // Open both ways, so that it does not end when somebody has typed.
    let input = File::options().read(true).write(true).open(&console).map_err(system("open the console's pipe"))?;
    // QEMU inherits it, by its number.
    fcntl_setfd(&monitor, FdFlags::empty()).map_err(|cause| system("pass on a socket")(cause.into()))?;
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

/// What is the watcher's matter: QEMU's monitor, that nothing runs before we say so, and the stub.
fn own_arguments(order: &Order, folder: &Path, monitor: &UnixStream) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec![
        "-chardev".into(),
        format!("socket,id=cargo-debug,fd={}", monitor.as_raw_fd()).into(),
        "-mon".into(),
        "chardev=cargo-debug,mode=control".into(),
        "-S".into(),
    ];
    if order.stub {
        let socket = folder.join(STUB).display().to_string().replace(',', ",,");
        arguments.extend(["-gdb".into(), format!("unix:{socket},server=on,wait=off").into()]);
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
