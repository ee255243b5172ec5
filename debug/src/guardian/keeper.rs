//! The keeper: makes the private folder, starts the watcher, and ends all of it when the front ends. It does not know QEMU.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};

use super::folder::Folder;
use super::{Error, Order, Stub, program, system};
use crate::endpoint::{self, Endpoint};

/// The time limit for killed processes to end.
const END_PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// How long a QEMU that has been killed may go on listening.
const SOCKET_PATIENCE: Duration = Duration::from_secs(2);
/// The exit status of a QEMU that SIGKILL ended, as in a shell.
const KILLED: u8 = 137;

enum KeeperEvent {
    /// The lifeline closed, or a signal told the keeper to end.
    Over,
    /// The watcher ended, with QEMU's exit status.
    Ended(Option<ExitStatus>),
}

/// Runs the machine of `order` until the front or QEMU ends. Returns QEMU's exit status; 128 and above for signals, as in a shell.
///
/// # Errors
/// If the folder cannot be made or the watcher cannot be started.
pub fn keep(order: &Order) -> Result<u8, Error> {
    let (tell, events) = mpsc::channel();
    watch_lifeline(tell.clone());
    watch_signals(tell.clone()).and_then(|()| stay_awake()).map_err(system("catch signals"))?;
    let folder = Folder::make()?;
    // The watcher and its children hold the write end. The read end closes when all of them have ended.
    let (alive, held) = io::pipe().map_err(system("make a pipe"))?;
    fcntl_setfd(&held, FdFlags::empty()).map_err(|cause| system("pass on a pipe")(cause.into()))?;
    let mut watcher = start_watcher(order, folder.path().as_os_str())?;
    drop(held);
    // The watcher's lifeline.
    let lifeline = watcher.stdin.take();
    let group = Pid::from_child(&watcher);
    thread::spawn(move || tell.send(KeeperEvent::Ended(watcher.wait().ok())));
    let status = match events.recv() {
        Ok(KeeperEvent::Ended(Some(status))) => status_of(status),
        _ => KILLED,
    };
    end_group(group, &alive);
    if let Some(Stub::At(Endpoint::Unix(socket))) = &order.stub {
        remove_socket(socket);
    }
    drop(lifeline);
    drop(folder);
    Ok(status)
}

fn start_watcher(order: &Order, folder: &OsStr) -> Result<Child, Error> {
    // Use the name by which the front called it, because /proc may be missing.
    let program = env::args_os().next().map_or_else(program, |path| Ok(path.into()))?;
    let mut command = Command::new(program);
    command.args(order.to_arguments(&["--watch".as_ref(), folder]));
    command.stdin(Stdio::piped()).process_group(0).spawn().map_err(system("start the watcher of QEMU"))
}

/// Waits for the lifeline's end. Bytes on it mean nothing.
fn watch_lifeline(tell: Sender<KeeperEvent>) {
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        tell.send(KeeperEvent::Over)
    });
}

/// Handles the signals of a computer that shuts down.
fn watch_signals(tell: Sender<KeeperEvent>) -> io::Result<()> {
    let (mut caught, catching) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, catching.try_clone()?)?;
    }
    thread::spawn(move || {
        let _ = caught.read(&mut [0]);
        tell.send(KeeperEvent::Over)
    });
    Ok(())
}

/// Ignores the signals that stop a process: a stopped keeper would not notice the end of the front.
pub fn stay_awake() -> io::Result<()> {
    for signal in [SIGTSTP, SIGTTIN, SIGTTOU] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

/// Kills the watcher's group, and waits until all of it has ended: a process that is being killed may still make a file.
fn end_group(group: Pid, alive: &PipeReader) {
    // If no process is left, the number may belong to another group by now.
    if !has_ended(alive, Timespec { tv_sec: 0, tv_nsec: 0 }) {
        let _ = kill_process_group(group, Signal::KILL);
        has_ended(alive, END_PATIENCE);
    }
}

/// Removes a socket whose program is ending, unless it belongs to another program by now, which listens there.
pub fn remove_socket(socket: &Path) {
    let deadline = Instant::now() + SOCKET_PATIENCE;
    // A process that ends closes one file after the other, and no call waits for the last.
    while matches!(endpoint::is_listened(socket), Ok(true)) {
        if Instant::now() >= deadline {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    if endpoint::is_left(socket) {
        // Somebody else may remove it at the same time.
        let _ = fs::remove_file(socket);
    }
}

/// Nothing is ever written to the pipe, so it becomes readable when it closes.
fn has_ended(alive: &PipeReader, limit: Timespec) -> bool {
    let mut waited = [PollFd::new(alive, PollFlags::IN)];
    poll(&mut waited, Some(&limit)).is_ok_and(|count| count > 0)
}

/// The exit status, as in a shell.
pub fn status_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(i32::from(KILLED));
    u8::try_from(code).unwrap_or(KILLED)
}
