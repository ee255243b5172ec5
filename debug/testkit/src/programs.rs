//! Programs that a test makes and starts.
//!
//! A file that any process has open for writing cannot be executed (ETXTBSY), and tests run side by side: a child that another test starts
//! has each open file of this process until it executes its own program. So another process writes the file, and it has ended before the
//! program starts.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Writes an executable file.
pub fn write(path: &Path, contents: &[u8]) -> PathBuf {
    let mut writer = Command::new("sh")
        .args(["-c", r#"cat >"$1" && chmod 755 "$1""#, "write"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    writer.stdin.take().expect("a pipe").write_all(contents).expect("the program's contents are taken");
    assert!(writer.wait().expect("the writer ends").success(), "cannot write {}", path.display());
    path.to_owned()
}

/// Writes a shell script of these lines.
pub fn write_script(path: &Path, lines: &str) -> PathBuf {
    write(path, format!("#!/bin/sh\n{lines}\n").as_bytes())
}
