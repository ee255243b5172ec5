//! `--output`: whatever stands there, nothing is lost that was there, and nothing false is said.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use testkit::kernels;

fn command(output: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["check", "--on", "embedded", "--timeout", "100", "--format", "json", "--elf"]);
    command.arg(kernels::build("good")).arg("--output").arg(output).stdin(Stdio::null());
    command
}

fn check(output: &Path) -> Output {
    command(output).output().unwrap()
}

fn held(output: &Output) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), words.as_ref()), (Some(0), ""));
}

/// No verdict; why.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "results only where there are some");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn is_report(path: &Path) {
    let report = fs::read_to_string(path).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap_or_else(|error| panic!("{error}: {report}"));
    assert_eq!(report["verdict"], "pass");
}

/// A folder, and a file in it that is longer than any report.
fn with_file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report");
    fs::write(&file, vec![b'#'; 100_000]).unwrap();
    (folder, file)
}

fn names(folder: &TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

#[test]
fn a_file_keeps_its_mode_and_a_new_one_gets_the_umasks() {
    let (folder, file) = with_file();
    for mode in [0o600, 0o640, 0o666] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        held(&check(&file));
        is_report(&file);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, mode);
    }
    let new = folder.path().join("new");
    for umask in [0o022, 0o077, 0o002] {
        let words = format!("umask {umask:o}; exec \"$@\"");
        let check = command(&new);
        let mut shell = Command::new("sh");
        shell.args(["-c", &words, "sh"]).arg(check.get_program()).args(check.get_args());
        held(&shell.output().unwrap());
        is_report(&new);
        assert_eq!(fs::metadata(&new).unwrap().mode() & 0o7777, 0o666 & !umask);
        fs::remove_file(&new).unwrap();
    }
    assert_eq!(names(&folder), 1, "no half-written file beside it");
}

#[test]
fn a_files_other_names_see_the_report_too() {
    let (folder, file) = with_file();
    let other = folder.path().join("other");
    fs::hard_link(&file, &other).unwrap();
    held(&check(&file));
    is_report(&other);
    assert_eq!(fs::metadata(&file).unwrap().nlink(), 2);
}

#[test]
fn links_are_followed() {
    let (folder, file) = with_file();
    let link = folder.path().join("link");
    symlink("report", &link).unwrap();
    held(&check(&link));
    is_report(&file);
    let dangling = folder.path().join("dangling");
    symlink("elsewhere", &dangling).unwrap();
    held(&check(&dangling));
    is_report(&folder.path().join("elsewhere"));
    for link in [link, dangling] {
        assert!(fs::symlink_metadata(link).unwrap().is_symlink());
    }
    let circle = folder.path().join("circle");
    symlink("circle", &circle).unwrap();
    assert!(refused(&check(&circle)).contains("cannot write"));
}

#[test]
fn devices_and_pipes_are_written_and_stay() {
    // A device of our own would be for root to make; this one refuses what is written.
    let error = refused(&check(Path::new("/dev/full")));
    assert!(error.contains("cannot write /dev/full"), "{error}");
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    held(&check(Path::new("/dev/null")));
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());

    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut text = String::new();
            fs::File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
            text
        }
    });
    held(&check(&pipe));
    assert!(reader.join().unwrap().contains("\"verdict\""));
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    let error = refused(&check(&pipe));
    assert!(error.contains("no process opened this pipe for reading within 10 s"), "{error}");
}

#[test]
fn standard_output_is_written_through_itself() {
    let (folder, file) = with_file();
    for path in ["/dev/stdout", "/proc/self/fd/1"] {
        let status = command(Path::new(path)).stdout(fs::File::create(&file).unwrap()).status().unwrap();
        assert!(status.success());
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with('{') && text.contains("boots: 7 of 7 checks hold"), "{text}");
    }
    held(&check(Path::new("/dev/stdout")));
    assert_eq!(names(&folder), 1);
}

#[test]
fn the_kernel_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("kernel");
    fs::copy(kernels::build("good"), &kernel).unwrap();
    let contents = fs::read(&kernel).unwrap();
    let (hard, soft) = (folder.path().join("hard"), folder.path().join("soft"));
    fs::hard_link(&kernel, &hard).unwrap();
    symlink(&kernel, &soft).unwrap();
    for output in [&kernel, &hard, &soft] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
        command.args(["check", "--on", "embedded", "--elf"]).arg(&kernel).arg("--output").arg(output);
        let error = refused(&command.output().unwrap());
        assert!(error.contains("is the same file as") && error.contains("try: another name"), "{error}");
        assert_eq!(fs::read(&kernel).unwrap(), contents);
    }
}

