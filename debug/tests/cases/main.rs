//! Kernels that people's bug reports taught us, each with its right answer, on both machines. It does not know how they are judged.
//!
//! Each case is one source in this folder, one fault or one legal habit. Its first lines say what is right:
//!
//! | line | says |
//! | --- | --- |
//! | `expect` | the first check that fails, or one of several (`a|b`); `pass`; `refused` for exit status 2 |
//! | `words` | regular expressions, `;` between them, that the failing check must say, find or locate |
//! | `flags` | what the command is given besides |
//! | `on` | the only machine that it is for |
//! | `why` | why that is right |
//!
//! What an assembler is enough for is built here, by the Rust toolchain alone; for the others see `build`.

mod judge;
mod kernel;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use judge::{Answer, Case};

/// How long one case may take: those that wait for a limit of the command's own are given 20 s.
const LIMIT: Duration = Duration::from_secs(240);
/// How long the command may take, where the case does not say, in seconds: other tests run beside these.
const TIMEOUT: &str = "100";
/// How many are judged at the same time, on whichever machine. A boot on QEMU has a companion, whose time is limited by the clock.
/// Boots on QEMU wait for most of their time: with three, two cores are busy for two thirds of it.
const AT_ONCE: usize = 3;

#[test]
fn each_is_judged_right_on_both_machines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let sources = fs::read_dir(&folder).expect("the cases are there").map(|entry| entry.unwrap().path());
    let mut cases: Vec<Case> = sources.filter_map(|source| Case::read(&source)).collect();
    cases.sort_by(|one, other| other.name.cmp(&one.name));
    let is_for = |case: &Case, machine: &str| case.on.as_deref().is_none_or(|on| on == machine);
    let machines = |case| ["embedded", "qemu"].map(|machine| (case, machine));
    let asked: Vec<(&Case, &str)> =
        cases.iter().flat_map(machines).filter(|(case, machine)| is_for(case, machine)).collect();
    assert!(asked.len() > 200, "{} cases", asked.len());
    let (queue, wrong) = (Mutex::new(asked), Mutex::new(Vec::new()));
    let next = || queue.lock().unwrap().pop();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((case, machine)) = next() {
                    let Some(fault) = judge::fault(case, &answer(case, machine)) else { continue };
                    wrong.lock().unwrap().push(format!("{} on {machine}: {fault}", case.name));
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What the kernel printed, and what was typed, is in the file that --console names; so is what a bad kernel printed until it failed.
#[test]
fn the_console_goes_into_a_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let cases = [("36n-good-shell-is-asked.S", 0, "$ commands"), ("36r-key-is-awaited-then-trap.S", 1, "?")];
    for (name, status, begins) in cases {
        for machine in ["embedded", "qemu"] {
            let mut case = Case::read(&folder.join(name)).expect("the case is there");
            let file = tempfile::NamedTempFile::new().unwrap();
            let path = file.path().to_str().expect("a temporary folder has a plain name");
            // Without what the first is expected to say last.
            case.flags.truncate(6);
            case.flags.extend(["--console".into(), path.into()]);
            let answer = answer(&case, machine);
            assert_eq!(answer.status, Some(status), "{name}: {}", answer.err);
            let said = fs::read_to_string(path).unwrap();
            assert!(said.starts_with(begins), "{name} on {machine}: {said:?}");
        }
    }
}

/// What the command says of a case.
fn answer(case: &Case, machine: &str) -> Answer {
    let kernel = kernel::build(case);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["check", "--on", machine, "--format", "json", "--elf"]).arg(&kernel).args(&case.flags);
    if !case.flags.iter().any(|flag| flag == "--timeout") {
        command.args(["--timeout", TIMEOUT]);
    }
    // Two tests may ask about the same case at the same time.
    let folder = tempfile::tempdir().expect("the temporary folder can be written to");
    let files: [PathBuf; 2] = ["out", "err"].map(|stream| folder.path().join(stream));
    let [out, err] = files.each_ref().map(|file| fs::File::create(file).expect("cargo's tmp folder can be written to"));
    let mut child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("the command was built");
    let begin = Instant::now();
    let status = loop {
        match child.try_wait().expect("it is our child") {
            Some(status) => break status.code(),
            None if begin.elapsed() > LIMIT => {
                child.kill().expect("it is our child");
                child.wait().expect("it is our child");
                break None;
            }
            // Its end is no event that can be awaited with a limit.
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let [out, err] = files.map(|file| String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned());
    Answer { status, out, err }
}
