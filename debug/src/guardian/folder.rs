//! A private folder that is locked while its owner lives, and removed afterwards. It does not know its contents.

use std::env;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::getuid;
use tempfile::TempDir;

use super::{Error, PROGRAM};

/// The lock file. The process that holds the lock owns the folder; the operating system releases the lock when the process ends.
const OWNER: &str = "owner";
/// The lock file before it is locked.
const UNLOCKED: &str = "owner.new";
/// How many bytes of a socket's path a name in this folder needs. The path may have 103 bytes.
const LONGEST: usize = 79;
/// The longest time between making a folder and locking it.
const NEWBORN: Duration = Duration::from_secs(60);

/// The folder exists as long as this value.
pub struct Folder {
    folder: TempDir,
    _owner: File,
}

impl Folder {
    /// Makes a folder, and removes those that killed owners left.
    ///
    /// # Errors
    /// [`Error::Folder`] if temporary files cannot be written.
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
    // Whatever the umask is.
    let alone = Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix(&prefix()).permissions(alone).tempdir_in(around)?;
    let unlocked = folder.path().join(UNLOCKED);
    let owner = File::create(&unlocked)?;
    flock(&owner, FlockOperation::NonBlockingLockExclusive)?;
    // Under its final name the folder is always locked.
    fs::rename(&unlocked, folder.path().join(OWNER))?;
    Ok(Folder { folder, _owner: owner })
}

fn prefix() -> String {
    format!("{PROGRAM}.")
}

/// The folder for temporary files, if a socket's path in it is short enough.
fn temporary() -> PathBuf {
    let named = env::temp_dir();
    let bytes = named.as_os_str().as_bytes();
    let fits = bytes.len() <= LONGEST && !bytes.contains(&b'\n') && named.is_absolute() && named.is_dir();
    if fits { named } else { "/tmp".into() }
}

/// Removes this user's folders that have no owner any more.
fn clear_left(around: &Path) {
    let Ok(entries) = fs::read_dir(around) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_bytes().starts_with(prefix().as_bytes()) && is_left(&entry.path()) {
            // Another keeper may remove it at the same time.
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
