//! The command as its users meet it: exit codes, reports, errors, and nothing left behind however it ends.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use testkit::kernels;
use testkit::processes::Family;
use testkit::programs;

fn debug(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(arguments).stdin(Stdio::null()).current_dir(env!("HYPERVISOR_PROJECT"));
    command
}

fn run(arguments: &[&str]) -> Output {
    debug(arguments).output().unwrap()
}

/// With far more time than it needs: this machine may be busy with other tests.
fn check(kernel: &str, arguments: &[&str]) -> Output {
    let kernel = kernels::build(kernel);
    run(&[&["check", "--timeout", "100", "--elf", kernel.to_str().unwrap()], arguments].concat())
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Sees it end with this status.
fn ends_with(output: &Output, status: i32) {
    assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Sees that there is no verdict, and gives the reason.
fn no_verdict(output: &Output) -> String {
    let words = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert_eq!(stdout(output), "", "results only where there are some");
    assert!(!words.contains("panicked"), "{words}");
    words
}

#[test]
fn the_exit_code_is_the_verdict() {
    ends_with(&check("good", &[]), 0);
    ends_with(&check("sp-off-by-16", &[]), 1);
}

#[test]
fn without_a_terminal_there_is_no_colour_and_no_narration() {
    let output = check("good", &["--step"]);
    assert!(!stdout(&output).contains('\x1b'));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(stdout(&output).ends_with(" ms on qemu)\n"));
}

#[test]
fn json_keeps_its_promise() {
    let output = check("load-from-0", &["--format", "json"]);
    ends_with(&output, 1);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["schema", "machine", "kernel", "verdict", "elapsed_ms", "checks", "console"]);
    assert_eq!(report["schema"], 1);
    assert_eq!(report["machine"], "qemu");
    assert_eq!(report["verdict"], "fail");
    let statuses: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|check| check["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["pass", "pass", "pass", "pass", "fail", "not run", "not run"]);
    let trap = &report["checks"][4];
    let keys: Vec<&String> = trap.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "status", "summary", "expected", "found", "try", "location", "data"]);
    assert!(trap["location"]["file"].as_str().unwrap().ends_with("variants.rs"));
    assert!(trap["location"]["line"].as_u64().unwrap() > 0);
    assert_eq!(trap["data"]["scause"], "0x5");
}

#[test]
fn a_report_goes_into_its_file_and_its_text_to_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("junit.xml");
    let output = check("good", &["--format", "junit", "--output", file.to_str().unwrap()]);
    ends_with(&output, 0);
    assert!(stdout(&output).contains("boots: 7 of 7 checks hold"));
    let junit = fs::read_to_string(&file).unwrap();
    assert!(junit.starts_with("<?xml") && !junit.contains("<failure"), "{junit}");
    assert_eq!(junit.matches("<testcase ").count(), 7, "{junit}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no half-written file beside it");
}

#[test]
fn what_is_no_kernel_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read(kernels::build("good")).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut other = good.clone();
    other[18] = 62; // e_machine: x86-64
    for (path, words) in [
        (file("text", b"#!/bin/sh\n"), "text"),
        (file("empty", b""), "empty"),
        (file("truncated", &good[..2000]), "truncated"),
        (file("other", &other), "x86-64"),
        (folder.path().join("none").to_str().unwrap().to_owned(), "none"),
    ] {
        let error = no_verdict(&run(&["check", "--elf", &path]));
        assert!(error.contains(words) && error.contains(&path), "{error}");
    }
}

#[test]
fn a_missing_symbol_comes_with_near_names_and_its_option() {
    let error = no_verdict(&check("renamed", &["--entry", "boot"]));
    assert!(error.contains("no symbol boot") && error.contains("_start") && error.contains("--entry"), "{error}");
    ends_with(&check("renamed", &[]), 0);
    let names = ["--entry", "_start", "--stack-top", "boot_stack_top", "--bss-start", "sbss", "--bss-end", "ebss"];
    ends_with(&check("renamed", &names), 0);
}

#[test]
fn bad_arguments_are_told() {
    for arguments in [
        &["check", "--on", "nowhere"][..],
        &["check", "--timeout", "0"],
        &["check", "--timeout", "NaN"],
        &["check", "--instructions", "-1"],
        &["check", "--instructions", "18446744073709551616"],
        &["check", "--format", "yaml"],
        &["chekc"],
    ] {
        no_verdict(&run(arguments));
    }
    let error = no_verdict(&check("good", &["--output", "/nowhere/report"]));
    assert!(error.contains("/nowhere/report"), "{error}");
}

