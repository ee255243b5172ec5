//! Real kernels on the embedded machine, from Debian's packages alone: U-Boot to its prompt in S-mode and M-mode, and Debian's Linux to a
//! shell that writes a file to a disk, and back to before it did. Both also boot on Debian's OpenSBI, executed as code.
//!
//! install.sh brings the packages' files into target/truth; without them each test fails. So `cargo test` runs these only where it is asked
//! for them: `cargo test -p debug --test truth`, which run.sh --test calls.

mod cpio;
mod disk;
mod linux;
mod session;
mod uboot;

use std::path::PathBuf;

/// What install.sh brought.
fn file(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let file = PathBuf::from(env!("HYPERVISOR_PROJECT")).join(target).join("truth").join(name);
    assert!(file.exists(), "{} is not there; try: debug/tests/truth/install.sh", file.display());
    file
}
