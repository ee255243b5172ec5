//! A private folder that is locked while its owner lives, and removed with it. It does not know what is in it.

use std::env;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::getuid;
use tempfile::TempDir;

use super::{Error, PROGRAM};

/// Who holds its lock owns the folder. The operating system ends a lock with the process that holds it.
const OWNER: &str = "owner";
/// The lock file before it is locked.
const UNLOCKED: &str = "owner.new";
/// A path to a socket may have 103 bytes; a name in here needs so many.
const LONGEST: usize = 79;
/// How long a folder may be without a lock: between two system calls.
const NEWBORN: Duration = Duration::from_secs(60);

/// It is there while this value is, and no longer.
pub struct Folder {
    folder: TempDir,
    _owner: File,
}

impl Folder {
    /// Makes one, after having removed those that a killed owner left.
    ///
    /// # Errors
    /// [`Error::Folder`] where temporary files cannot be written.
    pub fn make() -> Result<Folder, Error> {
        let around = temporary();
        clear_left(&around);
        make_in(&around).map_err(|cause| Error::Folder { folder: around, cause })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn make_in(around: &Path) -> std::io::Result<Folder> {
    let folder = tempfile::Builder::new().prefix(&prefix()).tempdir_in(around)?;
    let unlocked = folder.path().join(UNLOCKED);
    let owner = File::create(&unlocked)?;
    flock(&owner, FlockOperation::NonBlockingLockExclusive)?;
    // Who finds it under this name finds it locked.
    fs::rename(&unlocked, folder.path().join(OWNER))?;
    Ok(Folder { folder, _owner: owner })
}

fn prefix() -> String {
    format!("{PROGRAM}.")
}

/// Where temporary files go, and a socket's path is short enough.
fn temporary() -> PathBuf {
    let named = env::temp_dir();
    let bytes = named.as_os_str().as_bytes();
    let fits = bytes.len() <= LONGEST && !bytes.contains(&b'\n') && named.is_absolute() && named.is_dir();
    if fits { named } else { "/tmp".into() }
}

/// Removes the folders of this user that nobody owns any more.
fn clear_left(around: &Path) {
    let Ok(entries) = fs::read_dir(around) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_bytes().starts_with(prefix().as_bytes()) && is_left(&entry.path()) {
            // Another keeper may do the same.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_left(folder: &Path) -> bool {
    let Ok(metadata) = fs::symlink_metadata(folder) else { return false };
    if !metadata.is_dir() || metadata.uid() != getuid().as_raw() {
        return false;
    }
    match File::open(folder.join(OWNER)) {
        Ok(owner) => flock(&owner, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(_) => metadata.modified().ok().and_then(|made| made.elapsed().ok()).is_some_and(|age| age > NEWBORN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_left_when_its_owner_has_ended_and_not_before() {
        let around = tempfile::tempdir().unwrap();
        let owned = make_in(around.path()).unwrap();
        let left = around.path().join("cargo-debug.left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(OWNER), "").unwrap();
        let newborn = around.path().join("cargo-debug.newborn");
        fs::create_dir(&newborn).unwrap();
        let others = around.path().join("another.program");
        fs::create_dir(&others).unwrap();
        fs::write(others.join(OWNER), "").unwrap();
        clear_left(around.path());
        assert!(owned.path().exists() && newborn.exists() && others.exists());
        assert!(!left.exists());
    }
}
