//! QEMU's record and replay of one boot: QEMU can go back only in a recording. It does not know what is looked for there.
//!
//! The history begins with a snapshot one instruction before the kernel. To go back, QEMU loads a snapshot and runs on from it.
//! QEMU 7.2 restores the machine's timer wrongly: if the firmware then sets that timer, QEMU hangs when the replay comes to the
//! point where it went back. After the firmware only the kernel could set the timer. So a history from reset on would be worse.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::process::Process;
use super::{Error, MachineOptions};
use crate::endpoint::Endpoint;
use crate::guardian::{self, Monitor, Ward};
use crate::machine::{self, Address, Machine, Stop};
use crate::remote::Remote;

/// What QEMU does, in its words, and the socket of its monitor then.
const RECORD: &str = "record";
const REPLAY: &str = "replay";
/// The time limit to come to the kernel's entry.
const ENTRY_PATIENCE: Duration = Duration::from_secs(20);
/// The time limit from there until the kernel idles.
const IDLE_PATIENCE: Duration = Duration::from_secs(3);
/// The pause between two looks at how many instructions were executed, and how often their number has to be the same.
const LOOK: Duration = Duration::from_millis(100);
const SAME: u32 = 4;
/// The time limit for QEMU to complete a recording.
const END_PATIENCE: Duration = Duration::from_secs(30);
/// The largest file, where files are limited: a snapshot holds the machine's memory, and the recording each trap.
const FILE_LIMIT_MIB: u64 = 1024;

/// A boot that is recorded and then replayed. Its files exist until this value and all processes with a descriptor of
/// [`Replay::hold`] have ended.
pub struct Replay {
    machine: MachineOptions,
    folder: PathBuf,
    ward: Ward,
    entry: Address,
    /// How many instructions were executed before the kernel's first.
    before_entry: u64,
}

impl Replay {
    /// For a kernel that the machine enters at `entry`.
    ///
    /// # Errors
    /// If the machine has several harts, or temporary files cannot be written.
    pub fn new(machine: &MachineOptions, entry: Address) -> Result<Replay, Error> {
        if machine.smp > 1 {
            return Err(Error::SeveralHarts { harts: machine.smp });
        }
        let (ward, folder) = Ward::with_folder()?;
        Ok(Replay { machine: machine.clone(), folder, ward, entry, before_entry: 0 })
    }

    /// The command that makes the file for snapshots, before the recorder starts.
    pub fn snapshots_command(&self) -> Command {
        let mut command = Command::new("qemu-img");
        command.args(["create", "-q", "-f", "qcow2"]).arg(self.snapshots()).arg("1M").stdin(Stdio::null());
        command
    }

    /// The machine that records.
    pub fn recorder(&self) -> MachineOptions {
        let mut machine = self.with(RECORD);
        machine.extra.extend(["-pidfile".into(), self.pid_file().into()]);
        // The replay logs all of it again. Of several such options the last counts.
        machine.extra.extend(["-d", "unimp", "-D", "/dev/null"].map(Into::into));
        machine
    }

    /// The machine that replays the recording.
    pub fn replayer(&self) -> MachineOptions {
        self.with(REPLAY)
    }

