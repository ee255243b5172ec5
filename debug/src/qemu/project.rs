//! Finds this project's folder at run time: it may have been copied or moved since it was compiled. It only knows the files by
//! which it recognises the folder.

use std::env;
use std::path::{Path, PathBuf};

use super::Error;

/// The variable that names the folder. Cargo sets it for programs that it runs (.cargo/config.toml), and run.sh for its own.
const VARIABLE: &str = "HYPERVISOR_PROJECT";
/// Files that no other folder has together.
const MARKS: [&str; 3] = ["run.sh", "hypervisor.ld", "debug/Cargo.toml"];

/// The folder whose kernel may be built and checked: the one in the environment, else the one that contains this program, else the
/// current one.
pub fn folder() -> Result<PathBuf, Error> {
    let named = env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
    find(named, [env::current_exe().ok(), env::current_dir().ok()])
}

/// Whether that folder is this project's, or in it.
pub fn is_our_project(folder: &Path) -> bool {
    folder.ancestors().any(is_project)
}

/// Whether there is this project, wherever it is.
pub fn has_our_project() -> bool {
    folder().is_ok()
}

fn find(named: Option<PathBuf>, places: [Option<PathBuf>; 2]) -> Result<PathBuf, Error> {
    match named {
        Some(folder) if is_project(&folder) => Ok(folder),
        Some(folder) => Err(Error::NotTheProject { variable: VARIABLE, folder }),
        None => {
            let found = places.iter().flatten().find_map(|place| place.ancestors().find(|folder| is_project(folder)));
            found.map(Path::to_owned).ok_or(Error::NoProject { variable: VARIABLE })
        }
    }
}

fn is_project(folder: &Path) -> bool {
    MARKS.iter().all(|mark| folder.join(mark).is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("debug")).unwrap();
        for mark in MARKS {
            fs::write(folder.path().join(mark), "").unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_that_is_named_comes_before_the_program_s_and_that_before_the_caller_s() {
        let [named, program, caller] = [project(), project(), project()];
        let places =
            || [Some(program.path().join("target/release/cargo-debug")), Some(caller.path().join("kernel/src"))];
        assert_eq!(find(Some(named.path().to_owned()), places()).unwrap(), named.path());
        assert_eq!(find(None, places()).unwrap(), program.path());
        assert_eq!(find(None, [None, places()[1].clone()]).unwrap(), caller.path());
    }

    #[test]
    fn a_folder_that_is_not_the_project_is_said() {
        let other = tempfile::tempdir().unwrap();
        let error = find(Some(other.path().to_owned()), [None, None]).unwrap_err().to_string();
        assert!(error.contains(&other.path().display().to_string()) && error.contains(VARIABLE), "{error}");
        fs::write(other.path().join("run.sh"), "somebody else's").unwrap();
        assert!(matches!(find(None, [Some(other.path().to_owned()), None]), Err(Error::NoProject { .. })));
    }
}
