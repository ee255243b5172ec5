//! Writes files for people, such as reports. Only this module does; it does not know the contents.
//!
//! | the path is | what happens |
//! | --- | --- |
//! | free | a file is written beside it and renamed, so it appears whole |
//! | a regular file with only this name and no special attributes | the same; the mode stays |
//! | any other regular file | it is overwritten in place: links, owner and attributes stay |
//! | a pipe, a terminal, a device | it is opened and written |
//! | our own standard output or error | it is written there, at the current position |
//!
//! Symbolic links are followed. An input file cannot be the output. A file that is written beside another has no name until it is whole,
//! where the system can do that: a process that is killed leaves none behind.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

/// The time limit for a pipe's reader to appear.
const READER_PATIENCE: Duration = Duration::from_secs(10);
/// The interval between two attempts: no system call waits for a reader with a time limit.
const READER_LOOK: Duration = Duration::from_millis(5);
/// How many symbolic links are followed, as in Linux.
const MOST_LINKS: usize = 40;

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output is a folder.
    #[error("cannot write {}: it is a folder; try: a file in it", .0.display())]
    Folder(PathBuf),

    /// The output is an input.
    #[error("cannot write {}: it is the same file as {}, which is read; try: another name", output.display(), input.display())]
    SameAsInput {
        /// The output.
        output: PathBuf,
        /// The input.
        input: PathBuf,
    },

    /// The output is a pipe that has no reader.
    #[error("cannot write {}: no process opened this pipe for reading within {} s; try: start its reader first", .0.display(), READER_PATIENCE.as_secs())]
    NoReader(PathBuf),

    /// The output cannot be written.
    #[error("cannot write {}: {cause}; try: a file in a folder that you may write to", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        cause: io::Error,
    },
}

/// A file that can be written when its contents are known.
pub struct OutputFile {
    path: PathBuf,
    way: Way,
}

enum Way {
    /// A new file, which gets the path as its name.
    Replace(NewFile, PathBuf),
    /// The file itself; true if it must be truncated first.
    Open(File, bool),
    /// A pipe. Opening it waits for its reader.
    Pipe,
}

impl OutputFile {
    /// Makes sure that `path` can be written and is not one of `inputs`. The old file stays until [`OutputFile::write`].
    ///
    /// # Errors
    /// [`Error`]
    pub fn create(path: &Path, inputs: &[&Path]) -> Result<OutputFile, Error> {
        let failed = |cause| Error::Failed { path: path.into(), cause };
        let way = match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(Error::Folder(path.into())),
            Ok(there) => {
                if let Some(input) = inputs.iter().find(|input| is_same(input, &there)) {
                    return Err(Error::SameAsInput { output: path.into(), input: input.to_path_buf() });
                }
                existing(path, &there).map_err(failed)?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => new(&follow(path)).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        };
        Ok(OutputFile { path: path.into(), way })
    }

    /// Writes the whole contents.
    ///
    /// # Errors
    /// [`Error::NoReader`], [`Error::Failed`]
    pub fn write(self, contents: &[u8]) -> Result<(), Error> {
        let path = self.path;
        let failed = |cause| Error::Failed { path: path.clone(), cause };
        match self.way {
            Way::Replace(new, target) => new.write(contents, &target).map_err(failed)?,
            Way::Open(mut file, truncates) => {
                if truncates {
                    file.set_len(0).map_err(failed)?;
                }
                file.write_all(contents).map_err(failed)?;
                if truncates {
                    file.sync_all().map_err(failed)?;
                }
            }
            Way::Pipe => open_pipe(&path)?.write_all(contents).map_err(failed)?,
        }
        Ok(())
    }
}

/// A file that does not have its name yet.
enum NewFile {
    Unnamed(File),
    Named(NamedTempFile),
}

impl NewFile {
    /// In `folder`; the umask applies to `mode`.
    fn new_in(folder: &Path, mode: u32) -> io::Result<NewFile> {
        if let Some(file) = unnamed(folder, mode) {
            return Ok(NewFile::Unnamed(file));
        }
        let mut named = tempfile::Builder::new();
        named.permissions(Permissions::from_mode(mode)).tempfile_in(folder).map(NewFile::Named)
    }

    fn file(&self) -> &File {
        match self {
            NewFile::Unnamed(file) => file,
            NewFile::Named(file) => file.as_file(),
        }
    }

