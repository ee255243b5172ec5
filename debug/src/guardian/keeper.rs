//! The keeper: makes the private folder, starts the watcher, and ends all of it when the front ends. It does not know QEMU.

use std::env;
use std::ffi::OsStr;
use std::io::{self, PipeReader, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Sender};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};

use super::folder::Folder;
use super::{Error, Order, program, system};

/// How long what was killed may take to end.
const END_PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
/// The status of a QEMU that SIGKILL ended, as a shell tells it.
const KILLED: u8 = 137;

enum Event {
    /// The lifeline has ended, or somebody wants us to end.
    Over,
    /// The watcher has ended, and says how QEMU did.
    Ended(Option<ExitStatus>),
}

/// Keeps the machine of `order` until the front's end or its own; QEMU's exit status then, 128 and more for signals as in a shell.
///
/// # Errors
/// Where no folder can be made, and where the watcher cannot be started.
pub fn keep(order: &Order) -> Result<u8, Error> {
    let (tell, events) = mpsc::channel();
    watch_lifeline(tell.clone());
    watch_signals(tell.clone()).and_then(|()| stay_awake()).map_err(system("catch signals"))?;
    let folder = Folder::make()?;
    // Its write end is in the watcher and in all that it starts: who reads its end knows that all of them have ended.
    let (alive, held) = io::pipe().map_err(system("make a pipe"))?;
    fcntl_setfd(&held, FdFlags::empty()).map_err(|cause| system("pass on a pipe")(cause.into()))?;
    let mut watcher = start_watcher(order, folder.path().as_os_str())?;
    drop(held);
    // The watcher's lifeline.
    let lifeline = watcher.stdin.take();
    let group = Pid::from_child(&watcher);
    thread::spawn(move || tell.send(Event::Ended(watcher.wait().ok())));
    let status = match events.recv() {
        Ok(Event::Ended(Some(status))) => status_of(status),
        _ => KILLED,
    };
    end_group(group, &alive);
    drop(lifeline);
    drop(folder);
    Ok(status)
}

fn start_watcher(order: &Order, folder: &OsStr) -> Result<Child, Error> {
    // As the front called it, which is not looked up in /proc.
    let program = env::args_os().next().map_or_else(program, |path| Ok(path.into()))?;
    let mut command = Command::new(program);
    command.args(order.to_arguments(&["--watch".as_ref(), folder]));
    command.stdin(Stdio::piped()).process_group(0).spawn().map_err(system("start the watcher of QEMU"))
}

/// What comes through the lifeline has no meaning: only its end has.
fn watch_lifeline(tell: Sender<Event>) {
    thread::spawn(move || {
        let mut bytes = [0; 64];
        let mut lifeline = io::stdin().lock();
        loop {
            match lifeline.read(&mut bytes) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return tell.send(Event::Over),
            }
        }
    });
}

/// A computer that shuts down asks everybody to end.
fn watch_signals(tell: Sender<Event>) -> io::Result<()> {
    let (mut caught, catching) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, catching.try_clone()?)?;
    }
    thread::spawn(move || {
        let _ = caught.read(&mut [0]);
        tell.send(Event::Over)
    });
    Ok(())
}

/// What stops a process that is not in the foreground, or is asked to stop: who sleeps notices no end.
pub fn stay_awake() -> io::Result<()> {
    for signal in [SIGTSTP, SIGTTIN, SIGTTOU] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

/// Ends the watcher's group, and waits until all of it has ended: what is being killed may still make a file.
fn end_group(group: Pid, alive: &PipeReader) {
    // Where nobody is left, the number may be another's by now.
    if !has_ended(alive, Timespec { tv_sec: 0, tv_nsec: 0 }) {
        let _ = kill_process_group(group, Signal::KILL);
        has_ended(alive, END_PATIENCE);
    }
}

/// Nothing is ever written to it, so what can be read is its end.
fn has_ended(alive: &PipeReader, limit: Timespec) -> bool {
    let mut waited = [PollFd::new(alive, PollFlags::IN)];
    poll(&mut waited, Some(&limit)).is_ok_and(|count| count > 0)
}

/// An exit status as a shell tells it.
pub fn status_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(i32::from(KILLED));
    u8::try_from(code).unwrap_or(KILLED)
}
