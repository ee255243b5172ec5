//! What else has to be put in order when the front ends in any way: another process, which is ended, and a terminal, which gets its
//! settings back; a private folder and a socket are removed. A process of its own does it, as the keeper does for QEMU. It does not know what they are.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::folder::Folder;
use super::keeper::{remove_socket, stay_awake};
use super::{Error, SUBCOMMAND, program, system};

/// In the private folder: a link to the number of the process that ends with us. Who makes it first wins: a process that enters,
/// or the one that puts in order, after which no process enters any more.
const ENDS_WITH_US: &str = "ends-with-us";
/// The link's target if the end came first.
const NOBODY: &str = "nobody";
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
    let mut socket = None;
    // A line that is not text is the end, too: our front never writes one.
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if line == DONE {
            return Ok(0);
        }
        if let Some(path) = line.strip_prefix(GOES_WITH_US) {
            socket = from_hexadecimal(path);
        }
    }
    if let Some(process) = folder.as_ref().and_then(|folder| entered(folder.path())) {
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

/// Starts `command` as a process that ends with us, too, if we end before it does. `folder` is the private one of a [`Ward`], whose
/// process has to know its number: it writes that down itself before it becomes the program ([`enter`]), so there is no moment at which
/// we are gone and nobody knows of it.
///
/// # Errors
/// If this program cannot be started again.
pub fn spawn_in(folder: &Path, command: &Command) -> Result<Child, Error> {
    let mut entering = Command::new(program()?);
    entering.args([SUBCOMMAND, "--enter"]).arg(folder).arg("--").arg(command.get_program()).args(command.get_args());
    entering.spawn().map_err(system("start the process that becomes another program"))
}

/// Becomes `program`, as the process of the folder's ward that ends with the front.
///
/// # Errors
/// If the front has ended already; if the program cannot be run.
pub fn enter(folder: &Path, program: &OsStr, arguments: &[OsString]) -> Error {
    let entered = symlink(process::id().to_string(), folder.join(ENDS_WITH_US));
    match entered {
        Ok(()) => Error::Program { program: program.into(), cause: Command::new(program).args(arguments).exec() },
        Err(cause) => system("run a program whose starter has ended")(cause),
    }
}

/// The process that entered. From now on none can.
fn entered(folder: &Path) -> Option<Pid> {
    let link = folder.join(ENDS_WITH_US);
    let _ = symlink(NOBODY, &link);
    fs::read_link(link).ok()?.to_str()?.parse().ok().and_then(Pid::from_raw)
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
    fn the_process_that_entered_is_known_and_after_the_end_none_enters() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join(ENDS_WITH_US);
        symlink("4711", &link).unwrap();
        assert_eq!(entered(folder.path()), Pid::from_raw(4711));
        fs::remove_file(link).unwrap();
        assert_eq!(entered(folder.path()), None);
        let late = enter(folder.path(), "true".as_ref(), &[]);
        assert!(matches!(late, Error::System { cause, .. } if cause.kind() == io::ErrorKind::AlreadyExists));
    }

    #[test]
    fn a_path_s_bytes_come_back() {
        assert_eq!(from_hexadecimal("2fff0a41"), Some(OsString::from_vec(b"/\xff\nA".to_vec()).into()));
        assert_eq!((from_hexadecimal("2"), from_hexadecimal("2g"), from_hexadecimal("é")), (None, None, None));
    }
}