#[test]
fn a_time_that_is_over_before_the_firmware_was_through_is_no_verdict() {
    let kernel = kernels::build("good");
    let kernel = kernel.to_str().unwrap();
    let error = no_verdict(&run(&["check", "--on", "qemu", "--timeout", "0.001", "--elf", kernel]));
    assert!(
        error.contains("the time limit was reached in the firmware") && error.contains("try: a longer --timeout"),
        "{error}"
    );
    // A kernel that began, and never came to its entry, is one that fails.
    let kernel = kernels::build("boot-not-first");
    let arguments = ["check", "--on", "qemu", "--timeout", "5", "--elf", kernel.to_str().unwrap()];
    ends_with(&run(&arguments), 1);
}

#[test]
fn a_limit_of_instructions_is_one_of_the_embedded_machine() {
    let limited = |on: &str, limit: &str| check("good", &["--on", on, "--instructions", limit]);
    let cut = limited("embedded", "0");
    ends_with(&cut, 1);
    let said = String::from_utf8_lossy(&cut.stdout);
    assert!(
        said.contains("the limit of 0 instructions was reached") && said.contains("a larger --instructions"),
        "{said}"
    );
    let whole = limited("embedded", "18446744073709551615");
    ends_with(&whole, 0);
    assert!(whole.stderr.is_empty(), "{whole:?}");
    let without = limited("qemu", "0");
    ends_with(&without, 0);
    let said = String::from_utf8_lossy(&without.stderr);
    assert!(said.contains("--instructions has no effect on qemu") && said.contains("try: --on embedded"), "{said}");
}

/// A program in QEMU's place.
fn with_qemu(script: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let qemu = folder.path().join("qemu");
    programs::write_script(&qemu, script);
    with_qemu_at(&qemu)
}

fn with_qemu_at(qemu: &Path) -> Output {
    let kernel = kernels::build("good");
    let arguments = ["check", "--timeout", "2", "--elf", kernel.to_str().unwrap()];
    debug(&arguments).env("QEMU", qemu).output().unwrap()
}

#[test]
fn a_qemu_that_is_missing_or_dies_is_told_with_its_last_words() {
    let error = no_verdict(&with_qemu_at(Path::new("/nowhere/qemu")));
    assert!(error.contains("/nowhere/qemu"), "{error}");
    let error = no_verdict(&with_qemu("echo 'cannot set up guest memory' >&2; exit 1"));
    assert!(error.contains("cannot set up guest memory"), "{error}");
}

/// A PATH with all but QEMU on it.
fn path_without_qemu(folder: &Path) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap();
    for from in std::env::split_paths(&path) {
        for program in fs::read_dir(&from).into_iter().flatten().flatten() {
            let name = program.file_name();
            if !name.to_string_lossy().starts_with("qemu-") {
                // The first on the path is the one that is found.
                let _ = std::os::unix::fs::symlink(from.join(&name), folder.join(&name));
            }
        }
    }
    folder.into()
}

#[test]
fn without_qemu_the_embedded_machine_gives_the_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let path = path_without_qemu(folder.path());
    let kernel = kernels::build("good");
    let mut command = debug(&["check", "--format", "json", "--elf", kernel.to_str().unwrap()]);
    let output = command.env("PATH", &path).env_remove("QEMU").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["machine"], &report["verdict"]), (&"embedded".into(), &"pass".into()));
}

#[test]
fn the_embedded_machine_needs_nothing_else() {
    let output = check("good", &["--on", "embedded"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).ends_with(" ms on embedded)\n"), "{}", stdout(&output));
    assert_eq!(check("bss-starts-too-early", &["--on", "embedded"]).status.code(), Some(1));
    let error = no_verdict(&check("needs-flash", &["--on", "embedded"]));
    assert!(error.contains("flash memory") && error.contains("run this kernel on QEMU"), "{error}");
    assert_eq!(check("needs-flash", &[]).status.code(), Some(0));
}

#[test]
fn on_both_the_verdict_holds_for_either_machine() {
    let kernel = kernels::build("good-release");
    let arguments =
        ["check", "--on", "both", "--timeout", "100", "--format", "json", "--elf", kernel.to_str().unwrap()];
    let output = run(&arguments);
    ends_with(&output, 0);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["machine"], "both");
    let checks = report["checks"].as_array().unwrap();
    assert_eq!((checks.len(), &checks[7]["name"]), (8, &"lockstep".into()));
    assert!(checks[7]["summary"].as_str().unwrap().starts_with("qemu and embedded do the same"), "{report:#}");

    // A kernel that is broken is broken on both: they agree, and it fails.
    let output = check("load-from-0", &["--on", "both"]);
    ends_with(&output, 1);
    let report = stdout(&output);
    assert!(report.contains("FAIL     trap") && report.contains("ok       lockstep"), "{report}");
    let error = no_verdict(&debug(&arguments).env("QEMU", "/nowhere/qemu").output().unwrap());
    assert!(error.contains("/nowhere/qemu"), "{error}");
}

#[test]
fn nobody_at_the_other_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let target = format!("unix:{}", folder.path().join("nobody").display());
    let error = no_verdict(&check("good", &["--on", &target]));
    assert!(error.contains(&target) && error.contains("./run.sh --wait"), "{error}");
}

