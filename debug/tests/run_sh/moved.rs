//! A checkout that was copied, moved, or given the target folder of another, as CI's caches do: what it judges is itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::script::{Finished, PROJECT, Script};

/// What a checkout has, but for what was built.
const SOURCES: [&str; 8] =
    ["run.sh", "run", ".cargo", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "hypervisor.ld", "kernel"];

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// With all times as they were, by which cargo decides what to build anew.
fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").args([from, to]));
}

fn checkout(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for name in SOURCES.iter().chain(&["debug"]) {
        copy(&Path::new(PROJECT).join(name), &folder.join(name));
    }
}

/// The verdict's exit status, the kernel that it is about, and whether the clear was found wanting.
fn verdict(finished: &Finished) -> (i32, String, bool) {
    let code = finished.code();
    let report: serde_json::Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", finished.stdout, finished.stderr));
    let checks = report["checks"].as_array().unwrap();
    let fails = checks.iter().any(|check| check["name"] == "bss" && check["status"] == "fail");
    (code, report["kernel"].as_str().unwrap().to_owned(), fails)
}

const CHECK: [&str; 4] = ["--on", "embedded", "--format", "json"];

fn check(project: &Path) -> (i32, String, bool) {
    verdict(&run_check(project))
}

fn run_check(project: &Path) -> Finished {
    let mut script = Script::at(project, &[&["--check"], &CHECK[..]].concat());
    script.command.env_remove("CARGO_TARGET_DIR");
    script.finish()
}

fn kernel_of(project: &Path) -> String {
    project.join("hypervisor.elf").display().to_string()
}

#[test]
fn a_copied_moved_or_cached_checkout_judges_its_own_kernel() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    run(Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--package", "debug", "--target-dir"])
        .arg(target)
        .current_dir(PROJECT));
    let around = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let around = around.path().canonicalize().unwrap();

    let copied = around.join("copied");
    checkout(&copied);
    fs::create_dir(copied.join("target")).unwrap();
    copy(&target.join("release"), &copied.join("target/release"));
    assert_eq!(check(&copied), (0, kernel_of(&copied), false));
    let main = copied.join("kernel/src/main.rs");
    let source = fs::read_to_string(&main).unwrap();
    let broken = source.replace("bss::clear();", "");
    assert_ne!(source, broken);
    fs::write(&main, broken).unwrap();
    let finished = run_check(&copied);
    assert_eq!(verdict(&finished), (1, kernel_of(&copied), true));
    // The compiler's warning is the diagnosis.
    assert!(finished.stderr.contains("function `clear` is never used"), "{}", finished.stderr);

    let moved = around.join("moved");
    fs::rename(&copied, &moved).unwrap();
    assert_eq!(check(&moved), (1, kernel_of(&moved), true));
    // The program itself, called from a folder that tells nothing.
    let mut script = Script::new(&[]);
    script.command = Command::new(moved.join("target/release/cargo-debug"));
    script.command.arg("check").args(CHECK).current_dir("/").env_remove("HYPERVISOR_PROJECT");
    assert_eq!(verdict(&script.finish()), (1, kernel_of(&moved), true));

    let cached = around.join("cached");
    checkout(&cached);
    fs::rename(moved.join("target"), cached.join("target")).unwrap();
    assert_eq!(check(&cached), (0, kernel_of(&cached), false));
}
