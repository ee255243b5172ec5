//! Builds the kernels that tests boot: ours, and the broken and the unusual ones of variants.rs. It runs none of them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "riscv64gc-unknown-none-elf";
const PROJECT: &str = env!("HYPERVISOR_PROJECT");
const VARIANTS: &str = include_str!("../../tests/kernels/variants.rs");

/// The ELF of a kernel: `good` and `good-release` are ours, all other names stand in variants.rs.
pub fn build(name: &str) -> PathBuf {
    match name {
        "good" => ours("dev", "debug"),
        "good-release" => ours("release", "release"),
        _ => variant(name),
    }
}

fn ours(profile: &str, folder: &str) -> PathBuf {
    let target = target();
    run(Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "kernel", "--target", TARGET, "--profile", profile, "--target-dir"])
        .arg(&target)
        .current_dir(PROJECT));
    target.join(TARGET).join(folder).join("hypervisor")
}

/// Cargo's target folder, in which the test that runs lies: target/debug/deps/NAME.
fn target() -> PathBuf {
    let test = env::current_exe().expect("a test knows its file");
    test.ancestors().nth(3).expect("cargo puts tests three folders deep").to_owned()
}

/// Built once for each content of what it is made of. Test threads and test binaries that want it at the same time each
/// build it in a folder of their own, and the last to be ready replaces what the others made, which is the same.
fn variant(name: &str) -> PathBuf {
    assert!(VARIANTS.contains(&format!("{name:?}")), "there is no kernel {name:?} in variants.rs");
    let folder = target().join("tmp/kernels");
    let here = Path::new(env!("HYPERVISOR_PROJECT")).join("debug/tests/kernels");
    let script = Some(here.join(format!("{name}.ld"))).filter(|script| script.exists());
    let script = script.unwrap_or_else(|| Path::new(PROJECT).join("hypervisor.ld"));
    let kernel = folder.join(format!("{name}-{:016x}", version(&script)));
    if kernel.exists() {
        return kernel;
    }
    fs::create_dir_all(&folder).expect("cargo's tmp folder can be written to");
    let own = tempfile::tempdir_in(&folder).expect("cargo's tmp folder can be written to");
    let made = own.path().join(name);
    run(Command::new("rustc")
        .args(["--edition", "2024", "--crate-name", "variant", "--crate-type", "bin", "--target", TARGET])
        .args(["-g", "-C", "opt-level=0", "-C", "panic=abort", "-D", "warnings"])
        .args(["--check-cfg", "cfg(kernel, values(any()))", "--cfg", &format!("kernel={name:?}")])
        .args(["-C", &format!("link-arg=-T{}", script.display()), "-o"])
        .args([&made, Path::new("debug/tests/kernels/variants.rs")])
        .current_dir(PROJECT));
    fs::rename(made, &kernel).expect("both names are in one folder");
    kernel
}

/// Differs when anything differs that the kernel is made of.
fn version(script: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    fs::read(script).expect("the linker script is there").hash(&mut hasher);
    [VARIANTS, include_str!("kernels.rs"), include_str!("../../../kernel/src/panic.rs")].hash(&mut hasher);
    hasher.finish()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