/// A check that would take minutes.
fn long_check(temporary: &Path) -> Child {
    let kernel = kernels::build("large-bss");
    let arguments = ["check", "--step", "--timeout", "600", "--elf", kernel.to_str().unwrap()];
    debug(&arguments).env("TMPDIR", temporary).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Sends the signal to one process, which this test started and has not waited for.
fn signal(name: &str, process: &Child) {
    let sent = Command::new("bash")
        .args(["-c", "kill \"$@\"", "kill"])
        .args([&format!("-{name}"), &process.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn nothing_outlives_a_check_that_is_killed() {
    for name in ["INT", "TERM", "HUP", "KILL"] {
        let temporary = tempfile::tempdir().unwrap();
        let mut check = long_check(temporary.path());
        let family = Family::with_qemu(check.id());
        signal(name, &check);
        assert!(!check.wait().unwrap().success());
        family.assert_gone();
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "its socket and log are gone as well");
    }
}

#[test]
fn attaching_checks_a_machine_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("gdb");
    let kernel = kernels::build("good");
    let mut run_sh = Command::new(concat!(env!("HYPERVISOR_PROJECT"), "/run.sh"))
        .args(["--wait", "--tied", "--socket"])
        .args([&socket, Path::new("--kernel"), &kernel])
        .env("QEMU_LOG", folder.path().join("log"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let family = Family::with_qemu(run_sh.id());
    let mut line = String::new();
    let mut output = std::io::BufReader::new(run_sh.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let target = line.trim().strip_prefix("waiting for GDB on ").unwrap();
    let output = check("good", &["--on", target]);
    ends_with(&output, 0);
    // It stands where the walk ended, and that is not at reset.
    let error = no_verdict(&check("good", &["--on", target]));
    assert!(error.contains("not at reset") && error.contains("hypervisor::idle"), "{error}");
    drop(run_sh.stdin.take());
    run_sh.wait().unwrap();
    family.assert_gone();
}

#[test]
fn our_kernel_boots_without_luck() {
    let kernel = kernels::build("good");
    let output = run(&["check", "--on", "embedded", "--harsh", "--elf", kernel.to_str().unwrap()]);
    ends_with(&output, 0);
    assert!(
        stdout(&output).contains("ok    luck     boots in 17 ways that the boot protocol allows"),
        "{}",
        stdout(&output)
    );
}

/// QEMU takes the root of a guest's table at any page; the manual does not.
#[test]
fn a_guest_with_its_root_at_any_page_boots_by_luck() {
    ends_with(&check("guest-root-at-any-page", &["--on", "embedded"]), 0);
    let output = check("guest-root-at-any-page", &["--on", "embedded", "--harsh"]);
    ends_with(&output, 1);
    let words = "boots by luck: it fails if hgatp holds only roots at multiples of 16 KiB, as in the manual (QEMU holds any): trap: \
                 load guest-page fault";
    assert!(stdout(&output).contains(words), "{}", stdout(&output));
}

#[test]
fn what_does_not_boot_at_all_is_not_tried_for_luck() {
    let output = check("sp-off-by-16", &["--on", "embedded", "--harsh"]);
    ends_with(&output, 1);
    assert!(stdout(&output).contains("not run  luck     the normal boot does not pass"), "{}", stdout(&output));
}

/// Whose reader stands still: the kernel stands still too, and neither the time nor a signal waits for it.
#[test]
fn a_run_whose_output_nobody_reads_ends_in_time_and_by_a_signal() {
    for machine in ["qemu", "embedded"] {
        let run = |arguments: &[&str]| {
            let mut command = debug(&["run", "--on", machine]);
            command.args(arguments).arg("--kernel").arg(kernels::build("prints-for-ever"));
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut run_out = run(&["--timeout", "3"]);
        let unread = run_out.stdout.take();
        let output = run_out.wait_with_output().unwrap();
        ends_with(&output, 1);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains("the kernel has not ended within 3 s"), "{machine}: {words}");
        drop(unread);

        let mut ended = run(&[]);
        let mut unread = ended.stdout.take().unwrap();
        unread.read_exact(&mut [0]).unwrap(); // the kernel prints, and the signal is caught
        signal("TERM", &ended);
        assert_eq!(ended.wait().unwrap().code(), Some(128 + 15), "{machine}");
    }
}

/// A reader that comes late misses nothing, where the kernel powers off before.
#[test]
fn a_run_waits_for_the_reader_of_what_was_printed() {
    let mut command = debug(&["run", "--on", "embedded", "--kernel"]);
    let child = command.arg(kernels::build("prints-much")).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    thread::sleep(Duration::from_secs(3)); // longer than what is dropped waits
    let mut printed = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut printed).unwrap();
    assert_eq!((child.wait().unwrap().code(), printed.len()), (Some(0), 1 << 20));
}
