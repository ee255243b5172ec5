//! Which GDB the tests use: the one that `$GDB` names, else the first here that knows RISC-V.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// As in debug/src/cli/find_gdb.rs.
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
/// # Panics
/// If there is none.
pub fn gdb() -> &'static str {
    static FOUND: OnceLock<String> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(named) = std::env::var("GDB").ok().filter(|name| !name.is_empty()) {
            return named;
        }
        let found = NAMES.into_iter().find(|name| knows_riscv(name));
        found.expect("a GDB with RISC-V support is installed, or named in $GDB").to_owned()
    })
}

/// What a GDB has said, with the words of GDB 13 where GDB 16 and later have others: the end of the past.
pub fn in_older_words(said: &str) -> String {
    said.replace("Reached end of recorded history; stopping.", "No more reverse-execution history.")
}

fn knows_riscv(program: &str) -> bool {
    let mut gdb = Command::new(program);
    gdb.args(["-nx", "-batch", "-ex", "set architecture riscv:rv64", "-ex", "show architecture"]);
    let output = gdb.stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("\"riscv:rv64\""))
}
