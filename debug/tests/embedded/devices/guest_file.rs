//! Builds the guests with rustc alone. It does not know what they do.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "riscv64gc-unknown-none-elf";
const PROJECT: &str = env!("HYPERVISOR_PROJECT");
/// Where the guest's sources are, from the project's folder.
const SOURCES: &str = "debug/tests/embedded/devices/guest";

/// The ELF of the guest that runs this program, built once for each content of its sources.
pub fn build(program: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let made = folder.join(format!("{program}-{:016x}", version()));
    if made.exists() {
        return made;
    }
    fs::create_dir_all(&folder).expect("cargo's tmp folder can be written to");
    // Who wants it at the same time builds it in a folder of their own; the last replaces what the others made, which is the same.
    let own = tempfile::tempdir_in(&folder).expect("cargo's tmp folder can be written to");
    let linked = own.path().join(program);
    let output = Command::new("rustc")
        .args(["--edition", "2024", "--crate-name", "guest", "--crate-type", "bin", "--target", TARGET])
        .args(["-C", "opt-level=1", "-C", "panic=abort", "-D", "warnings", "-A", "dead_code"])
        .args(["--check-cfg", "cfg(guest, values(any()))", "--cfg", &format!("guest={program:?}")])
        .args(["-C", "link-arg=-Thypervisor.ld", "-o"])
        .args([&linked, &Path::new(SOURCES).join("main.rs")])
        .current_dir(PROJECT)
        .output()
        .expect("rustc is there");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    fs::rename(linked, &made).expect("both names are in one folder");
    made
}

/// Differs when anything differs that a guest is made of.
fn version() -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut sources: Vec<PathBuf> = fs::read_dir(Path::new(PROJECT).join(SOURCES))
        .expect("the guest's folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    sources.sort();
    sources.push(Path::new(PROJECT).join("hypervisor.ld"));
    for source in sources {
        fs::read(source).expect("it is there").hash(&mut hasher);
    }
    include_str!("guest_file.rs").hash(&mut hasher);
    hasher.finish()
}