#[test]
fn without_a_verdict_what_was_there_stays() {
    let (folder, file) = with_file();
    for name in ["report", "other"] {
        let output = folder.path().join(name);
        if name == "other" {
            fs::hard_link(&file, &output).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
        let kernel = kernels::build("needs-flash");
        command.args(["check", "--on", "embedded", "--elf"]).arg(&kernel).arg("--output").arg(&output);
        refused(&command.output().unwrap());
        assert_eq!(fs::metadata(&output).unwrap().len(), 100_000);
    }
}

/// Where nothing can be written any more, as on a full disk.
#[test]
fn a_report_that_does_not_fit_is_no_report() {
    let (folder, file) = with_file();
    let new = folder.path().join("new");
    for output in [&file, &new] {
        let check = command(output);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"])
            .arg(check.get_program())
            .args(check.get_args());
        let error = refused(&shell.output().unwrap());
        assert!(error.contains("cannot write") && error.contains("report") | error.contains("new"), "{error}");
    }
    assert_eq!(fs::metadata(&file).unwrap().len(), 100_000, "the one before is whole");
    assert_eq!(names(&folder), 1, "no half of one");
}

/// What the check prints on a terminal of this kind.
fn on_terminal(kind: &str, ci: bool) -> String {
    let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&terminal).unwrap();
    rustix::pty::unlockpt(&terminal).unwrap();
    let name = rustix::pty::ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let other_end = || fs::OpenOptions::new().read(true).write(true).open(&name).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["check", "--on", "embedded", "--step", "--timeout", "100", "--elf"]).arg(kernels::build("good"));
    command.stdin(Stdio::null()).stdout(other_end()).stderr(other_end()).env("TERM", kind).env_remove("NO_COLOR");
    match ci {
        true => command.env("CI", "true"),
        false => command.env_remove("CI"),
    };
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut shown = Vec::new();
    // At its end reading is an error, as nobody holds the other end any more.
    let _ = fs::File::from(terminal).read_to_end(&mut shown);
    assert!(child.wait().unwrap().success());
    String::from_utf8(shown).unwrap()
}

#[test]
fn a_dumb_terminal_gets_no_colour_and_no_bar() {
    for ci in [false, true] {
        assert!(on_terminal("xterm", ci).contains('\x1b'));
        let plain = on_terminal("dumb", ci);
        assert!(!plain.contains('\x1b') && plain.contains("7 of 7 checks hold"), "{plain}");
    }
}

/// Stopped for longer than the kernel may take: that is no fault of the kernel.
#[test]
fn a_check_that_was_stopped_finds_no_fault() {
    for (on, signal) in [("embedded", "TSTP"), ("embedded", "STOP"), ("qemu", "TSTP")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
        command.args(["check", "--on", on, "--timeout", "4", "--elf"]).arg(kernels::build("counts-for-ever"));
        // In a group of its own: where nobody is left who could continue it, a group is not stopped by SIGTSTP.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let id = child.id();
        let send = |signal: &str| {
            assert!(
                Command::new("bash")
                    .args(["-c", "kill \"$@\"", "kill"])
                    .args([&format!("-{signal}"), &id.to_string()])
                    .status()
                    .unwrap()
                    .success()
            );
        };
        // It is somewhere in its walk, which has no end but the time limit: where does not matter.
        thread::sleep(Duration::from_millis(500));
        send(signal);
        thread::sleep(Duration::from_secs(5));
        assert!(child.try_wait().unwrap().is_none(), "it is stopped");
        send("CONT");
        let error = refused(&child.wait_with_output().unwrap());
        assert!(error.contains("was stopped (Ctrl-Z") && error.contains("try: run it again"), "{on}: {error}");
    }
}

#[test]
fn help_that_cannot_be_written_is_no_success() {
    for arguments in [&["check", "--help"][..], &["--help"], &["--version"], &["help", "serve"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command.args(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
        let output = Command::new(env!("CARGO_BIN_EXE_cargo-debug")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
    // Nothing panics where the reason cannot be told either.
    for arguments in [&["check", "--elf", "/nowhere"][..], &["chekc"], &["serve", "--elf", "/nowhere"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(command.args(arguments).stderr(full).status().unwrap().code(), Some(2), "{arguments:?}");
    }
}
