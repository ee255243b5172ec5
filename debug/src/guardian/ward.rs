//! What else has to be put in order when the front ends in any way: another process, which is ended, and a terminal, which gets its
//! settings back; a private folder and a socket are removed. A process of its own does it, as the keeper does for QEMU. It does not know what they are.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::folder::Folder;
use super::keeper::{remove_socket, stay_awake};
use super::{Error, SUBCOMMAND, program, system};

/// What the front says of a process, in a line with its number behind.
const ENDS_WITH_US: &str = "ends with us ";
/// What the front says of a socket, in a line with its path's bytes behind, in hexadecimal: a path may have any of them, and is often no text.
const GOES_WITH_US: &str = "goes with us ";
/// What the front says when nothing is left to do.
const DONE: &str = "done";

/// How long the process may take to end when it is asked to, and between two looks whether it has.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

/// The front's side. Dropping it means that all is in order.
pub struct Ward {
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Ward {
    /// For a process that is named later.
    ///
    /// # Errors
    /// If this program cannot be started again.
    pub fn start() -> Result<Ward, Error> {
        Ward::spawn(&[], Stdio::null())
    }

    /// As [`Ward::start`], and with a private folder, which exists until both this value and the process have ended.
    ///
    /// # Errors
    /// If this program cannot be started again; if it cannot make a folder.
    pub fn with_folder() -> Result<(Ward, PathBuf), Error> {
        let mut ward = Ward::spawn(&["--folder".into()], Stdio::piped())?;
        let mut path = Vec::new();
        let said = ward.child.stdout.take().map_or(Ok(0), |said| BufReader::new(said).read_until(b'\n', &mut path));
        said.map_err(system("read the path of a private folder"))?;
        match path.pop() {
            Some(_) => Ok((ward, OsString::from_vec(path).into())),
            // The process could not make one. Here that fails, too, and says why.
            None => Err(Folder::make().err().unwrap_or_else(|| {
                system("make a private folder")(io::Error::other("the process that makes it ended"))
            })),
        }
    }

    /// For a terminal, with the settings that it has now.
    ///
    /// # Errors
    /// If its settings cannot be read; if this program cannot be started again.
    pub fn of_terminal(terminal: BorrowedFd<'_>) -> Result<Ward, Error> {
        let copy = || terminal.try_clone_to_owned().map(Stdio::from).map_err(system("pass on a terminal"));
        let asked = Command::new("stty").arg("-g").stdin(copy()?).stderr(Stdio::null()).output();
        let asked = asked.map_err(system("run stty"))?;
        let settings = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        Ward::spawn(&["--terminal".into(), settings.into()], copy()?)
    }

    fn spawn(arguments: &[OsString], terminal: Stdio) -> Result<Ward, Error> {
        let mut command = Command::new(program()?);
        command.args([SUBCOMMAND, "--ward"]).args(arguments).process_group(0);
        let spawned = command.stdin(Stdio::piped()).stdout(terminal).stderr(Stdio::null()).spawn();
        let mut child = spawned.map_err(system("start the process that cleans up at the end"))?;
        let lifeline = child.stdin.take();
        Ok(Ward { child, lifeline })
    }

    /// Ends this process, too, if we end before it does.
    ///
    /// # Errors
    /// If nobody is there to do so.
    pub fn end_with_us(&mut self, process: u32) -> io::Result<()> {
        self.say(&format!("{ENDS_WITH_US}{process}"))
    }

    /// Removes a socket at which we listen, if we end and leave it.
    ///
    /// # Errors
    /// If nobody is there to do so.
    pub fn remove_with_us(&mut self, socket: &Path) -> io::Result<()> {
        let path = std::path::absolute(socket)?;
        let bytes: String = path.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        self.say(&format!("{GOES_WITH_US}{bytes}"))
    }

    /// A descriptor that children inherit, and their children: as long as one of them has it, nothing is put in order.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn hold(&self) -> io::Result<OwnedFd> {
        let lifeline = self.lifeline.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(rustix::io::dup(lifeline)?)
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        match &mut self.lifeline {
            Some(lifeline) => writeln!(lifeline, "{line}"),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        if let Some(mut lifeline) = self.lifeline.take() {
            // If it has ended, there is nothing to tell.
            let _ = writeln!(lifeline, "{DONE}");
        }
        let _ = self.child.wait();
    }
}

/// Waits for the front's end, and puts in order what it left. `settings` are those of the terminal at standard output. `with_folder`:
/// prints the path of a private folder there, which exists until the end.
///
/// # Errors
/// If a system call fails.
pub fn ward(settings: Option<&str>, with_folder: bool) -> Result<u8, Error> {
    stay_awake().map_err(system("catch signals"))?;
    let folder = if with_folder { Some(Folder::make()?) } else { None };
    if let Some(folder) = &folder {
        let path = [folder.path().as_os_str().as_bytes(), b"\n"].concat();
        io::stdout().write_all(&path).and_then(|()| io::stdout().flush()).map_err(system("tell the private folder"))?;
    }
    let (mut process, mut socket) = (None, None);
    // A line that is not text is the end, too: our front never writes one.
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if line == DONE {
            return Ok(0);
        }
        if let Some(path) = line.strip_prefix(GOES_WITH_US) {
            socket = from_hexadecimal(path);
        }
        if let Some(number) = line.strip_prefix(ENDS_WITH_US) {
            process = number.parse().ok().and_then(Pid::from_raw);
        }
    }
    if let Some(process) = process {
        end(process);
    }
    if let Some(socket) = socket {
        remove_socket(&socket);
    }
    if let Some(settings) = settings {
        let terminal = io::stdout().as_fd().try_clone_to_owned().map_err(system("pass on a terminal"))?;
        // The shell may have the terminal by now: a process behind it may change its settings if it ignores SIGTTOU.
        let mut stty = Command::new("sh");
        stty.args(["-c", "trap '' TTOU; exec stty \"$1\"", "sh", settings]).stdin(terminal);
        stty.status().map_err(system("run stty"))?;
    }
    Ok(0)
}

fn from_hexadecimal(digits: &str) -> Option<PathBuf> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty()).map(|bytes| OsString::from_vec(bytes).into())
}

/// It is asked to end first, because it may restore its terminal.
fn end(process: Pid) {
    let deadline = Instant::now() + PATIENCE;
    let _ = kill_process(process, Signal::TERM);
    // No call waits for the end of a process that is not our child.
    while test_kill_process(process).is_ok() {
        if Instant::now() >= deadline {
            let _ = kill_process(process, Signal::KILL);
            return;
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_s_bytes_come_back() {
        assert_eq!(from_hexadecimal("2fff0a41"), Some(OsString::from_vec(b"/\xff\nA".to_vec()).into()));
        assert_eq!((from_hexadecimal("2"), from_hexadecimal("2g"), from_hexadecimal("é")), (None, None, None));
    }
}
