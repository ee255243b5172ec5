//! Which GDB: the one that `$GDB` names, or the first here that knows RISC-V. It does not know what it is for.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::bail;
use debug::guardian::find_in_path;

/// By who names it so: Debian; Homebrew and Arch; builds from source; xPack; others.
const NAMES: [&str; 6] = [
    "gdb-multiarch",
    "riscv64-elf-gdb",
    "riscv64-unknown-elf-gdb",
    "riscv64-unknown-linux-gnu-gdb",
    "riscv-none-elf-gdb",
    "gdb",
];

/// The program.
///
/// # Errors
/// Where there is none, and where the one that was asked for does not know RISC-V.
pub fn find() -> anyhow::Result<PathBuf> {
    if let Some(name) = env::var_os("GDB").filter(|name| !name.is_empty()) {
        return match knows_riscv(&name) {
            Some(true) => Ok(name.into()),
            Some(false) => {
                bail!("GDB={} does not know RISC-V (riscv:rv64); try: another, or leave GDB unset", name.display())
            }
            None => bail!("GDB={} cannot be run; try: another, or leave GDB unset", name.display()),
        };
    }
    let found =
        NAMES.iter().filter_map(|name| find_in_path(name)).find(|path| knows_riscv(path.as_os_str()) == Some(true));
    match found {
        Some(path) => Ok(path),
        None => bail!("no GDB with RISC-V support is installed; try: {}, or GDB=PROGRAM", install()),
    }
}

fn install() -> &'static str {
    if cfg!(target_os = "macos") {
        "brew install riscv64-elf-gdb"
    } else {
        "apt install gdb-multiarch, dnf install gdb, or pacman -S riscv64-elf-gdb"
    }
}

/// `None` where it does not run.
fn knows_riscv(program: &OsStr) -> Option<bool> {
    let mut gdb = Command::new(program);
    gdb.args(["-nx", "-batch", "-ex", "set architecture riscv:rv64", "-ex", "show architecture"]).stdin(Stdio::null());
    let output = gdb.stderr(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).contains("\"riscv:rv64\""))
}