    /// A descriptor that children inherit: the files stay until the last of those has ended. To be dropped when they have started.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn hold(&self) -> Result<OwnedFd, Error> {
        self.ward.hold().map_err(failed("keeping the recording"))
    }

    /// Records the boot until the kernel idles or powers off. False where it still does something when time is up. QEMU may take
    /// `limit` to start.
    ///
    /// # Errors
    /// If qemu-img is not installed; if QEMU does not start, does not come to the kernel's entry, or cannot complete the recording.
    pub fn record(&mut self, limit: Duration) -> Result<bool, Error> {
        self.create_snapshots()?;
        let held = self.hold()?;
        let (process, folder) = Process::start(&self.recorder(), limit)?;
        drop(held);
        self.before_entry = self.run_to_entry(&folder.join(guardian::STUB))?;
        let came_to_rest = self.await_rest();
        self.complete(process)?;
        Ok(came_to_rest)
    }

    /// Takes the replay, which stands at reset, to where history begins, and leaves two snapshots: one there and one at the kernel's
    /// entry. Where reverse-continue meets no breakpoint, QEMU goes to the instruction before the second snapshot, and stops there
    /// for want of one before the first. Therefore reset has no snapshot (QEMU's rrsnapshot), which 11.1 cannot delete.
    ///
    /// # Errors
    /// If the replay does not come there, or QEMU ends on the way.
    pub fn go_to_origin(&self) -> Result<(), Error> {
        let not_there = || Error::NoOrigin { entry: self.entry, after: ENTRY_PATIENCE };
        let origin = self.before_entry.saturating_sub(1);
        let go = || -> io::Result<bool> {
            let mut monitor = Monitor::connect(&self.folder.join(REPLAY), ENTRY_PATIENCE)?;
            Ok(save_at(&mut monitor, origin, "origin")?
                && save_at(&mut monitor, self.before_entry, "entry")?
                && seek(&mut monitor, origin)?)
        };
        if go().map_err(not_gone)? { Ok(()) } else { Err(not_there()) }
    }

    /// The machine, with the files of this boot. `mode` is [`RECORD`] or [`REPLAY`].
    fn with(&self, mode: &str) -> MachineOptions {
        let mut machine = self.machine.clone();
        let file = |path: &Path| guardian::option_value(path);
        // 2^7 ns per instruction: QEMU handles signals once in 2^31 ns, and 2^24 instructions take little enough time.
        let recording = file(&self.folder.join("recording"));
        let clock = format!("shift=7,rr={mode},rrfile={recording}");
        let drive = format!("file={},if=none,id=rr,cache=unsafe", file(&self.snapshots()));
        let monitor = format!("unix:{},server=on,wait=off", file(&self.folder.join(mode)));
        let options = [("-icount", clock), ("-drive", drive), ("-net", "none".into()), ("-qmp", monitor)];
        machine.extra.extend(options.into_iter().flat_map(|(name, value)| [name.into(), value.into()]));
        machine.file_limit_mib = machine.file_limit_mib.map(|_| FILE_LIMIT_MIB);
        machine
    }

    /// Makes an image that holds snapshots and nothing else.
    fn create_snapshots(&self) -> Result<(), Error> {
        let output = self.snapshots_command().output().map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => Error::NoImageTool,
            _ => failed("running qemu-img")(cause),
        })?;
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() { Ok(()) } else { Err(Error::NoSnapshots { path: self.snapshots(), words }) }
    }

    fn snapshots(&self) -> PathBuf {
        self.folder.join("snapshots")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("pid")
    }

    /// Runs to the kernel's entry, and lets the machine run on. Returns how many instructions came before.
    fn run_to_entry(&self, stub: &Path) -> Result<u64, Error> {
        let deadline = Instant::now() + ENTRY_PATIENCE;
        let mut remote = Remote::attach(&Endpoint::Unix(stub.to_owned()), deadline)?;
        let mut run = || -> Result<Option<u64>, machine::Error> {
            remote.insert_breakpoint(self.entry)?;
            match remote.resume(ENTRY_PATIENCE) {
                Ok(Stop::Breakpoint) => {}
                // QEMU may not even stop then: a recording of a hart that traps for ever was seen to take more than 10 seconds.
                Ok(_) | Err(machine::Error::Timeout { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
            let count = count_in(&remote.monitor("info replay")?);
            remote.remove_breakpoint(self.entry)?;
            remote.detach()?;
            Ok(count)
        };
        run()?.ok_or(Error::NoEntry { entry: self.entry, after: ENTRY_PATIENCE })
    }

    /// The kernel idles when the number of instructions stays the same. While a kernel is busy, QEMU may not reply at all.
    fn await_rest(&self) -> bool {
        let deadline = Instant::now() + IDLE_PATIENCE;
        let watch = || -> io::Result<bool> {
            let mut monitor = Monitor::connect(&self.folder.join(RECORD), IDLE_PATIENCE)?;
            let (mut before, mut same) = (None, 0);
            while same < SAME {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(false);
                }
                thread::sleep(LOOK.min(left));
                let count = count_in(&monitor.ask_within("info replay", left)?);
                same = if count.is_some() && count == before { same + 1 } else { 0 };
                before = count;
            }
            Ok(true)
        };
        // Any other error is QEMU's end: the kernel has powered off.
        watch().unwrap_or_else(|error| error.kind() != io::ErrorKind::WouldBlock)
    }

    /// On SIGTERM QEMU completes its recording and exits with status 0.
    fn complete(&self, mut process: Process) -> Result<(), Error> {
        // There is none where it has ended by itself.
        let pid = fs::read_to_string(self.pid_file()).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        match process.end_within(END_PATIENCE) {
            Some(0) => Ok(()),
            _ => Err(Error::Failed { what: "recording the boot", words: process.words() }),
        }
    }
}

/// Takes a snapshot of this name after so many instructions. False where the replay does not come there.
fn save_at(monitor: &mut Monitor, count: u64, name: &str) -> io::Result<bool> {
    if !seek(monitor, count)? {
        return Ok(false);
    }
    monitor.ask(&format!("savevm {name}"))?;
    Ok(monitor.ask("info snapshots")?.split_whitespace().any(|word| word == name))
}

/// Runs the replay until it has executed so many instructions, and stops it there. False where it does not come there.
fn seek(monitor: &mut Monitor, count: u64) -> io::Result<bool> {
    let deadline = Instant::now() + ENTRY_PATIENCE;
    monitor.ask(&format!("replay_seek {count}"))?;
    loop {
        let is_paused = monitor.ask("info status")?.contains("paused");
        if is_paused && count_in(&monitor.ask("info replay")?) == Some(count) {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        // QEMU does not tell when it has come there.
        thread::sleep(Duration::from_millis(20));
    }
}

/// The number of instructions in the monitor's answer to `info replay`.
fn count_in(said: &str) -> Option<u64> {
    let (_, behind) = said.split_once("instruction count = ")?;
    behind.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

/// Why the monitor did not take the replay to the entry.
fn not_gone(cause: io::Error) -> Error {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    match cause.kind() {
        BrokenPipe | ConnectionReset | UnexpectedEof => Error::ReplayEnded,
        _ => failed("going to the kernel's entry")(cause),
    }
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |cause| Error::Failed { what, words: cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_what_qemu_says() {
        let said = "Replaying execution 'recording': instruction count = 57032/98211\r\n";
        assert_eq!(count_in(said), Some(57032));
        assert_eq!(count_in("Recording execution 'recording': instruction count = 12\r\n"), Some(12));
        assert_eq!(count_in("Record/replay is not active\r\n"), None);
    }

    #[test]
    fn an_end_of_qemu_is_told_from_its_silence() {
        use std::os::unix::net::UnixStream;
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let ended = Monitor::new(ours).ask("delvm init").unwrap_err();
        assert!(matches!(not_gone(ended), Error::ReplayEnded));
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let silent = Monitor::new(ours).ask_within("delvm init", Duration::from_millis(1)).unwrap_err();
        assert!(matches!(not_gone(silent), Error::Failed { .. }));
    }
}
