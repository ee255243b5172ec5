//! How QEMU ends under a walk: by the kernel, which is a finding, or by somebody else, which is an error that says so.

use std::process::{Command, Output, Stdio};

use debug::checks::{self, Layout, Names, Options, Status};
use debug::machine::{Machine, Stop};
use debug::{Image, Qemu};
use std::time::Duration;
use testkit::kernels;
use testkit::processes::Family;
use testkit::programs;

const LIMIT: Duration = Duration::from_secs(100);

/// The check of a kernel on QEMU by this script.
fn check_with_qemu(script: &str, kernel: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let qemu = folder.path().join("qemu");
    programs::write(&qemu, script.as_bytes());
    let kernel = kernels::build(kernel);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["check", "--on", "qemu", "--timeout", "60", "--elf"]).arg(kernel);
    command.env("QEMU", &qemu).stdin(Stdio::null()).output().unwrap()
}

/// What stands before the script's own words.
fn real_qemu() -> String {
    format!("qemu={}", std::env::var("QEMU").unwrap_or("qemu-system-riscv64".into()))
}

#[test]
fn a_qemu_that_is_killed_is_an_error_without_hints_on_how_to_attach() {
    let script = format!("#!/bin/sh\n{}\n\"$qemu\" \"$@\" & sleep 2; kill -KILL $!; wait $!\n", real_qemu());
    let output = check_with_qemu(&script, "counts-for-ever");
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("gone") && !words.contains("attach") && !words.contains("target remote"), "{words}");
}

#[test]
fn a_qemu_that_gives_up_is_quoted() {
    let script = format!(
        "#!/bin/sh\n{}\n\"$qemu\" \"$@\" & sleep 2; echo 'qemu: out of luck' >&2; kill -KILL $!; exit 1\n",
        real_qemu()
    );
    let output = check_with_qemu(&script, "counts-for-ever");
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("qemu: out of luck") && !words.contains("attach"), "{words}");
}

/// No watchpoint is on the finisher here. QEMU 7.2 ends at once, later ones stand still.
#[test]
fn power_off_is_a_stop_with_and_without_the_machine() {
    let kernel = kernels::build("power-off-mapped");
    let mut qemu = Qemu::start(&kernel, LIMIT).unwrap();
    let family = Family::with_qemu(qemu.guardian());
    let stop = qemu.resume(LIMIT).unwrap();
    assert!(matches!(stop, Stop::Exited { status: None | Some(0) }), "{stop:?}");
    let looked_at = qemu.registers().is_ok();
    assert_eq!(looked_at, stop == Stop::Exited { status: None });
    drop(qemu);
    family.assert_gone();
}

/// Nothing tells the walk where the finisher is, and yet it is no error.
#[test]
fn a_power_off_that_comes_unseen_is_no_error() {
    let kernel = kernels::build("power-off-mapped-unfenced");
    let image = Image::open(&kernel).unwrap();
    let layout = Layout::of(&image, Names::default()).unwrap();
    let mut qemu = Qemu::start(&kernel, LIMIT).unwrap();
    let findings = checks::check(qemu.machine(), &image, &layout, Options::default()).unwrap();
    assert!(findings.iter().all(|finding| finding.status != Status::Fail), "{findings:#?}");
}

/// A disk that was full for a moment, say. What QEMU does not start with the second time either, it refuses.
#[test]
fn a_qemu_that_starts_the_second_time_judges_the_kernel() {
    let first = tempfile::tempdir().unwrap();
    let fails_once = format!(
        "#!/bin/sh\n{}\n[ ! -d {1} ] || {{ rmdir {1}; echo 'no space' >&2; exit 1; }}\nexec \"$qemu\" \"$@\"\n",
        real_qemu(),
        first.path().display()
    );
    let output = check_with_qemu(&fails_once, "good");
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(!first.path().exists(), "it failed once");
    assert!(output.status.code() == Some(0) && report.contains("boots: 7 of 7"), "{report}");
}