    /// Writes the whole contents, and gives the file its name.
    fn write(self, contents: &[u8], target: &Path) -> io::Result<()> {
        self.file().write_all(contents)?;
        self.file().sync_all()?;
        match self {
            NewFile::Named(file) => drop(file.persist(target)?),
            NewFile::Unnamed(file) => match link(&file, target) {
                // A name cannot be given in place of another; a rename can.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let linked = tempfile::Builder::new().make_in(folder(target), |beside| link(&file, beside))?;
                    linked.persist(target).map_err(|error| error.error)?;
                }
                linked => linked?,
            },
        }
        Ok(())
    }
}

/// A file without a name that can get one, where the system and the file system have such.
#[cfg(target_os = "linux")]
fn unnamed(folder: &Path, mode: u32) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder, flags, rustix::fs::Mode::from_raw_mode(mode)).ok()?);
    fs::metadata(by_descriptor(&file)).is_ok().then_some(file)
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_folder: &Path, _mode: u32) -> Option<File> {
    None
}

fn by_descriptor(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Gives the file a name that is free (open(2), "O_TMPFILE").
fn link(file: &File, path: &Path) -> io::Result<()> {
    let flags = rustix::fs::AtFlags::SYMLINK_FOLLOW;
    Ok(rustix::fs::linkat(rustix::fs::CWD, by_descriptor(file), rustix::fs::CWD, path, flags)?)
}

fn is_same(path: &Path, file: &Metadata) -> bool {
    fs::metadata(path).is_ok_and(|other| (other.dev(), other.ino()) == (file.dev(), file.ino()))
}

/// The target of a path whose last part may be a dangling link.
fn follow(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(target) = fs::read_link(&path) else { break };
        path = folder(&path).join(target);
    }
    path
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn new(target: &Path) -> io::Result<Way> {
    Ok(Way::Replace(NewFile::new_in(folder(target), 0o666).map_err(without_path)?, target.into()))
}

fn existing(path: &Path, there: &Metadata) -> io::Result<Way> {
    if let Some(ours) = own_stream(there) {
        return Ok(Way::Open(ours, false));
    }
    if there.file_type().is_fifo() {
        return Ok(Way::Pipe);
    }
    // Open it to check permissions: someone who can only write to the folder must not replace the file.
    let file = OpenOptions::new().write(true).open(path)?;
    let Some(file_beside) = replacement(path, there, &file) else { return Ok(Way::Open(file, there.is_file())) };
    Ok(file_beside)
}

/// A file that can replace the old one without loss.
fn replacement(path: &Path, there: &Metadata, file: &File) -> Option<Way> {
    if !there.is_file() || there.nlink() != 1 || has_attributes(file) {
        return None;
    }
    let target = fs::canonicalize(path).ok().filter(|target| is_same(target, there))?;
    let beside = NewFile::new_in(folder(&target), 0o600).ok()?;
    let owner = |file: &Metadata| (file.uid(), file.gid());
    if owner(&beside.file().metadata().ok()?) != owner(there) {
        return None;
    }
    beside.file().set_permissions(Permissions::from_mode(there.mode() & 0o7777)).ok()?;
    Some(Way::Replace(beside, target))
}

/// Whether it has access lists or other attributes, which a new file would not have.
fn has_attributes(file: &File) -> bool {
    let mut none: [u8; 0] = [];
    // Only on systems that have them.
    rustix::fs::flistxattr(file, &mut none).is_ok_and(|length| length > 0)
}

/// Our standard output or error, if it is the file. A newly opened file would be written from its start.
fn own_stream(there: &Metadata) -> Option<File> {
    [io::stdout().as_fd(), io::stderr().as_fd()].into_iter().find_map(|stream| {
        let stream = File::from(stream.try_clone_to_owned().ok()?);
        let metadata = stream.metadata().ok()?;
        ((metadata.dev(), metadata.ino()) == (there.dev(), there.ino())).then_some(stream)
    })
}

/// Waits for a reader of the pipe.
fn open_pipe(path: &Path) -> Result<File, Error> {
    let failed = |cause| Error::Failed { path: path.into(), cause };
    let deadline = Instant::now() + READER_PATIENCE;
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    loop {
        match OpenOptions::new().write(true).custom_flags(nonblocking).open(path) {
            Ok(file) => {
                let flags = rustix::fs::fcntl_getfl(&file).map_err(|error| failed(error.into()))?;
                rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK).map_err(|error| failed(error.into()))?;
                return Ok(file);
            }
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {}
            Err(error) => return Err(failed(error)),
        }
        if Instant::now() >= deadline {
            return Err(Error::NoReader(path.into()));
        }
        thread::sleep(READER_LOOK);
    }
}

/// The cause without the temporary file's name that tempfile adds.
fn without_path(error: io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
