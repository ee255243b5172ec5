//! `--test` and `--check`: which commands they run, seen by a cargo that only notes them down.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use testkit::programs::write_script;

use crate::script::{PROJECT, Script};

/// A call with a cargo that notes down its arguments, and does `effect`; and what it noted.
fn with_cargo(script: Script, effect: &str) -> (crate::script::Finished, String) {
    let bin = tempfile::tempdir().unwrap();
    write_script(&bin.path().join("cargo"), &format!("echo \"$*\" >>\"${{0%/*}}/log\"\n{effect}"));
    let path = format!("{}:{}", bin.path().display(), env::var("PATH").unwrap());
    let finished = script.env("PATH", path).finish();
    (finished, fs::read_to_string(bin.path().join("log")).unwrap())
}

#[test]
fn test_runs_every_step_and_names_those_that_failed() {
    let script = Script::new(&["--test", "--", "--nocapture"]);
    let effect = "case \"$1 $2 $3\" in 'clippy --package kernel' | 'doc --workspace'*) exit 101 ;; \
                  'test --no-fail-fast'*) echo 'not tried: this or that' >>\"$NOT_TRIED\" ;; esac";
    let (finished, cargo) = with_cargo(script, effect);
    // Whether Rust has macOS's library differs from computer to computer.
    let for_macos = "clippy --package debug --target aarch64-apple-darwin -- -D warnings";
    assert_ne!(cargo.contains(for_macos), finished.stderr.contains("run.sh: not run: compiling for macOS"));
    assert_eq!(
        cargo.lines().filter(|line| *line != for_macos).collect::<Vec<_>>(),
        [
            "fmt --all --check",
            "clippy --workspace --exclude kernel --all-targets --test truth -- -D warnings",
            "clippy --package kernel --target riscv64gc-unknown-none-elf -- -D warnings",
            "build --release --package debug",
            "test --no-fail-fast --workspace --exclude kernel -- --nocapture",
            "test --no-fail-fast --package debug --test gdb --test serve",
            "test --package debug --test truth",
            "doc --workspace --exclude kernel --no-deps",
        ]
    );
    assert_eq!(finished.code(), 1);
    assert_eq!(finished.stderr.matches("\nrun.sh: not tried: this or that\n").count(), 1, "{}", finished.stderr);
    let failed: Vec<&str> =
        finished.stderr.lines().filter_map(|line| line.strip_prefix("run.sh: failed: cargo ")).collect();
    assert_eq!(failed, ["clippy --package kernel --target riscv64gc-unknown-none-elf -- -D warnings"]);
    assert!(finished.stderr.ends_with("cargo doc --workspace --exclude kernel --no-deps\n"), "{}", finished.stderr);
}

/// A script's background jobs ignore SIGINT, and so would all that the tests start and interrupt.
#[test]
fn test_can_be_interrupted_in_the_background_of_a_script() {
    let mut script = Script::new(&[]);
    script.command = Command::new("bash");
    script.command.args(["-c", "./run.sh --test & wait $!"]).current_dir(PROJECT).stdin(Stdio::null());
    let ignored = "case $1 in doc) grep SigIgn /proc/$$/status >>\"${0%/*}/log\" ;; esac";
    let (_, cargo) = with_cargo(script, ignored);
    let mask = cargo.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("it came to the last step");
    let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
    assert_eq!(mask & 1 << 1, 0, "SIGINT is number 2: {mask:x}");
}

#[test]
fn ci_calls_the_same_here_and_on_new_machines() {
    let ci = fs::read_to_string(Path::new(PROJECT).join(".ci/run")).unwrap();
    for part in ["./run.sh --test", ".ci/fresh --as root bookworm", ".ci/fresh --as person trixie"] {
        assert!(ci.contains(part), "{part}");
    }
}

/// What it needs it says, whoever calls it: neither of these gets as far as making a folder.
#[test]
fn a_new_machine_is_refused_with_what_to_do() {
    let fresh = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(PROJECT).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, words) = fresh(".ci/fresh", &[]);
    assert_eq!((code, words.contains(".ci/fresh RELEASE COMMAND...")), (Some(2), true), "{words}");

    // Root, in a namespace of its own, is nobody.
    let (code, words) = fresh("unshare", &["--user", ".ci/fresh", "trixie"]);
    assert_eq!((code, words.contains("try: sudo")), (Some(2), true), "{words}");

    let bin = tempfile::tempdir().unwrap();
    write_script(&bin.path().join("dirname"), "echo .ci");
    let path = format!("PATH={}", bin.path().display());
    let (code, words) = fresh("unshare", &["--map-root-user", "env", &path, "/bin/bash", ".ci/fresh", "trixie"]);
    assert_eq!((code, words.contains("apt-get install debootstrap")), (Some(2), true), "{words}");
}

#[test]
fn a_first_build_is_announced_and_a_later_one_is_not() {
    for (built, announced) in [(false, true), (true, false)] {
        let target = tempfile::tempdir().unwrap();
        if built {
            fs::create_dir(target.path().join("release")).unwrap();
        }
        let script = Script::new(&["--check"]).env("CARGO_TARGET_DIR", target.path());
        let (finished, _) = with_cargo(script, "echo '{\"executable\":\"/bin/echo\"}'");
        let said = finished.stderr.find("the first build takes some minutes");
        assert_eq!(said.is_some(), announced, "{}", finished.stderr);
        assert!(said < finished.stderr.find("+ cargo build"), "before it begins: {}", finished.stderr);
    }
}

#[test]
fn check_passes_on_its_arguments_and_runs_in_the_callers_folder() {
    let elsewhere = tempfile::tempdir().unwrap();
    let debug = write_script(&elsewhere.path().join("debug"), "pwd -P; printf '%s\\n' \"$@\"; exit 1");
    fs::write(elsewhere.path().join("my.elf"), "an ELF").unwrap();
    let mut script = Script::new(&["--check", "--format", "json", "--kernel", "my.elf", "--output", "a report"]);
    script.command.current_dir(&elsewhere);
    let (finished, cargo) =
        with_cargo(script, &format!("echo '{{\"executable\":\"{}\",\"fresh\":true}}'", debug.display()));
    assert!(cargo.starts_with("build --release --package debug "), "{cargo}");
    assert_eq!(finished.code(), 1, "its status is the script's: {}", finished.stderr);
    let folder = elsewhere.path().canonicalize().unwrap();
    let elf = elsewhere.path().join("my.elf");
    let expected = [
        &folder.display().to_string(),
        "check",
        "--format",
        "json",
        "--output",
        "a report",
        "--elf",
        elf.to_str().unwrap(),
    ];
    assert_eq!(finished.stdout.lines().collect::<Vec<_>>(), expected);
}
